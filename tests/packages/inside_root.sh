#!/usr/bin/env bash
# inside_root.sh - run by debian_root.sh in a Debian of its own: installs /packages, runs the service as its unit says,
# the tool, the examples in /sources, then removes it all.
set -euo pipefail
trap 'echo "failed: line $LINENO, $BASH_COMMAND"' ERR
anna=387ac1c1-6581-4ace-a113-707c8585fe28
boris=aa45b640-d501-4101-83f2-de96b672129f
cd /

# Everything that the packages ask for is there already.
DEBIAN_FRONTEND=noninteractive apt-get install -q -y -o Dpkg::Use-Pty=0 /packages/*.deb | tee /tmp/installed
grep -F 'Need to get 0 B' /tmp/installed
[ "$(stat -c %U:%G:%a /var/lib/dialogsd)" = dialogsd:dialogsd:750 ]
[ "$(stat -c %U:%G:%a /etc/dialogsd/dialogsd.env)" = root:root:640 ]
[ -L /etc/systemd/system/multi-user.target.wants/dialogsd.service ]
ldconfig -p | grep -F libdialogs.so.0

# The service as its unit starts it, with its private PostgreSQL.
unit=/lib/systemd/system/dialogsd.service
mapfile -t environment <<<"$(sed -n 's/^Environment=//p' $unit | tr ' ' '\n')"
user=$(sed -n 's/^User=//p' $unit)
program=$(sed -n 's/^ExecStart=//p' $unit)
port=$((20000 + RANDOM % 10000))
cd /var/lib/dialogsd
setpriv --reuid "$user" --regid "$user" --init-groups --no-new-privs --bounding-set=-all \
    env "${environment[@]}" "DIALOGSD_PORT=$port" DIALOGSD_DEMO=1 "$program" >/tmp/log 2>&1 &
service=$!
for ((i = 0; i < 300; i++)); do
    curl -fsS "http://127.0.0.1:$port/readyz" 2>/dev/null && break
    kill -0 $service || { cat /tmp/log && exit 1; }
    sleep 0.1
done
curl -fsS "http://127.0.0.1:$port/swagger/index.html" | grep -i '<title>'
token=$(curl -fsS "http://127.0.0.1:$port/login" -H 'Content-Type: application/json' \
    -d "{\"id\":\"$anna\",\"password\":\"string\"}" | sed -n 's/.*"token" *: *"\([^"]*\)".*/\1/p')
curl -fsS "http://127.0.0.1:$port/dialog/$boris/send" -H "Authorization: Bearer $token" \
    -H 'Content-Type: application/json' -d '{"text":"Hello, Boris"}'
curl -fsS "http://127.0.0.1:$port/dialog/$boris/list" -H "Authorization: Bearer $token" | grep -F '"Hello, Boris"'
[ "$(stat -c %U:%a token.keys)" = dialogsd:600 ]

# The tool, beside the service on the same data.
runuser -u "$user" -- dlgctl send --data /var/lib/dialogsd $boris $anna 'Hello, Anna'
runuser -u "$user" -- dlgctl list --data /var/lib/dialogsd $anna $boris | grep -F 'Hello, Anna'
kill -TERM $service
wait $service
cd /

# Programs of others: the command of docs/install.md, the shared library and the static one, then every example.
mkdir -m 755 /trial
read -ra flags <<<"$(pkg-config --cflags --libs libdialogs)"
cc sources/hello.c "${flags[@]}" -o /trial/shared
read -ra flags <<<"$(pkg-config --static --cflags --libs libdialogs | sed 's/-ldialogs/-l:libdialogs.a/')"
cc sources/hello.c "${flags[@]}" -o /trial/static
ldd /trial/shared | grep -F 'libdialogs.so.0 => /'
[ "$(ldd /trial/static | grep -c libdialogs)" -eq 0 ]
/trial/shared embedded:/trial/data | grep -x 'Hello, Boris'
[ "$(/trial/static embedded:/trial/data | grep -c '^Hello, Boris$')" -eq 2 ]
mkdir -m 755 /trial/examples
/run_examples.sh /sources /trial/examples

python3 -c 'import dialogs
with dialogs.open("embedded:/trial/data") as client:
    print(*(message.text for message in client.list("'$anna'", "'$boris'")), sep="|")' |
    grep -x 'Hello, Boris|Hello, Boris'

# A newer version over it; then all of it goes but what people wrote.
echo 'DIALOGSD_LOG=off' >>/etc/dialogsd/dialogsd.env
dpkg -i packages/dialogsd_*.deb
grep -x 'DIALOGSD_LOG=off' /etc/dialogsd/dialogsd.env
apt-get purge -q -y -o Dpkg::Use-Pty=0 dialogsd dlgctl libdialogs0 | tee /tmp/purged
grep -F '/var/lib/dialogsd stay' /tmp/purged
[ -d /var/lib/dialogsd/db ]
[ ! -e /etc/dialogsd ]
[ ! -L /etc/systemd/system/multi-user.target.wants/dialogsd.service ]
[ -z "$(ldconfig -p | grep -F libdialogs || true)" ]
