/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kern/body.c -- see body.h */
#include "kern/body.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/bpf_common.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "kern/cbpf.h"

/* The front part's own stack: the form begins with a new one, as it wrote nothing yet. */
enum {
	KEY = -4,		/* u32, of the scratch map */
	WIRE = -8,
	SHIFT = -12,
	STACK = -16 - SL_CBPF_STACK,
};

/* R7 is the window, as bodies want it; other fields lie around it. */
#define AREA(field)	((int16_t)((int)offsetof(struct sl_kscratch, field) - (int)offsetof(struct sl_kscratch, window)))
#define FRONT_MAX	0x7000u		/* instructions, for jumps of 16 bits */

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })

struct front {
	struct bpf_insn *code;
	unsigned int n, size;
	bool failed;
};

static void put(struct front *f, struct bpf_insn i)
{
	struct bpf_insn *more;

	if (f->n == f->size) {
		more = realloc(f->code, (f->size + 256) * sizeof(*more));
		if (!more) {
			f->failed = true;
			return;
		}
		f->code = more;
		f->size += 256;
	}
	f->code[f->n++] = i;
}

/* What a body wants to find: see cbpf.h. */
static void prologue(struct front *f, int scratch_fd)
{
	put(f, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0));
	put(f, INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, scratch_fd));
	put(f, INSN(0, 0, 0, 0, 0));
	put(f, INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, KEY, 0));
	put(f, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0));
	put(f, INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, KEY));
	put(f, INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem));
	put(f, INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 1, 0));
	put(f, INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));	/* never: a per-CPU array has its element */
	put(f, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 7, 0, 0, 0));
	put(f, INSN(BPF_ALU64 | BPF_ADD | BPF_K, 7, 0, 0, offsetof(struct sl_kscratch, window)));
	put(f, INSN(BPF_LDX | BPF_MEM | BPF_W, 9, 7, AREA(cur.frame_len), 0));
	put(f, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 8, 9, 0, 0));
	put(f, INSN(BPF_JMP | BPF_JLE | BPF_K, 8, 0, 1, SL_K_WINDOW));
	put(f, INSN(BPF_ALU64 | BPF_MOV | BPF_K, 8, 0, 0, SL_K_WINDOW));
	put(f, INSN(BPF_LDX | BPF_MEM | BPF_W, 1, 7, AREA(cur.wire_len), 0));
	put(f, INSN(BPF_STX | BPF_MEM | BPF_W, 10, 1, WIRE, 0));
	/* 4 where a tag was put back, else 0: all ethertypes of tags have their highest bit set */
	put(f, INSN(BPF_LDX | BPF_MEM | BPF_W, 1, 7, AREA(tag), 0));
	put(f, INSN(BPF_ALU | BPF_RSH | BPF_K, 1, 0, 0, 29));
	put(f, INSN(BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, 4));
	put(f, INSN(BPF_STX | BPF_MEM | BPF_W, 10, 1, SHIFT, 0));
}

/* Not of this link type: on to the next one; else the body, and a jump that finish() aims. */
static int branch(struct front *f, const struct sl_kernel_classic *c, const struct sl_cbpf_target *t,
		  const char **why)
{
	struct bpf_insn *body;
	unsigned int n;
	int r = sl_cbpf_compile(c->insns, c->n, t, &body, &n, why);

	if (r < 0)
		return r;
	if (f->n + n > FRONT_MAX) {
		free(body);
		*why = "it is too long for the kernel";
		return -E2BIG;
	}
	put(f, INSN(BPF_LDX | BPF_MEM | BPF_H, 1, 7, AREA(cur.link), 0));
	put(f, INSN(BPF_JMP | BPF_JNE | BPF_K, 1, 0, (int16_t)(n + 2), c->link));
	for (unsigned int i = 0; i < n; i++)
		put(f, body[i]);
	put(f, INSN(BPF_ALU | BPF_MOV | BPF_X, 0, 0, 0, 0));	/* the upper half is zero */
	put(f, INSN(BPF_JMP | BPF_JA, 0, 0, 0, 0));
	free(body);
	return 0;
}

/* No link type was right; all meet; the form's own beginning follows. */
static void finish(struct front *f, const unsigned int *jumps, unsigned int n)
{
	put(f, INSN(BPF_LD | BPF_DW | BPF_IMM, 0, 0, 0, 0));
	put(f, INSN(0, 0, 0, 0, (int)(SL_K_SAID_NOTHING >> 32)));
	for (unsigned int i = 0; !f->failed && i < n; i++)
		f->code[jumps[i]].off = (int16_t)(f->n - jumps[i] - 1);
	put(f, INSN(BPF_STX | BPF_MEM | BPF_DW, 7, 0, AREA(said), 0));
	put(f, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0));
}

int sl_kbody_make(const struct sl_kernel *said, enum sl_khook hook, int scratch_fd,
		  struct bpf_insn **out, unsigned int *n_out, const char **why)
{
	const struct sl_cbpf_target t = {
		.hook = hook == SL_K_XDP ? SL_CBPF_XDP : SL_CBPF_SKB, .win = SL_K_WINDOW,
		.stack = STACK, .wire = WIRE, .shift = SHIFT,
	};
	unsigned int jumps[SL_KERNEL_LINKS], n = 0;
	struct front f = { 0 };
	int r = 0;

	prologue(&f, scratch_fd);
	for (const struct sl_kernel_classic *c = said->classic; !r && c && n < SL_KERNEL_LINKS; c = c->next) {
		r = branch(&f, c, &t, why);
		jumps[n++] = f.n - 1;
	}
	if (!r)
		finish(&f, jumps, n);
	if (!r && f.failed) {
		*why = "out of memory";
		r = -ENOMEM;
	}
	if (r < 0) {
		free(f.code);
		return r;
	}
	*out = f.code;
	*n_out = f.n;
	return 0;
}

int sl_kbody_load(const struct sl_kernel *said, enum sl_khook hook, int scratch_fd,
		  const struct bpf_insn *form, unsigned int n, char *log, size_t size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_level = 1, .log_buf = log, .log_size = (uint32_t)size);
	struct bpf_insn *code, *all;
	unsigned int n_front;
	const char *why;
	int r, fd;

	r = sl_kbody_make(said, hook, scratch_fd, &code, &n_front, &why);
	if (r < 0) {
		snprintf(log, size, "%s", why);
		return r;
	}
	/* as libbpf loads the others: programs of one array must be alike in that too */
	opts.expected_attach_type = hook == SL_K_XDP ? BPF_XDP : 0;
	all = realloc(code, (n_front + n) * sizeof(*all));
	if (!all) {
		free(code);
		return -ENOMEM;
	}
	memcpy(all + n_front, form, n * sizeof(*all));
	fd = bpf_prog_load(hook == SL_K_XDP ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "stage", "Dual BSD/GPL",
			   all, n_front + n, &opts);
	r = fd < 0 ? -errno : fd;
	free(all);
	return r;
}
