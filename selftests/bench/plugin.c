// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin of QEMU that counts the kernel's instructions in the batches of
 * kmod/inject.c, by function, and the cache lines it touches. The injector says
 * where a batch and the chunks in it begin and end by executing no-operations
 * that nobody else executes. A chunk that an interrupt fell into is left out.
 *
 * One counter stands for each block of code that was ever translated, by the
 * address of its first instruction; what belongs to which function is for
 * "report" to find out. The file written has for each batch
 *
 *   batch CHUNKS KEPT COUNTED ALL LINES DIRTIED
 *   ADDRESS INSTRUCTIONS
 *   ...
 *
 * COUNTED are the instructions in the chunks kept, and the blocks are theirs,
 * ALL those from the beginning of the batch to its end, interrupts, idling and
 * all. Where a batch has no chunks, the blocks are of it all.
 *
 * Options: out=FILE, and, to look at every access to memory, which takes five
 * times as long, lines=on to count cache lines, or shared=on to tell what two
 * processors touch: see shared.c. What is counted is then of both together.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"
#include "shared.h"

/* The injector's marks, by their number. */
enum {
	BATCH_BEGINS = 1,
	BATCH_ENDS,
	CHUNK_BEGINS,
	CHUNK_ENDS,
};

enum {
	BLOCK_BITS = 20,
	BLOCKS = 1 << BLOCK_BITS,
	LINE_BITS = 24,
	LINES = 1 << LINE_BITS,
	LINE_SHIFT = 6,
};

EXPORT int qemu_plugin_version = 1;

/* Of each block: its address, and its counter now, at the marks and in sum. */
static uint64_t address[BLOCKS];
static uint64_t now[BLOCKS];
static uint64_t at_chunk[BLOCKS];
static uint64_t at_batch[BLOCKS];
static uint64_t counted[BLOCKS];
static uint32_t block_of[2 * BLOCKS];	/* by hash, the block's number plus 1 */
static uint32_t blocks;

static bool in_batch;
static bool interrupted[PLUGIN_CPUS];
static uint64_t chunks;
static uint64_t kept;

static bool tell_shared;
static bool count_lines;
static uint64_t line_of[LINES];		/* by hash */
static bool is_dirty[LINES];
static uint64_t lines;
static uint64_t dirtied;

static FILE *out;

static bool is_kernel(uint64_t where)
{
	return where >> 63;
}

static uint32_t block_at(uint64_t where)
{
	uint64_t slot = plugin_hash(where, BLOCK_BITS + 1);

	while (block_of[slot] && address[block_of[slot] - 1] != where)
		slot = (slot + 1) % (2 * BLOCKS);
	if (!block_of[slot]) {
		if (blocks == BLOCKS) {
			fputs("plugin: too much code\n", stderr);
			exit(1);
		}
		address[blocks] = where;
		block_of[slot] = ++blocks;
	}
	return block_of[slot] - 1;
}

static void batch_begins(void)
{
	in_batch = true;
	chunks = 0;
	kept = 0;
	memcpy(at_batch, now, blocks * sizeof(*now));
	memset(counted, 0, sizeof(counted));
	lines = 0;
	dirtied = 0;
	if (count_lines) {
		memset(line_of, 0, sizeof(line_of));
		memset(is_dirty, 0, sizeof(is_dirty));
	}
	if (tell_shared)
		shared_batch_begins();
}

static void chunk_begins(unsigned int cpu)
{
	interrupted[cpu] = false;
	if (tell_shared)
		shared_chunk_begins(cpu);
	memcpy(at_chunk, now, blocks * sizeof(*now));
}

static void chunk_ends(unsigned int cpu)
{
	uint32_t i;

	if (tell_shared)
		shared_chunk_ends(cpu, !interrupted[cpu]);
	chunks++;
	if (interrupted[cpu])
		return;
	kept++;
	for (i = 0; i < blocks; i++)
		counted[i] += now[i] - at_chunk[i];
}

