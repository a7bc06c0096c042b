#!/usr/bin/python3
"""names.py CTAGS ROOT AREA...: no two files share a name, no two floors a struct's or a function's."""

import sys

from tree import Area, expect, report, tags

KINDS = {"function": "the function", "struct": "struct", "union": "union"}


def floor_of(source):
    return f"{source.area}/{source.floor or '.'}" if source.floor != "common" else "service/common"


def check_files(sources):
    modules = {}
    for source in sources:
        modules.setdefault(source.stem, set()).add(source.module)
    return [f"the file name {stem} is used by {' and '.join(sorted(paths))}"
            for stem, paths in sorted(modules.items()) if len(paths) > 1]


def check_names(ctags, root, sources):
    by_path = {source.path: source for source in sources}
    places = {}
    for tag in tags(ctags, root, sorted(by_path)):
        kind = KINDS.get(tag["kind"])
        if kind and not tag["name"].startswith("__anon") and tag["name"] != "main":
            floors = places.setdefault((kind, tag["name"]), {})
            floors.setdefault(floor_of(by_path[tag["path"]]), f"{tag['path']}:{tag['line']}")
    problems = [f"{kind} {name} is defined on several floors: {', '.join(sorted(floors.values()))}"
                for (kind, name), floors in sorted(places.items()) if len(floors) > 1]
    return problems, len(places)


def check(ctags, root, areas):
    loaded = [Area(root, name) for name in areas]
    sources = list({source.path: source for area in loaded for source in area.sources}.values())
    problems, seen = check_names(ctags, root, sources)
    return [problem for area in loaded for problem in area.problems] + check_files(sources) + problems, seen


def self_test(ctags):
    right = {
        "src/CMakeLists.txt": "set(floors low high)\n", "service/dlgctl/CMakeLists.txt": "set(floors low)\n",
        "src/low/a.h": "struct a {\n    struct {\n        int x;\n    } inner;\n};\n",
        "src/low/a.c": "static void f(void)\n{\n}\n", "src/low/b.c": "static void f(void)\n{\n}\n",
        "src/high/c.c": "struct c {\n    struct a *a;\n};\nstruct a;\nstatic void g(void);\n",
        "service/dlgctl/low/d.c": "int main(void)\n{\n}\n", "service/dlgctl/e.c": "int main(void)\n{\n}\n",
    }

    def c(root):
        return check(ctags, root, ["src", "dlgctl"])[0]

    expect("right", c, right, [])
    expect("files", c, {**right, "service/dlgctl/low/b.h": ""},
           ["the file name b is used by service/dlgctl/low/b and src/low/b"])
    expect("structs", c, {**right, "service/dlgctl/low/d.h": "struct a {\n    int y;\n};\n"},
           ["struct a is defined on several floors: service/dlgctl/low/d.h:1, src/low/a.h:1"])
    expect("functions", c, {**right, "src/high/c.c": "static int f(void)\n{\n    return 1;\n}\n"},
           ["the function f is defined on several floors: src/high/c.c:1, src/low/a.c:1"])


if __name__ == "__main__":
    self_test(sys.argv[1])
    report(*check(*sys.argv[1:3], sys.argv[3:]), sys.argv[3:])
