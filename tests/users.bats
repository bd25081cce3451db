#!/usr/bin/env bats
# The setting "users": what local users may do and see, everywhere or below a folder.
#
# Other users are those that each Debian has: nobody, daemon and bin, with the groups mail and games.
# Python becomes one of them while it connects: that is the user whom the kernel reports to the daemon.
# Clients are users of this machine, so there is no TLS.
# bats file_tags=tls

load library
load fsc

# start_with_users ROW...: a daemon whose socket all can reach, with these rows in "users".
start_with_users() {
    skip_unless_root 'to be another user'
    use_other_user
    use_root_again
    FSD_EXPECTED='msg=denied'
    set_users "$@"
    start_fsd
}

# set_users ROW...: writes the configuration.
set_users() {
    local IFS=,
    printf 'users = ( %s );\n' "$*" >"$CONFIG"
}

# add_files NAME...: to the library, each with its own name in it.
add_files() {
    local name
    for name in "$@"; do
        mkdir -p "$(dirname "$LIBRARY/$name")"
        printf '%s' "$name" >"$LIBRARY/$name"
    done
}

# converse_as_users: converse, with users.
converse_as_users() {
    converse <<END
import grp
import pwd

CONFIG = os.environ['CONFIG']


def connect(user, *groups, primary=None):
    """A session of a user, told by name or by uid, in its primary group and in these others."""
    uid = user if isinstance(user, int) else pwd.getpwnam(user).pw_uid
    gid = grp.getgrnam(primary).gr_gid if primary else 65534
    return session_as(uid, gid, [group if isinstance(group, int) else grp.getgrnam(group).gr_gid for group in groups])


def is_allowed(session, request):
    answer = session.ask(request + ' size=0 eager=1\nEND' if request.startswith('PUT') else request)
    if answer == 'OK' or answer.startswith('OK size=') and request.startswith('GET'):
        session.body()
    return not answer.startswith('FAIL denied ')


def allowed(session, *requests):
    """Those of the requests that the session may make."""
    return [request for request in requests if is_allowed(session, request)]


def listing(session, request):
    """What LIST answers: its lines in order, none for EMPTY."""
    answer = session.ask(request)
    if answer == 'EMPTY':
        return []
    check(answer == 'OK', f'{request}: {answer}')
    text, end = session.body()
    check(end == 'END', f'{request}: {end}')
    return sorted(text.decode().splitlines())


$(cat)
END
}

@test "users: rights of the user, its groups and everybody add up" {
    start_with_users '{ user = "daemon"; rights = "list"; }' '{ group = "mail"; rights = "get"; }' \
        '{ group = "games"; rights = "put"; folder = "a"; }' \
        '{ group = "games"; rights = "put"; folder = "b"; }' '{ user = "bin"; rights = ""; }'
    echo 'anonymous = "status";' >>"$CONFIG"
    stop_fsd
    start_fsd --listen plain:127.0.0.1:0
    converse_as_users <<'END'
LIST, GET, PUTS, STATUS = 'LIST', 'GET x', ['PUT a/x', 'PUT b/x'], 'STATUS'
ALL = [LIST, GET, *PUTS, 'PUT x', STATUS]
stranger = 54321
while any(entry.pw_uid == stranger for entry in pwd.getpwall()):
    stranger += 1


def expect(session, *rights):
    found = allowed(session, *ALL)
    check(found == list(rights), f'{found} and not {rights}')


expect(connect('nobody'), STATUS)
expect(connect('bin'), STATUS)
expect(connect('daemon'), LIST, STATUS)
expect(connect('nobody', 'mail'), GET, STATUS)
expect(connect('nobody', primary='mail'), GET, STATUS)
expect(connect('nobody', 'games'), *PUTS, STATUS)
expect(connect('nobody', 'games', primary='mail'), GET, *PUTS, STATUS)
expect(connect('daemon', 'mail', 'games'), LIST, GET, *PUTS, STATUS)
# The user is in thousands of groups, and in this one, too.
expect(connect('nobody', *range(300000, 365535), 'mail'), GET, STATUS)
expect(connect('nobody', *range(300000, 365536)), STATUS)
# A user without a name is anonymous, whatever the group.
expect(connect(stranger, 'mail', primary='games'), STATUS)
expect(connect(0, primary='games'), *ALL)
# So is everybody over TCP.
expect(Session(('127.0.0.1', int(os.environ['FSD_PORT']))), STATUS)
END
}

