#include "cli/claims.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"

static struct claims claims;

static bool conflicts(const char *name, const char *owner)
{
    return claims_conflict(&claims, name, strlen(name), owner);
}

static void note(const char *name, const char *owner)
{
    claims_note(&claims, name, strlen(name), owner);
}

static void check_owners(void)
{
    note("x", "a");
    CHECK(claims.slots == NULL && !conflicts("x", "b"));
    CHECK(claims_begin(&claims) == 0);
    CHECK(!conflicts("x", "a"));
    note("x", "a/x");
    note("", "a/x");
    CHECK(!conflicts("x", "a/x") && conflicts("x", "b/x"));
    CHECK(!conflicts("", "a/x") && conflicts("", "b/x") && !conflicts("y", "a/x"));
    note("x", "b/x");
    CHECK(conflicts("x", "a/x") && !conflicts("x", "b/x"));
    CHECK(claims.count == 2);
}

/* More names than there is room for. */
static void check_bound(void)
{
    size_t most = 0;

    for (size_t i = 0; i < 2000000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%zu", i);
        note(name, name);
        CHECK(conflicts(name, "another"));
        most = claims.count > most ? claims.count : most;
    }
    CHECK(most > 1500000 && most < 1600000);
    CHECK(!conflicts("x", "a/x") && !conflicts("0", "another"));
}

int main(void)
{
    check_owners();
    check_bound();
    claims_free(&claims);
    return 0;
}
