/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * io/rx-select.c -- see rx-select.h
 *
 * The program of a socket is made here, around the classic program that the filter gave
 * (kern/cbpf.h):
 *
 *	wrong direction?		-> gone, as if it had not been there
 *	a tag was taken off?		-> passes
 *	first bytes into the window	   (it is not to be had: passes)
 *	classic program says yes?	-> passes
 *	count packet and bytes		-> screened out
 *
 * Counters and window are one element of a per-CPU array. Programs of packet sockets
 * run with bottom halves disabled, one after the other on each processor, so neither is shared.
 *
 * Bytes are counted as rx would have shown them: cut at snap.
 */
#include "rx-select.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/bpf_common.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kern/cbpf.h"
#include "kern/kernel.h"
#include "run/kernel.h"

#define WINDOW		256

struct screened {
	uint64_t blocks, bytes, merged;
};

struct area {			/* of each processor; its size is a multiple of 8, as the kernel wants it */
	struct screened n;
	uint8_t window[WINDOW];
};

struct rx_select {
	struct sl_kernel said;		/* by the filter: its classic programs */
	int map;
	unsigned int n_cpus;
	struct area *read;		/* n_cpus: where the map is read to */
	struct screened told;		/* what the ledger knows */
};

/* ---- the program --------------------------------------------------- */

enum {
	KEY = -4,		/* u32, of the map */
	WIRE = -8,
	STACK = -16 - SL_CBPF_STACK,
	AROUND = 64,		/* instructions that are not of the body, at most */
	BODY_MAX = 0x7000,	/* for jumps of 16 bits */
};

/* R7 is the window, as bodies want it; counters lie in front of it. */
#define COUNTER(field)	((int16_t)((int)offsetof(struct area, n.field) - (int)offsetof(struct area, window)))

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (int32_t)(i) })

struct writer {
	struct bpf_insn *code;
	unsigned int n;
};

static void put(struct writer *w, struct bpf_insn i)
{
	w->code[w->n++] = i;
}

static void field(struct writer *w, int dst, size_t off)
{
	put(w, INSN(BPF_LDX | BPF_MEM | BPF_W, (uint8_t)dst & 15, 6, (int16_t)off, 0));
}

/* End with that verdict unless the comparison, an operation of 32 bits, holds. */
static void end_unless(struct writer *w, int op, int reg, uint32_t with, uint32_t verdict)
{
	put(w, INSN(BPF_JMP32 | BPF_K | op, (uint8_t)reg & 15, 0, 2, with));
	put(w, INSN(BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, verdict));
	put(w, INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

static void count_one(struct writer *w, int16_t counter)
{
	put(w, INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 7, counter, 0));
	put(w, INSN(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 1));
	put(w, INSN(BPF_STX | BPF_MEM | BPF_DW, 7, 1, counter, 0));
}

static void prologue(struct writer *w, int map, enum rx_select_direction d, uint32_t snap)
{
	put(w, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0));
	if (d != RX_SELECT_ALL) {
		field(w, 1, offsetof(struct __sk_buff, pkt_type));
		end_unless(w, d == RX_SELECT_NO_OUT ? BPF_JNE : BPF_JEQ, 1, PACKET_OUTGOING, 0);
	}
	field(w, 1, offsetof(struct __sk_buff, vlan_present));
	end_unless(w, BPF_JEQ, 1, 0, snap);
	put(w, INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map));
	put(w, INSN(0, 0, 0, 0, 0));
	put(w, INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, KEY, 0));
	put(w, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0));
	put(w, INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, KEY));
	put(w, INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem));
	put(w, INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 1, 0));
	put(w, INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));	/* never: a per-CPU array has its element */
	put(w, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0));
	put(w, INSN(BPF_ALU64 | BPF_ADD | BPF_K, 7, 0, 0, offsetof(struct area, window)));
	field(w, 9, offsetof(struct __sk_buff, len));
	put(w, INSN(BPF_STX | BPF_MEM | BPF_W, 10, 9, WIRE, 0));
	put(w, INSN(BPF_JMP | BPF_JLE | BPF_K, 9, 0, 1, snap));
	put(w, INSN(BPF_ALU | BPF_MOV | BPF_K, 9, 0, 0, snap));
	put(w, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 8, 9, 0, 0));
	put(w, INSN(BPF_JMP | BPF_JLE | BPF_K, 8, 0, 1, WINDOW));
	put(w, INSN(BPF_ALU | BPF_MOV | BPF_K, 8, 0, 0, WINDOW));
	/* By a comparison for which old verifiers learn that the length is not zero. */
	put(w, INSN(BPF_JMP | BPF_JGE | BPF_K, 8, 0, 2, 1));
	put(w, INSN(BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, snap));
	put(w, INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
	put(w, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0));
	put(w, INSN(BPF_ALU | BPF_MOV | BPF_K, 2, 0, 0, 0));
	put(w, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 7, 0, 0));
	put(w, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 8, 0, 0));
	put(w, INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes));
	end_unless(w, BPF_JEQ, 0, 0, snap);
}

