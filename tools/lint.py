"""Checks what a compiler does not: floors, owners of libraries, sizes, bans, READMEs, format.

Usage: tools/lint.py [ROOT]     exit status 0 only without findings; there is no list of exceptions.
Standard library only. The rules are data in lint_rules.py; lint_test.py shows each of them failing.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import lint_rules as rules 
from cpp_classes import classes
from cpp_outline import functions, strip 

FOLDERS = ("src", "tests", "bench", "fuzz", "tools", "cmake", "docs", ".ci", "packaging")
SKIPPED_FOLDERS = {"build", ".venv", "node_modules", "__pycache__", ".git", "corpus", "testdata"}
CPP = {".h", ".cc"}
TEXT = CPP | {".py", ".md", ".txt", ".cmake", ".json", ".yaml", ".yml", ".sh", ".js", ""}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Tree:
    """The files of the project, read once."""

    def __init__(self, root):
        self.root = Path(root)
        self.text = {}
        for path in sorted(self._walk()):
            if path.suffix in TEXT:
                data = path.read_bytes()
                if b"\0" not in data:
                    name = path.relative_to(self.root).as_posix()
                    self.text[name] = data.decode("utf-8", "replace")

    def _walk(self):
        for entry in self.root.iterdir():
            if entry.is_file() and entry.name not in SKIPPED_FOLDERS:
                yield entry
        for folder in FOLDERS:
            for parent, folders, names in os.walk(self.root / folder):
                folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
                yield from (Path(parent) / name for name in names)

    def cpp(self):
        return {name: text for name, text in self.text.items() if Path(name).suffix in CPP}


def room_of(name):
    """('net', 2) for src/net/x.cc, ('exporter/debug', 7) for a component; None outside src/."""
    parts = name.split("/")
    if len(parts) < 3 or parts[0] != "src" or parts[1] not in rules.FLOORS:
        return None
    floor = rules.FLOORS[parts[1]]
    if parts[1] in rules.COMPONENT_KINDS and len(parts) > 3:
        return f"{parts[1]}/{parts[2]}", floor
    return parts[1], floor


def is_test(name):
    """Code that only tests run: it may use test libraries and clocks."""
    stem = Path(name).stem
    named_so = stem.endswith(("_test", "_harness")) or stem.startswith("test_")
    return not name.startswith("src/") or named_so


def includes(text):
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1) == '"', found.group(2)


def check_floors(tree):
    """A file includes its own room and lower floors: never a sibling, never another component."""
    for name, text in tree.cpp().items():
        here = room_of(name)
        if name.startswith("src/") and here is None:
            yield name, 1, "lies in no room of the architecture (tools/lint_rules.py: FLOORS)"
            continue
        for number, _, path in includes(text):
            there = room_of(f"src/{path}")
            of_tests = path.startswith("tests/") or (there and is_test(f"src/{path}"))
            if of_tests and not is_test(name):
                yield name, number, f'"{path}": product code must not include tests'
            if here is None or there is None or there[0] == here[0]:
                continue
            if there[1] >= here[1]:
                yield name, number, (
                    f'"{path}": {here[0]} (floor {here[1]}) must not include {there[0]} '
                    f"(floor {there[1]}); what both need moves down")


def check_subfloors(tree):
    """In a room with sub-folders, a file includes its own and those before it in the list."""
    for name, text in tree.cpp().items():
        parts = name.split("/")
        folders = rules.SUBFLOORS.get(parts[1]) if parts[0] == "src" else None
        if not folders or len(parts) < 4:
            continue
        if parts[2] not in folders:
            yield name, 1, f"{parts[2]} is no sub-folder of {parts[1]} (lint_rules.py: SUBFLOORS)"
            continue
        for number, quoted, path in includes(text):
            there = path.split("/")
            if not quoted or there[0] != parts[1] or is_test(name):
                continue
            if len(there) < 3:
                yield name, number, f'"{path}": {parts[2]} must not include the room above it'
            elif there[1] in folders and folders.index(there[1]) > folders.index(parts[2]):
                yield name, number, f'"{path}": {parts[2]} stands below {there[1]} in {parts[1]}'


def included_from_elsewhere(tree):
    """Headers of src/ that product code of another room includes: the public ones."""
    public = set()
    for name, text in tree.cpp().items():
        here = room_of(name)
        for _, _, path in includes(text):
            there = room_of(f"src/{path}")
            if there and not is_test(name) and (here is None or here[0] != there[0]):
                public.add(f"src/{path}")
    return public


def check_libraries(tree):
    """A library is included in its owner's room only, and in no header that other rooms see."""
    public = included_from_elsewhere(tree)
    for name, text in tree.cpp().items():
        here = room_of(name)
        if here is None:
            continue
        kind = here[0].split("/")[0]
        for number, _, path in includes(text):
            if rules.TEST_LIBRARIES.match(path) and not is_test(name):
                yield name, number, f"<{path}>: a test library in product code"
            for library, pattern, owners in rules.LIBRARIES:
                if room_of(f"src/{path}") or not pattern.match(path):
                    continue
                if "" not in owners and kind not in owners:
                    yield name, number, f"<{path}>: {library} belongs to {', '.join(owners)}"
                elif name.endswith(".h") and (name in public or library == "fmt"):
                    yield name, number, f"<{path}>: {library} in a header that other rooms see"
            for pattern, owners in rules.SYSTEM:
                if pattern.fullmatch(path) and kind not in owners and not is_test(name):
                    where = ", ".join(owners)
                    yield name, number, f"<{path}>: system calls for this live in {where}"


