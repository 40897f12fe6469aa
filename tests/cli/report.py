#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
report.py -- the JSON that other tools read has the documented shape

    run --json      the report, and where it goes
    plan --json, graph --json, check --json, inspect --json

and the ledger in the report adds up, whatever the number of workers.
"""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STREAMLINE = os.path.abspath(os.environ.get("STREAMLINE", os.path.join(ROOT, "build/streamline")))
PCAP = os.path.join(ROOT, "demo/demo.pcap")
failed = False


def call(*args):
    p = subprocess.run([STREAMLINE, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=60)
    return p.returncode, p.stdout, p.stderr


def test(name):
    def wrap(f):
        global failed
        try:
            f()
            print("ok report:", name)
        except Exception as e:
            failed = True
            print("not ok report:", name + ":", repr(e)[:300])
    return wrap


def is_tally(t, more=()):
    assert set(t) == {"blocks", "bytes", *more}, t
    assert isinstance(t["blocks"], int) and isinstance(t["bytes"], int), t


def is_report(r):
    assert list(r)[:4] == ["event", "elapsed_s", "filters", "streams"], list(r)
    assert r["event"] == "report" and r["elapsed_s"] >= 0
    names = set()
    for f in r["filters"]:
        assert {"name", "type", "space", "in", "out", "filtered", "held", "lost", "values"} <= set(f), f
        for k in ("in", "out", "filtered", "held"):
            is_tally(f[k])
        is_tally(f["lost"], ["reasons"])
        assert sum(f["lost"]["reasons"].values()) == f["lost"]["blocks"]
        for k in ("blocks", "bytes"):
            assert f["in"][k] == f["out"][k] + f["filtered"][k] + f["held"][k] + f["lost"][k], f
        assert all(isinstance(v, int) for v in f["values"].values())
        names.add(f["name"])
    assert len(names) == len(r["filters"])
    for s in r["streams"]:
        assert {"from", "to", "tag", "carrier", "blocks", "bytes"} <= set(s), s
        assert s["from"] in names and s["to"] in names


FANS = "(tcp) { -80-> (web: count); -else-> (rest: count) } > (null)"


@test("report is the last line of standard output")
def _():
    status, out, err = call("run", "--json", "-r", PCAP, FANS)
    assert status == 0, err
    is_report(json.loads(out.splitlines()[-1]))
    assert err == b"", err


@test("report is on standard error where data is on standard output")
def _():
    status, out, err = call("run", "--json", "-r", PCAP, "(tcp) > (pcapout -)")
    assert status == 0, err
    assert out[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a"), out[:4]
    assert b"report" not in out
    is_report(json.loads(err.splitlines()[-1]))


@test("streams carry what filters say")
def _():
    r = json.loads(call("run", "--json", "-r", PCAP, FANS)[1].splitlines()[-1])
    f = {x["name"]: x for x in r["filters"]}
    moved = {(s["from"], s["to"]): s for s in r["streams"]}
    assert moved["tcp", "web"]["tag"] == "80" and moved["tcp", "rest"]["tag"] == "else"
    assert moved["tcp", "web"]["blocks"] == f["web"]["in"]["blocks"]
    assert moved["tcp", "web"]["blocks"] + moved["tcp", "rest"]["blocks"] == f["tcp"]["out"]["blocks"]


@test("ledger is the same for any number of workers")
def _():
    def ledger(n):
        r = json.loads(call("run", "--json", "-j", str(n), "-r", PCAP, FANS)[1].splitlines()[-1])
        is_report(r)
        return [{k: v for k, v in f.items() if k != "space"} for f in r["filters"]]
    one = ledger(1)
    for n in (2, 4):
        assert ledger(n) == one


@test("diagnostics are one line of standard error")
def _():
    status, out, err = call("run", "--json", "-r", PCAP, "(tpc) > (cuont)")
    assert status == 2 and out == b""
    assert err.count(b"\n") == 1
    d = json.loads(err)
    assert d["event"] == "diagnostics" and len(d["diagnostics"]) == 2
    first = d["diagnostics"][0]
    assert first["code"] == "E104" and first["fixes"][0] == "tcp"
    assert (first["line"], first["col"], first["len"]) == (1, 2, 3)


@test("check")
def _():
    status, out, _ = call("check", "--json", "(tcp) > (count)")
    assert status == 0 and json.loads(out) == {"ok": True, "diagnostics": [], "no_effect": []}
    status, out, _ = call("check", "--json", "(tcp) > (untcp bufer=1)")
    assert status == 2 and json.loads(out)["ok"] is False


@test("plan")
def _():
    for verb in ("plan", "graph"):
        status, out, err = call(verb, "--json", "-r", PCAP, FANS)
        assert status == 0, err
        p = json.loads(out)
        assert {"event", "srl", "workers", "threads", "borders", "copies", "using", "filters",
                "streams", "not_chosen"} <= set(p)
        assert [f["name"] for f in p["filters"]] == ["pcapin", "tcp", "web", "rest", "null"]
        assert p["filters"][0]["supplied"] and not p["filters"][1]["supplied"]
        assert all(f["space"] == "user" and f["why"] for f in p["filters"])


@test("plan counts borders")
def _():
    p = json.loads(call("plan", "--json", "-j", "3", "-r", PCAP, "(tcp) > (count)")[1])
    assert p["workers"] == 3 and p["borders"] == sum(s["border"] for s in p["streams"]) > 0


@test("inspect")
def _():
    types = json.loads(call("inspect", "--json")[1])
    assert len(types) > 10
    for t in types:
        one = json.loads(call("inspect", "--json", t["name"])[1])
        assert one == t
        assert t["brief"] and t["group"], t["name"]
        for p in t["parameters"]:
            assert p["help"], (t["name"], p["name"])


@test("every filter has text and an example that check accepts")
def _():
    for t in json.loads(call("inspect", "--json")[1]):
        assert t["text"], t["name"]
        assert t["examples"], t["name"]
        for e in t["examples"]:
            status, _, err = call("check", "--no-env", e)
            assert status == 0, (t["name"], e, err.decode())


sys.exit(failed)
