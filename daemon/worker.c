#include "daemon/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/child.h"
#include "daemon/log.h"
#include "protocol/descriptor.h"
#include "protocol/passing.h"

enum {
    PAUSE_MS = 10, /* before receiving again, after an error that should pass */
    /* Bytes of a thread's stack; a listing needs some for each level of folders. */
    THREAD_STACK = 1024 * 1024,
    HANDSHAKE_MEMORY = 1024 * 1024,
    STATM_DATA = 6, /* the field of /proc/self/statm, counted from 1 */
};

/* The channel. */

enum message_kind {
    MESSAGE_STOP,       /* the channel was closed: end as soon as the sessions have ended */
    MESSAGE_CONNECTION, /* a connection to serve */
    MESSAGE_RETIRE,     /* there will be no more connections; the sessions continue */
};

struct message {
    enum message_kind kind;
    /* With each side's own descriptors; -1 when the receiver had none free. */
    struct arrival arrival;
};

static int send_message(int channel, const struct message *message)
{
    const struct arrival *arrival = &message->arrival;
    const int fds[] = {arrival->connection, arrival->signer};
    struct message sent;

    /* Padding must not carry bytes of the parent's memory. */
    memset(&sent, 0, sizeof sent);
    sent.kind = message->kind;
    sent.arrival.kind = arrival->kind;
    sent.arrival.until_ms = arrival->until_ms;
    sent.arrival.peer.kind = arrival->peer.kind;
    sent.arrival.peer.number = arrival->peer.number;
    memcpy(sent.arrival.peer.address, arrival->peer.address, sizeof sent.arrival.peer.address);
    sent.arrival.session = arrival->session;
    sent.arrival.slot = arrival->slot;
    if (passing_send(channel, &sent, sizeof sent, fds, sizeof fds / sizeof fds[0], MSG_DONTWAIT) ==
        0)
        return 0;
    if (errno == ECONNRESET || errno == ENOTCONN)
        errno = EPIPE;
    return -1;
}

/* Waits for the next message, and takes it. */
static void receive_message(int channel, struct message *ret)
{
    ssize_t got = 0;
    int fds[] = {-1, -1};

    /* All other errors pass: no memory. */
    while ((got = passing_receive(channel, ret, sizeof *ret, fds, sizeof fds / sizeof fds[0], 0)) <
               0 &&
           errno != ENOTCONN)
        (void)poll(NULL, 0, PAUSE_MS);
    if (got != (ssize_t)sizeof *ret)
        *ret = (struct message){.kind = MESSAGE_STOP};
    ret->arrival.connection = fds[0];
    ret->arrival.signer = fds[1];
}

