#!/usr/bin/env bats
# bats file_tags=tls
# The table in the file "rights": each request of each client in each place, and the disk after it.

load library

# play_rights: starts a daemon that all can reach, and plays the Python on stdin, with the table.
play_rights() {
    skip_unless_root 'to be another user'
    command -v openssl >/dev/null || skip 'openssl makes the keys of clients'
    use_other_user
    use_root_again
    FSD_EXPECTED='msg=denied'
    printf 'identity = "%s/identity/identity.pem";\n' "$WORK" >"$CONFIG"
    start_fsd --listen 127.0.0.1:0
    export TESTS
    converse <<END
import grp
import pwd

from keys import *

CLIENTS = 'user', 'group', 'key', 'unknown', 'nobody'
KNOWN, ANONYMOUS = CLIENTS[:3], CLIENTS[3:]
PLACES = 'all', 'own', 'other'
RIGHTS = 'list', 'get', 'put', 'replace', 'delete', 'watch', 'status'
# The folder of each client is below "home", and so is that of somebody else.
NAMES = {'user': 'daemon', 'group': 'nobody', 'key': 'web1', 'unknown': 'web1', 'nobody': 'web1'}
BY = {'user': 'user:daemon', 'group': 'user:nobody', 'key': 'key:web1', 'unknown': 'anonymous', 'nobody': 'anonymous'}
KEY = make_key('web1')
make_key('unknown')


def table():
    """Of each request the rights that it needs, and what is expected of each client in each place."""
    rows = {}
    with open(os.environ['TESTS'] + '/rights', encoding='utf-8') as file:
        for request, needs, *cells in (line.split() for line in file if not line.startswith('#')):
            check(len(cells) == len(CLIENTS) * len(PLACES) and {*cells} <= {'yes', 'no', 'hidden'}, request)
            columns = [(client, place) for client in CLIENTS for place in PLACES]
            rows[request] = [] if needs == '-' else needs.split(','), dict(zip(columns, cells))
    return rows


def connect(client):
    if client not in KNOWN[:2]:
        return KeySession({'key': 'web1', 'unknown': 'unknown'}.get(client))
    groups = [grp.getgrnam('mail').gr_gid] if client == 'group' else []
    return session_as(pwd.getpwnam(NAMES[client]).pw_uid, 65534, groups)


def grant(rights, folder='', anonymous=''):
    """The daemon gives these rights to all known clients, in a folder, and the others to everybody."""
    with open('fsd.conf') as file:
        identity = file.readline()
    rest = f'rights = "{" ".join(rights)}"; ' + (f'folder = "{folder}"; ' if folder else '')
    write_settings(identity + f'anonymous = "{" ".join(anonymous)}";\n'
                   f'users = ( {{ user = "daemon"; {rest} }}, {{ group = "mail"; {rest} }} );\n'
                   f'clients = ( {{ name = "web1"; key = "{KEY}"; {rest} }} );\n')
    hang_up()


def library():
    """All files: their content, and who put them."""
    found = {}
    for folder, folders, files in os.walk(LIBRARY):
        if folder == LIBRARY:
            folders.remove('.fsd')
        for name in files:
            path = f'{folder}/{name}'
            with open(path) as file:
                found[path[len(LIBRARY) + 1:]] = file.read(), os.getxattr(path, 'user.fsd').decode().split('by=')[1]
    return found


def fill():
    """There is a file "old" in each folder, and nothing else."""
    for name in library():
        os.unlink(f'{LIBRARY}/{name}')
    root = Session()
    for name in {*NAMES.values(), 'other'}:
        check(root.ask(f'PUT home/{name}/old size=3 eager=1\n3\nold\nEND').startswith('OK '), 'fill')
    root.send('QUIT\n')
    root.expect_end()
    wait_until(lambda: not stages(), 'the stages to go')
    return library()


def outcome(session, request, folder):
    """Has it done this, been refused, or seen nothing?"""
    word, _, way = request.partition('-')
    text = {'LIST': f'LIST {folder}', 'GET': f'GET {folder}/old' + (' wait=1000' if way else ''),
            'PUT': f'PUT {folder}/new size=3 eager=1\n3\nnew\nEND', 'DELETE': f'DELETE {folder}/old'}.get(word, word)
    if way == 'replace':
        text = f'PUT {folder}/old replace=1 size=3 eager=1\n3\nnew\nEND'
    if way == 'slow':
        text = f'PUT {folder}/new size=3'
    answer = session.ask(text)
    if word == 'QUIT':
        return 'yes' if answer is None else answer
    if answer is None or answer.startswith('FAIL denied '):
        return 'no' if answer else answer
    if answer == 'EMPTY':
        return 'hidden'
    if not answer.startswith('OK'):
        return answer
    if word in ('LIST', 'GET', 'STATUS'):
        data, end = session.body()
        check(end.startswith('END'), end)
        check(word == 'STATUS' or data == {'LIST': b'old\n', 'GET': b'old'}[word] or data == f'{folder}/old\n'.encode(), data)
    if way == 'slow':
        answer = session.ask('3\nnew\nEND')
    return 'yes' if answer.startswith('OK') else answer


def watch(client, folder, expected):
    """The same for WATCH, which never ends, and reports files in any order."""
    own = f'home/{NAMES[client]}'
    session, root = connect(client), Session()
    answer = session.ask('WATCH existing=1')
    if answer.startswith('FAIL denied '):
        return 'no'
    check(answer == 'OK', answer)
    seen = set()
    # By the second mark it has seen all that it is to see.
    for mark in 'mark', 'last':
        for name in {f'{folder}/{mark}', f'{own}/{mark}'}:
            check(root.ask(f'PUT {name} size=0 eager=1\nEND').startswith('OK '), 'mark')
        wanted = {f'{own}/{mark}'} | ({f'{folder}/{name}' for name in ('old', mark)} if expected == 'yes' else set())
        while not wanted <= seen:
            seen.update(line.split(' ')[0] for line in session.item().decode().splitlines())
        for name in {f'{folder}/{mark}', f'{own}/{mark}'}:
            check(root.ask(f'DELETE {name}') == 'OK', 'mark')
    session.close()
    return 'yes' if f'{folder}/old' in seen else 'hidden' if all(name.startswith(own + '/') for name in seen) else f'{seen}'


def try_one(request, client, place, expected):
    """One cell of the table."""
    folder = 'home/other' if place == 'other' else f'home/{NAMES[client]}'
    before = fill()
    found = watch(client, folder, expected) if request == 'WATCH' else outcome(connect(client), request, folder)
    check(found == expected, f'{request} of {client}, {place}: {found}')
    after = dict(before)
    if expected == 'yes' and request in ('PUT', 'PUT-slow', 'PUT-replace'):
        after[f'{folder}/' + ('old' if request == 'PUT-replace' else 'new')] = 'new', BY[client]
    if expected == 'yes' and request == 'DELETE':
        del after[f'{folder}/old']
    wait_until(lambda: not stages(), 'the stages to go')
    check(library() == after, f'{request} of {client}, {place}: {library()}')


$(cat)
END
}

