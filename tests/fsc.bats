#!/usr/bin/env bats
# fsc as a whole: its command line, help and exit codes, and the addresses of servers.
# bats file_tags=once

load library
load fsc

# print_commands: the commands that fsc lists.
print_commands() {
    "$FSC" | sed -n 's/^  \([a-z]\{1,\}\)  *[a-z].*/\1/p'
}

start_with_a_file() {
    mkdir -p "$LIBRARY"
    printf hello >"$LIBRARY/a"
    start_fsd "$@"
}

@test "fsc: without arguments prints every command with an example, as fsc help does" {
    local word
    run quiet "$FSC"
    assert_success
    assert_output "$("$FSC" help)"
    assert_output "$("$FSC" --help)"
    assert_equal "$(print_commands | sort)" $'config\nget\nhelp\nidentity\nls\nput\nrm\nstat\nstatus\ntrust\nwatch'
    for word in $(print_commands); do
        assert_line --regexp "^ +fsc $word "
    done
}

@test "fsc: help COMMAND shows its options, and examples" {
    local word example
    for word in $(print_commands); do
        example=$("$FSC" | grep -E "^ +fsc $word ")
        run quiet "$FSC" help "$word"
        assert_success
        assert_line --regexp "^Usage: fsc $word "
        assert_line --index 2 Examples:
        assert_line --index 3 "  ${example#"${example%%[! ]*}"}"
        assert_line --regexp '^ +--server ADDRESS '
        assert_output "$("$FSC" "$word" --help)"
        assert_output "$("$FSC" --help "$word")"
        assert_output "$("$FSC" -h "$word")"
        # ls -h is --human.
        [ "$word" = ls ] || assert_output "$("$FSC" "$word" -h)"
    done
    assert_equal "$("$FSC" -h)" "$("$FSC" help)"
    assert_regex "$("$FSC" help get)" '--output FILE .*--into DIR .*--force '
    assert_regex "$("$FSC" help put)" '--name NAME .*--folder FOLDER '
    assert_regex "$("$FSC" help ls)" '-l, --long .*-R, --recursive .*-U, --unsorted .*--match PATTERN '
    assert_fails 2 "$FSC" help nonsense
    assert_fails 2 "$FSC" help ls get
}

