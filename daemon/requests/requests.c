#include "daemon/requests/requests.h"

#include <string.h>

#include "protocol/digest.h"
#include "protocol/name.h"
#include "protocol/value.h"

enum kind {
    KIND_TEXT,
    KIND_NUMBER,
    KIND_ONE, /* 1 and nothing else */
    KIND_DIGEST,
};

static const struct {
    const char *key;
    enum kind kind;
} options[OPTION_COUNT] = {
    [OPTION_MATCH] = {"match", KIND_TEXT},     [OPTION_DEEP] = {"deep", KIND_ONE},
    [OPTION_DETAILS] = {"details", KIND_ONE},  [OPTION_OFFSET] = {"offset", KIND_NUMBER},
    [OPTION_LENGTH] = {"length", KIND_NUMBER}, [OPTION_DIGEST] = {"digest", KIND_DIGEST},
    [OPTION_SIZE] = {"size", KIND_NUMBER},     [OPTION_EAGER] = {"eager", KIND_ONE},
};

#define BIT(option) (1U << (option))

static const struct request requests[] = {
    {.word = "LIST",
     .rights = RIGHT_LIST,
     .most = 1,
     .may_be_folder = true,
     .options = BIT(OPTION_MATCH) | BIT(OPTION_DEEP) | BIT(OPTION_DETAILS),
     .serve = list_serve},
    {.word = "GET",
     .rights = RIGHT_GET,
     .least = 1,
     .most = 1,
     .options = BIT(OPTION_OFFSET) | BIT(OPTION_LENGTH) | BIT(OPTION_DIGEST),
     .serve = get_serve},
    {.word = "PUT",
     .rights = RIGHT_PUT,
     .least = 1,
     .most = 1,
     .options = BIT(OPTION_SIZE) | BIT(OPTION_DIGEST) | BIT(OPTION_EAGER),
     .serve = put_serve},
    {.word = "QUIT", .serve = quit_serve},
};

static bool is_accepted(const struct request *request, const char *key, enum option *ret)
{
    for (enum option option = 0; option < OPTION_COUNT; option++) {
        if ((request->options & BIT(option)) != 0 && strcmp(options[option].key, key) == 0) {
            *ret = option;
            return true;
        }
    }
    return false;
}

/* Reads the value of an option. Returns 0, -REASON_BAD_REQUEST or -REASON_UNSUPPORTED. */
static int read_value(const struct field *field, enum kind kind, struct option_value *ret)
{
    *ret = (struct option_value){.text = field->bytes, .length = field->length};
    switch (kind) {
    case KIND_TEXT:
        return 0;
    case KIND_NUMBER:
        return value_number(field->bytes, field->length, &ret->number) ? 0 : -REASON_BAD_REQUEST;
    case KIND_ONE:
        return field->length == 1 && field->bytes[0] == '1' ? 0 : -REASON_BAD_REQUEST;
    case KIND_DIGEST:
        return digest_check(field->bytes, field->length);
    }
    return -REASON_BAD_REQUEST;
}

/* The fields behind the word. What is no fault of grammar but unknown goes into `ret_unknown`. */
static int read_fields(struct session *session, const struct request *request,
                       struct arguments *ret, const char **ret_unknown)
{
    size_t positionals = 0;

    for (size_t i = 1; i < session->line.count; i++) {
        const struct field *field = &session->line.fields[i];
        enum option option = OPTION_COUNT;
        if (field->key == NULL) {
            ret->name = field->bytes;
            ret->name_length = field->length;
            positionals++;
            continue;
        }
        int code = -REASON_UNSUPPORTED;
        if (is_accepted(request, field->key, &option))
            code = read_value(field, options[option].kind, &ret->options[option]);
        if (code == -REASON_UNSUPPORTED)
            *ret_unknown = field->key;
        if (code == -REASON_BAD_REQUEST)
            return session_refuse(session, REASON_BAD_REQUEST, "the value of %s is not valid",
                                  field->key);
    }
    if (positionals < request->least || positionals > request->most)
        return session_refuse(session, REASON_BAD_REQUEST, "%s takes %s", request->word,
                              request->most == 0    ? "no name"
                              : request->least == 0 ? "one name at most"
                                                    : "one name");
    return 0;
}

/* An upload that is sent ahead must tell its size, so that its body can be told from a request. */
static int judge_eager(struct session *session, const struct arguments *arguments)
{
    const struct option_value *size = &arguments->options[OPTION_SIZE];

    if (arguments->options[OPTION_EAGER].text == NULL)
        return 0;
    if (size->text == NULL || size->number > EAGER_LARGEST)
        return session_refuse(session, REASON_BAD_REQUEST, "eager needs a size of %d at most",
                              EAGER_LARGEST);
    session->body_due = true;
    return 0;
}

static int judge_name(struct session *session, const struct request *request,
                      struct arguments *arguments)
{
    char echo[LINE_ECHO_ROOM];

    if (arguments->name == NULL)
        return 0;
    if (request->may_be_folder && arguments->name_length > 1 &&
        arguments->name[arguments->name_length - 1] == '/') {
        arguments->is_folder = true;
        arguments->name_length--;
        /* The field lies in the session's own line. */
        size_t start = (size_t)(arguments->name - session->line.text);
        session->line.text[start + arguments->name_length] = '\0';
    }
    const char *fault = name_fault(arguments->name, arguments->name_length);
    if (fault == NULL)
        return 0;
    return session_refuse(session, REASON_BAD_NAME, "%s: %s",
                          line_echo(arguments->name, arguments->name_length, echo), fault);
}

const struct request *request_find(const char *word)
{
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (strcmp(requests[i].word, word) == 0)
            return &requests[i];
    }
    return NULL;
}

int request_parse(struct session *session, const struct request *request, struct arguments *ret)
{
    const char *unknown = NULL;

    *ret = (struct arguments){.name = NULL};
    int code = read_fields(session, request, ret, &unknown);
    if (code == 0)
        code = judge_eager(session, ret);
    if (code == 0 && unknown != NULL)
        code = session_refuse(session, REASON_UNSUPPORTED, "%s has no option %s of that kind",
                              request->word, unknown);
    return code == 0 ? judge_name(session, request, ret) : code;
}
