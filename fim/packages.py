"""Which package a file is of, and whether it is as the package has it: asked of dpkg or rpm."""

import os
import re
import shutil
import subprocess

from fim.errors import FimError

__all__ = ["PackageDatabase", "in_use", "of_this_host"]

AT_ONCE = 100   # paths on one command line
TOOL_SECONDS = 300  # a package of gigabytes on a slow disk
# What a state proves of a file as rpm has it: RPMVERIFY_FILEDIGEST, USER, GROUP and MODE.
PROVES = 1 | 8 | 16 | 64
GHOST = 64      # RPMFILE_GHOST
LONGEST = 4096  # bytes of a path that a tool takes; no package has a longer one
VERIFY_LINE = re.compile(rb"^(?:([S5.?MDLUGTPC]{8,9})|missing)\s+(?:[a-z] )?(/.*)$")


def run(command):
    """What a tool prints; what it complains of and its status do not matter: an owner that is not
    found, a file that differs. FimError: it did not come to its end, so what it has not said is
    not known."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=dict(os.environ, LC_ALL="C"),
                              timeout=TOOL_SECONDS)
    except subprocess.TimeoutExpired:
        raise FimError("fim: %s: no answer within %g s" % (command[0], TOOL_SECONDS))
    except OSError as error:
        raise FimError("fim: %s: %s" % (command[0], error.strerror))
    if done.returncode < 0:
        raise FimError("fim: %s: ended by signal %d" % (command[0], -done.returncode))
    return done.stdout.splitlines()


def askable(paths):
    """Those that a tool can be asked about; a line of output holds no newline."""
    return [path for path in paths if b"\n" not in path and len(path) < LONGEST]


def parts(paths):
    """Lists of as many as one command line takes."""
    paths = askable(paths)
    return [paths[at:at + AT_ONCE] for at in range(0, len(paths), AT_ONCE)]


class Dpkg:
    """Debian's. Of a file it knows the content alone."""

    tool = "dpkg-query"
    well = "content_matches"

    @staticmethod
    def aliases(path):
        """Its names in the database: from before /bin, /lib and /sbin went into /usr, too."""
        yield path
        if path.startswith(b"/usr/"):
            yield path[4:]

    def owners(self, paths):
        """{path: package}"""
        names = {name: path for path in paths for name in self.aliases(path)}
        found = {}
        for part in parts(list(names)):
            patterns = [re.sub(rb"([\\*?\[])", rb"\\\1", name) for name in part]
            for line in run(["dpkg-query", "-S", "--"] + patterns):
                packages, _, name = line.partition(b": ")
                if name in names and not line.startswith(b"diversion by "):
                    found[names[name]] = packages.split(b", ")[0].decode("ascii", "replace")
        return found

    def verify(self, package):
        """Lines of the format of rpm -V."""
        return run(["dpkg", "--verify", package])

    def known(self, package):
        """The files whose content it has a digest of."""
        sums = run(["dpkg-query", "--control-show", package, "md5sums"])
        conffiles = run(["dpkg-query", "-W", "-f", "${Conffiles}\n", package])
        return ({b"/" + line.partition(b"  ")[2] for line in sums}
                | {line.split()[0] for line in conffiles if line.strip()})


class Rpm:
    """Red Hat's."""

    tool = "rpm"
    well = "matches"

    def owners(self, paths):
        """{path: package}"""
        found = {}
        for path in askable(paths):
            lines = run(["rpm", "-qf", "--qf", "%{NAME}\n", path])
            if lines and b" " not in lines[0]:  # a name; otherwise "... is not owned by ..."
                found[path] = lines[0].decode("ascii", "replace")
        return found

    def verify(self, package):
        """What does not match."""
        return run(["rpm", "-V", "--nodeps", "--noscripts", package])

    def known(self, package):
        """The files whose digest, owner and mode it verifies: of a %ghost, and where a package
        says %verify(not md5 ...), as of /etc/passwd and grub.cfg, it says nothing at all."""
        rows = [line.split(b" ", 2) for line in run([
            "rpm", "-q", "--qf", "[%{FILEVERIFYFLAGS} %{FILEFLAGS} %{FILENAMES}\n]", package])]
        return {row[2] for row in rows if len(row) == 3
                and int(row[0]) & PROVES == PROVES and not int(row[1]) & GHOST}


class PackageDatabase:
    """Answers for many files at once."""

    def __init__(self, kind):
        self.kind = kind

    def states(self, paths):
        """{path: (package, "matches" | "content_matches" | "differs" | "missing")} of those
        that a package owns."""
        owners = self.kind.owners(paths)
        wrong = {}
        for package in sorted(set(owners.values())):
            for line in self.kind.verify(package):
                match = VERIFY_LINE.match(line)
                if match:
                    wrong[match.group(2)] = "differs" if match.group(1) else "missing"
        return {path: (package, self.worst(wrong, path)) for path, package in owners.items()}

    def proofs(self, paths):
        """The same; that a file is as it should be only where the database can tell."""
        states = self.states(paths)
        known = {package: self.kind.known(package) for package, _ in set(states.values())}
        return {path: (package, state) for path, (package, state) in states.items()
                if state != self.kind.well
                or any(name in known[package] for name in Dpkg.aliases(path))}

    def worst(self, wrong, path):
        """A path's state, by any of its names in the database."""
        return next((wrong[name] for name in Dpkg.aliases(path) if name in wrong),
                    self.kind.well)


def in_use():
    """The package databases of this host."""
    return [PackageDatabase(kind) for kind in (Dpkg(), Rpm())
            if shutil.which(kind.tool) and run_lists_something(kind)]


def of_this_host():
    """The package database that is in use here, or None."""
    return next(iter(in_use()), None)


def run_lists_something(kind):
    """A host may have the tool of the other family, with an empty database."""
    everything = {"dpkg-query": ["dpkg-query", "-W", "-f", "${Package}\n"], "rpm": ["rpm", "-qa"]}
    return bool(run(everything[kind.tool]))
