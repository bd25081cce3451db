#include "protocol/line.h"

#include <stdint.h>
#include <string.h>

#include "protocol/utf8.h"

static const char hex[] = "0123456789ABCDEF";

static bool must_escape(unsigned char byte)
{
    return byte <= 0x20 || byte == '%' || byte == '=' || byte == 0x7F;
}

static int hex_value(char digit)
{
    const char *place = digit != '\0' ? strchr(hex, digit) : NULL;
    return place != NULL ? (int)(place - hex) : -1;
}

/* Decodes one field into `text`. Returns the length, or -1 when a byte is not allowed. */
static int decode(const char *bytes, size_t length, char *text)
{
    int written = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '%') {
            int high = length - i > 2 ? hex_value(bytes[i + 1]) : -1;
            int low = length - i > 2 ? hex_value(bytes[i + 2]) : -1;
            if (high < 0 || low < 0)
                return -1;
            byte = (unsigned char)(high << 4 | low);
            if (!must_escape(byte))
                return -1;
            i += 2;
        } else if (must_escape(byte)) {
            return -1;
        }
        text[written++] = (char)byte;
    }
    text[written] = '\0';
    return written;
}

int line_parse_field(const char *bytes, size_t length, char *text, struct field *ret)
{
    const char *equals = memchr(bytes, '=', length);
    size_t key_length = equals != NULL ? (size_t)(equals - bytes) : 0;
    size_t used = 0;

    *ret = (struct field){.key = NULL};
    if (equals != NULL) {
        if (key_length < 1 || key_length > LINE_KEY_LONGEST)
            return -1;
        for (size_t i = 0; i < key_length; i++) {
            if (bytes[i] < 'a' || bytes[i] > 'z')
                return -1;
        }
        memcpy(text, bytes, key_length);
        text[key_length] = '\0';
        ret->key = text;
        used = key_length + 1;
    }
    int decoded = decode(bytes + used, length - used, text + used);
    if (decoded <= 0)
        return -1;
    ret->bytes = text + used;
    ret->length = (size_t)decoded;
    return (int)used + decoded + 1;
}

int line_parse(struct line *line, const char *bytes, size_t length)
{
    size_t used = 0;

    line->count = 0;
    if (length >= LINE_LONGEST)
        return -REASON_BAD_REQUEST;
    for (size_t start = 0; start <= length;) {
        const char *space = memchr(bytes + start, ' ', length - start);
        size_t end = space != NULL ? (size_t)(space - bytes) : length;
        struct field *field = &line->fields[line->count];
        int took = line_parse_field(bytes + start, end - start, line->text + used, field);
        bool is_repeated = took >= 0 && field->key != NULL && line_option(line, field->key) != NULL;
        if (took < 0 || is_repeated)
            return -REASON_BAD_REQUEST;
        used += (size_t)took;
        line->count++;
        start = end + 1;
    }
    return 0;
}

const struct field *line_option(const struct line *line, const char *key)
{
    for (size_t i = 0; i < line->count; i++) {
        const struct field *field = &line->fields[i];
        if (field->key != NULL && strcmp(field->key, key) == 0)
            return field;
    }
    return NULL;
}

bool line_has_positionals(const struct line *line, size_t count)
{
    for (size_t i = 0; i < line->count; i++) {
        if ((line->fields[i].key == NULL) != (i < count))
            return false;
    }
    return line->count >= count;
}

size_t line_escape(const char *bytes, size_t length, char *text)
{
    size_t written = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (must_escape(byte)) {
            text[written++] = '%';
            text[written++] = hex[byte >> 4];
            text[written++] = hex[byte & 15];
        } else {
            text[written++] = (char)byte;
        }
    }
    text[written] = '\0';
    return written;
}

const char *line_echo(const char *bytes, size_t length, char text[LINE_ECHO_ROOM])
{
    const size_t most = 64;
    size_t written = 0;

    for (size_t i = 0; i < length;) {
        uint32_t character = 0;
        char piece[8] = "?";
        size_t adds = 1;
        size_t size = utf8_decode(bytes + i, length - i, &character);
        if (size > 0 &&
            (character < 0x80 || (!utf8_is_control(character) && !utf8_is_format(character))))
            adds = line_escape(bytes + i, size, piece);
        if (written + adds > most) {
            memcpy(text + written, "...", 4);
            return text;
        }
        memcpy(text + written, piece, adds);
        written += adds;
        i += size > 0 ? size : 1;
    }
    text[written] = '\0';
    return text;
}
