# SPDX-License-Identifier: GPL-2.0-only
"""Why it started and why it stopped, by what the journal, the package and the host say."""
import os
import stat

import pytest

from fim import ending
from test_run import Run, eventually

NOW, BEFORE = "b" * 36, "a" * 36
# what the journal ended with: (kind, reason, its boot), and why the next start is
STARTS = {
    "nothing": (None, None),
    "stopped by hand": (("stop", "SIGTERM", NOW), None),
    "by hand, and then another boot": (("stop", "SIGTERM", BEFORE), "reboot"),
    "the host went down": (("stop", "reboot", BEFORE), "reboot"),
    "a host that came back without booting its kernel": (("stop", "reboot", NOW), "reboot"),
    "upgraded": (("stop", "upgrade", NOW), "upgrade"),
    "upgraded, and then another boot": (("stop", "upgrade", BEFORE), "upgrade"),
    "removed and installed again": (("stop", "uninstall", NOW), None),
    "removed and installed again in another boot": (("stop", "uninstall", BEFORE), "reboot"),
    "ended by an error": (("stop", "error", NOW), "crash"),
    "killed": (("event", None, NOW), "crash"),
    "the host fell": (("event", None, BEFORE), "crash"),
    "a boot that nobody knows": (("stop", "SIGTERM", None), None),
}


@pytest.mark.parametrize("case", sorted(STARTS))
def test_starts(case):
    last, expected = STARTS[case]
    record = last and {"kind": last[0], "reason": last[1], "host": {"boot_id": last[2]}}
    assert ending.start_reason(record, NOW) == expected


def test_a_stop_without_a_host():
    """Of a journal that somebody made."""
    assert ending.start_reason({"kind": "stop", "reason": "SIGTERM"}, NOW) is None


SERVICE = {"NOTIFY_SOCKET": "/x"}
# what the package's mark has, what the service manager says, the environment, and why it stops
STOPS = {
    "by hand": (None, "running", {}, "SIGTERM"),
    "by the service manager": (None, "running", SERVICE, "SIGTERM"),
    "the host goes down": (None, "stopping", SERVICE, "reboot"),
    "by hand while the host goes down": (None, "stopping", {}, "SIGTERM"),
    "upgrade": ("upgrade", "running", SERVICE, "upgrade"),
    "removal": ("uninstall", "stopping", SERVICE, "uninstall"),
    "a word of nobody": ("because", "running", SERVICE, "SIGTERM"),
    "no text": ("\xff\n", "running", SERVICE, "SIGTERM"),
    "a manager that does not answer": (None, None, SERVICE, "SIGTERM"),
}


@pytest.mark.parametrize("case", sorted(STOPS))
def test_stops(case, tmp_path, monkeypatch):
    word, says, environment, expected = STOPS[case]
    mark, manager = tmp_path / "mark", tmp_path / "systemctl"
    if word:
        mark.write_text(word + "\n", encoding="latin-1")
    manager.write_text("#!/bin/sh\n" + ("echo " + says if says else "exec sleep 9") + "\n")
    manager.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))
    monkeypatch.setattr(ending, "ANSWER_SECONDS", 2 if says else 0.1)
    assert ending.stop_reason("SIGTERM", str(mark), environment) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace wants root")
def test_a_start_after_a_reboot(tmp_path):
    """Stopped by a signal in one boot, started in another one, killed, and started in a third."""
    told = []
    for number, end in enumerate(("stop", "kill", "stop")):
        boot = tmp_path / ("boot-%d" % number)
        boot.write_text("9ab7f7ee-e630-4206-b772-66d874c5d21%d\n" % number)
        within = ["unshare", "-m", "sh", "-c",
                  'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', str(boot)]
        with Run(tmp_path, within=within) as run:
            eventually(lambda: run.has("blind", number + 1))
            {"stop": run.stop, "kill": run.process.kill}[end]()
        told = [record["reason"] for record in run.records() if record["kind"] == "start"]
    assert told == [None, "reboot", "crash"]
