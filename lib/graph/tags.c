/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * graph/tags.c -- words and numbers on arrows to ports and classes
 *
 * A name is looked for in this order: ports of the filter that the arrow leaves
 * (match), groups that it sorts into (sqli), names of the class that its blocks carry,
 * which may have been given further up (http). A number is always a class.
 */
#include <errno.h>

#include "graph/build.h"

enum sl_class_type sl_node_class(const struct sl_node *classer)
{
	if (!classer)
		return SL_CLASS_NONE;
	if (classer->type->class != SL_CLASS_NONE)
		return classer->type->class;
	return classer->type->class_find ? SL_CLASS_GROUP : SL_CLASS_NONE;
}

static const char *kind_words(enum sl_class_type kind)
{
	switch (kind) {
	case SL_CLASS_PORT:
		return "a port";
	case SL_CLASS_PROTO:
		return "an IP protocol";
	case SL_CLASS_ICMP:
		return "an ICMP type";
	case SL_CLASS_GROUP:
		return "a group";
	case SL_CLASS_NUMBER:
	case SL_CLASS_NONE:
		break;
	}
	return "a class";
}

static int port_find(const struct sl_filter_type *t, const char *name)
{
	int i;

	for (i = 0; t->ports && t->ports[i].name; i++)
		if (!strcmp(t->ports[i].name, name))
			return i + 1;
	return -ENOENT;
}

/* The port whose blocks carry names of the filter's own, or 0. */
static int groups_port(const struct sl_filter_type *t)
{
	int i;

	for (i = 0; t->ports && t->ports[i].name; i++)
		if (t->ports[i].groups)
			return i + 1;
	return 0;
}

static bool names_known(const struct sl_node *n)
{
	return !sl_bnode_of((struct sl_node *)n)->no_classes;
}

/* A name of the class that blocks on port 0 carry. */
static int class_find(const struct sl_node *classer, const char *name, uint32_t *out)
{
	switch (sl_node_class(classer)) {
	case SL_CLASS_PORT:
		return sl_service_find(name, out);
	case SL_CLASS_PROTO:
		return sl_proto_find(name, out);
	case SL_CLASS_ICMP:
		return sl_icmp_find(name, out);
	case SL_CLASS_GROUP:
	case SL_CLASS_NUMBER:
		if (classer->type->class_find && names_known(classer))
			return classer->type->class_find(classer->shared, name, out);
		break;
	case SL_CLASS_NONE:
		break;
	}
	return -ENOENT;
}

/* ---- suggestions --------------------------------------------------- */

static void near_groups(struct sl_near *near, const struct sl_node *n, int bias)
{
	const char *name;
	unsigned int i;

	if (!n->type->class_at || !names_known(n))
		return;
	for (i = 0; i < 4096 && (name = n->type->class_at(n->shared, i)); i++)
		sl_near_add(near, name, bias);
}

static void near_outs(struct sl_near *near, const struct sl_bstream *s)
{
	unsigned int i;

	for (i = 0; s->from_macro && i < s->from_macro->n_junctions; i++)
		if (s->from_macro->junctions[i].out && s->from_macro->junctions[i].name)
			sl_near_add(near, s->from_macro->junctions[i].name, 0);
}

/* The likeliest name is an out of the macro that no arrow leaves: which of the two has the slip? */
static bool blame_out(struct sl_build *b, struct sl_bstream *s, const struct sl_rtag *tag,
		      const struct sl_near *near)
{
	const struct sl_junction *j;
	struct sl_diag_new *d;

	if (!near->n || !s->from_macro)
		return false;
	j = sl_junction_of(s->from_macro, true, near->best[0].word);
	if (!j || j->uses || !sl_blame_declared(tag->name, j->name))
		return false;
	d = sl_err(b->ds, "E132", j->at, "the output '%s' is never used, and there is no '%s'", j->name,
		   tag->name);
	sl_err_label(d, "did you mean '%s'?", tag->name);
	sl_err_fix(d, "%s", tag->name);
	sl_err_also(d, tag->at, "it is used here");
	return true;
}

