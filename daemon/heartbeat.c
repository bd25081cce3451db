#include "daemon/heartbeat.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <time.h>

#include "protocol/body.h"
#include "protocol/clock.h"

enum {
    STACK = 512 * 1024, /* bytes; the usual 8 MiB would count against limits.memory */
    LOOK_MS = 100,      /* between two looks whether the client is gone */
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

int heartbeat_during(struct stream *stream, int64_t interval_ms, atomic_bool *cancelled,
                     int (*job)(void *argument), void *argument)
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

    int64_t look_ms = interval_ms < LOOK_MS ? interval_ms : LOOK_MS;
    int64_t next_ms = clock_ms() + interval_ms;
    struct timespec then = in_ms(look_ms);
    while (sem_clockwait(&work.done, CLOCK_MONOTONIC, &then) < 0) {
        if (errno == EINTR)
            continue;
        if (!stream->failed && clock_ms() >= next_ms) {
            (void)body_send_wait(stream);
            next_ms = clock_ms() + interval_ms;
        }
        if (stream_is_hung_up(stream))
            atomic_store(cancelled, true);
        then = in_ms(look_ms);
    }
    if (has_thread)
        (void)pthread_join(thread, NULL);
    (void)sem_destroy(&work.done);
    errno = work.error;
    return work.result;
}
