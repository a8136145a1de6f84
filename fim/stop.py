"""The end, as the user or the service manager asks for it."""

import os
import signal
import time

__all__ = ["Stop"]

AGAIN_SECONDS = 1.0  # timeout(1) sends it twice at once


class Stop:
    """SIGINT and SIGTERM, remembered instead of thrown. One that comes again later ends the
    process: it may be held up by whoever reads its output."""

    def __init__(self):
        self.reason, self.since = None, 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.note)

    def note(self, number, frame):
        """The handler."""
        del frame
        if self.reason is None:
            self.reason, self.since = signal.Signals(number).name, time.monotonic()
        elif time.monotonic() - self.since >= AGAIN_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
