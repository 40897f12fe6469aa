/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * untcp: what leaves for what comes
 *
 * Each test writes what it expects as a line of words, a block each:
 *
 *	S5+0..4	 side, index of the segment, "+", place of the first byte and of the one behind the last
 *	         (side: c opened the flow, s answers; capital for SL_B_START)
 *	.	 behind a word: SL_B_END	!  SL_B_CLOSE	~  SL_B_AGAIN	^  SL_B_GAP
 */
#include "segments.h"
#include "test.h"

static struct net n;

static const char *told(void)
{
	static char text[8192];
	size_t at = 0;

	text[0] = 0;
	for (unsigned int i = 0; i < n.n_out; i++) {
		const struct net_got *g = &n.out[i];
		char side = g->flags & SL_B_REPLY ? 's' : 'c';

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%c%u", i ? " " : "",
				       g->flags & SL_B_START ? side - 32 : side, g->index);
		if (g->len)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "+%llu..%llu",
					       (unsigned long long)g->pos, (unsigned long long)g->pos + g->len);
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%s%s",
				       g->flags & SL_B_GAP ? "^" : "", g->flags & SL_B_AGAIN ? "~" : "",
				       g->flags & SL_B_END ? "." : "", g->flags & SL_B_CLOSE ? "!" : "");
	}
	return text;
}

/* The bytes are those of the segment, from where the view begins. */
static bool bytes_right(void)
{
	for (unsigned int i = 0; i < n.n_out; i++) {
		const struct net_got *g = &n.out[i];

		for (uint32_t k = 0; k < g->len && k < sizeof(g->text); k++) {
			if ((uint8_t)g->text[k] != net_byte(g->side, n.sent[g->index].seq + g->skip + k))
				return false;
		}
	}
	return true;
}

#define FINISH(want)						\
	do {							\
		CHECK(net_end(&n));				\
		CHECK_STR(told(), want);			\
		CHECK(bytes_right());				\
		net_close(&n);					\
	} while (0)

static void handshake(uint32_t c, uint32_t s)
{
	net_send(&n, 0, c, TCP_SYN, 0, 0);
	net_send(&n, 1, s, TCP_SYN | TCP_ACK, c + 1, 0);
	net_send(&n, 0, c + 1, TCP_ACK, s + 1, 0);
}

TEST(a_whole_flow)
{
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 0, 101, TCP_ACK, 901, 10);
	net_send(&n, 1, 901, TCP_ACK, 111, 20);
	net_send(&n, 0, 111, TCP_ACK | TCP_FIN, 921, 0);
	net_send(&n, 1, 921, TCP_ACK | TCP_FIN, 112, 5);
	net_send(&n, 0, 112, TCP_ACK, 927, 0);
	CHECK(net_end(&n));
	CHECK_STR(told(), "C0 S1 c2 c3+0..10 s4+0..20 c5. s6+20..25.! c7");
	CHECK(bytes_right());
	CHECK_EQ(n.out[0].stream, 0);
	CHECK_EQ(n.out[1].stream, 1);
	CHECK_EQ(net_value(&n, "flows"), 1);
	CHECK_EQ(net_value(&n, "segments"), 3);
	net_close(&n);
}

TEST(early_segments_wait)
{
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 0, 121, TCP_ACK, 901, 10);
	net_send(&n, 0, 111, TCP_ACK, 901, 10);
	net_send(&n, 0, 131, TCP_ACK | TCP_FIN, 901, 0);
	net_send(&n, 0, 101, TCP_ACK, 901, 10);
	FINISH("C0 S1 c2 c6+0..10 c4+10..20 c3+20..30 c5.");
}

TEST(sequence_wraps)
{
	net_open(&n, "");
	handshake(0xfffffff0u, 900);
	net_send(&n, 0, 0x0000000bu, TCP_ACK, 901, 20);
	net_send(&n, 0, 0xfffffff1u, TCP_ACK, 901, 10);
	net_send(&n, 0, 0xfffffffbu, TCP_ACK, 901, 16);
	net_send(&n, 0, 0x0000001fu, TCP_ACK, 901, 1);
	FINISH("C0 S1 c2 c4+0..10 c5+10..26 c3+26..46 c6+46..47");
}

