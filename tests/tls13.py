"""
One side of a TLS 1.3 connection (RFC 8446), by hand, for tests of peers that break its rules: every
message, record and signature can be another one. It knows only what it needs: TLS_CHACHA20_POLY1305_SHA256,
X25519 and Ed25519, and never verifies anything. Slow, and no model for anything that is to be secure.
"""
import base64
import hashlib
import hmac
import os
import re
import struct

ALERT, HANDSHAKE, DATA, CHANGE_CIPHER_SPEC = 21, 22, 23, 20
CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET, END_OF_EARLY_DATA, ENCRYPTED_EXTENSIONS = 1, 2, 4, 5, 8
CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, FINISHED, KEY_UPDATE = 11, 13, 15, 20, 24
SUITE = b'\x13\x03'
ED25519 = b'\x08\x07'
ALERTS = {0: 'close_notify', 10: 'unexpected_message', 20: 'bad_record_mac', 40: 'handshake_failure',
          42: 'bad_certificate', 43: 'unsupported_certificate', 47: 'illegal_parameter', 50: 'decode_error',
          51: 'decrypt_error', 70: 'protocol_version', 80: 'internal_error', 109: 'missing_extension',
          120: 'no_application_protocol'}

# X25519 (RFC 7748) and Ed25519 (RFC 8032).

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def x25519(secret, point=b'\x09' + bytes(31)):
    scalar = int.from_bytes(secret, 'little') & ((1 << 255) - 8) | (1 << 254)
    first = int.from_bytes(point, 'little') & ((1 << 255) - 1)
    x2, z2, x3, z3 = 1, 0, first, 1
    swap = 0
    for place in reversed(range(255)):
        bit = scalar >> place & 1
        if swap ^ bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swap = bit
        plus, minus = (x2 + z2) % P, (x2 - z2) % P
        one, other = (x3 - z3) * plus % P, (x3 + z3) * minus % P
        squares = plus * plus % P, minus * minus % P
        difference = (squares[0] - squares[1]) % P
        x3, z3 = (one + other)**2 % P, first * (one - other)**2 % P
        x2, z2 = squares[0] * squares[1] % P, difference * (squares[0] + 121665 * difference) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, -1, P) % P).to_bytes(32, 'little')


