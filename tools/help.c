// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "print.h"

enum {
	LINE = 79,
	PROSE = 6,		/* where what is told of a verb begins, */
	KEY_PROSE = PROSE + 11,	/* and what is told of a key; */
	CONTINUED = 10,		/* and where a long synopsis goes on */
};

static void write_title(FILE *out, const struct verb *verb)
{
	fputs(verb->object, out);
	if (verb->name)
		fprintf(out, " %s", verb->name);
}

static void write_names(FILE *out, const struct names *names)
{
	const char *before = "";

	for (size_t i = 0; i < names->count; i++) {
		if (!names->list[i])
			continue;
		fprintf(out, "%s%s", before, names->list[i]);
		before = "|";
	}
}

static void write_value(FILE *out, const struct arg *arg)
{
	if (arg->states) {
		write_names(out, arg->states);
		fputc(' ', out);
	}
	if (arg->label)
		fputs(arg->label, out);
	if (arg->label && arg->names)
		fputc('|', out);
	if (arg->names)
		write_names(out, arg->names);
}

/* Keys of a verb that needs one are written {a A | b B} ... */
static void write_arg(FILE *out, const struct verb *verb, const struct arg *arg)
{
	bool choice = arg->key && verb->needs_key;

	if (choice)
		fputs(arg == verb->keys ? "{" : "| ", out);
	else if (arg->optional)
		fputc('[', out);
	if (arg->key)
		fprintf(out, "%s ", arg->key);
	write_value(out, arg);
	if (choice)
		fputs(arg[1].put ? "" : "} ...", out);
	else if (arg->optional)
		fputs(arg->states ? "] ..." : "]", out);
}

char *verb_title(const struct verb *verb)
{
	char *text;
	FILE *out = open_text(&text);

	write_title(out, verb);
	fclose(out);
	return text;
}

char *verb_synopsis(const struct verb *verb)
{
	char *text;
	FILE *out = open_text(&text);

	write_title(out, verb);
	for (const struct arg *arg = verb->places; arg->put; arg++) {
		fputc(' ', out);
		write_arg(out, verb, arg);
	}
	if (verb->keys)
		fputs(verb->needs_key ? " KEY VALUE ..." : " [KEY VALUE ...]",
		      out);
	fclose(out);
	return text;
}

char *verb_keys(const struct verb *verb)
{
	const char *keys[VERB_KEYS] = {};

	for (size_t i = 0; verb->keys && verb->keys[i].put; i++)
		keys[i] = verb->keys[i].key;
	return format_choice(keys, VERB_KEYS);
}

char *arg_value(const struct arg *arg)
{
	char *text;
	FILE *out = open_text(&text);

	write_value(out, arg);
	fclose(out);
	return text;
}

/* Goes on with a line, or with the next one if it would be too long. */
static size_t print_piece(const char *piece, size_t column, int indent)
{
	size_t len = strlen(piece);

	if (column + 1 + len <= LINE)
		return column + (size_t)printf(" %s", piece);
	return (size_t)printf("\n%*s%s", indent, "", piece) - 1;
}

static size_t print_args(const struct verb *verb, const struct arg *arg,
			 size_t column)
{
	char *piece;
	FILE *out;

	for (; arg && arg->put; arg++) {
		out = open_text(&piece);
		write_arg(out, verb, arg);
		fclose(out);
		column = print_piece(piece, column, CONTINUED);
		free(piece);
	}
	return column;
}

static void print_synopsis(const struct verb *verb)
{
	char *title = verb_title(verb);
	size_t column = (size_t)printf("  shunt %s", title);

	column = print_args(verb, verb->places, column);
	print_args(verb, verb->keys, column);
	putchar('\n');
	free(title);
}

static void print_prose(const char *text, size_t column, int indent)
{
	char *copy = strdup(text), *rest = copy, *word;

	if (!copy)
		die("out of memory");
	while ((word = strsep(&rest, " ")))
		column = print_piece(word, column, indent);
	putchar('\n');
	free(copy);
}

static void print_verb(const struct verb *verb)
{
	print_synopsis(verb);
	print_prose(verb->help, (size_t)printf("     "), PROSE);
}

static void print_keys(const struct verb *verb)
{
	for (const struct arg *arg = verb->keys; arg && arg->put; arg++)
		print_prose(arg->help,
			    (size_t)printf("      %-10s", arg->key), KEY_PROSE);
}

static void print_options(void)
{
	puts("\nOptions, anywhere:");
	for (size_t i = 0; i < option_count; i++) {
		const char *label = options[i].label;
		char text[32];

		if (!options[i].help)
			continue;
		snprintf(text, sizeof(text), "%s%s%s", options[i].word,
			 label ? " " : "", label ? label : "");
		printf("  -%c, --%-12s%s\n", options[i].letter, text,
		       options[i].help);
	}
}

static void print_formats(void)
{
	puts("\nAn IPv6 address with a port is written [2001:db8::1]:80. Exit status: 0 done,\n"
	     "1 refused or failed, 2 usage. The manual is shunt(8).");
}

void help_print(const char *object, const char *name)
{
	if (!object)
		puts("shunt - virtual servers in the kernel: balances connections over real servers\n\n"
		     "  shunt\n"
		     "      List all services with their servers.");
	for (size_t i = 0; i < verb_count; i++) {
		const struct verb *verb = &verbs[i];

		if (object && strcmp(object, verb->object))
			continue;
		if (name && strcmp(name, verb->name))
			continue;
		print_verb(verb);
		if (name || (object && !verb->name))
			print_keys(verb);
	}
	print_options();
	print_formats();
}
