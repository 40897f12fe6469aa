#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# verbs.sh -- the call itself: verbs, flags, exit statuses, what goes where
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/tap

is "bare" 0 "$streamline"
[ "$(wc -l <"$out")" -le 10 ]; ok $? "bare: ten lines"
is "help" 0 "$streamline" help
is "--help" 0 "$streamline" --help
is "--version" 0 "$streamline" --version
has "--version names itself" "$out" "streamline "
for verb in run check plan graph fmt inspect explain doctor completion; do
	is "help $verb" 0 "$streamline" help $verb
	cp "$out" "$scratch/help"
	is "$verb --help" 0 "$streamline" $verb --help
	cmp -s "$out" "$scratch/help"; ok $? "$verb --help says the same"
	[ -f docs/man/streamline-$verb.1 ]; ok $? "$verb has a manual page"
	for flag in $(sed -n 's/^ .*\(--[a-z-]*\).*/\1/p' "$out"); do
		[ "$flag" = --help ] && continue
		sed 's/\\-/-/g' docs/man/streamline-$verb.1 docs/man/streamline.1 |
			grep -qF -e "$flag"
		ok $? "$verb: the page knows $flag"
	done
done

is "unknown verb" 2 "$streamline" rnu
has "unknown verb: what was meant" "$err" "did you mean 'run'?"
is "request without verb" 2 "$streamline" '(tcp) > (count)'
has "request without verb: the fix" "$err" "streamline run"
is "unknown flag" 2 "$streamline" run --wrokers 2 '(tcp)'
has "unknown flag: what was meant" "$err" "did you mean '--workers'?"
is "unknown letter" 2 "$streamline" run -Z
is "flag of another verb" 2 "$streamline" run --mermaid '(tcp)'
is "flag without value" 2 "$streamline" run -r
is "value for a switch" 2 "$streamline" run --json=yes '(tcp)'
is "flag twice" 2 "$streamline" check -f a -f b
is "-D without =" 2 "$streamline" check -D x '(tcp)'
is "workers: none" 2 "$streamline" check -j 0 '(tcp)'
is "workers: a word" 2 "$streamline" check --workers=two '(tcp)'
is "no request" 2 "$streamline" run
is "two requests" 2 "$streamline" check -f demo/run '(tcp)'
is "no such file" 2 "$streamline" check -f "$scratch/none"
has "no such file: named" "$err" "$scratch/none"
printf 'a\0b' >"$scratch/zero"
is "zero byte" 2 "$streamline" check -f "$scratch/zero"

is "words are joined" 0 "$streamline" check '(tcp)' '>' '(count)'
has "words are joined: counted" "$out" "ok: 2 filters, 1 stream"
is "flags after the request" 0 "$streamline" check '(tcp) > (count)' -q
[ ! -s "$out" ]; ok $? "-q prints nothing"
is "-- ends flags" 2 "$streamline" check -- -q
is "value glued to the letter" 0 "$streamline" run -q -r"$pcap" '(tcp) > (count)'
is "value behind =" 0 "$streamline" run -q --read="$pcap" '(tcp) > (count)'
echo '(tcp) > (count)' >"$scratch/a.srl"
is "-f" 0 "$streamline" check -f "$scratch/a.srl"
"$streamline" check -f - <"$scratch/a.srl" >"$out" 2>&1
ok $? "-f -"

is "check: wrong" 2 "$streamline" check '(tpc) > (count)'
[ ! -s "$out" ]; ok $? "check: errors go to standard error"
has "check: code" "$err" "error[E104]"
has "check: outcome" "$err" "nothing was started"
is "check --json: right" 0 "$streamline" check --json '(tcp) > (count)'
[ "$(cat "$out")" = '{"ok":true,"diagnostics":[],"no_effect":[]}' ]; ok $? "check --json: nothing to say"
is "check --json: wrong" 2 "$streamline" check --json '(tpc) > (count)'
has "check --json: code" "$out" '"code":"E104"'
[ ! -s "$err" ]; ok $? "check --json: quiet on standard error"
is "check --no-env: no file is looked at" 0 "$streamline" check --no-env '(pcapin /nonexistent) > (count)'
is "check: a file is looked at" 2 "$streamline" check '(pcapin /nonexistent) > (count)'

