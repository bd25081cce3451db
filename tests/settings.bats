#!/usr/bin/env bats
# The settings: every row of the table with right and wrong values, what libconfig would misread,
# what is in force and from where, and reading them again.
# bats file_tags=tls

load library

# print_config ARGUMENT...: the settings in force with that configuration and those options.
print_config() {
    quiet timeout 20 "$FSD" --config "$CONFIG" --print-config "$@"
}

# refuses_text PATTERN: the configuration on stdin is refused, with that after its name.
refuses_text() {
    cat >"$CONFIG"
    refuses 2 "^fsd: $CONFIG:$1\$" --config "$CONFIG" --library "$WORK" --check-syntax
}

# table: runs the Python on stdin, which finds what tests/settings_table.py defines.
table() {
    converse <<<"from settings_table import *
$(cat)"
}

@test "table: a missing setting has its default" {
    table <<'END'
found = in_force(*LIBRARY_OPTION)
table = [row for row in rows() if not is_member(row)]
check(list(found) == [row['name'] for row in table], 'other settings than those of the table')
for row in table:
    if row['none'] == 'required':
        name = row['name']
        expect_refusal(f'{name} is not set: use --{name} DIR, or set it in the configuration file')
    elif row['none'] == 'not set':
        check(found[row['name']] == ('not set', None), found[row['name']])
    else:
        default = '' if row['default'] == 'none' else row['default']
        check(found[row['name']] == (row['form'](default), 'default'), found[row['name']])
check([row['name'] for row in table if row['none'] == 'required'] == ['library'], 'what is required')
END
}

@test "table: values of another type are refused" {
    table <<'END'
for row in rows():
    for value in [SAMPLES[kind] for kind in SAMPLES if kind not in row['types']]:
        line, name = write(row, value)
        expect_refusal(f"{CONFIG}:{line}: {name}: must be {row['must_be']}", '--check-syntax', *options_for(row))
END
}

@test "table: values out of bounds or of the wrong kind are refused" {
    table <<'END'
tried = 0
for row in rows():
    for value, sentence in row['wrong']:
        line, name = write(row, value)
        expect_refusal(f"{CONFIG}:{line}: {name}: {sentence}", '--check-syntax', *options_for(row))
        tried += 1
check(tried > 60, f'only {tried} values')
END
}

@test "table: an unknown setting beside a known one is refused" {
    table <<'END'
known = [row['name'] for row in rows()]
for row in rows():
    for name in (row['name'] + 'x', row['name'][:-1], row['name'].upper()):
        # limits.Idle is one, LIMITS.IDLE is a group that nobody knows.
        group, _, last = name.rpartition('.')
        if name in known:
            continue
        line, name = write(row, SAMPLES['number'], name=name)
        if group.isupper():
            line, name = 2, group.rstrip('[]')
        expect_refusal(f'{CONFIG}:{line}: {name}: unknown setting', '--check-syntax', *LIBRARY_OPTION, meant=row['name'])
    group = row['name'].rpartition('.')[0]
    if group and not is_member(row):
        with open(CONFIG, 'w') as file:
            file.write(f'{group} = 7;\n')
        expect_refusal(f'{CONFIG}:1: {group}: must be a group, {{ ... }}', '--check-syntax', *LIBRARY_OPTION)
END
}

@test "table: valid values are taken, with their origin" {
    table <<'END'
for row in rows():
    for value in row['right']:
        write(row, value)
        name, text, line = shown(row, value)
        found = in_force(*options_for(row))[name]
        check(found == (text, f'{CONFIG}:{line}'), f'{value}: {found}')
        check(run('--check-syntax', *options_for(row)) == (0, '', ''), 'not silent')
END
}

