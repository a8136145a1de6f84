"""once_per, of alerts that evidence may excuse: one that is excused is not told, and counts for
nothing. So who has the evidence counts, and not the process of the policies."""

from types import SimpleNamespace

from fim.rule import Rule

__all__ = ["Once"]


def seen(alert, time_ns):
    """What a rule tells alike changes by."""
    who = alert.get("process") or {}
    return SimpleNamespace(path=alert["path"], effect=alert.get("effect"), op=alert.get("op"),
                           time_ns=time_ns, process=SimpleNamespace(exe=who.get("exe"),
                                                                    auid=who.get("auid")))


class Once:
    """Of alerts that say themselves how often they are wanted (`once`, of fim/judge.py)."""

    def __init__(self):
        self.rules = {}  # (policy, name): a rule that is asked only whether an alert is due

    def due(self, alert):
        """[the alert] as it is told, or [] where one like it was."""
        if "once" not in alert:
            return [alert]
        told = dict(alert)
        once_ns, time_ns = told.pop("once")
        rule = self.rules.setdefault((told["policy"], told["rule"]), Rule(
            None, (), None, "info", (), None, told["rule"]))
        rule.once_ns = once_ns
        count = rule.due(seen(told, time_ns))
        if count:
            told["not_told"] = count
        return [] if count is None else [told]

    def untold(self):
        """How many were left out that no later one told of."""
        counts = [(rule.name, sum(count for _, count in rule.told.values()))
                  for rule in self.rules.values()]
        return [("withheld", {"reason": "alike alerts of rule %s (once_per)" % name,
                              "count": count}) for name, count in counts if count]
