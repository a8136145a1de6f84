# SPDX-License-Identifier: GPL-2.0-only
"""Policies on recorded streams: what changes are composed of, which rules see them, what is said."""
import os
import sys

import pytest

import fim
from core_build import ROOT
from fim.composer import Composer
from fim.judge import Judge
from fim.policy import Policy, Window
from fim.presets import cis_rhel, minimal, pci_dss
from fim.records import Record
from fim.selection import Selection
from made import Made
from streams import ATTACKS, DAY, LINKS, MORE, NOT_RECORDED, WAYS, acts

sys.path.append(os.path.join(ROOT, "tests", "system"))
import attacks  # noqa: E402
from examples import EXAMPLES, POLICIES, source_of  # noqa: E402

STREAMS = {"attacks": ATTACKS, "more": MORE}
PRESETS = {"pci_dss": pci_dss, "cis_rhel": cis_rhel, "minimal": minimal}


def each_time(policy):
    """A copy whose rules say everything."""
    copy = Policy(policy.name, extends=[policy])
    for rule in copy.rules:
        rule.once_ns = 0
        rule.told.clear()
    return copy


def by_act(policy, path):
    """{mark: {(rule, path)}} of the alerts."""
    return {mark: {(alert.rule, alert.path) for alert in each_time(policy).try_on(records)}
            for mark, records in acts(path).items()}


def recorded():
    """{name: Attack} of those that are in the stream."""
    return {name: attack for name, attack in attacks.ATTACKS.items()
            if name not in NOT_RECORDED["attacks"]}


def changes_of(records):
    composer = Composer()
    found = [change for record in records for change in composer.add(record)]
    return found + composer.finish()


def alike(changes, path):
    """[(effects, changed fields)] of one path."""
    return [(sorted(change.effects), sorted(change.changed)) for change in changes
            if change.path == path]


# --- the presets on the attacks ---

def test_every_attack_is_told():
    """The path is the host's name of the file."""
    found = by_act(pci_dss.policy, ATTACKS)
    missed = [name for name, attack in recorded().items()
              if (attack.rule, attack.path) not in found[name.replace(" ", "-")]]
    assert missed == []


@pytest.mark.parametrize("name", ["cis_rhel", "minimal"])
def test_the_smaller_presets_tell_what_their_rules_are_about(name):
    policy = PRESETS[name].policy
    rules = {rule.name for rule in policy.rules}
    found = by_act(policy, ATTACKS)
    wanted = {mark: (attack.rule, attack.path) for mark, attack in recorded().items()
              if attack.rule in rules}
    assert len(wanted) >= 10
    assert [mark for mark, want in wanted.items()
            if want not in found[mark.replace(" ", "-")]] == []


def test_every_way_gives_the_same_rule_and_path():
    found = by_act(pci_dss.policy, WAYS)
    assert len(found) >= 18
    for mark, alerts in found.items():
        attack = attacks.ATTACKS[mark.split("-by-")[0].replace("-", " ")]
        assert (attack.rule, attack.path) in alerts, mark


def test_a_hard_link_gives_the_same_rule_and_path():
    found = by_act(pci_dss.policy, LINKS)
    assert len(found) == len(set(attacks.LINKED) - NOT_RECORDED["links"])
    for mark, alerts in found.items():
        attack = attacks.ATTACKS[mark.replace("-by-link", "").replace("-", " ")]
        assert (attack.rule, attack.path) in alerts, mark


def test_a_day_without_attacks():
    policy = Policy("day", extends=[pci_dss.policy])
    for rule in policy.rules:
        rule.told.clear()
    alerts = policy.try_on(fim.read(DAY))
    told = sorted((alert.rule, alert.path) for alert in alerts)
    # The aim is three: attacks.DAY has logrotate cut the log since this day was recorded.
    assert told == [("logs_cut", "/var/log/alternatives.log"), ("shell_profiles", "/etc/profile"),
                    ("system_configuration", "/etc/hosts.new"),
                    ("system_configuration", "/etc/issue")]


@pytest.mark.parametrize("name", ["4913", "x.swp", "x~"])
def test_a_name_as_editors_give_hides_nothing(name):
    """cron and sudo read it; what is gone at once is an editor's, and what is beside a file that
    has no rule of its own."""
    made = Made()
    for path, last in (("/etc/cron.d/", "close"), ("/etc/", "close"), ("/etc/pam.d/", "unlink")):
        who = made.process("bin/python3.11")
        made.event("create", path + name, who)
        made.event(last, path + name, who)
    alerts = each_time(pci_dss.policy).try_on(map(Record, made.records))
    assert [(alert.rule, alert.path) for alert in alerts] == [
        ("scheduled_jobs", "/etc/cron.d/" + name)]
    assert not any(watch.exclude for preset in PRESETS.values() for watch in preset.policy.watches)


