#!/usr/bin/env bats
# tests/tcp_client, the client of a page of Python that fsd-protocol(7) prints.
# bats file_tags=once

load library

# tcp_client HOST ARGUMENT...
tcp_client() {
    quiet "$TESTS/tcp_client" "$1" "$FSD_PORT" "${@:2}"
}

@test "tcp_client: round trips over IPv4 and IPv6" {
    local host size
    for host in 127.0.0.1 ::1; do
        LIBRARY=$WORK/library.$host SOCKET=$WORK/socket.$host
        if [ "$host" = ::1 ] && ! grep -q 00000000000000000000000000000001 /proc/net/if_inet6; then
            continue
        fi
        [ "$host" = ::1 ] && listen="plain:[::1]:0" || listen="plain:$host:0"
        start_fsd --listen "$listen" --anonymous 'list get put'
        run tcp_client "$host" list
        assert_success
        assert_output ''
        for size in 0 1 65535 65536 65537 20971520; do
            head -c "$size" /dev/urandom >sent
            tcp_client "$host" put "sizes/$size" <sent
            tcp_client "$host" get "sizes/$size" >got
            cmp sent got
            cmp sent "$LIBRARY/sizes/$size"
        done
        run tcp_client "$host" list
        assert_success
        assert_equal "${#lines[@]}" 6
        tcp_client "$host" quit
        stop_fsd
    done
}

@test "tcp_client: names of every kind" {
    local name
    start_fsd --listen plain:127.0.0.1:0 --anonymous 'list get put'
    printf '%s\n' -n --help 'a b' 'c%d=e' '[f]' 'häß€/ü' "$(printf '%0255d' 0)" '*' '~"'\' >names
    while IFS= read -r name; do
        printf '%s' "$name" | tcp_client 127.0.0.1 put "$name"
        assert_equal "$(tcp_client 127.0.0.1 get "$name")" "$name"
        assert_equal "$(cat "$LIBRARY/$name")" "$name"
    done <names
    assert_equal "$(tcp_client 127.0.0.1 list | LC_ALL=C sort)" "$(LC_ALL=C sort names)"
}

@test "tcp_client: failures" {
    start_fsd --listen plain:127.0.0.1:0 --anonymous 'get put'
    FSD_EXPECTED='msg=denied'
    run "$TESTS/tcp_client" 127.0.0.1 "$FSD_PORT" get absent
    assert_failure 1
    assert_output --partial 'FAIL not-found'
    run "$TESTS/tcp_client" 127.0.0.1 "$FSD_PORT" list
    assert_failure 1
    assert_output --partial 'FAIL denied'
    tcp_client 127.0.0.1 put a <<<one
    run "$TESTS/tcp_client" 127.0.0.1 "$FSD_PORT" put a <<<two
    assert_failure 1
    assert_output --partial EXISTS
    assert_equal "$(cat "$LIBRARY/a")" one
}

# A server that sends other bytes than its digest says, or not all of them.
@test "tcp_client: a download is verified" {
    local body
    for body in '3\nabc\nEND digest=sha256:00\n' '3\nab' '3\nabc\n' '3\nabc\nABORT mismatch\n'; do
        SOCKET='' converse <<END
import subprocess
server = socket.create_server(('127.0.0.1', 0))
client = subprocess.Popen(['$TESTS/tcp_client', '127.0.0.1', str(server.getsockname()[1]), 'get', 'a'],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
session = server.accept()[0]
session.recv(6, socket.MSG_WAITALL)
session.sendall(b'OK size=3 mtime=0\n$body')
session.shutdown(socket.SHUT_WR)
errors = client.communicate()[1]
check(client.returncode == 1 and errors, 'a bad download passed')
check(b'Traceback' not in errors, errors)
END
    done
}
