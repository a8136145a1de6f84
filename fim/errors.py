"""What can go wrong for a user: one line that says what, where and how to mend it."""

__all__ = ["ACT_ERROR", "ANSWER_ENVIRONMENT", "ANSWER_POLICY", "ANSWER_USAGE", "FimError",
           "KernelError", "PolicyError", "UsageError"]

# Exit statuses.
ACT_ERROR = 1            # verbs that act: usage or environment
ANSWER_USAGE = 15        # verbs that answer
ANSWER_POLICY = 17
ANSWER_ENVIRONMENT = 18


class FimError(Exception):
    """An error with a message for the user: what, where, how to mend it."""


class UsageError(FimError):
    """The command line or an argument is wrong."""


class KernelError(FimError):
    """This kernel, or this user's rights on it, cannot serve the monitor."""


class PolicyError(FimError):
    """A policy file is refused: which, at which line, why."""
