#!/usr/bin/env bats
# The accidents that fsc(1) has a table of: each test is a row, and `outcome` what the row says of it.
# bats file_tags=once

load library
load fsc
load manual

# make_source: the file of the accident, which is to become "name", and the folder "here" for what is fetched.
make_source() {
    mkdir -p here
    seq 200000 >source
}

# outcome CODES STORED: fsc has exited with $status, and what is stored, here or in the library, is STORED.
outcome() {
    assert_equal "$status" "$1"
    case $2 in
    Nothing)
        assert_equal "$(find "$LIBRARY" -path "$LIBRARY/.fsd" -prune -o -type f -print)" ''
        ;;
    'Nothing here')
        assert_equal "$(ls -A here)" ''
        ;;
    'All of it')
        cmp source "$LIBRARY/name"
        ;;
    'What --keep keeps')
        assert_equal "$("$FSC" ls backups)" $'backups/3\nbackups/4'
        ;;
    *) fail "there is no outcome \"$2\"" ;;
    esac
}

# kill_fsd: the last daemon and its sessions are gone from one moment to the next.
kill_fsd() {
    local processes last=$((${#FSD_PIDS[@]} - 1))
    read -ra processes <"/proc/$FSD_PID/task/$FSD_PID/children" || true
    # Idle ones end by themselves with the daemon.
    kill -KILL "$FSD_PID" "${processes[@]}" 2>/dev/null || true
    wait "$FSD_PID" || true
    unset "FSD_PIDS[$last]" "FSD_LOGS[$last]"
}

has_stage() {
    [ -n "$(find "$LIBRARY/.fsd/stage" -type f -size +0)" ]
}

# begin_put: an upload whose producer has paused in the middle, and continues when PRODUCER, a descriptor,
# is closed. PUT is its process.
begin_put() {
    mkfifo producer
    "$FSC" put producer --name name 2>errors 3>&- &
    PUT=$!
    exec {PRODUCER}>producer
    head -n 100000 source >&"$PRODUCER"
    await has_stage
}

# end_put: it ends.
end_put() {
    { tail -n +100001 source >&"$PRODUCER" || true; } 2>/dev/null
    exec {PRODUCER}>&-
    status=0
    wait "$PUT" || status=$?
}

# from_command SCRIPT [OPTION...]: what this shell prints is to become "name".
from_command() {
    run --separate-stderr "$FSC" put --name name "${@:2}" --from-command -- bash -o pipefail -c "$1"
    assert_equal "$output ${#stderr_lines[@]}" ' 1'
}

@test "accidents: the producer is killed" {
    make_source
    start_fsd
    from_command 'cat source; kill -KILL $$'
    outcome 14 'Nothing'
}

@test "accidents: the producer fails after its last byte" {
    make_source
    start_fsd
    from_command 'cat source; exit 1'
    outcome 14 'Nothing'
}

@test "accidents: the producer fails at once" {
    make_source
    start_fsd
    from_command 'exit 1'
    assert_equal "$status" 14
    assert_fails 14 "$FSC" put --name name --from-command -- nosuch-command
    outcome 14 'Nothing'
}

@test "accidents: the producer prints nothing" {
    make_source
    start_fsd
    from_command true
    outcome 8 'Nothing'
}

@test "accidents: the producer prints half of a gzip file" {
    make_source
    start_fsd
    # Without pipefail, head alone would count.
    from_command 'set +o pipefail; gzip -c source | head -c 100000' --min-size 200K
    assert_equal "$status" 8
    from_command 'gzip -c source | head -c 100000'
    outcome 14 'Nothing'
}

@test "accidents: the producer hangs" {
    make_source
    start_fsd
    "$FSC" put --name name --from-command -- bash -c 'echo $$ >pid; cat source; exec sleep 600' 2>errors 3>&- &
    await has_stage
    assert_equal "$("$FSC" ls)" ''
    kill -TERM $!
    wait $! || status=$?
    await eval '! kill -0 "$(cat pid)" 2>/dev/null'
    outcome 143 'Nothing'
}

@test "accidents: the producer hangs, with --max-time" {
    make_source
    start_fsd
    from_command 'cat source; exec sleep 600' --max-time 1
    outcome 11 'Nothing'
}

@test "accidents: the consumer dies" {
    make_source
    start_fsd
    "$FSC" put source --name name
    run --separate-stderr "$FSC" get name --to-command -- bash -c 'head -c 100 >/dev/null; kill -KILL $$'
    outcome 14 'Nothing here'
}

@test "accidents: the disk of the server is full" {
    FSD_EXPECTED='No space left on device|too little free space'
    use_small_disk 2
    make_source
    head -c 3000000 /dev/urandom >source
    start_fsd
    assert_fails 7 "$FSC" put source --name name
    assert_fails 7 "$FSC" put - --name name < <(cat source)
    outcome 7 'Nothing'
}

@test "accidents: the disk of this machine is full" {
    local there=$LIBRARY
    LIBRARY=$WORK/here use_small_disk 2
    local wrapper=("${FSD_WRAPPER[@]}")
    make_source
    head -c 3000000 /dev/urandom >source
    FSD_WRAPPER=()
    start_fsd
    "$FSC" put source --name name
    LIBRARY=$WORK/here assert_fails 9 "${wrapper[@]}" sh -c '"$@"; code=$?; ls "$LIBRARY" >left; exit $code' - "$FSC" get name --into here
    assert_equal "$(grep -v lost+found left)" ''
    outcome 9 'Nothing here'
}

@test "accidents: the daemon is killed" {
    make_source
    start_fsd
    begin_put
    kill_fsd
    end_put
    assert_equal "$(wc -l <errors)" 1
    outcome 10 'Nothing'
}

@test "accidents: the daemon is restarted" {
    make_source
    start_fsd
    begin_put
    kill -TERM "$FSD_PID"
    await_line "$FSD_PID" "$FSD_LOG" 'msg=stopping' 1
    end_put
    assert_equal "$(cat errors)" ''
    await_fsd
    start_fsd
    outcome 0 'All of it'
}

@test "accidents: the network is cut in the middle of put" {
    make_source
    start_fsd
    assert_fails 10 "$FSC" put source --name name --server "exec:stdbuf -o0 head -c 300000 | nc -N -U $SOCKET"
    outcome 10 'Nothing'
    # The rest of it.
    use_settings 'limits = { pause = "1ms"; };'
    "$FSC" put source --name name --retry 9 --server "exec:stdbuf -o0 head -c 300000 | nc -N -U $SOCKET"
    cmp source "$LIBRARY/name"
}

@test "accidents: the network is cut in the middle of get" {
    local server
    make_source
    start_fsd
    "$FSC" put source --name name
    # nc does not notice that its reader has gone.
    server="exec:nc -U $SOCKET | { stdbuf -o0 head -c 300000; kill -KILL \$\$; }"
    assert_fails 10 "$FSC" get name --into here --server "$server"
    outcome 10 'Nothing here'
    use_settings 'limits = { pause = "1ms"; };'
    "$FSC" get name --into here --retry 9 --server "$server"
    cmp source here/name
}

@test "accidents: the file grows while it is read" {
    make_source
    start_fsd
    stopped read "$WORK/source" "$FSC" put source --name name
    echo more >>source
    continued 8 'fsc: source: the local file changed while it was read'
    status=8
    outcome 8 'Nothing'
}

@test "accidents: the file is truncated while it is read" {
    make_source
    start_fsd
    stopped read "$WORK/source" "$FSC" put source --name name
    truncate -s 1000 source
    continued 8 'fsc: source: the local file changed while it was read'
    status=8
    outcome 8 'Nothing'
}

@test "accidents: the file is replaced while it is read" {
    make_source
    cp source other
    echo other >>other
    cp source old
    start_fsd
    stopped read "$WORK/source" "$FSC" put source --name name
    mv other source
    continued 0 ''
    status=0
    mv old source
    outcome 0 'All of it'
}

@test "accidents: two cron jobs at once store different files" {
    local code pids=()
    make_source
    { cat source && echo other; } >other
    start_fsd
    for code in source other; do
        "$FSC" put "$code" --name name 2>"$code.errors" 3>&- &
        pids+=("$!")
    done
    status=''
    for code in 0 1; do
        wait "${pids[code]}" && status+="0 " || status+="$? "
    done
    status=$(xargs -n 1 <<<"$status" | sort | paste -s -d , | sed 's/,/, /')
    ! cmp -s other "$LIBRARY/name" || mv other source
    outcome '0, 3' 'All of it'
}

@test "accidents: the last answer is lost" {
    make_source
    start_fsd
    # The first answer is that the bytes may come.
    assert_silent "$FSC" put source --name name --server "exec:nc -N -U $SOCKET | head -n 1"
    outcome 0 'All of it'
}

@test "accidents: all files are deleted during an upload" {
    make_source
    start_fsd
    "$FSC" put source --name old
    begin_put
    "$FSC" rm -R --match '*'
    end_put
    [ ! -e "$LIBRARY/old" ]
    outcome 0 'All of it'
}

# A clock that is ahead makes all files old.
@test "accidents: the clock is years ahead" {
    local number
    make_source
    start_fsd
    for number in 1 2 3 4; do
        "$FSC" put source --name "backups/$number"
        touch -d "2001-01-0$number" "$LIBRARY/backups/$number"
    done
    run --separate-stderr "$FSC" rm --match 'backups/*' --keep 2 --older-than 30d
    assert_equal "$output$stderr" ''
    outcome 0 'What --keep keeps'
}

@test "accidents: ssh is refused" {
    command -v ssh >/dev/null || skip 'there is no ssh here (package openssh-client)'
    make_source
    start_fsd
    run --separate-stderr "$FSC" put source --name name --server ssh://127.0.0.1:1
    assert_regex "$stderr" $'refused\r?\nfsc: ssh://127.0.0.1:1: ended with 255 before the server answered$'
    outcome 10 'Nothing'
}

@test "accidents: the name of a folder is misspelled" {
    make_source
    start_fsd
    "$FSC" put source --name backups/name
    assert_fails 4 "$FSC" rm -R --match '*' backup
    assert_fails 4 "$FSC" get -R backup --into here
    assert_fails 9 "$FSC" get backups/name --into her
    assert_fails 4 "$FSC" ls backup
    cmp source "$LIBRARY/backups/name"
    outcome 4 'Nothing here'
}

# rows_of_page: codes, what is stored and the accident of each row of the page.
rows_of_page() {
    page fsc.1 | section ACCIDENTS | sed -n -E 's/^ {7}([a-z].*[^ ]) {3,}([0-9]+(, [0-9]+)*) {3,}([^.]*)\..*/\2: \4: \1/p'
}

# rows_of_tests: the same of each test.
rows_of_tests() {
    sed -n -E -e 's/^@test "accidents: (.*)" \{$/\1/; t name' -e "s/^    outcome '?([0-9, ]+)'? '(.*)'$/\\1: \\2/; T" \
        -e 'G; s/ ?: (.*)\n(.*)/: \1: \2/; p; d' -e ':name; h' "$BATS_TEST_FILENAME"
}

@test "accidents: fsc(1) has these, with what is stored, and no others" {
    rows_of_page >page
    rows_of_tests >tests
    [ "$(wc -l <tests)" -ge 20 ]
    run diff <(sort page) <(sort tests)
    assert_output ''
}
