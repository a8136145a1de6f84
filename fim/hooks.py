"""The hook table: which kernel function answers which operation, and why.

Rows with the same operation and part are alternatives: the first whose `when`
holds on this kernel is attached. Different parts of an operation are attached
together. `when` takes a `fim.kernel.Kernel`; no row may ask for a version.
"""

from collections import namedtuple

__all__ = ["ATTEMPTS", "Hook", "HOOKS", "LEARN", "OPERATIONS", "choose", "doubtful", "give_way",
           "symbol", "uncovered"]

Hook = namedtuple("Hook", "operation part function program when why")


def present(kernel, hook):
    """The function exists on this kernel."""
    return kernel.has(hook.function)


def getattr_takes_path(kernel, hook):
    """3.10 passes (mnt, dentry), 4.2 and later a path."""
    return kernel.has(hook.function) and "FIM_HAS_GETATTR_PATH" in kernel.headers


def setattr_takes_idmap(kernel, hook):
    """6.0 put a namespace, later an idmap, before the dentry."""
    return kernel.has(hook.function) and "FIM_HAS_SETATTR_IDMAP" in kernel.headers


def unanswered(kernel, *successors):
    """None of the functions that run only after success is there."""
    return not any(kernel.has(function) for function in successors)


def setattr_unanswered(kernel, hook):
    """Before 6.9, and without EVM."""
    return kernel.has(hook.function) and unanswered(
        kernel, "security_inode_post_setattr", "evm_inode_post_setattr")


def setattr_unanswered_idmap(kernel, hook):
    """The same with the newer arguments."""
    return setattr_unanswered(kernel, hook) and setattr_takes_idmap(kernel, hook)


def removexattr_unanswered(kernel, hook):
    """Before 6.9, and without EVM."""
    return kernel.has(hook.function) and unanswered(
        kernel, "security_inode_post_removexattr", "evm_inode_post_removexattr")


def removexattr_unanswered_idmap(kernel, hook):
    """The same, since 5.12 put a namespace, later an idmap, before the dentry."""
    return removexattr_unanswered(kernel, hook) and "FIM_HAS_REMOVEXATTR_IDMAP" in kernel.headers


def acl_apart(kernel, hook):
    """6.2 gave POSIX ACLs a way of their own, which EVM's xattr hooks see."""
    return kernel.has(hook.function) and kernel.has("security_inode_set_acl")


def acl_unanswered(kernel, hook):
    """6.2 to 6.8, and without EVM."""
    return kernel.has(hook.function) and unanswered(
        kernel, "security_inode_post_set_acl", "evm_inode_post_setxattr")


def modified_apart(kernel, hook):
    """Since it came with kiocb_modified, it does not call file_update_time any more."""
    return kernel.has(hook.function) and kernel.has("kiocb_modified")


def vfs_takes_idmap(kernel, hook):
    """5.12 put a namespace, later an idmap, before what the vfs_* functions took first; the
    same commits did it to security_inode_removexattr, which a header declares."""
    return kernel.has(hook.function) and "FIM_HAS_REMOVEXATTR_IDMAP" in kernel.headers


def without_idmap(kernel, hook):
    """Before that."""
    return kernel.has(hook.function) and not vfs_takes_idmap(kernel, hook)


def has_sys_exit(kernel, hook):
    """Tracepoints of system calls, for perf."""
    return kernel.has("perf_trace_sys_exit")


def with_btrfs(kernel, hook):
    """btrfs is built in, or its module is loaded."""
    return kernel.has(hook.function) and kernel.has("btrfs_ioctl")


CREATED = "security_d_instantiate", "fim_d_instantiate", present, "after the file system succeeded"
INHERITED = "called from other source files only, arguments unchanged from 3.10 to 7.3"

AFTER = "runs only after success"
ASKS = "nothing runs after success only; what the function returns will tell"
ANSWERS = "its return is the answer"


def setattr_rows(operation):
    """truncate, chmod, chown and utimes are one act of the kernel."""
    return (
        (operation, "before", "security_inode_setattr", "fim_ask_setattr_idmap",
         setattr_unanswered_idmap, ASKS),
        (operation, "before", "security_inode_setattr", "fim_ask_setattr", setattr_unanswered,
         ASKS),
        (operation, "before", "security_inode_setattr", "fim_setattr_idmap",
         setattr_takes_idmap, "what it was before; the oldest place with the new arguments"),
        (operation, "before", "security_inode_setattr", "fim_setattr", present, "the same"),
        (operation, "done", "security_inode_post_setattr", "fim_post_setattr_idmap", present,
         AFTER),
        (operation, "done", "evm_inode_post_setattr", "fim_post_setattr", present,
         AFTER + "; where the kernel has EVM, before 6.9"),
        (operation, "done", "notify_change%return", "fim_answer", present, ANSWERS),
    )


