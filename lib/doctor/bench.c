/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor/bench.c -- measures what the table of costs holds, and writes it
 *
 * Traffic is made up: flows of TCP to port 80 with true sequence numbers, and DNS between
 * them, once with short packets and once with full ones; two captures in memory. A filter's
 * cost in user space is what a run over them says it was busy, for each block that came in; in
 * the kernel it is the time of its stage (kern/bench.h), with the jump to it taken off.
 * What depends on the traffic of a place, the share that passes, is not measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/diag.h"
#include "core/json.h"
#include "kern/ask.h"
#include "kern/bench.h"
#include "plan/plan.h"
#include "streamline/streamline.h"

#define SHORT		64u
#define MIDDLE		512u
#define LONG		1500u
#define PACKETS		16384u
#define FLOWS		64u
#define LINES_MOST	96u

static const struct {
	const char *name, *text;
} filters[] = {
	{ "ip", "(ip)" }, { "ip6", "(ip6)" }, { "ether", "(ether)" }, { "vlan", "(vlan)" }, { "tunnel", "(tunnel)" },
	{ "tcp", "(tcp)" }, { "udp", "(udp)" }, { "icmp", "(icmp)" }, { "port", "(port)" }, { "sourceport", "(sourceport)" },
	{ "bpf", "(bpf \"tcp port 80\")" }, { "sample", "(sample 10)" }, { "head", "(head 1000000000)" },
	{ "slice", "(slice 54)" }, { "rate", "(rate 1000Mpps over=drop)" }, { "pass", "(pass)" },
	{ "count", "(count)" }, { "stats", "(stats)" }, { "flows", "(flows)" }, { "untcp", "(untcp)" },
	{ "ac", "(ac)" }, { "grep", "(grep \"no such words\")" }, { "null", "(null)" },
	{ "print", "(print file=/dev/null)" }, { "jsonout", "(jsonout /dev/null)" }, { "pcapout", "(pcapout /dev/null)" },
};

#define N_FILTERS	(sizeof(filters) / sizeof(filters[0]))

struct line {			/* one cost of the table */
	char kind[8], name[SL_COSTS_NAME], where[8];	/* "filter", "tcp", "user"; "stream", "crossing", "" */
	struct sl_cost before, now;
	bool known_before, measured;
	char why[160];		/* not measured */
};

struct bench {
	struct line lines[LINES_MOST];
	unsigned int n;
	double share_s;		/* for each thing measured */
	int fd[2];		/* captures of short and of long packets */
	struct sl_diags *ds;
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- traffic --------------------------------------------------------------- */

static void be16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void be32(uint8_t *p, uint32_t v)
{
	be16(p, v >> 16);
	be16(p + 2, v & 0xffff);
}

/* The n-th packet: of every four, one is DNS and three are segments to port 80. */
static void make_frame(uint8_t *f, uint32_t len, unsigned int n)
{
	static const uint8_t ether[] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0 };
	static const char words[] = "The quick brown fox jumps over the lazy dog. ";
	bool dns = n % 4 == 3;
	unsigned int flow = n * 7 / 4 % FLOWS, nth = n / FLOWS, head = dns ? 42 : 54;

	memset(f, 0, head);
	memcpy(f, ether, sizeof(ether));
	f[14] = 0x45;
	be16(f + 16, len - 14);
	be16(f + 18, n);
	f[22] = 64;
	f[23] = dns ? 17 : 6;
	be32(f + 26, 0x0a000001 + flow);
	be32(f + 30, 0x0a010001 + flow % 4);
	be16(f + 34, 40000 + flow);
	be16(f + 36, dns ? 53 : 80);
	if (dns) {
		be16(f + 38, len - 34);
	} else {
		be32(f + 38, 1 + nth * (len - head));
		f[46] = 0x50;
		f[47] = 0x10;
		be16(f + 48, 65535);
	}
	for (uint32_t i = head; i < len; i++)
		f[i] = (uint8_t)words[(i + n) % (sizeof(words) - 1)];
}

