#!/usr/bin/env bats
# fsc put: what was stored is whole and has the right name; what failed has stored nothing.
# bats file_tags=once

load library
load fsc

# assert_heard PATTERN: what a fake server heard last.
assert_heard() {
    run tail -n 1 script.heard
    assert_output --regexp "^$1\$"
}

# Names, one a line, that a library can have.
print_names() {
    printf '%s\n' 'with space' ' ' '  leading and trailing  ' 100% %41 a=b = ==x grün 日本語 🙂 -l -- - \
        --name '[a]' '[' '*' '?' "it's" '"quoted"' \\ 'back\slash' '$HOME' '`id`' '~' '#' '!' . |
        sed '$d'
    printf '%s\n' .hidden ... ..a .fs .nf .f/.sd 'folder/with space/100%/=' \
        "$(printf '%0255d' 0)" "longest/$(printf '%0255d/' 1 2 3)$(printf '%0247d' 4)" \
        "$(printf 'é%.0s' {1..127})x"
}

# bats test_tags=client
@test "put: names of every kind there and back" {
    local names number
    start_fsd
    mapfile -t names < <(print_names)
    for number in "${!names[@]}"; do
        echo "$number" >here
        assert_silent "$FSC" put "--name=${names[number]}" here
        cmp here "$LIBRARY/${names[number]}"
    done
    quiet "$FSC" get --output - -- "${names[@]}" >there
    printf '%s\n' "${!names[@]}" | cmp - there
    print_names | LC_ALL=C sort >expected
    quiet "$FSC" ls -R | cmp - expected

    # Their last components are names of local files, too.
    mkdir folder
    assert_silent "$FSC" get --into folder -- "${names[@]:0:20}"
    assert_equal "$(find folder -type f | wc -l)" 20
}

@test "put: a name of 1023 bytes, 511 folders deep" {
    local name
    echo 'limits = { depth = 511; sessions = 32; per_user = 8; per_address = 8; };' >"$CONFIG"
    start_fsd
    name=$(printf 'd/%.0s' {1..511})f
    assert_equal "${#name}" 1023
    printf deep >file
    assert_silent "$FSC" put file --name "$name"
    assert_silent "$FSC" put file --name "$name"
    assert_equal "$(quiet "$FSC" get "$name" --output -)" deep
    assert_equal "$(quiet "$FSC" ls -R)" "$name"
    assert_fails 2 "$FSC" put file --name "d/$name"
    assert_fails 2 "$FSC" put file --name "${name}f"
    # The shell that tidies up is spared the depth.
    rm -r "$LIBRARY/d"
}

@test "put: forbidden names are refused before anything is sent" {
    local name
    : >file
    # Nobody listens: a connection would be exit code 10.
    for name in '' . .. /a a/ a//b a/../b ./a a/. .fsd .fsdx a/.nfs1 .fsd/stage/x $'a\nb' $'\x01' \
        $'\x7f' $'\xc2\x80' $'\xff' $'\xc0\xaf' $'\xed\xa0\x80' $'\xf4\x90\x80\x80' \
        "$(printf '%0256d' 0)" "$(printf '%0200d/' 0 0 0 0 0)$(printf '%020d' 0)" \
        "$(printf '%010000d' 0)"; do
        assert_fails 2 "$FSC" put file --name "$name"
        assert_regex "$stderr" '^fsc: file: '
        refute_regex "$stderr" "$(printf '[\x01-\x1f\x7f]')"
        assert_fails 2 "$FSC" put - --name "$name"
    done
    assert_fails 2 "$FSC" put file --name 'a/../b'
    assert_regex "$stderr" 'a/\.\./b'
    : >$'bad\nname'
    assert_fails 2 "$FSC" put $'bad\nname'
    assert_regex "$stderr" '^fsc: bad\?name: '
    : >.fsdx
    assert_fails 2 "$FSC" put .fsdx
    assert_fails 2 "$FSC" put file --folder ''
    assert_fails 2 "$FSC" put file --folder a//
    assert_fails 2 "$FSC" put file --folder ..
}

