#!/usr/bin/env bats
# Files that people put into the library by hand, change there and remove.
# bats file_tags=tls

load library
load fsc

@test "by hand: folders deeper than limits.depth can be used, but not made" {
    local deep
    start_fsd
    deep=$(printf 'd/%.0s' {1..200})
    mkdir -p "$LIBRARY/$deep"
    echo x >"$LIBRARY/${deep}file"
    echo x >x
    # Nothing is made of a name that is refused.
    run --separate-stderr "$FSC" put --name "$(printf 'e/%.0s' {1..33})x" x
    assert_equal "$status $stderr" "2 fsc: $(printf 'e/%.0s' {1..33})x: the name has more than 32 folders (limits.depth of fsd)"
    [ ! -e "$LIBRARY/e" ]
    quiet "$FSC" put --name "$(printf 'e/%.0s' {1..32})x" x
    assert_equal "$(quiet "$FSC" ls -R "$deep")" "${deep}file"
    assert_equal "$(quiet "$FSC" get --output - "${deep}file")" x
    quiet "$FSC" rm "${deep}file"
    [ ! -e "$LIBRARY/d" ]
}

@test "by hand: a FIFO is not opened, so that its writer waits on" {
    local writer
    start_fsd
    mkfifo "$LIBRARY/fifo"
    ln -s . "$LIBRARY/way"
    (exec 3>&-; echo text >"$LIBRARY/fifo") &
    writer=$!
    play <<'END'
> GET fifo
< FAIL not-a-file *
> PUT fifo size=0
< FAIL not-a-file *
> GET way/fifo
< FAIL not-found *
> LIST details=1
< EMPTY
END
    # The first to open it is this one.
    assert_equal "$(timeout 20 cat "$LIBRARY/fifo")" text
    wait "$writer"
}

@test "by hand: a deep listing holds few descriptors" {
    local name
    FSD_EXPECTED='limit of open files'
    FSD_WRAPPER=(prlimit --nofile=64:64)
    start_fsd
    name=$(printf 'd/%.0s' {1..200})
    mkdir -p "$LIBRARY/$name" "$LIBRARY"/d/d/{e/f,g}
    touch "$LIBRARY/${name}file" "$LIBRARY"/d/d/{e/f/file,g/file} "$LIBRARY/${name%d/}file"
    assert_equal "$(quiet "$FSC" ls -R | sort)" "$(cd "$LIBRARY" && find d -type f | sort)"
    assert_equal "$(quiet "$FSC" ls -R --long "$name" | wc -l)" 1
    # As deep as the pattern has slashes.
    assert_equal "$(quiet "$FSC" ls --match "$(printf '*/%.0s' {1..100})f*")" ''
    assert_equal "$(quiet "$FSC" ls --match 'd/d/*/file')" d/d/g/file
    mkdir -p "$LIBRARY/m/$(printf 'x/%.0s' {1..30})"
    touch "$LIBRARY/m/$(printf 'x/%.0s' {1..30})file"
    assert_equal "$(quiet "$FSC" ls --match "m/$(printf '[w-x]/%.0s' {1..30})f*")" "m/$(printf 'x/%.0s' {1..30})file"
}

@test "by hand: patterns are as long as limits.pattern allows" {
    local pattern
    echo 'limits = { pattern = 16; };' >"$CONFIG"
    start_fsd
    mkdir -p "$LIBRARY/name"
    touch "$LIBRARY/name/of.sixteen.byt"
    pattern='name/*.sixteen.*'
    assert_equal "$(quiet "$FSC" ls --match "$pattern")" name/of.sixteen.byt
    run --separate-stderr "$FSC" ls --match "$pattern*"
    assert_equal "$status $stderr" '7 fsc: ls: the pattern has more than 16 bytes (limits.pattern of fsd)'
    run --separate-stderr "$FSC" rm --match "$pattern*"
    assert_equal "$status $stderr" '7 fsc: rm: the pattern has more than 16 bytes (limits.pattern of fsd)'
    [ -e "$LIBRARY/name/of.sixteen.byt" ]
}

