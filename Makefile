# What there is to do: `make`. Needs cargo, Rust 1.89 or newer and a C compiler; everything else comes with them.

CARGO    ?= cargo
RUST_MIN := 1.89
PREFIX   ?=
SECONDS  ?= 60
BYTES    ?= 4096
TARGETS  ?=
SHARD    ?= 0/8

.DEFAULT_GOAL := help
.PHONY: help demo check test slow page bench fuzz mutants install compare proof deb system toolchain

help: ## show this list
	@printf 'tamis: a fine sieve for web server access logs (needs Rust %s or newer)\n\n' '$(RUST_MIN)'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: toolchain ## build, and sieve the sample logs before your eyes
	@$(CARGO) build --release --locked --quiet
	@samples/demo.sh '$(CURDIR)/target/release/tamis'

check: toolchain ## everything that must hold: format, lints, tests, documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) test --locked
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps

test: toolchain ## run the tests
	$(CARGO) test --locked

slow: toolchain ## run the tests that take minutes
	$(CARGO) test --locked --release --test batch --test quarantine -- --ignored --nocapture
	TAMIS_KILLS=1000 TAMIS_STORMS=300 $(CARGO) test --locked --test service --test sealing -- kills:: rotations::
	TAMIS_REQUESTS=20000 $(CARGO) test --locked --test recipes

proof: toolchain ## show what is promised, as a whole: leaks, faults, kills, full disks, servers, a booted system (an hour)
	TAMIS_IDENTIFIERS=460 $(CARGO) test --locked --test leaks -- --nocapture
	TAMIS_PROOF=1 $(CARGO) test --locked --release --test proof --test counts --test quarantine -- --nocapture
	TAMIS_FAULTS=40 $(CARGO) test --locked --test faults -- --test-threads 8
	$(MAKE) --no-print-directory slow
	$(MAKE) --no-print-directory system
	$(MAKE) --no-print-directory compare

page: toolchain ## look at the pages of counts with Chromium, and leave pictures (NODE_PATH has the packages)
	$(CARGO) test --locked --test page
	@ls target/tmp/page/*.png 2>/dev/null || echo 'no pictures: it needs Chromium, Node.js, and' \
	    'npm install playwright-core axe-core in a folder whose node_modules NODE_PATH names' >&2

bench: toolchain ## compare the speed with other tools, side by side
	$(CARGO) build --release --locked
	benches/compare.py
	benches/formats.py
	benches/tokens.py
	benches/seal.py
	benches/batch.py
	benches/instructions.py
	benches/hostile.py
	benches/service.py --seconds $(SECONDS)

compare: toolchain ## give the same log to tamis and to other programs, and tell which identifiers came out
	$(CARGO) build --release --locked
	benches/peers.py

# Without AddressSanitizer: the code is safe Rust, in which debug assertions find what there is to find, and what others
# wrote in C is not instrumented by it. So a stable toolchain does, and all targets are built once, at a lower level of
# optimisation. An input that takes five seconds or a gigabyte is a finding too.
fuzz: toolchain ## run each fuzz target for a minute (SECONDS=n, TARGETS='lane json', BYTES=65536); needs cargo-fuzz
	@command -v cargo-fuzz >/dev/null 2>&1 || { echo 'first: cargo install --locked cargo-fuzz' >&2; exit 1; }
	CARGO_INCREMENTAL=0 $(CARGO) fuzz build --fuzz-dir tests/fuzz --sanitizer none --codegen-units 16
	tests/fuzz/run.py --seconds $(SECONDS) --bytes $(BYTES) $(TARGETS)

mutants: toolchain ## plant small mistakes and see that tests notice (SHARD=k/n: another part, 0/1: all); needs cargo-mutants
	@command -v cargo-mutants >/dev/null 2>&1 || { echo 'first: cargo install --locked cargo-mutants' >&2; exit 1; }
	CARGO_INCREMENTAL=1 $(CARGO) mutants --jobs 1 --baseline skip --timeout 300 --sharding round-robin --shard $(SHARD) \
	    --output target

install: toolchain ## install tamis, into ~/.cargo/bin or into PREFIX=/usr/local
	$(CARGO) install --locked --path . $(if $(PREFIX),--root '$(PREFIX)')

deb: toolchain ## make the Debian package, below target/debian; needs cargo-deb
	@command -v cargo-deb >/dev/null 2>&1 || { echo 'first: cargo install --locked cargo-deb' >&2; exit 1; }
	$(CARGO) build --release --locked
	@rm -rf target/deb && mkdir -p target/deb/completions
	target/release/tamis man target/deb/man
	target/release/tamis completions bash > target/deb/completions/tamis
	target/release/tamis completions zsh > target/deb/completions/_tamis
	target/release/tamis completions fish > target/deb/completions/tamis.fish
	$(CARGO) deb --no-build --locked

system: toolchain ## boot a real systemd with the package installed, as root (systemd-container, mmdebstrap, cargo-deb)
	tests/system/run.sh

# Says what is missing before cargo does it at length.
toolchain:
	@command -v $(CARGO) >/dev/null 2>&1 || { \
	    echo 'tamis is built with cargo, which is not here. Install Rust $(RUST_MIN) or newer' \
	         'from https://rustup.rs, then run make again.' >&2; exit 1; }
	@version=$$($(CARGO) --version | awk '{ print $$2 }'); \
	oldest=$$(printf '%s\n' '$(RUST_MIN)' "$$version" | sort -V | head -n 1); \
	[ "$$oldest" = '$(RUST_MIN)' ] || { \
	    echo "tamis needs Rust $(RUST_MIN) or newer, and this is $$version. Run: rustup update stable" >&2; \
	    exit 1; }
