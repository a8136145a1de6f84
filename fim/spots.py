"""Chosen blind spots that the kernel itself sees to (bpf_c/spot.c): of what a policy withholds,
the operations that move no name, on paths without patterns, by actors that the kernel can tell.
What is left of it reaches the policy's process, which does not judge it.
"""

import glob
import os
import struct
import time

from fim import _core
from fim.change import OPERATIONS
from fim.facts import time_text
from fim.places import kind_at, mounts

__all__ = ["Spots", "in_kernel"]

MOST = 16
LOOK, TELL = 2.0, 60.0  # seconds
NAMES = {"create", "mkdir", "mknod", "symlink", "link", "unlink", "rmdir", "rename"}
RARE = {"open", "mount", "umount"}
KERNEL_OPS = set(OPERATIONS) - NAMES - RARE
WHO, COUNT, MASK = struct.Struct("=QII"), struct.Struct("=Q"), struct.Struct("=I")  # maps.h
KINDS = {"uid": 1, "auid": 2, "exe": 3, "cgroup": 4}
ANY = 16
CGROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
# There stat's numbers are not the kernel's.
FOREIGN = {"overlay", "btrfs"}


def paths_of(item):
    """Those of its places that are plain trees."""
    return [root for selection in item["selections"] for root in selection["roots"]
            if not glob.has_magic(root)]


def in_kernel(item):
    """The operations of a plan's `withheld` that can be left out in the kernel, sorted."""
    return sorted(KERNEL_OPS & set(item["ops"])) if paths_of(item) else []


def of_exe(path):
    """(inode, device) as the kernel has them, or None."""
    state = os.stat(path)
    if kind_at(path, list(mounts())) in FOREIGN:
        return None
    return state.st_ino, os.major(state.st_dev) << 20 | os.minor(state.st_dev)


def of_cgroup(path):
    """(inode, 0) in the unified hierarchy, or None."""
    found = [top + path for top in CGROUPS if os.path.exists(top + "/cgroup.procs")
             and os.path.isdir(top + path)]
    return (os.stat(found[0]).st_ino, 0) if found else None


def identity(field, value):
    """What the kernel compares, (value, device); None: it cannot tell now."""
    try:
        return {"exe": of_exe, "cgroup": of_cgroup}.get(field, lambda number: (number, 0))(value)
    except OSError:
        return None


class Spot:
    """One of them, which has a bit of the watched inodes' own."""

    def __init__(self, item, bit):
        self.item = item
        self.bit = bit
        self.on = True
        self.past = 0   # counted in hashes that are gone
        self.told = 0


class Spots:
    """Those of one monitor's policies: every policy has to withhold it.

    places()     [(path, bits)] for a session
    fill(maps)   another set of programs is in force
    turn(emit)   from time to time: actors that are others now, counts that are due
    """

    def __init__(self, plans):
        self.spots = [Spot(item, 1 << number) for number, item in enumerate(shared(plans)[:MOST])]
        self.maps = None
        self.actors = {}  # as they are in the kernel
        self.looked = self.told = time.monotonic()
        self.since = time.time()

    def places(self):
        """Of all of them."""
        return [(path, spot.bit) for spot in self.spots for path in paths_of(spot.item)]

    def fill(self, maps):
        """Into these maps, from now on."""
        if not self.spots:
            return
        for spot in self.spots:
            spot.past = self.count(spot)
        self.maps, self.actors = maps, {}
        for spot in self.spots:
            _core.map_put(maps["spot_counts"], MASK.pack(spot.bit), COUNT.pack(0))
        self.set_operations()
        self.set_actors()

    def wanted_operations(self):
        """{operation: the spots that leave it out, as bits}"""
        return {word: sum(spot.bit for spot in self.spots if spot.on and word in spot.item["ops"])
                for word in KERNEL_OPS}

    def set_operations(self):
        """Into the kernel."""
        for word, bits in self.wanted_operations().items():
            _core.map_put(self.maps["spot_ops"], MASK.pack(_core.OPERATIONS[word]),
                          MASK.pack(bits))

    def set_actors(self):
        """Who is meant by which; those gone first, since another may have their number."""
        wanted = self.wanted_actors()
        for key in set(self.actors) - set(wanted):
            _core.map_drop(self.maps["spot_actors"], WHO.pack(*key))
        for key, bits in wanted.items():
            if self.actors.get(key) != bits:
                _core.map_put(self.maps["spot_actors"], WHO.pack(*key), MASK.pack(bits))
        self.actors = wanted

    def wanted_actors(self):
        """{(value, device, kind): bits}"""
        wanted = {}
        for field, kind in KINDS.items():
            named = [(identity(field, spot.item["actor"][field]), spot.bit) for spot in self.spots
                     if field in spot.item["actor"]]
            others = sum(spot.bit for spot in self.spots if field not in spot.item["actor"])
            wanted[0, 0, kind | ANY] = others
            for who, bit in named:
                if who:
                    wanted[who + (kind,)] = wanted.get(who + (kind,), others) | bit
        return wanted

    def keep(self, plans):
        """What other policies do not withhold is heard of from now on; what they do newly is
        left to their process until a restart."""
        items = shared(plans)
        for spot in self.spots:
            spot.on = spot.item in items
        if self.maps:
            self.set_operations()

    def count(self, spot):
        """What it has left out."""
        value = self.maps and _core.map_get(self.maps["spot_counts"], MASK.pack(spot.bit),
                                            COUNT.size)
        return spot.past + (COUNT.unpack(value)[0] if value else 0)

    def counts(self):
        """{reason: how many records}"""
        return {spot.item["reason"]: self.count(spot) for spot in self.spots}

    def turn(self, emit, final=False):
        """Look at the actors; tell of what was left out."""
        now = time.monotonic()
        if self.spots and self.maps and now - self.looked > LOOK:
            self.looked = now
            self.set_actors()
        if self.spots and (final or now - self.told > TELL):
            self.told = now
            self.tell(emit)

    def tell(self, emit):
        """A `withheld` record of each that left something out since the last time."""
        since, self.since = self.since, time.time()
        for spot in self.spots:
            count = self.count(spot)
            if count > spot.told:
                reason = spot.item["reason"] + ", in the kernel"
                members = {"reason": reason, "count": count - spot.told,
                           "since": text_of(since), "until": text_of(self.since)}
                emit("withheld", members, "%(count)d: %(reason)s" % members)
                spot.told = count


def shared(plans):
    """The items that every one of the policies withholds, and the kernel can."""
    first = plans[0]["withheld"] if plans else []
    return [item for item in first if in_kernel(item)
            and all(item in plan["withheld"] for plan in plans)]


def text_of(seconds):
    """As records have times."""
    return time_text(int(seconds * 10**6) * 1000)