@test "table: an option is checked in the same way, and wins" {
    table <<'END'
help_text = run('--help')[1]
tried = 0
for row in rows():
    option = '--' + row['name'].replace('_', '-').replace('.', '-')
    if f'  {option} ' not in help_text:
        continue
    # As an option everything is a text, and a path may be relative.
    for value, sentence in row['wrong']:
        if value.startswith('"') and row['kind'] != 'a path':
            write(row, row['right'][0])
            expect_refusal(f'{option}: {sentence}', '--check-syntax', option, value[1:-1], *options_for(row))
            tried += 1
    for value in row['right']:
        if value.startswith('"'):
            write(row, row['right'][0])
            found = in_force(option, value[1:-1], *options_for(row))[row['name']]
            check(found == (value, option), found)
            tried += 1
    if row['kind'] == 'a path':
        expect_refusal(f'{option}: "" is not an absolute path', '--check-syntax', *options_for(row), option, '')
check(tried > 10, f'only {tried} values')
END
}

@test "table: a setting may occur once in a file" {
    table <<'END'
for row in rows():
    write(row, row['right'][0], row['right'][0])
    code, text, errors = run('--check-syntax', *options_for(row))
    check(code == 2 and not text and errors.startswith(f'fsd: {CONFIG}:') and errors.count('\n') == 1, errors)
END
}

@test "users: an error in an entry is one line with its place" {
    refuses_text "3: users\\[1\\]: rights is missing" <<<$'users = (\n{ user = "a"; rights = "list"; },\n{ user = "b"; } );'
    refuses_text '1: users\[0\]: set either user or group' <<<'users = ( { rights = "list"; } );'
    refuses_text '1: users\[0\]: set either user or group' \
        <<<'users = ( { rights = "list"; user = "a"; group = "a"; } );'
    refuses_text '1: users\[0\]: the right status is for the whole daemon, not for a folder' \
        <<<'users = ( { rights = "list status"; user = "a"; folder = "b"; } );'
    refuses_text '2: users\[0\]\.user: not a valid name of a user or group' <<<$'users = (\n{ user = ""; rights = ""; } );'
    refuses_text '1: users\[0\]\.group: \?: not a valid name of a user or group' <<<'users = ( { group = "\n"; rights = ""; } );'
    refuses_text '1: users\[0\]\.folder: /a: it begins with a slash' \
        <<<'users = ( { folder = "/a"; user = "a"; rights = ""; } );'
    refuses_text '1: users\[0\]\.folder: .*' <<<'users = ( { folder = "a//"; user = "a"; rights = ""; } );'
    refuses_text '2: users\[1\]: must be a group, \{ \.\.\. \}' <<<$'users = ( { user = "a"; rights = ""; },\n"b" );'
    {
        printf 'users = ( '
        printf '{ user = "a"; rights = ""; },\n%.0s' {1..256}
        printf '{ user = "b"; rights = ""; } );\n'
    } | refuses_text '257: users\[256\]: there can be at most 256'
}

@test "misread: numbers that versions of libconfig read in different ways" {
    local number
    for number in 10737418240 2147483648 4294967297 0644 00 0x10 0X1F 10L 1e3 1.5 .5 -01 1.; do
        printf '\nspare =\n  %s;\n' "$number" | refuses_text '[23]: (a number must be decimal, .+|spare: must be a number)'
    done
    printf 'limits = { sessions = %s; };\n' 10737418240 | refuses_text '1: a number must be decimal, with at most nine digits and no leading zeros'
    # In texts, names and comments they are not numbers.
    cat >"$CONFIG" <<END
// 0644 and 10737418240
pid_file = "/0644/0x10/*";
spare = 999; # 0x10
END
    run print_config --library "$WORK"
    assert_success
    assert_line "pid_file = \"/0644/0x10/*\"; # $CONFIG:2"
    assert_line "spare = 999; # $CONFIG:3"
}

