#!/usr/bin/env bats
# Waiting for files: WATCH, GET with wait=, and fsc watch.

load library
load fsc

# without_inotify WHAT NUMBER: the next daemon may have only so many "instances" or "watches".
without_inotify() {
    FSD_WRAPPER=(unshare -rU sh -c 'echo "$2" >"/proc/sys/user/max_inotify_$1" && shift 2 && exec "$@"' sh "$1" "$2")
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'there are no user namespaces with limits of their own here'
}

# start_watched [HEARTBEAT]: a daemon that sends signs of life that often.
start_watched() {
    echo "limits = { heartbeat = \"${1:-300ms}\"; };" >"$CONFIG"
    start_fsd
}

# watch_with: converse, with a class for those who watch.
watch_with() {
    converse <<END
import shutil


class Watch(Session):
    """A session that watches; what was reported to it, as names and their details."""

    def __init__(self, request='WATCH'):
        super().__init__()
        self.reported = []
        self.expect(request, 'OK')

    def hear(self):
        """Takes the next item."""
        data = self.item()
        check(isinstance(data, bytes) and data.endswith(b'\n'), f'the body ends with {data}')
        for line in data.decode().splitlines():
            name, *details = line.split(' ')
            self.reported.append((name, dict(detail.split('=', 1) for detail in details)))

    def names(self):
        return sorted(name for name, _ in self.reported)

    def await_names(self, *names):
        """These must have been reported since the last call, and no others."""
        while len(self.reported) < len(names):
            self.hear()
        check(self.names() == sorted(names), f'{self.names()} instead of {sorted(names)}')
        self.reported = []


def put(name, data=b'hello\n', options=''):
    session = Session()
    session.send(f'PUT {name} size={len(data)} eager=1{options}\n'.encode() + item(data) + b'END\n')
    line = session.news()
    check(line.startswith('OK size='), f'{name}: {line}')
    session.close()


def write(name, data=b'by hand'):
    """As somebody does who works in the library's folder."""
    os.makedirs(os.path.dirname(f'{LIBRARY}/{name}'), exist_ok=True)
    with open(f'{LIBRARY}/{name}', 'wb') as file:
        file.write(data)


def instances():
    """Of each instance of inotify that the daemon's processes have, which of them has it."""
    found = []
    for process in [daemon(), *children()]:
        try:
            found += [process for target in descriptors(process).values() if target == 'anon_inode:inotify']
        except OSError:
            pass  # it has just ended
    return found


def pipes(process):
    try:
        return {target for fd, target in descriptors(process).items() if fd > 2 and target.startswith('pipe:')}
    except OSError:
        return set()  # it has just ended


def watches():
    """For each session that gets notices, the notifier: both have an end of its pipe."""
    return [notifier for notifier in instances() for process in children() if process != notifier
            for _ in pipes(notifier) & pipes(process)]


$(cat)
END
}

# What is reported, however the daemon finds it out. Without inotify a file that is unchanged for a second
# is taken for whole, as on a slow machine one may be that is still open: then there are more `tries`.
changes='
watch = Watch()
below = Watch("WATCH a/b")
put("one")
watch.await_names("one")
put("a/b/c")
watch.await_names("a/b/c")
below.await_names("a/b/c")
put("a/b2")
put("a/b/d/e/f")
watch.await_names("a/b2", "a/b/d/e/f")
below.await_names("a/b/d/e/f")

# The line is that of LIST.
session = Session()
watch = Watch("WATCH existing=1")
session.expect("LIST deep=1 details=1", "OK")
lines = session.body()[0]
while len(watch.reported) < 4:
    watch.hear()
for name, details in watch.reported:
    text = " ".join([name] + [f"{key}={value}" for key, value in details.items()])
    check(text.encode() + b"\n" in lines, text)
watch.await_names("one", "a/b/c", "a/b2", "a/b/d/e/f")

# A replaced file is reported as a new one.
put("one", b"other", " replace=1")
watch.await_names("one")
# By hand: only when it is closed, and again when it was written to.
for turn in range(tries):
    hand, two = f"hand{turn}", f"two{turn}"
    with open(f"{LIBRARY}/{hand}", "wb", buffering=0) as file:
        file.write(b"1")
        put(two)
        while two not in watch.names():
            watch.hear()
        file.write(b"2")
    while watch.reported[-1][1]["size"] != "2":
        watch.hear()
    check("digest" not in watch.reported[-1][1], watch.reported)
    heard, watch.reported = [name for name, _ in watch.reported], []
    if heard == [two, hand]:
        break
