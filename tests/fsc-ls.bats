#!/usr/bin/env bats
# fsc ls: names as a script wants them, and none that the server had no right to send.
# bats file_tags=once

load library
load fsc

# A daemon with files in the library, some of them in folders.
start_with_files() {
    local name
    for name in b a B a.gz .hidden ä 'with space' 10% folder/a.gz folder/b folder/deep/c.gz \
        folder-x/a other/d.gz; do
        mkdir -p "$LIBRARY/$(dirname "$name")"
        printf '%s' "$name" >"$LIBRARY/$name"
    done
    mkdir "$LIBRARY/none"
    start_fsd
}

# assert_lists LISTING ARGUMENT...: fsc ls ARGUMENT... prints just this listing.
assert_lists() {
    local listing=$1
    shift
    run --separate-stderr "$FSC" ls "$@"
    assert_equal "$status $stderr" '0 '
    assert_output "$listing"
}

@test "ls: an empty library" {
    start_fsd
    assert_silent "$FSC" ls
    assert_silent "$FSC" ls -l
    assert_silent "$FSC" ls -R
    assert_silent "$FSC" ls -U
    assert_silent "$FSC" ls --match '*'
}

@test "ls: names are sorted by bytes, whatever the locale" {
    local locale
    start_with_files
    for locale in C C.UTF-8 en_US.UTF-8 nonsense; do
        LC_ALL=$locale assert_lists '.hidden
10%
B
a
a.gz
b
folder-x/
folder/
none/
other/
with space
ä'
    done
}

# bats test_tags=client
@test "ls: -R lists all files below, and no folders" {
    start_with_files
    assert_lists '.hidden
10%
B
a
a.gz
b
folder-x/a
folder/a.gz
folder/b
folder/deep/c.gz
other/d.gz
with space
ä' -R
    assert_lists 'folder/a.gz
folder/b
folder/deep/c.gz' folder --recursive
    assert_fails 4 "$FSC" ls -R none
}

@test "ls: -U lists the same names" {
    start_with_files
    "$FSC" ls -R >sorted
    quiet "$FSC" ls -UR | LC_ALL=C sort | cmp - sorted
    quiet "$FSC" ls --unsorted -R folder other | wc -l >count
    assert_equal "$(cat count)" 4
}

@test "ls: folders, with and without a slash at their end" {
    start_with_files
    local slash
    for slash in '' /; do
        assert_lists 'folder/a.gz
folder/b
folder/deep/' "folder$slash"
        assert_lists folder/deep/c.gz "folder/deep$slash"
        assert_fails 4 "$FSC" ls "none$slash"
        assert_fails 4 "$FSC" ls "nothing$slash"
    done
}

@test "ls: the name of a file" {
    start_with_files
    assert_lists a a
    assert_lists folder/deep/c.gz folder/deep/c.gz
    assert_lists 10% 10%
    assert_lists a a -R
    assert_fails 4 "$FSC" ls a/
    assert_fails 4 "$FSC" ls a/below
    run quiet "$FSC" ls -l folder/b
    assert_output --regexp '^            8 20[0-9]{2}-[0-9T:-]{14}Z folder/b$'
}

@test "ls: several operands, one after the other" {
    start_with_files
    assert_lists 'folder/a.gz
folder/b
folder/deep/
a
a' folder a a
    printf '%s\n' a ../b folder/deep .fsd >list
    run --separate-stderr "$FSC" ls --files-from list
    assert_equal "$status" 2
    assert_output 'a
folder/deep/c.gz'
    assert_equal "${#stderr_lines[@]}" 2
    assert_regex "${stderr_lines[0]}" '^fsc: \.\./b: '
    assert_regex "${stderr_lines[1]}" '^fsc: \.fsd: '
}

@test "ls: -l shows size and time" {
    start_with_files
    touch -d 2001-02-03T04:05:06.789Z "$LIBRARY/a"
    touch -d @0 "$LIBRARY/b"
    truncate -s 1234567890123 "$LIBRARY/folder/large"
    touch -d 2099-12-31T23:59:59Z "$LIBRARY/folder/large"
    run quiet "$FSC" ls -l a b folder/large
    assert_output '            1 2001-02-03T04:05:06Z a
            1 1970-01-01T00:00:00Z b
1234567890123 2099-12-31T23:59:59Z folder/large'
    run quiet env TZ=Asia/Tokyo "$FSC" ls --long a
    assert_output '            1 2001-02-03T04:05:06Z a'
    run quiet "$FSC" ls -l folder
    assert_line '            -                    - folder/deep/'
    run quiet "$FSC" ls -lR folder-x
    assert_output --regexp '^           10 [^ ]{20} folder-x/a$'
}

