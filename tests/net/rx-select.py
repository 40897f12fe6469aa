#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
rx-select.py -- what a packet socket screens out in advance, the filter would have screened out

    a (sla) ======= veth ======= (slb) b: streamline, twice at once

Each request runs twice beside itself, on the same frames: with the selection in the socket and,
by --placement user, without. Frames written, the ledger and the values must be the same. Frames are
of all sizes, go both ways, and some have VLAN tags, which the system takes off before the socket
sees them. A reader that stands still shows that the socket does screen out: what nobody
wants does not fill its ring.
"""
import fcntl
import json
import os
import signal
import socket
import struct
import tempfile
import time

import ns

EXPRESSIONS = ("udp port 53", "not udp", "tcp", "vlan", "vlan and udp port 53", "greater 500", "len <= 100",
               "ether proto 0x88b5", "ether[300] = 7", "ether[20:4] > 0x100", "ip[6:2] & 0x1fff = 0",
               "udp[8:2] & 1 = 1", "udp or (vlan 5)", "ether src 02:00:00:00:de:ad")


def mix(pair, n, first=0):
    """UDP to three ports and an experimental type; every fifth has a tag, some two."""
    frames = []
    for i in range(first, first + n):
        if i % 3:
            f = ns.udp(pair, struct.pack("!H", i) + bytes((i + k) & 0xff for k in range(i * 13 % 1400)),
                       dport=(53, 80, 40001)[i % 7 % 3])
        else:
            f = bytes.fromhex("02000000dead") + ns.mac_bytes(pair.a.mac) + struct.pack("!HI", 0x88b5, i)
            f += bytes((i * 7 + k) & 0xff for k in range(50 + i * 17 % 1400))
        tags = b""
        if i % 5 == 4:
            tags = struct.pack("!HH", 0x8100, i % 8 + 1)
        if i % 20 == 9:
            tags = struct.pack("!HHHH", 0x88a8, 100, 0x8100, 7)
        frames.append(f[:12] + tags + f[12:])
    return frames


def frames_of(path):
    with open(path, "rb") as f:
        data = f.read()
    out, at = [], 24
    while at < len(data):
        n, wire = struct.unpack_from("<II", data, at + 8)
        out.append((data[at + 16:at + 16 + n], wire))
        at += 16 + n
    return out


def at_work(end):
    """How many captures in this namespace are: last of all they listen for news of links."""
    with end.inside(), open("/proc/thread-self/net/netlink", encoding="ascii") as f:
        rows = [line.split() for line in f]
    col = rows[0].index("Groups")
    return sum(r[1] == "0" and int(r[col], 16) & 1 for r in rows[1:])


def start(end, request, args=()):
    return end.start([ns.STREAMLINE, "run", "--json", *args, request])


def stop(proc):
    """The report's filters by name."""
    proc.status = ns.stop(proc, seconds=20)
    for line in (proc.out + "\n".join(proc.said)).splitlines():
        if line.startswith('{"event":"report"'):
            return {f["name"]: f for f in json.loads(line)["filters"]}
    return {}


def rows(filters):
    return {name: (f["in"], f["out"], f["filtered"], f["lost"], f["values"]) for name, f in filters.items()}


def adds_up(filters):
    return filters and all(f["in"]["blocks"] == sum(f[k]["blocks"] for k in ("out", "filtered", "held", "lost"))
                           and f["in"]["bytes"] == sum(f[k]["bytes"] for k in ("out", "filtered", "held", "lost"))
                           for f in filters.values())


