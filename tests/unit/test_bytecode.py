"""Every program, compiled here against real headers, stays inside the 3.10 envelope."""

import json
import os
import re
import struct
import subprocess

import pytest

import bytecode
import interpreter
from fim import bpf, hooks, kernel

BCC_PYTHON = "/usr/bin/python3"
STAGES = {program for _, program in bpf.stages() + bpf.exit_stages()}
# Trees of headers, by spaces; each is tried.
HEADERS = os.environ.get("FIM_TEST_HEADERS", "").split()
SPARE = 500  # instructions that another compiler may need more
# RHEL 7's enum bpf_map_type, those that were loaded there (kernel-facts, section 10).
MAP_TYPES = {"hash", "array", "percpu_hash", "percpu_array", "lru_hash", "lru_percpu_hash",
             "perf_output", "prog"}

DUMP = r"""
import json, sys
from bcc import BPF, lib
request = json.load(sys.stdin)
b = BPF(text=request["text"].encode(), cflags=request["cflags"])
print(json.dumps([{name: b.dump_func(name.encode()).hex() for name in request["programs"]},
                  {name: lib.bpf_table_fd(b.module, name.encode()) for name in request["maps"]}]))
"""


@pytest.fixture(scope="module", params=HEADERS or [None],
                ids=[re.sub(r".*/(?=.)", "", os.path.dirname(tree)) for tree in HEADERS] or ["none"])
def headers(request):
    """One of FIM_TEST_HEADERS."""
    assert request.param, "FIM_TEST_HEADERS must name directories of headers: use make test-unit"
    return request.param


@pytest.fixture(scope="module")
def dumped(headers):
    """({program: bytecode}, {map: number}) against these headers."""
    facts = kernel.Kernel("test", (), kernel.find_members(headers), headers, True)
    text = bpf.source(attempts=True)
    request = {"text": text, "cflags": bpf.cflags(facts) + ["-DFIM_WATCHED_ENTRIES=1000"], "programs": bpf.programs(text),
               "maps": bpf.MAPS}
    environment = dict(os.environ, BCC_KERNEL_SOURCE=headers)
    done = subprocess.run([BCC_PYTHON, "-c", DUMP], input=json.dumps(request).encode(),
                          env=environment, stdout=subprocess.PIPE, check=True)
    programs, maps = json.loads(done.stdout.decode().splitlines()[-1])
    return {name: bytes.fromhex(code) for name, code in programs.items()}, maps


@pytest.fixture(scope="module")
def compiled(dumped):
    """The first of these."""
    return dumped[0]


def test_headers_have_members(headers):
    """RHEL 7's, too."""
    assert "FIM_HAS_SCHED_SIGNAL_H" in kernel.find_members(headers)


def test_every_program_is_inside_the_envelope(compiled):
    found = {name: list(bytecode.faults(code)) for name, code in compiled.items()}
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_every_hook_and_stage_has_a_program(compiled):
    wanted = {hook.program for hook in hooks.HOOKS + hooks.LEARN + hooks.ATTEMPTS}
    assert wanted | STAGES == set(compiled)


def test_no_program_has_four_parameters():
    """BCC 0.18 takes the fourth from the wrong register."""
    heads = re.findall(r"^int (fim_\w+)\(struct pt_regs \*ctx([^)]*)\)", bpf.source(attempts=True),
                       re.MULTILINE)
    assert len(heads) > len(STAGES)
    assert [name for name, parameters in heads if parameters.count(",") > 3] == []


def test_stages_of_a_tracepoint_are_the_same(compiled):
    pairs = zip(bpf.stages(), bpf.exit_stages())
    assert all(len(compiled[one]) == len(compiled[other]) for (_, one), (_, other) in pairs)


