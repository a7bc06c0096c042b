"""What the tests of the structure know of the sources: areas, their floors, modules and includes.

An area is a folder whose CMakeLists.txt lists its floors, lowest first: `set(floors base token ...)`. A floor is a
folder in it; files beside the floors are above them all. X.c and X.h of one floor are one module.
"""

import json
import pathlib
import re
import subprocess
import tempfile

AREAS = {"src": "src", "dialogsd": "service/dialogsd", "dlgctl": "service/dlgctl"}
COMMON = "service/common"  # below both programs
PYTHON = "bindings/python/dialogs"


class Source:
    """A .c or .h file: its path from the root, its floor ("" when it is above them) and its module."""

    def __init__(self, root, path, area, floor):
        self.path = path.relative_to(root).as_posix()
        self.area = area
        self.floor = floor
        self.folder = path.parent.relative_to(root).as_posix()
        self.stem = path.stem
        self.module = f"{self.folder}/{path.stem}"
        self.is_header = path.suffix == ".h"
        self.text = path.read_text(encoding="utf-8")

    def includes(self):
        """The files that it includes in quotes, with their lines."""
        for number, line in enumerate(self.text.splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if match:
                yield number, match[1]


class Area:
    def __init__(self, root, name):
        self.root = pathlib.Path(root)
        self.name = name
        self.top = self.root / AREAS[name]
        lists = (self.top / "CMakeLists.txt").read_text(encoding="utf-8")
        match = re.search(r"^set\(floors ([a-z_ \n]+)\)", lists, re.M)
        self.floors = match[1].split() if match else []
        self.problems = [] if match else [f"{AREAS[name]}/CMakeLists.txt: no list of floors, set(floors ...)"]
        self.sources = [self._source(path) for path in sorted(self.top.rglob("*.[ch]"))]
        common = self.root / COMMON
        if name != "src" and common.is_dir():
            self.sources += [Source(self.root, path, name, "common") for path in sorted(common.glob("*.[ch]"))]
        self.by_path = {source.path: source for source in self.sources}
        if not self.sources:
            self.problems.append(f"{AREAS[name]}: no sources")

    def _source(self, path):
        floor = "/".join(path.parent.relative_to(self.top).parts)
        if floor and floor not in self.floors:
            self.problems.append(f"{path.relative_to(self.root)}: the folder {floor} is not in the list of floors")
        return Source(self.root, path, self.name, floor)

    def height(self, source):
        if source.floor == "common":
            return -1
        return self.floors.index(source.floor) if source.floor in self.floors else len(self.floors)

    def find(self, source, include):
        """The source that an include means, or None."""
        for folder in (source.folder, AREAS[self.name], "service"):
            found = self.by_path.get(f"{folder}/{include}")
            if found:
                return found
        return None


def cycles(edges):
    """One shortest cycle for each knot of the graph {node: {nodes}}, as lists that end where they begin."""
    found, seen = [], set()
    for start in sorted(edges):
        if start in seen:
            continue
        came_from, queue = {start: None}, [start]
        for node in queue:
            if start in edges.get(node, ()):
                path = [start, node]
                while came_from[path[-1]] is not None:
                    path.append(came_from[path[-1]])
                seen.update(path)
                found.append(list(reversed(path[1:])) + [start] if len(path) > 1 else [start, start])
                break
            for after in sorted(edges.get(node, ())):
                if after not in came_from:
                    came_from[after] = node
                    queue.append(after)
    return found


def tags(ctags, root, paths):
    """What ctags finds in the files: dictionaries with name, path, line, kind, and "file" when it is static."""
    if not paths:
        return []
    command = [ctags, "--quiet", "--options=NONE", "--output-format=json", "--languages=C", "--langmap=C:.c.h",
               "--kinds-C=fpsuvx", "--fields=+nKSf", "--fields-C=+{properties}", "-I", "DLG_API", "-f", "-", *paths]
    result = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return [json.loads(line) for line in result.stdout.splitlines()]


def write_tree(root, files):
    for path, text in files.items():
        target = pathlib.Path(root) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def expect(name, check, files, wanted):
    """The test of a test: `check` finds exactly the `wanted` problems, each begun by what it should say."""
    with tempfile.TemporaryDirectory() as root:
        write_tree(root, files)
        found = check(pathlib.Path(root))
    good = len(found) == len(wanted) and all(text in problem for text, problem in zip(wanted, found))
    if not good:
        raise SystemExit(f"self-test {name}: wanted {wanted}, found {found}")


def report(problems, seen, areas):
    for problem in problems:
        print(problem)
    if areas and not seen:
        raise SystemExit("nothing was looked at")
    print(f"{seen} looked at, {len(problems)} wrong")
    raise SystemExit(1 if problems else 0)
