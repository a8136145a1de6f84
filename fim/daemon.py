"""fim run: monitor, journal and heartbeats, for as long as it is not told to stop.

It never goes dark quietly: what could not be seen, and since when, is a `blind` record, and it
tries again.
"""

import collections
import contextlib
import functools
import time

from fim.coverage import complaints
from fim.due import Every
from fim.ending import start_reason, stop_reason
from fim.errors import FimError
from fim.facts import time_text
from fim.host import boot_id
from fim.judged import Judged, text_of
from fim.monitor import VERSION
from fim.output import complain
from fim.pulse import Pulse
from fim.stream import Stream
from fim.troubles import Troubles, unusable

__all__ = ["Daemon", "Dark"]

PUMP_MS = 100
STATUS_SECONDS = 5.0
START_SECONDS = 900.0  # as TimeoutStartSec in dist/fim.service
LAST_PATIENCE = 10.0  # seconds for the journal at the end
WAS_STOPPED = "fim was not running"
KEEP_RUNNING = "keep it running: systemctl enable --now fim"
# What reading a damaged file gives, or one that is too much.
UNUSABLE = (OSError, ValueError, KeyError, TypeError, MemoryError, RecursionError)

# What is not seen: since when (as records have it), why, and what would help.
Dark = collections.namedtuple("Dark", "since reason mend")


def now_text():
    """The wall clock as records have it."""
    return time_text(int(time.time() * 10**6) * 1000)


