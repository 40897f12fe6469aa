/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * live.c -- one line at the bottom of a terminal while a pipeline runs
 *
 * Rates are those since the line before; the time left is reckoned from what
 * the sources have read of what they will.
 */
#include "cli.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool shown;
static struct sl_stats before;

static void rate(double v, const char *unit, char *buf, size_t size)
{
	static const char *const prefix[] = { "", "k", "M", "G", "T" };
	unsigned int i = 0;

	while (v >= 999.5 && i < 4) {
		v /= 1000;
		i++;
	}
	snprintf(buf, size, "%.*f %s%s", v < 9.995 && i ? 2 : v < 99.95 && i ? 1 : 0, v, prefix[i], unit);
}

static void clock_text(double s, char *buf, size_t size)
{
	unsigned long n = s > 0 ? (unsigned long)s : 0;

	if (n >= 3600)
		snprintf(buf, size, "%lu:%02lu:%02lu", n / 3600, n / 60 % 60, n % 60);
	else
		snprintf(buf, size, "%lu:%02lu", n / 60, n % 60);
}

static unsigned int columns(void)
{
	struct winsize w;

	return !ioctl(STDERR_FILENO, TIOCGWINSZ, &w) && w.ws_col ? w.ws_col : 80;
}

void live_show(const struct sl_stats *s)
{
	double dt = s->elapsed_s - before.elapsed_s;
	char line[256], bits[32], blocks[32], took[32], left[32];
	int n;

	if (dt <= 0)
		return;
	rate((double)(s->in_bytes - before.in_bytes) * 8 / dt, "b/s", bits, sizeof(bits));
	rate((double)(s->in_blocks - before.in_blocks) / dt, "blocks/s", blocks, sizeof(blocks));
	clock_text(s->elapsed_s, took, sizeof(took));
	n = snprintf(line, sizeof(line), "  %s   in %s   %s", took, bits, blocks);
	if (s->total_bytes && s->done_bytes) {
		double part = (double)s->done_bytes / (double)s->total_bytes;

		clock_text(s->elapsed_s / part - s->elapsed_s, left, sizeof(left));
		n += snprintf(line + n, sizeof(line) - (size_t)n, "   %.0f %%   left %s", part * 100, left);
	}
	if (s->has_matcher)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "   matched %llu", (unsigned long long)s->matched);
	n += snprintf(line + n, sizeof(line) - (size_t)n, "   lost %llu", (unsigned long long)s->lost_blocks);
	fprintf(stderr, "\r\033[K%.*s", (int)columns() - 1, line);
	fflush(stderr);
	before = *s;
	shown = true;
}

void live_clear(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
	memset(&before, 0, sizeof(before));
}
