/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * srl.y -- the reference grammar of SRL
 *
 * What is a request and what is none, said once more and in another way than in
 * lib/lang, with a lexer of its own: test_reference compares the two. Tokens are
 * made by mode: inside ( ) and [ ], and behind let, use and set, '-' belongs to a
 * word; behind a '-' outside, words are tags until '->'.
 *
 * Not here: the notation with bars, and UTF-8 (bytes above 0x7f pass in strings
 * and comments and nowhere else).
 *
 * The program reads requests, each after its length in four bytes, and writes a
 * '+' or '-' for each.
 */
%{
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int yylex(void);
static void yyerror(const char *why);
struct text { const char *p; size_t len; };
static bool name_ok(struct text t), key_ok(struct text t);
static struct text remembered;
static unsigned long long lo;
%}

%define parse.error simple
%define api.value.type {struct text}
%expect 0

%token LP RP LB RB LC RC SEP COMMA EQ PLACE NAMEC TYPE WORD REF STRING VAR
%token GT ARROW DUPLEX DASH BANG DOTS STAR ELSE NUMBER TAGWORD
%token DEF LET USE SET BAD

%%

file	: oseps statements oseps ;
statements : statement | statements seps statement ;
seps	: SEP | seps SEP ;
oseps	: %empty | seps ;

statement
	: pipeline
	| DEF name LP params RP LC oseps pipelines oseps RC
	| LET name EQ value
	| USE WORD | USE STRING
	| SET settings
	;
name	: REF | WORD	{ if (!name_ok($1)) YYERROR; }
	;

pipelines : pipeline | pipelines seps pipeline ;
pipeline : stage | pipeline link stage ;
stage	: atom | atom LC oseps branches oseps RC ;
branches : branch | branches seps branch ;
branch	: link stage | branch link stage ;

atom	: LP head args RP place
	| LC oseps pipelines oseps RC place
	| REF
	;
head	: TYPE | NAMEC TYPE ;
place	: %empty | PLACE options ;
options	: %empty | LB arglist RB ;

args	: %empty | args arg | args COMMA arg ;
arglist	: %empty | some ;
some	: arg | some arg | some COMMA arg ;
arg	: key EQ value | value ;
settings : setting | settings setting | settings COMMA setting ;
setting	: key EQ value ;
key	: WORD		{ if (!key_ok($1)) YYERROR; }
	;
value	: WORD | STRING | VAR | LB RB | LB items RB ;
items	: value | items COMMA value ;

params	: %empty | plist ;
plist	: param | plist param | plist COMMA param ;
param	: pname | pname EQ value ;
pname	: WORD		{ if (!name_ok($1)) YYERROR; }
	;

link	: GT options | ARROW options | DUPLEX options | DASH tags ARROW options ;
tags	: tag | tags COMMA tag ;
tag	: STAR | ELSE | plain | BANG plain ;
plain	: NUMBER
	| low DOTS NUMBER { if (strtoull(remembered.p, NULL, 0) < lo) YYERROR; }
	| TAGWORD | STRING | VAR
	;
low	: NUMBER	{ lo = strtoull(remembered.p, NULL, 0); }
	;

%%

static const char *at, *end;
static int last;		/* token */
static int depth;		/* of ( and [ */
static bool line_mode;		/* behind let, use, set */
static bool tag_mode, in_def;
static bool link_options;	/* a new line may follow their ']' */
static bool fan[4096];
static int braces;
static char number[64];

