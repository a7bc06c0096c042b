# shellcheck shell=bash disable=SC2154
# engine.sh - for compose.sh: a Docker engine of its own, in a network namespace of its own, so that nothing of it meets
# an engine, a port or a firewall of this machine. $work is a directory for it.

namespace=dialogs-$$
subnet=10.99.$(($$ % 250))
engine=
forwarding=

# open_network I, or D: lets the containers reach the network, for builds.
open_network() {
    iptables -t nat "-$1" POSTROUTING -s "$subnet.0/24" -j MASQUERADE
    iptables "-$1" FORWARD -s "$subnet.0/24" -j ACCEPT
    iptables "-$1" FORWARD -d "$subnet.0/24" -j ACCEPT
}

make_namespace() {
    ip netns add "$namespace"
    ip link add "dlgbox$$" type veth peer name eth0 netns "$namespace"
    ip address add "$subnet.1/24" dev "dlgbox$$"
    ip link set "dlgbox$$" up
    ip -n "$namespace" link set lo up
    ip -n "$namespace" address add "$subnet.2/24" dev eth0
    ip -n "$namespace" link set eth0 up
    ip -n "$namespace" route add default via "$subnet.1"
    forwarding=$(sysctl -n net.ipv4.ip_forward)
    sysctl -q -w net.ipv4.ip_forward=1
    open_network I
}

# Where the published ports are. Not `ip netns exec`: that hides /sys/fs/cgroup.
inside() {
    nsenter --net="/run/netns/$namespace" "$@"
}

answers() {
    docker version >/dev/null 2>&1
}

start_engine() {
    make_namespace
    export DOCKER_HOST=unix://$work/engine.sock
    nsenter --net="/run/netns/$namespace" dockerd -H "$DOCKER_HOST" --data-root "$data" --exec-root "$work/exec" -p "$work/engine.pid" \
        >"$work/engine.log" 2>&1 &
    engine=$!
    within 120 answers
}

# All that start_engine() has made, as far as it came.
stop_engine() {
    if [ -n "$engine" ]; then
        kill "$engine"
        wait "$engine"
        while umount "$data" 2>/dev/null; do :; done # the engine mounts it upon itself
    fi
    if [ -n "$forwarding" ]; then
        open_network D
        sysctl -q -w net.ipv4.ip_forward="$forwarding"
    fi
    ip link delete "dlgbox$$" 2>/dev/null
    ip netns delete "$namespace" 2>/dev/null
}
