#!/usr/bin/env bats
# How sessions are served: processes that are forked ahead, threads, crashes, limits, want of
# descriptors and processes, the end, and the pid file.

load library

FSC=$FSD_BUILD/fsc

# Signals of a crash end the next daemon's processes, also when they have sanitizers, and leave no
# core.
let_crash() {
    ulimit -c 0
    FSD_WRAPPER=(env "ASAN_OPTIONS=${ASAN_OPTIONS:-}:handle_segv=0" "TSAN_OPTIONS=${TSAN_OPTIONS:-}:handle_segv=0")
    FSD_EXPECTED='^level=error msg="a process crashed" cause="Segmentation fault"$'
}

# Ends the last daemon without warning.
kill_fsd() {
    kill -KILL "$FSD_PID" 2>/dev/null || true
    wait "$FSD_PID" || true
    unset 'FSD_PIDS[-1]' 'FSD_LOGS[-1]'
}

@test "spare: processes are forked ahead, used, and replaced" {
    echo 'spare = 3;' >"$CONFIG"
    FSD_MODEL=(--concurrency process)
    start_fsd
    converse <<'END'
wait_until(lambda: len(children()) == 3, 'three spare processes')
spare = children()
sessions = [Session() for _ in range(2)]
for session in sessions:
    session.expect('LIST', 'EMPTY')
wait_until(lambda: len(children()) == 5, 'spare ones for those that are used')
check(spare < children(), 'a spare one was not used')
for session in sessions:
    session.close()
wait_until(lambda: len(children()) == 3 and no_zombies(), 'the used ones to go')
check(len(children() & spare) == 1, 'a spare one was not used')
# More at once than there are spare ones.
sessions = [Session() for _ in range(20)]
for session in sessions:
    session.expect('LIST', 'EMPTY')
wait_until(lambda: len(children()) == 23, 'three spare processes')
check(sessions[0].status()['sessions'] == '20', 'spare ones are counted as sessions')
END
}

@test "spare: HUP retires spare processes, and no session" {
    echo 'spare = 3;' >"$CONFIG"
    FSD_MODEL=(--concurrency process)
    start_fsd
    converse <<'END'
wait_until(lambda: len(children()) == 3, 'three spare processes')
old = children()
session = Session()
session.expect('PUT a', 'OK offset=0')
wait_until(lambda: len(children()) == 4, 'three spare processes')
reload_with('spare = 2; limits = { idle = "31s"; };')
# The session, and two that are new.
wait_until(lambda: len(children()) == 3 and len(children() & old) == 1 and no_zombies(), 'two spare processes')
check(Session().status()['limits.idle'] == '31s', 'old settings in a new session')
session.expect(b'1\nx\nEND\n', 'OK size=1')
session.close()
reload_with('spare = 0;')
wait_until(lambda: not children(), 'all to go')
END
}

@test "models: HUP changes the model, and running sessions finish" {
    FSD_MODEL=()
    echo "concurrency = \"$FSD_CONCURRENCY\"; spare = 1;" >"$CONFIG"
    start_fsd
    converse <<'END'
models = ['process', 'thread']
if os.environ['FSD_CONCURRENCY'] == 'thread':
    models.reverse()
wait_until(lambda: len(children()) == 1, 'a spare process or the worker')
held = []
for turn in range(4):
    model = models[turn % 2]
    first, second = Session(), Session()
    for session in (first, second):
        check(session.status()['model'] == model, f'the model is not {model}')
    first.expect(f'PUT a{turn}', 'OK offset=0')
    held.append(first)
    reload_with(f'concurrency = "{models[(turn + 1) % 2]}"; spare = 1;')
    # Those under way are what they were, and are counted, and nothing else once the last ones are forgotten.
    check(second.status()['model'] == model, f'the model is no longer {model}')
    wait_until(lambda: int(second.status()['sessions']) == len(held) + 1, 'the sessions to be counted')
    second.close()
for turn, session in enumerate(held):
    session.expect(b'6\nhello\n\nEND\n', 'OK size=6')
    session.close()
wait_until(lambda: len(children()) == 1 and no_zombies(), 'the old processes to go')
last = Session()
wait_until(lambda: last.status()['sessions'] == '1', 'the sessions to be forgotten')
END
    assert_no_stages
}

