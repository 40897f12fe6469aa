/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/supply.c -- sources that the request leaves out
 *
 * Every filter that takes something and that no arrow reaches is a head. Each
 * file of -r, and the interface of -i, becomes one source, and feeds every head. A filter that can also
 * begin a pipeline (exec) does so.
 */
#include "graph/build.h"

static bool is_head(const struct sl_bnode *n)
{
	const struct sl_filter_type *t = n->n.type;

	if (!t || !t->in || n->tainted || t->pull || n->gone)
		return false;
	return !n->junction_out;
}

/* The heads, in text order. */
static struct sl_bnode **heads_of(struct sl_build *b, unsigned int *n_out)
{
	struct sl_bnode **heads = NULL, **slot;
	unsigned int i, n = 0;

	for (i = 0; i < b->n_streams; i++)
		if (!b->streams[i]->gone)
			b->streams[i]->s.to->n_in = 1;
	for (i = 0; i < b->n_nodes; i++) {
		if (!is_head(b->nodes[i]) || b->nodes[i]->n.n_in)
			continue;
		slot = sl_build_push(b, (void **)&heads, &n, sizeof(*slot));
		*slot = b->nodes[i];
	}
	for (i = 0; i < b->n_nodes; i++)
		b->nodes[i]->n.n_in = 0;
	*n_out = n;
	return heads;
}

/* Its first file (-r), or its first parameter (-i), is `path`. */
static struct sl_bnode *source_of(struct sl_build *b, const struct sl_filter_type *t, const char *option,
				  const char *path)
{
	struct sl_bnode *n = sl_build_node(b, t);
	struct sl_rvalue v = { .kind = SL_R_TEXT, .text = path, .len = strlen(path) };
	struct sl_source *src = sl_source_new(option, path, v.len), **held;
	unsigned int i;

	if (!src)
		longjmp(b->no_memory, 1);
	held = sl_arena_push(b->arena, (void **)&b->g->sources, &b->g->n_sources, sizeof(*held));
	if (!held) {
		sl_source_put(src);
		longjmp(b->no_memory, 1);
	}
	*held = src;
	v.at = (struct sl_span){ src, 0, (uint32_t)v.len };
	n->n.supplied = true;
	n->brief_name = t->name;
	sl_bind(b, n, NULL, 0);
	for (i = 0; i < n->n.n_bound; i++) {
		if (n->n.bound[i].param->type != SL_P_IN_FILE && !(t->flags & SL_F_LIVE))
			continue;
		n->n.bound[i].origin = SL_BY_SUPPLY;
		n->n.bound[i].value_span = v.at;
		sl_bind_text(b, n, i, &v);
		break;
	}
	/* a live source that is given a file */
	if (t->flags & SL_F_LIVE && !strcmp(option, "-r")) {
		v.text = "replay";
		v.len = strlen(v.text);
		for (i = 0; i < n->n.n_bound; i++) {
			if (strcmp(n->n.bound[i].param->name, "via"))
				continue;
			n->n.bound[i].origin = SL_BY_SUPPLY;
			sl_bind_text(b, n, i, &v);
		}
	}
	return n;
}

static void no_source(struct sl_build *b, const struct sl_bnode *head, const struct sl_filter_type *reader)
{
	struct sl_diag_new *d;

	d = sl_err(b->ds, "E152", head->n.span, "the pipeline has no source");
	sl_err_label(d, "nothing flows into '%s'", head->junction ? head->scope->def->st->name :
		     head->brief_name);
	sl_err_note(d, "read a capture: streamline run -r FILE.pcap '...'");
	sl_err_note(d, "capture live:   streamline run -i eth0 '...'");
	if (reader)
		sl_err_note(d, "or begin with a source: (%s FILE.pcap) > ...", reader->name);
	sl_build_in(head->scope, d);
}

/* Feeds every head. */
static void supply(struct sl_build *b, const char *option, bool live, const char *what, struct sl_bnode **heads,
		   unsigned int n_heads)
{
	const struct sl_filter_type *t = sl_type_flagged(live ? SL_F_LIVE : SL_F_READS);
	struct sl_bnode *n;

	if (!t)
		return;
	n = source_of(b, t, option, what);
	sl_build_using(b, "source %s (from %s)", what, option);
	for (unsigned int i = 0; i < n_heads; i++)
		sl_build_stream(b, n, heads[i]);
}

void sl_supply_sources(struct sl_build *b)
{
	const struct sl_filter_type *t = sl_type_flagged(SL_F_READS);
	const char *const *f = b->o->read_files;
	unsigned int n_heads, n_old = b->n_nodes, n_streams = b->n_streams, n_new, k;
	struct sl_bnode **heads = heads_of(b, &n_heads);

	if (!n_heads) {
		/* after an error there may be heads that did not become nodes */
		if (((f && *f) || b->o->iface) && b->n_nodes && !sl_diags_errors(b->ds))
			sl_build_using(b, "nothing from %s (the request has its own source)",
				       b->o->iface ? "-i" : "-r");
		return;
	}
	if ((!f || !*f) && !b->o->iface) {
		if (b->o->need_source)
			no_source(b, heads[0], t);
		return;
	}
	if (b->o->iface)
		supply(b, "-i", true, b->o->iface, heads, n_heads);
	for (; f && *f; f++)
		supply(b, "-r", b->o->replay, *f, heads, n_heads);
	/* what was supplied comes first, its streams too */
	for (k = 0; k < 2; k++) {
		void **all = k ? (void **)b->streams : (void **)b->nodes;
		unsigned int n = k ? b->n_streams : b->n_nodes, old = k ? n_streams : n_old;
		void **copy = sl_build_alloc(b, n * sizeof(*copy));

		n_new = n - old;
		memcpy(copy, all + old, n_new * sizeof(*copy));
		memcpy(copy + n_new, all, old * sizeof(*copy));
		memcpy(all, copy, n * sizeof(*copy));
	}
}
