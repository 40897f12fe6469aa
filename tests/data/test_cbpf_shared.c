/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Classic programs in the kernel, against libpcap's own tables (../shared/data, skipped
 * when absent):
 *
 *	filter-apply.tsv	every expression over the capture it belongs to: what
 *				bpf_filter() returns for each packet, and the table
 *				too where its last column says so
 *	filter-valid.tsv	every expression that this machine's libpcap takes, over
 *				the packets of all captures of libpcap's, whatever link
 *				they are of, and cut to random lengths
 *
 * Each program is compiled with and without libpcap's optimizer, for XDP and for tc.
 * Where bpf() is not permitted, the interpreter of cbpf_vm.h stands in for the kernel.
 */
#define bpf_insn pcap_insn	/* both have one */
#include <pcap/pcap.h>
#undef bpf_insn
#include "../unit/cbpf_kern.h"

#include <glob.h>

#include "../../filters/bpf-vm.h"
#include "test.h"

#define DIR "../shared/data/captures/libpcap/"

enum { COLS = 6, PACKETS_MAX = 600 };

static const struct sl_cbpf_target targets[] = {
	{ SL_CBPF_XDP, 256, -96, -8, 0 },
	{ SL_CBPF_SKB, 256, -96, -8, 0 },
	{ SL_CBPF_XDP, 24, -96, -8, 0 },
};

enum { N_TARGETS = sizeof(targets) / sizeof(targets[0]) };

/* The packets that a program is tried on. */
struct set {
	struct cbpf_packet packets[PACKETS_MAX];
	int n;
};

static struct cbpf_kern *kernel;
static bool asked;

static uint32_t seed = 7;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static void ask_kernel(void)
{
	const char *why = NULL;

	if (!asked)
		kernel = cbpf_kern_new(&why);
	if (why)
		printf("# the kernel is not asked: %s\n", why);
	asked = true;
}

/* The next line of a table, cut at tabs; false at the end. */
static bool next_line(FILE *f, char *line, size_t size, char **col)
{
	char *p = line;

	if (!fgets(line, (int)size, f))
		return false;
	line[strcspn(line, "\n")] = 0;
	for (int i = 0; i < COLS; i++) {
		col[i] = p ? p : line + strlen(line);
		p = p ? strchr(p, '\t') : NULL;
		if (p)
			*p++ = 0;
	}
	return true;
}

static FILE *table(const char *name)
{
	char path[256], line[4096], *col[COLS];
	FILE *f;

	snprintf(path, sizeof(path), DIR "%s", name);
	f = fopen(path, "r");
	if (!f)
		SKIP("needs ../shared/data");
	CHECK(next_line(f, line, sizeof(line), col));	/* headings */
	return f;
}

static uint32_t mask_of(const char *netmask)
{
	unsigned int a, b, c, d;

	return sscanf(netmask, "%u.%u.%u.%u", &a, &b, &c, &d) == 4 ? d << 24 | c << 16 | b << 8 | a : 0;
}

static void add(struct set *s, const uint8_t *data, uint32_t len, uint32_t wire_len)
{
	uint8_t *copy = malloc(len + 1u);

	CHECK(s->n < PACKETS_MAX);
	memcpy(copy, data, len);
	s->packets[s->n++] = (struct cbpf_packet) { copy, len, wire_len, 0 };
}

static void empty(struct set *s)
{
	while (s->n)
		free((void *)s->packets[--s->n].frame);
}

/* The packets of a capture; its link type. */
static int read_set(struct set *s, const char *name, bool cut)
{
	char path[512], why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const u_char *data;
	pcap_t *pcap;
	int dlt;

	snprintf(path, sizeof(path), DIR "%s", name);
	pcap = pcap_open_offline(path, why);
	if (!pcap)
		test_fail(__FILE__, __LINE__, "%s", why);
	dlt = pcap_datalink(pcap);
	while (pcap_next_ex(pcap, &h, &data) == 1) {
		add(s, data, h->caplen, h->len);
		if (cut)
			add(s, data, rnd() % (h->caplen + 1), h->len);
	}
	pcap_close(pcap);
	return dlt;
}

/* One program for one target over all packets; how often it matched. */
static int compare(const struct bpf_program *code, const struct sl_cbpf_target *t, const struct set *s,
		   const char *what)
{
	struct bpf_insn *body = NULL;
	struct sl_bpf *vm = NULL;
	unsigned int n = 0;
	const char *why = "";
	int matched = 0;

	if (sl_cbpf_compile((const void *)code->bf_insns, code->bf_len, t, &body, &n, &why) < 0)
		test_fail(__FILE__, __LINE__, "'%s': %s", what, why);
	CHECK_EQ(sl_bpf_new((const void *)code->bf_insns, code->bf_len, &vm), 0);
	CHECK_STR(cbpf_shape(body, n), NULL);
	if (kernel && cbpf_load(kernel, body, n, t) < 0)
		test_fail(__FILE__, __LINE__, "'%s' is not loaded: %s", what, kernel->log);
	for (int i = 0; i < s->n; i++) {
		struct cbpf_packet p = s->packets[i];
		uint32_t want, got = 0;

		if (p.len > cbpf_frame_max(t->hook))
			p.len = cbpf_frame_max(t->hook);
		want = bpf_filter(code->bf_insns, p.frame, p.wire_len, p.len);
		CHECK_EQ(sl_bpf_run(vm, p.frame, p.wire_len, p.len), want);
		matched += want != 0;
		why = cbpf_run(body, n, t, &p, &got);
		if (why || got != want)
			test_fail(__FILE__, __LINE__, "'%s', packet %d: %u, not %u; %s", what, i, got, want, why ? why : "");
		why = kernel ? cbpf_test_run(kernel, t, &p, &got) : NULL;
		if (why || got != want)
			test_fail(__FILE__, __LINE__, "'%s', packet %d in the kernel: %u, not %u; %s", what, i, got,
				  want, why ? why : "");
	}
	if (kernel)
		cbpf_unload(kernel);
	sl_bpf_free(vm);
	free(body);
	return matched;
}