@test "models: one worker serves all threads, each process serves one session" {
    echo 'spare = 0;' >"$CONFIG"
    start_fsd
    converse <<'END'
sessions = [Session() for _ in range(5)]
for session in sessions:
    session.expect('LIST', 'EMPTY')
status = sessions[0].status()
model = os.environ['FSD_CONCURRENCY']
check(status['model'] == model and status['sessions'] == '5', status)
check(len(children()) == {'process': 5, 'thread': 1}[model], children())
END
}

@test "crash: a process loses only its own session" {
    let_crash
    echo 'spare = 0; limits = { sessions = 3; };' >"$CONFIG"
    FSD_MODEL=(--concurrency process)
    start_fsd
    converse <<'END'
crashing, pid = session_and_process()
other, _ = session_and_process()
crashing.expect('PUT a', 'OK offset=0')
other.expect('PUT b', 'OK offset=0')
os.kill(pid, signal.SIGSEGV)
crashing.expect_cut()
wait_until(lambda: log_lines('msg="a process crashed"'), 'the log')
other.expect(b'1\nx\nEND\n', 'OK size=1')
wait_until(lambda: other.status()['sessions.crashed'] == '1', 'the crash to be counted')
check(other.status()['sessions'] == '1', other.status())
# There is room for two, and for no more.
two = [await_room(), await_room()]
check(is_busy(Session()), 'too many sessions')
wait_until(lambda: no_zombies() and len(children()) == 3, 'the process of the refused one to go')
END
    [ ! -e "$LIBRARY/a" ]
}

@test "crash: a worker loses its sessions, and a new one serves at once" {
    let_crash
    echo 'limits = { sessions = 2; };' >"$CONFIG"
    FSD_MODEL=(--concurrency thread)
    start_fsd
    converse <<'END'
for turn in (1, 2):
    sessions = [await_room(), await_room()]
    check(is_busy(Session()), 'too many sessions')
    worker = children()
    check(len(worker) == 1, worker)
    os.kill(worker.pop(), signal.SIGSEGV)
    for session in sessions:
        session.expect_cut()
    # Nothing of them is left that counts, as soon as the process is gone.
    one, two = await_room(), await_room()
    status = one.status()
    check(status['sessions.crashed'] == str(turn), status)
    check(is_busy(Session()), 'the limit is another one')
    one.close()
    two.close()
wait_until(lambda: no_zombies() and len(children()) == 1, 'one worker')
check(len(log_lines('msg="a process crashed"')) == 2, 'not each crash is logged')
END
}

@test "crash: spare processes and idle workers that crash are replaced" {
    let_crash
    FSD_MODEL=()
    echo 'spare = 2;' >"$CONFIG"
    for model in process thread; do
        start_fsd --concurrency "$model"
        MODEL=$model converse <<'END'
count = 2 if os.environ['MODEL'] == 'process' else 1
wait_until(lambda: len(children()) == count, 'processes ahead')
for pid in children():
    os.kill(pid, signal.SIGSEGV)
wait_until(lambda: len(log_lines('msg="a process crashed"')) == count, 'the log')
status = Session().status()
check(status['sessions.crashed'] == str(count) and status['sessions'] == '1', status)
# They come back, though not in a hurry, and not before something happens.
wait_until(lambda: Session().status() and len(children()) >= count and no_zombies(), 'processes ahead')
END
        stop_fsd
    done
}

