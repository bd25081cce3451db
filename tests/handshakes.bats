#!/usr/bin/env bats
# bats file_tags=tls
# Who gets in over TLS when it is full: handshakes, and sessions of clients with and without a key.

load library
load tls

@test "handshakes: a silent connection costs no process, and is closed in time" {
    echo 'limits = { handshake = "5s"; };' >"$CONFIG"
    FSD_EXPECTED='^level=warning msg="handshake failed" address=127.0.0.[0-9]+ client=127.0.0.1 cause="nothing came within limits.handshake"$'
    start_tls --anonymous list
    talk <<'END'
await_quiet(3 if os.environ['FSD_CONCURRENCY'] == 'process' else 2)
before = children()
begun = time.monotonic()
silent = [Session(ADDRESS) for _ in range(5)]
KeySession().expect('LIST absent', 'EMPTY')
for session in silent:
    session.expect_end()
check(time.monotonic() - begun >= 4.9, 'closed too early')
check(len(log_lines('msg="handshake failed"')) == 5, 'the log')
session = Session()
check(session.status()['handshakes.failed'] == '5', session.status())
check(session.status()['sessions.served'] == '2', session.status())
check(session.status()['sessions.refused'] == '0', session.status())
END
}

@test "handshakes: limits.handshake counts from accept, even if bytes keep coming" {
    echo 'limits = { handshake = "1s"; };' >"$CONFIG"
    FSD_EXPECTED='^level=warning msg="handshake failed" address=127.0.0.[0-9]+ client=127.0.0.1 cause='
    start_tls
    talk <<'END'
begun = time.monotonic()
slow = Session(ADDRESS)
# The beginning of a ClientHello of 512 bytes.
for byte in b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'x' * 400:
    if not slow.send_if_open(bytes([byte])) or not slow.is_silent(0.05):
        break
slow.expect_cut()
check(0.9 <= time.monotonic() - begun < 20, 'not in time')
END
    # The rest of it comes a moment before the end.
    await_line "$FSD_PID" "$FSD_LOG" 'msg="handshake failed"' 1
}

@test "handshakes: an address that opens many does not keep others out" {
    echo 'limits = { handshakes = 8; handshake = "1h"; };' >"$CONFIG"
    FSD_EXPECTED='^level=warning msg="handshake failed" address=127.0.0.[0-9]+ client=127.0.0.[0-9]+ cause='
    start_tls --anonymous list
    talk <<'END'
HELLO = b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'


def is_open(session):
    return session.is_silent(0)


others = [Session(ADDRESS, f'127.0.0.{number}') for number in (3, 4)]
crowd = []
for turn in range(60):
    crowd.append(Session(ADDRESS, '127.0.0.2'))
    if turn % 2 == 0:
        crowd[-1].send_if_open(HELLO)  # this one gets a session, and holds it
    if turn % 10 == 9:
        begun = time.monotonic()
        client = KeySession(source='127.0.0.5')
        client.expect('LIST absent', 'EMPTY')
        client.close()
        check(time.monotonic() - begun < 10, 'a client had to wait')
wait_until(lambda: sum(map(is_open, crowd)) <= 6, 'the crowd to make room')
# The newest of the crowd, and those of other addresses, are still there.
check(is_open(crowd[-1]) and all(map(is_open, others)), 'the wrong one had to make room')
check(len(log_lines('msg="connection refused" address=127.0.0.2 client=127.0.0.2 cause=limits.handshakes')) >= 10,
      'the log')
status = Session().status()
check(int(status['sessions.refused']) >= 54, status)
# What has made room has ended; what it left is as before.
for session in crowd:
    session.close()
for session in others:
    session.close()
session = Session()
wait_until(lambda: session.status()['sessions'] == '1' and no_zombies(), 'the sessions')
own = [name for name in descriptors(daemon()).values() if name.startswith('socket:')]
if os.environ['FSD_CONCURRENCY'] == 'process':
    await_quiet(4)
wait_until(lambda: len([name for name in descriptors(daemon()).values() if name.startswith('socket:')]) < 12,
           'the connections of the parent to be closed')
END
}

@test "handshakes: ports that are only looked at leave nothing" {
    start_tls --anonymous list
    talk <<'END'
session = Session()
session.expect('LIST absent', 'EMPTY')
await_quiet(4 if os.environ['FSD_CONCURRENCY'] == 'process' else 2)
before = len(descriptors(daemon()))
for _ in range(200):
    Session(ADDRESS).close()
wait_until(lambda: session.status()['handshakes.failed'] == '200', 'the count')
wait_until(lambda: len(descriptors(daemon())) == before and no_zombies(), 'the descriptors')
check(not log_lines('level=warning'), 'it was logged')
END
}

@test "handshakes: a daemon that stops does not wait for them" {
    echo 'limits = { handshake = "1h"; drain = "1h"; };' >"$CONFIG"
    start_tls
    talk <<'END'
silent, begun = Session(ADDRESS), Session(ADDRESS)
begun.send(b'\x16\x03\x01\x02\x00\x01\x00')
await_quiet(4 if os.environ['FSD_CONCURRENCY'] == 'process' else 2)
stop_daemon()
silent.expect_end()
begun.expect_cut()
END
    await_fsd
}

@test "limits: a client with a known key has limits of its own, at any address" {
    cat >"$CONFIG" <<END
limits = { per_address = 2; per_user = 2; strangers = 2; };
clients = ( { name = "web"; key = "$(make_identity web)"; rights = "list status"; },
            { name = "db"; key = "$(make_identity db)"; rights = "list"; } );
END
    make_identity other >fingerprint
    start_tls --anonymous list
    talk <<'END'
def is_turned_away(session, limit):
    if not is_busy(session):
        return False
    lines = log_lines('msg="connection refused"')
    check(lines[-1].endswith(f' cause={limit}\n'), lines)
    return True


# Strangers share what there is for them, with a key that nobody knows or none.
strangers = [KeySession()]
check(not is_busy(strangers[0]), 'the first stranger')
check(is_turned_away(KeySession('other'), 'limits.strangers'), 'one more stranger')
other = KeySession('other', '127.0.0.2')
check(not is_busy(other), 'a stranger elsewhere')
check(is_busy(KeySession(source='127.0.0.3')), 'a third stranger')
# Those who are known get in from the same addresses.
web = [KeySession('web'), KeySession('web', '127.0.0.2')]
check(not any(map(is_busy, web)), 'a known key')
check(is_turned_away(KeySession('web'), 'limits.per_user'), 'a third session')
db = [KeySession('db') for _ in range(2)]
check(not any(map(is_busy, db)), 'another key')
status = web[0].status()
check(status['sessions'] == '6' and status['sessions.served'] == '6', status)
check(status['sessions.refused'] == '3' and status['handshakes.failed'] == '0', status)
web.pop().close()
wait_until(lambda: web[0].status()['sessions'] == '5', 'the end')
check(not is_busy(KeySession('web', '127.0.0.4')), 'a place that was free again')
END
}
