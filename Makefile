# Developer commands. `make` alone lists them; V=1 shows what runs.

PYTHON ?= /usr/bin/python3
PATHS ?= /etc /usr/bin /usr/sbin /boot
PYTEST = $(PYTHON) -m pytest -q -p no:cacheprovider $(ARGS)
VM = $(PYTHON) tests/vm/run.py
SUITE ?= bookworm
SUITES ?= bullseye bookworm trixie sid
DISKS = --disk ext4 --disk xfs --disk btrfs
# The system ring is divided among so many guests; each takes one core.
GUESTS ?= 2
CPUS ?= 2
TESTS ?= tests/system
# Those that fill the table of what is seen.
SEEN = $(patsubst %,tests/system/test_%.py,acts attribute content device mount older rename ways)
# ring(kernel, directory of what was claimed, tests, file for the table): fails if a test failed
# or was run by nobody.
ring = rm -rf $(2) && mkdir -p $(2) && { $(VM) $(1) $(DISKS) --guests $(GUESTS) --cpus $(CPUS) \
	--share $(2) --timeout 5000 -- env $(foreach name,$(filter FIM_TEST_%,$(.VARIABLES)),$(name)='$(value $(name))') \
	FIM_TEST_CLAIMS=/mnt/share $(PYTEST) $(3); ran=$$?; \
	$(PYTHON) tests/system/claims.py $(2) $(4) && [ $$ran = 0 ]; }

Q = $(if $(V),,@)

# make install: below DESTDIR. A package sets these; fim/dist/ has the files.
PREFIX ?= /usr/local
PYTHON_DIR ?= $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
UNITDIR ?= $(PREFIX)/lib/systemd/system

# A kernel of your own: make test-vm VMLINUZ=... HEADERS=... RELEASE=...
KERNEL = $(if $(VMLINUZ),--vmlinuz $(VMLINUZ) --headers $(HEADERS) --release $(RELEASE),--suite $(SUITE))

.DELETE_ON_ERROR:
.PHONY: help build install deb rpm run run-vm test test-unit test-vm test-policy test-installed \
	test-matrix test-kernels coverage fuzz bench bench-baseline bench-million bench-journal \
	bench-sinks look streams clean packages-run packages-test

help: ## this list
	$(Q)sed -n 's/^\([a-z%-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

packages-run:
	$(Q)sh fim/dist/packages.sh run

packages-test:
	$(Q)sh fim/dist/packages.sh run test vm

build: packages-run ## compile the extension in place
	$(Q)$(PYTHON) setup.py -q build_ext --inplace

install: build ## command, package, units, manual pages: DESTDIR= PREFIX= PYTHON_DIR= UNITDIR=
	$(Q)DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' PYTHON='$(PYTHON)' PYTHON_DIR='$(PYTHON_DIR)' \
		UNITDIR='$(UNITDIR)' sh fim/dist/install.sh

deb: build ## build/fim-monitor_VERSION_ARCH.deb
	$(Q)sh fim/dist/debian.sh

rpm: build ## build/rpm/RPMS/ARCH/fim-monitor-VERSION.rpm; DIST=.el7 .el8 .el9 name another one
	$(Q)sh fim/dist/rpm.sh

run: build ## watch PATHS on this host, or in a virtual machine where it cannot
	$(Q)if why=$$($(PYTHON) -m fim doctor --quick | grep '^blind'); then \
		echo "this host cannot serve: $$why" | tr -s ' \n' ' '; echo; $(MAKE) -s run-vm; \
	else exec $(PYTHON) -m fim watch $(PATHS); fi

run-vm: build ## the same in a virtual machine over this machine's root
	$(Q)sh fim/dist/packages.sh vm
	$(Q)echo "watching $(PATHS) in a virtual machine (emulated, so slow): records within two minutes"
	$(Q)rm -rf build/programs && mkdir -p build/programs
	$(Q)$(if $(VMLINUZ),,$(PYTHON) tests/vm/precompile.py $(SUITE) build/programs)
	$(Q)$(VM) $(KERNEL) --share build/programs -- sh tests/vm/demo.sh $(PATHS)

test: test-unit fuzz test-vm ## everything: unit ring, short fuzzing, system ring in the machine