@test "by hand: only regular files are served" {
    mkdir -p "$LIBRARY/folder" "$WORK/outside"
    echo secret >"$WORK/outside/secret"
    mkfifo "$LIBRARY/fifo"
    ln -s "$WORK/outside/secret" "$LIBRARY/link-to-file"
    ln -s "$WORK/outside" "$LIBRARY/link-to-folder"
    ln -s folder "$LIBRARY/link-inside"
    ln -s nowhere "$LIBRARY/link-to-nothing"
    ln -s .. "$LIBRARY/folder/up"
    echo inside >"$LIBRARY/folder/file"
    start_fsd
    converse <<'END'
local = socket.socket(socket.AF_UNIX)
os.chdir(LIBRARY)
local.bind('socket')
session = Session()
for name in ('fifo', 'socket', 'folder', 'folder/up', 'link-to-file', 'link-to-folder', 'link-inside',
             'link-to-nothing'):
    session.expect(f'GET {name}', 'FAIL not-a-file')
    session.expect(f'PUT {name}', 'FAIL not-a-file')
    session.expect(f'PUT {name} size=1 eager=1\n1\nx\nEND', 'FAIL not-a-file')
for name in ('fifo/x', 'socket/x', 'folder/up/x', 'folder/file/x', 'link-to-folder/secret',
             'link-inside/file', 'link-to-file/x', 'link-to-nothing/x', 'folder/up/folder/file'):
    session.expect(f'GET {name}', 'FAIL not-found')
    session.expect(f'PUT {name}', 'FAIL not-a-file')
for name in ('fifo', 'socket', 'folder/up', 'link-to-file', 'link-to-folder', 'link-to-folder/',
             'link-inside', 'link-to-nothing', 'link-to-folder/secret'):
    session.expect(f'LIST {name}', 'EMPTY')
    session.expect(f'LIST {name} deep=1', 'EMPTY')
session.expect('LIST', 'OK')
check(session.body() == (b'folder/\n', 'END'), 'more than the folder is listed')
session.expect('LIST deep=1', 'OK')
check(session.body() == (b'folder/file\n', 'END'), 'more than the file is listed')
END
    assert_equal "$(ls -A "$WORK/outside")" secret
    assert_no_stages
}

@test "by hand: files and folders that the daemon may not read" {
    use_other_user
    mkdir -p "$LIBRARY/lost+found" "$LIBRARY/open"
    echo a >"$LIBRARY/unreadable"
    echo b >"$LIBRARY/lost+found/file"
    echo c >"$LIBRARY/open/file"
    chmod 000 "$LIBRARY/unreadable" "$LIBRARY/lost+found"
    FSD_EXPECTED='level=error msg=failed .* operation=PUT name=lost\+found/new cause="Permission denied" library='
    start_fsd
    converse <<'END'
session = Session()
session.expect('GET unreadable', 'FAIL denied')
session.expect('GET lost+found/file', 'FAIL denied')
session.expect('PUT lost+found/new size=0 eager=1\nEND', 'FAIL denied')
# Every ext4 has a lost+found that only root may read.
session.expect('LIST lost+found', 'EMPTY')
session.expect('LIST', 'OK')
check(b'lost+found/' not in session.body()[0].split(), 'lost+found is listed')
session.expect('LIST deep=1', 'OK')
names, end = session.body()
check(set(names.split()) == {b'open/file', b'unreadable'} and end == 'END', (names, end))
session.expect('LIST details=1 deep=1', 'OK')
lines, end = session.body()
check(lines.count(b' size=2 ') == 2 and end == 'END', (lines, end))
session.expect('PUT new size=0 eager=1\nEND', 'OK')
END
    assert_no_stages
}

