/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* writer.c -- see writer.h */
#include "core/writer.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#define NAP_NS	1000000
#define ENOUGH	(512u << 10)	/* bytes for which no nap is taken */
#define STACK	(256u << 10)

static struct timespec in_a_while(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += NAP_NS;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

/* With the lock held: until there is something to write, and company for it. False: the end. */
static bool look_out(struct sl_writer *w)
{
	while (w->head == w->done && !w->quit) {
		w->state = SL_WRITER_SLEEPS;
		pthread_cond_wait(&w->work, &w->lock);
	}
	if (w->pushed < ENOUGH && !w->hurry && !w->quit) {
		struct timespec until = in_a_while();

		w->state = SL_WRITER_NAPS;
		while (w->state == SL_WRITER_NAPS &&
		       pthread_cond_timedwait(&w->work, &w->lock, &until) != ETIMEDOUT)
			;
	}
	w->state = SL_WRITER_AWAKE;
	return w->head != w->done;
}

static void *writer_main(void *arg)
{
	struct sl_writer *w = arg;

	pthread_mutex_lock(&w->lock);
	while (look_out(w)) {
		uint32_t head = w->head, at = w->done;

		w->pushed = 0;
		while (at != head) {
			pthread_mutex_unlock(&w->lock);
			at = w->write(w->arg, at, head);
			pthread_mutex_lock(&w->lock);
			w->done = at;
			if (w->hurry && (int32_t)(at - w->want) >= 0) {
				w->hurry = false;
				pthread_cond_signal(&w->back);
			}
		}
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* With the lock held: the writer is to look now. True: it must be told. */
static bool rouse(struct sl_writer *w)
{
	bool rests = w->state != SL_WRITER_AWAKE;

	w->state = SL_WRITER_AWAKE;
	return rests;
}

void sl_writer_init(struct sl_writer *w, uint32_t (*write)(void *, uint32_t, uint32_t), void *arg)
{
	pthread_condattr_t clock;

	*w = (struct sl_writer){ .write = write, .arg = arg };
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&w->work, &clock);
	pthread_cond_init(&w->back, NULL);
	pthread_condattr_destroy(&clock);
}

void sl_writer_done(struct sl_writer *w)
{
	if (!w->write)
		return;
	sl_writer_stop(w);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->back);
	w->write = NULL;
}

/* Signals are the program's own threads' business, but for those that a thread brings upon itself. */
static int start_quietly(struct sl_writer *w)
{
	static const int own[] = { SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGXFSZ };
	sigset_t most, before;
	pthread_attr_t attr;
	int r;

	sigfillset(&most);
	for (unsigned int i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&most, own[i]);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_sigmask(SIG_SETMASK, &most, &before);
	r = pthread_create(&w->thread, &attr, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (r == 0)
		pthread_setname_np(w->thread, "writer");
	return r;
}

void sl_writer_start(struct sl_writer *w)
{
	cpu_set_t cpus;

	/* A set that can't be told is one of more processors than cpu_set_t holds. */
	if (w->beside || (sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) < 2))
		return;
	w->quit = w->hurry = false;
	w->state = SL_WRITER_AWAKE;
	w->pushed = 0;
	w->beside = start_quietly(w) == 0;
}

void sl_writer_stop(struct sl_writer *w)
{
	bool tell;

	if (!w->beside)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	tell = rouse(w);
	pthread_mutex_unlock(&w->lock);
	if (tell)
		pthread_cond_signal(&w->work);
	pthread_join(w->thread, NULL);
	w->seen = w->done;
	w->beside = false;
}

void sl_writer_push(struct sl_writer *w, uint64_t bytes)
{
	bool tell = false;

	if (!w->beside) {
		w->head = w->next;
		while (w->done != w->head)
			w->done = w->write(w->arg, w->done, w->head);
		w->seen = w->done;
		return;
	}
	pthread_mutex_lock(&w->lock);
	if (w->head != w->next) {
		w->head = w->next;
		w->pushed += bytes;
		if (w->state == SL_WRITER_SLEEPS || w->pushed >= ENOUGH)
			tell = rouse(w);
	}
	w->seen = w->done;
	pthread_mutex_unlock(&w->lock);
	if (tell)
		pthread_cond_signal(&w->work);
}

void sl_writer_wait(struct sl_writer *w, bool all)
{
	uint32_t under_way;

	if (!w->beside)
		return;
	pthread_mutex_lock(&w->lock);
	under_way = w->head - w->done;
	if (under_way && (all || w->done == w->reaped)) {
		/* Half of it at once, or the two would wake each other for every call. */
		w->want = all ? w->head : w->done + (under_way + 1) / 2;
		w->hurry = true;
		if (rouse(w))
			pthread_cond_signal(&w->work);
		while (w->hurry)
			pthread_cond_wait(&w->back, &w->lock);
	}
	w->seen = w->done;
	pthread_mutex_unlock(&w->lock);
}
