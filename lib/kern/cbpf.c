/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/cbpf.c -- classic BPF programs as eBPF instructions
 *
 * Instructions are looked at three times, and as all jumps lead forward (those
 * that do not are refused), each time in one pass:
 *
 *	forward		which are reached at all (the kernel refuses code that is
 *			not), and how long the frame is known to be at each: what an
 *			earlier load has shown is not compared again
 *	backward	which of A, X and M[] are still needed after each: what is
 *			needed at the start must begin as zero, and only what is
 *			needed afterwards is kept over a helper call
 *	forward		the code
 *
 * A lives in R0, X in R5, both always with the upper half zero. R1 to R4 hold nothing
 * from one classic instruction to the next.
 *
 * A load at a fixed place of the window is one comparison with R8 and one read.
 * One at a place that X tells ends at X + k + size = R2. The comparison of that with
 * the window's size is what the kernel's verifier believes in (it knows nothing
 * of what R8 has to do with the window); it also is the way to the slow path:
 *
 *	     R2 > win ----> slow: R2 > R9 ----> fail
 *	        |                    helper ---> fail
 *	     R2 > R8 -----> fail     read the stack
 *	        |                       |
 *	     read the window            |
 *	        |<----------------------'
 *
 * The code lies in this order: instructions, slow paths, "fail" (R0 = 0), end.
 * A jump to "ret #0" becomes one to "fail", one to a jump goes where that leads.
 */
#include <errno.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stdlib.h>

#include "kern/cbpf.h"

enum {
	A = BPF_REG_0,
	X = BPF_REG_5,
	CTX = BPF_REG_6,
	WINDOW = BPF_REG_7,
	WIN_LEN = BPF_REG_8,
	FRAME_LEN = BPF_REG_9,
};

/* Bits of what an instruction reads and writes; bit i below 16 is M[i]. */
#define BIT_A	(1u << 16)
#define BIT_X	(1u << 17)

/* No frame is this long; a load from here on always fails. Below, that
 * plus 4 is still a number that eBPF can compare with. */
#define NEVER	0x7fffff00u

/* Linux keeps what is no byte of the packet at places from here on. */
#define ANCILLARY 0xffe00000u

/* eBPF instructions that one classic instruction becomes, at most: a load by X,
 * 11, with its slow path, 14. */
#define EACH_MAX 28
/* Zeros at the start, and "fail". */
#define ONCE_MAX 19

enum kind {
	INVALID,
	LD_ABS, LD_IND, LDX_MSH,	/* loads of the frame */
	LD_IMM, LD_LEN, LD_MEM, LDX_IMM, LDX_LEN, LDX_MEM, ST, STX, TAX, TXA,
	ALU, JA, JUMP, RET_K, RET_A,
};

struct node {
	uint32_t known;		/* the frame has as many bytes when we come here */
	uint32_t after;		/* bits of what is needed later */
	bool reached;
};

struct slow {
	uint32_t size;
	bool keep_x;
};

struct compiler {
	const struct sl_cbpf_insn *in;
	const struct sl_cbpf_target *target;
	unsigned int n;
	struct node *nodes;

	struct bpf_insn *code;
	int32_t *to;		/* for each of code: the label it jumps to; -1 */
	unsigned int len;

	/*
	 * Where labels are in the code. Those below n are classic instructions;
	 * fail and end follow, then two of each slow path: its start, and
	 * where it goes on.
	 */
	uint32_t *labels;
	bool fails;		/* somebody jumps to fail */
	bool tests_x;		/* A is compared with X somewhere */
	struct slow *slow;
	unsigned int n_slow;
};

