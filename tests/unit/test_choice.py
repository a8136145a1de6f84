"""The choice of hooks on the recorded facts of booted kernels (fim doctor --facts).

tests/unit/facts/*.json are written by that command only; choice.txt beside them is what
a reviewer reads: every row that some kernel uses, and a mark for each kernel that does.
"""

import glob
import json
import os
import re

import pytest

from fim import hooks, kernel_facts

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "facts")
REVIEWED = os.path.join(HERE, "choice.txt")


def recorded():
    """{release: facts}, the oldest kernel first."""
    found = {}
    for path in glob.glob(os.path.join(HERE, "*.json")):
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
        found[facts["origin"]["release"]] = facts
    return dict(sorted(found.items(), key=lambda pair: [
        int(number) for number in re.findall(r"\d+", pair[0])]))


FACTS = recorded()
KERNELS = {release: kernel_facts.of_record(facts) for release, facts in FACTS.items()}
every_kernel = pytest.mark.parametrize("release", list(KERNELS))


def choice():
    """The table as it is: a line for each row of fim/hooks.py that is chosen anywhere."""
    chosen = {release: set(hooks.choose(kernel)) | set(hooks.choose(kernel, hooks.LEARN))
              for release, kernel in KERNELS.items()}
    yield "# operation part function program" + "".join("  " + release for release in KERNELS)
    for hook in hooks.HOOKS + hooks.LEARN:
        marks = ["x" if hook in chosen[release] else "." for release in KERNELS]
        if "x" in marks:
            yield "%-12s %-9s %-31s %-25s %s" % (hook[:4] + (" ".join(marks),))


def test_choice_is_as_reviewed():
    with open(REVIEWED, encoding="utf-8") as file:
        reviewed = file.read().splitlines()
    now = list(choice())
    assert now == reviewed, "write %s anew?\n%s" % (REVIEWED, "\n".join(now))


def test_there_are_facts_of_old_and_new():
    majors = {release.split(".")[0] for release in KERNELS}
    assert {"3", "5", "6"} <= majors


@every_kernel
def test_facts_say_where_they_are_from(release):
    origin = FACTS[release]["origin"]
    assert re.match(r"fim \S+ doctor --facts$", origin["written_by"])
    assert all(origin[name] for name in ("release", "build", "machine", "user_space", "date"))


@every_kernel
def test_facts_have_what_the_choice_asks_for(release):
    """A row added later whose function or header was not looked for would be taken for absent."""
    for hook in hooks.HOOKS + hooks.LEARN:
        name = hooks.symbol(hook.function)
        assert kernel_facts.matters(name, set()) or name in kernel_facts.named(), name
        flags = {word for word in hook.when.__code__.co_consts if str(word).startswith("FIM_HAS_")}
        assert flags <= set(FACTS[release]["probed"])
    assert FACTS[release]["headers"] and FACTS[release]["kprobe_pmu"]


def cases():
    """(release, function) of every one that is chosen."""
    for release, kernel in KERNELS.items():
        functions = {hooks.symbol(hook.function) for hook in hooks.choose(kernel)}
        for function in sorted(functions):
            yield release, function


@pytest.mark.parametrize("release, function", list(cases()))
def test_each_candidate_hidden(release, function):
    """The next one, or said not to be seen; what does not use it is as it was."""
    kernel = KERNELS[release]
    before = hooks.choose(kernel)
    after = hooks.choose(kernel, without={function})
    assert function not in {hooks.symbol(hook.function) for hook in after}
    touched = {hook.operation for hook in before if hooks.symbol(hook.function) == function}
    assert ({hook for hook in before if hook.operation not in touched}
            == {hook for hook in after if hook.operation not in touched})
    missing = set(hooks.uncovered(after)) - set(hooks.uncovered(before))
    assert missing <= touched
    parts = {(hook.operation, hook.part) for hook in after}
    for hook in before:
        if hook.part not in hooks.OPTIONAL and hook.operation not in missing:
            assert (hook.operation, hook.part) in parts


@every_kernel
def test_everything_hidden(release):
    functions = {hooks.symbol(hook.function) for hook in hooks.HOOKS}
    assert hooks.choose(KERNELS[release], without=functions) == []
    assert set(hooks.uncovered([])) == set(hooks.OPERATIONS)


@every_kernel
def test_each_row_found_silent(release):
    """As the canary finds it: its next candidate comes, or it stays and is said."""
    kernel = KERNELS[release]
    chosen = hooks.choose(kernel)
    for operation in hooks.OPERATIONS:
        doubt = hooks.doubtful(chosen, {operation})
        way = hooks.give_way(kernel, doubt)
        after = hooks.choose(kernel, without=way)
        assert not way & set(after)
        assert {(hook.operation, hook.part) for hook in way} <= {
            (hook.operation, hook.part) for hook in after}
