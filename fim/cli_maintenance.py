"""The verb maintenance."""

import json

from fim import maintenance
from fim.errors import ACT_ERROR, UsageError
from fim.report import write_lines
from fim.rule import seconds

__all__ = ["add_verb"]

STATE = "/var/lib/fim"


def add_verb(verbs, add_output):
    """fim maintenance"""
    verb = verbs.add_parser("maintenance", help="a time in which alerts are expected",
                            description="Alerts are written, marked as held, and listed at the "
                            "end.")
    verb.add_argument("what", choices=("begin", "end", "status"))
    verb.add_argument("--for", dest="span", metavar="TIME", help="such as 30m or 2h")
    verb.add_argument("--reason", metavar="TEXT", help="why; it is journaled")
    verb.add_argument("--state", metavar="DIR", default=STATE, help="the daemon's (%s)" % STATE)
    verb.set_defaults(run=maintain, failed=ACT_ERROR)
    add_output(verb)


def maintain(options):
    """fim maintenance"""
    if options.what == "begin":
        if not options.span or not options.reason:
            raise UsageError("fim: maintenance begin: --for TIME and --reason TEXT are needed")
        try:
            span = seconds(options.span)
        except ValueError as error:
            raise UsageError("fim: --for %s" % error)
        maintenance.begin(options.state, span, options.reason)
    elif options.what == "end":
        maintenance.end(options.state)
    now = maintenance.current(options.state)
    if options.format == "json":
        write_lines(options.output, [json.dumps(dict(now or {}, active=bool(now)))])
        return 0
    write_lines(options.output, ["maintenance until %s, by %s: %s"
                          % (now["until"], now["by"], now["reason"]) if now
                          else "no maintenance"])
    return 0
