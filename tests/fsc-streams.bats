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
    assert_fails 8 stream 1 --size 6
    assert_equal "$stderr" 'fsc: standard input: has 1 byte, not the 6 of --size'
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

@test "put: a command that never ends is ended as soon as it has printed too much" {
    start_fsd
    assert_fails 8 "$FSC" put --name x --size 1000000 --from-command -- yes
    assert_fails 8 "$FSC" put --name x --size 1000000 --spool --from-command -- yes
    assert_empty_library
}

# The user's settings: pauses are short.
be_quick() {
    use_settings 'limits = { pause = "1ms"; };'
}

@test "put --spool: stores a stream that ended, of which guards are checked first" {
    local text
    start_fsd
    head -c 3000000 /dev/urandom >large
    mkdir empty
    export TMPDIR=$WORK/empty
    for text in 'x --if-same' x2; do
        # shellcheck disable=SC2086
        assert_silent bash -c 'cat large | "$1" put - --spool --name '"$text" - "$FSC"
    done
    assert_silent bash -c 'cat large | "$1" put - --spool --if-same --name x' - "$FSC"
    assert_silent "$FSC" put --spool --name y --from-command -- cat large
    cmp large "$LIBRARY/x"
    cmp large "$LIBRARY/y"
    # A file is one already.
    assert_silent "$FSC" put --spool large
    assert_fails 14 "$FSC" put --spool --name z --from-command -- sh -c 'cat large; exit 3'
    assert_equal "$stderr" 'fsc: z: sh ended with 3'
    assert_fails 8 stream '' --spool --replace
    assert_fails 8 stream 12345 --spool --replace --size 4
    assert_fails 8 stream 12345 --spool --replace --min-size 6
    assert_fails 8 stream 12345 --spool --replace --sha256 "$(printf '%064d' 0)"
    cmp large "$LIBRARY/x"
    assert_silent stream 12345 --spool --replace
    assert_equal "$(cat "$LIBRARY/x")" 12345
    assert [ ! -e "$LIBRARY/z" ]
    assert_equal "$(ls -A empty)" ''
}

@test "put --spool: a stream that the server refuses is not read" {
    start_fsd
    printf hello | quiet "$FSC" put - --name taken
    run --separate-stderr bash -c 'printf rest | { "$1" put - --spool --name taken; echo "$?"; cat; }' - "$FSC"
    assert_output $'3\nrest'
    run --separate-stderr bash -c 'printf rest | { "$1" put - --spool --name taken --exclusive; echo "$?"; cat; }' - "$FSC"
    assert_output $'3\nrest'
    assert_fails 3 "$FSC" put --spool --name taken --from-command -- touch was-run
    assert [ ! -e was-run ]
    stop_fsd
    assert_fails 10 "$FSC" put --spool --name x --from-command -- touch was-run
    assert [ ! -e was-run ]
    assert_fails 6 fake "$FSC" put --spool --name x --from-command -- touch was-run <<'SCRIPT'
> PUT x
< FAIL denied
SCRIPT
    assert [ ! -e was-run ]
}

@test "put --spool: is sent again after a lost connection" {
    be_quick
    # Refused at first, cut off in the middle, and resumed.
    assert_silent fake bash -c 'printf hello | "$1" put - --name x --spool --retry 3' - "$FSC" <<SCRIPT
> PUT x
< FAIL busy
<.
> PUT x
< OK offset=0
> ABORT aborted
< FAIL aborted
<.
> PUT x size=5 digest=$digest_of_hello upload=*
< OK offset=0
>item
<.
> PUT x size=5 digest=$digest_of_hello upload=*
< OK offset=2 digest=sha256:$(printf he | sha256sum | cut -d ' ' -f 1)
>body
< OK size=5 digest=$digest_of_hello
SCRIPT
    # No later run can resume it, so the server is to keep nothing of it.
    assert_fails 10 fake bash -c 'printf hello | "$1" put - --name x --spool' - "$FSC" <<SCRIPT
> PUT x
< OK offset=0
> ABORT aborted
< FAIL aborted
<.
> PUT x size=5 digest=$digest_of_hello upload=*
< OK offset=0
>body
<.
> PUT x size=5 digest=$digest_of_hello upload=*
< OK offset=5 digest=$digest_of_hello
> ABORT aborted
< FAIL aborted
SCRIPT
    assert_equal "$stderr" 'fsc: x: the connection was lost; the file is not stored yet'
    # Without, the failure stands.
    run --separate-stderr fake bash -c 'printf hello | "$1" put - --name x --retry 3 -v' - "$FSC" <<SCRIPT
> PUT x
< OK offset=0
>item
<.
SCRIPT
    assert_equal "$status" 10
    assert_regex "$stderr" 'fsc: x: not tried again: standard input cannot be read twice \(--spool keeps it\)'
    # No id is kept for what is gone.
    run find . -path '*uploads/*'
    assert_output ''
}

