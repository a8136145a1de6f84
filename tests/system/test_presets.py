# SPDX-License-Identifier: GPL-2.0-only
"""The other presets and every example policy, in one directory, against the attacks, once. (pci_dss
is test_policy.py's.) For a machine that will be thrown away: make test-policy."""
import importlib

import pytest

import attacks
from examples import EXAMPLES, source_of
from policed import Policed, summary

PRESETS = ("cis_rhel", "minimal")
PRESET = "from fim.presets.%s import policy\n"


@pytest.fixture(scope="module")
def host(base, tmp_path_factory):
    attacks.prepare()
    policies = {name: PRESET % name for name in PRESETS}
    policies.update((name, source_of(name)) for name in EXAMPLES)
    try:
        with Policed(tmp_path_factory.mktemp("presets"), [attacks.MARKS], policies) as watcher:
            yield watcher.wait_ready()
    finally:
        attacks.undo()


def wanted_of(preset):
    """{(act, rule, path)}: the attacks that its rules are about."""
    policy = importlib.import_module("fim.presets." + preset).policy
    rules = {rule.name for rule in policy.rules}
    return {(name.replace(" ", "-"), attack.rule, attack.path)
            for name, attack in attacks.ATTACKS.items() if attack.rule in rules}


def test_each_says_what_it_is_about(host):
    acts = [(name, lambda name=name: attacks.attack(name)) for name in attacks.ATTACKS]
    acts += [(name, lambda command=command: attacks.shell(command).returncode == 0)
             for name, command in attacks.MORE.items()]
    found, undone = host.told(acts)
    alerts = [(alert["policy"], act, alert["rule"], alert["path"])
              for act, told in found.items() for alert in told]
    print({name: sum(alert[0] == name for alert in alerts) for name in PRESETS + tuple(EXAMPLES)})
    of_presets = {(name,) + wanted for name in PRESETS for wanted in wanted_of(name)}
    of_examples = {(name, rule, path) for name, (_, wanted) in EXAMPLES.items()
                   for rule, path in wanted}
    told = {(name, rule, path) for name, _, rule, path in alerts}
    told |= {(name, rule, None) for name, _, rule, _ in alerts}
    assert undone == [] and len(of_presets) > 20 and len(of_examples) > 10
    assert sorted(of_presets - set(alerts)) == [], summary(sum(found.values(), []))
    assert sorted(of_examples - told, key=str) == []
