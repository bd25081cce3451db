#!/usr/bin/env bats
# fsc with many files: reports in JSON, and operands from a list.
# bats file_tags=once

load library
load fsc

@test "put: --json reports each file" {
    start_fsd
    printf hello >small
    head -c 100000 /dev/zero >large
    printf hello >$'odd "\xff'
    printf other >"$LIBRARY/taken"
    printf '%s\n' small large missing small $'odd "\xff' >list
    run --separate-stderr "$FSC" put --json --files-from list
    assert_equal "$status ${#stderr_lines[@]}" '9 2'
    assert_output "{\"name\":\"small\",\"local\":\"small\",\"outcome\":\"stored\",\"size\":5,\"digest\":\"$digest_of_hello\"}
{\"name\":\"large\",\"local\":\"large\",\"outcome\":\"stored\",\"size\":100000,\"digest\":\"sha256:$(sha256sum <large | cut -c 1-64)\"}
{\"name\":\"missing\",\"local\":\"missing\",\"outcome\":\"failed\",\"reason\":\"local\",\"exit\":9,\"message\":\"missing: no such file here\"}
{\"name\":\"small\",\"local\":\"small\",\"outcome\":\"already there\",\"size\":5,\"digest\":\"$digest_of_hello\"}
{\"name\":\"odd \\u0022\\ufffd\",\"local\":\"odd \\u0022\\ufffd\",\"outcome\":\"failed\",\"reason\":\"usage\",\"exit\":2,\"message\":\"odd \\u0022?: cannot be stored as \\u0022odd \\u0022?\\u0022: it is not valid UTF-8\"}"
    run --separate-stderr bash -c '"$1" put --json --name taken - <small' - "$FSC"
    assert_equal "$status ${#stderr_lines[@]} ${#lines[@]}" '3 1 1'
    assert_regex "$output" '"local":"standard input","outcome":"failed","reason":"exists","exit":3'
    run --separate-stderr bash -c 'cat small | "$1" put --json --name stream -' - "$FSC"
    assert_equal "$status $output" "0 {\"name\":\"stream\",\"local\":\"standard input\",\"outcome\":\"stored\",\"size\":5,\"digest\":\"$digest_of_hello\"}"
    run --separate-stderr bash -c '"$1" put --json small >/dev/full' - "$FSC"
    assert_equal "$status ${#stderr_lines[@]}" '9 1'
}

@test "get: --json reports each file" {
    mkdir -p "$LIBRARY/folder" here
    printf hello >"$LIBRARY/a"
    : >"$LIBRARY/folder/b"
    start_fsd
    printf other >here/b
    printf '%s\n' a a folder/b nothing .. >list
    run --separate-stderr "$FSC" get --json --into here --files-from list
    assert_equal "$status ${#stderr_lines[@]}" '3 3'
    assert_output "{\"name\":\"a\",\"local\":\"here/a\",\"outcome\":\"fetched\",\"size\":5,\"digest\":\"$digest_of_hello\"}
{\"name\":\"a\",\"local\":\"here/a\",\"outcome\":\"already there\",\"size\":5,\"digest\":\"$digest_of_hello\"}
{\"name\":\"folder/b\",\"local\":\"here/b\",\"outcome\":\"failed\",\"reason\":\"exists\",\"exit\":3,\"message\":\"here/b: exists here with different content (use --force to overwrite)\"}
{\"name\":\"nothing\",\"local\":\"here/nothing\",\"outcome\":\"failed\",\"reason\":\"not-found\",\"exit\":4,\"message\":\"nothing: no such file in the library\"}
{\"name\":\"..\",\"local\":\"\",\"outcome\":\"failed\",\"reason\":\"usage\",\"exit\":2,\"message\":\"..: not a valid name: a component is . or ..\"}"
    run --separate-stderr "$FSC" get --json -R nothing folder --into here
    assert_equal "$status ${#lines[@]}" '4 2'
    assert_line --index 0 --partial '"name":"nothing","local":"here/nothing","outcome":"failed","reason":"not-found"'
    assert_line --index 1 --partial '"name":"folder/b","local":"here/folder/b","outcome":"fetched","size":0'
    assert_fails 2 "$FSC" get --json --output - a
}

# bats test_tags=client
@test "--files-from: every command takes operands from a file or standard input" {
    local number
    start_fsd
    mkdir here
    for number in {1..200}; do
        printf '%s' "$number" >"file $number"
        printf 'file %s\n' "$number"
    done >list
    assert_silent "$FSC" put --files-from list --folder a
    quiet "$FSC" ls a | sort -V | cut -c 3- | cmp - list
    sed 's,^,a/,' list >names
    assert_silent "$FSC" get --files-from - --into here <names
    cmp 'file 200' 'here/file 200'
    run quiet bash -c '"$1" ls --files-from - <names | cmp - names' - "$FSC"
    assert_success
    assert_equal "$("$FSC" stat --json --files-from names | wc -l)" 200
    # The last line needs no end.
    printf 'a/file 1\na/file 2' >names
    assert_equal "$("$FSC" ls --files-from names)" $'a/file 1\na/file 2'
    assert_equal "$("$FSC" get --output - --files-from names)" 12
    # An empty list means no operand, not all files.
    assert_silent "$FSC" ls --files-from /dev/null
    assert_silent "$FSC" put --files-from /dev/null
}

@test "--files-from: with -0 operands end with NUL" {
    start_fsd
    printf x >a
    printf y >'b c'
    assert_silent bash -c 'printf "a\0b c\0" | "$1" put -0 --files-from -' - "$FSC"
    run quiet bash -c '"$1" ls -0 | "$1" ls -0 --files-from - | tr "\0" "\n"' - "$FSC"
    assert_output $'a\nb c'
    assert_equal "$(find . -maxdepth 1 -name 'b c' -print0 | "$FSC" put --files-from - -0 --json | wc -l)" 1
    # One with a newline is one operand, and no name.
    : >$'new\nline'
    assert_fails 2 bash -c 'printf "new\nline" | "$1" put -0 --files-from -' - "$FSC"
    assert_regex "$stderr" '^fsc: new\?line: '
}

@test "--files-from: errors of a list name the file and the line" {
    start_fsd
    printf x >a
    assert_fails 9 "$FSC" ls --files-from missing
    assert_regex "$stderr" '^fsc: missing: '
    assert_fails 9 "$FSC" ls --files-from .
    assert_fails 9 bash -c '"$1" ls --files-from - <&-' - "$FSC"
    assert_fails 2 "$FSC" ls --files-from list a
    assert_fails 2 "$FSC" put --files-from list --name x
    assert_fails 2 "$FSC" get --files-from list --output x
    assert_fails 2 "$FSC" get --files-from list --force
    # An empty line, a NUL, and standard input are wrong by themselves; the rest is done.
    printf 'a\n\nmissing\na\0b\n-\n./a\n' >list
    run --separate-stderr "$FSC" put --files-from list
    assert_equal "$status" 2
    assert_equal "$stderr" 'fsc: list: line 2: is empty
fsc: missing: no such file here
fsc: list: line 4: contains a NUL (use -0 for a list of NUL-terminated names)
fsc: -: standard input needs --name NAME'
    assert_equal "$("$FSC" ls)" a
    { echo a && head -c 100000 /dev/zero | tr '\0' x && printf '\na\n'; } >list
    run --separate-stderr "$FSC" ls --files-from list
    assert_equal "$status $output $stderr" '2 a fsc: list: line 2: is too long; the rest of the list is not read'
}

# bats test_tags=client
@test "--files-from: a list is followed while it is being written" {
    start_fsd
    printf hello | tee a b >/dev/null
    # The next line is written when the answer to the one before is there.
    run quiet timeout 60 python3 - "$FSC" <<'PYTHON'
import json, subprocess, sys
for command in (['put', '--json'], ['get', '--json', '--into', 'here'], ['ls'], ['stat', '--json']):
    if command[0] == 'get':
        subprocess.run(['mkdir', 'here'], check=True)
    fsc = subprocess.Popen([sys.argv[1], *command, '--files-from', '-'], text=True,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for name in 'a', 'b':
        print(name, file=fsc.stdin, flush=True)
        line = fsc.stdout.readline()
        print(command[0], json.loads(line).get('outcome') if line[0] == '{' else line.strip())
    fsc.stdin.close()
    print(fsc.stdout.read(), fsc.wait())
PYTHON
    assert_output 'put stored
put stored
 0
get fetched
get fetched
 0
ls a
ls b
 0
stat None
stat None
 0'
}

# The line that is being written crosses the end of what fsc reads at a time.
# bats test_tags=client
@test "--files-from: whole lines are used before the rest arrives" {
    local number
    start_fsd
    mkfifo list
    for number in {1..17}; do echo "$number" >"f$number"; done
    "$FSC" put --files-from list --json >reports 2>errors 3>&- &
    exec 4>list
    python3 -c 'import sys
sys.stdout.write("".join("./" * 2000 + f"f{n}\n" for n in range(1, 17)) + "./" * 750 + "f")' >&4
    await_line "$!" reports '"outcome":"stored"' 16
    echo 17 >&4
    exec 4>&-
    wait "$!"
    assert_equal "$(grep -c stored reports)" 17
    [ ! -s errors ]
}
