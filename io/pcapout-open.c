/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* io/pcapout-open.c -- see pcapout.h */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pcapout.h"

static uint64_t hash_of(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (*name)
		h = (h ^ (uint8_t)*name++) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

int sl_pcapout_grow(struct pcapout *s)
{
	uint32_t size = s->hash_size ? s->hash_size * 4 : 64;
	struct pcapout_file **hash = calloc(size, sizeof(*hash));

	if (!hash)
		return -ENOMEM;
	for (struct pcapout_file *o = s->all; o; o = o->next) {
		struct pcapout_file **at = &hash[hash_of(o->file.to.path) & (size - 1)];

		o->hash_next = *at;
		*at = o;
	}
	free(s->hash);
	s->hash = hash;
	s->hash_size = size;
	return 0;
}

/* The open files, the one that was used last in front. */
static void unlist(struct pcapout *s, struct sl_capfile *c)
{
	*(c->newer ? &c->newer->older : &s->newest) = c->older;
	*(c->older ? &c->older->newer : &s->oldest) = c->newer;
	c->newer = c->older = NULL;
	s->n_open--;
}

static void list(struct pcapout *s, struct sl_capfile *c)
{
	c->older = s->newest;
	c->newer = NULL;
	*(s->newest ? &s->newest->newer : &s->oldest) = c;
	s->newest = c;
	s->n_open++;
}

/* Close the file that was used least recently, for a while. False: none is open. */
static bool give_way(struct sl_filter *f)
{
	struct pcapout *s = sl_state(f);
	struct sl_capfile *c = s->oldest;

	if (!c)
		return false;
	if (((struct pcapout_file *)c)->under_way)
		sl_pcapout_settle(f, true);
	unlist(s, c);
	sl_target_pause(&c->to);
	return true;
}

static void make_room(struct sl_filter *f)
{
	struct pcapout *s = sl_state(f);

	if (s->n_open >= s->max_open)
		give_way(f);
}

int sl_pcapout_use(struct sl_filter *f, struct pcapout_file *o)
{
	struct pcapout *s = sl_state(f);
	struct sl_capfile *c = &o->file;
	int r = 0;

	if (c->to.fd >= 0) {
		if (s->newest != c) {
			unlist(s, c);
			list(s, c);
		}
		return 0;
	}
	make_room(f);
	r = sl_target_resume(&c->to);
	while ((r == -EMFILE || r == -ENFILE) && give_way(f))
		r = sl_target_resume(&c->to);
	if (r == 0)
		list(s, c);
	return r;
}

int sl_pcapout_new(struct sl_filter *f, const char *name, struct pcapout_file **res)
{
	struct pcapout *s = sl_state(f);
	struct pcapout_file *o = calloc(1, sizeof(*o)), **at;
	int r;

	if (!o || (s->n_all >= s->hash_size && sl_pcapout_grow(s) < 0)) {
		free(o);
		return sl_fail(f, "E302", "out of memory for %s", name);
	}
	make_room(f);
	r = sl_capfile_open(&o->file, name, s->ng);
	/* The process may have fewer descriptors left than we would take. */
	while ((r == -EMFILE || r == -ENFILE) && give_way(f))
		r = sl_capfile_open(&o->file, name, s->ng);
	if (r < 0) {
		free(o);
		return sl_fail(f, "E206", "cannot write %s: %s", name, sl_target_why(r));
	}
	o->file.names = s->names;
	if (!o->file.to.regular && !s->in_line) {
		/* Who reads from a pipe sees things when they are written, and we see that he left. */
		sl_pcapout_settle(f, true);
		sl_writer_stop(&s->writer);
		s->in_line = true;
	}
	list(s, &o->file);
	at = &s->hash[hash_of(name) & (s->hash_size - 1)];
	o->hash_next = *at;
	*at = o;
	*s->all_end = o;
	s->all_end = &o->next;
	s->n_all++;
	sl_count(&s->files);
	*res = o;
	return 0;
}

static int out_named(struct sl_filter *f, const char *name, struct pcapout_file **res)
{
	struct pcapout *s = sl_state(f);
	struct pcapout_file *o = s->hash_size ? s->hash[hash_of(name) & (s->hash_size - 1)] : NULL;

	while (o && strcmp(o->file.to.path, name))
		o = o->hash_next;
	*res = o;
	return o ? 0 : sl_pcapout_new(f, name, res);
}

int sl_pcapout_of(struct sl_filter *f, struct sl_block *b, struct pcapout_file **res)
{
	struct pcapout *s = sl_state(f);
	bool nano = s->precision == SL_CLOCK_NS ||
		    (s->precision == SL_CLOCK_AUTO && b->flags & SL_B_NANO);
	char name[PCAPOUT_NAME];
	struct pcapout_file *o;
	int r;

	sl_pcapout_name(f, b, name, sizeof(name));
	r = out_named(f, name, &o);
	if (r < 0)
		return r;
	if (!o->file.ng && o->file.to.begun && o->file.link != b->link) {
		char buf[16];

		if (!strcmp(name, "-")) {
			if (!s->said_link)
				sl_trouble(f, "E206", true, "standard output is a pcap file of one link type, and "
					   "there are packets of another (%s): write format=pcapng",
					   sl_pcapout_link(b->link, buf, sizeof(buf)));
			s->said_link = true;
			return 1;
		}
		sl_pcapout_add_link(name, sizeof(name), b->link);
		r = out_named(f, name, &o);
		if (r < 0)
			return r;
	}
	if (o->error)
		return 2;
	if (!o->file.to.begun) {
		r = sl_pcapout_use(f, o);
		if (r == 0)
			r = sl_capfile_begin(&o->file, b->link, nano);
		if (r < 0)
			o->error = r;
		if (r < 0)
			return sl_fail(f, "E206", "cannot write %s: %s", name, sl_target_why(r));
	}
	s->memo = o;
	s->memo_class = b->class;
	s->memo_link = b->link;
	*res = o;
	return 0;
}