static bool has_loop(const struct bpf_program *code)
{
	for (unsigned int i = 0; i < code->bf_len; i++) {
		if (code->bf_insns[i].code == (BPF_JMP | BPF_JA) && (int32_t)code->bf_insns[i].k < 0)
			return true;
	}
	return false;
}

static bool has_ancillary(const struct bpf_program *code)
{
	for (unsigned int i = 0; i < code->bf_len; i++) {
		uint16_t c = code->bf_insns[i].code;

		if (BPF_CLASS(c) == BPF_LD && BPF_MODE(c) == BPF_ABS && code->bf_insns[i].k >= 0xffe00000u)
			return true;
	}
	return false;
}

enum { TOO_NEW = -1, LOOP = -2, ANCILLARY = -3 };

/* One expression in all ways; how many matched, or why it was not run. */
static int try(const char *expression, int dlt, uint32_t mask, const struct set *s)
{
	int matched[2] = { -1, -1 };	/* the optimizer may look less far into what was cut */

	for (int way = 0; way < 2 * N_TARGETS; way++) {
		pcap_t *pcap = pcap_open_dead(dlt, 65535);
		struct bpf_program code;
		struct bpf_insn *body = NULL;
		unsigned int n;
		int r, m;

		CHECK(pcap);
		r = pcap_compile(pcap, &code, expression, way & 1, mask);
		pcap_close(pcap);
		if (r < 0)
			return TOO_NEW;
		r = has_loop(&code) ? LOOP : has_ancillary(&code) ? ANCILLARY : 0;
		if (r) {
			m = sl_cbpf_compile((const void *)code.bf_insns, code.bf_len, &targets[way / 2], &body, &n, NULL);
			CHECK_EQ(m, r == LOOP ? -ELOOP : -ENOTSUP);
			pcap_freecode(&code);
			return r;
		}
		m = compare(&code, &targets[way / 2], s, expression);
		if (matched[way & 1] >= 0)
			CHECK_EQ(m, matched[way & 1]);
		matched[way & 1] = m;
		pcap_freecode(&code);
	}
	return matched[1];
}

TEST(applied)
{
	static struct set s;
	char line[4096], *col[COLS], last[256] = "";
	FILE *f = table("filter-apply.tsv");
	int compared = 0, loops = 0, dlt = 0;

	ask_kernel();
	while (next_line(f, line, sizeof(line), col)) {
		int passed = 0, m;

		if (strcmp(last, col[0])) {
			empty(&s);
			dlt = read_set(&s, col[0], false);
			snprintf(last, sizeof(last), "%s", col[0]);
		}
		m = try(col[1], dlt, mask_of(col[2]), &s);
		loops += m == LOOP;
		if (m < 0)
			continue;
		for (char *p = col[4]; *p; p += strcspn(p, ","), p += *p == ',')
			passed += *p != '0';
		if (!strcmp(col[5], "same count") && m != passed)
			test_fail(__FILE__, __LINE__, "%s, '%s': %d, not %d", col[0], col[1], m, passed);
		compared++;
	}
	fclose(f);
	empty(&s);
	printf("# %d expressions compared, %d with loops refused\n", compared, loops);
	CHECK(compared > 60);
}

TEST(valid)
{
	static struct set s;
	glob_t captures;
	char line[4096], *col[COLS];
	FILE *f = table("filter-valid.tsv");
	int compared = 0, loops = 0, ancillary = 0, too_new = 0, packets;

	ask_kernel();
	CHECK_EQ(glob(DIR "*.pcap*", 0, NULL, &captures), 0);
	for (size_t i = 0; i < captures.gl_pathc; i++)
		read_set(&s, captures.gl_pathv[i] + strlen(DIR), true);
	globfree(&captures);
	packets = s.n;
	while (next_line(f, line, sizeof(line), col)) {
		int dlt = pcap_datalink_name_to_val(col[1]);
		int m = *col[3] || strstr(col[4], "example") || dlt < 0 ? TOO_NEW : try(col[4], dlt, mask_of(col[2]), &s);

		compared += m >= 0;
		loops += m == LOOP;
		ancillary += m == ANCILLARY;
		too_new += m == TOO_NEW;
	}
	fclose(f);
	empty(&s);
	printf("# %d expressions on %d packets compared; %d with loops, %d about more than bytes refused; "
	       "%d not for this libpcap\n",
	       compared, packets, loops, ancillary, too_new);
	CHECK(compared > 600);
}

TEST_MAIN()
