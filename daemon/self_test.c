#include "daemon/self_test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/stage.h"
#include "daemon/worker.h"

/* Not the name of any client: those contain a ':', or are "anonymous". */
static const char client[] = "self-test";

/* What a child tries. */
struct attempt {
    const struct library *library;
    const struct settings *settings;
};

static int fail(char fault[FAULT_LINE_ROOM], int code, const char *what)
{
    (void)snprintf(fault, FAULT_LINE_ROOM, errno != 0 ? "%s (%s)" : "%s", what, strerror(errno));
    return code;
}

int self_test_prepare(const struct library *library, bool make, char fault[FAULT_LINE_ROOM])
{
    char wrong[LIBRARY_FAULT_ROOM];
    int code = library_prepare(library, make, wrong);

    return code < 0 ? fail(fault, code, wrong) : 0;
}

/* Gives the stage a name as commit_link() does, which must fail while the name is taken. */
static int try_link(const struct stage *stage, const char *name, char fault[FAULT_LINE_ROOM])
{
    if (stage_link(stage, stage->folder, name) < 0)
        return fail(fault, errno == EMLINK ? -REASON_INTERNAL : library_failure(errno),
                    "the file system does not support hard links, which give files their names");
    errno = 0;
    if (stage_link(stage, stage->folder, name) == 0 || errno != EEXIST)
        return fail(fault, -REASON_INTERNAL,
                    "the file system lets a hard link replace an existing file");
    if (fsync(stage->folder) < 0)
        return fail(fault, library_failure(errno), "the file system cannot sync folders to disk");
    return 0;
}

int self_test_store(const struct library *library, char fault[FAULT_LINE_ROOM])
{
    const struct stage_plan plan = {.size = 1};
    struct stage stage = STAGE_NONE;
    struct record record = {.size = 1, .by = "self-test"};
    char name[sizeof stage.id + sizeof ".link"];
    int code = self_test_prepare(library, true, fault);

    if (code < 0)
        return code;
    code = stage_open(&stage, library, client, &plan);
    if (code == 0 && (code = stage_reserve(&stage, plan.size)) < 0)
        stage_close(&stage);
    if (code < 0) {
        (void)fail(fault, code, "cannot create a file in .fsd/stage");
    } else {
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
    }
    /* The folders can be written to, so that it would not help to wait. */
    return code == -REASON_DENIED ? -REASON_INTERNAL : code;
}

static int try_storing(const void *argument, char fault[FAULT_LINE_ROOM])
{
    const struct attempt *attempt = argument;

    worker_limit_memory(worker_memory_in_use(), attempt->settings->memory);
    return self_test_store(attempt->library, fault);
}

int self_test(const struct library *library, const struct settings *settings,
              char fault[FAULT_LINE_ROOM])
{
    const struct attempt attempt = {.library = library, .settings = settings};
    int code = child_try(try_storing, &attempt, fault);

    if (code < 0 && fault[0] == '\0')
        (void)snprintf(fault, FAULT_LINE_ROOM, "the self-test crashed");
    /* Opens for this process, and all that it forks, what the child has made. */
    (void)library_is_prepared(library);
    return code;
}
