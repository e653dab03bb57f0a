// SPDX-License-Identifier: GPL-2.0
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "table.h"

enum {
	COLUMNS_MAX = 16,
	GAP = 2,
};

struct column {
	const char *heading;
	size_t width;
	bool right;
};

static struct column columns[COLUMNS_MAX];
static size_t column_count;
static size_t rows_wanted;
static size_t cell_count;	/* cells held back */
static bool headings_due;

/* The cells held back, row after row, each ended by a NUL. */
static char *cells;
static size_t cells_used;
static size_t cells_size;

void table_begin(const char *const *headings, size_t count, size_t window)
{
	column_count = count;
	rows_wanted = window ? window : SIZE_MAX / count;
	headings_due = headings[0];
	for (size_t i = 0; i < count; i++) {
		columns[i] = (struct column){ .heading = headings[i] };
		if (headings_due)
			columns[i].width = strlen(headings[i]);
	}
}

/*
 * Writes one cell behind the blanks that are owed, and returns those owed
 * behind it: blanks are only written when something follows on the line.
 */
static size_t write_cell(size_t index, const char *text, size_t owed)
{
	const struct column *column = &columns[index];
	size_t len = strlen(text);
	size_t pad = column->width - len;

	if (len) {
		if (column->right)
			owed += pad;
		printf("%*s%s", (int)owed, "", text);
		owed = column->right ? 0 : pad;
	} else {
		owed += pad;
	}
	if (index + 1 < column_count)
		return owed + GAP;
	putchar('\n');
	return 0;
}

static void write_rows(void)
{
	const char *cell = cells;
	size_t owed = 0;

	for (size_t i = 0; i < column_count && headings_due; i++)
		owed = write_cell(i, columns[i].heading, owed);
	headings_due = false;

	for (size_t i = 0; i < cell_count; i++) {
		owed = write_cell(i % column_count, cell, owed);
		cell += strlen(cell) + 1;
	}
	cell_count = 0;
	cells_used = 0;
	if (ferror(stdout))
		print_flush();
}

void table_cell(const char *text, bool right)
{
	struct column *column = &columns[cell_count % column_count];
	size_t len = strlen(text);

	if (cells_used + len + 1 > cells_size) {
		cells_size = 2 * cells_size + len + 4096;
		cells = realloc(cells, cells_size);
		if (!cells)
			die("out of memory");
	}
	memcpy(cells + cells_used, text, len + 1);
	cells_used += len + 1;
	cell_count++;

	if (right)
		column->right = true;
	if (len > column->width)
		column->width = len;
	if (cell_count / column_count >= rows_wanted) {
		rows_wanted = 1;
		write_rows();
	}
}

void table_end(void)
{
	write_rows();
	free(cells);
	cells = NULL;
	cells_size = 0;
}
