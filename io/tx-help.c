/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tx-help -- what frames lack that were seen before their device had done its part
 *
 * A host's stack leaves two things to the device, or to the end of the way through the
 * kernel. A capture beside the stack sees frames as they are before, and so must finish
 * them who sends them elsewhere:
 *
 *	checksums	in the field stands the sum of the pseudo header alone. One
 *			correct frame in 65536 looks the same; its sum comes out as it
 *			was, so nothing is spoiled.
 *	segments	one TCP header for up to 64 KiB (TSO on the way out, GRO on the way
 *			in). Cut to the MTU of the device it is sent on: the size that the
 *			pieces had on the first wire is not known any more.
 *
 * The kernel does both, when a header in front of the frame asks it to. It wants the
 * field begun in a frame that it is to cut; our bytes are not ours to write, so the two
 * bytes are put in their place from elsewhere.
 */
#include <netinet/in.h>

#include "net/decode.h"
#include "tx.h"

#define TCP_CWR		0x80

static uint32_t add(uint32_t sum, const uint8_t *p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i += 2)
		sum += sl_be16(p + i);
	return sum;
}

/* Sum of the pseudo header, not inverted; `len` from the l4 header on. */
static uint16_t pseudo(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	uint32_t sum = proto + (len >> 16) + (len & 0xffff);

	sum = ip[0] >> 4 == 4 ? add(sum, ip + 12, 8) : add(sum, ip + 8, 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* Whole TCP or UDP with its header right behind that of IP: no fragments, nothing cut. */
static bool plain(const struct sl_block *b, const uint8_t *data, uint32_t *l4_len)
{
	const uint8_t *ip = data + b->l3;
	uint32_t len;

	if (!b->l4 || b->flags & SL_B_FRAGMENT || (b->proto != IPPROTO_TCP && b->proto != IPPROTO_UDP))
		return false;
	if (ip[0] >> 4 == 4 && sl_be16(ip + 6) & 0x3fff)
		return false;
	if (ip[0] >> 4 == 6 && b->l4 != b->l3 + 40)
		return false;
	len = sl_ip_wire_len(b, data);
	if (b->l3 + len > b->frame_len || b->l3 + len < b->payload)
		return false;
	*l4_len = b->l3 + len - b->l4;
	return true;
}

void sl_tx_needs(struct sl_block *b, const uint8_t *data, uint32_t mtu, struct sl_tx_frame *out)
{
	uint16_t sum, field_off;
	uint32_t l4_len;

	out->data = data;
	out->len = b->frame_len;
	out->need = SL_TX_AS_IS;
	sl_decode(b, data);
	if (!plain(b, data, &l4_len))
		return;
	sum = pseudo(data + b->l3, (uint8_t)b->proto, l4_len);
	field_off = b->proto == IPPROTO_TCP ? 16 : 6;
	out->hdr = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = b->l4, .csum_offset = field_off,
	};
	if (b->proto == IPPROTO_TCP && b->l4 + l4_len - b->l3 > mtu && mtu > (uint32_t)b->payload - b->l3 + 8) {
		out->need = SL_TX_SPLIT;
		out->len = b->l4 + l4_len;	/* no padding */
		out->sum[0] = (uint8_t)(sum >> 8);
		out->sum[1] = (uint8_t)sum;
		out->sum_at = b->l4 + 16u;
		out->hdr.gso_type = data[b->l3] >> 4 == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
		if (data[b->l4 + 13] & TCP_CWR)
			out->hdr.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		out->hdr.gso_size = (uint16_t)(mtu - ((uint32_t)b->payload - b->l3));
		out->hdr.hdr_len = b->payload;
	} else if (sum && sl_be16(data + b->l4 + field_off) == sum) {
		out->need = SL_TX_SUM;
	}
}
