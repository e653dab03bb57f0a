// SPDX-License-Identifier: GPL-2.0
/*
 * Each scheduler over servers that nobody can reach, in pools as the configuration
 * makes them. Connections are held, never ended.
 */
#include <linux/mm.h>

#include "../net.h"
#include "../selftest.h"
#include "../sched_walk.h"

enum { SCHED_SERVERS = 101 };

struct sched_bench {
	struct shunt_net sn;
	struct shunt_service service;
	struct shunt_server server[SCHED_SERVERS];
	unsigned int count[SCHED_SERVERS];	/* chosen in the last run */
	struct shunt_pool *pool;
};

static char __init sched_digit(const struct sched_bench *bench, const struct shunt_server *server)
{
	return server ? '0' + (server - bench->server) : '-';
}

static struct shunt_server * __init sched_pick(struct sched_bench *bench,
					       const struct shunt_sched *sched)
{
	static const struct shunt_tuple tuple = { .family = NFPROTO_IPV4 };

	return sched->pick(&bench->service, bench->pool, &tuple);
}

/* Chooses n times, and counts by server. */
static void __init sched_run(struct sched_bench *bench, const struct shunt_sched *sched,
			     unsigned int n)
{
	struct shunt_server *server;

	memset(bench->count, 0, sizeof(bench->count));
	while (n--) {
		server = sched_pick(bench, sched);
		if (server) {
			bench->count[server - bench->server]++;
			atomic_inc(&server->conns);
		}
	}
}

/* Whether the choices are these, a digit each. */
static bool __init sched_goes(struct sched_bench *bench, const struct shunt_sched *sched,
			      const char *order)
{
	struct shunt_server *server;
	char digit;

	for (; *order; order++) {
		server = sched_pick(bench, sched);
		if (server)
			atomic_inc(&server->conns);
		digit = sched_digit(bench, server);
		if (digit != *order) {
			pr_err("shunt: selftest: %s chose %c, not %s\n", sched->name, digit, order);
			return false;
		}
	}
	return true;
}

static bool __init sched_shares(const struct sched_bench *bench, unsigned int a,
				unsigned int b, unsigned int c)
{
	return bench->count[0] == a && bench->count[1] == b && bench->count[2] == c;
}

/* Makes the configuration the pool of a scheduler. */
static bool __init sched_publish(struct sched_bench *bench, const struct shunt_sched *sched)
{
	struct shunt_service *service = &bench->service;
	struct shunt_pool *pool;

	pool = shunt_pool_alloc(service, sched, &service->hashing);
	if (!pool)
		return false;
	shunt_pool_publish(service, pool);
	bench->pool = pool;
	return true;
}

/* A scheduler and as many servers as there are weights, up to the first 0. */
static bool __init sched_reset(struct sched_bench *bench, const struct shunt_sched *sched,
			       const u32 *weights)
{
	unsigned int i;

	INIT_LIST_HEAD(&bench->service.servers);
	/* What is published with no server leaves nothing to go by. */
	if (!sched_publish(bench, &shunt_sched_rr))
		return false;
	atomic_set(&bench->service.cursor, 0);
	memset(bench->server, 0, sizeof(bench->server));
	for (i = 0; i < SCHED_SERVERS && weights[i]; i++) {
		struct shunt_server *server = &bench->server[i];

		server->service = &bench->service;
		server->addr.ip = htonl(0x0a000001 + i);
		server->port = htons(80);
		server->weight = weights[i];
		list_add_tail(&server->list, &bench->service.servers);
	}
	return sched_publish(bench, sched);
}

static const u32 sched_even[] = { 1, 1, 1, 0 }, sched_uneven[] = { 3, 2, 1, 0 };
static const u32 sched_ten[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0 };
static const u32 sched_light[] = { 10, 1, 0 }, sched_heavy[] = { 100, 1, 1, 0 };
static const u32 sched_places[] = { 1, 1, 100, 100, 0 };
enum { SCHED_TEN = 10 };

