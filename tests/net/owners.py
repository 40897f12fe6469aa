#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
owners.py -- the process behind a packet is the one that sent it, or that it is for

    a (sla): actors, streamline ======= veth ======= (slb) b: those they talk with

An actor is a process with a name of its own, that goes on by one step when it is told to. What
jsonout says of each packet is compared with who did it; where nobody can know, with
nothing.
"""
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time

import ns

rxc = __import__("rx-carriers")

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM


def together(*actors):
    for a in actors:
        a.poke()
    return [a.wait() for a in actors]


class Actor:
    """steps: a generator function, run in a process called `name` within `end`."""
    all = []

    def __init__(self, end, name, steps, *args):
        (self.up, up), (go, self.go) = os.pipe(), os.pipe()
        with end.inside():
            self.pid = os.fork()
            if not self.pid:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_DFL)
                try:
                    for a in Actor.all + [self]:
                        os.close(a.up), os.close(a.go)
                    with open("/proc/self/comm", "w", encoding="ascii") as f:
                        f.write(name)
                    os.write(up, b".")
                    os.read(go, 1)
                    for said in steps(*args):
                        os.write(up, json.dumps(said).encode() + b"\n")
                        if not os.read(go, 1):
                            break
                    os.write(up, b"\n")
                finally:
                    os._exit(0)
        os.close(up), os.close(go)
        self.name = name
        os.read(self.up, 1)
        Actor.all.append(self)

    def poke(self):
        os.write(self.go, b".")

    def wait(self):
        if not select.select([self.up], [], [], 10 * ns.SLOW)[0]:
            raise ns.Failed(f"{self.name} does not get on")
        said = os.read(self.up, 4096)
        return json.loads(said) if said.strip() else None

    def step(self):
        self.poke()
        return self.wait()

    def end(self):
        if self in Actor.all:
            Actor.all.remove(self)
            os.close(self.go), os.close(self.up)
            os.waitpid(self.pid, 0)


def bound(family, kind, addr, port=0):
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, port))
    if kind == TCP:
        s.listen()
    return s


def family_of(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


# ---- What actors do -----------------------------------------------------------

def serve(addr, kind, n=1, port=0):
    """n times: takes what comes and answers it."""
    s = bound(family_of(addr), kind, addr, port)
    yield s.getsockname()[1]
    for _ in range(n):
        if kind == UDP:
            data, who = s.recvfrom(99)
            s.sendto(data, who)
        else:
            c, _ = s.accept()
            c.sendall(c.recv(99))
            c.recv(99)
            c.close()
        yield "served"
    s.close()


def talk(addr, kind, port, connected=True):
    """Asks once, waits for the answer, and is gone."""
    s = socket.socket(family_of(addr), kind)
    if connected:
        s.connect((addr, port))
        yield s.getsockname()[1]
        s.send(b"ask")
    else:
        s.sendto(b"ask", (addr, port))
        yield s.getsockname()[1]
    s.recv(99)
    s.close()


def shout(addr, port):
    """A socket that lives no longer than its one packet."""
    s = socket.socket(family_of(addr), UDP)
    s.sendto(b"x", (addr, port))
    mine = s.getsockname()[1]
    s.close()
    yield mine


def keep(addr, port):
    """A connection that is made at once and used later."""
    s = socket.create_connection((addr, port))
    yield s.getsockname()[1]
    s.sendall(b"later")
    s.recv(99)
    s.close()
    yield "done"


def hold_two(addr, rename):
    """A socket that a child has too, which may be called something else."""
    s = bound(family_of(addr), UDP, addr)
    r, w = os.pipe()
    if not os.fork():
        os.close(w)
        if rename:
            with open("/proc/self/comm", "w", encoding="ascii") as f:
                f.write("another")
        os.read(r, 1)
        os._exit(0)
    yield s.getsockname()[1]
    s.recvfrom(99)
    yield "got"
    os.close(w)


# ---- What is captured ---------------------------------------------------------

class Captured:
    def __init__(self, end, how="proc=yes", source="", path="/tmp"):
        self.path = os.path.join(path, "out.json")
        self.c = rxc.Capture(end, f"(rx {end.dev}{source}) > (jsonout {self.path} per=block {how})")

    def stop(self):
        time.sleep(0.05 * ns.SLOW)
        self.c.stop()
        try:
            with open(self.path, encoding="utf-8") as f:
                self.packets = [json.loads(line) for line in f]
        except FileNotFoundError:
            self.packets = []
        return self

    def of(self, port):
        return [p for p in self.packets if port in (p.get("src_port"), p.get("dest_port"))]

    def all_by(self, port, actor, pid=True, least=1):
        """All packets of a port have this actor, and where pid, his number is known of most."""
        got = self.of(port)
        procs = [p.get("proc", {}) for p in got]
        right = all(p.get("name") == actor.name and p.get("pid", actor.pid) == actor.pid for p in procs)
        return len(got) >= least and right and (not pid or all("pid" in p for p in procs))

    def why(self, port):
        return f"{[(p['proto'], p.get('src_port'), p.get('proc')) for p in self.of(port)]}; {self.c.said()}"


def known(pair, scratch, source, what, six=True):
    a, b = pair.ends
    old_server = Actor(a, "old server", serve, a.ip4, TCP, 1)
    kept = old_server.step()
    guest = Actor(b, "guest", keep, a.ip4, kept)
    guest.step()
    old_udp = Actor(a, "old udp", serve, "0.0.0.0", UDP, 1)
    old_udp_port = old_udp.step()
    guest2 = Actor(b, "guest2", talk, a.ip4, UDP, old_udp_port)
    guest2.step()
    there_tcp = Actor(b, "there", serve, b.ip4, TCP, 1)
    there_tcp_port = there_tcp.step()
    there_udp = Actor(b, "there", serve, b.ip4, UDP, 2)
    there_udp_port = there_udp.step()
    cap = Captured(a, source=source, path=scratch)
    if not cap.c.started:
        cap.stop()
        ns.skip(f"{what}: owners", cap.c.said())
        for x in list(Actor.all):
            x.end()
        return
    together(guest, old_server)
    together(guest2, old_udp)
    # those that begin now
    client = Actor(a, "client", talk, b.ip4, TCP, there_tcp_port)
    client_port = client.step()
    together(client, there_tcp)
    ask = Actor(a, "asks", talk, b.ip4, UDP, there_udp_port)
    ask_port = ask.step()
    together(ask, there_udp)
    loose = Actor(a, "asks, loose", talk, b.ip4, UDP, there_udp_port, False)
    loose_port = loose.step()
    together(loose, there_udp)
    short = Actor(a, "shouts", shout, b.ip4, 9)
    short_port = short.step()
    server = Actor(a, "new server", serve, a.ip4, TCP, 1)
    server_port = server.step()
    caller = Actor(b, "caller", talk, a.ip4, TCP, server_port)
    caller.step()
    together(caller, server)
    sixes = []
    if six:
        there6 = Actor(b, "there6", serve, b.ip6, TCP, 1)
        c6 = Actor(a, "client6", talk, b.ip6, TCP, there6.step())
        sixes.append((c6.step(), c6))
        together(c6, there6)
        s6 = Actor(a, "shouts6", shout, b.ip6, 9)
        sixes.append((s6.step(), s6))
    cap.stop()
    ns.ok(cap.all_by(kept, old_server, pid=False, least=4), f"{what}: a connection from before", cap.why(kept))
    ns.ok(cap.all_by(old_udp_port, old_udp, least=2), f"{what}: a UDP server from before, both ways", cap.why(old_udp_port))
    ns.ok(cap.all_by(client_port, client, least=6), f"{what}: who connects, up to the last packet", cap.why(client_port))
    ns.ok(cap.all_by(ask_port, ask, least=2), f"{what}: who asks by UDP, connected", cap.why(ask_port))
    ns.ok(cap.all_by(loose_port, loose, least=2), f"{what}: and not connected", cap.why(loose_port))
    ns.ok(cap.all_by(short_port, short), f"{what}: a socket that lives for one packet", cap.why(short_port))
    ns.ok(cap.all_by(server_port, server, pid=False, least=6), f"{what}: who is connected to", cap.why(server_port))
    for port, x in sixes:
        ns.ok(cap.all_by(port, x), f"{what}: {x.name}", cap.why(port))
    ns.ok(cap.c.status == 0 and cap.c.adds_up(), f"{what}: the ledger adds up", cap.c.said())
    for x in list(Actor.all):
        x.end()


def unknown(pair, scratch):
    """What can't be known is absent, never guessed."""
    a, b = pair.ends
    one = Actor(a, "twins", hold_two, a.ip4, False)
    one_port = one.step()
    two = Actor(a, "unlike", hold_two, a.ip4, True)
    two_port = two.step()
    wild = Actor(a, "wild", serve, "0.0.0.0", UDP, 2)
    wild_port = wild.step()
    cap = Captured(a, path=scratch)
    says = Actor(b, "says", shout, a.ip4, one_port)
    says.step()
    one.step()
    says2 = Actor(b, "says", shout, a.ip4, two_port)
    says2.step()
    two.step()
    # to an address that is not ours, and one for many
    frame = bytearray(ns.udp(pair, b"foreign", dport=wild_port))
    frame[30:34] = socket.inet_aton("10.19.0.77")
    frame[24:26] = b"\0\0"
    frame[24:26] = ns.checksum(bytes(frame[14:34])).to_bytes(2, "big")
    b.send([bytes(frame)])
    frame[30:34] = socket.inet_aton("224.0.0.251")
    b.send([bytes(frame)])
    # one that ended, and another in its place
    first = Actor(a, "first", serve, a.ip4, UDP, 1)
    port = first.step()
    guest = Actor(b, "guest", talk, a.ip4, UDP, port)
    guest.step()
    together(guest, first)
    first.end()
    second = Actor(a, "second", serve, a.ip4, UDP, 1, port)
    second.step()
    guest = Actor(b, "guest", talk, a.ip4, UDP, port)
    guest.step()
    together(guest, second)
    cap.stop()
    procs = [p.get("proc") for p in cap.of(one_port)]
    ns.ok(procs == [{"name": "twins"}], "a socket of two alike: a name, no number", cap.why(one_port))
    ns.ok([p.get("proc") for p in cap.of(two_port)] == [None], "of two unlike: nothing", cap.why(two_port))
    ns.ok([p.get("proc") for p in cap.of(wild_port)] == [None, None], "not for us alone: nothing", cap.why(wild_port))
    names = [p.get("proc", {}).get("name") for p in cap.of(port)]
    ns.ok(names == ["first"] * 2 + ["second"] * 2, "a port that another one takes", cap.why(port))
    for x in list(Actor.all):
        x.end()


