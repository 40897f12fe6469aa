/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_cbpf -- classic programs as eBPF, against the interpreter of classic ones
 *
 *	byte 0		low bits: hook, length on the wire told or not, bytes lacking
 *	byte 1		the window's size is 1 + 2 * this
 *	byte 2		number of instructions; they follow, 8 bytes each
 *	then the frame
 *
 * What libpcap's bpf_validate() accepts and we do not is only what the header says.
 */
#define bpf_insn pcap_insn	/* both have one */
#include <pcap/pcap.h>
#undef bpf_insn
#include <errno.h>
#include <stdio.h>

#include "../unit/cbpf_vm.h"
#include "../../filters/bpf-vm.h"

#define MUST(cond) do { if (!(cond)) { fprintf(stderr, "fuzz_cbpf: %s\n", #cond); abort(); } } while (0)
#define NOTHING_WRONG(words) do { const char *w_ = (words); \
	if (w_) { fprintf(stderr, "fuzz_cbpf: it %s\n", w_); abort(); } } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sl_cbpf_target t = { .stack = -128 };
	struct cbpf_packet p = { 0 };
	struct pcap_insn in[256];
	struct bpf_insn *body = NULL;
	unsigned int n, len = 0;
	struct sl_bpf *vm = NULL;
	const char *why = NULL;
	uint32_t got = 0;
	uint8_t *frame;
	int r, valid;

	if (size < 3)
		return 0;
	t.hook = data[0] & 1 ? SL_CBPF_SKB : SL_CBPF_XDP;
	t.wire = data[0] & 2 ? -8 : 0;
	t.shift = data[0] & 4 ? -16 : 0;
	t.win = 1u + 2u * data[1];
	n = data[2];
	if (size - 3 < n * 8u)
		return 0;
	memcpy(in, data + 3, n * 8u);
	data += 3 + n * 8u;
	size -= 3 + n * 8u;
	valid = n && bpf_validate(in, (int)n);
	r = sl_cbpf_compile((const struct sl_cbpf_insn *)in, n, &t, &body, &len, &why);
	if (r < 0) {
		MUST(why && !body);
		MUST(r == -EINVAL || r == -ENOTSUP || r == -ELOOP);
		return 0;
	}
	MUST(valid);
	MUST(sl_bpf_new((const void *)in, n, &vm) == 0);
	NOTHING_WRONG(cbpf_shape(body, len));
	/* A copy of its own, so that a byte too far is seen. */
	frame = malloc(size ? size : 1);
	memcpy(frame, data, size);
	p.frame = frame;
	p.len = (uint32_t)size;
	p.shift = t.shift && size >= 20 ? 4 : 0;
	p.wire_len = t.wire ? p.len + 3 : p.len;
	NOTHING_WRONG(cbpf_run(body, len, &t, &p, &got));
	MUST(got == sl_bpf_run(vm, p.frame, p.wire_len, p.len));
	free(frame);
	sl_bpf_free(vm);
	free(body);
	return 0;
}
