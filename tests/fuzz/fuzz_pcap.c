/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a capture file; the seeds are pcap. */
#include "cap_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	return drive_both(p, len);
}