@test "ls: -h shows human sizes, only with -l" {
    local size shown
    start_fsd
    while read -r size shown; do
        truncate -s "$size" "$LIBRARY/$shown"
    done <<'SIZES'
0 0
1023 1023
1024 1.0K
1536 1.5K
10188 9.9K
10189 10K
1047552 1023K
1048576 1.0M
21000000 20M
SIZES
    # So near to the next unit that it would be shown as 1024 of this one.
    truncate -s 1048575 "$LIBRARY/1.0M-"
    run quiet "$FSC" ls -lh
    assert_equal "$(awk '$1 != $3' <<<"${output/1.0M-/1.0M}")" ''
    assert_equal "${#lines[@]}" 10
    assert_fails 2 "$FSC" ls -h
    assert_regex "$stderr" '--help'
}

@test "ls: -t, -S and -r" {
    start_fsd
    printf 333 >"$LIBRARY/a"
    printf 22 >"$LIBRARY/b"
    printf 22 >"$LIBRARY/c"
    printf 4444 >"$LIBRARY/d"
    mkdir "$LIBRARY/empty"
    touch -d @1000000000.5 "$LIBRARY/a" "$LIBRARY/b"
    touch -d @1000000000.500000001 "$LIBRARY/c"
    touch -d @0 "$LIBRARY/d"
    assert_lists $'c\na\nb\nd\nempty/' -t
    assert_lists $'empty/\nd\nb\na\nc' -tr
    assert_lists $'d\na\nb\nc\nempty/' -S
    assert_lists $'empty/\nc\nb\na\nd' --largest --reverse
    assert_lists $'empty/\nd\nc\nb\na' -r
    run quiet "$FSC" ls -lt
    assert_line --index 0 --regexp ' c$'
    assert_fails 2 "$FSC" ls -tS
    assert_fails 2 "$FSC" ls -Ut
    assert_fails 2 "$FSC" ls -US
    assert_fails 2 "$FSC" ls -Ur
}

@test "ls: -0 ends names with NUL" {
    local option
    start_with_files
    for option in '' -U -l; do
        # shellcheck disable=SC2086
        "$FSC" ls -R $option >lines
        # shellcheck disable=SC2086
        quiet "$FSC" ls -0R $option | tr '\0\n' '\n?' | cmp - lines
    done
}

# assert_json LINES ARGUMENT...: fsc ls --json ARGUMENT... prints lines which Python reads as these.
assert_json() {
    local expected=$1
    shift
    run quiet bash -c '"$@" | python3 -c "import json, sys
for line in sys.stdin:
    print(sorted(json.loads(line).items()))"' - "$FSC" ls --json "$@"
    assert_output "$expected"
}

# bats test_tags=client
@test "ls: --json" {
    local digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 option
    start_fsd
    mkdir "$LIBRARY/folder"
    printf hello >"$LIBRARY/quote\"back\\slash"
    touch -d @1000000000.25 "$LIBRARY/quote\"back\\slash"
    : >"$LIBRARY/ü"
    touch -d @0 "$LIBRARY/ü"
    printf hello >hello
    assert_silent "$FSC" put hello --name stored/hello
    for option in '' -U; do
        # shellcheck disable=SC2086
        run quiet "$FSC" ls --json stored $option
        assert_output --regexp "^\\{\"name\":\"stored/hello\",\"type\":\"file\",\"size\":5,\"mtime\":\"20[0-9]{2}-[0-9T:-]{14}Z\",\"mtime_ns\":[0-9]{1,9},\"digest\":\"$digest\",\"by\":\"(user|key):[^\"]+\"\\}\$"
    done
    assert_json "[('name', 'folder/'), ('type', 'folder')]
[('mtime', '2001-09-09T01:46:40Z'), ('mtime_ns', 250000000), ('name', 'quote\"back\\\\slash'), ('size', 5), ('type', 'file')]
[('name', 'stored/'), ('type', 'folder')]
[('mtime', '1970-01-01T00:00:00Z'), ('mtime_ns', 0), ('name', 'ü'), ('size', 0), ('type', 'file')]"
    assert_fails 4 "$FSC" ls --json nothing
    assert_fails 2 "$FSC" ls --json -l
}

@test "ls, stat, watch: mtime in JSON has whole seconds, and mtime_ns the rest" {
    local command time
    start_fsd
    for time in 1 1.5 1.000000001 1.999999999; do
        touch -d "@$time" "$LIBRARY/$time"
    done
    for command in ls 'stat 1 1.000000001 1.5 1.999999999' 'watch --existing --count 4'; do
        # shellcheck disable=SC2086
        run --separate-stderr "$FSC" $command --json
        assert_equal "$status $stderr" '0 '
        assert_equal "$(grep -o '"name":"[^"]*"\|"mtime":"[^"]*"\|"mtime_ns":[0-9]*' <<<"$output" | paste - - - | sort)" \
            "$(printf '"name":"%s"\t"mtime":"1970-01-01T00:00:01Z"\t"mtime_ns":%s\n' 1 0 1.000000001 1 1.5 500000000 1.999999999 999999999 | sort)"
    done
    # For people, stat prints one time.
    run --separate-stderr "$FSC" stat 1.5
    assert_line 'mtime: 1970-01-01T00:00:01.5Z'
}

