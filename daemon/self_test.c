#include "daemon/self_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/store/stage.h"
#include "protocol/descriptor.h"

/* Not the name of any client: those contain a ':', or are "anonymous". */
static const char client[] = "self-test";

static int fail(char fault[SELF_TEST_FAULT_ROOM], int code, const char *what)
{
    (void)snprintf(fault, SELF_TEST_FAULT_ROOM, errno != 0 ? "%s (%s)" : "%s", what,
                   strerror(errno));
    return code;
}

/* Gives the stage a name as commit_link() does, which must fail while the name is taken. */
static int try_link(const struct stage *stage, const char *name, char fault[SELF_TEST_FAULT_ROOM])
{
    if (linkat(stage->folder, stage->id, stage->folder, name, 0) < 0)
        return fail(fault, errno == EMLINK ? -REASON_INTERNAL : library_failure(errno),
                    "the file system does not support hard links, which give files their names");
    errno = 0;
    if (linkat(stage->folder, stage->id, stage->folder, name, 0) == 0 || errno != EEXIST)
        return fail(fault, -REASON_INTERNAL,
                    "the file system lets a hard link replace an existing file");
    if (fsync(stage->folder) < 0)
        return fail(fault, library_failure(errno), "the file system cannot sync folders to disk");
    return 0;
}

/* Stores a file. Returns 0 or a reason, -REASON_NO_SPACE on a full disk, with a `fault`. */
static int try_storing(const struct library *library, char fault[SELF_TEST_FAULT_ROOM])
{
    const struct stage_plan plan = {.size = 1};
    struct stage stage = STAGE_NONE;
    struct record record = {.size = 1, .by = "self-test"};
    char name[sizeof stage.id + sizeof ".link"];

    int code = stage_open(&stage, library, client, &plan);
    if (code < 0)
        return fail(fault, code, "cannot create a file in .fsd/stage");
    (void)snprintf(name, sizeof name, "%s.link", stage.id);
    (void)digest_of_bytes("x", 1, record.digest);
    code = stage_write(&stage, "x", 1);
    if (code < 0)
        (void)fail(fault, code, "cannot write to a file in .fsd/stage");
    else if ((code = stage_seal(&stage, library, &record)) < 0)
        (void)fail(fault, code, "cannot give a file its record and sync it to disk");
    else
        code = try_link(&stage, name, fault);
    (void)unlinkat(stage.folder, name, 0);
    stage_close(&stage);
    return code;
}

/* Waits for the child: the reason that it exits with, and the fault that it writes. */
static enum reason await_result(pid_t child, int result, char fault[SELF_TEST_FAULT_ROOM])
{
    ssize_t got = 0;
    int status = 0;

    while ((got = read(result, fault, SELF_TEST_FAULT_ROOM - 1)) < 0 && errno == EINTR)
        continue;
    fault[got > 0 ? got : 0] = '\0';
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status))
        return (enum reason)WEXITSTATUS(status);
    (void)snprintf(fault, SELF_TEST_FAULT_ROOM, "the self-test crashed");
    return REASON_INTERNAL;
}

int self_test(const struct library *library, const struct settings *settings,
              char fault[SELF_TEST_FAULT_ROOM])
{
    int result[2] = {-1, -1};
    enum reason reason = REASON_INTERNAL;

    if (!library->writable)
        return 0;
    pid_t child = pipe2(result, O_CLOEXEC) == 0 ? fork() : -1;
    if (child == 0) {
        memory_limit(memory_in_use(), settings->memory);
        fault[0] = '\0';
        int code = try_storing(library, fault);
        (void)!write(result[1], fault, strlen(fault));
        _exit(-code);
    }
    descriptor_close(result[1]);
    if (child > 0)
        reason = await_result(child, result[0], fault);
    else
        (void)snprintf(fault, SELF_TEST_FAULT_ROOM, "cannot start the self-test: %s",
                       strerror(errno));
    descriptor_close(result[0]);
    if (reason == REASON_NO_SPACE)
        log_event(LOG_LEVEL_WARNING, "the self-test found no room", "cause", fault, NULL);
    return reason == REASON_NONE || reason == REASON_NO_SPACE ? 0 : -1;
}