@test "users: rights to a folder hold below it, and nowhere else" {
    start_with_users '{ user = "nobody"; rights = "get put"; folder = "drop/bob"; }' \
        '{ user = "daemon"; rights = "get put"; folder = "drop/file/"; }'
    add_files drop/bob/a drop/bob2/a drop/a a bob/a drop/file
    converse_as_users <<'END'
inside = ['a', 'b', 'c/d', 'bob/e']
outside = ['drop/bob', 'drop/bob2', 'drop/bob2/a', 'drop/bo', 'drop/bob2/b', 'drop', 'drop/a', 'drop/b', 'a',
           'bob/a', 'bob', 'drop/BOB/a', 'drop/bob%20/a', 'new/drop/bob/a']
session = connect('nobody')
for word in ('PUT', 'GET'):
    wanted = [f'{word} drop/bob/{name}' for name in inside]
    found = allowed(session, *wanted, *(f'{word} {name}' for name in outside))
    check(found == wanted, found)
session.expect('LIST', 'FAIL denied')
session.expect('GET drop/bob/a', 'OK size=10')
check(session.body()[0] == b'drop/bob/a', 'another file')
check(not os.path.exists(LIBRARY + '/new') and not os.path.exists(LIBRARY + '/drop/b'), 'stored')
# A file in the place of the folder is not part of it, and nothing is below it.
session = connect('daemon')
for request, answer in (('GET drop/file', 'FAIL denied'), ('PUT drop/file', 'FAIL denied'),
                        ('GET drop/file/a', 'FAIL not-found'), ('PUT drop/file/a', 'FAIL not-a-file')):
    session.expect(request, answer)
END
}

@test "users: %c in a folder is the name of each user" {
    start_with_users '{ group = "mail"; rights = "get put list"; folder = "home/%c"; }' \
        '{ user = "bin"; rights = "put"; folder = "%c%%/%c"; }'
    add_files home/nobody/a home/daemon/a home/%c/a
    converse_as_users <<'END'
for user, other in ('nobody', 'daemon'), ('daemon', 'nobody'):
    session = connect(user, 'mail')
    found = allowed(session, *(f'{word} home/{name}/a' for name in (user, other, '%25c', 'mail') for word in ('GET', 'PUT')))
    check(found == [f'GET home/{user}/a', f'PUT home/{user}/a'], found)
    check(listing(session, 'LIST deep=1') == [f'home/{user}/a'], 'another folder is seen')
check(allowed(connect('bin'), 'PUT bin%25/bin/a', 'PUT bin%25%25/bin/a', 'PUT home/bin/a') == ['PUT bin%25/bin/a'], 'bin')
END
}

@test "users: a listing shows what may be listed, and the way there" {
    local names=(drop/bob/a.gz drop/bob/sub/b.gz drop/bob/sub/c drop/bob2/z.gz drop/alice/q.gz drop/f
        in/the/deep/way in/the/other in/a secret/x secret/deep/y top.gz file)
    start_with_users '{ user = "nobody"; rights = "list"; folder = "drop/bob"; }' \
        '{ group = "mail"; rights = "list"; folder = "in/the/deep/"; }' \
        '{ user = "nobody"; rights = "get"; folder = "secret"; }' \
        '{ user = "nobody"; rights = "list"; folder = "file"; }' \
        '{ user = "nobody"; rights = "list"; folder = "absent/one"; }'
    add_files "${names[@]}"
    converse_as_users <<'END'
BOB = ['drop/bob/a.gz', 'drop/bob/sub/b.gz', 'drop/bob/sub/c']
WAY = ['in/the/deep/way']
session = connect('nobody', 'mail')
for request, wanted in {
        '': ['drop/', 'in/'],
        'drop': ['drop/bob/'],
        'drop/': ['drop/bob/'],
        'drop/bob': ['drop/bob/a.gz', 'drop/bob/sub/'],
        'drop/bob/': ['drop/bob/a.gz', 'drop/bob/sub/'],
        'drop/bob/sub': BOB[1:],
        'drop/bob/a.gz': BOB[:1],
        'in': ['in/the/'],
        'in/the': ['in/the/deep/'],
        'in/the/deep': WAY,
        'deep=1': BOB + WAY,
        'drop deep=1': BOB,
        'drop/bob deep=1': BOB,
        'drop/bob/sub deep=1': BOB[1:],
        'in deep=1': WAY,
        'match=*/*/*': BOB[:1],
        'match=*/*/*/*': BOB[1:] + WAY,
        'drop match=*/a*': BOB[:1],
        'drop/bob match=*': BOB[:1],
        'deep=1 match=*.gz': BOB[:2],
        'drop deep=1 match=*.gz': BOB[:2],
        'in/the match=*/w*': WAY,
}.items():
    found = listing(session, f'LIST {request}'.strip())
    check(found == wanted, f'LIST {request}: {found}')
    # With details they are the same names.
    found = [line.split(' ')[0] for line in listing(session, f'LIST {request} details=1'.replace('  ', ' '))]
    check(found == wanted, f'LIST {request} details=1: {found}')
# Everything else looks as if it did not exist.
for name in ('drop/f', 'drop/bob2', 'drop/bob2/z.gz', 'drop/alice', 'drop/bo', 'in/a', 'in/the/other', 'secret',
             'secret/x', 'secret/deep', 'top.gz', 'file', 'absent', 'absent/one', 'absent/other', 'drop/bob/a.gz/'):
    for options in ('', ' deep=1', ' details=1', ' match=*', ' deep=1 match=*', ' match=*/*'):
        found = listing(session, f'LIST {name}{options}')
        check(found == [], f'LIST {name}{options}: {found}')
for options in ('match=*', 'match=*/*', 'secret match=*', 'match=top*'):
    check(listing(session, f'LIST {options}') == [], options)
# Of another group, or of none.
check(listing(connect('nobody'), 'LIST deep=1') == BOB, 'the group is not asked for')
check(listing(connect('daemon', 'mail'), 'LIST deep=1') == WAY, 'the user is not asked for')
connect('daemon').expect('LIST drop/bob', 'FAIL denied')
END
}

