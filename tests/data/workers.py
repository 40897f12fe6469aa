#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
workers.py -- captures of other projects give the same with 1, 2 and 4 workers

Streams, verdicts, gaps and lines of each capture, byte for byte, and the same exit
status. Reads ../shared/data and skips without it; stops after SECONDS and says how
far it came, taking captures in an order in which every folder has its turn early.
"""
import concurrent.futures
import hashlib
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STREAMLINE = os.path.abspath(os.environ.get("STREAMLINE", os.path.join(ROOT, "build/streamline")))
DATA = os.path.join(os.path.dirname(ROOT), "shared/data")
SECONDS = 80
REQUEST = """(tcp class=either) {
	> (untcp) { > (ac) { > (pcapout clean.pcapng); -match-> (jsonout match.json) }; -gap-> (g: jsonout gap.json) };
	-80-> (print time=epoch file=lines.txt) > (null)
}"""


def result(capture, workers):
    with tempfile.TemporaryDirectory() as d:
        p = subprocess.run([STREAMLINE, "run", "-q", "-j", str(workers), "-r", capture, REQUEST], cwd=d,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        h = hashlib.sha256(str(p.returncode).encode())
        for name in sorted(os.listdir(d)):
            with open(os.path.join(d, name), "rb") as f:
                h.update(name.encode() + f.read())
        return p.returncode, h.hexdigest()


def same(capture):
    if time.monotonic() > end:
        return None
    one = result(capture, 1)
    return one[0], [n for n in (2, 4) if result(capture, n) != one]


def main():
    if not os.path.exists(os.path.join(DATA, "FILES.tsv")):
        print("ok workers: captures of others # skip no ../shared/data")
        return
    with open(os.path.join(DATA, "FILES.tsv"), encoding="utf-8") as f:
        files = [os.path.join(DATA, l.split("\t")[0]) for l in f if l.startswith("captures/")]
    files = [f for step in range(7) for f in files[step::7]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = [(f, r) for f, r in zip(files, pool.map(same, files)) if r is not None]
    wrong = [f"{os.path.relpath(f, DATA)} with {r[1]}" for f, r in done if r[1]]
    good = sum(r[0] == 0 for _, r in done)
    ok = not wrong and good > len(done) * 0.9
    print("ok" if ok else "not ok", f"workers: {len(done)} of {len(files)} captures, {good} of them whole, are the same"
          if ok else f"workers: {good} of {len(done)} whole, differ: {wrong[:5]}")
    sys.exit(not ok)


end = time.monotonic() + SECONDS
main()
