/* SPDX-License-Identifier: GPL-2.0 */
/* Which servers clients in their handshakes were given. Their design opens note.c. */
#ifndef SHUNT_NOTE_H
#define SHUNT_NOTE_H

#include <linux/types.h>

struct shunt_notes;

/* What is noted of a client: a server, by any number that tells it, and where it was. */
struct shunt_note {
	u32 mark;	/* 0: nothing is */
	u16 index;	/* in the service's pool */
};

/* May sleep. NULL if there is no memory. */
struct shunt_notes *shunt_notes_alloc(void);
void shunt_notes_free(struct shunt_notes *notes);

/* Under the namespace's lock. All of them; packets that are under way may find them still. */
void shunt_notes_forget(struct shunt_notes *notes);

/* Any context. A client is known by 64 bits of a keyed hash. */
struct shunt_note shunt_note_find(struct shunt_notes *notes, u64 hash);
void shunt_note_write(struct shunt_notes *notes, u64 hash, struct shunt_note note);
void shunt_note_forget(struct shunt_notes *notes, u64 hash);

#endif
