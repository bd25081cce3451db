#!/usr/bin/env bats
# STATUS: what it reports, and how its counters rise.

load library

@test "STATUS: whole lines of two fields, each key once" {
    start_fsd
    converse <<'END'
import re
import subprocess
session = Session()
session.expect('STATUS', 'OK')
text, end = session.body()
check(end == 'END' and text.endswith(b'\n'), f'{text!r} {end}')
lines = text.decode().split('\n')[:-1]
for line in lines:
    check(re.fullmatch(r'[A-Za-z][A-Za-z._-]* [^ =\x00-\x1f\x7f]*', line), f'what is this: {line!r}')
keys = [line.split(' ')[0] for line in lines]
check(len(set(keys)) == len(keys), 'a key stands there twice')
status = session.status()
version = subprocess.run([os.environ['FSD'], '--version'], capture_output=True, text=True).stdout
check(f"fsd {status['version']}\n" == version and status['protocol'] == 'fsd/1', status)
check(status['model'] == os.environ['FSD_CONCURRENCY'], status)
check(status['sessions'] == '1' and status['sessions.served'] == '1', status)
check(status['sessions.refused'] == status['sessions.crashed'] == '0', status)
check(status['stages'] == status['stages.bytes'] == '0' and status['writable'] == '1', status)
check(0 <= int(status['uptime']) < 60, status)
# Every other value is a number, but for the limits.
for key, value in status.items():
    if key not in ('version', 'protocol', 'model') and not key.startswith('limits.'):
        check(value.isdigit(), f'{key} {value}')
# The session continues, and STATUS takes no options and no name.
session.expect('LIST', 'EMPTY')
session.expect('STATUS frob=1', 'FAIL unsupported')
session.expect('STATUS name', 'FAIL bad-request')
session.expect_end()
END
}

@test "STATUS: is refused without its right" {
    echo 'anonymous = "list get put";' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0
    FSD_EXPECTED='msg=denied .*request=STATUS'
    play "127.0.0.1:$FSD_PORT" <<<$'> STATUS\n< FAIL denied *\n> LIST\n< EMPTY'
    echo 'anonymous = "status";' >"$CONFIG"
    converse <<<'hang_up()'
    FSD_EXPECTED='msg=denied .*request=(STATUS|LIST)'
    converse <<'END'
session = Session(('127.0.0.1', int(os.environ['FSD_PORT'])))
check(session.status()['requests.STATUS.denied'] == '1', 'not counted')
session.expect('LIST', 'FAIL denied')
END
}

@test "STATUS: requests are counted by their outcome" {
    start_fsd --listen plain:127.0.0.1:0
    FSD_EXPECTED='msg=denied '
    converse <<'END'
watcher = Session()
WORDS = ['LIST', 'GET', 'PUT', 'STATUS', 'QUIT']
status = watcher.status()
check(all(status[f'requests.{word}.ok'] == '0' for word in WORDS), status)
check(watcher.status()['requests.STATUS.ok'] == '1', 'its own is counted when it was answered')
anonymous = ('127.0.0.1', int(os.environ['FSD_PORT']))


def rises(expected, lines, address=SOCKET):
    """These lines raise these counters by these numbers, and no others."""
    before = watcher.status()
    session = Session(address)
    session.send(lines)
    session.finish()
    while session.line() is not None:
        pass
    session.close()
    expected = dict(expected, **{'requests.STATUS.ok': 1 + expected.get('requests.STATUS.ok', 0)})

    def risen():
        after = watcher.status()
        # Each STATUS of this loop counts too.
        found = {key: int(value) - int(before.get(key, 0)) for key, value in after.items()
                 if key.startswith('requests.') and value != before.get(key, '0')}
        before['requests.STATUS.ok'] = str(int(before['requests.STATUS.ok']) + 1)
        return found

    latest = {}
    wait_until(lambda: latest.update(now=risen()) or latest['now'] == expected, f'{lines}: {expected}, {latest}')


def eager(name, text='x'):
    return f'PUT {name} size={len(text)} eager=1\n{len(text)}\n{text}\nEND\n'


rises({'requests.LIST.empty': 1}, 'LIST\n')
rises({'requests.PUT.ok': 1}, eager('a'))
rises({'requests.PUT.exists': 1}, eager('a'))
rises({'requests.PUT.ok': 1}, 'PUT b\n1\nx\nEND\n')
rises({'requests.PUT.aborted': 1}, 'PUT c\n1\nx\nABORT aborted\n')
rises({'requests.PUT.mismatch': 1}, 'PUT c size=1\n2\nxx\nEND\n')
rises({'requests.PUT.bad-name': 1}, 'PUT .. size=0 eager=1\nEND\n')
rises({'requests.LIST.ok': 2}, 'LIST\nLIST details=1\n')
rises({'requests.GET.ok': 1, 'requests.GET.not-found': 2, 'requests.QUIT.ok': 1},
      'GET a\nGET d\nGET a/b\nQUIT\n')
rises({'requests.GET.mismatch': 1}, 'GET a offset=2\n')
rises({'requests.GET.unsupported': 1}, 'GET a frob=1\n')
rises({'requests.GET.bad-request': 1}, 'GET\n')
rises({'requests.LIST.denied': 1, 'requests.PUT.denied': 1}, 'LIST\nPUT d\n', anonymous)
rises({'requests.STATUS.denied': 1}, 'STATUS\n', anonymous)
rises({'requests.other.bad-request': 1}, 'list\n')
rises({'requests.other.bad-request': 1}, 'LIST  a\n')
rises({'requests.other.unsupported': 1}, 'FROB\n')
# Nothing was asked for.
rises({}, '')
wait_until(lambda: watcher.status()['sessions'] == '1', 'the sessions to be forgotten')
END
}

