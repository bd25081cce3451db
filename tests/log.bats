#!/usr/bin/env bats
# The log: what is in it, where it goes, and that nobody waits for it.
# bats file_tags=tls

load library

# converse_with_log: converse, with daemons that get a standard error of the test's choice.
converse_with_log() {
    WRAPPER=${FSD_WRAPPER[*]} converse <<END
import contextlib
import fcntl
import re
import socket
import subprocess


@contextlib.contextmanager
def serving(stderr, *wrapper):
    """A daemon in the foreground; ends it."""
    os.makedirs(LIBRARY, exist_ok=True)
    command = [*os.environ['WRAPPER'].split(), *wrapper, os.environ['FSD'], '--config', os.environ['CONFIG'],
               '--library', LIBRARY, '--listen', SOCKET, '--foreground',
               '--concurrency', os.environ['FSD_CONCURRENCY']]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        wait_until(lambda: process.poll() is not None or accepts(), 'the daemon')
        yield process
    finally:
        process.terminate()
        code = process.wait(LIMIT)
    check(code == 0, f'exit code {code}')


def accepts():
    try:
        Session().close()
        return True
    except OSError:
        return False


def put(name):
    """Stores an empty file in a session of its own, which ends."""
    session = Session()
    session.expect(f'PUT {name} size=0 eager=1\nEND', 'OK')
    session.send('QUIT\n')
    session.expect_end()
    session.close()


def dropped():
    return int(Session().status()['lines.dropped'])


def put_until_dropped():
    """Stores files until lines are dropped, and then some more: each is answered."""
    session = Session()

    def store_some():
        for _ in range(20):
            session.expect(f'PUT a{next(numbers)} size=0 eager=1\nEND', 'OK')
        return int(session.status()['lines.dropped'])

    before = dropped()
    wait_until(lambda: store_some() > before, 'lines to be dropped')
    session.close()
    at_once(6, lambda number: [put(f'b{number}-{next(numbers)}') for _ in range(20)])


def read_now(fd):
    """What is there to read."""
    text = b''
    while select.select([fd], [], [], 0)[0]:
        more = os.read(fd, 65536)
        if not more:
            break
        text += more
    return text.decode()


def check_resumes(fd):
    """What was written is whole lines, the next one is preceded by the number of those dropped."""
    text = read_now(fd)
    lost = dropped()
    check(lost >= 100 and 'dropped' not in text, f'{lost}: {text}')
    for line in text.splitlines():
        check(re.search('msg=(listening|stored) ', line), line)
    put('after')
    lines = read_now(fd).splitlines()
    check(len(lines) == 2 and re.search(f'msg="lines of the log were dropped" lines={lost}$', lines[0])
          and ' name=after ' in lines[1], f'{lost}: {lines}')
    put('later')
    check(len(read_now(fd).splitlines()) == 1, 'said again')
    check(dropped() == lost, 'the number has changed')


numbers = iter(range(10000))
$(cat)
END
}

# fsd logs to a pipe that nobody reads: no session is stopped, and the flags stay.
check_unread_pipe() {
    converse_with_log <<'END'
reading, writing = os.pipe()
fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 16384)
with serving(writing):
    put_until_dropped()
    check(not fcntl.fcntl(writing, fcntl.F_GETFL) & os.O_NONBLOCK, 'the flags have changed')
    check_resumes(reading)
END
}

@test "log: a pipe that nobody reads stops no session, and keeps its flags" {
    check_unread_pipe
}

@test "log: a pipe of another user that nobody reads stops no session" {
    skip_unless_root 'to be another user'
    use_other_user
    check_unread_pipe
}

@test "log: a pipe without a reader stops no session" {
    converse_with_log <<'END'
reading, writing = os.pipe()
with serving(writing):
    os.close(reading)
    put_until_dropped()
END
}

@test "log: a socket that nobody reads stops no session" {
    converse_with_log <<'END'
for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
    reading, writing = socket.socketpair(socket.AF_UNIX, kind)
    writing.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with serving(writing):
        put_until_dropped()
        check_resumes(reading.fileno())
    os.unlink(f'{LIBRARY}/after')
    os.unlink(f'{LIBRARY}/later')
END
}

