#include "daemon/heartbeat.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
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
    sem_t done;
};

static void *work_run(void *argument)
{
    struct work *work = argument;

    work->result = work->job(work->argument);
    work->error = errno;
    (void)sem_post(&work->done);
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

int heartbeat_during(struct stream *stream, int64_t interval_ms, int (*job)(void *argument),
                     void *argument)
{
    struct work work = {.job = job, .argument = argument};
    pthread_attr_t attributes;
    pthread_t thread;

    (void)sem_init(&work.done, 0, 0);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK);
    bool has_thread = pthread_create(&thread, &attributes, work_run, &work) == 0;
    (void)pthread_attr_destroy(&attributes);
    if (!has_thread)
        (void)work_run(&work); /* and the client gets no signs of life */

    struct timespec then = in_ms(interval_ms);
    while (sem_clockwait(&work.done, CLOCK_MONOTONIC, &then) < 0) {
        if (errno == EINTR)
            continue;
        if (!stream->failed)
            (void)body_send_wait(stream);
        then = in_ms(interval_ms);
    }
    if (has_thread)
        (void)pthread_join(thread, NULL);
    (void)sem_destroy(&work.done);
    errno = work.error;
    return work.result;
}
