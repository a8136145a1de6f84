# SPDX-License-Identifier: GPL-2.0-only
"""`/` itself as a root, with the monitor's own output below it."""
import os
import time

import pytest

from watcher import ROOT, Watcher
from workload import make

QUIET_SECONDS = 5

# In a mount namespace of its own, what is large and not needed to run is covered: the
# machine's root is this one's, over a slow wire. $0 is the checkout, which stays; its
# name in /proc must not be resolved, since by then it is the covered one's.
COVER = """
mount --make-rprivate / || exit 1
cd "$0" && exec 9<.
for d in /* /usr/share /usr/include /usr/lib/*; do
    case $d in
    /usr | /bin | /sbin | /lib* | /etc | /dev | /proc | /sys | /run | /tmp | /mnt) continue ;;
    /usr/lib/python* | /usr/lib/*-linux-gnu | /usr/lib/llvm* | /usr/lib/modules) continue ;;
    esac
    if [ -d "$d" ] && [ ! -L "$d" ]; then mount -t tmpfs tmpfs "$d" || exit 1; fi
done
mkdir -p "$0" && mount --no-canonicalize --bind /proc/self/fd/9 "$0" && cd "$0" && exec 9<&- && exec "$@"
"""


class SlashWatcher(Watcher):
    prefix = ("unshare", "--mount", "sh", "-c", COVER, ROOT)


@pytest.fixture(scope="module")
def slash(scratch):
    with SlashWatcher(scratch / "slash", ["/"]) as watcher:
        yield watcher.wait_ready()


def test_a_watch_of_everything(slash, base):
    """Ready, and no stream of its own: what it writes is withheld and said once."""
    started = slash.settle()
    time.sleep(QUIET_SECONDS)
    records = slash.settle()
    assert len(records) < 50, records[:50]
    own = [record for record in started + records if record.get("path") == slash.output]
    assert [(record["kind"], record["reason"]) for record in own] == [
        ("withheld", "the monitor's own output")]
    said = {record["path"]: record["reason"] for record in started if record["kind"] == "withheld"}
    assert said["/proc"] == said["/sys"] == "not entered: a pseudo file system"


def test_what_others_do_is_told(slash, base):
    """Below a mount, on the root itself, and beside the output."""
    slash.settle()
    paths = [os.path.join(next(iter(base.values())), "outside", "slash"), "/etc/fim-slash",
             slash.output + ".copy"]
    for path in paths:
        make(path)
    for path in paths:
        os.unlink(path)
    told = {(record["op"], record["path"]) for record in slash.events()}
    assert {(op, path) for path in paths for op in ("create", "modify", "close", "unlink")} <= told
