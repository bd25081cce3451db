#!/usr/bin/env bats
# fsc put, get and rm with --dry-run: what they would do, and that nothing is written here or there.
# bats file_tags=once

load library
load fsc

# A daemon that has stored these files; "by-hand" it has not stored, so it does not know its digest.
start_with_files() {
    mkdir here
    cd here || return
    mkdir -p tree/sub
    printf one >one
    printf two >two
    printf more >tree/a
    printf less >tree/sub/b
    printf hand >by-hand
    head -c 100000 /dev/zero >large
    start_fsd
    quiet "$FSC" put one two large --folder in
    quiet "$FSC" put -R tree
    cp by-hand "$LIBRARY/by-hand"
}

# All that is here and in the library, and when it was written.
everything() {
    find "$WORK/here" "$LIBRARY" -printf '%p %y %s %i %T@ %C@\n' | sort
    [ ! -e "$XDG_STATE_HOME" ] || find "$XDG_STATE_HOME"
}

# dry CODE ARGUMENT...: with --dry-run this exits with CODE, prints what is on stdin, where "|" is a tab,
# and writes nothing.
dry() {
    local code=$1
    shift
    everything >"$WORK/before"
    run --separate-stderr "$FSC" "$@" --dry-run </dev/null
    everything >"$WORK/after"
    assert_equal "$status: $output" "$code: $(tr '|' '\t')"
    diff "$WORK/before" "$WORK/after"
    [ "$code" -ne 0 ] || [ -z "$stderr" ] || fail "it says $stderr"
}

@test "dry run: put says what would be stored, and what is there" {
    start_with_files
    printf 2 >two
    printf new >new
    dry 0 put one new large --folder in <<<$'already there|in/one\nto be stored|in/new\nalready there|in/large'
    dry 3 put new two one --folder in <<<$'to be stored|in/new\nalready there|in/one'
    assert_equal "$stderr" 'fsc: in/two: exists in the library with different content (use --replace to overwrite)'
    dry 0 put two one new --folder in --replace <<<$'to be replaced|in/two\nalready there|in/one\nto be stored|in/new'
    dry 3 put one --folder in --exclusive </dev/null
    assert_equal "$stderr" 'fsc: in/one: exists in the library (--exclusive)'
    # The server does not know this digest, and is asked to compare.
    dry 0 put by-hand <<<'already there|by-hand'
    printf HAND >by-hand
    dry 3 put by-hand </dev/null
    # Names that cannot be used.
    dry 1 put one --name in </dev/null
    assert_regex "$stderr" '^fsc: in: the library has a folder there'
    dry 9 put nowhere one --folder in <<<'already there|in/one'
    dry 2 put one --name .. </dev/null
    dry 0 put one new --folder in -0 2>/dev/null <<<$'already there|in/oneto be stored|in/new' || true
    run bash -c '"$1" put one new --folder in -n -0 | tr "\0" "!"' - "$FSC"
    assert_output $'already there\tin/one!to be stored\tin/new!'
    # It exits as the real run does.
    run "$FSC" put new two one --folder in
    assert_failure 3
}

@test "dry run: put with guards" {
    local sum
    start_with_files
    sum=$(sha256sum <one)
    sum=${sum%% *}
    dry 0 put one --name x --sha256 "$sum" <<<'to be stored|x'
    dry 8 put two --name x --sha256 "$sum" </dev/null
    dry 8 put two --name x --min-size 4 </dev/null
    dry 0 put two --name in/one --replace="sha256:$sum" <<<'to be replaced|in/one'
    dry 8 put one --name in/two --replace="sha256:$sum" </dev/null
    dry 8 put one --name free --replace="sha256:$sum" </dev/null
    dry 0 put one --name in/one --replace="sha256:${sum/?/0}" <<<'already there|in/one'
    dry 8 put one --name by-hand --replace="sha256:$sum" </dev/null
    sum=$(sha256sum <by-hand)
    dry 0 put one --name by-hand --replace="sha256:${sum%% *}" <<<'to be replaced|by-hand'
}