/* A capture file in memory: its descriptor, or a negative errno. */
static int make_capture(uint32_t len)
{
	const uint32_t head[] = { 0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1 };
	size_t each = 16 + len, size = sizeof(head) + PACKETS * each;
	int fd = memfd_create("streamline-bench", MFD_CLOEXEC);
	uint8_t *p = MAP_FAILED;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)size))
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	memcpy(p, head, sizeof(head));
	for (unsigned int i = 0; i < PACKETS; i++) {
		const uint32_t rec[] = { 1700000000 + i / 100000, i % 100000 * 10, len, len };
		uint8_t *at = p + sizeof(head) + i * each;

		memcpy(at, rec, sizeof(rec));
		make_frame(at + 16, len, i);
	}
	munmap(p, size);
	return fd;
}

/* ---- the table's lines ------------------------------------------------------- */

static struct line *line(struct bench *b, const char *kind, const char *name, const char *where)
{
	struct line *l = &b->lines[b->n < LINES_MOST - 1 ? b->n++ : b->n];

	*l = (struct line){ 0 };
	snprintf(l->kind, sizeof(l->kind), "%s", kind);
	snprintf(l->name, sizeof(l->name), "%s", name);
	snprintf(l->where, sizeof(l->where), "%s", where);
	return l;
}

static void set(struct line *l, double block_ns, double byte_ns)
{
	l->now = (struct sl_cost){ block_ns, byte_ns };
	l->measured = true;
}

static void remember(struct bench *b, const struct sl_costs *c)
{
	for (unsigned int i = 0; i < b->n; i++) {
		struct line *l = &b->lines[i];
		const struct sl_cost_border *o = sl_costs_border(c, l->name);
		struct sl_cost_filter f;

		if (!strcmp(l->kind, "filter")) {
			f = sl_costs_filter(c, l->name);
			l->before = *l->where == 'u' ? f.user : f.kernel;
			l->known_before = true;
		} else if (!strcmp(l->kind, "border") && o) {
			l->before = *l->where == 'w' ? o->write : o->read;
			l->known_before = true;
		} else if (!strcmp(l->kind, "stream")) {
			l->before.block_ns = c->crossing_ns;
			l->known_before = true;
		}
	}
}

/* ---- filters ------------------------------------------------------------------- */

static int plan_of(struct bench *b, unsigned int i, unsigned int of, struct sl_plan **out)
{
	const struct sl_filter_type *t = sl_type_find(filters[i].name);
	struct sl_request *q = NULL;
	char text[200];
	int r;

	snprintf(text, sizeof(text), "(pcapin \"/proc/self/fd/%d\") > %s%s", b->fd[of], filters[i].text,
		 t->out ? " > (end: null)" : "");
	r = sl_parse(text, NULL, &q, b->ds);
	if (!r)
		r = sl_plan_new(q, NULL, out, b->ds);
	sl_request_free(q);
	return r;
}

static const struct sl_node *node_of(const struct sl_plan *p, const char *type)
{
	for (unsigned int i = 0; i < p->graph->n_nodes; i++)
		if (!strcmp(p->graph->nodes[i]->type->name, type) && strcmp(p->graph->nodes[i]->name, "end"))
			return p->graph->nodes[i];
	return NULL;
}

/* One run: ns for each block; negative: an errno. */
static double run_once(struct bench *b, const struct sl_plan *p, const char *name)
{
	struct sl_ledger_row row;
	struct sl_run *r;
	double ns = -ENODATA;
	int e = sl_run_new(p, &r, b->ds);

	if (e)
		return e;
	e = sl_run_wait(r);
	for (unsigned int i = 0; !e && !sl_run_filter(r, i, &row); i++)
		if (!strcmp(row.name, name) && row.in.blocks)
			ns = (double)row.busy_ns / (double)row.in.blocks;
	sl_run_free(r);
	return e ? e : ns;
}

static int measure_user(struct bench *b, struct sl_plan *const plans[2], const char *name, struct line *l)
{
	double best[2] = { 0 }, end = now_s() + b->share_s, ns;
	const double bytes[] = { SHORT, LONG };
	struct sl_kbench_cost c;

	do {
		for (unsigned int k = 0; k < 2; k++) {
			ns = run_once(b, plans[k], name);
			if (ns < 0)
				return (int)ns;
			if (best[k] == 0 || ns < best[k])
				best[k] = ns;
		}
	} while (now_s() < end);
	c = sl_kbench_fit(bytes, best, 2);
	set(l, c.block_ns, c.byte_ns);
	return 0;
}

