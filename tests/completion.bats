#!/usr/bin/env bats
# Completion in bash: a real shell on a terminal, in which TAB is pressed.
# bats file_tags=once

load library
load fsc

# pressing: runs the Python code on stdin, after importing tests/completion.py. No name may have been
# run as a command: that would have made a file "canary".
pressing() {
    quiet python3 -c "from completion import *
$(cat)"
    run find "$WORK" -name '*canary*' ! -path "$LIBRARY/*" ! -path "$WORK/local/*"
    assert_output ''
}

# complete_line LINE WORD [plain]: runs fsc __complete. It gives up after a second, in which a busy machine may not
# get an answer, and asks no more for some seconds, as a file in the cache says: then it is tried again.
complete_line() {
    local tries
    for tries in {1..5}; do
        run --separate-stderr env HOME="$WORK" "$FSC" __complete -- "$1" "$2" "${3:-quoted}"
        [ "$status" -eq 11 ] || return 0
        find "$WORK" -path '*/fsc/*' -type f ! -name '*.conf' -exec touch -d '11 seconds ago' {} +
    done
}

# assert_candidates LINE WORD [plain]: fsc __complete prints the lines on stdin.
assert_candidates() {
    complete_line "$@"
    assert_equal "$status $stderr" '0 '
    assert_output "$(cat)"
}

# assert_none CODE LINE: fsc __complete prints nothing and exits with CODE.
assert_none() {
    complete_line "$2" ''
    assert_equal "$status $output" "$1 "
}

