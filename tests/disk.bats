#!/usr/bin/env bats
# Disks that fail, and libraries that are not what they were: the self-test at the start, and the
# answers of uploads. strace makes the system calls fail.
# bats file_tags=tls

load library

# inject STRACE-OPTION...: system calls of the next daemon and its processes fail as these options say.
inject() {
    skip_when_sanitized strace
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    FSD_WRAPPER=(strace -D -f -o "$WORK/calls" "$@")
}

# untestable SENTENCE INJECTION [COMMAND...]: fsd refuses to start with a sentence. COMMAND runs it.
untestable() {
    mkdir -p "$LIBRARY"
    inject -e "inject=$2"
    run timeout 20 "${FSD_WRAPPER[@]}" "${@:3}" "$FSD" --config "$CONFIG" --library "$LIBRARY" \
        --listen "$SOCKET" --foreground 3>&- </dev/null
    assert_failure 1
    assert_output "fsd: library $LIBRARY: $1"
    [ ! -e "$SOCKET" ]
}

@test "self-test: a file system without hard links is refused" {
    untestable 'the file system does not support hard links, which give files their names (Operation not permitted)' \
        linkat:error=EPERM
    assert_empty_library
}

@test "self-test: a caller that ignores its children does not hide the failure" {
    untestable 'the file system does not support hard links, which give files their names (Operation not permitted)' \
        linkat:error=EPERM env --ignore-signal=CHLD
}

@test "self-test: a file system whose links replace files is refused" {
    untestable 'the file system lets a hard link replace an existing file' linkat:retval=0:when=2
    assert_empty_library
}

@test "self-test: a file system that cannot make folders durable is refused" {
    untestable 'the file system cannot sync folders to disk (Input/output error)' fsync:error=EIO:when=2
    assert_empty_library
}

@test "self-test: a file that cannot be made durable is reported" {
    untestable 'cannot give a file its record and sync it to disk (Input/output error)' \
        fsync:error=EIO:when=1
    assert_empty_library
}

@test "self-test: a process that dies is reported" {
    untestable 'the self-test crashed' linkat:signal=KILL
}

@test "self-test: a full disk can still be read" {
    FSD_EXPECTED='msg="the library is served read-only" library=.* cause="cannot create a file in .fsd/stage \(No space left on device\)"|msg=failed .*cause="(No space|there is no room,)'
    mkdir -p "$LIBRARY"
    echo here >"$LIBRARY/file"
    inject -e inject=fallocate:error=ENOSPC
    start_fsd
    play <<'END'
> GET file
< OK size=5 *
< 5
< here
<
< END *
> PUT other size=1
< FAIL no-space there is no room, *
> DELETE file
< OK
> DELETE file
< FAIL not-found no such file*
END
    grep -q -E "$FSD_EXPECTED" "$FSD_LOG"
}

# serve_mounted OPTIONS COMMAND: the next daemon serves a new tmpfs with these options, in which the
# command has run, in a mount namespace of its own.
serve_mounted() {
    local unshare=(unshare -rm)
    [ "$(id -u)" -ne 0 ] || unshare=(unshare -m)
    mkdir -p "$LIBRARY"
    cat >"$WORK/mount" <<'END'
mount -t tmpfs -o "$1,mode=0755" tmpfs "$LIBRARY" && echo here >"$LIBRARY/file" &&
    (cd "$LIBRARY" && eval "$2") && shift 2 && exec "$@"
END
    FSD_WRAPPER=("${unshare[@]}" bash "$WORK/mount" "$@")
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'no tmpfs can be mounted here'
    echo 'records = false;' >"$CONFIG"
}

# becomes_writable REASON COMMAND: the library that the daemon serves can only be read, for that
# reason, until the Python has run.
becomes_writable() {
    REASON=$1 LIBRARY=/proc/$FSD_PID/root$LIBRARY converse <<END
put = 'PUT new size=1 eager=1\n1\nx\nEND'
session = Session()
session.expect('GET file', 'OK size=5')
check(session.body()[0] == b'here\n', 'other bytes')
check(session.status()['writable'] == '0', 'it is writable')
session.expect(put, 'FAIL ' + os.environ['REASON'])
Session().expect('PUT resumed upload=0123456789abcdef0123456789abcdef size=1', 'FAIL ' + os.environ['REASON'])
again = 'msg="the library is writable again" library='
check(not log_lines(again), 'it is writable already')
$2
session.expect(put, 'OK size=1')
check(session.status()['writable'] == '1', 'it is not writable')
check(len(log_lines(again)) == 1, log_lines(again))
session.expect('DELETE new', 'OK')
session.expect('DELETE file', 'OK')
wait_until(lambda: not stages(), 'the stage to go')
END
}

