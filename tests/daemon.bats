#!/usr/bin/env bats
# What the daemon does beside the rules of the protocol: uploads that break, many clients at once,
# what people put into the library by hand, limits, start and end.
#
# Each test is a process of its own, so that variables of one are none of the others; some are for
# the functions of the library, and some come from there:
# shellcheck disable=SC2030,SC2031,SC2034,SC2153

load library

@test "daemon: a session by hand with nc" {
    start_fsd
    run raw <<<$'LIST\nQUIT'
    assert_success
    assert_output EMPTY
    run raw <<<$'PUT notes.txt size=6 eager=1\n6\nhello\n\nEND\nLIST\nQUIT'
    assert_success
    assert_line --index 0 --partial 'OK size=6 digest=sha256:5891b5b5'
    assert_output --partial $'OK\n10\nnotes.txt\n\nEND'
}

# tcp_client HOST ARGUMENT...
tcp_client() {
    quiet "$TESTS/tcp_client" "$1" "$FSD_PORT" "${@:2}"
}

@test "tcp_client: round trips over IPv4 and IPv6" {
    local host size
    for host in 127.0.0.1 ::1; do
        LIBRARY=$WORK/library.$host SOCKET=$WORK/socket.$host
        if [ "$host" = ::1 ] && ! grep -q 00000000000000000000000000000001 /proc/net/if_inet6; then
            continue
        fi
        [ "$host" = ::1 ] && listen="plain:[::1]:0" || listen="plain:$host:0"
        start_fsd --listen "$listen" --anonymous 'list get put'
        run tcp_client "$host" list
        assert_success
        assert_output ''
        for size in 0 1 65535 65536 65537 20971520; do
            head -c "$size" /dev/urandom >sent
            tcp_client "$host" put "sizes/$size" <sent
            tcp_client "$host" get "sizes/$size" >got
            cmp sent got
            cmp sent "$LIBRARY/sizes/$size"
        done
        run tcp_client "$host" list
        assert_success
        assert_equal "${#lines[@]}" 6
        tcp_client "$host" quit
        stop_fsd
    done
}

@test "tcp_client: names of every kind" {
    local name
    start_fsd --listen plain:127.0.0.1:0 --anonymous 'list get put'
    printf '%s\n' -n --help 'a b' 'c%d=e' '[f]' 'häß€/ü' "$(printf '%0255d' 0)" '*' '~"'\' >names
    while IFS= read -r name; do
        printf '%s' "$name" | tcp_client 127.0.0.1 put "$name"
        assert_equal "$(tcp_client 127.0.0.1 get "$name")" "$name"
        assert_equal "$(cat "$LIBRARY/$name")" "$name"
    done <names
    assert_equal "$(tcp_client 127.0.0.1 list | LC_ALL=C sort)" "$(LC_ALL=C sort names)"
}

@test "tcp_client: failures" {
    start_fsd --listen plain:127.0.0.1:0 --anonymous 'get put'
    FSD_EXPECTED='msg=denied'
    run "$TESTS/tcp_client" 127.0.0.1 "$FSD_PORT" get absent
    assert_failure 1
    assert_output --partial 'FAIL not-found'
    run "$TESTS/tcp_client" 127.0.0.1 "$FSD_PORT" list
    assert_failure 1
    assert_output --partial 'FAIL denied'
    tcp_client 127.0.0.1 put a <<<one
    run "$TESTS/tcp_client" 127.0.0.1 "$FSD_PORT" put a <<<two
    assert_failure 1
    assert_output --partial EXISTS
    assert_equal "$(cat "$LIBRARY/a")" one
}

