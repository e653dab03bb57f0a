// SPDX-License-Identifier: GPL-2.0
/* Which service a tuple is for: one port before a range before all, and marks first. */
enum {
	TEST_MATCHES = 3,
	TEST_TCP = SHUNT_CARRIES_TCP,
	TEST_UDP = SHUNT_CARRIES_UDP,
	TEST_BOTH = TEST_TCP | TEST_UDP,
};

/* Of address 10.0.0.N, or an IPv6 address that ends in the same bytes. */
struct test_match {
	u8 family;
	u8 protocols;
	u32 mark;
	struct {
		u8 addr;	/* 0: no more */
		u16 first;
		u16 last;
	} entry[TEST_MATCHES];
};

static const struct test_match test_matches[] __initconst = {
	{ NFPROTO_IPV4, TEST_TCP, 0, { { 1, 80, 80 }, { 2, 80, 80 } } },
	{ NFPROTO_IPV4, TEST_TCP, 0, { { 1, 50, 100 }, { 1, 200, 300 } } },
	{ NFPROTO_IPV4, TEST_BOTH, 0, { { 1, 0, 65535 } } },
	{ NFPROTO_IPV4, TEST_UDP, 0, { { 1, 101, 199 }, { 3, 1, 65535 }, { 1, 53, 53 } } },
	{ NFPROTO_IPV4, TEST_TCP, 7, {} },
	{ NFPROTO_IPV6, TEST_BOTH, 7, {} },
	{ NFPROTO_IPV6, TEST_TCP, 0, { { 1, 60, 90 }, { 1, 80, 80 } } },
};

/* What is looked for, and which of those above is found, or -1. */
struct test_lookup {
	u8 family;
	u8 protocol;
	u8 addr;
	u16 port;
	u32 mark;
	int found;
};

static const struct test_lookup test_lookups[] __initconst = {
	{ NFPROTO_IPV4, IPPROTO_TCP, 1, 80, 0, 0 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 2, 80, 0, 0 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 2, 81, 0, -1 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 1, 49, 0, 2 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 1, 50, 0, 1 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 1, 100, 0, 1 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 1, 101, 0, 2 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 1, 200, 0, 1 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 1, 300, 0, 1 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 1, 301, 0, 2 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 1, 0, 0, 2 },
	{ NFPROTO_IPV4, IPPROTO_UDP, 1, 80, 0, 2 },
	{ NFPROTO_IPV4, IPPROTO_UDP, 1, 150, 0, 3 },
	{ NFPROTO_IPV4, IPPROTO_UDP, 1, 53, 0, 3 },
	{ NFPROTO_IPV4, IPPROTO_UDP, 3, 65535, 0, 3 },
	{ NFPROTO_IPV4, IPPROTO_UDP, 3, 0, 0, -1 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 3, 80, 0, -1 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 4, 80, 0, -1 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 4, 80, 7, 4 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 1, 80, 7, 4 },
	{ NFPROTO_IPV4, IPPROTO_TCP, 1, 80, 8, 0 },
	{ NFPROTO_IPV4, IPPROTO_UDP, 4, 80, 7, -1 },
	{ NFPROTO_IPV6, IPPROTO_UDP, 4, 0, 7, 5 },
	{ NFPROTO_IPV6, IPPROTO_TCP, 1, 80, 0, 6 },
	{ NFPROTO_IPV6, IPPROTO_TCP, 1, 90, 0, 6 },
	{ NFPROTO_IPV6, IPPROTO_TCP, 1, 91, 0, -1 },
	{ NFPROTO_IPV6, IPPROTO_UDP, 1, 80, 0, -1 },
};

struct match_bench {
	struct shunt_net sn;
	struct shunt_service service[ARRAY_SIZE(test_matches)];
};

static union nf_inet_addr __init match_addr(u8 family, u8 n)
{
	union nf_inet_addr addr = {};

	if (family == NFPROTO_IPV4)
		addr.ip = htonl(0x0a000000 + n);
	else
		addr.in6.s6_addr32[3] = htonl(0x0a000000 + n);
	return addr;
}

static int __init match_set(struct shunt_service *service, const struct test_match *of)
{
	struct shunt_match *match;
	struct shunt_refusal no;
	int err;

	match = kzalloc(struct_size(match, entry, TEST_MATCHES), GFP_KERNEL);
	if (!match)
		return -ENOMEM;
	match->fwmark = of->mark;
	for (; match->count < TEST_MATCHES && of->entry[match->count].addr; match->count++) {
		struct shunt_match_entry *entry = &match->entry[match->count];

		entry->addr = match_addr(of->family, of->entry[match->count].addr);
		entry->first = of->entry[match->count].first;
		entry->last = of->entry[match->count].last;
	}
	err = shunt_match_check(service, match, &no) ?: shunt_match_set(service, match);
	if (err)
		kfree(match);
	return err;
}

