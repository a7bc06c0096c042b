#!/usr/bin/env bash
# `./dev up` says at once that a port is busy or that it is none.
set -euo pipefail
exec {held}< <(exec perl -MIO::Socket::INET -e '
$| = 1;
my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
print $socket->sockport, "\n";
sleep 50;')
holder=$!
trap 'kill $holder' EXIT
read -r -u "$held" port
for wrong in "$port" 0 65536 http ''; do
    code=0
    said=$(./dev up --port "$wrong" 2>&1) || code=$?
    [ "$code" -eq 1 ]
    grep -E "\"$wrong\"|port $port is busy" <<<"$said"
done