@test "log: a terminal that is stopped stops no session" {
    converse_with_log <<'END'
import termios
reading, writing = os.openpty()
with serving(writing):
    termios.tcflow(writing, termios.TCOOFF)
    put_until_dropped()
    termios.tcflow(writing, termios.TCOON)
    check_resumes(reading)
    check(not fcntl.fcntl(writing, fcntl.F_GETFL) & os.O_NONBLOCK, 'the flags have changed')
END
}

@test "log: a full disk stops no session, and tears only one line" {
    converse_with_log <<'END'
import resource
with open('log', 'ab') as file, serving(file, 'prlimit', '--fsize=1000:unlimited') as process:
    put_until_dropped()
    check(os.path.getsize('log') == 1000, 'the log is not full')
    lost = dropped()
    # New processes inherit it. Those that were forked ahead are used up, or are the only one.
    for pid in {process.pid} | children(process.pid):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    put('after')
with open('log', encoding='utf-8') as file:
    torn, *lines = file.read()[1000:].split('\n')
check(torn == '' and re.search(f'msg="lines of the log were dropped" lines={lost}$', lines[0]), lines)
check(' name=after ' in lines[1], lines)
END
}

@test "log: a full device stops no session" {
    converse_with_log <<'END'
with open('/dev/full', 'ab') as file, serving(file):
    put_until_dropped()
END
}

@test "log: with --stdio nobody waits for it either" {
    mkdir "$LIBRARY"
    echo 'log = { to = "stderr"; level = "debug"; };' >"$CONFIG"
    converse_with_log <<'END'
reading, writing = os.pipe()
os.set_blocking(writing, False)
with contextlib.suppress(BlockingIOError):
    while True:
        os.write(writing, b'x' * 4096)
os.set_blocking(writing, True)
command = [os.environ['FSD'], '--config', os.environ['CONFIG'], '--library', LIBRARY, '--stdio']
done = subprocess.run(command, input=b'LIST\n', stdout=subprocess.PIPE, stderr=writing, timeout=LIMIT)
check(done.returncode == 0 and done.stdout == b'EMPTY\n', done)
check(set(read_now(reading)) == {'x'}, 'logged')
END
}

@test "log: level debug logs sessions and requests with their numbers" {
    echo 'log = { level = "debug"; };' >"$CONFIG"
    FSD_EXPECTED='^level=debug '
    start_fsd --listen plain:127.0.0.1:0 --anonymous list
    converse <<'END'
first = Session()
first.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
second = Session(('127.0.0.1', int(os.environ['FSD_PORT'])))
second.expect('LIST', 'OK')
second.body()
second.send('QUIT\n')
second.expect_end()
second.close()
wait_until(lambda: log_lines('msg="session ends" session=2'), 'the end of the second')
first.expect('GET a', 'OK')
first.body()
first.expect('GET x%20y', 'FAIL not-found')
first.expect('GET  /', 'FAIL bad-request')
first.expect_end()
first.close()
wait_until(lambda: log_lines('msg="session ends" session=1'), 'the end of the first')
END
    sed -E -e 's/^time=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z //' \
        -e 's/( address=127.0.0.1)?( session=1)? client=("(user|uid) [^"]*"|key:tester)/\2 client=OWN/' -e 's/ digest=sha256:2d711642b726[0-9a-f]{52} / digest=D /' \
        -e 's/ ms=[0-9]+$/ ms=N/' "$FSD_LOG" >lines
    run grep ' session=1' lines
    assert_output 'level=debug msg="session begins" session=1 client=OWN
level=debug msg=request session=1 request=PUT name=a
level=info msg=stored session=1 client=OWN name=a digest=D size=1 ms=N
level=debug msg=answered session=1 client=OWN request=PUT name=a outcome=ok bytes=1 ms=N
level=debug msg=request session=1 request=GET name=a
level=debug msg=answered session=1 client=OWN request=GET name=a outcome=ok bytes=1 ms=N
level=debug msg=request session=1 request=GET name="x y"
level=debug msg=answered session=1 client=OWN request=GET name="x y" outcome=not-found bytes=0 ms=N
level=debug msg=answered session=1 client=OWN request=other name="" outcome=bad-request bytes=0 ms=N
level=debug msg="session ends" session=1'
    run grep ' session=2' lines
    assert_output 'level=debug msg="session begins" address=127.0.0.1 session=2 client=anonymous
level=debug msg=request session=2 request=LIST name=""
level=debug msg=answered session=2 client=anonymous request=LIST name="" outcome=ok bytes=2 ms=N
level=debug msg=request session=2 request=QUIT name=""
level=debug msg=answered session=2 client=anonymous request=QUIT name="" outcome=ok bytes=0 ms=N
level=debug msg="session ends" session=2'
}

