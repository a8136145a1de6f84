# SPDX-License-Identifier: GPL-2.0-only
"""The pixels of a PNG as browsers write them: eight bits, RGB or RGBA, not interlaced."""
import struct
import zlib

CHANNELS = {2: 3, 6: 4}


def chunks(data):
    """(kind, content) of each."""
    place = 8
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place:place + 8])
        yield kind, data[place + 8:place + 8 + length]
        place += length + 12


def paeth(left, above, corner):
    """The one of the three that their sum is nearest to."""
    sum_of = left + above - corner
    return min((left, above, corner), key=lambda one: abs(sum_of - one))


GUESSES = {0: lambda left, above, corner: 0, 1: lambda left, above, corner: left,
           2: lambda left, above, corner: above,
           3: lambda left, above, corner: (left + above) // 2, 4: paeth}


def unfiltered(kind, row, before, step):
    """One row's bytes: each is told as what it differs from a guess by its neighbours."""
    guess, row = GUESSES[kind], bytearray(row)
    if kind == 0:
        return row
    for place in range(len(row)):
        left, corner = (row[place - step], before[place - step]) if place >= step else (0, 0)
        row[place] = (row[place] + guess(left, before[place], corner)) & 255
    return row


def rows(path):
    """Each row of pixels, as a list of (red, green, blue)."""
    with open(path, "rb") as file:
        data = file.read()
    header = next(content for kind, content in chunks(data) if kind == b"IHDR")
    width, _, depth, colour = struct.unpack(">IIBB", header[:10])
    assert data[:4] == b"\x89PNG" and depth == 8 and header[12] == 0
    step = CHANNELS[colour]
    raw = zlib.decompress(b"".join(content for kind, content in chunks(data) if kind == b"IDAT"))
    before, size = bytearray(width * step), width * step + 1
    for begin in range(0, len(raw), size):
        before = unfiltered(raw[begin], raw[begin + 1:begin + size], before, step)
        yield [tuple(before[place:place + 3]) for place in range(0, len(before), step)]
