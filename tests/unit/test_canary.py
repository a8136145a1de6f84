"""The canary and its vigil, without a kernel: what a song takes for heard, and what silence means."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from core_build import ROOT
from fim import coverage, hooks, places, program_cache, vigil
from fim import song as song_module
from fim.acts import ACTS, FURNITURE, furnish
from fim.canary import Canary
from fim.sight import Sight
from fim.song import Song
from fim.vigil import Vigil
from test_layers import interpreters


class Place:
    """A scratch directory that is nobody else's."""

    def __init__(self, path):
        self.path, self.name = str(path), "scratch"

    def clear(self, keep):
        pass


def record(operation, **members):
    path = members.pop("path", "a")
    return dict({"op": operation, "path": "/run/fim/scratch/" + path}, **members)


@pytest.fixture
def song():
    made = Song(Place("/run/fim/scratch"))
    for act in ACTS:
        made.wanted.update(act.expected)
    return made


def test_every_operation_is_sung():
    assert {name for act in ACTS for name in act.expected} == set(hooks.OPERATIONS)


def test_a_right_record_is_heard(song):
    song.hear(record("chmod", file={"mode": "0640"}))
    assert song.heard == {"chmod"} and song.wrong == {}


def test_a_wrong_record_is_not(song):
    song.hear(record("chmod", file={"mode": "0600"}))
    assert "chmod" in song.silent()
    assert song.wrong == {"chmod": "its record says file.mode 0600 for 0640"}
    song.hear(record("chmod", file={"mode": "0640"}))
    assert song.wrong == {} and "chmod" in song.heard


def test_other_records_are_other_songs(song):
    song.hear({"op": "unlink", "path": "/run/fim/scratch2/c"})
    song.hear({"op": "unlink", "path": None})
    song.hear(record("unlink", path="s"))  # clearing away
    assert song.heard == set() and song.wrong == {}


def test_both_names_of_a_rename_count(song):
    song.hear(record("rename", path="c", old_path="/run/fim/scratch/x"))
    assert "rename" in song.wrong
    song.hear(record("rename", path="c", old_path="/fim/scratch/b"))
    assert "rename" in song.heard


def test_acts_leave_nothing(tmp_path, monkeypatch):
    """Really done, but for what needs root."""
    monkeypatch.setattr(places, "HOMES", (str(tmp_path),))
    scratch = places.Scratch(places.home())
    furnish(scratch.path)
    for _ in range(2):
        made = Song(scratch)
        made.sing(without={"mount"})
        assert {"create", "rename", "unlink", "mmap"} <= set(made.wanted)
        assert sorted(os.listdir(scratch.path)) == sorted(FURNITURE)
    scratch.close()
    assert not os.path.exists(scratch.path)


def test_home_is_nobody_elses_whoever_makes_it_first(tmp_path, monkeypatch):
    """Nothing in the unit does: what systemd makes for it goes with each stop."""
    old = os.umask(0)
    try:
        monkeypatch.setattr(places, "HOMES", (str(tmp_path / "one"),))
        (tmp_path / "one").mkdir()
        places.Scratch(places.home()).close()
        (tmp_path / "two").mkdir()
        assert program_cache.private(str(tmp_path / "two" / "fim" / "programs"))
    finally:
        os.umask(old)
    for made in ("one/fim", "two/fim", "two/fim/programs"):
        assert os.stat(str(tmp_path / made)).st_mode & 0o777 == 0o700


def test_left_overs_are_removed_and_the_living_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "HOMES", (str(tmp_path),))
    living = places.Scratch(places.home())
    dead = os.path.join(places.home(), places.PREFIX + "dead")
    os.makedirs(dead + "/d")
    mine = os.path.join(places.home(), "mine")
    os.makedirs(mine)
    another = places.Scratch(places.home())
    there = set(os.listdir(places.home()))
    assert there == {living.name, another.name, "mine"}
    living.close()
    another.close()


