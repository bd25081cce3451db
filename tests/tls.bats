#!/usr/bin/env bats
# bats file_tags=tls
# What fsd accepts over TLS, and what it refuses. What no library would send comes from tests/tls13.py.

load library
load fsc
load tls

REFUSED='^level=warning msg="handshake failed" address=127.0.0.1 client=127.0.0.1 cause='

# by_hand: runs the Python on stdin. `attempt(name, act)` makes a connection, on which act(it) has to lead
# to its end before an answer; `serves(connection)` says whether it can list.
by_hand() {
    talk <<END
from tls13 import *
SEED = b'seed' * 8


def connection():
    return Tls13(socket.create_connection(ADDRESS, LIMIT))


def serves(tls):
    tls.send(DATA, b'LIST absent\n')
    return tls.read_data() == b'EMPTY\n'


def attempt(name, act):
    tls = connection()
    try:
        act(tls)
        check(not serves(tls), f'{name}: it was served')
        sys.exit(f'{name}: there was an answer')
    except (Closed, OSError):
        tls.own.close()


def greet(tls, certificates, seed=SEED, **hello):
    """A handshake with these certificates, and a signature by this key."""
    context = tls.start(**hello)
    tls.send_message(CERTIFICATE, tls.certificate(certificates, context))
    if certificates and seed:
        tls.send_message(CERTIFICATE_VERIFY, tls.verify(seed, 'client'))
    tls.end()


CERTIFICATES = [make_certificate(SEED)]
$(cat)
KeySession().expect('LIST absent', 'EMPTY')
END
}

# The one line of the log about the last handshake that failed.
last_refusal() {
    sed -n 's/.*msg="handshake failed" address=127.0.0.1 client=127.0.0.1 cause="\(.*\)"$/\1/p' "$FSD_LOG" | tail -n 1
}

@test "tls: a client by hand is served" {
    start_tls --anonymous list
    by_hand <<'END'
tls = connection()
greet(tls, CERTIFICATES)
check(serves(tls) and tls.selected == b'\x00\x06\x05fsd/1', tls.selected)
tls.send(DATA, b'QUIT\n')
try:
    tls.read_data()
except Closed as closed:
    check(str(closed) == 'close_notify', closed)
END
}

@test "tls: only TLS 1.3 is spoken" {
    local version
    start_tls --anonymous list
    FSD_EXPECTED=$REFUSED
    by_hand <<'END'
for versions in ((b'\x03\x03',), (b'\x03\x03', b'\x03\x02', b'\x03\x01'), (b'\x03\x05',)):
    attempt(f'{versions}', lambda tls: greet(tls, (), versions=versions))
tls = connection()
greet(tls, (), versions=(b'\x03\x03', b'\x03\x04'))
check(serves(tls), 'with 1.2 beside it')
END
    for version in tls1_2 tls1_1; do
        run openssl s_client -"$version" -cipher ALL:@SECLEVEL=0 -alpn fsd/1 -connect "127.0.0.1:$TLS_PORT" </dev/null
        assert_failure
        assert_output --partial 'no peer certificate available'
    done
    run gnutls-cli --priority NORMAL:-VERS-TLS1.3 --insecure --alpn fsd/1 -p "$TLS_PORT" 127.0.0.1 </dev/null
    assert_failure
    refute_output --partial 'Handshake was completed'
}

@test "tls: a client has to want fsd/1" {
    start_tls --anonymous list
    FSD_EXPECTED=$REFUSED
    by_hand <<'END'
for protocols in ((), (b'h2', b'http/1.1'), (b'fsd/2',), (b'fsd/',), (b'FSD/1',), (b'fsd/1\0',)):
    attempt(f'{protocols}', lambda tls: greet(tls, CERTIFICATES, protocols=protocols))
tls = connection()
greet(tls, CERTIFICATES, protocols=(b'h2', b'fsd/1'))
check(serves(tls), 'among others')
END
    run gnutls-cli --insecure --alpn h2 -p "$TLS_PORT" 127.0.0.1 </dev/null
    assert_failure
    assert_equal "$(last_refusal)" 'speaks TLS, but not for fsd (ALPN fsd/1)'
}

