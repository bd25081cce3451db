#!/usr/bin/env bats
# Others who can write in the folder of the library, or made .fsd first: they must not lead fsd or fsd-scrub
# to files elsewhere, and OK is never said for other bytes.
# bats file_tags=once

load library

read_only='level=warning msg="the library is served read-only" library=.* cause="(its folder .fsd belongs to user 65534|others can write to its|cannot use its folder .fsd \(Not a directory\))'
exposed='level=warning msg="others can write to the folder of the library" library='

# open_library MODE: a library in whose folder another user can write; needs root. Others reach it.
open_library() {
    let_others_in
    mkdir -m "$1" "$LIBRARY"
    mkdir -m 0777 "$WORK/strange"
}

# refused PATTERN: fsd does not start, and --check says the same.
refused() {
    local good=(--config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET")
    refuses 1 "^fsd: library $LIBRARY: $1\$" "${good[@]}" --check
    refuses 1 "^fsd: library $LIBRARY: $1\$" "${good[@]}" --foreground
}

# converse_as_other: converse, with as_other(), which does something as another user.
converse_as_other() {
    converse <<END
import contextlib
import shutil

FSD_FOLDER = LIBRARY + '/.fsd'
OWN = 'key:tester' if os.environ['FSD_TRANSPORT'] else 'user:root'


@contextlib.contextmanager
def as_other():
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def see(folder):
    """All that is in a folder, with what would show that somebody has used it."""
    return sorted((path, os.lstat(path).st_ino, os.lstat(path).st_mode, os.lstat(path).st_ctime_ns)
                  for place, folders, files in os.walk(folder)
                  for path in (os.path.join(place, name) for name in folders + files))


def prepare(folder):
    """A folder that looks like .fsd, with an old upload of each client, as another user may make it."""
    for client in ('anonymous', OWN):
        os.makedirs(f'{folder}/stage/{client}')
        old = f'{folder}/stage/{client}/0123456789abcdef0123456789abcdef'
        open(old, 'w').close()
        os.utime(old, (0, 0))
    open(folder + '/lock', 'w').close()
    os.system(f'chmod -R a+rwX {folder}')


$(cat)
END
}

@test "foreign: .fsd that another user made first is refused" {
    open_library 1777
    as_other mkdir -p "$LIBRARY/.fsd/stage"
    refused 'its folder .fsd belongs to user 65534 \(run this as that user, or remove it, or use chown -R\)'
    run --separate-stderr "$FSD" --stdio --config "$CONFIG" --library "$LIBRARY" <<<'LIST'
    assert_failure 1
    assert_equal "$(find "$LIBRARY" -mindepth 1 | sort | tr '\n' ' ')" "$LIBRARY/.fsd $LIBRARY/.fsd/stage "
    chown -R 0 "$LIBRARY/.fsd"
    start_fsd
    play <<<$'> PUT a size=1 eager=1\n> 1\n> x\n> END\n< OK size=1 *'
}

@test "foreign: each of the daemon's own files must belong to it or to root" {
    skip_unless_root 'to give files away'
    use_other_user
    start_fsd
    stop_fsd
    mkdir -m 0700 "$LIBRARY/.fsd/quarantine"
    chown 65534 "$LIBRARY/.fsd/quarantine"
    local own
    for own in 'folder .fsd' 'folder .fsd/stage' 'folder .fsd/quarantine' 'file .fsd/lock'; do
        chown 1 "$LIBRARY/${own#* }"
        FSD=$WORK/fsd
        run "${FSD_WRAPPER[@]}" "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --check
        assert_failure 1
        assert_output "fsd: library $LIBRARY: its $own belongs to user 1 (run this as that user, or remove it, or use chown -R)"
        run "${FSD_WRAPPER[@]}" "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --foreground
        assert_failure 1
        assert_output --regexp "^fsd: library $LIBRARY: its $own belongs to user 1 "
        chown 65534 "$LIBRARY/${own#* }"
    done
    # Root could do everything anyway.
    chown 0 "$LIBRARY/.fsd"
    chmod 0755 "$LIBRARY/.fsd"
    FSD_EXPECTED='msg="the library is served read-only" library=.* cause="cannot use its folder .fsd, which belongs to root \(Permission denied\)"'
    start_fsd
    play <<<$'> PUT a size=1 eager=1\n> 1\n> x\n> END\n< FAIL denied *'
}

@test "foreign: each of the daemon's own files must be closed to others" {
    start_fsd
    stop_fsd
    mkdir -m 0700 "$LIBRARY/.fsd/quarantine"
    local own
    for own in 'folder .fsd' 'folder .fsd/stage' 'folder .fsd/quarantine' 'file .fsd/lock'; do
        chmod g+w "$LIBRARY/${own#* }"
        refused "others can write to its $own \\(use chmod go-w\\)"
        chmod g-w "$LIBRARY/${own#* }"
        chmod o+w "$LIBRARY/${own#* }"
        refused "others can write to its $own \\(use chmod go-w\\)"
        chmod o-w "$LIBRARY/${own#* }"
        # Others may read the names.
        chmod go+rx "$LIBRARY/${own#* }"
    done
    # What an access control list allows shows in the mode.
    if setfacl -m u:65534:rwx "$LIBRARY/.fsd" 2>/dev/null; then
        refused 'others can write to its folder .fsd \(use chmod go-w\)'
        chmod go-w "$LIBRARY/.fsd"
    fi
    start_fsd
    play <<<$'> PUT a size=1 eager=1\n> 1\n> x\n> END\n< OK size=1 *'
}

@test "foreign: .fsd that is opened to others at run time makes the library read-only" {
    FSD_EXPECTED="$read_only"
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
for own in ('.fsd', '.fsd/stage', '.fsd/lock'):
    os.chmod(f'{LIBRARY}/{own}', 0o720)
    for request in ('PUT b size=1', 'DELETE a'):
        session.expect(request, 'FAIL unavailable the library cannot be written to; the log of fsd says why')
    check(session.status()['writable'] == '0', 'it is writable')
    os.chmod(f'{LIBRARY}/{own}', 0o700)
    check(session.status()['writable'] == '1', 'it is not writable')
check(len(log_lines('others can write to its')) == 3, 'the log')
session.expect('DELETE a', 'OK')
END
}

@test "foreign: links in the place of the daemon's own folders are not followed at a start" {
    start_fsd
    play <<<$'> PUT a size=9 eager=1\n> 1\n> x\n> END\n< FAIL mismatch *'
    assert_no_stages
    stop_fsd
    local client outside=$WORK/outside
    client=$(basename "$LIBRARY"/.fsd/stage/[auk]*)
    mkdir -p "$outside/stage/$client" "$outside/quarantine"
    touch -d '@0' "$outside/0123456789abcdef0123456789abcdef" "$outside/stage/$client/0123456789abcdef0123456789abcdef"
    find "$outside" -printf '%p %i %m %C@\n' | sort >before
    mv "$LIBRARY/.fsd" aside
    ln -s "$outside" "$LIBRARY/.fsd"
    refused 'cannot use its folder .fsd \(Not a directory\)'
    rm "$LIBRARY/.fsd"
    mv aside "$LIBRARY/.fsd"
    mv "$LIBRARY/.fsd/stage" aside
    ln -s "$outside/stage" "$LIBRARY/.fsd/stage"
    refused 'cannot use its folder .fsd/stage \(Not a directory\)'
    rm "$LIBRARY/.fsd/stage"
    mv aside "$LIBRARY/.fsd/stage"
    # Only this client cannot upload.
    rmdir "$LIBRARY/.fsd/stage/$client"
    ln -s "$outside" "$LIBRARY/.fsd/stage/$client"
    mkdir "$LIBRARY/.fsd/stage/young"
    touch -d '@0' "$LIBRARY/.fsd/stage/young/0"
    FSD_EXPECTED='msg=failed .* operation=PUT .* cause="Not a directory"'
    start_fsd
    await_line "$FSD_PID" "$FSD_LOG" 'msg=swept stages=1$' 1
    play <<<$'> PUT a upload=0123456789abcdef0123456789abcdef size=1\n< FAIL internal *\n> PUT a size=1\n< FAIL internal *'
    find "$outside" -printf '%p %i %m %C@\n' | sort | diff before -
}

@test "foreign: what others put in the place of .fsd while fsd runs is not used" {
    open_library 0777
    FSD_EXPECTED="$exposed|$read_only|msg=failed .* cause=\"(Operation not permitted|Not a directory)\""
    start_fsd
    converse_as_other <<'END'
session, late = Session(), Session()
session.expect('PUT a size=1 eager=1\n1\nx\nEND', 'OK')
with as_other():
    prepare('strange/folder')
    os.rename(FSD_FOLDER, LIBRARY + '/aside')
before = see('strange')
for put_there, take_away in ((lambda: os.symlink(os.path.abspath('strange/folder'), FSD_FOLDER), lambda: os.unlink(FSD_FOLDER)),
                             (lambda: os.symlink('aside', FSD_FOLDER), lambda: os.unlink(FSD_FOLDER)),
                             (lambda: shutil.copytree('strange/folder', FSD_FOLDER), lambda: shutil.rmtree(FSD_FOLDER))):
    with as_other():
        put_there()
    inside = see(FSD_FOLDER)
    for each in (session, Session()):
        each.expect('PUT b size=1 upload=0123456789abcdef0123456789abcdef', 'FAIL ')
        each.expect('PUT a size=1 replace=1', 'FAIL unavailable')
        each.expect('DELETE a', 'FAIL unavailable')
        check(each.status()['writable'] == '0', 'it is writable')
    os.kill(daemon(), signal.SIGALRM)
    check(see('strange') == before and see(FSD_FOLDER) == inside, 'it was used')
    with as_other():
        take_away()
with as_other():
    os.symlink(os.path.abspath('strange/folder'), FSD_FOLDER)
os.unlink(FSD_FOLDER)
os.rename(LIBRARY + '/aside', FSD_FOLDER)
# The sweeps from before have ended, too.
old = f'{FSD_FOLDER}/stage/{OWN}/old'
open(old, 'w').close()
os.utime(old, (0, 0))
session.expect('PUT b size=1 eager=1\n1\ny\nEND', 'OK')
os.kill(daemon(), signal.SIGALRM)
wait_until(lambda: not os.path.exists(old), 'the sweep')
check(see('strange') == before, 'it was used')
check(sorted(os.listdir(LIBRARY)) == ['.fsd', 'a', 'b'] and read_file('a') + read_file('b') == b'xy', 'other files')
END
    grep -q 'cause="its folder .fsd belongs to user 65534 ' "$FSD_LOG"
}

@test "foreign: an upload under way is not stored from the files of others" {
    open_library 0777
    FSD_EXPECTED="$exposed|$read_only|msg=failed .* cause=\"(Operation not permitted|Not a directory)\""
    start_fsd
    converse_as_other <<'END'
session = Session()
for name, replace in (('a', ''), ('a', ' replace=1')):
    session.expect(f'PUT {name} size=2 upload=0123456789abcdef0123456789abcdef{replace}', 'OK offset=0')
    session.send(item(b'x'))
    wait_until(lambda: [1 for path in stages() if os.path.getsize(path) == 1], 'the byte to be there')
    with as_other():
        os.rename(FSD_FOLDER, LIBRARY + '/aside')
        prepare(FSD_FOLDER)
        for path in stages():
            with open(path, 'w') as file:
                file.write('evil')
    answer = session.ask(item(b'y') + b'END\n')
    check(not answer.startswith('OK') or read_file('a') == b'xy', answer)
    check(not os.path.exists(LIBRARY + '/a') or read_file('a') == b'xy', 'other bytes')
    check(all(open(path).read() == 'evil' for path in stages()) and len(stages()) == 2, 'unlinked')
    shutil.rmtree(FSD_FOLDER)
    os.rename(LIBRARY + '/aside', FSD_FOLDER)
    check(session.status()['writable'] == '1', 'it is not writable')
    session.expect('PUT a size=2 eager=1\n2\nxy\nEND', '')
END
}

# swap_stages: between the last byte and the commit, the stage of an upload loses its name to another file.
swap_stages() {
    converse <<'END'
session = Session()
session.expect('PUT b size=2 eager=1\n2\nab\nEND', 'OK')
for name, replace in (('a', ''), ('b', ' replace=1')):
    wait_until(lambda: not stages(), 'the last stage to go')
    session.expect(f'PUT {name} size=2{replace}', 'OK offset=0')
    session.send(item(b'xy'))
    wait_until(lambda: [1 for path in stages() if os.path.getsize(path) == 2], 'the bytes to be there')
    stage, = stages()
    with open('other', 'w') as file:
        file.write('evil')
    os.rename('other', stage)
    session.expect('END', 'FAIL unavailable the upload, or another file of fsd, was removed from .fsd')
check(sorted(os.listdir(LIBRARY)) == ['.fsd', 'b'] and read_file('b') == b'ab', 'stored')
session.expect('PUT a size=2 eager=1\n2\nxy\nEND', 'OK')
check(read_file('a') == b'xy', 'other bytes')
END
}

@test "foreign: a file that has taken the name of a stage is not stored" {
    FSD_EXPECTED='msg=failed .* operation=PUT name=[ab] cause="No such file or directory"'
    start_fsd
    swap_stages
}

@test "foreign: without /proc files are linked by their names, and compared" {
    local_only 'without /proc the module for TLS is found only where it is installed'
    skip_when_sanitized 'a system without /proc'
    local unshare=(unshare -rm)
    [ "$(id -u)" -ne 0 ] || unshare=(unshare -m)
    FSD_WRAPPER=("${unshare[@]}" bash -c 'mount -t tmpfs none /proc && exec "$@"' bash)
    "${FSD_WRAPPER[@]}" true 2>/dev/null || skip 'nothing can be mounted in a namespace of its own here'
    FSD_EXPECTED='msg=failed .* operation=PUT name=[ab] cause="No such file or directory"'
    start_fsd
    swap_stages
}

@test "foreign: a name that others take right after the link is never answered OK" {
    skip_when_sanitized strace
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    local call pid
    mkdir "$LIBRARY"
    echo "log = { to = \"$WORK/log\"; };" >"$CONFIG"
    for call in linkat renameat; do
        printf 'PUT a size=4 eager=1%s\n4\ngood\nEND\n' "$([ $call = linkat ] || echo ' replace=1')" >requests
        : >calls
        # It stops as soon as the name is given.
        strace -D -f -o calls -e trace=linkat,renameat -e inject=$call:signal=STOP \
            "$FSD" --config "$CONFIG" --library "$LIBRARY" --stdio <requests >answer 2>errors 3>&- &
        pid=$!
        await_line "$pid" calls 'stopped by SIGSTOP' 1
        echo evil >evil
        mv evil "$LIBRARY/a"
        kill -CONT "$pid"
        wait "$pid"
        assert_equal "$(cat answer)" 'FAIL internal outcome unknown: others have put another file under this name'
        assert_regex "$(cat log)" 'level=critical msg="the name of an upload leads to a foreign file" .* name=a'
        assert_no_stages
    done
}

# Beside 400 uploads, another user swaps the folder of the daemon for a link, and for one of its own, and back.
@test "foreign: a race of swaps beside uploads leads nowhere" {
    open_library 0777
    FSD_EXPECTED="$exposed|$read_only|msg=\"the folder .fsd was removed, and made again\"|msg=failed "
    FSD_EXPECTED+='|msg="the library is served read-only"'
    start_fsd
    converse_as_other <<'END'
with as_other():
    os.makedirs('strange/folder/stage')
os.system('chmod -R a+rwX strange')
before = see('strange')
attacker = os.fork()
if attacker == 0:
    os.setgid(65534)
    os.setuid(65534)
    link, aside, mine = LIBRARY + '/link', LIBRARY + '/aside', LIBRARY + '/mine'
    os.symlink(os.path.abspath('strange/folder'), link)
    shutil.copytree('strange/folder', mine)
    os.system(f'chmod -R a+rwX {mine}')
    count = 0
    while not os.path.exists('enough'):
        for other in (link, mine):
            # The daemon may have made its folder again: the one before stays aside.
            with contextlib.suppress(OSError):
                os.rename(FSD_FOLDER, f'{aside}.{count}')
                os.rename(other, FSD_FOLDER)
                os.rename(FSD_FOLDER, other)
            try:
                os.rename(f'{aside}.{count}', FSD_FOLDER)
            except OSError:
                count += 1
    os._exit(0)

stored = {}


def upload(number):
    for turn in range(100):
        name, data = f'{number}/{turn}', f'{number} {turn}'
        answer = Session().ask(f'PUT {name} size={len(data)} eager=1\n{len(data)}\n{data}\nEND')
        if answer.startswith('OK'):
            stored[name] = data.encode()
        else:
            check(answer.startswith('FAIL'), answer)


at_once(4, upload)
open('enough', 'w').close()
check(os.waitpid(attacker, 0)[1] == 0, 'the swaps failed')
check(see('strange') == before, 'the folder of others was used')
for place, folders, files in os.walk(LIBRARY):
    if os.stat(place).st_uid == 65534:
        check(not files and folders in ([], ['stage']), f'{place} was used')
wrong = [name for name, data in stored.items() if read_file(name) != data]
check(not wrong and stored, wrong or 'nothing was stored')
END
}

@test "foreign: a library folder that others can write is reported, and served" {
    mkdir "$LIBRARY"
    local mode line
    for mode in 0775 0757 02775; do
        chmod "$mode" "$LIBRARY"
        run --separate-stderr "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --check
        assert_success
        assert_regex "$stderr" "level=warning msg=\"others can write to the folder of the library\" library=$LIBRARY\$"
        assert_equal "${#stderr_lines[@]}" 1
    done
    # There nobody can take away what is not theirs.
    chmod 01777 "$LIBRARY"
    quiet "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET" --check
    if [ "$(id -u)" -eq 0 ]; then
        chmod 0755 "$LIBRARY"
        chown 65534 "$LIBRARY"
    else
        chmod 0777 "$LIBRARY"
    fi
    FSD_EXPECTED=$exposed
    start_fsd
    line=$(grep -c -E "$exposed" "$FSD_LOG")
    assert_equal "$line" 1
    play <<<$'> PUT a size=1 eager=1\n> 1\n> x\n> END\n< OK size=1 *'
}

@test "foreign: fsd-scrub as root changes nothing through the .fsd of others" {
    open_library 0777
    local scrub=("$FSD_BUILD/fsd-scrub" --config "$CONFIG" --library "$LIBRARY")
    FSD_EXPECTED=$exposed
    start_fsd
    play <<<$'> PUT d/a size=4 eager=1\n> 4\n> text\n> END\n< OK *'
    stop_fsd
    printf rott | dd of="$LIBRARY/d/a" conv=notrunc status=none
    touch -d "@$(getfattr --absolute-names --only-values -n user.fsd "$LIBRARY/d/a" | sed 's/.*mtime=\([0-9.]*\) .*/\1/')" "$LIBRARY/d/a"
    as_other mv "$LIBRARY/.fsd" "$LIBRARY/aside"
    as_other mkdir -p "$WORK/strange/quarantine"
    as_other ln -s "$WORK/strange" "$LIBRARY/.fsd"
    run --separate-stderr "${scrub[@]}" --quarantine
    assert_failure 1
    assert_equal "$stderr" "fsd-scrub: $LIBRARY: cannot use its folder .fsd"
    as_other rm "$LIBRARY/.fsd"
    as_other mkdir -m 0777 "$LIBRARY/.fsd"
    run --separate-stderr "${scrub[@]}" --quarantine
    assert_failure 1
    assert_equal "$stderr" "fsd-scrub: $LIBRARY: others can write to its folder .fsd (use chmod go-w)"
    # Root becomes its owner, who can take nothing from a folder of the daemon.
    as_other chmod 0700 "$LIBRARY/.fsd"
    run --separate-stderr "${scrub[@]}" --quarantine
    assert_failure 1
    assert_line --index 0 --regexp '^d/a: damaged: '
    assert_regex "${stderr_lines[0]}" '^fsd-scrub: d/a: cannot move to quarantine: Permission denied$'
    assert_equal "$(cat "$LIBRARY/d/a")" rott
    # Reading needs nothing of it.
    run --separate-stderr "${scrub[@]}"
    assert_output --regexp '^d/a: damaged: '
    chown -R 1 "$LIBRARY/.fsd"
    run --separate-stderr as_other "$(install -m 0755 "$FSD_BUILD/fsd-scrub" "$WORK/fsd-scrub" && echo "$WORK/fsd-scrub")" \
        --config /dev/null --library "$LIBRARY" --quarantine
    assert_failure 1
    assert_equal "$stderr" "fsd-scrub: $LIBRARY: its folder .fsd belongs to user 1 (run this as that user, or remove it, or use chown -R)"
}
