/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dring.pml -- the protocol of the data ring (lib/ring/layout.h), every interleaving
 *
 * A ring of S units; a record takes one or two of them, and a unit is what is
 * written or copied at once. Each look at shared memory and each store is a step of
 * its own, in the order of the code; where the code has a fence, its two sides stay
 * in this order, and for each fence there is a fault (below) that swaps them. So
 * what is shown is that the protocol is right when the fences hold, and that each
 * of them is needed.
 *
 *	READERS		honoured readers from the start
 *	JOINER		one more honoured reader that joins, and leaves or dies, at any moment
 *	STRANGER	a lapped reader
 *	MORTAL		the writer may die between any two steps
 *	N		records
 *
 * Shown, by assertions: no reader accepts a record that is not whole or not the
 * next (torn, overwritten); no unit that an honoured reader has not released is
 * written; claim, head and tails only grow; at the end honoured readers have every
 * record, and for lapped ones accepted + missed = published. By the absence of
 * invalid end states: nobody sleeps for ever (no wake-up is lost, on either
 * side). Nothing in here goes round without progress: every sleep is a blocked
 * guard and every bell is used up, so what cannot get stuck ends.
 *
 * run.sh runs it, and runs each fault to see that it is found.
 */
#ifndef S
#define S 4
#endif
#ifndef N
#define N 4
#endif
#ifndef READERS
#define READERS 1
#endif

#ifdef JOINER
#define SLOTS (READERS + 1)
#else
#define SLOTS READERS
#endif
/* A slot too many where there is none: an array cannot be empty. */
#define ROOM (SLOTS + 1)

byte num[S], part[S], siz[S];	/* the data: record, place in it, its size */
byte claim, head, seq, wanted;	/* the head page */
bool ended;
bool waiting[ROOM];		/* the control page */
byte tail[ROOM];
bool honoured[ROOM];
bool bell[ROOM], room;		/* eventfds: readable or not */
bool dead;			/* the writer */
bool joiner_dead;

#ifdef MORTAL
#define MAY_DIE if :: dead = true; goto died :: skip fi
#else
#define MAY_DIE skip
#endif

/* What is not looked at again shall not make two states of one. */
#define FORGET(what) atomic { what }

/* ---- writer ---- */

inline wake()
{
	i = 0;
	do
	:: i < SLOTS ->
		/* the exchange of the word of bits: all are taken at once, later ones are seen next time */
		atomic { mine = waiting[i]; waiting[i] = false };
		if
		:: mine -> bell[i] = true
		:: else
		fi;
		i++
	:: else -> break
	od;
	FORGET(i = 0; mine = false)
}

inline submit()
{
	if
	:: next != head ->
		seq = n;
#ifdef FAULT_LOOK_BEFORE_HEAD
		wake();
		head = next
#else
		head = next;
		wake()
#endif
	:: else
	fi
}

/* sl_dring_more(): got tells whether there is room for need */
inline more()
{
	submit();
	i = 0;
	behind = 0;
	do
	:: i < SLOTS ->
		if
		:: honoured[i] ->
			look = tail[i];
			if
			:: next - look > behind && look < next -> behind = next - look
			:: else
			fi
		:: else
		fi;
		i++
	:: else -> break
	od;
	lim = next - behind + S;
	got = next + need <= lim;
	if
	:: got ->
		/* exactly, or with some stride */
		if
		:: myclaim = next + need
		:: next + need < lim -> myclaim = next + need + 1
		fi;
#ifndef FAULT_CLAIM_AFTER_BYTES
		assert(myclaim >= claim);
		claim = myclaim
#endif
	:: else
	fi;
	FORGET(lim = 0; behind = 0; look = 0; i = 0)
}

proctype writer()
{
	byte next, myclaim, n, need, lim, behind, look, i, k;
	bool mine, got;

	do
	:: n < N ->
		MAY_DIE;
		if
		:: need = 1
		:: need = 2
		fi;
		do
		:: next + need <= myclaim -> break
		:: else ->
			more();
			if
			:: got -> break
			:: else
			fi;
#ifdef FAULT_TAILS_BEFORE_WANTED
			more();
			if
			:: got -> break
			:: else
			fi;
			wanted = next + need - S;
#else
			wanted = next + need - S;
			more();
			if
			:: got -> wanted = 0; break
			:: else
			fi;
#endif
			MAY_DIE;
			atomic { room -> room = false };
			wanted = 0
		od;
#ifdef FAULT_HEAD_BEFORE_BYTES
		head = next + need;
#endif
		got = false;
		k = 0;
		do
		:: k < need ->
			d_step {
				num[(next + k) % S] = n;
				part[(next + k) % S] = k;
				siz[(next + k) % S] = need
			};
			k++;
			MAY_DIE
		:: else -> break
		od;
#ifdef FAULT_CLAIM_AFTER_BYTES
		claim = myclaim;
#endif
		atomic { next = next + need; n++; k = 0; need = 0 };
		if
		:: submit()	/* or let the batch grow */
		:: skip
		fi
	:: else -> break
	od;
	submit();
	ended = true;
	wake();
died:
	skip
}

/* ---- honoured readers ---- */

