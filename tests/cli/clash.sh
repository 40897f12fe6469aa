#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# clash.sh -- an output that something else reads or writes is refused before anything runs
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/tap

refused() {
	is "$1: refused" 2 "$streamline" run "$3" "$4" "$5"
	has "$1: code" "$err" "error[E206]"
	has "$1: says why" "$err" "$2"
}

cd "$scratch" || exit 1
cp "$pcap" in.pcap
cp "$pcap" before.pcap
ln -s in.pcap link.pcap
echo 'a: GET' >r.ac
echo 'let dest = m.srl; (pcapin in.pcap) > (pcapout $dest)' >m.srl
echo 'def f() { in > (pcapout lib.srl) }' >lib.srl
echo 'use "lib.srl"; (pcapin in.pcap) > (f)' >use.srl
mkdir sub

refused "the source" "'pcapin' reads it" -r in.pcap '(pcapout in.pcap)'
refused "the source by jsonout" "'pcapin' reads it" -r in.pcap '(jsonout in.pcap)'
refused "the source by print" "'pcapin' reads it" -r in.pcap '(print file=in.pcap) > (null)'
refused "the source by another path" "'pcapin' reads it" -r in.pcap '(pcapout sub/../in.pcap)'
refused "the source by a link" "'pcapin' reads it" -r link.pcap '(jsonout in.pcap)'
refused "rules" "'ac' reads it" -r in.pcap '(ac rules=r.ac) > (pcapout r.ac)'
refused "two writers" "'pcapout' writes it" -r in.pcap '{ (pcapout x.pcap); (jsonout ./x.pcap) }'
refused "two writers in a folder" "'pcapout' writes it" -r in.pcap \
	'{ (pcapout sub/x.pcap); (jsonout sub/../sub/x.pcap) }'
refused "standard output" "'print' writes it" -r in.pcap '(print) > (pcapout -)'
refused "the request" "the request stands in it" -q -f m.srl
refused "what the request uses" "the request stands in it" -q -f use.srl
cmp -s in.pcap before.pcap
ok $? "the input is as it was"
[ ! -e x.pcap ] && [ ! -e sub/x.pcap ]
ok $? "nothing was made"
grep -q GET r.ac && grep -q dest m.srl && grep -q 'def f' lib.srl
ok $? "rules and request are as they were"

is "check finds it too" 2 "$streamline" check -r in.pcap '(pcapout in.pcap)'
is "but not without the environment" 0 "$streamline" check --no-env '(pcapin in.pcap) > (pcapout in.pcap)'
is "a device may be shared" 0 "$streamline" run -q -r in.pcap '{ (pcapout /dev/null); (jsonout /dev/null) }'
is "one name in two folders" 0 "$streamline" run -q -r in.pcap '{ (pcapout y.pcap); (p: pcapout sub/y.pcap) }'
is "names that the run fills in" 0 "$streamline" check -r in.pcap \
	'(tcp) { > (pcapout "{class}.pcap"); > (p: pcapout "{class}.pcap") }'
is "names that were left out" 0 "$streamline" run -q -r in.pcap '{ (pcapout); (p: pcapout) }'
is "and a second time" 0 "$streamline" run -q -r in.pcap '{ (pcapout); (p: pcapout) }'
[ "$(ls pcapout-*.pcap | wc -l)" = 4 ]
ok $? "no file is written over"
finish
