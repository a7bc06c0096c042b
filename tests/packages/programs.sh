#!/usr/bin/env bash
# The installed programs, from a moved tree: they find the library and the API page, and their manual pages are there.
source "$(dirname "$0")/common.sh"
bin=$prefix/bin
"$bin/dlgctl" --version
find "$prefix" -path '*/man1/dlgctl.1*' | grep .
find "$prefix" -path '*/man8/dialogsd.8*' | grep .

port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
"$bin/dialogsd" --port "$port" --data "$work/data" >"$work/log" 2>&1 &
server=$!
trap 'kill $server; wait $server; rm -rf "$work"' EXIT
until curl -fsS "http://127.0.0.1:$port/swagger/index.html" >"$work/page" 2>/dev/null; do
    kill -0 $server || { cat "$work/log" && exit 1; }
    sleep 0.1
done
grep -i '<title>' "$work/page"
