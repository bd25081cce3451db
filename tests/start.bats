#!/usr/bin/env bats
# How a daemon starts: command line, configuration file, library, and in the background.
# bats file_tags=once

load library

@test "configuration: every error names its file and line" {
    local text
    while IFS= read -r text; do
        printf '\n%s\n' "$text" >"$CONFIG"
        refuses 2 "^fsd: $CONFIG:2: .+" --config "$CONFIG" --library "$WORK" --listen "$SOCKET" --foreground
    done <<'END'
frobnicate = 1;
limits = { frobnicate = "1s"; };
library = 7;
library = "relative";
listen = 7;
listen = [7];
listen = "plain:[::1";
listen = "exec:cat";
listen = ();
anonymous = "list delete everything";
anonymous = true;
records = "yes";
records = 1;
limits = 5;
limits = { sessions = "many"; };
limits = { sessions = 0; };
limits = { sessions = -1; };
limits = { idle = 5; };
limits = { idle = "5"; };
limits = { idle = "soon"; };
limits = { idle = "0s"; };
limits = { idle = "400d"; };
@include "other.conf"
   @include "/"
= 1;
limits = { idle = "1s" sessions = }
END
}

@test "configuration: a file that cannot be read is an error" {
    mkfifo fifo
    refuses 2 "^fsd: $WORK/fifo: .+" --config "$WORK/fifo" --library "$WORK" --foreground
    refuses 2 "^fsd: $WORK/absent: .+" --config "$WORK/absent" --library "$WORK" --foreground
    refuses 2 "^fsd: $WORK: .+" --config "$WORK" --library "$WORK" --foreground
    refuses 2 '^fsd: library is not set.+' --config "$CONFIG" --foreground
}

@test "configuration: a NUL byte is an error" {
    printf 'anonymous = "list";\n\0anonymous = "everything";\n' >"$CONFIG"
    refuses 2 "^fsd: $CONFIG:.+" --config "$CONFIG" --library "$WORK" --listen "$SOCKET" --foreground
}

@test "configuration: options override the file" {
    cat >"$CONFIG" <<END
# A comment
library = "$WORK/absent";
listen = [ "$WORK/one", "$WORK/two" ];
anonymous = "list";
limits = { idle = "1h"; sessions = 5; };
END
    start_fsd --anonymous 'get put' --listen plain:127.0.0.1:0
    [ ! -e "$WORK/one" ] && [ ! -e "$WORK/two" ]
    FSD_EXPECTED='msg=denied'
    play "127.0.0.1:$FSD_PORT" <<<$'> LIST\n< FAIL denied *\n> GET a\n< FAIL not-found *'
}

@test "configuration: records = false stores no digest" {
    echo 'records = false;' >"$CONFIG"
    start_fsd
    play <<'END'
> PUT a size=6 eager=1
> 6
> hello
>
> END
< OK size=6 digest=sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
> LIST details=1
< OK
< *
< a size=6 mtime=*
<
< END
> PUT a
< EXISTS size=6*
END
    run getfattr -d "$LIBRARY/a"
    assert_output ''
}

@test "command line: errors exit with 2" {
    refuses 2 '^fsd: unknown option --frobnicate$' --frobnicate
    refuses 2 '^fsd: unknown option --lib; did you mean --library\?$' --lib "$WORK"
    refuses 2 '^fsd: unknown option -x$' -x
    refuses 2 '^fsd: --library needs a value: DIR$' --library
    refuses 2 '^fsd: --foreground takes no value$' --foreground=1
    refuses 2 '^fsd: x: fsd takes no operands, only options$' -- x
    refuses 2 '^fsd: .+' --config "$CONFIG" --library "$WORK" surplus
    refuses 2 '^fsd: --anonymous: "everything" is not one of list, get' --config "$CONFIG" --library "$WORK" --anonymous everything
    refuses 2 '^fsd: .+' --config "$CONFIG" --library "$WORK" --listen '' --foreground
}

@test "command line: help and version" {
    run quiet "$FSD" --help
    assert_success
    assert_output --partial --library
    assert_output "$("$FSD" -h)"
    run quiet "$FSD" --version
    assert_success
    assert_output --regexp '^fsd [0-9]+\.[0-9]+\.[0-9]+$'
}

@test "library: a missing one is an error" {
    refuses 1 "^fsd: .*$WORK/absent.+" --config "$CONFIG" --library "$WORK/absent" --listen "$SOCKET" \
        --foreground
    [ ! -e "$SOCKET" ]
}

@test "library: one that may not be written is served read-only" {
    use_other_user
    mkdir -p "$LIBRARY"
    printf 'hello\n' >"$LIBRARY/a"
    chmod 0555 "$LIBRARY"
    FSD_EXPECTED='read-only'
    start_fsd
    play <<'END'
> LIST
< OK
< 2
< a
<
< END
> PUT b
< FAIL denied *
> PUT b size=1 eager=1
> 1
> x
> END
< FAIL denied *
> GET a
< OK *
< 6
< hello
<
< END *
END
}

@test "background: the daemon listens when its caller continues" {
    start_background
    run raw <<<$'LIST\nQUIT'
    assert_success
    assert_output EMPTY
    stop_background
    [ ! -e "$SOCKET" ]
}

@test "background: errors reach the caller" {
    mkdir "$LIBRARY"
    echo precious >"$SOCKET"
    refuses 1 "^fsd: .*$SOCKET.+" --config "$CONFIG" --library "$LIBRARY" --listen "$SOCKET"
    refuses 1 '^fsd: .+' --config "$CONFIG" --library "$LIBRARY/absent" --listen "$WORK/other"
    assert_equal "$(cat "$SOCKET")" precious
}

@test "background: errors reach a caller that ignores its children" {
    run timeout 20 python3 -c 'import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])' \
        "$FSD" --config "$CONFIG" --library "$WORK/absent" --listen "$SOCKET" </dev/null 3>&-
    assert_failure 1
    assert_equal "${#lines[@]}" 1
    assert_line --index 0 --regexp "^fsd: .*$WORK/absent.+"
    [ ! -e "$SOCKET" ]
}
