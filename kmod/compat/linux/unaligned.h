/* SPDX-License-Identifier: GPL-2.0 */
/* Shadows <linux/unaligned.h>, which was <asm/unaligned.h> before Linux 6.12. */
#ifndef SHUNT_COMPAT_LINUX_UNALIGNED_H
#define SHUNT_COMPAT_LINUX_UNALIGNED_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#include <asm/unaligned.h>
#else
#include_next <linux/unaligned.h>
#endif

#endif