@test "misread: comments that are not closed, and commas after the last value" {
    refuses_text '3: this comment is not closed' <<<$'spare = 1;\n\n/* anonymous = "list";\n'
    refuses_text '1: this comment is not closed' <<<'/*/ spare = 1;'
    refuses_text '2: no value follows this comma' <<<$'listen = ( "/a",\n"/b", );'
    refuses_text '2: no value follows this comma' <<<$'listen = [ "/a"\n,\n\n];'
    refuses_text '2: no value follows this comma' <<<$'listen = (\n"/a", # the last one\n);'
    refuses_text '1: no value follows this comma' <<<'listen = ( "/a", /* */ // )'$'\n);'
    # Text that only looks like a comment, and the end of comments.
    cat >"$CONFIG" <<END
# /* spare = 1;
pid_file = "/*"; /* " */ spare = 2; // */
/**/ listen = ( "/a", /* , */ "/b" ); /* **/
END
    run print_config --library "$WORK"
    assert_success
    assert_line "pid_file = \"/*\"; # $CONFIG:2"
    assert_line "spare = 2; # $CONFIG:2"
    assert_line "listen = [\"/a\", \"/b\"]; # $CONFIG:3"
}

@test "misread: @include of anything, and half a file" {
    local included
    mkfifo "$WORK/fifo"
    echo 'spare = 1;' >"$WORK/file"
    for included in / "$WORK/fifo" "$WORK/absent" "$WORK/file" /dev/zero; do
        refuses_text '2: @include and other directives are not supported' <<<$'\n@include "'"$included"'"'
    done
    # libconfig itself does not free all that it has read then.
    export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
    for included in 'spare' 'spare =' 'spare = "' 'limits = {' 'limits = { idle = "1s"' '}' '= 1;' \
        'spare = 1 spare' '"spare" = 1;' 'a.b = 1;' $'\xef\xbb\xbfspare = 1;' '(((((' $'\x01' $'\xff'; do
        refuses_text '[12]: .+' <<<"$included"
    done
}

@test "misread: a NUL, as a byte or as an escape" {
    printf 'anonymous = "list";\n\0anonymous = "everything";\n' >"$CONFIG"
    refuses 2 "^fsd: $CONFIG: .+" --config "$CONFIG" --library "$WORK" --check-syntax
    refuses_text '2: .*\\x00.*' <<<$'\npid_file = "/srv/x\\x00y";'
    refuses_text '3: .*\\x00.*' <<<$'\nlisten = ("/a",\n"\\\\\\x00");'
    # An escaped backslash.
    printf '%s\n' 'pid_file = "/a\\x00";' >"$CONFIG"
    run print_config --library "$WORK"
    assert_success
    assert_line 'pid_file = "/a\\x00"; # '"$CONFIG:1"
}

@test "misread: line ends of Windows, spaces and no semicolons are fine" {
    printf 'spare = 5\r\nlog =\r\n{\r\n\tlevel : "debug"\r\n}' >"$CONFIG"
    run print_config --library "$WORK"
    assert_success
    assert_line "spare = 5; # $CONFIG:1"
    assert_line "    level = \"debug\"; # $CONFIG:4"
}

@test "file: anything but a regular file is refused, and never waited for" {
    local path
    mkfifo fifo
    bind_socket bound
    truncate -s 65536 large
    for path in "$WORK/fifo" "$WORK" "$WORK/absent" /dev/zero "$WORK/bound" "$WORK/large" \
        "$CONFIG/below" "$WORK/$(printf '%0300d' 0)" ''; do
        refuses 2 "^fsd: ($path|$WORK/): .+" --config "$path" --library "$WORK" --check-syntax
    done
    refuses 2 "^fsd: $WORK/fifo: .+" --config fifo --library "$WORK" --check-syntax
}

@test "file: one that may not be read is refused" {
    use_other_user
    echo 'spare = 1;' >"$CONFIG"
    chmod 0 "$CONFIG"
    run timeout 20 "${FSD_WRAPPER[@]}" "$FSD" --config "$CONFIG" --library "$LIBRARY" --check-syntax
    assert_failure 2
    assert_output "fsd: $CONFIG: Permission denied"
}