static void batch_ends(void)
{
	uint64_t total = 0, all = 0, n;
	uint32_t i;

	in_batch = false;
	for (i = 0; i < blocks; i++) {
		total += counted[i];
		all += now[i] - at_batch[i];
	}
	fprintf(out, "batch %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		"\n", chunks, kept, total, all, lines, dirtied);
	for (i = 0; i < blocks; i++) {
		n = chunks ? counted[i] : now[i] - at_batch[i];
		if (n)
			fprintf(out, "%" PRIx64 " %" PRIu64 "\n", address[i], n);
	}
	if (tell_shared)
		shared_batch_ends(out);
	fflush(out);
}

static void on_mark(unsigned int cpu, void *data)
{
	switch ((uintptr_t)data) {
	case BATCH_BEGINS:
		batch_begins();
		break;
	case BATCH_ENDS:
		batch_ends();
		break;
	case CHUNK_BEGINS:
		chunk_begins(cpu);
		break;
	case CHUNK_ENDS:
		chunk_ends(cpu);
		break;
	}
}

static void on_return(unsigned int cpu, void *data)
{
	(void)data;
	interrupted[cpu] = true;
}

static void count_line(uint64_t line, bool store)
{
	uint64_t slot;

	slot = plugin_hash(line, LINE_BITS);
	while (line_of[slot] && line_of[slot] != line)
		slot = (slot + 1) % LINES;
	if (!line_of[slot]) {
		line_of[slot] = line;
		lines++;
	}
	if (!is_dirty[slot] && store) {
		is_dirty[slot] = true;
		dirtied++;
	}
}

static void on_access(unsigned int cpu, uint32_t info, uint64_t where, void *code)
{
	bool store = qemu_plugin_mem_is_store(info);

	if (!in_batch || !is_kernel(where))
		return;
	if (count_lines)
		count_line(where >> LINE_SHIFT, store);
	else
		shared_access(cpu, where >> LINE_SHIFT, (uintptr_t)code, store);
}

/* The number of a mark, nopl 0x5a5aNNNN(%rax,%rax,1), or 0. */
static unsigned int mark_of(const struct qemu_plugin_insn *insn)
{
	static const uint8_t head[] = { 0x0f, 0x1f, 0x84, 0x00 }, tail[] = { 0x5a, 0x5a };
	const uint8_t *code = qemu_plugin_insn_data(insn);

	if (qemu_plugin_insn_size(insn) != 8 || memcmp(code, head, sizeof(head)) ||
	    memcmp(code + 6, tail, sizeof(tail)))
		return 0;
	return code[4] | code[5] << 8;
}

/* iretq, by which an interrupt ends. */
static bool returns(const struct qemu_plugin_insn *insn)
{
	static const uint8_t iretq[] = { 0x48, 0xcf };

	return qemu_plugin_insn_size(insn) == sizeof(iretq) &&
	       !memcmp(qemu_plugin_insn_data(insn), iretq, sizeof(iretq));
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb), i;
	struct qemu_plugin_insn *insn;
	uintptr_t mark;

	(void)id;
	if (!is_kernel(qemu_plugin_tb_vaddr(tb)))
		return;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
						 &now[block_at(qemu_plugin_tb_vaddr(tb))], count);
	for (i = 0; i < count; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		mark = mark_of(insn);
		if (mark)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark,
							       QEMU_PLUGIN_CB_NO_REGS,
							       (void *)mark);
		else if (returns(insn))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_return,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
		if (count_lines || tell_shared)
			qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_RW,
							 (void *)qemu_plugin_insn_vaddr(insn));
	}
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	const char *path = NULL;
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) {
			path = argv[i] + 4;
		} else if (!strcmp(argv[i], "lines=on")) {
			count_lines = true;
		} else if (!strcmp(argv[i], "shared=on")) {
			tell_shared = true;
		} else {
			fprintf(stderr, "plugin: unknown option %s\n", argv[i]);
			return -1;
		}
	}
	out = path ? fopen(path, "w") : NULL;
	if (!out) {
		fputs("plugin: out=FILE is missing, or cannot be written\n", stderr);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
