"""Changes: what records come to. One act on one file, with before and after."""

from fim.records import Fields

__all__ = ["Change", "EFFECTS", "OPERATIONS", "of_record"]

# operation: its effects. `modify`, `mmap`: the close that follows tells what came of them.
OPERATIONS = {
    "create": ("new",), "mkdir": ("new",), "mknod": ("new",), "symlink": ("new",),
    "link": ("new", "name"), "unlink": ("gone",), "rmdir": ("gone",),
    "rename": ("name", "new", "gone", "content", "mode", "owner"),
    "close": ("content",), "truncate": ("content",), "chmod": ("mode",), "chown": ("owner",),
    "utimes": ("times",), "setxattr": ("label",), "removexattr": ("label",),
    "setflags": ("label",), "mount": ("mount",), "umount": ("mount",), "open": ("device",),
    "modify": (), "mmap": (),
}
EFFECTS = ("new", "content", "gone", "name", "mode", "owner", "label", "times", "mount", "device")
FIELDS = {"hash": "content", "size": "content", "growth": "content", "mode": "mode",
          "uid": "owner", "gid": "owner", "mtime": "times", "flags": "label", "acl": "label",
          "selinux": "label", "capability": "label", "xattrs": "label", "target": "content",
          "type": "content"}
STATES = {"new": ("new",), "missing": ("gone",), "removed": ("gone",), "moved": ("name",)}
MOVED_IN = "in a directory that was moved in"
COMPARED = ("type", "size", "mode", "uid", "gid")
AROUND = ("mount", "umount", "rename")  # of a directory: what is below is touched, too


class Face:
    """The effects of a change as who looks at one side of it sees them."""

    def __init__(self, paths, effects):
        self.paths = [path for path in paths if path]
        self.effects = set(effects)


class Change:
    """What a rule sees.

    effect    what it is: one of EFFECTS; `effects` all that came with it
    path      the file, by the name that the rule selects; `names` all that are known
    old_path  rename: what it was called; link: the name that was there
    changed   {field: {"before", "after"}} of what is known to differ; `same` {field: value}
              of what is known not to
    content   the `content` record with the digest of what is in the file, if one came
    file      what stat says afterwards; `replaced` what was there before a rename
    process   who did it; its members are None where nobody saw it
    records   what it was composed of; `record` the last, `time` and `op` of that
    """

    def __init__(self, record, faces, both=None, changed=None, directory=False):
        self.records = [record]
        self.faces = faces
        self.both = both
        self.changed = dict(changed or {})
        self.same = {}
        self.cut = shrinks(changed)  # at some time it was smaller than before
        self.content = None  # the `content` record of what is in the file now
        self.directory = directory
        self.became = None   # its path since its maker renamed it
        self.by = None       # the record of who did it, if that is not the last
        self.instead = None  # of a new file: what its maker had moved away from there
        self.path = faces[0].paths[0] if faces[0].paths else None
        self.effects = faces[0].effects
        self.old_path = record.old_path or record.target_path

    @property
    def record(self):
        """The last record."""
        return self.records[-1]

    @property
    def effect(self):
        """The foremost of its effects."""
        return next((word for word in EFFECTS if word in self.effects), None)

    @property
    def names(self):
        """Every name known of the file."""
        return list(dict.fromkeys(path for face in self.faces for path in face.paths))

    @property
    def op(self):
        """The operation of the last record; None where none was seen."""
        return self.record.op

    @property
    def time(self):
        """When: an aware datetime."""
        return self.record.time

    @property
    def time_ns(self):
        """When: nanoseconds since 1970."""
        return self.record.time_ns

    @property
    def file(self):
        """What stat says of it now."""
        return self.record.file or Fields({})

    @property
    def replaced(self):
        """What was at the path before a rename, or None."""
        return self.record.replaced

    @property
    def process(self):
        """Who did it."""
        return (self.by or self.record).process or Fields({})

    @property
    def events(self):
        """The numbers of its records."""
        return [record.seq for record in self.records]

    def before(self, field):
        """What it was, or None."""
        return self.changed[field]["before"] if field in self.changed else self.same.get(field)

    def after(self, field):
        """What it is."""
        if field in self.changed:
            return self.changed[field]["after"]
        return self.same[field] if field in self.same else getattr(self.file, field)

    def differ(self, field, before, after):
        """What is known of a field: that it is another, or the same."""
        self.changed.pop(field, None)
        self.same.pop(field, None)
        if before is not None and before == after:
            self.same[field] = after
        else:
            self.changed[field] = {"before": before, "after": after}

    def add(self, record, effects):
        """One more record of the same act."""
        self.records.append(record)
        for face in self.faces:
            face.effects |= set(effects)
        changed = record.as_dict().get("changed") or {}
        self.cut = self.cut or shrinks(changed)
        for field, values in changed.items():
            first = self.changed.get(field, values)["before"]
            self.changed[field] = {"before": first, "after": values["after"]}
        self.compare()

    def written(self, size):
        """It was closed; the file was so large before it was written to, None: unknown."""
        size = self.before("size") if "size" in self.changed else size
        if size is not None and not self.instead and "new" not in self.effects:
            self.differ("size", size, self.file.size)

    def put_for(self, moved):
        """It is in the place of what was moved away: no new name, another content."""
        self.instead = moved.record.as_dict()["file"]
        for face in self.faces:
            face.effects = face.effects - {"new"} | {"content"}
        self.effects = self.faces[0].effects
        self.compare()

    def take_over(self, earlier):
        """What was done to the file by the name before. Of one that is in another's place now
        it is known already what differs from that."""
        effects, changed = earlier.effects - {"new"}, earlier.changed
        if self.replaced:
            effects, changed = effects - {"mode", "owner"}, {}
        self.records = earlier.records + self.records
        self.faces[0].effects |= effects
        # A new file has no other name to who sees both; one that was there has.
        whole = self.replaced or "new" in earlier.effects
        self.both = self.faces[0].effects if whole else self.both | effects
        self.cut = self.cut or earlier.cut
        self.changed = dict(changed, **self.changed)

    def compare(self):
        """What differs from the file that was there."""
        if self.instead:
            differs = differences(self.instead, self.record.as_dict()["file"])
            self.changed.update(differs)
            self.effects |= {FIELDS[field] for field in differs}

    def only_grew(self):
        """Whether nothing is known of it but that something was written: of a file to which
        adding is no change."""
        before, after = self.before("size"), self.after("size")
        return not (before is not None and after < before or "growth" in self.changed
                    or "new" in self.effects or self.replaced or self.cut)

    def no_content(self, selection):
        """Whether, to who selects so, nothing is another in the file."""
        return selection.growing and self.only_grew() or selection.content and "hash" in self.same

    def seen_by(self, selections):
        """This change as a rule with these selections sees it; None: it does not."""
        taken = [(face, path, selection) for face in self.faces for path in face.paths
                 for selection in selections if selection.takes(path, self.directory)]
        if not taken or any(selection.takes(self.became) for selection in selections):
            return None
        seen = object.__new__(Change)
        seen.__dict__.update(vars(self))
        face, seen.path, selection = taken[0]
        sides = {id(face) for face, _, _ in taken}
        seen.effects = self.both if len(sides) > 1 and self.both else face.effects
        if "content" in seen.effects and seen.no_content(selection):
            seen.effects = seen.effects - {"content"}
        return seen