/* As when it is freed, but that it may come back. */
static void __init match_del(struct shunt_service *service)
{
	shunt_match_del_service(service);
	synchronize_rcu();
	kfree(rcu_dereference_raw(service->match));
	RCU_INIT_POINTER(service->match, NULL);
}

/* Which service a tuple finds, or -1. */
static int __init match_find(struct match_bench *bench, unsigned int i)
{
	const struct shunt_tuple tuple = {
		.dst = match_addr(test_lookups[i].family, test_lookups[i].addr),
		.dport = htons(test_lookups[i].port),
		.family = test_lookups[i].family,
		.protocol = test_lookups[i].protocol,
	};
	const struct shunt_service *service;

	rcu_read_lock();
	service = shunt_match_tuple(&bench->sn, &tuple, test_lookups[i].mark);
	rcu_read_unlock();
	return service ? service - bench->service : -1;
}

/* All but those of a service that has gone, or none that has. */
static int __init match_expect(struct match_bench *bench, int gone)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(test_lookups); i++) {
		int found = match_find(bench, i);

		if (found == test_lookups[i].found ||
		    (gone >= 0 && test_lookups[i].found == gone && found != gone))
			continue;
		pr_err("shunt: selftest: match, lookup %u: service %d\n", i, found);
		return -EINVAL;
	}
	return 0;
}

static int __init match_checks(struct match_bench *bench)
{
	static const struct test_match moved __initconst = {
		NFPROTO_IPV4, TEST_TCP, 0, { { 1, 80, 80 }, { 2, 81, 81 }, { 1, 301, 302 } }
	};
	static const struct test_match taken[] __initconst = {
		{ NFPROTO_IPV4, TEST_TCP, 0, { { 5, 80, 80 }, { 1, 300, 400 } } },
		{ NFPROTO_IPV4, TEST_TCP, 0, { { 1, 0, 65535 } } },
		{ NFPROTO_IPV4, TEST_TCP, 0, { { 5, 80, 80 }, { 5, 80, 80 } } },
		{ NFPROTO_IPV4, TEST_TCP, 0, { { 5, 1, 80 }, { 5, 80, 90 } } },
	};
	struct shunt_service *service = bench->service;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(test_matches); i++)
		SHUNT_EXPECT("match, a service", !match_set(&service[i], &test_matches[i]));
	SHUNT_EXPECT("match, all", !match_expect(bench, -1));
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		SHUNT_EXPECT("match, taken", match_set(&service[0], &taken[i]) == -EEXIST);
	SHUNT_EXPECT("match, refused", !match_expect(bench, -1));

	SHUNT_EXPECT("match, moved", !match_set(&service[0], &moved));
	SHUNT_EXPECT("match, stays", match_find(bench, 0) == 0);
	SHUNT_EXPECT("match, left", match_find(bench, 1) == -1);
	SHUNT_EXPECT("match, taken in", match_find(bench, 2) == 0 && match_find(bench, 9) == 0);
	SHUNT_EXPECT("match, back", !match_set(&service[0], &test_matches[0]));
	SHUNT_EXPECT("match, all again", !match_expect(bench, -1));

	for (i = 0; i < ARRAY_SIZE(test_matches); i++) {
		match_del(&service[i]);
		SHUNT_EXPECT("match, one has gone", !match_expect(bench, i));
		SHUNT_EXPECT("match, it is back", !match_set(&service[i], &test_matches[i]));
	}
	for (i = 0; i < ARRAY_SIZE(test_matches); i++)
		match_del(&service[i]);
	SHUNT_EXPECT("match, nothing is left", !rcu_access_pointer(bench->sn.ranges) &&
		     !atomic_read(&bench->sn.by_tuple.nelems) && !bench->sn.vips.opened);
	return 0;
}

static void __init match_bench_init(struct match_bench *bench)
{
	unsigned int i;

	mutex_init(&bench->sn.lock);
	for (i = 0; i < ARRAY_SIZE(test_matches); i++) {
		bench->service[i].sn = &bench->sn;
		bench->service[i].family = test_matches[i].family;
		bench->service[i].protocols = test_matches[i].protocols;
		INIT_LIST_HEAD(&bench->service[i].points);
		INIT_LIST_HEAD(&bench->service[i].vips);
	}
}

int __init shunt_match_selftest(void)
{
	struct match_bench *bench = kzalloc(sizeof(*bench), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!bench)
		return -ENOMEM;
	match_bench_init(bench);
	err = shunt_match_net_init(&bench->sn) ?: shunt_filter_init(&bench->sn.vips);
	if (!err) {
		mutex_lock(&bench->sn.lock);
		err = match_checks(bench);
		mutex_unlock(&bench->sn.lock);
	}
	for (i = 0; i < ARRAY_SIZE(test_matches); i++)
		kfree(rcu_dereference_raw(bench->service[i].match));
	shunt_filter_exit(&bench->sn.vips);
	shunt_match_net_exit(&bench->sn);
	kfree(bench);
	return err;
}