# libconfig compares each setting with all before it: what is read at HUP must not be any size.
@test "file: a huge number of settings is refused quickly" {
    converse <<'END'
write_settings(''.join(f'a{number:x}=1;' for number in range(100000)))
END
    run timeout 20 "$FSD" --config "$CONFIG" --library "$WORK" --check-syntax
    assert_failure 2
    assert_line --index 0 --regexp "^fsd: $CONFIG(:1: a0: unknown setting|: File too large)\$"
}

@test "file: an empty one is valid" {
    local text
    for text in '' $'\n' '# nothing' $'/* nothing\n*/' 'limits = { };' ' '; do
        printf '%s' "$text" >"$CONFIG"
        run quiet timeout 20 "$FSD" --config "$CONFIG" --library "$WORK" --check-syntax
        assert_success
        assert_output ''
    done
    start_fsd
    play <<<$'> LIST\n< EMPTY'
}

@test "print-config: prints a configuration that means the same" {
    cat >"$CONFIG" <<'END'
library = "/a \"quoted\" \\ \t\x01 ä €";
listen = ("/one\\\"", "plain:[::1]:7");
anonymous = "  status list ";
records = false;
concurrency = "thread";
limits = { memory = "1048576K"; idle = "90000ms"; sessions = 7; };
users = ( { user = "b\"o\\b"; rights = "put"; folder = "drop/b o/"; },
    { rights = "list", group = "ä" } );
END
    print_config --pid-file "/x#y" >first
    run grep -c -F "; # $CONFIG:" first
    assert_output 9
    run grep -F 'pid_file' first
    assert_output 'pid_file = "/x#y"; # --pid-file'
    CONFIG=$WORK/first
    print_config >second
    run diff <(sed 's/ # .*//' first) <(sed 's/ # .*//' second)
    assert_success
    # Every line of it that sets something is one of the first.
    run grep -c -F '; # default' second
    assert_output 0
}

@test "options: override the file, and relative paths start at the caller's folder" {
    local_only 'the settings of this model are in two files'
    mkdir -p "$WORK/here/library" "$WORK/conf"
    printf 'library = "/absent";\npid_file = "/absent/pid";\nanonymous = "list";\n' >"$WORK/conf/fsd.conf"
    cd here
    run quiet "$FSD" --config ../conf/fsd.conf --library library --pid-file ./pid --anonymous get --print-config
    assert_success
    assert_line "library = \"$WORK/here/library\"; # --library"
    assert_line "pid_file = \"$WORK/here/./pid\"; # --pid-file"
    assert_line 'anonymous = "get"; # --anonymous'
    assert_line "listen = \"/run/fsd/fsd.sock\"; # default"
    # The daemon itself works in the root folder.
    CONFIG=../conf/fsd.conf LIBRARY=library
    start_fsd --pid-file ./pid
    cd "$WORK"
    assert_equal "$(cat here/pid)" "$FSD_PID"
    play <<<$'> PUT a size=0 eager=1\n> END\n< OK *'
    [ -e "$WORK/here/library/a" ]
    # It is from there that the file is read again.
    echo 'frobnicate = 1;' >>"$WORK/conf/fsd.conf"
    FSD_EXPECTED='msg="reload failed, the old settings stay in use"'
    converse <<<$'hang_up(\'msg="reload failed, the old settings stay in use"\')'
    grep -q -F "$WORK/here/../conf/fsd.conf:4: " "$FSD_LOG"
}

@test "options: the last one counts, and those of a list add up" {
    : >"$CONFIG"
    run print_config --library /a --library /b --listen /1 --listen plain:localhost
    assert_success
    assert_line 'library = "/b"; # --library'
    assert_line 'listen = ["/1", "plain:localhost"]; # --listen'
    local many=() number
    for number in {1..17}; do
        many+=(--listen "/$number")
    done
    refuses 2 '^fsd: --listen: there can be at most 16$' --config "$CONFIG" --library / --check-syntax "${many[@]}"
}

