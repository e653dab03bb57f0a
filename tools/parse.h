/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_PARSE_H
#define SHUNT_PARSE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The words for the values of one enum, in order; NULL where there is none. */
struct names {
	const char *const *list;
	size_t count;
};

extern const struct names protocol_names;
extern const struct names mode_names;
extern const struct names scheduler_names;
extern const struct names on_expire_names;
extern const struct names on_remove_names;
extern const struct names on_empty_names;
extern const struct names midstream_names;
extern const struct names hash_names;
extern const struct names family_names;
extern const struct names switch_names;
extern const struct names answer_names;
extern const struct names server_state_names;
/* Those that can be asked for. */
extern const struct names server_wish_names;
extern const struct names drain_then_names;
extern const struct names conn_state_names;
extern const struct names event_names;
/* Words for a limit that is no number of its own. */
extern const struct names no_limit_names;
/* The word for a seed that is none. */
extern const struct names no_seed_names;
/* The words for a service that does not persist, and is in no group. */
extern const struct names no_persist_names;
extern const struct names no_group_names;
extern const struct names default_limit_names;

struct endpoint {
	int family;		/* AF_INET or AF_INET6, 0 if unknown */
	uint8_t address[16];	/* network order */
	uint16_t port;		/* host order, 0 if there is none */
};

/* An address with ports from that of the endpoint to the last; 0 and 0: all. */
struct range {
	struct endpoint ep;
	uint16_t last;
};

/* To be freed. */
struct ranges {
	struct range *range;
	size_t count;
};

enum {
	ADDRESS_TEXT = INET6_ADDRSTRLEN,
	ENDPOINT_TEXT = INET6_ADDRSTRLEN + sizeof("[]:65535"),
	RANGE_TEXT = ENDPOINT_TEXT + sizeof("-65535"),
	CLIENT_TEXT = INET6_ADDRSTRLEN + sizeof("/128"),
	ENUM_TEXT = sizeof("4294967295"),
};

bool parse_number(const char *word, uint32_t min, uint32_t max,
		  uint32_t *number);
/* A number of seconds, or with one of s, m, h and d behind it, of those. */
bool parse_seconds(const char *word, uint32_t min, uint32_t max,
		   uint32_t *seconds);
/* The same, or 0x and hexadecimal digits. */
bool parse_mark(const char *word, uint32_t *mark);
/* What stands behind the colon: a port, two with a dash between, or a star. */
bool parse_ports(const char *word, struct range *range);
bool parse_name(const char *word, size_t max);
bool parse_device(const char *word);
bool parse_enum(const struct names *names, const char *word, uint32_t *value);
/* Takes ADDR and ADDR/PREFIX; *prefix is 0 without. */
bool parse_client(const char *word, struct endpoint *ep, uint32_t *prefix);
/*
 * Takes ADDR, ADDR:PORT, [ADDR] and [ADDR]:PORT. What stands behind the colon
 * is left to the caller: *port points to it, or is NULL if there is no colon.
 */
bool parse_address(const char *word, struct endpoint *ep, const char **port);

size_t address_size(const struct endpoint *ep);
void format_address(const struct endpoint *ep, char text[ADDRESS_TEXT]);
/* What this writes, parse_address reads. */
void format_endpoint(const struct endpoint *ep, char text[ENDPOINT_TEXT]);
/* What this writes, parse_address and parse_ports read. */
void format_range(const struct range *range, char text[RANGE_TEXT]);
/* ADDR, with /PREFIX unless that is all of it. */
void format_client(const struct endpoint *ep, uint32_t prefix,
		   char text[CLIENT_TEXT]);
/* A value of a newer kernel is written as its number. */
const char *format_enum(const struct names *names, uint32_t value,
			char text[ENUM_TEXT]);
/* Returns "a, b or c", to be freed. */
char *format_choice(const char *const *words, size_t count);

#endif