@test "ls: what a server says about a file cannot break JSON" {
    cat >script <<'SCRIPT'
> LIST details=1
< OK
< 19\na by=%0A\xff"\xc2\x9b\\%7F\xc3\xa9\n
< 25\nb mtime=253402300799.001\n
< 21\nc mtime=253402300800\n
< END
SCRIPT
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script "$FSC" ls --json
    assert_equal "$status $stderr" '0 '
    assert_output '{"name":"a","type":"file","by":"\u000a\ufffd\u0022\u009b\u005c\u007fé"}
{"name":"b","type":"file","mtime":"9999-12-31T23:59:59Z","mtime_ns":1000000}
{"name":"c","type":"file"}'
    printf '> LIST details=1\n< OK\n< 17\\na digest=sha256:\\n\n>.\n' >script
    assert_fails 1 "$TESTS/fake_server" "$SOCKET" script "$FSC" ls --json
}

@test "ls: --fail-empty" {
    start_with_files
    assert_fails 4 "$FSC" ls --fail-empty nothing
    assert_fails 5 "$FSC" ls --fail-empty --missing-ok nothing
    assert_equal "$stderr" 'fsc: nothing: no files'
    assert_fails 5 "$FSC" ls --fail-empty -R --match '*.zip' folder
    assert_equal "$stderr" 'fsc: folder: no files'
    assert_fails 4 "$FSC" ls --fail-empty -R --match '*.zip' typo
    assert_fails 5 "$FSC" ls --fail-empty --missing-ok -R --match '*.zip' typo
    assert_fails 5 "$FSC" ls --fail-empty -U --match '*.zip'
    assert_fails 5 "$FSC" ls --fail-empty --json --match '*/*/*/*'
    assert_lists a a --fail-empty
    run --separate-stderr "$FSC" ls --fail-empty --missing-ok nothing a
    assert_equal "$status $output ${#stderr_lines[@]}" '5 a 1'
}

@test "ls: a NAME under which there is nothing is not found, unless --missing-ok" {
    local option
    start_with_files
    for option in '' -R -U -l --json --sums; do
        # shellcheck disable=SC2086
        assert_fails 4 "$FSC" ls $option typo
        assert_equal "$stderr" 'fsc: typo: no such file or folder in the library'
        # shellcheck disable=SC2086
        assert_silent "$FSC" ls $option --missing-ok typo none a/below
    done
    run --separate-stderr "$FSC" ls a typo folder/deep typo/ B
    assert_equal "$status $output" $'4 a\nfolder/deep/c.gz\nB'
    assert_equal "$stderr" $'fsc: typo: no such file or folder in the library\nfsc: typo/: no such folder in the library'
    assert_silent "$FSC" ls --match '*.zip'
    assert_silent "$FSC" ls --match '*.zip' folder folder/
    for option in typo typo/ a folder/b none a/below; do
        assert_fails 4 "$FSC" ls --match '*.zip' "$option"
        assert_equal "$stderr" "fsc: $option: no such folder in the library"
        assert_silent "$FSC" ls --match '*.zip' --missing-ok "$option"
    done
    assert_fails 4 "$FSC" ls -R --match '*' a
    printf 'a\ntypo\n' >list
    run --separate-stderr "$FSC" ls --files-from list
    assert_equal "$status $output $stderr" '4 a fsc: typo: no such file or folder in the library'
}

@test "ls: whether a folder is there is asked on the same connection, unless its listing is long" {
    assert_silent fake "$FSC" ls --match 'x*' a b/ <<'SCRIPT'
> LIST a match=x*
< EMPTY
> LIST a/
< OK
< 4\na/y\n
< END
> LIST b/ match=x*
< OK
< END
> LIST b/
< OK
<20000 4\nb/y\n
>.
SCRIPT
    printf '> LIST a match=x*\n< EMPTY\n> LIST a/\n< FAIL unavailable\n' >script
    assert_fails 12 "$TESTS/fake_server" "$SOCKET" script "$FSC" ls --match 'x*' a
    use_settings 'retry = 1; limits = { pause = "1ms"; };'
    printf '<.\n> LIST a/\n< OK\n< 4\\na/b\\n\n< END\n' >>script
    assert_silent "$TESTS/fake_server" "$SOCKET" script "$FSC" ls --match 'x*' a
}

@test "ls: --fail-empty counts a body without a line as empty" {
    assert_fails 5 fake "$FSC" ls --fail-empty <<<$'> LIST\n< OK\n< END'
}

