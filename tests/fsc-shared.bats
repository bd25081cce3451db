#!/usr/bin/env bats
# Folders that others can write to: what they put there leads fsc nowhere else.
#
# The others are nobody, and "secret" is a file of the user who runs fsc.
# bats file_tags=once

load library
load fsc

# A daemon with the files a, and tree/sub/b; and folders to which everybody can write: "team", and
# "sticky", as /tmp.
start_with_shared() {
    start_fsd
    printf hello >"$LIBRARY/a"
    mkdir -p "$LIBRARY/tree/sub" team sticky
    printf other >"$LIBRARY/tree/sub/b"
    printf secret >secret
    chmod 0777 team
    chmod 1777 sticky
}

# swapping PATH TARGET COMMAND...: runs it while a process of nobody, in turns, makes PATH a link to TARGET
# and what it was before, and ends that process.
swapping() {
    local swapper code=0
    as_other python3 - "$1" "$2" 3>&- <<'END' &
import os
import sys

path, target = sys.argv[1:]
open(path + '.begun', 'w').close()
while not os.path.exists(path + '.enough'):
    # fsc may make, replace or fill what is there at any moment.
    for act in (lambda: os.rename(path, path + '.real'), lambda: os.symlink(target, path),
                lambda: os.unlink(path), lambda: os.rename(path + '.real', path)):
        try:
            act()
        except OSError:
            pass
END
    swapper=$!
    await_file "$1.begun"
    "${@:3}" || code=$?
    touch "$1.enough"
    wait "$swapper"
    return "$code"
}

@test "shared: get writes into no FIFO and no socket without --output" {
    local name
    start_with_shared
    mkfifo team/a
    exec 7<>team/a
    for name in a 'a --force' '-R a' '-R a --force'; do
        # shellcheck disable=SC2086
        assert_fails 9 "$FSC" get --into team $name
        assert_equal "$stderr" 'fsc: team/a: something local that is not a file is in the way (remove it, or use --output to write into it)'
    done
    ! read -r -t 0 -u 7 || fail 'the FIFO got something'
    assert_silent "$FSC" get a --output team/a
    read -r -N 5 -t 30 -u 7 got
    exec 7<&-
    assert_equal "$got" hello
    rm team/a
    bind_socket team/a
    assert_fails 9 "$FSC" get --into team a
    assert_equal "$(find team -mindepth 1)" team/a
}

@test "shared: get follows no symbolic link without --output" {
    local option
    start_with_shared
    ln -s ../secret team/a
    for option in --force --json; do
        run --separate-stderr "$FSC" get --into team a "$option"
        assert_equal "$status $stderr" '9 fsc: team/a: a local symbolic link is in the way (remove it, or use --output to follow it)'
    done
    assert_fails 9 env -C team "$FSC" get a --force
    assert_equal "$(cat secret)" secret
    [ -L team/a ]
    ln -sf nowhere team/a
    assert_fails 9 "$FSC" get --into team a
    [ ! -e team/nowhere ]
    # Links are relative to their own folders, and may lead to others.
    mkdir deep
    ln -s ../deep/link team/link
    ln -s "$WORK/deep/file" deep/link
    : >deep/file
    assert_silent "$FSC" get a --force --output team/link
    assert_equal "$(cat deep/file) $(readlink team/link) $(readlink deep/link)" "hello ../deep/link $WORK/deep/file"
    ln -s loop team/loop
    assert_fails 9 "$FSC" get a --output team/loop
    assert_equal "$stderr" 'fsc: team/loop: cannot write: Too many levels of symbolic links'
}

@test "shared: get --output follows no link of another user where everybody can make files" {
    local folder
    let_others_in
    start_with_shared
    for folder in sticky team; do
        as_other ln -s "$WORK/secret" "$folder/a"
        assert_fails 9 "$FSC" get a --force --output "$folder/a"
        assert_equal "$stderr" "fsc: $folder/a: is a symbolic link of another user, in a folder that everybody can write to (use another folder)"
        assert_equal "$(cat secret)" secret
    done
}

@test "shared: get --output gives nothing to a FIFO of another user where everybody can make files" {
    local folder
    let_others_in
    start_with_shared
    for folder in sticky team; do
        # Their link to a device or FIFO is not followed either.
        as_other ln -s /dev/null "$folder/link"
        assert_fails 9 "$FSC" get a --output "$folder/link"
        assert_equal "$stderr" "fsc: $folder/link: is a symbolic link of another user, in a folder that everybody can write to (use another folder)"
        as_other mkfifo -m 0666 "$folder/fifo"
        exec 7<>"$folder/fifo"
        assert_fails 9 "$FSC" get a --output "$folder/fifo"
        assert_equal "$stderr" "fsc: $folder/fifo: is a FIFO of another user, in a folder that everybody can write to (use another folder)"
        ! read -r -t 0 -u 7 || fail 'the FIFO got something'
        exec 7<&-
        # One's own is written to.
        mkfifo "$folder/own"
        cat "$folder/own" >through 3>&- &
        assert_silent "$FSC" get a --output "$folder/own"
        wait "$!"
        assert_equal "$(cat through)" hello
    done
}

