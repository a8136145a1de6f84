"""The baseline: make it, and compare what is there with it."""

import contextlib
import errno
import fnmatch
import json
import os
import stat
import time

from fim import _core, host, texts
from fim.errors import FimError, UsageError
from fim.facts import difference, time_text, unpack
from fim.findings import Finding, compare, explain, is_below, relate
from fim.reach import reached

__all__ = ["ACCEPTABLE", "Check", "Scope", "absolute", "check", "examined", "initialise", "now_text",
           "roots_of"]

WAIT_MS = 200
DATABASE_FILES = ("", "-wal", "-shm", "-journal")
GROWS = {"size", "mtime", "ctime", "hash"}
EXCLUDED = "excluded names"  # SURVEY_EXCLUDED of ext/survey.h
ACCEPTABLE = ("new", "removed", "changed", "moved")
SHOWN_STATES = ACCEPTABLE + ("unreadable",)


def now_text():
    """The present as records have it."""
    return time_text(int(time.time() * 10**6) * 1000)


def absolute(path):
    """The host's own name, whose last link is not followed; bytes. UsageError: it is empty."""
    if not path:
        raise UsageError("fim: a path is empty: name . for this directory")
    path = os.path.abspath(os.fsencode(path))
    name = os.path.basename(path)
    return os.path.join(os.path.realpath(os.path.dirname(path)), name) if name else path


def roots_of(paths):
    """Absolute, with what links lead to, none within another; UsageError: no such directory."""
    roots = set()
    for path in paths:
        root = absolute(path)
        if not os.path.lexists(os.path.dirname(root)):
            raise UsageError("fim: %s: there is no such directory" % os.fsdecode(path))
        roots.add(root)
        if os.path.islink(root):
            roots.add(os.path.realpath(root))
    return sorted(root for root in roots
                  if not any(root != other and is_below(root, other) for other in roots))


class Scope:
    """What a baseline is of, and how it is made; as text in the database, under its seal."""

    PATHS = ("roots", "growing", "diff", "never", "exclude")  # bytes

    def __init__(self, roots, algorithm="sha256", growing=(), one_file_system=False,
                 created=None, machine=None, diff=(), never=(), exclude=()):
        self.roots = list(roots)
        self.algorithm = algorithm
        self.growing = list(growing)
        self.diff = list(diff)
        self.never = list(never)
        self.exclude = list(exclude)
        self.one_file_system = one_file_system
        self.created = created or now_text()
        self.machine = machine or json.loads(host.describe())

    @classmethod
    def of_text(cls, text):
        """What text() gave."""
        members = json.loads(text)
        for key in cls.PATHS:
            members[key] = [path.encode("utf-8", "surrogateescape")
                            for path in members.get(key, ())]
        return cls(**members)

    def text(self):
        """JSON, ASCII."""
        members = dict(vars(self))
        for key in self.PATHS:
            members[key] = [path.decode("utf-8", "surrogateescape") for path in members[key]]
        return json.dumps(members, sort_keys=True)

    def grows(self, path):
        """Whether what is added at the end of this file is no change."""
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self.growing)

    def survey(self, roots, quick, pace):
        """The threads that examine it, started."""
        try:
            return _core.Survey(tuple(roots), self.algorithm, len(os.sched_getaffinity(0)),
                                quick=quick, one_file_system=self.one_file_system,
                                bytes_per_second=pace, exclude=tuple(self.exclude))
        except ValueError as error:
            raise UsageError("fim: hash %s" % error)


def batches(survey, progress):
    """The lists that a survey gives, until it is over."""
    while True:
        batch = survey.next(WAIT_MS)
        if batch is None:
            return
        progress(len(batch), survey.read())
        if batch:
            yield batch


def notices_of(survey):
    """What was not looked at, in order; the walk and the examination may both have met it."""
    return sorted({notice for notice in survey.notices() if notice[2] != EXCLUDED},
                  key=lambda notice: notice[:2])


def excluded_in(survey):
    """Paths that stand for what was left out by a pattern: one in each directory of such."""
    return [path + b"/" for path, _, why in survey.notices() if why == EXCLUDED]


def no_progress(names, read):
    """Told to nobody."""


def database_files(database):
    """Our own, which change as we work."""
    path = absolute(database.path)
    return {path + os.fsencode(end) for end in DATABASE_FILES}


def with_texts(database, scope, batches_of):
    """The same batches; what is to be shown of a file once it differs is kept."""
    for batch in batches_of:
        yield batch
        for path, facts in batch if scope.diff else ():
            texts.keep(database, scope, path, facts)


def initialise(database, scope, pace=0, replace=False, progress=no_progress):
    """Approve what is there now. (seal, notices)"""
    survey = scope.survey(scope.roots, False, pace)
    try:
        with database.changing():
            if database.get("scope") is not None and not replace:
                raise UsageError("fim: %s: there is a baseline already: fim check and fim accept, "
                                 "or fim init --replace" % database.path)
            found = with_texts(database, scope, batches(survey, progress))
            seal = database.replace(scope.text(), found, database_files(database))
            database.put("content_bytes", str(survey.read()))
        return seal, notices_of(survey)
    finally:
        survey.close()