test-unit: packages-test build ## no kernel, thirteen minutes
	$(Q)FIM_TEST_HEADERS="$${FIM_TEST_HEADERS:-$$($(PYTHON) tests/vm/headers.py $(SUITE))}" $(PYTEST) tests/unit

look: packages-test build ## the report's page in a headless Chromium (300 MB): pictures in build/look
	$(Q)sh fim/dist/packages.sh look
	$(Q)$(PYTEST) tests/unit/test_report_look.py

fuzz: packages-test ## the decoder, 20 seconds
	$(Q)sh tests/fuzz/run.sh

build/packages: | packages-test # apt-get comes with them; once is enough
	$(Q)mkdir -p $@.new && cd $@.new && apt-get -qq download hello >/dev/null 2>&1
	$(Q)mv $@.new $@

test-vm: packages-test build build/packages ## the system ring on SUITE's kernel, or VMLINUZ= HEADERS= RELEASE=
	$(Q)$(MAKE) -s -C tests/system/workloads
	$(Q)$(call ring,$(KERNEL),build/ring/system,$(TESTS))

test-policy: packages-test build build/packages ## policies against attacks, in a machine whose /etc they change
	$(Q)$(MAKE) -s -C tests/system/workloads
	$(Q)$(VM) $(KERNEL) --disk ext4 --timeout 5000 -- env FIM_TEST_ATTACKS=1 FIM_TEST_FILESYSTEMS=ext4 \
		$(PYTEST) -s $(addprefix tests/system/test_,policy.py presets.py rules.py run_policy.py)

test-installed: packages-test deb ## the Debian package's life in a machine that systemd has booted
	$(Q)$(VM) $(KERNEL) --disk ext4 --systemd --timeout 3000 -- \
		env FIM_TEST_INSTALLED=1 FIM_TEST_FILESYSTEMS=ext4 $(PYTEST) tests/system/test_installed.py

test-on-%: packages-test build build/packages ## the system ring, or TESTS of it, on a suite's kernel and user space: test-on-trixie; VMLINUZ= for yours
	$(Q)$(call ring,$(KERNEL) --suite $* --userland,build/ring/$*,$(TESTS))

test-matrix: ## the same on each of SUITES
	$(Q)$(MAKE) -k $(addprefix test-on-,$(SUITES))

test-kernels: packages-test build build/packages ## what is seen on Debian 11's and 13's kernel and user space, 8 CPUs, side by side
	$(Q)$(MAKE) -k -j2 -O GUESTS=1 CPUS=8 TESTS="$(or $(filter-out tests/system,$(TESTS)),$(SEEN))" \
		test-on-bullseye test-on-trixie

coverage: packages-test build ## operation x way x file system: the table, and build/coverage.json
	$(Q)$(MAKE) -s -C tests/system/workloads
	$(Q)$(call ring,$(KERNEL),build/ring/coverage,$(SEEN),build/coverage.json)

bench: packages-test build ## guest instructions per operation, a start, inode table, rendering
	$(Q)$(MAKE) -s -f tests/bench/inode_table.mk
	$(Q)$(PYTHON) tests/bench/rendering.py
	$(Q)$(VM) $(KERNEL) --icount --timeout 3000 -- \
		sh -c '$(PYTHON) tests/bench/operations.py && $(PYTHON) tests/bench/start.py'

bench-baseline: packages-test build ## init and check beside AIDE: a tree of 80,000 files, 5 GB
	$(Q)$(PYTHON) tests/bench/baseline.py

bench-million: packages-test build ## init and check of a million files; the inode table and the kernel's map
	$(Q)$(PYTHON) tests/bench/million.py

bench-journal: packages-test build ## a journal of a million records, 1.2 GB; of an upgrade
	$(Q)$(PYTHON) tests/bench/journal.py
	$(Q)$(PYTHON) tests/bench/upgrade.py

bench-sinks: packages-test build ## records a second through every sink
	$(Q)$(PYTHON) tests/bench/sinks.py

streams: packages-test build ## record tests/unit/streams again, in the virtual machine
	$(Q)$(VM) $(KERNEL) --disk ext4 --share tests/unit/streams --timeout 1500 -- \
		env PYTHONPATH=tests/system $(PYTHON) tests/system/attacks.py /mnt/share

clean: ## remove what was built
	$(Q)rm -rf build fim/*.so $$(find . -name __pycache__ -not -path './.git/*')
