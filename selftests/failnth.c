// SPDX-License-Identifier: GPL-2.0
/*
 * Run a command with one allocation of the kernel failing: the Nth of those that
 * the fault injection's filters let count, in the command's first process. The
 * filters have to leave out the start of the program.
 *
 *   failnth [-n NAMESPACE] N COMMAND...
 *
 * NAMESPACE is the file of a network namespace to run it in, which is cheaper
 * than one program more. With an N of 0 nothing fails. The exit status is the
 * command's, and 99 if it succeeded with no allocation made to fail, which means
 * that N is past the last one.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAST_THE_LAST = 99, BROKEN = 100 };

static void die(const char *what)
{
	fprintf(stderr, "failnth: %s: %s\n", what, strerror(errno));
	exit(BROKEN);
}

static void enter(const char *namespace)
{
	int fd = open(namespace, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die(namespace);
	close(fd);
}

static void arm(const char *n)
{
	int fd = open("/proc/self/fail-nth", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, n, strlen(n)) < 0)
		die("fail-nth");
}

/* How many allocations were left to the one to fail, of a process that ended. */
static unsigned long left(pid_t child)
{
	char path[64], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", child);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 1)
		die(path);
	close(fd);
	return strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	siginfo_t info;
	pid_t child;

	if (argc > 2 && !strcmp(argv[1], "-n")) {
		enter(argv[2]);
		argc -= 2;
		argv += 2;
	}
	if (argc < 3) {
		fputs("usage: failnth [-n NAMESPACE] N COMMAND...\n", stderr);
		return BROKEN;
	}
	child = strcmp(argv[1], "0") ? fork() : 0;
	if (child < 0)
		die("fork");
	if (!child) {
		arm(argv[1]);
		execvp(argv[2], argv + 2);
		die(argv[2]);
	}
	/* It stays until it has been asked. */
	if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) < 0)
		die("waitid");
	if (info.si_code != CLD_EXITED)
		return 128 + info.si_status;
	if (!info.si_status && left(child))
		return PAST_THE_LAST;
	return info.si_status;
}
