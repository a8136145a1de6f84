"""Prints the README's table of supported kernels, of runs.json: a row a run, written by who made it.

    python3 tests/vm/supported.py           the table
    python3 tests/vm/supported.py README    put into it, between its heading and the next one
"""

import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RUNS = os.path.join(HERE, "runs.json")
# What a row may say of itself, in this order in the table.
STATES = ("run by us", "reported", "not run")
# Member, heading; what a member says where it has nothing to say.
COLUMNS = (("kernel", "kernel"), ("user_space", "user space"), ("bcc", "bcc"), ("state", "state"),
           ("ran", "what ran"), ("result", "result"))
NOTHING = "-"
SECTION = re.compile(r"(?<=^## Supported kernels\n\n).*?(?=^## )", re.M | re.S)
INTRODUCTION = """*Run by us*: on this version by the tests named, or on an earlier one where that is said; *reported*: by
somebody else, with `fim doctor --full`; *not run*: nobody has tried, as far as we know. The table
is made of `tests/vm/runs.json` by `tests/vm/supported.py`.
"""


def runs(path=RUNS):
    """The rows, those of one state together."""
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)
    return sorted(rows, key=lambda row: STATES.index(row["state"]))


def cell(row, member):
    """The text of one member; what the table is about stands out."""
    text = (row[member] or NOTHING).replace("|", "\\|").replace("\n", " ")
    return "*%s*" % text if member == "state" else text


def section(rows):
    """The README's, without its heading."""
    lines = ["| %s |" % " | ".join(heading for _, heading in COLUMNS), "|---" * len(COLUMNS) + "|"]
    lines += ["| %s |" % " | ".join(cell(row, member) for member, _ in COLUMNS) for row in rows]
    return INTRODUCTION + "\n" + "\n".join(lines) + "\n\n"


def replaced(text, rows):
    """The README with the section as it should be."""
    if not SECTION.search(text):
        raise ValueError("no section of supported kernels")
    return SECTION.sub(lambda _: section(rows), text)


def main():
    if not sys.argv[1:]:
        sys.stdout.write(section(runs()))
        return
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(replaced(text, runs()))


if __name__ == "__main__":
    main()
