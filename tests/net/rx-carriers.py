#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
rx-carriers.py -- whichever way packets come, they are the ones that were sent

    a (sla) ======= veth ======= (slb) b: streamline

Frames of all sizes, some with VLAN tags, go both ways; what pcapout wrote is compared with them
byte by byte, for each carrier. They are addressed to nobody, so nobody answers.
"""
import json
import os
import socket
import struct
import sys
import tempfile
import time

import ns

RINGS = ("arena", "array", "ringbuf")
CARRIERS = RINGS + ("packet", "pcap", "xsk")
TAPS = RINGS + ("packet", "pcap")
NOBODY = bytes.fromhex("02000000dead")


def frame(pair, i, size, tags=()):
    """Frame number i, from a's address, of an experimental EtherType."""
    head = NOBODY + ns.mac_bytes(pair.a.mac)
    for tpid, tci in tags:
        head += struct.pack("!HH", tpid, tci)
    body = struct.pack("!HI", 0x88b5, i) + bytes((i * 7 + k) & 0xff for k in range(64)) * 24
    return (head + body)[:max(size, len(head) + 6)]


def mix(pair, n, first=0):
    """Sizes from the smallest to the largest; every fifth has a tag, some two."""
    frames = []
    for i in range(first, first + n):
        tags = ()
        if i % 5 == 4:
            tags = ((0x8100, (i % 4094) + 1 | (i % 8) << 13),)
        if i % 20 == 9:
            tags = ((0x88a8, 100 + i % 50), (0x8100, 7))
        frames.append(frame(pair, i, 60 + i * 13 % 1440, tags))
    return frames


def read_pcap(path):
    """(bytes, length on the wire) of each packet, and the times."""
    with open(path, "rb") as f:
        data = f.read()
    out, times, at = [], [], 24
    nano = data[:4] == struct.pack("<I", 0xa1b23c4d)
    while at < len(data):
        s, sub, n, wire = struct.unpack_from("<IIII", data, at)
        out.append((data[at + 16:at + 16 + n], wire))
        times.append(s * 10**9 + sub * (1 if nano else 1000))
        at += 16 + n
    return out, times


def capturing(end):
    """True when a capture in this namespace is at work: last of all it listens for news of links."""
    with end.inside(), open("/proc/thread-self/net/netlink", encoding="ascii") as f:
        rows = [line.split() for line in f]
    col = rows[0].index("Groups")
    return any(r[1] == "0" and int(r[col], 16) & 1 for r in rows[1:])


class Capture:
    """A run that is under way; stop() gives its report."""

    def __init__(self, end, request, json_report=True, args=()):
        self.end = end
        self.proc = end.start([ns.STREAMLINE, "run", *args, *(["--json"] if json_report else []), request])
        self.started = ns.until(lambda: capturing(end) or self.proc.poll() is not None)
        self.started = self.proc.poll() is None
        self.filters = {}

    def stop(self):
        self.status = ns.stop(self.proc, seconds=20)
        for line in (self.proc.out + "\n".join(self.proc.said)).splitlines():
            if line.startswith('{"event":"report"'):
                self.filters = {f["name"]: f for f in json.loads(line)["filters"]}
        return self

    def rx(self, key):
        return self.filters.get("rx", {}).get("values", {}).get(key, -1)

    def adds_up(self):
        return self.filters and all(
            f["in"]["blocks"] == sum(f[k]["blocks"] for k in ("out", "filtered", "held", "lost"))
            for f in self.filters.values())

    def said(self):
        return " / ".join(self.proc.said[-4:])[:600]


def works(via):
    """None, or why this carrier can't be had here; told by the command itself."""
    with ns.Pair() as pair:
        mode = " mode=inline" if via == "xsk" else ""
        c = Capture(pair.b, f"(rx {pair.b.dev} via={via}{mode}) > (null)", json_report=False)
        started = c.started
        c.stop()
        return None if started else c.said()


def told_apart(via, got, sent_in, sent_out):
    """Frames by where they come from: of each kind all, and in order?"""
    out = set(f for f in sent_out)
    came = [f for f, _ in got]
    return [f for f in came if f not in out] == sent_in, [f for f in came if f in out] == sent_out


