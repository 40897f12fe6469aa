#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
pair.py -- the ground that the other scripts here stand on holds (see ns.py)

    a (sla) ======= veth ======= (slb) b
"""
import os
import signal
import subprocess
import sys

import ns


def arrives(name, pair, payload):
    frames = [ns.udp(pair, payload + str(i).encode(), size=100 + i) for i in range(200)]
    with pair.b.socket() as s:
        pair.a.send(frames)
        got = pair.b.receive(s, len(frames))
    ns.ok(got == frames, name, f"{len(got)} of {len(frames)} frames, or other ones")


def left(pid):
    return [n for n in os.listdir(ns.RUN_NETNS) if n.startswith(f"{ns.PREFIX}{pid}-")]


def child():
    """Another script: says that its namespaces stand, then waits to be ended."""
    code = ("import sys, time; sys.argv[1:] = []; import ns\n"
            "p = ns.Pair(); print('stands', flush=True); time.sleep(60)")
    p = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE,
                         cwd=os.path.dirname(os.path.abspath(__file__)))
    p.stdout.readline()
    return p


def main():
    ns.need("a pair of namespaces")
    with ns.Pair() as pair:
        names = [e.name for e in pair.ends]
        arrives("frames arrive whole and in order", pair, b"first")
        before = pair.b.counters()["rx_packets"]
        pair.a.send([ns.udp(pair, b"x")] * 7)
        ns.ok(ns.until(lambda: pair.b.counters()["rx_packets"] - before == 7),
              "the interface's counters are read")
        p = pair.a.start(["sh", "-c", "echo here >&2; exec sleep 30"])
        ns.wait_for(p, "^here$")
        status = ns.stop(p, signal.SIGTERM)
        ns.ok(status == -signal.SIGTERM and p.usage.ru_maxrss > 0,
              "a program is started, waited for and ended", f"status {status}")
        pinged = pair.b.run(["sh", "-c", "exec cat /proc/self/net/dev"]).stdout
        ns.ok("slb" in pinged and "eth0" not in pinged,
              "programs run in the namespace, and in no other")
    ns.ok(not any(os.path.exists(f"{ns.RUN_NETNS}/{n}") for n in names),
          "the namespaces are gone afterwards")

    with ns.Pair(mtu=3000) as pair:
        frame = ns.udp(pair, b"long", size=3014)
        with pair.b.socket() as s:
            pair.a.send([frame])
            ns.ok(pair.b.receive(s, 1) == [frame], "frames of a larger MTU arrive")

    for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")):
        p = child()
        p.send_signal(number)
        p.wait(30)
        p.stdout.close()
        ns.ok(not left(p.pid), f"{name} leaves nothing behind", str(left(p.pid)))
    p = child()
    p.kill()
    p.wait(30)
    p.stdout.close()
    ns.sweep()
    ns.ok(not left(p.pid), "what SIGKILL leaves is swept by the next", str(left(p.pid)))
    ns.finish()


if __name__ == "__main__":
    main()
