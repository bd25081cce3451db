#!/usr/bin/env bats
# Sweeping: old stages are removed, and nothing else.
# bats file_tags=tls

load library

# leave CLIENT ID AGE: a stage that was last written AGE seconds ago.
leave() {
    mkdir -p "$LIBRARY/.fsd/stage/$1"
    echo left >"$LIBRARY/.fsd/stage/$1/$2"
    touch -d "@$(($(date +%s) - $3))" "$LIBRARY/.fsd/stage/$1/$2"
}

# sweeps DAEMON COUNT: the daemon, counted from 0, has logged that it removed COUNT stages.
sweeps() {
    await_line "${FSD_PIDS[$1]}" "${FSD_LOGS[$1]}" " level=info msg=swept stages=$2\$" 1
}

stages() {
    (cd "$LIBRARY/.fsd/stage" && find . -type f | sort)
}

@test "sweep: the start removes old stages and keeps young ones" {
    leave anonymous 0123456789abcdef0123456789abcdef 86500
    leave user:bob 1123456789abcdef0123456789abcdef 1000000
    leave user:bob 2123456789abcdef0123456789abcdef 86300
    ln -s "$WORK/other" "$LIBRARY/.fsd/stage/user:bob/link"
    touch -h -d '@0' "$LIBRARY/.fsd/stage/user:bob/link"
    touch -d '@0' other "$LIBRARY/file"
    start_fsd
    sweeps 0 2
    run stages
    assert_output ./user:bob/2123456789abcdef0123456789abcdef
    [ -e other ] && [ -e "$LIBRARY/file" ] && [ -L "$LIBRARY/.fsd/stage/user:bob/link" ]
}

@test "sweep: the age is a setting, and the next sweep uses it" {
    echo 'limits = { upload_age = "1h"; };' >"$CONFIG"
    start_fsd
    leave anonymous 0 3500
    leave anonymous 1 3700
    leave anonymous 2 7300
    kill -ALRM "$FSD_PID"
    sweeps 0 2
    echo 'limits = { upload_age = "50m"; };' >"$CONFIG"
    kill -HUP "$FSD_PID"
    await_line "$FSD_PID" "$FSD_LOG" 'msg="settings read again"' 1
    kill -ALRM "$FSD_PID"
    sweeps 0 1
    run stages
    assert_output ''
}

@test "sweep: a running upload is kept, however old" {
    start_fsd
    converse <<'END'
session = Session()
session.expect('PUT slow size=10', 'OK offset=0')
session.send(item(b'01234'))
wait_until(lambda: [os.path.getsize(path) for path in stages()] == [5], 'the bytes')
folder, = {os.path.dirname(path) for path in stages()}
os.utime(stages()[0], (0, 0))
left = folder + '/left'
open(left, 'w').close()
os.utime(left, (0, 0))
os.kill(daemon(), signal.SIGALRM)
wait_until(lambda: not os.path.exists(left), 'the sweep')
session.expect(item(b'56789') + b'END\n', 'OK size=10')
with open(LIBRARY + '/slow', 'rb') as file:
    check(file.read() == b'0123456789', 'the content')
END
}

@test "sweep: two daemons sweep one library at the same time" {
    local number first second
    mkdir -p "$LIBRARY/.fsd/stage/anonymous"
    (cd "$LIBRARY/.fsd/stage/anonymous" && seq 3000 | xargs touch -d '@0')
    launch_fsd --library "$LIBRARY" --listen "$WORK/one"
    launch_fsd --library "$LIBRARY" --listen "$WORK/two"
    for number in 0 1; do
        await_line "${FSD_PIDS[$number]}" "${FSD_LOGS[$number]}" 'msg=listening' 1
    done
    converse <<<"wait_until(lambda: not stages(), 'the sweeps')"
    # Each daemon logged what it removed; each stage was removed once.
    converse <<'END'
import glob
import re

def told():
    return sum(int(count) for log in glob.glob('log.*') for count in
               re.findall('msg=swept stages=([0-9]+)', open(log).read()))

wait_until(lambda: told() == 3000, 'what they tell')
END
}

@test "sweep: what cannot be read is logged and counted" {
    use_other_user
    leave user:root 0 1000000
    leave user:ann 1 1000000
    [ "$(id -u)" -ne 0 ] || chown -R 65534:65534 "$LIBRARY/.fsd"
    chmod 0 "$LIBRARY/.fsd/stage/user:root"
    FSD_EXPECTED='^level=warning msg="cannot sweep" client=user:root cause="Permission denied"$'
    start_fsd
    sweeps 0 1
    await_line "$FSD_PID" "$FSD_LOG" 'msg="cannot sweep"' 1
    converse <<'END'
status = Session().status()
check((status['stages'], status['stages.unreadable']) == ('0', '1'), status)
END
}

@test "sweep: a read-only library is left unchanged" {
    leave anonymous 0 1000000
    chmod -R a-w "$LIBRARY/.fsd"
    use_other_user
    FSD_EXPECTED='msg="the library is served read-only"'
    start_fsd
    kill -ALRM "$FSD_PID"
    play <<<$'> QUIT'
    run stages
    assert_output ./anonymous/0
}