@test "library: a new one without inodes is read, and written to when there are some" {
    serve_mounted size=2m,nr_inodes=12 'for name in 1 2 3 4 5 6 7 8 9 10; do : >$name; done'
    FSD_EXPECTED='msg="the library is served read-only" library=.* cause="cannot use its folder .fsd \(No space left on device\)"|msg=failed .*cause="(No space|there is no room,)'
    start_fsd
    grep -q 'msg="the library is served read-only"' "$FSD_LOG"
    becomes_writable no-space 'for number in range(10): session.expect(f"DELETE {number + 1}", "OK")'
}

@test "library: a new one on a full disk is read, and written to when there is room" {
    serve_mounted size=64k 'head -c 1M /dev/zero >full 2>/dev/null || true'
    FSD_EXPECTED='msg="the library is served read-only" library=.* cause="cannot .* \(No space left on device\)"|msg=failed .*cause="(No space|there is no room,)'
    start_fsd
    becomes_writable no-space 'os.unlink(LIBRARY + "/full")'
}

@test "library: one that is mounted read-only is written to when it is remounted" {
    local enter=(nsenter -m)
    [ "$(id -u)" -eq 0 ] || enter=(nsenter -U --preserve-credentials -m)
    serve_mounted size=2m 'mount -o remount,ro "$LIBRARY"'
    FSD_EXPECTED='msg="the library is served read-only" library=.* cause="cannot use its folder .fsd \(Read-only file system\)"'
    start_fsd
    export MOUNTED=$LIBRARY ENTER="${enter[*]} -t $FSD_PID"
    becomes_writable denied 'import subprocess
subprocess.run([*os.environ["ENTER"].split(), "mount", "-o", "remount,rw", os.environ["MOUNTED"]], check=True)'
}

@test "library: STATUS says so when it is remounted read-only, and back" {
    local enter=(nsenter -m)
    [ "$(id -u)" -eq 0 ] || enter=(nsenter -U --preserve-credentials -m)
    serve_mounted size=2m :
    start_fsd
    enter+=(-t "$FSD_PID" mount -o)
    converse <<<"check(Session().status()['writable'] == '1', 'it is not writable')"
    "${enter[@]}" remount,ro "$LIBRARY"
    FSD_EXPECTED='msg=failed .*cause="Read-only file system"'
    converse <<'END'
session = Session()
check(session.status()['writable'] == '0', 'it is writable')
session.expect('PUT a size=1', 'FAIL denied')
check(len(log_lines('msg=failed')) == 1, 'the log')
END
    "${enter[@]}" remount,rw "$LIBRARY"
    converse <<'END'
session = Session()
check(session.status()['writable'] == '1', 'it is not writable')
session.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
END
}

@test "library: a new one beyond a quota is served read-only" {
    mkdir -p "$LIBRARY"
    echo here >"$LIBRARY/file"
    inject -e inject=mkdirat:error=EDQUOT
    FSD_EXPECTED='msg="the library is served read-only" library=.* cause="cannot use its folder .fsd \(Disk quota exceeded\)"|msg=failed .*cause="there is no room,'
    start_fsd
    play <<<$'> GET file\n< OK *\n< 5\n< here\n<\n< END *\n> PUT a size=1\n< FAIL no-space *'
    converse <<<"check(Session().status()['writable'] == '0', 'it is writable')"
}

@test "library: .fsd that is a file keeps the daemon from starting" {
    mkdir -p "$LIBRARY"
    : >"$LIBRARY/.fsd"
    refuses 1 "^fsd: library $LIBRARY: cannot use its folder .fsd \(Not a directory\)\$" --config "$CONFIG" \
        --library "$LIBRARY" --listen "$SOCKET" --foreground
}

@test "self-test: leaves nothing, and a second daemon may serve the same library" {
    start_fsd
    assert_no_stages
    launch_fsd --library "$LIBRARY" --listen "$WORK/second"
    await_line "$FSD_PID" "$FSD_LOG" 'msg=listening' 1
    play "$WORK/second" <<<$'> PUT a size=0 eager=1\n> END\n< OK size=0 *'
    play <<<$'> PUT a size=0 eager=1\n> END\n< EXISTS size=0 *'
}

