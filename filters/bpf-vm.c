/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpf-vm.c -- run classic BPF programs, faster than a plain switch does
 *
 * Instruction i of the program becomes op i, so that jumps keep their targets.
 * Two things make it quick:
 *
 * - each op ends by jumping to the next one's code itself; the processor then
 *   remembers for each op what follows it,
 * - a load from a fixed place that is followed by a comparison with a constant, as
 *   nearly every load is, becomes one op. It still leaves what it loaded in A, and
 *   the comparison stays at its own place too, for those who jump to it.
 *
 * A return stands at the end of each valid program, and every jump leads inside,
 * so no op is ever run beyond the last. Jumps back are made by libpcap for
 * "protochain" alone, where the packet's bounds end the loop.
 */
#include <pcap/pcap.h>
#include <errno.h>
#include <stdlib.h>

#include "bpf-vm.h"
#include "net/decode.h"

/* What an op does. SIZE is W, H or B; tests are of A against K. */
#define OPS(X) \
	X(RET_K) X(RET_A) \
	X(LDW) X(LDH) X(LDB) X(LDW_IND) X(LDH_IND) X(LDB_IND) X(LD_LEN) X(LD_IMM) X(LD_MEM) \
	X(LDX_MSH) X(LDX_IMM) X(LDX_MEM) X(LDX_LEN) X(ST) X(STX) X(TAX) X(TXA) \
	X(JA) X(JEQ) X(JGT) X(JGE) X(JSET) X(JEQ_X) X(JGT_X) X(JGE_X) X(JSET_X) \
	X(ADD) X(SUB) X(MUL) X(DIV) X(MOD) X(AND) X(OR) X(XOR) X(LSH) X(RSH) X(NEG) \
	X(ADD_X) X(SUB_X) X(MUL_X) X(DIV_X) X(MOD_X) X(AND_X) X(OR_X) X(XOR_X) X(LSH_X) X(RSH_X) \
	X(LDW_JEQ) X(LDH_JEQ) X(LDB_JEQ) X(LDW_JSET) X(LDH_JSET) X(LDB_JSET) \
	X(LDH_IND_JEQ) X(LDB_IND_JEQ)

enum op_code {
#define X(name) OP_##name,
	OPS(X)
#undef X
};

struct op {
	uint32_t code;
	uint32_t k;
	uint32_t cmp;		/* of a fused comparison */
	uint32_t jt, jf;	/* ops to go on at */
};

struct sl_bpf {
	unsigned int n;
	struct op ops[];
};

static int code_of(uint16_t code)
{
	static const struct { uint16_t code, op; } table[] = {
		{ BPF_RET | BPF_K, OP_RET_K }, { BPF_RET | BPF_A, OP_RET_A },
		{ BPF_LD | BPF_W | BPF_ABS, OP_LDW }, { BPF_LD | BPF_H | BPF_ABS, OP_LDH },
		{ BPF_LD | BPF_B | BPF_ABS, OP_LDB }, { BPF_LD | BPF_W | BPF_IND, OP_LDW_IND },
		{ BPF_LD | BPF_H | BPF_IND, OP_LDH_IND }, { BPF_LD | BPF_B | BPF_IND, OP_LDB_IND },
		{ BPF_LD | BPF_W | BPF_LEN, OP_LD_LEN }, { BPF_LD | BPF_IMM, OP_LD_IMM },
		{ BPF_LD | BPF_MEM, OP_LD_MEM }, { BPF_LDX | BPF_MSH | BPF_B, OP_LDX_MSH },
		{ BPF_LDX | BPF_IMM, OP_LDX_IMM }, { BPF_LDX | BPF_MEM, OP_LDX_MEM },
		{ BPF_LDX | BPF_W | BPF_LEN, OP_LDX_LEN }, { BPF_ST, OP_ST }, { BPF_STX, OP_STX },
		{ BPF_MISC | BPF_TAX, OP_TAX }, { BPF_MISC | BPF_TXA, OP_TXA },
		{ BPF_JMP | BPF_JA, OP_JA }, { BPF_JMP | BPF_JEQ | BPF_K, OP_JEQ },
		{ BPF_JMP | BPF_JGT | BPF_K, OP_JGT }, { BPF_JMP | BPF_JGE | BPF_K, OP_JGE },
		{ BPF_JMP | BPF_JSET | BPF_K, OP_JSET }, { BPF_JMP | BPF_JEQ | BPF_X, OP_JEQ_X },
		{ BPF_JMP | BPF_JGT | BPF_X, OP_JGT_X }, { BPF_JMP | BPF_JGE | BPF_X, OP_JGE_X },
		{ BPF_JMP | BPF_JSET | BPF_X, OP_JSET_X },
		{ BPF_ALU | BPF_ADD | BPF_K, OP_ADD }, { BPF_ALU | BPF_SUB | BPF_K, OP_SUB },
		{ BPF_ALU | BPF_MUL | BPF_K, OP_MUL }, { BPF_ALU | BPF_DIV | BPF_K, OP_DIV },
		{ BPF_ALU | BPF_MOD | BPF_K, OP_MOD }, { BPF_ALU | BPF_AND | BPF_K, OP_AND },
		{ BPF_ALU | BPF_OR | BPF_K, OP_OR }, { BPF_ALU | BPF_XOR | BPF_K, OP_XOR },
		{ BPF_ALU | BPF_LSH | BPF_K, OP_LSH }, { BPF_ALU | BPF_RSH | BPF_K, OP_RSH },
		{ BPF_ALU | BPF_NEG, OP_NEG },
		{ BPF_ALU | BPF_ADD | BPF_X, OP_ADD_X }, { BPF_ALU | BPF_SUB | BPF_X, OP_SUB_X },
		{ BPF_ALU | BPF_MUL | BPF_X, OP_MUL_X }, { BPF_ALU | BPF_DIV | BPF_X, OP_DIV_X },
		{ BPF_ALU | BPF_MOD | BPF_X, OP_MOD_X }, { BPF_ALU | BPF_AND | BPF_X, OP_AND_X },
		{ BPF_ALU | BPF_OR | BPF_X, OP_OR_X }, { BPF_ALU | BPF_XOR | BPF_X, OP_XOR_X },
		{ BPF_ALU | BPF_LSH | BPF_X, OP_LSH_X }, { BPF_ALU | BPF_RSH | BPF_X, OP_RSH_X },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].code == code)
			return table[i].op;
	}
	return -EINVAL;
}

