/* SPDX-License-Identifier: GPL-2.0 */
/* Services by the one port of an address that they have alone, inline where connections begin. */
#ifndef SHUNT_POINT_H
#define SHUNT_POINT_H

#include <linux/hash.h>
#include <linux/rhashtable.h>

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

/* Of fewer words than there are: prefixes hardly ever differ by two at once. */
static __always_inline u32 shunt_point_hash_of(const union nf_inet_addr *addr, __be16 port,
					       u8 protocol, u32 seed)
{
	u64 where = (u64)(addr->all[0] ^ addr->all[1]) << 32 | (addr->all[2] ^ addr->all[3]);
	u64 what = (__force u32)port << 8 | protocol;
	u64 sum = where * GOLDEN_RATIO_64 + what * (seed | 1);

	return (sum ^ sum >> 32) * GOLDEN_RATIO_64 >> 32;
}

/* Looked for by the tuple of a client's packet. */
static __always_inline u32 shunt_point_hash_tuple(const void *data, u32 len, u32 seed)
{
	const struct shunt_tuple *tuple = data;

	return shunt_point_hash_of(&tuple->dst, tuple->dport, tuple->protocol, seed);
}

static inline u32 shunt_point_hash(const void *data, u32 len, u32 seed)
{
	const struct shunt_service_key *key = &((const struct shunt_point *)data)->key;

	return shunt_point_hash_of(&key->addr, key->port, key->protocol, seed);
}

static __always_inline int shunt_point_differs(struct rhashtable_compare_arg *arg,
					       const void *object)
{
	const struct shunt_service_key *key = &((const struct shunt_point *)object)->key;
	const struct shunt_tuple *tuple = arg->key;

	return tuple->dport != key->port || tuple->protocol != key->protocol ||
	       tuple->family != key->family || !nf_inet_addr_cmp(&tuple->dst, &key->addr);
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
