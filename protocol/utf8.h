/*
 * UTF-8 (RFC 3629), for names, patterns and texts.
 */
#ifndef PROTOCOL_UTF8_H
#define PROTOCOL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the character at the start of `length` bytes (at least 1) into `ret_character`.
 * Returns how many bytes it takes, 1 to 4, or 0 when they are not valid UTF-8. Overlong forms,
 * surrogates and everything above U+10FFFF are invalid.
 */
size_t utf8_decode(const char *bytes, size_t length, uint32_t *ret_character);

/* Is this a control character: C0, DEL or C1? */
bool utf8_is_control(uint32_t character);

/*
 * Does this character change how others are shown? Those that turn the direction of text (bidi),
 * end a line or paragraph (U+2028, U+2029), and tags, which are not shown (U+E0000 to U+E007F).
 */
bool utf8_is_format(uint32_t character);

/*
 * Copies text for a terminal, a log or an answer: each byte that is not valid UTF-8, and each
 * character that is a control or changes how others are shown, becomes one '?'. Writes at most `room`
 * bytes, with the NUL, and never cuts a character. Returns the length written.
 */
size_t utf8_clean(const char *bytes, size_t length, char *text, size_t room);

#endif