@test "--spool: TMPDIR that is not there, and one without room" {
    start_fsd
    quiet bash -c 'head -c 3000000 /dev/urandom | "$1" put - --name large' - "$FSC"
    TMPDIR=$WORK/nothing assert_fails 9 stream 12345 --spool
    assert_equal "$stderr" "fsc: $WORK/nothing: cannot make a temporary file there (TMPDIR says where): No such file or directory"
    TMPDIR=$WORK/nothing assert_fails 9 "$FSC" get large --output - --spool
    # TMPDIR is on a small disk.
    unshare -rm true 2>/dev/null || skip 'nobody may mount here'
    mkdir small
    # shellcheck disable=SC2016
    small='mount -t tmpfs -o size=64k none small && exec env TMPDIR="$PWD/small" "$@"'
    assert_fails 9 bash -c 'head -c 3000000 /dev/zero | unshare -rm bash -c "$2" - "$1" put - --name x --spool' - "$FSC" "$small"
    assert_equal "$stderr" "fsc: temporary file of --spool in $WORK/small: no room for all of it (set TMPDIR to a folder that has more)"
    run --separate-stderr unshare -rm bash -c "$small" - "$FSC" get large --output - --spool
    assert_equal "$status $output $stderr" "9  fsc: temporary file of --spool in $WORK/small: no room for all of it (set TMPDIR to a folder that has more)"
}

@test "get --spool: shows nothing of a file that is not whole" {
    be_quick
    print_cut_off >twice
    # Without a digest it starts again, which standard output could not.
    run --separate-stderr fake "$FSC" get a --output - --spool --retry 1 <twice
    assert_equal "$status $output $stderr" '0 hello '
    run --separate-stderr fake "$FSC" get a --spool --retry 1 --to-command -- cat <twice
    assert_equal "$status $output $stderr" '0 hello '
    sed '/^<\.$/q' twice >once
    assert_fails 10 fake "$FSC" get a --output - --spool <once
    assert_fails 10 fake "$FSC" get a --spool --to-command -- touch was-run <once
    assert [ ! -e was-run ]
    run --separate-stderr fake "$FSC" get a --output - --retry 1 -v <once
    assert_equal "$status $output" '10 he is lo'
    assert_regex "$stderr" 'fsc: a: not tried again: what went to standard output cannot be taken back'
    assert_fails 2 "$FSC" get a --spool
    assert_fails 2 "$FSC" get a --spool --output b
}

@test "get --spool: several files, zeros, and a reader that is gone" {
    start_fsd
    { head -c 1000000 /dev/zero && echo end && head -c 500000 /dev/zero; } >holes
    printf hello >small
    quiet "$FSC" put holes small
    quiet "$FSC" get small holes small --output - --spool | cmp - <(cat small holes small)
    quiet "$FSC" get holes --spool --to-command -- cmp - holes
    assert_fails 14 "$FSC" get holes --spool --to-command -- sh -c 'exit 3'
    run --separate-stderr bash -c 'trap "" PIPE; "$1" get holes holes --output - --spool | head -c 1 >/dev/null; echo "${PIPESTATUS[0]}"' - "$FSC"
    assert_equal "$output $stderr" '9 '
    run --separate-stderr bash -c '"$1" get small --output - --spool >/dev/full' - "$FSC"
    assert_equal "$status $stderr" '9 fsc: standard output: cannot write: No space left on device'
}

stopped_line='fsc: stopped at the first failure; nothing after it was tried (--fail-fast)'

