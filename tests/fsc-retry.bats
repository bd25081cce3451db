#!/usr/bin/env bats
# fsc put tries again: from where the server has got to, in the same run and in the next; and after
# an answer that was lost it asks what became of the file.
# bats file_tags=once

load library
load fsc

# The pauses are short.
short_pauses() {
    use_settings 'limits = { pause = "10ms"; };'
}

# make_large: a file of 5,000,000 bytes, and $digest.
make_large() {
    short_pauses
    { head -c 4999990 /dev/urandom && printf 0123456789; } >large
    digest=sha256:$(sha256sum <large | cut -d ' ' -f 1)
}

# digest_of_first N: of the first N bytes of large.
digest_of_first() {
    printf 'sha256:%s' "$(head -c "$1" large | sha256sum | cut -d ' ' -f 1)"
}

# Ids of uploads that a fake server has heard, each once.
heard_ids() {
    grep -a -o 'upload=[0-9a-f]*' script.heard | sort -u
}

# How many files of ids there are.
count_ids() {
    find "$XDG_STATE_HOME" -type f 2>/dev/null | wc -l
}

# relay [FIFO]: makes a way to the daemon: of its first run only 3,000,000 bytes get through, and then it
# ends, with a FIFO when that has been written to. What the n-th run has sent is in sent.n.
relay() {
    cat >relay.py <<RELAY
import contextlib, itertools, os, socket, sys, threading
number = next(n for n in itertools.count(1) if not os.path.exists(f'sent.{n}'))
left = 3000000 if number == 1 else 1 << 62
server = socket.socket(socket.AF_UNIX)
try:
    server.connect('$SOCKET')
except (ConnectionError, FileNotFoundError):
    sys.exit(1)  # between two daemons nobody listens


def downwards():
    with contextlib.suppress(ConnectionError):
        while data := server.recv(65536):
            os.write(1, data)


thread = threading.Thread(target=downwards, daemon=True)
thread.start()
with open(f'sent.{number}', 'wb', 0) as sent, contextlib.suppress(ConnectionError):
    while left > 0 and (data := os.read(0, min(left, 65536))):
        sent.write(data)
        server.sendall(data)
        left -= len(data)
if number == 1 and '$*':
    open('$*').read()
with contextlib.suppress(OSError):
    server.shutdown(socket.SHUT_WR)
thread.join()
RELAY
    FSC_SERVER='exec:exec python3 relay.py'
}

# await_stage BYTES: waits until the only stage is longer than that.
await_stage() {
    await has_stage "$1"
}

has_stage() {
    find "$LIBRARY/.fsd/stage" -type f -size +"$1"c | grep -q .
}

# assert_sent LEAST MOST: what the second run of the relay has sent.
assert_sent() {
    local size
    size=$(stat -c %s sent.2)
    ((size >= $1 && size <= $2)) || fail "the second time $size bytes were sent"
}

# bats test_tags=client
@test "retry: a server that starts later" {
    local pid pids=()
    make_large
    printf hello >small
    "$FSC" put small --retry 100000 2>errors.1 3>&- &
    pids+=($!)
    "$FSC" put large --retry 100000 2>errors.2 3>&- &
    pids+=($!)
    # shellcheck disable=SC2002
    cat large | "$FSC" put - --name stream --retry 100000 2>errors.3 3>&- &
    pids+=($!)
    start_fsd
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    run cat errors.1 errors.2 errors.3
    assert_output ''
    cmp small "$LIBRARY/small"
    cmp large "$LIBRARY/large"
    cmp large "$LIBRARY/stream"
}

