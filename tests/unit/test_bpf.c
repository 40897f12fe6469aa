/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filters/bpf-vm.c: whatever bpf_filter() returns */
#include <pcap/pcap.h>

#include "../../filters/bpf-vm.h"
#include "test.h"

static uint32_t seed = 1;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static struct sl_bpf *make(const char *expression, int dlt, struct bpf_program *code)
{
	pcap_t *pcap = pcap_open_dead(dlt, 262144);
	struct sl_bpf *vm = NULL;

	CHECK(pcap);
	if (pcap_compile(pcap, code, expression, 1, 0) < 0)
		test_fail(__FILE__, __LINE__, "%s: %s", expression, pcap_geterr(pcap));
	pcap_close(pcap);
	CHECK_EQ(sl_bpf_new(code->bf_insns, code->bf_len, &vm), 0);
	return vm;
}

TEST(expressions)
{
	static const char *const expressions[] = {
		"", "tcp", "udp port 53", "tcp dst port 80", "host 10.0.0.1 and not port 22",
		"ip6 proto 17", "ip6 protochain 6", "vlan and tcp", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
		"ip[2:2] - ((ip[0]&0xf)<<2) > 20", "ether[0] & 1 = 0 and ip[16] >= 224", "len > 60",
		"portrange 80-90", "net 10.0.0.0/8 or net 192.168.0.0/16", "icmp[icmptype] = 8",
		"tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
		"ip[0] * 3 / (ip[1] + 1) % 7 = 2", "1 << ip[8] = 4", "pppoes and ip", "mpls",
		"ip broadcast", "ether proto 0x800 and ip[9] ^ 6 = 0", "-ip[0] < 0x80000000",
	};
	static const uint8_t base[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0,
		10, 0, 0, 1, 10, 0, 0, 2, 0x1f, 0x90, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2,
	};

	for (size_t e = 0; e < sizeof(expressions) / sizeof(expressions[0]); e++) {
		struct bpf_program code;
		struct sl_bpf *vm = make(expressions[e], DLT_EN10MB, &code);

		for (int i = 0; i < 3000; i++) {
			uint8_t frame[80];
			uint32_t len = rnd() % 81, wire = len + rnd() % 3, want;
			uint8_t *p = malloc(len ? len : 1);

			memset(frame, 0, sizeof(frame));
			memcpy(frame, base, sizeof(base));
			if (rnd() & 1) {
				frame[12] = 0x86;
				frame[13] = 0xdd;
				frame[14] = 0x60;
				frame[20] = rnd() & 1 ? 6 : 0;
			}
			for (uint32_t k = rnd() % 6; k; k--)
				frame[rnd() % sizeof(frame)] = (uint8_t)rnd();
			memcpy(p, frame, len);
			want = bpf_filter(code.bf_insns, p, wire, len);
			if (sl_bpf_run(vm, p, wire, len) != want)
				test_fail(__FILE__, __LINE__, "'%s' on packet %d: not %u", expressions[e], i, want);
			free(p);
		}
		sl_bpf_free(vm);
		pcap_freecode(&code);
	}
}

