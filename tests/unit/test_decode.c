/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* net/decode.c and net/flow.c: every link, every lie, both directions */
#include <netinet/in.h>

#include "net/decode.h"
#include "test.h"

/* A frame that is put together piece by piece, held in memory of its exact size
 * while it is decoded, so that a sanitizer sees any step beyond. */
static uint8_t frame[70000];
static size_t frame_len;

static void begin(void)
{
	frame_len = 0;
}

static void put(const char *hex)
{
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		sscanf(hex, "%2hhx", &frame[frame_len++]);
		hex++;
	}
}

#define MACS	"020000000001 020000000002 "
#define IP4_TCP	"45000030 00010000 4006 0000 0a000001 0a000002 "	/* 48 bytes: 8 of payload */
#define IP4_UDP	"45000024 00010000 4011 0000 0a000001 0a000002 "
#define TCP	"1f90 0050 00000001 00000000 5018 2000 0000 0000 "
#define UDP	"d431 0035 0010 0000 "
#define EIGHT	"6162636465666768"
#define A6	"20010db8000000000000000000000001"
#define B6	"20010db8000000000000000000000002"

static struct sl_block decode(uint16_t link)
{
	uint8_t *copy = malloc(frame_len ? frame_len : 1);
	struct sl_block b = { .link = link, .len = (uint32_t)frame_len,
			      .frame_len = (uint32_t)frame_len, .wire_len = (uint32_t)frame_len };

	memcpy(copy, frame, frame_len);
	sl_decode(&b, copy);
	if (b.l4)
		CHECK(b.l4 < b.frame_len);
	CHECK(b.payload <= b.frame_len);
	free(copy);
	return b;
}

static void check_at(uint16_t link, int l3, int l4, int payload, int payload_len)
{
	struct sl_block b = decode(link);

	CHECK(sl_has_ip(&b));
	CHECK_EQ(b.l3, l3);
	CHECK_EQ(b.l4, l4);
	CHECK_EQ(b.payload, payload);
	CHECK_EQ(sl_payload_len(&b, frame), payload_len);
}

TEST(ethernet)
{
	begin();
	put(MACS "0800" IP4_TCP TCP EIGHT);
	check_at(1, 14, 34, 54, 8);
	begin();
	put(MACS "0800" IP4_UDP UDP EIGHT);
	check_at(1, 14, 34, 42, 8);
	put("0000000000000000000000000000");	/* padding is not payload */
	check_at(1, 14, 34, 42, 8);
}

TEST(vlan_tags)
{
	begin();
	put(MACS "8100 0064 0800" IP4_TCP TCP EIGHT);
	check_at(1, 18, 38, 58, 8);
	begin();
	put(MACS "88a8 0064 8100 0065 86dd 60000000 0010 11 40" A6 B6 UDP EIGHT);
	check_at(1, 22, 62, 70, 8);
	begin();
	put(MACS "9100 0064");
	CHECK(!sl_has_ip(&(struct sl_block){ 0 }));
	CHECK_EQ(decode(1).l3, 0);
	begin();	/* tags without end */
	put(MACS);
	while (frame_len < 60000)
		put("81000001");
	CHECK_EQ(decode(1).l3, 0);
}

static struct sl_link_type link_type(uint16_t link, bool expected)
{
	struct sl_block b = { .link = link, .len = (uint32_t)frame_len, .frame_len = (uint32_t)frame_len };
	struct sl_link_type t = { 0 };

	CHECK_EQ(sl_link_type(&b, frame, &t), expected);
	return t;
}

TEST(link_types)
{
	struct sl_link_type t;

	begin();
	put(MACS "0806");
	t = link_type(1, true);
	CHECK(t.type == 0x0806 && t.outer == 0x0806 && !t.n_tags);
	link_type(101, false);
	link_type(9, false);
	link_type(276, false);	/* 20 bytes are wanted */
	frame_len = 13;
	link_type(1, false);
	begin();
	put(MACS "88a8 a064 8100 0fff 9100 0001 0800");
	t = link_type(1, true);
	CHECK(t.outer == 0x88a8 && t.type == 0x0800 && t.n_tags == 3 && t.first == 0xa064 && t.last == 1);
	frame_len -= 2;		/* the last tag is cut */
	t = link_type(1, true);
	CHECK(t.type == 0x9100 && t.n_tags == 2 && t.last == 0xfff);
	begin();
	put("0000 0001 0006 020000000001 0000 8100 0064 86dd");
	t = link_type(113, true);
	CHECK(t.type == 0x86dd && t.first == 0x64);
	begin();
	put("0f00 2000");
	CHECK_EQ(link_type(104, true).type, 0x2000);
	CHECK_EQ(link_type(50, true).type, 0x2000);
}

