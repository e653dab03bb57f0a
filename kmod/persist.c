// SPDX-License-Identifier: GPL-2.0
/*
 * Persistence: new connections of a client go to the server it had last.
 *
 * What is remembered: an entry has a client, which is the leading bits of an
 * address, and a server. It is of one service, or of a group of services that share
 * their clients; there the server is known by its address, whatever its port. It
 * lasts for as long as the service says since the client's last new connection. What
 * connections the client has still does not count: that would take a reference of
 * each to its entry, for which the smallest kind has no room.
 *
 * A remembered server counts only while it could be chosen: it is the service's, takes
 * new connections, can be reached and is not full; a backup, while it is their turn.
 * Otherwise the scheduler chooses anew, and the entry is replaced by one for that
 * server.
 *
 * Who makes entries: clients who have shown that they are there, so that no flood of
 * SYNs makes any. In DSR that is the ACK that makes the connection, in NAT the one
 * that completes its handshake. Until then a note of fixed size (note.c) leads other
 * SYNs of the client to the same server. A datagram makes an entry as it makes a
 * connection, and the limit bounds both.
 *
 * At the limit, entries that are there stay, and other clients are not refused: the
 * hash of a client's address chooses its server, as long as the servers do not
 * change. So it is when SYNs are forgotten and when there are too many connections
 * (limit.h), for clients without entry or note: what is looked for without success
 * finds the same server again. In a group these choices agree where the services
 * have the same servers in the same order.
 *
 * Packets in mid-stream that are of no known connection ask for the client's entry,
 * too. It is right unless the connection is older than the entry: the client's server
 * could not be chosen meanwhile, or the entry was deleted.
 *
 * Who owns what: the namespace owns the entries. All but their time never changes; to
 * change the server is to put another entry into the place. Whoever takes one out of
 * the table, a packet, the sweep or a command, has it to free after a grace period,
 * for lookups hold RCU only. An entry holds nothing: not its server, which it tells
 * by a number and looks for among those there are, nor its service or group, of
 * which it has the id. So these may go at any time. Their entries are deleted then,
 * with all notes, and that is all that the contract needs: ids are never used twice,
 * but a server that is added again is to begin anew. What a packet that is under way
 * adds behind their back is absent to lookups, for nothing asks for it, or has that
 * server.
 *
 * Expiry: absent to lookups from that moment; a worker frees it within SWEEP_MOST,
 * in slices of less than two milliseconds.
 */
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "persist.h"
#include "pool.h"
#include "rows.h"
#include "sched.h"
#include "server.h"
#include "service.h"
#include "stats.h"

enum {
	/* An entry with its share of the buckets. */
	ENTRY_BYTES = 96,
	MEMORY_SHARE = 64,
	LIMIT_MIN = 16384,
	SWEEP_SLICE = 1500 * NSEC_PER_USEC,
	SWEEP_LEAST = HZ,		/* from one sweep to the next, at least ... */
	SWEEP_MOST = 8 * HZ,		/* ... and at most */
};

static struct kmem_cache *entry_cache __ro_after_init;

static const struct rhashtable_params entry_params = {
	.head_offset = offsetof(struct shunt_persist_entry, node),
	.key_offset = offsetof(struct shunt_persist_entry, key),
	.key_len = sizeof(struct shunt_persist_key),
	.automatic_shrinking = true,
};

/* A 64th of the memory: 170 000 clients to a GiB. */
u32 shunt_persist_limit_default(void)
{
	u64 bytes = (u64)totalram_pages() << PAGE_SHIFT;

	return clamp_t(u64, bytes / (MEMORY_SHARE * ENTRY_BYTES), LIMIT_MIN, S32_MAX);
}

static void entry_free(struct rcu_head *rcu)
{
	kmem_cache_free(entry_cache, container_of(rcu, struct shunt_persist_entry, rcu));
}

