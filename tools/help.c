// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "print.h"

static void write_title(FILE *out, const struct verb *verb)
{
	fputs(verb->object, out);
	if (verb->name)
		fprintf(out, " %s", verb->name);
}

static void write_value(FILE *out, const struct arg *arg)
{
	const char *before = "";

	if (!arg->names) {
		fputs(arg->label, out);
		return;
	}
	for (size_t i = 0; i < arg->names->count; i++) {
		if (!arg->names->list[i])
			continue;
		fprintf(out, "%s%s", before, arg->names->list[i]);
		before = "|";
	}
}

/* Keys of a verb that needs one are written {a A | b B} ... */
static void write_args(FILE *out, const struct verb *verb)
{
	for (const struct arg *arg = verb->args; arg->put; arg++) {
		bool choice = arg->key && verb->needs_key;
		bool first_key = arg == verb->args || !arg[-1].key;

		fputs(!choice ? " " : first_key ? " {" : " | ", out);
		if (!choice && arg->optional)
			fputc('[', out);
		if (arg->key)
			fprintf(out, "%s ", arg->key);
		write_value(out, arg);
		if (!choice && arg->optional)
			fputc(']', out);
		if (choice && !arg[1].put)
			fputs("} ...", out);
	}
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
	write_args(out, verb);
	fclose(out);
	return text;
}

char *verb_keys(const struct verb *verb)
{
	const char *keys[VERB_ARGS] = {};

	for (size_t i = 0; verb->args[i].put; i++)
		keys[i] = verb->args[i].key;
	return format_choice(keys, VERB_ARGS);
}

char *arg_value(const struct arg *arg)
{
	char *text;
	FILE *out = open_text(&text);

	write_value(out, arg);
	fclose(out);
	return text;
}

static void print_verb(const struct verb *verb)
{
	fputs("  shunt ", stdout);
	write_title(stdout, verb);
	write_args(stdout, verb);
	printf("\n      %s\n", verb->help);
}

static void print_options(void)
{
	puts("\nOptions, anywhere:");
	for (size_t i = 0; i < option_count; i++) {
		if (options[i].help)
			printf("  -%c, --%-10s%s\n", options[i].letter,
			       options[i].word, options[i].help);
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
	}
	print_options();
	print_formats();
}
