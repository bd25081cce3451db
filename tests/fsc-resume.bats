#!/usr/bin/env bats
# fsc get --resume: what came is kept in a part, and the next run continues from it.
# bats file_tags=once

load library
load fsc

# store NAME: a file of 1 MB, whose bytes are in source.
store() {
    mkdir -p here "$LIBRARY"
    head -c 1000000 /dev/urandom >source
    use_breaking_server
    assert_silent "$FSC" put source --name "$1" --replace
}

# part NAME FILE: what the part of NAME with the content of FILE is called.
part() {
    local name file
    name=$(printf %s "$1" | sha256sum)
    file=$(sha256sum <"$2")
    printf '.fsc-part-%s-%s' "${name:0:32}" "${file:0:64}"
}

# break_off NAME: a part of it is in the folder here.
break_off() {
    use_breaking_server 300000
    assert_fails 10 "$FSC" get "$1" --into here --resume
    assert [ "$(stat -c '%a %h %F' "here/$(part "$1" source)")" = '600 1 regular file' ]
    assert [ "$(stat -c %s "here/$(part "$1" source)")" -gt 200000 ]
    use_breaking_server
}

assert_whole() {
    cmp source "here/$1"
    assert_equal "$(ls -A here)" "$1"
    assert_equal "$(stat -c %a "here/$1")" "$(umask 022 && : >mode && stat -c %a mode)"
}

@test "get --resume: a run that lost its connection is continued by the next one" {
    umask 022
    store a
    break_off a
    run --separate-stderr "$FSC" get a --into here --resume -v
    assert_equal "$status" 0
    assert_regex "$stderr" 'fsc: a: resumed at [0-9.]+ kB'
    assert [ "$(stat -c %s sent)" -lt 800000 ]
    assert_whole a
    # Without it nothing stays.
    rm here/a
    use_breaking_server 300000
    assert_fails 10 "$FSC" get a --into here
    assert_equal "$(ls -A here)" ''
}

@test "get --resume: a run that is killed is continued by the next one" {
    local signal status
    umask 022
    for signal in KILL INT; do
        store a
        rm -f here/a
        use_breaking_server 300000 silent
        env --default-signal=INT "$FSC" get a --into here --resume 3>&- &
        await eval 'find here -name ".fsc-part-*" -size +100000c | grep -q .'
        kill -"$signal" $!
        wait $! || status=$?
        assert_equal "$status" "$((128 + $(kill -l "$signal")))"
        assert_equal "$(ls -A here)" "$(part a source)"
        use_breaking_server
        assert_silent "$FSC" get a --into here --resume
        assert [ "$(stat -c %s sent)" -lt 900000 ]
        assert_whole a
    done
}

@test "get --resume: with -R, --force, --output, --sha256 and the longest names" {
    local long sum
    umask 022
    long=$(printf 'x%.0s' {1..255})
    store "folder/$long"
    use_breaking_server 300000
    assert_fails 10 "$FSC" get -R folder --into here --resume
    assert_equal "$(ls -A here/folder)" "$(part "folder/$long" source)"
    use_breaking_server
    assert_silent "$FSC" get -R folder --into here --resume
    assert [ "$(stat -c %s sent)" -lt 850000 ]
    cmp source "here/folder/$long"
    rm -r here
    store a
    break_off a
    sum=$(sha256sum <source)
    echo old >here/a
    assert_silent "$FSC" get a --output here/a --force --resume --sha256 "${sum:0:64}"
    assert [ "$(stat -c %s sent)" -lt 800000 ]
    assert_whole a
}

@test "get --resume: what is damaged, or is now another file, is fetched from the start" {
    umask 022
    store a
    break_off a
    printf XXXX | dd of="here/$(part a source)" conv=notrunc bs=1 seek=1000 status=none
    run --separate-stderr "$FSC" get a --into here --resume -v
    assert_equal "$status" 0
    assert_regex "$stderr" 'fsc: a: starts again, because what was kept of it is damaged'
    assert_whole a
    rm here/a
    break_off a
    head -c 2000000 /dev/zero >>"here/$(part a source)"
    assert_silent "$FSC" get a --into here --resume
    assert_whole a
    rm here/a
    break_off a
    store a
    assert_silent "$FSC" get a --into here --resume
    assert_whole a
}

@test "get --resume: parts that others could have made are not used" {
    local part
    umask 022
    store a
    part=here/$(part a source)
    echo mine >victim
    ln -s ../victim "$part"
    assert_silent "$FSC" get a --into here --resume
    cmp source here/a
    assert [ -L "$part" ]
    rm here/a "$part"
    ln victim "$part"
    assert_silent "$FSC" get a --into here --resume
    assert_whole a
    rm here/a
    mkfifo "$part"
    assert_silent "$FSC" get a --into here --resume
    assert_whole a
    rm here/a
    assert_equal "$(cat victim)" mine
    break_off a
    chmod 0666 "$part"
    assert_silent "$FSC" get a --into here --resume
    assert [ "$(stat -c %s sent)" -gt 1000000 ]
    assert_whole a
}

