// SPDX-License-Identifier: GPL-2.0
/*
 * Weighted round robin, smooth: in each round of as many choices as the weights
 * sum up to, a server is chosen as often as its weight says, spread evenly over
 * the round. Each choice gives every server its weight as credit and takes the
 * sum of all weights from the one with the most. The algorithm is that of
 * nginx's upstream balancing (I. Sysoev, 2012).
 *
 * A change of weights does not begin a round anew: where weights change more often
 * than connections come, each would go to the heaviest server. Nor is a credit kept
 * as it is: what is nothing among great weights is many rounds among small ones. It
 * is measured in rounds, of which it is one at most, and keeps that measure; in
 * small parts of a weight, or each change would round some of it away. Who chooses
 * from a pool of before, when the credits have the measure of the next, leaves them.
 *
 * Costs one step per server for a new connection, and a lock per service that
 * new connections of different CPUs may wait for.
 */
#include <linux/math64.h>

#include "sched.h"

enum {
	FRACTION_BITS = 20,	/* of a credit; rounds are less than 2^32 long */
};

static struct shunt_server *wrr_pick(struct shunt_service *service,
				     const struct shunt_pool *pool,
				     const struct shunt_tuple *tuple)
{
	struct shunt_server *best = NULL;
	s64 credit, most = 0, sum = 0;
	unsigned int i;
	bool late;

	spin_lock(&service->sched_lock);
	late = pool->credits != service->credits;
	for (i = 0; i < pool->count; i++) {
		struct shunt_server *server = pool->slot[i].server;

		if (!shunt_server_usable(server))
			continue;
		credit = server->credit + ((s64)pool->slot[i].weight << FRACTION_BITS);
		sum += (s64)pool->slot[i].weight << FRACTION_BITS;
		if (!best || credit > most) {
			best = server;
			most = credit;
		}
		if (likely(!late))
			server->credit = credit;
	}
	if (best && !late)
		best->credit -= sum;
	spin_unlock(&service->sched_lock);
	return best;
}

/* The length of a round. */
static u32 round_of(const struct shunt_pool *pool)
{
	return pool && pool->count ? pool->slot[pool->count - 1].end : 0;
}

/*
 * A credit in rounds of this length that was in rounds of that; 0: there were none.
 * Where a server comes from the backups, or goes to them, its credit was in others.
 */
static s64 convert(s64 credit, u32 to, u32 from)
{
	u64 size = min_t(u64, abs(credit), (u64)from << FRACTION_BITS);

	if (!from)
		return 0;
	size = mul_u64_u32_div(size, to, from);
	return credit < 0 ? -(s64)size : size;
}

static void carry_rounds(struct shunt_pool *pool, const struct shunt_pool *old, u32 credits)
{
	unsigned int i;

	if (!pool)
		return;
	pool->credits = credits;
	for (i = 0; i < pool->count; i++) {
		struct shunt_server *server = pool->slot[i].server;

		server->credit = convert(server->credit, round_of(pool), round_of(old));
	}
}

/* Whoever comes has no credit, and nobody has where another scheduler chose before. */
static void wrr_carry(struct shunt_service *service, struct shunt_pool *pool,
		      const struct shunt_pool *old)
{
	bool goes_on = old && old->sched == pool->sched;
	struct shunt_server *server;

	spin_lock_bh(&service->sched_lock);
	list_for_each_entry(server, &service->servers, list)
		if (!shunt_server_is_on(server))
			server->credit = 0;
	service->credits++;
	carry_rounds(pool, goes_on ? old : NULL, service->credits);
	carry_rounds(pool->backup, goes_on ? old->backup : NULL, service->credits);
	spin_unlock_bh(&service->sched_lock);
}

const struct shunt_sched shunt_sched_wrr = {
	.name = "wrr",
	.carry = wrr_carry,
	.pick = wrr_pick,
};
