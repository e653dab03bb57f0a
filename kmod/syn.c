// SPDX-License-Identifier: GPL-2.0
/*
 * What was chosen for SYNs whose clients have not answered yet, in DSR.
 *
 * A SYN costs its sender nothing and may bear any address, so it makes no
 * connection: its server is noted here, in a cache of fixed size that forgets,
 * and the client's first segment after it makes the connection. NAT needs a
 * connection to translate the server's answer, see limit.c.
 *
 * Layout: sets of four slots, a cache line each, chosen by the hash of the
 * tuple. A slot holds the hash, the SYN's sequence number, the server's id, where
 * in the service's pool it was, and the second. A full set forgets its oldest.
 *
 * What a lost slot costs: under a flood SYNs are forgotten before their clients
 * can answer. From the first slot that is lost too early on, for as long as
 * shunt_pressed() says so, servers are therefore chosen by the hash alone, so
 * that whoever looks for the SYN in vain finds its server all the same. A stray
 * segment looks like one of those clients', so it makes no connection: it is noted
 * as a SYN is, and the segment after it makes the connection. Only what was
 * scheduled before, and is forgotten as the flood begins, may go to another.
 *
 * Who writes what: any CPU any slot, without a lock. The two words of a slot may
 * then be of two SYNs; the first is stored exclusive-or the second, so that such
 * a slot looks like that of a SYN that never was (R. Hyatt, T. Mann, "A lockless
 * transposition-table implementation for parallel search", 2002).
 */
#include <linux/jiffies.h>
#include <linux/mm.h>

#include "conn.h"
#include "limit.h"
#include "pool.h"
#include "syn.h"

enum {
	SYN_WAYS = 4,
	SYN_BITS_MIN = 10,		/* of sets: 64 KiB */
	SYN_BITS_MAX = 16,		/* 4 MiB */
	SYN_MEMORY_SHIFT = 14,		/* a 16384th of the memory */
	SYN_YOUNG = 5,			/* seconds; who loses such a slot may still answer */
};

struct syn_slot {
	u64 check;		/* hash and sequence number, xor data */
	u64 data;		/* union syn_data, or 0 */
};

struct shunt_syns {
	unsigned int shift;
	struct syn_set {
		struct syn_slot slot[SYN_WAYS];
	} ____cacheline_aligned set[];
};

/* A slot's second word. */
union syn_data {
	u64 word;
	struct {
		u32 server;		/* its id, never 0 */
		u16 index;		/* in the pool then */
		u16 second;
	};
};

struct shunt_syns *shunt_syns_alloc(void)
{
	unsigned int bits = ilog2(totalram_pages()) + PAGE_SHIFT - SYN_MEMORY_SHIFT -
			    ilog2(sizeof(struct syn_set));
	struct shunt_syns *syns;

	bits = clamp_t(unsigned int, bits, SYN_BITS_MIN, SYN_BITS_MAX);
	syns = kvzalloc(struct_size(syns, set, 1UL << bits), GFP_KERNEL_ACCOUNT);
	if (syns)
		syns->shift = 32 - bits;
	return syns;
}

void shunt_syns_free(struct shunt_syns *syns)
{
	kvfree(syns);
}

static u16 this_second(void)
{
	return jiffies / HZ;
}

static struct syn_set *set_of(const struct shunt_packet *pkt)
{
	struct shunt_syns *syns = pkt->sn->syns;

	return &syns->set[pkt->hash >> syns->shift];
}

/* Reads a slot. False if it is not that of a SYN with this hash. */
static bool read_slot(const struct syn_slot *slot, u32 hash, u32 *seq, union syn_data *data)
{
	u64 check = READ_ONCE(slot->check);

	data->word = READ_ONCE(slot->data);
	check ^= data->word;
	*seq = check;
	return check >> 32 == hash && data->server;
}

static void write_slot(struct syn_slot *slot, u64 check, u64 data)
{
	WRITE_ONCE(slot->check, check ^ data);
	WRITE_ONCE(slot->data, data);
}

