/*
 * A whole session: the first line of the input has two bytes, which say what rights the client lacks,
 * everywhere and in the folder "d" ('A': none). The rest is what it sends over a socket pair, to a
 * library with the files "a" and "d/b".
 *
 * The answers always follow the grammar, each stored file is what its record says, no right is used
 * that the client lacks, and nothing is left behind.
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include "daemon/serve.h"
#include "daemon/store/record.h"
#include "protocol/answer.h"
#include "tests/fuzz/folder.h"

#define CONTENT "what only GET may show\n"

static struct settings settings;
static struct library library;
static struct counters counters;
static struct slots *slots;
static struct access_now now;
static int answers = -1;

/* What is in the library; "a" and "d/b" unchanged, and files besides. */
struct found {
    unsigned unchanged;
    unsigned others;
    unsigned stages;
};

static void make_file(const char *path)
{
    struct record record = {.size = sizeof CONTENT - 1, .by = "user:fuzz"};
    struct stat status;
    int fd = openat(library.root, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && write(fd, CONTENT, sizeof CONTENT - 1) == sizeof CONTENT - 1);
    CHECK(fstat(fd, &status) == 0);
    record.mtime = status.st_mtim;
    (void)digest_of_bytes(CONTENT, sizeof CONTENT - 1, record.digest);
    CHECK(record_write(fd, &record) == 0 && fchmod(fd, 0440) == 0 && close(fd) == 0);
}

/* Is this part of the daemon's own folder, and no stage of a client? */
static bool is_kept(const FTSENT *entry)
{
    const char *own = strstr(entry->fts_path, "/.fsd");

    return own != NULL && strncmp(own, "/.fsd/stage/", strlen("/.fsd/stage/")) != 0;
}

static void fill(void)
{
    folder_empty(library.path, is_kept);
    CHECK(mkdirat(library.root, "d", 0755) == 0);
    make_file("a");
    make_file("d/b");
}

