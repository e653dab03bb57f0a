/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In-kernel tests of a debug build (SHUNT_SELFTEST=y). They run when the module
 * is loaded and make that fail, with a line in the log that says what differed.
 */
#ifndef SHUNT_SELFTEST_H
#define SHUNT_SELFTEST_H

#ifdef SHUNT_SELFTEST

int shunt_packet_selftest(void);
int shunt_sched_selftest(void);
int shunt_nat_selftest(void);
int shunt_tcp_selftest(void);

/* May sleep. 0 or -EINVAL. */
static inline int shunt_selftest(void)
{
	return shunt_packet_selftest() ?: shunt_tcp_selftest() ?:
	       shunt_sched_selftest() ?: shunt_nat_selftest();
}

/* In a test function: a condition that must hold. */
#define SHUNT_EXPECT(what, condition)						\
	do {									\
		if (!(condition)) {						\
			pr_err("shunt: selftest: %s: expected %s\n", what, #condition); \
			return -EINVAL;						\
		}								\
	} while (0)

#else

static inline int shunt_selftest(void)
{
	return 0;
}

#endif

#endif
