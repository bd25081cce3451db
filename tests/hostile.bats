#!/usr/bin/env bats
# The campaign of hostile clients in short: `make hostile` has it with sanitizers, for as long as wanted.
# The campaign has daemons of its own, so there is no TLS.
# bats file_tags=tls

load library

@test "hostile: clients that break the rules harm neither the daemon nor others" {
    COUNT=120 FSD_MODELS=$FSD_CONCURRENCY run "$TESTS/hostile" clients
    assert_success
    refute_line --regexp '^not ok'
}
