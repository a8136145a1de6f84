"""What is due now and then."""

import time

__all__ = ["Every"]


class Every:
    """Something that is due every so many seconds."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.next = time.monotonic() + seconds

    def due(self):
        """Whether it is; then it is not for another period."""
        if time.monotonic() < self.next:
            return False
        self.next = time.monotonic() + self.seconds
        return True

    def now(self):
        """It is due at once."""
        self.next = 0
