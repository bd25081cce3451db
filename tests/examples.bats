#!/usr/bin/env bats
# The examples of the manual pages, as a reader finds them on the page, played in the order written on
# a machine of the test's own (tests/machine.bash).
# bats file_tags=once

load library
load manual
load machine
load network

# take_example PAGE HEADING: its blocks become the files block.1, block.2 and so on.
take_example() {
    page "$1" | section "$2" | awk '
        # A block is what is indented by 11 spaces, up to the next text or heading.
        /^           / {
            if (!inside) {
                inside = 1
                count++
            }
            for (; blank > 0; blank--)
                print "" >("block." count)
            print substr($0, 12) >("block." count)
            next
        }
        /./ { inside = blank = 0; next }
        { blank += inside }
        END { exit !count }'
}

# type_in NUMBER: types the commands of a block; none of them may fail. FOLDER is where.
type_in() {
    inside bash -e -c "$(<"block.$1")" </dev/null
}

# Starts a daemon there.
start_inside() {
    quiet inside fsd --library /srv/files --pid-file /run/fsd/pid
}

# await_inside FILE: waits until it is there.
await_inside() {
    await inside test -e "$1"
}

# cron NUMBER [COMMAND...]: runs the job of a crontab as cron does, by the command if one is given; what it
# prints would be mailed.
cron() {
    local line by=("${@:2}") command variables=(HOME=/root LOGNAME=root SHELL=/bin/sh PATH=/usr/bin:/bin)
    while IFS= read -r line; do
        if [[ $line =~ ^([A-Z_]+)=\"?([^\"]*)\"?$ ]]; then
            variables+=("${BASH_REMATCH[1]}=${BASH_REMATCH[2]}")
        elif [[ $line =~ ^([0-9*,/-]+\ +){5}([^ ].*)$ ]]; then
            command=${BASH_REMATCH[2]}
            [[ ${command//\\%/} != *%* ]] || { echo "a newline for cron: $command"; return 1; }
            inside "${by[@]}" env -i "${variables[@]}" /bin/sh -c "${command//\\%/%}" </dev/null
        else
            echo "this is no line of a crontab: $line"
            return 1
        fi
    done <"block.$1"
}

# as_nobody COMMAND...: runs it there as the user nobody; GROUP is its group.
as_nobody() {
    inside setpriv --reuid 65534 --regid "${GROUP:-65534}" --clear-groups "$@"
}

# set_date DATE: what date(1) says there from now on.
set_date() {
    write_inside /usr/local/bin/date 0755 <<<$'#!/bin/sh\n'"echo $1"
}

@test "examples: every example of the manuals is played" {
    local page
    for page in fsc.1 fsd.8 fsd.conf.5 fsd-protocol.7 fsd-scrub.8; do
        awk -v page="$page" '/^#/ && !open { sub(/^#+ /, ""); heading = $0 }
            /^```/ { open = !open; print page, heading }' "$SOURCE/man/$page.scd"
    done | sort -u | grep -v -x 'fsc.1 EXIT STATUS' >there
    sed -n "s/^ *take_example \([^ ]*\) '\(.*\)'\$/\1 \2/p" "$BATS_TEST_FILENAME" | sort -u >played
    run diff there played
    assert_success
}

@test "examples: fsc, first steps" {
    use_machine
    take_example fsc.1 'DESCRIPTION'
    start_inside
    write_inside /usr/local/bin/pg_dump 0755 <<<$'#!/bin/sh\necho dump of $1'
    write_inside /usr/local/bin/psql 0755 <<<$'#!/bin/sh\nexec cat'
    run quiet type_in 1
    assert_success
    assert_output --regexp $'^ +[0-9]+ [0-9TZ:-]+ shop/[0-9-]{10}\\.sql\\.gz\ndump of shop$'
    printf '1,2\n' | write_inside /root/summary.csv
    quiet type_in 2
    inside cmp summary.csv /tmp/summary.csv
}

@test "examples: fsc, the first ones of each command" {
    use_machine
    start_inside
    inside sh -e -c 'mkdir photos; echo 1 | gzip >shop.sql.gz; echo 2 | tee summary.csv web.tar >photos/1'
    take_example fsc.1 'fsc put FILE...|-'
    run quiet type_in 1
    assert_success
    assert_output ''
    assert_equal "$(inside tar -tf /srv/files/photos.tar)" $'photos/\nphotos/1'
    take_example fsc.1 'fsc ls [NAME...]'
    run quiet type_in 1
    assert_success
    assert_line --index 0 archive/
    assert_line --regexp ' backups/shop.sql.gz$'
    assert_output --regexp $'\nbackups/shop.sql.gz$'
    inside rm shop.sql.gz web.tar
    take_example fsc.1 'fsc get [NAME...]'
    run quiet type_in 1
    assert_success
    assert_output $'1\n1'
    inside cmp shop.sql.gz /tmp/shop.sql.gz
    take_example fsc.1 'fsc stat NAME...'
    run quiet type_in 1
    assert_line --index 0 'name: backups/shop.sql.gz'
    inside sh -e -c 'cd /srv/files; echo 1 >backups/old.gz; mkdir shop incoming
        for day in 1 2 3 4 5 6 31 32 33; do echo 1 >shop/$day.sql.gz; touch -d "$day days ago" shop/$day.sql.gz; done
        echo 1 >incoming/1; echo 2 >incoming/2'
    take_example fsc.1 'fsc rm [NAME...]'
    run quiet type_in 1
    assert_success
    assert_equal "$(inside ls /srv/files/backups)" $'done\nshop.sql.gz\nweb.tar'
    assert_equal "$(inside ls /srv/files/shop | xargs)" '1.sql.gz 2.sql.gz 3.sql.gz 31.sql.gz 4.sql.gz 5.sql.gz 6.sql.gz'
    take_example fsc.1 'fsc watch [FOLDER]'
    run quiet type_in 1
    assert_success
    assert_equal "$(sort <<<"$output")" $'incoming/1\nincoming/2'
    take_example fsc.1 'fsc status'
    run quiet type_in 1
    assert_line 'protocol fsd/1'
    take_example fsc.1 'fsc config'
    run quiet type_in 1
    assert_line --regexp '^retry = 0; +# default$'
    take_example fsc.1 'fsc help [COMMAND|exit-codes|settings]'
    run quiet type_in 1
    assert_line --index 0 --regexp '^Usage: fsc put '
}

@test "examples: fsc, coming from scp, rsync, rclone, aws s3" {
    local command count=0
    use_machine
    start_inside
    inside sh -e -c 'mkdir -p photos/a /srv/files/logs; echo 1 | tee shop.gz photos/1 /srv/files/logs/1 >photos/a/2; echo shop.gz >list'
    page fsc.1 | section 'Coming from scp, rsync, rclone, aws s3' | awk -F '   +' 'NF == 4 { print $3 }' | sed 1d >commands
    while IFS= read -r command; do
        run quiet inside bash -o pipefail -c "$command" </dev/null
        [ "$status" -eq 0 ] || fail "$command: $status: $output"
        count=$((count + 1))
    done <commands
    [ "$count" -ge 23 ]
    # What was deleted, and what was not.
    assert_equal "$(inside fsc ls -R | paste -s -d ' ')" \
        'old/1 old/a/2 old/photos/1 old/photos/a/2 old/shop.gz shop/mon shop/shop.gz'
    inside cmp shop.gz /tmp/tue
}

@test "examples: fsc, streams and commands" {
    use_machine
    take_example fsc.1 'STREAMS AND COMMANDS'
    start_inside
    inside mkdir photos
    echo one | write_inside /root/photos/1
    quiet type_in 1
    run quiet type_in 2
    assert_success
    assert_output $'photos/\nphotos/1'
    inside rm /srv/files/photos.tar
    quiet type_in 3
    assert_equal "$(inside tar -tf /srv/files/photos.tar)" $'photos/\nphotos/1'

    # What fails is not stored.
    inside sh -c 'rm -r photos /srv/files/*'
    run type_in 1
    assert_failure 14
    run type_in 3
    assert_failure
    run quiet inside fsc ls -R
    assert_output ''
    run type_in 2
    assert_failure 4
}

@test "examples: fsc, cron jobs" {
    use_machine
    take_example fsc.1 'Cron jobs'
    write_inside /usr/local/bin/dump-shop 0755 <block.1
    write_inside /usr/local/bin/pg_dump 0755 <<'END'
#!/bin/sh
[ "$1 $2" = '--file=new.sql shop' ] && [ ! -e broken ] && cat /proc/sys/kernel/random/uuid >new.sql
END
    set_date 2026-11-23
    # Nothing is made of a dump that fails.
    inside touch broken
    run cron 2
    assert_failure 1
    inside rm broken
    # Nobody listens: one line, and the code that says to try again.
    run cron 2
    assert_failure 10
    assert_output --regexp '^fsc: [^'$'\n'']+$'
    start_inside
    run cron 2
    assert_success
    assert_output ''
    run cron 2
    assert_success
    assert_output ''
    run quiet inside fsc ls -R
    assert_output shop/shop-2026-11-23.sql
    inside cmp shop-2026-11-23.sql /srv/files/shop/shop-2026-11-23.sql
}

@test "examples: fsc, systemd timers" {
    local unit=/etc/systemd/system/measurements folder server command
    use_machine
    take_example fsc.1 'Systemd timers'
    write_inside "$unit.service" <block.1
    write_inside "$unit.timer" <block.2
    echo 20.5 | write_inside /srv/measurements/2026/01
    command=$(sed -n 's/^ExecStart=//p' block.1)
    folder=$(sed -n 's/^WorkingDirectory=//p' block.1)
    server=$(sed -n 's/^Environment=//p' block.1)
    run inside env -C "$folder" "$server" sh -c "$command"
    assert_failure 10
    start_inside
    for _ in first again; do
        run quiet inside env -C "$folder" "$server" sh -c "$command"
        assert_success
        assert_output ''
    done
    run quiet inside fsc ls -R
    assert_output measurements/2026/01
    # All exit codes end it but those that say so.
    run sed -n 's/^RestartPreventExitStatus=//p' block.1
    assert_output "$("$FSD_BUILD/fsc" help exit-codes | awk '/retry|^ *0 |^128/ { next } { print $1 }' | xargs)"

    command -v systemd-analyze >/dev/null || skip 'there is no systemd-analyze here (package systemd)'
    run inside systemd-analyze verify --man=no "$unit.service" "$unit.timer"
    assert_success
    assert_output ''
}

@test "examples: fsc, CI artefacts" {
    local commit
    command -v git >/dev/null || skip 'there is no git here'
    use_machine
    take_example fsc.1 'CI artefacts'
    start_inside
    # Two jobs that build the same commit, and one that uses it.
    inside sh -e -c 'git init -q first && cd first && mkdir build && echo 1 >build/app
        git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m 1
        cd .. && git clone -q first second && git clone -q first third
        mkdir second/build && echo 2 >second/build/app'
    commit=$(inside git -C first rev-parse HEAD)
    FOLDER=/root/third run type_in 2
    assert_failure 4
    assert_output "fsc: app/$commit.tar.gz: no such file in the library"
    FOLDER=/root/first run type_in 1
    assert_success
    assert_output "stored: app/$commit.tar.gz"
    FOLDER=/root/second run type_in 1
    assert_success
    assert_output "was there before, and stays: app/$commit.tar.gz"
    FOLDER=/root/third quiet type_in 2
    assert_equal "$(inside cat third/app/app)" 1
    inside sh -c 'rm -r /srv/files/* && ln -s / /srv/files/app'
    FOLDER=/root/first run type_in 1
    assert_failure 1
    assert_output --regexp '^fsc: app/.*'
}

# Lets ssh there reach backup1, which is the same machine, by a real sshd.
use_backup1() {
    skip_unless_root 'sshd with other users'
    command -v sshd >/dev/null || skip 'there is no sshd here (package openssh-server)'
    command -v ssh >/dev/null || skip 'there is no ssh here (package openssh-client)'
    use_machine
    # Where Debian's package has it.
    run inside sh -e -c 'mkdir /run/sshd /mnt/upper /mnt/work && mount -t overlay \
        -o lowerdir=/usr/sbin,upperdir=/mnt/upper,workdir=/mnt/work overlay /usr/sbin && mv /usr/local/sbin/fsd /usr/sbin'
    [ "$status" -eq 0 ] || skip "nothing can be put into /usr/sbin here: $output"
    write_inside /etc/ssh/sshd_config <<'END'
HostKey /etc/ssh/host_key
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintLastLog no
LogLevel ERROR
KexAlgorithms curve25519-sha256
END
    # It is an error to ssh, and to nobody else, when sshd has gone before it says good-bye.
    printf 'Host backup1\n    ProxyCommand %s -i -E /run/sshd.log\n    BatchMode yes\n    LogLevel QUIET\n' "$(command -v sshd)" |
        write_inside /etc/ssh/ssh_config
    inside sh -e -c 'ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/host_key
        printf "backup1 %s\n" "$(cut -d " " -f 1,2 /etc/ssh/host_key.pub)" >/etc/ssh/ssh_known_hosts'
}

# let_root_in KEY: with a key that is made now; skips the test when that cannot be.
let_root_in() {
    inside sh -e -c 'mkdir -m 0700 .ssh && ssh-keygen -q -t ed25519 -N "" -f ".ssh/$1"
        cp ".ssh/$1.pub" .ssh/authorized_keys' sh "$1"
    run inside ssh -i ".ssh/$1" root@backup1 true
    [ "$status" -eq 0 ] || skip "no login by ssh here: $output $(inside cat /run/sshd.log)"
}

# A file of the month before last.
store_old_backup() {
    inside install -d -o keeper /srv/keeper/library/shop
    inside install -o keeper /etc/hostname /srv/keeper/library/shop/etc-old.tgz
    inside touch -d '31 days ago' /srv/keeper/library/shop/etc-old.tgz
}

@test "examples: fsc, backups to a second machine" {
    local name=shop/etc-2026-11-23T020501
    use_backup1
    let_root_in trial
    inside rm -r .ssh
    take_example fsc.1 'Backups to a second machine'
    quiet type_in 1
    # Debian's sshd asks PAM, for which an account without a password is not a locked one.
    inside usermod -p '*' keeper
    quiet type_in 2
    inside cp .ssh/backup.pub backup.pub
    quiet type_in 3
    run quiet type_in 4
    assert_success
    assert_output ''
    # The key opens nothing but fsd.
    run inside ssh -T -i .ssh/backup keeper@backup1 id </dev/null
    refute_output --partial uid=
    run inside fsc --server 'exec:ssh -T -i .ssh/backup keeper@backup1' rm a
    assert_failure 6

    write_inside /usr/local/sbin/backup-etc 0755 <block.5
    store_old_backup
    set_date "${name#*-}"
    local keeper=(setpriv --reuid keeper --regid keeper --clear-groups)
    run cron 6
    assert_success
    assert_output ''
    run cron 7 "${keeper[@]}"
    assert_success
    assert_output ''
    run quiet type_in 8
    assert_success
    assert_line --index 0 --regexp " $name\.tgz\$"
    # The last seven are kept, however old they are.
    assert_line --index 1 --regexp ' shop/etc-old\.tgz$'
    assert_equal "${#lines[@]}" 2
    # All that is stored belongs to the account, and is read-only.
    run inside stat -c '%U %a' "/srv/keeper/library/$name.tgz"
    assert_output 'keeper 440'

    # What a tar prints that fails is not stored, and the last backup is the one before.
    write_inside /usr/local/bin/tar 0755 <<<$'#!/bin/sh\n/usr/bin/tar -cz -C / etc/hostname && exit 2'
    set_date 2026-11-24T020501
    run cron 6
    assert_failure 14
    assert_output 'fsc: shop/etc-2026-11-24T020501.tgz: tar ended with 2'
    inside rm /usr/local/bin/tar
    run inside ls /srv/keeper/library/shop
    assert_output "${name#*/}.tgz"$'\netc-old.tgz'

    # One shell runs all blocks, and keeps its variables.
    cat block.8 block.9 >block.restore
    run quiet type_in restore
    assert_success
    assert_line --index 2 --regexp '^digest: sha256:[0-9a-f]{64}$'
    assert_line --index 3 "${lines[2]#digest: sha256:}  etc.tgz"
    run quiet type_in 10
    assert_success
    assert_output ''
    # That it compares is seen when it differs.
    inside sh -c 'echo other >/etc/motd'
    run inside diff -r --no-dereference /etc restored/etc
    assert_failure
}

@test "examples: fsc, a daemon on another machine" {
    local number
    use_backup1
    let_root_in id_ed25519
    take_example fsc.1 'A daemon on another machine'
    start_inside
    quiet inside fsc put /etc/passwd
    for number in 1 2; do
        run quiet type_in "$number"
        assert_success
        assert_output passwd
    done
}

@test "examples: fsc, trying again" {
    use_machine
    take_example fsc.1 'Trying again'
    echo 1 | write_inside /root/shop.sql
    # Whoever sleeps for a minute wakes up with a daemon.
    write_inside /usr/local/bin/sleep 0755 <<'END'
#!/bin/sh
echo "$1"
[ "$1" -ne "$(cat /run/begin)" ] || exec fsd --library /srv/files
END
    echo 1 | write_inside /run/begin
    run inside bash -c "$(<block.1)"
    assert_failure 10
    assert_equal "$(grep -v '^fsc: ' <<<"$output")" $'10\n60\n600\n0'
    echo 60 | write_inside /run/begin
    run inside bash -c "$(<block.1)"
    assert_success
    assert_equal "$(grep -v '^fsc: ' <<<"$output")" $'10\n60'
    inside cmp shop.sql /srv/files/backups/shop.sql
    echo 2 | write_inside /root/shop.sql
    run inside bash -c "$(<block.1)"
    assert_failure 3
    assert_equal "${#lines[@]}" 1
}

@test "examples: fsc, working with names" {
    use_machine
    take_example fsc.1 'Working with names'
    start_inside
    quiet inside sh -c 'echo 1 >"shop 1"; echo 2 >"shop 2"; fsc put "shop 1" "shop 2" --folder shop; rm shop*'
    quiet type_in 1
    assert_equal "$(inside sh -c 'echo *; cat *')" $'shop 2\n2'
    run quiet type_in 2
    assert_success
    assert_output $'shop/shop 1\nshop/shop 2'
}

@test "examples: fsc, files as they come" {
    local reader number=0
    use_machine
    take_example fsc.1 'Files as they come'
    start_inside
    quiet type_in 1 >shown 3>&- &
    reader=$!
    # It may come before somebody watches.
    until ! kill -0 "$reader" 2>/dev/null; do
        quiet inside fsc put - --name "incoming/$((++number))" <<<"$number"
    done
    wait "$reader"
    [ -s shown ]
    inside sh -c 'cat /srv/files/incoming/*' | grep -q -x -F -f shown

    # Its daemon's end is its own.
    inside sh -c 'rm /srv/files/incoming/*; echo 1 >/srv/files/incoming/one'
    inside bash -c "$(<block.2)" </dev/null >errors 2>&1 3>&- &
    reader=$!
    await_inside work/one
    echo 2 | quiet inside fsc put - --name incoming/two
    await_inside work/two
    inside cmp work/two /srv/files/incoming/two
    inside sh -c 'kill $(cat /run/fsd/pid)'
    wait "$reader"
    run cat errors
    assert_output 'fsc: incoming: the daemon is stopping'
}

@test "examples: fsc, folders" {
    command -v jq >/dev/null || skip 'there is no jq here'
    use_machine
    take_example fsc.1 'Folders'
    start_inside
    inside sh -e -c 'mkdir -p photos/a; echo 1 >photos/1; echo 2 >photos/a/2; echo 3 >3; touch -d "2 days ago" 3'
    quiet type_in 1
    run quiet inside fsc ls -R
    assert_output $'archive/photos/1\narchive/photos/a/2\ntoday/1\ntoday/2'
    inside ln -s 1 photos/link
    run type_in 2
    assert_output --regexp $'(^|\n)photos/link$'
    inside sh -e -c 'mkdir -p notes/.cache; echo 1 | tee notes/.cache/1 notes/2; ln -s 2 notes/link'
    run type_in 3
    assert_output $'skipped\tnotes/.cache\nto be stored\tnotes/2\nskipped\tnotes/link
fsc: skipped 1 excluded folder and 1 link
fsc: skipped 1 excluded folder and 1 link'
    assert_equal "$(inside fsc ls -R notes)" notes/2
}

@test "examples: fsc, old files" {
    use_machine
    take_example fsc.1 'Old files'
    start_inside
    inside sh -e -c 'mkdir -p /srv/files/logs /srv/files/backups; cd /srv/files; touch logs/new.gz logs/new.txt
        touch -d "31 days ago" logs/old.gz logs/old.txt; for i in 1 2 3 4 5 6 7 8 9; do
            touch -d "$i days ago" backups/$i.gz
        done'
    run quiet type_in 1
    assert_success
    assert_output logs/old.gz
    run quiet type_in 2
    assert_success
    assert_output ''
    run quiet inside fsc ls -R
    assert_output "$(printf 'backups/%s.gz\n' {1..7})"$'\nlogs/new.gz\nlogs/new.txt\nlogs/old.txt'
    # When there are no more than these none is deleted.
    quiet type_in 2
    assert_equal "$(inside fsc ls backups | wc -l)" 7
}

@test "examples: fsc, sums" {
    use_machine
    take_example fsc.1 'Sums'
    start_inside
    inside sh -e -c 'mkdir photos; echo 1 >photos/1; echo 2 >"photos/a 2"; fsc put -R photos; rm -r photos'
    run quiet type_in 1
    assert_success
    assert_output ''
    inside sh -c 'echo 3 >photos/1'
    run inside sha256sum --quiet -c photos.sums
    assert_failure
}

@test "examples: fsd, a first try" {
    use_machine
    take_example fsd.8 'DESCRIPTION'
    run quiet type_in 1
    assert_success
    assert_output --regexp '^ +[0-9]+ [0-9TZ:-]+ hostname$'
    inside cmp /etc/hostname library/hostname
}

@test "examples: fsd, files for all users of a machine" {
    use_machine
    take_example fsd.8 'Files for all users of a machine'
    quiet type_in 1
    quiet inside fsc put /etc/passwd
    skip_unless_root 'to be another user'
    quiet as_nobody fsc get passwd --output - | cmp - /etc/passwd
    run as_nobody fsc put /etc/group
    assert_failure 6
}

# as_user NAME COMMAND...: runs it there, as a user who has logged in.
as_user() {
    FOLDER=/home/$1 inside setpriv --reuid "$1" --regid "$1" --init-groups env HOME="/home/$1" USER="$1" "${@:2}"
}

@test "examples: fsd, three machines over ssh, each in its own folder" {
    local host other others
    use_backup1
    let_root_in web1
    inside sh -e -c 'rm .ssh/authorized_keys
        for host in web2 db1; do ssh-keygen -q -t ed25519 -N "" -f ".ssh/$host"; done
        cp .ssh/*.pub .'
    take_example fsd.8 'Three machines over ssh, each in its own folder'
    quiet type_in 1
    inside usermod -p '*' keeper
    quiet type_in 2
    for host in web1 web2 db1; do
        printf 'Host backup1\n    IdentityFile ~/.ssh/%s\n    IdentitiesOnly yes\n' "$host" | write_inside /root/.ssh/config
        sed "s/web1/$host/" block.3 >block.own
        run quiet type_in own
        assert_success
        assert_output "hosts/$host/hosts"
        # Neither the folder of another one, nor any other, nor what the rights do not have.
        others=()
        for other in hosts/web1 hosts/web2 hosts/db1 hosts/%c hosts ''; do
            [ "$other" = "hosts/$host" ] || others+=("${other:+$other/}hosts")
        done
        run inside fsc --server ssh://keeper@backup1 get --output - "${others[@]}"
        assert_failure 6
        assert_equal "$(grep -c "stdio:$host may not GET" <<<"$output")" 5
        run inside sh -c 'cp /etc/passwd hosts; for name; do fsc put hosts --server ssh://keeper@backup1 --name "$name"; done' - "${others[0]}" "${others[@]:3}"
        assert_failure 6
        assert_equal "$(grep -c "stdio:$host may not PUT" <<<"$output")" 3
        run -6 inside fsc --server ssh://keeper@backup1 rm "hosts/$host/hosts"
        run -6 inside fsc --server ssh://keeper@backup1 put --replace --name "hosts/$host/hosts" /etc/passwd
        run -6 inside fsc --server ssh://keeper@backup1 status
        run inside fsc --server ssh://keeper@backup1 stat "hosts/$host/hosts"
        assert_line "by: stdio:$host"
        # The key starts fsd, and nothing else that is asked for.
        run inside ssh -T keeper@backup1 '/usr/sbin/fsd --stdio --library /srv/keeper/library' <<<$'GET hosts/web1/hosts\nLIST'
        [ "$host" = web1 ] || assert_line --index 0 --partial "FAIL denied stdio:$host"
        refute_line --partial "$([ "$host" = web1 ] && echo web2 || echo web1)"
    done
    run inside find /srv/keeper/library -mindepth 1 -path '*/.fsd' -prune -o -printf '%P %u\n'
    assert_equal "$(sort <<<"$output")" "$(printf 'hosts%s keeper\n' '' /db1 /db1/hosts /web1 /web1/hosts /web2 /web2/hosts)"
}

# shop COMMAND...: runs it on the machine shop.
shop() {
    ON=shop quiet inside "$@"
}

# fingerprint_in FILE: the first one.
fingerprint_in() {
    grep -o -E -m 1 'SHA256:[A-Za-z0-9+/]{43}' "$1"
}

@test "examples: fsd, on the network" {
    local new
    use_backup1_and_shop
    take_example fsd.8 'ON THE NETWORK'
    # With the fingerprints that are seen, in place of that of the page.
    ON=backup1 quiet type_in 1 >server
    sed -i "s|$(fingerprint_in block.2)|$(fingerprint_in server)|" block.2
    ON=shop quiet type_in 2 | ON=backup1 write_inside /etc/fsd/conf.d/shop.conf
    ON=shop run inside fsc --server backup1 ls
    assert_failure 6
    ON=backup1 quiet type_in 3
    ON=shop quiet inside fsc --server backup1 put /etc/hostname --folder hosts/shop
    run shop fsc --server backup1 ls -R
    assert_output hosts/shop/hostname

    # The settings that listen on the same addresses.
    take_example fsd.8 'What listens'
    sed '1i library = "/srv/files";' block.1 | ON=shop write_inside /etc/fsd/fsd.conf
    run shop fsd --print-config
    assert_line 'listen = ["/run/fsd/fsd.sock", "[::]"]; # /etc/fsd/fsd.conf:2'

    # Another key of the daemon, which the client already trusts when it comes.
    take_example fsd.8 'New keys'
    ON=backup1 quiet type_in 1 >new
    new=$(fingerprint_in new)
    refute [ "$new" = "$(fingerprint_in server)" ]
    ON=shop quiet inside fsc trust backup1 "$new"
    ON=backup1 inside mv /var/lib/fsd-identity/new.pem /var/lib/fsd-identity/identity.pem
    ON=backup1 quiet inside systemctl restart fsd
    ON=shop quiet inside fsc trust backup1 --remove "$(fingerprint_in server)"
    run shop fsc --server backup1 ls -R
    assert_output hosts/shop/hostname
}

# trust_backup1: the machine shop knows the key of backup1, and backup1 that of shop, or of the file IDENTITY.
trust_backup1() {
    ON=backup1 quiet inside sh -c 'systemctl enable fsd-tls.socket && systemctl restart fsd && fsd --print-identity' >server
    shop fsc trust backup1 "$(fingerprint_in server)"
    shop fsc identity ${IDENTITY:+--identity "$IDENTITY"} | sed 1d | ON=backup1 write_inside /etc/fsd/conf.d/shop.conf
    ON=backup1 quiet inside systemctl reload fsd
}

@test "examples: fsc, trust and identity" {
    use_backup1_and_shop
    trust_backup1
    take_example fsc.1 'fsc trust HOST [FINGERPRINT...]'
    sed -i "s|SHA256:.*|$(fingerprint_in server)|" block.1
    shop fsc trust --remove backup1
    ON=shop run quiet type_in 1
    assert_success
    assert_output "backup1:7373 $(fingerprint_in server)"$'\n'"backup1:7373 $(fingerprint_in server)"

    # The other machine is this one.
    ON=shop write_inside /usr/local/bin/ssh 0755 <<<$'#!/bin/sh\nshift; exec "$@"'
    shop mkdir -p /etc/fsd/conf.d
    take_example fsc.1 'fsc identity'
    ON=shop quiet type_in 1 >shown
    assert_equal "$(sed -n '2p;3q' shown)" "$(shop cat /etc/fsd/conf.d/web1.conf)"
    assert_equal "$(sed -n 1p shown)" "$(sed -n 3p shown)"

    take_example fsc.1 'Known servers'
    sed -i "2s|SHA256:[^ ]*|$(fingerprint_in server)|" block.1
    ON=shop write_inside /root/.config/fsc/known_servers 0600 <block.1
    shop fsc put --server backup1 /etc/hostname --folder hosts/shop
    assert_equal "$(shop fsc trust --list | wc -l)" 2
}

@test "examples: fsc, a key elsewhere" {
    use_backup1_and_shop
    shop mkdir -p /srv/keys
    IDENTITY=/srv/keys/fsc.pem trust_backup1
    ON=backup1 inside sed -i 's|; folder = "hosts/%c"||' /etc/fsd/conf.d/shop.conf
    ON=backup1 quiet inside systemctl reload fsd
    take_example fsc.1 'Your identity'
    sed "s|SHA256:[^\"]*|$(fingerprint_in server)|" block.2 | ON=shop write_inside /srv/keys/fsc.conf
    echo 1 | ON=shop write_inside /root/dump.gz
    ON=shop quiet type_in 1
    shop rm .config/fsc/known_servers
    echo 2 | ON=shop write_inside /root/dump.gz
    ON=shop run inside sh -c "$(sed -n '$p' block.1)"
    assert_failure 3
}

@test "examples: fsd, a drop box" {
    local name=drop/ann/2026-11-23T020501-report.pdf
    skip_unless_root 'to be another user'
    use_machine
    take_example fsd.8 'A drop box'
    inside sh -e -c 'useradd -m -G staff ann; useradd -m -G staff eve; useradd -m bob; useradd -m tom'
    write_inside /etc/fsd/fsd.conf <block.1
    quiet inside fsd
    set_date 2026-11-23T020501
    echo 1 | write_inside /home/ann/report.pdf
    echo 2 | write_inside /home/eve/report.pdf
    for _ in first again; do
        run quiet as_user ann bash -e -c "$(<block.2)"
        assert_success
        assert_output ''
        run quiet as_user eve bash -e -c "$(<block.2)"
        assert_success
        run quiet as_user bob bash -e -c "$(<block.3)"
        assert_success
        assert_output "name: $name"$'\nby: user:ann\n'"name: ${name/ann/eve}"$'\nby: user:eve'
        inside cmp ../home/ann/report.pdf "/home/bob/$name"
    done
    # Neither is seen, nor replaced, by those who are not bob.
    run as_user eve fsc ls
    assert_failure 6
    run as_user eve fsc get "$name" --output -
    assert_failure 6
    run as_user eve fsc put report.pdf --name "$name"
    assert_failure 3
    run as_user bob fsc put .profile --folder drop
    assert_failure 6
    run as_user tom fsc put .profile --folder drop
    assert_failure 6
}

@test "examples: fsd.conf, rights of users" {
    skip_unless_root 'to be another user'
    use_machine
    take_example fsd.conf.5 'RIGHTS OF USERS'
    inside sh -e -c 'groupadd audit; useradd -m -G staff ann; useradd -m -G audit eve; useradd -m bob'
    { echo 'library = "/srv/files";' && cat block.1; } | write_inside /etc/fsd/fsd.conf
    quiet inside fsd --pid-file /run/fsd/pid
    quiet as_user ann fsc put .profile --name all
    quiet as_user bob fsc put .profile --name drop/bob/profile
    run quiet as_user eve fsc ls -R
    assert_output $'all\ndrop/bob/profile'
    quiet as_user eve fsc get all
    run as_user eve fsc put .profile --name other
    assert_failure 6
    run as_user bob fsc put .profile --name drop/profile
    assert_failure 6
    run as_user bob fsc ls
    assert_failure 6
    run as_user ann fsc status
    assert_failure 6
    # Each member of a group in a folder of its own.
    { echo 'library = "/srv/files";' && cat block.2; } | write_inside /etc/fsd/fsd.conf
    inside sh -c 'kill -HUP "$(cat /run/fsd/pid)"'
    await quiet as_user ann fsc put .profile --name home/ann/profile
    run as_user ann fsc put .profile --name home/bob/profile
    assert_failure 6
}

@test "examples: fsd.conf, clients by their keys, each in a file" {
    use_machine
    take_example fsd.conf.5 'SEVERAL FILES'
    { echo 'library = "/srv/files";' && cat block.1; } | write_inside /etc/fsd/fsd.conf
    inside mkdir /etc/fsd/conf.d
    take_example fsd.conf.5 'RIGHTS OF CLIENTS'
    write_inside /etc/fsd/conf.d/web1.conf <block.1
    quiet inside fsd --check-syntax
    run quiet inside fsd --print-config
    assert_line --regexp '^clients = \( \{ name = "web1"; key = "SHA256:.*; # /etc/fsd/conf.d/web1.conf:1'
}

@test "examples: settings, a log file" {
    use_machine
    take_example fsd.conf.5 'A log file'
    write_inside /etc/fsd/fsd.conf <block.1
    inside mkdir /var/log/fsd
    quiet inside fsd
    quiet inside fsc put /etc/passwd --name before
    # As logrotate(8) does it.
    inside mv /var/log/fsd/fsd.log /var/log/fsd/fsd.log.1
    inside sh -e -c "$(sed '1,/postrotate/d;/endscript/,$d' block.2)"
    await inside grep -q -s 'msg="settings read again"' /var/log/fsd/fsd.log
    quiet inside fsc put /etc/passwd --name after
    inside grep -q 'msg=stored .* name=after ' /var/log/fsd/fsd.log
    run inside grep -c 'msg=stored' /var/log/fsd/fsd.log.1
    assert_output 1
}

@test "examples: fsd, what is remembered of a file" {
    use_machine
    take_example fsd.8 'The record of a file'
    start_inside
    quiet inside fsc put /etc/passwd --name notes.txt
    run inside bash -c "$(<block.1)"
    assert_success
    assert_output --regexp 'user.fsd="?.*digest=sha256:'
}

@test "examples: fsd, one session" {
    use_backup1
    let_root_in id_ed25519
    take_example fsd.8 'ONE SESSION'
    echo 1 | write_inside /srv/files/notes.txt
    run quiet type_in 1
    assert_success
    assert_output notes.txt
}

@test "examples: fsd.conf, the first one" {
    use_machine
    take_example fsd.conf.5 'DESCRIPTION'
    write_inside /etc/fsd/fsd.conf <block.1
    quiet inside fsd --check
    run quiet inside fsd --print-config
    assert_line '    sessions = 100; # /etc/fsd/fsd.conf:4'
}

@test "examples: fsd.conf, files for all users of a machine" {
    use_machine
    take_example fsd.conf.5 'Files for all users of a machine'
    write_inside /etc/fsd/fsd.conf <block.1
    # Somebody else may have the port.
    quiet inside fsd --check-syntax
    run quiet inside fsd --print-config
    assert_line 'listen = ["/run/fsd/fsd.sock", "plain:127.0.0.1:7373"]; # /etc/fsd/fsd.conf:2'
    quiet inside fsd --listen plain:127.0.0.1:0 --listen /run/fsd/fsd.sock
    quiet inside fsc put /etc/passwd
    skip_unless_root 'to be another user'
    run quiet as_nobody fsc ls
    assert_output passwd
    run as_nobody fsc put /etc/group
    assert_failure 6
}

@test "examples: fsd.conf, files for a group" {
    local server=/srv/run/fsd.sock
    skip_unless_root 'to be another user'
    use_machine
    take_example fsd.conf.5 'Files for a group'
    inside sh -c 'mkdir /srv/run && chgrp games /srv/run && chmod g+s /srv/run'
    write_inside /etc/fsd/fsd.conf <block.1
    quiet inside fsd
    GROUP=games quiet as_nobody fsc --server "$server" put /etc/passwd
    run as_nobody fsc --server "$server" ls
    assert_failure 6
}

# damage NAME: other bytes in a stored file there, which nobody has put.
damage() {
    inside sh -e -c 'touch -r "$1" before; chmod u+w "$1"; printf X | dd of="$1" conv=notrunc status=none
        touch -r before "$1"; chmod u-w "$1"' sh "/srv/files/$1"
}

@test "examples: fsd-scrub, its lines" {
    use_machine
    take_example fsd-scrub.8 'DESCRIPTION'
    start_inside
    quiet inside fsc put /etc/passwd --name NAME
    damage NAME
    shopt -s extglob
    run inside sh -c "$(<block.1) 2>/dev/null"
    assert_failure 1
    assert_equal "${output//sha256:+([0-9a-f])/DIGEST}" "$(sed -n 1p block.2)"
    grep -q "$(sed -n '2s/NAME: \(.*\)ERROR/"%s: \1%s/p' block.2)" "$SOURCE/daemon/scrub/scrub.c"
}

@test "examples: fsd-scrub, damage, and its repair" {
    use_machine
    take_example fsd-scrub.8 'Damage, and its repair'
    start_inside
    echo 1 | write_inside /backup/shop.sql
    quiet inside fsc put /backup/shop.sql
    damage shop.sql
    run type_in 1
    assert_failure 1
    assert_line --index 0 --regexp '^shop.sql: damaged: '
    echo 2 | write_inside /backup/other.sql
    run inside fsc put /backup/other.sql --name shop.sql
    assert_failure 3
    quiet type_in 2
    inside cmp /backup/shop.sql /srv/files/shop.sql

    take_example fsd-scrub.8 'What is in quarantine'
    run type_in 1
    assert_success
    assert_line 'user.fsd.name="shop.sql"'
    assert_line --regexp '^user.fsd="digest=sha256:'
}

@test "examples: fsd-scrub, files that were there before" {
    use_machine
    take_example fsd-scrub.8 'Files that were there before'
    echo 1 | write_inside /srv/files/shop.sql
    inside touch -d yesterday /srv/files/shop.sql
    run type_in 1
    assert_success
    assert_output --partial ' 1 given a record,'
    run inside getfattr -d -m user.fsd /srv/files/shop.sql
    assert_output --partial ' by=scrub"'
}

@test "examples: fsd-scrub, mail about damage" {
    local units=/etc/systemd/system command
    use_machine
    take_example fsd-scrub.8 'Mail about damage'
    write_inside "$units/fsd-scrub.service.d/mail.conf" <block.1
    write_inside "$units/fsd-scrub-mail.service" <block.2
    command=$(sed -z 's/\\\n *//' block.2 | sed -n "s/^ExecStart=.bin.sh -c '\(.*\)'\$/\1/p")
    write_inside /usr/local/bin/journalctl 0755 <<<$'#!/bin/sh\necho "journalctl $*"'
    write_inside /usr/local/bin/mail 0755 <<<$'#!/bin/sh\necho "mail $*"; cat'
    run inside sh -c "$command"
    assert_success
    assert_output $'mail -s fsd-scrub has failed root\njournalctl -o cat -n 100 -u fsd-scrub'
    verify_units fsd-scrub.service fsd-scrub-mail.service
}

@test "examples: fsd-scrub, quarantine each week" {
    use_machine
    take_example fsd-scrub.8 'Quarantine each week'
    write_inside /etc/systemd/system/fsd-scrub.service.d/quarantine.conf <block.1
    start_inside
    quiet inside fsc put /etc/passwd
    damage passwd
    run inside sh -c "$(sed -n 's/^ExecStart=\(.\)/\1/p' block.1) --library /srv/files"
    assert_failure 1
    assert_output --partial ' 1 moved to quarantine,'
    verify_units fsd-scrub.service fsd-scrub.timer
}

# verify_units NAME...: with those that are installed, systemd has nothing to complain of.
verify_units() {
    local unit
    command -v systemd-analyze >/dev/null || skip 'there is no systemd-analyze here (package systemd)'
    for unit in fsd-scrub.service fsd-scrub.timer; do
        sed 's|/usr/sbin/|/usr/local/sbin/|' "$SOURCE/packaging/systemd/$unit" |
            write_inside "/etc/systemd/system/$unit"
    done
    run inside systemd-analyze verify --man=no "${@/#//etc/systemd/system/}"
    assert_success
    assert_output ''
}

@test "examples: fsd-protocol, a whole session" {
    start_fsd
    take_example fsd-protocol.7 'DESCRIPTION'
    play <block.1
}

@test "examples: fsd-protocol, by hand" {
    use_machine
    take_example fsd-protocol.7 'BY HAND'
    start_inside
    sed -n -e 's/^\$ //p' -e 's/^> //p' block.1 >block.commands
    sed -e '/^[$>] /d' -e 's/mtime=[0-9.]*/mtime=*/' block.1 >wanted
    quiet type_in commands | sed 's/mtime=[0-9.]*/mtime=*/' >got
    run diff wanted got
    assert_success
}
