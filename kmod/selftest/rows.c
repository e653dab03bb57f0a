// SPDX-License-Identifier: GPL-2.0
/* Schedulers that hash, and the tables of those that have one: who has which rows. */

enum {
	ROWS_MANY = 100,
	/* For what does not depend on the size: the module is loaded often. */
	ROWS_FEW = 8191,
};

/* Counts whom so many clients are given to, each with an address and port of its own. */
static void __init rows_run(struct sched_bench *bench, const struct shunt_sched *sched,
			    unsigned int n)
{
	struct shunt_tuple tuple = { .family = NFPROTO_IPV4 };
	struct shunt_server *server;

	memset(bench->count, 0, sizeof(bench->count));
	while (n--) {
		tuple.src.ip = htonl(0xc0000000 + n);
		tuple.dst.ip = htonl(0xc6336400 + n);
		tuple.sport = htons(1024 + n % 50000);
		server = sched->pick(&bench->service, bench->pool, &tuple);
		if (server)
			bench->count[server - bench->server]++;
	}
}

/* Exactly the same for the same client, spread by weight over all of them. */
static int __init rows_spread_checks(struct sched_bench *bench)
{
	static const struct shunt_sched *const hashing[] = {
		&shunt_sched_sh, &shunt_sched_dh, &shunt_sched_maglev, &shunt_sched_sticky,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hashing); i++) {
		const struct shunt_sched *sched = hashing[i];

		SHUNT_EXPECT("memory", sched_reset(bench, sched, sched_ten));
		rows_run(bench, sched, 11000);
		SHUNT_EXPECT(sched->name, sched_chi_square(bench) < 60 * 1024);
		bench->server[9].unreachable = true;
		bench->server[3].unreachable = true;
		rows_run(bench, sched, 11000);
		SHUNT_EXPECT(sched->name, sched_chi_square(bench) < 60 * 1024);
	}
	return 0;
}

/* By what a client is told apart: its port only if that is asked for, and never in sh. */
static int __init rows_key_checks(struct sched_bench *bench)
{
	struct shunt_tuple tuple = { .family = NFPROTO_IPV4, .src.ip = htonl(0xc0000201) };
	struct shunt_hashing *hashing = &bench->service.hashing;
	const struct shunt_server *sh, *source;
	unsigned int port, by_port = 0;

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_sh, sched_ten));
	sh = shunt_sched_sh.pick(&bench->service, bench->pool, &tuple);
	for (port = 1; port < 100; port++) {
		tuple.sport = htons(port);
		SHUNT_EXPECT("sh is by address",
			     shunt_sched_sh.pick(&bench->service, bench->pool, &tuple) == sh);
	}
	hashing->by = SHUNT_HASH_BY_SOURCE;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	source = shunt_rows_pick(&bench->service, bench->pool, &tuple);
	hashing->by = SHUNT_HASH_BY_SOURCE_PORT;
	for (port = 1; port < 100; port++) {
		tuple.sport = htons(port);
		SHUNT_EXPECT("maglev, by source",
			     shunt_rows_pick(&bench->service, bench->pool, &tuple) == source);
	}
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	for (port = 1; port < 100; port++) {
		tuple.sport = htons(port);
		by_port += shunt_rows_pick(&bench->service, bench->pool, &tuple) == source;
	}
	SHUNT_EXPECT("maglev, by port, too", by_port < 90);
	return 0;
}

/* Of how many rows the owner was another server before; of one gone, "gone". */
static u32 __init rows_moved(const struct sched_bench *bench, const struct shunt_server **before,
			     const struct shunt_server *gone)
{
	const struct shunt_rows *rows = &bench->pool->rows;
	u32 i, moved = 0;

	for (i = 0; i < rows->size; i++)
		if (before[i] != gone && before[i] != bench->pool->slot[rows->row[i]].server)
			moved++;
	return moved;
}

static void __init rows_write_down(const struct sched_bench *bench,
				   const struct shunt_server **owners)
{
	const struct shunt_rows *rows = &bench->pool->rows;
	u32 i;

	for (i = 0; i < rows->size; i++)
		owners[i] = bench->pool->slot[rows->row[i]].server;
}

