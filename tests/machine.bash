# A machine of the test's own, for what an administrator does: namespaces in which everything that
# is written below /etc, /usr/local, /srv, /run, /tmp, /var/log, /root and /home is the test's,
# where fsc and fsd in /usr/local are those that were built, and in which nothing outlives the test.
# shellcheck shell=bash

# use_machine [NAME [COMMAND...]]: starts it, or skips the test. A test with more than one gives them names; ON
# is then the one that `inside` means. COMMAND starts it, for instance in a network of its own.
use_machine() {
    local name=${1:-machine} unshare=(unshare -rmpfu)
    ENTER=(nsenter -U --preserve-credentials)
    if [ "$(id -u)" -eq 0 ]; then
        unshare=(unshare -mpfu) ENTER=(nsenter)
    fi
    # It ends with this shell at the latest, whose pipe it reads.
    exec {MACHINE_PIPE}> >(exec "${@:2}" "${unshare[@]}" bash -e -c "$(print_machine)" machine "$FSD_BUILD" "$name" \
        >"$WORK/$name" 2>"$WORK/$name.errors" 3>&-)
    MACHINE+=("$!" "$MACHINE_PIPE" "$name")
    until [ -s "$WORK/$name" ]; do
        kill -0 "$!" 2>/dev/null || skip "no machine of one's own can be made here: $(tail -n 1 "$WORK/$name.errors")"
        sleep 0.01
    done
    ENTER+=(-m -p -u)
    [ $# -le 1 ] || ENTER+=(-n)
}

# What its first process does: the folders, the programs, and then nothing until the pipe ends.
print_machine() {
    cat <<'END'
read -r pid _ </proc/self/stat
hostname "$2"
mount -t tmpfs -o mode=0755 tmpfs /mnt
install -D -t /mnt/local/sbin "$1/fsd" "$1/fsd-scrub"
install -D "$1/fsc" /mnt/local/bin/fsc
install -t /mnt/local/sbin "$1/tls.so"
install -t /mnt/local/bin "$1/tls.so"
# Who is not root cannot read all of it.
cp -a /etc /mnt 2>/dev/null || [ -e /mnt/etc/passwd ]
rm -rf /mnt/etc/fsd /mnt/etc/fsc
mount --bind /mnt/etc /etc
mount --bind /mnt/local /usr/local
for folder in root home srv run var/log; do
    mount -t tmpfs -o mode=0755 tmpfs "/$folder"
done
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t proc proc /proc
mkdir -p /run/fsd /srv/files
echo "$pid"
exec cat
END
}

# Ends them and everything that runs in them. teardown calls this.
end_machine() {
    local i pipe
    for ((i = 0; i < ${#MACHINE[@]}; i += 3)); do
        [ ! -s "$WORK/${MACHINE[i + 2]}" ] || kill -KILL "$(cat "$WORK/${MACHINE[i + 2]}")"
        pipe=${MACHINE[i + 1]}
        exec {pipe}>&-
        wait "${MACHINE[i]}" || true
    done
}

# inside COMMAND...: runs it there, as an administrator who has logged in. FOLDER is where.
inside() {
    "${ENTER[@]}" -t "$(cat "$WORK/${ON:-machine}")" env -i -C "${FOLDER:-/root}" HOME=/root LC_ALL=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" 3>&-
}

# write_inside FILE [MODE]: writes stdin to a file there, with the folders on its way.
write_inside() {
    inside install -D -m "${2:-0644}" /dev/stdin "$1"
}

# install_service: what the package fsd of Debian leaves there, as far as tests need it: the user, the folders, the
# settings, and a daemon that serves this machine. Its systemctl starts that again with the sockets that are enabled.
# (packaging/check-service has the real one.)
install_service() {
    inside sh -e -c 'mount -t tmpfs -o mode=0755 tmpfs /var/lib
        useradd --system --no-create-home --shell /usr/sbin/nologin fsd
        install -d -o fsd -g fsd -m 0700 /var/lib/fsd /var/lib/fsd-identity
        install -d -o fsd -g fsd /run/fsd
        install -d /etc/fsd/conf.d'
    sed -e 's/^#\(library\|include\) = /\1 = /' -e 's|#to = .*|to = "/run/fsd/log";|' "$BATS_TEST_DIRNAME/../etc/fsd.conf" |
        write_inside /etc/fsd/fsd.conf
    write_inside /usr/local/bin/systemctl 0755 <<'END'
#!/bin/sh -e
pid=$(cat /run/fsd/pid 2>/dev/null || true)
case $* in
'enable fsd-tls.socket') touch /run/tls ;;
'restart fsd')
    [ -z "$pid" ] || kill "$pid"
    while [ -e /run/fsd/pid ]; do sleep 0.01; done
    shift 2
    [ ! -e /run/tls ] || set -- --listen '[::]'
    exec setpriv --reuid fsd --regid fsd --clear-groups fsd --pid-file /run/fsd/pid --listen /run/fsd/fsd.sock "$@" ;;
'reload fsd')
    fsd --check-syntax
    before=$(grep -c 'msg="settings read again"' /run/fsd/log || true)
    kill -HUP "$pid"
    # Nothing that follows comes too early.
    until [ "$(grep -c 'msg="settings read again"' /run/fsd/log || true)" -gt "$before" ]; do sleep 0.01; done ;;
*) echo "systemctl: $*"; exit 1 ;;
esac
END
    inside systemctl restart fsd
}

# use_backup1_and_shop: two such machines in a network; the first one has that service, and the second one knows its
# name.
use_backup1_and_shop() {
    skip_unless_root 'machines with other users'
    use_networks
    use_machine backup1 nsenter -n -t "$NET_server"
    use_machine shop nsenter -n -t "$NET_client"
    ON=shop inside sh -c 'echo "192.0.2.1 backup1" >>/etc/hosts'
    ON=backup1 install_service
}
