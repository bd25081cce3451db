#include "protocol/utf8.h"

#include <string.h>

#include "tests/unit/check.h"

static void check_character(const char *bytes, uint32_t expected)
{
    uint32_t character = 0;
    size_t length = strlen(bytes);

    CHECK(utf8_decode(bytes, length, &character) == length);
    CHECK(character == expected);
    /* Cut, it is none. */
    for (size_t cut = 1; cut < length; cut++)
        CHECK(utf8_decode(bytes, cut, &character) == 0);
}

static void check_decode(void)
{
    static const char *const wrong[] = {
        "\x80",
        "\xBF", /* continued without a beginning */
        "\xC0\x80",
        "\xC1\xBF", /* overlong, two bytes */
        "\xE0\x80\x80",
        "\xE0\x9F\xBF", /* overlong, three bytes */
        "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF", /* overlong, four bytes */
        "\xED\xA0\x80",
        "\xED\xBF\xBF", /* surrogates */
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", /* above U+10FFFF */
        "\xF8\x88\x80\x80",
        "\xFE",
        "\xFF",
        "\xC3(",
        "\xE2\x82(",
        "\xF0\x9F\x92(",
    };
    uint32_t character = 7;

    check_character("a", 'a');
    check_character("\x7F", 0x7F);
    check_character("\xC2\x80", 0x80);
    check_character("\xDF\xBF", 0x7FF);
    check_character("\xE0\xA0\x80", 0x800);
    check_character("\xED\x9F\xBF", 0xD7FF);
    check_character("\xEE\x80\x80", 0xE000);
    check_character("\xEF\xBF\xBF", 0xFFFF);
    check_character("\xF0\x90\x80\x80", 0x10000);
    check_character("\xF4\x8F\xBF\xBF", 0x10FFFF);
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(utf8_decode(wrong[i], strlen(wrong[i]), &character) == 0);
    CHECK(utf8_decode("\0", 1, &character) == 1 && character == 0);
}

static void check_control(void)
{
    CHECK(utf8_is_control(0) && utf8_is_control('\n') && utf8_is_control(0x1F));
    CHECK(utf8_is_control(0x7F) && utf8_is_control(0x80) && utf8_is_control(0x9F));
    CHECK(!utf8_is_control(' ') && !utf8_is_control('~') && !utf8_is_control(0xA0));
}

static void check_cleaned(const char *bytes, size_t room, const char *expected)
{
    char text[64];

    memset(text, 'X', sizeof text);
    CHECK(utf8_clean(bytes, strlen(bytes), text, room) == strlen(expected));
    CHECK(strcmp(text, expected) == 0);
    CHECK(text[room] == 'X');
}

int main(void)
{
    check_decode();
    check_control();
    check_cleaned("plain text", 32, "plain text");
    check_cleaned("a\x1B[2J\x7F\tb", 32, "a?[2J??b");
    check_cleaned("\xC3\xA4\xE2\x82\xAC", 32, "\xC3\xA4\xE2\x82\xAC");
    check_cleaned("\xC2\x85|\xFF|\xC3", 32, "?|?|?");
    /* Right-to-left override and isolate, with their ends, marks, a line separator, a tag. */
    check_cleaned(
        "a\xE2\x80\xAE"
        "b\xE2\x80\xAC\xE2\x81\xA6\xE2\x80\x8F\xE2\x81\xA9\xD8\x9C|\xE2\x80\xA8|\xF3\xA0\x81\x81",
        32, "a?b?????|?|?");
    /* Joiners are part of words, in Persian for instance. */
    check_cleaned("\xE2\x80\x8C\xE2\x80\x8D\xEF\xBB\xBF", 32,
                  "\xE2\x80\x8C\xE2\x80\x8D\xEF\xBB\xBF");
    check_cleaned("", 1, "");
    check_cleaned("abc", 3, "ab");
    check_cleaned("ab\xE2\x82\xAC", 5, "ab");
    check_cleaned("ab\xE2\x82\xAC", 6, "ab\xE2\x82\xAC");
    return 0;
}
