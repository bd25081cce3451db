#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/requests/requests.h"
#include "daemon/store/stage.h"
#include "protocol/line.h"

/* What may take long to find out. */
struct usage {
    const struct library *library;
    struct stage_usage stages;
    struct library_space space;
};

static int find_usage(void *argument)
{
    struct usage *usage = argument;

    stage_measure(usage->library, NULL, &usage->stages);
    return library_measure(usage->library, &usage->space);
}

static void print_number(FILE *file, const char *key, uint64_t number)
{
    (void)fprintf(file, "%s %llu\n", key, (unsigned long long)number);
}

static void print_setting(FILE *file, const struct settings *settings, const char *key,
                          const struct setting *row)
{
    char *text = configuration_show_one(&settings->configuration, row);
    char *escaped = text != NULL ? malloc(3 * strlen(text) + 1) : NULL;

    if (escaped != NULL) {
        (void)line_escape(text, strlen(text), escaped);
        (void)fprintf(file, "%s %s\n", key, escaped);
    }
    free(escaped);
    free(text);
}

int status_serve(struct session *session, const struct arguments *arguments)
{
    const struct settings *settings = session->settings;
    const struct counters *counters = session->counters;
    struct usage usage = {.library = session->library};
    char *text = NULL;
    size_t length = 0;
    char wrong[LIBRARY_FAULT_ROOM];
    int code = session_run_with_heartbeat(session, find_usage, &usage);
    bool is_writable = session_check_promise(session) == 0 &&
                       session_check_writable(session) == 0 &&
                       library_prepare(session->library, false, wrong) == 0;

    (void)arguments;
    session->why[0] = '\0';
    if (code < 0)
        return code;
    FILE *file = open_memstream(&text, &length);
    if (file == NULL)
        return -REASON_INTERNAL;
    int64_t uptime = (int64_t)time(NULL) - counters->started_s;
    (void)fprintf(file, "version %s\nprotocol fsd/1\n", FSD_VERSION);
    print_setting(file, settings, "model", configuration_find(settings_table, "concurrency"));
    print_number(file, "uptime", uptime > 0 ? (uint64_t)uptime : 0);
    print_number(file, "sessions", (uint64_t)slots_count(session->slots));
    print_number(file, "sessions.served", counter_read(&counters->served));
    print_number(file, "sessions.refused", counter_read(&counters->refused));
    print_number(file, "sessions.crashed", counter_read(&counters->crashed));
    print_number(file, "handshakes.failed", counter_read(&counters->handshakes_failed));
    print_number(file, "disk.failures", counter_read(&counters->broken));
    print_number(file, "lines.dropped", counter_read(&counters->log_dropped));
    print_number(file, "bytes.received", counter_read(&counters->received));
    print_number(file, "bytes.sent", counter_read(&counters->sent));
    /* How often each request had each outcome: OK always, the others where there were any. */
    for (size_t place = 0; place <= request_place(NULL); place++) {
        const struct request *request = request_at(place);
        const char *word = request != NULL ? request->word : "other";
        for (enum reason outcome = 0; outcome < REASON_COUNT; outcome++) {
            uint64_t count = counter_read(&counters->requests[place][outcome]);
            if (count > 0 || (outcome == REASON_NONE && request != NULL))
                (void)fprintf(file, "requests.%s.%s %llu\n", word,
                              outcome == REASON_NONE ? "ok" : reason_word(outcome),
                              (unsigned long long)count);
        }
    }
    print_number(file, "stages", usage.stages.count);
    print_number(file, "stages.bytes", usage.stages.bytes);
    print_number(file, "stages.unreadable", usage.stages.unreadable);
    print_number(file, "space.total", usage.space.total);
    print_number(file, "space.free", usage.space.free);
    (void)fprintf(file, "writable %d\n", is_writable);
    for (const struct setting *row = settings_table; row->name != NULL; row++) {
        /* A list may be empty, and a value may not. */
        if (strncmp(row->name, "limits.", 7) == 0 && row->kind != SETTING_LIST)
            print_setting(file, settings, row->name, row);
    }

    code =
        fclose(file) == 0 ? stream_print(&session->stream, "OK\n%zu\n", length) : -REASON_INTERNAL;
    if (code == 0)
        code = stream_write(&session->stream, text, length);
    session->content_bytes = (int64_t)length;
    if (code == 0)
        code = stream_print(&session->stream, "\nEND\n");
    free(text);
    return code;
}
