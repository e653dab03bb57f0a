// SPDX-License-Identifier: GPL-2.0
/*
 * Maglev: by the hash of the client and a table of rows, which all directors with
 * the same servers and seed have alike. A choice costs a hash and the row's cache
 * line, however many servers there are.
 */
#include "sched.h"

static void maglev_fill(struct shunt_pool *pool, const struct shunt_pool *old)
{
	shunt_rows_fill(pool);
}

const struct shunt_sched shunt_sched_maglev = {
	.name = "maglev",
	.hashes = true,
	.agrees = true,
	.steady = true,
	.fill = maglev_fill,
	.pick = shunt_rows_pick,
};
