"""Clients with keys of their own, which come over TLS."""
import base64
import hashlib
import os
import re
import socket
import ssl
import subprocess

from session import LIMIT, Session


def tls_address():
    """Where the daemon that was started last listens with TLS."""
    with open(os.environ['FSD_LOG'], encoding='utf-8') as file:
        return '127.0.0.1', int(re.search(r'msg=listening address=127\.0\.0\.1:(\d+)', file.read())[1])


def make_key(name):
    """Makes the identity NAME.pem, and returns its fingerprint."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ed25519', '-nodes', '-subj', '/CN=any', '-days', '1',
                    '-keyout', f'{name}.key', '-out', f'{name}.crt'], check=True, capture_output=True)
    with open(f'{name}.pem', 'w', encoding='ascii') as file:
        for part in 'key', 'crt':
            with open(f'{name}.{part}', encoding='ascii') as half:
                file.write(half.read())
    public = subprocess.run(['openssl', 'pkey', '-in', f'{name}.key', '-pubout', '-outform', 'DER'], check=True,
                            capture_output=True).stdout
    return 'SHA256:' + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip('=')


class KeySession(Session):
    """A session over TLS, of the client with the identity NAME.pem, or of one without a key."""

    def __init__(self, name=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(['fsd/1'])
        if name:
            context.load_cert_chain(f'{name}.pem')
        own = socket.create_connection(tls_address(), LIMIT)
        self.socket = context.wrap_socket(own, suppress_ragged_eofs=False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile('rb')