/* Sleep until there is something, or nothing will come: over. */
inline await(h)
{
	do
	:: over = ended || dead;
		if
		:: head != pos -> over = false; break
		:: else
		fi;
		if
		:: over -> break
		:: else
		fi;
		waiting[h] = true;
#ifndef FAULT_NO_SECOND_LOOK
		if
		:: head == pos && !ended ->
#endif
			bell[h] || dead;	/* of a writer's death its pidfd tells */
			waiting[h] = false;
			bell[h] = false
#ifndef FAULT_NO_SECOND_LOOK
		:: else -> waiting[h] = false
		fi
#endif
	od
}

inline take_one()
{
	size = siz[pos % S];
	assert(part[pos % S] == 0);
	if
	:: !joined ->
		/* number unknown until now: never after what seq said later */
		assert(num[pos % S] <= want);
		want = num[pos % S];
		joined = true
	:: else
	fi;
	assert(num[pos % S] == want);
	k = 1;
	do
	:: k < size ->
		assert(num[(pos + k) % S] == want && part[(pos + k) % S] == k);
		k++
	:: else -> break
	od;
	/* and the beginning is still there */
	assert(num[pos % S] == want && part[pos % S] == 0);
	atomic { pos = pos + size; want++; size = 0; k = 0 }
}

inline let_go(h)
{
	old = tail[h];
#ifdef FAULT_WANTED_BEFORE_TAIL
	look = wanted;
	tail[h] = pos;
#else
	tail[h] = pos;
	look = wanted;
#endif
	if
	:: old < look && look <= pos -> room = true
	:: else
	fi;
	FORGET(old = 0; look = 0; seen = 0)
}

proctype reader(byte h)
{
	byte pos, seen, want, size, old, look, k;
	bool over, joined = true;

	do
	:: await(h);
		if
		:: over -> break
		:: else
		fi;
		seen = head;
		do
		:: pos != seen ->
			take_one();
			if
			:: break
			:: skip
			fi
		:: else -> break
		od;
		let_go(h)
	od;
	assert(pos == head);
	assert(dead || want == N)
}

#ifdef JOINER
/* Its slot is the last one. */
proctype joiner()
{
	byte pos, seen, want, size, old, look, k;
	bool over, joined;

	/* sl_dring_slot_open(): the owner, on its behalf */
	pos = head;
	tail[READERS] = pos;
	honoured[READERS] = true;
#ifndef FAULT_JOIN_AT_FIRST_LOOK
	pos = head;
	tail[READERS] = pos;
#endif
#ifndef FAULT_JOIN_SILENTLY
	if
	:: wanted != 0 -> room = true
	:: else
	fi;
#endif
	want = seq;
	do
	:: await(READERS);
		if
		:: over -> break
		:: break		/* it has enough, or is killed in its sleep */
		:: !over -> skip
		fi;
		seen = head;
		do
		:: pos != seen ->
			take_one();
			if
			:: break
			:: skip
			fi
		:: else -> break
		od;
		if
		:: let_go(READERS)
		:: break		/* killed with records in its hand */
		fi
	od;
	joiner_dead = true
}

proctype owner()
{
	joiner_dead;
	honoured[READERS] = false;
	waiting[READERS] = false;
#ifndef FAULT_CLOSE_SILENTLY
	if
	:: wanted != 0 -> room = true
	:: else
	fi
#endif
}
#endif

/* ---- a lapped reader ---- */

#ifdef STRANGER
#ifdef FAULT_CHECK_BEFORE_COPY
#define CHECK_BEFORE whole = claim <= pos + S
#define CHECK_AFTER skip
#else
#define CHECK_BEFORE skip
#define CHECK_AFTER whole = claim <= pos + S
#endif

proctype stranger()
{
	byte pos, want, got_num, got_part, size, records, lost, s;
	bool over, whole;

	do
	:: over = ended || dead;
		if
		:: head != pos ->
			CHECK_BEFORE;
			d_step { got_num = num[pos % S]; got_part = part[pos % S]; size = siz[pos % S] };
			CHECK_AFTER;
			if
			:: !whole -> pos = head
			:: else ->
				assert(got_part == 0 && got_num >= want);
				if
				:: size == 2 ->
					CHECK_BEFORE;
					d_step { s = num[(pos + 1) % S]; got_part = part[(pos + 1) % S] };
					CHECK_AFTER;
					assert(!whole || (s == got_num && got_part == 1))
				:: else
				fi;
				if
				:: !whole -> pos = head
				:: else ->
					d_step { lost = lost + got_num - want; want = got_num + 1; records++; pos = pos + size };
					assert(pos <= head)
				fi
			fi;
			FORGET(got_num = 0; got_part = 0; size = 0; s = 0; whole = false; over = false)
		:: else ->
			if
			:: over -> break
			:: else -> head != pos || ended || dead		/* naps */
			fi
		fi
	od;
	/* sl_dring_settle() */
	if
	:: seq > want -> lost = lost + seq - want; want = seq
	:: else
	fi;
	assert(records + lost == want);
	assert(dead || want == N)
}
#endif

init {
	byte h;

	atomic {
		h = 0;
		do
		:: h < READERS -> honoured[h] = true; run reader(h); h++
		:: else -> break
		od;
#ifdef JOINER
		run joiner();
		run owner();
#endif
#ifdef STRANGER
		run stranger();
#endif
		run writer()
	}
}