static void check_file(const FTSENT *entry, struct found *found)
{
    char made[DIGEST_ROOM];
    char usual[DIGEST_ROOM];
    struct record record;
    int fd = open(entry->fts_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    const struct stat *status = entry->fts_statp;
    const char *name = entry->fts_path + strlen(library.path) + 1;

    CHECK(fd >= 0 && (status->st_mode & 07777) == 0440 && status->st_nlink == 1);
    CHECK(record_read(fd, status, &record) == 0);
    CHECK(digest_of_file(fd, status, NULL, made) == 0 && strcmp(made, record.digest) == 0);
    bool is_usual = strcmp(made, digest_of_bytes(CONTENT, sizeof CONTENT - 1, usual)) == 0;
    if (is_usual && strcmp(name, "a") == 0)
        found->unchanged |= 1;
    else if (is_usual && strcmp(name, "d/b") == 0)
        found->unchanged |= 2;
    else
        found->others++;
    (void)close(fd);
}

static struct found look(void)
{
    char *const paths[] = {library.path, NULL};
    FTS *files = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry = NULL;
    struct found found = {0};

    CHECK(files != NULL);
    while ((entry = fts_read(files)) != NULL) {
        CHECK(entry->fts_info != FTS_SL && entry->fts_info != FTS_ERR);
        if (entry->fts_info == FTS_F && strstr(entry->fts_path, "/.fsd") == NULL)
            check_file(entry, &found);
        else if (entry->fts_info == FTS_F && !is_kept(entry))
            found.stages++;
    }
    (void)fts_close(files);
    return found;
}

/* Answers, each with a body or not, and signs of life. Only a client that watches is cut off. */
static void check_answers(const char *next, size_t length, bool may_end_early)
{
    static struct answer answer;
    const char *end = next + length;
    struct item item;
    bool in_body = false;
    bool may_have_body = false;
    bool is_over = false;

    while (next < end) {
        const char *line_end = memchr(next, '\n', (size_t)(end - next));
        size_t line = line_end != NULL ? (size_t)(line_end - next) : 0;
        if (line_end == NULL && may_end_early)
            return;
        CHECK(line_end != NULL && line < LINE_LONGEST && fuzz_is_clean(next, line) && !is_over);
        if ((in_body || may_have_body) && item_parse(next, line, false, &item) == 0) {
            in_body = item.kind == ITEM_DATA || (in_body && item.kind == ITEM_WAIT);
            may_have_body = may_have_body && item.kind == ITEM_WAIT;
            next = line_end + 1;
            if (item.kind == ITEM_DATA && may_end_early && item.length >= (size_t)(end - next))
                return;
            if (item.kind == ITEM_DATA) {
                CHECK(item.length < (size_t)(end - next) && next[item.length] == '\n');
                next += item.length + 1;
            }
            continue;
        }
        CHECK(!in_body);
        if (!item_is_wait(next, line)) {
            CHECK(answer_parse(&answer, next, line) == 0);
            may_have_body = answer.kind == ANSWER_OK;
            is_over = answer.kind == ANSWER_FAIL && answer.reason == REASON_BAD_REQUEST;
        }
        next = line_end + 1;
    }
    CHECK(!in_body || may_end_early);
}

static void begin(void)
{
    static const char text[] =
        "library = \"/\"; limits = { idle = \"5s\"; wait = \"5s\"; };"
        "users = ({ user = \"fuzz\"; rights = \"list\"; folder = \"d\"; });\n";
    char wrong[LIBRARY_FAULT_ROOM];
    struct fault fault;

    folder_make();
    settings_init(&settings);
    CHECK(configuration_parse(&settings.configuration, text, "file", &fault) == 0);
    CHECK(library_open(&library, fuzz_folder, record_is_possible(open(fuzz_folder, O_RDONLY))) ==
          0);
    CHECK(library.records && library_prepare(&library, true, wrong) == 0);
    log_set_level(LOG_LEVEL_CRITICAL);
    answers = memfd_create("answers", MFD_CLOEXEC);
    slots = slots_make(1);
    CHECK(answers >= 0 && slots != NULL);
    fill();
}

/* The lowest descriptor that is free. */
static int find_free(void)
{
    int fd = dup(STDERR_FILENO);

    CHECK(fd >= 0 && close(fd) == 0);
    return fd;
}

/* Serves the client; returns what it was answered, to be freed. */
static char *serve(const struct client *client, const char *input, size_t size, size_t *ret_length)
{
    const struct service service = {.settings = &settings,
                                    .library = &library,
                                    .counters = &counters,
                                    .slots = slots,
                                    .rights_now = &now};
    struct slot *slot = slots_take(slots);
    int ends[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    CHECK(send(ends[1], input, size, MSG_DONTWAIT) == (ssize_t)size);
    CHECK(shutdown(ends[1], SHUT_WR) == 0);
    const struct wire wire = {.transport = &stream_plain, .in = ends[0], .out = dup(answers)};
    serve_client(&wire, client, 1, slot, &service, -1, -1);
    slots_free(slot);
    CHECK(close(ends[1]) == 0 && counter_read(&counters.broken) == 0);
    return folder_take(answers, ret_length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client client = {.name = "user:fuzz", .who = "user fuzz"};

    if (library.path[0] == '\0')
        begin();
    if (size < 3 || size > 65536)
        return 0;
    struct grant *grant = settings.users.groups[0].values;
    client.rights = RIGHTS_ALL & ~(data[0] - (unsigned)'A');
    struct client_grant own = {.row = grant, .folder = (char *)(intptr_t)grant->folder}; // NOLINT
    client.grants = &own;
    client.grant_count = 1;
    grant->rights = RIGHTS_ALL & ~RIGHT_STATUS & ~(data[1] - (unsigned)'A');
    char *input = fuzz_text(data + 3, size - 3);
    size_t length = 0;
    int before = find_free();
    char *answered = serve(&client, input, size - 3, &length);

    bool watches = memmem(input, size - 3, "WATCH", 5) != NULL;
    check_answers(answered, length, watches || length >= FILE_MOST);
    struct found found = look();
    unsigned all = client.rights | grant->rights;
    if ((all & RIGHT_GET) == 0 && memmem(input, size - 3, "what", 4) == NULL)
        CHECK(strstr(answered, CONTENT) == NULL);
    if ((all & RIGHT_PUT) == 0)
        CHECK(found.others == 0 && found.stages == 0);
    if ((all & (RIGHT_DELETE | RIGHT_REPLACE)) == 0)
        CHECK(found.unchanged == 3);
    if ((client.rights & (RIGHT_DELETE | RIGHT_REPLACE)) == 0)
        CHECK((found.unchanged & 1) != 0);
    if (memmem(input, size - 3, "upload=", 7) == NULL)
        CHECK(found.stages == 0);
    if (found.unchanged != 3 || found.others > 0 || found.stages > 0)
        fill();

    CHECK(find_free() == before);
    free(answered);
    free(input);
    return 0;
}
