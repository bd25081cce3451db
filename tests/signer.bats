#!/usr/bin/env bats
# bats file_tags=tls
# The key of the daemon, and the process that has it.

load library
load tls

@test "identity: it is made on first need, for its owner alone, and stays the same" {
    mkdir "$LIBRARY"
    run quiet "$FSD" --library "$LIBRARY" --identity "$IDENTITY" --print-identity
    assert_success
    assert_output --regexp '^SHA256:[A-Za-z0-9+/]{43}$'
    local fingerprint=$output
    assert_equal "$(stat -c '%a %u' identity identity/identity.pem)" "700 $(id -u)
600 $(id -u)"
    quiet "$FSD" --library "$LIBRARY" --listen 127.0.0.1:0 --identity "$IDENTITY" --check
    start_tls --anonymous list
    talk <<'END'
KeySession().expect('LIST absent', 'EMPTY')
END
    run quiet "$FSD" --library "$LIBRARY" --identity "$IDENTITY" --print-identity
    assert_output "$fingerprint"
    stop_fsd
    # So does a daemon that is the first to need it, but not fsd --check.
    rm -r identity
    quiet "$FSD" --library "$LIBRARY" --listen 127.0.0.1:0 --identity "$IDENTITY" --check
    assert [ ! -e identity ]
    start_tls --anonymous list
    assert_equal "$(stat -c '%a %u' identity identity/identity.pem)" "700 $(id -u)
600 $(id -u)"
    stop_fsd
    # A daemon that has no address for it needs none.
    rm -r identity
    start_fsd --identity "$IDENTITY"
    assert [ ! -e identity ]
}

@test "identity: when root is the first to ask, the key is for the user of the daemon" {
    skip_unless_root 'to be another user'
    use_other_user
    install -d -m 0700 -o 65534 -g 65534 identity
    run quiet "$FSD" --library "$LIBRARY" --identity "$IDENTITY" --print-identity
    assert_success
    local fingerprint=$output
    assert_equal "$(stat -c '%a %u %g' identity/identity.pem)" '600 65534 65534'
    run quiet "$FSD" --library "$LIBRARY" --identity "$IDENTITY" --print-identity
    assert_output "$fingerprint"
    start_tls --anonymous list
    run as_other "$FSD" --library "$LIBRARY" --identity "$IDENTITY" --print-identity
    assert_output "$fingerprint"
    # A daemon of root's does not use a key that another user has.
    refuses 1 "^fsd: $IDENTITY: the private key belongs to another user \(use chown\)\$" --library "$WORK" \
        --identity "$IDENTITY" --listen 127.0.0.1:0 --foreground
    # Without the folder, it is for the owner of the library, and so is each folder on its way.
    quiet "$FSD" --library "$LIBRARY" --identity "$PWD/a/b/c" --print-identity
    assert_equal "$(stat -c '%a %u %g' a a/b a/b/c)" '700 65534 65534
700 65534 65534
600 65534 65534'
    rm -r identity
    quiet "$FSD" --library "$LIBRARY" --identity "$IDENTITY" --print-identity
    assert_equal "$(stat -c '%a %u %g' identity identity/identity.pem)" '700 65534 65534
600 65534 65534'
}

# cannot_start PATTERN: fsd says so about the identity, also with --check.
cannot_start() {
    local action
    for action in --foreground --check --print-identity; do
        refuses 1 "^fsd: $IDENTITY: $1\$" --config "$CONFIG" --library "$LIBRARY" \
            --identity "$IDENTITY" --listen 127.0.0.1:0 "$action" 2>&1
    done
}

@test "identity: one that cannot be used keeps the daemon from starting" {
    mkdir "$LIBRARY" identity
    FSD_MODEL=()
    # Lines of the log that come before are those of addresses.
    echo 'log = { level = "critical"; };' >"$CONFIG"
    echo nonsense >identity/identity.pem
    chmod 0600 identity/identity.pem
    cannot_start 'there is no valid private key in it'
    openssl genpkey -quiet -algorithm ed25519 >identity/identity.pem
    chmod 0640 identity/identity.pem
    cannot_start 'others may read the private key \(use chmod 600\)'
    chmod 0600 identity/identity.pem
    openssl genpkey -quiet -algorithm rsa -pkeyopt rsa_keygen_bits:1024 >identity/identity.pem
    cannot_start 'its key is not usable: an RSA key of less than 2048 bits'
    rm identity/identity.pem
    mkdir identity/identity.pem
    cannot_start 'not a regular file'
    rmdir identity/identity.pem identity
    echo >identity
    cannot_start 'Not a directory'
}

