/*
 * Uploads: a local file, or a stream of bytes, on its way to the server; also a second time, after
 * the connection was lost, from where the server has got to.
 */
#ifndef CLI_UPLOAD_H
#define CLI_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cli/connection.h"
#include "protocol/digest.h"

/* What became of a file; begins as {0}. */
struct outcome {
    bool was_there;           /* there were the same bytes already */
    int64_t size;             /* of the whole file; -1: not known */
    char digest[DIGEST_ROOM]; /* empty: not known */
};

/* How files are to be stored. */
struct upload_rules {
    bool exclusive;           /* a taken name is a failure, whatever has it */
    bool if_same;             /* also a stream is read and compared where the name is taken */
    const char *replace;      /* what replace= says, "1" or a digest; NULL: nothing is replaced */
    char digest[DIGEST_ROOM]; /* of the only content that is to be stored; empty: any */
};

/* Adds a request to what is pending; a size of -1, and an empty digest, are not known. */
void upload_print_request(struct connection *connection, const struct upload_rules *rules,
                          const char *name, int64_t size, const char *digest, const char *last);

/*
 * Judges the final answer to an upload, whose size and digest are in `outcome`. `code` is what
 * connection_answer() returned; `told`: the server has been told the digest. Returns 0 when the
 * file is stored, or was there with the same bytes already, which is noted; or a reason.
 */
int upload_judge(struct connection *connection, const struct upload_rules *rules, const char *name,
                 bool told, int code, struct outcome *outcome);

/*
 * Judges the answer to a request with size and digest that asks what became of an upload, whose
 * answer was lost. `has_id`: it had an id, too. As upload_judge(), and -REASON_LOST when it is not
 * stored or not known; the connection is ready for another request, or closed.
 */
int upload_judge_lost(struct connection *connection, const struct upload_rules *rules,
                      const char *name, bool has_id, int code, struct outcome *outcome);

/* May a file with this digest be stored? Returns 0 or -REASON_MISMATCH. */
int upload_judge_digest(const struct upload_rules *rules, const char *local, const char *digest,
                        struct failure *failure);

/* Fails because a local file changed. Returns -REASON_MISMATCH. */
int upload_fail_changed(const char *local, struct failure *failure);

/*
 * Stores what is read from `source` under a name: asks first, and sends it after the go-ahead, in
 * as many attempts as the settings tell. A regular file, of which `status` tells, is sent with its
 * size and an id; with `status` NULL all is read to the end, once. `local` names it in messages.
 * No answer is awaited on the connection. Returns 0 as upload_judge(), or a reason.
 */
int upload_run(struct connection *connection, const struct upload_rules *rules, const char *name,
               int source, const char *local, const struct stat *status, struct outcome *outcome);

#endif
