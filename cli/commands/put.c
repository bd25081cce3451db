#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/claims.h"
#include "cli/commands/commands.h"
#include "cli/console.h"
#include "cli/download.h"
#include "cli/entries.h"
#include "cli/listing.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/retry.h"
#include "cli/tree.h"
#include "cli/uploads.h"
#include "protocol/clock.h"
#include "protocol/descriptor.h"
#include "protocol/name.h"
#include "protocol/utf8.h"

enum {
    MEASURE_MS = 1000, /* for counting what is to be stored */
    NAME_ROOM = 16384, /* for names before they are checked: no path on Linux is longer */
};

/* How many things were left out. */
struct skipped {
    size_t files;   /* by --exclude */
    size_t folders; /* the same, with all that is in them */
    size_t links;
    size_t specials;
};

/* A run of the command. */
struct put {
    struct invocation *invocation;
    const struct options *options;
    struct upload_rules rules;
    struct upload_rules plain; /* for a name that has another file of this run */
    struct claims claims;      /* names, and the paths of the files that --replace gave them */
    char replace[DIGEST_ROOM]; /* the digest of the only content to be replaced */
    struct uploads uploads;
    struct tree_rules tree;
    bool skips_links;
    bool skips_specials;
    struct skipped skipped;
    const struct entries *listing; /* with --dry-run: of the library below the folder at hand */
    char above[NAME_LONGEST + 1];  /* with --dry-run: the folder look_above() last looked for, */
    bool is_below_file;            /* and whether it cannot be one */
    char name[NAME_ROOM];
    size_t base;      /* the length of the name of a folder that is walked */
    bool is_empty;    /* nothing but folders, and what is left out, was found in it */
    bool has_skipped; /* something in it was left out */
    bool is_begun;    /* there was an operand */
};

static void report(void *context, const struct upload *upload, int code)
{
    struct invocation *invocation = context;
    struct put *put = invocation->state;
    const struct report report = {
        .name = upload->name,
        .local = upload->local,
        .done = upload->was_there      ? "already there"
                : upload->plan != NULL ? upload->plan
                                       : "stored",
        .size = upload->size,
        .digest = upload->digest,
        .child = &upload->child,
        .began_ms = upload->began_ms,
    };

    if (code == -REASON_NOT_A_FILE)
        (void)fail(
            invocation->failure, REASON_NOT_A_FILE, upload->name,
            "the library has a folder there, or a file where it needs a folder (use --folder "
            "or --name)");
    if (code == 0)
        claims_note(&put->claims, upload->name, strlen(upload->name), upload->local);
    else if (code == -REASON_EXISTS && upload->rules == &put->plain)
        (void)fail(invocation->failure, REASON_EXISTS, upload->local,
                   "another file of this run, with different content, is stored as \"%s\"",
                   upload->name);
    if (code == 0 && upload->plan != NULL)
        code = invocation_print_plan(invocation, report.done, report.name);
    (void)invocation_report_file(invocation, code, &report);
}

/*
 * Is there a file where a name that is free needs a folder? Below a folder that was listed there is none.
 * Returns 0 if this client sees none, -REASON_NOT_A_FILE, or another reason.
 */
static int look_above(struct put *put)
{
    const char *last = name_last_component(put->name);
    size_t length = put->listing != NULL ? put->base
                    : last > put->name   ? (size_t)(last - put->name) - 1
                                         : 0;
    char folder[NAME_LONGEST + 1];
    struct download look = {.name = folder, .fd = -1};
    struct retry retry;
    int code = -REASON_NOT_FOUND;

    (void)snprintf(folder, sizeof folder, "%.*s", (int)length, put->name);
    if (strcmp(folder, put->above) == 0)
        return put->is_below_file ? -REASON_NOT_A_FILE : 0;
    while (code == -REASON_NOT_FOUND && folder[0] != '\0') {
        retry_begin(&retry, put->uploads.connection);
        do
            code = download_look(put->uploads.connection, &look);
        while (retry_again(&retry, code));
        char *slash = strrchr(folder, '/');
        *(slash != NULL ? slash : folder) = '\0';
    }
    if (code < 0 && code != -REASON_NOT_A_FILE && code != -REASON_NOT_FOUND &&
        code != -REASON_DENIED)
        return code;
    put->is_below_file = code == 0;
    (void)snprintf(put->above, sizeof put->above, "%.*s", (int)length, put->name);
    return put->is_below_file ? -REASON_NOT_A_FILE : 0;
}

