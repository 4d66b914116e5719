# `make help` lists the targets. What can be set is on the lines with ?=.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
DESTDIR ?=
BENCH_ARGS ?= --quick

release := target/release
logs := target/test
# The command is built apart from the library, so that what its packages ask of shared ones stays out
# of libcairn.so.
command := --bin cairn --features command
version := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

# The real programs that are run under the checker too.
checked := gcc git java node perl python redis sqlite

# Everything below, and the tests, look for the library in target/release.
unexport CARGO_TARGET_DIR CARGO_BUILD_TARGET

# $(call need,COMMAND,HOW TO INSTALL IT)
define need
	@command -v $(1) >/dev/null || { echo 'make $@: there is no $(1): $(2)' >&2; exit 1; }
endef
need_cargo = $(call need,cargo,get Rust 1.88 or later from https://rustup.rs)
need_gcc = $(call need,gcc,apt-get install gcc)

.PHONY: all
all: ## build libcairn.so, libcairn.a, cairn.h and the command cairn (the default)
	$(need_cargo)
	$(need_gcc)
	cargo build --release
	cargo build --release $(command)

.PHONY: demo
demo: all ## run a real program on Cairn, then programs with a bug, and show what Cairn says
	@c_tests/demo

.PHONY: test
test: all ## run every test: Rust's, the C tests, real programs
	@rm -rf $(logs) && mkdir -p $(logs)
	@$(call group,unit tests,cargo test)
	@$(call group,the command,cargo test $(command))
	@$(call group,the bench,cargo test --manifest-path bench/Cargo.toml)
	@$(call group,the fuzzer,$(test_fuzzer))
	@$(call group,C tests,c_tests/run)
	@$(call group,the checker,c_tests/check/run)
	@$(call group,real programs,c_tests/programs/run)
	@$(call group,checked programs,c_tests/programs/run --check $(checked))
	@$(sum)

# One test at a time: while a script is run, no other thread may allocate.
test_fuzzer := cargo test --release --manifest-path fuzz/Cargo.toml --target-dir target/fuzz/build -- \
    --test-threads=1

# $(call group,NAME,COMMAND): shows what the command says, and keeps it and its status for the sum.
define group
	printf '\n==== %s ====\n' '$(1)'; status=0; \
	$(2) 2>&1 | tee '$(logs)/$(1).log' || status=$${PIPESTATUS[0]}; \
	printf 'status %d\n' "$$status" >>'$(logs)/$(1).log'
endef

# Adds up the closing lines, "test result: ok. 1 passed; 0 failed; 0 ignored; ..." of cargo's and
# "1 passed, 0 failed, 0 skipped" of the others. A group that ended badly and named no failed test
# counts as one. The last line is the sum.
define sum
	printf '\n'; awk ' \
	    FNR == 1 { close_group(); name = FILENAME; gsub(/.*\/|\.log$$/, "", name) } \
	    /^test result: / { p += $$4; f += $$6; s += $$8 } \
	    /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$$/ { p += $$1; f += $$3; s += $$5 } \
	    { status = $$2 } \
	    function close_group() { \
	        if (name == "") return; \
	        if (status != 0 && f == 0) f = 1; \
	        printf "%-16s %d passed, %d failed, %d skipped\n", name, p, f, s; \
	        P += p; F += f; S += s; p = f = s = 0 } \
	    END { close_group(); printf "\n%d passed, %d failed, %d skipped\n", P, F, S; exit F > 0 } \
	' '$(logs)/unit tests.log' '$(logs)/the command.log' '$(logs)/the bench.log' \
	    '$(logs)/the fuzzer.log' '$(logs)/C tests.log' '$(logs)/the checker.log' \
	    '$(logs)/real programs.log' '$(logs)/checked programs.log'
endef

.PHONY: check
check: header ## check the formatting, the lints, and that the committed header is fresh
	$(call need,cargo-fmt,rustup component add rustfmt)
	$(call need,cargo-clippy,rustup component add clippy)
	$(call need,git,apt-get install git)
	cargo fmt --check
	cargo fmt --check --manifest-path bench/Cargo.toml
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --all-targets -- -D warnings
	cargo clippy $(command) --tests -- -D warnings
	cargo clippy --all-targets --manifest-path bench/Cargo.toml -- -D warnings
	cargo fmt --check --manifest-path fuzz/coverage/Cargo.toml
	cargo clippy --all-targets --manifest-path fuzz/Cargo.toml --target-dir target/fuzz/build \
	    -- -D warnings
	CUSTOM_LIBFUZZER_PATH=/none/libfuzzer.a cargo clippy --manifest-path fuzz/coverage/Cargo.toml \
	    --target-dir target/fuzz/coverage -- -D warnings
	@git diff --exit-code -- include/cairn.h || \
	    { echo 'make check: include/cairn.h was stale and has been made anew: commit it' >&2; exit 1; }

.PHONY: bench
bench: all ## run the benchmarks; BENCH_ARGS are their arguments (--quick)
	@test -e bench/Cargo.toml || { echo 'make bench: there is no bench/ here' >&2; exit 1; }
	cargo run --release --manifest-path bench/Cargo.toml -- $(BENCH_ARGS)

.PHONY: bench-check
bench-check: all ## what checking costs, and which tool finds what: minutes
	$(call need,valgrind,apt-get install valgrind)
	bench/check/run
	c_tests/check/table

SECONDS_OF_SOAK := $(if $(filter command line,$(origin SECONDS)),$(SECONDS),60)
.PHONY: soak
soak: all ## check the heap under load for SECONDS=60: threads that come and go, forks, patterns
	@c_tests/soak/run $(SECONDS_OF_SOAK)

# What rustc has to add for libFuzzer; with --target, so that build scripts go without.
coverage := -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cforce-unwind-tables=yes --cfg fuzzing
host := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
.PHONY: fuzz-coverage
fuzz-coverage: ## run libFuzzer's two targets for SECONDS=60 each, from fuzz/coverage/corpus
	$(call need,g++,apt-get install g++)
	RUSTFLAGS='$(coverage)' cargo build --release --manifest-path fuzz/coverage/Cargo.toml \
	    --target $(host) --target-dir target/fuzz/coverage
	@mkdir -p $(addprefix target/fuzz/corpus/,options record)
	@for target in options record; do \
	    printf '\n%s\n' "$$target"; \
	    target/fuzz/coverage/$(host)/release/$$target -max_total_time=$(SECONDS_OF_SOAK) \
	        -max_len=4096 -timeout=60 -rss_limit_mb=4096 -verbosity=0 -print_final_stats=1 \
	        -artifact_prefix=target/fuzz/$$target- target/fuzz/corpus/$$target \
	        fuzz/coverage/corpus/$$target || exit 1; \
	done

# What Miri can run: no system call of Cairn's own, no assembly, no C. Two tests that try every value
# would take hours there.
miri := arithmetic:: front::summary memory::granules::tests::a_free_unit modes::check::marks \
    modes::check::rows os::control_group os::files::tests::a_line os::language::tests::a_program \
    os::modules::tests::a_note services::options::tests::values services::report
.PHONY: miri
miri: ## run on Miri, with nightly Rust, the unit tests that it can run: minutes
	MIRIFLAGS='-Zmiri-disable-isolation -Zmiri-permissive-provenance' cargo +nightly miri test --lib \
	    --target-dir target/miri -- $(miri) --skip every_size_gets --skip every_changed_byte

fuzzer := target/fuzz/build/release/cairn-fuzz
.PHONY: fuzz
fuzz: all ## run random scripts of calls, then random options, for SECONDS=60 each
	cargo build --release --manifest-path fuzz/Cargo.toml --target-dir target/fuzz/build
	$(fuzzer) interface $(SECONDS_OF_SOAK)
	$(fuzzer) options $(SECONDS_OF_SOAK)

.PHONY: header
header: ## make include/cairn.h from src/c/
	$(need_cargo)
	$(need_gcc)
	cargo check --quiet

# What the command writes about itself, under DATADIR.
manual := man/man1/cairn.1
bash_words := bash-completion/completions/cairn
zsh_words := zsh/site-functions/_cairn
fish_words := fish/vendor_completions.d/cairn.fish
generated := $(manual) $(bash_words) $(zsh_words) $(fish_words)

# Builds nothing, so that it can be run as root, who may have no cargo.
.PHONY: install
install: ## install what was built under PREFIX (/usr/local), inside DESTDIR if that is set
	@test -e $(release)/libcairn.so -a -e $(release)/cairn || \
	    { echo 'make install: run make first' >&2; exit 1; }
	install -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)' '$(DESTDIR)$(BINDIR)' \
	    $(foreach file,$(generated),'$(DESTDIR)$(DATADIR)/$(dir $(file))')
	install -m 755 $(release)/libcairn.so '$(DESTDIR)$(LIBDIR)/libcairn.so'
	install -m 644 $(release)/libcairn.a '$(DESTDIR)$(LIBDIR)/libcairn.a'
	install -m 644 include/cairn.h '$(DESTDIR)$(INCLUDEDIR)/cairn.h'
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	    -e 's|@VERSION@|$(version)|' cairn.pc.in >'$(DESTDIR)$(LIBDIR)/pkgconfig/cairn.pc'
	install -m 755 $(release)/cairn '$(DESTDIR)$(BINDIR)/cairn'
	$(release)/cairn man >'$(DESTDIR)$(DATADIR)/$(manual)'
	$(release)/cairn completions bash >'$(DESTDIR)$(DATADIR)/$(bash_words)'
	$(release)/cairn completions zsh >'$(DESTDIR)$(DATADIR)/$(zsh_words)'
	$(release)/cairn completions fish >'$(DESTDIR)$(DATADIR)/$(fish_words)'

.PHONY: uninstall
uninstall: ## remove what install put under PREFIX
	rm -f '$(DESTDIR)$(LIBDIR)/libcairn.so' '$(DESTDIR)$(LIBDIR)/libcairn.a' \
	    '$(DESTDIR)$(INCLUDEDIR)/cairn.h' '$(DESTDIR)$(LIBDIR)/pkgconfig/cairn.pc' \
	    '$(DESTDIR)$(BINDIR)/cairn' $(foreach file,$(generated),'$(DESTDIR)$(DATADIR)/$(file)')

.PHONY: clean
clean: ## remove everything that was built
	rm -rf target bench/target

.PHONY: help
help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12
