/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/part.c -- loads the stages of a part and joins them
 *
 * Every stage is an object of its own. Maps that stages share are made here and given
 * to each object in place of the one that it declares; what a stage is told lies in its
 * read-only data, which the verifier sees as constants. The commit stage stands
 * behind all others; where it is only known by its index, so that any stage can be
 * replaced in a running part without touching the rest.
 */
#include "kern/part_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "kern/body.h"
#include "kern/kernel.h"
#include "kern/objects.h"

#define LOG_BYTES	(1u << 20)
#define VERDICT_NEXT	(-1)		/* TCX_NEXT, TC_ACT_UNSPEC: whoever comes next decides */

int sl_kpart_fail(struct sl_kpart_error *e, unsigned int stage, int error, const char *fmt, ...)
{
	va_list ap;

	e->stage = stage;
	e->error = error < 0 ? -error : error;
	va_start(ap, fmt);
	vsnprintf(e->what, sizeof(e->what), fmt, ap);
	va_end(ap);
	return -e->error;
}

/* libbpf would print; what it says of a program comes by the verifier's log. */
static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

/* ---- one object ---------------------------------------------------- */

/* A `const volatile` variable of an object gets its value. */
static int set_variable(struct bpf_object *o, const char *name, const void *value, size_t size)
{
	const struct btf *btf = bpf_object__btf(o);
	const struct btf_var_secinfo *v;
	const struct btf_type *t;
	struct bpf_map *m;
	size_t room;
	uint8_t *data;
	int id;

	id = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -ENOENT;
	if (id < 0)
		return -ENOENT;
	bpf_object__for_each_map(m, o) {
		const char *n = bpf_map__name(m);

		if (bpf_map__is_internal(m) && strlen(n) > 7 && !strcmp(n + strlen(n) - 7, ".rodata"))
			break;
	}
	data = m ? (uint8_t *)(uintptr_t)bpf_map__initial_value(m, &room) : NULL;
	if (!data)
		return -ENOENT;
	t = btf__type_by_id(btf, (uint32_t)id);
	v = btf_var_secinfos(t);
	for (unsigned int i = 0; i < btf_vlen(t); i++, v++) {
		const struct btf_type *var = btf__type_by_id(btf, v->type);

		if (strcmp(btf__name_by_offset(btf, var->name_off), name))
			continue;
		if (v->size != size || v->offset + size > room)
			return -EINVAL;
		memcpy(data + v->offset, value, size);
		return 0;
	}
	return -ENOENT;
}

