#!/usr/bin/env bats
# bats file_tags=once
# Networks as they are: addresses that come later, hosts with several addresses, other machines.

load library
load fsc
load network

UNENCRYPTED='allow_unencrypted_network = true;'

# use_both: a server and a client that speak plain: to each other.
use_both() {
    use_networks
    echo "$UNENCRYPTED" >"$CONFIG"
    use_settings "$UNENCRYPTED"
}

# use_hosts LINE...: from now on, `at client` has these lines in /etc/hosts.
use_hosts() {
    printf '%s\n' "$@" >"$WORK/hosts"
    # shellcheck disable=SC2016
    AT_client=(unshare -m bash -c 'mount --bind "$1" /etc/hosts && exec "${@:2}"' bash "$WORK/hosts")
    at client true 2>/dev/null || skip 'no file can be mounted in a namespace of its own here'
}

@test "network: plain: reaches other machines only if both sides say so" {
    use_networks
    mkdir "$LIBRARY"
    local option
    for option in --foreground --check; do
        run at server timeout 20 "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen plain:192.0.2.1 "$option"
        assert_failure 2
        assert_output 'fsd: cannot listen on plain:192.0.2.1: not a loopback address; connections without encryption are accepted from this machine only'
    done
    echo "$UNENCRYPTED" >"$CONFIG"
    start_fsd_at_server --listen plain:192.0.2.1 --anonymous 'list put'
    echo hello >a
    assert_fails 2 at client "$FSC" --server plain:192.0.2.1 put a
    assert_equal "$stderr" 'fsc: plain:192.0.2.1: plain: is not encrypted, and reaches this machine only (leave it out to use TLS)'
    use_settings "$UNENCRYPTED"
    assert_silent at client "$FSC" --server plain:192.0.2.1 put a
    cmp a "$LIBRARY/a"
}

@test "network: everybody is anonymous over plain:, root at the daemon's own machine too" {
    use_both
    start_fsd_at_server --listen plain:192.0.2.1 --anonymous put
    FSD_EXPECTED='msg=denied'
    echo hello >a
    local where
    for where in client server; do
        assert_silent at "$where" "$FSC" --server plain:192.0.2.1 put a
        assert_fails 6 at "$where" "$FSC" --server plain:192.0.2.1 ls
        assert_regex "$stderr" 'anonymous may not LIST'
    done
    run "$FSC" stat a
    assert_line 'by: anonymous'
}

