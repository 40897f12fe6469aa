# SPDX-License-Identifier: LGPL-2.1-or-later
"""
ns -- network namespaces of a test's own, and the TAP that its scripts write

      sl-test-PID-a                sl-test-PID-b
    +----------------+           +----------------+
    | 10.19.0.1/24   |           |   10.19.0.2/24 |
    |           sla =|===========|= slb           |
    | 02:..:00:0a    |   veth    |    02:..:00:0b |
    +----------------+           +----------------+

    import ns
    ns.need("frames arrive")             # else: a skip in words, and the script ends
    with ns.Pair(mtu=1500) as pair:
        p = pair.b.start(["tcpdump", "-i", pair.b.dev, ...])
        ns.wait_for(p, "listening on")
        pair.a.send([frame])
        ns.ok(..., "frames arrive")
    ns.finish()

Always true: the machine's own interfaces are never touched (both ends of the veth are
born inside), one queue each way, no address but the two above, nobody talks unasked
(IPv6 and its neighbour chatter are off unless ipv6=True; ARP entries are permanent).
Offloads are off unless offloads=True, so what is sent as one frame arrives as one.

Namespaces go away when the "with" ends, when the script ends however it ends, and upon
SIGINT, SIGTERM and SIGHUP; what a SIGKILL leaves is swept by the next script.

With -v, or SL_VERBOSE in the environment, each command is echoed as it could be typed.
"""
import atexit
import contextlib
import ctypes
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("SL_BUILD") or "build")
STREAMLINE = os.environ.get("STREAMLINE") or os.path.join(BUILD, "streamline")
VERBOSE = "-v" in sys.argv[1:] or bool(os.environ.get("SL_VERBOSE"))
# An emulated machine takes its time: tests/kernels sets this to a factor.
SLOW = float(os.environ.get("SL_SLOW") or 1)

ETH_P_ALL = 3
CLONE_NEWNET = 0x40000000
PREFIX = "sl-test-"
RUN_NETNS = "/run/netns"

_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """A command of the set-up failed."""


# ---- Commands --------------------------------------------------------------

def echo(argv):
    if VERBOSE:
        # who reads may be gone; the clean-up comes through here too
        with contextlib.suppress(OSError):
            print("# $ " + shlex.join(argv), flush=True)


def run(argv, check=True, **kw):
    """Run to the end, within a minute; gives the CompletedProcess, output as text."""
    echo(argv)
    kw.setdefault("timeout", 60 * SLOW)
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, errors="replace", check=False, **kw)
    if check and p.returncode:
        raise Failed(f"{shlex.join(argv)}: exit status {p.returncode}: {p.stderr.strip()}")
    return p


# ---- TAP ---------------------------------------------------------------------

_told = []


def ok(good, name, why=""):
    """One test; `why` is told when it failed. Gives `good` back."""
    _told.append(bool(good))
    print(f"ok {name}" if good else f"not ok {name}" + (f": {why}" if why else ""), flush=True)
    return bool(good)


def skip(name, why):
    _told.append(True)
    print(f"ok {name} # skip {why}", flush=True)


def note(text):
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def finish():
    """The plan, and the script's end."""
    print(f"1..{len(_told)}", flush=True)
    sys.exit(0 if all(_told) else 1)


# ---- What this machine lets us do ----------------------------------------------

