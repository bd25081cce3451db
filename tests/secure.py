"""TLS for tests: sockets that speak it as fsd and fsc do, and the keys that belong to them."""
import base64
import hashlib
import io
import select
import socket
import ssl
import threading

ALPN = 'fsd/1'


def fingerprint(certificate):
    """The fingerprint of the key of a certificate in DER (RFC 5280, 4.1)."""

    def content(place):
        """Where the content of the value at this place begins, and where it ends."""
        length, start = certificate[place + 1], place + 2
        if length > 0x7f:
            start += length - 0x80
            length = int.from_bytes(certificate[place + 2:start], 'big')
        return start, start + length

    place = content(content(0)[0])[0]
    for _ in range(6):  # version, serial number, algorithm, issuer, validity, subject
        place = content(place)[1]
    key = certificate[place:content(place)[1]]
    return 'SHA256:' + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip('=')


def make_context(identity=None, server_side=False, protocols=(ALPN,), version=ssl.TLSVersion.TLSv1_3):
    """What one side of connections has in common: nobody's certificate is verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if identity:
        context.load_cert_chain(identity)
    if server_side:
        context.num_tickets = 0
    return context


class TlsSocket:
    """
    A connected socket with TLS over it, which can be half closed, as that of ssl cannot. An end of the
    stream without close_notify is a ConnectionResetError.
    """

    def __init__(self, own, context, server_side=False):
        self.own = own
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side)
        self.lock = threading.Lock()  # OpenSSL's state is not for two threads
        self.sending = threading.Lock()  # who waits for the peer to read must not keep others from reading
        self.came = b''  # decrypted, and not yet read
        self.is_finished = self.is_ended = False
        while not self.flush(self.tls.do_handshake):
            self.feed()

    def step(self, act):
        """Does something that may need more of what the peer sends; returns whether it was done."""
        try:
            with self.lock:
                act()
                return True
        except ssl.SSLWantReadError:
            return False

    def flush(self, act):
        """The same for what has something to send."""
        with self.sending:
            try:
                return self.step(act)
            finally:
                with self.lock:
                    data = self.outgoing.read()
                if data:
                    self.own.sendall(data)

    def feed(self):
        data = self.own.recv(65536)
        if not data:
            raise ConnectionResetError('the stream ended without close_notify')
        self.incoming.write(data)

    def decrypt(self):
        try:
            data = self.tls.read(65536)
        except ssl.SSLZeroReturnError:
            data = b''
        self.came += data
        self.is_ended = not data

    def recv(self, length, flags=0):
        while not self.came and not self.is_ended:
            if not self.step(self.decrypt):
                self.feed()
        if flags & socket.MSG_WAITALL:
            while len(self.came) < length and not self.is_ended:
                if not self.step(self.decrypt):
                    self.feed()
        data, self.came = self.came[:length], self.came[length:]
        return data

    def sendall(self, data):
        if data:
            self.flush(lambda: self.tls.write(data))

    def finish(self):
        """Sends close_notify. OpenSSL must not find data of the peer meanwhile."""
        while not self.is_ended and self.step(self.decrypt):
            pass
        if not self.is_finished:
            self.is_finished = True
            self.flush(self.tls.unwrap)

    def shutdown(self, how):
        if how != socket.SHUT_RD:
            self.finish()
        self.own.shutdown(how)

    def close(self):
        try:
            self.finish()
        except OSError:
            pass
        self.own.close()

    def has_data(self):
        """Is there something to read without waiting for the socket?"""
        while not self.came and not self.is_ended:
            if not self.step(self.decrypt):
                if not select.select([self.own], [], [], 0)[0]:
                    return False
                try:
                    self.feed()
                except ConnectionResetError:
                    return True
        return True

    def makefile(self, _mode):
        return io.BufferedReader(Reader(self), 65536)

    def __getattr__(self, name):
        return getattr(self.own, name)


class Reader(io.RawIOBase):
    """What makefile() reads from."""

    def __init__(self, tls):
        super().__init__()
        self.tls = tls

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self.tls.recv(len(buffer))
        buffer[:len(data)] = data
        return len(data)