static bool ident1(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool ident(char c)
{
	return ident1(c) || digit(c);
}

static bool wordc(char c)
{
	return ident(c) || (c && strchr("./:+-*%~?!@&|^", c));
}

static bool reserved(struct text t)
{
	static const char *const words[] = { "def", "let", "use", "set", "in", "out", "else",
					     "when", "for", "match", "import" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == t.len && !memcmp(words[i], t.p, t.len))
			return true;
	return false;
}

static bool made_of(struct text t, bool dash)
{
	if (!t.len || !ident1(t.p[0]))
		return false;
	for (size_t i = 0; i < t.len; i++)
		if (!ident(t.p[i]) && !(dash && t.p[i] == '-'))
			return false;
	return true;
}

static bool name_ok(struct text t)
{
	return made_of(t, false) && !reserved(t);
}

static bool key_ok(struct text t)
{
	return made_of(t, true);
}

static int hexd(char c)
{
	return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A string at `at`: its end, or NULL. */
static const char *string(void)
{
	char q = *at;
	const char *p = at + 1;

	for (;; p++) {
		if (p >= end || *p == '\n')
			return NULL;
		if (*p == q)
			return p + 1;
		if (q == '\'')
			continue;
		if (*p == '\\') {
			p++;
			if (p >= end)
				return NULL;
			if (*p == 'x') {
				if (!hexd(p[1]) || !hexd(p[2]))
					return NULL;
				p += 2;
			} else if (*p == 'u') {
				unsigned long v = 0;
				int n = 0;

				if (p[1] != '{')
					return NULL;
				for (p += 2; hexd(*p); p++, n++)
					v = v << 4 | (unsigned long)(digit(*p) ? *p - '0' : (*p | 32) - 'a' + 10);
				if (*p != '}' || !n || n > 6 || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
					return NULL;
			} else if (!strchr("ntr0\"\\$", *p) || !*p) {
				return NULL;
			}
		} else if (*p == '$' && p[1] == '{') {
			const char *n = p + 2;

			if (!ident1(*n))
				return NULL;
			while (ident(*n))
				n++;
			if (*n != '}')
				return NULL;
			p = n;
		} else if (*p == '$' && ident1(p[1])) {
			return NULL;
		}
	}
}

static const char *blanks(const char *p, bool newlines)
{
	for (;;) {
		while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
			p++;
		if (p < end && *p == '#')
			while (p < end && *p != '\n')
				p++;
		if (!newlines || p >= end || *p != '\n')
			return p;
		p++;
	}
}

/* Can a statement end behind this token? */
static bool ender(int t)
{
	return t == RP || (t == RB && !link_options) || t == RC || t == WORD || t == STRING || t == VAR || t == REF ||
	       t == PLACE;
}

/* Values that touch each other are refused. */
static bool touches(void)
{
	return at < end && (wordc(*at) || strchr("\"'$[", *at)) && *at;
}

static int tag_token(void)
{
	const char *from = at;

	if (digit(*at) || ident1(*at)) {
		struct text t;
		bool digits = true;
		unsigned long long v;
		char *e;
		size_t n = 0;

		while (at < end && ident(*at)) {
			digits &= digit(*at) || *at == '_';
			if (*at != '_' && n + 1 < sizeof(number))
				number[n++] = *at;
			at++;
		}
		number[n] = '\0';
		t = (struct text){ from, (size_t)(at - from) };
		errno = 0;
		v = strtoull(number, &e, number[0] == '0' && number[1] == 'x' ? 16 : 10);
		(void)v;
		if (digit(*from) && t.p[t.len - 1] != '_' && n < sizeof(number) - 1 && !*e && !errno &&
		    e[-1] != 'x') {
			if (!(number[0] == '0' && number[1] == 'x')) {
				/* no octal */
				char *nz = number + strspn(number, "0");

				memmove(number, *nz ? nz : nz - 1, strlen(*nz ? nz : nz - 1) + 1);
			}
			remembered = (struct text){ number, strlen(number) };
			return NUMBER;
		}
		if (digits)
			return BAD;
		return t.len == 4 && !memcmp(t.p, "else", 4) ? ELSE : TAGWORD;
	}
	switch (*at++) {
	case '!':
		return BANG;
	case '*':
		return STAR;
	case ',':
		return COMMA;
	case '.':
		if (*at != '.')
			return BAD;
		at++;
		return DOTS;
	case '-':
		if (*at != '>')
			return BAD;
		at++;
		tag_mode = false;
		return ARROW;
	case '$':
		if (!ident1(*at))
			return BAD;
		while (ident(*at))
			at++;
		return VAR;
	case '"':
	case '\'':
		at--;
		from = string();
		if (!from || from == at + 2)
			return BAD;
		at = from;
		return STRING;
	}
	return BAD;
}

static int value_token(void)
{
	const char *from = at;

	if (*at == '"' || *at == '\'') {
		const char *e = string();

		if (!e)
			return BAD;
		at = e;
		return touches() ? BAD : STRING;
	}
	if (*at == '$') {
		at++;
		if (!ident1(*at))
			return BAD;
		while (ident(*at))
			at++;
		return touches() ? BAD : VAR;
	}
	if (wordc(*at)) {
		while (at < end && wordc(*at))
			at++;
		yylval = (struct text){ from, (size_t)(at - from) };
		return touches() ? BAD : WORD;
	}
	switch (*at++) {
	case ',':
		return COMMA;
	case '=':
		return EQ;
	case '[':
		if (depth++ == 0)
			link_options = false;
		return LB;
	case ']':
		depth--;
		return depth > 0 && touches() ? BAD : RB;
	case ')':
		depth--;
		return RP;
	case '(':
		return BAD;
	case '}':
		if (braces)
			braces--;
		return RC;
	}
	return BAD;
}

/* Behind '(': "name:" and the filter's name. */
static int head_token(void)
{
	const char *from = at, *colon;
	struct text t;

	while (at < end && wordc(*at))
		at++;
	colon = last == LP ? memchr(from, ':', (size_t)(at - from)) : NULL;
	t = (struct text){ from, (size_t)(colon ? colon - from : 0) };
	if (colon && made_of(t, false)) {
		at = colon + 1;
		return reserved(t) ? BAD : NAMEC;
	}
	t.len = (size_t)(at - from);
	if (!made_of(t, true) || reserved(t) || touches())
		return BAD;
	return TYPE;
}

static int outside_token(void)
{
	const char *from = at;

	if (ident1(*at)) {
		struct text t;

		while (ident(*at))
			at++;
		t = (struct text){ from, (size_t)(at - from) };
		if (reserved(t) && (t.len != 2 || memcmp(t.p, "in", 2)) &&
		    (t.len != 3 || memcmp(t.p, "out", 3))) {
			if (t.len != 3)
				return BAD;
			in_def = t.p[0] == 'd';
			line_mode = strchr("lus", t.p[0]) != NULL;
			return t.p[0] == 'd' ? DEF : t.p[0] == 'l' ? LET : t.p[0] == 'u' ? USE :
			       t.p[0] == 's' ? SET : BAD;
		}
		if (in_def && last == DEF) {
			return reserved(t) ? BAD : REF;
		}
		if (*at == '.') {
			at++;
			if (!ident1(*at))
				return BAD;
			while (ident(*at))
				at++;
		}
		return REF;
	}
	switch (*at++) {
	case '(':
		depth++;
		link_options = false;
		return LP;
	case '[':
		depth++;
		link_options = last == GT || last == ARROW || last == DUPLEX;
		return LB;
	case '{':
		if (braces == 4096)
			return BAD;
		fan[braces++] = ender(last) && !in_def;
		in_def = false;
		return LC;
	case '}':
		if (braces)
			braces--;
		return RC;
	case ';':
		return SEP;
	case '>':
		return GT;
	case '<':
		if (*at != '>')
			return BAD;
		at++;
		return DUPLEX;
	case '-':
		if (*at == '>') {
			at++;
			return ARROW;
		}
		tag_mode = true;
		return DASH;
	case '@':
		if (!ident1(*at))
			return BAD;
		while (ident(*at))
			at++;
		if (*at == '?')
			at++;
		return PLACE;
	}
	return BAD;
}

static int next(void)
{
	at = blanks(at, false);
	if (at >= end)
		return 0;
	if (*at == '\n') {
		const char *p = blanks(at, true);
		bool arrow = p < end && strchr("><-", *p) && *p;

		if (tag_mode) {
			return BAD;
		} else if (depth > 0 || !ender(last)) {
			at = p;
			return next();
		} else if (p < end && (*p == '}' || *p == '@' ||
				       (arrow && !line_mode && !(braces && fan[braces - 1])))) {
			at = p;
			if (*p == '}')
				line_mode = false;
			return next();
		}
		at = p;
		line_mode = false;
		return SEP;
	}
	if (tag_mode)
		return tag_token();
	if (depth > 0 && (last == LP || last == NAMEC) && !in_def)
		return head_token();
	if (line_mode && depth == 0 && *at == ';') {
		at++;
		line_mode = false;
		return SEP;
	}
	if (depth > 0 || line_mode)
		return value_token();
	return outside_token();
}

static int yylex(void)
{
	if (at < end && !*at)
		return BAD;
	last = next();
	return last;
}

static void yyerror(const char *why)
{
	(void)why;
}

int main(void)
{
	uint32_t len;

	while (fread(&len, sizeof(len), 1, stdin) == 1) {
		char *text = calloc(1, (size_t)len + 8);

		if (!text || fread(text, 1, len, stdin) != len)
			return 1;
		at = text;
		end = text + len;
		last = depth = braces = 0;
		line_mode = tag_mode = in_def = false;
		putchar(yyparse() ? '-' : '+');
		free(text);
	}
	return 0;
}