static void near_names(struct sl_near *near, const struct sl_bstream *s, const struct sl_node *classer)
{
	const struct sl_filter_type *t = s->s.from->type;
	const char *name;
	unsigned int i;

	for (i = 0; t->ports && t->ports[i].name; i++)
		sl_near_add(near, t->ports[i].name, 0);
	near_outs(near, s);
	if (groups_port(t))
		near_groups(near, s->s.from, 0);
	sl_near_add(near, "else", 1);
	switch (sl_node_class(classer)) {
	case SL_CLASS_PORT:
		for (i = 0; (name = sl_service_at(i)); i++)
			sl_near_add(near, name, i < 12 ? 3 : 6);	/* common ones come first */
		break;
	case SL_CLASS_PROTO:
		for (i = 0; (name = sl_proto_at(i)); i++)
			sl_near_add(near, name, 3);
		break;
	case SL_CLASS_ICMP:
		for (i = 0; (name = sl_icmp_at(i)); i++)
			sl_near_add(near, name, 3);
		break;
	case SL_CLASS_GROUP:
	case SL_CLASS_NUMBER:
		near_groups(near, classer, 3);
		break;
	case SL_CLASS_NONE:
		break;
	}
}

static void say_offers(struct sl_build *b, struct sl_diag_new *d, const struct sl_bstream *s)
{
	const struct sl_filter_type *t = s->s.from->type;
	char *offers = NULL;
	unsigned int i;
	const char *name;

	for (i = 0; t->ports && t->ports[i].name; i++)
		offers = sl_build_printf(b, "%s%s%s", offers ? offers : "", offers ? ", " : "",
					 t->ports[i].name);
	if (groups_port(t) && t->class_at && names_known(s->s.from))
		for (i = 0; i < 8 && (name = t->class_at(s->s.from->shared, i)); i++)
			if (port_find(t, name) < 0)
				offers = sl_build_printf(b, "%s, %s", offers, name);
	if (offers)
		sl_err_note(d, "'%s' offers: %s", t->name, offers);
}

static void no_such_name(struct sl_build *b, struct sl_bstream *s, const struct sl_rtag *tag,
			 const struct sl_node *classer)
{
	struct sl_diag_new *d;
	struct sl_near near;

	sl_near_init(&near, tag->name);
	near_names(&near, s, classer);
	s->broken = true;
	if (blame_out(b, s, tag, &near))
		return;
	if (!classer && !s->s.from->type->ports && !near.n) {
		d = sl_err(b->ds, "E133", tag->at, "blocks have no class here");
		sl_err_label(d, "no filter before this arrow gives them one");
		sl_err_note(d, "filters that do: ip, tcp, udp, icmp, ...: streamline inspect");
		sl_build_in(s->scope, d);
		return;
	}
	if (classer)
		d = sl_err(b->ds, "E132", tag->at, "'%s' is neither %s nor anything else that '%s' offers",
			   tag->name, kind_words(sl_node_class(classer)), s->s.from->type->name);
	else
		d = sl_err(b->ds, "E132", tag->at, "'%s' offers no '%s'", s->s.from->type->name, tag->name);
	sl_near_tell(&near, d, "", "");
	say_offers(b, d, s);
	sl_build_in(s->scope, d);
}

/* ---- one tag ------------------------------------------------------- */

static uint64_t class_max(enum sl_class_type kind)
{
	switch (kind) {
	case SL_CLASS_PORT:
		return 65535;
	case SL_CLASS_PROTO:
	case SL_CLASS_ICMP:
		return 255;
	default:
		return UINT32_MAX;
	}
}

static bool number_tag(struct sl_build *b, struct sl_bstream *s, const struct sl_rtag *tag,
		       const struct sl_node *classer, struct sl_term *term)
{
	enum sl_class_type kind = sl_node_class(classer);
	struct sl_diag_new *d;
	uint64_t max;

	if (kind == SL_CLASS_NONE) {
		d = sl_err(b->ds, "E133", tag->at, "blocks have no class here");
		sl_err_label(d, "no filter before this arrow gives them one");
		say_offers(b, d, s);
		sl_err_note(d, "filters that give one: ip, tcp, udp, icmp, ...: streamline inspect");
		sl_build_in(s->scope, d);
		return false;
	}
	if (kind == SL_CLASS_GROUP) {
		d = sl_err(b->ds, "E132", tag->at, "groups of '%s' have names, not numbers", classer->type->name);
		say_offers(b, d, s);
		sl_build_in(s->scope, d);
		return false;
	}
	if (tag->lo > tag->hi) {
		d = sl_err(b->ds, "E134", tag->at, "the range ends before it begins");
		sl_err_fix(d, "%llu..%llu", (unsigned long long)tag->hi, (unsigned long long)tag->lo);
		sl_build_in(s->scope, d);
		return false;
	}
	max = class_max(kind);
	if (tag->hi > max) {
		d = sl_err(b->ds, "E134", tag->at, "%llu is not %s", (unsigned long long)tag->hi, kind_words(kind));
		sl_err_label(d, "they go from 0 to %llu", (unsigned long long)max);
		sl_build_in(s->scope, d);
		return false;
	}
	term->kind = SL_TERM_CLASS;
	term->lo = (uint32_t)tag->lo;
	term->hi = (uint32_t)tag->hi;
	return true;
}

