#!/usr/bin/env bats
# The campaign of races in short: `make race` has thousands of rounds.
# The campaign has daemons of its own, so there is no TLS.
# bats file_tags=tls

load library

@test "race: exactly one of many clients gets a name" {
    SHORT=1 FSD_MODELS=$FSD_CONCURRENCY run "$TESTS/race"
    assert_success
    refute_line --regexp '^not ok'
}
