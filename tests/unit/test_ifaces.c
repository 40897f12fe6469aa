/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces: listed, looked up, watched.
 *
 * What changes anything happens in a network namespace of its own, made by unshare() and
 * gone with the process; ip(8) does the changing.
 */
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/ifaces.h"
#include "test.h"

#define WAIT_MS	3000

static bool ip(const char *words)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "ip %s 2>/dev/null", words);
	return system(cmd) == 0;
}

static void own_namespace(void)
{
	static bool done;

	if (done)
		return;
	if (geteuid() != 0)
		SKIP("not root: network namespaces need it");
	if (system("command -v ip >/dev/null") != 0)
		SKIP("no program ip here");
	if (unshare(CLONE_NEWNET) != 0)
		SKIP("no network namespaces here");
	done = true;
}

/* The next event about anything; waits for it. */
static struct sl_ifevent next(struct sl_ifwatch *w)
{
	struct pollfd p = { .fd = sl_ifwatch_fd(w), .events = POLLIN };
	struct sl_ifevent ev = { 0 };
	int r;

	while ((r = sl_ifwatch_next(w, &ev)) == 0 && poll(&p, 1, WAIT_MS) > 0)
		;
	if (r <= 0)
		ev.watch = -1;
	return ev;
}

TEST(link_types)
{
	CHECK_EQ(sl_iface_link(ARPHRD_ETHER), SL_LINK_ETHERNET);
	CHECK_EQ(sl_iface_link(ARPHRD_LOOPBACK), SL_LINK_ETHERNET);
	CHECK_EQ(sl_iface_link(ARPHRD_NONE), SL_LINK_RAW);
	CHECK_EQ(sl_iface_link(ARPHRD_SIT), SL_LINK_RAW);
	CHECK_EQ(sl_iface_link(ARPHRD_IPGRE), SL_LINK_RAW);
	CHECK_EQ(sl_iface_link(ARPHRD_IEEE80211_RADIOTAP), 127);
	CHECK_EQ(sl_iface_link(ARPHRD_INFINIBAND), SL_LINK_NONE);
}

TEST(lists_and_finds)
{
	struct sl_iface *all, one;
	struct sl_iface_stats stats;
	char names[256];
	int n = sl_ifaces_list(&all), r;

	CHECK(n > 0);
	for (int i = 0; i < n; i++) {
		CHECK_EQ(all[i].index, (int)if_nametoindex(all[i].name));
		CHECK(i == 0 || all[i - 1].index < all[i].index);
		r = sl_iface_get(all[i].name, &one);
		CHECK_EQ(r, 0);
		CHECK_EQ(one.index, all[i].index);
		CHECK_EQ(one.mtu, all[i].mtu);
		CHECK_EQ(sl_iface_stats(one.index, &stats), 0);
	}
	free(all);
	CHECK_EQ(sl_iface_get("lo", &one), 0);
	CHECK(one.loopback && one.link == SL_LINK_ETHERNET);
	CHECK(strstr(sl_iface_names(names, sizeof(names)), "lo"));
	sl_iface_names(names, 8);		/* no room: cut, not overrun */
	CHECK(strlen(names) < 8);
}

TEST(strangers)
{
	struct sl_iface one = { .index = 77 };
	struct sl_iface_stats stats;
	char near[16] = "";

	CHECK_EQ(sl_iface_get("slnone0", &one), -ENODEV);
	CHECK_EQ(sl_iface_get("", &one), -ENODEV);
	CHECK_EQ(sl_iface_get("a-name-longer-than-any", &one), -ENODEV);
	CHECK_EQ(sl_iface_get("fifteen-letters", &one), -ENODEV);
	CHECK_EQ(one.index, 77);
	CHECK_EQ(sl_iface_stats(0, &stats), -ENODEV);
	CHECK_EQ(sl_iface_stats(1 << 30, &stats), -ENODEV);
	CHECK(!sl_iface_near("utterly-strange", near));
}

TEST(nearest)
{
	char near[16];

	own_namespace();
	CHECK(ip("link add ether0 type veth peer name ether1"));
	CHECK(sl_iface_near("ehter0", near));
	CHECK_STR(near, "ether0");
	CHECK(ip("link del ether0"));
}

