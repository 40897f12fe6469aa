/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lex -- letters, blanks, words and strings of SRL
 *
 * Everything here is a pure function of the text. Strings end on their line, so
 * a lost quote cannot swallow the rest of a file; where a quote is lost,
 * sl_lex_string() says where it most plausibly stood.
 */
#include "lang/parser.h"

uint32_t sl_lex_ident(const char *s, uint32_t pos)
{
	if (lex_ident_start(s[pos]))
		while (lex_ident_char(s[pos]))
			pos++;
	return pos;
}

uint32_t sl_lex_word(const char *s, uint32_t pos)
{
	while (lex_word_char(s[pos]))
		pos++;
	return pos;
}

uint32_t sl_lex_inline(const char *s, uint32_t pos)
{
	while (lex_blank(s[pos]))
		pos++;
	if (s[pos] == '#')
		while (s[pos] && s[pos] != '\n')
			pos++;
	return pos;
}

uint32_t sl_lex_all(const char *s, uint32_t pos)
{
	for (;;) {
		pos = sl_lex_inline(s, pos);
		if (s[pos] != '\n')
			return pos;
		pos++;
	}
}

uint32_t sl_lex_trim(const char *s, uint32_t from, uint32_t to)
{
	while (to > from && (lex_blank(s[to - 1]) || s[to - 1] == '\n'))
		to--;
	return to;
}

bool sl_lex_is_name(const char *s, size_t len)
{
	size_t i;

	if (!len || !lex_ident_start(s[0]))
		return false;
	for (i = 1; i < len; i++)
		if (!lex_ident_char(s[i]))
			return false;
	return true;
}

bool sl_lex_is_type(const char *s, size_t len)
{
	size_t i;

	if (!len || !lex_ident_start(s[0]))
		return false;
	for (i = 1; i < len; i++)
		if (!lex_ident_char(s[i]) && s[i] != '-')
			return false;
	return true;
}

static bool is_one_of(const char *s, size_t len, const char *const *words)
{
	for (; *words; words++)
		if (strlen(*words) == len && !memcmp(*words, s, len))
			return true;
	return false;
}

bool sl_lex_is_reserved(const char *s, size_t len)
{
	static const char *const words[] = {
		"def", "let", "use", "set", "in", "out", "else",
		"when", "for", "match", "import", NULL
	};

	return is_one_of(s, len, words);
}

bool sl_lex_is_space(const char *s, size_t len)
{
	static const char *const words[] = {
		"user", "kernel", "xdp", "tc", "sk", "proc", "process", "thread", "host",
		"device", NULL
	};

	return is_one_of(s, len, words);
}

const char *sl_lex_lookalike(const char *s, uint32_t *len)
{
	static const struct { const char *utf8, *ascii; } table[] = {
		{ "\u2192", "->" }, { "\u27f6", "->" }, { "\u21d2", "->" }, { "\u279c", "->" },
		{ "\u2794", "->" }, { "\u279e", "->" }, { "\u2799", "->" }, { "\u21a6", "->" },
		{ "\u2190", "<-" }, { "\u2194", "<>" }, { "\u21d4", "<>" },
		{ "\u2010", "-" }, { "\u2011", "-" }, { "\u2012", "-" }, { "\u2013", "-" },
		{ "\u2014", "-" }, { "\u2015", "-" }, { "\u2212", "-" }, { "\uff0d", "-" },
		{ "\u203a", ">" }, { "\u27e9", ">" }, { "\uff1e", ">" }, { "\u2039", "<" },
		{ "\uff1c", "<" }, { "\uff08", "(" }, { "\uff09", ")" }, { "\uff3b", "[" },
		{ "\uff3d", "]" }, { "\uff5b", "{" }, { "\uff5d", "}" }, { "\uff0c", "," },
		{ "\uff1b", ";" }, { "\uff1a", ":" }, { "\uff1d", "=" }, { "\uff20", "@" },
		{ "\uff5c", "|" }, { "\u037e", ";" },
		{ "\u201c", "\"" }, { "\u201d", "\"" }, { "\u201e", "\"" }, { "\u00ab", "\"" },
		{ "\u00bb", "\"" }, { "\uff02", "\"" }, { "\u2018", "'" }, { "\u2019", "'" },
		{ "\u201a", "'" }, { "\u00b4", "'" },
		{ "\u00a0", " " }, { "\u2002", " " }, { "\u2003", " " }, { "\u2009", " " },
		{ "\u202f", " " }, { "\u3000", " " }, { "\u200b", "" }, { "\ufeff", "" },
		{ "\u2026", ".." },
	};
	size_t i;

	if (!((unsigned char)*s & 0x80))
		return NULL;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t l = strlen(table[i].utf8);

		if (!strncmp(s, table[i].utf8, l)) {
			*len = (uint32_t)l;
			return table[i].ascii;
		}
	}
	return NULL;
}

