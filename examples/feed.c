/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * feed.c -- packets from memory in, blocks back out
 *
 *	feed
 *
 *	cc feed.c $(pkg-config --cflags --libs streamline) -o feed
 *
 * A request with (feed) and (take) is a function of the program: what it puts in
 * comes out as the filters between leave it. Here UDP packets to ports 53 and 54 go
 * in, and -53-> chooses. Nothing is copied on the way: a packet stays in our memory
 * until the library calls drop().
 *
 * run:
 * shows: 3 packets came out, 5 given back
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <streamline/streamline.h>

#define N		5
#define HEADERS		(14 + 20 + 8)
#define PACKET		(HEADERS + 16)

static unsigned int given_back;

static void drop(void *arg)
{
	(void)arg;
	given_back++;
}

/* Ethernet, IPv4, UDP, and a line of text. */
static void make_packet(uint8_t *p, unsigned int port, unsigned int n)
{
	memset(p, 0, PACKET);
	p[12] = 0x08;				/* IPv4 */
	p[14] = 0x45;
	p[17] = PACKET - 14;			/* total length */
	p[22] = 64;				/* time to live */
	p[23] = 17;				/* UDP */
	memcpy(p + 26, (uint8_t[]){ 10, 0, 0, 1, 10, 0, 0, 2 }, 8);
	p[34] = 0x30;				/* from port 12345 */
	p[35] = 0x39;
	p[37] = (uint8_t)port;
	p[39] = PACKET - 34;			/* UDP length */
	snprintf((char *)p + HEADERS, PACKET - HEADERS, "packet %u", n);
}

int main(void)
{
	static uint8_t packet[N][PACKET];
	struct sl_diags *ds = sl_diags_new();
	struct sl_request *req = NULL;
	struct sl_plan *plan = NULL;
	struct sl_run *run = NULL;
	const struct sl_block *b;
	const uint8_t *data;
	unsigned int out = 0;
	char *text;
	int r = 1;

	if (!ds)
		return 1;
	if (sl_parse("(feed) > (udp) -53-> (take)", NULL, &req, ds) < 0 ||
	    sl_plan_new(req, NULL, &plan, ds) < 0 || sl_run_new(plan, &run, ds) < 0) {
		text = sl_diags_format(ds, false, NULL);
		fputs(text ? text : "out of memory", stderr);
		free(text);
		goto out;
	}
	for (unsigned int i = 0; i < N; i++) {
		make_packet(packet[i], i % 2 ? 54 : 53, i);
		if (sl_feed(run, NULL, packet[i], PACKET, NULL, drop, NULL) < 0)
			goto out;
	}
	sl_feed_end(run, NULL);

	/* A step moves what is there; a program with a loop of its own does one
	 * step a turn. */
	do {
		r = sl_run_step(run, 0);
		while (sl_take(run, "take", &b, &data) > 0) {
			printf("%u bytes: %s\n", b->len, (const char *)data + HEADERS);
			out++;
		}
		sl_take_done(run, "take");
	} while (r > 0);
	sl_run_free(run);
	run = NULL;
	printf("%u packets came out, %u given back\n", out, given_back);
	r = r < 0 || out != 3 || given_back != N;
out:
	sl_run_free(run);
	sl_plan_free(plan);
	sl_request_free(req);
	sl_diags_free(ds);
	return r;
}