# bats test_tags=client
@test "ls: --match" {
    start_with_files
    assert_lists a.gz --match '*.gz'
    assert_lists 'B
a
b
ä' --match '?'
    assert_lists 'B
a
b' --match '[aBb]'
    assert_lists 'B
b
ä' --match '[!a]'
    assert_lists 'B
b
ä' --match '[^a]'
    assert_lists B --match '[[:upper:]]'
    assert_lists '10%
B
ä' --match '[^[:lower:].]*'
    assert_lists a.gz --match '\a.*'
    assert_lists 'folder/a.gz
other/d.gz' --match '*/*.gz'
    assert_lists folder/deep/c.gz --match 'f*/*/*'
    assert_lists folder/a.gz --match '*.gz' folder
    assert_lists 'a.gz
folder/a.gz
folder/deep/c.gz
other/d.gz' -R --match '*.gz'
    assert_lists 10% --match '*%'
    assert_lists 'with space' --match '* *'
    assert_silent "$FSC" ls --match '*.zip'
    assert_silent "$FSC" ls --match a=b
}

@test "ls: --sums prints what sha256sum -c takes" {
    local name
    start_fsd
    mkdir tree there
    for name in a 'with  two spaces' '*star' ä '\backslash' 'a\\nb' 'deep\er/x'; do
        mkdir -p "tree/$(dirname "$name")"
        printf '%s' "$name" >"tree/$name"
    done
    assert_silent "$FSC" put -R tree
    # One without a record, and one of which it holds no more.
    printf hand >"$LIBRARY/tree/by hand"
    chmod u+w "$LIBRARY/tree/a"
    printf changed >"$LIBRARY/tree/a"
    chmod u-w "$LIBRARY/tree/a"
    quiet "$FSC" ls -R --sums tree >sums
    (cd "$LIBRARY" && find tree -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | cmp - sums
    assert_silent "$FSC" get -R tree --into there
    run quiet env -C there sha256sum --strict -c ../sums
    assert_success
    assert_equal "${#lines[@]}" 8
    # That it compares is seen when a byte differs.
    printf hans >"there/tree/by hand"
    run env -C there sha256sum --quiet -c ../sums
    assert_failure

    # Folders have no sums; sorting is that of ls.
    mv "$LIBRARY/tree" "$LIBRARY/t"
    assert_silent "$FSC" ls --sums
    quiet "$FSC" ls --sums -r t | sed -E 's/^.{66}//' | head -n 2 >names
    run cat names
    assert_output $'t/ä\nt/with  two spaces'
    assert_lists "$(printf hand | sha256sum | sed 's/-$/t\/by hand/')" --sums 't/by hand'
    assert_fails 4 "$FSC" ls --sums nothing
    assert_fails 5 "$FSC" ls --sums --fail-empty --match nothing
}

# bats test_tags=client
@test "ls: every legal name survives on its way to other programs" {
    local names=(- -- -c --into ' lead' 'trail ' '  ' '#x' '*x' $'\\' $'a\\' '\n' 'SHA256 (a) = b' '%s' '$(id)' '`id`' '"' "'"
        '~' '!x' '[a]' '?' ü 'a: OK' '=' 'a=b' '&' ';' '|' $'\u202e' '😀') name
    start_fsd
    mkdir tree there listed null got
    for name in "${names[@]}"; do
        printf '%s' "$name" >"tree/$name"
    done
    (cd tree && find . -type f -printf '%P\0' | sed -z 's|^|./|' | quiet "$FSC" put -0 --files-from -)
    # sha256sum -c would read standard input for "-".
    quiet "$FSC" ls --sums >sums
    assert_equal "$(wc -l <sums)" "${#names[@]}"
    cp sums input
    (cd tree && sha256sum --strict -c ../sums <../input >/dev/null)
    assert_equal "$(grep -c '  \./-$' sums)" 1
    # What ls prints are operands of fsc, as lines, with NUL, and as JSON.
    quiet "$FSC" ls | quiet "$FSC" get --files-from - --into listed
    diff -r tree listed
    quiet "$FSC" ls -0 | quiet "$FSC" get -0 --files-from - --into null
    diff -r tree null
    quiet "$FSC" ls | (cd got && xargs -d '\n' "$FSC" get --)
    diff -r tree got
    quiet "$FSC" ls -l | cut -c 36- | cmp - <(quiet "$FSC" ls)
    quiet "$FSC" ls --json | python3 -c 'import json, sys
for line in sys.stdin: print(json.loads(line)["name"])' | cmp - <(quiet "$FSC" ls)
    quiet "$FSC" ls | quiet "$FSC" stat --files-from - | sed -n 's/^name: //p' | cmp - <(quiet "$FSC" ls)
    quiet "$FSC" watch --existing --count "${#names[@]}" | LC_ALL=C sort | cmp - <(quiet "$FSC" ls)
    quiet "$FSC" rm --match '*' --dry-run | cmp - <(quiet "$FSC" ls)
    quiet "$FSC" ls -0 | quiet "$FSC" rm -0 --files-from -
    assert_silent "$FSC" ls
}

@test "ls: --sums cannot be combined with --json, -l, -U or -0" {
    local option
    # Nobody listens: a connection would be exit code 10.
    for option in --json -l -U -0; do
        assert_fails 2 "$FSC" ls --sums "$option"
    done
}

@test "ls: --sums fetches files without a digest over the same connection, and continues after a failure" {
    cat >script <<SCRIPT
> LIST details=1
< OK
< 104\na\nb\nc\nd digest=sha256:d\{64}\nfolder/\ngone\n
< END
> GET a
< OK size=5 mtime=1
< 5\nhello
< END digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
> GET b
< FAIL denied no
> GET c
< OK size=5 mtime=1
< 5\njello
< END digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
> GET gone
< FAIL not-found
SCRIPT
    sed -i "s/^< 104/< $(printf '%b' 'a\nb\nc\nd digest=sha256:'"$(printf '%064d' 0)"'\nfolder/\ngone\n' | wc -c)/" script
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script "$FSC" ls --sums
    assert_equal "$status ${#stderr_lines[@]}" '6 3'
    assert_output "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  a
$(printf 'd%.0s' {1..64})  d"
    assert_equal "$stderr" 'fsc: b: no
fsc: c: the content does not match its digest (the file may be damaged in the library; fsd-scrub(8) there checks it)
fsc: gone: no such file in the library'
}

@test "ls: patterns and names that are refused" {
    local name
    # Nobody listens: a connection would be exit code 10.
    assert_fails 2 "$FSC" ls --match ''
    assert_fails 2 "$FSC" ls --match "$(printf '%05000d' 0)"
    # What would match nothing, or be taken literally, or mean something only in some places.
    for name in '[a' 'a[' '[!]' '[a/]' '[[:digits:]]' '[:digit:]*' '[[.-.]]' '[[=a=]]' '[!z-a]' $'a\\' \
        'a\/b' $'\xff*' /a '*/' a//b '**/'; do
        assert_fails 2 "$FSC" ls --match "$name"
        assert_regex "$stderr" '^fsc: ls: --match: '
    done
    assert_fails 2 "$FSC" ls --match 'a['
    assert_equal "$stderr" \
        'fsc: ls: --match: a "[" has no "]" (write "\[" to match the character)'
    # The last component has no slash.
    assert_fails 2 "$FSC" ls -R --match 'a/*'
    assert_fails 2 "$FSC" ls --output x
    for name in '' .. a// a/../b .fsd .fsd/ $'a\nb' $'\x1b' $'\xc2\x80' $'\xff' \
        "$(printf '%0256d' 0)"; do
        assert_fails 2 "$FSC" ls -- "$name"
        refute_regex "$stderr" "$(printf '[\x01-\x1f\x7f]')"
    done
}

