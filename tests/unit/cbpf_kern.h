/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tests/unit/cbpf_kern.h -- run what lib/kern/cbpf.c makes, in the kernel
 *
 * Around the body goes what a stage would have: the window is filled from the
 * packet, the verdict becomes the hook's. The window and the places for lengths
 * and the verdict are one map that this process has mapped too:
 *
 *	0	window
 *	4096	length on the wire, length that is seen, bytes lacking, verdict
 *
 * Where bytes are lacking, as where the kernel took a VLAN tag out, the window is
 * filled from here.
 */
#ifndef SL_TESTS_CBPF_KERN_H
#define SL_TESTS_CBPF_KERN_H

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cbpf_vm.h"

#define CBPF_FRAME_MIN	64u	/* the kernel runs no program on less: shorter frames are padded */

struct cbpf_area {
	uint8_t window[SL_CBPF_WIN_MAX];
	uint32_t wire_len, len, shift, verdict;
};

struct cbpf_kern {
	int map, prog;
	enum sl_cbpf_hook hook;
	struct cbpf_area *area;
	char log[65536];
};

/* Longest frame that a test run takes: more than a page in pieces, in XDP. */
static inline uint32_t cbpf_frame_max(enum sl_cbpf_hook hook)
{
	return hook == SL_CBPF_XDP ? 9000 : 3000;
}