HOOKS = tuple(Hook(*row) for row in (
    ("create", "permit", "security_inode_create", "fim_inode_create", present, INHERITED),
    ("create", "done") + CREATED,
    ("mkdir", "permit", "security_inode_mkdir", "fim_inode_mkdir", present, INHERITED),
    ("mkdir", "done") + CREATED,
    ("mknod", "permit", "security_inode_mknod", "fim_inode_mknod", present, INHERITED),
    ("mknod", "done") + CREATED,
    ("symlink", "permit", "security_inode_symlink", "fim_inode_symlink", present, INHERITED),
    ("symlink", "done") + CREATED,
    ("link", "permit", "security_inode_link", "fim_inode_link", present, INHERITED),
    ("link", "done") + CREATED,
    ("unlink", "done", "d_delete", "fim_d_delete", present, AFTER),
    ("rmdir", "done", "d_delete", "fim_d_delete", present, AFTER),
    ("unlink", "forget", "clear_inode", "fim_clear_inode", present,
     "before the inode number can be given out again"),
    ("rename", "done", "d_move", "fim_d_move", present, AFTER),
    ("rename", "whiteout", "init_special_inode", "fim_special_inode", present,
     "the device that RENAME_WHITEOUT leaves; called for devices, fifos and sockets alone"),
    ("rename", "exchange", "d_exchange", "fim_d_exchange", present, AFTER),
    ("modify", "file", "file_update_time", "fim_file_update_time", present,
     "every write path up to 5.10; mmap, tmpfs and others after"),
    ("modify", "modified", "file_modified", "fim_file_modified", modified_apart,
     "ext4 from 6.0; from 5.3 on it passed file_update_time"),
    ("modify", "iocb", "kiocb_modified", "fim_kiocb_modified", present, "xfs from 6.0"),
    ("modify", "copy_up", "security_inode_copy_up", "fim_copy_up", present,
     "overlayfs: what is written to becomes another inode; arguments as in 3.10"),
    ("modify", "privs", "file_remove_privs", "fim_file_remove_privs", with_btrfs,
     "btrfs's write(2) up to 6.12; the program asks for the file system"),
    ("close", "allocate", "vfs_fallocate", "fim_fallocate", present,
     "fallocate on 3.10, and on tmpfs and btrfs up to 5.10, passes none of modify's"),
    ("close", "open", "security_file_open", "fim_file_open", present,
     "first argument unchanged; what was modified before the open does not count"),
    ("close", "done", "locks_remove_file", "fim_file_close", present,
     "once per last put of an open file"),
) + setattr_rows("truncate") + setattr_rows("chmod") + setattr_rows("chown") + setattr_rows("utimes") + (
    ("setxattr", "done", "security_inode_post_setxattr", "fim_post_setxattr", present, AFTER),
    ("setxattr", "acl", "security_inode_post_set_acl", "fim_post_set_acl", present,
     "POSIX ACLs go another way from 6.2 on"),
    ("setxattr", "acl", "evm_inode_post_setxattr", "fim_evm_post_set_acl", acl_apart,
     AFTER + "; where the kernel has EVM, 6.2 to 6.8"),
    ("setxattr", "acl", "vfs_set_acl%return", "fim_answer", present, ANSWERS),
    ("setxattr", "ask", "security_inode_set_acl", "fim_ask_set_acl", acl_unanswered, ASKS),
    ("removexattr", "done", "security_inode_post_removexattr", "fim_post_removexattr", present,
     AFTER),
    ("removexattr", "done", "evm_inode_post_removexattr", "fim_post_removexattr", present,
     AFTER + "; where the kernel has EVM, before 6.9"),
    ("removexattr", "done", "vfs_removexattr%return", "fim_answer", present, ANSWERS),
    ("removexattr", "before", "security_inode_removexattr", "fim_ask_removexattr_idmap",
     removexattr_unanswered_idmap, ASKS),
    ("removexattr", "before", "security_inode_removexattr", "fim_ask_removexattr",
     removexattr_unanswered, ASKS),
    ("removexattr", "acl", "security_inode_post_remove_acl", "fim_post_remove_acl", present,
     "POSIX ACLs go another way from 6.2 on"),
    ("removexattr", "acl", "vfs_remove_acl%return", "fim_answer", removexattr_unanswered,
     ANSWERS),
    ("removexattr", "ask", "security_inode_remove_acl", "fim_ask_removexattr_idmap",
     removexattr_unanswered, ASKS),
    ("setflags", "permit", "security_file_ioctl", "fim_file_ioctl", present,
     "the ioctls that set flags, on every file system"),
    ("setflags", "compat", "security_file_ioctl_compat", "fim_file_ioctl", present,
     "the same from 32-bit programs, where they pass elsewhere"),
    ("setflags", "done", "mnt_drop_write_file", "fim_drop_write_file", present,
     "such an ioctl is over"),
    ("setflags", "ask", "security_inode_file_setattr", "fim_ask_setflags", present,
     "file_setattr(2) is no ioctl; the ioctls pass here, too"),
    ("setflags", "syscall", "__x64_sys_file_setattr%return", "fim_answer", present, ANSWERS),
    ("setflags", "syscall", "__arm64_sys_file_setattr%return", "fim_answer", present, ANSWERS),
    ("setflags", "compat syscall", "__ia32_sys_file_setattr%return", "fim_answer", present,
     ANSWERS),
    ("mmap", "done", "perf_event_mmap", "fim_mapped", present,
     AFTER + " of mmap and mprotect, whether anyone profiles or not"),
    ("mmap", "done", "vma_set_page_prot", "fim_mapped", present,
     "the same, by a probe of ftrace's: from 5.8 to 5.11 no program is run at another"),
    ("open", "device", "blkdev_open", "fim_blkdev_open", present,
     "only block devices are opened by it; nothing else of open is told"),
    ("open", "loop", "security_file_ioctl", "fim_file_ioctl", present,
     "a file is given to the loop driver by an ioctl"),
    ("mount", "mount", "security_sb_mount", "fim_sb_mount", present,
     "every way of mount(2), before it; the mount table tells what became of it"),
    ("mount", "move", "security_move_mount", "fim_move_mount", present,
     "move_mount(2), by which the newer calls attach everything"),
    ("mount", "pivot", "security_sb_pivotroot", "fim_pivot_root", present, "before it"),
    ("mount", "setattr", "__x64_sys_mount_setattr", "fim_mount_setattr", present,
     "mount_setattr(2) asks no security hook"),
    ("mount", "setattr", "__arm64_sys_mount_setattr", "fim_mount_setattr", present, "the same"),
    ("mount", "compat", "__ia32_sys_mount_setattr", "fim_mount_setattr", present,
     "the same for 32-bit programs"),
    ("umount", "umount", "security_sb_umount", "fim_sb_umount", present, "before it"),
))

