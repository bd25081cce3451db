#!/usr/bin/env bats
# bats file_tags=once
# fsd --check, which reports what would make a start fail, and --check-syntax, which reads the settings.

load library

# check ARGUMENT...: runs fsd --check with these, and nothing else.
check() {
    run timeout 20 "${FSD_WRAPPER[@]}" "$FSD" --config "$CONFIG" --check "$@" 3>&- </dev/null
}

# fails_as_a_start CODE PATTERN ARGUMENT...: --check prints one line that matches, and a start the same.
fails_as_a_start() {
    check "${@:3}"
    assert_failure "$1"
    assert_equal "${#lines[@]}" 1
    assert_line --index 0 --regexp "$2"
    refuses "$1" "$2" --config "$CONFIG" --foreground "${@:3}"
}

# List what is there, with all that a start could change.
list_all() {
    find "$WORK" -name 'stderr.*' -prune -o -printf '%p %y %m %T@ %C@\n' | sort
}

@test "check: what would start is silent, and nothing is made" {
    cat >"$CONFIG" <<END
library = "$LIBRARY";
listen = ("$SOCKET", "plain:127.0.0.1:0", "plain:localhost:0", "$WORK/dead");
pid_file = "$WORK/pid";
END
    mkdir "$LIBRARY"
    bind_socket "$WORK/dead"
    local before
    before=$(list_all)
    check
    assert_success
    assert_output ''
    assert_equal "$(list_all)" "$before"
}

@test "check: makes, locks and binds nothing" {
    skip_when_sanitized strace
    mkdir "$LIBRARY"
    echo 1 >pid
    FSD_WRAPPER=(strace -f -o "$WORK/calls" -e 'trace=mkdir,mkdirat,link,linkat,unlink,unlinkat,rename,renameat,renameat2,bind,listen,flock,fsetxattr,fremovexattr,ftruncate,fchmod,chmod,fork,vfork,clone,clone3')
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'strace may not trace here'
    check --library "$LIBRARY" --listen "$SOCKET" --listen plain:127.0.0.1:0 --pid-file "$WORK/pid"
    assert_success
    # To bind port 0 of an address shows whether it is there, and takes no port from anybody.
    run grep -v -e '+++ exited' -e 'htons(0)' calls
    assert_output ''
}

@test "check: reports everything, with the exit code of the first" {
    cat >"$CONFIG" <<END
library = "$WORK/absent";
listen = ("$WORK/no/socket", "plain:0.0.0.0:0", "$CONFIG", "$SOCKET", "$SOCKET");
pid_file = "$WORK/no/pid";
users = ( { user = "nobody-of-that-name"; rights = "list"; } );
END
    check
    assert_failure 1
    assert_equal "${#lines[@]}" 7
    assert_line --index 0 "fsd: library $WORK/absent: No such file or directory"
    assert_line --index 1 "fsd: $WORK/no/pid: No such file or directory"
    assert_line --index 2 "fsd: cannot listen on $WORK/no/socket: its folder does not exist (make it, or use --listen)"
    assert_line --index 3 --regexp '^fsd: cannot listen on plain:0\.0\.0\.0:0: not a loopback address; '
    assert_line --index 4 "fsd: cannot listen on $CONFIG: the path exists and is not a socket"
    assert_line --index 5 "fsd: cannot listen on $SOCKET: the address is given twice"
    assert_line --index 6 --partial 'level=warning msg="users names an unknown user or group" user=nobody-of-that-name'
    check --library "$WORK" --pid-file "$WORK/pid" --listen plain:0.0.0.0 --listen "$WORK/no/socket"
    assert_failure 2
}