static int share_maps(struct sl_kpart *p, struct bpf_object *o)
{
	const struct { const char *name; int fd; } shared[] = {
		{ "scratch", p->scratch_fd }, { "stages", p->stages_fd }, { "ring", p->rings.fd },
		{ "control", p->rings.control_fd }, { "bell", p->rings.bell_fd },
		{ "replay", p->replay_fd },
	};
	struct bpf_map *m;
	int r;

	for (unsigned int i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		m = bpf_object__find_map_by_name(o, shared[i].name);
		if (!m)
			continue;
		r = bpf_map__reuse_fd(m, shared[i].fd);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Packets are seen by no stage and cross one border, whole: capture.bpf.c is enough. */
static bool is_plain(const struct sl_kpart *p)
{
	if (p->o.carrier == SL_CARRIER_RINGBUF)
		return false;
	for (unsigned int i = 0; i < p->o.n_stages; i++) {
		const struct sl_kstage *s = &p->stages[i];

		if (!s->entry || s->n_arrows != 1 || s->arrows[0].stage != SL_K_NONE || !s->arrows[0].plain ||
		    s->arrows[0].need < UINT16_MAX || s->arrows[0].find)
			return false;
		for (unsigned int k = 0; k < s->n_ifs; k++)
			if (!s->ifs[k].ifindex)
				return false;
	}
	return true;
}

static void base_conf(const struct sl_kpart *p, struct sl_kconf *c, unsigned int self)
{
	*c = (struct sl_kconf){
		.hook = p->o.hook, .self = self, .commit = p->commit, .up = SL_K_NONE, .up_stream = SL_K_NONE,
		.plain = p->plain ? SL_K_PLAIN | (p->o.shared ? SL_K_TO_ALL : 0) : 0,
	};
	if (p->o.hook == SL_K_XDP) {
		c->pass = XDP_PASS;
		c->swallow = p->o.inline_mode ? XDP_DROP : XDP_PASS;
	} else {
		c->pass = c->swallow = VERDICT_NEXT;
	}
}

static void set_arrows(struct sl_kconf *c, const struct sl_kstage *s)
{
	c->n_arrows = s->n_arrows;
	memcpy(c->arrows, s->arrows, sizeof(s->arrows));
	for (unsigned int i = 0; i < s->n_arrows; i++)
		if (s->arrows[i].find)
			c->find |= 1u << i;
}

struct load {			/* an object on its way */
	const char *form, *program;
	unsigned int stage;	/* n_stages: the commit stage */
	struct sl_kconf conf;
	const struct sl_kernel *said;
	const struct sl_kentrance *entrance;
	const struct sl_kring *ring;
};

static int prepare_object(struct sl_kpart *p, struct bpf_object *o, const struct load *l,
			  struct bpf_program **prog)
{
	struct bpf_program *each;
	const struct sl_kernel_item *i;
	int r;

	/* what a form has beside its stage is for sl_kernel_view_run() */
	bpf_object__for_each_program(each, o)
		bpf_program__set_autoload(each, l->said);
	*prog = bpf_object__find_program_by_name(o, l->program);
	if (!*prog)
		return -ENOENT;
	bpf_program__set_autoload(*prog, true);
	if (p->o.hook == SL_K_TC) {
		bpf_program__set_type(*prog, BPF_PROG_TYPE_SCHED_CLS);
		bpf_program__set_expected_attach_type(*prog, 0);
	}
	r = set_variable(o, "conf", &l->conf, sizeof(l->conf));
	if (!r && l->entrance)
		r = set_variable(o, "entrance", l->entrance, sizeof(*l->entrance));
	if (!r && l->ring)
		r = set_variable(o, "ring_conf", l->ring, sizeof(*l->ring));
	for (i = l->said ? l->said->items : NULL; !r && i; i = i->next) {
		if (i->kind != SL_ITEM_VARIABLE) {
			struct bpf_map *m = bpf_object__find_map_by_name(o, i->name);

			if (!m)
				r = -ENOENT;
			else if (i->kind == SL_ITEM_TABLE)
				r = bpf_map__set_value_size(m, (uint32_t)i->size);
			else
				r = bpf_map__set_max_entries(m, *(const uint32_t *)i->data);
		} else {
			r = set_variable(o, i->name, i->data, i->size);
		}
	}
	return r ? r : share_maps(p, o);
}

static int fill_tables(struct bpf_object *o, const struct sl_kernel *said)
{
	const struct sl_kernel_item *i;
	uint32_t zero = 0;

	for (i = said ? said->items : NULL; i; i = i->next) {
		struct bpf_map *m = i->kind == SL_ITEM_TABLE ? bpf_object__find_map_by_name(o, i->name) : NULL;

		if (m && bpf_map_update_elem(bpf_map__fd(m), &zero, i->data, BPF_ANY) < 0)
			return -errno;
	}
	return 0;
}

/* The end of a log is where the verifier says what it did not like. */
static char *last_words(const char *log)
{
	size_t n = strlen(log);

	while (n && (log[n - 1] == '\n' || log[n - 1] == ' '))
		n--;
	return n ? strndup(log + (n > 4000 ? n - 4000 : 0), n > 4000 ? 4000 : n) : NULL;
}

static bool keep_object(struct sl_kpart *p, struct bpf_object *o)
{
	struct bpf_object **more = realloc(p->objects, (p->n_objects + 1) * sizeof(*more));

	if (!more) {
		bpf_object__close(o);
		return false;
	}
	p->objects = more;
	p->objects[p->n_objects++] = o;
	return true;
}

/* The form once more, behind the classic programs that its filter said. */
static int load_behind(struct sl_kpart *p, const struct load *l, const struct bpf_program *prog,
		       struct sl_kpart_error *e)
{
	char *log = calloc(1, LOG_BYTES);
	int fd;

	if (!log)
		return sl_kpart_fail(e, l->stage, ENOMEM, "out of memory");
	fd = sl_kbody_load(l->said, p->o.hook, p->scratch_fd, bpf_program__insns(prog),
			   (unsigned int)bpf_program__insn_cnt(prog), log, LOG_BYTES);
	if (fd < 0) {
		e->verifier = last_words(log);
		sl_kpart_fail(e, l->stage, fd, "the kernel does not take the kernel form '%s'", l->form);
	} else {
		p->behind_fd[l->stage] = fd;
	}
	free(log);
	return fd;
}

/* Loads an object; its program's descriptor, or a negative errno with *e filled. */
static int load_object(struct sl_kpart *p, const struct load *l, struct sl_kpart_error *e)
{
	const struct sl_kernel_object *k = sl_kernel_object(l->form);
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "sl");
	struct bpf_program *prog;
	struct bpf_object *o;
	char *log;
	int r;

	if (!k)
		return sl_kpart_fail(e, l->stage, ENOENT, "no kernel form '%s' in this library", l->form);
	o = bpf_object__open_mem(k->elf, k->size, &opts);
	if (!o)
		return sl_kpart_fail(e, l->stage, errno, "cannot open the kernel form '%s'", l->form);
	if (!keep_object(p, o))
		return sl_kpart_fail(e, l->stage, ENOMEM, "out of memory");
	r = prepare_object(p, o, l, &prog);
	if (r < 0)
		return sl_kpart_fail(e, l->stage, r, "cannot set the kernel form '%s' up", l->form);
	log = calloc(1, LOG_BYTES);
	if (!log)
		return sl_kpart_fail(e, l->stage, ENOMEM, "out of memory");
	bpf_program__set_log_buf(prog, log, LOG_BYTES);
	r = bpf_object__load(o);
	if (r < 0) {
		e->verifier = last_words(log);
		free(log);
		return sl_kpart_fail(e, l->stage, r, "the kernel does not take the kernel form '%s'", l->form);
	}
	bpf_program__set_log_buf(prog, NULL, 0);
	free(log);
	if (l->said)
		p->stage_object[l->stage] = o;
	r = fill_tables(o, l->said);
	if (r < 0)
		return sl_kpart_fail(e, l->stage, r, "cannot fill the tables of the kernel form '%s'", l->form);
	return l->said && l->said->classic ? load_behind(p, l, prog, e) : bpf_program__fd(prog);
}

static int join(struct sl_kpart *p, unsigned int stage, int prog_fd, struct sl_kpart_error *e)
{
	uint32_t key = stage;

	if (bpf_map_update_elem(p->stages_fd, &key, &prog_fd, BPF_ANY) < 0)
		return sl_kpart_fail(e, stage, errno, "cannot join the stages");
	return 0;
}

/* ---- the part ------------------------------------------------------ */

static struct sl_kring ring_of(const struct sl_kpart *p)
{
	return (struct sl_kring){
		.base = p->rings.base, .stride = p->rings.stride, .size = p->rings.size,
		.n_cpus = p->rings.n_cpus,
#if !defined(__x86_64__) && !defined(__i386__) && !defined(__s390x__)
		.weak_order = 1,
#endif
	};
}

static int load_commit(struct sl_kpart *p, struct sl_kpart_error *e)
{
	struct sl_kring ring = ring_of(p);
	static const char *const forms[] = {
		[SL_CARRIER_ARENA] = "commit-arena", [SL_CARRIER_ARRAY] = "commit-array",
		[SL_CARRIER_RINGBUF] = "commit-ringbuf",
	};
	struct load l = {
		.form = forms[p->o.carrier],
		.program = "commit", .stage = p->o.n_stages, .ring = &ring,
	};
	int fd;

	base_conf(p, &l.conf, p->commit);
	fd = load_object(p, &l, e);
	return fd < 0 ? fd : join(p, p->commit, fd, e);
}

static int load_stage(struct sl_kpart *p, unsigned int i, struct sl_kpart_error *e)
{
	const struct sl_kstage *s = &p->stages[i];
	struct load l = { .program = "stage", .stage = i };
	struct sl_kernel said;
	int fd;

	fd = sl_kernel_bind(&said, s->type, s->state, s->shared, &p->where);
	if (fd < 0) {
		fd = sl_kpart_fail(e, i, fd, "'%s' cannot run in the kernel: %s", s->name, said.why);
	} else {
		if (said.classic && !p->windows && p->entered) {
			sl_kernel_done(&said);
			return sl_kpart_fail(e, i, EBUSY, "'%s' needs what entries do not prepare", s->name);
		}
		p->windows |= said.classic != NULL;
		l.form = said.form;
		l.said = &said;
		base_conf(p, &l.conf, i);
		if (s->type->flags & SL_F_UNDECIDED) {
			l.conf.up = s->up;
			l.conf.up_stream = s->up_stream;
		}
		set_arrows(&l.conf, s);
		fd = load_object(p, &l, e);
	}
	sl_kernel_done(&said);
	return fd < 0 ? fd : join(p, i, fd, e);
}

/* Some stage looks for headers by itself, to cut a frame behind them. */
static bool looks_for_headers(const struct sl_kpart *p)
{
	for (unsigned int i = 0; i < p->o.n_stages; i++)
		for (unsigned int a = 0; a < p->stages[i].n_arrows; a++)
			if (p->stages[i].arrows[a].find)
				return true;
	return false;
}

/*
 * A capture without stages jumps nowhere, so that nothing of it is bound to `sl_stages`, by which
 * sweep.h knows whose a filter of clsact is. It is bound, and filled with the entry itself: when
 * the last descriptor goes the kernel empties it, which also ends the circle of program and map.
 */
static int sign(struct sl_kpart *p, unsigned int stage, int prog_fd, struct sl_kpart_error *e)
{
	if (bpf_prog_bind_map(prog_fd, p->stages_fd, NULL) < 0)
		return sl_kpart_fail(e, stage, errno, "cannot bind the stages");
	return join(p, stage, prog_fd, e);
}

static int load_entry(struct sl_kpart *p, unsigned int i, const struct sl_kif *at, bool egress,
		      struct sl_kpart_error *e)
{
	const struct sl_kstage *s = &p->stages[i];
	struct sl_kentrance entrance = {
		.replay = !at->ifindex, .shared = p->o.shared, .snap = s->snap, .window = p->windows,
		.link = at->link, .iface = at->iface,
		.flags = !at->ifindex ? 0 : egress ? SL_B_OUT : SL_B_IN,
	};
	struct sl_kring ring = ring_of(p);
	struct load l = {
		.form = !p->plain ? "entry" : p->o.carrier == SL_CARRIER_ARENA ? "capture-arena" : "capture-array",
		.program = p->o.hook == SL_K_XDP ? "entry_xdp" : "entry_tc",
		.stage = i, .entrance = &entrance, .ring = p->plain ? &ring : NULL,
	};
	struct sl_khooked *more;
	int fd;

	base_conf(p, &l.conf, i);
	set_arrows(&l.conf, s);
	fd = load_object(p, &l, e);
	if (fd < 0)
		return fd;
	if (p->plain && p->o.hook == SL_K_TC) {
		int r = sign(p, i, fd, e);

		if (r < 0)
			return r;
	}
	more = realloc(p->hooked, (p->n_hooked + 1) * sizeof(*more));
	if (!more)
		return sl_kpart_fail(e, i, ENOMEM, "out of memory");
	p->hooked = more;
	p->hooked[p->n_hooked++] = (struct sl_khooked){
		.stage = i, .at = *at, .egress = egress, .prog_fd = fd, .link_fd = -1,
	};
	return 0;
}

/* An entry has a program for each interface and direction. */
static int load_entries(struct sl_kpart *p, unsigned int i, struct sl_kpart_error *e)
{
	const struct sl_kstage *s = &p->stages[i];
	int r = 0;

	for (unsigned int k = 0; !r && k < s->n_ifs; k++) {
		if (s->in || !s->ifs[k].ifindex)
			r = load_entry(p, i, &s->ifs[k], false, e);
		/* what goes out on the loopback (always number 1) comes in again, and once is enough */
		if (!r && s->out && !(s->in && s->ifs[k].ifindex == 1) && s->ifs[k].ifindex && p->o.hook == SL_K_TC)
			r = load_entry(p, i, &s->ifs[k], true, e);
	}
	p->stages[i].ifs = NULL;
	return r;
}

static int load_all(struct sl_kpart *p, struct sl_kpart_error *e)
{
	int r = p->plain ? 0 : load_commit(p, e);

	for (unsigned int i = 0; !r && i < p->o.n_stages; i++)
		if (!p->stages[i].entry)
			r = load_stage(p, i, e);
	/* entries last: they prepare what the stages look at */
	p->entered = true;
	for (unsigned int i = 0; !r && i < p->o.n_stages; i++)
		if (p->stages[i].entry)
			r = load_entries(p, i, e);
	return r;
}

/* Where it is, and what links packets can be of. Those that are fed say it themselves: any. */
static void find_place(struct sl_kpart *p)
{
	p->where.hook = p->o.hook == SL_K_TC ? SL_KERNEL_TC : p->o.inline_mode ? SL_KERNEL_XDP : SL_KERNEL_XDP_TAP;
	for (unsigned int i = 0; i < p->o.n_stages; i++) {
		const struct sl_kstage *s = &p->stages[i];

		for (unsigned int k = 0; s->entry && k < s->n_ifs; k++) {
			if (!s->ifs[k].ifindex)
				memset(p->where.links, 0xff, sizeof(p->where.links));
			sl_kernel_links_add(p->where.links, s->ifs[k].link);
		}
	}
}

int sl_kpart_new(const struct sl_kpart_opts *o, struct sl_kpart **out, struct sl_kpart_error *e)
{
	libbpf_print_fn_t before = libbpf_set_print(silent);
	struct sl_kpart *p;
	int r;

	*e = (struct sl_kpart_error){ .stage = o->n_stages };
	p = calloc(1, sizeof(*p));
	if (!p || o->n_stages >= SL_K_STAGES) {
		free(p);
		libbpf_set_print(before);
		return sl_kpart_fail(e, o->n_stages, p ? E2BIG : ENOMEM, p ? "too many stages" : "out of memory");
	}
	p->o = *o;
	p->o.stages = NULL;
	memcpy(p->stages, o->stages, o->n_stages * sizeof(*o->stages));
	p->commit = o->n_stages;
	p->plain = is_plain(p);
	p->windows = (o->window || looks_for_headers(p)) && o->hook == SL_K_TC;
	find_place(p);
	memset(p->behind_fd, -1, sizeof(p->behind_fd));
	p->scratch_fd = p->stages_fd = p->replay_fd = -1;
	r = sl_krings_new(&p->rings, o->carrier, o->ring_bytes, o->shared);
	if (r < 0) {
		sl_kpart_fail(e, o->n_stages, r, "cannot make a ring");
		goto fail;
	}
	p->scratch_fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "sl_scratch", 4,
				       (sizeof(struct sl_kscratch) + 7) & ~7u, 1, NULL);
	p->stages_fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "sl_stages", 4, 4, SL_K_STAGES, NULL);
	p->replay_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sl_replay", 4, sizeof(struct sl_kreplay), 1, NULL);
	if (p->scratch_fd < 0 || p->stages_fd < 0 || p->replay_fd < 0) {
		r = sl_kpart_fail(e, o->n_stages, errno, "cannot make maps");
		goto fail;
	}
	r = load_all(p, e);
	if (r < 0)
		goto fail;
	libbpf_set_print(before);
	*out = p;
	return 0;