@test "fsc: the examples of help are played" {
    local word command server codes
    mkdir -p here/photos here/restore bin "$LIBRARY"/{backups,photos,incoming,logs} "$WORK/home"
    echo 1 | gzip | tee here/shop.sql.gz >"$LIBRARY/backups/shop.sql.gz"
    echo 1 | tee here/{1.csv,photos/1} "$LIBRARY"/{photos/1,incoming/1,backups/old.gz} >/dev/null
    tar -cf "$LIBRARY/backups/web.tar" here
    printf '#!/bin/sh\necho dump\n' >bin/pg_dump
    # Notes the exit code of each run.
    printf '#!/bin/sh\n"$FSC" "$@"\ncode=$?\necho "$code $*" >>"$WORK/codes"\nexit "$code"\n' >bin/fsc
    chmod +x bin/*
    start_fsd
    for word in $(print_commands); do
        "$FSC" help "$word" | sed -n '/^Examples:/,/^$/s/^  //p'
    done >examples
    [ "$(wc -l <examples)" -ge 25 ]
    while IFS= read -r command; do
        # A real fingerprint; and what has no end, or is about another machine, cannot reach it.
        command=${command//SHA256:.../SHA256:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE}
        case $command in
        'fsc watch incoming |'* | *--accept) server=127.0.0.1:1 command=${command/backup1.example/127.0.0.1:1} codes='[0-9]+' ;;
        *) server=$FSC_SERVER codes=0 ;;
        esac
        : >"$WORK/codes"
        run env -C here HOME="$WORK/home" FSC_SERVER="$server" PATH="$WORK/bin:$PATH" bash -o pipefail -c "$command" </dev/null
        [[ $status =~ ^$codes$ ]] || fail "$command: $status: $output"
        [ -s "$WORK/codes" ]
        run ! grep '^2 ' "$WORK/codes"
    done <examples
}

@test "fsc: help needs no server and no valid operands" {
    assert_equal "$(FSC_SERVER=example.org quiet "$FSC" get --help)" "$("$FSC" help get)"
    FSC_SERVER=example.org quiet "$FSC" help >/dev/null
    FSC_SERVER=example.org quiet "$FSC" >/dev/null
}

@test "fsc: --version" {
    run quiet "$FSC" --version
    assert_success
    assert_output --regexp '^fsc [0-9]+\.[0-9]+\.[0-9]+$'
    assert_output "$("$FSC" ls --version)"
}

@test "fsc: help exit-codes" {
    run quiet "$FSC" help exit-codes
    assert_success
    assert_equal "$(printf '%s\n' "${lines[@]}" | awk '{ printf "%s ", $1 }')" \
        '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 128+n '
    assert_line --regexp '^ +3 +EXISTS'
    assert_line --regexp '^ +10 .*retry'
    assert_line --regexp '^ +11 .*retry'
    assert_line --regexp '^ +12 .*retry'
}

@test "fsc: wrong usage is exit code 2 and one line" {
    # Nobody listens: a connection would be exit code 10.
    assert_fails 2 "$FSC" nonsense
    assert_regex "$stderr" nonsense
    assert_fails 2 "$FSC" nonsense --help
    assert_fails 2 "$FSC" ''
    assert_fails 2 "$FSC" $'bad\nword'
    assert_fails 2 "$FSC" $'bad\x1b[31mword\xff'
    refute_regex "$stderr" "$(printf '[\x01-\x1f\x7f\xff]')"
    assert_fails 2 "$FSC" --nonsense
    assert_fails 2 "$FSC" ls --nonsense
    assert_regex "$stderr" '--nonsense'
    assert_fails 2 "$FSC" ls $'--bad\noption'
    assert_fails 2 "$FSC" ls -x
    assert_fails 2 "$FSC" ls -lx
    assert_fails 2 "$FSC" get -l a
    assert_fails 2 "$FSC" ls --lon
    assert_equal "$stderr" 'fsc: ls: unknown option --lon; did you mean --long? (see fsc help ls)'
    assert_fails 2 "$FSC" put --forc x
    assert_fails 2 "$FSC" ls --lon=yes
    assert_fails 2 "$FSC" ls --long=yes
    assert_fails 2 "$FSC" ls --help=yes
    assert_fails 2 "$FSC" -l ls
    assert_fails 2 "$FSC" --match a ls
    assert_equal "$stderr" 'fsc: --match must come after the command (see fsc help)'
    assert_fails 2 "$FSC" --server
    assert_fails 2 "$FSC" ls --server
    assert_fails 2 "$FSC" ls --match
    assert_fails 2 "$FSC" put x --name
    assert_fails 2 "$FSC" ls --match a --match a
    assert_fails 2 "$FSC" --server "$SOCKET" ls --server "$SOCKET"
    assert_fails 2 "$FSC" get
    assert_fails 2 "$FSC" put
}

@test "fsc: options come before and after the command and its operands" {
    local arguments
    start_with_a_file
    for arguments in "--server $SOCKET ls a" "--server=$SOCKET ls a" "ls --server $SOCKET a" \
        "ls a --server=$SOCKET" "ls a --server $SOCKET" "--server $SOCKET -- ls a" \
        "ls --server $SOCKET -- a"; do
        # shellcheck disable=SC2086
        run quiet env -u FSC_SERVER "$FSC" $arguments
        assert_equal "$status $output" '0 a'
    done
    run quiet "$FSC" ls a -l a -l -lR a
    assert_equal "${#lines[@]}" 3
    assert_line --index 0 --regexp '^ +5 .* a$'
}

@test "fsc: --server overrides FSC_SERVER" {
    start_with_a_file
    run quiet "$FSC" ls
    assert_equal "$status $output" '0 a'
    run quiet env FSC_SERVER=/nowhere "$FSC" ls --server "$SOCKET"
    assert_equal "$status $output" '0 a'
    assert_fails 10 "$FSC" ls --server "$WORK/nowhere"
    assert_fails 10 env FSC_SERVER=localhost:1 "$FSC" ls
}

@test "fsc: no server exits 10, reported once for all operands" {
    printf x >file
    assert_fails 10 "$FSC" ls
    assert_regex "$stderr" "^fsc: $SOCKET: "
    assert_fails 10 "$FSC" ls a b
    assert_fails 10 "$FSC" get a b
    assert_fails 10 "$FSC" put file file file
    assert_fails 10 "$FSC" ls --server "$WORK/file"
    assert_fails 10 "$FSC" ls --server "$WORK/missing/socket"
    # A socket that nobody listens on any more.
    bind_socket dead
    assert_fails 10 "$FSC" ls --server "$WORK/dead"
    run ls -A
    refute_output --regexp 'fsc-'
}

@test "fsc: invalid addresses" {
    local address
    for address in relative/path 'exec:' 'plain:' plain:127.0.0.1: plain:127.0.0.1:x \
        plain:127.0.0.1:65536 plain:127.0.0.1:-1 plain:::1 'plain:[::1' 'plain:[::1]x' \
        'plain:a b' "/$(printf '%0107d' 0)" $'bad\x1baddress\n' ':' '[]'; do
        assert_fails 2 "$FSC" ls --server "$address"
        refute_regex "$stderr" "$(printf '[\x01-\x1f\x7f]')"
        FSC_SERVER=$address assert_fails 2 "$FSC" ls
    done
}

@test "fsc: an empty --server is an error, not the default" {
    start_with_a_file
    assert_fails 2 "$FSC" ls --server ''
    assert_regex "$stderr" 'no server address'
    assert_fails 2 "$FSC" --server= ls
}

@test "fsc: a relative socket path is reported as such" {
    local address
    for address in ./fsd.sock run/fsd.sock unix:/run/fsd.sock; do
        assert_fails 2 "$FSC" ls --server "$address"
        assert_equal "$stderr" "fsc: --server: $address: the path of a socket must begin with a slash"
    done
}

@test "fsc: a host without plain: never gets a connection without TLS" {
    local address
    start_with_a_file --listen plain:127.0.0.1:0 --anonymous list
    for address in "localhost:$FSD_PORT" "127.0.0.1:$FSD_PORT"; do
        assert_fails 1 "$FSC" ls --server "$address"
        assert_equal "$stderr" "fsc: $address: speaks plain text instead of TLS"
    done
}

@test "fsc: plain: to another machine is refused, and not tried" {
    local address
    # Addresses for documentation, which no machine has: trying them would take for ever.
    use_settings 'limits = { connect = "1d"; };'
    for address in plain:192.0.2.1 plain:192.0.2.1:7373 'plain:[2001:db8::1]:7373' \
        'plain:[::ffff:192.0.2.1]:7373'; do
        assert_fails 2 timeout 60 "$FSC" ls --server "$address"
        assert_regex "$stderr" "^fsc: plain:"
    done
}

@test "fsc: plain: on this machine" {
    start_with_a_file --listen plain:127.0.0.1:0 --anonymous 'list get put'
    local server=plain:127.0.0.1:$FSD_PORT
    head -c 300000 /dev/urandom >large
    run quiet "$FSC" ls --server "$server"
    assert_equal "$status $output" '0 a'
    assert_silent "$FSC" put large --server "$server"
    quiet "$FSC" get large --output - --server "$server" | cmp - large
    # Not every container knows its own name for itself.
    if getent ahostsv4 localhost >/dev/null; then
        quiet "$FSC" ls --server "plain:localhost:$FSD_PORT" >/dev/null
    fi
    # Nobody has this port, and by chance somebody else that of a daemon that has ended.
    assert_fails 10 "$FSC" ls --server plain:127.0.0.1:1
}

@test "fsc: plain: over IPv6" {
    grep -q -x '0\{31\}1 .* lo' /proc/net/if_inet6 2>/dev/null || skip 'there is no IPv6 here'
    start_with_a_file --listen 'plain:[::1]:0' --anonymous list
    run quiet "$FSC" ls --server "plain:[::1]:$FSD_PORT"
    assert_equal "$status $output" '0 a'
}

@test "fsc: a request without the right exits 6" {
    # shellcheck disable=SC2034 # library.bash reads it
    FSD_EXPECTED='msg=denied'
    printf x >file
    start_with_a_file --listen plain:127.0.0.1:0 --anonymous list
    local server=plain:127.0.0.1:$FSD_PORT
    assert_fails 6 "$FSC" put file --server "$server"
    assert_fails 6 "$FSC" put - --name x --server "$server" <file
    assert_fails 6 "$FSC" get a --output there --server "$server"
    [ ! -e there ]
}

@test "fsc: exec: talks to the server through a command" {
    start_with_a_file
    head -c 300000 /dev/urandom >large
    local server
    for server in "exec:nc -U '$SOCKET'" "exec:nc -N -U '$SOCKET'" \
        "exec:cat | nc -N -U '$SOCKET' | cat"; do
        run quiet "$FSC" ls a --server "$server"
        assert_equal "$status $output" '0 a'
        assert_silent "$FSC" put large --server "$server"
        quiet "$FSC" get large --output - --server "$server" | cmp - large
        quiet "$FSC" put - --name stream --server "$server" <large
    done
}

# The daemon's counter shows it: nc passes the end of its input on to nobody.
@test "fsc: exec: a command that waits for the server's end is not waited for" {
    start_with_a_file
    assert_silent "$FSC" get a --output got --server "exec:nc -U '$SOCKET'; echo \$? >ended"
    assert_equal "$(cat ended)" 0
    run quiet "$FSC" status
    assert_line --regexp '^requests.QUIT.* 1'
}

@test "fsc: exec: commands that fail" {
    local command
    head -c 300000 /dev/zero >large
    # The $$ is that of the shell which runs the command.
    for command in true false 'exit 3' 'read -r line' 'kill -9 $$' 'exec <&- >&-'; do
        assert_fails 10 "$FSC" ls --server "exec:$command"
        assert_fails 10 "$FSC" put large --server "exec:$command"
    done
    assert_fails 1 "$FSC" ls --server 'exec:echo welcome to this machine'
    assert_fails 12 "$FSC" ls --server 'exec:echo FAIL busy; cat >/dev/null'
    run --separate-stderr "$FSC" ls --server 'exec:no-such-command-here'
    assert_equal "$status $output" '10 '
    assert_regex "$stderr" 'no-such-command-here'
    run --separate-stderr "$FSC" ls --server 'exec:echo trouble >&2'
    assert_equal "$status ${stderr_lines[0]} ${#stderr_lines[@]}" '10 trouble 2'
}

# The login of ssh that is refused, a proxy that has nothing behind it. The other names are left: they
# would only be refused in the same way.
@test "fsc: a connection that ends before the server answers is reported once" {
    local command number server
    for number in {1..150}; do echo "$number" >"f$number"; done
    # refused ENDED COMMAND...: it says only that, and has started the command of exec: once.
    refused() {
        : >logins
        assert_fails 10 "${@:2}" --server "exec:echo >>logins; $command"
        assert_equal "$stderr" "fsc: exec:echo >>logins; $command: $1 before the server answered${sent-}"
        assert_equal "$(wc -l <logins)" 1
    }
    command='exit 255'
    refused 'ended with 255' "$FSC" ls
    refused 'ended with 255' "$FSC" get f1 f2 f3
    refused 'ended with 255' "$FSC" rm f1 f2
    refused 'ended with 255' "$FSC" stat --files-from <(printf '%s\n' f*)
    command='read -r line; kill -9 $$'
    refused 'was killed by signal 9' "$FSC" get f1 f2 f3
    command='read -r line'
    refused 'ended with 0' "$FSC" get f1 f2 f3
    # Closes it, but does not end.
    command='exec >&-; trap "" TERM; sleep 60'
    refused 'the connection was closed' "$FSC" ls
    # What was sent whole may have reached somebody.
    command='read -r line; exit 255'
    sent='; the files that were sent may or may not be stored'
    printf '%s\n' f* >list
    refused 'ended with 255' "$FSC" put --files-from list
    command='exit 127'
    refused 'ended with 127' "$FSC" put f*
    run --separate-stderr "$FSC" put f1 f2 --json --server 'exec:exit 255'
    assert_equal "$status ${#stderr_lines[@]}" '10 1'
    assert_equal "$(jq -r '"\(.local) \(.reason) \(.message)"' <<<"$output")" \
        "f1 lost exec:exit 255: ended with 255 before the server answered$sent
f2 lost exec:exit 255: ended with 255 before the server answered$sent"
    # Over a socket, too; a server that answers nothing is asked once more for what was sent.
    server="fsc: $SOCKET: the connection was closed before the server answered"
    assert_fails 10 fake "$FSC" get a b c <<<$'> GET a\n<.'
    assert_equal "$stderr" "$server"
    assert_fails 10 fake "$FSC" put f1 f2 <<<$'> PUT f1 *\n>body\n> PUT f2 *\n>body\n<.\n> PUT f1 *\n<.'
    assert_equal "$stderr" "$server$sent"
    assert_silent fake "$FSC" put f1 <<SCRIPT
> PUT f1 *
>body
<.
> PUT f1 *
< EXISTS same=1
SCRIPT
}

@test "fsc: the other names are left, too, when a server never answers" {
    use_settings 'limits = { idle = "300ms"; };'
    : >logins
    assert_fails 11 "$FSC" get a b c --server 'exec:echo >>logins; exec sleep 60'
    assert_equal "$stderr $(wc -l <logins)" \
        'fsc: exec:echo >>logins; exec sleep 60: time limit reached before the server answered 1'
    echo 1 >a
    echo 2 >b
    assert_fails 11 "$FSC" put a b --server 'exec:echo >>logins; exec sleep 60'
    assert_equal "$(wc -l <logins)" 2
}

@test "fsc: exec: a command that ignores the end of its input and TERM is killed" {
    local start=$SECONDS pid
    # Signals that are ignored stay ignored in what the shell becomes.
    run --separate-stderr timeout -k 1 60 "$FSC" ls --server \
        'exec:echo $$ >pid; trap "" TERM; read -r line; echo EMPTY; exec sleep 60'
    pid=$(cat pid)
    # Another process may have its number by now.
    if [ "$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")" = 'sleep 60 ' ]; then
        kill -KILL "$pid"
        fail "the command was left running, and fsc exits with $status"
    fi
    assert_equal "$status $output$stderr" '0 '
    # It has 3 s to end by itself, and 3 s after TERM.
    assert [ $((SECONDS - start)) -ge 5 ]
}

@test "fsc: every reason of a refusal has its exit code" {
    cat >reasons <<'REASONS'
4 not-found
1 not-a-file
6 denied
1 bad-request
1 aborted
2 bad-name
7 too-large
7 no-space
8 mismatch
1 internal
12 busy
11 timeout
12 unavailable
1 unsupported
1 invented-tomorrow
REASONS
    # Each with a text and without one.
    sed 's/^[0-9]* \(.*\)/> LIST\n< FAIL \1 such is life\n<.\n> GET a\n< FAIL \1\n<./' reasons >script
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c 'while read -r code reason; do
        "$1" ls 2>errors
        ls=$?
        "$1" get a 2>>errors
        echo "$ls $?: $reason"
        [ "$(grep -c "^fsc: " errors) $(wc -l <errors)" = "2 2" ] || cat errors >&2
        grep -q "such is life\$" errors || cat errors >&2
    done <reasons' - "$FSC"
    assert_equal "$status $stderr" '0 '
    assert_output "$(sed 's/^\([0-9]*\) /\1 \1: /' reasons)"
}

@test "fsc: the text of a refusal cannot control a terminal" {
    assert_fails 6 fake "$FSC" ls <<'SCRIPT'
> LIST
< FAIL denied a\x1b[31mb\x07c\xc2\x9bd\xffe\x7f\xe2\x82\xac
SCRIPT
    assert_regex "$stderr" ': a\?\[31mb\?c\?d\?e\?€$'
    assert_fails 1 fake "$FSC" ls <<'SCRIPT'
> LIST
< FAIL internal a\{4000}
SCRIPT
}

@test "fsc: other text from a server cannot control a terminal" {
    local answer
    while IFS= read -r answer; do
        printf '> GET a\n< %s\n<.\n' "$answer" >script
        assert_fails 1 "$TESTS/fake_server" "$SOCKET" script "$FSC" get a --output -
        refute_regex "$stderr" '[^ -~]'
    done <<'ANSWERS'
FAIL invented-tomorrow a\x1b[31mb\x07c\xc2\x9bd\x9be\x7f
FAIL \x1b[31m\xc2\x9b
OK size=0 mtime=1\nABORT invented-tomorrow a\x1b[31mb\xc2\x9bc\x9bd\r\x07
OK size=0 mtime=1\nABORT \x1b[31m\xc2\x9b
OK size=0 mtime=1\n\x1b]0;title\x07\xc2\x9b
\x1b]0;title\x07\xc2\x9b
ANSWERS
}

@test "fsc: a busy server may answer before a request" {
    head -c 300000 /dev/zero >large
    cat >script <<'SCRIPT'
< FAIL busy
<.
SCRIPT
    assert_fails 12 "$TESTS/fake_server" "$SOCKET" script "$FSC" ls
    assert_fails 12 "$TESTS/fake_server" "$SOCKET" script "$FSC" put large
    head -c 60000 large >small
    assert_fails 12 "$TESTS/fake_server" "$SOCKET" script "$FSC" put small
    assert_fails 12 "$TESTS/fake_server" "$SOCKET" script "$FSC" get a --output -
}

@test "fsc: a server that closes at once or answers nonsense" {
    assert_fails 10 fake "$FSC" ls <<<'<.'
    assert_fails 1 fake "$FSC" ls <<<$'> LIST\n< HTTP/1.1 400 Bad Request\n>.'
    assert_fails 1 fake "$FSC" ls <<<$'> LIST\n< SSH-2.0-OpenSSH_9.2\r\n>.'
    assert_fails 1 fake "$FSC" ls <<<$'> LIST\n< \\x00\\x01\\xff\n>.'
    assert_fails 1 fake "$FSC" ls <<<$'> LIST\n< a\\{5000}\n>.'
    assert_fails 1 fake "$FSC" ls <<<$'> LIST\n< FAIL Internal\n>.'
    # One CR before LF is taken.
    assert_silent fake "$FSC" ls <<<$'> LIST\n< EMPTY\\r\n'
}

# round_trip BYTES: a file of that size comes back the same, by every way in and out.
round_trip() {
    start_fsd
    head -c "$1" /dev/urandom >original
    assert_silent "$FSC" put original
    assert_silent "$FSC" put --allow-empty --name as/stream - <original
    # A pipe, of which no size is known.
    # shellcheck disable=SC2002
    cat original | quiet "$FSC" put --allow-empty - --name pipe

    mkdir here
    assert_silent "$FSC" get --into here original as/stream pipe
    assert_silent "$FSC" get original --output here/output
    quiet "$FSC" get --output - original >here/standard
    for file in here/*; do
        cmp original "$file"
    done
    run quiet "$FSC" ls -l
    assert_line --regexp "^ *$1 .* original\$"
    assert_no_stages
}

@test "fsc: 0 bytes there and back" {
    round_trip 0
}

@test "fsc: 1 byte there and back" {
    round_trip 1
}

@test "fsc: 65,535 bytes there and back" {
    round_trip 65535
}

@test "fsc: 65,536 bytes there and back" {
    round_trip 65536
}

@test "fsc: 65,537 bytes there and back" {
    round_trip 65537
}

@test "fsc: 20 MiB there and back" {
    round_trip $((20 * 1024 * 1024))
}

@test "fsc: 50 clients at once" {
    local i pids=()
    start_fsd
    head -c 300000 /dev/urandom >common
    for i in {1..50}; do
        {
            mkdir "$i" && { head -c $((i * 2000)) /dev/urandom && echo "$i"; } >"$i/own" &&
                "$FSC" put "$i/own" --name "clients/$i" && "$FSC" put common --folder "all" &&
                "$FSC" get "clients/$i" all/common --into "$i" && cmp "$i/own" "$i/$i" &&
                cmp common "$i/common" && "$FSC" ls clients | grep -qx "clients/$i" &&
                "$FSC" put - --name "streams/$i" <"$i/own" && "$FSC" ls -l >/dev/null
        } >>"$i.output" 2>&1 3>&- &
        pids+=($!)
    done
    for i in {1..50}; do
        wait "${pids[i - 1]}" || fail "client $i: $(cat "$i.output")"
        [ ! -s "$i.output" ] || fail "client $i: $(cat "$i.output")"
        cmp "$i/own" "$LIBRARY/streams/$i"
    done
    assert_equal "$(quiet "$FSC" ls -R | wc -l)" 101
    assert_no_stages
}

@test "fsc: valgrind finds no leak in ls, get and put" {
    skip_without_valgrind
    start_with_a_file
    mkdir here
    printf x >small
    head -c 300000 /dev/urandom >large
    assert_no_leak 9 put small missing large
    assert_no_leak 2 put small large missing
    assert_no_leak 0 put - --name stream <large
    assert_no_leak 4 get --into here a large nothing
    assert_no_leak 0 ls -lR
    assert_no_leak 2 ls -- .. large
    cmp large "$LIBRARY/large"
    cmp large "$LIBRARY/stream"
    cmp large here/large
}