check(heard == [two, hand], f"a file that was still open: {heard}")
with open(f"{LIBRARY}/{hand}", "ab") as file:
    file.write(b"3")
watch.await_names(hand)
os.link(f"{LIBRARY}/{hand}", f"{LIBRARY}/linked")
watch.await_names("linked")
os.rename(f"{LIBRARY}/linked", f"{LIBRARY}/moved")
watch.await_names("moved")
# Another file, the same except for its inode.
for name in "same", "same.too":
    with open(name, "w", encoding="ascii") as file:
        file.write("same")
    os.utime(name, (1, 1))
    os.rename(name, f"{LIBRARY}/same")
    watch.await_names("same")
# Whole folders.
for name in "tree/1", "tree/x/2", "tree/x/y/3":
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "w", encoding="ascii") as file:
        file.write(name)
shutil.copytree("tree", f"{LIBRARY}/copied", copy_function=shutil.copyfile)
watch.await_names("copied/1", "copied/x/2", "copied/x/y/3")
os.rename("tree", f"{LIBRARY}/tree")
watch.await_names("tree/1", "tree/x/2", "tree/x/y/3")
os.rename(f"{LIBRARY}/tree/x", f"{LIBRARY}/tree/z")
watch.await_names("tree/z/2", "tree/z/y/3")
put("tree/z/y/4")
watch.await_names("tree/z/y/4")
put("tree/x/5")
watch.await_names("tree/x/5")
# What no listing shows is not reported, and what is gone need not be.
os.symlink("one", f"{LIBRARY}/link")
os.symlink("a", f"{LIBRARY}/folder-link")
os.mkfifo(f"{LIBRARY}/fifo")
write(".nfs0001")
write(".fsd/mine")
write("a/.fsdx/mine")
os.mkdir(f"{LIBRARY}/empty")
put("a/b/gone")
os.unlink(f"{LIBRARY}/a/b/gone")
put("three")
while "three" not in watch.names():
    watch.hear()
check(watch.names() in (["three"], ["a/b/gone", "three"]), watch.names())

# The folder that is watched comes, goes, and comes again.
late = Watch("WATCH late/er/ existing=1")
put("late/file")
put("late/er/1")
late.await_names("late/er/1")
shutil.rmtree(f"{LIBRARY}/late")
put("late/er/2")
late.await_names("late/er/2")
os.rename(f"{LIBRARY}/late", f"{LIBRARY}/early")
put("early/er/3")
put("late/er/4")
late.await_names("late/er/4")
write("prepared/er/5")
shutil.rmtree(f"{LIBRARY}/late")
os.rename(f"{LIBRARY}/prepared", f"{LIBRARY}/late")
late.await_names("late/er/5")
'

@test "watch: reports files of every kind as they appear" {
    start_watched
    watch_with <<<"tries = 1$changes
check(watches(), 'no inotify')"
}

# bats test_tags=once
@test "watch: without inotify the library is read each second" {
    without_inotify instances 0
    start_watched
    watch_with <<<"tries = 5$changes
check(not watches(), 'inotify')"
}

@test "watch: when there are too many folders for inotify the library is read each second" {
    without_inotify watches 9
    start_watched
    watch_with <<<"tries = 5$changes"
}

@test "watch: a storm of uploads into new folders, each file once" {
    start_watched
    watch_with <<'END'
WRITERS, FILES = 8, 60
watchers = [Watch(), Watch('WATCH storm existing=1'), Watch('WATCH existing=1')]


def upload(number):
    session = Session()
    for file in range(FILES):
        name = f'storm/{file % 7}/{number}/{file}/x'
        session.expect(f'PUT {name} size=1 eager=1\n1\nx\nEND\n'.encode(), 'OK size=1')
        if file % 3 == 0:
            session.expect(f'PUT {name} size=2 replace=1 eager=1\n2\nxy\nEND\n'.encode(), 'OK size=2')
        if file % 5 == 4:
            session.expect(f'DELETE {name}', 'OK')


at_once(WRITERS, upload)
put('storm/end')
left = {f'storm/{file % 7}/{number}/{file}/x' for number in range(WRITERS) for file in range(FILES) if file % 5 != 4}
for watch in watchers:
    while 'storm/end' not in watch.names():
        watch.hear()
    reported = [(name, details['mtime'], int(details['size'])) for name, details in watch.reported]
    check(len(set(reported)) == len(reported), 'reported twice')
    sizes = {}
    for name, _, size in reported:
        sizes.setdefault(name, set()).add(size)
    for name in left:
        check(os.stat(f'{LIBRARY}/{name}').st_size in sizes.get(name, ()), f'{name} was never reported')
END
}

