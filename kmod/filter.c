// SPDX-License-Identifier: GPL-2.0
#include <linux/log2.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "filter.h"
#include "selftest.h"

enum {
	FILTER_SLOTS_MIN = 4096,
	FILTER_SLOTS_MAX = 1 << 24,	/* for a million members; 2 MiB of bits */
	/* Slots to a member: when the bits grow, and when they shrink. */
	FILTER_CROWDED = 16,
	FILTER_SPARSE = 256,
};

/* What an empty filter is asked, any hash leads to one of two slots. */
static struct shunt_filter_map nothing = {
	.shift = 63,
	.bits = { 0 },
};

/* What an open one is asked. */
static struct shunt_filter_map everything = {
	.shift = 63,
	.bits = { BIT(0) | BIT(1) },
};

static unsigned int map_slots(const struct shunt_filter_map *map)
{
	return 1U << (64 - map->shift);
}

static struct shunt_filter_map *map_alloc(unsigned int slots)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;
	struct shunt_filter_map *map;

	map = kvzalloc(struct_size(map, bits, BITS_TO_LONGS(slots)), gfp);
	if (!map)
		return NULL;
	map->shift = 64 - ilog2(slots);
	map->count = kvcalloc(slots, sizeof(*map->count), gfp);
	if (map->count)
		return map;
	kvfree(map);
	return NULL;
}

/* Readers may still be at it; the counts are nobody else's. */
static void map_free(struct shunt_filter_map *map)
{
	if (!map || map == &nothing)
		return;
	kvfree(map->count);
	kvfree_rcu(map, rcu);
}

/* Under the namespace's lock, or before anybody else knows of the filter. */
static struct shunt_filter_map *own_map(const struct shunt_filter *filter)
{
	return rcu_dereference_protected(filter->own, true);
}

static void own_map_set(struct shunt_filter *filter, struct shunt_filter_map *map)
{
	rcu_assign_pointer(filter->own, map);
	rcu_assign_pointer(filter->map, filter->opened ? &everything : map);
}

static void count_in(const struct shunt_filter *filter, struct shunt_filter_map *map,
		     const union nf_inet_addr *addr)
{
	u64 slot = shunt_filter_hash(filter, addr->all) >> map->shift;

	if (!map->count[slot]++)
		set_bit(slot, map->bits);
}

/* Without memory for the better size the old one serves. */
static void fit(struct shunt_filter *filter)
{
	struct shunt_filter_map *old = own_map(filter), *map;
	u64 room = (u64)filter->member_count * FILTER_CROWDED;
	struct shunt_filter_member *member;
	unsigned int slots = map_slots(old);

	if (room <= slots && (u64)filter->member_count * FILTER_SPARSE >= slots)
		return;
	room = roundup_pow_of_two(clamp_t(u64, room, FILTER_SLOTS_MIN, FILTER_SLOTS_MAX));
	if (room == slots)
		return;
	map = map_alloc(room);
	if (!map)
		return;
	list_for_each_entry(member, &filter->members, list)
		count_in(filter, map, member->addr);
	own_map_set(filter, map);
	map_free(old);
}

void shunt_filter_clear(struct shunt_filter *filter)
{
	filter->opened = 0;
	own_map_set(filter, &nothing);
	INIT_LIST_HEAD(&filter->members);
	filter->member_count = 0;
}

int shunt_filter_init(struct shunt_filter *filter)
{
	struct shunt_filter_map *map = map_alloc(FILTER_SLOTS_MIN);
	unsigned int i;

	if (!map)
		return -ENOMEM;
	shunt_filter_clear(filter);
	get_random_bytes(filter->factor, sizeof(filter->factor));
	for (i = 0; i < ARRAY_SIZE(filter->factor); i++)
		filter->factor[i] |= 1;
	own_map_set(filter, map);
	return 0;
}

void shunt_filter_exit(struct shunt_filter *filter)
{
	struct shunt_filter_map *map = own_map(filter);

	shunt_filter_clear(filter);
	map_free(map);
}

void shunt_filter_add(struct shunt_filter *filter, struct shunt_filter_member *member,
		      const union nf_inet_addr *addr)
{
	member->addr = addr;
	list_add_tail(&member->list, &filter->members);
	filter->member_count++;
	count_in(filter, own_map(filter), addr);
	fit(filter);
}

void shunt_filter_del(struct shunt_filter *filter, struct shunt_filter_member *member)
{
	struct shunt_filter_map *map = own_map(filter);
	u64 slot = shunt_filter_hash(filter, member->addr->all) >> map->shift;

	list_del(&member->list);
	filter->member_count--;
	if (!--map->count[slot])
		clear_bit(slot, map->bits);
	fit(filter);
}

void shunt_filter_open(struct shunt_filter *filter)
{
	filter->opened++;
	own_map_set(filter, own_map(filter));
}

void shunt_filter_close(struct shunt_filter *filter)
{
	filter->opened--;
	own_map_set(filter, own_map(filter));
}

#ifdef SHUNT_SELFTEST
#include "selftest/filter.c"
#endif
