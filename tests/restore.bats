#!/usr/bin/env bats
# What others remove under a running daemon: its folder .fsd, its sockets, their folder, its pid file.
# bats file_tags=tls

load library
load fsc

made_again='msg="the folder .fsd was removed, and made again" library='

@test "restore: .fsd that is removed is made again, by uploads and deletions" {
    FSD_EXPECTED=$made_again
    start_fsd
    converse <<'END'
session = Session()
for number, request in enumerate(('PUT a size=1 eager=1\n1\nx\nEND', 'DELETE a', 'PUT b size=1 eager=1\n1\nx\nEND',
                                  'PUT b size=1 eager=1 replace=1\n1\ny\nEND')):
    remove_private_folder()
    session.expect(request, 'OK')
    check(sorted(os.listdir(LIBRARY + '/.fsd')) == ['lock', 'stage'], 'not made again')
    wait_until(lambda: len(log_lines('made again')) == number + 1, 'the log')
remove_private_folder()
check(session.status()['writable'] == '1', 'it is not writable')
check(os.path.exists(LIBRARY + '/.fsd/lock'), 'not made again')
os.unlink(LIBRARY + '/.fsd/lock')
session.expect('DELETE b', 'OK')
os.rename(LIBRARY + '/.fsd/stage', 'moved')
session.expect('PUT d size=1 eager=1\n1\nx\nEND', 'OK')
check(session.status()['sessions.crashed'] == '0', 'a crash')
END
    assert_no_stages
}

@test "restore: an upload whose stage is removed fails, and can be repeated" {
    FSD_EXPECTED="$made_again"'|level=error msg=failed .*session=.* operation=PUT name=[ab] cause="No such file or directory" library='"$LIBRARY"'$'
    start_fsd
    converse <<'END'
import shutil

session, other = Session(), Session()
other.expect('PUT b size=1 eager=1\n1\nx\nEND', 'OK')
put = 'PUT a upload=0123456789abcdef0123456789abcdef size=2'
replace = 'PUT b size=2 replace=1'
for request, name in ((put, 'a'), (replace, 'b')):
    wait_until(lambda: not stages(), 'the last stage to go')
    session.expect(request, 'OK offset=0')
    session.send(item(b'x'))
    wait_until(lambda: [1 for path in stages() if os.path.getsize(path) == 1], 'the byte to be there')
    shutil.rmtree(LIBRARY + '/.fsd')
    # Somebody makes the folders again first.
    other.expect('DELETE nothing', 'FAIL not-found')
    session.expect(item(b'y') + b'END\n', 'FAIL unavailable the upload, or another file of fsd, was removed from .fsd')
    check(len(log_lines(f'operation=PUT name={name} ')) == 1, 'the log')
    session.expect(request, 'OK offset=0')
    session.expect(item(b'xy') + b'END\n', 'OK size=2')
END
    assert_equal "$(cat "$LIBRARY/a" "$LIBRARY/b")" xyxy
    assert_no_stages
}

@test "restore: an upload whose stage is moved away with .fsd is stored" {
    FSD_EXPECTED=$made_again
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a size=2', 'OK offset=0')
session.send(item(b'x'))
wait_until(lambda: stages(), 'the stage')
os.rename(LIBRARY + '/.fsd', 'moved')
session.expect(item(b'y') + b'END\n', 'OK size=2')
check(open(LIBRARY + '/a').read() == 'xy', 'other bytes')
session.expect('DELETE a', 'OK')
END
}

@test "restore: fsc repeats what failed because .fsd was removed, and loses nothing" {
    FSD_EXPECTED="$made_again|msg=failed .*library=|msg=\"the library is served read-only\""
    start_fsd
    local round
    for round in {1..20}; do
        head -c 100000 /dev/urandom >"many.$round"
    done
    # Each removal waits for a few more files.
    (for round in 2 5 8 11 14 17; do
        await test -e "$LIBRARY/many.$round"
        # It fails when the folder is made again meanwhile.
        rm -rf "$LIBRARY/.fsd" 2>/dev/null || true
    done) &
    for round in {1..20}; do
        "$FSC" put --retry 20 "many.$round" 3>&-
    done
    wait "$!"
    for round in {1..20}; do
        cmp "many.$round" "$LIBRARY/many.$round"
    done
}

