#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
golden-live.py -- requests of the golden cases, over a veth, by every carrier

    tests/net/golden-live.py [--all] [-k WORD]

Each case of tests/golden that reads a capture by -r runs twice: as it is, and with a command in
place of ours that sends the packets of the capture from one end of a veth and gives the
same request (rx) at the other end instead of the file. Outputs must be equal, but for times
and for what only live packets have.

A case gets two of the carriers, others from case to case; with --all every one gets all
of them, and the request runs with all in user space too. That takes some minutes.
"""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import ns				# noqa: E402
from forms import capturing		# noqa: E402

GOLDEN = os.path.join(ns.ROOT, "tests/golden")
LIVE = {				# by the name of the way: parameters of rx
    "arena": "via=arena direction=in", "array": "via=array direction=in",
    "ringbuf": "via=ringbuf direction=in", "tpacket": "via=tpacket direction=in",
    "pcap": "via=pcap direction=in", "xsk": "via=xsk mode=inline",
    "inline": "mode=inline",
}
ASIDE = {				# not comparable, and why
    "bpf-tcpdump": "compares times", "print-like-tcpdump": "compares times", "fan-in": "compares times",
    "rate": "works by the times of packets", "ac-hold": "counts what goes by time",
    "fan-in-branches": "its order among branches is that of a file", "passes": "plans alone",
    "print-hex": "compares checksums, which are completed when a packet is sent", "slice": "names its source",
}


def same(text):
    """Without times, and without what only live packets have."""
    text = re.sub(r'"(in_iface|direction)":"(slb|in|out)",', "", text)
    text = re.sub(r'"queue":\d+,', "", text)
    text = re.sub(r'"timestamp":"[^"]*"', '"timestamp":T', text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+", "T", text)
    text = re.sub(r"\b\d\d:\d\d:\d\d\.\d+", "T", text)
    return re.sub(r"\b1[67]\d{8}\.\d+", "T", text)


def instead(argv):
    """What the command in place of ours does: argv is that of `streamline run`."""
    real, end, params, placement, path = json.loads(os.environ["SL_LIVE"])
    if "-r" not in argv or os.path.realpath(argv[argv.index("-r") + 1]) != path:
        os.execv(real, [real, *argv])
    at = argv.index("-r")
    flags, request = argv[1:at] + argv[at + 2:-1], argv[-1]
    sets = ""
    while request.startswith("set "):
        line, request = request.split("\n", 1)
        sets += line + "\n"
    request = f"{sets}(rx slb {params}){' ' if request.lstrip().startswith('{') else ' > '}{request}"
    with subprocess.Popen(["nsenter", f"--net={ns.RUN_NETNS}/{end[1]}", real, "run", *flags,
                           *placement, request]) as capture:
        class Other:			# just enough of ns.End
            inside = staticmethod(lambda: ns.End(end[1], "slb", "", "", "").inside())
        ns.until(lambda: capturing(Other) or capture.poll() is not None)
        subprocess.run(["nsenter", f"--net={ns.RUN_NETNS}/{end[0]}", real, "run", "-q",
                        f"(pcapin {shlex.quote(path)}) > (tx sla)"], check=True, timeout=60 * ns.SLOW)
        for _ in range(3):
            time.sleep(0.1 * ns.SLOW)
            if capture.poll() is not None:
                break
        else:
            capture.send_signal(signal.SIGINT)
        return capture.wait(60 * ns.SLOW)


def run(case, command, web, env):
    with tempfile.TemporaryDirectory() as where:
        env = {**os.environ, "STREAMLINE": command, "WEB": web, "CASE": os.path.join(GOLDEN, case), "J": "",
               "DATA": os.path.join(ns.ROOT, "../shared/data"), "NO_COLOR": "1", "LC_ALL": "C.UTF-8",
               "TZ": "UTC", **env}
        p = subprocess.run(["sh", "-e", os.path.join(GOLDEN, case, "cmd")], cwd=where, env=env, check=False,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=120 * ns.SLOW, text=True, errors="replace")
        files = {}
        for root, _, names in os.walk(where):
            for name in names:
                if not name.endswith((".pcap", ".pcapng")):
                    with open(os.path.join(root, name), encoding="utf-8", errors="replace") as f:
                        files[os.path.relpath(os.path.join(root, name), where)] = same(f.read())
        return p.returncode, same(p.stdout), files, p.stderr


def cases():
    for case in sorted(os.listdir(GOLDEN)):
        path = os.path.join(GOLDEN, case, "cmd")
        if not os.path.exists(path) or os.path.exists(os.path.join(GOLDEN, case, "once")):
            continue
        with open(path, encoding="utf-8") as f:
            text = f.read()
        needs = os.path.join(GOLDEN, case, "needs")
        wants = open(needs, encoding="utf-8").read().split() if os.path.exists(needs) else []
        if "-r $WEB" in text and case not in ASIDE and all(shutil.which(w) for w in wants if "/" not in w):
            yield case


def main():
    ns.need("golden requests by every carrier", "bpf")
    everything = "--all" in sys.argv
    word = sys.argv[sys.argv.index("-k") + 1] if "-k" in sys.argv else ""
    with ns.Pair() as pair, tempfile.TemporaryDirectory() as scratch:
        web = os.path.realpath(os.path.join(scratch, "web.pcap"))
        ns.run([ns.STREAMLINE, "run", "-q", "-r", os.path.join(GOLDEN, "web.pcap"),
                f'(bpf "less 1514") > (pcapout {web})'])
        command = os.path.join(scratch, "streamline")
        with open(command, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} '
                    f'{shlex.quote(os.path.abspath(__file__))} --instead "$@"\n')
        os.chmod(command, 0o755)
        ways = list(LIVE)
        for i, case in enumerate(c for c in cases() if word in c):
            want = run(case, ns.STREAMLINE, web, {})
            for way in ways if everything else [ways[2 * i % len(ways)], ways[(2 * i + 1) % len(ways)]]:
                for placement in ([], ["--placement", "user"]) if everything else ([],):
                    live = json.dumps([ns.STREAMLINE, [pair.a.name, pair.b.name], LIVE[way], placement, web])
                    got = run(case, command, web, {"SL_LIVE": live})
                    name = f"{case} by {way}{', in user space' if placement else ''}"
                    ns.ok(got[:3] == want[:3], name,
                          next((f"{g!r:.300}, not {w!r:.300}; {got[3]:.300}" for g, w in zip(got[:3], want[:3])
                                if g != w), ""))
    ns.finish()


if __name__ == "__main__":
    if "--instead" in sys.argv:
        args = sys.argv[sys.argv.index("--instead") + 1:]
        if args[:1] != ["run"]:
            real = json.loads(os.environ["SL_LIVE"])[0]
            os.execv(real, [real, *args])
        sys.exit(instead(args))
    main()
