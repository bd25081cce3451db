#!/usr/bin/env bats
# bats file_tags=once
# Peers that vanish without a word: a machine that loses power, or a NAT that forgets. Nothing here is
# faster than TCP, so this takes almost two minutes.

load library
load fsc
load network

# One that only takes nothing is alive. Every wait begins before the one event that all wait for.
@test "network: a peer that vanished is noticed within two minutes, in every kind of wait" {
    skip_when_sanitized strace
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    use_networks
    # No other limit ends a session, and fsc does not give up before.
    printf '%s\n' 'allow_unencrypted_network = true; limits = { idle = "1h"; stall = "1h"; };' \
        "identity = \"$WORK/identity/identity.pem\";" >"$CONFIG"
    use_settings 'allow_unencrypted_network = true; limits = { idle = "1h"; stall = "1h"; take = "1h"; };'
    mkdir "$LIBRARY"
    truncate -s 100G "$LIBRARY/endless" "$LIBRARY/slow"
    setfattr -n user.fsd -v x "$LIBRARY/endless" 2>/dev/null || skip 'there are no user xattrs here'
    # Its digest takes for ever.
    FSD_WRAPPER=("${AT[@]}" -n -t "$NET_server" -- strace -D -f -o /dev/null -P "$LIBRARY/slow"
        -e trace=pread64 -e inject=pread64:delay_enter=1000000)
    start_fsd --listen 'plain:[::]:7373' --listen '[::]:7374' --anonymous 'list get put watch'
    FSD_EXPECTED='msg="handshake failed" .* refuses the handshake'
    at client "$FSC" trust --accept 192.0.2.1:7374
    mkfifo producer
    at client python3 - "$NET_server" "$FSC" <<'END'
import subprocess
from session import *

FSC, TLS = ([sys.argv[2], '--server', server] for server in ('plain:192.0.2.1', '192.0.2.1:7374'))
ALIVE, MORTAL = ('2001:db8::1', 7373), ('192.0.2.1', 7373)
PIECE = 1 << 20
watcher = Session()


def begin(address, request):
    session = Session(address)
    session.send(request + '\n')
    return session


def vanish():
    """Frames between the IPv4 addresses go to somebody who is not there."""
    for command, other in ((['nsenter', '-n', '-t', sys.argv[1]], '192.0.2.2'), ([], '192.0.2.1')):
        subprocess.run([*command, 'ip', 'neighbour', 'replace', other, 'lladdr', '02:00:00:00:00:01',
                        'nud', 'permanent', 'dev', 'eth0'], check=True)


# Of fsd: one that waits for a request, one for files, one for a digest, two that send.
idle = begin(MORTAL, 'LIST')
check(idle.line() == 'EMPTY' or idle.body(), 'no listing')
watching = begin(MORTAL, 'WATCH')
check(watching.line() == 'OK', 'no watch')
hashing = begin(MORTAL, 'LIST slow details=1')
check(hashing.line() == 'OK', 'no listing of it')
taking = begin(MORTAL, 'GET endless')
not_taking = begin(MORTAL, 'GET endless')
# The same, which do not vanish.
alive = begin(ALIVE, 'GET endless')
for session in (taking, not_taking, alive):
    check(session.line().startswith('OK '), 'no file')
# Of fsc: producers that think, a reader that takes nothing, and a server that has nothing yet.
with open('producer', 'r+b', buffering=0) as producer:
    putting = [subprocess.Popen([*fsc, 'put', '-', '--name', 'thinking'], stdin=producer, stderr=subprocess.PIPE)
               for fsc in (FSC, TLS)]
    wait_until(lambda: len(glob.glob(LIBRARY + '/.fsd/stage/*/*')) == 2, 'the uploads')
    getting = subprocess.Popen([*TLS, 'get', 'endless', '--output', '-'], stdout=subprocess.PIPE)
    waiting = subprocess.Popen([*FSC, 'get', '--wait=1h', 'later', '--output', '-'],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wait_until(lambda: watcher.status()['sessions'] == '11', 'all sessions')
    check(len(taking.stream.read(PIECE)) == PIECE, 'nothing to take')
    vanish()
    since = time.monotonic()
    for client in (*putting, waiting):
        code, errors = client.wait(150), client.stderr.read().decode()
        check(code == 10 and errors.count('\n') == 1, f'{code} {errors}')
        print(f'fsc: {time.monotonic() - since:.0f} s: {errors}', end='')
    while watcher.status()['sessions'] != '2':
        check(time.monotonic() < since + 150, f'sessions: {watcher.status()["sessions"]}')
        select.select([], [], [], 0.1)
    getting.kill()
    getting.wait()
    print(f'fsd: {time.monotonic() - since:.0f} s')
# It has taken nothing all the time, and the rest still comes.
check(len(alive.stream.read(64 * PIECE)) == 64 * PIECE, 'a reader that is alive was cut off')
alive.close()
END
}
