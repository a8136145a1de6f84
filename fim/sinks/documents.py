"""A record's line as a line of another schema."""

import json

from fim.sinks import ecs, ocsf

__all__ = ["FORMATS", "documents", "text_of"]

MAPPINGS = {"ecs": ecs.document, "ocsf": ocsf.document}
FORMATS = ("json",) + tuple(sorted(MAPPINGS))


def text_of(document):
    """One line in ASCII, in which no control character is left."""
    return json.dumps(document, separators=(",", ":")).replace("\x7f", "\\u007f").encode("ascii")


def documents(name):
    """A function of one line without its end; JSON lines stay what they are."""
    if name not in MAPPINGS:
        return lambda line: line
    mapping = MAPPINGS[name]
    return lambda line: text_of(mapping(json.loads(line.decode("utf-8"))))
