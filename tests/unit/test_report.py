# SPDX-License-Identifier: GPL-2.0-only
"""fim report: figures of a day that was made by hand, in every form."""
import calendar
import csv
import html.parser
import io
import json
import os
import subprocess
import sys

import pytest

from core_build import ROOT
from fim import spans
from fim.database import open_database
from fim.journal import Journal
from fim.presence import Presence
from fim.segments import Segments
from made import Made

DAY = "2026-11-22T"
EVIL = "/etc/<script>alert(1)</script>\x1b[2J\u202e&\"'\n"
FORMULA = "=HYPERLINK(\"http://x\")"
GAP = {"cpu": 0, "lost": 5, "first": 7, "last": 11, "reason": "the ring was full"}


def at(clock):
    """As records have it."""
    return DAY + clock + ".000000000Z"


def seconds(clock):
    return calendar.timegm((2026, 11, 22) + tuple(map(int, clock.split(":"))))


class Day:
    """Records, of streams one after the other."""

    def __init__(self):
        self.lines, self.stream, self.seq, self.made = [], 0, 0, Made()

    def tell(self, kind, clock, **members):
        if kind == "start":
            self.stream, self.seq = self.stream + 1, 0
        self.seq += 1
        record = {"v": 1, "kind": kind, "seq": self.seq, "stream": "%032x" % self.stream,
                  "time": at(clock), "host": {"name": "web1", "machine_id": None, "boot_id": None},
                  "labels": {}}
        self.lines.append(json.dumps(dict(record, **members), separators=(",", ":")))
        return self.seq

    def change(self, op, path, clock, exe="bin/vi", **members):
        record = self.made.event(op, path, self.made.process(exe), **members)
        mine = {key: value for key, value in record.items()
                if key not in ("v", "kind", "seq", "stream", "time", "host", "labels")}
        self.tell("event", clock, **mine)

    def starts(self, clock, seen, reason=None):
        self.tell("start", clock, reason=reason, version="1", paths=["/etc"])
        self.tell("coverage", seen, operations={})


def blind(day, clock, since, until, reason):
    day.tell("blind", clock, since=at(since), until=until and at(until), reason=reason, mend="m")


def whole_day():
    """Seen from 0:00:10 to 2:00, 2:30 to 4:00, 5:01 to 6:00 and 7:01 to 8:00."""
    day = Day()
    day.starts("00:00:00", "00:00:10")
    for number in range(7):
        day.change("modify", "/etc/passwd", "01:00:%02d" % number)
        day.change("close", "/etc/passwd", "01:00:%02d" % number)
    day.change("unlink", EVIL, "01:10:00", exe="bin/rm")
    day.change("create", "/etc/shadow", "01:20:00", result="failure", errno="EACCES", file={})
    blind(day, "02:00:11", "02:00:00", None, "kprobes are off")
    blind(day, "02:30:00", "02:00:00", "02:30:00", "kprobes are off")
    gap = day.tell("gap", "03:00:00", since=at("02:59:59"), until=at("03:00:00"), **GAP)
    day.tell("gap_closed", "03:00:02", gap=gap, sweep=gap, checked=9, changed=1, undecided=0)
    day.tell("gap", "03:10:00", since=at("03:09:59"), until=at("03:10:00"), **GAP)
    for number in range(3):
        day.tell("alert", "03:2%d:00" % number, rule="password_database", severity="high", tags=[],
                 message="m", events=[1], **({"held": "maintenance"} if number else {}))
    day.tell("withheld", "03:30:00", reason="r", count=40, since=None, until=None)
    day.tell("stop", "04:00:00", reason="reboot", version="1")
    day.starts("05:00:00", "05:01:00", "reboot")
    blind(day, "05:01:00", "04:00:00", "05:01:00", "fim was not running")
    day.tell("heartbeat", "06:00:00", counts={}, head=None, waiting=0)
    day.tell("start", "07:00:00", reason="crash", version="1", paths=["/etc"])
    blind(day, "07:01:00", "06:00:00", "07:01:00", "fim was not running")
    day.tell("coverage", "07:01:03", operations={})  # what is new is compared in between
    day.tell("heartbeat", "08:00:00", counts={}, head=None, waiting=0)
    day.tell("event", "07:30:00")  # no whole record
    day.change("modify", "/etc/late", "11:00:00")
    return day