@test "put: --name and --folder" {
    mkdir local
    printf 1 >local/one
    printf 2 >local/two
    start_fsd
    assert_silent "$FSC" put local/one local/two
    assert_silent "$FSC" put --folder a/b local/one local/two
    assert_silent "$FSC" put --folder slash/ local/one
    assert_silent "$FSC" put --name x/y local/one
    assert_silent "$FSC" put --name y --folder x/z local/two
    assert_silent "$FSC" put --folder from --name standard - <local/one
    run quiet "$FSC" ls -R
    assert_output 'a/b/one
a/b/two
from/standard
one
slash/one
two
x/y
x/z/y'
    assert_equal "$(cat "$LIBRARY"/{a/b/two,slash/one,x/y,x/z/y,from/standard})" 21121
}

@test "put: wrong usage" {
    : >file
    # Nobody listens: a connection would be exit code 10.
    assert_fails 2 "$FSC" put
    assert_fails 2 "$FSC" put file file --name x
    assert_fails 2 "$FSC" put -
    assert_fails 2 "$FSC" put file -
    assert_fails 2 "$FSC" put - --folder x
    assert_fails 2 "$FSC" put - - --name x
    assert_fails 2 "$FSC" put file --force
}

# A file that is sent ahead, and one that waits for the go-ahead.
make_small_and_large() {
    printf small >small
    # No test writes its last byte.
    { head -c 199999 /dev/urandom && printf z; } >large
}

@test "put: names that folders, links and special files have" {
    local file
    make_small_and_large
    start_fsd
    mkdir -p "$LIBRARY/folder"
    printf other >"$LIBRARY/file"
    mkfifo "$LIBRARY/fifo"
    ln -s file "$LIBRARY/link"
    ln -s folder "$LIBRARY/to-folder"
    ln -s nowhere "$LIBRARY/dangling"
    for file in small large; do
        for name in folder file/below file/far/below fifo link link/below to-folder/below dangling; do
            assert_fails 1 "$FSC" put "$file" --name "$name"
            assert_regex "$stderr" "^fsc: $name: "
        done
    done
    assert_fails 1 "$FSC" put - --name folder <small
    assert_equal "$(cat "$LIBRARY/file")" other
    run ls -A "$LIBRARY/folder"
    assert_output ''
    assert_no_stages
}

# bats test_tags=client
@test "put: a taken name with the same bytes exits 0, with other bytes 3" {
    local file
    make_small_and_large
    : >empty
    start_fsd
    for file in small large empty; do
        assert_silent "$FSC" put "$file" --name "a/$file"
        stat -c '%i %y' "$LIBRARY/a/$file" >before
        assert_silent "$FSC" put "$file" --name "a/$file"
        assert_silent "$FSC" put "$file" "$file" --folder a
        stat -c '%i %y' "$LIBRARY/a/$file" | cmp - before

        # Another byte at the end, one more, and one fewer.
        { head -c -1 "$file" && printf '\n'; } >other
        assert_fails 3 "$FSC" put other --name "a/$file"
        assert_regex "$stderr" "^fsc: a/$file: "
        { cat "$file" && printf x; } >longer
        assert_fails 3 "$FSC" put longer --name "a/$file"
        cmp "$file" "$LIBRARY/a/$file"
    done
    assert_fails 3 "$FSC" put empty --name a/large
    assert_fails 3 "$FSC" put large --name a/empty
    head -c -1 large >less
    assert_fails 3 "$FSC" put less --name a/large
    assert_no_stages
}

# bats test_tags=client
@test "put: a stream for a taken name is not read" {
    start_fsd
    mkdir -p "$LIBRARY"
    printf taken >"$LIBRARY/taken"
    printf 'all of it' >stream
    # Of a file that is read from its beginning the size is known, and compared; not of this one.
    run --separate-stderr bash -c 'cat stream | { "$1" put - --name taken; echo "$?"; cat; }' - "$FSC"
    assert_output '3
all of it'
    assert_equal "${#stderr_lines[@]}" 1
    assert_regex "$stderr" '^fsc: taken: '
}

# bats test_tags=client
@test "put: standard input that is a file is read from its position" {
    local line
    start_fsd
    printf 'first\nsecond\n' >lines
    {
        read -r line
        quiet "$FSC" put - --name rest
    } <lines
    assert_equal "$line $(cat "$LIBRARY/rest")" 'first second'
    quiet "$FSC" put - --name whole <lines
    cmp lines "$LIBRARY/whole"
    # Again: now it is a file at its beginning, whose bytes can be compared.
    assert_silent "$FSC" put - --name whole <lines
}

