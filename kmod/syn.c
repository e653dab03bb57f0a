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
 * can answer. When slots are lost too early in a second, as many as a 64th of the
 * sets, for as long as shunt_pressed() says so, servers are therefore chosen by the
 * hash alone, so that whoever looks for the SYN in vain finds its server all the
 * same. Fewer are lost by chance, where hashes of SYNs that nobody answers meet in
 * one set while most of the cache is empty; the oldest of such a set hardly ever is
 * a client's who will answer, and schedulers should not suffer for it. A stray
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
	SYN_BITS_MIN = 10,		/* of sets: 64 KiB */
	SYN_BITS_MAX = 16,		/* 4 MiB */
	SYN_MEMORY_SHIFT = 14,		/* a 16384th of the memory, or more than half that */
	SYN_LOST_SHIFT = 6,		/* in a 64th of the sets */
};

struct shunt_syns *shunt_syns_alloc(void)
{
	unsigned int bits = ilog2(totalram_pages()) + PAGE_SHIFT - SYN_MEMORY_SHIFT -
			    ilog2(sizeof(struct shunt_syn_set));
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

struct shunt_server *shunt_syn_server(const struct shunt_pool *pool, union shunt_syn_data data)
{
	unsigned int i;

	if (data.index < pool->total && pool->slot[data.index].server->id == data.server)
		return pool->slot[data.index].server;
	for (i = 0; i < pool->total; i++)
		if (pool->slot[i].server->id == data.server)
			return pool->slot[i].server;
	return NULL;
}

struct shunt_server *shunt_syn_owner(const struct shunt_packet *pkt,
				     const struct shunt_service *service)
{
	union shunt_syn_data data;
	u32 seq;

	if (!shunt_syn_slot(pkt, &seq, &data) || shunt_syn_expired(data, service))
		return NULL;
	return shunt_syn_server(rcu_dereference(service->pool), data);
}

void shunt_syn_lose_young(struct shunt_net *sn, u16 second)
{
	struct shunt_syns *syns = sn->syns;
	u32 lost = READ_ONCE(syns->lost);

	if (lost >> 16 != second)
		lost = (u32)second << 16;
	if ((u16)lost >> (32 - syns->shift - SYN_LOST_SHIFT))
		shunt_stamp(&sn->pressed_at);
	else
		WRITE_ONCE(syns->lost, lost + 1);
	shunt_drop_count(sn->drops, SHUNT_COUNT_SYN_FORGOTTEN);
}

void shunt_syn_forget(const struct shunt_packet *pkt, struct shunt_syn syn)
{
	union shunt_syn_data data;
	u32 seq;

	/* Unless another SYN has taken the slot meanwhile. */
	if (shunt_syn_read(syn.slot, pkt->hash, &seq, &data))
		shunt_syn_write(syn.slot, 0, 0);
}

#ifdef SHUNT_SELFTEST
#include "selftest/syn.c"
#endif
