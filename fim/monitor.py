"""The monitor: attaches, scans, proves, then turns the rings into records."""

import errno
import json
import os
import time
import uuid

from fim import _core, attempts, bpf, hooks, host
from fim.errors import FimError, KernelError, UsageError
from fim.facts import name_text
from fim.growth import Growth, room
from fim.kernel import Kernel
from fim.own import Own
from fim.records import Record
from fim.roots import roots
from fim.sight import Sight
from fim.spots import Spots
from fim.version import VERSION
from fim.vigil import INTERVAL

__all__ = ["ARGUMENTS", "Monitor", "RING_PAGES"]

RING_PAGES = 256      # per CPU: 1 MiB, about 1,300 records
MIN_ENTRIES = 65536   # of the hash of watched inodes: about 7 MB of kernel memory
MAX_ENTRIES = 1 << 24
GROWTH = 4
PUMP_MS = 100
SETTLE_TURNS, SETTLE_MS = 100, 20  # at most so often, so long each
ARGUMENTS = ("redacted", "all", "none")
MAP_ORDER = ("watched", "sequence", "counters", "settings", "learned", "events", "wanted",
             "absent")


class Monitor:
    """Watches paths; a context manager, and an iterator of `Record`.

    paths            trees, files, or names that do not exist yet
    timeout          seconds without a record after which iteration ends (None: never)
    ring_pages       pages of the ring of each CPU, a power of two
    map_entries      room for watched inodes (None: half as much again as is there, or more); it grows by itself
    one_file_system  enter no mount below a path
    find_links       search the rest of their file systems for other names of watched files
    attempts         tell failed attempts, too: `result` "failure" and its `errno`
    exclude          shell patterns of names not wanted, of paths where they have a slash
    arguments        of processes: "redacted" (what looks like a secret), "all" or "none"
    labels           {name: value} for every record
    spots            what the kernel leaves out of it (fim.spots.Spots), or None
    attachment       programs of an earlier fim.bpf.attach(), which stay attached when the
                     monitor closes; one monitor at a time may use them
    text, utc        lines for people instead of JSON: for pump()
    without          kernel functions not to be attached to: the next candidate serves
    prove_on         types of file systems for the canary beside those watched
    canary_seconds   between its rounds after the start (None: no rounds)
    reason           why it starts, for its `start` record

    Raises UsageError for a path that cannot be watched, KernelError where this
    kernel cannot serve.
    """

    table = hooks.HOOKS

    def __init__(self, *paths, timeout=None, ring_pages=RING_PAGES, map_entries=None,
                 one_file_system=False, find_links=False, exclude=(), labels=None, text=False,
                 utc=False, kernel=None, attachment=None, without=(), prove_on=(),
                 canary_seconds=INTERVAL, attempts=False, arguments="redacted", spots=None,
                 reason=None):
        if ring_pages < 1 or ring_pages & (ring_pages - 1):
            raise UsageError("fim: ring pages %d: must be a power of two, such as %d"
                             % (ring_pages, RING_PAGES))
        if map_entries is not None and not 1 <= map_entries <= MAX_ENTRIES:
            raise UsageError("fim: map entries %d: must be 1 to %d" % (map_entries, MAX_ENTRIES))
        self.roots = roots(paths)
        self.missing = [path for path in self.roots if not os.path.lexists(path)]
        self.timeout = timeout
        self.ring_pages = ring_pages
        self.map_entries = map_entries
        self.kernel = kernel
        self.attempts = attempts
        self.attachment = attachment
        self.owned = attachment is None
        self.without = set(without)
        self.prove_on = set(prove_on)
        self.one_file_system = one_file_system
        self.canary_seconds = canary_seconds
        self.reason = reason
        self.sight = None
        self.growth = None
        self.ready = False
        self.closed = False
        self.lines = []
        self.own = Own(())
        self.session = _core.Session(
            stream=uuid.uuid4().hex, boot_id=host.boot_id(), host=host.describe(),
            labels=json.dumps(labels or {}), seed=os.urandom(16), text=text, utc=utc,
            one_file_system=one_file_system, find_links=find_links,
            arguments=ARGUMENTS.index(arguments))
        self.find_links = find_links
        self.excluded = []
        self.exclude(exclude)
        self.spots = spots or Spots([])
        for path, bits in self.spots.places():
            self.session.spot(os.fsencode(path), bits)

    def exclude(self, patterns):
        """Names that are not wanted."""
        for pattern in patterns:
            if pattern not in self.excluded:
                self.session.exclude(os.fsencode(pattern))
                self.excluded.append(pattern)

    # --- start ---

    def open(self, *own, scanned=None):
        """Attach, scan, prove. When it returns, every change is seen.

        `own` are descriptors of files that the records go to, or of directories of such:
        what we do there is counted, and no change to tell. `scanned` is called with this when
        everything is scanned, and before what came meanwhile is applied.
        """
        self.kernel = self.kernel or Kernel.of_this_host()
        bpf.check(self.kernel)
        paths = [name_text(os.fsencode(path)) for path in self.roots]
        self.emit("start", {"version": VERSION, "reason": self.reason, "paths": paths},
                  "fim %s watching %s" % (VERSION, " ".join(paths)))
        try:
            self.own = Own(own)
            if self.owned:
                self.attachment = self.load(self.map_entries or self.entries())
            self.tap(self.attachment)
            self.prove()
            self.prove_attempts()
            self.session.hold(True)
            self.scan()
            self.find()
            if scanned:
                scanned(self)
            self.sight.tell(self.attachment, self.emit)
            self.sight.begin(self.give_way)
        except BaseException:
            self.abandon()
            raise
        self.session.hold(False)
        self.settle()
        self.ready = True
        return self

    def expect_open(self):
        """UsageError: open() was not called."""
        if self.sight is None:
            raise UsageError("fim: the monitor is not open: open() it, or use it in a with statement")

    def settle(self):
        """Apply what came during the scan: it may have brought directories to read."""
        for turn in range(SETTLE_TURNS):
            self.gather(SETTLE_MS)
            if turn and not self.session.unread():
                return

    def entries(self):
        """Room for one and a half to three times what is there now."""
        there = sum(self.session.count_names(os.fsencode(path), MAX_ENTRIES) for path in self.roots)
        return min(max(MIN_ENTRIES, room(there)), MAX_ENTRIES)

    def load(self, entries):
        """One set of attached programs."""
        return bpf.attach(self.kernel, entries, self.without, self.table, self.attempts)

    def prove(self):
        """Let the canary sing; a hook that stays silent gives way to its next candidate."""
        self.sight = Sight.of_roots(self.session, self.roots, self.one_file_system, self.prove_on,
                                    self.canary_seconds)
        while True:
            rows = self.sight.prove(self.attachment, self.gather)
            silent = hooks.give_way(self.kernel, rows, self.without, self.table)
            if not silent or not self.owned:
                return
            self.without |= silent
            self.replace(self.load(self.attachment.entries))

    def prove_attempts(self):
        """What is told of failed attempts, where somebody asked for them."""
        if self.attachment.attempts is not None:
            seen = attempts.prove(self.session, self.gather)
            self.sight.attempted = attempts.coverage(self.attachment, seen)

    def tap(self, attachment):
        """Have the session read from it."""
        learn = attachment.learn
        try:
            self.session.tap(tuple(attachment.maps[name] for name in MAP_ORDER), self.ring_pages,
                             attachment.entries, ([hook.function for hook in learn] + [None] * 2)[:2],
                             attachment.programs[learn[0].program] if learn else -1)
        except OSError as error:
            raise KernelError("fim: perf rings of %d pages: %s: try a smaller --ring-pages"
                              % (self.ring_pages, error.strerror))
        self.spots.fill(attachment.maps)

    def scan(self):
        """Put everything in the hash, in a larger one if it must be."""
        full = not self.scanned()
        while full or self.growth:
            self.grow()
            self.gather(PUMP_MS)
            full = self.session.wants_room()

    def paths(self):
        """What to scan; what was renamed since it was first seen has another path."""
        if self.ready:
            return list(dict.fromkeys(self.session.roots().split(b"\0")[:-1]))
        return [os.fsencode(path) for path in self.roots]

    def find(self):
        """What is open for writing since before the hooks were there, and other names."""
        try:
            self.session.find_older()
            if self.find_links:
                self.session.find_links()
        except OSError as error:
            raise FimError("fim: looking at %s: %s" % (os.fsdecode(error.filename),
                                                       error.strerror))

    def fill(self):
        """Put everything in a larger hash; what is open by then, it has not seen opened."""
        if self.scanned():
            self.session.find_older(False)

    def scanned(self):
        """One try; False when the hash has no room."""
        self.session.scan_begin()
        try:
            self.own.tell(self.session)
            self.sight.watch()
            for path in self.paths():
                self.session.watch(path)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                return False
            raise FimError("fim: %s: %s" % (os.fsdecode(error.filename or b"scan"),
                                            error.strerror))
        finally:
            self.session.scan_end()
        return not self.session.wants_room()

    @property
    def coverage(self):
        """{operation: {file system type: {"state", "hook", "why"}}}"""
        return self.sight.rows if self.sight else {}

    def extend(self, paths, exclude=()):
        """Watch these, too, while everything else goes on; nothing that is watched is let go."""
        self.expect_open()
        self.exclude(exclude)
        added = [path for path in roots(paths) if path not in self.roots]
        if not added:
            return
        self.roots += added
        self.session.hold(True)
        try:
            self.session.scan_begin()
            for path in added:
                self.session.watch(os.fsencode(path))
        except OSError as error:
            if error.errno != errno.ENOSPC:  # a larger hash is made ready then: grow()
                raise FimError("fim: %s: %s" % (os.fsdecode(error.filename or b"scan"),
                                                error.strerror))
        finally:
            self.session.scan_end()
            self.session.hold(False)

    @property
    def blind(self):
        """What is the reason, and since when, while nothing is seen; else None."""
        return self.sight.blind if self.sight else None

    @property
    def doubts(self):
        """How often something was not seen, and is over: holes in the records, blindness, keys
        that somebody took out."""
        return self.session.counts()["gaps"] + (self.sight.doubts if self.sight else 0)

    # --- another set of programs: a larger hash, other hooks ---

    def enlarge(self):
        """Begin to make a larger hash ready."""
        entries = min(self.attachment.entries * GROWTH, MAX_ENTRIES)
        if entries == self.attachment.entries:
            raise KernelError("fim: more than %d inodes to watch: watch fewer" % MAX_ENTRIES)
        self.growth = self.begin_growth(entries)

    def begin_growth(self, entries, needed=True):
        """A Growth; None: no thread more can be had now, it is tried again."""
        try:
            return Growth(self.load, entries, needed)
        except RuntimeError:
            return None

    def grow(self):
        """A step, without waiting: begin, or take over what is ready."""
        if self.growth and self.growth.done():
            growth, self.growth = self.growth, None
            self.follow(growth)
        elif not self.growth and self.session.wants_room():
            self.enlarge()

    def follow(self, growth):
        """What is ready serves; hooks that could not be replaced stay, and are told of as silent."""
        successor = growth.result()
        if successor is None:
            message = "no other hooks could be attached: %s" % growth.error
            self.emit("error", {"where": "hooks", "message": message}, message)
            return
        self.take_over(successor)
        self.sight.hurry()

    def give_way(self, silent):
        """Whether a set is made ready without the hooks that may be why these operations fell
        silent, as when it starts."""
        if self.growth or not self.owned:
            return self.growth is not None
        rows = hooks.give_way(self.kernel, hooks.doubtful(self.attachment.hooks, silent),
                              self.without, self.table) - self.without
        if rows:
            self.without |= rows
            self.growth = self.begin_growth(self.attachment.entries, needed=False)
        if not self.growth:
            self.without -= rows
        return self.growth is not None

    def take_over(self, successor):
        """Fill the larger hash, then let go of the smaller one."""
        self.session.hold(True)
        try:
            self.replace(successor, self.fill)
        finally:
            self.session.hold(not self.ready)

    def replace(self, successor, fill=lambda: None):
        """Another set of programs serves from now on."""
        try:
            self.tap(successor)
            fill()
            self.session.switch()
        except BaseException:
            successor.close()
            raise
        old, self.attachment, self.owned = self.attachment, successor, True
        old.detach()
        self.gather(0)
        old.close()

    # --- records ---

    def emit(self, kind, members, message):
        """A record of our own."""
        safe = message.encode("utf-8", "backslashreplace").decode("utf-8")
        self.session.emit(kind, json.dumps(members)[1:-1], safe)

    def gather(self, timeout_ms):
        """Read the rings; keep the lines for the next pump()."""
        self.expect_open()
        try:
            self.lines.append(self.session.pump(timeout_ms))
        except OSError as error:
            raise FimError("fim: reading the perf rings: %s" % error.strerror)

    def pump(self, timeout_ms=PUMP_MS):
        """Wait at most `timeout_ms`; what is ready, as bytes of whole lines."""
        self.gather(timeout_ms)
        self.sight.keep(self.attachment, self.emit)
        self.spots.turn(self.emit)
        self.grow()
        return self.take()

    def take(self):
        """The lines kept so far."""
        lines, self.lines = b"".join(self.lines), []
        return lines

    def close(self, reason="closed", judge=None, put=None):
        """Detach, then return what the kernel still held and the stop record; `judge` is given
        the former before the latter. `put` is given all of it instead, before anything is removed
        from a disk, which may let one wait."""
        if self.closed:
            return b""
        self.closed = True
        if self.attachment:
            self.silence()
            self.lines.append(self.session.pump(0, True))
            if judge:
                judge(b"".join(self.lines))
            self.spots.turn(self.emit, final=True)
            self.emit("stop", {"reason": reason, "version": VERSION,
                               "counts": self.session.counts()}, "stopped: %s" % reason)
            self.lines.append(self.session.pump(0, True))
            try:
                if put:
                    put(self.take())
            finally:
                self.release()
        return self.take()

    def silence(self):
        """Nothing more can come: the hooks are gone, or have nothing to watch."""
        if self.owned:
            self.attachment.detach()
        else:
            self.session.watch_nothing()
            self.gather(100)  # what was on its way

    def release(self):
        """Give the kernel back what is ours, and the disks last: they may let one wait."""
        if self.growth:
            self.growth.abandon()
        if self.owned:
            self.attachment.close()
        self.own.close()
        if self.sight:
            self.sight.close()

    def abandon(self):
        """Give the kernel everything back after a failed start."""
        self.closed = True
        if self.attachment:
            self.release()
        self.own.close()

    def counts(self):
        """Every counter of the session and the kernel side by name."""
        return self.session.counts()

    def __enter__(self):
        return self if self.ready else self.open()

    def __exit__(self, *unused):
        self.close()

    def __iter__(self):
        with self:
            quiet = time.monotonic()
            while self.timeout is None or time.monotonic() - quiet < self.timeout:
                for line in self.pump().splitlines():
                    yield Record.of_line(line)
                    quiet = time.monotonic()
