#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
passes.py -- a rewritten request gives what it gave as it was written

Random requests of filters that passes touch, and of such that must keep them off, run over
captures three times: as written; rewritten for a file; and as the text that the plan makes of
them for a live interface, where passes may do more. Standard output and files must be the
same, byte for byte, and so must the values and, for what is not moved, the counts of each
filter that still has a row of its own.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
STREAMLINE = os.environ.get("STREAMLINE", os.path.join(ROOT, "build/streamline"))
SLOW = float(os.environ.get("SL_SLOW") or 1)
RUNS = int(os.environ.get("SL_PASSES") or (120 if SLOW == 1 else 20))
DATA = os.path.join(ROOT, "../shared/data/captures/tcpdump")
CAPTURES = [os.path.join(ROOT, "tests/golden/web.pcap")] + [
    path for path in (os.path.join(DATA, name) for name in
                      ("dns_tcp.pcap", "bgp_vpn_attrset.pcap", "QinQpcap.pcap", "mpls-traceroute.pcap"))
    if os.path.exists(path)]

EXPRESSIONS = ["ip", "ip6", "tcp", "udp", "port 80", "tcp port 80", "not port 80", "greater 80", "less 200",
               "tcp[tcpflags] & tcp-syn != 0", "host 127.0.0.1", "src net 127.0.0.0/8 or ip6", "icmp or udp",
               "ip[8] > 60", "udp[4:2] > 40 or tcp", "vlan", "vlan and ip", "mpls", "ether[0] & 1 = 0",
               "tcp[100] = 0 or udp", "portrange 1-1023", "len > 100"]


def selection(r):
    return r.choice([
        f"(bpf \"{r.choice(EXPRESSIONS)}\")", f"(bpf \"{r.choice(EXPRESSIONS)}\")", "(ip)", "(ip6)",
        "(tcp)", "(udp)", "(port class=either)", "(tcp class=either)", "(pass)", "(ether)", "(sourceport)",
        f"(slice {r.choice([20, 40, 60, 100, 1000])})", f"(sample {r.choice([1, 2, 3])})",
        f"(head {r.choice([0, 20, 100])})", "(count)"])


def arrow(before, r):
    if r.random() < 0.15:
        tag = {"(ip)": "tcp", "(ip6)": "udp", "(tcp)": "80", "(udp)": "53", "(ether)": "ip",
               "(tcp class=either)": "80,8080", "(port class=either)": "1..1023"}.get(before)
        if tag:
            return f" -{tag}-> "
    return " > "


def chain(r, n):
    text, before = "", ""
    for i in range(n):
        stage = selection(r)
        text += (arrow(before, r) if i else "") + stage
        before = stage
    return text, before


def request(r):
    head, before = chain(r, r.randint(1, 5))
    if r.random() < 0.6:
        return f"{head}{arrow(before, r)}(print style=hex)"
    ways = []
    for i in range(2):
        way, last = chain(r, r.randint(1, 3))
        ways.append(f"> {way}{arrow(last, r)}(pcapout {i}.pcap)")
    return f"{head} {{ {'; '.join(ways)} }}"


def call(args, work):
    return subprocess.run([STREAMLINE, *args], cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60 * SLOW, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "TZ": "UTC"})


def outcome(text, capture, *flags):
    with tempfile.TemporaryDirectory() as work:
        p = call(["run", "--json", *flags, "-r", capture, text], work)
        lines = (p.stdout + p.stderr).split(b"\n")
        report = next((json.loads(x) for x in lines if x.startswith(b'{"event":"report"')), {"filters": []})
        files = {}
        for name in sorted(os.listdir(work)):
            with open(os.path.join(work, name), "rb") as f:
                files[name] = f.read()
    out = b"\n".join(x for x in p.stdout.split(b"\n") if not x.startswith(b'{"event":"report"'))
    rows = {f["name"]: (f["type"], f["values"]) for f in report["filters"] if f["type"] != "pcapin"}
    return {"status": p.returncode, "out": out, "files": files, "rows": rows, "err": p.stderr}


def difference(want, got, same_names):
    for key in ("status", "out", "files"):
        if want[key] != got[key]:
            return key
    for name, row in want["rows"].items():
        if same_names and name in got["rows"] and got["rows"][name] != row:
            return f"values of {name}"
    return None


def main():
    seed = int(os.environ.get("SL_SEED") or 1)
    r = random.Random(seed)
    changed = {"file": 0, "live": 0}
    failed = 0
    for i in range(RUNS):
        text = request(r)
        capture = r.choice(CAPTURES)
        want = outcome(text, capture, "--as-written")
        for kind, flags in (("file", ["-r", capture]), ("live", ["--no-env", "-i", "eth0"])):
            made = call(["plan", "--srl", *flags, text], "/").stdout.decode().strip()
            plain = call(["plan", "--srl", "--as-written", *flags, text], "/").stdout.decode().strip()
            if made == plain:
                continue
            changed[kind] += 1
            got = outcome(text, capture) if kind == "file" else outcome(made, capture, "--as-written")
            # a head may let its source read more or less ahead
            why = difference(want, got, kind == "file" and "(head" not in text)
            if why:
                failed += 1
                print(f"# {os.path.basename(capture)}: {text}\n# -> {made}")
                if "-v" in sys.argv:
                    print(want["err"].decode(), got["err"].decode(), want["rows"], got["rows"])
                print(f"not ok passes {i}, {kind}: {why} differ (seed {seed})", flush=True)
    print(f"# of {RUNS} requests passes changed {changed['file']} of a file, {changed['live']} live")
    if not changed["file"] or not changed["live"]:
        print("not ok passes: no request was changed")
        failed += 1
    if not failed:
        print("ok passes")
    print(f"1..{max(failed, 1)}")
    return failed > 0


sys.exit(main())
