/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan/costs.h -- the table of costs by which the planner chooses
 *
 * A text, share/streamline/costs, which is also built in and says how it is written. What
 * `doctor --bench` measures goes into a file of the same form in the cache; its lines
 * replace those built in, one by one. A file that is wrong is refused whole.
 */
#ifndef SL_PLAN_COSTS_H
#define SL_PLAN_COSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SL_COSTS_FILTERS	256
#define SL_COSTS_BORDERS	16
#define SL_COSTS_NAME		40
#define SL_COSTS_FILE_MAX	65536	/* bytes */

struct sl_cost {
	double block_ns, byte_ns;
};

struct sl_cost_filter {
	char name[SL_COSTS_NAME];
	bool has_user, has_kernel, has_pass;
	struct sl_cost user, kernel;
	double pass;			/* of the blocks that come in, those that leave by port 0 */
};

struct sl_cost_border {
	char name[SL_COSTS_NAME];
	struct sl_cost write, read;
};

struct sl_costs {
	struct sl_cost_filter filter[SL_COSTS_FILTERS];
	unsigned int n_filters;
	struct sl_cost_border border[SL_COSTS_BORDERS];
	unsigned int n_borders;
	double call_ns, tail_call_ns, crossing_ns;
	double frame_bytes;
	char *file;			/* what was read besides what is built in; NULL: nothing */
	int64_t file_time;		/* when it was written, seconds since 1970 */
};

/* As built in. Heap; NULL when memory is out. */
struct sl_costs *sl_costs_new(void);
void sl_costs_free(struct sl_costs *c);

/*
 * Read a text over what is there. 0; -EINVAL with "line 3: ..." in why and *c as it was.
 */
int sl_costs_parse(struct sl_costs *c, const char *text, size_t len, char *why, size_t size);

/* The same of a file, which must be ours or root's and not be writable for others. -ENOENT: not
 * there; another negative errno with words in why. */
int sl_costs_read(struct sl_costs *c, const char *file, char *why, size_t size);

/* The file of this user: $XDG_CACHE_HOME/streamline/costs, /var/cache/streamline/costs for
 * root. Heap; NULL: no place is known. */
char *sl_costs_file(void);

/* The whole table, as sl_costs_parse() reads it. Heap; NULL when memory is out. */
char *sl_costs_print(const struct sl_costs *c);

/* Of a filter, what its line leaves out filled in from that of '*'. */
struct sl_cost_filter sl_costs_filter(const struct sl_costs *c, const char *name);
/* NULL: no such carrier. */
const struct sl_cost_border *sl_costs_border(const struct sl_costs *c, const char *name);

/* share/streamline/costs */
extern const char sl_costs_text[];

#endif
