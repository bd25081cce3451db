#!/usr/bin/env bats
# What fsc says on standard error with -v and -q, and in which colours.
# bats file_tags=once

load library
load fsc
load tls

# says COMMAND...: it exits with 0; $said is what it says, with {} for numbers of bytes, times and digests,
# and for the private folder.
says() {
    run --separate-stderr "$@"
    [ "$status" -eq 0 ] || fail "$* exits with $status and says \"$stderr\""
    said=$(sed -E "s|$WORK|{}|g; s/ in [0-9.]+ s/ in {} s/g; s/sha256:[0-9a-f]{64}/{}/g; s/SHA256:[A-Za-z0-9+\/]{43}/{}/g" <<<"$stderr")
}

# at_terminal COMMAND...: runs it at a terminal, with its stdout and stderr in the file "shown".
at_terminal() {
    python3 - "$@" <<'END'
import os
import pty
import sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
with open('shown', 'wb') as shown:
    try:
        while data := os.read(terminal, 65536):
            shown.write(data.replace(b'\r\n', b'\n'))
    except OSError:
        pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
}

@test "verbose: what was done with each file" {
    start_fsd
    echo 1 >a
    head -c 1500000 /dev/zero >b
    says "$FSC" put -v a b --folder x
    assert_equal "$output $said" ' fsc: connected to {}/socket (FSC_SERVER)
fsc: stored x/a: 2 B in {} s, {}
fsc: stored x/b: 1.5 MB in {} s, {}'
    says "$FSC" -v put a --folder x --json
    assert_equal "$said" 'fsc: connected to {}/socket (FSC_SERVER)
fsc: already there: x/a: 2 B, {}'
    assert_equal "$(jq -r .outcome <<<"$output")" 'already there'
    says "$FSC" get x/a x/b --verbose
    assert_equal "$output $said" ' fsc: connected to {}/socket (FSC_SERVER)
fsc: already there: x/a: 2 B, {}
fsc: already there: x/b: 1.5 MB, {}'
    says "$FSC" get x/a --output - -v
    assert_equal "$output $said" '1 fsc: connected to {}/socket (FSC_SERVER)
fsc: fetched x/a: 2 B in {} s, {}'
    says "$FSC" rm -v x/a x/c --missing-ok
    assert_equal "$output $said" ' fsc: connected to {}/socket (FSC_SERVER)
fsc: deleted x/a
fsc: already gone: x/c'
    "$FSC" put a --folder x
    says "$FSC" rm -v --match '*' --keep 1 x
    assert_equal "$output $said" ' fsc: connected to {}/socket (FSC_SERVER)
fsc: x: files that match: 2, kept of these: 1
fsc: deleted x/b'
    "$FSC" put b --folder x
    # Failures are the same lines as without it, in their places.
    run --separate-stderr "$FSC" get -v x/c x/b --server "$SOCKET" --output -
    assert_equal "$status" 4
    assert_equal "${stderr_lines[0]}" "fsc: connected to $SOCKET (--server)"
    assert_equal "${stderr_lines[1]}" 'fsc: x/c: no such file in the library'
    assert_regex "${stderr_lines[2]}" '^fsc: fetched x/b: '
}

@test "verbose: how the server was reached" {
    start_fsd --listen plain:127.0.0.1:0 --anonymous list
    says "$FSC" ls -v --server "plain:127.0.0.1:$FSD_PORT"
    assert_equal "$output $said" " fsc: connected to plain:127.0.0.1:$FSD_PORT at 127.0.0.1, port $FSD_PORT, without encryption (--server)"
    cat >relay.sh <<END
exec "$FSD" --config "$CONFIG" --library "$LIBRARY" --stdio 2>/dev/null
END
    use_settings "server = \"exec:sh '$WORK/relay.sh'\";"
    FSC_SERVER='' says "$FSC" ls -v
    assert_equal "$output $said" " fsc: started exec:sh '{}/relay.sh' ({}/config/fsc/fsc.conf:1)"
    use_settings "servers = ({ name = \"here\"; address = \"$SOCKET\"; });"
    says "$FSC" ls -v --server here
    assert_equal "$output $said" ' fsc: connected to {}/socket (here, --server)'
}

