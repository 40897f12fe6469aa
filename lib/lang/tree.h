/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lang/tree.h -- the request as a passive tree
 *
 * What sl_tree_parse() makes of SRL text: it says what was written and where,
 * and nothing about what it means; no name is looked up. Every node carries the
 * span of the text that it came from. Strings are NUL-terminated, unescaped, and
 * live in the tree's own arena; nodes are never freed one by one.
 *
 *	file  -> statement ...
 *	pipeline (a > b -80-> c { ... }):
 *		stage, link, stage, link, ... ; a stage may carry a fan: a list of
 *		branches, each a link and a pipeline that continues from it
 *
 * Laws: sl_tree_parse(sl_tree_print(t)) equals t apart from spans; printing is
 * idempotent; a tree that came with errors is never returned.
 */
#ifndef SL_LANG_TREE_H
#define SL_LANG_TREE_H

#include "core/diag.h"

enum sl_value_kind {
	SL_V_WORD,		/* bare word or number with unit, as written: 80, 10MB, a.pcap, 1h30min */
	SL_V_STRING,		/* "..." with escapes done; may hold ${name} parts, see interp */
	SL_V_RAW,		/* '...' */
	SL_V_VAR,		/* $name */
	SL_V_LIST,		/* [a, b] */
};

struct sl_tvalue {
	enum sl_value_kind kind;
	struct sl_span span;
	const char *text;	/* word, string contents, or the variable's name */
	size_t text_len;	/* strings may hold NUL by \x00 */
	bool interp;		/* SL_V_STRING: has ${name} to be replaced; in its text a $ and a
				 * backslash that mean themselves are still \$ and \\ */
	struct sl_tvalue *items;/* SL_V_LIST */
	unsigned int n_items;
};

struct sl_targ {		/* key=value, or a positional value (key NULL) */
	struct sl_span span, key_span;
	const char *key;
	struct sl_tvalue value;
};

enum sl_tag_kind {
	SL_T_NUMBER,		/* 80 (lo == hi) or 8000..8080 */
	SL_T_NAME,		/* http, "odd name" */
	SL_T_VAR,		/* $port */
	SL_T_ANY,		/* * */
	SL_T_ELSE,		/* else */
};

struct sl_ttag {
	enum sl_tag_kind kind;
	bool negate;		/* !22 */
	bool quoted;		/* SL_T_NAME was written in quotes */
	struct sl_span span;
	uint64_t lo, hi;
	const char *name;
};

enum sl_link_kind {
	SL_LINK_PLAIN,		/* > or -> : printed as > */
	SL_LINK_TAGGED,		/* -80,443-> */
	SL_LINK_DUPLEX,		/* <> */
};

struct sl_tlink {
	enum sl_link_kind kind;
	struct sl_span span;	/* the arrow with its tags, without options */
	struct sl_ttag *tags;
	unsigned int n_tags;
	struct sl_targ *opts;	/* [buffer=4MiB ...] */
	unsigned int n_opts;
	struct sl_span opts_span;
};

struct sl_tplace {		/* @space? [options] */
	struct sl_span span;
	const char *space;	/* NULL: no placement was written */
	struct sl_span space_span;
	bool wish;		/* @space? */
	struct sl_targ *opts;
	unsigned int n_opts;
};

enum sl_atom_kind {
	SL_A_FILTER,		/* (name: type args)@place */
	SL_A_REF,		/* name, name.input, in, in.x, out, out.x */
	SL_A_GROUP,		/* { pipeline; pipeline }@place */
};

struct sl_tpipe;

struct sl_tbranch {		/* inside a fan: link stage { link stage } */
	struct sl_span span;
	struct sl_tlink link;
	struct sl_tpipe *rest;
};

struct sl_tstage {
	enum sl_atom_kind kind;
	struct sl_span span;
	/* filter */
	const char *name;	/* declared name (web: tcp), NULL without */
	struct sl_span name_span;
	const char *type;	/* filter name; for exec by the pipe dialect "exec" */
	struct sl_span type_span;
	struct sl_targ *args;
	unsigned int n_args;
	bool from_pipe;		/* written in the pipe dialect */
	/* ref: name "web", input "left"; "in" and "out" keep their words */
	const char *ref, *input;
	struct sl_span ref_span, input_span;
	/* group */
	struct sl_tpipe *group;
	unsigned int n_group;
	struct sl_tplace place;
	/* { ... } after the atom */
	bool has_fan;
	struct sl_tbranch *fan;
	unsigned int n_fan;
};

struct sl_tpipe {		/* n stages, n - 1 links: links[i] joins stages[i] and [i + 1] */
	struct sl_span span;
	struct sl_tstage *stages;
	struct sl_tlink *links;
	unsigned int n;
};

enum sl_stmt_kind {
	SL_S_PIPE,
	SL_S_DEF,
	SL_S_LET,
	SL_S_USE,
	SL_S_SET,
};

struct sl_tparam {		/* of a def */
	struct sl_span span;
	const char *name;
	bool has_default;
	struct sl_tvalue def;
};

struct sl_tstmt {
	enum sl_stmt_kind kind;
	struct sl_span span;
	struct sl_tpipe pipe;		/* SL_S_PIPE */
	/* def name(params) { body }; let name = value; use "file" or use word */
	const char *name;
	struct sl_span name_span;
	bool use_quoted;		/* use "lib/x.srl" (a path) and not: use x */
	struct sl_tparam *params;
	unsigned int n_params;
	struct sl_tpipe *body;
	unsigned int n_body;
	struct sl_tvalue value;		/* let */
	const char *help;		/* let: the comment on the same line or right above, or NULL */
	struct sl_targ *args;		/* set */
	unsigned int n_args;
};

struct sl_tree {
	struct sl_source *src;		/* held */
	struct sl_tstmt *stmts;
	unsigned int n_stmts;
	bool pipe_dialect;		/* was written as  a | b |80 c  */
	struct sl_arena *arena;
};

/*
 * Parse `src` (borrowed; the tree takes its own hold). Errors go to ds, several
 * at once. Returns 0 and a tree that the caller frees, or -EINVAL with at least
 * one error in ds, or -ENOMEM; *out is untouched on failure.
 */
int sl_tree_parse(struct sl_source *src, struct sl_tree **out, struct sl_diags *ds);
void sl_tree_free(struct sl_tree *t);

/*
 * The canonical text, ending in a newline unless it is a single line: heap string,
 * caller frees, NULL when memory is out. Comments are not kept by the tree;
 * sl_tree_format() keeps them: it prints the tree and puts the comments of the
 * source back at the statements and branches that they stood at.
 */
char *sl_tree_print(const struct sl_tree *t);
char *sl_tree_format(const struct sl_tree *t);

/* Equal apart from spans? */
bool sl_tree_equal(const struct sl_tree *a, const struct sl_tree *b);

/* A value, a word or a name as SRL text: quoted when it must be. Caller frees. */
char *sl_word_print(const char *text, size_t len);

#endif