@test "tls: a client has to prove that it has the key of its certificate" {
    start_tls --anonymous list
    FSD_EXPECTED=$REFUSED
    by_hand <<'END'
attempt('another key', lambda tls: greet(tls, CERTIFICATES, b'other' + SEED[5:]))
attempt('no CertificateVerify', lambda tls: greet(tls, CERTIFICATES, None))


def as_server(tls):
    tls.send_message(CERTIFICATE, tls.certificate(CERTIFICATES, tls.start()))
    tls.send_message(CERTIFICATE_VERIFY, tls.verify(SEED, 'server'))
    tls.end()


def of_another_time(tls):
    context = tls.start()
    proof = tls.verify(SEED, 'client')
    tls.send_message(CERTIFICATE, tls.certificate(CERTIFICATES, context))
    tls.send_message(CERTIFICATE_VERIFY, proof)
    tls.end()


def silently(tls):
    tls.start()
    tls.end()


attempt('the signature of a server', as_server)
attempt('a signature of other messages', of_another_time)
attempt('no Certificate', silently)
attempt('a certificate that is none', lambda tls: greet(tls, [b'certificate']))
END
}

# bats test_tags=once
@test "tls: certificates are small" {
    start_tls --anonymous list
    FSD_EXPECTED=$REFUSED
    by_hand <<'END'
def send_long(tls, certificates):
    message = tls.message(CERTIFICATE, tls.certificate(certificates, tls.start()))
    for start in range(0, len(message), 16000):
        tls.send(HANDSHAKE, message[start:start + 16000])
    tls.send_message(CERTIFICATE_VERIFY, tls.verify(SEED, 'client'))
    tls.end()


attempt('100 KiB in many', lambda tls: send_long(tls, CERTIFICATES * 500))
attempt('100 KiB in one', lambda tls: send_long(tls, [make_certificate(SEED, padding=50 * 1024)]))
attempt('16 MiB, as it says', lambda tls: (tls.start(), tls.send(HANDSHAKE, b'\x0b\xff\xff\xff' + bytes(16000))))
for certificates in CERTIFICATES * 20, [make_certificate(SEED, padding=2000)]:
    tls = connection()
    send_long(tls, certificates)
    check(serves(tls), 'less than 16 KiB')
END
}

# make_key NAME ALGORITHM OPTION: an identity with another kind of key.
make_key() {
    openssl req -x509 -newkey "$2" -pkeyopt "$3" -nodes -subj /CN=x -keyout "$1.key" -out "$1.crt" 2>/dev/null
    cat "$1.key" "$1.crt" >"$1.pem"
}

# bats test_tags=once
@test "tls: keys are Ed25519, P-256, or RSA of at least 2048 bits" {
    make_key weak rsa rsa_keygen_bits:1024
    make_key almost rsa rsa_keygen_bits:2047
    make_key strong rsa rsa_keygen_bits:2048
    make_key p256 ec ec_paramgen_curve:P-256
    make_key p384 ec ec_paramgen_curve:P-384
    converse <<'END' >"$CONFIG"
import secure, ssl
for name in 'weak', 'almost', 'strong', 'p256', 'p384':
    with open(name + '.crt', encoding='ascii') as file:
        key = secure.fingerprint(ssl.PEM_cert_to_DER_cert(file.read()))
    print(f'clients = ( {{ name = "{name}"; key = "{key}"; rights = "list"; }} );')
END
    sed -i -e '2,$s/clients = (/,/' -e '1,4s/);$//' "$CONFIG"
    start_tls
    FSD_EXPECTED="$REFUSED|msg=denied"
    talk <<'END'
import secure


def answer(name):
    context = secure.make_context()
    context.set_ciphers('ALL:@SECLEVEL=0')
    context.load_cert_chain(name + '.pem')
    try:
        tls = secure.TlsSocket(socket.create_connection(ADDRESS, LIMIT), context)
        tls.sendall(b'LIST absent\n')
        return tls.recv(100)[:5]
    except (OSError, ssl.SSLError):
        return None


# OpenSSL knows that it may not sign with P-384 here, and comes as anonymous.
for name, expected in dict(weak=None, almost=None, strong=b'EMPTY', p256=b'EMPTY', p384=b'FAIL ').items():
    check(answer(name) == expected, f'{name}: {answer(name)}')
END
}

