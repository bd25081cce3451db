# Every test file loads this. Each test has a private folder, $WORK, and its own daemons, which listen
# on sockets in it; setup and teardown are the same for all.
#
#   LIBRARY, SOCKET, CONFIG   what the next daemon serves, listens on and reads; a test may set them
#   FSC_SERVER                the address of the last daemon that was started, for fsc
#   FSD_PID, FSD_LOG          its process and its log
#   FSD_PORT                  its TCP port, when it was started with --listen plain:...:0
#   FSD_EXPECTED              an extended regular expression: log lines above info without their time,
#                             and lines that do not come from the daemon, which this test expects
#   FSD_MODEL                 an array: the options that set the model of concurrency
#   FSD_TRANSPORT             "tls", when clients come to the daemon of start_fsd by TLS, with a key that
#                             has all rights; what a test sends to SOCKET goes there then (tests/session.py)
#   FSD_WRAPPER               an array: a command that runs the daemon, e.g. (strace -f -o FILE)
# shellcheck shell=bash

bats_require_minimum_version 1.5.0
if [ -s "${FSD_ASSERTIONS:-}" ]; then
    # shellcheck source=/dev/null
    source "$FSD_ASSERTIONS"
else
    bats_load_library bats-support
    bats_load_library bats-assert
fi

TESTS=$BATS_TEST_DIRNAME
export FSD=$FSD_BUILD/fsd
# All Python finds tests/session.py, and writes nothing beside it.
export PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
# How daemons serve: "process" or "thread". A test that sets the model itself has FSD_MODEL=().
export FSD_CONCURRENCY=${FSD_CONCURRENCY:-process} FSD_TRANSPORT=${FSD_TRANSPORT:-}

setup() {
    # Socket paths are short (107 bytes), and so must the folder's be.
    WORK=$BATS_TEST_TMPDIR
    LIBRARY=$WORK/library
    SOCKET=$WORK/socket
    CONFIG=$WORK/fsd.conf
    FSD_EXPECTED=
    FSD_WRAPPER=()
    FSD_MODEL=(--concurrency "$FSD_CONCURRENCY")
    FSD_PIDS=()
    FSD_LOGS=()
    TLS_OPTIONS=()
    TLS_OWNER=$EUID
    BACKGROUND_PID=
    MACHINE=()
    NETWORKS=
    export WORK LIBRARY SOCKET CONFIG FSD_PID FSD_LOG FSC_SERVER=$SOCKET LC_ALL=C.UTF-8
    # The settings of the user who runs the tests must not count.
    export XDG_CONFIG_HOME=$WORK/config XDG_STATE_HOME=$WORK/state
    unset HOME
    exec <&-
    # Others must not be able to write in the library.
    umask 022
    : >"$CONFIG"
    cd "$WORK" || return 1
}