def whole(pair, via, scratch):
    path = os.path.join(scratch, "all.pcap")
    mode = " mode=inline" if via == "xsk" else ""
    c = Capture(pair.b, f"(rx {pair.b.dev} via={via}{mode}) > (pcapout {path})")
    before = time.time_ns()
    sent_in, sent_out = mix(pair, 300), mix(pair, 300, first=1000)
    pair.a.send(sent_in)
    pair.b.send(sent_out)
    time.sleep(0.2 * ns.SLOW)
    c.stop()
    got, times = read_pcap(path)
    if via == "xsk":
        sent_out = []		# only what comes in passes there
    ins, outs = told_apart(via, got, sent_in, sent_out)
    why = (f"status {c.status}, {len(got)} packets, {c.filters.get('rx')}, {c.said()}")
    ns.ok(ins, f"{via}: what comes in is captured, each byte of it, tags too, in order", why)
    ns.ok(outs, f"{via}: and what goes out" if sent_out else f"{via}: and nothing else", why)
    ns.ok(all(wire == len(f) for f, wire in got) and len(got) == len(sent_in) + len(sent_out),
          f"{via}: lengths are those on the wire", why)
    ns.ok(all(before <= t <= time.time_ns() for t in times), f"{via}: times are those of arrival",
          f"{before} .. {times[:1]} {times[-1:]}")
    ns.ok(c.status == 0 and c.adds_up() and c.rx("packets") == len(got) and c.rx("dropped") == 0,
          f"{via}: the ledger adds up", why)


def cut(pair, via, scratch):
    path = os.path.join(scratch, "cut.pcap")
    mode = " mode=inline" if via == "xsk" else ""
    c = Capture(pair.b, f"(rx {pair.b.dev} via={via} snap=100B{mode}) > (pcapout {path})")
    sent = mix(pair, 100)
    pair.a.send(sent)
    time.sleep(0.1 * ns.SLOW)
    c.stop()
    got, _ = read_pcap(path)
    ns.ok(got == [(f[:100], len(f)) for f in sent], f"{via}: snap=100B cuts, and lengths stay those on the wire",
          f"{len(got)} packets, {[(len(f), w) for f, w in got[:6]]}, {c.said()}")


def cut_in_tag(pair, via, scratch):
    """The tag that the system took off is there also where a packet is cut within it."""
    path = os.path.join(scratch, "cut.pcap")
    sent = mix(pair, 40)
    for snap in (13, 14, 15, 16, 17):
        c = Capture(pair.b, f"(rx {pair.b.dev} via={via} direction=in snap={snap}B) > (pcapout {path})")
        pair.a.send(sent)
        time.sleep(0.1 * ns.SLOW)
        c.stop()
        got = [f for f, _ in read_pcap(path)[0]]
        if got != [f[:snap] for f in sent]:
            ns.ok(False, f"{via}: snap=13B to 17B cut within a VLAN tag",
                  f"{snap}: {len(got)} packets, {[f.hex() for f in got[:6]]}, {c.said()}")
            return
    ns.ok(True, f"{via}: snap=13B to 17B cut within a VLAN tag")


def promisc(pair, via):
    """The card is asked for packets to others as long as the capture runs."""
    def asked():
        told = json.loads(pair.b.run(["ip", "-j", "-d", "link", "show", "dev", pair.b.dev]).stdout)
        return told[0].get("promiscuity", -1)

    c = Capture(pair.b, f"(rx {pair.b.dev} via={via} promisc=on) > (null)")
    during = asked()
    c.stop()
    ns.ok(during == 1 and asked() == 0, f"{via}: promisc=on asks the card, and ends with the capture",
          f"{during}, then {asked()}: {c.said()}")


