#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# signals.sh -- an interrupt drains and reports, also one that is sent twice; the second ends at once
#
# The source is a pipe that stays open, so the run waits for more until it is told to
# stop. That the capture was read shows in the file that it goes into.
cd "$(dirname "$0")/../.." || exit 1
. tests/cli/tap

# start SIGNAL: a run that waits for more
start() {
	mkfifo "$scratch/in"
	(cat "$pcap"; exec sleep 20) >"$scratch/in" &
	writer=$!
	rm -f "$scratch/lines"
	env --default-signal=INT,TERM "$streamline" run --json '(pcapin -) > (print file='"$scratch/lines"')' \
		<"$scratch/in" >"$out" 2>"$err" &
	run=$!
	for i in $(seq 100); do
		[ -s "$scratch/lines" ] && break
		sleep 0.1
	done
	[ -s "$scratch/lines" ]; ok $? "SIG$1: it runs"
}

end() {
	kill $writer 2>/dev/null
	rm -f "$scratch/in"
}

for sig in INT TERM; do
	start $sig
	kill -s $sig $run
	wait $run
	ok $? "SIG$sig: it drains and ends well"
	has "SIG$sig: it reports" "$out" '"event":"report"'
	end

	# As timeout sends it: to the process, then to its group.
	start "$sig twice"
	kill -s $sig $run
	kill -s $sig $run 2>/dev/null
	wait $run
	ok $? "SIG$sig twice: it ends well"
	has "SIG$sig twice: it reports" "$out" '"event":"report"'
	end
done
finish
