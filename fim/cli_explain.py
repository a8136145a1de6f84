"""The verbs of a policy that nobody runs: policy, explain."""

import json
import os

from fim import policy_file
from fim.child import Child
from fim.cli_policy import add_policy_option
from fim.errors import ACT_ERROR, UsageError
from fim.plan_text import explain_path, explain_rule, met, plan_text
from fim.report import write_lines

__all__ = ["add_verbs"]


def add_verbs(verbs, add_output):
    """To the command line."""
    add_output(add_policy(verbs))
    add_output(add_explain(verbs))


def add_policy(verbs):
    """fim policy"""
    verb = verbs.add_parser("policy", help="validate a policy, and say what reaches the kernel",
                            description="Needs no root. A policy that is refused is named with "
                            "file and line.")
    verb.add_argument("policies", nargs="*", metavar="FILE", help="a file, or a directory of them")
    verb.set_defaults(run=show_policy, failed=ACT_ERROR)
    return verb


def add_explain(verbs):
    """fim explain"""
    verb = verbs.add_parser("explain", help="which rules and which kernel filter a path meets")
    verb.add_argument("path", nargs="?", metavar="PATH")
    verb.add_argument("--rule", metavar="NAME", help="what this rule is asked about")
    add_policy_option(verb)
    verb.set_defaults(run=explain, failed=ACT_ERROR)
    return verb


def plans_of(places):
    """What policies declare, asked of a sandbox."""
    child = Child(policy_file.read(places))
    try:
        return child.load()
    finally:
        child.kill()


def show_policy(options):
    """fim policy"""
    plans = plans_of(options.policies)
    if options.format == "json":
        write_lines(options.output, [json.dumps(plan) for plan in plans])
    else:
        write_lines(options.output, [line for plan in plans for line in plan_text(plan)])
    return 0


def data(options, plans):
    """fim explain --format json: of each policy what the path, or the paths of the rule, meet."""
    if options.path:
        return [json.dumps(met(plan, os.path.abspath(options.path))) for plan in plans]
    return [json.dumps({"policy": plan["name"], "rule": rule, "paths": [
        met(plan, selection["path"]) for selection in rule["selections"]]})
            for plan in plans for rule in plan["rules"] if rule["name"] == options.rule]


def explain(options):
    """fim explain"""
    if bool(options.path) == bool(options.rule):
        raise UsageError("fim: explain: name a PATH or a --rule: see fim explain --help")
    plans = plans_of(options.policies)
    if options.path:
        path = os.path.abspath(options.path)
        lines = [line for plan in plans for line in explain_path(plan, path)]
    else:
        lines = [line for plan in plans for line in explain_rule(plan, options.rule)]
        if not lines:
            raise UsageError("fim: %s: no such rule: fim policy lists them" % options.rule)
    write_lines(options.output, data(options, plans) if options.format == "json" else lines)
    return 0