@test "HUP: new sessions have the new settings, those under way keep theirs" {
    echo 'limits = { idle = "20s"; sessions = 5; }; anonymous = "list";' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0
    FSD_EXPECTED='msg=denied'
    converse <<'END'
old = Session()
check(old.status()['limits.idle'] == '20s', 'the first settings')
remote = ('127.0.0.1', int(os.environ['FSD_PORT']))
old_anonymous = Session(remote)
old_anonymous.expect('GET a', 'FAIL denied')
reload_with('limits = { idle = "1h"; sessions = 4; }; anonymous = "list get";')
new, new_anonymous = Session(), Session(remote)
status = new.status()
check(status['limits.idle'] == '1h' and status['limits.sessions'] == '4', status)
new_anonymous.expect('GET a', 'FAIL not-found')
# The limits of the daemon itself are new for all.
fifth = Session()
check(fifth.line().startswith('FAIL busy'), 'limits.sessions is the old one')
reload_with('limits = { idle = "100ms"; sessions = 6; }; anonymous = "list get";')
for newest in Session(), Session(remote):
    newest.expect_end()
new_anonymous.expect('GET a', 'FAIL not-found')
new.expect('LIST', 'EMPTY')
old_anonymous.expect('GET a', 'FAIL denied')
status = old.status()
check(status['limits.idle'] == '20s' and status['limits.sessions'] == '5', status)
END
}

@test "HUP: options still override the file" {
    echo 'anonymous = "list"; spare = 0;' >"$CONFIG"
    start_fsd --listen plain:127.0.0.1:0 --anonymous get
    echo 'anonymous = "put list"; limits = { idle = "77s"; };' >"$CONFIG"
    converse <<<$'hang_up()\ncheck(Session().status()["limits.idle"] == "77s", "the file was not read")'
    FSD_EXPECTED='msg=denied'
    play "127.0.0.1:$FSD_PORT" <<<$'> LIST\n< FAIL denied *\n> GET a\n< FAIL not-found *'
}

@test "HUP: a file with an error changes nothing, and the log names file and line" {
    local_only 'the settings of this model are in two files'
    echo 'limits = { idle = "21s"; };' >"$CONFIG"
    start_fsd
    FSD_EXPECTED='msg="reload failed, the old settings stay in use"'
    converse <<'END'
refused = 'msg="reload failed, the old settings stay in use"'
config = os.getcwd() + '/fsd.conf'


SYNTAX_ERROR = ('syntax error (a setting is name = value; with text in double quotes, '
                'a group is name = { ... };)')


def refuse(text, cause):
    with open(config, 'w') as file:
        file.write(text)
    hang_up(refused)
    line = log_lines(refused)[-1]
    check(line == f'level=error {refused} cause="{cause}"\n', line)
    check(Session().status()['limits.idle'] == '21s', 'a setting has changed')


refuse('limits = { idle = "22s"; };\nspare = ;', f'{config}:2: {SYNTAX_ERROR}')
refuse('limits = { idle = "22s";\n sessions = 0; };',
       f'{config}:2: limits.sessions: 0 is too small: it must be at least 1')
refuse('limits = { idle = "22s";\n sessions = 5;\n frob\xe4 = 1; };', f'{config}:3: {SYNTAX_ERROR}')
refuse('limits = { idle = "22s"; };\nanonymous = "forged\\nlevel=info";',
       f'{config}:2: anonymous: \\"forged?level=info\\" is not one of list, get, put, replace, delete, watch, status')
# In all of these libconfig is the one that could end or hang.
refuse('limits = { idle = "22s"; };\n@include "/"', f'{config}:2: @include and other directives are not supported')
for text in ('(' * 60000, 'listen = ' + '(' * 60000, '"' * 60001, 'a' * 60000, '\x01' * 1000, '/*' * 1000):
    with open(config, 'w') as file:
        file.write(text)
    hang_up(refused)
    check(Session().status()['limits.idle'] == '21s', 'a setting has changed')
# It is one no more.
os.unlink(config)
hang_up(refused)
check(log_lines(refused)[-1].endswith(f' cause="{config}: No such file or directory"\n'), log_lines(refused)[-1])
os.mkfifo(config)
hang_up(refused)
os.unlink(config)
os.mkdir(config)
hang_up(refused)
check(Session().status()['limits.idle'] == '21s', 'a setting has changed')
# And then it is mended.
os.rmdir(config)
with open(config, 'w') as file:
    file.write('limits = { idle = "23s"; };')
hang_up()
check(Session().status()['limits.idle'] == '23s', 'a setting has not changed')
END
}