is "run: no capture" 2 "$streamline" run -r "$scratch/none" '(tcp) > (count)'
is "run: order of a space" 3 "$streamline" run -r "$pcap" '(tcp)@kernel > (count)'
is "run" 0 "$streamline" run -r "$pcap" '(tcp) > (count)'
[ ! -s "$out" ]; ok $? "run: words go to standard error"
has "run: what was supplied" "$err" "using: source"
has "run: the drawing" "$err" "pcapin"
has "run: the ledger" "$err" "lost in all: 0 blocks, 0 bytes"
has "run: the summary" "$err" "lost 0"
is "run -q" 0 "$streamline" run -q -r "$pcap" '(tcp) > (count)'
[ ! -s "$out" ] && [ ! -s "$err" ]; ok $? "run -q prints nothing"
idle='(tcp)@user[cpu=2 workers=2] -80-> [drop=oldest] (count)'
is "run: options without effect" 0 "$streamline" run -r "$pcap" "$idle"
has "run: an arrow's" "$err" "no effect: drop=oldest on tcp.80"
has "run: a space's" "$err" "no effect: cpu=2 on tcp"
hasnt "run: workers have one" "$err" "no effect: workers"
is "check: options without effect" 0 "$streamline" check "$idle"
has "check: they are named" "$out" "no effect: cpu=2 on tcp"
is "check --json: options without effect" 0 "$streamline" check --json "$idle"
has "check --json: they are named" "$out" '"no_effect":["drop=oldest on tcp.80'
is "run -j: nothing to spread" 0 "$streamline" run -j 4 -r "$pcap" '(jsonout /dev/null)'
has "run -j: it says so" "$err" "no effect: workers=4: no filter here can be split by flow"
is "batch: an arrow wins" 0 "$streamline" check 'set batch=8; (pcapin x) { > [batch=4] (count); > [batch=2] (null) }' --no-env
has "batch: over set" "$out" "no effect: set batch="
has "batch: over another arrow" "$out" "no effect: batch= on pcapin: a source has one size"

is "run: two captures" 0 "$streamline" run --json -r "$pcap" -r "$pcap" '(count)'
one=$("$streamline" run --json -r "$pcap" '(count)' 2>/dev/null | grep -o '"values":{"blocks":[0-9]*' | grep -o '[0-9]*$')
has "run: both are read" "$out" "\"values\":{\"blocks\":$((one * 2))"

is "matcher: some" 0 "$streamline" run -q -r "$pcap" '(tcp) > (grep "HTTP/1") > (null)'
is "matcher: none" 1 "$streamline" run -q -r "$pcap" '(tcp) > (grep "no such text") > (null)'
is "matcher: trouble" 2 "$streamline" run -q -r "$scratch/none" '(tcp) > (grep "x") > (null)'

is "help of a file" 0 "$streamline" fmt '(tcp) > (count)'
printf 'let n = 3  # how many\n(head $n) > (count)\n' >"$scratch/let.srl"
is "-f FILE --help" 0 "$streamline" run -f "$scratch/let.srl" --help
has "-f FILE --help: parameter" "$out" "-D n=3"
has "-f FILE --help: its help" "$out" "how many"
is "-D" 0 "$streamline" run --json -r "$pcap" -f "$scratch/let.srl" -D n=5
has "-D: wins over let" "$out" '"values":{"blocks":5'
printf '#!/usr/bin/env -S streamline run -f\nlet file = x.pcap\n(pcapin $file) > (count)\n' >"$scratch/prog"
chmod +x "$scratch/prog"
ln -s "$streamline" "$scratch/streamline"
PATH=$scratch:$PATH "$scratch/prog" --json -D file="$pcap" >"$out" 2>"$err"
ok $? "a request file is a program"

is "plan" 0 "$streamline" plan -r "$pcap" '(tcp)@kernel? > (count)'
has "plan: borders" "$out" "0 borders"
has "plan: wish" "$out" "wish not met: tcp@kernel?"
has "plan: supplied" "$out" "supplied: source"
has "plan: not chosen" "$out" "not chosen: several workers"
is "plan --srl" 0 "$streamline" plan --srl -r "$pcap" '(tcp)@kernel? > (count)'
is "plan --srl is a request" 0 "$streamline" check "$(cat "$out")"
is "plan --why" 0 "$streamline" plan --why tcp -r "$pcap" '(tcp) > (count)'
has "plan --why: the space" "$out" "tcp (tcp) runs in user"
is "plan --why: no such filter" 2 "$streamline" plan --why tpc -r "$pcap" '(tcp) > (count)'
is "plan: one answer" 2 "$streamline" plan --srl --json -r "$pcap" '(tcp) > (count)'
is "plan -j" 0 "$streamline" plan -j 2 -r "$pcap" '(tcp) > (count)'
has "plan -j: rings" "$out" "ring"
has "plan -j: workers" "$out" "user/workers"

