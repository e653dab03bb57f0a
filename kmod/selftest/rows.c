// SPDX-License-Identifier: GPL-2.0
/* Schedulers that hash, and the tables of those that have one: who has which rows. */

enum {
	ROWS_MANY = 100,
	/* For what does not depend on the size: the module is loaded often. */
	ROWS_FEW = 8191,
};

/*
 * Counts whom so many clients are given to, each with an address and port of its own.
 * IPv6 addresses are of one network.
 */
static void __init rows_run(struct sched_bench *bench, const struct shunt_sched *sched,
			    u8 family, unsigned int n)
{
	unsigned int word = family == NFPROTO_IPV4 ? 0 : 3;
	struct shunt_tuple tuple = { .family = family };
	struct shunt_server *server;

	memset(bench->count, 0, sizeof(bench->count));
	while (n--) {
		tuple.src.ip6[word] = htonl(0xc0000000 + n);
		tuple.dst.ip6[word] = htonl(0xc6336400 + n);
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
		rows_run(bench, sched, NFPROTO_IPV4, 11000);
		SHUNT_EXPECT(sched->name, sched_chi_square(bench) < 60 * 1024);
		rows_run(bench, sched, NFPROTO_IPV6, 11000);
		SHUNT_EXPECT(sched->name, sched_chi_square(bench) < 60 * 1024);
		bench->server[9].unreachable = true;
		bench->server[3].unreachable = true;
		rows_run(bench, sched, NFPROTO_IPV4, 11000);
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

/*
 * Directors of any version agree: these are the numbers of ten servers of the weights
 * 1 to 10 and a client, as selftests/hashing.py finds them by itself.
 */
static int __init rows_same_checks(struct sched_bench *bench)
{
	static const struct {
		u8 family;
		union nf_inet_addr first, client;
		u32 rows, hash;
	} golden[] = {
		{
			NFPROTO_IPV4, { .ip = htonl(0x0a000001) }, { .ip = htonl(0xc0000201) },
			0xc3aab460, 0xc88d84ea,
		}, {
			NFPROTO_IPV6,
			{ .ip6 = { htonl(0x20010db8), 0, 0, htonl(1) } },
			{ .ip6 = { htonl(0x20010db8), htonl(0x00010000), 0, htonl(0x00020003) } },
			0xf9443068, 0x36d254da,
		},
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(golden); i++) {
		unsigned int word = golden[i].family == NFPROTO_IPV4 ? 0 : 3;
		const struct shunt_rows *rows;
		u32 sum = 0;

		strscpy(bench->service.hashing.seed, "golden", sizeof(bench->service.hashing.seed));
		SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_maglev, sched_ten));
		for (j = 0; j < 10; j++) {
			bench->server[j].weight = 1 + j;
			bench->server[j].addr = golden[i].first;
			be32_add_cpu(&bench->server[j].addr.ip6[word], j);
		}
		SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
		rows = &bench->pool->rows;
		bench->service.hashing.seed[0] = '\0';
		for (j = 0; j < rows->size; j++)
			sum = sum * 31 + rows->row[j];
		SHUNT_EXPECT("the same table", sum == golden[i].rows);
		SHUNT_EXPECT("the same hash of a client", golden[i].hash ==
			     shunt_rows_hash(&rows->key, golden[i].family, &golden[i].client,
					     htons(1024)));
	}
	return 0;
}

/* As if so many seconds had gone by. */
static void __init rows_age(struct sched_bench *bench, unsigned int seconds)
{
	struct shunt_pool *pool = bench->pool;
	u32 i;

	for (i = 0; i < pool->was.size; i++)
		pool->was_when[i] -= seconds * HZ >> pool->was_shift;
	pool->was_since -= seconds * HZ;
	pool->was_until -= seconds * HZ;
}

/* Whom a packet in mid-stream is given to that no connection is known of. */
static const struct shunt_server * __init rows_find(struct sched_bench *bench, u32 client)
{
	struct shunt_tuple tuple = { .family = NFPROTO_IPV4, .src.ip = htonl(client) };

	return shunt_sched_midstream(&bench->service, bench->pool, &tuple);
}