# bats test_tags=client
@test "put: a FIFO, a device and a symbolic link as FILE" {
    start_fsd
    mkfifo fifo
    printf 'through the pipe' >fifo &
    assert_silent "$FSC" put fifo --folder a
    wait $!
    assert_equal "$(cat "$LIBRARY/a/fifo")" 'through the pipe'
    assert_silent "$FSC" put /dev/null --name null --allow-empty
    [ -f "$LIBRARY/null" ] && [ ! -s "$LIBRARY/null" ]
    printf linked >file
    ln -s file link
    assert_silent "$FSC" put link
    assert_equal "$(cat "$LIBRARY/link")" linked
}

@test "put: a file that is larger than stat says" {
    start_fsd
    [ ! -s /proc/version ] || skip 'the system tells the sizes of the files in /proc here'
    assert_silent "$FSC" put /proc/version
    cmp /proc/version "$LIBRARY/version"
    [ -s "$LIBRARY/version" ]
    assert_no_stages
}

# bats test_tags=client
@test "put: a connection that the server closed for idleness is opened again" {
    local pid
    echo 'limits = { idle = "1s"; };' >"$CONFIG"
    start_fsd
    make_small_and_large
    # A FIFO is opened once somebody writes to it: here, when the daemon has closed the session.
    mkfifo fifo second
    timeout 60 "$FSC" put small fifo second large 2>errors 3>&- &
    pid=$!
    await_file "$LIBRARY/small"
    await_no_session
    timeout 30 bash -c 'printf "through the pipe" >fifo'
    await_file "$LIBRARY/fifo"
    await_no_session
    timeout 30 bash -c 'printf "through the other" >second'
    wait "$pid"
    assert_equal "$(cat errors)" ''
    assert_equal "$(cat "$LIBRARY/fifo" "$LIBRARY/second")" 'through the pipethrough the other'
    cmp small "$LIBRARY/small"
    cmp large "$LIBRARY/large"
    assert_no_stages
}

@test "put: files that cannot be read" {
    start_fsd
    mkdir folder
    : >file
    assert_fails 9 "$FSC" put missing
    assert_regex "$stderr" '^fsc: missing: '
    assert_fails 9 "$FSC" put folder
    assert_fails 9 "$FSC" put file/below
    assert_fails 9 "$FSC" put - --name x <folder
    run --separate-stderr bash -c '"$1" put - --name x <&-' - "$FSC"
    assert_equal "$status ${#stderr_lines[@]}" '9 1'
    assert_empty_library
}

@test "put: a file that may not be read" {
    start_fsd
    skip_unless_powerless
    : >file
    chmod 0 file
    assert_fails 9 powerless "$FSC" put file
    assert_empty_library
}

@test "put: each of several files is tried, and the first failure is the exit code" {
    start_fsd
    make_small_and_large
    printf taken >"$LIBRARY/taken"
    printf mine >taken
    : >.nfs1
    printf '%s\n' missing taken .nfs1 small large >list
    run --separate-stderr "$FSC" put --files-from list
    assert_equal "$status ${#stderr_lines[@]}" '9 3'
    assert_regex "${stderr_lines[0]}" '^fsc: missing: '
    assert_regex "${stderr_lines[1]}" '^fsc: taken: '
    assert_regex "${stderr_lines[2]}" '^fsc: .nfs1: '
    cmp small "$LIBRARY/small"
    cmp large "$LIBRARY/large"
    run --separate-stderr "$FSC" put small taken missing large
    assert_equal "$status ${#stderr_lines[@]}" '3 2'
}

# put_meanwhile COMMAND: puts the file large, and runs the shell's COMMAND when its size is told, but
# before its first byte is read.
put_meanwhile() {
    head -c 5000000 /dev/urandom >large
    # Two writes in one tick of the clock would leave the same time.
    touch -d '1 minute ago' large
    cat >relay <<RELAY
IFS= read -r line
$1
{ printf '%s\n' "\$line" && cat; } | nc -N -U '$SOCKET'
RELAY
    assert_fails 8 "$FSC" put large --server 'exec:sh relay'
    assert_regex "$stderr" '^fsc: large: '
}

