#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# completion.sh -- candidates, and the scripts that ask for them
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/tap

offers() {
	name=$1 want=$2
	shift 2
	"$streamline" complete -- "$@" >"$out" 2>"$err" </dev/null
	cut -f1 "$out" | grep -qxF -e "$want" || { sed 's/^/# /' "$out" "$err"; false; }
	ok $? "$name"
}

nothing() {
	name=$1
	shift
	"$streamline" complete -- "$@" >"$out" 2>"$err" </dev/null
	[ ! -s "$out" ]; ok $? "$name"
}

offers "verbs" run ""
offers "a verb begun" check ch
offers "flags" --workers run --w
offers "letters" -r run -
nothing "flags of others are not offered" run --merm
offers "filters for inspect" untcp inspect un
offers "verbs for help" plan help pl
offers "codes for explain" E104 explain E10
offers "shells" zsh completion z
nothing "a file name is the shell's" run -r ""
offers "a filter in a request" "(tcp) -80-> (untcp" run "(tcp) -80-> (un"
offers "a filter behind a quote" "(tcp) > (untcp" run "'(tcp) > (un"
offers "a filter with a name" "(web: tcp" run "(web: tc"
offers "a parameter" "(tcp class=" run "(tcp cl"
offers "a parameter behind a comma" "(tcp, class=" run "(tcp, cl"
offers "a value" "(tcp class=either" run "(tcp class=e"
offers "a space" "(tcp)@user" run "(tcp)@u"
offers "after a flag" "(untcp" run -r x.pcap "(un"
nothing "inside a string" run '(grep "(un'

for shell in bash zsh fish; do
	is "script for $shell" 0 "$streamline" completion $shell
	cp "$out" "$scratch/script.$shell"
	command -v $shell >/dev/null && {
		$shell -n "$scratch/script.$shell" 2>"$err" || sed 's/^/# /' "$err"
		[ ! -s "$err" ]; ok $? "script for $shell: syntax"
	}
done
is "no such shell" 2 "$streamline" completion csh

# What bash itself makes of it: the words of a line as its completion sees them.
ln -s "$streamline" "$scratch/streamline"
cat >"$scratch/try.bash" <<'END'
. "$1/script.bash"
compopt() { :; }
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_streamline
printf '%s\n' "${COMPREPLY[@]}"
END
bash_offers() {
	name=$1 want=$2
	shift 2
	PATH=$scratch:$PATH bash "$scratch/try.bash" "$scratch" streamline "$@" >"$out" 2>"$err"
	grep -qxF -e "$want" "$out" || { sed 's/^/# /' "$out" "$err"; false; }
	ok $? "$name"
}
bash_offers "bash: a verb" check ch
bash_offers "bash: a flag" --workers run --wo
bash_offers "bash: a filter inside quotes" "(tcp) > (untcp" run "'(tcp) > (un"
finish