/* Reports what would become of a file or, without a source, of a stream, which is not read. */
static void plan(struct put *put, int source, const char *local, char *const command[])
{
    struct entries entries = {.region = NULL};
    struct entry there;
    int code = put->listing != NULL
                   ? entries_find(put->listing, put->name, &there)
                   : entries_find_file(&entries, put->uploads.connection, put->name, &there);

    if (code == -REASON_NOT_FOUND && (put->listing == NULL || put->listing->count == 0)) {
        int above = look_above(put);
        code = above < 0 ? above : code;
    }
    if (source < 0)
        console_say("%s: not %s in a dry run", local, command != NULL ? "run" : "read");
    if (code == 0 || code == -REASON_NOT_FOUND)
        uploads_plan(&put->uploads, put->name, source, local, command, code == 0 ? &there : NULL);
    else
        uploads_refuse(&put->uploads, put->name, local, code);
    entries_free(&entries);
}

/* Stores an open file. One file of a run does not replace another one. */
static void store(struct put *put, int source, const char *local)
{
    if (options_have(put->options, OPTION_DRY_RUN)) {
        plan(put, source == STDIN_FILENO ? -1 : source, local, NULL);
        return;
    }
    /* Which of two with the same name comes last must not depend on which is sent again. */
    if (uploads_have(&put->uploads, put->name))
        uploads_settle(&put->uploads);
    bool has_other = claims_conflict(&put->claims, put->name, strlen(put->name), local);
    put->uploads.rules = has_other ? &put->plain : &put->rules;
    uploads_put(&put->uploads, put->name, source, local);
    /* What was sent ahead cannot be stopped. */
    if (options_have(put->options, OPTION_FAIL_FAST))
        uploads_settle(&put->uploads);
}

/* Reports, after the files before it, what cannot be stored. A text of NULL is that of errno. */
static void refuse(struct put *put, const char *local, const char *text)
{
    struct failure *failure = put->invocation->failure;

    uploads_refuse(&put->uploads, put->name, local,
                   text != NULL ? fail(failure, REASON_LOCAL, local, "%s", text)
                                : fail_errno(failure, REASON_LOCAL, local, "cannot read"));
}

/* Can a library have this name? Returns 0 or -REASON_USAGE. */
static int check_name(struct put *put, const char *local)
{
    struct failure *failure = put->invocation->failure;
    const char *folder = put->options->values[OPTION_FOLDER];
    const char *name = put->options->values[OPTION_NAME];
    const char *given = folder != NULL ? folder : name != NULL ? name : "";
    const char *bare = invocation_bare_name(given);
    size_t given_length =
        folder != NULL ? name_length_without_slash(given, strlen(given)) : strlen(given);
    size_t length = name_length_without_slash(bare, strlen(bare));
    const char *fault = name_fault(put->name, strlen(put->name));
    bool is_folder = folder != NULL || bare[length] == '/';

    if (fault == NULL)
        return 0;
    if (put->name[0] == '\0' && name == NULL && local[0] != '\0')
        return fail(failure, REASON_USAGE, local,
                    "a folder without a name (use -R --folder FOLDER to store what is in it)");
    if ((folder != NULL || given_length > 0) && bare[0] == '\0')
        return fail(failure, REASON_USAGE, local,
                    "cannot be stored as \"%s\": %s (leave out --%s to store it at the top)",
                    put->name, fault, folder != NULL ? "folder" : "name");
    if (!name_is_valid(given, given_length) && name_is_valid(bare, length))
        return fail(failure, REASON_USAGE, local, "cannot be stored as \"%s\": %s (use --%s %.*s)",
                    put->name, fault, is_folder ? "folder" : "name", (int)length, bare);
    return fail(failure, REASON_USAGE, local, "cannot be stored as \"%s\": %s", put->name, fault);
}

