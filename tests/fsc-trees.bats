#!/usr/bin/env bats
# fsc put -R on real trees: what is left out, and where links lead.
# bats file_tags=once

load library
load fsc

# all: every name in the library, on a line.
all() {
    quiet "$FSC" ls -R | tr '\n' ' '
}

@test "trees: put -R leaves out what --exclude matches, in the order of the rules" {
    start_fsd
    make_tree
    mkdir -p tree/cache/sub tree/sub/cache
    touch tree/{a.o,sub/b.o,sub/keep.o,cache/{x,sub/y},sub/cache/z} tree/sub/deep/cache
    run --separate-stderr "$FSC" put -R tree --include keep.o --exclude '*.o' --exclude cache/ --exclude /sub/large
    assert_equal "$status $output" '0 '
    assert_equal "$stderr" 'fsc: skipped 3 excluded files and 2 excluded folders'
    assert_equal "$(all)" 'tree/.hidden/ü tree/a tree/sub/deep/cache tree/sub/deep/with space tree/sub/keep.o tree/sub/none '
    # Of two orders only one finds the exception.
    quiet "$FSC" rm -R --match '*'
    run --separate-stderr "$FSC" put -R tree --exclude '*.o' --include keep.o
    assert_equal "$status $stderr" '0 fsc: skipped 3 excluded files'
    quiet "$FSC" rm -R --match '*'
    assert_silent "$FSC" put -R tree -q --include='*/' --include='*.o' --exclude='*'
    assert_equal "$(all)" 'tree/a.o tree/sub/b.o tree/sub/keep.o '
}

@test "trees: put -R does not look into an excluded folder, nor at what is excluded" {
    start_fsd
    make_tree
    mkdir tree/closed tree/.fsdx
    touch tree/closed/x tree/.fsdx/y tree/bad$'\n'name
    ln -s nowhere tree/link
    mkfifo tree/fifo
    skip_unless_powerless
    chmod 0 tree/closed
    run --separate-stderr powerless "$FSC" put -R tree --exclude closed --exclude .fsdx \
        --exclude 'bad?name' --exclude link --exclude fifo
    assert_equal "$status $output" '0 '
    assert_equal "$stderr" 'fsc: skipped 3 excluded files and 2 excluded folders'
}

@test "trees: put -R --exclude: what is wrong is said before anything is sent" {
    local option
    make_tree
    start_fsd
    for option in '--exclude=' '--exclude=/' '--exclude=[a' '--include=[z-a]' '--exclude=a//b' '--exclude=./a' \
        '--exclude=a**' '--exclude=dir/***' '--links=' '--links=copy' '--specials=follow' '--include=*.c'; do
        assert_fails 2 "$FSC" put -R tree "$option"
    done
    assert_equal "$stderr" "fsc: put: --include needs --exclude, such as --exclude '*' for all others"
    assert_fails 2 "$FSC" put -R tree --exclude ok --exclude 'a[/]'
    assert_equal "$stderr" 'fsc: put: --exclude a[/]: a "[" has no "]" (write "\[" to match the character)'
    for option in --exclude=x --include=x --links=skip --specials=skip; do
        assert_fails 2 "$FSC" put tree/a "$option"
        assert_equal "$stderr" "fsc: put: ${option%=*} needs -R"
    done
    assert_equal "$(all)" ''
}

@test "trees: put -R of a folder in which all is left out" {
    start_fsd
    make_tree
    run --separate-stderr "$FSC" put -R tree --exclude '*'
    assert_equal "$status $output" '0 '
    assert_equal "$stderr" 'fsc: tree: no files in this folder but skipped ones; nothing was stored
fsc: skipped 1 excluded file and 3 excluded folders'
    assert_fails 5 "$FSC" put -q -R tree --exclude '*' --fail-empty
    assert_equal "$(all)" ''
}

