#!/usr/bin/env bats
# README.md: its commands, copied from there, on machines of the test's own.
# bats file_tags=once

load library
load machine
load network

README=$BATS_TEST_DIRNAME/../README.md

# type_in MACHINE NUMBER: types the command with this number, with the fingerprints that were seen in place of those
# of the page. What it prints is in the file shown.
type_in() {
    local line
    line=$(sed -n "$2p" commands)
    [ "${line%%#*}" = "$1" ] || fail "command $2 is not for $1: $line"
    printf '%s\n' "$line" | sed "s|^[a-z0-9]*# ||; s|$PAGE_SERVER|$SERVER|g; s|$PAGE_CLIENT|$CLIENT|g" >typed
    ON=$1 quiet inside bash -e -c "$(<typed)" </dev/null >shown
}

@test "readme: from nothing to a nightly backup over the network in six commands" {
    local begin=$SECONDS SERVER='' CLIENT='' PAGE_SERVER PAGE_CLIENT line
    use_backup1_and_shop
    # Where Debian's package has it, and cron finds it.
    ON=shop inside sh -e -c 'mkdir /mnt/upper /mnt/work
        mount -t overlay -o lowerdir=/usr/bin,upperdir=/mnt/upper,workdir=/mnt/work overlay /usr/bin
        mv /usr/local/bin/fsc /usr/local/bin/tls.so /usr/bin; mkdir -p /etc/cron.d'
    grep -E '^    (backup1|shop)# ' "$README" | sed 's/^    //' >commands
    assert_equal "$(wc -l <commands)" 6
    read -r PAGE_SERVER PAGE_CLIENT < <(grep -o -E 'SHA256:[A-Za-z0-9+/]{43}' "$README" | awk '!seen[$0]++' | paste -s -d ' ')

    type_in backup1 1
    [ ! -s shown ]
    type_in backup1 2
    SERVER=$(<shown)
    assert_regex "$SERVER" '^SHA256:[A-Za-z0-9+/]{43}$'
    type_in shop 3
    [ ! -s shown ]
    type_in shop 4
    CLIENT=$(grep -o -E -m 1 'SHA256:[A-Za-z0-9+/]{43}' shown)
    # The page shows what is printed, and the next command has a line of it.
    run diff <(sed -n '/# fsc identity$/,/^$/{s/^    //p}' "$README" | sed 1d | sed "s|$PAGE_CLIENT|$CLIENT|g") shown
    assert_success
    grep -F -q "$(sed -n '$p' shown | sed "s|$CLIENT|$PAGE_CLIENT|")" commands
    type_in backup1 5
    type_in shop 6
    [ ! -s shown ]

    # Cron runs the job in the night, for root.
    read -r line < <(ON=shop inside cat /etc/cron.d/backup-etc)
    [[ $line =~ ^([0-9*]+\ ){5}root\ (.*)$ ]]
    [[ ${BASH_REMATCH[2]//\\%/} != *%* ]]
    ON=shop run quiet inside env PATH=/usr/bin:/bin /bin/sh -c "${BASH_REMATCH[2]//\\%/%}" </dev/null
    assert_success
    assert_output ''
    ON=shop run quiet inside fsc --server backup1 ls -R
    assert_output --regexp '^hosts/shop/etc-[0-9-]{10}\.tgz$'
    ON=backup1 inside cat "/var/lib/fsd/$output" | ON=shop inside cmp - /root/etc.tgz
    # Who breaks in there can remove nothing.
    ON=shop run inside fsc --server backup1 rm "$output"
    assert_failure 6
    ON=shop run inside fsc --server backup1 put /etc/passwd --replace --name "$output"
    assert_failure 6
    [ $((SECONDS - begin)) -lt 120 ]
}
