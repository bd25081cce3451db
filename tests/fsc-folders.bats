#!/usr/bin/env bats
# fsc put -R and get -R: whole folders. Nothing is lost silently, and nothing leads outside.
# bats file_tags=once

load library
load fsc

# bats test_tags=client
@test "folders: put -R and get -R, there and back" {
    start_fsd
    make_tree
    assert_silent "$FSC" put -R tree
    run quiet "$FSC" ls -R
    assert_output 'tree/.hidden/ü
tree/a
tree/sub/deep/with space
tree/sub/large
tree/sub/none'
    mkdir there
    assert_silent "$FSC" get -R tree --into there
    rmdir tree/empty
    diff -r tree there/tree
    # Once more, both ways: all is there already.
    assert_silent "$FSC" put --recursive tree/
    assert_silent "$FSC" get --recursive tree/ --into there/
    mv tree before
    assert_silent "$FSC" get -R tree
    diff -r before tree
    assert_no_stages
}

@test "folders: put -R with --folder and --name, and beside files" {
    start_fsd
    make_tree
    printf x >file
    assert_silent "$FSC" put -R ./tree/sub/ file --folder to/here
    assert_silent env -C tree/sub "$FSC" put -R . --name all
    assert_silent "$FSC" put -R file --name single
    run quiet "$FSC" ls -R to single all
    assert_output 'to/here/file
to/here/sub/deep/with space
to/here/sub/large
to/here/sub/none
single
all/deep/with space
all/large
all/none'
    assert_fails 2 "$FSC" put -R .
    assert_equal "$stderr" 'fsc: .: a folder without a name (use -R --folder FOLDER to store what is in it)'
    assert_fails 2 "$FSC" put -R tree file --name x
    assert_fails 9 "$FSC" put tree
    assert_regex "$stderr" '-R'
}

@test "folders: put -R of a folder without files says so" {
    start_fsd
    mkdir -p empty/sub/deep full
    printf x >full/file
    run --separate-stderr "$FSC" put -R empty full empty/sub/
    assert_equal "$status $output" '0 '
    assert_equal "$stderr" 'fsc: empty: no files in this folder; nothing was stored
fsc: empty/sub/: no files in this folder; nothing was stored'
    assert_equal "$("$FSC" ls -R)" full/file
    run --separate-stderr "$FSC" put -R empty --json
    assert_equal "$status $output" '0 '
    assert_fails 5 "$FSC" put -R empty full --fail-empty
    assert_equal "$stderr" 'fsc: empty: no files in this folder; nothing was stored'
    run --separate-stderr "$FSC" put -R empty --fail-empty --json
    assert_equal "$status" 5
    assert_regex "$output" '"name":"empty".*"reason":"empty","exit":5'
    assert_silent "$FSC" put -R full --fail-empty
    # Something that cannot be stored is not nothing.
    ln -s nowhere empty/sub/link
    assert_fails 9 "$FSC" put -R empty --fail-empty
    # It needs no server.
    rm empty/sub/link
    run --separate-stderr "$FSC" put -R empty --server "$WORK/nowhere"
    assert_equal "$status" 0
}

@test "folders: put --fail-empty is about lists, too, but not about bytes" {
    start_fsd
    mkdir empty
    assert_silent "$FSC" put --files-from /dev/null
    assert_fails 5 "$FSC" put --files-from /dev/null --fail-empty
    assert_equal "$stderr" 'fsc: /dev/null: the list is empty'
    assert_fails 5 bash -c 'true | "$1" put --files-from - --fail-empty' - "$FSC"
    assert_equal "$stderr" 'fsc: standard input: the list is empty'
    assert_fails 9 "$FSC" put --files-from nowhere --fail-empty
    assert_fails 5 "$FSC" put -R --files-from - --fail-empty <<<empty
    assert_equal "$stderr" 'fsc: empty: no files in this folder; nothing was stored'
    assert_fails 9 "$FSC" put --files-from - --fail-empty <<<gone
    : >zero
    assert_fails 2 "$FSC" put zero --fail-empty
    assert_equal "$stderr" 'fsc: put: --fail-empty needs -R or --files-from'
}