def shrinks(changed):
    """Whether a `changed` says that there is less."""
    size = (changed or {}).get("size")
    return bool(size) and None not in size.values() and size["after"] < size["before"]


def names_of(record):
    """Every name by which the file is known, that of the act first."""
    return list(dict.fromkeys([record.path] + (record.known_paths or [])))


def differences(before, after):
    """{field: {before, after}} of two `file` members."""
    return {field: {"before": before.get(field), "after": after.get(field)}
            for field in COMPARED if before.get(field) != after.get(field)}


def replaced_by(record, path, before, after, old_path):
    """The change of a path where another file is now."""
    changed = dict(differences(before, after), **(record.as_dict().get("changed") or {}))
    effects = {"content"} | {FIELDS[field] for field in changed if field in FIELDS}
    return Change(record, [Face([path], effects), Face([old_path], {"gone"})], both=effects,
                  changed=changed)


def of_rename(record):
    """A name moved, or files changed places."""
    members = record.as_dict()
    after, replaced = members["file"], members.get("replaced")
    if record.exchange and replaced:
        yield replaced_by(record, record.path, replaced, after, None)
        yield replaced_by(record, record.old_path, after, replaced, None)
    elif replaced:
        yield replaced_by(record, record.path, replaced, after, record.old_path)
    else:
        yield Change(record, [Face([record.path], {"new"}), Face([record.old_path], {"gone"})],
                     both={"name"}, directory=record.file.type == "directory")


def of_link(record):
    """A file has a name more."""
    faces = [Face([record.path], {"new"})]
    if record.target_path and not record.created:
        faces.append(Face([record.target_path] + (record.known_paths or []), {"name"}))
    yield Change(record, faces, both={"name", "new"})


def of_event(record):
    """The changes of one event by itself."""
    effects = OPERATIONS.get(record.op, ())
    if not effects or record.result == "failure":
        return
    if record.op in ("rename", "link"):
        for change in {"rename": of_rename, "link": of_link}[record.op](record):
            yield change
        return
    names = [record.path] if effects[0] in ("new", "gone") else names_of(record)
    if record.op == "open":
        names.append(record.holds)
    yield Change(record, [Face(names, effects)], changed=record.as_dict().get("changed"),
                 directory=record.op in AROUND)


def of_comparison(record):
    """Of `reconcile`, `finding`: a difference of which nobody was seen."""
    changed = record.as_dict().get("changed") or {}
    effects = STATES.get(record.state) or {FIELDS[field] for field in changed if field in FIELDS}
    if effects and record.state not in ("unchanged", "unreadable"):
        yield Change(record, [Face([record.path], effects)], changed=changed)


def of_found(record):
    """What came with a directory is new; what else is found was there."""
    if record.reason == MOVED_IN:
        yield Change(record, [Face([record.path], {"new"})])

MAKERS = {"event": of_event, "reconcile": of_comparison, "finding": of_comparison,
          "found": of_found}


def of_record(record):
    """[Change] of a record by itself."""
    maker = MAKERS.get(record.kind)
    return list(maker(record)) if maker else []