static void report_end(int channel, uint64_t session)
{
    ssize_t sent = 0;

    do
        sent = send(channel, &session, sizeof session, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
}

/* The model "thread". */

/* What the threads of a worker share. */
struct threads {
    int channel;
    const struct service *service;
    int wake; /* an eventfd, readable when sessions have to end */
    int gone; /* another, readable when the daemon is gone, which sessions may outlive */
    /*
     * A descriptor in reserve, closed before each message: without a free descriptor a connection
     * would be lost. With the last one it can at least be refused.
     */
    int reserve;
    pthread_attr_t attributes;
    sem_t ended;            /* each thread posts it once, at its end */
    size_t count;           /* of threads, and of ends that are posted but not yet taken */
    bool cannot;            /* the last connection got no thread, and that was logged */
    _Atomic size_t serving; /* sessions under way */
};

/* The argument of a new thread, which frees it. */
struct start {
    struct threads *threads;
    struct arrival arrival;
};

static void *run_session(void *argument)
{
    struct start start = *(struct start *)argument;
    struct threads *threads = start.threads;

    free(argument);
    serve_connection(&start.arrival, threads->service, threads->wake, threads->gone);
    report_end(threads->channel, start.arrival.session);
    /* What a crowd has used goes back to the system: malloc(3) keeps some for each thread. */
    if (atomic_fetch_sub(&threads->serving, 1) == 1)
        (void)malloc_trim(0);
    (void)sem_post(&threads->ended);
    return NULL;
}

/* Starts a thread for a connection, or refuses it. */
static void start_session(struct threads *threads, const struct arrival *arrival)
{
    pthread_t thread;
    bool lacks_signer = arrival->kind == ADDRESS_TLS && arrival->signer < 0;
    int error = threads->reserve < 0 || arrival->connection < 0 || lacks_signer ? EMFILE : 0;
    struct start *start = error == 0 ? malloc(sizeof *start) : NULL;

    if (start != NULL) {
        (void)atomic_fetch_add(&threads->serving, 1);
        *start = (struct start){.threads = threads, .arrival = *arrival};
        error = pthread_create(&thread, &threads->attributes, run_session, start);
    } else if (error == 0) {
        error = ENOMEM;
    }
    if (error == 0) {
        threads->count++;
        threads->cannot = false;
        return;
    }
    if (start != NULL)
        (void)atomic_fetch_sub(&threads->serving, 1);
    free(start);
    /* Log only the first of several failures in a row. */
    if (!threads->cannot && log_admits(LOG_FAILURES))
        log_event(LOG_LEVEL_ERROR, "cannot start a session", "cause", strerror(error), NULL);
    threads->cannot = true;
    if (arrival->connection >= 0)
        serve_busy(arrival->connection, arrival->kind, &arrival->peer, false, strerror(error),
                   threads->service->counters);
    descriptor_close(arrival->connection);
    descriptor_close(arrival->signer);
    report_end(threads->channel, arrival->session);
}

/* Tells the sessions that the daemon stops, and to end unless they outlive it. */
static void stop_sessions(const struct threads *threads)
{
    (void)eventfd_write(threads->gone, 1);
    if (!threads->service->outlives)
        (void)eventfd_write(threads->wake, 1);
}

/* In a retired worker, which waits for its last session, and for the daemon to stop. */
static void *await_stop(void *argument)
{
    struct threads *threads = argument;
    struct message message;

    do
        receive_message(threads->channel, &message);
    while (message.kind != MESSAGE_STOP);
    stop_sessions(threads);
    return NULL;
}

static void serve_many(int channel, int terminated, const struct service *service)
{
    struct threads threads = {.channel = channel,
                              .service = service,
                              .wake = terminated,
                              .gone = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                              .reserve = -1};
    struct pollfd polled = {.fd = channel, .events = POLLIN};
    struct message message;
    pthread_t thread;

    (void)sem_init(&threads.ended, 0, 0);
    (void)pthread_attr_init(&threads.attributes);
    (void)pthread_attr_setstacksize(&threads.attributes, THREAD_STACK);
    (void)pthread_attr_setdetachstate(&threads.attributes, PTHREAD_CREATE_DETACHED);

    for (;;) {
        while (poll(&polled, 1, -1) < 0)
            continue;
        while (sem_trywait(&threads.ended) == 0)
            threads.count--;
        descriptor_close(threads.reserve);
        receive_message(channel, &message);
        threads.reserve = fcntl(channel, F_DUPFD_CLOEXEC, 0);
        if (message.kind != MESSAGE_CONNECTION)
            break;
        start_session(&threads, &message.arrival);
    }

    if (message.kind == MESSAGE_RETIRE)
        (void)pthread_create(&thread, &threads.attributes, await_stop, &threads);
    else
        stop_sessions(&threads);
    while (threads.count > 0) {
        if (sem_wait(&threads.ended) == 0)
            threads.count--;
    }
}

/* The life of a worker. */

static int stop_channel; /* for the handler of TERM; both are set before it can run */
static int stop_event;

/* As at the end of the channel, but sessions end even if they could outlive the daemon. */
static void end_channel(int number)
{
    int error = errno;

    (void)number;
    (void)eventfd_write(stop_event, 1);
    (void)shutdown(stop_channel, SHUT_RDWR);
    errno = error;
}

static _Noreturn void live(const struct service *service, int64_t memory_before, int channel)
{
    const struct settings *settings = service->settings;
    struct message message;

    const int kept[] = {channel, service->library->root, service->library->own,
                        service->library->notifier};
    descriptor_close_all_but(kept, sizeof kept / sizeof kept[0]);
    stop_channel = channel;
    stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    child_take_signals(end_channel);
    /*
     * A session that takes too much memory fails instead of filling the machine. A thread's stack
     * counts as data, the stack of a process does not. The limits of the settings keep the product
     * from overflowing.
     */
    if (settings->concurrency == CONCURRENCY_THREAD) {
        int64_t handshakes = service->tls != NULL ? settings->handshakes : 0;
        worker_limit_memory(memory_before, (settings->memory + THREAD_STACK) * settings->sessions +
                                               (HANDSHAKE_MEMORY + THREAD_STACK) * handshakes);
        serve_many(channel, stop_event, service);
    } else {
        worker_limit_memory(memory_before, settings->memory);
        receive_message(channel, &message);
        /* What comes next is the end of the channel, which serve_connection() watches. */
        if (message.kind == MESSAGE_CONNECTION && message.arrival.connection >= 0)
            serve_connection(&message.arrival, service, service->outlives ? stop_event : channel,
                             channel);
    }
    _exit(0);
}

pid_t worker_start(const struct service *service, int64_t memory_before, int *ret_channel)
{
    int pair[2] = {-1, -1};
    bool is_open = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0;
    pid_t pid = is_open ? fork() : -1;

    if (pid == 0)
        live(service, memory_before, pair[1]);
    descriptor_close(pair[1]);
    if (pid < 0)
        descriptor_close(pair[0]);
    else
        *ret_channel = pair[0];
    return pid;
}

int worker_give(int channel, const struct arrival *arrival)
{
    return send_message(channel,
                        &(struct message){.kind = MESSAGE_CONNECTION, .arrival = *arrival});
}

int worker_retire(int channel)
{
    return send_message(channel,
                        &(struct message){.kind = MESSAGE_RETIRE, .arrival = {.connection = -1}});
}

bool worker_has_room(int channel)
{
    struct pollfd polled = {.fd = channel, .events = POLLOUT};

    return poll(&polled, 1, 0) > 0;
}

int worker_next_end(int channel, uint64_t *ret_session)
{
    ssize_t got = recv(channel, ret_session, sizeof *ret_session, MSG_DONTWAIT);

    if (got == (ssize_t)sizeof *ret_session)
        return 1;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

int64_t worker_memory_in_use(void)
{
    char text[256] = "";
    char *next = text;
    int64_t data = -1;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

    descriptor_close(fd);
    if (got <= 0)
        return -1;
    for (int field = 0; field < STATM_DATA; field++)
        data = strtoll(next, &next, 10);
    return data * sysconf(_SC_PAGESIZE);
}

/* Sanitizers need far more memory than any limit allows. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool can_limit = false;
#else
static const bool can_limit = true;
#endif

void worker_limit_memory(int64_t in_use, int64_t bytes)
{
    int64_t most = 0;
    struct rlimit limit;

    if (!can_limit || in_use < 0 || getrlimit(RLIMIT_DATA, &limit) < 0 ||
        __builtin_add_overflow(in_use, bytes, &most) || (rlim_t)most >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max = (rlim_t)most;
    (void)setrlimit(RLIMIT_DATA, &limit);
}
