# SPDX-License-Identifier: LGPL-2.1-or-later
"""
kernel_rows -- what happens within the kernel alone: stages, flows, forwarding
"""
import json
import os
import struct
import tempfile

import burst
import ns
from consumers import Consumer, Kprog, inline
from rows import Aim, Row, Turns, median, say

KPROG = os.path.join(ns.BUILD, "bench/live/kprog")
HAND = os.path.join(ns.BUILD, "bench/live/hand.bpf.o")
PORT80 = "(ip) > (tcp) -80-> (count) > (null)"


class Timed(Turns):
    """
    Nanoseconds of one run by BPF_PROG_TEST_RUN: a packet that is counted and taken, and one
    that is not. Of ours it is the programs of a running capture that are run.

    Shorter requests beside it show what a stage costs, the last line what the timing does.
    """
    HEAD = ["| | | ns, counted | ns, passed on | : by hand |", "| --- | --- | --- | --- | --- |"]
    MOST = 1.15

    def __init__(self, title):
        super().__init__(title, [
            Kprog("by hand", "hand.bpf.o", "port80"), inline(PORT80, "ours"),
            inline("(null)", "ours, only (null)"), inline("(ip) > (null)", "ours, (ip) > (null)"),
            Kprog("nothing at all", "hand.bpf.o", "empty")])

    def take(self, consumer, args):
        with ns.Pair() as pair:
            if not consumer.ours:
                which = [HAND, consumer.argv[3]]
                return self.time(pair, which)
            procs = burst.listen(pair.b, consumer)
            link = json.loads(ns.run(["ip", "-j", "-n", pair.b.name, "link", "show",
                                      pair.b.dev]).stdout)[0]
            sample = self.time(pair, [f"id:{link['xdp']['prog']['id']}"])
            burst.stop_all(procs)
            return sample

    @staticmethod
    def time(pair, which):
        argv = ["taskset", "-c", str(burst.CPU), KPROG, "time", *which, "80", "81"]
        return [x["ns"] for x in json.loads(pair.b.run(argv).stdout)]

    def tell(self, sample):
        return ", ".join(f"{ns_:.1f} ns" for ns_ in sample)

    def value(self, sample):
        return sample[0]

    def cells(self, consumer, samples):
        return [f"{median(s[i] for s in samples):.1f}" for i in (0, 1)] + [
            f"{self.ratio(consumer.name):.2f}"]

    def aims(self):
        return [Aim("kernel stages: ns per packet, to those of a program by hand", self.MOST,
                    self.ratio("ours"), most=True)]


class Stages(Row):
    """The same two under full load through a veth."""
    HEAD = [Row.HEAD[0].replace(": tcpdump", ": by hand"), Row.HEAD[1]]

    def __init__(self, title):
        self.file = tempfile.NamedTemporaryFile(suffix=".pcap")	# pylint: disable=consider-using-with
        self.file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        frame = self.segment()
        self.file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
        self.file.flush()
        super().__init__(title, ["-r", self.file.name],
                         [Kprog("by hand", "hand.bpf.o", "port80"), inline(PORT80, "ours")])

    @staticmethod
    def segment():
        ip = bytearray(bytes.fromhex("4500003200014000400600000a0000010a000002"))
        ip[10:12] = ns.checksum(bytes(ip)).to_bytes(2, "big")
        return (bytes.fromhex("02000000009902000000000a0800") + bytes(ip)
                + struct.pack(">HHIIHHHH", 40000, 80, 1, 1, 0x5010, 256, 0, 0)).ljust(64, b"\0")

    def aims(self):
        return [Aim("kernel stages: rate under full load, to that of a program by hand", 0.85,
                    self.ratio("ours"))]