@test "log: a level includes the more severe ones, and HUP changes it" {
    start_fsd --listen plain:127.0.0.1:0
    FSD_EXPECTED='^level=(error|warning|debug) '
    converse <<'END'
levels = ['error', 'warning', 'info', 'debug']
for number, level in enumerate(levels + levels[:1]):
    right = f'log = {{ level = "{level}"; }}; limits = {{ idle = "{100 + number}s"; }};'
    write_settings(right)
    os.kill(daemon(), signal.SIGHUP)
    wait_until(lambda: Session().status()['limits.idle'] == f'{100 + number}s', 'the new settings')
    before = len(log_lines(''))
    write_settings('nonsense')
    hang_up('msg="reload failed, the old settings stay in use"')
    local, remote = Session(), Session(('127.0.0.1', int(os.environ['FSD_PORT'])))
    local.expect(f'PUT a{number} size=0 eager=1\nEND', 'OK')
    remote.expect('GET a', 'FAIL denied')
    # Older sessions may log their end only now.
    lines = [line for line in log_lines('')[before:] if 'session ends' not in line]
    heard = {line.split(' ')[0] for line in lines}
    check(heard == {f'level={word}' for word in levels[:levels.index(level) + 1]}, f'{level}: {heard}')
END
}

@test "log: a name cannot break a line, or forge a field" {
    start_fsd --anonymous status --listen plain:127.0.0.1:0
    FSD_EXPECTED='msg=denied '
    converse <<'END'
import re
VALUE = r'(?:"(?:[^"\\]|\\["\\])*"|[^ "=\\]+)'
FIELD = '[a-z]+=' + VALUE
names = ['a" level=error msg=forged x="', 'b msg=forged', 'c=d', 'e\\', 'f\\" msg=forged', "g' h", '"', '""',
         'h\u2028msg=forged', '\u202emsg', 'x/' + '/'.join(['"' * 255, '\\' * 255, '"' * 255, '"' * 250]), '\u00e4' * 127, 'i' * 255 + '/' + '"' * 255 + '/' + ' ' * 255, '%0A', '=']
address = ('127.0.0.1', int(os.environ['FSD_PORT']))
local, remotes = Session(), [Session(address, '127.0.0.1'), Session(address, '127.0.0.2')]
for number, name in enumerate(names):
    escaped = ''.join(f'%{ord(byte):02X}' if byte in ' %=\x7f' or byte < ' ' else byte for byte in name)
    local.expect(f'PUT {escaped} size=0 eager=1\nEND', 'OK')
    # Of each address only so many lines are logged.
    remotes[number % 2].expect(f'GET {escaped}', 'FAIL denied')
# An invalid name is not logged at all.
local.expect('PUT a%0Alevel=error size=0 eager=1\nEND', 'FAIL bad-request')
# Session and process write at one time.
wait_until(lambda: len(log_lines('msg=denied')) == len(names), 'the log')
lines = [line for line in log_lines('') if ' msg=listening ' not in line]
check(len(lines) == 2 * len(names), lines)
for line in lines:
    match = re.fullmatch(FIELD + f'(?: {FIELD})*\n', line)
    check(match, f'broken: {line!r}')
    keys = re.findall('([a-z]+)=' + VALUE, line)
    stored = ['level', 'msg', 'session', 'client', 'name', 'digest', 'size', 'ms']
    check(keys in (stored, ['level', 'msg', 'address', 'session', 'client', 'request', 'name', 'missing']), f'forged: {line!r}')
    # What stands there is the name, apart from what changes how others are shown.
    shown = re.search(f' name=({VALUE})', line)[1]
    shown = re.sub(r'\\(.)', r'\1', shown[1:-1]) if shown[0] == '"' else shown
    check(shown in [re.sub('[\u2028\u202e]', '?', name) for name in names], f'another name: {line!r}')
    check(len(line.splitlines()) == 1, f'broken: {line!r}')
END
}

