// SPDX-License-Identifier: GPL-2.0
/* Whom clients are given: entries, notes, what ends them, groups, and the limit. */
#include "../selftest.h"

struct persist_bench {
	struct shunt_net sn;
	/* Two services, of which the second has its servers in another order. */
	struct shunt_service service[2];
	struct shunt_server server[2][3];
	struct shunt_pool *pool[2];
	struct shunt_persist persist;
};

static union nf_inet_addr __init client_addr(u32 number)
{
	return (union nf_inet_addr){ .ip = htonl(0xc0000200 + number) };
}

/* The server that a client is given again by a service: its number, or -1. */
static int __init given(struct persist_bench *bench, unsigned int service, u32 number)
{
	const union nf_inet_addr addr = client_addr(number);
	struct shunt_persist_client client = shunt_persist_client(&bench->persist, &addr);
	const struct shunt_server *server;

	rcu_read_lock();
	server = shunt_persist_find(&bench->persist, &bench->service[service], &client);
	rcu_read_unlock();
	return server ? server - bench->server[service] : -1;
}

static void __init noted(struct persist_bench *bench, u32 number, unsigned int server)
{
	const union nf_inet_addr addr = client_addr(number);
	struct shunt_persist_client client = shunt_persist_client(&bench->persist, &addr);

	shunt_persist_note(&bench->persist, &bench->server[0][server], &client);
}

static void __init kept(struct persist_bench *bench, u32 number, unsigned int server)
{
	const union nf_inet_addr addr = client_addr(number);

	shunt_persist_keep(&bench->persist, &bench->service[0], &bench->server[0][server], &addr);
}

static struct shunt_persist_entry *__init entry_of(struct persist_bench *bench, u32 number)
{
	const union nf_inet_addr addr = client_addr(number);
	struct shunt_persist_client client = shunt_persist_client(&bench->persist, &addr);

	return entry_find(&bench->persist, &client.key);
}

/* The server that a client's address chooses in either service, by address. */
static u32 __init by_address(struct persist_bench *bench, unsigned int service, u32 number)
{
	struct shunt_packet pkt = { .tuple.family = NFPROTO_IPV4, .tuple.sport = htons(number) };
	struct shunt_persist_client client;
	struct shunt_server *server;

	pkt.tuple.src = client_addr(number);
	client = shunt_persist_client(&bench->persist, &pkt.tuple.src);
	server = shunt_persist_row(&bench->persist, &bench->service[service], &pkt, &client);
	return server ? ntohl(server->addr.ip) : 0;
}

static int __init persist_entries(struct persist_bench *bench)
{
	struct shunt_persist_entry *entry;

	SHUNT_EXPECT("nobody is known", given(bench, 0, 1) == -1);
	noted(bench, 1, 2);
	SHUNT_EXPECT("a note", given(bench, 0, 1) == 2);
	SHUNT_EXPECT("is no entry", !entry_of(bench, 1));
	kept(bench, 1, 1);
	SHUNT_EXPECT("an entry comes before it", given(bench, 0, 1) == 1);
	entry = entry_of(bench, 1);
	SHUNT_EXPECT("and ends it", entry && atomic_read(&bench->persist.persists->count) == 1);
	kept(bench, 1, 2);
	SHUNT_EXPECT("it stays with a server that can be given", given(bench, 0, 1) == 1);
	entry->seen -= 10 * HZ;
	kept(bench, 1, 2);
	SHUNT_EXPECT("but is of this moment", shunt_persist_left(entry) > 51 * HZ);
	entry->seen -= 55 * HZ;
	SHUNT_EXPECT("it lasts", given(bench, 0, 1) == 1);
	entry->seen -= 5 * HZ + 2;
	SHUNT_EXPECT("it expires", given(bench, 0, 1) == -1);
	kept(bench, 1, 2);
	SHUNT_EXPECT("another takes the place", given(bench, 0, 1) == 2);

	bench->server[0][2].unreachable = true;
	SHUNT_EXPECT("unreachable", given(bench, 0, 1) == -1);
	kept(bench, 1, 0);
	SHUNT_EXPECT("then another", given(bench, 0, 1) == 0);
	bench->server[0][2].unreachable = false;
	bench->pool[0]->count = 0;
	SHUNT_EXPECT("no weight", given(bench, 0, 1) == -1);
	bench->pool[0]->count = 3;
	bench->server[0][0].id = 99;
	SHUNT_EXPECT("not the service's any more", given(bench, 0, 1) == -1);
	bench->server[0][0].id = 1;
	bench->server[0][1].removed = true;
	kept(bench, 4, 1);
	bench->server[0][1].removed = false;
	SHUNT_EXPECT("removed during the handshake", given(bench, 0, 4) == -1);
	swap(bench->pool[0]->slot[0], bench->pool[0]->slot[1]);
	SHUNT_EXPECT("another place", given(bench, 0, 1) == 0 && entry_of(bench, 1)->index == 1);
	swap(bench->pool[0]->slot[0], bench->pool[0]->slot[1]);
	return 0;
}

