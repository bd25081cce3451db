#!/usr/bin/env bats
# bats file_tags=tls
# The setting "clients": who comes over TLS is known by a key, and what a key may do.

load library

# start_with_keys NAME...: a daemon that listens with TLS, and the identities NAME.pem. Its configuration includes the
# folder conf.d, which is empty.
start_with_keys() {
    command -v openssl >/dev/null || skip 'openssl makes the keys of clients'
    mkdir conf.d
    printf 'include = "%s/conf.d";\nidentity = "%s/identity/identity.pem";\n' "$WORK" "$WORK" >"$CONFIG"
    FSD_EXPECTED='msg=denied'
    with_keys <<<"$(printf 'make("%s")\n' "$@")"
    start_fsd --listen 127.0.0.1:0
}

# with_keys: converse, with keys.
with_keys() {
    converse <<END
import json
from keys import *

if not os.path.exists('fingerprints'):
    with open('fingerprints', 'w') as file:
        json.dump({}, file)
with open('fingerprints') as file:
    KEYS = json.load(file)


def make(name):
    KEYS[name] = make_key(name)
    with open('fingerprints', 'w') as file:
        json.dump(KEYS, file)


def entry(name, rights, folder=None, keys=None):
    """An entry of clients, with the keys of these names; without any, with the one of its name."""
    keys = ', '.join(f'"{KEYS[key]}"' for key in ([name] if keys is None else keys))
    return (f'{{ name = "{name}"; ' + (f'key = ({keys}); ' if keys else '') + f'rights = "{rights}"; ' +
            (f'folder = "{folder}"; ' if folder else '') + '}')


def allow(*entries, more='', file='clients'):
    """Writes a file of the folder that is included."""
    with open(f'conf.d/{file}.new', 'w') as written:
        written.write(more + (f'clients = ( {", ".join(entries)} );' if entries else ''))
    os.rename(f'conf.d/{file}.new', f'conf.d/{file}.conf')


def put(session, name, data='x'):
    return session.ask(f'PUT {name} size={len(data)} eager=1\n{len(data)}\n{data}\nEND')


def record(name):
    return os.getxattr(f'{LIBRARY}/{name}', 'user.fsd').decode()


$(cat)
END
}

@test "keys: a client may do what its entry says, in a folder of its own" {
    start_with_keys web1 web2 nobody
    with_keys <<'END'
allow(entry('web1', 'list get put', 'hosts/%c'), entry('web2', 'list get put', 'hosts/%c'), more='anonymous = "status"; ')
hang_up()
for own, other in ('web1', 'web2'), ('web2', 'web1'):
    session = KeySession(own)
    check(put(session, f'hosts/{own}/a', own).startswith('OK '), 'its own folder')
    check(record(f'hosts/{own}/a').split()[-1] == f'by=key:{own}', record(f'hosts/{own}/a'))
    session.expect(f'GET hosts/{own}/a', 'OK size=4')
    check(session.body()[0] == own.encode(), 'its content')
    session.expect('LIST deep=1', 'OK')
    check(session.body()[0].decode() == f'hosts/{own}/a\n', 'what it sees')
    for name in f'hosts/{other}/a', f'hosts/{own}', 'hosts/%25c/a', 'a':
        answer = put(session, name)
        check(answer == f'FAIL denied key:{own} may not PUT (needs the right put for this name)', answer)
        session.expect(f'GET {name}', f'FAIL denied key:{own} may not GET')
    session.expect(f'DELETE hosts/{own}/a', f'FAIL denied key:{own} may not DELETE (needs the right delete)')
    # It has those of everybody, too.
    session.status()
check(log_lines('msg=stored')[0].split(' name=')[0].endswith('client=key:web1'), log_lines('msg=stored'))
# Who has another key, or none, is anybody.
for name, who in ('nobody', 'anonymous with the key ' + KEYS['nobody']), (None, 'anonymous'):
    session = KeySession(name)
    answer = put(session, 'hosts/web1/b')
    check(answer == f'FAIL denied {who} may not PUT (needs the right put)', answer)
    check(f'client="{who}"' in log_lines('msg=denied')[-1] or f'client={who} ' in log_lines('msg=denied')[-1],
          log_lines('msg=denied')[-1])
    session.status()
check(os.listdir(LIBRARY + '/hosts/web1') == ['a'], 'stored')
END
}

@test "keys: the fingerprint in the log lets a client in, and HUP is enough" {
    start_with_keys web1
    with_keys <<'END'
session = KeySession('web1')
session.expect('LIST', 'FAIL denied')
key = re.search(r'client="anonymous with the key (SHA256:[^ "]*)"', log_lines('msg=denied')[-1])[1]
with open('conf.d/web1.conf', 'w') as file:
    file.write(f'clients = ( {{ name = "web1"; key = "{key}"; rights = "list"; }} );')
hang_up()
# The session keeps the rights that it began with.
session.expect('LIST', 'FAIL denied')
KeySession('web1').expect('LIST', 'EMPTY')
END
}

