#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
sinks.py -- what print, jsonout, pcapout and fileout leave behind, and what they count

A file is emptied by its first write, never by a run that does not start; nobody writes
over what he reads, and no two write one file. Where writing fails, the ledger says how
many blocks are in the file and how many are not, for every number of workers.

A full disk is a small file system that is mounted for the test; without the right to
mount one those tests are skipped.
"""
import json
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STREAMLINE = os.path.abspath(os.environ.get("STREAMLINE", os.path.join(ROOT, "build/streamline")))
PACKETS = 6000
SPACE = 256 << 10	# of the small file system
failed = False
top = tempfile.mkdtemp(prefix="sinks.")


class Skip(Exception):
    pass


def test(name):
    def wrap(f):
        global failed
        try:
            f()
            print("ok sinks:", name, flush=True)
        except Skip as e:
            print("ok sinks:", name, "# skip", e, flush=True)
        except Exception as e:
            failed = True
            print("not ok sinks:", name + ":", repr(e)[:600], flush=True)
    return wrap


def packet(n, flow=0, flags=0x10, seq=0, data=b""):
    tcp = struct.pack(">HHIIBBHHH", 1024 + flow, 80, seq, 1, 0x50, flags, 1000, 0, 0)
    src, dst = socket.inet_aton("10.0.0.1"), socket.inet_aton("10.0.0.2")
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(data), n & 0xffff, 0, 64, 6, 0) + src + dst
    return b"\2" * 12 + b"\x08\x00" + ip + tcp + data


def capture(path, packets):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, p in enumerate(packets):
            f.write(struct.pack("<IIII", 1000 + i // 100, i % 100, len(p), len(p)) + p)
    return path


def frames(path):
    with open(path, "rb") as f:
        b = f.read()
    at, n = 24, 0
    assert len(b) >= 24, (path, len(b))
    while at < len(b):
        at += 16 + struct.unpack("<I", b[at + 8:at + 12])[0]
        n += 1
    assert at == len(b), (path, at, len(b))
    return n


def content(path):
    with open(path, "rb") as f:
        return f.read()


MANY = capture(top + "/many.pcap", (packet(i, i % 50, data=b"x" * 100) for i in range(PACKETS)))


def call(*args, cwd=None, to=None, fds=None):
    out = to if to is not None else subprocess.PIPE
    p = subprocess.run([STREAMLINE, "run", *args], stdin=subprocess.DEVNULL, stdout=out, cwd=cwd,
                       stderr=subprocess.PIPE, timeout=60, preexec_fn=fds)
    return p.returncode, p.stdout or b"", p.stderr


def report(text):
    """The filters of a report by name, each adding up; it is the last line of `text`."""
    found = {}
    lines = [line for line in text.splitlines() if line.startswith(b'{"event":"report"')]
    for f in json.loads(lines[-1])["filters"]:
        for k in ("blocks", "bytes"):
            assert f["in"][k] == f["out"][k] + f["filtered"][k] + f["held"][k] + f["lost"][k], f
        assert f["held"]["blocks"] == 0, f
        assert sum(f["lost"]["reasons"].values()) == f["lost"]["blocks"], f
        found[f["name"]] = f
    return found


def mounted():
    d = tempfile.mkdtemp(dir=top)
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SPACE}", "sinks", d],
                                      stderr=subprocess.DEVNULL).returncode:
        raise Skip("a file system cannot be mounted here")
    return d


def unmount(d):
    subprocess.run(["umount", d], check=True)


# ---- files that are there before -------------------------------------

OUTPUTS = ["(print file=FILE)", "(jsonout FILE)", "(pcapout FILE)"]


for sink in OUTPUTS:
    name = sink.strip("()").split()[0]

    @test(f"{name}: what it reads is not emptied")
    def _():
        path = shutil.copy(MANY, top + "/in.pcap")
        before = content(path)
        for j in "1", "3":
            # by another name too, so that nobody can tell by the text
            alias = top + "/alias.pcap"
            if not os.path.exists(alias):
                os.link(path, alias)
            for to in path, alias:
                status, _, err = call("-q", "-j", j, "-r", path, "(tcp) > " + sink.replace("FILE", to))
                assert status != 0, (to, err)
                assert content(path) == before, to
                assert b"E206" in err, err
        os.unlink(alias)

    @test(f"{name}: nor when nothing comes through")
    def _():
        path = shutil.copy(MANY, top + "/in.pcap")
        before = content(path)
        os.link(path, top + "/alias.pcap")
        status, _, err = call("-q", "-r", path, "(udp) > " + sink.replace("FILE", top + "/alias.pcap"))
        os.unlink(top + "/alias.pcap")
        assert status != 0 and b"E206" in err, err
        assert content(path) == before

    @test(f"{name}: a set-up that fails leaves files as they were")
    def _():
        d = tempfile.mkdtemp(dir=top)
        with open(d + "/old", "wb") as f:
            f.write(b"older\n")
        # a folder in which nobody can make a file: seen only when it is tried
        request = ("(tcp) { > " + sink.replace("FILE", d + "/old") + "; > "
                   + sink.replace("(" + name, "(b: " + name).replace("FILE", d + "/new")
                   + "; > (c: pcapout /proc/no-such-file) }")
        status, _, err = call("-q", "-r", MANY, request)
        assert status != 0 and b"no-such-file" in err, err
        assert content(d + "/old") == b"older\n"
        assert os.listdir(d) == ["old"], os.listdir(d)

    @test(f"{name}: two writers of one file are refused")
    def _():
        d = tempfile.mkdtemp(dir=top)
        with open(d + "/a", "wb") as f:
            f.write(b"older\n")
        os.link(d + "/a", d + "/b")
        for other in OUTPUTS:
            request = ("(tcp) { > " + sink.replace("FILE", d + "/a") + "; > (b: "
                       + other[1:].replace("FILE", d + "/b") + " }")
            status, _, err = call("-q", "-r", MANY, request)
            assert status != 0 and b"E206" in err, (other, err)
            assert content(d + "/a") == b"older\n", other

    @test(f"{name}: a file is emptied, also when nothing came")
    def _():
        d = tempfile.mkdtemp(dir=top)
        for request in "(tcp) > ", "(udp) > ":
            with open(d + "/f", "wb") as f:
                f.write(b"older\n" * 1000000)
            status, _, err = call("-q", "-r", MANY, request + sink.replace("FILE", d + "/f"))
            assert status == 0, err
            if name == "pcapout":
                assert frames(d + "/f") == (PACKETS if "tcp" in request else 0)
            else:
                assert content(d + "/f").count(b"\n") == (PACKETS if "tcp" in request else 0)
                assert b"older" not in content(d + "/f")


@test("standard output: two writers of one pipe are refused")
def _():
    status, out, err = call("-q", "-r", MANY, "(tcp) { > (print); > (pcapout -) }")
    assert status != 0, out[:100]
    assert b"E206" in err, err
    assert out == b"", out[:100]


@test("fileout: a set-up that fails leaves no folders")
def _():
    d = tempfile.mkdtemp(dir=top)
    os.mkdir(d + "/there")
    for to in "new/sub", "new/./sub//", "there/sub":
        request = ("(tcp) > (untcp) { > (fileout \"" + d + "/" + to
                   + "\"); > (c: pcapout /proc/no-such-file) }")
        status, _, err = call("-q", "-r", MANY, request)
        assert status != 0 and b"no-such-file" in err, err
        assert os.listdir(d) == ["there"], (to, os.listdir(d))
        assert os.listdir(d + "/there") == [], to
    status, _, err = call("-q", "-r", MANY, "(tcp) > (untcp) > (fileout \"" + d + "/new/sub\")")
    assert status == 0, err
    assert len(os.listdir(d + "/new/sub")) == 50


# ---- writing that fails ----------------------------------------------

def lines_of(path):
    text = content(path)
    assert text.endswith(b"\n"), text[-100:]
    return text.splitlines()


for j in "1", "3":
    @test(f"jsonout: full disk, -j {j}")
    def _():
        d = mounted()
        try:
            status, out, err = call("--json", "-j", j, "-r", MANY, f"(tcp) > (jsonout {d}/f)")
            assert status == 1 and b"E207" in err, err
            f = report(out)["jsonout"]
            lines = lines_of(d + "/f")
            for line in lines:
                json.loads(line)
            assert 0 < len(lines) < PACKETS
            assert f["out"]["blocks"] == f["values"]["objects"] == len(lines), (f, len(lines))
            assert f["lost"]["reasons"] == {"disk full": f["in"]["blocks"] - len(lines)}, f
        finally:
            unmount(d)

    @test(f"jsonout: full disk, an object for each flow, -j {j}")
    def _():
        d = mounted()
        flows = capture(top + "/flows.pcap", (packet(i, i // 2 % 3000) for i in range(PACKETS)))
        try:
            status, out, err = call("--json", "-j", j, "-r", flows, f"(tcp) > (jsonout {d}/f per=flow)")
            assert status == 1 and b"E207" in err, err
            f = report(out)["jsonout"]
            lines = lines_of(d + "/f")
            assert f["values"]["objects"] == len(lines), (f, len(lines))
            assert 2 * len(lines) - 1 <= f["out"]["blocks"] <= 2 * len(lines), (f, len(lines))
            assert f["lost"]["blocks"] == f["in"]["blocks"] - f["out"]["blocks"] > 0, f
        finally:
            unmount(d)

    for style in "line", "hex":
        @test(f"print: full disk, style={style}, -j {j}")
        def _():
            d = mounted()
            try:
                status, out, err = call("--json", "-j", j, "-r", MANY,
                                        f"(tcp) > (print style={style} file={d}/f)")
                assert status == 1 and b"E207" in err, err
                f = report(out)["print"]
                lines = [line for line in lines_of(d + "/f") if not line.startswith(b"\t")]
                assert 0 < len(lines) < PACKETS
                assert f["out"]["blocks"] == f["values"]["lines"] == len(lines), (f, len(lines))
                assert f["values"]["missed"] == f["lost"]["blocks"] == f["in"]["blocks"] - len(lines), f
                assert f["lost"]["reasons"] == {"disk full": f["lost"]["blocks"]}, f
            finally:
                unmount(d)

    @test(f"print: full disk, and blocks go on, -j {j}")
    def _():
        d = mounted()
        try:
            status, out, err = call("--json", "-j", j, "-r", MANY, f"(tcp) > (print file={d}/f) > (count) > (null)")
            assert status == 1 and b"E207" in err, err
            r = report(out)
            lines = lines_of(d + "/f")
            f = r["print"]
            assert f["values"]["lines"] == len(lines) < PACKETS, (f, len(lines))
            assert f["values"]["missed"] == PACKETS - len(lines), f
            assert f["out"]["blocks"] == r["count"]["in"]["blocks"] == PACKETS, r
        finally:
            unmount(d)

    @test(f"pcapout: full disk, -j {j}")
    def _():
        d = mounted()
        try:
            status, out, err = call("--json", "-j", j, "-r", MANY, f"(tcp) > (pcapout {d}/f)")
            assert status == 1 and b"E207" in err, err
            f = report(out)["pcapout"]
            assert 0 < frames(d + "/f") == f["out"]["blocks"] == f["values"]["packets"] < PACKETS, f
            # what arrives once the filter has failed is not shown to it any more
            assert "disk full" in f["lost"]["reasons"], f
            assert set(f["lost"]["reasons"]) <= {"disk full", "filter failed"}, f
        finally:
            unmount(d)

    @test(f"fileout: full disk, -j {j}")
    def _():
        d = mounted()
        big = capture(top + "/streams.pcap", (packet(i, i % 10, seq=1 + i // 10 * 1000, data=b"y" * 1000)
                                              for i in range(2000)))
        try:
            status, out, err = call("--json", "-j", j, "-r", big, f"(tcp) > (untcp) > (fileout {d}/s)")
            assert status == 1 and b"E207" in err, err
            f = report(out)["fileout"]
            size = sum(os.path.getsize(d + "/s/" + n) for n in os.listdir(d + "/s"))
            assert f["values"]["written"] == size, (f, size)
            # a block that went out in part is lost
            assert size - 1000 < f["out"]["bytes"] <= size, (f, size)
            assert set(f["lost"]["reasons"]) == {"disk full"}, f
        finally:
            unmount(d)

    for sink in "(print)", "(jsonout)":
        name = sink.strip("()")

        @test(f"{name}: a reader that goes away, -j {j}")
        def _():
            p = subprocess.Popen([STREAMLINE, "run", "--json", "-j", j, "-r", MANY, "(tcp) > " + sink],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            assert p.stdout.readline()
            p.stdout.close()
            err = p.stderr.read()
            p.stderr.close()
            assert p.wait(60) == 0, err
            f = report(err)[name]
            n = f["values"]["objects" if name == "jsonout" else "lines"]
            assert f["out"]["blocks"] == n > 0, f
            assert set(f["lost"]["reasons"]) <= {"reader gone"}, f
            assert f["lost"]["blocks"] == f["in"]["blocks"] - n, f

        @test(f"{name}: nobody ever reads, -j {j}")
        def _():
            r, w = os.pipe()
            os.close(r)
            status, _, err = call("--json", "-j", j, "-r", MANY, "(tcp) > " + sink, to=w)
            os.close(w)
            assert status == 0, err
            f = report(err)[name]
            assert f["out"]["blocks"] == 0, f
            assert f["lost"]["reasons"] == {"reader gone": f["in"]["blocks"]}, f


@test("print: what standard output held before stays")
def _():
    path = top + "/appended"
    with open(path, "wb") as f:
        f.write(b"before\n")
    with open(path, "ab") as f:
        status, _, err = call("-q", "-r", MANY, "(tcp) > (head 3) > (print)", to=f)
    assert status == 0, err
    lines = lines_of(path)
    assert lines[0] == b"before" and len(lines) == 4, lines[:5]


# ---- many files ------------------------------------------------------

@test("pcapout: one of many files is removed meanwhile")
def _():
    d = tempfile.mkdtemp(dir=top)
    flows = 400
    first = [packet(i, i) for i in range(flows)]
    second = [packet(i, i, data=b"z" * (300 + i)) for i in range(flows)]
    p = subprocess.Popen([STREAMLINE, "run", "--json", "-q", f"(pcapin -) > (tcp) > (pcapout \"{d}/{{flow}}.pcap\")"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    capture(top + "/first.pcap", first)
    capture(top + "/second.pcap", second)
    p.stdin.write(content(top + "/first.pcap"))
    p.stdin.flush()
    for _ in range(200):
        if len(os.listdir(d)) == flows and all(os.path.getsize(d + "/" + n) > 24 for n in os.listdir(d)):
            break
        try:
            p.wait(0.1)
        except subprocess.TimeoutExpired:
            pass
    gone = d + "/tcp-10.0.0.1.1034-10.0.0.2.80.pcap"
    os.unlink(gone)		# the eleventh: closed long since
    out, err = p.communicate(content(top + "/second.pcap")[24:], timeout=60)
    assert p.returncode == 1 and b"10.0.0.1.1034" in err, err
    f = report(out)["pcapout"]
    assert f["lost"]["reasons"].pop("write failed") == 1, f
    assert set(f["lost"]["reasons"]) <= {"filter failed"}, f
    names = os.listdir(d)
    assert len(names) == flows - 1 and not os.path.exists(gone), len(names)
    # The others hold what is theirs and nothing else.
    whole = 0
    for n in names:
        flow = int(n.split("10.0.0.1.")[1].split("-")[0]) - 1024
        text = content(d + "/" + n)
        want = first[flow] + second[flow]
        rest = text[24:]
        got = b""
        while rest:
            size = struct.unpack("<I", rest[8:12])[0]
            got += rest[16:16 + size]
            rest = rest[16 + size:]
        assert want.startswith(got) and got in (want, first[flow]), n
        whole += 1 + (got == want)
    # one packet more went into the file that was removed then
    assert f["out"]["blocks"] == whole + 1, (f, whole)


@test("pcapout: fewer descriptors than it would take")
def _():
    d = tempfile.mkdtemp(dir=top)
    flows = capture(top + "/flows.pcap", (packet(i, i % 60) for i in range(600)))
    outs = "; ".join(f"> (o{k}: pcapout \"{d}/{k}-{{flow}}.pcap\")" for k in range(4))
    status, out, err = call("--json", "-r", flows, "(tcp) { " + outs + " }",
                            fds=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    assert status == 0, err
    names = os.listdir(d)
    assert len(names) == 240 and all(frames(d + "/" + n) == 10 for n in names), len(names)


try:
    shutil.rmtree(top)
except OSError as e:
    print("#", e)
sys.exit(failed)
