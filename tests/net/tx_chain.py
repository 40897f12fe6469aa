# SPDX-License-Identifier: LGPL-2.1-or-later
"""
tx_chain -- two pairs with a middle that sends, for the tests that need one

      a                      the middle                       c
    (sla) ====== veth ====== (slb)  (slc) ====== veth ====== (sld)
    10.19.0.1                 no addresses                   10.19.0.2

The outer ends have GRO on, without which a veth takes no frames from XDP.
"""
import ns


class Chain:
    """Two pairs; the near end of the second one is moved into the far one of the first."""

    def __init__(self, gro=True):
        self.one, self.two = ns.Pair(), ns.Pair()
        self.a, self.mid, self.c = self.one.a, self.one.b, self.two.b
        self.two.a.ip("link", "set", self.two.a.dev, "netns", self.mid.name, "name", "slc")
        self.mid.ip("addr", "flush", "dev", "slb")
        self.mid.ip("link", "set", "slc", "up")
        ns.until(lambda: "LOWER_UP" in self.mid.ip("link", "show", "slc").stdout)
        if gro:
            for e in (self.a, self.c):
                e.run(["ethtool", "-K", e.dev, "gro", "on"])

    def remove(self):
        self.one.remove()
        self.two.remove()

    def plan(self, request):
        return self.mid.run([ns.STREAMLINE, "plan", request], check=False)

    def xdp_sends(self, request):
        """False where this kernel does not tell whether a veth takes frames from XDP."""
        return "does not tell" not in self.plan(request).stdout

    def start(self, request):
        p = self.mid.start([ns.STREAMLINE, "run", "-q", "--json", request])
        greetings = []
        with self.c.socket() as s:
            def through():
                greetings.append(self.frame(b"hello", 60))
                self.a.send(greetings[-1:])
                return self.c.receive(s, 1, 0.2)
            if not ns.until(through, 10):
                ns.stop(p)
                raise ns.Failed(f"nothing comes through: {request}: {p.said[-4:]}")
            # on a slow machine more of them are on their way; nobody else shall meet one
            self.c.receive(s, len(greetings) - 1, 0.5)
        return p

    def frame(self, what, size):
        """Of a protocol that no stack answers to."""
        return (ns.mac_bytes(self.c.mac) + ns.mac_bytes(self.a.mac) + b"\x88\xb5" + what).ljust(size, b"\0")


def lost(report):
    return sum(f["lost"]["blocks"] for f in report.filters.values())
