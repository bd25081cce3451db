#!/usr/bin/env bats
# fsc get: files come whole or not at all, and nothing of theirs is lost on this side.
# bats file_tags=once

load library
load fsc

# assert_left_alone NAME...: these are in the folder that a test gets files into, and no others.
assert_left_alone() {
    run ls -A here
    assert_output "$(printf '%s\n' "$@")"
}

# A daemon with the files a ("hello"), b (100,000 bytes) and folder/c (empty), and a folder, here,
# to get them into. The tests with a fake server start none.
start_with_files() {
    mkdir -p "$LIBRARY/folder" here
    printf hello >"$LIBRARY/a"
    head -c 100000 /dev/urandom >"$LIBRARY/b"
    : >"$LIBRARY/folder/c"
    start_fsd
}

# bats test_tags=client
@test "get: a file is stored here under its last component" {
    start_with_files
    assert_silent env -C here "$FSC" get a folder/c
    assert_left_alone a c
    cmp here/a "$LIBRARY/a"
    cmp here/c "$LIBRARY/folder/c"
}

# bats test_tags=client
@test "get: --output to a file, to standard output, to a FIFO and to /dev/null" {
    start_with_files
    assert_silent "$FSC" get b --output here/x
    cmp here/x "$LIBRARY/b"

    quiet "$FSC" get b --output - | cmp - "$LIBRARY/b"
    quiet "$FSC" get --output - a folder/c a >both
    assert_equal "$(cat both)" hellohello

    mkfifo fifo
    cat fifo >through &
    assert_silent "$FSC" get b --output fifo
    wait $!
    cmp through "$LIBRARY/b"
    [ -p fifo ]

    assert_silent "$FSC" get b --output /dev/null
    [ -c /dev/null ]
    assert_left_alone x
}

@test "get: --into a folder, with and without a slash at its end" {
    start_with_files
    assert_silent "$FSC" get --into here a folder/c
    assert_silent "$FSC" get --into here/ b
    assert_left_alone a b c
    assert_fails 9 "$FSC" get --into missing a
    assert_fails 9 "$FSC" get --into "$LIBRARY/a" b
    [ ! -e missing ]
}

# bats test_tags=client
@test "get: names that do not exist" {
    start_with_files
    assert_fails 4 "$FSC" get nothing --output here/x
    assert_fails 4 "$FSC" get nothing/below --output here/x
    assert_fails 4 "$FSC" get a/below --output here/x
    assert_fails 1 "$FSC" get folder --output here/x
    assert_equal "$stderr" 'fsc: folder: is a folder, link or special file in the library (use -R to fetch a folder)'
    assert_fails 4 "$FSC" get nothing --output -
    assert_left_alone
}

@test "get: a target with the same bytes needs no download" {
    start_with_files
    mkdir -p here
    printf hello >here/a
    : >here/c
    touch -d @1000000000 here/a here/c
    stat -c '%i %Y %n' here/a here/c >before
    assert_silent env -C here "$FSC" get a
    assert_silent env -C here "$FSC" get folder/c
    stat -c '%i %Y %n' here/a here/c | cmp - before
    assert_left_alone a c
    stop_fsd

    # Not one byte is asked for.
    assert_silent fake "$FSC" get a --output here/a <<'SCRIPT'
> GET a *
< OK size=5 mtime=1
< END
SCRIPT
    run cat script.heard
    assert_output --regexp " offset=5( |\$)"
    assert_output --regexp " digest=$digest_of_hello( |\$)"
}

@test "get: a target with other bytes is left unchanged" {
    start_with_files
    printf jello >here/a
    printf 'hello, and more' >here/more
    : >here/less
    assert_fails 3 env -C here "$FSC" get a
    assert_regex "$stderr" '^fsc: a: '
    assert_fails 3 "$FSC" get a --output here/more
    assert_fails 3 "$FSC" get a --output here/less
    assert_equal "$(cat here/a here/more here/less)" 'jellohello, and more'
    assert_fails 4 "$FSC" get nothing --output here/a
    assert_left_alone a less more
}

