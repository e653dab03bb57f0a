// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/genetlink.h>
#include <linux/shunt.h>

#include "cli.h"
#include "nl.h"
#include "print.h"

enum {
	RECEIVE_SIZE = 65536,	/* the kernel fills dumps up to 32 KiB */
	REFUSAL_TEXT = 512,
	DUMP_TRIES = 8,
	LISTEN_SIZE = 8 << 20,	/* thousands of events */
};

/* What the kernel said when it refused a request. */
struct refusal {
	int error;			/* a positive errno, 0: not refused */
	char sentence[REFUSAL_TEXT];	/* empty: it said nothing */
	uint32_t offset;		/* of the attribute at fault, or 0 */
	bool torn;			/* the dump changed under way */
};

static struct mnl_socket *sock;
static uint16_t family;
static uint32_t sequence;
static struct mnl_socket *listener;
static uint32_t events_group;	/* 0: the module has none */

static void message_init(void *message, uint8_t cmd, uint8_t version)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(message);
	struct genlmsghdr *genl;

	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
}

void request_init(struct request *req, uint8_t cmd, const struct verb *verb)
{
	memset(req, 0, sizeof(*req));
	req->verb = verb;
	message_init(req->message, cmd, SHUNT_FAMILY_VERSION);
}

void request_set_command(struct request *req, uint8_t cmd)
{
	struct genlmsghdr *genl;

	genl = mnl_nlmsg_get_payload((struct nlmsghdr *)req->message);
	genl->cmd = cmd;
}

static void note_origin(struct request *req, uint16_t nest, uint16_t attr,
			const char *word)
{
	size_t nth = 0;

	for (size_t i = 0; i < req->origin_count; i++)
		nth += req->origins[i].nest == nest &&
		       req->origins[i].attr == attr;
	req->origins[req->origin_count++] = (struct origin){
		.nest = nest,
		.attr = attr,
		.nth = nth,
		.word = word,
	};
}

void request_put(struct request *req, uint16_t attr, const void *value,
		 size_t size, const char *word)
{
	mnl_attr_put((struct nlmsghdr *)req->message, attr, size, value);
	note_origin(req, 0, attr, word);
}

void request_put_match(struct request *req, const struct range *range,
		       const char *word)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)req->message;
	struct nlattr *nest = mnl_attr_nest_start(nlh, SHUNT_A_SERVICE_MATCH);

	mnl_attr_put(nlh, SHUNT_A_MATCH_ADDRESS, address_size(&range->ep),
		     range->ep.address);
	if (range->ep.port || range->last) {
		mnl_attr_put_u16(nlh, SHUNT_A_MATCH_FIRST_PORT,
				 htons(range->ep.port));
		mnl_attr_put_u16(nlh, SHUNT_A_MATCH_LAST_PORT,
				 htons(range->last));
	}
	mnl_attr_nest_end(nlh, nest);
	note_origin(req, 0, SHUNT_A_SERVICE_MATCH, word);
}

static struct nlattr *find_attr(const struct nlmsghdr *nlh, uint16_t type)
{
	struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

/* Makes room at the end of the nest, wherever in the message that is. */
void request_put_nested(struct request *req, uint16_t nest,
			const char *nest_word, uint16_t attr, uint32_t value,
			const char *word)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)req->message;
	struct nlattr *outer = find_attr(nlh, nest), *inner;
	uint16_t size = MNL_ATTR_HDRLEN + sizeof(value);
	char *tail;

	if (!outer) {
		outer = mnl_attr_nest_start(nlh, nest);
		mnl_attr_nest_end(nlh, outer);
		note_origin(req, 0, nest, nest_word);
	}
	inner = mnl_attr_next(outer);
	tail = mnl_nlmsg_get_payload_tail(nlh);
	memmove((char *)inner + size, inner, (size_t)(tail - (char *)inner));
	inner->nla_len = size;
	inner->nla_type = attr;
	memcpy(mnl_attr_get_payload(inner), &value, sizeof(value));
	outer->nla_len += size;
	nlh->nlmsg_len += size;
	note_origin(req, nest, attr, word);
}

/* Reads the attributes of an acknowledgment, which begin at offset. */
static void read_refusal(const struct nlmsghdr *nlh, unsigned int offset,
			 int error, struct refusal *why)
{
	const struct nlattr *attr;

	why->error = error;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, nlh, offset) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(why->sentence, sizeof(why->sentence), "%s",
				 nl_string(attr));
		else if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_OFFS)
			why->offset = (uint32_t)nl_number(attr);
	}
}

/* True if the message is the last one, with what came of the request in why. */
static bool read_end(const struct nlmsghdr *nlh, struct refusal *why)
{
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(nlh);
	unsigned int offset = sizeof(*ack);
	int result;

	if (nlh->nlmsg_type == NLMSG_DONE) {
		memset(&result, 0, sizeof(result));
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(result))
			memcpy(&result, ack, sizeof(result));
		if (result < 0)
			read_refusal(nlh, sizeof(result), -result, why);
		return true;
	}
	if (nlh->nlmsg_type != NLMSG_ERROR)
		return false;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ack))
		die("the kernel sent a malformed acknowledgment");
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += ack->msg.nlmsg_len - (unsigned int)sizeof(ack->msg);
	if (ack->error)
		read_refusal(nlh, offset, -ack->error, why);
	return true;
}

