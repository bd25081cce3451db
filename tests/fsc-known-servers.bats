#!/usr/bin/env bats
# Which servers on the network fsc speaks to, and by which key they know it.
# bats file_tags=once

load library
load fsc
load machine
load tls

# Fingerprints of no key that anybody has.
one=SHA256:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE
two=SHA256:AXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE
three=SHA256:BXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE

setup_file() {
    # The server's own keys, and some more.
    local name
    for name in server other first second third; do
        "$FSD_BUILD/fsc" identity --identity "$BATS_FILE_TMPDIR/$name.pem" >"$BATS_FILE_TMPDIR/$name"
    done
}

# key_of NAME: its fingerprint.
key_of() {
    head -n 1 "$BATS_FILE_TMPDIR/$1"
}

# serve KIND [KEY]: starts a server on a free port, and sets $address and $known. "tls" has a key of
# setup_file, "server" if none is given, and denies every request; "keys" also wants the key of the client,
# which must be "first". "changes"
# hears one request, and then has the key "other". "http", "ssh" and "text" speak that, and "silent" nothing. For each connection there
# is a line in "heard": "first", "none" for a client without a key, or "nobody" if there was no handshake.
serve() {
    : >>heard
    python3 - "$1" "$BATS_FILE_TMPDIR" "${2:-server}" 3>&- >port <<'END' &
import os, re, socket, ssl, sys

kind, folder, key = sys.argv[1:]
parent = os.getppid()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.load_cert_chain(f'{folder}/{key}.pem')
context.set_alpn_protocols(['fsd/1'])
context.verify_mode = ssl.CERT_OPTIONAL if kind == 'keys' else ssl.CERT_NONE
with open(f'{folder}/first.pem') as file:
    context.load_verify_locations(cadata=re.search('-----BEGIN CERT.*', file.read(), re.S)[0])


def answer(client):
    if kind not in ('tls', 'keys', 'changes'):
        first = {'http': b'HTTP/1.1 400 Bad Request\r\n', 'ssh': b'SSH-2.0-x\r\n', 'text': b'OK\n'}.get(kind)
        if first:
            client.sendall(first)
        while client.recv(65536):
            pass
        return 'nobody'
    try:
        secure = context.wrap_socket(client, server_side=True)
    except (ssl.SSLError, OSError):
        return 'nobody'
    if kind == 'changes':
        secure.recv(65536)
        context.load_cert_chain(f'{folder}/other.pem')
        return 'none'
    try:
        while secure.recv(65536):
            secure.sendall(b'FAIL denied not for you\n')
    except (ssl.SSLError, OSError):
        pass
    return 'first' if secure.getpeercert(True) else 'none'


listener = socket.create_server(('127.0.0.1', 0))
listener.settimeout(0.1)
print(listener.getsockname()[1], flush=True)
# Not longer than the test.
while os.getppid() == parent:
    try:
        client = listener.accept()[0]
    except TimeoutError:
        continue
    client.settimeout(None)
    line = answer(client)
    with open('heard', 'a') as file:
        file.write(line + '\n')
    client.close()
END
    await test -s port
    address=LocalHost:$(cat port)
    known=localhost:$(cat port)
    rm port
}

# heard COUNT: prints what the server has heard, once that are so many lines.
heard() {
    await has_heard "$1"
    cat heard
}

has_heard() {
    [ "$(wc -l <heard)" -ge "$1" ]
}

pins() {
    printf '%s\n' "$XDG_CONFIG_HOME/fsc/known_servers"
}

# write_pins LINE...: the user's file.
write_pins() {
    mkdir -p "$XDG_CONFIG_HOME/fsc"
    printf '%s\n' "$@" >"$(pins)"
}

# assert_pins LINE...: all of the file.
assert_pins() {
    assert_equal "$(cat "$(pins)")" "$(printf '%s\n' "$@")"
}

# unknown NAME KEY: what is said of a server without a pin.
unknown() {
    printf 'fsc: %s: unknown server with the key %s (use fsc trust %s %s if that is its key)' "$1" "$2" "$1" "$2"
}

# changed NAME KEY PLACE: what is said of one with another key than the pinned one.
changed() {
    local advice="use fsc trust --remove $1 && fsc trust $1 $2" verb=pinned
    [ "${3%:*}" = "$(pins)" ] || advice='change that line' verb=set
    printf 'fsc: %s: THE SERVER HAS ANOTHER KEY than the one that is %s in %s, and may be an impostor: %s; nothing was sent to it (if it was given that key, %s)' "$1" "$verb" "$3" "$2" "$advice"
}

