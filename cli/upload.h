/*
 * An upload: a local file, or a stream of bytes, on its way to the server, from the request to the
 * last answer. cli/uploads.h decides which are in flight together, and which are tried again.
 */
#ifndef CLI_UPLOAD_H
#define CLI_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cli/child.h"
#include "cli/connection.h"
#include "cli/listing.h"
#include "cli/upload_body.h"
#include "cli/upload_id.h"
#include "protocol/digest.h"

/* How files are to be stored. */
struct upload_rules {
    bool exclusive;      /* fail if the name is taken, even by the same content */
    bool if_same;        /* if the name is taken, read and compare a stream, too */
    const char *replace; /* the value of replace=, "1" or a digest; NULL: nothing is replaced */
    /* Guards: what they refuse is not stored. */
    char digest[DIGEST_ROOM]; /* the only content; empty: any */
    int64_t size;             /* the only size in bytes; -1: any */
    int64_t min_size;
    bool allow_empty; /* also of a stream */
    bool spool;       /* read a stream into a temporary file, and store that */
};

enum upload_mode {
    UPLOAD_AHEAD,  /* a small file, whose bytes are sent with the request */
    UPLOAD_FILE,   /* a regular file, sent after the go-ahead, and resumed where it was cut off */
    UPLOAD_STREAM, /* anything else, read once to its end after the go-ahead */
};

/* What is expected from the server. */
enum upload_stage {
    UPLOAD_REQUESTED, /* the go-ahead */
    UPLOAD_SENT,      /* the final answer: all was sent */
    UPLOAD_LOST,      /* what became of the upload: the final answer was lost */
};

/* Begins as {.spool = -1} but for connection, rules, name and local. */
struct upload {
    struct connection *connection;
    const struct upload_rules *rules;
    char *name;
    char *local; /* what messages call the source */
    enum upload_mode mode;
    char *bytes;    /* UPLOAD_AHEAD: of the file, to be sent again; NULL when they never are */
    int source;     /* the others: belongs to the caller, or is that of the command */
    bool is_stream; /* the source is standard input, a command, or no regular file */
    char *const *command; /* whose output is the source, started when it is needed; or NULL */
    struct child child;
    int spool;           /* the temporary file with all of a stream, which is then the source; -1 */
    struct stat status;  /* UPLOAD_FILE: before it is read */
    struct upload_id id; /* UPLOAD_FILE: empty until it is needed */
    struct upload_body body;
    enum upload_stage stage;
    bool digest_sent;         /* the server has the digest, so same=1 is about it */
    bool is_begun;            /* an earlier session of the server may still have this id */
    bool is_unknown;          /* it was sent whole, and the answer was lost */
    bool is_unanswered;       /* that connection was lost before the server answered anything */
    bool is_final;            /* neither another attempt nor asking again can help */
    bool was_there;           /* the same bytes were there already */
    int64_t began_ms;         /* of clock_ms() */
    const char *plan;         /* of upload_plan(): what would be done, e.g. "to be stored" */
    int64_t size;             /* of the whole source, as far as it was read */
    char digest[DIGEST_ROOM]; /* of the whole source; empty: not known */
};

/*
 * Begins the upload of a small file, whose bytes are here, or of a source, which must stay open.
 * With `keeps` it copies the bytes, so that they can be sent again. Return 0, -REASON_MISMATCH for a
 * source that the guards refuse, or -REASON_LOCAL.
 */
int upload_begin_bytes(struct upload *upload, const char *bytes, size_t length, bool keeps);
int upload_begin_source(struct upload *upload, enum upload_mode mode, int source,
                        const struct stat *status);

/* The same of what a command prints. It is not run before the server has given its go-ahead. */
void upload_begin_command(struct upload *upload, char *const command[]);
void upload_release(struct upload *upload, int code);

/*
 * Makes a file of a stream, for --spool: upload_ask_first() asks the server whether it would take it,
 * before anything is read, and upload_spool() then reads all of it. Return 0 or a reason.
 */
int upload_ask_first(struct upload *upload);
int upload_spool(struct upload *upload);

/* Can the source still be sent? Returns 0, or -REASON_MISMATCH for a file that has changed. */
int upload_check_source(const struct upload *upload);

/*
 * Adds the request to what is pending on the connection, which is ready; for UPLOAD_AHEAD with the
 * file's bytes, which are in `bytes`.
 */
void upload_send(struct upload *upload, const char *bytes);

/*
 * Takes the answer to the request, for which connection_answer() returned `code`, and does what it
 * asks for, up to the last answer. Returns 0 if the file is stored, or the same bytes were there
 * already; or a reason.
 */
int upload_conclude(struct upload *upload, int code);

/* After an attempt that has failed: can there be another one? */
bool upload_can_repeat(const struct upload *upload);

/*
 * Asks what became of an upload that was sent whole, and whose answer was lost. Without `can_ask`
 * the server cannot be reached, and nobody knows. Returns as upload_conclude(), with -REASON_LOST
 * when the file is not stored or that is not known.
 */
int upload_ask_outcome(struct upload *upload, bool can_ask);

/*
 * For --dry-run: what would become of an upload, if `there` has its name; NULL: nothing has it. Sets
 * `plan` or `was_there`, and sends nothing but questions. A stream has -1 as its source, and is not
 * read. Returns 0, or the reason why the upload would fail.
 */
int upload_plan(struct upload *upload, const struct entry *there);

/* Fails because a local file changed. Returns -REASON_MISMATCH. */
int upload_fail_changed(const char *local, struct failure *failure);

#endif
