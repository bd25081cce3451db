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
    quiet python3 -c 'import sys, keys; print(keys.make_key(sys.argv[1]))' "$1"
}

# converse, with sessions over TLS.
talk() {
    quiet python3 -c "import ssl
from keys import *
from session import *
ADDRESS = tls_address()


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