@test "put: a file that grows while it is read is not stored" {
    start_fsd
    put_meanwhile 'printf x >>large'
    assert_empty_library
}

@test "put: a file that shrinks while it is read is not stored" {
    start_fsd
    put_meanwhile 'truncate -s -1 large'
    assert_empty_library
}

@test "put: a file that is written while it is read is not stored" {
    start_fsd
    put_meanwhile 'printf x | dd of=large conv=notrunc status=none'
    assert_empty_library
}

@test "put: a file that grows in the middle of its body is given up" {
    head -c 5000000 /dev/zero >large
    cat >script <<'SCRIPT'
> PUT large size=5000000 upload=*
< OK offset=0
>item
! grown
>body
< FAIL aborted
SCRIPT
    assert_fails 8 "$TESTS/fake_server" "$SOCKET" script bash -c '"$1" put large &
        await grep -q item script.heard
        printf x >>large && : >grown && wait $!' - "$FSC"
    assert_heard 'ABORT .*'
}

# bats test_tags=client
@test "put: a race of 50 writers for one name" {
    local i pids=() codes=() winner
    start_fsd
    # Some are sent ahead, some follow the go-ahead, some are streams.
    for i in {1..50}; do
        head -c $((i % 3 == 0 ? 100 : 100000)) /dev/urandom >"$i"
    done
    for i in {1..50}; do
        if [ $((i % 3)) -eq 1 ]; then
            "$FSC" put "$i" --name race 2>"error.$i" 3>&- &
        else
            # shellcheck disable=SC2002
            cat "$i" | "$FSC" put - --name race 2>"error.$i" 3>&- &
        fi
        pids+=($!)
    done
    for i in {1..50}; do
        codes[i]=0
        wait "${pids[i - 1]}" || codes[i]=$?
        [ "${codes[i]}" -ne 0 ] || winner=$i
        assert_equal "$i: ${codes[i]} $(wc -l <"error.$i")" \
            "$i: $([ "${codes[i]}" -eq 0 ] && echo 0 0 || echo 3 1)"
    done
    assert_equal "$(printf '%s\n' "${codes[@]}" | sort -n | uniq -c | tr -s ' \n' ' ')" ' 1 0 49 3 '
    cmp "$winner" "$LIBRARY/race"
    assert_no_stages
}

# bats test_tags=client
@test "put: TERM in the middle of a stream stores nothing" {
    local pid code=0
    start_fsd
    mkfifo fifo
    # A producer that never says more, nor ends: the FIFO's writer is its reader.
    env --default-signal=TERM "$FSC" put - --name x <>fifo 2>errors 3>&- &
    pid=$!
    await eval '! has_no_stages "$LIBRARY"'
    kill -TERM "$pid"
    wait "$pid" || code=$?
    assert_equal "$code $(cat errors)" '143 '
    assert_empty_library
}

@test "put: a refusal in the middle of a body ends the upload" {
    head -c 20000000 /dev/zero >large
    assert_fails 7 fake "$FSC" put large <<'SCRIPT'
> PUT large size=20000000 upload=*
< OK offset=0
< WAIT
>item
< WAIT
>item
< WAIT\nFAIL no-space it is \x1bfull
>body
SCRIPT
    assert_heard 'ABORT .*'
    assert_equal "$stderr" 'fsc: large: it is ?full'
}

@test "put: a refusal ends the upload while the producer is silent" {
    mkfifo fifo
    # A producer that says hello and then nothing more: the FIFO's writer is its reader.
    assert_fails 12 fake bash -c 'exec <>fifo && echo hello >&0 && exec "$1" put - --name x' - \
        "$FSC" <<'SCRIPT'
> PUT x
< OK offset=0
> 6
> hello
>
< FAIL unavailable
> ABORT *
SCRIPT
}

@test "put: a refusal that arrives together with the go-ahead ends the upload" {
    mkfifo fifo
    assert_fails 12 fake bash -c 'exec "$1" put - --name x <>fifo' - "$FSC" <<'SCRIPT'
> PUT x
< OK offset=0\nFAIL unavailable
> ABORT *
SCRIPT
}

