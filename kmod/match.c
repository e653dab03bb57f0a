// SPDX-License-Identifier: GPL-2.0
/*
 * Services by what clients send to, and NAT servers by what they answer from,
 * where answers are told by that alone.
 *
 * Both are hash tables that change under the namespace's lock and are read
 * under RCU; who may still hold what has left them is told in service.c.
 *
 * A service is looked for by its mark, by the one port of an address, which a
 * service has alone, and by ranges of ports, in this order. The hash table has the
 * second; range.c the others, which is asked only while a service of the namespace
 * has such.
 *
 * The hash of services multiplies twice, as that of filter.h and for the same
 * reason, but with known factors: addresses and ports of services are the
 * operator's. Clients only choose which of them they send to. It takes 15
 * instructions, jhash 44.
 *
 * An address that a service no longer matches stays in the filter, so that its
 * connections go on, until there are none when the service next changes, or it goes.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include "match.h"
#include "point.h"
#include "range.h"
#include "selftest.h"
#include "server.h"

/* An address whose packets concern the service. The namespace's lock. */
struct shunt_vip {
	union nf_inet_addr addr;
	struct shunt_filter_member in_vips;
	struct list_head list;		/* in service->vips */
};

static const struct rhashtable_params by_answer_params = {
	.head_offset = offsetof(struct shunt_server, by_answer),
	.key_offset = offsetof(struct shunt_server, answer),
	.key_len = sizeof(struct shunt_service_key),
	.automatic_shrinking = true,
};

__be16 shunt_match_port(const struct shunt_match *match)
{
	const struct shunt_match_entry *entry = match->entry;
	unsigned int i;

	for (i = 0; i < match->count; i++)
		if (!shunt_match_is_port(&entry[i]) || entry[i].first != entry->first)
			return 0;
	return match->count ? htons(entry->first) : 0;
}

bool shunt_match_has_addr(const struct shunt_match *match, const union nf_inet_addr *addr)
{
	unsigned int i;

	for (i = 0; i < match->count; i++)
		if (nf_inet_addr_cmp(&match->entry[i].addr, addr))
			return true;
	return false;
}

/* Whether another service has this port, in a protocol of the service's. */
static bool point_is_taken(const struct shunt_service *service,
			   const struct shunt_match_entry *entry)
{
	static const u8 protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	struct shunt_tuple tuple = {
		.dst = entry->addr,
		.dport = htons(entry->first),
		.family = service->family,
	};
	const struct shunt_service *other;
	bool taken = false;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(protocols); i++) {
		tuple.protocol = protocols[i];
		other = shunt_service_has(service, tuple.protocol) ?
			shunt_point_service(service->sn, &tuple) : NULL;
		taken |= other && other != service;
	}
	rcu_read_unlock();
	return taken;
}

/* Whether an entry before it is of the same kind and has some of its ports. */
static bool is_repeated(const struct shunt_match *match, unsigned int nth)
{
	const struct shunt_match_entry *entry = &match->entry[nth], *other;
	unsigned int i;

	for (i = 0; i < nth; i++) {
		other = &match->entry[i];
		if (nf_inet_addr_cmp(&entry->addr, &other->addr) &&
		    entry->first <= other->last && other->first <= entry->last &&
		    shunt_match_is_port(entry) == shunt_match_is_port(other) &&
		    shunt_match_is_every_port(entry) == shunt_match_is_every_port(other))
			return true;
	}
	return false;
}

/* Why a service cannot have an entry, NULL if it can. */
static const char *entry_refused(const struct shunt_service *service,
				 const struct shunt_match *match, unsigned int nth)
{
	const struct shunt_match_entry *entry = &match->entry[nth];

	if (is_repeated(match, nth))
		return "an address before it in the list has this port, or some of these";
	if (shunt_match_is_port(entry))
		return point_is_taken(service, entry) ?
		       "another service has this protocol, address and port" : NULL;
	if (!shunt_range_is_taken(service, entry))
		return NULL;
	return shunt_match_is_every_port(entry) ?
	       "another service has every port of this protocol and address" :
	       "another service has a range with some of these ports";
}

