/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/human.h -- rounded figures for people, three digits each
 *
 * What must be exact is printed as a plain number or as JSON; units that read
 * back as SRL are lang/units.h. buf holds SL_HUMAN bytes and is returned.
 */
#ifndef SL_CORE_HUMAN_H
#define SL_CORE_HUMAN_H

#include <stddef.h>
#include <stdint.h>

#define SL_HUMAN 32

char *sl_human_bytes(uint64_t bytes, char *buf);	/* "512 B", "12.3 kB", "1.61 GB" */
char *sl_human_count(uint64_t n, char *buf);		/* "9999", "12.3 k", "1.5 M" */
char *sl_human_seconds(double s, char *buf);		/* "0.4 ms", "7.4 s", "2 min 5 s" */

/* Columns that UTF-8 text takes on a terminal, every character counted as one. */
size_t sl_text_width(const char *s);

#endif
