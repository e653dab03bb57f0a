// SPDX-License-Identifier: GPL-2.0
#include "sched.h"

/* The first is the default. */
static const struct shunt_sched *const schedulers[] = {
	&shunt_sched_rr,
	&shunt_sched_wrr,
	&shunt_sched_wlc,
};

const struct shunt_sched *shunt_sched_at(unsigned int i)
{
	return i < ARRAY_SIZE(schedulers) ? schedulers[i] : NULL;
}

const struct shunt_sched *shunt_sched_by_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(schedulers); i++)
		if (!strcmp(schedulers[i]->name, name))
			return schedulers[i];
	return NULL;
}

#ifdef SHUNT_SELFTEST
#include "selftest/sched.c"
#endif