# log_to FILE: the next daemons log there.
log_to() {
    printf 'log = { to = "%s"; };\n' "$1" >"$CONFIG"
}

@test "log: a file, of the mode 0640, to which lines are added" {
    mkdir "$LIBRARY" logs
    log_to "$WORK/logs/fsd"
    echo before >logs/fsd
    chmod 0604 logs/fsd
    start_background
    run -0 cat logs/fsd
    assert_line --index 0 before
    assert_line --index 1 --regexp " msg=listening address=$SOCKET\$"
    [ "$(stat -c %a logs/fsd)" = 604 ]
    stop_background
    rm logs/fsd
    start_background
    [ "$(stat -c %a logs/fsd)" = 640 ]
    # What libraries and the system print goes there, too.
    [ "$(readlink "/proc/$BACKGROUND_PID/fd/2")" = "$WORK/logs/fsd" ]
}

@test "log: a file that cannot be opened is an error" {
    mkdir "$LIBRARY" folder
    mkfifo fifo
    bind_socket bound
    local path
    for path in folder fifo bound absent/log; do
        log_to "$WORK/$path"
        refuses 1 "^fsd: $WORK/$path: .+" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --foreground
        refuses 1 "^fsd: $WORK/$path: .+" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET"
        # A user who comes by ssh has the same settings, but may not be the daemon's user.
        run -0 quiet "$FSD" --config "$CONFIG" --library "$LIBRARY" --stdio <<<LIST
        assert_output EMPTY
        refuses 1 "^fsd: $WORK/$path: .+" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --check
        [ ! -e "$SOCKET" ]
    done
    log_to "$WORK/log"
    quiet "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --check
    [ ! -e log ]
    # An error of the start is printed for the caller, not only logged.
    log_to "$WORK/log"
    refuses 1 "^fsd: cannot listen on $WORK/absent/socket: " --config "$CONFIG" --library "$LIBRARY" \
        --listen "$WORK/absent/socket"
}

@test "log: HUP opens the file again, also with an error in the settings" {
    log_to "$WORK/log"
    mkdir "$LIBRARY"
    start_background
    FSD_LOG=$WORK/log FSD_PID=$BACKGROUND_PID converse <<'END'
def stored(path):
    with open(path, encoding='utf-8') as file:
        return [line.split(' name=')[1].split(' ')[0] for line in file if ' msg=stored ' in line]


log = os.environ['FSD_LOG']
old = Session()
old.expect('PUT a size=0 eager=1\nEND', 'OK')
os.rename(log, 'log.1')
old.expect('PUT b size=0 eager=1\nEND', 'OK')
check(stored('log.1') == ['a', 'b'], 'renamed')
open(log, 'x').close()
hang_up()
# One that has begun keeps the old file, others get the new one.
old.expect('PUT c size=0 eager=1\nEND', 'OK')
new = Session()
new.expect('PUT d size=0 eager=1\nEND', 'OK')
check(stored('log.1') == ['a', 'b', 'c'] and stored(log) == ['d'], 'reopened')

# The settings have an error.
os.rename(log, 'log.2')
with open(os.environ['CONFIG'], encoding='utf-8') as file:
    text = file.read()
write_settings('nonsense')
open(log, 'x').close()
hang_up('msg="reload failed, the old settings stay in use"')
new = Session()
new.expect('PUT e size=0 eager=1\nEND', 'OK')
check(stored(log) == ['e'], 'a worker has kept the old file')

# Opening it fails.
write_settings(text)
os.rename(log, 'log.3')
os.mkdir(log)
os.environ['FSD_LOG'] = 'log.3'
hang_up('msg="cannot open the log again, the old file stays in use"')
wait_until(lambda: log_lines('msg="settings read again"'), 'the settings')
check(log_lines(f' file={log} cause="Is a directory"'), log_lines(''))
new = Session()
new.expect('PUT f size=0 eager=1\nEND', 'OK')
check(stored('log.3') == ['e', 'f'], 'kept')
END
}

