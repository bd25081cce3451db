#!/usr/bin/env bats
# Reloads and stops while clients are at work: none of them may notice a reload, and what was
# acknowledged before a stop is kept.

load library
load fsc

# work NUMBER: stores, fetches and lists again and again until one of these fails, which it writes to
# failures.NUMBER, or the file "stop" is there.
work() {
    local name number=0
    while [ ! -e stop ]; do
        number=$((number + 1)) name=folder.$1/$number
        if ! echo "$name" | "$FSC" put - --name "$name" ||
            [ "$("$FSC" get --output - "$name")" != "$name" ] ||
            [ "$("$FSC" ls "folder.$1" | wc -l)" -ne "$number" ]; then
            echo "at $name"
            return
        fi
        : >"begun.$1"
    done >"failures.$1" 2>&1
}

# start_clients COUNT: returns when each has done something.
start_clients() {
    local number
    CLIENTS=()
    for ((number = 1; number <= $1; number++)); do
        work "$number" </dev/null 3>&- &
        CLIENTS+=("$!")
    done
    for ((number = 1; number <= $1; number++)); do
        await_file "begun.$number"
    done
}

# reload COUNT: returns when the settings were read again for the COUNT-th time.
reload() {
    kill -HUP "$FSD_PID"
    await_line "$FSD_PID" "$FSD_LOG" 'msg="settings read again"' "$1"
}

@test "reload: 200 times under 20 clients, and no request fails" {
    start_fsd
    start_clients 20
    converse <<'END'
log = open(os.environ['FSD_LOG'])
heard = ''

def is_read(number):
    global heard
    heard += log.read()
    return heard.count('msg="settings read again"') == number

for number in range(1, 201):
    # Each time there is something new to read.
    write_settings(f'spare = {number % 3}; limits = {{ idle = "{60 + number}s"; }};')
    os.kill(daemon(), signal.SIGHUP)
    wait_until(lambda: is_read(number), f'reload {number}')
END
    : >stop
    wait "${CLIENTS[@]}"
    run cat failures.*
    assert_output ''
    play <<<$'> GET absent\n< FAIL not-found *'
}

@test "reload: a broken file keeps the old settings, and the log names file and line" {
    local_only 'the settings of this model are in two files'
    FSD_EXPECTED='msg="reload failed, the old settings stay in use" '
    echo 'limits = { sessions = 1; };' >"$CONFIG"
    start_fsd
    printf '\nlimits = { sessions = 100;\n  nonsense = 1; };\n' >"$CONFIG"
    kill -HUP "$FSD_PID"
    await_line "$FSD_PID" "$FSD_LOG" "old settings stay in use.*$CONFIG:3: .*nonsense" 1
    printf 'limits = {\n' >"$CONFIG"
    kill -HUP "$FSD_PID"
    await_line "$FSD_PID" "$FSD_LOG" "old settings stay in use.*$CONFIG:[12]: " 1
    rm "$CONFIG"
    kill -HUP "$FSD_PID"
    await_line "$FSD_PID" "$FSD_LOG" "old settings stay in use.*$CONFIG" 3
    # There is still room for one session only; a good file gives room for more.
    converse <<'END'
first = Session()
first.expect('LIST absent', 'EMPTY')
second = Session()
check(second.line().startswith('FAIL busy'), 'the old settings are not kept')
END
    echo 'limits = { sessions = 2; };' >"$CONFIG"
    reload 1
    converse <<'END'
# The daemon may not have seen yet that the one before has ended.
first, second = await_room(), await_room()
END
}

@test "stop: TERM under load loses nothing that was acknowledged" {
    echo 'limits = { drain = "1h"; };' >"$CONFIG"
    head -c 100 /dev/urandom >small
    head -c 500000 /dev/urandom >large
    start_fsd
    converse <<'END'
import subprocess
FSC = os.environ['FSC']
data = {name: open(name, 'rb').read() for name in ('small', 'large')}
stored = [[] for _ in range(20)]

def is_whole(name):
    return read_file(name) == data[name.rpartition('.')[2]]

def store(number):
    """Stores files until that fails; returns the exit code."""
    for count in range(10**6):
        kind = ('small', 'large')[count % 2]
        name = f'folder.{number}/{count}.{kind}'
        code = subprocess.run([FSC, 'put', kind, '--name', name], stderr=subprocess.DEVNULL).returncode
        if code:
            return code
        stored[number].append(name)

def begin(number):
    """An upload in the middle."""
    process = subprocess.Popen([FSC, 'put', '-', '--name', f'held/{number}.large'], bufsize=0,
                               stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdin.write(data['large'][:100000])
    return process

held = [begin(number) for number in range(10)]
wait_until(lambda: len(stages()) == len(held), 'the uploads to begin')

def stop():
    """Stops the daemon, lets half of the uploads go on, and ends the others; returns the exit codes of all."""
    wait_until(lambda: all(len(names) > 2 for names in stored), 'all to have stored something')
    os.kill(daemon(), signal.SIGTERM)
    wait_until(lambda: not os.path.exists(SOCKET), 'the socket to go')
    for process in held[:5]:
        process.stdin.write(data['large'][100000:])
        process.stdin.close()
    codes = [process.wait(LIMIT) for process in held[:5]]
    os.kill(daemon(), signal.SIGTERM)
    return codes + [process.wait(LIMIT) for process in held[5:]]

*codes, held_codes = at_once(21, lambda number: store(number) if number < 20 else stop())
for process in held[5:]:
    process.stdin.close()
check(set(codes) <= {10, 12}, f'exit codes {codes}')
check(held_codes[:5] == [0] * 5 and set(held_codes[5:]) <= {10, 12}, f'exit codes {held_codes}')
lost = [name for names in stored for name in names if not is_whole(name)]
check(not lost, f'lost: {lost}')
there = [os.path.relpath(os.path.join(folder, file), LIBRARY) for folder, _, files in os.walk(LIBRARY)
         for file in files if '/.fsd' not in folder]
check(all(map(is_whole, there)), 'something is not whole')
check(sum(name.startswith('held/') for name in there) == 5, 'an upload without an end is there')
END
    await_fsd
}

@test "stop: TERM works while clients never stop connecting" {
    start_fsd
    converse <<'END'
pid = daemon()
begun, begins = os.pipe()
floods = []
count = 0
for _ in range(4):
    flood = os.fork()
    if flood == 0:
        until = time.monotonic() + LIMIT
        count = 0
        while time.monotonic() < until:
            count += 1
            if count == 100:
                os.write(begins, b'.')
            client = socket.socket(socket.AF_UNIX)
            try:
                client.connect(SOCKET)
            except OSError:
                break
            client.close()
        os._exit(time.monotonic() >= until)
    floods.append(flood)
while count < 4:
    count += len(os.read(begun, 4))
os.kill(pid, signal.SIGTERM)
codes = [os.waitstatus_to_exitcode(os.waitpid(flood, 0)[1]) for flood in floods]
check(codes == [0] * 4, 'the daemon has gone on')
END
    await_fsd
}
