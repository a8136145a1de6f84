"""The kernel side, loaded: joins bpf_c/, runs the loader, holds what it hands over."""

import json
import os
import re
import socket
import struct
import subprocess
import tempfile

from fim import hooks, program_cache, rights
from fim.errors import KernelError
from fim.needs import ALONE, bcc_package, header_package, interpreters
from fim.sources import directory
from fim.switches import switched_off

__all__ = ["Attachment", "attach", "exit_stages", "source", "stages"]

SOURCES = ("overlay.c", "spot.c", "absent.c", "filter.c", "copy_up.c", "whiteout.c", "create.c",
           "unlink.c", "rename.c", "write.c", "mapping.c", "device.c", "attribute.c", "answer.c",
           "mount.c", "identity.c", "walk.c", "actor.c")
ATTEMPT_SOURCES = ("attempt.c", "sys_exit.c")  # joined only when attempts are asked for
HEADERS = ("event.h", "kernel.h", "maps.h")
# `stages` is held only because a program array is emptied when its last
# descriptor closes (Linux: bpf_map_put_uref).
MAPS = ("watched", "sequence", "counters", "settings", "learned", "events", "wanted", "absent",
        "spot_ops", "spot_actors", "spot_counts", "stages")
NO_BCC = 3
LOADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "loader.py")


def source(attempts=False):
    """One text of all programs. BCC rewrites only the main text, so the .c files are
    joined, each with a #line that makes diagnostics name the real file."""
    place = directory()
    parts = ["#define FIM_ATTEMPTS\n"] if attempts else []
    parts += ['#include "%s"\n' % name for name in HEADERS]
    for name in SOURCES + (ATTEMPT_SOURCES if attempts else ()):
        with open(os.path.join(place, name), encoding="utf-8") as text:
            parts.append('#line 1 "bpf_c/%s"\n%s' % (name, text.read()))
    return "".join(parts)


def programs(text):
    """Names of all programs in `text`."""
    return re.findall(r"^int (fim_\w+)\(struct pt_regs", text, re.M)


def stages():
    """[[index, program]] of the tail calls, read from the one list in maps.h."""
    with open(os.path.join(directory(), "maps.h"), encoding="utf-8") as text:
        rows = re.findall(r"X\((\d+), \w+, (fim_\w+)\)", text.read())
    return [[int(index), program] for index, program in rows]


def exit_stages():
    """The same for the programs that go on from a tracepoint."""
    return [[index, program.replace("_stage", "_exit")] for index, program in stages()]


def cflags(kernel):
    """What the compiler is told beside the text."""
    return ["-I" + directory(), "-Werror=implicit-function-declaration",
            "-Wno-duplicate-decl-specifier"] + kernel.cflags


class Attachment:
    """Maps, programs and probes as descriptors of this process.

    maps      {name: descriptor}
    programs  {name: descriptor} of those with a probe, and those loaded without one
    probes    {(function, program): descriptor}; closing one detaches it
    failed    {(function, program): why}
    chosen    the rows of fim.hooks that were asked for
    hooks     those of them that are attached
    attempts  those of failed attempts, None where nobody asked for them
    bcc, sizes  its version, {program: instructions}
    kept      loaded as an earlier start compiled it (fim/compiled.py)
    """

    def __init__(self, kernel, entries):
        self.kernel = kernel
        self.entries = entries
        self.maps = {}
        self.programs = {}
        self.probes = {}
        self.failed = {}
        self.chosen, self.hooks, self.learn = [], [], []
        self.attempts = None
        self.sizes = {}
        self.bcc = None
        self.kept = None

    def attached(self, rows):
        """Those of the rows that are."""
        return [hook for hook in rows if (hook.function, hook.program) in self.probes]

    def take(self, message, descriptor):
        """Keep what one message of the loader brings."""
        if "map" in message:
            self.maps[message["map"]] = descriptor
        elif "program" in message:
            self.programs[message["program"]] = descriptor
        elif "probe" in message:
            self.probes[tuple(message["probe"])] = descriptor
        elif "failed" in message:
            self.failed[tuple(message["failed"])] = message["why"]
        elif "done" in message:
            done = message["done"]
            self.bcc, self.sizes, self.kept = done["bcc"], done["sizes"], done["kept"]

    def detach(self):
        """Take every hook off; what the ring holds can still be read."""
        close_all(self.probes)

    def close(self):
        """Give everything back to the kernel."""
        self.detach()
        close_all(self.programs)
        close_all(self.maps)


def close_all(descriptors):
    """Close and forget the descriptors of a dictionary."""
    while descriptors:
        os.close(descriptors.popitem()[1])


