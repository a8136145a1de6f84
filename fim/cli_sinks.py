"""Where the verbs that watch send records: --sink, --spool, and what goes beside them."""

import contextlib
import glob
import os
import urllib.parse

from fim.errors import UsageError
from fim.output import opened
from fim.sinks import FORMATS, Sinks
from fim.sinks.address import Address

__all__ = ["add_options", "add_output_sink", "chosen_format", "excluded", "opened_sinks",
           "output_as_sink", "outputs"]

SPOOL = "/var/lib/fim/sinks"


def add_options(verb):
    """To a verb that watches."""
    verb.add_argument("--sink", metavar="SINK", action="append", default=[],
                      help="send records there too: syslog:tcp://HOST:PORT, syslog:tls://..., "
                      "syslog:udp://..., syslog: (the local one), journald:, file:///PATH; with "
                      "?format=ecs or other options, see fim(8); may be repeated")
    verb.add_argument("--spool", metavar="DIR", default=SPOOL,
                      help="where records wait until a sink has them (%s)" % SPOOL)


def add_output_sink(verb):
    """To a verb whose records go into its journal first."""
    verb.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="of --output")
    verb.add_argument("--output", metavar="FILE",
                      help="append the records to FILE, too: --sink file://FILE by another name")


def output_as_sink(options):
    """Take --output for the sink that it is; FimError where it cannot be written now."""
    if options.output is None:
        return
    with opened(options.output):
        path = urllib.parse.quote(os.fsencode(os.path.abspath(options.output)))
    options.sink.append("file://%s?format=%s" % (path, options.format))


def chosen_format(options):
    """Text for people, unless there are sinks: those take records."""
    if options.format == "text" and options.sink:
        raise UsageError("fim: --format text is for people, --sink for records: say --format %s"
                         % ", ".join(FORMATS))
    return options.format or ("json" if options.sink else "text")


def excluded(options):
    """Patterns of the files that are sinks: what is written there is no change to tell, and they
    are rotated, so that no descriptor is theirs for ever."""
    places = [Address(sink) for sink in options.sink]
    return [glob.escape(os.path.realpath(place.path)) for place in places if place.kind == "file"]


class Outputs:
    """Standard output or a file, and every sink."""

    def __init__(self, output, sinks):
        self.output = output
        self.own = (output.descriptor,) + sinks.own()
        self.sinks = sinks

    def write(self, lines):
        """Whole lines, to the sinks first: their spools keep them."""
        self.sinks.take(lines)
        self.output.write(lines)



@contextlib.contextmanager
def opened_sinks(options):
    """Every --sink; what one has not taken at the end stays in its spool."""
    sinks = Sinks(options.sink, options.spool)
    try:
        yield sinks
    finally:
        sinks.close()


@contextlib.contextmanager
def outputs(options, form):
    """All of them, open."""
    with opened(options.output, form) as output, opened_sinks(options) as sinks:
        yield Outputs(output, sinks)
