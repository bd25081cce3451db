#!/usr/bin/env bats
# The campaign of races in short: `make race` has thousands of rounds.

load library

@test "race: exactly one of many clients gets a name" {
    SHORT=1 FSD_MODELS=$FSD_CONCURRENCY run "$TESTS/race"
    assert_success
    refute_line --regexp '^not ok'
}
