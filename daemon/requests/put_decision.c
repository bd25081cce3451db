#include "daemon/requests/put_decision.h"

#include <string.h>

enum put_decision put_decide(const struct put_facts *facts)
{
    /* A quarantined name is free for the bytes that repair it, and for those that replace. */
    bool is_repaired =
        facts->name == PUT_NAME_QUARANTINED &&
        (facts->digest == NULL || strcmp(facts->digest, facts->there->record.digest) == 0);

    if (facts->name == PUT_NAME_FREE || is_repaired ||
        (facts->name == PUT_NAME_QUARANTINED && facts->replaces)) {
        if (facts->guard != NULL && facts->body != PUT_BODY_SENT)
            return PUT_NOTHING_TO_REPLACE;
        return facts->body == PUT_BODY_WHOLE ? PUT_LINK : PUT_RECEIVE;
    }

    const struct record *record = &facts->there->record;
    bool is_done = facts->upload != NULL && strcmp(record->upload, facts->upload) == 0 &&
                   strcmp(record->by, facts->client) == 0 &&
                   (facts->size < 0 || facts->size == record->size) &&
                   (facts->digest == NULL || strcmp(facts->digest, record->digest) == 0);
    if (is_done)
        return PUT_DONE;
    if (!facts->replaces) {
        if (facts->body == PUT_BODY_SENT)
            return PUT_COMPARE;
        /* A client that may not know what is stored has to send its bytes, or their digest, first. */
        return facts->may_know || facts->digest != NULL ? PUT_EXISTS : PUT_RECEIVE;
    }

    enum put_decision proceed = facts->body == PUT_BODY_WHOLE ? PUT_REPLACE : PUT_RECEIVE;
    if (facts->body == PUT_BODY_SENT || facts->digest == NULL)
        return proceed;
    if (record->digest[0] == '\0') {
        bool is_other = facts->size >= 0 && facts->size != facts->there->status.st_size;
        /* Without a guard, a file of another size, or one that cannot be read, is just replaced. */
        if (facts->guard == NULL && (is_other || facts->is_unreadable))
            return proceed;
        return facts->is_unreadable ? PUT_UNREADABLE : PUT_MAKE_DIGEST;
    }
    if (strcmp(facts->digest, record->digest) == 0)
        return PUT_EXISTS;
    return facts->guard == NULL || strcmp(facts->guard, record->digest) == 0 ? proceed
                                                                             : PUT_OTHER_FILE;
}
