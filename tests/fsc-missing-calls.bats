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
    assert_equal "$status $stderr" '3 fsc: here/a: exists here with different content (use --force to overwrite)'
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

@test "fsc: where the mode of a file cannot be changed" {
    local error
    start_with_file
    umask 022
    for error in EPERM ENOSYS EOPNOTSUPP; do
        echo other >there
        chmod 644 there
        assert_silent without "fchmod=$error" "$FSC" get f --output there --force
        assert_equal "$(stat -c %a there)" 644
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

# left_beside FILE: the line that names its temporary file, which is left in here/.
left_beside() {
    printf 'fsc: %s: its temporary file %s is left beside it' "$1" "$(cd here && echo .fsc-*)"
}

@test "fsc: where names can only be added to a folder, the file is fetched and the leftover named" {
    mkdir here
    start_fsd
    echo hello >f
    assert_silent "$FSC" put f
    chattr +a here 2>/dev/null || skip 'no folder can be made append-only here'
    run --separate-stderr "$FSC" get f --output here/f --json
    chattr -a here
    assert_equal "$status $stderr" "0 $(left_beside here/f): Operation not permitted"
    assert_equal "$(jq -r .outcome <<<"$output")" fetched
    cmp f here/f
    rm here/.fsc-*

    # What cannot be replaced fails, and the leftover is named, too.
    echo other >here/f
    chattr +a here
    run --separate-stderr "$FSC" get f --output here/f --force
    chattr -a here
    assert_equal "$status $stderr" "9 fsc: here/f: cannot write: Operation not permitted
$(left_beside here/f): Operation not permitted"
    assert_equal "$(cat here/f)" other
}

@test "fsc: a temporary file that cannot be removed is named whatever happens" {
    local error
    start_with_file
    mkdir here
    for error in EROFS EACCES EIO; do
        run --separate-stderr without "fsync=EIO unlinkat=$error" "$FSC" get f --into here
        assert_equal "$status ${#stderr_lines[@]} ${stderr_lines[1]%: *}" "9 2 $(left_beside here/f)"
        rm here/.fsc-*
    done
}

@test "fsc: a signal names the temporary file that cannot be removed" {
    skip_unless_refusable
    mkdir here
    cat >script <<SCRIPT
> GET a
< OK size=5 mtime=1
< 1\nh
! killed
SCRIPT
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c '
        strace -D -o calls -e trace=unlinkat -e inject=unlinkat:error=EPERM "$FSC" get a --output here/a &
        await eval "find here -name \".*\" -size +0c | grep -q ."
        kill -TERM $!; wait $!; status=$?; : >killed; exit $status'
    assert_equal "$status $stderr" "143 $(left_beside here/a)"
}

@test "fsc: without O_TMPFILE, --spool takes the name of its file away" {
    local error
    start_with_file
    mkdir small
    for error in EOPNOTSUPP EISDIR ENOENT EINVAL; do
        rm -f "$LIBRARY/x"
        # Only the folder is opened so.
        # shellcheck disable=SC2016
        assert_silent bash -c 'echo hello | TMPDIR=$PWD/small strace -f -qq -o calls -P "$PWD/small" -e trace=openat \
            -e "inject=openat:error=$2" "$1" put - --spool --name x' - "$FSC" "$error"
        grep -q 'O_TMPFILE.*INJECTED' calls
        cmp f "$LIBRARY/x"
        assert_equal "$(ls -A small)" ''
    done
}
