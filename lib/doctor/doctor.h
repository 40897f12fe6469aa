/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * doctor/doctor.h -- what `streamline doctor` finds out about this machine
 *
 * A finding is one line: what was tried, whether it works, in words what was found, and
 * what to do about it. Findings are made by trying, as far as that changes nothing; what cannot
 * be known without a right says so, in place of a guess.
 *
 *	system.c	the kernel, its limits, rights, programs, hooks, carriers
 *	nic.c		interfaces: drivers, queues, offloads, XDP
 *	report.c	findings as text and as JSON; the table of costs; the public calls
 *	bench.c		measures what the table of costs holds, and writes it
 */
#ifndef SL_DOCTOR_DOCTOR_H
#define SL_DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sl_works {
	SL_WORKS_NO,
	SL_WORKS_YES,
	SL_WORKS_INFO,		/* nothing that could fail */
	SL_WORKS_UNKNOWN,
};

struct sl_finding {
	const char *group;	/* "rights" */
	char what[40];		/* "CAP_BPF", "eth0" */
	enum sl_works works;
	char found[320];
	char todo[240];		/* "": nothing is to do */
};

struct sl_findings {
	struct sl_finding *all;
	unsigned int n;
	bool failed;		/* memory was out */
};

/* A new finding; never NULL. Its words are good until the next call. */
struct sl_finding *sl_found(struct sl_findings *fs, const char *group, const char *what, enum sl_works works,
			    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void sl_todo(struct sl_finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void sl_doctor_system(struct sl_findings *fs);
void sl_doctor_nics(struct sl_findings *fs);

/* ---- nic.c ---------------------------------------------------------- */

struct sl_nic {
	char driver[32];		/* "": unknown */
	unsigned int queues;		/* that receive; 0: unknown */
	int gro, lro;			/* 1, 0; -1: unknown */
	int64_t xdp;			/* enum netdev_xdp_act; -1: this kernel does not tell */
	unsigned int xdp_program;	/* attached; 0: none */
};

#define SL_NIC_XDP_BASIC	1
#define SL_NIC_XDP_REDIRECT	2
#define SL_NIC_XDP_XMIT		4
#define SL_NIC_XDP_ZEROCOPY	8

void sl_nic_get(const char *name, int ifindex, struct sl_nic *out);

#endif