# A server that sends other bytes than its digest tells, or not all of them.
@test "tcp_client: a download is verified" {
    local body
    for body in '3\nabc\nEND digest=sha256:00\n' '3\nab' '3\nabc\n' '3\nabc\nABORT mismatch\n'; do
        SOCKET='' converse <<END
import subprocess
server = socket.create_server(('127.0.0.1', 0))
client = subprocess.Popen(['$TESTS/tcp_client', '127.0.0.1', str(server.getsockname()[1]), 'get', 'a'],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
session = server.accept()[0]
session.recv(6, socket.MSG_WAITALL)
session.sendall(b'OK size=3 mtime=0\n$body')
session.shutdown(socket.SHUT_WR)
errors = client.communicate()[1]
check(client.returncode == 1 and errors, 'a bad download passed')
check(b'Traceback' not in errors, errors)
END
    done
}

@test "upload: cut at every byte it leaves nothing" {
    start_fsd
    converse <<'END'
for head in (b'PUT a/b size=6\n', b'PUT a/b size=6 eager=1\n'):
    upload = head + b'3\nhel\n3\nlo\n\nWAIT\nEND\n'
    for length in range(len(upload)):
        session = Session()
        session.send(upload[:length])
        session.finish()
        while (line := session.line()) is not None:
            check(line == 'OK offset=0', f'{upload[:length]}: {line}')
        session.close()
    # The same with a connection that breaks.
    for length in range(len(head), len(upload)):
        session = Session()
        session.send(upload[:length])
        session.close()
wait_until(lambda: not stages(), 'stages to go')
Session().expect('LIST', 'EMPTY')
END
    assert_empty_library
}

@test "upload: a name is seen only when it is whole" {
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a/b', 'OK offset=0')
session.send(item(b'x' * 100000))
wait_until(stages, 'a stage')
other = Session()
other.expect('LIST deep=1', 'EMPTY')
other.expect('GET a/b', 'FAIL not-found')
session.expect(b'END\n', 'OK size=100000')
other.expect('LIST a', 'OK')
check(other.body() == (b'a/b\n', 'END'), 'no a/b')
END
    assert_no_stages
}

@test "upload: what is kept of a file" {
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a/b size=6', 'OK offset=0')
answer = session.expect(item(b'hello\n') + b'END\n', 'OK size=6 digest=' + digest(b'hello\n'))
status = os.stat(LIBRARY + '/a/b')
check(oct(status.st_mode) == '0o100440', 'mode ' + oct(status.st_mode))
wait_until(lambda: os.stat(LIBRARY + '/a/b').st_nlink == 1, 'the stage to go')
check(oct(os.stat(LIBRARY + '/a').st_mode) == '0o40750', 'mode of a folder')
record = os.getxattr(LIBRARY + '/a/b', 'user.fsd').decode().split(' ')
record = dict(option.split('=') for option in record)
check(record['digest'] == digest(b'hello\n') and record['size'] == '6', record)
seconds, _, decimals = record['mtime'].partition('.')
check(int(seconds) * 10**9 + int(decimals.ljust(9, '0')) == status.st_mtime_ns, record)
check(abs(time.time() - status.st_mtime) < 60, 'mtime is not the time of the commit')
session.expect('LIST details=1 a/b', 'OK')
line = session.body()[0].decode()
check(line == f"a/b size=6 mtime={record['mtime']} digest={record['digest']} by={record['by']}\n", line)
check(record['by'].startswith('user:'), record)
END
}

@test "upload: a client that breaks its promise of a digest or size leaves nothing" {
    start_fsd
    play <<'END'
> PUT a/b/c size=3
< OK offset=0
> 4
> abcd
< FAIL mismatch *
> ABORT aborted
> PUT a/b/c digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
< OK offset=0
> 4
> abcd
> END
< FAIL mismatch *
> PUT a/b/c
< OK offset=0
> 4
> abcd
> ABORT aborted
< FAIL aborted *
> LIST
< EMPTY
END
    assert_empty_library
}

@test "upload: 300 sent ahead are answered in order" {
    start_fsd
    converse <<'END'
session = Session()
count = 300
sender = threading.Thread(target=lambda: session.send(b''.join(
    b'PUT d/%d size=%d eager=1\n%bEND\n' % (n, len(str(n)), item(b'%d' % n)) for n in range(count))))
sender.start()
for number in range(count):
    text = b'%d' % number
    line = session.line()
    check(line == f'OK size={len(text)} digest={digest(text)}', line)
sender.join()
session.expect('LIST d', 'OK')
check(len(session.body()[0].split()) == count, 'not all are there')
END
}

@test "clients: 50 at once" {
    start_fsd
    converse <<'END'
sessions = [Session() for _ in range(50)]

def work(number):
    session = sessions[number]
    data = os.urandom(100000 + number)
    session.expect(f'PUT folder/{number}', 'OK offset=0')
    for start in range(0, len(data), 30000):
        session.send(item(data[start:start + 30000]))
    session.expect(b'END\n', f'OK size={len(data)} digest={digest(data)}')
    session.expect(f'GET folder/{number}', f'OK size={len(data)}')
    return session.body() == (data, 'END digest=' + digest(data))

check(all(at_once(50, work)), 'other bytes came back')
END
    assert_no_stages
}

@test "clients: a race of 50 for one name has one winner" {
    start_fsd
    converse <<'END'
sessions = [Session() for _ in range(50)]
bodies = [os.urandom(5000) for _ in sessions]
for session, body in zip(sessions, bodies):
    session.expect('PUT deep/er/name', 'OK offset=0')
    session.send(item(body))
for session in sessions:
    session.send('END\n')
answers = [session.line() for session in sessions]
winners = [n for n, answer in enumerate(answers) if answer.startswith('OK')]
check(len(winners) == 1, answers)
stored = read_file('deep/er/name')
check(stored == bodies[winners[0]], 'not the bytes of the winner')
exists = f'EXISTS size=5000 digest={digest(stored)}'
check(sorted(answers)[:49] == [exists] * 49, answers)
END
    assert_no_stages
}

# A folder may be removed again by an upload that loses, while another is about to use it.
@test "clients: a race for folders loses no upload" {
    start_fsd
    converse <<'END'
def work(number):
    session = Session()
    name = f'x/y/{number % 10}/{number}' if number % 2 else f'x/y/{number % 10}'
    return session.ask(f'PUT {name} size=1 eager=1\n1\nz\nEND')

answers = at_once(50, work)
check(all(answer.startswith(('OK', 'EXISTS', 'FAIL not-a-file')) for answer in answers), answers)
stored = sum(len(files) for _, _, files in os.walk(LIBRARY + '/x'))
check(stored == sum(answer.startswith('OK') for answer in answers), answers)
END
    assert_no_stages
}

@test "requests: no line of a single byte is one" {
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

@test "requests: an answer echoes nothing that could hurt" {
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

@test "by hand: what is no regular file is not served" {
    mkdir -p "$LIBRARY/folder" "$WORK/outside"
    echo secret >"$WORK/outside/secret"
    mkfifo "$LIBRARY/fifo"
    ln -s "$WORK/outside/secret" "$LIBRARY/link-to-file"
    ln -s "$WORK/outside" "$LIBRARY/link-to-folder"
    ln -s folder "$LIBRARY/link-inside"
    ln -s nowhere "$LIBRARY/link-to-nothing"
    ln -s .. "$LIBRARY/folder/up"
    echo inside >"$LIBRARY/folder/file"
    start_fsd
    converse <<'END'
local = socket.socket(socket.AF_UNIX)
os.chdir(LIBRARY)
local.bind('socket')
session = Session()
for name in ('fifo', 'socket', 'folder', 'folder/up', 'link-to-file', 'link-to-folder', 'link-inside',
             'link-to-nothing'):
    session.expect(f'GET {name}', 'FAIL not-a-file')
    session.expect(f'PUT {name}', 'FAIL not-a-file')
    session.expect(f'PUT {name} size=1 eager=1\n1\nx\nEND', 'FAIL not-a-file')
for name in ('fifo/x', 'socket/x', 'folder/up/x', 'folder/file/x', 'link-to-folder/secret',
             'link-inside/file', 'link-to-file/x', 'link-to-nothing/x', 'folder/up/folder/file'):
    session.expect(f'GET {name}', 'FAIL not-found')
    session.expect(f'PUT {name}', 'FAIL not-a-file')
for name in ('fifo', 'socket', 'folder/up', 'link-to-file', 'link-to-folder', 'link-to-folder/',
             'link-inside', 'link-to-nothing', 'link-to-folder/secret'):
    session.expect(f'LIST {name}', 'EMPTY')
    session.expect(f'LIST {name} deep=1', 'EMPTY')
session.expect('LIST', 'OK')
check(session.body() == (b'folder/\n', 'END'), 'more than the folder is listed')
session.expect('LIST deep=1', 'OK')
check(session.body() == (b'folder/file\n', 'END'), 'more than the file is listed')
END
    assert_equal "$(ls -A "$WORK/outside")" secret
    assert_no_stages
}

@test "by hand: what may not be read" {
    use_other_user
    mkdir -p "$LIBRARY/lost+found" "$LIBRARY/open"
    echo a >"$LIBRARY/unreadable"
    echo b >"$LIBRARY/lost+found/file"
    echo c >"$LIBRARY/open/file"
    chmod 000 "$LIBRARY/unreadable" "$LIBRARY/lost+found"
    start_fsd
    converse <<'END'
session = Session()
session.expect('GET unreadable', 'FAIL denied')
session.expect('GET lost+found/file', 'FAIL denied')
session.expect('PUT lost+found/new size=0 eager=1\nEND', 'FAIL denied')
session.expect('LIST lost+found', 'EMPTY')
session.expect('LIST deep=1', 'OK')
names = session.body()[0].split()
check(set(names) in ({b'open/file'}, {b'open/file', b'unreadable'}), names)
session.expect('LIST', 'OK')
check(b'lost+found/' not in session.body()[0].split(), 'an unreadable folder is listed')
session.expect('LIST details=1 deep=1', 'OK')
check(session.body()[1] == 'END', 'the listing breaks off')
session.expect('PUT new size=0 eager=1\nEND', 'OK')
END
    assert_no_stages
}

@test "by hand: refused names are neither listed nor served" {
    local name
    for name in .fsdir/file .nfs1/file $'new\nline/file' $'\xff/file' .fsd-file .nfs-file $'tab\t' \
        $'c1\xc2\x85' $'esc\e[0m' good/file $'good/\x7f'; do
        mkdir -p "$(dirname "$LIBRARY/$name")"
        touch "$LIBRARY/$name"
    done
    start_fsd
    play <<'END'
> LIST
< OK
< 6
< good/
<
< END
> LIST deep=1
< OK
< 10
< good/file
<
< END
> LIST deep=1 details=1 match=*
< OK
< *
< good/file size=0 mtime=*
<
< END
> GET .fsd-file
< FAIL bad-name *
> GET new%0Aline/file
< FAIL bad-name *
> GET .fsdir/file
< FAIL bad-name *
END
}

@test "by hand: a file without a record" {
    mkdir -p "$LIBRARY"
    printf 'hello\n' >"$LIBRARY/a"
    touch -d @1795428000.5 "$LIBRARY/a"
    start_fsd
    play <<'END'
> LIST details=1
< OK
< *
< a size=6 mtime=1795428000.5
<
< END
> GET a
< OK size=6 mtime=1795428000.5
< 6
< hello
<
< END digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
> GET a offset=1
< OK size=6 mtime=1795428000.5
< 5
< ello
<
< END
> GET a digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
< FAIL mismatch *
> GET a digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
< OK size=6 mtime=1795428000.5*
< 6
< hello
<
< END digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
> PUT a
< EXISTS size=6 digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
END
}

@test "by hand: a record is believed only while size and mtime fit" {
    start_fsd
    play <<<$'> PUT a size=6 eager=1\n> 6\n> hello\n>\n> END\n< OK size=6 *\n'
    chmod u+w "$LIBRARY/a"
    printf 'world\n' >"$LIBRARY/a"
    touch -d @1 "$LIBRARY/a"
    play <<'END'
> GET a
< OK size=6 mtime=1
< 6
< world
<
< END digest=sha256:e258d248fda94c63753607f7c4494ee0fcbe92f1a76bfdac795c9d84101eb317
> LIST details=1
< OK
< *
< a size=6 mtime=1
<
< END
END
}

@test "by hand: a record that the daemon could not have written is not believed" {
    local name record=digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
    record+=' size=6 mtime=1795428000.5'
    mkdir -p "$LIBRARY"
    for name in good bad; do
        printf 'hello\n' >"$LIBRARY/$name"
        touch -d @1795428000.5 "$LIBRARY/$name"
    done
    setfattr -n user.fsd -v "$record by=x" "$LIBRARY/good"
    setfattr -n user.fsd -v "$record by=x%0Afake" "$LIBRARY/bad"
    start_fsd
    play <<'END'
> LIST details=1 good
< OK
< *
< good size=6 mtime=1795428000.5 digest=sha256:5891b5b5* by=x
<
< END
> LIST details=1 bad
< OK
< 30
< bad size=6 mtime=1795428000.5
<
< END
END
}

@test "by hand: a folder that may be entered but not read takes no uploads" {
    use_other_user
    mkdir -p "$LIBRARY/entered/open"
    echo taken >"$LIBRARY/entered/taken"
    chmod 0644 "$LIBRARY/entered/taken"
    [ "$(id -u)" -ne 0 ] || chown 65534:65534 "$LIBRARY/entered/open"
    chmod 0311 "$LIBRARY/entered"
    start_fsd
    play <<'END'
> PUT entered/new size=0 eager=1
> END
< FAIL denied *
> PUT entered/taken size=0 eager=1
> END
< FAIL denied *
> PUT entered/open/new size=0 eager=1
> END
< FAIL denied *
> GET entered/open/new
< FAIL not-found *
> PUT entered/open/folder/new
< OK offset=0
> 6
> hello
>
> END
< FAIL denied *
END
    chmod u+r "$LIBRARY/entered"
    run find "$LIBRARY/entered" -mindepth 1 -printf '%P\n'
    # The empty folder that was there before stays.
    assert_equal "$(sort <<<"$output")" $'open\ntaken'
    assert_no_stages
}

@test "by hand: a file where stages are to be is no fault of the name" {
    local stage
    start_fsd
    play <<<$'> PUT a size=0 eager=1\n> END\n< OK size=0 *'
    assert_no_stages
    stage=$(echo "$LIBRARY"/.fsd/stage/user:*)
    rmdir "$stage"
    echo precious >"$stage"
    FSD_EXPECTED='msg=failed .*operation=PUT name=b '
    play <<'END'
> PUT b
< FAIL internal *
> PUT b size=1 eager=1
> 1
> x
> END
< FAIL internal *
> GET b
< FAIL not-found *
END
    assert_equal "$(cat "$stage")" precious
}

@test "by hand: a library that is removed is unavailable" {
    FSD_EXPECTED='level=error msg="the library is not in its place" '
    start_fsd
    play <<<$'> LIST\n< EMPTY'
    rm -r "$LIBRARY"
    play <<<$'> LIST\n< FAIL unavailable *\n> LIST deep=1\n< FAIL unavailable *'
}

@test "download: a file that changes while it is sent ends in ABORT" {
    mkdir -p "$LIBRARY"
    truncate -s 30M "$LIBRARY/grows" "$LIBRARY/shrinks" "$LIBRARY/touched"
    start_fsd
    converse <<'END'
def grow(path):
    with open(path, 'ab') as file:
        file.write(b'x')

changes = {'grows': grow, 'shrinks': lambda path: os.truncate(path, 1000000),
           'touched': lambda path: os.utime(path, (1, 1))}
for name, change in changes.items():
    session = Session()
    session.expect(f'GET {name}', 'OK size=31457280')
    change(f'{LIBRARY}/{name}')
    data, end = session.body()
    check(end.startswith('ABORT mismatch'), f'{name}: {end}')
    # The session goes on.
    session.expect('LIST absent', 'EMPTY')
END
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

@test "rights: other local users are anonymous" {
    skip_unless_root 'to be another user'
    FSD_EXPECTED='msg=denied'
    use_other_user
    FSD_WRAPPER=()
    start_fsd
    [ -x /usr/bin/nc.openbsd ] || skip 'nc of OpenBSD is needed'
    run setpriv --reuid 65534 --regid 65534 --clear-groups nc -N -U "$SOCKET" <<<$'LIST\nGET a\nPUT a'
    assert_success
    assert_equal "${#lines[@]}" 3
    assert_line --index 0 --partial 'FAIL denied '
    assert_line --index 2 --partial 'FAIL denied '
    stop_fsd
    start_fsd --anonymous 'list put'
    run setpriv --reuid 65534 --regid 65534 --clear-groups nc -N -U "$SOCKET" \
        <<<$'LIST\nGET a\nPUT a size=0 eager=1\nEND\nLIST details=1'
    assert_success
    assert_line --index 0 EMPTY
    assert_line --index 1 --partial 'FAIL denied '
    assert_line --index 2 --partial 'OK size=0 '
    assert_output --partial 'by=user:nobody'
}

@test "rights: nobody has any over TCP when none are given" {
    FSD_EXPECTED='msg=denied'
    start_fsd --listen plain:127.0.0.1:0
    play "127.0.0.1:$FSD_PORT" <<'END'
> LIST
< FAIL denied *
> GET a
< FAIL denied *
> PUT a
< FAIL denied *
> PUT a size=1 eager=1
> 1
> x
> END
< FAIL denied *
END
    assert_empty_library
}

@test "disk full: no-space, nothing is left, and the daemon serves on" {
    use_small_disk
    FSD_EXPECTED='msg=failed .*No space left'
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
    FSD_EXPECTED='msg=failed .*No space left'
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

@test "listen: a dead socket is replaced, a live one is not" {
    converse <<<'socket.socket(socket.AF_UNIX).bind(SOCKET)'
    [ -S "$SOCKET" ]
    start_fsd
    run timeout 20 "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --foreground 3>&-
    assert_failure 1
    assert_output --partial "$SOCKET"
    # The one that was there goes on.
    play <<<$'> LIST\n< EMPTY'
    stop_fsd
    [ ! -e "$SOCKET" ]
}

@test "listen: what is no socket is let be" {
    echo precious >"$SOCKET"
    mkdir "$LIBRARY"
    run timeout 20 "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --foreground 3>&-
    assert_failure 1
    assert_output --partial "$SOCKET"
    assert_equal "$(cat "$SOCKET")" precious
}

@test "listen: only loopback without encryption, and no TLS yet" {
    mkdir "$LIBRARY"
    local address
    for address in plain:0.0.0.0:0 'plain:[::]:0' host:7373 exec:cat relative/path; do
        run timeout 20 "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$address" --foreground 3>&-
        assert_failure
        assert_line --index 0 --regexp '^fsd: .+'
        assert_equal "${#lines[@]}" 1
    done
}

@test "listen: an address that is not loopback is an error of usage" {
    mkdir "$LIBRARY"
    refuses 2 '^fsd: .*0\.0\.0\.0.+' --config "$CONFIG" --library "$LIBRARY" \
        --listen plain:0.0.0.0:0 --foreground
}

@test "listen: whoever locks the folder of a socket does not keep the daemon from it" {
    local holder
    mkdir "$WORK/run"
    SOCKET=$WORK/run/socket
    # It ends by itself, after the daemon should have started.
    exec 4< <(exec flock -F "$WORK/run" bash -c 'echo held; exec sleep 40' 3>&-)
    holder=$!
    assert_equal "$(head -n 1 <&4)" held
    start_fsd 4<&-
    play <<<$'> LIST\n< EMPTY'
    # The lock was held all the time.
    kill "$holder"
}

@test "listen: several addresses at once" {
    start_fsd --listen "$WORK/second" --listen plain:127.0.0.1:0 --anonymous list
    play "$SOCKET" <<<$'> LIST\n< EMPTY'
    play "$WORK/second" <<<$'> LIST\n< EMPTY'
    play "127.0.0.1:$FSD_PORT" <<<$'> LIST\n< EMPTY'
    stop_fsd
    [ ! -e "$SOCKET" ] && [ ! -e "$WORK/second" ]
}

@test "stop: TERM lets an upload finish and closes idle sessions" {
    start_fsd
    converse <<'END'
idle, busy, held = Session(), Session(), Session()
idle.expect('LIST', 'EMPTY')
busy.expect('PUT a size=6', 'OK offset=0')
busy.send('3\nhel\n')
os.kill(int(os.environ['FSD_PID']), signal.SIGTERM)
wait_until(lambda: not os.path.exists(SOCKET), 'the socket to go')
idle.expect_end()
busy.expect(b'3\nlo\n\nEND\n', 'OK size=6')
busy.expect_end()
held.expect_end()
END
    await_fsd
    assert_equal "$(cat "$LIBRARY/a")" hello
    assert_no_stages
}

@test "stop: requests that were sent ahead, and parts of some, do not put it off" {
    echo 'limits = { drain = "20s"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
ahead, part, refused = Session(), Session(), Session()
part.expect('LIST', 'EMPTY')
part.send('LIS')
refused.expect('nonsense', 'FAIL bad-request')
ahead.expect('PUT a', 'OK offset=0')
ahead.send(item(b'x') + b'END\n' + b'LIST\n' * 1000)
wait_until(stages, 'the upload')
os.kill(int(os.environ['FSD_PID']), signal.SIGTERM)
started = time.monotonic()
answers = []
while (line := ahead.line()) is not None:
    answers.append(line)
check(answers[0].startswith('OK size=1'), answers[0])
check(answers[-1].startswith(('FAIL unavailable', 'END')), answers[-1])
line = part.line()
check(line is None or line.startswith('FAIL unavailable'), line)
refused.expect_end()
check(time.monotonic() - started < 10, 'the stop was put off')
END
    await_fsd
}

@test "stop: a second TERM does not wait" {
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a', 'OK offset=0')
pid = int(os.environ['FSD_PID'])
os.kill(pid, signal.SIGTERM)
wait_until(lambda: not os.path.exists(SOCKET), 'the socket to go')
os.kill(pid, signal.SIGTERM)
session.expect_end()
END
    await_fsd
    [ ! -e "$LIBRARY/a" ]
}

@test "stop: HUP is none" {
    start_fsd
    kill -HUP "$FSD_PID"
    play <<<$'> LIST\n< EMPTY'
    stop_fsd
}

@test "stop: limits.drain ends those that do not finish" {
    echo 'limits = { drain = "200ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a', 'OK offset=0')
os.kill(int(os.environ['FSD_PID']), signal.SIGTERM)
session.expect_end()
END
    await_fsd
    [ ! -e "$LIBRARY/a" ]
}

@test "limits.sessions: one more is busy" {
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

def has_room():
    fourth = Session()
    try:
        return fourth.ask('LIST') == 'EMPTY'
    except OSError:
        return False

wait_until(has_room, 'room for a session')
END
}

@test "limits.idle: an idle session is closed silently" {
    echo 'limits = { idle = "150ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
new, used = Session(), Session()
used.expect('LIST', 'EMPTY')
new.expect_end()
used.expect_end()
END
}

@test "limits.request: a line must be whole in time" {
    echo 'limits = { request = "150ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
session = Session()
session.send('LIS')
check(session.line().startswith('FAIL timeout'), 'no FAIL timeout')
session.expect_end()
# It is no limit of bodies: neither between items nor inside one.
session = Session()
session.expect('PUT a', 'OK offset=0')
check(session.is_silent(0.4), 'a limit of lines for a body')
session.send('6\nhel')
check(session.is_silent(0.4), 'a limit of lines for an item')
session.expect(b'lo\n\nEND\n', 'OK size=6')
END
}

@test "limits.request: a producer may pause longer, if limits.stall allows it" {
    echo 'limits = { request = "200ms"; stall = "5s"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
plain, eager = Session(), Session()
plain.expect('PUT plain', 'OK offset=0')
eager.send('PUT eager size=6 eager=1\n')
for part in ('3\nhel\n', '3\nlo\n\n', 'END\n'):
    check(plain.is_silent(0.4) and eager.is_silent(0.1), 'a pause between items ends an upload')
    plain.send(part)
    eager.send(part)
for session in (plain, eager):
    line = session.line()
    check(line == 'OK size=6 digest=' + digest(b'hello\n'), line)
END
}

@test "limits.stall: a silent upload times out, and WAIT keeps it alive" {
    echo 'limits = { stall = "1s"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
silent, inside, slow, alive = Session(), Session(), Session(), Session()
for number, session in enumerate((silent, inside, slow, alive)):
    session.expect(f'PUT a{number}', 'OK offset=0')
inside.send('6\nhel')
until = time.monotonic() + 2.5
while time.monotonic() < until:
    alive.send('WAIT\n')
    # Bytes now and then, fewer than 1024 of them, are no better than silence.
    if slow.is_silent(0):
        slow.send('1\nx\n')
    check(alive.is_silent(0.02), 'WAIT does not keep it alive')
for session in (silent, inside, slow):
    line = session.line()
    check(line and line.startswith('FAIL timeout'), f'no FAIL timeout: {line}')
silent.expect_end()
inside.expect_end()
check(len(stages()) == 1, 'stages are left')
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
    session.send('WAIT\n')
check(session.line().startswith('FAIL timeout'), 'no FAIL timeout')
session.expect_end()
END
    assert_empty_library
}

@test "limits.linger: a body behind a refusal must end" {
    echo 'limits = { linger = "200ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a size=1', 'OK offset=0')
session.expect(b'2\nxx\n', 'FAIL mismatch')
session.expect_end()
# It holds also for one that goes on sending, and behind an error that ends the session.
for head in ('PUT .. size=6 eager=1\n', 'nonsense\n'):
    session = Session()
    session.expect(head.encode(), 'FAIL')
    until = time.monotonic() + LIMIT
    try:
        while select.select([], [session.socket], [], 0.02)[1]:
            check(time.monotonic() < until, 'dropped for ever')
            session.send('1\nx\n')
    except (BrokenPipeError, ConnectionResetError):
        pass
END
}

@test "limits.linger: signs of life and dribbling do not put it off" {
    echo 'limits = { linger = "300ms"; };' >"$CONFIG"
    start_fsd
    converse <<'END'
def is_cut(session):
    try:
        return session.socket.recv(1) == b''
    except ConnectionResetError:
        return True

for start, more in ((b'', b'WAIT\n'), (b'', b'1\nx\n'), (b'65536\n', b'x')):
    session = Session()
    session.expect('PUT a size=1', 'OK offset=0')
    session.expect(b'2\nxx\n', 'FAIL mismatch')
    session.send(start)
    until = time.monotonic() + 5
    try:
        while session.is_silent(0.02):
            check(time.monotonic() < until, f'{start + more} is dropped for ever')
            session.send(more)
        check(is_cut(session), f'{start + more} is answered')
    except (BrokenPipeError, ConnectionResetError):
        pass
END
    assert_empty_library
}

@test "limits.heartbeat: a listing that finds little tells that it goes on" {
    local number
    echo 'limits = { heartbeat = "1ms"; };' >"$CONFIG"
    start_fsd
    for number in {1..40}; do
        mkdir "$LIBRARY/$number" && (cd "$LIBRARY/$number" && mkdir {1..100} && : >file)
    done
    converse <<'END'
session = Session()
heard = session.ask('LIST deep=1')
while heard == 'WAIT':
    heard = session.line()
check(heard == 'OK', heard)
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
line = session.ask('GET a digest=' + digest(b''))
check(line == 'WAIT', line)
while line == 'WAIT':
    line = session.line()
check(line.startswith('FAIL mismatch'), line)
END
}

# names_of_calls FILE: the steps of an upload, in the order of their calls.
names_of_calls() {
    awk -v library="$LIBRARY/" '
        # The path of the descriptor, as strace -y shows it.
        function path() {
            if (!match($0, /<[^>]*>/))
                return ""
            text = substr($0, RSTART + 1, RLENGTH - 2) "/"
            sub(library, "", text)
            return text ~ /^\.fsd\/stage/ ? "stage" : text == "" ? "library" : text
        }
        # What came before is the self-test.
        /msg=listening/ { serves = 1 }
        !serves || /mkdirat\(.*"\.fsd/ { next }
        /O_CREAT\|O_EXCL/ { print "make", path() }
        /flock\(/ && path() == "stage" { print "lock", path() }
        /fallocate\(.*FALLOC_FL_KEEP_SIZE, 0, 6/ { print "keep room for", path() }
        /[^a-z]write\(.*"hello/ { print "write", path() }
        /utimensat\(/ { print "set time of", path() }
        /fsetxattr\(.*digest=sha256/ { print "record", path() }
        /fchmod\(.*, 0440/ { print "make read-only", path() }
        /[^a-z]fsync\(/ { print "sync", path() }
        /mkdirat\(/ { print "make folder in", path() }
        /[^n]linkat\(/ { print "link", path() }
        /sendto\(.*"OK size=/ { print "answer OK" }
        /sendto\(.*"EXISTS/ { print "answer EXISTS" }
        /unlinkat\(/ { print "unlink", path() }' "$1"
}

@test "calls: an upload is durable before it is answered" {
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    FSD_WRAPPER=(env "ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0" strace -D -f -y -o "$WORK/calls" -e
        'trace=openat,flock,fallocate,write,utimensat,fsetxattr,fchmod,fsync,mkdirat,linkat,sendto,unlinkat')
    start_fsd
    play <<<$'> PUT a/b/c size=6\n< OK offset=0\n> 6\n> hello\n>\n> END\n< OK size=6 *'
    play <<<$'> PUT a/b/c\n< EXISTS size=6 *'
    stop_fsd
    converse <<'END'
wait_until(lambda: b'+++ exited' in open('calls', 'rb').read().splitlines()[-1], 'the end of strace')
END
    run names_of_calls "$WORK/calls"
    assert_output - <<'END'
make stage
lock stage
keep room for stage
write stage
set time of stage
record stage
make read-only stage
sync stage
make folder in library
make folder in a/
link stage
sync a/b/
sync a/
sync library
answer OK
unlink stage
sync a/b/c/
sync a/b/
sync a/
sync library
answer EXISTS
END
}

@test "memory: no leak and no error in a session" {
    skip_when_sanitized valgrind
    valgrind -q true 2>/dev/null || skip 'valgrind does not run here'
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

@test "configuration: every error names its file and line" {
    local text
    while IFS= read -r text; do
        printf '\n%s\n' "$text" >"$CONFIG"
        refuses 2 "^fsd: $CONFIG:2: .+" --config "$CONFIG" --library "$WORK" --listen "$SOCKET" --foreground
    done <<'END'
frobnicate = 1;
limits = { frobnicate = "1s"; };
library = 7;
library = "relative";
listen = 7;
listen = [7];
listen = "plain:[::1";
listen = "exec:cat";
listen = ();
anonymous = "list delete everything";
anonymous = true;
records = "yes";
records = 1;
limits = 5;
limits = { sessions = "many"; };
limits = { sessions = 0; };
limits = { sessions = -1; };
limits = { idle = 5; };
limits = { idle = "5"; };
limits = { idle = "soon"; };
limits = { idle = "0s"; };
limits = { idle = "400d"; };
@include "other.conf"
   @include "/"
= 1;
limits = { idle = "1s" sessions = }
END
}

@test "configuration: what cannot be read is an error" {
    mkfifo fifo
    refuses 2 "^fsd: $WORK/fifo: .+" --config "$WORK/fifo" --library "$WORK" --foreground
    refuses 2 "^fsd: $WORK/absent: .+" --config "$WORK/absent" --library "$WORK" --foreground
    refuses 2 "^fsd: $WORK: .+" --config "$WORK" --library "$WORK" --foreground
    refuses 2 '^fsd: no library.+' --config "$CONFIG" --foreground
}

@test "configuration: a NUL byte is an error" {
    printf 'anonymous = "list";\n\0anonymous = "everything";\n' >"$CONFIG"
    refuses 2 "^fsd: $CONFIG:.+" --config "$CONFIG" --library "$WORK" --listen "$SOCKET" --foreground
}

@test "configuration: the file is heeded, and options win" {
    cat >"$CONFIG" <<END
# A comment
library = "$WORK/absent";
listen = [ "$WORK/one", "$WORK/two" ];
anonymous = "list";
limits = { idle = "1h"; sessions = 5; };
END
    start_fsd --anonymous 'get put' --listen plain:127.0.0.1:0
    [ ! -e "$WORK/one" ] && [ ! -e "$WORK/two" ]
    FSD_EXPECTED='msg=denied'
    play "127.0.0.1:$FSD_PORT" <<<$'> LIST\n< FAIL denied *\n> GET a\n< FAIL not-found *'
}

@test "configuration: without records" {
    echo 'records = false;' >"$CONFIG"
    start_fsd
    play <<'END'
> PUT a size=6 eager=1
> 6
> hello
>
> END
< OK size=6 digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
> LIST details=1
< OK
< *
< a size=6 mtime=*
<
< END
> PUT a
< EXISTS size=6*
END
    run getfattr -d "$LIBRARY/a"
    assert_output ''
}

@test "command line: errors exit with 2" {
    run timeout 20 "$FSD" --frobnicate 3>&-
    assert_failure 2
    run timeout 20 "$FSD" --library 3>&-
    assert_failure 2
    refuses 2 '^fsd: .+' --config "$CONFIG" --library "$WORK" surplus
    refuses 2 '^fsd: --anonymous: "everything" is none of list, get' --config "$CONFIG" --library "$WORK" --anonymous everything
    refuses 2 '^fsd: .+' --config "$CONFIG" --library "$WORK" --listen '' --foreground
}

@test "command line: help and version" {
    run quiet "$FSD" --help
    assert_success
    assert_output --partial --library
    run quiet "$FSD" --version
    assert_success
    assert_output --regexp '^fsd [0-9]+\.[0-9]+\.[0-9]+$'
}

@test "library: one that is not there is an error" {
    refuses 1 "^fsd: .*$WORK/absent.+" --config "$CONFIG" --library "$WORK/absent" --listen "$SOCKET" \
        --foreground
    [ ! -e "$SOCKET" ]
}

@test "library: one that may not be written is served read-only" {
    use_other_user
    mkdir -p "$LIBRARY"
    printf 'hello\n' >"$LIBRARY/a"
    chmod 0555 "$LIBRARY"
    FSD_EXPECTED='read-only'
    start_fsd
    play <<'END'
> LIST
< OK
< 2
< a
<
< END
> PUT b
< FAIL denied *
> PUT b size=1 eager=1
> 1
> x
> END
< FAIL denied *
> GET a
< OK *
< 6
< hello
<
< END *
END
}

@test "background: the daemon listens when its caller goes on" {
    start_background
    run raw <<<$'LIST\nQUIT'
    assert_success
    assert_output EMPTY
    stop_background
    [ ! -e "$SOCKET" ]
}

@test "background: errors reach the caller" {
    mkdir "$LIBRARY"
    echo precious >"$SOCKET"
    refuses 1 "^fsd: .*$SOCKET.+" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET"
    refuses 1 '^fsd: .+' --config "$CONFIG" --library "$LIBRARY/absent" --listen "$WORK/other"
    assert_equal "$(cat "$SOCKET")" precious
}

@test "background: errors reach a caller that ignores its children" {
    run timeout 20 python3 -c 'import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])' \
        "$FSD" --config "$CONFIG" --library "$WORK/absent" --listen "$SOCKET" </dev/null 3>&-
    assert_failure 1
    assert_equal "${#lines[@]}" 1
    assert_line --index 0 --regexp "^fsd: .*$WORK/absent.+"
    [ ! -e "$SOCKET" ]
}
