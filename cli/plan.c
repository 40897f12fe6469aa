/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan.c -- the verbs that look at a request and run nothing: check, plan, graph, fmt */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static const char *plural(unsigned int n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

/* p: NULL after an error */
static void check_json(int r, const char *diags, const struct sl_plan *p)
{
	const char *note;

	printf("{\"ok\":%s,\"diagnostics\":%s,\"no_effect\":[", r ? "false" : "true", diags);
	for (unsigned int i = 0; p && (note = sl_plan_note(p, i)); i++) {
		if (i)
			putchar(',');
		out_json_strn(stdout, note, strlen(note));
	}
	puts("]}");
}

int verb_check(const struct call *c)
{
	struct opened o;
	char *json;
	int r;

	r = request_plan(c, &o, c->has[F_NO_ENV], true);
	if (c->has[F_JSON] && o.ds) {
		json = out_diags_json(o.ds);
		if (json)
			check_json(r, json, o.plan);
		else
			r = out_no_memory();
		free(json);
	} else {
		out_diags(c, o.ds, r ? "nothing was started" : NULL);
		if (!r && !c->has[F_QUIET]) {
			unsigned int filters = sl_plan_filters(o.plan), streams = sl_plan_streams(o.plan);

			printf("ok: %u %s, %u %s\n", filters, plural(filters, "filter", "filters"),
			       streams, plural(streams, "stream", "streams"));
			out_notes(stdout, o.plan);
		}
	}
	request_done(&o);
	return r;
}

int verb_plan(const struct call *c)
{
	struct opened o;
	char *why;
	int r;

	if (c->has[F_SRL] + c->has[F_JSON] + c->has[F_WHY] + c->has[F_PASSES] > 1)
		return out_call_error("plan prints one of: --srl, --json, --why, --passes");
	r = request_plan(c, &o, c->has[F_NO_ENV], false);
	out_diags(c, o.ds, r ? "nothing was started" : NULL);
	if (r)
		goto out;
	if (c->has[F_JSON]) {
		r = out_line(stdout, sl_plan_json(o.plan));
	} else if (c->has[F_SRL]) {
		r = out_line(stdout, sl_plan_srl(o.plan, false));
	} else if (c->has[F_PASSES]) {
		r = out_words(stdout, sl_plan_passes(o.plan));
	} else if (c->has[F_WHY]) {
		why = sl_plan_why(o.plan, c->why);
		r = why ? out_words(stdout, why) :
		    out_call_error("the plan has no filter named '%s'", c->why);
	} else {
		out_words(stdout, sl_plan_draw(o.plan, SL_DRAW_ASCII));
		putchar('\n');
		r = out_words(stdout, sl_plan_text(o.plan));
	}
out:
	request_done(&o);
	return r;
}

int verb_graph(const struct call *c)
{
	enum sl_drawing kind = c->has[F_DOT] ? SL_DRAW_DOT :
			       c->has[F_MERMAID] ? SL_DRAW_MERMAID : SL_DRAW_ASCII;
	struct opened o;
	int r;

	if (c->has[F_DOT] + c->has[F_MERMAID] + c->has[F_JSON] > 1)
		return out_call_error("graph prints one of: --dot, --mermaid, --json");
	r = request_plan(c, &o, true, true);
	out_diags(c, o.ds, r ? "nothing was started" : NULL);
	if (!r)
		r = c->has[F_JSON] ? out_line(stdout, sl_plan_json(o.plan)) :
		    kind == SL_DRAW_ASCII ? out_words(stdout, sl_plan_draw(o.plan, kind)) :
		    out_line(stdout, sl_plan_draw(o.plan, kind));
	request_done(&o);
	return r;
}

int verb_fmt(const struct call *c)
{
	struct opened o;
	int r;

	r = c->has[F_EXPAND] ? request_plan(c, &o, true, true) : request_parse(c, &o);
	out_diags(c, o.ds, r ? "nothing was printed" : NULL);
	if (!r)
		r = out_line(stdout, c->has[F_EXPAND] ? sl_plan_srl(o.plan, true)
						      : sl_request_format(o.req));
	request_done(&o);
	return r;
}
