#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
flows.py -- flows counted in the kernel while frames come as fast as they can

    a (sla) gen ======= veth ======= (slb) b: streamline

Then packets wait there for others, see filters/flows.bpf.c. None is forgotten when no others
come; each connection has the packets, bytes and flags that user space finds in the same
frames, of IPv6 too, in one order where one ends and the next begins.
"""
import collections
import ipaddress
import json
import os
import struct
import tempfile

import forms
import livegen
import ns

COUNT = 20003			# no multiple of how many are gathered
N_FLOWS = 300
FIN, SYN, RST, ACK = 1, 2, 4, 16
REQUEST = "(rx {dev} mode=inline) > (flows idle={idle}) {{ > (null); -flow-> (jsonout {out}) }}"


def segment(ends, ports, flags, n):
    src, dst = (ipaddress.ip_address(e) for e in ends)
    tcp = struct.pack("!HHIIBBHHH", *ports, 1, 1, 0x50, flags, 1000, 0, 0) + bytes(n)
    if src.version == 6:
        ip = struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + src.packed + dst.packed
    else:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + src.packed + dst.packed
    kind = b"\x86\xdd" if src.version == 6 else b"\x08\0"
    return (forms.NOBODY + bytes.fromhex("020000000001") + kind + ip + tcp).ljust(60, b"\0")


def connections():
    """Some hundred at a time, of both families, on the same ports again as soon as they are closed."""
    frames = []
    for turn in range(3):
        script = [(0, SYN, 0), (1, SYN | ACK, 0), (0, ACK, 30), (1, ACK, 500), (1, ACK, 700 + turn),
                  (0, FIN | ACK, 0), (1, FIN | ACK, 0), (0, ACK, 0)]
        if turn == 1:
            script[5:] = [(0, RST, 0)]
        for back, flags, n in script:
            for i in range(120):
                low = f"{i % 7 + 1:x}"
                ends = (f"10.0.0.{i % 7 + 1}", "10.9.0.1") if i % 3 else (f"2001:db8::{low}", "2001:db8::1:0:0:1")
                ports = (2000 + i, 80)
                step = -1 if back else 1
                frames.append(segment(ends[::step], ports[::step], flags, n))
    return frames


def records(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="ascii") as f:
        return [json.loads(line) for line in f if line.endswith("\n")]


def packets(found):
    return sum(r["flow"]["pkts_toserver"] + r["flow"]["pkts_toclient"] for r in found)


def told(found):
    """What does not depend on when the frames came."""
    each = collections.Counter()
    for r in found:
        f = r["flow"]
        each[(r["src_ip"], r["src_port"], r["dest_ip"], r["dest_port"], r.get("community_id"),
              f["pkts_toserver"], f["pkts_toclient"], f["bytes_toserver"], f["bytes_toclient"],
              f["state"], r["tcp"]["tcp_flags_ts"], r["tcp"]["tcp_flags_tc"])] += 1
    return each


def in_kernel(p):
    return forms.space(forms.report(p), "flows") != "user"


def nothing_is_left(pair, work):
    out = os.path.join(work, "dense.json")
    # longer than a machine that has other things to do keeps frames from coming
    p = forms.start(pair, REQUEST.format(dev=pair.b.dev, idle=f"{int(2 * ns.SLOW)}s", out=out))
    made = livegen.generate(pair, "-s", "64", "-c", str(COUNT), "-f", str(N_FLOWS))
    ns.until(lambda: packets(records(out)) == made["accepted"], seconds=8)
    found = records(out)
    ns.ok(made["accepted"] > 0 and packets(found) == made["accepted"] and len(found) == N_FLOWS,
          "all packets are counted though no more come, and told of while the run goes on",
          f"{packets(found)} of {made['accepted']}, in {len(found)} flows")
    ns.stop(p)
    values = forms.report(p).get("flows", {}).get("values", {})
    ns.ok(in_kernel(p) and len(records(out)) == N_FLOWS and values.get("started") == values.get("ended") == N_FLOWS
          and values.get("missed") == 0, "in the kernel, and each flow once", str(forms.report(p).get("flows")))


def the_end_of_the_run(pair, work):
    out = os.path.join(work, "end.json")
    p = forms.start(pair, REQUEST.format(dev=pair.b.dev, idle="1h", out=out))
    made = livegen.generate(pair, "-s", "64", "-c", str(COUNT), "-f", str(N_FLOWS))
    ns.stop(p)
    ns.ok(packets(records(out)) == made["accepted"] > 0, "a run that ends at once has all packets",
          f"{packets(records(out))} of {made['accepted']}")


def as_in_user_space(pair, work):
    frames = connections()
    want, got = (os.path.join(work, n) for n in ("want.json", "got.json"))
    with livegen.capture_of(frames) as f:
        ns.run([ns.STREAMLINE, "run", f"(pcapin {f.name}) > (flows idle=1h) -flow-> (jsonout {want})"])
        p = forms.start(pair, REQUEST.format(dev=pair.b.dev, idle="1h", out=got))
        made = livegen.generate(pair, "-r", f.name, "-c", str(len(frames)))
        ns.stop(p)
    if made["accepted"] != len(frames):
        ns.skip("connections are those of user space", f"{made['accepted']} of {len(frames)} frames came")
        return
    want, got = told(records(want)), told(records(got))
    ns.ok(want == got and sum(want.values()) == 360, "connections are those of user space",
          f"{sum(want.values())} there, {sum(got.values())} here; differ: {list((want - got) + (got - want))[:3]}")


def main():
    ns.need("flows in the kernel", "bpf", os.path.relpath(livegen.GEN, ns.ROOT))
    with ns.Pair() as pair, tempfile.TemporaryDirectory() as work:
        probe = forms.start(pair, REQUEST.format(dev=pair.b.dev, idle="1h", out="-"))
        ns.stop(probe)
        if not in_kernel(probe):
            ns.skip("flows in the kernel", "the plan leaves them in user space here")
            ns.finish()
        nothing_is_left(pair, work)
        the_end_of_the_run(pair, work)
        as_in_user_space(pair, work)
    ns.finish()


if __name__ == "__main__":
    main()
