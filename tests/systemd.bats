#!/usr/bin/env bats
# Under systemd: its sockets, notifications, restarts that no client notices, the journal.
# tests/activate plays systemd.
# The sockets are those of systemd, so there is no TLS.
# bats file_tags=tls

load library
load fsc
load tls

# activate ADDRESS... [-- ARGUMENT...]: a daemon that is given such sockets; returns when it listens.
activate() {
    local addresses=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        addresses+=("$1")
        shift
    done
    mkdir -p "$LIBRARY"
    FSD_WRAPPER=("$TESTS/activate" "${addresses[@]}" --)
    launch_fsd --library "$LIBRARY" "${@:2}"
    await_line "$FSD_PID" "$FSD_LOG" 'msg=listening' "${#addresses[@]}"
}

# await_note PATTERN COUNT
await_note() {
    await_file notes
    await_line "$FSD_PID" notes "$1" "$2"
}

# restart NUMBER: restarts the daemon, for the NUMBER-th time.
restart() {
    kill -USR1 "$FSD_PID"
    await_note '^READY=1' $((1 + $1))
}

@test "systemd: its sockets are used, and remain afterwards" {
    FSD_EXPECTED='msg=denied address=127.0.0.1 session=2 client=anonymous '
    activate "$SOCKET" plain:tcp
    FSD_PORT=$(sed -n 's/.*msg=listening address=plain:127.0.0.1:\([0-9]*\)$/\1/p' "$FSD_LOG")
    grep -q -x "time=[^ ]* level=info msg=listening address=$SOCKET" "$FSD_LOG"
    play <<<$'> LIST\n< EMPTY'
    play "127.0.0.1:$FSD_PORT" <<<$'> LIST\n< FAIL denied *'
    stop_fsd
    [ -S "$SOCKET" ]
}

@test "systemd: a TCP socket called tls is for TLS, also after a reload and a restart" {
    local key server
    FSD_EXPECTED='msg="handshake failed" address=127.0.0.1 '
    echo 'anonymous = "list";' >"$CONFIG"
    activate "$SOCKET" tls:all -- --identity "$WORK/identity/key.pem"
    server=127.0.0.1:$(sed -n 's/.*msg=listening address=0.0.0.0:\([0-9]*\)$/\1/p' "$FSD_LOG")
    key=$("$FSD" --config "$CONFIG" --library "$LIBRARY" --identity "$WORK/identity/key.pem" --print-identity)
    assert_fails 13 "$FSC" --server "$server" ls
    [[ $stderr == *"unknown server with the key $key "* ]]
    "$FSC" trust "$server" "$key"
    "$FSC" --server "$server" ls
    await_note '^READY=1$' 1
    echo 'anonymous = "list get";' >"$CONFIG"
    kill -HUP "$FSD_PID"
    await_note '^READY=1 STATUS=$' 1
    assert_fails 4 "$FSC" --server "$server" get absent
    restart 2
    "$FSC" --server "$server" ls
}

@test "systemd: settings that its sockets override are reported" {
    FSD_EXPECTED='msg="systemd opened the sockets: a setting is ignored" setting=(listen|socket_mode)$'
    echo 'socket_mode = "0600";' >"$CONFIG"
    activate "$SOCKET" -- --listen "$WORK/other"
    play <<<$'> LIST\n< EMPTY'
    [ ! -e other ]
    assert_equal "$(grep -c -E "$FSD_EXPECTED" "$FSD_LOG")" 2
}

@test "systemd: a full notify socket does not block the daemon" {
    mkdir -p "$LIBRARY"
    NOTIFY_SOCKET=$WORK/deaf converse <<END
import subprocess

deaf = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
deaf.bind(os.environ['NOTIFY_SOCKET'])
full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
full.setblocking(False)
try:
    while True:
        full.sendto(b'full', os.environ['NOTIFY_SOCKET'])
except BlockingIOError:
    pass
fsd = subprocess.Popen(['$FSD', '--config', '$CONFIG', '--library', LIBRARY, '--listen', SOCKET, '--foreground'],
                       stderr=subprocess.DEVNULL)


def listens():
    try:
        Session().expect('LIST', 'EMPTY')
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


wait_until(listens, 'the socket')
fsd.terminate()
check(fsd.wait(LIMIT) == 0, 'the exit code')
END
}

