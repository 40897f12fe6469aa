#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
share.py -- one capture for several processes, among them slow, dead and hostile ones

    a (sla) gen ======= veth ======= (slb) b: (rx slb share=NAME), the owner
                                              (attach NAME), three readers and more

Nobody waits for a reader, and none can do harm: neither to the owner nor to the others. When
the owner goes, however it goes, readers end with what they had, and nothing is left.

    share.py [-v] [TEST...]		all, or those named below in main()
"""
import array
import contextlib
import ctypes
import json
import mmap
import os
import random
import signal
import socket
import struct
import sys
import tempfile
import time

import livegen
import ns

FOLDER = "/run/streamline"
NOBODY = 65534
GROUP = 54321
HELLO_ROOM = 4096
ROUNDS = 20

_libc = ctypes.CDLL(None, use_errno=True)
_names = 0


# ---- Captures and readers -----------------------------------------------------

def new_name():
    global _names
    _names += 1
    return f"test-{os.getpid()}-{_names}"


def socket_of(name):
    return f"{FOLDER}/{name}.sock"


def catches_int(p):
    """Set up: it is ready for SIGINT."""
    try:
        with open(f"/proc/{p.pid}/status", encoding="ascii") as f:
            return [line for line in f if line.startswith("SigCgt:") and int(line.split()[1], 16) & 2]
    except FileNotFoundError:
        return False


class Job:
    """A run under way; end() gives its report."""

    def __init__(self, end, request, prefix=()):
        self.proc = end.start([*prefix, ns.STREAMLINE, "run", "--json", request])
        self.filters, self.status = {}, None
        if not ns.until(lambda: catches_int(self.proc) or self.proc.poll() is not None):
            raise ns.Failed(f"{request} does not begin")

    def end(self, sig=signal.SIGINT):
        self.status = ns.stop(self.proc, sig, seconds=20)
        for line in (self.proc.out + "\n".join(self.proc.said)).splitlines():
            if line.startswith('{"event":"report"'):
                self.filters = {f["name"]: f for f in json.loads(line)["filters"]}
        return self

    def wait(self, seconds=10):
        """It ends by itself."""
        alone = ns.until(lambda: state(self.proc) in "ZX", seconds)
        self.end(signal.SIGCONT if alone else signal.SIGKILL)
        return alone

    def value(self, filter_name, key):
        return self.filters.get(filter_name, {}).get("values", {}).get(key, -1)

    def came_in(self):
        return self.filters.get("rx", {}).get("in", {}).get("blocks", -1)

    def adds_up(self):
        return self.filters and all(
            f["in"]["blocks"] == sum(f[k]["blocks"] for k in ("out", "filtered", "held", "lost"))
            for f in self.filters.values())

    def said(self):
        return " / ".join(self.proc.said[-6:])[:600]


def state(p):
    try:
        with open(f"/proc/{p.pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def owner(pair, name, more="", then="(count)", prefix=()):
    return Job(pair.b, f"(rx slb direction=in share={name}{more}) > {then}", prefix)


def reader(pair, name, then="(count)", prefix=()):
    return Job(pair.b, f"(attach {name}) > {then}", prefix)


def once(pair, request, prefix=(), seconds=10):
    """A run that is expected to end by itself."""
    return pair.b.run([*prefix, "timeout", "--preserve-status", "-s", "INT", "-k", "5", str(seconds * ns.SLOW),
                       ns.STREAMLINE, "run", request], check=False)


def send(pair, n, pps, size=200):
    return livegen.generate(pair, "-s", str(size), "-c", str(n), "-p", str(int(pps / ns.SLOW)),
                            *livegen.listening(pair))["accepted"]


def send_for(pair, seconds, pps, size=64):
    """The generator in the background."""
    return pair.a.start([livegen.GEN, "-i", pair.a.dev, "-s", str(size), "-t", str(seconds),
                         "-p", str(int(pps / ns.SLOW)), *livegen.listening(pair)])


def sent_by(p):
    ns.until(lambda: state(p) in "ZX", 60)
    ns.stop(p, signal.SIGCONT)
    return json.loads(p.out)["accepted"]


def frames_of(path):
    with open(path, "rb") as f:
        data = f.read()
    out, at = [], 24
    while at < len(data):
        n = struct.unpack_from("<I", data, at + 8)[0]
        out.append(data[at + 16:at + 16 + n])
        at += 16 + n
    return out


# ---- What is at the interface -----------------------------------------------------

def bpf(command, attr):
    number = {"x86_64": 321}.get(os.uname().machine, 280)
    r = _libc.syscall(number, command, attr, ctypes.sizeof(attr))
    return r, ctypes.get_errno() if r < 0 else 0


def hooked(end):
    """Programs at tcx of its interface; where the kernel has none: 0."""
    n = 0
    with end.inside():
        for kind in (46, 47):
            attr = (ctypes.c_uint32 * 24)(socket.if_nametoindex(end.dev), kind)
            if bpf(16, attr)[0] == 0:
                n += attr[6]
    return n


def left(end):
    """What of ours is at its interface, in words; "" for nothing."""
    out = [f"{hooked(end)} programs at tcx"] if hooked(end) else []
    for way in ("ingress", "egress"):
        shown = end.run(["tc", "filter", "show", "dev", end.dev, way], check=False).stdout
        if "entry_tc" in shown:
            out.append(f"a filter of clsact, {way}")
    if "clsact" in end.run(["tc", "qdisc", "show", "dev", end.dev]).stdout:
        out.append("clsact")
    if "xdp" in end.ip("link", "show", end.dev).stdout:
        out.append("an XDP program")
    return ", ".join(out)


def tcx_here(pair):
    """Held by links: what is killed leaves nothing. Else it takes doctor --clean."""
    with contextlib.closing(Rx(pair)):
        return hooked(pair.b) > 0


class Rx:
    def __init__(self, pair, request="(rx slb direction=in) > (count)"):
        self.job = Job(pair.b, request)

    def close(self):
        self.job.end()


# ---- Everybody gets everything ------------------------------------------------------

def all_get_all(pair, scratch):
    n, name = 30000, new_name()
    files = [os.path.join(scratch, f"{k}.pcap") for k in ("owner", "one", "two", "three")]
    o = owner(pair, name, then=f"(pcapout {files[0]})")
    jobs = [reader(pair, name, f"(pcapout {f})") for f in files[1:]]
    got_in = send(pair, n, 20000)
    time.sleep(0.3)
    for j in jobs:
        j.end()
    o.end()
    frames = [frames_of(f) for f in files]
    for f in files:
        os.unlink(f)
    for who, f in zip(("the owner", "reader 1", "reader 2", "reader 3"), frames):
        seq = [struct.unpack_from("<Q", x, 42)[0] for x in f]
        ns.ok(got_in == n and seq == list(range(n)), f"{who} gets every packet, in order",
              f"{len(f)} of {got_in}")
    ns.ok(all(f == frames[0] for f in frames[1:]), "of the same bytes")
    ns.ok(all(j.status == 0 and j.adds_up() for j in (o, *jobs)), "and all ledgers add up",
          " / ".join(j.said() for j in jobs))
    ns.ok(all(j.value("attach", "missed") == 0 for j in jobs), "none missed any")
    ns.ok(not os.path.exists(socket_of(name)), "the name is free again")
    ns.ok(not left(pair.b), "nothing is left", left(pair.b))


# ---- The slow ------------------------------------------------------------------------

def stopped_reader(pair):
    """One of three sleeps for two seconds at a high rate; for longer where the rate is not high."""
    name, more = new_name(), 1 if ns.SLOW == 1 else 4
    o = owner(pair, name, f" buffer={16 // more}MiB", "(null)")
    slow, two, three = (reader(pair, name) for _ in range(3))
    g = send_for(pair, 4 * more, 150000)
    time.sleep(0.7 * more)
    os.kill(slow.proc.pid, signal.SIGSTOP)
    time.sleep(2 * more)
    os.kill(slow.proc.pid, signal.SIGCONT)
    n = sent_by(g)
    time.sleep(0.3)
    jobs = [j.end() for j in (slow, two, three)]
    o.end()
    read = [j.value("attach", "packets") for j in jobs]
    missed = [j.value("attach", "missed") for j in jobs]
    ns.note(f"{n} packets; read {read}, missed {missed}")
    ns.ok(read[1:] == [n, n] and missed[1:] == [0, 0], "who is not stopped loses nothing",
          f"{read}, {missed} of {n}")
    ns.ok(missed[0] > 0 and read[0] + missed[0] == n, "what a stopped reader misses is counted exactly",
          f"{read[0]} + {missed[0]} is not {n}")
    ns.ok(all(j.status == 0 and j.adds_up() for j in jobs), "and the ledgers add up")
    lost = jobs[0].filters.get("attach", {}).get("lost", {}).get("blocks", -1)
    ns.ok(lost == missed[0], "as lost in the ledger too", f"{lost}, not {missed[0]}")


def stopped_till_the_end(pair):
    """Nothing comes any more that would tell by its number how much was missed."""
    name = new_name()
    o = owner(pair, name, " buffer=1MiB", "(null)")
    r = reader(pair, name)
    os.kill(r.proc.pid, signal.SIGSTOP)
    n = send(pair, 100000, 100000, 64)
    time.sleep(0.2)
    o.end()
    os.kill(r.proc.pid, signal.SIGCONT)
    alone = r.wait()
    read, missed = r.value("attach", "packets"), r.value("attach", "missed")
    ns.ok(alone and missed > 0 and read + missed == n,
          "a reader that wakes when all is over counts what it missed", f"{read} + {missed} is not {n}")


# ---- The dead --------------------------------------------------------------------------

def killed_reader(pair):
    name = new_name()
    o, r, other = owner(pair, name), reader(pair, name), reader(pair, name)
    g = send_for(pair, 1.5, 20000)
    time.sleep(0.5)
    r.end(signal.SIGKILL)
    n = sent_by(g)
    time.sleep(0.3)
    other.end()
    o.end()
    ns.ok(other.value("attach", "packets") == n and o.value("rx", "packets") == n,
          "a reader that is killed takes nothing from others",
          f"{other.value('attach', 'packets')} and {o.value('rx', 'packets')} of {n}")


def killed_owner(pair, tcx):
    name = new_name()
    o = owner(pair, name)
    jobs = [reader(pair, name) for _ in range(3)]
    n = send(pair, 5000, 20000)
    time.sleep(0.3)
    o.end(signal.SIGKILL)
    alone = [j.wait() for j in jobs]
    ns.ok(all(alone) and all(j.status == 0 for j in jobs), "when the owner is killed readers end well",
          " / ".join(j.said() for j in jobs))
    read = [j.value("attach", "packets") for j in jobs]
    ns.ok(read == [n] * 3, "with all that they had", f"{read} of {n}")
    ns.ok(os.path.exists(socket_of(name)), "a socket is left that nobody listens to")
    p = once(pair, f"(attach {name}) > (count)")
    ns.ok(p.returncode and "no capture of that name is running" in p.stderr, "which is not a capture", p.stderr)
    if not tcx:		# it takes the socket, too
        pair.b.run([ns.STREAMLINE, "doctor", "--clean", "--json"], check=False)
    ns.ok(ns.until(lambda: not left(pair.b), 5), "nothing is left at the interface", left(pair.b))
    o = owner(pair, name)
    r = reader(pair, name)
    n = send(pair, 1000, 20000)
    time.sleep(0.2)
    r.end()
    o.end()
    ns.ok(o.value("rx", "packets") == n and r.value("attach", "packets") == n,
          "a new owner takes its place at once", f"{o.said()} {r.said()}")
    ns.ok(not os.path.exists(socket_of(name)), "and takes it away when it ends")


def stopped_owner(pair):
    name = new_name()
    o = owner(pair, name)
    jobs = [reader(pair, name) for _ in range(2)]
    os.kill(o.proc.pid, signal.SIGSTOP)
    n = send(pair, 5000, 10000)
    time.sleep(0.3)
    late = once(pair, f"(attach {name}) > (count)", seconds=20)
    for j in jobs:
        j.end()
    os.kill(o.proc.pid, signal.SIGCONT)
    o.end()
    read = [j.value("attach", "packets") for j in jobs]
    ns.ok(read == [n, n], "when the owner is stopped readers go on", f"{read} of {n}")
    ns.ok(late.returncode and "does not answer" in late.stderr, "one that comes then is told why it can't", late.stderr)


# ---- Who may ---------------------------------------------------------------------------

def refused(name, p, status, words):
    ns.ok(p.returncode == status and words in p.stderr, name, f"status {p.returncode}: {p.stderr}")


def names(pair):
    name = new_name()
    refused("a capture that is not there", once(pair, f"(attach {name}) > (count)"), 1,
            "no capture of that name is running")
    refused("a name that is none", once(pair, "(attach ../x) > (count)"), 1, "no name of a capture")
    o = owner(pair, name)
    refused("a second owner of a name", once(pair, f"(rx slb share={name}) > (count)"), 1,
            "another capture has this name")
    r = reader(pair, name)
    n = send(pair, 1000, 20000)
    time.sleep(0.2)
    r.end()
    o.end()
    ns.ok(o.value("rx", "packets") == n and r.value("attach", "packets") == n, "the first one is not disturbed")
    ns.ok(not left(pair.b), "and the second left nothing", left(pair.b))


def as_user(*groups):
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
            *(["--groups=" + ",".join(map(str, groups))] if groups else ["--clear-groups"])]


def users(pair, scratch):
    os.chmod(scratch, 0o755)
    name = new_name()
    o = owner(pair, name)
    folder, sock = os.stat(FOLDER), os.stat(socket_of(name))
    ns.ok(folder.st_uid == 0 and folder.st_mode & 0o7777 == 0o755, "the folder is root's, others can look into it",
          oct(folder.st_mode))
    ns.ok(sock.st_uid == 0 and sock.st_mode & 0o7777 == 0o660, "the socket is its owner's and the group's",
          oct(sock.st_mode))
    refused("another user", once(pair, f"(attach {name}) > (count)", as_user()), 4, "not permitted")
    # even where the file would let him
    os.chmod(socket_of(name), 0o666)
    refused("another user, by a socket that is open to all",
            once(pair, f"(attach {name}) > (count)", as_user()), 4, "not permitted")
    o.end()

    # A group of that name, seen by the owner alone.
    groups = os.path.join(scratch, "group")
    with open("/etc/group", encoding="utf-8") as f, open(groups, "w", encoding="utf-8") as to:
        to.write("".join(line for line in f if not line.startswith("streamline:")))
        to.write(f"streamline:x:{GROUP}:\n")
    os.chmod(groups, 0o644)
    own_view = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/group && exec "$@"', groups]
    if pair.b.run([*own_view, "true"], check=False).returncode:
        ns.skip("members of the group", "no mount namespace here")
        return
    name = new_name()
    o = owner(pair, name, prefix=own_view)
    # a shell catches SIGINT as well, so that it only seemed to have begun
    ns.until(lambda: os.path.exists(socket_of(name)) and os.stat(socket_of(name)).st_gid == GROUP, 5)
    sock = os.stat(socket_of(name))
    ns.ok(sock.st_gid == GROUP and sock.st_mode & 0o7777 == 0o660, "where there is a group the socket is the group's",
          f"{sock.st_gid} {oct(sock.st_mode)}")
    r = reader(pair, name, prefix=as_user(GROUP))
    n = send(pair, 1000, 20000)
    time.sleep(0.2)
    r.end()
    ns.ok(r.value("attach", "packets") == n, "a member of the group reads", r.said())
    refused("who is not of the group", once(pair, f"(attach {name}) > (count)", as_user(GROUP + 1)), 4, "not permitted")
    o.end()


# ---- The hostile --------------------------------------------------------------------------

def connect(name):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(5)
    # as many as wait to be let in at once
    while s.connect_ex(socket_of(name)):
        time.sleep(0.005)
    return s


def take(name):
    """The socket, the message and the descriptor, as any client gets them."""
    s = connect(name)
    data, fds, _, _ = socket.recv_fds(s, HELLO_ROOM, 8)
    return s, data, fds


def map_error(fd, prot, n=4096):
    try:
        mmap.mmap(fd, n, mmap.MAP_SHARED, prot).close()
    except OSError as e:
        return e.errno
    return 0


def protect_error(fd):
    """Mapped for reading, and then asked for more."""
    _libc.mmap.restype = ctypes.c_void_p
    _libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    _libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    p = _libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    return ctypes.get_errno() if _libc.mprotect(p, 4096, mmap.PROT_READ | mmap.PROT_WRITE) else 0


def update_error(fd, value_size):
    """bpf(BPF_MAP_UPDATE_ELEM), BPF_MAP_DELETE_ELEM, BPF_MAP_UPDATE_BATCH."""
    key, value = array.array("I", [0]), array.array("B", bytes(value_size))
    out = []
    for command in (2, 3):
        attr = (ctypes.c_uint64 * 4)(fd, key.buffer_info()[0], value.buffer_info()[0], 0)
        r, e = bpf(command, attr)
        out.append(e if r < 0 else 0)
    count = 1
    attr = (ctypes.c_uint64 * 7)(0, 0, key.buffer_info()[0], value.buffer_info()[0], count | fd << 32, 0, 0)
    r, e = bpf(26, attr)
    out.append(e if r < 0 else 0)
    return out


def hostile(pair):
    name = new_name()
    o, r = owner(pair, name), reader(pair, name)
    g = send_for(pair, 4, 10000)
    s, data, fds = take(name)
    magic, abi, rings, stride, size = struct.unpack_from("<QIIQQ", data)
    ns.ok(len(fds) == 1 and magic == 0x65726168732d6c73 and abi == 2 and rings > 0, "a client gets one descriptor", fds)
    ns.ok(map_error(fds[0], mmap.PROT_READ) == 0, "which can be mapped to be read")
    ns.ok(map_error(fds[0], mmap.PROT_READ | mmap.PROT_WRITE) in (1, 13), "and not to be written, even by root")
    ns.ok(protect_error(fds[0]) == 13, "nor be made writable later")
    wrong = update_error(fds[0], stride)
    ns.ok(wrong[0] == wrong[2] == 1 and wrong[1] in (1, 22), "bpf() doesn't write to it", wrong)
    s.send(b"\xff" * 1000)
    said = b"x"
    while said:		# what wakes readers may be on the way
        said = s.recv(16)
    ns.ok(said == b"", "who talks is let go")
    s.close()
    os.close(fds[0])
    with contextlib.ExitStack() as many:
        for _ in range(100):
            c = many.enter_context(connect(name))
            c.settimeout(0.05)
    ns.ok(o.proc.poll() is None, "a hundred connect at once, and the owner goes on")
    held, full = [], 0
    for _ in range(70):
        c, data, fds = take(name)
        held.append(c)
        full += not fds
        for fd in fds:
            os.close(fd)
    ns.ok(0 < full < 70, "more than it has room for are refused", full)
    p = once(pair, f"(attach {name}) > (count)")
    ns.ok(p.returncode and "as many readers as it can" in p.stderr, "in words", p.stderr)
    for c in held:
        with contextlib.suppress(OSError):
            c.send(b"x")		# some talk, and all go
        c.close()
    late = reader(pair, name)
    n = sent_by(g)
    more = send(pair, 1000, 20000)
    time.sleep(0.3)
    late.end()
    r.end()
    o.end()
    ns.ok(o.value("rx", "packets") == r.value("attach", "packets") == n + more and r.value("attach", "missed") == 0,
          "in all that neither owner nor reader lost a packet",
          f"{o.value('rx', 'packets')}, {r.value('attach', 'packets')} of {n + more}")
    ns.ok(late.value("attach", "packets") >= more, "when they are gone others get in", late.said())


# ---- What it costs ---------------------------------------------------------------------------

def run_ns(p):
    with open(f"/proc/{p.pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0])


def idle(pair):
    name = new_name()
    o = owner(pair, name, then="(null)")
    jobs = {"owner": o, "reader": reader(pair, name), "one alone": Job(pair.b, "(rx slb direction=in) > (null)@user")}
    # where others work too, or the processor is emulated, waking costs many times as much
    busy = ns.SLOW > 1 or os.getloadavg()[0] > 2 * os.cpu_count()
    for pps, aim in ((10000, 0.5), (0, 0.1)):
        g = send_for(pair, 5, pps) if pps else None
        time.sleep(1)
        before = {k: run_ns(j.proc) for k, j in jobs.items()}
        time.sleep(3)
        cost = {k: (run_ns(j.proc) - before[k]) / 3e7 for k, j in jobs.items()}
        if g:
            sent_by(g)
        for who, percent in cost.items():
            ns.note(f"{who} at {pps} packets/s: {percent:.2f} % of a core")
            if busy and percent >= 5 * aim:
                ns.skip(f"the {who} idles at {pps} packets/s", "the machine is busy, or slow")
            else:
                ns.ok(percent < 5 * aim * ns.SLOW, f"the {who} idles at {pps} packets/s", f"{percent:.2f} %")
    for j in jobs.values():
        j.end()


# ---- kill -9 at any moment --------------------------------------------------------------------

def any_moment(pair, tcx):
    requests = ("(rx slb) > (count)", "(rx slb) > (udp) > (count)", "(rx slb via=array) > (tcp) > (null)",
                "(rx slb share={}) > (null)", "(rx slb hook=xdp) > (udp) > (count)")
    rng = random.Random(19)
    bad = []
    g = send_for(pair, 60 * ns.SLOW, 50000)
    for i in range(ROUNDS):
        request = requests[i % len(requests)].format(new_name())
        if "xdp" in request:	# the generator's own is at the hook
            request = request.replace(" hook=xdp", " direction=in")
        p = pair.b.start([ns.STREAMLINE, "run", request])
        time.sleep(rng.uniform(0, 0.4 if i % 2 else 0.15))
        ns.stop(p, signal.SIGKILL)
        if not tcx:
            pair.b.run([ns.STREAMLINE, "doctor", "--clean", "--json"], check=False)
        if not ns.until(lambda: not left(pair.b).replace("an XDP program", ""), 5):
            bad.append(f"round {i}: {request}: {left(pair.b)}")
            continue
        if i % 4 == 3:
            job = Job(pair.b, request)
            ns.until(lambda: state(job.proc) in "ZX", 0.2)
            job.end()
            if job.came_in() <= 0 or not job.adds_up():
                bad.append(f"after round {i}: {request}: {job.said()}")
    ns.stop(g)
    ns.ok(not bad, f"killed at {ROUNDS} moments: nothing is left, and the next one works", "; ".join(bad))


def any_moment_xdp(pair):
    bad = []
    rng = random.Random(20)
    for i in range(6):
        request = "(rx slb mode=inline) > (count)" if i % 2 else "(rx slb hook=xdp) > (udp) > (count)"
        p = pair.b.start([ns.STREAMLINE, "run", request])
        time.sleep(rng.uniform(0, 0.3))
        ns.stop(p, signal.SIGKILL)
        if not ns.until(lambda: not left(pair.b), 5):
            bad.append(f"round {i}: {request}: {left(pair.b)}")
            continue
        job = Job(pair.b, request)
        pair.a.send([ns.udp(pair, b"x")] * 5)
        time.sleep(0.1)
        job.end()
        if job.came_in() != 5:
            bad.append(f"after round {i}: {request}: {job.came_in()} {job.said()}")
    ns.ok(not bad, "the same of XDP", "; ".join(bad))


def main():
    ns.need("shared captures", "bpf", "tc", "setpriv", "timeout", os.path.relpath(livegen.GEN, ns.ROOT))
    with ns.Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        try:
            livegen.generate(pair, "-c", "1", *livegen.listening(pair))
        except ns.Failed as e:
            if "live frames" not in str(e):
                raise
            ns.skip("shared captures", str(e))
            ns.finish()
        tcx = tcx_here(pair)
        chosen = [a for a in sys.argv[1:] if not a.startswith("-")]
        tests = {
            "all": lambda: all_get_all(pair, scratch), "stopped": lambda: stopped_reader(pair),
            "late": lambda: stopped_till_the_end(pair), "killed": lambda: killed_reader(pair),
            "owner-killed": lambda: killed_owner(pair, tcx), "owner-stopped": lambda: stopped_owner(pair),
            "names": lambda: names(pair), "users": lambda: users(pair, scratch), "hostile": lambda: hostile(pair),
            "idle": lambda: idle(pair), "moments": lambda: any_moment(pair, tcx),
            "moments-xdp": lambda: any_moment_xdp(pair),
        }
        for name, test in tests.items():
            if not chosen or name in chosen:
                test()
    ns.finish()


if __name__ == "__main__":
    os.environ["NO_COLOR"] = "1"
    main()