@test "restore: all who lock a name use the same file, also after .fsd was removed" {
    FSD_EXPECTED="$made_again"
    start_fsd
    converse <<'END'
import fcntl
import shutil


def has_lock_open():
    """Has a session the file of the locks open, to ask for its own?"""
    return any(path == LIBRARY + '/.fsd/lock' for child in children() for path in descriptors(child).values())


def lock_all(file):
    fcntl.fcntl(file, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))  # F_OFD_SETLK


session, other = Session(), Session()
session.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
# Somebody has the lock of every name.
holder = open(LIBRARY + '/.fsd/lock', 'r+')
lock_all(holder)
wait_until(lambda: not stages(), 'the stage to go')
session.send('DELETE a\n')
wait_until(lambda: has_lock_open(), 'the session to wait for the lock')
shutil.rmtree(LIBRARY + '/.fsd')
other.expect('PUT b size=1 eager=1\n1\nx\nEND', 'OK')
again = open(LIBRARY + '/.fsd/lock', 'r+')
lock_all(again)
# The lock that it waited for is no longer that of the library.
holder.close()
wait_until(lambda: has_lock_open(), 'the session to wait for the other lock')
check(os.path.exists(LIBRARY + '/a'), 'deleted with the lock of a removed file')
again.close()
check(session.news() == 'OK', 'no OK')
END
}

@test "restore: .fsd that cannot be made again makes the library read-only until it can" {
    FSD_EXPECTED="$made_again"'|level=warning msg="the library is served read-only" library=.* cause="cannot use its folder .fsd \(Not a directory\)"'
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
remove_private_folder()
open(LIBRARY + '/.fsd', 'w').close()
for _ in range(2):
    session.expect('PUT b size=1', 'FAIL unavailable the library cannot be written to; the log of fsd says why')
    check(session.status()['writable'] == '0', 'it is writable')
session.expect('GET a', 'OK')
session.body()
check(len(log_lines('served read-only')) == 1, 'the log')
os.unlink(LIBRARY + '/.fsd')
check(session.status()['writable'] == '1', 'it is not writable')
session.expect('PUT b size=1 eager=1\n1\nx\nEND', 'OK')
check(len(log_lines('msg="the library is writable again"')) == 1, 'the log')
END
}

@test "restore: a socket that is removed is made again" {
    FSD_EXPECTED='level=warning msg="the socket was removed, and made again" address='
    echo 'socket_mode = "0600";' >"$CONFIG"
    start_fsd
    converse <<'END'
old = Session()
old.expect('PUT a size=1', 'OK offset=0')
os.unlink(SOCKET)
wait_until(lambda: os.path.exists(SOCKET) and log_lines('made again'), 'the socket')
check(os.stat(SOCKET).st_mode & 0o777 == 0o600, 'its mode')
Session().expect('LIST', 'EMPTY')
# Sessions from before continue.
old.expect(item(b'x') + b'END\n', 'OK size=1')
# At once, upon HUP.
os.unlink(SOCKET)
os.kill(daemon(), signal.SIGHUP)
wait_until(lambda: len(log_lines('made again')) == 2, 'the socket')
Session().expect('LIST', 'OK')
END
    stop_fsd
    [ ! -e "$SOCKET" ]
}

