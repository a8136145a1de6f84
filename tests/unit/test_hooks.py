"""The choice of hooks, on the facts of kernels that are not running."""

import pytest

import predicates
from fim import hooks
from fim.kernel import Kernel, find_members

# Functions that every kernel of the fleet has (kernel-facts, sections 1 and 10).
EVERYWHERE = {
    "security_inode_create", "security_inode_mkdir", "security_inode_mknod",
    "security_inode_symlink", "security_inode_link", "security_d_instantiate", "d_delete",
    "clear_inode", "d_move", "d_exchange", "file_update_time", "security_file_open",
    "locks_remove_file", "security_inode_getattr", "security_inode_setattr",
    "evm_inode_post_setattr", "security_inode_post_setxattr", "evm_inode_post_removexattr",
    "security_file_ioctl", "mnt_drop_write_file", "perf_event_mmap", "security_sb_mount",
    "security_sb_umount", "security_sb_pivotroot", "blkdev_open",
}


def kernel(symbols, headers=()):
    return Kernel("test", symbols, headers, "/headers", True)


def programs(chosen):
    return {(hook.function, hook.program) for hook in chosen}


def test_an_answer_that_nobody_asked_for_covers_nothing():
    """Without security_inode_setattr the return of notify_change says whether, and not what."""
    rows = [hook for hook in hooks.HOOKS if (hook.operation, hook.part) == ("chmod", "before")
            and hook.program == "fim_ask_setattr"]
    answer = [hook for hook in hooks.HOOKS if (hook.operation, hook.program) == ("chmod", "fim_answer")]
    assert rows and answer
    assert "chmod" in hooks.uncovered(answer)
    assert "chmod" not in hooks.uncovered(rows + answer)


def test_oldest_kernel_sees_every_operation():
    chosen = hooks.choose(kernel(EVERYWHERE))
    assert hooks.uncovered(chosen) == {}
    assert ("file_update_time", "fim_file_update_time") in programs(chosen)
    assert not any(hook.function == "kiocb_modified" for hook in chosen)


def test_newer_kernel_gets_all_ways_of_modifying():
    for more, count in ({"file_modified"}, 1), ({"file_modified", "kiocb_modified"}, 3):
        chosen = hooks.choose(kernel(EVERYWHERE | more))
        assert len({hook.function for hook in chosen if hook.operation == "modify"}) == count


def test_btrfs_has_a_way_of_its_own_where_it_is():
    for more, there in ({"btrfs_ioctl"}, True), (set(), False):
        chosen = hooks.choose(kernel(EVERYWHERE | {"file_remove_privs"} | more))
        assert any(hook.function == "file_remove_privs" for hook in chosen) == there


def test_missing_function_uncovers_what_needs_it_and_nothing_else():
    chosen = hooks.choose(kernel(EVERYWHERE - {"d_delete"}))
    assert set(hooks.uncovered(chosen)) == {"unlink", "rmdir"}
    assert "d_delete" in hooks.uncovered(chosen)["unlink"]


def test_modify_needs_one_way():
    chosen = hooks.choose(kernel(EVERYWHERE - {"file_update_time"}))
    assert set(hooks.uncovered(chosen)) == {"modify"}


def test_a_part_is_not_the_function():
    facts = kernel((EVERYWHERE - {"d_move"}) | {"d_move.part.0"})
    assert set(hooks.uncovered(hooks.choose(facts))) == {"rename"}


def test_the_newer_of_two_ways_is_taken():
    """From 6.9 on EVM's own function is static and takes another argument."""
    new = hooks.choose(kernel(EVERYWHERE | {"security_inode_post_setattr"},
                              ["FIM_HAS_SETATTR_IDMAP"]))
    ways = {(hook.function, hook.program) for hook in new if hook.operation == "chmod"}
    assert ways == {("security_inode_setattr", "fim_setattr_idmap"),
                    ("security_inode_post_setattr", "fim_post_setattr_idmap")}


EVM = {"evm_inode_post_setattr", "evm_inode_post_setxattr", "evm_inode_post_removexattr"}
RETURNING = {"notify_change", "vfs_removexattr", "security_inode_removexattr"}


def test_without_evm_attributes_are_not_seen():
    """Nothing of such a kernel runs only after success."""
    chosen = hooks.choose(kernel(EVERYWHERE - EVM))
    assert set(hooks.uncovered(chosen)) == {"truncate", "chmod", "chown", "utimes", "removexattr"}


def test_without_evm_the_return_is_the_answer():
    """Debian 11's, and the same with the arguments of 6.0."""
    for headers, suffix in ((), ""), (("FIM_HAS_SETATTR_IDMAP", "FIM_HAS_REMOVEXATTR_IDMAP"), "_idmap"):
        chosen = hooks.choose(kernel((EVERYWHERE - EVM) | RETURNING, headers))
        assert hooks.uncovered(chosen) == {}
        assert programs(chosen) >= {
            ("security_inode_setattr", "fim_ask_setattr" + suffix),
            ("notify_change%return", "fim_answer"), ("vfs_removexattr%return", "fim_answer"),
            ("security_inode_removexattr", "fim_ask_removexattr" + suffix)}