@test "limits.per_address: one more session from an address is refused as busy" {
    echo 'limits = { per_address = 2; };' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0 --anonymous 'list'
    converse <<'END'
address = ('127.0.0.1', int(os.environ['FSD_PORT']))
sessions = [Session(address) for _ in range(2)]
check(not any(is_busy(session) for session in sessions), 'too few sessions')
check(is_busy(Session(address)), 'too many sessions')
others = [Session(address, '127.0.0.2') for _ in range(2)]
check(not any(is_busy(session) for session in others), 'another address is meant, too')
check(is_busy(Session(address, '127.0.0.2')), 'too many sessions')
# It holds for addresses only.
local = [Session() for _ in range(3)]
check(not any(is_busy(session) for session in local), 'local users are meant, too')
check(local[0].status()['sessions.refused'] == '2', 'sessions.refused')
for session in sessions + others + local[1:]:
    session.close()
wait_until(lambda: local[0].status()['sessions'] == '1', 'the sessions to be forgotten')
END
    run timeout 20 "$FSC" --server "plain:127.0.0.1:$FSD_PORT" ls
    assert_success
    converse <<'END'
address = ('127.0.0.1', int(os.environ['FSD_PORT']))
sessions = [await_room(address) for _ in range(2)]
import subprocess
fsc = [os.environ['FSD_BUILD'] + '/fsc', '--server', 'plain:127.0.0.1:' + os.environ['FSD_PORT']]
for command in (['ls'], ['get', 'a', '--output', '-'], ['put', '/dev/null', '--name', 'a']):
    done = subprocess.run(fsc + command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    check(done.returncode == 12 and not done.stdout and done.stderr.count(b'\n') == 1, done)
sessions[0].close()
await_room(address)
END
}

@test "limits.per_address: holds over IPv6 too" {
    grep -q 00000000000000000000000000000001 /proc/net/if_inet6 || skip 'there is no IPv6 here'
    echo 'limits = { per_address = 1; };' >"$CONFIG"
    start_fsd --listen 'plain:[::1]:0' --anonymous 'list'
    FSD_PORT=$(sed -n 's/.*address="*plain:\[::1\]:\([0-9]*\).*/\1/p' "$FSD_LOG")
    converse <<'END'
address = ('::1', int(os.environ['FSD_PORT']))
session = Session(address)
check(not is_busy(session) and is_busy(Session(address)), 'not one session')
session.close()
await_room(address)
END
}

@test "limits.uncounted: addresses in it have as many sessions as there are" {
    echo 'limits = { per_address = 1; strangers = 4; uncounted = ("127.0.1.0/24", "127.0.0.2"); };' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0 --anonymous 'list'
    converse <<'END'
address = ('127.0.0.1', int(os.environ['FSD_PORT']))
# More than half of those for strangers come from one address.
sessions = [Session(address, '127.0.0.2') for _ in range(3)] + [Session(address, '127.0.1.9')]
check(not any(is_busy(session) for session in sessions), 'an address was counted')
check(is_busy(Session(address, '127.0.0.2')), 'limits.strangers does not hold')
sessions.pop().close()
session = await_room(address)
check(is_busy(Session(address)), 'other addresses are not counted')
END
}

@test "limits.per_user: one more session of a user is refused as busy" {
    local_only 'it is about users of this machine'
    skip_unless_root 'to be another user'
    use_other_user
    use_root_again
    install -m 0755 "$FSC" "$WORK/fsc"
    echo 'limits = { per_user = 1; };' >"$CONFIG"
    start_fsd --anonymous 'list' --listen plain:127.0.0.1:0
    converse <<'END'
import subprocess
fsc = [os.getcwd() + '/fsc', '--server', SOCKET, 'ls']
other = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']


def run(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    return done.returncode, done.stdout


own = Session()
check(not is_busy(own), 'no session')
check(run(fsc) == (12, b''), 'one more of the same user')
check(run(other + fsc) == (0, b''), 'another user is meant, too')
held = None


def hold():
    global held
    held = subprocess.Popen(other + ['nc', '-N', '-U', SOCKET], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with contextlib.suppress(BrokenPipeError):  # refused, and gone already
        held.stdin.write(b'LIST\n')
        held.stdin.flush()
    return held.stdout.readline() == b'EMPTY\n'


# The session before counts until the daemon has seen its end.
wait_until(hold, 'a session of the other user')
check(run(other + fsc) == (12, b''), 'one more of the other user')
# It holds for local users only.
remote = ('127.0.0.1', int(os.environ['FSD_PORT']))
check(not any(is_busy(session) for session in (Session(remote), Session(remote))), 'addresses are meant, too')
held.stdin.close()
held.wait()
wait_until(lambda: run(other + fsc)[0] == 0, 'room again')
own.close()
wait_until(lambda: run(fsc)[0] == 0, 'room again')
END
}

@test "limits.sessions: fsc exits with 12, and there is room after a session" {
    echo 'limits = { sessions = 3; };' >"$CONFIG"
    start_fsd
    converse <<'END'
import subprocess
fsc = [os.environ['FSD_BUILD'] + '/fsc', 'ls']
sessions = [Session() for _ in range(3)]
check(not any(is_busy(session) for session in sessions), 'too few sessions')
done = subprocess.run(fsc, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
check(done.returncode == 12, done)
# Those beyond the limit take nothing, however many they are.
for _ in range(100):
    check(is_busy(Session()), 'too many sessions')
status = sessions[0].status()
check(int(status['sessions.refused']) == 101 and status['sessions'] == '3', status)
check(status['sessions.served'] == '3', status)
sessions[1].close()
await_room()
END
}

@test "limits.memory: a session that needs more fails alone" {
    skip_when_sanitized 'a limit of memory'
    # With threads all sessions share what all of them may take, and have a stack each.
    case $FSD_CONCURRENCY in
    process) echo 'limits = { memory = "1M"; sessions = 3; };' >"$CONFIG" ;;
    *) echo 'limits = { memory = "2M"; sessions = 3; };' >"$CONFIG" ;;
    esac
    mkdir -p "$LIBRARY/shallow"
    start_fsd
    FSD_EXPECTED='msg=failed .* operation=LIST name=d cause="Cannot allocate memory"|msg="cannot start a session" '
    converse <<'END'
# So deep down, a listing remembers the names of folders.
deep = LIBRARY + '/d' * 20
os.makedirs(deep)
for number in range(30000):
    os.mkdir(f'{deep}/{number:0200}')
other, session = Session(), Session()
other.expect('LIST shallow', 'EMPTY')
answer = session.ask('LIST d deep=1')
end = session.body()[1] if answer == 'OK' else answer
check(end.startswith(('ABORT internal', 'FAIL internal')), f'{answer} {end}')
wait_until(lambda: log_lines('msg=failed'), 'the log')
other.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
other.expect('LIST', 'OK')
other.body()
# It is not a crash, and the session continues.
session.expect('LIST shallow', 'EMPTY')
check(session.status()['sessions.crashed'] == '0', 'a crash')
session.close()
await_room()
END
}

@test "descriptors: without free ones clients are refused, until there are some again" {
    local_only 'who is refused before a handshake hears no reason'
    start_fsd
    FSD_EXPECTED='msg=("cannot start a worker"|"cannot start a session"|"cannot find out who a client is"|"cannot read"|failed) '
    converse <<'END'
import resource
process = os.environ['FSD_CONCURRENCY'] == 'process'
first = Session()
first.expect('PUT a', 'OK offset=0')
await_quiet(3 if process else 1)
# Of a session the parent keeps one descriptor, or the worker some.
pid = daemon() if process else children().pop()
before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
used = max(descriptors(pid)) + 1
resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 6, before[1]))
sessions, refused = [], 0
for _ in range(20):
    session = Session()
    try:
        session.send('LIST absent\n')
        answer = session.line()
    except OSError:
        answer = None
    if answer == 'EMPTY':
        sessions.append(session)
    else:
        check(answer is None or answer.startswith(('FAIL busy', 'FAIL internal', 'FAIL incomplete', 'FAIL unavailable')),
              answer)
        refused += 1
        session.close()
check(sessions and refused, f'{len(sessions)} served and {refused} refused')
# Running sessions continue.
first.expect(b'1\nx\nEND\n', ('OK', 'FAIL'))
sessions.pop().close()
await_room()
for session in sessions:
    session.close()
resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
again = [await_room() for _ in range(10)]
status = again[0].status()
check(status['sessions.crashed'] == '0', status)
END
}