TEST(retransmissions)
{
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 0, 101, TCP_ACK, 901, 10);
	net_send(&n, 0, 101, TCP_ACK, 901, 10);	/* the same, */
	net_send(&n, 0, 105, TCP_ACK, 901, 10);	/* some of it new, */
	net_send(&n, 0, 121, TCP_ACK, 901, 5);
	net_send(&n, 0, 121, TCP_ACK, 901, 5);	/* twice while it waits, */
	net_send(&n, 0, 114, TCP_ACK, 901, 1);	/* a keep-alive, */
	net_send(&n, 0, 111, TCP_ACK, 901, 15);	/* all that is missing and more, */
	net_send(&n, 0, 100, TCP_SYN, 0, 0);	/* the SYN */
	CHECK(net_end(&n));
	CHECK_STR(told(), "C0 S1 c2 c3+0..10 c4~ c5+10..14 c7~ c8~ c6~ c9+14..25 c10~");
	CHECK_EQ(net_value(&n, "conflicts"), 0);
	net_close(&n);
}

TEST(first_bytes_stand)
{
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 0, 111, TCP_ACK, 901, 10);
	n.twist = 1;
	net_send(&n, 0, 101, TCP_ACK, 901, 30);	/* before, over and behind it, with other bytes */
	n.twist = 0;
	CHECK(net_end(&n));
	CHECK_STR(told(), "C0 S1 c2 c4+0..10 c3+10..20 c4+20..30");
	CHECK_EQ(net_value(&n, "conflicts"), 1);
	CHECK_EQ((uint8_t)n.out[4].text[0], net_byte(0, 111));
	net_close(&n);
}

TEST(overlaps_of_waiting_segments)
{
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 0, 121, TCP_ACK, 901, 10);
	net_send(&n, 0, 141, TCP_ACK, 901, 10);
	net_send(&n, 0, 126, TCP_ACK, 901, 20);	/* over the end of one and the begin of the other */
	net_send(&n, 0, 101, TCP_ACK, 901, 23);
	FINISH("C0 S1 c2 c6+0..20 c3+20..30 c5+30..40 c4+40..50");
}

/* A RST that waits in the midst of bytes hides them from nobody. */
TEST(mark_in_the_midst)
{
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 0, 111, TCP_ACK, 901, 10);
	net_send(&n, 0, 115, TCP_RST, 901, 0);
	net_send(&n, 0, 115, TCP_ACK, 901, 35);		/* over the end of the first, */
	net_send(&n, 0, 111, TCP_ACK, 901, 25);		/* nothing new */
	net_step(&n);
	CHECK_EQ(n.n_gap, 0);
	net_send(&n, 0, 101, TCP_ACK, 901, 10);
	CHECK(net_end(&n));
	CHECK_STR(told(), "C0 S1 c2 c6~ c7+0..10 c3+10..20 c4~ c5+20..49");
	CHECK(bytes_right());
	CHECK_EQ(net_value(&n, "gaps"), 0);
	CHECK_EQ(net_value(&n, "conflicts"), 0);
	net_close(&n);
	net_open(&n, "");	/* a FIN that became a mark lies behind the RST */
	handshake(100, 900);
	net_send(&n, 0, 111, TCP_ACK | TCP_FIN, 901, 10);
	net_send(&n, 0, 115, TCP_RST, 901, 0);
	net_send(&n, 0, 106, TCP_ACK | TCP_FIN, 901, 15);
	net_send(&n, 0, 117, TCP_ACK, 901, 4);
	net_send(&n, 0, 101, TCP_ACK, 901, 7);
	FINISH("C0 S1 c2 c6~ c7+0..5 c5+5..20. c4~ c3~");
}

