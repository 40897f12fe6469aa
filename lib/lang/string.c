/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * string -- what stands between quotes
 *
 * '...' is taken as it is. In "..." escapes are done at once; ${name} is checked
 * here and replaced later, by whoever knows the variables. Until then a $ and a
 * backslash that mean themselves stay escaped in such a string.
 */
#include "lang/parser.h"

static size_t put_utf8(char *out, uint32_t cp)
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

static int hex(char c)
{
	if (lex_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void bad_escape(struct parser *p, uint32_t i, uint32_t end)
{
	struct sl_diag_new *d;

	d = sl_p_err(p, "E004", i, end, "no such escape in a string: %.*s", (int)(end - i), p->s + i);
	sl_err_label(d, "a backslash is written \\\\");
	sl_err_fix(d, "\\%.*s", (int)(end - i), p->s + i);
	sl_err_note(d, "escapes are \\n \\t \\r \\0 \\\\ \\\" \\$ \\xHH \\u{...}; "
		    "'...' has none at all");
}

/* One escape at i (a backslash), written to out. Returns its end. */
static uint32_t escape(struct parser *p, uint32_t i, uint32_t end, bool interp, char *out, size_t *n)
{
	const char *s = p->s;
	uint32_t j, cp = 0;

	switch (s[i + 1]) {
	case 'n':
		out[(*n)++] = '\n';
		return i + 2;
	case 't':
		out[(*n)++] = '\t';
		return i + 2;
	case 'r':
		out[(*n)++] = '\r';
		return i + 2;
	case '0':
		out[(*n)++] = '\0';
		return i + 2;
	case '$':
	case '\\':
		/* where ${name} is replaced later, these two wait until then */
		if (interp)
			out[(*n)++] = '\\';
		out[(*n)++] = s[i + 1];
		return i + 2;
	case '"':
		out[(*n)++] = '"';
		return i + 2;
	case 'x':
		if (hex(s[i + 2]) >= 0 && hex(s[i + 3]) >= 0) {
			char c = (char)(hex(s[i + 2]) << 4 | hex(s[i + 3]));

			if (interp && (c == '\\' || c == '$'))
				out[(*n)++] = '\\';
			out[(*n)++] = c;
			return i + 4;
		}
		break;
	case 'u':
		if (s[i + 2] != '{')
			break;
		for (j = i + 3; hex(s[j]) >= 0 && j < i + 9; j++)
			cp = cp << 4 | (uint32_t)hex(s[j]);
		if (s[j] != '}' || j == i + 3 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000)) {
			bad_escape(p, i, s[j] == '}' ? j + 1 : j);
			return s[j] == '}' ? j + 1 : j;
		}
		if (interp && (cp == '\\' || cp == '$'))
			out[(*n)++] = '\\';
		*n += put_utf8(out + *n, cp);
		return j + 1;
	}
	bad_escape(p, i, i + 2 <= end ? i + 2 : end);
	return i + 2 <= end ? i + 2 : end;
}

/* `${name}` at i. Returns its end, or i + 1 when it is a dollar and nothing more. */
static uint32_t check_dollar(struct parser *p, uint32_t i, bool *is_var)
{
	const char *s = p->s;
	struct sl_diag_new *d;
	uint32_t j;

	*is_var = false;
	if (s[i + 1] == '{') {
		j = sl_lex_ident(s, i + 2);
		if (s[j] == '}' && j > i + 2) {
			*is_var = true;
			return j + 1;
		}
		if (j == i + 2) {
			d = sl_p_err(p, "E004", i, s[j] == '}' ? j + 1 : i + 2,
				  "${...} takes the name of a variable");
			sl_err_note(d, "a dollar that means itself is written \\$");
			return i + 2;
		}
		d = sl_p_err(p, "E013", i, j, "the brace of ${ is not closed");
		sl_err_label(d, "did you mean '${%.*s}'?", (int)(j - i - 2), s + i + 2);
		sl_err_fix(d, "${%.*s}", (int)(j - i - 2), s + i + 2);
		return j;
	}
	if (lex_ident_start(s[i + 1])) {
		uint32_t end;

		j = sl_lex_ident(s, i + 1);
		end = s[j] == '}' ? j + 1 : j;
		d = sl_p_err(p, "E004", i, end, "a variable inside a string has braces");
		sl_err_label(d, "did you mean '${%.*s}'?", (int)(j - i - 1), s + i + 1);
		sl_err_fix(d, "${%.*s}", (int)(j - i - 1), s + i + 1);
		sl_err_fix(d, "\\%.*s", (int)(end - i), s + i);
		sl_err_note(d, "a dollar that means itself is written \\$");
		return end;
	}
	return i + 1;
}

/*
 * The string at p->pos. An error's place begins at `lead`, usually the quote.
 * Returns false only when memory is out.
 */
bool sl_parse_string(struct parser *p, struct sl_tvalue *v, int where, uint32_t lead)
{
	const char *s = p->s;
	uint32_t pos = p->pos, i, end;
	struct lex_string st;
	struct sl_diag_new *d;
	char q = s[pos], *out;
	size_t n = 0;

	memset(v, 0, sizeof(*v));
	sl_lex_string(s, pos, where, &st);
	end = st.open ? st.end : st.end - 1;
	if (st.open) {
		d = sl_p_err(p, "E003", lead, st.end, "this text has no closing quote");
		sl_err_label(d, "did you mean %.*s%c ?", (int)(st.end - lead), s + lead, q);
		sl_err_fix(d, "%.*s%c", (int)(st.end - lead), s + lead, q);
		sl_err_note(d, "text in quotes ends on the line on which it begins");
	} else if (st.doubled) {
		d = sl_p_err(p, "E003", pos, pos + 2, "this quote is there twice");
		sl_err_label(d, "one is enough");
		sl_err_fix(d, "%c", q);
		pos++;
	}

	v->kind = q == '"' ? SL_V_STRING : SL_V_RAW;
	v->span = sl_p_span(p, p->pos, st.end);
	p->pos = st.end;
	/* an escape never grows, but for one waiting backslash */
	out = sl_arena_alloc(p->arena, (size_t)(end - pos) * 2 + 1);
	if (!out) {
		p->oom = true;
		return false;
	}
	if (q == '"')
		for (i = pos + 1; i + 1 < end; i++) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == '$' && s[i + 1] == '{')
				v->interp = true;
		}
	for (i = pos + 1; i < end;) {
		if (q == '"' && s[i] == '\\') {
			i = escape(p, i, end, v->interp, out, &n);
			continue;
		}
		if (q == '"' && s[i] == '$') {
			bool is_var;
			uint32_t to = check_dollar(p, i, &is_var);

			if (to > end)
				to = end;
			if (!is_var && v->interp)
				out[n++] = '\\';
			memcpy(out + n, s + i, to - i);
			n += to - i;
			i = to;
			continue;
		}
		out[n++] = s[i++];
	}
	out[n] = '\0';
	v->text = out;
	v->text_len = n;

	if (s[p->pos] == q && !st.open) {
		d = sl_p_err(p, "E003", p->pos, p->pos + 1, "this quote is there twice");
		sl_err_label(d, "one is enough");
		sl_err_fix(d, "%s", "");
		p->pos++;
	}
	return true;
}