@test "retry: N more attempts, and one line at the end" {
    local count
    make_large
    printf hello >small
    for count in 0 1 3; do
        { yes $'> PUT large *\n<.' || true; } 2>/dev/null | head -n $((2 * count + 2)) >script
        assert_fails 10 "$TESTS/fake_server" "$SOCKET" script "$FSC" put large --retry "$count"
        assert_equal "$stderr" "fsc: $SOCKET: the connection was closed before the server answered"
        assert_equal "$(wc -l <script.heard)" $((count + 1))
        # After the last one it is asked for what was sent whole.
        { yes $'> PUT small *\n> 5\n> hello\n> END\n<.' || true; } 2>/dev/null | head -n $((5 * count + 5)) >script
        printf '%s\n' "> PUT small size=5 digest=$digest_of_hello" '<.' >>script
        assert_fails 10 "$TESTS/fake_server" "$SOCKET" script "$FSC" put small --retry "$count"
        assert_equal "$stderr" \
            "fsc: $SOCKET: the connection was closed before the server answered; the files that were sent may or may not be stored"
    done
    assert_fails 10 "$FSC" put large --retry 3
    assert_regex "$stderr" '^fsc: .*: cannot connect: '
    # When the server cannot be reached the others are left.
    assert_fails 10 "$FSC" put large small --retry 3
    # The setting does the same as the option.
    use_settings 'retry = 2; limits = { pause = "10ms"; };'
    { yes $'> PUT large *\n<.' || true; } 2>/dev/null | head -n 6 >script
    assert_fails 10 "$TESTS/fake_server" "$SOCKET" script "$FSC" put large
}

@test "retry: only after exit codes 10, 11 and 12" {
    local reason
    make_large
    for reason in busy unavailable timeout; do
        assert_silent fake "$FSC" put large --retry 1 <<SCRIPT
> PUT large *
< OK offset=0\nFAIL $reason
>body
<.
> PUT large *
< OK size=5000000 digest=$digest
SCRIPT
    done
    for reason in denied no-space mismatch aborted internal not-a-file something-new; do
        assert_fails "$(case $reason in denied) echo 6 ;; no-space) echo 7 ;; mismatch) echo 8 ;; *) echo 1 ;; esac)" \
            fake "$FSC" put large --retry 3 <<SCRIPT
> PUT large *
< FAIL $reason
SCRIPT
        assert_equal "$(count_ids)" 0
    done
    assert_fails 9 "$FSC" put missing --retry 3
}

@test "retry: each pause is longer, and --max-time bounds them all" {
    local since
    printf hello >small
    use_settings 'limits = { pause = "100ms"; };'
    since=$(date +%s%N)
    assert_fails 10 "$FSC" put small --retry 3
    # Three quarters of 100, 200 and 400 ms.
    [ $((($(date +%s%N) - since) / 1000000)) -ge 525 ]
    assert_fails 10 timeout 60 "$FSC" put small --retry 1000000 --max-time 1
    use_settings 'limits = { pause = "1h"; };'
    # There is no time for a pause.
    assert_fails 10 timeout 60 "$FSC" put small --retry 1 --max-time 10m
    run --separate-stderr timeout 60 "$FSC" put small --retry 1 --max-time 10m -v
    assert_equal "${stderr_lines[0]}" 'fsc: no other attempt, because of --max-time'
}

@test "retry: each pause is up to a quarter more or less, at random" {
    local i
    use_settings 'limits = { pause = "60s"; };'
    for i in {1..8}; do
        "$FSC" rm a --server "$WORK/nowhere" --retry 1 -v 2>"said$i" 3>&- &
        await grep -q -s 'attempt 2 of 2' "said$i"
        kill $!
        wait $! || true
        sed -n 's/.*attempt 2 of 2 in \([0-9.]*\) s: .*/\1/p' "said$i"
    done >pauses
    assert_equal "$(awk '$1 >= 45 && $1 <= 75' pauses | wc -l)" 8
    assert [ "$(sort -u pauses | wc -l)" -gt 1 ]
}

@test "retry: a listing is retried unless it is printed as it arrives" {
    short_pauses
    echo 'retry = 1;' >>"$XDG_CONFIG_HOME/fsc/fsc.conf"
    printf '> LIST\n< OK\n< 2\\na\\n\n<.\n> LIST\n< OK\n< 2\\nb\\n\n< END\n' >script
    run --separate-stderr "$TESTS/fake_server" "$SOCKET" script "$FSC" ls
    assert_equal "$status $output $stderr" '0 b '
    run --separate-stderr fake "$FSC" ls -U <<<$'> LIST\n< OK\n< 2\\na\\n\n<.'
    assert_equal "$status $output ${#stderr_lines[@]}" '10 a 1'
}

@test "retry: no zombies stay of what the commands have left behind" {
    short_pauses
    # It leaves the process group, as a master of ssh does, and ends before the command.
    cat >./command <<'END'
(setsid sh -c 'echo "$$" >pid' &)
until [ -s pid ] && ! grep -q '^State:.[^ZX]' "/proc/$(cat pid)/status" 2>/dev/null; do :; done
rm pid
ps --ppid "$PPID" -o stat= | grep -c Z >>zombies
exit 1
END
    assert_fails 10 setsid -w "$FSC" get a --retry 3 --server 'exec:. ./command'
    assert_equal "$(<zombies)" $'1\n1\n1\n1'
}

