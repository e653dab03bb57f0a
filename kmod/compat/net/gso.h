/* SPDX-License-Identifier: GPL-2.0 */
/* Shadows <net/gso.h>, which was part of <linux/skbuff.h> before Linux 6.5. */
#ifndef SHUNT_COMPAT_NET_GSO_H
#define SHUNT_COMPAT_NET_GSO_H

#if __has_include_next(<net/gso.h>)
#include_next <net/gso.h>
#else
#include <linux/skbuff.h>
#endif

#endif
