"""Records that Python writes: one JSON object a line, numbered, with the host they are from."""

import base64
import json
import time
import uuid

from fim import host
from fim.facts import name_text, time_text

__all__ = ["Stream", "path_members"]


def path_members(name, path):
    """{name: text}, and its bytes where they are not UTF-8; nothing for None."""
    if path is None:
        return {}
    members = {name: name_text(path)}
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        members[name + "_b64"] = base64.b64encode(path).decode("ascii")
    return members


class Stream:
    """Numbers records from 1 and hands their lines to `write`."""

    def __init__(self, write):
        self.write = write
        self.seq = 0
        self.stream = uuid.uuid4().hex
        self.host = json.loads(host.describe())

    def emit(self, kind, members):
        """One record."""
        self.seq += 1
        now = time_text(int(time.time() * 10**6) * 1000)
        record = {"v": 1, "kind": kind, "seq": self.seq, "stream": self.stream, "time": now,
                  "host": self.host, "labels": {}}
        record.update(members)
        self.write((json.dumps(record).replace("\x7f", "\\u007f") + "\n").encode("ascii"))