@test "rights: each request of each client is allowed or denied as the table has it" {
    play_rights <<'END'
rows = table()
check({request.split('-')[0] for request in rows} == {name.split('.')[1] for name in Session().status()
      if re.fullmatch(r'requests\.[A-Z]*\.ok', name)}, 'there are other requests')
tried = 0
for place in PLACES:
    for clients in KNOWN, ANONYMOUS:
        every = RIGHTS if place == 'all' else [right for right in RIGHTS if right != 'status']
        if clients == KNOWN:
            grant(every, '' if place == 'all' else 'home/%c')
        else:
            grant([], anonymous=every if place == 'all' else [])
        for client in clients:
            for request, (_, cells) in rows.items():
                try_one(request, client, place, cells[client, place])
                tried += 1
check(tried == len(rows) * len(CLIENTS) * len(PLACES), tried)
END
}

@test "rights: a request needs the rights that the table has, and no others" {
    play_rights <<'END'
rows = table()
for missing in RIGHTS:
    others = [right for right in RIGHTS if right != missing]
    grant(others)
    for request, (needs, _) in rows.items():
        for client in KNOWN if missing in needs else ():
            try_one(request, client, 'all', 'no')
    grant([], anonymous=others)
    for request, (needs, _) in rows.items():
        for client in ANONYMOUS if missing in needs else ():
            try_one(request, client, 'all', 'no')
for needs in {tuple(needs) for needs, _ in rows.values()}:
    for rights, anonymous, clients in (needs, (), KNOWN), ((), needs, ANONYMOUS):
        grant(rights, anonymous=anonymous)
        for request, row in rows.items():
            for client in clients if tuple(row[0]) == needs else ():
                try_one(request, client, 'all', 'yes')
END
}