/* The third server is a backup. */
static int __init persist_backups(struct persist_bench *bench)
{
	struct shunt_pool backup = *bench->pool[0];

	backup.slot += 2;
	backup.count = 1;
	backup.total = 1;
	bench->pool[0]->count = 2;
	bench->pool[0]->backup = &backup;
	kept(bench, 5, 2);
	SHUNT_EXPECT("a backup, not its turn", given(bench, 0, 5) == -1);
	bench->server[0][0].unreachable = true;
	SHUNT_EXPECT("still not", given(bench, 0, 5) == -1);
	bench->server[0][1].unreachable = true;
	SHUNT_EXPECT("its turn", given(bench, 0, 5) == 2);
	SHUNT_EXPECT("by address, too", by_address(bench, 0, 6) == 0x0a000003);
	bench->server[0][0].unreachable = false;
	bench->server[0][1].unreachable = false;
	bench->pool[0]->backup = NULL;
	bench->pool[0]->count = 3;
	return 0;
}

static int __init persist_limits(struct persist_bench *bench)
{
	u64 counts[SHUNT_COUNTS] = {};

	bench->sn.persist_limit = 1;
	SHUNT_EXPECT("full", shunt_persist_full(&bench->persist));
	kept(bench, 2, 1);
	SHUNT_EXPECT("no entry beyond", given(bench, 0, 2) == -1);
	kept(bench, 1, 0);
	SHUNT_EXPECT("those there stay", given(bench, 0, 1) == 0);
	shunt_drops_add(bench->sn.drops, counts);
	SHUNT_EXPECT("it is counted", counts[SHUNT_COUNT_PERSIST_BEYOND] == 1);
	bench->sn.persist_limit = 1000;
	SHUNT_EXPECT("not full", !shunt_persist_full(&bench->persist));
	return 0;
}

static int __init persist_groups(struct persist_bench *bench)
{
	unsigned int i, met = 0;

	bench->persist.scope = 7;
	bench->persist.grouped = true;
	SHUNT_EXPECT("another scope", given(bench, 0, 1) == -1);
	kept(bench, 1, 0);
	SHUNT_EXPECT("by address", given(bench, 0, 1) == 0 && given(bench, 1, 1) == 2);
	noted(bench, 3, 1);
	SHUNT_EXPECT("by note", given(bench, 0, 3) == 1 && given(bench, 1, 3) == 1);
	bench->persist.mask.ip = htonl(0xfffffff0);
	kept(bench, 20, 1);
	SHUNT_EXPECT("by prefix", given(bench, 0, 31) == 1 && given(bench, 0, 32) == -1);
	/* The servers of the second service are those of the first, in its order. */
	swap(bench->pool[1]->slot[0].server, bench->pool[1]->slot[2].server);
	/* So many prefixes that a server is without any less than once in 10^20 loads. */
	for (i = 16; i < 2048; i++) {
		u32 server = by_address(bench, 0, i);

		SHUNT_EXPECT("one server by address", server == by_address(bench, 1, i));
		SHUNT_EXPECT("of all of a prefix", server == by_address(bench, 0, i & ~15));
		met |= 1 << (server - 0x0a000001);
	}
	SHUNT_EXPECT("each has some", met == 7);
	return 0;
}

static bool __init is_any(const struct shunt_persist_entry *entry, const void *arg)
{
	return true;
}

