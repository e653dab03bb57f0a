// SPDX-License-Identifier: GPL-2.0
/*
 * Tables from the hash of a client to its server.
 *
 * The table is that of Maglev (Eisenbud et al., "Maglev: A Fast and Reliable
 * Software Network Load Balancer", NSDI 2016): each server has an order of its
 * own of all rows, which follows from its address, its port and the key; servers
 * take turns, and each takes the first row of its order that is free, until it
 * has its share. So directors with the same servers and the same key have the
 * same table, whatever happened before; and when a server goes, hardly any row
 * changes but those it had.
 *
 * Weights are shares: a server drops out of the turns when it has as many rows as
 * its weight says, so the making of a table takes as many turns as there are
 * rows, and with few of them free a few looks each: 3 ms for 131071 rows and 1000
 * servers. It is made when the configuration changes, under the namespace's lock
 * and with nobody waiting for it, and once for each command: which of many is the
 * last, a kernel that is told one at a time cannot know.
 *
 * A client's row is found by a hash that is keyed, too. The row of a server that
 * is out is not changed: whoever meets it hashes again, so that its clients go
 * to all others by their shares and come back when it does.
 *
 * A change moves rows, and packets in mid-stream of connections that this
 * director has no entry for, because another one made them, would go with them.
 * So a pool knows for each row who had it before it moved, with the same servers
 * in it: also those that have weight 0 since, but not those that were removed. What
 * is in mid-stream asks there first, for as long as an established connection may
 * be idle since. What moves within seconds moves once: the row was of whom it was
 * of at first. After that, whoever had it last counts. If the table changes its
 * size or key, no row is the same, and all of the table before is kept, until rows
 * of the new one move.
 *
 * Packets in mid-stream go to the owner of the row even if it is full: they are
 * more likely to be of what fills it than of what it had to turn away, above all
 * when they come from a director that has failed.
 *
 * The tables are in the memory of their pool, and freed with it.
 */
#include <linux/jiffies.h>
#include <linux/sched.h>

#include "pool.h"
#include "rows.h"
#include "sched.h"

enum {
	/* The time of one change in several commands. */
	ONE_CHANGE = 10 * HZ,
	/* As many units of time as a row is remembered for fit four times into a stamp. */
	STAMPS = 1 << 14,
};

bool shunt_rows_size_is_valid(u32 size)
{
	u32 divisor;

	if (size < SHUNT_TABLE_SIZE_MIN || size > SHUNT_TABLE_SIZE_MAX)
		return false;
	for (divisor = 2; divisor * divisor <= size; divisor++)
		if (size % divisor == 0)
			return false;
	return true;
}

/* Two words of an address as one number, which is the same on any processor. */
static u64 pair(const union nf_inet_addr *addr, unsigned int i)
{
	return (u64)ntohl(addr->ip6[i]) << 32 | ntohl(addr->ip6[i + 1]);
}

u32 shunt_rows_hash(const siphash_key_t *key, u8 family, const union nf_inet_addr *addr,
		    __be16 port)
{
	if (family == NFPROTO_IPV4)
		return siphash_2u32(ntohl(addr->ip), ntohs(port), key);
	return siphash_3u64(pair(addr, 0), pair(addr, 2), ntohs(port), key);
}

/* The row of a client's hash. */
static u16 row_at(const struct shunt_rows *rows, u32 hash)
{
	return rows->row[reciprocal_scale(hash, rows->size)];
}

static u32 client_hash(const struct shunt_rows *rows, const struct shunt_tuple *tuple)
{
	return shunt_rows_hash(&rows->key, tuple->family, &tuple->src,
			       rows->by == SHUNT_HASH_BY_SOURCE ? 0 : tuple->sport);
}

struct shunt_server *shunt_rows_pick(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_tuple *tuple)
{
	const struct shunt_pool_slot *slot;
	unsigned int i, at;
	u32 hash;

	if (!pool->count)
		return NULL;
	hash = client_hash(&pool->rows, tuple);
	if (unlikely(!pool->rows.size)) {
		slot = shunt_sched_at_hash(pool, hash);
		return slot ? slot->server : NULL;
	}
	for (i = 0; i < SHUNT_SCHED_MORE_PROBES; i++) {
		at = row_at(&pool->rows, hash);
		if (likely(shunt_server_usable(pool->slot[at].server)))
			return pool->slot[at].server;
		if (unlikely(i == SHUNT_SCHED_PROBES) && !shunt_sched_first(pool))
			return NULL;
		hash = shunt_sched_rehash(hash);
	}
	slot = shunt_sched_among_usable(pool, hash);
	return slot ? slot->server : NULL;
}

