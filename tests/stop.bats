#!/usr/bin/env bats
# How a daemon stops: what may finish, and what does not delay it.

load library

@test "stop: TERM lets an upload finish and closes idle sessions" {
    start_fsd
    converse <<'END'
idle, busy, held = Session(), Session(), Session()
idle.expect('LIST', 'EMPTY')
busy.expect('PUT a size=6', 'OK offset=0')
busy.send('3\nhel\n')
stop_daemon()
idle.expect_end()
busy.expect(b'3\nlo\n\nEND\n', 'OK size=6')
busy.expect_end()
held.expect_end()
END
    await_fsd
    assert_equal "$(cat "$LIBRARY/a")" hello
    assert_no_stages
}

@test "stop: requests and parts of requests that were sent ahead do not delay it" {
    # Nobody here would wait for that.
    echo 'limits = { drain = "1h"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
ahead, part, refused = Session(), Session(), Session()
part.expect('LIST', 'EMPTY')
part.send('LIS')
refused.expect('nonsense', 'FAIL bad-request')
ahead.expect('PUT a', 'OK offset=0')
ahead.send(item(b'x') + b'END\n' + b'LIST\n' * 1000)
os.kill(daemon(), signal.SIGTERM)
answers = []
while (line := ahead.line()) is not None:
    answers.append(line)
check(answers[0].startswith('OK size=1'), answers[0])
check(answers[-1].startswith(('FAIL unavailable', 'END')), answers[-1])
line = part.line()
check(line is None or line.startswith('FAIL unavailable'), line)
refused.expect_end()
END
    await_fsd
}

@test "stop: a second TERM does not wait" {
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a', 'OK offset=0')
pid = daemon()
os.kill(pid, signal.SIGTERM)
wait_until(lambda: not os.path.exists(SOCKET), 'the socket to go')
os.kill(pid, signal.SIGTERM)
session.expect_cut()
END
    await_fsd
    [ ! -e "$LIBRARY/a" ]
}

@test "stop: HUP does not stop the daemon" {
    start_fsd
    kill -HUP "$FSD_PID"
    play <<<$'> LIST\n< EMPTY'
    stop_fsd
}

@test "stop: limits.drain ends uploads that do not finish" {
    echo 'limits = { drain = "200ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a', 'OK offset=0')
os.kill(daemon(), signal.SIGTERM)
session.expect_cut()
END
    await_fsd
    [ ! -e "$LIBRARY/a" ]
}