@test "descriptors: connections beyond those of the daemon itself wait or are busy" {
    local_only 'who is refused before a handshake hears no reason'
    start_fsd
    FSD_EXPECTED='msg="cannot start a worker" '
    converse <<'END'
import resource
await_quiet(2 if os.environ['FSD_CONCURRENCY'] == 'process' else 1)
before = resource.prlimit(daemon(), resource.RLIMIT_NOFILE)
used = max(descriptors(daemon())) + 1
# Nothing can be accepted, but by the one descriptor that is kept back.
resource.prlimit(daemon(), resource.RLIMIT_NOFILE, (used, before[1]))
check(is_busy(Session()) and is_busy(Session()), 'not refused')
resource.prlimit(daemon(), resource.RLIMIT_NOFILE, before)
await_room()
END
}

@test "processes: without free ones clients are refused, which is logged once, until there are some again" {
    local_only 'who is refused before a handshake hears no reason'
    echo 'spare = 0;' >"$CONFIG"
    use_other_user
    start_fsd
    FSD_EXPECTED='msg="cannot start a worker" cause="Resource temporarily unavailable"|msg="a process crashed" cause=Killed'
    LIKE_FSD=${FSD_WRAPPER[*]} converse <<'END'
import subprocess


def set_limit(most):
    """As its own user: root may lack the right to."""
    subprocess.run([*os.environ['LIKE_FSD'].split(), 'prlimit', f'--pid={daemon()}', f'--nproc={most}:'], check=True)


with open(f'/proc/{daemon()}/limits') as file:
    before = [line.split()[2] for line in file if line.startswith('Max processes')][0]
wait_until(lambda: len(children()) == (os.environ['FSD_CONCURRENCY'] == 'thread'), 'the worker')
kept = Session() if os.environ['FSD_CONCURRENCY'] == 'process' else None
if kept:
    kept.expect('PUT a', 'OK offset=0')
set_limit(1)
if not kept:
    # Its worker has to be replaced.
    worker = children().pop()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not children(), 'the worker to go')
