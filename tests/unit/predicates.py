"""What a predicate of fim/hooks.py asks for: names and strings of its code and of what it calls."""

import types

from fim import hooks
from fim.kernel import Kernel

# What a predicate can reach by name; of Kernel, methods and properties.
KNOWN = (vars(hooks), vars(Kernel))


def codes(function):
    """The code objects of a function, of those nested in it, and of what they name."""
    found, left = [], [function.__code__]
    while left:
        code = left.pop()
        if code in found:
            continue
        found.append(code)
        left += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
        left += [called.__code__ for name in code.co_names for called in named(name)]
    return found


def named(name):
    """The functions that a name may be."""
    for table in KNOWN:
        one = table.get(name)
        one = one.fget if isinstance(one, property) else one
        if isinstance(one, types.FunctionType):
            yield one


def names(function):
    """Every attribute and global that is used."""
    return {name for code in codes(function) for name in code.co_names}


def strings(function):
    """Every constant that is a string; docstrings, too."""
    return {constant for code in codes(function) for constant in code.co_consts
            if isinstance(constant, str)}
