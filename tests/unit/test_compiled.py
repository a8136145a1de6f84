"""What keeps compiled programs: it gives back what was kept, to nobody else, for nothing else."""

import json
import os
import struct
import types
import zlib

import pytest

from fim import compiled, program_cache
from fim.kernel import Kernel

BCC = types.SimpleNamespace(__version__="0.26.0")
MAPS = [["watched", 1, 16, 16, 1000, 0], ["counters", 6, 4, 64, 1, 0]]


def wide_load(number, source=compiled.PSEUDO_MAP_FD):
    """The two halves of a 64-bit load."""
    return (struct.pack("<BBhi", compiled.LOAD_IMM64, source << 4 | 1, 0, number)
            + struct.pack("<BBhi", 0, 0, 0, 0))


CODE = wide_load(1) + wide_load(7, source=0) + struct.pack("<BBhi", 0x95, 0, 0, 0)


def kept(tmp_path, bcc=BCC, **changes):
    """Written, spoiled by `changes`, read again."""
    fresh = types.SimpleNamespace(maps=lambda: MAPS, programs=lambda: {"fim_x": CODE},
                                  version=lambda: 0x060100)
    path = str(tmp_path / "file")
    compiled.keep(path, BCC, fresh)
    with open(path, "r+b") as file:
        whole = dict(json.loads(zlib.decompress(file.read()).decode()), **changes)
        file.seek(0)
        file.truncate()
        file.write(zlib.compress(json.dumps(whole).encode()))
    return compiled.kept(path, bcc)


def test_what_was_kept(tmp_path):
    file = kept(tmp_path)
    assert (file["maps"], file["version"]) == (MAPS, 0x060100)
    assert os.stat(str(tmp_path / "file")).st_mode & 0o777 == 0o600


def test_not_for_another_bcc_or_form(tmp_path):
    assert kept(tmp_path, types.SimpleNamespace(__version__="0.18.0")) is None
    assert kept(tmp_path, form=compiled.FORM + 1) is None


@pytest.mark.parametrize("spoil", [
    lambda path: path.write_bytes(b"what is this"),
    lambda path: path.write_bytes(zlib.compress(b"{")),
    lambda path: path.write_bytes(path.read_bytes()[:100]),
    lambda path: path.chmod(0o620),
    lambda path: path.unlink(),
    lambda path: (path.rename(str(path) + "2"), path.symlink_to(str(path) + "2")),
])
def test_not_when_spoiled(tmp_path, spoil):
    assert kept(tmp_path)
    spoil(tmp_path / "file")
    assert compiled.kept(str(tmp_path / "file"), BCC) is None


def test_only_the_newest_stay(tmp_path):
    for number in range(compiled.KEPT_FILES + 3):
        path = tmp_path / ("%064x" % number)
        path.write_text("")
        os.utime(str(path), (number, number))
    (tmp_path / "another").mkdir()
    compiled.drop_old(str(tmp_path))
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"%064x" % number for number in range(3, 7)} | {"another"}


def test_numbers_of_maps_and_of_nothing_else():
    assert compiled.renumbered(CODE, {1: 40}) == wide_load(40) + CODE[16:]


# --- where ------------------------------------------------------------------------


def host(tmp_path, **facts):
    (tmp_path / "include").mkdir(exist_ok=True)
    return Kernel(**dict(dict(release="5.5", symbols=(), headers=(), header_path=str(tmp_path),
                              kprobe_pmu=True), **facts))


def test_another_name_for_whatever_is_compiled_in(tmp_path):
    one = program_cache.digest(host(tmp_path), "text", ["-DX"])
    assert one == program_cache.digest(host(tmp_path), "text", ["-DX"])
    others = [program_cache.digest(host(tmp_path), "texts", ["-DX"]),
              program_cache.digest(host(tmp_path), "text", ["-DY"]),
              program_cache.digest(host(tmp_path, release="5.6"), "text", ["-DX"])]
    (tmp_path / "include" / "generated").mkdir()
    (tmp_path / "include" / "generated" / "autoconf.h").write_text("#define CONFIG_X 1\n")
    others.append(program_cache.digest(host(tmp_path), "text", ["-DX"]))
    assert len(set(others + [one])) == 5


def test_a_place_of_ours_alone(tmp_path):
    assert program_cache.private(str(tmp_path / "fim" / "programs"))
    assert (tmp_path / "fim").stat().st_mode & 0o777 == 0o700
    (tmp_path / "fim").chmod(0o777)
    assert not program_cache.private(str(tmp_path / "fim" / "programs"))


def test_a_link_is_no_place(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "fim").symlink_to(tmp_path / "elsewhere")
    assert not program_cache.private(str(tmp_path / "fim" / "programs"))
    assert not program_cache.private("/proc/fim/programs")
