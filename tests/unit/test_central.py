# SPDX-License-Identifier: GPL-2.0-only
"""From hosts to the central store: what fim/dist/collect says, as real programs do it.

Two hosts are blind indeed: `fim run` here may not attach. One of them sends by its own rsyslog
and RELP, one by TCP to the collector; a third one is well and has much to tell.
"""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import pytest

import journals
from central import CENTRAL, Network, Store, Syslog, snippet
from collectors import wait_for
from core_build import ROOT
from test_run import NOBODY, fim
from test_sinks import NASTY, bodies_equal, nasty_lines

CUT_SECONDS = 60
PAUSE, QUIET_SECONDS = 5, 110
PROMPT = 20  # records on their way
HERE = os.path.dirname(os.path.abspath(__file__))

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces want root")


class Host:
    """A blind one, with a name of its own."""

    def __init__(self, network, place, name, sink):
        self.name, self.state = name, place + "/" + name
        os.makedirs(self.state, 0o700)
        shutil.chown(self.state, 65534, 65534)
        command = NOBODY + [sys.executable, "-m", "fim", "run", "/etc", "--state", self.state,
                            "--sink", sink, "--spool", self.state + "/sinks",
                            "--heartbeat", "0.1", "--retry", "0.5"]
        self.process = subprocess.Popen(
            network.within(0) + ["unshare", "-u", "sh", "-c", 'hostname "$0"; exec "$@"', name]
            + command, cwd=ROOT, stderr=subprocess.DEVNULL)

    def sends(self):
        """Whether it is connected again, with nothing left that waits."""
        with open(self.state + "/status.json") as file:
            sink = json.load(file)["sinks"][0]
        return sink["state"] == "sending" and sink["number"] - sink["sent"] < PROMPT

    def stop(self):
        wait_for(self.sends, 90)
        self.process.terminate()
        assert self.process.wait(30) == 0

    def close(self):
        self.process.kill()
        self.process.wait()

    def told(self):
        """The lines of its journal, as they were sent."""
        return [line for line in journals.lines_of(self.state + "/journal")
                if json.loads(line.decode())["kind"] not in ("chain", "segment")]