@test "signer: with a key other than Ed25519 it says what that gives up" {
    mkdir identity
    openssl genpkey -quiet -algorithm ec -pkeyopt ec_paramgen_curve:P-256 >identity/identity.pem
    chmod 0600 identity/identity.pem
    FSD_EXPECTED='^level=warning msg="the signer cannot check what it signs" identity=[^ ]* cause="the key is not an Ed25519 key"$'
    start_tls --anonymous list
    assert_equal "$(grep -c 'the signer cannot check' "$FSD_LOG")" 1
    talk <<'END'
KeySession().expect('LIST absent', 'EMPTY')
END
}

@test "signer: it ends with the daemon, also with one that is killed" {
    skip_when_sanitized seccomp
    start_tls --anonymous list
    talk <<'END'
one = signer()
# Who ends all processes of a service at once must not cut the handshakes short.
os.kill(one, signal.SIGTERM)
KeySession().expect('LIST absent', 'EMPTY')
stop_daemon()
wait_until(lambda: has_ended(one), 'its end')
END
    await_fsd
    FSD_EXPECTED='.'
    start_tls --anonymous list
    talk <<'END'
one = signer()
os.kill(daemon(), signal.SIGKILL)
wait_until(lambda: has_ended(one), 'its end')
END
    wait "$FSD_PID" || true
    unset "FSD_PIDS[-1]" "FSD_LOGS[-1]"
}

@test "signer: neither the parent nor a session has the private key in its memory" {
    skip_unless_root 'to read the memory of processes'
    skip_when_sanitized seccomp
    start_tls --anonymous list
    talk <<'END'
import base64
with open(os.environ['IDENTITY'], encoding='ascii') as file:
    lines = file.read().split('-----END PRIVATE KEY')[0].splitlines()[1:]
der = base64.b64decode(''.join(lines))
# The seed is the end of it (RFC 8410, 7); of its base64, what no other key has.
forms = {'bytes': der[-32:], 'base64': lines[0].encode()[-43:]}
check(len(der) == 48 and len(lines) == 1, lines)


def found(pid):
    """Which forms of the key are in the memory of a process?"""
    names = set()
    with open(f'/proc/{pid}/maps', encoding='utf-8') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as memory:
        for line in maps:
            start, end = (int(part, 16) for part in line.split()[0].split('-'))
            if 'r' not in line.split()[1] or line.rstrip().endswith(('[vvar]', '[vsyscall]', '[vvar_vclock]')):
                continue
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except OSError:  # the pages of a file behind its end
                continue
            names |= {name for name, form in forms.items() if form in content}
    return names


check('bytes' in found(signer()), 'the search finds nothing in the signer')
sessions = [KeySession() for _ in range(3)]
for session in sessions:
    session.expect('LIST absent', 'EMPTY')
others = (children() - {signer()}) | {daemon()}
check(len(others) > 1, others)
for pid in others:
    check(not found(pid), f'{pid} has {found(pid)}')
for session in sessions:
    session.close()
session = Session()
wait_until(lambda: session.status()['sessions'] == '1' and no_zombies(), 'the ends of the sessions')
await_quiet(4 if os.environ['FSD_CONCURRENCY'] == 'process' else 2)
for pid in (children() - {signer()}) | {daemon()}:
    check(not found(pid), f'{pid} has {found(pid)} after sessions')
check(set(descriptors(signer()).values()) - {'/dev/null'} == {'anon_inode:[eventpoll]'} | {
    name for name in descriptors(signer()).values() if name.startswith('socket:')}, descriptors(signer()))
END
}
@test "signer: when it is killed, another one signs, and no connection is lost" {
    skip_when_sanitized seccomp
    FSD_EXPECTED='^level=error msg="a process crashed" cause=Killed$'
    start_tls --anonymous list
    talk <<'END'
first = KeySession()
first.expect('LIST absent', 'EMPTY')
for turn in range(2):
    hang_up()
    old = signer()
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: has_ended(old), 'its end')
    # In the pause before another one starts, too.
    KeySession().expect('LIST absent', 'EMPTY')
    check(signer() != old, 'the same signer')
first.expect('LIST absent', 'EMPTY')
check(len(log_lines('msg="the signer was started again"')) == 2, 'the log')
END
}

@test "signer: another key than the first one is not used, until there is a restart" {
    skip_when_sanitized seccomp
    FSD_EXPECTED='^level=error msg="a process crashed" cause=Killed$|^level=error msg="cannot start the signer" identity=[^ ]* cause="it has another key now \(restart fsd to use it\)"$'
    start_tls --anonymous list
    mv identity identity.1
    talk <<'END'
os.kill(signer(), signal.SIGKILL)
wait_until(lambda: log_lines('msg="cannot start the signer"'), 'the log')
END
    rm -r identity
    mv identity.1 identity
    talk <<'END'
KeySession().expect('LIST absent', 'EMPTY')
check(len(log_lines('msg="cannot start the signer"')) == 1, 'each attempt is logged')
END
}