@test "retry: the count must be a number" {
    local text
    printf hello >small
    for text in '' -1 1.5 x 1s 01 1000001 99999999999999999999; do
        assert_fails 2 "$FSC" put small --retry "$text"
        assert_regex "$stderr" '^fsc: --retry: '
    done
}

@test "retry: only small files without an answer are sent again" {
    short_pauses
    mkdir tree
    printf hello | tee tree/{a,b,c,d} >/dev/null
    run --separate-stderr fake "$FSC" put -R tree --retry 1 --json <<SCRIPT
> PUT tree/a *
> 5
> hello
> END
< FAIL denied not this one
< FAIL unavailable not now
< EXISTS size=5 digest=$digest_of_hello
<.
> PUT tree/b size=5 digest=$digest_of_hello eager=1
> 5
> hello
> END
> PUT tree/d *
> 5
> hello
> END
< OK size=5 digest=$digest_of_hello
< EXISTS
SCRIPT
    assert_equal "$status" 6
    assert_equal "$stderr" 'fsc: tree/a: not this one
fsc: tree/d: exists in the library with different content (use --replace to overwrite)'
    assert_equal "$(jq -c '[.name, .outcome, .exit, .message]' <<<"$output")" \
        '["tree/a","failed",6,"tree/a: not this one"]
["tree/b","stored",null,null]
["tree/c","already there",null,null]
["tree/d","failed",3,"tree/d: exists in the library with different content (use --replace to overwrite)"]'
}

# bats test_tags=client
@test "retry: more small files than fit a buffer are sent again" {
    local i
    short_pauses
    mkdir tree
    for ((i = 0; i < 64; i++)); do
        head -c 65536 /dev/urandom >"tree/$i"
    done
    start_fsd
    # The way to the server breaks in the middle of it.
    relay
    assert_silent "$FSC" put -R tree --retry 1
    diff -r -x .fsd tree "$LIBRARY/tree"
    [ "$(find . -name 'sent.*' | wc -l)" -eq 2 ]
}

@test "retry: a stream is retried only while none of it was read" {
    short_pauses
    mkfifo fifo
    assert_silent fake bash -c 'printf hello | "$1" put - --name x --retry 1' - "$FSC" <<SCRIPT
> PUT x
<.
> PUT x
< OK offset=0
>body
< OK size=5 digest=$digest_of_hello
SCRIPT
    assert_fails 12 fake bash -c 'exec <>fifo && echo hello >&0 && exec "$1" put - --name x --retry 1' \
        - "$FSC" <<'SCRIPT'
> PUT x
< OK offset=0
>item
< FAIL unavailable
>body
SCRIPT
}

# bats test_tags=client
@test "resume: the same run continues from the server's offset" {
    make_large
    start_fsd
    relay
    assert_silent "$FSC" put large --retry 1
    cmp large "$LIBRARY/large"
    # All but the head of each request was sent once.
    assert_sent 2000000 2200000
    assert_equal "$(count_ids)" 0
    assert_no_stages
}

# bats test_tags=client
@test "resume: the next run continues after KILL, INT or TERM" {
    local signal pid code
    start_fsd
    for signal in KILL INT TERM; do
        rm -f sent.* fifo
        make_large
        mkfifo fifo
        relay fifo
        env --default-signal=INT "$FSC" put large --name "$signal" 2>errors 3>&- &
        pid=$!
        await_stage 2800000
        kill -"$signal" "$pid"
        code=0
        wait "$pid" || code=$?
        assert_equal "$code $(cat errors)" "$((128 + $(kill -l "$signal"))) "
        # At a terminal, KILL leaves the relay alone; otherwise nobody reads the FIFO any more.
        : <>fifo
        assert_equal "$(count_ids)" 1
        assert_silent "$FSC" put large --name "$signal"
        cmp large "$LIBRARY/$signal"
        assert_sent 2000000 2300000
        assert_equal "$(count_ids)" 0
    done
    assert_no_stages
}

