// SPDX-License-Identifier: GPL-2.0
/*
 * Which servers clients in their handshakes were given, for services that persist:
 * a browser opens six connections at once, before any of them is made.
 *
 * A SYN costs its sender nothing, so it is remembered by nothing that grows: the
 * notes are a cache of fixed size that forgets, as that of syn.c, in sets of four
 * slots, a cache line each. The client's first connection makes an entry (persist.c)
 * and has the note forgotten.
 *
 * What a lost note costs: two SYNs of a client that came before it had a connection
 * may go to different servers, of which one is then remembered. In a flood nothing is
 * noted but what the scheduler chooses, and that stops as soon as many SYNs are
 * forgotten (shunt_pressed()), so that most notes from before live through it.
 *
 * A note does not tell whose it is, so whoever has clients forgotten has all notes of
 * the namespace forgotten: they are kept by the client's hash and a number that is
 * another from then on, and what is kept by an old one is never found again.
 *
 * Who writes what: any CPU any slot, without a lock; a slot of which the two words
 * are of two clients looks like nobody's, as in syn.c.
 */
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "note.h"

enum {
	NOTE_WAYS = 4,
	NOTE_BITS_MIN = 10,		/* of sets: 64 KiB */
	NOTE_BITS_MAX = 16,		/* 4 MiB */
	NOTE_MEMORY_SHIFT = 14,		/* a 16384th of the memory, or more than half that */
	NOTE_SECONDS = 60,		/* as long as clients try */
};

/* A slot's second word. */
union note_data {
	u64 word;
	struct {
		u32 mark;
		u16 index;
		u16 second;
	};
};

struct shunt_notes {
	unsigned int shift;
	u32 epoch;			/* the namespace's lock */
	struct note_set {
		struct note_slot {
			u64 check;	/* the client's key, xor data */
			u64 data;	/* union note_data, or 0 */
		} slot[NOTE_WAYS];
	} ____cacheline_aligned set[];
};

struct shunt_notes *shunt_notes_alloc(void)
{
	unsigned int bits = ilog2(totalram_pages()) + PAGE_SHIFT - NOTE_MEMORY_SHIFT -
			    ilog2(sizeof(struct note_set));
	struct shunt_notes *notes;

	bits = clamp_t(unsigned int, bits, NOTE_BITS_MIN, NOTE_BITS_MAX);
	notes = kvzalloc(struct_size(notes, set, 1UL << bits), GFP_KERNEL_ACCOUNT);
	if (notes)
		notes->shift = 64 - bits;
	return notes;
}

void shunt_notes_free(struct shunt_notes *notes)
{
	kvfree(notes);
}

static u16 this_second(void)
{
	return jiffies / HZ;
}

static bool is_over(const union note_data *data)
{
	return !data->mark || (u16)(this_second() - data->second) > NOTE_SECONDS;
}

static union note_data read_slot(const struct note_slot *slot)
{
	return (union note_data){ .word = READ_ONCE(slot->data) };
}

static void write_slot(struct note_slot *slot, u64 key, u64 data)
{
	WRITE_ONCE(slot->check, key ^ data);
	WRITE_ONCE(slot->data, data);
}

/* What a client is known by now. */
static u64 key_of(const struct shunt_notes *notes, u64 hash)
{
	return hash ^ READ_ONCE(notes->epoch);
}

static struct note_set *set_of(struct shunt_notes *notes, u64 key)
{
	return &notes->set[key >> notes->shift];
}

/* The slot of a client in its set, or NULL. */
static struct note_slot *slot_of(struct shunt_notes *notes, u64 key)
{
	struct note_set *set = set_of(notes, key);
	unsigned int i;

	for (i = 0; i < NOTE_WAYS; i++)
		if ((READ_ONCE(set->slot[i].check) ^ READ_ONCE(set->slot[i].data)) == key)
			return &set->slot[i];
	return NULL;
}

/* Where another client's place is least missed: what is over, or else the oldest. */
static struct note_slot *slot_to_take(struct shunt_notes *notes, u64 key)
{
	struct note_set *set = set_of(notes, key);
	unsigned int i, oldest = 0;
	u16 age, most = 0;

	for (i = 0; i < NOTE_WAYS; i++) {
		union note_data data = read_slot(&set->slot[i]);

		if (is_over(&data))
			return &set->slot[i];
		age = this_second() - data.second;
		if (age > most) {
			oldest = i;
			most = age;
		}
	}
	return &set->slot[oldest];
}

struct shunt_note shunt_note_find(struct shunt_notes *notes, u64 hash)
{
	const struct note_slot *slot = slot_of(notes, key_of(notes, hash));
	struct shunt_note note = {};
	union note_data data;

	if (!slot)
		return note;
	data = read_slot(slot);
	if (is_over(&data))
		return note;
	note.mark = data.mark;
	note.index = data.index;
	return note;
}

void shunt_note_write(struct shunt_notes *notes, u64 hash, struct shunt_note note)
{
	union note_data data = {
		.mark = note.mark,
		.index = note.index,
		.second = this_second(),
	};
	u64 key = key_of(notes, hash);

	write_slot(slot_of(notes, key) ?: slot_to_take(notes, key), key, data.word);
}

void shunt_note_forget(struct shunt_notes *notes, u64 hash)
{
	struct note_slot *slot = slot_of(notes, key_of(notes, hash));

	if (slot)
		write_slot(slot, 0, 0);
}

void shunt_notes_forget(struct shunt_notes *notes)
{
	WRITE_ONCE(notes->epoch, notes->epoch + 1);
}
