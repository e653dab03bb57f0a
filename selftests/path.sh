# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For whatever calls depmod, modprobe, modinfo, dkms or nginx on the host: Debian
# gives an ordinary user no sbin, and to run these needs no privilege.
PATH=$PATH:/usr/sbin:/sbin
