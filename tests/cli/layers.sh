#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# layers.sh -- who includes whom, as ARCHITECTURE.md says
cd "$(dirname "$0")/../.." || exit 1
failed=0

# includes DIR: "FILE: HEADER" for each include of the project's own
includes() {
	grep -rhoH '^#include "[^"]*"' "$1" --include='*.c' --include='*.h' 2>/dev/null |
		sed 's/#include "\(.*\)"/ \1/'
}

# allow DIR PATTERN [EXCEPT]: no header from another directory that does not match
allow() {
	bad=$(includes "$1" | grep -vE "^${3:-none}\." | grep '/[^ :]*$' | grep -vE ": *($2)/" | grep ' [^ ]*/[^ ]*$')
	if [ -z "$bad" ]; then
		echo "ok layers: $1"
	else
		echo "$bad" | sed 's/^/# /'
		echo "not ok layers: $1 includes what it may not"
		failed=1
	fi
}

allow cli 'streamline'
allow examples 'streamline'
allow include 'streamline'
allow lib/core 'core|streamline|\.\./\.\./filters'
allow lib/lang 'core|lang|streamline'
allow lib/net 'core|net|streamline'
allow lib/cap 'core|cap|streamline'
allow lib/match 'core|match|streamline'
allow lib/graph 'core|lang|graph|streamline'
allow lib/plan 'core|lang|graph|plan|streamline'
allow lib/run 'core|net|graph|plan|run|streamline'	# net: which worker a packet goes to
allow filters 'core|net|match|cap|streamline'
allow io 'core|net|match|cap|\.\./filters|streamline' 'io/(feed|take)'	# the runtime's own doors

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
