#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# doctor.sh -- the verb that looks at the machine; with rights and without
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/tap
XDG_CACHE_HOME=$scratch/cache
export XDG_CACHE_HOME

json() {	# json FILE EXPRESSION: of the object d
	python3 -c "import json, sys; d = json.load(open(sys.argv[1])); sys.exit(not ($2))" "$1"
}

is "doctor" 0 "$streamline" doctor
for word in rights CAP_NET_RAW "programs in the kernel" hooks carriers interfaces " lo " costs; do
	has "doctor: $word" "$out" "$word"
done
has "doctor: costs are built in" "$out" "built in; nothing was measured"
is "doctor --json" 0 "$streamline" doctor --json
json "$out" '{"group", "what", "works", "found", "to_do"} == set(d["findings"][0])'
ok $? "doctor --json: keys"
json "$out" 'all(f["works"] in ("yes", "no", "info", "unknown") for f in d["findings"])'
ok $? "doctor --json: works"
json "$out" 'all(f["to_do"] for f in d["findings"] if f["works"] == "no")'
ok $? "doctor: what does not work has something to do"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	is "doctor without rights" 0 setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all \
		"$streamline" doctor
	has "doctor without rights: says so" "$out" "missing: load programs into the kernel"
	has "doctor without rights: the way" "$out" "sudo setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon+ep"
fi

is "doctor --bench" 0 "$streamline" doctor --bench 0.5
has "doctor --bench: side by side" "$out" "before"
has "doctor --bench: a filter" "$out" "tcp, user"
has "doctor --bench: where to" "$out" "$scratch/cache/streamline/costs"
is "the plan takes what was measured" 0 "$streamline" doctor
has "the plan takes what was measured: said" "$out" "measured"
is "doctor --bench --json" 0 "$streamline" doctor --json --bench 0.5
json "$out" 'd["file"].endswith("/costs") and any(c["name"] == "tcp" and c["now"]["block_ns"] > 0 for c in d["costs"])'
ok $? "doctor --bench --json: costs"
echo 'filter tcp user fast' >"$scratch/cache/streamline/costs"
is "a table that is wrong" 0 "$streamline" doctor
has "a table that is wrong: told" "$out" "is wrong: line 1"
mkdir "$scratch/file" && : >"$scratch/file/streamline"
is "no place for the table" 1 env XDG_CACHE_HOME="$scratch/file" "$streamline" doctor --bench 0.1
has "no place for the table: the code" "$err" "E206"

is "bench and clean" 2 "$streamline" doctor --bench --clean
is "a word too many" 2 "$streamline" doctor please
is "no number of seconds" 2 "$streamline" doctor --bench soon
is "a negative number of seconds" 2 "$streamline" doctor --bench -- -1
finish
