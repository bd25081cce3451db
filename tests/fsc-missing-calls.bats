#!/usr/bin/env bats
# bats file_tags=once
# fsc where system calls are not to be had: each old kernel, sandbox and file system says so with another
# errno, and none of them may matter.

load library
load fsc

skip_unless_refusable() {
    skip_when_sanitized strace
    strace -D -o "$WORK/calls" true 2>/dev/null || skip 'strace may not trace here'
}

# without 'CALL=ERROR...' COMMAND...: runs it, and these calls fail.
without() {
    local each options=() calls=
    for each in $1; do
        calls+=,${each%=*}
        options+=(-e "inject=${each%=*}:error=${each#*=}")
    done
    strace -f -qq -o calls -e "trace=${calls#,}" "${options[@]}" "${@:2}"
}

# fetch_without 'CALL=ERROR...': fsc fetches a file without these calls, to a free name, and leaves
# nothing else.
fetch_without() {
    rm -rf into && mkdir into
    assert_silent without "$1" "$FSC" get f --into into
    assert_equal "$(ls -A into)" f
    cmp f into/f
    assert_equal "$(grep -c INJECTED calls)" "$(wc -w <<<"$1")"
}

start_with_file() {
    skip_unless_refusable
    start_fsd
    echo hello >f
    assert_silent "$FSC" put f
}

@test "fsc: without hard links" {
    local error other
    start_with_file
    for error in EPERM EOPNOTSUPP ENOSYS EMLINK EIO EINVAL EACCES EXDEV 524; do
        fetch_without "linkat=$error"
    done
    # Nor with a rename that never replaces.
    for other in EINVAL ENOSYS EPERM EIO EOPNOTSUPP; do
        fetch_without "linkat=EPERM renameat2=$other"
    done
}

@test "fsc: without hard links replaces nothing that appears during the download" {
    skip_unless_refusable
    mkdir here
    cat >script <<SCRIPT
> GET a
< OK size=5 mtime=1
! here/a
< 5\nhello
< END digest=$digest_of_hello
SCRIPT
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c '
        strace -o calls -e inject=linkat:error=EIO -e inject=renameat2:error=EINVAL "$FSC" get a --output here/a &
        await eval "find here -name \".*\" | grep -q ."
        echo other >new && mv new here/a && wait $!'
    assert_equal "$status $stderr" '3 fsc: here/a: exists with different content (use --force to overwrite)'
    assert_equal "$(ls -A here) $(cat here/a)" 'a other'
    assert_equal "$(grep -c INJECTED calls)" 2
}

@test "fsc: where nothing can be synced to disk" {
    local error
    start_with_file
    for error in EINVAL ENOSYS EPERM EOPNOTSUPP; do
        rm -rf into && mkdir into
        assert_silent without "fsync=$error" "$FSC" get f --into into
        cmp f into/f
    done
    # An error of the disk is final.
    assert_fails 9 without fsync=EIO "$FSC" get f --output here
    assert_equal "$(ls -A here .fsc-* 2>/dev/null)" ''
}

@test "fsc: where files have no modes" {
    local error
    start_with_file
    for error in EPERM ENOSYS EOPNOTSUPP; do
        echo other >there
        chmod 600 there
        assert_silent without "fchmod=$error" "$FSC" get f --output there --force
        cmp f there
    done
}

@test "fsc: where its own files cannot be locked" {
    local error
    start_with_file
    head -c 200000 /dev/urandom >large
    for error in ENOSYS EOPNOTSUPP ENOLCK EIO; do
        assert_silent without "flock=$error" "$FSC" put large --name "$error"
    done
}