static bool entry_remove(struct shunt_persists *persists, struct shunt_persist_entry *entry)
{
	if (rhashtable_remove_fast(&persists->entries, &entry->node, entry_params))
		return false;
	atomic_dec(&persists->count);
	call_rcu(&entry->rcu, entry_free);
	return true;
}

/* The number that tells a server to those who share what is remembered. */
static u32 mark_of(const struct shunt_persist *persist, const struct shunt_server *server)
{
	return persist->grouped ? server->host : server->id;
}

/* Its place in a pool: where it was, or wherever it is now, or none. */
static unsigned int place_of(const struct shunt_persist *persist, const struct shunt_pool *pool,
			     u32 mark, unsigned int index)
{
	unsigned int i;

	if (index < pool->total && mark_of(persist, pool->slot[index].server) == mark)
		return index;
	for (i = 0; i < pool->total; i++)
		if (mark_of(persist, pool->slot[i].server) == mark)
			return i;
	return pool->total;
}

/* Whether it is a backup's place, and the backups' turn. */
static bool is_backup_at(const struct shunt_pool *pool, unsigned int at)
{
	return pool->backup && at - pool->count < pool->backup->count &&
	       !shunt_sched_first(pool);
}

/* The server in a place, if it can take new connections now. */
static struct shunt_server *usable_at(const struct shunt_pool *pool, unsigned int at)
{
	struct shunt_server *server;

	if (at >= pool->count && !is_backup_at(pool, at))
		return NULL;
	server = pool->slot[at].server;
	return shunt_server_usable(server) ? server : NULL;
}

static u16 index_of(unsigned int at)
{
	return min_t(unsigned int, at, U16_MAX);
}

struct shunt_persist_client shunt_persist_client(const struct shunt_persist *persist,
						 const union nf_inet_addr *addr)
{
	struct shunt_persist_client client = { .key.scope = persist->scope };

	nf_inet_addr_mask(addr, &client.key.client, &persist->mask);
	client.hash = siphash(&client.key, sizeof(client.key), &persist->persists->key);
	return client;
}

static struct shunt_persist_entry *entry_find(const struct shunt_persist *persist,
					      const struct shunt_persist_key *key)
{
	return rhashtable_lookup(&persist->persists->entries, key, entry_params);
}

/* The server of an entry for a service, if it can take new connections. */
static struct shunt_server *entry_server(const struct shunt_persist *persist,
					 const struct shunt_pool *pool,
					 struct shunt_persist_entry *entry)
{
	unsigned int index = READ_ONCE(entry->index);
	unsigned int at = place_of(persist, pool, entry->mark, index);
	struct shunt_server *server;

	if (at == pool->total)
		return NULL;
	if (at != index)
		WRITE_ONCE(entry->index, index_of(at));
	server = usable_at(pool, at);
	/* Two addresses may have one hash. */
	if (server && !nf_inet_addr_cmp(&server->addr, &entry->server))
		return NULL;
	return server;
}

struct shunt_server *shunt_persist_find(const struct shunt_persist *persist,
					const struct shunt_service *service,
					const struct shunt_persist_client *client)
{
	const struct shunt_pool *pool = rcu_dereference(service->pool);
	struct shunt_persist_entry *entry = entry_find(persist, &client->key);
	struct shunt_server *server = NULL;
	struct shunt_note note;

	if (entry && shunt_persist_left(entry))
		server = entry_server(persist, pool, entry);
	if (server)
		return server;
	note = shunt_note_find(persist->persists->notes, client->hash);
	return note.mark ? usable_at(pool, place_of(persist, pool, note.mark, note.index)) : NULL;
}

/*
 * A scheduler that is steady is asked about the client's bits and no port, so that
 * directors agree that have its key. In a group all have one key: the namespace's;
 * fo, which has none, keeps its standby out of this there, too.
 */
