/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/names.c -- names: those that were not found, and those that are given
 *
 * A name that is used and not declared next to one that is declared and not used
 * is one slip, and either may be it. What tells them apart, in this order:
 *
 *	used several times in the same spelling		the declaration has it
 *	one of them is a word that we know		the other has it
 *	one is the other with a letter doubled		the longer one has it
 *	one is the other with a letter missing		the shorter one has it
 *	pairs of letters that are common in our words	the less common one has it
 *
 * Words that we know are those of the descriptors: names, briefs, help.
 */
#include <ctype.h>

#include "graph/build.h"

/* ---- which of two -------------------------------------------------- */

struct corpus {
	const char *word;
	bool known;
	unsigned int pairs[27 * 27];
};

static int letter(char c)
{
	return isalpha((unsigned char)c) ? tolower((unsigned char)c) - 'a' : 26;
}

static void corpus_text(struct corpus *c, const char *text, const char *word, bool *known)
{
	size_t n = strlen(word);
	const char *p = text;

	if (!text)
		return;
	while (*p) {
		const char *start;

		while (*p && !isalnum((unsigned char)*p))
			p++;
		for (start = p; isalnum((unsigned char)*p) || *p == '_'; p++)
			c->pairs[(p == start ? 26 : letter(p[-1])) * 27 + letter(*p)]++;
		if (p > start) {
			c->pairs[letter(p[-1]) * 27 + 26]++;
			if ((size_t)(p - start) == n && !memcmp(start, word, n))
				*known = true;
		}
	}
}

static void corpus_all(struct corpus *c, const char *a, const char *b, bool *known_a, bool *known_b)
{
	static const char common[] =
		"web mail dns host port iface device in out file files rule rules name size path "
		"rest left right main first last hits clean bad good all other server client login "
		"alert alerts log logs save saved http https ssh tls sni ftp smtp user proto addr "
		"limit time rate dir pattern patterns traffic slow fast src dst join split select "
		"source sink both local remote big small capture input output watch test check";
	const struct sl_filter_type *const *t;
	const struct sl_param *p;
	const char *s;
	unsigned int i;
	bool skip;

	corpus_text(c, common, a, known_a);
	corpus_text(c, common, b, known_b);
	for (i = 0; (s = sl_service_at(i)); i++) {
		*known_a |= !strcmp(s, a);
		*known_b |= !strcmp(s, b);
	}
	for (t = sl_types(); *t; t++) {
		*known_a |= !strcmp((*t)->name, a);
		*known_b |= !strcmp((*t)->name, b);
		corpus_text(c, (*t)->brief, a, known_a);
		corpus_text(c, (*t)->brief, b, known_b);
		for (p = (*t)->params; p && p->name; p++) {
			*known_a |= !strcmp(p->name, a);
			*known_b |= !strcmp(p->name, b);
			skip = false;
			corpus_text(c, p->help, a, known_a);
			corpus_text(c, p->help, b, &skip);
			*known_b |= skip;
		}
	}
}

/* The rarest pair of letters in a word decides. */
static unsigned int plausible(const struct corpus *c, const char *w)
{
	unsigned int worst = UINT32_MAX, n;
	const char *p;

	for (p = w; *p; p++) {
		n = c->pairs[(p == w ? 26 : letter(p[-1])) * 27 + letter(*p)];
		worst = n < worst ? n : worst;
	}
	n = c->pairs[(p == w ? 26 : letter(p[-1])) * 27 + 26];
	return n < worst ? n : worst;
}

/* `longer` is `shorter` with one letter more: is that one the double of its neighbour? */
static bool is_doubled(const char *longer, const char *shorter)
{
	size_t i = 0;

	while (shorter[i] && longer[i] == shorter[i])
		i++;
	return (i > 0 && longer[i] == longer[i - 1]) || (longer[i] && longer[i] == longer[i + 1]);
}

bool sl_blame_declared(const char *used, const char *declared)
{
	size_t lu = strlen(used), ld = strlen(declared);
	bool known_u = false, known_d = false;
	struct corpus *c = calloc(1, sizeof(*c));
	bool r;

	if (!c)
		return false;
	corpus_all(c, used, declared, &known_u, &known_d);
	if (known_u != known_d)
		r = known_u;
	else if (ld == lu + 1)
		r = is_doubled(declared, used);
	else if (lu == ld + 1)
		r = !is_doubled(used, declared);
	else
		r = plausible(c, declared) < plausible(c, used);
	free(c);
	return r;
}

/* ---- declarations that nobody used --------------------------------- */

struct idle {			/* the likeliest declaration with the slip */
	const char *name;
	struct sl_span at;
	int cost;
};

