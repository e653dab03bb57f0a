/* SPDX-License-Identifier: GPL-2.0 */
/* Services by the one port of an address that they have alone, inline where connections begin. */
#ifndef SHUNT_POINT_H
#define SHUNT_POINT_H

#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/rhashtable.h>
#include <linux/unaligned.h>

#include "match.h"
#include "net.h"
#include "packet.h"
#include "service.h"

/* In one of the service's protocols. Its life is told in match.c. */
struct shunt_point {
	struct rhash_head by_tuple;
	struct shunt_service_key key;
	struct shunt_service *service;
	struct list_head list;		/* in service->points; the namespace's lock */
	bool stays;			/* while they are replaced; the same */
	struct rcu_head rcu;
};

/* A port with family and protocol behind it, of a tuple as of a key, as one word. */
static_assert(offsetof(struct shunt_tuple, family) - offsetof(struct shunt_tuple, dport) ==
	      offsetof(struct shunt_service_key, family) -
	      offsetof(struct shunt_service_key, port));
static_assert(offsetof(struct shunt_tuple, protocol) - offsetof(struct shunt_tuple, dport) ==
	      offsetof(struct shunt_service_key, protocol) -
	      offsetof(struct shunt_service_key, port));

static __always_inline u32 shunt_point_what(const void *port)
{
	return get_unaligned((const u32 *)port);
}

/* Halves of an address folded: prefixes hardly ever differ in the same bits of both. */
static __always_inline u32 shunt_point_hash_of(const union nf_inet_addr *addr, u32 what, u32 seed)
{
	const u64 *half = (const u64 *)addr;
	u64 where = get_unaligned(&half[0]) ^ rol64(get_unaligned(&half[1]), 32);
	u64 sum = where * GOLDEN_RATIO_64 + (u64)what * (seed | 1);

	return (sum ^ sum >> 32) * GOLDEN_RATIO_64 >> 32;
}

/* Looked for by the tuple of a client's packet. */
static __always_inline u32 shunt_point_hash_tuple(const void *data, u32 len, u32 seed)
{
	const struct shunt_tuple *tuple = data;

	return shunt_point_hash_of(&tuple->dst, shunt_point_what(&tuple->dport), seed);
}

static inline u32 shunt_point_hash(const void *data, u32 len, u32 seed)
{
	const struct shunt_service_key *key = &((const struct shunt_point *)data)->key;

	return shunt_point_hash_of(&key->addr, shunt_point_what(&key->port), seed);
}

static __always_inline int shunt_point_differs(struct rhashtable_compare_arg *arg,
					       const void *object)
{
	const struct shunt_service_key *key = &((const struct shunt_point *)object)->key;
	const struct shunt_tuple *tuple = arg->key;

	return shunt_point_what(&tuple->dport) != shunt_point_what(&key->port) ||
	       !nf_inet_addr_cmp(&tuple->dst, &key->addr);
}

/* All constant, so that a lookup is inline. */
static const struct rhashtable_params shunt_point_params = {
	.head_offset = offsetof(struct shunt_point, by_tuple),
	.key_len = SHUNT_TUPLE_SIZE,
	.hashfn = shunt_point_hash_tuple,
	.obj_hashfn = shunt_point_hash,
	.obj_cmpfn = shunt_point_differs,
	.automatic_shrinking = true,
};

/* Under RCU, any context. The service that has a tuple's destination alone, or NULL. */
static __always_inline struct shunt_service *shunt_point_service(struct shunt_net *sn,
								 const struct shunt_tuple *tuple)
{
	struct shunt_point *point = rhashtable_lookup(&sn->by_tuple, tuple, shunt_point_params);

	return point ? point->service : NULL;
}

#endif
