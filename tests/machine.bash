# A machine of the test's own, for what an administrator does: namespaces in which everything that
# is written below /etc, /usr/local, /srv, /run, /tmp, /var/log, /root and /home is the test's,
# where fsc and fsd in /usr/local are those that were built, and in which nothing outlives the test.
# shellcheck shell=bash

# use_machine: starts it, or skips the test.
use_machine() {
    local unshare=(unshare -rmpf)
    ENTER=(nsenter -U --preserve-credentials)
    if [ "$(id -u)" -eq 0 ]; then
        unshare=(unshare -mpf) ENTER=(nsenter)
    fi
    # It ends with this shell at the latest, whose pipe it reads.
    exec {MACHINE_PIPE}> >(exec "${unshare[@]}" bash -e -c "$(print_machine)" machine "$FSD_BUILD" \
        >"$WORK/machine" 2>"$WORK/machine.errors" 3>&-)
    MACHINE=$!
    until [ -s "$WORK/machine" ]; do
        kill -0 "$MACHINE" 2>/dev/null || skip "no machine of one's own can be made here: $(tail -n 1 "$WORK/machine.errors")"
        sleep 0.01
    done
    ENTER+=(-m -p -t "$(cat "$WORK/machine")")
}

# What its first process does: the folders, the programs, and then nothing until the pipe ends.
print_machine() {
    cat <<'END'
read -r pid _ </proc/self/stat
mount -t tmpfs -o mode=0755 tmpfs /mnt
install -D -t /mnt/local/sbin "$1/fsd" "$1/fsd-scrub"
install -D "$1/fsc" /mnt/local/bin/fsc
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

# Ends it and everything that runs in it. teardown calls this.
end_machine() {
    [ ! -s "$WORK/machine" ] || kill -KILL "$(cat "$WORK/machine")"
    exec {MACHINE_PIPE}>&-
    wait "$MACHINE" || true
}

# inside COMMAND...: runs it there, as an administrator who has logged in. FOLDER is where.
inside() {
    "${ENTER[@]}" env -i -C "${FOLDER:-/root}" HOME=/root LC_ALL=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" 3>&-
}

# write_inside FILE [MODE]: writes stdin to a file there, with the folders on its way.
write_inside() {
    inside install -D -m "${2:-0644}" /dev/stdin "$1"
}