@test "watch: nothing is lost when the kernel's queue overflows" {
    local most
    most=$(cat /proc/sys/fs/inotify/max_queued_events)
    [ "$most" -le 50000 ] || skip "the system remembers $most notices"
    start_watched
    MOST=$most watch_with <<'END'
COUNT = int(os.environ['MOST']) + 100
write('source')
watch = Watch()
put('folder/first')
watch.await_names('folder/first')
process, = watches()
os.kill(process, signal.SIGSTOP)
for number in range(COUNT):
    os.link(f'{LIBRARY}/source', f'{LIBRARY}/folder/{number}')
write('unseen/deep/hand')
os.kill(process, signal.SIGCONT)
watch.await_names('unseen/deep/hand', *(f'folder/{number}' for number in range(COUNT)))
put('unseen/deep/after')
watch.await_names('unseen/deep/after')
END
}

@test "watch: a slow reader loses nothing, and does not delay a stop" {
    start_watched
    watch_with <<'END'
COUNT = 6000
write('source')
watch, stuck = Watch(), Watch()
for number in range(COUNT):
    os.link(f'{LIBRARY}/source', f'{LIBRARY}/{number:0200}')
watch.await_names(*(f'{number:0200}' for number in range(COUNT)))
os.kill(daemon(), signal.SIGTERM)
check(watch.item().startswith('ABORT unavailable'), 'no ABORT')
watch.expect_end()
# This one reads only now what was sent, and then the reason.
while isinstance(end := stuck.item(), bytes):
    pass
check(end.startswith('ABORT unavailable'), end)
stuck.expect_end()
END
    await_fsd
}

@test "watch: a stop ends waits at once, and no upload" {
    echo 'limits = { drain = "1h"; };' >"$CONFIG"
    start_fsd
    watch_with <<'END'
watch, getting, uploading = Watch(), Session(), Session()
uploading.expect('PUT a size=1', 'OK offset=0')
getting.send('GET absent wait=3600\n')
wait_until(lambda: len(watches()) == 2, 'the waits')
os.kill(daemon(), signal.SIGTERM)
check(watch.news().startswith('ABORT unavailable'), 'ABORT')
watch.expect_end()
check(getting.news().startswith('FAIL unavailable'), 'FAIL')
getting.expect_end()
check(uploading.is_silent(0), 'the upload has ended')
uploading.expect(b'1\nx\nEND\n', 'OK size=1')
END
    await_fsd
}

@test "watch: the end of the client ends the session" {
    start_watched
    watch_with <<'END'
quiet, closed, getting, last = Watch(), Watch(), Session(), Session()
getting.send('GET absent wait=3600\n')
wait_until(lambda: len(watches()) == 3, 'the waits')
quiet.finish()
check(quiet.news() is None, 'something behind the end')
closed.close()
getting.finish()
check(getting.news() is None, 'an answer behind the end')
wait_until(lambda: last.status()['sessions'] == '1', 'the end of the sessions')
status = last.status()
check(status['requests.WATCH.ok'] == '2' and status['requests.GET.ok'] == '0', status)
wait_until(lambda: not watches(), 'the end of inotify')
END
}

@test "watch: requests after it are not read, and take no time" {
    echo 'limits = { heartbeat = "5ms"; }; spare = 0;' >"$CONFIG"
    FSD_MODEL=(--concurrency process)
    start_fsd
    watch_with <<'END'
def ticks(pid):
    """What it has taken of the processor."""
    with open(f'/proc/{pid}/stat', encoding='ascii') as file:
        return sum(map(int, file.read().rpartition(')')[2].split()[11:13]))


session, pid = session_and_process()
session.expect('WATCH', 'OK')
# More than the daemon's buffer holds, and the socket takes the rest.
session.send('LIST\n' * 62000)
before = ticks(pid)
for _ in range(200):
    check(session.line() == 'WAIT', 'no WAIT')
check(ticks(pid) - before <= 20, f'{ticks(pid) - before} ticks for 200 signs of life')
put('a')
line = session.news()
check(line.isdigit() and session.line().startswith('a '), line)
END
}