fail:
	sl_kpart_free(p);
	libbpf_set_print(before);
	return r;
}

static void drop_object(struct sl_kpart *p, struct bpf_object *o)
{
	struct bpf_map *m;
	unsigned int i = 0;

	while (i < p->n_objects && p->objects[i] != o)
		i++;
	if (i == p->n_objects)
		return;
	bpf_object__for_each_map(m, o)
		if (bpf_map__fd(m) >= 0)
			sl_kernel_unmap(p, bpf_map__fd(m));
	p->objects[i] = p->objects[--p->n_objects];
	bpf_object__close(o);
}

/*
 * The jump to the stage is aimed at the new program in one store, so each packet meets one
 * of the two. The old one goes when the last packet has left it: the kernel sees to that.
 */
int sl_kpart_replace(struct sl_kpart *p, unsigned int stage, const struct sl_kstage *as, struct sl_kpart_error *e)
{
	libbpf_print_fn_t before = libbpf_set_print(silent);
	struct bpf_object *old_object = p->stage_object[stage < SL_K_STAGES ? stage : 0];
	unsigned int n_objects = p->n_objects;
	struct sl_kstage old;
	int old_behind, r;

	*e = (struct sl_kpart_error){ .stage = p->o.n_stages };
	if (stage >= p->o.n_stages || p->stages[stage].entry || as->entry) {
		libbpf_set_print(before);
		return sl_kpart_fail(e, stage, EINVAL, "only filters can be replaced");
	}
	old = p->stages[stage];
	old_behind = p->behind_fd[stage];
	p->stages[stage] = *as;
	p->behind_fd[stage] = -1;
	r = load_stage(p, stage, e);
	if (r < 0) {
		if (p->behind_fd[stage] >= 0)
			close(p->behind_fd[stage]);
		p->stages[stage] = old;
		p->behind_fd[stage] = old_behind;
		p->stage_object[stage] = old_object;
		while (p->n_objects > n_objects)
			drop_object(p, p->objects[p->n_objects - 1]);
	} else {
		drop_object(p, old_object);
		if (old_behind >= 0)
			close(old_behind);
	}
	libbpf_set_print(before);
	return r;
}