static int __init sched_turn_checks(struct sched_bench *bench)
{
	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_rr, sched_even));
	SHUNT_EXPECT("rr", sched_goes(bench, &shunt_sched_rr, "012012"));
	bench->server[1].unreachable = true;
	sched_run(bench, &shunt_sched_rr, 6);
	SHUNT_EXPECT("rr passes an unreachable server over", sched_shares(bench, 3, 0, 3));

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_wrr, sched_uneven));
	SHUNT_EXPECT("wrr is exact and smooth",
		     sched_goes(bench, &shunt_sched_wrr, "010210010210"));
	bench->server[0].unreachable = true;
	sched_run(bench, &shunt_sched_wrr, 12);
	SHUNT_EXPECT("wrr passes an unreachable server over", sched_shares(bench, 0, 8, 4));
	return 0;
}

/* Gives each server another weight, near the one it has, as time goes on. */
static bool __init sched_sway(struct sched_bench *bench, const u32 *weights, unsigned int time)
{
	unsigned int i;

	for (i = 0; weights[i]; i++)
		bench->server[i].weight = 100 * weights[i] + (time * 7 + i * 3) % 11;
	return sched_publish(bench, &shunt_sched_wrr);
}

/* Two of three servers have great weights, and one of those has been chosen. */
static bool __init sched_great(struct sched_bench *bench)
{
	if (!sched_reset(bench, &shunt_sched_wrr, sched_even))
		return false;
	bench->server[0].weight = 65535;
	bench->server[1].weight = 65535;
	return sched_publish(bench, &shunt_sched_wrr) &&
	       sched_goes(bench, &shunt_sched_wrr, "0");
}

/* Whom new connections of n clients would go to; they make none. */
static void __init sched_ask(struct sched_bench *bench, unsigned int n)
{
	struct shunt_tuple tuple = { .family = NFPROTO_IPV4 };
	struct shunt_server *server;

	memset(bench->count, 0, sizeof(bench->count));
	while (n--) {
		tuple.src.ip = htonl(n);
		tuple.dst.ip = htonl(~n);
		server = shunt_sched_choose(&bench->service, bench->pool, &tuple);
		if (server)
			bench->count[server - bench->server]++;
	}
}

/* Weights change before each choice, as by an agent that watches the servers. */
static int __init sched_sway_checks(struct sched_bench *bench)
{
	unsigned int i, count[SCHED_SERVERS] = {};

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_wrr, sched_ten));
	for (i = 0; i < 550; i++) {
		SHUNT_EXPECT("memory", sched_sway(bench, sched_ten, i));
		sched_run(bench, &shunt_sched_wrr, 1);
		count[0] += bench->count[0];
		count[4] += bench->count[4];
		count[9] += bench->count[9];
	}
	SHUNT_EXPECT("wrr goes by weights that change all the time",
		     abs((int)count[0] - 10) < 2 && abs((int)count[4] - 50) < 3 &&
		     abs((int)count[9] - 100) < 3);

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_wrr, sched_light));
	count[1] = 0;
	for (i = 0; i < 330; i++) {
		bench->server[0].weight = 9;
		SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_wrr));
		bench->server[0].weight = 10;
		SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_wrr));
		count[1] += sched_pick(bench, &shunt_sched_wrr) == &bench->server[1];
	}
	SHUNT_EXPECT("wrr rounds nothing away", abs((int)count[1] - 30) < 2);
	return 0;
}

/* What credits become in rounds of another length. */
static int __init sched_credit_checks(struct sched_bench *bench)
{
	SHUNT_EXPECT("memory", sched_great(bench));
	bench->server[0].weight = 1;
	bench->server[1].weight = 1;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_wrr));
	SHUNT_EXPECT("what they left is no more than a round of small ones",
		     sched_goes(bench, &shunt_sched_wrr, "120"));

	SHUNT_EXPECT("memory", sched_great(bench));
	bench->server[0].weight = 0;
	bench->server[1].weight = 1;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_wrr));
	bench->server[0].weight = 1;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_wrr));
	SHUNT_EXPECT("who comes again has left nothing",
		     sched_goes(bench, &shunt_sched_wrr, "120"));

	SHUNT_EXPECT("memory", sched_great(bench));
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_rr));
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_wrr));
	SHUNT_EXPECT("another scheduler between leaves nothing",
		     sched_goes(bench, &shunt_sched_wrr, "01"));

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_wrr, sched_even));
	/* As if there were another pool already. */
	bench->pool->credits--;
	SHUNT_EXPECT("who is late chooses", sched_goes(bench, &shunt_sched_wrr, "0"));
	bench->pool->credits++;
	SHUNT_EXPECT("and leaves nothing", sched_goes(bench, &shunt_sched_wrr, "012"));
	return 0;
}