@test "watch: signs of life come as often as limits.heartbeat says" {
    start_watched
    watch_with <<'END'
watch = Session()
watch.expect('WATCH', 'OK')
for _ in range(3):
    check(watch.line() == 'WAIT', 'WAIT')
# Fewer bytes than a side must send do not replace a sign of life.
waits = number = 0
until = time.monotonic() + LIMIT
while waits < 2:
    check(time.monotonic() < until, 'no WAIT')
    number += 1
    put(f'file{number}')
    while (line := watch.line()) == 'WAIT':
        waits += 1
    check(watch.stream.read(int(line) + 1).startswith(f'file{number} '.encode()), line)
    select.select([], [], [], 0.1)
getting = Session()
getting.send('GET absent wait=4\n')
check([getting.line() for _ in range(3)] == ['WAIT'] * 3, 'the WAITs of GET')
check(getting.news().startswith('FAIL not-found'), 'the end of GET')
END
}

@test "watch: a library that is moved away is unavailable, and watched when it is back" {
    FSD_EXPECTED='msg="the library is not in its place"'
    start_watched
    watch_with <<'END'
watch, getting = Watch(), Session()
getting.send('GET a wait=3600\n')
wait_until(lambda: len(watches()) == 2, 'the waits')
os.rename(LIBRARY, 'moved')
check(watch.item().startswith('ABORT unavailable'), 'ABORT')
check(getting.news().startswith('FAIL unavailable'), 'FAIL')
watch.expect('WATCH', 'FAIL unavailable')
os.rename('moved', LIBRARY)
watch.expect('WATCH', 'OK')
put('a')
watch.await_names('a')
getting.expect('GET a wait=3600', 'OK size=6')
END
}

@test "watch: reports only what the client may see" {
    local_only 'it is about a user of this machine'
    skip_unless_root 'to be another user'
    use_other_user
    use_root_again
    FSD_EXPECTED='msg=denied'
    printf 'users = ( { user = "nobody"; rights = "watch"; folder = "open/to/all"; } ); limits = { heartbeat = "300ms"; };' >"$CONFIG"
    start_fsd
    watch_with <<'END'
everything = Watch()
put('open/before')
os.seteuid(65534)
watch, closed, below = Watch('WATCH existing=1'), Watch('WATCH secret'), Watch('WATCH open/to/all/of/us')
Session().expect('GET open/to/all/x wait=1', 'FAIL denied')
Session().expect('LIST open/to/all', 'FAIL denied')
os.seteuid(0)
names = ['secret/a', 'open/a', 'open/to/all2/b', 'open/to/c', 'open/to/all/d', 'open/to/all/of/us/e', 'f']
for name in names:
    put(name)
watch.await_names('open/to/all/d', 'open/to/all/of/us/e')
below.await_names('open/to/all/of/us/e')
everything.await_names('open/before', *names)
put('open/to/all/g')
watch.await_names('open/to/all/g')
for _ in range(2):
    check(closed.line() == 'WAIT', 'something of what is closed')
END
}

@test "watch: one session on standard input and output" {
    mkdir -p "$LIBRARY/a"
    echo 1 >"$LIBRARY/a/b"
    run quiet timeout 20 "$FSD" --config "$CONFIG" --library "$LIBRARY" --stdio <<<'WATCH existing=1'
    assert_success
    assert_line --index 0 OK
    assert_line --index 2 --partial 'a/b size=2 mtime='
    assert_equal "${#lines[@]}" 3
}

# What ends the wait for a file, however the daemon finds it out.
waits='
def waiting(request):
    session = Session()
    session.send(request + "\n")
    check(session.line() == "WAIT", "it does not wait")
    return session


def comes(session, data):
    line = session.news()
    check(line.startswith("OK size="), line)
    check(session.body()[0] == data, "the content")
    session.close()


first, deep, part = (waiting(f"GET {text}") for text in ("file wait=3600", "a/b/c/d wait=3600", "file wait=3600 offset=5"))
put("file")
comes(first, b"hello\n")
comes(part, b"\n")
# Folders on the way come and go.
put("a/x")
put("a/b/x")
shutil.rmtree(f"{LIBRARY}/a")
put("a/b/c/x")
os.rename(f"{LIBRARY}/a", f"{LIBRARY}/z")
write("a", b"a file in the way")
below = waiting("GET a/b/c/e wait=3600")
os.unlink(f"{LIBRARY}/a")
os.rename(f"{LIBRARY}/z", f"{LIBRARY}/a")
put("a/b/c/d", b"deep")
comes(deep, b"deep")
put("a/b/c/e", b"below")
comes(below, b"below")
# By hand: when it is whole, and not before. Without inotify the daemon cannot know when it is closed, but
# only that it does not change for a second, as it may not on a slow machine; then another try counts.
for turn in range(5):
    name = f"{LIBRARY}/hand{turn}"
    hand = waiting(f"GET hand{turn} wait=3600")
    by_notices = bool(watches())
    with open(name, "wb", buffering=0) as file:
        file.write(b"1")
        before, line = time.monotonic(), "WAIT"
        while line == "WAIT" and time.monotonic() < before + 0.4:
            line = hand.line()
        before = time.monotonic()
        file.write(b"2")
        if by_notices:
            line = hand.line()
            check(line == "WAIT", "a part of a file")
    if line == "WAIT":
        line = hand.news()
    if by_notices or line.startswith("OK size=2 "):
        break
    hand.close()
