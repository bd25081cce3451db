#!/usr/bin/env bats
# fsc stat and fsc status: what a server says about a file and about itself.
# bats file_tags=once

load library
load fsc

# bats test_tags=client
@test "stat: the details of a file" {
    start_fsd
    printf hello >hello
    assert_silent "$FSC" put hello --name stored/hello
    run quiet "$FSC" stat stored/hello
    assert_equal "$status ${#lines[@]}" '0 5'
    assert_line --index 0 'name: stored/hello'
    assert_line --index 1 'size: 5'
    assert_line --index 2 --regexp '^mtime: 20[0-9]{2}-[0-9T:-]{14}(\.[0-9]{1,9})?Z$'
    assert_line --index 3 "digest: $digest_of_hello"
    assert_line --index 4 --regexp '^by: (user|key):'
    run quiet "$FSC" stat --json stored/hello
    assert_output --regexp "^\{\"name\":\"stored/hello\",\"size\":5,\"mtime\":\"20[0-9T:-]{17}Z\",\"mtime_ns\":[0-9]+,\"digest\":\"$digest_of_hello\",\"by\":\"(user|key):[^\"]+\"\}\$"
}

@test "stat: several files, also without records" {
    start_fsd
    printf x >"$LIBRARY/a"
    : >"$LIBRARY/with space"
    touch -d @1000000000.25 "$LIBRARY/a" "$LIBRARY/with space"
    run quiet "$FSC" stat a 'with space'
    assert_output 'name: a
size: 1
mtime: 2001-09-09T01:46:40.25Z

name: with space
size: 0
mtime: 2001-09-09T01:46:40.25Z'
    run quiet "$FSC" stat --json a 'with space'
    assert_output '{"name":"a","size":1,"mtime":"2001-09-09T01:46:40Z","mtime_ns":250000000}
{"name":"with space","size":0,"mtime":"2001-09-09T01:46:40Z","mtime_ns":250000000}'
}

@test "stat: names that are not files" {
    start_fsd
    mkdir "$LIBRARY/folder" "$LIBRARY/empty"
    : >"$LIBRARY/a"
    touch "$LIBRARY/folder/"{1..1000}
    ln -s a "$LIBRARY/link"
    assert_fails 4 "$FSC" stat nothing
    assert_regex "$stderr" '^fsc: nothing: '
    assert_fails 4 "$FSC" stat link
    assert_fails 4 "$FSC" stat empty
    assert_fails 1 "$FSC" stat folder
    assert_equal "$stderr" 'fsc: folder: is a folder in the library (use fsc ls)'
    assert_fails 2 "$FSC" stat folder/
    assert_fails 2 "$FSC" stat ../a
    assert_fails 2 "$FSC" stat
    run --separate-stderr "$FSC" stat nothing folder a --json
    assert_equal "$status ${#stderr_lines[@]} ${#lines[@]}" '4 2 1'
    assert_regex "$output" '"name":"a"'
    run --separate-stderr bash -c '"$1" stat a >/dev/full' - "$FSC"
    assert_equal "$status ${#stderr_lines[@]}" '9 1'
}

@test "stat: output that cannot be written is reported before what follows in a list" {
    local pid status=0
    start_fsd
    printf hello >"$LIBRARY/a"
    mkfifo list
    "$FSC" stat --files-from list >/dev/full 2>errors 3>&- &
    pid=$!
    exec 5>list
    echo a >&5
    await grep -q 'cannot write' errors
    echo nothing >&5
    exec 5>&-
    wait "$pid" || status=$?
    assert_equal "$status" 9
    assert_equal "$(cat errors)" 'fsc: standard output: cannot write: No space left on device
fsc: nothing: no such file in the library'
}

@test "stat: output that could not be written is reported, even if later it could be" {
    local pid status=0
    start_fsd
    printf hello >"$LIBRARY/a"
    mkfifo list
    (
        trap '' XFSZ
        ulimit -S -f 1
        exec "$FSC" stat --files-from list >out 2>errors 3>&-
    ) &
    pid=$!
    exec 5>list
    yes a | head -n 2000 >&5
    await grep -q 'cannot write' errors
    prlimit --pid "$pid" --fsize=unlimited
    yes a | head -n 2000 >&5
    exec 5>&-
    wait "$pid" || status=$?
    assert_equal "$status" 9
    assert_equal "$(cat errors)" 'fsc: standard output: cannot write: File too large'
    assert_equal "$(stat -c %s out)" 1024
}

