/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/options.c -- what stands in brackets: options of arrows, spaces, and `set`
 *
 * All three are lists of key=value with keys known here, so they share one
 * reader: look the key up, refuse what is unknown or given twice, read the value
 * by its kind.
 */
#include "graph/build.h"
#include "lang/units.h"

enum kind {
	OPT_SIZE,
	OPT_COUNT,
	OPT_CHOICE,
	OPT_WORD,
	OPT_WORDS,	/* one or a list */
};

struct option {
	const char *name;
	enum kind kind;
	const char *const *choices;
	uint64_t min, max;
};

struct option_value {
	bool given;
	struct sl_span at;
	uint64_t n;
	const char *text;	/* choice, word: its text */
	const char *shown;	/* as SRL */
};

#define OPTIONS_MAX 8

static const char *const drop_choices[] = { "oldest", "newest", NULL };
static const char *const copy_choices[] = { "never", NULL };
static const char *const overflow_choices[] = { "block", "drop-oldest", "drop-newest", NULL };
static const char *const kernel_choices[] = { "auto", "off", NULL };
static const char *const policy_choices[] = { "other", "fifo", "rr", "batch", "idle", NULL };

enum { ARROW_BUFFER, ARROW_BATCH, ARROW_DROP, ARROW_NAME, ARROW_COPY };
static const struct option arrow_options[] = {
	{ "buffer", OPT_SIZE, NULL, 1, 0 },
	{ "batch", OPT_COUNT, NULL, 1, SL_BATCH_MAX },
	{ "drop", OPT_CHOICE, drop_choices, 0, 0 },
	{ "name", OPT_WORD, NULL, 0, 0 },
	{ "copy", OPT_CHOICE, copy_choices, 0, 0 },
	{ 0 }
};

enum { PLACE_CPU, PLACE_POLICY, PLACE_NAME, PLACE_TRANSPORT, PLACE_WORKERS };
static const struct option place_options[] = {
	{ "cpu", OPT_WORDS, NULL, 0, 0 },
	{ "policy", OPT_CHOICE, policy_choices, 0, 0 },
	{ "name", OPT_WORD, NULL, 0, 0 },
	{ "transport", OPT_WORD, NULL, 0, 0 },
	{ "workers", OPT_COUNT, NULL, 1, 64 },
	{ 0 }
};

enum { SET_WORKERS, SET_BUFFER, SET_BATCH, SET_OVERFLOW, SET_KERNEL };
static const struct option set_options[] = {
	{ "workers", OPT_COUNT, NULL, 1, 64 },
	{ "buffer", OPT_SIZE, NULL, 1, 0 },
	{ "batch", OPT_COUNT, NULL, 1, SL_BATCH_MAX },
	{ "overflow", OPT_CHOICE, overflow_choices, 0, 0 },
	{ "kernel", OPT_CHOICE, kernel_choices, 0, 0 },
	{ 0 }
};

struct family {
	const struct option *options;
	const char *unknown_code, *unknown, *takes;
};

static const struct family arrow_family = {
	arrow_options, "E112", "a stream has no option '%s'", "streams take: ",
};
static const struct family place_family = {
	place_options, "E117", "a space has no option '%s'", "spaces take: ",
};
static const struct family set_family = {
	set_options, "E116", "there is no setting '%s'", "settings are: ",
};

static const char *list_of(struct sl_build *b, const struct family *fam)
{
	const struct option *o;
	char *s = sl_build_printf(b, "%s", fam->takes);

	for (o = fam->options; o->name; o++)
		s = sl_build_printf(b, "%s%s%s", s, o == fam->options ? "" : ", ", o->name);
	return s;
}

static bool read_value(struct sl_build *b, const struct option *o, const struct sl_rvalue *v,
		       struct option_value *out);

/* What would be wrong with the value, were the option the one that was meant. */
static void also_value(struct sl_build *b, struct sl_diag_new *d, const struct option *o,
		       const struct sl_rvalue *v)
{
	struct sl_diags *told = b->ds, *aside = sl_diags_new();
	struct option_value unused = { 0 };
	const struct sl_diag *why;

	if (!aside)
		return;
	b->ds = aside;
	read_value(b, o, v, &unused);
	b->ds = told;
	why = sl_diags_get(aside, 0);
	if (why)
		sl_err_also(d, v->at, "and %s%s%s", why->message,
			    why->n_labels && *why->labels[0].text ? ": " : "",
			    why->n_labels ? why->labels[0].text : "");
	sl_diags_free(aside);
}