/* The time in units of what a pool remembers, cut to 16 bits. */
static u16 stamp_at(const struct shunt_pool *pool, u64 now)
{
	return now >> pool->was_shift;
}

/* Who stands there, full or not. */
static struct shunt_server *standing(const struct shunt_pool *pool, u16 place)
{
	struct shunt_server *server;

	if (place == SHUNT_ROWS_NONE)
		return NULL;
	server = pool->slot[place].server;
	return shunt_server_in_trouble(server) ? NULL : server;
}

/* Who had a client's row before it moved. */
static struct shunt_server *owner_before(const struct shunt_pool *pool,
					 const struct shunt_tuple *tuple)
{
	u64 now = get_jiffies_64();
	u32 i;

	if (!pool->was.size || !time_before64(now, pool->was_until))
		return NULL;
	i = reciprocal_scale(client_hash(&pool->was, tuple), pool->was.size);
	if ((u16)(stamp_at(pool, now) - pool->was_when[i]) > pool->was_life)
		return NULL;
	return standing(pool, pool->was.row[i]);
}

struct shunt_server *shunt_rows_owner(const struct shunt_pool *pool,
				      const struct shunt_tuple *tuple)
{
	if (!pool->rows.size)
		return NULL;
	return owner_before(pool, tuple) ?:
	       standing(pool, row_at(&pool->rows, client_hash(&pool->rows, tuple)));
}

void shunt_rows_share(const struct shunt_pool *pool)
{
	u32 sum = pool->count ? pool->slot[pool->count - 1].end : 0;
	struct shunt_rows_work *work = pool->work;
	unsigned int i;
	u64 all;
	u32 rest;

	for (i = 0; i < pool->count; i++) {
		all = (u64)pool->rows.size * pool->slot[i].weight;
		work[i].place = i;
		work[i].least = div_u64_rem(all, sum, &rest);
		work[i].most = work[i].least + !!rest;
		work[i].held = 0;
	}
}

/* The beginning and the step of a server's own order of the rows. */
static void begin_order(const struct shunt_rows *rows, const struct shunt_server *server,
			struct shunt_rows_work *work)
{
	u64 hash = siphash_3u64(pair(&server->addr, 0), pair(&server->addr, 2),
				BIT_ULL(32) | ntohs(server->port), &rows->key);

	work->at = (u32)hash % rows->size;
	work->skip = (u32)(hash >> 32) % (rows->size - 1) + 1;
}

/* Prepares the turns: who takes part in them and what each is to have at last. */
static unsigned int begin_turns(struct shunt_pool *pool)
{
	struct shunt_rows_work *work = pool->work;
	unsigned int i, turns = 0;
	u32 rest = pool->rows.size;

	shunt_rows_share(pool);
	for (i = 0; i < pool->count; i++)
		rest -= work[i].least;
	for (i = 0; i < pool->count; i++) {
		/* What rounding has left goes to the first, one each. */
		if (i < rest)
			work[i].least++;
		if (!work[i].least)
			continue;
		begin_order(&pool->rows, pool->slot[i].server, &work[i]);
		work[turns++] = work[i];
	}
	return turns;
}

static void take_row(struct shunt_rows *rows, struct shunt_rows_work *work)
{
	while (rows->row[work->at] != SHUNT_ROWS_NONE) {
		work->at += work->skip;
		if (work->at >= rows->size)
			work->at -= rows->size;
	}
	rows->row[work->at] = work->place;
	work->held++;
}

void shunt_rows_fill(struct shunt_pool *pool)
{
	struct shunt_rows_work *work = pool->work;
	unsigned int turns = begin_turns(pool);
	unsigned int i, left;

	memset16(pool->rows.row, SHUNT_ROWS_NONE, pool->rows.size);
	while (turns) {
		for (i = 0, left = 0; i < turns; i++) {
			take_row(&pool->rows, &work[i]);
			if (work[i].held < work[i].least)
				work[left++] = work[i];
		}
		turns = left;
		cond_resched();
	}
}

