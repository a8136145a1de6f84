"""The extension: the hot path in C. Types and documentation live here."""

from typing import Dict, List, Optional, Sequence, Tuple

EVENT_ABI: int
"""Version of the wire format (bpf_c/event.h) that this extension reads."""

EVENT_SIZE: int
"""Bytes of struct fim_event, before its texts."""

OPERATIONS: Dict[str, int]
"""The contract's word for each operation that the kernel side sends, to its number."""


def decode(record: bytes) -> bytes:
    """The JSON of one raw record, with nothing looked up. ValueError: malformed or foreign."""


ATTRIBUTES: Tuple[Tuple[str, str, str, str], ...]
"""What the baseline keeps of an inode: (word, letter, form, compared), as ext/facts.h has it."""

FACTS_HEAD: int
"""How many of ATTRIBUTES are numbers at the head of packed facts."""


def examine(path: bytes, algorithm: str) -> bytes:
    """The packed facts of one name, no link followed. OSError; ValueError: no such algorithm."""


def map_get(map: int, key: bytes, size: int) -> Optional[bytes]:
    """The value of a key of a BPF map, None where there is none."""

def map_put(map: int, key: bytes, value: bytes) -> None:
    """The key has this value now."""

def map_drop(map: int, key: bytes) -> None:
    """The key is not there any more."""

def digest_prefix(path: bytes, size: int, algorithm: str) -> bytes:
    """The digest of a file's first `size` bytes. OSError; ValueError: no such algorithm."""


def row_text(rows: List[Tuple[bytes, bytes]]) -> bytes:
    """What a seal is over: of each (path, facts) b"%d %d " with their lengths, and the two."""


class Survey:
    """The facts of whole trees, examined by threads, in the byte order of the paths."""

    def __init__(self, roots: Tuple[bytes, ...], algorithm: str, workers: int,
                 quick: bool = False, one_file_system: bool = False,
                 bytes_per_second: int = 0, exclude: Tuple[bytes, ...] = ()) -> None:
        """Starts. `exclude`: shell patterns, as Session.exclude() takes them. `quick`: only what stat says, the head of the facts. ValueError: OpenSSL
        does not have the algorithm, or does not allow it."""

    def next(self, timeout_ms: int) -> Optional[List[Tuple[bytes, bytes]]]:
        """The next (path, facts) pairs; [] when there are none yet, None when it is over."""

    def read(self) -> int:
        """How many bytes of content were read so far."""

    def excluded(self) -> int:
        """How many names were left out by a pattern, not counting what is below; once it is over."""

    def notices(self) -> List[Tuple[bytes, int, Optional[str]]]:
        """What was not looked at: (path, errno, why not); EXCLUDED of a directory from which
        names were left out. RuntimeError before it is over."""

    def close(self) -> None:
        """End the threads."""