# bats test_tags=client
@test "resume: a server stops in the middle, and another one continues" {
    local pid
    echo 'limits = { drain = "10ms"; };' >"$CONFIG"
    make_large
    start_fsd
    mkfifo fifo
    relay fifo
    "$FSC" put large --retry 100000 2>errors 3>&- &
    pid=$!
    await_stage 2800000
    FSD_EXPECTED='msg="(a session was ended|sessions were ended)'
    stop_fsd
    : >fifo
    SERVER=$FSC_SERVER
    start_fsd
    FSC_SERVER=$SERVER
    wait "$pid"
    assert_equal "$(cat errors)" ''
    cmp large "$LIBRARY/large"
}

@test "resume: each attempt sends the same id, also while the server is busy" {
    make_large
    assert_silent fake "$FSC" put large --retry 1 <<SCRIPT
> PUT large size=5000000 upload=*
< OK offset=0
>item
<.
> PUT large size=5000000 upload=*
< FAIL busy
<.
> PUT large size=5000000 upload=*
< FAIL busy
<.
> PUT large size=5000000 upload=*
< OK offset=4999990 digest=$(digest_of_first 4999990)
> 10
> 0123456789
>body
< OK size=5000000 digest=$digest
SCRIPT
    assert_equal "$(heard_ids | wc -l)" 1
    assert_regex "$(heard_ids)" '^upload=[0-9a-f]{32}$'
    assert_equal "$(tail -n 1 script.heard)" "END digest=$digest"
    # So does the next run, when the session of the one before is still there.
    assert_fails 10 fake "$FSC" put large --name next <<<$'> PUT next *\n<.'
    assert_silent fake "$FSC" put large --name next <<SCRIPT
> PUT next *
< FAIL busy
<.
> PUT next *
< OK size=5000000 digest=$digest
SCRIPT
    # But not of a server that has never heard of it.
    assert_fails 12 fake "$FSC" put large --name other <<<$'> PUT other *\n< FAIL busy'
    # The next upload has another one.
    assert_silent fake "$FSC" put large --name next <<<$'> PUT next *\n'"< OK size=5000000 digest=$digest"
    heard_ids >before
    assert_silent fake "$FSC" put large --name next <<<$'> PUT next *\n'"< OK size=5000000 digest=$digest"
    [ "$(heard_ids)" != "$(cat before)" ]
}

@test "resume: a stage that is not a beginning of the file is abandoned" {
    local offset
    make_large
    for offset in "offset=1000 digest=$digest" "offset=5000001 digest=$digest" \
        "offset=9223372036854775807 digest=$digest" \
        "offset=9223372036854775807 digest=$(digest_of_first 0)"; do
        assert_silent fake "$FSC" put large <<SCRIPT
> PUT large *
< OK $offset
> ABORT aborted
< FAIL aborted
> PUT large *
< OK offset=0
>body
< OK size=5000000 digest=$digest
SCRIPT
        assert_equal "$(tail -n 1 script.heard)" "END digest=$digest"
        # But only once.
        assert_fails 1 fake "$FSC" put large <<SCRIPT
> PUT large *
< OK $offset
> ABORT aborted
< FAIL aborted
> PUT large *
< OK $offset
> ABORT aborted
< FAIL aborted
SCRIPT
    done
    for offset in offset=1000 'offset=1000 digest=md5:00' "offset=-1 digest=$digest"; do
        assert_fails 1 fake "$FSC" put large <<<$'> PUT large *\n'"< OK $offset"
    done
    # A stream has no id, and nothing of it can be there.
    assert_fails 1 fake bash -c '"$1" put - --name x < <(cat large)' - "$FSC" <<SCRIPT
> PUT x
< OK offset=1000 digest=$(digest_of_first 1000)
SCRIPT
}

@test "resume: the server may have all of it already" {
    make_large
    assert_silent fake "$FSC" put large <<SCRIPT
> PUT large *
< OK offset=5000000 digest=$digest
> END digest=$digest
< OK size=5000000 digest=$digest
SCRIPT
}

@test "resume: a file that has changed since is no longer sent" {
    make_large
    assert_fails 8 fake bash -c '(await grep -q item script.heard
        printf x >>large && : >changed) & exec "$1" put large --retry 3' - "$FSC" <<SCRIPT
> PUT large *
< OK offset=0
>item
! changed
<.
SCRIPT
    assert_equal "$stderr" 'fsc: large: the local file changed while it was read'
    # The next run has another file, and another id.
    assert_equal "$(count_ids)" 0
}