CHECK = {"id": "1", "baseline_digest": "d", "mode": "full", "checked": 1908, "new": 1, "removed": 0,
         "changed": 2, "moved": 0, "unreadable": 0, "appended": 0, "excluded": 0,
         "started": at("04:30:00"), "ended": at("04:31:00")}
ACCEPT = {"check": "1", "by": "alice", "reason": FORMULA, "paths": ["/etc/passwd", "/etc/x"],
          "baseline_digest": "d", "time": at("04:40:00")}


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("state"))
    journal = Journal(Segments(path + "/journal", make=True), "1" * 32)
    for line in whole_day().lines:
        journal.append(line.encode("utf-8") + b"\n")
        journal.flush()
    journal.close()
    database = open_database(path, make=True)
    with database.changing():
        database.end_check(database.add_check([]), CHECK)
        database.end_check(database.add_check([]), dict(CHECK, id="2", ended="2026-11-21" + at("")[10:]
                                                        .replace("T.", "T00:00:00.")))
        database.add_accept(ACCEPT)
    database.close()
    return path


def report(state, form, since="00:00", until="10:00", **environment):
    done = subprocess.run(
        [sys.executable, "-m", "fim", "report", "--state", state, "--utc", "--format", form,
         "--since", "2026-11-22 %sZ" % since, "--until", "2026-11-22 %sZ" % until], cwd=ROOT,
        stdout=subprocess.PIPE, env=dict(os.environ, **environment))
    assert done.returncode == 0
    return done.stdout.decode("utf-8")


def test_figures(state):
    found = json.loads(report(state, "json"))
    seen = (2 * 3600 - 10) + 5400 + 59 * 60 + 59 * 60
    assert found["summary"] == {
        "host": "web1", "since": at("00:00:00"), "until": at("10:00:00"), "hours": 10.0,
        "monitored_hours": round(seen / 3600, 4), "unseen_hours": round(10 - seen / 3600, 4),
        "unseen_periods": 5, "gaps": 2, "records_lost": 10, "gaps_open": 1, "comparisons": 1,
        "differences": 3, "changes": 8, "failed_attempts": 1, "alerts": 3, "alerts_held": 2,
        "withheld": 40, "errors": 0}
    assert [(row["since"][11:19], row["until"][11:19], row["reason"]) for row in found["unseen"]] == [
        ("00:00:00", "00:00:10", "fim was not running"),
        ("02:00:00", "02:30:00", "kprobes are off"),
        ("04:00:00", "05:01:00", "fim was not running"),
        ("06:00:00", "07:01:00", "fim was not running"),
        ("08:00:00", "10:00:00", "fim was not running")]
    assert [(row["lost"], row["checked"]) for row in found["gaps"]] == [(5, 9), (5, None)]
    assert found["alerts"] == [{"rule": "password_database", "severity": "high", "alerts": 3,
                                "held": 2, "last": at("03:22:00")}]
    files = {row["path"]: row for row in found["files"]}
    assert (files["/etc/passwd"]["changes"], files["/etc/passwd"]["accepted"]) == (7, "alice")
    assert (files[EVIL]["changes"], files[EVIL]["accepted"]) == (1, None)
    assert found["actors"][0] == {"user": "root", "login": None, "program": "/usr/bin/vi",
                                  "changes": 7}
    assert found["accepted"] == [{"time": ACCEPT["time"], "by": "alice", "check": "1", "names": 2,
                                  "reason": FORMULA}]
    assert [row["id"] for row in found["comparisons"]] == ["1"]


@pytest.mark.parametrize("since,until,hours", [
    ("01:00", "02:00", 1.0), ("02:00", "02:30", 0.0), ("02:15", "02:45", 0.25),
    ("03:30", "05:31", 1.0), ("05:30", "06:30", 0.5), ("08:00", "09:00", 0.0)])
