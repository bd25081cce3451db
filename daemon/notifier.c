#include "daemon/notifier.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "daemon/child.h"
#include "daemon/store/notices.h"
#include "daemon/worker.h"
#include "protocol/descriptor.h"
#include "protocol/passing.h"

enum {
    IDLE_MS = 1000,               /* how long to stay without a session */
    SEND_S = 5,                   /* how long a session waits for the notifier to take a message */
    BUCKETS = 16 * 1024,          /* of the table of watches, by their numbers */
    WATCHES_MOST = 512 * 1024,    /* of all sessions; 32 MiB */
    KERNEL_WATCHES_FEWEST = 8192, /* when the system does not say how many a user may have */
    EVENTS_ROOM = 64 * 1024,      /* bytes of events that are read at a time */
};

/* A session that gets notices. */
struct subscriber {
    struct subscriber *next;
    int64_t count; /* of the folders that it watches */
    int socket;    /* what it asks for comes from here */
    int pipe;      /* what it is told goes there */
    bool has_lost; /* the pipe was full; this has to be told first */
};

/* A folder that one session watches. The kernel has one watch of it for all sessions. */
struct watched {
    struct watched *next; /* in its bucket */
    struct subscriber *subscriber;
    int number;
};

struct notifier {
    int socket;  /* where sessions subscribe */
    int inotify; /* -1 while there is none to be had */
    int epoll;
    bool is_over; /* no session can subscribe any more */
    struct subscriber *subscribers;
    int64_t watched_count;             /* of all subscribers */
    int64_t kernel_count, kernel_most; /* watches of the kernel */
    struct watched *buckets[BUCKETS];
    char events[EVENTS_ROOM] __attribute__((aligned(__alignof__(struct inotify_event))));
};

static struct watched **bucket_of(struct notifier *notifier, int number)
{
    return &notifier->buckets[(unsigned)number % BUCKETS];
}

/*
 * Finds out who watches a folder: one subscriber, or for NULL any. Returns the pointer that leads
 * there, which is NULL when nobody does.
 */
static struct watched **find(struct notifier *notifier, int number,
                             const struct subscriber *subscriber)
{
    struct watched **place = bucket_of(notifier, number);

    while (*place != NULL && ((*place)->number != number ||
                              (subscriber != NULL && (*place)->subscriber != subscriber)))
        place = &(*place)->next;
    return place;
}

/* The last one who watches a folder also removes the watch of the kernel, unless that `is_gone`. */
static void unwatch(struct notifier *notifier, struct watched **place, bool is_gone)
{
    struct watched *watched = *place;
    int number = watched->number;

    *place = watched->next;
    watched->subscriber->count--;
    notifier->watched_count--;
    free(watched);
    if (*find(notifier, number, NULL) != NULL)
        return;
    notifier->kernel_count--;
    if (!is_gone)
        (void)inotify_rm_watch(notifier->inotify, number);
}

static void unsubscribe(struct notifier *notifier, struct subscriber *subscriber)
{
    struct subscriber **own = &notifier->subscribers;

    for (size_t i = 0; subscriber->count > 0 && i < BUCKETS; i++) {
        struct watched **place = &notifier->buckets[i];
        while (*place != NULL) {
            if ((*place)->subscriber == subscriber)
                unwatch(notifier, place, false);
            else
                place = &(*place)->next;
        }
    }
    while (*own != NULL && *own != subscriber)
        own = &(*own)->next;
    if (*own != NULL)
        *own = subscriber->next;
    /* epoll(7) does not forget a closed descriptor while the session has another of the same. */
    (void)epoll_ctl(notifier->epoll, EPOLL_CTL_DEL, subscriber->socket, NULL);
    (void)epoll_ctl(notifier->epoll, EPOLL_CTL_DEL, subscriber->pipe, NULL);
    descriptor_close(subscriber->socket);
    descriptor_close(subscriber->pipe);
    free(subscriber);
}

