"""The choice of hooks on the recorded facts of booted kernels (fim doctor --facts).

tests/unit/facts/*.json are written by that command only; choice.txt beside them is what
a reviewer reads: every row that some kernel uses, and a mark for each kernel that does.
"""

import glob
import json
import os
import re

import pytest

import predicates
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
ROWS = hooks.HOOKS + hooks.LEARN + hooks.ATTEMPTS


def choice():
    """The table as it is: a line for each row of fim/hooks.py that is chosen anywhere."""
    chosen = {release: {hook for table in (hooks.HOOKS, hooks.LEARN, hooks.ATTEMPTS)
                        for hook in hooks.choose(kernel, table)}
              for release, kernel in KERNELS.items()}
    yield "# operation part function program" + "".join("  " + release for release in KERNELS)
    for hook in ROWS:
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
    assert {"3", "5", "6", "7"} <= majors


@every_kernel
def test_facts_say_where_they_are_from(release):
    origin = FACTS[release]["origin"]
    assert re.match(r"fim \S+ doctor --facts$", origin["written_by"])
    assert all(origin[name] for name in ("release", "build", "machine", "user_space", "date"))


@every_kernel
def test_facts_have_what_the_choice_asks_for(release):
    """A row added later whose function or header was not looked for would be taken for absent."""
    asked = set().union(*(predicates.strings(hook.when) for hook in ROWS))
    functions = {hooks.symbol(hook.function) for hook in ROWS if ":" not in hook.function}
    for name in functions | {word for word in asked if re.match(r"[a-z]+(_\w+)+$", word)}:
        assert kernel_facts.matters(name, kernel_facts.named()), name
    assert "perf_trace_sys_exit" in asked
    flags = {word for word in asked if word.startswith("FIM_HAS_")}
    assert flags and flags <= set(FACTS[release]["probed"])
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
def test_every_attempt_has_a_hook(release):
    """Each that is told of has one here, or no kernel function that could serve; where they end
    is always known."""
    kernel = KERNELS[release]
    chosen = {hook.operation for hook in hooks.choose(kernel, hooks.ATTEMPTS)}
    assert "exit" in chosen
    missing = {hook.operation for hook in hooks.ATTEMPTS} - chosen
    assert missing == set()


@every_kernel
def test_each_candidate_of_an_attempt_hidden(release):
    """Nothing else changes, and no row of the function is left."""
    kernel = KERNELS[release]
    before = hooks.choose(kernel, hooks.ATTEMPTS)
    for function in {hooks.symbol(hook.function) for hook in before if hook.part == "attempt"}:
        after = hooks.choose(kernel, hooks.ATTEMPTS, {function})
        assert function not in {hooks.symbol(hook.function) for hook in after}
        touched = {hook.operation for hook in before if hook.function == function}
        assert ({hook for hook in before if hook.operation not in touched}
                == {hook for hook in after if hook.operation not in touched})


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
