"""Runs a hook's bytecode on an object that nobody watches, and counts what it does.

Every read from the kernel gives bytes of 0x8a: pointers are not null and all
alike, a mode is a regular file's, a file is open for writing, a mapping is
shared and writable. Every look-up in a map finds nothing; with Spotted it finds that
the object is watched, and what there is of chosen blind spots.
"""

import collections
import operator
import struct

from bytecode import CALL, EXIT, LOAD_IMM64, instructions

PATTERN = b"\x8a"
STACK, CONTEXT, SIZE = 0x10000, 0x20000, 512
HELPERS = {1: "look-up", 2: "update", 3: "delete", 4: "read", 45: "read"}
READS = {4, 45}  # bpf_probe_read, bpf_probe_read_str
MASK = (1 << 64) - 1
SIZES = {0x00: "<I", 0x08: "<H", 0x10: "<B", 0x18: "<Q"}
ALU = {0x00: operator.add, 0x10: operator.sub, 0x20: operator.mul, 0x40: operator.or_,
       0x50: operator.and_, 0x60: operator.lshift, 0x70: operator.rshift, 0xa0: operator.xor,
       0xb0: lambda a, b: b}
JUMPS = {0x00: lambda a, b: True, 0x10: operator.eq, 0x20: operator.gt, 0x30: operator.ge,
         0x40: operator.and_, 0x50: operator.ne, 0xa0: operator.lt, 0xb0: operator.le}
SIGNED = {0x60: operator.gt, 0x70: operator.ge, 0xc0: operator.lt, 0xd0: operator.le}


def signed(value, bits=64):
    """The same bits as a signed number."""
    return value - (1 << bits) if value >> (bits - 1) else value


class Run:
    """One run; `counts` says how often each helper was called, and "instruction"."""

    def __init__(self, code):
        self.rows = list(instructions(code))
        self.memory = {STACK: bytearray(SIZE), CONTEXT: bytearray(PATTERN * SIZE)}
        self.registers = [0] * 11
        self.registers[1], self.registers[10] = CONTEXT, STACK + SIZE
        self.counts = collections.Counter()
        self.at = 0
        while self.at is not None:
            self.counts["instruction"] += 1
            self.step(*self.rows[self.at][1:])

    def place(self, address):
        """The memory at an address and the offset in it."""
        base = next(base for base in self.memory if base <= address < base + SIZE)
        return self.memory[base], address - base

    def step(self, opcode, to, source, offset, immediate):
        """One instruction."""
        kind = opcode & 7
        if opcode == EXIT:
            self.at = None
            return
        self.at += 1
        if opcode == CALL:
            self.call(immediate)
        elif opcode == LOAD_IMM64:
            self.registers[to] = (immediate & 0xffffffff) | self.rows[self.at][5] << 32 & MASK
            self.at += 1
        elif kind == 5:
            self.jump(opcode, to, self.operand(opcode, source, immediate), offset)
        elif kind in (4, 7):
            self.compute(opcode, to, self.operand(opcode, source, immediate))
        else:
            self.move(opcode, to, source, offset, immediate)

    def operand(self, opcode, source, immediate):
        """A register or the immediate."""
        return self.registers[source] if opcode & 8 else immediate & MASK

    def call(self, helper):
        """A helper; what it reads is the pattern, what it looks up is not there."""
        self.counts[HELPERS.get(helper, "other")] += 1
        if helper in READS:
            memory, offset = self.place(self.registers[1])
            size = self.registers[2]
            memory[offset:offset + size] = PATTERN * size
        self.registers[0] = 0

    def jump(self, opcode, to, operand, offset):
        """A jump, if its condition holds."""
        value, test = self.registers[to], JUMPS.get(opcode & 0xf0)
        if not test:
            test, value, operand = SIGNED[opcode & 0xf0], signed(value), signed(operand)
        if test(value, operand):
            self.at += offset

    def compute(self, opcode, to, operand):
        """Arithmetic, of 64 bits or of 32."""
        bits = 64 if opcode & 7 == 7 else 32
        value, mask = self.registers[to] & ((1 << bits) - 1), (1 << bits) - 1
        if opcode & 0xf0 == 0x80:
            result = -value
        elif opcode & 0xf0 == 0xc0:
            result = signed(value, bits) >> (operand & (bits - 1))
        else:
            result = ALU[opcode & 0xf0](value, operand & mask)
        self.registers[to] = result & mask

    def move(self, opcode, to, source, offset, immediate):
        """A load or a store."""
        form = SIZES[opcode & 0x18]
        if opcode & 7 == 1:
            memory, at = self.place(self.registers[source] + offset)
            self.registers[to] = struct.unpack_from(form, memory, at)[0]
            return
        memory, at = self.place(self.registers[to] + offset)
        value = immediate if opcode & 7 == 2 else self.registers[source]
        if opcode & 0xe0 == 0xc0:  # added, at once
            value += struct.unpack_from(form, memory, at)[0]
        struct.pack_into(form, memory, at, value & ((1 << 8 * struct.calcsize(form)) - 1))


class Counted(Run):
    """On an object that nobody watches, whose number is that of something watched."""

    VALUES = 0x30000

    def __init__(self, code, maps):
        self.absent = maps["absent"]
        super().__init__(code)

    def call(self, helper):
        """A look-up in `absent` finds a slot that counts."""
        asked = self.registers[1] & 0xffffffff
        super().call(helper)
        if HELPERS.get(helper) == "look-up" and asked == self.absent:
            self.memory[self.VALUES] = bytearray(SIZE)
            self.registers[0] = self.VALUES


class Spotted(Run):
    """On a watched object that lies in the blind spot of bit 1, done by root.

    operations  those that the spot leaves out; `actors` is {(value, device, kind): spots}
    told        whether a record was begun; left_out: how many were counted instead
    """

    VALUES = 0x30000
    PLACES = {"watched": 0, "spot_ops": 64, "spot_actors": 128, "spot_counts": 192, "absent": 256}

    def __init__(self, code, maps, operations, actors):
        self.maps = {number: name for name, number in maps.items()}
        self.operations, self.actors = operations, actors
        self.told = False
        self.values = bytearray(SIZE)
        struct.pack_into("<HHIQ", self.values, 0, 0, 1, 1, 0)  # struct fim_watched, modified
        super().__init__(code)

    @property
    def left_out(self):
        """The count of the spot."""
        return struct.unpack_from("<Q", self.values, self.PLACES["spot_counts"])[0]

    def call(self, helper):
        """A look-up that finds what there is."""
        map_number = self.registers[1] & 0xffffffff
        key = self.registers[2]
        super().call(helper)
        if HELPERS.get(helper) == "look-up":
            self.registers[0] = self.find(self.maps.get(map_number), key)

    def find(self, name, key):
        """The address of a value, or 0."""
        self.told = self.told or name == "sequence"
        value = self.value(name, *self.place(key))
        if name not in self.PLACES or value is None:
            return 0
        at = self.PLACES[name]
        if value >= 0:
            struct.pack_into("<I", self.values, at, value)
        self.memory[self.VALUES] = self.values
        return self.VALUES + at

    def value(self, name, memory, at):
        """To be put there; -1: what is there; None: there is none."""
        if name == "spot_ops":
            return int(struct.unpack_from("<I", memory, at)[0] in self.operations)
        if name == "spot_actors":
            return self.actors.get(struct.unpack_from("<QII", memory, at))
        if name == "spot_counts" and struct.unpack_from("<I", memory, at)[0] != 1:
            return None
        return -1
