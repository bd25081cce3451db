#!/usr/bin/env bats
# Uploads that broke off and are resumed by their id.

load library

# play_resume: plays the Python on stdin, which may use these:
#   begin(name, id, data, size)   begins an upload, sends some bytes, and leaves; returns when they are kept
#   put(name, id, size)           a session that has asked to resume, and the answer
play_resume() {
    converse <<END
import contextlib

ID = '0123456789abcdef0123456789abcdef'
OTHER = 'f' * 32


def put(name, id, size=None):
    session = Session()
    option = '' if size is None else f' size={size}'
    return session, session.ask(f'PUT {name}{option} upload={id}')


def kept():
    found = set()
    for path in stages():
        with contextlib.suppress(FileNotFoundError):
            found.add((os.path.basename(path), os.path.getsize(path)))
    return sorted(found)


def begin(name, id, data, size=None):
    session, answer = put(name, id, size)
    check(answer == 'OK offset=0', answer)
    session.send(item(data))
    session.close()
    wait_until(lambda: (id, len(data)) in kept() and is_free(id), 'the end of the session')


def is_free(id):
    import fcntl
    with open(next(path for path in stages() if path.endswith(id)), 'rb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


$(cat)
END
}

@test "resume: an upload continues where it broke off" {
    start_fsd
    play_resume <<'END'
begin('a/b', ID, b'hello ', 11)
session, answer = put('a/b', ID, 11)
check(answer == f'OK offset=6 digest={digest(b"hello ")}', answer)
session.send(item(b'wor'))
session.close()
wait_until(lambda: kept() == [(ID, 9)] and is_free(ID), 'the end of the session')
session, answer = put('a/b', ID, 11)
check(answer == f'OK offset=9 digest={digest(b"hello wor")}', answer)
session.expect(item(b'ld') + f'END digest={digest(b"hello world")}\n'.encode(),
               f'OK size=11 digest={digest(b"hello world")}')
check(read_file('a/b') == b'hello world', 'the content')
record = os.getxattr(LIBRARY + '/a/b', 'user.fsd').decode()
check(f' upload={ID}' in record and f'digest={digest(b"hello world")} ' in record, record)
wait_until(lambda: not stages(), 'the stage to go')
session, answer = put('a/b', ID, 11)
check(answer == f'OK size=11 digest={digest(b"hello world")}', answer)
END
}

@test "resume: the rest must fit what is there" {
    start_fsd
    play_resume <<'END'
begin('a', ID, b'hello ', 8)
session, answer = put('a', ID, 8)
session.expect(item(b'world'), 'FAIL mismatch')
wait_until(lambda: not stages(), 'the stage to go')
begin('a', ID, b'hello ')
session, answer = put('a', ID)
session.expect(f'END digest={digest(b"other")}\n'.encode(), 'FAIL mismatch')
session, answer = put('a', ID)
check(answer == 'OK offset=0', answer)
END
}

@test "resume: an id belongs to a name, a size and a client" {
    start_fsd --anonymous 'put'
    play_resume <<'END'
begin('a', ID, b'hello', 9)
for name, size in ('b', 9), ('a', 8), ('a', None), ('a/b', 9):
    session, answer = put(name, ID, size)
    check(answer.startswith('FAIL mismatch this upload was begun with another'), answer)
    check(kept() == [(ID, 5)], kept())
session, answer = put('a', ID, 9)
check(answer.startswith('OK offset=5'), answer)
# While one has it, others have to wait.
other, answer = put('a', ID, 9)
check(answer.startswith('FAIL busy another session'), answer)
session.expect(item(b'five') + b'END\n', 'OK size=9')
END
}

@test "resume: the id of an anonymous client is ignored" {
    start_fsd --listen plain:127.0.0.1:0 --anonymous 'put get'
    play "127.0.0.1:$FSD_PORT" <<'END'
> PUT a upload=0123456789abcdef0123456789abcdef
< OK offset=0
> 1
> x
> END
< OK size=1 *
> PUT a upload=0123456789abcdef0123456789abcdef
< EXISTS size=1 *
END
    SOCKET_PORT=$FSD_PORT play_resume <<'END'
session = Session(('127.0.0.1', int(os.environ['SOCKET_PORT'])))
session.expect(f'PUT b upload={ID}', 'OK offset=0')
session.send(item(b'hello'))
wait_until(lambda: [size for _, size in kept()] == [5], 'the bytes')
session.close()
wait_until(lambda: not stages(), 'the stage to go')
END
}

@test "resume: a stage that is kept takes no more room than its bytes" {
    start_fsd
    play_resume <<'END'
begin('a', ID, b'hello', 50000000)
check(os.stat(stages()[0]).st_blocks * 512 < 1000000, os.stat(stages()[0]))
END
}

@test "resume: a session that is killed loses nothing that was written" {
    FSD_EXPECTED='msg="a process crashed" '
    echo 'spare = 0;' >"$CONFIG"
    start_fsd
    play_resume <<'END'
session, answer = put('a', ID)
session.send(item(b'hello'))
wait_until(lambda: kept() == [(ID, 5)], 'the bytes')
# None but that of the session, or the worker.
process, = children()
os.kill(process, signal.SIGKILL)
session.expect_cut()
wait_until(lambda: process not in children(), 'the end of the process')
session, answer = put('a', ID)
check(answer.startswith('OK offset=5'), answer)
END
}

@test "resume: a sealed stage is never written to again" {
    start_fsd
    play_resume <<'END'
begin('a', ID, b'hello')
path, = stages()
os.chmod(path, 0o440)
session, answer = put('a', ID)
check(answer == 'OK offset=0', answer)
session.expect(item(b'new') + b'END\n', 'OK size=3')
wait_until(lambda: not stages(), 'the stage to go')
# It was linked already, under another name or by another daemon.
begin('b', ID, b'hello')
path, = stages()
os.link(path, LIBRARY + '/c')
session, answer = put('b', ID)
check(answer == 'OK offset=0', answer)
session.expect(item(b'new') + b'END\n', 'OK size=3')
check(read_file('c') == b'hello', 'a linked stage was written to')
END
}

@test "resume: an upload whose stage was swept starts again" {
    start_fsd
    play_resume <<'END'
begin('a', ID, b'hello')
os.utime(stages()[0], (0, 0))
os.kill(daemon(), signal.SIGALRM)
wait_until(lambda: not stages(), 'the sweep')
session, answer = put('a', ID)
check(answer == 'OK offset=0', answer)
END
}

@test "resume: a name that was taken meanwhile is reported, and the stage goes" {
    start_fsd
    play_resume <<'END'
begin('a', ID, b'hello')
Session().expect(b'PUT a size=1 eager=1\n1\nx\nEND\n', 'OK size=1')
session, answer = put('a', ID)
check(answer.startswith('EXISTS size=1 '), answer)
wait_until(lambda: not stages(), 'the stage to go')
END
}

@test "resume: a time limit keeps what came" {
    echo 'limits = { stall = "200ms"; };' >"$CONFIG"
    start_fsd
    play_resume <<'END'
# The bytes are there with the request, and so before the limit is reached.
session = Session()
session.expect(f'PUT a upload={ID}\n'.encode() + item(b'hello'), 'OK offset=0')
line = session.line()
check(line and line.startswith('FAIL timeout'), f'no FAIL timeout: {line}')
session.expect_end()
session, answer = put('a', ID)
check(answer.startswith('OK offset=5'), answer)
END
}

@test "resume: the limits of what one client may leave" {
    FSD_EXPECTED='msg=failed .* operation=PUT name=[bcd] cause=".* \(limits.(stages|stage_bytes) of fsd\)"'
    echo 'limits = { stages = 2; stage_bytes = "2M"; };' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0 --anonymous put
    play_resume <<'END'
begin('a', ID, b'x' * 1000000)
session, answer = put('b', OTHER, 1500000)
check(answer.startswith('FAIL no-space the unfinished uploads of ' + CLIENT), answer)
begin('b', OTHER, b'x', 1000000)
session, answer = put('c', 'e' * 32)
check(answer.startswith('FAIL no-space ' + CLIENT), answer)
Session().expect(b'PUT d size=1 eager=1\n1\nx\nEND\n', 'FAIL no-space ' + CLIENT)
# Those that have a stage continue, and so do other clients.
Session(('127.0.0.1', int(os.environ['FSD_PORT']))).expect(b'PUT e size=1 eager=1\n1\nx\nEND\n', 'OK size=1')
session, answer = put('b', OTHER, 1000000)
check(answer.startswith('OK offset=1 '), answer)
END
}

@test "resume: what has no room now is kept for later" {
    FSD_EXPECTED='msg=failed .* operation=PUT name=a cause="the unfinished uploads of .* \(limits.stage_bytes of fsd\)"'
    echo 'limits = { stage_bytes = "2M"; };' >"$CONFIG"
    start_fsd
    play_resume <<'END'
begin('a', ID, b'hello', 1500000)
other, answer = put('b', OTHER, 1000000)
check(answer == 'OK offset=0', answer)
session, answer = put('a', ID, 1500000)
check(answer.startswith('FAIL no-space the unfinished uploads of ' + CLIENT), answer)
other.expect('ABORT aborted', 'FAIL aborted')
session, answer = put('a', ID, 1500000)
check(answer.startswith('OK offset=5 '), answer)
END
}

@test "resume: only one of two sessions has the upload" {
    start_fsd
    play_resume <<'END'
for turn in range(30):
    name, id = f'file{turn}', f'{turn:032x}'
    begin(name, id, b'hello')
    sessions = [Session() for _ in range(8)]
    for session in sessions:
        session.send(f'PUT {name} upload={id}\n')
    answers = [session.line() for session in sessions]
    ready = [session for session, answer in zip(sessions, answers) if answer.startswith('OK offset=5')]
    busy = [answer for answer in answers if answer.startswith('FAIL busy')]
    check(len(ready) == 1 and len(busy) == 7, answers)
    ready[0].expect(item(b'world') + b'END\n', 'OK size=10')
    for session in sessions:
        session.close()
END
}

@test "resume: sessions that begin one upload at once never mix their bytes" {
    start_fsd
    play_resume <<'END'
for turn in range(150):
    name, id = f'file{turn}', f'{turn:032x}'
    sessions = [Session() for _ in range(6)]
    for session in sessions:
        session.send(f'PUT {name} upload={id}\n')
    answers = [session.line() for session in sessions]
    ready = [session for session, answer in zip(sessions, answers) if answer == 'OK offset=0']
    check(len(ready) == 1 and all(answer == 'OK offset=0' or answer.startswith('FAIL busy')
                                  for answer in answers), answers)
    data = b'%d' % turn * 1000
    ready[0].expect(item(data) + b'END\n', f'OK size={len(data)} digest={digest(data)}')
    check(read_file(name) == data, 'other bytes')
    for session in sessions:
        session.close()
END
}

@test "resume: a stage that grows beyond the limit is refused and not kept" {
    FSD_EXPECTED='msg=failed .* operation=PUT name=a cause="the unfinished uploads of .* \(limits.stage_bytes of fsd\)"'
    echo 'limits = { stage_bytes = "1M"; };' >"$CONFIG"
    start_fsd
    play_resume <<'END'
begin('a', ID, b'x' * 1000000)
session, answer = put('a', ID)
check(answer.startswith('OK offset=1000000 '), answer)
session.expect(item(b'x' * 100000), 'FAIL no-space')
wait_until(lambda: not stages(), 'the stage to go')
END
}
