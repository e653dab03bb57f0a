/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hash of tuples, with secret numbers of each namespace, since clients choose
 * tuples: NH (Black, Halevi, Krawczyk, Krovetz, Rogaway, "UMAC: Fast and Secure
 * Message Authentication", CRYPTO '99), sums of products of two words each, in 64
 * bits; of that, by a secret odd factor, the upper 32 bits (Dietzfelbinger, Hagerup,
 * Katajainen, Penttonen, "A Reliable Randomized Algorithm for the Closest-Pair
 * Problem", 1997).
 *
 * What is guaranteed: two tuples of one family that were chosen without knowledge
 * of the secret get the same 64 bits with a probability of 2^-32 at most, and,
 * if not, the same upper n bits of the hash with 2^(1-n) at most. So whoever
 * chooses tuples blindly meets chains at most twice as long as chance would make
 * them, on average over the secrets. The fold between the two is a bijection and
 * takes nothing from that; without it even steps of an address or port would stay
 * even steps, and fill chains unevenly with one secret in ten (selftest/hash.c).
 *
 * What is not: anything against somebody who learns which tuples collide, and
 * who may then work out the secret. jhash, which the kernel's tables of TCP sockets
 * and of netfilter's flows use, guarantees neither. SipHash would withstand such
 * an attacker, too. It costs 93 instructions for IPv4 in its reduced form
 * (hsiphash_3u32()) and 178 for IPv6, jhash some 35 and 90, and this 15 and 35.
 */
#ifndef SHUNT_HASH_H
#define SHUNT_HASH_H

#include <linux/netfilter.h>
#include <linux/random.h>
#include <linux/types.h>

struct shunt_hash_key {
	u64 factor;	/* odd */
	u32 word[10];
};

static inline void shunt_hash_init(struct shunt_hash_key *key)
{
	get_random_bytes(key, sizeof(*key));
	key->factor |= 1;
}

/* Of the i-th pair of words. */
static __always_inline u64 shunt_hash_pair(const struct shunt_hash_key *key, unsigned int i,
					   u32 a, u32 b)
{
	return (u64)(u32)(a + key->word[2 * i]) * (u32)(b + key->word[2 * i + 1]);
}

/* 32 bits that are equally good. Of an address in IPv4 the first word counts. */
static __always_inline u32 shunt_hash(const struct shunt_hash_key *key, u8 family,
				      const u32 *src, const u32 *dst, u32 ports, u8 protocol)
{
	u64 sum = shunt_hash_pair(key, 0, ports, protocol);

	if (family == NFPROTO_IPV4)
		sum += shunt_hash_pair(key, 1, src[0], dst[0]);
	else
		sum += shunt_hash_pair(key, 1, src[0], src[1]) +
		       shunt_hash_pair(key, 2, src[2], src[3]) +
		       shunt_hash_pair(key, 3, dst[0], dst[1]) +
		       shunt_hash_pair(key, 4, dst[2], dst[3]);
	return ((sum ^ sum >> 32) * key->factor) >> 32;
}

#endif