struct shunt_server *shunt_persist_row(const struct shunt_persist *persist,
				       struct shunt_service *service,
				       const struct shunt_packet *pkt,
				       const struct shunt_persist_client *client)
{
	const struct shunt_pool *pool = rcu_dereference(service->pool);
	struct shunt_tuple tuple = pkt->tuple;
	const struct shunt_pool_slot *slot;

	if (pool->sched->steady && !(pool->sched->hashes && persist->grouped)) {
		tuple.src = client->key.client;
		tuple.sport = 0;
		return shunt_sched_choose(service, pool, &tuple);
	}
	slot = shunt_sched_at_hash(pool, client->hash);
	if (unlikely(!slot) && pool->backup)
		slot = shunt_sched_at_hash(pool->backup, client->hash);
	return slot ? slot->server : NULL;
}

void shunt_persist_note(const struct shunt_persist *persist, const struct shunt_server *server,
			const struct shunt_persist_client *client)
{
	const struct shunt_note note = {
		.mark = mark_of(persist, server),
		.index = index_of(READ_ONCE(server->index)),
	};

	shunt_note_write(persist->persists->notes, client->hash, note);
}

static struct shunt_persist_entry *entry_alloc(const struct shunt_persist *persist,
					       const struct shunt_server *server,
					       const struct shunt_persist_key *key)
{
	struct shunt_persist_entry *entry;

	entry = kmem_cache_zalloc(entry_cache, GFP_ATOMIC | __GFP_NOWARN);
	if (!entry)
		return NULL;
	entry->key = *key;
	entry->mark = mark_of(persist, server);
	entry->server = server->addr;
	entry->port = server->port;
	entry->index = index_of(READ_ONCE(server->index));
	entry->seen = jiffies;
	entry->seconds = persist->seconds;
	return entry;
}

/* Puts an entry in the place of an old one. */
static void entry_replace(struct shunt_persists *persists, struct shunt_persist_entry *old,
			  struct shunt_persist_entry *fresh)
{
	if (!fresh)
		return;
	/* Unless another has done so first, or taken it out. */
	if (rhashtable_replace_fast(&persists->entries, &old->node, &fresh->node, entry_params))
		kmem_cache_free(entry_cache, fresh);
	else
		call_rcu(&old->rcu, entry_free);
}

/* Puts an entry in where there is none, if there may be one more. */
static void entry_add(struct shunt_persists *persists, struct shunt_persist_entry *fresh)
{
	int err = -ENOMEM;

	atomic_inc(&persists->count);
	if (fresh)
		err = rhashtable_lookup_insert_fast(&persists->entries, &fresh->node, entry_params);
	if (!err)
		return;
	atomic_dec(&persists->count);
	if (fresh)
		kmem_cache_free(entry_cache, fresh);
	/* Another CPU's is as good. */
	if (err != -EEXIST)
		shunt_drop_count(persists->sn->drops, SHUNT_COUNT_PERSIST_BEYOND);
}

/* The client's last new connection is of this moment. */
static void entry_refresh(const struct shunt_persist *persist, struct shunt_persist_entry *entry)
{
	u32 now = jiffies;

	if (READ_ONCE(entry->seconds) != persist->seconds)
		WRITE_ONCE(entry->seconds, persist->seconds);
	if (READ_ONCE(entry->seen) != now)
		WRITE_ONCE(entry->seen, now);
}

/* The client has an entry for this server from now on, in the place of an old one if any. */
static void entry_make(const struct shunt_persist *persist, const struct shunt_server *server,
		       const struct shunt_persist_key *key, struct shunt_persist_entry *old)
{
	struct shunt_persists *persists = persist->persists;

	if (old)
		entry_replace(persists, old, entry_alloc(persist, server, key));
	else if (shunt_persist_full(persist))
		shunt_drop_count(persists->sn->drops, SHUNT_COUNT_PERSIST_BEYOND);
	else
		entry_add(persists, entry_alloc(persist, server, key));
}