/* May this follow a closing quote? */
static bool ends_value(char c)
{
	return !c || lex_blank(c) || strchr("\n)],;>-@}{#=<(", c);
}

/* Is the ')' at i one that closes a filter: an arrow, a brace or the end follows? */
static bool closes_filter(const char *s, uint32_t i)
{
	uint32_t j = i + 1;

	while (lex_blank(s[j]))
		j++;
	return !s[j] || strchr("\n>-<@{};#)", s[j]);
}

/* Where the quote that opened at pos was most likely meant to end. */
static uint32_t plausible_end(const char *s, uint32_t pos, uint32_t limit, int where)
{
	uint32_t i, j;

	for (i = pos + 1; i < limit; i++) {
		if (s[i] == ')' && closes_filter(s, i))
			return sl_lex_trim(s, pos + 1, i);
		if (s[i] == ']' && (where & LEX_LIST))
			return sl_lex_trim(s, pos + 1, i);
		if ((where & LEX_TAG) && s[i] == '-' && s[i + 1] == '>')
			return i;
		if (s[i] == ',') {
			for (j = i + 1; lex_blank(s[j]); j++)
				;
			if ((where & (LEX_LIST | LEX_TAG)) || s[j] == '"' || s[j] == '\'')
				return i;
			j = sl_lex_ident(s, j);
			if (s[j] == '=' && s[j - 1] != ',' && !lex_blank(s[j - 1]))
				return i;
		}
		if (lex_blank(s[i]) && lex_ident_start(s[i + 1])) {
			j = sl_lex_ident(s, i + 1);
			if (s[j] == '=' && s[j + 1] != '=' && !lex_blank(s[j + 1]))
				return sl_lex_trim(s, pos + 1, i);
		}
		if (lex_blank(s[i]) && s[i + 1] == '#')
			return sl_lex_trim(s, pos + 1, i);
	}
	return sl_lex_trim(s, pos + 1, limit);
}

static uint32_t find_quote(const char *s, uint32_t pos, char q)
{
	for (; s[pos] && s[pos] != '\n'; pos++) {
		if (s[pos] == q)
			return pos;
		if (q == '"' && s[pos] == '\\' && s[pos + 1] && s[pos + 1] != '\n')
			pos++;
	}
	return pos;
}

void sl_lex_string(const char *s, uint32_t pos, int where, struct lex_string *st)
{
	char q = s[pos];
	uint32_t close = find_quote(s, pos + 1, q);

	st->open = st->doubled = false;
	if (s[close] == q && close == pos + 1 &&
	    (!ends_value(s[close + 1]) || (s[close + 1] == '-' && !(where & LEX_TAG)))) {
		/* ""text": the first one is too much, if the text is closed later */
		uint32_t later = find_quote(s, close + 1, q);

		if (s[later] == q) {
			st->doubled = true;
			close = later;
		}
	}
	if (s[close] == q && !ends_value(s[close + 1]) && s[close + 1] != q && close > pos + 1 &&
	    strchr(" =(,[", s[close - 1])) {
		/* what looks like the end of this string opens the next one */
		st->open = true;
		st->end = plausible_end(s, pos, close, where);
		return;
	}
	if (s[close] != q) {
		st->open = true;
		st->end = plausible_end(s, pos, close, where);
		return;
	}
	st->end = close + 1;
}

uint32_t sl_lex_utf8(const char *text, size_t left)
{
	const unsigned char *s = (const unsigned char *)text;
	uint32_t len, i, cp;

	if (s[0] < 0x80)
		return 1;
	len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || len > left)
		return 0;
	cp = s[0] & (0xffu >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3fu);
	}
	if ((len == 3 && cp < 0x800) || (len == 4 && (cp < 0x10000 || cp > 0x10ffff)) ||
	    (cp >= 0xd800 && cp < 0xe000))
		return 0;
	return len;
}
