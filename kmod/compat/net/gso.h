/* SPDX-License-Identifier: GPL-2.0 */
/* Shadows <net/gso.h>, which was part of <linux/skbuff.h> before Linux 6.5. */
#ifndef SHUNT_COMPAT_NET_GSO_H
#define SHUNT_COMPAT_NET_GSO_H

#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#include_next <net/gso.h>
#else
#include <linux/skbuff.h>
#endif

#endif