# The next daemons run with the folder "dev" as their /dev.
use_own_dev() {
    skip_unless_root 'a /dev/log of its own'
    unshare -m true 2>/dev/null || skip 'no namespace for a /dev/log of its own here'
    mkdir -p dev
    touch dev/null dev/zero dev/random dev/urandom
    cat >mount <<'END'
for name in null zero random urandom; do
    mount --bind "/dev/$name" "dev/$name" || exit 1
done
mount --bind dev /dev && exec "$@"
END
    printf '#!/bin/sh\nexec unshare -m sh "%s/mount" "%s" "$@"\n' "$WORK" "$FSD" >fsd
    chmod +x fsd
    FSD=$WORK/fsd
    unshare -m sh mount true || skip 'no /dev/log of its own can be mounted here'
}

@test "log: in the background it goes to syslog" {
    use_own_dev
    MODEL=${FSD_MODEL[*]} converse <<'END'
import re
import subprocess
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind('dev/log')
log.settimeout(LIMIT)


def expect(priority, text):
    """The next line of the log; returns the process that wrote it."""
    line = log.recv(4096).decode().rstrip('\0\n')
    match = re.fullmatch(r'<(\d+)>.{15} fsd\[(\d+)\]: (.*)', line)
    check(match and int(match[1]) == priority and re.fullmatch(text, match[3]), f'{text}: {line}')
    return int(match[2])


daemon, error, warning, info, debug = 3 * 8, 3, 4, 6, 7
os.mkdir(LIBRARY)
command = [os.environ['FSD'], '--config', os.environ['CONFIG'], '--library', LIBRARY, '--listen', SOCKET,
           *os.environ['MODEL'].split()]
done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
check(done.returncode == 0 and not done.stdout and not done.stderr, done)
expect(daemon + info, 'msg=listening address=' + SOCKET)
session = Session()
pid = session.peer()
session.expect('PUT a%20msg%3Dforged size=0 eager=1\nEND', 'OK')
serving = expect(daemon + info, 'msg=stored session=1 client=".+" name="a msg=forged" digest=sha256:.+')
check(serving != pid, 'the session is told to be the daemon')
write_settings('nonsense = 1;')
os.kill(pid, signal.SIGHUP)
expect(daemon + error, 'msg="reload failed, the old settings stay in use" cause=".*:1: nonsense: unknown setting"')
write_settings('log = { level = "debug"; }; records = false;')
os.kill(pid, signal.SIGHUP)
expect(daemon + warning, 'msg="a changed setting needs a restart" setting=records')
check(expect(daemon + info, 'msg="settings read again"') == pid, 'not told by the daemon')
second = Session()
second.expect('LIST', 'OK')
expect(daemon + debug, 'msg="session begins" session=2 client=".+"')
expect(daemon + debug, 'msg=request session=2 request=LIST name=.*')
expect(daemon + debug, 'msg=answered session=2 client=".+" request=LIST name="" outcome=ok bytes=[0-9]+ ms=[0-9]+')
os.kill(pid, signal.SIGTERM)
expect(daemon + info, 'msg=stopping')
second.body()
second.expect_end()
expect(daemon + debug, 'msg="session ends" session=2')
wait_until(lambda: has_ended(pid), 'the daemon to end')
END
}

