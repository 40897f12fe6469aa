/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* describe.c -- filter descriptors in words and as JSON; values as SRL writes them */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "lang/units.h"
#include "streamline/streamline.h"

const char *sl_param_kind(const struct sl_param *p, char *buf, size_t size)
{
	static const char *const kind[] = {
		[SL_P_U32] = "count", [SL_P_COUNT] = "count", [SL_P_SIZE] = "size",
		[SL_P_TIME] = "time", [SL_P_RATIO] = "ratio", [SL_P_SWITCH] = "on|off",
		[SL_P_STRING] = "text", [SL_P_IN_FILE] = "file to read",
		[SL_P_OUT_FILE] = "file to write", [SL_P_BITRATE] = "bit rate",
		[SL_P_BYTERATE] = "byte rate", [SL_P_PKTRATE] = "packet rate",
	};
	size_t at = 0;

	if (!size)
		return buf;
	buf[0] = '\0';
	if (p->type != SL_P_CHOICE) {
		snprintf(buf, size, "%s", kind[p->type]);
		return buf;
	}
	for (unsigned int i = 0; p->choices && p->choices[i] && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? "|" : "", p->choices[i]);
	return buf;
}

/* A number of the parameter's type; buf holds 64 bytes. */
static const char *number(const struct sl_param *p, double v, char *buf)
{
	uint64_t u = v > 0 ? (uint64_t)v : 0;

	switch (p->type) {
	case SL_P_SIZE:
		return sl_print_size(u, buf);
	case SL_P_TIME:
		return sl_print_time((int64_t)v, buf);
	case SL_P_RATIO:
		return sl_print_ratio(v, buf);
	case SL_P_BITRATE:
		return strcat(sl_print_count(u, buf), "bps");
	case SL_P_BYTERATE:
		return strcat(sl_print_size(u, buf), "/s");
	case SL_P_PKTRATE:
		return strcat(sl_print_count(u, buf), "pps");
	default:
		return sl_print_count(u, buf);
	}
}

char *sl_param_number(const struct sl_param *p, uint64_t v)
{
	char buf[64];

	return strdup(number(p, (double)v, buf));
}

char *sl_param_default(const struct sl_param *p)
{
	unsigned int n = 0;
	char buf[64];

	if (p->required || p->supply)
		return NULL;
	switch (p->type) {
	case SL_P_STRING:
	case SL_P_IN_FILE:
	case SL_P_OUT_FILE:
		return p->def_text ? strdup(p->def_text) : NULL;
	case SL_P_SWITCH:
		return strdup(p->def != 0 ? "on" : "off");
	case SL_P_CHOICE:
		while (p->choices && p->choices[n])
			n++;
		return p->def >= 0 && p->def < n ? strdup(p->choices[(int)p->def]) : NULL;
	default:
		return strdup(number(p, p->def, buf));
	}
}

static void json_types(struct sl_json *j, unsigned int mask)
{
	sl_json_open(j, '[');
	if (mask & SL_PACKET)
		sl_json_str(j, "packet");
	if (mask & SL_BYTES)
		sl_json_str(j, "bytes");
	if (mask & SL_RECORD)
		sl_json_str(j, "record");
	if (mask & SL_SAME)
		sl_json_str(j, "same");
	sl_json_close(j, ']');
}

static void json_param(struct sl_json *j, const struct sl_param *p)
{
	char *def = sl_param_default(p), buf[256];
	bool bounded = p->type != SL_P_STRING && p->type != SL_P_IN_FILE &&
		       p->type != SL_P_OUT_FILE && p->type != SL_P_CHOICE && p->type != SL_P_SWITCH;

	sl_json_open(j, '{');
	sl_json_kstr(j, "name", p->name);
	sl_json_kstr(j, "type", p->type == SL_P_CHOICE ? "choice" : sl_param_kind(p, buf, sizeof(buf)));
	sl_json_kstr(j, "help", p->help);
	sl_json_kstr(j, "default", def);
	if (bounded && p->min)
		sl_json_kstr(j, "min", number(p, (double)p->min, buf));
	if (bounded && p->max)
		sl_json_kstr(j, "max", number(p, (double)p->max, buf));
	if (p->choices) {
		sl_json_key(j, "choices");
		sl_json_open(j, '[');
		for (unsigned int i = 0; p->choices[i]; i++)
			sl_json_str(j, p->choices[i]);
		sl_json_close(j, ']');
	}
	if (p->unit)
		sl_json_kstr(j, "unit", p->unit);
	if (p->alias)
		sl_json_kstr(j, "alias", p->alias);
	sl_json_ku64(j, "position", p->pos);
	sl_json_kbool(j, "required", p->required);
	sl_json_kbool(j, "supplied", p->supply);
	sl_json_kbool(j, "live", p->live);
	sl_json_close(j, '}');
	free(def);
}

static void json_texts(struct sl_json *j, const char *key, const char *const *text)
{
	sl_json_key(j, key);
	sl_json_open(j, '[');
	for (; text && *text; text++)
		sl_json_str(j, *text);
	sl_json_close(j, ']');
}

char *sl_type_json(const struct sl_filter_type *t)
{
	static const char *const class[] = { "none", "port", "protocol", "icmp", "number", "group" };
	struct sl_json j = { 0 };

	sl_json_open(&j, '{');
	sl_json_kstr(&j, "name", t->name);
	sl_json_kstr(&j, "brief", t->brief);
	sl_json_kstr(&j, "group", t->group);
	sl_json_key(&j, "in");
	json_types(&j, t->in);
	sl_json_key(&j, "out");
	json_types(&j, t->out);
	sl_json_kstr(&j, "class", class[t->class]);
	json_texts(&j, "spaces", t->kernel || t->flags & SL_F_LIVE ?
		   (const char *const []){ "kernel", "user", NULL } : (const char *const []){ "user", NULL });
	sl_json_key(&j, "tags");
	sl_json_open(&j, '[');
	for (const struct sl_port *p = t->ports; p && p->name; p++) {
		sl_json_open(&j, '{');
		sl_json_kstr(&j, "name", p->name);
		sl_json_key(&j, "type");
		json_types(&j, p->type);
		sl_json_kstr(&j, "help", p->help);
		sl_json_kbool(&j, "groups", p->groups);
		sl_json_close(&j, '}');
	}
	sl_json_close(&j, ']');
	json_texts(&j, "inputs", t->inputs);
	sl_json_key(&j, "parameters");
	sl_json_open(&j, '[');
	for (const struct sl_param *p = t->params; p && p->name; p++)
		json_param(&j, p);
	sl_json_close(&j, ']');
	sl_json_key(&j, "values");
	sl_json_open(&j, '[');
	for (const struct sl_value *v = t->values; v && v->name; v++) {
		sl_json_open(&j, '{');
		sl_json_kstr(&j, "name", v->name);
		sl_json_kstr(&j, "help", v->help);
		sl_json_close(&j, '}');
	}
	sl_json_close(&j, ']');
	sl_json_kbool(&j, "splits", t->flags & SL_F_SHARD);
	sl_json_kbool(&j, "matcher", t->flags & SL_F_MATCHER);
	json_texts(&j, "examples", t->examples);
	sl_json_kstr(&j, "see_also", t->see_also);
	sl_json_kstr(&j, "text", sl_type_text(t->name));
	sl_json_close(&j, '}');
	return sl_json_take(&j);
}
