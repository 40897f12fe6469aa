#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
writer.py -- pcapout writes beside the pipeline, and nobody can tell by the files

Enough goes through for its thread to start (a megabyte); the same is done on a single
processor, where there is none. Files, counts, errors and ledger are compared: for any
number of workers, many files, a disk that fills up, an input that is cut while it
is read, an output that is a pipe, and an end by a signal. A file may end at any byte:
what is counted is what is in it.
"""
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STREAMLINE = os.path.abspath(os.environ.get("STREAMLINE", os.path.join(ROOT, "build/streamline")))
PACKETS = 20000
CPUS = sorted(os.sched_getaffinity(0))
failed = False
top = tempfile.mkdtemp(prefix="writer.")


class Skip(Exception):
    pass


def test(name):
    def wrap(f):
        global failed
        try:
            f()
            print("ok writer:", name, flush=True)
        except Skip as e:
            print("ok writer:", name, "# skip", e, flush=True)
        except Exception as e:
            failed = True
            print("not ok writer:", name + ":", repr(e)[:800], flush=True)
    return wrap


def packet(n, flow, size):
    tcp = struct.pack(">HHIIBBHHH", 1024 + flow, 80, n, 1, 0x50, 0x10, 1000, 0, 0)
    src, dst = socket.inet_aton("10.0.0.1"), socket.inet_aton("10.0.0.2")
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + size, n & 0xffff, 0, 64, 6, 0) + src + dst
    return b"\2" * 12 + b"\x08\x00" + ip + tcp + bytes([n & 0xff]) * size


def capture(path, flows, size):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(PACKETS):
            p = packet(i, i * 7919 % flows, size(i))
            f.write(struct.pack("<IIII", 1000 + i // 1000, i % 1000, len(p), len(p)) + p)
    return path


def streams(path, flows, size):
    """Of some connections, with nothing twice or missing."""
    seq = [1] * flows
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(PACKETS):
            k, n = i * 7919 % flows, size(i)
            p = packet(seq[k], k, n)
            seq[k] += n
            f.write(struct.pack("<IIII", 1000 + i // 1000, i % 1000, len(p), len(p)) + p)
    return path


# small frames, which are copied, among large ones, which are not
IN = capture(top + "/in.pcap", 700, lambda i: (20, 900, 150, 1400, 400)[i % 5])


SMALL = streams(top + "/small.pcap", 40, lambda i: 1 + i % 60)
MIXED = streams(top + "/mixed.pcap", 40, lambda i: (1, 700, 30, 3, 60, 452, 455, 2)[i % 8])


def content(path):
    with open(path, "rb") as f:
        return f.read()


def frames(path):
    """The number of frames; the file must end behind the last one."""
    b = content(path)
    at, n = 24, 0
    assert len(b) >= 24, (path, len(b))
    while at < len(b):
        at += 16 + struct.unpack("<I", b[at + 8:at + 12])[0]
        n += 1
    assert at == len(b), (path, at, len(b))
    return n


def ends(b):
    """Where each packet of a file ends, and how long its frame is; first, where none does."""
    if b[:4] == b"\xd4\xc3\xb2\xa1":
        at, found = 24, [(24, 0)]
        while at < len(b):
            n = struct.unpack("<I", b[at + 8:at + 12])[0]
            at += 16 + n
            found.append((at, n))
        return found
    at, found = struct.unpack("<I", b[4:8])[0], []
    found.append((at, 0))
    while at < len(b):
        kind, n = struct.unpack("<II", b[at:at + 8])
        if kind == 6:
            found.append((at + n, struct.unpack("<I", b[at + 20:at + 24])[0]))
        at += n
    return found


def folder():
    return tempfile.mkdtemp(dir=top)


def start(*args, one_cpu=False, cwd=None, stdin=subprocess.DEVNULL, **kw):
    def pin():
        if one_cpu:
            os.sched_setaffinity(0, CPUS[:1])
    return subprocess.Popen([STREAMLINE, "run", "--json", *args], stdin=stdin, cwd=cwd, preexec_fn=pin,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)


def end(p, feed=None):
    out, err = p.communicate(feed, timeout=60)
    return p.returncode, out, err


def run(*args, feed=None, **kw):
    return end(start(*args, stdin=subprocess.PIPE if feed is not None else subprocess.DEVNULL, **kw), feed)


def report(text):
    """The filters by name; each adds up, and holds nothing any more."""
    found = {}
    lines = [line for line in text.splitlines() if line.startswith(b'{"event":"report"')]
    for f in json.loads(lines[-1])["filters"]:
        for k in ("blocks", "bytes"):
            assert f["in"][k] == f["out"][k] + f["filtered"][k] + f["held"][k] + f["lost"][k], f
        assert f["held"]["blocks"] == 0, f
        assert sum(f["lost"]["reasons"].values()) == f["lost"]["blocks"], f
        found[f["name"]] = f
    return found


def mounted(size):
    d = folder()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "writer", d],
                                      stderr=subprocess.DEVNULL).returncode:
        raise Skip("a file system cannot be mounted here")
    return d


def unmount(d):
    subprocess.run(["umount", d], check=True)


def same(request, *args, feed=None):
    """`request` on one processor and on all, with 1 and 3 workers: equal files, equal counts."""
    results = []
    for j in "1", "3":
        for one_cpu in True, False:
            d = folder()
            status, out, err = run("-j", j, *args, request, one_cpu=one_cpu, cwd=d, feed=feed)
            assert status == 0, err
            sinks = {k: (f["in"], f["out"], f["values"]) for k, f in report(out).items() if f["type"] == "pcapout"}
            results.append((sinks, {n: content(d + "/" + n) for n in sorted(os.listdir(d))}))
            shutil.rmtree(d)
    for r in results[1:]:
        assert r[0] == results[0][0], (r[0], results[0][0])
        assert r[1] == results[0][1], [n for n in results[0][1] if r[1].get(n) != results[0][1][n]][:5]
    return results[0][1]


@test("the file is what was read")
def _():
    files = same("(tcp) > (pcapout out.pcap)", "-r", IN)
    assert files["out.pcap"][24:] == content(IN)[24:]
    with open(top + "/expect.pcap", "wb") as f:
        f.write(files["out.pcap"])
    assert frames(top + "/expect.pcap") == PACKETS


@test("other formats, whose headers are made")
def _():
    same("(tcp) { > (pcapout out.pcapng); > (ns: pcapout ns.pcap precision=ns) }", "-r", IN)


@test("what comes through a pipe")
def _():
    files = same("(tcp) > (pcapout out.pcap)", "-r", "-", feed=content(IN))
    assert files["out.pcap"][24:] == content(IN)[24:]


@test("streams that are held and come in bursts")
def _():
    same("(tcp) -80-> (untcp) > (ac) > (pcapout out.pcap)", "-r", IN)


@test("more files than may be open")
def _():
    files = same("(tcp) > (pcapout \"{flow}.pcap\")", "-r", IN)
    assert len(files) == 700, len(files)
    assert sum(len(b) - 24 for b in files.values()) == os.path.getsize(IN) - 24


for j in "1", "3":
    @test(f"a disk that fills up, -j {j}")
    def _():
        for size in 3 << 20, (3 << 20) + 4096 * 7:
            d = mounted(size)
            try:
                status, out, err = run("-j", j, "-r", IN, f"(tcp) > (pcapout {d}/f)")
                assert status == 1 and err.count(b"E207") == 1, err
                n, f = frames(d + "/f"), report(out)["pcapout"]
                assert 0 < n < PACKETS
                assert f"it holds the first {n} packets".encode() in err, (n, err)
                assert f["out"]["blocks"] == f["values"]["packets"] == n, (f, n)
                assert f["lost"]["blocks"] == f["in"]["blocks"] - n, (f, n)
                assert f["lost"]["reasons"].get("disk full"), f
                # nothing but whole packets, and all that fit
                assert content(d + "/f")[24:] == content(IN)[24:os.path.getsize(d + "/f")]
                assert os.path.getsize(d + "/f") > size - 4096 - 1500, (os.path.getsize(d + "/f"), size)
            finally:
                unmount(d)


@test("a file that fails spoils no other")
def _():
    d = mounted(2 << 20)
    try:
        whole = folder() + "/f"
        status, out, err = run("-r", IN, f"(tcp) {{ > (pcapout {d}/f); > (b: pcapout {whole}) }}")
        assert status == 1 and b"E207" in err, err
        f = report(out)
        assert f["b"]["values"]["packets"] == frames(whole) and not f["b"]["lost"]["blocks"], f["b"]
        assert f["pcapout"]["values"]["packets"] == frames(d + "/f")
    finally:
        unmount(d)


@test("a pipe among files is written in line")
def _():
    d = folder()
    pipe = "tcp-10.0.0.1.1399-10.0.0.2.80.pcap"	# others come before it, so that there is a thread
    os.mkfifo(d + "/" + pipe)
    fd = os.open(d + "/" + pipe, os.O_RDONLY | os.O_NONBLOCK)
    p = start("-r", IN, "(tcp) > (pcapout \"{flow}.pcap\")", cwd=d)
    got, give_up = b"", time.monotonic() + 60
    while True:
        over = p.poll() is not None
        try:
            more = os.read(fd, 65536)
        except BlockingIOError:
            more = b""
        got += more
        if over and not more:
            break
        assert time.monotonic() < give_up
        time.sleep(0 if more else 0.001)
    os.close(fd)
    status, out, err = end(p)
    files = [n for n in os.listdir(d) if n != pipe]
    sizes = sum(os.path.getsize(d + "/" + n) - 24 for n in files)
    assert status == 0 and len(files) == 699, (status, len(files), err)
    assert sizes + len(got) - 24 == os.path.getsize(IN) - 24, (sizes, len(got))
    report(out)


@test("a limit on the size of files")
def _():
    import resource
    d = folder()

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))
    p = subprocess.run([STREAMLINE, "run", "--json", "-r", IN, f"(tcp) > (pcapout {d}/f)"], preexec_fn=limited,
                       restore_signals=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    n = frames(d + "/f")
    assert p.returncode == 1 and f"it holds the first {n} packets".encode() in p.stderr, (n, p.stderr)
    assert report(p.stdout)["pcapout"]["values"]["packets"] == n


for name, source, request in (("small packets", SMALL, "(tcp) > (pcapout FILE)"),
                              ("all sizes", MIXED, "(tcp) > (pcapout FILE)"),
                              ("pcapng", MIXED, "(tcp) > (pcapout FILE format=pcapng)"),
                              ("streams", MIXED, "(tcp) -80-> (untcp) > (pcapout FILE)")):
    @test("a file that ends anywhere: " + name)
    def _():
        import random
        import resource
        d = folder()
        status, out, err = run("-r", source, request.replace("FILE", d + "/whole"))
        assert status == 0, err
        whole = content(d + "/whole")
        places = ends(whole)
        chance = random.Random(name)
        limits = [0, 23, 24, places[0][0], places[1][0] - 1, places[1][0], places[1][0] + 1]
        # what is made lies in chunks of 128 KiB
        for chunk in 1, 2, 8, 9:
            near = next(i for i, p in enumerate(places) if p[0] >= chunk << 17)
            limits += [places[i][0] + by for i in (near - 2, near - 1, near) for by in (-1, 0)]
        limits += [chance.randrange(len(whole)) for _ in range(12)]

        for i, limit in enumerate(limits):
            def limited():
                if i % 2:
                    os.sched_setaffinity(0, CPUS[:1])
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            p = subprocess.run([STREAMLINE, "run", "--json", "-r", source, request.replace("FILE", d + "/f")],
                               preexec_fn=limited, restore_signals=False, stdin=subprocess.DEVNULL,
                               capture_output=True, timeout=60)
            there = [(at, n) for at, n in places if at <= limit]
            f = report(p.stdout)["pcapout"]
            assert p.returncode == 1, (limit, p.stderr)
            assert content(d + "/f") == whole[:there[-1][0] if there else 0], (limit, there[-1:])
            n, size = max(len(there) - 1, 0), sum(n for _, n in there)
            assert f["values"]["packets"] == f["out"]["blocks"] == n, (limit, n, f)
            assert f["values"]["bytes"] == size, (limit, size, f)
            # of a stream, what its packets carry is in view
            assert f["out"]["bytes"] == size - (54 * n if name == "streams" else 0), (limit, size, f)
            assert f["lost"]["blocks"] == f["in"]["blocks"] - n and f["lost"]["blocks"], (limit, f)


for form in "pcap", "pcapng":
    @test(f"a reader that goes away, {form}")
    def _():
        d = folder()
        run("-r", MIXED, f"(tcp) > (pcapout whole format={form})", cwd=d)
        whole = content(d + "/whole")
        places = ends(whole)
        os.mkfifo(d + "/f")
        for goes in 1, 30, 5000, 65536, 131072 + 7, 1 << 20:
            fd = os.open(d + "/f", os.O_RDONLY | os.O_NONBLOCK)
            p = start("-r", MIXED, f"(tcp) > (pcapout f format={form})", cwd=d)
            got = b""
            while len(got) < goes:
                select.select([fd], [], [], 60)
                got += os.read(fd, goes - len(got))
            os.close(fd)
            status, out, err = end(p)
            assert got == whole[:goes] and status == 0, (goes, status, err)
            f = report(out)["pcapout"]
            n = f["values"]["packets"]
            assert f["out"]["blocks"] == n and places[n][0] >= goes - 1600, (goes, f)
            assert f["values"]["bytes"] == f["out"]["bytes"] == sum(k for _, k in places[:n + 1]), (goes, f)
            assert f["lost"]["reasons"] == {"reader gone": f["in"]["blocks"] - n}, (goes, f)


@test("a trickle is written though nothing follows")
def _():
    d = folder()
    p = start("-r", "-", "(tcp) > (pcapout out.pcap)", cwd=d, stdin=subprocess.PIPE)
    whole = content(IN)
    cut = 3 << 20				# the thread is there by then
    at, last = 24, 24
    while at < cut:
        last, at = at, at + 16 + struct.unpack("<I", whole[at + 8:at + 12])[0]
    try:
        for upto, before in (last, 24), (at, last):
            p.stdin.write(whole[24 * (before > 24) and before:upto] if before > 24 else whole[:upto])
            p.stdin.flush()
            give_up = time.monotonic() + 30
            while not os.path.exists(d + "/out.pcap") or os.path.getsize(d + "/out.pcap") < upto:
                assert time.monotonic() < give_up, (upto, os.path.getsize(d + "/out.pcap"))
                time.sleep(0.002)
        assert content(d + "/out.pcap")[24:] == whole[24:at]
    finally:
        status, out, err = end(p)
    assert status == 0, err
    report(out)


@test("a signal ends it, and all that was read is written")
def _():
    d = folder()
    p = start("-r", "-", "(tcp) > (pcapout out.pcap)", cwd=d, stdin=subprocess.PIPE)
    whole = content(IN)
    p.stdin.write(whole[:5 << 20])
    p.stdin.flush()
    p.send_signal(signal.SIGINT)
    status, out, err = end(p)
    assert status in (0, 1), (status, err)
    f = report(out)["pcapout"]
    assert f["in"]["blocks"] == f["out"]["blocks"] == f["values"]["packets"] == frames(d + "/out.pcap"), f


@test("an input that is cut meanwhile")
def _():
    d = folder()
    for back in range(12):
        path = shutil.copy(IN, d + "/in.pcap")
        p = start("-r", path, "(tcp) -80-> (untcp) > (ac hold=1MB) > (pcapout out.pcap)", cwd=d)
        time.sleep(0.004 * back)
        os.truncate(path, 4096 * 100)
        status, out, err = end(p)
        if not out and b"E20" in err:		# it was cut before anything ran
            continue
        assert status in (0, 1), (status, err)
        f = report(out)["pcapout"]
        assert f["out"]["blocks"] == f["values"]["packets"], f
        if f["in"]["blocks"]:
            assert frames(d + "/out.pcap") == f["values"]["packets"], f
        os.unlink(path)
        if os.path.exists(d + "/out.pcap"):
            os.unlink(d + "/out.pcap")


shutil.rmtree(top, ignore_errors=True)
sys.exit(failed)