is "graph" 0 "$streamline" graph '(tcp) { -80-> (web: count); -else-> (rest: count) }'
is "graph --dot" 0 "$streamline" graph --dot '(tcp) -80-> (count)'
has "graph --dot: an edge" "$out" '[label="80"]'
is "graph --mermaid" 0 "$streamline" graph --mermaid '(tcp) -80-> (count)'
has "graph --mermaid: an edge" "$out" '-->|"80"|'
LC_ALL=C "$streamline" graph '(tcp) > (count)' >"$out" 2>&1
! LC_ALL=C grep -q '[^ -~]' "$out"; ok $? "graph: ASCII where the locale has no more"
LC_ALL=C.UTF-8 "$streamline" graph '(tcp) > (count)' >"$out" 2>&1
has "graph: lines where it has" "$out" "──>"

is "a number in quotes is a number" 0 "$streamline" fmt --expand '(tcp) -"80"-> (count)'
is "a name on a bar" 2 "$streamline" check 'tcp |http count'
has "a name on a bar: what to write" "$err" "a name needs arrows: (...) -http-> (count)"
is "a filter's name on a bar" 2 "$streamline" check 'ip |udp count'
has "a filter's name on a bar: what to write" "$err" "a name needs arrows: (...) -udp-> (count)"
if [ ! -e /usr/local/share/streamline/ac/demo.ac ]; then
	cp "$streamline" "$scratch/moved"
	is "rules of the sources" 0 "$streamline" check '(tcp) > (untcp) > (ac) > (null)'
	is "a copy elsewhere does not take them" 2 "$scratch/moved" check '(tcp) > (untcp) > (ac) > (null)'
fi

is "fmt" 0 "$streamline" fmt '(tcp)-80->(count)'
[ "$(cat "$out")" = '(tcp) -80-> (count)' ]; ok $? "fmt: canonical"
is "fmt --expand" 0 "$streamline" fmt --expand 'def f(p) { in -$p-> (count) > out }; (tcp) > (f p=80) > (null)'
hasnt "fmt --expand: no macro is left" "$out" "def"

is "inspect" 0 "$streamline" inspect
for filter in pcapin pcapout tcp untcp ac count; do
	has "inspect lists $filter" "$out" "  $filter "
done
is "inspect FILTER" 0 "$streamline" inspect tcp
has "inspect FILTER: parameters" "$out" "default dport"
is "inspect PATTERN" 0 "$streamline" inspect '*out'
has "inspect PATTERN: found" "$out" "pcapout"
hasnt "inspect PATTERN: no others" "$out" "  tcp "
is "inspect: unknown" 2 "$streamline" inspect untpc
has "inspect: what was meant" "$err" "did you mean 'untcp'?"
is "inspect: nothing matches" 2 "$streamline" inspect 'zzz*'

cat >"$scratch/web.srl" <<'END'
def web(port=80, rules) {
  in -$port-> (untcp) > (ac rules=$rules) > out
  in -else-> out.rest
}
(tcp) > (w: web rules=x.ac) > (null)
END
is "inspect -f" 0 "$streamline" inspect -f "$scratch/web.srl"
has "inspect -f: the macro" "$out" "web    def of"
is "inspect -f DEF" 0 "$streamline" inspect -f "$scratch/web.srl" web
has "inspect -f DEF: a default" "$out" "port         default 80"
has "inspect -f DEF: no default" "$out" "rules        must be given"
has "inspect -f DEF: its ends" "$out" "out      plain, -rest->"
has "inspect -f DEF: its filters" "$out" "filters  untcp, ac"
has "inspect -f DEF: its text" "$out" "in -else-> out.rest"
is "inspect -f FILTER" 0 "$streamline" inspect -f "$scratch/web.srl" tcp
is "inspect -f: unknown" 2 "$streamline" inspect -f "$scratch/web.srl" wbe
is "inspect -f --json" 0 "$streamline" inspect --json -f "$scratch/web.srl" web
has "inspect -f --json: parameters" "$out" '{"name":"rules","required":true,"default":null}'
echo '(tcp) > (null)' >"$scratch/none.srl"
is "inspect -f: no defs" 0 "$streamline" inspect -f "$scratch/none.srl"
echo '(tcp' >"$scratch/broken.srl"
is "inspect -f: a wrong file" 2 "$streamline" inspect -f "$scratch/broken.srl" tcp

is "explain --json" 0 "$streamline" explain --json e104
has "explain --json: title" "$out" '{"code":"E104","title":"'
is "explain --json: all" 0 "$streamline" explain --json
is "explain" 0 "$streamline" explain
has "explain lists codes" "$out" "E104"
is "explain CODE" 0 "$streamline" explain e104
is "explain: unknown" 2 "$streamline" explain E999

if [ -c /dev/full ]; then
	"$streamline" inspect >/dev/full 2>"$err"
	[ $? = 1 ]; ok $? "a full standard output fails"
fi
"$streamline" inspect 2>"$err" | head -n 1 >"$out"
[ ! -s "$err" ]; ok $? "a closed standard output is no news"
finish
