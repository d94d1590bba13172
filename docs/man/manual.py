#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes manual pages in mdoc(7) from what is written elsewhere, so that they cannot differ from it:

    manual.py commands TANDEMCTL TEMPLATE    TEMPLATE, with @COMMANDS@ replaced by what `--help` says
    manual.py markdown REFERENCE TEMPLATE    TEMPLATE, with @REFERENCE@ replaced by what the program
                                             REFERENCE writes in Markdown
"""

import pathlib
import re
import subprocess
import sys


def escaped(text):
    """Text that stands for itself, also at the start of a line."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return r"\&" + text if text.startswith((".", "'", r"\(aq")) else text


def literal(lines):
    return [".Bd -literal -offset indent", *(escaped(line.rstrip()) for line in lines), ".Ed"]


# ---- tandemctl --help ----------------------------------------------------------
def said(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def command_names(help_text):
    listed = help_text.partition("\nCommands:\n")[2].partition("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines() if re.match(r"  \S", line)]


def commands(tandemctl):
    general = said(tandemctl, "--help")
    lines = []
    for name in command_names(general):
        usage, _, rest = said(tandemctl, name, "--help").partition("\n\n")
        synopsis = " ".join(usage.split()).removeprefix("Usage: tandemctl [-s SOCKET] [--json] ")
        body = rest.rpartition("\nSee tandemctl --help")[0].rstrip().splitlines()
        lines += [f".Ss {escaped(synopsis)}", *literal(body)]
    return lines


# ---- Markdown, as far as the reference uses it -----------------------------------
def inline(text):
    """`code` becomes bold, a link its text; a sentence begins on a line of its own, as mdoc asks."""
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    parts = text.split("`")
    line = "".join(r"\fB" + escaped(part) + r"\fR" if i % 2 else escaped(part)
                   for i, part in enumerate(parts))
    return re.sub(r"\.  ?(?=[A-Z\\])", ".\n", line)


def cells(row):
    return [cell.strip() for cell in row.strip().strip("|").split(" | ")]


def table(rows):
    """Each row is an entry under its first cell; the others follow, with the heads of their columns."""
    head = cells(rows[0])
    yield ".Bl -tag -width 4n"
    for row in rows[2:]:
        first, *others = cells(row)
        yield ".It " + inline(first)
        for i, (title, cell) in enumerate(zip(head[1:], others)):
            if i > 0:
                yield ".br"
            yield inline(cell if title == "meaning" else f"{title}: {cell}")
    yield ".El"


def paragraph(block):
    if block[0].startswith("<!--") or block[0].startswith("# "):
        return
    if block[0].startswith("## "):
        yield ".Ss " + inline(block[0][3:])
    elif block[0].startswith("|"):
        yield from table(block)
    elif block[0].startswith("    "):
        yield from literal([line[4:] for line in block])
    elif block[0].startswith("- "):
        yield ".Bl -bullet -compact"
        for item in re.split(r"\n(?=- )", "\n".join(block)):
            yield ".It"
            yield inline(" ".join(item[2:].split()))
        yield ".El"
    else:
        yield ".Pp"
        yield inline(" ".join(block))


def markdown(reference):
    lines = []
    for block in re.split(r"\n{2,}", said(reference, "config").strip()):
        new = list(paragraph(block.splitlines()))
        after_heading = not lines or lines[-1].startswith(".Ss ")
        lines += new[1:] if after_heading and new[:1] == [".Pp"] else new
    return lines


def main():
    kind, source, template = sys.argv[1:]
    makers = {"commands": ("@COMMANDS@", commands), "markdown": ("@REFERENCE@", markdown)}
    mark, make = makers[kind]
    text = pathlib.Path(template).read_text(encoding="utf-8")
    print(text.replace(mark, "\n".join(make(source))), end="")


if __name__ == "__main__":
    main()