@test "STATUS: counts bytes, and stages while an upload runs" {
    start_fsd
    converse <<'END'
SIZE = 1000000
watcher, session = Session(), Session()
before = watcher.status()
session.expect('PUT a', 'OK offset=0')
session.send(item(b'x' * SIZE))
wait_until(lambda: watcher.status()['stages.bytes'] == str(SIZE), 'the stage')
status = watcher.status()
check(status['stages'] == '1' and status['sessions'] == '2', status)
session.expect(b'END\n', 'OK')
wait_until(lambda: watcher.status()['stages'] == '0', 'the stage to go')
status = watcher.status()
check(status['stages.bytes'] == '0', status)
# They are counted after the answer.
wait_until(lambda: int(watcher.status()['bytes.received']) - int(before['bytes.received']) >= SIZE, 'bytes received')
received = int(watcher.status()['bytes.received']) - int(before['bytes.received'])
check(SIZE <= received < SIZE + 1000, f'{received} bytes received')
session.expect('GET a', 'OK')
session.body()
wait_until(lambda: int(watcher.status()['bytes.sent']) - int(before['bytes.sent']) >= SIZE, 'bytes sent')
sent = int(watcher.status()["bytes.sent"]) - int(before["bytes.sent"])
# Its own answers are counted, too.
check(sent < SIZE + 500000, f"{sent} bytes sent")
session.close()
wait_until(lambda: watcher.status()['sessions'] == '1', 'the end of a session')
check(watcher.status()['sessions.served'] == '2', watcher.status())
# What breaks off is counted, too.
before = watcher.status()
session = Session()
session.expect('PUT b', 'OK offset=0')
session.send(item(b'x' * SIZE))
session.finish()
session.expect_end()
session.close()
wait_until(lambda: int(watcher.status()['bytes.received']) - int(before['bytes.received']) >= SIZE, 'bytes received')
wait_until(lambda: watcher.status()['stages'] == '0', 'the stage to go')
END
}

@test "STATUS: reports the space of the library" {
    start_fsd
    converse <<'END'
status = Session().status()
disk = os.statvfs(LIBRARY)
check(int(status['space.total']) == disk.f_blocks * disk.f_frsize, status)
# Others use it meanwhile.
free = disk.f_bavail * disk.f_frsize
check(abs(int(status['space.free']) - free) <= max(free // 10, 2**28), status)
END
}

@test "STATUS: reports that the library is read-only" {
    use_other_user
    mkdir -p "$LIBRARY"
    chmod 0555 "$LIBRARY"
    FSD_EXPECTED='read-only'
    start_fsd
    converse <<<'check(Session().status()["writable"] == "0", "writable")'
}

@test "STATUS: reports the limits in force, after HUP too" {
    echo 'limits = { sessions = 77; idle = "90s"; memory = "65536K"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
import re
import subprocess
table = subprocess.run([os.environ['FSD'], '--print-settings'], capture_output=True, text=True).stdout
defaults = dict(re.findall(r'^(limits\.[a-z_]+), .*; default (\w+)$', table, re.M))
check(len(defaults) >= 11, defaults)


def limits(session):
    return {key: value for key, value in session.status().items() if key.startswith('limits.')}


old = Session()
expected = dict(defaults, **{'limits.sessions': '77', 'limits.idle': '90s', 'limits.memory': '65536K'})
check(limits(old) == expected, limits(old))
reload_with('limits = { per_user = 78; heartbeat = "79s"; };')
new = Session()
check(limits(new) == dict(defaults, **{'limits.per_user': '78', 'limits.heartbeat': '79s'}), limits(new))
check(limits(old) == expected, limits(old))
# The counters are those of the whole daemon.
check(new.status()['sessions'] == '2' and new.status()['sessions.served'] == '2', new.status())
END
}

@test "STATUS: many at once, beside sessions that come and go" {
    start_fsd
    converse <<'END'
def work(number):
    session = Session()
    for _ in range(40):
        if number % 2:
            check(int(session.status()['sessions']) >= 1, 'sessions')
        else:
            session.close()
            session = Session()
            session.expect('LIST', 'EMPTY')
    return session


sessions = at_once(6, work)
asked = 120


def is_counted():
    """An answer may be there before it is counted; each STATUS counts, too."""
    global asked
    status = sessions[1].status()
    asked += 1
    return status['requests.LIST.empty'] == '120' and int(status['requests.STATUS.ok']) == asked - 1


wait_until(is_counted, 'all to be counted')
END
}