@test "network: an address that comes later does not stop the start, and is served at once" {
    use_both
    local address
    FSD_EXPECTED='msg="this machine does not have the address yet" address="?plain:(\[2001:db8::7\]|192.0.2.7)'
    run at server timeout 20 "$FSD" --config "$CONFIG" --library "$WORK" --listen "$SOCKET" --listen plain:192.0.2.7 --check
    assert_success
    assert_output --regexp '^time=[^ ]* level=warning msg="this machine does not have the address yet" address=plain:192.0.2.7$'
    start_fsd_at_server --listen plain:192.0.2.7 --listen 'plain:[2001:db8::7]' --anonymous list
    assert_equal "$(grep -c -E "$FSD_EXPECTED" "$FSD_LOG")" 2
    for address in 192.0.2.7/24 2001:db8::7/64; do
        [[ $address != *:* ]] || local nodad=nodad
        at server ip address add "$address" dev eth0 ${nodad:+"$nodad"}
        [[ $address != *:* ]] && address=${address%/*} || address="[${address%/*}]"
        assert_silent at client "$FSC" --server "plain:$address" ls
    done
}

@test "network: a name must be known at the start" {
    use_networks
    mkdir "$LIBRARY"
    local option
    for option in --foreground --check; do
        run at server timeout 60 "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen plain:nowhere.invalid "$option"
        assert_failure 1
        assert_output --regexp '^fsd: cannot listen on plain:nowhere.invalid: .+ \(fsd looks up names only when it starts\)$'
    done
}

@test "network: [::] takes IPv4, whose addresses are logged and counted as such" {
    use_both
    printf '%s\n' "$UNENCRYPTED" 'limits = { per_address = 1; };' >"$CONFIG"
    start_fsd_at_server --listen 'plain:[::]:7373' --anonymous list
    FSD_EXPECTED='msg=denied'
    assert_silent at client "$FSC" --server 'plain:[2001:db8::1]' ls
    at client python3 - <<'END'
from session import *
ADDRESS = ('192.0.2.1', 7373)
session = await_room(ADDRESS)
check(is_busy(Session(ADDRESS)), 'IPv4 clients are not counted')
# Another IPv4 address, and not the same client by IPv6.
check(not is_busy(Session(('2001:db8::1', 7373))), 'IPv6 is counted as IPv4')
END
    grep -q -E 'msg="connection refused" address=192.0.2.2 client=192.0.2.2 cause=limits.per_address$' "$FSD_LOG"
}

@test "network: [::] and 0.0.0.0 are listened on beside each other, in any order" {
    use_both
    local first second
    for first in 0.0.0.0 '[::]'; do
        [ "$first" = 0.0.0.0 ] && second='[::]' || second=0.0.0.0
        SOCKET=$WORK/socket.$second
        start_fsd_at_server --listen "plain:$first" --listen "plain:$second" --anonymous list
        assert_silent at client "$FSC" --server plain:192.0.2.1 ls
        assert_silent at client "$FSC" --server 'plain:[2001:db8::1]' ls
        stop_fsd
    done
    # Others are covered by it.
    run at server timeout 20 "$FSD" --config "$CONFIG" --library "$LIBRARY" --listen 'plain:[::]' --listen plain:192.0.2.1 --foreground
    assert_failure 1
    assert_output --partial 'fsd: cannot listen on plain:192.0.2.1: the port is taken, by another address to listen on or by another program'
}

@test "network: a link-local address is written with its interface" {
    use_both
    start_fsd_at_server --listen 'plain:[fe80::1%eth0]:7373' --anonymous list
    grep -q -x -E 'time=[^ ]* level=info msg=listening address=plain:\[fe80::1%eth0\]:7373' "$FSD_LOG"
    assert_silent at client "$FSC" --server 'plain:[fe80::1%eth0]:7373' ls
    assert_fails 10 at client "$FSC" --server 'plain:[fe80::1%eth9]:7373' ls
}

@test "network: TLS reaches other machines, by each kind of address" {
    use_networks
    use_hosts '2001:db8::dead both' '192.0.2.1 both'
    at client ip neighbour add 2001:db8::dead lladdr 02:00:00:00:00:01 dev eth0
    echo "identity = \"$WORK/identity/identity.pem\";" >"$CONFIG"
    start_fsd_at_server --listen '[::]' --anonymous list
    FSD_EXPECTED='msg="handshake failed" .* refuses the handshake'
    local server
    for server in 192.0.2.1 '[2001:db8::1]:7373' '[fe80::1%eth0]' '[fe80::1%eth0]:7373' both; do
        assert_fails 13 at client "$FSC" --server "$server" ls
        quiet at client "$FSC" trust --accept "$server" >/dev/null
        assert_silent at client "$FSC" --server "$server" --connect-timeout 30s ls
        quiet at client "$FSC" trust --remove "$server" >/dev/null
    done
}

@test "network: of a host with a dead address, the next one is tried beside it" {
    use_both
    # One of these two has the dead one first.
    use_hosts '2001:db8::dead four' '192.0.2.1 four' '192.0.2.222 six' '2001:db8::1 six'
    # Packets to it vanish.
    at client ip neighbour add 2001:db8::dead lladdr 02:00:00:00:00:01 dev eth0
    at client ip neighbour add 192.0.2.222 lladdr 02:00:00:00:00:01 dev eth0
    start_fsd_at_server --listen 'plain:[::]' --anonymous list
    # TCP alone would try for more than two minutes.
    assert_silent at client "$FSC" --server plain:four --connect-timeout 30s ls
    assert_silent at client "$FSC" --server plain:six --connect-timeout 30s ls
}

@test "network: the names of all addresses that failed are in the message" {
    use_both
    # Nobody listens, has the address, or knows the way.
    use_hosts '2001:db8::1 several' '192.0.2.99 several' '198.51.100.1 several'
    assert_fails 10 at client "$FSC" --server plain:several --connect-timeout 60s ls
    assert_regex "$stderr" '^fsc: plain:several: cannot connect to '
    assert_regex "$stderr" '2001:db8::1: Connection refused[;( ]'
    assert_regex "$stderr" '192.0.2.99: No route to host[;( ]'
    assert_regex "$stderr" '198.51.100.1: Network is unreachable[;( ]'
    refute_regex "$stderr" '  '
    assert_regex "$stderr" '\(is fsd running there\? see --server\)$'
}

@test "network: each stage says itself when it fails" {
    use_both
    use_hosts '192.0.2.1 one'
    assert_fails 10 at client "$FSC" --server plain:nowhere.invalid ls
    assert_regex "$stderr" '^fsc: plain:nowhere.invalid: cannot look up the host: '
    assert_fails 10 at client "$FSC" --server plain:192.0.2.1 ls
    assert_equal "$stderr" 'fsc: plain:192.0.2.1: cannot connect: Connection refused (is fsd running there? see --server)'
    assert_fails 10 at client "$FSC" --server plain:one ls
    assert_equal "$stderr" 'fsc: plain:one: cannot connect to 192.0.2.1: Connection refused (is fsd running there? see --server)'
    assert_fails 10 at client "$FSC" --server plain:198.51.100.1 ls
    assert_equal "$stderr" 'fsc: plain:198.51.100.1: cannot connect: Network is unreachable'
    at server ip route add blackhole 192.0.2.2
    assert_fails 11 at client "$FSC" --server plain:192.0.2.1 --connect-timeout 2s ls
    assert_equal "$stderr" 'fsc: plain:192.0.2.1: cannot connect: Connection timed out'
    # Nobody has the address.
    assert_fails 10 at client "$FSC" --server plain:192.0.2.99 ls
    assert_equal "$stderr" 'fsc: plain:192.0.2.99: cannot connect: No route to host'
}

# The formats of a file and of syslog; the journal hands over the latter.
@test "network: the filter of fail2ban finds the addresses of refusals, and no others" {
    local filter=${TESTS%/*}/packaging/fail2ban/filter.d/fsd.conf
    command -v fail2ban-regex >/dev/null || skip 'fail2ban is not installed'
    [ -e "$filter" ] || skip 'the filter is not installed'
    use_both
    printf '%s\n' "$UNENCRYPTED" "identity = \"$WORK/identity/identity.pem\";" \
        'limits = { per_address = 1; };' >"$CONFIG"
    start_fsd_at_server --listen 'plain:[::]:7373' --listen '[::0]:7374' --anonymous list
    FSD_EXPECTED='msg=(denied|"handshake failed") '
    at client ip address add 192.0.2.3/24 dev eth0
    # A right that is missing, and a name that a client chooses.
    assert_fails 6 at client "$FSC" --server 'plain:[2001:db8::1]' put "$CONFIG" \
        --name 'x msg=denied address=192.0.2.77 session=1 client=anonymous x'
    # No TLS, and one connection too many.
    at client python3 - <<'END'
from session import *
session = Session(('192.0.2.1', 7374))
session.send('GET / HTTP/1.0\r\n\r\n')
with contextlib.suppress(ConnectionResetError):
    session.stream.read()  # an alert
session = await_room(('192.0.2.1', 7373), '192.0.2.3')
check(is_busy(Session(('192.0.2.1', 7373), '192.0.2.3')), 'one too many')
END
    await_line "$FSD_PID" "$FSD_LOG" 'msg="handshake failed"' 1
    fail2ban-regex -o ip "$FSD_LOG" "$filter" | sort -u >found
    printf '%s\n' 192.0.2.2 192.0.2.3 2001:db8::2 | diff - found
    sed -E 's/^time=[^ ]* level=[a-z]* /Nov 30 20:28:40 host fsd[123]: /' "$FSD_LOG" >syslog
    fail2ban-regex -o ip syslog "$filter" | sort -u | diff found -
}