int sl_kpart_attach(struct sl_kpart *p, struct sl_kpart_error *e)
{
	int r;

	*e = (struct sl_kpart_error){ .stage = p->o.n_stages };
	for (unsigned int i = 0; i < p->n_hooked; i++) {
		if (!p->hooked[i].at.ifindex)
			continue;
		r = sl_khook(p, &p->hooked[i], e);
		if (r < 0) {
			sl_kpart_detach(p);
			return r;
		}
	}
	return 0;
}

int sl_kpart_add(struct sl_kpart *p, unsigned int entry, const struct sl_kif *at, struct sl_kpart_error *e)
{
	libbpf_print_fn_t before = libbpf_set_print(silent);
	unsigned int first = p->n_hooked;
	int r;

	*e = (struct sl_kpart_error){ .stage = p->o.n_stages };
	p->stages[entry].ifs = at;
	p->stages[entry].n_ifs = 1;
	r = load_entries(p, entry, e);
	for (unsigned int i = first; !r && i < p->n_hooked; i++)
		r = sl_khook(p, &p->hooked[i], e);
	for (unsigned int i = first; r < 0 && i < p->n_hooked; i++)
		sl_kunhook(p, &p->hooked[i]);
	if (r < 0)
		p->n_hooked = first;	/* the programs go with the part */
	libbpf_set_print(before);
	return r;
}

