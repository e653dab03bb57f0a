// SPDX-License-Identifier: GPL-2.0
/*
 * Prints events as they come, each at once and whole: a reader at the other end
 * of a pipe never waits for the rest of a line.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/shunt.h>

#include "cli.h"
#include "print.h"
#include "server.h"
#include "service.h"

enum {
	TIME_TEXT = sizeof("2000-01-01T00:00:00.000+00:00"),
	LINE_SIZE = 65536,	/* more than any event takes */
};

/* What an event says; an object it does not speak of is NULL. */
struct event {
	const struct nlattr *attrs[SHUNT_A_EVENT_MAX + 1];
	uint32_t kind;
	struct service *service;
	struct server *server;
};

static void format_time(char text[TIME_TEXT])
{
	char date[sizeof("2000-01-01T00:00:00")] = "", zone[sizeof("+0000")] = "";
	struct timespec now;
	struct tm local;

	clock_gettime(CLOCK_REALTIME, &now);
	if (localtime_r(&now.tv_sec, &local)) {
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &local);
		strftime(zone, sizeof(zone), "%z", &local);
	}
	snprintf(text, TIME_TEXT, "%s.%03u%.3s:%.2s", date,
		 (unsigned int)(now.tv_nsec / 1000000) % 1000, zone,
		 zone[0] ? zone + 3 : "");
}

static void print_endpoint_text(const struct endpoint *ep)
{
	char text[ENDPOINT_TEXT];

	format_endpoint(ep, text);
	printf(" %s", text);
}

static void print_word(const char *key, const struct names *names,
		       uint32_t value)
{
	char text[ENUM_TEXT];

	printf(" %s%s%s", key, *key ? " " : "", format_enum(names, value, text));
}

static void service_line(const struct service *service)
{
	char *match = service_match(service, true);

	printf(" %s", service->name);
	print_word("", &protocol_names, service->protocol);
	printf(" %s", match);
	free(match);
	printf(" scheduler %s", service->scheduler);
	print_word("mode", &mode_names, service->mode);
}

static void print_if(const char *key, uint32_t value)
{
	if (value)
		printf(" %s %" PRIu32, key, value);
}

static void server_line(const struct server *server)
{
	printf(" %s", server->service);
	print_endpoint_text(&server->ep);
	print_word("mode", &mode_names, server->mode);
	printf(" weight %" PRIu32, server->weight);
	print_word("state", &server_state_names, server->state);
	print_if("timeout", server->drain_left);
	if (server->drain_then)
		print_word("then", &drain_then_names, server->drain_then);
	if (server->backup)
		print_word("backup", &switch_names, server->backup);
	print_if("upper-limit", server->upper_limit);
	print_if("lower-limit", server->lower_limit);
	print_if("slow-start", server->slow_start);
}

/* One attribute of the nest, whatever the event tells of that object. */
static const struct nlattr *one(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attrs[SHUNT_A_LIMIT_MAX + 1] = {};

	nl_nested(nest, attrs, SHUNT_A_LIMIT_MAX);
	return attrs[type];
}

static void print_line(const struct event *event)
{
	const struct nlattr *limit = event->attrs[SHUNT_A_EVENT_LIMIT];
	const struct nlattr *device = event->attrs[SHUNT_A_EVENT_DEVICE];

	if (event->service)
		service_line(event->service);
	if (event->server)
		server_line(event->server);
	if (limit)
		printf(" connections %" PRIu64 " persist %" PRIu64,
		       nl_number(one(limit, SHUNT_A_LIMIT_LIMIT)),
		       nl_number(one(limit, SHUNT_A_LIMIT_PERSIST)));
	if (device) {
		putchar(' ');
		write_plain(nl_string(one(device, SHUNT_A_DEVICE_NAME)), stdout);
	}
}

static void print_device(const struct nlattr *device)
{
	char *name;
	FILE *out = open_text(&name);

	write_plain(nl_string(one(device, SHUNT_A_DEVICE_NAME)), out);
	fclose(out);
	print_open_object("device");
	print_string("name", name);
	print_close_object();
	free(name);
}

