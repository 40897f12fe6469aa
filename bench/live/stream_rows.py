# SPDX-License-Identifier: LGPL-2.1-or-later
"""
stream_rows -- streams live: the seed pipeline, and what a tap costs those who talk
"""
import json
import os
import re
import shlex
import shutil
import signal
import tempfile
import time

import burst
import ns
from consumers import Consumer, Tcpdump, Us, lost_in, tap
from rows import Aim, Turns, median, say

N_PATTERNS = 1000
STEP = 2 ** 0.5
MOST_STEPS = 10
FIRST_PPS = 20000
LEAST_PPS, MOST_PPS = 1000, 4e6


class Traffic:
    """Mixed traffic and patterns, made once, as bench/run has them; gone at the end."""

    def __init__(self):
        # in memory where that can be had, for the peer's files too
        there = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.dir = tempfile.mkdtemp(prefix="sl-bench-", dir=there)
        self.capture, self.rules = os.path.join(self.dir, "web.pcap"), os.path.join(self.dir, "rules.ac")
        gen = os.path.join(ns.BUILD, "bench/gen")
        ns.run([gen, "patterns", self.rules, str(N_PATTERNS)])
        ns.run([gen, "web", self.capture, "12", self.rules])

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class Chain(Consumer):
    """tcpdump | tcpflow, and grep on the files that come of it."""
    LINE = ("tcpdump -i {dev} -n -B 65536 -Z root -w - 'tcp dst port 80' 2>{dir}/said | "
            "tcpflow -q -o {dir}/out -r - >/dev/null 2>{dir}/flow")

    def __init__(self):
        super().__init__("tcpdump, tcpflow, grep", ["sh", "-c", self.LINE])

    def missing(self):
        for tool in ("tcpdump", "tcpflow", "grep"):
            if not shutil.which(tool):
                return f"{tool} is not installed"
        return None


