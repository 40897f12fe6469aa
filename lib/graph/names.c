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
 *	pairs of letters that are common in English	the less common one has it
 *
 * Words that we know are those of the descriptors (names, briefs, help), service
 * names, and words that people give to things.
 */
#include <ctype.h>

#include "graph/build.h"

/* ---- which of two -------------------------------------------------- */

/*
 * How common is the second letter after the first, 9 for the most, in the words of
 * technical English? Rows and columns are a to z, then the edge of a word.
 */
static const char pairs[27][28] = {
	"256523525136560516674424415",
	"654464436427436405645224416",
	"634363165065327305465211306",
	"533574326224235315545322318",
	"535644413115462437652435307",
	"534456227015436315555212406",
	"523373455005455306544220218",
	"733372106024436305454222417",
	"556555501025576414661403044",
	"644573225224346544626432226",
	"544472426124343313644243307",
	"623473207036236302554311506",
	"753373216024536622545110306",
	"625664625133245302674411207",
	"445524414146575507555453115",
	"624473355036236506564221406",
	"324313123126333224548322217",
	"634473416034546404654321407",
	"415263256034335522565220308",
	"624273257024326306544121517",
	"565454405016673506661103014",
	"733283316013335303433103306",
	"633463357034356415531222007",
	"545465136034434624463224417",
	"434342314025544603551231228",
	"513482126113415212433212446",
	"656565445235555636655444320",
};

static int letter(char c)
{
	return isalpha((unsigned char)c) ? tolower((unsigned char)c) - 'a' : 26;
}

/* How much does a word look like one? */
static int plausible(const char *w)
{
	int sum = 0, before = 26;

	for (; *w; w++) {
		sum += pairs[before][letter(*w)] - '0';
		before = letter(*w);
	}
	return sum + pairs[before][26] - '0';
}

static bool in_text(const char *text, const char *word)
{
	size_t n = strlen(word);
	const char *p;

	for (p = text; p && (p = strstr(p, word)); p++)
		if ((p == text || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[n]))
			return true;
	return false;
}

static bool is_word(const char *word)
{
	static const char common[] =
		"web mail dns host hosts port ports iface device in out file files rule rules name "
		"names size path paths rest left right main first last hit hits clean bad good all "
		"other others server client login alert alerts log logs save saved saver keep http "
		"https ssh tls sni ftp smtp user users proto addr address limit limits time rate "
		"dir pattern patterns traffic slow fast src dst join split select source target "
		"sink both local remote big small little large capture input output watch test "
		"check next back front top bottom head tail start stop begin end up down inner "
		"outer upper lower link links uplink downlink trunk trunks lan wan vlan net "
		"network subnet router switch bridge tunnel proxy cache mirror copy copies bulk "
		"batch block blocks buffer queue ring pool store storage disk memory index table "
		"list map tree graph node nodes edge edges root leaf branch chain stage stages "
		"step steps task job jobs work worker workers thread process service services app "
		"application api backend frontend gateway core base default custom normal special "
		"extra spare scan scanner scans attack attacks threat threats exploit malware "
		"virus spam noise clear dirty suspect strange odd even known unknown valid invalid "
		"error errors warning warnings info debug trace audit report reports record "
		"records event events count counter counts total sum stats metric metrics sample "
		"samples filter filters match matches miss misses pass drop drops dropped lost "
		"late early old new fresh stale open close closed live dead idle busy ready done "
		"wanted unwanted allow allowed deny denied blocked accept reject secure insecure "
		"plain crypt encrypted text binary data raw hex bytes packet packets flow flows "
		"stream streams session sessions request requests reply replies query queries "
		"answer answers header headers body payload content title key keys value values "
		"word words token tokens needle term terms what where when which who how many much "
		"few more less most least only max min low high mid depth width height length "
		"bound bounds range ranges level levels mode modes kind kinds type types class "
		"classes group groups set sets item items part parts piece pieces half quarter "
		"twice once each every any none one two three four five six seven eight nine ten "
		"alpha beta gamma delta epsilon zeta eta theta iota kappa lambda sigma omega red "
		"green blue black white grey gold silver north south east west home office lab "
		"site room door window wall house car bank shop video audio voice image images "
		"photo music game games chat print printer camera sensor sensors phone mobile desk "
		"laptop box boxes take give get put push pull send sent receive received read "
		"reader write writer merge sort shrink grow crawl crawler search find look show "
		"hide view run runner play replay archive backup restore move shift turn flip swap "
		"wrap";
	const struct sl_filter_type *const *t;
	const struct sl_param *p;
	const char *s;
	unsigned int i;

	if (in_text(common, word))
		return true;
	for (i = 0; (s = sl_service_at(i)); i++)
		if (!strcmp(s, word))
			return true;
	for (t = sl_types(); *t; t++) {
		if (!strcmp((*t)->name, word) || in_text((*t)->brief, word))
			return true;
		for (p = (*t)->params; p && p->name; p++)
			if (!strcmp(p->name, word) || in_text(p->help, word))
				return true;
	}
	return false;
}

/* A word, or words joined by _, each with a number behind it or without: tail1, slow_path. */
static bool is_known(const char *name)
{
	char word[64];
	size_t n;

	if (is_word(name))
		return true;
	for (;; name++) {
		n = strcspn(name, "_");
		if (!n || n >= sizeof(word))
			return false;
		memcpy(word, name, n);
		name += n;
		while (n && isdigit((unsigned char)word[n - 1]))
			n--;
		word[n] = '\0';
		if (!n || !is_word(word))
			return false;
		if (!*name)
			return true;
	}
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
	bool known = is_known(used);

	if (known != is_known(declared))
		return known;
	if (ld == lu + 1)
		return is_doubled(declared, used);
	if (lu == ld + 1)
		return !is_doubled(used, declared);
	return plausible(declared) < plausible(used);
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
	unsigned int i, before;

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
	before = sl_diags_count(b->ds);
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
	if (m->st)
		sl_build_bar_note(b, m->st, before);
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
