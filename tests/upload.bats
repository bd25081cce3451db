#!/usr/bin/env bats
# Uploads: those that break off, many at once, races for one name, and the system calls that make
# them durable.

load library

@test "upload: a cut at any byte leaves nothing" {
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

@test "upload: a name is visible only when the file is whole" {
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

@test "upload: mode, mtime and record of a stored file" {
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
check(record['by'].startswith(('user:', 'key:')), record)
END
}

@test "upload: a wrong size or digest leaves nothing" {
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
        !serves || /mkdirat\([0-9]+<[^>]*\/\.fsd/ { next }
        /O_CREAT\|O_EXCL/ { print "make", path() }
        /flock\(/ && path() == "stage" { print /LOCK_UN/ ? "unlock" : "lock", text ~ /stage\/[^\/]*\/$/ ? "stages of client" : "stage" }
        /fallocate\(.*FALLOC_FL_KEEP_SIZE, 0, 6/ { print "keep room for", path() }
        /pwrite64\(.*"hello/ { print "write", path() }
        /utimensat\(/ { print "set time of", path() }
        /fsetxattr\(.*digest=sha256/ { print "record", path() }
        /fchmod\(.*, 0440/ { print "make read-only", path() }
        /[^a-z]fsync\(/ {
            print "sync", path()
            match($0, /fsync\([0-9]+/)
            synced = "/proc/self/fd/" substr($0, RSTART + 6, RLENGTH - 6)
            synced_path = path()
        }
        /mkdirat\(/ { print "make folder in", path() }
        # By the descriptor of the file that was made durable, not by a name.
        /[^n]linkat\(/ { print "link", index($0, "\"" synced "\"") && /AT_SYMLINK_FOLLOW/ ? synced_path : path() }
        /sendto\(.*"OK size=/ { print "answer OK" }
        /sendto\(.*"EXISTS/ { print "answer EXISTS" }
        # That of the socket is not relative to the library.
        /unlinkat\(/ && path() !~ /^\// { print "unlink", path() }' "$1"
}

@test "calls: an upload is durable before it is answered" {
    local_only 'strace cannot read encrypted answers'
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    FSD_WRAPPER=(env "ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0" strace -D -f -y -s 100 -o "$WORK/calls" -e
        'trace=openat,flock,fallocate,write,pwrite64,utimensat,fsetxattr,fchmod,fsync,mkdirat,linkat,sendto,unlinkat')
    start_fsd
    play <<<$'> PUT a/b/c size=6\n< OK offset=0\n> 6\n> hello\n>\n> END\n< OK size=6 *'
    play <<<$'> PUT a/b/c\n< EXISTS size=6 *'
    stop_fsd
    converse <<'END'
wait_until(lambda: b'+++ exited' in open('calls', 'rb').read().splitlines()[-1], 'the end of strace')
END
    run names_of_calls "$WORK/calls"
    assert_output - <<'END'
lock stages of client
make stage
lock stage
unlock stages of client
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