static enum kind kind_of(uint16_t code)
{
	switch (code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:	return LD_ABS;
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:	return LD_IND;
	case BPF_LDX | BPF_B | BPF_MSH:	return LDX_MSH;
	case BPF_LD | BPF_IMM:		return LD_IMM;
	case BPF_LD | BPF_W | BPF_LEN:	return LD_LEN;
	case BPF_LD | BPF_MEM:		return LD_MEM;
	case BPF_LDX | BPF_IMM:		return LDX_IMM;
	case BPF_LDX | BPF_W | BPF_LEN:	return LDX_LEN;
	case BPF_LDX | BPF_MEM:		return LDX_MEM;
	case BPF_ST:			return ST;
	case BPF_STX:			return STX;
	case BPF_MISC | BPF_TAX:	return TAX;
	case BPF_MISC | BPF_TXA:	return TXA;
	case BPF_ALU | BPF_NEG:		return ALU;
	case BPF_JMP | BPF_JA:		return JA;
	case BPF_RET | BPF_K:		return RET_K;
	case BPF_RET | BPF_A:		return RET_A;
	}
	if (code > 0xff)
		return INVALID;
	if (BPF_CLASS(code) == BPF_ALU && BPF_OP(code) <= BPF_XOR && BPF_OP(code) != BPF_NEG)
		return ALU;
	if (BPF_CLASS(code) == BPF_JMP && BPF_OP(code) >= BPF_JEQ && BPF_OP(code) <= BPF_JSET)
		return JUMP;
	return INVALID;
}