@test "tls: a key with which verifying takes long is refused before" {
    start_tls --anonymous list
    FSD_EXPECTED=$REFUSED
    by_hand <<'END'
long = make_certificate(SEED, key=make_rsa_key(4096, 4096))
attempt('an RSA key with a long exponent', lambda tls: greet(tls, [long]))
attempt('certificates that are not whole', lambda tls: (
    tls.send_message(CERTIFICATE, tls.certificate([long], tls.start())[:-100]), tls.end()))
END
    assert_equal "$(sed -n 's/.*cause="the key of the other side is \(.*\)"$/\1/p' "$FSD_LOG")" \
        $'an RSA key with an exponent of more than 64 bits\nnot valid'
}

# bats test_tags=once
@test "tls: a certificate may have any dates, and need not be signed" {
    start_tls --anonymous list
    by_hand <<'END'
for dates in ('700101000000Z', '710101000000Z'), ('480101000000Z', '491231235959Z'), ('491231235959Z', '700101000000Z'):
    tls = connection()
    greet(tls, [make_certificate(SEED, *dates)])
    check(serves(tls), dates)
END
    stop_fsd
    # Only the key counts, not what is around it.
    echo 'clients = ( { name = "one"; key = "'"$(make_identity one)"'"; rights = "put"; } );' >"$CONFIG"
    openssl req -x509 -key one.pem -subj /CN=another -days 2 -out one.crt
    sed -i '/BEGIN CERT/,$d' one.pem
    cat one.crt >>one.pem
    start_tls
    talk <<'END'
KeySession('one').expect('PUT a size=0 eager=1\nEND', 'OK')
END
}

@test "tls: a client without a certificate is anonymous" {
    start_tls --anonymous list
    FSD_EXPECTED='msg=denied .*client=anonymous '
    by_hand <<'END'
tls = connection()
tls.connect()
check(serves(tls), 'it is not served')
KeySession().expect('PUT a', 'FAIL denied')
END
}

@test "tls: early data is never read" {
    start_tls --anonymous 'list put'
    by_hand <<'END'
secret = os.urandom(32)
for kind in 'PUT early size=0 eager=1\nEND\n', 'LIST\n':
    tls = connection()
    # early_data, psk_key_exchange_modes, and pre_shared_key with a ticket that nobody has given.
    ticket = vector(2, vector(2, os.urandom(100)) + bytes(4)) + vector(2, vector(1, os.urandom(32)))
    tls.send_message(CLIENT_HELLO, tls.client_hello(secret, more=extension(42, b'') + extension(45, b'\x01\x01') +
                                                    extension(41, ticket)))
    tls.to = Direction(os.urandom(32))
    tls.send(DATA, kind.encode())
    tls.read_server_hello(secret)
    check(42 not in dict(read_extensions(tls.expect_message(ENCRYPTED_EXTENSIONS))), 'early data was accepted')
    context = tls.expect_message(CERTIFICATE_REQUEST)[1:1]
    # That there is a certificate says that the ticket was not used.
    for message in CERTIFICATE, CERTIFICATE_VERIFY, FINISHED:
        tls.expect_message(message)
    tls.data = tls.data_keys()
    tls.send_message(CERTIFICATE, tls.certificate((), context))
    tls.end()
    check(serves(tls), 'it is not served later')
END
    assert_empty_library
}