int sl_kpart_rehook(struct sl_kpart *p, unsigned int entry, uint16_t iface, int ifindex,
		    struct sl_kpart_error *e)
{
	int r = 0;

	*e = (struct sl_kpart_error){ .stage = p->o.n_stages };
	for (unsigned int i = 0; !r && i < p->n_hooked; i++) {
		struct sl_khooked *h = &p->hooked[i];

		if (h->stage != entry || h->at.iface != iface)
			continue;
		sl_kunhook(p, h);
		h->at.ifindex = ifindex;
		if (ifindex)
			r = sl_khook(p, h, e);
	}
	return r;
}

void sl_kpart_detach(struct sl_kpart *p)
{
	for (unsigned int i = 0; i < p->n_hooked; i++)
		sl_kunhook(p, &p->hooked[i]);
}

void sl_kpart_free(struct sl_kpart *p)
{
	if (!p)
		return;
	sl_kpart_detach(p);
	sl_kernel_unmap(p, -1);
	for (unsigned int i = 0; i < p->n_objects; i++)
		bpf_object__close(p->objects[i]);
	free(p->objects);
	for (unsigned int i = 0; i < SL_K_STAGES; i++)
		if (p->behind_fd[i] >= 0)
			close(p->behind_fd[i]);
	free(p->hooked);
	if (p->stages_fd >= 0)
		close(p->stages_fd);
	if (p->scratch_fd >= 0)
		close(p->scratch_fd);
	if (p->replay_fd >= 0)
		close(p->replay_fd);
	sl_krings_done(&p->rings);
	free(p);
}