static void idle_try(struct idle *best, const char *used, const char *name, struct sl_span at)
{
	struct sl_near near;

	sl_near_init(&near, used);
	sl_near_add(&near, name, 0);
	if (near.n && (!best->name || near.best[0].cost < best->cost)) {
		best->name = name;
		best->at = at;
		best->cost = near.best[0].cost;
	}
}

/* How often was this name missed like that? */
static unsigned int times(const struct sl_build *b, const struct sl_miss *m)
{
	unsigned int i, n = 0;

	for (i = 0; i < b->n_misses; i++)
		n += b->misses[i].kind == m->kind && b->misses[i].def == m->def &&
		     (b->misses[i].at.off != m->at.off || &b->misses[i] == m) &&
		     !strcmp(b->misses[i].name, m->name);
	/* $port in a def and port= in its use are the same name */
	for (i = 0; i < b->n_misses; i++)
		n += (m->kind == SL_MISS_VAR && b->misses[i].kind == SL_MISS_KEY &&
		      b->misses[i].def == m->scope->def && !strcmp(b->misses[i].name, m->name)) ||
		     (m->kind == SL_MISS_KEY && b->misses[i].kind == SL_MISS_VAR &&
		      b->misses[i].scope->def == m->def && !strcmp(b->misses[i].name, m->name));
	return n;
}

/* All that missed the same name is explained by one error. */
static void told(struct sl_build *b, const struct sl_miss *m)
{
	unsigned int i;

	for (i = 0; i < b->n_misses; i++)
		if (!strcmp(b->misses[i].name, m->name))
			b->misses[i].told = true;
}

static bool blame(struct sl_build *b, struct sl_miss *m, const struct idle *idle, const char *code,
		  const char *what)
{
	struct sl_diag_new *d;

	if (!idle->name)
		return false;
	if (times(b, m) < 2 && !sl_blame_declared(m->name, idle->name))
		return false;
	d = sl_err(b->ds, code, idle->at, "%s '%s' is never used, and '%s' is not declared",
		   what, idle->name, m->name);
	sl_err_label(d, "did you mean '%s'?", m->name);
	sl_err_fix(d, "%s", m->name);
	sl_err_also(d, m->at, "it is used here");
	told(b, m);
	return true;
}

/* ---- what was not found -------------------------------------------- */

static int argument_bias(const struct sl_filter_type *t, const struct sl_tstage *st)
{
	const struct sl_param *p;
	unsigned int i, pos = 0, places = 0;
	int bias = 0;

	for (p = t->params; p && p->name; p++)
		places = p->pos > places ? p->pos : places;
	for (i = 0; i < st->n_args; i++) {
		if (!st->args[i].key) {
			pos++;
			continue;
		}
		for (p = t->params; p && p->name; p++)
			if (!strcmp(p->name, st->args[i].key) ||
			    (p->alias && !strcmp(p->alias, st->args[i].key)))
				break;
		bias += p && p->name ? 0 : 7;
	}
	if (pos > places)
		bias += 7;
	for (p = t->params; p && p->name && !st->n_args; p++)
		bias += p->required ? 7 : 0;
	return bias;
}

static void miss_filter(struct sl_build *b, struct sl_miss *m)
{
	const struct sl_filter_type *const *t;
	const struct sl_filter_type *best;
	struct idle idle = { 0 };
	struct sl_diag_new *d;
	struct sl_near near;
	unsigned int i;

	sl_near_init(&near, m->name);
	for (t = sl_types(); *t; t++)
		if (!((*t)->flags & SL_F_HIDDEN))
			sl_near_add(&near, (*t)->name, argument_bias(*t, m->st));
	for (i = 0; i < b->n_defs; i++) {
		sl_near_add(&near, b->defs[i]->st->name, 0);
		if (!b->defs[i]->uses && b->defs[i]->file == m->scope->file)
			idle_try(&idle, m->name, b->defs[i]->st->name, b->defs[i]->st->name_span);
	}
	if (near.n && idle.name && !strcmp(near.best[0].word, idle.name) &&
	    blame(b, m, &idle, "E104", "the def"))
		return;
	d = sl_err(b->ds, "E104", m->at, "no filter called '%s'", m->name);
	sl_near_tell(&near, d, "", "");
	if (near.n) {
		best = sl_type_find(near.best[0].word);
		if (best) {
			sl_err_note(d, "%s: %s", best->name, best->brief);
			sl_err_note(d, "see: streamline inspect '%.2s*'", best->name);
		} else {
			struct sl_def *def = sl_def_find(b, near.best[0].word);

			if (def && def->st->name_span.src == m->at.src)
				sl_err_also(d, def->st->name_span, "defined here");
		}
	} else {
		sl_err_note(d, "all filters: streamline inspect");
	}
	sl_build_in(m->scope, d);
}

