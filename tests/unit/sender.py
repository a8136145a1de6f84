# SPDX-License-Identifier: GPL-2.0-only
"""A host that is well, with much to tell: until standard input ends.  Usage: sender.py SINK SPOOL"""
import os
import select
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(os.path.dirname(HERE))]

from collectors import line, records  # noqa: E402
from fim.sinks import Sinks  # noqa: E402
from test_sinks import NASTY, nasty_lines  # noqa: E402

TURN = 5  # records, ten times a second

sinks = Sinks([sys.argv[1]], sys.argv[2])
sinks.take(line(1, kind="check", id="1"))
sinks.take(nasty_lines())
sent = 1 + len(NASTY)
while not select.select([sys.stdin], [], [], 0.1)[0]:
    sinks.take(records(TURN, sent + 1, message="m" * 300))
    sent += TURN
sinks.close(30)
print(sent)
