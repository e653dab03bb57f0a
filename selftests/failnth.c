// SPDX-License-Identifier: GPL-2.0
/*
 * Run a command with one allocation of the kernel failing: the Nth of those made
 * in its system calls of the kinds below, which are the ones that reach the
 * module. Counting is off everywhere else, so that neither the start of the
 * program nor its page faults take part. Needs a kernel with fault injection.
 *
 *   failnth N COMMAND...
 *
 * The exit status is the command's, and 99 if it succeeded with no allocation
 * made to fail, which means that N is past the last one.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAST_THE_LAST = 99, BROKEN = 100 };
/* What PTRACE_O_TRACESYSGOOD adds to the signal of a system call. */
enum { SYSCALL_STOP = 0x80 };

static const unsigned long long reaching[] = {
	SYS_sendto, SYS_sendmsg, SYS_recvfrom, SYS_recvmsg,
	SYS_init_module, SYS_finit_module, SYS_unshare,
};

static void die(const char *what)
{
	fprintf(stderr, "failnth: %s: %s\n", what, strerror(errno));
	exit(BROKEN);
}

/* How many allocations are left to the one that fails; 0 when it has failed. */
static unsigned int get(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) < 1)
		die("reading fail-nth");
	return strtoul(text, NULL, 10);
}

static void set(int fd, unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	if (pwrite(fd, text, strlen(text), 0) < 0)
		die("writing fail-nth");
}

static int reaches(pid_t child)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) < 0)
		die("ptrace");
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return 0;
	for (unsigned int i = 0; i < sizeof(reaching) / sizeof(*reaching); i++) {
		if (info.entry.nr == reaching[i])
			return 1;
	}
	return 0;
}

static pid_t start(char **command)
{
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (child)
		return child;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		die("ptrace");
	raise(SIGSTOP);
	execvp(*command, command);
	die(*command);
	return -1;
}

static int open_fail_nth(pid_t child)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", child);
	fd = open(path, O_RDWR);
	if (fd < 0)
		die(path);
	return fd;
}

/* Whether allocations count until the next stop, to which it is the way. */
static int arm(pid_t child, int fd, unsigned int left)
{
	if (!left || !reaches(child))
		return 0;
	set(fd, left);
	return 1;
}

/* Follow the child to its end; returns what is left of n then. */
static unsigned int follow(pid_t child, unsigned int n, int *status)
{
	int fd = open_fail_nth(child), armed = 0, signal = 0;

	while (ptrace(PTRACE_SYSCALL, child, NULL, signal) == 0) {
		if (waitpid(child, status, 0) < 0)
			die("waitpid");
		if (WIFEXITED(*status) || WIFSIGNALED(*status))
			break;
		if (armed) {
			n = get(fd);
			set(fd, 0);
			armed = 0;
		}
		signal = 0;
		if (WSTOPSIG(*status) == (SIGTRAP | SYSCALL_STOP))
			armed = arm(child, fd, n);
		else if (WSTOPSIG(*status) != SIGTRAP)
			signal = WSTOPSIG(*status);
	}
	close(fd);
	return n;
}

int main(int argc, char **argv)
{
	unsigned int n = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	int status;
	pid_t child;

	if (!n) {
		fputs("usage: failnth N COMMAND...\n", stderr);
		return BROKEN;
	}
	child = start(argv + 2);
	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	if (ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0)
		die("ptrace");
	n = follow(child, n, &status);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	if (!WEXITSTATUS(status) && n)
		return PAST_THE_LAST;
	return WEXITSTATUS(status);
}