def off(pair, scratch):
    a, b = pair.ends
    cap = Captured(a, how="", path=scratch)
    progs = ns.run(["bpftool", "prog", "show", "name", "sl_released"], check=False).stdout
    x = Actor(a, "client", shout, b.ip4, 9)
    port = x.step()
    cap.stop()
    ns.ok(len(cap.of(port)) == 1 and "proc" not in cap.of(port)[0], "who does not ask is not told", cap.why(port))
    ns.ok("sl_released" not in progs, "and nothing is loaded for it", progs)
    x.end()


def printed(pair):
    a, b = pair.ends
    c = rxc.Capture(a, f"(rx {a.dev}) > (print proc=yes)", json_report=False)
    x = Actor(a, "pri\x1bnts", shout, b.ip4, 9)
    x.step()
    time.sleep(0.05 * ns.SLOW)
    c.stop()
    x.end()
    ns.ok(f"length 1, proc pri.nts[{x.pid}]\n" in c.proc.out, "print says it too", c.proc.out)


def killed(pair):
    p = Captured(pair.a)
    def there():
        return ns.run(["bpftool", "prog", "show", "name", "sl_released"], check=False).stdout
    ns.ok("sl_released" in there(), "while it is asked for, programs are there", p.c.said())
    ns.stop(p.c.proc, 9)
    ns.ok(ns.until(lambda: "sl_released" not in there(), 5, 0.05), "after kill -9 they are gone", there())


def main():
    ns.need("owners of sockets", "bpf", "bpftool")
    with tempfile.TemporaryDirectory() as scratch, ns.Pair(ipv6=True) as pair:
        known(pair, scratch, "", "tap")
        known(pair, scratch, " via=packet", "packet socket", six=False)
        known(pair, scratch, " via=pcap", "libpcap", six=False)
        unknown(pair, scratch)
        off(pair, scratch)
        printed(pair)
        killed(pair)
    ns.finish()


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
