"""Keys that seal a journal, one a segment, each made from the one before, with no way back:
who takes over a machine can seal what is to come, not what was sealed before.

The first is HMAC-SHA256(fleet secret, machine id), made where the secret is kept; the machine
is given that key only, in the file `seal.key` of its state directory, and keeps there the
current segment's.
"""

import hashlib
import hmac
import json
import os

from fim.errors import FimError

__all__ = ["Keys", "first_key", "key_of"]

NAME = "seal.key"


def first_key(secret, machine_id):
    """Of a machine's first segment."""
    return hmac.new(secret, (machine_id or "").encode("utf-8", "replace"), hashlib.sha256).digest()


def evolved(key):
    """The next segment's key."""
    return hashlib.sha256(b"fim segment\n" + key).digest()


def key_of(key, segments):
    """The key so many segments later."""
    for _ in range(segments):
        key = evolved(key)
    return key


class Keys:
    """The keys from the current segment on, in the directory `state`; `key` is the first ever,
    for a new journal."""

    def __init__(self, state, key=None):
        self.path = os.path.join(state, NAME)
        self.segment, self.key = 1, key
        if key is None:
            self.load()

    def load(self):
        """What was kept."""
        try:
            with open(self.path, encoding="ascii") as file:
                kept = json.load(file)
            self.segment, self.key = kept["segment"], bytes.fromhex(kept["key"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FimError("fim: %s: no key for seals: %s" % (self.path, error))

    def of(self, segment):
        """The key of a segment that is not over."""
        if segment < self.segment:
            raise FimError("fim: %s: of segment %d, and the journal is at %d: it was rolled back"
                           % (self.path, self.segment, segment))
        return key_of(self.key, segment - self.segment)

    def forget_before(self, segment):
        """From now on only this one's and later ones'."""
        self.key, self.segment = self.of(segment), segment
        new = self.path + ".new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(new, flags, 0o600), "w") as file:
            json.dump({"segment": segment, "key": self.key.hex()}, file)
            file.flush()
            os.fsync(file.fileno())
        os.rename(new, self.path)
