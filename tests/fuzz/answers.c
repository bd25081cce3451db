/*
 * Answers: the first line of the input has two bytes, which choose a command of fsc ('a' is the first)
 * and the pieces in which answers come. The rest is what the server answers: what is before a line
 * "--" when fsc has first sent something, what is after it when it has sent something again, and so on.
 *
 * Whatever that is, fsc ends with an exit code of its manual; it says on standard error one line for
 * each failure; and it writes a file whole, with a digest that the server has sent, or not at all.
 */
#include <dirent.h>
#include <sanitizer/common_interface_defs.h>
#include <sys/mman.h>

#include "cli/commands/commands.h"
#include "protocol/answer.h"
#include "protocol/digest.h"
#include "protocol/name.h"
#include "tests/fuzz/folder.h"

enum {
    ARGUMENTS_MOST = 8,
    LARGE = 70000, /* bytes of a file that fsc does not send without a go-ahead */
};

static const char *const commands_run[][ARGUMENTS_MOST] = {
    {"get", "a"},
    {"get", "a", "--output", "-"},
    {"get", "a", "--output", "old", "--force"},
    {"get", "a", "--output", "old"},
    {"get", "-R", "d"},
    {"get", "-R", "d", "--json"},
    {"get", "a", "b", "--json"},
    {"ls"},
    {"ls", "-lR", "d"},
    {"ls", "--json", "--by-time"},
    {"ls", "--sums"},
    {"stat", "a"},
    {"stat", "--json", "a", "b"},
    {"watch", "--json"},
    {"watch", "--existing"},
    {"status"},
    {"status", "--json"},
    {"rm", "a", "b"},
    {"rm", "d/", "--match", "*", "--older-than", "1d"},
    {"put", "old", "--name", "a"},
    {"put", "old", "--name", "a", "--replace"},
    {"put", "old", "large", "--folder", "d", "--json"},
    {"put", "-R", ".", "--folder", "d"},
    {"put", "large"},
    {"get", "a", "--resume", "--force"},
    {"get", "-R", "--match", "*", "--newest", "2"},
    {"rm", "--match", "*", "--keep", "1"},
};

enum {
    COMMANDS = sizeof commands_run / sizeof commands_run[0],
};

/* The server, and the two standard streams of fsc. */
static const char *answers;
static size_t answers_left;
static struct fuzz_wire wire;
static bool was_asked, was_quiet;
static int streams[3];

/* The next part of the answers comes when something was asked. */
static ssize_t answer_receive(struct stream *stream, void *bytes, size_t length)
{
    if (wire.left == 0 && was_asked) {
        const char *end = memmem(answers, answers_left, "\n--\n", 4);
        size_t part = end != NULL ? (size_t)(end + 1 - answers) : answers_left;
        size_t skipped = end != NULL ? part + 3 : part;
        wire.bytes = answers;
        wire.left = part;
        answers += skipped;
        answers_left -= skipped;
        was_asked = false;
        was_quiet = false;
    }
    if (wire.left > 0)
        return fuzz_receive(stream, bytes, length);
    /* The first look finds nothing yet, the next one finds the end. */
    if (was_quiet)
        return 0;
    was_quiet = true;
    errno = EAGAIN;
    return -1;
}

static ssize_t answer_send(struct stream *stream, const void *bytes, size_t length)
{
    (void)stream;
    (void)bytes;
    was_asked = was_asked || length > 0;
    return (ssize_t)length;
}

/* As the main function of fsc, but with the connection already open. */
static int run(const char *const *words)
{
    static const struct transport transport = {answer_receive, answer_send, fuzz_finish, NULL};
    static const char *const always[] = {"fsc", "--config", "/dev/null", "--server", "/nowhere"};
    char *argv[sizeof always / sizeof always[0] + ARGUMENTS_MOST] = {NULL};
    struct invocation *invocation = calloc(1, sizeof *invocation);
    struct options options;
    struct failure failure;
    int argc = 0;

    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        argv[argc++] = strdup(always[i]);
    for (size_t i = 0; words[i] != NULL; i++)
        argv[argc++] = strdup(words[i]);
    failure_clear(&failure);
    CHECK(invocation != NULL &&
          options_parse(&options, argc, argv, command_options, &failure) == 0);
    invocation->options = &options;
    invocation->failure = &failure;
    CHECK(settings_read(&invocation->settings, &options, &failure) == 0);
    struct connection *connection = &invocation->connection;
    connection->settings = &invocation->settings;
    connection->failure = &failure;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK(stream_open(&connection->stream, &transport, &wire, null, null,
                      &invocation->settings.limits) == 0);
    connection->is_open = true;
    int code = command_find(options.command)->run(invocation);
    connection_quit(connection);
    if (code < 0)
        failure_print(&failure);
    settings_release(&invocation->settings);
    options_free(&options);
    free(invocation);
    /* getopt(3) has sorted them. */
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return reason_exit_code(reason_of(code));
}

static void make_file(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    CHECK(close(fd) == 0);
}