@test "get: --force replaces what is there" {
    start_with_files
    printf other >here/a
    assert_silent env -C here "$FSC" get a --force
    cmp here/a "$LIBRARY/a"
    assert_silent "$FSC" get -f b -o here/a
    cmp here/a "$LIBRARY/b"
    assert_silent "$FSC" get --force --into here b
    assert_fails 4 "$FSC" get --force nothing --output here/b
    cmp here/b "$LIBRARY/b"
    assert_left_alone a b
}

@test "get: --force fetches nothing if the content is the same" {
    local before
    start_with_files
    printf hello >here/a
    before=$(stat -c '%i %Z' here/a)
    run --separate-stderr "$FSC" get --force --into here a b --json
    assert_equal "$status" 0
    assert_equal "$(jq -r '.name + " " + .outcome' <<<"$output")" $'a already there\nb fetched'
    assert_equal "$(stat -c '%i %Z' here/a)" "$before"
    # What cannot be read may be anything.
    skip_unless_powerless
    chmod 0777 here
    chmod 0000 here/a here/b
    assert_equal "$(powerless "$FSC" get -n --force --into here a)" $'to be replaced\ta'
    assert_silent powerless "$FSC" get --force --into here a
    assert_equal "$(cat here/a)" hello
    assert_fails 9 powerless "$FSC" get --into here b
    assert_left_alone a b
}

@test "get: a symbolic link as a target" {
    start_with_files
    printf hello >here/same
    printf other >here/other
    ln -s same here/to-same
    ln -s other here/to-other
    ln -s nowhere here/to-nothing
    assert_silent "$FSC" get a --output here/to-same
    assert_fails 3 "$FSC" get a --output here/to-other
    assert_fails 9 "$FSC" get a --output here/to-nothing
    assert_equal "$(readlink here/to-nothing)" nowhere
    assert_silent "$FSC" get a --force --output here/to-other
    assert_equal "$(readlink here/to-other)" other
    assert_equal "$(cat here/other)" hello
    assert_left_alone other same to-nothing to-other to-same
}

@test "get: targets that cannot be written" {
    start_with_files
    mkdir here/b
    assert_fails 9 "$FSC" get a --output here
    assert_fails 9 "$FSC" get --into here b
    assert_fails 9 "$FSC" get a --force --output here
    assert_fails 9 "$FSC" get a --output missing/a
    assert_fails 9 "$FSC" get a --output here/b/
    assert_fails 9 "$FSC" get a --output "$LIBRARY/a/below"
    assert_fails 9 "$FSC" get b --output /dev/full
    assert_fails 9 "$FSC" get a --output "$(printf '%0300d' 0)"
    assert_left_alone b
}

@test "get: a folder that may not be written" {
    start_with_files
    skip_unless_powerless
    chmod a-w here
    assert_fails 9 powerless "$FSC" get a --output here/a
    chmod u+w here
    assert_left_alone
    printf hello >here/a
    chmod 0 here/a
    assert_fails 9 powerless "$FSC" get a --output here/a
    assert_left_alone a
}

@test "get: a folder that may be written, but not read" {
    start_with_files
    skip_unless_powerless
    printf other >here/c
    chmod 0333 here
    assert_silent powerless "$FSC" get a --output here/a
    assert_silent powerless "$FSC" get --into here a b
    assert_silent powerless "$FSC" get folder/c --force --output here/c
    chmod 0755 here
    cmp here/a "$LIBRARY/a"
    cmp here/b "$LIBRARY/b"
    cmp here/c "$LIBRARY/folder/c"
    assert_left_alone a b c
}

@test "get: a full disk leaves nothing" {
    start_with_files
    # A limit on file sizes takes its place; its signal is ignored, so that write(2) fails.
    assert_fails 9 bash -c 'trap "" XFSZ; ulimit -f 50; exec "$@"' - "$FSC" get b --output here/b
    assert_left_alone
}

