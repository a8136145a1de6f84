"""The kernels that the tests boot, downloaded as packages and unpacked into a cache."""

import fcntl
import glob
import os
import re
import shutil
import subprocess
from collections import namedtuple

import bootimage

# One row for each Debian suite; `archives` are (label of the archive, name of the suite in it).
Suite = namedtuple("Suite", "name archives")

SUITES = (
    Suite("bullseye", (("Debian", "bullseye"), ("Debian-Security", "bullseye-security"))),
    Suite("bookworm", (("Debian", "bookworm"), ("Debian-Security", "bookworm-security"))),
    Suite("trixie", (("Debian", "trixie"), ("Debian-Security", "trixie-security"))),
    Suite("sid", (("Debian", "sid"),)),
)

META_PACKAGES = ("linux-image-amd64", "linux-headers-amd64")
KERNEL_PACKAGE = re.compile(r"linux-(image|headers|kbuild|binary|modules|base)-\S+$")

# `boot` is what QEMU loads; `modules` is a directory or None (all drivers built in);
# `image` is an ext4 image of usr/src and usr/lib/modules, laid under the guest's root;
# `old` asks for file systems that a 3.10 kernel can mount.
Kernel = namedtuple("Kernel", "release boot modules image old")


def cache_directory():
    return os.environ.get("FIM_VM_CACHE") or os.path.expanduser("~/.cache/fim-vm")


def of_suite(name):
    """The kernel of a Debian suite; downloaded the first time, then kept."""
    suite = next(row for row in SUITES if row.name == name)
    return _kept(os.path.join(cache_directory(), name), lambda work: _download(suite, work))


def of_files(release, vmlinuz, headers):
    """A kernel of the user's own, with its drivers built in; copied anew each time it changed."""
    work = os.path.join(cache_directory(), "own-" + release)
    if os.path.exists(work) and os.path.getmtime(vmlinuz) > os.path.getmtime(work):
        shutil.rmtree(work)
    return _kept(work, lambda new: _copy(release, vmlinuz, headers, new))._replace(old=True)


def _kept(work, fill):
    """The kernel in `work`."""
    def filled(new):
        os.makedirs(os.path.join(new, "tree"))
        fill(new)
        _pack(new)
    return _open(whole(work, filled))


def whole(work, fill):
    """The directory `work`, which appears there as `fill` makes it or not at all."""
    os.makedirs(cache_directory(), exist_ok=True)
    with open(work + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(work):
            new = work + ".new"
            shutil.rmtree(new, ignore_errors=True)
            os.makedirs(new)
            fill(new)
            os.rename(new, work)
    return work


def _open(work):
    release = os.path.basename(glob.glob(os.path.join(work, "tree/usr/lib/modules/*"))[0])
    modules = os.path.join(work, "tree/usr/lib/modules", release)
    has_modules = os.path.exists(os.path.join(modules, "modules.dep"))
    return Kernel(release, os.path.join(work, "boot"), modules if has_modules else None,
                  os.path.join(work, "kernel.ext4"), False)


def _pack(work):
    tree = os.path.join(work, "tree")
    with open(os.path.join(work, "kernel.ext4"), "wb") as image:
        image.truncate(1 << 31)
    subprocess.check_call(["mkfs.ext4", "-q", "-F", "-O", "^has_journal,^metadata_csum",
                           "-d", tree, image.name])


# Debian's packages


def _download(suite, work):
    apt = private_apt(suite, os.path.join(work, "apt"))
    tree = unpack(apt, _packages(apt), work)
    _merge_usr(tree)
    release = os.path.basename(os.path.dirname(_one(tree, "usr/lib/modules/*/kernel")))
    subprocess.check_call(["depmod", "-b", _unmerged(work), release])
    bootimage.extract(_one(tree, "boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz"),
                      os.path.join(work, "boot"))


def unpack(apt, names, work):
    """These packages, unpacked in one tree; its path."""
    debs, tree = os.path.join(work, "debs"), os.path.join(work, "tree")
    os.makedirs(debs)
    subprocess.check_call(["apt-get"] + apt + ["-qq", "download"] + names, cwd=debs)
    for deb in sorted(glob.glob(os.path.join(debs, "*.deb"))):
        subprocess.check_call(["dpkg-deb", "-x", deb, tree])
    shutil.rmtree(debs)
    return tree


def private_apt(suite, state):
    """Options that make apt see this suite, as it is today, and nothing of the host's own
    packages."""
    for directory in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(state, directory))
    sources = os.path.join(state, "sources.list")
    addresses = mirrors()
    with open(sources, "w") as out:
        for label, name in suite.archives:
            out.write("deb [arch=amd64] {} {} main\n".format(addresses[label], name))
    settings = {"Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "/dev/null",
                "Dir::State::lists": os.path.join(state, "lists"),
                "Dir::Cache": os.path.join(state, "cache"),
                "Dir::State::status": "/dev/null", "APT::Sandbox::User": "root",
                "Acquire::Check-Valid-Until": "false"}  # as in userland.py
    options = [word for pair in settings.items() for word in ("-o", "=".join(pair))]
    subprocess.check_call(["apt-get"] + options + ["-qq", "update"])
    return options


def mirrors():
    """Label of an archive -> its address, as the host's own sources have it."""
    listing = subprocess.check_output(
        ["apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)"], universal_newlines=True)
    return dict(line.split() for line in listing.splitlines() if len(line.split()) == 2)


def _packages(apt):
    """The meta packages' dependencies that belong to the kernel."""
    options = ["--recurse"] + ["--no-" + kind for kind in (
        "recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
    listing = subprocess.check_output(["apt-cache"] + apt + ["depends"] + options
                                      + list(META_PACKAGES), universal_newlines=True)
    names = set(line for line in listing.splitlines() if KERNEL_PACKAGE.match(line))
    return sorted(names.difference(META_PACKAGES))


def _merge_usr(tree):
    """Move lib/ to usr/lib/, so that the tree fits under a root whose /lib is a link."""
    lib = os.path.join(tree, "lib")
    if os.path.isdir(lib):
        os.makedirs(os.path.join(tree, "usr/lib"), exist_ok=True)
        subprocess.check_call(["cp", "-al", lib + "/.", os.path.join(tree, "usr/lib")])
        shutil.rmtree(lib)


def _unmerged(work):
    """A directory for depmod, which looks for lib/modules."""
    base = os.path.join(work, "depmod")
    os.makedirs(base)
    os.symlink("../tree/usr/lib", os.path.join(base, "lib"))
    os.symlink("../tree/usr", os.path.join(base, "usr"))
    return base


def _one(tree, *patterns):
    return [path for pattern in patterns for path in glob.glob(os.path.join(tree, pattern))][0]


# A kernel of the user's own


def _copy(release, vmlinuz, headers, work):
    build = os.path.join(work, "tree/usr/src", "linux-headers-" + release)
    for part in ("include", "arch/x86/include"):
        shutil.copytree(os.path.join(headers, part), os.path.join(build, part), ignore=_not_headers,
                        ignore_dangling_symlinks=True)
    modules = os.path.join(work, "tree/usr/lib/modules", release)
    os.makedirs(modules)
    os.symlink("/usr/src/linux-headers-" + release, os.path.join(modules, "build"))
    bootimage.extract(vmlinuz, os.path.join(work, "boot"))


def _not_headers(directory, names):
    return [name for name in names
            if not name.endswith(".h") and not os.path.isdir(os.path.join(directory, name))]
