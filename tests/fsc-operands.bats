#!/usr/bin/env bats
# fsc: what is wrong with operands is found before anything is sent, and said with the right way.
# bats file_tags=once

load library
load fsc

# make_pair: a/x and b/x are different, c/x is as a/x.
make_pair() {
    mkdir a b c
    echo one | tee a/x c/x >/dev/null
    echo two >b/x
}

@test "put: two different files with one name exit 2, and nothing is sent" {
    make_pair
    # Nobody listens: a connection would be exit code 10.
    assert_fails 2 "$FSC" put a/x b/x --folder e --replace
    assert_equal "$stderr" 'fsc: b/x: would be stored as "e/x", and so would a/x (use --folder or --name, and store them one by one)'
    assert_fails 2 "$FSC" put b/x c/x a/x
    mkfifo a/y
    : >b/y
    assert_fails 2 "$FSC" put a/y b/y
    assert_fails 2 "$FSC" put -R a b/x c b/../a/x
    # The same content or the same file is no conflict, and neither is what is not there.
    ln -s ../b/x b/link
    for pair in 'a/x c/x' 'a/x a/x' 'a/x a/../a/x' 'b/x b/link'; do
        # shellcheck disable=SC2086
        assert_fails 10 "$FSC" put --replace $pair
    done
}

@test "put: two different files of a list with one name exit 3, even with --replace" {
    make_pair
    start_fsd
    echo old | "$FSC" put - --name x
    for order in 'a b' 'b a'; do
        # shellcheck disable=SC2086
        printf '%s/x\n' $order >list
        assert_fails 3 "$FSC" put --replace --files-from list
        assert_equal "$stderr" "fsc: ${order#* }/x: another file of this run, with different content, is stored as \"x\""
        cmp "${order% *}/x" "$LIBRARY/x"
    done
    # A large file, which is not sent ahead, and a FIFO.
    head -c 100000 /dev/zero >b/x
    printf '%s/x\n' a b >list
    assert_fails 3 "$FSC" put --replace --files-from list
    cmp a/x "$LIBRARY/x"
    mkfifo f
    mkdir d
    ln -s ../f d/x
    printf '%s/x\n' b d >list
    timeout 60 bash -c 'echo two >f' 3>&- &
    run --separate-stderr "$FSC" put --replace --files-from list
    wait $!
    assert_equal "$status $stderr" '3 fsc: d/x: another file of this run, with different content, is stored as "x"'
    cmp b/x "$LIBRARY/x"
    # The same content is fine.
    printf '%s/x\n' a c a >list
    assert_silent "$FSC" put --replace --files-from list
    cmp a/x "$LIBRARY/x"
    # A file that could not be stored has no name.
    printf '%s/x\n' missing b >list
    assert_fails 9 "$FSC" put --replace --files-from list
    cmp b/x "$LIBRARY/x"
}

@test "put: a path that comes again in a list is stored each time" {
    local number
    start_fsd
    mkfifo list
    "$FSC" put --replace --json --retry 1 --files-from list >reports 3>&- &
    exec 4>list
    for number in {1..9}; do
        # A new file, as editors write it.
        echo "$number" >new
        mv new file
        echo file >&4
        await_count reports "$number"
        assert_equal "$(cat "$LIBRARY/file")" "$number"
    done
    exec 4>&-
    wait $!
    # Without a pause they are in flight together.
    yes file | head -n 200 >many
    assert_silent "$FSC" put --replace --files-from many
}

# await_count FILE COUNT: waits until a file has so many lines.
await_count() {
    await has_count "$@"
}

has_count() {
    [ "$(wc -l <"$1")" -ge "$2" ]
}

@test "put -R: files of two folders that meet exit 3, even with --replace" {
    make_pair
    mkdir -p 1/q/r 2/q
    cp a/x 1/q/x
    cp b/x 2/q/x
    echo one >1/q/r/y
    echo two >2/q/z
    start_fsd
    assert_fails 3 "$FSC" put -R --replace 1/q 2/q
    assert_equal "$stderr" 'fsc: 2/q/x: another file of this run, with different content, is stored as "q/x"'
    assert_equal "$("$FSC" ls -R)" $'q/r/y\nq/x\nq/z'
    cmp 1/q/x "$LIBRARY/q/x"
    # A file meets one of a folder.
    mkdir 3
    echo three >3/q
    assert_fails 2 "$FSC" put -R --replace 1/q 3/q
    printf '%s\n' 2/q 1/q >list
    assert_fails 3 "$FSC" put -R --replace --files-from list
    assert_regex "$stderr" '^fsc: 1/q/x: '
    cmp 2/q/x "$LIBRARY/q/x"
    assert_silent "$FSC" put -R --replace 1/q 1/q/
}

@test "put: two files with one name are never in flight together" {
    printf hello >a
    printf 'a\na\n' >list
    # The second is sent when the first is reported: an attempt at the first never comes after it.
    run quiet fake bash -c '"$1" put --replace --json --files-from list |
        while read -r line; do echo "$line"; touch reported; done' - "$FSC" <<SCRIPT
> PUT a size=5 digest=$digest_of_hello replace=1 eager=1
> 5
> hello
> END
< OK size=5 digest=$digest_of_hello
! reported
> PUT a size=5 digest=$digest_of_hello replace=1 eager=1
> 5
> hello
> END
< EXISTS size=5 digest=$digest_of_hello
SCRIPT
    assert_success
    assert_equal "${#lines[@]}" 2
}

@test "get --force: two names that lead to one local file exit 3" {
    make_pair
    mkdir here
    start_fsd
    "$FSC" put a/x --name a/x
    "$FSC" put b/x --name b/y
    "$FSC" put a/x --name c/z
    ln -s y here/x
    echo old | tee here/y here/z >/dev/null
    assert_fails 3 "$FSC" get --force --into here a/x b/y
    assert_equal "$stderr" 'fsc: here/y: another file of this run, with different content, was written there'
    cmp a/x here/y
    # The same content is fine, and so is the same name.
    ln -sf y here/z
    assert_silent "$FSC" get --force --into here a/x c/z a/x
    assert_fails 2 "$FSC" get --force a/x b/x
    assert_equal "$stderr" 'fsc: b/x: would become the same local file as a/x (use --into or --output, and fetch them one by one)'
}
