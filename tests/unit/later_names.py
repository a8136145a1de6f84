"""Names of Python's library that came after 3.6, and where a source uses them unguarded.

TABLE is no complete list: it has what this kind of program could want. Where there is a 3.6,
test_later_names.py asks that one for every name as well.
"""

import ast

__all__ = ["TABLE", "KEYWORDS", "METHODS", "MODULES", "unguarded"]

# {module: names}
TABLE = {module: set(names.split()) for module, names in {
    "os": "pidfd_open memfd_create copy_file_range eventfd eventfd_read eventfd_write splice "
          "preadv pwritev posix_spawn posix_spawnp register_at_fork waitstatus_to_exitcode "
          "add_dll_directory login_tty unshare setns listdrives process_cpu_count "
          "posix_openpt ptsname grantpt unlockpt timerfd_create P_PIDFD RWF_SYNC "
          "CLONE_NEWNS PIDFD_NONBLOCK EFD_CLOEXEC SPLICE_F_MOVE",
    "signal": "pidfd_send_signal raise_signal strsignal valid_signals",
    "time": "time_ns monotonic_ns perf_counter_ns process_time_ns clock_gettime_ns "
            "clock_settime_ns thread_time thread_time_ns pthread_getcpuclockid CLOCK_BOOTTIME",
    "contextlib": "nullcontext AsyncExitStack asynccontextmanager aclosing chdir",
    "functools": "cache cached_property singledispatchmethod",
    "math": "prod dist isqrt comb perm lcm nextafter ulp remainder cbrt exp2",
    "shlex": "join",
    "socket": "create_server has_dualstack_ipv6 send_fds recv_fds close CAN_J1939",
    "datetime": "UTC",
    "sys": "orig_argv stdlib_module_names unraisablehook pycache_prefix audit addaudithook "
           "get_int_max_str_digits monitoring activate_stack_trampoline exception",
    "threading": "excepthook get_native_id gettrace getprofile",
    "itertools": "pairwise batched",
    "types": "NoneType EllipsisType NotImplementedType UnionType GenericAlias",
    "typing": "Protocol Final Literal TypedDict Annotated final runtime_checkable get_args "
              "get_origin ParamSpec TypeAlias Self Never override Required LiteralString ForwardRef",
    "hashlib": "file_digest",
    "random": "randbytes binomialvariate",
    "statistics": "fmean geometric_mean quantiles multimode NormalDist correlation covariance",
    "queue": "SimpleQueue",
    "http.server": "ThreadingHTTPServer",
    "ssl": "TLSVersion SSLCertVerificationError OP_IGNORE_UNEXPECTED_EOF",
    "ast": "unparse get_source_segment NamedExpr Match",
    "re": "NOFLAG PatternError",
    "argparse": "BooleanOptionalAction",
    "asyncio": "run to_thread create_task get_running_loop TaskGroup timeout Runner current_task",
    "enum": "StrEnum ReprEnum member verify FlagBoundary",
    "operator": "call",
    "inspect": "get_annotations getasyncgenstate",
    "gc": "freeze unfreeze get_freeze_count is_finalized",
    "fcntl": "F_GETPIPE_SZ F_SETPIPE_SZ F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW FICLONE",
    "mmap": "MADV_DONTNEED MAP_POPULATE MAP_NORESERVE",
    "uuid": "uuid7",
    "sqlite3": "Blob SQLITE_LIMIT_LENGTH",
    "builtins": "breakpoint aiter anext ExceptionGroup BaseExceptionGroup EncodingWarning "
                "PythonFinalizationError",
}.items()}
# Whole modules.
MODULES = {"dataclasses", "contextvars", "zoneinfo", "graphlib", "tomllib", "importlib.resources",
           "importlib.metadata", "compression"}
# Methods of anything: by their name, since what a variable holds is not known.
METHODS = {"removeprefix", "removesuffix", "isascii", "bit_count", "fromisoformat",
           "fromisocalendar", "is_relative_to", "with_stem", "hardlink_to", "toreadonly",
           "madvise", "blobopen", "deserialize"}
