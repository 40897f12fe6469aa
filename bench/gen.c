/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gen -- the captures that the benchmarks read, the same bytes every time
 *
 *	gen web OUT.pcap MEGABYTES PATTERNS	a busy web server's link
 *	gen small OUT.pcap MEGABYTES		60-byte packets, as many as fit
 *	gen patterns OUT N			a pattern file for (ac) and grep -F
 *
 * web: a pool of connections that live side by side; each step picks one and
 * sends its next packet, a finished one makes room for a new one. Of the bytes
 * about 70 % belong to connections to port 80, in both directions, with requests,
 * uploads, answers, delayed ACKs, handshakes and FINs; the rest is TCP to 443,
 * DNS and other UDP. One packet in ten is IPv6. One data segment in 200 comes
 * late (behind its successor), another one twice. Every hundredth stream to port
 * 80 holds one of the PATTERNS at a random place; no other one does.
 *
 * What was made is told on standard output as one JSON object.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_FLOWS	1000
#define MSS		1448		/* 1500 less IPv4, TCP and timestamps */
#define POOL_BYTES	(4 << 20)	/* of text, and of noise, to cut bodies from */

static uint64_t seed = 0x5eed;

static uint64_t rnd(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;	/* splitmix64 */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(((rnd() >> 32) * n) >> 32);
}

static bool one_in(uint32_t n)
{
	return below(n) == 0;
}

/* Mostly small, sometimes large: the product of two dice. */
static uint32_t heavy(uint32_t min, uint32_t max)
{
	double a = below(1 << 20) / (double)(1 << 20), b = below(1 << 20) / (double)(1 << 20);

	return min + (uint32_t)((max - min) * a * b * b);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* ---- Output ------------------------------------------------------- */

static FILE *out;
static uint64_t out_bytes, clock_us = 1700000000ull * 1000000;
static struct {
	uint64_t packets, to_80_packets, to_80_bytes, streams_80, planted, late, twice;
} made;

static void record(const uint8_t *p, uint32_t len)
{
	uint32_t h[4];

	clock_us += 1 + len / 60;	/* about half a gigabit a second */
	h[0] = (uint32_t)(clock_us / 1000000);
	h[1] = (uint32_t)(clock_us % 1000000);
	h[2] = h[3] = len;
	if (fwrite(h, sizeof(h), 1, out) != 1 || fwrite(p, len, 1, out) != 1) {
		perror("gen");
		exit(1);
	}
	out_bytes += sizeof(h) + len;
	made.packets++;
}

static void begin(const char *path)
{
	static char pieces[4 << 20];
	uint32_t h[6] = { 0xa1b2c3d4, 0, 0, 0, 262144, 1 };

	h[1] = 2 | 4 << 16;
	out = fopen(path, "wb");
	if (!out) {
		perror(path);
		exit(1);
	}
	/* Written in large pieces the page cache keeps it in large pages, as it would a
	 * file that was read from disk; both sides gain. (Without a buffer given, the C
	 * library takes 4 KiB whatever the size says.) */
	setvbuf(out, pieces, _IOFBF, sizeof(pieces));
	fwrite(h, sizeof(h), 1, out);
	out_bytes = sizeof(h);
}

static void finish(void)
{
	if (fclose(out)) {
		perror("gen");
		exit(1);
	}
}

/* ---- Packets ------------------------------------------------------ */

struct flow {
	uint8_t kind, state;
	bool v6, plant;
	uint8_t client[16], server[16];
	uint16_t cport, sport;
	uint32_t cseq, sseq;
	unsigned int requests_left;
	uint8_t *req;			/* what the client sends in this turn */
	uint32_t req_len, req_off;
	const uint8_t *answer;		/* what the server sends */
	uint32_t answer_len, answer_off;
	unsigned int unacked;
	uint8_t late[1600];		/* a segment that waits for its successor */
	uint32_t late_len;
};

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len & 1)
		sum += (uint32_t)p[len - 1] << 8;
	return sum;
}