int shunt_match_check(const struct shunt_service *service, const struct shunt_match *match,
		      struct shunt_refusal *no)
{
	const char *why;

	lockdep_assert_held(&service->sn->lock);
	if (match->fwmark && shunt_range_mark_is_taken(service, match->fwmark))
		return shunt_refuse(no, -EEXIST, SHUNT_A_SERVICE_FWMARK,
				    "another service has this protocol, family and fwmark");
	for (no->nth = 0; no->nth < match->count; no->nth++) {
		why = entry_refused(service, match, no->nth);
		if (why)
			return shunt_refuse(no, -EEXIST, SHUNT_A_SERVICE_MATCH, why);
	}
	return 0;
}

static void point_free(struct shunt_net *sn, struct shunt_point *point)
{
	rhashtable_remove_fast(&sn->by_tuple, &point->by_tuple, shunt_point_params);
	list_del(&point->list);
	kfree_rcu(point, rcu);
}

/* Has the service found by this, unless it is. A new one does not stay yet. */
static int point_add(struct shunt_service *service, const struct shunt_service_key *key,
		     struct list_head *fresh)
{
	struct shunt_point *point;
	int err;

	list_for_each_entry(point, &service->points, list) {
		if (!memcmp(&point->key, key, sizeof(*key))) {
			point->stays = true;
			return 0;
		}
	}
	point = kzalloc(sizeof(*point), GFP_KERNEL_ACCOUNT);
	if (!point)
		return -ENOMEM;
	point->key = *key;
	point->service = service;
	err = rhashtable_insert_fast(&service->sn->by_tuple, &point->by_tuple, shunt_point_params);
	if (err) {
		kfree(point);
		return err;
	}
	list_add_tail(&point->list, fresh);
	return 0;
}

static int points_add(struct shunt_service *service, const struct shunt_match *match,
		      u8 protocol, struct list_head *fresh)
{
	struct shunt_service_key key = { .family = service->family, .protocol = protocol };
	unsigned int i;
	int err = 0;

	for (i = 0; i < match->count && shunt_service_has(service, protocol) && !err; i++) {
		if (!shunt_match_is_port(&match->entry[i]))
			continue;
		key.addr = match->entry[i].addr;
		key.port = htons(match->entry[i].first);
		err = point_add(service, &key, fresh);
	}
	return err;
}

static struct shunt_vip *vip_find(const struct list_head *vips, const union nf_inet_addr *addr)
{
	struct shunt_vip *vip;

	list_for_each_entry(vip, vips, list)
		if (nf_inet_addr_cmp(&vip->addr, addr))
			return vip;
	return NULL;
}

static int vips_add(struct shunt_service *service, const struct shunt_match *match,
		    struct list_head *fresh)
{
	struct shunt_net *sn = service->sn;
	struct shunt_vip *vip;
	unsigned int i;

	for (i = 0; i < match->count; i++) {
		if (vip_find(&service->vips, &match->entry[i].addr) ||
		    vip_find(fresh, &match->entry[i].addr))
			continue;
		vip = kzalloc(sizeof(*vip), GFP_KERNEL_ACCOUNT);
		if (!vip)
			return -ENOMEM;
		vip->addr = match->entry[i].addr;
		shunt_filter_add(&sn->vips, &vip->in_vips, &vip->addr);
		list_add_tail(&vip->list, fresh);
	}
	return 0;
}

/* All of them, or those that nothing needs. */
static void vips_free(struct shunt_net *sn, struct list_head *vips,
		      const struct shunt_match *needed)
{
	struct shunt_vip *vip, *next;

	list_for_each_entry_safe(vip, next, vips, list) {
		if (needed && shunt_match_has_addr(needed, &vip->addr))
			continue;
		shunt_filter_del(&sn->vips, &vip->in_vips);
		list_del(&vip->list);
		kfree(vip);
	}
}

