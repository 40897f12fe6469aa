/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * complete.c -- candidates for completion scripts
 *
 *	streamline complete -- WORD...
 *
 * The words are those of the command line after "streamline"; the last one is
 * being typed, and may be empty. One candidate a line: what stands in the place of
 * that word, a tab, what it is. Nothing is printed where a file name is to be
 * typed: the shell knows those.
 *
 * A word with a parenthesis or a brace is a request, and is read only so far as
 * to know what the cursor stands on: a filter's name, a parameter, a value, a
 * space. A quote in front of it is the shell's.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static void offer(const char *before, size_t before_len, const char *word, const char *after, const char *what)
{
	printf("%.*s%s%s\t%s\n", (int)before_len, before, word, after, what ? what : "");
}

static bool begins(const char *s, const char *with, size_t len)
{
	return !strncmp(s, with, len);
}

/* ------------------------------------------------------------------ *
 * Inside a request
 * ------------------------------------------------------------------ */

static void offer_filters(const char *text, size_t at)
{
	const char *part = text + at;

	for (const struct sl_filter_type *const *t = sl_types(); *t; t++)
		if (!((*t)->flags & SL_F_HIDDEN) && begins((*t)->name, part, strlen(part)))
			offer(text, at, (*t)->name, "", (*t)->brief);
}

static void offer_params(const char *text, size_t at, const struct sl_filter_type *t)
{
	const char *part = text + at;

	for (const struct sl_param *p = t->params; p && p->name; p++)
		if (begins(p->name, part, strlen(part)))
			offer(text, at, p->name, "=", p->help);
}

static void offer_values(const char *text, size_t at, const struct sl_filter_type *t, const char *key,
			 size_t key_len)
{
	static const char *const on_off[] = { "on", "off", NULL };
	const char *part = text + at;
	const char *const *v = NULL;

	for (const struct sl_param *p = t->params; p && p->name; p++) {
		if (strlen(p->name) != key_len || strncmp(p->name, key, key_len))
			continue;
		if (p->type == SL_P_SWITCH)
			v = on_off;
		else if (p->type == SL_P_CHOICE)
			v = p->choices;
		for (; v && *v; v++)
			if (begins(*v, part, strlen(part)))
				offer(text, at, *v, "", p->help);
		return;
	}
}

static void offer_spaces(const char *text, size_t at)
{
	const char *part = text + at;

	if (begins("user", part, strlen(part)))
		offer(text, at, "user", "", "a thread of this process");
}

/* Where the innermost parenthesis that is still open stands, or -1; *place: a
 * '@' outside all of them that the cursor is in the word of, or -1. */
static long open_paren(const char *text, long *place)
{
	long open = -1;
	char quote = 0;

	*place = -1;
	for (long i = 0; text[i]; i++) {
		char c = text[i];

		if (quote) {
			if (c == '\\' && quote == '"' && text[i + 1])
				i++;
			else if (c == quote)
				quote = 0;
			continue;
		}
		if (open >= 0 && (c == '"' || c == '\''))
			quote = c;
		else if (c == '(')
			open = i;
		else if (c == ')')
			open = -1;
		if (open < 0 && c == '@')
			*place = i;
		else if (*place >= 0 && !((c >= 'a' && c <= 'z') || c == '_'))
			*place = -1;
	}
	return quote ? -1 : open;
}

static void complete_request(const char *text)
{
	const struct sl_filter_type *t;
	size_t at, name, word, eq;
	char type[64];
	long open, place;

	open = open_paren(text, &place);
	if (open < 0) {
		if (place >= 0)
			offer_spaces(text, (size_t)place + 1);
		return;
	}
	at = (size_t)open + 1;
	at += strspn(text + at, " \t\n");
	name = strcspn(text + at, " \t\n,:)");
	if (text[at + name] == ':') {	/* (web: tcp */
		at += name + 1;
		at += strspn(text + at, " \t\n");
		name = strcspn(text + at, " \t\n,)");
	}
	if (!text[at + name]) {
		offer_filters(text, at);
		return;
	}
	if (name >= sizeof(type))
		return;
	memcpy(type, text + at, name);
	type[name] = '\0';
	t = sl_type_find(type);
	if (!t)
		return;
	word = strlen(text);
	while (word > at + name && !strchr(" \t\n,", text[word - 1]))
		word--;
	eq = strcspn(text + word, "=");
	if (text[word + eq])
		offer_values(text, word + eq + 1, t, text + word, eq);
	else
		offer_params(text, word, t);
}

/* ------------------------------------------------------------------ *
 * Around it
 * ------------------------------------------------------------------ */

static void complete_verb(const char *part)
{
	static const char *const more[] = { "--help", "--version", NULL };

	for (const struct verb *v = verbs; v->name; v++)
		if (!v->hidden && begins(v->name, part, strlen(part)))
			offer("", 0, v->name, "", v->brief);
	for (unsigned int i = 0; more[i] && *part == '-'; i++)
		if (begins(more[i], part, strlen(part)))
			offer("", 0, more[i], "", "");
}

static void complete_flag(const struct verb *v, const char *part)
{
	char word[64];

	for (unsigned int i = 0; i < N_FLAGS; i++) {
		const struct flag_text *t = &flag_texts[i];

		if (!(v->flags & 1u << i) && i != F_HELP)
			continue;
		snprintf(word, sizeof(word), "--%s", t->name);
		if (begins(word, part, strlen(part)))
			offer("", 0, word, "", t->help);
		snprintf(word, sizeof(word), "-%c", t->letter);
		if (t->letter && !strcmp(part, "-"))
			offer("", 0, word, "", t->help);
	}
}

/* Does the flag `word` want the next word as its value? */
static bool wants_value(const struct verb *v, const char *word)
{
	for (unsigned int i = 0; i < N_FLAGS; i++) {
		const struct flag_text *t = &flag_texts[i];

		if (!t->arg || !(v->flags & 1u << i))
			continue;
		if (word[0] == '-' && word[1] == t->letter && !word[2])
			return true;
		if (!strncmp(word, "--", 2) && !strcmp(word + 2, t->name))
			return true;
	}
	return false;
}

static void complete_word(const struct verb *v, const char *part)
{
	static const char *const shells[] = { "bash", "zsh", "fish", NULL };

	if (v->main == verb_help) {
		complete_verb(part);
	} else if (v->main == verb_inspect) {
		offer_filters(part, 0);
	} else if (v->main == verb_explain) {
		for (const char *const *code = sl_codes(); *code; code++)
			if (begins(*code, part, strlen(part)))
				offer("", 0, *code, "", "");
	} else if (v->main == verb_completion) {
		for (unsigned int i = 0; shells[i]; i++)
			if (begins(shells[i], part, strlen(part)))
				offer("", 0, shells[i], "", "");
	} else {
		if (*part == '\'' || *part == '"')
			part++;
		if (strpbrk(part, "({"))
			complete_request(part);
		else if (!*part)
			offer("", 0, "'(", "", "a request");
	}
}

int verb_complete(const struct call *c)
{
	const char *part, *before;
	const struct verb *v;

	if (!c->n_words)
		return EXIT_OK;
	part = c->words[c->n_words - 1];
	if (c->n_words == 1) {
		complete_verb(part);
		return EXIT_OK;
	}
	v = verb_find(c->words[0]);
	before = c->words[c->n_words - 2];
	if (!v || wants_value(v, before))
		return EXIT_OK;
	if (part[0] == '-')
		complete_flag(v, part);
	else
		complete_word(v, part);
	return EXIT_OK;
}