def _in_child(what):
    """The errno that `what` dies of in a process of its own; 0 is none."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            code = what() & 0xff
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _try_unshare():
    return 0 if _libc.unshare(CLONE_NEWNET) == 0 else ctypes.get_errno()


def _try_bpf():
    """An array of one integer, made and forgotten: who may do that may use bpf(2)."""
    number = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351,
              "ppc64le": 361}.get(os.uname().machine)
    if number is None:
        return 38	# ENOSYS, as far as we know
    attr = (ctypes.c_uint32 * 32)(2, 4, 4, 1)	# BPF_MAP_TYPE_ARRAY, key, value, entries
    fd = _libc.syscall(number, 0, ctypes.byref(attr), 72)
    return 0 if fd >= 0 else ctypes.get_errno()


def probe(*wants):
    """
    None when this machine has what a test here needs, else the reason in words.
    Always wanted: root, ip(8), namespaces, veth. On demand: "bpf", the name of any
    program ("tcpdump"), and paths, which have to exist ("build/bench/live/gen").
    """
    if os.geteuid() != 0:
        return "not root: network namespaces need it"
    for tool in ("ip", "nsenter", *[w for w in wants if w != "bpf" and "/" not in w]):
        if not shutil.which(tool):
            return f"no program {tool} here"
    for path in [w for w in wants if "/" in w]:
        if not os.path.exists(os.path.join(ROOT, path)):
            return f"there is no {path}"
    err = _in_child(_try_unshare)
    if err:
        return f"no network namespaces here: unshare: {os.strerror(err)}"
    if "bpf" in wants:
        err = _in_child(_try_bpf)
        if err:
            return f"no bpf() here: {os.strerror(err)}"
    try:
        Pair().remove()
    except Failed as e:
        return f"no veth pair can be had: {e}"
    return None


def need(name, *wants):
    """probe(), and where it fails, one skipped test `name` and the end of the script."""
    why = probe(*wants)
    if why:
        skip(name, why)
        finish()


# ---- Processes --------------------------------------------------------------

_running = []		# started and not yet waited for


def lines_of(proc, seconds):
    """What `proc` writes to its standard error, line by line, for so long at most."""
    end = time.monotonic() + seconds
    fd = proc.stderr.fileno()
    while True:
        line, nl, rest = proc.pending.partition(b"\n")
        if nl:
            proc.pending = rest
            proc.said.append(line.decode(errors="replace"))
            yield proc.said[-1]
            continue
        left = end - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            return
        data = os.read(fd, 65536)
        if not data:
            return
        # netsniff-ng and others write over their own line
        proc.pending += data.replace(b"\r", b"\n")


def wait_for(proc, pattern, seconds=10):
    """Wait for a line on the standard error that the regular expression is found in."""
    for line in lines_of(proc, seconds * SLOW):
        if re.search(pattern, line):
            return line
    raise Failed(f"no '{pattern}' within {seconds} s from {shlex.join(proc.args)}: "
                 + " / ".join(proc.said[-5:]))


def until(what, seconds=10, every_s=0.01):
    """Ask what() again and again until it says yes; its last answer."""
    end = time.monotonic() + seconds * SLOW
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(every_s)


def stop(proc, sig=signal.SIGINT, seconds=10):
    """
    End what start() began, by the signal, else by SIGKILL: its exit status. What it said
    is in proc.out, and proc.said line by line; proc.usage is its struct rusage.
    """
    if proc.returncode is None:
        # Not reaped yet, so the number is still that of our child.
        os.kill(proc.pid, sig)
    killer = time.monotonic() + seconds * SLOW
    os.set_blocking(proc.stdout.fileno(), False)
    os.set_blocking(proc.stderr.fileno(), False)
    out, tail = b"", b""
    status = proc.returncode		# not None: somebody asked poll()
    while status is None:
        # Both pipes are emptied all the while, else who has much to say never ends.
        select.select([], [], [], 0.005)
        out += _drain(proc.stdout)
        tail += _drain(proc.stderr)
        pid, st, usage = os.wait4(proc.pid, os.WNOHANG)
        if pid:
            status, proc.usage = os.waitstatus_to_exitcode(st), usage
        elif time.monotonic() > killer:
            os.kill(proc.pid, signal.SIGKILL)
    out += _drain(proc.stdout)
    tail += _drain(proc.stderr)
    proc.returncode = status
    proc.out = out.decode(errors="replace")
    tail = (proc.pending + tail).decode(errors="replace").replace("\r", "\n")
    proc.said += [line for line in tail.split("\n") if line]
    proc.stdout.close()
    proc.stderr.close()
    if proc in _running:
        _running.remove(proc)
    return status


def _drain(pipe):
    out = b""
    while True:
        try:
            data = os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return out
        if not data:
            return out
        out += data


# ---- A namespace, and the end of the veth in it --------------------------------

class End:
    def __init__(self, name, dev, mac, ip4, ip6):
        self.name, self.dev, self.mac, self.ip4, self.ip6 = name, dev, mac, ip4, ip6
        self.path = f"{RUN_NETNS}/{name}"

    def ip(self, *args, check=True):
        return run(["ip", "-n", self.name, *args], check=check)

    def within(self, argv):
        # not "ip netns exec": that one mounts another /sys and hides the bpf file system
        return ["nsenter", f"--net={self.path}", *argv]

    def run(self, argv, check=True, **kw):
        return run(self.within(argv), check, **kw)

    def start(self, argv, cpu=None, **kw):
        """Begin a program here; stop() ends it. Its pid is its own: nsenter execs."""
        argv = self.within(argv if cpu is None else ["taskset", "-c", str(cpu), *argv])
        echo(argv)
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, bufsize=0, **kw)
        p.pending, p.said, p.usage, p.out = b"", [], None, ""
        _running.append(p)
        return p

    @contextlib.contextmanager
    def inside(self):
        """This thread is in the namespace: sockets that it opens belong there."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        try:
            if _libc.setns(there, CLONE_NEWNET):
                raise Failed(f"setns {self.path}: {os.strerror(ctypes.get_errno())}")
            try:
                yield self
            finally:
                if _libc.setns(home, CLONE_NEWNET):
                    os._exit(70)	# nobody goes on in the wrong place
        finally:
            os.close(there)
            os.close(home)

    def socket(self, protocol=ETH_P_ALL, buffer=8 << 20):
        """A raw packet socket on this end; 0 for the protocol: only to send."""
        with self.inside():
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            s.setsockopt(socket.SOL_SOCKET, 33, buffer)		# SO_RCVBUFFORCE
            s.setsockopt(socket.SOL_SOCKET, 32, buffer)		# SO_SNDBUFFORCE
            s.bind((self.dev, protocol))
        return s

    def send(self, frames):
        with self.socket(0) as s:
            for f in frames:
                s.send(f)

    def receive(self, sock, n, seconds=5):
        """Up to n frames that come in (not those that go out), waiting so long at most."""
        got = []
        end = time.monotonic() + seconds * SLOW
        while len(got) < n:
            left = end - time.monotonic()
            if left <= 0:
                break
            sock.settimeout(left)
            try:
                frame, (_, _, kind, *_) = sock.recvfrom(65600)
            except socket.timeout:
                break
            if kind != socket.PACKET_OUTGOING:
                got.append(frame)
        return got

    def sysctl(self, key, value):
        with self.inside(), open("/proc/sys/" + key.replace(".", "/"), "w",
                                 encoding="ascii") as f:
            f.write(str(value))

    def counters(self):
        """The interface's own: rx_packets, rx_bytes, rx_dropped, tx_packets, ..."""
        names = [d + "_" + n for d, more in (("rx", ("frame", "compressed", "multicast")),
                                             ("tx", ("colls", "carrier", "compressed")))
                 for n in ("packets", "errors", "dropped", "fifo", *more)]
        names.insert(0, "rx_bytes")
        names.insert(8, "tx_bytes")
        with self.inside(), open("/proc/thread-self/net/dev", encoding="ascii") as f:
            for line in f:
                name, colon, rest = line.partition(":")
                if colon and name.strip() == self.dev:
                    return dict(zip(names, map(int, rest.split())))
        raise Failed(f"no {self.dev} in {self.name}")

    def index(self):
        with self.inside():
            return socket.if_nametoindex(self.dev)