const char *sl_kpart_hooked(const struct sl_kpart *p)
{
	return p->how ? p->how : "nowhere";
}

int sl_kpart_feed(struct sl_kpart *p, unsigned int entry, const void *frame, uint32_t len,
		  const struct sl_kreplay *as)
{
	LIBBPF_OPTS(bpf_test_run_opts, t, .data_in = frame, .data_size_in = len, .repeat = 1);
	uint32_t zero = 0;

	if (bpf_map_update_elem(p->replay_fd, &zero, as, BPF_ANY) < 0)
		return -errno;

	for (unsigned int i = 0; i < p->n_hooked; i++) {
		if (p->hooked[i].stage != entry)
			continue;
		return bpf_prog_test_run_opts(p->hooked[i].prog_fd, &t) < 0 ? -errno : 0;
	}
	return -ENOENT;
}

/* ---- counters ------------------------------------------------------ */

static void add(struct sl_ktally *to, const struct sl_ktally *from)
{
	to->blocks += from->blocks;
	to->bytes += from->bytes;
}

/* What stages leave to their arrows to count: see struct sl_kcount. */
static void derive(const struct sl_kpart *p, struct sl_kpart_counts *c)
{
	for (unsigned int i = 0; i < p->o.n_stages; i++) {
		const struct sl_kstage *s = &p->stages[i];

		if (s->n_arrows == 1)
			add(&c->stage[i].out, &c->moved[s->arrows[0].stream]);
		for (unsigned int k = 0; k < s->n_arrows; k++)
			if (s->arrows[k].stage != SL_K_NONE)
				add(&c->stage[s->arrows[k].stage].in, &c->moved[s->arrows[k].stream]);
	}
	for (unsigned int i = 0; i < p->o.n_stages; i++) {
		if (!p->stages[i].entry)
			continue;
		add(&c->stage[i].in, &c->stage[i].out);
		add(&c->stage[i].in, &c->stage[i].filtered);
	}
}

