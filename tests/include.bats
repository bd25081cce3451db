#!/usr/bin/env bats
# The setting "include": a folder, whose files are read beside the one of --config.
# bats file_tags=once

load library

KEY=SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA

# The configuration includes a folder, $CONF, which is made.
use_folder() {
    export CONF=$WORK/conf.d
    mkdir -p "$CONF"
    echo "include = \"$CONF\";" >"$CONFIG"
}

print_config() {
    quiet timeout 20 "$FSD" --config "$CONFIG" --library "$WORK" --print-config "$@"
}

# refuses_folder TEXT: what --check-syntax says is that, after "fsd: ".
refuses_folder() {
    run timeout 20 "$FSD" --config "$CONFIG" --library "$WORK" --check-syntax </dev/null 3>&-
    assert_failure 2
    assert_output "fsd: $1"
}

@test "include: lists of all files are joined, in the order of names" {
    use_folder
    cat >>"$CONFIG" <<END
listen = "/one";
users = ( { user = "ann"; rights = "get"; } );
END
    cat >"$CONF/10-b.conf" <<END
listen = [ "/two", "/three" ];
clients = ( { name = "b"; key = "${KEY}A"; rights = "get"; } );
END
    cat >"$CONF/9-c.conf" <<END
users = ( { user = "bob"; rights = "put"; } );
clients = ( { name = "b"; rights = "list"; },
    { name = "c"; key = [ "${KEY}E", "${KEY}I" ]; rights = ""; } );
END
    echo 'listen = "/four"; spare = 7; limits = { sessions = 9; };' >"$CONF/A.conf"
    # These are not read.
    mkdir "$CONF/folder"
    echo nonsense | tee "$CONF/a" "$CONF/b.conf~" "$CONF/.hidden.conf" "$CONF/c.confx" "$CONF/folder/d.conf" >/dev/null
    ln -s absent "$CONF/.#9-c.conf"
    run print_config
    assert_success
    assert_line "#include = \"$CONF\"; # $CONFIG:1"
    assert_line "listen = [\"/one\", \"/two\", \"/three\", \"/four\"]; # $CONFIG:2, $CONF/10-b.conf:1, $CONF/A.conf:1"
    assert_line "spare = 7; # $CONF/A.conf:1"
    assert_line "    sessions = 9; # $CONF/A.conf:1"
    assert_output --partial "
users = (
    { user = \"ann\"; rights = \"get\"; }, # $CONFIG:3
    { user = \"bob\"; rights = \"put\"; } # $CONF/9-c.conf:1
); # $CONFIG:3
clients = (
    { name = \"b\"; key = \"${KEY}A\"; rights = \"get\"; }, # $CONF/10-b.conf:2
    { name = \"b\"; rights = \"list\"; }, # $CONF/9-c.conf:2
    { name = \"c\"; key = [\"${KEY}E\", \"${KEY}I\"]; rights = \"\"; } # $CONF/9-c.conf:3
); # $CONF/10-b.conf:2
"
    # What is printed means the same, and includes nothing.
    printf '%s\n' "$output" >printed.conf
    CONFIG=$WORK/printed.conf
    run print_config
    printf '%s\n' "$output" >again
    run diff <(sed 's/ # .*//' printed.conf) <(sed -e 's/^#include = .*/#include = not set/' -e 's/ # .*//' again)
    assert_output "$(printf '%s\n' 1c1 "< #include = \"$CONF\";" --- '> #include = not set')"
    # An option replaces all of it.
    run print_config --listen /five
    assert_line 'listen = "/five"; # --listen'
}

@test "include: an empty folder is fine, and one that is not there is an error" {
    local action
    use_folder
    run print_config
    assert_success
    rmdir "$CONF"
    refuses_folder "$CONFIG:1: include: $CONF: No such file or directory"
    for action in --check --print-config --foreground --stdio; do
        run timeout 20 "$FSD" --config "$CONFIG" --library "$WORK" --listen "$SOCKET" "$action" </dev/null 3>&-
        assert_failure 2
        assert_output "fsd: $CONFIG:1: include: $CONF: No such file or directory"
    done
    : >"$CONF"
    refuses_folder "$CONFIG:1: include: $CONF: Not a directory"
    rm "$CONF"
    mkfifo "$CONF"
    refuses_folder "$CONFIG:1: include: $CONF: Not a directory"
}

@test "include: a setting that is not a list may be in one file only" {
    use_folder
    echo 'spare = 1;' >>"$CONFIG"
    echo 'records = true;' >"$CONF/a.conf"
    printf '\nspare = 1;' >"$CONF/b.conf"
    refuses_folder "$CONF/b.conf:2: spare: is set already, in $CONFIG:2"
    echo 'records = true;' >"$CONF/b.conf"
    refuses_folder "$CONF/b.conf:1: records: is set already, in $CONF/a.conf:1"
    echo 'limits = { idle = "1s"; };' | tee "$CONF/a.conf" >"$CONF/b.conf"
    refuses_folder "$CONF/b.conf:1: limits.idle: is set already, in $CONF/a.conf:1"
    echo "include = \"$CONF\";" >"$CONF/a.conf"
    refuses_folder "$CONF/a.conf:1: include: is set already, in $CONFIG:1"
    # But groups may be, and what is in one file alone.
    echo 'limits = { waits = 1; };' >"$CONF/a.conf"
    run print_config
    assert_line "    waits = 1; # $CONF/a.conf:1"
    assert_line "    idle = \"1s\"; # $CONF/b.conf:1"
}

@test "include: an error names file and line" {
    use_folder
    printf 'spare = 1;\nfrobnicate = 1;' >"$CONF/a.conf"
    refuses_folder "$CONF/a.conf:2: frobnicate: unknown setting"
    printf '\n\nusers = ( { user = "a"; rights = "l"; } );' >"$CONF/a.conf"
    refuses_folder "$CONF/a.conf:3: users[0].rights: \"l\" is not one of list, get, put, replace, delete, watch, status"
    printf '/* open' >"$CONF/a.conf"
    refuses_folder "$CONF/a.conf:1: this comment is not closed"
    # A list can have no more than it could in one file.
    printf 'listen = [ "/1"' >"$CONF/a.conf"
    printf ', "/%s"' {2..9} >>"$CONF/a.conf"
    printf ' ];' >>"$CONF/a.conf"
    cp "$CONF/a.conf" "$CONF/b.conf"
    refuses_folder "$CONF/b.conf:1: listen: there can be at most 16"
    # Of what is wrong between files, both places.
    rm "$CONF/b.conf"
    printf 'clients = ( { name = "a"; key = "%sA"; rights = ""; } );\n' "$KEY" >"$CONF/a.conf"
    printf '\nclients = ( { name = "b"; rights = "";\nkey = "%sA"; } );\n' "$KEY" >"$CONF/b.conf"
    refuses_folder "$CONF/b.conf:3: clients: the key ${KEY}A is in use already, by a ($CONF/a.conf:1)"
    echo 'clients = ( { name = "b"; rights = ""; } );' >"$CONF/b.conf"
    refuses_folder "$CONF/b.conf:1: clients: b has no key"
}

@test "include: anything but a regular file is refused, and never waited for" {
    local file
    use_folder
    for file in mkdir mkfifo bind_socket 'ln -s /dev/zero' 'ln -s absent' 'truncate -s 65536'; do
        $file "$CONF/a.conf"
        refuses 2 "^fsd: $CONF/a.conf: (it is not a regular file|Is a directory|File too large|No such file or directory)\$" \
            --config "$CONFIG" --library "$WORK" --check-syntax
        rm -r "$CONF/a.conf"
    done
    ln -s /dev/null "$CONF/a.conf"
    run print_config
    assert_success
    printf 'spare = 1;\n\0' >"$CONF/b.conf"
    refuses 2 "^fsd: $CONF/b.conf: .+" --config "$CONFIG" --library "$WORK" --check-syntax
}

@test "include: too many files, or too large ones, are refused" {
    use_folder
    converse <<'END'
folder = os.environ['CONF']
text = '#' * 65000
for number in range(130):
    with open(f'{folder}/{number:03}.conf', 'w') as file:
        file.write(text)
END
    refuses_folder "$CONF/129.conf: the files up to this one are too large together"
    converse <<'END'
folder = os.environ['CONF']
for number in range(4097):
    open(f'{folder}/{number:04}.conf', 'w').close()
    if number < 130:
        os.unlink(f'{folder}/{number:03}.conf')
END
    refuses_folder "$CONF: there are more than 4096 files"
    rm "$CONF/0000.conf"
    run print_config
    assert_success
}

@test "include: a file that others control is refused" {
    skip_unless_root 'to be another user'
    use_folder
    echo 'spare = 1;' >"$CONF/a.conf"
    chown 65534 "$CONF/a.conf"
    refuses_folder "$CONF/a.conf: belongs to nobody (use chown root)"
    chown 0 "$CONF/a.conf"
    chmod 0666 "$CONF/a.conf"
    refuses_folder "$CONF/a.conf: others can write to it (use chmod go-w, or use chown root)"
    chmod 0644 "$CONF/a.conf"
    chmod 0777 "$CONF"
    refuses_folder "$CONF/a.conf: others can write to its folder $CONF (use chmod go-w, or use chown root)"
    chmod 0755 "$CONF"
    run print_config
    assert_success
}

@test "include: one that may not be read is refused" {
    use_other_user
    use_folder
    chmod 0644 "$CONFIG"
    echo 'spare = 1;' >"$CONF/a.conf"
    chmod 0 "$CONF/a.conf"
    run timeout 20 "${FSD_WRAPPER[@]}" "$FSD" --config "$CONFIG" --library "$LIBRARY" --check-syntax
    assert_failure 2
    assert_output "fsd: $CONF/a.conf: Permission denied"
    chmod 0 "$CONF"
    run timeout 20 "${FSD_WRAPPER[@]}" "$FSD" --config "$CONFIG" --library "$LIBRARY" --check-syntax
    assert_failure 2
    assert_output "fsd: $CONFIG:1: include: $CONF: Permission denied"
}

@test "include: HUP reads all files again, and one wrong file keeps the old settings" {
    use_folder
    FSD_EXPECTED='msg="reload failed, the old settings stay in use" '
    echo 'limits = { idle = "20s"; };' >"$CONF/a.conf"
    start_fsd
    converse <<'END'
FAILED = 'msg="reload failed, the old settings stay in use"'
FOLDER = os.environ['CONF']
def write(name, text):
    with open(f'{FOLDER}/{name}', 'w') as file:
        file.write(text)


def limit(name):
    return Session().status()[f'limits.{name}']


check(limit('idle') == '20s', 'at the start')
write('a.conf', 'limits = { idle = "30s"; };')
write('b.conf', 'limits = { waits = 9; };')
hang_up()
check((limit('idle'), limit('waits')) == ('30s', '9'), 'not read again')
# Text that libconfig does not read at all, a FIFO, and a line that is wrong: each for itself.
for text, cause in ('limits = {', f'{FOLDER}/c.conf:'), (None, 'it is not a regular file'), ('spare = "x";', f'{FOLDER}/c.conf:1: spare: '):
    if text is None:
        os.unlink(f'{FOLDER}/c.conf')
        os.mkfifo(f'{FOLDER}/c.conf')
    else:
        if os.path.exists(f'{FOLDER}/c.conf'):
            os.unlink(f'{FOLDER}/c.conf')
        write('c.conf', text)
    write('a.conf', 'limits = { idle = "40s"; };')
    hang_up(FAILED)
    check(cause in log_lines(FAILED)[-1], log_lines(FAILED)[-1])
    check((limit('idle'), limit('waits')) == ('30s', '9'), 'taken')
os.unlink(f'{FOLDER}/c.conf')
os.unlink(f'{FOLDER}/b.conf')
hang_up()
check((limit('idle'), limit('waits')) == ('40s', '64'), 'not read again')
# Another folder, one that is not there, and none.
os.mkdir(FOLDER + '2')
write('../conf.d2/a.conf', 'limits = { idle = "50s"; };')
reload_with(f'include = "{FOLDER}2";')
check(limit('idle') == '50s', 'the other folder')
write_settings(f'include = "{FOLDER}3";')
hang_up(FAILED)
check(f'include: {FOLDER}3: No such file' in log_lines(FAILED)[-1] and limit('idle') == '50s', 'an absent folder')
reload_with('')
check(limit('idle') == '5m', 'no folder')
END
}

# The parent must take what its child has tried, and nothing that was written meanwhile.
@test "include: files that change while they are read harm nobody" {
    use_folder
    FSD_EXPECTED='msg="reload failed, the old settings stay in use" '
    start_fsd
    converse <<'END'
import threading
FOLDER = os.environ['CONF']
TEXTS = ['limits = {', '@include "/"', '/*', '"', 'spare = 1;', 'limits = { waits = 7; };', '']
is_over = False


def write():
    number = 0
    while not is_over:
        number += 1
        path = f'{FOLDER}/{number % 3}.conf'
        try:
            if number % 11 == 0:
                os.unlink(path)
                os.mkfifo(path)
            elif number % 11 == 1:
                os.unlink(f'{FOLDER}/{(number - 1) % 3}.conf')
            else:
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK)
                os.write(fd, TEXTS[number % len(TEXTS)].encode())
                os.close(fd)
        except OSError:
            pass


def answers():
    with open(os.environ['FSD_LOG']) as file:
        text = file.read()
    return text.count('settings read again') + text.count('reload failed')


writer = threading.Thread(target=write)
writer.start()
try:
    for number in range(1, 101):
        os.kill(daemon(), signal.SIGHUP)
        wait_until(lambda: answers() >= number, f'reload {number}')
        Session().expect('LIST', 'EMPTY')
finally:
    is_over = True
    writer.join()
END
}

@test "include: fsd-scrub has the same settings" {
    use_folder
    echo "library = \"$WORK/absent\";" >"$CONF/a.conf"
    run "${FSD%/*}/fsd-scrub" --config "$CONFIG"
    assert_failure
    assert_output --partial "$WORK/absent"
}
