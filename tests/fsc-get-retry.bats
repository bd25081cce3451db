#!/usr/bin/env bats
# fsc get that tries again, and that waits for a file: nothing comes twice, and nothing is mixed.
# bats file_tags=once

load library
load fsc

# Lets fsc pause only for a moment, and has a folder, here, to get files into.
be_quick() {
    mkdir -p here
    use_settings 'limits = { pause = "1ms"; };'
}

# assert_left_alone NAME...: these are in that folder, and no others.
assert_left_alone() {
    run ls -A here
    assert_output "$(printf '%s\n' "$@")"
}

@test "get --retry: a download resumes where it broke off, and no byte comes twice" {
    local target
    be_quick
    mkdir "$LIBRARY"
    head -c 1000000 /dev/urandom >source
    "$FSD" --config "$CONFIG" --stdio --library "$LIBRARY" >answers \
        < <(printf 'PUT a size=1000000\n1000000\n' && cat source && printf '\nEND\nQUIT\n')
    use_breaking_server 300000
    for target in here/a -; do
        : >sent
        run --separate-stderr bash -c '"$1" get a --retry 3 --output "$2" >out' - "$FSC" "$target"
        assert_equal "$status $stderr" '0 '
        [ "$target" != - ] || mv out here/a
        cmp source here/a
        # Four announcements, and the lengths of the items.
        assert [ "$(stat -c %s sent)" -lt 1001000 ]
        rm here/a
    done
    assert_fails 10 "$FSC" get a --retry 2 --output here/a
    assert_fails 10 "$FSC" get a --output here/a
    assert_left_alone
}

@test "get --retry: a file without a record is fetched again, unless the output cannot be rewound" {
    be_quick
    print_cut_off >script
    assert_silent "$TESTS/fake_server" "$SOCKET" script "$FSC" get a --retry 1 --output here/a
    printf hello | cmp - here/a
    sed '/^<\.$/q' script >once
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" once "$FSC" get a --retry 5 --output -
    assert_equal "$status $output ${#stderr_lines[@]}" '10 he is lo 1'
    mkfifo fifo
    cat fifo >through &
    assert_fails 10 "$TESTS/fake_server" "$SOCKET" once "$FSC" get a --retry 5 --output fifo
    wait $!
    assert_equal "$(cat through)" 'he is lo'
    # Where no byte had come there is nothing to take back.
    sed '/^< 8/d' script >none
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" none "$FSC" get a --retry 1 --output -
    assert_equal "$status $output $stderr" '0 hello '
    assert_left_alone a
}

