# SPDX-License-Identifier: GPL-2.0-only
"""A monitor that is not open: it says so."""
import pytest

import fim
from fim import _core
from fim.errors import UsageError
from fim.growth import room


@pytest.mark.parametrize("act", ("pump", "extend"))
def test_nothing_is_read_before_it_is_open(act, tmp_path):
    monitor = fim.Monitor(str(tmp_path))
    with pytest.raises(UsageError, match="not open"):
        monitor.pump() if act == "pump" else monitor.extend([str(tmp_path / "more")])
    assert monitor.close() == b""


@pytest.mark.parametrize("act", ("pump", "scan_begin", "scan_end", "find_older", "find_links"))
def test_a_session_without_rings(act):
    made = _core.Session(stream="a stream", boot_id="b", host="{}", labels="{}", seed=b"s" * 16)
    with pytest.raises((ValueError, OSError), match="Invalid argument"):
        getattr(made, act)(*([0] if act == "pump" else []))


@pytest.mark.parametrize("path", ("", b""))
def test_an_empty_path(path):
    with pytest.raises(UsageError, match="empty"):
        fim.Monitor(path)


@pytest.mark.parametrize("there", (0, 1, 2, 43690, 43691, 87381, 1000000, 11184810))
def test_room_in_the_hash(there):
    """Half as much again, by all of the buckets that the kernel makes for it."""
    slots = room(there)
    assert slots >= 1.5 * there and slots & slots - 1 == 0 and (slots <= 3 * there or there < 2)