static uint32_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* Ethernet and IP before `len` bytes at p + the returned offset. */
static uint32_t lower(uint8_t *p, const struct flow *f, bool up, uint8_t proto, uint32_t len)
{
	const uint8_t *src = up ? f->client : f->server, *dst = up ? f->server : f->client;
	uint8_t *ip = p + 14;

	memcpy(p, up ? "\2\0\0\0\0\1\2\0\0\0\0\2" : "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
	put16(p + 12, f->v6 ? 0x86dd : 0x0800);
	if (f->v6) {
		put32(ip, 0x60000000);
		put16(ip + 4, len);
		ip[6] = proto;
		ip[7] = 64;
		memcpy(ip + 8, src, 16);
		memcpy(ip + 24, dst, 16);
		return 14 + 40;
	}
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + len);
	put16(ip + 4, (uint32_t)made.packets);
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = proto;
	memcpy(ip + 12, src, 4);
	memcpy(ip + 16, dst, 4);
	put16(ip + 10, fold(sum16(ip, 20, 0)));
	return 14 + 20;
}

static void checksum(uint8_t *l4, uint32_t at, const struct flow *f, uint8_t proto, uint32_t len)
{
	uint32_t n = f->v6 ? 16 : 4;
	uint32_t sum = proto + len;

	sum = sum16(f->client, n, sum);
	sum = sum16(f->server, n, sum);
	put16(l4 + at, 0);
	sum = fold(sum16(l4, len, sum));
	put16(l4 + at, sum || proto == 6 ? sum : 0xffff);
}

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };

static void tcp(struct flow *f, bool up, uint8_t flags, const uint8_t *data, uint32_t len)
{
	uint8_t p[1600], *t;
	uint32_t opt = flags & SYN ? 20 : 12, at = lower(p, f, up, 6, 20 + opt + len);
	uint32_t *seq = up ? &f->cseq : &f->sseq;
	uint8_t *o;

	t = p + at;
	put16(t, up ? f->cport : f->sport);
	put16(t + 2, up ? f->sport : f->cport);
	put32(t + 4, *seq);
	put32(t + 8, flags & ACK ? (up ? f->sseq : f->cseq) : 0);
	t[12] = (uint8_t)((20 + opt) / 4 << 4);
	t[13] = flags;
	put16(t + 14, 502);
	put16(t + 18, 0);
	o = t + 20;
	if (flags & SYN) {
		memcpy(o, "\2\4\5\264\4\2", 6);
		o += 6;
	} else {
		memcpy(o, "\1\1", 2);
		o += 2;
	}
	o[0] = 8;
	o[1] = 10;
	put32(o + 2, (uint32_t)(clock_us / 1000));
	put32(o + 6, flags & ACK ? (uint32_t)(clock_us / 1000 - 3) : 0);
	if (flags & SYN)
		memcpy(o + 10, "\1\3\3\7", 4);
	if (len)
		memcpy(t + 20 + opt, data, len);
	checksum(t, 16, f, 6, 20 + opt + len);
	*seq += len + !!(flags & (SYN | FIN));
	at += 20 + opt + len;

	if (up && f->sport == 80) {
		made.to_80_packets++;
		made.to_80_bytes += at;
	}
	if (len && !f->late_len && one_in(200)) {
		memcpy(f->late, p, at);
		f->late_len = at;
		made.late++;
		return;
	}
	record(p, at);
	if (f->late_len) {
		record(f->late, f->late_len);
		f->late_len = 0;
	}
	if (len && one_in(200)) {
		record(p, at);
		made.twice++;
		if (up && f->sport == 80) {
			made.to_80_packets++;
			made.to_80_bytes += at;
		}
	}
}

static void udp(struct flow *f, bool up, const uint8_t *data, uint32_t len)
{
	uint8_t p[1600], *u;
	uint32_t at = lower(p, f, up, 17, 8 + len);

	u = p + at;
	put16(u, up ? f->cport : f->sport);
	put16(u + 2, up ? f->sport : f->cport);
	put16(u + 4, 8 + len);
	memcpy(u + 8, data, len);
	checksum(u, 6, f, 17, 8 + len);
	record(p, at + 8 + len);
}

/* ---- What is said ------------------------------------------------- */

static uint8_t *text, *noise;
static char **patterns;
static unsigned int n_patterns;

