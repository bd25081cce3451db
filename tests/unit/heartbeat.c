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
    struct peer peer = {.pair = &pair, .job = &job};
    pthread_t thread;

    pair_open(&pair, (struct stream_limits){.silence_ms = 0});
    CHECK(sem_init(&job.go, 0, 0) == 0);
    CHECK(pthread_create(&thread, NULL, see_three, &peer) == 0);
    CHECK(stream_print(&pair.stream, "OK\n") == 0);
    errno = 0;
    CHECK(heartbeat_during(&pair.stream, 5, job_run, &job) == -42);
    CHECK(errno == EDOM);
    CHECK(pthread_join(thread, NULL) == 0);
    pair_close(&pair);
}

/* A job that is done at once needs none. */
static void check_none(void)
{
    struct pair pair;
    struct job job = {.result = 7};
    char byte = 0;

    pair_open(&pair, (struct stream_limits){.silence_ms = 0});
    CHECK(sem_init(&job.go, 0, 1) == 0);
    CHECK(heartbeat_during(&pair.stream, 60000, job_run, &job) == 7);
    CHECK(stream_pending(&pair.stream) == 0);
    CHECK(recv(pair.peer, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
    pair_close(&pair);
}

/* A client that is gone changes nothing: the job continues, without signs of life. */

static sem_t tried; /* to send a sign of life */

static ssize_t send_in_vain(struct stream *stream, const void *bytes, size_t length)
{
    (void)stream;
    (void)bytes;
    (void)length;
    CHECK(sem_post(&tried) == 0);
    errno = EPIPE;
    return -1;
}

static int outlast_sign(void *argument)
{
    (void)argument;
    while (sem_wait(&tried) < 0)
        continue;
    return 5;
}

static void check_gone(void)
{
    struct transport deaf = stream_plain;
    struct pair pair;

    pair_open(&pair, (struct stream_limits){.silence_ms = 0});
    deaf.send = send_in_vain;
    pair.stream.transport = &deaf;
    CHECK(sem_init(&tried, 0, 0) == 0);
    CHECK(heartbeat_during(&pair.stream, 1, outlast_sign, NULL) == 5);
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
