/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_reference -- the parser against the reference grammar
 *
 * srl.y is made into a program by bison and the C compiler; where one of them is
 * missing, this is skipped. Both then judge the good requests, and many thousand
 * that were made from them by chance: letters lost, doubled, swapped, changed, and
 * pieces of one put into another. They must agree on every one.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "lang/tree.h"

#include "test.h"
#include "requests.h"

#define GRAMMAR "tests/lang/srl.y"
#define ROUNDS 20000
#define LEN_MAX 1500

#define N_BASES (sizeof(bases) / sizeof(bases[0]))

static uint64_t state;

static unsigned int pick(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 33) % n;
}

/* Damage the text in place, once. */
static size_t damage(char *s, size_t n)
{
	static const char *const bits[] = {
		"(", ")", "[", "]", "{", "}", "<>", "->", ">", "-80->", "-", ",", ";", "\n", " ", "=",
		"\"", "'", "@xdp", "?", "#", "!", "..", "*", "$x", "else", "in", "out", "let ", "def ",
		"set ", "use ", ".", ":", "a", "8", "_", "\\", "[a, b]", "x=1", "(a)", "{ > (b) }",
	};
	const char *bit, *other;
	size_t at = pick((unsigned int)n + 1), len, from;

	switch (pick(6)) {
	case 0:		/* lose some */
		len = 1 + pick(3);
		if (at + len > n)
			return n;
		memmove(s + at, s + at + len, n - at - len);
		return n - len;
	case 1:		/* double one */
		if (at >= n)
			return n;
		memmove(s + at + 1, s + at, n - at);
		return n + 1;
	case 2:		/* swap two */
		if (at + 1 < n) {
			char c = s[at];

			s[at] = s[at + 1];
			s[at + 1] = c;
		}
		return n;
	case 3:		/* a piece of another request */
		other = bases[pick(N_BASES)];
		from = pick((unsigned int)strlen(other));
		len = 1 + pick(20);
		if (len > strlen(other) - from)
			len = strlen(other) - from;
		memmove(s + at + len, s + at, n - at);
		memcpy(s + at, other + from, len);
		return n + len;
	default:	/* a piece of the language */
		bit = bits[pick(sizeof(bits) / sizeof(bits[0]))];
		len = strlen(bit);
		memmove(s + at + len, s + at, n - at);
		memcpy(s + at, bit, len);
		return n + len;
	}
}

/* '+', '-', or 'b' for a request in the notation with bars, which is not compared. */
static char judge(const char *text, size_t len)
{
	struct sl_source *src = sl_source_new("<arg>", text, len);
	struct sl_tree *t = NULL;
	char c = '-';

	if (!sl_tree_parse(src, &t, NULL))
		c = t->pipe_dialect ? 'b' : '+';
	sl_tree_free(t);
	sl_source_put(src);
	return c;
}

static bool run(const char *cmd)
{
	int r = system(cmd);

	return r != -1 && WIFEXITED(r) && WEXITSTATUS(r) == 0;
}

TEST(agrees_with_the_reference_grammar)
{
	char dir[] = "/tmp/srl-ref-XXXXXX", cmd[512], path[64];
	static char text[LEN_MAX + 64];
	const char *seed = getenv("SRL_SEED");	/* another one: other requests */
	unsigned int i, wrong = 0, good = 0;
	FILE *in, *out;

	state = strtoull(seed ? seed : "88172645463325252", NULL, 0) | 1;
	if (!run("command -v bison >/dev/null 2>&1"))
		SKIP("bison is not installed");
	if (!run("command -v cc >/dev/null 2>&1"))
		SKIP("no C compiler");
	if (access(GRAMMAR, R_OK))
		SKIP("not started in the root of the tree");
	CHECK(mkdtemp(dir));
	snprintf(cmd, sizeof(cmd), "bison -o %s/srl.c " GRAMMAR " && cc -O1 -w -o %s/srl %s/srl.c", dir,
		 dir, dir);
	CHECK(run(cmd));

	snprintf(path, sizeof(path), "%s/in", dir);
	in = fopen(path, "wb+");
	CHECK(in);
	for (i = 0; i < N_BASES + ROUNDS; i++) {
		uint32_t n;

		snprintf(text, sizeof(text), "%s", bases[i < N_BASES ? i : pick(N_BASES)]);
		n = (uint32_t)strlen(text);
		if (i >= N_BASES) {
			unsigned int times = 1 + pick(3);

			while (times-- && n < LEN_MAX - 64)
				n = (uint32_t)damage(text, n);
		}
		fwrite(&n, sizeof(n), 1, in);
		fwrite(text, 1, n, in);
	}
	fflush(in);
	rewind(in);

	snprintf(cmd, sizeof(cmd), "%s/srl <%s/in", dir, dir);
	out = popen(cmd, "r");
	CHECK(out);
	for (i = 0; i < N_BASES + ROUNDS; i++) {
		uint32_t n;
		int theirs;
		char ours;

		if (fread(&n, sizeof(n), 1, in) != 1 || fread(text, 1, n, in) != n)
			break;
		ours = judge(text, n);
		theirs = getc(out);
		good += ours == '+';
		if (ours == 'b' || ours == theirs)
			continue;
		if (wrong++ < 10)
			printf("# we say %c, the reference %c:\n%.*s\n#----\n", ours, theirs, (int)n, text);
	}
	CHECK_EQ(i, N_BASES + ROUNDS);
	pclose(out);
	fclose(in);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	CHECK(run(cmd));
	printf("# %u requests, %u of them good, %u judged differently\n", i, good, wrong);
	CHECK_EQ(wrong, 0);
}

TEST_MAIN()
