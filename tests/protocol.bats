#!/usr/bin/env bats
# The rules of the protocol: every transcript is played with a daemon whose library is empty. A test
# plays those whose names begin alike; those of an anonymous client come over TCP.

load library

# transcripts PATTERN [EXCEPT]: the files whose names match the one and not the other.
transcripts() {
    local file name
    for file in "$TESTS"/transcripts/*; do
        name=${file##*/}
        if [[ $name =~ ^($1) && ! $name =~ ^(${2:-/}) ]]; then
            printf '%s\n' "$file"
        fi
    done
}

# list_rights FILE...: for each, "RIGHTS<TAB>FILE"; without a line "! rights" the client has "all".
list_rights() {
    awk 'function show() { if (file != "") print rights "\t" file }
        FNR == 1 { show(); file = FILENAME; rights = "all" }
        sub(/^! rights */, "") { rights = $0 }
        END { show() }' "$@"
}

# play_all PATTERN [EXCEPT]: plays these transcripts, all that need the same rights with one daemon.
# Goes on after a failure, so that one run names them all.
play_all() {
    local files rights address failed=0
    FSD_EXPECTED='msg=denied'
    mapfile -t files < <(transcripts "$@")
    [ "${#files[@]}" -gt 0 ]
    list_rights "${files[@]}" >rights
    while IFS= read -r rights; do
        LIBRARY=$(mktemp -d "$WORK/library.XXXXXX")
        if [ "$rights" = all ]; then
            start_fsd
            address=$SOCKET
        else
            start_fsd --listen plain:127.0.0.1:0 --anonymous "$rights"
            address=127.0.0.1:$FSD_PORT
        fi
        mapfile -t files < <(awk -F '\t' -v rights="$rights" '$1 == rights { print $2 }' rights)
        quiet "$TESTS/transcript" --empty "$LIBRARY" "$address" "${files[@]}" || failed=1
        stop_fsd
    done < <(cut -f 1 rights | sort -u)
    [ "$failed" -eq 0 ]
}

@test "transcripts: lines" {
    play_all 'line-'
}

@test "transcripts: fields" {
    play_all 'field-'
}

@test "transcripts: options" {
    play_all 'option-'
}

@test "transcripts: numbers and digests" {
    play_all 'number-|digest-'
}

@test "transcripts: request words" {
    play_all 'request-|http-'
}

@test "transcripts: order of answers, and the end of a session" {
    play_all 'order-|quit|eof-'
}

@test "transcripts: names" {
    play_all 'name-'
}

@test "transcripts: LIST" {
    play_all 'list' 'list-match'
}

@test "transcripts: LIST with match=" {
    play_all 'list-match'
}

@test "transcripts: GET" {
    play_all 'get'
}

@test "transcripts: PUT" {
    play_all 'put' 'put-(item|end|abort|wait|eager)'
}

@test "transcripts: the body of PUT" {
    play_all 'put-(item|end|abort|wait)'
}

@test "transcripts: DELETE" {
    play_all 'delete'
}

@test "transcripts: PUT with eager=1" {
    play_all 'put-eager'
}

@test "transcripts: WATCH" {
    play_all 'watch'
}

@test "transcripts: rights" {
    play_all 'rights-'
}

@test "transcripts: all belong to a test" {
    run transcripts '' \
        'line-|field-|option-|number-|digest-|request-|http-|order-|quit|eof-|name-|list|get|put|delete|watch|rights-'
    assert_output ''
}