/* A client of another server, by its row of now. */
static u32 __init rows_client_of(struct sched_bench *bench, const struct shunt_server *server)
{
	struct shunt_tuple tuple = { .family = NFPROTO_IPV4 };
	u32 client = 0xc0000300;

	do {
		tuple.src.ip = htonl(++client);
	} while (shunt_rows_pick(&bench->service, bench->pool, &tuple) != server);
	return client;
}

/* Servers that come one by one have nothing of each other's. */
static int __init rows_begin_checks(struct sched_bench *bench)
{
	struct shunt_tuple tuple = { .family = NFPROTO_IPV4 };
	struct shunt_server *server, *next;
	LIST_HEAD(waiting);
	unsigned int i;

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_maglev, sched_ten));
	list_splice_init(&bench->service.servers, &waiting);
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_rr));
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	list_for_each_entry_safe(server, next, &waiting, list) {
		list_move_tail(&server->list, &bench->service.servers);
		SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	}
	for (i = 0; i < 1000; i++) {
		tuple.src.ip = htonl(0xc0000300 + i);
		SHUNT_EXPECT("nobody was before", rows_find(bench, 0xc0000300 + i) ==
			     shunt_rows_pick(&bench->service, bench->pool, &tuple));
	}
	return 0;
}

/* Changes one after the other: each row has a time of its own. */
static int __init rows_again_checks(struct sched_bench *bench)
{
	struct shunt_server *first = &bench->server[8], *second = &bench->server[9];
	u32 one, other;

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_maglev, sched_ten));
	one = rows_client_of(bench, first);
	other = rows_client_of(bench, second);
	first->weight = 0;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	rows_age(bench, 30);
	second->weight = 0;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	SHUNT_EXPECT("the first change is remembered", rows_find(bench, one) == first);
	SHUNT_EXPECT("so is the second", rows_find(bench, other) == second);
	rows_age(bench, 35);
	SHUNT_EXPECT("the first has had its time", rows_find(bench, one) != first);
	SHUNT_EXPECT("the second not yet", rows_find(bench, other) == second);
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	SHUNT_EXPECT("what is over does not come back", rows_find(bench, one) != first);
	SHUNT_EXPECT("nor is lost what is not", rows_find(bench, other) == second);
	bench->service.timeouts[SHUNT_CONN_STATE_ESTABLISHED] = 86400;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	SHUNT_EXPECT("nor by another timeout", rows_find(bench, other) == second);
	bench->service.timeouts[SHUNT_CONN_STATE_ESTABLISHED] = 60;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	rows_age(bench, 40);
	SHUNT_EXPECT("at last it is over, too", rows_find(bench, other) != second);

	/* Who had a row for long counts, rather than who had it before that. */
	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_maglev, sched_ten));
	one = rows_client_of(bench, first);
	first->weight = 0;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	rows_age(bench, 20);
	first->weight = 9;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	SHUNT_EXPECT("its own again, which another had for a while",
		     rows_find(bench, one) != first);
	strscpy(bench->service.hashing.seed, "elsewhere", sizeof(bench->service.hashing.seed));
	rows_age(bench, 20);
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	SHUNT_EXPECT("of another table all rows are remembered", rows_find(bench, one) == first);
	rows_age(bench, 20);
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	SHUNT_EXPECT("until others move", rows_find(bench, one) == first);
	other = rows_client_of(bench, second);
	second->weight = 0;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_maglev));
	SHUNT_EXPECT("which then are", rows_find(bench, other) == second);
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
	second = shunt_rows_pick(service, bench->pool, &tuple);
	SHUNT_EXPECT("nor anybody after that time",
		     shunt_rows_owner(bench->pool, &tuple) == second);
	second->full = true;
	SHUNT_EXPECT("nothing new for who is full",
		     shunt_rows_pick(service, bench->pool, &tuple) != second);
	SHUNT_EXPECT("but what is in mid-stream",
		     shunt_sched_midstream(service, bench->pool, &tuple) == second);
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
		      rows_order_checks(bench, owners) ?: rows_same_checks(bench) ?:
		      rows_owner_checks(bench) ?: rows_begin_checks(bench) ?:
		      rows_again_checks(bench);
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
