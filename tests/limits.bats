#!/usr/bin/env bats
# The settings below "limits", one by one.

load library

@test "limits.sessions: one more session is refused as busy" {
    echo 'limits = { sessions = 2; };' >"$CONFIG"
    start_fsd
    converse <<'END'
first, second = Session(), Session()
first.expect('LIST', 'EMPTY')
second.expect('LIST', 'EMPTY')
third = Session()
check(third.line().startswith('FAIL busy'), 'no FAIL busy')
third.expect_end()
first.expect('LIST', 'EMPTY')
second.send('QUIT\n')
second.expect_end()
second.close()
await_room()
END
}

@test "limits.idle: an idle session is closed silently" {
    local_only 'its sessions begin while the daemon is stopped'
    echo 'limits = { idle = "150ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
# The request is there before the session begins, and so before it can be idle.
with stopped(daemon()):
    new, used = Session(), Session()
    used.send('LIST\n')
check(used.line() == 'EMPTY', 'no answer')
new.expect_end()
used.expect_end()
END
}

@test "limits.request: a line must be whole in time" {
    echo 'limits = { request = "50ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
session = Session()
session.send('LIS')
check(session.line().startswith('FAIL timeout'), 'no FAIL timeout')
session.expect_end()
# It does not limit bodies, neither between items nor inside one.
session = Session()
session.expect('PUT a', 'OK offset=0')
check(session.is_silent(0.15), 'a limit of lines for a body')
session.send('6\nhel')
check(session.is_silent(0.15), 'a limit of lines for an item')
session.expect(b'lo\n\nEND\n', 'OK size=6')
END
}

@test "limits.request: a producer may pause longer, if limits.stall allows it" {
    echo 'limits = { request = "50ms"; stall = "1m"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
plain, eager = Session(), Session()
plain.expect('PUT plain', 'OK offset=0')
eager.send('PUT eager size=6 eager=1\n')
for part in ('3\nhel\n', '3\nlo\n\n', 'END\n'):
    check(plain.is_silent(0.15) and eager.is_silent(0), 'a pause between items ends an upload')
    plain.send(part)
    eager.send(part)
for session in (plain, eager):
    line = session.line()
    check(line == 'OK size=6 digest=' + digest(b'hello\n'), line)
END
}

@test "limits.stall: a silent upload times out, and WAIT keeps it alive" {
    echo 'limits = { stall = "4s"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
silent, inside, slow, alive = Session(), Session(), Session(), Session()
for number, session in enumerate((silent, inside, slow, alive)):
    session.expect(f'PUT a{number}', 'OK offset=0')
inside.send('6\nhel')
# For longer than the limit, and until the others have reached it.
enough, until = time.monotonic() + 5, time.monotonic() + LIMIT
while any(session.is_silent(0) for session in (silent, inside, slow)) or time.monotonic() < enough:
    check(time.monotonic() < until, 'no time limit')
    alive.send('WAIT\n')
    # Bytes now and then, fewer than 1024 of them, are no better than silence.
    if slow.is_silent(0):
        slow.send_if_open('1\nx\n')
    check(alive.is_silent(0.02), 'WAIT does not keep it alive')
for session in (silent, inside, slow):
    line = session.line()
    check(line and line.startswith('FAIL timeout'), f'no FAIL timeout: {line}')
silent.expect_end()
inside.expect_end()
wait_until(lambda: alive.send('WAIT\n') or len(stages()) == 1, 'the stages of the others to go')
alive.expect(b'1\nx\nEND\n', 'OK size=1')
END
}

@test "limits.wait: signs of life alone are not enough" {
    echo 'limits = { wait = "300ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a', 'OK offset=0')
until = time.monotonic() + LIMIT
while session.is_silent(0.02):
    check(time.monotonic() < until, 'WAIT for ever')
    session.send_if_open('WAIT\n')
check(session.line().startswith('FAIL timeout'), 'no FAIL timeout')
session.expect_cut()
END
    assert_empty_library
}

@test "limits.wait: a GET waits no longer for a file" {
    echo 'limits = { wait = "1s"; heartbeat = "100ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
for seconds in 3600, 9223372036854775807:
    session = Session()
    before = time.monotonic()
    session.expect(f'GET a wait={seconds}', 'FAIL not-found')
    # Clocks may be read in whole milliseconds.
    check(time.monotonic() - before >= 0.99, 'it ends too early')
    session.expect('LIST', 'EMPTY')
END
}

