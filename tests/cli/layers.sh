#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# layers.sh -- who includes whom, as ARCHITECTURE.md says
cd "$(dirname "$0")/../.." || exit 1
failed=0

# includes DIR [GREP-FLAGS]: "FILE: HEADER" for each include of the project's own
includes() {
	dir=$1
	shift
	grep -roH '^#include "[^"]*"' "$dir" --include='*.c' --include='*.h' "$@" 2>/dev/null |
		sed 's/:#include "\(.*\)"/: \1/'
}

# judge NAME: fails on what is left of such lines
judge() {
	bad=$(cat)
	if [ -z "$bad" ]; then
		echo "ok layers: $1"
	else
		echo "$bad" | sed 's/^/# /'
		echo "not ok layers: $1 includes what it may not"
		failed=1
	fi
}

# allow DIR PATTERN [EXCEPT]: no header from another directory but those that match; EXCEPT
# matches lines that are right all the same
allow() {
	judge "$1" <<-EOF
	$(includes "$1" --exclude='*.bpf.[ch]' | grep ': [^ ]*/' | grep -vE ": ($2)/" | grep -vE "${3:-^$}")
	EOF
}

# Kernel forms are programs by themselves: they see what is made for them.
forms() {
	judge "$1: kernel forms" <<-EOF
	$(includes "$1" | grep '^[^:]*\.bpf\.[ch]:' | grep ': [^ ]*/' | grep -vE ': (kern/[a-z]*\.bpf\.h|kern/abi\.h|ring/layout\.h|net/layers\.h)$')
	EOF
}

allow cli 'streamline'
allow examples 'streamline'
allow include 'streamline'
allow lib/core 'core|streamline|\.\./\.\./filters'
allow lib/lang 'core|lang|streamline'
allow lib/net 'core|net|streamline'
allow lib/cap 'core|cap|streamline'
allow lib/match 'core|match|streamline'
allow lib/ring 'ring|streamline'
allow lib/kern 'core|net|ring|kern|streamline'
allow lib/graph 'core|lang|graph|streamline'
allow lib/plan 'core|lang|graph|plan|streamline' ': kern/(ask|abi)\.h$'		# what can be there
allow lib/run 'core|net|kern|graph|plan|run|streamline'	# net: which worker a packet goes to
allow lib/doctor 'core|net|kern|plan|doctor|streamline'
allow filters 'core|net|match|cap|streamline' ': lang/units\.h$'
# the runtime's own doors; the carriers of the kernel's packets
allow io 'core|net|match|cap|\.\./filters|streamline' \
	'^io/(feed|take)\.c: |^io/(rx|attach)[a-z-]*\.[ch]: (kern/[a-z]*|run/kernel|ring/layout)\.h$'
forms lib/kern
forms filters
forms io

bad=$(grep -rlE '\b(printf|fprintf|puts|fputs|exit|abort)\(' lib filters io --include='*.c' 2>/dev/null |
	grep -v '^lib/run/' |	# asserts the ledger, and then aborts
	while read -r f; do
		grep -nE '\bprintf\(|\bfprintf\(std|\bputs\(|\bfputs\([^,]*, std|\bexit\(|\babort\(' "$f" |
			grep -vE 'snprintf|_exit\(' | sed "s|^|$f:|"
	done)
if [ -z "$bad" ]; then
	echo "ok layers: the library does not print and does not exit"
else
	echo "$bad" | sed 's/^/# /'
	echo "not ok layers: the library prints or exits"
	failed=1
fi
exit $failed
