// SPDX-License-Identifier: GPL-2.0
/* Each scheduler over a made-up pool. Connections are held, never ended. */
#include <linux/slab.h>

#include "../selftest.h"

struct sched_bench {
	struct shunt_service service;
	struct shunt_server server[3];
	struct shunt_pool *pool;
};

/* Chooses n times. Counts by server, and remembers the order as digits. */
static void __init sched_run(struct sched_bench *bench, const struct shunt_sched *sched,
			     unsigned int n, unsigned int count[3], char *order)
{
	static const struct shunt_tuple tuple;
	unsigned int i;

	memset(count, 0, 3 * sizeof(*count));
	for (i = 0; i < n; i++) {
		struct shunt_server *server = sched->pick(&bench->service, bench->pool, &tuple);

		order[i] = '-';
		if (server) {
			order[i] = '0' + (server - bench->server);
			count[server - bench->server]++;
			atomic_inc(&server->conns);
		}
	}
	order[n] = '\0';
}

static void __init sched_reset(struct sched_bench *bench, const u32 weights[3])
{
	struct shunt_pool *pool = bench->pool;
	unsigned int i;

	memset(bench, 0, sizeof(*bench));
	bench->pool = pool;
	spin_lock_init(&bench->service.sched_lock);
	for (i = 0; i < 3; i++) {
		pool->slot[i].server = &bench->server[i];
		pool->slot[i].weight = weights[i];
		pool->slot[i].end = weights[i] + (i ? pool->slot[i - 1].end : 0);
	}
}

static int __init sched_checks(struct sched_bench *bench)
{
	static const u32 even[] = { 1, 1, 1 }, uneven[] = { 3, 2, 1 };
	unsigned int count[3];
	char order[64];

	sched_reset(bench, even);
	sched_run(bench, &shunt_sched_rr, 6, count, order);
	SHUNT_EXPECT("rr", !strcmp(order, "012012"));
	bench->server[1].unreachable = true;
	sched_run(bench, &shunt_sched_rr, 6, count, order);
	SHUNT_EXPECT("rr passes an unreachable server over", count[0] == 3 && count[2] == 3);

	sched_reset(bench, uneven);
	sched_run(bench, &shunt_sched_wrr, 12, count, order);
	SHUNT_EXPECT("wrr is exact", count[0] == 6 && count[1] == 4 && count[2] == 2);
	SHUNT_EXPECT("wrr is smooth", !strcmp(order, "010210010210"));
	bench->server[0].unreachable = true;
	sched_run(bench, &shunt_sched_wrr, 12, count, order);
	SHUNT_EXPECT("wrr passes an unreachable server over", !count[0]);

	sched_reset(bench, uneven);
	sched_run(bench, &shunt_sched_wlc, 12, count, order);
	SHUNT_EXPECT("wlc is exact", count[0] == 6 && count[1] == 4 && count[2] == 2);
	SHUNT_EXPECT("wlc begins with the heaviest", order[0] == '0');
	atomic_set(&bench->server[2].conns, 0);
	atomic_set(&bench->server[0].conns, 9);
	sched_run(bench, &shunt_sched_wlc, 1, count, order);
	SHUNT_EXPECT("wlc fills up who has the least", order[0] == '2');

	bench->server[0].unreachable = true;
	bench->server[1].unreachable = true;
	bench->server[2].unreachable = true;
	sched_run(bench, &shunt_sched_rr, 1, count, order);
	SHUNT_EXPECT("rr finds nobody", order[0] == '-');
	sched_run(bench, &shunt_sched_wrr, 1, count, order);
	SHUNT_EXPECT("wrr finds nobody", order[0] == '-');
	sched_run(bench, &shunt_sched_wlc, 1, count, order);
	SHUNT_EXPECT("wlc finds nobody", order[0] == '-');
	return 0;
}

/* The servers that these hashes' rows have, one digit each. */
static const char * __init sched_rows(const struct sched_bench *bench, char *rows)
{
	const struct shunt_server *server;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		server = shunt_sched_row(bench->pool, i * (U32_MAX / 6 + 1));
		rows[i] = server ? '0' + (server - bench->server) : '-';
	}
	rows[6] = '\0';
	return rows;
}

static int __init sched_row_checks(struct sched_bench *bench)
{
	static const u32 uneven[3] = { 3, 2, 1 };
	char rows[7];

	sched_reset(bench, uneven);
	SHUNT_EXPECT("a row is as wide as its weight", !strcmp(sched_rows(bench, rows), "000112"));
	bench->server[1].unreachable = true;
	SHUNT_EXPECT("one that is out leaves its row to the next",
		     !strcmp(sched_rows(bench, rows), "000222"));
	bench->server[2].unreachable = true;
	SHUNT_EXPECT("and the last to the first", !strcmp(sched_rows(bench, rows), "000000"));
	bench->server[0].unreachable = true;
	SHUNT_EXPECT("nobody has a row", !strcmp(sched_rows(bench, rows), "------"));
	return 0;
}

int __init shunt_sched_selftest(void)
{
	struct sched_bench *bench = kzalloc(sizeof(*bench), GFP_KERNEL);
	struct shunt_pool *pool = kzalloc(struct_size(pool, slot, 3), GFP_KERNEL);
	int err = -ENOMEM;

	if (bench && pool) {
		pool->total = 3;
		pool->count = 3;
		bench->pool = pool;
		err = sched_checks(bench) ?: sched_row_checks(bench);
	}
	kfree(pool);
	kfree(bench);
	return err;
}