/* "80", or a variable with a text of digits, where nothing has that name. */
static bool is_number(const char *s, uint64_t *n)
{
	*n = 0;
	if (!*s || strlen(s) > 10)
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		*n = *n * 10 + (uint64_t)(*s - '0');
	return !*s;
}

static bool name_tag(struct sl_build *b, struct sl_bstream *s, const struct sl_rtag *tag,
		     const struct sl_node *classer, struct sl_term *term)
{
	struct sl_node *from = s->s.from;
	int port = port_find(from->type, tag->name), groups = groups_port(from->type);
	enum sl_class_type kind = sl_node_class(classer);
	struct sl_rtag number = *tag;
	struct sl_near near, outs;

	if (port > 0) {
		term->kind = SL_TERM_PORT;
		term->port = (uint8_t)port;
		return true;
	}
	term->kind = SL_TERM_CLASS;
	if (groups && from->type->class_find && names_known(from) &&
	    from->type->class_find(from->shared, tag->name, &term->lo) >= 0) {
		term->port = (uint8_t)groups;
		term->hi = term->lo;
		return true;
	}
	if (class_find(classer, tag->name, &term->lo) >= 0) {
		term->hi = term->lo;
		return true;
	}
	if (kind != SL_CLASS_NONE && kind != SL_CLASS_GROUP && is_number(tag->name, &number.lo)) {
		number.hi = number.lo;
		return number_tag(b, s, &number, classer, term);
	}
	/* names that live in a file which was not read: anything but an obvious slip */
	if ((groups && !names_known(from)) || (kind == SL_CLASS_GROUP && !names_known(classer))) {
		unsigned int i;

		sl_near_init(&near, tag->name);
		for (i = 0; from->type->ports && from->type->ports[i].name; i++)
			sl_near_add(&near, from->type->ports[i].name, 0);
		sl_near_add(&near, "else", 0);
		sl_near_init(&outs, tag->name);
		near_outs(&outs, s);
		if (!outs.n && (!near.n || near.best[0].cost > 18)) {
			term->port = (uint8_t)groups;
			return true;
		}
	}
	no_such_name(b, s, tag, classer);
	return false;
}

/* ---- all tags of an arrow ------------------------------------------ */

static bool is_bare(const char *s)
{
	if (!*s || (*s >= '0' && *s <= '9') || !strcmp(s, "else"))
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
		      *s == '_'))
			return false;
	return true;
}

static char *quoted(struct sl_build *b, const char *s)
{
	char *out = sl_build_alloc(b, strlen(s) * 4 + 3), *p = out;

	*p++ = '"';
	for (; *s; s++) {
		if (*s == '"' || *s == '\\' || *s == '$')
			*p++ = '\\';
		if ((unsigned char)*s < ' ')
			p += sprintf(p, "\\x%02x", (unsigned char)*s);
		else
			*p++ = *s;
	}
	*p++ = '"';
	*p = '\0';
	return out;
}

/* As SRL prints it. */
static char *tag_text(struct sl_build *b, const struct sl_rtag *tag)
{
	const char *no = tag->negate ? "!" : "";

	switch (tag->kind) {
	case SL_T_NUMBER:
		if (tag->lo == tag->hi)
			return sl_build_printf(b, "%s%llu", no, (unsigned long long)tag->lo);
		return sl_build_printf(b, "%s%llu..%llu", no, (unsigned long long)tag->lo,
				       (unsigned long long)tag->hi);
	case SL_T_ANY:
		return sl_build_printf(b, "%s*", no);
	case SL_T_ELSE:
		return sl_build_printf(b, "%selse", no);
	default:
		return sl_build_printf(b, "%s%s", no, is_bare(tag->name) ? tag->name : quoted(b, tag->name));
	}
}

static unsigned int port_type(const struct sl_node *n, unsigned int port)
{
	unsigned int type = port ? n->type->ports[port - 1].type : n->out_type;

	return type == SL_SAME ? n->in_type : type;
}

