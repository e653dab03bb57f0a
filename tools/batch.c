// SPDX-License-Identifier: GPL-2.0
/*
 * Commands from a file, one a line. All lines are parsed before the first is
 * sent, so that nothing is done of a file with a mistake in its words; then
 * they are sent one after the other over one socket, up to the first that the
 * kernel refuses. To send and to parse again is cheaper than to keep what was
 * parsed, and no command waits for another process: the kernel does its work
 * while it is handed the request.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "print.h"

struct batch {
	const char *name;	/* for errors */
	char *text;
	size_t size;
	char *line;		/* a copy of one, cut into words */
	char **words;
	size_t room;
};

static void read_text(FILE *in, struct batch *batch)
{
	size_t room = 0, got;

	do {
		if (batch->size == room) {
			room = 2 * room + 65536;
			batch->text = realloc(batch->text, room);
			if (!batch->text)
				die("out of memory");
		}
		got = fread(batch->text + batch->size, 1, room - batch->size,
			    in);
		batch->size += got;
	} while (got);
	if (ferror(in))
		die("cannot read %s: %s", quote(batch->name), strerror(errno));
}

static void open_text_file(const char *path, struct batch *batch)
{
	FILE *in = stdin;

	batch->name = path;
	if (!strcmp(path, "-"))
		batch->name = "stdin";
	else
		in = fopen(path, "re");
	if (!in)
		die("cannot open %s: %s", quote(path), strerror(errno));
	read_text(in, batch);
	if (in != stdin)
		fclose(in);
}

/* Copies a line and cuts it; a word that begins with '#' ends it. */
static size_t cut(struct batch *batch, const char *line, size_t len)
{
	static const char blanks[] = " \t\r";
	size_t count = 0;
	char *rest;

	/* As many words as fit, were each but one letter. */
	if (len >= batch->room) {
		batch->room = 2 * len + 128;
		batch->line = realloc(batch->line, batch->room);
		batch->words = reallocarray(batch->words, batch->room,
					    sizeof(*batch->words));
		if (!batch->line || !batch->words)
			die("out of memory");
	}
	if (memchr(line, '\0', len))
		usage_error("there is a NUL in the line");
	memcpy(batch->line, line, len);
	batch->line[len] = '\0';

	rest = batch->line + strspn(batch->line, blanks);
	while (*rest && *rest != '#') {
		batch->words[count++] = rest;
		rest += strcspn(rest, blanks);
		if (*rest)
			*rest++ = '\0';
		rest += strspn(rest, blanks);
	}
	return count;
}

/* As on the command line, but that there are no options. */
static size_t drop_dashes(char **words, size_t count)
{
	size_t kept = 0, i;

	for (i = 0; i < count && strcmp(words[i], "--"); i++) {
		if (words[i][0] == '-' && words[i][1])
			usage_error("%s is an option; expected none in a file",
				    quote(words[i]));
		words[kept++] = words[i];
	}
	while (++i < count)
		words[kept++] = words[i];
	return kept;
}

static void parse(char **words, size_t count, struct request *req)
{
	const struct verb *verb;

	count = drop_dashes(words, count);
	if (!count)
		usage_error("the line has no command");
	verb = verb_find(&words, &count, false);
	args_parse(verb, words, count, req);
	if (!verb_changes(verb, req))
		usage_error("'%s' changes nothing; expected commands that do",
			    verb_title(verb));
}

/* Parses each line, and hands it to fn if there is one. */
static void each_line(struct batch *batch, void (*fn)(struct request *req))
{
	const char *line = batch->text, *end = batch->text + batch->size;
	size_t number = 1;

	for (; line < end; number++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *stop = newline ? newline : end;
		struct request req;
		size_t count;

		error_at(batch->name, number);
		count = cut(batch, line, (size_t)(stop - line));
		if (count) {
			parse(batch->words, count, &req);
			if (fn)
				fn(&req);
		}
		line = stop + 1;
	}
	error_at(NULL, 0);
}

static void apply(struct request *req)
{
	nl_do(req, NULL, NULL);
}

void batch_run(const char *path)
{
	struct batch batch = {};

	open_text_file(path, &batch);
	each_line(&batch, NULL);
	each_line(&batch, apply);
	free(batch.text);
	free(batch.line);
	free(batch.words);
}
