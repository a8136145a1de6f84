"""Policies on the command line: the options that verbs share, and the policies at work."""

import contextlib
import functools
import glob
import os
import signal

from fim import policy_file
from fim.errors import PolicyError
from fim.guard import Guard
from fim.output import complain

__all__ = ["add_actions_option", "add_policy_option", "guarded"]

# What a daemon says that begins with a policy that is refused.
LAST = "the policies that were in force last are again"
NONE = "no policy is in force, nothing is judged: the paths are watched"


def add_policy_option(verb):
    """What verbs have that use policies."""
    verb.add_argument("-c", dest="policies", metavar="FILE", action="append", default=[],
                      help="a policy, or a directory of them (%s); may be repeated"
                      % policy_file.DEFAULT)


def add_actions_option(verb):
    """What verbs have that act."""
    verb.add_argument("--allow-action", dest="actions", metavar="ACTION", action="append",
                      default=[], help="what a rule may ask for: stop, kill, copy, notify, "
                      "run:NAME=/COMMAND; nothing else is done; may be repeated")


def usual(options, daemon):
    """The default policies, if there are any: a daemon's, whatever else it is to watch; of
    others where no path is named."""
    asked = daemon or not options.paths
    return [policy_file.DEFAULT] if asked and glob.glob(policy_file.DEFAULT + "/*.py") else []


def checked(guard):
    """The same; PolicyError: it watches nothing that is here."""
    try:
        guard.paths()
    except PolicyError:
        guard.close()
        raise
    return guard


def begun(make, options, state):
    """The policies, as `make` makes them. Where a daemon has run before it does so again: with
    those that were in force last, if these are refused, or else for the paths that are named."""
    try:
        return checked(make())
    except PolicyError as error:
        if not state or not os.path.isdir(os.path.join(state, "journal")):
            raise
        refused = error
    kept = policy_file.kept(state)
    for files in ([kept] if kept else []) + ([[]] if options.paths else []):
        with contextlib.suppress(PolicyError):
            guard = checked(make(instead=(str(refused).replace("fim: ", "", 1), files)))
            complain("%s: %s" % (refused, LAST if files else NONE))
            return guard
    raise refused


@contextlib.contextmanager
def guarded(options, state=None):
    """The policies at work, or None: those named, or the default ones. `state`: a daemon's."""
    places = options.policies or usual(options, state is not None)
    make = functools.partial(Guard, places, state, allowing=options.actions,
                             digests=bool(getattr(options, "content_mib", 0)))  # fim run's
    guard = begun(make, options, state) if places else None
    try:
        if guard:
            signal.signal(signal.SIGHUP, guard.want)
        yield guard
    finally:
        if guard:
            guard.close()
