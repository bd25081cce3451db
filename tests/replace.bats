#!/usr/bin/env bats
# PUT with replace=, and DELETE: what readers see, which writer wins, and what is durable before the answer.

load library

# trace: the system calls of the next daemon and its processes go to calls.
trace() {
    skip_when_sanitized strace
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    FSD_WRAPPER=(strace -D -f -y -o "$WORK/calls" "$@")
}

# The system calls that matter for durability after the one that matches PATTERN, one on each line.
calls_after() {
    sed -n -E "0,/$1/d; s/^[0-9]+ +//; s#$LIBRARY#L#g; s#/stage/[^>\"]*/[0-9a-f]{32}#/stage/STAGE#; /^(write|sendto|sendmsg).*\"(WAIT.n)*(OK|FAIL)/s/.*/answer/p;
        s/^(fsync)\\([0-9]+<(.*)>\\) += 0.*/\\1 \\2/p; s/^(renameat2?)\\(.*<(.*)>, \"[0-9a-f]{32}\", [0-9]+<(.*)>, \"(.*)\"\\) += 0.*/rename \\3 \\4/p;
        s/^(unlinkat)\\([0-9]+<(.*)>, \"(.*)\", (0|AT_REMOVEDIR)\\) += 0.*/\\1 \\2 \\3/p" calls
}

@test "replace: a running download gets the old file, and the next one the new" {
    start_fsd
    converse <<'END'
old, new = b'o' * 3_000_000, b'n' * 3_000_001
writer, reader = Session(), Session()
writer.expect(f'PUT a size={len(old)}', 'OK')
for at in range(0, len(old), 1_000_000):
    writer.send(item(old[at:at + 1_000_000]))
writer.expect('END', 'OK')
reader.expect('GET a', f'OK size={len(old)} ')
writer.expect(f'PUT a size={len(new)} replace=1', 'OK offset=0')
for at in range(0, len(new), 1_000_000):
    writer.send(item(new[at:at + 1_000_000]))
writer.expect('END', 'OK size=3000001')
data, end = reader.body()
check(data == old and end == 'END ' + 'digest=' + digest(old), f'the old file: {end}')
reader.expect('GET a', f'OK size={len(new)} ')
data, end = reader.body()
check(data == new and end == 'END digest=' + digest(new), f'the new file: {end}')
reader.expect('GET a', 'OK')
writer.expect('DELETE a', 'OK')
data, end = reader.body()
check(data == new and end == 'END digest=' + digest(new), f'the deleted file: {end}')
END
    assert_no_stages
    assert_equal "$(find "$LIBRARY" -mindepth 1 -not -path '*/.fsd*')" ''
}

@test "replace: the new file is a stored file like any other" {
    start_fsd
    put='> PUT a size=1 eager=1 replace=1\n> 1\n> %s\n> END\n< OK size=1 *\n'
    # shellcheck disable=SC2059
    play <<<"$(printf "$put$put" x y)"
    assert_equal "$(stat -c '%a %h' "$LIBRARY/a")" '440 1'
    assert_equal "$(find "$LIBRARY/.fsd/lock" -type f -printf '%m %s\n')" '600 0'
    play <<<$'> LIST a details=1\n< OK\n< *\n< a size=1 mtime=* digest=* by=*\n<\n< END'
    assert_no_stages
    run -0 grep -c -E "msg=stored .* name=a digest=sha256:[0-9a-f]{64}( .*)? replaced=sha256:[0-9a-f]{64}( |$)" "$FSD_LOG"
    assert_output 1
}

@test "replace: a file copied there by hand is replaced and deleted too, a link is not" {
    mkdir -p "$LIBRARY/f/empty"
    printf 'by hand' >"$LIBRARY/f/a"
    ln -s a "$LIBRARY/f/link"
    mkfifo "$LIBRARY/f/fifo"
    start_fsd
    hash=sha256:$(sha256sum <"$LIBRARY/f/a" | cut -d ' ' -f 1)
    play <<END
> PUT f/link replace=1
< FAIL not-a-file *
> DELETE f/link
< FAIL not-a-file *
> DELETE f/fifo
< FAIL not-a-file *
> PUT f/a size=7 digest=$hash replace=1
< EXISTS size=7 digest=$hash same=1
> PUT f/a size=1 eager=1 replace=$hash
> 1
> x
> END
< OK size=1 *
> DELETE f/a
< OK
END
    assert_equal "$(find "$LIBRARY/f" -mindepth 1 -printf '%P\n' | sort)" $'empty\nfifo\nlink'
}

@test "replace: one of many writers who name the same old content wins" {
    start_fsd
    converse <<'END'
Session().expect(b'PUT a size=3 eager=1\n3\nold\nEND\n', 'OK')
writers = [Session() for _ in range(16)]
for number, writer in enumerate(writers):
    writer.expect(f'PUT a size=2 replace={digest(b"old")}', 'OK offset=0')
    writer.send(item(b'%02d' % number))
for writer in writers:
    writer.send('END\n')
answers = [writer.line().split()[:2] for writer in writers]
won = [number for number, answer in enumerate(answers) if answer[0] == 'OK']
check(len(won) == 1, f'{won} won')
check(answers.count(['FAIL', 'mismatch']) == 15, f'{answers}')
with open(LIBRARY + '/a', 'rb') as file:
    check(file.read() == b'%02d' % won[0], 'the content is not the winner\'s')
END
    assert_no_stages
}

@test "replace: the name is locked, and the waiting client gets signs of life" {
    echo 'limits: { heartbeat = "50ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
import fcntl

session = Session()
session.send('PUT a size=0 eager=1 replace=1\nEND\n')
while (line := session.line()) == 'WAIT':
    pass
check(line.startswith('OK'), line)
import hashlib
import struct


def byte(kind):
    return struct.pack('hhqqi', kind, os.SEEK_SET, int(hashlib.sha256(b'a').hexdigest()[:15], 16), 1, 0)


OFD_SETLKW = 38
lock = os.open(f'{LIBRARY}/.fsd/lock', os.O_RDWR)
for request, answer in ((b'PUT a size=1 eager=1 replace=1\n1\nx\nEND\n', 'OK size=1'), ('DELETE a', 'OK')):
    fcntl.fcntl(lock, OFD_SETLKW, byte(fcntl.F_WRLCK))
    session = Session()
    session.send(request if isinstance(request, bytes) else request + '\n')
    check([session.line(), session.line()] == ['WAIT', 'WAIT'], 'not two WAITs')
    check(os.path.exists(LIBRARY + '/a'), 'it was deleted')
    fcntl.fcntl(lock, OFD_SETLKW, byte(fcntl.F_UNLCK))
    while (line := session.line()) == 'WAIT':
        pass
    check(line.startswith(answer), line)
END
}

@test "replace: the new name is durable before the answer" {
    local_only 'strace cannot read encrypted answers'
    trace -e trace=renameat,renameat2,fsync,write,sendto,sendmsg,fchmod
    start_fsd
    play <<<$'> PUT f/a size=0 eager=1\n> END\n< OK size=0 *\n> PUT f/a size=1 eager=1 replace=1\n> 1\n> x\n> END\n< OK size=1 *'
    stop_fsd
    calls_after 'answer|OK size=0' >seen
    diff - seen <<'END'
fsync L/.fsd/stage/STAGE
rename L/f a
fsync L/f
fsync L
answer
END
}

@test "replace: a file is not held open while it loses its name" {
    # NFS would give it another one first, and a reader find none for a moment.
    trace -e trace=close,renameat,unlinkat
    start_fsd
    play <<<$'> PUT f/a size=0 eager=1\n> END\n< OK size=0 *\n> PUT f/a size=1 eager=1 replace=1\n> 1\n> x\n> END\n< OK size=1 *\n> DELETE f/a\n< OK'
    stop_fsd
    grep -q -F "close" calls
    run grep -E '/f/a>?\W+deleted' calls
    assert_output ''
}

@test "replace: a file that cannot be read can be replaced" {
    FSD_EXPECTED='msg=failed .* operation=PUT name=a cause="Input/output error"'
    mkdir -p "$LIBRARY"
    echo >"$LIBRARY/a"
    trace -P "$LIBRARY/a" -e inject=read,pread64:error=EIO
    start_fsd
    hash=sha256:$(printf x | sha256sum | cut -d ' ' -f 1)
    play <<END
> PUT a digest=$hash replace=$hash
< FAIL internal *
> PUT a size=1 eager=1 replace=$hash
> 1
> x
> END
< FAIL internal *
> PUT a digest=$hash replace=1
< OK offset=0
> 1
> x
> END
< OK size=1 *
END
    assert_no_stages
}

@test "replace: an upload whose id is used again has no part in the new one" {
    trace -P "$LIBRARY/f" -e trace=fsync -e inject=fsync:delay_enter=1000000
    mkdir -p "$LIBRARY/f"
    echo >"$LIBRARY/f/a"
    start_fsd
    converse <<'END'
upload = 'upload=0123456789abcdef0123456789abcdef'
one, two = Session(), Session()
one.expect(f'PUT f/a size=2 replace=1 {upload}', 'OK offset=0')
one.send(item(b'ab') + b'END\n')
wait_until(lambda: os.path.getsize(LIBRARY + '/f/a') == 2, 'the new file')
two.expect(f'PUT b size=1 {upload}', 'OK offset=0')
check(one.line().startswith('OK size=2'), 'the first')
one.expect('LIST b', 'EMPTY')
check(len(stages()) == 1, 'the stage of the second is gone')
two.expect(item(b'x') + b'END\n', 'OK size=1')
END
}

@test "replace: a new file that cannot be made durable has an unknown outcome" {
    FSD_EXPECTED='level=critical msg="outcome unknown" .* name=f/a cause="Input/output error"'
    mkdir -p "$LIBRARY/f"
    echo >"$LIBRARY/f/a"
    trace -P "$LIBRARY/f" -e inject=fsync:error=EIO
    start_fsd
    play <<<$'> PUT f/a size=2 eager=1 replace=1\n> 2\n> ab\n> END\n< FAIL internal outcome unknown: the file is stored, *'
    assert_equal "$(cat "$LIBRARY/f/a")" ab
    play <<<$'> PUT b replace=1\n< FAIL unavailable the disk has failed: *'
    assert_no_stages
}

@test "delete: a file and its empty folders are durably gone before the answer" {
    local_only 'strace cannot read encrypted answers'
    trace -e trace=unlinkat,fsync,write,sendto,sendmsg
    start_fsd
    play <<<$'> PUT f/g/a size=0 eager=1\n> END\n< OK size=0 *\n> DELETE f/g/a\n< OK'
    stop_fsd
    calls_after 'OK size=0' | grep -v -e stage -e ' socket$' >seen
    diff - seen <<'END'
unlinkat L/f/g a
unlinkat L/f g
unlinkat L f
fsync L
answer
END
}

@test "delete: a name that is gone is durably gone before not-found is answered" {
    local_only 'strace cannot read encrypted answers'
    trace -e trace=fsync,write,sendto,sendmsg
    start_fsd
    play <<<$'> PUT f/a size=0 eager=1\n> END\n< OK size=0 *\n> DELETE f/b\n< FAIL not-found *'
    stop_fsd
    calls_after 'answer|OK size=0' >seen
    diff - seen <<<$'fsync L/f\nfsync L\nanswer'
}

@test "delete: folders vanish and return under many writers" {
    start_fsd
    converse <<'END'
def work(number):
    session = Session()
    for turn in range(100):
        name = f'f/{turn % 3}/{number}'
        session.expect(f'PUT {name} size=0 eager=1\nEND', 'OK')
        check(os.path.exists(f'{LIBRARY}/{name}'), f'{name} is not there')
        session.expect(f'DELETE {name}', 'OK')


threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
failed = []
threading.excepthook = lambda problem: failed.append(problem)
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check(not failed, f'{failed}')
check(os.listdir(LIBRARY) == ['.fsd'], f'{os.listdir(LIBRARY)}')
END
    assert_no_stages
}

@test "delete: a disk error has an unknown outcome, and ends all uploads" {
    FSD_EXPECTED='level=critical msg="outcome unknown" .* name=f/g/a cause="Input/output error"'
    mkdir -p "$LIBRARY/f"
    echo >"$LIBRARY/f/a"
    echo >"$LIBRARY/f/b"
    mkdir "$LIBRARY/f/g"
    echo >"$LIBRARY/f/g/a"
    trace -P "$LIBRARY/f" -e inject=fsync:error=EIO
    start_fsd
    play <<'END'
> DELETE f/g/a
< FAIL internal outcome unknown: the file is deleted, but a crash may bring it back
> DELETE f/b
< FAIL unavailable the disk has failed: *
> GET f/b
< OK *
< 1
<
<
< END *
END
}

@test "delete: a library that is read-only keeps its files" {
    skip_unless_root 'to be another user'
    FSD_EXPECTED='msg=".*read-only.*"'
    mkdir -p "$LIBRARY"
    echo >"$LIBRARY/a"
    use_other_user
    chmod 0555 "$LIBRARY"
    chmod 0444 "$LIBRARY/a"
    start_fsd
    play <<<$'> DELETE a\n< FAIL denied the library is read-only\n> PUT a size=1 eager=1 replace=1\n> 1\n> x\n> END\n< FAIL denied *'
}

@test "delete: an upload whose file another client deletes before its answer was stored" {
    trace -e trace=linkat -e inject=linkat:delay_exit=1000000
    start_fsd
    converse <<'END'
writer = Session()
writer.send(b'PUT f/g/a size=0 eager=1\nEND\n')
wait_until(lambda: os.path.exists(LIBRARY + '/f/g/a'), 'the file')
Session().expect('DELETE f/g/a', 'OK')
check(not os.path.exists(LIBRARY + '/f'), 'the folder is there')
check(writer.line().startswith('OK size=0'), 'the upload')
END
}

@test "replace: a stage that is gone is not reported as not-found" {
    FSD_EXPECTED='msg=failed .* operation=PUT name=a cause="No such file or directory"'
    trace -e trace=renameat -e inject=renameat:error=ENOENT
    mkdir -p "$LIBRARY"
    echo >"$LIBRARY/a"
    start_fsd
    play <<<$'> PUT a size=0 eager=1 replace=1\n> END\n< FAIL unavailable *'
}

@test "delete: without its lock a file is not reported as missing" {
    FSD_EXPECTED='msg="the library is served read-only" library=.* cause="cannot use its file .fsd/lock \(Is a directory\)"$'
    start_fsd
    play <<<$'> PUT a size=0 eager=1\n> END\n< OK size=0 *'
    rm "$LIBRARY/.fsd/lock"
    mkdir "$LIBRARY/.fsd/lock"
    play <<<$'> DELETE a\n< FAIL unavailable *\n> PUT a size=1 eager=1 replace=1\n> 1\n> x\n> END\n< FAIL unavailable *'
    rmdir "$LIBRARY/.fsd/lock"
    play <<<$'> DELETE a\n< OK'
}

@test "delete: works on a full disk" {
    local unshare=(unshare -rm)
    [ "$(id -u)" -ne 0 ] || unshare=(unshare -m)
    echo 'records = false;' >"$CONFIG"
    mkdir -p "$LIBRARY"
    FSD_WRAPPER=("${unshare[@]}" bash -c 'mount -t tmpfs -o nr_inodes=16,mode=0755 tmpfs "$LIBRARY" && exec "$@"' bash)
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'no tmpfs can be mounted here'
    start_fsd
    LIBRARY=/proc/$FSD_PID/root$LIBRARY converse <<'END'
import errno

full = None
number = 0
while not full:
    try:
        open(f'{LIBRARY}/{number}', 'x').close()
        number += 1
    except OSError as error:
        full = error
check(full.errno == errno.ENOSPC and number > 0, f'{full}')
Session().expect('DELETE 0', 'OK')
END
}