@test "limits.waits: one more wait of the same client is answered busy" {
    echo 'limits = { waits = 3; heartbeat = "100ms"; };' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0 --anonymous 'get watch'
    converse <<'END'
def wait(request, *arguments):
    session = Session(*arguments)
    session.send(request + '\n')
    check(session.line() in ('OK', 'WAIT'), f'{request} does not wait')
    return session


network = ('127.0.0.1', int(os.environ['FSD_PORT']))
own = [wait('WATCH'), wait('GET a wait=3600'), wait('GET b wait=3600')]
more = Session()
for request in 'WATCH', 'GET c wait=3600', 'WATCH':
    answer = more.expect(request, 'FAIL busy ' + CLIENT)
    check(answer.endswith(' already has 3 waits for files under way (limits.waits of fsd)'), answer)
# What does not wait is not counted, and others have waits of their own.
more.expect('GET c', 'FAIL not-found')
others = [wait(request, network) for request in ('WATCH', 'GET a wait=3600', 'GET a wait=3600')]
Session(network).expect('WATCH', 'FAIL busy anonymous already has 3 waits ')
# One that has ended makes room, and so does one whose session is gone.
Session().expect(b'PUT a size=1 eager=1\n1\nx\nEND\n', 'OK size=1')
check(own[1].news().startswith('OK size=1'), 'OK')
own[1].body()
own[1].send('GET c wait=3600\n')
check(own[1].line() == 'WAIT', 'it does not wait')
more.expect('WATCH', 'FAIL busy')
own[2].close()
wait_until(lambda: not more.ask('GET d wait=1').startswith('FAIL busy'), 'room for a wait')
END
}

@test "limits: a client that never stops sending reaches them, too" {
    echo 'limits = { wait = "1s"; linger = "1s"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
def flood(case):
    start, answer, more = (('PUT a', 'OK offset=0', b'WAIT\n'), (b'PUT b size=1\n2\nxx\n', 'OK offset=0', b'1\nx\n'),
                           (b'PUT .. size=9 eager=1\n', 'FAIL bad-name', b'1\nx\n'), ('nonsense', 'FAIL', b'\n'))[case]
    session = Session()
    session.expect(start, answer)
    until = time.monotonic() + LIMIT
    while session.send_if_open(more * 10000):
        check(time.monotonic() < until, f'{start} for ever')

at_once(4, flood)
wait_until(lambda: Session().status()['sessions'] == '1', 'the sessions to end')
END
    assert_empty_library
}

@test "limits.linger: a body after a refusal must end in time" {
    echo 'limits = { linger = "200ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a size=1', 'OK offset=0')
session.expect(b'2\nxx\n', 'FAIL mismatch')
session.expect_end()
# It holds also for a client that keeps sending, and after an error that ends the session.
for head in ('PUT .. size=6 eager=1\n', 'nonsense\n'):
    session = Session()
    session.expect(head.encode(), 'FAIL')
    until = time.monotonic() + LIMIT
    while session.send_if_open('1\nx\n'):
        check(time.monotonic() < until, 'dropped for ever')
        session.is_silent(0.02)
END
}

@test "limits.linger: signs of life and single bytes do not extend it" {
    echo 'limits = { linger = "300ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
for start, more in ((b'', b'WAIT\n'), (b'', b'1\nx\n'), (b'65536\n', b'x')):
    session = Session()
    session.expect('PUT a size=1', 'OK offset=0')
    session.expect(b'2\nxx\n', 'FAIL mismatch')
    session.send_if_open(start)
    until = time.monotonic() + LIMIT
    while session.is_silent(0.02) and session.send_if_open(more):
        check(time.monotonic() < until, f'{start + more} is dropped for ever')
    session.expect_cut()
END
    assert_empty_library
}