/*
 * Where the owner of an old pool's row stands now. The servers of the old pool are
 * all there still, for the lock has been held since the first of them could be
 * removed.
 */
static u16 place_now(const struct shunt_pool *from, u16 place)
{
	const struct shunt_server *server;

	if (place == SHUNT_ROWS_NONE)
		return SHUNT_ROWS_NONE;
	server = from->slot[place].server;
	return server->removed ? SHUNT_ROWS_NONE : server->index;
}

void shunt_rows_translate(u16 *row, const struct shunt_pool *from, const struct shunt_rows *rows)
{
	u32 i;

	for (i = 0; i < rows->size; i++)
		row[i] = place_now(from, rows->row[i]);
}

/* Whether a client has the same row in both. */
static bool rows_alike(const struct shunt_rows *a, const struct shunt_rows *b)
{
	return a->size == b->size && a->by == b->by && !memcmp(&a->key, &b->key, sizeof(a->key));
}

static bool remembers(const struct shunt_pool *pool)
{
	return pool->was.size && time_before64(get_jiffies_64(), pool->was_until);
}

u32 shunt_rows_before(const struct shunt_pool *old)
{
	return remembers(old) ? max(old->rows.size, old->was.size) : old->rows.size;
}

/* Keeps what the old pool remembers, as it is. */
static void rows_carry(struct shunt_pool *pool, const struct shunt_pool *old)
{
	u16 *row = pool->was.row;

	pool->was = old->was;
	pool->was.row = row;
	shunt_rows_translate(row, old, &old->was);
	memcpy(pool->was_when, old->was_when, old->was.size * sizeof(*old->was_when));
	pool->was_shift = old->was_shift;
	pool->was_life = old->was_life;
	pool->was_since = old->was_since;
	pool->was_until = old->was_until;
}

/*
 * Remembers the old pool's table, but for rows that have not moved, and joined with
 * what that pool remembers, if it does. Returns whether any row has moved. What was
 * nobody's is remembered as such, for as long as the change goes on: in a service that
 * is given its servers, those that came first had nobody's connections.
 */
static bool rows_join(struct shunt_pool *pool, const struct shunt_pool *old, bool joined)
{
	const bool alike = rows_alike(&old->rows, &pool->rows);
	const u16 change = DIV_ROUND_UP(ONE_CHANGE, 1U << pool->was_shift);
	const u16 life = max(pool->was_life, change);
	const u16 stamp = stamp_at(pool, pool->was_since);
	const u16 old_stamp = stamp_at(old, pool->was_since);
	const unsigned int coarser = pool->was_shift - old->was_shift;
	bool any = false;
	u32 i;

	for (i = 0; i < old->rows.size; i++) {
		u16 was = joined ? place_now(old, old->was.row[i]) : SHUNT_ROWS_NONE;
		u16 age = joined ? (u16)(old_stamp - old->was_when[i]) >> coarser : life + 1;
		u16 last = place_now(old, old->rows.row[i]);
		bool moved = !alike || last != pool->rows.row[i];

		any |= moved;
		if (moved && age > change) {
			was = last;
			age = 0;
		} else if (age > life) {
			was = SHUNT_ROWS_NONE;
			age = life + 1;
		}
		pool->was.row[i] = was;
		pool->was_when[i] = stamp - age;
	}
	return any;
}

void shunt_rows_remember(struct shunt_pool *pool, const struct shunt_pool *old, u32 seconds)
{
	u64 now = get_jiffies_64(), life = (u64)seconds * HZ;
	bool known = remembers(old);
	bool joined = known && rows_alike(&old->was, &old->rows);
	u16 *row = pool->was.row;

	if (!old->rows.size)
		return;
	if (known && !joined && now - old->was_since <= ONE_CHANGE) {
		rows_carry(pool, old);
		return;
	}
	pool->was = old->rows;
	pool->was.row = row;
	/* Coarser units do; finer ones would be untrue of the stamps there are. */
	pool->was_shift = joined ? old->was_shift : 0;
	while (life >> pool->was_shift >= STAMPS)
		pool->was_shift++;
	pool->was_life = (life >> pool->was_shift) + 1;
	pool->was_since = now;
	pool->was_until = now + life;
	if (rows_join(pool, old, joined) || !known)
		return;
	if (joined)
		pool->was_until = old->was_until;
	else
		rows_carry(pool, old);
}
