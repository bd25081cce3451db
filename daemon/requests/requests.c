#include "daemon/requests/requests.h"

#include <string.h>

#include "protocol/digest.h"
#include "protocol/glob.h"
#include "protocol/name.h"
#include "protocol/value.h"

enum kind {
    KIND_PATTERN,
    KIND_NUMBER,
    KIND_ONE, /* 1 and nothing else */
    KIND_DIGEST,
    KIND_UPLOAD,
    KIND_TIME,
    KIND_GUARD, /* 1, or a digest */
};

static const struct {
    const char *key;
    enum kind kind;
} options[OPTION_COUNT] = {
    [OPTION_MATCH] = {"match", KIND_PATTERN},  [OPTION_DEEP] = {"deep", KIND_ONE},
    [OPTION_DETAILS] = {"details", KIND_ONE},  [OPTION_OFFSET] = {"offset", KIND_NUMBER},
    [OPTION_LENGTH] = {"length", KIND_NUMBER}, [OPTION_DIGEST] = {"digest", KIND_DIGEST},
    [OPTION_SIZE] = {"size", KIND_NUMBER},     [OPTION_EAGER] = {"eager", KIND_ONE},
    [OPTION_UPLOAD] = {"upload", KIND_UPLOAD}, [OPTION_REPLACE] = {"replace", KIND_GUARD},
    [OPTION_WAIT] = {"wait", KIND_NUMBER},     [OPTION_EXISTING] = {"existing", KIND_ONE},
    [OPTION_MTIME] = {"mtime", KIND_TIME},
};

/* Words of the protocol that are not requests. A body that nobody asked for begins with one. */
static const char *const other_words[] = {"WAIT", "END", "ABORT", "OK", "EMPTY", "EXISTS", "FAIL"};

static int quit_serve(struct session *session, const struct arguments *arguments)
{
    (void)arguments;
    session->over = true;
    return 0;
}

#define BIT(option) (1U << (option))

static const struct request requests[] = {
    {.word = "LIST",
     .rights = RIGHT_LIST,
     .sees = RIGHT_LIST,
     .name = NAME_OR_FOLDER,
     .options = BIT(OPTION_MATCH) | BIT(OPTION_DEEP) | BIT(OPTION_DETAILS),
     .serve = list_serve},
    {.word = "GET",
     .rights = RIGHT_GET,
     .name = NAME_NEEDED,
     .options = BIT(OPTION_OFFSET) | BIT(OPTION_LENGTH) | BIT(OPTION_DIGEST) | BIT(OPTION_WAIT),
     .serve = get_serve},
    {.word = "PUT",
     .rights = RIGHT_PUT,
     .sees = RIGHT_LIST | RIGHT_GET,
     .name = NAME_NEEDED,
     .options = BIT(OPTION_SIZE) | BIT(OPTION_DIGEST) | BIT(OPTION_EAGER) | BIT(OPTION_UPLOAD) |
                BIT(OPTION_REPLACE),
     .serve = put_serve},
    {.word = "DELETE",
     .rights = RIGHT_DELETE,
     .name = NAME_NEEDED,
     .options = BIT(OPTION_MTIME),
     .serve = delete_serve},
    {.word = "WATCH",
     .rights = RIGHT_WATCH,
     .sees = RIGHT_WATCH,
     .name = NAME_OR_FOLDER,
     .options = BIT(OPTION_EXISTING),
     .serve = watch_serve},
    {.word = "STATUS", .rights = RIGHT_STATUS, .serve = status_serve},
    {.word = "QUIT", .serve = quit_serve},
};

enum {
    REQUEST_COUNT = sizeof requests / sizeof requests[0],
};

_Static_assert((int)REQUEST_COUNT < (int)COUNTERS_REQUESTS, "each request has its counters");

/*
 * Finds the row of the word that begins the line. After a word that is not known the session ends:
 * what follows may be its body.
 */
