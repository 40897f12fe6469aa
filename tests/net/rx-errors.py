#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""
rx-errors.py -- what a user is told when live capture can't be had

      a                                 b
    (sla) ============ veth ========= (slb)
    who captures                      down, in one of the tests

Every refusal comes before anything is started, names the place in the request, and tells a way
on. The exit status says what kind it is: 2 the request, 3 no placement, 4 rights, 1 else.
"""
import json
import os
import signal

import ns

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def caps(*names):
    """A prefix: nobody, with these capabilities and no others."""
    some = ",".join(["-all", *("+" + n for n in names)])
    return [*NOBODY, "--inh-caps=" + some, "--ambient-caps=" + some,
            *([] if names else ["--bounding-set=-all"])]


def run(end, args, prefix=(), seconds=5):
    # ended by SIGINT where it should not have started
    return end.run([*prefix, "timeout", "--preserve-status", "-s", "INT", "-k", "5", str(seconds * ns.SLOW),
                    ns.STREAMLINE, "run", *args], check=False)


def refused(name, got, status, *words):
    said = got.stderr
    missing = [w for w in words if w not in said]
    why = f"status {got.returncode}, not {status}" if got.returncode != status else \
        "not said: " + ", ".join(missing) if missing else ""
    if not why and "nothing was started" not in said:
        why = "something was started"
    if why:
        ns.note(said)
    ns.ok(not why, name, why)


def of_the_request(a):
    c = " > (count)"
    refused("no such interface", run(a, ["(rx slaa)" + c]), 2, "E209", "did you mean 'sla'?", "there are: lo, sla, any")
    refused("no such interface by -i", run(a, ["-i", "sal", "(count)"]), 2, "E209", "-i:1:1", "did you mean 'sla'?")
    refused("a name that is too long", run(a, [f"(rx {'x' * 40})" + c]), 2, "E209", "there is no interface")
    refused("one of several is wrong", run(a, ['(rx "sla,slx")' + c]), 2, "E209", "'slx'")
    refused("inline sees what comes in", run(a, ["(rx sla mode=inline direction=out)" + c]), 2, "E124", "<arg>:1:31")
    for via in ("packet", "pcap"):
        refused(f"inline by {via}", run(a, [f"(rx sla mode=inline via={via})" + c]), 2, "E124", "only looks on")
        refused(f"a hook by {via}", run(a, [f"(rx sla hook=tc via={via})" + c]), 2, "E124", "no hook")
    refused("inline at tc", run(a, ["(rx sla mode=inline hook=tc)" + c]), 2, "E124", "hook=xdp")
    refused("AF_XDP as a tap", run(a, ["(rx sla via=xsk)" + c]), 2, "E124", "mode=inline")
    refused("XDP sees what comes in", run(a, ["(rx sla hook=xdp direction=out)" + c]), 2, "E124", "hook=tc")
    shared = run(a, ["(rx sla share=x)@user" + c])
    ns.ok(shared.returncode == 1 and "it takes programs in the kernel" in shared.stderr, "what can't be shared is said",
          f"status {shared.returncode}: {shared.stderr[:500]}")
    for name in ("../x", ".x", "a b", "x" * 49):
        refused(f"shared as '{name}'", run(a, [f'(rx sla share="{name}")' + c]), 2, "E124", "<arg>:1:15", "48 at most")
    refused("ordered into the kernel", run(a, ["(rx sla) > (grep x)@kernel" + c]), 3, "E141", "drop '@kernel'")


def of_rights(a):
    c = " > (tcp) > (count)"
    ways = ("once:      sudo streamline run", "for good:  sudo setcap cap_net_raw,", "no privileges needed:  streamline run -r")
    refused("no rights at all", run(a, ["(rx sla)" + c], caps()), 4, "E301", "not permitted to capture on sla",
            "missing: CAP_NET_RAW (have: none)", *ways)
    refused("no rights, by -i", run(a, ["-i", "sla", "(count)"], caps()), 4, "E301", *ways)
    refused("inline without rights", run(a, ["(rx sla mode=inline)" + c], caps("net_raw")), 4, "E301",
            "missing: CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON (have: CAP_NET_RAW)", *ways)
    refused("a ring without rights", run(a, ["(rx sla via=array)" + c], caps("net_raw")), 2, "E209",
            "via=array does not work here", "CAP_BPF")
    refused("a ring without CAP_PERFMON", run(a, ["(rx sla via=array)" + c], caps("net_raw", "net_admin", "bpf")), 2,
            "E209", "CAP_PERFMON")


def under_way(p):
    """Set up, which is when it catches SIGINT."""
    def catches():
        with open(f"/proc/{p.pid}/status", encoding="ascii") as f:
            return [line for line in f if line.startswith("SigCgt:") and int(line.split()[1], 16) & 2]
    if not ns.until(catches, 20):
        raise ns.Failed("it does not begin")


def took(name, end, args, prefix, words):
    p = end.start([*prefix, ns.STREAMLINE, "run", "--json", *args])
    under_way(p)
    status = ns.stop(p)
    said = p.out + "\n".join(p.said)
    bad = status != 0 or words not in said
    if bad:
        ns.note(said)
    ns.ok(not bad, name, f"status {status}")


def with_some_rights(a):
    """Not everything is missing: capture goes on by what is there."""
    for some in (("net_raw",), ("net_raw", "net_admin", "bpf")):
        took(f"with {', '.join(some)} alone a packet socket", a, ["-i", "sla", "(count)"], caps(*some), '"space":"user"')
    if not ns.probe("bpf"):
        took("with all four the kernel", a, ["-i", "sla", "(count)"],
             caps("net_raw", "net_admin", "bpf", "perfmon"), '"space":"tc:sla"')


def down(pair):
    pair.b.ip("link", "set", pair.b.dev, "down")
    p = pair.b.start([ns.STREAMLINE, "run", "(rx slb) > (count)"])
    try:
        under_way(p)
        pair.b.ip("link", "set", pair.b.dev, "up")
        pair.a.send([ns.udp(pair, b"hello")])
        ns.until(lambda: pair.b.counters()["rx_packets"], 2)
    finally:
        status = ns.stop(p)
    said = "\n".join(p.said)
    ns.ok("slb is down: nothing comes until it is up" in said, "an interface that is down is said", said)
    ns.ok(status == 0, "and the capture goes on, and ends well", said)


def busy(a):
    """Somebody else's XDP program: another capture in the way."""
    first = a.start([ns.STREAMLINE, "run", "(rx sla mode=inline) > (count)"])
    attached = ns.until(lambda: "xdp" in a.ip("link", "show", "sla").stdout)
    if not attached:
        ns.stop(first)
        ns.note("\n".join(first.said))
        ns.skip("an interface with an XDP program", "XDP cannot be attached here")
        return
    for request in ("(rx sla mode=inline)", "(rx sla hook=xdp)"):
        refused(f"{request} at an interface with an XDP program", run(a, [request + " > (count)"]), 1, "E302",
                "an XDP program of somebody else is attached to sla")
    p = a.run([ns.STREAMLINE, "doctor", "--json"], check=False)
    nic = [f for f in json.loads(p.stdout)["findings"] if f["group"] == "interfaces" and f["what"] == "sla"]
    ns.ok(len(nic) == 1 and "XDP program" in (nic[0]["to_do"] or ""), "doctor tells of it", nic)
    took("a tap beside it works", a, ["(rx sla) > (count)"], (), '"event":"report"')
    ns.ok(ns.stop(first) == 0 and "xdp" not in a.ip("link", "show", "sla").stdout, "it is gone with its owner")


