#include "protocol/utf8.h"

#include <string.h>

size_t utf8_decode(const char *bytes, size_t length, uint32_t *ret_character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)bytes[0];

    if (first < 0x80) {
        *ret_character = first;
        return 1;
    }

    size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || size > length)
        return 0;

    uint32_t character = first & (0xFFU >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        unsigned char next = (unsigned char)bytes[i];
        if ((next & 0xC0) != 0x80)
            return 0;
        character = character << 6 | (next & 0x3F);
    }
    if (character < least[size] || character > 0x10FFFF ||
        (character >= 0xD800 && character <= 0xDFFF))
        return 0;
    *ret_character = character;
    return size;
}

bool utf8_is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7F && character < 0xA0);
}

bool utf8_is_format(uint32_t character)
{
    return character == 0x061C || character == 0x200E || character == 0x200F ||
           (character >= 0x2028 && character <= 0x202E) ||
           (character >= 0x2066 && character <= 0x2069) ||
           (character >= 0xE0000 && character <= 0xE007F);
}

size_t utf8_clean(const char *bytes, size_t length, char *text, size_t room)
{
    size_t written = 0;

    for (size_t i = 0; i < length;) {
        uint32_t character = 0;
        size_t size = utf8_decode(bytes + i, length - i, &character);
        bool clean = size > 0 && !utf8_is_control(character) && !utf8_is_format(character);
        size_t adds = clean ? size : 1;
        if (written + adds >= room)
            break;
        if (clean)
            memcpy(text + written, bytes + i, size);
        else
            text[written] = '?';
        written += adds;
        i += size > 0 ? size : 1;
    }
    if (room > 0)
        text[written] = '\0';
    return written;
}