@test "--fail-fast: stops put, get and rm at the first failure" {
    start_fsd
    mkdir tree
    touch tree/{a,b,c,d}
    printf other >b
    quiet "$FSC" put b --folder tree
    run --separate-stderr "$FSC" put -R tree --fail-fast
    assert_equal "$status $stderr" "3 fsc: tree/b: exists in the library with different content (use --replace to overwrite)"$'\n'"$stopped_line"
    assert_equal "$(quiet "$FSC" ls -R)" $'tree/a\ntree/b'
    run --separate-stderr "$FSC" put --folder tree tree/{c,b,d} --fail-fast --json -q
    assert_equal "$status ${#lines[@]} ${#stderr_lines[@]}" '3 2 1'
    assert_equal "$(jq -r .outcome <<<"$output")" $'stored\nfailed'
    printf '%s\n' tree/nothing tree/d >list
    run --separate-stderr "$FSC" put --folder tree --files-from list --fail-fast
    assert_equal "$status ${stderr_lines[1]}" "9 $stopped_line"
    assert_equal "$(quiet "$FSC" ls -R)" $'tree/a\ntree/b\ntree/c'

    mkdir here here/tree
    printf mine >here/tree/b
    run --separate-stderr "$FSC" get -R tree --into here --fail-fast
    assert_equal "$status ${stderr_lines[1]}" "3 $stopped_line"
    assert_equal "$(ls here/tree)" $'a\nb'
    run --separate-stderr "$FSC" get --into here --files-from - --fail-fast <<<$'nothing\ntree/c'
    assert_equal "$status ${stderr_lines[1]}" "4 $stopped_line"
    assert [ ! -e here/c ]
    run --separate-stderr "$FSC" get --match 'tree/*' --into here/tree --fail-fast --json
    assert_equal "$status ${stderr_lines[1]}" "3 $stopped_line"
    assert_equal "$(jq -r '"\(.name) \(.outcome)"' <<<"$output")" $'tree/a already there\ntree/b failed'
    assert_equal "$(ls here/tree)" $'a\nb'
    run --separate-stderr "$FSC" get tree/b nothing tree/b --output - --fail-fast
    assert_equal "$status $output ${stderr_lines[1]}" "4 other $stopped_line"

    run --separate-stderr "$FSC" rm tree/a nothing tree/c --fail-fast
    assert_equal "$status ${stderr_lines[1]}" "4 $stopped_line"
    assert_equal "$(quiet "$FSC" ls -R)" $'tree/b\ntree/c'
    # Nothing failed: it says nothing.
    assert_silent "$FSC" rm --match 'tree/*' --fail-fast
    assert_silent "$FSC" put -R tree --fail-fast
}

@test "--fail-fast: get --match --output - prints nothing after a file that is damaged" {
    local spool
    for spool in '' --spool; do
        # shellcheck disable=SC2086
        run --separate-stderr fake "$FSC" get --match '*' --output - --fail-fast $spool <<SCRIPT
> LIST match=*
< OK
< 6\na\nb\nc\n
< END
> GET a
< OK size=5 mtime=1 digest=$digest_of_hello
< 5\nhello
< END digest=$digest_of_hello
> GET b
< OK size=5 mtime=1 digest=$digest_of_hello
< 5\nHELLO
< END digest=$digest_of_hello
SCRIPT
        assert_equal "$status ${stderr_lines[1]}" "8 $stopped_line"
        assert_equal "$output" "hello$([ -n "$spool" ] || echo HELLO)"
    done
}

@test "retry: --retry-max-time begins no attempt after it" {
    local command
    use_settings 'limits = { pause = "100ms"; };'
    echo text >file
    # Pauses are at least 75, 150 and 300 ms.
    for command in 'get a' 'rm a' 'put file'; do
        # shellcheck disable=SC2086
        run --separate-stderr "$FSC" $command --retry 1000 --retry-max-time 500ms -v
        assert_equal "$status" 10
        assert_regex "$stderr" 'fsc: no other attempt, because of --retry-max-time'
        assert_regex "$(grep -c ': attempt ' <<<"$stderr" || true)" '^[0-4]$'
        # shellcheck disable=SC2086
        assert_fails 10 "$FSC" $command --retry 1000 --retry-max-time 0
    done
    assert_fails 2 "$FSC" get a --retry-max-time 5s
    assert_equal "$stderr" 'fsc: get: --retry-max-time needs --retry N'
    assert_fails 2 "$FSC" get a --retry 3 --retry-max-time 5x
}