TEST(other_links)
{
	begin();
	put("0000 0001 0006 020000000001 0000 0800" IP4_TCP TCP EIGHT);
	check_at(113, 16, 36, 56, 8);
	begin();
	put("0800 0000 00000002 0001 00 06 0200000000010000" IP4_TCP TCP EIGHT);
	check_at(276, 20, 40, 60, 8);
	begin();
	put(IP4_TCP TCP EIGHT);
	check_at(101, 0, 20, 40, 8);
	check_at(228, 0, 20, 40, 8);
	CHECK(!sl_has_ip(&(struct sl_block){ .flags = SL_B_DECODED }));
	begin();
	put("60000000 0010 11 40" A6 B6 UDP EIGHT);
	check_at(101, 0, 40, 48, 8);
	check_at(229, 0, 40, 48, 8);
	begin();
	put("02000000" IP4_TCP TCP EIGHT);
	check_at(0, 4, 24, 44, 8);
	begin();
	put("00000002" IP4_TCP TCP EIGHT);
	check_at(0, 4, 24, 44, 8);
	check_at(108, 4, 24, 44, 8);
	begin();
	put("1e000000 60000000 0010 11 40" A6 B6 UDP EIGHT);
	check_at(0, 4, 44, 52, 8);
	begin();
	put("ff03 0021" IP4_TCP TCP EIGHT);
	check_at(9, 4, 24, 44, 8);
	check_at(50, 4, 24, 44, 8);
	begin();
	put("21" IP4_TCP TCP EIGHT);
	check_at(9, 1, 21, 41, 8);
	begin();
	put(MACS "8864 1100 0001 0032 0021" IP4_TCP TCP EIGHT);
	check_at(1, 22, 42, 62, 8);
	begin();
	put("1100 0001 0032 0021" IP4_TCP TCP EIGHT);
	check_at(51, 8, 28, 48, 8);
	begin();
	put("0f00 0800" IP4_TCP TCP EIGHT);
	check_at(104, 4, 24, 44, 8);
	check_at(50, 4, 24, 44, 8);
	begin();
	put("00 0021" IP4_TCP TCP EIGHT);
	check_at(204, 3, 23, 43, 8);
}

TEST(ip6_extensions)
{
	struct sl_block b;

	begin();	/* hop by hop, destination options, AH, then TCP */
	put(MACS "86dd 60000000 0044 00 40" A6 B6);
	put("3c 00 010400000000" "33 01 0104000000000000000000000000");
	put("06 04 0000 00000001 00000001 000000000000000000000000");
	put(TCP);
	check_at(1, 14, 102, 122, 0);
	CHECK_EQ(decode(1).proto, IPPROTO_TCP);
	begin();	/* a first fragment has its ports, */
	put(MACS "86dd 60000000 0018 2c 40" A6 B6 "11 00 0001 00000007" UDP EIGHT);
	check_at(1, 14, 62, 70, 8);
	begin();	/* a later one none */
	put(MACS "86dd 60000000 0018 2c 40" A6 B6 "11 00 0009 00000007" UDP EIGHT);
	b = decode(1);
	CHECK(b.flags & SL_B_FRAGMENT);
	CHECK_EQ(b.proto, IPPROTO_UDP);
	CHECK_EQ(b.l4, 0);
	begin();	/* no next header */
	put(MACS "86dd 60000000 0000 3b 40" A6 B6);
	b = decode(1);
	CHECK_EQ(b.l3, 14);
	CHECK_EQ(b.l4, 0);
	begin();	/* an extension that is cut */
	put(MACS "86dd 60000000 0044 00 40" A6 B6 "3c 05 0104");
	b = decode(1);
	CHECK_EQ(b.l3, 14);
	CHECK_EQ(b.l4, 0);
}