@test "tls: there are no tickets, and nothing is resumed" {
    start_tls --anonymous list
    by_hand <<'END'
tls = connection()
greet(tls, CERTIFICATES)
tls.send(DATA, b'LIST absent\n')
# No message of the handshake, in particular no NewSessionTicket, comes before the answer or after it.
check(tls.read_record() == (DATA, b'EMPTY\n'), 'something before the answer')
tls.send(DATA, b'QUIT\n')
try:
    sys.exit(f'{tls.read_record()} after the answer')
except Closed as closed:
    check(str(closed) == 'close_notify', closed)
END
    printf 'LIST absent\nQUIT\n' |
        openssl s_client -quiet -alpn fsd/1 -sess_out session -connect "127.0.0.1:$TLS_PORT" 2>/dev/null >answer
    assert_equal "$(cat answer)" EMPTY
    assert [ ! -s session ]
}

@test "tls: after the handshake nothing but data may come" {
    start_tls --anonymous list
    FSD_EXPECTED=$REFUSED
    by_hand <<'END'
def after(act):
    def connect(tls):
        greet(tls, CERTIFICATES)
        act(tls)
    return connect


def update_keys(tls, asks, times):
    for _ in range(times):
        tls.send(HANDSHAKE, bytes([KEY_UPDATE]) + vector(3, asks))
        tls.to = tls.to.next()


attempt('renegotiation', after(lambda tls: tls.send_message(CLIENT_HELLO, tls.client_hello(SEED))))
attempt('a ticket', after(lambda tls: tls.send_message(NEW_SESSION_TICKET, bytes(8) + vector(1, b'1') +
                                                       vector(2, SEED) + vector(2, b''))))
attempt('another certificate', after(lambda tls: tls.send_message(CERTIFICATE, tls.certificate(CERTIFICATES))))
attempt('many key updates', after(lambda tls: update_keys(tls, b'\0', 1000)))
attempt('many key updates that ask for one', after(lambda tls: update_keys(tls, b'\1', 1000)))
attempt('many empty records', after(lambda tls: tls.send_raw(b''.join(tls.make_record(DATA, b'')
                                                                       for _ in range(1000)))))
attempt('a record with a wrong tag', after(lambda tls: tls.send_raw(b'\x17\x03\x03\x00\x20' + bytes(32))))
attempt('a record that is too long', after(lambda tls: tls.send_raw(b'\x17\x03\x03\xff\xff' + bytes(65535))))
attempt('no TLS any more', after(lambda tls: tls.send_raw(b'LIST absent\n' * 10)))
attempt('a request before Finished', lambda tls: (tls.start(), setattr(tls, 'to', tls.data[0])))
tls = connection()
greet(tls, CERTIFICATES)
update_keys(tls, b'\0', 1)
tls.send_raw(b''.join(tls.make_record(DATA, b'') for _ in range(5)))
check(serves(tls), 'one key update, and a few empty records')
END
}

@test "tls: garbage, and halves of handshakes, end in time" {
    echo 'limits = { handshake = "1s"; };' >"$CONFIG"
    start_tls --anonymous list
    FSD_EXPECTED=$REFUSED
    by_hand <<'END'
import random
garbage = random.Random(1)
hello = Tls13(socket.socket()).client_hello(SEED)
record = b'\x16\x03\x01' + vector(2, b'\x01' + vector(3, hello))
parts = [garbage.randbytes(length) for length in (1, 5, 100, 5000)]
parts += [b'\x16\x03\x01' + vector(2, garbage.randbytes(length)) for length in (0, 4, 500, 16384)]
parts += [b'GET / HTTP/1.1\r\n\r\n', b'SSH-2.0-OpenSSH_9.9\r\n', b'LIST\n', record[:1], record[:100], record[:-1]]


def try_one(number):
    connected = Session(ADDRESS)
    connected.send_if_open(parts[number])
    try:
        connected.stream.read()
    except ConnectionResetError:
        pass


begun = time.monotonic()
at_once(len(parts), try_one)
check(time.monotonic() - begun < 2 * LIMIT, 'not in time')
END
    assert_equal "$(grep -c 'msg="handshake failed"' "$FSD_LOG")" 10
}