class Check:
    """What one comparison gave."""

    def __init__(self, roots, quick):
        self.number = None
        self.roots = roots
        self.quick = quick
        self.digest = None
        self.started = now_text()
        self.ended = None
        self.checked = 0
        self.appended = 0
        self.excluded = 0  # names, not counting what is below
        self.findings = []  # also those that explain others
        self.notices = []
        self.baseline = None  # when it was made

    def shown(self):
        """The findings to report."""
        return [finding for finding in self.findings if finding.state in SHOWN_STATES]

    def counts(self):
        """{state: how many}"""
        return {state: sum(finding.state == state for finding in self.findings)
                for state in SHOWN_STATES}

    def record(self):
        """The members of the `check` record."""
        members = {"id": str(self.number), "baseline_digest": self.digest,
                   "mode": "quick" if self.quick else "full", "checked": self.checked,
                   "appended": self.appended, "excluded": self.excluded, "started": self.started, "ended": self.ended}
        members.update(self.counts())
        return members


def examined(path, algorithm):
    """The facts of a path, None: there is nothing."""
    try:
        with reached(path) as near:
            return _core.examine(near, algorithm)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise FimError("fim: %s: %s" % (os.fsdecode(path), error.strerror))


def judge_growth(finding, algorithm):
    """Of a growing file: None, it only grew; or what is wrong with it."""
    before, after = unpack(finding.before), unpack(finding.after)
    if after["size"] < before["size"]:
        return "cut"
    try:
        with reached(finding.path) as near:
            prefix = _core.digest_prefix(near, before["size"], algorithm)
    except OSError:
        return "rewritten"
    return None if prefix == before.get("hash") else "rewritten"


def only_grew(finding, scope):
    """Whether it is a growing file, and grew."""
    if (finding.state != "changed" or not scope.grows(finding.path) or not finding.same_inode()
            or not stat.S_ISREG(unpack(finding.after)["type"])
            or not set(finding.changed) <= GROWS):
        return False
    finding.growth = judge_growth(finding, scope.algorithm)
    return finding.growth is None


def quick_differs(path, before, after, scope):
    """The full facts of what stat does not clear; `before` where there is nothing in it."""
    if before is not None and after is not None and not difference(before[:len(after)], after):
        return before  # the device got another number
    return examined(path, scope.algorithm) if after is not None else None


def collect(result, scope, approved, survey, progress):
    """The findings as they come."""
    def counted(names, read):
        result.checked += names
        progress(names, read)
    clear = bytes.startswith if result.quick else bytes.__eq__
    for path, before, after in compare(approved, batches(survey, counted), clear):
        if result.quick:
            after = quick_differs(path, before, after, scope)
        if before is None and after is None:
            continue
        finding = Finding(path, before, after)
        if only_grew(finding, scope):
            result.appended += 1
        elif finding.state != "changed" or finding.changed:
            result.findings.append(finding)


def mark_unreadable(result):
    """What is in a directory that could not be looked into is not removed."""
    shut = [path for path, _, _ in result.notices]
    for finding in result.findings if shut else ():
        if finding.state == "removed" and any(is_below(finding.path, path) for path in shut):
            finding.state = "unreadable"


def conclude(result, ours, excluded):
    """Relate the findings; ours are none, and explain their directory, as excluded names do."""
    mark_unreadable(result)
    own = [finding.path for finding in result.findings if finding.path in ours]
    result.findings = relate([finding for finding in result.findings
                              if finding.path not in ours])
    explain(result.findings, own + excluded)
    result.ended = now_text()


def check_roots(scope, paths):
    """Which part of the baseline to compare."""
    roots = roots_of(paths) if paths else scope.roots
    for root in roots:
        if not any(is_below(root, top) for top in scope.roots):
            raise UsageError("fim: %s: not in the baseline: fim init --replace with it"
                             % os.fsdecode(root))
    return roots


@contextlib.contextmanager
def unless_altered(database):
    """Errors, but where somebody altered what is approved, that is the error."""
    try:
        yield
    except (AttributeError, TypeError, UsageError, ValueError):
        database.sealed()
        raise


def check(database, paths=(), quick=False, pace=0, progress=no_progress):
    """Compare what is there with what is approved; what differs is kept for accept()."""
    with database.reading():
        with unless_altered(database):
            scope = Scope.of_text(database.scope())
            result = Check(check_roots(scope, paths), quick)
            survey = scope.survey(result.roots, quick, pace)
        result.baseline = scope.created
        result.digest = database.get("digest")
        try:
            approved = database.sealed_rows()
            rows = approved.rows if not paths else (
                row for row in approved.rows
                if any(is_below(row[0], root) for root in result.roots))
            collect(result, scope, rows, survey, progress)
            result.notices, result.excluded = notices_of(survey), survey.excluded()
            excluded = excluded_in(survey)
        except ValueError:
            excluded = []
            approved.exhaust()  # no facts: somebody altered them, which expect() says
        finally:
            survey.close()
        database.expect(approved.seal)
    conclude(result, database_files(database), excluded)
    for finding in result.findings if scope.diff else ():
        finding.diff = texts.difference_of(database, scope, finding)
    with database.changing():
        result.number = database.add_check([finding.row() for finding in result.findings])
        database.end_check(result.number, result.record())
    return result
