# SPDX-License-Identifier: GPL-2.0-only
"""A small fleet on this machine: hosts and a collector in network namespaces of their own, with a
cable between them, rsyslog and PostgreSQL with the configuration that fim/dist/collect has."""
import contextlib
import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import time

from collectors import wait_for
from core_build import ROOT

COLLECT = os.path.join(ROOT, "fim", "dist", "collect")
HOSTS, CENTRAL = "10.99.0.1", "10.99.0.2"


def snippet(name, spool, **words):
    """A file of the distribution with this test's places in it; each must be there. The work
    directory is what the distribution's rsyslog.conf has named before it."""
    with open(os.path.join(COLLECT, name)) as file:
        text = file.read()
    for old, new in words.items():
        old = {"log_example": "log.example", "logs": "/var/log/fim",
               "socket": "/var/run/postgresql"}[old]
        assert old in text
        text = text.replace(old, new)
    return 'global(workDirectory="%s")\n%s' % (spool, text)


class Network:
    """Two namespaces and what lies between them."""

    def __init__(self):
        self.holders = [subprocess.Popen(["unshare", "-n", "sleep", "900"]) for _ in range(2)]
        wait_for(lambda: all(self.is_apart(holder) for holder in self.holders))
        self.run(0, "ip", "link", "add", "wire0", "type", "veth", "peer", "name", "wire1")
        self.run(0, "ip", "link", "set", "wire1", "netns", str(self.holders[1].pid))
        for side, address in enumerate((HOSTS, CENTRAL)):
            self.run(side, "ip", "addr", "add", address + "/24", "dev", "wire%d" % side)
            self.run(side, "ip", "link", "set", "wire%d" % side, "up")
            self.run(side, "ip", "link", "set", "lo", "up")

    @staticmethod
    def is_apart(holder):
        with contextlib.suppress(OSError):
            return os.readlink("/proc/%d/ns/net" % holder.pid) != os.readlink("/proc/self/ns/net")
        return False

    def within(self, side):
        """The start of a command line."""
        return ["nsenter", "--net=/proc/%d/ns/net" % self.holders[side].pid]

    def run(self, side, *command):
        subprocess.check_call(self.within(side) + list(command))

    def cut(self):
        self.run(1, "ip", "link", "set", "wire1", "down")

    def mend(self):
        self.run(1, "ip", "link", "set", "wire1", "up")

    def close(self):
        for holder in self.holders:
            holder.kill()
            holder.wait()


class Syslog:
    """An rsyslogd in one of the namespaces."""

    def __init__(self, network, side, place, text):
        self.place, self.process = place, None
        self.command = network.within(side) + ["rsyslogd", "-n", "-f", place + "/conf", "-i",
                                               place + "/pid"]
        os.makedirs(place + "/spool")
        with open(place + "/conf", "w") as file:
            file.write(text)
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        time.sleep(1)
        assert self.process.poll() is None, "rsyslogd does not run with this configuration"

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Store:
    """A PostgreSQL of this test's own, reached by a socket, with the schema of the distribution."""

    def __init__(self):
        self.place = tempfile.mkdtemp(prefix="fim-store-")
        shutil.chown(self.place, "postgres", "postgres")
        os.chmod(self.place, 0o755)
        self.programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.run("initdb", "-D", self.place + "/db", "-A", "trust", "--no-sync", "-E", "UTF8",
                 "--locale=C")
        self.run("pg_ctl", "-D", self.place + "/db", "-w", "-l", self.place + "/log", "-o",
                 "-c listen_addresses='' -k %s -c fsync=off" % self.place, "start")
        self.run("createdb", "-h", self.place, "fim")
        with open(os.path.join(COLLECT, "postgresql.sql")) as schema:
            self.ask(schema.read())

    def run(self, program, *arguments):
        owner = pwd.getpwnam("postgres")
        subprocess.run(["setpriv", "--reuid", str(owner.pw_uid), "--regid", str(owner.pw_gid),
                        "--clear-groups", os.path.join(self.programs, program)] + list(arguments),
                       check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, query):
        """Rows of texts."""
        done = subprocess.run(["psql", "-h", self.place, "-U", "postgres", "-d", "fim", "-X", "-q",
                               "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"],
                              input=query.encode("utf-8"), stdout=subprocess.PIPE, check=True)
        return [line.split("\t") for line in done.stdout.decode("utf-8").splitlines()]

    def close(self):
        self.run("pg_ctl", "-D", self.place + "/db", "-m", "immediate", "stop")
        shutil.rmtree(self.place)
