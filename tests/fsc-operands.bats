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

@test "get --force: two names that are the same here exit 3" {
    make_pair
    start_fsd
    "$FSC" put a/x --name a/x
    "$FSC" put b/x --name b/X
    "$FSC" put a/x --name c/X
    assert_fails 2 "$FSC" get --force a/x b/x
    assert_equal "$stderr" 'fsc: b/x: would become the same local file as a/x (use --into or --output, and fetch them one by one)'
    # In a folder where upper and lower case are the same.
    skip_unless_root 'to mount'
    mkdir here
    truncate -s 4M image
    mkfs.ext4 -q -O casefold image 2>/dev/null || skip 'no folder here ignores case'
    cat >folded <<'END'
mount -o loop image here && { [ -d here/folded ] || { mkdir here/folded && chattr +F here/folded; }; } || exit 77
cd here/folded && "$@"
END
    run unshare -m bash folded true
    [ "$status" -ne 77 ] || skip 'no folder here ignores case'
    assert_fails 3 unshare -m bash folded "$FSC" get --force a/x b/X
    assert_equal "$stderr" 'fsc: X: another file of this run, with different content, was written there'
    # The same content is fine, and so is the same name.
    assert_silent unshare -m bash folded "$FSC" get --force a/x c/X a/x
}

# assert_refused TEXT COMMAND...: it exits with 2 and this line; nothing is sent, as nobody listens.
assert_refused() {
    assert_fails 2 "$FSC" "${@:2}"
    assert_equal "$stderr" "fsc: $1"
}

@test "put: the last of several that is not there, or is a folder, is refused, and nothing is sent" {
    : >shop.sql.gz
    mkdir hosta
    : >hosta/x
    assert_refused 'hostb/: no such file here (use --folder hostb to store the others in a folder of the library)' \
        put shop.sql.gz hostb/
    assert_refused 'backups/hostb: no such file here (use --folder backups/hostb to store the others in a folder of the library)' \
        put shop.sql.gz shop.sql.gz backups/hostb
    assert_refused '/nowhere/: no such file here (use --folder nowhere to store the others in a folder of the library)' \
        put --replace shop.sql.gz /nowhere/
    assert_refused 'backup1:/srv/: no such file here (--server, such as ssh://HOST, says where the library is, and --folder which folder in it)' \
        put shop.sql.gz backup1:/srv/
    assert_refused 'shop.sql/: no such file here; nothing was stored' put --folder a shop.sql.gz shop.sql/
    assert_refused 'hosta: is a local folder (use --folder hosta to store the others in a folder of the library, or -R to store what is in it)' \
        put shop.sql.gz hosta
    assert_fails 2 "$FSC" put -R hosta shop.sql.gz hostb
    # One that is missing elsewhere, or alone, or in a list, is a failure of its own.
    start_fsd
    assert_fails 9 "$FSC" put missing shop.sql.gz
    assert_equal "$("$FSC" ls)" shop.sql.gz
    assert_fails 9 "$FSC" put missing
    printf '%s\n' shop.sql.gz missing >list
    assert_fails 9 "$FSC" put --files-from list
    : >hosta/file
    assert_silent "$FSC" put -R shop.sql.gz hosta
}

@test "put: a name that the library cannot have is refused, and nothing is sent" {
    : >a
    : >.fsd1
    : >$'b\nc'
    mkdir -p many
    assert_refused '.fsd1: cannot be stored as ".fsd1": a component begins with .fsd or .nfs' put a .fsd1 a
    assert_fails 2 "$FSC" put a $'b\nc' a
    assert_fails 2 "$FSC" put -R a many/.. a
    assert_refused 'a: cannot be stored as "/q/a": it begins with a slash (use --folder q)' put a --folder /q
    assert_refused 'a: cannot be stored as "./q/a": a component is . or .. (use --folder q)' put a --folder ./q/
    assert_refused 'a: cannot be stored as "/q": it begins with a slash (use --name q)' put a --name /q
    assert_refused 'a: cannot be stored as "q/": it ends with a slash (use --folder q)' put a --name q/
    assert_refused 'a: cannot be stored as "//a": it begins with a slash (leave out --folder to store it at the top)' \
        put a --folder /
    assert_refused 'a: cannot be stored as ".": a component is . or .. (leave out --name to store it at the top)' \
        put a --name .
    assert_refused '.: a folder without a name (use -R --folder FOLDER to store what is in it)' put .
    assert_refused '../..: a folder without a name (use -R --folder FOLDER to store what is in it)' put -R ../..
}