class Session:
    """One monitor: rings in, lines out. Used by one thread at a time (RuntimeError else).

    Errors of the system are OSError with what they were about as file name.
    """

    def __init__(self, stream: str, boot_id: str, host: str, labels: str, seed: bytes,
                 text: bool = False, utc: bool = False, one_file_system: bool = False,
                 find_links: bool = False, arguments: int = 0) -> None:
        """`host` and `labels` are JSON objects; `seed` is 16 random bytes. Of processes'
        `arguments`, 0: secrets redacted, 1: all, 2: none."""

    def tap(self, maps: Tuple[int, int, int, int, int, int, int, int], pages: int, entries: int,
            learn_functions: Sequence[Optional[str]], learn_program: int) -> None:
        """Read from one more set of attached programs. `maps` are the descriptors of
        watched, sequence, counters, settings, learned, events, wanted and absent; they stay
        the caller's."""

    def switch(self) -> None:
        """The second set takes over; detach the first before the next pump()."""

    def scan_begin(self) -> None:
        """Scans may run: the kernel tells this thread its own names of what it stats."""

    def scan_end(self) -> None:
        """The scan is over."""

    def hold(self, flag: bool) -> None:
        """While true, records are read and wait for their names."""

    def watch(self, path: bytes) -> None:
        """Watch a tree, a file, or a name that is not there yet; absolute, no link at its
        end is followed. OSError(ENOSPC): the hash is full."""

    def roots(self) -> bytes:
        """What was given to watch(), by the paths it has now, each with a NUL behind."""

    def exclude(self, pattern: bytes) -> None:
        """Names that match this shell pattern are not wanted: the last name of a path, or
        the whole path when the pattern has a slash."""

    def own(self, descriptor: int) -> None:
        """What this process does to the file `descriptor`, or in the directory that it is and at
        any depth below, is withheld, said once, and counted as `self`. To be called within a
        scan. OSError(EMFILE): these are too many."""

    def find_links(self) -> None:
        """Search the rest of their file systems for the names that are not known of files
        scanned since the session was made with `find_links`."""

    def find_older(self, tell: bool = True) -> None:
        """Look at the descriptors and mappings of all processes, once everything is scanned:
        the close of those that can write to what is watched is told even if nothing else is.
        Without `tell` there is no `found` record of it: the monitor is older, its hash is new."""

    def count_names(self, path: bytes, limit: int) -> int:
        """How many names the tree at `path` has that watch() would enter, counted without
        stat, at most about `limit`."""

    def watch_nothing(self) -> None:
        """Empty the hash: the programs stay attached and have nothing to say."""

    def watch_canary(self, path: bytes) -> None:
        """Watch the canary's scratch directory; its records never become lines."""

    def pump(self, timeout_ms: int, final: bool = False) -> bytes:
        """Wait, read the rings, render: the lines that are ready. `final`: all there is."""

    def spot(self, path: bytes, bits: int) -> None:
        """What is scanned at or below `path` from now on lies in these chosen blind spots."""

    def emit(self, kind: str, members: str, message: str) -> None:
        """Render a record of another kind: `members` is JSON without braces, `message` is
        for people."""

    def reconcile(self, since_ns: int) -> None:
        """The record emitted last says that nothing was seen since `since_ns` of
        CLOCK_MONOTONIC (`blind`, a gap of one's own). Everything watched is compared with what
        is known of it, a slice with each pump(): `reconcile` records, then `gap_closed`, whose
        `gap` is the number of that record."""

    def keys(self, count: int) -> Tuple[int, bool]:
        """Look for the next `count` inodes in the kernel's hash: how many of those that were not
        there at the last call somebody has taken out, and whether the last inode was among
        the next ones. To be called a second or more apart."""

    def observed(self, cursor: int) -> Tuple[int, bytes]:
        """What is known of every name, in parts, for earlier() of a later session: start with
        0, go on with the cursor returned, until that is 0."""

    def earlier(self, parts: bytes) -> None:
        """What an earlier session knew: its parts, in any number of calls. OSError(EINVAL): cut,
        or of another build."""

    def told(self, path: bytes, mode: int = 0, uid: int = 0, gid: int = 0, size: int = 0,
             nlink: int = 0, mtime_ns: int = 0, ctime_ns: int = 0) -> None:
        """What that session said of a name last, after its parts were kept; `mode`, with the type
        in it, 0: the name is gone. After earlier()."""

    def forget_earlier(self) -> None:
        """Let go of what earlier() and told() were given: it is not to be compared."""

    def compare(self, since_ns: int) -> None:
        """The record emitted last says that nobody watched since `since_ns` of CLOCK_MONOTONIC
        (0: before this boot). While the scan's records are still held, compare what the scan
        saw with earlier(): `reconcile` records, then `gap_closed`."""

    def counts(self) -> Dict[str, int]:
        """Every counter by name; `kernel_*` are kept by the programs."""

    def canary(self) -> bytes:
        """The records of the canary since the last call, as lines of JSON with nothing
        looked up."""

    def limit(self, join: bool, rate: int) -> None:
        """With `join`, further modifications and closes of one inode by one process within
        400 ms of the first are one record, the last of them, with `repeats`, `first` and `last`.
        More than `rate` (0: no limit) records a second of one process are not told but counted in
        `withheld`. Before the first record."""

    def contents(self) -> bytes:
        """After which records since the last call, the first of which asks for them, a file's
        content may be another: the number of the record in eight bytes, the inode that the
        path has now and the one that it had before in sixteen each (zeroes: none), the path, a
        NUL. At most a MiB waits; more is counted as `unread_contents`."""

    def tried(self) -> int:
        """Bits (by OPERATIONS) of the canary's failed attempts seen since the last call."""

    def progress(self) -> int:
        """A number that grows while a scan or a search gets on: the one method that another
        thread may call meanwhile."""

    def unread(self) -> int:
        """How many directories are watched and not read yet: moved in, and moved on."""

    def wants_room(self) -> bool:
        """Whether the hash is, or soon will be, full."""
