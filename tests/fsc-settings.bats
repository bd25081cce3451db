#!/usr/bin/env bats
# The settings of fsc: where they come from, which one wins, and errors in them.
# bats file_tags=once

load library
load fsc

# user_file: writes stdin to the user's own configuration file.
user_file() {
    mkdir -p "$XDG_CONFIG_HOME/fsc"
    cat >"$XDG_CONFIG_HOME/fsc/fsc.conf"
}

# print_durations: name, least, most and default of each setting that is a duration.
print_durations() {
    "$FSC" help settings | sed -n -E \
        's/^limits\.([a-z_]+), a duration from ([^ ]*) to ([^;]*); (default )?(.*)$/\1 \2 \3 \5/p'
}

# assert_refused LINE TEXT: fsc config refuses the file on stdin for a reason with TEXT, on that line.
assert_refused() {
    cat >bad.conf
    assert_fails 2 "$FSC" config --config bad.conf
    assert_regex "$stderr" "^fsc: bad\.conf:$1: .*$2"
    # Whatever the command.
    assert_fails 2 "$FSC" ls --config bad.conf
}

@test "settings: config prints what is in force, and its origin" {
    run quiet env -u FSC_SERVER "$FSC" config
    assert_success
    assert_line --index 0 'server = "/run/fsd/fsd.sock"; # default'
    assert_line '    connect = "10s"; # default'
    assert_line '    idle = "30s"; # default'
    assert_line '    #max_time = not set'
    user_file <<'CONF'
# A comment.
server = "/user/socket";
limits = { idle = "5m"; max_time = "1d"; };
CONF
    run quiet env -u FSC_SERVER "$FSC" config
    assert_line "server = \"/user/socket\"; # $XDG_CONFIG_HOME/fsc/fsc.conf:2"
    assert_line "    idle = \"5m\"; # $XDG_CONFIG_HOME/fsc/fsc.conf:3"
    run quiet "$FSC" config --max-time 10
    assert_line "server = \"$SOCKET\"; # FSC_SERVER"
    assert_line '    max_time = "10s"; # --max-time'
    run quiet "$FSC" config --connect-timeout 1500ms
    assert_line '    connect = "1500ms"; # --connect-timeout'
    assert_fails 2 "$FSC" config --connect-timeout 0
    assert_regex "$stderr" '^fsc: --connect-timeout: '
    run quiet "$FSC" config --server exec:true
    assert_line 'server = "exec:true"; # --server'
    # What it prints is a configuration that means the same.
    "$FSC" config | sed 's/# .*//' >printed
    "$FSC" config --config printed | sed 's/# .*//' >again
    sed '/#max_time/d' printed | diff again -
    assert_fails 2 "$FSC" config x
    run --separate-stderr bash -c '"$1" config >/dev/full' - "$FSC"
    assert_equal "$status" 9
}

@test "settings: the server is that of the option, the environment, the file" {
    start_fsd
    user_file <<<"server = \"$SOCKET\";"
    assert_silent env -u FSC_SERVER "$FSC" ls
    assert_silent env FSC_SERVER= "$FSC" ls
    FSC_SERVER=/nowhere assert_fails 10 "$FSC" ls
    FSC_SERVER=/nowhere assert_silent "$FSC" ls --server "$SOCKET"
    user_file <<<'server = "/nowhere";'
    assert_silent "$FSC" ls
    assert_fails 10 env -u FSC_SERVER "$FSC" ls
    # --config is instead of all other files.
    echo 'limits = { idle = "7s"; };' >other.conf
    run quiet env -u FSC_SERVER "$FSC" --config other.conf config
    assert_line 'server = "/run/fsd/fsd.sock"; # default'
    assert_line '    idle = "7s"; # other.conf:1'
    assert_fails 2 "$FSC" ls --config missing.conf
    assert_equal "$stderr" 'fsc: missing.conf: No such file or directory'
}

