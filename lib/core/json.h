/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * core/json.h -- JSON, written
 *
 *	struct sl_json j = { 0 };
 *
 *	sl_json_open(&j, '{');
 *	sl_json_key(&j, "blocks");
 *	sl_json_u64(&j, 12);
 *	sl_json_close(&j, '}');
 *	text = sl_json_take(&j);	// {"blocks":12}
 *
 * Commas are put in by the writer; brackets must be balanced by the caller.
 * Text is UTF-8: whatever is not becomes U+FFFD, one for each byte that fits
 * nowhere, so that every result is valid JSON. When memory is out the rest of
 * the calls do nothing and sl_json_take() returns NULL: check once, at the end.
 */
#ifndef SL_CORE_JSON_H
#define SL_CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sl_json {
	char *buf;		/* NUL-terminated once something was written */
	size_t len, cap;
	bool comma;		/* a value came before: the next one is set apart */
	bool failed;		/* memory was out */
};

void sl_json_open(struct sl_json *j, char bracket);	/* '{' or '[' */
void sl_json_close(struct sl_json *j, char bracket);	/* '}' or ']' */
void sl_json_key(struct sl_json *j, const char *key);

void sl_json_str(struct sl_json *j, const char *s);	/* NULL: null */
void sl_json_strn(struct sl_json *j, const void *s, size_t len_bytes);
void sl_json_u64(struct sl_json *j, uint64_t v);
void sl_json_i64(struct sl_json *j, int64_t v);
void sl_json_double(struct sl_json *j, double v);	/* NaN and infinity: null */
void sl_json_bool(struct sl_json *j, bool v);
void sl_json_null(struct sl_json *j);
void sl_json_raw(struct sl_json *j, const char *json);	/* a value that is JSON already */

/* key and value in one */
void sl_json_kstr(struct sl_json *j, const char *key, const char *s);
void sl_json_ku64(struct sl_json *j, const char *key, uint64_t v);
void sl_json_kbool(struct sl_json *j, const char *key, bool v);

/* Bytes as they are, between values (a newline between lines). */
void sl_json_put(struct sl_json *j, const char *bytes, size_t len_bytes);

/* Empty again, memory kept: for one record after the other. */
void sl_json_reset(struct sl_json *j);
/* The text, which the caller frees; j is as new. NULL when memory was out. */
char *sl_json_take(struct sl_json *j);
void sl_json_free(struct sl_json *j);

#endif
