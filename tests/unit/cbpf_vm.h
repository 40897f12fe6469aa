/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tests/unit/cbpf_vm.h -- run what lib/kern/cbpf.c makes, without a kernel
 *
 * Knows the instructions that the compiler uses and no other. It is as strict as
 * the kernel's verifier where that matters, but about one run: nothing is read
 * that was not written, nothing touched outside of the window and the places on the
 * stack that the target names, R6 to R9 stay, no code is out of reach.
 */
#ifndef SL_TESTS_CBPF_VM_H
#define SL_TESTS_CBPF_VM_H

#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kern/cbpf.h"

/* A frame as a body finds it. */
struct cbpf_packet {
	const uint8_t *frame;	/* as it is on the wire */
	uint32_t len, wire_len;
	uint32_t shift;		/* bytes at 12 that the context lacks */
};

enum cbpf_kind { CBPF_UNSET, CBPF_NUMBER, CBPF_CTX, CBPF_WINDOW, CBPF_STACK };

struct cbpf_reg {
	enum cbpf_kind kind;
	uint64_t v;		/* of pointers: the offset */
};

struct cbpf_vm {
	const struct sl_cbpf_target *t;
	const struct cbpf_packet *p;
	struct cbpf_reg r[11];
	uint8_t stack[512], window[SL_CBPF_WIN_MAX];
	bool set[512];
	const char *fault;
};

static inline uint8_t *cbpf_at(struct cbpf_vm *vm, const struct cbpf_reg *base, int off, uint32_t n, bool write)
{
	int64_t at = (int64_t)base->v + off;
	const struct sl_cbpf_target *t = vm->t;

	if (base->kind == CBPF_WINDOW && !write && at >= 0 && at + n <= t->win)
		return vm->window + at;
	if (base->kind == CBPF_STACK &&
	    ((at >= t->stack && at + n <= t->stack + SL_CBPF_STACK) ||
	     (!write && n == 4 && at < 0 && (at == t->wire || at == t->shift)))) {
		for (uint32_t i = 0; i < n; i++) {
			if (!write && !vm->set[512 + at + i])
				vm->fault = "reads of the stack what was not written";
			vm->set[512 + at + i] = true;
		}
		return vm->stack + 512 + at;
	}
	vm->fault = "touches what is not its own";
	return NULL;
}

static inline void cbpf_helper(struct cbpf_vm *vm, int func)
{
	uint32_t at = (uint32_t)vm->r[2].v, n = (uint32_t)vm->r[4].v, skip = vm->p->shift;
	uint8_t *to;

	if (func != (vm->t->hook == SL_CBPF_XDP ? BPF_FUNC_xdp_load_bytes : BPF_FUNC_skb_load_bytes) ||
	    vm->r[1].kind != CBPF_CTX || vm->r[2].kind != CBPF_NUMBER || vm->r[4].kind != CBPF_NUMBER ||
	    (n != 1 && n != 2 && n != 4)) {
		vm->fault = "calls wrongly";
		return;
	}
	to = cbpf_at(vm, &vm->r[3], 0, n, true);
	if (!to)
		return;
	if (at < 12 && skip)
		vm->fault = "asks the helper for what the window has";
	vm->r[0] = (struct cbpf_reg) { CBPF_NUMBER, 0 };
	if ((uint64_t)at + skip + n > vm->p->len)
		vm->r[0].v = (uint64_t)-14;
	else
		memcpy(to, vm->p->frame + at + skip, n);
	for (int i = 1; i <= 5; i++)
		vm->r[i].kind = CBPF_UNSET;
}

static inline bool cbpf_taken(int op, uint64_t a, uint64_t b)
{
	switch (op) {
	case BPF_JA:	return true;
	case BPF_JEQ:	return a == b;
	case BPF_JNE:	return a != b;
	case BPF_JGT:	return a > b;
	case BPF_JGE:	return a >= b;
	case BPF_JLT:	return a < b;
	case BPF_JLE:	return a <= b;
	case BPF_JSET:	return a & b;
	}
	return false;
}

