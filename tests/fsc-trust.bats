#!/usr/bin/env bats
# Whom fsc believes: who serves a socket that others could have made, and whose settings count. The
# others are nobody, and sometimes bin.
# bats file_tags=once

load library
load fsc
load machine

# squat SOCKET: nobody listens there, and what comes goes to the file "got".
squat() {
    : >got
    chmod 0666 got
    as_other python3 - "$1" got 3>&- <<'END' &
import os
import socket
import sys

server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
server.listen()
open(sys.argv[1] + '.listens', 'w').close()
client = server.accept()[0]
with open(sys.argv[2], 'ab', buffering=0) as got:
    while data := client.recv(65536):
        got.write(data)
END
    squatter=$!
    await_file "$1.listens"
}

# serve_as USER: the next daemon runs as this user, and lets everybody do everything.
serve_as() {
    FSD_WRAPPER=(setpriv --reuid "$1" --regid "$1" --clear-groups)
    chown "$1" "$LIBRARY"
}

# make_folders: "private", "team" and "sticky", and a library; anybody can come to them, and run fsd.
make_folders() {
    let_others_in
    install -m 0755 "$FSD" "$FSC" .
    FSD=$WORK/fsd FSC=$WORK/fsc
    mkdir private team sticky "$LIBRARY"
    chmod 0777 team
    chmod 1777 sticky
    echo 'anonymous = "list get put replace delete watch status";' >"$CONFIG"
    chmod 0644 "$CONFIG"
    printf hello >file
}

@test "trust: a squatter on a socket gets nothing: exit code 13" {
    local place path
    make_folders
    as_other mkdir sticky/inner
    ln -s ../sticky private/way
    ln -s "$WORK/sticky/socket" private/socket
    while read -r place path; do
        squat "$WORK/$place"
        assert_fails 13 "$FSC" put file --server "$WORK/$path" --retry 3 --max-time 60
        wait "$squatter"
        [[ $stderr == "fsc: $WORK/$path: is served by nobody, who is not trusted, and others can write to $WORK/"*"${place%%/*} (use a socket in a private folder, or the setting socket_users)" ]] ||
            fail "$stderr"
        assert_equal "$(wc -c <got)" 0
        rm "$WORK/$place" "$WORK/$place.listens"
    done <<'END'
sticky/socket sticky/socket
sticky/inner/socket sticky/inner/socket
team/socket team/socket
sticky/socket private/way/socket
sticky/socket private/socket
sticky/socket private/../private/way/../sticky//socket
END
    run --separate-stderr "$FSC" help exit-codes
    assert_line "   13  server's identity unknown or changed"
}

@test "trust: a daemon of another user is refused until socket_users has it" {
    local users
    make_folders
    SOCKET=$WORK/sticky/socket
    serve_as 65534
    start_fsd
    assert_fails 13 "$FSC" put file
    assert_fails 13 "$FSC" ls
    run --separate-stderr "$FSC" put file --json
    assert_equal "$(jq -r '[.reason, .exit] | join(" ")' <<<"$output")" 'identity 13'
    assert_equal "$(find "$LIBRARY" -name file)" ''
    for users in '"bin"' '"no-such-user"' '"1"'; do
        use_settings "socket_users = $users;"
        assert_fails 13 "$FSC" put file
    done
    for users in '"nobody"' '"65534"' '[ "bin", "nobody" ]' '( "1", "65534" )'; do
        use_settings "socket_users = $users;"
        assert_silent "$FSC" put file
    done
    use_settings 'socket_users = "a/b";'
    assert_fails 2 "$FSC" put file
}

@test "trust: one's own daemon and that of root may be anywhere" {
    local place
    make_folders
    for place in sticky private; do
        SOCKET=$WORK/$place/root
        FSD_WRAPPER=()
        start_fsd
        assert_silent "$FSC" put file
        assert_silent as_other "$FSC" ls --server "$SOCKET" --match nothing
        stop_fsd
    done
    chown -R 65534 "$LIBRARY"
    SOCKET=$WORK/sticky/own
    serve_as 65534
    start_fsd
    assert_silent as_other "$FSC" ls --server "$SOCKET" --match nothing
}