static void no_such_option(struct sl_build *b, struct sl_scope *s, const struct family *fam,
			   const struct sl_targ *a, const struct sl_rvalue *v)
{
	const struct option *o;
	struct sl_diag_new *d;
	struct sl_near near;
	char *msg;

	if (!a->key) {
		d = sl_err(b->ds, fam->unknown_code, a->span, "an option has a name and a value");
		if (a->value.kind == SL_V_WORD || a->value.kind == SL_V_STRING) {
			sl_near_init(&near, a->value.text);
			for (o = fam->options; o->name; o++)
				sl_near_add(&near, o->name, 0);
			sl_near_tell(&near, d, "", "=");
		}
		sl_err_note(d, "%s", list_of(b, fam));
		sl_build_in(s, d);
		return;
	}
	msg = sl_build_printf(b, fam->unknown, a->key);
	d = sl_err(b->ds, fam->unknown_code, a->key_span, "%s", msg);
	sl_near_init(&near, a->key);
	for (o = fam->options; o->name; o++)
		sl_near_add(&near, o->name, 0);
	sl_near_tell(&near, d, "", "");
	for (o = fam->options; o->name; o++)
		if (near.n && !strcmp(o->name, near.best[0].word))
			also_value(b, d, o, v);
	sl_err_note(d, "%s", list_of(b, fam));
	sl_build_in(s, d);
}

/* Read one value. False after an error. */
static bool read_value(struct sl_build *b, const struct option *o, const struct sl_rvalue *v,
		       struct option_value *out)
{
	const char *const *c;
	struct sl_diag_new *d;
	struct sl_near near;
	unsigned int i;

	if (v->kind == SL_R_UNKNOWN)
		return false;
	if (v->kind == SL_R_LIST) {
		char *s;

		if (o->kind != OPT_WORDS) {
			d = sl_err(b->ds, "E122", v->at, "'%s' takes one value, not a list", o->name);
			return false;
		}
		s = sl_build_printf(b, "[");
		for (i = 0; i < v->n_items; i++)
			s = sl_build_printf(b, "%s%s%s", s, i ? ", " : "",
					    sl_build_word(b, v->items[i].text, v->items[i].len));
		out->shown = out->text = sl_build_printf(b, "%s]", s);
		return true;
	}
	out->text = sl_build_strn(b, v->text, v->len);
	out->shown = sl_build_word(b, v->text, v->len);
	switch (o->kind) {
	case OPT_SIZE:
		if (sl_parse_size(out->text, v->at, o->name, &out->n, b->ds))
			return false;
		break;
	case OPT_COUNT:
		if (sl_parse_count(out->text, v->at, o->name, &out->n, b->ds))
			return false;
		break;
	case OPT_CHOICE:
		for (c = o->choices; *c; c++)
			if (!strcmp(*c, out->text))
				return true;
		d = sl_err(b->ds, "E124", v->at, "'%s' cannot be '%s'", o->name, out->text);
		sl_near_init(&near, out->text);
		for (c = o->choices; *c; c++)
			sl_near_add(&near, *c, 0);
		sl_near_tell(&near, d, "", "");
		if (!near.n && !o->choices[1])
			sl_err_fix(d, "%s", o->choices[0]);
		out->shown = o->choices[0];
		for (c = o->choices + 1; *c; c++)
			out->shown = sl_build_printf(b, "%s, %s", out->shown, *c);
		sl_err_note(d, "it can be: %s", out->shown);
		return false;
	case OPT_WORD:
		if (v->len)
			return true;
		sl_err(b->ds, "E122", v->at, "'%s' needs a word", o->name);
		return false;
	case OPT_WORDS:
		return true;
	}
	if (out->n < o->min || (o->max && out->n > o->max)) {
		if (o->max)
			d = sl_err(b->ds, "E123", v->at, "'%s' is from %llu to %llu", o->name,
				   (unsigned long long)o->min, (unsigned long long)o->max);
		else
			d = sl_err(b->ds, "E123", v->at, "'%s' is at least %llu", o->name,
				   (unsigned long long)o->min);
		sl_err_fix(d, "%llu", (unsigned long long)(out->n < o->min ? o->min : o->max));
		return false;
	}
	return true;
}

/* Read all options into values[]; returns how they print, or NULL when there are none. */
static const char *read_options(struct sl_build *b, struct sl_scope *s, const struct family *fam,
				const struct sl_targ *args, unsigned int n,
				struct option_value *values)
{
	char *shown = NULL;
	unsigned int i, k;

	for (i = 0; i < n && !sl_build_enough(b); i++) {
		unsigned int before = sl_diags_count(b->ds);
		struct option_value v = { .given = true, .at = args[i].span };
		struct sl_rvalue r;

		for (k = 0; fam->options[k].name; k++)
			if (args[i].key && !strcmp(fam->options[k].name, args[i].key))
				break;
		r = sl_resolve(b, s, &args[i].value);
		if (!fam->options[k].name) {
			no_such_option(b, s, fam, &args[i], &r);
			continue;
		}
		if (values[k].given) {
			struct sl_diag_new *d;

			d = sl_err(b->ds, "E113", args[i].span, "'%s' is given twice", args[i].key);
			sl_err_also(d, values[k].at, "first here");
			sl_build_in(s, d);
			continue;
		}
		if (!read_value(b, &fam->options[k], &r, &v)) {
			sl_build_in_since(b, s, before);
			values[k].given = true;
			values[k].at = args[i].span;
			continue;
		}
		v.at = r.at;
		values[k] = v;
		shown = sl_build_printf(b, "%s%s%s=%s", shown ? shown : "", shown ? " " : "",
					args[i].key, v.shown);
	}
	return shown;
}

