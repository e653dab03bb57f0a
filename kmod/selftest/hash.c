// SPDX-License-Identifier: GPL-2.0
/*
 * A quarter of a million tuples in even steps, as one network of clients makes
 * them, fall into 65 536 chains about as by chance, by the upper bits of their
 * hashes and by the lower. The secrets are always the same, so that this passes
 * always or never. Of 4000 others none made a chain of more than 22.
 */
#include <linux/math64.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "../hash.h"
#include "../selftest.h"

enum {
	TEST_KEYS = 2,
	TEST_BITS = 16,
	TEST_MEAN = 4,			/* tuples in a chain */
	TEST_CHAIN_MAX = 32,
};

/* The i-th tuple: addresses, and ports for each, follow each other in these steps. */
struct test_network {
	const char *what;
	u32 ports;	/* of each address, a power of two */
	u32 port_step;
	u32 addr_step;
};

static const struct test_network test_networks[] = {
	{ "hash, one port of each address", 1, 1, 1 },
	{ "hash, of each 256th address", 1, 1, 256 },
	{ "hash, 256 ports of each address", 256, 1, 1 },
	{ "hash, each third of 16384 ports", 16384, 3, 1 },
};

static u32 test_hash(const struct shunt_hash_key *key, const struct test_network *network,
		     u8 family, u32 i)
{
	u32 addr = 0x0a000000 + i / network->ports * network->addr_step;
	__be32 src[4] = { htonl(0x20010db8), 0, 0, htonl(addr) };
	__be32 dst[4] = { htonl(0x20010db8), htonl(1), 0, htonl(1) };
	u32 port = 1024 + i % network->ports * network->port_step;

	return shunt_hash(key, family, (__force u32 *)src + (family == NFPROTO_IPV4 ? 3 : 0),
			  (__force u32 *)dst, (__force u32)htonl(port << 16 | 80), IPPROTO_TCP);
}

/* Pearson's chi-square, in percent of what chance makes of it. */
static u32 test_chi_square(const u16 *count)
{
	u64 squares = 0;
	unsigned int i;

	for (i = 0; i < 1 << TEST_BITS; i++)
		squares += (count[i] - TEST_MEAN) * (count[i] - TEST_MEAN);
	return div_u64(squares * 100, TEST_MEAN << TEST_BITS);
}

static int test_spread(const struct test_network *network, const u16 *count)
{
	unsigned int i, longest = 0;

	for (i = 0; i < 1 << TEST_BITS; i++)
		longest = max_t(unsigned int, longest, count[i]);
	SHUNT_EXPECT(network->what, longest <= TEST_CHAIN_MAX);
	SHUNT_EXPECT(network->what, test_chi_square(count) <= 120);
	return 0;
}

static int test_network(const struct shunt_hash_key *key, const struct test_network *network,
			u8 family, u16 (*count)[1 << TEST_BITS])
{
	unsigned int i;
	u32 hash;

	memset(count, 0, 2 * sizeof(*count));
	for (i = 0; i < TEST_MEAN << TEST_BITS; i++) {
		hash = test_hash(key, network, family, i);
		count[0][hash >> (32 - TEST_BITS)]++;
		count[1][hash % (1 << TEST_BITS)]++;
	}
	cond_resched();
	return test_spread(network, count[0]) ?: test_spread(network, count[1]);
}

int shunt_table_selftest(void)
{
	u16 (*count)[1 << TEST_BITS] = kvcalloc(2, sizeof(*count), GFP_KERNEL);
	struct shunt_hash_key key;
	struct rnd_state state;
	unsigned int i, k;
	int err = 0;

	if (!count)
		return -ENOMEM;
	prandom_seed_state(&state, 1);
	for (k = 0; k < TEST_KEYS && !err; k++) {
		prandom_bytes_state(&state, &key, sizeof(key));
		key.factor |= 1;
		for (i = 0; i < ARRAY_SIZE(test_networks) && !err; i++)
			err = test_network(&key, &test_networks[i], NFPROTO_IPV4, count) ?:
			      test_network(&key, &test_networks[i], NFPROTO_IPV6, count);
	}
	kvfree(count);
	return err;
}