@test "folders: put -R of a folder that is removed while it is read is a local file error" {
    local folder
    start_fsd
    for folder in tree tree/sub; do
        mkdir -p tree/sub
        printf x >tree/file
        stopped openat "$WORK/$folder" "$FSC" put -R tree
        rm -r "$folder"
        continued 9 "fsc: $folder: cannot read: No such file or directory"
    done
    assert_equal "$("$FSC" ls -R)" tree/file
}

@test "folders: put -R reports what it cannot store, and stores the rest" {
    start_fsd
    make_tree
    ln -s a tree/link
    ln -s / tree/sub/root
    mkfifo tree/sub/fifo
    mkdir tree/.fsdx
    : >tree/.fsdx/inside
    : >tree/sub/$'bad\nname'
    run --separate-stderr "$FSC" put -R tree
    assert_equal "$status $output" '2 '
    assert_equal "$stderr" 'fsc: tree/.fsdx: cannot be stored as "tree/.fsdx": a component begins with .fsd or .nfs
fsc: tree/link: is a symbolic link, which is not followed (use --links skip or --links follow)
fsc: tree/sub/bad?name: cannot be stored as "tree/sub/bad?name": it contains a control character
fsc: tree/sub/fifo: is neither a file nor a folder (use --specials skip to leave it out)
fsc: tree/sub/root: is a symbolic link, which is not followed (use --links skip or --links follow)'
    assert_equal "$(quiet "$FSC" ls -R | wc -l)" 5
    rm -r tree/.fsdx
    run --separate-stderr "$FSC" put -R tree
    assert_equal "$status ${#stderr_lines[@]}" '9 4'
    # The folder itself may be reached by a link.
    ln -s sub/deep tree/linked
    assert_silent "$FSC" put -R tree/linked
    assert_equal "$("$FSC" ls -R linked)" 'linked/with space'
}

@test "folders: put -R reports what it may not read" {
    start_fsd
    make_tree
    skip_unless_powerless
    chmod 0 tree/sub tree/a
    run --separate-stderr powerless "$FSC" put -R tree
    assert_equal "$status $output ${#stderr_lines[@]}" '9  2'
    assert_regex "${stderr_lines[0]}" '^fsc: tree/a: cannot read'
    assert_regex "${stderr_lines[1]}" '^fsc: tree/sub: cannot read'
    run quiet "$FSC" ls -R
    assert_output tree/.hidden/ü
}

@test "folders: put -R of a folder that is deeper than a name may be" {
    local deep
    echo 'limits = { depth = 511; };' >"$CONFIG"
    start_fsd
    deep=$(printf 'd/%.0s' {1..505})
    mkdir -p "tree/$deep/too/deep/to/be"
    printf x >"tree/$deep/file"
    printf x >"tree/$deep/too/deep/to/be/stored"
    run --separate-stderr "$FSC" put -R tree
    assert_equal "$status $output ${#stderr_lines[@]}" '2  1'
    assert_regex "$stderr" 'longer than 1023 bytes$'
    assert_equal "$("$FSC" ls -R)" "tree/${deep}file"
    # The shell that tidies up is spared the depth.
    rm -r "$LIBRARY/tree" tree
}

