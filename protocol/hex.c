#include "protocol/hex.h"

#include <sys/random.h>

static const char hex[] = "0123456789abcdef";

void hex_print(const uint8_t *bytes, size_t count, char *text)
{
    for (size_t i = 0; i < count; i++) {
        *text++ = hex[bytes[i] >> 4];
        *text++ = hex[bytes[i] & 15];
    }
    *text = '\0';
}

bool hex_is_valid(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((text[i] < '0' || text[i] > '9') && (text[i] < 'a' || text[i] > 'f'))
            return false;
    }
    return true;
}

int hex_random(size_t digits, char *ret_text)
{
    uint8_t random[32];
    size_t count = digits / 2;

    if (getrandom(random, count, 0) != (ssize_t)count)
        return -1;
    hex_print(random, count, ret_text);
    return 0;
}
