#!/usr/bin/env bats
# bats file_tags=once
# fsc put --from-command and fsc get --to-command: a file is stored, and a fetch succeeds, only if the
# command does.

load library
load fsc

# assert_not_stored CODE MESSAGE SCRIPT [OPTION...]: nothing is stored of what this shell prints.
assert_not_stored() {
    local code=$1 message=$2 script=$3
    shift 3
    run --separate-stderr "$FSC" put --name name "$@" --from-command -- bash -c "$script"
    assert_equal "$status $output $stderr" "$code  fsc: $message"
    [ ! -e "$LIBRARY/name" ] || fail "$script: something is stored"
    await_no_session
}

@test "commands: the output is stored if the command exits with 0" {
    start_fsd
    assert_silent "$FSC" put --name name --from-command -- printf '%s-' a 'b c' --json
    assert_equal "$(cat "$LIBRARY/name")" 'a-b c---json-'
    # What it says is seen.
    run --separate-stderr "$FSC" put --name warned --from-command -- bash -c 'echo x; echo "a warning" >&2'
    assert_equal "$status $output $stderr" '0  a warning'
    # A command that has closed its output is waited for.
    assert_silent "$FSC" put --name late --from-command -- bash -c 'echo x; exec >&-; sleep 0.2; touch ended'
    [ -e ended ]
    assert_equal "$(cat "$LIBRARY/late")" x
    # The same bytes again are a success when they can be compared.
    assert_silent "$FSC" put --name late --if-same --from-command -- echo x
    assert_fails 3 "$FSC" put --name late --from-command -- touch was-run
    [ ! -e was-run ]
}

@test "commands: nothing is stored if the command fails" {
    start_fsd
    assert_not_stored 14 'name: bash ended with 3' 'echo x; exit 3'
    assert_not_stored 14 'name: bash ended with 1' 'head -c 3000000 /dev/zero; exit 1'
    assert_not_stored 14 'name: bash was killed by signal 9' 'echo x; kill -9 $$'
    assert_not_stored 14 'name: bash ended with 1' 'exec >&-; exit 1'
    assert_not_stored 14 'name: bash ended with 1' 'echo x; exit 1' --if-same
    assert_not_stored 14 'name: bash was stopped by signal 19' 'echo x; kill -STOP $$'
    assert_not_stored 14 'name: bash was stopped by signal 21, perhaps because it asked for input at the terminal' \
        'echo x; kill -TTIN $$'
    assert_not_stored 11 'name: the time limit of --max-time is reached' 'echo x; sleep 100' --max-time 1
    assert_not_stored 11 'name: the time limit of --max-time is reached' 'exec >&-; sleep 100' --max-time 1
    run --separate-stderr "$FSC" put --name name --from-command -- ./nosuch
    assert_equal "$status $stderr" '14 fsc: ./nosuch: cannot run the command: No such file or directory'
    run --separate-stderr "$FSC" put --name name --from-command -- /etc/passwd
    assert_equal "$status $stderr" '14 fsc: /etc/passwd: cannot run the command: Permission denied'
    [ ! -e "$LIBRARY/name" ]
}

@test "commands: --json says how the command ended" {
    start_fsd
    run --separate-stderr "$FSC" put --json --name name --from-command -- bash -c 'exit 3'
    assert_equal "$status" 14
    assert_equal "$(jq -r '"\(.outcome) \(.reason) \(.exit) \(.command_exit)"' <<<"$output")" 'failed command 14 3'
    run --separate-stderr "$FSC" put --json --name name --from-command -- bash -c 'kill -9 $$'
    assert_equal "$(jq -r '"\(.exit) \(.command_signal)"' <<<"$output")" '14 9'
    run --separate-stderr "$FSC" put --json --name name --from-command -- echo x
    assert_equal "$(jq -r '"\(.outcome) \(.size) \(.command_exit)"' <<<"$output")" 'stored 2 0'
    run --separate-stderr "$FSC" get --json name --to-command -- bash -c 'exit 5'
    assert_equal "$status" 14
    assert_equal "$(jq -r '"\(.outcome) \(.command_exit)"' <<<"$output")" 'failed 5'
    run --separate-stderr "$FSC" put --json --name other --from-command -- bash -c 'kill -TTOU $$'
    assert_equal "$(jq -r '"\(.exit) \(.command_signal)"' <<<"$output")" '14 22'
    run --separate-stderr "$FSC" get --json name --max-time 1 --to-command -- sleep 100
    assert_equal "$(jq -r '"\(.exit) \(.reason) \(.command_signal)"' <<<"$output")" '11 timeout null'
}

