/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lib/kern/cbpf.c: whatever bpf_filter() returns
 *
 * Each program is run by three: libpcap's interpreter or our own (which starts
 * with scratch memory of zeros, as the kernel would), the one of cbpf_vm.h on
 * what was compiled, and, where bpf() is permitted, the kernel itself.
 */
#define bpf_insn pcap_insn	/* both have one */
#include <pcap/pcap.h>
#undef bpf_insn
#include "cbpf_kern.h"

#include "../../filters/bpf-vm.h"
#include "test.h"

_Static_assert(sizeof(struct sl_cbpf_insn) == sizeof(struct pcap_insn), "the same words");

enum { WIRE = -8, SHIFT = -16, STACK = -128, FRAME_MAX = 1400 };

static const struct sl_cbpf_target targets[] = {
	{ SL_CBPF_XDP, 256, STACK, WIRE, 0 },
	{ SL_CBPF_SKB, 256, STACK, WIRE, 0 },
	{ SL_CBPF_XDP, 32, STACK, WIRE, 0 },
	{ SL_CBPF_SKB, 64, STACK, WIRE, SHIFT },
	{ SL_CBPF_SKB, 1, STACK, 0, 0 },
	{ SL_CBPF_XDP, 4096, STACK, WIRE, 0 },
};

enum { N_TARGETS = sizeof(targets) / sizeof(targets[0]) };

static uint32_t seed = 1;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static struct cbpf_kern *kernel;
static const char *no_kernel;

static void need_kernel(void)
{
	if (!kernel && !no_kernel)
		kernel = cbpf_kern_new(&no_kernel);
	if (!kernel)
		SKIP(no_kernel);
}

/* A frame whose bytes make loads by X lead inside now and then. */
static void random_packet(struct cbpf_packet *p, uint8_t *frame)
{
	uint32_t most = rnd() % 4 ? 80 : FRAME_MAX;

	for (uint32_t i = 0; i < FRAME_MAX; i++)
		frame[i] = (uint8_t)(rnd() & (rnd() & 1 ? 255 : 7));
	p->frame = frame;
	p->len = rnd() % (most + 1);
	p->wire_len = p->len + rnd() % 3;
	p->shift = 0;
}

/* Give each target a frame as it may come there. */
static void fit(struct cbpf_packet *p, const struct sl_cbpf_target *t)
{
	p->shift = t->shift && p->len >= 64 && rnd() % 4 ? 4 : 0;
	if (!t->wire)
		p->wire_len = p->len;
}

