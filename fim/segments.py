"""The files of a journal: DIR/00000001.jsonl and so on, old ones compressed to .jsonl.gz.

Everything is done within one open directory, so that nobody turns it into another in between;
no symbolic link is followed.
"""

import contextlib
import gzip
import os
import re
import stat

from fim.errors import FimError
from fim.private import is_ours, make as make_private

__all__ = ["Segments"]

PLAIN, PACKED, PARTIAL = "%08d.jsonl", "%08d.jsonl.gz", "%08d.jsonl.gz.new"
NAME = re.compile(r"(\d{8})\.jsonl(\.gz)?")
BLOCK = 1 << 20
SAFE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # nor waited for what a FIFO says


class Segments:
    """One directory of segments; `make` it if it is not there."""

    def __init__(self, path, make=False):
        self.path = path
        if make:
            make_private(path)
        self.directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | SAFE)
        if make:
            self.check_owner()

    def check_owner(self):
        """Nobody else can put files here."""
        if not is_ours(os.fstat(self.directory)):
            self.close()
            raise FimError("fim: %s: others can write there: chown and chmod 0700 it" % self.path)

    def close(self):
        """Let the directory go."""
        os.close(self.directory)

    def reopen(self):
        """The directory that has the path now, by the same number: others have that, too."""
        other = Segments(self.path, make=True)
        try:
            os.dup2(other.directory, self.directory, inheritable=False)
        finally:
            other.close()

    def holds(self, number, descriptor):
        """Whether that is the segment's file, found by the directory's own path."""
        try:
            found = os.stat(os.path.join(self.path, PLAIN % number), follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(found, os.fstat(descriptor))

    def foreign(self):
        """Names there that no journal has."""
        return sorted(name for name in os.listdir(self.directory)
                      if not NAME.fullmatch(name) and not name.endswith(".new"))

    def numbers(self):
        """The segments that are there, oldest first."""
        matches = map(NAME.fullmatch, os.listdir(self.directory))
        return sorted({int(match.group(1)) for match in matches if match})

    def is_packed(self, number):
        """Whether it is there in its compressed form only."""
        return not self.exists(PLAIN % number)

    def exists(self, name):
        """Whether something has this name."""
        try:
            os.stat(name, dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def open(self, name, flags):
        """A descriptor of a regular file here, for its owner only if it is made."""
        descriptor = os.open(name, flags | SAFE, 0o600, dir_fd=self.directory)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FimError("fim: %s/%s: not a regular file" % (self.path, name))
        return descriptor

    def open_live(self, number):
        """A descriptor to write the segment."""
        return self.open(PLAIN % number, os.O_RDWR | os.O_CREAT)

    def name(self, number):
        """What the file of a segment is called; the compressed one counts once it is alone."""
        return (PACKED if self.is_packed(number) else PLAIN) % number

    @staticmethod
    def either(number, act):
        """What act(name) returns for the plain file of a segment, or else for the compressed one:
        that one is there before the other goes, at any moment."""
        try:
            return act(PLAIN % number)
        except FileNotFoundError:
            return act(PACKED % number)

    @contextlib.contextmanager
    def reader(self, number):
        """A binary file of the segment's lines."""
        def opened(name):
            return name, self.open(name, os.O_RDONLY)
        name, descriptor = self.either(number, opened)
        with os.fdopen(descriptor, "rb") as file:
            yield gzip.GzipFile(fileobj=file) if name.endswith("gz") else file

    def status(self, number):
        """What stat says of it."""
        return self.either(number, lambda name: os.stat(name, dir_fd=self.directory,
                                                        follow_symlinks=False))

    def size(self, number):
        """Bytes on disk."""
        return self.status(number).st_size

    def written(self, number):
        """When it was last written to, seconds."""
        return self.status(number).st_mtime

    def free(self):
        """(bytes free for us, bytes) of the file system."""
        status = os.fstatvfs(self.directory)
        return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize

    def sync(self):
        """The names are on disk."""
        os.fsync(self.directory)

    def remove(self, number):
        """In whatever form it is there."""
        for form in (PLAIN, PACKED, PARTIAL):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(form % number, dir_fd=self.directory)

    def pack(self, number):
        """Compress a segment that is over."""
        name = PARTIAL % number
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.directory)
        times = self.written(number)
        with self.reader(number) as lines, \
                os.fdopen(self.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            with gzip.GzipFile("", "wb", 6, file, times) as packed:
                for block in iter(lambda: lines.read(BLOCK), b""):
                    packed.write(block)
            file.flush()
            os.utime(file.fileno(), (times, times))
            os.fsync(file.fileno())
        os.rename(name, PACKED % number, src_dir_fd=self.directory, dst_dir_fd=self.directory)
        self.sync()
        os.unlink(PLAIN % number, dir_fd=self.directory)
