#include "daemon/store/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/stage.h"

/* No client is called so: they have a ':', or are anonymous. */
static const char client[] = "self-test";

static int fail(char fault[TRIAL_FAULT_ROOM], int code, const char *what)
{
    (void)snprintf(fault, TRIAL_FAULT_ROOM, errno != 0 ? "%s (%s)" : "%s", what, strerror(errno));
    return code;
}

/* The link must not take a name that is taken, and its folder must be made durable. */
static int try_link(const struct stage *stage, const char *name, char fault[TRIAL_FAULT_ROOM])
{
    if (linkat(stage->folder, stage->id, stage->folder, name, 0) < 0)
        return fail(fault, errno == EMLINK ? -REASON_INTERNAL : library_failure(errno),
                    "the file system makes no hard links, by which files get their names");
    errno = 0;
    if (linkat(stage->folder, stage->id, stage->folder, name, 0) == 0 || errno != EEXIST)
        return fail(fault, -REASON_INTERNAL,
                    "the file system lets a link take a name that another file has");
    if (fsync(stage->folder) < 0)
        return fail(fault, library_failure(errno), "the file system makes no folder durable");
    return 0;
}

int trial_run(const struct library *library, char fault[TRIAL_FAULT_ROOM])
{
    const struct stage_plan plan = {.size = 1};
    struct stage stage = STAGE_NONE;
    struct record record = {.size = 1, .by = "self-test"};
    char name[sizeof stage.id + sizeof ".link"];

    int code = stage_open(&stage, library, client, &plan);
    if (code < 0)
        return fail(fault, code, "no file can be made below .fsd/stage");
    (void)snprintf(name, sizeof name, "%s.link", stage.id);
    (void)digest_of_bytes("x", 1, record.digest);
    code = stage_write(&stage, "x", 1);
    if (code < 0)
        (void)fail(fault, code, "nothing can be written below .fsd/stage");
    else if ((code = stage_seal(&stage, library, &record)) < 0)
        (void)fail(fault, code, "a file cannot get its record, or be made durable");
    else
        code = try_link(&stage, name, fault);
    (void)unlinkat(stage.folder, name, 0);
    stage_close(&stage);
    return code;
}