teardown() {
    local result=0 i
    for i in "${!FSD_PIDS[@]}"; do
        stop_one "$i" || result=1
    done
    [ -z "$BACKGROUND_PID" ] || stop_background || result=1
    [ ${#MACHINE[@]} -eq 0 ] || end_machine
    [ -z "$NETWORKS" ] || end_networks
    # It can be removed only then: tests change modes.
    chmod -R u+rwX "$WORK"
    return "$result"
}

# fail_with_log TEXT LOG
fail_with_log() {
    { printf '%s\n' "$1" && cat "$2"; } >&2
    return 1
}

# Starts a daemon, and returns when it listens. More --listen may be given than its own socket; of a
# TCP address with port 0, FSD_PORT becomes the port that it got.
start_fsd() {
    mkdir -p "$LIBRARY"
    [ "$FSD_TRANSPORT" != tls ] || prepare_tls
    launch_fsd --library "$LIBRARY" --listen "$SOCKET" "${TLS_OPTIONS[@]}" "$@"
    FSC_SERVER=$SOCKET
    await_line "$FSD_PID" "$FSD_LOG" 'msg=listening' "$(count_listen --listen "${TLS_OPTIONS[@]}" "$@")"
    [ "$FSD_TRANSPORT" != tls ] || note_tls
    FSD_PORT=$(sed -n 's/.*msg=listening address=plain:.*:\([0-9]*\)$/\1/p' "$FSD_LOG")
    export FSD_PORT
}

# The next daemon listens for TLS, too, on an address that only this test has. To the settings in CONFIG
# come an identity and a client. A daemon that is started again gets the same port, if it is free.
prepare_tls() {
    local address=127.$((64 + ($$ >> 16 & 63))).$(($$ >> 8 & 255)).$(($$ & 255)) folder
    folder=$(mktemp -d "$WORK/.tls.XXXXXX")
    mkdir "$folder/settings"
    chmod 0711 "$folder"
    chmod 0755 "$folder/settings"
    install -m 0600 -o "$TLS_OWNER" "$FSD_IDENTITIES/server.pem" "$folder/server.pem"
    ln -s "$CONFIG" "$folder/settings/fsd.conf"
    cat >"$folder/fsd.conf" <<END
include = "$folder/settings";
identity = "$folder/server.pem";
clients = ({
    name = "tester"; key = "$(cat "$FSD_IDENTITIES/client")";
    rights = "list get put replace delete watch status";
});
END
    [ ! -e "$SOCKET.tls" ] || address=$(cat "$SOCKET.tls")
    [[ $address == *:* ]] || address+=:0
    TLS_OPTIONS=(--config "$folder/fsd.conf" --listen "$address")
}

# After it has started: where it listens, for all who know SOCKET; and its key, for fsc.
note_tls() {
    FSC_SERVER=$(sed -n 's/.*msg=listening address=\(127\..*\)$/\1/p' "$FSD_LOG")
    printf '%s\n' "$FSC_SERVER" >"$SOCKET.tls"
    export FSC_IDENTITY=$FSD_IDENTITIES/client.pem
    mkdir -p "$XDG_CONFIG_HOME/fsc"
    printf '%s %s\n' "$FSC_SERVER" "$(cat "$FSD_IDENTITIES/server")" >>"$XDG_CONFIG_HOME/fsc/known_servers"
}

# local_only WHY: the test is about what only clients on this machine have.
local_only() {
    [ "$FSD_TRANSPORT" != tls ] || skip "local only: $1"
}

# Runs a daemon in the foreground, and does not wait for anything.
launch_fsd() {
    # A new file for each: an old log has a line of each address that its daemon listened on.
    FSD_LOG=$(mktemp "$WORK/log.XXXXXX")
    "${FSD_WRAPPER[@]}" "$FSD" --config "$CONFIG" --foreground "${FSD_MODEL[@]}" "$@" \
        </dev/null >"$FSD_LOG" 2>&1 3>&- &
    FSD_PID=$!
    FSD_PIDS+=("$FSD_PID")
    FSD_LOGS+=("$FSD_LOG")
}

count_listen() {
    local count=0 word
    for word in "$@"; do
        [[ $word != --listen ]] || count=$((count + 1))
    done
    printf '%s\n' "$count"
}

# await COMMAND...: waits until the command succeeds, for 30 s at least. Shells that a test starts have
# it, too.
await() {
    local tries
    for ((tries = 0; tries < 3000; tries++)); do
        ! "$@" || return 0
        sleep 0.01
    done
    printf 'waited in vain: %s\n' "$*" >&2
    return 1
}
export -f await

# await_line PID FILE PATTERN COUNT: waits until so many lines of a file match, as long as the
# process lives and for 30 s at most.
await_line() {
    local pid=$1 file=$2 pattern=$3 count=$4 tries
    for ((tries = 0; tries < 3000; tries++)); do
        if [ "$(grep -c -e "$pattern" "$file")" -ge "$count" ]; then
            return 0
        fi
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.01
    done
    fail_with_log "$file has no line with $pattern:" "$file"
}

# Ends the last daemon with TERM. It must exit with 0, and its log must be clean.
stop_fsd() {
    stop_one $((${#FSD_PIDS[@]} - 1))
}

stop_one() {
    kill -TERM "${FSD_PIDS[$1]}" 2>/dev/null
    await_end "$1"
}

# Starts a daemon in the background, as users do, and finds its process through its socket.
start_background() {
    mkdir -p "$LIBRARY"
    quiet "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" "${FSD_MODEL[@]}" \
        "$@" </dev/null
    BACKGROUND_PID=$(converse <<<'print(Session().peer())')
}

# Ends it with TERM, and waits until it is gone.
stop_background() {
    local pid=$BACKGROUND_PID
    BACKGROUND_PID=
    converse <<<"end_process($pid)"
}

# Waits for the last daemon, which is ending: exit code and log as above.
await_fsd() {
    await_end $((${#FSD_PIDS[@]} - 1))
}

await_end() {
    local pid=${FSD_PIDS[$1]} log=${FSD_LOGS[$1]} code=0
    unset "FSD_PIDS[$1]" "FSD_LOGS[$1]"
    wait "$pid" || code=$?
    [ "$code" -eq 0 ] || fail_with_log "The daemon's exit code is $code:" "$log" || return 1
    check_log "$log"
}

# Lines of level info are fine, and connections that were refused, which their clients hear. All
# others, those of a sanitizer too, must be expected.
check_log() {
    local lines
    local fine='^level=(info |warning msg="(connection refused|refusals were not logged|further lines are not logged|lines were not logged))'
    lines=$(sed 's/^time=[^ ]* //' "$1" | grep -v -E -e "$fine" | grep -v -E -e "${FSD_EXPECTED:-^$}") || return 0
    printf 'Unexpected lines in the log:\n%s\n' "$lines" >&2
    return 1
}

# quiet COMMAND...: runs it, and fails when it writes anything to stderr.
quiet() {
    local code=0 errors
    errors=$(mktemp "$WORK/stderr.XXXXXX")
    "$@" 2>"$errors" 3>&- || code=$?
    if [ -s "$errors" ]; then
        fail_with_log "Unexpected on stderr of $1:" "$errors"
        return 1
    fi
    rm "$errors"
    return "$code"
}

# refuses CODE PATTERN ARGUMENT...: fsd prints one line that matches, and exits with that code.
refuses() {
    run timeout 20 "$FSD" "${@:3}" </dev/null 3>&-
    assert_failure "$1"
    assert_equal "${#lines[@]}" 1
    assert_line --index 0 --regexp "$2"
}

# play [ADDRESS]: plays the transcript on stdin with the last daemon (see tests/transcript).
play() {
    quiet "$TESTS/transcript" "${1:-$SOCKET}" -
}

# raw: sends stdin to the last daemon, and prints its answers until it closes.
raw() {
    if [ "$FSD_TRANSPORT" = tls ]; then
        quiet "$TESTS/tls_pipe" "$SOCKET"
    else
        quiet nc -N -U "$SOCKET"
    fi
}

# converse: runs the Python on stdin, which finds what tests/session.py defines.
converse() {
    quiet python3 -c "from session import *
$(cat)"
}

# Nothing is left of uploads. A stage's own name goes only after the answer, so this may wait.
assert_no_stages() {
    await has_no_stages "${1:-$LIBRARY}"
}

has_no_stages() {
    [ -z "$(find "$1/.fsd/stage" ! -type d)" ]
}

# bind_socket FILE: a Unix socket that nobody listens on.
bind_socket() {
    python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"
}

# There is no file, stage or folder except the daemon's own empty folders.
assert_empty_library() {
    run find "${1:-$LIBRARY}" -mindepth 1 ! -path '*/.fsd' ! -path '*/.fsd/*'
    assert_success
    assert_output ''
    assert_no_stages "$@"
}

# skip_unless_root WHY
skip_unless_root() {
    [ "$(id -u)" -eq 0 ] || skip "$1 needs root"
}

# skip_when_sanitized TOOL: for tools that cannot run programs with sanitizers.
skip_when_sanitized() {
    ! grep -q -a -e __asan_init -e __tsan_init "$FSD" || skip "$1 cannot run a program that was built with sanitizers"
}

skip_without_valgrind() {
    skip_when_sanitized valgrind
    valgrind -q true 2>/dev/null || skip 'valgrind does not run here'
}

# as_other COMMAND...: as nobody, when this is root.
as_other() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    else
        "$@"
    fi
}

# Other users can come to the private folder of this test.
let_others_in() {
    skip_unless_root 'to be another user'
    local folder=$WORK
    until [ "$folder" = "${BATS_RUN_TMPDIR%/*}" ]; do
        chmod 0711 "$folder"
        folder=${folder%/*}
    done
}

# The next daemon runs as a user who may not read everything: as nobody when this is root.
use_other_user() {
    [ "$(id -u)" -eq 0 ] || return 0
    let_others_in
    install -m 0755 -t "$WORK" "$FSD" "$FSD_BUILD/tls.so"
    FSD=$WORK/fsd
    mkdir -p "$LIBRARY" "$WORK/run"
    SOCKET=$WORK/run/socket
    TLS_OWNER=65534
    chown -R 65534:65534 "$LIBRARY" "$WORK/run"
    chmod 0644 "$CONFIG"
    FSD_WRAPPER=(setpriv --reuid 65534 --regid 65534 --clear-groups)
}

# After that, the next daemon is root's again, and other users still reach all files and the socket.
use_root_again() {
    chown root:root "$WORK/run" "$LIBRARY"
    FSD_WRAPPER=()
    TLS_OWNER=0
}

# use_small_disk [MIB]: the next daemon serves a file system of so many MiB, or of 2 or 4, which only
# it and its children see.
use_small_disk() {
    local unshare=(unshare -rm) kind
    export DISK_MIB=${1:-}
    [ "$(id -u)" -ne 0 ] || unshare=(unshare -m)
    mkdir -p "$LIBRARY"
    cat >"$WORK/mount" <<'END'
case $1 in
tmpfs) mount -t tmpfs -o size="${DISK_MIB:-2}m",mode=0755 tmpfs "$LIBRARY" ;;
ext4) mount -o loop "$WORK/image" "$LIBRARY" ;;
esac && touch "$LIBRARY/.fsd-trial" && setfattr -n user.trial -v 1 "$LIBRARY/.fsd-trial" &&
    rm "$LIBRARY/.fsd-trial" && shift && exec "$@"
END
    for kind in tmpfs ext4; do
        if [ "$kind" = ext4 ]; then
            truncate -s "${DISK_MIB:-4}M" "$WORK/image"
            mkfs.ext4 -q -E root_owner="$(id -u):$(id -g)" "$WORK/image" 2>/dev/null || break
        fi
        FSD_WRAPPER=("${unshare[@]}" bash "$WORK/mount" "$kind")
        if "${FSD_WRAPPER[@]}" true 2>/dev/null; then
            return 0
        fi
    done
    skip 'no small file system with user xattrs can be mounted in a namespace of its own here'
}
