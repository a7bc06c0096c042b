#!/usr/bin/env bash
# examples.sh PREFIX - every example, compiled against the installed library and run.
source "$(dirname "$0")/common.sh"
export LD_LIBRARY_PATH=$libdir
tests/packages/run_examples.sh examples "$work"
