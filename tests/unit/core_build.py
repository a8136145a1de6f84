# SPDX-License-Identifier: GPL-2.0-only
"""Build the C core under the sanitizers, and drive programs made of it."""
import concurrent.futures
import functools
import hashlib
import os
import re
import struct
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DRIVERS = os.path.join(ROOT, "tests", "unit", "core")
CORE = tuple((
    "siphash arena slots decode inode_store inode_root inode_table inode_walk "
    "mount_table mount_path mount_kind buffer utf8 json terminal error_name record record_text "
    "record_change process process_text process_last calendar arguments users exclude traits doubt"
).split())
SKIN = re.compile("py_|module")  # what needs Python
WHOLE = tuple(sorted(name[:-2] for name in os.listdir(os.path.join(ROOT, "ext"))
                     if name.endswith(".c") and not SKIN.match(name)))
PARTS = {"reconcile_driver": WHOLE}
CFLAGS = (
    "-std=gnu11 -D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined "
    "-fno-sanitize-recover=undefined -Wall -Wextra -Werror"
).split()
INCLUDES = ["-I" + os.path.join(ROOT, part) for part in ("ext", "bpf_c", "tests/fuzz")]
ENVIRONMENT = dict(os.environ, TZ="Europe/Berlin", ASAN_OPTIONS="abort_on_error=0")


def _headers():
    folders = [os.path.join(ROOT, part) for part in ("ext", "bpf_c", "tests/fuzz")]
    for folder in folders:
        for name in sorted(os.listdir(folder)):
            if name.endswith(".h"):
                with open(os.path.join(folder, name), "rb") as file:
                    yield file.read()


@functools.lru_cache(maxsize=None)
def _cache():
    """Objects are kept between runs, by content: a run without a change compiles nothing."""
    digest = hashlib.sha256(b"".join(_headers()) + " ".join(CFLAGS).encode()).hexdigest()[:16]
    path = os.path.join(tempfile.gettempdir(), "fim-core-%d-%s" % (os.getuid(), digest))
    os.makedirs(path, mode=0o700, exist_ok=True)
    if os.stat(path).st_uid != os.getuid():
        path = tempfile.mkdtemp(prefix="fim-core-")
    return path


def _compile(source):
    with open(source, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:16]
    target = os.path.join(_cache(), "%s-%s.o" % (os.path.basename(source), digest))
    if not os.path.exists(target):
        partial = "%s.%d" % (target, os.getpid())
        _run(["gcc", *CFLAGS, *INCLUDES, "-c", source, "-o", partial])
        os.rename(partial, target)
    return target


def _run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode(errors="replace")


@functools.lru_cache(maxsize=None)
def _core(names):
    sources = [os.path.join(ROOT, "ext", name + ".c") for name in names]
    sources.append(os.path.join(ROOT, "tests", "fuzz", "trivial_view.c"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_compile, sources))


@functools.lru_cache(maxsize=None)
def build(name):
    """The program made of tests/unit/core/NAME.c and the core, or as much of it as it names."""
    objects = [_compile(os.path.join(DRIVERS, name + ".c"))] + _core(PARTS.get(name, CORE))
    digest = hashlib.sha256(" ".join(objects).encode()).hexdigest()[:16]
    target = os.path.join(_cache(), "%s-%s" % (name, digest))
    if not os.path.exists(target):
        partial = "%s.%d" % (target, os.getpid())
        _run(["gcc", *CFLAGS, *objects, "-ldl", "-lpthread", "-o", partial])
        os.rename(partial, target)
    return target


class Driver:
    """A driver program: each request is a frame (length, bytes), each answer too.

    One that died is an AssertionError with what the sanitizer said; the next request starts
    another, so that hypothesis can go on to the smallest example.
    """

    def __init__(self, name, *arguments):
        self._command = [build(name), *arguments]
        self._process = None

    def _start(self):
        self._stderr = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, env=ENVIRONMENT,
        )

    def ask(self, request):
        if self._process is None:
            self._start()
        try:
            self._process.stdin.write(struct.pack("=I", len(request)) + request)
            self._process.stdin.flush()
        except BrokenPipeError:
            self.close()
        return self._read(struct.unpack("=I", self._read(4))[0])

    def _read(self, length):
        data = self._process.stdout.read(length)
        if len(data) != length:
            self.close()
        return data

    def close(self):
        """End it; leaks and a last error count."""
        if self._process is None:
            return
        process, self._process = self._process, None
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
        process.stdout.close()
        failed = process.wait() != 0
        with self._stderr:
            self._stderr.seek(0)
            said = self._stderr.read().decode(errors="replace")
        assert not failed, said

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