@test "put: requests continue after a refusal" {
    head -c 200000 /dev/zero >large
    printf hello >small
    assert_fails 7 fake "$FSC" put large small <<'SCRIPT'
> PUT large size=200000 upload=*
< OK offset=0
< FAIL too-large
>body
> PUT small size=5 digest=* eager=1
> 5
> hello
> END*
< OK size=5 digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
SCRIPT
}

# Two that take their time, side by side.
@test "put: signs of life are sent for a silent producer, and a server that stops reading is given up" {
    head -c 20000000 /dev/zero >large
    # It does not take a time limit to leave.
    use_settings 'limits = { idle = "1d"; stall = "1d"; take = "1d"; wait = "1d"; };'
    cat >stall <<'SCRIPT'
> PUT large size=20000000 upload=*
< OK offset=0
>item
< FAIL no-space it is full
! left
>.
SCRIPT
    {
        FSC_SERVER=$WORK/stalled "$TESTS/fake_server" "$WORK/stalled" stall bash -c '"$1" put large
            echo "code $?"
            : >left' - "$FSC"
    } >stall.output 2>&1 3>&- &

    cat >script <<'SCRIPT'
> PUT x
< OK offset=0
> WAIT
> 6
> hello
>
> END digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
< WAIT
< OK size=6 digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
SCRIPT
    assert_silent "$TESTS/fake_server" "$SOCKET" script bash -c '{
            await grep -q WAIT script.heard
            echo hello
        } | "$1" put - --name x' - "$FSC"

    wait $!
    run cat stall.output
    assert_output 'fsc: large: it is full
code 7'
}

# assert_answers FILE: for each line of stdin, "CODE ANSWER", a server answers what belongs to a PUT of
# FILE with ANSWER and closes; fsc exits with CODE, and says why in one line unless that is 0.
assert_answers() {
    local expected
    cat >answers
    if [ "$1" = small ]; then
        # One whose answer is lost is asked for again.
        sed -e 'h; s/^[0-9]* \(.*\)/> PUT small * eager=1\n> 5\n> hello\n> END\n< \1\n<./' \
            -e 'p; g; /^10 /!d; s/.*/> PUT small size=5 digest=*\n<./' answers >script
    else
        sed 's/^[0-9]* \(.*\)/> PUT large *\n< \1\n<./' answers >script
    fi
    expected=$(sed -e 's/^\([0-9]*\) .*/\1 1/' -e 's/^0 1/0 0/' answers)
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c 'while read -r code answers; do
        "$1" put "$2" 2>errors
        echo "$? $(grep -c "^fsc: " errors)"
        [ $(wc -l <errors) -le 1 ] || cat errors >&2
    done <answers' - "$FSC" "$1"
    assert_equal "$stderr" ''
    assert_output "$expected"
}

@test "put: what a server may answer to a small file" {
    printf hello >small
    assert_answers small <<'ANSWERS'
0 OK size=5 digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
0 WAIT\nOK size=5 later=thing digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
0 EXISTS size=5 digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
0 EXISTS same=1
3 EXISTS same=0
3 EXISTS
3 EXISTS size=5 digest=sha256:a\{64}
6 FAIL denied
8 FAIL mismatch
10 \
10 OK\
ANSWERS
}

@test "put: what a server may not answer to a small file" {
    printf hello >small
    assert_answers small <<'ANSWERS'
1 OK
1 OK offset=0
1 OK size=5
1 OK digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
1 OK size=5 digest=md5:5d41402abc4b2a76b9719d911017c592
8 OK size=5 digest=sha256:a\{64}
8 OK size=6 digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
1 EMPTY
1 HELLO
ANSWERS
}

@test "put: what a server may answer to a large file" {
    # One that fits no buffer: its END is not sent before the server closes.
    head -c 1000000 /dev/zero >large
    assert_answers large <<'ANSWERS'
12 FAIL busy
0 EXISTS size=1000000 digest=sha256:d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025
3 EXISTS
3 EXISTS same=1
3 EXISTS size=100000 digest=sha256:a\{64}
7 FAIL too-large
10 \
10 OK offset=0
12 OK offset=0\nFAIL unavailable
ANSWERS
}