@test "dry run: put -R lists the library once, and says what is skipped" {
    start_with_files
    printf changed >tree/a
    printf new >tree/sub/a
    ln -s a tree/link
    mkdir tree/sub/b-folder
    printf x >tree/sub/b-folder/x
    everything >"$WORK/before"
    run --separate-stderr "$FSC" put -R tree -n --links skip --exclude sub/a
    everything >"$WORK/after"
    diff "$WORK/before" "$WORK/after"
    assert_equal "$status" 3
    assert_equal "$output" $'skipped\ttree/link\nskipped\ttree/sub/a\nalready there\ttree/sub/b\nto be stored\ttree/sub/b-folder/x'
    assert_equal "$stderr" 'fsc: tree/a: exists in the library with different content (use --replace to overwrite)
fsc: skipped 1 excluded file and 1 link'
    dry 0 put -q -R tree --links skip --replace <<<$'to be replaced|tree/a\nskipped|tree/link\nto be stored|tree/sub/a\nalready there|tree/sub/b\nto be stored|tree/sub/b-folder/x'
    # Where the library has a file, there is no room for a folder, and the other way round.
    dry 1 put -R tree/sub --name tree/a --exclude b-folder/ <<<'skipped|tree/a/b-folder'
    mkdir -p tree/other/sub
    printf x >tree/other/sub/b
    rm -r tree/sub tree/link
    mv tree/other/sub/b tree/sub
    dry 1 put -R tree --replace --exclude other/ <<<$'to be replaced|tree/a\nskipped|tree/other'
    assert_regex "$stderr" '^fsc: tree/sub: the library has a folder there'
    dry 0 put -R tree --name new --exclude other/ -q <<<$'to be stored|new/a\nskipped|new/other\nto be stored|new/sub'
    # Also where it has none at all below.
    dry 1 put two --name in/one/x/y </dev/null
    assert_equal "$stderr" 'fsc: in/one/x/y: the library has a folder there, or a file where it needs a folder (use --folder or --name)'
    dry 1 put two --name in/one/x </dev/null
    dry 1 put -R tree --name in/one/x/y --exclude other/ <<<'skipped|in/one/x/y/other'
    dry 0 put -R tree --name in/three/x --exclude other/ -q <<<$'to be stored|in/three/x/a\nskipped|in/three/x/other\nto be stored|in/three/x/sub'
    dry 1 put two tree/a --folder in/one/x </dev/null
    # No name of a file here looks like a line of its own, or moves the cursor.
    : >$'tree/x.o\nto be stored\ty.o'
    : >$'tree/z\e[2K.o'
    dry 0 put -R tree --name new --exclude other/ --exclude '*.o' -q \
        <<<$'to be stored|new/a\nskipped|new/other\nto be stored|new/sub\nskipped|new/x.o?to be stored?y.o\nskipped|new/z?[2K.o'
}

@test "dry run: put reads no stream and runs no command" {
    start_with_files
    mkfifo fifo
    run --separate-stderr bash -c 'printf text | { "$1" put -n - --name new && cat; }' - "$FSC"
    assert_equal "$status $output" $'0 to be stored\tnew\ntext'
    assert_equal "$stderr" 'fsc: standard input: not read in a dry run'
    run --separate-stderr "$FSC" put -n fifo
    assert_equal "$status $output $stderr" $'0 to be stored\tfifo fsc: fifo: not read in a dry run'
    run --separate-stderr "$FSC" put -n --name new --from-command -- touch was-run
    assert_equal "$status $output $stderr" $'0 to be stored\tnew fsc: touch: not run in a dry run'
    run --separate-stderr "$FSC" put -n --name in/one --from-command -- touch was-run
    assert_equal "$status $output" '3 '
    assert_equal "${stderr_lines[1]}" 'fsc: in/one: exists in the library; touch was not run (--if-same compares it, --replace overwrites)'
    run --separate-stderr "$FSC" put -nq --replace --name in/one --from-command -- touch was-run
    assert_equal "$status $output $stderr" $'0 to be replaced\tin/one '
    run --separate-stderr "$FSC" put -nq fifo --if-same --name in/one
    assert_equal "$status $output $stderr" $'0 to be compared\tin/one '
    [ ! -e was-run ]
}

@test "dry run: get says what would be fetched, and makes no folder" {
    start_with_files
    mkdir there
    dry 0 get -R tree in/large --into there <<<$'to be fetched|tree/a\nto be fetched|tree/sub/b\nto be fetched|in/large'
    dry 0 get in/one <<<'already there|in/one'
    printf other >one
    dry 3 get in/one in/two <<<'already there|in/two'
    assert_equal "$stderr" 'fsc: one: exists here with different content (use --force to overwrite)'
    dry 0 get -f in/one in/two <<<$'to be replaced|in/one\nalready there|in/two'
    dry 4 get in/nothing in/two --into there <<<'to be fetched|in/two'
    dry 1 get in </dev/null
    dry 4 get -R nothing </dev/null
    dry 9 get in/one --into nowhere </dev/null
    dry 9 get in/one -o nowhere/x </dev/null
    dry 0 get in/one -o there/x <<<'to be fetched|in/one'
    dry 0 get in/one in/two -o - <<<$'to be fetched|in/one\nto be fetched|in/two'
    dry 0 get in/one --output /dev/null <<<'to be fetched|in/one'
    dry 8 get in/one --sha256 "$(printf '%064d' 0)" --into there </dev/null
    dry 4 get in/nothing --wait=1h </dev/null
    mkdir there/tree
    ln -s ../../tree/sub there/tree/sub
    dry 9 get -R tree --into there <<<'to be fetched|tree/a'
    dry 0 get --match 'in/*' --into there <<<$'to be fetched|in/large\nto be fetched|in/one\nto be fetched|in/two'
    dry 0 get --match 'in/*' --newest 1 --output - <<<'to be fetched|in/large'
    run --separate-stderr "$FSC" get -n in/one --to-command -- touch was-run
    assert_equal "$status $output $stderr" $'0 to be fetched\tin/one fsc: touch: not run in a dry run'
    [ ! -e was-run ]
}