static int __init persist_deletes(struct persist_bench *bench)
{
	noted(bench, 40, 1);
	SHUNT_EXPECT("a note there", given(bench, 0, 40) == 1);
	SHUNT_EXPECT("four entries", shunt_persist_delete(&bench->sn, is_any, NULL) == 4);
	SHUNT_EXPECT("gone", !atomic_read(&bench->persist.persists->count));
	SHUNT_EXPECT("and the note", given(bench, 0, 40) == -1);
	noted(bench, 40, 1);
	SHUNT_EXPECT("noted again", given(bench, 0, 40) == 1);
	SHUNT_EXPECT("no entry", !shunt_persist_delete(&bench->sn, is_any, NULL));
	SHUNT_EXPECT("the note alone", given(bench, 0, 40) == -1);
	return 0;
}

static int __init note_checks(struct shunt_notes *notes)
{
	struct shunt_note note = { .mark = 5, .index = 6 };
	unsigned int lost = 0;
	u64 hash;

	for (hash = 1; hash <= 4; hash++)
		shunt_note_write(notes, hash, note);
	SHUNT_EXPECT("a set of notes holds four", shunt_note_find(notes, 1).mark == 5);
	note.mark = 8;
	shunt_note_write(notes, 5, note);
	SHUNT_EXPECT("and one more", shunt_note_find(notes, 5).mark == 8);
	for (hash = 1; hash <= 4; hash++)
		lost += !shunt_note_find(notes, hash).mark;
	SHUNT_EXPECT("for another", lost == 1);
	shunt_note_forget(notes, 5);
	SHUNT_EXPECT("a note is forgotten", !shunt_note_find(notes, 5).mark);
	return 0;
}

static int __init persist_notes(void)
{
	struct shunt_notes *notes = shunt_notes_alloc();
	int err = notes ? note_checks(notes) : -ENOMEM;

	shunt_notes_free(notes);
	return err;
}

static void __init persist_fill(struct persist_bench *bench)
{
	unsigned int i, j;

	for (i = 0; i < 2; i++) {
		for (j = 0; j < 3; j++) {
			struct shunt_server *server = &bench->server[i][j];
			unsigned int number = i ? 3 - j : 1 + j;

			server->service = &bench->service[i];
			server->id = 3 * i + j + 1;
			server->addr.ip = htonl(0x0a000000 + number);
			server->host = 100 + number;
			server->index = j;
			bench->pool[i]->slot[j].server = server;
			bench->pool[i]->slot[j].end = j + 1;
		}
		bench->pool[i]->sched = &shunt_sched_rr;
		bench->pool[i]->count = 3;
		rcu_assign_pointer(bench->service[i].pool, bench->pool[i]);
	}
	bench->persist.mask.ip = htonl(~0U);
	bench->persist.scope = 1;
	bench->persist.seconds = 60;
	bench->sn.persist_limit = 1000;
}

static int __init persist_run(struct persist_bench *bench)
{
	int err = -ENOMEM;

	mutex_init(&bench->sn.lock);
	mutex_lock(&bench->sn.lock);
	bench->persist.persists = shunt_persist_start(&bench->sn);
	if (bench->persist.persists) {
		persist_fill(bench);
		rcu_read_lock();
		local_bh_disable();
		err = persist_entries(bench) ?: persist_backups(bench) ?: persist_limits(bench) ?:
		      persist_groups(bench);
		local_bh_enable();
		rcu_read_unlock();
		err = err ?: persist_deletes(bench);
	}
	mutex_unlock(&bench->sn.lock);
	shunt_persist_net_exit(&bench->sn);
	return err;
}

int __init shunt_persist_selftest(void)
{
	struct persist_bench *bench = kzalloc(sizeof(*bench), GFP_KERNEL);
	int err = -ENOMEM;
	unsigned int i;

	if (!bench)
		return err;
	bench->sn.drops = shunt_drops_alloc();
	for (i = 0; i < 2; i++) {
		struct shunt_pool *pool;

		pool = kzalloc(sizeof(*pool) + 3 * sizeof(*pool->slot), GFP_KERNEL);
		if (pool) {
			pool->slot = (void *)(pool + 1);
			pool->total = 3;
		}
		bench->pool[i] = pool;
	}
	if (bench->sn.drops && bench->pool[0] && bench->pool[1])
		err = persist_notes() ?: persist_run(bench);
	kfree(bench->pool[0]);
	kfree(bench->pool[1]);
	free_percpu(bench->sn.drops);
	kfree(bench);
	return err;
}
