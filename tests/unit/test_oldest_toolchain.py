"""The extension builds and loads on RHEL 7: glibc 2.17, gcc 4.8."""

import glob
import os
import re
import subprocess
import sysconfig

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXTENSION = os.path.join(ROOT, "fim", "_core.abi3.so")
SOURCES = sorted(glob.glob(os.path.join(ROOT, "ext", "*.[ch]"))) + [
    os.path.join(ROOT, "bpf_c", "event.h")]

# --- glibc 2.17 -------------------------------------------------------------------

GLIBC = (2, 17)
# These are names of the library since 2.33. Before, <sys/stat.h> had them as inline wrappers of
# __xstat and its like, and that is what a compiler on RHEL 7 makes of the same source.
WERE_INLINE = {"stat", "fstat", "lstat", "fstatat"}
# Newer headers rename what C23 changed; a compiler on RHEL 7 takes the old name.
RENAMED = "__isoc23_"
SYMBOL = re.compile(r"(UND|\d+) (\w+)@@?GLIBC_([\d.]+)(?: |$)", re.M)


def glibc_symbols(path):
    """(defined there, name, version) of each of an object's."""
    listing = subprocess.check_output(["readelf", "-W", "--dyn-syms", path]).decode()
    for where, name, version in SYMBOL.findall(listing):
        yield where != "UND", name, tuple(map(int, version.split(".")))


def has_since():
    """{name: the oldest version at which this host's glibc has it}; what moved from a library
    to another one is kept at the old version, too."""
    with open("/proc/self/maps") as lines:
        libc = next(line.split()[-1] for line in lines if "libc.so.6" in line or "/libc-2" in line)
    found = {}
    for name in ("libc.so.6", "libpthread.so.0", "libdl.so.2"):
        path = os.path.join(os.path.dirname(libc), name)
        for defined, symbol, version in glibc_symbols(path) if os.path.exists(path) else ():
            if defined:
                found[symbol] = min(version, found.get(symbol, version))
    return found


def too_new(path):
    """What an object needs and 2.17 has not."""
    since = has_since()
    for defined, name, version in glibc_symbols(path):
        name = name[len(RENAMED):] if name.startswith(RENAMED) else name
        if not defined and min(version, since.get(name, version)) > GLIBC:
            yield name


def test_extension_needs_what_glibc_2_17_has():
    assert len(list(glibc_symbols(EXTENSION))) > 50
    assert set(too_new(EXTENSION)) <= WERE_INLINE


def test_extension_needs_no_other_library():
    listing = subprocess.check_output(["readelf", "-d", EXTENSION]).decode()
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", listing))
    assert needed <= {"libc.so.6", "libpthread.so.0", "libdl.so.2"}


def test_a_newer_function_is_found(tmp_path):
    """memfd_create and gettid came later; pthread_create and dlopen only moved."""
    source, made = tmp_path / "x.c", str(tmp_path / "x.so")
    source.write_text("long memfd_create(), gettid(), pthread_create(), dlopen(), read();\n"
                      "long x(void) { return memfd_create() + gettid() + pthread_create()"
                      " + dlopen() + read(); }\n")
    subprocess.check_call(["gcc", "-w", "-fno-builtin", "-shared", "-fPIC", str(source), "-o", made,
                           "-lpthread", "-ldl"])
    assert set(too_new(made)) == {"memfd_create", "gettid"}


# --- gcc 4.8 ----------------------------------------------------------------------

# What it does not know, by word; and of attributes those that it does.
LATER = re.compile(
    r"\b(_Generic|_Atomic|_Thread_local|__auto_type|__has_include|__has_attribute|__has_builtin"
    r"|__VA_OPT__|_BitInt|typeof_unqual|constexpr|nullptr|alignas|static_assert"
    r"|__builtin_(?:add|sub|mul|[su]{1,2}(?:add|sub|mul)l{0,2})_overflow(?:_p)?"
    r"|__builtin_expect_with_probability|__builtin_has_attribute|__builtin_clear_padding)\b"
    r"|<(?:stdatomic|stdbit|stdckdint|threads)\.h>"
    r"|\[\[|#\s*elifn?def\b|#\s*embed\b|#pragma GCC (?:unroll|ivdep)|\b0[bB][01]+'")
ATTRIBUTES = {"format", "unused", "noreturn", "packed", "aligned", "noinline", "always_inline",
              "cleanup", "hot", "cold", "const", "pure", "malloc", "nonnull", "warn_unused_result",
              "visibility", "weak", "alias", "constructor", "destructor", "used", "may_alias",
              "transparent_union", "section", "alloc_size", "sentinel", "deprecated",
              "flatten", "gnu_inline", "mode", "no_sanitize_address", "vector_size"}
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)


def beyond_gcc_4_8(text):
    """What that compiler would refuse, or take for something else."""
    code = COMMENT.sub(" ", text)
    yield from (found.group() for found in LATER.finditer(code))
    for names in re.findall(r"__attribute__\s*\(\(((?:[^()]|\([^()]*\))*)\)\s*\)", code):
        words = re.findall(r"\w+", re.sub(r"\([^()]*\)", "", names))
        yield from {word.strip("_") for word in words} - ATTRIBUTES


def test_nothing_that_gcc_4_8_lacks():
    found = {}
    for path in SOURCES:
        with open(path, encoding="utf-8") as text:
            found[os.path.basename(path)] = list(beyond_gcc_4_8(text.read()))
    assert len(found) > 100
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize("text", [
    "#define x(a) _Generic((a), int: 1)", "__auto_type x = 1;", "_Atomic int x;",
    "__attribute__((fallthrough));", "int f(void) __attribute__((access(none, 1)));",
    "int f(void) __attribute__((__unused__, __nonstring__));", "[[maybe_unused]] int x;",
    "#include <stdatomic.h>", "__builtin_add_overflow(a, b, &c)", "__builtin_umull_overflow(a)"])
def test_the_lint_finds(text):
    assert list(beyond_gcc_4_8(text))


@pytest.mark.parametrize("text", [
    "/* _Atomic */ char *x = \"[[\"; // __auto_type", "a[b[0]] = 1;",
    "int f(void) __attribute__((format(printf, 2, 3), unused));", "__atomic_load_n(&x, 0)"])
def test_the_lint_takes(text):
    assert list(beyond_gcc_4_8(text)) == []


def newer_than_c11(paths):
    """What the compiler says is of C23: a label before a declaration, an empty {}, ..."""
    flags = ["-Wc11-c23-compat", "-Wc11-c2x-compat"]
    flag = next(flag for flag in flags if subprocess.run(
        ["gcc", "-Werror", flag, "-fsyntax-only", "-xc", "/dev/null"],
        stderr=subprocess.DEVNULL).returncode == 0)
    done = subprocess.run(["gcc", "-std=gnu11", "-fsyntax-only", flag, "-D_GNU_SOURCE",
                           "-DPy_LIMITED_API=0x03060000", "-I" + os.path.join(ROOT, "ext"),
                           "-I" + os.path.join(ROOT, "bpf_c"),
                           "-isystem", sysconfig.get_paths()["include"]] + paths,
                          stderr=subprocess.PIPE)
    return [line for line in done.stderr.decode().splitlines() if "-compat]" in line]


def test_nothing_newer_than_c11(tmp_path):
    assert newer_than_c11([path for path in SOURCES if path.endswith(".c")]) == []
    bad = tmp_path / "x.c"
    bad.write_text("int f(void) { goto x; x: int y = 0; return y; }\n")
    assert len(newer_than_c11([str(bad)])) == 1
