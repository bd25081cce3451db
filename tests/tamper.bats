#!/usr/bin/env bats
# bats file_tags=tls
# The campaign of changed connections in short: `make tamper` has every bit.

load library

@test "tamper: what is cut or changed on the way is a lost connection" {
    SHORT=1 FSD_MODELS=$FSD_CONCURRENCY run "$TESTS/tamper"
    assert_success
    refute_line --regexp '^not ok'
}
