/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lang/parser.h -- what the parts of the parser share
 *
 * There is no token array: the parser stands at a byte and knows by its place in
 * the grammar which of the two modes holds (inside brackets `-` belongs to a
 * value, outside it begins an arrow). That lets an error look at the raw text
 * around it, which is where the good guesses come from.
 *
 *	lex.c		letters, blanks, words, strings, look-alikes
 *	arrow.c		arrows, whole and broken
 *	string.c	what stands between quotes
 *	value.c		values and lists of arguments
 *	brace.c		missing and doubled braces, before anything is parsed
 *	stage.c		filters, references, placements
 *	parse.c		fans, groups, pipelines
 *	stmt.c		statements, the file, sl_tree_parse()
 *	pipe.c		the notation with bars
 *
 * Functions that parse return false to give up the statement (after an error, or
 * when memory is out); the caller skips to the next one. True means "go on",
 * possibly after an error that was repaired on the fly: the tree is thrown away
 * then, and only the search for more errors continues.
 */
#ifndef SL_LANG_PARSER_H
#define SL_LANG_PARSER_H

#include <string.h>

#include "core/arena.h"
#include "lang/tree.h"

#define SL_DEPTH_MAX 200
#define SL_TEXT_MAX (4u << 20)
#define SL_PARSE_ERRORS_MAX 50

struct parser {
	struct sl_source *src;
	const char *s;		/* src's text, or a copy with one brace mended */
	uint32_t n, pos;
	struct sl_diags *ds;
	struct sl_arena *arena;
	unsigned int depth, errors;
	bool oom;
	bool stop;		/* no more: too deep, or too many errors */
	bool in_group;		/* the pipeline that begins now stands in a group */
	bool extra_open;	/* "((" was reported: the "))" belongs to it */
	/* offsets in s behind shift_at are off by shift against src */
	uint32_t shift_at;
	int32_t shift;
	/* how this text writes plain arrows */
	unsigned int n_gt, n_dash_gt;
	bool tight;		/* no blanks around arrows */
};

/* --- lex.c ------------------------------------------------------------- */

static inline bool lex_ident_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool lex_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool lex_ident_char(char c)
{
	return lex_ident_start(c) || lex_digit(c);
}

/* of a bare word inside brackets */
static inline bool lex_word_char(char c)
{
	return lex_ident_char(c) || (c && strchr("./:+-*%~?!@&|^", c));
}

static inline bool lex_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

uint32_t sl_lex_ident(const char *s, uint32_t pos);	/* end of the identifier at pos */
uint32_t sl_lex_word(const char *s, uint32_t pos);		/* end of the bare word at pos */
uint32_t sl_lex_inline(const char *s, uint32_t pos);	/* behind blanks and a comment */
uint32_t sl_lex_all(const char *s, uint32_t pos);		/* behind new lines as well */
uint32_t sl_lex_trim(const char *s, uint32_t from, uint32_t to);	/* back over blanks, new lines */
bool sl_lex_is_name(const char *s, size_t len);		/* letters, digits, _ */
bool sl_lex_is_type(const char *s, size_t len);		/* the same and - */
bool sl_lex_is_reserved(const char *s, size_t len);
bool sl_lex_is_space(const char *s, size_t len);		/* a space that we know of */

/* The ASCII spelling of a look-alike at s, with its length in bytes; or NULL. */
const char *sl_lex_lookalike(const char *s, uint32_t *len);

/* The length of the well-formed UTF-8 sequence at s, or 0. */
uint32_t sl_lex_utf8(const char *s, size_t left);

struct lex_string {
	uint32_t end;		/* behind the closing quote; open: where one should be put */
	bool open;
	bool doubled;		/* the opening quote is there twice: it begins one later */
};

enum { LEX_LIST = 1, LEX_TAG = 2 };	/* where the string stands */
void sl_lex_string(const char *s, uint32_t pos, int where, struct lex_string *st);

/* --- parse.c: shared by the parts --------------------------------------- */

