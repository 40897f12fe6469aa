/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kern/cbpf.h -- classic BPF programs as eBPF instructions
 *
 * What pcap_compile() makes, made into the middle of a kernel program: a body
 * that the caller puts between a prologue, which gets the frame's first bytes
 * together, and an epilogue, which does something with the verdict.
 *
 *	prologue	R6	the context: xdp_md or __sk_buff
 *			R7	the window: memory of which `win` bytes can be read
 *			R9	the frame's length in bytes, as far as there is one
 *			R8	min(R9, win): the bytes of the window that mean something
 *			stack	room, and the length on the wire (see below)
 *	body		made here; leaves R6 to R9 alone, uses R0 to R5
 *	epilogue	R0	what the classic program returns: 0, no match
 *
 * The body ends by falling out of its end, or by jumping there. It has neither
 * an exit nor a call of a function, thus any number of bodies may follow one
 * another in one program.
 *
 *	stack + 80	.---------------------.
 *	stack + 72	| bytes from afar     |
 *	stack + 64	| A or X meanwhile    |
 *	stack		| M[0] ... M[15]      |
 *			'---------------------'  <- R10 + target.stack
 *
 * It returns what libpcap's bpf_filter() returns for the same frame, with
 * scratch memory that is zero at first: a load from outside of the frame and a
 * division by zero end it with 0; a shift by 32 and more leaves 0.
 *
 * It needs Linux 5.18 or later (bpf_xdp_load_bytes) on XDP, and a processor
 * that reads words from odd places.
 */
#ifndef SL_KERN_CBPF_H
#define SL_KERN_CBPF_H

#include <stdint.h>

struct bpf_insn;	/* that of <linux/bpf.h>; libpcap has another one of this name */

enum {
	SL_CBPF_STACK	 = 80,		/* bytes of stack a body uses */
	SL_CBPF_WIN_MAX	 = 4096,	/* bytes of a window, at most */
	SL_CBPF_INSN_MAX = 4096,	/* classic instructions, at most */
};

/* An instruction, laid out as libpcap and the kernel have it. */
struct sl_cbpf_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

enum sl_cbpf_hook {
	SL_CBPF_XDP,		/* R6 is an xdp_md */
	SL_CBPF_SKB,		/* R6 is a __sk_buff of tc, or of a socket filter */
};

/* Where the body finds things. Places on the stack count from R10. */
struct sl_cbpf_target {
	enum sl_cbpf_hook hook;
	uint32_t win;		/* bytes of the window, 1 to SL_CBPF_WIN_MAX */
	int16_t stack;		/* lowest of SL_CBPF_STACK bytes; a multiple of 8 */
	int16_t wire;		/* uint32_t: length on the wire; 0: that is R9 too */
	int16_t shift;		/* uint32_t: how many bytes the frame has before the window's
				 * end that the context lacks (a VLAN tag put back at 12: 4,
				 * else 0), with a window of 20 or more; 0: it never lacks any */
};

/*
 * Compile n instructions. Returns 0 and the body in *out (free() it) and
 * *n_out. Otherwise *why, if it is not NULL, points to static words, and the result is
 *
 *	-EINVAL		not a valid program, or not a valid target
 *	-ENOTSUP	it asks for more than the frame's bytes and length (direction,
 *			interface, tags that the kernel took out)
 *	-ELOOP		it jumps back, as libpcap's "protochain" does; the kernel takes
 *			no loop whose end it does not see
 *	-E2BIG		too long for the kernel
 *	-ENOMEM
 */
int sl_cbpf_compile(const struct sl_cbpf_insn *in, unsigned int n, const struct sl_cbpf_target *target,
		    struct bpf_insn **out, unsigned int *n_out, const char **why);

#endif