@test "verbose: TLS, with both keys, and where that of the server is pinned" {
    local server own
    start_tls --anonymous list
    server=$("$FSD" --library "$LIBRARY" --identity "$IDENTITY" --print-identity)
    says "$FSC" trust -v "127.0.0.1:$TLS_PORT" "$server"
    assert_equal "$output $said" " fsc: {}/config/fsc/known_servers: added 1 of 127.0.0.1:$TLS_PORT"
    FSC_SERVER=127.0.0.1:$TLS_PORT
    says "$FSC" ls -v
    own=$("$FSC" identity | head -n 1)
    assert_equal "$said" "fsc: connected to 127.0.0.1:$TLS_PORT at 127.0.0.1, port $TLS_PORT (FSC_SERVER)
fsc: made your key: {}/config/fsc/identity.pem
fsc: TLS: the server has the key {}, as pinned in {}/config/fsc/known_servers:1; yours is {}"
    [[ $stderr == *"the key $server, "*"; yours is $own" ]]
    echo "servers = ({ name = \"here\"; address = \"$FSC_SERVER\"; key = \"$server\"; });" >own.conf
    says env -u XDG_CONFIG_HOME -u HOME "$FSC" ls -v --server here --config own.conf
    assert_equal "${said#*$'\n'}" 'fsc: TLS: the server has the key {}, as set in own.conf:1; you have none: there is no HOME to keep one in'
}

@test "verbose: attempts, and where an upload and a download resumed" {
    local digest first
    use_settings 'limits = { pause = "10ms"; };'
    head -c 500000 /dev/urandom >large
    digest=sha256:$(sha256sum <large | cut -d ' ' -f 1)
    first=sha256:$(head -c 131234 large | sha256sum | cut -d ' ' -f 1)
    says fake "$FSC" put -v large --retry 4 <<SCRIPT
> PUT large *
<.
> PUT large *
< OK offset=0
>item
<.
> PUT large *
< OK offset=131234 digest=$first
>body
< OK size=500000 digest=$digest
SCRIPT
    assert_equal "$said" 'fsc: connected to {}/socket (FSC_SERVER)
fsc: attempt 2 of 5 in {} s: {}/socket: the connection was closed before the server answered
fsc: connected to {}/socket (FSC_SERVER)
fsc: attempt 3 of 5 in {} s: large: the connection was lost
fsc: connected to {}/socket (FSC_SERVER)
fsc: large: resumed at 131.2 kB
fsc: stored large: 500.0 kB in {} s, {}'
    says fake "$FSC" put -v large --replace --retry 1 <<SCRIPT
> PUT large *
< OK offset=0
>item
<.
> PUT large *
< OK offset=0
>body
< OK size=500000 digest=$digest
SCRIPT
    assert_equal "$said" 'fsc: connected to {}/socket (FSC_SERVER)
fsc: attempt 2 of 2 in {} s: large: the connection was lost
fsc: connected to {}/socket (FSC_SERVER)
fsc: large: starts again, because the server has kept nothing of it
fsc: stored large: 500.0 kB in {} s, {}'
    says fake "$FSC" get -v a --retry 1 <<SCRIPT
> GET a
< OK size=10 digest=$digest_of_hello
< 3\nhel
<.
> GET a offset=3 digest=$digest_of_hello
< FAIL mismatch
> GET a
< OK size=5 digest=$digest_of_hello
< 5\nhello\nEND digest=$digest_of_hello
SCRIPT
    assert_equal "$said" 'fsc: connected to {}/socket (FSC_SERVER)
fsc: attempt 2 of 2 in {} s: a: the connection was lost
fsc: connected to {}/socket (FSC_SERVER)
fsc: a: starts again, because it may be another file by now
fsc: fetched a: 5 B in {} s, {}'
}

@test "verbose: a download that could not be resumed" {
    says fake "$FSC" get -v a --resume <<SCRIPT
> GET a length=0
< OK size=5
< END
> GET a
< OK size=5
< 5\nhello\nEND digest=$digest_of_hello
SCRIPT
    assert_equal "$said" 'fsc: connected to {}/socket (FSC_SERVER)
fsc: a: nothing of it could be kept, because the server has no digest of it
fsc: fetched a: 5 B in {} s, {}'
}

@test "verbose: an answer that was lost" {
    printf hello >small
    says fake "$FSC" put -v small <<SCRIPT
> PUT small *
> 5
> hello
> END
<.
> PUT small *
< EXISTS same=1
SCRIPT
    assert_equal "$said" 'fsc: connected to {}/socket (FSC_SERVER)
fsc: small: the answer was lost; asks whether it is stored
fsc: connected to {}/socket (FSC_SERVER)
fsc: already there: small: 5 B, {}'
}