static void begin(void)
{
    folder_make();
    CHECK(setenv("XDG_STATE_HOME", fuzz_folder, 1) == 0 && setenv("HOME", fuzz_folder, 1) == 0);
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
        streams[i] = memfd_create("stream", MFD_CLOEXEC);
    fuzz_errors = dup(STDERR_FILENO);
    __sanitizer_set_report_fd((void *)(intptr_t)fuzz_errors); // NOLINT
}

/* Lines for people: "fsc: ...", without what could harm a terminal. */
static void check_messages(const char *text, int code)
{
    CHECK(code == 0 || text[0] != '\0');
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        CHECK(strncmp(text, "fsc: ", 5) == 0 && text[length] == '\n');
        CHECK(fuzz_is_message(text, length));
        text += length + 1;
    }
}

/* As far as a quote that is not escaped would break it. */
static bool is_object(const char *line, size_t length)
{
    bool in_text = false;

    for (size_t i = 0; i < length; i++) {
        if (line[i] == '"')
            in_text = !in_text;
        else if (in_text && line[i] == '\\')
            i++;
        else if (!in_text && strchr("{}[]:,-.0123456789aeflnrstu", line[i]) == NULL)
            return false;
    }
    return !in_text && line[0] == '{' && line[length - 1] == '}';
}

/* Lines for scripts. */
static void check_output(const char *const *words, const char *text)
{
    bool is_names = strcmp(words[0], "ls") == 0 && words[1] == NULL;
    bool is_json = false;

    for (size_t i = 1; words[i] != NULL; i++)
        is_json = is_json || strcmp(words[i], "--json") == 0;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        CHECK(text[length] == '\n' && fuzz_is_clean(text, length));
        CHECK(!is_names || name_is_valid(text, name_length_without_slash(text, length)));
        CHECK(!is_json || is_object(text, length));
        text += length + 1;
    }
}

/* Were this digest and this size in what the server sent? */
static bool was_sent(const uint8_t *data, size_t size, const void *content, size_t length)
{
    char digest[DIGEST_ROOM];
    char announced[32];

    (void)digest_of_bytes(content, length, digest);
    (void)snprintf(announced, sizeof announced, "size=%zu", length);
    return memmem(data, size, digest, DIGEST_LENGTH) != NULL &&
           memmem(data, size, announced, strlen(announced)) != NULL;
}

/*
 * Every file is the one that was there, or has a digest and size that the server has sent, or is a part
 * that --resume keeps.
 */
static void check_files(const uint8_t *data, size_t size)
{
    char *const paths[] = {fuzz_folder, NULL};
    FTS *files = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry = NULL;

    CHECK(files != NULL);
    while ((entry = fts_read(files)) != NULL) {
        if (entry->fts_info != FTS_F || strstr(entry->fts_path, "/fsc/") != NULL ||
            strncmp(entry->fts_name, ".fsc-part-", 10) == 0)
            continue;
        CHECK(strstr(entry->fts_path, "/here/") != NULL);
        int fd = open(entry->fts_path, O_RDONLY | O_CLOEXEC);
        size_t length = (size_t)entry->fts_statp->st_size;
        char *content = malloc(length + 1);
        CHECK(fd >= 0 && content != NULL && read(fd, content, length) == (ssize_t)length);
        bool is_old = (length == 4 && memcmp(content, "old\n", 4) == 0) || length == LARGE;
        CHECK(is_old || was_sent(data, size, content, length));
        free(content);
        (void)close(fd);
    }
    (void)fts_close(files);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char large[LARGE + 1];
    int saved[3];
    size_t length = 0;

    if (fuzz_folder[0] == '\0') {
        begin();
        memset(large, 'x', LARGE);
    }
    if (size < 3)
        return 0;
    const char *const *words = commands_run[(unsigned char)(data[0] - 'a') % COMMANDS];
    char *text = fuzz_text(data + 3, size - 3);
    int caller = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(chdir(fuzz_folder) == 0 && mkdir("here", 0700) == 0 && chdir("here") == 0);
    make_file("old", "old\n");
    make_file("large", large);
    answers = text;
    answers_left = size - 3;
    wire = (struct fuzz_wire){.piece = 1U + data[1]};
    was_asked = was_quiet = false;

    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++) {
        saved[i] = dup(i);
        CHECK(dup2(streams[i], i) == i);
    }
    int code = run(words);
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
        CHECK(dup2(saved[i], i) == i && close(saved[i]) == 0);

    CHECK(code >= 0 && reason_exit_meaning(code) != NULL);
    char *messages = folder_take(streams[STDERR_FILENO], &length);
    check_messages(messages, code);
    char *output = folder_take(streams[STDOUT_FILENO], &length);
    if (words[0][0] != 'g' || words[2] == NULL || strcmp(words[2], "--output") != 0)
        check_output(words, output);
    else if (strcmp(words[3], "-") == 0 && code == 0)
        CHECK(was_sent(data, size, output, length));
    check_files(data, size);
    folder_empty(fuzz_folder, NULL);
    CHECK(fchdir(caller) == 0 && close(caller) == 0);
    free(output);
    free(messages);
    free(text);
    return 0;
}