# ---- The pair ---------------------------------------------------------------

OFFLOADS = ("gro", "gso", "tso", "tx", "rx", "sg", "rxvlan", "txvlan")

_pairs = []


class Pair:
    """Two namespaces and the veth between them: .a and .b, each an End."""
    made = 0

    def __init__(self, mtu=1500, offloads=False, ipv6=False, up=True):
        sweep()
        Pair.made += 1
        stem = f"{PREFIX}{os.getpid()}-" + ("" if Pair.made == 1 else f"{Pair.made}")
        self.a = End(stem + "a", "sla", "02:00:00:00:00:0a", "10.19.0.1", "fd19::1")
        self.b = End(stem + "b", "slb", "02:00:00:00:00:0b", "10.19.0.2", "fd19::2")
        self.ends = (self.a, self.b)
        _watch()
        _pairs.append(self)
        try:
            self._make(mtu, offloads, ipv6, up)
        except BaseException:
            self.remove()
            raise

    def _make(self, mtu, offloads, ipv6, up):
        for e in self.ends:
            run(["ip", "netns", "add", e.name])
            if not ipv6:
                # before the link comes up, or it asks for routers at once
                for which in ("all", "default"):
                    with contextlib.suppress(OSError):
                        e.sysctl(f"net.ipv6.conf.{which}.disable_ipv6", 1)
        a, b = self.ends
        # One queue, so that the order of frames is the order of their sending.
        a.ip("link", "add", a.dev, "address", a.mac, "mtu", str(mtu),
             "numtxqueues", "1", "numrxqueues", "1", "type", "veth",
             "peer", "name", b.dev, "address", b.mac, "mtu", str(mtu),
             "numtxqueues", "1", "numrxqueues", "1", "netns", b.name)
        for e, other in ((a, b), (b, a)):
            if not offloads and shutil.which("ethtool"):
                e.run(["ethtool", "-K", e.dev, *[w for o in OFFLOADS for w in (o, "off")]],
                      check=False)
            e.ip("addr", "add", e.ip4 + "/24", "dev", e.dev)
            if ipv6:
                e.ip("addr", "add", e.ip6 + "/64", "dev", e.dev, "nodad")
            e.ip("link", "set", "lo", "up")
            if up:
                e.ip("link", "set", e.dev, "up")
                e.ip("neigh", "replace", other.ip4, "lladdr", other.mac, "dev", e.dev,
                     "nud", "permanent")
        if up and not until(lambda: all("LOWER_UP" in e.ip("link", "show", e.dev).stdout
                                        for e in self.ends)):
            raise Failed("the veth does not come up")

    def remove(self):
        if self not in _pairs:
            return
        _pairs.remove(self)
        for e in self.ends:
            if os.path.exists(e.path):
                # with one end the other one goes too
                e.ip("link", "del", e.dev, check=False)
                run(["ip", "netns", "del", e.name], check=False)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.remove()


