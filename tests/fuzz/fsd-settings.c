/*
 * The configuration of fsd: that of one file; and that of several, with a NUL between them, in which
 * each client is found by its keys, and each of its folders is a valid name.
 */
#include "daemon/settings.h"

#include "protocol/name.h"
#include "tests/fuzz/settings.h"

static void check_clients(const struct settings *settings)
{
    char folder[GRANT_FOLDER_ROOM];
    size_t rows = 0;

    for (size_t i = 0; i < settings->key_count; i++) {
        const struct client_key *key = &settings->keys[i];
        bool is_there = false;
        CHECK(settings_find_key(settings, &key->key) == key);
        for (const struct grant *row = key->first; row != NULL; row = row->next) {
            CHECK(strcmp(row->client, key->first->client) == 0);
            CHECK(row->folder == NULL ||
                  (grant_expand(row->folder, row->client, folder) == NULL &&
                   name_is_valid(folder, name_length_without_slash(folder, strlen(folder)))));
            is_there = is_there || row == key->row->values;
        }
        CHECK(is_there);
    }
    for (size_t i = 0; i < settings->clients.count; i++) {
        const struct grant *row = settings->clients.groups[i].values;
        rows += row->keys.count;
    }
    CHECK(rows == settings->key_count);
}

static void fuzz_files(const char *text, size_t size)
{
    struct settings settings;
    struct fault fault = {.file = NULL};
    char line[FAULT_LINE_ROOM];
    int code = 0;

    settings_init(&settings);
    for (size_t begin = 0; code == 0 && begin < size; begin += strlen(text + begin) + 1) {
        char *file = NULL;
        CHECK(asprintf(&file, "%s\n", text + begin) > 0);
        code = begin == 0 ? configuration_parse(&settings.configuration, file, "first", &fault)
                          : configuration_parse_more(&settings.configuration, file, "more", &fault);
        free(file);
    }
    if (code == 0) {
        fault = (struct fault){.file = NULL};
        code = settings_link_clients(&settings, &fault);
    }
    if (code == 0)
        check_clients(&settings);
    else
        CHECK(fault.text[0] != '\0' && fuzz_is_clean(fault_print(&fault, line), strlen(line)));
    settings_release(&settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings first = {.library = NULL};
    struct settings again = {.library = NULL};

    fuzz_settings(data, size, &first, &again);
    char *text = fuzz_text(data, size);
    fuzz_files(text, size);
    free(text);
    return 0;
}