def second_source(via, scratch):
    """Two sources have their rings in common: both are hooked anew when their interface comes back."""
    path = os.path.join(scratch, "second.pcap")
    for request in ("(rx {dev} via={via}) > (pcapout {path}); (rx lo via={via}) > (null)",
                    "(rx lo via={via}) > (null); (rx {dev} via={via}) > (pcapout {path})"):
        with ns.Pair() as pair:
            a, b = pair.a, pair.b
            c = Capture(b, request.format(dev=b.dev, via=via, path=path), json_report=False)
            b.ip("link", "del", b.dev)
            time.sleep(0.2 * ns.SLOW)
            a.ip("link", "add", a.dev, "address", a.mac, "type", "veth", "peer", "name", b.dev, "address", b.mac,
                 "netns", b.name)
            a.ip("link", "set", a.dev, "up")
            b.ip("link", "set", b.dev, "up")
            ns.until(lambda: "LOWER_UP" in b.ip("link", "show", b.dev).stdout)
            time.sleep(0.3 * ns.SLOW)
            sent = mix(pair, 10)
            a.send(sent)
            time.sleep(0.15 * ns.SLOW)
            c.stop()
            came = [f for f, _ in read_pcap(path)[0] if f in set(sent)]
            ns.ok(came == sent, f"{via}: gone and back, {'first' if request.startswith('(rx {') else 'second'} of two sources",
                  f"{len(came)} of {len(sent)}: {c.said()}")


def one_way(pair, via, scratch):
    sent_in, sent_out = mix(pair, 50), mix(pair, 60, first=500)
    for direction, want in (("in", sent_in), ("out", sent_out)):
        path = os.path.join(scratch, direction + ".pcap")
        c = Capture(pair.b, f"(rx {pair.b.dev} via={via} direction={direction}) > (pcapout {path})")
        pair.a.send(sent_in)
        pair.b.send(sent_out)
        time.sleep(0.1 * ns.SLOW)
        c.stop()
        got, _ = read_pcap(path)
        ns.ok([f for f, _ in got] == want, f"{via}: direction={direction} gives that alone",
              f"{len(got)} packets, {c.said()}")


def drains(pair, via, scratch):
    """All that was sent before the order to stop is there, or counted as dropped."""
    path = os.path.join(scratch, "burst.pcap")
    mode = " mode=inline" if via == "xsk" else ""
    c = Capture(pair.b, f"(rx {pair.b.dev} via={via} delay=20ms{mode}) > (pcapout {path})")
    sent = [frame(pair, i, 400) for i in range(5000)]
    pair.a.send(sent)
    ns.until(lambda: pair.b.counters()["rx_packets"] >= len(sent) or via == "xsk")
    c.stop()
    got, _ = read_pcap(path)
    ns.ok(c.status == 0 and len(got) + c.rx("dropped") == len(sent) and c.adds_up(),
          f"{via}: upon SIGINT what was taken in comes out",
          f"{len(got)} + {c.rx('dropped')} of {len(sent)}, status {c.status}, {c.said()}")


def full(pair, via):
    """A reader that does not read: the kernel's drops are in the ledger."""
    mode = " mode=inline" if via == "xsk" else ""
    c = Capture(pair.b, f"(rx {pair.b.dev} via={via} buffer=512KiB{mode}) > (exec \"sleep {ns.SLOW:g}; cat >/dev/null\")"
                        " > (null)")
    sent = [frame(pair, i, 1400) for i in range(6000)]
    pair.a.send(sent)
    time.sleep(0.3 * ns.SLOW)
    c.stop()
    lost = c.filters.get("rx", {}).get("lost", {})
    got, dropped = c.rx("packets"), c.rx("dropped")
    ns.ok(got + dropped == len(sent) and dropped > 0 and c.adds_up() and lost.get("blocks") == dropped,
          f"{via}: what a full ring refuses is counted, and adds up",
          f"{got} + {dropped} of {len(sent)}, lost {lost}, status {c.status}, {c.said()}")


