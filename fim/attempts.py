"""Failed attempts: what somebody without rights tries on the canary's scratch, and what is seen.

Each is refused by the kernel, and gives a record with the errno (bpf_c/attempt.c).
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time

from fim import _core, hooks

__all__ = ["coverage", "headline", "operations", "prove"]

HOME = "/run/fim"  # lets nobody in
PATIENCE = 10.0    # seconds, as the canary's
NOBODY = 65534
XATTR = "user.fim"
FS_IOC_SETFLAGS = 0x40086602
COVERED, NOT_SEEN = "covered", "not_seen"


def operations():
    """Those of which an attempt is told."""
    return tuple(dict.fromkeys(hook.operation for hook in hooks.ATTEMPTS if hook.part == "attempt"))


@contextlib.contextmanager
def scratch():
    """A directory that is removed afterwards; whoever is in it may look around."""
    os.makedirs(HOME, mode=0o700, exist_ok=True)
    path = tempfile.mkdtemp(prefix="attempts-", dir=HOME)
    try:
        os.chmod(path, 0o711)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


# By names in the scratch, since the way to it is closed; `fd` is of "a".
ACTS = (
    ("open", lambda fd: os.open("a", os.O_RDONLY)),
    ("create", lambda fd: os.open("n", os.O_CREAT | os.O_WRONLY)),
    ("mkdir", lambda fd: os.mkdir("n")),
    ("mknod", lambda fd: os.mkfifo("n")),
    ("symlink", lambda fd: os.symlink("a", "n")),
    ("link", lambda fd: os.link("a", "n")),
    ("unlink", lambda fd: os.unlink("a")),
    ("rmdir", lambda fd: os.rmdir("e")),
    ("rename", lambda fd: os.rename("a", "n")),
    ("truncate", lambda fd: os.truncate("a", 0)),
    ("chmod", lambda fd: os.chmod("a", 0o777)),
    ("chown", lambda fd: os.chown("a", NOBODY, NOBODY)),
    ("utimes", lambda fd: os.utime("a", (1, 1))),
    ("setxattr", lambda fd: os.setxattr("a", XATTR, b"1")),
    ("removexattr", lambda fd: os.removexattr("a", XATTR)),
    ("setflags", lambda fd: fcntl.ioctl(fd, FS_IOC_SETFLAGS, bytes(8))),
)


def prove(session, pump):
    """The operations whose failed attempt came back; `pump` reads the rings."""
    with scratch() as path:
        session.scan_begin()
        try:
            session.watch_canary(os.fsencode(path))
        finally:
            session.scan_end()
        try_all(path)
        return listen(session, pump)


def try_all(directory):
    """Every one, by a child without rights, at what was made when the directory was watched."""
    descriptor = os.open(os.path.join(directory, "a"), os.O_CREAT | os.O_RDONLY, 0o600)
    os.mkdir(os.path.join(directory, "e"))
    child = os.fork()
    if child == 0:
        try:
            os.chdir(directory)
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            for _, act in ACTS:
                with contextlib.suppress(OSError):
                    act(descriptor)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(descriptor)


def listen(session, pump):
    """What came, until all did or patience ends."""
    end, bits = time.monotonic() + PATIENCE, 0
    wanted = sum(1 << _core.OPERATIONS[operation] for operation in operations())
    while bits & wanted != wanted and time.monotonic() < end:
        pump(50)
        bits |= session.tried()
    return {operation for operation in operations() if bits >> _core.OPERATIONS[operation] & 1}


def coverage(attachment, seen):
    """{operation: {"state", "hook", "why"}} of the attempts asked for."""
    return {operation: row(attachment, operation, seen) for operation in operations()}


def row(attachment, operation, seen):
    """One operation."""
    names = ", ".join(hook.function for hook in attachment.attempts if hook.operation == operation)
    if operation in seen:
        return {"state": COVERED, "hook": names, "why": None}
    why = (lacking(attachment, operation) or lacking(attachment, "exit")
           or "attached, but silent on the canary")
    return {"state": NOT_SEEN, "hook": names or None, "why": why}


def lacking(attachment, operation):
    """Why nothing is attached for it, or None."""
    if any(hook.operation == operation for hook in attachment.attempts):
        return None
    rows = [hook for hook in hooks.ATTEMPTS if hook.operation == operation]
    failed = ["%s: %s" % (hook.function, attachment.failed[hook.function, hook.program])
              for hook in rows if (hook.function, hook.program) in attachment.failed]
    return failed[0] if failed else "this kernel has no %s" % rows[0].function


def headline(rows):
    """One line for people."""
    silent = sorted(operation for operation, cell in rows.items() if cell["state"] == NOT_SEEN)
    return ("ATTEMPTS NOT SEEN: " + ", ".join(silent) if silent
            else "attempts proven at %d operations" % len(rows))
