// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"

static const char *at_file;
static size_t at_line;

void error_at(const char *file, size_t line)
{
	at_file = file;
	at_line = line;
}

static void complain(const char *format, va_list args)
{
	if (at_file)
		fprintf(stderr, "%s:%zu: ", at_file, at_line);
	else
		fputs("shunt: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	exit(EXIT_REFUSED);
}

void usage_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	exit(EXIT_USAGE);
}

FILE *open_text(char **text)
{
	static size_t size;
	FILE *out = open_memstream(text, &size);

	if (!out)
		die("out of memory");
	return out;
}

void write_plain(const char *name, FILE *out)
{
	for (; *name; name++) {
		if (*name > ' ' && *name < 0x7f)
			fputc(*name, out);
		else
			fprintf(out, "\\x%02x", (unsigned char)*name);
	}
}

const char *quote(const char *word)
{
	char *text;
	FILE *out = open_text(&text);

	fputc('\'', out);
	for (; *word; word++) {
		unsigned char c = (unsigned char)*word;

		if (c < ' ' || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
	fputc('\'', out);
	fclose(out);
	/* Never freed: what quotes a word is about to end the program. */
	return text;
}

void print_flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		die("cannot write the output: %s", strerror(errno));
}
