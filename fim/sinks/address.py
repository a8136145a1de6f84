"""What --sink names: KIND:WHERE?OPTION=VALUE&..., parsed and checked.

    syslog:                         the local socket, /dev/log
    syslog:unix:///run/other/log
    syslog:udp://host[:514]  syslog:tcp://host[:601]  syslog:tls://host[:6514]
    journald:                       its own protocol
    file:///var/log/fim.json        appended to
"""

import urllib.parse

from fim.errors import UsageError

__all__ = ["Address", "FACILITIES"]

FACILITIES = {name: number for number, name in enumerate(
    "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock "
    "local0 local1 local2 local3 local4 local5 local6 local7".split())}
PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
FORMATS = ("json", "ecs", "ocsf")
LIMIT_MB = 256
SYSLOG_OPTIONS = {"facility", "format", "limit"}
# kind: {how: the options it takes}
KINDS = {
    "syslog": {"unix": SYSLOG_OPTIONS, "udp": SYSLOG_OPTIONS, "tcp": SYSLOG_OPTIONS,
               "tls": SYSLOG_OPTIONS | {"ca", "cert", "key", "name"}},
    "journald": {"unix": {"format", "limit"}},
    "file": {"file": {"format", "limit"}},
}
WHERE = {"syslog": "/dev/log", "journald": "/run/systemd/journal/socket"}


def wrong(text, why):
    """A UsageError about one --sink."""
    return UsageError("fim: --sink %s: %s: see fim(8), SINKS" % (text, why))


class Address:
    """One --sink: its kind, how and where it is reached, and its options."""

    def __init__(self, text):
        self.text = text
        self.kind, colon, rest = text.partition(":")
        if not colon or self.kind not in KINDS:
            raise wrong(text, "begin with one of " + " ".join(k + ":" for k in sorted(KINDS)))
        try:
            self.read(urllib.parse.urlsplit(text if self.kind == "file" else rest))
        except ValueError as error:
            raise wrong(text, str(error))

    def read(self, url):
        """The parts of the URL."""
        self.how = url.scheme or "unix"
        if self.how not in KINDS[self.kind]:
            raise ValueError("%s: not one of %s" % (self.how, " ".join(sorted(KINDS[self.kind]))))
        self.host, self.port = url.hostname, url.port or PORTS.get(self.how)
        self.path = urllib.parse.unquote(url.path) or WHERE.get(self.kind)
        if self.how in PORTS and not self.host:
            raise ValueError("no host")
        if self.how not in PORTS and not (self.path or "").startswith("/"):
            raise ValueError("no absolute path")
        self.take_options(dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True,
                                                      strict_parsing=bool(url.query))))

    def take_options(self, given):
        """Those that this kind has."""
        unknown = set(given) - KINDS[self.kind][self.how]
        if unknown:
            raise ValueError("%s: no option of it" % min(unknown))
        self.options = given
        self.format = given.get("format", "json")
        self.limit = int(given.get("limit", LIMIT_MB)) << 20
        facility = given.get("facility", "authpriv")
        if self.format not in FORMATS:
            raise ValueError("format=%s: not one of %s" % (self.format, " ".join(FORMATS)))
        if facility not in FACILITIES:
            raise ValueError("facility=%s: no facility" % facility)
        if self.limit < 1 << 20:
            raise ValueError("limit: megabytes, 1 at least")
        self.facility = FACILITIES[facility]
