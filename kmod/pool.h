/* SPDX-License-Identifier: GPL-2.0 */
/* What new connections of a service are given servers from. */
#ifndef SHUNT_POOL_H
#define SHUNT_POOL_H

#include "rows.h"
#include "server.h"

enum {
	/* The sum of their weights, and a server's place, have 32 and 16 bits. */
	SHUNT_POOL_SERVERS = 65535,
};

struct shunt_pool_slot {
	struct shunt_server *server;
	u32 weight;
	u32 end;	/* sum of the weights up to this one's */
};

/*
 * What a scheduler chooses from: the first "count" are the servers that take
 * connections, behind them are backups, which are a pool of their own, and then
 * those that take none. Immutable and replaced whole by every change, read under RCU.
 */
struct shunt_pool {
	struct rcu_head rcu;
	const struct shunt_sched *sched;
	struct shunt_pool_slot *slot;
	unsigned int count;
	unsigned int total;
	bool dsr;		/* there are such, or backups, all in this mode */
	/* For when none of the first can be chosen; NULL: there is none. It has no table. */
	struct shunt_pool *backup;
	/* Of schedulers that hash, the key at least; rows.c */
	struct shunt_rows rows;
	struct shunt_rows was;	/* whose rows were before they moved; size 0: nobody's */
	u16 *was_when;		/* when each of them did, in jiffies without so many bits ... */
	u8 was_shift;
	u16 was_life;		/* ... and for how long that counts */
	u64 was_since;		/* jiffies of the last change ... */
	u64 was_until;		/* ... and of when all is over */
	struct shunt_rows_work *work;	/* until it is published */
	u32 credits;		/* of sched_wrr: which measure they are to have */
};

/* Under the namespace's lock. The one there is now. */
static inline struct shunt_pool *shunt_pool_of(const struct shunt_service *service)
{
	return rcu_dereference_protected(service->pool, lockdep_is_held(&service->sn->lock));
}

/*
 * Under the namespace's lock, may sleep.
 *
 * A pool with room for every server there is and one more; NULL if there is no
 * memory. To be published or freed.
 */
struct shunt_pool *shunt_pool_alloc(const struct shunt_service *service,
				    const struct shunt_sched *sched,
				    const struct shunt_hashing *hashing);
/* Nobody sees the pool, or has ever seen it. */
void shunt_pool_free(struct shunt_pool *pool);

/*
 * Fills a pool with what the configuration now says and makes it the service's;
 * the old one is freed after a grace period.
 */
void shunt_pool_publish(struct shunt_service *service, struct shunt_pool *pool);

/* 0 if a service may have so many servers, or the address of one more is refused. */
int shunt_pool_check(size_t servers, struct shunt_refusal *no);

#endif
