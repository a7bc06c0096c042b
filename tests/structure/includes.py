#!/usr/bin/python3
"""includes.py ROOT AREA...: no include points upwards or sideways, and no modules include each other in a circle.

AREA is src, dialogsd, dlgctl or python (the modules of the Python package, and their imports).
"""

import ast
import pathlib
import sys

from tree import PYTHON, Area, cycles, expect, report


def check_area(area):
    problems, edges = list(area.problems), {}
    for source in area.sources:
        for line, include in source.includes():
            target = area.find(source, include)
            if not target:
                problems.append(f"{source.path}:{line}: {include} is no file of this area")
            elif area.height(target) > area.height(source):
                problems.append(f"{source.path}:{line}: {include} is above; floors, lowest first: "
                                f"{' '.join(area.floors)}")
            elif target.module != source.module:
                edges.setdefault(source.module, set()).add(target.module)
    return problems + [f"a circle: {' -> '.join(circle)}" for circle in cycles(edges)]


def imports(tree, package, names):
    """The modules of the package that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                parts = each.name.split(".")
                if parts[0] == package:
                    yield parts[1] if len(parts) > 1 else "__init__"
        elif isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            if node.level == 0 and parts[0] != package:
                continue
            parts = parts[1:] if node.level == 0 else [part for part in parts if part]
            for each in node.names:
                yield parts[0] if parts else each.name if each.name in names else "__init__"


def check_python(root):
    top = pathlib.Path(root) / PYTHON
    files = {path.stem: path for pattern in ("*.pyi", "*.py") for path in top.glob(pattern)}
    if not files:
        return [f"{PYTHON}: no modules"], 0
    edges = {}
    for name, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        edges[name] = {other for other in imports(tree, top.name, files) if other in files and other != name}
    return [f"a circle: {' -> '.join(circle)} in {PYTHON}" for circle in cycles(edges)], len(files)


def check(root, areas):
    problems, seen = [], 0
    for name in areas:
        if name == "python":
            found, count = check_python(root)
        else:
            area = Area(root, name)
            found, count = check_area(area), len(area.sources)
        problems += found
        seen += count
    return problems, seen


def self_test():
    right = {
        "src/CMakeLists.txt": "set(floors low high)\n",
        "src/low/a.h": "", "src/low/a.c": '#include "low/a.h"\n#include "low/b.h"\n', "src/low/b.h": "",
        "src/high/c.c": '#include "low/a.h"\n#include <stdio.h>\n',
    }
    service = {"service/dlgctl/CMakeLists.txt": "set(floors low\n  high)\n", "service/common/d.h": "",
               "service/dlgctl/low/e.c": '#include "common/d.h"\n', "service/dlgctl/main.c": '#include "high/f.h"\n',
               "service/dlgctl/high/f.h": ""}

    def c(root):
        return check(root, ["src"])[0]

    expect("right", c, right, [])
    expect("upwards", c, {**right, "src/high/c.h": "", "src/low/b.h": '#include "high/c.h"\n'},
           ["src/low/b.h:1: high/c.h is above"])
    expect("sideways", c, {**right, "src/other/d.c": '#include "low/a.h"\n'}, ["the folder other is not in the list"])
    expect("unknown", c, {**right, "src/low/b.c": '\n#include "gone.h"\n'}, ["src/low/b.c:2: gone.h is no file"])
    expect("circle by a .c", c, {**right, "src/low/b.c": '#include "low/a.h"\n'},
           ["a circle: src/low/a -> src/low/b -> src/low/a"])
    expect("no floors", c, {"src/CMakeLists.txt": "", "src/a.c": ""}, ["no list of floors"])
    expect("service", lambda root: check(root, ["dlgctl"])[0], service, [])
    expect("common upwards", lambda root: check(root, ["dlgctl"])[0],
           {**service, "service/common/d.h": '#include "high/f.h"\n'}, ["service/common/d.h:1: high/f.h is above"])
    package = {f"{PYTHON}/__init__.py": "from .one import f\n", f"{PYTHON}/one.py": "from . import two\n",
               f"{PYTHON}/two.py": "import os\nfrom os import path\n"}

    def python(root):
        return check(root, ["python"])[0]

    expect("python", python, package, [])
    for line in ("from .one import f", "from . import one", "import dialogs.one", "from dialogs.one import f",
                 "def g():\n    from . import one"):
        expect(line, python, {**package, f"{PYTHON}/two.py": line}, ["a circle: one -> two -> one"])
    expect("package", python, {**package, f"{PYTHON}/two.py": "from . import f"},
           ["a circle: __init__ -> one -> two -> __init__"])


if __name__ == "__main__":
    self_test()
    report(*check(sys.argv[1], sys.argv[2:]), sys.argv[2:])
