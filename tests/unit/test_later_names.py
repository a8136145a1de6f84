"""No module of ours uses a name of the library that came after 3.6, unless it asks first."""

import ast
import glob
import json
import os
import subprocess

import pytest

import later_names
from test_layers import MODULES, ROOT, name, tree

POLICIES = sorted(glob.glob(os.path.join(ROOT, "fim", "dist", "policies", "*.py")))


@pytest.mark.parametrize("path", MODULES + POLICIES, ids=name)
def test_no_later_name(path):
    with open(path, encoding="utf-8") as text:
        assert later_names.unguarded(text.read()) == []


@pytest.mark.parametrize("text, found", [
    ("import os\nos.pidfd_open(1)", "os.pidfd_open"),
    ("import os as system\nsystem.memfd_create('x')", "os.memfd_create"),
    ("from time import time_ns", "time.time_ns"),
    ("import http.server\nhttp.server.ThreadingHTTPServer", "http.server.ThreadingHTTPServer"),
    ("import dataclasses", "dataclasses"),
    ("from dataclasses import field", "dataclasses.field"),
    ("'a'.removeprefix('b')", ".removeprefix"),
    ("breakpoint()", "builtins.breakpoint"),
    ("import subprocess\nsubprocess.run(['a'], capture_output=True)", "run(capture_output=)"),
    # another function's question is no guard
    ("import os\ndef a():\n return hasattr(os, 'pidfd_open')\ndef b():\n os.pidfd_open(1)",
     "os.pidfd_open"),
    ("import os\ntry:\n os.pidfd_open(1)\nexcept OSError:\n pass", "os.pidfd_open")])
def test_a_later_name_is_found(text, found):
    assert [name for _, name in later_names.unguarded(text)] == [found]


@pytest.mark.parametrize("text", [
    "import os\ndef a():\n return os.pidfd_open(1) if hasattr(os, 'pidfd_open') else None",
    "import time\ntry:\n time.time_ns()\nexcept AttributeError:\n pass",
    "try:\n import dataclasses\nexcept ImportError:\n pass",
    "record.time_ns", "import os\nos.open('a', os.O_RDONLY)", "line.join(parts)"])
def test_what_is_guarded_is_taken(text):
    assert later_names.unguarded(text) == []


# --- asked of a 3.6 and of a new one, where there are such -------------------------

ASK = """import importlib, json, sys
def has(module, name):
    try:
        found = importlib.import_module(module)
    except ImportError:
        return False
    if name is None or hasattr(found, name):
        return True
    try:
        return bool(importlib.import_module(module + "." + name))
    except ImportError:
        return False
print(json.dumps([pair for pair in json.load(sys.stdin) if has(*pair)]))"""


def python(version):
    found = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/%s*/bin/python3" % version)))
    if not found:
        pytest.skip("no CPython %s: pyenv has one" % version)
    return found[0]


def there(version, pairs):
    """Those of [(module, name or None)] that this version has."""
    said = subprocess.run([python(version), "-c", ASK], input=json.dumps(sorted(pairs, key=str))
                          .encode(), stdout=subprocess.PIPE, check=True).stdout
    return {tuple(pair) for pair in json.loads(said.decode())}


def used(path):
    """(module, name) of every module that is imported whole or in part, and of what is taken
    of it."""
    parsed = tree(path)
    modules = dict(later_names.imported(parsed))
    for node in ast.walk(parsed):
        if isinstance(node, ast.Attribute) and later_names.ast_name(node.value) in modules:
            yield modules[later_names.ast_name(node.value)], node.attr
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


def test_3_6_has_every_name_that_is_used():
    """But for those that are asked for first; of fim's own modules nothing is asked here."""
    pairs = {pair for path in MODULES + POLICIES for pair in used(path)
             if pair[0].split(".")[0] not in ("fim", "bcc", "compiled")}
    guarded = {("os", "pidfd_open"), ("signal", "pidfd_send_signal"), ("time", "time_ns")}
    assert len(pairs) > 200
    assert pairs - there("3.6", pairs) == guarded


def test_the_table_is_of_later_names():
    """None is in 3.6; nearly all are in 3.13, so they are spelled right."""
    pairs = {(module, name) for module, names in later_names.TABLE.items() for name in names}
    pairs |= {(module, None) for module in later_names.MODULES}
    assert there("3.6", pairs) == set()
    assert len(pairs - there("3.13", pairs)) < len(pairs) // 20
