#!/usr/bin/env bats
# fsd --stdio: one session on standard input and output, as a pipe, inetd or ssh give them.
# bats file_tags=once

load library
load fsc

# stdio ARGUMENT...: one session, with the library of the test.
stdio() {
    mkdir -p "$LIBRARY"
    timeout 60 "$FSD" --config "$CONFIG" --library "$LIBRARY" --stdio "$@" 3>&-
}

# serve_socket KIND: plays the Python on stdin with session(), a new session with fsd --stdio, whose
# standard input and output are one end of a pair, or a socket that was accepted, like inetd's.
serve_socket() {
    mkdir -p "$LIBRARY"
    KIND=$1 converse <<END
import subprocess


class Inherited(Session):
    """A session on a socket that is there."""

    def __init__(self, own):
        self.socket = own
        self.socket.settimeout(LIMIT)
        self.stream = own.makefile('rb')


def sockets(kind):
    if kind == 'pair':
        return socket.socketpair()
    if kind == 'tcp':
        server = socket.create_server(('127.0.0.1', 0))
        own = socket.create_connection(server.getsockname())
    else:
        server = socket.socket(socket.AF_UNIX)
        server.bind(kind)
        server.listen()
        own = socket.socket(socket.AF_UNIX)
        own.connect(kind)
    accepted = server.accept()[0]
    server.close()
    return own, accepted


def session(*options, kind=os.environ['KIND']):
    own, theirs = sockets(kind)
    command = [os.environ['FSD'], '--config', os.environ['CONFIG'], '--library', LIBRARY, '--stdio', *options]
    with theirs:
        fsd = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
    inherited = Inherited(own)
    inherited.fsd = fsd
    return inherited


def expect_exit(session):
    """fsd ends well, and has said nothing."""
    session.finish()
    session.expect_end()
    session.close()
    errors = session.fsd.communicate(timeout=LIMIT)[1]
    check(session.fsd.returncode == 0 and not errors, (session.fsd.returncode, errors))


$(cat)
END
}

@test "stdio: a session over pipes, with all rights" {
    run quiet stdio <<<$'LIST\nPUT a size=6 eager=1\n6\nhello\n\nEND\nGET a\nSTATUS\nQUIT\nLIST'
    assert_success
    assert_line --index 0 EMPTY
    assert_line --index 1 --partial 'OK size=6 digest=sha256:5891b5b5'
    assert_line 'hello'
    assert_line 'sessions 1'
    assert_line 'sessions.served 1'
    # Nothing is answered after QUIT.
    assert_line --index -1 END
    run getfattr --only-values -n user.fsd "$LIBRARY/a"
    assert_output --partial " by=user:"
    assert_no_stages
}

@test "stdio: ends with its input, and stores no upload that was cut" {
    local text
    for text in '' LIST $'PUT a size=6 eager=1\n6\nhel' $'PUT a\n3\nhel\n'; do
        run quiet stdio < <(printf '%s' "$text")
        assert_success
        refute_output --partial FAIL
    done
    assert_empty_library
    run quiet stdio </dev/null
    assert_success
    assert_output ''
}

@test "stdio: a refused request is not a failure of fsd" {
    run quiet stdio <<<'nonsense'
    assert_success
    assert_output --partial 'FAIL bad-request'
    assert_equal "${#lines[@]}" 1
}

@test "stdio: a reader that is gone ends it" {
    mkdir -p "$LIBRARY"
    truncate -s 30M "$LIBRARY/a"
    printf 'GET a\n%.0s' {1..10} >requests
    run quiet timeout 20 bash -o pipefail -c '"$@" <requests | head -n 1' bash \
        "$FSD" --config "$CONFIG" --library "$LIBRARY" --stdio
    assert_success
    assert_output --partial 'OK size=31457280'
}

