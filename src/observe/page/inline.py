#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes one file of the page and what it refers to beside it, as a C++ source for src/observe/page.hpp.

    inline.py index.html OUTPUT.cpp

The hashes are those of the one style and the one script, for the Content-Security-Policy: a browser
runs nothing else, whatever gets into the page.
"""

import base64
import hashlib
import pathlib
import re
import sys

STYLE = re.compile(r'<link rel="stylesheet" href="([^"]+)">\n')
SCRIPT = re.compile(r'<script src="([^"]+)"></script>\n')


def inlined(html, pattern, tag, directory):
    """The page with one element in place of all that match, and the hash of what is in it."""
    text = "\n" + "".join((directory / name).read_text() for name in pattern.findall(html))
    if f"</{tag}" in text:
        sys.exit(f"inline.py: '</{tag}' would end the <{tag}>")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    whole = f"<{tag}>{text}</{tag}>\n"
    html = pattern.sub(lambda found: whole if found.start() == pattern.search(html).start() else "",
                       html)
    return html, f"'sha256-{digest}'"


def literal(text):
    if ')page"' in text:
        sys.exit("inline.py: the page holds what ends a C++ literal")
    return f'R"page({text})page"'


def main():
    source, output = map(pathlib.Path, sys.argv[1:])
    html, style = inlined(source.read_text(), STYLE, "style", source.parent)
    html, script = inlined(html, SCRIPT, "script", source.parent)
    output.write_text(f"""// Written by {pathlib.Path(__file__).name}.
#include "observe/page.hpp"

namespace tandem::observe {{

const std::string_view kPage = {literal(html)};
const std::string_view kPageStyle = "{style}";
const std::string_view kPageScript = "{script}";

}}  // namespace tandem::observe
""")


main()
