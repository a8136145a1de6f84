# SPDX-License-Identifier: GPL-2.0-only
"""The report's page as a browser draws it: `make look`, which installs a headless Chromium and
leaves the picture in build/look."""
import collections
import json
import os
import re
import shutil
import subprocess

import pytest

import png
import test_report
from core_build import ROOT

state = test_report.state  # its fixture, for the page here
BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")
PICTURES = os.path.join(ROOT, "build", "look")
SIZE = (1200, 1500)
SCHEMES = {"light": "1", "dark": "0"}  # as Blink numbers them
SECONDS = 900  # for a machine that is busy with more

pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium here: make look")


def browse(page, scheme, place, *options):
    """What it prints of the page; it reaches nobody, not even the network's name server."""
    settings = "preferredColorScheme=" + SCHEMES[scheme]
    done = subprocess.run(
        ["unshare", "-n", BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--user-data-dir=%s/profile" % place, "--window-size=%d,%d" % SIZE,
         "--blink-settings=" + settings] + list(options) + ["file://" + page],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS, cwd=str(place))
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode("utf-8")


@pytest.fixture(scope="module")
def page(state, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("look") / "page.html")
    with open(path, "w") as file:
        file.write(test_report.report(state, "html"))
    return path


def colours(page, scheme):
    """{name: (red, green, blue)} as the page's style has them."""
    with open(page) as file:
        blocks = re.findall(r":root \{(.*?)\}", file.read(), re.S)
    found = re.findall(r"--(\w+): #(\w+)", blocks[scheme == "dark"])
    full = {name: value if len(value) == 6 else "".join(2 * digit for digit in value)
            for name, value in found}
    return {name: tuple(bytes.fromhex(value)) for name, value in full.items()}


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_it_is_drawn(page, tmp_path, scheme):
    """The paper, and on it what was seen, what not, gaps, changes and alerts, in their colours."""
    picture = os.path.join(PICTURES, "report-%s.png" % scheme)
    os.makedirs(PICTURES, exist_ok=True)
    browse(page, scheme, tmp_path, "--screenshot=" + picture)
    drawn = collections.Counter(pixel for row in png.rows(picture) for pixel in row)
    wanted = colours(page, scheme)
    assert drawn.most_common(1)[0][0] == wanted["paper"]
    for name in ("seen", "unseen", "gap", "bar", "alert"):
        assert drawn[wanted[name]] > 10, (name, wanted[name])
    assert drawn[wanted["seen"]] > drawn[wanted["unseen"]] > 5000 and len(drawn) > 100  # bars, and letters with soft edges


def test_what_is_there(page, tmp_path):
    """As the browser understood it: nothing of a name became an element."""
    said = browse(page, "light", tmp_path, "--dump-dom")
    assert said.count("<svg") == 1 and said.count("<script") == 0
    assert said.count('class="seen"') == 4 and said.count('class="unseen"') == 5


def addresses(log):
    """Every URL in Chromium's log of its network."""
    with open(log) as file:
        for event in json.load(file)["events"]:
            url = event.get("params", {}).get("url")
            if url:
                yield url


def test_it_asks_nobody(page, tmp_path):
    """Not one request but for the page itself."""
    log = str(tmp_path / "network.json")
    browse(page, "light", tmp_path, "--log-net-log=" + log, "--dump-dom")
    assert {url for url in addresses(log) if not url.startswith("file://" + page)} == set()
