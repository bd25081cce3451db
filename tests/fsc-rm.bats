#!/usr/bin/env bats
# fsc rm: deletes what it was asked to delete, and nothing else.
# bats file_tags=once

load library
load fsc

# A daemon with some files: those below old are 40 days old, and those below new are of today
# and, as of a clock that is wrong, of tomorrow.
start_with_files() {
    local name
    for name in a b folder/a.gz folder/b folder/deep/c.gz old/1.gz old/2.gz new/3.gz new/4.gz; do
        mkdir -p "$LIBRARY/$(dirname "$name")"
        printf '%s' "$name" >"$LIBRARY/$name"
    done
    touch -d '40 days ago' "$LIBRARY"/old/*
    touch -d tomorrow "$LIBRARY/new/4.gz"
    start_fsd
}

# assert_left NAME...: these are the files in the library.
assert_left() {
    run quiet "$FSC" ls -R
    assert_output "$(printf '%s\n' "$@")"
}

# Lets fsc pause only for a moment.
be_quick() {
    use_settings 'limits = { pause = "1ms"; };'
}

# bats test_tags=client
@test "rm: deletes files, and a folder with its last one" {
    start_with_files
    assert_silent "$FSC" rm a
    assert_left b folder/{a.gz,b,deep/c.gz} new/{3,4}.gz old/{1,2}.gz
    assert_silent "$FSC" rm b folder/deep/c.gz old/1.gz old/2.gz
    assert_left folder/{a.gz,b} new/{3,4}.gz
    [ ! -e "$LIBRARY/folder/deep" ]
    [ ! -e "$LIBRARY/old" ]
    # What has just been stored can be deleted, too, and the name is free again.
    echo 1 | quiet "$FSC" put - --name deep/est
    assert_silent "$FSC" rm deep/est
    echo 2 | quiet "$FSC" put - --name deep/est
    assert_equal "$(cat "$LIBRARY/deep/est")" 2
}

@test "rm: each of several names is tried, and the first failure is the exit code" {
    start_with_files
    printf '%s\n' nothing a folder ../x b a/below >list
    run --separate-stderr "$FSC" rm --files-from list
    assert_equal "$status $output" '4 '
    assert_equal "${#stderr_lines[@]}" 4
    assert_regex "${stderr_lines[0]}" '^fsc: nothing: '
    assert_regex "${stderr_lines[1]}" '^fsc: folder: '
    assert_regex "${stderr_lines[2]}" '^fsc: \.\./x: not a valid name'
    assert_regex "${stderr_lines[3]}" '^fsc: a/below: '
    assert_left folder/{a.gz,b,deep/c.gz} new/{3,4}.gz old/{1,2}.gz
    assert_fails 1 "$FSC" rm folder
    assert_silent "$FSC" rm --missing-ok a nothing folder/b
    assert_fails 1 "$FSC" rm --missing-ok folder
    assert_fails 2 "$FSC" rm ''
    assert_equal "$stderr" 'fsc: "": not a valid name: it is empty'
    assert_left folder/{a.gz,deep/c.gz} new/{3,4}.gz old/{1,2}.gz
}

@test "rm: --json reports each file" {
    start_with_files
    run --separate-stderr "$FSC" rm --json --missing-ok a nothing folder
    assert_equal "$status ${#stderr_lines[@]}" '1 1'
    assert_output '{"name":"a","outcome":"deleted"}
{"name":"nothing","outcome":"already gone"}
{"name":"folder","outcome":"failed","reason":"not-a-file","exit":1,"message":"'"${stderr#fsc: }"'"}'
    run --separate-stderr "$FSC" rm --json --match '*.gz' --dry-run old
    assert_equal "$status $stderr" '0 '
    assert_output '{"name":"old/1.gz","outcome":"to be deleted"}
{"name":"old/2.gz","outcome":"to be deleted"}'
    printf '%s\n' old .. >list
    run --separate-stderr "$FSC" rm --json --match '*.gz' --files-from list
    assert_equal "$status ${#stderr_lines[@]}" '2 1'
    assert_output '{"name":"old/1.gz","outcome":"deleted"}
{"name":"old/2.gz","outcome":"deleted"}
{"name":"..","outcome":"failed","reason":"usage","exit":2,"message":"'"${stderr#fsc: }"'"}'
}

# bats test_tags=client
@test "rm: names and folders from a list" {
    start_with_files
    printf 'a\nfolder/b\n' >list
    assert_silent "$FSC" rm --files-from list
    printf 'b\0folder/a.gz\0' | quiet "$FSC" rm -0 --files-from -
    assert_left folder/deep/c.gz new/{3,4}.gz old/{1,2}.gz
    printf 'old\nnew/\n' | quiet "$FSC" rm --match '[23]*' --files-from -
    assert_left folder/deep/c.gz new/4.gz old/1.gz
    : >empty
    assert_silent "$FSC" rm --files-from empty
    assert_silent "$FSC" rm --match '*' -R --files-from empty
    assert_left folder/deep/c.gz new/4.gz old/1.gz
}

# bats test_tags=client
@test "rm: --match selects as ls does" {
    start_with_files
    assert_silent "$FSC" rm --match '*.zip'
    assert_silent "$FSC" rm --match '*.gz' --missing-ok nothing a
    assert_left a b folder/{a.gz,b,deep/c.gz} new/{3,4}.gz old/{1,2}.gz
    assert_silent "$FSC" rm --match '?'
    assert_left folder/{a.gz,b,deep/c.gz} new/{3,4}.gz old/{1,2}.gz
    assert_silent "$FSC" rm --match '*/[13]*'
    assert_left folder/{a.gz,b,deep/c.gz} new/4.gz old/2.gz
    assert_silent "$FSC" rm --match '*.gz' folder/ old
    assert_left folder/{b,deep/c.gz} new/4.gz
    assert_silent "$FSC" rm -R --match '*.gz' folder
    assert_left folder/b new/4.gz
    assert_silent "$FSC" rm -R --match '*'
    assert_silent "$FSC" ls
}

