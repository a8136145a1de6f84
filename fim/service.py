"""What the service manager is told: sd_notify(3), without its library."""

import contextlib
import os
import socket

__all__ = ["Service"]


class Service:
    """Nothing at all where nobody listens (NOTIFY_SOCKET).

    patience  seconds within which it wants to hear WATCHDOG=1, None: it does not
    """

    def __init__(self, environment=os.environ):
        self.address = environment.get("NOTIFY_SOCKET")
        microseconds = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.patience = int(microseconds) / 1e6 if ours and microseconds.isdigit() else None

    def tell(self, *lines):
        """Such as READY=1, STATUS=text. It is not our business whether it is heard."""
        if not self.address:
            return
        name = self.address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.connect("\0" + name[1:] if name.startswith("@") else name)
            end.setblocking(False)
            end.send("\n".join(lines).encode("utf-8"))