static inline uint32_t cbpf_alu32(struct cbpf_vm *vm, int op, uint32_t a, uint32_t b)
{
	if (((op == BPF_LSH || op == BPF_RSH) && b > 31) || ((op == BPF_DIV || op == BPF_MOD) && !b)) {
		vm->fault = "has arithmetic that means nothing";
		return 0;
	}
	switch (op) {
	case BPF_ADD:	return a + b;
	case BPF_SUB:	return a - b;
	case BPF_MUL:	return a * b;
	case BPF_DIV:	return a / b;
	case BPF_MOD:	return a % b;
	case BPF_OR:	return a | b;
	case BPF_AND:	return a & b;
	case BPF_XOR:	return a ^ b;
	case BPF_LSH:	return a << b;
	case BPF_RSH:	return a >> b;
	case BPF_NEG:	return 0 - a;
	case BPF_MOV:	return b;
	}
	vm->fault = "has an unknown operation";
	return 0;
}

static inline void cbpf_alu(struct cbpf_vm *vm, const struct bpf_insn *i)
{
	struct cbpf_reg *d = &vm->r[i->dst_reg], s = { CBPF_NUMBER, (uint64_t)(int64_t)i->imm };
	int op = BPF_OP(i->code);

	if (i->dst_reg > 5)
		vm->fault = "writes a register that it must leave alone";
	if (BPF_SRC(i->code) == BPF_X && op != BPF_END && op != BPF_NEG)
		s = vm->r[i->src_reg];
	if (s.kind == CBPF_UNSET || (op != BPF_MOV && d->kind == CBPF_UNSET)) {
		vm->fault = "reads a register that was not written";
	} else if (BPF_CLASS(i->code) == BPF_ALU) {
		if (s.kind != CBPF_NUMBER || (op != BPF_MOV && d->kind != CBPF_NUMBER))
			vm->fault = "calculates with a pointer";
		else if (op == BPF_END)
			d->v = i->imm == 16 ? __builtin_bswap16((uint16_t)d->v) : __builtin_bswap32((uint32_t)d->v);
		else
			*d = (struct cbpf_reg) { CBPF_NUMBER, cbpf_alu32(vm, op, (uint32_t)d->v, (uint32_t)s.v) };
	} else if (op == BPF_MOV) {
		*d = s;
	} else if ((op == BPF_ADD || op == BPF_SUB) && s.kind == CBPF_NUMBER) {
		d->v = op == BPF_ADD ? d->v + s.v : d->v - s.v;
	} else {
		vm->fault = "has an unknown operation";
	}
}

static inline void cbpf_memory(struct cbpf_vm *vm, const struct bpf_insn *i)
{
	uint32_t n = BPF_SIZE(i->code) == BPF_W ? 4 : BPF_SIZE(i->code) == BPF_H ? 2 : 1, v = 0;
	bool write = BPF_CLASS(i->code) != BPF_LDX;
	uint8_t *at = cbpf_at(vm, &vm->r[write ? i->dst_reg : i->src_reg], i->off, n, write);

	if (!at)
		return;
	if (!write) {
		memcpy(&v, at, n);	/* where bytes are in this order, so is the kernel */
		if (i->dst_reg > 5)
			vm->fault = "writes a register that it must leave alone";
		vm->r[i->dst_reg] = (struct cbpf_reg) { CBPF_NUMBER, v };
		return;
	}
	v = BPF_CLASS(i->code) == BPF_ST ? (uint32_t)i->imm : (uint32_t)vm->r[i->src_reg].v;
	if (BPF_CLASS(i->code) == BPF_STX && vm->r[i->src_reg].kind != CBPF_NUMBER)
		vm->fault = "stores what is no number";
	memcpy(at, &v, n);
}