static void judge(const struct pcap_insn *in, unsigned int n, const struct sl_cbpf_target *t, int packets,
		  bool in_kernel, bool defined, const char *what)
{
	struct bpf_insn *body = NULL;
	unsigned int len = 0;
	struct sl_bpf *vm = NULL;
	const char *why = "";
	uint8_t frame[FRAME_MAX];

	if (sl_cbpf_compile((const struct sl_cbpf_insn *)in, n, t, &body, &len, &why) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", what, why);
	CHECK_EQ(sl_bpf_new((const void *)in, n, &vm), 0);
	why = cbpf_shape(body, len);
	if (why)
		test_fail(__FILE__, __LINE__, "%s: %s", what, why);
	if (in_kernel && cbpf_load(kernel, body, len, t) < 0)
		test_fail(__FILE__, __LINE__, "%s: not loaded: %s", what,
			  kernel->log + (strlen(kernel->log) > 3000 ? strlen(kernel->log) - 3000 : 0));
	for (int i = 0; i < packets; i++) {
		struct cbpf_packet p;
		uint32_t want, got = 0;

		random_packet(&p, frame);
		fit(&p, t);
		want = sl_bpf_run(vm, p.frame, p.wire_len, p.len);
		if (defined)
			CHECK_EQ(want, bpf_filter(in, p.frame, p.wire_len, p.len));
		why = cbpf_run(body, len, t, &p, &got);
		if (why || got != want)
			test_fail(__FILE__, __LINE__, "%s, frame %d: %u, not %u; %s", what, i, got, want, why ? why : "");
		if (!in_kernel)
			continue;
		why = cbpf_test_run(kernel, t, &p, &got);
		if (why || got != want)
			test_fail(__FILE__, __LINE__, "%s, frame %d in the kernel: %u, not %u; %s", what, i, got,
				  want, why ? why : "");
	}
	if (in_kernel)
		cbpf_unload(kernel);
	sl_bpf_free(vm);
	free(body);
}

/* Random valid programs. What reads M[] before it is written is not defined in libpcap:
 * `defined` ones write all of it first. */
static unsigned int random_program(struct pcap_insn *in, unsigned int most, bool defined)
{
	static const uint16_t codes[] = {
		BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_H | BPF_ABS, BPF_LD | BPF_B | BPF_ABS,
		BPF_LD | BPF_W | BPF_IND, BPF_LD | BPF_H | BPF_IND, BPF_LD | BPF_B | BPF_IND,
		BPF_LD | BPF_W | BPF_LEN, BPF_LD | BPF_IMM, BPF_LD | BPF_MEM, BPF_LDX | BPF_MSH | BPF_B,
		BPF_LDX | BPF_IMM, BPF_LDX | BPF_MEM, BPF_LDX | BPF_W | BPF_LEN, BPF_ST, BPF_STX,
		BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA, BPF_JMP | BPF_JA, BPF_ALU | BPF_NEG,
		BPF_JMP | BPF_JEQ, BPF_JMP | BPF_JGT, BPF_JMP | BPF_JGE, BPF_JMP | BPF_JSET,
		BPF_JMP | BPF_JEQ, BPF_JMP | BPF_JGT, BPF_JMP | BPF_JGE, BPF_JMP | BPF_JSET,
		BPF_ALU | BPF_ADD, BPF_ALU | BPF_SUB, BPF_ALU | BPF_MUL, BPF_ALU | BPF_DIV,
		BPF_ALU | BPF_MOD, BPF_ALU | BPF_AND, BPF_ALU | BPF_OR, BPF_ALU | BPF_XOR,
		BPF_ALU | BPF_LSH, BPF_ALU | BPF_RSH,
		BPF_RET | BPF_K, BPF_RET | BPF_A,
	};
	static const uint32_t ks[] = { 0, 1, 31, 32, 33, 60, 61, 62, 63, 64, 253, 254, 255, 256, 300, 1399,
				       0xffff, 0x7fffffff, 0x7ffffeff, 0x7fffff00, 0x80000000, 0xffdfffff,
				       0xffe00000, 0xffffffff };
	enum { CODES = sizeof(codes) / sizeof(codes[0]) };
	unsigned int prelude = defined ? BPF_MEMWORDS : 0, n = prelude + 1 + rnd() % most;

	for (unsigned int i = 0; i < n; i++) {
		uint16_t code = codes[rnd() % (CODES - (rnd() % 4 ? 2 : 0))];
		uint32_t room = n - i - 1, near = room < 6 ? room : 6;
		int class = BPF_CLASS(code);

		if (i < prelude)
			code = BPF_ST;
		else if (i == n - 1)
			code = rnd() & 1 ? BPF_RET | BPF_A : BPF_RET | BPF_K;
		else if ((class == BPF_ALU && code != (BPF_ALU | BPF_NEG)) || (class == BPF_JMP && BPF_OP(code)))
			code |= rnd() & 1 ? BPF_X : BPF_K;
		class = BPF_CLASS(code);
		in[i] = (struct pcap_insn) { code, 0, 0, rnd() % 3 ? rnd() % 64 : ks[rnd() % (sizeof(ks) / 4)] };
		if (i < prelude)
			in[i].k = i;
		if (code == (BPF_LD | BPF_MEM) || code == (BPF_LDX | BPF_MEM) || code == BPF_ST || code == BPF_STX)
			in[i].k %= BPF_MEMWORDS;
		if (class == BPF_LD && BPF_MODE(code) == BPF_ABS && in[i].k >= 0xffe00000u)
			in[i].k = 20;
		if (class == BPF_JMP && room) {
			in[i].jt = (uint8_t)(rnd() % near);
			in[i].jf = (uint8_t)(rnd() % near);
		}
		if (code == (BPF_JMP | BPF_JA))
			in[i].k = in[i].jt;
		if (class == BPF_ALU && (BPF_OP(code) == BPF_DIV || BPF_OP(code) == BPF_MOD) && !in[i].k)
			in[i].k = 3;
		/* libpcap leaves such shifts to the compiler */
		if (code == (BPF_ALU | BPF_LSH | BPF_K) || code == (BPF_ALU | BPF_RSH | BPF_K))
			in[i].k %= defined ? 32 : 40;
	}
	return n;
}

enum { INSNS_MAX = 120 };

static void random_programs(int programs, int packets, unsigned int most, bool in_kernel)
{
	struct pcap_insn in[INSNS_MAX];
	char what[32];

	for (int i = 0; i < programs; i++) {
		bool defined = rnd() & 1;
		unsigned int n = random_program(in, most, defined);

		CHECK(bpf_validate(in, (int)n));
		snprintf(what, sizeof(what), "program %d", i);
		judge(in, n, &targets[i % N_TARGETS], packets, in_kernel, defined, what);
	}
}

TEST(random)
{
	random_programs(30000, 6, 20, false);
	random_programs(5000, 10, INSNS_MAX - BPF_MEMWORDS - 1, false);
}

TEST(random_in_kernel)
{
	need_kernel();
	random_programs(2500, 6, 20, true);
	random_programs(1000, 8, INSNS_MAX - BPF_MEMWORDS - 1, true);
}

/* Expressions over frames that are Ethernet, IP and so on, but for a few bytes. */
static const char *const expressions[] = {
	"", "tcp", "udp port 53", "tcp dst port 80", "host 10.0.0.1 and not port 22", "ip6 proto 17",
	"vlan and tcp", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "ip[2:2] - ((ip[0]&0xf)<<2) > 20",
	"ether[0] & 1 = 0 and ip[16] >= 224", "len > 60", "len - 1 = 59", "portrange 80-90",
	"net 10.0.0.0/8 or net 192.168.0.0/16", "icmp[icmptype] = 8", "ether[300:4] = 0x01020304 or ether[1000] & 3 = 1",
	"tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
	"ip[0] * 3 / (ip[1] + 1) % 7 = 2", "1 << ip[8] = 4", "pppoes and ip", "mpls", "ip broadcast",
	"ether proto 0x800 and ip[9] ^ 6 = 0", "-ip[0] < 0x80000000", "ether[ether[20] * 5:2] > 256",
	"ether[ether[20]:4] & ether[21] > 256 and ip",
};

TEST(compiled_expressions)
{
	struct bpf_program code;
	const char *why = NULL;

	if (!kernel && !no_kernel)
		kernel = cbpf_kern_new(&why);
	for (size_t e = 0; e < 2 * sizeof(expressions) / sizeof(expressions[0]); e++) {
		pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);

		if (pcap_compile(pcap, &code, expressions[e / 2], e & 1, 0) < 0)
			test_fail(__FILE__, __LINE__, "%s: %s", expressions[e / 2], pcap_geterr(pcap));
		pcap_close(pcap);
		for (int t = 0; t < N_TARGETS; t++)
			judge(code.bf_insns, code.bf_len, &targets[t], 100, kernel != NULL, true, expressions[e / 2]);
		pcap_freecode(&code);
	}
}

