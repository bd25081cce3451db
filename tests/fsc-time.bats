#!/usr/bin/env bats
# The time limits of fsc: they hold in every phase, and count nothing but the server's time. And
# signals, which end it at any time.
# bats file_tags=once

load library
load fsc

# limit [SETTING=TEXT...]: the limits of fsc from now on; all others are the usual ones.
limit() {
    mkdir -p "$XDG_CONFIG_HOME/fsc"
    [ $# -gt 0 ] || set -- 'max_time = "1h"'
    printf 'limits = {\n%s\n};\n' "$(printf '%s;\n' "$@")" >"$XDG_CONFIG_HOME/fsc/fsc.conf"
}

# assert_times_out OPTION...: whenever the server goes silent, fsc with these options ends with 11 and
# one line, and leaves nothing. All phases run at the same time, for a limit that a busy machine does
# not reach before its phase.
assert_times_out() {
    local command script number=0 phases=()
    head -c 2000000 /dev/zero >large
    printf hello >small
    while IFS='|' read -r command script; do
        number=$((number + 1))
        mkdir -p "phase.$number/here"
        printf '%b\n' "$script" >"phase.$number/script"
        assert_phase_times_out "phase.$number" "$command" "$@" &
        phases+=("$!")
    done <<'PHASES'
ls|>.
status|> STATUS\n< OK\n>.
stat a|> LIST*\n< O\\\n>.
ls -U|> LIST\n< OK\n< 4\\na\\\n>.
get a --into here|> GET a\n>.
get a --into here|> GET a\n< OK size=5 mtime=1\n>.
get a --into here|> GET a\n< OK size=5 mtime=1\n< 5\\nhe\\\n>.
get a --into here|> GET a\n< OK size=5 mtime=1\n< 5\\nhello\n>.
get -R a --into here|> LIST a deep=1\n< OK\n< 4\\na/b\\n\n< END\n> GET a/b\n>.
put ../small|> PUT small*\n>.
put ../large|> PUT large*\n>.
put ../large|> PUT large*\n< OK offset=0\n! left\n>.
put ../large|> PUT large*\n< OK offset=0\n>body\n>.
PHASES
    for number in "${phases[@]}"; do
        wait "$number"
    done
}

# assert_phase_times_out FOLDER COMMAND OPTION...: the server of a phase sees to it that fsc closes, and
# learns when it need not wait any longer.
assert_phase_times_out() {
    cd "$1" || return
    export FSC_SERVER=$PWD/socket XDG_STATE_HOME=$PWD/state
    # shellcheck disable=SC2086
    assert_fails 11 "$TESTS/fake_server" "$FSC_SERVER" script bash -c '"$@"; code=$?; : >left
        exit $code' - "$FSC" $2 "${@:3}"
    assert_equal "$2: $(find here -type f)" "$2: "
}

@test "time: a server that goes silent is given up in every phase" {
    limit 'idle = "5s"' 'take = "5s"'
    assert_times_out
}

@test "time: --max-time holds in every phase" {
    assert_times_out --max-time 6s
}

@test "time: max_time is a setting too, and ends the whole run" {
    limit 'max_time = "3s"'
    assert_fails 11 fake "$FSC" get a b c --output - <<<$'> GET a\n>.'
    assert_equal "$stderr" 'fsc: a: the time limit of --max-time is reached'
    run --separate-stderr bash -c '"$1" ls --max-time 1 --server "exec:exec sleep 60"' - "$FSC"
    assert_equal "$status $stderr" '11 fsc: ls: the time limit of --max-time is reached'
}

@test "time: a trickle of bytes does not keep fsc waiting" {
    limit 'idle = "60s"' 'stall = "300ms"'
    # A line, and a body, of which a byte comes now and then.
    run --separate-stderr bash -c '"$1" ls --server "exec:while printf A; do sleep 0.05; done"' - "$FSC"
    assert_equal "$status ${stderr_lines[0]}" '11 fsc: ls: time limit reached'
    run --separate-stderr bash -c '"$1" get a --output - --server \
        "exec:echo OK size=1000 mtime=1; echo 1000; while printf A; do sleep 0.05; done"' - "$FSC"
    assert_equal "$status ${stderr_lines[0]}" '11 fsc: a: time limit reached'
    # Signs of life that are nothing but that.
    limit 'wait = "300ms"'
    run --separate-stderr bash -c '"$1" ls --server "exec:while echo WAIT; do sleep 0.05; done"' - "$FSC"
    assert_equal "$status ${stderr_lines[0]}" '11 fsc: ls: time limit reached'
    limit
    run --separate-stderr bash -c '"$1" ls --max-time 300ms \
        --server "exec:while echo WAIT; do sleep 0.05; done"' - "$FSC"
    assert_equal "$status ${stderr_lines[0]}" '11 fsc: ls: the time limit of --max-time is reached'
}

# assert_flood_ends SERVER ARGUMENT...: fsc gives up although the server, a command, always has something
# more to say. It reads its standard input from a file of zeros.
assert_flood_ends() {
    run --separate-stderr timeout 20 "$FSC" "${@:2}" --max-time 300ms --server "exec:exec 2>/dev/null; $1" <zeros
    # A listing that is not sorted is printed as it comes.
    assert_equal "$1: $status ${stderr_lines[0]##*: }" "$1: 11 the time limit of --max-time is reached"
}

@test "time: --max-time holds against a server that never stops" {
    local names
    head -c 3000000 /dev/zero >zeros
    mkdir into many
    for number in {1..70}; do head -c 60000 zeros >"many/$number"; done
    # Signs of life instead of an answer, and in bodies.
    assert_flood_ends 'exec yes WAIT' ls
    assert_flood_ends 'exec yes WAIT' get a --wait=1h --into into
    assert_flood_ends 'exec yes WAIT' put -R many
    assert_flood_ends 'exec yes WAIT' put zeros
    assert_flood_ends 'echo OK offset=0; exec yes WAIT' put zeros
    assert_flood_ends 'echo OK offset=0; exec yes WAIT' put - --name a
    assert_flood_ends 'echo OK; exec yes WAIT' watch
    assert_flood_ends 'echo OK; exec yes WAIT' status
    # A file that is announced as larger than anybody can fetch, in the smallest pieces and in large ones.
    assert_flood_ends $'echo OK size=1000000000000000 mtime=1; exec yes "1\nx"' get a --into into
    assert_flood_ends 'echo OK size=1000000000000000 mtime=1
        printf "%s\n" 65536 "$(head -c 65536 zeros | tr "\0" x)" >item; while cat item; do :; done' get a --into into
    # Names without an end.
    names='echo OK; { printf "2000\n"; yes a | head -c 2000; echo; } >names; while cat names; do :; done'
    assert_flood_ends "$names" ls
    FLOOD=$names run --separate-stderr bash -c 'timeout 20 "$FSC" ls -U --max-time 300ms --server "exec:exec 2>/dev/null; $FLOOD" >/dev/null'
    assert_equal "$status $stderr" '11 fsc: ls: the time limit of --max-time is reached'
    assert_equal "$(find into -type f)" ''
    # Without a limit of time, that of memory ends a listing that has to be sorted.
    FLOOD=$names run --separate-stderr bash -c '"$FSC" ls --server "exec:exec 2>/dev/null; $FLOOD"'
    assert_equal "$status $stderr" \
        '1 fsc: a: too many names to keep in memory: take fewer in one call, or ls -U'
}

@test "time: a producer is heard although the server always has something to say" {
    cat >server <<'END'
# fsc asks once more what became of the file.
[ ! -e ended ] || exit
read -r request
echo OK offset=0
yes WAIT &
while read -r line; do
    [[ $line == END* ]] || continue
    : >ended
    break
done
kill $!
END
    run --separate-stderr bash -c 'printf hello | timeout 20 "$FSC" put - --name x --max-time 15 --server "exec:bash server 2>/dev/null"'
    assert [ -e ended ]
}

@test "time: --max-time takes durations, and bare numbers as seconds" {
    local text
    start_fsd
    for text in 60 60000ms 60s 5m 2h 1d; do
        assert_silent "$FSC" ls --max-time "$text"
    done
    for text in '' 0 0s -1 1.5 5x s ' 5' 366d 99999999999999999999 1000000000000000000000000000000000; do
        assert_fails 2 "$FSC" ls --max-time "$text"
        assert_regex "$stderr" '^fsc: --max-time: '
    done
    assert_equal "$("$FSC" config --max-time 90 | grep max_time)" '    max_time = "90s"; # --max-time'
}

@test "time: neither a silent producer nor a reader that pauses is counted" {
    start_fsd
    head -c 4000000 /dev/urandom >"$LIBRARY/large"
    limit 'idle = "3s"' 'stall = "3s"' 'take = "3s"' 'heartbeat = "100ms"' 'max_time = "4s"'
    # Both are silent for longer than each of the limits.
    run --separate-stderr python3 - "$FSC" <<'PYTHON'
import select, subprocess, sys
fsc = sys.argv[1]
put = subprocess.Popen([fsc, 'put', '-', '--name', 'stream'], stdin=subprocess.PIPE)
put.stdin.write(b'hello')
put.stdin.flush()
get = subprocess.Popen([fsc, 'get', 'large', '--output', '-'], stdout=subprocess.PIPE)
some = get.stdout.read(1)
many = subprocess.Popen([fsc, 'ls', '--files-from', '-'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
many.stdin.write(b'large\n')
many.stdin.flush()
many.stdout.readline()
select.select([], [], [], 4.5)
put.stdin.write(b', world')
put.stdin.close()
rest = get.stdout.read()
many.stdin.write(b'large\n')
many.stdin.close()
print(put.wait(), get.wait(), len(some + rest), many.stdout.read(), many.wait())
PYTHON
    assert_equal "$status $stderr" '0 '
    assert_output "0 0 4000000 b'large\\n' 0"
    assert_equal "$(cat "$LIBRARY/stream")" 'hello, world'
}

@test "time: signs of life keep a slow server's client waiting" {
    limit 'idle = "3s"'
    assert_silent fake bash -c 'printf hello | "$1" put - --name x' - "$FSC" <<SCRIPT
> PUT x*
< OK offset=0
>body
< WAIT
< OK size=5 digest=$digest_of_hello
SCRIPT
    cat >server <<END
read -r line
for i in 1 2 3 4 5; do
    sleep 0.7
    echo WAIT
done
echo EMPTY
END
    assert_silent "$FSC" ls --server 'exec:sh server; cat >/dev/null'
}

# full_queue ADDRESS FILE COMMAND...: runs it while nobody accepts at a Unix socket, or at a port of
# 127.0.0.1, whose number is in FILE.
full_queue() {
    python3 - "$@" <<'PYTHON'
import socket, subprocess, sys
address, file, *command = sys.argv[1:]
family = socket.AF_UNIX if address.startswith('/') else socket.AF_INET
listener = socket.socket(family)
listener.bind(address if family == socket.AF_UNIX else (address, 0))
listener.listen(0)
waiting = []
# The queue is full when another connection does not get in any more.
while True:
    client = socket.socket(family)
    client.settimeout(0.2)
    waiting.append(client)
    try:
        client.connect(listener.getsockname())
    except (TimeoutError, BlockingIOError):
        break
with open(file, 'w') as out:
    print(address if family == socket.AF_UNIX else listener.getsockname()[1], file=out)
sys.exit(subprocess.call(command))
PYTHON
}

@test "time: a server that does not accept is given up, over Unix sockets and TCP" {
    local address command
    for address in "$WORK/full" 127.0.0.1; do
        command='server=$(cat where); [ "${server#/}" != "$server" ] || server=plain:127.0.0.1:$server
            exec timeout 60 "$1" ls --server "$server" "${@:2}"'
        limit 'connect = "300ms"'
        assert_fails 11 full_queue "$address" where bash -c "$command" - "$FSC"
        rm -f full
        limit
        assert_fails 11 full_queue "$address" where bash -c "$command" - "$FSC" --max-time 300ms
        rm -f full
    done
}

@test "time: other addresses of a host are tried beside one that does not answer" {
    local own=(unshare -rm)
    [ "$(id -u)" -ne 0 ] || own=(unshare -m)
    printf '127.0.0.2 two.example\n127.0.0.1 two.example\n' >hosts
    "${own[@]}" mount --bind hosts /etc/hosts 2>/dev/null || skip 'no file can be put over /etc/hosts here'
    # A client that tried the addresses one after the other would wait for a day.
    limit 'connect = "1d"'
    # By RFC 6724 the first one is 127.0.0.1, which does not answer.
    cat >race <<'RACE'
import socket, subprocess, sys
fsc, port = sys.argv[1], int(sys.argv[2])
listener = socket.socket()
try:
    listener.bind(('127.0.0.1', port))
except OSError:
    sys.exit('taken')
listener.listen(0)
waiting = []
while True:
    client = socket.socket()
    client.settimeout(0.2)
    waiting.append(client)
    try:
        client.connect(('127.0.0.1', port))
    except TimeoutError:
        break
print(subprocess.call(['timeout', '60', fsc, 'ls', '--server', 'plain:two.example:%d' % port]))
RACE
    for _ in {1..20}; do
        start_fsd --listen plain:127.0.0.2:0 --anonymous list
        run --separate-stderr "${own[@]}" bash -c 'mount --bind hosts /etc/hosts && exec python3 race "$@"' - \
            "$FSC" "$FSD_PORT"
        # Somebody else may have this port of the other address.
        [ "$stderr" = taken ] || break
        stop_fsd
    done
    assert_equal "$status $output $stderr" '0 0 '
}

@test "time: a name server that does not answer is given up" {
    local own=(unshare -rmn bash -c 'mount --bind resolv.conf /etc/resolv.conf &&
        mount --bind nsswitch.conf /etc/nsswitch.conf && exec "$@"' -)
    printf 'nameserver 127.0.0.1\n' >resolv.conf
    printf 'hosts: dns\n' >nsswitch.conf
    "${own[@]}" true 2>/dev/null || skip 'no file can be put over those in /etc here'
    # The name server hears the question, in a network of its own, and says nothing.
    cat >silent <<'SILENT'
import fcntl, socket, struct, subprocess, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(server, 0x8914, struct.pack('16sh14x', b'lo', 1))  # SIOCSIFFLAGS, IFF_UP
server.bind(('127.0.0.1', 53))
server.settimeout(30)
code = subprocess.call([sys.argv[1], 'ls', '--server', 'plain:two.example', '--max-time', '3'])
print(code, b'two' in server.recv(512))
SILENT
    run --separate-stderr "${own[@]}" python3 silent "$FSC"
    assert_equal "$status $output $stderr" \
        '0 11 True fsc: plain:two.example: cannot look up the host in time'
}

@test "fsc: INT and TERM end fsc by that signal, and end the command of exec:" {
    local number
    for number in 2 15; do
        run --separate-stderr python3 - "$FSC" "$number" <<'PYTHON'
import os, select, signal, subprocess, sys, time
number = int(sys.argv[2])
if os.path.exists('pid'):
    os.unlink('pid')
fsc = subprocess.Popen(['env', '--default-signal=INT,TERM', sys.argv[1], 'ls', '--server',
                        'exec:echo $$ >new; mv new pid; exec sleep 60'])
while not os.path.exists('pid'):
    select.select([], [], [], 0.005)
with open('pid') as file:
    pid = int(file.read())
fsc.send_signal(number)
print(-fsc.wait())
until = time.monotonic() + 20
while time.monotonic() < until:
    try:
        with open('/proc/%d/stat' % pid) as file:
            if file.read().rpartition(')')[2].split()[0] == 'Z':
                break
    except FileNotFoundError:
        break
    select.select([], [], [], 0.005)
else:
    print('the command goes on')
PYTHON
        assert_equal "$status $output$stderr" "0 $number"
    done
    # The shell sees it.
    run bash -c 'env --default-signal=TERM "$1" ls --server "exec:kill -TERM \$PPID; exec sleep 60"' - "$FSC"
    assert_equal "$status" 143
}

# Without a terminal, as under cron: it has a process group of its own.
@test "fsc: the command of exec: is ended with all that it has started" {
    converse <<'END'
import signal
import subprocess


def fields(pid):
    """Those of a process from its state on; none when it has ended."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            found = file.read().rpartition(')')[2].split()
        return found if found[0] not in 'ZX' else []
    except (FileNotFoundError, ProcessLookupError):
        return []


def started(fsc):
    """What fsc, which has a session of its own, has started, directly or not, and has not ended."""
    return [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) != fsc.pid and
            fields(pid)[3:4] == [str(fsc.pid)]]


def start(command, *options):
    """Starts fsc, and returns it when its command has begun, unless it may be ended before that."""
    begun = 'echo >begun; '
    if os.path.exists('begun'):
        os.unlink('begun')
    fsc = subprocess.Popen(['env', '--default-signal=INT,TERM', os.environ['FSC'], 'ls', *options,
                            '--server', f'exec:{begun}{command}'],
                           start_new_session=True, stderr=subprocess.DEVNULL)
    wait_until(lambda: options or os.path.exists('begun'), 'the command has not begun')
    return fsc


def expect_end(fsc, code):
    check(fsc.wait(LIMIT) == code, fsc.returncode)
    check(not started(fsc), f'left running: {started(fsc)}')


STAYS = '(sleep 1000 | sleep 1000) & sleep 1000 & wait'
for number in (signal.SIGINT, signal.SIGTERM):
    fsc = start(STAYS)
    fsc.send_signal(number)
    check(fsc.wait(LIMIT) == -number, fsc.returncode)
    wait_until(lambda: not started(fsc), 'the command goes on')
# Not by a signal: then fsc waits for it.
expect_end(start(STAYS, '--max-time', '10ms'), 11)
expect_end(start('sleep 1000 >&- & echo EMPTY; exec cat >/dev/null'), 0)
expect_end(start('(trap "" TERM; sleep 1000) & echo EMPTY; exec cat >/dev/null'), 0)
expect_end(start('exec >&-; sleep 1000 & wait'), 10)
# What is quick to end is not killed.
expect_end(start('(sleep 0.2; echo >last) & echo EMPTY; exec cat >/dev/null'), 0)
check(os.path.exists('last'), 'its last process was killed')
# By KILL: that of fsc ends nothing itself.
fsc = start('exec sleep 1000')
fsc.kill()
wait_until(lambda: not started(fsc), 'the command goes on')
fsc.wait(LIMIT)
END
}

# So that ssh can ask there, and Ctrl-C reaches both.
@test "fsc: at a terminal, the command of exec: stays in its process group" {
    converse <<'END'
import pty
import signal
command = 'cut -d " " -f 5 /proc/self/stat >new; : </dev/tty && mv new group; sleep 1000; :'
pid, terminal = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execl(os.environ['FSC'], 'fsc', 'ls', '--server', f'exec:{command}')
wait_until(lambda: os.path.exists('group'), 'the command has not begun')
with open('group', encoding='ascii') as file:
    check(int(file.read()) == pid, 'it has another group')
started = children(pid) | {kin for child in children(pid) for kin in children(child)}
os.write(terminal, b'\x03')
check(os.waitpid(pid, 0)[1] == signal.SIGINT, 'fsc did not die of INT')
wait_until(lambda: all(has_ended(one) for one in started), 'the command goes on')
END
}

@test "fsc: the command of exec: ignores the signals that fsc was started to ignore" {
    run --separate-stderr bash -c 'trap "" TERM INT HUP
        "$1" ls --server "exec:kill -TERM \$PPID; kill -INT \$PPID; kill -HUP \$PPID; echo EMPTY; cat >/dev/null"' - "$FSC"
    assert_equal "$status $output$stderr" '0 '
}

@test "time: neither a trickle nor signs of life hold up uploads that are sent ahead" {
    local number said
    for number in {1..70}; do head -c 60000 /dev/zero >"f$number"; done
    echo 'limits = { idle = "20s"; stall = "20s"; take = "500ms"; wait = "1s"; };' >fsc.conf
    for said in 'O' 'WAIT\n'; do
        SAID=$said converse <<'END'
import subprocess
server = socket.socket(socket.AF_UNIX)
path = os.environ['SOCKET'] + '.silent'
if os.path.exists(path):
    os.unlink(path)
server.bind(path)
server.listen()
client = subprocess.Popen([os.environ['FSC'], 'put', '--config', 'fsc.conf', '--server', path]
                          + [f'f{n}' for n in range(1, 71)], stderr=subprocess.PIPE)
session = server.accept()[0]
until = time.monotonic() + LIMIT
while client.poll() is None:
    check(time.monotonic() < until, 'it is held for ever')
    try:
        session.sendall(os.environ['SAID'].encode().decode('unicode_escape').encode())
    except OSError:
        pass
    select.select([], [], [], 0.1)
check(client.returncode == 11, client.returncode)
END
    done
}
