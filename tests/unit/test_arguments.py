# SPDX-License-Identifier: GPL-2.0-only
"""Secrets on command lines are not written, in JSON nor as text; what is none stays."""
import contextlib
import json

import pytest
from hypothesis import given, settings, strategies

import core_record
from core_build import Driver
from fim.cli import parser
from fim.monitor import ARGUMENTS

S = "s3cr3t"
HIDDEN = {  # what was run: how it is shown
    "option with its value": (["x", "--password=" + S], ["x", "--password=***"]),
    "option and value": (["x", "--db-password", S, "y"], ["x", "--db-password", "***", "y"]),
    "variable": (["env", "AWS_SECRET_ACCESS_KEY=" + S, "aws"],
                 ["env", "AWS_SECRET_ACCESS_KEY=***", "aws"]),
    "Java": (["java", "-Djavax.net.ssl.keyStorePassword=" + S],
             ["java", "-Djavax.net.ssl.keyStorePassword=***"]),
    "header": (["curl", "-H", "Authorization: Bearer " + S], ["curl", "-H", "Authorization:***"]),
    "another header": (["curl", "-HX-Api-Key:" + S], ["curl", "-HX-Api-Key:***"]),
    "URL": (["git", "clone", "https://joe:%s@host/x.git" % S],
            ["git", "clone", "https://joe:***@host/x.git"]),
    "mysql": (["/usr/bin/mysql", "-uroot", "-p" + S, "db"],
              ["/usr/bin/mysql", "-uroot", "-p***", "db"]),
    "curl": (["curl", "-u", "joe:" + S, "http://x"], ["curl", "-u", "***", "http://x"]),
    "sshpass": (["sshpass", "-p", S, "ssh", "h"], ["sshpass", "-p", "***", "ssh", "h"]),
    "shell": (["sh", "-c", "mysql -p%s db; ls" % S], ["sh", "-c", "mysql -p***"]),
    "shell and option": (["bash", "-c", "x --token %s" % S], ["bash", "-c", "x --token***"]),
    "capitals": (["x", "--ApiKey=" + S], ["x", "--ApiKey=***"]),
    "JSON": (["curl", "-d", '{"password":"%s"}' % S], ["curl", "-d", '{"password":***']),
    "openssl": (["openssl", "rsa", "-passin", "pass:" + S], ["openssl", "rsa", "-passin", "***"]),
}
SHOWN = [
    ["vim", "/etc/passwd"], ["cat", "/etc/token.d/x=y"], ["docker", "-v", "/run/secrets:/s:ro"],
    ["mysql", "-p", "db"], ["x", "--password-file=/etc/x"], ["ls", "-p", "x"],
    ["scp", "h:/tmp/x", "."], ["git", "clone", "git@host:x/y.git"], ["x", ""], ["", "-p"],
    ["curl", "http://host:80/a@b"], ["rm", "-rf", "--", "*"], ["x", "="], ["x", ":"], ["x", "://"],
]


@contextlib.contextmanager
def renderer(shown):
    """(arguments as JSON has them, the line for people) of one command line, by --arguments."""
    with Driver("decode_driver", str(ARGUMENTS.index(shown))) as driver:
        def ask(arguments):
            raw = core_record.record("create", path=core_record.walk(b"/x"), args=b"".join(
                one.encode("utf-8", "surrogateescape") + b"\0" for one in arguments))
            parts = driver.ask(raw).split(b"\n", 2)
            return json.loads(parts[1].decode())["process"]["args"], parts[2].decode()
        yield ask


@pytest.fixture(scope="module")
def render():
    """As they are shown where nobody says otherwise."""
    with renderer(ARGUMENTS[0]) as ask:
        yield ask


@pytest.mark.parametrize("name", sorted(HIDDEN))
def test_hidden(render, name):
    given_args, expected = HIDDEN[name]
    args, text = render(given_args)
    assert args == expected
    assert S not in text and "***" in text


@pytest.mark.parametrize("arguments", SHOWN, ids=" ".join)
def test_shown(render, arguments):
    assert render(arguments)[0] == arguments


WORDS = strategies.text(alphabet="-=:/@ apswordtken", max_size=40)


@settings(max_examples=300, deadline=None)
@given(strategies.lists(WORDS, min_size=1, max_size=6))
def test_what_is_not_hidden_is_as_it_was(render, words):
    """Any argument is whole, or its beginning, three stars and its end."""
    for shown, given_arg in zip(render(words)[0], words):
        head, _, tail = shown.rpartition("***")
        assert shown == given_arg or (given_arg.startswith(head) and given_arg.endswith(tail))


@pytest.mark.parametrize("name", sorted(HIDDEN))
def test_all_of_them(name):
    """--arguments all"""
    given_args, _ = HIDDEN[name]
    with renderer("all") as render_all:
        args, text = render_all(given_args)
    assert args == given_args
    assert "***" not in text and "$ " + given_args[0] in text


def test_none_of_them():
    """--arguments none: not known, neither in JSON nor as text."""
    with renderer("none") as render_none:
        for given_args in [given_args for given_args, _ in HIDDEN.values()] + SHOWN:
            args, text = render_none(given_args)
            assert args is None and "$" not in text and S not in text


@pytest.mark.parametrize("verb", ["watch", "run"])
def test_the_option(verb):
    """It has these words, and hides where it is not given."""
    assert parser().parse_args([verb, "/etc"]).arguments == "redacted"
    for word in ARGUMENTS:
        assert parser().parse_args([verb, "--arguments", word, "/etc"]).arguments == word
