# What the test files of fsc share, in addition to library.bash.
#
# $stderr and $stderr_lines are what run --separate-stderr sets.
# shellcheck shell=bash disable=SC2034,SC2154

export FSC=$FSD_BUILD/fsc
digest_of_hello=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824

# use_settings TEXT: becomes the user's own configuration file of fsc.
use_settings() {
    mkdir -p "$XDG_CONFIG_HOME/fsc"
    printf '%s\n' "$1" >"$XDG_CONFIG_HOME/fsc/fsc.conf"
}

# fake COMMAND...: runs it with a server that plays the script on stdin (see tests/fake_server).
fake() {
    local -x FSC_SERVER=$FSC_SERVER
    [ "$FSD_TRANSPORT" != tls ] || FSC_SERVER=$SOCKET
    cat >script
    "$TESTS/fake_server" "$SOCKET" script "$@" </dev/null
}

# assert_fails CODE COMMAND...: it exits with CODE, prints nothing, and says why in one line, $stderr.
assert_fails() {
    local code=$1
    shift
    run --separate-stderr "$@"
    if [[ $status -ne $code || -n $output || $stderr != 'fsc: '* || $stderr == *$'\n'* ]]; then
        fail "$* exits with $status and not $code, says \"$stderr\" and prints \"$output\""
    fi
}

# assert_silent COMMAND...: it exits with 0, and prints nothing.
assert_silent() {
    run --separate-stderr "$@"
    if [ "$status" -ne 0 ] || [ -n "$output$stderr" ]; then
        fail "$* exits with $status, says \"$stderr\" and prints \"$output\""
    fi
}

# powerless COMMAND...: runs it so that file permissions hold, for root too.
powerless() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --inh-caps -dac_override,-dac_read_search \
            --bounding-set -dac_override,-dac_read_search "$@"
    else
        "$@"
    fi
}

# set_acl FOLDER NAME: an ACL of that name, by which nobody may write, too. Fails where there are none.
set_acl() {
    python3 - "$@" <<'END'
import os
import struct
import sys

ACL = [(1, 7, 0xffffffff), (2, 6, 65534), (4, 5, 0xffffffff), (16, 7, 0xffffffff), (32, 0, 0xffffffff)]
text = struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in ACL)
try:
    os.setxattr(sys.argv[1], sys.argv[2], text)
except OSError:
    sys.exit(1)
END
}

skip_unless_powerless() {
    mkdir -m 0 closed
    powerless true || skip 'root cannot give its power over files up here'
    ! powerless ls closed >/dev/null 2>&1 || skip 'root cannot give its power over files up here'
}

# await_file FILE: waits until it is there.
await_file() {
    await test -e "$1"
}

# is_fetching FOLDER [-s]: somebody has a file of that folder open, with -s one that is not empty. It may
# have no name. Shells that a test starts have it, too.
is_fetching() {
    find /proc/[0-9]*/fd -maxdepth 1 -lname "$PWD/$1/*" -exec test "${2:--e}" {} \; -print 2>/dev/null | grep -q .
}
export -f is_fetching

# Waits until the daemon has no session but the one that asks.
await_no_session() {
    await has_no_session
}

has_no_session() {
    raw <<<$'STATUS\nQUIT' | grep -q -x 'sessions 1'
}

# assert_no_leak CODE ARGUMENT...: fsc exits with CODE, and valgrind finds no fault and no leak.
assert_no_leak() {
    local code=$1 kinds=all
    shift
    # GnuTLS keeps what it has until the end.
    [ "$FSD_TRANSPORT" != tls ] || kinds=definite
    run --separate-stderr valgrind -q --leak-check=full --show-leak-kinds="$kinds" --error-exitcode=99 \
        "$FSC" "$@"
    assert_equal "$status $(grep -v '^fsc: ' <<<"$stderr")" "$code "
}

# stopped CALL FILE COMMAND...: starts it, and returns when it has stopped at its first CALL of the file.
# It reads the file "requests".
stopped() {
    skip_when_sanitized strace
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    : >calls
    : >>requests
    strace -f -D -o calls -P "$2" -e trace="$1" -e inject="$1:signal=STOP:when=1" "${@:3}" \
        <requests >stopped.output 2>stopped.errors 3>&- &
    stopped_pid=$!
    await_line "$stopped_pid" calls 'stopped by SIGSTOP' 1
}

# continued CODE TEXT: it continues, exits with CODE, and says TEXT.
continued() {
    local code=0
    kill -CONT "$stopped_pid" 2>/dev/null || true
    wait "$stopped_pid" || code=$?
    assert_equal "$code $(cat stopped.errors)" "$1 $2"
}

# A local folder, tree, with files of all sizes.
make_tree() {
    mkdir -p tree/sub/deep tree/empty tree/.hidden
    printf hello >tree/a
    : >tree/sub/none
    head -c 200000 /dev/urandom >tree/sub/large
    printf 1 >'tree/sub/deep/with space'
    printf 2 >tree/.hidden/ü
}

# use_breaking_server [BYTES [silent]]: from now on each connection breaks off after that many bytes from
# the server, or falls silent there; without BYTES it holds. All that the server sends is added to the
# file sent.
use_breaking_server() {
    cat >relay <<'RELAY'
import os, signal, socket, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
left = int(sys.argv[1])
while left > 0 and (data := os.read(0, min(left, 65536))):
    os.write(3, data)
    try:
        os.write(1, data)
    except ConnectionResetError:
        sys.exit()
    left -= len(data)
while sys.argv[2] == 'silent' and os.read(0, 65536):
    pass
socket.socket(fileno=1).shutdown(socket.SHUT_WR)
RELAY
    : >sent
    export FSC_SERVER="exec:cat 2>/dev/null | '$FSD' --config '$CONFIG' --stdio --library '$LIBRARY' 2>/dev/null | python3 relay ${1:-100000000} ${2:-lost} 3>>sent"
}

# print_cut_off: a script for fake, in which the server has no digest of the file a. The first answer is
# cut off; then another file, hello, has the name.
print_cut_off() {
    cat <<SCRIPT
> GET a
< OK size=9 mtime=1
< 8\\nhe is lo
<.
> GET a
< OK size=5 mtime=1
< 5\\nhello
< END digest=$digest_of_hello
SCRIPT
}
