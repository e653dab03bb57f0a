// SPDX-License-Identifier: GPL-2.0
/*
 * The cache lines that more than one processor touches in the chunks of a batch,
 * and by which code. Each processor notes what it touches in a chunk, and only
 * with the chunk's end, when no interrupt fell into it, does that count. The
 * emulator runs the processors in turns, on one thread, so nothing here is locked.
 *
 * What is written for each batch, after its head, is for each instruction that
 * touches such a line
 *
 *   shared LINE CPU load|store ADDRESS
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"
#include "shared.h"

enum {
	NOTES = 1 << 20,
	ACCESS_BITS = 20,
	ACCESSES = 1 << ACCESS_BITS,
};

struct access {
	uint64_t line;		/* 0: none */
	uint64_t code;
	uint8_t cpu;
	bool store;
};

static struct access noted[PLUGIN_CPUS][NOTES];	/* in the chunk that the processor is in */
static uint32_t notes[PLUGIN_CPUS];
static bool in_chunk[PLUGIN_CPUS];
static struct access accesses[ACCESSES];	/* by hash of the line, each once */
static uint32_t known;

static void fail(const char *why)
{
	fprintf(stderr, "plugin: %s\n", why);
	exit(1);
}

void shared_batch_begins(void)
{
	memset(accesses, 0, sizeof(accesses));
	known = 0;
}

void shared_chunk_begins(unsigned int cpu)
{
	in_chunk[cpu] = true;
	notes[cpu] = 0;
}

void shared_access(unsigned int cpu, uint64_t line, uint64_t code, bool store)
{
	if (!in_chunk[cpu])
		return;
	if (notes[cpu] == NOTES)
		fail("a chunk touches too much");
	noted[cpu][notes[cpu]++] = (struct access){ line, code, cpu, store };
}

static uint32_t first_slot(uint64_t line)
{
	return plugin_hash(line, ACCESS_BITS);
}

static uint32_t next_slot(uint32_t slot)
{
	return (slot + 1) % ACCESSES;
}

static bool is_same(const struct access *one, const struct access *other)
{
	return one->line == other->line && one->code == other->code &&
	       one->cpu == other->cpu && one->store == other->store;
}

static void keep_access(const struct access *access)
{
	uint32_t slot = first_slot(access->line);

	while (accesses[slot].line && !is_same(&accesses[slot], access))
		slot = next_slot(slot);
	if (accesses[slot].line)
		return;
	if (++known == ACCESSES / 2)
		fail("a batch touches too much");
	accesses[slot] = *access;
}

void shared_chunk_ends(unsigned int cpu, bool keep)
{
	uint32_t i;

	in_chunk[cpu] = false;
	for (i = 0; keep && i < notes[cpu]; i++)
		keep_access(&noted[cpu][i]);
}

/* Whether a processor other than that of the access touches its line. */
static bool is_shared(const struct access *access)
{
	uint32_t slot;

	for (slot = first_slot(access->line); accesses[slot].line; slot = next_slot(slot))
		if (accesses[slot].line == access->line && accesses[slot].cpu != access->cpu)
			return true;
	return false;
}

void shared_batch_ends(FILE *out)
{
	const struct access *access;

	for (access = accesses; access < accesses + ACCESSES; access++)
		if (access->line && is_shared(access))
			fprintf(out, "shared %" PRIx64 " %u %s %" PRIx64 "\n", access->line,
				access->cpu, access->store ? "store" : "load", access->code);
}
