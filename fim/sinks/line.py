"""The head of a record's line, read without parsing the whole of it."""

import json
import re

__all__ = ["Head"]

# Every record begins with these, with or without blanks (record_head() in ext/).
HEAD = re.compile(rb'\{"v": ?\d+, ?"kind": ?"(\w+)", ?"seq": ?\d+, ?"stream": ?"\w+", '
                  rb'?"time": ?"([^"]+)"')


class Head:
    """What kind of record a line has, and when it was; "" of what is no record."""

    def __init__(self, line):
        found = HEAD.match(line)
        if found:
            self.kind, self.time = (part.decode("ascii") for part in found.groups())
            return
        try:
            record = json.loads(line.decode("utf-8"))
            self.kind, self.time = str(record["kind"]), str(record["time"])
        except (ValueError, KeyError, TypeError):
            self.kind = self.time = ""
