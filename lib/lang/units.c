/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * units -- numbers with units
 *
 * Decimal prefixes are SI (k M G T), binary ones have the i; bit and byte never
 * share a letter. A number is held as an integer and a count of decimals, so that
 * 2.5Gbps and 0.1GB are exact, and what cannot be exact is an error.
 *
 * E121 no unit (or half of one), E122 not a number, E123 out of range, E125 no
 * such unit. Every error carries the readings that are likely, best first.
 */
#include "lang/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 64

struct unit {
	const char *name;
	uint64_t mul;
};

struct num {
	bool negative;
	uint64_t mant;
	unsigned int decimals;
	bool too_big;
	char text[TEXT_MAX];	/* as written, with sign */
};

static const struct unit size_units[] = {
	{ "MB", 1000000 }, { "MiB", 1 << 20 }, { "kB", 1000 }, { "KiB", 1024 },
	{ "GB", 1000000000 }, { "GiB", 1 << 30 }, { "B", 1 },
	{ "TB", 1000000000000 }, { "TiB", 1ULL << 40 }, { NULL, 0 }
};

static const struct unit time_units[] = {
	{ "s", 1000000000 }, { "ms", 1000000 }, { "min", 60000000000 }, { "h", 3600000000000 },
	{ "us", 1000 }, { "d", 86400000000000 }, { "ns", 1 }, { NULL, 0 }
};

static const struct unit bit_units[] = {
	{ "Mbps", 1000000 }, { "Gbps", 1000000000 }, { "kbps", 1000 }, { "bps", 1 }, { NULL, 0 }
};

static const struct unit byte_units[] = {
	{ "MB/s", 1000000 }, { "MiB/s", 1 << 20 }, { "kB/s", 1000 }, { "KiB/s", 1024 },
	{ "GB/s", 1000000000 }, { "GiB/s", 1 << 30 }, { "B/s", 1 }, { NULL, 0 }
};

static const struct unit pkt_units[] = {
	{ "kpps", 1000 }, { "pps", 1 }, { "Mpps", 1000000 }, { NULL, 0 }
};