@test "restore: the folder of a socket and of the pid file is made again, with its mode" {
    FSD_EXPECTED='level=warning msg="the (socket|pid file) was removed, and made again" (address|file)='
    mkdir -m 0751 "$WORK/run"
    SOCKET=$WORK/run/socket
    start_fsd --pid-file "$WORK/run/pid"
    rm -r "$WORK/run"
    await_line "$FSD_PID" "$FSD_LOG" 'made again' 2
    converse <<<"Session().expect('LIST', 'EMPTY')"
    assert_equal "$(stat -c %a "$WORK/run")" 751
    assert_equal "$(cat "$WORK/run/pid")" "$FSD_PID"
    stop_fsd
    [ -d "$WORK/run" ] && [ ! -e "$WORK/run/socket" ] && [ ! -e "$WORK/run/pid" ]
}

@test "restore: what cannot be made again is logged once, with its path, and made when it can" {
    FSD_EXPECTED='level=(warning|error) msg="the (socket|pid file) was removed, and (made again|cannot be made again)" (address|file)='
    mkdir -p "$WORK/a/b"
    start_fsd --listen "$WORK/a/b/socket"
    rm -r "$WORK/a"
    await_line "$FSD_PID" "$FSD_LOG" "msg=\"the socket was removed, and cannot be made again\" address=$WORK/a/b/socket cause=\"its folder does not exist" 1
    # HUP looks again.
    kill -HUP "$FSD_PID"
    await_line "$FSD_PID" "$FSD_LOG" 'settings read again' 1
    play <<<$'> LIST\n< EMPTY'
    mkdir "$WORK/a"
    await_line "$FSD_PID" "$FSD_LOG" 'made again" address' 2
    play "$WORK/a/b/socket" <<<$'> LIST\n< EMPTY'
    assert_equal "$(grep -c 'cannot be made again' "$FSD_LOG")" 1
}

@test "restore: a socket is not made again in a folder that others can write" {
    FSD_EXPECTED='level=(warning|error) msg="the socket was removed, and (made again|cannot be made again)" address='
    mkdir "$WORK/run"
    SOCKET=$WORK/run/socket
    start_fsd
    converse <<'END'
folder = os.path.dirname(SOCKET)
os.chmod(folder, 0o777)
os.unlink(SOCKET)
wait_until(lambda: log_lines('cause="others can write to its folder'), 'the log')
hang_up()
check(not os.path.exists(SOCKET), 'it was made')
os.chmod(folder, 0o1777)
wait_until(lambda: log_lines('removed, and made again'), 'the log')
Session().expect('LIST', 'EMPTY')
END
}

@test "restore: the socket of another daemon is not taken" {
    local_only 'it is about the file of a socket'
    FSD_EXPECTED='level=(warning|error) msg="the socket was removed, and (made again|cannot be made again)" address='
    start_fsd
    converse <<'END'
other = socket.socket(socket.AF_UNIX)
other.bind('other')
other.listen()
# In one step, so that the daemon cannot be quicker.
os.rename('other', SOCKET)
other_inode = os.stat(SOCKET).st_ino
lost = f'cannot be made again" address={SOCKET} cause="another daemon is listening there"'
wait_until(lambda: log_lines(lost), 'the log')
# HUP looks again.
hang_up()
check(os.stat(SOCKET).st_ino == other_inode and not select.select([other], [], [], 0)[0], 'it was taken, or tried')
# When nobody listens there any more, it is made again.
other.close()
wait_until(lambda: log_lines('removed, and made again'), 'the log')
check(Session().peer() == daemon() and len(log_lines(lost)) == 1, 'another daemon')
END
}

@test "restore: sockets of systemd are left to it" {
    mkdir -p "$LIBRARY"
    FSD_WRAPPER=("$TESTS/activate" "$SOCKET" --)
    launch_fsd --library "$LIBRARY"
    await_line "$FSD_PID" "$FSD_LOG" 'msg=listening' 1
    rm "$SOCKET"
    kill -HUP "$FSD_PID"
    await_line "$FSD_PID" "$FSD_LOG" 'settings read again' 1
    [ ! -e "$SOCKET" ]
}
