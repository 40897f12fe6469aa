/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * net/ifwatch.c -- what becomes of interfaces
 *
 * What was last heard of each watched interface is kept, and a message about it
 * compared with that: only differences become events. So it does no harm to hear a thing
 * twice, and when messages were lost (a burst, ENOBUFS) the list of all is asked for
 * and compared in the same way; who is not on it is gone. Between losing messages and
 * hearing of it, a removal and a return may look like one event with both in it.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ifaces_int.h"

struct watched {
	char name[16];			/* that it was added with */
	bool here;
	struct sl_iface last;
};

struct sl_ifwatch {
	int fd;
	bool all;
	struct watched *at;
	int n, size;
	/* events that wait to be asked for */
	struct sl_ifevent *ev;
	int n_ev, size_ev, first_ev;
	char *buf;
};

static int say(struct sl_ifwatch *w, unsigned int what, int watch, const struct sl_iface *now, const char *was)
{
	struct sl_ifevent *ev;

	if (w->first_ev == w->n_ev)
		w->first_ev = w->n_ev = 0;
	if (w->n_ev == w->size_ev) {
		int size = w->size_ev ? 2 * w->size_ev : 16;
		struct sl_ifevent *more = realloc(w->ev, (size_t)size * sizeof(*more));

		if (!more)
			return -ENOMEM;
		w->ev = more;
		w->size_ev = size;
	}
	ev = &w->ev[w->n_ev++];
	*ev = (struct sl_ifevent){ .what = what, .watch = watch, .iface = *now };
	if (was)
		memcpy(ev->was, was, sizeof(ev->was));
	return 0;
}

static int new_watch(struct sl_ifwatch *w, const char *name)
{
	struct watched *at;

	if (w->n == w->size) {
		int size = w->size ? 2 * w->size : 8;
		struct watched *more = realloc(w->at, (size_t)size * sizeof(*more));

		if (!more)
			return -ENOMEM;
		w->at = more;
		w->size = size;
	}
	at = &w->at[w->n];
	*at = (struct watched){ 0 };
	strcpy(at->name, name);
	return w->n++;
}

static int gone(struct sl_ifwatch *w, int i)
{
	w->at[i].here = false;
	return say(w, SL_IF_GONE, i, &w->at[i].last, NULL);
}

static int differs(struct sl_ifwatch *w, int i, const struct sl_iface *now)
{
	struct sl_iface was = w->at[i].last;
	unsigned int what = 0;

	if (was.up != now->up)
		what |= now->up ? SL_IF_UP : SL_IF_DOWN;
	if (was.mtu != now->mtu)
		what |= SL_IF_MTU;
	if (strcmp(was.name, now->name) != 0)
		what |= SL_IF_RENAMED;
	w->at[i].last = *now;
	return what ? say(w, what, i, now, was.name) : 0;
}

static int came(struct sl_ifwatch *w, int i, const struct sl_iface *now)
{
	w->at[i].here = true;
	w->at[i].last = *now;
	return say(w, SL_IF_CAME | (now->up ? SL_IF_UP : SL_IF_DOWN), i, now, NULL);
}

/* An interface as it is now. */
static int heard(struct sl_ifwatch *w, const struct sl_iface *now)
{
	int i;

	for (i = 0; i < w->n; i++)
		if (w->at[i].here && w->at[i].last.index == now->index)
			return differs(w, i, now);
	for (i = 0; i < w->n; i++)
		if (!w->at[i].here && strcmp(w->at[i].name, now->name) == 0)
			return came(w, i, now);
	if (!w->all)
		return 0;
	i = new_watch(w, now->name);
	return i < 0 ? i : came(w, i, now);
}

/* Messages were lost: compare with all that there is. */
static int again(struct sl_ifwatch *w)
{
	struct sl_iface *all = NULL;
	int n = sl_ifaces_list(&all), r = 0;

	if (n < 0)
		return n;
	for (int i = 0; r == 0 && i < w->n; i++) {
		bool found = false;

		for (int k = 0; k < n; k++)
			found |= all[k].index == w->at[i].last.index;
		if (w->at[i].here && !found)
			r = gone(w, i);
	}
	for (int k = 0; r == 0 && k < n; k++)
		r = heard(w, &all[k]);
	free(all);
	return r;
}

static int take(struct sl_ifwatch *w, const struct nlmsghdr *h)
{
	struct sl_iface now;

	if ((h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) || !sl_rtnl_iface(h, &now, NULL))
		return 0;
	if (h->nlmsg_type == RTM_NEWLINK)
		return heard(w, &now);
	for (int i = 0; i < w->n; i++)
		if (w->at[i].here && w->at[i].last.index == now.index)
			return gone(w, i);
	return 0;
}

int sl_ifwatch_open(bool all, struct sl_ifwatch **out)
{
	struct sl_ifwatch *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (!w)
		return r;
	w->fd = -1;
	w->buf = malloc(SL_RTNL_BUF);
	if (!w->buf)
		goto fail;
	r = w->fd = sl_rtnl_open(RTMGRP_LINK);
	if (r < 0)
		goto fail;
	if (all) {
		struct sl_iface *now = NULL;
		int n = sl_ifaces_list(&now);

		r = n;
		for (int k = 0; r >= 0 && k < n; k++) {
			r = new_watch(w, now[k].name);
			if (r < 0)
				break;
			w->at[r].here = true;	/* no news */
			w->at[r].last = now[k];
		}
		free(now);
		if (r < 0)
			goto fail;
	}
	w->all = all;
	*out = w;
	return 0;
fail:
	sl_ifwatch_close(w);
	return r;
}

int sl_ifwatch_add(struct sl_ifwatch *w, const char *name)
{
	struct sl_iface now;
	int i, r;

	if (strlen(name) >= sizeof(w->at->name))
		return -EINVAL;
	for (i = 0; i < w->n; i++)
		if (strcmp(w->at[i].name, name) == 0)
			return i;
	i = new_watch(w, name);
	if (i < 0)
		return i;
	r = sl_iface_get(name, &now);
	if (r < 0 && r != -ENODEV)
		return r;
	w->at[i].here = r == 0;
	if (r == 0)
		w->at[i].last = now;
	return i;
}

int sl_ifwatch_fd(const struct sl_ifwatch *w)
{
	return w->fd;
}

int sl_ifwatch_next(struct sl_ifwatch *w, struct sl_ifevent *ev)
{
	while (w->first_ev == w->n_ev) {
		ssize_t n = recv(w->fd, w->buf, SL_RTNL_BUF, 0);
		struct nlmsghdr *h = (struct nlmsghdr *)w->buf;
		int r = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0 && errno != ENOBUFS)
			return -errno;
		if (n < 0)
			r = again(w);
		for (uint32_t left = n < 0 ? 0 : (uint32_t)n; r == 0 && NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
			r = take(w, h);
		if (r < 0)
			return r;
	}
	*ev = w->ev[w->first_ev++];
	return 1;
}

void sl_ifwatch_close(struct sl_ifwatch *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w->buf);
	free(w->ev);
	free(w->at);
	free(w);
}
