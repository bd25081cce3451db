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
        calls+=,${each%%=*}
        options+=(-e "inject=${each%%=*}:error=${each#*=}")
    done
    strace -f -qq -o calls -e "trace=${calls#,}" "${options[@]}" "${@:2}"
}

# without_nameless FOLDER ERROR COMMAND...: runs it, and no file without a name can be made in FOLDER.
# Only what is relative to its descriptor counts, of which that is the first, or the one of ERROR:when=N.
without_nameless() {
    [[ $2 == *:when=* ]] || set -- "$1" "$2:when=1" "${@:3}"
    strace -f -qq -o calls -P "$PWD/$1" -e trace=openat -e "inject=openat:error=$2" "${@:3}"
}

# assert_refused CALL...: each of these calls was made, and failed.
assert_refused() {
    local each
    for each in "$@"; do
        grep -q "$each(.*INJECTED" calls || fail "there was no $each: $(cat calls)"
    done
}

# fetch_without 'CALL=ERROR...': fsc fetches a file without these calls, to a free name, and leaves
# nothing else.
fetch_without() {
    local calls
    read -r -a calls <<<"$1"
    rm -rf into && mkdir into
    assert_silent without "$1" "$FSC" get f --into into
    assert_equal "$(ls -A into)" f
    cmp f into/f
    assert_equal "$(stat -c %a into/f)" "$(stat -c %a f)"
    assert_refused "${calls[@]%%=*}"
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
    # What is larger than a buffer is copied, too.
    truncate -s 1M f
    printf end >>f
    assert_silent "$FSC" put f --replace
    fetch_without linkat=EACCES
    # Before Linux 6.10 by way of /proc; without that, what has no name cannot get one.
    fetch_without linkat=ENOENT:when=1
    fetch_without linkat=ENOENT:when=1..4
    echo other >into/f
    assert_silent without linkat=EPERM "$FSC" get f --into into --force
    assert_equal "$(ls -A into)" f
    cmp f into/f
}

@test "fsc: without O_TMPFILE, what get fetches has a name at once" {
    local error
    start_with_file
    for error in EOPNOTSUPP EISDIR ENOENT EINVAL; do
        rm -rf into && mkdir into
        assert_silent without_nameless into "$error" "$FSC" get f --into into
        grep -q 'O_TMPFILE.*INJECTED' calls
        assert_equal "$(ls -A into)" f
        cmp f into/f
        echo other >into/f
        # First it reads what is there.
        assert_silent without_nameless into "$error:when=2" "$FSC" get f --into into --force
        grep -q 'O_TMPFILE.*INJECTED' calls
        assert_equal "$(ls -A into)" f
        cmp f into/f
        assert_equal "$(stat -c %a into/f)" "$(stat -c %a f)"
    done
}

@test "fsc: only its owner can open the temporary file, and a signal removes it" {
    skip_unless_refusable
    mkdir here
    umask 0
    printf '> GET a\n< OK size=5 mtime=1\n< 1\\nh\n! killed\n' >script
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c '
        strace -D -qq -o calls -P "$PWD/here" -e trace=openat -e inject=openat:error=EISDIR:when=1 \
            "$FSC" get a --output here/a &
        await eval "find here -name \".fsc-*\" -perm 0600 -size +0c | grep -q ."
        kill -TERM $!; wait $!; status=$?; : >killed; exit $status'
    assert_equal "$status $stderr" '143 '
    assert_equal "$(ls -A here)" ''
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
        await is_fetching here
        echo other >new && mv new here/a && wait $!'
    assert_equal "$status $stderr" '3 fsc: here/a: exists here with different content (use --force to overwrite)'
    assert_equal "$(ls -A here) $(cat here/a)" 'a other'
    assert_refused linkat renameat2
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
    start_with_file
    chattr +a here 2>/dev/null || skip 'no folder can be made append-only here'
    run --separate-stderr without_nameless here EISDIR "$FSC" get f --output here/f --json
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
    echo other >here/f
    for error in EROFS EACCES EIO; do
        run --separate-stderr without "renameat=EIO unlinkat=$error" "$FSC" get f --into here --force
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
        strace -D -o calls -P "$PWD/here" -e trace=openat,unlinkat -e inject=openat:error=EISDIR:when=1 \
            -e inject=unlinkat:error=EPERM "$FSC" get a --output here/a &
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