TEST(gaps)
{
	net_open(&n, "gap_after=2s");
	handshake(100, 900);
	net_send(&n, 0, 121, TCP_ACK, 901, 10);
	net_wait(&n, 1000);
	net_send(&n, 1, 901, TCP_ACK, 101, 1);
	net_wait(&n, 1000);
	net_send(&n, 1, 902, TCP_ACK, 101, 1);
	net_wait(&n, 1000);
	net_send(&n, 1, 903, TCP_ACK, 101, 1);
	net_wait(&n, 1000);
	net_send(&n, 1, 904, TCP_ACK, 101, 1);
	net_step(&n);
	CHECK_EQ(net_value(&n, "gaps"), 1);
	CHECK_EQ(net_value(&n, "gap_bytes"), 20);
	CHECK_EQ(n.n_gap, 1);
	CHECK_STR(n.gap[0], "{\"event_type\":\"gap\",\"src_ip\":\"10.0.0.1\",\"src_port\":40000,"
		  "\"dest_ip\":\"10.0.0.2\",\"dest_port\":80,\"proto\":\"TCP\",\"pos\":0,\"bytes\":20}");
	net_send(&n, 0, 101, TCP_ACK, 901, 20);	/* too late */
	net_send(&n, 0, 141, TCP_ACK, 901, 5);	/* and one that the end finds waiting */
	CHECK(net_end(&n));
	CHECK(strstr(told(), "c3+20..30^ "));
	CHECK(strstr(told(), "c8~ c9+40..45^"));
	net_close(&n);
}

TEST(hold_is_a_bound)
{
	net_open(&n, "hold=2KiB");
	handshake(100, 900);
	for (uint32_t k = 0; k < 20; k++)
		net_send(&n, 0, 201 + 100 * k, TCP_ACK, 901, 100);
	CHECK(net_end(&n));
	CHECK_EQ(n.n_out, 23);
	CHECK_EQ(net_value(&n, "gaps"), 1);
	CHECK(net_value(&n, "held_peak") < 3000);
	CHECK(bytes_right());
	net_close(&n);
}

TEST(memory_is_a_bound)
{
	net_open(&n, "memory=4KiB");
	for (uint32_t k = 0; k < 40; k++) {
		n.port = (uint16_t)(40000 + k);
		net_send(&n, 0, 100, TCP_SYN, 0, 0);
		net_send(&n, 0, 201, TCP_ACK, 901, 100);
	}
	CHECK(net_end(&n));
	CHECK_EQ(n.n_out, 80);
	CHECK(net_value(&n, "evicted") > 20);
	CHECK(net_value(&n, "held_peak") < 5000);
	CHECK_EQ(net_value(&n, "gaps"), 40);
	net_close(&n);
}

TEST(flows_are_bounded)
{
	net_open(&n, "flows=10");
	for (uint32_t k = 0; k < 40; k++) {
		n.port = (uint16_t)(40000 + k);
		net_send(&n, 0, 100, TCP_SYN, 0, 0);
		net_send(&n, 0, 201, TCP_ACK, 901, 100);
		if (k % 10 == 9)
			net_wait(&n, 60000);
	}
	CHECK(net_end(&n));
	CHECK_EQ(n.n_out, 80);
	CHECK_EQ(net_value(&n, "flows"), 40);
	CHECK_EQ(net_value(&n, "evicted"), 30);
	net_close(&n);
}

TEST(idle_flows_are_forgotten)
{
	net_open(&n, "timeout=10s");
	handshake(100, 900);
	net_send(&n, 0, 111, TCP_ACK, 901, 10);
	net_wait(&n, 5000);
	net_send(&n, 0, 121, TCP_ACK, 901, 10);
	net_wait(&n, 20000);
	n.port = 1;
	net_send(&n, 0, 100, TCP_SYN, 0, 0);
	net_wait(&n, 100);
	net_send(&n, 0, 101, TCP_ACK, 901, 1);
	net_step(&n);
	CHECK_EQ(net_value(&n, "timeouts"), 1);
	CHECK_EQ(n.n_out, 7);
	n.port = 40000;
	net_send(&n, 0, 131, TCP_ACK, 901, 10);	/* another flow, from its midst */
	CHECK(net_end(&n));
	CHECK_EQ(net_value(&n, "flows"), 3);
	net_close(&n);
}

TEST(data_with_syn)
{
	net_open(&n, "");
	net_send(&n, 0, 100, TCP_SYN, 0, 10);
	net_send(&n, 1, 900, TCP_SYN | TCP_ACK, 111, 4);
	net_send(&n, 0, 111, TCP_ACK, 905, 10);
	net_send(&n, 0, 101, TCP_ACK, 905, 10);	/* as if it had not been taken */
	FINISH("C0+0..10 S1+0..4 c2+10..20 c3~");
}