class Flows(Row):
    """Tables of flows."""
    HEAD = [Row.HEAD[0].replace(": tcpdump", ": LRU hash"), Row.HEAD[1]]

    def __init__(self, title, n, factor):
        room = 1 << (2 * n - 1).bit_length()
        super().__init__(title, ["-s", "64", "-f", str(n)],
                         [Kprog("LRU hash", "lru.bpf.o", "lru", str(room)),
                          inline(f"(flows flows={room}) > (null)", "flows")])
        self.factor = factor

    def aims(self):
        return [Aim(f"flows in the kernel, {self.title}, to an LRU hash", self.factor,
                    self.ratio("flows"))]


class Bridge(Consumer):
    """The kernel's own."""

    def __init__(self, name, far):
        super().__init__(name, ["ip"])
        self.far = far


class Forward(Turns):
    """
      a                         between                        c
    (sla) ====== veth ====== (slb)  (slc) ====== veth ====== (sld)
    gen                       no addresses                   counts, and drops

    The far end is a program that drops all, which lets the veth take what XDP redirects;
    the kernel bridge is measured with a plain far end too, which is told by its counter.
    """
    HEAD = ["| | | Mpps at the far end | lost | : bridge |", "| --- | --- | --- | --- | --- |"]

    def __init__(self, title, gen_args, factor):
        ours = inline(line="{us} run --json '(rx {dev} mode=inline) > (tx slc)'",
                      name="rx > tx")
        super().__init__(title, [Bridge("bridge, far end XDP", True),
                                 Bridge("bridge, far end plain", False), ours])
        self.gen_args, self.factor = gen_args, factor

    def take(self, consumer, args):
        one, two = ns.Pair(), ns.Pair()
        try:
            mid, far = one.b, two.b
            two.a.ip("link", "set", two.a.dev, "netns", mid.name, "name", "slc")
            for dev in ("slb", "slc"):
                mid.ip("addr", "flush", "dev", dev)
                mid.ip("link", "set", dev, "up", "promisc", "on")
            procs, sink = [], None
            if consumer.ours or consumer.far:
                sink = far.start([KPROG, "run", HAND, "drop", far.dev], cpu=burst.CPU)
                ns.wait_for(sink, "listening")
            if consumer.ours:
                procs = burst.listen(mid, consumer)
            else:
                mid.ip("link", "add", "br0", "type", "bridge", "forward_delay", "0")
                for dev in ("slb", "slc"):
                    mid.ip("link", "set", dev, "master", "br0")
                mid.ip("link", "set", "br0", "up")
            before = far.counters()["rx_packets"]
            made = burst.generate(one, ["-t", str(args.seconds), *self.gen_args])
            if procs:
                burst.rest(procs, 0.2)
            got = far.counters()["rx_packets"] - before
            burst.stop_all(procs)
            if sink:
                ns.stop(sink)
                got = Kprog("sink", "hand.bpf.o", "drop").count(sink)[0]
            if procs and not any(f["space"].startswith("xdp") for f in consumer.report(
                    procs[0])["filters"] if f["type"] == "tx"):
                say(f"{self.title}: tx was not in the kernel")
            return got / made["seconds"] / 1e6, 1 - got / max(1, made["accepted"])
        finally:
            one.remove()
            two.remove()

    def tell(self, sample):
        return f"{sample[0]:.3g} Mpps, lost {100 * sample[1]:.1f} %"

    def value(self, sample):
        return sample[0]

    def best(self):
        """The bridge under the conditions that suit it better."""
        rate = {c.name: median(x[0] for x in self.samples[c.name])
                for c in self.consumers if not c.ours and self.samples[c.name]}
        return max(rate, key=rate.get) if rate else self.base

    def cells(self, consumer, samples):
        rates = [s[0] for s in samples]
        return [f"{median(rates):.3g} ({min(rates):.3g}-{max(rates):.3g})",
                f"{100 * median(s[1] for s in samples):.1f} %",
                f"{self.ratio(consumer.name, self.best()):.2f}"]

    def aims(self):
        return [Aim(f"forwarding, {self.title}, to the kernel bridge", self.factor,
                    self.ratio("rx > tx", self.best()))]