check(line.startswith("OK size=2 ") and hand.body()[0] == b"12", f"a part of a file: {line}")
hand.close()
check(by_notices or time.monotonic() > before + 0.9, "what was just written to was taken for whole")
moved, folder = waiting("GET moved wait=3600"), waiting("GET folder wait=3600")
os.rename(name, f"{LIBRARY}/moved")
comes(moved, b"12")
put("folder/x")
check(folder.news().startswith("FAIL not-a-file"), "a folder")
'

@test "wait: ends when the file is whole, whatever its folders do" {
    start_watched
    watch_with <<<"$waits"
}

# bats test_tags=once
@test "wait: without inotify" {
    without_inotify instances 0
    start_watched
    watch_with <<<"$waits"
}

# bats test_tags=once
@test "watch, wait: a network file system is read each second" {
    command -v strace >/dev/null || skip 'there is no strace here'
    skip_when_sanitized strace
    # Every program then sees NFS.
    FSD_WRAPPER=(strace -D -f -o /dev/null -e trace=fstatfs -e inject=fstatfs:poke_exit=@arg2=6969000000000000)
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'this strace cannot change what statfs reports'
    # Longer than a second, as it looks with each WAIT, too.
    start_watched 5s
    watch_with <<'END'
watch, getting = Watch(), Session()
getting.send('GET a/b wait=3600\n')
check(getting.line() == 'WAIT' and not watches(), 'inotify')
put('a/b')
check(getting.line().startswith('OK size=6'), 'OK')
watch.await_names('a/b')
END
}

@test "wait: in a folder that cannot be read" {
    skip_when_sanitized 'the daemon of another user'
    use_other_user
    FSD_EXPECTED='^level=warning msg="cannot read" .*name=open/closed/ '
    start_watched 5s
    mkdir "$LIBRARY/open" "$LIBRARY/open/closed"
    chmod 0311 "$LIBRARY/open/closed"
    watch_with <<'END'
os.link('fsd.conf', f'{LIBRARY}/open/a')
getting, watch = Session(), Watch()
getting.send('GET open/closed/a wait=3600\n')
check(getting.line() == 'WAIT', 'it does not wait')
os.link(f'{LIBRARY}/open/a', f'{LIBRARY}/open/closed/a')
check(getting.line().startswith('OK size='), 'OK')
put('b')
watch.await_names('b')
check(len(watches()) == 1, 'no inotify')
END
}

@test "watch: a folder that becomes readable later, as when it is unpacked" {
    skip_when_sanitized 'the daemon of another user'
    use_other_user
    FSD_EXPECTED='^level=warning msg="cannot read" .*name=new/ '
    start_watched
    watch_with <<'END'
watch = Watch()
os.mkdir(f'{LIBRARY}/new', 0)
put('seen/a')
watch.await_names('seen/a')
os.chmod(f'{LIBRARY}/new', 0o777)
put('new/b')
watch.await_names('new/b')
check(watches(), 'no inotify')
END
}

@test "watch: a folder that cannot be read is logged once, and the rest is reported" {
    command -v strace >/dev/null || skip 'there is no strace here'
    skip_when_sanitized strace
    mkdir -p "$LIBRARY"/{closed,lost+found}
    # Without notices it is looked at every second, and EIO does not end the watch either.
    FSD_WRAPPER=(strace -D -f -o "$WORK/calls" -P closed -P lost+found -e 'inject=openat,openat2:error=EIO')
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'this strace cannot inject errors'
    FSD_EXPECTED='^level=warning msg="cannot read" .*name=closed/ cause="Input/output error"$'
    start_watched 5s
    watch_with <<'END'
watch = Watch()
put('a')
watch.await_names('a')
wait_until(lambda: open('calls').read().count('"closed"') >= 4, 'it is not looked at again')
put('b')
watch.await_names('b')
END
    assert_equal "$(grep -c 'cannot read' "$FSD_LOG")" 1
}

