#include "cli/listing.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/download.h"
#include "cli/progress.h"
#include "cli/retry.h"
#include "protocol/digest.h"
#include "protocol/glob.h"
#include "protocol/line.h"
#include "protocol/name.h"
#include "protocol/value.h"

enum {
    FEW = 10000, /* entries, which are read before a listing that is not needed is broken off */
};

/* A listing that is being read. */
struct listing {
    const struct listing_request *request;
    struct stream *stream;
    struct glob *glob; /* the pattern of the request; NULL for none */
    size_t prefix;     /* length of the name that was asked for, without a final "/" */
    listing_sink *sink;
    void *context;
    bool is_empty;
};

/* Is this a valid name, and one that was asked for? Anything else is a breach of the protocol. */
static bool is_asked_for(const struct listing *listing, const char *name, size_t length)
{
    const struct listing_request *request = listing->request;
    size_t bare = name_length_without_slash(name, length);
    bool is_folder = bare < length;

    if (!name_is_valid(name, bare) || (is_folder && (request->deep || request->match != NULL)))
        return false;
    if (request->name != NULL) {
        if (bare < listing->prefix || memcmp(name, request->name, listing->prefix) != 0)
            return false;
        /* A file's own name, unless it was asked for as a folder. */
        if (length == listing->prefix)
            return request->name[listing->prefix] == '\0' && request->match == NULL &&
                   !request->watch;
        if (bare <= listing->prefix + 1 || name[listing->prefix] != '/')
            return false;
        name += listing->prefix + 1;
        bare -= listing->prefix + 1;
    }
    if (request->match == NULL)
        return request->deep || memchr(name, '/', bare) == NULL;
    /* What the server takes for a match may be deleted. */
    const char *compared = request->deep ? name_last_component(name) : name;
    return glob_matches(listing->glob, compared, strlen(compared));
}

static int take_line(void *context, const struct line *line, struct failure *failure)
{
    struct listing *listing = context;
    const struct field *name = &line->fields[0];
    const struct field *size = line_option(line, "size");
    const struct field *mtime = line_option(line, "mtime");
    const struct field *digest = line_option(line, "digest");
    const struct field *by = line_option(line, "by");
    struct entry entry = {
        .name = name->bytes,
        .size = -1,
        .has_mtime = mtime != NULL,
        .digest = digest != NULL ? digest->bytes : NULL,
        .by = by != NULL ? by->bytes : NULL,
    };

    if (!line_has_positionals(line, 1) || !is_asked_for(listing, name->bytes, name->length))
        return fail(failure, REASON_BREACH, listing_subject(listing->request),
                    "the server listed something that was not asked for");
    if ((size != NULL && !value_number(size->bytes, size->length, &entry.size)) ||
        (mtime != NULL && !value_time(mtime->bytes, mtime->length, &entry.mtime)) ||
        (listing->request->details && digest != NULL &&
         digest_check(digest->bytes, digest->length) < 0))
        return fail(failure, REASON_BREACH, entry.name,
                    "the server sent an invalid size, time or digest");
    listing->is_empty = false;
    progress_listed();
    /* It may write to a reader that pauses. */
    stream_end_turn(listing->stream);
    int code = listing->sink(listing->context, &entry, failure);
    stream_begin_turn(listing->stream);
    return code;
}

int listing_check_pattern(const struct options *options, struct failure *failure)
{
    const char *match = options->values[OPTION_MATCH];

    if (match == NULL)
        return 0;
    const char *fault = match[0] == '\0'                ? "it is empty"
                        : strlen(match) >= LINE_LONGEST ? "it is too long"
                                                        : glob_fault(match, strlen(match));
    /* Patterns that no name can match. */
    if (fault == NULL && options_have(options, OPTION_RECURSIVE) && strchr(match, '/') != NULL)
        fault = "with -R only the last component is compared (give the folder as an operand)";
    else if (fault == NULL &&
             (match[0] == '/' || strncmp(match, "./", 2) == 0 || strncmp(match, "../", 3) == 0))
        fault = "no name begins with \"/\" or \"./\" (leave it out)";
    else if (fault == NULL && (match[strlen(match) - 1] == '/' || strstr(match, "//") != NULL))
        fault = "a component is empty";
    return fault == NULL ? 0 : fail(failure, REASON_USAGE, options->command, "--match: %s", fault);
}

