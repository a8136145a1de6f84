"""What the oldest kernel takes: a lint over loaded eBPF bytecode.

The envelope is RHEL 7's (3.10.0-957 and later): kernel/bpf/verifier.c and
include/uapi/linux/bpf.h of that tree.
"""

import struct

MAX_INSTRUCTIONS = 4096
LAST_HELPER = 67  # bpf_get_stack
# In its enum bpf_func_id, but not offered to tracing programs there.
ABSENT_HELPERS = {36}  # current_task_under_cgroup

JUMP, JUMP32, LOAD_IMM64 = 0x05, 0x06, 0x18
CALL, EXIT = 0x85, 0x95
PSEUDO_CALL = 1


def instructions(code):
    """(index, opcode, destination, source, offset, immediate) of each."""
    for index in range(len(code) // 8):
        opcode, registers, offset, immediate = struct.unpack_from("<BBhi", code, index * 8)
        yield index, opcode, registers & 15, registers >> 4, offset, immediate


def faults(code):
    """What RHEL 7 would refuse in this program, as texts; none is well."""
    count = len(code) // 8
    if count > MAX_INSTRUCTIONS:
        yield "%d instructions, at most %d" % (count, MAX_INSTRUCTIONS)
    wide = False
    for row in instructions(code):
        if wide:
            wide = False  # the second half of a 64-bit load
            continue
        wide = row[1] == LOAD_IMM64
        for fault in faults_of(*row):
            yield "at %d: %s" % (row[0], fault)
    if count <= MAX_INSTRUCTIONS:
        for fault in cycles(code):
            yield fault


def faults_of(index, opcode, destination, source, offset, immediate):
    """What is wrong with one instruction."""
    del index, destination, offset
    if opcode & 7 == JUMP32:
        yield "32-bit jump (v3 instruction set)"
    if opcode == CALL and source == PSEUDO_CALL:
        yield "BPF-to-BPF call"
    elif opcode == CALL and not 1 <= immediate <= LAST_HELPER:
        yield "helper %d is not in RHEL 7" % immediate
    elif opcode == CALL and immediate in ABSENT_HELPERS:
        yield "helper %d is not offered to kprobes in RHEL 7" % immediate


def cycles(code):
    """Loops, as check_cfg() of that verifier finds them: an edge to an instruction that
    is on the current depth-first path. A jump back that closes no loop is taken there."""
    edges = {row[0]: successors(*row) for row in instructions(code)}
    on_path, done, stack = {0}, set(), [(0, iter(edges[0]))]
    while stack:
        index, rest = stack[-1]
        target = next(rest, None)
        if target is None:
            stack.pop()
            on_path.discard(index)
            done.add(index)
        elif target in on_path:
            yield "back-edge from insn %d to %d" % (index, target)
        elif target not in done:
            on_path.add(target)
            stack.append((target, iter(edges[target])))


def successors(index, opcode, destination, source, offset, immediate):
    """The instructions that can come next."""
    del destination, source, immediate
    if opcode == EXIT:
        return []
    if opcode == LOAD_IMM64:
        return [index + 2]
    if opcode & 7 != JUMP or opcode == CALL:
        return [index + 1]
    if opcode == JUMP:  # unconditional
        return [index + 1 + offset]
    return [index + 1, index + 1 + offset]
