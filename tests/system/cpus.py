# SPDX-License-Identifier: GPL-2.0-only
"""CPUs of this machine, switched off and on."""
import contextlib
import glob

ONLINE = "/sys/devices/system/cpu/cpu%d/online"


def switch(number, value):
    """CPU 0 cannot be."""
    with open(ONLINE % number, "w") as file:
        file.write(value)


@contextlib.contextmanager
def one_cpu():
    """All others are off meanwhile: who acts and who reads share the first."""
    others = [int("".join(filter(str.isdigit, path))) for path in glob.glob(
        ONLINE.replace("%d", "[0-9]*"))]
    others = [number for number in others if number]
    for number in others:
        switch(number, "0")
    try:
        with open("/sys/devices/system/cpu/online") as file:
            assert file.read().strip() == "0"
        yield
    finally:
        for number in others:
            switch(number, "1")