@test "shared: from a user namespace, who is outside of it is a stranger" {
    let_others_in
    skip_unless_root 'to be another user'
    local user=(setpriv --reuid 1 --regid 1 --clear-groups)
    "${user[@]}" unshare -Ur true 2>/dev/null || skip 'no user namespace can be made here'
    install -m 0755 "$FSC" .
    mkdir sticky mine
    chmod 1777 sticky
    printf own >mine/own
    chown -R 1 mine
    as_other ln -s "$WORK/mine/own" sticky/a
    printf 'OK size=5\n5\nhello\nEND digest=sha256:%s\n' "$(printf hello | sha256sum | cut -d ' ' -f 1)" >answer
    run --separate-stderr "${user[@]}" unshare -Ur ./fsc get x --force --output sticky/a --server 'exec:cat answer'
    assert_equal "$(cat mine/own)" own
    assert_equal "$status $stderr" '9 fsc: sticky/a: is a symbolic link of another user, in a folder that everybody can write to (use another folder)'
    assert_silent "${user[@]}" unshare -Ur ./fsc get x --force --output sticky/b --server 'exec:cat answer'
    "${user[@]}" sh -c 'echo other >sticky/b'
    assert_silent "${user[@]}" unshare -Ur ./fsc get x --force --output sticky/b \
        --server 'exec:read -r get; echo FAIL mismatch; read -r get; cat answer'
    assert_equal "$(cat sticky/b)" hello
}

@test "shared: get --force in a race with links replaces no other file" {
    let_others_in
    start_with_shared
    as_other touch team/a
    mkdir team/tree
    chmod 0777 team/tree
    as_other mkdir team/tree/sub
    mkdir private
    chmod 0777 private
    swapping team/a "$WORK/secret" bash -c 'for i in {1..50}; do "$FSC" get a --force --into team 2>/dev/null; done; true'
    assert_equal "$(cat secret)" secret
    swapping team/tree/sub "$WORK/private" \
        bash -c 'for i in {1..50}; do "$FSC" get -R tree --force --into team 2>/dev/null; done; true'
    assert_equal "$(ls -A private)" ''
}

@test "shared: put -R in a race with links stores nothing from outside" {
    let_others_in
    start_with_shared
    as_other mkdir -p team/tree/sub
    as_other touch team/tree/sub/b team/tree/f
    mkdir private
    cp secret private
    swapping "$PWD/team/tree/sub" "$WORK/private" \
        bash -c 'for i in {1..20}; do "$FSC" put -R team/tree --name "new/$i" 2>/dev/null; done; true'
    rm -r team/tree/sub.*
    swapping "$PWD/team/tree/f" "$WORK/secret" \
        bash -c 'for i in {21..40}; do "$FSC" put -R team/tree --name "new/$i" 2>/dev/null; done; true'
    assert_equal "$(grep -r -l secret "$LIBRARY/new")" ''
    [ -n "$(ls "$LIBRARY/new")" ]
}

@test "shared: the mode of a file is kept only if it is one's own" {
    start_with_shared
    umask 022
    echo mine >team/a
    chmod 0640 team/a
    assert_silent "$FSC" get a --force --into team
    assert_equal "$(stat -c %a team/a)" 640
    let_others_in
    as_other sh -c 'rm -f team/a; echo other >team/a; chmod 0666 team/a'
    assert_silent "$FSC" get a --force --into team
    assert_equal "$(stat -c '%a %u' team/a)" '644 0'
    as_other sh -c 'echo other >sticky/a; chmod 0666 sticky/a'
    assert_silent "$FSC" get a --force --output sticky/a
    assert_equal "$(stat -c '%a %u' sticky/a)" '644 0'
}

@test "shared: only its owner can open a file that is not complete" {
    local pid mode
    mkdir here
    printf '> GET a\n< OK size=5 mtime=1\n< 1\\nh\n! go\n< 4\\nello\n< END digest=%s\n' "$digest_of_hello" >script
    umask 0
    timeout 60 "$TESTS/fake_server" "$SOCKET" script "$FSC" get a --into here </dev/null 3>&- &
    pid=$!
    await is_fetching here -s
    assert_equal "$(find here -type f -not -perm 0600)" ''
    : >go
    wait "$pid"
    assert_equal "$(stat -c %a here/a)" 666
}

@test "shared: a file gets what the default ACL of its folder gives" {
    start_with_shared
    set_acl team system.posix_acl_default || skip 'no ACLs here'
    printf hello >team/wanted
    assert_silent "$FSC" get a --into team
    assert_equal "$(stat -c %a team/a)" "$(stat -c %a team/wanted)"
    cmp <(getfattr --absolute-names --only-values -n system.posix_acl_access team/a) \
        <(getfattr --absolute-names --only-values -n system.posix_acl_access team/wanted)
}

@test "shared: a folder of another user is filled in a team's folder, and refused in a sticky one" {
    let_others_in
    start_with_shared
    as_other mkdir team/tree sticky/tree
    assert_silent "$FSC" get -R tree --into team
    cmp "$LIBRARY/tree/sub/b" team/tree/sub/b
    assert_fails 9 "$FSC" get -R tree --into sticky
    assert_equal "$stderr" "fsc: sticky/tree/sub/b: the local folder tree is another user's, in a folder that everybody can write to (use --into with a folder of your own)"
    assert_equal "$(ls -A sticky/tree)" ''
    # One's own, and that of the owner of the folder, are fine.
    rmdir sticky/tree
    assert_silent "$FSC" get -R tree --into sticky
    assert_silent "$FSC" get -R tree --into sticky
    assert_silent "$FSC" get a --into sticky
}

@test "shared: a folder that can only be written to takes files" {
    skip_unless_powerless
    start_with_shared
    mkdir drop
    chmod 0300 drop
    assert_silent powerless "$FSC" get a --into drop
    assert_silent powerless "$FSC" get -R a --into drop
    chmod 0700 drop
    cmp "$LIBRARY/a" drop/a
}