/* Sends a request and hands each answer to fn, up to the last. */
static void exchange(void *message, uint16_t type, uint16_t flags, nl_fn fn,
		     void *data, struct refusal *why)
{
	static char buffer[RECEIVE_SIZE] __aligned(NLMSG_ALIGNTO);
	struct nlmsghdr *nlh = message;
	ssize_t received;
	int left;

	memset(why, 0, sizeof(*why));
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++sequence;
	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		die("cannot send to the kernel: %s", strerror(errno));

	for (;;) {
		received = mnl_socket_recvfrom(sock, buffer, sizeof(buffer));
		if (received < 0 && errno == EINTR)
			continue;
		if (received < 0)
			die("cannot receive from the kernel: %s",
			    strerror(errno));
		left = (int)received;
		nlh = (struct nlmsghdr *)buffer;
		for (; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_seq != sequence)
				continue;
			if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
				why->torn = true;
			if (read_end(nlh, why))
				return;
			if (nlh->nlmsg_type == type && fn)
				fn(nlh, data);
		}
	}
}

static void read_group(const struct nlattr *group)
{
	const struct nlattr *attrs[CTRL_ATTR_MCAST_GRP_MAX + 1] = {};

	nl_nested(group, attrs, CTRL_ATTR_MCAST_GRP_MAX);
	if (!strcmp(nl_string(attrs[CTRL_ATTR_MCAST_GRP_NAME]),
		    SHUNT_MCGRP_EVENTS))
		events_group = (uint32_t)nl_number(attrs[CTRL_ATTR_MCAST_GRP_ID]);
}

static void read_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[CTRL_ATTR_MAX + 1] = {};
	const struct nlattr *group;

	(void)data;
	nl_attrs(nlh, attrs, CTRL_ATTR_MAX);
	family = (uint16_t)nl_number(attrs[CTRL_ATTR_FAMILY_ID]);
	if (!attrs[CTRL_ATTR_MCAST_GROUPS])
		return;
	mnl_attr_for_each_nested(group, attrs[CTRL_ATTR_MCAST_GROUPS])
		read_group(group);
}

static void open_socket(void)
{
	int on = 1;

	sock = mnl_socket_open(NETLINK_GENERIC);
	if (!sock || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0)
		die("cannot open a netlink socket: %s", strerror(errno));
	mnl_socket_setsockopt(sock, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(sock, NETLINK_CAP_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(sock, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	sequence = (uint32_t)time(NULL);
}

/* By its name or its number. */
static void ask_family(uint16_t attr, const void *value, size_t size, nl_fn fn,
		       void *data)
{
	char message[REQUEST_SIZE] __aligned(NLMSG_ALIGNTO);
	struct refusal why;

	message_init(message, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put((struct nlmsghdr *)message, attr, size, value);
	exchange(message, GENL_ID_CTRL, NLM_F_ACK, fn, data, &why);
	if (why.error && why.error != ENOENT)
		die("cannot find the kernel module: %s", strerror(why.error));
}

bool nl_try_open(void)
{
	open_socket();
	ask_family(CTRL_ATTR_FAMILY_NAME, SHUNT_FAMILY_NAME,
		   sizeof(SHUNT_FAMILY_NAME), read_family, NULL);
	return family;
}

static void open_family(void)
{
	if (!family && !nl_try_open())
		die("the kernel module is not loaded; load it with 'modprobe shunt', or without installing it as README.md says");
}

static const char *origin_word(const struct request *req, uint16_t nest,
			       uint16_t attr, size_t nth)
{
	for (size_t i = 0; i < req->origin_count; i++) {
		const struct origin *origin = &req->origins[i];

		if (origin->nest == nest && origin->attr == attr &&
		    origin->nth == nth)
			return origin->word;
	}
	return NULL;
}

/* How many before it are alike. */
static size_t nth_of(const struct nlmsghdr *nlh, const struct nlattr *wanted)
{
	const struct nlattr *attr;
	size_t nth = 0;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (attr == wanted)
			break;
		nth += mnl_attr_get_type(attr) == mnl_attr_get_type(wanted);
	}
	return nth;
}

/* Returns the word that the attribute at this offset of the request is from. */
static const char *find_origin(const struct request *req, uint32_t offset)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)req->message;
	const struct nlattr *attr, *inner;
	uint16_t type;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		type = mnl_attr_get_type(attr);
		if ((const char *)attr == req->message + offset)
			return origin_word(req, 0, type, nth_of(nlh, attr));
		if (!(attr->nla_type & NLA_F_NESTED))
			continue;
		mnl_attr_for_each_nested(inner, attr) {
			if ((const char *)inner == req->message + offset)
				return origin_word(req, type,
						   mnl_attr_get_type(inner), 0);
		}
	}
	return NULL;
}

