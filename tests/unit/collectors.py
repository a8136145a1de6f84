# SPDX-License-Identifier: GPL-2.0-only
"""Collectors of this test's own, and what arrives at them, parsed by the standards."""
import contextlib
import json
import re
import socket
import threading
import time

MESSAGE = re.compile(rb'<(\d+)>1 (\S+) (\S+) fim \d+ (\S+) \[fim@32473 number="(\d+)"'
                     rb' spool="[0-9a-f]{16}"(?: omitted="(\d+)")?\](?: (.*))?$', re.S)
HEAD = {"v": 1, "stream": "0" * 32, "time": "2026-11-23T04:54:31.825802160Z", "labels": {},
        "host": {"name": "h", "machine_id": None, "boot_id": None}}


def records(count, first=1, **members):
    """Lines as the monitor hands them over."""
    return b"".join(line(seq, **members) for seq in range(first, first + count))


def line(seq, **members):
    """One of them: `v`, `kind` and `seq` come first."""
    record = {"v": 1, "kind": "error", "seq": seq, "stream": HEAD["stream"], "time": HEAD["time"]}
    record.update(HEAD, where="/x", message="m")
    record.update(members)
    return json.dumps(record).encode("ascii") + b"\n"


def parsed(message):
    """(number, body) of one RFC 5424 message; body None where it was omitted."""
    found = MESSAGE.match(message)
    assert found, message
    assert re.match(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z$", found.group(2))
    assert 0 <= int(found.group(1)) <= 191
    assert (found.group(6) is None) != (found.group(7) is None)
    return int(found.group(5)), found.group(7)


def octet_counted(stream):
    """The whole messages of a stream."""
    while stream:
        length, blank, rest = stream.partition(b" ")
        if not blank or len(rest) < int(length):
            return
        yield rest[:int(length)]
        stream = rest[int(length):]


def wait_for(condition, seconds=20):
    """Until it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class TcpCollector:
    """Accepts, reads what it is told to read, and dies as it is told to."""

    def __init__(self, context=None, port=0):
        self.context = context
        self.streams, self.sockets = [], []
        self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", port))
        self.server.listen(5)
        self.port = self.server.getsockname()[1]
        self.reading = threading.Event()
        self.reading.set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.server.accept()[0]
                if self.context:
                    client = self.context.wrap_socket(client, server_side=True)
            except OSError:
                if self.server.fileno() < 0:
                    return
                continue
            self.sockets.append(client)
            self.streams.append(b"")
            threading.Thread(target=self.read, args=(client, len(self.streams) - 1),
                             daemon=True).start()

    def read(self, client, index):
        with contextlib.suppress(OSError):
            while True:
                self.reading.wait()
                data = client.recv(65536)
                if not data:
                    break
                self.streams[index] += data
        client.close()

    def messages(self):
        """[(number, body)] of all connections."""
        return [parsed(message) for stream in list(self.streams)
                for message in octet_counted(stream)]

    def numbers(self):
        return {number for number, _ in self.messages()}

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)  # or accept() would hold it open
        self.server.close()
        for client in self.sockets:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
