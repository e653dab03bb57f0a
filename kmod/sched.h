/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The scheduler interface. A scheduler is a file sched_NAME.c with one ops
 * struct, listed in sched.c.
 */
#ifndef SHUNT_SCHED_H
#define SHUNT_SCHED_H

#include <linux/jhash.h>

#include "pool.h"

struct shunt_sched {
	const char *name;	/* SHUNT_SCHEDULER_MAX bytes at most */

	/*
	 * Chooses the server of a new connection from a pool, whose servers
	 * all have a weight above 0, among those that shunt_server_usable()
	 * says yes to. NULL if there is none. Under RCU with bottom halves
	 * off, on many CPUs at once.
	 */
	struct shunt_server *(*pick)(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_tuple *tuple);
};

extern const struct shunt_sched shunt_sched_rr;
extern const struct shunt_sched shunt_sched_wrr;
extern const struct shunt_sched shunt_sched_lc;
extern const struct shunt_sched shunt_sched_wlc;
extern const struct shunt_sched shunt_sched_sed;
extern const struct shunt_sched shunt_sched_nq;
extern const struct shunt_sched shunt_sched_fo;
extern const struct shunt_sched shunt_sched_ovf;
extern const struct shunt_sched shunt_sched_random;
extern const struct shunt_sched shunt_sched_p2c;

enum {
	/* So many that one in five servers, if it is all that is left, is missed by 3 %. */
	SHUNT_SCHED_PROBES = 16,
};

/* What is tried next where a hash has led to a server that is out. */
static inline u32 shunt_sched_rehash(u32 hash)
{
	return jhash_1word(hash, 0);
}

/*
 * Under RCU, any context. The slot of a usable server whose share of the weights
 * a hash is in; NULL if there is none. Does not look at all of them while some
 * can be found otherwise.
 */
const struct shunt_pool_slot *shunt_sched_at_hash(const struct shunt_pool *pool, u32 hash);

/*
 * Under RCU, any context. The server that the hash of a tuple alone chooses, by
 * weight, among the usable ones of a pool; NULL if there is none.
 */
struct shunt_server *shunt_sched_row(const struct shunt_pool *pool, u32 hash);

/* Any context. NULL if there is none of this name. */
const struct shunt_sched *shunt_sched_by_name(const char *name);
/* The i-th scheduler, NULL after the last. */
const struct shunt_sched *shunt_sched_at(unsigned int i);

#endif