TEST(ip4_fragment)
{
	struct sl_block b;

	begin();
	put(MACS "0800 45000030 00010007 4006 0000 0a000001 0a000002" TCP EIGHT);
	b = decode(1);
	CHECK_EQ(b.l3, 14);
	CHECK_EQ(b.l4, 0);
	CHECK_EQ(b.proto, IPPROTO_TCP);
	CHECK(b.flags & SL_B_FRAGMENT);
	begin();
	put(MACS "0800 45000030 00012000 4006 0000 0a000001 0a000002" TCP EIGHT);
	check_at(1, 14, 34, 54, 8);
}

TEST(lies)
{
	begin();	/* TCP header longer than the packet */
	put(MACS "0800 4500002c 00010000 4006 0000 0a000001 0a000002");
	put("1f90 0050 00000001 00000000 f018 2000 0000 0000" EIGHT);
	CHECK_EQ(decode(1).l4, 0);
	begin();	/* and shorter than it can be */
	put(MACS "0800" IP4_TCP "1f90 0050 00000001 00000000 4018 2000 0000 0000" EIGHT);
	CHECK_EQ(decode(1).l4, 0);
	begin();	/* IP header longer than its packet */
	put(MACS "0800 4f000020 00010000 4006 0000 0a000001 0a000002" TCP EIGHT EIGHT EIGHT EIGHT);
	CHECK_EQ(decode(1).l4, 0);
	begin();	/* IP header of 4 words */
	put(MACS "0800 44000030 00010000 4006 0000 0a000001 0a000002" TCP EIGHT);
	CHECK_EQ(decode(1).l3, 0);
	begin();	/* UDP length beyond the packet, and below its header */
	put(MACS "0800" IP4_UDP "d431 0035 ffff 0000" EIGHT);
	check_at(1, 14, 34, 42, 8);
	begin();
	put(MACS "0800" IP4_UDP "d431 0035 0004 0000" EIGHT);
	check_at(1, 14, 34, 42, 0);
	begin();	/* total length 0: the card segments */
	put(MACS "0800 45000000 00010000 4006 0000 0a000001 0a000002" TCP EIGHT);
	check_at(1, 14, 34, 54, 8);
}

TEST(cut_short)
{
	struct sl_block b;

	begin();
	put(MACS "0800 45000034 00010000 4006 0000 0a000001 0a000002");
	put("1f90 0050 00000001 00000000 8018 2000 0000 0000 0101");	/* options cut */
	b = decode(1);
	CHECK_EQ(b.l4, 34);
	CHECK_EQ(b.payload, 0);
	CHECK_EQ(sl_payload_len(&b, frame), 0);
	CHECK_EQ(sl_ip_len(&b, frame), 42);
	CHECK_EQ(sl_ip_wire_len(&b, frame), 0x34);
	begin();	/* every length of a frame; exact memory is the check */
	put(MACS "8100 0064 86dd 60000000 0024 00 40" A6 B6 "06 00 010400000000" TCP EIGHT);
	for (size_t n = frame_len; n-- > 0; ) {
		frame_len = n;
		b = decode(1);
		CHECK(n >= 58 || !sl_has_ip(&b));
		CHECK(n >= 86 || !b.l4);
	}
}

TEST(raw_without_proto)
{
	struct sl_block b;

	begin();	/* l3, l4 and proto would all be 0 */
	put("45000030 00010007 4000 0000 0a000001 0a000002" TCP EIGHT);
	b = decode(101);
	CHECK(sl_has_ip(&b));
	CHECK_EQ(sl_ip_len(&b, frame), 48);
	begin();
	put("55000030 00010000 4006 0000 0a000001 0a000002");
	b = decode(101);
	CHECK(!sl_has_ip(&b));
}