@test "trees: put -R --links skip and --specials skip" {
    start_fsd
    make_tree
    mkdir elsewhere
    ln -s a tree/link
    ln -s ../elsewhere tree/sub/folder
    ln -s nowhere tree/sub/dangling
    mkfifo tree/fifo
    run --separate-stderr "$FSC" put -R tree --links skip --specials skip --exclude large
    assert_equal "$status $output" '0 '
    assert_equal "$stderr" 'fsc: skipped 1 excluded file, 3 links and 1 special file'
    run --separate-stderr "$FSC" put -R tree --json --links skip --specials=skip --exclude deep --exclude large
    assert_equal "$status $stderr" '0 fsc: skipped 1 excluded file, 1 excluded folder, 3 links and 1 special file'
    run grep skipped <<<"$output"
    assert_output '{"name":"tree/fifo","local":"tree/fifo","outcome":"skipped","why":"special"}
{"name":"tree/link","local":"tree/link","outcome":"skipped","why":"link"}
{"name":"tree/sub/dangling","local":"tree/sub/dangling","outcome":"skipped","why":"link"}
{"name":"tree/sub/deep","local":"tree/sub/deep","outcome":"skipped","why":"excluded"}
{"name":"tree/sub/folder","local":"tree/sub/folder","outcome":"skipped","why":"link"}
{"name":"tree/sub/large","local":"tree/sub/large","outcome":"skipped","why":"excluded"}'
    # A link is no folder then, and a folder no special file.
    run --separate-stderr "$FSC" put -R tree --exclude folder/ --links=skip --exclude fifo --exclude link
    assert_equal "$status $stderr" '0 fsc: skipped 2 excluded files and 2 links'
}

@test "trees: put -R --links follow stores what links lead to" {
    start_fsd
    mkdir -p tree/sub other/deep
    printf 1 >tree/file
    printf 2 >other/deep/file
    ln -s file tree/again
    ln -s "$PWD/other" tree/sub/out
    ln -s again tree/third
    mkfifo fifo
    ln -s ../fifo tree/to-fifo
    run --separate-stderr "$FSC" put -R tree --links follow
    assert_equal "$status $stderr" '9 fsc: tree/to-fifo: is neither a file nor a folder (use --specials skip to leave it out)'
    assert_equal "$(all)" 'tree/again tree/file tree/sub/out/deep/file tree/third '
    assert_equal "$("$FSC" get tree/third tree/sub/out/deep/file --output -)" 12
    # A link to a folder is one to the rules.
    quiet "$FSC" rm -R --match '*'
    run --separate-stderr "$FSC" put -R tree --links follow --specials skip --exclude out/
    assert_equal "$status $stderr" '0 fsc: skipped 1 excluded folder and 1 special file'
}

@test "trees: put -R --links follow finds circles, and links that lead nowhere" {
    start_fsd
    mkdir -p above/tree/{a,b} away
    printf x | tee above/tree/{a,b}/file away/file >/dev/null
    ln -s nowhere above/tree/dangling
    ln -s file/below above/tree/a/through-file
    ln -s self above/tree/self
    ln -s . above/tree/here
    ln -s ../b above/tree/a/to-b
    ln -s ../a above/tree/b/to-a
    ln -s ../.. above/tree/up
    ln -s / above/tree/root
    ln -s ../../away above/tree/away
    # By way of "away", which is not above.
    ln -s ../above/tree away/back
    run --separate-stderr "$FSC" put -R above/tree --links follow
    assert_equal "$status $output" '9 '
    assert_equal "$stderr" 'fsc: above/tree/a/through-file: is a symbolic link that leads nowhere
fsc: above/tree/a/to-b/to-a: is in a circle of symbolic links
fsc: above/tree/away/back: is in a circle of symbolic links
fsc: above/tree/b/to-a/through-file: is a symbolic link that leads nowhere
fsc: above/tree/b/to-a/to-b: is in a circle of symbolic links
fsc: above/tree/dangling: is a symbolic link that leads nowhere
fsc: above/tree/here: is in a circle of symbolic links
fsc: above/tree/root: is in a circle of symbolic links
fsc: above/tree/self: is in a circle of symbolic links
fsc: above/tree/up: is in a circle of symbolic links'
    assert_equal "$(all)" 'tree/a/file tree/a/to-b/file tree/away/file tree/b/file tree/b/to-a/file '
}

@test "trees: valgrind finds no leak and no error" {
    skip_without_valgrind
    start_fsd
    make_tree
    ln -s .. tree/up
    ln -s sub/deep tree/link
    assert_no_leak 9 put -R tree --links follow --include '*/' --include '/**/with*' --exclude 'n*'
    assert_equal "$(all)" 'tree/.hidden/ü tree/a tree/link/with space tree/sub/deep/with space tree/sub/large '
    assert_no_leak 2 put -R tree --exclude a --exclude '['
}
