/* SPDX-License-Identifier: GPL-2.0 */
/* What several processors touch. Its design opens shared.c. */
#ifndef SHUNT_BENCH_SHARED_H
#define SHUNT_BENCH_SHARED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

void shared_batch_begins(void);
void shared_chunk_begins(unsigned int cpu);
void shared_access(unsigned int cpu, uint64_t line, uint64_t code, bool store);
/* A chunk that is not kept leaves nothing. */
void shared_chunk_ends(unsigned int cpu, bool keep);
void shared_batch_ends(FILE *out);

#endif