def changes(via, scratch):
    """Down and up, another MTU and name, gone and back, in mid-run."""
    path = os.path.join(scratch, "changes.pcap")
    mode = " mode=inline" if via == "xsk" else ""
    with ns.Pair() as pair:
        a, b = pair.a, pair.b
        c = Capture(b, f"(rx {b.dev} via={via}{mode}) > (pcapout {path})", json_report=False)
        sent = []

        def send(n):
            more = [frame(pair, len(sent) + i, 100) for i in range(n)]
            sent.extend(more)
            a.send(more)
            time.sleep(0.15 * ns.SLOW)	# also for what was said before to be heard

        def up(end):
            end.ip("link", "set", end.dev, "up")
            ns.until(lambda: "LOWER_UP" in end.ip("link", "show", end.dev).stdout)
            time.sleep(0.3 * ns.SLOW)

        send(10)
        b.ip("link", "set", b.dev, "down")
        time.sleep(0.2 * ns.SLOW)
        up(b)
        send(11)
        b.ip("link", "set", b.dev, "mtu", "1400")
        send(12)
        b.ip("link", "set", b.dev, "down")
        b.ip("link", "set", b.dev, "name", "other")
        b.ip("link", "set", "other", "up")
        time.sleep(0.3 * ns.SLOW)
        send(13)
        b.ip("link", "del", "other")
        time.sleep(0.2 * ns.SLOW)
        a.ip("link", "add", a.dev, "address", a.mac, "numtxqueues", "1", "numrxqueues", "1", "type", "veth",
             "peer", "name", b.dev, "address", b.mac, "numtxqueues", "1", "numrxqueues", "1",
             "netns", b.name)
        a.ip("link", "set", a.dev, "up")
        up(b)
        send(14)
        c.stop()
        got, _ = read_pcap(path)
        missing = sorted(set(sent) - set(f for f, _ in got))
        first, bound = [], 0
        for n in (10, 11, 12, 13, 14):
            first.append(sum(f in missing for f in sent[bound:bound + n]))
            bound += n
        came = [f for f, _ in got if f in set(sent)]
        text = "\n".join(c.proc.said)
        ns.ok(came == sent, f"{via}: goes on through down, up, MTU, rename, gone and back",
              f"missing of each phase {first}, status {c.status}: {text[:900]}")
        want = [f"{b.dev} is down", f"{b.dev} is up", "MTU of 1400", f"{b.dev} is called other",
                "other is gone", f"{b.dev} is back"]
        ns.ok(all(w in text for w in want), f"{via}: and says so",
              f"not said: {[w for w in want if w not in text]}: {text[:900]}")


def merged(via, scratch):
    """Segments that the system merged are told; large ones are captured whole."""
    path = os.path.join(scratch, "merged.pcap")
    with ns.Pair(offloads=True) as pair:
        c = Capture(pair.b, f"(rx {pair.b.dev} via={via}) > (pcapout {path})")
        with pair.b.inside():
            srv = socket.create_server((pair.b.ip4, 0))
        with pair.a.inside():
            s = socket.create_connection(srv.getsockname(), timeout=5)
        conn, _ = srv.accept()
        s.sendall(b"x" * 300000)
        s.close()
        while conn.recv(65536):
            pass
        conn.close()
        srv.close()
        time.sleep(0.1 * ns.SLOW)
        c.stop()
        got, _ = read_pcap(path)
        large = sum(len(f) > 1514 for f, _ in got)
        ns.ok(c.rx("merged") > 0 and all(len(f) == w for f, w in got) and large > 0,
              f"{via}: merged segments are counted and whole",
              f"merged {c.rx('merged')}, {large} of {len(got)} large, {c.said()}")


