#!/usr/bin/env bats
# A client that hangs up: nothing goes on for it that may take long. And locks of names, for which
# nobody waits for ever.

load library

# Without a record its digest has to be made, which takes minutes: holes are read, too.
make_huge() {
    mkdir -p "$LIBRARY"
    truncate -s 200G "$LIBRARY/huge" 2>/dev/null || skip 'no file can be that large here'
}

# Waits until no session is left but the one that asks.
END_OF_SESSIONS="
def await_end():
    wait_until(lambda: Session().status()['sessions'] == '1', 'the session to end')
"

@test "hang-up: the digest of a large file is not made for a client that is gone" {
    make_huge
    # Signs of life find out over TCP, where a client may also have ended only its own sending.
    echo 'limits = { heartbeat = "100ms"; };' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0 --anonymous 'list get status'
    converse <<END
$END_OF_SESSIONS
get = 'GET huge digest=' + digest(b'')
put = 'PUT huge replace=1 size=%d digest=%s' % (200 << 30, digest(b''))
for address, request in (SOCKET, get), (SOCKET, put), (('127.0.0.1', $FSD_PORT), get):
    session = Session(address)
    session.send(request + '\n')
    check(session.line() == 'WAIT', 'it is not under way')
    session.close()
    await_end()
END
}

@test "hang-up: the end of input is not one" {
    mkdir -p "$LIBRARY"
    truncate -s 256M "$LIBRARY/large"
    echo 'limits = { heartbeat = "100ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
session = Session()
session.send('GET large digest=' + digest(b'') + '\n')
session.finish()
# A busy machine takes its time.
until = time.monotonic() + 300
while (answer := session.line()) == 'WAIT':
    check(time.monotonic() < until, 'it takes too long')
check(answer and answer.startswith('FAIL mismatch the digest of the file is'), answer)
session.expect_end()
END
    # Over pipes, too, whose end looks like a hang-up.
    run --separate-stderr bash -c 'printf "GET large digest=sha256:%064d\n" 0 | "$FSD" --stdio --config "$CONFIG" --library "$LIBRARY" | grep -v WAIT'
    assert_output --partial 'FAIL mismatch the digest of the file is'
}

# bats test_tags=once
@test "hang-up: a name is not locked while the digest of its file is made" {
    make_huge
    echo 'limits = { heartbeat = "100ms"; };' >"$CONFIG"
    start_fsd
    converse <<END
$END_OF_SESSIONS
def replace(name, guard):
    session = Session()
    session.expect(f'PUT {name} size=5 replace={guard}', 'OK offset=0')
    session.send(item(b'hello') + b'END\n')
    check(session.line() == 'WAIT', 'it is not under way')
    return session

session = replace('huge', digest(b''))
Session().expect('DELETE huge', 'OK')
session.close()
await_end()
check(not os.path.exists(LIBRARY + '/huge') and not stages(), 'something is left')

# The file that has the name by then is the one that must have the digest. (Its folder takes the old
# one away: a file that is renamed itself is read once more.)
os.mkdir(LIBRARY + '/folder')
os.mkdir(LIBRARY + '/other')
with open(LIBRARY + '/folder/large', 'wb') as file:
    file.truncate(4 << 30)
with open(LIBRARY + '/other/large', 'wb') as file:
    file.write(b'new')
of_zeros = 'sha256:8479e43911dc45e89f934fe48d01297e16f51d17aa561d4d1c216b1ae0fcddca'
session = replace('folder/large', of_zeros)
os.rename(LIBRARY + '/folder', LIBRARY + '/away')
os.rename(LIBRARY + '/other', LIBRARY + '/folder')
until = time.monotonic() + 300
while (answer := session.line()) == 'WAIT':
    check(time.monotonic() < until, 'it takes too long')
check(answer == 'FAIL mismatch the file to replace has other content: ' + digest(b'new'), answer)
check(read_file('folder/large') == b'new', 'it was replaced')
END
}

# With a lock of all names, which another process holds.
LOCKED="
import fcntl
lock = open(LIBRARY + '/.fsd/lock', 'r+b')
F_OFD_SETLK = 37
fcntl.fcntl(lock, F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))
"

@test "hang-up: a client that is gone does not wait for a lock" {
    echo 'limits = { heartbeat = "100ms"; };' >"$CONFIG"
    start_fsd
    converse <<END
$LOCKED
Session().expect('PUT a size=0', 'OK offset=0')
session = Session()
session.send('DELETE a\n')
check(session.line() == 'WAIT', 'it does not wait')
session.close()
# Much earlier than it would be answered.
until = time.monotonic() + 20
while Session().status()['sessions'] != '1':
    check(time.monotonic() < until, 'it still waits')
END
}

# bats test_tags=once
@test "lock: a name that another process has locked for long is busy" {
    echo 'limits = { heartbeat = "100ms"; };' >"$CONFIG"
    start_fsd
    converse <<END
session = Session()
session.send(b'PUT a eager=1 size=5\n' + item(b'hello') + b'END\n')
check(session.news().startswith('OK size=5'), 'not stored')
$LOCKED

def ask(number):
    session = Session()
    if number == 0:
        session.send('DELETE a\n')
    else:
        session.send(b'PUT a replace=1 eager=1 size=3\n' + item(b'new') + b'END\n')
    until = time.monotonic() + 60
    while (line := session.line()) == 'WAIT':
        check(time.monotonic() < until, 'it waits for ever')
    return line

for answer in at_once(2, ask):
    check(answer == 'FAIL busy another request, or fsd-scrub, has locked the name', answer)
check(read_file('a') == b'hello' and not stages(), 'it was changed')
lock.close()
session.expect('DELETE a', 'OK')
END
}
