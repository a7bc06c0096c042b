#!/usr/bin/env python3
"""Counts the commas of each sentence of the documents. Too many of them mean that sentences are hard to read.

usage: prose.py [--limit N] [--worst N] [--self-test] [FILE...]

Prints the mean of each file. Fails when the mean of all sentences in docs/ is above the limit, or that of the other
documents together. Not counted: code, headings, numbers such as 1,000, and cells of tables that are no sentences. A
list of names in code, such as `a`, `b` and `c`, counts as one word.
"""

import argparse
import glob
import re
import sys

SHORTEST = 3  # words; less is a label and no sentence

DOCUMENTS = {
    "docs": ["docs/**/*.md"],
    "others": ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "bindings/python/README.md",
               "docs/man/*", "include/**/*.h", "service/dialogsd/**/*.yaml"],
}


# ---- From the text of a document to blocks of prose ------------------------------------------------------------------

def cells(line):
    """The cells of a table's row that read like sentences: with a full stop, or a comma among many words."""
    for cell in re.split(r"(?<!\\)\|", line.strip().strip("|")):
        if len(cell.split()) >= 8:
            yield cell


def markdown(text):
    """Paragraphs, items of lists, cells of tables."""
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r"^( *)(```|~~~).*?^ *\2\s*$", "", text, flags=re.S | re.M)
    block = []
    for line in text.splitlines() + [""]:
        starts = re.match(r"\s*([*+-]|\d+\.)\s+", line)
        table = line.lstrip().startswith("|")
        if starts or table or not line.strip() or line.startswith("#"):
            yield " ".join(block)
            block = []
        if table:
            yield from cells(line)
        elif line.strip() and not line.startswith("#"):
            block.append(line[starts.end():] if starts else line.strip())


def manual(text):
    """A page in mdoc: lines of text and of macros inside a sentence; the other macros separate."""
    block = []
    for line in text.splitlines() + [".Pp"]:
        inline = re.match(r"\.(Nm|Fl|Ar|Cm|Pa|Dv|Ev|Dq|Xr)\b ?(.*)", line)
        if inline:
            name, separator, stop = inline.group(2).partition(" ")
            block.append("CODE" + (stop.strip() if separator and stop.strip() in (".", ",", ";") else ""))
        elif line.startswith("."):
            yield " ".join(block)
            block = []
        else:
            block.append(line)


def header(text):
    """The comments of a header in C, paragraph by paragraph."""
    for comment in re.findall(r"/\*(.*?)\*/", text, flags=re.S):
        lines = [re.sub(r"^\s*[*!<]*\s?", "", line) for line in comment.splitlines()]
        yield from re.split(r"\n\s*\n", "\n".join(lines))


def openapi(text):
    """Descriptions and summaries of a document in YAML: on one line, or as a block that is indented deeper."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        match = re.match(r"(\s*)(?:- )?(?:description|summary):\s*(.*)", line)
        if not match:
            continue
        if match.group(2)[:1] not in ("|", ">"):
            yield match.group(2).strip("'")
            continue
        block = []
        for following in lines[number + 1:]:
            if following.strip() and len(following) - len(following.lstrip()) <= len(match.group(1)):
                break
            block.append(following.strip())
        yield from markdown("\n".join(block))


def blocks_of(path, text):
    if path.endswith(".h"):
        return header(text)
    if path.endswith((".yaml", ".yml")):
        return openapi(text)
    return markdown(text) if path.endswith(".md") else manual(text)


# ---- From blocks to sentences, and what is counted -------------------------------------------------------------------

def plain(block):
    """The block without what is no prose: code, addresses of links, commas of numbers and of lists of code."""
    block = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", block)
    block = re.sub(r"<https?:[^>]*>", "CODE", block)
    block = re.sub(r"(`+)(?!`).+?\1", "CODE", block)
    block = re.sub(r"\bdlg_\w+(\(\))?|\bDLG_\w+", "CODE", block)
    block = re.sub(r"CODE((,| and| or|, and|, or) CODE)+", "CODE", block)
    return re.sub(r"(?<=\d),(?=\d{3})", "", " ".join(block.split()))


def sentences(block):
    """A sentence ends with a full stop, a question mark or an exclamation mark, before a capital, a number or a quote."""
    for sentence in re.split(r"(?<=[.!?])[)*\"']*\s+(?=[(*\"'A-Z0-9])", plain(block)):
        if len(sentence.split()) >= SHORTEST:
            yield sentence.count(","), sentence


def read(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return [sentence for block in blocks_of(path, text) for sentence in sentences(block)]


def mean(counted):
    return sum(commas for commas, _ in counted) / max(len(counted), 1)


# ---- The report ------------------------------------------------------------------------------------------------------

def report(name, paths, worst):
    """Prints the means of these files, and the worst sentences; returns the mean of all."""
    everything = []
    for path in paths:
        counted = read(path)
        everything += [(commas, sentence, path) for commas, sentence in counted]
        print(f"{mean(counted):5.2f}  {len(counted):4} sentences  {path}")
    total = mean([(commas, sentence) for commas, sentence, _ in everything])
    print(f"{total:5.2f}  {len(everything):4} sentences  all of {name}\n")
    for commas, sentence, path in sorted(everything, key=lambda row: -row[0])[:worst]:
        print(f"{commas} commas, {path}: {sentence}")
    return total


def found(patterns):
    return sorted({path for pattern in patterns for path in glob.glob(pattern, recursive=True)})


SAMPLE = """# A heading, with commas, that does not count

One sentence, with a comma. Another
one without: see `a, b, c`, `d` and [a page](x,y.md). It costs 1,000 us.

| cell, of a table | short, too |
|---|---|
| `x` | This cell is a sentence, since it has many words in it. |

```sh
echo one, two, three. And four, five, six.
```

* an item of a list, which ends without a stop
* another item of the list
"""


def self_test():
    expected = {
        "sample.md": (SAMPLE, [1, 0, 0, 1, 1, 0]),
        "sample.8": (".Sh NAME\nIt takes a file,\n.Pa /x ,\nand stops.\n.Pp\nA second one follows here.\n", [2, 0]),
        "sample.h": ("/* Sends, and waits. Then it\n * goes on, again,\n * and ends. */\nint a, b, c;\n", [1, 2]),
        "sample.yaml": ("a:\n  description: |\n    One, two and three.\n\n    Four is a sentence.\n  b: x, y, z and more\n"
                        "  summary: 'Looks a user up, by id'\n", [1, 0, 1]),
    }
    for path, (text, counts) in expected.items():
        got = [sentence for block in blocks_of(path, text) for sentence in sentences(block)]
        if [commas for commas, _ in got] != counts:
            sys.exit(f"{path}: expected {counts}, got {got}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=float, default=0.8, help="most commas a sentence, as a mean (0.8)")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="show the N sentences with most commas")
    parser.add_argument("--self-test", action="store_true", help="check the counting itself first")
    parser.add_argument("file", nargs="*", help="only these files")
    options = parser.parse_args()
    if options.self_test:
        self_test()
    groups = {"the files": options.file} if options.file else {name: found(p) for name, p in DOCUMENTS.items()}
    means = {name: report(name, paths, options.worst) for name, paths in groups.items()}
    bad = [name for name, value in means.items() if value > options.limit]
    if bad:
        sys.exit(f"more than {options.limit} commas a sentence in: {', '.join(bad)}\n"
                 "See the worst with tests/docs/prose.py --worst 20, and split them: one idea a sentence.")


main()