@test "completion: bash reads back every name in all quotes" {
    start_fsd
    pressing <<'END'
wholes = ['%02d/%s' % (i, name) for i, name in enumerate(HOSTILE)]
store(*wholes)
for start in '', 'set +H':
    shell = Shell(start)
    for whole in wholes:
        half = whole[:3 + (len(whole) - 3) // 2]
        if start and '!' not in whole:
            continue
        for text in {whole[:3], half}:
            expect_run(shell, [('fsc get ' + typed, ['get', whole]) for typed in typed_in_all_quotes(text)])
    shell.close()
END
}

@test "completion: one folder at a time, wherever a name is expected" {
    start_fsd
    mkdir bin
    ln -s "$FSC" bin/fsd-client
    pressing <<'END'
store('plain', 'dir/sub/x', 'dir/a:b', 'dir/c=d', 'one two/three four', 'größe €')
shell = Shell('PATH=$PWD/bin:$PATH; fsd-client() { fsc "$@"; }')
expect_lines(shell, [
    ('fsc ls pl', 'fsc ls plain '),
    ('fsc stat pl', 'fsc stat plain '),
    ('fsc rm pl', 'fsc rm plain '),
    ('fsc get -R di', 'fsc get -R dir/'),
    ('fsc get "di', 'fsc get "dir/"'),
    ("fsc get 'di", "fsc get 'dir/'"),
    ('fsc get di\t', 'fsc get dir/'),
    ('fsc get di\ts', 'fsc get dir/sub/'),
    ('fsc get di\ts\t', 'fsc get dir/sub/x '),
    ('fsc get "di\ts\t', 'fsc get "dir/sub/x" '),
    ('fsc get dir/a:', 'fsc get dir/a:b '),
    ('fsc get dir/c=', 'fsc get dir/c=d '),
    ('fsc get dir/"c', 'fsc get dir/"c=d" '),
    ('fsc get one', 'fsc get one\\ two/'),
    ('fsc get one\t', 'fsc get one\\ two/three\\ four '),
    ('fsc get "one two"/', 'fsc get "one two/three four" '),
    ('fsc get plain gr', 'fsc get plain größe\\ € '),
    ('fsc put x --folder di', 'fsc put x --folder dir/'),
    ('fsc put x --folder=di', 'fsc put x --folder=dir/'),
    ('fsc put x --folder="on', 'fsc put x --folder="one two/"'),
    ('fsc put x --folder pl', None),
    ('fsc put x --name di', 'fsc put x --name dir/'),
    ('fsc put x --name=dir/s', 'fsc put x --name=dir/sub/'),
    ('fsc put x --name dir/a', None),
    ('fsc get -- pl', 'fsc get -- plain '),
    ('/usr/bin/fsc get pl', '/usr/bin/fsc get plain '),
    ('fsd-client get pl', 'fsd-client get plain '),
    ('true; X=1 fsc get pl', 'true; X=1 fsc get plain '),
    ('fsc get pl >out', None),
    ('fsc get x >out pl', 'fsc get x >out plain '),
    ('fsc get "größe €" pl x\2\2', 'fsc get "größe €" plain x'),
    ("fsc get 'pl' x\2\2\2", "fsc get 'plain' x"),
    ('fsc get none', None), ('fsc get /', None), ('fsc get dir//', None), ('fsc get ../', None),
    ('fsc config ', None), ('fsc nonsense ', None),
])
shell.press('fsc get dir/\t\t')
shell.await_shown(b'dir/a:b')
shell.await_shown(b'dir/sub/')
shell.close()
# Where ":" and "=" do not break words.
shell = Shell('COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]}')
expect_lines(shell, [
    ('fsc get dir/a:', 'fsc get dir/a:b '),
    ('fsc put x --folder=di', 'fsc put x --folder=dir/'),
])
shell.close()
END
}

@test "completion: TAB inserts what several names have in common" {
    start_fsd
    pressing <<'END'
store('b/a b', 'b/a;c', 'd/$x', 'd/"y', "s/'x", "s/'y", 'e/!x', 'e/!y', 'l/a', 'l/a b', 'n/\\x', "n/'y", 'm/!x', 'm/$y')
shell = Shell()
expect_lines(shell, [
    ('fsc get b/', 'fsc get b/a'),
    ('fsc get "b/', 'fsc get "b/a'),
    ('fsc get d/', None),
    ('fsc get "d/', None),
    ("fsc get $'n/", None),
    ('fsc get "m/', None),
    ("fsc get s/", "fsc get s/\\'"),
    ("fsc get 's/", "fsc get 's/'\\''"),
    ("fsc get s/'", "fsc get s/''\\''"),
    ('fsc get e/"', 'fsc get e/""\\!"'),
    ('fsc get l/', 'fsc get l/a'),
    ('fsc get "l/"', 'fsc get "l/a'),
])
# The user can type on after it.
expect_run(shell, [
    ('fsc get b/\t\\ ', ['get', 'b/a b']),
    ("fsc get b/\t\\;", ['get', 'b/a;c']),
    ('fsc get "d/\t\\$', ['get', 'd/$x']),
    ("fsc get s/\tx", ['get', "s/'x"]),
    ("fsc get 's/\tx", ['get', "s/'x"]),
    ("fsc get s/'\ty", ['get', "s/'y"]),
    ("fsc get s/$'\ty", ['get', "s/'y"]),
    ('fsc get e/"\ty', ['get', 'e/!y']),
    ('fsc get "e/"\ty', ['get', 'e/!y']),
    ('fsc get "l/"\t ', ['get', 'l/a b']),
])
shell.close()
END
}

@test "completion: a name that begins with - comes after --" {
    start_fsd
    pressing <<'END'
store('-rf', '-x y')
shell = Shell()
expect_lines(shell, [
    ('fsc get ', 'fsc get -- -'),
    ('fsc get "', None),
    ('fsc get -r', None),
    ('fsc get -- -r', 'fsc get -- -rf '),
    ('fsc get -- "-r', 'fsc get -- "-rf" '),
])
expect_run(shell, [
    ('fsc get \tx', ['get', '--', '-x y']),
])
shell.close()
END
}

@test "completion: commands, options and values" {
    pressing <<'END'
shell = Shell(FSC_SERVER='/nowhere')
expect_lines(shell, [
    ('fsc g', 'fsc get '), ('fsc st', 'fsc stat'), ('fsc "l', 'fsc "ls" '), ('fsc _', None),
    ('fsc --config x g', 'fsc --config x get '), ('fsc -- g', 'fsc -- get '),
    ('fsc help pu', 'fsc help put '), ('fsc help exit', 'fsc help exit-codes '), ('fsc help put ', None),
    ('fsc --vers', 'fsc --version '), ('fsc --hum', None),
    ('fsc ls --hum', 'fsc ls --human '), ('fsc get --hum', None), ('fsc ls -- --hum', None),
    ('fsc ls --long --lo', 'fsc ls --long --local '), ('fsc ls -l', 'fsc ls -l '),
    ('fsc put --retry=1', None), ('fsc put --retry 3', 'fsc put --retry 3 '), ('fsc put --repl', 'fsc put --replace '),
    ('fsc get --max-time 3', 'fsc get --max-time 30s '), ('fsc get --max-time=1h', 'fsc get --max-time=1h '),
    ('fsc rm --older-than 3', 'fsc rm --older-than 30d '), ('fsc rm --older-than=9', 'fsc rm --older-than=90d '),
    ('fsc get --wait=1h', 'fsc get --wait=1h '), ('fsc get --wait 1h', None),
    ('fsc --server pl', 'fsc --server plain:'), ('fsc --server=e', 'fsc --server=exec:'),
    ('fsc --server s', 'fsc --server ssh://'),
    ('fsc --color n', 'fsc --color never '), ('fsc put --color=al', 'fsc put --color=always '),
    ('fsc put --links f', 'fsc put --links follow '), ('fsc put --links=s', 'fsc put --links=skip '),
    ('fsc put --specials ', 'fsc put --specials skip '), ('fsc put --min-size 10', 'fsc put --min-size 10M '),
    ('fsc put --exclude a --exclud', 'fsc put --exclude a --exclude '),
    ('fsc put --name a --from-command -- sha256su', 'fsc put --name a --from-command -- sha256sum '),
    ('fsc get a --to-command -- sha256su', 'fsc get a --to-command -- sha256sum '),
    ('fsc ls --match ', None), ('fsc ls --nonsense=', None), ('fsc get --hum=', None), ('fsc ls --human=', None),
])
shell.close()
END
}

@test "completion: after -- the command of --from-command or --to-command, and local files" {
    start_fsd
    mkdir 'a folder'
    touch 'a folder/dump' dumped
    install -m 0755 /dev/null ./print-shop
    pressing <<'END'
store('dump', 'sha')
shell = Shell('PATH=$PWD:$PATH')
expect_lines(shell, [
    ('fsc put --name a --from-command -- print-s', 'fsc put --name a --from-command -- print-shop '),
    ('fsc put --from-command --name a -- print-s', 'fsc put --from-command --name a -- print-shop '),
    ('fsc put --name a --from-command -- ./pri', 'fsc put --name a --from-command -- ./print-shop '),
    ('fsc put --name a --from-command -- cat du', 'fsc put --name a --from-command -- cat dumped '),
    ('fsc put --name a --from-command -- cat -- a', 'fsc put --name a --from-command -- cat -- a\\ folder/'),
    ('fsc put --name a --from-command -- cat --retr', None),
    ('fsc put --name a --from-command -- nosuch-', None),
    ('fsc get dump --to-command -- print-s', 'fsc get dump --to-command -- print-shop '),
    ('fsc get --to-command dump -- print-s', 'fsc get --to-command dump -- print-shop '),
    ('fsc get dump --to-command -- tee "a folder/d', 'fsc get dump --to-command -- tee "a folder/dump" '),
    # Before that, it is what it always is.
    ('fsc get --to-command du', 'fsc get --to-command dump '),
    ('fsc put --name a --from-command --lim', 'fsc put --name a --from-command --limit-rate '),
])
shell.close()
END
}

@test "completion: every option that help lists for a command" {
    local word
    for word in $("$FSC" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'); do
        "$FSC" help "$word" | sed -n 's/^  \(-[a-zA-Z0-9],\)\? *\(--[a-z0-9-]*\)[[ ].*/\1\n\2/p' |
            tr -d , | sed '/^$/d' | sort >wanted
        [ -s wanted ]
        "$FSC" __complete -- "fsc $word -" - quoted | sed 1d | sort >offered
        run diff wanted offered
        assert_success
    done
}

@test "completion: servers that have a name or a pin" {
    local key=SHA256:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE
    use_settings 'servers = ( { name = "backup"; address = "/x"; } );'
    printf '%s\n' "web1.example:7373 $key" "web1.example:7373 ${key/L/A}" "[fe80::1%eth0]:99 $key" \
        >"$XDG_CONFIG_HOME/fsc/known_servers"
    pressing <<'END'
shell = Shell()
expect_lines(shell, [
    ('fsc --server b', 'fsc --server backup '), ('fsc ls --server=b', 'fsc ls --server=backup '),
    ('fsc --server w', 'fsc --server web1.example:7373 '), ('fsc trust w', 'fsc trust web1.example:7373 '),
    ('fsc trust --remove "w', 'fsc trust --remove "web1.example:7373" '), ('fsc trust b', 'fsc trust backup '),
    ('fsc trust web1.example:7373 w', None), ('fsc trust --ac', 'fsc trust --accept '),
    ('fsc --server pl', 'fsc --server plain:'),
    ('fsc --config /dev/null --server b', None),
])
expect_run(shell, [('fsc trust [', ['trust', '[fe80::1%eth0]:99'])])
shell.close()
END
}

@test "completion: local files, which readline finds" {
    pressing <<'END'
files = [name for name in HOSTILE if name not in ('~',)]
for i, name in enumerate(files):
    os.makedirs('local/%02d' % i)
    open('local/%02d/%s' % (i, name), 'w').close()
os.makedirs('local/$(touch canary)')
shell = Shell()
for i, name in enumerate(files):
    whole = 'local/%02d/%s' % (i, name)
    expect_run(shell, [('fsc put ' + whole[:9], ['put', whole]),
                       ('fsc put "' + whole[:9], ['put', whole]),
                       ("fsc get x --output '" + whole[:9], ['get', 'x', '--output', whole]),
                       ('fsc put --files-from=' + whole[:9], ['put', '--files-from=' + whole])])
expect_lines(shell, [
    ('fsc get --into local/$', 'fsc get --into local/\\$\\(touch\\ canary\\)/'),
    ('fsc --config loc', 'fsc --config local/'),
    ('fsc --server /et', 'fsc --server /etc/'),
    ('fsc put $WORK/loc', 'fsc put $WORK/local/'),
    ('fsc ls >loc', 'fsc ls >local/'),
])
shell.close()
END
}

@test "completion: the command after --, which may be a local file" {
    mkdir -p local/commands
    touch local/commands/bait-plain 'local/commands/bait-$(touch canary)' 'local/commands/bait- canary'
    chmod a+x local/commands/*
    pressing <<'END'
shell = Shell(PATH=':'.join([WORK + '/local/commands', os.environ['FSD_BUILD'], os.environ['PATH']]))
for start in 'fsc get a --to-command -- ', 'fsc put --name a --from-command -- ':
    path = start + 'local/commands/bait-'
    expect_lines(shell, [
        (start + 'bait', start + 'bait-plain '),
        (path + 'p', path + 'plain '),
        (path + '$', path + '\\$\\(touch\\ canary\\) '),
        (start + '"local/commands/bait- ', start + '"local/commands/bait- canary" '),
        (start + 'tar ' + 'local/commands/bait-p', start + 'tar local/commands/bait-plain '),
    ])
shell.close()
END
}

@test "completion: no names where only bash knows what the line means" {
    start_fsd
    pressing <<'END'
store('plain', '$x', '~y')
shell = Shell('x=pl')
expect_lines(shell, [(typed, None) for typed in (
    'fsc get $x', 'fsc get "$x', 'fsc get ~', 'fsc get $(touch canary', 'fsc get "$(touch canary',
    'fsc get `touch canary` pl', 'fsc get "`touch canary`', 'fsc get ${x', 'fsc get # pl',
    'fsc $x get pl', 'fsc get $x pl', 'fsc --server "exec:touch canary; $x" get pl', "fsc get $'it\\'s pl",
)])
expect_lines(shell, [
    ('fsc put "$x" --fol', 'fsc put "$x" --folder '),
    ("fsc get '$", "fsc get '$x' "),
    ('fsc get \\~', 'fsc get \\~y '),
])
shell.close()
END
}

@test "completion: the server is the one of the settings and the line" {
    start_fsd
    touch "$LIBRARY/plain" empty.conf
    mkdir -p other config/fsc
    printf 'server = "%s";\n' "$SOCKET" >here.conf
    # This machine may have a daemon of its own.
    [ -e /run/fsd/fsd.sock ] || FSC_SERVER='' assert_none 10 'fsc ls '
    FSC_SERVER='' assert_candidates 'fsc --config here.conf ls ' '' <<<$'space\nplain'
    FSC_SERVER='' assert_candidates "fsc ls --server='$SOCKET' " '' <<<$'space\nplain'
    assert_candidates 'fsc --config empty.conf ls ' '' <<<$'space\nplain'
    cp here.conf config/fsc/fsc.conf
    FSC_SERVER='' assert_candidates 'fsc ls ' '' <<<$'space\nplain'
    FSC_SERVER=/nowhere assert_candidates "fsc --server 'exec:\"$FSD\" --stdio --library other' ls " '' <<<space
    FSC_SERVER='' assert_none 2 'fsc --config nowhere.conf ls '
}

@test "completion: too many names are cut to the first ones and the last" {
    start_fsd
    seq -f "$LIBRARY/n%04g" 1500 | xargs touch "$LIBRARY/nzz" "$LIBRARY/x"
    complete_line 'fsc ls n' n
    assert_equal "${#lines[@]} ${lines[1]} ${lines[-1]}" '1001 n0001 nzz'
    complete_line 'fsc ls n1' n1
    assert_equal "${#lines[@]} ${lines[1]} ${lines[-1]}" '502 n1000 n1500'
}

@test "completion: only ASCII names unless the encoding is UTF-8" {
    start_fsd
    touch "$LIBRARY/größe" "$LIBRARY/plain"
    LC_ALL=C assert_candidates 'fsc ls ' '' <<<$'space\nplain'
    assert_candidates 'fsc ls ' '' <<<$'space\ngröße\nplain'
}

@test "completion: nothing from a server that sends an invalid name" {
    local text
    while IFS= read -r text; do
        printf '> LIST dir/\n< OK\n< %d\n< %s\\n\n< END\n>.\n' "$(printf '%b' "$text\\n" | wc -c)" "$text" >script
        rm -rf .cache
        run --separate-stderr env HOME="$WORK" "$TESTS/fake_server" "$SOCKET" script \
            "$FSC" __complete -- 'fsc get dir/' dir/ quoted
        assert_equal "$status $output" '1 '
    done <<'END'
dir/\x1b[31m
dir/\xc2\x9b31m
dir/\xff
dir/a\rb
other/x
dir
dir/../x
dir/.fsd/x
dir/a/b
/dir/a
dir/a\ndir/a
END
}

@test "completion: what came of a listing that the server could not complete is offered, but not kept" {
    local i
    cat >script <<'SCRIPT'
> LIST
< OK
< 2\na\n
< ABORT incomplete the server cannot read x/: Permission denied
SCRIPT
    for i in 1 2; do
        run --separate-stderr env HOME="$WORK" "$TESTS/fake_server" "$SOCKET" script \
            "$FSC" __complete -- 'fsc get ' '' quoted
        assert_equal "$status $stderr $output" $'0  space\na'
    done
}

@test "completion: a server that does not answer in time costs a second, once" {
    printf '> LIST\n< OK\n<100000 101\\na\\{100}\\n\n>.\n' >script
    run --separate-stderr env HOME="$WORK" "$TESTS/fake_server" "$SOCKET" script "$FSC" __complete -- 'fsc get ' '' quoted
    assert_equal "$status $output" '11 '
    pressing <<'END'
import socket
dead = socket.socket(socket.AF_UNIX)
dead.bind('dead')
dead.listen()
dead.setblocking(False)
shell = Shell(FSC_SERVER=WORK + '/dead')
# The limit is 1 s, and a busy machine may need more; without it, fsc would take 10 s.
took = seconds(shell.line, 'fsc get x\t')
if took > 9:
    sys.exit('TAB takes %.3f s' % took)
expect_lines(shell, [('fsc get x', None), ('fsc get y/z', None)])
# The others did not ask.
dead.accept()
try:
    dead.accept()
    sys.exit('there is a second connection')
except BlockingIOError:
    pass
shell.close()
END
}

@test "completion: shell options do not matter, and the shell stays as it is" {
    start_fsd
    pressing <<'END'
store('i/a b', 'i/A;c', 'plain')
shell = Shell('bind "set completion-ignore-case on"')
expect_lines(shell, [('fsc get i/', 'fsc get i/A')])
shell.close()
shell = Shell('IFS=:; set -u; unset COMP_WORDBREAKS')
expect_lines(shell, [('fsc get pl', 'fsc get plain '), ('fsd --lib', 'fsd --library ')])
shell.close()
shell = Shell(': & job=$!')
expect_lines(shell, [('fsc get pl', 'fsc get plain '), ('fsd --lib', 'fsd --library ')])
expect(shell.run('fsc get $((job - $!))'), ['get', '0'])
shell.close()
END
}

@test "completion: an exec: command is killed in time, and has no terminal" {
    pressing <<'END'
shell = Shell()
keys = "fsc --server 'exec:trap : TERM; echo $$ >pid; (: >/dev/tty) && touch canary; sleep 1000 & wait; wait' get \t"
if seconds(shell.line, keys) > 20:
    sys.exit('TAB takes too long')
with open('pid') as file:
    process = '/proc/' + file.read().strip()
await_true(lambda: not os.path.exists(process))
shell.close()
END
}

@test "completion: an exec: command leaves no process behind" {
    mkdir -p library
    touch library/plain
    pressing <<'END'
hangs = "fsc --server 'exec:trap : TERM; sleep 1000 & echo $! >pid.new; mv pid.new pid; %swait; wait' get "
answers = hangs % ('"%s/fsd" --stdio --library library; ' % os.environ['FSD_BUILD'])
shell = Shell()

def expect_ended():
    with open('pid') as file:
        process = '/proc/' + file.read().strip()
    await_true(lambda: not os.path.exists(process))
    os.remove('pid')
    shutil.rmtree('.cache')

for line, expected in (answers, answers + 'plain '), (hangs % '', None):
    expect_lines(shell, [(line, expected)])
    expect_ended()
# Ctrl-C while fsc waits.
os.write(shell.terminal, (hangs % '' + '\t').encode())
await_true(lambda: os.path.exists('pid'))
os.write(shell.terminal, b'\3')
expect_ended()
shell.close()
END
}

@test "completion: the cache is small, private and short-lived" {
    start_fsd
    mkdir -p "$LIBRARY"/{1..40}
    touch "$LIBRARY"/{1..40}/x
    local i
    for i in {1..40}; do
        assert_candidates "fsc get $i/" "$i/" <<<$'space\n'"$i/x"
    done
    assert_equal "$(find .cache -printf '%m\n' | sort -u | xargs)" '600 700'
    [ "$(find .cache/fsc -type f | wc -l)" -le 16 ]
    # For some seconds, names come from the cache.
    rm "$LIBRARY/40/x"
    find .cache -type f -exec touch {} +
    assert_candidates 'fsc get 40/' 40/ <<<$'space\n40/x'
    find .cache -type f -exec touch -d '6 seconds ago' {} +
    assert_candidates 'fsc get 40/' 40/ <<<space
    find .cache -type f -exec touch -d '1 hour' {} +
    touch "$LIBRARY/40/y"
    assert_candidates 'fsc get 40/' 40/ <<<$'space\n40/y'
    # A server that did not answer is asked again after 10 seconds.
    FSC_SERVER=$WORK/other assert_none 10 'fsc get '
    assert_equal "$stderr" "fsc: $WORK/other: cannot connect: No such file or directory (is fsd running there? see --server)"
    FSC_SERVER=$WORK/other assert_none 12 'fsc get '
    assert_equal "$stderr" "fsc: $WORK/other: did not answer a moment ago, so it is not asked again yet"
    find .cache -type f -exec touch -d '11 seconds ago' {} +
    FSC_SERVER=$WORK/other assert_none 10 'fsc get '
    assert_equal "$stderr" "fsc: $WORK/other: cannot connect: No such file or directory (is fsd running there? see --server)"
}

@test "completion: where the cache is, and working without one" {
    start_fsd
    touch "$LIBRARY/plain"
    XDG_CACHE_HOME=$WORK/xdg assert_candidates 'fsc get ' '' <<<$'space\nplain'
    [ -d xdg/fsc ]
    [ ! -e .cache ]
    XDG_CACHE_HOME=relative assert_candidates 'fsc get ' '' <<<$'space\nplain'
    [ -d .cache/fsc ]
    [ ! -e relative ]
    XDG_CACHE_HOME=/dev/null assert_candidates 'fsc get ' '' <<<$'space\nplain'
    for _ in {1..5}; do
        run env -u HOME -u XDG_CACHE_HOME "$FSC" __complete -- 'fsc get ' '' quoted
        # As above.
        [ "$status" -eq 11 ] || break
    done
    assert_output $'space\nplain'
}

@test "completion: the cache is not trusted" {
    start_fsd
    mkdir "$LIBRARY/dir"
    touch "$LIBRARY/dir/a"
    assert_candidates 'fsc get dir/' dir/ <<<$'space\ndir/a'
    local file key
    file=$(grep -l dir/a .cache/fsc/*)
    key=$(head -n 1 "$file")
    # Names are checked and quoted like those from a server.
    printf '%s\n' "$key" 'dir/$(touch canary)' dir/ dir dir/.. dir/b/c other/x $'dir/\e[31m' '' dir/b . >"$file"
    assert_candidates 'fsc get dir/' dir/ <<<$'space\ndir/\\$\\(touch\\ canary\\)\ndir/b'
    # Of another folder, incomplete, too long, not a regular file.
    printf '%s\n' "${key%?}x" dir/b . >"$file"
    assert_candidates 'fsc get dir/' dir/ <<<$'space\ndir/a'
    printf '%s\n' "$key" dir/b >"$file"
    assert_candidates 'fsc get dir/' dir/ <<<$'space\ndir/a'
    : >"$file"
    assert_candidates 'fsc get dir/' dir/ <<<$'space\ndir/a'
    { printf '%s\n' "$key" && seq -f 'dir/%g' 100000 && echo .; } >"$file"
    assert_candidates 'fsc get dir/' dir/ <<<$'space\ndir/a'
    rm "$file"
    mkfifo "$file"
    assert_candidates 'fsc get dir/' dir/ <<<$'space\ndir/a'
    printf '%s\n' "$key" dir/b . >elsewhere
    ln -sf "$WORK/elsewhere" "$file"
    assert_candidates 'fsc get dir/' dir/ <<<$'space\ndir/a'
    [ ! -L "$file" ]
}

@test "completion: with bash-completion, and after other commands" {
    start_fsd
    mkdir -p user/completions
    cp "$TESTS"/../completions/* user/completions/
    pressing <<'END'
store('plain', 'dir/one two', 'dir/a:b', 'dir/twice/$(touch canary)', 'dir/twice/safe')
shell = Shell('complete -r; . /usr/share/bash-completion/bash_completion', BASH_COMPLETION_USER_DIR=WORK + '/user')
expect_lines(shell, [
    ('fsc get pl', 'fsc get plain '),
    ('nohup fsc get pl', 'nohup fsc get plain '),
    ('nohup fsc get "pl', 'nohup fsc get "plain" '),
    ('nohup fsc get dir/a:', 'nohup fsc get dir/a:b '),
    ('nohup fsc put x --folder=', 'nohup fsc put x --folder=dir/'),
    ('fsd --lib', 'fsd --library '),
    # Where a shell reads the line twice, one level of quotes is not enough.
    ('fsc get dir/twice/\\$', 'fsc get dir/twice/\\$\\(touch\\ canary\\) '),
    ('eval fsc get dir/twice/', 'eval fsc get dir/twice/safe '),
    ('watch fsc get dir/twice/', 'watch fsc get dir/twice/safe '),
    ('eval fsc get dir/o', None),
])
shell.close()
END
}

@test "completion: menu-complete and M-*" {
    start_fsd
    pressing <<'END'
store('dir/a', "dir/b'", 'dir/c', 'dir/$(touch canary)', 'one/x y')
shell = Shell('bind \'"\\C-xm": menu-complete\'')
# M-* inserts all of them.
for start in ('dir/', '"dir/', "'dir/"):
    expect(shell.run('fsc get ' + start + '\x1b*'), ['get', 'dir/a', 'dir/c'])
for i, name in enumerate(('dir/$(touch canary)', 'dir/a', "dir/b'", 'dir/c'), 1):
    for start in ('dir/', '"dir/', "'dir/", "$'dir/"):
        expect(shell.run('fsc get ' + start + '\x18m' * i), ['get', name])
shell.close()
END
}

@test "completion: options and values of fsd and fsd-scrub" {
    pressing <<'END'
os.mkdir('local')
shell = Shell()
expect_lines(shell, [
    ('fsd --lib', 'fsd --library '), ('fsd --library loc', 'fsd --library local/'),
    ('fsd --library=loc', 'fsd --library=local/'), ('fsd --listen loc', 'fsd --listen local/'),
    ('fsd --check --fore', 'fsd --check --foreground '), ('fsd --concurrency p', 'fsd --concurrency process '),
    ('fsd-scrub --lib', 'fsd-scrub --library '), ('fsd-scrub --library loc', 'fsd-scrub --library local/'),
    ('fsd-scrub --qu', 'fsd-scrub --quarantine '),
    ('fsd --concurrency=t', 'fsd --concurrency=thread '), ('fsd --anonymous g', 'fsd --anonymous get '),
])
shell.close()
END
    # The words are those of the settings table.
    local option words
    "$FSD" --print-settings >settings
    for option in concurrency anonymous; do
        words=$(sed -nE "s/^$option, (one|any) of ([a-z, ]*);.*/\\2/p" settings | tr -d ,)
        [ -n "$words" ]
        grep -q -F "=($words)" "$TESTS/../completions/fsd"
    done
    # There is a case for each kind of value.
    { "$FSD" --help; "$FSD_BUILD/fsd-scrub" --help; } | sed -nE 's/^ *--[a-z-]* ([A-Z]+) .*/\1/p' | sort -u >values
    [ -s values ]
    while IFS= read -r words; do
        grep -qE "^ *(.* )?$words( .*)?\\)" "$TESTS/../completions/fsd"
    done <values
}