# Other processes share the descriptions, so nothing may change, not even in a session that is killed.
@test "stdio: descriptors are left as they were" {
    mkdir -p "$LIBRARY"
    echo 'limits = { linger = "1ms"; };' >"$CONFIG"
    converse <<'END'
import fcntl
import signal
import subprocess


def ends(kind):
    """What is fsd's standard input and output, and our ends of it."""
    if kind == 'pipes':
        reading, writing = os.pipe()
        answer_reading, answer_writing = os.pipe()
        return (reading, answer_writing), (writing, answer_reading)
    own, theirs = os.openpty() if kind == 'terminal' else (one.detach() for one in socket.socketpair())
    return (theirs, theirs), (own, own)


def flags(theirs):
    return [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in theirs]


for kind in ('pipes', 'pair', 'terminal'):
    for request, is_killed in ((b'LIST\n', True), (b'LIST\nQUIT\n', False), (b'nonsense\n', False)):
        theirs, (writing, reading) = ends(kind)
        before = flags(theirs)
        fsd = subprocess.Popen([os.environ['FSD'], '--config', os.environ['CONFIG'], '--library', LIBRARY, '--stdio'],
                               stdin=theirs[0], stdout=theirs[1])
        os.write(writing, request)
        answer = b''
        while b'EMPTY' not in answer and b'FAIL' not in answer:
            answer += os.read(reading, 1000)
        if is_killed:
            check(flags(theirs) == before, f'{kind}: other flags while it serves')
            fsd.kill()
        code = fsd.wait(LIMIT)
        check(code == (-signal.SIGKILL if is_killed else 0), (kind, request, code))
        check(flags(theirs) == before, f'{kind}: other flags than before')
END
}

# Each program sees what its neighbour does to a description that both have.
@test "stdio: programs beside it in the pipeline of exec: have blocking descriptors" {
    local server serve="'$FSD' --config '$CONFIG' --stdio --library '$LIBRARY'"
    mkdir -p "$LIBRARY"
    # A program that makes its descriptors non-blocking, as ssh does, and copes with it.
    cat >eager <<'END'
import os
import select
for fd in (0, 1):
    os.set_blocking(fd, False)
while True:
    select.select([0], [], [])
    data = os.read(0, 65536)
    if not data:
        break
    while data:
        select.select([], [1], [])
        data = data[os.write(1, data):]
END
    head -c 5000000 /dev/urandom >large
    for server in "cat | $serve" "$serve | cat" "cat | $serve | cat" "cat | python3 eager | $serve" \
        "cat | $serve | python3 eager" "python3 eager | $serve | cat"; do
        assert_silent "$FSC" put large --server "exec:$server"
        quiet "$FSC" get large --output - --server "exec:$server" | cmp - large
        # shellcheck disable=SC2002
        cat large | quiet "$FSC" put - --name stream --server "exec:$server"
        cmp "$LIBRARY/stream" large
        quiet "$FSC" rm stream large --server "exec:$server"
    done
}

@test "fsc: its standard descriptors stay as they were" {
    mkdir -p "$LIBRARY"
    export FSC_SERVER="exec:'$FSD' --config '$CONFIG' --stdio --library '$LIBRARY'"
    converse <<'END'
import fcntl
import signal
import subprocess


def run(*command, input=b'', is_killed=False):
    """Returns what it prints, over pipes whose flags must not change."""
    reading, writing = os.pipe()
    answer_reading, answer_writing = os.pipe()
    theirs = (reading, answer_writing)
    before = [fcntl.fcntl(fd, fcntl.F_GETFL) for fd in theirs]
    fsc = subprocess.Popen([os.environ['FSC'], *command], stdin=reading, stdout=answer_writing)
    os.write(writing, input)
    os.close(writing)
    first = os.read(answer_reading, 1000) if is_killed else b''
    check([fcntl.fcntl(fd, fcntl.F_GETFL) for fd in theirs] == before, f'{command}: other flags while it runs')
    if is_killed:
        fsc.terminate()
    code = fsc.wait(LIMIT)
    check(code == (-signal.SIGTERM if is_killed else 0), (command, code))
    check([fcntl.fcntl(fd, fcntl.F_GETFL) for fd in theirs] == before, f'{command}: other flags than before')
    os.close(answer_writing)
    with open(answer_reading, 'rb') as answer:
        return first + answer.read()


run('put', '-', '--name', 'a', input=b'hello')
check(run('get', 'a', '--output', '-') == b'hello', 'get')
check(run('stat', '--files-from', '-', '--json', input=b'a\n') != b'', 'stat')
check(run('watch', '--existing', is_killed=True) == b'a\n', 'watch')
END
}

