#include "settings/fault.h"

#include <string.h>

#include "protocol/reason.h"
#include "tests/unit/check.h"

/* Where it is, and nothing that could harm a terminal. */
static void check_line(const struct fault *fault, const char *expected)
{
    char line[FAULT_LINE_ROOM];

    CHECK(fault_print(fault, line) == line && strcmp(line, expected) == 0);
}

int main(void)
{
    struct fault fault = {.file = "f", .line = 3, .name = "a", .text = "b"};

    check_line(&fault, "f:3: a: b");
    CHECK(fault_refuse(&fault, "%s", "\x1B[2J\x7F \xC2\x9B\xFF \xC3\xA4\n") == -REASON_USAGE);
    check_line(&fault, "f:3: a: ?[2J? ?? \xC3\xA4?");
    check_line(&(struct fault){.text = "alone"}, "alone");
    return 0;
}
