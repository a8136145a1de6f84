"""Where records go besides the journal: syslog, journald, files; as they are, as ECS or as OCSF.

The seam: whoever has records calls `Sinks.take(lines)` with whole JSON lines, as
bytes, a batch at a time, and goes on. One thread numbers them and writes them to
each sink's spool; a thread of each sink sends them. What a heartbeat says of the journal's head is
a record like any other, and goes the same way.

    address.py      what --sink names
    feed.py         the queue before the spools
    spool.py        the records that are not proven to have arrived, on disk
    outlet.py       one sink: its thread, its state
    echo.py         what a log daemon writes of what it was sent
    syslog.py       RFC 5424; journald.py, file.py: the other kinds
    datagram.py     local socket and UDP; connection.py: TCP and TLS
    ecs.py ocsf.py  one record as a document of another schema
    misfits.py      lines that have none
"""

from fim.sinks.documents import FORMATS, documents
from fim.sinks.sinks import Sinks

__all__ = ["FORMATS", "Sinks", "documents"]