@test "commands: get gives a file to a command, whose exit code counts" {
    start_fsd
    echo hello >"$LIBRARY/name"
    head -c 3000000 /dev/zero >"$LIBRARY/big"
    run --separate-stderr "$FSC" get name --to-command -- cat
    assert_equal "$status $output $stderr" '0 hello '
    run --separate-stderr "$FSC" get big --to-command -- wc -c
    assert_equal "$status $output $stderr" '0 3000000 '
    run --separate-stderr "$FSC" get name --to-command -- bash -c 'cat; exit 4'
    assert_equal "$status $output $stderr" '14 hello fsc: name: bash ended with 4'
    run --separate-stderr "$FSC" get big --to-command -- bash -c 'exec <&-; kill -9 $$'
    assert_equal "$status $stderr" '14 fsc: big: bash was killed by signal 9'
    run --separate-stderr "$FSC" get big --to-command -- true
    assert_equal "$status $stderr" '14 fsc: big: true ended with 0 before it had read all of it'
    # Nor is a file read that is still in the pipe.
    for script in 'exit 0' 'sleep 0.2' 'head -c 5 >/dev/null'; do
        run --separate-stderr "$FSC" get name --to-command -- bash -c "$script"
        assert_equal "$status $stderr" '14 fsc: name: bash ended with 0 before it had read all of it'
    done
    # The command is not run for a file that is not there.
    assert_fails 4 "$FSC" get nosuch --to-command -- touch was-run
    [ ! -e was-run ]
}

@test "commands: --max-time limits a command that gets a file, too" {
    local script
    start_fsd
    echo hello >"$LIBRARY/name"
    head -c 3000000 /dev/zero >"$LIBRARY/big"
    for script in 'big sleep 100' 'big exec <&-; sleep 100' 'name cat >/dev/null; sleep 100'; do
        run --separate-stderr "$FSC" get "${script%% *}" --max-time 1 --to-command -- bash -c "echo \$\$ >one; ${script#* }; touch whole"
        assert_equal "$status $output $stderr" "11  fsc: ${script%% *}: the time limit of --max-time is reached"
        ! kill -0 "$(<one)" 2>/dev/null || fail "$script: it still runs"
    done
    [ ! -e whole ]
    run --separate-stderr "$FSC" get big --spool --max-time 1 --to-command -- bash -c 'sleep 100'
    assert_equal "$status" 11
}

@test "commands: get does not wait for what a command leaves running" {
    start_fsd
    head -c 3000000 /dev/zero >"$LIBRARY/big"
    # It holds the pipe open, and reads nothing.
    run --separate-stderr "$FSC" get big --to-command -- bash -c 'sleep 100 3<&0 & exit 0'
    assert_equal "$status $stderr" '14 fsc: big: bash ended with 0 before it had read all of it'
}

@test "commands: a command that gets a damaged file does not see the end of it" {
    start_fsd
    head -c 3000000 /dev/zero >file
    "$FSC" put file --name big
    touch -r "$LIBRARY/big" before
    chmod u+w "$LIBRARY/big"
    printf x | dd of="$LIBRARY/big" seek=2999990 bs=1 conv=notrunc status=none
    touch -r before "$LIBRARY/big"
    chmod u-w "$LIBRARY/big"
    run --separate-stderr "$FSC" get big --to-command -- bash -c 'cat >there; touch whole'
    assert_equal "$status" 8
    [ ! -e whole ]
}

@test "commands: a server that sends too much, or breaks off, is named by the file" {
    run --separate-stderr fake "$FSC" get a --to-command -- sh -c 'cat; echo end' <<<$'> GET a\n< OK size=3\n< 5\\nhello\n< END'
    assert_equal "$status $output $stderr" '1  fsc: a: the server sent more bytes than it announced'
    run --separate-stderr fake "$FSC" get a --to-command -- sh -c 'cat >/dev/null; echo end' <<<$'> GET a\n< OK size=5\n< 2\\nhe\n<.'
    assert_equal "$status $output $stderr" '10  fsc: a: the connection was lost'
}