# tls_client ARGUMENT...: the client of a page of Python, with the daemon's key pinned.
tls_client() {
    quiet "$TESTS/tls_client" 127.0.0.1 "$TLS_PORT" "${pin:-$(quiet "$FSD" --library "$LIBRARY" --identity "$IDENTITY" --print-identity)}" \
        client.pem "$@"
}

# bats test_tags=once
@test "tls_client: a page of Python lists, stores and fetches" {
    local size
    echo 'clients = ( { name = "web1"; key = "'"$(make_identity client)"'"; rights = "list get put"; } );' >"$CONFIG"
    start_tls
    for size in 0 1 65536 5000000; do
        head -c "$size" /dev/urandom >sent
        tls_client put "sizes/$size" <sent
        tls_client get "sizes/$size" >got
        cmp sent got
        cmp sent "$LIBRARY/sizes/$size"
    done
    run tls_client list
    assert_success
    assert_equal "$(sort <<<"$output")" $'sizes/0\nsizes/1\nsizes/5000000\nsizes/65536'
    tls_client quit
    grep -q 'msg=stored .*client=key:web1 name=sizes/1 ' "$FSD_LOG"
    # A server with another key hears nothing.
    pin=SHA256:$(printf '%043d' 0)
    run "$TESTS/tls_client" 127.0.0.1 "$TLS_PORT" "$pin" client.pem put other </dev/null
    assert_failure 1
    assert_output 'the server has another key'
    assert [ ! -e "$LIBRARY/other" ]
}

# bats test_tags=once
@test "tls: gnutls-cli and openssl s_client speak the protocol by hand" {
    echo 'clients = ( { name = "web1"; key = "'"$(make_identity client)"'"; rights = "list get put"; } );' >"$CONFIG"
    start_tls
    printf 'PUT %s size=6 eager=1\n6\nhello\n\nEND\nLIST %s\nQUIT\n' openssl openssl >put
    openssl s_client -quiet -alpn fsd/1 -cert client.pem -key client.pem -connect "127.0.0.1:$TLS_PORT" \
        <put >answers 2>/dev/null
    assert_equal "$(sed 1d answers)" $'OK\n8\nopenssl\n\nEND'
    assert_regex "$(head -n 1 answers)" '^OK size=6 digest=sha256:5891b5b5'
    printf 'LIST\nPUT gnutls size=6 eager=1\n6\nhello\n\nEND\nQUIT\n' >put
    gnutls-cli --insecure --alpn fsd/1 --x509certfile client.pem --x509keyfile client.pem \
        -p "$TLS_PORT" 127.0.0.1 <put >answers 2>&1
    grep -q -x 'openssl' answers
    grep -q '^OK size=6 digest=sha256:5891b5b5' answers
    assert_equal "$(cat "$LIBRARY/openssl" "$LIBRARY/gnutls")" $'hello\nhello'
}