@test "put: a folder is taken for what it is" {
    start_fsd
    mkdir -p many/below
    : >many/x
    : >many/below/y
    assert_fails 9 "$FSC" put many/ --folder q
    assert_equal "$stderr" 'fsc: many/: is a local folder (use -R to store what is in it)'
    assert_silent env -C many "$FSC" put -R . --folder q
    assert_equal "$(quiet "$FSC" ls -R)" $'q/below/y\nq/x'
    assert_silent "$FSC" put -R many/below/.. --folder q/
    assert_silent "$FSC" put -R many/./ --folder r
    assert_equal "$(quiet "$FSC" ls -R r)" $'r/below/y\nr/x'
    assert_fails 9 "$FSC" put . --folder q
    assert_equal "$stderr" 'fsc: .: is a local folder (use -R to store what is in it)'
}

@test "get: the last of several that is a local path is refused, and nothing is sent" {
    mkdir here
    assert_refused '/tmp/x/: is a local path, not a name (use --into /tmp/x to fetch into that folder)' get a /tmp/x/
    assert_refused '/: is a local path, not a name (use --into / to fetch into that folder)' get a /
    assert_refused '.: is a local path, not a name (use --into . to fetch into that folder)' get a b .
    assert_refused './b: is a local path, not a name (use --output ./b to write to that file)' get a ./b
    assert_refused '../b: is a local path, not a name (use --into ../b to fetch into that folder)' get a b ../b
    assert_refused 'here: is a folder here (use --into here to fetch into the local folder, or -R to fetch a folder)' \
        get a here
    assert_refused 'x/: not the name of a file (use --into x to fetch into the local folder, or -R to fetch a folder)' \
        get a x/
    assert_refused './: is a local path, not a name (use --into . to fetch into that folder)' get -R a ./
    # Elsewhere, too, names are checked before anything is sent.
    assert_refused '/x: not a valid name: it begins with a slash (use x)' get /x
    assert_refused './x: not a valid name: a component is . or .. (use x)' get --into here a ./x
    assert_refused 'x/: not the name of a file (use -R to fetch a folder)' get x/ a
    assert_refused '.: not a name (for all of the library use: fsc ls | fsc get -R --files-from -)' get -R .
    assert_refused '../x: not a valid name: a component is . or ..' get ../x a
    assert_fails 10 "$FSC" get --into here a here
    assert_fails 10 "$FSC" get -R a here
}

@test "rm, stat: names are checked before anything is sent" {
    assert_refused './x: not a valid name: a component is . or .. (use x)' rm a ./x
    assert_refused '/x: not a valid name: it begins with a slash (use x)' rm a /x
    assert_refused 'x/: not a valid name: it ends with a slash (use x)' rm a x/
    assert_refused '/: not a name (leave it out for the whole library)' rm --match '*' a /
    assert_refused './x/: not a valid name: a component is . or .. (use x)' rm --match '*' ./x/
    assert_refused 'a//b: not a valid name: a component is empty' stat a a//b
    assert_refused '/: is the whole library, not a file (use fsc ls, or fsc status)' stat a /
    assert_refused '..: not a valid name: a component is . or ..' ls a ..
    assert_refused '"": not a valid name: it is empty' ls a ''
    assert_refused '"": not a valid name: it is empty' watch ''
}

@test "ls, stat, watch: / and ./ before a name, or alone, are taken as meant" {
    local name
    start_fsd
    : | "$FSC" put - --name x/y --allow-empty
    for name in / . ./ ././/; do
        assert_equal "$(quiet "$FSC" ls "$name")" x/
        assert_equal "$(quiet "$FSC" watch --existing --count 1 "$name")" x/y
    done
    for name in /x ./x/ .//x; do
        assert_equal "$(quiet "$FSC" ls "$name")" x/y
        assert_equal "$(quiet "$FSC" watch --existing --count 1 "$name")" x/y
    done
    assert_equal "$(quiet "$FSC" stat ./x/y)" "$(quiet "$FSC" stat x/y)"
    printf '%s\n' ./x . >list
    assert_equal "$(quiet "$FSC" ls --files-from list)" $'x/y\nx/'
}

