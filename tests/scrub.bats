#!/usr/bin/env bats
# fsd-scrub: damaged files are found, put into quarantine and repaired, and nothing else is called so.
# bats file_tags=once

load library

SCRUB=$FSD_BUILD/fsd-scrub

# store NAME TEXT...: puts files as a daemon does, without one.
store() {
    mkdir -p "$LIBRARY"
    while [ $# -gt 0 ]; do
        printf 'PUT %s size=%d eager=1\n' "$1" "${#2}"
        [ -z "$2" ] || printf '%d\n%s\n' "${#2}" "$2"
        echo END
        shift 2
    done >requests
    run quiet "$FSD" --config "$CONFIG" --library "$LIBRARY" --stdio <requests
    assert_success
    refute_line --regexp '^(EXISTS|FAIL)'
}

# rot NAME: other bytes; size, mtime and mode are as they were.
rot() {
    local file=$LIBRARY/$1 mode
    mode=$(stat -c %a "$file")
    touch -r "$file" before
    chmod u+w "$file"
    printf 'X' | dd of="$file" conv=notrunc status=none
    touch -r before "$file"
    chmod "$mode" "$file"
}

digest() {
    printf 'sha256:%s' "$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)"
}

# damage NAME TEXT: the line for a file that was put with this text, and has rotted.
damage() {
    printf '%s: damaged: %s is recorded, %s found' "$1" "$(digest "$2")" "$(digest "X${2:1}")"
}

# scrub CODE ARGUMENT...: it exits with CODE; its last line on stderr becomes $summary, and those before
# it $failures.
scrub() {
    run --separate-stderr timeout 60 "${SCRUB_WRAPPER[@]}" "$SCRUB" --config "$CONFIG" --library "$LIBRARY" "${@:2}" \
        </dev/null 3>&-
    summary=${stderr##*$'\n'}
    failures=${stderr%"$summary"}
    [ "$status" -eq "$1" ] || fail "the exit code is $status, and not $1: $output $stderr"
}

# sums KEY=COUNT...: what the summary tells; of these all others are 0: whole damaged moved given without
# hand meanwhile failures quarantine.
sums() {
    local key value whole=0 damaged=0 moved=0 given=0 without=0 hand=0 meanwhile=0 failures=0 quarantine=0
    for key in "$@"; do
        printf -v "${key%=*}" %s "${key#*=}"
    done
    value="bytes read; files: $whole whole, $damaged damaged, $moved moved to quarantine, $given given a record, "
    value+="$without without a record, $hand copied in or changed by hand, $meanwhile changed while read; "
    value+="$failures failures; $quarantine in quarantine"
    assert_regex "$summary" "^fsd-scrub: [0-9.]+[KMG]? $value\$"
}

# refuses_scrub CODE SENTENCE ARGUMENT...: one line, and nothing is done.
refuses_scrub() {
    run timeout 20 "$SCRUB" "${@:3}" </dev/null 3>&-
    assert_failure "$1"
    assert_output "fsd-scrub: $2"
}

# give_up_power CAPABILITIES: the next runs are without these powers over files, as "-dac_override".
give_up_power() {
    [ "$(id -u)" -eq 0 ] || return 0
    SCRUB_WRAPPER=(setpriv --inh-caps "$1" --bounding-set "$1")
    "${SCRUB_WRAPPER[@]}" true || skip 'root cannot give its power over files up here'
}

# kept NAME: where its file is in quarantine.
kept() {
    printf '%s/.fsd/quarantine/%s' "$LIBRARY" "$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)"
}

# inject STRACE-OPTION...: system calls of fsd-scrub fail as these options say.
inject() {
    skip_when_sanitized strace
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    SCRUB_WRAPPER=(strace -D -o "$WORK/calls" "$@")
}

# stopped_scrub CALL FILE ARGUMENT...: starts it, and returns when it has stopped at its first CALL of the
# file, "" for any; its process is $scrub_pid.
stopped_scrub() {
    : >calls
    inject ${2:+-P "$LIBRARY/$2"} -e "inject=$1:signal=STOP:when=1"
    "${SCRUB_WRAPPER[@]}" "$SCRUB" --config "$CONFIG" --library "$LIBRARY" "${@:3}" \
        >stopped.output 2>stopped.errors 3>&- &
    scrub_pid=$!
    await_line "$scrub_pid" calls 'stopped by SIGSTOP' 1
}

# continue_scrub CODE
continue_scrub() {
    local code=0
    kill -CONT "$scrub_pid" 2>/dev/null || true
    wait "$scrub_pid" || code=$?
    output=$(cat stopped.output) stderr=$(cat stopped.errors)
    summary=${stderr##*$'\n'}
    [ "$code" -eq "$1" ] || fail "the exit code is $code, and not $1: $output $stderr"
}

@test "scrub: files are compared with their records, and files without one are skipped" {
    store a/whole text a/b/changed text x%20y text empty ''
    echo by hand >"$LIBRARY/hand"
    touch -d yesterday "$LIBRARY/a/b/changed"
    scrub 0
    assert_output ''
    assert_equal "$failures" ''
    sums whole=3 without=1 hand=1
}

@test "scrub: damage is reported and left unchanged" {
    store a/whole text a/rotten 'some text' other/rotten text
    rot a/rotten
    rot other/rotten
    find "$LIBRARY" -type f -printf '%p %i %m %s %T@ %C@\n' >before.files
    scrub 1
    assert_equal "$(sort <<<"$output")" "$(damage a/rotten 'some text')"$'\n'"$(damage other/rotten text)"
    assert_equal "$failures" ''
    sums whole=1 damaged=2
    run diff before.files <(find "$LIBRARY" -type f -printf '%p %i %m %s %T@ %C@\n')
    assert_success
}

@test "scrub: an empty library has no damage" {
    mkdir "$LIBRARY"
    scrub 0
    sums
}

@test "scrub: links, special files, forbidden names and .fsd are skipped" {
    store whole text
    mkdir outside "$LIBRARY/.fsd-more" "$LIBRARY/.fsd/quarantine"
    cp -p --preserve=all "$LIBRARY/whole" outside/rotten
    LIBRARY=outside rot rotten
    for name in link .fsd-more/rotten .fsd/stage/rotten .fsd/quarantine/rotten $'new\nline'; do
        cp -p --preserve=all outside/rotten "$LIBRARY/$name"
    done
    rm "$LIBRARY/link"
    ln -s "$WORK/outside" "$LIBRARY/folder"
    ln -s "$WORK/outside/rotten" "$LIBRARY/link"
    mkfifo "$LIBRARY/fifo"
    bind_socket library/socket
    scrub 0 --quarantine --record
    assert_output ''
    sums whole=1 quarantine=1
    [ -e "$LIBRARY"/$'new\nline' ]
}

@test "scrub: one folder, or one file" {
    store a/rotten text b/whole text b/c/whole text
    rot a/rotten
    scrub 0 b
    sums whole=2
    scrub 0 b/c/
    sums whole=1
    scrub 0 b/whole
    sums whole=1
    scrub 1 a/rotten
    assert_output "$(damage a/rotten text)"
}

@test "scrub: a missing folder is a failure" {
    store a text
    scrub 1 nothing
    assert_equal "$failures" 'fsd-scrub: nothing: cannot open: No such file or directory'$'\n'
    sums failures=1
    scrub 1 a/
    assert_equal "$failures" 'fsd-scrub: a: cannot open: Not a directory'$'\n'
    ln -s a "$LIBRARY/link"
    scrub 1 link
    assert_equal "$failures" 'fsd-scrub: link: cannot open: Too many levels of symbolic links'$'\n'
    mkfifo "$LIBRARY/fifo"
    scrub 1 fifo
    assert_equal "$failures" 'fsd-scrub: fifo: is neither a file nor a folder'$'\n'
    sums failures=1
}

@test "scrub: a file that cannot be read is a failure, and the others are read" {
    store a/whole text b/whole text c/rotten text
    rot c/rotten
    mkdir closed
    give_up_power '-dac_override,-dac_read_search'
    chmod 0 "$LIBRARY/a" "$LIBRARY/b/whole"
    scrub 1
    assert_output "$(damage c/rotten text)"
    assert_equal "$(sort <<<"$failures" | xargs -d '\n')" \
        ' fsd-scrub: a/: cannot read: Permission denied fsd-scrub: b/whole: cannot open: Permission denied'
    sums damaged=1 failures=2
}

@test "scrub: lost+found is not missed, and a quarantine that cannot be read is not called empty" {
    store a text
    mkdir -p closed "$LIBRARY/lost+found" "$LIBRARY/.fsd/quarantine"
    give_up_power '-dac_override,-dac_read_search'
    chmod 0 "$LIBRARY/lost+found" "$LIBRARY/.fsd/quarantine"
    scrub 0
    assert_output ''
    assert_equal "$failures" ''
    sums whole=1 quarantine='\?'
}

@test "scrub: bytes that the disk does not give back are damage" {
    store a text b text
    inject -P "$LIBRARY/a" -e inject=pread64:error=EIO
    scrub 1 --quarantine
    assert_output 'a: damaged: cannot be read: Input/output error'
    sums whole=1 damaged=1 moved=1 quarantine=1
    [ ! -e "$LIBRARY/a" ]
    # Other errors say nothing of the file.
    inject -P "$LIBRARY/b" -e inject=pread64:error=ENOMEM
    scrub 1 --quarantine
    assert_output ''
    assert_equal "$failures" 'fsd-scrub: b: cannot read: Cannot allocate memory'$'\n'
    sums failures=1 quarantine=1
}

@test "scrub: a file that is whole when it is read again is not damaged" {
    store a text
    inject -P "$LIBRARY/a" -e inject=pread64:error=EIO:when=1
    scrub 0 --quarantine
    assert_output ''
    sums whole=1
}

@test "scrub: a record that cannot be read is a failure, and is not replaced" {
    store a text b text
    rot b
    inject -P "$LIBRARY/a" -e inject=fgetxattr:error=EIO
    scrub 1 --record
    assert_output "$(damage b text)"
    assert_equal "$failures" 'fsd-scrub: a: cannot read its record: Input/output error'$'\n'
    sums damaged=1 failures=1
    SCRUB_WRAPPER=()
    setfattr -n user.fsd -v garbled "$LIBRARY/b"
    scrub 1 --record
    assert_output ''
    assert_equal "$failures" 'fsd-scrub: b: cannot read its record: Bad message'$'\n'
    sums whole=1 failures=1
    assert_equal "$(getfattr --absolute-names --only-values -n user.fsd "$LIBRARY/b")" garbled
}

@test "scrub: a file is read from the disk, and the page cache is left as it was" {
    local file=$LIBRARY/file
    store file "$(printf '%060000d' 1)"
    in_cache() {
        fincore --bytes --noheadings --output RES "$file" | tr -d ' '
    }
    # What dd(1) does last drops it from the cache.
    dd if="$file" iflag=nocache count=0 status=none
    [ "$(in_cache)" -eq 0 ] || skip 'this file system keeps files in the page cache'
    scrub 0
    sums whole=1
    assert_equal "$(in_cache)" 0
    # Without O_DIRECT.
    inject -P "$file" -e inject=fcntl:error=EINVAL:when=2+
    scrub 0
    sums whole=1
    assert_equal "$(in_cache)" 0
    # It reads the file from the disk, not the page cache.
    cat "$file" >/dev/null
    scrub 0
    assert_equal "$(in_cache)" 0
}

@test "scrub: a file is read also where O_DIRECT fails at the first read" {
    local error
    store file text
    for error in EINVAL EPERM EOPNOTSUPP ENOSYS; do
        inject -P "$LIBRARY/file" -e trace=fcntl,pread64 -e "inject=pread64:error=$error:when=1"
        scrub 0
        sums whole=1
        grep -q O_DIRECT calls || skip 'this file system has no O_DIRECT'
        assert_equal "$(grep -c pread64 calls)" 2
    done
}

@test "scrub: a file that is replaced, removed or changed meanwhile is not damaged" {
    local change
    mkdir "$LIBRARY"
    for change in 'mv other library/file' 'rm library/file' 'touch library/file' 'rm -r library/a'; do
        store file text a/file text
        rot file
        rot a/file
        echo other >other
        stopped_scrub pread64 "$([[ $change = *a ]] && echo a/)file" --quarantine "$([[ $change = *a ]] && echo a/)file"
        $change
        continue_scrub 0
        assert_equal "$output" ''
        sums meanwhile=1
        rm -rf "$LIBRARY"
    done
}

# has_open PID FILE
has_open() {
    readlink "/proc/$1"/fd/* | grep -q -x -F -e "$2"
}

@test "scrub: --rate limits the reading" {
    local code=0
    mkdir "$LIBRARY"
    truncate -s 100M "$LIBRARY/file"
    touch -d yesterday "$LIBRARY/file"
    "$SCRUB" --config "$CONFIG" --library "$LIBRARY" --record --rate 1K >rate.output 2>&1 3>&- &
    scrub_pid=$!
    await has_open "$scrub_pid" "$LIBRARY/file"
    [ "$(sed -n 's/^rchar: //p' "/proc/$scrub_pid/io")" -lt 10000000 ]
    kill -TERM "$scrub_pid"
    wait "$scrub_pid" || code=$?
    assert_equal "$code" 143
    [ ! -s rate.output ]
    scrub 0 --record --rate 10G
    sums given=1
    assert_regex "$summary" '^fsd-scrub: 100M bytes read'
}

@test "scrub: progress is for terminals" {
    command -v script >/dev/null || skip 'there is no script(1) here'
    store file text
    run script -q -e -c "$SCRUB --config $CONFIG --library $LIBRARY" /dev/null </dev/null
    assert_success
    assert_output --regexp '4 of 4 bytes, 100 %, [0-9.]+[KM]? bytes/s'
    scrub 0
    assert_equal "${#stderr_lines[@]}" 1
}

@test "scrub: a report that cannot be written is a failure" {
    [ -c /dev/full ] || skip 'there is no /dev/full here'
    store file text
    rot file
    run bash -c '"$1" --config "$2" --library "$3" 2>&1 >/dev/full' - "$SCRUB" "$CONFIG" "$LIBRARY"
    assert_failure 1
    assert_line --index 0 'fsd-scrub: standard output: cannot write: No space left on device'
}

@test "scrub: usage and configuration" {
    store file text
    refuses_scrub 2 '--rate: must be a size above 0, such as 512K, 20M or 1G' --rate 0
    refuses_scrub 2 '--rate: must be a size above 0, such as 512K, 20M or 1G' --rate fast
    refuses_scrub 2 'b: only one FOLDER can be given' a b
    refuses_scrub 2 '../a: a component is . or ..' ../a
    refuses_scrub 2 '--library: "" is not an absolute path' --config /dev/null --library ''
    refuses_scrub 2 "$WORK/nothing: No such file or directory" --config nothing
    refuses_scrub 2 'library is not set: use --library DIR, or set it in the configuration file' \
        --config /dev/null
    refuses_scrub 1 "$WORK/nothing: No such file or directory" --config /dev/null --library nothing
    refuses_scrub 2 'unknown option --frobnicate' --frobnicate
    refuses_scrub 2 'unknown option --quar; did you mean --quarantine?' --quar
    refuses_scrub 2 '--rate needs a value: SIZE' --rate
    assert_equal "$("$SCRUB" -h)" "$("$SCRUB" --help)"
    run quiet "$SCRUB" --version
    assert_output --regexp '^fsd-scrub [0-9.]+$'
    # Its settings are those of fsd.
    printf 'library = "%s";\nlisten = "/x";\n' "$LIBRARY" >scrub.conf
    run "$SCRUB" --config scrub.conf
    assert_success
    echo 'records = false;' >>scrub.conf
    refuses_scrub 2 'records: is false, so there is nothing to compare files with' --config scrub.conf
    echo 'frobnicate = 1;' >>scrub.conf
    run "$SCRUB" --config scrub.conf
    assert_failure 2
    assert_output --partial 'scrub.conf:4: '
}

@test "scrub: a library that is read-only is read" {
    local unshare=(unshare -rm)
    [ "$(id -u)" -ne 0 ] || unshare=(unshare -m)
    store file text
    rot file
    SCRUB_WRAPPER=("${unshare[@]}" bash -c 'mount --bind "$LIBRARY" "$LIBRARY" &&
        mount -o remount,bind,ro "$LIBRARY" && cd . && exec "$@"' bash)
    "${SCRUB_WRAPPER[@]}" true 2>/dev/null || skip 'nothing can be mounted here'
    scrub 1
    assert_output "$(damage file text)"
    for option in --quarantine --record; do
        run "${SCRUB_WRAPPER[@]}" "$SCRUB" --config "$CONFIG" --library "$LIBRARY" "$option"
        assert_failure 1
        assert_output "fsd-scrub: $LIBRARY: the library is read-only"
    done
}

@test "scrub: is linked with nothing that uses networks" {
    command -v nm >/dev/null || skip 'there is no nm here (package binutils)'
    skip_when_sanitized nm
    run nm -D --undefined-only "$SCRUB"
    assert_output --partial open
    refute_line --regexp ' (socket|socketpair|connect|bind|listen|accept4?|send|sendto|sendmsg|recv|recvfrom|recvmsg|getaddrinfo)(@.*)?$'
}

@test "record: files without one get one, and keep their mtime" {
    store whole text changed text
    mkdir "$LIBRARY/a"
    printf text >"$LIBRARY/a/hand"
    touch -d '2020-01-02 03:04:05.678' "$LIBRARY/a/hand" "$LIBRARY/changed"
    scrub 0 --record
    sums whole=1 given=2
    run getfattr --absolute-names --only-values -n user.fsd "$LIBRARY/a/hand"
    assert_output "digest=$(digest text) size=4 mtime=$(date -d '2020-01-02 03:04:05.678' +%s).678 by=scrub"
    assert_equal "$(stat -c %y "$LIBRARY/a/hand" | cut -d ' ' -f 1,2)" '2020-01-02 03:04:05.678000000'
    scrub 0 --record
    sums whole=3
    rot a/hand
    scrub 1
    assert_output "$(damage a/hand text)"
    start_fsd
    play <<<$'> LIST changed details=1\n< OK\n< *\n< changed size=4 mtime=* by=scrub\n<\n< END'
}

@test "record: one that was written to a moment ago is waited for" {
    local mtime ctime
    mkdir "$LIBRARY"
    echo hand >"$LIBRARY/hand"
    scrub 0 --record
    sums given=1
    # A write from now on changes the mtime, however coarse the clock of the file system is.
    mtime=$(stat -c %Y "$LIBRARY/hand")
    [ "$(date +%s)" -ge $((mtime + 2)) ]
    # If the mtime was put back, the ctime.
    echo other >"$LIBRARY/hand"
    touch -d yesterday "$LIBRARY/hand"
    ctime=$(stat -c %Z "$LIBRARY/hand")
    scrub 0 --record
    sums given=1
    [ "$(date +%s)" -ge $((ctime + 2)) ]
}

@test "record: a file that changes meanwhile gets none" {
    local change
    mkdir "$LIBRARY"
    echo hand >"$LIBRARY/hand"
    for change in 'echo more' 'rot hand'; do
        touch -d yesterday "$LIBRARY/hand"
        stopped_scrub pread64 hand --record
        $change >>"$LIBRARY/hand"
        continue_scrub 0
        sums meanwhile=1
        run getfattr -n user.fsd "$LIBRARY/hand"
        assert_failure
    done
}

@test "record: a file that cannot have one is a failure" {
    mkdir "$LIBRARY"
    echo hand >"$LIBRARY/hand"
    touch -d yesterday "$LIBRARY/hand"
    echo old >"$LIBRARY/old"
    touch -d 1969-01-01 "$LIBRARY/old"
    chmod 0440 "$LIBRARY/hand"
    give_up_power -dac_override
    scrub 1 --record
    assert_equal "$(sort <<<"$failures")" $'\nfsd-scrub: hand: cannot give it a record: Permission denied
fsd-scrub: old: cannot give it a record: its mtime is before 1970'
    sums failures=2
}

@test "quarantine: a damaged file goes there, with its record and its name" {
    local file
    store 'a/b/rotten' text whole text
    touch -r "$LIBRARY/a/b/rotten" stored
    rot a/b/rotten
    scrub 1 --quarantine
    assert_output "$(damage a/b/rotten text)"
    assert_equal "$failures" ''
    sums whole=1 damaged=1 moved=1 quarantine=1
    file=$(kept a/b/rotten)
    assert_equal "$(cat "$file")" Xext
    assert_equal "$(stat -c %a "$file")" 440
    assert_equal "$(stat -c %y "$file")" "$(stat -c %y stored)"
    assert_equal "$(stat -c %a "${file%/*}")" 700
    assert_equal "$(getfattr --absolute-names --only-values -n user.fsd.name "$file")" a/b/rotten
    assert_regex "$(getfattr --absolute-names --only-values -n user.fsd "$file")" "^digest=$(digest text) size=4 "
    # Its folders were empty then.
    [ ! -e "$LIBRARY/a" ]
    scrub 0
    sums whole=1 quarantine=1
    start_fsd
    play <<'END2'
> GET a/b/rotten
< FAIL not-found *
> LIST deep=1
< OK
< 6
< whole
<
< END
END2
}

@test "quarantine: the owner of the files can do it, without root's power" {
    store rotten text
    rot rotten
    give_up_power -dac_override
    scrub 1 --quarantine
    sums damaged=1 moved=1 quarantine=1
    assert_equal "$(stat -c %a "$(kept rotten)")" 440
    assert_equal "$(getfattr --absolute-names --only-values -n user.fsd.name "$(kept rotten)")" rotten
}

@test "quarantine: what root makes belongs to the owner of the library" {
    skip_unless_root 'to scrub the library of another user'
    use_other_user
    start_fsd
    play <<<$'> PUT rotten size=4 eager=1\n> 4\n> text\n> END\n< OK *'
    rot rotten
    scrub 1 --quarantine
    sums damaged=1 moved=1 quarantine=1
    run find "$LIBRARY" ! -uid 65534
    assert_output ''
    play <<<$'> PUT rotten size=4 eager=1\n> 4\n> text\n> END\n< OK *'
}

@test "quarantine: root gives up its groups when it becomes the owner" {
    skip_unless_root 'to scrub the library of another user'
    local status=
    use_other_user
    store rotten text
    rot rotten
    chown -R 65534:65534 "$LIBRARY"
    stopped_scrub renameat,renameat2 '' --quarantine
    status=$(<"/proc/$scrub_pid/status")
    continue_scrub 1
    sums damaged=1 moved=1 quarantine=1
    assert_regex "$status" $'\nUid:\t0\t65534\t'
    # What nobody has, and none of root's.
    assert_regex "$status" $'\nGroups:\t65534 *\n'
}

@test "quarantine: a name that meanwhile has another file keeps it" {
    store file text
    rot file
    stopped_scrub fsetxattr file --quarantine
    printf new >new
    mv new "$LIBRARY/file"
    continue_scrub 1
    assert_equal "$output" "$(damage file text)"
    sums damaged=1 meanwhile=1
    assert_equal "$(cat "$LIBRARY/file")" new
}

@test "quarantine: no file leaves its name between the look and the link of an upload" {
    local pid lock
    store file text
    rot file
    mkdir "$LIBRARY/.fsd/quarantine"
    mv "$LIBRARY/file" aside
    # The upload stops as soon as it has the lock of the name, which is free.
    lock=$LIBRARY/.fsd/lock
    inject -f -P "$lock" -e inject=fcntl:signal=STOP:when=1
    : >calls
    printf 'PUT file size=4 eager=1\n4\nnext\nEND\n' >requests
    "${SCRUB_WRAPPER[@]}" "$FSD" --config "$CONFIG" --library "$LIBRARY" --stdio \
        <requests >answer 2>errors 3>&- &
    pid=$!
    await_line "$pid" calls 'stopped by SIGSTOP' 1
    mv aside "$LIBRARY/file"
    "$SCRUB" --config "$CONFIG" --library "$LIBRARY" --quarantine >stopped.output 2>stopped.errors 3>&- &
    scrub_pid=$!
    # It opens the file of the locks to ask for its own.
    await has_open "$scrub_pid" "$lock"
    [ -e "$LIBRARY/file" ]
    kill -CONT "$pid"
    wait "$pid"
    assert_regex "$(cat answer)" '^EXISTS size=4 digest='
    continue_scrub 1
    sums damaged=1 moved=1 quarantine=1
}

@test "quarantine: two at once, and again" {
    local pids=() number code
    mkdir "$LIBRARY"
    for number in {1..40}; do
        printf '%s\n' "file$number" "text$number"
    done | xargs -d '\n' -n 80 bash -c 'printf "%s\n" "$@"' - >list
    mapfile -t words <list
    store "${words[@]}"
    for number in {1..40}; do
        rot "file$number"
    done
    for number in 1 2; do
        "$SCRUB" --config "$CONFIG" --library "$LIBRARY" --quarantine >"both.$number" 2>"errors.$number" 3>&- &
        pids+=($!)
    done
    for number in 0 1; do
        wait "${pids[$number]}" || true
    done
    assert_equal "$(cat both.* | sort -u | wc -l)" 40
    assert_equal "$(cat errors.* | sed 's/.* damaged, \([0-9]*\) moved.* \([0-9]*\) failures.*/\1 \2/' |
        awk '{ moved += $1; failed += $2 } END { print moved, failed }')" '40 0'
    assert_equal "$(find "$LIBRARY/.fsd/quarantine" -type f | wc -l)" 40
    # An older one of the same name gives way.
    store file1 text1
    rot file1
    scrub 1 --quarantine
    sums damaged=1 moved=1 quarantine=40
}

@test "quarantine: a file that cannot be moved is a failure" {
    local unshare=(unshare -rm)
    [ "$(id -u)" -ne 0 ] || unshare=(unshare -m)
    store file text
    rot file
    ln "$LIBRARY/file" second
    scrub 1 --quarantine
    assert_output "$(damage file text)"
    assert_equal "$failures" 'fsd-scrub: file: cannot move to quarantine: it has another name (a hard link)'$'\n'
    sums damaged=1 failures=1
    assert_equal "$(cat "$LIBRARY/file")" Xext
    rm second
    mkdir "$LIBRARY/mounted"
    SCRUB_WRAPPER=("${unshare[@]}" bash -c 'mount -t tmpfs tmpfs "$LIBRARY/mounted" &&
        cp -p --preserve=all "$LIBRARY/file" "$LIBRARY/mounted" && rm "$LIBRARY/file" &&
        getfattr -n user.fsd "$LIBRARY/mounted/file" >/dev/null 2>&1 && exec "$@"' bash)
    "${SCRUB_WRAPPER[@]}" true 2>/dev/null || skip 'no file system with user xattrs can be mounted here'
    store file text
    rot file
    scrub 1 --quarantine
    assert_equal "$failures" 'fsd-scrub: mounted/file: cannot move to quarantine: Invalid cross-device link'$'\n'
}

# quarantined: a daemon in whose library "file" was "text", and is in quarantine.
quarantined() {
    store file text
    rot file
    scrub 1 --quarantine
    start_fsd "$@"
}

@test "repair: the recorded bytes get their name back" {
    quarantined
    play <<END2
> PUT file
< OK offset=0
> 4
> text
> END
< OK size=4 digest=$(digest text)
> GET file
< OK size=4 *
< 4
< text
< END digest=$(digest text)
> PUT file size=4 eager=1
> 4
> next
> END
< EXISTS size=4 digest=$(digest text)
END2
    # The damaged file stays, for who wants to look at it.
    scrub 0
    sums whole=1 quarantine=1
}

@test "repair: an upload may be announced, sent ahead and resumed" {
    quarantined
    play <<END2
> PUT file size=4 digest=$(digest text)
< OK offset=0
> 4
> text
> END digest=$(digest text)
< OK size=4 digest=$(digest text)
END2
    rot file
    scrub 1 --quarantine
    play <<END2
> PUT file size=4 eager=1
> 4
> text
> END
< OK size=4 digest=$(digest text)
END2
    rot file
    scrub 1 --quarantine
    converse <<'END2'
request = 'PUT file size=4 upload=' + 'a' * 32
session = Session()
session.expect(request, 'OK offset=0')
session.send(item(b'te'))
session.close()
wait_until(lambda: [os.path.getsize(path) for path in stages()] == [2], 'the stage')
session = Session()
while (answer := session.ask(request)).startswith('FAIL busy'):
    pass
check(answer.startswith('OK offset=2 '), answer)
session.expect(item(b'xt') + b'END\n', 'OK size=4')
# It is done, until it is damaged again: then it is wanted.
session.expect(request, 'OK size=4')
END2
    rot file
    scrub 1 --quarantine
    converse <<'END2'
session = Session()
session.expect('PUT file size=4 upload=' + 'a' * 32, 'OK offset=0')
session.expect(item(b'text') + b'END\n', 'OK size=4')
END2
}

@test "repair: other bytes do not get the name" {
    quarantined
    play <<END2
> PUT file digest=$(digest next)
< EXISTS size=4 digest=$(digest text)
> PUT file
< OK offset=0
> 4
> next
> END
< EXISTS size=4 digest=$(digest text)
> PUT file size=4 eager=1
> 4
> next
> END
< EXISTS size=4 digest=$(digest text)
> PUT file size=4 digest=$(digest next) eager=1
> 4
> next
> END
< EXISTS size=4 digest=$(digest text)
> PUT file size=4 upload=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
< OK offset=0
> 4
> next
> END
< EXISTS size=4 digest=$(digest text)
> GET file
< FAIL not-found *
> LIST
< EMPTY
END2
    # Neither does a wrong file in the place of the bytes.
    play <<<$'> PUT file size=4 eager=1\n> 4\n> Xext\n> END\n'"< EXISTS size=4 digest=$(digest text)"
    assert_no_stages
    printf next >next
    run --separate-stderr "$FSD_BUILD/fsc" put next --name file
    assert_failure 3
    printf text >text
    quiet "$FSD_BUILD/fsc" put text --name file
}

@test "repair: a client without the right to look learns only that its bytes differ" {
    FSD_EXPECTED='msg=denied'
    quarantined --listen plain:127.0.0.1:0 --anonymous put
    play "127.0.0.1:$FSD_PORT" <<END2
> PUT file digest=$(digest next)
< EXISTS
> PUT file
< OK offset=0
> 4
> next
> END
< EXISTS
> PUT file digest=$(digest text)
< OK offset=0
> 4
> text
> END
< OK size=4 digest=$(digest text)
END2
}

@test "repair: a name can be given up, by replacing and by deleting" {
    quarantined
    play <<END2
> PUT file replace=$(digest text)
< FAIL mismatch *
> PUT file size=4 replace=1 eager=1
> 4
> next
> END
< OK size=4 digest=$(digest next)
END2
    [ ! -e "$(kept file)" ]
    rot file
    scrub 1 --quarantine
    play <<'END2'
> DELETE file
< OK
> DELETE file
< FAIL not-found *
> PUT file size=4 eager=1
> 4
> next
> END
< OK size=4 *
END2
    # Deleted after a repair, the name is kept for nothing, either.
    rot file
    scrub 1 --quarantine
    play <<'END2'
> PUT file size=4 eager=1
> 4
> next
> END
< OK size=4 *
> DELETE file
< OK
> PUT file size=4 eager=1
> 4
> last
> END
< OK size=4 *
END2
}

@test "repair: a name is given up also where a folder, or a file above it, is in its way by now" {
    store file text folder/file text
    rot file
    rot folder/file
    scrub 1 --quarantine
    start_fsd
    play <<'END2'
> PUT file/below size=4 eager=1
> 4
> next
> END
< OK size=4 *
> PUT folder size=4 eager=1
> 4
> next
> END
< OK size=4 *
> DELETE file
< OK
> DELETE file
< FAIL not-a-file*
> DELETE folder/file
< OK
> DELETE folder/file
< FAIL not-found*
> LIST deep=1
< OK
< 18
< *
< *
<
< END
END2
    scrub 0
    sums whole=2
}

@test "repair: a name gets no bytes while it is unknown which it is kept for" {
    FSD_EXPECTED='msg=failed'
    quarantined
    setfattr -n user.fsd -v garbled "$(kept file)"
    play <<'END2'
> PUT file size=4 eager=1
> 4
> next
> END
< FAIL internal*
> LIST
< EMPTY
> PUT file size=4 replace=1 eager=1
> 4
> next
> END
< OK size=4 *
END2
}

@test "repair: removing the damaged file frees its name" {
    quarantined
    rm -f "$(kept file)"
    play <<<$'> PUT file size=4 eager=1\n> 4\n> next\n> END\n< OK size=4 *'
}