@test "systemd: a socket that cannot be served is refused with a sentence" {
    local address
    mkdir -p "$LIBRARY"
    for address in datagram tcp TLS:tcp plain:all; do
        rm -f datagram notify
        run timeout 20 "$TESTS/activate" "$address" -- "$FSD" --config "$CONFIG" \
            --library "$LIBRARY" --foreground 3>&-
        assert_failure 2
        assert_equal "${#lines[@]}" 1
        assert_output --regexp '^fsd: cannot listen on descriptor 3 from systemd: (not a listening stream socket|a TCP socket needs FileDescriptorName=tls|not a loopback address)'
    done
}

@test "systemd: variables for another process are ignored" {
    export LISTEN_PID=1 LISTEN_FDS=1 NOTIFY_SOCKET=
    start_fsd
    play <<<$'> LIST\n< EMPTY'
}

@test "systemd: nonsense in its variables is ignored" {
    local count
    export LISTEN_PID NOTIFY_SOCKET=@absent
    for count in -1 x 99999999999999999999 2147483647 64; do
        # The process of exec is the shell's.
        run timeout 20 bash -c 'LISTEN_PID=$$ LISTEN_FDS=$1 exec "${@:2}" 3>&-' bash "$count" \
            "$FSD" --config "$CONFIG" --library "$WORK/absent" --foreground
        assert_failure 1
        assert_output --partial "library $WORK/absent"
    done
}

@test "systemd: is notified when the daemon serves, reloads and stops" {
    activate "$SOCKET"
    await_note '^READY=1$' 1
    echo 'limits = { sessions = 100; };' >"$CONFIG"
    kill -HUP "$FSD_PID"
    await_note '^READY=1 STATUS=$' 1
    FSD_EXPECTED='msg="reload failed, the old settings stay in use"'
    echo nonsense >"$CONFIG"
    kill -HUP "$FSD_PID"
    await_note '^READY=1 STATUS=The reload failed, the old settings are in use$' 1
    stop_fsd
    run sed -E 's/MONOTONIC_USEC=[1-9][0-9]*$/TIME/' notes
    assert_output 'READY=1
RELOADING=1 TIME
READY=1 STATUS=
RELOADING=1 TIME
READY=1 STATUS=The reload failed, the old settings are in use
STOPPING=1'
}

@test "systemd: restarts refuse, cut and lose no upload" {
    local number client server
    upload() {
        local number=0
        while [ ! -e stop ]; do
            number=$((number + 1))
            head -c $((number * 7919 % 300000)) /dev/urandom >"file.$1.$number"
            "$FSC" put --folder "$1" --server "$2" "file.$1.$number" || echo "exit code $? of put $number"
        done >"failures.$1" 2>&1
    }
    echo 'anonymous = "put";' >"$CONFIG"
    activate "$SOCKET" tls:tcp -- --identity "$IDENTITY"
    server=127.0.0.1:$(sed -n 's/.*msg=listening address=127.0.0.1:\([0-9]*\)$/\1/p' "$FSD_LOG")
    "$FSC" trust "$server" "$("$FSD" --library "$LIBRARY" --identity "$IDENTITY" --print-identity)"
    CLIENTS=()
    for client in one two three; do
        [ "$client" = one ] || server=$SOCKET
        upload "$client" "$server" </dev/null 3>&- &
        CLIENTS+=("$!")
    done
    for ((number = 1; number <= 20; number++)); do
        restart "$number"
    done
    : >stop
    wait "${CLIENTS[@]}"
    run cat failures.*
    assert_output ''
    run grep -c -x 'exit code 0' notes
    assert_output 20
    for client in one two three; do
        for number in file."$client".*; do
            cmp "$number" "$LIBRARY/$client/$number"
        done
    done
}

@test "systemd: a session continues while the daemon restarts" {
    activate "$SOCKET"
    converse <<'END'
import subprocess

uploading, idle = Session(), Session()
uploading.expect('PUT slow size=10', 'OK offset=0')
uploading.send(item(b'01234'))
idle.expect('LIST', 'EMPTY')
before = open('mains').read().split()[-1]
os.kill(daemon(), signal.SIGUSR1)
wait_until(lambda: open('notes').read().count('READY=1') == 2, 'the restart')
check(has_ended(int(before)), 'the old daemon is still there')
check(uploading.is_silent(0), 'the upload was answered')
uploading.expect(item(b'56789') + b'END\n', 'OK size=10')
idle.expect('GET slow', 'OK size=10')
check(idle.body()[0] == b'0123456789', 'the content')
idle.expect('LIST', 'OK')
idle.body()
Session().expect('GET slow', 'OK size=10')
END
}