@test "disk: a name that cannot be made durable has an unknown outcome, and ends all uploads" {
    FSD_EXPECTED='level=critical msg="outcome unknown" session=1 client="?(user .*|key:tester)"? name=a cause="Input/output error"'
    inject -P "$LIBRARY" -e inject=fsync:error=EIO
    start_fsd
    play <<'END'
> PUT a size=1 eager=1
> 1
> x
> END
< FAIL internal outcome unknown: the file is stored, but a crash may lose it
> PUT a size=1 eager=1
> 1
> x
> END
< FAIL unavailable the disk has failed: uploads and deletions are refused until fsd is restarted
> PUT b
< FAIL unavailable the disk has failed: *
> GET a
< OK size=1 *
< 1
< x
< END *
END
    play <<<$'> PUT c\n< FAIL unavailable the disk has failed: *'
    converse <<'END'
status = Session().status()
check(status['disk.failures'] == '1' and status['writable'] == '0', status)
END
    stop_fsd
    FSD_WRAPPER=()
    start_fsd
    play <<<$'> PUT a size=1 eager=1\n> 1\n> x\n> END\n< EXISTS size=1 *'
    play <<<$'> PUT b size=0 eager=1\n> END\n< OK size=0 *'
}

@test "disk: an upload in progress is not answered OK after the disk has failed" {
    FSD_EXPECTED='level=critical msg="outcome unknown" '
    inject -P "$LIBRARY/a" -e inject=fsync:error=EIO
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT b size=1', 'OK offset=0')
Session().expect(b'PUT a/x size=1 eager=1\n1\nx\nEND\n', 'FAIL internal outcome unknown')
session.expect(item(b'x') + b'END\n', 'FAIL unavailable the disk has failed')
check(not os.path.exists(LIBRARY + '/b') and os.path.exists(LIBRARY + '/a/x'), 'the files')
END
}

@test "disk: a library that is replaced during an upload does not get it" {
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT b size=1', 'OK offset=0')
os.rename(LIBRARY, 'moved')
os.mkdir(LIBRARY)
session.expect(item(b'x') + b'END\n', 'FAIL unavailable the library was unmounted, moved or replaced')
check(not os.path.exists(LIBRARY + '/b') and not os.path.exists('moved/b'), 'the file is there')
END
}

@test "disk: a file that exists is not called durable when its sync fails" {
    FSD_EXPECTED='level=critical msg="outcome unknown" '
    mkdir -p "$LIBRARY"
    echo >"$LIBRARY/a"
    inject -P "$LIBRARY/a" -e inject=fsync:error=EIO
    start_fsd
    play <<<$'> PUT a\n< FAIL internal outcome unknown: *'
    play <<<$'> PUT a\n< FAIL unavailable the disk has failed: *'
}

@test "disk: an upload whose bytes cannot be made durable is dropped, and others continue" {
    FSD_EXPECTED='level=error msg=failed .*session=1 .* operation=PUT name=b cause="Input/output error"'
    inject
    FSD_WRAPPER=()
    echo 'spare = 0;' >"$CONFIG"
    start_fsd
    converse <<'END'
import subprocess

session = Session()
session.expect('LIST', 'EMPTY')
process, = children()
tracer = subprocess.Popen(['strace', '-f', '-o', 'calls', '-e', 'inject=fsync:error=EIO:when=1',
                           '-p', str(process)], stderr=subprocess.PIPE)
check(b'attached' in tracer.stderr.readline(), 'strace is not attached')
session.expect(b'PUT b size=1 eager=1\n1\nx\nEND\n', 'FAIL internal')
session.close()
tracer.terminate()
tracer.communicate()
check(not os.path.exists(LIBRARY + '/b') and not stages(), 'something is left')
Session().expect(b'PUT b size=1 eager=1\n1\nx\nEND\n', 'OK size=1')
END
}

@test "disk: nothing can be linked into a file system that is mounted in the library" {
    local unshare=(unshare -rm)
    [ "$(id -u)" -ne 0 ] || unshare=(unshare -m)
    FSD_EXPECTED='msg=failed .* operation=PUT name=mounted/a cause="another file system is mounted there; .*"'
    FSD_WRAPPER=("${unshare[@]}" bash -c 'mount -t tmpfs tmpfs "$LIBRARY/mounted" && exec "$@"' bash)
    mkdir -p "$LIBRARY/mounted"
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'nothing can be mounted here'
    start_fsd
    play <<'END'
> PUT mounted/a size=1 eager=1
> 1
> x
> END
< FAIL internal another file system is mounted there; nothing can be linked into it
> PUT b size=0 eager=1
> END
< OK size=0 *
END
}

