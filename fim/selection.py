"""What of the tree is meant: a path with everything below it, or a pattern of such paths."""

import os
import re

__all__ = ["Selection", "Watch"]

DIGESTS = (None, "sha256")  # what fim run takes of what was changed
GLOB = re.compile(r"(\*\*|[*?]|\[[^]/]+\])")


def translated(pattern, star="[^/]*"):
    """A regular expression: `*` and `?` stay within a name unless told otherwise, `**` does not."""
    words = {"**": ".*", "*": star, "?": "[^/]"}
    return "".join(part if at % 2 and part not in words else words.get(part, re.escape(part))
                   for at, part in enumerate(GLOB.split(pattern))).replace("[!", "[^")


def matcher(expressions):
    """Whether one of these paths, or what is below it, is meant."""
    return re.compile("(?:%s)(?:/.*)?\\Z" % "|".join(expressions), re.S).match


def of_path(path):
    """The expression of a selected path."""
    return translated("" if path == "/" else path)


def of_exclude(pattern):
    """As fim watch takes them: of a last name, or of the whole path where they have a slash."""
    return translated(pattern, ".*") if "/" in pattern else ".*/" + translated(pattern)


class Selection:
    """Paths at and below `path`, in which names may be patterns; `/` narrows it.

    It takes every name that is known of a file, so no other name leads around it.
    """

    def __init__(self, path, roots=None, exclude=(), growing=False, content=None):
        self.path = path
        self.growing = growing
        self.content = content
        # As the records have it, where the policy named it by a link: /bin, /lib.
        self.roots = roots or sorted({path, os.path.realpath(path)})
        self.exclude = tuple(exclude)
        self.matches = matcher(map(of_path, self.roots))
        self.excludes = matcher(map(of_exclude, exclude)) if exclude else lambda path: None

    def __truediv__(self, name):
        name = name.strip("/")
        return Selection(os.path.join(self.path, name),
                         [os.path.join(root, name) for root in self.roots], self.exclude,
                         self.growing, self.content)

    def takes(self, path, directory=False):
        """Whether `path` is meant; of a directory that moves, whether something below it is."""
        if path is None:
            return False
        if self.matches(path):
            return not self.excludes(path)
        return directory and any(root.startswith(path.rstrip("/") + "/") for root in self.roots)

    def as_dict(self):
        """Plain data; Selection(**data) is it again."""
        return {"path": self.path, "roots": self.roots, "exclude": list(self.exclude),
                "growing": self.growing, "content": self.content}


class Watch(Selection):
    """A subtree, or a file, that the kernel watches."""

    def __init__(self, path, exclude=(), content=None, growing=False, ops=None):
        if not os.path.isabs(path):
            raise ValueError("watch %r: an absolute path is needed" % path)
        if content not in DIGESTS:
            raise ValueError("content %r: there is %s" % (content, DIGESTS[1]))
        super().__init__(os.path.normpath(path), exclude=exclude, growing=growing, content=content)
        self.ops = ops

    def plan(self):
        """What reaches the kernel and the hashing of it, as plain data."""
        return {"path": self.path, "exclude": list(self.exclude), "content": self.content,
                "growing": self.growing, "ops": sorted(self.ops) if self.ops else None}