@test "users: a listing does not look into folders of others" {
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    skip_unless_root 'to be another user'
    use_other_user
    use_root_again
    FSD_WRAPPER=(env "ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0" strace -D -f -o "$WORK/calls" -e
        'trace=openat,openat2')
    set_users '{ user = "nobody"; rights = "list"; folder = "drop/bob"; }'
    add_files drop/bob/sub/a drop/alice/a secret/deep/a
    start_fsd
    converse_as_users <<'END'
session = connect('nobody')
for request in ('LIST deep=1', 'LIST match=*/*/*/*'):
    check(listing(session, request) == ['drop/bob/sub/a'], request)
for request in ('LIST secret', 'LIST secret deep=1', 'LIST drop/alice'):
    check(listing(session, request) == [], request)
END
    stop_fsd
    converse <<<'wait_until(lambda: b"+++ exited" in open("calls", "rb").read().splitlines()[-1], "the end of strace")'
    grep -q '"sub"' calls
    run grep -E 'secret|alice' calls
    assert_output ''
}

@test "users: EXISTS describes the file only to clients who may see the name" {
    start_with_users '{ user = "nobody"; rights = "put"; folder = "drop"; }' \
        '{ user = "nobody"; rights = "list"; folder = "drop/shown"; }' \
        '{ user = "nobody"; rights = "get"; folder = "drop/read"; }' \
        '{ user = "nobody"; rights = "list get"; folder = "other"; }'
    add_files drop/a drop/shown/a drop/read/a drop/shown2/a
    converse_as_users <<'END'
session = connect('nobody')
for name, tells in ('drop/a', False), ('drop/shown2/a', False), ('drop/shown/a', True), ('drop/read/a', True):
    data = name.encode()
    told = f'EXISTS size={len(data)} digest={digest(data)}' if tells else 'EXISTS same=1'
    session.expect(f'PUT {name} digest={digest(data)}', told)
    other = told if tells else 'EXISTS'
    answer = session.ask(f'PUT {name} digest={digest(b"other")}')
    check(answer == other, f'{name}: {answer}')
    answer = session.ask(f'PUT {name} size=5 eager=1\n5\nother\nEND')
    check(answer == other, f'{name}: {answer}')
END
}

@test "users: fsc lists, fetches and stores what it may" {
    local fsc=(setpriv --reuid 65534 --regid 65534 --groups "$(getent group mail | cut -d : -f 3)" ./fsc)
    start_with_users '{ user = "nobody"; rights = "put"; folder = "drop/bob"; }' \
        '{ group = "mail"; rights = "list get"; folder = "out/mail"; }'
    add_files drop/bob/a drop/alice/a out/mail/a.gz out/mail/sub/b out/other/c.gz
    install -m 0755 "$FSC" fsc
    run --separate-stderr "${fsc[@]}" ls
    assert_output out/
    run --separate-stderr "${fsc[@]}" ls -R
    assert_output $'out/mail/a.gz\nout/mail/sub/b'
    run --separate-stderr "${fsc[@]}" ls --match '*/*/*.gz'
    assert_output out/mail/a.gz
    # What it may not see is not there.
    assert_fails 4 "${fsc[@]}" ls drop/bob
    assert_fails 4 "${fsc[@]}" ls out/other/c.gz
    assert_fails 4 "${fsc[@]}" ls --match '*' out/other
    run --separate-stderr "${fsc[@]}" stat --json out/mail/a.gz
    assert_success
    assert_output --partial '"name":"out/mail/a.gz"'
    assert_fails 4 "${fsc[@]}" stat out/other/c.gz
    run --separate-stderr "${fsc[@]}" get --output - out/mail/sub/b
    assert_output out/mail/sub/b
    assert_fails 6 "${fsc[@]}" get --output - out/other/c.gz
    run --separate-stderr "${fsc[@]}" put - --name drop/bob/new <<<new
    assert_success
    run --separate-stderr "${fsc[@]}" put - --name drop/bob/new <<<new
    assert_success
    assert_equal "$(cat "$LIBRARY/drop/bob/new")" new
    assert_fails 3 "${fsc[@]}" put - --name drop/bob/a <<<other
    assert_fails 6 "${fsc[@]}" put - --name out/mail/new <<<new
    assert_equal "$stderr" "fsc: out/mail/new: user nobody may not PUT (needs the right put for this name)"
}