@test "settings: where the user's file is" {
    local place
    mkdir -p home/.config/fsc xdg/fsc
    echo 'server = "/of/home";' >home/.config/fsc/fsc.conf
    echo 'server = "/of/xdg";' >xdg/fsc/fsc.conf
    while read -r place expected; do
        # shellcheck disable=SC2086
        run quiet env -i ${place//,/ } "$FSC" config
        assert_equal "$place ${lines[0]%%; *}" "$place server = \"$expected\""
    done <<PLACES
XDG_CONFIG_HOME=$WORK/xdg,HOME=$WORK/home /of/xdg
XDG_CONFIG_HOME=xdg,HOME=$WORK/home /of/home
XDG_CONFIG_HOME=,HOME=$WORK/home /of/home
HOME=$WORK/home /of/home
HOME=home /run/fsd/fsd.sock
HOME= /run/fsd/fsd.sock
X= /run/fsd/fsd.sock
HOME=/dev/null /run/fsd/fsd.sock
HOME=$WORK/nowhere /run/fsd/fsd.sock
XDG_CONFIG_HOME=$WORK/nowhere,HOME=$WORK/home /run/fsd/fsd.sock
PLACES
}

@test "settings: files that cannot be read" {
    mkdir -p "$XDG_CONFIG_HOME/fsc/fsc.conf"
    assert_fails 2 "$FSC" ls
    assert_regex "$stderr" "^fsc: $XDG_CONFIG_HOME/fsc/fsc.conf: Is a directory"
    rmdir "$XDG_CONFIG_HOME/fsc/fsc.conf"
    mkfifo "$XDG_CONFIG_HOME/fsc/fsc.conf"
    assert_fails 2 timeout 20 "$FSC" ls
    rm "$XDG_CONFIG_HOME/fsc/fsc.conf"
    ln -s fsc.conf "$XDG_CONFIG_HOME/fsc/fsc.conf"
    assert_fails 2 "$FSC" ls
    assert_fails 2 timeout 20 "$FSC" ls --config /dev/zero
    # Help needs none.
    quiet "$FSC" help >/dev/null
    quiet "$FSC" --version >/dev/null
    quiet "$FSC" ls --help >/dev/null
}

@test "settings: a file that may not be read is not a missing one" {
    skip_unless_powerless
    user_file <<<''
    chmod 0 "$XDG_CONFIG_HOME/fsc/fsc.conf"
    assert_fails 2 powerless "$FSC" ls
    assert_regex "$stderr" "^fsc: $XDG_CONFIG_HOME/fsc/fsc.conf: Permission denied"
}

@test "settings: valid and invalid values of each duration" {
    local name least most default
    print_durations >durations
    [ "$(grep -c . durations)" -ge 7 ]
    while read -r name least most default; do
        # Left out.
        echo 'limits = { };' >config.conf
        run quiet "$FSC" config --config config.conf
        if [ "$default" = 'not set' ]; then
            assert_line "    #$name = not set"
        else
            assert_line "    $name = \"$default\"; # default"
        fi
        # The bounds, and what is beyond them.
        printf 'limits = {\n%s = "%s";\n};\n' "$name" "$least" >config.conf
        quiet "$FSC" config --config config.conf | grep -q "^    $name = \"$least\"; # config.conf:2\$"
        printf 'limits = {\n%s = "%s";\n};\n' "$name" "$most" >config.conf
        quiet "$FSC" config --config config.conf | grep -q "^    $name = \"$most\"; # config.conf:2\$"
        assert_refused 2 'too small' <<<$'limits = {\n'"$name"$' = "0s";\n};'
        assert_refused 2 'too large' <<<$'limits = {\n'"$name"$' = "366d";\n};'
        # Wrong types.
        for value in 5 true '"5"' '"5 s"' '"-5s"' '"s"' '""' '["5s"]' '("5s")' '{ }'; do
            assert_refused 2 "limits\.$name" <<<$'limits = {\n'"$name = $value"$';\n};'
        done
        # An unknown neighbour.
        assert_refused 3 "limits\.${name}x" <<<$'limits = {\n'"$name = \"5s\";"$'\n'"${name}x = \"5s\";"$'\n};'
    done <durations
}

@test "settings: valid and invalid servers" {
    local value
    for value in '"/path"' '"plain:localhost"' '"plain:[::1]:99"' '"exec:a b \"c\""' '"example.org"' '"[::1]:99"'; do
        echo "server = $value;" >config.conf
        run quiet env -u FSC_SERVER "$FSC" config --config config.conf
        assert_line --index 0 "server = $value; # config.conf:1"
    done
    for value in '""' '"relative/path"' '"plain:"' '"exec:"' 5 true '["/a"]' '{ }'; do
        assert_refused 1 server <<<"server = $value;"
    done
    assert_refused 2 'serverx' <<<$'server = "/a";\nserverx = "/b";'
    assert_refused 1 'nonsense' <<<'nonsense = { };'
    assert_refused 1 limits <<<'limits = "5s";'
    assert_refused 1 'syntax error' <<<'server = ;'
    assert_refused 1 '' <<<'@include "/etc/passwd"'
}

@test "settings: all of the sample file is tested against the table" {
    local line
    "$FSC" help settings >table
    sed 's/^ *#* *//' "$BATS_TEST_DIRNAME/../etc/fsc.conf" | tr -s ' \n' '  ' >comments
    while IFS= read -r line; do
        run grep -q -i -F -e "$line" comments
        assert_success
    done < <(sed -n 's/^    //p' table)
    # As it is it changes nothing, and neither does it when all of it is taken.
    quiet env -u FSC_SERVER "$FSC" config | sed 's/ *# .*//' >defaults
    quiet env -u FSC_SERVER "$FSC" config --config "$BATS_TEST_DIRNAME/../etc/fsc.conf" | sed 's/ *# .*//' |
        diff defaults -
    sed -E 's/^( *)#([a-z_]+ = )/\1\2/' "$BATS_TEST_DIRNAME/../etc/fsc.conf" >all.conf
    quiet env -u FSC_SERVER "$FSC" config --config all.conf >print
    run grep -E -v '(all.conf:[0-9]+|\{|\};)$' print
    assert_output ''
    sed -e 's/ *# .*//' -E -e 's/^( *)(max_time|servers|identity|socket_users) = .*/\1#\2 = not set/' print | diff <(sed 's/#max_time.*/#max_time = not set/' defaults) -
}

@test "settings: a long value is printed whole, and a file name cannot add a setting" {
    local long
    unset FSC_SERVER
    long=exec:$(printf '%09000d' 0)
    echo "server = \"$long\";" >$'odd\nserver = 7;'
    run --separate-stderr "$FSC" config --config $'odd\nserver = 7;'
    assert_success
    assert_line --index 0 --partial "server = \"$long\"; # odd?server = 7;:1"
    "$FSC" config --config $'odd\nserver = 7;' >shown
    assert_silent bash -c '"$1" config --config shown >/dev/null' - "$FSC"
}

@test "settings: /dev/null and a folder that may not be searched have no settings" {
    skip_unless_powerless
    assert_silent bash -c '"$1" config --config /dev/null >/dev/null' - "$FSC"
    mkdir -p home/.config/fsc && echo nonsense >home/.config/fsc/fsc.conf
    chmod 0 home
    XDG_CONFIG_HOME='' HOME=$WORK/home run powerless "$FSC" config
    chmod 0700 home
    assert_success
}
