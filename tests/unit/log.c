#include "daemon/log.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/check.h"

enum {
    MOST = 10, /* lines of a client in a minute */
    MINUTE_MS = 60000,
    UID_5 = 5, /* with the head of a user's number; see daemon/peer.c */
};

static const uint64_t user = UINT64_C(1) << 32 | UID_5;
static struct counters counters;

/* What was logged since the last time, of the lines that sum up: "CLIENT=NUMBER", each with a LF. */
static const char *logged(int fd)
{
    static char text[65536];
    char found[65536] = "";
    ssize_t got = read(fd, text, sizeof text - 1);

    CHECK(got >= 0);
    text[got] = '\0';
    for (char *next = text; (next = strstr(next, " client=")) != NULL; next++) {
        char client[64];
        char number[64];
        int fields = sscanf(next, " client=\"%63[^\"]\" refusals=%63s", client, number);
        if (fields < 2)
            fields = sscanf(next, " client=%63s refusals=%63s", client, number);
        CHECK(fields == 2);
        size_t used = strlen(found);
        (void)snprintf(found + used, sizeof found - used, "%s=%s\n", client, number);
    }
    memcpy(text, found, strlen(found) + 1);
    return text;
}

/* How many of so many refusals are to be logged? */
static int admitted(uint64_t peer, bool is_known, int count)
{
    int lines = 0;

    for (int i = 0; i < count; i++)
        lines += log_admits_refusal(peer, is_known);
    return lines;
}

static void let_a_minute_pass(void)
{
    for (size_t i = 0; i <= COUNTERS_CLIENTS; i++)
        (void)atomic_fetch_sub(&counters.refusals[i].since_ms, MINUTE_MS);
}

/* Each client has its own lines in a minute, whatever others do. */
static void check_clients(int fd)
{
    CHECK(admitted(user, true, 5) == 5 && admitted(user, true, 500) == 5);
    CHECK(admitted(user + 1, false, 3) == 3);
    log_sum_up_refusals(false);
    CHECK(strcmp(logged(fd), "") == 0);

    let_a_minute_pass();
    log_sum_up_refusals(false);
    CHECK(strcmp(logged(fd), "uid 5=495\n") == 0);
    CHECK(admitted(user, true, MOST) == MOST && admitted(user, true, 1) == 0);

    /* The next refusal does the same when nobody else does. */
    let_a_minute_pass();
    CHECK(admitted(user, true, 1) == 1);
    CHECK(strcmp(logged(fd), "uid 5=1\n") == 0);
    log_sum_up_refusals(true);
    CHECK(strcmp(logged(fd), "") == 0);
}

/* There is room for some, half of it for strangers; the others are one. A quiet minute makes room. */
static void check_room(int fd)
{
    log_sum_up_refusals(true);
    log_sum_up_refusals(true);
    for (unsigned i = 0; i < 1000; i++)
        CHECK(admitted(user + i, false, 1) == (i < COUNTERS_CLIENTS / 2 + MOST));
    for (unsigned i = 0; i < COUNTERS_CLIENTS / 2; i++)
        CHECK(admitted(user + 1000 + i, true, MOST + 1) == MOST);
    CHECK(admitted(user + 2000, true, 1) == 0);
    char wanted[1024] = "";
    for (unsigned i = 0; i < COUNTERS_CLIENTS / 2; i++) {
        size_t used = strlen(wanted);
        (void)snprintf(wanted + used, sizeof wanted - used, "uid %u=1\n", UID_5 + 1000 + i);
    }
    (void)strncat(wanted, "others=975\n", sizeof wanted - strlen(wanted) - 1);
    let_a_minute_pass();
    log_sum_up_refusals(false);
    CHECK(strcmp(logged(fd), wanted) == 0);
    let_a_minute_pass();
    log_sum_up_refusals(false);
    CHECK(strcmp(logged(fd), "") == 0);
    for (unsigned i = 0; i < COUNTERS_CLIENTS; i++)
        CHECK(counters.refusals[i].client == 0);
    CHECK(admitted(user + 3000, false, MOST + 1) == MOST);
}

int main(void)
{
    char folder[] = "log.XXXXXX";
    char path[PATH_MAX + 8];

    CHECK(mkdtemp(folder) != NULL && realpath(folder, path) != NULL);
    (void)strncat(path, "/log", sizeof path - strlen(path) - 1);
    CHECK(log_open(path, true, &counters) == 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && unlink(path) == 0 && rmdir(folder) == 0);
    check_clients(fd);
    check_room(fd);
    return EXIT_SUCCESS;
}
