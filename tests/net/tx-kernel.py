#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
tx-kernel.py -- a bridge of two interfaces that the kernel's programs are, and copies by a tap

      a                      the bridge                       c
    (sla) ====== veth ====== (slb)  (slc) ====== veth ====== (sld)
    10.19.0.1                 no addresses                   10.19.0.2

The outer ends have GRO on, without which a veth takes no frames from XDP. Before Linux 6.3
the kernel does not tell, so that the plan leaves such a bridge to user space; the frames
that come through are the same.
"""
import os
import signal
import sys

import ns
from tx import Report

BRIDGE = "{ (rx slb mode=inline) > (tx slc); (rx slc mode=inline) > (tx slb) }"
CUT = "(rx slb mode=inline snap=100B) > (tx slc)"
SPACES = {"xdp": "the kernel", "user": "user space, as this kernel does not tell who takes frames from XDP"}


class Chain:
    """Two pairs; the near end of the second one is moved into the far one of the first."""

    def __init__(self, gro=True):
        self.one, self.two = ns.Pair(), ns.Pair()
        self.a, self.mid, self.c = self.one.a, self.one.b, self.two.b
        self.two.a.ip("link", "set", self.two.a.dev, "netns", self.mid.name, "name", "slc")
        self.mid.ip("addr", "flush", "dev", "slb")
        self.mid.ip("link", "set", "slc", "up")
        ns.until(lambda: "LOWER_UP" in self.mid.ip("link", "show", "slc").stdout)
        if gro:
            for e in (self.a, self.c):
                e.run(["ethtool", "-K", e.dev, "gro", "on"])

    def remove(self):
        self.one.remove()
        self.two.remove()

    def plan(self, request):
        return self.mid.run([ns.STREAMLINE, "plan", request], check=False)

    def xdp_sends(self, request):
        """False where this kernel does not tell whether a veth takes frames from XDP."""
        return "does not tell" not in self.plan(request).stdout

    def start(self, request):
        p = self.mid.start([ns.STREAMLINE, "run", "-q", "--json", request])
        def through():
            with self.c.socket() as s:
                self.a.send([self.frame(b"hello", 60)])
                return self.c.receive(s, 1, 0.2)
        if not ns.until(through, 10):
            ns.stop(p)
            raise ns.Failed(f"nothing comes through: {request}: {p.said[-4:]}")
        return p

    def frame(self, what, size):
        """Of a protocol that no stack answers to."""
        return (ns.mac_bytes(self.c.mac) + ns.mac_bytes(self.a.mac) + b"\x88\xb5" + what).ljust(size, b"\0")


def lost(report):
    return sum(f["lost"]["blocks"] for f in report.filters.values())


def both_ways(chain, request, n=3000):
    p = chain.start(request)
    there = [chain.frame(b"there %d" % i, 60 + i % 1400) for i in range(n)]
    back = [chain.frame(b"back %d" % i, 60 + i % 1400) for i in range(n)]
    with chain.c.socket() as sc, chain.a.socket() as sa:
        got_there, got_back = [], []
        for i in range(0, n, 100):
            chain.a.send(there[i:i + 100])
            chain.c.send(back[i:i + 100])
            got_there += chain.c.receive(sc, 100, 2)
            got_back += chain.a.receive(sa, 100, 2)
    ns.stop(p, signal.SIGINT)
    r = Report(p)
    r.spaces = {name: f["space"] for name, f in r.filters.items()}
    r.whole = got_there == there and got_back == back
    r.came = len(got_there), len(got_back)
    return r


def tell(r):
    return f"came {r.came}, whole {r.whole}, status {r.status}, lost {lost(r)}, adds up {r.adds_up()}, " \
           f"{r.spaces}, {r.said[-3:]}"


def bridge():
    chain = Chain()
    space = "xdp" if chain.xdp_sends(BRIDGE) else "user"
    r = both_ways(chain, BRIDGE)
    tx = [f for name, f in r.filters.items() if name.startswith("tx")]
    ns.ok(r.whole and r.status == 0 and lost(r) == 0 and r.adds_up() and len(tx) == 2
          and all(f["space"].startswith(space) and f["values"]["packets"] >= 3000 for f in tx),
          f"a bridge in {SPACES[space]}: 3000 frames each way, in order, none lost", tell(r))
    chain.remove()


def no_gro():
    chain = Chain(gro=False)
    q = chain.plan(BRIDGE)
    ns.ok("takes no frames from XDP" in q.stdout or "does not tell" in q.stdout,
          "a veth whose other end takes nothing from XDP is told, and served from user space", q.stdout + q.stderr)
    r = both_ways(chain, BRIDGE, 500)
    ns.ok(r.whole and lost(r) == 0 and r.adds_up(), "... and the bridge holds", tell(r))
    chain.remove()


def undecided():
    """What the kernel's form does not do itself comes to the C form: cut frames, a second copy."""
    chain = Chain()
    space = "xdp" if chain.xdp_sends(CUT) else "user"
    p = chain.start(CUT)
    there = [chain.frame(b"there %d" % i, 60 + i % 300) for i in range(1000)]
    with chain.c.socket() as sc:
        got = []
        for i in range(0, 1000, 100):
            chain.a.send(there[i:i + 100])
            got += chain.c.receive(sc, 100, 2)
    ns.stop(p, signal.SIGINT)
    r = Report(p)
    tx = r.filters.get("tx", {})
    ns.ok(sorted(got) == sorted(f[:100] for f in there) and r.status == 0 and lost(r) == 0 and r.adds_up()
          and tx["space"].startswith(space) and tx["values"]["cut"] >= 700,
          "frames that were cut are sent as far as they go, by the C form of the same filter",
          f"{len(got)}, {tx}, {r.said[-3:]}")
    chain.remove()


def copies():
    chain = Chain()
    p = chain.start("(rx slb direction=in) > (tx slc)")
    there = [chain.frame(b"there %d" % i, 60 + i % 1400) for i in range(1000)]
    with chain.c.socket() as sc, chain.mid.socket() as here:
        got, stays = [], []
        for i in range(0, 1000, 100):
            chain.a.send(there[i:i + 100])
            got += chain.c.receive(sc, 100, 2)
            stays += chain.mid.receive(here, 100, 2)
    ns.stop(p, signal.SIGINT)
    r = Report(p)
    tx = r.filters.get("tx", {})
    ns.ok(got == there and stays == there and r.status == 0 and lost(r) == 0 and r.adds_up()
          and tx["space"].startswith("tc") and tx["values"]["packets"] >= 1000,
          "a tap in the kernel sends copies, and the frames go their way",
          f"{len(got)} {len(stays)}, {tx}, {r.said[-3:]}")
    chain.remove()


def main():
    why = ns.probe("bpf", "ethtool")
    if why or not os.path.exists(ns.STREAMLINE):
        ns.skip("a bridge in the kernel", why or "no " + ns.STREAMLINE)
        ns.finish()
    bridge()
    no_gro()
    undecided()
    copies()
    ns.finish()


if __name__ == "__main__":
    sys.exit(main())
