#!/usr/bin/env bats
# fsd where system calls are not to be had: each old kernel, sandbox and file system says so with another
# errno, and none of them may matter. A seccomp filter plays containers, and strace everything else.
# bats file_tags=once

load library
load fsc

skip_unless_refusable() {
    skip_when_sanitized strace
    strace -D -o "$WORK/calls" true 2>/dev/null || skip 'strace may not trace here'
}

# Stores, lists, fetches, replaces and deletes with a daemon that runs already. A large file is not
# sent ahead.
use_library() {
    printf hello >small
    head -c 200000 /dev/zero >large
    assert_silent "$FSC" put small --name a/small
    assert_silent "$FSC" put large --name a/b/large
    assert_silent "$FSC" put large --name a/small --replace
    assert_equal "$("$FSC" ls -R)" $'a/b/large\na/small'
    assert_equal "$("$FSC" ls a)" $'a/b/\na/small'
    assert_silent "$FSC" get a/b/large --output got
    cmp large got
    rm got
    assert_silent "$FSC" rm a/b/large a/small
}

# serve_without CALL 'ERROR...': the daemon does all that without the call.
serve_without() {
    local error
    skip_unless_refusable
    for error in $2; do
        FSD_WRAPPER=(strace -D -f -qq -o "$WORK/calls" -e "trace=$1" -e "inject=$1:error=$error")
        start_fsd
        use_library
        stop_fsd
        grep -q INJECTED calls || fail "nothing calls $1"
    done
}

@test "missing calls: a container refuses openat2 and faccessat2 with EPERM" {
    local refused=(openat2 faccessat2 close_range pidfd_open)
    run "$TESTS/refuse" openat2 -- true
    [ "$status" -ne 77 ] || skip 'there is no seccomp here'
    FSD_WRAPPER=("$TESTS/refuse" "${refused[@]}" --)
    mkdir "$LIBRARY"
    echo "log = { to = \"$WORK/new.log\"; };" >log.conf
    quiet "${FSD_WRAPPER[@]}" "$FSD" --check --config log.conf --library "$LIBRARY" --listen "$SOCKET"
    start_fsd
    use_library
    # No link is followed either.
    ln -s / "$LIBRARY/root"
    assert_fails 4 "$FSC" get root/etc/passwd --output -
    assert_silent "$TESTS/refuse" "${refused[@]}" -- "$FSC" put small \
        --server "exec:'$FSD' --config '$CONFIG' --stdio --library '$LIBRARY'"
}

@test "missing calls: without openat2" {
    serve_without openat2 'ENOSYS EPERM EACCES EINVAL EOPNOTSUPP'
}

@test "missing calls: without faccessat2" {
    serve_without faccessat2 'ENOSYS EPERM EINVAL EOPNOTSUPP'
}

@test "missing calls: without fallocate" {
    # 524 is ENOTSUPP, which NFS lets through.
    serve_without fallocate 'ENOSYS EPERM EACCES EINVAL EIO EOPNOTSUPP ENODEV 524'
}

@test "missing calls: without close_range and limits" {
    serve_without close_range,prlimit64 'ENOSYS EPERM EACCES EINVAL'
}

@test "missing calls: without xattrs" {
    echo 'records = false;' >"$CONFIG"
    serve_without fgetxattr,fsetxattr,fremovexattr 'ENOSYS EPERM EACCES EINVAL EIO EOPNOTSUPP'
}

@test "missing calls: watch without inotify" {
    local call error
    skip_unless_refusable
    printf hello >small
    for call in inotify_init1=EPERM inotify_add_watch={ENOSYS,EPERM,EACCES} fstatfs=EPERM; do
        error=${call#*=} call=${call%=*}
        FSD_WRAPPER=(strace -D -f -qq -o "$WORK/calls" -e "trace=$call" -e "inject=$call:error=$error")
        start_fsd
        # Below it, so that the folder must be noticed, too.
        "$FSC" watch --count 1 --existing "$call-$error" >watched 3>&- &
        await grep -q INJECTED calls
        assert_silent "$FSC" put small --name "$call-$error/in/small"
        wait $!
        assert_equal "$(cat watched)" "$call-$error/in/small"
        stop_fsd
    done
}
