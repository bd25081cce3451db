#!/usr/bin/env bats
# What a shell may expect of fsc, however it is started. The tables have each command.
# bats file_tags=once

load library
load fsc

# These print something; what is put and fetched is there already, or new.
PRINTING=(
    'config'
    'get large --output -'
    'get taken --into here --json'
    'help'
    'help exit-codes'
    'help put'
    'identity --identity id.pem'
    'ls'
    'ls -R -U'
    'put one --json'
    'rm --match * --dry-run'
    'stat taken'
    'status'
    'trust --list'
    'watch --existing --count 1'
    '--version'
)
# These print nothing.
SILENT=(
    'get taken large --into here'
    'get taken --to-command -- cmp - one'
    'ls --match nothing'
    'put --name new --from-command -- cat one'
    'put one many --folder new'
    'put -R here --folder new'
    'rm taken --missing-ok'
)

# start: a daemon, files here and a pin.
start() {
    echo one >one
    seq 100000 | tee large >many
    make_scene
    start_fsd
    mkdir -p "$XDG_CONFIG_HOME/fsc"
    printf '127.0.0.1:1 SHA256:Jj4vqXvMLDhyUXhDNtt8ZfQ0CUYNvRQwL6KyH1WqLZ4\n' >"$XDG_CONFIG_HOME/fsc/known_servers"
}

# make_scene: what each command finds, here and in the library.
make_scene() {
    rm -rf here "${LIBRARY:?}"/[!.]*
    mkdir -p here "$LIBRARY"
    echo own >here/own
    cp one "$LIBRARY/taken"
    cp large "$LIBRARY/large"
}

# each FUNCTION COMMAND...: calls it for each of these, which are in $command and, as words, in line[].
each() {
    local command line
    for command in "${@:2}"; do
        make_scene
        read -r -a line <<<"$command"
        line=("$FSC" --server "$SOCKET" "${line[@]}")
        "$1" || fail "fsc $command: exits with $status, prints \"${output:0:200}\", says \"$stderr\""
    done
}

# through REDIRECTIONS: runs the command of `each` with them.
through() {
    run --separate-stderr bash -c '"$@"'" $1" - "${line[@]}"
}

# says CODE COUNT: the command exited so, with so many lines on standard error, and printed nothing.
says() {
    [ "$status $output" = "$1 " ] && [ "${#stderr_lines[@]}" -eq "$2" ] && [[ $2 -eq 0 || $stderr == 'fsc: '* ]]
}

@test "manners: the tables have each command" {
    assert_equal "$(printf '%s\n' "${PRINTING[@]}" "${SILENT[@]}" | grep -o -E '^[a-z]+' | sort -u)" \
        "$("$FSC" | sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p' | sort)"
}

@test "manners: no environment, terminal or standard input, as under cron" {
    bare() {
        run --separate-stderr env -i setsid -w bash -c '"$@" <&-' - "${line[@]}"
        [ "$status $stderr" = '0 ' ] && [[ -n $output || $command == trust* || " ${SILENT[*]} " == *" $command "* ]]
    }
    start
    each bare "${PRINTING[@]}" "${SILENT[@]}"
    # Names of all kinds, without a LANG.
    assert_silent env -i -C / "$FSC" put "$WORK/one" --name grün --server "$SOCKET"
    run quiet env -i LC_ALL=C "$FSC" ls --server "$SOCKET" --match 'g*'
    assert_output grün
}

