/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blocks of a pcapng file. So that lengths don't stop the fuzzer at once, the
 * first byte of the input may ask for help: with bit 0 each block's trailer is
 * made to agree with its header before the bytes are read; bit 1 gives a section
 * and an interface in front.
 */
#include "cap_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	uint8_t *q;
	size_t front = 0;
	int r;

	if (len < 1)
		return 0;
	q = malloc(len + 128);
	if (p[0] & 2) {
		front = sl_cap_put_section(q, 128, NULL, NULL);
		front += sl_cap_put_iface(q + front, 128 - front, 1, 0, p[0] & 4, NULL, 0);
	}
	memcpy(q + front, p + 1, len - 1);
	len += front - 1;
	for (size_t at = 0; p[0] & 1 && len - at >= 12;) {
		uint32_t total;

		memcpy(&total, q + at + 4, 4);
		if (total < 12 || total > len - at)
			break;
		memcpy(q + at + total - 4, &total, 4);
		at += total;
	}
	r = drive_both(q, len);
	free(q);
	return r;
}
