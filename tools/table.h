/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHUNT_TABLE_H
#define SHUNT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Columns as wide as what is in them. With a window, they are settled when
 * that many rows were seen, and later rows go out as they come; one that needs
 * more widens its column from there on. Nothing is ever cut. The headings must
 * outlive the table, and are left out if the first is NULL.
 */
void table_begin(const char *const *headings, size_t count, size_t window);
void table_cell(const char *text, bool right);
void table_end(void);

#endif