@test "dry run: rm says which names would go" {
    start_with_files
    dry 0 rm in/one by-hand <<<$'in/one\nby-hand'
    dry 4 rm in/one nothing <<<'in/one'
    assert_regex "$stderr" '^fsc: nothing: no such file'
    dry 1 rm in </dev/null
    assert_regex "$stderr" "^fsc: in: .*\(use -R --match '\*'"
    dry 0 rm in/one nothing --missing-ok <<<'in/one'
    dry 0 rm --match '*' in <<<$'in/large\nin/one\nin/two'
    dry 0 rm --match 'in/*' --keep 1 <<<$'in/one\nin/two'
    printf 'in/one\0in/two\0' >list
    run bash -c '"$1" rm -n -0 --files-from list | tr "\0" "!"' - "$FSC"
    assert_output 'in/one!in/two!'
}

@test "dry run: --json has the outcome of each" {
    start_with_files
    run --separate-stderr "$FSC" put -n --json one --name new
    assert_output '{"name":"new","local":"one","outcome":"to be stored","size":3}'
    run --separate-stderr "$FSC" put -n --json one two --folder in --exclusive
    assert_equal "$status" 3
    assert_line --index 1 '{"name":"in/two","local":"two","outcome":"failed","reason":"exists","exit":3,"message":"in/two: exists in the library (--exclusive)"}'
    run --separate-stderr "$FSC" get -n --json tree/a
    assert_output --regexp '^\{"name":"tree/a","local":"a","outcome":"to be fetched","size":4,"digest":"sha256:[0-9a-f]{64}"\}$'
    run --separate-stderr "$FSC" rm -n --json in/one nothing --missing-ok
    assert_output '{"name":"in/one","outcome":"to be deleted"}
{"name":"nothing","outcome":"already gone"}'
}

@test "dry run: failures are those of the real run" {
    start_with_files
    assert_fails 10 "$FSC" put -n one --server "$WORK/nowhere"
    assert_fails 10 "$FSC" put -n -R tree --server "$WORK/nowhere"
    assert_fails 10 "$FSC" get -n in/one --server "$WORK/nowhere" --into tree
    assert_fails 10 "$FSC" rm -n in/one --server "$WORK/nowhere"
    assert_fails 9 bash -c '"$1" put -n one --name x >/dev/full' - "$FSC"
    assert_fails 9 bash -c '"$1" get -n tree/a >/dev/full' - "$FSC"
    assert_fails 9 bash -c '"$1" rm -n in/one >/dev/full' - "$FSC"
    # What may not be listed cannot be compared.
    export FSC_SERVER="exec:$FSD --stdio --library $LIBRARY --stdio-rights put"
    assert_fails 6 "$FSC" put -n one
    assert_fails 6 "$FSC" put -n -R tree
}

@test "dry run: another attempt asks again, and stores nothing" {
    use_settings 'limits = { pause = "1ms"; };'
    printf hello >file
    run --separate-stderr fake "$FSC" put -n file --retry 1 <<SCRIPT
> LIST file details=1
<.
SCRIPT
    assert_equal "$status $output" '10 '
    run --separate-stderr fake "$FSC" put -n file --retry 1 <<SCRIPT
> LIST file details=1
< OK
< 20\\nfile size=5 mtime=1\\n
< END
> GET file offset=5 digest=$digest_of_hello
<.
SCRIPT
    assert_equal "$status $output" '10 '
}

@test "dry run: valgrind finds no leak and no error" {
    skip_without_valgrind
    start_with_files
    assert_no_leak 0 put -n -R tree --replace
    assert_no_leak 0 put -n one by-hand --folder in
    assert_no_leak 4 get -n -R tree nothing --into "$WORK"
    assert_no_leak 4 rm -n in/one nothing
}
