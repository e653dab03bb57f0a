/* SPDX-License-Identifier: GPL-2.0 */
/* Shadows <linux/slab.h>. Before Linux 6.5 a cache cannot ask not to be merged. */
#ifndef SHUNT_COMPAT_LINUX_SLAB_H
#define SHUNT_COMPAT_LINUX_SLAB_H

#include_next <linux/slab.h>

#ifndef SLAB_NO_MERGE
#define SLAB_NO_MERGE 0
#endif

#endif