# bats test_tags=client
@test "resume: a daemon whose stage has other bytes of the same size and time" {
    make_large
    start_fsd
    relay
    assert_fails 10 "$FSC" put large
    touch -r large stamp
    printf x | dd of=large conv=notrunc status=none
    touch -r stamp large
    assert_silent "$FSC" put large
    cmp large "$LIBRARY/large"
}

@test "resume: signs of life are sent while the beginning is read again" {
    use_settings 'limits = { heartbeat = "1ms"; };'
    head -c 50000000 /dev/zero >large
    assert_silent fake "$FSC" put large <<SCRIPT
> PUT large *
< OK offset=50000000 digest=sha256:$(sha256sum <large | cut -d ' ' -f 1)
> WAIT
>body
< OK size=50000000 digest=sha256:$(sha256sum <large | cut -d ' ' -f 1)
SCRIPT
}

@test "ids: are kept as long as they are useful, and only for the user" {
    make_large
    umask 0
    assert_fails 10 fake "$FSC" put large <<<$'> PUT large *\n<.'
    assert_equal "$(count_ids)" 1
    run find state -printf '%y %m %P\n'
    assert_line 'd 700 fsc'
    assert_line 'd 700 fsc/uploads'
    assert_line --regexp '^f 600 fsc/uploads/[0-9a-f]{64}$'
    heard_ids >before
    assert_equal "upload=$(cat state/fsc/uploads/*)" "$(cat before)"
    # Another name, another server and another file are something else.
    assert_fails 10 fake "$FSC" put large --name other <<<$'> PUT other *\n<.'
    [ "$(heard_ids)" != "$(cat before)" ]
    cp large copy
    assert_fails 10 fake "$FSC" put copy --name large <<<$'> PUT large *\n<.'
    [ "$(heard_ids)" != "$(cat before)" ]
    SOCKET=$WORK/other
    FSC_SERVER=$SOCKET assert_fails 10 fake "$FSC" put large <<<$'> PUT large *\n<.'
    [ "$(heard_ids)" != "$(cat before)" ]
    assert_equal "$(count_ids)" 4
    SOCKET=$WORK/socket
    assert_silent fake "$FSC" put large <<<$'> PUT large *\n'"< OK size=5000000 digest=$digest"
    assert_equal "$(heard_ids)" "$(cat before)"
    assert_equal "$(count_ids)" 3
}

