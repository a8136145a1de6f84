"""What can go wrong for a user: one line that says what, where and how to mend it."""

__all__ = ["FimError", "UsageError", "KernelError"]


class FimError(Exception):
    """An error with a message for the user: what, where, how to mend it."""


class UsageError(FimError):
    """The command line or an argument is wrong."""


class KernelError(FimError):
    """This kernel, or this user's rights on it, cannot serve the monitor."""
