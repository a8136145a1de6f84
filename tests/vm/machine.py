"""Runs one command in one QEMU guest and brings back its output and its exit status."""

import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import initramfs

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
QEMU = "qemu-system-x86_64"
LOST = 125  # no status came back
TIMED_OUT = 124
PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h

# A guest that starves while 5.10 counts ticks for a moment would panic: "IO-APIC + timer doesn't
# work!". Where a hypervisor is seen the kernel does not count (arch/x86/kernel/kvm.c).
CONSOLE = "console=ttyS0 panic=-1 no_timer_check"
# Emulated AVX and PTI cost more than they give: a small AMD processor compiles the fastest.
# One thread for both CPUs: with a thread each, QEMU 7.2 once kept a translation of the breakpoint
# that ftrace had put on vfs_getattr_nosec for a moment, and every call of it from then on was an
# oops in kprobe_int3_handler (a kprobe on ftrace has no instruction to step over). Each guest
# then takes one core, which it shares out by itself.
CPUS = 2
FAST = ["-accel", "tcg,thread=single", "-cpu", "qemu64,+rdrand",
        "-append", CONSOLE + " mitigations=off"]
# Guest time counts guest instructions, so figures repeat on a busy host.
COUNTING = ["-accel", "tcg", "-icount", "shift=0,sleep=off", "-smp", "1", "-cpu", "max",
            "-append", CONSOLE]

# A test makes 50,000 files, nearly as many as ext4 has inodes for on a disk of this size.
MKFS = {"ext4": ["mkfs.ext4", "-q", "-F", "-i", "4096"],
        "xfs": ["mkfs.xfs", "-q", "-f"],
        "btrfs": ["mkfs.btrfs", "-q", "-f"]}
# What the tools of today leave out, and what they must leave out for a 3.10 kernel.
MKFS_NEW = {"ext4": ["-O", "verity"]}
MKFS_OLD = {"ext4": ["-O", "^metadata_csum,^64bit"],
            "xfs": ["-m", "reflink=0,rmapbt=0,finobt=0,bigtime=0,inobtcount=0", "-i", "sparse=0"]}


class Machine:
    """One guest; `log` is where its console output stays, `root` is overlay or plain; `checkout`
    is a directory of `root_tree` where the command starts, None for this one, shared with it."""

    def __init__(self, kernel, log, root="overlay", root_tree="/", disks=(), share=None,
                 icount=False, systemd=False, cpus=CPUS, checkout=None):
        self.kernel, self.log, self.root, self.root_tree = kernel, log, root, root_tree
        self.disks, self.share, self.icount, self.systemd = disks, share, icount, systemd
        self.cpus = cpus
        self.checkout = checkout or REPOSITORY
        self.shares_checkout = root_tree != "/" and checkout is None

    def run(self, command, timeout=None):
        """The command's exit status; LOST or TIMED_OUT if the guest gave none."""
        if not shutil.which(QEMU):
            raise FileNotFoundError("no {}: install the package qemu-system-x86".format(QEMU))
        with tempfile.TemporaryDirectory(prefix="fim-vm-") as work:
            initramfs.write(os.path.join(work, "initramfs"), self.kernel, self.disks,
                            self._settings(), self._script(command))
            for kind in self.disks:
                self._make_disk(kind, os.path.join(work, kind))
            for path in (self.log, os.path.join(work, "status")):
                open(path, "w").close()
            timed_out = _stream(self._qemu(work), timeout)
            return TIMED_OUT if timed_out else self._status(os.path.join(work, "status"))

    def _settings(self):
        """Shell variables for init.sh and session.sh."""
        settings = {"RELEASE": self.kernel.release, "ROOT": self.root, "CHECKOUT": self.checkout,
                    "OWN_TREE": "1" if self.shares_checkout else "",
                    "DISKS": " ".join(self.disks), "SHARE": "1" if self.share else "",
                    "SYSTEMD": "1" if self.systemd else ""}
        return "".join("{}={}\n".format(name, shlex.quote(value))
                       for name, value in sorted(settings.items()))

    def _script(self, command):
        """A shell script of the guest's: the command, started in the checkout."""
        words = " ".join(shlex.quote(word) for word in command)
        return "cd {} && exec {}\n".format(shlex.quote(self.checkout), words)

    def _make_disk(self, kind, path):
        with open(path, "wb") as image:
            image.truncate(1 << 30)
        special = (MKFS_OLD if self.kernel.old else MKFS_NEW).get(kind, [])
        subprocess.check_call(MKFS[kind] + special + [path], stdout=subprocess.DEVNULL)

    def _qemu(self, work):
        words = [QEMU, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                 "-m", "2G", "-rtc", "base=utc", "-serial", "file:" + self.log,
                 "-kernel", self.kernel.boot, "-initrd", os.path.join(work, "initramfs")]
        words += COUNTING if self.icount else FAST + ["-smp", str(self.cpus)]
        words += ["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
        words += _port("output", "/dev/stdout") + _port("status", os.path.join(work, "status"))
        words += _disk("kernel", self.kernel.image, "on")
        for kind in self.disks:
            words += _disk(kind, os.path.join(work, kind), "off")
        words += _shared("host", self.root_tree, "on")
        if self.shares_checkout:
            words += _shared("checkout", REPOSITORY, "on")
        return words + (_shared("share", self.share, "off") if self.share else [])

    def _status(self, path):
        with open(path) as file:
            text = file.read().strip()
        if text.isdigit():
            return int(text)
        with open(self.log, errors="replace") as console:
            sys.stderr.write("".join(console.readlines()[-30:]))
        sys.stderr.write("fim-vm: the guest ended without a status; see {}\n".format(self.log))
        return LOST


def _port(name, path):
    return ["-chardev", "file,id={0},path={1}".format(name, path),
            "-device", "virtserialport,chardev={0},name={0}".format(name)]


def _disk(name, path, read_only):
    return ["-drive", "if=none,format=raw,cache=unsafe,discard=unmap,id={},file={},read-only={}"
            .format(name, path, read_only),
            "-device", "virtio-blk-pci,drive={0},serial={0}".format(name)]


def _shared(tag, path, read_only):
    return ["-virtfs", "local,security_model=none,multidevs=remap,id={0},mount_tag={0},path={1},"
            "readonly={2}".format(tag, path, read_only)]


def die_with_parent():
    """Whoever calls this gets SIGTERM when its parent is gone: a killed run leaves no guest."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _stream(words, timeout):
    """Run QEMU, passing on its output as it comes; true if it had to be stopped."""
    qemu = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            preexec_fn=die_with_parent)
    stopped = []
    timer = threading.Timer(timeout or 0, lambda: (stopped.append(1), qemu.kill()))
    if timeout:
        timer.start()
    try:
        for block in iter(lambda: os.read(qemu.stdout.fileno(), 65536), b""):
            sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
    finally:
        timer.cancel()
        if stopped or sys.exc_info()[0]:
            qemu.kill()
        qemu.wait()
    return bool(stopped)
