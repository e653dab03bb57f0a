// SPDX-License-Identifier: GPL-2.0
/*
 * Services by what clients send to, and NAT servers by what they answer from,
 * where answers are told by that alone.
 *
 * Both are hash tables that change under the namespace's lock and are read
 * under RCU; who may still hold what has left them is told in service.c.
 *
 * The hash of services multiplies twice, as that of filter.h and for the same
 * reason, but with known factors: addresses and ports of services are the
 * operator's. Clients only choose which of them they send to. It takes 12
 * instructions, jhash 44.
 */
#include <linux/hash.h>

#include "match.h"
#include "server.h"

/* Of fewer words than there are: prefixes hardly ever differ by two at once. */
static __always_inline u32 hash_of(const union nf_inet_addr *addr, __be16 port, u8 protocol,
				   u32 seed)
{
	u64 where = (u64)(addr->all[0] ^ addr->all[1]) << 32 | (addr->all[2] ^ addr->all[3]);
	u64 what = (__force u32)port << 8 | protocol;
	u64 sum = where * GOLDEN_RATIO_64 + what * (seed | 1);

	return (sum ^ sum >> 32) * GOLDEN_RATIO_64 >> 32;
}

/* Looked for by the tuple of a client's packet. */
static __always_inline u32 tuple_hash(const void *data, u32 len, u32 seed)
{
	const struct shunt_tuple *tuple = data;

	return hash_of(&tuple->dst, tuple->dport, tuple->protocol, seed);
}

static u32 service_hash(const void *data, u32 len, u32 seed)
{
	const struct shunt_service_key *key = &((const struct shunt_service *)data)->key;

	return hash_of(&key->addr, key->port, key->protocol, seed);
}

static __always_inline int service_differs(struct rhashtable_compare_arg *arg, const void *object)
{
	const struct shunt_service_key *key = &((const struct shunt_service *)object)->key;
	const struct shunt_tuple *tuple = arg->key;

	return tuple->dport != key->port || tuple->protocol != key->protocol ||
	       tuple->family != key->family || !nf_inet_addr_cmp(&tuple->dst, &key->addr);
}

/* All constant, so that a lookup is inline. */
static const struct rhashtable_params by_tuple_params = {
	.head_offset = offsetof(struct shunt_service, by_tuple),
	.key_len = SHUNT_TUPLE_SIZE,
	.hashfn = tuple_hash,
	.obj_hashfn = service_hash,
	.obj_cmpfn = service_differs,
	.automatic_shrinking = true,
};

static const struct rhashtable_params by_answer_params = {
	.head_offset = offsetof(struct shunt_server, by_answer),
	.key_offset = offsetof(struct shunt_server, answer),
	.key_len = sizeof(struct shunt_service_key),
	.automatic_shrinking = true,
};

int shunt_match_add_service(struct shunt_net *sn, struct shunt_service *service)
{
	lockdep_assert_held(&sn->lock);
	return rhashtable_insert_fast(&sn->by_tuple, &service->by_tuple, by_tuple_params);
}

void shunt_match_del_service(struct shunt_net *sn, struct shunt_service *service)
{
	lockdep_assert_held(&sn->lock);
	rhashtable_remove_fast(&sn->by_tuple, &service->by_tuple, by_tuple_params);
}

int shunt_match_add_server(struct shunt_net *sn, struct shunt_server *server)
{
	lockdep_assert_held(&sn->lock);
	return rhltable_insert(&sn->by_answer, &server->by_answer, by_answer_params);
}

void shunt_match_del_server(struct shunt_net *sn, struct shunt_server *server)
{
	lockdep_assert_held(&sn->lock);
	rhltable_remove(&sn->by_answer, &server->by_answer, by_answer_params);
}

struct shunt_service *shunt_match_service(struct shunt_net *sn, const struct shunt_tuple *tuple)
{
	return rhashtable_lookup(&sn->by_tuple, tuple, by_tuple_params);
}

struct shunt_server *shunt_match_server(struct shunt_net *sn, const struct shunt_tuple *tuple)
{
	const struct shunt_service_key key = {
		.addr = tuple->src,
		.port = tuple->sport,
		.family = tuple->family,
		.protocol = tuple->protocol,
	};
	struct rhlist_head *list, *at;
	struct shunt_server *server;

	list = rhltable_lookup(&sn->by_answer, &key, by_answer_params);
	/* Of several, all but one are removed ones, whose last answers may come. */
	rhl_for_each_entry_rcu(server, at, list, by_answer)
		if (!READ_ONCE(server->removed))
			return server;
	return list ? container_of(list, struct shunt_server, by_answer) : NULL;
}

int shunt_match_net_init(struct shunt_net *sn)
{
	int err = rhashtable_init(&sn->by_tuple, &by_tuple_params);

	if (err)
		return err;
	err = rhltable_init(&sn->by_answer, &by_answer_params);
	if (err)
		rhashtable_destroy(&sn->by_tuple);
	return err;
}

void shunt_match_net_exit(struct shunt_net *sn)
{
	rhltable_destroy(&sn->by_answer);
	rhashtable_destroy(&sn->by_tuple);
}
