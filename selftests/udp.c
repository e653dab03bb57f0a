// SPDX-License-Identifier: GPL-2.0
/*
 * The tests' UDP server and client. Small, because a guest under emulation
 * pays for every start, and exact: one datagram per new socket and no retries,
 * so that what a test counts is what the balancer saw. Each socket has a port
 * that none had before, or a datagram might go on an earlier one's connection.
 * The server answers from the address that was asked, which is what a DSR server
 * must do.
 *
 *   udp serve NAME PORT...                   answer "NAME" and the payload
 *   udp ask [OPTIONS] COUNT ADDRESS PORT     print who answered, one a line
 *     -d MS    so long a pause after each socket
 *     -k N     N datagrams from each socket (default 1)
 *     -p PORT  from this port, whoever had it before
 *     -s SIZE  payload bytes (default 16); the echo must be intact
 *     -w MS    how long to wait for an answer (default 20000)
 *     -z       send without a checksum (IPv4)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PORTS = 16, MAX_SIZE = 65507, FIRST_PORT = 20000, LAST_PORT = 59999 };

static void die(const char *what)
{
	fprintf(stderr, "udp: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int listen_on(const char *port)
{
	struct sockaddr_in6 address = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(atoi(port)),
	};
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), off = 0, on = 1;

	if (fd < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die(port);
	return fd;
}

static void answer(int fd, const char *name)
{
	static char buffer[MAX_SIZE];
	char control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	char head[64];
	struct sockaddr_in6 from;
	struct iovec iov[2] = { [1] = { buffer, sizeof(buffer) } };
	struct msghdr message = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov[1], .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t size;

	size = recvmsg(fd, &message, 0);
	if (size < 0)
		return;
	/* The control data says where it came to: send the answer from there. */
	cmsg = CMSG_FIRSTHDR(&message);
	if (cmsg && cmsg->cmsg_type == IPV6_PKTINFO)
		((struct in6_pktinfo *)CMSG_DATA(cmsg))->ipi6_ifindex = 0;
	iov[0].iov_base = head;
	iov[0].iov_len = snprintf(head, sizeof(head), "%s ", name);
	iov[1].iov_len = size;
	message.msg_iov = iov;
	message.msg_iovlen = 2;
	if (sendmsg(fd, &message, 0) < 0)
		fprintf(stderr, "udp: %s cannot answer: %s\n", name, strerror(errno));
}

static int serve(int argc, char **argv)
{
	struct pollfd fds[MAX_PORTS];
	int count = 0, i;

	for (i = 1; i < argc && count < MAX_PORTS; i++, count++)
		fds[count] = (struct pollfd){ listen_on(argv[i]), POLLIN, 0 };
	if (!count || daemon(1, 1))
		die("serve");
	while (poll(fds, count, -1) > 0)
		for (i = 0; i < count; i++)
			if (fds[i].revents)
				answer(fds[i].fd, argv[0]);
	return 1;
}

/* The next of the ports that all clients of the guest take by turns. */
static int next_port(void)
{
	static const char path[] = "/run/udp-port";
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), port = FIRST_PORT;

	if (fd < 0 || flock(fd, LOCK_EX) || pread(fd, &port, sizeof(port), 0) < 0)
		die(path);
	if (port == LAST_PORT)
		port = FIRST_PORT;
	port++;
	if (pwrite(fd, &port, sizeof(port), 0) != sizeof(port))
		die(path);
	close(fd);
	return port;
}

/* A port that is not 0; or the next, but for those that another program has. */
static void take_port(int fd, int family, int port)
{
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in ipv4 = { .sin_family = AF_INET };
	int err;

	do {
		ipv4.sin_port = htons(port ?: next_port());
		ipv6.sin6_port = ipv4.sin_port;
		err = family == AF_INET ? bind(fd, (struct sockaddr *)&ipv4, sizeof(ipv4)) :
					  bind(fd, (struct sockaddr *)&ipv6, sizeof(ipv6));
	} while (err && errno == EADDRINUSE && !port);
	if (err)
		die("bind");
}

static void ask_once(int fd, size_t size, int wait)
{
	static char sent[MAX_SIZE], got[MAX_SIZE + 64];
	struct pollfd pollfd = { fd, POLLIN, 0 };
	const char *payload;
	ssize_t length;
	size_t i;

	for (i = 0; i < size; i++)
		sent[i] = 'a' + random() % 26;
	if (send(fd, sent, size, 0) < 0) {
		puts(strerrorname_np(errno));
		return;
	}
	if (!poll(&pollfd, 1, wait)) {
		puts("timeout");
		return;
	}
	length = recv(fd, got, sizeof(got), 0);
	if (length < 0) {
		puts(strerrorname_np(errno));
		return;
	}
	payload = memchr(got, ' ', length);
	if (!payload++ || (size_t)(got + length - payload) != size ||
	    memcmp(payload, sent, size))
		puts("garbled");
	else
		printf("%.*s\n", (int)(payload - 1 - got), got);
}

static int ask(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *to;
	struct timespec gap = {};
	int option, each = 1, port = 0, wait = 20000, plain = 0, on = 1;
	size_t size = 16;

	while ((option = getopt(argc, argv, "d:k:p:s:w:z")) != -1) {
		switch (option) {
		case 'd':
			gap.tv_nsec = atoi(optarg) * 1000000L;
			break;
		case 'k':
			each = atoi(optarg);
			break;
		case 'p':
			port = atoi(optarg);
			break;
		case 's':
			size = atoi(optarg);
			break;
		case 'w':
			wait = atoi(optarg);
			break;
		case 'z':
			plain = 1;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 3 || size > MAX_SIZE ||
	    getaddrinfo(argv[optind + 1], argv[optind + 2], &hints, &to)) {
		fprintf(stderr, "udp: ask [OPTIONS] COUNT ADDRESS PORT\n");
		return 2;
	}
	for (int count = atoi(argv[optind]); count > 0; count--) {
		int fd = socket(to->ai_family, SOCK_DGRAM, 0);

		if (fd < 0)
			die("socket");
		take_port(fd, to->ai_family, port);
		if ((plain && setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on))) ||
		    connect(fd, to->ai_addr, to->ai_addrlen))
			die(argv[optind + 1]);
		for (int i = 0; i < each; i++)
			ask_once(fd, size, wait);
		close(fd);
		nanosleep(&gap, NULL);
	}
	freeaddrinfo(to);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 3 && !strcmp(argv[1], "serve"))
		return serve(argc - 2, argv + 2);
	if (argc > 4 && !strcmp(argv[1], "ask"))
		return ask(argc - 1, argv + 1);
	fprintf(stderr, "usage: udp serve NAME PORT... | udp ask COUNT ADDRESS PORT\n");
	return 2;
}