@test "put: what a server may not answer to a large file" {
    head -c 100000 /dev/zero >large
    assert_answers large <<'ANSWERS'
1 OK
1 OK offset=1
1 OK offset=-0
1 OK size=5
1 EMPTY
1 HELLO
1 OK offset=0\nOK size=100000 digest=sha256:a\{64}
1 OK offset=0\nEXISTS
1 OK offset=0\nHELLO
ANSWERS
}

@test "put: --exclusive fails for a taken name" {
    local file
    make_small_and_large
    : >empty
    start_fsd
    for file in small large empty; do
        assert_silent "$FSC" put "$file" --exclusive
        cmp "$file" "$LIBRARY/$file"
        assert_fails 3 "$FSC" put "$file" --exclusive
        assert_equal "$stderr" "fsc: $file: exists in the library (--exclusive)"
        assert_fails 3 "$FSC" put "$file" --name small --exclusive
    done
    assert_fails 3 bash -c 'cat small | "$1" put - --name small --exclusive' - "$FSC"
    assert_silent bash -c 'cat small | "$1" put - --name stream --exclusive' - "$FSC"
    # A file in /proc, which is larger than stat says.
    if [ ! -s /proc/version ]; then
        assert_silent "$FSC" put /proc/version --exclusive
        cmp /proc/version "$LIBRARY/version"
    fi
    assert_no_stages
}

@test "put: --exclusive is a lock in a race" {
    local i pids=() ended=()
    start_fsd
    echo mine >lock
    for i in {1..20}; do
        "$FSC" put lock --exclusive 2>/dev/null 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        ended+=(0)
        wait "$i" || ended[-1]=$?
    done
    assert_equal "$(printf '%s\n' "${ended[@]}" | sort -n | uniq -c | tr -s ' \n' ' ')" ' 1 0 19 3 '
}