@test "stat: invalid details from a server are a breach" {
    local body
    while IFS= read -r body; do
        printf '> LIST a details=1\n< OK\n< %s\n>.\n' "$body" >script
        assert_fails 1 "$TESTS/fake_server" "$SOCKET" script "$FSC" stat a
    done <<'BODIES'
2\nb\n
4\na\na\n\nEND
16\na digest=md5:ab\n
11\na size=05x\n
BODIES
    assert_fails 10 fake "$FSC" stat a <<<$'> LIST a details=1\n< OK\n< 2\\na\\n\n<.'
    run --separate-stderr fake "$FSC" stat a <<<$'> LIST a details=1\n< OK\n< 17\\na by=%1B[31m\\xff%0A\\n\n< END'
    assert_equal "$status $stderr $output" $'0  name: a\nby: ?[31m??'
}

@test "status: keys and values are printed as the server sends them" {
    cat >script <<'SCRIPT'
> STATUS
< OK
< 48\nversion 0.1.0\nstate as%20it%20is\nsessions.now 5\n
< WAIT
< 26\nb-y_t.es 9007199254740993\n
< END
<.
SCRIPT
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script "$FSC" status
    assert_equal "$status $stderr" '0 '
    assert_output 'version 0.1.0
state as it is
sessions.now 5
b-y_t.es 9007199254740993'
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script "$FSC" status --json
    assert_equal "$status $stderr" '0 '
    assert_output '{"version":"0.1.0","state":"as it is","sessions.now":5,"b-y_t.es":9007199254740993}'
}

@test "status: values cannot control a terminal, and an empty list is not a failure" {
    run --separate-stderr fake "$FSC" status <<<$'> STATUS\n< OK\n< 15\\na %1B[31m%0A\\xff"\\n\n< END'
    assert_equal "$status $stderr $output" '0  a ?[31m??"'
    assert_silent fake "$FSC" status <<<$'> STATUS\n< OK\n< END'
    run --separate-stderr fake "$FSC" status --json <<<$'> STATUS\n< OK\n< END'
    assert_equal "$status $stderr $output" '0  {}'
    assert_fails 6 fake "$FSC" status <<<$'> STATUS\n< FAIL denied'
    assert_fails 1 fake "$FSC" status <<<$'> STATUS\n< FAIL unsupported\n>.'
    assert_fails 2 "$FSC" status x
}

@test "status: malformed lines are a breach" {
    local line
    while IFS= read -r line; do
        printf '> STATUS\n< OK\n< %d\\n%s\\n\n< END\n>.\n' \
            "$(printf '%b' "$line\\n" | wc -c)" "$line" >script
        assert_fails 1 "$TESTS/fake_server" "$SOCKET" script "$FSC" status
        assert_fails 1 "$TESTS/fake_server" "$SOCKET" script "$FSC" status --json
    done <<'LINES'
a
a b c
a=b
a=b c
a/b c
%20 c
a%00b c
a b%00
LINES
    # More than anybody needs.
    cat >script <<'SCRIPT'
> STATUS
< OK
<5000 202\na\{100} b\{100}\n
>.
SCRIPT
    assert_fails 1 "$TESTS/fake_server" "$SOCKET" script "$FSC" status
    assert_fails 10 fake "$FSC" status --json <<<$'> STATUS\n< OK\n< 4\\na 1\\n\n<.'
}

# bats test_tags=client
@test "status: a real daemon" {
    start_fsd
    run quiet "$FSC" status
    assert_success
    assert_line --regexp '^version [0-9.]+$'
    assert_line 'sessions 1'
    run quiet bash -c '"$1" status --json | python3 -c "import json, sys
status = json.load(sys.stdin)
print(status[\"sessions\"], type(status[\"version\"]).__name__)"' - "$FSC"
    assert_output '1 str'
    assert_fails 9 bash -c '"$1" status >/dev/full' - "$FSC"
}
