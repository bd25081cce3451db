/*
 * Uploads: what a PUT has to do with its stage and its body, before anything gets a name.
 */
#ifndef REQUESTS_UPLOAD_H
#define REQUESTS_UPLOAD_H

#include "daemon/requests/requests.h"
#include "daemon/store/lookup.h"
#include "daemon/store/stage.h"

/* A file on its way in. */
struct upload {
    struct session *session;
    const struct arguments *arguments;
    struct stage stage;
    const char *id;   /* by which it may be gone on with; NULL: it may not */
    int64_t received; /* bytes of the file */
    bool is_whole;    /* its END has come */
    struct digest digest;
    struct record record; /* what will be remembered of it */
    struct stored there;  /* the file that has the name already; fd -1 for none */
};

/*
 * All return 0, or the negative of a reason as `serve` of struct request does. After
 * upload_begin(), upload_close() is to be called; `code` is what became of the upload: the stage of
 * one that may be gone on with stays.
 */
void upload_begin(struct upload *upload, struct session *session,
                  const struct arguments *arguments);
void upload_close(struct upload *upload, int code);

/* Locks the stage of an upload that broke off, if that is what this one goes on with. */
int upload_find_stage(struct upload *upload);

/* Opens a new stage, unless one was found. */
int upload_open_stage(struct upload *upload);

/* Tells the client to send what is not yet there. */
int upload_send_go_ahead(struct upload *upload);

/* Reads the body to its END, and judges its size and digest. */
int upload_receive(struct upload *upload);

#endif
