// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark's own module, for the virtual machine only: a generator of
 * packets, and the two netdev ingress hooks that it is compared with. A command
 * is a line written to /proc/shunt_bench, from within the namespace it is for:
 *
 *   send KEY=VALUE...        see inject.c
 *   idle SECONDS             do nothing, and count that
 *   hook drop|floor IN [OUT MAC]
 *   unhook
 *
 * Reading it tells how long the last batch took.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bench.h"

enum {
	COMMAND_MAX = 512,
};

/* One command at a time. */
static DEFINE_MUTEX(lock);

static int run_command(char *words)
{
	struct net *net = current->nsproxy->net_ns;
	const char *verb = strsep(&words, " ");

	if (!strcmp(verb, "send"))
		return bench_send(net, words);
	if (!strcmp(verb, "idle"))
		return bench_idle(words);
	if (!strcmp(verb, "hook"))
		return bench_hook(net, words);
	if (!strcmp(verb, "unhook")) {
		bench_unhook();
		return 0;
	}
	return -EINVAL;
}

static ssize_t on_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	char *line;
	int err;

	if (size > COMMAND_MAX)
		return -E2BIG;
	line = memdup_user_nul(from, size);
	if (IS_ERR(line))
		return PTR_ERR(line);
	mutex_lock(&lock);
	err = run_command(strim(line));
	mutex_unlock(&lock);
	kfree(line);
	return err ?: size;
}

static int show(struct seq_file *out, void *unused)
{
	mutex_lock(&lock);
	bench_show(out);
	mutex_unlock(&lock);
	return 0;
}

static int on_open(struct inode *inode, struct file *file)
{
	return single_open(file, show, NULL);
}

static const struct proc_ops proc_ops = {
	.proc_open = on_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_write = on_write,
	.proc_release = single_release,
};

static int __init bench_init(void)
{
	int err = bench_inject_init();

	if (err)
		return err;
	if (!proc_create("shunt_bench", 0600, NULL, &proc_ops)) {
		bench_inject_exit();
		return -ENOMEM;
	}
	return 0;
}

static void __exit bench_exit(void)
{
	remove_proc_entry("shunt_bench", NULL);
	bench_unhook();
	bench_inject_exit();
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("packets for shunt's benchmark");
MODULE_LICENSE("GPL");