/* Servers that become backups, and others that are none any more. */
static int __init sched_place_checks(struct sched_bench *bench)
{
	unsigned int i;

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_wrr, sched_places));
	bench->server[2].backup = true;
	bench->server[3].backup = true;
	bench->server[0].full = true;
	bench->server[1].full = true;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_wrr));
	sched_ask(bench, 1);
	SHUNT_EXPECT("a backup serves", sched_shares(bench, 0, 0, 1));
	bench->server[0].full = false;
	bench->server[1].full = false;
	bench->server[3].backup = false;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_wrr));
	sched_ask(bench, 306);
	SHUNT_EXPECT("what a backup was owed is no more than a round of the others'",
		     bench->count[0] >= 2 && bench->count[1] >= 2);

	for (i = 0; i < 8; i++) {
		bench->server[3].weight = 6553;
		bench->server[3].backup = !bench->server[3].backup;
		SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_wrr));
	}
	sched_ask(bench, 3 * 6555);
	SHUNT_EXPECT("nor does it grow", bench->count[0] >= 2 && bench->count[1] >= 2);
	return 0;
}

static int __init sched_load_checks(struct sched_bench *bench)
{
	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_wlc, sched_uneven));
	sched_run(bench, &shunt_sched_wlc, 12);
	SHUNT_EXPECT("wlc is exact", sched_shares(bench, 6, 4, 2));
	atomic_set(&bench->server[2].conns, 0);
	atomic_set(&bench->server[0].conns, 9);
	SHUNT_EXPECT("wlc fills up who has the least", sched_goes(bench, &shunt_sched_wlc, "2"));
	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_wlc, sched_uneven));
	SHUNT_EXPECT("wlc begins with the heaviest", sched_goes(bench, &shunt_sched_wlc, "012"));

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_wlc, sched_even));
	atomic_set(&bench->server[1].conns, 255);
	atomic_set(&bench->server[1].states[SHUNT_CONN_STATE_CLOSING], 200);
	atomic_set(&bench->server[1].states[SHUNT_CONN_STATE_CLOSED], 55);
	atomic_set(&bench->server[0].conns, 1);
	atomic_set(&bench->server[2].conns, 1);
	SHUNT_EXPECT("wlc: 255 inactive are less than one",
		     sched_goes(bench, &shunt_sched_wlc, "1"));
	SHUNT_EXPECT("wlc: with an active one, more", sched_goes(bench, &shunt_sched_wlc, "02"));
	SHUNT_EXPECT("sed sees active ones only", sched_goes(bench, &shunt_sched_sed, "1"));

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_lc, sched_uneven));
	SHUNT_EXPECT("lc goes by number alone", sched_goes(bench, &shunt_sched_lc, "012012"));
	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_sed, sched_uneven));
	SHUNT_EXPECT("sed counts the one to come", sched_goes(bench, &shunt_sched_sed, "010012"));
	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_nq, sched_uneven));
	SHUNT_EXPECT("nq: idle ones first", sched_goes(bench, &shunt_sched_nq, "012001"));

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_wlc, sched_even));
	shunt_server_await(&bench->server[0], 1);
	SHUNT_EXPECT("SYNs that wait are connections", sched_goes(bench, &shunt_sched_wlc, "12"));
	SHUNT_EXPECT("and make nobody idle", sched_goes(bench, &shunt_sched_nq, "012"));
	return 0;
}

static int __init sched_weight_checks(struct sched_bench *bench)
{
	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_fo, sched_uneven));
	SHUNT_EXPECT("fo: the heaviest", sched_goes(bench, &shunt_sched_fo, "0000"));
	bench->server[0].unreachable = true;
	SHUNT_EXPECT("fo: the next", sched_goes(bench, &shunt_sched_fo, "1111"));
	bench->server[0].unreachable = false;
	SHUNT_EXPECT("fo: back", sched_goes(bench, &shunt_sched_fo, "0"));

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_ovf, sched_uneven));
	SHUNT_EXPECT("ovf fills one after the other",
		     sched_goes(bench, &shunt_sched_ovf, "000112-"));
	atomic_set(&bench->server[1].states[SHUNT_CONN_STATE_CLOSING], 1);
	SHUNT_EXPECT("ovf: what is closing leaves room", sched_goes(bench, &shunt_sched_ovf, "1-"));
	return 0;
}