def both(end, scratch, sources, send, expressions):
    """All of them at once, in both ways, on what send() sends."""
    runs = []
    for source in sources:
        for e in expressions:
            pair = []
            for i, args in enumerate(((), ("--placement", "user"))):
                path = os.path.join(scratch, f"{len(runs)}-{i}.pcap")
                pair.append((start(end, f"{source} > (bpf \"{e}\") > (pcapout {path})", args), path))
            runs.append((source, e, pair))
    ns.until(lambda: at_work(end) >= 2 * len(runs) or any(p.poll() is not None for r in runs for p, _ in r[2]),
             seconds=30 * ns.SLOW)
    send()
    time.sleep(0.3 * ns.SLOW)
    screened = 0
    for source, e, pair in runs:
        got = [stop(p) for p, _ in pair]
        wrote = [frames_of(path) if os.path.exists(path) else None for _, path in pair]
        why = f"{[len(w or ()) for w in wrote]}, {got}, {[p.said[-3:] for p, _ in pair]}"[:1500]
        ns.ok(wrote[0] is not None and wrote[0] == wrote[1] and rows(got[0]) == rows(got[1]) and adds_up(got[0])
              and all(p.status == 0 for p, _ in pair), f"{source} {e}: as the filter alone", why)
        screened += got[0].get("bpf", {}).get("filtered", {}).get("blocks", 0)
    ns.ok(screened > 0, f"{sources[0]} ...: some are screened out", str(screened))


def bare(scratch):
    """Bare IP, without a link header."""
    with ns.Pair() as pair:
        made = pair.b.ip("tuntap", "add", "dev", "tun9", "mode", "tun", check=False)
        if made.returncode:
            ns.skip("bare IP from a tun", "no tun devices here: " + made.stderr.strip())
            return
        pair.b.ip("addr", "add", "10.99.0.1/24", "dev", "tun9")
        pair.b.ip("link", "set", "tun9", "up")
        with pair.b.inside():
            tun = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"tun9", 0x1001))
            u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        def send():
            for i in range(40):
                u.sendto(bytes(i * 9), ("10.99.0.2", 50 + i % 5))
                back = bytearray(os.read(tun, 2000))
                back[12:16], back[16:20] = back[16:20], back[12:16]
                os.write(tun, bytes(back))

        both(pair.b, scratch, ["(rx tun9 via=tpacket)"], send, ("udp port 53", "greater 200", "ip[8] > 1", "tcp"))
        os.close(tun)


def segments(scratch):
    """What the system has merged is counted as such, wanted or not."""
    with ns.Pair(offloads=True) as pair:
        with pair.b.inside():
            srv = socket.create_server((pair.b.ip4, 0))

        def send():
            with pair.a.inside():
                s = socket.create_connection(srv.getsockname(), timeout=5)
            conn, _ = srv.accept()
            s.sendall(b"x" * 300000)
            s.close()
            while conn.recv(65536):
                pass
            conn.close()

        both(pair.b, scratch, [f"(rx {pair.b.dev} via=tpacket)"], send, ("udp", "less 2000", "greater 2000"))
        srv.close()


def still(pair):
    """A reader that stands still, with a ring for a twelfth of what comes."""
    for args, name in (((), "in the socket"), (("--placement", "user"), "by the filter")):
        p = start(pair.b, f"(rx {pair.b.dev} via=tpacket direction=in buffer=512KiB) > (bpf \"udp port 9\") > (null)", args)
        ns.until(lambda: at_work(pair.b) or p.poll() is not None)
        p.send_signal(signal.SIGSTOP)
        pair.a.send([ns.udp(pair, bytes(1300), dport=53)] * 5000 + [ns.udp(pair, b"wanted", dport=9)] * 20)
        time.sleep(0.1 * ns.SLOW)
        p.send_signal(signal.SIGCONT)
        time.sleep(0.2 * ns.SLOW)
        got = stop(p)
        rx, bpf = got.get("rx", {}), got.get("bpf", {})
        if args:
            good = rx["values"]["dropped"] > 0
        else:
            good = (rx["values"]["dropped"] == 0 and rx["values"]["packets"] == 5020 == rx["in"]["blocks"]
                    and bpf["filtered"]["blocks"] == 5000 and bpf["out"]["blocks"] == 20)
        ns.ok(good and adds_up(got), f"selected {name}, {'a ring fills' if args else 'no ring fills'} while nobody reads",
              f"{rx}, {bpf}, {p.said[-3:]}")