# bats test_tags=once
@test "tls: the system's settings of GnuTLS and OpenSSL change nothing" {
    skip_when_sanitized 'what loads GnuTLS late'
    FSD_EXPECTED=$REFUSED
    export GNUTLS_SYSTEM_PRIORITY_FILE=$WORK/gnutls SSLKEYLOGFILE=$WORK/secrets OPENSSL_CONF=$WORK/openssl.cnf
    export GNUTLS_SYSTEM_PRIORITY_FAIL_ON_INVALID=1 GNUTLS_FORCE_FIPS_MODE=1 GNUTLS_DEBUG_LEVEL=9
    export "GNUTLS_$(printf '%0100d' 0)=1"
    printf '[overrides]\ndisabled-version = TLS1.3\ntls-disabled-group = GROUP-X25519\ninsecure-sig = EdDSA-Ed25519\n' >gnutls
    printf 'openssl_conf = x\n[x]\nssl_conf = y\n[y]\nsystem_default = z\n[z]\nMaxProtocol = TLSv1.2\n' >openssl.cnf
    start_tls --anonymous 'list put'
    # Others obey them.
    run gnutls-cli --insecure --alpn fsd/1 -p "$TLS_PORT" 127.0.0.1 </dev/null
    assert_failure
    assert_output --partial 'cfg: disabling version TLS1.3'
    env -u GNUTLS_SYSTEM_PRIORITY_FILE -u SSLKEYLOGFILE -u OPENSSL_CONF -u GNUTLS_FORCE_FIPS_MODE -u GNUTLS_DEBUG_LEVEL \
        python3 - <<END
import secure, socket
tls = secure.TlsSocket(socket.create_connection(('127.0.0.1', $TLS_PORT), 30), secure.make_context())
tls.sendall(b'PUT a size=0 eager=1\nEND\nQUIT\n')
assert tls.recv(8) == b'OK size=', 'refused'
assert not tls.recv(8).startswith(b'FAIL')
tls.close()
END
    assert [ ! -e secrets ]
    assert_equal "$(cat "$LIBRARY/a")" ''
}

@test "tls: no library for it is touched when nobody wants it" {
    skip_when_sanitized 'what loads GnuTLS late'
    local program
    for program in "$FSD" "$FSC"; do
        run ldd "$program"
        refute_output --partial gnutls
        refute_output --partial tls.so
    done
    skip_when_sanitized strace
    strace -o trial true 2>/dev/null || skip 'strace may not trace here'
    echo hello >file
    FSD_WRAPPER=(strace -D -f -o calls.fsd -e 'trace=open,openat,execve')
    start_fsd
    quiet strace -f -o calls.fsc -e trace=open,openat,execve "$FSC" put file
    quiet strace -f -o calls.fsc.2 -e trace=open,openat,execve "$FSC" get file --output got
    stop_fsd
    run grep -e gnutls -e tls.so -e identity calls.*
    assert_output ''
    # It would be seen.
    FSD_WRAPPER=()
    start_tls
    FSD_EXPECTED=$REFUSED
    run strace -f -o calls.fsc.3 -e trace=open,openat,execve "$FSC" --server "127.0.0.1:$TLS_PORT" ls
    assert_failure 13
    grep -q gnutls calls.fsc.3
}

# bats test_tags=once
@test "tls: the settings of GnuTLS in /etc change nothing" {
    skip_when_sanitized 'what loads GnuTLS late'
    local unshare=(unshare -rm)
    [ "$(id -u)" -ne 0 ] || unshare=(unshare -m)
    "${unshare[@]}" true 2>/dev/null || skip 'no namespace of mounts can be made here'
    mkdir -p etc/gnutls
    cp /etc/passwd /etc/group /etc/ld.so.cache etc
    printf '[overrides]\ndisabled-version = TLS1.3\ntls-disabled-group = GROUP-X25519\ninsecure-sig = EdDSA-Ed25519\n' >etc/gnutls/config
    # shellcheck disable=SC2016
    echo 'mount --bind "$WORK/etc" /etc && exec "$@"' >mount
    export WORK XDG_CONFIG_HOME XDG_STATE_HOME
    FSD_WRAPPER=("${unshare[@]}" bash "$WORK/mount")
    FSD_EXPECTED=$REFUSED
    start_tls --anonymous list
    # Others obey them.
    run "${FSD_WRAPPER[@]}" gnutls-cli --insecure --alpn fsd/1 -p "$TLS_PORT" 127.0.0.1 </dev/null
    assert_failure
    quiet "${FSD_WRAPPER[@]}" "$FSC" trust "127.0.0.1:$TLS_PORT" \
        "$(quiet "$FSD" --library "$LIBRARY" --identity "$IDENTITY" --print-identity)"
    quiet "${FSD_WRAPPER[@]}" "$FSC" ls --server "127.0.0.1:$TLS_PORT"
}