TEST(reset)
{
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 1, 911, TCP_ACK, 101, 10);		/* waits, */
	net_send(&n, 0, 99, TCP_RST, 0, 0);		/* outside: ignored, */
	net_send(&n, 0, 101 + (4 << 20), TCP_RST, 0, 0);	/* outside */
	net_send(&n, 0, 101, TCP_RST, 0, 0);		/* and is given before this */
	net_send(&n, 1, 901, TCP_ACK, 101, 10);
	FINISH("C0 S1 c2 c4~ c5~ s3+10..20^ c6.! s7~");
	net_open(&n, "");
	net_send(&n, 0, 100, TCP_SYN, 0, 0);		/* refused */
	net_send(&n, 1, 0, TCP_RST | TCP_ACK, 101, 0);
	FINISH("C0 S1.!");
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 0, 111, TCP_RST | TCP_ACK, 901, 0);	/* early, waits */
	net_send(&n, 1, 921, TCP_RST | TCP_ACK, 101, 0);	/* one on each side */
	net_send(&n, 0, 101, TCP_ACK, 901, 10);
	FINISH("C0 S1 c2 c5+0..10 s4^.! c3.");
}

TEST(going_on_after_a_reset)
{
	net_open(&n, "");	/* the other side had more under way */
	handshake(100, 900);
	net_send(&n, 0, 101, TCP_RST, 0, 0);
	net_send(&n, 1, 901, TCP_ACK, 101, 10);
	net_send(&n, 0, 101, TCP_RST, 0, 0);
	net_send(&n, 1, 911, TCP_ACK | TCP_FIN, 101, 10);
	FINISH("C0 S1 c2 c3.! s4+0..10 c5~ s6+10..20.!");
	net_open(&n, "");	/* the RST was somebody else's */
	handshake(100, 900);
	net_send(&n, 0, 101, TCP_RST, 0, 0);
	net_send(&n, 0, 101, TCP_ACK, 901, 10);
	net_send(&n, 1, 901, TCP_ACK, 111, 10);
	net_send(&n, 0, 111, TCP_ACK | TCP_FIN, 911, 0);
	net_send(&n, 1, 911, TCP_ACK | TCP_FIN, 112, 0);
	FINISH("C0 S1 c2 c3.! c4+0..10 s5+0..10 c6. s7.!");
}

TEST(two_answers)
{
	net_open(&n, "");	/* with other numbers; the ACK says which */
	net_send(&n, 0, 100, TCP_SYN, 0, 0);
	net_send(&n, 1, 900, TCP_SYN | TCP_ACK, 101, 0);
	net_send(&n, 1, 0x70000000u, TCP_SYN | TCP_ACK, 101, 0);
	net_send(&n, 0, 101, TCP_ACK, 0x70000001u, 0);
	net_send(&n, 1, 0x70000001u, TCP_ACK, 101, 10);
	FINISH("C0 S1 s2~ c3 s4+0..10");
}

TEST(after_the_end)
{
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 0, 101, TCP_ACK | TCP_FIN, 901, 10);
	net_send(&n, 0, 101, TCP_ACK | TCP_FIN, 901, 10);
	net_send(&n, 0, 112, TCP_ACK, 901, 10);
	net_send(&n, 1, 901, TCP_ACK, 112, 10);		/* the other side goes on */
	net_send(&n, 1, 911, TCP_ACK | TCP_FIN, 112, 0);
	net_send(&n, 1, 911, TCP_ACK | TCP_FIN, 112, 0);
	FINISH("C0 S1 c2 c3+0..10. c4~ c5~ s6+0..10 s7.! s8~");
}

TEST(bytes_beyond_the_fin)
{
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 0, 111, TCP_ACK | TCP_FIN, 901, 0);
	net_send(&n, 0, 101, TCP_ACK, 901, 30);
	FINISH("C0 S1 c2 c4+0..10 c3.");
}

