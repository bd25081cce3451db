/* The file with the pins: those in it, written again, are the same. */
#include "cli/known_servers.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct known_servers first = {.count = 0};
    struct known_servers again = {.count = 0};
    struct fault fault;
    char line[FAULT_LINE_ROOM];
    char key[FINGERPRINT_ROOM];
    char *text = fuzz_text(data, size);
    char *written = NULL;
    size_t length = 0;

    if (known_servers_parse(&first, text, "file", &fault) < 0) {
        CHECK(fault.line > 0 && fault.text[0] != '\0' && fault_print(&fault, line) == line);
        CHECK(fuzz_is_clean(line, strlen(line)));
    } else {
        FILE *file = open_memstream(&written, &length);
        CHECK(file != NULL);
        for (size_t i = 0; i < first.count; i++)
            (void)fprintf(file, "%s %s\n", first.pins[i].server,
                          fingerprint_print(&first.pins[i].key, key));
        CHECK(fclose(file) == 0 && known_servers_parse(&again, written, "again", &fault) == 0);
        CHECK(again.count == first.count);
        for (size_t i = 0; i < first.count; i++) {
            CHECK(strcmp(again.pins[i].server, first.pins[i].server) == 0);
            CHECK(fingerprint_is_equal(&again.pins[i].key, &first.pins[i].key));
            CHECK(again.pins[i].line == i + 1 && first.pins[i].line > i);
        }
    }
    known_servers_release(&first);
    known_servers_release(&again);
    free(written);
    free(text);
    return 0;
}
