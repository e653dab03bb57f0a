/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_PRINT_H
#define SHUNT_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "compiler.h"
#include "parse.h"

enum {
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,

	/* Rows looked at before the widths of a table's columns are settled. */
	ROWS_ALL = 0,
	ROWS_STREAMED = 256,
};

/* Each ends the program after one sentence on stderr. */
__noreturn __printf(1, 2)
void die(const char *format, ...);
__noreturn __printf(1, 2)
void usage_error(const char *format, ...);
__printf(1, 2)
void warn(const char *format, ...);
/* From here on sentences begin with a place in a file, or with NULL no more. */
void error_at(const char *file, size_t line);
/* Returns the word in quotes, fit for one line of a terminal. */
const char *quote(const char *word);
/* What is written there is in *text after fclose, to be freed. */
FILE *open_text(char **text);
/* Of a name that may have any byte, each that could confuse is written \xNN. */
void write_plain(const char *name, FILE *out);
/* Flushes standard output, and dies if any of it could not be written. */
void print_flush(void);

void print_setup(bool as_json, bool as_pretty);
bool print_is_text(void);

/*
 * Output is one list of records, or one record. Each call below writes a value
 * under its key for JSON, and the next cell of the row for text. A row ends
 * when it has a cell for every heading; a single record has one line a value.
 * In text another may follow, and stands below a blank line.
 */
void print_list(const char *const *headings, size_t count, size_t window);
void print_single(void);
void print_end(void);

void print_open(void);
void print_close(void);
/* Records opened in between become elements of an array in this one. */
void print_open_array(const char *key);
void print_close_array(void);
/* Values in between become an object in this one, and no cells of the text. */
void print_open_object(const char *key);
void print_close_object(void);
/* Values in between are no cells of the text. */
void print_hide(void);
void print_unhide(void);

void print_string(const char *key, const char *value);
void print_number(const char *key, uint64_t value);
/* The same, with a word of the text for 0. */
void print_number_or(const char *key, uint64_t value, const char *zero);
/* True or false in JSON, one of two words in text. */
void print_flag(const char *key, const struct names *names, bool value);
void print_enum(const char *key, const struct names *names, uint32_t value);
/*
 * A whole record: a number in JSON, a line in text that tells of so many things, one
 * or several, what was done to them.
 */
void print_result(const char *key, uint64_t count, const char *noun,
		  const char *done);
/* Words separated by spaces, an array of strings in JSON. */
void print_words(const char *key, const char *words);
/* Two values in JSON, one cell in text. */
void print_endpoint(const char *address_key, const char *port_key,
		    const struct endpoint *ep);
/* The same of an address and its leading bits. */
void print_client(const char *address_key, const char *prefix_key,
		  const struct endpoint *ep, uint32_t prefix);
/* A string for text that stands for an empty one in JSON. */
void print_missing(const char *key, const char *text);
/* Cells that are only in the text. */
void print_cell(const char *text);
void print_blank(size_t count);

#endif
