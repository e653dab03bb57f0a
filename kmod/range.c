// SPDX-License-Identifier: GPL-2.0
/*
 * Services by ranges of ports and by marks: one sorted array for a namespace,
 * immutable but for services that leave it, replaced whole under RCU. It is looked
 * at when a packet of no connection is for no port that a service has alone, and
 * for marks before that, and costs a binary search.
 *
 * The order is by protocol and family, then by mark or address, then by the first
 * port. Ranges of an address do not overlap, but for that of every port, which
 * begins with port 0 and so stands before the others. So what a port is in can
 * only be the last one that begins no later, or else the first of its address. A
 * mark has no address, and stands as a range of every port of address 0, which no
 * service has.
 *
 * That a service is put in copies the array, so that to configure n of them one
 * after the other takes the time of n squared: for ten thousand, seven times that of
 * as many with a port each. Per-address arrays would be faster there and slower for
 * packets.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include "range.h"

struct shunt_range {
	union nf_inet_addr addr;	/* 0: a mark's */
	u32 mark;
	u16 first;
	u16 last;
	u8 family;
	u8 protocol;
	struct shunt_service *service;	/* NULL once it has left */
};

struct shunt_ranges {
	struct rcu_head rcu;
	unsigned int count;
	unsigned int living;	/* that have not left; the namespace's lock */
	unsigned int marks;	/* the same, of marks; read under RCU */
	struct shunt_range range[];
};

static int range_compare(const struct shunt_range *a, const struct shunt_range *b)
{
	int differs;

	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->mark != b->mark)
		return a->mark < b->mark ? -1 : 1;
	differs = memcmp(&a->addr, &b->addr, sizeof(a->addr));
	if (differs)
		return differs;
	return (int)a->first - (int)b->first;
}