/* The jump to a stage is a line of the table by itself. */
static void measure_kernel(struct bench *b, const struct sl_node *n, double tail_call_ns)
{
	struct line *l = line(b, "filter", n->type->name, "kernel");
	uint8_t s[SHORT], g[LONG];
	const struct sl_kbench_frame frames[] = { { s, SHORT }, { g, LONG } };
	struct sl_kbench_cost c;
	int r;

	make_frame(s, SHORT, !strcmp(n->type->name, "udp") ? 3 : 0);
	make_frame(g, LONG, !strcmp(n->type->name, "udp") ? 3 : 0);
	r = sl_kbench_stage(n->type, n->state, n->shared, frames, 2, b->share_s, &c, l->why, sizeof(l->why));
	if (!r)
		set(l, c.block_ns > tail_call_ns ? c.block_ns - tail_call_ns : 0, c.byte_ns);
	else if (r == -ENOTSUP)
		b->n--;		/* it has no kernel form with these parameters */
}

static int measure_filter(struct bench *b, unsigned int i, double tail_call_ns)
{
	const struct sl_filter_type *t = sl_type_find(filters[i].name);
	struct sl_plan *plans[2] = { NULL };
	const struct sl_node *n;
	struct line *l;
	int r;

	if (!t)
		return 0;
	l = line(b, "filter", filters[i].name, "user");
	r = plan_of(b, i, 0, &plans[0]);
	if (!r)
		r = plan_of(b, i, 1, &plans[1]);
	n = r ? NULL : node_of(plans[0], filters[i].name);
	if (n)
		r = measure_user(b, plans, n->name, l);
	if (r)
		snprintf(l->why, sizeof(l->why), "%s", strerror(-r));
	if (n && t->kernel)
		measure_kernel(b, n, tail_call_ns);
	sl_plan_free(plans[0]);
	sl_plan_free(plans[1]);
	return r == -ENOMEM ? r : 0;
}

/* ---- the kernel ------------------------------------------------------------------ */

static void measure_border(struct bench *b, enum sl_kcarrier carrier, enum sl_kcap cap, const char *name)
{
	struct line *w = line(b, "border", name, "write"), *r = line(b, "border", name, "read"), *x = NULL;
	const struct sl_kernel_caps *caps = sl_kernel_probe();
	uint8_t s[SHORT], m[MIDDLE], g[LONG];
	const struct sl_kbench_frame frames[] = { { s, SHORT }, { m, MIDDLE }, { g, LONG } };
	struct sl_kbench_cost write, read;
	double crossing;

	make_frame(s, SHORT, 0);
	make_frame(m, MIDDLE, 0);
	make_frame(g, LONG, 0);
	if (!caps->works[cap]) {
		snprintf(w->why, sizeof(w->why), "%s", caps->why[cap]);
	} else if (!sl_kbench_border(carrier, frames, 3, 2 * b->share_s, &write, &read, &crossing, w->why, sizeof(w->why))) {
		set(w, write.block_ns, write.byte_ns);
		set(r, read.block_ns, read.byte_ns);
		for (unsigned int i = 0; i < b->n; i++)
			if (!strcmp(b->lines[i].kind, "stream"))
				x = &b->lines[i];
		if (!x)
			set(line(b, "stream", "crossing", ""), crossing, 0);
	}
	if (!w->measured)
		memcpy(r->why, w->why, sizeof(r->why));
}

static void measure_entry(struct bench *b)
{
	struct line *l = line(b, "filter", "rx", "kernel");
	uint8_t s[SHORT], g[LONG];
	const struct sl_kbench_frame frames[] = { { s, SHORT }, { g, LONG } };
	struct sl_kbench_cost c;

	make_frame(s, SHORT, 0);
	make_frame(g, LONG, 0);
	if (!sl_kbench_entry(frames, 2, b->share_s, &c, l->why, sizeof(l->why)))
		set(l, c.block_ns, c.byte_ns);
}