def test_the_time_before_counts(state, since, until, hours):
    """Whether it saw at `since` stands in records before it."""
    summary = json.loads(report(state, "json", since, until))["summary"]
    assert summary["monitored_hours"] == pytest.approx(hours, abs=0.0001)
    assert summary["monitored_hours"] + summary["unseen_hours"] == pytest.approx(summary["hours"])


def test_text(state):
    said = report(state, "text")
    assert "monitored 5.46 of 10.00 hours" in said and "alice" in said
    assert all(char.isprintable() or char == "\n" for char in said)
    assert "\\x1b[2J" in said and "<script>" in said
    assert "nothing was missed" in report(state, "text", "01:00", "02:00")


def test_csv(state):
    """Each table is whole, and nothing in it is a formula."""
    rows = list(csv.reader(io.StringIO(report(state, "csv"))))
    files = [row[1:] for row in rows if row[0] == "files"]
    table = [dict(zip(files[0], row)) for row in files[1:]]
    assert ("/etc/passwd", "7") in [(row["path"], row["changes"]) for row in table]
    assert [row for row in rows if FORMULA in "".join(row)][0][-1] == "'" + FORMULA
    assert not [value for row in rows for value in row if value.startswith(("=", "+", "@"))]


class Page(html.parser.HTMLParser):
    """Its elements, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.said, self.attributes = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.said.append(data)


def test_page(state):
    """Self-contained, without scripts, whatever names are; with everything that text has."""
    source = report(state, "html")
    page = Page(source)
    assert not {"script", "link", "img", "iframe", "object", "a"} & set(page.tags)
    assert not [name for name, _ in page.attributes
                if name in ("src", "href", "style") or name.startswith("on")]
    assert "url(" not in source and "@import" not in source
    assert all(char.isprintable() or char in "\n\t" for char in source)
    assert "\u202e" not in source
    said = "".join(page.said)
    assert "<script>alert(1)</script>\\x1b[2J" in said and FORMULA in said
    assert "not seen from 2026-11-22 02:00:00 +0000 to 2026-11-22 02:30:00 +0000: kprobes" in said
    kinds = [value for name, value in page.attributes if name == "class"]
    assert kinds.count("seen") == 4 and kinds.count("unseen") == 5 and kinds.count("gap") == 2


def test_page_is_replaced_and_ours(state, tmp_path):
    out = str(tmp_path / "page.html")
    for _ in range(2):
        assert subprocess.call([sys.executable, "-m", "fim", "report", "--state", state,
                                "--format", "html", "--output", out], cwd=ROOT) == 0
    with open(out) as file:
        assert file.read().count("<!DOCTYPE") == 1
    assert os.stat(out).st_mode & 0o777 == 0o600


def test_stopped_while_it_was_blind():
    """Two reasons, one after the other."""
    presence, day = Presence(), Day()
    day.starts("00:00:00", "00:00:00")
    blind(day, "01:00:01", "01:00:00", None, "kprobes are off")
    day.tell("stop", "02:00:00", reason="SIGTERM", version="1")
    day.starts("03:00:00", "03:00:00")
    blind(day, "03:00:00", "02:00:00", "03:00:00", "fim was not running")
    day.tell("stop", "04:00:00", reason="SIGTERM", version="1")
    for line in day.lines:
        record = json.loads(line)
        presence.take(record, seconds(record["time"][11:19]))
    seen, unseen = presence.periods(seconds("00:00:00"), seconds("04:00:00"))
    assert seen == [(seconds("00:00:00"), seconds("01:00:00")),
                    (seconds("03:00:00"), seconds("04:00:00"))]
    assert [tuple(one) for one in unseen] == [
        (seconds("01:00:00"), seconds("02:00:00"), "kprobes are off"),
        (seconds("02:00:00"), seconds("03:00:00"), "fim was not running")]


def test_spans():
    assert spans.united([(3, 4), (1, 2), (2, 3), (9, 9)]) == [(1, 4)]
    assert spans.minus([(0, 10)], [(1, 2), (5, 20), (-3, 0)]) == [(0, 1), (2, 5)]
    assert spans.within([(0, 10)], 3, 4) == [(3, 4)] and spans.within([(0, 1)], 3, 4) == []
