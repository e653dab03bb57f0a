/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the benchmark's module have in common. */
#ifndef SHUNT_BENCH_H
#define SHUNT_BENCH_H

#include <linux/types.h>

struct net;
struct seq_file;

/* Each takes the rest of a command's words, and returns 0 or an error. */
int bench_send(struct net *net, char *words);
int bench_idle(char *words);
int bench_hook(struct net *net, char *words);

void bench_unhook(void);
void bench_show(struct seq_file *out);

int bench_inject_init(void);
void bench_inject_exit(void);

#endif