@test "fsc: a message goes to a full standard error that a command has made non-blocking" {
    converse <<'END'
import subprocess
reading, writing = os.pipe()


def is_writing():
    """Has the command ended, and fsc only its message to write?"""
    return process_state(fsc.pid) in ('S', 'Z') and all(has_ended(child) for child in children(fsc.pid))


command = "exec:python3 -c 'import os; os.set_blocking(2, False); open(\"begun\", \"w\"); print(\"EMPTY\", flush=True)'"
os.set_blocking(writing, False)
try:
    while True:
        os.write(writing, b'x' * 4096)
except BlockingIOError:
    os.set_blocking(writing, True)
fsc = subprocess.Popen([os.environ['FSC'], 'ls', '--fail-empty', '--server', command], stderr=writing)
os.close(writing)
wait_until(lambda: os.path.exists('begun'), 'the command has not begun')
wait_until(is_writing, 'the command has not ended')
with open(reading, 'rb') as errors:
    text = errors.read()
check(text.lstrip(b'x') == b'fsc: ls: no files\n', text[-100:])
check(fsc.wait(LIMIT) == 5, fsc.returncode)
END
}

@test "stdio: over a socket pair, with all rights" {
    serve_socket pair <<'END'
first = session('--anonymous', 'list')
first.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
first.expect('GET a', 'OK')
first.body()
check(first.status()['sessions'] == '1', 'STATUS')
expect_exit(first)
second = session()
second.expect('PUT b', 'OK offset=0')
second.send('3\nhel\n')
expect_exit(second)
check(not stages(), 'a stage is left')
third = session()
third.send('QUIT\n')
third.expect_end()
third.close()
check(third.fsd.wait(LIMIT) == 0, third.fsd.returncode)
END
}

@test "stdio: the client may do no more than its option says" {
    serve_socket pair <<'END'
first = session('--stdio-rights', 'list put')
first.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
first.expect('DELETE a', 'FAIL denied user ')
first.expect('PUT a replace=1', 'FAIL denied user ')
first.expect('GET a', 'FAIL denied user ')
first.expect('LIST', 'OK')
first.body()
expect_exit(first)
END
}

@test "stdio: a folder and a name that its options give" {
    serve_socket pair <<'END'
def put(session, name, **more):
    return session.ask(f'PUT {name} size=1 eager=1\n1\nx\nEND')


web1 = session('--stdio-client', 'web1', '--stdio-folder', 'hosts/%c', '--stdio-rights', 'list put status')
check(put(web1, 'hosts/web1/a').startswith('OK '), 'its own folder')
for name in ('hosts/web2/a', 'hosts/web1', 'a'):
    answer = put(web1, name)
    check(answer == 'FAIL denied stdio:web1 may not PUT (needs the right put for this name)', answer)
web1.expect('GET hosts/web1/a', 'FAIL denied stdio:web1 may not GET (needs the right get)')
# That one is for the whole library.
web1.expect('STATUS', 'FAIL denied')
expect_exit(web1)
check(os.getxattr(LIBRARY + '/hosts/web1/a', 'user.fsd').endswith(b' by=stdio:web1'), 'by another client')
check(sorted(os.listdir(LIBRARY)) == ['.fsd', 'hosts'] and os.listdir(LIBRARY + '/hosts') == ['web1'], 'stored')
# By the setting, and with all rights.
write_settings('stdio_client = "web2"; stdio_folder = "hosts/%c/";')
web2 = session()
check(put(web2, 'hosts/web2/a').startswith('OK '), 'its own folder')
web2.expect('DELETE hosts/web1/a', 'FAIL denied stdio:web2')
web2.expect('DELETE hosts/web2/a', 'OK')
check(web2.ask('LIST hosts') == 'EMPTY', 'others are seen')
expect_exit(web2)
# A name without a folder, and a folder of the user.
web3 = session('--stdio-client', 'web3', '--stdio-folder', 'all')
check(put(web3, 'all/a').startswith('OK '), 'a folder for several')
expect_exit(web3)
write_settings('')
import pwd
user = pwd.getpwuid(os.geteuid()).pw_name
own = session('--stdio-folder', 'home/%c')
check(put(own, f'home/{user}/a').startswith('OK '), 'the name of the user')
own.expect('LIST all', 'EMPTY')
expect_exit(own)
END
    local wrong
    for wrong in .a a/b a:b '' 'ä' "$(printf '%0121d' 0)"; do
        refuses 2 '^fsd: --stdio-client: ' --library "$LIBRARY" --stdio --stdio-client "$wrong"
    done
    for wrong in /a a//b '' ../a '%d' 'a%' "$(printf '%01024d' 0)"; do
        refuses 2 '^fsd: --stdio-folder: ' --library "$LIBRARY" --stdio --stdio-folder "$wrong"
    done
}

