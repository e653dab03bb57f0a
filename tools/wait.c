// SPDX-License-Identifier: GPL-2.0
/*
 * Waits until a server has drained: listens first and looks then, so that the end
 * is seen whenever it comes.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/shunt.h>

#include "cli.h"
#include "print.h"
#include "server.h"

/* What is waited for, as the words said. */
static struct endpoint awaited;
static const char *awaited_word;
static uint32_t patience;	/* seconds, 0: all there is */

/* What was heard of it. */
struct heard {
	const char *service;
	bool news;		/* something, so that it is to be looked at */
	bool drained;
	bool lost;		/* and what may have been missed, ever */
};

void put_awaited(struct request *req, const struct arg *arg, const char *word)
{
	const char *port;
	uint32_t number = 0;

	(void)req;
	(void)arg;
	if (!parse_address(word, &awaited, &port) || (port && !*port))
		usage_error("%s is not an address; expected one such as 192.0.2.1, 192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80",
			    quote(word));
	if (port && !parse_number(port, 1, UINT16_MAX, &number))
		usage_error("%s is not a port; expected a number from 1 to %d",
			    quote(port), UINT16_MAX);
	awaited.port = (uint16_t)number;
	awaited_word = word;
}

void put_patience(struct request *req, const struct arg *arg, const char *word)
{
	(void)req;
	(void)arg;
	if (!parse_seconds(word, 1, SHUNT_DRAIN_MAX, &patience))
		usage_error("%s is not a timeout; expected a number of seconds from 1 to %d, such as 60 or 60s, or of minutes, hours or days, such as 15m, 2h or 1d",
			    quote(word), SHUNT_DRAIN_MAX);
}

static bool is_awaited(const struct endpoint *ep)
{
	return ep->family == awaited.family &&
	       !memcmp(ep->address, awaited.address, address_size(ep)) &&
	       (!awaited.port || ep->port == awaited.port);
}

static void on_event(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[SHUNT_A_EVENT_MAX + 1] = {};
	const struct nlattr *servers[SHUNT_A_SERVER_MAX + 1] = {};
	struct heard *heard = data;
	struct server server;

	nl_attrs(nlh, attrs, SHUNT_A_EVENT_MAX);
	if (!attrs[SHUNT_A_EVENT_SERVER]) {
		/* A service, or all of them, may be no more. */
		heard->news = true;
		return;
	}
	nl_nested(attrs[SHUNT_A_EVENT_SERVER], servers, SHUNT_A_SERVER_MAX);
	server_read(servers, &server);
	if (strcmp(server.service, heard->service) || !is_awaited(&server.ep))
		return;
	heard->news = true;
	if (nl_number(attrs[SHUNT_A_EVENT_EVENT]) == SHUNT_EVENT_SERVER_DRAINED)
		heard->drained = true;
}

/* The server, or NULL if there is none; the list is to be freed then. */
static const struct server *find(const struct server_list *list)
{
	const struct server *found = NULL;

	for (size_t i = 0; i < list->count; i++) {
		if (!is_awaited(&list->servers[i].ep))
			continue;
		if (found)
			usage_error("%s has several ports in this service; expected one of them, too",
				    quote(awaited_word));
		found = &list->servers[i];
	}
	return found;
}

/* Returns without waiting. */
static void hear(struct heard *heard)
{
	switch (nl_hear(on_event, heard)) {
	case NL_HEARD_ALL:
		break;
	case NL_HEARD_LOSS:
		heard->news = true;
		heard->lost = true;
		break;
	case NL_HEARD_END:
		die("the kernel module was unloaded");
	}
}

/* Whether a server that is there has drained; dies if it never will. */
static bool is_drained(const struct server *server)
{
	/* Nobody tells of the last connection of one that is down. */
	if (server->state == SHUNT_SERVER_STATE_DOWN &&
	    !server->stats.connections)
		return true;
	if (server->state != SHUNT_SERVER_STATE_DRAIN)
		die("%s does not drain; see 'shunt server drain'",
		    quote(awaited_word));
	return server->drained;
}

/* The same, of one that may be there no more, or never was. */
static bool is_over(const struct server *server, const struct heard *heard)
{
	/* Once it was seen: whether its drain may end with its removal. */
	static bool seen, goes;

	if (heard->drained)
		return true;
	if (server) {
		seen = true;
		goes = server->drain_then == SHUNT_DRAIN_THEN_REMOVE;
		return is_drained(server);
	}
	if (!seen)
		warn("%s: the service has no such server, or no more; there is nothing to wait for",
		     quote(awaited_word));
	else if (!goes || !heard->lost)
		die("%s was removed before it had drained",
		    quote(awaited_word));
	return true;
}

/* What has become of it by the time that it is listed is then there to be heard. */
static bool look(struct request *req, struct heard *heard)
{
	struct server_list list = {};
	const struct server *server;
	bool over;

	heard->news = false;
	server_list_read(req, &list);
	server = find(&list);
	hear(heard);
	over = is_over(server, heard);
	free(list.servers);
	return over;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for something to be heard. */
static void wait_for_news(int fd, int64_t end, struct heard *heard)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	int64_t left;

	do {
		left = end - now_ms();
		if (patience && left <= 0)
			die("%s has not drained in %" PRIu32 " s",
			    quote(awaited_word), patience);
		if (heard->news)
			break;
		if (poll(&poller, 1, !patience ? -1 : left > INT32_MAX ?
			 INT32_MAX : (int)left) < 0 && errno != EINTR)
			die("cannot wait for events: %s", strerror(errno));
		hear(heard);
	} while (!heard->news);
}

void wait_run(struct request *req)
{
	int64_t end = now_ms() + (int64_t)patience * 1000;
	struct heard heard = { .service = req->subject };
	int fd = nl_listen();

	while (!heard.drained && !look(req, &heard))
		wait_for_news(fd, end, &heard);
}