# Of no use without one that came with it, for which it must be asked: os.pidfd_open.
NEEDS_ANOTHER = {"pidfd_send_signal"}
# {function or class: keywords that came later}
KEYWORDS = {function: set(names.split()) for function, names in {
    "run": "capture_output text process_group pipesize user group extra_groups umask",
    "Popen": "text process_group pipesize user group extra_groups umask",
    "check_output": "text process_group user group umask",
    "check_call": "process_group user group umask",
    "add_subparsers": "required",
    "ArgumentParser": "exit_on_error",
    "copytree": "dirs_exist_ok",
    "unlink": "missing_ok",
    "TemporaryDirectory": "ignore_cleanup_errors delete",
    "NamedTemporaryFile": "delete_on_close",
    "rmtree": "onexc dir_fd",
    "glob": "root_dir dir_fd include_hidden",
    "iglob": "root_dir dir_fd include_hidden",
    "zip": "strict", "map": "strict", "sum": "start", "pow": "base exp mod", "hex": "sep",
    "namedtuple": "defaults",
    "md5": "usedforsecurity", "sha1": "usedforsecurity", "new": "usedforsecurity",
    "parse": "feature_version type_comments",
    "shutdown": "cancel_futures",
    "connect": "autocommit",
    "open_connection": "happy_eyeballs_delay",
}.items()}


def unguarded(text):
    """(line, name) of each use that fails on 3.6; one is guarded by a hasattr() in the same
    function, or by an except for AttributeError or ImportError."""
    tree = ast.parse(text)
    modules = dict(imported(tree))
    return sorted(set(walk(tree, modules, frozenset())))


def imported(tree):
    """(name here, module) of the imported modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, alias.name


def walk(node, modules, guards):
    """The uses below a node."""
    guards = guards | guarded_by(node)
    for line, name in uses(node, modules):
        if name.rpartition(".")[2] not in guards and "*" not in guards:
            yield line, name
    for child in ast.iter_child_nodes(node):
        yield from walk(child, modules, guards)


def guarded_by(node):
    """The names that are asked for in a function, or whose absence is caught ("*")."""
    if isinstance(node, (ast.FunctionDef, ast.Lambda)):
        asked = {call.args[1].value for call in ast.walk(node)
                 if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "hasattr"}
        return asked | NEEDS_ANOTHER
    caught = {name.id for handler in getattr(node, "handlers", ()) if handler.type
              for name in ast.walk(handler.type) if isinstance(name, ast.Name)}
    return {"*"} if caught & {"AttributeError", "ImportError"} else set()


def uses(node, modules):
    """What one node uses of what is later."""
    if isinstance(node, ast.Attribute):
        yield from attribute(node, modules)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        later = TABLE.get(node.module, set())
        yield from ((node.lineno, "%s.%s" % (node.module, alias.name)) for alias in node.names
                    if alias.name in later or node.module in MODULES)
    elif isinstance(node, ast.Import):
        yield from ((node.lineno, alias.name) for alias in node.names if alias.name in MODULES)
    elif isinstance(node, ast.Name) and node.id in TABLE["builtins"]:
        yield node.lineno, "builtins." + node.id
    elif isinstance(node, ast.Call):
        function = getattr(node.func, "attr", getattr(node.func, "id", None))
        later = KEYWORDS.get(function, set())
        yield from ((node.lineno, "%s(%s=)" % (function, word.arg)) for word in node.keywords
                    if word.arg in later)


def attribute(node, modules):
    """module.name, or a method."""
    module = modules.get(ast_name(node.value))
    if node.attr in TABLE.get(module, ()):
        yield node.lineno, "%s.%s" % (module, node.attr)
    elif module is None and node.attr in METHODS:
        yield node.lineno, "." + node.attr


def ast_name(node):
    """a.b.c as it is written, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = ast_name(node.value)
        return left and "%s.%s" % (left, node.attr)
    return ""
