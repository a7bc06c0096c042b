"""Reads dialogs.h and its parts for what SWIG does not: the comments, which become docstrings, and the version."""

import pathlib
import re
import sys

# What Python calls them, where it is not the part after "dlg_".
NAMES = {
    "dlg_open": "dialogs.open", "dlg_close": "Client.close", "dlg_send": "Client.send", "dlg_list": "Client.page",
    "dlg_auth": "Client.auth", "dlg_schema_install": "Client.install_schema",
    "dlg_password_hash": "Client.hash_password", "dlg_setting_at": "dialogs.settings",
    "dlg_cluster_rebalance": "Cluster.rebalance", "dlg_cluster_rebalance_wait": "Cluster.follow",
}


def read(path, seen=None):
    """The text of a header, with that of each of ours which it includes in the place of that line, once."""
    path = pathlib.Path(path).resolve()
    seen = set() if seen is None else seen
    if path in seen:
        return ""
    seen.add(path)
    text = path.read_text(encoding="utf-8")
    return re.sub(r'^#include "(.*)"$', lambda found: read(path.parent / found.group(1), seen), text, flags=re.M)


def version(text):
    return ".".join(re.findall(r"^#define DLG_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", text, re.M))


def exception_name(code):
    return "".join(word.capitalize() for word in code.removeprefix("DLG_E_").split("_")) + "Error"


# Parameters that Python has in another form.
C_ONLY = {"client", "settings", "options", "receipt", "result", "page", "cluster", "token", "id", "version", "shard",
          "undelivered", "expires_us", "user", "users", "progress", "loader", "hash", "stats", "cursor", "iterator",
          "message", "payload", "reply", "timeout_us"}


def without_c(text):
    """Without the paragraphs of parameters that are C's alone, each with its further, deeper lines."""
    kept, dropping = [], False
    for line in text.split("\n"):
        named = re.match(r" (\w+)  +\S", line)
        if named or not line.startswith("  "):
            dropping = bool(named) and named.group(1) in C_ONLY
        if not dropping:
            kept.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept))


def plain(comment):
    """The words of a comment, without its frame; the names that they have in Python."""
    lines = [re.sub(r"^ ?\*? ?", "", line) for line in comment.strip("/* \n").splitlines()]
    text = "\n".join(line.rstrip() for line in [lines[0].strip()] + [each.removeprefix(" ") for each in lines[1:]])
    text = re.sub(r"\bDLG_E_[A-Z_]+\b", lambda found: exception_name(found.group()), text)
    text = re.sub(r"\b(dlg_\w+)\(\)", lambda found: NAMES.get(found.group(1), found.group(1)) + "()", text)
    return without_c(text.replace("NULL", "None")).strip()


def functions(text):
    """Each function of the header and the comment before it; a function without one has that of its neighbour."""
    found, comment = {}, ""
    pattern = r"(?P<comment>/\*.*?\*/)|^DLG_API [^;(]*?\b(?P<name>dlg_\w+)\([^;]*\);(?P<after>[ \t]*/\*.*?\*/)?|^(?P<other>typedef|\}|#)"
    for match in re.finditer(pattern, text, re.M | re.S):
        if match.group("comment"):
            comment = plain(match.group("comment"))
        elif match.group("name"):
            found[match.group("name")] = plain(match.group("after")) if match.group("after") else comment
    return found


def docs(text):
    """For SWIG: a docstring for each function."""
    lines, comments = ["/* Made from dialogs.h by header.py. */\n"], functions(text)
    for name in comments:
        comment = comments.get(name.removesuffix("_async"), comments[name])  # the blocking twin says more
        quoted = comment.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        lines.append(f'%feature("docstring") {name} "{quoted}";\n')
    return "".join(lines)


if __name__ == "__main__":
    header, what = read(sys.argv[1]), sys.argv[2]
    sys.stdout.write(docs(header) if what == "docs" else version(header) + "\n")