void shunt_persist_keep(const struct shunt_persist *persist, const struct shunt_service *service,
			const struct shunt_server *server, const union nf_inet_addr *addr)
{
	struct shunt_persist_client client = shunt_persist_client(persist, addr);
	struct shunt_persist_entry *entry = entry_find(persist, &client.key);

	if (entry && (entry->mark == mark_of(persist, server) ||
		      (shunt_persist_left(entry) &&
		       entry_server(persist, rcu_dereference(service->pool), entry))))
		entry_refresh(persist, entry);
	/* A handshake in NAT may be completed with a server that was removed meanwhile. */
	else if (!READ_ONCE(server->removed))
		entry_make(persist, server, &client.key, entry);
	shunt_note_forget(persist->persists->notes, client.hash);
}

struct shunt_persist_entry *shunt_persist_walk_next(struct rhashtable_iter *walk)
{
	struct shunt_persist_entry *entry;

	do {
		entry = rhashtable_walk_next(walk);
	} while (IS_ERR(entry) && PTR_ERR(entry) == -EAGAIN);
	return IS_ERR(entry) ? NULL : entry;
}

/*
 * Where the table has changed its size since, kernels before 6.12.101 and 6.1.183 go
 * on from the entry that the walk stood on (CVE-2026-64563), which may be freed.
 */
static void walk_start(struct rhashtable_iter *walk)
	__acquires(RCU)
{
	if (rhashtable_walk_start_check(walk) == -EAGAIN)
		walk->p = NULL;
}

struct shunt_persist_entry *shunt_persist_walk_resume(struct rhashtable_iter *walk)
	__acquires(RCU)
{
	struct shunt_persist_entry *entry;

	walk_start(walk);
	entry = rhashtable_walk_peek(walk);
	return IS_ERR(entry) ? shunt_persist_walk_next(walk) : entry;
}

/* A slice of the sweep. Returns whether that was all. */
static bool sweep_slice(struct shunt_persists *persists)
{
	u64 until = ktime_get_ns() + SWEEP_SLICE;
	struct shunt_persist_entry *entry;
	unsigned int n = 0;
	u32 left;

	do {
		entry = shunt_persist_walk_next(&persists->walk);
		if (!entry)
			return true;
		left = shunt_persist_left(entry);
		if (left)
			persists->least = min(persists->least, left);
		else
			entry_remove(persists, entry);
	} while (++n % SHUNT_PERSIST_GLANCE || ktime_get_ns() <= until);
	return false;
}

static void persist_sweep(struct work_struct *work)
{
	struct shunt_persists *persists = container_of(work, struct shunt_persists, sweep.work);
	unsigned long delay = 1;

	if (!persists->sweeping) {
		rhashtable_walk_enter(&persists->entries, &persists->walk);
		persists->sweeping = true;
		persists->least = SWEEP_MOST;
	}
	walk_start(&persists->walk);
	if (sweep_slice(persists)) {
		persists->sweeping = false;
		delay = max_t(u32, persists->least, SWEEP_LEAST);
	}
	rhashtable_walk_stop(&persists->walk);
	if (!persists->sweeping)
		rhashtable_walk_exit(&persists->walk);
	schedule_delayed_work(&persists->sweep, delay);
}

struct shunt_persists *shunt_persist_start(struct shunt_net *sn)
{
	struct shunt_persists *persists = sn->persists;

	lockdep_assert_held(&sn->lock);
	if (persists)
		return persists;
	persists = kzalloc(sizeof(*persists), GFP_KERNEL_ACCOUNT);
	if (!persists)
		return NULL;
	persists->notes = shunt_notes_alloc();
	if (!persists->notes || rhashtable_init(&persists->entries, &entry_params)) {
		shunt_notes_free(persists->notes);
		kfree(persists);
		return NULL;
	}
	persists->sn = sn;
	get_random_bytes(&persists->key, sizeof(persists->key));
	xa_init(&persists->groups);
	INIT_DELAYED_WORK(&persists->sweep, persist_sweep);
	schedule_delayed_work(&persists->sweep, SWEEP_MOST);
	sn->persists = persists;
	return persists;
}

