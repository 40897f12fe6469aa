#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
livegen.py -- the generator of live frames (bench/live/gen.c) sends what it says

    a (sla) gen ======= veth ======= (slb) b, which gets a program that passes all
"""
import json
import os
import socket
import struct
import tempfile

import ns

GEN = os.path.join(ns.BUILD, "bench/live/gen")
COUNT = 3000
# The queue of a veth holds 256 frames. On a slow machine its reader falls behind for
# longer than that, so what has to arrive whole is not sent as fast as it goes.
PACE = [] if ns.SLOW == 1 else ["-p", str(int(40000 / ns.SLOW))]


def generate(pair, *args):
    pace = [] if "-p" in args else PACE
    p = ns.run([GEN, "-n", pair.a.name, "-i", pair.a.dev, *pace, *args], check=False)
    if p.returncode:
        raise ns.Failed(f"gen: {p.stderr[-400:]}")
    return json.loads(p.stdout)


def listening(pair):
    return ["-P", f"{pair.b.name}:{pair.b.dev}"]


def tcp(pair, vlan, ip6, data):
    """A segment from a to b with all its checksums."""
    head = struct.pack("!HHIIBBHHH", 4000, 80, 1, 1, 0x50, 0x18, 1000, 0, 0)
    src, dst = (socket.inet_pton(socket.AF_INET6 if ip6 else socket.AF_INET,
                                 e.ip6 if ip6 else e.ip4) for e in pair.ends)
    n = len(head) + len(data)
    pseudo = src + dst + (struct.pack("!II", n, 6) if ip6 else struct.pack("!HH", 6, n))
    head = head[:16] + struct.pack("!H", ns.checksum(pseudo + head + data)) + head[18:]
    if ip6:
        ip = struct.pack("!IHBB", 6 << 28, n, 6, 64) + src + dst
    else:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + n, 0, 0, 64, 6, 0) + src + dst
        ip = ip[:10] + struct.pack("!H", ns.checksum(ip)) + ip[12:]
    return (ns.mac_bytes(pair.b.mac) + ns.mac_bytes(pair.a.mac)
            + (b"\x81\0\0\7" if vlan else b"") + (b"\x86\xdd" if ip6 else b"\x08\0")
            + ip + head + data)


def sums_are_right(frame):
    ip6 = frame[12:14] == b"\x86\xdd"
    if ip6:
        return ns.checksum(frame[22:54] + struct.pack("!II", len(frame) - 54, 6)
                           + frame[54:]) == 0
    return (ns.checksum(frame[14:34]) == 0
            and ns.checksum(frame[26:34] + struct.pack("!HH", 6, len(frame) - 34)
                            + frame[34:]) == 0)


def capture_of(frames):
    f = tempfile.NamedTemporaryFile(suffix=".pcap")
    f.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for frame in frames:
        f.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    f.flush()
    return f


def numbered(pair):
    for size in (60, 512, 1514):
        with pair.b.socket(buffer=64 << 20) as s:
            said = generate(pair, "-s", str(size), "-c", str(COUNT), "-f", "7", *listening(pair))
            got = pair.b.receive(s, COUNT)
        seq = [struct.unpack_from("<Q", f, 42)[0] for f in got]
        ns.ok(said["sent"] == said["accepted"] == COUNT and seq == list(range(COUNT))
              and {len(f) for f in got} == {size},
              f"{COUNT} numbered frames of {size} bytes arrive in order",
              f"{said}, received {len(got)}")
        ns.ok(len({f[34:38] for f in got}) == 7, f"of {size} bytes, they have seven flows")
        ns.ok(all(ns.checksum(f[14:34]) == 0 for f in got[:10]),
              f"of {size} bytes, their header's sum is right")


def replayed(pair):
    frames = [tcp(pair, False, i % 3 == 1, os.urandom(40 + i * 37 % 1380)) for i in range(100)]
    with capture_of(frames) as f:
        with pair.b.socket(buffer=64 << 20) as s:
            said = generate(pair, "-r", f.name, "-c", str(COUNT), *listening(pair))
            got = pair.b.receive(s, COUNT)
        ns.ok(got == frames * (COUNT // 100) and said["sent"] == COUNT,
              "the frames of a capture go round unchanged", f"{said}, received {len(got)}")
        with pair.b.socket(buffer=64 << 20) as s:
            said = generate(pair, "-F", "-r", f.name, "-c", str(COUNT), *listening(pair))
            got = pair.b.receive(s, COUNT)
        wrong = sum(not sums_are_right(f) for f in got)
        ns.ok(len(got) == COUNT and wrong == 0,
              "with fresh addresses, all checksums are right", f"{wrong} of {len(got)} are not")
        ns.ok(got[:100] == frames and len({f[26:34] for f in got[0::100]}) == COUNT // 100
              and all(len(f) == len(frames[i % 100]) for i, f in enumerate(got)),
              "each turn has addresses of its own, and the same bytes otherwise")
    with capture_of([tcp(pair, True, False, b"x" * 1450)] + frames[:3]) as f:
        said = generate(pair, "-r", f.name, "-c", "100", *listening(pair))
        ns.ok(said["accepted"] == 100 and said["frames"] == 4,
              "a frame with a tag counts as one", str(said))


def silence(pair):
    said = generate(pair, "-c", "1000")
    ns.ok(said["sent"] == 1000 and said["accepted"] == 0 and said["pass"] == "unknown",
          "where nobody listens, the two counts say so", str(said))
    said = generate(pair, "-t", "0.2", "-p", "10k", *listening(pair))
    ns.ok(0 < said["sent"] <= 10200 * said["seconds"] + 10, "a rate is a bound", str(said))
    ns.ok(not pair.b.ip("-d", "link", "show", pair.b.dev).stdout.count("xdp"),
          "the program at the other end went with the generator")


def main():
    ns.need("live frames", "bpf", os.path.relpath(GEN, ns.ROOT))
    with ns.Pair() as pair:
        try:
            generate(pair, "-c", "1", *listening(pair))
        except ns.Failed as e:
            if "live frames" not in str(e):
                raise
            ns.skip("live frames", str(e))
            ns.finish()
        numbered(pair)
        replayed(pair)
        silence(pair)
    ns.finish()


if __name__ == "__main__":
    main()