struct sl_span sl_p_span(const struct parser *p, uint32_t off, uint32_t end);
struct sl_diag_new *sl_p_err(struct parser *p, const char *code, uint32_t off, uint32_t end,
			  const char *fmt, ...) __attribute__((format(printf, 5, 6)));
char *sl_p_dup(struct parser *p, uint32_t off, uint32_t end);	/* sets oom */
void *sl_p_push(struct parser *p, void **items, unsigned int *n, size_t size);
#define P_PUSH(p, items, n) sl_p_push((p), (void **)&(items), &(n), sizeof(*(items)))
bool sl_p_enter(struct parser *p);		/* one level deeper; false: too deep */
/* Something that can stand nowhere: look-alikes, unknown letters. Moves behind it. */
void sl_p_unknown(struct parser *p);

bool sl_parse_pipe(struct parser *p, struct sl_tpipe *pipe, bool in_fan);
bool sl_parse_block(struct parser *p, struct sl_tpipe **pipes, unsigned int *n, const char *what);
/* Skip to the end of the statement (or of the branch). */
void sl_parse_panic(struct parser *p, bool in_fan);
bool sl_parse_looks_bare(struct parser *p, uint32_t pos, uint32_t *end);

/* --- stage.c ------------------------------------------------------------ */

/* A filter whose '(' is at p->pos, or, if `virt`, missing before it. */
bool sl_parse_filter(struct parser *p, struct sl_tstage *st, bool virt);
bool sl_parse_ref(struct parser *p, struct sl_tstage *st);
bool sl_parse_opts(struct parser *p, struct sl_targ **opts, unsigned int *n);
bool sl_parse_place(struct parser *p, struct sl_tplace *place, bool virt);
/* Report what stands where a stage should. Always false. */
bool sl_parse_no_atom(struct parser *p);

/* --- value.c ------------------------------------------------------------- */

struct args_at {
	char close;		/* ')' or ']' or 0: to the end of the line (set) */
	uint32_t open;		/* the bracket that opened */
	uint32_t from;		/* a lost closing bracket cannot stand before this */
	bool virt;		/* the opening bracket is missing itself */
};

bool sl_parse_value(struct parser *p, struct sl_tvalue *v, const struct args_at *at);
bool sl_parse_args(struct parser *p, const struct args_at *at, struct sl_targ **args,
		unsigned int *n);
/* Report a ']' behind the ']' at p->pos. */
void sl_parse_after_opts(struct parser *p, const struct sl_targ *opts, unsigned int n);
bool sl_parse_missing_close(struct parser *p, const struct args_at *at);
/* string.c */
bool sl_parse_string(struct parser *p, struct sl_tvalue *v, int where, uint32_t lead);

/* --- arrow.c --------------------------------------------------------------- */

/* Could an arrow, whole or broken, begin at pos (blanks skipped)? */
bool sl_arrow_at(const struct parser *p, uint32_t pos);
/* A whole arrow at pos that stands before a stage: its end, else 0. */
uint32_t sl_arrow_whole(struct parser *p, uint32_t pos);
/* Parse the arrow at pos, or report how it is broken. False: no arrow at all. */
bool sl_parse_arrow(struct parser *p, struct sl_tlink *link);
const char *sl_arrow_plain(const struct parser *p);
void sl_arrow_learn_style(struct parser *p);

/* --- stmt.c, brace.c, pipe.c ----------------------------------------------- */

/* Errors of a text, counted without being kept; UINT_MAX when memory is out. */
unsigned int sl_parse_dry_run(const char *text, uint32_t len);
bool sl_parse_file(struct parser *p, struct sl_tree *tree);
/* Report a missing or doubled brace and mend it in a copy (freed by the caller). */
bool sl_brace_mend(struct parser *p, char **copy);
/* The offset of the bar that makes this text the pipe dialect, or -1. */
int64_t sl_pipe_detect(const struct parser *p);
bool sl_pipe_parse(struct parser *p, struct sl_tree *tree);

#endif
