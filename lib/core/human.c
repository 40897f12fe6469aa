/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/human.h"

#include <stdio.h>

/* Three digits of v, which is below 1000. */
static char *three(double v, const char *unit, char *buf)
{
	const char *fmt = v < 9.995 ? "%.2f %s" : v < 99.95 ? "%.1f %s" : "%.0f %s";

	snprintf(buf, SL_HUMAN, fmt, v, unit);
	return buf;
}

static char *scaled(uint64_t n, const char *const *unit, char *buf)
{
	double v = (double)n / 1000;
	unsigned int i = 0;

	while (v >= 999.5 && unit[i + 1]) {
		v /= 1000;
		i++;
	}
	return three(v, unit[i], buf);
}

char *sl_human_bytes(uint64_t bytes, char *buf)
{
	static const char *const unit[] = { "kB", "MB", "GB", "TB", "PB", "EB", NULL };

	if (bytes >= 1000)
		return scaled(bytes, unit, buf);
	snprintf(buf, SL_HUMAN, "%u B", (unsigned int)bytes);
	return buf;
}

char *sl_human_count(uint64_t n, char *buf)
{
	static const char *const unit[] = { "k", "M", "G", "T", "P", "E", NULL };

	if (n >= 10000)
		return scaled(n, unit, buf);
	snprintf(buf, SL_HUMAN, "%u", (unsigned int)n);
	return buf;
}

char *sl_human_seconds(double s, char *buf)
{
	unsigned long whole = s > 0 ? (unsigned long)s : 0;

	if (s < 0.0000005)
		snprintf(buf, SL_HUMAN, "0 s");
	else if (s < 0.0009995)
		three(s * 1e6, "us", buf);
	else if (s < 0.9995)
		three(s * 1e3, "ms", buf);
	else if (s < 119.5)
		three(s, "s", buf);
	else if (whole < 7200)
		snprintf(buf, SL_HUMAN, "%lu min %lu s", whole / 60, whole % 60);
	else
		snprintf(buf, SL_HUMAN, "%lu h %lu min", whole / 3600, whole / 60 % 60);
	return buf;
}

size_t sl_text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}