@test "users: a refusal names the user and the right that is missing, and nobody else" {
    start_with_users '{ user = "daemon"; rights = "list get put replace"; }' \
        '{ group = "mail"; rights = "get"; folder = "out"; }' '{ group = "games"; rights = "list get delete"; }' \
        '{ user = "bin"; rights = "put"; }' '{ user = "bin"; rights = "get delete"; folder = "in"; }'
    converse_as_users <<'END'
import re


def check_refusals(session, client, refusals):
    for request, text in refusals.items():
        answer = session.ask(request)
        check(answer == f'FAIL denied {client} may not {text}', answer)
        last = log_lines('msg=denied')[-1]
        missing = re.search(r'needs the rights? (.*?)( for this name)?\)', text)[1]
        value = f'"{missing}"' if ' ' in missing else missing
        check(last.startswith('level=warning msg=denied session=') and last.endswith(f' missing={value}\n'), last)


check_refusals(connect('nobody'), 'user nobody', {
    'LIST': 'LIST (needs the right list)', 'LIST out': 'LIST (needs the right list)',
    'GET out/a': 'GET (needs the right get)', 'PUT a': 'PUT (needs the right put)',
    'PUT a replace=1': 'PUT with replace= (needs the rights put and replace)',
    'DELETE a': 'DELETE (needs the right delete)', 'WATCH': 'WATCH (needs the right watch)',
    'STATUS': 'STATUS (needs the right status)'})
last = log_lines('request=DELETE')[-1]
check(' client="user nobody" request=DELETE name=a ' in last, last)
# Of two rights one is missing; and one is only for other names.
check_refusals(connect('bin'), 'user bin', {
    'PUT a replace=1': 'PUT with replace= (needs the right replace)',
    'GET a': 'GET (needs the right get for this name)', 'DELETE in': 'DELETE (needs the right delete for this name)'})
stranger = connect(next(uid for uid in range(54321, 60000) if all(entry.pw_uid != uid for entry in pwd.getpwall())))
answer = stranger.ask('LIST')
check(answer.startswith('FAIL denied uid 5') and answer.endswith(' may not LIST (needs the right list)'), answer)
END
}

@test "users: unknown users grant nothing, with a warning" {
    start_with_users '{ user = "no-such-user"; rights = "list"; }' '{ user = "nobody"; rights = "get"; }' \
        '{ group = "no-such-group"; rights = "list"; }' '{ user = "no-such-user"; rights = "put"; folder = "a"; }'
    FSD_EXPECTED+='|msg="users names an unknown user or group" '
    converse_as_users <<'END'
unknown = 'level=warning msg="users names an unknown user or group" '
wanted = [unknown + name for name in ('user=no-such-user\n', 'group=no-such-group\n', 'user=no-such-user\n')]
check(log_lines(unknown) == wanted, log_lines(unknown))
for session in (connect('nobody'), connect('nobody', 0, primary='root')):
    check(allowed(session, 'LIST', 'GET a', 'PUT a/b') == ['GET a'], 'other rights')
hang_up()
check(log_lines(unknown) == 2 * wanted, log_lines(unknown))
END
}

@test "users: HUP gives rights to new sessions only" {
    start_with_users '{ user = "nobody"; rights = "get"; }' '{ group = "mail"; rights = "list"; folder = "b"; }'
    converse_as_users <<'END'
REQUESTS = ('LIST', 'GET a', 'PUT b/c')
first = connect('nobody', 'mail')
check(allowed(first, *REQUESTS) == ['LIST', 'GET a'], 'the first rights')
more = '{ group = "mail"; rights = "list put"; }, { user = "nobody"; rights = "get"; }, { user = "bin"; rights = "put"; }'
reload_with(f'users = ( {more} ); anonymous = "status";')
check(allowed(first, *REQUESTS) == ['LIST', 'GET a'], 'a session under way has new ones')
check(allowed(connect('nobody', 'mail'), *REQUESTS) == ['LIST', 'GET a', 'PUT b/c'], 'a new session has not')
# What it never had is no loss.
reload_with('users = ( { group = "mail"; rights = "list"; folder = "b/"; }, { user = "nobody"; rights = "get"; } );')
check(allowed(first, *REQUESTS) == ['LIST', 'GET a'], 'it has lost something')
END
}

