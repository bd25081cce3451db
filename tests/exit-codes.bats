#!/usr/bin/env bats
# Each exit code of fsc is produced for real by a row of the table "exit-codes", and means the same everywhere.
# bats file_tags=once

load library
load fsc
load manual

# rows: of the table, without comments.
rows() {
    grep '^[0-9]' "$TESTS/exit-codes"
}

# meanings: the table of the code: each exit code and what it means.
meanings() {
    quiet "$FSC" help exit-codes | sed -E 's/^ +//'
}

@test "exit codes: each row of the table ends with its code, and says why in one line" {
    local code command expected wrong=()
    # shellcheck disable=SC2034 # library.bash reads it
    FSD_EXPECTED='msg=denied|cause="the unfinished uploads|the library is not in its place|refuses the handshake'
    mkdir -p "$LIBRARY/folder"
    echo other >"$LIBRARY/taken"
    echo one | tee one >"$LIBRARY/folder/b"
    head -c 2000000 /dev/zero >large
    echo 'limits = { stage_bytes = "1M"; };' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0 --listen 127.0.0.1:0 --identity "$WORK/identity/identity.pem"
    TLS=$(sed -n 's/.*msg=listening address=\(127.0.0.1:[0-9]*\)$/\1/p' "$FSD_LOG")
    PLAIN=plain:127.0.0.1:$FSD_PORT
    export TLS PLAIN PATH=$FSD_BUILD:$PATH
    while read -r code command; do
        run --separate-stderr bash -c "$command" </dev/null
        expected=1
        [ "$code" -ne 0 ] && [ "$code" -lt 128 ] || expected=0
        [ "$status $output ${#stderr_lines[@]}" = "$code  $expected" ] || wrong+=("$code  $command: $status $output$stderr")
        [ ! -d elsewhere ] || mv elsewhere library
    done < <(rows)
    [ "${#wrong[@]}" -eq 0 ] || fail "$(printf '%s\n' "${wrong[@]}")"
}

@test "exit codes: the table has each code that fsc can exit with, and no other" {
    assert_equal "$(rows | awk '{ print $1 < 128 ? $1 : "128+n" }' | uniq)" "$(meanings | awk '{ print $1 }')"
    # A reason has one of them.
    assert_equal "$(sed -n 's/^    \[REASON_[A-Z_]*\] = {"[a-z-]*", \([0-9]*\), .*/\1/p' "$SOURCE/protocol/reason.c" | sort -nu)" \
        "$(meanings | sed -n 's/^\([0-9]*\) .*/\1/p')"
}

@test "exit codes: README and fsc(1) say what they mean in the same words" {
    meanings >table
    sed -n -E 's/^\| ([0-9+n]+) \| (.*) \|$/\1  \2/p' "$SOURCE/README.md" >readme
    run diff table readme
    assert_success
    page fsc.1 | section 'EXIT STATUS' | sed -n -E 's/^ {11} *([0-9]+|128\+n)  /\1  /p' >shown
    run diff table shown
    assert_success
}
