#!/usr/bin/env bats
# The addresses that a daemon listens on.
# bats file_tags=once

load library

@test "listen: a dead socket is replaced, a live one is not" {
    bind_socket "$SOCKET"
    [ -S "$SOCKET" ]
    start_fsd
    run timeout 20 "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --foreground 3>&-
    assert_failure 1
    assert_output --partial "$SOCKET"
    # The first daemon still serves.
    play <<<$'> LIST\n< EMPTY'
    stop_fsd
    [ ! -e "$SOCKET" ]
}

@test "listen: a path that is not a socket is left unchanged" {
    echo precious >"$SOCKET"
    mkdir "$LIBRARY"
    run timeout 20 "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --foreground 3>&-
    assert_failure 1
    assert_output --partial "$SOCKET"
    assert_equal "$(cat "$SOCKET")" precious
}

@test "listen: addresses that need encryption, or are of another kind, are refused" {
    mkdir "$LIBRARY"
    local address
    for address in plain:0.0.0.0:0 'plain:[::]:0' exec:cat relative/path; do
        run timeout 20 "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$address" --foreground 3>&-
        assert_failure
        assert_line --index 0 --regexp '^fsd: .+'
        assert_equal "${#lines[@]}" 1
    done
}

@test "listen: an address that is not loopback is an error of usage" {
    mkdir "$LIBRARY"
    refuses 2 '^fsd: .*0\.0\.0\.0.+' --config "$CONFIG" --library "$LIBRARY" \
        --listen plain:0.0.0.0:0 --foreground
}

@test "listen: a lock on the folder of a socket does not block the daemon" {
    local holder
    mkdir "$WORK/run"
    SOCKET=$WORK/run/socket
    # It ends by itself, after the daemon should have started.
    exec 4< <(exec flock -F "$WORK/run" bash -c 'echo held; exec sleep 40' 3>&-)
    holder=$!
    assert_equal "$(head -n 1 <&4)" held
    start_fsd 4<&-
    play <<<$'> LIST\n< EMPTY'
    # The lock was held all the time.
    kill "$holder"
}

@test "listen: a folder that others can write is refused, unless it is sticky" {
    local mode cause
    mkdir -p "$LIBRARY" "$WORK/run"
    SOCKET=$WORK/run/socket
    cause="others can write to its folder, and could replace the socket \\(use chmod go-w\\)"
    for mode in 0777 0770 0757; do
        chmod "$mode" "$WORK/run"
        refuses 1 "^fsd: cannot listen on $SOCKET: $cause\$" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --foreground
        refuses 1 "^fsd: cannot listen on $SOCKET: $cause\$" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --check
    done
    [ ! -e "$SOCKET" ]
    chmod 1777 "$WORK/run"
    "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --check
    start_fsd
    play <<<$'> LIST\n< EMPTY'
}

@test "listen: a socket of another user in a sticky folder is reported, dead or not" {
    skip_unless_root 'sockets of another user'
    use_other_user
    chmod 1777 "$WORK/run"
    chown 0 "$WORK/run"
    bind_socket "$SOCKET"
    local mode option
    # A dead one that refuses connections, and one that may be alive.
    for mode in 0777 0755; do
        chmod "$mode" "$SOCKET"
        for option in --foreground --check; do
            run "${FSD_WRAPPER[@]}" timeout 20 "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" "$option" 3>&-
            assert_failure 1
            assert_output "fsd: cannot listen on $SOCKET: the socket of another user is there (remove it first)"
        done
    done
    # Its own folder is not as strict.
    chown 65534 "$WORK/run"
    chmod 0777 "$SOCKET"
    start_fsd
}

@test "listen: a folder of another user is refused" {
    skip_unless_root 'a folder of another user'
    mkdir -p "$LIBRARY" "$WORK/run"
    chown 65534 "$WORK/run"
    local option
    for option in --foreground --check; do
        refuses 1 "^fsd: cannot listen on $WORK/run/socket: its folder belongs to another user, who could replace the socket\$" \
            --config "$CONFIG" --library "$LIBRARY" --listen "$WORK/run/socket" "$option"
    done
}

