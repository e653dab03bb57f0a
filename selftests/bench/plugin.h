/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QEMU's interface to plugins, version 1: Debian's package comes without the
 * header. The names are QEMU's.
 */
#ifndef SHUNT_BENCH_PLUGIN_H
#define SHUNT_BENCH_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum {
	QEMU_PLUGIN_CB_NO_REGS = 0,
	QEMU_PLUGIN_INLINE_ADD_U64 = 0,
	QEMU_PLUGIN_MEM_RW = 3,
};

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *to,
					      uint64_t value);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int cpu, void *data),
					    int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*cb)(unsigned int cpu, uint32_t info,
						 uint64_t address, void *data),
				      int flags, int rw, void *data);
bool qemu_plugin_mem_is_store(uint32_t info);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

/* Ours: as many processors as "run" ever asks for, and the hash of the tables. */
enum {
	PLUGIN_CPUS = 2,
};

static inline uint64_t plugin_hash(uint64_t key, int bits)
{
	return key * 0x9e3779b97f4a7c15 >> (64 - bits);
}

#endif