/* Bytes that a load of the frame reads. */
static uint32_t size_of(uint16_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

static bool is_load(enum kind kind)
{
	return kind == LD_ABS || kind == LD_IND || kind == LDX_MSH;
}

/* Each instruction by itself. */
static int check(const struct sl_cbpf_insn *in, unsigned int n, const char **why)
{
	*why = "it is not a valid program";
	if (!n || BPF_CLASS(in[n - 1].code) != BPF_RET)
		return -EINVAL;
	for (unsigned int i = 0; i < n; i++) {
		enum kind kind = kind_of(in[i].code);
		uint32_t k = in[i].k;

		if (kind == INVALID)
			return -EINVAL;
		if (kind == JA && (int32_t)k < 0 && -(int64_t)(int32_t)k <= (int64_t)i + 1) {
			*why = "it has a loop, and the kernel cannot see where that ends";
			return -ELOOP;
		}
		if (kind == JA && (uint64_t)i + 1 + k >= n)
			return -EINVAL;
		if (kind == JUMP && (i + 1 + in[i].jt >= n || i + 1 + in[i].jf >= n))
			return -EINVAL;
		if ((kind == LD_MEM || kind == LDX_MEM || kind == ST || kind == STX) && k >= BPF_MEMWORDS)
			return -EINVAL;
		if (kind == LD_ABS && k >= ANCILLARY) {
			*why = "it asks for what is no byte of the frame (direction, interface, stripped tags)";
			return -ENOTSUP;
		}
		if ((in[i].code == (BPF_ALU | BPF_DIV | BPF_K) || in[i].code == (BPF_ALU | BPF_MOD | BPF_K)) && !k)
			return -EINVAL;
	}
	return 0;
}

static int check_target(const struct sl_cbpf_target *t, const char **why)
{
	bool room = t->stack % 8 == 0 && t->stack >= -512 && t->stack <= -SL_CBPF_STACK;
	bool slots = t->wire % 4 == 0 && t->wire <= 0 && t->wire >= -512 &&
		     t->shift % 4 == 0 && t->shift <= 0 && t->shift >= -512;

	*why = "the target has no such stack or window";
	/* A word that the window cuts must lie behind what is lacking. */
	return room && slots && t->win >= (t->shift ? 20 : 1) && t->win <= SL_CBPF_WIN_MAX &&
	       (t->hook == SL_CBPF_XDP || t->hook == SL_CBPF_SKB) ? 0 : -EINVAL;
}

/* What an instruction reads (the return value) and writes. */
static uint32_t reads(const struct sl_cbpf_insn *insn, uint32_t *writes)
{
	uint32_t by_x = BPF_SRC(insn->code) == BPF_X ? BIT_X : 0;

	*writes = 0;
	switch (kind_of(insn->code)) {
	case LD_ABS:
	case LD_IMM:
	case LD_LEN:	*writes = BIT_A; return 0;
	case LD_IND:	*writes = BIT_A; return BIT_X;
	case LD_MEM:	*writes = BIT_A; return 1u << insn->k;
	case LDX_MSH:
	case LDX_IMM:
	case LDX_LEN:	*writes = BIT_X; return 0;
	case LDX_MEM:	*writes = BIT_X; return 1u << insn->k;
	case ST:	*writes = 1u << insn->k; return BIT_A;
	case STX:	*writes = 1u << insn->k; return BIT_X;
	case TAX:	*writes = BIT_X; return BIT_A;
	case TXA:	*writes = BIT_A; return BIT_X;
	case ALU:	*writes = BIT_A; return BIT_A | by_x;
	case JUMP:	return BIT_A | by_x;
	case RET_A:	return BIT_A;
	case JA:
	case RET_K:
	case INVALID:	break;
	}
	return 0;
}

static uint32_t fail_label(const struct compiler *c)
{
	return c->n;
}

static uint32_t end_label(const struct compiler *c)
{
	return c->n + 1;
}

static uint32_t slow_label(const struct compiler *c, unsigned int i)
{
	return c->n + 2 + 2 * i;
}

/* It returns 0, whatever the frame. */
static bool only_fails(const struct sl_cbpf_insn *insn)
{
	enum kind kind = kind_of(insn->code);

	return (kind == RET_K && !insn->k) || (is_load(kind) && insn->k > NEVER);
}

/* The label that a jump to instruction i leads to in the end. */
static uint32_t lands(const struct compiler *c, uint64_t i)
{
	while (kind_of(c->in[i].code) == JA)
		i += 1 + c->in[i].k;
	return only_fails(&c->in[i]) ? fail_label(c) : (uint32_t)i;
}

/* Where instruction i may go on; how many of next[] there are. */
static int successors(const struct compiler *c, uint32_t i, uint32_t *next)
{
	const struct sl_cbpf_insn *insn = &c->in[i];
	enum kind kind = kind_of(insn->code);

	if (kind == RET_K || kind == RET_A || only_fails(insn))
		return 0;
	if (kind == JA) {
		next[0] = lands(c, i);
		return 1;
	}
	if (kind == JUMP) {
		next[0] = lands(c, (uint64_t)i + 1 + insn->jt);
		next[1] = lands(c, (uint64_t)i + 1 + insn->jf);
		return 2;
	}
	next[0] = i + 1;
	return 1;
}

static void look_ahead(struct compiler *c)
{
	uint32_t next[2];

	c->nodes[0].reached = true;
	for (uint32_t i = 0; i < c->n; i++) {
		const struct sl_cbpf_insn *insn = &c->in[i];
		uint32_t known = c->nodes[i].known;

		if (!c->nodes[i].reached)
			continue;
		c->tests_x |= kind_of(insn->code) == JUMP && BPF_SRC(insn->code) == BPF_X;
		/* X is not negative: what is found at X + k is not before k. */
		if (is_load(kind_of(insn->code)) && !only_fails(insn) && known < insn->k + size_of(insn->code))
			known = insn->k + size_of(insn->code);
		for (int s = successors(c, i, next); s-- > 0; ) {
			struct node *to = &c->nodes[next[s]];

			if (next[s] == fail_label(c))
				continue;
			if (!to->reached || known < to->known)
				to->known = known;
			to->reached = true;
		}
	}
}

/* What instruction i needs of what was before it. */
static uint32_t needs(const struct compiler *c, uint32_t i)
{
	uint32_t writes, r = reads(&c->in[i], &writes);

	if (only_fails(&c->in[i]))
		return 0;
	return r | (c->nodes[i].after & ~writes);
}

static void look_back(struct compiler *c)
{
	uint32_t next[2];

	for (uint32_t i = c->n; i-- > 0; ) {
		if (!c->nodes[i].reached)
			continue;
		for (int s = successors(c, i, next); s-- > 0; ) {
			if (next[s] != fail_label(c))
				c->nodes[i].after |= needs(c, next[s]);
		}
	}
}

static void put(struct compiler *c, int code, int dst, int src, int off, uint32_t imm)
{
	c->to[c->len] = -1;
	c->code[c->len++] = (struct bpf_insn) {
		.code = (uint8_t)code, .dst_reg = (uint8_t)dst & 15, .src_reg = (uint8_t)src & 15,
		.off = (int16_t)off, .imm = (int32_t)imm,
	};
}

/* A jump of any kind; its distance is filled in when all code is there. */
static void put_jump(struct compiler *c, int code, int dst, int src, uint32_t imm, uint32_t label)
{
	put(c, code, dst, src, 0, imm);
	c->to[c->len - 1] = (int32_t)label;
	c->fails |= label == fail_label(c);
}

static void mov(struct compiler *c, int dst, int src)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void mov_k(struct compiler *c, int dst, uint32_t k)
{
	put(c, BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, k);
}

static void add_k(struct compiler *c, int dst, int k)
{
	put(c, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, (uint32_t)k);
}

/* A word of the stack. */
static void load(struct compiler *c, int dst, int off)
{
	put(c, BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_10, off, 0);
}

static void store(struct compiler *c, int off, int src)
{
	put(c, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, src, off, 0);
}

static int size_code(uint32_t size)
{
	return size == 4 ? BPF_W : size == 2 ? BPF_H : BPF_B;
}

/* What comes right after the code of instruction i; UINT32_MAX: a slow path. */
static uint32_t follower(const struct compiler *c, uint32_t i)
{
	while (++i < c->n) {
		if (c->nodes[i].reached)
			return i;
	}
	if (c->n_slow)
		return UINT32_MAX;
	return c->fails ? fail_label(c) : end_label(c);
}

static void go(struct compiler *c, uint32_t i, uint32_t label)
{
	/* With the first jump to fail, that is put in front of the end. */
	c->fails |= label == fail_label(c);
	if (label != follower(c, i))
		put_jump(c, BPF_JMP | BPF_JA, 0, 0, 0, label);
}

/*
 * Ask the helper for `size` bytes at R2 and read them into dst. The other
 * one of A and X is kept where it is wanted later.
 */
static void put_far(struct compiler *c, uint32_t size, int dst, bool keep)
{
	int save = c->target->stack + 64, bytes = c->target->stack + 72;
	int kept = dst == A ? X : A;

	if (keep)
		store(c, save, kept);
	mov(c, BPF_REG_1, CTX);
	if (c->target->shift) {
		load(c, BPF_REG_3, c->target->shift);
		put(c, BPF_ALU64 | BPF_SUB | BPF_X, BPF_REG_2, BPF_REG_3, 0, 0);
	}
	mov(c, BPF_REG_3, BPF_REG_10);
	add_k(c, BPF_REG_3, bytes);
	mov_k(c, BPF_REG_4, size);
	put(c, BPF_JMP | BPF_CALL, 0, 0, 0,
	    c->target->hook == SL_CBPF_XDP ? BPF_FUNC_xdp_load_bytes : BPF_FUNC_skb_load_bytes);
	put_jump(c, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0, 0, fail_label(c));
	put(c, BPF_LDX | BPF_MEM | size_code(size), dst, BPF_REG_10, bytes, 0);
	if (keep)
		load(c, kept, save);
}

static void put_slow(struct compiler *c, unsigned int i)
{
	const struct slow *s = &c->slow[i];

	c->labels[slow_label(c, i)] = c->len;
	put_jump(c, BPF_JMP | BPF_JGT | BPF_X, BPF_REG_2, FRAME_LEN, 0, fail_label(c));
	add_k(c, BPF_REG_2, -(int)s->size);
	put_far(c, s->size, A, s->keep_x);
	put_jump(c, BPF_JMP | BPF_JA, 0, 0, 0, slow_label(c, i) + 1);
}

/* A load from a fixed place. */
static void put_load(struct compiler *c, uint32_t i, int dst)
{
	uint32_t k = c->in[i].k, size = size_of(c->in[i].code), end = k + size;
	bool far = end > c->target->win;

	if (c->nodes[i].known < end)
		put_jump(c, BPF_JMP | BPF_JLT | BPF_K, far ? FRAME_LEN : WIN_LEN, 0, end, fail_label(c));
	if (far) {
		mov_k(c, BPF_REG_2, k);
		put_far(c, size, dst, c->nodes[i].after & (dst == A ? BIT_X : BIT_A));
	} else {
		put(c, BPF_LDX | BPF_MEM | size_code(size), dst, WINDOW, (int)k, 0);
	}
}

/* A load from where X says. */
static void put_load_x(struct compiler *c, uint32_t i)
{
	uint32_t size = size_of(c->in[i].code);
	unsigned int s = c->n_slow++;

	c->slow[s] = (struct slow) { .size = size, .keep_x = c->nodes[i].after & BIT_X };
	/* Of 32 bits, as the verifier does not know what a division leaves above. */
	put(c, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_2, X, 0, 0);
	/*
	 * Old verifiers (that of Linux 6.1) follow a comparison of A with X both ways
	 * even where what they know of both leaves one, and then believe in bounds
	 * of X that contradict each other. They forget all of it at a negation.
	 */
	if (c->tests_x) {
		put(c, BPF_ALU | BPF_NEG, BPF_REG_2, 0, 0, 0);
		put(c, BPF_ALU | BPF_NEG, BPF_REG_2, 0, 0, 0);
		put(c, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_2, 0, 0);
	}
	add_k(c, BPF_REG_2, (int)(c->in[i].k + size));
	put_jump(c, BPF_JMP | BPF_JGT | BPF_K, BPF_REG_2, 0, c->target->win, slow_label(c, s));
	put_jump(c, BPF_JMP | BPF_JGT | BPF_X, BPF_REG_2, WIN_LEN, 0, fail_label(c));
	mov(c, BPF_REG_1, WINDOW);
	put(c, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_1, BPF_REG_2, 0, 0);
	put(c, BPF_LDX | BPF_MEM | size_code(size), A, BPF_REG_1, -(int)size, 0);
	c->labels[slow_label(c, s) + 1] = c->len;
}

static void put_swap(struct compiler *c, uint32_t size)
{
	if (size > 1)
		put(c, BPF_ALU | BPF_END | BPF_TO_BE, A, 0, 0, size * 8);
}

static void put_alu(struct compiler *c, const struct sl_cbpf_insn *insn)
{
	bool by_x = BPF_SRC(insn->code) == BPF_X;
	int op = BPF_OP(insn->code);

	if (op == BPF_NEG) {
		put(c, BPF_ALU | BPF_NEG, A, 0, 0, 0);
		return;
	}
	if ((op == BPF_DIV || op == BPF_MOD) && by_x)
		put_jump(c, BPF_JMP | BPF_JEQ | BPF_K, X, 0, 0, fail_label(c));
	if ((op == BPF_LSH || op == BPF_RSH) && by_x) {
		put(c, BPF_JMP | BPF_JGT | BPF_K, X, 0, 2, 31);
		put(c, insn->code, A, X, 0, 0);
		put(c, BPF_JMP | BPF_JA, 0, 0, 1, 0);
		mov_k(c, A, 0);
	} else if ((op == BPF_LSH || op == BPF_RSH) && insn->k > 31) {
		mov_k(c, A, 0);
	} else {
		/* Classic arithmetic and eBPF's of 32 bits have the same codes. */
		put(c, insn->code, A, by_x ? X : 0, 0, by_x ? 0 : insn->k);
	}
}

static void put_cond(struct compiler *c, uint32_t i)
{
	static const uint8_t inverse[] = {
		[BPF_JEQ >> 4] = BPF_JNE, [BPF_JGT >> 4] = BPF_JLE, [BPF_JGE >> 4] = BPF_JLT,
	};
	const struct sl_cbpf_insn *insn = &c->in[i];
	bool by_x = BPF_SRC(insn->code) == BPF_X;
	int op = BPF_OP(insn->code), src = by_x ? X : 0, with = BPF_JMP32 | BPF_SRC(insn->code);
	uint32_t yes, no, imm = by_x ? 0 : insn->k, next[2];

	successors(c, i, next);
	yes = next[0];
	no = next[1];
	if (yes == no) {
		go(c, i, yes);
	} else if (yes == follower(c, i) && op != BPF_JSET) {
		put_jump(c, with | inverse[op >> 4], A, src, imm, no);
	} else {
		put_jump(c, with | op, A, src, imm, yes);
		go(c, i, no);
	}
}

static void put_insn(struct compiler *c, uint32_t i)
{
	const struct sl_cbpf_insn *insn = &c->in[i];
	int wire = c->target->wire, mem = c->target->stack + 4 * (int)(insn->k % BPF_MEMWORDS);

	if (only_fails(insn)) {
		go(c, i, fail_label(c));
		return;
	}
	switch (kind_of(insn->code)) {
	case LD_ABS:
		put_load(c, i, A);
		put_swap(c, size_of(insn->code));
		break;
	case LD_IND:
		put_load_x(c, i);
		put_swap(c, size_of(insn->code));
		break;
	case LDX_MSH:
		put_load(c, i, X);
		put(c, BPF_ALU | BPF_AND | BPF_K, X, 0, 0, 15);
		put(c, BPF_ALU | BPF_LSH | BPF_K, X, 0, 0, 2);
		break;
	case LD_LEN:
	case LDX_LEN:
		if (wire)
			load(c, BPF_CLASS(insn->code) == BPF_LD ? A : X, wire);
		else
			put(c, BPF_ALU | BPF_MOV | BPF_X, BPF_CLASS(insn->code) == BPF_LD ? A : X, FRAME_LEN, 0, 0);
		break;
	case LD_IMM:	mov_k(c, A, insn->k); break;
	case LDX_IMM:	mov_k(c, X, insn->k); break;
	case LD_MEM:	load(c, A, mem); break;
	case LDX_MEM:	load(c, X, mem); break;
	case ST:	store(c, mem, A); break;
	case STX:	store(c, mem, X); break;
	case TAX:	mov(c, X, A); break;
	case TXA:	mov(c, A, X); break;
	case ALU:	put_alu(c, insn); break;
	case JA:	go(c, i, lands(c, i)); break;
	case JUMP:	put_cond(c, i); break;
	case RET_K:
		mov_k(c, A, insn->k);
		go(c, i, end_label(c));
		break;
	case RET_A:
		go(c, i, end_label(c));
		break;
	case INVALID:
		break;		/* check() let none pass */
	}
}

/* What classic programs may read before they write it is zero. */
static void put_zeros(struct compiler *c)
{
	uint32_t bits = needs(c, 0);

	for (int i = 0; i < BPF_MEMWORDS; i++) {
		if (bits & 1u << i)
			put(c, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, c->target->stack + 4 * i, 0);
	}
	if (bits & BIT_A)
		mov_k(c, A, 0);
	if (bits & BIT_X)
		mov_k(c, X, 0);
}

/* Labels to distances. */
static int link_jumps(struct compiler *c)
{
	for (unsigned int i = 0; i < c->len; i++) {
		int64_t off;

		if (c->to[i] < 0)
			continue;
		off = (int64_t)c->labels[c->to[i]] - (int64_t)i - 1;
		if (off > INT16_MAX || off < INT16_MIN)
			return -E2BIG;
		c->code[i].off = (int16_t)off;
	}
	return 0;
}

static int generate(struct compiler *c)
{
	put_zeros(c);
	for (uint32_t i = 0; i < c->n; i++) {
		if (!c->nodes[i].reached)
			continue;
		c->labels[i] = c->len;
		put_insn(c, i);
	}
	for (unsigned int i = 0; i < c->n_slow; i++)
		put_slow(c, i);
	c->labels[fail_label(c)] = c->len;
	if (c->fails)
		mov_k(c, A, 0);
	c->labels[end_label(c)] = c->len;
	return link_jumps(c);
}

int sl_cbpf_compile(const struct sl_cbpf_insn *in, unsigned int n, const struct sl_cbpf_target *target,
		    struct bpf_insn **out, unsigned int *n_out, const char **why)
{
	struct compiler c = { .in = in, .n = n, .target = target };
	size_t max = (size_t)n * EACH_MAX + ONCE_MAX;
	const char *reason = "it is too long for the kernel";
	int r = -E2BIG;

	if (n > SL_CBPF_INSN_MAX)
		goto done;
	r = check_target(target, &reason);
	if (r == 0)
		r = check(in, n, &reason);
	if (r < 0)
		goto done;
	c.nodes = calloc(n, sizeof(*c.nodes));
	c.slow = calloc(n, sizeof(*c.slow));
	c.labels = calloc(3 * (size_t)n + 2, sizeof(*c.labels));
	c.code = calloc(max, sizeof(*c.code));
	c.to = calloc(max, sizeof(*c.to));
	if (!c.nodes || !c.slow || !c.labels || !c.code || !c.to) {
		reason = "out of memory";
		r = -ENOMEM;
		goto done;
	}
	look_ahead(&c);
	look_back(&c);
	r = generate(&c);
	if (r < 0) {
		reason = "it is too long for the kernel";
		goto done;
	}
	*out = c.code;
	*n_out = c.len;
	c.code = NULL;
done:
	if (r < 0 && why)
		*why = reason;
	free(c.nodes);
	free(c.slow);
	free(c.labels);
	free(c.code);
	free(c.to);
	return r;
}
