"""Compiles, loads and attaches the BPF programs in a process of its own, then leaves.

Run by fim/bpf.py under whichever interpreter can import `bcc`; on RHEL 7 that
is Python 2.7, so this file and fim/compiled.py are written for 2.7 and 3.6 alike.
LLVM's memory goes with the process. Reads one JSON request on standard input:

    {"text": C source, "cflags": [...], "entries": {map: room}, "kept": path or null
     where what was compiled is kept, "maps": [name], "load": [program],
     "attach": [[function, program]], "stages": [[index, program]],
     "exit_stages": [[index, program]]  those that a tracepoint's program goes on with,
     "programs": [name to measure]}

Answers on the descriptor that its argument names, a SOCK_SEQPACKET socket, with one JSON message each,
with the descriptor it speaks of where there is one; a function with a colon in its
name is a tracepoint:

    {"map": name} {"program": name} {"probe": [function, program]}
    {"failed": [function, program], "why": text}    one hook; the rest goes on
    {"error": text}                                 nothing can be loaded
    {"done": {"bcc": version, "sizes": {program: instructions}, "kept": loaded from the file}}

Exit status: 0 answered, 3 this interpreter has no bcc.
"""

import ctypes
import json
import os
import socket
import struct
import sys

import compiled

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


def set_stages(objects, array, stages, kind):
    """Fill a program array; its descriptors must stay open until then."""
    for index, program in stages:
        key, value = ctypes.c_int(index), ctypes.c_int(objects.load(program, kind))
        if objects.lib.bpf_update_elem(objects.map(array), ctypes.byref(key), ctypes.byref(value), 0):
            raise OSError(ctypes.get_errno(), "%s: %s" % (array, os.strerror(ctypes.get_errno())))


def attach_one(objects, bcc, function, program):
    """The descriptor of one probe, attached: of a function, FUNCTION%return is where it
    returns, CATEGORY:EVENT a tracepoint."""
    symbol, _, at = function.partition("%")
    name, text, bpf = symbol.encode("ascii"), program.encode("ascii"), objects.bpf
    if b":" in name:
        objects.load(program, bcc.BPF.TRACEPOINT)
        bpf.attach_tracepoint(tp=name, fn_name=text)
        return bpf.tracepoint_fds[name]
    objects.load(program, bcc.BPF.KPROBE)
    method = bpf.attach_kretprobe if at else bpf.attach_kprobe
    method(event=name, fn_name=text)
    return probe_descriptor(bpf, function, program)


def attach(objects, bcc, channel, function, program):
    """Attach one and hand it over, and whether it is; a failure is told and the rest goes on."""
    try:
        descriptor = attach_one(objects, bcc, function, program)
        send(channel, {"probe": [function, program]}, descriptor)
    except Exception as error:
        send(channel, {"failed": [function, program], "why": str(error)})
        return False
    return True


def load_all(objects, bcc, request):
    """Load what no probe needs; later steps find it loaded."""
    set_stages(objects, "stages", request["stages"], bcc.BPF.KPROBE)
    set_stages(objects, "exit_stages", request["exit_stages"], bcc.BPF.TRACEPOINT)
    for name in request["load"]:
        objects.load(name, bcc.BPF.KPROBE)


def from_file(bcc, request):
    """What an earlier start kept, loaded; None where there is none or the kernel refuses it."""
    try:
        file = compiled.kept(request["kept"], bcc) if request["kept"] else None
        if not file:
            return None
        objects = compiled.Kept(bcc, file, request["entries"])
        load_all(objects, bcc, request)
    except Exception as error:
        sys.stderr.write("%s: %s\n" % (request["kept"], error))
        return None
    return objects


def from_text(bcc, request):
    """What bcc compiles; kept if that can be."""
    objects = compiled.Fresh(bcc, request["text"], request["cflags"])
    try:
        if request["kept"]:
            compiled.keep(request["kept"], bcc, objects)
    except Exception as error:  # the next start compiles again
        sys.stderr.write("%s: %s\n" % (request["kept"], error))
    load_all(objects, bcc, request)
    return objects


def serve(channel, bcc, request):
    """Everything the request asks for, in the order in which it must be done."""
    kept = from_file(bcc, request)
    objects = kept or from_text(bcc, request)
    for name in request["maps"]:
        send(channel, {"map": name}, objects.map(name))
    for name in request["load"]:
        send(channel, {"program": name}, objects.load(name, bcc.BPF.KPROBE))
    attached = set(program for function, program in request["attach"]
                   if attach(objects, bcc, channel, function, program))
    for name in sorted(attached - set(request["load"])):  # the kernel counts what they cost
        send(channel, {"program": name}, objects.load(name, bcc.BPF.KPROBE))
    sizes = dict((name, objects.size(name)) for name in request["programs"])
    send(channel, {"done": {"bcc": compiled.version_of(bcc), "sizes": sizes,
                            "kept": bool(kept)}})


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