def test_left_over_of_somebody_else_is_kept(tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("needs root to give a file away")
    monkeypatch.setattr(places, "HOMES", (str(tmp_path),))
    theirs = os.path.join(places.home(), places.PREFIX + "trap")
    os.makedirs(theirs)
    os.chown(theirs, 12345, 12345)
    os.symlink("/etc", os.path.join(places.home(), places.PREFIX + "link"))
    places.Scratch(places.home()).close()
    assert set(os.listdir(places.home())) == {places.PREFIX + "trap", places.PREFIX + "link"}


TABLE = [places.Mount(*row) for row in (
    ("/", "ext4", True), ("/proc", "proc", True), ("/run", "tmpfs", True),
    ("/srv", "xfs", True), ("/mnt/ro", "btrfs", False))]


@pytest.mark.parametrize("path,kind", [
    ("/", "ext4"), ("/etc", "ext4"), ("/run/nosuch/deep", "tmpfs"), ("/srv", "xfs"),
    ("/srvx", "ext4")])
def test_kind_of_a_path(path, kind):
    assert places.kind_at(path, TABLE) == kind


def test_last_mount_on_a_point_counts():
    assert places.kind_at("/srv", TABLE + [places.Mount("/srv", "ext4", True)]) == "ext4"


def test_types_watched(monkeypatch):
    monkeypatch.setattr(places, "local_types", lambda: {"ext4", "xfs", "btrfs", "tmpfs"})
    assert places.watched_types(["/etc"], TABLE) == {"ext4"}
    assert places.watched_types(["/"], TABLE) == {"ext4", "tmpfs", "xfs", "btrfs"}
    assert places.watched_types(["/"], TABLE, below=False) == {"ext4"}


def test_place_is_outside_of_what_is_watched(monkeypatch):
    monkeypatch.setattr(places, "USUAL", ())
    monkeypatch.setattr(places, "is_safe", lambda path: True)
    assert places.place("xfs", ["/etc"], TABLE) == "/srv"
    assert places.place("xfs", ["/srv/x"], TABLE) == "/srv"
    assert places.place("xfs", ["/srv"], TABLE) is None
    assert places.place("xfs", ["/"], TABLE) is None
    assert places.place("btrfs", [], TABLE) is None  # read-only


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A directory in which a file system of type `ext9` is said to be mounted; the only place."""
    if os.geteuid() != 0:
        pytest.skip("needs root to give a directory away")
    (tmp_path / "disk").mkdir(mode=0o755)
    monkeypatch.setattr(places, "USUAL", ())
    return tmp_path / "disk"


def chosen(disk):
    return places.place("ext9", [], [places.Mount("/", "ext4", True),
                                     places.Mount(str(disk), "ext9", True)])


def test_a_place_is_one_where_only_root_moves_files(disk):
    assert chosen(disk) == str(disk)
    for mode, found in ((0o775, None), (0o757, None), (0o1777, str(disk)), (0o755, str(disk))):
        disk.chmod(mode)
        assert chosen(disk) == found
    os.chown(str(disk), 12345, -1)
    disk.chmod(0o1755)                        # who owns it moves all that is in it
    assert chosen(disk) is None


def test_nor_can_a_directory_above_it_be_moved(disk):
    os.chown(str(disk.parent), 12345, -1)
    assert chosen(disk) is None
    os.chown(str(disk.parent), 0, -1)
    disk.parent.chmod(0o777)
    assert chosen(disk) is None


def test_where_there_is_none_coverage_says_why(disk, monkeypatch):
    monkeypatch.setattr(places, "mounts", lambda: [places.Mount("/", "tmpfs", True),
                                                   places.Mount(str(disk), "ext9", True)])
    monkeypatch.setattr(places, "HOMES", (str(disk.parent),))
    os.chown(str(disk), 12345, -1)
    canary = Canary(None, ["/etc"], ["ext9"])
    canary.furnish()
    canary.close()
    assert coverage.judged("chmod", "ext9", canary) == (
        coverage.ASSUMED, "no writable place on ext9 outside of what is watched in which only root "
        "moves files")


def test_spaces_in_mount_points(tmp_path):
    (tmp_path / "mountinfo").write_text(
        "36 35 98:0 / /mnt/a\\040b rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
        "37 35 98:1 / /mnt/c rw - ext3 /dev/root ro\n"
        "38 35 0:9 / /mnt/d rw - tmpfs  rw\n")   # mount -t tmpfs "" /mnt/d
    assert list(places.mounts(str(tmp_path / "mountinfo"))) == [
        places.Mount("/mnt/a b", "ext3", True), places.Mount("/mnt/c", "ext3", False),
        places.Mount("/mnt/d", "tmpfs", True)]


@pytest.mark.parametrize("python", [sys.executable] + [path for _, path in interpreters()])
def test_a_mount_point_in_any_locale(tmp_path, python):
    """Python 3.6 has ASCII alone where LC_ALL is C, as a service may have it."""
    point = tmp_path / "m\u00fcll"
    point.mkdir()
    (tmp_path / "mountinfo").write_text("1 1 8:2 / %s rw - ext4 /dev/b rw\n" % point,
                                        encoding="utf-8")
    code = ("import os, sys; from fim import places; (mount,) = places.mounts(sys.argv[1]); "
            "assert os.path.isdir(mount.point) and os.fsencode(mount.point).endswith(b'm\\xc3\\xbcll')")
    environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([python, "-X", "utf8=0", "-c", code, str(tmp_path / "mountinfo")], cwd=ROOT,
                   env=environment, check=True)


# --- the vigil ---


class Bird:
    """A canary whose songs are heard as the test wants.

    deaf    operations that are not heard at home; elsewhere {type: those of it}
    others  types that it goes to in turn; `moved` are those where it was told to try again
    """

    kind = "tmpfs"

    def __init__(self, others=()):
        self.absent = {"tmpfs": "no place for the canary in /run/fim: No space left on device"}
        self.deaf, self.place, self.elsewhere = set(), Place("/run/fim/scratch"), {}
        self.others, self.moved, self.hanging, self.slow = list(others), [], None, 0

    def sing(self):
        kinds = [self.kind] if self.place else []
        if self.others:
            self.others.append(self.others.pop(0))
            kinds.append(self.others[-1])
        songs = {kind: Song(Place("/" + kind)) for kind in kinds}
        for kind, song in songs.items():
            song.wanted = {"chmod": {}, "unlink": {}}
            song.done = None if kind == self.hanging else vigil.time.monotonic() + self.slow
        return songs

    def late(self):
        return self.hanging

    def move(self, kind):
        self.moved.append(kind)

    def again(self, kind):
        self.others.remove(kind)
        self.others.insert(0, kind)

    def hear(self, songs):
        for song in songs:
            deaf = self.elsewhere.get(song.scratch.path[1:], self.deaf)
            song.heard |= set(song.wanted) - deaf


@pytest.fixture
def clock(monkeypatch):
    """Moves by the second."""
    class Clock:
        now = 1000.0
    monkeypatch.setattr(vigil.time, "monotonic", lambda: Clock.now)
    monkeypatch.setattr(vigil.time, "time", lambda: Clock.now)
    return Clock


def watch(keeper, clock, seconds):
    told = []
    for _ in range(seconds):
        clock.now += 1
        told += keeper.turn()
    return told


@pytest.fixture
def keeper(clock):
    keeper = Vigil(Bird(), {"tmpfs": {"chmod", "unlink"}}, lambda: keeper.count)
    keeper.count = 0
    return keeper


def test_nothing_is_said_while_all_is_heard(keeper, clock):
    assert watch(keeper, clock, 100) == [] and keeper.silent == {}


def test_silence_is_blindness_from_the_last_song_on(keeper, clock):
    watch(keeper, clock, 12)                  # sung at 1010, heard
    keeper.canary.deaf = {"chmod", "unlink"}
    told = watch(keeper, clock, 40)           # told once
    (kind, members, message), = told
    assert kind == "blind" and members["until"] is None
    assert members["since"] == vigil.moment(1010) and "chmod, unlink" in members["reason"]
    assert message.startswith("BLIND since ") and members["mend"] in message
    keeper.canary.deaf = set()
    (kind, after, message), = watch(keeper, clock, 20)
    assert after["since"] == members["since"] and after["until"] is not None
    assert watch(keeper, clock, 40) == []


def test_one_deaf_operation_is_named(keeper, clock):
    keeper.canary.deaf = {"unlink"}
    (_, members, _), = watch(keeper, clock, 15)
    assert members["reason"].endswith("not seen: unlink")
    keeper.canary.deaf = {"unlink", "chmod"}
    told = watch(keeper, clock, 15)
    assert [members["until"] is None for _, members, _ in told] == [False, True]


def test_what_may_have_been_lost_is_not_silent(keeper, clock):
    keeper.canary.deaf = {"unlink"}
    told = []
    for _ in range(50):
        keeper.count += 1
        told += watch(keeper, clock, 1)
    assert told == []
    assert [kind for kind, _, _ in watch(keeper, clock, 15)] == ["blind"]


def test_what_was_never_heard_is_not_missed(clock):
    keeper = Vigil(Bird(), {"tmpfs": {"chmod"}}, lambda: 0)
    keeper.canary.deaf = {"unlink"}
    assert watch(keeper, clock, 50) == []


def test_what_home_refuses_is_missed_with_the_others(clock):
    """setflags is heard on ext4, and tmpfs has none: with the hooks switched off it is not seen."""
    sight = Sight(None, (), (), None)
    sight.canary.kind = "tmpfs"
    for kind, wanted, heard in (("tmpfs", {"chmod", "mknod"}, {"chmod"}),
                                ("ext4", {"chmod", "mknod", "setflags"}, {"mknod", "setflags"})):
        song = sight.canary.songs[kind] = Song(Place("/run/fim/" + kind))
        song.wanted, song.heard = dict.fromkeys(wanted, {}), set(heard)
    assert sight.heard() == {"chmod", "setflags"}  # mknod was silent at home from the first
    del sight.canary.songs["tmpfs"]
    assert sight.heard() == {"mknod", "setflags"}


def test_a_canary_without_a_place_is_told_once(keeper, clock):
    keeper.canary.place = None
    (kind, members, _), = watch(keeper, clock, 50)
    assert (kind, members["where"]) == ("error", "canary") and "No space" in members["message"]
    keeper.canary.place = Place("/run/fim/scratch")
    assert watch(keeper, clock, 20) == []
    keeper.canary.place = None
    assert len(watch(keeper, clock, 20)) == 1


# --- on the other types, one a round ---


@pytest.fixture
def traveller(clock):
    every = {"chmod", "unlink"}
    keeper = Vigil(Bird(["ext4", "xfs"]), {"tmpfs": every, "ext4": every, "xfs": {"chmod"}},
                   lambda: keeper.count)
    keeper.count = 0
    return keeper


def test_every_type_has_its_turn(traveller, clock):
    watch(traveller, clock, 45)
    assert {kind: at for kind, (_, at) in traveller.heard.items()} == {
        "tmpfs": 1040, "ext4": 1030, "xfs": 1040}
    assert traveller.silent == {} and traveller.canary.moved == []


def test_silence_elsewhere_is_blindness_there(traveller, clock):
    """Tried twice, the second time in a place that is new; since when it was heard there."""
    watch(traveller, clock, 25)               # ext4 at 1010, xfs at 1020
    traveller.canary.elsewhere = {"ext4": {"unlink"}}
    told = watch(traveller, clock, 40)        # at 1030 and 1040
    (_, members, _), = told
    assert traveller.canary.moved == ["ext4"]
    assert members["reason"] == "hooks are silent: not seen on ext4: unlink"
    assert members["since"] == vigil.moment(1010) and traveller.silent == {"ext4": {"unlink"}}
    traveller.canary.elsewhere = {}
    (_, after, _), = watch(traveller, clock, 40)
    assert after["since"] == members["since"] and after["until"] is not None
    assert traveller.silent == {}


def test_a_place_that_was_away_is_not_blindness(traveller, clock):
    traveller.canary.elsewhere = {"ext4": {"unlink"}}
    assert watch(traveller, clock, 12) == []
    traveller.canary.elsewhere = {}
    assert watch(traveller, clock, 60) == [] and traveller.canary.moved == ["ext4"]


def test_what_was_never_heard_there_is_not_missed_there(traveller, clock):
    traveller.canary.elsewhere = {"xfs": {"unlink"}}
    assert watch(traveller, clock, 60) == []


def test_silence_at_home_is_enough(traveller, clock):
    """Told once, for every type."""
    watch(traveller, clock, 25)
    traveller.canary.deaf = {"chmod", "unlink"}
    (_, members, _), = watch(traveller, clock, 60)
    assert members["reason"] == "hooks are silent: not seen: chmod, unlink"
    assert traveller.canary.moved == []
    traveller.canary.deaf = set()
    assert [bool(members["until"]) for _, members, _ in watch(traveller, clock, 60)] == [True]


def test_a_disk_that_hangs_is_told_and_no_silence(traveller, clock):
    traveller.canary.elsewhere, traveller.canary.hanging = {"ext4": {"unlink"}}, "ext4"
    (kind, members, _), = watch(traveller, clock, 60)
    assert kind == "error" and "ext4" in members["message"]
    assert traveller.silent == {}


# --- other hooks, before it is blindness ---


class Hooks:
    """What the monitor has: so many candidates more, each a round in the making."""

    def __init__(self, keeper, more):
        self.keeper, self.more, self.asked, self.making = keeper, more, [], False
        keeper.give_way = self.give_way

    def give_way(self, operations):
        self.asked.append(operations)
        if not self.making:
            self.making, self.more = self.more > 0, self.more - 1
        return self.making

    def serve(self):
        self.making = False
        self.keeper.hurry()


def test_other_hooks_serve_before_it_is_blindness(keeper, clock):
    """What was missed meanwhile has a beginning and an end, and one record."""
    watch(keeper, clock, 12)                  # heard at 1010
    keeper.canary.deaf, others = {"unlink"}, Hooks(keeper, 1)
    assert watch(keeper, clock, 20) == [] and keeper.told is None
    assert others.asked == [{"unlink"}, {"unlink"}]
    keeper.canary.deaf = set()
    others.serve()
    (kind, members, _), = watch(keeper, clock, 3)
    assert kind == "blind" and members["since"] == vigil.moment(1010)
    assert members["until"] == vigil.moment(1033) and keeper.dark_from == 1010
    assert watch(keeper, clock, 40) == [] and keeper.silent == {}


def test_the_last_hook_that_stays_silent_is_blindness(keeper, clock):
    watch(keeper, clock, 12)
    keeper.canary.deaf, others = {"unlink"}, Hooks(keeper, 2)
    watch(keeper, clock, 12)
    others.serve()                            # the second is no better
    assert watch(keeper, clock, 3) == []
    others.serve()
    (_, members, _), = watch(keeper, clock, 3)
    assert members["until"] is None and members["since"] == vigil.moment(1010)
    assert watch(keeper, clock, 40) == []


def test_what_was_sung_to_those_before_says_nothing(keeper, clock):
    watch(keeper, clock, 12)
    keeper.canary.deaf, others = {"unlink"}, Hooks(keeper, 1)
    watch(keeper, clock, 9)                   # judged at 1021, and asked for
    clock.now += 9
    assert keeper.turn() == [] and keeper.songs
    keeper.canary.deaf = set()
    others.serve()
    assert not keeper.songs
    assert [bool(members["until"]) for _, members, _ in watch(keeper, clock, 3)] == [True]


def test_where_nothing_is_heard_the_hooks_are_not_at_fault(keeper, clock):
    keeper.canary.deaf, others = {"unlink", "chmod"}, Hooks(keeper, 9)
    assert [kind for kind, _, _ in watch(keeper, clock, 15)] == ["blind"] and others.asked == []


def test_elsewhere_it_is_listened_to_until_it_is_heard(traveller, clock):
    watch(traveller, clock, 25)
    traveller.canary.elsewhere, others = {"ext4": {"unlink"}}, Hooks(traveller, 1)
    assert watch(traveller, clock, 40) == [] and traveller.pending
    traveller.canary.elsewhere = {}
    others.serve()
    (_, members, _), = watch(traveller, clock, 3)
    assert members["until"] and "on ext4" in members["reason"]


def test_what_ended_just_now_may_not_be_read_yet(keeper, clock):
    keeper.canary.deaf, keeper.canary.slow = {"unlink"}, 0.9
    assert watch(keeper, clock, 40) == []
    keeper.canary.slow = 0.4
    assert [kind for kind, _, _ in watch(keeper, clock, 15)] == ["blind"]


def test_a_full_disk_is_refused_and_no_crash(travelling, monkeypatch):
    """mmap of a file that stayed empty is a ValueError."""
    def full(path):
        raise OSError(28, "No space left on device")
    acts = [act._replace(perform=full) if act.operation in ("modify", "truncate") else act
            for act in song_module.ACTS]
    monkeypatch.setattr(song_module, "ACTS", acts)
    os.truncate(travelling.others["elsewhere"].path + "/a", 0)
    songs = ended(travelling.sing())
    assert songs["elsewhere"].refused["mmap"] and "chmod" in songs["elsewhere"].wanted


def test_a_hash_without_room_is_no_place(travelling, monkeypatch):
    def no_room(path):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(travelling.session, "watch_canary", no_room)
    shutil.rmtree(travelling.others["elsewhere"].path)
    assert set(ended(travelling.sing())) == {travelling.kind}
    assert "No space" in travelling.absent["elsewhere"]


def test_what_does_not_stand_is_not_put_in_a_larger_hash(travelling):
    """Whose disk was unmounted, for one."""
    shutil.rmtree(travelling.others["elsewhere"].path)
    del travelling.session.watched[:]
    travelling.insert_all()
    assert {os.path.dirname(path) for path in travelling.session.watched} == {travelling.home.path}


def test_coverage_of_what_is_silent():
    """At home: anywhere; elsewhere: there."""
    class Attached:
        hooks, failed = list(hooks.HOOKS), {}
    canary = Canary(None)
    canary.kind, canary.songs = "tmpfs", {kind: Song(None) for kind in ("tmpfs", "ext4", "xfs")}
    for sung in canary.songs.values():
        sung.wanted, sung.heard = dict.fromkeys(hooks.OPERATIONS, {}), set(hooks.OPERATIONS)
    cells = coverage.coverage(Attached, canary, sorted(canary.songs),
                              {"tmpfs": {"chmod"}, "ext4": {"unlink"}})
    dark = {(operation, kind) for operation, row in cells.items() for kind, cell in row.items()
            if cell["state"] == "not_seen"}
    assert dark == {("chmod", "tmpfs"), ("chmod", "ext4"), ("chmod", "xfs"), ("unlink", "ext4")}


@pytest.fixture
def travelling(tmp_path, monkeypatch):
    """A canary that has a home and one place elsewhere, and no kernel."""
    class Session:
        watched = []

        def scan_begin(self):
            pass
        scan_end = scan_begin

        def watch_canary(self, path):
            self.watched.append(os.fsdecode(path))

        def canary(self):
            return b""
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(places, "HOMES", (str(tmp_path),))
    monkeypatch.setattr(places, "place", lambda *unused: str(tmp_path / "disk"))
    canary = Canary(Session(), ["/etc"], ["elsewhere"], rounds=True)
    canary.prove(lambda seconds: None, patience=0)
    yield canary
    canary.close()
    assert os.listdir(str(tmp_path / "disk")) == []


def ended(songs):
    """Wait for the thread's."""
    end = time.monotonic() + 20
    while any(song.done is None for song in songs.values()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return songs


def test_rounds_go_elsewhere_and_leave_no_descriptor(travelling):
    songs = ended(travelling.sing())
    assert set(songs) == {travelling.kind, "elsewhere"}
    place = travelling.others["elsewhere"]
    assert "rename" in songs["elsewhere"].wanted and place.descriptor is None
    assert sorted(os.listdir(place.path)) == sorted(FURNITURE)
    assert travelling.late() is None


def test_no_thread_can_be_had(travelling, monkeypatch):
    """As where the limit of processes is reached: it is that type's turn again, later."""
    travelling.others["third"] = None

    def refuse(thread):
        raise RuntimeError("can't start new thread")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert set(travelling.sing()) == {travelling.kind} and travelling.late() is None
    assert set(ended(travelling.sing())) == {travelling.kind, "elsewhere"}


def test_a_place_that_was_removed_is_made_anew(travelling):
    first = travelling.others["elsewhere"]
    shutil.rmtree(first.path)
    ended(travelling.sing())
    second = travelling.others["elsewhere"]
    assert second.path != first.path and second.path + "/a" in travelling.session.watched
    travelling.move("elsewhere")
    assert travelling.others["elsewhere"].path != second.path


def test_a_disk_that_was_away_comes_back_without_scratch(travelling, tmp_path, monkeypatch):
    """Unmounted in one round, mounted again in another, three nights long."""
    if os.geteuid() != 0:
        pytest.skip("needs root: what it removes is root's")
    disk, away = tmp_path / "disk", tmp_path / "away"
    monkeypatch.setattr(places, "place", lambda *unused: str(disk) if disk.is_dir() else None)
    for _ in range(3):
        before = travelling.others["elsewhere"]
        disk.rename(away)
        ended(travelling.sing())
        assert before.path in travelling.left
        away.rename(disk)
        ended(travelling.sing())
        assert os.listdir(str(disk)) == [travelling.others["elsewhere"].name]
    assert not travelling.left
    disk.rename(away)
    ended(travelling.sing())
    away.rename(disk)                         # and the monitor ends before the next round


def test_what_is_no_scratch_of_ours_is_left(travelling, tmp_path):
    """It has the name, and lies where others move things; or it is a link."""
    if os.geteuid() != 0:
        pytest.skip("needs root to give a directory away")
    theirs = tmp_path / "theirs"
    for path in (theirs / (places.PREFIX + "x"), tmp_path / (places.PREFIX + "y")):
        path.mkdir(parents=True)
        travelling.left.append(str(path))
    os.chown(str(theirs), 12345, -1)
    os.symlink(str(theirs), str(tmp_path / (places.PREFIX + "link")))
    travelling.left.append(str(tmp_path / (places.PREFIX + "link")))
    travelling.clear_away()
    assert (theirs / (places.PREFIX + "x")).is_dir() and len(travelling.left) == 2
    assert not (tmp_path / (places.PREFIX + "y")).exists()


def test_the_end_does_not_wait_for_a_frozen_disk(travelling, monkeypatch):
    """What can be removed is."""
    frozen, thawed, home = travelling.others["elsewhere"], threading.Event(), travelling.home
    close, ended_there = frozen.close, threading.Event()

    def stuck():
        thawed.wait()
        close()
        ended_there.set()
    monkeypatch.setattr(frozen, "close", stuck)
    begun = time.monotonic()
    try:
        travelling.close(patience=0.2)
        assert time.monotonic() - begun < 10
        assert os.path.exists(frozen.path) and not os.path.exists(home.path)
    finally:
        thawed.set()
    assert ended_there.wait(20)


def test_somebody_elses_start_keeps_it_and_after_a_crash_it_goes(travelling):
    branch, home = travelling.others["elsewhere"], travelling.home
    places.sweep(os.path.dirname(branch.path))
    assert os.path.isdir(branch.path)
    os.close(home.descriptor)                 # as when the process is gone
    home.descriptor = None
    places.sweep(os.path.dirname(branch.path))
    assert not os.path.exists(branch.path)


def test_hears_only_json_of_its_own(tmp_path):
    class Session:
        def canary(self):
            return json.dumps(record("mkdir", path="d", file={"type": "directory"})).encode() + b"\n"
    made = Song(Place(tmp_path))
    made.wanted = {"mkdir": {"path": "d", "file.type": "directory"}}
    Canary(Session()).hear([made])
    assert made.heard == {"mkdir"}