@test "ls: a pattern that makes the request too long" {
    echo 'limits = { pattern = 4096; };' >"$CONFIG"
    start_fsd
    assert_fails 2 "$FSC" ls --match "$(printf '%.0s ' {1..1400})"
    assert_silent "$FSC" ls --match "$(printf '%.0s ' {1..1300})"
}

# bats test_tags=client
@test "ls: a long listing" {
    start_fsd
    mkdir "$LIBRARY/many"
    (cd "$LIBRARY/many" && seq -f 'file with a name, number %05.0f' 2000 | xargs -d '\n' touch)
    seq -f 'many/file with a name, number %05.0f' 2000 >expected
    quiet "$FSC" ls many | cmp - expected
    quiet "$FSC" ls -l many | cut -c 36- | cmp - expected
    quiet "$FSC" ls -U many | LC_ALL=C sort | cmp - expected
}

@test "ls: standard output that cannot be written" {
    local option
    start_fsd
    (cd "$LIBRARY" && seq -f 'file with a long, long, long, long name %05.0f' 2000 |
        xargs -d '\n' touch)
    for option in -l -U; do
        run --separate-stderr bash -c '"$1" ls "$2" >/dev/full' - "$FSC" "$option"
        assert_equal "$status ${#stderr_lines[@]}" '9 1'
        run --separate-stderr bash -c '"$1" ls "$2" >&-' - "$FSC" "$option"
        assert_equal "$status ${#stderr_lines[@]}" '9 1'
        # Who reads no further wants no words about it.
        run --separate-stderr bash -c 'set -o pipefail; "$1" ls "$2" | head -n 1' - "$FSC" "$option"
        assert_equal "$status ${#lines[@]} $stderr" '141 1 '
        run --separate-stderr bash -c 'trap "" PIPE; set -o pipefail
            "$1" ls "$2" | head -n 1' - "$FSC" "$option"
        assert_equal "$status ${#lines[@]} $stderr" '9 1 '
    done
    rm -r "${LIBRARY:?}"/file*
    printf x >"$LIBRARY/one"
    run --separate-stderr bash -c '"$1" ls >/dev/full' - "$FSC"
    assert_equal "$status ${#stderr_lines[@]}" '9 1'
}