static const char *const words[] = {
	"the", "and", "of", "to", "in", "is", "that", "for", "with", "union", "select",
	"from", "where", "order", "table", "script", "value", "index", "admin", "page",
	"login", "search", "image", "product", "price", "home", "contact", "system",
	"file", "user", "name", "group", "content", "title", "class", "style", "div",
	"span", "href", "http", "www", "example", "com", "article", "comment", "reply",
	"account", "password", "session", "cookie", "update", "delete", "insert", "exec",
	"code", "data", "base", "open", "close", "river", "stone", "garden", "window",
};
#define N_WORDS		(sizeof(words) / sizeof(words[0]))

static const char *word(void)
{
	return words[below(N_WORDS)];
}

static void make_pools(void)
{
	static const char *const between[] = {
		" ", " ", " ", " ", ", ", ". ", "</p>\n<p>", "\": \"", "\",\n \"", "=\"", "/", "-",
	};
	size_t n = 0, i;

	text = malloc(POOL_BYTES + 64);
	noise = malloc(POOL_BYTES);
	if (!text || !noise)
		exit(1);
	while (n < POOL_BYTES)
		n += (size_t)sprintf((char *)text + n, "%s%s", word(), between[below(12)]);
	for (i = 0; i < POOL_BYTES; i += 8) {
		uint64_t r = rnd();

		memcpy(noise + i, &r, 8);
	}
}

static const uint8_t *body(uint32_t len)
{
	return (one_in(3) ? noise : text) + below(POOL_BYTES - len);
}

static const char *const agents[] = {
	"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
	"curl/7.88.1", "python-requests/2.31",
};

/* A request into f->req: a GET, or one time in three an upload. */
static void ask(struct flow *f)
{
	bool upload = one_in(3);
	uint32_t size = upload ? heavy(500, 240000) : 0;
	const char *pattern = NULL;
	char head[1400];
	int n;

	if (f->plant && f->requests_left == 1)
		pattern = patterns[below(n_patterns)];
	n = snprintf(head, sizeof(head),
		     "%s /%s/%s/%s.php?id=%u&%s=%s%s HTTP/1.1\r\n"
		     "Host: www.%s.example\r\nUser-Agent: %s\r\nAccept: text/html,*/*;q=0.8\r\n"
		     "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
		     "Cookie: session=%016llx%016llx; %s=%s\r\nConnection: keep-alive\r\n",
		     upload ? "POST" : "GET", word(), word(), word(), below(100000), word(), word(),
		     pattern && !upload ? pattern : "", word(), agents[below(4)],
		     (unsigned long long)rnd(), (unsigned long long)rnd(), word(), word());
	if (upload)
		n += snprintf(head + n, sizeof(head) - (size_t)n, "Content-Length: %u\r\n", size);
	n += snprintf(head + n, sizeof(head) - (size_t)n, "\r\n");

	f->req = malloc((size_t)n + size);
	if (!f->req)
		exit(1);
	memcpy(f->req, head, (size_t)n);
	if (size)
		memcpy(f->req + n, body(size), size);
	if (pattern && upload) {
		uint32_t len = (uint32_t)strlen(pattern);

		memcpy(f->req + n + below(size - len), pattern, len);
	}
	f->req_len = (uint32_t)n + size;
	f->req_off = 0;
	f->answer_len = upload ? 200 : heavy(300, 120000);
	f->answer = body(f->answer_len);
	f->answer_off = 0;
}

/* ---- Connections --------------------------------------------------- */

enum { WEB, TLS, DNS, QUIC };
enum { SYN_OUT, SYN_BACK, SYN_DONE, ASKING, ANSWERING, CLOSING, CLOSING_BACK, CLOSED };

static void start(struct flow *f)
{
	static uint32_t serial;
	uint32_t dice = below(100);

	memset(f, 0, offsetof(struct flow, late));
	f->late_len = 0;
	f->kind = dice < 52 ? WEB : dice < 72 ? TLS : dice < 97 ? DNS : QUIC;
	f->v6 = one_in(10);
	serial++;
	if (f->v6) {
		put32(f->client, 0x20010db8);
		put32(f->client + 12, serial / 50000 * 977 + 1);
		put32(f->server, 0x20010db8);
		put32(f->server + 4, 80);
		put32(f->server + 12, 1 + below(8));
	} else {
		put32(f->client, 0x0a000000 + (serial / 50000 * 977 + 1));
		put32(f->server, 0xc0a85000 + 1 + below(8));
	}
	f->cport = (uint16_t)(10000 + serial % 50000);
	f->sport = f->kind == WEB ? 80 : f->kind == DNS ? 53 : 443;
	f->cseq = (uint32_t)rnd();
	f->sseq = (uint32_t)rnd();
	f->requests_left = 1 + below(f->kind == WEB ? 4 : 2);
	if (f->kind == WEB && ++made.streams_80 % 100 == 50) {
		f->plant = true;
		made.planted++;
	}
	f->state = f->kind == DNS || f->kind == QUIC ? ASKING : SYN_OUT;
}

