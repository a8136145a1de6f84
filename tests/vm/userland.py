"""A suite's own user space: a tree that a guest has as its root, with this checkout built in it."""

import fcntl
import os
import shutil
import subprocess

import kernels

PACKAGES = ("gcc libc6-dev make python3-dev python3-setuptools python3-bpfcc python3-pytest "
            "python3-jsonschema stress-ng dpkg kmod")
CHECKOUT = "/fim"  # in the tree
MADE_WITH = "fim-packages"  # in the tree, PACKAGES when it was made
KEPT = ("bpf_c", "ext", "fim", "tests", "build/packages", "setup.py", "Makefile", "README.md")
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def of_suite(name):
    """The path of the tree; made the first time, then kept; the checkout in it is today's."""
    tree = os.path.join(kernels.cache_directory(), name + "-userland")
    os.makedirs(kernels.cache_directory(), exist_ok=True)
    with open(tree + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _has_all(tree):
            for path in (tree, tree + ".new"):
                shutil.rmtree(path, ignore_errors=True)
            _bootstrap(next(row for row in kernels.SUITES if row.name == name), tree + ".new")
            os.rename(tree + ".new", tree)
        _install(tree)
    return tree


def _has_all(tree):
    """Whether it was made with today's PACKAGES."""
    try:
        with open(os.path.join(tree, MADE_WITH)) as file:
            return file.read() == PACKAGES
    except FileNotFoundError:
        return False


def _bootstrap(suite, tree):
    mirrors = kernels.mirrors()
    sources = ["deb {} {} main".format(mirrors[label], name) for label, name in suite.archives]
    subprocess.check_call(["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase",
                           "--aptopt=APT::Sandbox::User \"root\"",
                           "--aptopt=APT::Install-Recommends \"false\"",
                           # A mirror may lag behind sid's; what it has is signed all the same.
                           "--aptopt=Acquire::Check-Valid-Until \"false\"",
                           "--include=" + ",".join(PACKAGES.split()), suite.name, tree] + sources)
    with open(os.path.join(tree, MADE_WITH), "w") as file:
        file.write(PACKAGES)


def _install(tree):
    """The checkout, and the extension as this user space's compiler and Python make it."""
    checkout = tree + CHECKOUT
    shutil.rmtree(checkout, ignore_errors=True)
    for name in KEPT:
        source, target = os.path.join(REPOSITORY, name), os.path.join(checkout, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        elif os.path.exists(source):
            shutil.copy(source, target)
    subprocess.check_call(["chroot", tree, "sh", "-c", "cd {} && {} && {}".format(
        CHECKOUT, "python3 setup.py -q build_ext --inplace",
        "make -s -C tests/system/workloads")], env=dict(os.environ, LC_ALL="C"))