def attach(kernel, entries, without=(), table=hooks.HOOKS, attempts=False):
    """Load the programs with room for `entries` inodes and attach this kernel's hooks.

    `without` are functions, or rows of `table`, that are passed over; `attempts` adds
    the hooks of failed attempts. Raises KernelError with what is wrong and how to mend it.
    """
    check(kernel)
    chosen = hooks.choose(kernel, table, without)
    tried = hooks.choose(kernel, hooks.ATTEMPTS, without) if attempts else []
    learn = hooks.choose(kernel, hooks.LEARN)
    attachment = Attachment(kernel, entries)
    try:
        run_loader(request(kernel, entries, chosen + tried, learn, attempts), attachment)
    except BaseException:
        attachment.close()
        raise
    attachment.chosen, attachment.learn = chosen, learn
    attachment.hooks = attachment.attached(chosen)
    attachment.attempts = attachment.attached(tried) if attempts else None
    return attachment


def request(kernel, entries, chosen, learn, attempts=False):
    """What the loader is asked for (fim/loader.py has the form)."""
    pairs = dict.fromkeys((hook.function, hook.program) for hook in chosen)
    exits = exit_stages() if attempts else []
    text, flags = source(attempts), cflags(kernel)
    return {"release": kernel.release, "text": text,
            "cflags": flags + ["-DFIM_WATCHED_ENTRIES=%d" % entries],
            "entries": {"watched": entries}, "kept": program_cache.path(kernel, text, flags),
            "maps": list(MAPS) + ["exit_stages"] * attempts,
            "load": sorted({hook.program for hook in learn}), "attach": [list(pair) for pair in pairs],
            "stages": stages(), "exit_stages": exits,
            "programs": sorted({program for _, program in pairs} | {p for _, p in stages() + exits})}


def check(kernel):
    """Raise KernelError where this host cannot serve, before any compiling."""
    if os.geteuid() != 0:
        raise KernelError("fim: attaching to the kernel needs root: run it with sudo")
    refused, switch = rights.refusal(), switched_off()
    if refused:
        raise KernelError("fim: " + refused)
    if switch:
        raise KernelError("fim: %s: %s" % (switch.what, switch.mend))
    if not kernel.kprobe_pmu:
        raise KernelError("fim: kernel %s has no kprobes (no kprobe PMU in /sys/bus/event_source): "
                          "boot a kernel with CONFIG_KPROBES and CONFIG_BPF_EVENTS" % kernel.release)
    if kernel.header_path is None:
        raise KernelError("fim: kernel %s: no headers in /lib/modules/%s/build: install %s"
                          % (kernel.release, kernel.release, header_package(kernel.release)))
    if kernel.built_for not in (None, kernel.release):
        raise KernelError("fim: the headers in %s are of kernel %s, this is %s: install %s"
                          % (kernel.header_path, kernel.built_for, kernel.release,
                             header_package(kernel.release)))


def run_loader(wanted, attachment):
    """Run fim/loader.py under the first interpreter that has bcc."""
    tried = interpreters()
    for interpreter in tried:
        status, complaint = run_one(interpreter, wanted, attachment)
        if status == 0 and attachment.bcc:
            return
        if status != NO_BCC:
            raise KernelError("fim: the loader (%s) left with status %s: %s"
                              % (interpreter, status, complaint))
    raise KernelError("fim: no interpreter can import bcc (tried %s): install %s"
                      % (", ".join(tried), bcc_package()))


def run_one(interpreter, wanted, attachment):
    """(exit status, complaint) of one loader; what it sends goes to `attachment`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as errors:
        asked.write(json.dumps(wanted).encode("ascii"))
        asked.seek(0)
        loader = subprocess.Popen([interpreter, ALONE, LOADER, str(theirs.fileno())], cwd="/",
                                  stdin=asked, stdout=errors, stderr=errors,
                                  pass_fds=(theirs.fileno(),),
                                  start_new_session=True)  # Ctrl-C is for us
        theirs.close()
        try:
            error = receive(ours, attachment)
        except BaseException:
            loader.kill()
            raise
        finally:
            ours.close()
            status = loader.wait()
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace")
        if error:
            raise KernelError("fim: kernel %s: cannot load the programs: %s"
                              % (wanted["release"], first_error(said, error)))
        return status, first_error(said, "no complaint")


def receive(channel, attachment):
    """Take messages until the loader leaves; its error, or None."""
    while True:
        data, ancillary, _, _ = channel.recvmsg(1 << 16, socket.CMSG_SPACE(4))
        if not data:
            return None
        message = json.loads(data.decode("ascii"))
        if "error" in message:
            return message["error"]
        descriptor = struct.unpack("i", ancillary[0][2][:4])[0] if ancillary else None
        attachment.take(message, descriptor)


def first_error(said, otherwise):
    """The first line of a compiler's or the kernel's complaint, else the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line]
    return (errors or lines[-1:] or [otherwise])[0]
