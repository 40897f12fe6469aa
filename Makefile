# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A thin front for meson and ninja. All of it is quiet unless something fails.
#
#	make			./build/streamline and the libraries
#	make demo		the recorded capture through the seed's pipeline
#	make test		everything that can fail; ends "N passed, N failed"
#	make bench		we and the peers on one input; writes bench/REPORT.md
#	make bench-live		capture of live traffic, we and the peers; writes bench/LIVE.md
#	make test-kernels	the kernel tests under Debian's kernel in an emulated machine
#	make fuzz		each fuzz target for FUZZ_S seconds (default 60)
#	make soak		the same for ten minutes each
#	make asan, make tsan	builds under the sanitizers, in build-asan, build-tsan
#	make check-clang	everything with clang; a warning is an error
#	make check-gcc		likewise with gcc
#	make install DESTDIR=	PREFIX= (default /usr/local)
#	make deps		install all that any target needs
#
# BUILD moves the build directories elsewhere, JOBS bounds the compilers.

BUILD	?= build
PREFIX	?= /usr/local
FUZZ_S	?= 60

SAN	:= -Dbuildtype=debugoptimized -Ddebug_ledger=true -Db_lundef=false
ASAN	:= $(SAN) -Db_sanitize=address,undefined
TSAN	:= $(SAN) -Db_sanitize=thread
FUZZ	:= $(ASAN) -Dfuzz=true

export JOBS
export SL_BUILD := $(BUILD)

.PHONY: all demo test test-ready test-kernels bench bench-live fuzz soak asan tsan fuzzers check-clang check-gcc install deps clean

all:
	@tools/deps -n build
	@tools/build $(BUILD) -Dprefix=$(PREFIX)

demo:
	@tools/deps build
	@tools/build $(BUILD) -Dprefix=$(PREFIX) -- streamline
	@demo/run $(BUILD)/streamline

test: test-ready
	@tests/run

test-ready:
	@tools/deps build test fuzz
	@$(MAKE) --no-print-directory all

bench:
	@tools/deps build bench
	@tools/build $(BUILD) -Dprefix=$(PREFIX) -- all benchmarks
	@bench/run

bench-live:
	@tools/deps build bench
	@tools/build $(BUILD) -Dprefix=$(PREFIX) -- all benchmarks
	@bench/live/run

test-kernels:
	@tools/deps build kernels
	@$(MAKE) --no-print-directory all
	@tests/kernels/boot

asan:
	@tools/build $(BUILD)-asan $(ASAN)

tsan:
	@tools/build $(BUILD)-tsan $(TSAN)

fuzzers:
	@tools/deps build fuzz
	@CC=clang tools/build $(BUILD)-fuzz $(FUZZ)

fuzz: fuzzers
	@tests/fuzz/run $(BUILD)-fuzz $(FUZZ_S)

soak: fuzzers
	@tests/fuzz/run $(BUILD)-fuzz 600

check-clang:
	@CC=clang tools/build $(BUILD)-clang -Dwerror=true -- all benchmarks

check-gcc:
	@CC=gcc tools/build $(BUILD)-gcc -Dwerror=true -- all benchmarks

install: all
	@DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --quiet --no-rebuild

deps:
	@tools/deps build test fuzz bench demo-record

clean:
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz $(BUILD)-clang $(BUILD)-gcc