/* By how many rows anybody's number of them differs from its exact share, at most. */
static u32 __init rows_uneven(struct sched_bench *bench)
{
	const struct shunt_pool *pool = bench->pool;
	u32 sum = pool->slot[pool->count - 1].end;
	u32 i, held, exact, most = 0;

	memset(bench->count, 0, sizeof(bench->count));
	for (i = 0; i < pool->rows.size; i++)
		bench->count[pool->rows.row[i]]++;
	for (i = 0; i < pool->count; i++) {
		held = bench->count[i];
		exact = div_u64((u64)pool->rows.size * pool->slot[i].weight, sum);
		most = max3(most, held > exact ? held - exact - 1 : 0, exact - min(held, exact));
	}
	return most;
}

static bool __init rows_reset(struct sched_bench *bench, const struct shunt_sched *sched,
			      bool weighted)
{
	u32 weights[SCHED_SERVERS] = {};
	unsigned int i;

	for (i = 0; i < ROWS_MANY; i++)
		weights[i] = weighted ? 1 + i % 7 * 3 : 1;
	return sched_reset(bench, sched, weights);
}

/* One of a hundred goes, comes back, and one is given more weight. */
static int __init rows_move_checks(struct sched_bench *bench, const struct shunt_sched *sched,
				   const struct shunt_server **owners, bool weighted)
{
	struct shunt_server *server = &bench->server[41];
	bool sticky = sched == &shunt_sched_sticky;
	u32 size = bench->service.hashing.table_size;
	/* 0.6 % with many rows for each server, 1.8 % with few. */
	u32 slack = sticky ? 0 : size / (size == SHUNT_ROWS_SIZE ? 100 : 40);
	u32 share, moved;

	SHUNT_EXPECT("memory", rows_reset(bench, sched, weighted));
	SHUNT_EXPECT("each has its share, but for rounding", !rows_uneven(bench));
	rows_write_down(bench, owners);
	share = div_u64((u64)size * server->weight, bench->pool->slot[ROWS_MANY - 1].end) + 1;

	list_del(&server->list);
	server->removed = true;
	SHUNT_EXPECT("memory", sched_publish(bench, sched));
	moved = rows_moved(bench, owners, server);
	SHUNT_EXPECT("survivors keep their rows", moved <= slack);
	SHUNT_EXPECT("each has its share without it", !rows_uneven(bench));

	rows_write_down(bench, owners);
	list_add(&server->list, &bench->service.servers);
	server->removed = false;
	SHUNT_EXPECT("memory", sched_publish(bench, sched));
	moved = rows_moved(bench, owners, NULL);
	SHUNT_EXPECT("who comes takes its share", moved <= share + slack);
	SHUNT_EXPECT("each has its share with it", !rows_uneven(bench));

	rows_write_down(bench, owners);
	server->weight += 1;
	SHUNT_EXPECT("memory", sched_publish(bench, sched));
	moved = rows_moved(bench, owners, NULL);
	SHUNT_EXPECT("more weight, more rows", moved <= share + slack);
	SHUNT_EXPECT("each has its share by new weights", !rows_uneven(bench));
	return 0;
}

/* The same servers in any order, after any past, with and without a seed. */
static int __init rows_order_checks(struct sched_bench *bench, const struct shunt_server **owners)
{
	struct shunt_server *server, *next;
	LIST_HEAD(turned);

	SHUNT_EXPECT("memory", rows_reset(bench, &shunt_sched_maglev, true));
	rows_write_down(bench, owners);
	list_for_each_entry_safe(server, next, &bench->service.servers, list)
		list_move(&server->list, &turned);
	list_splice_init(&turned, &bench->service.servers);
	bench->server[7].weight++;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	bench->server[7].weight--;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	SHUNT_EXPECT("the order of servers does not matter", !rows_moved(bench, owners, NULL));

	strscpy(bench->service.hashing.seed, "elsewhere", sizeof(bench->service.hashing.seed));
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	SHUNT_EXPECT("the seed does",
		     rows_moved(bench, owners, NULL) > ROWS_FEW / 10 * 9);
	bench->service.hashing.seed[0] = '\0';
	return 0;
}