@test "keys: a session that lost its key or a right ends at the next request" {
    start_with_keys web1 web2 web3
    with_keys <<'END'
both = [entry('web1', 'list put watch', 'hosts/%c'), entry('web2', 'list put'), entry('web3', 'list', keys=['web3'])]
allow(*both)
hang_up()
web1, web2, watching, idle = KeySession('web1'), KeySession('web2'), KeySession('web1'), KeySession('web3')
for session in web1, web2:
    session.expect('LIST absent', 'EMPTY')
idle.expect('LIST absent', 'EMPTY')
watching.expect('WATCH', 'OK')


def goes_on(session):
    """It is served, and the connection stays."""
    return session.ask('LIST absent') == 'EMPTY'


def expect_lost(session, who, request='LIST absent'):
    session.expect(request, f'FAIL unavailable the rights of {who} have changed: try again')
    session.expect_end()


# Another order, another file, more rights, and a second key: nobody loses anything.
allow(entry('web2', 'list put get'), both[2], file='later')
allow(entry('web1', 'list put watch'))
hang_up()
check(goes_on(web1) and goes_on(web2) and goes_on(idle), 'a session ends without cause')
check(put(web1, 'hosts/web1/a').startswith('OK '), 'still allowed')
check(b'hosts/web1/a ' in watching.item(), 'still watching')
# web1 has another key now, which another client had: the new ones can begin at once.
allow(entry('web1', 'list put watch', keys=['web3']))
allow(entry('web2', 'list put'), file='later')
hang_up()
expect_lost(web1, 'key:web1', 'PUT hosts/web1/b size=1 eager=1\n1\nx\nEND')
expect_lost(idle, 'key:web3')
line = watching.news()
check(line is not None and line.startswith('ABORT unavailable'), line)
check(goes_on(web2), 'a session ends without cause')
check(not os.path.exists(LIBRARY + '/hosts/web1/b'), 'stored')
KeySession('web1').expect('LIST absent', 'FAIL denied anonymous with the key ' + KEYS['web1'])
session = KeySession('web3')
check(put(session, 'b').startswith('OK ') and record('b').endswith(' by=key:web1'), record('b'))
# Without any client, and where everybody has the same rights: the name is lost.
allow(more='anonymous = "list put watch get";')
os.unlink('conf.d/later.conf')
hang_up()
expect_lost(session, 'key:web1')
expect_lost(web2, 'key:web2')
check(put(KeySession('web3'), 'c').startswith('OK ') and record('c').endswith(' by=anonymous'), record('c'))
END
}

@test "keys: all keys of a name are one client, also for an upload that was cut" {
    start_with_keys old new other
    with_keys <<'END'
allow(entry('web1', 'put list', 'hosts/%c', ['old', 'new']), entry('web1', 'get', 'all', []), entry('other', 'put'))
hang_up()
upload = '0123456789abcdef0123456789abcdef'
request = f'PUT hosts/web1/a size=6 upload={upload}'
cut = KeySession('old')
cut.expect(request, 'OK offset=0')
cut.send('3\nabc\n')
wait_until(lambda: stages() and os.path.getsize(stages()[0]) >= 3, 'the stage')
check(os.path.dirname(stages()[0]) == LIBRARY + '/.fsd/stage/key:web1', stages())
cut.close()
new = KeySession('new')
wait_until(lambda: new.ask('GET all/a').startswith('FAIL not-found'), 'the other row')
answers = []


def is_resumed():
    """The daemon may not have noticed yet that the connection is cut."""
    session = KeySession('new')
    answers.append(session.ask(request))
    if not answers[-1].startswith('OK offset=3 '):
        return False
    answers.append(session.ask('3\ndef\nEND'))
    return True


wait_until(is_resumed, 'the upload to be resumed')
check(answers[-1].startswith('OK size=6 '), answers)
with open(LIBRARY + '/hosts/web1/a') as file:
    check(file.read() == 'abcdef', 'other content')
check(f'by=key:web1 upload={upload}' in record('hosts/web1/a'), record('hosts/web1/a'))
# The old key goes, the new one stays.
old = KeySession('old')
old.expect('LIST absent', 'EMPTY')
allow(entry('web1', 'put list', 'hosts/%c', ['new']), entry('web1', 'get', 'all', []), entry('other', 'put'))
hang_up()
old.expect('LIST absent', 'FAIL unavailable')
new.expect('LIST absent', 'EMPTY')
END
}

