"""What is ours: files that records go to, and directories of such; what we do there is counted,
and no change to tell."""

import os

__all__ = ["Own"]


class Own:
    """Of the files and directories that these descriptors are open on.

    It keeps them open by descriptors of its own: whoever writes there may close his, and as long
    as they are open no other file gets their numbers.
    """

    def __init__(self, descriptors):
        self.descriptors = []
        for descriptor in descriptors:
            self.descriptors.append(os.dup(descriptor))

    def tell(self, session):
        """To the session, as often as its hash is another; within a scan."""
        for descriptor in self.descriptors:
            session.own(descriptor)

    def close(self):
        """Nobody asks any more."""
        while self.descriptors:
            os.close(self.descriptors.pop())