@test "ls: standard output that fails in the middle of a long listing" {
    # More than fsc gathers before it writes.
    cat >script <<'SCRIPT'
> LIST
< OK
<10000 101\na\{100}\n
< END
>.
SCRIPT
    assert_fails 9 "$TESTS/fake_server" "$SOCKET" script bash -c '
        exec "$1" ls -U >/dev/full' - "$FSC"
    # A FIFO that had a reader.
    mkfifo fifo
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c 'trap "" PIPE
        exec 5<>fifo 4>fifo 5>&- && exec "$1" ls -U >&4' - "$FSC"
    assert_equal "$status $output$stderr" '9 '
}

# bats test_tags=client
@test "ls: a slow reader of a non-blocking pipe loses nothing" {
    local option
    start_fsd
    (cd "$LIBRARY" && seq -f 'file with a name, number %05.0f' 5000 | xargs -d '\n' touch)
    seq -f 'file with a name, number %05.0f' 5000 >expected
    for option in -l -U; do
        # It reads a page whenever the pipe is full.
        run --separate-stderr python3 - "$FSC" ls "$option" <<'PYTHON'
import fcntl, os, select, subprocess, sys
reader, writer = os.pipe2(os.O_NONBLOCK)
fcntl.fcntl(writer, 1031, 4096)  # F_SETPIPE_SZ
fsc = subprocess.Popen(sys.argv[1:], stdout=writer)
ended = False
with open('listed', 'wb') as listed:
    while not ended or select.select([reader], [], [], 0)[0]:
        ended = fsc.poll() is not None
        if ended or not select.select([], [writer], [], 0)[1]:
            try:
                listed.write(os.read(reader, 4096))
            except BlockingIOError:
                pass
        select.select([], [], [], 0.001)
sys.exit(fsc.returncode)
PYTHON
        assert_equal "$status $output$stderr" '0 '
        grep -o 'file.*' listed | LC_ALL=C sort | cmp - expected
    done
}

# assert_listings CODE ARGUMENT...: for each line of stdin a server answers fsc ls ARGUMENT... with
# OK, an item that holds the line and LF, and END; fsc exits with CODE, 0 silently, else after one
# line.
assert_listings() {
    local code=$1 text
    shift
    cat >listings
    while IFS= read -r text; do
        # The item's length is that of the bytes that the escapes stand for.
        printf '> LIST*\n< OK\n< %d\n< %s\\n\n< END\n>.\n<.\n' \
            "$(printf '%b' "$text\\n" | wc -c)" "$text"
    done <listings >script
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c 'while IFS= read -r text; do
        "$@" >listed 2>errors
        echo "$? $(grep -c "^fsc: " errors): $text"
        [ "$(wc -l <errors)" -le 1 ] || cat errors >&2
        ! grep -aq "[[:cntrl:]]" errors listed || echo "a control character" >&2
    done <listings' - "$FSC" ls "$@"
    assert_equal "$stderr" ''
    if [ "$code" -eq 0 ]; then
        assert_output "$(sed 's/^/0 0: /' listings)"
    else
        assert_output "$(sed "s/^/$code 1: /" listings)"
    fi
}

@test "ls: every line that a server may send is accepted" {
    assert_listings 0 <<'LISTINGS'
a
%20
a%25%3D%20b
folder/
a size=5
a size=0 mtime=1.5 digest=sha256:1 by=user:root later=thing
a mtime=253402300799
a\r
folder/\r
a size=5 mtime=1.5\r
LISTINGS
}

@test "ls: forbidden names from a server are a breach" {
    assert_listings 1 <<'LISTINGS'
..
.
/
/a
../a
a/../b
a//
a//b
.fsd
.fsd/
.nfs1
a%0Ab
a%1Bb
\x1b
\x7f
%7F
\xc2\x9b
\xff
LISTINGS
}

@test "ls: malformed lines are a breach" {
    assert_listings 1 <<'LISTINGS'
\x20

a\x20
 a
a  b=c
size=5
a%2Fb
a%0ab
a%
a=b=c
a size=5 size=5
a size=
a size=-5
a size=05
a size=5k
a size=9223372036854775808
a mtime=
a mtime=x
a mtime=1.
a mtime=1.1234567890
LISTINGS
}

@test "ls: a line with two names is a breach" {
    assert_listings 1 <<<'a b'
}

@test "ls: names that were not asked for are a breach" {
    assert_listings 1 folder <<'LISTINGS'
a
folder-x/a
folde
other/a
FOLDER/a
LISTINGS
    assert_listings 1 folder -U <<<a
    assert_listings 0 folder <<'LISTINGS'
folder
folder/a
folder/deep/
LISTINGS
}