static void epilogue(struct writer *w, uint32_t snap, uint32_t longest)
{
	end_unless(w, BPF_JEQ, 0, 0, snap);
	count_one(w, COUNTER(blocks));
	put(w, INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 7, COUNTER(bytes), 0));
	put(w, INSN(BPF_ALU64 | BPF_ADD | BPF_X, 1, 9, 0, 0));
	put(w, INSN(BPF_STX | BPF_MEM | BPF_DW, 7, 1, COUNTER(bytes), 0));
	field(w, 1, offsetof(struct __sk_buff, gso_size));
	put(w, INSN(BPF_JMP | BPF_JNE | BPF_K, 1, 0, 2, 0));
	put(w, INSN(BPF_LDX | BPF_MEM | BPF_W, 1, 10, WIRE, 0));
	put(w, INSN(BPF_JMP | BPF_JLE | BPF_K, 1, 0, 3, longest ? longest : INT32_MAX));
	count_one(w, COUNTER(merged));
	put(w, INSN(BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, 0));
	put(w, INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

/* The program's descriptor, or a negative errno. */
static int load(const struct rx_select *s, const struct sl_kernel_classic *c, enum rx_select_direction d,
		uint32_t snap, uint32_t longest)
{
	const struct sl_cbpf_target t = { .hook = SL_CBPF_SKB, .win = WINDOW, .stack = STACK, .wire = WIRE };
	struct writer w = { 0 };
	struct bpf_insn *body;
	unsigned int n;
	int r = sl_cbpf_compile(c->insns, c->n, &t, &body, &n, NULL);

	if (r < 0)
		return r;
	w.code = n < BODY_MAX ? calloc(n + AROUND, sizeof(*w.code)) : NULL;
	if (w.code) {
		prologue(&w, s->map, d, snap);
		memcpy(w.code + w.n, body, n * sizeof(*body));
		w.n += n;
		epilogue(&w, snap, longest);
		r = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "select", "Dual BSD/GPL", w.code, w.n, NULL);
		r = r < 0 ? -errno : r;
	} else {
		r = n < BODY_MAX ? -ENOMEM : -E2BIG;
	}
	free(w.code);
	free(body);
	return r;
}

int rx_select_attach(const struct rx_select *s, int fd, uint16_t link, enum rx_select_direction d,
		     uint32_t snap, uint32_t longest)
{
	const struct sl_kernel_classic *c = s->said.classic;
	int prog, r;

	while (c && c->link != link)
		c = c->next;
	if (!c)
		return -ENOTSUP;	/* it has no meaning there; those packets are lost at the filter */
	prog = load(s, c, d, snap, longest);
	if (prog < 0)
		return prog;
	r = setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)) < 0 ? -errno : 0;
	close(prog);
	return r;
}

/* ---- counting ------------------------------------------------------ */

void rx_select_count(struct rx_select *s, struct sl_filter *f, struct rx *rx)
{
	struct screened now = { 0 };
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(s->map, &zero, s->read) < 0)
		return;
	for (unsigned int i = 0; i < s->n_cpus; i++) {
		now.blocks += s->read[i].n.blocks;
		now.bytes += s->read[i].n.bytes;
		now.merged += s->read[i].n.merged;
	}
	sl_kernel_screened(f, now.blocks - s->told.blocks, now.bytes - s->told.bytes);
	sl_count_add(&rx->packets, now.blocks - s->told.blocks);
	sl_count_add(&rx->merged, now.merged - s->told.merged);
	s->told = now;
}

struct rx_select *rx_select_new(struct sl_filter *f)
{
	int cpus = libbpf_num_possible_cpus();
	struct rx_select *s = cpus > 0 ? calloc(1, sizeof(*s)) : NULL;

	if (!s)
		return NULL;
	s->map = -1;
	s->n_cpus = (unsigned int)cpus;
	s->read = calloc(s->n_cpus, sizeof(*s->read));
	if (s->read && !sl_kernel_selected(f, &s->said))
		s->map = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "screened", sizeof(uint32_t), sizeof(struct area),
					1, NULL);
	if (s->map < 0) {
		rx_select_free(s);
		return NULL;
	}
	return s;
}

void rx_select_free(struct rx_select *s)
{
	if (!s)
		return;
	if (s->map >= 0)
		close(s->map);
	sl_kernel_done(&s->said);
	free(s->read);
	free(s);
}