static const struct unit count_units[] = {
	{ "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 }, { "T", 1000000000000 }, { NULL, 0 }
};

/* Spellings that are known from elsewhere. */
static const struct { const char *wrong, *right; } aliases[] = {
	{ "sec", "s" }, { "secs", "s" }, { "second", "s" }, { "seconds", "s" },
	{ "m", "min" }, { "mins", "min" }, { "minute", "min" }, { "minutes", "min" },
	{ "mi", "min" }, { "mn", "min" }, { "in", "min" },
	{ "hr", "h" }, { "hrs", "h" }, { "hour", "h" }, { "hours", "h" },
	{ "day", "d" }, { "days", "d" }, { "msec", "ms" }, { "msecs", "ms" }, { "millis", "ms" },
	{ "usec", "us" }, { "usecs", "us" }, { "\u00b5s", "us" }, { "\u03bcs", "us" },
	{ "nsec", "ns" }, { "nsecs", "ns" },
	{ "byte", "B" }, { "bytes", "B" }, { "Ki", "KiB" }, { "Mi", "MiB" }, { "Gi", "GiB" },
	{ "Ti", "TiB" }, { "iB", "MiB" },
	{ "Mb/s", "Mbps" }, { "Gb/s", "Gbps" }, { "kb/s", "kbps" }, { "Kb/s", "kbps" },
	{ "b/s", "bps" }, { "Mbit", "Mbps" }, { "Gbit", "Gbps" }, { "kbit", "kbps" },
	{ "Mbit/s", "Mbps" }, { "Gbit/s", "Gbps" }, { "kbit/s", "kbps" }, { "bit/s", "bps" },
	{ "MBps", "MB/s" }, { "kBps", "kB/s" }, { "GBps", "GB/s" }, { "Bps", "B/s" },
	{ "pkt/s", "pps" }, { "p/s", "pps" }, { "kp/s", "kpps" },
};

static const char *name_of(const char *what)
{
	return what && *what ? what : "this value";
}

static const struct unit *find(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (!strcmp(units->name, name))
			return units;
	return NULL;
}

/* The number at the start of *w, which moves behind it. */
static bool scan(const char **w, struct num *n, bool sign)
{
	const char *s = *w, *start = s;
	bool digits = false, dot = false;

	memset(n, 0, sizeof(*n));
	if (sign && (*s == '-' || *s == '+'))
		n->negative = *s++ == '-';
	for (;; s++) {
		if (*s == '_' && digits && isdigit((unsigned char)s[1]))
			continue;
		if (*s == '.' && !dot && isdigit((unsigned char)s[1])) {
			dot = true;
			continue;
		}
		if (*s < '0' || *s > '9')
			break;
		digits = true;
		if (dot)
			n->decimals++;
		if (__builtin_mul_overflow(n->mant, 10, &n->mant) ||
		    __builtin_add_overflow(n->mant, (uint64_t)(*s - '0'), &n->mant) ||
		    n->decimals > 18)
			n->too_big = true;
	}
	snprintf(n->text, sizeof(n->text), "%.*s", (int)(s - start), start);
	*w = s;
	return digits;
}

/* n times mul, exactly. 0, or an errno: -ERANGE too big, -EDOM not whole. */
static int times(const struct num *n, uint64_t mul, uint64_t *out)
{
	unsigned __int128 v = (unsigned __int128)n->mant * mul;
	uint64_t div = 1;
	unsigned int i;

	if (n->too_big)
		return -ERANGE;
	for (i = 0; i < n->decimals; i++)
		div *= 10;
	if (v % div)
		return -EDOM;
	v /= div;
	if (v > UINT64_MAX)
		return -ERANGE;
	*out = (uint64_t)v;
	return 0;
}

static void list_units(struct sl_diag_new *d, const struct unit *units)
{
	char text[160] = "";
	size_t n = 0;

	for (; units->name && n < sizeof(text); units++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "", units->name);
	sl_err_note(d, "units here: %s", text);
}

static int not_a_number(const char *w, struct sl_span at, const char *what, const char *kind,
			const char *example, struct sl_diags *ds)
{
	struct sl_diag_new *d = sl_err(ds, "E122", at, "'%s' is not %s", w, kind);
	char fixed[TEXT_MAX];
	size_t i, digits = 0, len = strlen(w);

	sl_err_label(d, "%s takes %s, such as %s", name_of(what), kind, example);
	/* 1O0, l5s: letters that look like digits */
	if (len < sizeof(fixed) && len > 1) {
		memcpy(fixed, w, len + 1);
		for (i = 0; i < len; i++) {
			digits += isdigit((unsigned char)w[i]) != 0;
			fixed[i] = w[i] == 'O' || w[i] == 'o' ? '0' :
				   w[i] == 'l' || w[i] == 'I' ? '1' : w[i];
		}
		if (digits && isdigit((unsigned char)fixed[0]) && strcmp(fixed, w))
			sl_err_fix(d, "%s", fixed);
	}
	return -EINVAL;
}

static int out_of_range(const char *w, struct sl_span at, const char *what, const char *why,
			struct sl_diags *ds)
{
	struct sl_diag_new *d = sl_err(ds, "E123", at, "'%s' is out of range for %s", w,
				       name_of(what));

	sl_err_label(d, "%s", why);
	return -EINVAL;
}

static bool drop_one(const char *longer, const char *shorter)
{
	size_t l = strlen(longer), i;

	if (l != strlen(shorter) + 1)
		return false;
	for (i = 0; i < l; i++)
		if (!strncmp(longer, shorter, i) && !strcmp(longer + i + 1, shorter + i))
			return true;
	return false;
}

static bool swapped(const char *a, const char *b)
{
	size_t i, n = strlen(a);

	if (n != strlen(b))
		return false;
	for (i = 0; i + 1 < n; i++)
		if (!strncmp(a, b, i) && a[i] == b[i + 1] && a[i + 1] == b[i] &&
		    !strcmp(a + i + 2, b + i + 2))
			return true;
	return false;
}

/* The unit that `got` was meant to be, or NULL. */
static const char *meant(const struct unit *units, const char *got)
{
	const struct unit *u;
	const char *names[16], *near;
	size_t i, n = 0;

	for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (!strcmp(aliases[i].wrong, got) && find(units, aliases[i].right))
			return aliases[i].right;
	for (u = units; u->name; u++)
		if (!strcasecmp(u->name, got))
			return u->name;
	for (u = units; u->name; u++)
		if (swapped(got, u->name))
			return u->name;
	for (u = units; u->name; u++)
		if (drop_one(got, u->name))
			return u->name;
	for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (!strcasecmp(aliases[i].wrong, got) && find(units, aliases[i].right))
			return aliases[i].right;
	for (u = units; u->name; u++)
		if (strlen(u->name) > 2 && drop_one(u->name, got))
			return u->name;
	for (u = units; u->name && n < 16; u++)
		names[n++] = u->name;
	near = sl_nearest(got, names, n);
	return near;
}

static int bad_unit(const char *w, const char *suffix, size_t prefix_len,
		    struct sl_span at, const char *what, const struct unit *units,
		    struct sl_diags *ds)
{
	struct sl_diag_new *d;
	const char *unit = meant(units, suffix);

	d = sl_err(ds, "E125", at, "'%s' has an unknown unit", w);
	if (unit) {
		sl_err_label(d, "did you mean '%.*s%s'?", (int)prefix_len, w, unit);
		sl_err_fix(d, "%.*s%s", (int)prefix_len, w, unit);
		if (!strcmp(unit, "min") && suffix[0] == 'm' && !suffix[1])
			sl_err_fix(d, "%.*sms", (int)prefix_len, w);
	} else {
		sl_err_label(d, "'%s' is no unit for %s", suffix, name_of(what));
	}
	list_units(d, units);
	return -EINVAL;
}

/* A number and one unit of a table. `fallback`: units for a number without one. */
static int parse_one(const char *w, struct sl_span at, const char *what, const char *kind,
		     const char *example, const struct unit *units, const char *const *fallback,
		     uint64_t *out, struct sl_diags *ds)
{
	const char *s = w;
	const struct unit *u;
	struct sl_diag_new *d;
	struct num n;
	size_t len;
	int r;

	if (w[0] == '-' && isdigit((unsigned char)w[1]))
		return out_of_range(w, at, what, "it cannot be negative", ds);
	if (!scan(&s, &n, false))
		return not_a_number(w, at, what, kind, example, ds);
	len = (size_t)(s - w);
	if (!*s) {
		if (!n.mant && !n.too_big) {
			*out = 0;
			return 0;
		}
		d = sl_err(ds, "E121", at, "'%s' has no unit", w);
		sl_err_label(d, "did you mean '%s%s'?", w, fallback[0]);
		for (; *fallback; fallback++)
			sl_err_fix(d, "%s%s", w, *fallback);
		list_units(d, units);
		return -EINVAL;
	}
	u = find(units, s);
	if (!u)
		return bad_unit(w, s, len, at, what, units, ds);
	r = times(&n, u->mul, out);
	if (r == -EDOM)
		return not_a_number(w, at, what, "a whole number of the smallest unit", example, ds);
	if (r < 0)
		return out_of_range(w, at, what, "it is too large", ds);
	return 0;
}

int sl_parse_count(const char *w, struct sl_span at, const char *what, uint64_t *out, struct sl_diags *ds)
{
	const char *s = w;
	const struct unit *u;
	struct sl_diag_new *d;
	struct num n;
	size_t len;
	int r;

	if (w[0] == '0' && (w[1] == 'x' || w[1] == 'X') && w[2]) {
		char *end;

		errno = 0;
		*out = isxdigit((unsigned char)w[2]) ? strtoull(w + 2, &end, 16) : 0;
		if (!isxdigit((unsigned char)w[2]) || *end)
			return not_a_number(w, at, what, "a number", "10, 10k or 0x1f", ds);
		if (errno)
			return out_of_range(w, at, what, "it is too large", ds);
		return 0;
	}
	if (w[0] == '-' && isdigit((unsigned char)w[1]))
		return out_of_range(w, at, what, "it cannot be negative", ds);
	if (!scan(&s, &n, false))
		return not_a_number(w, at, what, "a number", "10, 10k or 0x1f", ds);
	len = (size_t)(s - w);
	u = *s ? find(count_units, s) : &(const struct unit){ "", 1 };
	if (!u) {
		const char *unit = meant(count_units, s);
		char first[2] = { s[0] == 'K' ? 'k' : s[0], '\0' };

		/* a doubled letter, 10K, or 10kB */
		if (!unit && find(count_units, first) && strlen(s) <= 3)
			unit = find(count_units, first)->name;
		if (!unit && !strchr("BbsmhuKMGTk", s[0]))
			return not_a_number(w, at, what, "a number", "10, 10k or 0x1f", ds);
		d = sl_err(ds, "E125", at, "'%s' has a unit, but %s is a plain number", w,
			   name_of(what));
		if (unit) {
			sl_err_label(d, "did you mean '%.*s%s'?", (int)len, w, unit);
			sl_err_fix(d, "%.*s%s", (int)len, w, unit);
		} else {
			sl_err_label(d, "did you mean '%.*s'?", (int)len, w);
		}
		sl_err_fix(d, "%.*s", (int)len, w);
		sl_err_note(d, "k, M, G and T may follow a number: 10k is 10 000");
		return -EINVAL;
	}
	r = times(&n, u->mul, out);
	if (r == -EDOM)
		return not_a_number(w, at, what, "a whole number", "10, 10k or 0x1f", ds);
	if (r < 0)
		return out_of_range(w, at, what, "it is too large", ds);
	return 0;
}

/* 4194304 as "4 194 304". */
static char *spaced(unsigned __int128 v, char *buf, size_t room)
{
	char *p = buf + room;
	unsigned int n = 0;

	*--p = '\0';
	do {
		if (n && n % 3 == 0)
			*--p = ' ';
		*--p = (char)('0' + (int)(v % 10));
		v /= 10;
		n++;
	} while (v && p > buf + 2);
	return p;
}

/* 4M is 4MB or 4MiB. */
static int half_a_unit(const char *w, const struct num *n, const char *s, const char *tail,
		       struct sl_span at, struct sl_diags *ds)
{
	static const char letters[] = "kMGT";
	char c = *s == 'K' ? 'k' : *s, dec[48], bin[48];
	unsigned int power = (unsigned int)(strchr(letters, c) - letters) + 1, i;
	unsigned __int128 d = n->mant, b = n->mant;
	int len = (int)(s - w);
	struct sl_diag_new *e;

	for (i = 0; i < power; i++) {
		d *= 1000;
		b *= 1024;
	}
	for (i = 0; i < n->decimals; i++) {
		d /= 10;
		b /= 10;
	}
	e = sl_err(ds, "E121", at, "'%s' has no unit", w);
	if (n->too_big)
		sl_err_label(e, "%.*s%cB%s or %.*s%ciB%s?", len, w, c, tail, len, w, toupper(c), tail);
	else
		sl_err_label(e, "%.*s%cB%s (%s bytes) or %.*s%ciB%s (%s bytes)?", len, w, c, tail,
			     spaced(d, dec, sizeof(dec)), len, w, toupper(c), tail,
			     spaced(b, bin, sizeof(bin)));
	sl_err_fix(e, "%.*s%cB%s", len, w, c, tail);
	sl_err_fix(e, "%.*s%ciB%s", len, w, toupper(c), tail);
	return -EINVAL;
}

int sl_parse_size(const char *w, struct sl_span at, const char *what, uint64_t *bytes, struct sl_diags *ds)
{
	static const char *const round[] = { "MB", "kB", "GB", "B", NULL };
	static const char *const binary[] = { "MiB", "KiB", "GiB", "B", NULL };
	static const char *const plain[] = { "B", "kB", "MB", NULL };
	const char *s = w;
	struct num n;
	bool power;

	if (scan(&s, &n, false) && s[0] && !s[1] && strchr("kKMGT", s[0]))
		return half_a_unit(w, &n, s, "", at, ds);
	power = n.mant && !n.decimals && !(n.mant & (n.mant - 1));
	return parse_one(w, at, what, "a size", "64KiB or 100MB", size_units,
			 n.mant >= 4096 ? plain : power && n.mant > 1 ? binary : round, bytes, ds);
}

int sl_parse_bitrate(const char *w, struct sl_span at, const char *what, uint64_t *bps, struct sl_diags *ds)
{
	static const char *const few[] = { "Gbps", "Mbps", NULL };
	static const char *const many[] = { "Mbps", "kbps", "bps", NULL };
	const char *s = w;
	struct sl_diag_new *d;
	struct num n;

	if (scan(&s, &n, false) && s[0] && !s[1] && strchr("kKMG", s[0])) {
		d = sl_err(ds, "E121", at, "'%s' has no unit", w);
		sl_err_label(d, "did you mean '%.*s%cbps'?", (int)(s - w), w, *s == 'K' ? 'k' : *s);
		sl_err_fix(d, "%.*s%cbps", (int)(s - w), w, *s == 'K' ? 'k' : *s);
		return -EINVAL;
	}
	return parse_one(w, at, what, "a bit rate", "100Mbps", bit_units,
			 n.mant <= 10 ? few : many, bps, ds);
}

int sl_parse_byterate(const char *w, struct sl_span at, const char *what, uint64_t *bytes_per_s, struct sl_diags *ds)
{
	static const char *const fallback[] = { "MB/s", "kB/s", "B/s", NULL };
	const char *s = w;
	struct num n;

	if (scan(&s, &n, false) && s[0] && !s[1] && strchr("kKMG", s[0]))
		return half_a_unit(w, &n, s, "/s", at, ds);
	if (s > w && *s) {
		/* 10MB: a size, not a rate */
		size_t len = strlen(s);

		if (len < 4 && s[len - 1] == 'B' && find(size_units, s)) {
			struct sl_diag_new *d = sl_err(ds, "E121", at, "'%s' is a size, not a rate", w);

			sl_err_label(d, "did you mean '%s/s'?", w);
			sl_err_fix(d, "%s/s", w);
			return -EINVAL;
		}
	}
	return parse_one(w, at, what, "a byte rate", "10MB/s", byte_units, fallback, bytes_per_s, ds);
}

int sl_parse_pktrate(const char *w, struct sl_span at, const char *what, uint64_t *pps, struct sl_diags *ds)
{
	static const char *const few[] = { "kpps", "pps", "Mpps", NULL };
	static const char *const many[] = { "pps", "kpps", NULL };
	const char *s = w;
	struct sl_diag_new *d;
	struct num n;

	if (scan(&s, &n, false) && s[0] && !s[1] && strchr("kKM", s[0])) {
		d = sl_err(ds, "E121", at, "'%s' has no unit", w);
		sl_err_label(d, "did you mean '%.*s%cpps'?", (int)(s - w), w, *s == 'K' ? 'k' : *s);
		sl_err_fix(d, "%.*s%cpps", (int)(s - w), w, *s == 'K' ? 'k' : *s);
		return -EINVAL;
	}
	return parse_one(w, at, what, "a packet rate", "10kpps", pkt_units,
			 n.mant >= 1000 ? many : few, pps, ds);
}

/* The unit that usually follows another: 1h30 is 1h30min. */
static const char *next_smaller(const char *unit)
{
	static const char *const order[] = { "d", "h", "min", "s", "ms", "us", "ns" };
	size_t i;

	for (i = 0; i + 1 < sizeof(order) / sizeof(order[0]); i++)
		if (!strcmp(order[i], unit))
			return order[i + 1];
	return "ns";
}

int sl_parse_time(const char *w, struct sl_span at, const char *what, int64_t *ns, struct sl_diags *ds)
{
	const char *s = w;
	const struct unit *last = NULL;
	unsigned __int128 sum = 0;
	bool negative = false;
	struct sl_diag_new *d;

	if (*s == '-' || *s == '+')
		negative = *s++ == '-';
	if (!*s)
		return not_a_number(w, at, what, "a time", "30s or 1h30min", ds);
	while (*s) {
		char name[16];
		const struct unit *u;
		struct num n;
		uint64_t part;
		size_t len = 0;
		int r;

		if (!scan(&s, &n, false))
			return not_a_number(w, at, what, "a time", "30s or 1h30min", ds);
		if (!*s && !n.mant && !n.too_big && !last)
			break;		/* 0 needs no unit */
		if (!*s) {
			d = sl_err(ds, "E121", at, "'%s' has no unit", w);
			if (last) {
				const char *unit = next_smaller(last->name);

				sl_err_label(d, "did you mean '%s%s'?", w, unit);
				sl_err_fix(d, "%s%s", w, unit);
			} else {
				bool many = n.mant >= 500;

				sl_err_label(d, "did you mean '%s%s'?", w, many ? "ms" : "s");
				sl_err_fix(d, "%s%s", w, many ? "ms" : "s");
				sl_err_fix(d, "%s%s", w, many ? "s" : "ms");
				sl_err_fix(d, "%smin", w);
			}
			list_units(d, time_units);
			return -EINVAL;
		}
		while (s[len] && !isdigit((unsigned char)s[len]) && len < sizeof(name) - 1)
			len++;
		memcpy(name, s, len);
		name[len] = '\0';
		u = find(time_units, name);
		if (!u) {
			const char *unit = meant(time_units, name);

			d = sl_err(ds, "E125", at, "'%s' has an unknown unit", w);
			if (unit) {
				int head = (int)(s - w);

				sl_err_label(d, "did you mean '%.*s%s%s'?", head, w, unit, s + len);
				sl_err_fix(d, "%.*s%s%s", head, w, unit, s + len);
				if (!strcmp(name, "m"))
					sl_err_fix(d, "%.*sms%s", head, w, s + len);
			} else {
				sl_err_label(d, "'%s' is no unit of time", name);
			}
			list_units(d, time_units);
			return -EINVAL;
		}
		if (last && u->mul >= last->mul)
			return not_a_number(w, at, what, "a time with its units in order",
					    "1h30min", ds);
		last = u;
		s += len;
		r = times(&n, u->mul, &part);
		if (r == -EDOM)
			return not_a_number(w, at, what, "a whole number of nanoseconds", "1.5us", ds);
		sum += part;
		if (r < 0 || sum > INT64_MAX)
			return out_of_range(w, at, what, "it is too large", ds);
	}
	*ns = negative ? -(int64_t)sum : (int64_t)sum;
	return 0;
}

int sl_parse_ratio(const char *w, struct sl_span at, const char *what, double *out, struct sl_diags *ds)
{
	const char *s = w;
	struct sl_diag_new *d;
	struct num n, m;
	double v;

	if (w[0] == '-' && isdigit((unsigned char)w[1]))
		return out_of_range(w, at, what, "it cannot be negative", ds);
	if (!scan(&s, &n, false))
		return not_a_number(w, at, what, "a ratio", "12%, 0.12 or 1/1000", ds);
	v = strtod(n.text, NULL);
	if (*s == '%' && !s[1]) {
		v /= 100;
	} else if (*s == '/') {
		s++;
		if (!scan(&s, &m, false) || *s)
			return not_a_number(w, at, what, "a ratio", "12%, 0.12 or 1/1000", ds);
		if (!m.mant)
			return out_of_range(w, at, what, "nothing can be divided by 0", ds);
		v /= strtod(m.text, NULL);
	} else if (!*s) {
		if (v > 1) {
			d = sl_err(ds, "E121", at, "'%s' is more than the whole", w);
			sl_err_label(d, "did you mean '%s%%'?", w);
			sl_err_fix(d, "%s%%", w);
			return -EINVAL;
		}
	} else {
		d = sl_err(ds, "E125", at, "'%s' has an unknown unit", w);
		sl_err_label(d, "did you mean '%.*s%%'?", (int)(s - w), w);
		sl_err_fix(d, "%.*s%%", (int)(s - w), w);
		sl_err_note(d, "a ratio is written 12%%, 0.12 or 1/1000");
		return -EINVAL;
	}
	if (v > 1)
		return out_of_range(w, at, what, "a ratio is 100% at most", ds);
	*out = v;
	return 0;
}

int sl_parse_switch(const char *w, struct sl_span at, const char *what, bool *out, struct sl_diags *ds)
{
	static const char *const words[] = { "on", "off", "yes", "no", "true", "false" };
	struct sl_diag_new *d;
	const char *near;
	size_t i;

	for (i = 0; i < 6; i++) {
		if (!strcmp(w, words[i])) {
			*out = i % 2 == 0;
			return 0;
		}
	}
	near = !strcmp(w, "1") ? "on" : !strcmp(w, "0") ? "off" : NULL;
	for (i = 0; i < 6 && !near; i++)	/* slips that a general likeness finds too short */
		if (!strcasecmp(w, words[i]) || drop_one(w, words[i]) || swapped(w, words[i]) ||
		    (w[0] && drop_one(words[i], w)))
			near = words[i];
	if (!near)
		near = sl_nearest(w, words, 6);
	d = sl_err(ds, "E122", at, "%s is switched on or off, not '%s'", name_of(what), w);
	if (near) {
		sl_err_label(d, "did you mean '%s'?", near);
		sl_err_fix(d, "%s", near);
	} else {
		sl_err_label(d, "write on or off");
	}
	return -EINVAL;
}

/* --- printing ---------------------------------------------------------------------- */

/* The shortest of the exact spellings; of equals the one with fewer decimals. */
static char *print_units(uint64_t v, const struct unit *units, char *buf)
{
	char best[48] = "", text[48];
	const struct unit *u;

	for (u = units; u->name; u++) {
		uint64_t whole = v / u->mul, rest = v % u->mul, scale = 1;
		unsigned int decimals;

		for (decimals = 0; decimals <= 3; decimals++, scale *= 10) {
			unsigned __int128 part = (unsigned __int128)rest * scale;

			if (part % u->mul || (!whole && rest))
				continue;
			if (decimals)
				snprintf(text, sizeof(text), "%" PRIu64 ".%0*" PRIu64 "%s", whole,
					 (int)decimals, (uint64_t)(part / u->mul), u->name);
			else
				snprintf(text, sizeof(text), "%" PRIu64 "%s", whole, u->name);
			if (!best[0] || strlen(text) < strlen(best) ||
			    (strlen(text) == strlen(best) && strchr(best, '.') && !decimals))
				strcpy(best, text);
			break;
		}
	}
	return strcpy(buf, best);
}

char *sl_print_count(uint64_t v, char *buf)
{
	static const struct unit units[] = {
		{ "", 1 }, { "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 },
		{ "T", 1000000000000 }, { NULL, 0 }
	};

	return print_units(v, units, buf);
}

char *sl_print_size(uint64_t bytes, char *buf)
{
	return bytes ? print_units(bytes, size_units, buf) : strcpy(buf, "0");
}

char *sl_print_time(int64_t ns, char *buf)
{
	uint64_t v = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

	if (!ns)
		return strcpy(buf, "0");
	if (ns < 0)
		*buf = '-';
	print_units(v, time_units, buf + (ns < 0));
	return buf;
}

char *sl_print_ratio(double v, char *buf)
{
	double inverse = v > 0 ? 1 / v : 0, whole = (double)(uint64_t)(inverse + 0.5);
	unsigned int digits;

	for (digits = 1; digits <= 17; digits++) {
		snprintf(buf, 40, "%.*g%%", (int)digits, v * 100);
		if (!strchr(buf, 'e') && strtod(buf, NULL) / 100 == v)
			break;
	}
	/* 1/3, 1/1000: shorter than their decimals */
	if (v > 0 && whole <= 1e9 && whole > 0 && 1 / whole == v) {
		char alt[40];

		snprintf(alt, sizeof(alt), "1/%.0f", whole);
		if (strlen(alt) < strlen(buf))
			strcpy(buf, alt);
	}
	if (digits > 17 && !strchr(buf, '/'))
		snprintf(buf, 40, "%.17f", v);
	return buf;
}
