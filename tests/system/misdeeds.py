# SPDX-License-Identifier: GPL-2.0-only
"""What rules must not do, and what is said of it."""

# body of the rule: what is said of it
MISDEEDS = {
    "raises": ("    raise KeyError('x')", "KeyError: 'x'"),
    "asserts": ("    assert change is None", "AssertionError"),
    # Too much processor time; on a machine that has none to give, too much silence.
    "loops": ("    while True:\n        pass", "took "),
    "loops and catches": ("    while True:\n        try:\n            while True:\n"
                          "                pass\n        except BaseException:\n"
                          "            pass", "longer than"),
    "sleeps": ("    time.sleep(3600)", "longer than"),
    "forks": ("    os.fork()", "Error"),
    "exits": ("    raise SystemExit(0)", "SystemExit"),
    "leaves": ("    os._exit(7)", "status 7"),
    "kills itself": ("    os.kill(os.getpid(), 9)", "signal 9"),
    "prints": ("    print('hello')", "printed: hello"),
    "fills the memory": ("    return len('x' * (1 << 33))", "MemoryError"),
    # bytes(n) is not touched, so that this takes no time, which has a limit too.
    "fills it slowly": ("    kept = []\n    while True:\n        kept.append(bytes(1 << 20))",
                        "MemoryError"),
    "recurses": ("    return bad(change)", "RecursionError"),
    "writes a file": ("    open('/etc/art', 'w')", "Permission"),
    "goes out": ("    socket.create_connection(('127.0.0.1', 9), 1)", "Error"),
    "signals its parent": ("    os.kill(os.getppid(), 9)", "PermissionError"),
    "talks nonsense": ("    for number in range(3, 20):\n        try:\n"
                       "            os.write(number, b'nonsense\\n')\n"
                       "        except OSError:\n            pass", "nonsense"),
}