@test "trust: the owner of a folder may serve there, and nobody else" {
    make_folders
    install -d -o 65534 -m 0755 given given/deep
    SOCKET=$WORK/given/deep/socket
    chown 65534 given/deep
    serve_as 65534
    start_fsd
    assert_silent "$FSC" put file
    # Others can write there now.
    chmod g+w given
    assert_fails 13 "$FSC" put file
    chmod g-w given
    chown 2 given/deep
    assert_fails 13 "$FSC" put file
    chown 2 given
    assert_fails 13 "$FSC" put file
    chown 65534 given/deep
    chown 0 given
    assert_silent "$FSC" put file
    chown 0 given/deep
    # The folder is ours, so we let in the one who made the socket.
    assert_silent "$FSC" put file
}

@test "trust: the user fsd may serve anywhere" {
    use_machine
    [ "$(id -u)" -eq 0 ] || skip 'to be another user needs root'
    inside sh -c 'sed -i /^fsd:/d /etc/passwd; echo fsd:x:65533:65533::/:/bin/sh >>/etc/passwd'
    inside sh -c 'chown 65533 /srv/files; setpriv --reuid 65533 --regid 65533 --clear-groups \
        fsd --library /srv/files --listen /tmp/socket 2>/srv/log'
    run --separate-stderr inside fsc ls --server /tmp/socket
    assert_equal "$status $output$stderr" '0 '
    inside sed -i s/^fsd:/other:/ /etc/passwd
    run --separate-stderr inside fsc ls --server /tmp/socket
    assert_equal "$status $output" '13 '
    assert_equal "$stderr" 'fsc: /tmp/socket: is served by other, who is not trusted, and others can write to /tmp (use a socket in a private folder, or the setting socket_users)'
}

@test "trust: a server from outside the user namespace is not known" {
    make_folders
    as_other unshare -Ur true 2>/dev/null || skip 'no user namespace can be made here'
    SOCKET=$WORK/sticky/socket
    serve_as 65534
    start_fsd
    assert_silent as_other "$FSC" ls --server "$SOCKET"
    # There its uid is 65534, but so is everybody's.
    serve_as 1
    stop_fsd
    chown -R 1 "$LIBRARY"
    start_fsd
    use_settings 'socket_users = [ "65534", "1" ];'
    chmod -R a+rX config
    assert_silent "$FSC" ls
    assert_fails 13 as_other unshare -Ur "$FSC" ls --server "$SOCKET" --config config/fsc/fsc.conf
    assert_regex "$stderr" 'is served by uid 65534, who is not trusted'
}

# config_of_home: fsc config with HOME, which is "home".
config_of_home() {
    env -u XDG_CONFIG_HOME HOME="$WORK/home" "$FSC" config "$@" >/dev/null
}

# make_home: a user's own settings, which would run a command.
make_home() {
    rm -rf home
    mkdir -p home/.config/fsc
    printf 'server = "exec:touch %s/ran";\n' "$WORK" >home/.config/fsc/fsc.conf
    file=$WORK/home/.config/fsc/fsc.conf
}

# assert_home_refused TEXT: the settings are refused, and nothing is run.
assert_home_refused() {
    assert_fails 2 config_of_home
    assert_equal "$stderr" "fsc: $file: $1"
    assert_fails 2 env -u XDG_CONFIG_HOME -u FSC_SERVER HOME="$WORK/home" "$FSC" ls
    [ ! -e ran ] || fail 'the command was run'
}

@test "trust: the settings of another user are not read" {
    local advice='use --config FILE, or set HOME to your own folder'
    skip_unless_root 'to be another user'
    make_home
    assert_silent config_of_home
    chown -R 65534 home
    assert_home_refused "belongs to nobody ($advice)"
    chown 54321 home/.config/fsc/fsc.conf
    assert_home_refused "belongs to uid 54321 ($advice)"
    # The user has another file there, such as a link to one of root.
    chown -h 0 home/.config/fsc/fsc.conf
    assert_home_refused "its folder $WORK/home belongs to nobody ($advice)"
    make_home
    mv home/.config/fsc/fsc.conf own.conf
    ln -s "$WORK/own.conf" home/.config/fsc/fsc.conf
    assert_silent config_of_home
    chown 65534 home/.config/fsc
    assert_home_refused "its folder $WORK/home/.config/fsc belongs to nobody ($advice)"
    chown 0 home/.config/fsc
    chown 65534 own.conf
    assert_home_refused "belongs to nobody ($advice)"
    # Named, it is the caller's business; and so it is where there is no file.
    assert_silent config_of_home --config "$file"
    rm "$file"
    chown -R 65534 home
    assert_silent config_of_home
}