# A file or a socket that is opened must not become a standard descriptor by accident.
@test "manners: closed standard input, output and error" {
    silent() {
        through "$closed"
        says 0 0
    }
    refused() {
        through "$closed"
        if [[ $closed == *'2>'* ]]; then says 9 0; else says 9 1; fi
    }
    printing() {
        through "$closed"
        [ "$status $stderr" = '0 ' ] && [ -n "$output" ]
    }
    local closed
    start
    closed='<&- 2>&-'
    each printing "${PRINTING[@]}"
    for closed in '<&- >&-' '<&- >&- 2>&-'; do
        each refused "${PRINTING[@]}"
    done
    each silent "${SILENT[@]}"
    make_scene
    for closed in '<&-' '<&- >&-' '<&- >&- 2>&-'; do
        run --separate-stderr bash -c "\"\$1\" put - --name stream $closed" - "$FSC"
        assert_equal "$closed: $status" "$closed: 9"
        run --separate-stderr bash -c "\"\$1\" get nothing $closed" - "$FSC"
        assert_equal "$closed: $status" "$closed: 4"
        run --separate-stderr bash -c "\"\$1\" get large --output here/large $closed" - "$FSC"
        assert_equal "$closed: $status" "$closed: 0"
        cmp large here/large
        run --separate-stderr bash -c "\"\$1\" put many $closed" - "$FSC"
        assert_equal "$closed: $status" "$closed: 0"
        cmp many "$LIBRARY/many"
        rm -f here/large "$LIBRARY/many"
    done
    assert_no_stages
}

@test "manners: a full disk at standard output is exit code 9, and one line" {
    full() {
        through '>/dev/full'
        says 9 1
    }
    # Messages that cannot be written change nothing.
    full_errors() {
        through '2>/dev/full'
        says 4 0
    }
    start
    each full "${PRINTING[@]}" '' 'ls --help'
    each full_errors 'ls absent' 'get absent' 'rm absent' 'stat absent'
}

# SIGPIPE, unless it is ignored, as systemd and some shells do: then EPIPE.
@test "manners: a reader that is gone ends it by SIGPIPE, or with 9, and without a message" {
    start
    make_scene
    printf '%s\n' "${PRINTING[@]}" >commands
    converse <<'END'
import signal
import subprocess
reading, writing = os.pipe()
os.close(reading)
with open('commands', encoding='ascii') as commands:
    for command in commands.read().splitlines():
        for action, expected in ((signal.SIG_DFL, -signal.SIGPIPE), (signal.SIG_IGN, 9)):
            fsc = subprocess.run([os.environ['FSC'], '--server', SOCKET, *command.split()], stdout=writing, timeout=60,
                                 stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGPIPE, action),
                                 restore_signals=False)
            check((fsc.returncode, fsc.stderr) == (expected, b''), (command, action, fsc.returncode, fsc.stderr))
END
}

# So do those of its commands.
@test "manners: signals that were ignored at the start stay ignored" {
    start
    converse <<'END'
import signal
import subprocess
NUMBERS = signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1
# Each command notes its state in the file "child", and waits for the end of the input of fsc.
CHILD = 'cat /proc/self/status >new; mv new child; '
COMMANDS = (['ls', '--missing-ok', '--files-from', '-', '--server', 'exec:' + CHILD + 'read -r line; echo EMPTY; cat >unused'],
            ['put', '--name', 'made', '--from-command', '--', 'bash', '-c', CHILD + 'cat; echo more'])


def ignores_all(path):
    with open(path, encoding='ascii') as status:
        mask = int(status.read().split('SigIgn:')[1].split()[0], 16)
    return all(mask >> (number - 1) & 1 for number in NUMBERS)


def ignore():
    for number in NUMBERS:
        signal.signal(number, signal.SIG_IGN)


for command in COMMANDS:
    fsc = subprocess.Popen([os.environ['FSC'], *command], stdin=subprocess.PIPE, preexec_fn=ignore, restore_signals=False)
    fsc.stdin.write(b'a\n')
    fsc.stdin.flush()
    wait_until(lambda: os.path.exists('child'), 'the command has not begun')
    check(ignores_all(f'/proc/{fsc.pid}/status') and ignores_all('child'), command)
    os.unlink('child')
    for number in NUMBERS:
        fsc.send_signal(number)
    fsc.stdin.close()
    check(fsc.wait(LIMIT) == 0, (command, fsc.returncode))
END
}