@test "log: a syslog that nobody reads stops no session, and one that starts again is found" {
    use_own_dev
    echo 'log = { to = "syslog"; };' >"$CONFIG"
    converse_with_log <<'END'
for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
    def start_syslog():
        log = socket.socket(socket.AF_UNIX, kind)
        log.settimeout(LIMIT)
        log.bind('dev/log')
        if kind == socket.SOCK_STREAM:
            log.listen()
        return log

    def stop_syslog(log):
        log.close()
        os.unlink('dev/log')

    def check_lines(log, lost, name):
        """These are the next two lines: so many were dropped, and a file of that name was stored."""
        if kind == socket.SOCK_STREAM:
            log = log.accept()[0]
            log.settimeout(LIMIT)
            text = b''
            while text.count(b'\0') < 2:
                text += log.recv(65536)
            lines = text.decode().split('\0')
        else:
            lines = [log.recv(65536).decode(), log.recv(65536).decode()]
        head = r'.{15} fsd\[\d+\]: msg='
        check(re.fullmatch(rf'<27>{head}"lines of the log were dropped" lines={lost}', lines[0]), lines)
        check(re.fullmatch(rf'<30>{head}stored session=.* name={name} digest=[^\0]*', lines[1]), lines)

    # It starts later than the daemon, reads nothing after its first lines, and is restarted. (Each
    # process has a stream of its own, and they do not fill at one time.)
    with serving(subprocess.DEVNULL):
        check(dropped() == 1, 'msg=listening')
        log = start_syslog()
        put('first')
        check_lines(log, 1, 'first')
        if kind == socket.SOCK_DGRAM:
            put_until_dropped()
        stop_syslog(log)
        put('gone')
        lost = dropped()
        log = start_syslog()
        put('after')
        check_lines(log, lost - 1, 'after')
        check(dropped() == lost, 'the number has changed')
        stop_syslog(log)
    for name in 'first', 'gone', 'after':
        os.unlink(f'{LIBRARY}/{name}')
END
}

@test "log: the journal and syslog have a time of their own" {
    local stream
    mkdir "$LIBRARY"
    : >journal
    stream=$(stat -c %d:%i journal)
    JOURNAL_STREAM=$stream "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" \
        --foreground </dev/null >/dev/null 2>journal 3>&- &
    FSD_PID=$!
    await_line "$FSD_PID" journal '^<6>msg=listening ' 1
    kill "$FSD_PID"
    wait "$FSD_PID"
    # It is not the journal that it says, so somebody has redirected it.
    JOURNAL_STREAM=$stream start_fsd
    grep -q -E '^time=[0-9TZ:.-]{24} level=info msg=listening ' "$FSD_LOG"
}

@test "log: a connection that is refused leaves a line, and so does a request" {
    local_only 'it is about a user of this machine'
    echo 'limits = { per_user = 1; per_address = 1; };' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0
    FSD_EXPECTED='msg=denied '
    converse <<'END'
address = ('127.0.0.1', int(os.environ['FSD_PORT']))
first, second = Session(), Session(address)
first.expect('LIST', 'EMPTY')
second.expect('LIST', 'FAIL denied')
check(is_busy(Session()) and is_busy(Session(address)), 'served')
lines = log_lines('msg="connection refused"')
check(lines == [f'level=warning msg="connection refused" client="uid {os.getuid()}" cause=limits.per_user\n',
                'level=warning msg="connection refused" address=127.0.0.1 client=127.0.0.1 cause=limits.per_address\n'], lines)
check(first.status()['sessions.refused'] == '2', 'not counted')
reload_with('limits = { sessions = 2; };')
check(is_busy(Session()), 'served')
lines = log_lines('msg="connection refused"')
check(len(lines) == 3 and lines[2].endswith(' cause=limits.sessions\n'), lines)
check(log_lines('msg=denied')[0] == 'level=warning msg=denied address=127.0.0.1 session=2 client=anonymous request=LIST name="" missing=list\n',
      log_lines('msg=denied'))
END
}