def test_the_presets_withhold_nothing():
    """A file that is written to and stays open has no close."""
    assert not any(preset.policy.withheld for preset in PRESETS.values())


def test_every_preset_has_tags_and_severities():
    for preset in PRESETS.values():
        for rule in preset.policy.rules:
            assert rule.tags and rule.text.endswith(".") and rule.severity
        assert preset.package_verified.evidence == "package"


def test_what_is_not_recorded():
    """The list gets no older than the streams."""
    marks = {"attacks": set(acts(ATTACKS)), "links": set(acts(LINKS)), "day": {
        os.path.basename(record.process.exe or "") for record in fim.read(DAY) if record.process}}
    suffixes = {"links": "-by-link"}
    for stream, names in NOT_RECORDED.items():
        there = {name.replace(" ", "-") + suffixes.get(stream, "") for name in names}
        assert names and not there & marks[stream]


# --- changes ---

@pytest.fixture(scope="module")
def direct():
    return {mark: changes_of(records) for mark, records in acts(ATTACKS).items()}


def test_an_append_is_one_change(direct):
    assert alike(direct["user"], "/etc/passwd") == [(["content"], ["size"])]
    change = next(change for change in direct["user"] if change.path == "/etc/passwd")
    modify = next(record for record in acts(ATTACKS)["user"] if record.op == "modify")
    assert change.before("size") == modify.file.size < change.after("size") == change.file.size


def test_put_in_the_place_of_another(direct):
    """sed -i: a new file, then renamed over: what it replaced is what was before."""
    changes = direct["shadow"]
    last = changes[-1]
    assert (last.path, last.effect, last.op) == ("/etc/shadow", "content", "rename")
    assert last.before("size") == last.replaced.size and last.after("size") == last.file.size
    made = changes[0]
    assert made.effect == "new" and made.became == "/etc/shadow"
    assert made.seen_by([Selection("/etc")]) is None  # told by its last name
    assert made.seen_by([Selection(made.path)]).effect == "new"
    assert len(last.events) > 2 and last.events == sorted(last.events)


def test_cut_and_written_is_one_change(direct):
    (effects, fields), = alike(direct["log-cut"], "/var/log/auth.log")
    assert (effects, fields) == (["content"], ["mtime", "size"]) or "size" in fields


def test_made_by_one_process_and_set_by_another(direct):
    new, mode = [change for change in direct["setuid"] if change.path == "/usr/local/bin/art"]
    assert {"new", "content"} <= new.effects and mode.effects == {"mode"}
    assert (mode.before("mode"), mode.after("mode")) == ("0755", "4755")


def test_moved_in_is_new_there(direct):
    change = next(change for change in direct["library"] if change.op == "rename")
    assert change.seen_by([Selection("/etc")]).effect == "new"
    assert change.seen_by([Selection("/mnt")]).effect == "gone"
    assert change.seen_by([Selection("/")]).effect == "name"


def test_gone(direct):
    assert alike(direct["log-gone"], "/var/log/syslog") == [(["gone"], [])]


def test_a_name_more(direct):
    change = next(change for change in direct["link-out"] if change.op == "link")
    seen = change.seen_by([Selection("/etc/gshadow")])
    assert (seen.effect, seen.path) == ("name", "/etc/gshadow")


def test_a_mount_touches_what_is_below(direct):
    change = next(change for change in direct["mounted-over"] if change.op == "mount")
    assert change.seen_by([Selection("/etc/pam.d/su")]).effect == "mount"
    assert change.seen_by([Selection("/etc/passwd")]) is None


def test_flags_and_times(direct):
    assert [change.effect for change in direct["immutable"]] == ["label", "label"]
    (change,) = [change for change in direct["timestomp"] if change.effect == "times"]
    assert change.after("mtime") < change.before("mtime")


def test_a_new_file_waits_a_second_for_what_belongs_to_it():
    composer = Composer()
    records = acts(ATTACKS)["cron.d"]
    assert [change for record in records for change in composer.add(record)] == []
    created = next(record for record in records if record.op == "create")
    assert composer.until(created.time_ns + 10**9 - 1) == []
    assert composer.waiting() == [created]
    (change,) = composer.until(records[-1].time_ns + 10**9)
    assert change.effect == "new" and composer.waiting() == [] == composer.finish()


