# SPDX-License-Identifier: LGPL-2.1-or-later
"""
burst -- one measurement: consumers begin, a burst comes, what did they make of it
"""
import contextlib
import json
import os
import select
import shlex
import time

import ns

GEN = os.path.join(ns.BUILD, "bench/live/gen")
GEN_CPU, CPU = 0, 1 if (os.cpu_count() or 1) > 1 else 0
STAMP_AT = 50				# GEN_STAMP_AT of gen.h


def cpu_of(pids):
    """What the processes, all their threads, have used, in ns; OSError when one is no more."""
    total = 0
    for pid in pids:
        for t in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{t}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
    return total


def cpu_ns(procs):
    """The same of what was started here."""
    try:
        return cpu_of([p.pid for p in procs])
    except OSError:
        p = next((p for p in procs if p.poll() is not None), procs[0])
        raise ns.Failed(f"{shlex.join(p.args)} ended early: {' '.join(p.said[-4:])}") from None


def holds(proc, kind):
    """It has a descriptor of that kind: "bpf_link", "bpf-map"."""
    with contextlib.suppress(OSError):
        for fd in os.listdir(f"/proc/{proc.pid}/fd"):
            if os.readlink(f"/proc/{proc.pid}/fd/{fd}") == f"anon_inode:{kind}":
                return True
    return False


def hooked(end, procs):
    """Each of them sits on the interface: by a packet socket, or a link of a program, or
    it reads the rings of one that does."""
    index = str(end.index())
    with end.inside(), open("/proc/thread-self/net/packet", encoding="ascii") as f:
        if sum(line.split()[4] == index for line in f.readlines()[1:]) >= len(procs):
            return True
    if "clsact" in end.run(["tc", "qdisc", "show", "dev", end.dev]).stdout:
        return True
    return holds(procs[0], "bpf_link") and all(
        holds(p, "bpf_link") or holds(p, "bpf-map") for p in procs)


def ended(procs):
    return any(p.poll() is not None for p in procs)


class Calm:
    """Of the bursts at full rate: how many there were, and in how many of them the generator
    did not have its core for itself."""
    bursts = disturbed = 0
    SHARE = 0.85


def generate(pair, args):
    argv = [GEN, "-C", str(GEN_CPU), "-n", pair.a.name, "-i", pair.a.dev,
            "-P", f"{pair.b.name}:{pair.b.dev}", *args]
    made = json.loads(ns.run(argv).stdout)
    if "-p" not in args:
        Calm.bursts += 1
        Calm.disturbed += made["cpu_s"] < Calm.SHARE * made["seconds"]
    return made


def rest(procs, drain_s):
    """Wait until the consumers have nothing left to do, 3 s at most: what they spent so far."""
    time.sleep(drain_s)
    spent, calm = cpu_ns(procs), 0
    for _ in range(60):
        time.sleep(0.05)
        before, spent = spent, cpu_ns(procs)
        # twice: one that is kept from its core does nothing either
        calm = calm + 1 if spent - before < 5e5 else 0
        if calm == 2:
            break
    return spent


def stop_all(procs):
    """The one that others read from last."""
    for p in reversed(procs):
        ns.stop(p)


def listen(end, consumer, readers=1, cpu=CPU):
    """Start consumers; they are given back when they listen and have come to rest."""
    procs = []
    commands = consumer.commands(end.dev, readers)
    for i, argv in enumerate(commands):
        if i == 1 and commands[1] != commands[0]:
            wait(end, consumer, procs)
        procs.append(end.start(argv, cpu=cpu))
        os.set_blocking(procs[-1].stdout.fileno(), False)
    wait(end, consumer, procs)
    rest(procs, 0.2)		# bound is not yet ready: rings are made after it
    return procs


def wait(end, consumer, procs):
    """Over when they listen, or when one is no more, which is a failure."""
    ns.until(lambda: hooked(end, procs) or ended(procs))
    if ended(procs) or not hooked(end, procs):
        for p in procs:
            ns.stop(p)
        said = next((p for p in procs if p.returncode), procs[0])
        raise ns.Failed(f"not measured: {consumer.complaint(said)}")


class Sample:
    """What one consumer, or the slowest of several, made of one burst."""

    def __init__(self, consumer, made, counts, spent_ns, idle_ns, idle_s):
        received, told = min(counts)
        self.seconds = made["seconds"]
        self.offered = made["accepted"]
        self.received, self.told = received, told
        self.spent = spent_ns / len(counts)
        self.idle_share = idle_ns / len(counts) / (idle_s * 1e9)
        self.cpu_share = self.spent / (self.seconds * 1e9)
        self.consumer = consumer

    def kept_share(self, filtering):
        if filtering:		# only the consumer knows what would have passed
            return self.received / max(1, self.received + self.told)
        return self.received / max(1, self.offered)

    def mpps(self, filtering):
        return self.offered * self.kept_share(filtering) / self.seconds / 1e6


def once(consumer, gen_args, readers=1, idle_s=0.3):
    with ns.Pair() as pair:
        return measure(pair, consumer, gen_args, readers, idle_s)


def measure(pair, consumer, gen_args, readers=1, idle_s=0.3):
    procs = listen(pair.b, consumer, readers)
    before = cpu_ns(procs)
    time.sleep(idle_s)
    start = cpu_ns(procs)
    made = generate(pair, gen_args)
    spent = rest(procs, consumer.drain_s) - start
    stop_all(procs)
    return Sample(consumer, made, [consumer.count(p) for p in procs], spent,
                  start - before, max(idle_s, 1e-9))


def delays(consumer, gen_args):
    """
    Microseconds from the making of each frame until it is read from the capture that the
    consumer writes to its standard output.
    """
    with ns.Pair() as pair:
        p = listen(pair.b, consumer)[0]
        gen = pair.a.start([GEN, "-i", pair.a.dev, "-P", f"{pair.b.name}:{pair.b.dev}", "-S",
                            *gen_args], cpu=GEN_CPU)
        data, at, got = b"", 24, []
        end = None
        while end is None or time.monotonic() < end:
            if end is None and gen.poll() is not None:
                end = time.monotonic() + max(0.3, consumer.drain_s)
            if not select.select([p.stdout], [], [], 0.05)[0]:
                continue
            piece = os.read(p.stdout.fileno(), 1 << 20)
            now = time.monotonic_ns()
            if not piece:
                break
            data += piece
            while len(data) >= at + 16:
                n = int.from_bytes(data[at + 8:at + 12], "little")
                if len(data) < at + 16 + n:
                    break
                stamp = int.from_bytes(data[at + 16 + STAMP_AT:at + 24 + STAMP_AT], "little")
                got.append((now - stamp) / 1000)
                at += 16 + n
            if at > 24:
                data, at = data[at:], 0
        ns.stop(gen)
        ns.stop(p)
        if not got:
            raise ns.Failed(f"not measured: {consumer.complaint(p)}")
        return sorted(got)
