#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh -- the model of the data ring, every interleaving; and that its faults are found
#
#	tests/model/run.sh		what takes some seconds
#	tests/model/run.sh all		larger mixes too: a few minutes, up to 3 GB
#
# A case is a set of macros of dring.pml. "holds" must be free of errors and have
# been searched to the end; "finds" breaks one rule of lib/ring/layout.h, and
# the search must notice. Needs spin and a C compiler.
set -u
cd "$(dirname "$0")" || exit 1
model=$PWD/dring.pml
command -v spin >/dev/null || { echo "ok model of the data ring # skip spin is not installed"; echo 1..1; exit 0; }
cc=${CC:-cc}
command -v "$cc" >/dev/null || { echo "ok model of the data ring # skip no C compiler"; echo 1..1; exit 0; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
limit=${MODEL_S:-50}
count=0
bad=0

# "no" and why, "yes" with the number of states
search() {
	rm -rf "$tmp/c" && mkdir "$tmp/c" && cd "$tmp/c" || exit 1
	spin -a "$@" "$model" >out 2>&1 && "$cc" $opt -w -DSAFETY -DMEMLIM=3000 $collapse -o pan pan.c >>out 2>&1 || {
		echo "broken: $(head -n 3 out | tr '\n' ' ')"
		return
	}
	timeout "$limit" ./pan $table -m100000 >run 2>&1
	status=$?
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' run)
	if [ $status = 124 ]; then
		echo "broken: not done after $limit s"
	elif grep -q 'errors: [1-9]' run; then
		echo "no: $(sed -n 's/^pan:1: *//p' run)"
	elif grep -Eq 'out of memory|max search depth|Search not completed' run || ! grep -q 'errors: 0' run; then
		echo "broken: $(grep -E 'pan:|error:' run | head -n 2 | tr '\n' ' ')"
	else
		echo "yes, in $states states"
	fi
}

tell() {
	count=$((count + 1))
	if [ "$1" = ok ]; then
		echo "ok $2"
	else
		bad=$((bad + 1))
		echo "not ok $2: $3"
	fi
}

holds() {
	name=$1
	shift
	said=$(search "$@")
	case $said in
	yes*)	tell ok "$name ($said)" ;;
	*)	tell bad "$name" "$said" ;;
	esac
}

finds() {
	fault=$1
	shift
	said=$(search "-DFAULT_$fault" "$@")
	case $said in
	no:*)	tell ok "fault $fault is found" ;;
	*)	tell bad "fault $fault is found" "$said" ;;
	esac
}

collapse= table= opt=-O2
holds "a lapped reader"				-DREADERS=0 -DSTRANGER -DN=6
holds "a lapped reader and a writer that dies"	-DREADERS=0 -DSTRANGER -DN=5 -DMORTAL
holds "an honoured reader"			-DREADERS=1 -DN=4
holds "an honoured reader and a writer that dies" -DREADERS=1 -DN=3 -DMORTAL
holds "a reader that joins and dies"		-DREADERS=0 -DJOINER -DN=3
if [ "${1:-}" = all ]; then
	limit=600
	collapse=-DCOLLAPSE table=-w25
	holds "a reader that joins and dies, longer" -DREADERS=0 -DJOINER -DN=4
	holds "two honoured readers"		-DREADERS=2 -DN=3
	holds "honoured and lapped"		-DREADERS=1 -DSTRANGER -DN=3
	holds "honoured and lapped, and a writer that dies" -DREADERS=1 -DSTRANGER -DN=3 -DMORTAL
	holds "honoured, and one that joins and dies" -DREADERS=1 -DJOINER -DN=3 -DS=2
	holds "joins and dies, beside a lapped one" -DREADERS=0 -DJOINER -DSTRANGER -DN=3
	collapse= table=
fi
opt=-O0		# they are found at once
finds CLAIM_AFTER_BYTES		-DREADERS=0 -DSTRANGER
finds CHECK_BEFORE_COPY		-DREADERS=0 -DSTRANGER
finds HEAD_BEFORE_BYTES		-DREADERS=1
finds LOOK_BEFORE_HEAD		-DREADERS=1
finds NO_SECOND_LOOK		-DREADERS=1
finds TAILS_BEFORE_WANTED	-DREADERS=1
finds WANTED_BEFORE_TAIL	-DREADERS=1
finds JOIN_AT_FIRST_LOOK	-DREADERS=0 -DJOINER
finds JOIN_SILENTLY		-DREADERS=0 -DJOINER
finds CLOSE_SILENTLY		-DREADERS=0 -DJOINER
echo "1..$count"
[ $bad = 0 ]