class Daemon:
    """Sees, or says that it does not.

    make     makes a Monitor that is not open yet, for the reason why it starts
    own      descriptors of where the records go
    spool    takes the records (fim/spool.py), started
    status   writes what `fim status` reads (fim/status.py)
    observed what is known of every name, for the next start (fim/observed.py)
    contents what reads files that changed (fim/content.py), started; None: nothing does
    comparison  with the baseline (fim/comparison.py)
    sinks    where records go, too (fim/sinks): take(lines) of each must not wait
    guard    the policies (fim/guard.py), or None
    """

    def __init__(self, make, own, spool, status, observed, comparison, service, stop, ready,
                 heartbeat=60, retry=60, sinks=(), contents=None, guard=None):
        self.make, self.own, self.spool = make, own, spool
        self.status, self.observed, self.comparison = status, observed, comparison
        self.service, self.stop, self.ready = service, stop, ready
        self.heartbeat, self.look = Every(heartbeat), Every(STATUS_SECONDS)
        self.retry = retry
        self.starting = 0  # until then
        self.pulse = Pulse(service, self.progress)
        self.monitor = self.judged = None
        self.sinks = sinks
        self.contents = contents
        self.unread = self.doubts = 0  # files that it could not note; what it did not see
        self.guard = guard
        self.stream = Stream(lambda lines: self.put(self.stream, lines))
        self.dark = None
        self.returns = False  # it was there before, and what changed since is not compared yet
        self.troubles = Troubles(spool, observed, self.emit)
        self.reason = None  # why it starts
        self.complained = []  # of what is not seen

    # --- life ---

    def run(self):
        """Until the stop."""
        self.look_back()
        while self.stop.reason is None:
            try:
                self.see()
            except (FimError, OSError) as error:
                self.lose_sight(str(error))
            self.wait()
        self.pulse.close()
        self.service.tell("STOPPING=1")
        self.comparison.close()
        if self.monitor is None and self.stream.seq:
            self.tell(self.guard.finish() if self.guard and self.dark else ())
            self.stream.emit("stop", {"reason": stop_reason(self.stop.reason), "version": VERSION})
        if not self.spool.close(LAST_PATIENCE):
            complain("fim: the journal could not be written to its end: %s" % self.spool.failing)
        elif self.observed.failing:
            complain("fim: what is known could not be kept: %s" % self.observed.failing)

    def look_back(self):
        """When it ended last time is when it saw last."""
        end = time.monotonic() + LAST_PATIENCE
        while self.spool.journal is None and time.monotonic() < end and not self.stop.reason:
            time.sleep(PUMP_MS / 1000)
        journal, last = self.spool.journal, None
        if journal and journal.last:
            last = journal.last
            self.reason = start_reason(journal.ended, boot_id())
        with contextlib.suppress(*UNUSABLE):
            last = last or self.observed.since()
        if last:
            self.dark = Dark(last, WAS_STOPPED, KEEP_RUNNING)
            self.returns = True

    def see(self):
        """Attach, and read until the stop; an error when that is not possible (any more)."""
        self.starting = time.monotonic() + START_SECONDS
        self.monitor = monitor = self.make(self.reason)
        self.judged = Judged(monitor, self.guard, lambda lines: self.put(monitor, lines), False)
        if self.contents:
            monitor.session.contents()  # it notes them from the first question on
        reason = "error"
        try:
            monitor.open(*self.own_files(), scanned=self.recall)
            self.open_eyes()
            while self.stop.reason is None:
                self.judged.write(monitor.pump(PUMP_MS))
                self.observed.turn(monitor.session)
                self.tell_contents(monitor.session)
                self.turn()
            reason = stop_reason(self.stop.reason)
        finally:
            put = functools.partial(self.put, monitor)
            put(monitor.close(reason, self.finish, put))
            if monitor.ready:
                self.observed.finish(monitor.session)
            self.monitor = None

    def own_files(self):
        """Where what we do is no change."""
        journal = self.spool.journal
        return self.own + ((journal.segments.directory,) if journal else ())

    def recall(self, monitor):
        """Compare what is there with what was known when we saw last."""
        if not self.dark:
            return
        until, since, failure = now_text(), None, None
        try:
            since = self.observed.recall(monitor.session, self.spool.journal,
                                         lambda: monitor.gather(0))
        except UNUSABLE as error:
            failure = error
        if since is None and self.returns:
            failure = failure or "it is not there"
        self.returns = False
        self.emit("blind", self.dark_members(until),
                  "seen again; not since %s: %s" % (self.dark.since, self.dark.reason))
        if since:  # the record before says which time is compared
            try:
                monitor.session.compare(since.clock)
            except MemoryError as error:
                failure = error
        self.tell_recalled(failure)

    def tell_recalled(self, failure):
        """What could not be read, and so was not compared."""
        if failure:
            self.emit("error", *unusable(failure))
        elif self.observed.harmed:
            self.troubles.tell("some of what was told before cannot be read, it may be told again: "
                         + "; ".join(dict.fromkeys(self.observed.harmed)))

    def open_eyes(self):
        """From here on every change is seen."""
        if self.dark:
            self.dark = None
            self.comparison.soon()
        self.reason = None
        self.complain_of(self.monitor.coverage)
        self.judged.write(self.monitor.take())
        self.heartbeat.now()
        self.look.now()
        self.ready()
        self.service.tell("READY=1", "STATUS=watching")

    def complain_of(self, coverage):
        """What this kernel does not show, as `fim watch` says it; the same again only if it is
        another."""
        lines = complaints(coverage)
        for line in lines if lines != self.complained else ():
            complain("fim: " + line)
        self.complained = lines

    def lose_sight(self, error):
        """Say why, once."""
        reason = error[len("fim: "):] if error.startswith("fim: ") else error
        since, told = (self.dark.since, self.dark.reason) if self.dark else (now_text(), None)
        mend = reason.rpartition(": ")[2] or "fim doctor"
        self.dark = Dark(since, reason, mend)
        if reason == told:
            return
        complain("fim: blind: %s" % reason)
        if not self.stream.seq:
            self.stream.emit("start", {"version": VERSION, "reason": self.reason})
        self.stream.emit("blind", self.dark_members(None))
        self.look.now()
        self.service.tell("READY=1", "STATUS=blind: " + reason)

    def dark_members(self, until):
        """Of a `blind` record."""
        return dict(self.dark._asdict(), until=until)

    def wait(self):
        """Until the next try, or the stop."""
        end = time.monotonic() + self.retry
        while self.stop.reason is None and time.monotonic() < end:
            self.turn()
            self.judge()
            time.sleep(PUMP_MS / 1000)

    # --- policies, of what is not the monitor's ---

    def judge(self, lines=b"", of=""):
        """What they say of it; while nothing is seen, of what was found."""
        if self.guard:
            self.tell(self.guard.turn(lines, of))

    def tell(self, outcomes):
        """Into the stream."""
        if self.monitor:
            self.judged.emit(outcomes)
            return
        for kind, members in outcomes:
            self.emit(kind, members, text_of(kind, members))

    def compared(self, lines):
        """Lines of the comparison, which numbers them itself."""
        self.put(self.comparison, lines)
        if lines:
            self.judge(lines, "the comparison")

    # --- contents ---

    def tell_contents(self, session):
        """What to read next, and what was read."""
        if not self.contents:
            return
        noted, doubts = session.contents(), self.monitor.doubts
        if self.monitor.blind or doubts != self.doubts:
            self.doubts = doubts
            self.contents.forget()
        if noted:
            missed = session.counts()["unread_contents"]
            self.contents.put(noted, missed - self.unread)
            self.unread = missed
        for record in self.contents.take():
            self.emit(*record)

    def finish(self, lines):
        """The last of this monitor."""
        self.finish_contents()
        self.judged.finish(lines)

    def finish_contents(self):
        """What is still being read."""
        if self.contents:
            for record in self.contents.finish():
                self.emit(*record)
        self.unread = self.doubts = 0

    # --- what is due ---

    def put(self, source, lines):
        """To the journal and the sinks; a batch there is of one source."""
        self.spool.put(source, lines)
        for sink in self.sinks:
            sink.take(lines)

    def emit(self, kind, members, message):
        """A record, in the stream of the monitor if there is one."""
        if self.monitor:
            self.monitor.emit(kind, members, message)
        else:
            self.stream.emit(kind, members)

    def turn(self):
        """Ten times a second."""
        if self.troubles.turn():
            self.heartbeat.now()  # it has the head of the segment that was ended
        for sink in self.sinks:
            sink.tell_losses(self.emit)
        self.compare()
        if self.heartbeat.due():
            self.beat()
        if self.look.due():
            self.status.note(self)
        self.pulse.turn()

    def progress(self):
        """Of a scan, a start; for the pulse, in a thread of its own."""
        monitor = self.monitor
        if monitor and not monitor.ready and time.monotonic() < self.starting:
            return time.monotonic()  # it compiles
        return monitor.session.progress() if monitor else 0

    def compare(self):
        """With the baseline. That it is ended with us is no failure."""
        failure = self.comparison.turn(self.compared)
        if failure and self.stop.reason is None:
            complain("fim: the comparison with the baseline failed: %s" % failure)
            self.emit("error", {"where": "check", "message": failure}, "check: %s" % failure)

    @property
    def blind(self):
        """Since when, why, and the mend; None while it sees."""
        return self.dark._asdict() if self.dark else self.monitor and self.monitor.blind

    def programs(self):
        """Descriptors of those that are attached."""
        attachment = self.monitor and self.monitor.attachment
        return list(attachment.programs.values()) if attachment else []

    def counts(self):
        """Of the monitor."""
        return self.monitor.counts() if self.monitor else {}

    def head(self):
        """Where the journal stands: for anchors."""
        journal = self.spool.journal
        return journal and dict(journal.head._asdict(), journal=journal.id, segment=journal.number)

    def beat(self):
        """All is well, or what is not; and the head."""
        head = self.head()
        self.emit("heartbeat", {"counts": self.counts(), "head": head, "waiting": self.spool.waiting},
                  "link %s of the journal" % (head["link"] if head else "-"))
