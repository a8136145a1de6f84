"""Compiles, loads and attaches the BPF programs in a process of its own, then leaves.

Run by fim/bpf.py under whichever interpreter can import `bcc`; on RHEL 7 that
is Python 2.7, so this one file is written for 2.7 and 3.6 alike. LLVM's memory
goes with the process. Reads one JSON request on standard input:

    {"text": C source, "cflags": [...], "maps": [name], "load": [program],
     "attach": [[function, program]], "stages": [[index, program]],
     "exit_stages": [[index, program]]  those that a tracepoint's program goes on with,
     "programs": [name to measure]}

Answers on the descriptor that its argument names, a SOCK_SEQPACKET socket, with one JSON message each,
with the descriptor it speaks of where there is one; a function with a colon in its
name is a tracepoint:

    {"map": name} {"program": name} {"probe": [function, program]}
    {"failed": [function, program], "why": text}    one hook; the rest goes on
    {"error": text}                                 nothing can be loaded
    {"done": {"bcc": version, "sizes": {program: instructions}}}

Exit status: 0 answered, 3 this interpreter has no bcc.
"""

import ctypes
import json
import os
import socket
import struct
import sys

NO_BCC = 3


def send(channel, message, descriptor=None):
    """One message, with one descriptor where given."""
    data = json.dumps(message).encode("ascii")
    if descriptor is None:
        channel.send(data)
    elif hasattr(channel, "sendmsg"):
        rights = struct.pack("i", descriptor)
        channel.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    else:
        send_by_libc(channel, data, descriptor)


class Vector(ctypes.Structure):
    """struct iovec"""
    _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class Rights(ctypes.Structure):
    """struct cmsghdr with one descriptor, padded as CMSG_SPACE does"""
    _fields_ = [("length", ctypes.c_size_t), ("level", ctypes.c_int), ("type", ctypes.c_int),
                ("descriptor", ctypes.c_int), ("pad", ctypes.c_int)]


class Message(ctypes.Structure):
    """struct msghdr"""
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint),
                ("vector", ctypes.POINTER(Vector)), ("vectors", ctypes.c_size_t),
                ("control", ctypes.POINTER(Rights)), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


def send_by_libc(channel, data, descriptor):
    """sendmsg(2) for Python 2.7, whose socket module has none."""
    vector = Vector(data, len(data))
    scm_rights = 1
    rights = Rights(ctypes.sizeof(Rights) - 4, socket.SOL_SOCKET, scm_rights, descriptor, 0)
    message = Message(None, 0, ctypes.pointer(vector), 1, ctypes.pointer(rights),
                      ctypes.sizeof(Rights), 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.sendmsg(channel.fileno(), ctypes.byref(message), 0) < 0:
        raise OSError(ctypes.get_errno(), "sendmsg: " + os.strerror(ctypes.get_errno()))


def probe_descriptor(bpf, function, program):
    """The perf event of an attached kprobe; bcc keeps one a function, later one a program."""
    function, _, at = function.partition("%")
    event = ("r_" if at else "p_") + function
    event = next(name for name in bpf.kprobe_fds if name.decode("ascii") == event)
    found = bpf.kprobe_fds[event]
    return found[program.encode("ascii")] if isinstance(found, dict) else found


def map_descriptor(bpf, bcc, name):
    """Of a map, by libbcc: bcc's own table objects cannot describe every value type."""
    return bcc.lib.bpf_table_fd(bpf.module, name.encode("ascii"))


def load(bpf, name, kind):
    """The loaded program `name`, a bcc function object with its descriptor in .fd"""
    return bpf.load_func(name.encode("ascii"), kind)


def set_stages(bpf, array, stages, kind):
    """Fill a program array; its descriptors must stay open until then."""
    for index, program in stages:
        bpf[array][ctypes.c_int(index)] = ctypes.c_int(load(bpf, program, kind).fd)


def attach_one(bpf, function, program):
    """The descriptor of one probe, attached: of a function, FUNCTION%return is where it
    returns, CATEGORY:EVENT a tracepoint."""
    symbol, _, at = function.partition("%")
    name, text = symbol.encode("ascii"), program.encode("ascii")
    if b":" in name:
        bpf.attach_tracepoint(tp=name, fn_name=text)
        return bpf.tracepoint_fds[name]
    method = bpf.attach_kretprobe if at else bpf.attach_kprobe
    method(event=name, fn_name=text)
    return probe_descriptor(bpf, function, program)


def attach(bpf, channel, function, program):
    """Attach one and hand it over; a failure is told and the rest goes on."""
    try:
        send(channel, {"probe": [function, program]}, attach_one(bpf, function, program))
    except Exception as error:
        send(channel, {"failed": [function, program], "why": str(error)})


def serve(channel, bcc, request):
    """Everything the request asks for, in the order in which it must be done."""
    bpf = bcc.BPF(text=request["text"].encode("utf-8"), cflags=request["cflags"])
    set_stages(bpf, b"stages", request["stages"], bcc.BPF.KPROBE)
    set_stages(bpf, b"exit_stages", request["exit_stages"], bcc.BPF.TRACEPOINT)
    for name in request["maps"]:
        send(channel, {"map": name}, map_descriptor(bpf, bcc, name))
    for name in request["load"]:
        send(channel, {"program": name}, load(bpf, name, bcc.BPF.KPROBE).fd)
    for function, program in request["attach"]:
        attach(bpf, channel, function, program)
    sizes = dict((name, len(bpf.dump_func(name.encode("ascii"))) // 8)
                 for name in request["programs"])
    send(channel, {"done": {"bcc": getattr(bcc, "__version__", "unknown"), "sizes": sizes}})


def main():
    """Answer one request; leave by os._exit, since bcc's exit handler detaches."""
    try:
        import bcc
    except ImportError as error:
        sys.stderr.write("%s\n" % error)
        os._exit(NO_BCC)
    channel = socket.fromfd(int(sys.argv[1]), socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        serve(channel, bcc, json.loads(sys.stdin.read()))
    except Exception as error:
        send(channel, {"error": "%s: %s" % (type(error).__name__, error)})
    os._exit(0)


if __name__ == "__main__":
    main()
