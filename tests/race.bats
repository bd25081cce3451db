#!/usr/bin/env bats
# The campaign of races in short: `make race` has thousands of rounds.

LOCAL_ONLY='the campaign has daemons of its own'
load library

@test "race: exactly one of many clients gets a name" {
    SHORT=1 FSD_MODELS=$FSD_CONCURRENCY run "$TESTS/race"
    assert_success
    refute_line --regexp '^not ok'
}