TEST(ports_used_again)
{
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 0, 101, TCP_ACK | TCP_FIN, 901, 0);
	net_send(&n, 1, 901, TCP_ACK | TCP_FIN, 102, 0);
	net_send(&n, 0, 5000, TCP_SYN, 0, 0);
	net_send(&n, 1, 7000, TCP_SYN | TCP_ACK, 5001, 0);
	net_send(&n, 0, 5001, TCP_ACK, 7001, 3);
	CHECK(net_end(&n));
	CHECK_STR(told(), "C0 S1 c2 c3. s4.! C5 S6 c7+0..3");
	CHECK(n.out[5].stream >> 1 != n.out[0].stream >> 1);
	CHECK_EQ(n.out[6].stream, n.out[5].stream + 1);
	net_close(&n);
}

TEST(ports_used_again_unannounced)
{
	net_open(&n, "");	/* the end of the first flow was not seen */
	handshake(100, 900);
	net_send(&n, 0, 101, TCP_ACK, 901, 5);
	net_send(&n, 0, 0x80000000u, TCP_SYN, 0, 0);
	net_send(&n, 1, 7000, TCP_SYN | TCP_ACK, 0x80000001u, 0);
	net_send(&n, 0, 0x80000001u, TCP_ACK, 7001, 3);
	FINISH("C0 S1 c2 c3+0..5 c4~ S5 C6+0..3");
	net_open(&n, "");	/* a forged SYN does no harm */
	handshake(100, 900);
	net_send(&n, 0, 0x80000000u, TCP_SYN, 0, 0);
	net_send(&n, 0, 0x80000001u, TCP_ACK, 7001, 3);
	net_send(&n, 0, 101, TCP_ACK, 901, 5);
	FINISH("C0 S1 c2 c3~ c4~ c5+0..5");
	net_open(&n, "");	/* one side alone */
	net_send(&n, 0, 100, TCP_SYN, 0, 0);
	net_send(&n, 0, 101, TCP_ACK, 901, 5);
	net_send(&n, 0, 0x80000000u, TCP_SYN, 0, 0);
	net_send(&n, 0, 0x80000001u, TCP_ACK, 7001, 3);
	FINISH("C0 c1+0..5 c2~ C3+0..3");
}

TEST(one_side_alone)
{
	net_open(&n, "");
	net_send(&n, 0, 100, TCP_SYN, 0, 0);
	net_send(&n, 0, 101, TCP_ACK, 901, 5);
	net_send(&n, 0, 106, TCP_ACK | TCP_FIN, 911, 0);
	net_send(&n, 0, 107, TCP_ACK, 912, 0);
	net_send(&n, 0, 9000, TCP_SYN, 0, 0);
	FINISH("C0 c1+0..5 c2.! c3 C4");
}

TEST(from_the_midst)
{
	net_open(&n, "");	/* a bare ACK tells where the next byte belongs */
	net_send(&n, 0, 500, TCP_ACK, 901, 0);
	net_send(&n, 0, 500, TCP_ACK, 901, 5);
	net_step(&n);
	CHECK_STR(told(), "C0 c1+0..5");
	FINISH("C0 c1+0..5");
	net_open(&n, "");	/* which may be a keep-alive */
	net_send(&n, 0, 499, TCP_ACK, 901, 0);
	net_send(&n, 0, 500, TCP_ACK, 901, 5);
	FINISH("C0 c1+0..5");
	net_open(&n, "");	/* early ones first; the other side has it all then */
	net_send(&n, 0, 510, TCP_ACK, 901, 10);
	net_send(&n, 0, 500, TCP_ACK, 901, 10);
	net_send(&n, 1, 901, TCP_ACK, 520, 0);
	net_send(&n, 0, 520, TCP_ACK, 901, 5);
	net_step(&n);
	CHECK_STR(told(), "C1+0..10 c0+10..20 S2 c3+20..25");
	FINISH("C1+0..10 c0+10..20 S2 c3+20..25");
	net_open(&n, "settle=3");	/* a few are enough */
	net_send(&n, 0, 520, TCP_ACK, 901, 10);
	net_send(&n, 0, 510, TCP_ACK, 901, 10);
	net_step(&n);
	CHECK_STR(told(), "");
	net_send(&n, 0, 530, TCP_ACK, 901, 10);
	net_step(&n);
	net_send(&n, 0, 500, TCP_ACK, 901, 10);
	FINISH("C1+0..10 c0+10..20 c2+20..30 c3~");
	net_open(&n, "");	/* the side that answers has the known port */
	net_send(&n, 1, 900, TCP_ACK, 500, 0);
	FINISH("S0");
}