@test "fsc: a word or an option that is misspelled is answered with the nearest one" {
    assert_refused 'lss: no such command; did you mean ls? (see fsc help)' lss
    assert_refused 'xyzzy: no such command (see fsc help)' xyzzy a b
    assert_refused 'prune: no such command; did you mean rm --match PATTERN --keep N? (see fsc help)' prune
    assert_refused 'ls: unknown option --since; did you mean --newer-than? (see fsc help ls)' ls --since 1d
    assert_refused 'put: unknown option --bwlimit; did you mean --limit-rate? (see fsc help put)' put a --bwlimit 1M
    assert_refused 'put: unknown option --stdin-from-command; did you mean --from-command? (see fsc help put)' put --stdin-from-command
    assert_refused 'get: unknown option --silent; did you mean --quiet? (see fsc help get)' get a --silent
    assert_refused 'upload: no such command; did you mean put FILE? (see fsc help)' upload a --replace
    assert_refused 'unknown option -x (see fsc help)' -x upload
    assert_refused 'cat: no such command; did you mean get NAME --output -? (see fsc help)' cat a
    assert_refused 'settngs: no such command or topic; did you mean settings? (see fsc help)' help settngs
    assert_refused '__complet: no such command or topic (see fsc help)' help __complet
    assert_refused 'put: unknown option --replce; did you mean --replace? (see fsc help put)' put f --replce
    assert_refused 'rm: unknown option --older-then=3d; did you mean --older-than? (see fsc help rm)' rm --older-then=3d
    assert_refused 'ls: unknown option --human-readable; did you mean --human? (see fsc help ls)' ls --human-readable
    assert_refused 'unknown option --sever; did you mean --server? (see fsc help)' --sever x ls
    # An option of another command is not one of this.
    assert_refused 'get: unknown option --exclusive (see fsc help get)' get --exclusive x
    # One of another program is.
    assert_refused 'get: unknown option --overwrite; did you mean --force? (see fsc help get)' get --overwrite x
    assert_refused 'put: unknown option -r; did you mean -R? (see fsc help put)' put -r x
    assert_refused 'put: needs FILE...|- (see fsc help put)' put
    assert_refused 'status: takes no operands (see fsc help status)' status x
    assert_refused 'get: --into needs a value: DIR (see fsc help get)' get x --into
}

@test "fsc: -h is help, except after ls" {
    assert_equal "$(quiet "$FSC" -h)" "$(quiet "$FSC" --help)"
    assert_equal "$(quiet "$FSC" put -h)" "$(quiet "$FSC" help put)"
    assert_equal "$(quiet "$FSC" -h ls)" "$(quiet "$FSC" help ls)"
    assert_refused 'ls: -h needs -l (for help, use --help)' ls -h
}

# assert_says CODE TEXT COMMAND...: it exits with CODE and this line.
assert_says() {
    assert_fails "$1" "$FSC" "${@:3}"
    assert_equal "$stderr" "fsc: $2"
}

@test "fsc: messages say which side they are about, and which option helps" {
    local options='(for a pattern use: fsc ls --match PATTERN | fsc get --files-from -)'
    start_fsd
    mkdir -p folder here
    : >folder/x
    echo one >f
    "$FSC" put -R folder
    "$FSC" put f
    echo two >f
    # Names of the library.
    assert_says 3 'f: exists in the library with different content (use --replace to overwrite)' put f
    assert_says 3 'f: exists in the library (--exclusive)' put --exclusive f
    assert_says 3 'f: exists in the library; standard input was not read (--if-same compares it, --replace overwrites)' \
        put - --name f
    assert_says 1 'folder: the library has a folder there, or a file where it needs a folder (use --folder or --name)' \
        put f --name folder
    assert_says 1 'f/y: the library has a folder there, or a file where it needs a folder (use --folder or --name)' \
        put f --name f/y
    assert_says 1 'folder: is a folder, link or special file in the library (use -R to fetch a folder)' \
        get folder --into here
    assert_says 1 "folder: is a folder, link or special file in the library (use -R --match '*' to delete the files in a folder)" \
        rm folder
    assert_says 1 'folder: is a folder in the library (use fsc ls)' stat folder
    assert_says 4 'typo: no such file in the library' get typo
    assert_says 4 'typo: no such file or folder in the library' get -R typo
    assert_says 4 'typo: no such file in the library' rm typo
    assert_says 4 'typo: no such file in the library' stat typo
    assert_says 4 'typo: no such file or folder in the library' ls typo
    assert_says 4 'typo/: no such folder in the library' ls typo/
    assert_says 4 'typo: no such folder in the library' rm --match '*' typo
    assert_says 4 "*.gz: no such file in the library $options" get '*.gz'
    assert_says 4 '*.gz: no such file in the library (use --match for a pattern)' rm '*.gz'
    assert_says 4 'folder/?: no such file or folder in the library (use --match for a pattern)' ls 'folder/?'
    assert_says 2 "rm: --recursive needs --match PATTERN, such as '*' for all files" rm -R folder
    # Local files.
    assert_says 9 'typo: no such file here' put typo
    assert_says 9 'folder: is a local folder (use -R to store what is in it)' put folder
    assert_says 9 './folder: is a local folder (use --into ./folder to fetch into it, or -R to fetch a folder)' \
        get f --output ./folder
    assert_says 3 'f: exists here with different content (use --force to overwrite)' get f
}