# bats test_tags=client
@test "get: each of several names is tried, and the first failure is the exit code" {
    start_with_files
    printf other >here/c
    run --separate-stderr "$FSC" get --into here a nothing folder/c b
    assert_equal "$status" 4
    assert_equal "$output" ''
    assert_equal "${#stderr_lines[@]}" 2
    assert_regex "${stderr_lines[0]}" '^fsc: nothing: '
    assert_regex "${stderr_lines[1]}" '^fsc: here/c: '
    cmp here/a "$LIBRARY/a"
    cmp here/b "$LIBRARY/b"
    assert_left_alone a b c

    # A name that cannot be one stops all of them; in a list it does not.
    assert_fails 2 "$FSC" get --into here .. nothing
    printf '%s\n' .. nothing >list
    run --separate-stderr "$FSC" get --into here --files-from list
    assert_equal "$status" 2
    assert_equal "${#stderr_lines[@]}" 2
}

@test "get: two names with the same last component" {
    start_with_files
    mkdir "$LIBRARY/same" "$LIBRARY/other"
    printf hello >"$LIBRARY/same/a"
    printf jello >"$LIBRARY/other/a"
    assert_silent "$FSC" get --into here a same/a
    assert_fails 3 "$FSC" get --into here other/a
    assert_equal "$(cat here/a)" hello
    # One would silently take the place of the other.
    assert_fails 2 "$FSC" get --force --into here other/a same/a
    assert_equal "$(cat here/a)" hello
}

@test "get: --force keeps the mode of the file that it replaces" {
    start_with_files
    printf other >here/a
    chmod 0600 here/a
    assert_silent "$FSC" get --force --into here a
    assert_equal "$(stat -c %a here/a)" 600
    assert_equal "$(cat here/a)" hello
    # Whatever the umask is.
    printf other >here/a
    chmod 0664 here/a
    umask 077
    assert_silent "$FSC" get --force --into here a
    assert_equal "$(stat -c %a here/a)" 664
}

@test "get: refused names are not asked for" {
    local name
    # Nobody listens: a connection would be exit code 10.
    for name in '' . .. /a a/ a//b a/../b ./a .fsd .fsdx a/.nfs1 $'a\nb' $'\x01' $'\x7f' $'\xc2\x80' \
        $'\xff' $'\xc0\xaf' $'\xed\xa0\x80' $'\xf4\x90\x80\x80' "$(printf '%0256d' 0)" \
        "$(printf '%0200d/' 0 0 0 0 0)$(printf '%020d' 0)"; do
        assert_fails 2 "$FSC" get --output - -- "$name"
        refute_regex "$stderr" "$(printf '[\x01-\x1f\x7f]')"
    done
    assert_fails 2 "$FSC" get --output - "a$(printf '%010000d' 0)"
}

@test "get: wrong usage" {
    # Nobody listens: a connection would be exit code 10.
    assert_fails 2 "$FSC" get
    assert_fails 2 "$FSC" get --output x a b
    assert_fails 2 "$FSC" get --output x --into . a
    assert_fails 2 "$FSC" get --output '' a
    assert_fails 2 "$FSC" get --into '' a
    assert_fails 2 "$FSC" get --name x a
}

# assert_leaves_nothing: for each line of stdin, "CODE ANSWER", a server answers a request for a with
# ANSWER and closes; fsc exits with CODE and says why, and here/x does not appear.
assert_leaves_nothing() {
    local expected
    mkdir here
    cat >answers
    sed 's/^[0-9]* \(.*\)/> GET a\n< \1\n<./' answers >script
    expected=$(sed 's/^\([0-9]*\) .*/\1 1/' answers)
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c 'while read -r code answers; do
        "$1" get a --output here/x 2>errors
        echo "$? $(grep -c "^fsc: " errors)"
        [ $(wc -l <errors) -eq 1 ] || cat errors >&2
    done <answers' - "$FSC"
    assert_equal "$stderr" ''
    assert_output "$expected"
    assert_left_alone
}

@test "get: a connection that is lost leaves nothing" {
    assert_leaves_nothing <<'ANSWERS'
10 \
10 OK size=5 \
10 OK size=5 mtime=1
10 OK size=5 mtime=1\n5\nhel\
10 OK size=5 mtime=1\n5\nhello\
10 OK size=5 mtime=1\n5\nhello
10 OK size=5 mtime=1\n5\nhello\nWAIT
10 OK size=5 mtime=1\n5\nhello\nEND\
10 OK size=0 mtime=1
10 OK size=1000000 mtime=1\n1000000\na\{65536}\
ANSWERS
}

