// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "print.h"
#include "table.h"

enum {
	INDENT = 4,
	DEPTH = 4,	/* a record, an array in it, a record in that, its own */
};

static bool json;
static bool pretty;
static bool single;
static size_t records;
static size_t listings;
static unsigned int hidden;

/* What is being built now; the innermost is last. Only stack[0] is owned. */
static json_t *stack[DEPTH];
static size_t depth;

void print_setup(bool as_json, bool as_pretty)
{
	json = as_json;
	pretty = as_pretty;
}

bool print_is_text(void)
{
	return !json;
}

static void begin(const char *const *headings, size_t count, size_t window)
{
	if (json)
		return;
	if (listings++)
		putchar('\n');
	table_begin(headings, count, window);
}

void print_list(const char *const *headings, size_t count, size_t window)
{
	single = false;
	begin(headings, count, window);
}

void print_single(void)
{
	static const char *const columns[2];

	single = true;
	begin(columns, ARRAY_SIZE(columns), ROWS_ALL);
}

void print_end(void)
{
	if (!json)
		table_end();
	else if (single)
		putchar('\n');
	else if (records)
		fputs(pretty ? "\n]\n" : "]\n", stdout);
	else
		puts("[]");
	print_flush();
}

static void push(json_t *value)
{
	if (!value)
		die("out of memory");
	stack[depth++] = value;
}

static void set(const char *key, json_t *value)
{
	if (json_object_set_new(stack[depth - 1], key, value))
		die("out of memory");
}

/* Records of a list stand one level in: each of their lines is moved there. */
static int dump_indented(const char *text, size_t size, void *unused)
{
	(void)unused;
	for (size_t i = 0; i < size; i++) {
		putchar(text[i]);
		if (text[i] == '\n')
			printf("%*s", INDENT, "");
	}
	return ferror(stdout) ? -1 : 0;
}

/*
 * A listing can be of any size, so each record is written and forgotten. The
 * bracket waits for the first one: a refused listing prints nothing.
 */
static void dump(const json_t *record)
{
	size_t indent = pretty ? JSON_INDENT(INDENT) : JSON_COMPACT;

	if (!single)
		fputs(!records++ ? "[" : pretty ? "," : ",\n", stdout);
	if (pretty && !single) {
		dump_indented("\n", 1, NULL);
		json_dump_callback(record, dump_indented, NULL, indent);
	} else {
		json_dumpf(record, stdout, indent);
	}
	if (ferror(stdout))
		print_flush();
}

void print_open(void)
{
	json_t *object;

	if (!json)
		return;
	object = json_object();
	if (depth && json_array_append_new(stack[depth - 1], object))
		die("out of memory");
	push(object);
}

void print_close(void)
{
	if (!json)
		return;
	if (--depth)
		return;
	dump(stack[0]);
	json_decref(stack[0]);
}

void print_open_array(const char *key)
{
	json_t *array;

	if (!json)
		return;
	array = json_array();
	set(key, array);
	push(array);
}

void print_close_array(void)
{
	if (json)
		depth--;
}

void print_open_object(const char *key)
{
	json_t *object;

	print_hide();
	if (!json)
		return;
	object = json_object();
	set(key, object);
	push(object);
}

void print_close_object(void)
{
	print_unhide();
	if (json)
		depth--;
}

void print_hide(void)
{
	hidden++;
}

void print_unhide(void)
{
	hidden--;
}

static void text_cell(const char *key, const char *text, bool right)
{
	if (hidden)
		return;
	if (single)
		table_cell(key, false);
	table_cell(text, right && !single);
}

void print_string(const char *key, const char *value)
{
	if (json)
		set(key, json_string(value));
	else
		text_cell(key, value, false);
}

void print_missing(const char *key, const char *text)
{
	print_string(key, json ? "" : text);
}

void print_number(const char *key, uint64_t value)
{
	char text[sizeof("18446744073709551615")];

	if (json) {
		set(key, json_integer((json_int_t)value));
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64, value);
	text_cell(key, text, true);
}

void print_number_or(const char *key, uint64_t value, const char *zero)
{
	if (json || value)
		print_number(key, value);
	else
		text_cell(key, zero, true);
}

void print_flag(const char *key, const struct names *names, bool value)
{
	if (json)
		set(key, json_boolean(value));
	else
		text_cell(key, names->list[value], false);
}

void print_enum(const char *key, const struct names *names, uint32_t value)
{
	char text[ENUM_TEXT];

	print_string(key, format_enum(names, value, text));
}

void print_result(const char *key, uint64_t count, const char *noun,
		  const char *done)
{
	char *line;
	FILE *out = open_text(&line);

	fprintf(out, "%" PRIu64 " %s%s %s", count, noun, count == 1 ? "" : "s",
		done);
	fclose(out);
	print_single();
	print_open();
	if (json) {
		set(key, json_integer((json_int_t)count));
	} else {
		print_cell(line);
		print_blank(1);
	}
	print_close();
	print_end();
	free(line);
}

void print_words(const char *key, const char *words)
{
	json_t *array;
	size_t len;

	if (!json) {
		text_cell(key, words, false);
		return;
	}
	array = json_array();
	set(key, array);
	for (words += strspn(words, " "); *words; words += strspn(words, " ")) {
		len = strcspn(words, " ");
		if (json_array_append_new(array, json_stringn(words, len)))
			die("out of memory");
		words += len;
	}
}

void print_endpoint(const char *address_key, const char *port_key,
		    const struct endpoint *ep)
{
	char text[ENDPOINT_TEXT];

	if (!json) {
		format_endpoint(ep, text);
		text_cell(address_key, text, false);
		return;
	}
	format_address(ep, text);
	set(address_key, json_string(text));
	set(port_key, json_integer(ep->port));
}

void print_client(const char *address_key, const char *prefix_key,
		  const struct endpoint *ep, uint32_t prefix)
{
	char text[CLIENT_TEXT];

	if (!json) {
		format_client(ep, prefix, text);
		text_cell(address_key, text, false);
		return;
	}
	format_address(ep, text);
	set(address_key, json_string(text));
	set(prefix_key, json_integer(prefix));
}

void print_cell(const char *text)
{
	if (!json && !hidden)
		table_cell(text, false);
}

void print_blank(size_t count)
{
	while (count--)
		print_cell("");
}