static void entry_free_now(void *entry, void *arg)
{
	kmem_cache_free(entry_cache, entry);
}

void shunt_persist_net_exit(struct shunt_net *sn)
{
	struct shunt_persists *persists = sn->persists;

	if (!persists)
		return;
	cancel_delayed_work_sync(&persists->sweep);
	if (persists->sweeping)
		rhashtable_walk_exit(&persists->walk);
	rhashtable_free_and_destroy(&persists->entries, entry_free_now, NULL);
	WARN_ON_ONCE(!xa_empty(&persists->groups));
	xa_destroy(&persists->groups);
	shunt_notes_free(persists->notes);
	kfree(persists);
	sn->persists = NULL;
}

/* Lets others run, and goes on where it was. */
static struct shunt_persist_entry *walk_rest(struct rhashtable_iter *walk)
	__must_hold(RCU)
{
	rhashtable_walk_stop(walk);
	cond_resched();
	return shunt_persist_walk_resume(walk);
}

unsigned int shunt_persist_delete(struct shunt_net *sn,
				  bool (*fn)(const struct shunt_persist_entry *entry,
					     const void *arg),
				  const void *arg)
{
	struct shunt_persists *persists = sn->persists;
	struct shunt_persist_entry *entry, *next;
	struct rhashtable_iter walk;
	unsigned int n = 0, seen = 0;
	bool lives;

	lockdep_assert_held(&sn->lock);
	if (!persists)
		return 0;
	shunt_notes_forget(persists->notes);
	if (!atomic_read(&persists->count))
		return 0;
	rhashtable_walk_enter(&persists->entries, &walk);
	for (entry = shunt_persist_walk_resume(&walk); entry; entry = next) {
		if (++seen % SHUNT_PERSIST_GLANCE == 0)
			entry = walk_rest(&walk);
		if (!entry)
			break;
		/* A walk that rests on what is removed would lose its place in the chain. */
		next = shunt_persist_walk_next(&walk);
		lives = shunt_persist_left(entry);
		n += fn(entry, arg) && entry_remove(persists, entry) && lives;
	}
	rhashtable_walk_stop(&walk);
	rhashtable_walk_exit(&walk);
	return n;
}

__be16 shunt_persist_port(const struct shunt_service *service,
			  const struct shunt_persist_entry *entry)
{
	const struct shunt_persist *persist =
		rcu_dereference_protected(service->persist, lockdep_is_held(&service->sn->lock));
	const struct shunt_pool *pool = shunt_pool_of(service);
	unsigned int at = persist ? place_of(persist, pool, entry->mark, READ_ONCE(entry->index)) :
				    pool->total;

	return at < pool->total ? pool->slot[at].server->port : entry->port;
}

static bool entry_is_of(const struct shunt_persist_entry *entry, const void *arg)
{
	return entry->key.scope == *(const u32 *)arg;
}

void shunt_persist_delete_scope(struct shunt_net *sn, u32 scope)
{
	shunt_persist_delete(sn, entry_is_of, &scope);
}

static bool entry_is_any(const struct shunt_persist_entry *entry, const void *arg)
{
	return true;
}

void shunt_persist_delete_all(struct shunt_net *sn)
{
	shunt_persist_delete(sn, entry_is_any, NULL);
}

int __init shunt_persist_init(void)
{
	/* So that the operator sees what they take. */
	entry_cache = kmem_cache_create("shunt_persist", sizeof(struct shunt_persist_entry), 0,
					SLAB_NO_MERGE, NULL);
	return entry_cache ? 0 : -ENOMEM;
}

void shunt_persist_exit(void)
{
	/* Entries are freed by callbacks, which must not outlive the cache. */
	rcu_barrier();
	kmem_cache_destroy(entry_cache);
}

#ifdef SHUNT_SELFTEST
#include "selftest/persist.c"
#endif