/* What lies in other pages than the first, in the middle of a word too. */
TEST(long_frames)
{
	static uint8_t frame[9000];
	unsigned int len;

	need_kernel();
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i * 7 >> 3);
	for (int t = 0; t < N_TARGETS; t++) {
		struct cbpf_packet p = { frame, cbpf_frame_max(targets[t].hook), 0, targets[t].shift ? 4 : 0 };
		struct sl_cbpf_insn in[] = { { BPF_LDX | BPF_IMM, 0, 0, 0 }, { BPF_LD | BPF_W | BPF_IND, 0, 0, 1 },
					     { BPF_RET | BPF_A, 0, 0, 0 } };

		for (uint32_t at = 1; at < p.len + 4; at += at < 4000 ? 97 : 3) {
			uint32_t got, want = at + 5 > p.len ? 0 : (uint32_t)frame[at + 1] << 24 | frame[at + 2] << 16 |
								  frame[at + 3] << 8 | frame[at + 4];
			struct bpf_insn *body = NULL;

			if (at > 4000 && at % 4096 > 12 && at % 4096 < 3500 && at + 40 < p.len)
				continue;
			in[0].k = at;
			CHECK_EQ(sl_cbpf_compile(in, 3, &targets[t], &body, &len, NULL), 0);
			CHECK_EQ(cbpf_load(kernel, body, len, &targets[t]), 0);
			free(body);
			CHECK_STR(cbpf_test_run(kernel, &targets[t], &p, &got), NULL);
			CHECK_EQ(got, want);
			cbpf_unload(kernel);
		}
	}
}

static int compile(const struct sl_cbpf_insn *in, unsigned int n, const struct sl_cbpf_target *t,
		   unsigned int *len, const char **why)
{
	struct bpf_insn *body = NULL;
	int r = sl_cbpf_compile(in, n, t, &body, len, why);

	free(body);
	return r;
}

