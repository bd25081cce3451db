#!/usr/bin/env bats
# The addresses that a daemon listens on.

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

@test "listen: only loopback without encryption, and no TLS yet" {
    mkdir "$LIBRARY"
    local address
    for address in plain:0.0.0.0:0 'plain:[::]:0' host:7373 exec:cat relative/path; do
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

@test "listen: several addresses at once" {
    start_fsd --listen "$WORK/second" --listen plain:127.0.0.1:0 --anonymous list
    play "$SOCKET" <<<$'> LIST\n< EMPTY'
    play "$WORK/second" <<<$'> LIST\n< EMPTY'
    play "127.0.0.1:$FSD_PORT" <<<$'> LIST\n< EMPTY'
    stop_fsd
    [ ! -e "$SOCKET" ] && [ ! -e "$WORK/second" ]
}
