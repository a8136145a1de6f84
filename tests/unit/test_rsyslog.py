# SPDX-License-Identifier: GPL-2.0-only
"""A real rsyslog receives everything over TCP and TLS, whatever becomes of it and of the link."""
import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from collectors import parsed, records, wait_for
from fim.sinks import Sinks, connection
from test_sinks import bodies_equal, certificate, nasty_lines

CONFIGURATION = """
global(workDirectory="%(place)s" maxMessageSize="1m" %(global)s)
module(load="imtcp" %(module)s)
template(name="whole" type="string" string="%%rawmsg%%\\n")
input(type="imtcp" port="%(port)d" address="127.0.0.1")
action(type="omfile" file="%(place)s/received" template="whole")
"""
TLS = {"global": 'defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="%(cert)s" '
                 'defaultNetstreamDriverCertFile="%(cert)s" defaultNetstreamDriverKeyFile="%(key)s"',
       "module": 'streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon"'}


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Rsyslog:
    """One rsyslogd of this test's own."""

    def __init__(self, place, **words):
        self.place, self.port, self.process = place, free_port(), None
        words = dict({"global": "", "module": ""}, place=place, port=self.port, **words)
        with open(os.path.join(place, "rsyslog.conf"), "w") as file:
            file.write(CONFIGURATION % words)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["rsyslogd", "-n", "-f", os.path.join(self.place, "rsyslog.conf"),
             "-i", os.path.join(self.place, "pid")], stderr=subprocess.DEVNULL)
        wait_for(self.answers)

    def answers(self):
        assert self.process.poll() is None, "rsyslogd does not run with this configuration"
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def messages(self):
        try:
            with open(os.path.join(self.place, "received"), "rb") as file:
                return [parsed(line) for line in file.read().split(b"\n")[:-1]]
        except FileNotFoundError:
            return []

    def numbers(self):
        return {number for number, _ in self.messages()}


def reset(*ends):
    """Close them as a network does that has lost something: an end in order would be a proof."""
    for end in ends:
        with contextlib.suppress(OSError):  # closed already
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()


class Link:
    """A wire to a port that can be cut: what is on it then is gone, and nobody is told."""

    def __init__(self, port):
        self.target, self.whole, self.pairs = port, True, []
        self.server = socket.socket()
        self.server.bind(("127.0.0.1", 0))
        self.server.listen(8)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.server.accept()[0]
            if not self.whole:
                self.pairs.append((client, client))
                continue
            try:
                pair = (client, socket.create_connection(("127.0.0.1", self.target), 5))
            except OSError:
                client.close()
                continue
            self.pairs.append(pair)
            threading.Thread(target=self.carry, args=pair, daemon=True).start()

    def carry(self, client, server):
        """Both ways until one ends, which the other is told unless the link is cut."""
        other = {client: server, server: client}
        try:
            while self.whole:
                for end in select.select([client, server], [], [], 0.1)[0]:
                    data = end.recv(65536)
                    if not self.whole:
                        return
                    if not data and end is server:
                        server.close()
                        client.close()
                        return
                    other[end].sendall(data) if data else server.shutdown(socket.SHUT_WR)
                    if not data:
                        other.pop(client)
                        self.finish(client, server)
                        return
        except OSError:
            reset(client, server)

    @staticmethod
    def finish(client, server):
        """The client has ended its side: what the server still says, then its end."""
        while True:
            data = server.recv(65536)
            if not data:
                break
            client.sendall(data)
        server.close()
        client.close()

    def cut(self):
        self.whole = False

    def mend(self):
        """What was connected before is dead."""
        pairs, self.pairs, self.whole = self.pairs, [], True
        for pair in pairs:
            reset(*pair)


@pytest.fixture
def quick(monkeypatch):
    """Seconds instead of half minutes."""
    monkeypatch.setattr(connection, "SECONDS", 2)
    monkeypatch.setattr(connection, "PROOF_SECONDS", 2)
    monkeypatch.setattr(connection.Connection, "window", 1 << 17)
    monkeypatch.setattr("fim.sinks.outlet.PAUSE_SECONDS", 0.1)
    monkeypatch.setattr("fim.sinks.outlet.LONGEST_PAUSE", 0.5)
    monkeypatch.setattr("fim.sinks.outlet.IDLE_SECONDS", 0.1)


def test_nothing_is_missing_by_number(tmp_path, quick):
    """Restarted twice and cut off once, under load; what comes twice is the same."""
    rsyslog = Rsyslog(str(tmp_path))
    link = Link(rsyslog.port)
    sinks = Sinks(["syslog:tcp://127.0.0.1:%d" % link.port], str(tmp_path / "spool"))
    acts = {60: rsyslog.stop, 90: rsyslog.start, 140: link.cut, 200: link.mend,
            230: rsyslog.stop, 250: rsyslog.start}
    for turn in range(300):
        acts.get(turn, lambda: None)()
        begun = time.monotonic()
        sinks.take(records(20, turn * 20 + 1, message="m" * 500))
        assert time.monotonic() - begun < 0.5  # whatever the collector does
        time.sleep(0.02)
    wait_for(lambda: rsyslog.numbers() == set(range(1, 6001)), 60)
    sinks.close(20)
    state = sinks.state()[0]
    assert state["proven"] == 6000 and state["dropped"] == 0 and state["failures"] >= 3, state
    by_number = {}
    for number, body in rsyslog.messages():
        assert by_number.setdefault(number, body) == body
        assert json.loads(body.decode())["seq"] == number
    rsyslog.stop()


def test_names_through_rsyslog(tmp_path, quick):
    rsyslog = Rsyslog(str(tmp_path))
    lines = nasty_lines()
    sinks = Sinks(["syslog:tcp://127.0.0.1:%d" % rsyslog.port], str(tmp_path / "spool"))
    sinks.take(lines)
    sinks.close(20)
    wait_for(lambda: len(rsyslog.messages()) >= lines.count(b"\n"))
    bodies_equal([body for _, body in rsyslog.messages()], lines, "json")
    rsyslog.stop()


def test_tls(tmp_path, quick):
    """Proofs too: rsyslog answers the end of a stream within TLS."""
    cert, key = certificate(tmp_path)
    words = {name: text % {"cert": cert, "key": key} if "%" in text else text
             for name, text in TLS.items()}
    rsyslog = Rsyslog(str(tmp_path), **words)
    sinks = Sinks(["syslog:tls://localhost:%d?ca=%s" % (rsyslog.port, cert)],
                  str(tmp_path / "spool"))
    for turn in range(30):
        sinks.take(records(50, turn * 50 + 1, message="m" * 500))
    sinks.close(30)
    state = sinks.state()[0]
    assert (state["proven"], state["unproven"]) == (1500, 0), state
    wait_for(lambda: rsyslog.numbers() == set(range(1, 1501)))
    rsyslog.stop()
