"""Clients with keys of their own, which come over TLS."""
import os
import re
import ssl
import subprocess

from secure import fingerprint, make_context
from session import Session, connect


def tls_address():
    """Where the daemon that was started last listens with TLS."""
    with open(os.environ['FSD_LOG'], encoding='utf-8') as file:
        return '127.0.0.1', int(re.search(r'msg=listening address=127\.0\.0\.1:(\d+)', file.read())[1])


def make_key(name):
    """Makes the identity NAME.pem, and returns its fingerprint."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ed25519', '-nodes', '-subj', '/CN=any', '-days', '1',
                    '-keyout', f'{name}.pem', '-out', f'{name}.crt'], check=True, capture_output=True)
    with open(f'{name}.crt', encoding='ascii') as file:
        certificate = file.read()
    with open(f'{name}.pem', 'a', encoding='ascii') as file:
        file.write(certificate)
    return fingerprint(ssl.PEM_cert_to_DER_cert(certificate))


class KeySession(Session):
    """
    A session over TLS, of the client with the identity NAME.pem, or of one without a key; perhaps from
    another address of this machine.
    """

    def __init__(self, name=None, source=None):
        own = connect(tls_address(), source)
        self.socket = make_context(f'{name}.pem' if name else None).wrap_socket(own)
        self.stream = self.socket.makefile('rb')