/* Those that do not stay, for which nobody asks again. */
static void points_free(struct shunt_net *sn, struct list_head *points)
{
	struct shunt_point *point, *next;

	list_for_each_entry_safe(point, next, points, list)
		if (!point->stays)
			point_free(sn, point);
}

static void points_stay(struct shunt_service *service, bool stay)
{
	struct shunt_point *point;

	list_for_each_entry(point, &service->points, list)
		point->stays = stay;
}

int shunt_match_set(struct shunt_service *service, struct shunt_match *match)
{
	struct shunt_match *old = shunt_match_of(service);
	struct shunt_net *sn = service->sn;
	struct shunt_ranges *ranges;
	LIST_HEAD(points);
	LIST_HEAD(vips);
	int err;

	lockdep_assert_held(&sn->lock);
	if (old && !atomic_read(&service->conns))
		vips_free(sn, &service->vips, old);
	ranges = shunt_range_prepare(service, match);
	if (IS_ERR(ranges))
		return PTR_ERR(ranges);
	points_stay(service, false);
	err = vips_add(service, match, &vips) ?:
	      points_add(service, match, IPPROTO_TCP, &points) ?:
	      points_add(service, match, IPPROTO_UDP, &points);
	if (err) {
		points_free(sn, &points);
		vips_free(sn, &vips, NULL);
		shunt_range_free(ranges);
		return err;
	}

	if (match->fwmark && !old)
		shunt_filter_open(&sn->vips);
	shunt_range_publish(sn, ranges);
	points_free(sn, &service->points);
	list_splice_tail(&points, &service->points);
	list_splice_tail(&vips, &service->vips);
	rcu_assign_pointer(service->match, match);
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

void shunt_match_del_service(struct shunt_service *service)
{
	struct shunt_net *sn = service->sn;

	lockdep_assert_held(&sn->lock);
	shunt_range_del(service);
	points_stay(service, false);
	points_free(sn, &service->points);
	vips_free(sn, &service->vips, NULL);
	if (shunt_match_of(service)->fwmark)
		shunt_filter_close(&sn->vips);
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

/* By all that a service can match. */
static noinline struct shunt_service *find_any(struct shunt_net *sn,
					       const struct shunt_ranges *ranges,
					       const struct shunt_tuple *tuple, u32 mark)
{
	return shunt_range_marked(ranges, tuple, mark) ?: shunt_point_service(sn, tuple) ?:
	       shunt_range_service(ranges, tuple);
}

struct shunt_service *shunt_match_service(const struct shunt_packet *pkt)
{
	const struct shunt_ranges *ranges = rcu_dereference(pkt->sn->ranges);

	if (unlikely(ranges))
		return find_any(pkt->sn, ranges, &pkt->tuple, pkt->skb->mark);
	return shunt_point_service(pkt->sn, &pkt->tuple);
}

bool shunt_match_marked(const struct shunt_packet *pkt)
{
	const struct shunt_ranges *ranges = rcu_dereference(pkt->sn->ranges);
	struct shunt_tuple tuple = { .family = pkt->tuple.family, .protocol = IPPROTO_TCP };

	if (!ranges)
		return false;
	if (shunt_range_marked(ranges, &tuple, pkt->skb->mark))
		return true;
	tuple.protocol = IPPROTO_UDP;
	return shunt_range_marked(ranges, &tuple, pkt->skb->mark);
}

struct shunt_service *shunt_match_tuple(struct shunt_net *sn, const struct shunt_tuple *tuple,
					u32 mark)
{
	const struct shunt_ranges *ranges = rcu_dereference(sn->ranges);

	return ranges ? find_any(sn, ranges, tuple, mark) : shunt_point_service(sn, tuple);
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
	int err = rhashtable_init(&sn->by_tuple, &shunt_point_params);

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

#ifdef SHUNT_SELFTEST
#include "selftest/match.c"
#endif