@test "rm: --match means what fnmatch(3) means" {
    start_with_files
    assert_silent "$FSC" rm -R --match '[^0-9]*'
    assert_left new/{3,4}.gz old/{1,2}.gz
    # Nothing is deleted by a pattern that is most likely meant otherwise.
    assert_fails 2 "$FSC" rm -R --match '[!z-a]*'
    assert_fails 2 "$FSC" rm -R --match '[[:digit]*'
    assert_left new/{3,4}.gz old/{1,2}.gz
    assert_silent "$FSC" rm --match '[[:digit:]]\.gz' new
    assert_left old/{1,2}.gz
}

@test "rm: --match in a folder that is not there is not found" {
    local name
    start_with_files
    for name in typo typo/ a folder/b; do
        assert_fails 4 "$FSC" rm --match '*' "$name"
        assert_equal "$stderr" "fsc: $name: no such folder in the library"
        assert_fails 4 "$FSC" rm --match '*' --dry-run --fail-empty -R "$name"
        assert_silent "$FSC" rm --match '*' --missing-ok "$name"
    done
    assert_silent "$FSC" rm --match '*.zip'
    assert_silent "$FSC" rm --match '*.zip' old new/
    assert_fails 5 "$FSC" rm --match '*.zip' --fail-empty
    assert_equal "$stderr" 'fsc: rm: no files'
    assert_fails 5 "$FSC" rm --match '*.zip' --fail-empty --older-than 1d old
    assert_equal "$stderr" 'fsc: old: no files'
    assert_fails 5 "$FSC" rm --match '*.zip' --fail-empty --missing-ok typo
    # That all are too young is the usual case.
    assert_silent "$FSC" rm --match '*.gz' --fail-empty --older-than 50d old
    run --separate-stderr "$FSC" rm --json --match '*.gz' typo old
    assert_equal "$status $stderr" '4 fsc: typo: no such folder in the library'
    assert_output '{"name":"typo","outcome":"failed","reason":"not-found","exit":4,"message":"typo: no such folder in the library"}
{"name":"old/1.gz","outcome":"deleted"}
{"name":"old/2.gz","outcome":"deleted"}'
    assert_left a b folder/{a.gz,b,deep/c.gz} new/{3,4}.gz
    assert_fails 2 "$FSC" rm --fail-empty a
}

@test "rm: what does not match is not deleted, whatever the server says" {
    local listed
    # As a server that takes "^" for itself.
    for listed in 1 ^ 9; do
        assert_fails 1 fake "$FSC" rm --match '[^0-9^]*' <<SCRIPT
> LIST match=[^0-9^]*
< OK
< 4\na\n$listed\n
< END
SCRIPT
        assert_equal "$stderr" 'fsc: rm: the server listed something that was not asked for'
    done
}

@test "rm: --older-than goes by the time of the commit" {
    start_with_files
    echo 1 | quiet "$FSC" put - --name stored/now
    assert_silent "$FSC" rm -R --match '*' --older-than 41d
    assert_silent "$FSC" rm -R --match '*' --older-than 365000h
    assert_left a b folder/{a.gz,b,deep/c.gz} new/{3,4}.gz old/{1,2}.gz stored/now
    touch -d '61 minutes ago' "$LIBRARY/new/3.gz"
    touch -d '59 minutes ago' "$LIBRARY/folder/b"
    assert_silent "$FSC" rm -R --match '*' --older-than 60min
    assert_left a b folder/{a.gz,b,deep/c.gz} new/4.gz stored/now
    touch -d '2 days ago' "$LIBRARY/a"
    assert_silent "$FSC" rm --match '*' --older-than 36h
    assert_left b folder/{a.gz,b,deep/c.gz} new/4.gz stored/now
    touch -d '5 seconds ago' "$LIBRARY/b"
    assert_silent "$FSC" rm --match '*' --older-than 2s
    assert_left folder/{a.gz,b,deep/c.gz} new/4.gz stored/now
    # All files except the one from tomorrow.
    assert_silent "$FSC" rm -R --match '*' --older-than 0s
    assert_left new/4.gz
}

