# SPDX-License-Identifier: GPL-2.0-only
"""Write the seed corpus of decode_fuzz: seeds.py DIRECTORY."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit"))

import core_record  # noqa: E402


def main(directory):
    os.makedirs(directory, exist_ok=True)
    for number, record in enumerate(core_record.samples()):
        with open(os.path.join(directory, "sample-%02d" % number), "wb") as file:
            file.write(record)


if __name__ == "__main__":
    main(sys.argv[1])
