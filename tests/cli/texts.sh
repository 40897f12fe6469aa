#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# texts.sh -- what the README, CONTRIBUTING and the manual pages say is true
#
# Each command of the README's "sh" blocks is run in a scratch directory beside the
# recorded capture; the filter of CONTRIBUTING is built as it tells and used.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/tap
root=$(pwd)

blocks() {	# blocks FILE LANGUAGE: the fenced blocks of that language
	awk -v lang="$2" '/^```/ { on = on ? 0 : $0 == "```" lang; next } on' "$1"
}

ln -s "$root/demo" "$scratch/demo"
ln -s "$streamline" "$scratch/streamline"
blocks README.md sh | grep '^streamline ' >"$scratch/lines"
[ "$(wc -l <"$scratch/lines")" = 5 ]; ok $? "README: five lines"
n=0
while IFS= read -r line; do
	n=$((n + 1))
	(cd "$scratch" && PATH=$scratch:$PATH sh -c "$line") >"$out" 2>"$err" </dev/null
	status=$?
	[ $status = 0 ] || sed 's/^/# /' "$err"
	ok $status "README: line $n"
	case $n in
	1) [ -s "$scratch/clean.pcap" ]; ok $? "README: line $n saves" ;;
	3) grep -q "UDP\|IP " "$out"; ok $? "README: line $n prints" ;;
	4) head -n 1 "$out" | grep -q '^{'; ok $? "README: line $n writes JSON" ;;
	5) [ -n "$(ls "$scratch/streams" 2>/dev/null)" ]; ok $? "README: line $n writes files" ;;
	esac
done <"$scratch/lines"

# Links of the documents lead somewhere.
for doc in README.md ARCHITECTURE.md CONTRIBUTING.md examples/README.md; do
	missing=
	for link in $(grep -o '](\([^)#]*\))' "$doc" | sed 's/](\(.*\))/\1/' | grep -v '^http'); do
		[ -e "$(dirname "$doc")/$link" ] || missing="$missing $link"
	done
	[ -z "$missing" ] || echo "# missing:$missing"
	[ -z "$missing" ]; ok $? "$doc: links"
done

# A new filter in ten minutes: only the file and the line of the list.
lib=${SL_BUILD:-build}/libstreamline.a
if [ -f "$lib" ] && [ "${SL_SUITE:-scripts}" = scripts ]; then
	mkdir -p "$scratch/t/filters" "$scratch/t/lib/core"
	blocks CONTRIBUTING.md c | awk '/SPDX/ { on = 1 } on' | sed '/^SL_FILTER/d' >"$scratch/t/filters/every.c"
	cp filters/filter.h "$scratch/t/filters/"
	cp lib/core/bundled.c "$scratch/t/lib/core/"
	{ sed '/^SL_/d' filters/list.h; { grep '^SL_' filters/list.h; blocks CONTRIBUTING.md c | grep '^SL_FILTER'; } |
		sort -t'(' -k2; } >"$scratch/t/filters/list.h"
	${CC:-cc} -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -Iinclude -Ilib \
		-o "$scratch/every" "$scratch/t/filters/every.c" "$scratch/t/lib/core/bundled.c" cli/*.c \
		"$lib" $(pkg-config --libs libpcap zlib libzstd libbpf) -lpthread -lm >"$err" 2>&1
	status=$?
	[ $status = 0 ] || sed 's/^/# /' "$err"
	ok $status "CONTRIBUTING: the filter builds"
	is "CONTRIBUTING: inspect knows it" 0 "$scratch/every" inspect every
	is "CONTRIBUTING: it runs" 0 "$scratch/every" run --json -r "$pcap" '(every 10) > (count)'
	has "CONTRIBUTING: it publishes" "$out" '"passed":'
	is "CONTRIBUTING: its parameter is checked" 2 "$scratch/every" check '(every n=0) > (count)'
fi

# Manual pages: requests in them are right, and they are set without a complaint.
is "streamline-filters(7)" 0 "$streamline" inspect --man
cp "$out" "$scratch/streamline-filters.7"
for page in docs/man/*.[17] "$scratch/streamline-filters.7"; do
	name=$(basename "$page")
	if command -v groff >/dev/null; then
		groff -man -ww -Tutf8 -Kutf8 -z "$page" >"$err" 2>&1
		[ ! -s "$err" ] || sed 's/^/# /' "$err"
		[ ! -s "$err" ]; ok $? "$name is set"
	fi
	sed 's/\\-/-/g; s/\\e/\\/g' "$page" | grep -o "^streamline [a-z]* .*'.*'" | grep -v '\.srl' |
	while IFS= read -r line; do
		req=$(echo "$line" | sed "s/[^']*'\([^']*\)'.*/\1/")
		case $line in "streamline inspect"*) continue ;; esac
		"$streamline" check --no-env "$req" >"$out" 2>&1 || echo "$req"
	done >"$scratch/bad"
	[ ! -s "$scratch/bad" ] || sed 's/^/# /' "$scratch/bad"
	[ ! -s "$scratch/bad" ]; ok $? "$name: requests"
done

# The requests of srl(7) stand in blocks of their own.
sed 's/\\-/-/g; s/\\e/\\/g' docs/man/srl.7 | awk -v dir="$scratch" '
	/^\.EX/ { on = 1; text = ""; next }
	/^\.EE/ { on = 0; if (text ~ /^(\(pcapin|\(tcp\) [-{>]|def |\{ \(|pcapin )/) printf "%s", text >(dir "/req" ++n) }
	on { text = text $0 "\n" }'
for req in "$scratch"/req[0-9]*; do
	is "srl(7): $(head -n 1 "$req")" 0 "$streamline" check --no-env -f "$req"
done
finish