class Fleet:
    """All of it."""

    def __init__(self, stack, place):
        def part(thing):
            stack.callback(thing.close)
            return thing
        os.chmod(place, 0o755)
        self.place, self.network, self.store = place, part(Network()), part(Store())
        self.central = part(Syslog(self.network, 1, place + "/central", snippet(
            "rsyslog-central.conf", spool=place + "/central/spool", logs=place + "/logs",
            socket=self.store.place)))
        self.relay = part(Syslog(self.network, 0, place + "/relay", snippet(
            "rsyslog-host.conf", spool=place + "/relay/spool", log_example=CENTRAL)))
        direct = "syslog:tcp://%s:601" % CENTRAL
        self.hosts = [part(Host(self.network, place, "relayed", "syslog:tcp://127.0.0.1:10601")),
                      part(Host(self.network, place, "direct", direct))]
        self.sender = subprocess.Popen(
            self.network.within(0) + ["unshare", "-u", "sh", "-c", 'hostname well; exec "$@"', "sh",
                                      sys.executable, HERE + "/sender.py", direct,
                                      place + "/well"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        stack.callback(self.sender.kill)

    def adversity(self):
        """Both collectors restarted twice, the cable cut for a minute."""
        time.sleep(PAUSE)
        for trouble in (self.central.stop, self.central.start, self.relay.stop, self.relay.start,
                        self.network.cut, None, self.network.mend, self.relay.stop,
                        self.relay.start, self.central.stop, self.central.start):
            (trouble or (lambda: time.sleep(CUT_SECONDS)))()
            time.sleep(PAUSE)

    def end(self):
        """How much each host sent, {name: lines}."""
        for host in self.hosts:
            host.stop()
        said = self.sender.communicate(b"\n", 60)[0]
        return dict({host.name: len(host.told()) for host in self.hosts}, well=int(said))

    def arrived(self):
        """{host: how many different messages}"""
        return {host: int(count) for host, count in self.store.ask(
            "SELECT host, count(DISTINCT number) FROM fim_line GROUP BY host")}

    def missing(self):
        """{host: its first and last numbers that are not there}: at the end, or in between."""
        rows = self.store.ask("SELECT host, number FROM fim_line")
        gone = {host: sorted(set(range(1, self.sent[host] + 1))
                             - {int(number) for name, number in rows if name == host})
                for host in self.sent}
        return {host: (numbers[0], numbers[-1]) for host, numbers in gone.items() if numbers}

    def settle(self):
        """Until all is there, or nothing came for two minutes: the tests say what is missing."""
        count, since = 0, time.monotonic()
        while self.arrived() != self.sent and time.monotonic() - since < QUIET_SECONDS:
            time.sleep(1)
            now = sum(self.arrived().values())
            if now != count:
                count, since = now, time.monotonic()

    def file(self, name):
        return "%s/logs/%s.jsonl" % (self.place, name)


@pytest.fixture(scope="module")
def fleet():
    """After a bad day; `sent` is how much each host told."""
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory())  # `nobody` can reach it
        fleet = Fleet(stack, place)
        fleet.adversity()
        fleet.sent = fleet.end()
        fleet.settle()
        yield fleet


def test_nothing_is_missing_by_number(fleet):
    """Every number of every host, once, in the store."""
    assert fleet.arrived() == fleet.sent, fleet.missing()
    assert min(fleet.sent.values()) > 2 * CUT_SECONDS  # told all the time, on a busy machine too
    print("arrived:", fleet.arrived())
    assert len(fleet.store.ask("SELECT DISTINCT host, spool FROM fim_line")) == len(fleet.sent)
    for host, count, least, most in fleet.store.ask(
            "SELECT host, count(*), min(number), max(number) FROM fim_line GROUP BY host"):
        assert (count, least, most) == (str(fleet.sent[host]), "1", str(fleet.sent[host]))


def test_what_arrived_is_what_was_told(fleet):
    """Byte by byte, in the store and in the file."""
    for host in fleet.hosts:
        told = [line.decode().rstrip("\n") for line in host.told()]
        stored = fleet.store.ask("SELECT line FROM fim_line WHERE host = '%s' ORDER BY number"
                                 % host.name)
        assert [row[0] for row in stored] == told
        with open(fleet.file(host.name)) as file:
            assert set(file.read().splitlines()) == set(told)


def test_names_come_back_equal(fleet):
    """Every byte that a name can have, through rsyslog into the store."""
    stored = fleet.store.ask("SELECT line FROM fim_line WHERE host = 'well' AND number > 1 "
                             "ORDER BY number LIMIT %d" % len(NASTY))
    bodies_equal([row[0].encode() for row in stored], nasty_lines(), "json")


def test_anchors(fleet):
    """The journal is what the collector was told it is; one that was cut is not."""
    for host in fleet.hosts:
        verify = ("verify", "--state", host.state, "--anchors", fleet.file(host.name))
        assert fim(*verify)[0] == 0
        lines = journals.load(host.state + "/journal", 1)
        half = journals.chain_after(lines, len(lines) // 2)
        journals.store(host.state + "/journal", 1, lines[:half + 1])
        assert fim("verify", "--state", host.state)[0] == 0
        assert fim(*verify)[0] == 1
        journals.store(host.state + "/journal", 1, lines)


def doubts(fleet):
    """{(host, doubt)}"""
    return {(host, doubt) for host, doubt in fleet.store.ask("SELECT host, doubt FROM fim_doubt")}


def test_the_query_finds_them(fleet):
    """The blind hosts, and not the one that is well; then holes, gaps and silence."""
    blind = {("relayed", "blind"), ("direct", "blind"),
             ("relayed", "not compared"), ("direct", "not compared")}
    assert doubts(fleet) == blind
    told = json.loads(fleet.store.ask("SELECT record FROM fim_record WHERE kind = 'blind' "
                                      "AND host = 'direct' LIMIT 1")[0][0])
    assert [told["reason"]] in fleet.store.ask(
        "SELECT detail FROM fim_doubt WHERE host = 'direct' AND doubt = 'blind'")
    fleet.store.ask("DELETE FROM fim_line WHERE host = 'well' AND number IN (40, 41)")
    assert fleet.store.ask("SELECT host, detail FROM fim_doubt WHERE doubt = 'hole'") == [
        ["well", "2 messages are missing: 40 to 41"]]
    gap = {"v": 1, "kind": "gap", "seq": 7, "stream": "s", "time": "2026-11-23T00:00:00Z",
           "lost": 3, "reason": "r"}
    closed = dict(gap, kind="gap_closed", seq=8, gap=7)
    insert = "INSERT INTO fim_line VALUES ('other', 's', %d, '%s')"
    fleet.store.ask(insert % (1, json.dumps(gap)))
    assert ("other", "gap") in doubts(fleet)
    fleet.store.ask(insert % (2, json.dumps(closed)) + ";" + insert % (3, "{no record"))
    assert {doubt for host, doubt in doubts(fleet) if host == "other"} == {
        "not compared", "unreadable"}
    fleet.store.ask("UPDATE fim_line SET received = now() - interval '9 days' WHERE host = 'well'")
    assert {("well", "silent"), ("well", "not compared")} <= doubts(fleet)


def test_who_writes_can_only_add(fleet):
    """The collector's role."""
    for forbidden in ("DELETE FROM fim_line", "UPDATE fim_line SET line = ''", "SELECT line FROM fim_line"):
        with pytest.raises(subprocess.CalledProcessError):
            fleet.store.ask("SET ROLE fim_write; %s;" % forbidden)