@test "get --retry: a download may break off at any byte" {
    local answer at
    be_quick
    answer="OK size=5 mtime=1 digest=$digest_of_hello"$'\n2\nhe\nWAIT\n3\nllo\n'"END digest=$digest_of_hello"$'\n'
    # A server whose first answer breaks off after $AT bytes, and whose second one is whole.
    cat >server <<'SERVER'
read -r word name options
for option in $options; do
    [[ $option != offset=* ]] || offset=${option#offset=}
    [[ $option != digest=* ]] || digest=$option
done
if [ ! -e broken ]; then
    : >broken
    head -c "$AT" answer
elif [ -z "$digest" ]; then
    cat answer
else
    text=hello
    rest=${text:offset}
    printf 'OK size=5 mtime=1 %s\n%s' "$digest" "${rest:+${#rest}
$rest
}"
    printf 'END\n'
fi
echo "$offset" >>offsets
SERVER
    printf %s "$answer" >answer
    for ((at = 0; at < ${#answer}; at++)); do
        # One digit of a digest is like another.
        [[ $((at % 8)) -eq 0 || ! ${answer:at-2:5} =~ ^[0-9a-f]{5}$ ]] || continue
        rm -f broken here/a
        AT=$at assert_silent "$FSC" get a --retry 1 --output here/a --server 'exec:bash server'
        assert_equal "$(cat here/a)" hello
        rm broken
        run --separate-stderr env AT="$at" "$FSC" get a --retry 1 --output - --server 'exec:bash server'
        assert_equal "$status $output $stderr" '0 hello '
    done
    assert_left_alone a
    run sort -u offsets
    assert_output $'\n1\n2\n3\n4\n5'
}

@test "get --retry: a file that was replaced is never mixed with the old one" {
    be_quick
    cat >script <<SCRIPT
> GET a
< OK size=9 mtime=1 digest=sha256:a\\{64}
< 3\\nold
<.
> GET a offset=3 digest=sha256:a*
< FAIL mismatch it has another digest
> GET a
< OK size=5 mtime=2 digest=$digest_of_hello
< 2\\nhe
<.
> GET a offset=2 digest=$digest_of_hello
< OK size=5 mtime=2 digest=$digest_of_hello
< 3\\nllo
< END
SCRIPT
    assert_silent "$TESTS/fake_server" "$SOCKET" script "$FSC" get a --retry 2 --output here/a
    assert_equal "$(cat here/a)" hello
    # What is out cannot be taken back.
    sed '/^< FAIL/q' script >out
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" out "$FSC" get a --retry 2 --output -
    assert_equal "$status $output" '8 old'
    assert_equal "$stderr" 'fsc: a: it has another digest'
    assert_left_alone a
}

@test "get --retry: a resumed download is verified as a whole" {
    local code answer
    be_quick
    while read -r code answer; do
        cat >script <<SCRIPT
> GET a
< OK size=5 mtime=1 digest=$digest_of_hello
< 3\\nhel
<.
> GET a offset=3 digest=$digest_of_hello
< $answer
SCRIPT
        assert_fails "$code" "$TESTS/fake_server" "$SOCKET" script "$FSC" get a --retry 1 --output here/a
        assert_left_alone
    done <<ANSWERS
8 OK size=5 mtime=1 digest=$digest_of_hello\\n2\\nLO\\nEND
8 OK size=5 mtime=1\\n2\\nlo\\nEND digest=sha256:a\\{64}
1 OK size=5 mtime=1\\n1\\nl\\nEND
1 OK size=5 mtime=1 digest=sha256:a\\{64}\\n2\\nlo\\nEND\\n\\
1 OK size=2 mtime=1\\n2\\nlo\\nEND
1 OK size=5 mtime=1\\n5\\nhello\\nEND
1 OK mtime=1\\n2\\nlo\\nEND
1 FAIL internal
6 FAIL denied
4 FAIL not-found
ANSWERS
}

@test "get --retry: only exit codes 10, 11 and 12 are retried, with one line at the end" {
    local code answer
    be_quick
    while read -r code answer; do
        printf '> GET a\n< %s\n<.\n' "$answer" >script
        printf '> GET a\n< OK size=0 mtime=1\n< END digest=sha256:%s\n' \
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 >>script
        rm -f here/a
        assert_silent "$TESTS/fake_server" "$SOCKET" script "$FSC" get a --retry 1 --into here
        printf '> GET a\n< FAIL busy first\n<.\n> GET a\n< %s\n<.\n' "$answer" >script
        rm -f here/a
        assert_fails "$code" "$TESTS/fake_server" "$SOCKET" script "$FSC" get a --retry 1 --into here
        refute_regex "$stderr" first
    done <<'ANSWERS'
10 OK size=5 mtime=1
11 FAIL timeout
12 FAIL busy
12 FAIL unavailable
12 OK size=5 mtime=1\nABORT unavailable
ANSWERS
    while read -r code answer; do
        printf '> GET a\n< %s\n<.\n' "$answer" >script
        assert_fails "$code" "$TESTS/fake_server" "$SOCKET" script "$FSC" get a --retry 5 --into here
    done <<'ANSWERS'
1 FAIL internal
4 FAIL not-found
6 FAIL denied
8 OK size=5 mtime=1\nABORT mismatch
8 OK size=5 mtime=1\n5\njello\nEND digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
1 HELLO
ANSWERS
    assert_left_alone
}

@test "get --retry: without a connection, one name gets its attempts, and the others are left" {
    local count
    be_quick
    for count in 0 1 3; do
        : >attempts
        run --separate-stderr "$FSC" get a b --into here --retry "$count" --server 'exec:echo >>attempts'
        assert_equal "$status ${#stderr_lines[@]} $(wc -l <attempts)" "10 1 $((count + 1))"
    done
    assert_fails 10 "$FSC" get a b --into here --retry 2 --server "$WORK/nothing"
    assert_left_alone
}

@test "get --retry: a local file is compared again, and a folder listed again" {
    be_quick
    printf hello >here/a
    assert_silent fake "$FSC" get a --retry 1 --into here <<SCRIPT
> GET a offset=5 digest=$digest_of_hello
<.
> GET a offset=5 digest=$digest_of_hello
< OK size=5 mtime=1
< END
SCRIPT
    rm here/a
    assert_silent fake "$FSC" get -R folder --retry 2 --into here <<SCRIPT
> LIST folder deep=1
< OK
< 18\\nfolder/a\\nfolder/b\\n
<.
> LIST folder deep=1
< OK
< 9\\nfolder/b\\n
< END
> GET folder/b
< OK size=5 mtime=1 digest=$digest_of_hello
< 4\\nhell
<.
> GET folder/b offset=4 digest=$digest_of_hello
< OK size=5 mtime=1
< 1\\no
< END
SCRIPT
    assert_equal "$(cat here/folder/b)" hello
    # Nothing is reported of the attempts before.
    assert_fails 4 fake "$FSC" get -R nothing --retry 1 --into here <<'SCRIPT'
> LIST nothing deep=1
<.
> LIST nothing deep=1
< EMPTY
SCRIPT
    assert_regex "$stderr" 'no such file or folder in the library$'
}

@test "get --retry: --json reports only the last attempt" {
    be_quick
    run --separate-stderr fake "$FSC" get a --retry 1 --json --into here <<SCRIPT
> GET a
<.
> GET a
< OK size=5 mtime=1
< 5\\nhello
< END digest=$digest_of_hello
SCRIPT
    assert_equal "$status $stderr" '0 '
    assert_output "{\"name\":\"a\",\"local\":\"here/a\",\"outcome\":\"fetched\",\"size\":5,\"digest\":\"$digest_of_hello\"}"
}

@test "get --retry: --max-time bounds all attempts together" {
    be_quick
    use_settings 'limits = { pause = "1h"; };'
    # No pause that would use it up is begun.
    assert_fails 10 timeout 30 "$FSC" get a --retry 5 --max-time 5s --into here --server "$WORK/nothing"
}

# bats test_tags=client
@test "get --retry: a daemon that is killed and comes back" {
    local pid sessions
    be_quick
    head -c 20000000 /dev/urandom >large
    start_fsd
    assert_silent "$FSC" put large --name a
    # A reader that pauses lets fsc wait in the middle.
    mkfifo fifo
    timeout 60 "$FSC" get a --retry 1000 --output fifo 2>errors 3>&- &
    pid=$!
    {
        head -c 100000
        read -ra sessions <"/proc/$FSD_PID/task/$FSD_PID/children" || true
        # Idle ones end by themselves with the daemon.
        kill -KILL "$FSD_PID" "${sessions[@]}" 2>/dev/null || true
        wait "$FSD_PID" || true
        unset 'FSD_PIDS[0]' 'FSD_LOGS[0]'
        start_fsd
        cat
    } <fifo >through
    wait "$pid"
    assert_equal "$(cat errors)" ''
    cmp large through
}

@test "get --wait: asks the server to wait for that many seconds" {
    be_quick
    assert_silent fake "$FSC" get a --wait=1m --into here <<SCRIPT
> GET a wait=60
< WAIT
< WAIT
< OK size=5 mtime=1 digest=$digest_of_hello
< 5\\nhello
< END digest=$digest_of_hello
SCRIPT
    assert_silent fake "$FSC" get a --wait --into here <<SCRIPT
> GET a offset=5 digest=$digest_of_hello wait=21600
< OK size=5 mtime=1
< END
SCRIPT
    rm here/a
    # A part of a second counts as one, and --wait=0 does not wait.
    assert_fails 4 fake "$FSC" get a --wait=1200ms --into here <<<$'> GET a wait=2\n< WAIT\n< FAIL not-found'
    assert_fails 4 fake "$FSC" get a --wait=0 --into here <<<$'> GET a\n< FAIL not-found'
    run --separate-stderr fake "$FSC" get a --wait=7 --output - \
        <<<$'> GET a wait=7\n< OK size=0 mtime=1\n< END digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    assert_equal "$status $output$stderr" '0 '
    assert_left_alone
}

@test "get --wait: with --retry, a lost connection does not restart the time" {
    be_quick
    assert_fails 4 fake "$FSC" get a --wait=60001ms --retry 1 --into here <<'SCRIPT'
> GET a wait=*
< WAIT
<.
> GET a wait=*
< FAIL not-found
SCRIPT
    # A second less, or more of them on a busy machine.
    assert_regex "$(tail -n 1 script.heard)" '^GET a wait=(60|[1-5][0-9])$'
}

@test "get --wait: limits.wait comes on top of it, --max-time bounds both" {
    local server='exec:read -r line; for i in {1..20}; do echo WAIT; sleep 0.05; done; printf "OK size=0 mtime=1\nEND digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"'
    be_quick
    use_settings 'limits = { wait = "300ms"; };'
    assert_fails 11 "$FSC" get a --into here --server "${server/\{1..20\}/$(seq -s ' ' 20)}"
    assert_silent "$FSC" get a --wait=60 --into here --server "${server/\{1..20\}/$(seq -s ' ' 20)}"
    rm here/a
    assert_fails 11 "$FSC" get a --wait --max-time 300ms --into here --server "${server/\{1..20\}/$(seq -s ' ' 20)}"
    assert_left_alone
}

@test "get --wait: wrong usage" {
    local text
    # Nobody listens: a connection would be exit code 10.
    for text in x -1 1.5 5x s ' 5' 36501d 99999999999999999999 9223372036854775807d; do
        assert_fails 2 "$FSC" get a "--wait=$text"
        assert_regex "$stderr" '^fsc: --wait: '
    done
    assert_fails 2 "$FSC" get a --wait=
    assert_fails 2 "$FSC" get -R a --wait
}

# bats test_tags=client
@test "get --wait: a file that arrives, and one that does not" {
    local pid
    be_quick
    echo 'log = { level = "debug"; };' >"$CONFIG"
    FSD_EXPECTED='^level=debug '
    start_fsd
    assert_fails 4 "$FSC" get a --wait=1 --into here
    timeout 60 "$FSC" get new/folder/a --wait --into here 2>errors 3>&- &
    pid=$!
    # Until the daemon has its request.
    await_line "$FSD_PID" "$FSD_LOG" 'msg=request .*request=GET name=new/folder/a' 1
    echo 1 | quiet "$FSC" put - --name new/folder/a
    wait "$pid"
    assert_equal "$(cat here/a errors)" 1
    # One that is there is not waited for, also when there is the same here already.
    assert_silent "$FSC" get new/folder/a --wait --into here
    assert_left_alone a
}
