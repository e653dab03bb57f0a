/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A set of addresses that answers "surely not" with one load, the cheap test
 * that packets of no service leave by. A counting Bloom filter with a single
 * hash function (Fan et al., "Summary Cache", 1998), the counters apart from
 * the bits so that the data path touches bits only.
 *
 * An address that merely shares a slot with a member costs its packets a
 * lookup in the tables and nothing else.
 */
#ifndef SHUNT_FILTER_H
#define SHUNT_FILTER_H

#include <linux/bitops.h>
#include <linux/jhash.h>
#include <linux/netfilter.h>

enum {
	SHUNT_FILTER_BITS = 12,
	SHUNT_FILTER_SLOTS = 1 << SHUNT_FILTER_BITS,
};

struct shunt_filter {
	u32 seed;
	u32 *count;	/* members by slot; the namespace's lock */
	DECLARE_BITMAP(bits, SHUNT_FILTER_SLOTS);
};

/* Both may sleep. 0 or -ENOMEM. */
int shunt_filter_init(struct shunt_filter *filter);
void shunt_filter_exit(struct shunt_filter *filter);

/* Under the namespace's lock. An address may be added more than once. */
void shunt_filter_add(struct shunt_filter *filter, const union nf_inet_addr *addr);
void shunt_filter_del(struct shunt_filter *filter, const union nf_inet_addr *addr);

static inline u32 shunt_filter_slot(const struct shunt_filter *filter,
				    const union nf_inet_addr *addr)
{
	return jhash_3words(addr->all[0], addr->all[1] ^ addr->all[2],
			    addr->all[3], filter->seed) >> (32 - SHUNT_FILTER_BITS);
}

/* Any context. False: the address is not in the set. */
static inline bool shunt_filter_maybe(const struct shunt_filter *filter,
				      const union nf_inet_addr *addr)
{
	return test_bit(shunt_filter_slot(filter, addr), filter->bits);
}

#endif
