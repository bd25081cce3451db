#!/usr/bin/env bats
# fsc --limit-rate: how evenly it is kept is in tests/unit/rate.c. A busy machine is only slower, so here
# only the least time is checked.
# bats file_tags=once

load library
load fsc

# takes MILLISECONDS COMMAND...: it succeeds, and takes at least that long.
takes() {
    local least=$1 before after
    shift
    before=$(date +%s%N)
    assert_silent "$@"
    after=$(date +%s%N)
    assert [ $(((after - before) / 1000000)) -ge "$least" ]
}

@test "put and get: --limit-rate holds for all files of a run, small ones too" {
    local i
    start_fsd
    mkdir small here
    for i in {1..20}; do
        head -c 10000 /dev/urandom >"small/$i"
    done
    head -c 200000 /dev/urandom >large
    takes 300 "$FSC" put -R small --limit-rate 400K
    # What is there already takes no time.
    takes 0 "$FSC" put large --limit-rate 10M
    takes 0 "$FSC" put large --limit-rate 1K --max-time 20
    rm "$LIBRARY/large"
    takes 300 "$FSC" put large --limit-rate 400K
    takes 300 bash -c '"$1" put - --name stream --limit-rate 400K <large' - "$FSC"
    takes 300 "$FSC" get -R small --into here --limit-rate 400K
    takes 300 "$FSC" get large --into here --limit-rate 400K
    takes 300 bash -c '"$1" get stream --output - --limit-rate 400K | cmp - large' - "$FSC"
    cmp large here/large
    diff -r small here/small
}

@test "put and get: --max-time counts the time of --limit-rate" {
    start_fsd
    head -c 200000 /dev/urandom >large
    assert_fails 11 "$FSC" put large --limit-rate 1K --max-time 1
    assert_silent "$FSC" put large --name there
    assert_fails 11 "$FSC" get there --limit-rate 1K --max-time 1
    assert_equal "$stderr" 'fsc: there: the time limit of --max-time is reached'
    assert [ ! -e there ]
}

@test "--limit-rate: a value that is not a rate, or too low, exits with 2" {
    local rate
    for rate in '' fast 1k 0 1023 -1; do
        assert_fails 2 "$FSC" get name "--limit-rate=$rate"
        assert_fails 2 "$FSC" put "$BATS_TEST_FILENAME" "--limit-rate=$rate"
    done
    assert_equal "$stderr" 'fsc: --limit-rate: must be a number of bytes, or a size such as "64K" or "2G" (there are K, M, G, T and P)'
    assert_fails 2 "$FSC" get name --limit-rate 1023
    assert_equal "$stderr" 'fsc: --limit-rate: must be at least 1K, which is 1024 bytes a second'
}