@test "watch: a slow writer is waited for, whatever folders are made meanwhile" {
    start_watched
    watch_with <<'END'
watch = Watch()
with open(f'{LIBRARY}/slow', 'wb', buffering=0) as file:
    file.write(b'1')
    for name in 'one', 'two':
        write('.nfs1/hand')
        os.rename(f'{LIBRARY}/.nfs1', f'{LIBRARY}/{name}')
        watch.await_names(f'{name}/hand')
    file.write(b'2')
watch.await_names('slow')
END
}

@test "wait: a file that the daemon may not read is denied once it is closed" {
    skip_when_sanitized 'the daemon of another user'
    use_other_user
    start_watched
    watch_with <<'END'
getting = Session()
getting.send('GET installed wait=3600\n')
check(getting.line() == 'WAIT', 'it does not wait')
with open(f'{LIBRARY}/installed', 'wb', buffering=0) as file:
    os.fchmod(file.fileno(), 0)
    file.write(b'by hand')
    check(getting.line() == 'WAIT', 'it does not wait for the mode')
    os.fchmod(file.fileno(), 0o644)
check(getting.news().startswith('OK size=7'), 'OK')
getting.body()
os.rename(f'{LIBRARY}/installed', f'{LIBRARY}/.nfs1')
getting.send('GET installed wait=3600\n')
check(getting.line() == 'WAIT', 'it does not wait')
os.chmod(f'{LIBRARY}/.nfs1', 0)
os.rename(f'{LIBRARY}/.nfs1', f'{LIBRARY}/installed')
check(getting.news().startswith('FAIL denied'), 'no denial')
END
}

@test "watch: HUP does not end it" {
    start_watched
    watch_with <<'END'
watch = Watch()
hang_up()
Session().expect('LIST', 'EMPTY')
put('a')
watch.await_names('a')
END
}

@test "wait: ends when its time is over" {
    start_fsd
    watch_with <<'END'
before = time.monotonic()
Session().expect('GET a wait=1', 'FAIL not-found')
# Clocks may be read in whole milliseconds.
check(time.monotonic() - before >= 0.99, 'it ends too early')
# A number that is too large for any clock.
session = Session()
session.send('GET a wait=9223372036854775807\n')
wait_until(lambda: len(watches()) == 1, 'the wait')
put('a')
check(session.line().startswith('OK size=6'), 'OK')
session.body()
wait_until(lambda: not watches(), 'the end of inotify')
END
}

@test "watch, wait: all sessions share one instance of inotify" {
    echo 'limits = { sessions = 250; waits = 250; };' >"$CONFIG"
    start_fsd
    watch_with <<'END'
first = Watch()
notifier, = instances()
waiting = [Session() for _ in range(198)]
for number, session in enumerate(waiting):
    session.send(f'GET folder/{number} wait=3600\n')
last = Watch('WATCH folder')
wait_until(lambda: len(watches()) == 200, 'the waits')
check(instances() == [notifier], f'{len(instances())} instances')
for number in 0, 99, 197:
    put(f'folder/{number}')
    check(waiting[number].news().startswith('OK size=6'), 'OK')
for watch in first, last:
    watch.await_names('folder/0', 'folder/99', 'folder/197')
for session in first, last, *waiting:
    session.close()
wait_until(lambda: has_ended(notifier), 'the end of the notifier')
# The next one that waits gets another.
Watch()
check(instances() != [notifier] and len(instances()) == 1, 'no new notifier')
END
}

@test "watch: continues when the notifier is killed" {
    FSD_EXPECTED='^level=error msg="a process crashed" cause=Killed$'
    start_watched
    watch_with <<'END'
watchers = [Watch(), Watch('WATCH a'), Watch('WATCH a existing=1')]
getting = Session()
getting.send('GET a/late wait=3600\n')
wait_until(lambda: len(watches()) == 4, 'the waits')
for turn in range(3):
    notifier, = instances()
    os.kill(notifier, signal.SIGKILL)
    name = f'a/{turn}'
    put(name)
    write(f'{name}.hand')
    for watch in watchers:
        watch.await_names(name, f'{name}.hand')
    wait_until(lambda: len(watches()) == 4 and notifier not in watches(), 'another notifier')
put('a/late')
check(getting.news().startswith('OK size=6'), 'OK')
# TERM is no crash.
notifier, = instances()
os.kill(notifier, signal.SIGTERM)
put('a/end')
for watch in watchers:
    watch.await_names('a/late', 'a/end')
END
}

