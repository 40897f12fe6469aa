# SPDX-License-Identifier: LGPL-2.1-or-later
"""
rows -- tables of the report: consumers in turns, medians, ratios, and what is aimed at

A row is measured once in each pair by turn(); its lines(), and aims(), come at the end.
"""
import statistics
import sys

import burst
import ns

median = statistics.median


def say(text):
    print(text, file=sys.stderr, flush=True)


def quantile(ordered, q):
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


class Aim:
    """Something that is to be reached: at least, or with most=True at most, so much."""

    def __init__(self, what, aim, reached, most=False, unit=" x"):
        self.what, self.aim, self.reached, self.most, self.unit = what, aim, reached, most, unit

    def met(self):
        if self.reached is None:
            return "not measured"
        return "met" if (self.reached <= self.aim if self.most else self.reached >= self.aim) \
            else "**not met**"

    def line(self):
        sign = "≤" if self.most else "≥"
        got = "" if self.reached is None else f"{self.reached:.3g}{self.unit}"
        return f"| {self.what} | {sign} {self.aim:g}{self.unit} | {got} | {self.met()} |"


class Turns:
    """What all rows do: their consumers one after another, who begins changes from pair to pair."""
    HEAD = []
    readers = 0

    def __init__(self, title, consumers):
        self.title, self.consumers = title, consumers
        self.samples = {c.name: [] for c in consumers}
        self.failures = {}
        self.base = consumers[0].name if consumers else ""

    def take(self, consumer, args):
        """One sample."""
        raise NotImplementedError

    def tell(self, sample):
        """What is printed while it runs."""
        raise NotImplementedError

    def turn(self, i, args):
        n = len(self.consumers)
        for k in range(n):
            c = self.consumers[(i + k) % n]
            if c.name in self.failures:
                continue
            try:
                if c.missing():
                    raise ns.Failed(c.missing())
                s = self.take(c, args)
                self.samples[c.name].append(s)
                say(f"{self.title}: {c.name}: {self.tell(s)}")
            except (ns.Failed, ValueError, KeyError, OSError) as e:
                self.failures[c.name] = " ".join(str(e).split())[:200]
                say(f"{self.title}: {c.name}: {self.failures[c.name]}")

    def value(self, sample):
        """The number that ratios are made of."""
        raise NotImplementedError

    def ratio(self, name, base=None):
        pairs = [(self.value(x), self.value(y)) for x, y in
                 zip(self.samples.get(name, []), self.samples.get(base or self.base, []))]
        pairs = [(x, y) for x, y in pairs if y]
        return median(x / y for x, y in pairs) if pairs else None

    def name_of(self, consumer):
        return f"**{consumer.name}**" if consumer.ours else consumer.name

    def cells(self, consumer, samples):
        """Of the table's line, behind the name."""
        raise NotImplementedError

    def lines(self):
        for c in self.consumers:
            if c.name in self.failures:
                empty = " |" * (self.HEAD[0].count("|") - 4)
                yield f"| {self.title} | {self.name_of(c)} | {self.failures[c.name]} |{empty}"
            elif self.samples[c.name]:
                cells = self.cells(c, self.samples[c.name])
                yield f"| {self.title} | {self.name_of(c)} | " + " | ".join(cells) + " |"

    def aims(self):
        return []

    def measured(self):
        return bool(self.failures) or any(self.samples.values())


class Row(Turns):
    """The same burst for all."""
    HEAD = ["| | | Mpps | lost | told | ns per packet | of a core | : tcpdump |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |"]

    def __init__(self, title, gen_args, consumers, readers=1, filtering=False, steady=False,
                 aims=()):
        super().__init__(title, consumers)
        self.steady = steady		# the rate is given, so there is nothing to compare
        self.gen_args, self.readers, self.filtering = gen_args, readers, filtering
        self.wanted = aims		# (consumer, factor, words)

    def take(self, consumer, args):
        return burst.once(consumer, ["-t", str(args.seconds), *self.gen_args], self.readers)

    def tell(self, sample):
        return (f"{sample.mpps(self.filtering):.3g} of {sample.offered / sample.seconds / 1e6:.3g} "
                f"Mpps, lost {100 - 100 * sample.kept_share(self.filtering):.1f} %, "
                f"{100 * sample.cpu_share:.1f} % of a core")

    def value(self, sample):
        return sample.mpps(self.filtering)

    def cells(self, consumer, samples):
        rates = [self.value(s) for s in samples]
        ratio = None if self.steady else self.ratio(consumer.name)
        lost = 1 - median(x.kept_share(self.filtering) for x in samples)
        told = median(x.told / max(1, x.offered) for x in samples)
        return [f"{median(rates):.3g} ({min(rates):.3g}-{max(rates):.3g})",
                f"{100 * lost:.1f} %", f"{100 * told:.1f} %",
                f"{median(x.spent / max(1, x.received) for x in samples):.0f}",
                f"{100 * median(x.cpu_share for x in samples):.2f} %",
                f"{ratio:.2f}" if ratio else ""]

    def aims(self):
        return [Aim(words, factor, self.ratio(name)) for name, factor, words in self.wanted]


class Idle(Row):
    """At a rate at which a consumer should hardly be seen; for longer, as it works so seldom."""
    MOST = 0.5		# % of a core
    LEAST_S = 3

    def take(self, consumer, args):
        return burst.once(consumer, ["-t", str(max(self.LEAST_S, args.seconds)), *self.gen_args], self.readers)

    def aims(self):
        return [Aim(f"processor of {c.name} at {self.title}", self.MOST,
                    100 * median(s.cpu_share for s in self.samples[c.name])
                    if self.samples[c.name] else None, most=True, unit=" %")
                for c in self.consumers if c.ours]


class Delay(Turns):
    """How late a packet is, at a rate that bothers nobody."""
    HEAD = ["| | | p50 us | p99 us | p99.9 us | packets |",
            "| --- | --- | --- | --- | --- | --- |"]

    def __init__(self, title, gen_args, consumers):
        super().__init__(title, consumers)
        self.gen_args = gen_args

    def take(self, consumer, args):
        return burst.delays(consumer, ["-t", str(args.seconds), *self.gen_args])

    def tell(self, sample):
        return f"p50 {quantile(sample, .5):.1f} us, p99 {quantile(sample, .99):.1f} us"

    def cells(self, consumer, samples):
        return [f"{median(quantile(x, q) for x in samples):.1f}" for q in (.5, .99, .999)] \
            + [f"{sum(map(len, samples))}"]