def everywhere(pair, via, scratch):
    """any: the loopback too, where each packet is seen once, and who comes later."""
    path = os.path.join(scratch, "any.pcap")
    c = Capture(pair.b, f"(rx any via={via}) > (pcapout {path})")
    pair.a.send([frame(pair, 1, 200)])
    with pair.b.inside():
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    to.bind(("127.0.0.1", 0))
    u.sendto(b"once only, please", to.getsockname())
    pair.b.ip("link", "add", "late0", "type", "veth", "peer", "name", "late1")
    for dev in ("late0", "late1"):
        pair.b.ip("link", "set", dev, "up")
    time.sleep(0.4 * ns.SLOW)
    with pair.b.inside(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
        s.bind(("late0", 0))
        s.send(frame(pair, 77, 300))
    time.sleep(0.2 * ns.SLOW)
    c.stop()
    pair.b.ip("link", "del", "late0")
    got = [f for f, _ in read_pcap(path)[0]]
    ns.ok(got.count(frame(pair, 1, 200)) == 1 and sum(b"once only" in f for f in got) == 1,
          f"{via}: any captures all interfaces, the loopback's packets once",
          f"{len(got)} packets, {sum(b'once only' in f for f in got)} on lo, {c.said()}")
    # programs are made for the interfaces that are there when the capture begins
    told = via in RINGS and "late0 can't be captured on" in c.proc.out + "\n".join(c.proc.said)
    ns.ok(got.count(frame(pair, 77, 300)) == 2 or told,
          f"{via}: any captures interfaces that come later, or says that it does not",
          f"{got.count(frame(pair, 77, 300))}, {c.said()}")


def raw(via, scratch):
    """An interface without link headers gives bare IP."""
    path = os.path.join(scratch, "raw.pcap")
    with ns.Pair() as pair:
        made = pair.b.ip("tuntap", "add", "dev", "tun9", "mode", "tun", check=False)
        if made.returncode:
            ns.skip(f"{via}: bare IP from a tun", "no tun devices here: " + made.stderr.strip())
            return
        for args in (("addr", "add", "10.99.0.1/24", "dev", "tun9"), ("link", "set", "tun9", "up")):
            pair.b.ip(*args)
        # a device without a reader has no carrier and takes nothing: be the reader
        with pair.b.inside():
            tun = os.open("/dev/net/tun", os.O_RDWR)
            import fcntl
            fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"tun9", 0x1001))
        c = Capture(pair.b, f"(rx tun9 via={via}) > (pcapout {path})")
        with pair.b.inside():
            u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        u.sendto(b"without a link header", ("10.99.0.2", 9))
        out = os.read(tun, 2000)
        back = bytearray(out)
        back[12:16], back[16:20] = out[16:20], out[12:16]
        os.write(tun, bytes(back))
        time.sleep(0.1 * ns.SLOW)
        c.stop()
        os.close(tun)
        with open(path, "rb") as f:
            link = struct.unpack_from("<I", f.read(24), 20)[0]
        got = [f for f, _ in read_pcap(path)[0]]
        ns.ok(out in got and bytes(back) in got and link == 101, f"{via}: bare IP from a tun, both ways",
              f"link type {link}, {len(got)} packets, {c.said()}")


def without_rights(pair):
    for via in ("auto", "packet"):
        p = pair.b.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", ns.STREAMLINE, "run",
                        f"(rx {pair.b.dev} via={via}) > (null)"], check=False)
        ns.ok(p.returncode == 4 and "E301" in p.stderr and "not permitted to capture on" in p.stderr
              and "CAP_NET_RAW" in p.stderr, f"without rights: status 4, and what is missing (via={via})",
              f"status {p.returncode}: {p.stderr[:500]}")


def main():
    ns.need("carriers of packets")
    only = [a for a in sys.argv[1:] if a in CARRIERS]
    with tempfile.TemporaryDirectory() as scratch:
        for via in only or CARRIERS:
            brief = via == "ringbuf" and ns.SLOW > 1
            why = works(via)
            if why:
                ns.skip(f"{via}: captures", why)
                continue
            with ns.Pair() as pair:
                whole(pair, via, scratch)
                cut(pair, via, scratch)
                drains(pair, via, scratch)
                full(pair, via)
                if via in TAPS and not brief:
                    one_way(pair, via, scratch)
                    cut_in_tag(pair, via, scratch)
                    promisc(pair, via)
                    everywhere(pair, via, scratch)
            if via in ("ringbuf", "packet"):
                merged(via, scratch)
            if brief:
                ns.skip(f"{via}: hooks", "they are those of the other rings, and this machine is slow")
                continue
            changes(via, scratch)
            if via == "array":
                second_source(via, scratch)
            if via in TAPS:
                raw(via, scratch)
        if not only:
            with ns.Pair() as pair:
                without_rights(pair)
    ns.finish()


if __name__ == "__main__":
    main()
