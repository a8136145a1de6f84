# SPDX-License-Identifier: GPL-2.0-only
"""The central store's word about hosts whose records are not the whole truth, case by case."""
import json
import os

import pytest

from central import Store

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the store's own user wants root")


@pytest.fixture(scope="module")
def store():
    one = Store()
    yield one
    one.close()


class Host:
    """One of them, as lines that arrived."""

    def __init__(self, store, name):
        self.store, self.name, self.spool = store, name, "a" * 16

    def tell(self, number, kind="heartbeat", ago="1 second", **members):
        record = dict({"v": 1, "kind": kind, "seq": number, "stream": "s",
                       "time": "2026-11-23T00:00:00Z"}, **members)
        self.store.ask("INSERT INTO fim_line (host, spool, number, line, received) VALUES "
                       "('%s', '%s', %d, '%s', now() - interval '%s') ON CONFLICT DO NOTHING"
                       % (self.name, self.spool, number, json.dumps(record), ago))

    def doubts(self, but=("not compared",)):
        """[(doubt, detail)]"""
        return [(doubt, detail) for doubt, detail in self.store.ask(
            "SELECT doubt, detail FROM fim_doubt WHERE host = '%s' ORDER BY since, doubt"
            % self.name) if doubt not in but]

    def ago(self, interval):
        """A time as records have it."""
        return self.store.ask("SELECT to_json(now() - interval '%s')" % interval)[0][0].strip('"')


@pytest.fixture
def host(store, request):
    return Host(store, request.node.name.replace("[", "-").strip("]"))


def test_a_host_that_is_well(host):
    for number in (1, 2, 3, 3):
        host.tell(number)
    assert host.doubts() == []
    host.tell(4, kind="check", id="1")
    assert host.doubts(but=()) == []


@pytest.mark.parametrize("there,said", [
    ((1, 2, 5), "2 messages are missing: 3 to 4"), ((4, 5), "3 messages are missing: 1 to 3"),
    ((2,), "1 messages are missing: 1 to 1")], ids=str)
def test_holes(host, there, said):
    """Also before the first that arrived."""
    for number in there:
        host.tell(number)
    assert host.doubts() == [("hole", said)]


def test_blind_and_not_any_more(host):
    """While it is, and for a week after it was."""
    host.tell(1, "blind", reason="kprobes are off", since=host.ago("2 hours"), until=None)
    assert host.doubts() == [("blind", "kprobes are off")]
    host.tell(2, "blind", reason="kprobes are off", since=host.ago("2 hours"),
              until=host.ago("1 hour"), time="2026-11-23T01:00:00Z")
    (doubt, detail), = host.doubts()
    assert doubt == "was blind" and detail.endswith(": kprobes are off")


def test_blind_long_ago(host):
    host.tell(1, "blind", reason="r", since=host.ago("9 days"), until=host.ago("8 days"))
    assert host.doubts() == []


def test_a_spool_that_was_removed(host):
    """Its numbers begin anew: they are no second copy of the first ones, and it is said."""
    for number in (1, 2, 3):
        host.tell(number, ago="1 hour")
    host.spool = "b" * 16
    for number in (1, 2):
        host.tell(number)
    (doubt, detail), = host.doubts()
    assert doubt == "another spool" and "b" * 16 in detail
    host.tell(4)
    assert ("hole", "1 messages are missing: 3 to 3") in host.doubts()


def test_one_number_for_two_messages(host):
    host.tell(1)
    host.tell(1, "event")
    assert host.doubts() == [("twice", "two different messages have the number 1")]


def test_what_is_let_go_is_no_hole(host):
    for number in (1, 2, 3):
        host.tell(number, ago="400 days")
    for number in (4, 5, 7):
        host.tell(number)
    host.store.ask("SELECT fim_forget(now() - interval '1 day')")
    assert host.doubts() == [("hole", "1 messages are missing: 6 to 6")]


def test_a_host_of_which_all_was_let_go(host):
    """It is silent, not forgotten."""
    host.tell(1, ago="400 days")
    host.store.ask("SELECT fim_forget(now() - interval '1 day')")
    assert [doubt for doubt, _ in host.doubts()] == ["silent"]


@pytest.mark.parametrize("data,number,spool", [
    ('[fim@32473 number="7" spool="9c1d5e3f00a2b4c6"]', "7", "9c1d5e3f00a2b4c6"), ("-", "0", ""),
    ('[x number="%s"]' % (30 * "9"), "0", ""), ('[x number="-1" spool="\u00e4"]', "0", "")])
def test_any_structured_data(store, data, number, spool):
    """Nothing that somebody sends is an error: the collector would try it again for ever."""
    assert store.ask("SELECT fim_number('%s'), fim_spool('%s')" % (data, data)) == [[number, spool]]


def test_what_is_not_of_fim(host):
    """It is kept, and said."""
    host.tell(1)
    host.spool = ""
    host.tell(0)
    host.tell(0, "event")
    assert host.doubts() == [("unnumbered", "a message that no sink of fim numbered")] * 2