@test "trust: pins are lines of a file that only the user can read" {
    assert_silent "$FSC" trust Backup1.Example "$one"
    assert_silent "$FSC" trust backup1.example:7373 "$two" "$three" "$two"
    assert_silent "$FSC" trust '[FE80::1%eth0]' "$one"
    assert_silent "$FSC" trust backup1.example:99 "$one"
    # Those that are there stay as they are.
    assert_silent "$FSC" trust BACKUP1.example "$one"
    assert_pins "backup1.example:7373 $one" "backup1.example:7373 $two" "backup1.example:7373 $three" \
        "[fe80::1%eth0]:7373 $one" "backup1.example:99 $one"
    assert_equal "$(stat -c %a "$(pins)" "$XDG_CONFIG_HOME/fsc" | xargs)" '600 700'
    assert_equal "$(ls "$XDG_CONFIG_HOME/fsc")" known_servers
    run --separate-stderr "$FSC" trust --list
    assert_equal "$status $stderr" '0 '
    assert_output "$(cat "$(pins)")"
    run --separate-stderr "$FSC" trust --list backup1.EXAMPLE:99
    assert_output "backup1.example:99 $one"
    run --separate-stderr "$FSC" trust --list nowhere.example
    assert_equal "$status $output$stderr" '0 '
    assert_equal "$("$FSC" trust --list --json '[fe80::1%eth0]:7373' | jq -r '[.server, .key, .file, .line] | join(" ")')" \
        "[fe80::1%eth0]:7373 $one $(pins) 4"
}

@test "trust: --remove takes pins away, and nothing else" {
    write_pins '# Ours.' "a $one # first" '' "A:7373 $two" "b $one" "a:99 $one" "a $three"
    chmod 0644 "$(pins)"
    assert_silent "$FSC" trust a --remove "$two" "$two"
    assert_pins '# Ours.' "a $one # first" '' "b $one" "a:99 $one" "a $three"
    assert_fails 4 "$FSC" trust --remove a "$two"
    assert_equal "$stderr" 'fsc: a:7373: there is no such pin'
    assert_silent "$FSC" trust --remove a
    assert_pins '# Ours.' '' "b $one" "a:99 $one"
    assert_fails 4 "$FSC" trust --remove a
    assert_silent "$FSC" trust a "$two"
    assert_pins '# Ours.' '' "b $one" "a:99 $one" "a:7373 $two"
    assert_equal "$(stat -c %a "$(pins)")" 644
    rm -r "$XDG_CONFIG_HOME"
    assert_fails 4 "$FSC" trust --remove a
    [ ! -e "$XDG_CONFIG_HOME" ]
}

@test "trust: what cannot be a pin is refused, and nothing changes" {
    local wrong
    while read -r wrong; do
        # shellcheck disable=SC2086
        assert_fails 2 "$FSC" trust $wrong
        [ ! -e "$XDG_CONFIG_HOME/fsc/known_servers" ]
    done <<END
--remove
--accept
$one
a SHA256:x
a ${one}x
a ${one/SHA/sha}
a $one ${one%?}F
/run/socket $one
plain:a $one
ssh://a $one
exec:a $one
u@a $one
a: $one
a:65536 $one
::1 $one
a#b $one
plain $one
--list a $one
--accept a $one
--list --remove a
--list --accept
--remove --accept a
END
    run "$FSC" trust "$one"
    assert_output "fsc: $one: the host is missing before the fingerprint"
    run "$FSC" trust /run/socket
    assert_output 'fsc: /run/socket: has no key to pin: only HOST, HOST:PORT and [V6]:PORT have one'
}

@test "trust: a line that is not a pin is refused, with its place" {
    local command
    write_pins '# Ours.' "a $one" "b $one note"
    for command in 'trust --list' "trust a $two" 'trust --remove a' 'trust --remove b' 'ls --server 127.0.0.1:1'; do
        # shellcheck disable=SC2086
        FSC_SERVER='' run --separate-stderr "$FSC" $command
        # Without a connection there is nothing to look up.
        [ "${command%% *}" = ls ] || assert_equal "$status $stderr" "2 fsc: $(pins):3: has something after the fingerprint"
    done
    serve tls
    assert_fails 2 "$FSC" ls --server "$address"
    assert_equal "$stderr" "fsc: $(pins):3: has something after the fingerprint"
    write_pins "a"
    assert_fails 2 "$FSC" trust --list
    assert_equal "$stderr" "fsc: $(pins):1: has no fingerprint after the host (SHA256: and 43 characters)"
    assert_pins a
}

@test "trust: pins that others could have made are not read" {
    local command advice='use chmod go-w, or set HOME to your own folder'
    write_pins "a $one"
    for command in '--list' "a $two" '--remove a'; do
        chmod 0622 "$(pins)"
        # shellcheck disable=SC2086
        assert_fails 2 "$FSC" trust $command
        assert_equal "$stderr" "fsc: $(pins): others can write to it ($advice)"
        chmod 0600 "$(pins)"
        chmod 0777 "$XDG_CONFIG_HOME"
        # shellcheck disable=SC2086
        assert_fails 2 "$FSC" trust $command
        assert_equal "$stderr" "fsc: $(pins): others can write to its folder $XDG_CONFIG_HOME ($advice)"
        chmod 0755 "$XDG_CONFIG_HOME"
    done
    skip_unless_root 'to be another user'
    chown 65534 "$(pins)"
    assert_fails 2 "$FSC" trust --list
    assert_regex "$stderr" 'belongs to nobody \(set HOME to your own folder\)$'
    chown -R 65534 "$XDG_CONFIG_HOME"
    assert_fails 9 "$FSC" trust a "$two"
    assert_regex "$stderr" 'cannot open or make its folder: Operation not permitted \(set HOME to your own folder\)$'
}