@test "users: HUP ends the sessions of those who lost a right, and no others" {
    start_with_users '{ user = "nobody"; rights = "list get put watch"; }' '{ user = "daemon"; rights = "list get put watch"; }' \
        '{ group = "mail"; rights = "list"; folder = "a"; }'
    echo 'anonymous = "status";' >>"$CONFIG"
    add_files there
    truncate -s 64M "$LIBRARY/large"
    converse_as_users <<'END'
CHANGED = 'unavailable the rights of user nobody have changed: try again'


def begin(user):
    """Sessions in all states: what they are asked last, and what would go on."""
    idle, waiting, watching, sending, fetching = (connect(user) for _ in range(5))
    idle.expect('LIST there', 'OK')
    idle.body()
    waiting.send(f'GET {user}-later wait=1000\n')
    watching.expect('WATCH', 'OK')
    sending.expect(f'PUT {user}-slow size=2', 'OK offset=0')
    sending.send(b'1\nx\n')
    fetching.expect('GET large', 'OK')
    return idle, waiting, watching, sending, fetching


keepers, losers = begin('daemon'), begin('nobody')
other, own = connect('bin', 'mail'), Session()
other.expect('LIST a', 'EMPTY')
own.expect('STATUS', 'OK')
own.body()
before = children()
rest = '{ user = "daemon"; rights = "list get put watch"; }, { group = "mail"; rights = "list status"; }'
reload_with(f'users = ( {rest}, {{ user = "nobody"; rights = "list get watch"; }} ); anonymous = "status";')

idle, waiting, watching, sending, fetching = losers
idle.expect('LIST there', 'FAIL ' + CHANGED)
idle.expect_end()
check(waiting.news() == 'FAIL ' + CHANGED, 'a wait goes on')
waiting.expect_end()
while (item := watching.item()) and isinstance(item, bytes):
    pass
check(item == 'ABORT ' + CHANGED, item)
watching.expect_end()
sending.send_if_open(b'1\ny\nEND\n')
check(sending.news() == 'FAIL ' + CHANGED, 'a PUT goes on')
sending.expect_end()
while (item := fetching.item()) and isinstance(item, bytes):
    pass
check(item == 'ABORT ' + CHANGED, item)
fetching.expect_end()
check(not os.path.exists(LIBRARY + '/nobody-slow'), 'stored')
check(allowed(connect('nobody'), 'LIST', 'PUT b') == ['LIST'], 'new sessions')

idle, waiting, watching, sending, fetching = keepers
idle.expect('LIST there', 'OK')
idle.body()
sending.expect(b'1\ny\nEND\n', 'OK size=2')
own.expect('PUT daemon-later size=1 eager=1\n1\nz\nEND', 'OK')
check(waiting.news().startswith('OK size=1 '), 'a wait has ended')
heard = b''
while not (b'daemon-slow' in heard and b'daemon-later' in heard):
    heard += watching.item()
data, end = fetching.body()
check(len(data) == 2 ** 26 and end.startswith('END '), f'a GET was cut: {end}')
other.expect('LIST a', 'EMPTY')

# What everybody may do counts, and what a folder bounds.
anonymous, narrow = connect('bin'), connect('daemon')
narrow.expect('LIST', 'OK')
narrow.body()
anonymous.expect('STATUS', 'OK')
anonymous.body()
reload_with('users = ( { user = "daemon"; rights = "list get put watch"; folder = "a"; },'
            ' { group = "mail"; rights = "list"; folder = "a/"; } );')
answer = narrow.ask('LIST a')
check(answer == 'FAIL unavailable the rights of user daemon have changed: try again', answer)
answer = anonymous.ask('STATUS')
check(answer == 'FAIL unavailable the rights of user bin have changed: try again', answer)
own.expect('LIST', 'OK')
own.body()
END
}

@test "users: HUP ends a fsc whose user lost a right, with 12" {
    start_with_users '{ user = "nobody"; rights = "list get watch"; }'
    install -m 0755 "$FSC" fsc
    local nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups ./fsc)
    "${nobody[@]}" watch >heard 2>errors 3>&- &
    local pid=$!
    # It has begun when it reports a file.
    converse <<'END'
number = 0


def is_heard():
    global number
    number += 1
    with open(f'{LIBRARY}/{number}', 'w') as file:
        file.write('x')
    return os.path.getsize('heard') > 0


wait_until(is_heard, 'a file')
reload_with('users = ( { user = "nobody"; rights = "list get"; } );')
END
    local code=0
    wait "$pid" || code=$?
    assert_equal "$code" 12
    assert_equal "$(cat errors)" 'fsc: watch: the rights of user nobody have changed: try again'
    run -6 --separate-stderr "${nobody[@]}" watch
    assert_equal "$stderr" 'fsc: watch: user nobody may not WATCH (needs the right watch)'
}

# start_with_passwd LINE...: as start_with_users, with further lines in the daemon's /etc/passwd.
start_with_passwd() {
    local other
    cp /etc/passwd passwd
    printf '%s\n' "$@" >>passwd
    unshare -m true 2>/dev/null || skip 'no mount namespace can be made here'
    use_other_user
    other=("${FSD_WRAPPER[@]}")
    FSD_WRAPPER=(unshare -m bash -c 'mount --bind passwd /etc/passwd && exec "$@"' bash "${other[@]}")
    FSD_EXPECTED='msg=denied'
    start_fsd
}

@test "users: a name that cannot be that of a folder grants none" {
    skip_unless_root 'to be another user'
    set_users '{ group = "mail"; rights = "put"; folder = "home/%c"; }' \
        '{ group = "mail"; rights = "get"; folder = "all"; }'
    start_with_passwd 'bob@corp:x:61001:61001::/:/bin/sh' 'corp/../all:x:61002:61002::/:/bin/sh' \
        '..:x:61003:61003::/:/bin/sh' '.fsd:x:61004:61004::/:/bin/sh'
    FSD_EXPECTED='msg=denied|msg="a client has no rights in a folder" client="uid 6100[234]" folder=home/%c cause='
    converse_as_users <<'END'
bob = connect(61001, 'mail')
check(allowed(bob, 'PUT home/bob@corp/a', 'PUT home/bob/a', 'PUT all/a') == ['PUT home/bob@corp/a'], 'bob')
for uid in 61002, 61003, 61004:
    other = connect(uid, 'mail')
    found = allowed(other, 'GET all/a', 'PUT all/a', 'PUT home/a', 'PUT home/all/a', 'PUT home/corp/a', f'PUT home/.{uid}/a')
    check(found == ['GET all/a'], found)
check(len(log_lines('has no rights in a folder')) == 3, 'not logged')
check(os.listdir(LIBRARY + '/home') == ['bob@corp'] and not os.path.exists(LIBRARY + '/all'), 'stored')
END
}