@test "stdio: a client from the network is anonymous" {
    serve_socket tcp <<'END'
nobody = session()
for request in ('LIST', 'GET a', 'PUT a', 'STATUS'):
    nobody.expect(request, 'FAIL denied anonymous may not')
nobody.expect('PUT a size=1 eager=1\n1\nx\nEND', 'FAIL denied')
expect_exit(nobody)
some = session('--anonymous', 'list put')
some.expect('LIST', 'EMPTY')
some.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
some.expect('GET a', 'FAIL denied')
expect_exit(some)
check(os.getxattr(LIBRARY + '/a', 'user.fsd').endswith(b' by=anonymous'), 'by another client')
END
}

@test "stdio: a client of an accepted Unix socket is its local user" {
    serve_socket accepted <<'END'
own = session()
own.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
expect_exit(own)
# An abstract name is one, too.
own = session(kind='\0' + os.getcwd()[-60:])
own.expect('LIST', 'OK')
own.body()
expect_exit(own)
END
}

@test "stdio: another local user over an accepted Unix socket is anonymous" {
    skip_unless_root 'to be another user'
    use_other_user
    serve_socket listening <<'END'
server = socket.socket(socket.AF_UNIX)
server.bind(SOCKET)
os.chmod(SOCKET, 0o666)
server.listen()
client = subprocess.Popen(['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', 'nc', '-N', '-U', SOCKET],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
accepted = server.accept()[0]
command = [os.environ['FSD'], '--config', os.environ['CONFIG'], '--library', LIBRARY, '--stdio', '--anonymous', 'list']
with accepted:
    fsd = subprocess.Popen(command, stdin=accepted, stdout=accepted)
answers = client.communicate(b'LIST\nGET a\n', timeout=LIMIT)[0].decode().splitlines()
check(answers[0] == 'EMPTY' and answers[-1].startswith('FAIL denied user nobody may not GET'), answers)
check(fsd.wait(LIMIT) == 0, fsd.returncode)
END
}

@test "stdio: another local user has the rights that the setting users grants" {
    skip_unless_root 'to be another user'
    use_other_user
    echo 'users = ( { group = "mail"; rights = "get"; folder = "a"; } );' >"$CONFIG"
    serve_socket listening <<'END'
import grp
server = socket.socket(socket.AF_UNIX)
server.bind(SOCKET)
os.chmod(SOCKET, 0o666)
server.listen()
mail = str(grp.getgrnam('mail').gr_gid)
client = subprocess.Popen(['setpriv', '--reuid', '65534', '--regid', '65534', '--groups', mail, 'nc', '-N', '-U', SOCKET],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)
accepted = server.accept()[0]
command = [os.environ['FSD'], '--config', os.environ['CONFIG'], '--library', LIBRARY, '--stdio']
with accepted:
    fsd = subprocess.Popen(command, stdin=accepted, stdout=accepted)
answers = client.communicate(b'GET a/b\nGET b\n', timeout=LIMIT)[0].decode().splitlines()
check(answers[0].startswith('FAIL not-found'), answers)
check(answers[1] == 'FAIL denied user nobody may not GET (needs the right get for this name)', answers)
check(fsd.wait(LIMIT) == 0, fsd.returncode)
END
}

# To look them up may take long, and over pipes nobody is asked for.
@test "stdio: user names are not looked up over pipes" {
    printf 'users = ( { user = "no-such-user"; rights = "get"; } );\nlog = { to = "stderr"; };\n' >"$CONFIG"
    run quiet stdio <<<'LIST'
    assert_success
    assert_output EMPTY
}

@test "stdio: an error at the start is one line, and nothing for the client" {
    local code
    echo 'frobnicate = 1;' >wrong.conf
    mkdir -p "$LIBRARY"
    check_wrong() {
        code=$1
        run --separate-stderr timeout 20 "$FSD" --stdio "${@:2}" <<<'LIST'
        assert_failure "$code"
        assert_output ''
        assert_regex "$stderr" '^fsd: .+$'
        [[ $stderr != *$'\n'* ]]
    }
    check_wrong 2 --config wrong.conf --library "$LIBRARY"
    check_wrong 2 --config absent.conf --library "$LIBRARY"
    check_wrong 2 --config "$CONFIG"
    check_wrong 2 --config "$CONFIG" --library "$LIBRARY" --anonymous frob
    check_wrong 2 --config "$CONFIG" --library "$LIBRARY" surplus
    check_wrong 1 --config "$CONFIG" --library "$WORK/absent"
    check_wrong 1 --config "$CONFIG" --library "$CONFIG"
}

@test "stdio: log.to = stderr logs to standard error" {
    echo 'log = { to = "stderr"; level = "debug"; };' >"$CONFIG"
    run --separate-stderr stdio <<<$'LIST'
    assert_success
    assert_output EMPTY
    assert_regex "$stderr" 'msg="session begins" session=[0-9]+ client="?(user|uid) '
    assert_regex "$stderr" 'msg="session ends"'
}

@test "stdio: fsc over exec:, beside a daemon of the same library" {
    local server="exec:$FSD --config $CONFIG --stdio --library $LIBRARY"
    start_fsd
    head -c 3000000 /dev/urandom >sent
    printf 'hello\n' >small
    quiet "$FSC" --server "$server" put sent small --folder f
    run quiet "$FSC" --server "$server" ls f
    assert_success
    assert_output $'f/sent\nf/small'
    run quiet "$FSC" ls f
    assert_output $'f/sent\nf/small'
    quiet "$FSC" --server "$server" get f/sent --output got
    cmp sent got
    assert_equal "$(quiet "$FSC" --server "$server" get f/small --output -)" hello
    assert_fails 4 "$FSC" --server "$server" get absent
    # What is there stays.
    assert_fails 3 "$FSC" --server "$server" put sent --name f/small
    quiet "$FSC" --server "$server" put small --name f/small
    # The error of fsd is passed on, and there is no connection.
    run --separate-stderr "$FSC" --server "exec:$FSD --config $CONFIG --stdio --library $WORK/absent" ls
    assert_failure 10
    assert_output ''
    assert_regex "$stderr" "^fsd: library $WORK/absent: .+"$'\n''fsc: .+$'
}

# Has ssh and sshd speak to each other over a pair of sockets, as their user. Sets SSH, the command.
use_ssh() {
    local sshd wrapper=''
    SSH="ssh -F $WORK/ssh.conf host"
    sshd=$(command -v sshd) || skip 'there is no sshd here (package openssh-server)'
    command -v ssh >/dev/null || skip 'there is no ssh here (package openssh-client)'
    ssh-keygen -q -t ed25519 -N '' -f host_key && ssh-keygen -q -t ed25519 -N '' -f key
    printf 'host %s\n' "$(cut -d ' ' -f 1,2 host_key.pub)" >known_hosts
    cat >sshd.conf <<END
HostKey $WORK/host_key
AuthorizedKeysFile $WORK/key.pub
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitUserRC no
PrintLastLog no
LogLevel ERROR
KexAlgorithms curve25519-sha256
END
    # It insists on its folder when it is root, and a package of it may not have been started yet.
    if [ "$(id -u)" -eq 0 ] && [ ! -d /run/sshd ]; then
        printf 'mount -t tmpfs -o mode=0755 tmpfs /run && mkdir -m 0755 /run/sshd && exec "$@"\n' >mount
        wrapper="unshare -m sh $WORK/mount"
        unshare -m sh mount true 2>/dev/null || skip 'sshd needs /run/sshd here, and it cannot be mounted'
    fi
    cat >ssh.conf <<END
Host host
    ProxyCommand $wrapper $sshd -i -f $WORK/sshd.conf -E $WORK/sshd.log
    User $(id -un)
    IdentityFile $WORK/key
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile $WORK/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    LogLevel QUIET
END
    $SSH true 2>ssh.log || skip "no login by ssh as $(id -un) here: $(cat ssh.log sshd.log)"
}

@test "stdio: fsc through ssh and a real sshd" {
    local server
    use_ssh
    mkdir -p "$LIBRARY"
    server="exec:$SSH $FSD --stdio --config $CONFIG --library $LIBRARY"
    head -c 3000000 /dev/urandom >sent
    printf 'hello\n' >small
    quiet "$FSC" --server "$server" put sent small --folder f
    run quiet "$FSC" --server "$server" ls
    assert_success
    assert_output 'f/'
    run quiet "$FSC" --server "$server" ls f
    assert_success
    assert_output $'f/sent\nf/small'
    quiet "$FSC" --server "$server" get f/sent --output got
    cmp sent got
    cmp sent "$LIBRARY/f/sent"
    assert_equal "$(quiet "$FSC" --server "$server" get f/small --output -)" hello
    # A producer that fsd has to wait for.
    { printf one && printf two; } | quiet "$FSC" --server "$server" put - --name piped
    assert_equal "$(cat "$LIBRARY/piped")" onetwo
    # Exit codes are those of what the server answers.
    assert_fails 4 "$FSC" --server "$server" get absent
    assert_fails 3 "$FSC" --server "$server" put sent --name f/small
    # Through ssh the client has all rights, as on this machine.
    run getfattr --only-values -n user.fsd "$LIBRARY/piped"
    assert_output --partial " by=user:"
    assert_no_stages
}

# ssh on the PATH notes its words in "words", one a line, and has the last one run by the shell SHELL
# as sshd would, which finds fsd only with the PATH of this test.
use_fake_ssh() {
    mkdir -p bin sbin "$LIBRARY"
    printf '#!/bin/sh\nexec "%s" --config "%s" "$@"\n' "$FSD" "$CONFIG" >sbin/fsd
    cat >bin/ssh <<END
#!/usr/bin/env bash
printf '%s\n' "\$@" >"$WORK/words"
exec env -i PATH=/usr/bin:/bin:$WORK/sbin HOME="$WORK" "\${REMOTE_SHELL:-sh}" -c "\${@: -1}"
END
    chmod +x bin/ssh sbin/fsd
    export PATH=$WORK/bin:$PATH
}

# ssh_words WORD...: those before the last one, without a terminal.
ssh_words() {
    assert_equal "$(head -n -1 words)" \
        "$(printf '%s\n' -T -oClearAllForwardings=yes -oRemoteCommand=none -oBatchMode=yes "$@")"
}

@test "ssh://: what ssh is asked for" {
    local address
    use_fake_ssh
    echo "library = \"$LIBRARY\";" >"$CONFIG"
    printf hello >a
    # The library of the configuration there, and a given one.
    assert_silent setsid -w "$FSC" put a --server ssh://backup1
    ssh_words -- backup1
    assert_equal "$(<"$LIBRARY/a")" hello
    assert_silent setsid -w "$FSC" rm a --server ssh://keeper@backup1:2222/
    ssh_words -p 2222 -- keeper@backup1
    mkdir "$WORK/other"
    assert_silent setsid -w "$FSC" put a --server "ssh://keeper@[::1]:22$WORK/other"
    ssh_words -p 22 -- keeper@::1
    assert_equal "$(<"$WORK/other/a")" hello
    assert_regex "$(tail -n 1 words)" 'PATH=\$PATH:/usr/local/sbin:/usr/sbin:/sbin;'
    for address in ssh:// ssh://-oProxyCommand=id ssh://-l@host ssh://host:x 'ssh://$(id)' 'ssh://a b' ssh://@host; do
        assert_fails 2 "$FSC" ls --server "$address"
    done
    assert_fails 2 "$FSC" ls --server $'ssh://host/a\nb'
}

@test "ssh://: at a terminal, ssh may ask" {
    use_fake_ssh
    converse <<'END'
import pty
pid, terminal = pty.fork()
if pid == 0:
    os.execl(os.environ['FSC'], 'fsc', 'ls', '--server', 'ssh://host' + LIBRARY)
code = os.waitpid(pid, 0)[1]
check(code == 0, code)
END
    assert_equal "$(head -n -1 words)" "$(printf '%s\n' -T -oClearAllForwardings=yes -oRemoteCommand=none -- host)"
}

# sshd gives the command to the shell of the account.
@test "ssh://: any path of a library, for any shell of the account" {
    local library shell paths=("it's \\ \"q\" \$HOME %20 é!*~#\`id\`\\" "\\'" '!!' ' ' '-x' "'" "\\")
    use_fake_ssh
    printf hello >a
    for shell in sh bash dash zsh fish csh tcsh; do
        shell=$(command -v "$shell") || continue
        for library in "${paths[@]}"; do
            mkdir -p "$WORK/$library"
            REMOTE_SHELL=$shell assert_silent "$FSC" put a --name "${shell##*/}" --server "ssh://host$WORK/$library"
            assert_equal "$(<"$WORK/$library/${shell##*/}")" hello
        done
    done
    # The longest one, of which each byte takes five, is passed on as a whole.
    library=$(printf 'é%.0s' {1..2046})
    run --separate-stderr "$FSC" ls --server "ssh://host/$library"
    assert_equal "$status" 10
    assert_equal "$(tail -n 1 words | grep -o '0303' | wc -l)" 2046
    assert_regex "$(tail -n 1 words)" "'\$"
}

@test "ssh://: the first message is the one that helps" {
    local text
    use_fake_ssh
    rm sbin/fsd
    run --separate-stderr "$FSC" get a b --server ssh://backup1
    assert_equal "$status $output" '10 '
    assert_regex "$stderr" $'^[^\n]*fsd: not found\nfsc: ssh://backup1: ended with 127 before the server answered$'
    # fsd has no library there.
    printf '#!/bin/sh\nexit 2\n' >sbin/fsd
    chmod +x sbin/fsd
    run --separate-stderr "$FSC" get a b --server ssh://backup1
    assert_equal "$status $stderr" "10 fsc: ssh://backup1: ended with 2 before the server answered \
(use ssh://HOST/LIBRARY for the library in that folder)"
    # There is no ssh.
    run --separate-stderr env PATH=/nowhere "$FSC" get a b --server ssh://backup1
    assert_equal "$status $output" '10 '
    assert_regex "$stderr" $'^[^\n]*ssh: not found\nfsc: ssh://backup1: ended with 127 before the server answered$'
    # Those who type what scp takes, or a URL, learn of it.
    for text in keeper@backup1 backup1:/srv/files keeper@backup1:/srv/files; do
        assert_fails 2 "$FSC" ls --server "$text"
        assert_regex "$stderr" 'use ssh://'
    done
    assert_fails 2 "$FSC" ls --server plain:192.0.2.1
    assert_regex "$stderr" 'to use TLS'
    assert_fails 2 "$FSC" config --server keeper@backup1
}

@test "stdio: ssh that cannot connect or finds no fsd exits 10" {
    local server
    use_ssh
    mkdir -p "$LIBRARY"
    for server in "exec:$SSH $WORK/absent --stdio" "exec:$SSH $FSD --stdio --config $CONFIG --library $WORK/absent" \
        "exec:ssh -F $WORK/ssh.conf -i $WORK/host_key -o IdentityFile=none -o PubkeyAuthentication=no host true" \
        "exec:ssh -F $WORK/ssh.conf -o 'ProxyCommand=false' host true" \
        "exec:ssh -F $WORK/ssh.conf -o UserKnownHostsFile=/dev/null host true"; do
        run --separate-stderr timeout 60 "$FSC" --server "$server" ls
        assert_failure 10
        assert_output ''
        assert_regex "$stderr" 'fsc: .+$'
    done
}