@test "disk: a library that was replaced is not served until it is back" {
    FSD_EXPECTED='level=error msg="the library is not in its place" library='
    start_fsd
    play <<<$'> PUT a size=0 eager=1\n> END\n< OK size=0 *'
    mv "$LIBRARY" moved
    play <<<$'> GET a\n< FAIL unavailable the library was unmounted, moved or replaced'
    converse <<<"check(Session().status()['writable'] == '0', 'it is writable')"
    mkdir "$LIBRARY"
    play <<'END'
> LIST
< FAIL unavailable the library was unmounted, moved or replaced
> PUT b size=1 eager=1
> 1
> x
> END
< FAIL unavailable the library was unmounted, moved or replaced
END
    rmdir "$LIBRARY"
    mv moved "$LIBRARY"
    play <<<$'> PUT b size=0 eager=1\n> END\n< OK size=0 *'
}

@test "disk full: uploads fail with no-space and leave nothing, and the daemon keeps serving" {
    use_small_disk
    FSD_EXPECTED='msg=failed .*(No space left|too little free space)'
    start_fsd
    LIBRARY=/proc/$FSD_PID/root$LIBRARY converse <<'END'
session = Session()
# With a size it is known before a byte is sent.
session.expect('PUT big size=8388608', 'FAIL no-space')
session.expect('LIST', 'EMPTY')
# Without one it comes in the middle.
session.expect('PUT big', 'OK offset=0')
sent = 0
while session.is_silent(0) and sent < 2**24:
    session.send(item(b'x' * 65536))
    sent += 65536
check(session.line().startswith('FAIL no-space'), 'no FAIL no-space')
session.expect(b'ABORT aborted\nLIST\n', 'EMPTY')
check(not stages(), 'a stage is left')
# Small ones go in until it is full.
stored = []
for number in range(200):
    answer = session.ask(f'PUT d{number}/f size=65536 eager=1\n65536\n' + 'y' * 65536 + '\nEND')
    if not answer.startswith('OK'):
        check(answer.startswith('FAIL no-space'), answer)
        break
    stored.append(f'd{number}/f')
check(0 < len(stored) < 200 and not stages(), stored)
session.expect('LIST deep=1', 'OK')
check(set(session.body()[0].decode().split()) == set(stored), 'other names are listed')
session.expect('GET ' + stored[-1], 'OK size=65536')
check(session.body()[0] == b'y' * 65536, 'not whole')
END
}

@test "disk full: an upload that is only announced leaves room for others" {
    use_small_disk
    FSD_EXPECTED='msg=failed .*(No space left|too little free space)'
    start_fsd
    LIBRARY=/proc/$FSD_PID/root$LIBRARY converse <<'END'
session = Session()
free = int(session.status()['space.free'])
session.expect(f'PUT big size={free + 4096}', 'FAIL no-space')
holder = Session()
holder.expect(f'PUT big size={free - 16384}', 'OK offset=0')
session.expect('PUT small size=65536 eager=1\n65536\n' + 'y' * 65536 + '\nEND', 'OK size=65536')
END
}

@test "disk full: a step ahead that has no room is not an error, but the first one is" {
    FSD_EXPECTED='msg=failed .*cause="Disk quota exceeded"'
    # Calls are counted for each thread; the self-test has one of its own.
    inject -e inject=fallocate:error=ENOSPC:when=2+
    start_fsd
    converse <<'END'
MIB = 1 << 20
data = os.urandom(MIB)
session = Session()
session.expect(f'PUT a size={4 * MIB}', 'OK offset=0')
session.expect(item(data) * 4 + b'END\n', f'OK size={4 * MIB} digest={digest(data * 4)}')
END
    stop_fsd
    inject -e inject=fallocate:error=EDQUOT:when=2
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT b size=4 eager=1\n4\nfour\nEND', 'OK size=4')
session.expect('PUT c size=4000000', 'FAIL no-space')
wait_until(lambda: not stages(), 'the stage to go')
END
}

# play_promises: the Python on stdin has a file system of 64 MiB, and two clients: Session() and Other().
play_promises() {
    use_small_disk 64
    FSD_EXPECTED="${FSD_EXPECTED:+$FSD_EXPECTED|}msg=failed .*(No space left|too little free space|limits.stage)"
    start_fsd --listen plain:127.0.0.1:0 --anonymous put
    LIBRARY=/proc/$FSD_PID/root$LIBRARY converse <<END
MIB = 1 << 20
FREE = int(Session().status()['space.free'])


def Other():
    return Session(('127.0.0.1', int(os.environ['FSD_PORT'])))


def refuse(session, size):
    session.expect(f'PUT refused size={size}', 'FAIL no-space too little free space')


$(cat)
END
}