@test "watch: continues when the notifier is killed before it watches all folders" {
    FSD_EXPECTED='^level=error msg="a process crashed" cause=Killed$'
    start_watched
    watch_with <<'END'
for number in range(3000):
    os.mkdir(f'{LIBRARY}/{number}')
watch = Watch.__new__(Watch)
Session.__init__(watch)
watch.reported = []
watch.send('WATCH\n')
wait_until(watches, 'the wait')
killed, = watches()
os.kill(killed, signal.SIGKILL)
check(watch.news() == 'OK', 'OK')
put('7/a')
watch.await_names('7/a')
wait_until(lambda: watches() and killed not in watches(), 'another notifier')
END
}

@test "watch: a notifier that hangs is not waited for" {
    start_watched
    watch_with <<'END'
first = Watch()
notifier, = instances()
with stopped(notifier):
    second = Watch()
    put('a')
    second.await_names('a')
first.await_names('a')
put('b')
first.await_names('b')
second.await_names('b')
END
}

@test "watch: a client that reads nothing loses nothing, and holds nobody up" {
    start_watched
    watch_with <<'END'
import array, fcntl, termios
FEWEST, MOST = 6000, 60000


def has_full_pipe():
    """Is there a session whose pipe from the notifier can take no more?"""
    for notifier in set(watches()):
        for fd, target in descriptors(notifier).items():
            if fd > 2 and target.startswith('pipe:'):
                reader = os.open(f'/proc/{notifier}/fd/{fd}', os.O_RDONLY | os.O_NONBLOCK)
                count = array.array('i', [0])
                fcntl.ioctl(reader, termios.FIONREAD, count)
                os.close(reader)
                if count[0] > 50000:
                    return True
    return False


write('source')
stuck, watch = Watch(), Watch()
names = []
# First the session of the other one has to come to a stop, then its pipe becomes full.
while len(names) < FEWEST or not has_full_pipe():
    check(len(names) < MOST, 'the other one has read all')
    more = [f'{len(names) + number:0200}' for number in range(500)]
    for name in more:
        os.link(f'{LIBRARY}/source', f'{LIBRARY}/{name}')
    watch.await_names(*more)
    names += more
put('end')
watch.await_names('end')
stuck.await_names(*names, 'end')
put('after')
stuck.await_names('after')
END
}

@test "watch: a tree with too many folders leaves watches for others" {
    without_inotify watches 60
    start_watched
    watch_with <<'END'
for number in range(50):
    os.makedirs(f'{LIBRARY}/large/{number}')
for number in range(10):
    os.makedirs(f'{LIBRARY}/small/{number}')
large = Watch('WATCH large')
small = Watch('WATCH small')
# The first one has given up, the second has notices.
wait_until(lambda: len(watches()) == 1, 'one who has notices')
put('large/7/a')
put('small/7/a')
large.await_names('large/7/a')
small.await_names('small/7/a')
END
}

@test "watch: the notifier ends with the daemon" {
    start_fsd
    watch_with <<'END'
watch = Watch()
notifier, = instances()
os.kill(daemon(), signal.SIGTERM)
check(watch.news().startswith('ABORT unavailable'), 'ABORT')
wait_until(lambda: has_ended(notifier), 'the end of the notifier')
END
    await_fsd
}

@test "watch: the notifier ends when the daemon is killed" {
    start_background
    FSD_PID=$BACKGROUND_PID watch_with <<'END'
watch = Watch()
notifier, = instances()
os.kill(daemon(), signal.SIGKILL)
check(watch.news().startswith('ABORT unavailable'), 'ABORT')
wait_until(lambda: has_ended(notifier), 'the end of the notifier')
END
    BACKGROUND_PID=
}

# await_watch COUNT: waits until COUNT sessions watch.
await_watch() {
    COUNT=$1 watch_with <<<'wait_until(lambda: len(watches()) == int(os.environ["COUNT"]), "those who watch")'
}

