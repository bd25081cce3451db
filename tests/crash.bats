#!/usr/bin/env bats
# The campaign of kills in short: `make crash` makes thousands of them.
# bats file_tags=once

load library

@test "crash: a process that is killed at any system call leaves no partial file" {
    skip_when_sanitized 'the tracer'
    SHORT=1 FSD_MODELS=$FSD_CONCURRENCY run "$TESTS/faults/crash"
    assert_success
    refute_line --regexp '^not ok'
    [[ ${lines[-1]} == *' passed, 0 failed' ]] || skip "${lines[0]}"
}