@test "HUP: settings that need a restart stay, and the log says so" {
    mkdir -p "$LIBRARY" "$WORK/other"
    printf 'library = "%s";\nlisten = "%s";\n' "$LIBRARY" "$SOCKET" >"$CONFIG"
    launch_fsd
    await_line "$FSD_PID" "$FSD_LOG" 'msg=listening' 1
    FSD_EXPECTED='msg="a changed setting needs a restart"'
    converse <<'END'
import subprocess
with open('fsd.conf', 'w') as file:
    file.write(f'''library = "{os.getcwd()}/other"; listen = "{os.getcwd()}/second"; socket_mode = "0600";
identity = "/id"; allow_unencrypted_network = true; records = false; pid_file = "{os.getcwd()}/pid"; log = {{ to = "syslog"; level = "warning"; }};
limits = {{ idle = "24s"; }};''')
os.kill(daemon(), signal.SIGHUP)
changed = 'msg="a changed setting needs a restart"'
table = subprocess.run([os.environ['FSD'], '--print-settings'], capture_output=True, text=True).stdout
fixed = [line.split(',')[0] for line in table.splitlines() if line.endswith('; read at the start only')]
wait_until(lambda: len(log_lines(changed)) == len(fixed), 'the log to name them all')
check([line.split('setting=')[1].strip() for line in log_lines(changed)] == fixed, log_lines(changed))
check(all(line.startswith('level=warning ') for line in log_lines(changed)), log_lines(changed))
# The level of the log is a new one, so that its own line of info does not come.
session = Session()
wait_until(lambda: Session().status()['limits.idle'] == '24s', 'the new settings')
session.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
check(os.listdir('other') == [] and os.path.exists(LIBRARY + '/a'), 'another library')
check(os.getxattr(LIBRARY + '/a', 'user.fsd'), 'no record')
check(not os.path.exists('second') and not os.path.exists('pid'), 'something new')
check(not log_lines('msg=stored') and not log_lines('msg="settings read again"'), 'the old level')
# Each HUP says it again: it is still so.
os.kill(daemon(), signal.SIGHUP)
wait_until(lambda: len(log_lines(changed)) == 2 * len(fixed), 'the log to name them all')
END
    [ "$(stat -c %a "$SOCKET")" = 666 ]
}

@test "HUP: 50 in quick succession lose no request of a client" {
    echo 'spare = 0;' >"$CONFIG"
    start_fsd
    converse <<'END'
stop = threading.Event()
served = []


def loop(_):
    while not stop.is_set():
        session = Session()
        session.expect('PUT a%d size=1 eager=1\n1\nx\nEND' % len(served), ('OK', 'EXISTS'))
        session.send('QUIT\n')
        session.expect_end()
        session.close()
        served.append(1)


def hang_up_often():
    for _ in range(50):
        before = len(served)
        os.kill(daemon(), signal.SIGHUP)
        wait_until(lambda: len(served) > before, 'a session to be served')
    stop.set()


hanging = threading.Thread(target=hang_up_often)
hanging.start()
at_once(4, loop)
hanging.join()
check(len(served) >= 50, f'{len(served)} served')
wait_until(lambda: log_lines('msg="settings read again"'), 'the settings to be read')
wait_until(lambda: no_zombies() and len(children()) <= 1, 'old workers to go')
check(Session().status()['sessions.crashed'] == '0', 'a crash')
END
    assert_no_stages
}