__noreturn
static void refused(const struct request *req, const struct refusal *why)
{
	const char *word = find_origin(req, why->offset);

	if (why->error == EPERM && !why->sentence[0])
		die("changing %s needs CAP_NET_ADMIN in this network namespace; run it as root or with sudo",
		    req->subject ? quote(req->subject) : "the configuration");
	if (!word)
		word = req->subject ? req->subject : verb_title(req->verb);
	die("%s: %s", quote(word),
	    why->sentence[0] ? why->sentence : strerror(why->error));
}

void nl_do(struct request *req, nl_fn fn, void *data)
{
	struct refusal why;

	open_family();
	exchange(req->message, family, NLM_F_ACK, fn, data, &why);
	if (why.error)
		refused(req, &why);
}

static bool dump(struct request *req, nl_fn fn, void *data)
{
	struct refusal why;

	open_family();
	exchange(req->message, family, NLM_F_DUMP, fn, data, &why);
	if (why.error)
		refused(req, &why);
	return !why.torn;
}

void nl_dump(struct request *req, nl_fn fn, void *data)
{
	dump(req, fn, data);
}

void nl_dump_whole(struct request *req, nl_fn fn, void (*reset)(void *data),
		   void *data)
{
	static bool warned;

	for (int i = 0; i < DUMP_TRIES; i++) {
		reset(data);
		if (dump(req, fn, data))
			return;
	}
	if (!warned)
		warn("the configuration changes faster than it can be read; the listing may lack what changed meanwhile");
	warned = true;
}

void *nl_room(void *array, size_t count, size_t *room, size_t bytes)
{
	if (count < *room)
		return array;
	*room = 2 * *room + 64;
	array = reallocarray(array, *room, bytes);
	if (!array)
		die("out of memory");
	return array;
}

static void listen_to(uint32_t group)
{
	if (mnl_socket_setsockopt(listener, NETLINK_ADD_MEMBERSHIP, &group,
				  sizeof(group)) < 0)
		die("cannot listen for events: %s", strerror(errno));
}

int nl_listen(void)
{
	int size = LISTEN_SIZE, fd;

	listener = mnl_socket_open2(NETLINK_GENERIC, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!listener || mnl_socket_bind(listener, 0, MNL_SOCKET_AUTOPID) < 0)
		die("cannot open a netlink socket: %s", strerror(errno));
	fd = mnl_socket_get_fd(listener);
	/* Without the privilege, what everybody may have. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	/* First where the end of the family is told, so that it is not missed. */
	listen_to(GENL_ID_CTRL);
	open_family();
	if (!events_group)
		die("the kernel module is older than this command and tells no events");
	listen_to(events_group);
	return fd;
}

static bool is_ours(const struct nlmsghdr *nlh)
{
	const struct nlattr *attrs[CTRL_ATTR_MAX + 1] = {};

	nl_attrs(nlh, attrs, CTRL_ATTR_MAX);
	return !strcmp(nl_string(attrs[CTRL_ATTR_FAMILY_NAME]),
		       SHUNT_FAMILY_NAME);
}

/* True if the message tells that our family is no more. */
static bool is_end(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	return nlh->nlmsg_type == GENL_ID_CTRL &&
	       genl->cmd == CTRL_CMD_DELFAMILY && is_ours(nlh);
}

static void note_ours(const struct nlmsghdr *nlh, void *data)
{
	bool *there = data;

	*there = is_ours(nlh);
}

/*
 * Whether the family that was found is there still. To ask for it by its name would
 * load the module again, whose family then has another number.
 */
static bool family_is_there(void)
{
	bool there = false;

	ask_family(CTRL_ATTR_FAMILY_ID, &family, sizeof(family), note_ours,
		   &there);
	return there;
}

static bool hear_messages(const char *buffer, int left, nl_fn fn, void *data)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buffer;
	const struct genlmsghdr *genl;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*genl))
			continue;
		genl = mnl_nlmsg_get_payload(nlh);
		if (is_end(nlh))
			return true;
		if (nlh->nlmsg_type == family && genl->cmd == SHUNT_CMD_EVENT)
			fn(nlh, data);
	}
	return false;
}

/*
 * A socket that overflowed says so at once, but takes no message before all that
 * it had are read. So a loss is told behind them: what is looked at then is not
 * older than what was lost. That the family is gone may have been, too.
 */
enum nl_heard nl_hear(nl_fn fn, void *data)
{
	static char buffer[RECEIVE_SIZE] __aligned(NLMSG_ALIGNTO);
	bool loss = false;
	ssize_t received;

	for (;;) {
		received = mnl_socket_recvfrom(listener, buffer, sizeof(buffer));
		if (received < 0 && errno == ENOBUFS) {
			loss = true;
		} else if (received < 0 && errno == EAGAIN) {
			if (loss && !family_is_there())
				return NL_HEARD_END;
			return loss ? NL_HEARD_LOSS : NL_HEARD_ALL;
		} else if (received < 0 && errno != EINTR) {
			die("cannot receive from the kernel: %s",
			    strerror(errno));
		} else if (received >= 0 &&
			   hear_messages(buffer, (int)received, fn, data)) {
			return NL_HEARD_END;
		}
	}
}