@test "log: many refusals do not fill the disk, do not hide those of others, and are counted" {
    echo 'limits = { per_address = 2; };' >"$CONFIG"
    start_fsd --anonymous status --listen plain:127.0.0.1:0
    FSD_EXPECTED='msg=denied '
    converse <<'END'
address = ('127.0.0.1', int(os.environ['FSD_PORT']))
sources = [f'127.0.0.{number}' for number in range(1, 4)]
asked = dict.fromkeys(sources, 0)


def sums():
    """What was summed up, by client."""
    found = dict.fromkeys(sources, 0)
    for line in log_lines('msg="refusals were not logged"'):
        client, number = re.fullmatch(r'level=warning msg="refusals were not logged" client=(\S+) refusals=(\d+)\n', line).groups()
        found[client] += int(number)
    return found


def ask(source, count):
    session = await_session(source)
    for _ in range(count):
        session.expect('LIST', 'FAIL denied')
    asked[source] += count
    session.close()


def await_session(source):
    """A session, once those before have ended; how often was that one too many?"""
    while True:
        session = Session(address, source)
        session.send_if_open('STATUS\n')
        if session.news() == 'OK':
            session.body()
            return session
        asked[source] += 1


# Three clients in turn, two of them with many refusals. Connections that are refused count as well.
for source in sources[:2] * 3:
    ask(source, 99)
ask(sources[2], 5)
held = [await_session(sources[0]), await_session(sources[0])]
for _ in range(50):
    check(is_busy(Session(address, sources[0])), 'served')
    asked[sources[0]] += 1
lines = len(log_lines('msg=denied ')) + len(log_lines('msg="connection refused"'))
check(lines <= 3 * 10 * 2, f'{lines} lines')
check(sum(' session=' in line for line in log_lines('msg=denied ')) >= 5 + 10 + 10, log_lines('msg=denied '))
status = held[0].status()
check(int(status['requests.LIST.denied']) + int(status['sessions.refused']) == sum(asked.values()), 'not counted')
if os.environ['FSD_CONCURRENCY'] == 'process':
    # When the minute is over, the daemon says so by itself.
    until = time.monotonic() + 60 + 4 * LIMIT
    while not (sums()[sources[0]] and sums()[sources[1]]):
        check(time.monotonic() < until, 'nothing is said after the minute')
        select.select([], [], [], 0.1)
stop_daemon()
wait_until(lambda: has_ended(daemon()), 'the end')
found = sums()
found = {source: found[source] for source in sources}
lines = len(log_lines('msg=denied ')) + len(log_lines('msg="connection refused"'))
check(lines + sum(found.values()) == sum(asked.values()), f'{lines} {found} {asked}')
check(found[sources[2]] == 0, 'a client that was refused a few times')
END
    await_fsd
}

@test "log: many failures do not fill the disk, and hide no refusal" {
    echo 'limits = { stage_bytes = "1M"; };' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0
    FSD_EXPECTED='msg=(denied|failed|"the library is not in its place") '
    converse <<'END'
session = Session()
# What is more than the client may have is no failure of the daemon: it hides none.
for _ in range(100):
    session.expect('PUT a size=2000000', 'FAIL no-space the unfinished uploads of ' + CLIENT)
check(10 <= len(log_lines('limits.stage_bytes of fsd')) <= 20, 'another limit')
check(not log_lines('about=failures'), 'they count as failures')
os.rename(LIBRARY, LIBRARY + '.moved')
for _ in range(200):
    session.expect('LIST', 'FAIL unavailable')
check(50 <= len(log_lines('msg="the library is not in its place"')) < 200, 'no limit')
check(len(log_lines('not logged for up to 10 s" about=failures')) >= 1, 'nothing is said')
Session(('127.0.0.1', int(os.environ['FSD_PORT']))).expect('LIST', 'FAIL denied')
check(len(log_lines('msg=denied')) == 1, 'not logged')
check(int(session.status()['requests.LIST.unavailable']) == 200, 'not counted')
END
}