int sl_kpart_read(struct sl_kpart *p, struct sl_kpart_counts *out)
{
	size_t each = (sizeof(struct sl_kscratch) + 7) & ~7u;
	uint8_t *all = malloc(p->rings.n_cpus * each);
	uint32_t zero = 0;

	if (!all)
		return -ENOMEM;
	if (bpf_map_lookup_elem(p->scratch_fd, &zero, all) < 0) {
		free(all);
		return -errno;
	}
	memset(out, 0, sizeof(*out));
	for (unsigned int c = 0; c < p->rings.n_cpus; c++) {
		const struct sl_kscratch *s = (const struct sl_kscratch *)(all + c * each);

		out->gso_frames += s->gso_frames;
		for (unsigned int i = 0; i < SL_K_STAGES; i++) {
			add(&out->stage[i].out, &s->counts[i].out);
			add(&out->stage[i].filtered, &s->counts[i].filtered);
			add(&out->stage[i].lost, &s->counts[i].lost);
			add(&out->turned[i], &s->turned[i]);
			add(&out->extra[i], &s->extra[i]);
			for (unsigned int v = 0; v < SL_K_VALUES; v++)
				out->values[i][v] += s->values[i][v];
		}
		for (unsigned int i = 0; i < SL_K_STREAMS; i++) {
			add(&out->moved[i], &s->moved[i]);
			add(&out->refused[i], &s->refused[i]);
		}
	}
	free(all);
	derive(p, out);
	return 0;
}
