# For tests of TLS that need more than one connection, or look at the processes of the daemon.
#
#   IDENTITY   the file of the daemon's key
#   TLS_PORT   the port of its address for TLS
# shellcheck shell=bash

IDENTITY=$BATS_TEST_TMPDIR/identity/identity.pem
export IDENTITY

# Starts a daemon that also listens on an address for TLS.
start_tls() {
    start_fsd --listen 127.0.0.1:0 --identity "$IDENTITY" "$@"
    TLS_PORT=$(sed -n 's/.*msg=listening address=127.0.0.1:\([0-9]*\)$/\1/p' "$FSD_LOG")
    export TLS_PORT
}

# make_identity NAME: a key and its certificate in NAME.pem; prints its fingerprint.
make_identity() {
    openssl req -x509 -newkey ed25519 -nodes -subj "/CN=$1" -keyout "$1.pem" -out "$1.crt" 2>/dev/null
    cat "$1.crt" >>"$1.pem"
    printf 'SHA256:%s\n' "$(openssl pkey -in "$1.pem" -pubout -outform DER | openssl dgst -sha256 -binary | base64 | tr -d =)"
}

# converse, with sessions over TLS.
talk() {
    quiet python3 -c "import ssl
from session import *
ADDRESS = ('127.0.0.1', int(os.environ['TLS_PORT']))


class TlsSession(Session):
    '''A session over TLS, from an address of this machine, with the key in a file.'''

    def __init__(self, source=None, identity=None):
        super().__init__(ADDRESS, source)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(['fsd/1'])
        if identity:
            context.load_cert_chain(identity)
        self.stream.close()
        self.socket = context.wrap_socket(self.socket)
        self.stream = self.socket.makefile('rb')


def seccomp_filters(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return int(file.read().split('Seccomp_filters:')[1].split()[0])


def signer():
    '''The process of the signer.'''
    for pid in children():
        # In a container all processes may have some.
        if seccomp_filters(pid) > seccomp_filters(daemon()):
            return pid
    sys.exit('there is no signer')

$(cat)"
}