def test_instructions_to_spare(compiled):
    most = bytecode.MAX_INSTRUCTIONS - SPARE
    assert {name: len(code) // 8 for name, code in compiled.items() if len(code) // 8 > most} == {}


# Look-ups and instructions on objects that nobody watches. Decision 3: one for a
# file hook, two for a name hook, four for rename; none where a cheaper test decides. They
# are in the array `absent`, which newer kernels look up without a call.
UNWATCHED = {
    "fim_file_open": 1, "fim_file_close": 1, "fim_file_update_time": 1, "fim_file_modified": 1,
    "fim_kiocb_modified": 1, "fim_mapped": 1, "fim_inode_create": 1, "fim_inode_mkdir": 1,
    "fim_inode_mknod": 1, "fim_inode_symlink": 1, "fim_inode_link": 2, "fim_d_instantiate": 1,
    "fim_d_delete": 2, "fim_clear_inode": 0, "fim_d_move": 4, "fim_special_inode": 0, "fim_d_exchange": 4,
    "fim_setattr": 1, "fim_setattr_idmap": 1, "fim_post_setattr": 1, "fim_post_setattr_idmap": 1,
    "fim_post_setxattr": 1, "fim_post_removexattr": 1, "fim_post_set_acl": 1,
    "fim_copy_up": 2, "fim_post_remove_acl": 1, "fim_file_ioctl": 0, "fim_drop_write_file": 1,
    "fim_getattr_path": 1, "fim_getattr_dentry": 1, "fim_fallocate": 1, "fim_file_remove_privs": 0,
    "fim_blkdev_open": 1, "fim_evm_post_set_acl": 0, "fim_answer": 1,
    # Two where the return is the answer: rare acts, and not on the kernels of most.
    "fim_ask_setattr": 2, "fim_ask_setattr_idmap": 2, "fim_ask_removexattr": 2,
    "fim_ask_removexattr_idmap": 2, "fim_ask_set_acl": 2, "fim_ask_setflags": 2,
    # Only where attempts are asked for; of inode_permission most leave on the mask.
    "fim_try_open": 0, "fim_try_open_idmap": 0, "fim_try_mknod": 2, "fim_try_mkdir": 2,
    "fim_try_symlink": 2, "fim_try_unlink": 2, "fim_try_rmdir": 2, "fim_try_link": 2,
    "fim_try_rename": 4, "fim_try_truncate": 1, "fim_try_setattr": 1, "fim_try_setattr_idmap": 1,
    "fim_try_setxattr": 1, "fim_try_setxattr_idmap": 1, "fim_try_removexattr": 1,
    "fim_try_removexattr_idmap": 1, "fim_try_setflags": 0, "fim_sys_exit": 1,
}
# Mounts are rare: every act gives a record, and the monitor says whether it matters.
ALWAYS = {"fim_sb_mount", "fim_move_mount", "fim_pivot_root", "fim_mount_setattr", "fim_sb_umount"}


A_HOOK, A_LOOK_UP = 60, 50  # instructions that a hook, and each look-up of it, may need


def test_few_look_ups_where_nobody_watches(compiled):
    others = ALWAYS | STAGES
    runs = {name: interpreter.Run(code).counts for name, code in compiled.items()
            if name not in others}
    assert {name: counts["look-up"] for name, counts in runs.items()} == UNWATCHED
    assert not [name for name, counts in runs.items() if counts["update"] or counts["delete"]]
    dear = {name: counts["instruction"] for name, counts in runs.items()
            if counts["instruction"] > A_HOOK + A_LOOK_UP * counts["look-up"]}
    assert dear == {}


# Where a number is somebody's the hash is asked as well: by a name hook for both.
ASKED = {"fim_file_open": 2, "fim_file_close": 2, "fim_file_update_time": 2, "fim_inode_create": 2,
         "fim_setattr": 2, "fim_post_setattr": 2, "fim_post_setxattr": 2, "fim_mapped": 2,
         "fim_d_delete": 3, "fim_inode_link": 3, "fim_d_move": 5, "fim_d_exchange": 5}


def test_the_number_of_something_watched(dumped):
    programs, maps = dumped
    runs = {name: interpreter.Counted(programs[name], maps).counts for name in ASKED}
    assert {name: counts["look-up"] for name, counts in runs.items()} == ASKED
    assert not [name for name, counts in runs.items() if counts["update"] or counts["delete"]]


def test_only_old_map_types():
    with open(os.path.join(bpf.directory(), "maps.h")) as text:
        maps = text.read()
    named = set(re.findall(r'BPF_TABLE\("(\w+)"', maps))
    named |= {word.lower() for word in re.findall(r"^BPF_(\w+)\(", maps, re.M)} - {"table"}
    assert {name.replace("prog_array", "prog") for name in named} <= MAP_TYPES


# Chosen blind spots: what is run is watched, and lies in the spot of bit 1.

ANYBODY = {(0, 0, kind | 16): 1 for kind in (1, 2, 3, 4)}
ROOT_ONLY = {**ANYBODY, (0, 0, 1 | 16): 0, (0, 0, 1): 1}
OTHERS_ONLY = {**ANYBODY, (0, 0, 1 | 16): 0, (48, 0, 1): 1}


@pytest.mark.parametrize("program,operations", [
    ("fim_file_modified", {9}), ("fim_file_close", {10}), ("fim_post_setxattr", {16}),
    ("fim_post_removexattr", {17}), ("fim_mapped", {19}),
    ("fim_post_setattr", {12, 14})])  # by what the pattern is of ATTR_* flags
def test_a_blind_spot(dumped, program, operations):
    programs, maps = dumped
    run = [interpreter.Spotted(programs[program], maps, ops, actors) for ops, actors in (
        (operations, ANYBODY), (operations, ROOT_ONLY), (operations, OTHERS_ONLY),
        (operations ^ set(range(9, 20)), ANYBODY))]
    assert [(one.told, one.left_out) for one in run] == [
        (False, len(operations)), (False, len(operations)), (True, 0), (True, 0)]


def test_one_of_several_in_a_blind_spot(dumped):
    programs, maps = dumped
    run = interpreter.Spotted(programs["fim_post_setattr"], maps, {14}, ANYBODY)
    assert (run.told, run.left_out) == (True, 1)


def test_names_are_in_no_blind_spot(dumped):
    """Whatever the map says of their operations."""
    programs, maps = dumped
    for program in ("fim_d_move", "fim_d_delete", "fim_d_exchange"):
        run = interpreter.Spotted(programs[program], maps, set(range(1, 22)), ANYBODY)
        assert (run.told, run.left_out) == (True, 0), program


# The lint itself must be able to fail.

def instruction(opcode, source=0, offset=0, immediate=0):
    return struct.pack("<BBhi", opcode, source << 4, offset, immediate)


@pytest.mark.parametrize("code", [
    instruction(0xb7) + instruction(0x05, offset=-2) + instruction(0x95),  # goto back
    instruction(0x85, source=1, immediate=5) + instruction(0x95),     # call of a function
    instruction(0x85, immediate=80) + instruction(0x95),              # get_current_cgroup_id
    instruction(0x56, offset=1) + instruction(0x95) * 2,              # 32-bit jump
    instruction(0xb7) * 4097,
])
def test_lint_refuses(code):
    assert list(bytecode.faults(code))


def test_lint_does_not_look_into_wide_loads():
    second_half = instruction(0x00, immediate=0x7f000085)
    assert not list(bytecode.faults(instruction(0x18) + second_half + instruction(0x95)))


def test_lint_takes_a_jump_back_that_is_no_loop():
    #  0: goto 3   1: r0 = 0   2: exit   3: goto 1
    code = (instruction(0x05, offset=2) + instruction(0xb7) + instruction(0x95)
            + instruction(0x05, offset=-3))
    assert not list(bytecode.faults(code))