def _cleanup():
    for p in list(_running):
        with contextlib.suppress(OSError):
            stop(p, signal.SIGKILL)
    for pair in list(_pairs):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            pair.remove()


def _on_signal(number, _frame):
    _cleanup()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


_watching = False


def _watch():
    global _watching
    if _watching:
        return
    _watching = True
    atexit.register(_cleanup)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)


def sweep():
    """Namespaces of tests that are no more; the name says whose they were."""
    try:
        names = os.listdir(RUN_NETNS)
    except FileNotFoundError:
        return
    for name in names:
        m = re.fullmatch(re.escape(PREFIX) + r"(\d+)-\w+", name)
        if m and not os.path.exists(f"/proc/{m.group(1)}"):
            run(["ip", "netns", "del", name], check=False)


# ---- Frames -----------------------------------------------------------------

def checksum(data):
    data += b"\0" * (len(data) & 1)
    s = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def udp(pair, payload, sport=40000, dport=40001, size=0):
    """A frame from a to b, Ethernet to UDP; padded at its end up to size."""
    payload = payload.ljust(max(0, size - 42), b"\0")
    ip = bytearray(b"\x45\0" + (28 + len(payload)).to_bytes(2, "big") + b"\0\0\0\0\x40\x11\0\0"
                   + socket.inet_aton(pair.a.ip4) + socket.inet_aton(pair.b.ip4))
    ip[10:12] = checksum(bytes(ip)).to_bytes(2, "big")
    return (mac_bytes(pair.b.mac) + mac_bytes(pair.a.mac) + b"\x08\0" + bytes(ip)
            + sport.to_bytes(2, "big") + dport.to_bytes(2, "big")
            + (8 + len(payload)).to_bytes(2, "big") + b"\0\0" + payload)
