#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# examples.sh -- the programs of examples/ against what "make install" installs
#
# Installs into a scratch directory and uses nothing of the tree but the text of
# the examples and the recorded capture: each public header must compile alone;
# each example must build through pkg-config without a warning and do what its line
#
#	 * run: ARGUMENTS
#
# says, where $PCAP stands for a capture and $OUT for an empty directory; without
# such a line it is given the capture. A line " * shows: WORDS" names what must be
# in its output.
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$(pwd)
build=${SL_BUILD:-build}
CC=${CC:-cc}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
dest=$scratch/root

ok() {
	if [ "$1" = 0 ]; then
		echo "ok $2"
	else
		[ -f "$scratch/log" ] && sed 's/^/# /' "$scratch/log"
		echo "not ok $2"
	fi
}

if [ ! -e "$build/libstreamline.so" ] || [ ! -e "$build/streamline" ]; then
	echo "ok install # skip nothing built in $build"
	exit 0
fi
DESTDIR=$dest meson install -C "$build" --quiet --no-rebuild >"$scratch/log" 2>&1
ok $? install

pc=$(find "$dest" -name streamline.pc)
[ -n "$pc" ]; ok $? "install: streamline.pc"
[ -n "$pc" ] || exit 1
PKG_CONFIG_SYSROOT_DIR=$dest
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH
cflags=$(pkg-config --cflags streamline) && libs=$(pkg-config --libs streamline)
ok $? "install: pkg-config"
libdir=$(dirname "$(find "$dest" -name libstreamline.so)")

for f in libstreamline.a libstreamline.so.0 bin/streamline streamline/ac/demo.ac \
	 man7/streamline-filters.7 bash-completion/completions/streamline \
	 site-functions/_streamline vendor_completions.d/streamline.fish; do
	found=$(find "$dest" -path "*/$f" | head -n 1)
	[ -n "$found" ]; ok $? "install: $f"
done
for f in $(tools/sources man); do
	found=$(find "$dest" -name "$(basename "$f")*" | head -n 1)
	[ -n "$found" ]; ok $? "install: $(basename "$f")"
done

# All that the library exports is ours by name, and it has its soname.
strange=$(nm -D --defined-only "$libdir/libstreamline.so" | awk '$2 ~ /[TDBRVW]/ && $3 !~ /^_*sl_/ { print $3 }')
echo "$strange" >"$scratch/log"
[ -z "$strange" ]; ok $? "install: only sl_ is exported"
readelf -d "$libdir/libstreamline.so" >"$scratch/log"
grep -q 'SONAME.*\[libstreamline\.so\.0\]' "$scratch/log"; ok $? "install: soname"

for h in "$dest"/usr/local/include/streamline/*.h; do
	[ -e "$h" ] || h=$(find "$dest" -name streamline.h)
	name=streamline/$(basename "$h")
	printf '#include <%s>\n' "$name" >"$scratch/alone.c"
	$CC -std=gnu17 -Wall -Wextra -Werror -fsyntax-only $cflags "$scratch/alone.c" \
		>"$scratch/log" 2>&1
	ok $? "header alone: $name"
done

LD_LIBRARY_PATH=$libdir
export LD_LIBRARY_PATH
found=
for src in examples/*.c; do
	[ -e "$src" ] || continue
	found=1
	name=$(basename "$src" .c)
	$CC -std=gnu17 -O1 -Wall -Wextra -Werror $cflags "$root/$src" -o "$scratch/$name" $libs \
		>"$scratch/log" 2>&1
	status=$?
	ok $status "example $name builds"
	[ $status = 0 ] || continue
	PCAP=$root/demo/demo.pcap
	OUT=$scratch/out-$name
	mkdir "$OUT"
	args=$(sed -n 's/^ \* run: *//p' "$src" | head -n 1)
	[ -n "$args" ] || args='$PCAP'
	eval "(cd '$scratch' && timeout 20 './$name' $args)" >"$scratch/log" 2>&1 </dev/null
	ok $? "example $name runs"
	shows=$(sed -n 's/^ \* shows: *//p' "$src" | head -n 1)
	if [ -n "$shows" ]; then
		grep -qF -e "$shows" "$scratch/log"; ok $? "example $name shows: $shows"
	fi
done
[ -n "$found" ] || echo "ok examples # skip there are none yet"