@test "rm: --dry-run prints the names and deletes nothing" {
    start_with_files
    run --separate-stderr "$FSC" rm -R --match '*.gz' --older-than 1d --dry-run
    assert_equal "$status $stderr" '0 '
    assert_output $'old/1.gz\nold/2.gz'
    quiet "$FSC" rm --match '*.gz' --dry-run -0 folder old | tr '\0' '!' >printed
    assert_equal "$(cat printed)" 'folder/a.gz!old/1.gz!old/2.gz!'
    assert_fails 9 bash -c '"$1" rm --match "*" --dry-run >/dev/full' - "$FSC"
    assert_left a b folder/{a.gz,b,deep/c.gz} new/{3,4}.gz old/{1,2}.gz
}

@test "rm: wrong usage" {
    local text
    # Nobody listens: a connection would be exit code 10.
    assert_fails 2 "$FSC" rm
    assert_fails 2 "$FSC" rm --missing-ok
    assert_fails 2 "$FSC" rm --older-than 1d a
    assert_fails 2 "$FSC" rm --older-than 1d
    assert_fails 2 "$FSC" rm -R a
    assert_fails 2 "$FSC" rm --match ''
    assert_fails 2 "$FSC" rm --match "$(printf '%05000d' 0)"
    assert_fails 2 "$FSC" rm --match '*' ''
    assert_fails 2 "$FSC" rm a/
    assert_fails 2 "$FSC" rm ''
    for text in '' ' ' x -1 1.5 5x d min ' 5' 1M 100ms '5 d' 36501d 9999w 99999999999999999999d; do
        assert_fails 2 "$FSC" rm --match '*' --older-than "$text"
        assert_equal "$stderr" 'fsc: --older-than: must be a number and one of s, min, h, d and w, as in 30d; at most 36500d'
    done
    # Seconds here are days elsewhere, and minutes are months.
    for text in 30 0 99999999999999999999; do
        assert_fails 2 "$FSC" rm --match '*' --older-than "$text"
        assert_equal "$stderr" "fsc: --older-than: \"$text\" has no unit (write ${text}d for days; there are s, min, h, d and w)"
    done
    assert_fails 2 "$FSC" rm --match '*' --older-than 30m
    assert_equal "$stderr" 'fsc: --older-than: "30m" could be minutes or months (write 30min, or days as in 30d)'
}

# bats test_tags=client
@test "rm: a client without the right to delete exits 6" {
    mkdir "$LIBRARY"
    echo 1 >"$LIBRARY/a"
    FSD_EXPECTED='^level=warning msg=denied '
    start_fsd --listen plain:127.0.0.1:0 --anonymous 'list get put'
    FSC_SERVER=plain:127.0.0.1:$FSD_PORT
    assert_fails 6 "$FSC" rm a
    assert_regex "$stderr" '^fsc: a: .*DELETE'
    assert_fails 6 "$FSC" rm --match '*'
    assert_fails 6 "$FSC" rm --missing-ok nothing
    [ -e "$LIBRARY/a" ]
}

@test "rm: nothing is deleted after a listing that broke off or is invalid" {
    local code rest
    while read -r code rest; do
        printf '> LIST match=* details=1\n< OK\n< 2\\na\\n\n< %s\n<.\n' "$rest" >script
        assert_fails "$code" "$TESTS/fake_server" "$SOCKET" script "$FSC" rm --match '*'
        assert_equal "$(wc -l <script.heard)" 1
    done <<'ENDS'
10 \
10 3\nb\
12 ABORT unavailable
1 END x
1 2\na\n\nEND\n\
1 4\nx/y\n\nEND\n\
1 3\n..\n\nEND\n\
ENDS
}

@test "rm: nothing is deleted when the server could not look everywhere" {
    local text='the server cannot read x/: Permission denied'
    printf '> LIST match=* details=1\n< OK\n< 2\\na\\n\n< ABORT incomplete %s\n' "$text" >script
    assert_fails 1 "$TESTS/fake_server" "$SOCKET" script "$FSC" rm --match '*'
    assert_equal "$stderr" "fsc: rm: $text (nothing was deleted)"
    assert_fails 1 "$TESTS/fake_server" "$SOCKET" script "$FSC" rm --match '*' --dry-run
    printf '> LIST y match=* details=1\n< FAIL incomplete %s\n' "$text" >script
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script "$FSC" rm --json --match '*' y
    assert_equal "$status $stderr" "1 fsc: y: $text (nothing was deleted)"
    assert_output "{\"name\":\"y\",\"outcome\":\"failed\",\"reason\":\"incomplete\",\"exit\":1,\"message\":\"${stderr#fsc: }\"}"
}