/* How many begin no later. */
static unsigned int count_to(const struct shunt_ranges *ranges, const struct shunt_range *key)
{
	unsigned int low = 0, high = ranges->count;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (range_compare(&ranges->range[middle], key) > 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Whether it is of the same address or mark. */
static bool is_beside(const struct shunt_range *range, const struct shunt_range *key)
{
	return range->protocol == key->protocol && range->family == key->family &&
	       range->mark == key->mark && nf_inet_addr_cmp(&range->addr, &key->addr);
}

/* The last one that begins no later, NULL if it is not of the same address or mark. */
static const struct shunt_range *range_at(const struct shunt_ranges *ranges,
					  const struct shunt_range *key)
{
	unsigned int count = count_to(ranges, key);
	const struct shunt_range *found = ranges->range + count - 1;

	return count && is_beside(found, key) ? found : NULL;
}

static struct shunt_service *range_has(const struct shunt_range *range, u16 port)
{
	return range && port <= range->last ? READ_ONCE(range->service) : NULL;
}

struct shunt_service *shunt_range_service(const struct shunt_ranges *ranges,
					  const struct shunt_tuple *tuple)
{
	struct shunt_range key = {
		.addr = tuple->dst,
		.first = ntohs(tuple->dport),
		.family = tuple->family,
		.protocol = tuple->protocol,
	};
	struct shunt_service *service;

	service = range_has(range_at(ranges, &key), key.first);
	if (service)
		return service;
	key.first = 0;
	return range_has(range_at(ranges, &key), ntohs(tuple->dport));
}

struct shunt_service *shunt_range_marked(const struct shunt_ranges *ranges,
					 const struct shunt_tuple *tuple, u32 mark)
{
	const struct shunt_range key = {
		.mark = mark,
		.family = tuple->family,
		.protocol = tuple->protocol,
	};

	if (!mark || !READ_ONCE(ranges->marks))
		return NULL;
	return range_has(range_at(ranges, &key), 0);
}

static struct shunt_ranges *ranges_of(const struct shunt_net *sn)
{
	return rcu_dereference_protected(sn->ranges, lockdep_is_held(&sn->lock));
}

/* As the nth of them. There is room. */
static void put(struct shunt_ranges *ranges, unsigned int nth, const struct shunt_range *range)
{
	ranges->range[nth] = *range;
	ranges->count++;
	ranges->living++;
	ranges->marks += !!range->mark;
}

/* Where it belongs. There is room. */
static void insert(struct shunt_ranges *ranges, const struct shunt_range *range)
{
	unsigned int at = count_to(ranges, range);

	memmove(&ranges->range[at + 1], &ranges->range[at],
		(ranges->count - at) * sizeof(*range));
	put(ranges, at, range);
}

/* What a service is in the table for, in one of its protocols. */
static void insert_match(struct shunt_ranges *ranges, const struct shunt_service *service,
			 const struct shunt_match *match, u8 protocol)
{
	struct shunt_range range = {
		.family = service->family,
		.protocol = protocol,
		.mark = match->fwmark,
		.service = (struct shunt_service *)service,
	};
	unsigned int i;

	if (!shunt_service_has(service, protocol))
		return;
	if (match->fwmark)
		insert(ranges, &range);
	for (i = 0; i < match->count; i++) {
		if (shunt_match_is_port(&match->entry[i]))
			continue;
		range.addr = match->entry[i].addr;
		range.first = match->entry[i].first;
		range.last = match->entry[i].last;
		insert(ranges, &range);
	}
}

struct shunt_ranges *shunt_range_prepare(const struct shunt_service *service,
					 const struct shunt_match *match)
{
	const struct shunt_ranges *old = ranges_of(service->sn);
	/* Both protocols, and a mark or ranges. */
	unsigned int i, room = (old ? old->living : 0) + 2 * (match->count + 1);
	struct shunt_ranges *ranges;

	ranges = kvmalloc(struct_size(ranges, range, room), GFP_KERNEL_ACCOUNT);
	if (!ranges)
		return ERR_PTR(-ENOMEM);
	ranges->count = 0;
	ranges->living = 0;
	ranges->marks = 0;
	for (i = 0; old && i < old->count; i++)
		if (old->range[i].service && old->range[i].service != service)
			put(ranges, ranges->count, &old->range[i]);
	insert_match(ranges, service, match, IPPROTO_TCP);
	insert_match(ranges, service, match, IPPROTO_UDP);
	if (!ranges->count) {
		kvfree(ranges);
		return NULL;
	}
	return ranges;
}

void shunt_range_publish(struct shunt_net *sn, struct shunt_ranges *ranges)
{
	struct shunt_ranges *old;

	old = rcu_replace_pointer(sn->ranges, ranges, lockdep_is_held(&sn->lock));
	if (old)
		kvfree_rcu(old, rcu);
}

void shunt_range_free(struct shunt_ranges *ranges)
{
	kvfree(ranges);
}

void shunt_range_del(struct shunt_service *service)
{
	struct shunt_ranges *ranges = ranges_of(service->sn);
	unsigned int i;

	for (i = 0; ranges && i < ranges->count; i++) {
		if (ranges->range[i].service != service)
			continue;
		WRITE_ONCE(ranges->range[i].service, NULL);
		ranges->living--;
		if (ranges->range[i].mark)
			WRITE_ONCE(ranges->marks, ranges->marks - 1);
	}
	if (ranges && !ranges->living)
		shunt_range_publish(service->sn, NULL);
}

static bool overlap(const struct shunt_range *range, const struct shunt_match_entry *entry)
{
	const struct shunt_match_entry of = { .first = range->first, .last = range->last };

	return shunt_match_is_every_port(&of) == shunt_match_is_every_port(entry) &&
	       range->first <= entry->last && entry->first <= range->last;
}

/* Whether another service has some of an entry's ports in a range, or all, in a protocol. */
static bool has_taken(const struct shunt_service *service,
		      const struct shunt_match_entry *entry, u8 protocol)
{
	const struct shunt_ranges *ranges = ranges_of(service->sn);
	const struct shunt_range key = {
		.addr = entry->addr,
		.first = shunt_match_is_every_port(entry) ? 0 : entry->last,
		.family = service->family,
		.protocol = protocol,
	};
	unsigned int i = ranges ? count_to(ranges, &key) : 0;

	/* Those before one that ends too early end before it. */
	for (; i && is_beside(&ranges->range[i - 1], &key); i--) {
		const struct shunt_range *range = &ranges->range[i - 1];

		if (range->last < entry->first)
			break;
		if (range->service && range->service != service && overlap(range, entry))
			return true;
	}
	return false;
}

bool shunt_range_is_taken(const struct shunt_service *service,
			  const struct shunt_match_entry *entry)
{
	return (shunt_service_has(service, IPPROTO_TCP) &&
		has_taken(service, entry, IPPROTO_TCP)) ||
	       (shunt_service_has(service, IPPROTO_UDP) &&
		has_taken(service, entry, IPPROTO_UDP));
}

bool shunt_range_mark_is_taken(const struct shunt_service *service, u32 mark)
{
	const struct shunt_ranges *ranges = ranges_of(service->sn);
	const struct shunt_range *range;
	unsigned int i;

	for (i = 0; ranges && i < ranges->count; i++) {
		range = &ranges->range[i];
		if (range->service && range->service != service && range->mark == mark &&
		    range->family == service->family &&
		    shunt_service_has(service, range->protocol))
			return true;
	}
	return false;
}
