#!/usr/bin/env bats
# Holes stay holes: whole blocks of zeros take no room, in the library and in what get writes.
# bats file_tags=once

load library
load fsc

MIB=1048576

# make_sparse FILE: 1 MiB of bytes, and 40 MiB with holes between, after and at the end of them.
make_sparse() {
    truncate -s 41M "$1"
    head -c 500000 /dev/urandom | dd of="$1" conv=notrunc status=none bs=1M seek=1 oflag=seek_bytes
    head -c 500000 /dev/urandom | dd of="$1" conv=notrunc status=none bs=1M seek=20000001 oflag=seek_bytes
}

skip_without_holes() {
    truncate -s 1M trial
    printf x | dd of=trial conv=notrunc status=none bs=1 seek=500000
    has_room trial 500000 || skip 'this file system has no holes'
}

# has_room FILE BYTES: it takes fewer bytes of the disk.
has_room() {
    [ $(($(stat -c %b "$1") * 512)) -lt "$2" ]
}

assert_room() {
    has_room "$1" "$2" || fail "$1 takes $(stat -c '%b blocks for %s bytes' "$1")"
}

# bats test_tags=client
@test "sparse: a file that is put has the holes of its source" {
    skip_without_holes
    make_sparse sparse
    : >empty
    truncate -s 1000 zeros
    truncate -s 10M hole
    { printf x && head -c 60000 /dev/zero && printf y; } >small
    start_fsd
    "$FSC" put sparse empty zeros hole small
    "$FSC" put - --name stream <sparse
    "$FSC" put - --name pipe < <(cat sparse)
    "$FSC" put --replace --name hole sparse
    for name in sparse stream pipe hole; do
        cmp sparse "$LIBRARY/$name"
        assert_room "$LIBRARY/$name" $((2 * MIB))
    done
    for name in empty zeros small; do
        cmp "$name" "$LIBRARY/$name"
    done
    assert_room "$LIBRARY/zeros" 8192
    assert_room "$LIBRARY/small" 30000
    assert_equal "$("$FSC" ls --sums sparse | cut -d ' ' -f 1)" "$(sha256sum <sparse | cut -d ' ' -f 1)"
}

# bats test_tags=client
@test "sparse: what is fetched has the holes of what is stored" {
    skip_without_holes
    start_fsd
    make_sparse sparse
    "$FSC" put --folder folder sparse
    echo other >there
    "$FSC" get folder/sparse --output new
    "$FSC" get folder/sparse --output there --force
    "$FSC" get -R folder --into .
    for file in new there folder/sparse; do
        cmp sparse "$file"
        assert_room "$file" $((2 * MIB))
    done
    "$FSC" get folder/sparse --output - | cmp sparse
    "$FSC" get folder/sparse --output - >stdout
    cmp sparse stdout
}

# bats test_tags=client
@test "sparse: a file with very many holes" {
    skip_without_holes
    start_fsd
    python3 -c 'import os
with open("many", "wb") as file:
    file.write((os.urandom(4096) + bytes(4096)) * 1000 + bytes(8 << 20) + b"end")'
    "$FSC" put many
    "$FSC" get many --output got
    for file in "$LIBRARY/many" got; do
        cmp many "$file"
        assert_room "$file" $((5 * MIB))
    done
}

@test "sparse: only the room of the holes is given back while the rest is to come" {
    skip_without_holes
    : >reserved
    fallocate -n -l 1M reserved && ! has_room reserved "$MIB" || skip 'this file system reserves no room'
    start_fsd
    converse <<'END'
import fcntl

ID = '0123456789abcdef' * 2
MIB = 1 << 20
session = Session()
session.expect(f'PUT a size={30 * MIB} upload={ID}', 'OK offset=0')

def room(send, least, most):
    session.send(b''.join(item(send[at:at + MIB]) for at in range(0, len(send), MIB)))
    wait_until(lambda: least <= os.stat(stages()[0]).st_blocks * 512 <= most, f'{least} bytes of room')

first = b'x' * (9 * MIB)
second = bytes(5 * MIB - 1) + b'x'
# Room is reserved in steps ahead of what comes.
room(first, 16 * MIB, 17 * MIB)
room(second, 11 * MIB, 12 * MIB)
# A session that ends in a hole leaves a stage of that length.
room(bytes(6 * MIB), 11 * MIB, 12 * MIB)
session.close()

def is_free():
    with open(stages()[0], 'rb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True

wait_until(is_free, 'the end of the session')
status = os.stat(stages()[0])
check(status.st_size == 20 * MIB and status.st_blocks * 512 < 10 * MIB, status)
session = Session()
there = first + second + bytes(6 * MIB)
session.expect(f'PUT a size={30 * MIB} upload={ID}', f'OK offset={20 * MIB} digest={digest(there)}')
check(os.stat(stages()[0]).st_blocks * 512 >= 19 * MIB, 'the rest is not reserved')
session.send(b''.join(item(bytes(MIB)) for _ in range(10)))
session.expect('END', f'OK size={30 * MIB} digest={digest(there + bytes(10 * MIB))}')
check(os.stat(f'{LIBRARY}/a').st_blocks * 512 < 10 * MIB, os.stat(f'{LIBRARY}/a'))
END
}

@test "sparse: a download that broke off in a hole" {
    local digest
    { printf x && head -c 99999 /dev/zero && printf y; } >wanted
    digest=sha256:$(sha256sum <wanted | cut -d ' ' -f 1)
    use_settings 'limits = { pause = "1ms"; };'
    # The second server has another file.
    for rest in "> GET a offset=50000 digest=$digest
< OK size=100001 mtime=1 digest=$digest" "> GET a offset=50000 digest=$digest
< FAIL mismatch
> GET a
< OK size=100001 mtime=1 digest=$digest
< 50000
< x\\\\x00\\{49999}"; do
        rm -f got
        assert_silent fake "$FSC" get a --output got --retry 1 <<SCRIPT
> GET a
< OK size=100001 mtime=1 digest=$digest
< 50000
< x\\x00\\{49999}
<.
$(printf '%b' "$rest")
< 50001
< \\x00\\{50000}y
< END digest=$digest
SCRIPT
        cmp wanted got
    done
}

@test "sparse: where there can be no holes, zeros are written" {
    skip_when_sanitized strace
    strace -D -o trial true 2>/dev/null || skip 'strace may not trace here'
    start_fsd
    make_sparse sparse
    "$FSC" put sparse
    strace -D -o calls -P . -e trace=ftruncate -e inject=ftruncate:error=EPERM "$FSC" get sparse --output got
    cmp sparse got
    run strace -f -o calls -e trace=fallocate,ftruncate -e inject=fallocate:error=EOPNOTSUPP:when=2+ \
        -e inject=ftruncate:error=EPERM "$FSD" --library "$LIBRARY" --stdio < <(
            printf 'PUT b size=100001 upload=%032d\n100001\nx' 0 && head -c 99999 /dev/zero && printf 'y\nEND\n')
    assert_success
    assert_output "OK offset=0
OK size=100001 digest=sha256:$({ printf x && head -c 99999 /dev/zero && printf y; } | sha256sum | cut -d ' ' -f 1)"
}
