#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
tee.py -- a copy is sent, and the packet goes on, the same from the kernel as from here

      a                      the middle                       c
    (sla) ====== veth ====== (slb)  (slc) ====== veth ====== (sld)
    10.19.0.1                 no addresses                   10.19.0.2
"""
import os
import signal
import sys
import tempfile

import ns
import tx
from tx import Report
from tx_chain import Chain, lost


def made(chain, n=400):
    """Frames of all lengths that go, some tagged, some too long, one too short to be a frame."""
    out = []
    for i in range(n):
        f = chain.frame(b"%d" % i, 60 + i * 7 % 1455)
        if i % 10 == 3:
            f = f[:12] + b"\x81\0\0\x07" + f[12:]
        if i % 50 == 20:
            f = f.ljust(1700, b"\0")
        out.append(f)
    return out


def fits(f):
    return len(f) <= 1514 + 4 * (f[12:14] == b"\x81\0")


def placed(chain, scratch):
    """Each placement of the same request over the same packets."""
    path = os.path.join(scratch, "made.pcap")
    frames = made(chain)
    tx.write_pcap(path, [(10**18 + i * 1000, f) for i, f in enumerate(frames)])
    # packet sockets show a frame without its tag
    want_there = [f[:12] + f[16:] if f[12:14] == b"\x81\0" else f for f in frames if fits(f)]
    request = "(a: count) > (tee slc) > (b: count) > (print style=hex)"
    seen = {}
    for name, extra in (("a file", []), ("user", ["--replay", "--placement", "user"]),
                        ("the kernel", ["--replay", "--placement", "max"])):
        with chain.c.socket() as s:
            p = chain.mid.run([ns.STREAMLINE, "run", "-q", "--json", *extra, "-r", path, request], check=False)
            there = chain.c.receive(s, len(want_there))
        p.stdout += p.stderr
        r = Report(p)
        lines = [x for x in p.stdout.splitlines() if not x.startswith("{")]
        values = {k: (f["values"], f["in"], f["out"]) for k, f in r.filters.items() if k in ("a", "tee", "b")}
        seen[name] = (p.returncode, lines, values, there)
        space = r.filters.get("tee", {}).get("space", "")
        ns.ok(there == want_there and p.returncode == 0 and r.adds_up() and lost(r) == 0
              and r.filters["b"]["in"]["blocks"] == len(frames)
              and r.filters["tee"]["values"]["missed"] == len(frames) - len(want_there)
              and space.startswith("tc" if name == "the kernel" else "user"),
              f"from {name}: copies arrive, all go on, and what could not be sent is counted",
              f"{len(there)} of {len(want_there)} came; status {p.returncode}, lost {lost(r)}, {space}; {r.filters.get('tee')}")
    ns.ok(seen["a file"] == seen["user"] == seen["the kernel"],
          "output, values and copies are the same from a file, here and in the kernel",
          str({k: v[2] for k, v in seen.items()}))


def live(chain):
    p = chain.start("(rx slb direction=in) > (tee slc) > (tail: count)")
    frames = [chain.frame(b"live %d" % i, 60 + i % 1400) for i in range(600)]
    with chain.c.socket() as s, chain.mid.socket() as here:
        chain.a.send(frames)
        got, stays = chain.c.receive(s, 600), chain.mid.receive(here, 600)
        os.kill(p.pid, signal.SIGSTOP)
        chain.a.send(frames)
        alone = chain.c.receive(s, 600)
        os.kill(p.pid, signal.SIGCONT)
    ns.until(lambda: False, 0.3)
    ns.stop(p, signal.SIGINT)
    r = Report(p)
    tee = r.filters.get("tee", {})
    ns.ok(got == stays == frames and r.status == 0 and lost(r) == 0 and r.adds_up()
          and tee["space"].startswith("tc") and r.filters["tail"]["in"] == tee["in"] == tee["out"]
          and tee["values"]["packets"] == tee["in"]["blocks"] and tee["values"]["missed"] == 0,
          "a tap in the kernel sends copies; packets go their way and on", f"{len(got)} {len(stays)}; {tee}; {r.said[-3:]}")
    ns.ok(alone == frames, "... also while the process does not run: they are the kernel's", f"{len(alone)} came")


def inline(chain):
    q = chain.plan("(rx slb mode=inline) > (tee slc) > (count)")
    ns.ok("at XDP no copy of a packet can be sent" in q.stdout, "in the way of packets tee is in user space, and why",
          q.stdout + q.stderr)
    p = chain.start("(rx slb mode=inline) > (tee slc) > (tail: count)")
    frames = [chain.frame(b"inline %d" % i, 60 + i % 1400) for i in range(600)]
    with chain.c.socket() as s:
        chain.a.send(frames)
        got = chain.c.receive(s, 600)
    ns.stop(p, signal.SIGINT)
    r = Report(p)
    ns.ok(got == frames and r.status == 0 and lost(r) == 0 and r.adds_up()
          and r.filters["tail"]["in"]["blocks"] == r.filters["tee"]["values"]["packets"] >= 600,
          "... and sends each, and passes each on", f"{len(got)}; {r.filters.get('tee')}; {r.said[-3:]}")


def away(chain):
    """The copy's interface is down: packets go on."""
    p = chain.start("(rx slb direction=in) > (tee slc) > (tail: count)")
    chain.mid.ip("link", "set", "slc", "down")
    ns.until(lambda: False, 0.3)
    chain.a.send([chain.frame(b"away", 60)] * 50)
    ns.until(lambda: False, 0.3)
    chain.mid.ip("link", "set", "slc", "up")
    with chain.c.socket() as s:
        def again():
            chain.a.send([chain.frame(b"again", 60)])
            return chain.c.receive(s, 1, 0.1)
        back = ns.until(again)
    ns.stop(p, signal.SIGINT)
    r = Report(p)
    tee = r.filters.get("tee", {})
    ns.ok(back and r.adds_up() and lost(r) == 0 and tee["in"] == tee["out"] == r.filters["tail"]["in"]
          and tee["values"]["missed"] >= 50 and "slc is down" in " ".join(r.said),
          "while its interface is down packets go on, without a copy, and that is said", f"{tee}; {r.said[-4:]}")


def main():
    why = ns.probe("bpf", "ethtool")
    if why or not os.path.exists(ns.STREAMLINE):
        ns.skip("copies are sent", why or "no " + ns.STREAMLINE)
        ns.finish()
    chain = Chain()
    with tempfile.TemporaryDirectory() as scratch:
        placed(chain, scratch)
    live(chain)
    inline(chain)
    away(chain)
    chain.remove()
    ns.finish()


if __name__ == "__main__":
    sys.exit(main())
