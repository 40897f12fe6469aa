/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* print-packet.h -- between print.c and print-packet.c */
#ifndef FILTERS_PRINT_PACKET_H
#define FILTERS_PRINT_PACKET_H

#include <stdarg.h>
#include <stdio.h>

#include "filter.h"

#define PRINT_LINE	1024		/* no line about a packet is longer */

/* A line that is being written: what does not fit is cut. */
struct line {
	char *buf;
	size_t len, size;
};

__attribute__((format(printf, 2, 3)))
static inline void put(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->buf + l->len, l->size - l->len, fmt, ap);
	va_end(ap);
	l->len = n < 0 ? l->len : (size_t)n < l->size - l->len ? l->len + (size_t)n : l->size - 1;
}

/* "10.0.0.1.80 > 10.0.0.2.1234"; false when the block came in no IP packet. */
bool print_flow(struct line *l, struct sl_block *b, const uint8_t *frame);

/* What is in a packet, without its time. */
void print_packet(struct line *l, struct sl_block *b, const uint8_t *frame);

#endif