for _ in range(10):
    check(is_busy(Session()), 'a session')
check(len(log_lines('msg="cannot start a worker"')) == 1, log_lines('msg="cannot start a worker"'))
if kept:
    kept.expect(b'1\nx\nEND\n', 'OK')
set_limit(before)
session = await_room()
check(int(session.status()['sessions.refused']) >= 10, session.status())
# Want that comes again is logged again.
if kept:
    set_limit(1)
    check(is_busy(Session()), 'a session')
    check(len(log_lines('msg="cannot start a worker"')) == 2, log_lines('msg="cannot start a worker"'))
    set_limit(before)
END
}

@test "models: 300 short connections leave nothing" {
    echo 'spare = 0;' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0 --anonymous list
    converse <<'END'
ahead = int(os.environ['FSD_CONCURRENCY'] == 'thread')
wait_until(lambda: len(children()) == ahead, 'the worker')
before = descriptors(daemon())
remote = ('127.0.0.1', int(os.environ['FSD_PORT']))


def work(number):
    for turn in range(75):
        session = Session(remote if turn % 2 else SOCKET)
        if turn % 3:
            # Others say nothing at all, and are gone before they are served.
            session.expect('LIST', 'EMPTY')
        session.close()


at_once(4, work)
wait_until(lambda: len(children()) == ahead and no_zombies(), 'processes to go')
session = Session()
wait_until(lambda: session.status()['sessions'] == '1', 'sessions to be forgotten')
# The daemon counts what it has handed over.
wait_until(lambda: session.status()['sessions.served'] == '301', 'the last session to be counted')
session.close()
wait_until(lambda: len(children()) == ahead and len(descriptors(daemon())) == len(before), 'descriptors to be closed')
if ahead:
    worker = children().pop()
    # With TERM it goes, and its descriptors were those of a worker without sessions.
    left = descriptors(worker)
    fresh = Session()
    fresh.expect('LIST', 'EMPTY')
    fresh.close()
    wait_until(lambda: len(descriptors(worker)) <= len(left), 'descriptors of the worker to be closed')
    check(len(left) < 20, left)
END
}

@test "stop: TERM to the process of a session lets its upload finish" {
    echo 'spare = 0;' >"$CONFIG"
    FSD_MODEL=(--concurrency process)
    start_fsd
    converse <<'END'
upload, pid = session_and_process()
idle, idle_pid = session_and_process()
other, _ = session_and_process()
upload.expect('PUT a', 'OK offset=0')
os.kill(pid, signal.SIGTERM)
os.kill(idle_pid, signal.SIGTERM)
idle.expect_end()
upload.expect(b'6\nhello\n\nEND\n', 'OK size=6')
upload.expect_end()
other.expect('LIST', 'OK')
other.body()
wait_until(lambda: len(children()) == 1, 'the others to end')
wait_until(lambda: other.status()['sessions'] == '1', 'the sessions to be forgotten')
check(other.status()['sessions.crashed'] == '0', other.status())
END
}

@test "stop: TERM to a worker with threads lets uploads finish, and another one serves" {
    FSD_MODEL=(--concurrency thread)
    start_fsd
    converse <<'END'
upload, idle = Session(), Session()
idle.expect('LIST', 'EMPTY')
upload.expect('PUT a', 'OK offset=0')
worker = children().pop()
os.kill(worker, signal.SIGTERM)
idle.expect_end()
new = await_room()
check(len(children()) == 2, 'the same worker')
upload.expect(b'6\nhello\n\nEND\n', 'OK size=6')
upload.expect_end()
wait_until(lambda: len(children()) == 1 and no_zombies(), 'the old worker to end')
wait_until(lambda: new.status()['sessions'] == '1', 'the sessions to be forgotten')
check(new.status()['sessions.crashed'] == '0', new.status())
END
}