@test "commands: a server that is started again begins with the same signals" {
    use_settings 'limits = { pause = "1ms"; };'
    mkdir "$LIBRARY"
    head -c 300000 /dev/urandom >file
    export FSC_SERVER="exec:'$FSD' --config '$CONFIG' --stdio --library '$LIBRARY'"
    assert_silent "$FSC" put file
    # Each connection breaks off after 200,000 bytes.
    cat >relay <<'RELAY'
import os, socket
left = 200000
while left > 0 and (data := os.read(0, min(left, 65536))):
    os.write(1, data)
    left -= len(data)
socket.socket(fileno=1).shutdown(socket.SHUT_WR)
RELAY
    FSC_SERVER="exec:grep SigIgn /proc/self/status >>ignored; cat | '$FSD' --config '$CONFIG' --stdio --library '$LIBRARY' 2>/dev/null | python3 relay"
    assert_silent "$FSC" get file --retry 1 --to-command -- cmp - file
    assert_equal "$(wc -l <ignored) $(sort -u ignored | wc -l)" '2 1'
}

@test "commands: wrong usage exits with 2" {
    assert_fails 2 "$FSC" put --from-command -- echo
    assert_fails 2 "$FSC" put --name name --from-command
    assert_equal "$stderr" 'fsc: put: --from-command needs the command after --'
    assert_fails 2 "$FSC" put --name name --from-command --
    assert_equal "$stderr" 'fsc: put: --from-command needs the command after --'
    assert_fails 2 "$FSC" put --name name --from-command echo
    assert_equal "$stderr" 'fsc: put: --from-command needs the command after --'
    # An option of the command is not taken for one of fsc.
    assert_fails 2 "$FSC" put --name name --from-command tar -c photos
    assert_equal "$stderr" 'fsc: put: --from-command needs -- before tar (see fsc help put)'
    assert_fails 2 "$FSC" put --name name --nosuch --from-command -- echo
    assert_equal "$stderr" 'fsc: put: unknown option --nosuch (see fsc help put)'
    assert_fails 2 "$FSC" get name --to-command wc -c
    assert_equal "$stderr" 'fsc: get: --to-command needs -- before wc (see fsc help get)'
    assert_fails 2 "$FSC" get name --nosuch --to-command -- wc
    assert_equal "$stderr" 'fsc: get: unknown option --nosuch (see fsc help get)'
    assert_fails 2 "$FSC" put file --name name --from-command -- echo
    assert_fails 2 "$FSC" put --name name --files-from list --from-command
    assert_fails 2 "$FSC" put -R --name name --from-command -- echo
    assert_fails 2 "$FSC" get name --to-command
    assert_fails 2 "$FSC" get name --to-command --
    assert_fails 2 "$FSC" get name --to-command cat
    assert_fails 2 "$FSC" get --to-command -- cat
    assert_fails 2 "$FSC" get one two --to-command -- cat
    assert_fails 2 "$FSC" get name --output file --to-command -- cat
}

@test "commands: a guard that refuses what a command prints names the file" {
    start_fsd
    assert_fails 8 "$FSC" put --name a/b --from-command -- true
    assert_equal "$stderr" 'fsc: a/b: the output of the command is empty, so nothing is stored (use --allow-empty to store an empty file)'
    assert_fails 8 "$FSC" put --name a/b --min-size 6 --from-command -- printf 12345
    assert_equal "$stderr" 'fsc: a/b: the output of the command has 5 bytes, fewer than the 6 of --min-size'
    assert_fails 8 "$FSC" put --name a/b --size 6 --from-command -- printf 12345
    assert_equal "$stderr" 'fsc: a/b: the output of the command has 5 bytes, not the 6 of --size'
    assert_fails 8 "$FSC" put --name a/b --size 4 --from-command -- printf 12345
    assert_equal "$stderr" 'fsc: a/b: the output of the command has more bytes than the 4 of --size'
    assert_fails 8 "$FSC" put --name a/b --sha256 "$(printf %064d 0)" --from-command -- printf 12345
    assert_regex "$stderr" '^fsc: a/b: the output of the command does not match --sha256: its digest is sha256:5994'
    assert_empty_library
}

