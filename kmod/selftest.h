/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In-kernel tests of a debug build (SHUNT_SELFTEST=y). They run when the module
 * is loaded and make that fail, with a line in the log that says what differed.
 */
#ifndef SHUNT_SELFTEST_H
#define SHUNT_SELFTEST_H

#include <linux/skbuff.h>

#ifdef SHUNT_SELFTEST

int shunt_packet_selftest(void);
int shunt_sched_selftest(void);
int shunt_filter_selftest(void);
int shunt_match_selftest(void);
int shunt_table_selftest(void);
int shunt_nat_selftest(void);
int shunt_tcp_selftest(void);
int shunt_syn_selftest(void);
int shunt_persist_selftest(void);
int shunt_fixture_selftest(void);
int shunt_offload_selftest(void);

/* May sleep. The connections' cache is there, the hooks are not. 0 or a negative errno. */
static inline int shunt_selftest(void)
{
	return shunt_packet_selftest() ?: shunt_tcp_selftest() ?: shunt_syn_selftest() ?:
	       shunt_persist_selftest() ?: shunt_sched_selftest() ?: shunt_filter_selftest() ?:
	       shunt_table_selftest() ?: shunt_match_selftest() ?: shunt_nat_selftest() ?:
	       shunt_fixture_selftest() ?:
	       shunt_offload_selftest();
}

/* Where what a mode would send goes while a test runs; else NULL. selftest/bench.c */
extern struct sk_buff_head *shunt_selftest_capture;

/*
 * Asked right before an skb is given to a device or to the stack. True: a test
 * has taken it. Called by the data path, which only tests enter meanwhile.
 */
static inline bool shunt_selftest_takes(struct sk_buff *skb)
{
	if (!shunt_selftest_capture)
		return false;
	__skb_queue_tail(shunt_selftest_capture, skb);
	return true;
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

static inline bool shunt_selftest_takes(struct sk_buff *skb)
{
	return false;
}

#endif

#endif