/*
 * Pearson's statistic of the last run against shares by weight of those that are
 * usable, times 1024. With ten servers, chance exceeds 60 once in a billion runs.
 */
static u64 __init sched_chi_square(const struct sched_bench *bench)
{
	u64 runs = 0, sum = 0, chi = 0;
	unsigned int i;

	for (i = 0; i < bench->pool->count; i++) {
		runs += bench->count[i];
		if (!bench->server[i].unreachable)
			sum += bench->pool->slot[i].weight;
	}
	for (i = 0; i < bench->pool->count; i++) {
		u64 share = div64_u64(runs * bench->pool->slot[i].weight, sum);
		s64 off = bench->count[i] - share;

		if (!bench->server[i].unreachable)
			chi += div64_u64(1024 * off * off, share);
		else if (bench->count[i])
			return U64_MAX;
	}
	return chi;
}

/* The heavy one of three is out, which most hashes and lots meet again and again. */
static int __init sched_heavy_checks(struct sched_bench *bench)
{
	static const struct shunt_sched *const scheds[] = {
		&shunt_sched_random, &shunt_sched_sh, &shunt_sched_maglev,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(scheds); i++) {
		SHUNT_EXPECT("memory", sched_reset(bench, scheds[i], sched_heavy));
		bench->server[0].unreachable = true;
		sched_ask(bench, 4000);
		SHUNT_EXPECT(scheds[i]->name, sched_chi_square(bench) < 60 * 1024);
	}
	return 0;
}

static int __init sched_random_checks(struct sched_bench *bench)
{
	unsigned int i;

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_random, sched_ten));
	sched_run(bench, &shunt_sched_random, 22000);
	SHUNT_EXPECT("random is by weight", sched_chi_square(bench) < 60 * 1024);
	bench->server[9].unreachable = true;
	bench->server[3].unreachable = true;
	sched_run(bench, &shunt_sched_random, 22000);
	SHUNT_EXPECT("random: the share of who is out is everybody's",
		     sched_chi_square(bench) < 60 * 1024);

	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_p2c, sched_ten));
	sched_run(bench, &shunt_sched_p2c, 11000);
	for (i = 0; i < SCHED_TEN; i++)
		SHUNT_EXPECT("p2c is even",
			     abs((int)bench->count[i] - 200 * (int)sched_ten[i]) < 50);
	return 0;
}

/* What all of them have in common. */
static int __init sched_common_checks(struct sched_bench *bench)
{
	const struct shunt_sched *sched;
	unsigned int i, last;

	for (i = 0; (sched = shunt_sched_at(i)); i++) {
		SHUNT_EXPECT("memory", sched_reset(bench, sched, sched_ten));
		for (last = 0; last < SCHED_TEN; last++)
			bench->server[last].unreachable = true;
		SHUNT_EXPECT(sched->name, sched_goes(bench, sched, "-"));
		bench->server[4].unreachable = false;
		SHUNT_EXPECT(sched->name, sched_goes(bench, sched, "44444"));
		bench->server[4].weight = 0;
		SHUNT_EXPECT("memory", sched_publish(bench, sched));
		SHUNT_EXPECT(sched->name, sched_goes(bench, sched, "-"));
		INIT_LIST_HEAD(&bench->service.servers);
		SHUNT_EXPECT("memory", sched_publish(bench, sched));
		SHUNT_EXPECT(sched->name, sched_goes(bench, sched, "-"));
	}
	return 0;
}

