#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The library exports what its public headers declare: no more, no less.
set -u
cd "$(dirname "$0")/../.." || exit 1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

so=${SL_BUILD:-build}/libstreamline.so
[ -f "$so" ] || { echo "ok exported_symbols # skip no $so"; exit 0; }

# Every function that a header names in front of a parenthesis and does not define itself.
cat include/streamline/*.h |
	perl -0pe 's,/\*.*?\*/,,gs; s/^static inline[^{]*\{.*?^\}//gms' |
	perl -ne 'print "$1\n" if /^[A-Za-z_][\w \*]*?\b(sl_\w+)\(/ && !/^(typedef|#)/' | sort -u >"$scratch/declared"
nm -D --defined-only "$so" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort -u >"$scratch/exported"

if diff "$scratch/declared" "$scratch/exported" >"$scratch/diff"; then
	echo "ok exported_symbols"
else
	echo "not ok exported_symbols: < declared, > exported"
	sed 's/^/# /' "$scratch/diff"
	exit 1
fi
for h in include/streamline/*.h; do
	if echo "#include \"$h\"" | ${CC:-cc} -std=gnu17 -Wall -Wextra -Werror -I. -Iinclude -fsyntax-only -x c -; then
		echo "ok $(basename "$h")_alone"
	else
		echo "not ok $(basename "$h")_alone"
	fi
done
