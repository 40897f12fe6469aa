#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
tx-bridge.py -- two interfaces are a bridge by one line, and nothing is lost on it

      a                      the bridge                       c
    (sla) ====== veth ====== (slb)  (slc) ====== veth ====== (sld)
    10.19.0.1                 no addresses                   10.19.0.2
"""
import os
import signal
import sys

import ns
from tx import Report

LINE = "(rx slb via=packet direction=in) > (tx slc); (rx slc via=packet direction=in) > (tx slb)"


class Chain:
    """Two pairs; the near end of the second one is moved into the far one of the first."""

    def __init__(self, offloads):
        self.one, self.two = ns.Pair(offloads=offloads), ns.Pair(offloads=offloads)
        self.a, self.mid, self.c = self.one.a, self.one.b, self.two.b
        self.two.a.ip("link", "set", self.two.a.dev, "netns", self.mid.name, "name", "slc")
        self.mid.ip("addr", "flush", "dev", "slb")
        self.mid.ip("link", "set", "slc", "up")
        ns.until(lambda: "LOWER_UP" in self.mid.ip("link", "show", "slc").stdout)

    def remove(self):
        self.one.remove()
        self.two.remove()

    def start(self, request):
        p = self.mid.start([ns.STREAMLINE, "run", "-q", "--json", request])
        # it is there when something comes through
        def through():
            with self.c.socket() as s:
                self.a.send([frame(self, b"hello", 60)])
                return self.c.receive(s, 1, 0.2)
        if not ns.until(through, 10):
            raise ns.Failed(f"nothing comes through: {request}")
        return p


def lost(report):
    return sum(f["lost"]["blocks"] for f in report.filters.values())


def frame(chain, what, size):
    """Of a protocol that no stack answers to."""
    return (ns.mac_bytes(chain.c.mac) + ns.mac_bytes(chain.a.mac) + b"\x88\xb5"
            + what).ljust(size, b"\0")


def receive(end, sock, n):
    """As End.receive(); a greeting of start() that comes late is none of them."""
    got = []
    while len(got) < n:
        more = end.receive(sock, n - len(got), 2)
        if not more:
            break
        got += [f for f in more if not f.startswith(b"hello", 14)]
    return got


def frames(chain, via):
    n = 3000
    p = chain.start(LINE.replace("via=packet", f"via={via}"))
    there = [frame(chain, b"there %d" % i, 60 + i % 1400) for i in range(n)]
    back = [frame(chain, b"back %d" % i, 60 + i % 1400) for i in range(n)]
    with chain.c.socket() as sc, chain.a.socket() as sa:
        got_there, got_back = [], []
        for i in range(0, n, 100):
            chain.a.send(there[i:i + 100])
            chain.c.send(back[i:i + 100])
            got_there += receive(chain.c, sc, 100)
            got_back += receive(chain.a, sa, 100)
    ns.stop(p, signal.SIGINT)
    r = Report(p)
    ns.ok(got_there == there and got_back == back and r.status == 0 and lost(r) == 0 and r.adds_up(),
          f"3000 frames each way, by {via}, in order, none lost",
          f"{len(got_there)} and {len(got_back)} came, right {got_there == there} {got_back == back}; "
          f"lost {lost(r)}, adds up {r.adds_up()}; status {r.status}; {r.said[-3:]}")


def stream(chain, name):
    """A TCP stream with all that hosts leave to their devices."""
    p = chain.start(LINE)
    server = chain.c.start(["iperf3", "-s", "-1", "-p", "5301"])
    ns.until(lambda: ":5301" in chain.c.run(["ss", "-ltn"]).stdout)
    q = chain.a.run(["iperf3", "-c", chain.c.ip4, "-p", "5301", "-n", "100M", "-f", "m"], check=False,
                    timeout=40 * ns.SLOW)
    ns.stop(server)
    ns.stop(p, signal.SIGINT)
    r = Report(p)
    for line in q.stdout.splitlines():
        if "receiver" in line or "sender" in line:
            ns.note(f"{name}: {line.strip()}")
    split = sum(f["values"].get("split", 0) for f in r.filters.values())
    ns.ok(q.returncode == 0 and r.status == 0 and lost(r) == 0 and r.adds_up() and split > 0,
          f"{name}: a TCP stream of 100 MB goes through, with large segments, none lost",
          f"iperf3 {q.returncode} {q.stdout[-300:]} {q.stderr[-300:]}; lost {lost(r)}, split {split}, "
          f"status {r.status}; {r.said[-3:]}")


def main():
    why = ns.probe()
    if why or not os.path.exists(ns.STREAMLINE):
        ns.skip("a bridge", why or "no " + ns.STREAMLINE)
        ns.finish()
    chain = Chain(offloads=False)
    for via in ("packet",):
        frames(chain, via)
    chain.remove()
    why = ns.probe("iperf3", "ss")
    if why:
        ns.skip("a TCP stream goes through", why)
    else:
        chain = Chain(offloads=True)
        stream(chain, "offloads on")
        chain.remove()
    ns.finish()


if __name__ == "__main__":
    sys.exit(main())
