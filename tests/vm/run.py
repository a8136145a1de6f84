"""Runs a command on another kernel, in a virtual machine whose root is this machine's root.

The exit status is the command's; 124: the guest was killed at the timeout; 125: the guest ended
without a status (a panic, a kernel that does not boot), and the end of its console is shown."""

import argparse
import os
import signal
import subprocess
import sys

import kernels
import guests
import machine
import userland


def parser():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [OPTION]... -- COMMAND...")
    p.add_argument("--suite", choices=[row.name for row in kernels.SUITES], default="bookworm",
                   help="the Debian suite whose kernel is booted")
    p.add_argument("--vmlinuz", metavar="FILE", help="a kernel of your own, drivers built in")
    p.add_argument("--headers", metavar="DIR", help="... the tree with its headers")
    p.add_argument("--release", metavar="NAME", help="... what uname -r prints there")
    p.add_argument("--root", choices=["overlay", "plain"],
                   help="overlay: everything can be written (changes are lost); plain: for kernels "
                   "whose overlayfs fails on 9p, the default for --vmlinuz")
    p.add_argument("--root-tree", metavar="DIR", default="/", help="another tree as the root")
    p.add_argument("--userland", action="store_true",
                   help="the suite's own user space as the root, for a kernel of your own, too; the "
                   "command runs in its copy of this checkout, with the extension built there")
    p.add_argument("--disk", metavar="TYPE", action="append", default=[], choices=machine.MKFS,
                   help="a fresh disk of this file system at /mnt/TYPE; may be repeated")
    p.add_argument("--share", metavar="DIR", help="a directory the guest may write, at /mnt/share")
    p.add_argument("--guests", metavar="N", type=int, default=1,
                   help="so many guests at once; each line of output has its guest's number, and "
                   "the status is the greatest")
    p.add_argument("--cpus", metavar="N", type=int, default=machine.CPUS,
                   help="CPUs of a guest, all of which share one core of this machine")
    p.add_argument("--icount", action="store_true", help="one CPU, time counts instructions")
    p.add_argument("--systemd", action="store_true",
                   help="systemd is booted, and the command is a service of it")
    p.add_argument("--timeout", metavar="SECONDS", type=float, help="kill the guest after this")
    p.add_argument("--log", metavar="FILE", help="the console log")
    p.add_argument("command", nargs="+", metavar="COMMAND")
    return p


def kernel_of(options):
    if options.vmlinuz:
        return kernels.of_files(options.release, options.vmlinuz, options.headers)
    return kernels.of_suite(options.suite)


def default_log(kernel, number):
    return os.path.join(kernels.cache_directory(),
                        "{}-{}-{}.log".format(kernel.release, os.getpid(), number))


def machine_of(options, kernel, number):
    """One guest of those asked for."""
    root = options.root or ("plain" if options.vmlinuz else "overlay")
    return machine.Machine(kernel, options.log or default_log(kernel, number), root,
                           options.root_tree, sorted(set(options.disk)), options.share,
                           options.icount, options.systemd, options.cpus,
                           userland.CHECKOUT if options.userland else None)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # QEMU must not outlive us
    options = parser().parse_args()
    if options.vmlinuz and not (options.headers and options.release):
        parser().error("--vmlinuz needs --headers and --release")
    try:
        kernel = kernel_of(options)
        if options.userland:
            options.root_tree = userland.of_suite(options.suite)
        machines = [machine_of(options, kernel, number) for number in range(options.guests)]
        if options.guests == 1:
            return machines[0].run(options.command, options.timeout)
        return guests.run(machines, options.command, options.timeout)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit("fim-vm: {}".format(error))


if __name__ == "__main__":
    sys.exit(main())
