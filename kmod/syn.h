/* SPDX-License-Identifier: GPL-2.0 */
/* SYNs that wait for their clients' first ACK. Their design opens syn.c. */
#ifndef SHUNT_SYN_H
#define SHUNT_SYN_H

#include <linux/cache.h>
#include <linux/jiffies.h>

#include "conn.h"
#include "net.h"
#include "packet.h"
#include "server.h"
#include "service.h"

enum {
	SHUNT_SYN_WAYS = 4,
	SHUNT_SYN_YOUNG = 5,	/* seconds; who loses such a slot may still answer */
};

struct shunt_syn_slot {
	u64 check;		/* hash and sequence number, xor data */
	u64 data;		/* union shunt_syn_data, or 0 */
};

struct shunt_syns {
	unsigned int shift;
	u32 lost;		/* young slots, in the second that is the upper half */
	struct shunt_syn_set {
		struct shunt_syn_slot slot[SHUNT_SYN_WAYS];
	} ____cacheline_aligned set[];
};

/* A slot's second word. */
union shunt_syn_data {
	u64 word;
	struct {
		u32 server;		/* its id, never 0 */
		u16 index;		/* in the pool then */
		u16 second;
	};
};

/* May sleep. NULL if there is no memory. */
struct shunt_syns *shunt_syns_alloc(void);
void shunt_syns_free(struct shunt_syns *syns);

/* What is known of the SYN with a packet's tuple; two words, passed by value. */
struct shunt_syn {
	struct shunt_server *server;	/* chosen for it, or NULL */
	struct shunt_syn_slot *slot;	/* where it is noted, or NULL */
};

/*
 * All of this under RCU, bottom halves off, with pkt->hash filled in. What each SYN
 * of a flood passes is inline.
 */

/* The server of whatever SYN waits with this tuple. */
struct shunt_server *shunt_syn_owner(const struct shunt_packet *pkt,
				     const struct shunt_service *service);

/* The connection is in the table now, or the SYN's client has gone; it was found. */
void shunt_syn_forget(const struct shunt_packet *pkt, struct shunt_syn syn);

/* The server of this id, whose place in the pool may have changed meanwhile; or NULL. */
struct shunt_server *shunt_syn_server(const struct shunt_pool *pool, union shunt_syn_data data);

/* A SYN of this second has taken the place of one whose client may still answer. */
void shunt_syn_lose_young(struct shunt_net *sn, u16 second);

static inline u16 shunt_syn_second(void)
{
	return jiffies / HZ;
}

static __always_inline struct shunt_syn_set *shunt_syn_set(const struct shunt_packet *pkt)
{
	struct shunt_syns *syns = pkt->sn->syns;

	return &syns->set[pkt->hash >> syns->shift];
}

/* Reads a slot. False if it is not that of a SYN with this hash. */
static inline bool shunt_syn_read(const struct shunt_syn_slot *slot, u32 hash, u32 *seq,
				  union shunt_syn_data *data)
{
	u64 check = READ_ONCE(slot->check);

	data->word = READ_ONCE(slot->data);
	check ^= data->word;
	*seq = check;
	return check >> 32 == hash && data->server;
}

static inline void shunt_syn_write(struct shunt_syn_slot *slot, u64 check, u64 data)
{
	WRITE_ONCE(slot->check, check ^ data);
	WRITE_ONCE(slot->data, data);
}

static inline bool shunt_syn_expired(union shunt_syn_data data,
				     const struct shunt_service *service)
{
	u32 timeout = min_t(u32, READ_ONCE(service->timeouts[SHUNT_CONN_STATE_SYN]), U16_MAX / 2);

	return (u16)(shunt_syn_second() - data.second) > timeout;
}

/* The slot of a SYN with the packet's tuple, with what is in it, or NULL. */
static __always_inline struct shunt_syn_slot *
shunt_syn_slot(const struct shunt_packet *pkt, u32 *seq, union shunt_syn_data *data)
{
	struct shunt_syn_slot *slot = shunt_syn_set(pkt)->slot;
	unsigned int i;

#pragma GCC unroll 4
	for (i = 0; i < SHUNT_SYN_WAYS; i++)
		if (unlikely((READ_ONCE(slot[i].check) ^ READ_ONCE(slot[i].data)) >> 32 ==
			     pkt->hash) &&
		    shunt_syn_read(&slot[i], pkt->hash, seq, data))
			return &slot[i];
	return NULL;
}

/*
 * Finds the server that was chosen for this SYN when it came before, or for the
 * SYN that this segment follows; none if that is not known or it is no longer
 * the service's.
 */
static __always_inline struct shunt_syn shunt_syn_find(const struct shunt_packet *pkt,
						       const struct shunt_service *service)
{
	struct shunt_syn syn = {};
	union shunt_syn_data data;
	u32 seq;

	syn.slot = shunt_syn_slot(pkt, &seq, &data);
	if (!syn.slot || shunt_syn_expired(data, service))
		return syn;
	if (shunt_tcp_begins(pkt->tcp_flags) ? pkt->seq == seq : shunt_tcp_near(pkt->seq, seq))
		syn.server = shunt_syn_server(rcu_dereference(service->pool), data);
	return syn;
}

/* In a slot that is free, or else in the oldest one's. */
static __always_inline void shunt_syn_note_anew(const struct shunt_packet *pkt, u64 check,
						union shunt_syn_data data)
{
	struct shunt_syn_slot *slot = shunt_syn_set(pkt)->slot, *oldest = slot;
	u16 age, most = 0;
	unsigned int i;

	for (i = 0; i < SHUNT_SYN_WAYS; i++) {
		union shunt_syn_data other = { .word = READ_ONCE(slot[i].data) };

		if (!other.server) {
			shunt_syn_write(&slot[i], check, data.word);
			return;
		}
		age = data.second - other.second;
		if (age > most) {
			oldest = &slot[i];
			most = age;
		}
	}
	shunt_syn_write(oldest, check, data.word);
	if (most < SHUNT_SYN_YOUNG)
		shunt_syn_lose_young(pkt->sn, data.second);
}

/*
 * Notes the server chosen for a SYN, or for a segment whose SYN was forgotten,
 * where shunt_syn_find() has found that it is noted, or else anew.
 */
static __always_inline void shunt_syn_note(const struct shunt_packet *pkt,
					   const struct shunt_server *server,
					   struct shunt_syn syn)
{
	union shunt_syn_data data = {
		.server = server->id,
		.index = min_t(u32, READ_ONCE(server->index), U16_MAX),
		.second = shunt_syn_second(),
	};
	u64 check = (u64)pkt->hash << 32 | pkt->seq;

	if (syn.slot)
		shunt_syn_write(syn.slot, check, data.word);
	else
		shunt_syn_note_anew(pkt, check, data);
}

#endif