TEST(hash_is_symmetric)
{
	struct sl_block b, c;
	uint32_t h;

	begin();
	put(MACS "0800" IP4_TCP TCP EIGHT);
	b = decode(1);
	h = sl_flow_hash(&b, frame);
	CHECK(h);
	CHECK_EQ(b.flow_hash, h);
	begin();
	put(MACS "0800 45000030 00010000 4006 0000 0a000002 0a000001");
	put("0050 1f90 00000001 00000000 5018 2000 0000 0000" EIGHT);
	c = decode(1);
	CHECK_EQ(sl_flow_hash(&c, frame), h);
	frame[35] ^= 1;		/* another port, another flow */
	c.flow_hash = 0;
	CHECK(sl_flow_hash(&c, frame) != h);
	begin();
	put("60000000 0010 11 40" A6 B6 UDP EIGHT);
	b = decode(101);
	h = sl_flow_hash(&b, frame);
	begin();
	put("60000000 0010 11 40" B6 A6 "0035 d431 0010 0000" EIGHT);
	c = decode(101);
	CHECK_EQ(sl_flow_hash(&c, frame), h);
	begin();
	put(MACS "0806 0001");
	b = decode(1);
	CHECK(sl_flow_hash(&b, frame));
}

TEST(hash_spreads)
{
	unsigned int bucket[64] = { 0 };

	begin();
	put(MACS "0800" IP4_TCP TCP EIGHT);
	for (unsigned int i = 0; i < 6400; i++) {
		struct sl_block b = { .link = 1, .frame_len = (uint32_t)frame_len };

		frame[29] = (uint8_t)(i >> 8);	/* neighbours: addresses and ports in a row */
		frame[35] = (uint8_t)i;
		bucket[sl_flow_hash(&b, frame) & 63]++;
	}
	for (int i = 0; i < 64; i++)
		CHECK(bucket[i] > 50 && bucket[i] < 200);
}

static struct sl_tuple tuple(const char *src, const char *dst, uint8_t proto, uint16_t sport, uint16_t dport)
{
	struct sl_tuple t = { .proto = proto, .sport = sport, .dport = dport };

	sscanf(src, "%hhu.%hhu.%hhu.%hhu", &t.src[0], &t.src[1], &t.src[2], &t.src[3]);
	sscanf(dst, "%hhu.%hhu.%hhu.%hhu", &t.dst[0], &t.dst[1], &t.dst[2], &t.dst[3]);
	return t;
}

TEST(community_id)
{
	char buf[40];
	struct sl_tuple t;

	t = tuple("128.232.110.120", "66.35.250.204", IPPROTO_TCP, 34855, 80);
	CHECK_STR(sl_community_id(&t, buf), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
	t = tuple("66.35.250.204", "128.232.110.120", IPPROTO_TCP, 80, 34855);
	CHECK_STR(sl_community_id(&t, buf), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
	t = tuple("192.168.1.52", "8.8.8.8", IPPROTO_UDP, 54585, 53);
	CHECK_STR(sl_community_id(&t, buf), "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
	t = tuple("192.168.0.89", "192.168.0.1", IPPROTO_ICMP, 8, 0);
	CHECK_STR(sl_community_id(&t, buf), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
	t = tuple("192.168.0.1", "192.168.0.89", IPPROTO_ICMP, 0, 8);
	CHECK_STR(sl_community_id(&t, buf), "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
	t = tuple("10.0.0.1", "10.0.0.2", IPPROTO_TCP, 0, 0);
	CHECK(!sl_community_id(&t, buf));
}

TEST(tuple_of)
{
	struct sl_tuple t;
	struct sl_block b;
	char text[46];

	begin();
	put(MACS "0800" IP4_TCP TCP EIGHT);
	b = decode(1);
	CHECK(sl_tuple_of(&b, frame, &t));
	CHECK_STR(sl_addr_text(t.v6, t.src, text), "10.0.0.1");
	CHECK_EQ(t.sport, 8080);
	CHECK_EQ(t.dport, 80);
	CHECK_EQ(t.proto, IPPROTO_TCP);
	begin();
	put("60000000 0008 3a 40" A6 B6 "8000 0000 0001 0001");
	b = decode(229);
	CHECK(sl_tuple_of(&b, frame, &t));
	CHECK_STR(sl_addr_text(t.v6, t.dst, text), "2001:db8::2");
	CHECK_EQ(t.sport, 128);
	CHECK_EQ(t.dport, 129);
	begin();
	put(MACS "0806 0001");
	b = decode(1);
	CHECK(!sl_tuple_of(&b, frame, &t));
}

TEST_MAIN()