@test "trust: without a place for pins, those of the machine are left" {
    local place
    for place in 'XDG_CONFIG_HOME=' 'XDG_CONFIG_HOME=config' 'HOME='; do
        assert_fails 2 env -u HOME -u XDG_CONFIG_HOME "$place" "$FSC" trust a "$one"
        assert_equal "$stderr" 'fsc: there is no HOME, and so no file for the pin (set HOME, or write HOST:PORT and the fingerprint into /etc/fsc/known_servers)'
        assert_silent env -u HOME -u XDG_CONFIG_HOME "$place" "$FSC" trust --list nowhere.example
    done
    use_machine
    write_inside /etc/fsc/known_servers <<<"a $one"
    run --separate-stderr inside env -u HOME fsc trust --list
    assert_equal "$status $output$stderr" "0 a:7373 $one"
    inside fsc trust a "$two"
    run --separate-stderr inside fsc trust --list
    assert_equal "$output" "a:7373 $two"$'\n'"a:7373 $one"
    # Nobody may believe that they are gone.
    run --separate-stderr inside fsc trust --remove a
    assert_equal "$status $output$stderr" '9 fsc: a:7373: is still pinned in /etc/fsc/known_servers:1, for all users (change that file)'
    run --separate-stderr inside fsc trust --list
    assert_equal "$output" "a:7373 $one"
    [ "$(id -u)" -eq 0 ] || skip 'to be another user needs root'
    inside chown 65534 /etc/fsc/known_servers
    run --separate-stderr inside fsc trust --list
    assert_equal "$status $output$stderr" '2 fsc: /etc/fsc/known_servers: belongs to nobody (use chown root)'
}

@test "trust: a file that cannot be written is a local failure" {
    skip_unless_powerless
    write_pins "a $one"
    chmod 0555 "$XDG_CONFIG_HOME/fsc"
    assert_fails 9 powerless "$FSC" trust b "$one"
    assert_equal "$stderr" "fsc: $(pins): cannot change it: Permission denied"
    assert_pins "a $one"
    chmod 0755 "$XDG_CONFIG_HOME/fsc"
    rm -r "$XDG_CONFIG_HOME"
    mkdir -m 0555 "$XDG_CONFIG_HOME"
    assert_fails 9 powerless "$FSC" trust b "$one"
    assert_equal "$stderr" "fsc: $(pins): cannot open or make its folder: Permission denied"
    # 64 KiB.
    chmod 0755 "$XDG_CONFIG_HOME"
    write_pins "#$(printf '%065000d' 0)"
    printf '#%0510d\n' 0 >>"$(pins)"
    assert_fails 9 "$FSC" trust b "$one"
    assert_equal "$stderr" "fsc: $(pins): has no room for more (it may have 64 KiB)"
    assert_equal "$(ls "$XDG_CONFIG_HOME/fsc")" known_servers
}

@test "trust: a link to the file stays, and what a killed run left goes" {
    mkdir -p "$XDG_CONFIG_HOME/fsc" dotfiles
    echo "a $one" >dotfiles/servers
    ln -s "$WORK/dotfiles/servers" "$(pins)"
    echo rubbish >dotfiles/servers.new
    assert_silent "$FSC" trust b "$one"
    [ -L "$(pins)" ]
    assert_pins "a $one" "b:7373 $one"
    assert_equal "$(ls dotfiles)" servers
}

@test "trust: many at once lose none" {
    local i pids=()
    write_pins '# Ours.' "keep $one"
    for i in {1..30}; do
        "$FSC" trust "host$i" "$one" "$two" 3>&- 2>>errors &
        pids+=("$!")
    done
    wait "${pids[@]}"
    for i in {1..30}; do
        "$FSC" trust --remove "host$i" "$two" 3>&- 2>>errors &
        pids+=("$!")
        "$FSC" trust "other$i" "$three" 3>&- 2>>errors &
        pids+=("$!")
    done
    wait "${pids[@]}"
    assert_equal "$(cat errors)" ''
    assert_equal "$(head -n 2 "$(pins)")" $'# Ours.\n'"keep $one"
    assert_equal "$(tail -n +3 "$(pins)" | sort)" \
        "$(for i in {1..30}; do echo "host$i:7373 $one"; echo "other$i:7373 $three"; done | sort)"
    assert_equal "$(ls "$XDG_CONFIG_HOME/fsc")" known_servers
}

