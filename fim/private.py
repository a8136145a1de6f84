"""Directories that are nobody else's to write: how they are made, and how they are known."""

import contextlib
import os
import stat

__all__ = ["is_ours", "make"]

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make(path):
    """The directory, and each above it that is not there; os.makedirs gives its mode to the
    last one alone. OSError."""
    if not path or os.path.isdir(path):
        return
    make(os.path.dirname(path))
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)


def is_ours(status):
    """Whether nobody else can put files there."""
    return status.st_uid == os.geteuid() and not status.st_mode & OTHERS_WRITE
