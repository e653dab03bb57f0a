// SPDX-License-Identifier: GPL-2.0
/*
 * A filter of 10 000 addresses: it knows each of them, knows few others, and
 * ends as small and as empty as it began.
 */
enum {
	TEST_MEMBERS = 10000,
	TEST_OTHERS = 20000,
};

struct test_member {
	struct shunt_filter_member member;
	union nf_inet_addr addr;
};

/* The i-th address of two networks, which are apart. */
static union nf_inet_addr test_addr(bool v6, bool other, u32 i)
{
	union nf_inet_addr addr = {};

	if (!v6) {
		addr.ip = htonl((other ? 0x0b000000 : 0x0a000000) + i);
		return addr;
	}
	addr.in6.s6_addr32[0] = htonl(0x20010db8);
	addr.in6.s6_addr32[1] = htonl(other);
	addr.in6.s6_addr32[3] = htonl(i);
	return addr;
}

/* Asks both ways, which must agree. */
static bool test_maybe(const struct shunt_filter *filter, bool v6,
		       const union nf_inet_addr *addr, bool *agree)
{
	bool maybe, by_header;

	rcu_read_lock();
	maybe = shunt_filter_maybe(filter, addr);
	by_header = v6 ? shunt_filter_maybe_ipv6(filter, &addr->in6) :
			 shunt_filter_maybe_ipv4(filter, addr->ip);
	rcu_read_unlock();
	*agree &= maybe == by_header;
	return maybe;
}

static int test_members(struct shunt_filter *filter, struct test_member *members, bool v6)
{
	unsigned int i, known = 0, taken = 0;
	union nf_inet_addr other;
	bool agree = true;

	for (i = 0; i < TEST_MEMBERS; i++) {
		members[i].addr = test_addr(v6, false, i);
		shunt_filter_add(filter, &members[i].member, &members[i].addr);
	}
	for (i = 0; i < TEST_MEMBERS; i++)
		known += test_maybe(filter, v6, &members[i].addr, &agree);
	SHUNT_EXPECT("filter, members", known == TEST_MEMBERS);
	for (i = 0; i < TEST_OTHERS; i++) {
		other = test_addr(v6, true, i);
		taken += test_maybe(filter, v6, &other, &agree);
	}
	/* 1 / 16 at most would be in slots of members; on average 1 / 24. */
	SHUNT_EXPECT("filter, others", taken <= TEST_OTHERS / FILTER_CROWDED * 3 / 2);
	SHUNT_EXPECT("filter, by header and by union", agree);

	shunt_filter_open(filter);
	other = test_addr(v6, true, 0);
	SHUNT_EXPECT("filter, open", test_maybe(filter, v6, &other, &agree));
	shunt_filter_close(filter);

	for (i = 0; i < TEST_MEMBERS; i++) {
		shunt_filter_del(filter, &members[i].member);
		if (i == TEST_MEMBERS / 2)
			SHUNT_EXPECT("filter, half of it",
				     test_maybe(filter, v6, &members[i + 1].addr, &agree));
	}
	SHUNT_EXPECT("filter, empty", bitmap_empty(own_map(filter)->bits, FILTER_SLOTS_MIN));
	SHUNT_EXPECT("filter, small again", map_slots(own_map(filter)) == FILTER_SLOTS_MIN);
	return 0;
}

int shunt_filter_selftest(void)
{
	struct test_member *members = kvcalloc(TEST_MEMBERS, sizeof(*members), GFP_KERNEL);
	struct shunt_filter filter;
	int err;

	if (!members || shunt_filter_init(&filter)) {
		kvfree(members);
		return -ENOMEM;
	}
	err = test_members(&filter, members, false) ?: test_members(&filter, members, true);
	shunt_filter_exit(&filter);
	kvfree(members);
	return err;
}