@test "by hand: a listing that could not look into a folder says so at its end" {
    use_other_user
    mkdir -p "$LIBRARY"/{open,closed/below,deep/closed,deep/open/lost+found,entered/open}
    touch "$LIBRARY"/{a,open/file,closed/file,closed/below/file,deep/closed/file,deep/open/file} \
        "$LIBRARY"/entered/{file,open/file} "$LIBRARY/deep/open/lost+found/file"
    chmod 000 "$LIBRARY"/{closed,deep/closed,deep/open/lost+found}
    # What is in this one can be used by those who know its name.
    chmod 0311 "$LIBRARY/entered"
    FSD_EXPECTED='^level=warning msg="cannot read" '
    start_fsd
    converse <<'END'
session = Session()
# Nothing has to be looked into to see a folder.
session.expect('LIST', 'OK')
names, end = session.body()
check(set(names.split()) == {b'a', b'open/', b'closed/', b'deep/', b'entered/'} and end == 'END', (names, end))
session.expect('LIST match=*', 'OK')
check(session.body() == (b'a\n', 'END'), 'a folder was looked into for nothing')
for options in 'deep=1', 'deep=1 details=1', 'deep=1 match=*', 'match=*/*', 'match=*/*/*':
    session.expect(f'LIST {options}', 'OK')
    lines, end = session.body()
    names = {line.split()[0] for line in lines.splitlines()}
    expected = {b'a', b'open/file', b'deep/open/file'}
    if 'deep' not in options:
        expected = {name for name in expected if name.count(b'/') == options.count('/')}
    check(names == expected, (options, names))
    check(end.startswith('ABORT incomplete the server cannot read ') and
          end.endswith(': Permission denied'), end)
    check(' (and ' in end and ' more)' in end, end)
# Where there is one, it is this one; and the session goes on.
session.expect('LIST deep deep=1 match=f*', 'OK')
lines, end = session.body()
check(lines == b'deep/open/file\n' and ' (and 1 more): ' in end, (lines, end))
os.chmod(f'{LIBRARY}/deep/open/lost+found', 0o755)
session.expect('LIST deep deep=1 match=fi*', 'OK')
lines, end = session.body()
check(end == 'ABORT incomplete the server cannot read deep/closed/: Permission denied', end)
for name in 'closed', 'closed/', 'closed/below', 'closed/file', 'entered':
    for options in '', ' deep=1', ' match=*', ' details=1':
        slash = '' if name.endswith('/') else '/'
        session.expect(f'LIST {name}{options}',
                       f'FAIL incomplete the server cannot read {name}{slash}: Permission denied')
session.expect('LIST entered/open', 'OK')
check(session.body() == (b'entered/open/file\n', 'END'), 'entered/open')
session.expect('LIST entered/file', 'OK')
check(session.body() == (b'entered/file\n', 'END'), 'entered/file')
session.expect('LIST closed2 deep=1', 'EMPTY')
status = session.status()
check(status['requests.LIST.incomplete'] == '27', status)
END
}

@test "by hand: a folder that a client may not see does not fail its listing" {
    skip_unless_root 'the daemon of another user, and a client of a third one'
    use_other_user
    mkdir -p "$LIBRARY"/{open,closed,way/open,way/closed}
    touch "$LIBRARY"/{open,way/open}/file
    chmod 000 "$LIBRARY"/{closed,way/closed}
    cat >"$CONFIG" <<'END'
users = ( { user = "daemon"; rights = "list watch"; folder = "open"; },
          { user = "daemon"; rights = "list watch"; folder = "way/open"; } );
END
    start_fsd
    chmod 0777 "$WORK/run" "$SOCKET"
    for request in 'LIST deep=1' 'LIST match=*/*' 'LIST closed' 'LIST closed deep=1' 'LIST way/closed' \
        'LIST way/closed/x' 'LIST way deep=1'; do
        run setpriv --reuid daemon --regid daemon --clear-groups nc -N -U "$SOCKET" <<<"$request"
        assert_success
        refute_output --partial closed
        refute_output --partial ABORT
        refute_output --partial FAIL
    done
}

# bats test_tags=once
@test "by hand: no error hides a part of a listing" {
    local error
    skip_when_sanitized strace
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    mkdir -p "$LIBRARY"/{open,part}
    touch "$LIBRARY"/{open,part}/file
    FSD_EXPECTED='^level=warning msg="cannot read" .*name=part/ '
    for error in EACCES EIO ELOOP ENAMETOOLONG ESTALE ENOMEM; do
        FSD_WRAPPER=(strace -D -f -o "$WORK/calls" -P part -e "inject=openat:error=$error")
        start_fsd
        play <<'END'
> LIST deep=1
< OK
< 10
< open/file
<
< ABORT incomplete the server cannot read part/: *
> LIST open deep=1
< OK
< 10
< open/file
<
< END
END
        stop_fsd
    done
    # When it was opened, or when it is the one that was asked for.
    for error in getdents64:EIO openat,openat2:{EIO,EACCES,ENAMETOOLONG}; do
        FSD_WRAPPER=(strace -D -f -o "$WORK/calls" -P part -P "$LIBRARY/part" -e "inject=${error/:/:error=}")
        start_fsd
        play <<'END'
> LIST part deep=1
< FAIL incomplete the server cannot read part/: *
> LIST open
< OK
< 10
< open/file
<
< END
END
        stop_fsd
    done
    # What has gone is not missed.
    for error in openat:ENOENT openat:ENOTDIR getdents64:ENOENT; do
        FSD_WRAPPER=(strace -D -f -o "$WORK/calls" -P part -P "$LIBRARY/part" -e "inject=${error/:/:error=}")
        start_fsd
        play <<'END'
> LIST deep=1
< OK
< 10
< open/file
<
< END
END
        stop_fsd
    done
}

