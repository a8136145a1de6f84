# SPDX-License-Identifier: GPL-2.0-only
"""Every sink: what went in comes out, numbered, whatever the collector does."""
import argparse
import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time

import jsonschema
import pytest

from collectors import HEAD, TcpCollector, line, parsed, records, wait_for
from core_build import ROOT
from fim import cli_sinks
from fim.errors import FimError, UsageError
from fim.sinks import FORMATS, Sinks, connection, outlet
from fim.sinks.address import Address
from fim.sinks.echo import Echo, is_local

# Every byte a name can have, and texts that would act on a terminal or end a message.
NASTY = [bytes([byte]) for byte in range(1, 256) if byte != ord("/")] + [
    b"\x1b[2J\x1b]0;title\x07", b"a\n<86>1 - - fim - - - forged", b'"]} [x@1 number="9"]', b"\\x41",
    b"\xff\xfe\xc3\x28", "\u202e\u2028\u0085\u200b".encode(), b"%s%n$(id)`id`", b" 12 <34>1 "]


def nasty_lines():
    """Records of such names, as fim/stream.py writes them."""
    from fim.stream import Stream, path_members
    lines = []
    stream = Stream(lines.append)
    for name in NASTY:
        stream.emit("error", dict(path_members("where", b"/etc/" + name), message="m"))
    return b"".join(lines)


def bodies_equal(bodies, lines, form):
    """Parsed back, each name is what it was, and no body can act on a terminal."""
    expected = [json.loads(line.decode()) for line in lines.splitlines()]
    assert len(bodies) == len(expected)
    for body, record in zip(bodies, expected):
        assert all(32 <= byte < 127 for byte in body)
        document = json.loads(body.decode("ascii"))
        found = {"json": document, "ecs": document.get("fim"),
                 "ocsf": document.get("unmapped")}[form]
        assert found["where"] == record["where"]
        assert found.get("where_b64") == record.get("where_b64")