@test "trust: settings that others can write are not read" {
    local advice='use chmod go-w, or use --config FILE, or set HOME to your own folder'
    make_home
    chmod 0602 "$file"
    assert_home_refused "others can write to it ($advice)"
    chmod 0600 "$file"
    chmod 0777 home/.config
    assert_home_refused "others can write to its folder $WORK/home/.config ($advice)"
    # There they can only add files.
    chmod 1777 home/.config
    assert_silent config_of_home
    chmod 0700 home/.config
    skip_unless_root 'to change groups'
    chown 0:1 "$file"
    chmod 0660 "$file"
    assert_home_refused "others can write to it ($advice)"
    # The group of the user alone.
    [ "$(getent group 0)" = root:x:0: ] || skip 'the group root has members'
    chown 0:0 "$file"
    assert_silent config_of_home
    chmod 0775 home/.config
    assert_silent config_of_home
    set_acl home/.config system.posix_acl_access || skip 'no ACLs here'
    assert_home_refused "others can write to its folder $WORK/home/.config ($advice)"
}

@test "trust: the settings of the machine must be root's" {
    local program
    use_machine
    [ "$(id -u)" -eq 0 ] || skip 'to be another user needs root'
    write_inside /etc/fsc/fsc.conf <<<'retry = 1;'
    write_inside /etc/fsd/fsd.conf <<<'library = "/srv/files";'
    inside fsc config
    inside fsd --print-config
    inside chown 65534 /etc/fsc/fsc.conf /etc/fsd/fsd.conf
    for program in 'fsc config' 'fsd --print-config' 'fsd --check' 'fsd-scrub'; do
        # shellcheck disable=SC2086
        run --separate-stderr inside $program
        assert_equal "$status $output" '2 '
        assert_regex "$stderr" '^fs[a-z-]*: /etc/(fs.)/\1.conf: belongs to nobody \(use chown root, or --config FILE\)$'
    done
    run --separate-stderr inside fsd --print-config --config /etc/fsd/fsd.conf
    assert_success
    inside chown 0 /etc/fsc/fsc.conf /etc/fsd/fsd.conf
    inside chown 65534 /etc/fsc /etc/fsd
    for program in 'fsc config' 'fsd --print-config'; do
        # shellcheck disable=SC2086
        run --separate-stderr inside $program
        assert_equal "$status $output" '2 '
        assert_regex "$stderr" 'its folder /etc/fs. belongs to nobody \(use chown root, or --config FILE\)$'
    done
}

@test "trust: the group of a user alone may write, whatever its number is" {
    local home=(setpriv --reuid 4000 --regid 5000 --clear-groups env HOME=/home/alone fsc config)
    use_machine
    [ "$(id -u)" -eq 0 ] || skip 'to be another user needs root'
    inside sh -c 'echo alone:x:4000:5000::/home/alone:/bin/sh >>/etc/passwd; echo alone:x:5000: >>/etc/group'
    write_inside /home/alone/.config/fsc/fsc.conf 0664 <<<'retry = 1;'
    inside sh -c 'chmod -R g+w /home/alone; chown -R 4000:5000 /home/alone'
    run --separate-stderr inside "${home[@]}"
    assert_equal "$status $stderr" '0 '
    inside sed -i 's/^alone:x:5000:$/&alone/' /etc/group
    run --separate-stderr inside "${home[@]}"
    assert_equal "$status $stderr" '0 '
    # Now it has another member, or is called otherwise, or is not the first group of the user.
    for change in 's/^\(alone:x:5000:\).*/\1bin/' 's/^alone\(:x:5000:\).*/team\1/' 's/^alone:x:5000:.*//'; do
        inside sed -i "$change" /etc/group
        run --separate-stderr inside "${home[@]}"
        assert_equal "$status" 2
        assert_regex "$stderr" 'others can write to its folder /home/alone '
    done
}