static void ask_noise(struct flow *f, uint32_t up, uint32_t down)
{
	f->req = malloc(up);
	if (!f->req)
		exit(1);
	memcpy(f->req, noise + below(POOL_BYTES - up), up);
	f->req_len = up;
	f->req_off = 0;
	f->answer_len = down;
	f->answer = noise + below(POOL_BYTES - down);
	f->answer_off = 0;
}

static void step_udp(struct flow *f)
{
	uint32_t n = f->kind == DNS ? 30 + below(60) : 1200;

	if (f->state == ASKING) {
		udp(f, true, noise + below(POOL_BYTES - n), n);
		f->answer_len = f->kind == DNS ? 1 : 1 + heavy(1, 60);
		f->state = ANSWERING;
		return;
	}
	n += f->kind == DNS ? 60 : 0;
	udp(f, false, noise + below(POOL_BYTES - n), n);
	if (--f->answer_len == 0)
		f->state = CLOSED;
}

/* One side's next segment; the other acknowledges every second one. */
static bool segment(struct flow *f, bool up, const uint8_t *data, uint32_t len, uint32_t *off)
{
	uint32_t mss = f->v6 ? MSS - 20 : MSS, n = len - *off < mss ? len - *off : mss;

	if (f->unacked == 2) {
		f->unacked = 0;
		tcp(f, !up, ACK, NULL, 0);
		return false;
	}
	tcp(f, up, ACK | (*off + n == len ? PSH : 0), data + *off, n);
	*off += n;
	f->unacked++;
	if (*off < len)
		return false;
	f->unacked = 0;
	return true;
}

static void step(struct flow *f)
{
	if (f->kind == DNS || f->kind == QUIC) {
		step_udp(f);
		return;
	}
	switch (f->state) {
	case SYN_OUT:
		tcp(f, true, SYN, NULL, 0);
		f->state = SYN_BACK;
		break;
	case SYN_BACK:
		tcp(f, false, SYN | ACK, NULL, 0);
		f->state = SYN_DONE;
		break;
	case SYN_DONE:
		tcp(f, true, ACK, NULL, 0);
		f->state = ASKING;
		break;
	case ASKING:
		if (!f->req && f->kind == WEB)
			ask(f);
		else if (!f->req)
			ask_noise(f, heavy(300, 60000), heavy(500, 200000));
		if (segment(f, true, f->req, f->req_len, &f->req_off)) {
			free(f->req);
			f->req = NULL;
			f->state = ANSWERING;
		}
		break;
	case ANSWERING:
		if (!segment(f, false, f->answer, f->answer_len, &f->answer_off))
			break;
		f->state = --f->requests_left ? ASKING : CLOSING;
		break;
	case CLOSING:
		tcp(f, true, FIN | ACK, NULL, 0);
		f->state = CLOSING_BACK;
		break;
	case CLOSING_BACK:
		tcp(f, false, FIN | ACK, NULL, 0);
		tcp(f, true, ACK, NULL, 0);
		f->state = CLOSED;
		break;
	}
}

static void web(const char *path, uint64_t bytes)
{
	struct flow *pool = calloc(POOL_FLOWS, sizeof(*pool));
	unsigned int i, live = POOL_FLOWS;

	if (!pool)
		exit(1);
	begin(path);
	for (i = 0; i < POOL_FLOWS; i++)
		start(&pool[i]);
	while (live) {
		struct flow *f = &pool[below(live)];

		/* Packets of a connection come in short trains. */
		for (i = 1 + below(6); i && f->state != CLOSED; i--)
			step(f);
		if (f->state != CLOSED)
			continue;
		if (out_bytes < bytes) {
			start(f);
		} else {
			live--;
			memmove(f, &pool[live], sizeof(*f));
		}
	}
	free(pool);
	finish();
	printf("{\"packets\": %llu, \"bytes\": %llu, \"to_80_packets\": %llu, "
	       "\"to_80_bytes\": %llu, \"streams_80\": %llu, \"planted\": %llu, "
	       "\"late\": %llu, \"twice\": %llu}\n",
	       (unsigned long long)made.packets, (unsigned long long)out_bytes,
	       (unsigned long long)made.to_80_packets, (unsigned long long)made.to_80_bytes,
	       (unsigned long long)made.streams_80, (unsigned long long)made.planted,
	       (unsigned long long)made.late, (unsigned long long)made.twice);
}