@test "get: a connection that is lost leaves what --force was to replace" {
    mkdir here
    printf before >here/x
    assert_fails 10 fake "$FSC" get a --output here/x --force <<SCRIPT
> GET a offset=6 digest=sha256:$(printf before | sha256sum | cut -d ' ' -f 1)
< FAIL mismatch
> GET a
< OK size=5 mtime=1
< 5\\nhello
<.
SCRIPT
    assert_equal "$(cat here/x)" before
    assert_left_alone x
}

@test "get: sizes that are too large to be added up do not matter" {
    mkdir here
    run --separate-stderr fake "$FSC" get -R a --newest 2 --into here <<'SCRIPT'
> LIST a deep=1 details=1
< OK
< 74
< a/x size=9223372036854775807 mtime=1
< a/y size=9223372036854775807 mtime=1\n
< END
> GET a/x
< FAIL not-found
> GET a/y
< FAIL not-found
SCRIPT
    assert_equal "$status $stderr" '4 fsc: a/x: no such file in the library
fsc: a/y: no such file in the library'
}

@test "get: a download that the server aborts leaves nothing" {
    assert_leaves_nothing <<'ANSWERS'
1 OK size=5 mtime=1\n5\nhello\nABORT internal
8 OK size=5 mtime=1\n2\nhe\nABORT mismatch it has changed
12 OK size=5 mtime=1\nABORT unavailable
4 OK size=5 mtime=1\nABORT not-found
1 OK size=5 mtime=1\nABORT made-up for now
ANSWERS
}

@test "get: a digest, size or body that is wrong leaves nothing" {
    assert_leaves_nothing <<ANSWERS
8 OK size=5 mtime=1\\n5\\nhello\\nEND digest=sha256:a\\{64}
8 OK size=5 mtime=1\\n5\\njello\\nEND digest=$digest_of_hello
8 OK size=5 mtime=1 digest=sha256:a\\{64}\\n5\\nhello\\nEND digest=$digest_of_hello
1 OK size=6 mtime=1\\n5\\nhello\\nEND digest=$digest_of_hello
1 OK size=4 mtime=1\\n5\\nhello\\nEND digest=$digest_of_hello
1 OK size=5 mtime=1\\n5\\nhello\\nEND
1 OK size=5 mtime=1\\n5\\nhello\\nEND digest=sha256:short
1 OK size=5 mtime=1\\n5\\nhello\\nEND digest=sha256:A\\{64}
1 OK size=5 mtime=1\\n5\\nhello\\nEND size=5
1 OK size=5 mtime=1\\n5\\nhello\\nFAIL internal
1 OK size=5 mtime=1\\n5\\nhelloEND
1 OK size=5 mtime=1\\n5\\nhello\\r\\nEND
1 OK size=5 mtime=1\\n0\\n\\nEND
1 OK size=5 mtime=1\\n05\\nhello\\nEND
1 OK size=5 mtime=1\\n1048577\\nhello\\nEND
1 OK size=5 mtime=1\\nABORT
1 OK mtime=1\\n5\\nhello\\nEND digest=$digest_of_hello
1 OK size=-5 mtime=1\\nEND
1 OK size=9223372036854775808 mtime=1\\nEND
1 OK\\x20
1 OK%00x size=5 mtime=1\\n5\\nhello\\nEND digest=$digest_of_hello
ANSWERS
}