/*
 * Makes the name under which an operand is stored. One that is cut off is too long to be valid. A
 * folder such as "." has no name: what is in it goes to the folder of --folder.
 */
static void make_name(struct put *put, const char *operand)
{
    const char *folder = put->options->values[OPTION_FOLDER];
    const char *given = put->options->values[OPTION_NAME];
    size_t length = strlen(operand);
    size_t folder_length = folder != NULL ? name_length_without_slash(folder, strlen(folder)) : 0;

    while (length > 1 && operand[length - 1] == '/')
        length--;
    const char *slash = memrchr(operand, '/', length);
    const char *last = given != NULL ? given : slash != NULL ? slash + 1 : operand;
    int last_length = given != NULL ? (int)strlen(given) : (int)(operand + length - last);
    bool is_nameless =
        given == NULL && length > 0 && last_length <= 2 && strspn(last, ".") == (size_t)last_length;
    (void)snprintf(put->name, NAME_ROOM, "%.*s%s%.*s", (int)folder_length,
                   folder != NULL ? folder : "", folder != NULL && !is_nameless ? "/" : "",
                   is_nameless ? 0 : last_length, last);
}

/* Leaves out what was found below a folder, and counts it. */
static void skip(struct put *put, const struct tree_entry *entry, size_t *count, const char *why)
{
    const struct report report = {
        .name = put->name, .local = entry->path, .done = "skipped", .why = why, .size = -1};
    char clean[NAME_ROOM];

    (*count)++;
    put->has_skipped = true;
    /* A library could not have some of these names: a newline in one would begin another line. */
    (void)utf8_clean(put->name, strlen(put->name), clean, sizeof clean);
    int code = options_have(put->options, OPTION_DRY_RUN)
                   ? invocation_print_plan(put->invocation, report.done, clean)
                   : 0;
    (void)invocation_report_file(put->invocation, code, &report);
}

static void say_skipped(const struct skipped *skipped)
{
    const struct {
        size_t count;
        const char *what;
    } parts[] = {{skipped->files, "excluded file"},
                 {skipped->folders, "excluded folder"},
                 {skipped->links, "link"},
                 {skipped->specials, "special file"}};
    char text[256] = "";
    size_t length = 0;
    size_t left = 0;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        left += parts[i].count > 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].count == 0)
            continue;
        left--;
        length += (size_t)snprintf(text + length, sizeof text - length, "%zu %s%s%s",
                                   parts[i].count, parts[i].what, parts[i].count > 1 ? "s" : "",
                                   left > 1    ? ", "
                                   : left == 1 ? " and "
                                               : "");
    }
    if (length > 0)
        console_say("skipped %s", text);
}

