# SPDX-License-Identifier: GPL-2.0
# Builds, installs and tests shunt; "make help" lists the targets. The module
# is described to the kernel's own build system in Kbuild.

KDIR ?= /lib/modules/$(shell uname -r)/build
PREFIX ?= /usr/local
DESTDIR ?=
INSTALL_MOD_PATH ?= $(DESTDIR)
KERNEL ?=

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)
RELEASE = $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)
MODULE_DIR = $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)
DKMS_SOURCE = $(DESTDIR)/usr/src/shunt-$(VERSION)

# Everything that building the module alone needs; selftests/vm/build asks too.
MODULE_SOURCES := Kbuild Makefile dkms.conf LICENSE kmod include
COPY = tar -c --exclude='*.o' --exclude='*.o.d' --exclude='.*.cmd' $(MODULE_SOURCES) | \
	tar -x --no-same-owner -C

all: modules tools

modules:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tools:
	$(MAKE) -C tools

install: modules install-tools
	$(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_PATH=$(INSTALL_MOD_PATH) \
		INSTALL_MOD_DIR=updates INSTALL_MOD_STRIP=1 modules_install
	$(if $(INSTALL_MOD_PATH),,depmod -a $(RELEASE))

install-tools: tools
	$(MAKE) -C tools install DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)

uninstall:
	$(RM) $(MODULE_DIR)/updates/shunt.ko $(MODULE_DIR)/updates/shunt.ko.xz \
		$(MODULE_DIR)/updates/shunt.ko.zst $(MODULE_DIR)/updates/shunt.ko.gz
	$(RM) $(DESTDIR)$(PREFIX)/sbin/shunt \
		$(DESTDIR)$(PREFIX)/share/man/man8/shunt.8 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/shunt
	$(if $(INSTALL_MOD_PATH),,depmod -a $(RELEASE))

# With DESTDIR, a package's build, the sources are placed and no more.
dkms-install:
	$(if $(DESTDIR),,dkms remove shunt/$(VERSION) --all >/dev/null 2>&1 || :)
	$(RM) -r $(DKMS_SOURCE)
	install -d $(DKMS_SOURCE)
	$(COPY) $(DKMS_SOURCE)
	$(if $(DESTDIR),,dkms install shunt/$(VERSION))

dkms-remove:
	$(if $(DESTDIR),,dkms remove shunt/$(VERSION) --all)
	$(RM) -r $(DKMS_SOURCE)

# One list of packages, each with its reason, is in selftests/deps.
deps:
	selftests/deps

deps-if-missing:
	@selftests/deps --check || selftests/deps

# What the tests use besides, built here because the VM has this root.
build/udp build/failnth: build/%: selftests/%.c
	mkdir -p build
	$(CC) -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -o $@ $<

# What demo and shell need; the module is in build/RELEASE-plain.
vm-ready: deps-if-missing
	@echo 'Building the module for Linux $(or $(KERNEL),6.12), and the command.'
	@selftests/vm/build --plain $(or $(KERNEL),6.12) >/dev/null
	@$(MAKE) -s tools build/udp

demo: vm-ready
	@selftests/vm/run --kernel $(or $(KERNEL),6.12) selftests/demo

shell: vm-ready
	@selftests/vm/run --kernel $(or $(KERNEL),6.12) --timeout 86400 --interactive selftests/shell

check: deps-if-missing
	@selftests/check --kernel $(or $(KERNEL),all) $(if $(JOBS),-j $(JOBS)) $(TESTS)

check-all: deps-if-missing
	@selftests/check --all --kernel $(or $(KERNEL),all) $(if $(JOBS),-j $(JOBS)) $(TESTS)

# ROWS="dsr4-udp floor" for some of the rows; selftests/bench/README.md.
bench: deps-if-missing
	@selftests/bench/run --kernel $(or $(KERNEL),6.12) $(ROWS)

lint: deps-if-missing
	@selftests/lint
	@for kernel in $(or $(KERNEL),6.1 6.12); do selftests/compile $$kernel || exit 1; done

clean: clean-modules
	$(MAKE) -C tools clean
	$(RM) -r build

# By hand rather than by the kernel's build system, whose headers may be gone.
clean-modules:
	$(RM) shunt.o shunt.ko shunt.mod shunt.mod.c shunt.mod.o modules.order \
		Module.symvers .shunt.*.cmd .modules.order.cmd .Module.symvers.cmd
	find kmod \( -name '*.o' -o -name '*.o.d' -o -name '.*.cmd' \) -delete

# For the scripts.
print-%:
	@echo '$($*)'

help:
	@echo 'make                  build the module and the command line tool'
	@echo 'make modules          build shunt.ko; KDIR=headers of another kernel'
	@echo 'make tools            build tools/shunt'
	@echo 'make install          install all; honours DESTDIR, PREFIX, INSTALL_MOD_PATH'
	@echo 'make install-tools    install the command, its man page and completion only'
	@echo 'make uninstall        undo that'
	@echo 'make dkms-install     hand the module to DKMS, for this and every later kernel'
	@echo 'make dkms-remove      undo that'
	@echo 'make demo             see it at work, in a virtual machine; KERNEL=6.1|6.12'
	@echo 'make shell            a prompt in such a machine; KERNEL=6.1|6.12|debug'
	@echo 'make check            run every test, on the kernels that are chosen for it;'
	@echo '                      KERNEL=6.1|6.12|debug on one, JOBS=how many at a time,'
	@echo '                      TESTS="test-x host-y" for some of them'
	@echo 'make check-all        run every test on every kernel, the debug kernel too'
	@echo 'make bench            count what a packet costs, beside IPVS; ROWS="dsr4-udp floor"'
	@echo 'make lint             check the style of everything'
	@echo 'make deps             install what demo, check and lint need (Debian)'
	@echo 'make clean            remove what was built'

.PHONY: all modules tools install install-tools uninstall dkms-install dkms-remove \
	deps deps-if-missing vm-ready demo shell check check-all bench lint clean clean-modules help
