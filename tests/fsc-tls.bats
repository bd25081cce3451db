#!/usr/bin/env bats
# bats file_tags=once
# fsc, and servers whose key it knows, but which break the rules of TLS (tests/tls13.py).

load library
load fsc

# servers: runs the Python on stdin, which calls against(CODE, TEXT, act, ARGUMENT...) for each case: fsc has
# to exit with CODE, or one of them, and to say one line with TEXT, when act(tls) is done with its connection. fsc stores the
# file "file", or does what the arguments say. No server gets a request that it should not.
servers() {
    export XDG_CONFIG_HOME XDG_STATE_HOME
    echo hello >file
    converse <<END
import secure, ssl, subprocess
from tls13 import *

SEED = b'seed' * 8
CERTIFICATES = [make_certificate(SEED)]
PIN = secure.fingerprint(CERTIFICATES[0])
os.makedirs(os.environ['XDG_CONFIG_HOME'] + '/fsc', exist_ok=True)


def against(code, text, act, *arguments):
    with socket.create_server(('127.0.0.1', 0)) as server:
        address = '127.0.0.1:%d' % server.getsockname()[1]
        with open(os.environ['XDG_CONFIG_HOME'] + '/fsc/known_servers', 'w', encoding='ascii') as file:
            file.write(f'{address} {PIN}\n')
        command = ['$FSC', *(arguments or ('put', 'file')), '--server', address]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        ended = os.pidfd_open(process.pid)
        # An upload whose connection is lost is tried twice.
        while server in select.select([server, ended], [], [])[0]:
            with contextlib.closing(server.accept()[0]) as own:
                own.settimeout(LIMIT)
                try:
                    act(Tls13(own))
                except (Closed, OSError):
                    pass
        os.close(ended)
        output, errors = process.communicate()
        check(process.returncode in ((code,) if isinstance(code, int) else code), f'{command}: exit code {process.returncode}, {errors}')
        check(code == 0 or errors.startswith(b'fsc: ') and errors.count(b'\n') == 1 and text in errors.decode(),
              f'{command}: {errors}')
        return output


def greet(tls, certificates=None, seed=SEED, protocol=b'fsd/1'):
    tls.accept(CERTIFICATES if certificates is None else certificates, seed, protocol)
    tls.finish_accept()


def refuses(act):
    """Does it, and fails if a request comes then."""
    def run(tls):
        act(tls)
        sys.exit(f'fsc sent {tls.read_data()}')
    return run


$(cat)
check(sorted(os.listdir('.')) == before, f'it left something: {os.listdir(".")}')
END
}

@test "fsc: a server has to prove that it has its key" {
    servers <<'END'
before = sorted(os.listdir('.'))
against(10, 'signature', refuses(lambda tls: greet(tls, seed=b'other' + SEED[5:])))
against(10, 'handshake failed', refuses(lambda tls: greet(tls, seed=None)))
against(10, 'handshake failed', refuses(lambda tls: greet(tls, certificates=[])))


def without_certificate(tls):
    tls.accept(None, None)
    tls.finish_accept()


def as_client(tls):
    sign_as_server = tls.verify
    tls.verify = lambda seed, _: sign_as_server(seed, 'client')
    greet(tls)


against(10, 'handshake failed', refuses(without_certificate))
against(10, 'signature', refuses(as_client))
# Another key, with its own signature, or ours behind it.
other = b'other' + SEED[5:]
against(13, 'SHA256:', refuses(lambda tls: greet(tls, [make_certificate(other)], other)))
against(13, 'SHA256:', refuses(lambda tls: greet(tls, [make_certificate(other)] + CERTIFICATES, other)))
# With this one, it would take fsc half a minute to verify the signature.
long = make_certificate(SEED, key=make_rsa_key(4096, 4096))
against(1, 'an RSA key with an exponent of more than 64 bits', refuses(lambda tls: greet(tls, [long])))
END
}

@test "fsc: a server has to speak fsd/1 over TLS 1.3" {
    openssl req -x509 -newkey ed25519 -nodes -subj /CN=x -keyout key -out crt 2>/dev/null
    cat key crt >server.pem
    servers <<'END'
before = sorted(os.listdir('.'))
for protocol in None, b'h2', b'fsd/2', b'fsd/1x':
    against(1, 'not for fsd', refuses(lambda tls: greet(tls, protocol=protocol)))


def with_openssl(**how):
    def run(tls):
        secure.TlsSocket(tls.own, secure.make_context('server.pem', True, **how), True)
        sys.exit('it has shaken hands')
    return run


def quietly(act):
    def run(tls):
        try:
            act(tls)
        except ssl.SSLError:
            pass
    return run


against(10, 'refuses the handshake', quietly(with_openssl(version=ssl.TLSVersion.TLSv1_2)))
for text, spoken in ((b'HTTP/1.1 400 Bad Request\r\n\r\n', 'HTTP'), (b'SSH-2.0-OpenSSH_9.9\r\n', 'SSH'),
                     (b'FAIL bad-request\n', 'plain text')):
    against(1, f'speaks {spoken}', lambda tls: (tls.send_raw(text), tls.stream.read()))
END
}