@test "rm: nothing that matches is deleted if the time of one is not known" {
    run --separate-stderr fake "$FSC" rm --match '*' --older-than 1d <<'SCRIPT'
> LIST match=* details=1
< OK
< 23\na\nb mtime=1.5\nc size=1\n
< END
SCRIPT
    assert_equal "$status $stderr" '1 fsc: a: the server does not report its time'
}

@test "rm: a file may vanish between listing and deletion only with --match" {
    assert_silent fake "$FSC" rm --match '*' <<'SCRIPT'
> LIST match=* details=1
< OK
< 34\na size=1 mtime=1\nb size=1 mtime=1\n
< END
> DELETE a mtime=1
< FAIL not-found
> DELETE b mtime=1
< OK
SCRIPT
    assert_fails 4 fake "$FSC" rm a <<<$'> DELETE a\n< FAIL not-found'
}

@test "rm: a file that is gone after a lost answer was deleted" {
    be_quick
    printf '> DELETE a\n<.\n' >script
    assert_fails 10 "$TESTS/fake_server" "$SOCKET" script "$FSC" rm a
    printf '> DELETE a\n<.\n> DELETE a\n< FAIL not-found\n' >script
    assert_silent "$TESTS/fake_server" "$SOCKET" script "$FSC" rm a --retry 1
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script "$FSC" rm a --retry 1 --json
    assert_equal "$status $stderr $output" '0  {"name":"a","outcome":"already gone"}'
    printf '> DELETE a\n<.\n> DELETE a\n< OK\n' >script
    assert_silent "$TESTS/fake_server" "$SOCKET" script "$FSC" rm a --retry 1
    printf '> DELETE a\n<.\n> DELETE a\n< FAIL busy\n<.\n> DELETE a\n< FAIL not-found\n' >script
    assert_silent "$TESTS/fake_server" "$SOCKET" script "$FSC" rm a --retry 2
    # Where it cannot have been deleted before it is not found.
    printf '> DELETE a\n< FAIL %s\n<.\n> DELETE a\n< FAIL not-found\n' busy >script
    assert_fails 4 "$TESTS/fake_server" "$SOCKET" script "$FSC" rm a --retry 1
    printf '> DELETE a\n< FAIL %s\n<.\n> DELETE a\n< FAIL not-found\n' unavailable >script
    assert_fails 4 "$TESTS/fake_server" "$SOCKET" script "$FSC" rm a --retry 1
    printf '> DELETE a\n< FAIL not-found\n' >script
    assert_fails 4 "$TESTS/fake_server" "$SOCKET" script "$FSC" rm a --retry 5
    # The next name is tried again, and another connection for it.
    printf '> DELETE a\n< WAIT\n<.\n> DELETE b\n< OK\n' >script
    assert_fails 10 "$TESTS/fake_server" "$SOCKET" script "$FSC" rm a b
}

@test "rm: a missing file exits 4, also when there was no connection at first" {
    local pid fields=() code=0
    be_quick
    use_settings 'limits = { pause = "100ms"; };'
    "$FSC" rm nothing --retry 1000 </dev/null >out 2>errors 3>&- &
    pid=$!
    # It sleeps once it has failed.
    until [ "${fields[*]:1:2}" = '(fsc) S' ]; do
        kill -0 "$pid"
        read -ra fields <"/proc/$pid/stat"
        sleep 0.01
    done
    start_fsd
    wait "$pid" || code=$?
    assert_equal "$code $(cat out) $(cat errors)" '4  fsc: nothing: no such file in the library'
}

@test "rm: with --retry the listing is asked for again" {
    be_quick
    assert_silent fake "$FSC" rm --match '*' --retry 1 <<'SCRIPT'
> LIST match=* details=1
< OK
< 34\na size=1 mtime=1\nb size=1 mtime=1\n
<.
> LIST match=* details=1
< OK
< 17\nb size=1 mtime=1\n
< END
> DELETE b mtime=1
< FAIL busy
<.
> DELETE b mtime=1
< OK
SCRIPT
}

@test "rm: without a connection the other names are left" {
    assert_fails 10 "$FSC" rm a b
    assert_fails 10 "$FSC" rm --match '*' a b
    assert_fails 11 "$FSC" rm a b --max-time 200ms --server 'exec:exec sleep 60'
}
