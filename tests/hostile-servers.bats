#!/usr/bin/env bats
# bats file_tags=once
# The same for fsc: servers that break the rules.

load library

@test "hostile: servers that break the rules get no wrong bytes stored, and no time" {
    COUNT=100 run "$TESTS/hostile" servers
    assert_success
    refute_line --regexp '^not ok'
}