static int find_request(struct session *session, const struct request **ret)
{
    const struct field *word = &session->line.fields[0];
    size_t length = strspn(word->bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    bool is_request = word->key == NULL && length == word->length && length <= REQUEST_WORD_LONGEST;
    char echo[LINE_ECHO_ROOM];

    for (size_t i = 0; is_request && i < sizeof other_words / sizeof other_words[0]; i++)
        is_request = strcmp(word->bytes, other_words[i]) != 0;
    if (!is_request)
        return session_refuse(session, REASON_BAD_REQUEST, "%s: expected a request",
                              line_echo(word->bytes, word->length, echo));
    for (size_t i = 0; i < REQUEST_COUNT; i++) {
        if (strcmp(requests[i].word, word->bytes) == 0) {
            *ret = &requests[i];
            return 0;
        }
    }
    session->over = true;
    return session_refuse(session, REASON_UNSUPPORTED, "unknown request %s", word->bytes);
}

/* Reads the value of an option. Returns 0, -REASON_BAD_REQUEST or -REASON_UNSUPPORTED. */
static int read_value(const struct field *field, enum kind kind, struct option_value *ret)
{
    bool is_one = field->length == 1 && field->bytes[0] == '1';
    bool is_valid = true;

    *ret = (struct option_value){.text = field->bytes, .length = field->length};
    switch (kind) {
    case KIND_PATTERN:
        is_valid = glob_fault(field->bytes, field->length) == NULL;
        break;
    case KIND_NUMBER:
        is_valid = value_number(field->bytes, field->length, &ret->number);
        break;
    case KIND_ONE:
        is_valid = is_one;
        break;
    case KIND_GUARD:
        return is_one ? 0 : digest_check(field->bytes, field->length);
    case KIND_DIGEST:
        return digest_check(field->bytes, field->length);
    case KIND_TIME:
        is_valid = value_time(field->bytes, field->length, &ret->time);
        break;
    case KIND_UPLOAD:
        is_valid = record_is_upload(field->bytes, field->length);
        break;
    }
    return is_valid ? 0 : -REASON_BAD_REQUEST;
}

/*
 * Reads the fields after the word: options, and the name, NULL for none. The key of an option that
 * is not known goes into `ret_unknown`: what breaks the grammar is answered before it.
 */
static int read_fields(struct session *session, const struct request *request,
                       struct arguments *ret, const struct field **ret_name,
                       const char **ret_unknown)
{
    static const char *const rules[] = {
        [NAME_NONE] = "no name", [NAME_NEEDED] = "one name", [NAME_OR_FOLDER] = "at most one name"};
    size_t names = 0;

    for (size_t i = 1; i < session->line.count; i++) {
        const struct field *field = &session->line.fields[i];
        if (field->key == NULL) {
            *ret_name = field;
            names++;
            continue;
        }
        enum option option = 0;
        while (option < OPTION_COUNT && ((request->options & BIT(option)) == 0 ||
                                         strcmp(options[option].key, field->key) != 0))
            option++;
        int code = option < OPTION_COUNT
                       ? read_value(field, options[option].kind, &ret->options[option])
                       : -REASON_UNSUPPORTED;
        if (code == -REASON_BAD_REQUEST)
            return session_refuse(session, REASON_BAD_REQUEST, "the value of %s is not valid",
                                  field->key);
        if (code == -REASON_UNSUPPORTED)
            *ret_unknown = field->key;
    }
    if (names > (request->name == NAME_NONE ? 0 : 1) ||
        (names == 0 && request->name == NAME_NEEDED))
        return session_refuse(session, REASON_BAD_REQUEST, "%s takes %s", request->word,
                              rules[request->name]);
    return 0;
}

/* What costs more than a request should: a long pattern, and a name with many folders to make. */
static int check_limits(struct session *session, const struct request *request,
                        const struct arguments *arguments)
{
    const struct settings *settings = session->settings;
    int64_t folders = 0;

    if ((int64_t)arguments->options[OPTION_MATCH].length > settings->pattern)
        return session_refuse(session, REASON_TOO_LARGE,
                              "the pattern has more than %lld bytes (limits.pattern of fsd)",
                              (long long)settings->pattern);
    for (const char *byte = arguments->name; *byte != '\0'; byte++)
        folders += *byte == '/';
    if ((request->rights & RIGHT_PUT) != 0 && folders > settings->depth)
        return session_refuse(session, REASON_BAD_NAME,
                              "the name has more than %lld folders (limits.depth of fsd)",
                              (long long)settings->depth);
    return 0;
}

struct digest_job {
    struct stored *stored;
    const atomic_bool *cancelled;
};

static int make_digest(void *argument)
{
    const struct digest_job *job = argument;

    return lookup_digest(job->stored, job->cancelled);
}

int request_digest(struct session *session, struct stored *stored)
{
    struct digest_job job = {.stored = stored, .cancelled = &session->cancelled};

    return session_run_with_heartbeat(session, make_digest, &job);
}

size_t request_place(const struct request *request)
{
    return request != NULL ? (size_t)(request - requests) : REQUEST_COUNT;
}

const struct request *request_at(size_t place)
{
    return place < REQUEST_COUNT ? &requests[place] : NULL;
}

int request_parse(struct session *session, const struct request **ret_request,
                  struct arguments *ret)
{
    const char *unknown = NULL;
    const struct field *name = NULL;
    const struct request *request = NULL;
    char echo[LINE_ECHO_ROOM];
    int code = find_request(session, &request);

    *ret = (struct arguments){.is_folder = false};
    *ret_request = request;
    if (request == NULL)
        return code;
    code = read_fields(session, request, ret, &name, &unknown);
    if (code < 0)
        return code;

    /* An upload that is sent ahead must have a size, which tells its body from a request. */
    if (ret->options[OPTION_EAGER].text != NULL) {
        const struct option_value *size = &ret->options[OPTION_SIZE];
        if (size->text == NULL || size->number > EAGER_LARGEST)
            return session_refuse(session, REASON_BAD_REQUEST, "eager needs a size of at most %d",
                                  EAGER_LARGEST);
        if (ret->options[OPTION_UPLOAD].text != NULL)
            return session_refuse(session, REASON_BAD_REQUEST,
                                  "eager and upload cannot be used together");
        session->body_expected = true;
    }
    if (unknown != NULL)
        return session_refuse(session, REASON_UNSUPPORTED, "%s does not support this %s option",
                              request->word, unknown);
    if (name == NULL)
        return check_limits(session, request, ret);

    size_t length = name->length;
    if (request->name == NAME_OR_FOLDER)
        length = name_length_without_slash(name->bytes, length);
    const char *fault = name_fault(name->bytes, length);
    if (fault != NULL)
        return session_refuse(session, REASON_BAD_NAME, "%s: %s",
                              line_echo(name->bytes, name->length, echo), fault);
    ret->is_folder = length < name->length;
    memcpy(ret->name, name->bytes, length);
    return check_limits(session, request, ret);
}