def check_own_header_first(tree):
    """x.cc includes x.h before anything else, so that every such header is self-contained."""
    for name, text in tree.cpp().items():
        header = name.removesuffix(".cc") + ".h"
        if not name.startswith("src/") or not name.endswith(".cc") or header not in tree.text:
            continue
        first = next(includes(text), None)
        if first and first[2] != header.removeprefix("src/"):
            yield name, first[0], f'the first include must be "{header.removeprefix("src/")}"'


def check_bans(tree):
    for name, text in tree.cpp().items():
        here = room_of(name)
        kind = here[0].split("/")[0] if here else ""
        code = strip(text).splitlines()
        raw = text.splitlines()
        for pattern, instead, exempt, in_tests in rules.BANS:
            if kind in exempt or (is_test(name) and not in_tests):
                continue
            for number, line in enumerate(code, 1):
                # Includes are judged as written: their quotes are stripped above.
                subject = raw[number - 1] if line.lstrip().startswith("#") else line
                found = pattern.search(subject)
                if found:
                    yield name, number, f"{found.group(0).strip()}: use {instead}"


def check_sizes(tree):
    for name, text in tree.text.items():
        if Path(name).suffix not in CPP | {".py"}:
            continue
        lines = text.splitlines()
        of_product = name.startswith("src/") and not is_test(name)
        lines_max = rules.PRODUCT_LINES_MAX if of_product else rules.FILE_LINES_MAX
        if len(lines) > lines_max:
            yield name, 1, f"{len(lines)} lines, at most {lines_max}: split it"
        for number, line in enumerate(lines, 1):
            if len(line) > rules.COLUMNS:
                yield name, number, f"{len(line)} columns, at most {rules.COLUMNS}"
        found = functions(text) if name.endswith((".h", ".cc")) else python_functions(name, text)
        for label, first, last in found:
            if last - first + 1 > rules.FUNCTION_LINES_MAX:
                lines_max = rules.FUNCTION_LINES_MAX
                yield name, first, f"{label} has {last - first + 1} lines, at most {lines_max}"


