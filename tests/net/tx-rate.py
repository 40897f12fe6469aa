#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
tx-rate.py -- rate in the kernel lets through what it lets through here

The same captures, once with all in this process, once through the kernel's programs; what
comes out must be the same lines.
"""
import os
import random
import struct
import sys
import tempfile

import ns

WEB = os.path.join(ns.ROOT, "tests/golden/web.pcap")
RATES = ("1kpps", "20pps burst=1s", "333pps burst=0", "500kbps burst=20ms", "100kB/s burst=0",
         "3Mbps burst=1ms", "8bps", "1Gbps")


def random_capture(path):
    rng = random.Random(3)
    t = 1_700_000_000 * 10**9
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
        for i in range(3000):
            t += rng.choice((0, 10, 1000, 100_000, 3_000_000, rng.randrange(10**7)))
            if i % 500 == 499:
                t -= rng.randrange(3 * 10**9)	# another file begins, or a clock is set
            size = rng.randrange(60, 1515)
            frame = (bytes(12) + b"\x08\0" + struct.pack(">I", i)).ljust(size, b"\0")
            f.write(struct.pack("<IIII", t // 10**9, t % 10**9, size, size) + frame)


def lines(path, rate, kernel):
    argv = [ns.STREAMLINE, "run", "-q", *(["--replay"] if kernel else []), "-r", path,
            f"(rate {rate}) > (print style=hex)"]
    return ns.run(argv, check=False)


def main():
    why = ns.probe("bpf")
    if why or not os.path.exists(ns.STREAMLINE):
        ns.skip("rate in the kernel", why or "no " + ns.STREAMLINE)
        ns.finish()
    with tempfile.TemporaryDirectory() as scratch:
        made = os.path.join(scratch, "made.pcap")
        random_capture(made)
        plan = ns.run([ns.STREAMLINE, "plan", "--replay", "-r", WEB, "(rate 1kpps) > (count)"],
                      check=False)
        if "rate    tc:" not in plan.stdout:
            ns.skip("rate in the kernel", "its form does not load here: " + plan.stderr.strip()[:200])
            ns.finish()
        for name, path in (("a recording", WEB), ("random times", made)):
            for rate in RATES:
                here, there = lines(path, rate, False), lines(path, rate, True)
                ns.ok(here.returncode == 0 and there.returncode == 0
                      and here.stdout == there.stdout and here.stdout,
                      f"{name}: rate {rate} is the same in the kernel",
                      f"{len(here.stdout)} and {len(there.stdout)} bytes came out; {there.stderr[:300]}")
    ns.finish()


if __name__ == "__main__":
    sys.exit(main())
