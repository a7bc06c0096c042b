#!/usr/bin/env bash
# debian_root.sh BUILD - installs the packages into a Debian that has nothing else, and uses them there. That Debian is
# made by mmdebstrap, as debootstrap would, from where this machine's own apt takes its packages. Says SKIP and why when
# this machine cannot do that; debian_contents.sh and the tests of the unpacked packages judge them all the same.
set -euo pipefail
packages=$1/packages
skip() {
    echo "SKIP no fresh Debian: $*"
    exit 0
}

[ "$(id -u)" -eq 0 ] || skip 'only root can make one'
work=$(mktemp -d)
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT

# Where this machine has Debian from, and through which proxy.
apt-get indextargets --format "\$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' 'Origin: Debian' |
    sort -u | awk '{ print "deb", $1, $2, $3 }' >"$work/sources.list"
[ -s "$work/sources.list" ] || skip "apt has no list of Debian's packages: run apt-get update"
release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
options=(--variant=apt --format=directory --skip=cleanup/apt/lists --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*'
    --aptopt='APT::Install-Recommends "false"')
while read -r option; do
    options+=("--aptopt=$option")
done < <(apt-config dump | grep -iE '^Acquire::(https?|Check)[^ ]* "[^"]')

# What the packages ask for besides each other, and what is needed to try them: a compiler, a server, a HTTP client.
asked=$(for package in "$packages"/*.deb; do dpkg-deb -f "$package" Depends; done |
    sed 's/([^)]*)//g; s/,/\n/g' | tr -d ' ' | grep -vE '^(libdialogs|dlgctl|dialogsd|python3-dialogs)' | sort -u | paste -sd,)
# No server of its own is made when PostgreSQL is installed.
quiet_postgres="mkdir -p \"\$1/etc/postgresql-common\" && echo create_main_cluster=false >\"\$1/etc/postgresql-common/createcluster.conf\""

isolate=(unshare --mount --pid --fork --kill-child)
if ! "${isolate[@]}" true 2>/dev/null; then
    isolate=()
    options+=(--skip=check/canmount --skip=chroot/mount)
fi
mmdebstrap "${options[@]}" --setup-hook="$quiet_postgres" --include="$asked,postgresql,gcc,libc6-dev,pkg-config,curl" \
    "$release" "$root" "$work/sources.list" >"$work/log" 2>&1 || {
    cat "$work/log"
    skip "mmdebstrap failed, $(grep -m 1 '^E:' "$work/log" || tail -n 1 "$work/log")"
}

mkdir "$root/packages" "$root/sources"
cp "$packages"/*.deb "$root/packages"
cp examples/*.c "$root/sources"
cp tests/packages/run_examples.sh tests/packages/inside_root.sh "$root"
mount_proc=
[ ${#isolate[@]} -eq 0 ] || mount_proc="mount -t proc proc '$root/proc' &&"
"${isolate[@]}" sh -c "$mount_proc exec chroot '$root' /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 /inside_root.sh"