def check_classes(tree):
    """A class of the product has one duty: few methods, few members, at most two .cc files."""
    product = {name: (room_of(name)[0], text) for name, text in tree.cpp().items()
               if room_of(name) and not is_test(name)}
    sources = {}  # of each class: the .cc files with functions of it
    for name, (room, text) in product.items():
        for label, _, _ in functions(text) if name.endswith(".cc") else ():
            if "::" in label:
                sources.setdefault((room, label.split("::")[-2]), set()).add(name)
    for name, (room, text) in product.items():
        for found in classes(text):
            small = found.members <= rules.VALUE_MEMBERS_MAX
            limits = (
                (found.methods, rules.VALUE_METHODS_MAX if small else rules.CLASS_METHODS_MAX,
                 "methods"),
                (found.members, rules.CLASS_MEMBERS_MAX, "data members"),
                (len(sources.get((room, found.name), ())), rules.CLASS_FILES_MAX, ".cc files"),
            )
            for count, most, what in limits:
                if count > most:
                    yield name, found.line, f"{found.name} has {count} {what}, at most {most}"


def python_functions(name, text):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text, filename=name)):
        if isinstance(node, kinds):
            yield node.name, node.lineno, node.end_lineno


def check_headers(tree):
    for name, text in tree.cpp().items():
        if name.endswith(".h") and "#pragma once" not in text:
            yield name, 1, "#pragma once is missing"


def check_readmes(tree):
    """Every room and component folder says what it is for."""
    rooms = {room_of(name)[0] for name in tree.cpp() if room_of(name)}
    for room in sorted(rooms):
        if f"src/{room}/README.md" not in tree.text and room not in rules.COMPONENT_KINDS:
            yield f"src/{room}", 1, "README.md is missing"


def check_links(tree):
    """What a page points to is there."""
    for name, text in tree.text.items():
        if not name.endswith(".md"):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
                if "://" not in target and not (tree.root / name).parent.joinpath(target).exists():
                    yield name, number, f"{target} is not there"


def check_patches(tree):
    """A planted bug still fits the source that it changes."""
    for path in sorted(tree.root.glob("tests/sim/planted/*.patch")):
        name = path.relative_to(tree.root).as_posix()
        target, *hunks = re.split(r"^@@.*\n", path.read_text(), flags=re.MULTILINE)
        source = tree.text.get(re.search(r"^\+\+\+ b/(.*)$", target, re.MULTILINE).group(1), "")
        for hunk in hunks:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            if before not in source:
                yield name, 1, "does not fit the source any more"


def check_texts(tree):
    for name, text in tree.text.items():
        for number, line in enumerate(text.splitlines(), 1):
            path = rules.MACHINE_PATHS.search(line)
            if path:
                yield name, number, f"{path.group(0)}...: a path of one machine"
            is_code = Path(name).suffix in CPP | {".py", ".cmake", ".sh"}
            if is_code and rules.UNNUMBERED.search(line):
                yield name, number, "a to-do needs the number of its issue in brackets: (#12)"


def check_format(tree):
    """clang-format-19 agrees with every C++ file. No tool (a build needs none): no check."""
    tool = shutil.which("clang-format-19")
    names = sorted(tree.cpp())
    if not tool or not names or not (tree.root / ".clang-format").exists():
        return
    chunks = [names[start::8] for start in range(min(8, len(names)))]

    def run(chunk):
        command = [tool, "--dry-run", "-Werror", "--ferror-limit=1", *chunk]
        return subprocess.run(command, cwd=tree.root, capture_output=True, text=True).stderr

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for output in pool.map(run, chunks):
            for name, number in re.findall(r"^(\S+?):(\d+):\d+: error", output, re.MULTILINE):
                yield name, int(number), "not formatted: ./test --format"


CHECKS = (
    check_floors, check_subfloors, check_libraries, check_own_header_first, check_bans,
    check_sizes, check_classes, check_headers, check_readmes, check_links, check_patches,
    check_texts, check_format,
) 


def lint(root, checks=CHECKS):
    """All findings as 'file:line: text', in order."""
    tree = Tree(root)
    return [f"{name}:{number}: {text}" for check in checks for name, number, text in check(tree)]


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    findings = lint(root)
    print("\n".join(findings))
    print(f"lint: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
