/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kern/objects.h -- compiled kernel forms, made by tools/kernel-objects */
#ifndef SL_KERN_OBJECTS_H
#define SL_KERN_OBJECTS_H

#include <stddef.h>

struct sl_kernel_object {
	const char *name;	/* "tcp" of filters/tcp.bpf.c */
	const void *elf;
	size_t size;
};

extern const struct sl_kernel_object sl_kernel_objects[];	/* sorted; ends with { } */

/* NULL: there is none of this name. */
const struct sl_kernel_object *sl_kernel_object(const char *name);

#endif
