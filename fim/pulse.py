"""What the service manager's watchdog hears: from a thread, since to scan what was mounted, or
moved in, with millions of names is one long call, and only as long as something moves."""

import threading

__all__ = ["Pulse"]


class Pulse:
    """Beats three times in the watchdog's time while there is progress.

    service   what is told (fim/service.py)
    progress  a number that changes while a long call gets on; called in the thread
    """

    def __init__(self, service, progress):
        self.service, self.progress = service, progress
        self.turns = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        if service.patience:
            self.thread.start()

    def turn(self):
        """The main loop has gone round."""
        self.turns += 1

    def run(self):
        """In the thread."""
        seen = None
        while not self.over.wait(self.service.patience / 3):
            now = self.turns, self.progress()
            if now != seen:
                self.service.tell("WATCHDOG=1")
            seen = now

    def close(self):
        """No more."""
        self.over.set()
