#!/usr/bin/python3
"""Runs the contests of contests.py, ours and the rival in alternating rounds, and prints a table of ratios."""

import argparse
import fnmatch
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import contests  # noqa: E402
import measure  # noqa: E402
import servers  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="contests to run, with * as a wildcard; all when none is named")
    parser.add_argument("--json", default="bench.json", metavar="FILE", help="where the results go (%(default)s)")
    parser.add_argument("--charts", metavar="DIR", help="draw a chart of each contest into DIR")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds of each contest (%(default)s)")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    return parser.parse_args()


def run_group(group, chosen, rounds):
    """The results of a group's contests; what cannot be run is said, and the others go on."""
    try:
        return list(group(lambda all: [each.run(rounds) for each in all if each.name in chosen]))
    except (OSError, SystemExit, subprocess.CalledProcessError) as error:
        print(f"FAILED {', '.join(chosen)}: {str(error)[:1000]}", file=sys.stderr)
        return None


def write(results, options):
    measure.table(results)
    with open(options.json, "w", encoding="ascii") as file:
        json.dump(results, file, indent=1)
        file.write("\n")
    if options.charts:
        import charts  # needs a plotting library, which measuring does not

        charts.draw_all(options.json, options.charts)


def main():
    options = arguments()
    wanted = lambda name: not options.names or any(fnmatch.fnmatch(name, each) for each in options.names)
    results, failed = [], False
    for group, names in contests.GROUPS.items():
        chosen = [name for name in names if wanted(name)]
        if options.list:
            print("\n".join(chosen), end="\n" if chosen else "")
        elif chosen and group in contests.NEEDS_CITUS and not servers.has_citus():
            print(f"SKIP citus extension not installed: {', '.join(chosen)}")
        elif chosen:
            rows = run_group(group, chosen, options.rounds)
            failed = failed or rows is None
            results += rows or []
    if results:
        write(results, options)
    sys.exit(failed)


if __name__ == "__main__":
    main()
