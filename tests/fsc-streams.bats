#!/usr/bin/env bats
# What fsc put does with streams: standard input, FIFOs and devices, which can be read once. Guards say
# what must not be stored.
# bats file_tags=once

load library
load fsc

# stream TEXT ARGUMENT...: fsc put of a pipe with this text.
stream() {
    local text=$1
    shift
    printf %s "$text" | "$FSC" put - --name x "$@"
}

@test "put: an empty stream is refused without --allow-empty" {
    start_fsd
    assert_fails 8 stream ''
    assert_equal "$stderr" 'fsc: standard input: is empty, so nothing is stored (use --allow-empty to store an empty file)'
    assert_fails 8 stream '' --if-same
    assert_fails 8 stream '' --replace
    assert_fails 8 stream '' --exclusive
    assert_fails 8 "$FSC" put /dev/null
    assert_equal "$stderr" 'fsc: /dev/null: is empty, so nothing is stored (use --allow-empty to store an empty file)'
    : >empty
    assert_fails 8 "$FSC" put - --name x <empty
    printf 12345 >five
    assert_fails 8 bash -c 'read -r; "$1" put - --name x' - "$FSC" <five
    mkfifo fifo
    : >fifo &
    assert_fails 8 "$FSC" put fifo --name x
    wait $!
    run --separate-stderr "$FSC" put - --name x --json </dev/null
    assert_equal "$status" 8
    assert_equal "$(jq -r '"\(.outcome) \(.reason) \(.exit)"' <<<"$output")" 'failed mismatch 8'
    assert_empty_library

    assert_silent stream '' --allow-empty
    assert_equal "$(stat -c %s "$LIBRARY/x")" 0
    # Also where the same is there already.
    assert_fails 8 stream '' --if-same
    assert_silent stream '' --if-same --allow-empty
    # A file may be empty.
    assert_silent "$FSC" put empty
    assert_silent "$FSC" put --folder new/place empty /dev/null --allow-empty
}

@test "put: --min-size and --size of streams and files" {
    start_fsd
    printf 12345 >five
    head -c 200000 /dev/zero >large
    assert_fails 8 stream 12345 --min-size 6
    assert_equal "$stderr" 'fsc: standard input: has 5 bytes, fewer than the 6 of --min-size'
    assert_fails 8 stream 12345 --size 6
    assert_equal "$stderr" 'fsc: standard input: has 5 bytes, not the 6 of --size'
    assert_fails 8 stream 12345 --size 4
    assert_equal "$stderr" 'fsc: standard input: has more bytes than the 4 of --size'
    assert_fails 8 "$FSC" put five --min-size 1K
    assert_equal "$stderr" 'fsc: five: has 5 bytes, fewer than the 1024 of --min-size'
    assert_fails 8 "$FSC" put five --size 4
    assert_equal "$stderr" 'fsc: five: has 5 bytes, not the 4 of --size'
    assert_fails 8 "$FSC" put large --size 200001
    assert_fails 8 "$FSC" put large --min-size 200001
    assert_fails 8 "$FSC" put - --name x --size 199999 <large
    assert_fails 8 bash -c 'cat large | "$1" put - --name x --size 199999' - "$FSC"
    assert_fails 8 stream '' --size 0
    assert_empty_library

    assert_silent stream 12345 --min-size 5 --size 5
    assert_silent "$FSC" put five --min-size 5 --size 5
    assert_silent "$FSC" put large --min-size 195K --size 200000
    assert_silent bash -c 'cat large | "$1" put - --name large --if-same --size 200000' - "$FSC"
    # What is there already is not what was asked for.
    assert_fails 8 "$FSC" put five --min-size 6
    assert_fails 8 bash -c 'cat large | "$1" put - --name large --if-same --size 1' - "$FSC"
    assert_silent bash -c '"$1" put - --name empty --size 0 --allow-empty </dev/null' - "$FSC"
    # Of several, each must be as large.
    mkdir tree
    cp five large tree
    assert_fails 8 "$FSC" put -R tree --min-size 6
    assert_equal "$stderr" 'fsc: tree/five: has 5 bytes, fewer than the 6 of --min-size'
    assert_equal "$(quiet "$FSC" ls -R tree)" tree/large
}

@test "put: guards, wrong usage" {
    local size
    printf 12345 >five
    for size in '' x -1 1.5 1k 1KB 9999999999999999999; do
        assert_fails 2 "$FSC" put five --min-size "$size"
        assert_fails 2 "$FSC" put five --size "$size"
    done
    assert_equal "$stderr" 'fsc: --size: must be a number of bytes, or a size such as "64K" or "2G" (there are K, M, G, T and P)'
    assert_fails 2 "$FSC" put five --size 5 --min-size 6
    assert_fails 2 "$FSC" put five five --size 5
    assert_fails 2 "$FSC" put -R . --name x --size 5
    assert_fails 2 "$FSC" put --files-from five --size 5
}

@test "put: guards refuse a file before anything is sent, and a stream before its end" {
    printf 12345 >five
    head -c 200000 /dev/zero >large
    assert_fails 8 fake "$FSC" put five --min-size 6 <<<''
    assert_fails 8 fake "$FSC" put large --size 6 <<<''
    # The server knows the size of a stream that may have only one, and never gets more.
    assert_fails 8 fake bash -c 'printf 12345 | "$1" put - --name x --size 4' - "$FSC" <<'SCRIPT'
> PUT x size=4
< OK offset=0
> ABORT aborted
< FAIL aborted
SCRIPT
    assert_fails 8 fake bash -c 'printf 12345 | "$1" put - --name x --min-size 6' - "$FSC" <<'SCRIPT'
> PUT x
< OK offset=0
>item
> ABORT aborted
< FAIL aborted
SCRIPT
    assert_fails 8 fake "$FSC" put - --name x <<'SCRIPT'
> PUT x
< OK offset=0
> ABORT aborted
< FAIL aborted
SCRIPT
    # A server that would refuse is heard first.
    assert_fails 7 fake bash -c 'printf 12345 | "$1" put - --name x --size 4' - "$FSC" <<'SCRIPT'
> PUT x size=4
< FAIL no-space
SCRIPT
}

@test "put: a stream that never ends is refused as soon as it is too large" {
    start_fsd
    assert_fails 8 bash -c '"$1" put - --name x --size 1000000 < <(exec yes)' - "$FSC"
    assert_fails 8 bash -c '"$1" put - --name x --size 1000000 --if-same < <(exec yes)' - "$FSC"
    assert_empty_library
}
