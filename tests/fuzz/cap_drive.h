/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tests/fuzz/cap_drive.h -- bytes through the capture reader, whole and in pieces
 *
 * Both ways have to give the same records and the same end, no record may lie
 * outside of what was shown, and each call has to get on.
 */
#ifndef SL_FUZZ_CAP_DRIVE_H
#define SL_FUZZ_CAP_DRIVE_H

#include "cap/cap.h"

#include <stdlib.h>

struct drive {
	uint64_t sum;	/* over all that was read */
	uint64_t records;
	int r;
};

static void drive_add(struct drive *d, uint64_t v)
{
	d->sum = (d->sum ^ v) * UINT64_C(0x100000001b3);
}

static struct drive drive(const uint8_t *p, size_t len, size_t piece)
{
	struct drive d = { 0 };
	struct sl_cap *c = sl_cap_new();
	size_t start = 0, have = piece < len ? piece : len, used;

	for (;;) {
		struct sl_cap_rec rec;

		d.r = sl_cap_next(c, p + start, have - start, have == len, &rec, &used);
		if (used > have - start)
			abort();
		if (d.r == 1) {
			const uint8_t *f = p + start + rec.off;

			if (rec.off + rec.cap_len > used || rec.whole_off + rec.whole_len != used || !used)
				abort();
			drive_add(&d, rec.time_ns);
			drive_add(&d, rec.cap_len | (uint64_t)rec.wire_len << 32);
			drive_add(&d, rec.linktype | (uint64_t)rec.iface << 16 | (uint64_t)rec.flags << 56);
			drive_add(&d, rec.fcs_len);
			for (uint32_t i = 0; i < rec.cap_len; i += 97)
				drive_add(&d, f[i]);
			d.records++;
		}
		start += used;
		if (d.r < 0 || (d.r == 0 && have == len))
			break;
		if (d.r == 0) {
			size_t want = sl_cap_want(c);

			if (have - start >= want)
				abort();
			have += piece < len - have ? piece : len - have;
		}
	}
	if (d.r < 0) {
		uint64_t off, good;

		if (!sl_cap_error(c, &off, &good) || good != d.records || off > len)
			abort();
	}
	sl_cap_free(c);
	return d;
}

static int drive_both(const uint8_t *p, size_t len)
{
	struct drive whole = drive(p, len, len), pieces = drive(p, len, 1 + len / 7);

	if (whole.sum != pieces.sum || whole.records != pieces.records || whole.r != pieces.r)
		abort();
	return 0;
}

#endif