# bats test_tags=client
@test "ids: files are stored also where no id can be kept" {
    local place
    make_large
    start_fsd
    : >file
    for place in -u,XDG_STATE_HOME,-u,HOME XDG_STATE_HOME=relative,HOME=relative XDG_STATE_HOME=/dev/null \
        "XDG_STATE_HOME=$WORK/file" XDG_STATE_HOME=/proc; do
        # shellcheck disable=SC2086
        assert_silent env ${place//,/ } "$FSC" put large --name "$place"
        cmp large "$LIBRARY/$place"
    done
    run find . -name uploads
    assert_output ''
    assert_silent env -u XDG_STATE_HOME HOME="$WORK/home" "$FSC" put large --name x
    [ ! -e home ]
    mkdir home
    assert_silent env -u XDG_STATE_HOME HOME="$WORK/home" "$FSC" put large --name y
    [ -d home/.local/state/fsc/uploads ]
    # A full disk.
    assert_silent bash -c 'ulimit -f 0 && trap "" XFSZ && exec "$1" put large --name z' - "$FSC"
    assert_equal "$(count_ids)" 0
}

# cut_off HOME...: an upload that is cut off, and a completion without a server, by the user of the folder
# "run", with this environment. Both want to keep something.
cut_off() {
    local user
    user=$(stat -c %u run)
    install -m 0755 "$FSC" "$TESTS/fake_server" run
    printf '> PUT large *\n<.\n' >run/script
    chown "$user" run/script
    rm -f run/socket run/script.heard
    (
        cd run || exit
        export FSC_SERVER=$WORK/run/socket
        assert_fails 10 setpriv --reuid "$user" --clear-groups env -u XDG_STATE_HOME -u XDG_CACHE_HOME "$@" \
            ./fake_server "$FSC_SERVER" script ./fsc put ../large </dev/null
        rm -f socket
        run setpriv --reuid "$user" --clear-groups env -u XDG_STATE_HOME -u XDG_CACHE_HOME "$@" \
            ./fsc __complete -- 'fsc get ' '' quoted
        assert_failure 10
    )
}

@test "ids: nothing is kept below the home of another user" {
    local owner other place
    let_others_in
    make_large
    chmod 0644 large
    for owner in 0 65534; do
        other=$((65534 - owner))
        rm -rf run home
        mkdir run home
        chown "$owner" run
        chown "$other" home
        chmod 0777 home
        for place in HOME="$WORK/home" "HOME=$WORK/home XDG_STATE_HOME=$WORK/home XDG_CACHE_HOME=$WORK/home/.cache" \
            "XDG_STATE_HOME=$WORK/home/.local/state XDG_CACHE_HOME=$WORK/home/a/b"; do
            # shellcheck disable=SC2086
            cut_off $place
            assert_equal "$(find home)" home
        done
        chown "$owner" home
        cut_off HOME="$WORK/home"
        assert_equal "$(find home -type f -user "$owner" | cut -d / -f 2 | sort)" $'.cache\n.local'
    done
}

@test "ids: nothing is kept in a folder of another user below one's own home" {
    local name
    let_others_in
    make_large
    chmod 0644 large
    mkdir -p run home/.local home/.cache other
    chown 65534 other
    for name in .local/state .cache/fsc; do
        ln -s "$WORK/other" "home/$name"
    done
    cut_off HOME="$WORK/home"
    assert_equal "$(find other home -type f)" ''
    # A link of one's own to another disk.
    chown 0 other
    cut_off HOME="$WORK/home"
    assert_equal "$(find other -type f -name 'listing-*' | wc -l) $(find other/fsc/uploads -type f | wc -l)" '1 1'
}

@test "ids: a damaged id is replaced" {
    local text file
    make_large
    assert_fails 10 fake "$FSC" put large <<<$'> PUT large *\n<.'
    file=$(echo state/fsc/uploads/*)
    for text in '' x "$(printf '%032d' 0)x" "$(printf '%031d' 0)"$'\n' "$(printf '%033d' 0)" $'\n' \
        "$(printf '%032d' 0 | tr 0 G)"; do
        printf '%s\n' "$text" >"$file"
        assert_fails 10 fake "$FSC" put large <<<$'> PUT large *\n<.'
        assert_equal "upload=$(cat "$file")" "$(heard_ids)"
        assert_regex "$(heard_ids)" '^upload=[0-9a-f]{32}$'
    done
    # A link, a FIFO and a folder are left unchanged.
    rm "$file"
    ln -s "$WORK/nowhere" "$file"
    assert_fails 10 fake "$FSC" put large <<<$'> PUT large *\n<.'
    [ ! -e nowhere ]
    rm "$file"
    mkfifo "$file"
    assert_fails 10 timeout 20 "$TESTS/fake_server" "$SOCKET" script "$FSC" put large
    rm -f "$file"
    mkdir "$file"
    assert_fails 10 fake "$FSC" put large <<<$'> PUT large *\n<.'
}

# A name may be a lock: an id that cannot be removed must not make a second run believe that it has it.
@test "ids: a finished id is never used again" {
    make_large
    skip_unless_powerless
    assert_fails 10 fake "$FSC" put large <<<$'> PUT large *\n<.'
    chmod 500 state/fsc/uploads
    printf '> PUT large *\n< OK size=5000000 digest=%s\n' "$digest" >script
    assert_silent powerless "$TESTS/fake_server" "$SOCKET" script "$FSC" put large --exclusive
    heard_ids >before
    assert_silent powerless "$TESTS/fake_server" "$SOCKET" script "$FSC" put large --exclusive
    chmod 700 state/fsc/uploads
    [ "$(heard_ids)" != "$(cat before)" ]
}

@test "ids: old ones are removed when another is kept" {
    make_large
    mkdir -p state/fsc/uploads
    cd state/fsc/uploads
    touch -d '9 days ago' "$(printf '%064d' 1)" "$(printf '%064d' 2)" other
    touch -d '7 days ago' "$(printf '%064d' 3)"
    cd "$WORK"
    # One that is in use stays.
    assert_fails 10 fake flock "state/fsc/uploads/$(printf '%064d' 2)" "$FSC" put large \
        <<<$'> PUT large *\n<.'
    [ ! -e "state/fsc/uploads/$(printf '%064d' 1)" ]
    [ -e "state/fsc/uploads/$(printf '%064d' 2)" ] && [ -e "state/fsc/uploads/$(printf '%064d' 3)" ]
    [ -e state/fsc/uploads/other ]
    assert_equal "$(count_ids)" 4
}

@test "ids: a second run with the same file has its own" {
    make_large
    assert_silent fake bash -c '"$1" put large 2>errors; echo $? >code' - "$FSC" <<SCRIPT
> PUT large *
< OK offset=0
>item
<.
SCRIPT
    assert_equal "$(cat code)" 10
    heard_ids >before
    # One that has it waits for its answer, as long as the other one runs.
    FSC_SERVER=$WORK/socket assert_silent fake bash -c '
        exec 9>>"$(echo state/fsc/uploads/*)" && flock 9 && "$1" put large' - "$FSC" <<SCRIPT
> PUT large *
< OK size=5000000 digest=$digest
SCRIPT
    [ "$(heard_ids)" != "$(cat before)" ]
    assert_equal "$(count_ids)" 1
}

# assert_outcomes FIRST REQUEST: for each line of stdin, "CODE ANSWER", a server takes an upload of
# hello, for which the lines of FIRST are the script, and closes; the next connection brings REQUEST,
# and gets ANSWER. fsc put with $PUT exits with CODE, and says one line unless that is 0.
assert_outcomes() {
    local first=$1 request=$2 code answer subject
    while read -r code answer; do
        printf '%s\n<.\n> %s\n< %s\n<.\n' "$first" "$request" "$answer" >script
        run --separate-stderr "$TESTS/fake_server" "$SOCKET" script bash -c "$PUT" - "$FSC"
        assert_equal "$answer: $status" "$answer: $code"
        assert_equal "$output ${#stderr_lines[@]}" " $((code != 0))"
        # That line is about the server if it did not answer at all.
        [[ $first$answer != *'<'* && $answer == \\ ]] && subject=$SOCKET || subject=x
        [ -z "$stderr" ] || assert_regex "$stderr" "^fsc: $subject: "
    done
}

eager_hello=$'> PUT x size=5 digest=* eager=1\n> 5\n> hello\n> END'

@test "lost answers: a file that was sent ahead" {
    printf hello >hello
    PUT='"$1" put hello --name x'
    assert_outcomes "$eager_hello" "PUT x size=5 digest=$digest_of_hello" <<ANSWERS
0 EXISTS size=5 digest=$digest_of_hello
0 EXISTS same=1
3 EXISTS
3 EXISTS size=5 digest=sha256:a\{64}
10 FAIL unavailable
10 FAIL busy
10 \\
10 HELLO
6 FAIL denied
7 FAIL no-space
ANSWERS
    assert_fails 10 fake "$FSC" put hello --name x <<SCRIPT
$eager_hello
<.
> PUT x size=5 digest=*
< OK offset=0
> ABORT aborted
< FAIL aborted
SCRIPT
    assert_equal "$stderr" 'fsc: x: the connection was lost; the file is not stored yet'
}

@test "lost answers: several files over one connection" {
    short_pauses
    mkdir tree
    printf hello | tee tree/{a,b,c} >/dev/null
    run --separate-stderr fake "$FSC" put -R tree <<SCRIPT
> PUT tree/a *
<.
> PUT tree/a size=5 digest=$digest_of_hello
< OK offset=0
> ABORT *
< FAIL aborted
> PUT tree/b size=5 digest=$digest_of_hello
< EXISTS size=5 digest=$digest_of_hello
> PUT tree/c size=5 digest=$digest_of_hello
< EXISTS size=6 digest=sha256:a\{64}
SCRIPT
    assert_equal "$status $stderr" '10 fsc: tree/a: the connection was lost; the file is not stored yet
fsc: tree/c: exists in the library with different content (use --replace to overwrite)'
}

@test "lost answers: a stream" {
    PUT='printf hello | "$1" put - --name x'
    assert_outcomes $'> PUT x\n< OK offset=0\n>body' "PUT x size=5 digest=$digest_of_hello" <<ANSWERS
0 EXISTS size=5 digest=$digest_of_hello
0 EXISTS same=1
3 EXISTS size=5 digest=sha256:a\{64}
10 FAIL unavailable
10 \\
ANSWERS
}

@test "lost answers: a file with an id" {
    make_large
    PUT='"$1" put large --name x'
    assert_outcomes $'> PUT x *\n< OK offset=0\n>body' "PUT x size=5000000 digest=$digest upload=*" <<ANSWERS
0 OK size=5000000 digest=$digest
0 EXISTS size=5000000 digest=$digest
3 EXISTS size=5 digest=$digest_of_hello
8 OK size=5000000 digest=$digest_of_hello
10 OK offset=0
10 OK offset=5000000 digest=$digest
10 FAIL unavailable
10 \\
7 FAIL no-space
ANSWERS
    # One that still works on it is waited for.
    assert_silent fake "$FSC" put large --name x <<SCRIPT
> PUT x size=5000000 upload=*
< OK offset=0
>body
<.
> PUT x size=5000000 digest=$digest upload=*
< FAIL busy
<.
> PUT x size=5000000 digest=$digest upload=*
< OK size=5000000 digest=$digest
SCRIPT
    assert_equal "$(heard_ids | wc -l)" 1
    # With another attempt the upload continues.
    assert_silent fake "$FSC" put large --name x --retry 1 <<SCRIPT
> PUT x size=5000000 upload=*
< OK offset=0
>body
<.
> PUT x size=5000000 digest=$digest upload=*
< OK offset=5000000 digest=$digest
> END digest=$digest
< OK size=5000000 digest=$digest
SCRIPT
}

@test "lost answers: a later attempt that breaks off reports that nothing is stored" {
    make_large
    assert_fails 10 fake "$FSC" put large --retry 1 <<SCRIPT
> PUT large *
< OK offset=0
>body
<.
> PUT large size=5000000 digest=$digest upload=*
< OK offset=0
>item
<.
SCRIPT
    assert_equal "$stderr" 'fsc: large: the connection was lost'
}

@test "lost answers: the server goes away for good" {
    make_large
    assert_fails 10 fake "$FSC" put large --json <<<$'> PUT large *\n< OK offset=0\n>body\n<.' || true
    run --separate-stderr fake "$FSC" put large --retry 2 <<<$'> PUT large *\n< OK offset=0\n>body\n<.'
    assert_equal "$status $stderr" '10 fsc: large: the connection was lost; the file may or may not be stored'
    assert_equal "$(count_ids)" 1
}

@test "lost answers: the server cannot be reached again" {
    local size script
    skip_unless_powerless
    make_large
    export -f powerless
    for size in 5 100000; do
        head -c "$size" large >file
        script='> PUT file *'
        ((size == 5)) || script+=$'\n< OK offset=0'
        rm -f closed.socket
        assert_fails 10 fake bash -c '(await grep -aq ^END script.heard
            chmod 0 "$SOCKET" && : >closed.socket) & powerless "$1" put file --retry 1' - "$FSC" <<SCRIPT
$script
>body
! closed.socket
<.
SCRIPT
        if ((size == 5)); then
            assert_equal "$stderr" \
                "fsc: $SOCKET: the connection was closed before the server answered; the files that were sent may or may not be stored"
        else
            assert_equal "$stderr" 'fsc: file: the connection was lost; the file may or may not be stored'
        fi
    done
}

# One daemon for all: the answer is lost on the way, the next connection is a whole one.
# bats test_tags=client
@test "lost answers: a real daemon" {
    make_large
    printf hello >small
    start_fsd
    cat >deaf.py <<DEAF
import os, socket, sys, threading
# What the client sends gets through; of the answers only go-aheads do. Then it is cut.
server = socket.socket(socket.AF_UNIX)
server.connect('$SOCKET')
once = not os.path.exists('deaf.once')
open('deaf.once', 'w').close()


def upwards():
    while data := os.read(0, 65536):
        server.sendall(data)
    server.shutdown(socket.SHUT_WR)


threading.Thread(target=upwards, daemon=True).start()
for line in server.makefile('rb'):
    if once and not line.startswith(b'OK offset='):
        break
    os.write(1, line)
os._exit(0)
DEAF
    for name in small large; do
        rm -f deaf.once
        assert_silent "$FSC" put "$name" --server 'exec:python3 deaf.py'
        cmp "$name" "$LIBRARY/$name"
    done
    rm -f deaf.once
    assert_silent "$FSC" put large --name exclusive --exclusive --server 'exec:python3 deaf.py'
    rm -f deaf.once
    assert_silent bash -c 'cat large | "$1" put - --name stream --server "exec:python3 deaf.py"' - "$FSC"
    cmp large "$LIBRARY/stream"
}
