#!/usr/bin/python3
"""definitions.py CTAGS ROOT AREA...: what X.h declares, functions and variables, is defined in X.c of the same folder."""

import sys

from tree import Area, expect, report, tags

GENERATED = "src/base/sql.h"  # its variables are made from sql/ when the library is built


def is_static(tag):
    return tag.get("file", False) or "static" in tag.get("properties", "").split(",")


def check_area(ctags, area):
    declared, defined = {}, {}
    for tag in tags(ctags, area.root, sorted(area.by_path)):
        source = area.by_path[tag["path"]]
        if is_static(tag) or tag["name"].isupper():  # a macro of <sys/queue.h> looks like a declaration
            continue
        if source.is_header and tag["kind"] in ("prototype", "externvar"):
            declared.setdefault(tag["name"], (source, tag["line"]))
        elif not source.is_header and tag["kind"] in ("function", "variable"):
            defined.setdefault(tag["name"], (source, tag["line"]))
    problems = list(area.problems)
    for name, (source, line) in declared.items():
        there = defined.get(name)
        if not there:
            if source.path != GENERATED:
                problems.append(f"{source.path}:{line}: {name} is defined nowhere")
        elif there[0].module != source.module:
            problems.append(f"{there[0].path}:{there[1]}: {name} is declared in {source.path}; its place is "
                            f"{source.module}.c")
    return problems, len(declared)


def check(ctags, root, areas):
    problems, seen = [], 0
    for name in areas:
        found, count = check_area(ctags, Area(root, name))
        problems += found
        seen += count
    return problems, seen


def self_test(ctags):
    right = {
        "src/CMakeLists.txt": "set(floors low)\n",
        "src/low/a.h": "int f(int x);\nextern const int limit;\nstatic inline int g(void)\n{\n    return 1;\n}\n"
                       "void say(const char *format, ...) __attribute__((format(printf, 1, 2)));\n"
                       "typedef int (*callback)(void *payload);\n",
        "src/low/a.c": '#include "low/a.h"\nconst int limit = 1;\nint f(int x)\n{\n    int y = x;\n    return y;\n}\n'
                       "void say(const char *format, ...)\n{\n}\nstatic int mine(void)\n{\n    return 1;\n}\n",
        "src/low/b.c": "static int mine;\nDLG_API int dlg_public(void)\n{\n    return mine;\n}\n",
    }

    def c(root):
        return check(ctags, root, ["src"])[0]

    expect("right", c, right, [])
    expect("stray", c, {**right, "src/low/a.h": right["src/low/a.h"] + "int *\nh(void);\n",
                        "src/low/b.c": "int *h(void)\n{\n    return 0;\n}\n"},
           ["src/low/b.c:1: h is declared in src/low/a.h; its place is src/low/a.c"])
    expect("stray variable", c, {**right, "src/low/b.h": "extern int other[];\n",
                                 "src/low/a.c": right["src/low/a.c"] + "int other[] = {1};\n"},
           ["other is declared in src/low/b.h; its place is src/low/b.c"])
    expect("nowhere", c, {**right, "src/low/b.h": "void gone(void);\n"}, ["src/low/b.h:1: gone is defined nowhere"])
    expect("generated", c, {**right, "src/base/sql.h": "extern const char sql_x[];\n",
                            "src/CMakeLists.txt": "set(floors base low)\n"}, [])


if __name__ == "__main__":
    self_test(sys.argv[1])
    report(*check(*sys.argv[1:3], sys.argv[3:]), sys.argv[3:])