/* Every instruction within reach, every jump inside; NULL or what is wrong. */
static inline const char *cbpf_shape(const struct bpf_insn *code, unsigned int n)
{
	bool *seen = calloc(n + 1, sizeof(*seen));
	const char *why = NULL;

	seen[0] = true;
	for (unsigned int i = 0; i < n && !why; i++) {
		int class = BPF_CLASS(code[i].code), op = BPF_OP(code[i].code);
		bool jump = (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL;
		int64_t to = (int64_t)i + 1 + code[i].off;

		/* A slow path lies behind all that leads to it: one pass does. */
		if (!seen[i])
			why = "has code out of reach";
		else if (jump && (to < 0 || to > n))
			why = "jumps outside";
		else if (jump)
			seen[to] = true;
		if (!why && !(class == BPF_JMP && op == BPF_JA))
			seen[i + 1] = true;
	}
	if (!why && !seen[n])
		why = "never ends";
	free(seen);
	return why;
}

/* Run a body; NULL and its verdict, or what is wrong with it. */
static inline const char *cbpf_run(const struct bpf_insn *code, unsigned int n, const struct sl_cbpf_target *t,
				   const struct cbpf_packet *p, uint32_t *verdict)
{
	struct cbpf_vm vm = { .t = t, .p = p };
	uint32_t win = p->len < t->win ? p->len : t->win;
	unsigned int pc = 0, steps = 0;

	memset(vm.window, 0xa5, sizeof(vm.window));
	memcpy(vm.window, p->frame, win);
	vm.r[6] = (struct cbpf_reg) { CBPF_CTX, 0 };
	vm.r[7] = (struct cbpf_reg) { CBPF_WINDOW, 0 };
	vm.r[8] = (struct cbpf_reg) { CBPF_NUMBER, win };
	vm.r[9] = (struct cbpf_reg) { CBPF_NUMBER, p->len };
	vm.r[10] = (struct cbpf_reg) { CBPF_STACK, 0 };
	if (t->wire) {
		memcpy(vm.stack + 512 + t->wire, &p->wire_len, 4);
		memset(vm.set + 512 + t->wire, true, 4);
	}
	if (t->shift) {
		memcpy(vm.stack + 512 + t->shift, &p->shift, 4);
		memset(vm.set + 512 + t->shift, true, 4);
	}
	while (pc < n && !vm.fault) {
		const struct bpf_insn *i = &code[pc++];
		int class = BPF_CLASS(i->code);
		struct cbpf_reg a = vm.r[i->dst_reg], b = { CBPF_NUMBER, (uint64_t)(int64_t)i->imm };

		if (++steps > 2 * n + 2)
			return "runs in a circle";
		if (class == BPF_ALU || class == BPF_ALU64) {
			cbpf_alu(&vm, i);
		} else if (class == BPF_LDX || class == BPF_ST || class == BPF_STX) {
			cbpf_memory(&vm, i);
		} else if (class == BPF_JMP && BPF_OP(i->code) == BPF_CALL) {
			cbpf_helper(&vm, i->imm);
		} else if (class == BPF_JMP || class == BPF_JMP32) {
			if (BPF_SRC(i->code) == BPF_X)
				b = vm.r[i->src_reg];
			if (BPF_OP(i->code) != BPF_JA && (a.kind != CBPF_NUMBER || b.kind != CBPF_NUMBER))
				return "compares what is no number";
			if (class == BPF_JMP32) {
				a.v = (uint32_t)a.v;
				b.v = (uint32_t)b.v;
			}
			if (cbpf_taken(BPF_OP(i->code), a.v, b.v))
				pc += (unsigned int)i->off;
		} else {
			return "has an unknown instruction";
		}
	}
	if (!vm.fault && vm.r[0].kind != CBPF_NUMBER)
		vm.fault = "ends without a verdict";
	*verdict = (uint32_t)vm.r[0].v;
	return vm.fault;
}

#endif
