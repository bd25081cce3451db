#!/usr/bin/env bats
# The campaign of kills in short: `make kills` has thousands of rounds.
# The campaign has daemons of its own, so there is no TLS.
# bats file_tags=tls

load library

@test "kills: no file is stored that its command did not finish" {
    SHORT=1 FSD_MODELS=$FSD_CONCURRENCY run "$TESTS/kills"
    assert_success
    refute_line --regexp '^not ok'
}