def add(one, other):
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    return (b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P


def multiply(scalar):
    """That times the base point, compressed."""
    y = 4 * pow(5, -1, P) % P
    x = pow((y * y - 1) * pow(D * y * y + 1, -1, P), (P + 3) // 8, P)
    if (x * x - (y * y - 1) * pow(D * y * y + 1, -1, P)) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    x = P - x if x & 1 else x
    point, result = (x, y, 1, x * y % P), (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    inverse = pow(result[2], -1, P)
    return (result[1] * inverse % P | (result[0] * inverse % P & 1) << 255).to_bytes(32, 'little')


def sign(seed, message):
    expanded = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(expanded[:32], 'little') & ((1 << 254) - 8) | (1 << 254)

    def number(*parts):
        return int.from_bytes(hashlib.sha512(b''.join(parts)).digest(), 'little') % ORDER

    nonce = number(expanded[32:], message)
    point = multiply(nonce)
    return point + ((nonce + number(point, multiply(scalar), message) * scalar) % ORDER).to_bytes(32, 'little')


# ChaCha20-Poly1305 (RFC 8439).

def chacha20(key, counter, nonce):
    start = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, *struct.unpack('<8I', key), counter,
             *struct.unpack('<3I', nonce)]
    state = start[:]
    rounds = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
              (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
    for _ in range(10):
        for a, b, c, d in rounds:
            for to, by, other, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                state[to] = (state[to] + state[by]) & 0xffffffff
                mixed = state[other] ^ state[to]
                state[other] = (mixed << bits | mixed >> (32 - bits)) & 0xffffffff
    return struct.pack('<16I', *((one + other) & 0xffffffff for one, other in zip(state, start)))


def cipher(key, nonce, data):
    blocks = b''.join(chacha20(key, 1 + number, nonce) for number in range((len(data) + 63) // 64))
    return bytes(one ^ other for one, other in zip(data, blocks))


def tag(key, nonce, head, data):
    once = chacha20(key, 0, nonce)
    factor = int.from_bytes(once[:16], 'little') & 0x0ffffffc0ffffffc0ffffffc0fffffff
    text = b''.join(part + bytes(-len(part) % 16) for part in (head, data)) + struct.pack('<QQ', len(head), len(data))
    total = 0
    for place in range(0, len(text), 16):
        total = (total + int.from_bytes(text[place:place + 16] + b'\x01', 'little')) * factor % (2**130 - 5)
    return ((total + int.from_bytes(once[16:], 'little')) & (1 << 128) - 1).to_bytes(16, 'little')


# The key schedule (RFC 8446, 7.1).

def extract(salt, key):
    return hmac.digest(salt, key, 'sha256')


def expand(secret, label, context, length=32):
    label = b'tls13 ' + label.encode()
    info = struct.pack('>HB', length, len(label)) + label + bytes([len(context)]) + context
    return hmac.digest(secret, info + b'\x01', 'sha256')[:length]


def vector(size, data):
    """A vector of the presentation language (RFC 8446, 3.4), whose length has so many bytes."""
    return len(data).to_bytes(size, 'big') + data


def extension(number, data):
    return struct.pack('>H', number) + vector(2, data)


def read_identity(path):
    """The certificates and the Ed25519 key of a PEM file."""
    with open(path, encoding='ascii') as file:
        found = re.findall(r'-----BEGIN ([A-Z ]+)-----(.*?)-----END', file.read(), re.S)
    values = [(kind, base64.b64decode(text)) for kind, text in found]
    certificates = [data for kind, data in values if kind == 'CERTIFICATE']
    keys = [data for kind, data in values if kind.endswith('PRIVATE KEY')]
    # The key is the last value of PKCS #8 (RFC 8410, 7).
    return certificates, keys[0][16:48] if keys else None


def value(kind, *parts):
    """A value of ASN.1 in DER."""
    data = b''.join(parts)
    length = len(data).to_bytes((len(data).bit_length() + 7) // 8, 'big')
    return bytes([kind]) + (length if len(data) < 128 else bytes([128 + len(length)]) + length) + data


def make_rsa_key(modulus, exponent):
    """A SubjectPublicKeyInfo (RFC 8017, A.1) with numbers of so many bytes. Nobody has the private key."""
    numbers = [b'\x00\xff' + os.urandom(length - 2) + b'\x01' for length in (modulus, exponent)]
    algorithm = value(0x30, value(0x06, b'\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01'), b'\x05\x00')
    return value(0x30, algorithm, value(0x03, b'\x00', value(0x30, *(value(0x02, number) for number in numbers))))


def make_certificate(seed, begin='700101000000Z', end='491231235959Z', padding=0, key=None):
    """
    A certificate for the key of a seed, or for another one, valid between two times, which nobody has signed, and
    so many bytes longer.
    """
    algorithm = value(0x30, value(0x06, b'\x2b\x65\x70'))
    name = value(0x30, value(0x31, value(0x30, value(0x06, b'\x55\x04\x03'), value(0x0c, b'x' * (1 + padding)))))
    scalar = int.from_bytes(hashlib.sha512(seed).digest()[:32], 'little') & ((1 << 254) - 8) | (1 << 254)
    key = key or value(0x30, algorithm, value(0x03, b'\x00', multiply(scalar)))
    dates = value(0x30, *(value(0x17, date.encode()) for date in (begin, end)))
    content = value(0x30, value(0xa0, value(0x02, b'\x02')), value(0x02, b'\x01'), algorithm, name, dates, name, key)
    return value(0x30, content, algorithm, value(0x03, b'\x00', bytes(64)))


class Closed(Exception):
    """The other side has ended the connection; its text is the name of the alert, if one came."""


class Direction:
    """The keys of what is sent one way."""

    def __init__(self, secret):
        self.secret = secret
        self.key, self.iv = expand(secret, 'key', b''), expand(secret, 'iv', b'', 12)
        self.count = 0

    def nonce(self):
        self.count += 1
        number = (self.count - 1).to_bytes(12, 'big')
        return bytes(one ^ other for one, other in zip(self.iv, number))

    def next(self):
        return Direction(expand(self.secret, 'traffic upd', b''))


class Tls13:
    """A connection. The test decides what is wrong with what it sends."""

    def __init__(self, own):
        self.own = own
        self.stream = own.makefile('rb')
        self.transcript = b''
        self.to = self.from_ = None  # Directions, once there are keys
        self.pending = b''  # bytes of messages of the handshake

    # Records.

    def send_raw(self, data):
        self.own.sendall(data)

    def make_record(self, kind, data):
        if self.to is None:
            return struct.pack('>BHH', kind, 0x0303, len(data)) + data
        inner = data + bytes([kind])
        head = struct.pack('>BHH', DATA, 0x0303, len(inner) + 16)
        nonce = self.to.nonce()
        sealed = cipher(self.to.key, nonce, inner)
        return head + sealed + tag(self.to.key, nonce, head, sealed)

    def send(self, kind, data):
        self.send_raw(self.make_record(kind, data))

    def read_record(self):
        """The kind and content of the next record; an alert, or the end, is Closed."""
        head = self.stream.read(5)
        if len(head) < 5:
            raise Closed('no alert')
        kind, _, length = struct.unpack('>BHH', head)
        data = self.stream.read(length)
        if len(data) < length:
            raise Closed('no alert')
        if kind == CHANGE_CIPHER_SPEC:
            return self.read_record()
        if self.from_ is not None and kind == DATA:
            data = cipher(self.from_.key, self.from_.nonce(), data[:-16]).rstrip(b'\x00')
            kind, data = data[-1], data[:-1]
        if kind == ALERT:
            raise Closed(ALERTS.get(data[1], str(data[1])))
        return kind, data

    # Messages of the handshake.

    def message(self, kind, body):
        """A message, which counts as sent."""
        message = bytes([kind]) + vector(3, body)
        self.transcript += message
        return message

    def send_message(self, kind, body):
        self.send(HANDSHAKE, self.message(kind, body))

    def read_message(self):
        while len(self.pending) < 4 or len(self.pending) < 4 + int.from_bytes(self.pending[1:4], 'big'):
            kind, data = self.read_record()
            if kind != HANDSHAKE:
                raise ValueError(f'a record of the kind {kind} in the handshake')
            self.pending += data
        length = 4 + int.from_bytes(self.pending[1:4], 'big')
        message, self.pending = self.pending[:length], self.pending[length:]
        self.transcript += message
        return message[0], message[4:]

    def expect_message(self, kind):
        found, body = self.read_message()
        if found != kind:
            raise ValueError(f'message {found} instead of {kind}')
        return body

    def hash(self):
        return hashlib.sha256(self.transcript).digest()

    def share(self, secret, peer):
        """Both sides' keys of the handshake: those of the client, and of the server."""
        empty = hashlib.sha256(b'').digest()
        early = extract(bytes(32), bytes(32))
        self.handshake = extract(expand(early, 'derived', empty), x25519(secret, peer))
        self.master = extract(expand(self.handshake, 'derived', empty), bytes(32))
        return [Direction(expand(self.handshake, side + ' hs traffic', self.hash())) for side in 'cs']

    def data_keys(self):
        return [Direction(expand(self.master, side + ' ap traffic', self.hash())) for side in 'cs']

    def finished(self, direction):
        return hmac.digest(expand(direction.secret, 'finished', b''), self.hash(), 'sha256')

    def certificate(self, certificates, context=b''):
        entries = b''.join(vector(3, each) + vector(2, b'') for each in certificates)
        return vector(1, context) + vector(3, entries)

    def verify(self, seed, side):
        text = b' ' * 64 + f'TLS 1.3, {side} CertificateVerify'.encode() + b'\x00' + self.hash()
        return ED25519 + vector(2, sign(seed, text))

    # Handshakes by the rules; tests override or leave out single steps.

    def client_hello(self, secret, protocols=(b'fsd/1',), versions=(b'\x03\x04',), more=b''):
        extensions = extension(43, vector(1, b''.join(versions))) + extension(10, vector(2, b'\x00\x1d'))
        extensions += extension(13, vector(2, ED25519))
        extensions += extension(51, vector(2, b'\x00\x1d' + vector(2, x25519(secret))))
        if protocols:
            extensions += extension(16, vector(2, b''.join(vector(1, each) for each in protocols)))
        return (b'\x03\x03' + os.urandom(32) + vector(1, os.urandom(32)) + vector(2, SUITE) + b'\x01\x00' +
                vector(2, extensions + more))

    def read_server_hello(self, secret):
        """Reads ServerHello; from then on both sides have keys."""
        body = self.expect_message(SERVER_HELLO)
        place = 35 + body[34] + 3
        extensions = dict(read_extensions(body[place:]))
        self.client, self.server = self.share(secret, extensions[51][4:])
        self.from_, self.to = self.server, self.client

    def start(self, **hello):
        """A client up to the server's Finished; returns the context of a CertificateRequest, or None."""
        secret = os.urandom(32)
        self.send_message(CLIENT_HELLO, self.client_hello(secret, **hello))
        self.read_server_hello(secret)
        self.selected = dict(read_extensions(self.expect_message(ENCRYPTED_EXTENSIONS))).get(16)
        context = None
        kind, body = self.read_message()
        if kind == CERTIFICATE_REQUEST:
            context = body[1:1 + body[0]]
            kind, body = self.read_message()
        self.expect_message(CERTIFICATE_VERIFY)
        self.expect_message(FINISHED)
        self.data = self.data_keys()
        return context

    def end(self):
        """The rest of a client's handshake."""
        self.send_message(FINISHED, self.finished(self.client))
        self.to, self.from_ = self.data

    def connect(self, certificates=(), seed=None):
        """A client's handshake, with a certificate if the server wants one."""
        context = self.start()
        if context is not None:
            self.send_message(CERTIFICATE, self.certificate(certificates, context))
            if certificates:
                self.send_message(CERTIFICATE_VERIFY, self.verify(seed, 'client'))
        self.end()

    def accept(self, certificates, seed, protocol=b'fsd/1'):
        """A server's handshake up to its Finished; the client's answer is not yet read."""
        hello = self.expect_message(CLIENT_HELLO)
        session = hello[35:35 + hello[34]]
        place = 35 + len(session)
        place += 2 + int.from_bytes(hello[place:place + 2], 'big')
        place += 1 + hello[place]
        shares = dict(read_extensions(hello[place:]))[51][2:]
        while shares[:2] != b'\x00\x1d':
            shares = shares[4 + int.from_bytes(shares[2:4], 'big'):]
        secret = os.urandom(32)
        extensions = extension(43, b'\x03\x04') + extension(51, b'\x00\x1d' + vector(2, x25519(secret)))
        self.send_message(SERVER_HELLO, b'\x03\x03' + os.urandom(32) + vector(1, session) + SUITE + b'\x00' +
                          vector(2, extensions))
        self.client, self.server = self.share(secret, shares[4:36])
        self.to, self.from_ = self.server, self.client
        alpn = extension(16, vector(2, vector(1, protocol))) if protocol else b''
        self.send_message(ENCRYPTED_EXTENSIONS, vector(2, alpn))
        if certificates is not None:
            self.send_message(CERTIFICATE, self.certificate(certificates))
            if seed:
                self.send_message(CERTIFICATE_VERIFY, self.verify(seed, 'server'))
        self.send_message(FINISHED, self.finished(self.server))
        self.data = self.data_keys()
        self.to = self.data[1]

    def finish_accept(self):
        """Reads the client's Finished."""
        while self.read_message()[0] != FINISHED:
            pass
        self.from_ = self.data[0]

    def read_data(self):
        """Reads until there is data; other records are dropped."""
        while True:
            kind, data = self.read_record()
            if kind == DATA and data:
                return data


def read_extensions(data):
    """Pairs of number and content."""
    data = data[2:2 + int.from_bytes(data[:2], 'big')]
    while data:
        number, length = struct.unpack('>HH', data[:4])
        yield number, data[4:4 + length]
        data = data[4 + length:]
