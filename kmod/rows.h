/* SPDX-License-Identifier: GPL-2.0 */
/* Tables from the hash of a client to its server. Their design opens rows.c. */
#ifndef SHUNT_ROWS_H
#define SHUNT_ROWS_H

#include <linux/netfilter.h>
#include <linux/siphash.h>
#include <uapi/linux/shunt.h>

struct shunt_pool;
struct shunt_server;
struct shunt_service;
struct shunt_tuple;

enum {
	SHUNT_ROWS_SIZE = 65537,	/* if nobody says otherwise */
	SHUNT_ROWS_NONE = U16_MAX,	/* nobody's row */
};

/* Immutable, and freed with the pool that it is of. */
struct shunt_rows {
	siphash_key_t key;
	u32 size;	/* a prime; 0: there is no table */
	u8 by;		/* enum shunt_hash_by */
	u16 *row;	/* places in the pool, or SHUNT_ROWS_NONE */
};

/* What making a table needs of each server, for as long as that takes. */
struct shunt_rows_work {
	u32 place;	/* in the pool */
	u32 least;	/* rows by its weight, rounded down ... */
	u32 most;	/* ... and up */
	u32 held;
	u32 at;		/* in its own order of the rows */
	u32 skip;
};

/* Any context. Whether a table may have so many rows. */
bool shunt_rows_size_is_valid(u32 size);

/* Any context. Of an address and port: the same wherever the key is the same. */
u32 shunt_rows_hash(const siphash_key_t *key, u8 family, const union nf_inet_addr *addr,
		    __be16 port);

/*
 * Under RCU, any context. The usable server that a client's row is of, as a
 * scheduler chooses it; NULL if there is none.
 */
struct shunt_server *shunt_rows_pick(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_tuple *tuple);

/*
 * Under RCU, any context. The server that a client's row was of before it moved, if
 * that is not long ago and it can be given packets, or else whom it is of, full or
 * not; NULL if that cannot, either, or there is no table.
 */
struct shunt_server *shunt_rows_owner(const struct shunt_pool *pool,
				      const struct shunt_tuple *tuple);

/*
 * Under the namespace's lock, may sleep. Of a pool whose servers are in their
 * places, in order of address.
 */

/* Tells each server's share of the rows. */
void shunt_rows_share(const struct shunt_pool *pool);
/* Fills the table by the servers' own orders, and by nothing that was before. */
void shunt_rows_fill(struct shunt_pool *pool);
/* Writes down another pool's table in this one's places. */
void shunt_rows_translate(u16 *row, const struct shunt_pool *from, const struct shunt_rows *rows);
/* How many rows there is to be room for, twice, to remember what this pool leaves. */
u32 shunt_rows_before(const struct shunt_pool *old);
/* Keeps whose rows were that have moved, now that this one is filled, for so many seconds. */
void shunt_rows_remember(struct shunt_pool *pool, const struct shunt_pool *old, u32 seconds);

#endif