def killed(a):
    """A tap whose owner is killed: nothing stays, or --clean takes it away."""
    def left():
        return [line for end in ("ingress", "egress")
                for line in a.run(["tc", "filter", "show", "dev", "sla", end], check=False).stdout.splitlines()
                if "entry_tc" in line]

    def clean():
        p = a.run([ns.STREAMLINE, "doctor", "--clean", "--json"], check=False)
        return p.returncode, json.loads(p.stdout) if p.stdout else p.stderr

    before = a.run(["tc", "qdisc", "show", "dev", "sla"]).stdout
    ns.ok("clsact" not in before, "captures that ended left no queueing discipline", before)
    p = a.start([ns.STREAMLINE, "run", "(rx sla) > (count)"])
    try:
        under_way(p)
        tcx = not left()
        status, said = clean()
        ns.ok(status == 0 and not [w for w in said["took_away"] if "sla" in w], "a tap in use is left alone", said)
    finally:
        ns.stop(p, signal.SIGKILL)
    def gone():
        status, said = clean()
        return status == 0 and not left()
    ns.ok(ns.until(gone, 5, 0.05), "after kill -9 nothing is left" + (" by itself" if tcx else ": --clean took it"), left())
    after = a.run(["tc", "qdisc", "show", "dev", "sla"]).stdout
    ns.ok("clsact" not in after, "neither is a queueing discipline", after)


def main():
    ns.need("errors of live capture", "setpriv", "tc", "timeout")
    pair = ns.Pair()
    of_the_request(pair.a)
    of_rights(pair.a)
    with_some_rights(pair.a)
    down(pair)
    why = ns.probe("bpf")
    if why:
        ns.skip("programs of others, and of the dead", why)
    else:
        busy(pair.a)
        killed(pair.a)
    pair.remove()
    ns.finish()


if __name__ == "__main__":
    os.environ["NO_COLOR"] = "1"
    main()
