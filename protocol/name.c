#include "protocol/name.h"

#include <stdint.h>
#include <string.h>

#include "protocol/utf8.h"

static const char *character_fault(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        uint32_t character = 0;
        size_t size = utf8_decode(bytes + i, length - i, &character);
        if (size == 0)
            return "it is not valid UTF-8";
        if (utf8_is_control(character))
            return "it contains a control character";
        i += size;
    }
    return NULL;
}

static const char *component_fault(const char *bytes, size_t length)
{
    if (length == 0)
        return "a component is empty";
    if (length > NAME_COMPONENT_LONGEST)
        return "a component is longer than 255 bytes";
    if (bytes[0] != '.')
        return NULL;
    if (length == 1 || (length == 2 && bytes[1] == '.'))
        return "a component is . or ..";
    if (length >= 4 && (memcmp(bytes, ".fsd", 4) == 0 || memcmp(bytes, ".nfs", 4) == 0))
        return "a component begins with .fsd or .nfs";
    return NULL;
}

bool name_component_is_valid(const char *bytes, size_t length)
{
    return memchr(bytes, '/', length) == NULL && component_fault(bytes, length) == NULL &&
           character_fault(bytes, length) == NULL;
}

const char *name_fault(const char *bytes, size_t length)
{
    if (length == 0)
        return "it is empty";
    if (length > NAME_LONGEST)
        return "it is longer than 1023 bytes";
    if (bytes[0] == '/')
        return "it begins with a slash";
    if (bytes[length - 1] == '/')
        return "it ends with a slash";

    for (size_t start = 0; start <= length;) {
        const char *slash = memchr(bytes + start, '/', length - start);
        size_t end = slash != NULL ? (size_t)(slash - bytes) : length;
        const char *fault = component_fault(bytes + start, end - start);
        if (fault != NULL)
            return fault;
        start = end + 1;
    }
    return character_fault(bytes, length);
}

size_t name_length_without_slash(const char *bytes, size_t length)
{
    return length > 1 && bytes[length - 1] == '/' ? length - 1 : length;
}

const char *name_last_component(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash != NULL ? slash + 1 : name;
}

bool name_is_valid(const char *bytes, size_t length)
{
    return name_fault(bytes, length) == NULL;
}
