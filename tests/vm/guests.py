"""Several guests at once, each with the same command."""

import multiprocessing
import os
import selectors
import sys

import machine


def run(machines, command, timeout):
    """The greatest exit status; lines of output begin with the number of their guest."""
    context = multiprocessing.get_context("fork")
    guests, outputs = [], {}
    try:
        for number, guest in enumerate(machines, 1):
            ours, theirs = os.pipe()
            outputs[ours] = number
            guests.append(context.Process(target=_one, args=(theirs, guest, command, timeout)))
            guests[-1].start()
            os.close(theirs)
        _relay(outputs)
    finally:
        for guest in guests:
            if sys.exc_info()[0]:
                guest.terminate()
            guest.join()
    return max(abs(guest.exitcode) for guest in guests)  # of a killed one it is negative


def _one(output, guest, command, timeout):
    """One guest, its output and complaints into a pipe; the process of it ends with its status."""
    machine.die_with_parent()
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    sys.exit(guest.run(command, timeout))


def _relay(outputs):
    """Whole lines as they come from {descriptor: number}, until all have ended."""
    with selectors.DefaultSelector() as selector:
        rests = dict.fromkeys(outputs, b"")
        for descriptor in outputs:
            selector.register(descriptor, selectors.EVENT_READ)
        while rests:
            for key, _ in selector.select():
                block = os.read(key.fd, 65536)
                lines = (rests[key.fd] + block).split(b"\n")
                rests[key.fd] = lines.pop()
                _tell(outputs[key.fd], lines if block else lines + [rests.pop(key.fd)])
                if not block:
                    selector.unregister(key.fd)


def _tell(number, lines):
    for line in filter(None, lines):
        sys.stdout.buffer.write(b"%d| %s\n" % (number, line))
    sys.stdout.buffer.flush()
