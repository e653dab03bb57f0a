/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A set of addresses that answers "surely not" with one load, the cheap test
 * that packets of no service leave by. A counting Bloom filter with a single
 * hash function (Fan et al., "Summary Cache", 1998), the counters apart from
 * the bits so that the data path touches bits only.
 *
 * An address that merely shares a slot with a member costs its packets a
 * lookup in the tables and nothing else. So that few do, there are at least 16
 * slots to a member: the bits grow and shrink with the set, and are replaced
 * whole, under RCU.
 *
 * While anything may concern the namespace, whatever its address, the filter is
 * open: another map is asked, which has every slot, so that the question costs the
 * same either way.
 *
 * The hash multiplies by secret factors and takes the upper bits, as in
 * Dietzfelbinger et al., "A Reliable Randomized Algorithm for the Closest-Pair
 * Problem" (1997), twice: once would do for one address, but lays a network's
 * addresses out in even steps, and those of another network the same way, so
 * that all of them hit or none. It takes some ten instructions, jhash 40.
 */
#ifndef SHUNT_FILTER_H
#define SHUNT_FILTER_H

#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/netfilter.h>
#include <linux/rcupdate.h>

struct shunt_filter_map {
	struct rcu_head rcu;
	u32 *count;		/* members by slot; the namespace's lock */
	unsigned int shift;	/* what of the hash is not the slot */
	unsigned long bits[];	/* a slot has a member */
};

struct shunt_filter {
	struct shunt_filter_map __rcu *map;	/* that is asked; never NULL */
	u64 factor[5];		/* odd, secret */
	struct list_head members;		/* the namespace's lock */
	unsigned int member_count;		/* the same */
	unsigned int opened;			/* how many times; the same */
	struct shunt_filter_map __rcu *own;	/* of the members */
};

/* What an object that adds its address to a filter has for each filter. */
struct shunt_filter_member {
	struct list_head list;
	const union nf_inet_addr *addr;
};

/* Nothing is in it; ready to be asked, not to be added to. */
void shunt_filter_clear(struct shunt_filter *filter);
/* Both may sleep. Init returns 0 or -ENOMEM; after exit the filter is clear. */
int shunt_filter_init(struct shunt_filter *filter);
void shunt_filter_exit(struct shunt_filter *filter);

/*
 * Under the namespace's lock, may sleep. The address stays where it is until
 * the member is deleted. Several members may have the same.
 */
void shunt_filter_add(struct shunt_filter *filter, struct shunt_filter_member *member,
		      const union nf_inet_addr *addr);
void shunt_filter_del(struct shunt_filter *filter, struct shunt_filter_member *member);
/* Says yes to every address, until it was closed as often. */
void shunt_filter_open(struct shunt_filter *filter);
void shunt_filter_close(struct shunt_filter *filter);

static inline bool shunt_filter_map_has(const struct shunt_filter_map *map, u64 hash)
{
	return test_bit(hash >> map->shift, map->bits);
}

static inline bool shunt_filter_has(const struct shunt_filter *filter, u64 hash)
{
	return shunt_filter_map_has(rcu_dereference(filter->map), hash);
}

static inline u64 shunt_filter_mix(const struct shunt_filter *filter, u64 sum)
{
	return (sum ^ sum >> 32) * filter->factor[4];
}

/* An IPv4 address is one word with zeros behind, as in the union. */
static inline u64 shunt_filter_hash(const struct shunt_filter *filter, const u32 *words)
{
	const u64 *factor = filter->factor;

	return shunt_filter_mix(filter, words[0] * factor[0] + words[1] * factor[1] +
					words[2] * factor[2] + words[3] * factor[3]);
}

/* Under RCU, any context. False: the address is not in the set. */
static inline bool shunt_filter_maybe(const struct shunt_filter *filter,
				      const union nf_inet_addr *addr)
{
	return shunt_filter_has(filter, shunt_filter_hash(filter, addr->all));
}

/* The same, whether or not the filter is open. */
static inline bool shunt_filter_maybe_member(const struct shunt_filter *filter,
					     const union nf_inet_addr *addr)
{
	return shunt_filter_map_has(rcu_dereference(filter->own),
				    shunt_filter_hash(filter, addr->all));
}

/* As shunt_filter_maybe() for the addresses in a header. */
static inline bool shunt_filter_maybe_ipv4(const struct shunt_filter *filter, __be32 addr)
{
	return shunt_filter_has(filter, shunt_filter_mix(filter,
							 (__force u32)addr * filter->factor[0]));
}

static inline bool shunt_filter_maybe_ipv6(const struct shunt_filter *filter,
					   const struct in6_addr *addr)
{
	return shunt_filter_has(filter, shunt_filter_hash(filter,
							  (__force const u32 *)addr->s6_addr32));
}

#endif
