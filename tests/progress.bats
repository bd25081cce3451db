#!/usr/bin/env bats
# bats file_tags=once
# Progress: rows on a terminal, which tmux(1) plays, after half a second; and nothing elsewhere.

load library
load fsc


# use_library: large files are holes, and are sent as zeros.
use_library() {
    mkdir -p library
    export FSC_SERVER="exec:'$FSD_BUILD/fsd' --stdio --library '$PWD/library'"
}

# open_terminal COLUMNS [COMMAND...]: a terminal of that width in which a shell, or this command, runs.
open_terminal() {
    local columns=$1
    shift
    command -v tmux >/dev/null || skip 'there is no tmux here'
    terminal=$PWD/terminal
    TERM=xterm tmux -S "$terminal" -f /dev/null new-session -d -x "$columns" -y 10 \
        "env TERM=screen PS1='$ ' LC_ALL=C.UTF-8 bash --norc --noprofile -i" 3>&- 4>&-
    tmux -S "$terminal" set-option -g status off
    type_in "cd '$PWD'; clear"
}

teardown() {
    [ -z "${terminal:-}" ] || tmux -S "$terminal" kill-server 2>/dev/null || true
}

type_in() {
    tmux -S "$terminal" send-keys -l "$1"
    tmux -S "$terminal" send-keys Enter
}

press() {
    tmux -S "$terminal" send-keys "$1"
}

# screen: what is shown, without empty lines at the end and the spaces that end a line.
screen() {
    tmux -S "$terminal" capture-pane -p | sed 's/ *$//'
}

# await_screen PATTERN: until a line matches.
await_screen() {
    await eval "screen | grep -q -E -e '$1'" || {
        screen >&2
        return 1
    }
}

size='[0-9.]+ ([kMG]?B)'
bar='\[=*>? *\]'

@test "progress: of an upload at 80, 40 and 20 columns, after a resize, and gone after Ctrl-C" {
    use_library
    truncate -s 16G large
    open_terminal 80
    type_in 'fsc() { "$FSC" "$@"; }; clear; fsc put large --name folder/with-a-long-name/large.img; echo "code $?"'
    await_screen "^folder.*large.img +$bar +[0-9]+%  +[0-9:]+  +$size  +$size/s$|^\.\.\..*large.img +$bar +[0-9]+%"
    tmux -S "$terminal" resize-window -x 40
    await_screen "^\.\.\..*large.img +$bar +[0-9]+%"
    tmux -S "$terminal" resize-window -x 20
    await_screen "^\.\.\.[a-z.]+ +$bar +[0-9]+%$"
    press C-c
    await_screen '^\$'
    ! screen | grep -q '%' || fail "$(screen)"
    [ "$(find library -type f -not -path '*/.fsd/*' | wc -l)" -eq 0 ]
}

@test "progress: of many files, with wide characters, and errors above it" {
    local number
    use_library
    mkdir tree
    for number in 1 2 3; do
        echo "$number" >"tree/$number"
    done
    ln -s nowhere tree/4
    truncate -s 16G "tree/日本語の長い名前のファイルです、とても長い名前.img"
    open_terminal 60
    type_in 'clear; "$FSC" put -R tree'
    await_screen "^\.\.\..*.img +$bar +[0-9]+%"
    await_screen "^4(/| of )[45].* $bar +[0-9]+%"
    screen >shown
    grep -q '^fsc: tree/4: is a symbolic link' shown
    # The names of files are no wider than the terminal.
    [ "$(wc -L <shown)" -le 60 ] || fail "$(<shown)"
    press C-c
    await_screen '^\$'
    ! screen | grep -q '%' || fail "$(screen)"
}

@test "progress: of a folder that is fetched" {
    use_library
    mkdir library/shop
    echo 1 >library/shop/1
    echo 2 >library/shop/2
    truncate -s 16G library/shop/3
    open_terminal 80
    type_in 'clear; "$FSC" get -R shop --limit-rate 10M'
    await_screen "^shop/3 +$bar +[0-9]+%  +[0-9:]+ .*  +$size  +$size/s$"
    # Two of three files are next to nothing here.
    screen | grep -q -E "^2 of 3 files +$bar +[0-9]%" || fail "$(screen)"
    press C-c
    await_screen '^\$'
    ! screen | grep -q '%' || fail "$(screen)"
    [ -z "$(find shop -name '.fsc*')" ]
}