# at_terminal COMMAND...: runs it with a terminal of its own, at which nobody types.
at_terminal() {
    python3 -c 'import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$@" </dev/null
}

@test "commands: without a terminal they have their own process group" {
    start_fsd
    assert_silent setsid -w "$FSC" put --name name --from-command -- bash -c 'ps -o pid=,pgid= -p $$; readlink /proc/self/fd/0'
    read -r pid group <"$LIBRARY/name"
    assert_equal "$group" "$pid"
    # Its input is ours.
    echo typed | "$FSC" put --name input --from-command -- cat
    assert_equal "$(<"$LIBRARY/input")" typed
    "$FSC" put --name closed --from-command -- bash -c 'cat; echo x' <&-
    assert_equal "$(<"$LIBRARY/closed")" x
}

@test "commands: at a terminal they stay in our process group, and read nothing from it" {
    start_fsd
    run at_terminal "$FSC" put --name name --from-command -- bash -c \
        'ps -o pgid= -p $$; ps -o pgid= -p $PPID; cat; readlink /proc/$$/fd/0'
    assert_equal "$status" 0
    mapfile -t lines <"$LIBRARY/name"
    assert_equal "${lines[0]} ${lines[2]}" "${lines[1]} /dev/null"
}

@test "commands: nothing that a command starts outlives fsc" {
    local what
    start_fsd
    # The pipe is held open by what the command has left behind.
    assert_not_stored 11 'name: the time limit of --max-time is reached' 'echo $BASHPID >one; sleep 1000 & echo $! >two; echo x' --max-time 1
    for what in one two; do
        ! kill -0 "$(<"$what")" 2>/dev/null || fail "$what still runs"
    done
    # One that has closed it is ended, too.
    assert_silent "$FSC" put --name name --from-command -- bash -c 'sleep 1000 >/dev/null & echo $! >two; echo x'
    ! kill -0 "$(<two)" 2>/dev/null || fail "it still runs"
    # A signal reaches all of them.
    mkfifo ready
    setsid "$FSC" put --name other --from-command -- bash -c 'sleep 1000 & echo $! >two; echo >ready; wait' 3>&- &
    read -r <ready
    kill -TERM $!
    wait $! || status=$?
    assert_equal "$status" 143
    await eval "! kill -0 $(<two) 2>/dev/null"
    [ ! -e "$LIBRARY/other" ]
}

# A command in a process group of its own, as shells with job control make it, is in the background there.
@test "commands: a command that the terminal stops has failed" {
    start_fsd
    converse <<'END'
import pty
SCRIPT = '"$@"; echo "code $?"; ! kill -0 "$(<pid)" 2>/dev/null || echo "it still runs"'
BEGIN = 'import os, sys, termios; os.setpgid(0, 0); print(os.getpid(), file=open("pid", "w")); print("x", flush=True); '
for command, number in (('open("/dev/tty").read(1)', signal.SIGTTIN),
                        ('termios.tcflush(open("/dev/tty"), termios.TCIFLUSH)', signal.SIGTTOU)):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execlp('bash', 'bash', '-c', SCRIPT, 'bash', os.environ['FSC'], 'put', '--name', 'name', '--from-command', '--',
                  sys.executable, '-c', BEGIN + command)
    shown = b''
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65536):
            shown += piece
    os.waitpid(pid, 0)
    os.close(terminal)
    check(shown == b'fsc: name: %s was stopped by signal %d, perhaps because it asked for input at the terminal\r\n'
          b'code 14\r\n' % (sys.executable.encode(), number), (command, shown))
END
    assert_empty_library
}

@test "commands: Ctrl-C ends a command, even one that ignores it, with fsc" {
    start_fsd
    converse <<'END'
import pty
SCRIPT = '"$@"; echo "the script continues"'
RUN = 'echo $$ >new; mv new pid; echo x; exec sleep 600'
for command in (['bash', '-c', RUN], ['timeout', '600', 'bash', '-c', RUN], ['bash', '-c', 'trap "" INT HUP; ' + RUN]):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execlp('bash', 'bash', '-c', SCRIPT, 'bash', os.environ['FSC'], 'put', '--name', 'name', '--from-command', '--',
                  *command)
    wait_until(lambda: os.path.exists('pid'), 'the command has not begun')
    os.write(terminal, b'\x03')
    check(os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGINT, 'bash did not die of SIGINT')
    check(os.read(terminal, 100) == b'^C', 'something is said')
    with open('pid', encoding='ascii') as file:
        path = '/proc/' + file.read().strip()
    wait_until(lambda: not os.path.exists(path), command)
    os.unlink('pid')
    os.close(terminal)
END
    await_no_session
    assert_empty_library
}