@test "check: each fault is that of a start" {
    mkdir "$LIBRARY"
    : >file
    echo 'not a number' >pid
    local good=(--library "$LIBRARY" --listen "$SOCKET")
    fails_as_a_start 1 "^fsd: library $WORK/absent: No such file or directory\$" --listen "$SOCKET" --library "$WORK/absent"
    fails_as_a_start 1 "^fsd: library $WORK/file: Not a directory\$" --listen "$SOCKET" --library "$WORK/file"
    fails_as_a_start 1 "^fsd: $WORK/pid: the existing file is not a pid file\$" "${good[@]}" --pid-file "$WORK/pid"
    # Anybody who can write there could choose which process is stopped.
    echo 1 >others
    for mode in 0664 0646; do
        chmod "$mode" others
        fails_as_a_start 1 "^fsd: $WORK/others: others can write to the existing file \(remove it\)\$" "${good[@]}" --pid-file "$WORK/others"
    done
    chmod 0644 others
    ln others another
    fails_as_a_start 1 "^fsd: $WORK/others: others can write to the existing file \(remove it\)\$" "${good[@]}" --pid-file "$WORK/others"
    rm another
    if [ "$(id -u)" -eq 0 ]; then
        chown 65534 others
        fails_as_a_start 1 "^fsd: $WORK/others: others can write to the existing file \(remove it\)\$" "${good[@]}" --pid-file "$WORK/others"
    fi
    assert_equal "$(cat others)" 1
    ln -s others link
    fails_as_a_start 1 "^fsd: $WORK/link: Too many levels of symbolic links\$" "${good[@]}" --pid-file "$WORK/link"
    mkfifo fifo
    fails_as_a_start 1 "^fsd: $WORK/fifo: the existing file is not a pid file\$" "${good[@]}" --pid-file "$WORK/fifo"
    fails_as_a_start 1 "^fsd: $WORK: Is a directory\$" "${good[@]}" --pid-file "$WORK"
    fails_as_a_start 1 "^fsd: $WORK/file/pid: Not a directory\$" "${good[@]}" --pid-file "$WORK/file/pid"
    fails_as_a_start 1 "^fsd: cannot listen on $WORK/file: the path exists and is not a socket\$" "${good[@]}" --listen "$WORK/file"
    fails_as_a_start 1 "^fsd: cannot listen on $WORK/file/socket: Not a directory\$" "${good[@]}" --listen "$WORK/file/socket"
    fails_as_a_start 2 "^fsd: cannot listen on $SOCKET: the address is given twice\$" "${good[@]}" --listen "$SOCKET"
    fails_as_a_start 2 '^fsd: cannot listen on plain:0\.0\.0\.0:0: not a loopback address; .+' "${good[@]}" --listen plain:0.0.0.0:0
    fails_as_a_start 2 '^fsd: --listen: .*the path is too long for a Unix socket.*' "${good[@]}" --listen "/$(printf '%0110d' 0)"
    # The starts above have made it.
    rm -r "$LIBRARY/.fsd"
    : >"$LIBRARY/.fsd"
    fails_as_a_start 1 "^fsd: library $LIBRARY: cannot use its folder .fsd \\(Not a directory\\)\$" "${good[@]}"
}

@test "check: folders that fsd may not use are reported as at a start" {
    use_other_user
    mkdir closed library/closed
    chmod 0 library/closed
    chmod 0755 closed
    check --library "$LIBRARY" --listen "$WORK/closed/socket" --pid-file "$WORK/closed/pid"
    assert_failure 1
    assert_equal "${#lines[@]}" 2
    assert_line --index 0 "fsd: $WORK/closed/pid: Permission denied"
    assert_line --index 1 "fsd: cannot listen on $WORK/closed/socket: Permission denied"
    check --library "$LIBRARY/closed" --listen "$SOCKET"
    assert_failure 1
    assert_output "fsd: library $LIBRARY/closed: Permission denied"
    # One that can only be read is served.
    chmod 0555 "$LIBRARY"
    check --library "$LIBRARY" --listen "$SOCKET"
    assert_success
    assert_equal "${#lines[@]}" 1
    assert_output --partial 'level=warning msg="the library is served read-only" library='
}

@test "check: a port that needs root is reported" {
    use_other_user
    [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 1 ] || skip 'every port may be bound here'
    check --library "$LIBRARY" --listen plain:127.0.0.1:1
    assert_failure 1
    assert_output 'fsd: cannot listen on plain:127.0.0.1:1: Permission denied'
}

@test "check: another daemon is seen, and does not notice" {
    start_fsd --pid-file "$WORK/pid" --listen plain:127.0.0.1:0
    converse <<<"check(Session().status()['sessions.served'] == '1', 'other sessions')"
    check --library "$LIBRARY" --listen "$SOCKET" --pid-file "$WORK/pid"
    assert_failure 1
    assert_equal "${#lines[@]}" 2
    assert_line --index 0 "fsd: $WORK/pid: another daemon uses this file"
    assert_line --index 1 "fsd: cannot listen on $SOCKET: another daemon is listening there"
    converse <<<"check(Session().status()['sessions.served'] == '2', 'it was noticed')"
    check --library "$LIBRARY" --listen "plain:127.0.0.1:$FSD_PORT"
    assert_failure 1
    assert_output "fsd: cannot listen on plain:127.0.0.1:$FSD_PORT: Address already in use"
}

@test "check: a file system without hard links is reported" {
    skip_when_sanitized strace
    mkdir "$LIBRARY"
    # strace says that it is vfat.
    FSD_WRAPPER=(strace -o "$WORK/calls" -e inject=fstatfs:poke_exit=@arg2=444d000000000000)
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'strace cannot change results here'
    check --library "$LIBRARY" --listen "$SOCKET"
    assert_failure 1
    assert_output "fsd: library $LIBRARY: the file system does not support hard links, which give files their names (Operation not supported)"
}

@test "check-syntax: reads the settings alone" {
    cat >"$CONFIG" <<END
library = "$WORK/absent";
listen = ("$SOCKET", "plain:0.0.0.0:0", "$WORK/no/socket");
pid_file = "$WORK/no/pid";
users = ( { user = "nobody-of-that-name"; rights = "list"; } );
END
    run timeout 20 "$FSD" --check-syntax --config "$CONFIG" 3>&-
    assert_success
    assert_output ''
    [ ! -e "$SOCKET" ] && [ ! -e "$WORK/absent" ]
    # Both checks win over the action that would be taken without them, and also take options.
    refuses 2 '^fsd: --anonymous: .+' --check-syntax --config "$CONFIG" --anonymous x
    refuses 2 '^fsd: --anonymous: .+' --check --config "$CONFIG" --anonymous x
}