/* Stores what was found below a folder, or reports why not: nothing is skipped silently. */
static bool put_entry(void *context, const struct tree_entry *entry)
{
    struct put *put = context;
    struct skipped *skipped = &put->skipped;
    bool is_folder = entry->kind == TREE_FOLDER;
    bool continues = !invocation_is_over(put->invocation);

    (void)snprintf(put->name + put->base, NAME_ROOM - put->base, "%s%s",
                   entry->relative[0] != '\0' ? "/" : "", entry->relative);
    if (entry->is_excluded) {
        skip(put, entry, is_folder ? &skipped->folders : &skipped->files, "excluded");
        return continues;
    }
    if (entry->kind == TREE_LINK && put->skips_links) {
        skip(put, entry, &skipped->links, "link");
        return continues;
    }
    if (entry->kind == TREE_SPECIAL && put->skips_specials) {
        skip(put, entry, &skipped->specials, "special");
        return continues;
    }
    put->is_empty = put->is_empty && is_folder;
    errno = entry->error;
    if (entry->kind == TREE_LINK) {
        refuse(put, entry->path,
               entry->error == 0 ? "is a symbolic link, which is not followed (use --links skip or "
                                   "--links follow)"
               : entry->error == ELOOP ? "is in a circle of symbolic links"
                                       : "is a symbolic link that leads nowhere");
    } else if (entry->kind == TREE_SPECIAL) {
        refuse(put, entry->path,
               "is neither a file nor a folder (use --specials skip to leave it out)");
    } else if (entry->kind == TREE_UNREADABLE) {
        refuse(put, entry->path, NULL);
    } else if (check_name(put, entry->path) < 0) {
        put->is_empty = false;
        uploads_refuse(&put->uploads, put->name, entry->path, -REASON_USAGE);
        return !is_folder;
    } else if (entry->kind == TREE_FILE) {
        struct stat status;
        int fd = openat(entry->folder, entry->last,
                        O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
                            (put->tree.follows_links ? 0 : O_NOFOLLOW));
        /* It may have been replaced since it was found. */
        if (fd < 0 || fstat(fd, &status) < 0)
            refuse(put, entry->path, NULL);
        else if (!S_ISREG(status.st_mode))
            refuse(put, entry->path, "is no longer a regular file");
        else
            store(put, fd, entry->path);
        descriptor_close(fd);
    }
    return !invocation_is_over(put->invocation);
}

/* Stores what is in an open folder, and closes it. That there is nothing may be as it should be. */
static void put_folder(struct put *put, int folder, const char *operand)
{
    struct failure *failure = put->invocation->failure;
    const struct listing_request request = {.name = put->name, .deep = true, .details = true};
    struct entries listing = {.region = NULL};

    /* Asking for each file would take longer than to store them. */
    if (options_have(put->options, OPTION_DRY_RUN)) {
        int listed = entries_read(&listing, ENTRIES_ALL, put->uploads.connection, &request);
        if (listed < 0 && listed != -REASON_EMPTY) {
            uploads_refuse(&put->uploads, put->name, operand, listed);
            entries_free(&listing);
            descriptor_close(folder);
            return;
        }
        put->listing = &listing;
    }
    put->base = strlen(put->name);
    put->is_empty = true;
    put->has_skipped = false;
    tree_walk(folder, operand, &put->tree, put_entry, put);
    put->listing = NULL;
    entries_free(&listing);
    if (!put->is_empty)
        return;
    put->name[put->base] = '\0';
    int code = fail(failure, REASON_EMPTY, operand, "no files in this folder%s; nothing was stored",
                    put->has_skipped ? " but skipped ones" : "");
    if (options_have(put->options, OPTION_FAIL_EMPTY))
        uploads_refuse(&put->uploads, put->name, operand, code);
    else
        console_say("%s", failure->text);
}

static int put_one(struct invocation *invocation, const char *operand)
{
    struct put *put = invocation->state;
    bool is_stdin = strcmp(operand, "-") == 0;
    struct stat status;

    put->is_begun = true;
    make_name(put, operand);
    /* On the command line this was checked before. */
    if (is_stdin && !options_have(put->options, OPTION_NAME)) {
        uploads_refuse(&put->uploads, put->name, operand,
                       fail(put->invocation->failure, REASON_USAGE, operand,
                            "standard input needs --name NAME"));
        return 0;
    }
    int code = check_name(put, operand);
    if (code < 0) {
        uploads_refuse(&put->uploads, put->name, operand, code);
        return 0;
    }
    if (is_stdin) {
        store(put, STDIN_FILENO, "standard input");
        return 0;
    }
    if (stat(operand, &status) == 0 && !S_ISREG(status.st_mode)) {
        if (options_have(put->options, OPTION_DRY_RUN) && !S_ISDIR(status.st_mode)) {
            plan(put, -1, operand, NULL);
            return 0;
        }
        /* Opening a FIFO waits for its writer. */
        uploads_settle(&put->uploads);
    }
    int fd = open(operand, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        refuse(put, operand, errno == ENOENT ? "no such file here" : NULL);
        return 0;
    }
    bool is_folder = fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
    if (is_folder && options_have(put->options, OPTION_RECURSIVE)) {
        put_folder(put, fd, operand);
        return 0;
    }
    if (is_folder)
        refuse(put, operand, "is a local folder (use -R to store what is in it)");
    else
        store(put, fd, operand);
    (void)close(fd);
    return 0;
}

