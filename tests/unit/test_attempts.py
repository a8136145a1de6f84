"""Failed attempts: by which functions they are seen, and that nothing is attached unasked."""

from fim import attempts, bpf, hooks
from fim.kernel import Kernel

PATHS = {"security_path_" + name
         for name in ("mknod", "mkdir", "symlink", "link", "unlink", "rmdir", "rename")}
BELOW = {"vfs_" + name
         for name in ("create", "mknod", "mkdir", "symlink", "link", "unlink", "rmdir", "rename")}
OTHERS = {"inode_permission", "vfs_truncate", "notify_change", "vfs_setxattr", "vfs_removexattr",
          "security_file_ioctl", "perf_trace_sys_exit"}
IDMAP = ("FIM_HAS_REMOVEXATTR_IDMAP",)


def kernel(symbols, headers=()):
    return Kernel("test", symbols, headers, "/headers", True)


def chosen(symbols, headers=()):
    return hooks.choose(kernel(symbols, headers), hooks.ATTEMPTS)


def attached(rows):
    """An attachment on which everything could be attached."""
    attachment = bpf.Attachment(kernel(()), 1)
    attachment.attempts = rows
    return attachment


def test_every_kind_of_kernel_has_a_way():
    every = set(attempts.operations()) | {"exit"}
    assert {hook.operation for hook in chosen(PATHS | OTHERS)} == every
    assert {hook.operation for hook in chosen(PATHS | OTHERS, IDMAP)} == every
    assert {hook.operation for hook in chosen(BELOW | OTHERS)} == every


def test_arguments_are_told_by_the_headers():
    for headers in (), IDMAP:
        programs = {hook.program for hook in chosen(PATHS | OTHERS, headers)
                    if hook.function in ("inode_permission", "notify_change", "vfs_setxattr")}
        assert {name.endswith("_idmap") for name in programs} == {bool(headers)}
    assert not {hook.function for hook in chosen(BELOW | OTHERS, IDMAP)} & BELOW


def test_one_function_for_each_operation():
    rows = [hook for hook in chosen(PATHS | BELOW | OTHERS) if hook.part == "attempt"]
    assert len(rows) == len({hook.operation for hook in rows})
    assert not {hook.function for hook in rows} & BELOW


def test_unasked_nothing_is_loaded_or_attached():
    facts = kernel(PATHS | BELOW | OTHERS)
    request = bpf.request(facts, 1, hooks.choose(facts), hooks.choose(facts, hooks.LEARN))
    ours = {hook.program for hook in hooks.ATTEMPTS} | {name for _, name in bpf.exit_stages()}
    assert not ours & set(bpf.programs(request["text"]))
    assert not ours & {program for _, program in request["attach"]}
    assert not ours & set(request["load"] + request["programs"])
    assert not [function for function, _ in request["attach"] if ":" in function]
    assert request["exit_stages"] == [] and "exit_stages" not in request["maps"]


def test_asked_they_are():
    facts = kernel(PATHS | OTHERS)
    rows = hooks.choose(facts, hooks.ATTEMPTS)
    request = bpf.request(facts, 1, rows, [], attempts=True)
    assert [hooks.EXIT, "fim_sys_exit"] in request["attach"]
    assert {hook.program for hook in rows} <= set(bpf.programs(request["text"]))
    assert [program for _, program in request["exit_stages"]] == [
        "fim_walk_exit", "fim_next_exit", "fim_actor_exit", "fim_submit_exit"]
    assert "exit_stages" in request["maps"]


def test_attempts_are_no_way_to_see_what_succeeds():
    assert not {hook.program for hook in hooks.HOOKS} & {hook.program for hook in hooks.ATTEMPTS}
    assert set(attempts.operations()) <= set(hooks.OPERATIONS)
    assert sorted(operation for operation, _ in attempts.ACTS) == sorted(attempts.operations())


def test_what_the_canary_saw_is_covered_and_the_rest_says_why():
    rows = attempts.coverage(attached(chosen(PATHS | OTHERS)), {"open"})
    assert rows["open"] == {"state": "covered", "hook": "inode_permission", "why": None}
    assert rows["unlink"]["state"] == "not_seen" and "silent" in rows["unlink"]["why"]
    assert "open" not in attempts.headline(rows) and "unlink" in attempts.headline(rows)


def test_why_one_is_not_seen():
    rows = attempts.coverage(attached(chosen(OTHERS, IDMAP)), set())
    assert rows["unlink"] == {"state": "not_seen", "hook": None,
                              "why": "this kernel has no security_path_unlink"}
    without_end = attached(chosen(OTHERS - {"perf_trace_sys_exit"}))
    assert hooks.EXIT in attempts.coverage(without_end, set())["open"]["why"]
    without_end.failed[hooks.EXIT, "fim_sys_exit"] = "no tracefs"
    assert "no tracefs" in attempts.coverage(without_end, set())["open"]["why"]


def test_all_seen_is_one_line():
    rows = attempts.coverage(attached(chosen(PATHS | OTHERS)), set(attempts.operations()))
    assert attempts.headline(rows) == "attempts proven at %d operations" % len(rows)