static int __init sched_backup_checks(struct sched_bench *bench, const struct shunt_sched *sched)
{
	SHUNT_EXPECT(sched->name, sched_reset(bench, sched, sched_even));
	bench->server[1].backup = true;
	SHUNT_EXPECT(sched->name, sched_publish(bench, sched));
	sched_ask(bench, 40);
	SHUNT_EXPECT(sched->name, !bench->count[1] && bench->count[0] + bench->count[2] == 40);
	bench->server[0].full = true;
	sched_ask(bench, 40);
	SHUNT_EXPECT(sched->name, sched_shares(bench, 0, 0, 40));
	bench->server[2].state = SHUNT_SERVER_STATE_DRAIN;
	SHUNT_EXPECT(sched->name, sched_publish(bench, sched));
	sched_ask(bench, 40);
	SHUNT_EXPECT(sched->name, sched_shares(bench, 0, 40, 0));
	bench->server[1].down = true;
	sched_ask(bench, 40);
	SHUNT_EXPECT(sched->name, sched_shares(bench, 0, 0, 0));
	return 0;
}

/* As if the last server had begun so many seconds ago, of 16. */
static bool __init sched_start(struct sched_bench *bench, const struct shunt_sched *sched,
			       unsigned int seconds)
{
	bench->server[2].slow_start = 16;
	bench->server[2].started_at = get_jiffies_64() - seconds * HZ;
	return sched_publish(bench, sched);
}

static int __init sched_life_checks(struct sched_bench *bench)
{
	const struct shunt_sched *sched;
	unsigned int i;
	int err;

	for (i = 0; (sched = shunt_sched_at(i)); i++) {
		err = sched_backup_checks(bench, sched);
		if (err)
			return err;
	}
	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_rr, sched_even));
	bench->server[1].backup = true;
	bench->server[2].backup = true;
	bench->server[0].full = true;
	SHUNT_EXPECT("memory", sched_publish(bench, &shunt_sched_rr));
	sched_ask(bench, 40);
	SHUNT_EXPECT("backups take turns", sched_shares(bench, 0, 20, 20));
	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_wrr, sched_even));
	SHUNT_EXPECT("memory", sched_start(bench, &shunt_sched_wrr, 0));
	sched_ask(bench, 33);
	SHUNT_EXPECT("a slow start begins with a 16th", sched_shares(bench, 16, 16, 1));
	SHUNT_EXPECT("memory", sched_start(bench, &shunt_sched_wrr, 8));
	sched_ask(bench, 41);
	SHUNT_EXPECT("and rises in 16ths", sched_shares(bench, 16, 16, 9));
	SHUNT_EXPECT("memory", sched_start(bench, &shunt_sched_wrr, 16));
	sched_ask(bench, 3);
	SHUNT_EXPECT("to all of it", sched_shares(bench, 1, 1, 1));
	bench->server[2].weight = 4;
	SHUNT_EXPECT("memory", sched_start(bench, &shunt_sched_ovf, 8));
	SHUNT_EXPECT("what are numbers stay numbers", sched_goes(bench, &shunt_sched_ovf, "2201-"));
	return 0;
}

/* What hashes alone choose, all of them in even steps. */
static void __init sched_run_rows(struct sched_bench *bench, unsigned int n)
{
	struct shunt_packet pkt = {};
	struct shunt_server *server;
	unsigned int i;

	memset(bench->count, 0, sizeof(bench->count));
	for (i = 0; i < n; i++) {
		pkt.hash = i * (U32_MAX / n + 1);
		server = shunt_sched_row(&bench->service, bench->pool, &pkt);
		if (server)
			bench->count[server - bench->server]++;
	}
}

static int __init sched_row_checks(struct sched_bench *bench)
{
	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_rr, sched_uneven));
	sched_run_rows(bench, 6);
	SHUNT_EXPECT("a row is as wide as its weight", sched_shares(bench, 3, 2, 1));
	bench->server[0].unreachable = true;
	sched_run_rows(bench, 12000);
	SHUNT_EXPECT("the row of one that is out is everybody's",
		     sched_chi_square(bench) < 60 * 1024);
	bench->server[1].unreachable = true;
	sched_run_rows(bench, 6);
	SHUNT_EXPECT("and the last one's at last", sched_shares(bench, 0, 0, 6));
	bench->server[2].unreachable = true;
	sched_run_rows(bench, 6);
	SHUNT_EXPECT("nobody has a row", sched_shares(bench, 0, 0, 0));
	SHUNT_EXPECT("memory", sched_reset(bench, &shunt_sched_fo, sched_uneven));
	sched_run_rows(bench, 6);
	SHUNT_EXPECT("fo: the heaviest has all", sched_shares(bench, 6, 0, 0));
	return 0;
}