@test "get, ls, stat, status: options of a later server are ignored in answers and at the end of a body" {
    assert_silent fake "$FSC" get a b <<SCRIPT
> GET a
< OK size=5 later=thing mtime=1
< 5\nhello
< END later=thing digest=$digest_of_hello more=things
> GET b
< OK mtime=1 size=5 digest=$digest_of_hello
< 5\nhello
< END digest=$digest_of_hello later=a%20b
SCRIPT
    assert_equal "$(cat a b)" hellohello
    run --separate-stderr fake "$FSC" ls --json x <<'SCRIPT'
> LIST x details=1
< OK later=thing
< 21\nx later=thing size=5\n
< END later=thing digest=md5:00
SCRIPT
    assert_equal "$status $output $stderr" '0 {"name":"x","type":"file","size":5} '
    run --separate-stderr fake "$FSC" stat x <<'SCRIPT'
> LIST x details=1
< OK
< 9\nx size=5\n
< END size=1
SCRIPT
    assert_equal "$status $output $stderr" $'0 name: x\nsize: 5 '
    run --separate-stderr fake "$FSC" status <<'SCRIPT'
> STATUS
< OK
< 12\na b later=1\n
< END later=thing
SCRIPT
    assert_equal "$status $output $stderr" '0 a b '
    # What is compared without a body being fetched.
    assert_silent fake "$FSC" get a <<SCRIPT
> GET a offset=5 digest=$digest_of_hello
< OK size=5 mtime=1
< END later=thing
SCRIPT
    # Still what it always was.
    assert_fails 1 fake "$FSC" ls <<<$'> LIST\n< OK\n< END x\n>.'
    assert_fails 1 fake "$FSC" ls <<<$'> LIST\n< OK\n< END later=\n>.'
    assert_fails 1 fake "$FSC" get c <<<$'> GET c\n< OK size=0 mtime=1\n< END digest=md5:00\n>.'
}

@test "get: an answer that does not belong to GET is a breach of the protocol" {
    assert_leaves_nothing <<'ANSWERS'
1 HELLO
1 FAIL
1 a\{5000}
1 OK size=5 size=5
1 EMPTY
1 EXISTS
ANSWERS
}

@test "get: everything that a server may answer is accepted" {
    mkdir here
    assert_silent fake "$FSC" get a --output here/a <<SCRIPT
> GET a
< WAIT
< WAIT
< OK size=5 mtime=1 digest=$digest_of_hello later=thing
< WAIT
< 1\nh
< WAIT
< 4\nello
< WAIT
< END digest=$digest_of_hello
SCRIPT
    assert_equal "$(cat here/a)" hello
    assert_left_alone a
}

@test "get: a wrong digest is reported also when the bytes were already written" {
    run --separate-stderr fake "$FSC" get a --output - <<'SCRIPT'
> GET a
< OK size=5 mtime=1
< 5\nhello
< END digest=sha256:a\{64}
SCRIPT
    assert_equal "$status" 8
    assert_equal "$output" hello
    assert_equal "${#stderr_lines[@]}" 1
}

@test "get: a body that is longer than announced is cut off there" {
    local items
    while read -r items; do
        printf '> GET a\n< OK size=5 mtime=1\n< %s\n>.\n' "$items" >script
        run --separate-stderr "$TESTS/fake_server" "$SOCKET" script "$FSC" get a --output -
        assert_equal "$status ${#stderr_lines[@]}" '1 1'
        [[ hello == "$output"* ]]
    done <<'ITEMS'
6\nhellox\nEND
5\nhello\n1\nx\nEND
3\nhel\n3\nlox\nEND
65536\nx\{65536}\nEND
ITEMS
}

@test "get: the next name is fetched over a new connection when one was lost" {
    mkdir here
    assert_fails 10 fake "$FSC" get --into here lost a <<SCRIPT
> GET lost
< OK size=5 mtime=1
<.
> GET a
< OK size=5 mtime=1
< 5\nhello
< END digest=$digest_of_hello
SCRIPT
    assert_regex "$stderr" '^fsc: lost: '
    assert_left_alone a
}

# bats test_tags=client
@test "get: a connection that the server closed for idleness is opened again" {
    local pid
    echo 'limits = { idle = "1s"; };' >"$CONFIG"
    start_with_files
    mkdir -p here
    mkfifo list
    # The rest of the list comes when the daemon has closed the session.
    timeout 60 "$FSC" get --into here --files-from list 2>errors 3>&- &
    pid=$!
    exec 7>list
    echo a >&7
    await_file here/a
    await_no_session
    printf 'b\nfolder/c\n' >&7
    exec 7>&-
    wait "$pid"
    assert_equal "$(cat errors)" ''
    cmp here/a "$LIBRARY/a"
    cmp here/b "$LIBRARY/b"
    assert_left_alone a b c
}

