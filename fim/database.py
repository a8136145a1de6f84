"""The state file: what is approved, what checks found, what was accepted. SQLite, one file."""

import contextlib
import hashlib
import json
import os
import sqlite3
import stat
import struct
import zlib

from fim import _core
from fim.errors import FimError
from fim.private import is_ours, make as make_private

__all__ = ["Approved", "Database", "Seal", "open_database"]

APPLICATION = 0x66696d31  # "fim1", in the header of the file
MAGIC = b"SQLite format 3\0"
HEADER = struct.Struct(">60xI4xI28x")  # user_version, application_id
BUSY_SECONDS = 10
KEPT_CHECKS = 100
BATCH = 1024
# A baseline is written and read from one end to the other: few large pages are a quarter of the
# system calls. What is written stays in memory until then, if it is not more than this.
PAGE_BYTES = 16384
CACHE_KIB = 8192

# The statements of each version, from the one before; such that RHEL 7's 3.7.17 knows.
MIGRATIONS = (
    ("CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)",
     "CREATE TABLE approved (path BLOB PRIMARY KEY NOT NULL, facts BLOB NOT NULL)",
     "CREATE TABLE checks (id INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL)",
     "CREATE TABLE findings (check_id INTEGER NOT NULL REFERENCES checks, path BLOB NOT NULL, "
     "state TEXT NOT NULL, old_path BLOB, before BLOB, after BLOB, "
     "PRIMARY KEY (check_id, path))",
     "CREATE TABLE accepts (id INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL)",
     "PRAGMA application_id = %d" % APPLICATION),
    ("CREATE TABLE texts (path BLOB PRIMARY KEY NOT NULL, content BLOB NOT NULL)",),
)


class Seal:
    """The digest over what is approved: the scope, then every path with its facts, in order."""

    def __init__(self, scope):
        self.hash = hashlib.sha256(b"fim baseline 1\n" + scope.encode("utf-8") + b"\n")
        self.count = 0

    def add(self, rows):
        """A list of them. The lengths are in it, so that no two lists of rows look alike."""
        self.hash.update(_core.row_text(rows))
        self.count += len(rows)

    def rows(self, cursor):
        """What a cursor gives, each row added."""
        for rows in iter(lambda: cursor.fetchmany(BATCH), []):
            self.add(rows)
            yield from rows

    def hexdigest(self):
        """The digest so far."""
        return self.hash.hexdigest()


class SealedRows:
    """Rows, and the seal over those that were read."""

    def __init__(self, seal, rows):
        self.seal = seal
        self.rows = rows

    def exhaust(self):
        """Read what is left."""
        for _ in self.rows:
            pass


def create(path):
    """An empty file for nobody else's eyes, where nobody else can put one."""
    directory = os.path.dirname(path) or "."
    make_private(directory)
    if not is_ours(os.stat(directory)):
        raise FimError("fim: %s: others can write there: chown and chmod 0700 it" % directory)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def header_version(path):
    """The schema version from the file itself, before SQLite writes to anything."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise FimError("fim: %s: not a regular file: move it away" % path)
    with open(path, "rb") as file:
        header = file.read(HEADER.size)
    if not header:
        return 0
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        raise FimError("fim: %s: no database of fim: move it away" % path)
    version, application = HEADER.unpack(header)
    if application != APPLICATION:
        raise FimError("fim: %s: a database of another program: name another --state" % path)
    return version


def open_database(state, make=False):
    """The database in the directory `state`: whole, of this schema, or FimError."""
    path = os.path.join(state, "fim.db")
    try:
        if make:
            create(path)
        version = header_version(path)
    except FileNotFoundError:
        raise FimError("fim: %s: there is no baseline yet: fim init PATH..." % path)
    except OSError as error:
        raise FimError("fim: %s: %s" % (path, error.strerror))
    if version > len(MIGRATIONS):
        raise FimError("fim: %s: written by a newer fim (schema %d, this one knows %d): "
                       "left as it is" % (path, version, len(MIGRATIONS)))
    return Database(path)


@contextlib.contextmanager
def told(path):
    """SQLite's errors in words."""
    try:
        yield
    except sqlite3.OperationalError as error:
        why = "in use by another fim: try again" if "locked" in str(error) else str(error)
        raise FimError("fim: %s: %s" % (path, why))
    except sqlite3.DatabaseError as error:
        raise FimError("fim: %s: damaged (%s): restore it, or move it away and fim init"
                       % (path, error))


