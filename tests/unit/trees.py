# SPDX-License-Identifier: GPL-2.0-only
"""A tree, its baseline, and the command line on them."""
import contextlib
import io
import json
import os
from unittest import mock

from fim import cli, database


class Tree:
    """A directory `top` to work in, and a state directory beside it."""

    def __init__(self, place):
        self.top = os.path.join(str(place), "tree")
        self.state = os.path.join(str(place), "state")
        self.output = os.path.join(str(place), "output")
        os.mkdir(self.top)

    def path(self, *names):
        return os.path.join(self.top, *names)

    def write(self, name, content="content\n"):
        """A file; returns its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def fim(self, verb, *arguments):
        """(exit status, output, complaints) of a command line, in this process."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.output)
        with mock.patch("sys.stderr", io.TextIOWrapper(io.BytesIO())) as stderr:
            status = cli.main([verb, "--state", self.state, "--output", self.output]
                              + list(arguments))
            said = stderr.buffer.getvalue().decode()
        with contextlib.suppress(FileNotFoundError), open(self.output, encoding="utf-8") as out:
            return status, out.read(), said
        return status, "", said

    def approved_as_made(self):
        """Three files, approved; itself."""
        for name in ("a", "b", "d/c"):
            self.write(name)
        self.init()
        return self

    def init(self, *arguments):
        """Approve the tree."""
        status, _, said = self.fim("init", *arguments, self.top)
        assert status == 0, said

    def check(self, *arguments):
        """(exit status, {path within the tree: finding}, the check record)"""
        status, out, said = self.fim("check", "--format", "json", "--no-packages", *arguments)
        assert not said, said
        records = [json.loads(line) for line in out.splitlines()]
        findings = {os.path.relpath(record["path"], self.top): record
                    for record in records if record["kind"] == "finding"}
        return status, findings, records[-1]

    def whole(self):
        """The state file opens, its digest holds; how many names are approved. 0: it was not
        made yet."""
        opened = database.open_database(self.state, make=True)
        if opened.get("scope") is not None:
            opened.sealed()
        assert opened.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        count = opened.count()
        opened.close()
        return count