TEST(long_programs)
{
	static struct pcap_insn in[SL_CBPF_INSN_MAX + 1];
	const char *why = NULL;
	unsigned int len = 0, n = 1000;

	/* a[0], a[1] ... against each other, ended by the first that differs */
	for (unsigned int i = 0; i < SL_CBPF_INSN_MAX; i += 2) {
		in[i] = (struct pcap_insn) { BPF_LD | BPF_B | BPF_ABS, 0, 0, i % 900 };
		in[i + 1] = (struct pcap_insn) { BPF_JMP | BPF_JGT | BPF_K, 0, 0, 7 };
	}
	in[n - 1] = (struct pcap_insn) { BPF_RET | BPF_A, 0, 0, 0 };
	judge(in, n, &targets[0], 50, false, true, "1000 loads");
	in[SL_CBPF_INSN_MAX - 1] = (struct pcap_insn) { BPF_RET | BPF_A, 0, 0, 0 };
	CHECK_EQ(compile((void *)in, SL_CBPF_INSN_MAX, &targets[0], &len, &why), 0);
	CHECK_EQ(compile((void *)in, SL_CBPF_INSN_MAX + 1, &targets[0], &len, &why), -E2BIG);
	CHECK_STR(why, "it is too long for the kernel");
	/* with slow paths, a jump over all of it is too far */
	for (unsigned int i = 0; i < SL_CBPF_INSN_MAX - 1; i++)
		in[i] = (struct pcap_insn) { BPF_LD | BPF_B | BPF_IND, 0, 0, i % 900 };
	CHECK_EQ(compile((void *)in, SL_CBPF_INSN_MAX, &targets[0], &len, &why), -E2BIG);
}

TEST(short_code)
{
	static const struct sl_cbpf_insn port[] = {
		{ BPF_LD | BPF_H | BPF_ABS, 0, 0, 12 }, { BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0x800 },
		{ BPF_LD | BPF_B | BPF_ABS, 0, 0, 23 }, { BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 6 },
		{ BPF_LD | BPF_B | BPF_ABS, 0, 0, 22 }, { BPF_RET | BPF_K, 0, 0, 1 },
		{ BPF_RET | BPF_K, 0, 0, 0 },
	};
	static const struct sl_cbpf_insn all = { BPF_RET | BPF_K, 0, 0, 262144 };
	unsigned int len = 0;

	CHECK_EQ(compile(&all, 1, &targets[0], &len, NULL), 0);
	CHECK_EQ(len, 1);
	/* Three loads; a comparison of lengths each but the last; two tests; 1; 0. */
	CHECK_EQ(compile(port, 7, &targets[0], &len, NULL), 0);
	CHECK_EQ(len, 3 + 1 + 2 + 2 + 2 + 1);
}

TEST(refused)
{
	struct sl_cbpf_insn ret = { BPF_RET | BPF_K, 0, 0, 1 };
	struct sl_cbpf_insn far[] = { { BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0 }, ret };
	struct sl_cbpf_insn back[] = { { BPF_LD | BPF_IMM, 0, 0, 0 }, { BPF_JMP | BPF_JA, 0, 0, 0xfffffffeu }, ret };
	struct sl_cbpf_insn out[] = { { BPF_JMP | BPF_JA, 0, 0, 0xfffffff0u }, ret };
	struct sl_cbpf_insn mem[] = { { BPF_ST, 0, 0, BPF_MEMWORDS }, ret };
	struct sl_cbpf_insn div[] = { { BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0 }, ret };
	struct sl_cbpf_insn end[] = { ret, { BPF_LD | BPF_IMM, 0, 0, 0 } };
	struct sl_cbpf_insn odd[] = { { 0xffff, 0, 0, 0 }, ret };
	struct sl_cbpf_insn tag[] = { { BPF_LD | BPF_B | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG) }, ret };
	struct sl_cbpf_target t = targets[0];
	const char *why = NULL;
	unsigned int len = 77;

	CHECK_EQ(compile(&ret, 0, &t, &len, &why), -EINVAL);
	CHECK_STR(why, "it is not a valid program");
	CHECK_EQ(compile(far, 2, &t, &len, &why), -EINVAL);
	CHECK_EQ(compile(out, 2, &t, &len, &why), -EINVAL);
	CHECK_EQ(compile(mem, 2, &t, &len, &why), -EINVAL);
	CHECK_EQ(compile(div, 2, &t, &len, &why), -EINVAL);
	CHECK_EQ(compile(end, 2, &t, &len, &why), -EINVAL);
	CHECK_EQ(compile(odd, 2, &t, &len, NULL), -EINVAL);
	CHECK_EQ(compile(back, 3, &t, &len, &why), -ELOOP);
	CHECK_STR(why, "it has a loop, and the kernel cannot see where that ends");
	CHECK_EQ(compile(tag, 2, &t, &len, &why), -ENOTSUP);
	t.stack = -72;
	CHECK_EQ(compile(&ret, 1, &t, &len, &why), -EINVAL);
	CHECK_STR(why, "the target has no such stack or window");
	t.stack = -132;
	CHECK_EQ(compile(&ret, 1, &t, &len, &why), -EINVAL);
	t = targets[0];
	t.shift = -16;
	t.win = 19;
	CHECK_EQ(compile(&ret, 1, &t, &len, &why), -EINVAL);
	t = targets[0];
	t.win = 0;
	CHECK_EQ(compile(&ret, 1, &t, &len, &why), -EINVAL);
	CHECK_EQ(len, 77);
}

TEST_MAIN()