# Learns the kernel's own name for what the scanner stats; attached while scanning.
LEARN = tuple(Hook(*row) for row in (
    ("scan", "learn", "security_inode_getattr", "fim_getattr_path", getattr_takes_path,
     "stat's numbers are not the kernel's on overlayfs and btrfs"),
    ("scan", "learn", "security_inode_getattr", "fim_getattr_dentry", present, "the same on 3.10"),
    ("scan", "beneath", "vfs_getattr_nosec", "fim_getattr_path", present,
     "overlayfs calls it for the real inode since 6.7; what is told twice is the same"),
))



def attempt_rows(operation, function, program, why):
    """Where the arguments are told by the headers."""
    return (
        (operation, "attempt", function, program + "_idmap", vfs_takes_idmap, why),
        (operation, "attempt", function, program, present, why),
    )


def attempt_at_name(operation, program, path, vfs):
    """security_path_* are not in every kernel (CONFIG_SECURITY_PATH)."""
    return (
        (operation, "attempt", path, program, present,
         "before every check of rights; arguments as in 3.10"),
        (operation, "attempt", vfs, program, without_idmap, "the same, where it is not inlined"),
    )


EXIT = "raw_syscalls:sys_exit"

# What fails, for those who ask: begun at one of these, told at the system call's end.
ATTEMPTS = tuple(Hook(*row) for row in (
    attempt_rows("open", "inode_permission", "fim_try_open", "asked by every open; by every "
                 "step of a path as well, which leaves after one test")
    + attempt_at_name("create", "fim_try_mknod", "security_path_mknod", "vfs_create")
    + attempt_at_name("mknod", "fim_try_mknod", "security_path_mknod", "vfs_mknod")
    + attempt_at_name("mkdir", "fim_try_mkdir", "security_path_mkdir", "vfs_mkdir")
    + attempt_at_name("symlink", "fim_try_symlink", "security_path_symlink", "vfs_symlink")
    + attempt_at_name("link", "fim_try_link", "security_path_link", "vfs_link")
    + attempt_at_name("unlink", "fim_try_unlink", "security_path_unlink", "vfs_unlink")
    + attempt_at_name("rmdir", "fim_try_rmdir", "security_path_rmdir", "vfs_rmdir")
    + attempt_at_name("rename", "fim_try_rename", "security_path_rename", "vfs_rename")
    + (("truncate", "attempt", "vfs_truncate", "fim_try_truncate", present,
        "of truncate(2); O_TRUNC is an open"),)
    + attempt_rows("chmod", "notify_change", "fim_try_setattr", "before every check of rights")
    + attempt_rows("chown", "notify_change", "fim_try_setattr", "before every check of rights")
    + attempt_rows("utimes", "notify_change", "fim_try_setattr", "on 3.10 after some")
    + attempt_rows("setxattr", "vfs_setxattr", "fim_try_setxattr", "before every check of rights")
    + (("setxattr", "acl", "vfs_set_acl", "fim_try_setxattr_idmap", present,
        "POSIX ACLs go another way from 6.2 on"),)
    + attempt_rows("removexattr", "vfs_removexattr", "fim_try_removexattr",
                   "before every check of rights")
    + (("removexattr", "acl", "vfs_remove_acl", "fim_try_removexattr_idmap", present,
        "POSIX ACLs go another way from 6.2 on"),
       ("setflags", "attempt", "security_file_ioctl", "fim_try_setflags", present,
        "before every check of rights"),
       ("exit", "exit", EXIT, "fim_sys_exit", has_sys_exit,
        "what every system call returns"))))