void sl_options_arrow(struct sl_build *b, struct sl_scope *s, const struct sl_tlink *l,
		      struct sl_bstream *out)
{
	struct option_value v[OPTIONS_MAX] = { 0 };
	const char *shown = read_options(b, s, &arrow_family, l->opts, l->n_opts, v);

	if (shown)
		out->s.opts = sl_build_printf(b, "[%s]", shown);
	out->s.buffer_bytes = v[ARROW_BUFFER].n;
	out->s.batch = v[ARROW_BATCH].n;
	out->s.drop = v[ARROW_DROP].text;
	out->s.copy = v[ARROW_COPY].text;
	if (v[ARROW_NAME].text) {
		out->named = true;
		out->s.name = v[ARROW_NAME].text;
		out->name_at = v[ARROW_NAME].at;
	}
}

void sl_options_set(struct sl_build *b, struct sl_scope *s, const struct sl_targ *args, unsigned int n)
{
	struct option_value v[OPTIONS_MAX] = { 0 };

	read_options(b, s, &set_family, args, n, v);
	if (v[SET_WORKERS].n)
		b->g->workers = (unsigned int)v[SET_WORKERS].n;
	if (v[SET_BUFFER].n)
		b->g->buffer_bytes = v[SET_BUFFER].n;
	if (v[SET_BATCH].n)
		b->g->batch = v[SET_BATCH].n;
	if (v[SET_OVERFLOW].text)
		b->g->overflow = v[SET_OVERFLOW].text;
	if (v[SET_KERNEL].text)
		b->g->kernel_off = !strcmp(v[SET_KERNEL].text, "off");
}

/* ---- spaces -------------------------------------------------------- */

static const char *const spaces[] = { "user", "kernel", "xdp", "tc", "sk", "proc", "host", "device", NULL };

/* Could a filter with a kernel form be meant to run there? The plan knows more. */
static bool is_kernel(const char *space)
{
	return !strcmp(space, "kernel") || !strcmp(space, "tc") || !strcmp(space, "xdp");
}

void sl_options_place(struct sl_build *b, struct sl_bnode *n, const struct sl_place_of *p)
{
	struct option_value v[OPTIONS_MAX] = { 0 };
	const struct sl_tplace *pl;
	struct sl_diag_new *d;
	struct sl_near near;
	struct sl_span at;
	const char *shown;
	unsigned int i;

	if (!p)
		return;
	pl = p->place;
	for (i = 0; spaces[i] && strcmp(spaces[i], pl->space); i++)
		;
	shown = read_options(b, p->scope, &place_family, pl->opts, pl->n_opts, v);
	if (!spaces[i]) {
		d = sl_err(b->ds, "E142", pl->space_span, "there is no space '%s'", pl->space);
		sl_near_init(&near, pl->space);
		for (i = 0; spaces[i]; i++)
			sl_near_add(&near, spaces[i], 0);
		sl_near_tell(&near, d, "", "");
		sl_err_note(d, "filters run in: user, kernel (tc, xdp); spaces to come: sk, proc, host");
		sl_build_in(p->scope, d);
		return;
	}
	n->n.want_space = spaces[i];
	n->n.wish = pl->wish;
	n->n.place_workers = (unsigned int)v[PLACE_WORKERS].n;
	if (shown)
		n->n.place_opts = sl_build_printf(b, "[%s]", shown);
	for (i = 0; place_options[i].name; i++)
		if (i != PLACE_WORKERS && v[i].shown)
			n->n.place_idle = sl_build_printf(b, "%s%s%s=%s", n->n.place_idle ? n->n.place_idle : "",
							  n->n.place_idle ? " " : "", place_options[i].name,
							  v[i].shown);
	at = pl->space_span;	/* with the @ */
	if (pl->span.src == at.src && pl->span.off < at.off) {
		at.len += at.off - pl->span.off;
		at.off = pl->span.off;
	}
	n->n.space_span = at;
	if (!strcmp(pl->space, "host")) {
		d = sl_err(b->ds, "E143", at, "'@host' is not there yet");
		sl_err_label(d, "streams to other machines come later");
		sl_err_note(d, "drop it, and the filter runs here");
		sl_build_in(p->scope, d);
	} else if (strcmp(pl->space, "user") && !pl->wish &&
		   !(is_kernel(pl->space) && n->n.type->kernel)) {
		d = sl_err(b->ds, "E141", at, "'%s' cannot run in space '%s'", n->n.type->name, pl->space);
		sl_err_label(d, "'%s' runs in: user%s", n->n.type->name, n->n.type->kernel ? ", kernel" : "");
		sl_err_fix(d, "@%s?", pl->space);
		sl_err_note(d, "drop '@%s', or write '@%s?' to prefer it and accept less",
			    pl->space, pl->space);
		sl_build_in(p->scope, d);
	}
}
