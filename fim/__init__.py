"""fim: a file integrity monitor for Linux, in real time and with who did it.

    import fim
    for record in fim.Monitor("/etc"):
        print(record.time, record.op, record.path, record.process.exe)
"""

from fim.errors import FimError, KernelError, UsageError
from fim.monitor import Monitor
from fim.records import Record, read
from fim.version import VERSION
from fim.walk import Scan as scan

__version__ = VERSION
__all__ = ["FimError", "KernelError", "Monitor", "Record", "UsageError", "read", "scan"]
