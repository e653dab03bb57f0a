// SPDX-License-Identifier: GPL-2.0
#include <linux/random.h>
#include <linux/slab.h>

#include "filter.h"

int shunt_filter_init(struct shunt_filter *filter)
{
	filter->seed = get_random_u32();
	filter->count = kvcalloc(SHUNT_FILTER_SLOTS, sizeof(*filter->count),
				 GFP_KERNEL_ACCOUNT);
	return filter->count ? 0 : -ENOMEM;
}

void shunt_filter_exit(struct shunt_filter *filter)
{
	kvfree(filter->count);
	filter->count = NULL;
}

void shunt_filter_add(struct shunt_filter *filter, const union nf_inet_addr *addr)
{
	u32 slot = shunt_filter_slot(filter, addr);

	if (!filter->count[slot]++)
		set_bit(slot, filter->bits);
}

void shunt_filter_del(struct shunt_filter *filter, const union nf_inet_addr *addr)
{
	u32 slot = shunt_filter_slot(filter, addr);

	if (!--filter->count[slot])
		clear_bit(slot, filter->bits);
}
