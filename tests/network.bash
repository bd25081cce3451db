# Two machines with a cable between them, as far as networks go: two network namespaces of the test's
# own, with a veth(4) pair. Both have lo and eth0:
#
#   server   192.0.2.1  2001:db8::1  fe80::1
#   client   192.0.2.2  2001:db8::2  fe80::2
#
# shellcheck shell=bash

# use_networks: makes them, or skips the test.
use_networks() {
    local unshare=(unshare -rn)
    AT=(nsenter -U --preserve-credentials)
    if [ "$(id -u)" -eq 0 ]; then
        unshare=(unshare -n) AT=(nsenter)
    fi
    # They end with this shell at the latest, whose pipe they read.
    exec {NETWORKS_PIPE}> >(exec "${unshare[@]}" bash -e -c "$(print_networks)" >"$WORK/networks" \
        2>"$WORK/networks.errors" 3>&-)
    NETWORKS=$!
    until [ -s "$WORK/networks" ]; do
        kill -0 "$NETWORKS" 2>/dev/null || skip "no networks of one's own can be made here: $(tail -n 1 "$WORK/networks.errors")"
        sleep 0.01
    done
    AT_client=()
    read -r NET_server NET_client <"$WORK/networks"
}

# What the first process of each does: nothing until the pipe ends.
print_networks() {
    cat <<'END'
exec 4<&0
unshare -n cat <&4 >/dev/null &
own=$(readlink "/proc/$$/ns/net")
until [ "$(readlink "/proc/$!/ns/net")" != "$own" ]; do
    kill -0 "$!"
    sleep 0.01
done
set_up() {
    ip link set lo up
    ip link set eth0 addrgenmode none
    ip address add "192.0.2.$1/24" dev eth0
    ip address add "2001:db8::$1/64" dev eth0 nodad
    ip address add "fe80::$1/64" dev eth0 nodad
    ip link set eth0 up
}
ip link add eth0 type veth peer name eth0 netns "$!"
set_up 1
nsenter -n -t "$!" bash -e -c "$(declare -f set_up); set_up 2"
echo "$$ $!"
exec cat
END
}

# Ends them. teardown calls this.
end_networks() {
    exec {NETWORKS_PIPE}>&-
    wait "$NETWORKS" || true
}

# at server|client COMMAND...: runs it there, for the client by the command AT_client, if that is set.
at() {
    local net=NET_$1 by=()
    [ "$1" = server ] || by=("${AT_client[@]}")
    "${AT[@]}" -n -t "${!net}" -- "${by[@]}" "${@:2}" 3>&-
}

# start_fsd_at_server [OPTION...]: start_fsd, there.
start_fsd_at_server() {
    FSD_WRAPPER=("${AT[@]}" -n -t "$NET_server" --)
    start_fsd "$@"
}