@test "fsc watch: prints each name at once, up to --count" {
    local watch
    start_fsd
    mkfifo names
    # What comes after the OK of the daemon is reported.
    quiet "$FSC" watch --count 3 --server "exec:nc -N -U '$SOCKET' | tee heard" >names 3>&- &
    watch=$!
    exec {names}<names
    await grep -q -s OK heard
    for name in 'a/b c' '%/ä' 'a/b/-'; do
        name=${name/b\//d/}
        "$FSC" put - --name "$name" <<<x
        IFS= read -r -t 20 -u "$names" line
        assert_equal "$line" "$name"
    done
    wait "$watch"
    run cat <&"$names"
    assert_output ''
    exec {names}<&-
}

@test "fsc watch: --existing, -0, --json, and the folder" {
    mkdir -p "$LIBRARY/folder/deep"
    printf 12 >"$LIBRARY/folder/deep/a"
    touch -d 2001-09-09T01:46:40.25Z "$LIBRARY/folder/deep/a"
    printf 3 >"$LIBRARY/b"
    start_fsd
    for folder in folder folder/ folder/deep; do
        run --separate-stderr "$FSC" watch --existing --count 1 "$folder"
        assert_equal "$status $stderr" '0 '
        assert_output folder/deep/a
    done
    run --separate-stderr "$FSC" watch --existing --json --count 1 folder
    assert_equal "$status $stderr" '0 '
    assert_output '{"name":"folder/deep/a","type":"file","size":2,"mtime":"2001-09-09T01:46:40Z","mtime_ns":250000000}'
    quiet "$FSC" watch --existing -0 --count 2 | sort -z | cmp - <(printf 'b\0folder/deep/a\0')
}

@test "fsc watch: what ends it" {
    local watch
    echo 'limits = { heartbeat = "100ms"; };' >"$CONFIG"
    start_fsd
    assert_fails 11 "$FSC" watch --max-time 1
    # Signs of life are enough, however long: as many as one who waits for an answer would not take.
    printf 'limits = { wait = "200ms"; idle = "20s"; };' >short.conf
    assert_fails 11 "$FSC" --config short.conf watch --max-time 2
    assert_equal "$stderr" 'fsc: watch: the time limit of --max-time is reached'
    await_watch 0
    "$FSC" watch a/b >/dev/null 2>errors 3>&- &
    watch=$!
    await_watch 1
    stop_fsd
    wait "$watch" || code=$?
    assert_equal "$code" 12
    assert_equal "$(cat errors)" 'fsc: a/b: the daemon is stopping'
    assert_fails 10 "$FSC" watch
}

@test "fsc watch: a signal or a closed pipe ends it" {
    local watch code=0
    start_fsd
    "$FSC" watch >/dev/null 2>errors 3>&- &
    watch=$!
    await_watch 1
    kill -TERM "$watch"
    wait "$watch" || code=$?
    assert_equal "$code" 143
    await_watch 0
    "$FSC" put - --name a <<<x
    { "$FSC" watch --existing 2>>errors || echo "$?" >code; } 3>&- | { head -n 1 >first; : >gone; } &
    await_file gone
    until [ -s code ]; do
        "$FSC" put - --name "$RANDOM.$RANDOM" <<<x
    done
    assert_equal "$(cat code first)" $'141\na'
    assert_equal "$(cat errors)" ''
}

@test "fsc watch: wrong usage" {
    local arguments
    for arguments in '--count 0' '--count x' '--count -1' '--count 1.5' a//b .fsd 'a b'; do
        # shellcheck disable=SC2086
        assert_fails 2 "$FSC" watch $arguments
    done
    assert_fails 2 "$FSC" watch ''
    assert_fails 2 "$FSC" watch --match a
}

@test "fsc watch: denied" {
    FSD_EXPECTED=msg=denied
    start_fsd --listen plain:127.0.0.1:0 --anonymous 'list get'
    assert_fails 6 "$FSC" --server "plain:127.0.0.1:$FSD_PORT" watch
}

@test "fsc watch: an answer that does not belong to WATCH is a breach" {
    local line
    for line in 'a%2Fb' 'folder' 'folder/' 'other/a' 'folder/a/' 'folder/../a' 'folder/.fsd/a' 'folder/%0A' 'folder/a b'; do
        assert_fails 1 fake "$FSC" watch folder <<END
> WATCH folder
< OK
< ${#line}
< $line
<
>.
END
        assert_fails 1 fake "$FSC" watch folder <<END
> WATCH folder
< OK
< $((${#line} + 1))
< $line
<
<
>.
END
    done
    assert_fails 1 fake "$FSC" watch --json <<'END'
> WATCH
< OK
< 9
< a size=x
<
<
>.
END
    # It has no end, and no answer but OK.
    assert_fails 1 fake "$FSC" watch <<'END'
> WATCH
< OK
< END
END
    assert_fails 1 fake "$FSC" watch --existing <<'END'
> WATCH existing=1
< EMPTY
>.
END
    assert_fails 10 fake "$FSC" watch <<'END'
> WATCH
< WAIT
< OK
< WAIT
<.
END
}
