#!/usr/bin/env bats
# Requests that no transcript can show: a session by hand, garbage of every kind, and leaks.

load library

@test "requests: a session by hand with nc" {
    start_fsd
    run raw <<<$'LIST\nQUIT'
    assert_success
    assert_output EMPTY
    run raw <<<$'PUT notes.txt size=6 eager=1\n6\nhello\n\nEND\nLIST\nQUIT'
    assert_success
    assert_line --index 0 --partial 'OK size=6 digest=sha256:5891b5b5'
    assert_output --partial $'OK\n10\nnotes.txt\n\nEND'
}

@test "requests: no single byte is a request" {
    start_fsd
    converse <<'END'
for byte in set(range(256)) - {10}:
    session = Session()
    is_word = b'A' <= b'%c' % byte <= b'Z'
    session.expect(b'%c\n' % byte, 'FAIL unsupported' if is_word else 'FAIL bad-request')
    session.expect_end()
    session.close()
for garbage in (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(range(256)) * 20,
                b'\x00' * 100000, b'\xff' * 100000, b'A' * 100000, b' ' * 100000,
                b'LIST ' + b'a=1 ' * 20000, b'SSH-2.0-OpenSSH_9.2\r\n', b'EHLO localhost\r\n'):
    session = Session()
    threading.Thread(target=session.send, args=(garbage,)).start()
    answer = session.line()
    check(answer.startswith(('FAIL bad-request', 'FAIL unsupported')), answer)
    session.expect_end()
END
}

@test "requests: an answer echoes no control characters" {
    start_fsd
    converse <<'END'
for name in (b'a%1B[31m', b'\xc2\x9b31m', b'\xff\xfe', b'/' + b'b' * 2000, b'%0AOK', b'%7F',
             b'/\xe2\x82\xac' * 200):
    session = Session()
    answer = session.expect(b'GET ' + name + b'\n', 'FAIL bad-name')
    check(all(c.isprintable() for c in answer), answer)
    check(len(answer.encode()) < 200, answer)
END
}

@test "requests: a refused eager upload never becomes a request" {
    start_fsd
    converse <<'END'
inner = b'PUT evil size=0 eager=1\nEND\n'
body = item(inner) + b'END\n'
for head in (f'PUT .. size={len(inner)} eager=1', f'PUT ok size={len(inner)} eager=1 frob=1',
             f'PUT ok size={len(inner) - 1} eager=1', f'PUT ok size={len(inner) + 1} eager=1',
             f'PUT ok size={len(inner)} eager=1 digest={digest(b"")}'):
    session = Session()
    session.expect(head.encode() + b'\n' + body, 'FAIL')
    session.expect('LIST', 'EMPTY')
# Where the session ends, nothing of it is looked at.
for head in ('PUT a eager=1', 'PUT a size=70000 eager=1', 'PUT a size=01 eager=1', 'PUT a b eager=1'):
    session = Session()
    session.expect(head.encode() + b'\n' + body + inner, 'FAIL bad-request')
    session.expect_end()
Session().expect('LIST', 'EMPTY')
END
    assert_empty_library
}

@test "download: a client that is gone ends only its own session" {
    mkdir -p "$LIBRARY"
    truncate -s 30M "$LIBRARY/a"
    start_fsd
    converse <<'END'
for _ in range(5):
    session = Session()
    session.expect('GET a', 'OK size=31457280')
    session.close()
Session().expect('LIST', 'OK')
END
}

@test "memory: valgrind finds no leak and no error in a session" {
    local_only 'under valgrind the signer cannot lock itself in'
    skip_without_valgrind
    # With valgrind the soft limit is the hard one, too.
    FSD_EXPECTED='msg="the limit of open files .*"'
    FSD_WRAPPER=(valgrind --leak-check=full
        '--errors-for-leak-kinds=definite,indirect,possible' --error-exitcode=9 "--log-file=$WORK/valgrind.%p")
    start_fsd
    play <<'END'
> LIST
< EMPTY
> PUT a/b size=6 eager=1
> 6
> hello
>
> END
< OK size=6 *
> PUT a/b
< EXISTS size=6 *
> PUT c
< OK offset=0
> 3
> abc
> ABORT aborted
< FAIL aborted *
> PUT c size=1
< OK offset=0
> 2
> xx
< FAIL mismatch *
> ABORT aborted
> LIST deep=1 details=1 match=*
< OK
< *
< a/b *
<
< END
> GET a/b
< OK *
< 6
< hello
<
< END digest=*
> GET a
< FAIL not-a-file *
> GET a/b/c
< FAIL not-found *
> LIST  x
< FAIL bad-request *
END
    play <<<$'> PUT d\n< OK offset=0\n> 6\n> hel\\\n>.\n<.'
    stop_fsd
    run grep -L 'ERROR SUMMARY: 0 errors' "$WORK"/valgrind.*
    assert_output ''
    run grep -h 'ERROR SUMMARY' "$WORK"/valgrind.*
    # The parent, and its sessions or the worker with their threads.
    [ "${#lines[@]}" -ge 2 ]
}