def test_with_evm_nothing_is_asked():
    chosen = hooks.choose(kernel(EVERYWHERE | EVM | RETURNING))
    assert not [hook for hook in chosen if hook.program.startswith("fim_ask")
                or "%" in hook.function]


@pytest.mark.parametrize("more, setting, removing", [
    (EVM, {("evm_inode_post_setxattr", "fim_evm_post_set_acl")}, set()),
    (set(), {("security_inode_set_acl", "fim_ask_set_acl"), ("vfs_set_acl%return", "fim_answer")},
     {("security_inode_remove_acl", "fim_ask_removexattr_idmap"),
      ("vfs_remove_acl%return", "fim_answer")}),
    (EVM | {"security_inode_post_set_acl", "security_inode_post_remove_acl"},
     {("security_inode_post_set_acl", "fim_post_set_acl")},
     {("security_inode_post_remove_acl", "fim_post_remove_acl")}),
])
def test_acls_where_they_go_another_way(more, setting, removing):
    """6.2 to 6.8 with EVM, without it, and 6.9."""
    acl = {"security_inode_set_acl", "security_inode_remove_acl", "vfs_set_acl", "vfs_remove_acl"}
    chosen = hooks.choose(kernel((EVERYWHERE - EVM) | RETURNING | acl | more))
    for operation, wanted in ("setxattr", setting), ("removexattr", removing):
        parts = {(hook.function, hook.program) for hook in chosen
                 if hook.operation == operation and hook.part in ("acl", "ask")}
        assert parts == wanted


def test_getattr_by_its_arguments():
    old = hooks.choose(kernel(EVERYWHERE), hooks.LEARN)
    new = hooks.choose(kernel(EVERYWHERE, ["FIM_HAS_GETATTR_PATH"]), hooks.LEARN)
    assert [hook.program for hook in old] == ["fim_getattr_dentry"]
    assert [hook.program for hook in new] == ["fim_getattr_path"]


VERSIONS = {"release", "built_for", "header_path", "uname", "version", "platform", "sys", "os"}


@pytest.mark.parametrize("when", sorted({hook.when for hook in hooks.HOOKS + hooks.LEARN
                                         + hooks.ATTEMPTS}, key=lambda when: when.__name__))
def test_no_predicate_asks_for_a_version(when):
    """Neither it nor what it calls."""
    assert not predicates.names(when) & VERSIONS


def test_what_is_asked_is_found_however_deep(monkeypatch):
    """By a function of the module in a generator of another."""
    def deep(kernel):
        return kernel.release > "4"
    monkeypatch.setattr(hooks, "deep", deep, raising=False)
    when = eval("lambda kernel, hook: any(deep(kernel) for one in 'x')", vars(hooks))
    assert "release" in predicates.names(when)
    assert "release" not in predicates.names(hooks.present)
    assert "evm_inode_post_setattr" in predicates.strings(hooks.setattr_unanswered_idmap)


def test_members_are_looked_for_in_split_headers(tmp_path):
    build, source = tmp_path / "build", tmp_path / "source"
    (build / "include" / "linux").mkdir(parents=True)
    (source / "include" / "linux").mkdir(parents=True)
    (source / "include" / "linux" / "sched.h").write_text("u64 start_boottime;\n")
    assert find_members(str(build)) == {"FIM_HAS_START_BOOTTIME"}


def test_no_headers_no_members():
    assert find_members(None) == frozenset()


DECOY = hooks.Hook("unlink", "done", "d_genocide", "fim_d_delete", hooks.present, "never fires")


def test_a_silent_row_gives_way_to_the_next():
    table = (DECOY,) + hooks.HOOKS
    facts = kernel(EVERYWHERE | {"d_genocide"})
    chosen = hooks.choose(facts, table)
    assert DECOY in chosen and hooks.uncovered(chosen) == {}
    doubt = hooks.doubtful(chosen, {"unlink"})
    assert doubt == {DECOY}
    assert hooks.give_way(facts, doubt, (), table) == {DECOY}
    after = hooks.choose(facts, table, {DECOY})
    assert ("d_delete", "fim_d_delete") in programs(after) and DECOY not in after


def test_what_another_operation_proves_is_not_doubtful():
    """unlink is silent, rmdir was heard: d_delete does fire."""
    chosen = hooks.choose(kernel(EVERYWHERE))
    assert hooks.doubtful(chosen, {"unlink"}) == set()
    assert {hook.function for hook in hooks.doubtful(chosen, {"unlink", "rmdir"})} == {"d_delete"}


def test_the_last_candidate_does_not_give_way():
    facts = kernel(EVERYWHERE)
    chosen = hooks.choose(facts)
    assert hooks.give_way(facts, hooks.doubtful(chosen, {"unlink", "rmdir"})) == set()
