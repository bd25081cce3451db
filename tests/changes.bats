#!/usr/bin/env bats
# Files that others change while they are read: written to with the mtime put back, which only the
# ctime shows, or renamed, linked and given another mode, which changes no byte.
# bats file_tags=once

load library
load fsc

# random SIZE: so many bytes, of which the first and the last are not those of rewrite.
random() {
    printf a
    head -c $(($1 - 2)) /dev/urandom
    printf z
}

# rewrite FILE: its first and last byte become others. Its mtime is put back, its ctime is new.
rewrite() {
    local before
    before=$(stat -c %Z.%z "$1")
    touch -r "$1" "$WORK/stamp"
    printf '<' | dd of="$1" conv=notrunc status=none
    printf '>' | dd of="$1" conv=notrunc status=none bs=1 seek=$(($(stat -c %s "$1") - 1))
    until [ "$(stat -c %Z.%z "$1")" != "$before" ]; do
        touch -r "$WORK/stamp" "$1"
    done
    touch -r "$WORK/stamp" "$1"
}

make_sources() {
    mkdir -p folder
    printf 'hello, world' >small
    random 5000000 >large
    cp small large folder
    touch -d yesterday small large folder/*
}

@test "put: a file that is written to while it is read is not stored, though its mtime is put back" {
    local put file call options
    start_fsd
    while read -r call file options; do
        make_sources
        put=("$FSC" put ${options:+$options} "$file")
        [[ $file != folder/* ]] || put=("$FSC" put -R folder)
        stopped "$call" "$WORK/$file" "${put[@]}"
        rewrite "$file"
        continued 8 "fsc: $file: the local file changed while it was read"
        run "$FSC" stat "$file"
        assert_failure 4
        rm -rf "$LIBRARY/folder"
    done <<'END'
read small
read large
read folder/small
read folder/large
read small --exclusive
read large --exclusive
END
}

@test "put: a file that is written to while only its digest is made is not compared with it" {
    local options
    start_fsd
    make_sources
    "$FSC" put large
    for options in '' --if-same "--replace=sha256:$(sha256sum <small | cut -d ' ' -f 1)"; do
        make_sources
        cp "$LIBRARY/large" large
        touch -d yesterday large
        stopped pread64 "$WORK/large" "$FSC" put large ${options:+"$options"}
        rewrite large
        continued 8 'fsc: large: the local file changed while it was read'
    done
}

@test "put: a file that is renamed, linked or made read-only while it is read is stored" {
    local file change
    start_fsd
    for file in small large; do
        for change in "mv $file moved" "ln $file link" "chmod 0400 $file"; do
            rm -f small large link moved
            make_sources
            cp "$file" kept
            stopped read "$WORK/$file" "$FSC" put --name "$file-${change%% *}" "$file"
            $change
            continued 0 ''
            cmp kept "$LIBRARY/$file-${change%% *}"
        done
    done
}

@test "put: a file that gets another mode between two attempts is stored" {
    make_sources
    use_settings 'limits = { pause = "1ms"; };'
    assert_silent fake bash -c '(await grep -q item script.heard
        chmod 0400 large && : >changed) & exec "$1" put large --retry 1' - "$FSC" <<SCRIPT
> PUT large *
< OK offset=0
>item
! changed
<.
> PUT large *
< OK offset=0
>body
< OK size=5000000 digest=sha256:$(sha256sum <large | cut -d ' ' -f 1)
SCRIPT
}

@test "get: a local file that is written to while it is compared is not called the same" {
    local change
    start_fsd
    make_sources
    "$FSC" put large
    for change in 'rewrite large' 'truncate -s 10 large' 'touch large'; do
        cp "$LIBRARY/large" large
        touch -d yesterday large
        stopped pread64 "$WORK/large" "$FSC" get large
        $change
        continued 8 'fsc: large: the local file changed while it was read'
    done
    cp "$LIBRARY/large" large
    stopped pread64 "$WORK/large" "$FSC" get large
    chmod 0400 large
    continued 0 ''
}

# stopped_daemon REQUEST: a daemon that has read the first piece of library/hand, a file without a record.
stopped_daemon() {
    mkdir -p "$LIBRARY"
    random 1000000 >"$LIBRARY/hand"
    touch -d yesterday "$LIBRARY/hand"
    printf '%s\n' "$1" >requests
    stopped pread64 "$LIBRARY/hand" "$FSD" --library "$LIBRARY" --stdio
}

@test "fsd: a file without a record that is written to while its digest is made is a mismatch" {
    local request digest=sha256:0000000000000000000000000000000000000000000000000000000000000000
    for request in "GET hand digest=$digest" "PUT hand size=1000000 digest=$digest"; do
        stopped_daemon "$request"
        rewrite "$LIBRARY/hand"
        continued 0 ''
        assert_equal "$(cat stopped.output)" 'FAIL mismatch the content differs from what was announced'
        # Another name for it changes no byte.
        stopped_daemon "$request"
        ln -f "$LIBRARY/hand" "$LIBRARY/other"
        continued 0 ''
        assert_regex "$(cat stopped.output)" "$(sha256sum <"$LIBRARY/hand" | cut -d ' ' -f 1)"
    done
}