static int measure(struct bench *b, double tail_call_ns)
{
	const struct sl_kernel_caps *caps = sl_kernel_probe();
	int r = 0;

	if (caps->works[SL_CAP_BPF]) {
		measure_border(b, SL_CARRIER_ARENA, SL_CAP_ARENA, "arena");
		measure_border(b, SL_CARRIER_ARRAY, SL_CAP_ARRAY, "array");
		measure_border(b, SL_CARRIER_RINGBUF, SL_CAP_RINGBUF, "ringbuf");
		measure_entry(b);
	}
	for (unsigned int i = 0; !r && i < N_FILTERS; i++)
		r = measure_filter(b, i, tail_call_ns);
	return r;
}

/* ---- the file ---------------------------------------------------------------------- */

static const struct line *other_half(const struct bench *b, unsigned int i)
{
	for (unsigned int k = i + 1; k < b->n; k++)
		if (!strcmp(b->lines[k].kind, b->lines[i].kind) && !strcmp(b->lines[k].name, b->lines[i].name))
			return &b->lines[k];
	return NULL;
}

static bool begun(const struct bench *b, unsigned int i)
{
	for (unsigned int k = 0; k < i; k++)
		if (!strcmp(b->lines[k].kind, b->lines[i].kind) && !strcmp(b->lines[k].name, b->lines[i].name))
			return true;
	return false;
}

static void put_half(FILE *f, const struct line *l)
{
	if (l && l->measured)
		fprintf(f, " %s %.1fns %.4fns/B", l->where, l->now.block_ns, l->now.byte_ns);
}

/* Only what was measured: the rest stays as it is built in. */
static char *table(const struct bench *b)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "# Measured on this machine by 'streamline doctor --bench'. Lines here replace those that\n"
		   "# are built in; remove the file to have them back.\n");
	for (unsigned int i = 0; i < b->n; i++) {
		const struct line *l = &b->lines[i], *o = other_half(b, i);

		if (begun(b, i) || (!l->measured && (!o || !o->measured)))
			continue;
		fprintf(f, "%s %s", l->kind, l->name);
		if (!*l->where) {
			fprintf(f, " %.1fns", l->now.block_ns);
		} else {
			put_half(f, l);
			put_half(f, o);
		}
		fputc('\n', f);
	}
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

/* The folders above a file. */
static int make_folders(const char *file)
{
	char *path = strdup(file);
	int r = path ? 0 : -ENOMEM;

	for (char *p = path ? strchr(path + 1, '/') : NULL; p && !r; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			r = -errno;
		*p = '/';
	}
	free(path);
	return r;
}

/* The old file is there, whole, until the new one is. */
static int write_file(const char *file, const char *text)
{
	size_t len = strlen(text);
	char *tmp = NULL;
	int fd, r = make_folders(file);

	if (r)
		return r;
	if (asprintf(&tmp, "%s.XXXXXX", file) < 0)
		return -ENOMEM;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		free(tmp);
		return r;
	}
	errno = EIO;
	if (write(fd, text, len) != (ssize_t)len || fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(tmp, file) < 0) {
		r = -errno;
		unlink(tmp);
	}
	close(fd);
	free(tmp);
	return r;
}

/* ---- printing ------------------------------------------------------------------------ */

static void cost_words(const struct sl_cost *c, bool known, char *text, size_t size)
{

	if (!known)
		snprintf(text, size, "-");
	else if (c->byte_ns > 0)
		snprintf(text, size, "%.1f ns + %.3f ns/B", c->block_ns, c->byte_ns);
	else
		snprintf(text, size, "%.1f ns", c->block_ns);
}

static char *as_text(const struct bench *b, const char *file)
{
	char *text = NULL, what[64], before[48], now[48];
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "%-32s%-24s%s\n", "each block", "before", "now");
	for (unsigned int i = 0; i < b->n; i++) {
		const struct line *l = &b->lines[i];

		snprintf(what, sizeof(what), "%s%s%s, %s", strcmp(l->kind, "filter") ? l->kind : "",
			 strcmp(l->kind, "filter") ? " " : "", l->name, *l->where ? l->where : "in the kernel");
		cost_words(&l->before, l->known_before, before, sizeof(before));
		cost_words(&l->now, true, now, sizeof(now));
		fprintf(f, "%-32s%-24s%s%s\n", what, before, l->measured ? now : "not measured: ",
			l->measured ? "" : l->why);
	}
	fprintf(f, "\nwritten to %s; plans use it from now on\n", file);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