@test "get --resume: a part of another user is not used" {
    [ "$(id -u)" -eq 0 ] || skip 'needs root to give a file away'
    umask 022
    store a
    break_off a
    chown 65534 "here/$(part a source)" || skip 'files cannot be given away here'
    # Nor can that user keep it locked.
    exec {lock}<>"here/$(part a source)"
    flock -n "$lock"
    assert_silent "$FSC" get a --into here --resume
    assert [ "$(stat -c %s sent)" -gt 1000000 ]
    cmp source here/a
}

@test "get --resume: a part is locked, and another run says so" {
    store a
    break_off a
    exec {lock}<>"here/$(part a source)"
    flock -n "$lock"
    assert_fails 12 "$FSC" get a --into here --resume
    assert_equal "$stderr" "fsc: here/a: another fsc is fetching it, to $(part a source)"
    exec {lock}>&-
    assert_silent "$FSC" get a --into here --resume
    cmp source here/a
}

@test "get --resume: stale parts are removed" {
    local stale fresh locked
    store a
    break_off a
    store a
    printf 1 >one
    printf 2 >two
    printf 3 >three
    stale=$(part b one) fresh=$(part b two) locked=$(part c three)
    cp one "here/$stale"
    cp two "here/$fresh"
    cp three "here/$locked"
    touch -d '8 days ago' "here/$stale" "here/$locked"
    exec {lock}<>"here/$locked"
    flock -n "$lock"
    assert_silent "$FSC" get a --into here --resume
    exec {lock}>&-
    assert_equal "$(ls -A here)" "$(printf '%s\n' "$fresh" "$locked" a | LC_ALL=C sort)"
    # A file of the user that has a similar name is none.
    printf mine >here/.fsc-part-notes
    printf mine >"here/${stale%-*}-notes"
    printf mine >"here/$(part a one).save"
    touch -d '8 days ago' here/.fsc-part-notes "here/${stale%-*}-notes"
    rm here/a
    assert_silent "$FSC" get a --into here --resume
    assert_equal "$(cat here/.fsc-part-notes "here/${stale%-*}-notes" "here/$(part a one).save")" mineminemine
    rm here/.fsc-part-notes "here/${stale%-*}-notes" "here/$(part a one).save"
    # Also those of a run that was killed after the file had its name.
    ln here/a "here/$(part a source)"
    rm "here/$fresh"
    assert_silent "$FSC" get a --into here --resume
    assert_equal "$(ls -A here)" a
}

@test "get --resume: the part of the next run is not removed" {
    store a
    echo old >here/a
    stopped renameat "$WORK/here" "$FSC" get a --into here --force --resume
    cmp source here/a
    rm here/a
    break_off a
    continued 0 ''
    assert [ -e "here/$(part a source)" ]
}

@test "get --resume: what came before the disk was full is kept, and the rest comes when there is room" {
    local size
    store a
    LIBRARY=$WORK/here use_small_disk
    LIBRARY=$WORK/here run --separate-stderr "${FSD_WRAPPER[@]}" bash -c 'rm -rf here/lost+found
        cat /dev/zero >here/ballast 2>/dev/null
        truncate -s -500K here/ballast
        for attempt in 1 2; do
            "$FSC" get a --into here --resume
            echo "$?" here/.fsc*
        done
        stat -c %s here/.fsc*
        rm here/ballast
        : >sent
        "$FSC" get a --into here --resume && cmp source here/a && ls -A here'
    assert_equal "$stderr" "$(yes 'fsc: here/a: cannot write: No space left on device' | head -n 2)"
    size=${lines[2]}
    assert [ "$size" -gt 300000 ]
    assert_equal "$output" "$(printf '%s\n' "9 here/$(part a source)" "9 here/$(part a source)" "$size" a)"
    assert [ "$(stat -c %s sent)" -lt "$((1001000 - size))" ]
}

@test "get --resume: what cannot be resumed exits with 2" {
    store a
    assert_fails 2 "$FSC" get a --resume --output -
    assert_equal "$stderr" 'fsc: get: --resume needs a file, not standard output (use --output FILE)'
    mkfifo fifo
    assert_fails 2 "$FSC" get a --resume --output fifo
    assert_equal "$stderr" 'fsc: fifo: --resume needs a file, and this is a device or FIFO'
    assert_fails 2 "$FSC" get a --resume --output /dev/null
    assert_fails 2 "$FSC" get a --resume --to-command -- cat
}
