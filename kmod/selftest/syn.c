// SPDX-License-Identifier: GPL-2.0
/* A set of SYNs that wait: what it knows, what it forgets and when it tells. */
#include "../selftest.h"

struct syn_bench {
	struct shunt_net sn;
	struct shunt_service service;
	struct shunt_server server[2];
};

static struct shunt_packet __init syn_of(struct syn_bench *bench, u32 hash, u32 seq)
{
	return (struct shunt_packet){
		.sn = &bench->sn,
		.hash = hash,
		.seq = seq,
		.tcp_flags = SHUNT_TCP_SYN,
	};
}

/* The server that a SYN, or what follows it, finds: 0, 1 or -1 for none. */
static int __init syn_finds(struct syn_bench *bench, u32 hash, u32 seq, u8 flags)
{
	struct shunt_packet pkt = syn_of(bench, hash, seq);
	const struct shunt_server *server;

	pkt.tcp_flags = flags;
	server = shunt_syn_find(&pkt, &bench->service).server;
	return server ? server - bench->server : -1;
}

/* A SYN comes, and this server is chosen for it. */
static void __init syn_comes(struct syn_bench *bench, u32 hash, u32 seq, unsigned int server)
{
	struct shunt_packet pkt = syn_of(bench, hash, seq);

	shunt_syn_note(&pkt, &bench->server[server], shunt_syn_find(&pkt, &bench->service));
}

static u64 __init syn_forgotten(struct syn_bench *bench)
{
	u64 counts[SHUNT_COUNTS] = {};

	shunt_drops_add(bench->sn.drops, counts);
	return counts[SHUNT_COUNT_SYN_FORGOTTEN];
}

static int __init syn_checks(struct syn_bench *bench)
{
	struct shunt_packet pkt;
	struct shunt_syn syn;
	unsigned int i, many;

	syn_comes(bench, 1, 1000, 1);
	SHUNT_EXPECT("the SYN again", syn_finds(bench, 1, 1000, SHUNT_TCP_SYN) == 1);
	SHUNT_EXPECT("its ACK", syn_finds(bench, 1, 1001, SHUNT_TCP_ACK) == 1);
	SHUNT_EXPECT("another SYN", syn_finds(bench, 1, 1001, SHUNT_TCP_SYN) == -1);
	SHUNT_EXPECT("a far ACK", syn_finds(bench, 1, 1 << 24, SHUNT_TCP_ACK) == -1);
	SHUNT_EXPECT("another tuple", syn_finds(bench, 2, 1001, SHUNT_TCP_ACK) == -1);
	syn_comes(bench, 1, 1000, 0);
	SHUNT_EXPECT("scheduled anew", syn_finds(bench, 1, 1001, SHUNT_TCP_ACK) == 0);
	bench->service.timeouts[SHUNT_CONN_STATE_SYN] = 0;
	bench->sn.syns->set[0].slot[0].check ^= 1ULL << 48;
	bench->sn.syns->set[0].slot[0].data ^= 1ULL << 48;
	SHUNT_EXPECT("too late", syn_finds(bench, 1, 1001, SHUNT_TCP_ACK) == -1);
	bench->service.timeouts[SHUNT_CONN_STATE_SYN] = 60;
	bench->sn.syns->set[0].slot[0].data ^= 1ULL << 63;
	SHUNT_EXPECT("half written", syn_finds(bench, 1, 1001, SHUNT_TCP_ACK) == -1);

	SHUNT_EXPECT("no pressure yet",
		     !shunt_pressed(&bench->sn, &bench->service, SHUNT_PRESSED_LATELY));
	for (i = 1; i <= SHUNT_SYN_WAYS; i++)
		syn_comes(bench, i, 1000, 0);
	SHUNT_EXPECT("a set holds four", !syn_forgotten(bench));
	syn_comes(bench, i, 1000, 0);
	SHUNT_EXPECT("a fifth takes a place", syn_finds(bench, i, 1000, SHUNT_TCP_SYN) == 0);
	SHUNT_EXPECT("that is counted", syn_forgotten(bench) == 1);
	SHUNT_EXPECT("but may be chance",
		     !shunt_pressed(&bench->sn, &bench->service, SHUNT_PRESSED));
	/* Of twice as many, one second or the next has enough. */
	many = 2U << (32 - bench->sn.syns->shift - SYN_LOST_SHIFT);
	for (i++; i <= SHUNT_SYN_WAYS + 3 + many; i++)
		syn_comes(bench, i, 1000, 0);
	SHUNT_EXPECT("many are pressure",
		     shunt_pressed(&bench->sn, &bench->service, SHUNT_PRESSED));
	i--;
	pkt = syn_of(bench, i, 1000);
	syn = shunt_syn_find(&pkt, &bench->service);
	shunt_syn_forget(&pkt, syn);
	SHUNT_EXPECT("forgotten", syn_finds(bench, i, 1000, SHUNT_TCP_SYN) == -1);
	syn_comes(bench, 1 + i, 1000, 1);
	shunt_syn_forget(&pkt, syn);
	SHUNT_EXPECT("another's is not", syn_finds(bench, 1 + i, 1000, SHUNT_TCP_SYN) == 1);
	return 0;
}

static int __init syn_run(struct syn_bench *bench, struct shunt_pool *pool)
{
	int err;

	pool->slot = (void *)(pool + 1);
	pool->total = 2;
	pool->slot[0].server = &bench->server[0];
	pool->slot[1].server = &bench->server[1];
	/* The second is not where it was when the SYN came. */
	bench->server[0].id = 7;
	bench->server[1].id = 8;
	bench->service.timeouts[SHUNT_CONN_STATE_SYN] = 60;
	rcu_assign_pointer(bench->service.pool, pool);
	rcu_read_lock();
	local_bh_disable();
	err = syn_checks(bench);
	local_bh_enable();
	rcu_read_unlock();
	return err;
}

int __init shunt_syn_selftest(void)
{
	struct syn_bench *bench = kzalloc(sizeof(*bench), GFP_KERNEL);
	struct shunt_pool *pool = kzalloc(sizeof(*pool) + 2 * sizeof(*pool->slot), GFP_KERNEL);
	int err = -ENOMEM;

	if (bench && pool) {
		bench->sn.syns = shunt_syns_alloc();
		bench->sn.drops = shunt_drops_alloc();
		if (bench->sn.syns && bench->sn.drops)
			err = syn_run(bench, pool);
		shunt_syns_free(bench->sn.syns);
		free_percpu(bench->sn.drops);
	}
	kfree(pool);
	kfree(bench);
	return err;
}
