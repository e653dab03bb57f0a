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
	 * Chooses by a hash with the pool's key. Its pools are in order of
	 * address, so that it is the same whatever order servers were added in.
	 */
	bool hashes;
	bool agrees;		/* without a seed, that key is everybody's */
	/*
	 * Asked again about a packet, chooses the same server while those that are
	 * usable are the same, so that it need not be remembered whom it chose.
	 */
	bool steady;
	bool absolute;		/* a weight is a number of connections, not a share */

	/*
	 * Fills the table of a pool whose servers are in place; NULL: it has no
	 * table. Under the namespace's lock, may sleep.
	 */
	void (*fill)(struct shunt_pool *pool, const struct shunt_pool *old);

	/*
	 * Makes what it keeps of its earlier choices fit a pool that is about to
	 * be published; NULL: it keeps nothing that depends on the pool. Of the
	 * old one, NULL before the first, packets choose meanwhile, and for a
	 * while after. Under the namespace's lock, may sleep.
	 */
	void (*carry)(struct shunt_service *service, struct shunt_pool *pool,
		      const struct shunt_pool *old);

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
extern const struct shunt_sched shunt_sched_sh;
extern const struct shunt_sched shunt_sched_dh;
extern const struct shunt_sched shunt_sched_fo;
extern const struct shunt_sched shunt_sched_ovf;
extern const struct shunt_sched shunt_sched_random;
extern const struct shunt_sched shunt_sched_p2c;
extern const struct shunt_sched shunt_sched_maglev;
extern const struct shunt_sched shunt_sched_sticky;

enum {
	/* So many that one in five servers, if it is all that is left, is missed by 3 % ... */
	SHUNT_SCHED_PROBES = 16,
	/* ... and then, if any server is usable, so many that hardly anything is missed. */
	SHUNT_SCHED_MORE_PROBES = 256,
};

/* What is tried next where a hash has led to a server that is out. */
static inline u32 shunt_sched_rehash(u32 hash)
{
	return jhash_1word(hash, 0);
}

/*
 * All below under RCU, any context, and NULL if no server is usable. Hashes look at
 * all servers only where those that are usable have a small part of the weights.
 */

/* The slot of a usable server whose share of the weights a hash is in. */
const struct shunt_pool_slot *shunt_sched_at_hash(const struct shunt_pool *pool, u32 hash);

/* The same by the hash of an address with the pool's key. */
struct shunt_server *shunt_sched_by_address(const struct shunt_pool *pool, u8 family,
					    const union nf_inet_addr *addr);

/*
 * The same where hashes have met servers that are out time and again. Walks the pool,
 * and may answer otherwise whenever another server is usable.
 */
const struct shunt_pool_slot *shunt_sched_among_usable(const struct shunt_pool *pool, u32 hash);

/* The first usable server of the pool. */
const struct shunt_pool_slot *shunt_sched_first(const struct shunt_pool *pool);

/*
 * The server of a new connection: whom the scheduler chooses, of the backups if it
 * finds none else.
 */
static inline struct shunt_server *shunt_sched_choose(struct shunt_service *service,
						      const struct shunt_pool *pool,
						      const struct shunt_tuple *tuple)
{
	struct shunt_server *server = pool->sched->pick(service, pool, tuple);

	if (likely(server) || !pool->backup)
		return server;
	return pool->sched->pick(service, pool->backup, tuple);
}

/*
 * The server that a packet's addresses and ports alone choose, by weight: the
 * scheduler's own choice if it is steady.
 */
struct shunt_server *shunt_sched_row(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_packet *pkt);

/*
 * The server of a packet in mid-stream whose connection is not known: whom its
 * row was of before it moved or is of, or else whom the scheduler chooses.
 */
struct shunt_server *shunt_sched_midstream(struct shunt_service *service,
					   const struct shunt_pool *pool,
					   const struct shunt_tuple *tuple);

/* Any context. NULL if there is none of this name. */
const struct shunt_sched *shunt_sched_by_name(const char *name);
/* The i-th scheduler, NULL after the last. */
const struct shunt_sched *shunt_sched_at(unsigned int i);

#endif