@test "by hand: a listing that runs out of descriptors can be repeated" {
    local error folder
    skip_when_sanitized strace
    strace -D -o "$WORK/trial" true 2>/dev/null || skip 'strace may not trace here'
    mkdir -p "$LIBRARY/part"
    touch "$LIBRARY/part/file"
    FSD_EXPECTED='^level=error msg=failed .*operation=(LIST|GET) name="?[^ ]* cause="Too many open files'
    for error in EMFILE ENFILE; do
        FSD_WRAPPER=(strace -D -f -o "$WORK/calls" -P part -P file -P "$LIBRARY/part" -e "inject=openat,openat2:error=$error")
        start_fsd
        # It is neither a folder that cannot be read, nor a file without a digest.
        play <<'END'
> LIST deep=1
< FAIL unavailable *
> LIST part
< FAIL unavailable *
> LIST match=*/*
< FAIL unavailable *
END
        assert_fails 12 "$FSC" ls -R
        stop_fsd
    done
}

@test "by hand: a file that cannot be examined is not left out of a listing with details" {
    use_other_user
    mkdir -p "$LIBRARY/searched"
    touch "$LIBRARY/searched/file" "$LIBRARY/file"
    chmod 0444 "$LIBRARY/searched"
    FSD_EXPECTED='^level=warning msg="cannot read" .*name=searched/file/? '
    start_fsd
    play <<'END'
> LIST searched
< OK
< 14
< searched/file
<
< END
> LIST deep=1 details=1
< OK
< *
< file size=0 *
<
< ABORT incomplete the server cannot read searched/file: Permission denied
> LIST searched/file
< FAIL incomplete the server cannot read searched/file*: Permission denied
END
}

@test "by hand: refused names are neither listed nor served" {
    local name
    for name in .fsdir/file .nfs1/file $'new\nline/file' $'\xff/file' .fsd-file .nfs-file $'tab\t' \
        $'c1\xc2\x85' $'esc\e[0m' good/file $'good/\x7f'; do
        mkdir -p "$(dirname "$LIBRARY/$name")"
        touch "$LIBRARY/$name"
    done
    start_fsd
    play <<'END'
> LIST
< OK
< 6
< good/
<
< END
> LIST deep=1
< OK
< 10
< good/file
<
< END
> LIST deep=1 details=1 match=*
< OK
< *
< good/file size=0 mtime=*
<
< END
> GET .fsd-file
< FAIL bad-name *
> GET new%0Aline/file
< FAIL bad-name *
> GET .fsdir/file
< FAIL bad-name *
END
}

@test "by hand: a file without a record" {
    mkdir -p "$LIBRARY"
    printf 'hello\n' >"$LIBRARY/a"
    touch -d @1795428000.5 "$LIBRARY/a"
    start_fsd
    play <<'END'
> LIST details=1
< OK
< *
< a size=6 mtime=1795428000.5
<
< END
> GET a
< OK size=6 mtime=1795428000.5
< 6
< hello
<
< END digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
> GET a offset=1
< OK size=6 mtime=1795428000.5
< 5
< ello
<
< END
> GET a digest=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
< FAIL mismatch *
> GET a digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
< OK size=6 mtime=1795428000.5*
< 6
< hello
<
< END digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
> PUT a
< EXISTS size=6 digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
END
}

@test "by hand: a record counts only while size and mtime match" {
    start_fsd
    play <<<$'> PUT a size=6 eager=1\n> 6\n> hello\n>\n> END\n< OK size=6 *\n'
    chmod u+w "$LIBRARY/a"
    printf 'world\n' >"$LIBRARY/a"
    touch -d @1 "$LIBRARY/a"
    play <<'END'
> GET a
< OK size=6 mtime=1
< 6
< world
<
< END digest=sha256:e258d248fda94c63753607f7c4494ee0fcbe92f1a76bfdac795c9d84101eb317
> LIST details=1
< OK
< *
< a size=6 mtime=1
<
< END
END
}

@test "by hand: a record that the daemon could not have written is ignored" {
    local name record=digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
    record+=' size=6 mtime=1795428000.5'
    mkdir -p "$LIBRARY"
    for name in good bad; do
        printf 'hello\n' >"$LIBRARY/$name"
        touch -d @1795428000.5 "$LIBRARY/$name"
    done
    setfattr -n user.fsd -v "$record by=x" "$LIBRARY/good"
    setfattr -n user.fsd -v "$record by=x%0Afake" "$LIBRARY/bad"
    start_fsd
    play <<'END'
> LIST details=1 good
< OK
< *
< good size=6 mtime=1795428000.5 digest=sha256:5891b5b5* by=x
<
< END
> LIST details=1 bad
< OK
< 30
< bad size=6 mtime=1795428000.5
<
< END
END
}

@test "by hand: a folder that the daemon may enter but not read takes no uploads" {
    use_other_user
    mkdir -p "$LIBRARY/entered/open"
    echo taken >"$LIBRARY/entered/taken"
    chmod 0644 "$LIBRARY/entered/taken"
    [ "$(id -u)" -ne 0 ] || chown 65534:65534 "$LIBRARY/entered/open"
    chmod 0311 "$LIBRARY/entered"
    FSD_EXPECTED='level=error msg=failed .* operation=PUT name=entered/.* cause="Permission denied" library='
    start_fsd
    play <<'END'
> PUT entered/new size=0 eager=1
> END
< FAIL denied *
> PUT entered/taken size=0 eager=1
> END
< FAIL denied *
> PUT entered/open/new size=0 eager=1
> END
< FAIL denied *
> GET entered/open/new
< FAIL not-found *
> PUT entered/open/folder/new
< OK offset=0
> 6
> hello
>
> END
< FAIL denied *
END
    chmod u+r "$LIBRARY/entered"
    run find "$LIBRARY/entered" -mindepth 1 -printf '%P\n'
    # The empty folder that was there before stays.
    assert_equal "$(sort <<<"$output")" $'open\ntaken'
    assert_no_stages
}

@test "by hand: a file in the way of stages is an internal failure" {
    local stage
    start_fsd
    play <<<$'> PUT a size=0 eager=1\n> END\n< OK size=0 *'
    assert_no_stages
    stage=$(echo "$LIBRARY"/.fsd/stage/*:*)
    rmdir "$stage"
    echo precious >"$stage"
    FSD_EXPECTED='msg=failed .*operation=PUT name=b '
    play <<'END'
> PUT b
< FAIL internal *
> PUT b size=1 eager=1
> 1
> x
> END
< FAIL internal *
> GET b
< FAIL not-found *
END
    assert_equal "$(cat "$stage")" precious
}

@test "by hand: a library that is removed is unavailable" {
    FSD_EXPECTED='level=error msg="the library is not in its place" '
    start_fsd
    play <<<$'> LIST\n< EMPTY'
    rm -r "$LIBRARY"
    play <<<$'> LIST\n< FAIL unavailable *\n> LIST deep=1\n< FAIL unavailable *'
}

@test "download: a file that changes while it is sent ends in ABORT" {
    mkdir -p "$LIBRARY"
    truncate -s 30M "$LIBRARY"/{grows,shrinks,touched,written,linked,moved,closed}.{whole,part}
    touch -d yesterday "$LIBRARY"/*
    start_fsd
    converse <<'END'
def grow(path):
    with open(path, 'ab') as file:
        file.write(b'x')

def write(path):
    before = os.stat(path)
    with open(path, 'r+b') as file:
        file.write(b'x')
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

changes = {'grows': grow, 'shrinks': lambda path: os.truncate(path, 1000000),
           'touched': lambda path: os.utime(path, (1, 1)), 'written': write}
same = {'linked': lambda path: os.link(path, f'{path}.link'),
        'moved': lambda path: os.rename(path, f'{path}.other'),
        'closed': lambda path: os.chmod(path, 0o400)}
for name, change in {**changes, **same}.items():
    for part, options in ('whole', ''), ('part', ' length=20000000'):
        session = Session()
        path = f'{LIBRARY}/{name}.{part}'
        session.expect(f'GET {name}.{part}{options}', 'OK size=31457280')
        change(path)
        data, end = session.body()
        # Only a whole file is read again.
        good = name in same and part == 'whole'
        check(end.startswith(f'END digest={digest(data)}' if good else 'ABORT mismatch'), f'{path}: {end}')
        # The session continues.
        session.expect('LIST absent', 'EMPTY')
END
}