@test "quiet: only errors are printed" {
    start_fsd
    mkdir empty
    echo 1 >a
    assert_silent "$FSC" put -q a
    assert_silent "$FSC" --quiet put -R empty
    assert_fails 4 "$FSC" get -q missing
    assert_equal "$stderr" 'fsc: missing: no such file in the library'
    assert_fails 2 "$FSC" -q ls -v
    assert_equal "$stderr" 'fsc: ls: --verbose and --quiet cannot be used together'
    assert_fails 2 "$FSC" ls --progress --no-progress
    assert_equal "$stderr" 'fsc: ls: --progress and --no-progress cannot be used together'
}

@test "color: only the prefix of errors, and only on a terminal" {
    local red=$'\e[1;31mfsc:\e[0m'
    export TERM=xterm
    unset NO_COLOR
    start_fsd
    echo 1 >a
    # Not in a pipe.
    assert_fails 4 "$FSC" get missing
    assert_fails 4 "$FSC" get missing --color=auto
    run --separate-stderr "$FSC" get missing --color always
    assert_equal "$status $output $stderr" "4  $red missing: no such file in the library"
    run ! at_terminal "$FSC" get -v missing
    assert_equal "$(<shown)" "fsc: connected to $SOCKET (FSC_SERVER)
$red missing: no such file in the library"
    run ! at_terminal "$FSC" get missing --color never
    assert_equal "$(<shown)" 'fsc: missing: no such file in the library'
    # Also where the command line is wrong.
    run ! at_terminal "$FSC" get
    assert_equal "$(<shown)" "$red get: needs NAME... or --match PATTERN (see fsc help get)"
    run ! at_terminal env NO_COLOR=1 "$FSC" get missing
    assert_equal "$(<shown)" 'fsc: missing: no such file in the library'
    run ! at_terminal env NO_COLOR=1 "$FSC" get missing --color always
    assert_equal "$(<shown)" "$red missing: no such file in the library"
    run ! at_terminal env NO_COLOR= "$FSC" get missing
    assert_equal "$(<shown)" "$red missing: no such file in the library"
    run ! at_terminal env TERM=dumb "$FSC" get missing
    assert_equal "$(<shown)" 'fsc: missing: no such file in the library'
    run ! at_terminal env -u TERM "$FSC" get missing
    assert_equal "$(<shown)" 'fsc: missing: no such file in the library'
    # What goes to standard output has none.
    at_terminal "$FSC" --color=always put a
    at_terminal "$FSC" --color=always ls -l
    run ! grep -q $'\e' shown
    assert_fails 2 "$FSC" ls --color=sometimes
    assert_equal "$stderr" 'fsc: --color: must be auto, always or never'
    assert_fails 2 "$FSC" ls --color
}

@test "verbose: commands, dry runs and what was skipped" {
    start_fsd
    mkdir tree
    echo 1 >tree/a
    ln -s a tree/link
    says "$FSC" put -v --name x --from-command -- echo hello
    assert_equal "$output $said" ' fsc: connected to {}/socket (FSC_SERVER)
fsc: stored x: 6 B in {} s, {}'
    says "$FSC" put -v --name y --spool --from-command -- echo hello
    assert_equal "$output $said" ' fsc: connected to {}/socket (FSC_SERVER)
fsc: connected to {}/socket (FSC_SERVER)
fsc: stored y: 6 B in {} s, {}'
    says "$FSC" get -v x --to-command -- cat
    assert_equal "$output $said" 'hello fsc: connected to {}/socket (FSC_SERVER)
fsc: fetched x: 6 B in {} s, {}'
    says "$FSC" get -v -n x
    assert_equal "$output" $'to be fetched\tx'
    assert_regex "$said" $'\nfsc: to be fetched: x: 6 B'
    says "$FSC" put -v -R tree --links skip
    assert_regex "$said" $'\nfsc: skipped tree/link: [a-z ]+\n'
    assert_regex "$said" $'\nfsc: skipped 1 link$'
    says "$FSC" put -q -R tree --links skip
    assert_equal "$said" ''
}

@test "verbose: why there is no other attempt" {
    use_settings 'limits = { pause = "1h"; };'
    run --separate-stderr "$FSC" get a -v --retry 1 --max-time 10
    assert_equal "$status" 10
    assert_regex "$stderr" $'^fsc: no other attempt, because of --max-time\nfsc: .*: cannot connect: '
    run --separate-stderr "$FSC" get a -v --retry 1 --retry-max-time 1
    assert_equal "$status" 10
    assert_regex "$stderr" '^fsc: no other attempt, because of --retry-max-time'
}