@test "listen: a socket has its mode from the beginning, whatever the umask is" {
    skip_when_sanitized strace
    FSD_WRAPPER=(strace -D -f -o "$WORK/calls" -e 'trace=bind,chmod,fchmodat,?fchmodat2')
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'strace may not trace here'
    bind_socket "$SOCKET"
    (umask 077 && start_fsd && assert_equal "$(stat -c %a "$SOCKET")" 666 && stop_fsd)
    # Between two calls, somebody could put another file in its place.
    run grep -e chmod "$WORK/calls"
    assert_output ''
    grep -q -e bind "$WORK/calls"
}

@test "listen: several addresses at once" {
    start_fsd --listen "$WORK/second" --listen plain:127.0.0.1:0 --anonymous list
    play "$SOCKET" <<<$'> LIST\n< EMPTY'
    play "$WORK/second" <<<$'> LIST\n< EMPTY'
    play "127.0.0.1:$FSD_PORT" <<<$'> LIST\n< EMPTY'
    stop_fsd
    [ ! -e "$SOCKET" ] && [ ! -e "$WORK/second" ]
}

# use_no_ipv6 [LINE...]: the next daemon runs in a network of its own without IPv6, where /etc/hosts has
# these lines. enter COMMAND... runs a command there.
use_no_ipv6() {
    local unshare=(unshare -rmn)
    [ "$(id -u)" -ne 0 ] || unshare=(unshare -mn)
    printf '%s\n' "$@" >hosts
    cat >"$WORK/network" <<'END'
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 && echo 1 >/proc/sys/net/ipv6/conf/lo/disable_ipv6 &&
    python3 -c 'import fcntl, socket, struct
# SIOCSIFFLAGS, IFF_UP (netdevice(7)).
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack("16sH22x", b"lo", 1))' &&
    mount --bind "$WORK/hosts" /etc/hosts && exec "$@"
END
    FSD_WRAPPER=("${unshare[@]}" bash "$WORK/network")
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'no network without IPv6 can be made here'
    ! "${FSD_WRAPPER[@]}" grep -q . /proc/net/if_inet6 || skip 'IPv6 cannot be turned off here'
}

enter() {
    local as=()
    [ "$(id -u)" -eq 0 ] || as=(-U --preserve-credentials)
    quiet nsenter "${as[@]}" -m -n -t "$FSD_PID" -- "$@"
}

@test "listen: of the addresses of a host, those that exist are listened on" {
    use_no_ipv6 '::1 localhost ip6-localhost both' '127.0.0.1 localhost both both'
    start_fsd --listen plain:localhost:7373 --anonymous 'list put'
    assert_equal "$(grep -c 'msg=listening address=[/p]' "$FSD_LOG")" 2
    grep -q -x 'time=[^ ]* level=info msg=listening address=plain:127.0.0.1:7373' "$FSD_LOG"
    # The client tries all addresses, too.
    echo hello >a
    enter "$FSD_BUILD/fsc" --server plain:localhost put "$WORK/a"
    run enter "$FSD_BUILD/fsc" --server plain:both ls
    assert_output a
    # A host that has no address here is an error.
    run timeout 20 "${FSD_WRAPPER[@]}" "$FSD" --config "$CONFIG" --library "$LIBRARY" --foreground \
        --listen plain:ip6-localhost 3>&-
    assert_failure 1
    assert_output 'fsd: cannot listen on plain:ip6-localhost: Cannot assign requested address'
    run timeout 20 "${FSD_WRAPPER[@]}" "$FSD" --config "$CONFIG" --library "$LIBRARY" --check \
        --listen plain:ip6-localhost --listen plain:both 3>&-
    assert_failure 1
    assert_output 'fsd: cannot listen on plain:ip6-localhost: Cannot assign requested address'
    # So is a port that is taken, though there is another address.
    run enter timeout 20 "$FSD" --config "$CONFIG" --library "$LIBRARY" --foreground --listen plain:localhost
    assert_failure 1
    run timeout 20 "${FSD_WRAPPER[@]}" "$FSD_BUILD/fsc" --server plain:both ls
    assert_failure 10
    assert_line --index 0 --partial '127.0.0.1: Connection refused'
}
