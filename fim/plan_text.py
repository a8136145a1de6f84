"""What a policy declares, in words; and what of it a path or a rule meets."""

from fim.selection import Selection
from fim.spots import in_kernel

__all__ = ["explain_path", "explain_rule", "met", "plan_text"]


def selected(selections):
    """In words."""
    return " ".join(selection["path"] for selection in selections)


def watch_line(watch):
    """One watch, in words."""
    words = [watch["path"], "operations: " + ",".join(watch["ops"] or ["all"])]
    if watch["exclude"]:
        words.append("not " + " ".join(watch["exclude"]))
    words += ["content by %s in fim run, not in fim watch" % watch["content"]] if (
        watch["content"]) else []
    words += ["growing"] if watch["growing"] else []
    return "  watch     " + "; ".join(words)


def rule_line(rule):
    """One rule, in words."""
    once = " once per %g s" % rule["once_per"] if rule["once_per"] else ""
    acts = "; asks for " + ",".join(rule["actions"]) if rule["actions"] else ""
    return "  rule      %s (%s, line %s): %s of %s%s%s\n            %s %s" % (
        rule["name"], rule["severity"], rule["line"], ",".join(rule["on"]),
        selected(rule["selections"]), once, acts, rule["text"], " ".join(rule["tags"]))


def quiet_line(quiet):
    """One exception, in words."""
    return "  quiet     %s of %s, when %s" % (
        ",".join(quiet["on"]), selected(quiet["selections"]),
        "%s says so (evidence: %s)" % (quiet["when"], quiet["evidence"]) if quiet["evidence"]
        else quiet["when"])


def withheld_line(item):
    """One chosen blind spot, in words."""
    kernel = in_kernel(item)
    rest = sorted(set(item["ops"]) - set(kernel))
    return "  withheld  %s: %s" % (item["reason"], "; ".join(
        "%s %s" % (how, ",".join(ops)) for how, ops in (
            ("a chosen blind spot of the kernel for", kernel), ("told, and not judged, for", rest))
        if ops))


def plan_text(plan):
    """A policy in words: first what reaches the kernel."""
    lines = ["policy %s" % plan["name"]]
    for key, line in (("watches", watch_line), ("withheld", withheld_line), ("quiets", quiet_line),
                      ("rules", rule_line)):
        lines += [line(item) for item in plan[key]]
    return lines


def takes(item, path):
    """Whether a rule or an exception of a plan is about a path."""
    return any(Selection(**data).takes(path) for data in item["selections"])


def why_watched(plan, path):
    """How the kernel filter comes to know a path."""
    for watch in plan["watches"]:
        inside = Selection(watch["path"])
        if not inside.takes(path):
            continue
        excluded = not Selection(watch["path"], exclude=watch["exclude"]).takes(path)
        yield "  excluded in %s by one of: %s" % (watch["path"], " ".join(watch["exclude"])) if (
            excluded) else watch_line(watch)


def explain_path(plan, path):
    """Everything that a path meets."""
    lines = list(why_watched(plan, path)) or ["  not watched: no watch is at or above it"]
    lines += [withheld_line(item) for item in plan["withheld"] if takes(item, path)]
    lines += [quiet_line(quiet) for quiet in plan["quiets"] if takes(quiet, path)]
    lines += [rule_line(rule) for rule in plan["rules"] if takes(rule, path)] or ["  no rule is asked about it"]
    return ["policy %s, %s" % (plan["name"], path)] + lines


def explain_rule(plan, name):
    """What a rule is asked about, and what keeps it from it."""
    lines = []
    for rule in plan["rules"]:
        if rule["name"] != name:
            continue
        lines += ["policy %s" % plan["name"], rule_line(rule)]
        for selection in rule["selections"]:
            lines += list(why_watched(plan, selection["path"]))
            lines += [line(item) for key, line in (("withheld", withheld_line),
                                                   ("quiets", quiet_line))
                      for item in plan[key] if takes(item, selection["path"])]
    return list(dict.fromkeys(lines))


def met(plan, path):
    """The same as data."""
    found = {"policy": plan["name"], "path": path, "watches": [
        dict(watch, excluded=not Selection(watch["path"], exclude=watch["exclude"]).takes(path))
        for watch in plan["watches"] if Selection(watch["path"]).takes(path)]}
    found.update((key, [item for item in plan[key] if takes(item, path)])
                 for key in ("withheld", "quiets", "rules"))
    return found