@test "keys: at most 4096 clients, each in a file of its own" {
    start_with_keys web1
    with_keys <<'END'
import base64
import hashlib


def write(number):
    key = base64.b64encode(hashlib.sha256(b'%d' % number).digest()).decode().rstrip('=')
    with open(f'conf.d/{number}.conf', 'w') as file:
        file.write(f'clients = ( {{ name = "c{number}"; key = "SHA256:{key}"; rights = "list"; folder = "%c"; }} );')


for number in range(4095):
    write(number)
# What a session may use comes in addition to that.
allow(entry('web1', 'list', 'hosts/%c'), more='limits = { memory = "2M"; };')
hang_up()
first = KeySession('web1')
first.expect('LIST absent', 'EMPTY')
FAILED = 'msg="reload failed, the old settings stay in use" '
write(4095)
hang_up(FAILED)
check('there are more than 4096 files' in log_lines(FAILED)[-1], log_lines(FAILED))
os.unlink('conf.d/4095.conf')
with open('conf.d/0.conf', 'a') as file:
    file.write('users = ( { user = "root"; rights = ""; } );')
hang_up()
first.expect('LIST absent', 'EMPTY')
os.unlink('conf.d/clients.conf')
hang_up()
first.expect('LIST absent', 'FAIL unavailable')
write(4095)
allow(entry('web1', 'list'), file='0')
with open('conf.d/1.conf', 'a') as file:
    file.write('\n')
hang_up()
KeySession('web1').expect('LIST absent', 'EMPTY')
text = open('conf.d/1.conf').read()
with open('conf.d/1.conf', 'w') as file:
    file.write(text.replace('( {', '( { name = "c1"; rights = ""; }, {'))
hang_up(FAILED)
check(re.search(r'conf\.d/.*: there can be at most 4096"?$', log_lines(FAILED)[-1].strip()), log_lines(FAILED)[-1])
END
    FSD_EXPECTED+='|msg="reload failed, the old settings stay in use" '
}

# A client that keeps its rights notices nothing of reloads, whether it comes again and again or stays. One that
# has them only now and then is never let in without them, and never sees anything but the three answers.
@test "keys: many reloads while clients come and go" {
    start_with_keys keeper1 keeper2 guest1 guest2
    with_keys <<'END'
stop = threading.Event()
wrong, done = [], {}
DENIED, LOST = 'FAIL denied anonymous with the key ', 'FAIL unavailable the rights of key:'


def keep(name, connect):
    """Stores, fetches and lists in sessions of one round, and in one that stays."""
    staying, number = connect(), 0
    while not stop.is_set():
        number += 1
        once = connect()
        for session, path in (staying, f'{name}/{number}'), (once, f'{name}/once'):
            answers = [put(session, path, name), session.ask(f'GET {path}'), session.body()[0].decode(),
                       session.ask(f'LIST {path}'), session.body()[0].decode(),
                       session.ask(f'DELETE {path}')]
            if [answer.split(' ')[0] for answer in answers] != ['OK', 'OK', name, 'OK', path + '\n', 'OK']:
                wrong.append((name, answers))
                return
        once.send('QUIT\n')
        once.expect_end()
        done[name] = number


def visit(name):
    """What a guest may hear depends on the moment."""
    session, number = None, 0
    while not stop.is_set():
        number += 1
        session = session or KeySession(name)
        answer = put(session, f'{name}/{number}')
        if not answer.startswith(('OK ', DENIED + KEYS[name], LOST + name)):
            wrong.append((name, answer))
            return
        done.setdefault(name, set()).add(answer.split(' ')[1] if answer.startswith('FAIL') else 'ok')
        if not answer.startswith('OK') or number % 5 == 0:
            session = None


def run(act, *arguments):
    try:
        act(*arguments)
    except BaseException as error:
        wrong.append((arguments[0], repr(error)))


def settle(number):
    """Keepers have the same rights in other words each time, and every other guest none."""
    guests = [entry(f'guest{guest}', 'put', '%c') for guest in (1, 2) if number // guest % 2]
    allow(entry('keeper1', 'get put list delete', '%c' if number % 2 else 'keeper1'), *guests)
    allow(*(entry('keeper2', rights, '%c/', ['keeper2'] if rights == 'get put' else [])
            for rights in (('get put', 'list delete'), ('list delete', 'get put'))[number % 2]), file='keeper2')


settle(0)
hang_up()
threads = [threading.Thread(target=run, args=(keep, name, lambda name=name: KeySession(name))) for name in ('keeper1', 'keeper2')]
threads += [threading.Thread(target=run, args=(keep, 'root', Session))]
threads += [threading.Thread(target=run, args=(visit, name)) for name in ('guest1', 'guest2')]
for thread in threads:
    thread.start()
log = open(os.environ['FSD_LOG'])
heard, rest = 0, ''


def is_read(number):
    """A line may be read in two parts."""
    global heard, rest
    *lines, rest = (rest + log.read()).split('\n')
    heard += sum('msg="settings read again"' in line for line in lines)
    return heard > number or wrong


try:
    wait_until(lambda: is_read(0), 'the first reload')
    wait_until(lambda: len(done) == len(threads) or wrong, 'all clients to begin')
    for number in range(1, 1001 if os.environ['FSD_CONCURRENCY'] == 'process' else 201):
        settle(number)
        os.kill(daemon(), signal.SIGHUP)
        wait_until(lambda: is_read(number), f'reload {number}')
        if wrong:
            break
finally:
    stop.set()
    for thread in threads:
        thread.join()
check(not wrong, wrong)
check(done['guest1'] == done['guest2'] == {'ok', 'denied', 'unavailable'}, done)
check(all(done[name] > 20 for name in ('keeper1', 'keeper2', 'root')), done)
END
}
