/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fuzz_decode -- any frame on any link
 *
 * The first two bytes choose link type and how much of the frame was captured.
 * What decode.h promises is checked: offsets within the frame, whole fixed
 * headers, lengths within what is stored.
 */
#include <stdlib.h>
#include <string.h>

#include "net/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) do { if (!(cond)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t links[] = {
		1, 113, 276, 101, 228, 229, 0, 108, 9, 50, 51, 104, 166, 204, 12, 147,
	};
	struct sl_block b = { 0 }, turned;
	struct sl_tuple t;
	char text[64];
	uint8_t *frame;

	if (size < 2)
		return 0;
	b.link = links[data[0] & 15];
	b.len = b.frame_len = (uint32_t)(size - 2);
	b.wire_len = b.frame_len + data[1];
	frame = malloc(size - 2 ? size - 2 : 1);
	if (!frame)
		return 0;
	memcpy(frame, data + 2, size - 2);

	sl_decode(&b, frame);
	MUST(b.flags & SL_B_DECODED);
	MUST(!b.l4 || b.l4 < b.frame_len);
	MUST(b.payload <= b.frame_len);
	MUST(!b.payload || b.l4);
	MUST(!b.l4 || b.l4 > b.l3);
	if (b.l4 && b.proto == 6)
		MUST(b.l4 + 20u <= b.frame_len);
	if (sl_has_ip(&b)) {
		MUST(b.l3 + (frame[b.l3] >> 4 == 4 ? 20u : 40u) <= b.frame_len);
		MUST(b.l3 + sl_ip_len(&b, frame) <= b.frame_len);
		MUST(sl_ip_len(&b, frame) <= sl_ip_wire_len(&b, frame) || !sl_ip_wire_len(&b, frame));
	}
	MUST(b.payload + sl_payload_len(&b, frame) <= b.frame_len);
	MUST(sl_flow_hash(&b, frame));
	if (sl_tuple_of(&b, frame, &t)) {
		sl_addr_text(t.v6, t.src, text);
		sl_community_id(&t, text);
		if (sl_proto_has_ports(t.proto) && b.l4) {	/* the answer's hash is the same */
			uint8_t *ip = frame + b.l3, swap[16], n = t.v6 ? 16 : 4;
			uint8_t *src = ip + (t.v6 ? 8 : 12), port[2];

			memcpy(swap, src, n);
			memcpy(src, src + n, n);
			memcpy(src + n, swap, n);
			memcpy(port, frame + b.l4, 2);
			memcpy(frame + b.l4, frame + b.l4 + 2, 2);
			memcpy(frame + b.l4 + 2, port, 2);
			turned = b;
			turned.flow_hash = 0;
			MUST(sl_flow_hash(&turned, frame) == b.flow_hash);
		}
	}
	free(frame);
	return 0;
}
