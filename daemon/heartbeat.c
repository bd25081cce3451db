#include "daemon/heartbeat.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "protocol/body.h"

enum {
    STACK = 512 * 1024, /* bytes; the usual 8 MiB would count against limits.memory */
};

struct work {
    int (*job)(void *argument);
    void *argument;
    int result;
    int error;
    bool done;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

static void *work_run(void *argument)
{
    struct work *work = argument;
    int result = work->job(work->argument);
    int error = errno;

    (void)pthread_mutex_lock(&work->lock);
    work->result = result;
    work->error = error;
    work->done = true;
    (void)pthread_cond_signal(&work->changed);
    (void)pthread_mutex_unlock(&work->lock);
    return NULL;
}

static struct timespec in_ms(int64_t milliseconds)
{
    struct timespec then;

    (void)clock_gettime(CLOCK_MONOTONIC, &then);
    then.tv_sec += milliseconds / 1000;
    then.tv_nsec += milliseconds % 1000 * 1000000;
    if (then.tv_nsec >= 1000000000) {
        then.tv_sec++;
        then.tv_nsec -= 1000000000;
    }
    return then;
}

/* Waits until the work is done or a heartbeat is due; tells which. */
static bool is_done_by(struct work *work, struct timespec then)
{
    int code = 0;

    (void)pthread_mutex_lock(&work->lock);
    while (!work->done && code != ETIMEDOUT)
        code = pthread_cond_timedwait(&work->changed, &work->lock, &then);
    bool done = work->done;
    (void)pthread_mutex_unlock(&work->lock);
    return done;
}

static int start(pthread_t *thread, struct work *work)
{
    pthread_attr_t attributes;

    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK);
    int error = pthread_create(thread, &attributes, work_run, work);
    (void)pthread_attr_destroy(&attributes);
    return error;
}

int heartbeat_during(struct stream *stream, int64_t interval_ms, int (*job)(void *argument),
                     void *argument)
{
    struct work work = {.job = job, .argument = argument};
    pthread_condattr_t monotonic;
    pthread_t thread;

    (void)pthread_mutex_init(&work.lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&work.changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (start(&thread, &work) == 0) {
        while (!is_done_by(&work, in_ms(interval_ms))) {
            if (!stream->failed)
                (void)body_send_wait(stream);
        }
        (void)pthread_join(thread, NULL);
    } else {
        (void)work_run(&work); /* no thread to be had: without signs of life, then */
    }
    (void)pthread_cond_destroy(&work.changed);
    (void)pthread_mutex_destroy(&work.lock);
    errno = work.error;
    return work.result;
}