# bats test_tags=client
@test "folders: many small files are sent ahead, and each gets its own answer" {
    local i
    start_fsd
    mkdir tree
    for i in {100..399}; do
        echo "$i" >"tree/$i"
    done
    mkdir -p "$LIBRARY/tree/355"
    printf other >"$LIBRARY/tree/277"
    ln -s x tree/144x
    run --separate-stderr "$FSC" put -R tree --json
    assert_equal "$status ${#lines[@]}" '9 301'
    assert_equal "${#stderr_lines[@]}" 3
    assert_regex "${stderr_lines[0]}" '^fsc: tree/144x: '
    assert_regex "${stderr_lines[1]}" '^fsc: tree/277: '
    assert_regex "${stderr_lines[2]}" '^fsc: tree/355: '
    run bash -c 'printf "%s\n" "$1" | python3 -c "import json, sys
for line in map(json.loads, sys.stdin):
    if line[\"outcome\"] != \"stored\":
        print(line[\"name\"], line[\"outcome\"], line[\"reason\"], line[\"exit\"])
    else:
        assert line[\"size\"] == 4 and line[\"name\"] == line[\"local\"]"' - "$output"
    assert_output 'tree/144x failed local 9
tree/277 failed exists 3
tree/355 failed not-a-file 1'
    for i in {100..399}; do
        [ "$i" = 277 ] || [ "$i" = 355 ] || cmp "tree/$i" "$LIBRARY/tree/$i"
    done
}

@test "folders: up to 64 small files are sent before the first answer is needed" {
    local i
    mkdir tree
    for i in {100..163}; do
        printf hello >"tree/$i"
    done
    for i in {100..163}; do
        printf '> PUT tree/%s size=5 digest=%s eager=1\n> 5\n> hello\n> END\n' "$i" "$digest_of_hello"
    done >script
    for i in {100..163}; do
        if [ "$i" = 130 ]; then
            echo '< FAIL too-large no more than that'
        else
            echo "< OK size=5 digest=$digest_of_hello"
        fi
    done >>script
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script "$FSC" put -R tree
    assert_equal "$status $output" '7 '
    assert_equal "$stderr" 'fsc: tree/130: no more than that'
}

@test "folders: each file whose answer was lost is reported" {
    mkdir tree
    printf hello | tee tree/{a,b,c} >/dev/null
    cat >script <<SCRIPT
> PUT tree/a *
> 5
> hello
> END
< OK size=5 digest=$digest_of_hello
<.
SCRIPT
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script "$FSC" put -R tree
    assert_equal "$status $output" '10 '
    assert_equal "$stderr" 'fsc: tree/b: the connection was lost; the file may or may not be stored
fsc: tree/c: the connection was lost; the file may or may not be stored'
}

# bats test_tags=client
@test "folders: get -R fetches what the server could list, and says what it could not" {
    use_other_user
    mkdir -p "$LIBRARY"/tree/{open,closed}
    echo hello | tee "$LIBRARY/tree/open/file" >"$LIBRARY/tree/a"
    touch "$LIBRARY/tree/closed/file"
    chmod 0 "$LIBRARY/tree/closed"
    FSD_EXPECTED='^level=warning msg="cannot read" .*name=tree/closed/ '
    start_fsd
    assert_fails 1 "$FSC" get -R tree
    assert_equal "$stderr" 'fsc: tree: the server cannot read tree/closed/: Permission denied'
    run find tree -type f
    assert_equal "$(sort <<<"$output")" $'tree/a\ntree/open/file'
    run --separate-stderr "$FSC" get -R --json tree
    assert_equal "$status ${#stderr_lines[@]}" '1 1'
    assert_line --index 0 '{"name":"tree","local":"tree","outcome":"failed","reason":"incomplete","exit":1,"message":"'"${stderr#fsc: }"'"}'
    assert_equal "$(grep -c '"already there"' <<<"$output")" 2
    assert_fails 1 "$FSC" get -R tree/closed
    assert_equal "$stderr" 'fsc: tree/closed: the server cannot read tree/closed/: Permission denied'
}

@test "folders: get -R of something that is not a folder" {
    mkdir -p "$LIBRARY/folder" "$LIBRARY/none" here
    printf hello >"$LIBRARY/folder/a"
    start_fsd
    assert_fails 4 "$FSC" get -R nothing --into here
    assert_fails 4 "$FSC" get -R none --into here
    assert_fails 9 "$FSC" get -R folder --into missing
    assert_fails 2 "$FSC" get -R ../folder --into here
    assert_fails 2 "$FSC" get -R folder --output x
    # It may be the name of a file too.
    assert_silent "$FSC" get -R folder/a --into here
    assert_equal "$(find here)" $'here\nhere/a'
}

@test "folders: get -R continues after a failure, and replaces only with --force" {
    start_fsd
    make_tree
    quiet "$FSC" put -R tree
    mkdir -p here/tree/sub/large
    printf other >here/tree/a
    run --separate-stderr "$FSC" get -R tree nothing --into here
    assert_equal "$status $output" '3 '
    assert_equal "$stderr" 'fsc: here/tree/a: exists here with different content (use --force to overwrite)
fsc: here/tree/sub/large: is a local folder
fsc: nothing: no such file or folder in the library'
    cmp tree/sub/none here/tree/sub/none
    cmp "tree/sub/deep/with space" "here/tree/sub/deep/with space"
    rmdir here/tree/sub/large
    assert_silent "$FSC" get -R tree --force --into here
    rmdir tree/empty
    diff -r tree here/tree
    # Two folders would become one.
    quiet "$FSC" put -R tree --folder other
    assert_fails 2 "$FSC" get -R tree other/tree/ --force --into here
}

@test "folders: get -R follows no local link below its folder" {
    start_fsd
    mkdir -p tree/sub outside
    printf hello | tee tree/a tree/sub/b >/dev/null
    quiet "$FSC" put -R tree

    # A link to a folder, to a file that is there, to one that is not, and for the folder itself.
    mkdir -p here/tree
    ln -s ../../outside here/tree/sub
    ln -s ../../outside/new here/tree/a
    run --separate-stderr "$FSC" get -R tree --into here
    assert_equal "$status ${#stderr_lines[@]}" '9 2'
    printf same >outside/new
    run --separate-stderr "$FSC" get -R tree --into here --force
    assert_equal "$status ${#stderr_lines[@]}" '9 2'
    assert_equal "$(ls outside) $(cat outside/new)" 'new same'
    rm -r here/tree
    ln -s ../outside here/tree
    run --separate-stderr "$FSC" get -R tree --into here
    assert_equal "$status ${#stderr_lines[@]}" '9 2'
    assert_equal "$(ls outside)" new
    # A FIFO is not written to.
    rm here/tree
    mkdir here/tree
    mkfifo here/tree/a
    assert_fails 9 "$FSC" get -R tree --into here
    [ -f here/tree/sub/b ]
    # The folder to fetch into is the user's own choice.
    ln -s outside into
    assert_silent "$FSC" get -R tree --into into
    cmp tree/a outside/tree/a
}

@test "folders: names from a hostile server reach nothing outside" {
    local name
    mkdir here
    while IFS= read -r name; do
        printf '> LIST folder deep=1\n< OK\n< %d\\n%s\\n\n< END\n>.\n' \
            "$(printf '%b' "$name\\n" | wc -c)" "$name" >script
        assert_fails 1 "$TESTS/fake_server" "$SOCKET" script "$FSC" get -R folder --into here
    done <<'NAMES'
../x
folder/../../x
/x
folder//x
folder/
folder-x/a
other
folder/.
folder/a%0Ab
NAMES
    assert_equal "$(find here)" here
    # One name twice, and a file that is a folder, too.
    assert_fails 1 fake "$FSC" get -R folder --into here <<'SCRIPT'
> LIST folder deep=1
< OK
< 18\nfolder/a\nfolder/a\n
< END
SCRIPT
    run --separate-stderr fake "$FSC" get -R folder --into here <<SCRIPT
> LIST folder deep=1
< OK
< 20\\nfolder/a\\nfolder/a/b\\n
< END
> GET folder/a
< OK size=5 mtime=1
< 5\\nhello
< END digest=$digest_of_hello
SCRIPT
    assert_equal "$status $stderr" '9 fsc: here/folder/a/b: a local file or link is where it needs a folder (move that away)'
    assert_equal "$(find here -type f)" here/folder/a
}

# bats test_tags=client
@test "folders: valgrind finds no leak and no error" {
    skip_without_valgrind
    start_fsd
    make_tree
    ln -s a tree/link
    mkdir here
    assert_no_leak 9 put -R tree --json
    assert_equal "${#stderr_lines[@]}" 1
    assert_no_leak 4 get -R tree nothing --into here
    assert_equal "${#stderr_lines[@]}" 1
}