/* Stores what the command after "--" prints. */
static int put_command(struct invocation *invocation, const char *unused)
{
    struct put *put = invocation->state;
    char **command = put->options->operands;

    (void)unused;
    make_name(put, command[0]);
    int code = check_name(put, command[0]);
    if (code < 0)
        uploads_refuse(&put->uploads, put->name, command[0], code);
    else if (options_have(put->options, OPTION_DRY_RUN))
        plan(put, -1, command[0], command);
    else
        uploads_put_command(&put->uploads, put->name, command);
    return 0;
}

static void settle(struct invocation *invocation)
{
    struct put *put = invocation->state;

    uploads_settle(&put->uploads);
}

/* A file of the command line, and the name under which it is to be stored. */
struct operand {
    const char *path;
    char *name;
};

static int by_name(const void *left, const void *right)
{
    const struct operand *a = left;
    const struct operand *b = right;
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : strcmp(a->path, b->path);
}

/*
 * Do two files have the same content? Folders do, as far as that matters here, and so does what
 * cannot be read, which is a failure of its own.
 */
static bool is_same_file(const char *left, const char *right)
{
    const char *const paths[] = {left, right};
    char digests[2][DIGEST_ROOM];
    struct stat statuses[2];

    if (stat(left, &statuses[0]) < 0 || stat(right, &statuses[1]) < 0 ||
        descriptor_is_same(&statuses[0], &statuses[1]))
        return true;
    if (!S_ISREG(statuses[0].st_mode) || !S_ISREG(statuses[1].st_mode))
        return S_ISDIR(statuses[0].st_mode) && S_ISDIR(statuses[1].st_mode);
    if (statuses[0].st_size != statuses[1].st_size)
        return false;
    for (size_t i = 0; i < 2; i++) {
        int fd = open(paths[i], O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        int code = fd >= 0 ? digest_of_file(fd, &statuses[i], NULL, digests[i]) : -REASON_LOCAL;
        descriptor_close(fd);
        if (code < 0)
            return true;
    }
    return strcmp(digests[0], digests[1]) == 0;
}

/*
 * Refuses the last of several operands if it is not there, or a folder without -R: it is most likely
 * meant as the destination.
 */
static int check_last(const struct put *put)
{
    const struct options *options = put->options;
    struct failure *failure = put->invocation->failure;
    const char *last = options->operands[options->operand_count - 1];
    const char *bare = invocation_bare_name(last);
    int length = (int)name_length_without_slash(bare, strlen(bare));
    struct stat status;

    if (stat(last, &status) == 0)
        return !S_ISDIR(status.st_mode) || options_have(options, OPTION_RECURSIVE)
                   ? 0
                   : fail(failure, REASON_USAGE, last,
                          "is a local folder (use --folder %.*s to store the others in a folder of "
                          "the library, or -R to store what is in it)",
                          length, bare);
    if (errno != ENOENT && errno != ENOTDIR)
        return 0;
    if (options_have(options, OPTION_FOLDER))
        return fail(failure, REASON_USAGE, last, "no such file here; nothing was stored");
    if (listing_is_remote(last))
        return fail(
            failure, REASON_USAGE, last,
            "no such file here (--server, such as ssh://HOST, says where the library is, and "
            "--folder which folder in it)");
    if (options->operand_count == 2 && bare[length] == '\0' && strchr(bare, '/') != NULL)
        return fail(failure, REASON_USAGE, last,
                    "no such file here (use --name %s to store the first one under that name, or "
                    "--folder for a folder of the library)",
                    bare);
    return fail(
        failure, REASON_USAGE, last,
        "no such file here (use --folder %.*s to store the others in a folder of the library)",
        length, bare);
}

/* Refuses two different files that would be stored under one name. Sorts the operands. */
static int check_meeting(struct operand *operands, size_t count, struct failure *failure)
{
    qsort(operands, count, sizeof *operands, by_name);
    for (size_t i = 1; i < count; i++) {
        const struct operand *a = &operands[i - 1];
        const struct operand *b = &operands[i];
        if (strcmp(a->name, b->name) == 0 && !is_same_file(a->path, b->path))
            return fail(failure, REASON_USAGE, b->path,
                        "would be stored as \"%s\", and so would %s (use --folder or --name, and "
                        "store them one by one)",
                        b->name, a->path);
    }
    return 0;
}

/* Checks the operands of the command line, before anything is sent. */
static int check_operands(struct put *put)
{
    const struct options *options = put->options;
    struct failure *failure = put->invocation->failure;
    struct operand *operands = calloc(options->operand_count + 1, sizeof *operands);
    size_t count = 0;
    int code = 0;

    while (operands != NULL && count < options->operand_count && code == 0) {
        const char *path = options->operands[count];
        make_name(put, path);
        operands[count] = (struct operand){path, strdup(put->name)};
        if (operands[count].name == NULL)
            break;
        count++;
        code = check_name(put, path);
    }
    if (code == 0 && (operands == NULL || count < options->operand_count))
        code = fail_errno(failure, REASON_INTERNAL, "put", "no memory");
    if (code == 0 && count > 1)
        code = check_last(put);
    if (code == 0 && count > 1)
        code = check_meeting(operands, count, failure);
    while (count > 0)
        free(operands[--count].name);
    free(operands);
    return code;
}

/* Checks the options about what is below a folder, and sets the rules by them. */
static int read_tree_options(struct put *put)
{
    static const enum option with_tree[] = {OPTION_EXCLUDE, OPTION_INCLUDE, OPTION_LINKS,
                                            OPTION_SPECIALS};
    const struct options *options = put->options;
    struct failure *failure = put->invocation->failure;
    const char *links = options->values[OPTION_LINKS];
    const char *specials = options->values[OPTION_SPECIALS];

    for (size_t i = 0; i < sizeof with_tree / sizeof with_tree[0]; i++) {
        if (options_have(options, with_tree[i]) && !options_have(options, OPTION_RECURSIVE))
            return fail(failure, REASON_USAGE, "put", "--%s needs -R",
                        option_rows[with_tree[i]].name);
    }
    put->skips_links = links != NULL && strcmp(links, "skip") == 0;
    put->tree.follows_links = links != NULL && strcmp(links, "follow") == 0;
    put->skips_specials = specials != NULL && strcmp(specials, "skip") == 0;
    if (links != NULL && !put->skips_links && !put->tree.follows_links)
        return fail(failure, REASON_USAGE, "put", "--links: must be skip or follow");
    if (specials != NULL && !put->skips_specials)
        return fail(failure, REASON_USAGE, "put", "--specials: must be skip");
    if (options_have(options, OPTION_INCLUDE) && !options_have(options, OPTION_EXCLUDE))
        return fail(failure, REASON_USAGE, "put",
                    "--include needs --exclude, such as --exclude '*' for all others");
    for (size_t i = 0; i < options->repeated_count; i++) {
        const struct repeated_option *rule = &options->repeated[i];
        bool excludes = rule->option == OPTION_EXCLUDE;
        if (!excludes && rule->option != OPTION_INCLUDE)
            continue;
        const char *fault = filter_fault(rule->value);
        if (fault != NULL)
            return fail(failure, REASON_USAGE, "put", "--%s %s: %s", option_rows[rule->option].name,
                        rule->value, fault);
        if (filter_add(&put->tree.filter, excludes, rule->value) < 0)
            return fail_errno(failure, REASON_INTERNAL, "put", "no memory");
    }
    return 0;
}

/* Checks the options, and sets the rules by them. */
static int read_options(struct put *put)
{
    static const enum option excluded[][2] = {
        {OPTION_NAME, OPTION_FILES_FROM},         {OPTION_SHA256, OPTION_FILES_FROM},
        {OPTION_SHA256, OPTION_RECURSIVE},        {OPTION_REPLACE, OPTION_EXCLUSIVE},
        {OPTION_REPLACE, OPTION_IF_SAME},         {OPTION_EXCLUSIVE, OPTION_IF_SAME},
        {OPTION_SIZE, OPTION_FILES_FROM},         {OPTION_SIZE, OPTION_RECURSIVE},
        {OPTION_FROM_COMMAND, OPTION_FILES_FROM}, {OPTION_FROM_COMMAND, OPTION_FOLDER},
        {OPTION_FROM_COMMAND, OPTION_RECURSIVE},
    };
    static const char kind[] = "sha256:";
    const struct options *options = put->options;
    struct failure *failure = put->invocation->failure;
    const char *name = options->values[OPTION_NAME];
    const char *replace = options->values[OPTION_REPLACE];
    struct upload_rules *rules = &put->rules;
    int code = options_exclude(options, excluded, sizeof excluded / sizeof excluded[0], failure);

    if (code < 0)
        return code;
    if (options_have(options, OPTION_FROM_COMMAND)) {
        if (!options->only_operands || options->operand_count == 0)
            return fail(failure, REASON_USAGE, "put", "--from-command needs the command after --");
        if (options->dashes > 0)
            return fail(failure, REASON_USAGE, options->operands[0],
                        "--from-command takes no FILE (the command comes after --)");
        if (name == NULL)
            return fail(failure, REASON_USAGE, "put", "--from-command needs --name NAME");
    }
    size_t files = options_have(options, OPTION_FROM_COMMAND) ? 1 : options->operand_count;
    if (options_have(options, OPTION_SHA256) && files > 1)
        return fail(failure, REASON_USAGE, "put", "--sha256 takes one FILE");
    if (options_have(options, OPTION_SIZE) && files > 1)
        return fail(failure, REASON_USAGE, "put",
                    "--size takes one FILE (use --min-size for several)");
    if (options_have(options, OPTION_FAIL_EMPTY) && !options_have(options, OPTION_RECURSIVE) &&
        !options_have(options, OPTION_FILES_FROM))
        return fail(failure, REASON_USAGE, "put", "--fail-empty needs -R or --files-from");
    if (name != NULL && files > 1)
        return fail(failure, REASON_USAGE, "put",
                    "--name takes one FILE (use --folder for several)");
    for (size_t i = 0; i < options->operand_count; i++) {
        if (strcmp(options->operands[i], "-") == 0 && name == NULL)
            return fail(failure, REASON_USAGE, "put", "standard input needs --name NAME");
    }

    rules->exclusive = options_have(options, OPTION_EXCLUSIVE);
    rules->if_same = options_have(options, OPTION_IF_SAME);
    rules->allow_empty = options_have(options, OPTION_ALLOW_EMPTY);
    rules->spool = options_have(options, OPTION_SPOOL);
    rules->size = -1;
    if (replace != NULL && replace[0] == '\0') {
        rules->replace = "1";
    } else if (replace != NULL) {
        if (strncmp(replace, kind, strlen(kind)) != 0 ||
            !digest_of_hex(replace + strlen(kind), put->replace))
            return fail(failure, REASON_USAGE, "put",
                        "--replace: must be sha256: and 64 hexadecimal digits");
        rules->replace = put->replace;
    }
    code = options_digest(options, OPTION_SHA256, rules->digest, failure);
    if (code == 0)
        code = options_size(options, OPTION_SIZE, &rules->size, failure);
    if (code == 0)
        code = options_size(options, OPTION_MIN_SIZE, &rules->min_size, failure);
    if (code == 0)
        code = invocation_limit_rate(put->invocation);
    if (code == 0 && options_have(options, OPTION_SIZE) && rules->size < rules->min_size)
        code = fail(failure, REASON_USAGE, "put", "--size is less than --min-size");
    put->plain = *rules;
    put->plain.replace = NULL;
    put->plain.if_same = true;
    return code == 0 ? read_tree_options(put) : code;
}

/* What there is to be stored, as far as it was counted. */
struct measured {
    size_t files;
    int64_t bytes;
    int64_t until_ms; /* after that, counting would keep the server waiting */
};

static bool measure_entry(void *context, const struct tree_entry *entry)
{
    struct measured *measured = context;
    struct stat status;

    if (entry->kind == TREE_FILE && !entry->is_excluded &&
        fstatat(entry->folder, entry->last, &status, 0) == 0) {
        measured->files++;
        measured->bytes += status.st_size;
    }
    return clock_ms() < measured->until_ms;
}

/* Measures the operands for the progress rows. */
static void measure(void *context)
{
    const struct put *put = context;
    struct measured measured = {.until_ms = clock_ms() + MEASURE_MS};

    for (size_t i = 0; i < put->options->operand_count; i++) {
        const char *path = put->options->operands[i];
        struct stat status;
        if (stat(path, &status) < 0)
            continue;
        if (S_ISREG(status.st_mode)) {
            measured.files++;
            measured.bytes += status.st_size;
        } else if (S_ISDIR(status.st_mode) && options_have(put->options, OPTION_RECURSIVE)) {
            int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (folder >= 0)
                tree_walk(folder, path, &put->tree, measure_entry, &measured);
        }
    }
    if (clock_ms() < measured.until_ms)
        progress_expect(measured.files, measured.bytes);
}

int put_run(struct invocation *invocation)
{
    struct put *put = calloc(1, sizeof *put);

    if (put == NULL)
        return fail_errno(invocation->failure, REASON_INTERNAL, "put", "no memory");
    put->invocation = invocation;
    put->options = invocation->options;
    put->uploads.connection = &invocation->connection;
    put->uploads.rules = &put->rules;
    put->uploads.report = report;
    put->uploads.context = invocation;
    invocation->state = put;
    int code = read_options(put);
    const char *list = put->options->values[OPTION_FILES_FROM];
    bool has_command = invocation_has(invocation, OPTION_FROM_COMMAND);
    bool has_many = list != NULL || put->options->operand_count > 1;
    bool notes_names =
        has_many && put->rules.replace != NULL && !invocation_has(invocation, OPTION_DRY_RUN);
    if (code == 0 && has_command)
        code = invocation_run_once(invocation, put_command);
    else if (code == 0)
        code = check_operands(put);
    if (code == 0 && notes_names && claims_begin(&put->claims) < 0)
        code = fail_errno(invocation->failure, REASON_INTERNAL, "put", "no memory");
    if (!has_command && list == NULL)
        progress_set_measure(measure, put);
    if (code == 0 && !has_command)
        code = invocation_run_each(invocation, put_one, settle);
    if (code == 0 && list != NULL && !put->is_begun &&
        options_have(put->options, OPTION_FAIL_EMPTY))
        code = fail(invocation->failure, REASON_EMPTY,
                    strcmp(list, "-") == 0 ? "standard input" : list, "the list is empty");
    say_skipped(&put->skipped);
    filter_free(&put->tree.filter);
    claims_free(&put->claims);
    free(put);
    return code;
}
