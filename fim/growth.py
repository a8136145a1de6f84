"""A larger hash being made ready beside the one in force, which goes on serving."""

import threading

__all__ = ["Growth", "room"]


def room(there):
    """Slots for so many inodes and half as many more. The kernel's buckets, 16 bytes each, are
    the next power of two: fewer slots than that cost as much as the bytes of more."""
    return 1 << (there * 3 // 2).bit_length()


class Growth:
    """Runs `load(entries)` in a thread: a compile takes seconds, and records go on.

    needed  whether nothing goes on without it; else `error` is for whoever asks
    """

    def __init__(self, load, entries, needed=True):
        self.load = load
        self.entries = entries
        self.needed = needed
        self.attachment = None
        self.error = None
        self.abandoned = False
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        """In the thread."""
        try:
            attachment = self.load(self.entries)
        except BaseException as error:  # told by result(), in the caller's thread
            self.error = error
            return
        with self.lock:
            if not self.abandoned:
                self.attachment = attachment
                return
        attachment.close()

    def done(self):
        """Whether result() would not wait."""
        return not self.thread.is_alive()

    def result(self):
        """The attachment; what went wrong raised, or None where it is not needed."""
        self.thread.join()
        if self.error and self.needed:
            raise self.error
        return self.attachment

    def abandon(self):
        """It is not wanted any more, whenever it is ready."""
        with self.lock:
            self.abandoned = True
            if self.attachment:
                self.attachment.close()