/* The one type of the blocks that the terms let through; 0 and an error if there are two. */
static unsigned int terms_type(struct sl_build *b, struct sl_bstream *s)
{
	struct sl_tags *t = &s->s.tags;
	unsigned int i, type = 0;
	bool positive = false;
	struct sl_diag_new *d;

	for (i = 0; i < t->n_terms; i++)
		positive |= !t->terms[i].negate;
	for (i = 0; i < t->n_terms; i++) {
		unsigned int one = port_type(s->s.from, t->terms[i].port);

		if (t->terms[i].negate && positive)
			continue;
		if (!type)
			type = one;
		if (one != type) {
			d = sl_err(b->ds, "E131", s->s.span, "these tags select %s and %s",
				   sl_type_words(type), sl_type_words(one));
			sl_err_label(d, "one arrow carries one type: write two");
			sl_build_in(s->scope, d);
			s->broken = true;
			return 0;
		}
	}
	return type;
}

/* -!match->: what does not match leaves on the plain arrow, not on that port. */
static bool only_without_port(struct sl_build *b, struct sl_bstream *s)
{
	struct sl_tags *t = &s->s.tags;
	struct sl_diag_new *d;
	unsigned int i;

	for (i = 0; i < t->n_terms; i++)
		if (!t->terms[i].negate || t->terms[i].kind != SL_TERM_PORT)
			return false;
	if (!t->n_terms || t->any || t->other)
		return false;
	d = sl_err(b->ds, "E132", s->s.span, "this arrow would take nothing");
	sl_err_label(d, "what is not '%s' leaves on the plain arrow", s->tags[0].name);
	sl_err_fix(d, ">");
	sl_build_in(s->scope, d);
	s->broken = true;
	return true;
}

static void finish(struct sl_build *b, struct sl_bstream *s, const struct sl_node *classer)
{
	struct sl_tags *t = &s->s.tags;
	const struct sl_filter_type *type = s->s.from->type;
	unsigned int i;

	s->classer = classer;
	s->class_unknown = sl_bnode_of(s->s.from)->class_unknown;
	s->type_unknown = sl_bnode_of(s->s.from)->type_unknown || s->broken;
	if (s->broken || only_without_port(b, s)) {
		s->class_unknown = true;
		return;
	}
	s->s.type = t->n_terms ? terms_type(b, s) : port_type(s->s.from, 0);
	for (i = 0; i < t->n_terms; i++) {
		unsigned int port = t->terms[i].port;

		if (!port || t->terms[i].negate)
			continue;
		if (type->ports[port - 1].groups) {
			s->classer = s->s.from;
			s->class_unknown = false;
		}
		if (type->ports[port - 1].type != SL_SAME)
			s->type_unknown = s->broken;
	}
	if (!s->s.type && !s->broken && !s->type_unknown) {
		struct sl_diag_new *d;

		d = sl_err(b->ds, "E153", s->s.span, "'%s' passes nothing on", type->name);
		say_offers(b, d, s);
		sl_build_in(s->scope, d);
		s->broken = true;
	}
}

void sl_tags_of(struct sl_build *b, struct sl_bstream *s)
{
	struct sl_bnode *from = sl_bnode_of(s->s.from);
	const struct sl_node *classer = from->n.classer;
	struct sl_tags *t = &s->s.tags;
	char *text = NULL;
	unsigned int i;

	t->plain = s->plain;
	t->text = "";
	for (i = 0; i < s->n_tags; i++) {
		struct sl_rtag *tag = &s->tags[i];
		struct sl_term term = { .negate = tag->negate };
		bool ok = true;

		text = sl_build_printf(b, "%s%s%s", text ? text : "", text ? "," : "", tag_text(b, tag));
		if (tag->unknown) {
			s->broken = true;
			continue;
		}
		switch (tag->kind) {
		case SL_T_ANY:
		case SL_T_ELSE:
			if (tag->negate) {
				sl_build_in(s->scope, sl_err(b->ds, "E132", tag->at,
							     "'%s' cannot be negated", tag_text(b, tag) + 1));
				s->broken = true;
			}
			*(tag->kind == SL_T_ANY ? &t->any : &t->other) = true;
			continue;
		case SL_T_NUMBER:
			if (from->class_unknown && !classer)
				continue;
			ok = number_tag(b, s, tag, classer, &term);
			break;
		default:
			if (from->class_unknown && port_find(from->n.type, tag->name) < 0)
				continue;
			ok = name_tag(b, s, tag, classer, &term);
			break;
		}
		if (ok) {
			struct sl_term *slot = sl_build_push(b, (void **)&t->terms, &t->n_terms, sizeof(*slot));

			*slot = term;
		} else {
			s->broken = true;
		}
	}
	if (t->other && (t->any || s->n_tags > 1) && !s->broken) {
		sl_build_in(s->scope, sl_err(b->ds, "E132", s->s.span, "'else' stands alone on its arrow"));
		s->broken = true;
	}
	if (text)
		t->text = text;
	finish(b, s, classer);
}