@test "put: --exclusive believes only an answer to this upload" {
    local same=size=5\ digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
    printf hello >small
    assert_silent fake "$FSC" put small --exclusive <<<$'> PUT small size=5 upload=*\n< OK '"$same"
    assert_fails 3 fake "$FSC" put small --exclusive <<<$'> PUT small size=5 upload=*\n< EXISTS '"$same"
    assert_fails 3 fake "$FSC" put small --exclusive <<<$'> PUT small *\n< OK offset=0\n>body\n< EXISTS '"$same"
    # After an answer that was lost the same bytes may be ours, or another's: anonymous has no ids.
    while read -r code answer; do
        assert_fails "$code" fake "$FSC" put small --exclusive <<SCRIPT
> PUT small *
< OK offset=0
>body
<.
> PUT small size=5 digest=* upload=*
< $answer
SCRIPT
        assert_equal "$stderr" "fsc: small: $(case $code in 10) echo "the connection was lost; the file may or may not be stored" ;; *) echo "exists in the library (--exclusive)" ;; esac)"
    done <<ANSWERS
10 EXISTS $same
10 EXISTS same=1
3 EXISTS size=6 digest=sha256:a\{64}
3 EXISTS
ANSWERS
    use_settings 'limits = { pause = "10ms"; };'
    assert_fails 10 fake "$FSC" put small --exclusive --retry 3 <<SCRIPT
> PUT small *
< OK offset=0
>body
<.
> PUT small size=5 digest=* upload=*
< EXISTS $same
SCRIPT
    # Also when the session before was not through with it yet.
    assert_fails 10 fake "$FSC" put small --exclusive --retry 1 <<SCRIPT
> PUT small *
< OK offset=0
>body
<.
> PUT small size=5 digest=* upload=*
< OK offset=0
>body
< EXISTS $same
SCRIPT
    # A client that resumes an upload knows that it was not stored.
    assert_fails 3 fake "$FSC" put small --exclusive --retry 1 <<SCRIPT
> PUT small *
< OK offset=0
>body
<.
> PUT small size=5 digest=* upload=*
< OK offset=5 ${same#* }
>body
< EXISTS $same
SCRIPT
}

# bats test_tags=client
@test "put: --if-same reads a stream to compare it" {
    make_small_and_large
    start_fsd
    for file in small large; do
        quiet "$FSC" put "$file"
        assert_silent bash -c 'cat "$2" | "$1" put - --name "$2" --if-same' - "$FSC" "$file"
        assert_fails 3 bash -c '{ cat "$2"; echo; } | "$1" put - --name "$2" --if-same' - "$FSC" "$file"
        # Of a file it changes nothing.
        assert_silent "$FSC" put "$file" --if-same
    done
    assert_silent bash -c 'cat small | "$1" put - --name new --if-same' - "$FSC"
    run quiet bash -c 'cat large | "$1" put - --name large --if-same --json' - "$FSC"
    assert_success
    assert_equal "$(jq -r .outcome,.size,.digest <<<"$output")" "already there
200000
sha256:$(sha256sum <large | cut -d ' ' -f 1)"
    # A non-blocking one, whose producer takes its time.
    mkfifo fifo
    run quiet python3 - "$FSC" <<'PYTHON'
import os, subprocess, sys
ends = os.pipe2(os.O_NONBLOCK)
put = subprocess.Popen([sys.argv[1], 'put', '-', '--name', 'small', '--if-same'], stdin=ends[0], pass_fds=[])
os.close(ends[0])
os.write(ends[1], b'sma')
try:
    put.wait(0.2)
    sys.exit('it did not wait')
except subprocess.TimeoutExpired:
    pass
os.write(ends[1], b'll')
os.close(ends[1])
sys.exit(put.wait())
PYTHON
    assert_success
    assert_fails 9 "$FSC" put - --name small --if-same <"$WORK"
}

# bats test_tags=client
@test "put: --sha256 stores only that content" {
    local file hex other
    make_small_and_large
    start_fsd
    other=$(printf '%064d' 0)
    for file in small large; do
        hex=$(sha256sum <"$file" | cut -d ' ' -f 1)
        assert_fails 8 "$FSC" put "$file" --sha256 "$other"
        assert_equal "$stderr" "fsc: $file: does not match --sha256: its digest is sha256:$hex"
        assert_fails 8 bash -c 'cat "$2" | "$1" put - --name "$2" --sha256 "$3"' - "$FSC" "$file" "$other"
        assert_fails 8 "$FSC" put "$file" --sha256 "$other" --exclusive
        assert_empty_library
        assert_silent "$FSC" put "$file" --sha256 "${hex^^}"
        assert_silent "$FSC" put "$file" --sha256 "$hex"
        assert_silent bash -c 'cat "$2" | "$1" put - --name "stream" --sha256 "$3"' - "$FSC" "$file" "$hex"
        # What is there already is not what was asked for.
        assert_fails 8 "$FSC" put "$file" --sha256 "$other"
        assert_fails 8 bash -c 'cat "$2" | "$1" put - --name "$2" --if-same --sha256 "$3"' - "$FSC" "$file" "$other"
        rm -rf "${LIBRARY:?}"/{small,large,stream}
    done
    # The server gets the digest with the request.
    stop_fsd
    assert_fails 8 fake "$FSC" put large --sha256 "$hex" <<SCRIPT
> PUT large size=200000 digest=sha256:$hex upload=*
< FAIL mismatch
SCRIPT
    for hex in '' x "${other}0" "${other:1}" "sha256:$other" "g${other:1}"; do
        assert_fails 2 "$FSC" put small --sha256 "$hex"
    done
    assert_fails 2 "$FSC" put small large --sha256 "$other"
    assert_fails 2 "$FSC" put --files-from small --sha256 "$other"
    assert_fails 2 "$FSC" put -R . --name x --sha256 "$other"
}

# bats test_tags=client
@test "put: --replace replaces the file" {
    local file digest
    make_small_and_large
    printf new >other
    start_fsd
    for file in small large; do
        # Where there is no file, it is as without --replace.
        assert_silent "$FSC" put "$file" --name a --replace
        cmp "$file" "$LIBRARY/a"
        stat -c '%i %y' "$LIBRARY/a" >before
        assert_silent "$FSC" put "$file" --name a --replace
        assert_equal "$("$FSC" put --json "$file" --name a --replace | jq -r .outcome)" 'already there'
        stat -c '%i %y' "$LIBRARY/a" | cmp - before
        assert_fails 3 "$FSC" put other --name a
        assert_silent "$FSC" put other --name a --replace
        cmp other "$LIBRARY/a"
        assert_silent bash -c 'cat "$2" | "$1" put - --name a --replace' - "$FSC" "$file"
        cmp "$file" "$LIBRARY/a"
        # Again, with a digest that is there already: it is read all the same.
        digest=$(sha256sum <"$file" | cut -d ' ' -f 1)
        assert_silent bash -c 'cat "$2" | "$1" put - --name a --replace --sha256 "$3"' - "$FSC" "$file" "$digest"
        assert_fails 8 bash -c 'cat other | "$1" put - --name a --replace --sha256 "$2"' - "$FSC" "$digest"
        cmp "$file" "$LIBRARY/a"
        assert_silent "$FSC" put other --name a --replace
    done
    mkdir -p tree "$LIBRARY/folder"
    printf 1 >tree/a
    printf 2 >tree/b
    assert_silent "$FSC" put -R tree
    printf 3 >tree/a
    assert_silent "$FSC" put -R tree --replace
    diff -r tree "$LIBRARY/tree"
    assert_fails 1 "$FSC" put small --name folder --replace
    assert_no_stages
    for other in --exclusive --if-same; do
        assert_fails 2 "$FSC" put small --replace "$other"
    done
}

@test "put: --replace with a digest replaces only that content" {
    local file old guard
    make_small_and_large
    printf old >old
    old=sha256:$(sha256sum <old | cut -d ' ' -f 1)
    start_fsd
    for file in small large; do
        assert_fails 8 "$FSC" put "$file" --name a --replace="$old"
        assert_equal "$stderr" 'fsc: a: there is no file to replace'
        quiet "$FSC" put old --name a
        assert_silent "$FSC" put "$file" --name a --replace="${old/%a/A}"
        cmp "$file" "$LIBRARY/a"
        # Again: it is done.
        assert_silent "$FSC" put "$file" --name a --replace="$old"
        assert_equal "$("$FSC" put --json "$file" --name a --replace="$old" | jq -r .outcome)" 'already there'
        # Another has it by now.
        quiet "$FSC" put /dev/null --name a --replace --allow-empty
        assert_fails 8 "$FSC" put "$file" --name a --replace="$old"
        assert_regex "$stderr" '^fsc: a: the file to replace has other content'
        assert_fails 8 bash -c 'cat "$2" | "$1" put - --name a --replace="$3"' - "$FSC" "$file" "$old"
        [ ! -s "$LIBRARY/a" ]
        rm "$LIBRARY/a"
    done
    assert_no_stages
    # A file is summed up first, so that it need not be sent.
    stop_fsd
    assert_fails 8 fake "$FSC" put large --replace="$old" <<SCRIPT
> PUT large size=200000 digest=sha256:$(sha256sum <large | cut -d ' ' -f 1) replace=$old upload=*
< FAIL mismatch
SCRIPT
    for guard in '' x "${old}0" "${old#sha256:}" "md5:00" "sha256:"; do
        assert_fails 2 "$FSC" put small --replace="$guard"
    done
    # What follows a space is an operand, and surely not meant to be one.
    assert_fails 2 "$FSC" put --name a --replace "$old" small
    assert_fails 9 "$FSC" put --name a --replace -- "$old"
}

@test "put: what a server may answer to --replace" {
    local file
    FSD_EXPECTED='msg=denied .* request=PUT name=a'
    make_small_and_large
    start_fsd --anonymous 'put list get' --listen plain:127.0.0.1:0
    quiet "$FSC" put large --name a
    for file in small large; do
        assert_fails 6 "$FSC" put "$file" --name a --replace --server "plain:127.0.0.1:$FSD_PORT"
    done
    cmp large "$LIBRARY/a"
    stop_fsd
    # What may be replaced by anything is in nobody's way.
    assert_fails 1 fake "$FSC" put small --replace <<<$'> PUT small * replace=1 eager=1\n>body\n< EXISTS'
    assert_fails 1 fake "$FSC" put large --replace <<<$'> PUT large * replace=1 upload=*\n< OK offset=0\n>body\n< EXISTS size=1 digest=sha256:a\\{64}'
    assert_fails 1 fake bash -c 'echo | "$1" put - --name x --replace' - "$FSC" <<<$'> PUT x replace=1\n< EXISTS'
    assert_silent fake "$FSC" put large --replace <<<$'> PUT large *\n< OK offset=0\n>body\n< EXISTS same=1'
}