@test "get: INT, TERM, USR1 and ALRM leave nothing, and end it as a signal does" {
    local number
    mkdir here
    for number in 2 15 10 14; do
        cat >script <<'SCRIPT'
> GET a
< OK size=100 mtime=1
< 5\nhello
>.
SCRIPT
        # The shell's own background jobs would ignore INT.
        run --separate-stderr "$TESTS/fake_server" "$SOCKET" script python3 - "$FSC" "$number" <<'PYTHON'
import subprocess, sys
from session import wait_until
number = int(sys.argv[2])
fsc = subprocess.Popen(['env', '--default-signal=INT,TERM,USR1,ALRM', sys.argv[1], 'get', 'a',
                        '--output', 'here/x'])
wait_until(lambda: subprocess.run(['bash', '-c', 'is_fetching here -s']).returncode == 0, 'nothing came')
fsc.send_signal(number)
print(-fsc.wait())
PYTHON
        assert_equal "$status $output$stderr" "0 $number"
        assert_left_alone
    done
}

@test "get: a run that is killed leaves nothing" {
    local force
    mkdir here
    python3 -c 'import os; os.open("here", os.O_TMPFILE | os.O_RDWR)' 2>/dev/null ||
        skip 'files without a name cannot be made here'
    for force in '' --force; do
        : >script
        if [ -n "$force" ]; then
            echo old >here/a
            printf '> GET a offset=4 digest=sha256:%s\n< FAIL mismatch\n' "$(sha256sum <here/a | cut -d ' ' -f 1)" >script
        fi
        printf '> GET a\n< OK size=100 mtime=1\n< 5\\nhello\n>.\n' >>script
        # shellcheck disable=SC2086
        run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c '
            "$FSC" get a --output here/a $1 &
            await is_fetching here -s
            kill -KILL $! && wait $!' - "$force"
        assert_equal "$status $output" '137 '
        assert_left_alone ${force:+a}
    done
    assert_equal "$(cat here/a)" old
}

@test "get: a signal that was ignored at the start stays ignored" {
    mkdir here
    cat >script <<SCRIPT
> GET a
< OK size=5 mtime=1
< 1\nh
! killed
< 4\nello
< END digest=$digest_of_hello
SCRIPT
    assert_silent "$TESTS/fake_server" "$SOCKET" script bash -c 'trap "" HUP
        "$1" get a --output here/a &
        await is_fetching here -s
        kill -HUP $! && : >killed && wait $!' - "$FSC"
    assert_equal "$(cat here/a)" hello
}

@test "get: a target that appears during the download" {
    local text
    mkdir here
    for text in hello other; do
        cat >script <<SCRIPT
> GET a
< OK size=5 mtime=1
! here/$text
< 5\nhello
< END digest=$digest_of_hello
SCRIPT
        run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c '
            "$1" get a --output "here/$2" &
            await is_fetching here
            printf %s "$2" >new && mv new "here/$2" && wait $!' - "$FSC" "$text"
        assert_equal "$status" "$([ "$text" = hello ] && echo 0 || echo 3)"
        assert_equal "$(cat "here/$text")" "$text"
    done
    assert_left_alone hello other
}

@test "get: files get the mode that umask leaves" {
    start_with_files
    umask 027
    assert_silent "$FSC" get a --output here/a
    assert_equal "$(stat -c %a here/a)" 640
}

@test "get: standard output that cannot be written" {
    start_with_files
    run --separate-stderr bash -c '"$1" get b --output - >/dev/full' - "$FSC"
    assert_equal "$status ${#stderr_lines[@]}" '9 1'
    run --separate-stderr bash -c '"$1" get b --output - >&-' - "$FSC"
    assert_equal "$status ${#stderr_lines[@]}" '9 1'
    # Who reads no further wants no words about it.
    run --separate-stderr bash -c 'set -o pipefail
        "$1" get b b b --output - | head -c 1 >/dev/null' - "$FSC"
    assert_equal "$status $stderr" '141 '
    run --separate-stderr bash -c 'trap "" PIPE; set -o pipefail
        "$1" get b b b --output - | head -c 1 >/dev/null' - "$FSC"
    assert_equal "$status $stderr" '9 '
}

@test "get: asks for nothing more when the reader of standard output is gone" {
    mkfifo pipe
    run --separate-stderr fake bash -c 'trap "" PIPE
        exec 3<>pipe 4>pipe 3>&-
        "$FSC" get a b --output - >&4' <<SCRIPT
> GET a
< OK size=5 mtime=1
< 5\nhello
< END digest=$digest_of_hello
SCRIPT
    assert_equal "$status $stderr" '9 '
}

