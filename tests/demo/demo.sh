#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# demo.sh -- the demo does what it shows
#
# Nine attacks were planted in the recorded capture (demo/record lists them); all
# are found, by their groups, nothing else is, and it takes less than a second.
set -u
cd "$(dirname "$0")/../.." || exit 1
streamline=${STREAMLINE:-build/streamline}
if [ ! -x "$streamline" ]; then
	echo "ok demo # skip $streamline is not built"
	exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ln -s "$(realpath "$streamline")" "$scratch/streamline"

check() {
	if [ "$2" = "$3" ]; then
		echo "ok demo: $1"
	else
		sed 's/^/# /' "$scratch/log"
		echo "not ok demo: $1: '$2' instead of '$3'"
	fi
}

start=$(date +%s%N)
demo/run "$scratch/streamline" >"$scratch/log" 2>&1
check "exit status" $? 0
took_ms=$((($(date +%s%N) - start) / 1000000))
[ "$took_ms" -lt 1000 ] && took_ms=less
check "less than a second" "$took_ms" less

out=$scratch/demo
groups=$(sed -n 's/.*"class":"\([a-z]*\)".*/\1/p' "$out/screened.json" | sort | uniq -c |
	awk '{ s = s sep $1 " " $2; sep = ", " } END { print s }')
check "what was planted" "$groups" "2 shell, 3 sqli, 2 traversal, 2 xss"
saved=$(sed -n 's/^pcapout: packets \([0-9]*\),.*/\1/p' "$scratch/log")
check "nothing lost" "$(grep -c 'lost in all: 0 blocks, 0 bytes' "$scratch/log")" 2

# The seed's line, character for character: rules and file name are supplied, and said.
mkdir "$scratch/verbatim"
streamline_abs=$(realpath "$streamline")
(cd "$scratch/verbatim" && "$streamline_abs" run -r "$OLDPWD/demo/demo.pcap" \
	'(tcp) -80-> (untcp) > (ac) > (pcapout)') >"$scratch/log" 2>&1
check "the seed's line" $? 0
check "the seed's line names its rules" "$(grep -c 'demo\.ac (24 patterns)' "$scratch/log")" 1
file=$(cd "$scratch/verbatim" && ls)
check "the seed's line names its file" \
	"$(grep -c "^using:.*$file" "$scratch/log"), $(echo "$file" | grep -c '^pcapout-[0-9]*-[0-9]*\.pcap$')" "1, 1"

patterns=$(grep -c '^[a-z]*: ' share/streamline/ac/demo.ac)
check "24 patterns" "$patterns" 24
check "a capture of less than 300 KiB" "$(($(wc -c <demo/demo.pcap) < 300 * 1024))" 1

# Saved is what a second look finds clean, to the packet.
again=$("$streamline" run -r "$out/clean.pcap" \
	'(tcp) -80-> (untcp) > (ac rules=share/streamline/ac/demo.ac) -match-> (jsonout -)' 2>/dev/null)
check "what was saved is clean" "$again" ""
if command -v tcpdump >/dev/null; then
	check "tcpdump reads as many packets" \
		"$(tcpdump -nr "$out/clean.pcap" 2>/dev/null | wc -l)" "$saved"
fi