@test "ls: folders that were not asked for are a breach" {
    assert_listings 1 folder <<<folder/
    assert_listings 1 -R <<<folder/
    assert_listings 1 --match '*' <<<folder/
    assert_listings 0 -R <<<folder/a
    assert_listings 0 --match '*/*' <<<folder/a
}

@test "ls: deeper names are a breach without -R or --match" {
    assert_listings 1 <<'LISTINGS'
a/b
a/b/
LISTINGS
    assert_listings 1 folder <<'LISTINGS'
folder/a/b
folder/a/b/
LISTINGS
}

@test "ls: nothing of a listing that broke off is shown, except with -U" {
    local code end
    while read -r code end; do
        printf '> LIST\n< OK\n< 2\\na\\n\n< %s\n<.\n' "$end" >script
        assert_fails "$code" "$TESTS/fake_server" "$SOCKET" script "$FSC" ls
    done <<'ENDS'
10 \
10 3\nb\
12 ABORT unavailable
1 END x
1 2\nb\nb
ENDS
    run --separate-stderr fake "$FSC" ls -U <<'SCRIPT'
> LIST
< OK
< 2\na\n
<.
SCRIPT
    assert_equal "$status $output ${#stderr_lines[@]}" '10 a 1'
}

@test "ls: what came of a listing that the server could not complete is shown, and exits 1" {
    local option first incomplete='ABORT incomplete the server cannot read x/ (and 2 more): Permission denied'
    cat >with-sums <<SCRIPT
> LIST*
< OK
< 83\na digest=sha256:$(printf '%064d' 0)\nb\n
< $incomplete
> GET b
< OK size=0 mtime=1
< END digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
SCRIPT
    for option in '' -U -r -l -S --json --sums; do
        if [ "$option" = --sums ]; then cat with-sums; else sed '/^> GET/,$d' with-sums; fi >script
        # shellcheck disable=SC2086
        run --separate-stderr "$TESTS/fake_server" "$SOCKET" script "$FSC" ls --fail-empty $option
        assert_equal "$status $stderr" '1 fsc: ls: the server cannot read x/ (and 2 more): Permission denied'
        assert_equal "${#lines[@]}" 2
        first=a
        [ "$option" != -r ] || first=b
        assert_line --index 0 --regexp "\\b$first\\b"
    done
    assert_fails 1 fake "$FSC" ls <<<$'> LIST\n< FAIL incomplete the server cannot read x/: Permission denied'
    assert_equal "$stderr" 'fsc: ls: the server cannot read x/: Permission denied'
    # What came is still checked, and the other operands are tried on the same connection.
    assert_fails 1 fake "$FSC" ls <<SCRIPT
> LIST
< OK
< 4\na\na\n
< $incomplete
SCRIPT
    assert_equal "$stderr" 'fsc: a: the server listed it twice'
    use_settings 'retry = 2;'
    run --separate-stderr fake "$FSC" ls x y <<SCRIPT
> LIST x
< OK
< 4\nx/a\n
< $incomplete
> LIST y
< OK
< 2\ny\n
< END
SCRIPT
    assert_equal "$status $output $stderr" $'1 x/a\ny fsc: x: the server cannot read x/ (and 2 more): Permission denied'
}

# bats test_tags=client
@test "ls: a folder that the daemon may not read hides nothing else" {
    local option long
    use_other_user
    long=$(printf '%0250d/%0250d/%0250d/%0250d' 1 2 3 4)
    mkdir -p "$LIBRARY"/{open,closed} "$LIBRARY/$long"
    echo hello >"$LIBRARY/open/file"
    chmod 0 "$LIBRARY"/{closed,"$long"}
    FSD_EXPECTED='^level=warning msg="cannot read" '
    start_fsd
    run --separate-stderr "$FSC" ls
    assert_equal "$status $stderr $(tail -n 2 <<<"$output")" $'0  closed/\nopen/'
    for option in -R -UR -lR --json\ -R --sums\ -R '--match=*/*'; do
        # shellcheck disable=SC2086
        run --separate-stderr "$FSC" ls $option
        assert_equal "$status ${#lines[@]} ${#stderr_lines[@]}" '1 1 1'
        assert_output --partial open/file
    done
    assert_fails 1 "$FSC" ls closed
    assert_equal "$stderr" 'fsc: closed: the server cannot read closed/: Permission denied'
    rmdir "$LIBRARY/closed"
    # A name of any length is named.
    run --separate-stderr "$FSC" ls -R
    assert_equal "$status $output" '1 open/file'
    assert_equal "$stderr" "fsc: ls: the server cannot read $long/: Permission denied"
}