#define CBPF_INSN(c, d, s, o, i) \
	((struct bpf_insn) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define CBPF_AREA(field) ((int)offsetof(struct cbpf_area, field))

/* 0, or -errno; k->log says more. */
static inline int cbpf_load(struct cbpf_kern *k, const struct bpf_insn *body, unsigned int n,
			    const struct sl_cbpf_target *t)
{
	bool xdp = t->hook == SL_CBPF_XDP;
	struct bpf_insn *code = calloc(n + 64, sizeof(*code));
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_level = 1, .log_buf = k->log, .log_size = sizeof(k->log),
		    .prog_flags = xdp ? 1u << 5 /* BPF_F_XDP_HAS_FRAGS */ : 0);
	unsigned int at = 0;

#define PUT(...) (code[at++] = CBPF_INSN(__VA_ARGS__))
	/* R6: the context; R7: the area */
	PUT(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	PUT(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, k->map);
	PUT(0, 0, 0, 0, 0);
	PUT(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0);
	PUT(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
	PUT(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4);
	PUT(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	PUT(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 1, 0);
	PUT(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	PUT(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0);
	/* R9, R8 and what lies on the stack */
	PUT(BPF_LDX | BPF_MEM | BPF_W, 9, 7, CBPF_AREA(len), 0);
	PUT(BPF_ALU64 | BPF_MOV | BPF_X, 8, 9, 0, 0);
	PUT(BPF_JMP | BPF_JLE | BPF_K, 8, 0, 1, (int)t->win);
	PUT(BPF_ALU64 | BPF_MOV | BPF_K, 8, 0, 0, (int)t->win);
	if (t->wire) {
		PUT(BPF_LDX | BPF_MEM | BPF_W, 1, 7, CBPF_AREA(wire_len), 0);
		PUT(BPF_STX | BPF_MEM | BPF_W, 10, 1, t->wire, 0);
	}
	if (t->shift) {
		PUT(BPF_LDX | BPF_MEM | BPF_W, 1, 7, CBPF_AREA(shift), 0);
		PUT(BPF_STX | BPF_MEM | BPF_W, 10, 1, t->shift, 0);
	} else {
		/* not "== 0": old verifiers learn nothing from that */
		PUT(BPF_JMP | BPF_JLT | BPF_K, 8, 0, 5, 1);
		PUT(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0);
		PUT(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0);
		PUT(BPF_ALU64 | BPF_MOV | BPF_X, 3, 7, 0, 0);
		PUT(BPF_ALU64 | BPF_MOV | BPF_X, 4, 8, 0, 0);
		PUT(BPF_JMP | BPF_CALL, 0, 0, 0, xdp ? BPF_FUNC_xdp_load_bytes : BPF_FUNC_skb_load_bytes);
	}
	memcpy(code + at, body, n * sizeof(*code));
	at += n;
	PUT(BPF_STX | BPF_MEM | BPF_W, 7, 0, CBPF_AREA(verdict), 0);
	PUT(BPF_ALU64 | BPF_MOV | BPF_X, 1, 0, 0, 0);
	PUT(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, xdp ? XDP_DROP : TC_ACT_SHOT);
	PUT(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1, 0);
	PUT(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, xdp ? XDP_PASS : TC_ACT_OK);
	PUT(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
#undef PUT
	k->hook = t->hook;
	k->log[0] = 0;
	k->prog = bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "cbpf", "GPL", code, at, &opts);
	free(code);
	return k->prog < 0 ? -errno : 0;
}

static inline void cbpf_unload(struct cbpf_kern *k)
{
	if (k->prog >= 0)
		close(k->prog);
	k->prog = -1;
}

/* Run it on a frame; NULL and the verdict, or what went wrong. */
static inline const char *cbpf_test_run(struct cbpf_kern *k, const struct sl_cbpf_target *t,
					const struct cbpf_packet *p, uint32_t *verdict)
{
	static uint8_t data[65536];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .repeat = 1);
	uint32_t have = p->len - p->shift, pass = k->hook == SL_CBPF_XDP ? XDP_PASS : TC_ACT_OK;

	memcpy(data, p->frame, p->shift ? 12 : p->len);
	if (p->shift)
		memcpy(data + 12, p->frame + 12 + p->shift, have - 12);
	opts.data_size_in = have > CBPF_FRAME_MIN ? have : CBPF_FRAME_MIN;
	memset(data + have, 0x5a, opts.data_size_in - have);
	memset(k->area, 0xa5, t->win);
	if (t->shift)
		memcpy(k->area->window, p->frame, p->len < t->win ? p->len : t->win);
	k->area->len = p->len;
	k->area->wire_len = p->wire_len;
	k->area->shift = p->shift;
	k->area->verdict = 0xdeadbeef;
	if (bpf_prog_test_run_opts(k->prog, &opts) < 0)
		return strerror(errno);
	*verdict = k->area->verdict;
	if ((opts.retval == pass) != (*verdict != 0))
		return "the hook's verdict is another one";
	return NULL;
}

/* Ready to load programs; NULL where that is not permitted, and *why. */
static inline struct cbpf_kern *cbpf_kern_new(const char **why)
{
	static const struct bpf_insn body = { .code = BPF_ALU | BPF_MOV | BPF_K, .imm = 1 };
	static const struct sl_cbpf_target t = { .hook = SL_CBPF_XDP, .win = 64, .stack = -128 };
	static char text[128];
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct cbpf_kern *k = calloc(1, sizeof(*k));
	uint8_t frame[64] = { 0 };
	struct cbpf_packet p = { frame, 64, 64, 0 };
	uint32_t verdict;
	const char *trouble;
	int r;

	k->prog = -1;
	k->map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "cbpf", 4, sizeof(struct cbpf_area), 1, &opts);
	if (k->map < 0) {
		snprintf(text, sizeof(text), "bpf() is not permitted here: %s", strerror(errno));
		goto none;
	}
	k->area = mmap(NULL, sizeof(struct cbpf_area), PROT_READ | PROT_WRITE, MAP_SHARED, k->map, 0);
	r = k->area == MAP_FAILED ? -errno : cbpf_load(k, &body, 1, &t);
	if (r < 0 && r != -EPERM) {
		printf("# no program can be loaded: %s\n%s\n", strerror(-r), k->log);
		exit(1);	/* permitted, and refused: our fault */
	}
	if (r < 0) {
		snprintf(text, sizeof(text), "this kernel loads no such program: %s", strerror(-r));
		goto none;
	}
	trouble = cbpf_test_run(k, &t, &p, &verdict);
	cbpf_unload(k);
	if (!trouble)
		return k;
	snprintf(text, sizeof(text), "this kernel makes no test runs: %s", trouble);
none:
	*why = text;
	if (k->map >= 0)
		close(k->map);
	free(k);
	return NULL;
}

static inline void cbpf_kern_free(struct cbpf_kern *k)
{
	if (!k)
		return;
	cbpf_unload(k);
	munmap(k->area, sizeof(struct cbpf_area));
	close(k->map);
	free(k);
}

#endif
