#!/usr/bin/env bash
# A CMake project of somebody else, by find_package.
source "$(dirname "$0")/common.sh"
cp tests/packages/consumer/CMakeLists.txt "$work"
cmake -S "$work" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
cmake --build "$work/build"
ldd "$work/build/shared" | grep -F "libdialogs.so.0 => $libdir/"
[ "$(ldd "$work/build/static" | grep -c libdialogs)" -eq 0 ]
check_hello "$work/build/shared"
check_hello "$work/build/static"
