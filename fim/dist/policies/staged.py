"""A file that is made and, within ten minutes, runs as its owner: two acts, one story."""

from fim.policy import Policy, Window

SET_ID = 0o6000

policy = Policy("staged")
trees = [policy.watch(path) for path in ("/srv", "/usr/local", "/opt")]
made = Window("10m")


@policy.rule(*trees, on={"new", "mode"}, severity="critical", tags=["attack:T1548.001"])
def made_and_set_id(change):
    """A new file was made to run as its owner."""
    inode = (change.record.kernel.dev, change.record.kernel.ino)
    new = "new" in change.effects
    before = made.times.get(inode)
    if new:
        made.add(inode, change.time_ns)
    set_id = int(change.after("mode"), 8) & SET_ID
    return bool(set_id and (new or before))
