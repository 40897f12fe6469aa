#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
codes.py -- every error code is produced, explained, and its page tells the truth

For each code of `streamline explain`: something that produces it (most often the
page's own wrong example), and the page's right example, which must not. Codes of
files and of running are produced for real: a cut capture, a full disk, a missing
right. Those need a tmpfs or another user, so without root they are skipped.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STREAMLINE = os.path.abspath(os.environ.get("STREAMLINE", os.path.join(ROOT, "build/streamline")))
PCAP = os.path.join(ROOT, "demo/demo.pcap")
failed = False


def call(*args, text=None, **kw):
    p = subprocess.run([STREAMLINE, *args], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=60, **({"stdin": subprocess.DEVNULL} if text is None else {}), **kw)
    return p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")


def codes_in(err):
    return re.findall(r"^(?:error|warning)\[(E\d+)\]", err, re.M)


def say(ok, name, why=""):
    global failed
    failed |= not ok
    print(("ok" if ok else "not ok"), "codes:", name + ("" if ok else ": " + why.replace("\n", " | ")[:300]))


def page(code):
    _, out, _ = call("explain", code)
    part = {}
    for head, body in re.findall(r"^(Wrong|Right|Go on with)\n\n((?:    .*\n|\n)*)", out, re.M):
        part[head] = "\n".join(l[4:] for l in body.rstrip("\n").split("\n"))
    return out, part


def made_by_check(text, *flags):
    return codes_in(call("check", "--no-env", *flags, "-f", "-", text=text.encode())[2])


def with_files(d):
    """Codes that need files, rights or a run: name -> the codes that came."""
    def put(name, data):
        with open(os.path.join(d, name), "wb") as f:
            f.write(data)
        return os.path.join(d, name)

    whole = open(PCAP, "rb").read()
    cut, text = put("cut.pcap", whole[:5000]), put("text.pcap", b"just some text, and more of it\n" * 9)
    rules, mine = put("bad.ac", b"a: |41 4|\n"), put("m.pcap", whole)
    put("one.srl", b"def web() { in > (count) > out }\n")
    put("two.srl", b"def web() { in > (null) }\n")
    both = put("both.srl", b'use "one.srl"\nuse "two.srl"\n(pcapin a) > (web)\n')
    long = put("long.srl", b"(count" + b" a=1" * 400000 + b")")
    deep = put("deep.srl", b"{" * 5000 + b"(count)" + b"}" * 5000)

    yield "E005", call("check", "--no-env", "-f", put("bytes.srl", b"(count) > (nu\xff\xfell)"))
    yield "E020", call("check", "--no-env", "-f", deep)
    yield "E107", call("check", "--no-env", "-f", both)
    yield "E152", call("run", "(tcp) > (count)")
    yield "E201", call("run", f"(pcapin {d}/nothing.pcap) > (count)")
    yield "E202", call("run", f"(pcapin {text}) > (count)")
    yield "E203", call("run", f"(pcapin {cut}) > (count)")
    yield "E204", call("check", f"(pcapin {mine}) > (ac rules={rules}) > (null)")
    yield "E205", call("check", f'(pcapin {mine}) > (bpf "tcp prt 80") > (null)')
    yield "E206", call("run", f"(pcapin {mine}) > (pcapout {d}/none/x.pcap)")
    yield "E208", call("run", f'(pcapin {mine}) > (exec "no-such-program-here") > (null)')
    yield "E209", call("check", f'(pcapin {mine}) > (tx no-such-if)')
    yield "E302", call("run", f'(pcapin {mine}) > (exec "cat >/dev/null; false") > (null)')
    assert os.path.getsize(long) > 1 << 20
    if os.geteuid() != 0:
        return
    tiny = os.path.join(d, "tiny")
    os.mkdir(tiny)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", tiny], stderr=subprocess.DEVNULL).returncode == 0:
        try:
            yield "E207", call("run", f"(pcapin {mine}) > (pcapout {tiny}/x.pcap)")
        finally:
            subprocess.run(["umount", tiny], check=False)
    secret = put("secret.pcap", whole)
    os.chmod(secret, 0o600)
    os.chmod(d, 0o755)
    copy = shutil.copy(STREAMLINE, os.path.join(d, "streamline"))
    os.chmod(copy, 0o755)
    p = subprocess.run([copy, "run", f"(pcapin {secret}) > (count)"], stdin=subprocess.DEVNULL, user=65534,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, cwd="/")
    yield "E301", (p.returncode, "", p.stderr.decode())
    say(p.returncode == 4, "E301 is status 4", f"status {p.returncode}")


def main():
    codes = re.findall(r"^(E\d+): ", call("explain")[1], re.M)
    say(len(codes) > 50, "the list has them all", f"{len(codes)} codes")
    produced = {}
    with tempfile.TemporaryDirectory() as d:
        for code, (status, _, err) in with_files(d):
            produced[code] = codes_in(err)
            say(status != 0, f"{code} ends with a status", err)
    for code in codes:
        out, part = page(code)
        say(set(part) == {"Wrong", "Right", "Go on with"}, f"{code} has a page", out)
        if code in produced:
            say(code in produced[code], f"{code} is produced", str(produced[code]))
            continue
        if code in ("E207", "E301"):
            print(f"ok codes: {code} is produced # skip needs root")
            continue
        wrong, right = part["Wrong"].strip("\n"), part["Right"].strip("\n")
        got = made_by_check(wrong)
        say(code in got, f"{code} is produced by its wrong example", f"{wrong} gives {got}")
        say(not made_by_check(right), f"{code} is not by its right one", f"{right} gives {made_by_check(right)}")
    sys.exit(failed)


main()