TEST(syn_not_seen)
{
	net_open(&n, "");	/* SYN|ACK says where the other side begins, */
	net_send(&n, 1, 900, TCP_SYN | TCP_ACK, 101, 0);
	net_send(&n, 0, 111, TCP_ACK, 901, 10);
	net_send(&n, 0, 101, TCP_ACK, 901, 10);
	FINISH("S0 C2+0..10 c1+10..20");
	net_open(&n, "");	/* and so does the first ACK after a SYN */
	net_send(&n, 0, 100, TCP_SYN, 0, 0);
	net_send(&n, 0, 101, TCP_ACK, 901, 0);
	net_send(&n, 1, 911, TCP_ACK, 101, 10);
	net_send(&n, 1, 901, TCP_ACK, 101, 10);
	FINISH("C0 c1 S3+0..10 s2+10..20");
}

TEST(cut_by_the_capture)
{
	net_open(&n, "");
	handshake(100, 900);
	n.cut = 60;
	net_send(&n, 0, 101, TCP_ACK, 901, 100);
	net_send(&n, 0, 201, TCP_ACK, 901, 50);		/* cut to nothing */
	n.cut = 0;
	net_send(&n, 0, 251, TCP_ACK, 901, 5);
	net_send(&n, 0, 251, TCP_ACK, 901, 0);
	CHECK(net_end(&n));
	CHECK_STR(told(), "C0 S1 c2 c3+0..40 c4^ c5+150..155^ c6");
	net_close(&n);
}

TEST(far_off)
{
	net_open(&n, "");
	handshake(100, 900);
	net_send(&n, 0, 101, TCP_ACK, 901, 5);
	net_send(&n, 0, 0x70000000u, TCP_ACK, 901, 5);	/* one is not believed, */
	net_send(&n, 0, 106, TCP_ACK, 901, 5);
	for (uint32_t k = 0; k < 8; k++)		/* eight in a row are */
		net_send(&n, 0, 0x40000000u + 10 * k, TCP_ACK, 901, 10);
	net_send(&n, 0, 0x40000000u + 80, TCP_ACK, 901, 10);
	CHECK(net_end(&n));
	CHECK(strstr(told(), "c4~ c5+5..10 "));
	CHECK(strstr(told(), "c12~ c13+1073741793..1073741803^ c14+1073741803..1073741813"));
	net_close(&n);
}

/* The same segments in any order of arrival give the same bytes. */
TEST(any_order)
{
	enum { SEGS = 12 };

	for (unsigned int seed = 1; seed < 300; seed++) {
		unsigned int order[SEGS], x = seed;
		uint64_t at = 0;

		net_open(&n, "");
		handshake(100, 900);
		for (unsigned int k = 0; k < SEGS; k++)
			order[k] = k;
		for (unsigned int k = SEGS - 1; k; k--) {
			unsigned int j, t;

			x = x * 1103515245u + 12345;
			j = x / 65536 % (k + 1);
			t = order[k];
			order[k] = order[j];
			order[j] = t;
		}
		for (unsigned int k = 0; k < SEGS; k++) {
			uint32_t o = order[k];	/* overlapping by three bytes, the last with FIN */

			net_send(&n, 0, 101 + 10 * o, TCP_ACK | (o == SEGS - 1 ? TCP_FIN : 0), 901, 13);
		}
		CHECK(net_end(&n));
		CHECK(bytes_right());
		CHECK_EQ(n.n_out, 3 + SEGS);
		for (unsigned int k = 3; k < n.n_out; k++) {
			if (!n.out[k].len)
				continue;
			CHECK_EQ(n.out[k].pos, at);
			CHECK_EQ(n.sent[n.out[k].index].seq + n.out[k].skip - 101, at);
			at += n.out[k].len;
		}
		CHECK_EQ(at, 10 * SEGS + 3);
		CHECK(n.out[n.n_out - 1].flags & SL_B_END);
		net_close(&n);
	}
}

TEST_MAIN()