/* The server of this id, whose place in the pool may have changed meanwhile. */
static struct shunt_server *server_of(const struct shunt_pool *pool, const union syn_data *data)
{
	unsigned int i;

	if (data->index < pool->total && pool->slot[data->index].server->id == data->server)
		return pool->slot[data->index].server;
	for (i = 0; i < pool->total; i++)
		if (pool->slot[i].server->id == data->server)
			return pool->slot[i].server;
	return NULL;
}

static bool has_expired(const union syn_data *data, const struct shunt_service *service)
{
	u32 timeout = min_t(u32, READ_ONCE(service->timeouts[SHUNT_CONN_STATE_SYN]), U16_MAX / 2);

	return (u16)(this_second() - data->second) > timeout;
}

/* The slot of a SYN with the packet's tuple, with what is in it, or NULL. */
static __always_inline struct syn_slot *slot_of(const struct shunt_packet *pkt, u32 *seq,
						union syn_data *data)
{
	struct syn_set *set = set_of(pkt);
	struct syn_slot *slot;

	for (slot = set->slot; slot < set->slot + SYN_WAYS; slot++)
		if (unlikely((READ_ONCE(slot->check) ^ READ_ONCE(slot->data)) >> 32 == pkt->hash) &&
		    read_slot(slot, pkt->hash, seq, data))
			return slot;
	return NULL;
}

struct shunt_syn shunt_syn_find(const struct shunt_packet *pkt,
				const struct shunt_service *service)
{
	struct shunt_syn syn = {};
	union syn_data data;
	u32 seq;

	syn.slot = slot_of(pkt, &seq, &data);
	if (!syn.slot || has_expired(&data, service))
		return syn;
	if (shunt_tcp_begins(pkt->tcp_flags) ? pkt->seq == seq : shunt_tcp_near(pkt->seq, seq))
		syn.server = server_of(rcu_dereference(service->pool), &data);
	return syn;
}

struct shunt_server *shunt_syn_owner(const struct shunt_packet *pkt,
				     const struct shunt_service *service)
{
	union syn_data data;
	u32 seq;

	if (!slot_of(pkt, &seq, &data) || has_expired(&data, service))
		return NULL;
	return server_of(rcu_dereference(service->pool), &data);
}

static noinline void lose_young(struct shunt_net *sn)
{
	shunt_press(&sn->pressed_at);
	shunt_drop_count(sn->drops, SHUNT_COUNT_SYN_FORGOTTEN);
}

/* In a slot that is free, or else in the oldest one's. */
static void note_anew(const struct shunt_packet *pkt, u64 check, union syn_data data)
{
	struct syn_set *set = set_of(pkt);
	struct syn_slot *slot, *oldest = set->slot;
	u16 age, most = 0;

	for (slot = set->slot; slot < set->slot + SYN_WAYS; slot++) {
		union syn_data other = { .word = READ_ONCE(slot->data) };

		if (!other.server) {
			write_slot(slot, check, data.word);
			return;
		}
		age = data.second - other.second;
		if (age > most) {
			oldest = slot;
			most = age;
		}
	}
	write_slot(oldest, check, data.word);
	if (most < SYN_YOUNG)
		lose_young(pkt->sn);
}

void shunt_syn_note(const struct shunt_packet *pkt, const struct shunt_server *server,
		    struct shunt_syn syn)
{
	union syn_data data = {
		.server = server->id,
		.index = min_t(u32, READ_ONCE(server->index), U16_MAX),
		.second = this_second(),
	};
	u64 check = (u64)pkt->hash << 32 | pkt->seq;

	if (syn.slot)
		write_slot(syn.slot, check, data.word);
	else
		note_anew(pkt, check, data);
}

void shunt_syn_forget(const struct shunt_packet *pkt, struct shunt_syn syn)
{
	union syn_data data;
	u32 seq;

	/* Unless another SYN has taken the slot meanwhile. */
	if (read_slot(syn.slot, pkt->hash, &seq, &data))
		write_slot(syn.slot, 0, 0);
}

#ifdef SHUNT_SELFTEST
#include "selftest/syn.c"
#endif