@test "ls: an empty library is not a failure" {
    local name
    start_fsd
    for name in / . ./; do
        assert_silent "$FSC" ls "$name"
        assert_silent "$FSC" ls --match '*' "$name"
    done
    assert_says 4 'x: no such file or folder in the library' ls ./x
}

@test "put -R: of one kind of failure ten lines are printed, and the number of the others" {
    local number
    start_fsd
    mkdir tree
    for number in {101..140}; do ln -s x "tree/link $number"; done
    for number in {1..10}; do mkfifo "tree/fifo $number"; done
    for number in {1..12}; do : >"tree/new"$'\n'"line $number"; done
    echo hello >tree/file
    run --separate-stderr "$FSC" put -R tree
    assert_equal "$status $output" '9 '
    assert_equal "$(quiet "$FSC" ls -R)" tree/file
    assert_equal "$(grep -c '^fsc: tree/fifo .*: is neither a file nor a folder (use --specials .*' <<<"$stderr")" 10
    assert_equal "$(grep -c '^fsc: tree/link .*: is a symbolic link, which is not followed (use --links .*' <<<"$stderr")" 10
    assert_equal "$(grep -c '^fsc: tree/new?line .*: cannot be stored as "tree/new?line .*": it contains a control character$' <<<"$stderr")" 10
    assert_equal "${stderr_lines[*]: -2}" 'fsc: and 30 more: is a symbolic link, which is not followed (use --links skip or --links follow) fsc: and 2 more: cannot be stored as ...: it contains a control character'
    assert_equal "${#stderr_lines[@]}" 32
    # Reports leave nothing out.
    run --separate-stderr "$FSC" put -R tree --json
    assert_equal "$status ${#lines[@]} ${#stderr_lines[@]}" '9 63 32'
    # The failures of ls --sums and rm are counted, too.
    "$FSC" put - --name x/y --allow-empty </dev/null
    yes x | head -n 11 >list
    run --separate-stderr "$FSC" rm --files-from list
    assert_equal "$status ${#stderr_lines[@]}" '1 11'
    assert_regex "${stderr_lines[10]}" '^fsc: and 1 more: is a folder, link or special file in the library'
    { yes '' | head -n 12; echo; } >list
    run --separate-stderr "$FSC" stat --files-from list
    assert_equal "$status ${#stderr_lines[@]}" '2 11'
    assert_equal "${stderr_lines[9]} ${stderr_lines[10]}" 'fsc: list: line 10: is empty fsc: and 3 more: is empty'
}

@test "--files-from: failures without a line are counted before it waits for more of the list" {
    start_fsd
    mkfifo list
    "$FSC" put --files-from list 2>errors 3>&- &
    exec 4>list
    # In one write, which the shell's own printf does not do.
    printf 'missing%s\n' {1..12} >missing
    cat missing >&4
    await_count errors 11
    assert_equal "$(tail -n 1 errors)" 'fsc: and 2 more: no such file here'
    echo another >&4
    await_count errors 12
    assert_equal "$(tail -n 1 errors)" 'fsc: another: no such file here'
    exec 4>&-
    run wait $!
    assert_equal "$(wc -l <errors)" 12
}