def test_an_editor_s_save_is_one_change():
    """Moved aside, made again by the same process, the old one removed."""
    changes = [change for records in acts(DAY).values() for change in changes_of(records)]
    (saved,) = [change for change in changes if change.path == "/etc/issue"
                and change.op != "rename"]
    assert saved.effect == "content" and saved.before("size") is not None
    assert saved.op == "setxattr" and "label" in saved.effects  # after the close
    seen = [change.seen_by([Selection("/etc", exclude=["*~"])]) for change in changes]
    assert [(change.path, change.effect) for change in seen
            if change and change.path.startswith("/etc/issue")] == [("/etc/issue", "content")]


# --- a name that goes on ---

LOG, SHADOW = "/var/log/auth.log", "/etc/shadow"


def seen_of(made, path, on):
    """[(effects, path)] of what a rule at `path` about `on` sees of these records."""
    policy, seen = Policy("p"), []

    @policy.rule(policy.watch(path, growing=path == "/var/log"), on=on)
    def rule(change):
        seen.append((sorted(change.effects), change.path))

    policy.try_on(map(Record, made.records))
    return seen


def test_a_log_is_cut_and_renamed():
    """By one process, within a second: it was there, and there is less in it."""
    made = Made()
    who = made.process("bin/python3")
    made.event("truncate", LOG, who, changed={"size": {"before": 5000, "after": 0}},
               file={"size": 0})
    made.event("rename", "/var/log/.x", who, ino=made.inode(LOG), old_path=LOG, file={"size": 0})
    assert seen_of(made, "/var/log", {"content", "gone", "name"}) == [
        (["content", "name"], "/var/log/.x")]
    told = each_time(pci_dss.policy).try_on(map(Record, made.records))
    assert [(alert.rule, alert.effect, alert.changed.size.before) for alert in told] == [
        ("logs_cut", "content", 5000)]


@pytest.mark.parametrize("renamed", [False, True])
def test_a_new_file_keeps_the_mode_that_it_got(renamed):
    made = Made()
    who = made.process("bin/install")
    made.event("create", "/usr/local/a", who)
    made.event("chmod", "/usr/local/a", who, file={"mode": "4755"},
               changed={"mode": {"before": "0644", "after": "4755"}})
    if renamed:
        made.event("rename", "/usr/local/b", who, ino=made.inode("/usr/local/a"),
                   old_path="/usr/local/a", file={"mode": "4755"})
    assert seen_of(made, "/usr/local", {"mode"}) == [
        (["mode", "new"], "/usr/local/b" if renamed else "/usr/local/a")]
    assert [alert.changed.mode.as_dict() for alert in each_time(pci_dss.policy).try_on(
        map(Record, made.records)) if alert.rule == "set_user_id"] == [
            {"before": "0644", "after": "4755"}]


def test_moved_aside_twice():
    """The second by the same name does not take the place of the first."""
    made = Made()
    who = made.process("bin/mv")
    made.event("rename", "/etc/.x", who, ino="1", old_path=SHADOW)
    made.event("rename", SHADOW, who, ino="2", old_path="/etc/.evil")
    made.event("rename", "/etc/.y", who, ino="2", old_path=SHADOW)
    assert seen_of(made, SHADOW, {"gone"}) == [(["gone"], SHADOW)] * 2


# --- what a policy declares ---

def told(policy, mark, path=ATTACKS):
    return policy.try_on(acts(path)[mark])


def test_an_alert_has_the_evidence():
    policy = Policy("p", labels={"team": "x"})
    etc = policy.watch("/etc")

    @policy.rule(etc / "passwd", severity="critical", tags=["a"])
    def any_change(change):
        """Said by the docstring."""
        return True

    alert, = told(policy, "user")
    assert (alert.rule, alert.policy, alert.severity, alert.tags, alert.message) == (
        "any_change", "p", "critical", ["a"], "Said by the docstring.")
    assert (alert.path, alert.effect, alert.op) == ("/etc/passwd", "content", "close")
    assert alert.process.exe and alert.file.type == "file"
    numbers = {record.seq for record in acts(ATTACKS)["user"]}
    assert alert.events and set(alert.events) <= numbers