@test "promises: two announcements that do not fit together are not both accepted" {
    play_promises <<'END'
first, other = Session(), Other()
first.expect(f'PUT first size={12 * MIB}', 'OK offset=0')
refuse(other, FREE - 6 * MIB)
refuse(Session(), FREE - 6 * MIB)
refuse(other, 90 * 1024 * MIB)
other.expect(f'PUT refused size={2**63 - 1}', 'FAIL no-space')
other.expect(f'PUT other size={FREE - 14 * MIB}', 'OK offset=0')
# The second is not promised anything, as it is larger than a share. What came needs no promise.
first.expect(b''.join(item(b'x' * MIB) for _ in range(12)) + b'END\n', f'OK size={12 * MIB}')
# What the first was promised is over with it.
third = Other()
third.expect(f'PUT third size={FREE - 16 * MIB}', 'OK offset=0')
refuse(Session(), FREE - 6 * MIB)
END
}

@test "promises: one client is promised no more than its share" {
    play_promises <<'END'
sessions = [Session() for _ in range(4)]
for number, session in enumerate(sessions):
    session.expect(f'PUT a{number} size={10 * MIB}', 'OK offset=0')
large = Session()
large.expect(f'PUT large size={20 * MIB}', 'OK offset=0')
# The first has a promise. Each of them also has a first step of 1 MiB.
refuse(Other(), FREE - 10 * MIB)
Other().expect(f'PUT b size={FREE - 16 * MIB}', 'OK offset=0')
# An upload without a promise is stored like any other, as long as there is room.
large.expect(b''.join(item(b'x' * MIB) for _ in range(20)) + b'END\n', f'OK size={20 * MIB}')
sessions[3].expect(b''.join(item(b'x' * MIB) for _ in range(10)) + b'END\n', f'OK size={10 * MIB}')
END
}

@test "promises: one lapses when no bytes come, and returns with them" {
    echo 'limits = { stall = "5s"; };' >"$CONFIG"
    play_promises <<'END'
silent = Session()
silent.expect(f'PUT silent size={12 * MIB}', 'OK offset=0')
refuse(Other(), FREE - 6 * MIB)

def is_accepted():
    silent.send('WAIT\n')
    return Other().ask(f'PUT other size={FREE - 6 * MIB}') == 'OK offset=0'

wait_until(is_accepted, 'the promise to lapse')
silent.send(item(b'x' * 100))

def is_refused():
    silent.send(item(b'x'))
    answer = Other().ask(f'PUT other size={FREE - 6 * MIB}')
    return answer.startswith('FAIL no-space')

wait_until(is_refused, 'the promise to return')
END
}

@test "promises: that of a session that is killed is over" {
    FSD_EXPECTED='msg="a process crashed" '
    echo 'spare = 0;' >"$CONFIG"
    play_promises <<'END'
wait_until(lambda: len(children()) <= 1, 'the first session to go')
before = children()
session = Session()
session.expect(f'PUT killed size={12 * MIB}', 'OK offset=0')
process = (children() - before or before).pop()
refuse(Other(), FREE - 6 * MIB)
os.kill(process, signal.SIGKILL)
session.expect_cut()
wait_until(lambda: Other().ask(f'PUT other size={FREE - 6 * MIB}') == 'OK offset=0', 'the promise to go')
END
}

@test "disk full: folders of an upload that fails are removed again" {
    local unshare=(unshare -rm)
    [ "$(id -u)" -ne 0 ] || unshare=(unshare -m)
    echo 'records = false;' >"$CONFIG"
    mkdir -p "$LIBRARY"
    # The daemon's own folders and the stage take 5 of the inodes: there are some for folders.
    cat >"$WORK/mount" <<'END'
mount -t tmpfs -o size=2m,nr_inodes=8,mode=0755 tmpfs "$LIBRARY" && exec "$@"
END
    FSD_WRAPPER=("${unshare[@]}" bash "$WORK/mount")
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'no tmpfs can be mounted here'
    FSD_EXPECTED='msg=failed .*(No space left|too little free space)'
    start_fsd
    LIBRARY=/proc/$FSD_PID/root$LIBRARY converse <<'END'
session = Session()
session.expect('PUT a/b/c/d/e/f', 'OK offset=0')
session.expect(item(b'x') + b'END\n', 'FAIL no-space')
session.expect('LIST', 'EMPTY')
check(os.listdir(LIBRARY) == ['.fsd'], os.listdir(LIBRARY))
wait_until(lambda: not stages(), 'the stage to go')
session.expect('PUT f size=0 eager=1\nEND', 'OK size=0')
END
}
