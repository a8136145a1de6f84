# SPDX-License-Identifier: GPL-2.0-only
"""A tree, its baseline, and the command line on them."""
import json
import os
import subprocess
import sys

from core_build import ROOT


class Tree:
    """A directory `top` to work in, and a state directory beside it."""

    def __init__(self, place):
        self.top = os.path.join(str(place), "tree")
        self.state = os.path.join(str(place), "state")
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

    def fim(self, verb, *arguments, before=()):
        """(exit status, standard output, standard error)"""
        done = subprocess.run(list(before) + [sys.executable, "-m", "fim", verb, "--state",
                                              self.state] + list(arguments), cwd=ROOT,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

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