def test_once_per_counts_what_it_leaves_out():
    policy = Policy("p")
    etc = policy.watch("/etc")

    @policy.rule(etc / "passwd", once_per="10m")
    def rule(change):
        return True

    records = acts(ATTACKS)["user"]
    assert len(policy.try_on(records * 3)) == 1
    assert [count for _, count in policy.rules[0].told.values()] == [2]
    ((kind, members),) = Judge([policy]).finish()  # nothing later tells of them
    assert (kind, members["count"]) == ("withheld", 2) and "rule rule" in members["reason"]
    policy.rules[0].once_ns = 0
    assert len(policy.try_on(records * 3)) == 3


def set_back(made, seconds):
    """The clock is, and says so."""
    made.now_ns -= seconds * 10**9
    step = made.event("clock", None, made.process("bin/x"))
    members = {key: step[key] for key in ("v", "seq", "stream", "time", "host", "labels")}
    made.records[-1] = dict(members, kind="clock", before=step["time"], after=step["time"])


@pytest.mark.parametrize("content", [None, "sha256"])
def test_a_clock_that_is_set_back_keeps_nothing_waiting(content):
    """Both what waits to be whole, and what waits for a digest."""
    policy, made = Policy("p"), Made()
    policy.rule(policy.watch("/etc", content=content))(lambda change: True)
    for path in ("/etc/closed", "/etc/made"):
        made.event("create" if path == "/etc/made" else "close", path, made.process("bin/x"))
    set_back(made, 3600)
    judge = Judge([policy])
    told = [(record["kind"], members["path"]) for record in made.records
            for kind, members in judge.judge(Record(record)) if kind == "alert"]
    first = "event" if content is None else "clock"
    assert sorted(told, key=lambda row: row[1]) == [(first, "/etc/closed"), ("clock", "/etc/made")]
    assert judge.finish() == [] == judge.waiting()


def test_once_per_does_not_outlast_a_clock_that_is_set_back():
    policy, made = Policy("p"), Made()
    policy.rule(policy.watch("/etc"), once_per="10m")(lambda change: True)
    who = made.process("bin/rm")
    for seconds in (0, 1, 86400):
        made.now_ns -= seconds * 10**9
        made.event("unlink", "/etc/a", who)
    assert len(policy.try_on(map(Record, made.records))) == 3


def test_quiet():
    policy = Policy("p")
    etc = policy.watch("/etc")

    @policy.rule(etc)
    def rule(change):
        return True

    assert told(policy, "user")
    policy.quiet(etc / "passwd", when=lambda change: change.process.uid == 0, on={"content"})
    assert not told(policy, "user") and told(policy, "hosts")


@pytest.mark.parametrize("on,quiets,told", [
    (None, [{"times"}], True),                 # the file is new, too
    (None, [{"times"}, {"new"}], True),
    (None, [{"new", "content"}], False),       # nobody asks about times
    (None, [{"new"}, {"content"}], False),     # one after the other
    ({"times"}, [{"times"}], False),
    ({"times", "content"}, [{"times"}], True),
    (None, [None], False),
])
def test_quiet_covers_all_that_a_rule_asks_about(on, quiets, told):
    """cp -p: new, content and times."""
    policy, made = Policy("p"), Made()
    etc = policy.watch("/etc")
    policy.rule(etc, on=on)(lambda change: True)
    for effects in quiets:
        policy.quiet(etc, on=effects)
    for op in ("create", "close", "utimes"):
        made.event(op, "/etc/copy", made.process("bin/cp", pid=9))
    assert bool(policy.try_on(map(Record, made.records))) is told


@pytest.mark.parametrize("on,unless", [(None, ["package"]), ({"new", "content"}, ["package"]),
                                       ({"content"}, None)])
def test_evidence_excuses_what_it_is_asked_about(on, unless):
    policy, made = Policy("p"), Made()
    etc = policy.watch("/etc")
    policy.rule(etc)(lambda change: True)
    policy.quiet(etc, when=pci_dss.package_verified, on=on)
    for op in ("create", "close"):
        made.event(op, "/etc/copy", made.process("bin/cp", pid=9))
    assert [alert.unless for alert in policy.try_on(map(Record, made.records))] == [unless]


def test_withheld_is_counted():
    policy = Policy("p")
    etc = policy.watch("/etc")
    policy.withhold(etc, uid=0, ops={"close"})

    @policy.rule(etc)
    def rule(change):
        return True

    judge = Judge([policy])
    outcomes = [outcome for record in acts(ATTACKS)["user"] for outcome in judge.judge(record)]
    (kind, members), = outcomes + judge.finish()
    assert (kind, members["count"]) == ("withheld", 1) and "uid=0" in members["reason"]


