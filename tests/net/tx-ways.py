#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
tx-ways.py -- what tx sends arrives whichever way it takes

    streamline, in a (sla) ======= veth ======= (slb) b, a packet socket

The tests of tx.py with every frame by AF_XDP, and what is special about that: a device that
drops, frames larger than a slot, a queue that somebody else has.
"""
import os
import signal
import socket
import struct
import sys
import tempfile

import ns
import tx

AF_XDP, SOL_XDP = 44, 283


def say(r):
    return " ".join(r.said)


def plans(pair):
    for extra, want in (("", "packet socket: AF_XDP goes past"), (" qdisc=bypass", "AF_XDP socket, measured"),
                        (" via=xsk", "AF_XDP socket, as asked for"),
                        (" qdisc=bypass via=packet", "packet socket, as asked for")):
        p = pair.a.run([ns.STREAMLINE, "plan", f"(pcapin {tx.WEB}) > (tx {pair.a.dev}{extra})"])
        ns.ok("way: tx: " + want in p.stdout, f"the plan tells the way, and why:{extra or ' no option'}", p.stdout)


def crowded(pair, scratch, way):
    """A receiver on another processor that falls behind: the device drops, and says so."""
    n = 60000
    path = os.path.join(scratch, "many.pcap")
    tx.write_pcap(path, [(10**18 + i, ns.udp(pair, str(i).encode(), size=60 + i % 200)) for i in range(n)])
    pair.b.run(["ethtool", "-K", pair.b.dev, "gro", "on"])
    threaded = pair.b.run(["unshare", "-m", "sh", "-c", "mount -t sysfs sysfs /sys && echo 1 > "
                           f"/sys/class/net/{pair.b.dev}/threaded"], check=False).returncode == 0
    before = pair.b.counters()["rx_packets"]
    r = tx.run(pair.a, f"(pcapin {path}) > (tx {pair.a.dev} {way})")
    came = ns.until(lambda: pair.b.counters()["rx_packets"] - before >= n, 2)
    came = pair.b.counters()["rx_packets"] - before
    ns.note(f"{way}: refused {r.filters.get('tx', {}).get('values', {}).get('waits')} times, threaded {threaded}")
    ns.ok(came == n and r.status == 0 and r.adds_up() and r.lost()["blocks"] == 0,
          f"a device that drops under load loses nothing, {way}", f"{came} came; {r.why()}")


def in_order(pair, scratch):
    """As above; the order, by a socket that is read all the while."""
    n = 4000
    frames = [ns.udp(pair, struct.pack(">I", i), size=60 + i % 1400) for i in range(n)]
    path = os.path.join(scratch, "order.pcap")
    tx.write_pcap(path, [(10**18 + i, f) for i, f in enumerate(frames)])
    with pair.b.socket(buffer=64 << 20) as s:
        r = tx.run(pair.a, f"(pcapin {path}) > (tx {pair.a.dev} via=xsk)")
        got = pair.b.receive(s, n)
    ns.ok(got == frames and r.status == 0, "... and all stay in order", f"{len(got)} came; {r.why()}")


def large(scratch):
    """Frames of 9000 bytes fit no slot; those between do."""
    with ns.Pair(mtu=9000) as pair:
        frames = [ns.udp(pair, str(i).encode(), size=(100, 9014, 4096, 4097, 60)[i % 5]) for i in range(300)]
        path = os.path.join(scratch, "large.pcap")
        tx.write_pcap(path, [(10**18 + i, f) for i, f in enumerate(frames)])
        with pair.b.socket() as s:
            r = tx.run(pair.a, f"(pcapin {path}) > (tx {pair.a.dev} via=xsk)")
            got = pair.b.receive(s, len(frames))
        ns.ok(got == frames and r.status == 0 and r.lost()["blocks"] == 0,
              "frames larger than a slot go by a packet socket, in their place", f"{len(got)} came; {r.why()}")


def taken(pair):
    """Two that send on one interface: the second one cannot have the queue."""
    request = f"(pcapin {tx.WEB}) {{ > (a: tx {pair.a.dev} via=xsk); > (b: tx {pair.a.dev} %s) }}"
    before = pair.b.counters()["rx_packets"]
    r = tx.run(pair.a, request % "qdisc=bypass")
    came = pair.b.counters()["rx_packets"] - before
    ns.ok(r.status == 0 and came == 2 * len(tx.read_pcap(tx.WEB)),
          "a queue that somebody else has: auto takes the packet socket", f"{came} came; {r.why()}")
    r = tx.run(pair.a, request % "via=xsk")
    ns.ok(r.status == 1 and "another AF_XDP socket has it" in say(r),
          "... and via=xsk says so", r.why())


def other_mtu(pair, scratch, way):
    path = os.path.join(scratch, "mtu.pcap")
    tx.write_pcap(path, [(10**18 + i * 5 * 10**6, ns.udp(pair, b"x", size=1400)) for i in range(800)])
    before = pair.b.counters()["rx_packets"]
    p = pair.a.start([ns.STREAMLINE, "run", "-q", "--json", f"(pcapin {path}) > (rate 1x) > (tx {pair.a.dev} {way})"])
    came = lambda: pair.b.counters()["rx_packets"] - before
    ns.until(lambda: came() > 20)
    pair.a.ip("link", "set", pair.a.dev, "mtu", "1000")
    ns.wait_for(tx.ns_sleep(0.3), "^slept$")
    at = came()
    pair.a.ip("link", "set", pair.a.dev, "mtu", "1500")
    again = ns.until(lambda: came() > at + 20)
    ns.stop(p, signal.SIGINT)
    r = tx.Report(p)
    ns.ok(again and r.adds_up() and r.filters["tx"]["out"]["blocks"] == came()
          and r.lost()["blocks"] == r.lost()["reasons"].get(f"larger than the MTU of {pair.a.dev}", 0) > 0,
          f"the MTU shrinks and grows in mid-run, {way}", f"{at}, {came()} came; {r.why()}")


def main():
    ns.need("packets are sent by AF_XDP")
    if not os.path.exists(ns.STREAMLINE):
        ns.skip("packets are sent by AF_XDP", "no " + ns.STREAMLINE)
        ns.finish()
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW, 0).close()
    except OSError as e:
        ns.skip("packets are sent by AF_XDP", f"no such sockets here: {e.strerror}")
        ns.finish()
    with tempfile.TemporaryDirectory() as scratch, ns.Pair() as pair:
        tx.WAY = " via=xsk"
        tx.full_speed(pair, scratch)
        tx.not_carried(pair, scratch)
        tx.finished(pair, scratch)
        plans(pair)
        taken(pair)
        for way in ("via=xsk", "via=packet"):
            other_mtu(pair, scratch, way)
        large(scratch)
        if ns.probe("ethtool", "unshare"):
            ns.skip("a device that drops under load loses nothing", ns.probe("ethtool", "unshare"))
        else:
            for way in ("via=packet", "via=xsk"):
                crowded(pair, scratch, way)
            in_order(pair, scratch)
        tx.trouble(pair, scratch)
    ns.finish()


if __name__ == "__main__":
    sys.exit(main())