def remapped(pair, scratch):
    """A new MTU in mid-run makes a new program; none is counted twice."""
    path = os.path.join(scratch, "mtu.pcap")
    p = start(pair.b, f"(rx {pair.b.dev} via=tpacket direction=in) > (bpf \"udp port 53\") > (pcapout {path})")
    ns.until(lambda: at_work(pair.b) or p.poll() is not None)
    sent = [ns.udp(pair, b"a", dport=53 + i % 2) for i in range(100)]
    pair.a.send(sent)
    pair.b.ip("link", "set", pair.b.dev, "mtu", "1400")
    time.sleep(0.3 * ns.SLOW)
    pair.a.send(sent)
    time.sleep(0.1 * ns.SLOW)
    got = stop(p)
    pair.b.ip("link", "set", pair.b.dev, "mtu", "1500")
    ns.ok(adds_up(got) and got["rx"]["in"]["blocks"] == 200 and got["bpf"]["filtered"]["blocks"] == 100
          and len(frames_of(path)) == 100, "counts go on over a new MTU", f"{got}, {p.said[-3:]}")


def planned(pair):
    for request, want in ((f"(rx {pair.b.dev} via=tpacket) > (bpf udp) > (null)", True),
                          (f"(rx {pair.b.dev})@user > (bpf udp) > (null)", True),
                          (f"(rx {pair.b.dev} via=tpacket) > (bpf udp)@user > (null)", False),
                          (f"(rx {pair.b.dev} via=tpacket) {{ > (bpf udp) > (null); > (count) > (null) }}", False)):
        p = pair.b.run([ns.STREAMLINE, "plan", request], check=False)
        ns.ok(p.returncode == 0 and ("selected in the socket" in p.stdout) == want,
              f"plan {request}: {'selected' if want else 'not selected'} in the socket", p.stdout + p.stderr)


def told(pair):
    """The line at the end tells that the kernel took the program, of each expression."""
    runs = [(e, pair.b.start([ns.STREAMLINE, "run", f"(rx {pair.b.dev} via=tpacket) > (bpf \"{e}\") > (null)"]))
            for e in EXPRESSIONS]
    ns.until(lambda: at_work(pair.b) >= len(runs) or any(p.poll() is not None for _, p in runs), seconds=30 * ns.SLOW)
    for _, p in runs:
        ns.stop(p, seconds=20)
    refused = [e for e, p in runs if "(TPACKET_V3), selected in the socket" not in p.out + "\n".join(p.said)]
    ns.ok(not refused, "the kernel takes the programs of all expressions", f"{refused}, {runs[0][1].said[-2:]}")


def main():
    ns.need("selections in sockets", "bpf")
    with tempfile.TemporaryDirectory() as scratch:
        with ns.Pair() as pair:
            planned(pair)
            told(pair)
            dev = pair.b.dev

            def send():
                pair.a.send(mix(pair, 200))
                pair.b.send(mix(pair, 100, first=1000))

            few = EXPRESSIONS[:1] + EXPRESSIONS[5:9]
            both(pair.b, scratch, [f"(rx {dev} via=tpacket)"], send, EXPRESSIONS)
            both(pair.b, scratch, [f"(rx {dev} via=tpacket snap=90B)", f"(rx {dev} via=tpacket snap=15B)"], send, few)
            both(pair.b, scratch, [f"(rx {dev} via=tpacket direction={d})" for d in ("in", "out")], send, few[:3])
            both(pair.b, scratch, ["(rx any via=tpacket)"], send, few[:3])
            still(pair)
            remapped(pair, scratch)
        segments(scratch)
        bare(scratch)
    ns.finish()


if __name__ == "__main__":
    main()
