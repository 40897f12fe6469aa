/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lang/units.h -- numbers with units, as design and srl(7) define them
 *
 * Every parser takes the bare word and its span, fills *out on success and
 * returns 0; else it reports to ds (E12x, with fixes) and returns -EINVAL.
 * `what` names the parameter in messages ("rotate").
 */
#ifndef SL_LANG_UNITS_H
#define SL_LANG_UNITS_H

#include "core/diag.h"

int sl_parse_count(const char *w, struct sl_span at, const char *what, uint64_t *out, struct sl_diags *ds);
int sl_parse_size(const char *w, struct sl_span at, const char *what, uint64_t *bytes, struct sl_diags *ds);
int sl_parse_time(const char *w, struct sl_span at, const char *what, int64_t *ns, struct sl_diags *ds);
int sl_parse_bitrate(const char *w, struct sl_span at, const char *what, uint64_t *bps, struct sl_diags *ds);
int sl_parse_byterate(const char *w, struct sl_span at, const char *what, uint64_t *bytes_per_s, struct sl_diags *ds);
int sl_parse_pktrate(const char *w, struct sl_span at, const char *what, uint64_t *pps, struct sl_diags *ds);
int sl_parse_ratio(const char *w, struct sl_span at, const char *what, double *out, struct sl_diags *ds);
int sl_parse_switch(const char *w, struct sl_span at, const char *what, bool *out, struct sl_diags *ds);

/* The shortest exact way to write a value, with unit; buf of at least 40 bytes. Returns buf. */
char *sl_print_count(uint64_t v, char *buf);
char *sl_print_size(uint64_t bytes, char *buf);
char *sl_print_time(int64_t ns, char *buf);
char *sl_print_ratio(double v, char *buf);

#endif