static void miss_node(struct sl_build *b, struct sl_miss *m)
{
	const struct sl_filter_type *t = sl_type_find(m->name), *const *all;
	struct idle idle = { 0 };
	struct sl_diag_new *d;
	struct sl_near near, filters;
	unsigned int i;

	sl_near_init(&near, m->name);
	for (i = 0; i < m->scope->n_decls; i++) {
		const struct sl_decl *decl = &m->scope->decls[i];

		sl_near_add(&near, decl->name, 0);
		if (!decl->uses)
			idle_try(&idle, m->name, decl->name, decl->at);
	}
	if (m->scope->def) {
		sl_near_add(&near, "in", 0);
		sl_near_add(&near, "out", 0);
	}
	if (!t && idle.name && blame(b, m, &idle, "E105", "the name"))
		return;
	d = sl_err(b->ds, "E105", m->at, "no node is named '%s'", m->name);
	if (t || sl_def_find(b, m->name)) {
		sl_err_label(d, "'%s' is a filter: write (%s)", m->name, m->name);
		sl_err_fix(d, "(%s)", m->name);
	} else if (near.n) {
		sl_near_tell(&near, d, "", "");
	} else {
		sl_near_init(&filters, m->name);
		for (all = sl_types(); *all; all++)
			if (!((*all)->flags & SL_F_HIDDEN))
				sl_near_add(&filters, (*all)->name, 0);
		if (filters.n) {
			sl_err_label(d, "did you mean (%s)?", filters.best[0].word);
			sl_err_fix(d, "(%s)", filters.best[0].word);
		}
		sl_err_note(d, "a name is declared in front of its filter: (%s: tcp)", m->name);
	}
	sl_build_in(m->scope, d);
}

static void miss_var(struct sl_build *b, struct sl_miss *m)
{
	const char *dollar = m->in_string ? "" : "$";
	struct idle idle = { 0 };
	struct sl_diag_new *d;
	struct sl_near near;
	unsigned int i;

	sl_near_init(&near, m->name);
	for (i = 0; i < m->scope->n_params; i++) {
		const struct sl_var *v = &m->scope->params[i];

		sl_near_add(&near, v->name, 0);
		if (!*v->uses)
			idle_try(&idle, m->name, v->name, v->at);
	}
	for (i = 0; i < m->scope->file->n_lets; i++) {
		const struct sl_var *v = &m->scope->file->lets[i];

		sl_near_add(&near, v->name, *v->uses ? 1 : 0);
		if (!*v->uses)
			idle_try(&idle, m->name, v->name, v->at);
	}
	if (blame(b, m, &idle, "E108", "the parameter"))
		return;
	d = sl_err(b->ds, "E108", m->at, "'$%s' is not set", m->name);
	sl_near_tell(&near, d, dollar, "");
	if (!near.n)
		sl_err_note(d, "set it before, or on the command line: let %s = ...", m->name);
	sl_build_in(m->scope, d);
}

static void miss_key(struct sl_build *b, struct sl_miss *m)
{
	const struct sl_tstmt *st = m->def->st;
	struct idle idle = { 0 };
	struct sl_diag_new *d;
	struct sl_near near;
	unsigned int i, k;
	char *takes = NULL;

	sl_near_init(&near, m->name);
	for (i = 0; i < st->n_params; i++) {
		bool given = false;
		struct sl_span at = st->params[i].span;

		for (k = 0; k < m->st->n_args; k++)
			given |= m->st->args[k].key && !strcmp(m->st->args[k].key, st->params[i].name);
		sl_near_add(&near, st->params[i].name, given ? 9 : 0);
		at.len = (uint32_t)strlen(st->params[i].name);
		if (!m->def->param_uses[i])
			idle_try(&idle, m->name, st->params[i].name, at);
		takes = sl_build_printf(b, "%s%s%s", takes ? takes : "", takes ? ", " : "",
					st->params[i].name);
	}
	if (blame(b, m, &idle, "E111", "the parameter"))
		return;
	d = sl_err(b->ds, "E111", m->at, "'%s' has no parameter '%s'", st->name, m->name);
	sl_near_tell(&near, d, "", "");
	sl_err_also(d, st->name_span, "defined here");
	sl_err_note(d, "%s takes: %s", st->name, takes ? takes : "nothing");
	sl_build_in(m->scope, d);
}