static void small(const char *path, uint64_t bytes)
{
	struct flow f = { 0 };
	uint8_t p[60];

	begin(path);
	while (out_bytes < bytes) {
		bool is_tcp = one_in(2);
		uint32_t at, len = is_tcp ? 20 : 8;

		put32(f.client, 0x0a000000 + below(60000));
		put32(f.server, 0xc0a85000 + below(8));
		f.cport = (uint16_t)(1024 + below(60000));
		f.sport = (uint16_t)(one_in(4) ? 80 : one_in(3) ? 53 : 443);
		memset(p, 0, sizeof(p));
		at = lower(p, &f, true, is_tcp ? 6 : 17, is_tcp ? 20 : 26);
		put16(p + at, f.cport);
		put16(p + at + 2, f.sport);
		if (is_tcp) {
			put32(p + at + 4, (uint32_t)rnd());
			p[at + 12] = 0x50;
			p[at + 13] = ACK;
		} else {
			len = 26;
			put16(p + at + 4, len);
		}
		checksum(p + at, is_tcp ? 16 : 6, &f, is_tcp ? 6 : 17, len);
		record(p, sizeof(p));
	}
	finish();
	printf("{\"packets\": %llu, \"bytes\": %llu}\n", (unsigned long long)made.packets,
	       (unsigned long long)out_bytes);
}

/* ---- Patterns ------------------------------------------------------ */

/*
 * Patterns look like rules for web traffic: they begin like what is seen all the
 * time and end in what is not. The tail is drawn at random, so that no text of
 * ours holds one by accident; none is shorter than five bytes, so that noise
 * does not either. Letters, digits and a few marks only: the same line means the
 * same to (ac) and to grep -F.
 */
static void one_pattern(char *p, size_t size)
{
	static const char *const joints[] = { "/", "=", "-", "_", "%20", "+", ".php?", "/../", "('", "" };
	unsigned int parts = below(4), tail = 5 + below(parts ? 6 : 12);
	size_t n = 0;

	while (parts-- && n < 14)
		n += (size_t)snprintf(p + n, size - n, "%s%s", word(), joints[below(10)]);
	while (tail--)
		p[n++] = "abcdefghijklmnopqrstuvwxyz0123456789_"[below(37)];
	p[n] = '\0';
}

static void write_patterns(const char *path, unsigned int n)
{
	FILE *f = fopen(path, "w");
	char p[128];

	if (!f) {
		perror(path);
		exit(1);
	}
	while (n--) {
		one_pattern(p, sizeof(p));
		fprintf(f, "%s\n", p);
	}
	if (fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void read_patterns(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[256];

	if (!f) {
		perror(path);
		exit(1);
	}
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		patterns = realloc(patterns, (n_patterns + 1) * sizeof(*patterns));
		if (!patterns)
			exit(1);
		patterns[n_patterns++] = strdup(line);
	}
	fclose(f);
	if (!n_patterns) {
		fprintf(stderr, "gen: no patterns in %s\n", path);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "web") == 0) {
		read_patterns(argv[4]);
		make_pools();
		web(argv[2], strtoull(argv[3], NULL, 10) * 1000000);
	} else if (argc == 4 && strcmp(argv[1], "small") == 0) {
		small(argv[2], strtoull(argv[3], NULL, 10) * 1000000);
	} else if (argc == 4 && strcmp(argv[1], "patterns") == 0) {
		seed = 0xac;
		write_patterns(argv[2], (unsigned int)strtoul(argv[3], NULL, 10));
	} else {
		fprintf(stderr, "usage: gen web OUT MEGABYTES PATTERNS | small OUT MEGABYTES | patterns OUT N\n");
		return 2;
	}
	return 0;
}