@test "commands: a name that is taken while the command runs" {
    local script='echo x; echo "$1" | "$FSC" put - --name name'
    start_fsd
    assert_fails 3 "$FSC" put --name name --from-command -- bash -c "$script" - other
    assert_equal "$stderr" 'fsc: name: exists in the library with different content (use --replace to overwrite)'
    assert_equal "$(<"$LIBRARY/name")" other
    "$FSC" rm name
    assert_fails 3 "$FSC" put --name name --exclusive --from-command -- bash -c "$script" - x
    assert_equal "$stderr" 'fsc: name: exists in the library (--exclusive)'
    "$FSC" rm name
    # The same content is what was to be stored.
    assert_silent "$FSC" put --name name --from-command -- bash -c "$script" - x
    "$FSC" rm name
    assert_silent "$FSC" put --name name --replace --from-command -- bash -c "$script" - other
    assert_equal "$(<"$LIBRARY/name")" x
    assert_no_stages
}

# assert_ended PATTERN: the command, whose process is in the file pid, has ended with fsc, and fsc says this.
assert_ended() {
    assert_regex "$stderr" "$1"
    ! kill -0 "$(<pid)" 2>/dev/null || fail 'it still runs'
    rm pid
}

@test "commands: a command that prints is ended when the server refuses, or is lost" {
    assert_fails 7 fake "$FSC" put --name name --from-command -- bash -c 'echo $$ >pid; echo x; exec sleep 600' <<'SCRIPT'
> PUT name
< OK offset=0
>item
< FAIL no-space
> ABORT aborted
SCRIPT
    assert_ended '^fsc: name: '
    assert_fails 10 fake "$FSC" put --name name --from-command -- bash -c 'echo $$ >pid; echo x; exec sleep 600' <<'SCRIPT'
> PUT name
< OK offset=0
>item
<.
SCRIPT
    assert_ended '^fsc: name: .*lost'
}

@test "commands: a command that reads is ended when the server is lost, and does not see an end" {
    local code
    use_settings 'limits = { idle = "300ms"; };'
    for code in 8 10 11; do
        case $code in
        8) echo '< ABORT mismatch' ;;
        10) echo '<.' ;;
        11) echo '>.' ;;
        esac >end
        assert_fails "$code" fake "$FSC" get a --to-command -- bash -c 'echo $$ >pid; cat >there; touch whole' \
            < <(printf '%s\n' '> GET a' '< OK size=100 mtime=1' '< 5\nhello' '! pid' && cat end)
        assert_ended '^fsc: a: '
        [ ! -e whole ]
    done
    # It gets the rest over another connection.
    use_settings 'limits = { pause = "1ms"; };'
    run --separate-stderr fake "$FSC" get a --retry 1 --to-command -- cat <<SCRIPT
> GET a
< OK size=5 mtime=1 digest=$digest_of_hello
< 3\nhel
<.
> GET a offset=3 digest=$digest_of_hello
< OK size=5 mtime=1 digest=$digest_of_hello
< 2\nlo
< END digest=$digest_of_hello
SCRIPT
    assert_equal "$status $output $stderr" '0 hello '
}

# await_signs PATTERN: until three of them were sent after a line that matches.
await_signs() {
    await eval "[ \"\$(sed \"0,/$1/d\" sent | grep -c -x WAIT)\" -ge 3 ]"
}

@test "commands: the server gets signs of life while the command is silent" {
    start_fsd
    use_settings 'limits = { heartbeat = "10ms"; };'
    export -f await_signs
    # Before its first byte, and after its last one.
    for script in 'await_signs PUT; echo hello' 'echo hello; exec >&-; await_signs hello'; do
        assert_silent "$FSC" put --name name --server "exec:tee sent | nc -N -U $SOCKET" --from-command -- bash -c "$script"
        assert_equal "$(<"$LIBRARY/name")" hello
        rm "$LIBRARY/name" sent
    done
}