@test "systemd: a handshake of TLS continues while the daemon restarts" {
    echo 'anonymous = "list";' >"$CONFIG"
    activate "$SOCKET" tls:tcp -- --identity "$IDENTITY"
    TLS_PORT=$(sed -n 's/.*msg=listening address=127.0.0.1:\([0-9]*\)$/\1/p' "$FSD_LOG")
    export TLS_PORT
    talk <<'END'
context = make_context()
pairs = []
for length in 0, 50:
    session, incoming, outgoing = Session(ADDRESS), ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        first = outgoing.read()
    session.send(first[:length])
    pairs.append((session, incoming, outgoing, tls, first[length:]))
before = int(open('mains').read())
if os.environ['FSD_CONCURRENCY'] == 'process':
    # The second one has a session.
    wait_until(lambda: len(children(before)) == 4, 'a session')
os.kill(daemon(), signal.SIGUSR1)
wait_until(lambda: open('notes').read().count('READY=1') == 2, 'the restart')
check(has_ended(before), 'the old daemon is still there')
for session, incoming, outgoing, tls, rest in pairs:
    session.send(rest)
    data = b''
    sent = False
    while data != b'EMPTY\n':
        incoming.write(session.socket.recv(65536))
        try:
            if not sent:
                tls.do_handshake()
                tls.write(b'LIST absent\n')
                sent = True
            data += tls.read()
        except ssl.SSLWantReadError:
            pass
        session.send(outgoing.read())
END
}

@test "systemd: a restart ends waits for files, and nothing else of a session" {
    activate "$SOCKET"
    converse <<'END'
watch, getting, served, uploading = (Session() for _ in range(4))
watch.expect('WATCH', 'OK')
getting.send('GET absent wait=3600\n')
served.expect('GET absent wait=1', 'FAIL not-found')
uploading.expect('PUT slow size=10', 'OK offset=0')
os.kill(daemon(), signal.SIGUSR1)
wait_until(lambda: open('notes').read().count('READY=1') == 2, 'the restart')
check(watch.news().startswith('ABORT unavailable'), 'ABORT')
watch.expect_end()
check(getting.news().startswith('FAIL unavailable'), 'FAIL')
getting.expect_end()
served.expect('LIST', 'EMPTY')
served.expect('WATCH', 'FAIL unavailable')
uploading.expect(item(b'0123456789') + b'END\n', 'OK size=10')
Session().expect('GET slow wait=3600', 'OK size=10')
watch = Session()
watch.expect('WATCH', 'OK')
Session().expect(b'PUT a size=1 eager=1\n1\nx\nEND\n', 'OK size=1')
check(watch.item().startswith(b'a size=1 '), 'the next daemon')
END
}

@test "systemd: TERM ends a session that has outlived its daemon" {
    activate "$SOCKET"
    converse <<'END'
before = int(open('mains').read())
session = Session()
session.expect('LIST', 'EMPTY')
processes = children(before)
os.kill(daemon(), signal.SIGUSR1)
wait_until(lambda: open('notes').read().count('READY=1') == 2, 'the restart')
check(session.is_silent(0), 'the session has ended')
for process in processes & children(daemon()):
    os.kill(process, signal.SIGTERM)
session.expect_end()
END
}

@test "systemd: in the journal each line begins with its level" {
    local stream
    mkdir -p "$LIBRARY"
    : >log
    stream=$(stat -c %d:%i log)
    JOURNAL_STREAM=$stream "$FSD" --config "$CONFIG" --library "$LIBRARY" \
        --listen plain:127.0.0.1:0 --foreground </dev/null >/dev/null 2>log 3>&- &
    FSD_PID=$!
    await_line "$FSD_PID" log 'msg=listening' 1
    play "127.0.0.1:$(sed 's/.*://' log)" <<<$'> LIST\n< FAIL denied *'
    kill "$FSD_PID"
    wait "$FSD_PID"
    run sed -E 's/:[0-9]+$//' log
    assert_output '<6>msg=listening address=plain:127.0.0.1
<4>msg=denied address=127.0.0.1 session=1 client=anonymous request=LIST name="" missing=list
<6>msg=stopping'
}