@test "stop: when the daemon is killed, uploads finish and everything else ends" {
    echo 'spare = 2;' >"$CONFIG"
    start_fsd
    converse <<'END'
idle, upload, early = Session(), Session(), Session()
idle.expect('LIST', 'EMPTY')
early.expect('GET a', 'FAIL not-found')
upload.expect('PUT a', 'OK offset=0')
upload.send('3\nhel\n')
with open('children', 'w') as file:
    file.write(' '.join(map(str, children())))
os.kill(daemon(), signal.SIGKILL)
idle.expect_end()
early.expect_end()
upload.expect(b'3\nlo\n\nEND\n', 'OK size=6')
upload.expect_end()
left = open('children').read().split()
wait_until(lambda: all(has_ended(child) for child in left), 'all processes to end')
END
    kill_fsd
    assert_no_stages
    # What it has left is in nobody's way.
    start_fsd
    play <<<$'> GET a\n< OK *\n< 6\n< hello\n<\n< END *'
}

@test "stop: TERM ends spare processes, and those that were just forked" {
    echo 'spare = 5;' >"$CONFIG"
    start_fsd
    converse <<'END'
session = Session()
session.expect('LIST', 'EMPTY')
with open('children', 'w') as file:
    file.write(' '.join(map(str, children())))
END
    stop_fsd
    converse <<<'check(all(has_ended(child) for child in open("children").read().split()), "a process is left")'
}

@test "processes: a session has no descriptor of the daemon or of another session" {
    FSD_MODEL=()
    local model
    echo 'spare = 1;' >"$CONFIG"
    for model in process thread; do
        start_fsd --concurrency "$model" --listen plain:127.0.0.1:0 --listen "$WORK/second" --pid-file "$WORK/pid"
        MODEL=$model converse <<'END'
sessions = [Session() for _ in range(3)]
for session in sessions:
    session.expect('LIST', 'EMPTY')
count = 4 if os.environ['MODEL'] == 'process' else 1
wait_until(lambda: len(children()) == count, 'processes')


def sockets(pid):
    return {path for path in descriptors(pid).values() if path.startswith('socket:')}


# A process that has just been forked may still close descriptors. All have the socket by which they
# ask for a notifier.
wait_until(lambda: all(len(sockets(child) & sockets(daemon())) == 1 for child in children()),
           'sockets of the daemon to be closed')
shared = sockets(daemon()).intersection(*map(sockets, children()))
check(len(shared) == 1, shared)
wait_until(lambda: all(len(descriptors(child)) < 14 for child in children()), 'descriptors to be closed')


def others(pid):
    return {path for path in descriptors(pid).values() if not path.startswith(('socket:', 'anon_inode:'))}


taken = sockets(daemon()) - shared
check(len(taken) >= 4, taken)
allowed = {'/dev/null', os.environ['FSD_LOG'], LIBRARY}
for child in children():
    own = sockets(child) - shared
    check(own and not own & taken, 'sockets of the daemon or of another session')
    taken |= own
    more = {path for path in others(child) if path not in allowed and not path.startswith(LIBRARY + '/.fsd')}
    check(not more, f'open: {more}')
for pid in {daemon()} | children():
    check(os.readlink(f'/proc/{pid}/cwd') == '/', 'another working folder')
    with open(f'/proc/{pid}/status') as file:
        check('Umask:\t0027\n' in file.read(), 'another umask')
check(os.environ['FSD_LOG'] in others(daemon()), 'no log')
END
        stop_fsd
    done
}