@test "users: a name of other characters is a client of its own" {
    skip_unless_root 'to be another user'
    set_users '{ user = "bob@corp"; rights = "put"; }'
    start_with_passwd 'bob@corp:x:61001:61001::/:/bin/sh'
    converse_as_users <<'END'
connect(61001).expect(b'PUT a size=0 eager=1\nEND\n', 'OK size=0')
record = os.getxattr(LIBRARY + '/a', 'user.fsd').decode()
check('by=user:.61001' in record.split(), record)
END
}

@test "users: a very long entry hides nobody" {
    skip_unless_root 'to be another user'
    set_users '{ user = "first"; rights = "list"; }' '{ user = "second"; rights = "list"; }'
    start_with_passwd "first:x:61001:61001:$(printf '%9000s' ''):/:/bin/sh" 'second:x:61002:61002::/:/bin/sh'
    converse_as_users <<'END'
for uid in 61001, 61002:
    connect(uid).expect('LIST', 'EMPTY')
connect(61003).expect('LIST', 'FAIL denied')
END
}

@test "users: a client that cannot be looked up is not taken for nobody" {
    skip_unless_root 'to be another user'
    skip_when_sanitized strace
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    use_other_user
    use_root_again
    set_users '{ group = "daemon"; rights = "list"; }'
    FSD_EXPECTED='^level=error msg="cannot find out who a client is" client="uid [0-9]+" cause="'
    local error
    for error in EMFILE ENFILE ENOMEM EIO; do
        FSD_WRAPPER=(strace -D -f -o "$WORK/calls" -P /etc/passwd -e "inject=openat:error=$error")
        start_fsd
        converse_as_users <<'END'
check(connect('daemon', 'daemon').news() == 'FAIL unavailable cannot find out who you are; the log of fsd says why',
      'it is served')
END
        stop_fsd
    done
}

@test "users: a group that cannot be looked up is an error at the start, and keeps the old settings" {
    skip_unless_root 'to be another user'
    skip_when_sanitized strace
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    use_other_user
    use_root_again
    FSD_WRAPPER=(strace -D -f -o "$WORK/calls" -P /etc/group -e inject=openat:error=EIO)
    set_users '{ group = "daemon"; rights = "list"; }'
    local option
    for option in --foreground --check; do
        run timeout 20 "${FSD_WRAPPER[@]}" "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" "$option" 3>&-
        assert_failure 1
        assert_output 'fsd: users: cannot look up the group daemon: Input/output error'
    done
    [ ! -e "$SOCKET" ]
    FSD_WRAPPER=(strace -D -f -o "$WORK/calls" -P /etc/group -e inject=openat:error=EIO:when=2+)
    FSD_EXPECTED='reload failed, the old settings stay in use" cause="users: cannot look up the group daemon: Input/output error"|msg=denied'
    start_fsd
    set_users '{ group = "daemon"; rights = "put"; }'
    converse_as_users <<'END'
connect('daemon', 'daemon').expect('LIST', 'EMPTY')
hang_up('msg="reload failed, the old settings stay in use"')
session = connect('daemon', 'daemon')
session.expect('LIST', 'EMPTY')
session.expect('PUT a', 'FAIL denied')
END
}

@test "users: a user without a number in the daemon's user namespace is anonymous" {
    skip_unless_root 'to be another user'
    unshare -U --map-root-user true 2>/dev/null || skip 'no user namespace can be made here'
    set_users '{ user = "nobody"; rights = "list"; }' '{ group = "nogroup"; rights = "list"; }'
    use_other_user
    chown root:root "$LIBRARY"
    use_root_again
    FSD_WRAPPER=(unshare -U --map-root-user)
    FSD_EXPECTED='msg=denied|msg="users names an unknown user or group" group=nogroup'
    start_fsd
    converse_as_users <<'END'
for uid in 2, 65534, 54321:
    connect(uid, 2).expect('LIST', 'FAIL denied anonymous may not')
Session().expect('LIST', 'EMPTY')
END
    stop_fsd
    # Without a number of its own the daemon cannot tell its own user from others either.
    FSD_WRAPPER=(unshare -U)
    chmod 1777 "$LIBRARY" "$WORK/run"
    FSD_EXPECTED="$FSD_EXPECTED|served read-only"
    start_fsd
    converse_as_users <<<"connect(54321).expect('STATUS', 'FAIL denied anonymous may not')"
}