bool listing_is_remote(const char *operand)
{
    size_t length = strcspn(operand, ":/");

    /* "12:30" is a time. */
    return length > 0 && operand[length] == ':' && !isdigit((unsigned char)operand[length + 1]);
}

const char *listing_hint(const char *name, const char *for_pattern)
{
    if (strpbrk(name, "*?[") != NULL)
        return for_pattern;
    return listing_is_remote(name) ? " (--server, such as ssh://HOST, says where the library is)"
                                   : "";
}

const char *listing_subject(const struct listing_request *request)
{
    return request->name != NULL ? request->name : request->command;
}

int listing_read(struct connection *connection, const struct listing_request *request,
                 listing_sink *sink, void *context)
{
    struct stream *stream = &connection->stream;
    struct listing listing = {
        .request = request, .stream = stream, .sink = sink, .context = context, .is_empty = true};
    const char *subject = listing_subject(request);
    char name[NAME_ESCAPED_ROOM] = "";
    char pattern[3 * LINE_LONGEST + 1] = "";
    int code = connection_ready(connection);

    if (code < 0)
        return code;
    if (request->name != NULL) {
        listing.prefix = name_length_without_slash(request->name, strlen(request->name));
        (void)line_escape(request->name, strlen(request->name), name);
    }
    if (request->match != NULL)
        (void)line_escape(request->match, strlen(request->match), pattern);
    const char *gap = request->name != NULL ? " " : "";
    if (request->watch) {
        /* It may be long until something is stored. */
        stream->limits.wait_ms = 0;
        (void)stream_print(stream, "WATCH%s%s%s\n", gap, name,
                           request->existing ? " existing=1" : "");
    } else if (stream_print(stream, "LIST%s%s%s%s%s%s\n", gap, name,
                            request->match != NULL ? " match=" : "", pattern,
                            request->deep ? " deep=1" : "",
                            request->details ? " details=1" : "") == -REASON_INTERNAL) {
        return fail(connection->failure, REASON_USAGE, request->match, "the pattern is too long");
    }
    code = connection_ask(connection, subject, request->watch ? ANSWER_OK : ANSWER_EMPTY);
    if (code == 0 && request->match != NULL &&
        (listing.glob = glob_compile(request->match, strlen(request->match))) == NULL)
        return fail_errno(connection->failure, REASON_INTERNAL, subject, "cannot compare names");
    if (code == 0)
        code = download_lines(connection, subject, take_line, &listing);
    free(listing.glob);
    if (code == 0 && request->watch)
        return fail(connection->failure, REASON_BREACH, subject, "the server ended the watch");
    return code == 0 && listing.is_empty ? connection_fail(connection, subject, -REASON_EMPTY)
                                         : code;
}

/* Reads on for a while: the connection stays open if the listing is not long. */
static int count_entry(void *context, const struct entry *entry, struct failure *failure)
{
    size_t *count = context;

    (void)entry;
    return ++*count < FEW ? 0 : fail_quietly(failure, REASON_EXISTS);
}

int listing_find_folder(struct connection *connection, const char *folder)
{
    char name[NAME_LONGEST + 2];
    size_t count = 0;
    struct retry retry;
    int code = 0;
    const struct listing_request request = {.name = name};

    (void)snprintf(name, sizeof name, "%.*s/",
                   (int)name_length_without_slash(folder, strlen(folder)), folder);
    retry_begin(&retry, connection);
    do
        code = listing_read(connection, &request, count_entry, &count);
    while (retry_again(&retry, code));
    if (code == -REASON_EXISTS)
        return 0;
    return code == -REASON_EMPTY ? fail(connection->failure, REASON_NOT_FOUND, folder,
                                        "no such folder in the library")
                                 : code;
}
