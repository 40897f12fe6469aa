#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
forms.py -- kernel forms on a wire: what no single packet shows

    a (sla) ======= veth ======= (slb) b: streamline

Tags that the kernel takes off on the way are seen by the forms, also with headers behind the
first 256 bytes; head ends a run from the kernel; sample counts over all; the same request with
every filter @user says the same of the same frames.
"""
import json
import struct
import time

import ns

NOBODY = bytes.fromhex("02000000dead")


def frame(pair, i, tags=(), options=0, dport=80):
    """UDP number i over IPv6 with `options` bytes of extension headers, each of 64."""
    head = NOBODY + ns.mac_bytes(pair.a.mac)
    for tpid, tci in tags:
        head += struct.pack("!HH", tpid, tci)
    n = options // 64
    ext = b"".join(struct.pack("!BB", 60 if k + 1 < n else 17, 7) + b"\1\4" + bytes(60) for k in range(n))
    udp = struct.pack("!HHHH", 1000 + i, dport, 8 + 40, 0) + bytes(40)
    return head + struct.pack("!HIHBB", 0x86dd, 6 << 28, len(ext + udp), 60 if n else 17, 64) + \
        bytes(15) + b"\1" + bytes(15) + b"\2" + ext + udp


def capturing(end):
    """True when a capture in this namespace is at work: last of all it listens for news of links."""
    with end.inside(), open("/proc/thread-self/net/netlink", encoding="ascii") as f:
        rows = [line.split() for line in f]
    col = rows[0].index("Groups")
    return any(r[1] == "0" and int(r[col], 16) & 1 for r in rows[1:])


def start(pair, request):
    p = pair.b.start([ns.STREAMLINE, "run", "--json", request])
    ns.until(lambda: capturing(pair.b) or p.poll() is not None)
    return p


def report(p):
    """The filters by name."""
    for line in (p.out + "\n".join(p.said)).splitlines():
        if line.startswith('{"event":"report"'):
            return {f["name"]: f for f in json.loads(line)["filters"]}
    return {}


def seen(pair, request, frames):
    p = start(pair, request)
    pair.a.send(frames)
    time.sleep(0.2 * ns.SLOW)
    ns.stop(p, seconds=20)
    return report(p)


def space(filters, name):
    return filters.get(name, {}).get("space", "?").split(":")[0]


def compare(pair, what, request, frames, wanted):
    """In the kernel, and in user space: the same counts, those wanted."""
    for place in ("", "@user"):
        text = request.replace("@@", place)
        f = seen(pair, text.replace("DEV", pair.b.dev), frames)
        got = {name: f.get(name, {}).get("in", {}).get("blocks") for name in wanted}
        where = space(f, "x0")
        ns.ok(got == wanted and (where == "user") == bool(place), f"{what}, {place[1:] or 'in the kernel'}",
              f"{got}, wanted {wanted}; space {where}: {f.get('x0')}")


def tags(pair):
    frames = []
    for i in range(60):
        options = (0, 192, 320, 640)[i % 4]
        vlan = ((), ((0x8100, 100 + i % 3),), ((0x88a8, 7), (0x8100, 100 + i % 3)))[i // 20]
        frames.append(frame(pair, i, vlan, options, 80 if i % 2 else 443))
    compare(pair, "tags taken off are put back, near and far headers are found",
            "(rx DEV direction=in) > (x0: udp)@@ { -80-> (web: count)@@; -443-> (tls: count)@@ }",
            frames, {"x0": 60, "web": 30, "tls": 30})
    compare(pair, "virtual LANs, and what is in them",
            "(rx DEV direction=in) > (x0: vlan)@@ { -7-> (q: count)@@; -100..102-> (t: udp)@@ -443-> (u: count)@@ }",
            frames, {"q": 20, "t": 20, "u": sum(1 for i in range(20, 40) if not i % 2)})
    compare(pair, "the inner of two tags",
            "(rx DEV direction=in) > (x0: vlan inner)@@ { -101-> (q: count)@@; -7-> (t: count)@@ }",
            frames, {"q": sum(1 for i in range(20, 60) if i % 3 == 1), "t": 0})
    compare(pair, "ethertypes behind tags",
            "(rx DEV direction=in) > (x0: ether)@@ { -ip6-> (q: count)@@; -else-> (t: count)@@ }",
            frames, {"q": 60, "t": 0})


def numbers(pair):
    frames = [frame(pair, i) for i in range(100)]
    compare(pair, "one in seven", "(rx DEV direction=in) > (x0: sample 7)@@ > (q: count)@@", frames, {"x0": 100, "q": 15})
    compare(pair, "slices keep what was counted", "(rx DEV direction=in) > (x0: slice 60)@@ > (t: udp)@@ > (q: count)@@",
            frames, {"x0": 100, "t": 100, "q": 0})


def ends(pair):
    p = start(pair, f"(rx {pair.b.dev} direction=in) > (x0: head 5) > (n: jsonout)")
    began = time.monotonic()
    pair.a.send([frame(pair, i) for i in range(50)])
    over = ns.until(lambda: p.poll() is not None, seconds=5 * ns.SLOW)
    took = time.monotonic() - began
    ns.stop(p, seconds=20)
    f = report(p)
    ns.ok(over, f"head ends the run from the kernel, in {took:.1f} s" if over else "head ends the run",
          f"{f.get('x0')}")
    ns.ok(space(f, "x0") != "user" and f["x0"]["out"]["blocks"] == 5 == f["n"]["in"]["blocks"],
          "and it gave five packets", f"{f.get('x0')}")


def main():
    ns.need("kernel forms give on a wire what their C forms do", "bpf")
    with ns.Pair() as pair:
        tags(pair)
        numbers(pair)
        ends(pair)
    ns.finish()


if __name__ == "__main__":
    main()
