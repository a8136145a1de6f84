"""Between whoever has records and the spools: a bounded queue, so that no disk is waited for."""

import collections
import threading

__all__ = ["Feed"]

ROOM = 32 << 20


class Feed(threading.Thread):
    """Hands each batch to every outlet; what there is no room for becomes a hole there."""

    def __init__(self, outlets):
        super().__init__(name="fim-sinks", daemon=True)
        self.outlets = outlets
        self.pieces = collections.deque()  # lines, or how many were lost between them
        self.waiting = 0
        self.changed = threading.Condition()
        self.ending = False
        self.start()

    def put(self, lines):
        """A batch; never waits."""
        with self.changed:
            if self.waiting + len(lines) <= ROOM:
                self.pieces.append(lines)
                self.waiting += len(lines)
            else:
                self.lose(lines.count(b"\n"))
            self.changed.notify()

    def lose(self, count):
        """So many lines are not kept."""
        if self.pieces and isinstance(self.pieces[-1], int):
            count += self.pieces.pop()
        self.pieces.append(count)

    def run(self):
        """Until close()."""
        while True:
            with self.changed:
                while not self.pieces and not self.ending:
                    self.changed.wait()
                if not self.pieces:
                    return
                piece = self.pieces.popleft()
            for outlet in self.outlets:
                self.hand(outlet, piece)
            if not isinstance(piece, int):
                with self.changed:
                    self.waiting -= len(piece)

    @staticmethod
    def hand(outlet, piece):
        """To one of them; a defect of it is no reason for the others to get nothing."""
        try:
            outlet.take(piece)
        except Exception as error:
            outlet.fail(error)

    def close(self, seconds):
        """What waits goes to the spools, for so long at most."""
        with self.changed:
            self.ending = True
            self.changed.notify()
        self.join(seconds)