static void miss_out(struct sl_build *b, struct sl_miss *m)
{
	struct idle idle = { 0 };
	struct sl_diag_new *d;
	struct sl_near near;
	unsigned int i;

	sl_near_init(&near, m->name);
	for (i = 0; i < m->macro->n_junctions; i++) {
		const struct sl_junction *j = &m->macro->junctions[i];

		if (!j->out || !j->name)
			continue;
		sl_near_add(&near, j->name, 0);
		if (!j->uses)
			idle_try(&idle, m->name, j->name, j->at);
	}
	if (blame(b, m, &idle, "E132", "the output"))
		return;
	d = sl_err(b->ds, "E132", m->at, "'%s' has no output '%s'", m->def->st->name, m->name);
	sl_near_tell(&near, d, "", "");
	sl_err_also(d, m->def->st->name_span, "defined here");
	sl_build_in(m->scope, d);
}

void sl_names_report(struct sl_build *b)
{
	unsigned int i;

	for (i = 0; i < b->n_misses; i++) {
		struct sl_miss *m = &b->misses[i];

		if (m->told)
			continue;
		switch (m->kind) {
		case SL_MISS_FILTER:
			miss_filter(b, m);
			break;
		case SL_MISS_NODE:
			miss_node(b, m);
			break;
		case SL_MISS_VAR:
			miss_var(b, m);
			break;
		case SL_MISS_KEY:
			miss_key(b, m);
			break;
		case SL_MISS_OUT:
			miss_out(b, m);
			break;
		}
	}
}

/* ---- names that are given ------------------------------------------ */

/* A set of strings, so that 4,000 nodes of one type do not take 4,000 squared steps. */
struct name_set {
	const char **slots;
	uint32_t *next;		/* for each slot: the number to try after this name */
	unsigned int size;
};

static unsigned int name_slot(const struct name_set *s, const char *name)
{
	uint32_t h = 2166136261u;
	const char *p;

	for (p = name; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	for (h &= s->size - 1; s->slots[h] && strcmp(s->slots[h], name); h = (h + 1) & (s->size - 1))
		;
	return h;
}

static void name_set_init(struct sl_build *b, struct name_set *s, unsigned int n)
{
	s->size = 16;
	while (s->size < n * 4)
		s->size *= 2;
	s->slots = sl_build_alloc(b, s->size * sizeof(*s->slots));
	s->next = sl_build_alloc(b, s->size * sizeof(*s->next));
}

static void name_add(struct name_set *s, const char *name)
{
	s->slots[name_slot(s, name)] = name;
}

static bool name_in(const struct name_set *s, const char *name)
{
	return s->slots[name_slot(s, name)] != NULL;
}

/* base, or base-2, base-3 ... if it is taken */
static const char *name_new(struct sl_build *b, struct name_set *s, const char *base)
{
	unsigned int at = name_slot(s, base);
	const char *name = base;

	if (s->slots[at]) {
		uint32_t n = s->next[at] ? s->next[at] : 2;

		do {
			name = sl_build_printf(b, "%s-%u", base, n++);
		} while (name_in(s, name));
		s->next[at] = n;
	}
	name_add(s, name);
	return name;
}

void sl_names_give(struct sl_build *b)
{
	struct sl_graph *g = b->g;
	struct name_set set;
	unsigned int i;

	name_set_init(b, &set, g->n_nodes + 1);
	for (i = 0; i < g->n_nodes; i++)
		if (*g->nodes[i]->name)
			name_add(&set, g->nodes[i]->name);
	for (i = 0; i < g->n_nodes; i++) {
		struct sl_node *n = g->nodes[i];
		struct sl_bnode *bn = sl_bnode_of(n);

		if (!*n->name && n->type)
			n->name = name_new(b, &set, sl_build_printf(b, "%s%s", bn->scope->prefix,
								     n->type->name));
	}
}

void sl_names_streams(struct sl_build *b)
{
	struct sl_graph *g = b->g;
	struct name_set set;
	unsigned int i;

	name_set_init(b, &set, g->n_streams + 1);
	for (i = 0; i < g->n_streams; i++) {
		struct sl_bstream *s = sl_bstream_of(g->streams[i]);

		if (!s->named)
			continue;
		if (name_in(&set, s->s.name) && s->scope == &b->top) {
			sl_err(b->ds, "E106", s->name_at, "two streams are called '%s'", s->s.name);
			continue;
		}
		s->s.name = name_new(b, &set, s->s.name);
	}
	for (i = 0; i < g->n_streams; i++) {
		struct sl_bstream *s = sl_bstream_of(g->streams[i]);

		if (!s->named)
			s->s.name = name_new(b, &set, *s->s.tags.text ?
				sl_build_printf(b, "%s.%s", s->s.from->name, s->s.tags.text) :
				s->s.from->name);
	}
}