class Database:
    """An open state file. Paths and facts are bytes."""

    def __init__(self, path):
        self.path = path
        with told(path):
            self.connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            self.execute = self.connection.execute
            self.execute("PRAGMA page_size = %d" % PAGE_BYTES)  # of a new file
            self.execute("PRAGMA cache_size = -%d" % CACHE_KIB)
            self.migrate()
            self.verify()

    def version(self):
        """Of the schema it has."""
        return self.execute("PRAGMA user_version").fetchone()[0]

    def migrate(self):
        """From the schema it has to this one's, all or nothing."""
        if self.version() < len(MIGRATIONS):
            with self.changing():
                for steps in MIGRATIONS[self.version():]:
                    for step in steps:
                        self.execute(step)
                self.execute("PRAGMA user_version = %d" % len(MIGRATIONS))
        self.execute("PRAGMA journal_mode = WAL").fetchone()
        self.execute("PRAGMA synchronous = FULL")

    def verify(self):
        """Whether SQLite finds the file whole."""
        said = self.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise sqlite3.DatabaseError(said)

    @contextlib.contextmanager
    def changing(self):
        """One transaction, of which all or nothing is there afterwards."""
        with told(self.path):
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                self.connection.rollback()
                raise

    @contextlib.contextmanager
    def reading(self):
        """One state of it, whatever others write meanwhile."""
        with told(self.path):
            self.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.rollback()

    def get(self, key):
        """A value of meta, None where there is none."""
        row = self.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def put(self, key, value):
        """Set it."""
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def scope(self):
        """What the baseline is of, or FimError."""
        scope = self.get("scope")
        if scope is None:
            raise FimError("fim: %s: there is no baseline yet: fim init PATH..." % self.path)
        if not isinstance(scope, str):
            raise self.altered()
        return scope

    def altered(self):
        """The error that says so."""
        return FimError("fim: %s: the approved side was altered, and not by fim: restore it, "
                        "or fim init --replace" % self.path)

    def approved(self):
        """(path, facts) in the byte order of the paths."""
        return self.execute("SELECT CAST(path AS BLOB), CAST(facts AS BLOB) FROM approved "
                            "ORDER BY path")

    def sealed_rows(self):
        """The same, with the seal that is whole once they were all read."""
        seal = Seal(self.scope())
        return SealedRows(seal, seal.rows(self.approved()))

    def expect(self, seal):
        """FimError, if what was read is not what was sealed."""
        if seal.hexdigest() != self.get("digest"):
            raise self.altered()

    def seal(self):
        """Put the digest of what is approved now in; returns it."""
        sealed = self.sealed_rows()
        sealed.exhaust()
        self.put("digest", sealed.seal.hexdigest())
        return sealed.seal

    def sealed(self):
        """FimError, if the approved side was altered."""
        sealed = self.sealed_rows()
        sealed.exhaust()
        self.expect(sealed.seal)

    def replace(self, scope, batches, excluded=()):
        """A new approved side: everything that `batches` give, in order. The seal."""
        self.execute("DELETE FROM approved")
        self.execute("DELETE FROM texts")
        self.put("scope", scope)
        seal = Seal(scope)
        for batch in batches:
            rows = [row for row in batch if row[0] not in excluded]
            seal.add(rows)
            self.connection.executemany("INSERT INTO approved VALUES (?, ?)", rows)
        self.put("digest", seal.hexdigest())
        return seal

    def count(self):
        """How many paths are approved."""
        return self.execute("SELECT count(*) FROM approved").fetchone()[0]

    def totals(self):
        """(names, bytes of content) when it was made, for showing progress."""
        with told(self.path):
            try:
                return self.count(), int(self.get("content_bytes") or 0)
            except ValueError:
                raise self.altered()

    def approve(self, path, facts):
        """The approved facts of one path; None: it is not there."""
        self.execute("DELETE FROM approved WHERE path = ?", (path,))
        if facts is not None:
            self.execute("INSERT INTO approved VALUES (?, ?)", (path, facts))

    def facts(self, path):
        """The approved facts of one path, or None."""
        row = self.execute("SELECT facts FROM approved WHERE path = ?", (path,)).fetchone()
        return row[0] if row else None

    def keep(self, path, content):
        """What the approved file says; None: it is not kept."""
        self.execute("DELETE FROM texts WHERE path = ?", (path,))
        if content is not None:
            self.execute("INSERT INTO texts VALUES (?, ?)", (path, zlib.compress(content)))

    def kept(self, path):
        """What keep() was given, or None. Nothing seals it: its hash is sealed."""
        row = self.execute("SELECT content FROM texts WHERE path = ?", (path,)).fetchone()
        try:
            return zlib.decompress(row[0]) if row else None
        except (zlib.error, TypeError):
            return None

    def add_check(self, findings):
        """A check with (path, state, old_path, before, after) rows; its number."""
        number = self.execute("INSERT INTO checks (record) VALUES ('{}')").lastrowid
        self.connection.executemany("INSERT INTO findings VALUES (%d, ?, ?, ?, ?, ?)" % number,
                                    findings)
        for table, key in (("findings", "check_id"), ("checks", "id")):
            self.execute("DELETE FROM %s WHERE %s <= ?" % (table, key), (number - KEPT_CHECKS,))
        return number

    def end_check(self, number, record):
        """What the check's record says."""
        self.execute("UPDATE checks SET record = ? WHERE id = ?", (json.dumps(record), number))

    def check(self, number):
        """The record of a check, or None."""
        row = self.execute("SELECT record FROM checks WHERE id = ?", (number,)).fetchone()
        return json.loads(row[0]) if row else None

    def findings(self, number):
        """(path, state, old_path, before, after) of a check, in order."""
        return self.execute("SELECT path, state, old_path, before, after FROM findings "
                            "WHERE check_id = ? ORDER BY path", (number,)).fetchall()

    def add_accept(self, record):
        """That something was accepted, by whom and why."""
        self.execute("INSERT INTO accepts (record) VALUES (?)", (json.dumps(record),))

    def checks(self):
        """Of every check that came to its end, the record, oldest first."""
        rows = self.execute("SELECT record FROM checks WHERE record != '{}' ORDER BY id")
        return [json.loads(row[0]) for row in rows]

    def accepts(self):
        """Everything that was accepted, oldest first."""
        rows = self.execute("SELECT record FROM accepts ORDER BY id")
        return [json.loads(row[0]) for row in rows]

    def close(self):
        """Done with it."""
        self.connection.close()


class Approved:
    """What is approved of single paths, for who reads beside others and makes no database. A
    row is believed as it is: only the whole has a seal."""

    def __init__(self, state):
        self.path = os.path.join(state, "fim.db")
        self.connection = None

    def of(self, path):
        """The packed facts, None where there are none, or where they cannot be read now."""
        try:
            if self.connection is None and os.path.exists(self.path):
                self.connection = sqlite3.connect(self.path, timeout=1, check_same_thread=False)
                self.connection.execute("PRAGMA query_only = 1")
            row = self.connection and self.connection.execute(
                "SELECT CAST(facts AS BLOB) FROM approved WHERE path = ?", (path,)).fetchone()
        except sqlite3.Error:
            return None
        return row[0] if row else None