# What is typed ahead is for the shell, also where standard input is the terminal.
@test "manners: no command reads the terminal" {
    start
    make_scene
    printf '%s\n' "${PRINTING[@]}" "${SILENT[@]}" 'put one' 'get nothing' 'nonsense' \
        'put --name made --from-command -- cat' >commands
    converse <<'END'
import pty
SCRIPT = 'stty -echo; echo ready; read -r first; "$@"; read -r second; echo "left: $first $second"'
with open('commands', encoding='ascii') as commands:
    for command in commands.read().splitlines():
        pid, terminal = pty.fork()
        if pid == 0:
            os.execlp('bash', 'bash', '-c', SCRIPT, 'bash', os.environ['FSC'], '--server', SOCKET, *command.split())
        shown = b''
        while b'left: ' not in shown or not shown.endswith(b'\n'):
            shown += os.read(terminal, 65536)
            if shown == b'ready\r\n':
                os.write(terminal, b'one\ntwo\n')
        check(b'left: one two\r\n' in shown, (command, shown[-200:]))
        os.waitpid(pid, 0)
        os.close(terminal)
END
}

@test "manners: Ctrl-C leaves no temporary file, and ends the shell's script, too" {
    mkdir here
    cat >script <<'SCRIPT'
> GET a
< OK size=100 mtime=1
< 5\nhello
>.
SCRIPT
    cat >at_terminal <<'END'
import pty, subprocess
from session import *
pid, terminal = pty.fork()
if pid == 0:
    os.execlp('bash', 'bash', '-c', '"$FSC" get a --output here/a; echo "the script continues"; "$FSC" ls')
wait_until(lambda: subprocess.run(['bash', '-c', 'is_fetching here -s']).returncode == 0, 'nothing came')
os.write(terminal, b'\x03')
check(os.WTERMSIG(os.waitpid(pid, 0)[1]) == 2, 'bash did not die of SIGINT')
check(os.read(terminal, 100) == b'^C', 'something is said')
check(not os.listdir('here'), os.listdir('here'))
END
    assert_silent "$TESTS/fake_server" "$SOCKET" script python3 at_terminal
}

@test "manners: the umask sets the modes of what is fetched, and keys are closed" {
    local mask
    start
    for mask in 000 002 022 027 077; do
        rm -rf here key
        mkdir here
        (umask "$mask" && "$FSC" get taken large --into here)
        mkdir here/folder
        quiet "$FSC" put large --name tree/below/large
        (umask "$mask" && "$FSC" get -R tree --into here/folder)
        assert_equal "$mask $(stat -c %a here/taken here/large | uniq)" "$mask $(printf %o $((0666 & ~0$mask)))"
        assert_equal "$mask $(stat -c %a here/folder/tree here/folder/tree/below | uniq)" "$mask $(printf %o $((0777 & ~0$mask)))"
        (umask "$mask" && "$FSC" --identity "$WORK/key/a.pem" identity >/dev/null)
        assert_equal "$mask $(stat -c %a key/a.pem)" "$mask 600"
    done
}

@test "manners: long options are not abbreviated" {
    local command option options short seen=' '
    for command in $("$FSC" | sed -n 's/^  \([a-z][a-z]*\)  *[a-z].*/\1/p'); do
        options=$("$FSC" help "$command" | grep -o -E -e '--[a-z0-9-]+' | sort -u)
        for option in $options; do
            # Most options are the same everywhere.
            [[ $seen != *" $option "* ]] || continue
            seen+="$option "
            short=${option%?}
            ! grep -q -x -e "$short" <<<"$options" || continue
            assert_fails 2 "$FSC" "$command" "$short"
            assert_regex "$stderr" "^fsc: $command: unknown option ${short}[ ;]"
        done
    done
}

@test "manners: -- ends the options of each command" {
    local command
    start
    cp one -- -l
    cp one "$LIBRARY/-l"
    mkdir "$LIBRARY/--json"
    cp one "$LIBRARY/--json/--help"
    for command in 'ls -- -l' 'get --output - -- -l' 'put --json -- -l' 'stat -- -l' 'rm --missing-ok -- --version' \
        'watch --existing --count 1 -- --json' 'ls -- --json' '-- ls -l' 'ls -l -- -l'; do
        # shellcheck disable=SC2086
        run --separate-stderr "$FSC" $command
        assert_equal "$command: $status $stderr" "$command: 0 "
    done
    assert_fails 4 "$FSC" get -- --
    assert_fails 2 "$FSC" help -- --help
    # It is the value of an option, too.
    assert_fails 5 "$FSC" ls --fail-empty --match -- -l
}
