// SPDX-License-Identifier: GPL-2.0
/*
 * Sticky: as maglev, with a table that is edited rather than made anew, for one
 * director standing alone. When a server goes its own rows change and no other;
 * a server that comes, or is given more weight, takes what it is due from those
 * who have more than they are due. The price is that the table tells of the past,
 * so two directors, or one that was started anew, do not have the same.
 *
 * Each server has as many rows as its weight says, rounded up or down: who has
 * that many keeps them, which is what makes a change the least that it can be.
 */
#include <linux/sched.h>

#include "sched.h"

/* Takes a row from whoever has more than so many. Returns how many are nobody's then. */
static u32 release(struct shunt_pool *pool, bool down_to_least, u32 free, u32 wanted)
{
	u32 i;

	for (i = 0; i < pool->rows.size && free < wanted; i++) {
		u16 *row = &pool->rows.row[i];
		struct shunt_rows_work *work;

		if (*row == SHUNT_ROWS_NONE)
			continue;
		work = &pool->work[*row];
		if (work->held <= (down_to_least ? work->least : work->most))
			continue;
		work->held--;
		*row = SHUNT_ROWS_NONE;
		free++;
	}
	return free;
}

/* Counts who has how many rows, and returns how many are nobody's. */
static u32 take_stock(struct shunt_pool *pool)
{
	u32 i, free = 0;

	shunt_rows_share(pool);
	for (i = 0; i < pool->rows.size; i++) {
		u16 *row = &pool->rows.row[i];

		/* Those behind the others have weight 0. */
		if (*row >= pool->count)
			*row = SHUNT_ROWS_NONE;
		if (*row == SHUNT_ROWS_NONE)
			free++;
		else
			pool->work[*row].held++;
	}
	return free;
}

/* How many rows are wanted by those who have fewer than they must. */
static u32 wanted(const struct shunt_pool *pool)
{
	u32 i, sum = 0;

	for (i = 0; i < pool->count; i++)
		if (pool->work[i].held < pool->work[i].least)
			sum += pool->work[i].least - pool->work[i].held;
	return sum;
}

/* Gives what is nobody's to those who must have more, and then to those who may. */
static void hand_out(struct shunt_pool *pool)
{
	unsigned int must = 0, may = 0;
	u32 i;

	for (i = 0; i < pool->rows.size; i++) {
		u16 *row = &pool->rows.row[i];

		if (*row != SHUNT_ROWS_NONE)
			continue;
		while (must < pool->count && pool->work[must].held >= pool->work[must].least)
			must++;
		while (must == pool->count && pool->work[may].held >= pool->work[may].most)
			may++;
		*row = must < pool->count ? must : may;
		pool->work[*row].held++;
	}
}

static void sticky_fill(struct shunt_pool *pool, const struct shunt_pool *old)
{
	u32 free;

	if (!pool->count || !old->count || old->rows.size != pool->rows.size) {
		shunt_rows_fill(pool);
		return;
	}
	shunt_rows_translate(pool->rows.row, old, &old->rows);
	free = take_stock(pool);
	cond_resched();
	free = release(pool, false, free, pool->rows.size);
	release(pool, true, free, wanted(pool));
	cond_resched();
	hand_out(pool);
}

const struct shunt_sched shunt_sched_sticky = {
	.name = "sticky",
	.hashes = true,
	.steady = true,
	.fill = sticky_fill,
	.pick = shunt_rows_pick,
};
