/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_NL_H
#define SHUNT_NL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>
#include <linux/shunt.h>

#include "compiler.h"
#include "parse.h"

enum {
	REQUEST_SIZE = 4096,	/* more than all attributes of any verb take */
	REQUEST_WORDS = 32 + SHUNT_MATCH_MAX,	/* more than those are */
};

struct verb;

/* The word of the command line that an attribute of the request came from. */
struct origin {
	uint16_t nest;		/* the attribute it is in, 0 if in none */
	uint16_t attr;
	size_t nth;		/* of those that are alike */
	const char *word;
};

struct request {
	char message[REQUEST_SIZE] __aligned(NLMSG_ALIGNTO);
	const char *subject;	/* the object by name, NULL if it has none */
	const struct verb *verb;
	struct origin origins[REQUEST_WORDS];
	size_t origin_count;
};

typedef void (*nl_fn)(const struct nlmsghdr *nlh, void *data);

void request_init(struct request *req, uint8_t cmd, const struct verb *verb);
void request_set_command(struct request *req, uint8_t cmd);
void request_put(struct request *req, uint16_t attr, const void *value,
		 size_t size, const char *word);
/* An address with its ports, of which there may be several. */
void request_put_match(struct request *req, const struct range *range,
		       const char *word);
/* All that is put into one nest, in whatever order, is in one attribute. */
void request_put_nested(struct request *req, uint16_t nest,
			const char *nest_word, uint16_t attr, uint32_t value,
			const char *word);

/*
 * Opens the socket and finds the family, which makes the kernel load the
 * module if it is installed. False if the module is not there.
 */
bool nl_try_open(void);
/* Each of these opens what is not open yet, and dies if it is refused. */
void nl_do(struct request *req, nl_fn fn, void *data);
/* May list what changes meanwhile. */
void nl_dump(struct request *req, nl_fn fn, void *data);
/* Starts again, after a reset, when the configuration changed meanwhile. */
void nl_dump_whole(struct request *req, nl_fn fn, void (*reset)(void *data),
		   void *data);
/*
 * For what such a function lists: the array, with room for another of its count
 * elements of so many bytes, wherever it is now. *room is how many fit. Dies without
 * memory.
 */
void *nl_room(void *array, size_t count, size_t *room, size_t bytes);

/* What came of listening. */
enum nl_heard {
	NL_HEARD_ALL,		/* all there was */
	NL_HEARD_LOSS,		/* and that events before now are missing */
	NL_HEARD_END,		/* and that the module is gone */
};

/*
 * Listens for events from now on, on a socket of its own, which is returned to
 * wait for. What is looked at afterwards and what is then heard of make a whole.
 */
int nl_listen(void);
/* Hands all events that have come to fn, and returns without waiting. */
enum nl_heard nl_hear(nl_fn fn, void *data);

/* Attributes above max, of a newer kernel, are passed over. */
void nl_attrs(const struct nlmsghdr *nlh, const struct nlattr **attrs,
	      uint16_t max);
void nl_nested(const struct nlattr *nest, const struct nlattr **attrs,
	       uint16_t max);
/* What is absent reads as 0 or "". */
uint64_t nl_number(const struct nlattr *attr);
const char *nl_string(const struct nlattr *attr);
void nl_endpoint(const struct nlattr *address, const struct nlattr *port,
		 struct endpoint *ep);

#endif
