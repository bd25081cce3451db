# fsd and fsc. `make help` lists what can be made.

VERSION := 0.1.0

prefix ?= /usr/local
bindir ?= $(prefix)/bin
sbindir ?= $(prefix)/sbin
datarootdir ?= $(prefix)/share
mandir ?= $(datarootdir)/man
completionsdir ?= $(datarootdir)/bash-completion/completions
libdir ?= $(prefix)/lib
unitdir ?= $(prefix)/lib/systemd/system
sysusersdir ?= $(prefix)/lib/sysusers.d
sysconfdir ?= /etc
DESTDIR ?=

CC ?= cc
CFLAGS ?= -O2 -g
WERROR ?=
# The folder of what is built; `make asan` has one of its own.
BUILD ?= build
SANITIZE ?=

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wcast-align -Wcast-qual -Wwrite-strings -Wundef -Wvla \
	-Wformat=2 -Wnull-dereference -Wimplicit-fallthrough
HARDENING := -fstack-protector-strong -fstack-clash-protection -fPIE
# _FORTIFY_SOURCE and the sanitizers are in each other's way.
ifeq ($(SANITIZE),)
HARDENING += -D_FORTIFY_SOURCE=2
endif
ALL_CPPFLAGS = -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 \
	-DFSD_VERSION='"$(VERSION)"' -DFSD_CONFIG='"$(sysconfdir)/fsd/fsd.conf"' \
	-DFSC_CONFIG='"$(sysconfdir)/fsc/fsc.conf"' -DTLS_MODULE='"$(libdir)/fsd/tls.so"' \
	-DFSC_KNOWN_SERVERS='"$(sysconfdir)/fsc/known_servers"' $(CPPFLAGS)
ALL_CFLAGS = -std=c17 -pthread $(WARNINGS) $(HARDENING) $(SANITIZE) $(CFLAGS) $(WERROR)
ALL_LDFLAGS = -pthread -fPIE -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANITIZE) $(LDFLAGS)
# LeakSanitizer crashes over libraries with data for each thread that were loaded later, such as GnuTLS.
ifneq ($(findstring address,$(SANITIZE)),)
ALL_LDFLAGS += -Wl,--no-as-needed -lgnutls -Wl,--as-needed
endif

