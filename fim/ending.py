"""Why fim stops, and why it starts: upgrade, uninstall, reboot, crash."""

import os
import subprocess

__all__ = ["MARK", "start_reason", "stop_reason"]

MARK = "/run/fim-monitor.reason"  # one word, there while the package's scripts stop the service
MARKED = ("upgrade", "uninstall")
CARRIED = ("upgrade", "reboot")  # what a stop was for, the next start is for
ANSWER_SECONDS = 2


def marked(path):
    """What the package's scripts say, None for nothing."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            word = file.read(16).strip()
    except OSError:
        return None
    return word if word in MARKED else None


def host_goes_down(environment):
    """Whether the service manager that started us is ending everything."""
    if "NOTIFY_SOCKET" not in environment:
        return False
    try:
        said = subprocess.run(["systemctl", "is-system-running"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=ANSWER_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.strip() == b"stopping"


def stop_reason(signal, mark=MARK, environment=os.environ):
    """Of a stop by this signal; "reboot" is every end of the host that somebody asked for."""
    return marked(mark) or ("reboot" if host_goes_down(environment) else signal)


def start_reason(last, boot_id):
    """After `last`, the last record of the journal (None: there is none). No stop that was
    asked for is a crash, of fim or of the host: `boot_id` tells which."""
    if last is None:
        return None
    if last.get("kind") != "stop" or last.get("reason") == "error":
        return "crash"
    if last["reason"] in CARRIED:
        return last["reason"]
    before = (last.get("host") or {}).get("boot_id")
    return "reboot" if before and before != boot_id else None
