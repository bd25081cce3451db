#include "daemon/heartbeat.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>

#include "tests/unit/pair.h"

/* A job that waits for the test. */
struct job {
    sem_t go;
    int result;
};

static int job_run(void *argument)
{
    struct job *job = argument;

    while (sem_wait(&job->go) < 0)
        continue;
    errno = EDOM;
    return job->result;
}

struct peer {
    const struct pair *pair;
    struct job *job;
};

/* The client: lets the job go on when it has seen three signs of life. */
static void *see_three(void *argument)
{
    const struct peer *peer = argument;

    CHECK(peer_gets(peer->pair, "OK\nWAIT\nWAIT\nWAIT\n"));
    CHECK(sem_post(&peer->job->go) == 0);
    return NULL;
}

static void check_signs(void)
{
    struct pair pair;
    struct job job = {.result = -42};
    atomic_bool cancelled = false;
    struct peer peer = {.pair = &pair, .job = &job};
    pthread_t thread;

    pair_open(&pair, (struct stream_limits){.silence_ms = 0});
    CHECK(sem_init(&job.go, 0, 0) == 0);
    CHECK(pthread_create(&thread, NULL, see_three, &peer) == 0);
    CHECK(stream_print(&pair.stream, "OK\n") == 0);
    errno = 0;
    CHECK(heartbeat_during(&pair.stream, 5, &cancelled, job_run, &job) == -42);
    CHECK(errno == EDOM && !atomic_load(&cancelled));
    CHECK(pthread_join(thread, NULL) == 0);
    pair_close(&pair);
}

/* A job that is done at once needs none. */
static void check_none(void)
{
    struct pair pair;
    struct job job = {.result = 7};
    atomic_bool cancelled = false;
    char byte = 0;

    pair_open(&pair, (struct stream_limits){.silence_ms = 0});
    CHECK(sem_init(&job.go, 0, 1) == 0);
    CHECK(heartbeat_during(&pair.stream, 60000, &cancelled, job_run, &job) == 7);
    CHECK(stream_pending(&pair.stream) == 0);
    CHECK(recv(pair.peer, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
    pair_close(&pair);
}

/* A job may give up when the client is gone, but not for the mere end of what it sends. */
static int await_cancel(void *argument)
{
    const atomic_bool *cancelled = argument;

    while (!atomic_load(cancelled))
        (void)poll(NULL, 0, 1);
    return 5;
}

static ssize_t send_in_vain(struct stream *stream, const void *bytes, size_t length)
{
    (void)stream;
    (void)bytes;
    (void)length;
    errno = EPIPE;
    return -1;
}

/* Closes its end when it has seen that the end of its input changes nothing. */
static void *finish_and_close(void *argument)
{
    struct pair *pair = argument;

    peer_finish(pair);
    CHECK(peer_gets(pair, "WAIT\nWAIT\n"));
    (void)close(pair->peer);
    return NULL;
}

static void check_gone(void)
{
    struct transport deaf = stream_plain;
    struct pair pair;
    pthread_t thread;
    atomic_bool cancelled = false;

    pair_open(&pair, (struct stream_limits){.silence_ms = 0});
    CHECK(pthread_create(&thread, NULL, finish_and_close, &pair) == 0);
    CHECK(heartbeat_during(&pair.stream, 1, &cancelled, await_cancel, &cancelled) == 5);
    CHECK(pthread_join(thread, NULL) == 0);
    pair.peer = -1;
    pair_close(&pair);

    /* The client hangs up long before the first WAIT would be sent. */
    atomic_store(&cancelled, false);
    pair_open(&pair, (struct stream_limits){.silence_ms = 0});
    (void)close(pair.peer);
    CHECK(heartbeat_during(&pair.stream, 60000, &cancelled, await_cancel, &cancelled) == 5);
    pair.peer = -1;
    pair_close(&pair);

    /* It shows only when a sign of life cannot be sent. */
    atomic_store(&cancelled, false);
    deaf.send = send_in_vain;
    pair_open(&pair, (struct stream_limits){.silence_ms = 0});
    pair.stream.transport = &deaf;
    CHECK(heartbeat_during(&pair.stream, 1, &cancelled, await_cancel, &cancelled) == 5);
    CHECK(pair.stream.failed);
    pair_close(&pair);
}

int main(void)
{
    check_signs();
    check_none();
    check_gone();
    return 0;
}
