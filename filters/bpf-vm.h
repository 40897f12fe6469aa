/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bpf-vm.h -- run classic BPF programs, faster than a plain switch does
 *
 * Programs are checked when they are made (jumps stay inside, scratch
 * memory inside, a return at the end), so that running needs no check other than
 * of packet bounds. The result is bpf_filter()'s for every program and packet.
 */
#ifndef FILTERS_BPF_VM_H
#define FILTERS_BPF_VM_H

#include <stdint.h>

struct sl_bpf;
struct bpf_insn;

/* Returns 0, -EINVAL for a program that is not valid, -ENOTSUP for one that asks for more
 * than the packet's bytes and length, -ENOMEM. The instructions are copied. */
int sl_bpf_new(const struct bpf_insn *insns, unsigned int n, struct sl_bpf **out);
void sl_bpf_free(struct sl_bpf *vm);

/* What the program returns for a packet of wire_len bytes of which `len` are at p. */
uint32_t sl_bpf_run(const struct sl_bpf *vm, const uint8_t *p, uint32_t wire_len, uint32_t len);

#endif
