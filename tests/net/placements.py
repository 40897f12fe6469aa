#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
placements.py -- the same request, in every legal placement, gives the same output

Each request runs over a capture in user space alone, by (pcapin). Then the same packets go
through the kernel's programs (run --replay), once for each legal placement that the plan
knows and for both hooks, and what comes out (standard output, files, values of the
filters) must be the same, byte for byte.

On a slow machine (SL_SLOW, a factor) one capture has to do, and fewer placements.
"""
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
STREAMLINE = os.environ.get("STREAMLINE", os.path.join(ROOT, "build/streamline"))
WEB = os.path.join(ROOT, "tests/golden/web.pcap")
DATA = os.path.join(ROOT, "../shared/data/captures")
SLOW = float(os.environ.get("SL_SLOW") or 1)
MOST = 24 if SLOW == 1 else 4	# placements of one request that are run, evenly chosen

REQUESTS = [
    "(tcp) -80-> (print)",
    "(tcp) > (count) > (print style=hex)",
    "(tcp class=either) -80-> (untcp) > (grep GET) > (jsonout -)",
    "(tcp) { -80-> (a: count) > (print); -else-> (b: count) > (null); -443,8080-> (pcapout alt.pcap) }",
    "(tcp) -!80-> (pcapout rest.pcap)",
    "(udp) { -53-> (print); -*-> (count) > (pcapout udp.pcap) }",
    "(count) { > (tcp) -8000..9000-> (print); > (udp) > (print) } > (null)",
    "(tcp) -80-> (untcp) > (ac) > (pcapout clean.pcap)",
    "(bpf \"tcp port 80 and greater 100\") > (print)",
    "(bpf \"not tcp\") > (count) > (jsonout -)",
    "(ip) > (tcp) -80-> (head 5) > (print)",
    "(sample 3) > (print)",
    "(tcp) > (sample 2 by=flow) > (print)",
    "(icmp) > (print)",
    "(ip6) > (print)",
    "(tcp) > (sourceport) -80-> (print)",
    "(tcp) -80-> (a: count) > (b: count) > (c: count) > (pass) > (pcapout web.pcap)",
    "{ (tcp) -80-> (x: count); (udp) > (y: count) } > (print)",
    # of a frame no more is carried than is read: headers, first bytes, nothing
    "(ip) > (tcp) -80-> (count) > (null)",
    "(bpf \"ip or ip6\") > (port) { -53-> (a: count) > (null); -else-> (sourceport) > (b: count) > (null) }",
    "(count) > (tcp) > (flows) -flow-> (jsonout -)",
    "(sample 2) > (udp) > (slice 50) > (print style=hex)",
    "(slice 60) > (tcp) > (count) > (null)",
    "(ether) -ip,ip6-> (vlan) > (count) > (null)",
    "(tcp class=either) { -80-> (slice 100) > (pcapout web.pcap); > (flows) > (sourceport) > (count) > (null) }",
    "(count) { > (icmp) > (a: count) > (null); > (ip) -tcp-> (slice 40) > (slice 30) > (pcapout x.pcap) }",
    # as many arrows and terms as there can be: what a verifier has to follow
    "(tcp class=either) { -1..10,20,30..40,80,100..200,443,1000..1100,!1050-> (a: count);"
    " -80,81,82,83,84,85,86,87-> (b: count); -!80,!443,!1..79-> (c: count); -1..79,81..442-> (d: count);"
    " -444..1000,2000..3000,5000-> (e: count); -*,!22-> (f: count); -else-> (g: count); -80-> (h: count) } > (null)",
    "(port class=either) { -1..10,20,30..40,80,100..200,443,1000..1100,!1050-> (a: count);"
    " -80,!81,82,!83,84,!85,86,!87-> (b: count); -1,2,3,4,5,6,7,8-> (c: count); -9,10,11,12,13,14,15,16-> (d: count);"
    " -17,18,19,20,21,22,23-> (e: count); -*,!22,!23..30,!99-> (f: count); -else-> (g: count) } > (pcapout x.pcap)",
]

# of packets that have no time: no clock stands in for it
TIMELESS = [
    "(tcp) -80-> (print time=epoch)",
    "(tcp) > (stats) > (jsonout -)",
    "(rate 1pps) > (count) > (null)",
    "(count) > (tcp) > (flows) -flow-> (jsonout -)",
    "(tcp) > (pcapout x.pcapng)",
]


def timeless(path, to):
    """A capture with the packets of another, but without their times (simple packet blocks)."""
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    with open(path, "rb") as f:
        data = f.read()
    out = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
    out += block(1, data[20:22] + bytes(6))
    at = 24
    while at < len(data):
        n, wire = struct.unpack_from("<II", data, at + 8)
        out += block(3, struct.pack("<I", wire) + data[at + 16:at + 16 + n])
        at += 16 + n
    with open(to, "wb") as f:
        f.write(out)


def run(work, args, request):
    p = subprocess.run([STREAMLINE, "run", "--json", *args, request], cwd=work, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 * SLOW,
                       env={**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}, check=False)
    return p.returncode, p.stdout, p.stderr


def report_of(out, err):
    """The report, and standard output without it."""
    lines = out.split(b"\n")
    for at, where in ((lines, "out"), (err.split(b"\n"), "err")):
        for i, line in enumerate(at):
            if line.startswith(b'{"event":"report"'):
                if where == "out":
                    lines = lines[:i] + lines[i + 1:]
                return json.loads(line), b"\n".join(lines)
    return None, out


def outcome(args, request):
    with tempfile.TemporaryDirectory() as work:
        status, out, err = run(work, args, request)
        report, out = report_of(out, err)
        files = {}
        for name in sorted(os.listdir(work)):
            with open(os.path.join(work, name), "rb") as f:
                files[name] = f.read()
    values, lost = {}, 0
    for f in (report or {"filters": []})["filters"]:
        lost += f["lost"]["blocks"]
        # head ends the source: how far that had been read by then is up to its batches
        if f["type"] not in ("pcapin", "rx") and "(head" not in request:
            values[f["name"]] = (f["values"], f["in"], f["out"], f["filtered"])
    return {"status": status, "out": out, "files": files, "values": values, "lost": lost,
            "err": err.decode(errors="replace")}


def placements(args, request):
    with tempfile.TemporaryDirectory() as work:
        _, _, err = run(work, [*args, "--placement", "999999"], request)
    m = re.search(r"0 to (\d+)", err.decode(errors="replace"))
    n = int(m.group(1)) + 1 if m else 1
    return sorted({i * n // min(n, MOST) for i in range(min(n, MOST))})


def difference(want, got):
    for key in ("status", "lost", "out", "files", "values"):
        if want[key] != got[key]:
            return f"{key} differ"
    return None


def captures():
    found = [WEB]
    if SLOW > 1:
        return found
    for path in ("tcpdump/bgp_vpn_attrset.pcap", "tcpdump/dns_tcp.pcap"):
        if os.path.exists(os.path.join(DATA, path)):
            found.append(os.path.join(DATA, path))
    return found


def main():
    n = runs = 0
    probe = outcome(["--replay", "-r", WEB], "(count)")
    if "E301" in probe["err"] or "not permitted" in probe["err"] or "no programs" in probe["err"]:
        print("ok placements # skip programs can't be loaded here\n1..1")
        return 0
    scratch = tempfile.TemporaryDirectory()
    untimed = os.path.join(scratch.name, "timeless.pcapng")
    timeless(WEB, untimed)
    for capture in [untimed, *captures()]:
        for request in TIMELESS if capture == untimed else REQUESTS:
            n += 1
            want = outcome(["-r", capture], request)
            bad = None
            args = ["--replay", "-r", capture]
            for i in placements(args, request):
                runs += 1
                got = outcome([*args, "--placement", str(i)], request)
                why = difference(want, got)
                if why:
                    bad = f"placement {i}: {why}"
                    if "-v" in sys.argv:
                        print(want, got, sep="\n")
                    break
            name = f"{os.path.basename(capture)} {request}"
            print(f"not ok {name}: {bad}" if bad else f"ok {name}", flush=True)
    print(f"# {runs} runs\n1..{n}")
    return 0


sys.exit(main())