# Parts without which the operation can still be seen.
OPTIONAL = {"exchange", "whiteout", "file", "modified", "iocb", "copy_up", "privs", "allocate", "forget",
            "before", "ask", "acl", "syscall", "compat", "compat syscall", "move", "setattr"}
OPERATIONS = tuple(dict.fromkeys(hook.operation for hook in HOOKS))


def choose(kernel, table=HOOKS, without=()):
    """The rows to attach on `kernel`: for each operation and part the first that fits.

    `without` names kernel functions, or holds rows, that are passed over; where one is, other
    rows of its operation are chosen as if the kernel had no such function.
    """
    chosen = {}
    for hook in table:
        gone = hidden(hook, without)
        if (hook not in without and symbol(hook.function) not in without
                and hook.when(kernel.hiding(gone), hook)):
            chosen.setdefault((hook.operation, hook.part), hook)
    return list(chosen.values())


def hidden(hook, without):
    """The functions passed over, but its own, that a row of this operation shall not know of."""
    rows = {one.function for one in without
            if isinstance(one, Hook) and one.operation == hook.operation}
    names = {one for one in without if not isinstance(one, Hook)}
    return names | ({symbol(function) for function in rows} - {symbol(hook.function)})


def symbol(function):
    """The kernel's name for what a row names: a function, or FUNCTION%return."""
    return function.partition("%")[0]


def give_way(kernel, rows, without=(), table=HOOKS):
    """Those of `rows` that have a next candidate on `kernel`."""
    later = {(hook.operation, hook.part)
             for hook in choose(kernel, table, set(without) | set(rows))}
    return {hook for hook in rows if (hook.operation, hook.part) in later}


def doubtful(attached, silent):
    """The rows that may be why these operations are silent: no other operation proves them."""
    proven = {(hook.function, hook.program) for hook in attached
              if hook.operation not in silent and hook.part not in OPTIONAL}
    return {hook for hook in attached
            if hook.operation in silent and hook.part not in OPTIONAL
            and (hook.function, hook.program) not in proven}


def answered(chosen):
    """Without the answers to what nobody asks: a return says whether, and not what."""
    asked = {hook.operation for hook in chosen if hook.program.startswith("fim_ask_")}
    return [hook for hook in chosen if hook.program != "fim_answer" or hook.operation in asked]


def uncovered(chosen, table=HOOKS):
    """{operation: why} for what these rows cannot see."""
    chosen = answered(chosen)
    attached = {(hook.operation, hook.part) for hook in chosen}
    lacking = {}
    for hook in table:
        if (hook.operation, hook.part) not in attached and hook.part not in OPTIONAL:
            lacking.setdefault(hook.operation, {})[hook.function] = True
    missing = {operation: "this kernel has no %s" % " nor ".join(functions)
               for operation, functions in lacking.items()}
    seen = {hook.operation for hook in chosen}
    for operation in OPERATIONS:
        if operation not in seen:
            missing.setdefault(operation, "none of its functions is in this kernel")
    return missing
