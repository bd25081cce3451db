#include "cli/trusted.h"

#include <stdio.h>
#include <string.h>

int trusted_find(const struct configuration *row, const struct address *server, struct trusted *ret,
                 struct failure *failure)
{
    const struct server *named = row != NULL ? row->values : NULL;

    *ret = (struct trusted){.keys = NULL};
    (void)known_servers_name(server, ret->server);
    if (named == NULL || named->keys.count == 0)
        return known_servers_read(&ret->known, failure);
    ret->keys = &named->keys;
    ret->origin = settings_origin(row, "key");
    return 0;
}

void trusted_forget(struct trusted *trusted)
{
    known_servers_release(&trusted->known);
}

/* The server's first pin with this key, or with any for NULL. Returns NULL if it has none. */
static const struct pin *find_pin(const struct trusted *trusted, const struct fingerprint *key)
{
    for (size_t i = 0; i < trusted->known.count; i++) {
        const struct pin *pin = &trusted->known.pins[i];
        if (strcmp(pin->server, trusted->server) == 0 &&
            (key == NULL || fingerprint_is_equal(&pin->key, key)))
            return pin;
    }
    return NULL;
}

enum trust trusted_check(const struct trusted *trusted, const struct fingerprint *key)
{
    struct fingerprint listed;

    if (trusted->keys == NULL)
        return find_pin(trusted, key) != NULL    ? TRUST_PINNED
               : find_pin(trusted, NULL) != NULL ? TRUST_CHANGED
                                                 : TRUST_UNKNOWN;
    for (size_t i = 0; i < trusted->keys->count; i++) {
        if (fingerprint_parse(trusted->keys->texts[i], &listed) &&
            fingerprint_is_equal(&listed, key))
            return TRUST_PINNED;
    }
    return TRUST_CHANGED;
}

const char *trusted_place(const struct trusted *trusted, const struct fingerprint *key,
                          char place[TRUSTED_PLACE_ROOM])
{
    const struct pin *pin = trusted->keys == NULL ? find_pin(trusted, key) : NULL;

    if (pin != NULL)
        (void)snprintf(place, TRUSTED_PLACE_ROOM, "%s:%u", pin->file, pin->line);
    else
        (void)snprintf(place, TRUSTED_PLACE_ROOM, "%s", trusted->origin);
    return place;
}

int trusted_refuse(const struct trusted *trusted, const struct fingerprint *key,
                   struct failure *failure)
{
    const struct pin *pin = find_pin(trusted, NULL);
    const char *server = trusted->server;
    char shown[FINGERPRINT_ROOM];
    char place[TRUSTED_PLACE_ROOM];
    bool is_own = pin != NULL && pin->file == trusted->known.user_file;

    (void)fingerprint_print(key, shown);
    if (trusted_check(trusted, key) == TRUST_UNKNOWN)
        return fail(failure, REASON_IDENTITY, server,
                    "unknown server with the key %s (use fsc trust %s %s if that is its key)",
                    shown, server, shown);
    (void)trusted_place(trusted, NULL, place);
    return is_own
               ? fail(
                     failure, REASON_IDENTITY, server,
                     "THE SERVER HAS ANOTHER KEY than the one that is pinned in %s, and may be an "
                     "impostor: %s; nothing was sent to it (if it was given that key, use fsc trust "
                     "--remove %s && fsc trust %s %s)",
                     place, shown, server, server, shown)
               : fail(failure, REASON_IDENTITY, server,
                      "THE SERVER HAS ANOTHER KEY than the one that is set in %s, and may be an "
                      "impostor: %s; nothing was sent to it (if it was given that key, change that "
                      "line)",
                      place, shown);
}