static bool is_jump(uint32_t op)
{
	return op >= OP_JA && op <= OP_JSET_X;
}

/* Load at i and comparison at i + 1 in one, where there is an op for both. */
static void fuse(struct op *o)
{
	static const struct { uint8_t load, test, both; } pairs[] = {
		{ OP_LDW, OP_JEQ, OP_LDW_JEQ }, { OP_LDH, OP_JEQ, OP_LDH_JEQ },
		{ OP_LDB, OP_JEQ, OP_LDB_JEQ }, { OP_LDW, OP_JSET, OP_LDW_JSET },
		{ OP_LDH, OP_JSET, OP_LDH_JSET }, { OP_LDB, OP_JSET, OP_LDB_JSET },
		{ OP_LDH_IND, OP_JEQ, OP_LDH_IND_JEQ }, { OP_LDB_IND, OP_JEQ, OP_LDB_IND_JEQ },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (o[0].code == pairs[i].load && o[1].code == pairs[i].test) {
			o[0].code = pairs[i].both;
			o[0].cmp = o[1].k;
			o[0].jt = o[1].jt;
			o[0].jf = o[1].jf;
			return;
		}
	}
}

int sl_bpf_new(const struct bpf_insn *insns, unsigned int n, struct sl_bpf **out)
{
	struct sl_bpf *vm;
	int r = -EINVAL;

	if (!n || n > 1u << 20 || BPF_CLASS(insns[n - 1].code) != BPF_RET)
		return -EINVAL;
	vm = calloc(1, sizeof(*vm) + n * sizeof(vm->ops[0]));
	if (!vm)
		return -ENOMEM;
	vm->n = n;
	for (unsigned int i = 0; i < n; i++) {
		struct op *o = &vm->ops[i];
		int code = code_of(insns[i].code);
		uint64_t jt = i + 1, jf = i + 1;

		if (code < 0)
			goto invalid;
		o->code = (uint32_t)code;
		o->k = insns[i].k;
		if (code == OP_JA) {
			jt = jf = (uint64_t)(i + 1 + (int64_t)(int32_t)insns[i].k);
		} else if (is_jump(o->code)) {
			jt += insns[i].jt;
			jf += insns[i].jf;
		}
		if (code != OP_RET_K && code != OP_RET_A && (jt >= n || jf >= n))
			goto invalid;
		o->jt = (uint32_t)jt;
		o->jf = (uint32_t)jf;
		if ((code == OP_LD_MEM || code == OP_LDX_MEM || code == OP_ST || code == OP_STX) &&
		    o->k >= BPF_MEMWORDS)
			goto invalid;
		/* Linux's kernel keeps what is no byte of the packet (its direction,
		 * its interface) at places below 0; nobody does here. */
		if (code >= OP_LDW && code <= OP_LDB && o->k >= 0xffe00000u) {
			r = -ENOTSUP;
			goto invalid;
		}
		if ((code == OP_DIV || code == OP_MOD) && !o->k)
			goto invalid;
	}
	for (unsigned int i = 0; i + 1 < n; i++)
		fuse(&vm->ops[i]);
	*out = vm;
	return 0;
invalid:
	free(vm);
	return r;
}

void sl_bpf_free(struct sl_bpf *vm)
{
	free(vm);
}