@test "trust: waits while another process changes the file" {
    local code=0
    write_pins "a $one"
    mkfifo go
    flock "$(pins)" sh -c 'echo >locked; read -r _ <go; echo "b:7373 $1" >>"$2"' - "$two" "$(pins)" 3>&- &
    await_file locked
    "$FSC" trust c "$three" 3>&- 2>errors &
    await has_open "$!" "$(pins)"
    assert_pins "a $one"
    echo >go
    wait "$!" || code=$?
    assert_equal "$code $(cat errors)" '0 '
    assert_pins "a $one" "b:7373 $two" "c:7373 $three"
}

# has_open PID FILE
has_open() {
    [ -n "$(find "/proc/$1/fd" -lname "$2" 2>/dev/null)" ]
}

@test "trust: a pin is on disk before it counts" {
    skip_when_sanitized strace
    strace -o trial true 2>/dev/null || skip 'strace may not trace here'
    write_pins "a $one"
    strace -o calls -e trace=/rename,fsync "$FSC" trust b "$one"
    assert_equal "$(grep -o -E '^(fsync|rename)' calls | xargs)" 'fsync rename fsync'
}

@test "servers: an unknown one gets nothing, and its key is shown with the command: exit code 13" {
    local command
    serve tls
    assert_fails 13 "$FSC" get x --server "$address" --retry 3
    assert_equal "$stderr" "$(unknown "$known" "$(key_of server)")"
    assert_fails 13 "$FSC" put /etc/passwd --server "$address" --identity "$BATS_FILE_TMPDIR/first.pem"
    run --separate-stderr "$FSC" put /etc/passwd /etc/group --json --server "$address"
    assert_equal "$(jq -r '[.reason, .exit] | join(" ")' <<<"$output")" 'identity 13'
    assert_equal "$(heard 3 | uniq -c | xargs)" '3 nobody'
    [ ! -e "$(pins)" ]
    # As the message has it.
    command=${stderr#*(use fsc } command=${command% if that*}
    # shellcheck disable=SC2086
    assert_silent "$FSC" $command
    assert_fails 6 "$FSC" ls --server "$address"
    assert_equal "$stderr" 'fsc: ls: not for you'
    # The pin is that of the name, not of its address.
    assert_fails 13 "$FSC" ls --server "127.0.0.1:${address#*:}"
    assert_equal "$stderr" "$(unknown "127.0.0.1:${address#*:}" "$(key_of server)")"
}

@test "servers: one whose key has changed gets nothing, loudly: exit code 13" {
    local command
    serve tls
    write_pins '# Ours.' "$known $one" "$known $two"
    assert_fails 13 "$FSC" get x --server "$address" --retry 3
    assert_equal "$stderr" "$(changed "$known" "$(key_of server)" "$(pins):2")"
    assert_fails 13 "$FSC" get x --wait=5 --server "$address"
    run --separate-stderr "$FSC" trust --accept "$address"
    assert_equal "$status $output" "13 $known $(key_of server)"
    assert_equal "$stderr" "$(changed "$known" "$(key_of server)" "$(pins):2")"
    assert_pins '# Ours.' "$known $one" "$known $two"
    assert_equal "$(heard 3 | uniq -c | xargs)" '3 nobody'
    command=${stderr#*that key, use } command=${command%)}
    PATH=$FSD_BUILD:$PATH assert_silent bash -c "$command"
    assert_pins '# Ours.' "$known $(key_of server)"
    assert_fails 6 "$FSC" ls --server "$address"
}

@test "servers: one whose key changes within a run gets nothing more: exit code 13" {
    local retry
    printf hello >file
    for retry in 0 3; do
        for command in 'put file' 'get x' 'rm x'; do
            rm -rf heard "$XDG_CONFIG_HOME"
            serve changes
            # LeakSanitizer fails where a thread looks a host up after the module of TLS was loaded.
            address=127.0.0.1:${known#*:} known=$address
            assert_silent "$FSC" trust "$address" "$(key_of server)"
            use_settings "retry = $retry; limits = { pause = \"1ms\"; };"
            # shellcheck disable=SC2086
            run --separate-stderr "$FSC" $command --server "$address"
            # Without another attempt, get and rm do not find out.
            if [[ "$status $command $retry" = "10 "@(get|rm)" x 0" ]]; then
                assert_equal "$(heard 1)" none
                continue
            fi
            assert_equal "$status $output" '13 '
            assert_equal "$stderr" "$(changed "$known" "$(key_of other)" "$(pins):1")"
            assert_equal "$(heard 2 | xargs)" 'none nobody'
        done
    done
}

@test "servers: any of several pins matches" {
    serve tls
    assert_silent "$FSC" trust "$address" "$one" "$(key_of server)" "$two"
    assert_fails 6 "$FSC" ls --server "$address"
    # It gets another key, which was announced.
    assert_silent "$FSC" trust "$address" "$(key_of other)"
    assert_silent "$FSC" trust --remove "$address" "$one"
    serve tls other
    sed -i "s/^localhost:[0-9]*/$known/" "$(pins)"
    assert_fails 6 "$FSC" ls --server "$address"
    assert_silent "$FSC" trust --remove "$address" "$(key_of other)"
    assert_fails 13 "$FSC" ls --server "$address"
}

@test "servers: trust without a fingerprint shows it, and pins it with --accept only" {
    serve tls
    run --separate-stderr "$FSC" trust "$address"
    assert_equal "$status $output" "13 $known $(key_of server)"
    assert_equal "$stderr" "$(unknown "$known" "$(key_of server)")"
    [ ! -e "$(pins)" ]
    assert_equal "$("$FSC" trust "$address" --json 2>/dev/null | jq -r '[.server, .key, .outcome] | join(" ")')" \
        "$known $(key_of server) unknown"
    run --separate-stderr "$FSC" trust "$address" --accept
    assert_equal "$status $output$stderr" "0 $known $(key_of server)"
    assert_pins "$known $(key_of server)"
    for _ in 1 2; do
        run --separate-stderr "$FSC" trust "$address" --accept
        assert_equal "$status $output$stderr" "0 $known $(key_of server)"
    done
    run --separate-stderr "$FSC" trust "$address"
    assert_equal "$status $output$stderr" "0 $known $(key_of server)"
    assert_equal "$("$FSC" trust "$address" --json | jq -r .outcome)" pinned
    assert_pins "$known $(key_of server)"
    # No key was shown, and none was made.
    assert_equal "$(heard 7 | uniq -c | xargs)" '7 nobody'
    assert_equal "$(ls "$XDG_CONFIG_HOME/fsc")" known_servers
    # Nowhere to put it.
    run --separate-stderr env -u HOME -u XDG_CONFIG_HOME "$FSC" trust --accept "$address"
    assert_equal "$status" 2
    run --separate-stderr timeout 20 "$FSC" trust --accept 127.0.0.1:1
    assert_equal "$status" 10
}

@test "servers: what does not speak TLS is named, and nothing else is tried" {
    local kind word
    while read -r kind word; do
        serve "$kind"
        for command in ls 'put /etc/passwd' trust; do
            # shellcheck disable=SC2086
            [ "$command" = trust ] && set -- trust "$address" || set -- $command --server "$address"
            assert_fails 1 "$FSC" "$@"
            assert_regex "$stderr" "^fsc: (LocalHost|localhost):[0-9]+: speaks $word instead of TLS\$"
        done
    done <<'END'
http HTTP
ssh SSH
text plain text
END
    serve silent
    assert_fails 11 "$FSC" ls --server "$address" --connect-timeout 300ms
    assert_equal "$stderr" "fsc: $address: connected, but there was no handshake in time"
    assert_fails 11 "$FSC" trust "$address" --connect-timeout 300ms
    assert_fails 11 "$FSC" trust "$address" --max-time 300ms
}

@test "names: --server, FSC_SERVER and the setting take them" {
    serve tls
    write_pins "$known $(key_of server)"
    use_settings "servers = ( { name = \"backup\"; address = \"$address\"; retry = 7; },
        { name = \"local\"; address = \"$SOCKET\"; }, { name = \"own\"; address = \"exec:exit 5\"; } );"
    for command in "$FSC --server backup ls" "env FSC_SERVER=backup $FSC ls"; do
        # shellcheck disable=SC2086
        assert_fails 6 $command
    done
    assert_fails 10 "$FSC" ls --server own
    assert_equal "$stderr" 'fsc: exec:exit 5: ended with 5 before the server answered'
    run --separate-stderr "$FSC" config --server backup
    assert_line 'server = "backup"; # --server'
    assert_line "retry = 7; # $XDG_CONFIG_HOME/fsc/fsc.conf:1"
    run --separate-stderr "$FSC" config --server local
    assert_line 'retry = 0; # default'
    # A host of that name is written with its port.
    run --separate-stderr "$FSC" ls --server backup:1 --connect-timeout 2s
    assert_regex "$stderr" '^fsc: backup:1: cannot '
    run --separate-stderr "$FSC" ls --server bakcup --connect-timeout 2s
    assert_regex "$stderr" '^fsc: bakcup: cannot look up the host( in time|: .* \(nor is it a name in the setting servers\))$'
    start_fsd
    assert_silent "$FSC" ls --server local
    echo 'server = "local";' >>"$XDG_CONFIG_HOME/fsc/fsc.conf"
    assert_silent env -u FSC_SERVER "$FSC" ls
    stop_fsd
    # trust takes them for their addresses.
    run --separate-stderr "$FSC" trust backup
    assert_equal "$status $output$stderr" "0 $known $(key_of server)"
    assert_silent "$FSC" trust backup "$one"
    assert_pins "$known $(key_of server)" "$known $one"
    assert_fails 2 "$FSC" trust local "$one"
}

@test "names: a key in the settings counts instead of pins" {
    local place=$XDG_CONFIG_HOME/fsc/fsc.conf:2
    serve tls
    write_pins "$known $one"
    use_settings "servers = ( { name = \"backup\"; address = \"$address\";
        key = ( \"$two\", \"$(key_of server)\" ); } );"
    assert_fails 6 "$FSC" ls --server backup
    assert_fails 13 "$FSC" ls --server "$address"
    run --separate-stderr "$FSC" trust backup
    assert_equal "$status $output$stderr" "0 $known $(key_of server)"
    for command in "$one" "--remove $one" --remove; do
        # shellcheck disable=SC2086
        assert_fails 2 "$FSC" trust backup $command
        assert_equal "$stderr" "fsc: backup: its key is set in $place (change it there)"
    done
    use_settings "servers = ( { name = \"backup\"; address = \"$address\";
        key = \"$two\"; } );"
    assert_silent "$FSC" trust "$address" "$(key_of server)"
    assert_fails 13 "$FSC" ls --server backup
    assert_equal "$stderr" "$(changed "$known" "$(key_of server)" "$place")"
    run --separate-stderr "$FSC" trust backup --accept
    assert_equal "$status" 13
}

@test "names: those of the machine and of the user, who wins" {
    use_machine
    write_inside /etc/fsc/fsc.conf <<<'servers = ( { name = "a"; address = "/a"; }, { name = "b"; address = "/b"; retry = 3; } );'
    write_inside /root/.config/fsc/fsc.conf <<<$'\nservers = ( { name = "c"; address = "/c"; }, { name = "b"; address = "exec:exit 5"; } );'
    run --separate-stderr inside fsc config
    assert_equal "$status $stderr" '0 '
    run sed -n '/^servers/,/^)/p' <<<"$output"
    assert_output 'servers = (
    { name = "a"; address = "/a"; }, # /etc/fsc/fsc.conf:1
    { name = "c"; address = "/c"; }, # /root/.config/fsc/fsc.conf:2
    { name = "b"; address = "exec:exit 5"; } # /root/.config/fsc/fsc.conf:2
); # /etc/fsc/fsc.conf:1'
    run --separate-stderr inside fsc --server b ls
    assert_equal "$status $stderr" '10 fsc: exec:exit 5: ended with 5 before the server answered'
    run --separate-stderr inside fsc --server b config
    assert_line 'retry = 0; # default'
    run --separate-stderr inside fsc --server a ls
    assert_regex "$stderr" '^fsc: /a: cannot connect'
    write_inside /root/.config/fsc/fsc.conf <<<'servers = ( { name = "c"; address = "/c"; }, { name = "c"; address = "/d"; } );'
    run --separate-stderr inside fsc config
    assert_equal "$status $stderr" '2 fsc: servers: there are two servers with the name c (/root/.config/fsc/fsc.conf:1 and /root/.config/fsc/fsc.conf:1)'
}

@test "names: wrong rows are refused, with their place" {
    local row text place=$XDG_CONFIG_HOME/fsc/fsc.conf:1
    while IFS='|' read -r row text; do
        use_settings "servers = ( { name = \"x\"; address = \"/x\"; }, { $row } );"
        assert_fails 2 "$FSC" config
        assert_equal "$stderr" "fsc: $place: servers[1]$text"
    done <<END
address = "/y";|: name is missing
name = "y";|: address is missing
name = "a.b"; address = "/y";|.name: a.b: not a valid name (it can have neither . : / [ @ nor blanks)
name = "a:b"; address = "/y";|.name: a:b: not a valid name (it can have neither . : / [ @ nor blanks)
name = "a b"; address = "/y";|.name: a b: not a valid name (it can have neither . : / [ @ nor blanks)
name = ""; address = "/y";|.name: not a valid name (it can have neither . : / [ @ nor blanks)
name = "plain"; address = "/y";|.name: plain: not a valid name (it can have neither . : / [ @ nor blanks)
name = "y"; address = "";|.address: no server address
name = "y"; address = "y"; key = "SHA256:x";|.key: SHA256:x: not a fingerprint (SHA256: and 43 characters)
name = "y"; address = "/y"; key = "$one";|: key and identity are for an address HOST:PORT only
name = "y"; address = "plain:y"; identity = "/y";|: key and identity are for an address HOST:PORT only
name = "y"; address = "y"; identity = "y";|.identity: "y" is not an absolute path
name = "y"; address = "y"; retry = -1;|.retry: -1 is too small: it must be at least 0
name = "y"; address = "y"; user = "y";|.user: unknown setting
END
    use_settings 'servers = ( { name = "x"; address = "/x"; }, { name = "x"; address = "/y"; } );'
    assert_fails 2 "$FSC" config
    assert_equal "$stderr" "fsc: servers: there are two servers with the name x ($place and $place)"
}

@test "servers: from nothing to a file with fsd, and nothing is asked" {
    local key
    FSD_EXPECTED='^level=warning msg=(denied|"handshake failed") '
    start_tls
    FSC_SERVER=localhost:$TLS_PORT
    printf hello >file
    assert_fails 13 "$FSC" put file
    assert_silent "$FSC" trust "$FSC_SERVER" "$("$FSD" --config "$CONFIG" --library "$LIBRARY" --identity "$IDENTITY" --print-identity)"
    assert_fails 6 "$FSC" put file --name hosts/x/file
    key=$("$FSC" identity | head -n 1)
    assert_equal "$stderr" "fsc: hosts/x/file: anonymous with the key $key may not PUT (needs the right put); fsc identity shows the line that lets this key in"
    "$FSC" identity --identity other.pem >/dev/null
    assert_fails 6 "$FSC" ls --identity other.pem
    assert_equal "${stderr#*; }" "fsc identity --identity $WORK/other.pem shows the line that lets this key in"
    "$FSC" identity | tail -n 1 | sed 's/name = "[^"]*"/name = "x"/' >>"$CONFIG"
    kill -HUP "$FSD_PID"
    await_line "$FSD_PID" "$FSD_LOG" 'msg="settings read again"' 1
    assert_silent "$FSC" put file --name hosts/x/file
    assert_fails 6 "$FSC" put file
    assert_equal "$stderr" 'fsc: file: key:x may not PUT (needs the right put for this name)'
    assert_equal "$("$FSC" get hosts/x/file --output -)" hello
}

@test "identity: it is made on first need, once, and only its user can read it" {
    local i own=$XDG_CONFIG_HOME/fsc/identity.pem pids=()
    serve tls
    write_pins "$known $(key_of server)"
    chmod 0755 "$XDG_CONFIG_HOME/fsc"
    run --separate-stderr "$FSC" config
    [ ! -e "$own" ]
    for i in {1..10}; do
        "$FSC" identity 3>&- >"shown.$i" 2>>errors &
        pids+=("$!")
    done
    wait "${pids[@]}"
    assert_equal "$(cat errors)" ''
    assert_equal "$(cat shown.* | sort -u | wc -l)" 2
    assert_equal "$(stat -c %a "$own")" 600
    assert_equal "$(ls "$XDG_CONFIG_HOME/fsc")" $'identity.pem\nknown_servers'
    rm -r "$XDG_CONFIG_HOME"
    write_pins "$known $(key_of server)"
    run --separate-stderr "$FSC" ls --server "$address"
    assert_equal "$(stat -c %a "$own")" 600
    [[ $(<"$own") == *'BEGIN PRIVATE KEY'*'BEGIN CERTIFICATE'* ]]
}

@test "identity: its fingerprint, and the line for the server's settings" {
    local key line
    run --separate-stderr "$FSC" identity
    assert_equal "$status $stderr" '0 '
    assert_equal "${#lines[@]}" 2
    key=${lines[0]} line=${lines[1]}
    assert_regex "$key" '^SHA256:[A-Za-z0-9+/]{43}$'
    assert_regex "$line" '^clients = \( \{ name = "[A-Za-z0-9_-]+"; key = "'"${key//+/\\+}"'"; rights = "list get put"; folder = "hosts/%c"; \} \);$'
    # It is what others compute: the SHA-256 of the public key.
    assert_equal "$key" "SHA256:$(openssl pkey -in "$XDG_CONFIG_HOME/fsc/identity.pem" -pubout -outform DER | openssl dgst -sha256 -binary | base64 | tr -d =)"
    # It is ready to be pasted.
    echo "$line" >"$CONFIG"
    run quiet "$FSD" --config "$CONFIG" --library /x --print-config
    assert_success
    assert_line --partial "$key"
    assert_equal "$("$FSC" identity)" "$key"$'\n'"$line"
    assert_equal "$("$FSC" identity --json | jq -r '.fingerprint, .file, .clients')" \
        "$key"$'\n'"$XDG_CONFIG_HOME/fsc/identity.pem"$'\n'"$line"
    assert_fails 2 "$FSC" identity x
}

@test "identity: the option wins over the environment, the server's row and the settings" {
    local keys=$BATS_FILE_TMPDIR
    serve keys
    write_pins "$known $(key_of server)"
    use_settings "servers = ( { name = \"backup\"; address = \"$address\"; identity = \"$keys/first.pem\"; } );
        identity = \"$keys/third.pem\";"
    cp -p "$keys/other.pem" here.pem
    shown() { "$@" identity | head -n 1; }
    assert_equal "$(shown "$FSC")" "$(key_of third)"
    assert_equal "$(shown "$FSC" --server backup)" "$(key_of first)"
    assert_equal "$(shown env FSC_IDENTITY= "$FSC" --server backup)" "$(key_of first)"
    assert_equal "$(shown env FSC_IDENTITY="$keys/second.pem" "$FSC" --server backup)" "$(key_of second)"
    assert_equal "$(shown env FSC_IDENTITY="$keys/second.pem" "$FSC" --server backup --identity here.pem)" "$(key_of other)"
    assert_fails 6 "$FSC" ls --server backup
    assert_equal "$(heard 1)" first
    run "$FSC" config --identity here.pem
    assert_line "identity = \"$WORK/here.pem\"; # --identity"
    [ ! -e "$XDG_CONFIG_HOME/fsc/identity.pem" ]
}

@test "identity: a named file that is missing is made by fsc identity only" {
    serve tls
    write_pins "$known $(key_of server)"
    assert_fails 2 "$FSC" ls --server "$address" --identity new.pem
    assert_equal "$stderr" "fsc: $WORK/new.pem: cannot use this identity: No such file or directory (use fsc identity with the same file to make it)"
    [ ! -e new.pem ]
    run --separate-stderr env -u HOME -u XDG_CONFIG_HOME FSC_IDENTITY="$WORK/new.pem" "$FSC" identity
    assert_equal "$status $stderr" '0 '
    assert_equal "$(stat -c %a new.pem)" 600
    assert_fails 6 "$FSC" ls --server "$address" --identity new.pem
    assert_equal "$stderr" 'fsc: ls: not for you'
    assert_fails 2 "$FSC" ls --server "$address" --identity ''
    assert_fails 9 "$FSC" identity --identity /proc/new.pem
    # Folders on its way are made, too, unless they are too many.
    run --separate-stderr "$FSC" identity --identity a/b/new.pem
    assert_equal "$status $stderr" '0 '
    assert_equal "$(stat -c %a a a/b a/b/new.pem)" $'700\n700\n600'
    assert_fails 2 "$FSC" identity --identity "$(printf 'd/%.0s' {1..2100})new.pem"
    assert_regex "$stderr" ': cannot use this identity: File name too long'
    [ ! -e d ]
}

@test "identity: a file that others can read, or that has no key, is refused" {
    local own=$XDG_CONFIG_HOME/fsc/identity.pem
    serve tls
    write_pins "$known $(key_of server)"
    cp -p "$BATS_FILE_TMPDIR/first.pem" "$own"
    chmod 0640 "$own"
    for command in identity "ls --server $address"; do
        # shellcheck disable=SC2086
        assert_fails 2 "$FSC" $command
        assert_equal "$stderr" "fsc: $own: cannot use this identity: others may read the private key (use chmod 600)"
    done
    echo rubbish >"$own"
    chmod 0600 "$own"
    assert_fails 2 "$FSC" identity
    assert_equal "$(cat "$own")" rubbish
    # A Unix socket does not need it.
    start_fsd
    assert_silent "$FSC" ls
    stop_fsd
    # The handshake that did not come.
    assert_equal "$(heard 1 | uniq)" nobody
    skip_unless_root 'to be another user'
    cp "$BATS_FILE_TMPDIR/first.pem" "$own"
    chown 65534 "$own"
    assert_fails 2 "$FSC" identity
    assert_equal "$stderr" "fsc: $own: cannot use this identity: it belongs to nobody (use --identity FILE)"
}

@test "identity: without one fsc is anonymous, and says so when it is denied" {
    serve keys
    write_pins "$known $(key_of server)"
    use_settings "servers = ( { name = \"backup\"; address = \"$address\"; key = \"$(key_of server)\"; } );"
    assert_fails 6 env -u HOME -u XDG_CONFIG_HOME "$FSC" ls --server backup --config config/fsc/fsc.conf
    assert_equal "$stderr" 'fsc: ls: not for you; you have no identity: there is no HOME to keep one in (use --identity FILE)'
    assert_fails 2 env -u HOME -u XDG_CONFIG_HOME "$FSC" identity
    assert_equal "$stderr" 'fsc: no identity: there is no HOME to keep one in (use --identity FILE)'
    assert_fails 6 env -u HOME -u XDG_CONFIG_HOME FSC_IDENTITY="$BATS_FILE_TMPDIR/first.pem" \
        "$FSC" ls --server backup --config config/fsc/fsc.conf
    assert_equal "$stderr" 'fsc: ls: not for you'
    assert_equal "$(heard 2 | xargs)" 'none first'
    skip_unless_powerless
    chmod 0555 "$XDG_CONFIG_HOME/fsc"
    assert_fails 6 powerless "$FSC" ls --server backup
    assert_equal "$stderr" "fsc: ls: not for you; you have no identity: $XDG_CONFIG_HOME/fsc/identity.pem cannot be made: Permission denied (use --identity FILE)"
    assert_fails 9 powerless "$FSC" identity
    chmod 0755 "$XDG_CONFIG_HOME/fsc"
}