@test "pid file: is made, locked, and removed at the end" {
    mkdir -p "$LIBRARY"
    start_fsd --pid-file "$WORK/pid"
    run cat "$WORK/pid"
    assert_output "$FSD_PID"
    assert_equal "$(stat -c %a "$WORK/pid")" 644
    # Another daemon is refused, and leaves the file unchanged and no socket.
    refuses 1 "^fsd: $WORK/pid: another daemon uses this file\$" --config "$CONFIG" --library "$LIBRARY" \
        --listen "$WORK/second" --pid-file "$WORK/pid" --foreground
    refuses 1 "^fsd: $WORK/pid: another daemon uses this file\$" --config "$CONFIG" --library "$LIBRARY" \
        --listen "$WORK/second" --pid-file "$WORK/pid"
    [ ! -e "$WORK/second" ]
    assert_equal "$(cat "$WORK/pid")" "$FSD_PID"
    # Sessions and HUP do not lose the lock.
    converse <<<$'Session().expect("LIST", "EMPTY")\nhang_up()'
    refuses 1 "^fsd: $WORK/pid: another daemon uses this file\$" --config "$CONFIG" --library "$LIBRARY" \
        --listen "$WORK/second" --pid-file "$WORK/pid" --foreground
    stop_fsd
    [ ! -e "$WORK/pid" ]
}

@test "pid file: a stale one is taken over, anything else is refused" {
    mkdir -p "$LIBRARY"
    printf '7\nmore text\n' >"$WORK/pid"
    refuses 1 "^fsd: $WORK/pid: the existing file is not a pid file\$" --config "$CONFIG" \
        --library "$LIBRARY" --listen "$WORK/second" --pid-file "$WORK/pid" --foreground
    assert_equal "$(cat "$WORK/pid")" $'7\nmore text'
    echo 99999999 >"$WORK/pid"
    start_fsd --pid-file "$WORK/pid"
    assert_equal "$(cat "$WORK/pid")" "$FSD_PID"
    kill_fsd
    [ -e "$WORK/pid" ]
    start_fsd --pid-file "$WORK/pid"
    assert_equal "$(cat "$WORK/pid")" "$FSD_PID"
}

@test "pid file: in the background it holds the daemon" {
    start_background --pid-file "$WORK/pid"
    assert_equal "$(cat "$WORK/pid")" "$BACKGROUND_PID"
    stop_background
    [ ! -e "$WORK/pid" ]
}

@test "pid file: a path that is not a pid file is refused and left unchanged" {
    local path
    mkdir -p "$LIBRARY"
    mkfifo fifo
    mkdir folder
    echo precious >target
    ln -s target link
    ln -s nowhere dangling
    bind_socket bound
    for path in fifo folder link dangling bound absent/pid /dev/null /dev/zero; do
        refuses 1 "^fsd: ($WORK/)?$path: .+" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" \
            --pid-file "$path" --foreground
        [ ! -e "$SOCKET" ]
    done
    assert_equal "$(cat target)" precious
    [ ! -e nowhere ] && [ -p fifo ] && [ -L link ] && [ -S bound ]
}

@test "signals: those without a meaning end no process" {
    start_fsd
    converse <<'END'
import subprocess
numbers = set(signal.valid_signals()) - {
    signal.SIGKILL, signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTERM, signal.SIGINT,
    signal.SIGQUIT, signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV,
    signal.SIGSYS, signal.SIGXCPU}
check(signal.SIGUSR1 in numbers and signal.SIGRTMAX in numbers, numbers)


def send_all(pid):
    # The sweeper ends by itself. A process that a signal ends is in the log, as a crash.
    with contextlib.suppress(ProcessLookupError):
        for number in numbers:
            os.kill(pid, number)


session = Session()
session.expect('PUT a size=1', 'OK offset=0')
for pid in {daemon()} | children():
    send_all(pid)
session.expect('1\nx\nEND', 'OK')
session.expect('LIST', 'OK')
check(session.body()[0] == b'a\n', 'another list')
# Spare processes serve, too.
for _ in range(4):
    new = Session()
    check(new.status()['sessions.crashed'] == '0', 'a process has crashed')
    new.close()

command = [os.environ['FSD'], '--config', os.environ['CONFIG'], '--library', LIBRARY, '--stdio']
with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as alone:
    # It has begun when it answers.
    alone.stdin.write(b'LIST absent\n')
    alone.stdin.flush()
    check(alone.stdout.readline() == b'EMPTY\n', 'no answer')
    for number in numbers - {signal.SIGHUP}:
        os.kill(alone.pid, number)
    alone.stdin.write(b'LIST absent\n')
    alone.stdin.close()
    check(alone.stdout.readline() == b'EMPTY\n' and alone.wait(LIMIT) == 0, 'it has ended')
END
}