@test "strangers: they share limits.strangers, and take no sessions from others" {
    start_with_users '{ user = "daemon"; rights = "list"; }' '{ group = "mail"; rights = "list"; }' \
        '{ user = "bin"; rights = ""; }'
    echo 'limits = { strangers = 3; };' >>"$CONFIG"
    stop_fsd
    start_fsd --listen plain:127.0.0.1:0
    converse_as_users <<'END'
def is_turned_away(session, cause):
    session.send_if_open('LIST\n')  # what was answered before the end is still there
    answer = session.line()
    check(answer and answer.startswith(('FAIL denied ', 'FAIL busy ')), answer)
    if answer.startswith('FAIL denied '):
        return False
    session.expect_cut()
    line = log_lines('msg="connection refused"')[-1]
    check(line.endswith(f' cause={cause}\n'), line)
    return True


tcp = ('127.0.0.1', int(os.environ['FSD_PORT']))
held = [connect('nobody'), connect(54321), Session(tcp)]
check(not any(is_turned_away(session, '') for session in held), 'no strangers')
for another in connect('nobody'), connect(54322), connect('bin'), Session(tcp), connect(54321, *range(300000, 301000)):
    check(is_turned_away(another, 'limits.strangers'), 'one more stranger')
# A user without a name has no rights by a group either, which only its session can find out.
check(is_turned_away(connect(54323, 'mail'), 'limits.strangers'), 'one more stranger in a group')
known = [connect('daemon'), connect('nobody', 'mail'), connect('nobody', primary='mail'),
         connect('daemon', *range(300000, 365536)), Session()]
for session in known:
    session.expect('LIST', 'EMPTY')
check(not any(is_turned_away(session, '') for session in held), 'strangers were closed')
held.pop().close()


def has_room():
    held.append(connect(54322))
    return not is_turned_away(held[-1], 'limits.strangers')


wait_until(has_room, 'room for another stranger')
# The limit is read again, and so is who is known.
with open(CONFIG, 'w') as file:
    file.write('users = ( { user = "nobody"; rights = "list"; } ); limits = { strangers = 2; };')
hang_up()
check(is_turned_away(connect(54322), 'limits.strangers'), 'one more stranger after the reload')
connect('nobody').expect('LIST', 'EMPTY')
END
}

@test "strangers: none of them has more sessions than are left for the others" {
    start_with_users '{ user = "bin"; rights = "list"; }'
    echo 'anonymous = "list"; limits = { strangers = 8; };' >>"$CONFIG"
    stop_fsd
    start_fsd --listen plain:127.0.0.1:0
    converse_as_users <<'END'
tcp = ('127.0.0.1', int(os.environ['FSD_PORT']))
held = []
for uid, most in (54321, 4), (54321, 0), (None, 2), (54322, 1), (54323, 1), (54324, 0):
    count = 0
    while not is_busy(session := connect(uid) if uid else Session(tcp)):
        held.append(session)
        count += 1
    check(count == most, f'{uid}: {count}')
lines = log_lines('msg="connection refused"')
check(all(line.endswith(' cause=limits.strangers\n') for line in lines), lines)
check(not is_busy(connect('bin')) and not is_busy(Session()), 'another limit')
END
}

@test "strangers: what a refused one has sent keeps nobody waiting" {
    start_with_users '{ user = "bin"; rights = "list"; }'
    echo 'limits = { strangers = 1; };' >>"$CONFIG"
    stop_fsd
    start_fsd
    converse_as_users <<'END'
held = connect(54321)
held.expect('LIST', 'FAIL denied')
daemon = held.peer()
# To close this socket takes an hour, since nobody reads what it has sent.
listening = socket.create_server(('127.0.0.1', 0))
full = socket.create_connection(listening.getsockname())
full.setblocking(False)
with contextlib.suppress(BlockingIOError):
    while True:
        full.send(bytes(65536))
full.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 3600))
# Its last descriptor is sent before the daemon can refuse the connection.
os.kill(daemon, signal.SIGSTOP)
another = connect(54321)
socket.send_fds(another.socket, [b'LIST absent\n'], [full.fileno()])
full.close()
os.kill(daemon, signal.SIGCONT)
check(another.line() == 'FAIL busy too many sessions', 'no refusal')
for session in connect('bin'), Session():
    session.expect('LIST', 'EMPTY')
another.expect_cut()
END
}

@test "strangers: root is served while many of them hold and open connections" {
    start_with_users '{ user = "daemon"; rights = "list"; }'
    converse_as_users <<'END'
held = []
for number in range(600):
    try:
        held.append(connect(20000 + number))
        held[-1].send_if_open('LIST\n')
    except OSError:
        pass
    if number % 30 == 0:
        Session().expect('LIST', 'EMPTY')
        connect('daemon').expect('LIST', 'EMPTY')
for session in held:
    session.close()
Session().expect('LIST', 'EMPTY')
END
}