static inline uint32_t shl(uint32_t a, uint32_t by)
{
	return by < 32 ? a << by : 0;
}

static inline uint32_t shr(uint32_t a, uint32_t by)
{
	return by < 32 ? a >> by : 0;
}

uint32_t sl_bpf_run(const struct sl_bpf *vm, const uint8_t *p, uint32_t wire_len, uint32_t len)
{
	static const void *const labels[] = {
#define X(name) &&op_##name,
		OPS(X)
#undef X
	};
	const struct op *ops = vm->ops, *o = ops;
	uint32_t a = 0, x = 0, mem[BPF_MEMWORDS] = { 0 };
	uint64_t at;

#define RUN()		goto *labels[o->code]
#define NEXT()		do { o++; RUN(); } while (0)
#define BRANCH(cond)	do { o = ops + ((cond) ? o->jt : o->jf); RUN(); } while (0)
/* One comparison of 64 bits holds for every k and x. */
#define BOUND(where, size)	do { at = (where); if (at + (size) > len) return 0; } while (0)
#define LOAD_W(where)	do { BOUND(where, 4); a = sl_be32(p + at); } while (0)
#define LOAD_H(where)	do { BOUND(where, 2); a = sl_be16(p + at); } while (0)
#define LOAD_B(where)	do { BOUND(where, 1); a = p[at]; } while (0)
#define INDEX		((uint64_t)x + o->k)

	RUN();
op_RET_K:	return o->k;
op_RET_A:	return a;
op_LDW:		LOAD_W(o->k); NEXT();
op_LDH:		LOAD_H(o->k); NEXT();
op_LDB:		LOAD_B(o->k); NEXT();
op_LDW_IND:	LOAD_W(INDEX); NEXT();
op_LDH_IND:	LOAD_H(INDEX); NEXT();
op_LDB_IND:	LOAD_B(INDEX); NEXT();
op_LD_LEN:	a = wire_len; NEXT();
op_LD_IMM:	a = o->k; NEXT();
op_LD_MEM:	a = mem[o->k]; NEXT();
op_LDX_MSH:	BOUND(o->k, 1); x = (p[at] & 15u) << 2; NEXT();
op_LDX_IMM:	x = o->k; NEXT();
op_LDX_MEM:	x = mem[o->k]; NEXT();
op_LDX_LEN:	x = wire_len; NEXT();
op_ST:		mem[o->k] = a; NEXT();
op_STX:		mem[o->k] = x; NEXT();
op_TAX:		x = a; NEXT();
op_TXA:		a = x; NEXT();
op_JA:		BRANCH(true);
op_JEQ:		BRANCH(a == o->k);
op_JGT:		BRANCH(a > o->k);
op_JGE:		BRANCH(a >= o->k);
op_JSET:	BRANCH(a & o->k);
op_JEQ_X:	BRANCH(a == x);
op_JGT_X:	BRANCH(a > x);
op_JGE_X:	BRANCH(a >= x);
op_JSET_X:	BRANCH(a & x);
op_ADD:		a += o->k; NEXT();
op_SUB:		a -= o->k; NEXT();
op_MUL:		a *= o->k; NEXT();
op_DIV:		a /= o->k; NEXT();
op_MOD:		a %= o->k; NEXT();
op_AND:		a &= o->k; NEXT();
op_OR:		a |= o->k; NEXT();
op_XOR:		a ^= o->k; NEXT();
op_LSH:		a = shl(a, o->k); NEXT();
op_RSH:		a = shr(a, o->k); NEXT();
op_NEG:		a = 0 - a; NEXT();
op_ADD_X:	a += x; NEXT();
op_SUB_X:	a -= x; NEXT();
op_MUL_X:	a *= x; NEXT();
op_DIV_X:	if (!x) return 0; a /= x; NEXT();
op_MOD_X:	if (!x) return 0; a %= x; NEXT();
op_AND_X:	a &= x; NEXT();
op_OR_X:	a |= x; NEXT();
op_XOR_X:	a ^= x; NEXT();
op_LSH_X:	a = shl(a, x); NEXT();
op_RSH_X:	a = shr(a, x); NEXT();
op_LDW_JEQ:	LOAD_W(o->k); BRANCH(a == o->cmp);
op_LDH_JEQ:	LOAD_H(o->k); BRANCH(a == o->cmp);
op_LDB_JEQ:	LOAD_B(o->k); BRANCH(a == o->cmp);
op_LDW_JSET:	LOAD_W(o->k); BRANCH(a & o->cmp);
op_LDH_JSET:	LOAD_H(o->k); BRANCH(a & o->cmp);
op_LDB_JSET:	LOAD_B(o->k); BRANCH(a & o->cmp);
op_LDH_IND_JEQ:	LOAD_H(INDEX); BRANCH(a == o->cmp);
op_LDB_IND_JEQ:	LOAD_B(INDEX); BRANCH(a == o->cmp);
}
