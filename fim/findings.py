"""Two lists of facts, side by side: what is new, removed, changed, moved; what explains what."""

import os

from fim.facts import EXPLAINED, difference, identity, is_directory, same_content, unpack

__all__ = ["Finding", "compare", "explain", "is_below", "relate"]


class Finding:
    """One path that is not as approved. `before` and `after` are facts, None: not there."""

    def __init__(self, path, before, after, state=None):
        self.path = path
        self.before = before
        self.after = after
        self.old_path = None  # where this inode was approved, if elsewhere
        self.growth = None    # of a growing file: what is wrong with it
        self.diff = []        # lines: what is different in its text
        self.package = None   # (name, state), see fim/packages.py
        self.changed = difference(before, after) if before and after else []
        self.state = state or self.classify()

    def classify(self):
        """new, removed, changed or unreadable."""
        if self.before is None:
            return "new"
        if self.after is None:
            return "removed"
        return "unreadable" if "unreadable" in unpack(self.after) else "changed"

    def same_inode(self):
        """Whether both are there, and one and the same. A link to elsewhere is another link,
        even where the file system gave it the number of the one before."""
        return bool(self.before and self.after and "target" not in self.changed
                    and identity(self.before) == identity(self.after))

    def row(self):
        """As the database keeps it."""
        return self.path, self.state, self.old_path, self.before, self.after


def compare(approved, batches, clear):
    """(path, before, after) wherever the two differ; both are in the order of paths. `clear`
    says of facts, approved and present, that there is nothing to look at."""
    rows = iter(approved)
    row = next(rows, None)
    for batch in batches:
        for path, facts in batch:
            while row is not None and row[0] < path:
                yield row[0], row[1], None
                row = next(rows, None)
            if row is None or row[0] != path:
                yield path, None, facts
                continue
            if not clear(row[1], facts):
                yield path, row[1], facts
            row = next(rows, None)
    while row is not None:
        yield row[0], row[1], None
        row = next(rows, None)


def is_below(path, root):
    """Whether `path` is `root` or lies in it."""
    return path == root or path.startswith(root if root.endswith(b"/") else root + b"/")


def find_origins(findings):
    """Where an inode that is at another place now was approved: {finding: its origin}."""
    left = {identity(finding.before): finding
            for finding in findings if finding.before and not finding.same_inode()}
    for finding in findings:
        if finding.after is None or finding.same_inode():
            continue
        origin = left.get(identity(finding.after))
        if origin and origin is not finding and same_content(origin.before, finding.after):
            yield finding, origin


def relate(findings):
    """Say of what was moved or swapped where it came from; a move is one finding, not two."""
    merged = set()
    for finding, origin in list(find_origins(findings)):
        finding.old_path = origin.path
        if finding.state != "new":
            continue
        finding.state = "moved"
        if origin.state == "removed" and origin.path not in merged:
            merged.add(origin.path)
            finding.before = origin.before
            finding.changed = [word for word in difference(finding.before, finding.after)
                               if word not in EXPLAINED]
    return [finding for finding in findings
            if finding.path not in merged or finding.state != "removed"]


def touched_directories(findings):
    """Directories in which a name came, went, or is another inode's."""
    paths = [finding.path for finding in findings if not finding.same_inode()]
    paths += [path for finding in findings if finding.state == "moved"
              for path in (finding.path, finding.old_path)]
    return {os.path.dirname(path) for path in paths}


def explain(findings, excluded=()):
    """Directories that changed only by the names found in them: state `explained`."""
    touched = touched_directories(findings)
    touched |= {os.path.dirname(path) for path in excluded}
    for finding in findings:
        if (finding.state == "changed" and finding.path in touched
                and is_directory(finding.after) and finding.same_inode()
                and set(finding.changed) <= EXPLAINED):
            finding.state = "explained"