/* What the table before tells of clients whose rows have moved. */
static int __init rows_owner_checks(struct sched_bench *bench)
{
	static const struct shunt_tuple tuple = {
		.family = NFPROTO_IPV4, .src.ip = htonl(0xc0000201),
	};
	struct shunt_service *service = &bench->service;
	struct shunt_server *first, *second;

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_maglev, sched_ten));
	first = shunt_sched_midstream(service, bench->pool, &tuple);
	SHUNT_EXPECT("nothing was before",
		     first == shunt_rows_pick(service, bench->pool, &tuple));
	first->weight = 0;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	second = shunt_rows_pick(service, bench->pool, &tuple);
	SHUNT_EXPECT("weight 0 takes nothing new", second != first);
	SHUNT_EXPECT("what it had it keeps",
		     shunt_sched_midstream(service, bench->pool, &tuple) == first);
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	second->weight = 0;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	SHUNT_EXPECT("changes in a row are one",
		     shunt_sched_midstream(service, bench->pool, &tuple) == first);
	first->unreachable = true;
	SHUNT_EXPECT("who cannot be reached is not asked",
		     shunt_sched_midstream(service, bench->pool, &tuple) ==
		     shunt_rows_pick(service, bench->pool, &tuple));
	first->unreachable = false;
	list_del(&first->list);
	first->removed = true;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	SHUNT_EXPECT("nor who was removed",
		     shunt_sched_midstream(service, bench->pool, &tuple) ==
		     shunt_rows_pick(service, bench->pool, &tuple));
	bench->pool->was_until = 0;
	SHUNT_EXPECT("nor anybody after that time", !shunt_rows_owner(bench->pool, &tuple));
	return 0;
}

static int __init rows_checks(struct sched_bench *bench)
{
	const struct shunt_server **owners = kvcalloc(SHUNT_ROWS_SIZE, sizeof(*owners), GFP_KERNEL);
	int err = -ENOMEM;

	if (owners) {
		bench->service.hashing.table_size = SHUNT_ROWS_SIZE;
		err = rows_move_checks(bench, &shunt_sched_maglev, owners, false);
		bench->service.hashing.table_size = ROWS_FEW;
	}
	if (!err)
		err = rows_spread_checks(bench) ?: rows_key_checks(bench) ?:
		      rows_move_checks(bench, &shunt_sched_maglev, owners, true) ?:
		      rows_move_checks(bench, &shunt_sched_sticky, owners, false) ?:
		      rows_move_checks(bench, &shunt_sched_sticky, owners, true) ?:
		      rows_order_checks(bench, owners) ?: rows_owner_checks(bench);
	kvfree(owners);
	return err;
}

static int __init sched_checks(struct sched_bench *bench)
{
	return sched_turn_checks(bench) ?: sched_sway_checks(bench) ?:
	       sched_credit_checks(bench) ?: sched_place_checks(bench) ?:
	       sched_load_checks(bench) ?: sched_weight_checks(bench) ?:
	       sched_heavy_checks(bench) ?: sched_random_checks(bench) ?:
	       sched_common_checks(bench) ?: sched_row_checks(bench) ?:
	       sched_life_checks(bench) ?: rows_checks(bench);
}

int __init shunt_sched_selftest(void)
{
	struct sched_bench *bench = kvzalloc(sizeof(*bench), GFP_KERNEL);
	int err;

	if (!bench)
		return -ENOMEM;
	mutex_init(&bench->sn.lock);
	mutex_lock(&bench->sn.lock);
	bench->service.sn = &bench->sn;
	bench->service.hashing.table_size = ROWS_FEW;
	bench->service.timeouts[SHUNT_CONN_STATE_ESTABLISHED] = 60;
	spin_lock_init(&bench->service.sched_lock);
	err = sched_checks(bench);
	mutex_unlock(&bench->sn.lock);
	kvfree(bench->pool);
	kvfree(bench);
	return err;
}
