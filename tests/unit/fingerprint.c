#include "protocol/fingerprint.h"

#include <string.h>

#include "tests/unit/check.h"

int main(void)
{
    /* printf x | openssl dgst -sha256 -binary | base64 */
    static const char text[] = "SHA256:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE";
    static const char *const wrong[] = {
        "",
        "SHA256:",
        "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE",
        "sha256:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE",
        "SHA256:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=",
        "SHA256:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSI",
        "SHA256:LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE",
        "SHA256:LXEWQrcmsEQBYnyp 6wy9chTD7GQPMTbAiWHF5IaSIE",
        "SHA256:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSI=",
        /* The same bytes, with bits that do not count. */
        "SHA256:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIF",
    };
    struct fingerprint fingerprint;
    struct fingerprint other;
    char printed[FINGERPRINT_ROOM];

    CHECK(strlen(text) == FINGERPRINT_ROOM - 1);
    CHECK(fingerprint_parse(text, &fingerprint));
    CHECK(fingerprint.bytes[0] == 0x2d && fingerprint.bytes[FINGERPRINT_LENGTH - 1] == 0x81);
    CHECK(strcmp(fingerprint_print(&fingerprint, printed), text) == 0);
    other = fingerprint;
    CHECK(fingerprint_is_equal(&fingerprint, &other));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK(!fingerprint_parse(wrong[i], &other));
    CHECK(fingerprint_is_equal(&fingerprint, &other));
    other.bytes[FINGERPRINT_LENGTH - 1]++;
    CHECK(!fingerprint_is_equal(&fingerprint, &other));
    return 0;
}