@test "limits.heartbeat: a listing that finds little sends signs of life" {
    local number
    echo 'limits = { heartbeat = "1ms"; };' >"$CONFIG"
    start_fsd
    for number in {1..40}; do
        mkdir "$LIBRARY/$number" && (cd "$LIBRARY/$number" && mkdir {1..100} && : >file)
    done
    converse <<'END'
session = Session()
session.expect('LIST deep=1', 'OK')
names, waits = b'', 0
while (head := session.line()) != 'END':
    if head == 'WAIT':
        waits += 1
    else:
        names += session.stream.read(int(head) + 1)[:-1]
check(sorted(names.split()) == sorted(b'%d/file' % number for number in range(1, 41)), names)
check(waits > 0, 'no sign of life between lines that are few')
END
}

@test "limits.heartbeat: a client that has to wait sees signs of life" {
    echo 'limits = { heartbeat = "1ms"; };' >"$CONFIG"
    mkdir -p "$LIBRARY"
    truncate -s 100M "$LIBRARY/a"
    start_fsd
    converse <<'END'
session = Session()
session.send(f'GET a digest={digest(b"")}\n')
line = session.line()
check(line == 'WAIT', line)
while line == 'WAIT':
    line = session.line()
check(line.startswith('FAIL mismatch'), line)
END
}

# The bounds of one client are for all of its uploads, with an id and without.

@test "stages: one client has a bounded number of uploads at a time" {
    FSD_EXPECTED='msg=failed .* operation=PUT .*cause="anonymous already has 20 uploads that are unfinished or under way \(limits.stages of fsd\)"'
    echo 'limits = { stages = 20; };' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0 --anonymous put
    converse <<'END'
# At once, so that they are counted while others begin.
sessions = [Session(('127.0.0.1', int(os.environ['FSD_PORT']))) for _ in range(60)]
answers = at_once(60, lambda number: sessions[number].ask(f'PUT a{number} size={number}' if number % 2 else f'PUT a{number}'))
begun = [number for number, answer in enumerate(answers) if answer == 'OK offset=0']
check(len(begun) == 20, answers)
check(all(number in begun or answer.startswith('FAIL no-space anonymous already has 20 uploads')
          for number, answer in enumerate(answers)), answers)
# Others are not concerned. When one ends, another begins.
Session().expect('PUT b size=1 eager=1\n1\nx\nEND', 'OK size=1')
sessions[begun[0]].expect('ABORT aborted', 'FAIL aborted')
free = next(number for number in range(60) if number not in begun)
sessions[free].expect('PUT c', 'OK offset=0')
END
}

@test "stages: uploads of one client have bounded bytes together" {
    FSD_EXPECTED='msg=failed .* operation=PUT .*cause="(the unfinished uploads of .* \(limits.stage_bytes of fsd\)"|too little free space)'
    echo 'limits = { stage_bytes = "4M"; };' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0 --anonymous put
    converse <<'END'
MIB = 1 << 20
other = Session(('127.0.0.1', int(os.environ['FSD_PORT'])))
Session().expect(f'PUT a size={5 * MIB}', 'FAIL no-space the unfinished uploads of ' + CLIENT)
Session().expect(f'PUT a size={2**63 - 1}', 'FAIL no-space')

# Those whose size is known count from the start,
sized = Session()
sized.expect(f'PUT a size={3 * MIB}', 'OK offset=0')
Session().expect(f'PUT b size={2 * MIB}', 'FAIL no-space the unfinished uploads of ' + CLIENT)
sized.expect('ABORT aborted', 'FAIL aborted')

# and others as they grow.
first, second = Session(), Session()
for session, name in (first, 'c'), (second, 'd'):
    session.expect(f'PUT {name}', 'OK offset=0')
    session.send(item(b'x' * MIB) + item(b'x' * (MIB // 2)))
wait_until(lambda: sorted(os.path.getsize(path) for path in stages()) == [3 * MIB // 2] * 2, 'the bytes')
first.expect(item(b'x' * MIB), 'FAIL no-space the unfinished uploads of ' + CLIENT)
first.expect('ABORT aborted\nLIST absent', 'EMPTY')
second.send(item(b'x' * MIB))
other.expect(f'PUT e size={3 * MIB}', 'OK offset=0')
second.expect('END', f'OK size={5 * MIB // 2}')

# Zeros that take no room count, too.
third = Session()
third.expect('PUT f', 'OK offset=0')
third.expect(b''.join(item(bytes(MIB)) for _ in range(5)), 'FAIL no-space the unfinished uploads of ' + CLIENT)
END
}