@test "fsc: a server that is silent or slow in the handshake costs --connect-timeout" {
    servers <<'END'
before = sorted(os.listdir('.'))
limit = '--connect-timeout', '400ms'


def slowly(tls):
    hello = b'\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03' + bytes(100)
    for byte in hello:
        tls.send_raw(bytes([byte]))
        if select.select([tls.own], [], [], 0.02)[0] and not tls.own.recv(65536):
            return


for act in (lambda tls: tls.stream.read(), slowly, lambda tls: (tls.send_raw(b'\x16\x03\x03'), tls.stream.read())):
    begun = time.monotonic()
    against(11, 'no handshake in time', act, 'ls', *limit)
    check(0.3 < time.monotonic() - begun < LIMIT, 'not in time')
END
}

@test "fsc: a server may send few messages besides data" {
    servers <<'END'
before = sorted(os.listdir('.'))
TICKET = bytes([NEW_SESSION_TICKET]) + vector(3, bytes(8) + vector(1, b'1') + vector(2, bytes(200)) + vector(2, b''))


def answer(tls):
    greet(tls)
    tls.send(HANDSHAKE, TICKET)
    tls.send(HANDSHAKE, bytes([KEY_UPDATE]) + vector(3, b'\0'))
    tls.to = tls.to.next()
    tls.send(DATA, b'')
    check(tls.read_data() == b'LIST\n', 'no request')
    tls.send(DATA, b'EMPTY\n')
    tls.send(ALERT, b'\x01\x00')
    tls.stream.read()


def flood(make):
    """Sends such records until fsc has had enough."""
    def run(tls):
        greet(tls)
        tls.read_data()
        while True:
            tls.send_raw(make(tls))
    return run


def update(tls, asks):
    record = tls.make_record(HANDSHAKE, bytes([KEY_UPDATE]) + vector(3, asks))
    tls.to = tls.to.next()
    return record


check(against(0, '', answer, 'ls') == b'', 'a listing')
for make in (lambda tls: update(tls, b'\0'), lambda tls: update(tls, b'\1'),
             lambda tls: tls.make_record(DATA, b''), lambda tls: tls.make_record(HANDSHAKE, TICKET)):
    # A slow one is bounded by time.
    against((10, 11), '', flood(make), 'ls', '--max-time', '2s')
END
}

@test "fsc: an end without close_notify is a lost connection" {
    servers <<'END'
before = sorted(os.listdir('.'))
HEAD = b'OK size=5 mtime=1\n'


def cut(answers):
    def run(tls):
        greet(tls)
        tls.read_data()
        tls.send(DATA, answers)
    return run


for answers in (b'', HEAD[:5], HEAD, HEAD + b'5\nhel', HEAD + b'5\nhello\n'):
    against(10, '', cut(answers), 'get', 'a')
for answers in (b'', b'OK\n', b'OK\n2\na\n\n'):
    against(10, '', cut(answers), 'ls')


def wrong_tag(tls):
    greet(tls)
    tls.read_data()
    record = bytearray(tls.make_record(DATA, HEAD + b'5\nhello\nEND\n'))
    record[-1] ^= 1
    tls.send_raw(record)
    tls.stream.read()


against(10, '', wrong_tag, 'get', 'a')
END
}

@test "fsc: the system's settings of GnuTLS and OpenSSL change nothing" {
    skip_when_sanitized 'what loads GnuTLS late'
    export GNUTLS_SYSTEM_PRIORITY_FILE=$WORK/gnutls SSLKEYLOGFILE=$WORK/secrets OPENSSL_CONF=$WORK/openssl.cnf
    export GNUTLS_SYSTEM_PRIORITY_FAIL_ON_INVALID=1 GNUTLS_FORCE_FIPS_MODE=1 GNUTLS_DEBUG_LEVEL=9
    export "GNUTLS_$(printf '%0100d' 0)=1"
    printf '[overrides]\ndisabled-version = TLS1.3\ntls-disabled-group = GROUP-X25519\ninsecure-sig = EdDSA-Ed25519\n' >gnutls
    printf 'openssl_conf = x\n[x]\nssl_conf = y\n[y]\nsystem_default = z\n[z]\nMaxProtocol = TLSv1.2\n' >openssl.cnf
    servers <<'END'
before = sorted(os.listdir('.'))


def answer(tls):
    greet(tls)
    tls.read_data()
    tls.send(DATA, b'EMPTY\n')
    tls.stream.read()


against(0, '', answer, 'ls')
check(not os.path.exists('secrets'), 'it wrote its keys to a file')
END
}

# TCP, TLS, and the request with its answer: fsc waits for nothing else.
@test "fsc: a download takes three round trips" {
    servers <<'END'
before = sorted(os.listdir('.') + ['a'])
connections = []


def answer(tls):
    connections.append(tls)
    # All that a server has to say before it knows the client, in answer to one message.
    tls.accept(CERTIFICATES, SEED)
    # The request comes, although nothing has answered the client's part of the handshake.
    tls.finish_accept()
    check(tls.read_data() == b'GET a\n', 'no request')
    tls.send(DATA, b'OK size=6 mtime=1\n6\nhello\n\nEND digest=' + digest(b'hello\n').encode() + b'\n')
    tls.stream.read()


against(0, '', answer, 'get', 'a')
check(len(connections) == 1, 'another connection')
END
    assert_equal "$(cat a)" hello
}