static int listen_to(const struct notifier *notifier, int fd, uint32_t events, void *of)
{
    struct epoll_event event = {.events = events, .data.ptr = of};

    return epoll_ctl(notifier->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Opens the instance of inotify, if there is none yet and the system has one. */
static bool has_inotify(struct notifier *notifier)
{
    if (notifier->inotify < 0) {
        notifier->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (notifier->inotify >= 0 &&
            listen_to(notifier, notifier->inotify, EPOLLIN, notifier) < 0) {
            descriptor_close(notifier->inotify);
            notifier->inotify = -1;
        }
    }
    return notifier->inotify >= 0;
}

/* Takes a new subscriber. One that cannot be taken sees the end of its socket, and polls. */
static void subscribe(struct notifier *notifier)
{
    int pipe[2] = {-1, -1};
    int socket = -1;
    int message = 0;
    ssize_t got =
        passing_receive(notifier->socket, &message, sizeof message, &socket, 1, MSG_DONTWAIT);

    if (got == 0) {
        notifier->is_over = true;
        (void)epoll_ctl(notifier->epoll, EPOLL_CTL_DEL, notifier->socket, NULL);
    }
    if (socket < 0)
        return;
    struct subscriber *subscriber = malloc(sizeof *subscriber);
    if (subscriber == NULL) {
        descriptor_close(socket);
        return;
    }
    bool has_pipe = pipe2(pipe, O_NONBLOCK | O_CLOEXEC) == 0;
    *subscriber =
        (struct subscriber){.next = notifier->subscribers, .socket = socket, .pipe = pipe[1]};
    notifier->subscribers = subscriber;
    if (!has_pipe || !has_inotify(notifier) ||
        listen_to(notifier, socket, EPOLLIN, subscriber) < 0 ||
        passing_send(socket, &message, sizeof message, &pipe[0], 1, MSG_DONTWAIT) < 0)
        unsubscribe(notifier, subscriber);
    descriptor_close(pipe[0]);
}

/* Watches a folder for a subscriber. Returns the number of the watch, or the negative of errno. */
static int watch(struct notifier *notifier, struct subscriber *subscriber, int folder)
{
    if (folder < 0)
        return -EMFILE;
    /* No more than are left, so that nobody can take all of them. */
    if (subscriber->count >= WATCHES_MOST - notifier->watched_count ||
        subscriber->count >= notifier->kernel_most - notifier->kernel_count)
        return -ENOSPC;
    struct watched *watched = malloc(sizeof *watched);
    if (watched == NULL)
        return -ENOMEM;
    int number = notices_watch(notifier->inotify, folder);
    if (number < 0 || *find(notifier, number, subscriber) != NULL) {
        free(watched);
        return number < 0 ? -errno : number;
    }
    notifier->kernel_count += *find(notifier, number, NULL) == NULL;
    struct watched **bucket = bucket_of(notifier, number);
    *watched = (struct watched){.next = *bucket, .subscriber = subscriber, .number = number};
    *bucket = watched;
    subscriber->count++;
    notifier->watched_count++;
    return number;
}

/* Does what a subscriber asks for. Returns false when it is to be dropped. */
static bool answer(struct notifier *notifier, struct subscriber *subscriber)
{
    int folder = -1;
    int number = 0;
    ssize_t got =
        passing_receive(subscriber->socket, &number, sizeof number, &folder, 1, MSG_DONTWAIT);

    if (got != (ssize_t)sizeof number) {
        descriptor_close(folder);
        return false;
    }
    if (number > 0) {
        struct watched **place = find(notifier, number, subscriber);
        if (*place != NULL)
            unwatch(notifier, place, false);
        descriptor_close(folder);
        return true;
    }
    number = watch(notifier, subscriber, folder);
    descriptor_close(folder);
    return send(subscriber->socket, &number, sizeof number, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

/* Tells a subscriber of an event, unless its pipe is full. */
static void report(const struct notifier *notifier, struct subscriber *subscriber,
                   const struct inotify_event *event)
{
    /* Whole or not at all: it is less than PIPE_BUF. Without a reader, its socket has ended, too. */
    if (subscriber->has_lost || write(subscriber->pipe, event, sizeof *event + event->len) >= 0 ||
        errno != EAGAIN)
        return;
    subscriber->has_lost = true;
    (void)listen_to(notifier, subscriber->pipe, EPOLLOUT, subscriber);
}

/* The pipe has room again, or no reader. Returns as answer(). */
static bool report_loss(const struct notifier *notifier, struct subscriber *subscriber)
{
    const struct inotify_event lost = {.wd = -1, .mask = IN_Q_OVERFLOW};

    if (write(subscriber->pipe, &lost, sizeof lost) < 0)
        return errno == EAGAIN;
    subscriber->has_lost = false;
    return epoll_ctl(notifier->epoll, EPOLL_CTL_DEL, subscriber->pipe, NULL) == 0;
}

static void forward(struct notifier *notifier, const struct inotify_event *event)
{
    struct watched **place = NULL;

    if (!notices_is_news(event))
        return;
    /* What the kernel lost may concern all. */
    for (struct subscriber *each = notifier->subscribers; event->wd < 0 && each != NULL;
         each = each->next)
        report(notifier, each, event);
    for (const struct watched *each = *bucket_of(notifier, event->wd); each != NULL;
         each = each->next) {
        if (each->number == event->wd)
            report(notifier, each->subscriber, event);
    }
    /* The watch has ended by itself. */
    while ((event->mask & IN_IGNORED) != 0 && *(place = find(notifier, event->wd, NULL)) != NULL)
        unwatch(notifier, place, true);
}

static void read_events(struct notifier *notifier)
{
    ssize_t got = read(notifier->inotify, notifier->events, sizeof notifier->events);

    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *event = (const void *)(notifier->events + at);
        at += (ssize_t)(sizeof *event + event->len);
        forward(notifier, event);
    }
}

static void serve(struct notifier *notifier)
{
    struct epoll_event ready;

    for (;;) {
        bool is_idle = notifier->subscribers == NULL;
        if (is_idle && notifier->is_over)
            return;
        /* One at a time: what it leads to may end others. */
        int count = epoll_wait(notifier->epoll, &ready, 1, is_idle ? IDLE_MS : -1);
        if (count == 0)
            return;
        if (count < 0)
            continue;
        if (ready.data.ptr == NULL) {
            subscribe(notifier);
        } else if (ready.data.ptr == notifier) {
            read_events(notifier);
        } else {
            struct subscriber *subscriber = ready.data.ptr;
            /* EPOLLERR is that of a pipe without a reader, EPOLLHUP the end of the socket. */
            bool is_of_pipe = (ready.events & (EPOLLOUT | EPOLLERR)) != 0;
            if (is_of_pipe ? !report_loss(notifier, subscriber) : !answer(notifier, subscriber))
                unsubscribe(notifier, subscriber);
        }
    }
}

/* The watches that a user may have. */
static int64_t read_kernel_most(void)
{
    char text[32] = "";
    int fd = open("/proc/sys/fs/inotify/max_user_watches", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    long long most = got > 0 ? strtoll(text, NULL, 10) : 0;

    descriptor_close(fd);
    return most > 0 ? most : KERNEL_WATCHES_FEWEST;
}

static void end_at_once(int number)
{
    (void)number;
    _exit(0);
}

int notifier_open(int pair[2])
{
    const struct timeval limit = {.tv_sec = SEND_S};

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    return setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

pid_t notifier_start(int socket, int64_t memory_before, int64_t memory)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    descriptor_close_all_but(&socket, 1);
    child_take_signals(end_at_once);
    worker_limit_memory(memory_before, memory);
    struct notifier *notifier = calloc(1, sizeof *notifier);
    if (notifier == NULL)
        _exit(1);
    notifier->socket = socket;
    notifier->inotify = -1;
    notifier->epoll = epoll_create1(EPOLL_CLOEXEC);
    notifier->kernel_most = read_kernel_most();
    if (notifier->epoll < 0 || listen_to(notifier, socket, EPOLLIN, NULL) < 0)
        _exit(1);
    serve(notifier);
    _exit(0);
}