static void json_cost(struct sl_json *j, const char *key, const struct sl_cost *c, bool known)
{
	sl_json_key(j, key);
	if (!known) {
		sl_json_null(j);
		return;
	}
	sl_json_open(j, '{');
	sl_json_key(j, "block_ns");
	sl_json_double(j, c->block_ns);
	sl_json_key(j, "byte_ns");
	sl_json_double(j, c->byte_ns);
	sl_json_close(j, '}');
}

static char *as_json(const struct bench *b, const char *file)
{
	struct sl_json j = { 0 };

	sl_json_open(&j, '{');
	sl_json_kstr(&j, "file", file);
	sl_json_key(&j, "costs");
	sl_json_open(&j, '[');
	for (unsigned int i = 0; i < b->n; i++) {
		const struct line *l = &b->lines[i];

		sl_json_open(&j, '{');
		sl_json_kstr(&j, "kind", l->kind);
		sl_json_kstr(&j, "name", l->name);
		sl_json_kstr(&j, "where", *l->where ? l->where : NULL);
		json_cost(&j, "before", &l->before, l->known_before);
		json_cost(&j, "now", &l->now, l->measured);
		sl_json_kstr(&j, "why_not", l->measured ? NULL : l->why);
		sl_json_close(&j, '}');
	}
	sl_json_close(&j, ']');
	sl_json_close(&j, '}');
	return sl_json_take(&j);
}

/* ---- the call ---------------------------------------------------------------------------- */

static int save(const struct bench *b, const char *file, struct sl_diags *ds)
{
	char *text = table(b), why[160];
	struct sl_costs *check = sl_costs_new();
	int r = text && check ? 0 : -ENOMEM;

	if (!r) {
		r = sl_costs_parse(check, text, strlen(text), why, sizeof(why));
		if (r)
			sl_err(ds, "E302", (struct sl_span){ 0 }, "what was measured makes no table: %s", why);
	}
	if (!r) {
		r = write_file(file, text);
		if (r)
			sl_err(ds, "E206", (struct sl_span){ 0 }, "cannot write %s: %s", file, strerror(-r));
	}
	sl_costs_free(check);
	free(text);
	return r;
}

static int bench(struct bench *b, const char *file, bool json, char **out, struct sl_diags *ds)
{
	struct sl_costs *old = sl_costs_new();
	char why[200];
	int r;

	if (!old)
		return -ENOMEM;
	sl_costs_read(old, file, why, sizeof(why));	/* where there is none, what is built in */
	b->fd[0] = make_capture(SHORT);
	b->fd[1] = make_capture(LONG);
	r = b->fd[0] < 0 ? b->fd[0] : b->fd[1] < 0 ? b->fd[1] : measure(b, old->tail_call_ns);
	if (r)
		sl_err(ds, "E302", (struct sl_span){ 0 }, "cannot measure: %s", strerror(-r));
	remember(b, old);
	for (unsigned int i = 0; i < 2; i++)
		if (b->fd[i] >= 0)
			close(b->fd[i]);
	sl_costs_free(old);
	if (!r)
		r = save(b, file, ds);
	if (!r) {
		*out = json ? as_json(b, file) : as_text(b, file);
		r = *out ? 0 : -ENOMEM;
	}
	return r;
}

int sl_doctor_bench(const char *file, double seconds, bool json, char **out, struct sl_diags *ds)
{
	struct bench *b = calloc(1, sizeof(*b));
	char *own = file ? strdup(file) : sl_costs_file();
	int r;

	if (!b || (b && !(b->ds = sl_diags_new()))) {
		r = -ENOMEM;
	} else if (!own) {
		sl_err(ds, "E206", (struct sl_span){ 0 }, "there is no place for the table: neither HOME nor XDG_CACHE_HOME is set");
		r = -ENOENT;
	} else {
		/* every filter in both spaces, four times that for the rings */
		b->share_s = seconds / (2 * N_FILTERS + 6);
		b->fd[0] = b->fd[1] = -1;
		r = bench(b, own, json, out, ds);
	}
	if (b)
		sl_diags_free(b->ds);
	free(b);
	free(own);
	return r;
}