def test_only_these_operations():
    policy = Policy("p")
    etc = policy.watch("/etc", ops={"chmod"})

    @policy.rule(etc)
    def rule(change):
        return True

    assert not told(policy, "user") and told(policy, "open-to-all")
    with pytest.raises(ValueError, match="chmd"):
        policy.watch("/x", ops={"chmd"})


def test_growing():
    """Adding is no change of content; cutting is."""
    policy = Policy("p")
    log = policy.watch("/srv/www", growing=True)

    @policy.rule(log / "log", on={"content"})
    def rule(change):
        return True

    assert [alert.op for alert in told(policy, "append", MORE)] == ["close"]  # it is new
    assert len(acts(MORE)["append"]) > 3
    assert told(policy, "rewrite", MORE)


def test_raw_records():
    policy = Policy("p")
    etc = policy.watch("/etc")

    @policy.on_event(etc / "passwd", ops={"modify"})
    def raw(record):
        return "%s of %s" % (record.op, record.path)

    assert [alert.message for alert in told(policy, "user")] == ["modify of /etc/passwd"]


def test_extending():
    policy = Policy("p", extends=[minimal.policy], without={"services"})
    assert "services" not in {rule.name for rule in policy.rules}
    assert "services" in {rule.name for rule in minimal.policy.rules}
    with pytest.raises(ValueError, match="nosuch"):
        Policy("p", extends=[minimal.policy], without={"nosuch"})
    with pytest.raises(ValueError, match="one of this name"):
        policy.rule(name="ssh_access")(print)


def test_plan_is_plain_data():
    import json
    for preset in PRESETS.values():
        assert json.loads(json.dumps(preset.policy.plan())) == preset.policy.plan()


SELECTED = [
    ("/etc", "/etc", True), ("/etc", "/etc/a/b", True), ("/etc", "/etcetera", False),
    ("/", "/etc", True), ("/etc/cron.*", "/etc/cron.d/x", True), ("/etc/cron.*", "/etc/cron", False),
    ("/home/*/.ssh", "/home/a/.ssh/x", True), ("/home/*/.ssh", "/home/a/b/.ssh", False),
    ("/srv/**/x", "/srv/a/b/x", True), ("/srv/[ab]", "/srv/a", True), ("/srv/[!ab]", "/srv/a", False),
    ("/srv/a?c", "/srv/abc", True), ("/srv/a+c", "/srv/aac", False), ("/srv/x\n", "/srv/x", False),
]


@pytest.mark.parametrize("path,name,taken", SELECTED)
def test_selections(path, name, taken):
    assert Selection(path).takes(name) is taken
    assert Selection(**Selection(path).as_dict()).takes(name) is taken


def test_exclusions():
    etc = Selection("/etc", exclude=["*.swp", "/etc/a*b"])
    assert [etc.takes(path) for path in ("/etc/x", "/etc/x.swp", "/etc/x.swp/y", "/etc/a/c/b",
                                         "/etc/ac")] == [True, False, False, False, True]
    assert not (etc / "x").takes("/etc/x/y.swp")


def test_window():
    window = Window("10s")
    assert [window.add("a", time * 10**9) for time in (1, 2, 3, 12, 30)] == [1, 2, 3, 2, 1]
    assert window.add("b", 30 * 10**9) == 1
    with pytest.raises(ValueError):
        Window("10")


# --- the examples ---

def example(name):
    names = {}
    exec(compile(source_of(name), name, "exec"), names)
    return names["policy"]


def test_each_example_has_its_case():
    assert sorted(name[:-3] for name in os.listdir(POLICIES)) == sorted(EXAMPLES)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_example(name):
    stream, wanted = EXAMPLES[name]
    alerts = {(alert.rule, alert.path)
              for alert in example(name).try_on(fim.read(STREAMS[stream]))}
    rules = {rule for rule, _ in alerts}
    assert {want for want in wanted if want[1]} <= alerts, alerts
    assert {rule for rule, _ in wanted} <= rules


@pytest.mark.parametrize("name", ["logs", "from_containers", "mass_change", "web_root", "staged"])
def test_example_is_quiet_otherwise(name):
    path = DAY if EXAMPLES[name][0] == "more" else MORE
    alerts = example(name).try_on(fim.read(path))
    assert [(alert.rule, alert.path) for alert in alerts] == []
