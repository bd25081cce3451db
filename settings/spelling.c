#include "settings/spelling.h"

#include <string.h>

enum {
    WORD_LONGEST = 64,
    DISTANCE_MOST = 2,
    BEGINNING_SHORTEST = 3,
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The optimal string alignment distance of two words of at most WORD_LONGEST bytes. */
static size_t measure(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][WORD_LONGEST + 1];
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *row = rows[2];

    for (size_t j = 0; j <= b_length; j++)
        last[j] = before[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_length];
}

void spelling_begin(struct spelling *spelling, const char *word, size_t length)
{
    *spelling = (struct spelling){.word = word, .length = length, .distance = DISTANCE_MOST + 1};
}

void spelling_try(struct spelling *spelling, const char *candidate)
{
    size_t length = strlen(candidate);
    size_t shorter = least(length, spelling->length);

    if (length > WORD_LONGEST || spelling->length > WORD_LONGEST)
        return;
    size_t distance = measure(spelling->word, spelling->length, candidate, length);
    if (shorter >= BEGINNING_SHORTEST && memcmp(spelling->word, candidate, shorter) == 0)
        distance = least(distance, DISTANCE_MOST);
    /* One letter at least must be right. */
    if (distance >= length + spelling->length - shorter || distance > spelling->distance)
        return;
    spelling->is_tied = distance == spelling->distance;
    spelling->distance = distance;
    spelling->nearest = candidate;
}

const char *spelling_nearest(const struct spelling *spelling)
{
    return spelling->is_tied || spelling->distance > DISTANCE_MOST ? NULL : spelling->nearest;
}

bool spelling_is_habit(const char *words, const char *word, size_t length)
{
    for (const char *at = words; at != NULL; at = strchr(at, ' ')) {
        at += strspn(at, " ");
        if (strcspn(at, " ") == length && memcmp(at, word, length) == 0)
            return true;
    }
    return false;
}