@test "get: --output to /dev/stdout and a process substitution" {
    start_fsd
    echo hello | quiet "$FSC" put - --name a
    run bash -c '"$1" get a --output /dev/stdout | cat' - "$FSC"
    assert_success
    assert_output hello
    run bash -c '"$1" get a --output >(cat)' - "$FSC"
    assert_success
    # It would be replaced under what else is written there.
    echo before >out
    run bash -c '"$1" get a --output /dev/stdout --force >>out' - "$FSC"
    assert_failure 2
    assert_equal "$(cat out)" before
}

# bats test_tags=client
@test "get: a FIFO whose reader goes away is reported" {
    start_fsd
    head -c 3000000 /dev/zero | quiet "$FSC" put - --name a
    mkfifo fifo
    head -c 1 fifo >/dev/null 3>&- &
    local reader=$!
    run bash -c 'trap "" PIPE; "$1" get a --output fifo --json' - "$FSC"
    assert_failure 9
    assert_output --partial 'fsc: fifo: cannot write: Broken pipe'
    assert_output --partial '"message":"fifo: cannot write: Broken pipe"'
    wait "$reader"
}

# bats test_tags=client
@test "get: --sha256 takes that content and no other" {
    local sum=${digest_of_hello#sha256:} other name
    start_with_files
    printf hello | quiet "$FSC" put - --name stored
    other=$(printf '%064d' 0)
    for name in a stored; do
        assert_silent "$FSC" get "$name" --sha256 "${sum^^}" --output here/x
        cmp here/x "$LIBRARY/a"
        rm here/x
        run --separate-stderr "$FSC" get "$name" --sha256 "$sum" --output -
        assert_equal "$status $stderr $output" '0  hello'
        assert_fails 8 "$FSC" get "$name" --sha256 "$other" --output here/x
        assert_fails 8 "$FSC" get "$name" --sha256 "$other" --output -
    done
    assert_fails 4 "$FSC" get nothing --sha256 "$sum" --output -
    assert_left_alone

    # A file that is there is compared with both.
    printf hello >here/a
    printf other >here/b
    assert_silent "$FSC" get a --sha256 "$sum" --into here
    assert_fails 8 "$FSC" get b --sha256 "$sum" --output here/a
    assert_fails 8 "$FSC" get b --sha256 "$sum" --output here/a --force
    assert_fails 3 "$FSC" get a --sha256 "$sum" --output here/b
    assert_fails 3 "$FSC" get b --sha256 "$other" --output here/a
    assert_equal "$(cat here/a here/b)" helloother
    assert_silent "$FSC" get a --sha256 "$sum" --output here/b --force
    assert_equal "$(cat here/a here/b)" hellohello
    assert_left_alone a b
}

@test "get: --sha256 does not believe a server that agrees" {
    local sum=${digest_of_hello#sha256:} code answer
    mkdir here
    while read -r code answer; do
        printf '> GET a digest=%s\n< %s\n' "$digest_of_hello" "$answer" >script
        assert_fails "$code" "$TESTS/fake_server" "$SOCKET" script "$FSC" get a --sha256 "$sum" --output here/a
        assert_left_alone
    done <<ANSWERS
8 OK size=0 mtime=1\\nEND digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
8 OK size=5 mtime=1\\n5\\njello\\nEND digest=$digest_of_hello
1 OK size=5 mtime=1 digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\\n5\\nhello\\nEND digest=$digest_of_hello
8 FAIL mismatch
ANSWERS
}

@test "get: --sha256, wrong usage" {
    local sum=${digest_of_hello#sha256:} text
    # Nobody listens: a connection would be exit code 10.
    for text in '' x "${sum%?}" "${sum}0" "sha256:$sum" "${sum%?}g" "${sum%?} "; do
        assert_fails 2 "$FSC" get a --sha256 "$text"
    done
    assert_fails 2 "$FSC" get a b --sha256 "$sum"
    assert_fails 2 "$FSC" get -R a --sha256 "$sum"
    assert_fails 2 "$FSC" get --files-from list --sha256 "$sum"
}