static void print_objects(const struct event *event)
{
	const struct nlattr *limits[SHUNT_A_LIMIT_MAX + 1] = {};
	const struct nlattr *device = event->attrs[SHUNT_A_EVENT_DEVICE];

	if (event->service) {
		print_open_object("service");
		service_print(event->service);
		print_close_object();
	}
	if (event->server) {
		print_open_object("server");
		print_string("service", event->server->service);
		server_print(event->server, false);
		print_close_object();
	}
	if (event->attrs[SHUNT_A_EVENT_LIMIT]) {
		nl_nested(event->attrs[SHUNT_A_EVENT_LIMIT], limits,
			  SHUNT_A_LIMIT_MAX);
		print_open_object("limit");
		limit_print(limits);
		print_close_object();
	}
	if (device)
		print_device(device);
}

static void print_record(const char *name, const struct event *event)
{
	char now[TIME_TEXT];

	format_time(now);
	if (print_is_text()) {
		printf("%s %s", now, name);
		if (event)
			print_line(event);
		putchar('\n');
		print_flush();
		return;
	}
	print_single();
	print_open();
	print_string("event", name);
	print_string("time", now);
	if (event)
		print_objects(event);
	print_close();
	print_end();
}

/* Whether the event is one of the service asked for; NULL asks for all. */
static bool is_wanted(const struct event *event, const char *name)
{
	if (!name || event->kind == SHUNT_EVENT_FLUSHED)
		return true;
	if (event->service)
		return !strcmp(event->service->name, name);
	return event->server && !strcmp(event->server->service, name);
}

static void on_event(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *services[SHUNT_A_SERVICE_MAX + 1] = {};
	const struct nlattr *servers[SHUNT_A_SERVER_MAX + 1] = {};
	struct event event = {};
	struct service service;
	struct server server;
	char text[ENUM_TEXT];

	nl_attrs(nlh, event.attrs, SHUNT_A_EVENT_MAX);
	event.kind = (uint32_t)nl_number(event.attrs[SHUNT_A_EVENT_EVENT]);
	if (event.attrs[SHUNT_A_EVENT_SERVICE]) {
		nl_nested(event.attrs[SHUNT_A_EVENT_SERVICE], services,
			  SHUNT_A_SERVICE_MAX);
		service_read(services, &service);
		ranges_read_nested(event.attrs[SHUNT_A_EVENT_SERVICE],
				   &service.ranges);
		event.service = &service;
	}
	if (event.attrs[SHUNT_A_EVENT_SERVER]) {
		nl_nested(event.attrs[SHUNT_A_EVENT_SERVER], servers,
			  SHUNT_A_SERVER_MAX);
		server_read(servers, &server);
		event.server = &server;
	}
	if (is_wanted(&event, data))
		print_record(format_enum(&event_names, event.kind, text),
			     &event);
	if (event.service)
		free(service.ranges.range);
}

/* What was printed is written already, or nobody reads it: there is nothing to be done. */
static void on_signal(int signal_number)
{
	(void)signal_number;
	_exit(0);
}

void monitor_run(struct request *req)
{
	struct pollfd fds[] = {
		{ .fd = nl_listen(), .events = POLLIN },
		/* Tells only that nobody reads what is written any more. */
		{ .fd = STDOUT_FILENO },
	};
	char *wanted = req->subject ? strdup(req->subject) : NULL;

	if (req->subject && !wanted)
		die("out of memory");
	setvbuf(stdout, NULL, _IOFBF, LINE_SIZE);
	signal(SIGPIPE, on_signal);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			die("cannot wait for events: %s", strerror(errno));
		if (fds[1].revents & (POLLERR | POLLHUP))
			break;
		switch (nl_hear(on_event, wanted)) {
		case NL_HEARD_ALL:
			break;
		case NL_HEARD_LOSS:
			print_record("lost", NULL);
			break;
		case NL_HEARD_END:
			die("the kernel module was unloaded");
		}
	}
	free(wanted);
}