@test "ls: a last line without an end and a line that is too long are a breach" {
    assert_fails 1 fake "$FSC" ls <<'SCRIPT'
> LIST
< OK
< 3\na\nb
< END
>.
SCRIPT
    assert_fails 1 fake "$FSC" ls <<'SCRIPT'
> LIST
< OK
< 5000\na\{5000}
< END
>.
SCRIPT
}

@test "ls: items may be cut anywhere" {
    run --separate-stderr fake "$FSC" ls <<'SCRIPT'
> LIST
< WAIT\nOK later=thing
< 1\nb
< 1\nb
< WAIT
< 2\n%2
< 4\n0b\na
< 1\n\n
< END
SCRIPT
    assert_equal "$status $stderr" '0 '
    assert_output 'a
bb b'
}

@test "ls: answers that do not belong to LIST are a breach" {
    local answer
    for answer in HELLO EXISTS FAIL ' OK' 'OK  x' 'OK\x07'; do
        printf '> LIST\n< %s\n>.\n' "$answer" >script
        assert_fails 1 "$TESTS/fake_server" "$SOCKET" script "$FSC" ls
    done
}

@test "ls: names take 64 MiB at most, and -U takes none" {
    # 67,000 names of 1000 bytes.
    cat >script <<'SCRIPT'
> LIST deep=1
< OK
<67000 1001\na\{250}/b\{250}/c\{250}/d\{247}\n
< END
>.
SCRIPT
    assert_fails 1 "$TESTS/fake_server" "$SOCKET" script "$FSC" ls -R
    assert_regex "$stderr" '-U'
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c '"$1" ls -RU | wc -l' - \
        "$FSC"
    assert_equal "$status $stderr $output" '0  67000'
}

@test "ls: -U takes hardly any memory, however long the listing is" {
    skip_when_sanitized 'what a program takes'
    cat >script <<'SCRIPT'
> LIST deep=1
< OK
<66000 1001\na\{250}/b\{250}/c\{250}/d\{247}\n
! measured
< END
SCRIPT
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c ': >names
        "$1" ls -RU >names &
        until [ "$(stat -c %s names)" -gt 65000000 ] || ! kill -0 $!; do
            sleep 0.01
        done
        sed -n "s/^VmHWM: *//p" "/proc/$!/status" && : >measured && wait $!' - "$FSC"
    assert_equal "$status $stderr" '0 '
    assert [ "${output//[^0-9]/}" -lt 8192 ]
}

@test "ls: on a terminal, no name changes how others are shown" {
    start_fsd
    touch "$LIBRARY/"$'a\u202egz.b' "$LIBRARY/"$'ä\u200cö'
    run quiet "$FSC" ls
    assert_output $'a\u202egz.b\nä\u200cö'
    run quiet python3 -c 'import pty, sys
sys.exit(pty.spawn(sys.argv[1:]))' "$FSC" ls </dev/null
    assert_output $'a?gz.b\r\nä\u200cö\r'
    assert_fails 4 "$FSC" stat $'x\u2066y'
    assert_equal "$stderr" 'fsc: x?y: no such file in the library'
}

@test "ls --local: times in the zone of TZ, with its offset" {
    mkdir -p "$LIBRARY"
    : >"$LIBRARY/a"
    : >"$LIBRARY/summer"
    touch -d 2001-02-03T04:05:06.789Z "$LIBRARY/a"
    touch -d 2001-07-03T04:05:06Z "$LIBRARY/summer"
    start_fsd
    # The zones are written as POSIX has them, so no database is needed.
    TZ=CET-1CEST,M3.5.0,M10.5.0/3 run quiet "$FSC" ls -l --local
    assert_output '            0 2001-02-03T05:05:06+01:00 a
            0 2001-07-03T06:05:06+02:00 summer'
    TZ=XXX3:30 run quiet "$FSC" ls -lh --local a
    assert_output '            0 2001-02-03T00:35:06-03:30 a'
    TZ=UTC0 run quiet "$FSC" ls -l --local a
    assert_output '            0 2001-02-03T04:05:06+00:00 a'
    # An offset with seconds is given in minutes, and means the same time.
    TZ=LMT0:44:30 run quiet "$FSC" ls -l --local a
    assert_output '            0 2001-02-03T03:21:06-00:44 a'
    TZ=CET-1 run quiet "$FSC" ls -l a
    assert_output '            0 2001-02-03T04:05:06Z a'
    TZ=CET-1 run quiet "$FSC" stat --local a
    assert_line 'mtime: 2001-02-03T05:05:06.789+01:00'
    TZ=CET-1 run quiet "$FSC" stat a
    assert_line 'mtime: 2001-02-03T04:05:06.789Z'
    assert_fails 2 "$FSC" ls --local
    assert_equal "$stderr" 'fsc: ls: --local needs -l'
    assert_fails 2 "$FSC" ls -l --local --json
    assert_fails 2 "$FSC" stat --local --json a
    assert_equal "$stderr" 'fsc: stat: --local and --json cannot be used together'
}
