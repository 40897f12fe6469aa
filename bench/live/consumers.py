# SPDX-License-Identifier: LGPL-2.1-or-later
"""
consumers -- who captures: the peers' command lines and ours, and how their counts are read

Each gives the same service where it stands in the same table: what tcpdump -w /dev/null
does, (pcapout /dev/null) does: all bytes of all packets come to user space and are written.
"""
import json
import os
import re
import shlex
import shutil

import ns

KEPT = "udp src port 50"		# one flow of a hundred
WHOLE = "(pcapout /dev/null)"


class Consumer:
    """
    argv with {dev} in it; count() reads (received, lost) from what it said; drain_s is
    how long it may leave packets lying before it looks at them.
    """
    ours = False
    drain_s = 0.1

    def __init__(self, name, argv):
        self.name, self.argv = name, argv

    def missing(self):
        return None if shutil.which(self.argv[0]) else f"{self.argv[0]} is not installed"

    def commands(self, dev, readers):
        """Of the processes; those behind the first one start when that one listens."""
        return [[w.replace("{dev}", dev) for w in self.argv]] * readers

    def complaint(self, proc):
        return " ".join((proc.said + [proc.out])[-3:])[-200:]

    def number(self, proc, pattern):
        text = "\n".join(proc.said) + "\n" + proc.out.replace("\r", "\n")
        m = re.search(pattern, text)
        if not m:
            raise ns.Failed(f"{self.name} did not say {pattern}: {text[-400:]}")
        return int(m.group(1))


class Tcpdump(Consumer):
    drain_s = 1.1		# its blocks are handed over when full, or after a second

    def __init__(self, *expr, name="tcpdump", options=()):
        # -Z: it would change its user, which is of no use for /dev/null
        super().__init__(name, ["tcpdump", "-i", "{dev}", "-n", "-w", "/dev/null",
                                "-B", "65536", "-Z", "root", *options, *expr])

    def count(self, proc):
        return (self.number(proc, r"(\d+) packets? captured"),
                self.number(proc, r"(\d+) packets? dropped by kernel"))


class Netsniff(Consumer):
    def __init__(self, *expr):
        super().__init__("netsniff-ng", ["netsniff-ng", "-i", "{dev}", "--out", "/dev/null",
                                         "-s", "-S", "64MiB", *expr])

    def count(self, proc):
        return (self.number(proc, r"(\d+) +packets passed filter"),
                self.number(proc, r"(\d+) +packets failed filter"))


class Dumpcap(Consumer):
    drain_s = 0.4

    def __init__(self, *expr):
        super().__init__("dumpcap", ["dumpcap", "-i", "{dev}", "-w", "/dev/null", "-q",
                                     "-B", "64", *(["-f", *expr] if expr else [])])

    def count(self, proc):
        return (self.number(proc, r"Packets captured: (\d+)"),
                self.number(proc, r"Packets received/dropped on interface '.*': \d+/(\d+)"))


def report_of(text):
    """The report of --json; None when there is none."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            report = json.loads(line)
            if "filters" in report:
                return report
    return None


def lost_in(report):
    return sum(f["lost"]["blocks"] for f in report["filters"])


class Us(Consumer):
    """
    A shell's line: {us} is our program, {dev} the interface. `joined` is that of those
    that read what the first one shares under the name {name}.
    """
    ours = True
    shares = 0

    def __init__(self, name, command, joined=None):
        self.line, self.joined = command, joined
        super().__init__(name, self.shell(command))

    @staticmethod
    def shell(line):
        return ["sh", "-c", "exec " + line.replace("{us}", shlex.quote(ns.STREAMLINE))]

    def commands(self, dev, readers):
        if not self.joined:
            return super().commands(dev, readers)
        Us.shares += 1		# a name of its own for each, so that nothing meets what is ending
        lines = [self.argv] + [self.shell(self.joined)] * (readers - 1)
        return [[w.replace("{dev}", dev).replace("{name}", f"bench-{os.getpid()}-{Us.shares}")
                 for w in argv] for argv in lines]

    def missing(self):
        return None if os.path.exists(ns.STREAMLINE) else f"no {ns.STREAMLINE}"

    def complaint(self, proc):
        """The first of its diagnostics, when it ended with some."""
        for line in proc.said + proc.out.splitlines():
            if line.startswith('{"event":"diagnostics"'):
                return json.loads(line)["diagnostics"][0]["message"]
        return super().complaint(proc)

    def report(self, proc):
        report = report_of(proc.out)
        if not report:
            raise ns.Failed(f"no report: {self.complaint(proc)}")
        return report

    def count(self, proc):
        report = self.report(proc)
        # what came to the ends; where something is written, to that
        fed = {s["from"] for s in report["streams"]}
        ends = [f for f in report["filters"] if f["name"] not in fed]
        ends = [f for f in ends if f["type"] == "pcapout"] or ends
        return sum(f["in"]["blocks"] for f in ends), lost_in(report)


class Kprog(Consumer):
    """A program of hand.bpf.c or lru.bpf.c on the interface."""

    def __init__(self, name, obj, program, *entries):
        self.path = os.path.join(ns.BUILD, "bench/live", obj)
        super().__init__(name, [os.path.join(ns.BUILD, "bench/live/kprog"), "run", self.path,
                                program, "{dev}", *entries])

    def missing(self):
        return None if os.path.exists(self.path) else f"no {self.path}"

    def count(self, proc):
        for line in proc.out.splitlines():
            if line.startswith("{"):
                return json.loads(line)["packets"], 0
        raise ns.Failed(f"{self.name} did not count: {self.complaint(proc)}")


TAP = "{us} run --json '(rx {dev}) > {request}'"
INLINE = "{us} run --json '(rx {dev} mode=inline) > {request}'"


def tap(request=WHOLE, name="tap", line=TAP):
    return Us(name, line.replace("{request}", request))


def inline(request=WHOLE, name="inline", line=INLINE):
    return Us(name, line.replace("{request}", request))


def sharing(name, options=""):
    """The first captures and reads; the others join it."""
    return Us(name, "{us} run --json '(rx {dev}" + options + " share={name}) > " + WHOLE + "'",
              "{us} run --json '(attach {name}) > " + WHOLE + "'")


def peers(*expr):
    return [Tcpdump(*expr), Netsniff(*expr), Dumpcap(*expr)]