@test "strangers: anonymous clients are among them, even with rights" {
    skip_unless_root 'to be another user'
    unshare -U --map-root-user true 2>/dev/null || skip 'no user namespace can be made here'
    set_users '{ user = "nobody"; rights = "list"; }'
    echo 'anonymous = "list"; limits = { strangers = 1; };' >>"$CONFIG"
    use_other_user
    chown root:root "$LIBRARY"
    use_root_again
    start_fsd
    converse_as_users <<'END'
first = connect('bin')
first.expect('LIST', 'EMPTY')
check(is_busy(connect('daemon')) and not is_busy(connect('nobody')), 'another limit')
END
    stop_fsd
    # There nobody has no number, and so only the rights of everybody.
    FSD_WRAPPER=(unshare -U --map-root-user)
    start_fsd
    converse_as_users <<'END'
first = connect('bin')
first.expect('LIST', 'EMPTY')
check(is_busy(connect('daemon')) and is_busy(connect('nobody')) and not is_busy(Session()), 'another limit')
END
}

@test "limits.sessions: the last ones are for root and the user of the daemon" {
    start_with_users '{ user = "daemon"; rights = "list"; }'
    echo 'limits = { sessions = 16; per_user = 100; };' >>"$CONFIG"
    stop_fsd
    start_fsd
    converse_as_users <<'END'
held = [connect('daemon') for _ in range(14)]
check(not any(is_busy(session) for session in held), 'no sessions')
check(is_busy(connect('daemon')), 'a session of the reserve')
lines = log_lines('msg="connection refused"')
check(lines and lines[-1].endswith(' cause=limits.sessions\n'), lines)
own = [Session(), Session()]
check(not any(is_busy(session) for session in own), 'no reserve')
check(is_busy(Session()), 'more sessions than the limit')
END
}

@test "rights: a session ends after many refusals, and soon without any right" {
    start_with_users '{ user = "daemon"; rights = "list"; }'
    install -m 0755 "$FSC" fsc
    converse_as_users <<'END'
for user, most in ('nobody', 10), ('daemon', 100):
    session = connect(user)
    session.send('GET a\n' * (most + 50))
    for number in range(most):
        line = session.line()
        check(line and line.startswith('FAIL denied '), f'{user}, {number}: {line}')
    session.expect_end()
# Other answers do not count.
session = connect('daemon')
for _ in range(150):
    session.expect('LIST absent', 'EMPTY')
for _ in range(99):
    session.expect('GET a', 'FAIL denied ')
session.expect('LIST', 'EMPTY')
END
    # fsc tries all names, whether it sends requests ahead or one by one.
    seq 1 250 | sed 's/^/name/' >names
    mkdir many
    (cd many && xargs touch <../names)
    local daemon=(setpriv --reuid 1 --regid 1 --clear-groups ./fsc) nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups ./fsc)
    run -6 --separate-stderr "${daemon[@]}" get --into many --files-from names
    assert_equal "${#stderr_lines[@]} ${stderr_lines[10]}" '11 fsc: and 240 more: user daemon may not GET (needs the right get)'
    run -6 --separate-stderr "${daemon[@]}" put -R many
    assert_equal "${#stderr_lines[@]} ${stderr_lines[10]}" '11 fsc: and 240 more: user daemon may not PUT (needs the right put)'
    run -6 --separate-stderr "${nobody[@]}" rm --files-from names
    assert_equal "${#stderr_lines[@]} ${stderr_lines[10]}" '11 fsc: and 240 more: user nobody may not DELETE (needs the right delete)'
}

@test "limits.request: a client without any right must say something by then" {
    start_with_users '{ user = "daemon"; rights = "list"; }'
    echo 'limits = { request = "100ms"; };' >>"$CONFIG"
    stop_fsd
    start_fsd
    converse_as_users <<'END'
known, silent = connect('daemon'), connect('nobody')
silent.expect_end()
known.expect('LIST', 'EMPTY')
END
}

@test "rights: other local users are anonymous" {
    skip_unless_root 'to be another user'
    FSD_EXPECTED='msg=denied'
    use_other_user
    use_root_again
    start_fsd
    [ -x /usr/bin/nc.openbsd ] || skip 'nc of OpenBSD is needed'
    run setpriv --reuid 65534 --regid 65534 --clear-groups nc -N -U "$SOCKET" <<<$'LIST\nGET a\nPUT a'
    assert_success
    assert_equal "${#lines[@]}" 3
    assert_line --index 0 --partial 'FAIL denied '
    assert_line --index 2 --partial 'FAIL denied '
    stop_fsd
    start_fsd --anonymous 'list put'
    run setpriv --reuid 65534 --regid 65534 --clear-groups nc -N -U "$SOCKET" \
        <<<$'LIST\nGET a\nPUT a size=0 eager=1\nEND\nLIST details=1'
    assert_success
    assert_line --index 0 EMPTY
    assert_line --index 1 --partial 'FAIL denied '
    assert_line --index 2 --partial 'OK size=0 '
    assert_output --partial 'by=user:nobody'
}

@test "rights: nobody has any over TCP by default" {
    FSD_EXPECTED='msg=denied'
    start_fsd --listen plain:127.0.0.1:0
    play "127.0.0.1:$FSD_PORT" <<'END'
> LIST
< FAIL denied *
> GET a
< FAIL denied *
> PUT a
< FAIL denied *
> PUT a size=1 eager=1
> 1
> x
> END
< FAIL denied *
END
    assert_empty_library
}