/* Anything that is valid, after scratch memory was set (bpf_filter() leaves it unset). */
TEST(random_programs)
{
	static const uint16_t codes[] = {
		BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_H | BPF_ABS, BPF_LD | BPF_B | BPF_ABS,
		BPF_LD | BPF_W | BPF_IND, BPF_LD | BPF_H | BPF_IND, BPF_LD | BPF_B | BPF_IND,
		BPF_LD | BPF_W | BPF_LEN, BPF_LD | BPF_IMM, BPF_LD | BPF_MEM, BPF_LDX | BPF_MSH | BPF_B,
		BPF_LDX | BPF_IMM, BPF_LDX | BPF_MEM, BPF_LDX | BPF_W | BPF_LEN, BPF_ST, BPF_STX,
		BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA, BPF_JMP | BPF_JA,
		BPF_JMP | BPF_JEQ | BPF_K, BPF_JMP | BPF_JGT | BPF_K, BPF_JMP | BPF_JGE | BPF_K,
		BPF_JMP | BPF_JSET | BPF_K, BPF_JMP | BPF_JEQ | BPF_X, BPF_JMP | BPF_JGT | BPF_X,
		BPF_JMP | BPF_JGE | BPF_X, BPF_JMP | BPF_JSET | BPF_X,
		BPF_ALU | BPF_ADD | BPF_K, BPF_ALU | BPF_SUB | BPF_K, BPF_ALU | BPF_MUL | BPF_K,
		BPF_ALU | BPF_DIV | BPF_K, BPF_ALU | BPF_MOD | BPF_K, BPF_ALU | BPF_AND | BPF_K,
		BPF_ALU | BPF_OR | BPF_K, BPF_ALU | BPF_XOR | BPF_K, BPF_ALU | BPF_LSH | BPF_K,
		BPF_ALU | BPF_RSH | BPF_K, BPF_ALU | BPF_NEG, BPF_ALU | BPF_ADD | BPF_X,
		BPF_ALU | BPF_SUB | BPF_X, BPF_ALU | BPF_MUL | BPF_X, BPF_ALU | BPF_DIV | BPF_X,
		BPF_ALU | BPF_MOD | BPF_X, BPF_ALU | BPF_AND | BPF_X, BPF_ALU | BPF_OR | BPF_X,
		BPF_ALU | BPF_XOR | BPF_X, BPF_ALU | BPF_LSH | BPF_X, BPF_ALU | BPF_RSH | BPF_X,
		BPF_RET | BPF_K, BPF_RET | BPF_A,
	};
	enum { N = 40, PRELUDE = BPF_MEMWORDS, CODES = sizeof(codes) / sizeof(codes[0]) };

	for (int run = 0; run < 20000; run++) {
		struct bpf_insn insns[N];
		struct sl_bpf *vm = NULL;
		uint8_t p[40];
		uint32_t len = rnd() % 41;

		for (int i = 0; i < N; i++) {
			uint16_t code = codes[rnd() % (i < N - 1 ? CODES - (rnd() % 4 ? 2 : 0) : CODES)];

			if (i < PRELUDE)
				code = BPF_ST;
			if (i == N - 1)
				code = BPF_RET | BPF_A;
			insns[i].code = code;
			insns[i].jt = (uint8_t)(rnd() % (unsigned int)(N - i));
			insns[i].jf = (uint8_t)(rnd() % (unsigned int)(N - i));
			insns[i].k = i < PRELUDE ? (unsigned int)i : rnd() % 16;
			if (BPF_CLASS(code) == BPF_JMP && i + 1 + insns[i].jt >= N)
				insns[i].jt = 0;
			if (BPF_CLASS(code) == BPF_JMP && i + 1 + insns[i].jf >= N)
				insns[i].jf = 0;
			if (code == (BPF_JMP | BPF_JA))
				insns[i].k = insns[i].jt;
			if (BPF_CLASS(code) == BPF_ALU && !insns[i].k)
				insns[i].k = 1;
		}
		for (int i = 0; i < 40; i++)
			p[i] = (uint8_t)(rnd() & (rnd() & 1 ? 255 : 7));
		CHECK_EQ(sl_bpf_new(insns, N, &vm), 0);
		CHECK_EQ(sl_bpf_run(vm, p, 40, len), bpf_filter(insns, p, 40, len));
		sl_bpf_free(vm);
	}
}

TEST(invalid_programs)
{
	struct sl_bpf *vm = NULL;
	struct bpf_insn ret = { BPF_RET | BPF_K, 0, 0, 1 };
	struct bpf_insn far[] = { { BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0 }, ret };
	struct bpf_insn ja[] = { { BPF_JMP | BPF_JA, 0, 0, 0xfffffff0u }, ret };
	struct bpf_insn mem[] = { { BPF_ST, 0, 0, BPF_MEMWORDS }, ret };
	struct bpf_insn div[] = { { BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0 }, ret };
	struct bpf_insn end[] = { ret, { BPF_LD | BPF_IMM, 0, 0, 0 } };
	struct bpf_insn odd[] = { { 0xffff, 0, 0, 0 }, ret };

	CHECK(sl_bpf_new(&ret, 0, &vm) < 0);
	CHECK(sl_bpf_new(far, 2, &vm) < 0);
	CHECK(sl_bpf_new(ja, 2, &vm) < 0);
	CHECK(sl_bpf_new(mem, 2, &vm) < 0);
	CHECK(sl_bpf_new(div, 2, &vm) < 0);
	CHECK(sl_bpf_new(end, 2, &vm) < 0);
	CHECK(sl_bpf_new(odd, 2, &vm) < 0);
	CHECK(!vm);
	CHECK_EQ(sl_bpf_new(&ret, 1, &vm), 0);
	CHECK_EQ(sl_bpf_run(vm, (const uint8_t *)"", 0, 0), 1);
	sl_bpf_free(vm);
}

TEST_MAIN()