class Unix:
    """A local datagram socket as a collector."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(path)
        self.socket.settimeout(10)

    def take(self, count):
        return [self.socket.recv(1 << 20) for _ in range(count)]


def through_unix(tmp_path, form, lines, count):
    collector = Unix(str(tmp_path / "log"))
    sinks = Sinks(["syslog:unix://%s/log?format=%s" % (tmp_path, form)], str(tmp_path))
    sinks.take(lines)
    messages = [parsed(message) for message in collector.take(count)]
    sinks.close()
    return messages


def through_udp(tmp_path, form, lines, count):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    server.bind(("127.0.0.1", 0))
    server.settimeout(10)
    sinks = Sinks(["syslog:udp://127.0.0.1:%d?format=%s" % (server.getsockname()[1], form)],
                  str(tmp_path))
    sinks.take(lines)
    messages = [parsed(server.recv(65536)) for _ in range(count)]
    sinks.close()
    server.close()
    return messages


def through_tcp(tmp_path, form, lines, count, context=None, options=""):
    collector = TcpCollector(context)
    sinks = Sinks(["syslog:%s://localhost:%d?format=%s%s" % (
        "tls" if context else "tcp", collector.port, form, options)], str(tmp_path))
    sinks.take(lines)
    sinks.close()
    state = sinks.state()[0]
    assert (state["state"], state["proven"], state["unproven"]) == ("stopped", count, 0), state
    collector.close()
    return collector.messages()


def certificate(tmp_path):
    """A key and a certificate for localhost."""
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subprocess.check_call(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                           "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                           "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                          stderr=subprocess.DEVNULL)
    return cert, key


def tls_server(tmp_path):
    """(certificate, a server's side of TLS)"""
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def through_tls(tmp_path, form, lines, count):
    cert, context = tls_server(tmp_path)
    return through_tcp(tmp_path, form, lines, count, context, "&ca=" + cert)


def through_file(tmp_path, form, lines, count):
    sinks = Sinks(["file://%s/out?format=%s" % (tmp_path, form)], str(tmp_path))
    sinks.take(lines)
    sinks.close()
    return list(enumerate((tmp_path / "out").read_bytes().splitlines(), 1))


def journal_fields(entry):
    """The fields of one entry of journald's protocol, each with its length."""
    fields = {}
    while entry:
        name, _, rest = entry.partition(b"\n")
        length = struct.unpack("<Q", rest[:8])[0]
        fields[name.decode()] = rest[8:8 + length]
        assert rest[8 + length:9 + length] == b"\n"
        entry = rest[9 + length:]
    return fields


def through_journald(tmp_path, form, lines, count):
    collector = Unix(str(tmp_path / "journal"))
    sinks = Sinks(["journald:unix://%s/journal?format=%s" % (tmp_path, form)], str(tmp_path))
    sinks.take(lines)
    entries = [journal_fields(entry) for entry in collector.take(count)]
    sinks.close()
    assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {b"fim"}
    assert {entry["FIM_KIND"] for entry in entries} <= {b"error", b"event"}
    assert {entry["FIM_SPOOL"].decode() for entry in entries} == {sinks.state()[0]["spool"]}
    return [(int(entry["FIM_NUMBER"]), entry["MESSAGE"]) for entry in entries]


WAYS = {"unix": through_unix, "udp": through_udp, "tcp": through_tcp, "tls": through_tls,
        "file": through_file, "journald": through_journald}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("way", sorted(WAYS))
def test_any_name_comes_back_equal(tmp_path, way, form):
    lines = nasty_lines()
    messages = WAYS[way](tmp_path, form, lines, len(NASTY))
    assert [number for number, _ in messages] == list(range(1, len(NASTY) + 1))
    bodies_equal([body for _, body in messages], lines, form)


@pytest.fixture
def quick(monkeypatch):
    """Proofs after 64 KiB, pauses and patience of parts of a second."""
    monkeypatch.setattr(connection.Connection, "window", 1 << 16)
    monkeypatch.setattr(connection, "PROOF_SECONDS", 1)
    monkeypatch.setattr("fim.sinks.outlet.PAUSE_SECONDS", 0.05)
    monkeypatch.setattr("fim.sinks.outlet.IDLE_SECONDS", 0.05)


@pytest.mark.parametrize("how", ["tcp", "tls"])
def test_a_collector_that_dies_with_unread_messages(tmp_path, quick, how):
    """The kernel took them, nobody read them: they come again."""
    cert, context = tls_server(tmp_path) if how == "tls" else ("", None)
    collector = TcpCollector(context)
    sinks = Sinks(["syslog:%s://localhost:%d%s" % (how, collector.port, cert and "?ca=" + cert)],
                  str(tmp_path))
    sinks.take(records(100))
    wait_for(lambda: len(collector.numbers()) == 100)
    collector.reading.clear()
    sinks.take(records(1, 101))
    time.sleep(0.1)  # one read that had begun may still end
    sinks.take(records(99, 102))
    wait_for(lambda: sinks.state()[0]["sent"] == 200)
    assert collector.numbers() != set(range(1, 201))
    for client in collector.sockets:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(client.detach())
    collector.reading.set()
    wait_for(lambda: collector.numbers() == set(range(1, 201)))
    sinks.close()
    assert sinks.state()[0]["proven"] == 200 and sinks.state()[0]["failures"] >= 1
    assert sinks.outlets[0].spool.bytes() == 0
    by_number = {}
    for number, body in collector.messages():
        assert by_number.setdefault(number, body) == body
        assert json.loads(body.decode())["seq"] == number


@pytest.mark.parametrize("how", ["tcp", "tls"])
def test_a_collector_that_dies_at_the_proof(tmp_path, quick, how, monkeypatch):
    """It is asked for the end while it has not read everything, and answers with a reset."""
    monkeypatch.setattr(connection, "PROOF_SECONDS", 10)
    cert, context = tls_server(tmp_path) if how == "tls" else ("", None)
    collector = TcpCollector(context)
    asked = threading.Event()
    prove = connection.Connection.prove

    def noted(self):
        asked.set()
        return prove(self)
    monkeypatch.setattr(connection.Connection, "prove", noted)
    sinks = Sinks(["syslog:%s://localhost:%d%s" % (how, collector.port, cert and "?ca=" + cert)],
                  str(tmp_path))
    sinks.take(records(1))
    wait_for(lambda: len(collector.numbers()) == 1)
    collector.reading.clear()
    sinks.take(records(1, 2))
    time.sleep(0.1)
    monkeypatch.setattr(connection.Connection, "patience", 0)
    sinks.take(records(99, 3))
    assert asked.wait(10)
    time.sleep(0.2)
    assert sinks.state()[0]["proven"] == 0
    for client in collector.sockets:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(client.detach())
    collector.reading.set()
    wait_for(lambda: collector.numbers() == set(range(1, 102)))
    wait_for(lambda: sinks.state()[0]["proven"] == 101)
    assert sinks.state()[0]["failures"] == 1 and sinks.state()[0]["unproven"] == 0
    sinks.close()


def test_proofs_let_the_spool_go(tmp_path, quick):
    """Much more than a window goes by, and only what is not proven is kept."""
    collector = TcpCollector()
    sinks = Sinks(["syslog:tcp://127.0.0.1:%d" % collector.port], str(tmp_path))
    for turn in range(50):
        sinks.take(records(100, turn * 100 + 1))
    wait_for(lambda: sinks.state()[0]["sent"] == 5000)
    wait_for(lambda: len(collector.numbers()) == 5000)
    assert len(collector.streams) > 5
    sinks.close()
    assert len(collector.messages()) == 5000  # none twice
    assert sinks.state()[0]["proven"] == 5000


def test_a_collector_that_does_not_answer_the_end(tmp_path, quick):
    """It cannot prove anything: that is counted, and it is not sent everything again and again."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(8)
    sinks = Sinks(["syslog:tcp://127.0.0.1:%d" % server.getsockname()[1]], str(tmp_path))
    sinks.take(records(300))
    wait_for(lambda: sinks.state()[0]["unproven"] >= 1)
    sinks.close(3)
    server.close()


def test_nobody_there_and_then_somebody(tmp_path, quick):
    """It waits on disk over a restart of ours, in order, with its numbers."""
    collector = TcpCollector()
    place = "syslog:tcp://127.0.0.1:%d" % collector.port
    collector.close()
    sinks = Sinks([place], str(tmp_path))
    begun = time.monotonic()
    sinks.take(records(50))
    assert time.monotonic() - begun < 1
    wait_for(lambda: sinks.state()[0]["failures"] > 1)
    state = sinks.state()[0]
    assert state["state"] == "waiting" and state["error"] == "Connection refused"
    wait_for(lambda: sinks.state()[0]["number"] == 50)
    state = sinks.state()[0]
    assert state["proven"] == 0 and state["spool_bytes"] > 0
    sinks.close(0.2)
    again = TcpCollector()
    second = Sinks([place.rsplit(":", 1)[0] + ":%d" % again.port], str(tmp_path))
    assert second.state()[0]["number"] == 0  # another place: another spool
    second.close()
    again.close()


def test_who_came_back_in_a_pause_has_the_rest_at_the_end(tmp_path, monkeypatch):
    """What would have waited for the next start: a host that is uninstalled has none."""
    monkeypatch.setattr(outlet, "PAUSE_SECONDS", 60)
    collector = TcpCollector()
    collector.close()  # before: it might have accepted us just now
    sinks = Sinks(["syslog:tcp://127.0.0.1:%d" % collector.port], str(tmp_path))
    sinks.take(records(50))
    wait_for(lambda: sinks.state()[0]["state"] == "waiting")
    again = TcpCollector(port=collector.port)
    sinks.take(records(50, 51))
    sinks.close(10)
    assert again.numbers() == set(range(1, 101)) and sinks.state()[0]["proven"] == 100
    again.close()


def test_it_goes_on_after_a_restart_of_ours(tmp_path, quick):
    collector = Unix(str(tmp_path / "log"))
    place = "syslog:unix://%s/log" % tmp_path
    os.rename(str(tmp_path / "log"), str(tmp_path / "hidden"))
    first = Sinks([place], str(tmp_path))
    first.take(records(3))
    first.close(0.2)
    os.rename(str(tmp_path / "hidden"), str(tmp_path / "log"))
    second = Sinks([place + "?facility=local3"], str(tmp_path))
    second.take(records(2, 4))
    got = [parsed(message) for message in collector.take(5)]
    assert [number for number, _ in got] == [1, 2, 3, 4, 5]
    assert [json.loads(body.decode())["seq"] for _, body in got] == [1, 2, 3, 4, 5]
    second.close()


def test_numbers_that_begin_anew_are_of_another_spool(tmp_path, quick):
    """Removed while nothing ran: the collector sees that these are not the numbers it had."""
    seen = []
    for _ in range(3):
        collector = Unix(str(tmp_path / "log"))
        sinks = Sinks(["syslog:unix://%s/log" % tmp_path], str(tmp_path / "sinks"))
        sinks.take(records(2))
        seen += [re.search(rb'number="(\d+)" spool="(\w+)"', message).groups()
                 for message in collector.take(2)]
        sinks.close()
        collector.socket.close()
        os.unlink(str(tmp_path / "log"))
        if len(seen) == 4:
            shutil.rmtree(str(tmp_path / "sinks"))
    assert [number for number, _ in seen] == [b"1", b"2", b"3", b"4", b"1", b"2"]
    spools = [spool for _, spool in seen]
    assert len(set(spools[:4])) == 1 and len(set(spools[4:])) == 1 and spools[0] != spools[5]


def test_what_no_datagram_holds_is_said(tmp_path):
    """The number comes, and how long the body was; journald gets it as a file."""
    lines = records(1, known=["x" * 900000]) + records(1, 2)
    messages = through_unix(tmp_path, "json", lines, 2)
    assert messages[0] == (1, None) and json.loads(messages[1][1].decode())["seq"] == 2


def test_a_long_entry_for_journald(tmp_path):
    collector = Unix(str(tmp_path / "journal"))
    lines = records(1, known=["x" * 900000])
    sinks = Sinks(["journald:unix://%s/journal" % tmp_path], str(tmp_path))
    sinks.take(lines)
    _, ancillary, _, _ = collector.socket.recvmsg(10, socket.CMSG_SPACE(4))
    descriptor = struct.unpack("i", ancillary[0][2])[0]
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        assert journal_fields(file.read())["MESSAGE"] == lines[:-1]
    sinks.close()


def test_what_is_lost_is_told_once(tmp_path, monkeypatch):
    monkeypatch.setattr("fim.sinks.spool.SEGMENT", 1000)
    sinks = Sinks(["syslog:unix://%s/none?limit=1" % tmp_path], str(tmp_path))
    sinks.outlets[0].spool.limit = 5000
    for first in range(1, 101):
        sinks.take(records(1, first))
    wait_for(lambda: sinks.state()[0]["number"] == 100)
    losses = sinks.losses()
    assert [text for text, _ in losses] == ["syslog:unix://%s/none?limit=1" % tmp_path]
    assert losses[0][1] == sinks.state()[0]["dropped"] > 50
    assert sinks.losses() == []
    sinks.close(0.1)


def test_a_defect_of_one_sink_is_its_own(tmp_path, monkeypatch):
    """Its state says so; the others get everything."""
    sinks = Sinks(["file://%s/%s" % (tmp_path, name) for name in ("one", "two")], str(tmp_path))
    broken, well = sinks.outlets
    monkeypatch.setattr(broken.spool, "append", lambda lines: 1 // 0)
    for first in (1, 2):
        sinks.take(records(1, first))
    wait_for(lambda: well.state()["proven"] == 2)
    assert broken.state()["state"] == "failed" and "ZeroDivisionError" in broken.state()["error"]
    sinks.close()


def test_a_disk_that_is_stuck(tmp_path, monkeypatch):
    """The caller goes on; what there is no room for is a hole of that size."""
    monkeypatch.setattr("fim.sinks.feed.ROOM", 50000)
    sinks = Sinks(["file://%s/out" % tmp_path], str(tmp_path))
    with sinks.outlets[0].spool.lock:
        for first in range(1, 1001):
            sinks.take(records(1, first))
        assert sinks.feed.waiting <= 50000
    wait_for(lambda: sinks.state()[0]["number"] == 1000)
    sinks.take(records(1, 1001))
    sinks.close()
    kept = (tmp_path / "out").read_bytes().count(b"\n")
    assert 50 < kept < 500 and sinks.losses()[0][1] == 1001 - kept
    assert sinks.state()[0]["number"] == sinks.state()[0]["proven"] == 1001


def test_a_line_that_is_no_record_still_goes(tmp_path):
    assert through_file(tmp_path, "json", b"no record\n", 1) == [(1, b"no record")]
    collector = Unix(str(tmp_path / "log"))
    sinks = Sinks(["syslog:unix://%s/log" % tmp_path], str(tmp_path))
    sinks.take(b"no record\n")
    assert b" - fim " not in collector.take(1)[0].split(b"[")[0].split(b" fim ")[0]
    sinks.close()


def test_half_a_line_in_a_file_is_ended_first(tmp_path, quick, monkeypatch):
    """A kill has left one; and the disk is full in the middle of another, then there is room."""
    (tmp_path / "out").write_bytes(b'{"v": 1, "ki')
    sinks = Sinks(["file://%s/out" % tmp_path], str(tmp_path))
    sinks.take(records(2))
    wait_for(lambda: sinks.state()[0]["sent"] == 2)
    lines = (tmp_path / "out").read_bytes().splitlines(True)
    assert lines == [b'{"v": 1, "ki\n'] + records(2).splitlines(True)
    real, full = os.write, [1]

    def write(descriptor, data):
        if not (os.readlink("/proc/self/fd/%d" % descriptor) == str(tmp_path / "out") and full):
            return real(descriptor, data)
        full.clear()
        real(descriptor, data[:20])
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "write", write)
    sinks.take(records(1, 3))
    wait_for(lambda: sinks.state()[0]["failures"] == 1)
    sinks.close()
    lines = (tmp_path / "out").read_bytes().splitlines(True)
    assert records(1, 3)[:20] + b"\n" in lines and set(records(3).splitlines(True)) < set(lines)


def test_what_is_no_regular_file_is_not_read(tmp_path, quick):
    """/dev/null, a pipe: there is no last byte."""
    sinks = Sinks(["file:///dev/null"], str(tmp_path))
    sinks.take(records(1))
    sinks.close()
    assert sinks.state()[0]["proven"] == 1


BAD = ["", "syslog", "smtp://x", "syslog:tcp://", "syslog:ftp://x", "syslog:tcp://h?colour=red",
       "syslog:tcp://h:port", "syslog:tcp://h?format=xml", "syslog:?facility=none", "file:relative",
       "syslog:tcp://h?limit=0", "journald:?facility=local0", "syslog:tcp://h?ca=/x"]


@pytest.mark.parametrize("text", BAD)
def test_bad_addresses(text):
    with pytest.raises(UsageError) as caught:
        Address(text)
    assert "--sink" in str(caught.value)


def test_addresses():
    plain = Address("syslog:")
    assert (plain.kind, plain.how, plain.path, plain.facility) == ("syslog", "unix", "/dev/log", 10)
    far = Address("syslog:tls://[::1]:7000?facility=local0&ca=/ca&format=ocsf&limit=2")
    assert (far.host, far.port, far.facility, far.limit) == ("::1", 7000, 16, 2 << 20)
    assert Address("syslog:tcp://log.example").port == 601
    assert Address("file:///var/log/a%20b.json?format=ecs").path == "/var/log/a b.json"
    assert Address("journald:").path == "/run/systemd/journal/socket"


def test_a_certificate_that_is_not_there(tmp_path):
    with pytest.raises(FimError):
        Sinks(["syslog:tls://localhost?ca=/no/such/file"], str(tmp_path))


def test_a_collector_that_is_another(tmp_path, quick):
    """Its certificate is not of the one that was named: nothing is sent."""
    cert, context = tls_server(tmp_path)
    collector = TcpCollector(context)
    sinks = Sinks(["syslog:tls://127.0.0.1:%d?ca=%s&name=other" % (collector.port, cert)],
                  str(tmp_path))
    sinks.take(records(1))
    wait_for(lambda: sinks.state()[0]["failures"] > 0)
    sinks.close(0.1)
    assert collector.numbers() == set() and sinks.state()[0]["proven"] == 0
    collector.close()


def test_the_wrong_certificate_is_tried_again_also_by_python_3_6(tmp_path, quick, monkeypatch):
    """Where ssl.CertificateError is a ValueError alone."""
    class CertificateError(ValueError):
        pass

    def wrap_socket(plain, server_hostname):
        raise CertificateError("hostname %r doesn't match 'other'" % server_hostname)
    monkeypatch.setattr(connection.ssl, "CertificateError", CertificateError)
    collector = TcpCollector()
    cert, _ = certificate(tmp_path)
    sinks = Sinks(["syslog:tls://127.0.0.1:%d?ca=%s&name=log" % (collector.port, cert)],
                  str(tmp_path))
    monkeypatch.setattr(sinks.outlets[0].channel.context, "wrap_socket", wrap_socket)
    wait_for(lambda: sinks.state()[0]["failures"] > 1)
    assert sinks.state()[0]["error"] == "hostname 'log' doesn't match 'other'"
    sinks.close(0.1)
    collector.close()


def test_losses_are_records(tmp_path):
    """As the schema has them."""
    told = []
    sinks = Sinks(["syslog:unix:///none"], str(tmp_path))
    sinks.outlets[0].spool.skip(7)
    for _ in range(2):
        sinks.tell_losses(lambda kind, members, message: told.append((kind, members, message)))
    (kind, members, message), = told
    record = dict(HEAD, kind=kind, seq=1, **members)
    with open(os.path.join(ROOT, "fim", "dist", "record.schema.json"), encoding="utf-8") as file:
        jsonschema.Draft7Validator(json.load(file)).validate(record)
    assert record["count"] == 7 and "syslog:" in message
    sinks.close()


@pytest.mark.parametrize("form", ["ecs", "ocsf"])
def test_a_line_that_cannot_be_mapped_stops_nothing(tmp_path, quick, form):
    """Such as NULs after a power failure: counted once, however often it comes, and told."""
    told, port = [], TcpCollector()
    address = "syslog:tcp://127.0.0.1:%d?format=%s" % (port.port, form)
    port.close()                              # nobody there yet
    sinks = Sinks([address], str(tmp_path))
    sinks.take(records(2) + b"\0" * 40 + b'tail"}\n' + b"{}\n" + records(1, 5) + b"[]\n")
    wait_for(lambda: sinks.state()[0]["failures"] > 1)
    collector = TcpCollector(port=port.port)
    wait_for(lambda: collector.numbers() == {1, 2, 5})
    for client in collector.sockets:          # nothing is proven: all comes again
        client.shutdown(socket.SHUT_RDWR)
    sinks.take(records(1, 7))
    wait_for(lambda: len(collector.streams) > 1 and 7 in collector.numbers())
    for _ in range(2):
        sinks.tell_losses(lambda kind, members, message: told.append((kind, members, message)))
    sinks.close()
    assert sinks.state()[0]["proven"] == 7 and sinks.state()[0]["misfits"] == 3
    assert sinks.state()[0]["state"] == "stopped"
    assert sum(members["count"] for _, members, _ in told) == 3
    assert all(kind == "withheld" and form in members["reason"] for kind, members, _ in told)
    assert any("JSONDecodeError" in members["reason"] for _, members, _ in told)
    collector.close()


def test_the_spools_are_ours_and_not_excluded(tmp_path):
    """What others do there is told: none of its names is one that nobody wants."""
    texts = ["syslog:udp://127.0.0.1:9", "file://%s/out[1]" % tmp_path]
    sinks = Sinks(texts, str(tmp_path / "spool"))
    try:
        found = {os.path.realpath("/proc/self/fd/%d" % descriptor) for descriptor in sinks.own()}
    finally:
        sinks.close()
    assert found == {entry.path for entry in os.scandir(str(tmp_path / "spool"))} and len(found) == 2
    options = argparse.Namespace(sink=texts, spool=str(tmp_path / "spool"))
    assert cli_sinks.excluded(options) == ["%s/out[[]1]" % tmp_path]


# --- a log daemon of this host ----------------------------------------------------


def written_by(seq, path, exe="/usr/sbin/rsyslogd", op="modify"):
    """The record of a write to a log."""
    return line(seq, kind="event", op=op, path=path, process={"exe": exe})


class LogDaemon(threading.Thread):
    """Appends each message to its log, which is watched: `told` is given the records of that."""

    def __init__(self, path, told):
        super().__init__(daemon=True)
        self.socket, self.told, self.messages = Unix(path), told, []
        self.seq = 100
        self.start()

    def run(self):
        with contextlib.suppress(socket.timeout):  # nobody logs any more
            while True:
                self.write(self.socket.socket.recv(1 << 20))

    def write(self, message):
        self.messages.append(message)
        for op in ("modify", "close"):
            self.seq += 1
            self.told(written_by(self.seq, "/var/log/messages", op=op))
        self.told(line(self.seq + 1000, kind="content", event=self.seq, path="/var/log/messages"))


def test_a_local_log_daemon_does_not_feed_on_itself(tmp_path):
    """Each message gives three records: of one heartbeat there would be no end."""
    sinks = Sinks(["syslog:unix://%s/log" % tmp_path], str(tmp_path / "spool"))
    daemon = LogDaemon(str(tmp_path / "log"), sinks.take)
    sinks.take(line(1, kind="heartbeat"))
    wait_for(lambda: daemon.seq == 102 and sinks.state()[0]["echoes"] == 3)
    time.sleep(0.5)
    assert len(daemon.messages) == 1
    told = []
    for _ in range(3):
        sinks.tell_losses(lambda kind, members, message: told.append((kind, members)))
    assert [(kind, members["count"]) for kind, members in told] == [("withheld", 3)]
    sinks.close(0.2)


NO_ECHO = {
    "no log": written_by(1, "/etc/passwd"),
    "another process": written_by(1, "/var/log/messages", exe="/usr/bin/vi"),
    "in the name of one": written_by(1, "/var/log/messages", exe="/tmp/rsyslogd"),
    "no write": written_by(1, "/var/log/messages", op="unlink"),
    "a log in its arguments": line(1, kind="event", op="modify", path="/etc/x", process={
        "exe": "/usr/sbin/rsyslogd", "args": ["/var/log/messages"]}),
    "no event": line(1, kind="alert", op="modify", path="/var/log/messages", process={
        "exe": "/usr/sbin/rsyslogd"}),
    "content of another's write": line(1, kind="content", event=7, path="/var/log/messages"),
    "no path": line(1, kind="error", where="/var/log/messages"),
}


@pytest.mark.parametrize("case", sorted(NO_ECHO))
def test_what_is_no_echo(case):
    echo = Echo()
    assert echo.without(NO_ECHO[case]) == NO_ECHO[case] and echo.count == 0


@pytest.mark.parametrize("text,local", (
    ("syslog:", True), ("journald:", True), ("syslog:tcp://localhost", True),
    ("syslog:udp://127.0.0.1", True), ("syslog:tcp://[::1]:601", True),
    ("syslog:tcp://log.example", False), ("file:///var/log/fim.json", False)))
def test_where_what_is_sent_is_written(text, local):
    assert is_local(Address(text)) == local


def test_a_remote_collector_has_everything(tmp_path):
    sinks = Sinks(["file://%s/out" % tmp_path], str(tmp_path / "spool"))
    sinks.take(written_by(1, "/var/log/messages"))
    sinks.close()
    assert (tmp_path / "out").read_bytes().count(b"\n") == 1
