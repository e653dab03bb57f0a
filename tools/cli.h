/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_CLI_H
#define SHUNT_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"
#include "nl.h"
#include "parse.h"

enum {
	VERB_PLACES = 4,	/* the longest list, and its end */
	VERB_KEYS = 19,		/* the same */
};

/* What completion can ask the kernel for. */
enum suggest {
	SUGGEST_NOTHING,
	SUGGEST_SERVICES,
	SUGGEST_SERVERS,
	SUGGEST_DEVICES,
	SUGGEST_ATTACHED,
};

/* One argument of a verb. */
struct arg {
	const char *key;		/* NULL if known by its place */
	const char *help;		/* of a key: what it is for */
	const char *or_key;		/* of a place: the key that stands for it */
	const char *label;		/* how help writes the value... */
	const struct names *names;	/* ...and the words to choose from */
	/*
	 * The states, one of which stands between key and value. The key may
	 * be given once for each; attr is that of the first, in nest.
	 */
	const struct names *states;
	const char *state;		/* the one given */
	/* Parses the word into attributes of the request, or exits. */
	void (*put)(struct request *req, const struct arg *arg, const char *word);
	uint16_t nest;
	uint16_t attr;
	uint16_t port_attr;
	bool optional;
	enum suggest suggest;
};

/* The verb table drives dispatch, parsing, help and completion. */
struct verb {
	const char *object;
	const char *name;		/* NULL if the object is the command */
	const char *help;
	void (*run)(struct request *req);
	/* Both end where put is NULL; the first arguments, then pairs. */
	struct arg places[VERB_PLACES];
	const struct arg *keys;		/* NULL if it has none */
	uint8_t cmd;
	uint8_t set_cmd;		/* if a key is given; 0: the same */
	bool needs_key;
	bool changes;			/* something, and so may be in a batch */
};

extern const struct verb verbs[];
extern const size_t verb_count;

struct option {
	char letter;			/* 0: none, and not for people */
	const char *word;
	const char *help;
	bool *flag;			/* set, if the option takes no value */
	const char **value;		/* else its value... */
	const char *label;		/* ...which help writes so */
};

extern const struct option options[];
extern const size_t option_count;

/* main.c: the verb that words begin with; moves them and their count past. */
const struct verb *verb_find(char ***words, size_t *count, bool partial);
bool verb_changes(const struct verb *verb, const struct request *req);

/* batch.c */
void batch_run(const char *path);

/* args.c */
void args_parse(const struct verb *verb, char **words, size_t count,
		struct request *req);
void put_name(struct request *req, const struct arg *arg, const char *word);
void put_protocol(struct request *req, const struct arg *arg, const char *word);
void put_target(struct request *req, const struct arg *arg, const char *word);
void put_client(struct request *req, const struct arg *arg, const char *word);
void put_device(struct request *req, const struct arg *arg, const char *word);
void put_scheduler(struct request *req, const struct arg *arg,
		   const char *word);
void put_mode(struct request *req, const struct arg *arg, const char *word);
void put_drain_timeout(struct request *req, const struct arg *arg,
		       const char *word);
void put_slow_start(struct request *req, const struct arg *arg,
		    const char *word);
void put_limit(struct request *req, const struct arg *arg, const char *word);
void put_table_size(struct request *req, const struct arg *arg,
		    const char *word);
void put_seed(struct request *req, const struct arg *arg, const char *word);
void put_weight(struct request *req, const struct arg *arg, const char *word);
void put_persist(struct request *req, const struct arg *arg, const char *word);
void put_prefix(struct request *req, const struct arg *arg, const char *word);
void put_group(struct request *req, const struct arg *arg, const char *word);
void put_choice(struct request *req, const struct arg *arg, const char *word);
void put_switch(struct request *req, const struct arg *arg, const char *word);
void put_timeout(struct request *req, const struct arg *arg, const char *word);

/* ranges.c */
void put_ranges(struct request *req, const struct arg *arg, const char *word);
void put_fwmark(struct request *req, const struct arg *arg, const char *word);
/* Both add what the attributes that tell a service say. */
void ranges_read(const struct nlmsghdr *nlh, struct ranges *ranges);
void ranges_read_nested(const struct nlattr *nest, struct ranges *ranges);
/* Both return a string to be freed. */
char *ranges_text(const struct ranges *ranges, char between);
char *ranges_summary(const struct ranges *ranges);

/* help.c: what returns a string returns one to be freed. */
char *verb_title(const struct verb *verb);
char *verb_synopsis(const struct verb *verb);	/* short: not each key */
char *verb_keys(const struct verb *verb);
char *arg_value(const struct arg *arg);
void help_print(const char *object, const char *name);
void completion_print(void);

/* One file per object. */
void service_show(struct request *req);
void server_show(struct request *req);
void conn_show(struct request *req);
void conn_del(struct request *req);
void persist_show(struct request *req);
void persist_del(struct request *req);
void drops_show(struct request *req);
void status_show(struct request *req);
void limit_run(struct request *req);
/* From the attributes that tell the limit, the values of a record. */
void limit_print(const struct nlattr *const *attrs);
void monitor_run(struct request *req);
void wait_run(struct request *req);
void put_awaited(struct request *req, const struct arg *arg, const char *word);
void put_patience(struct request *req, const struct arg *arg,
		  const char *word);
void version_show(struct request *req);

#endif