TEST(watches)
{
	struct sl_ifwatch *w;
	struct sl_ifevent ev;
	int a, later, index;

	own_namespace();
	CHECK(ip("link add sl0 type veth peer name slx"));
	CHECK_EQ(sl_ifwatch_open(false, &w), 0);
	a = sl_ifwatch_add(w, "sl0");
	later = sl_ifwatch_add(w, "later");
	CHECK(a >= 0 && later >= 0 && a != later);
	CHECK_EQ(sl_ifwatch_add(w, "sl0"), a);
	CHECK_EQ(sl_ifwatch_add(w, "a-name-longer-than-any"), -EINVAL);
	CHECK_EQ(sl_ifwatch_next(w, &ev), 0);

	CHECK(ip("link set sl0 up"));
	ev = next(w);
	CHECK_EQ(ev.watch, a);
	CHECK_EQ(ev.what, SL_IF_UP);
	CHECK(ev.iface.up);
	index = ev.iface.index;
	CHECK_EQ(index, (int)if_nametoindex("sl0"));

	CHECK(ip("link set sl0 mtu 3000"));
	ev = next(w);
	CHECK_EQ(ev.what, SL_IF_MTU);
	CHECK_EQ(ev.iface.mtu, 3000);

	CHECK(ip("link set slx mtu 3000"));	/* not ours */
	CHECK(ip("link set sl0 down"));
	ev = next(w);
	CHECK_EQ(ev.what, SL_IF_DOWN);

	CHECK(ip("link set sl0 name sl9"));
	ev = next(w);
	CHECK_EQ(ev.watch, a);
	CHECK_EQ(ev.what, SL_IF_RENAMED);
	CHECK_STR(ev.was, "sl0");
	CHECK_STR(ev.iface.name, "sl9");

	CHECK(ip("link add sl0 type veth peer name sly"));	/* somebody else */
	CHECK(ip("link add later type veth peer name slz"));
	ev = next(w);
	CHECK_EQ(ev.watch, later);
	CHECK_EQ(ev.what, SL_IF_CAME | SL_IF_DOWN);

	CHECK(ip("link del sl9"));
	ev = next(w);
	CHECK_EQ(ev.watch, a);
	CHECK_EQ(ev.what, SL_IF_GONE);
	CHECK_EQ(ev.iface.index, index);
	/* Now its first name is awaited; who has it was heard of before, and says nothing. */
	CHECK(ip("link set sl0 up"));
	ev = next(w);
	CHECK_EQ(ev.watch, a);
	CHECK_EQ(ev.what, SL_IF_CAME | SL_IF_UP);
	CHECK(ev.iface.index != index);
	CHECK(ip("link del sl0") && ip("link del later"));
	sl_ifwatch_close(w);
}

TEST(watches_bridge_ports)
{
	struct sl_ifwatch *w;
	struct sl_ifevent ev;

	own_namespace();
	CHECK(ip("link add sl0 up type veth peer name slx"));
	if (!ip("link add slbr type bridge")) {
		CHECK(ip("link del sl0"));
		SKIP("no bridges here");
	}
	CHECK_EQ(sl_ifwatch_open(false, &w), 0);
	CHECK(sl_ifwatch_add(w, "sl0") >= 0);
	CHECK(ip("link set sl0 master slbr") && ip("link set sl0 nomaster"));
	CHECK(ip("link set sl0 mtu 1400"));
	ev = next(w);
	CHECK_EQ(ev.what, SL_IF_MTU);		/* to leave a bridge is not to go */
	CHECK(ip("link del sl0") && ip("link del slbr"));
	sl_ifwatch_close(w);
}

TEST(watches_all)
{
	struct sl_ifwatch *w;
	struct sl_ifevent ev;
	int lo, fresh;

	own_namespace();
	CHECK_EQ(sl_ifwatch_open(true, &w), 0);
	lo = sl_ifwatch_add(w, "lo");
	CHECK(lo >= 0);
	CHECK(ip("link add sl0 type veth peer name slx"));
	ev = next(w);
	fresh = ev.watch;
	CHECK(fresh >= 0 && fresh != lo);
	CHECK_EQ(ev.what, SL_IF_CAME | SL_IF_DOWN);
	CHECK(ip("link del sl0"));
	for (int left = 2; left; ) {
		ev = next(w);
		CHECK(ev.watch >= 0 && ev.watch != lo);
		left -= ev.what == SL_IF_GONE;
	}
	CHECK(ip("link add sl0 type veth peer name slx"));
	do {
		ev = next(w);
		CHECK(ev.watch >= 0);
	} while (strcmp(ev.iface.name, "sl0") != 0);
	CHECK_EQ(ev.what, SL_IF_CAME | SL_IF_DOWN);
	CHECK(ip("link del sl0"));
	sl_ifwatch_close(w);
}

/* More is said than the socket holds: the list is compared, and nothing is missed. */
TEST(watches_through_a_burst)
{
	struct sl_ifwatch *w;
	struct sl_ifevent ev;
	struct sl_iface one;
	char cmd[256];
	bool up = false, gone = false, mtu = false;

	own_namespace();
	CHECK(ip("link add sl0 type veth peer name slx"));
	CHECK(ip("link add sl1 type veth peer name sly"));
	CHECK_EQ(sl_ifwatch_open(false, &w), 0);
	CHECK(sl_ifwatch_add(w, "sl0") >= 0 && sl_ifwatch_add(w, "sl1") >= 0);
	snprintf(cmd, sizeof(cmd), "for i in $(seq 200); do echo link set sl0 mtu $((1300 + i)); done | ip -batch -");
	for (int i = 0; i < 4; i++)
		CHECK_EQ(system(cmd), 0);
	CHECK(ip("link del sl1") && ip("link set sl0 up mtu 1280"));
	for (;;) {
		ev = next(w);
		CHECK(ev.watch >= 0);
		up |= ev.what & SL_IF_UP;
		gone |= ev.what & SL_IF_GONE;
		mtu |= ev.iface.mtu == 1280;
		if (up && gone && mtu)
			break;
	}
	CHECK_EQ(sl_iface_get("sl0", &one), 0);
	CHECK_EQ(one.mtu, 1280);
	CHECK(ip("link del sl0"));
	sl_ifwatch_close(w);
}

TEST_MAIN()
