#include "protocol/hex.h"

#include <string.h>

#include "tests/unit/check.h"

int main(void)
{
    const uint8_t bytes[] = {0x00, 0x9a, 0xff};
    char text[UPLOAD_ID_ROOM];
    char other[UPLOAD_ID_ROOM];

    hex_print(bytes, sizeof bytes, text);
    CHECK(strcmp(text, "009aff") == 0);
    CHECK(hex_is_valid("0123456789abcdef", 16) && hex_is_valid("", 0));
    CHECK(!hex_is_valid("A", 1) && !hex_is_valid("g", 1) && !hex_is_valid("a\0", 2));
    CHECK(hex_random(UPLOAD_ID_LENGTH, text) == 0 && hex_random(UPLOAD_ID_LENGTH, other) == 0);
    CHECK(strlen(text) == UPLOAD_ID_LENGTH && hex_is_valid(text, UPLOAD_ID_LENGTH));
    CHECK(strcmp(text, other) != 0);
    return 0;
}
