"""The end, as the user or the service manager asks for it."""

import signal

__all__ = ["Stop"]


class Stop:
    """SIGINT and SIGTERM, remembered instead of thrown."""

    def __init__(self):
        self.reason = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.note)

    def note(self, number, frame):
        """The handler."""
        del frame
        self.reason = signal.Signals(number).name