class Pipeline(Turns):
    """
    The highest rate at which nothing is lost: a burst, then all that it left to do; the
    rate is that of its packets over the time from its first packet to the end of the work.
    Rates go up by steps until something is lost, or more is of no use.
    """
    HEAD = ["| | | kpps without loss | Mbit/s | : peer |", "| --- | --- | --- | --- | --- |"]

    def __init__(self, title, traffic, factor):
        self.traffic = traffic
        ours = Us("ours", "{us} run --json -i {dev} '(tcp class=dport) -80-> (untcp) > "
                  f"(ac rules={traffic.rules}) > (pcapout {traffic.dir}/clean.pcap)'")
        super().__init__(title, [Chain(), ours])
        self.factor = factor
        self.start = {}

    def take(self, consumer, args):
        """Up from a step below where the pair before it ended, as long as that is of use."""
        pps = self.start.get(consumer.name, FIRST_PPS)
        best, factor = None, 2 if consumer.name not in self.start else STEP
        for _ in range(MOST_STEPS):
            if not LEAST_PPS < pps < MOST_PPS:
                break
            got = self.attempt(consumer, pps, args)
            say(f"{self.title}: {consumer.name}: {pps / 1e3:.0f} kpps: {got[0] / 1e3:.1f} kpps"
                + ("" if got[2] else ", lost some"))
            better = got[2] and (best is None or got[0] > 1.05 * best[0])
            if got[2] and (best is None or got[0] > best[0]):
                best = got
            if better:
                pps *= factor
            elif best is None:
                pps /= 4
            elif factor > STEP:
                # half a step back
                factor, pps = STEP, pps / STEP
            else:
                break
        if best is None:
            raise ns.Failed("loses packets at any rate that was tried")
        self.start[consumer.name] = max(FIRST_PPS / 8, best[0] / STEP)
        return best

    def attempt(self, consumer, pps, args):
        """(packets per second, bits per second, nothing was lost)."""
        with ns.Pair() as pair:
            self.clear()
            if consumer.ours:
                return self.attempt_ours(pair, consumer, pps, args)
            argv = [w.replace("{dir}", self.traffic.dir) for w in
                    consumer.commands(pair.b.dev, 1)[0]]
            p = pair.b.start(argv, cpu=burst.CPU)
            ns.until(lambda: "listening on" in self.said() or p.poll() is not None)
            time.sleep(0.3)
            work = [pid for pid, name in self.children(p) if name in ("tcpdump", "tcpflow")]
            made, began = self.send(pair, pps, args)
            # what lies in its last block comes within a second; waiting is no work
            end = self.last_work(work, began + made["seconds"], 1.2)
            from_s = time.monotonic()
            for pid, name in self.children(p):
                if name == "tcpdump":
                    os.kill(pid, signal.SIGINT)
            status = ns.until(lambda: p.poll() is not None, 20)
            grep = f"cd {shlex.quote(self.traffic.dir)} && LC_ALL=C grep -rlaF -f rules.ac out"
            ns.run(["taskset", "-c", str(burst.CPU), "sh", "-c", grep], check=False)
            total = end - began + time.monotonic() - from_s
            ns.stop(p)
            m = re.search(r"(\d+) packets? dropped by kernel", self.said())
            whole = bool(status and m and m.group(1) == "0")
            return self.rates(made, total, whole)

    def attempt_ours(self, pair, consumer, pps, args):
        procs = burst.listen(pair.b, consumer)
        made, began = self.send(pair, pps, args)
        end = self.last_work([p.pid for p in procs], began + made["seconds"], 0.2)
        burst.stop_all(procs)
        report = consumer.report(procs[0])
        seen = sum(f["in"]["blocks"] for f in report["filters"] if f["type"] == "rx")
        whole = lost_in(report) == 0 and seen >= made["accepted"]
        return self.rates(made, end - began, whole)

    @staticmethod
    def last_work(pids, end, quiet_s):
        """When they last did something, at least `end`; over when nothing is done for so long."""
        spent = burst.cpu_of(pids)
        last = time.monotonic()
        while time.monotonic() < last + quiet_s:
            time.sleep(0.02)
            before, spent = spent, burst.cpu_of(pids)
            if spent - before > 1e6:
                last = end = max(end, time.monotonic())
        return end

    @staticmethod
    def rates(made, total, whole):
        return made["accepted"] / total, made["bytes"] * 8 / total, whole

    def send(self, pair, pps, args):
        """What was sent, and when its first packet left."""
        made = burst.generate(pair, ["-F", "-r", self.traffic.capture, "-p", str(int(pps)),
                                     "-t", str(max(0.5, args.seconds))])
        return made, time.monotonic() - made["seconds"]

    def said(self):
        try:
            with open(os.path.join(self.traffic.dir, "said"), encoding="utf-8") as f:
                return f.read()
        except OSError:
            return ""

    def clear(self):
        shutil.rmtree(os.path.join(self.traffic.dir, "out"), ignore_errors=True)
        for name in ("said", "flow", "clean.pcap"):
            path = os.path.join(self.traffic.dir, name)
            if os.path.exists(path):
                os.unlink(path)

    @staticmethod
    def children(shell):
        """What the shell started: (pid, name)."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    name, rest = f.read().split("(", 1)[1].rsplit(") ", 1)
            except OSError:
                continue
            if int(rest.split()[1]) == shell.pid:
                found.append((int(pid), name))
        return found

    def tell(self, sample):
        return f"{sample[0] / 1e3:.1f} kpps without loss"

    def value(self, sample):
        return sample[0]

    def cells(self, consumer, samples):
        rates = [s[0] / 1e3 for s in samples]
        return [f"{median(rates):.0f} ({min(rates):.0f}-{max(rates):.0f})",
                f"{median(s[1] for s in samples) / 1e6:.0f}", f"{self.ratio(consumer.name):.2f}"]

    def aims(self):
        return [Aim("the seed pipeline live, to tcpdump, tcpflow and grep",
                    self.factor, self.ratio("ours"))]


class Nobody(Consumer):
    def __init__(self):
        super().__init__("nobody", ["true"])


class Cost(Turns):
    """One TCP stream through the veth, offloads on, while somebody listens at its receiver."""
    HEAD = ["| | | Gbit/s | : nobody | : tcpdump at that length |",
            "| --- | --- | --- | --- | --- |"]
    SLACK = 0.95		# what differs by less is not told apart

    def __init__(self, title):
        nobody = Nobody()
        dump = Tcpdump(name="tcpdump")
        short = Tcpdump(name="tcpdump -s 128", options=["-s", "128"])
        full = tap(name="tap")
        snap = Us("tap snap=128B", "{us} run --json '(rx {dev} snap=128B) > (pcapout /dev/null)'")
        heads = tap("(ip) > (tcp) > (count)", name="tap, headers")
        count = tap("(count)", name="tap, counts")
        super().__init__(title, [nobody, dump, short, full, snap, heads, count])
        self.against = {"tap": "tcpdump", "tap snap=128B": "tcpdump -s 128"}

    def take(self, consumer, args):
        with ns.Pair(offloads=True) as pair:
            server = pair.b.start(["iperf3", "-s", "-1", "-p", "5301"], cpu=burst.CPU)
            ns.until(lambda: ":5301" in pair.b.run(["ss", "-ltn"]).stdout)
            procs = []
            if consumer.name != "nobody":
                # where it likes: the two that talk have both processors
                procs = burst.listen(pair.b, consumer, cpu="0,1" if burst.CPU else 0)
            q = pair.a.run(["taskset", "-c", str(burst.GEN_CPU), "iperf3", "-c", pair.b.ip4,
                            "-p", "5301", "-t", str(max(1, round(2 * args.seconds))), "-J"],
                           check=False)
            burst.stop_all(procs)
            ns.stop(server)
            end = json.loads(q.stdout).get("end", {})
            if "sum_received" not in end:
                raise ns.Failed(f"iperf3: {q.stdout[-200:]}")
            return end["sum_received"]["bits_per_second"] / 1e9

    def tell(self, sample):
        return f"{sample:.1f} Gbit/s"

    def value(self, sample):
        return sample

    def cells(self, consumer, samples):
        base = self.against.get(consumer.name)
        ratio = self.ratio(consumer.name, base) if base else None
        return [f"{median(samples):.3g} ({min(samples):.3g}-{max(samples):.3g})",
                f"{self.ratio(consumer.name):.2f}", f"{ratio:.2f}" if ratio else ""]

    def aims(self):
        return [Aim(f"a TCP stream beside {name}, to that beside {base}", self.SLACK,
                    self.ratio(name, base)) for name, base in self.against.items()] + [
            Aim(f"a TCP stream beside {name}, to that beside nobody", 0.9, self.ratio(name))
            for name in ("tap, headers", "tap, counts")]