PROTOCOL := $(wildcard protocol/*.c)
SETTINGS := $(wildcard settings/*.c)
# The module that has GnuTLS, and what loads it.
TLS := $(filter-out tls/load.c,$(wildcard tls/*.c))
TLS_LOADER := tls/load.c
DAEMON := $(wildcard daemon/*.c daemon/store/*.c daemon/requests/*.c)
SCRUB := $(wildcard daemon/scrub/*.c)
CLI := $(wildcard cli/*.c cli/commands/*.c)
UNIT := $(wildcard tests/unit/*.c)
BENCH := $(wildcard bench/*.c)
FAULTS := $(wildcard tests/faults/*.c)
FUZZ := $(wildcard tests/fuzz/*.c)
SOURCES := $(PROTOCOL) $(SETTINGS) $(TLS) $(TLS_LOADER) $(DAEMON) $(SCRUB) $(CLI) $(UNIT) $(BENCH) $(FAULTS) $(FUZZ)
HEADERS := $(wildcard protocol/*.h settings/*.h tls/*.h daemon/*.h daemon/*/*.h cli/*.h cli/*/*.h tests/unit/*.h tests/fuzz/*.h)
COMPLETIONS := $(wildcard completions/*)
# Whatever has a shell in its first line, and what is for bash to source.
SCRIPTS = $(COMPLETIONS) $(wildcard */*.bash) $(shell awk 'FNR == 1 && /^.!.*(sh|bats)$$/ { print FILENAME }' \
	$$(find .ci packaging tests bench -type f))

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
UNIT_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(UNIT))
BENCH_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(BENCH))
FUZZ_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(FUZZ))
FAULT_PROGRAMS := $(addprefix $(BUILD)/tests/faults/,disk mistakes.so tracer)
MANUALS := $(patsubst man/%.scd,$(BUILD)/man/%,$(wildcard man/*.scd))

# Quiet unless V=1.
ifeq ($(V),1)
say = @:
Q :=
else
say = @printf '  %-7s %s\n'
Q := @
endif

BUILD_PACKAGES := gcc libc6-dev make pkgconf libconfig-dev nettle-dev libgnutls28-dev libseccomp-dev
TEST_PACKAGES := $(BUILD_PACKAGES) bats bats-assert bats-support parallel python3 netcat-openbsd \
	util-linux procps e2fsprogs scdoc man-db attr git jq \
	strace tmux valgrind openssh-client bash-completion gnutls-bin openssl iproute2
# sshd and fail2ban, which some tests need: their packages would start servers on somebody's own machine.
ifneq ($(CI),)
TEST_PACKAGES += openssh-server fail2ban
endif
POWERCUT_PACKAGES := $(TEST_PACKAGES) fuse3 libfuse3-dev xfsprogs btrfs-progs
DEB_PACKAGES := $(BUILD_PACKAGES) scdoc debhelper dpkg-dev xz-utils
PACKAGE_PACKAGES := $(TEST_PACKAGES) $(DEB_PACKAGES) lintian blhc debootstrap debian-archive-keyring systemd-container wget
# libclang-rt-dev has libFuzzer; Debian 13 has it too.
FUZZ_PACKAGES := $(BUILD_PACKAGES) clang libclang-rt-dev
LINT_PACKAGES := $(POWERCUT_PACKAGES) $(FUZZ_PACKAGES) clang-format clang-tidy cppcheck shellcheck

.DEFAULT_GOAL := all
.PHONY: all demo check test lint asan tsan format install uninstall clean help deps deps-build \
	deps-test deps-powercut deps-lint programs unit manuals benchmarks fault-programs check-big \
	check-load race kills retention tamper crash faults powercut bench hostile fuzz fuzz-programs fuzz-objects deps-fuzz

all: programs ## build the programs, and the manuals if scdoc is installed
	$(Q)if command -v scdoc >/dev/null; then $(MAKE) --no-print-directory manuals; fi

programs: $(BUILD)/fsd $(BUILD)/fsd-scrub $(BUILD)/fsc $(BUILD)/tls.so
	@:
unit: $(UNIT_PROGRAMS) fuzz-objects
	@:
benchmarks: $(BENCH_PROGRAMS)
	@:
fault-programs: $(FAULT_PROGRAMS)
	@:
fuzz-programs: $(FUZZ_PROGRAMS)
	@:
fuzz-objects: $(call objects,$(FUZZ))
	@:
manuals: $(MANUALS)
	@:

$(BUILD)/fsd: $(call objects,$(DAEMON) $(SETTINGS) $(PROTOCOL) $(TLS_LOADER)) $(BUILD)/flags
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $$(pkg-config --libs libconfig nettle)

# The library and the settings, and nothing that knows of sockets.
NO_NETWORK := $(SCRUB) $(SETTINGS) $(filter-out daemon/store/notices.c daemon/store/watch.c,$(wildcard daemon/store/*.c)) \
	daemon/command_line.c daemon/settings.c \
	$(filter-out protocol/answer.c protocol/body.c protocol/passing.c protocol/stream.c,$(PROTOCOL))
$(BUILD)/fsd-scrub: $(call objects,$(NO_NETWORK)) $(BUILD)/flags
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $$(pkg-config --libs libconfig nettle)

$(BUILD)/fsc: $(call objects,$(CLI) $(SETTINGS) $(PROTOCOL) $(TLS_LOADER)) $(BUILD)/flags
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $$(pkg-config --libs libconfig nettle)

# Loaded by fsd and fsc when an address needs TLS. What it shares with them is compiled for it again.
TLS_OBJECTS := $(patsubst %.c,$(BUILD)/pic/%.o,$(TLS) protocol/fingerprint.c protocol/passing.c)
$(BUILD)/tls.so: $(TLS_OBJECTS) $(BUILD)/flags
	$(say) LINK $@
	$(Q)$(CC) -shared -Wl,-z,relro,-z,now -Wl,--as-needed $(SANITIZE) $(LDFLAGS) \
		-o $@ $(filter %.o,$^) $$(pkg-config --libs gnutls nettle libseccomp)

# A unit test may use protocol/ and settings/, of the daemon all but its main, and of the client its pure functions.
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o \
		$(call objects,$(PROTOCOL) $(SETTINGS) $(TLS_LOADER) $(addprefix cli/,claims.c console.c failure.c filter.c known_servers.c output.c progress_row.c rate.c shell.c user_folder.c) $(filter-out daemon/main.c,$(DAEMON))) $(BUILD)/flags
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $$(pkg-config --libs libconfig nettle gnutls libseccomp)
$(BUILD)/tests/unit/tls $(BUILD)/tests/unit/signer: $(filter $(BUILD)/pic/tls/%,$(TLS_OBJECTS))

# A fuzz target has libFuzzer's main, and all of one program: those of FUZZ_FSC fsc, the others fsd.
FUZZ_FSC := $(addprefix $(BUILD)/tests/fuzz/,answers fsc-settings known-servers)
$(FUZZ_FSC): $(call objects,$(PROTOCOL) $(SETTINGS) $(TLS_LOADER) $(filter-out cli/main.c,$(CLI)))
$(filter-out $(FUZZ_FSC),$(FUZZ_PROGRAMS)): \
	$(call objects,$(PROTOCOL) $(SETTINGS) $(TLS_LOADER) cli/shell.c $(filter-out daemon/main.c,$(DAEMON)))
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/flags
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $$(pkg-config --libs libconfig nettle)

$(BUILD)/bench/%: $(BUILD)/bench/%.o $(BUILD)/flags
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^)

$(BUILD)/tests/faults/tracer: $(BUILD)/tests/faults/tracer.o $(BUILD)/flags
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $<

$(BUILD)/tests/faults/disk: $(BUILD)/tests/faults/disk.o $(BUILD)/flags
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $$(pkg-config --libs fuse3)

$(BUILD)/tests/faults/mistakes.o: HARDENING += -fPIC
$(BUILD)/tests/faults/mistakes.so: $(BUILD)/tests/faults/mistakes.o $(BUILD)/flags
	$(say) LINK $@
	$(Q)$(CC) -shared $(LDFLAGS) -o $@ $<

# The flags and the list of sources are a prerequisite: when they change, everything is built again.
$(BUILD)/%.o: %.c $(BUILD)/flags
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/pic/%.o: %.c $(BUILD)/flags
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<

FLAGS = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(SOURCES)
$(BUILD)/flags: FORCE
	$(Q)mkdir -p $(@D)
	@printf '%s\n' $(call quoted,$(FLAGS)) | cmp -s - $@ || \
		printf '%s\n' $(call quoted,$(FLAGS)) >$@
quoted = '$(subst ','\'',$(1))'
.PHONY: FORCE
FORCE:
.SECONDARY:

# Pages that have tables say so in their first line (man(1)).
TABLES := printf '%s\n' "'\\\" t"
$(BUILD)/man/%: man/%.scd
	$(say) MAN $@
	$(Q)mkdir -p $(@D)
	$(Q){ $(TABLES) && scdoc <$<; } >$@.new && mv $@.new $@

# The protocol's page shows the transcripts and the client that the tests play.
$(BUILD)/man/fsd-protocol.7: man/fsd-protocol.7.scd man/include.awk tests/tls_client \
		$(wildcard tests/transcripts/*)
	$(say) MAN $@
	$(Q)mkdir -p $(@D)
	$(Q)awk -f man/include.awk $< >$@.scd && { $(TABLES) && scdoc <$@.scd; } >$@.new && \
		mv $@.new $@ && rm $@.scd

demo: deps-build ## build, then store, list and fetch real files, and show each command
	$(Q)$(MAKE) --no-print-directory programs
	$(Q)tests/demo $(abspath $(BUILD))

check: deps-test ## install what is missing, then all tests; ONLY=pattern, MODELS=tls select
	$(Q)$(MAKE) --no-print-directory test

test: programs unit manuals $(BUILD)/tests/faults/tracer ## all tests, with what is installed; the same variables
	$(Q)FSD_BUILD='$(abspath $(BUILD))' FSD_MODELS='$(MODELS)' tests/run '$(ONLY)'

check-big: deps-test ## a million names, 4 GiB in one file, 100,000 stages, a slow pattern; SHORT=1 for less
	$(Q)$(MAKE) --no-print-directory programs
	$(Q)FSD_BUILD='$(abspath $(BUILD))' SHORT='$(SHORT)' tests/big

check-load: deps-test ## a hostile crowd against an honest client; SHORT=1 for a smaller one
	$(Q)$(MAKE) --no-print-directory programs
	$(Q)FSD_BUILD='$(abspath $(BUILD))' SHORT='$(SHORT)' tests/load

tamper: deps-test ## every bit of TLS between fsc and fsd is changed, every record cut; SHORT=1 for less
	$(Q)$(MAKE) --no-print-directory programs
	$(Q)FSD_BUILD='$(abspath $(BUILD))' FSD_MODELS='$(MODELS)' SHORT='$(SHORT)' SEED='$(SEED)' tests/tamper

kills: deps-test ## the command of put --from-command, fsc and fsd are killed at random; SHORT=1 for less
	$(Q)$(MAKE) --no-print-directory programs
	$(Q)FSD_BUILD='$(abspath $(BUILD))' FSD_MODELS='$(MODELS)' SHORT='$(SHORT)' SEED='$(SEED)' tests/kills

retention: deps-test ## random libraries and options of rm --keep against a model, and races with put
	$(Q)$(MAKE) --no-print-directory programs
	$(Q)FSD_BUILD='$(abspath $(BUILD))' tests/retention

race: deps-test ## many clients want the same names at once; SHORT=1, ROUNDS=N, FULL=1 for 10,000
	$(Q)$(MAKE) --no-print-directory programs
	$(Q)FSD_BUILD='$(abspath $(BUILD))' FSD_MODELS='$(MODELS)' SHORT='$(SHORT)' FULL='$(FULL)' \
		ROUNDS='$(ROUNDS)' SEED='$(SEED)' tests/race

crash: deps-test ## SIGKILL at every system call of fsd, its sweeper and fsc; SHORT=1 for fewer
	$(Q)$(MAKE) --no-print-directory programs $(BUILD)/tests/faults/tracer
	$(Q)FSD_BUILD='$(abspath $(BUILD))' FSD_MODELS='$(MODELS)' SHORT='$(SHORT)' WORKS='$(WORKS)' \
		tests/faults/crash

faults: deps-test ## every error of every system call of PUT and DELETE; SHORT=1 for fewer
	$(Q)$(MAKE) --no-print-directory programs $(BUILD)/tests/faults/tracer
	$(Q)FSD_BUILD='$(abspath $(BUILD))' SHORT='$(SHORT)' WORKS='$(WORKS)' \
		tests/faults/errors

powercut: deps-powercut ## power cuts on ext4, xfs, btrfs; SHORT=1 for fewer, FULL=1 for 12,000
	$(Q)$(MAKE) --no-print-directory programs fault-programs
	$(Q)FSD_BUILD='$(abspath $(BUILD))' SHORT='$(SHORT)' FULL='$(FULL)' SEED='$(SEED)' \
		tests/faults/powercut

.PHONY: check-package deps-package
check-package: deps-package ## try the Debian packages in clean systems; SHORT=1 for fewer
	$(Q)SHORT='$(SHORT)' packaging/check $(BUILD)

bench: deps-test ## measure the concurrency models, and write bench/concurrency.md
	$(Q)$(MAKE) --no-print-directory programs benchmarks
	$(Q)FSD_BUILD='$(abspath $(BUILD))' bench/concurrency

ASAN_BUILD = BUILD=build/asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all'
asan: deps-test ## all tests on programs built with ASan and UBSan
	$(Q)$(MAKE) --no-print-directory test MODELS='$(or $(MODELS),process thread)' $(ASAN_BUILD)

hostile: deps-test ## clients and servers that break the rules, on programs as asan builds them; TIME=, COUNT=
	$(Q)$(MAKE) --no-print-directory programs $(ASAN_BUILD)
	$(Q)FSD_BUILD='$(abspath build/asan)' FSD_MODELS='$(MODELS)' COUNT='$(COUNT)' TIME='$(TIME)' \
		SEED='$(SEED)' tests/hostile

# A thread of its own for each session: where data races would be.
tsan: deps-test ## tests with a daemon, of programs built with ThreadSanitizer, with threads
	$(Q)FSD_SERVED_ONLY=1 $(MAKE) --no-print-directory test BUILD=build/tsan MODELS=thread \
		CFLAGS='-O1 -g -fno-omit-frame-pointer' SANITIZE='-fsanitize=thread'

# As asan, by clang, and told where libFuzzer counts what is reached.
FUZZ_BUILD = BUILD=build/fuzz CC=clang CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'
fuzz: deps-fuzz ## libFuzzer tries inputs, TIME=30 seconds for each target; ONLY=pattern selects some
	$(Q)$(MAKE) --no-print-directory fuzz-programs $(FUZZ_BUILD)
	$(Q)FSD_BUILD='$(abspath build/fuzz)' TIME='$(TIME)' SEED='$(SEED)' tests/fuzz/run '$(ONLY)'

lint: deps-lint ## clang-format, clang-tidy, cppcheck, shellcheck, and a build by clang
	$(say) LINT 'build by gcc and clang with -Werror'
	$(Q)$(MAKE) --no-print-directory programs unit benchmarks fault-programs fuzz-objects BUILD=build/werror \
		WERROR=-Werror
	$(Q)$(MAKE) --no-print-directory programs unit benchmarks fault-programs fuzz-objects BUILD=build/clang \
		CC=clang WERROR=-Werror
	$(say) LINT clang-format
	$(Q)clang-format --dry-run --Werror $(SOURCES) $(HEADERS)
	$(say) LINT clang-tidy
	$(Q)printf '%s\n' -std=c17 -I$(CURDIR) $(ALL_CPPFLAGS) >$(BUILD)/compile_flags.txt
	$(Q)printf '%s\n' $(SOURCES) | xargs -P 2 -n 8 clang-tidy --quiet -p $(BUILD) 2>$(BUILD)/tidy.log || \
		{ cat $(BUILD)/tidy.log >&2; exit 1; }
	$(say) LINT cppcheck
	$(Q)cppcheck --quiet --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
		--suppress=missingIncludeSystem --suppress=varFuncNullUB -I. -D_GNU_SOURCE \
		-DFSD_VERSION='""' -DFSD_CONFIG='""' -DFSC_CONFIG='""' \
		-DFSC_KNOWN_SERVERS='""' -DTLS_MODULE='""' $(SOURCES)
	$(say) LINT shellcheck
	$(Q)shellcheck -x $(SCRIPTS)

format: deps-lint ## format all C sources
	$(Q)clang-format -i $(SOURCES) $(HEADERS)

install: all ## install below DESTDIR and prefix
	install -D -m 0755 $(BUILD)/fsc $(DESTDIR)$(bindir)/fsc
	install -D -m 0755 $(BUILD)/fsd $(DESTDIR)$(sbindir)/fsd
	install -D -m 0755 $(BUILD)/fsd-scrub $(DESTDIR)$(sbindir)/fsd-scrub
	install -D -m 0644 $(BUILD)/tls.so $(DESTDIR)$(libdir)/fsd/tls.so
	set -e; for name in fsd fsc; do file=$(DESTDIR)$(sysconfdir)/$$name/$$name.conf; \
		test -e $$file || install -D -m 0644 etc/$$name.conf $$file; done
	set -e; for page in $(wildcard $(BUILD)/man/*.[1-8]); do \
		install -D -m 0644 $$page $(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}; done
	install -d $(DESTDIR)$(completionsdir)
	install -m 0644 $(COMPLETIONS) $(DESTDIR)$(completionsdir)

UNITS := fsd.service fsd.socket fsd-tls.socket fsd-scrub.service fsd-scrub.timer
.PHONY: install-systemd
install-systemd: ## install the units and the user fsd for systemd, too
	set -e; for unit in $(UNITS); do \
		sed -e 's|/usr/sbin/|$(sbindir)/|' -e 's|^ExecPaths=.*|& $(sbindir) $(libdir)|' packaging/systemd/$$unit | \
			install -D -m 0644 /dev/stdin $(DESTDIR)$(unitdir)/$$unit; done
	install -D -m 0644 packaging/systemd/fsd.sysusers $(DESTDIR)$(sysusersdir)/fsd.conf

uninstall: ## remove what install and install-systemd installed, except changed settings
	rm -f $(DESTDIR)$(bindir)/fsc $(DESTDIR)$(sbindir)/fsd $(DESTDIR)$(sbindir)/fsd-scrub \
		$(DESTDIR)$(libdir)/fsd/tls.so $(addprefix $(DESTDIR)$(unitdir)/,$(UNITS)) $(DESTDIR)$(sysusersdir)/fsd.conf
	set -e; for name in fsd fsc; do file=$(DESTDIR)$(sysconfdir)/$$name/$$name.conf; \
		if cmp -s etc/$$name.conf $$file; then rm -f $$file; fi; done
	set -e; for page in $(notdir $(MANUALS)); do \
		rm -f $(DESTDIR)$(mandir)/man$${page##*.}/$$page; done
	rm -f $(addprefix $(DESTDIR)$(completionsdir)/,$(notdir $(COMPLETIONS)))
	rmdir $(DESTDIR)$(libdir)/fsd 2>/dev/null || true

.PHONY: dist deb deps-deb
dist: ## make the tarball build/fsd-VERSION.tar.xz of what is committed
	$(Q)packaging/dist $(BUILD)/fsd-$(VERSION).tar.xz

deb: deps-deb dist ## build Debian packages into build/deb; it runs no tests
	$(Q)packaging/deb $(BUILD)/fsd-$(VERSION).tar.xz $(BUILD)/deb

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r t h; \
		do printf '%-15s %s\n' "$$t" "$$h"; done

deps: deps-lint ## install the Debian packages that are missing
deps-build: PACKAGES = $(BUILD_PACKAGES)
deps-test: PACKAGES = $(TEST_PACKAGES)
deps-powercut: PACKAGES = $(POWERCUT_PACKAGES)
deps-deb: PACKAGES = $(DEB_PACKAGES)
deps-package: PACKAGES = $(PACKAGE_PACKAGES)
deps-lint: PACKAGES = $(LINT_PACKAGES)
deps-fuzz: PACKAGES = $(FUZZ_PACKAGES)
deps-build deps-test deps-powercut deps-fuzz deps-deb deps-package deps-lint:
	@there=$$(dpkg-query -W -f '$${Package}:$${db:Status-Status}\n' $(PACKAGES) 2>/dev/null); \
	missing=$$(for package in $(PACKAGES); do \
		case "$$there" in *"$$package:installed"*) ;; *) echo $$package ;; esac; done); \
	[ -n "$$missing" ] || exit 0; \
	command -v apt-get >/dev/null || { echo "This machine has no apt-get. Install what these" \
		"Debian packages hold, then use make, make test: "$$missing >&2; exit 1; }; \
	echo "Installing Debian packages: "$$missing; \
	if [ "$$(id -u)" -eq 0 ]; then sudo=; \
	elif command -v sudo >/dev/null; then sudo=sudo; \
	else echo "These packages are missing, and installing them needs root: "$$missing >&2; exit 1; fi; \
	$$sudo env DEBIAN_FRONTEND=noninteractive sh -ec 'apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends "$$@" >/dev/null' apt $$missing

-include $(patsubst %.c,$(BUILD)/%.d,$(SOURCES)) $(TLS_OBJECTS:.o=.d)