@test "progress: of ls, and of rm --match" {
    # A slow server: names come until there is a file "stop", and each answer to DELETE takes a moment.
    cat >server <<'END'
pause() { [ -e stop ] || read -r -t 0.01 <>never || true; }
while read -r word name options; do
    echo OK
    [ "$word" = LIST ] || { pause && continue; }
    for ((i = 1000; i < 9000 && !(stopped && i >= 2000); i++)); do
        line="$i${options:+ size=1 mtime=1}"
        printf '%d\n%s\n\n' "$((${#line} + 1))" "$line"
        [ -n "$options" ] || pause
        [ ! -e stop ] || stopped=1
    done
    echo END
done
END
    mkfifo never
    export FSC_SERVER='exec:bash server'
    open_terminal 80
    type_in 'clear; "$FSC" ls >names; echo "code $?"'
    await_screen '^[1-9][0-9]* names$'
    touch stop
    await_screen '^code 0$'
    ! screen | grep -q '[0-9] names' || fail "$(screen)"
    rm stop
    type_in 'clear; "$FSC" rm --match "*"; echo "code $?"'
    await_screen "^[1-9][0-9]* of [0-9]+ files +$bar +[0-9]+%"
    touch stop
    await_screen '^code 0$'
    ! screen | grep -q '%' || fail "$(screen)"
}

@test "progress: of what a command prints, without a bar" {
    use_library
    open_terminal 80
    type_in 'clear; "$FSC" put --name printed --from-command -- bash -c "until [ -e stop ]; do head -c 100000 /dev/zero; done"; echo "code $?"'
    await_screen "^printed +$size  +$size/s$"
    touch stop
    await_screen '^code 0$'
    ! screen | grep -q '/s' || fail "$(screen)"
}

@test "progress: of a stream that --spool keeps first" {
    use_library
    open_terminal 80
    type_in 'clear; "$FSC" put --spool --name kept --from-command -- bash -c "until [ -e stop ]; do head -c 100000 /dev/zero; done"; echo "code $?"'
    await_screen "^kept +$size  +$size/s$"
    [ ! -e library/kept ]
    touch stop
    await_screen '^code 0$'
    ! screen | grep -q '/s' || fail "$(screen)"
}

@test "progress: what others write on the terminal stays, as it would without it" {
    use_library
    cat >noisy <<'END'
#!/usr/bin/env bash
until [ -e stop ]; do
    head -c 100000 /dev/zero
    if [ -e warn ]; then
        rm warn
        echo 'a warning' >&2
    fi
done
END
    chmod +x noisy
    open_terminal 80
    type_in 'clear; printf "first "; "$FSC" put --name printed --from-command -- ./noisy; echo "code $?"'
    await_screen "^printed +$size  +$size/s$"
    touch warn
    await_screen '^first a warning$'
    await_screen "^printed +$size  +$size/s$"
    touch stop
    await_screen '^\$$'
    run screen
    assert_output $'first a warning\ncode 0\n$'
}

@test "progress: one fsc of a pipeline shows it" {
    use_library
    truncate -s 16G library/large
    open_terminal 80
    type_in 'clear; "$FSC" get large --output - | "$FSC" put - --name copy'
    await_screen "  ([1-9][0-9]{2}\.[0-9] MB|[0-9.]+ GB)  "
    press C-c
    await_screen '^(\^C)?\$'
    ! screen | grep -q '/s' || fail "$(screen)"
}

@test "progress: Ctrl-Z takes it away, and fg shows it again" {
    use_library
    truncate -s 16G large
    open_terminal 80
    type_in 'clear; "$FSC" put large'
    await_screen "^large +$bar +[0-9]+%"
    press C-z
    await_screen '^\[1\]\+ +Stopped'
    ! screen | grep -q '%' || fail "$(screen)"
    type_in fg
    await_screen "^large +$bar +[0-9]+%"
    press C-c
    await_screen '^\$$'
    ! screen | grep -q '%' || fail "$(screen)"
}

# on_terminal COMMAND...: what it writes to a terminal on stderr goes to standard output.
on_terminal() {
    python3 -c 'import os, pty, sys
pid, master = pty.fork()
if pid == 0:
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.execvp(sys.argv[1], sys.argv[1:])
try:
    while piece := os.read(master, 65536):
        os.write(1, piece)
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' "$@"
}

@test "progress: nothing is shown where it is not wanted, or soon over" {
    use_library
    local option
    export TERM=xterm
    echo hello >file
    run on_terminal "$FSC" put file
    assert_output ''
    cat >slow <<'END'
#!/usr/bin/env bash
# Prints for more than half a second of progress.
for ((i = 0; i < 8; i++)); do
    head -c 100000 /dev/zero
    read -r -t 0.1 <>"$1"
done
exit 0
END
    chmod +x slow
    mkfifo never
    run on_terminal "$FSC" put --name shown --from-command -- ./slow never
    assert_output --partial '/s'
    for option in --quiet --no-progress; do
        run on_terminal "$FSC" put --name "hidden$option" "$option" --from-command -- ./slow never
        assert_output ''
    done
    TERM=dumb run on_terminal "$FSC" put --name dumb --from-command -- ./slow never
    assert_output ''
    run on_terminal env -u TERM "$FSC" put --name unset --from-command -- ./slow never
    assert_output ''
    # Not in a pipe, unless it is asked for: then in lines without controls.
    run --separate-stderr "$FSC" put --name pipe --from-command -- ./slow never
    assert_equal "$status $output $stderr" '0  '
    run --separate-stderr "$FSC" put --name lines --progress --from-command -- ./slow never
    assert_regex "$stderr" "^fsc: lines +$size  +$size/s\$"
}
