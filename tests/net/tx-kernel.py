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
from tx_chain import Chain, lost

BRIDGE = "{ (rx slb mode=inline) > (tx slc); (rx slc mode=inline) > (tx slb) }"
CUT = "(rx slb mode=inline snap=100B) > (tx slc)"
SPACES = {"xdp": "the kernel", "user": "user space, as this kernel does not tell who takes frames from XDP"}


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


def alone(chain, p, frames):
    """What comes through while the process does not run: it is the kernel's."""
    with chain.c.socket() as s:
        os.kill(p.pid, signal.SIGSTOP)
        chain.a.send(frames)
        got = chain.c.receive(s, len(frames), 0.5)
        os.kill(p.pid, signal.SIGCONT)
    return got == frames


def other_device():
    """The interface that is sent on is removed, and made again."""
    for request, mode in (("(rx slb direction=in) > (tx slc)", "a tap"), (CUT.replace(" snap=100B", ""), "inline")):
        chain = Chain()
        if mode == "inline" and not chain.xdp_sends(request):
            ns.skip(f"{mode}: sent on by the kernel, when the interface is made anew", "this kernel does not tell who takes")
            chain.remove()
            continue
        p = chain.start(request)
        frames = [chain.frame(b"%d" % i, 60 + i) for i in range(200)]
        before = alone(chain, p, frames)
        chain.mid.ip("link", "del", "slc")
        chain.a.send(frames[:50])
        ns.until(lambda: False, 0.3)
        chain.c.ip("link", "add", chain.c.dev, "type", "veth", "peer", "name", "slc", "netns", chain.mid.name)
        chain.c.run(["ethtool", "-K", chain.c.dev, "gro", "on"])
        chain.c.ip("link", "set", chain.c.dev, "up")
        chain.mid.ip("link", "set", "slc", "up")
        after = ns.until(lambda: alone(chain, p, frames))
        ns.stop(p, signal.SIGINT)
        r = Report(p)
        tx = r.filters.get("tx", {})
        ns.ok(before and after and r.adds_up() and tx["lost"]["reasons"].get("slc was down or gone", 0) >= 50,
              f"{mode}: sent on by the kernel, when the interface is made anew; what came between is lost and counted",
              f"{before} {after} {tx} {r.said[-3:]}")
        chain.remove()


def other_mtu():
    chain = Chain()
    p = chain.start("(rx slb direction=in) > (tx slc)")
    long = [chain.frame(b"%d" % i, 2400) for i in range(100)]
    def mtu(n):
        for end, dev in ((chain.a, chain.a.dev), (chain.mid, "slb"), (chain.mid, "slc"), (chain.c, chain.c.dev)):
            end.ip("link", "set", dev, "mtu", str(n))
    mtu(3000)
    grown = ns.until(lambda: alone(chain, p, long))
    chain.mid.ip("link", "set", "slc", "mtu", "1000")
    ns.until(lambda: False, 0.3)
    chain.a.send(long)
    ns.until(lambda: False, 0.3)
    ns.stop(p, signal.SIGINT)
    r = Report(p)
    tx = r.filters.get("tx", {})
    ns.ok(grown and r.adds_up() and tx["lost"]["reasons"].get("larger than the MTU of slc", 0) >= 100,
          "the kernel's form follows the MTU of the interface", f"{grown} {tx} {r.said[-3:]}")
    chain.remove()


def echo():
    chain = Chain()
    for request, warned in (("(rx slb) > (tx slb)", True), ("(rx slb) > (tx slc); (rx slc) > (tx slb)", True),
                            ("(rx any) > (tcp) > (tx slc)", True), ("(rx \"slb,slc\") > (tee slc) > (count)", True),
                            ("(rx slb) > (tx slc); (rx slc) > (count)", False), (BRIDGE, False),
                            ("(rx slb direction=in) > (tx slc); (rx slc direction=in) > (tx slb)", False),
                            ("(rx slb direction=in) > (tx slb)", False)):
        q = chain.plan(request)
        ns.ok(q.returncode == 0 and ("warning[E158]" in q.stderr and "direction=in" in q.stderr) == warned,
              f"{'warned of' if warned else 'no loop'}: {request}", q.stderr)
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
    other_device()
    other_mtu()
    echo()
    ns.finish()


if __name__ == "__main__":
    sys.exit(main())
