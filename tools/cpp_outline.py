"""A rough reading of C++ for tools/lint.py: blanks comments and literals, finds function bodies."""

import re

TOKEN = re.compile(
    r'R"(?P<delim>[^\s()\\]{0,16})\((?P<raw>.*?)\)(?P=delim)"'
    r'|//[^\n]*|/\*.*?\*/'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.DOTALL,
)
CONTROL = re.compile(r"^(?:\}?\s*else\b|if\b|for\b|while\b|switch\b|do\b|try\b|catch\b)")
SCOPE = re.compile(
    r"\b(namespace|class|struct|union|enum|extern)\b"
    r"(?!.*\)\s*(const|noexcept|override|final|->)*\s*$)"
)
NAME = re.compile(r"([~\w:<>]+|operator\S+)\s*\($")


def strip(text):
    """The same text, same line numbers, with comments and literals blanked."""

    def blank(found):
        return re.sub(r"[^\n]", " ", found.group(0))

    return TOKEN.sub(blank, text)


def without_directives(code):
    """Preprocessor lines (with their continuations) blanked: their braces need not balance."""
    lines, inside = [], False
    for line in code.split("\n"):
        directive = inside or line.lstrip().startswith("#")
        inside = directive and line.rstrip().endswith("\\")
        lines.append("" if directive else line)
    return "\n".join(lines)


def kind_of(head, enclosing):
    """What a '{' opens, from the text before it: scope, function, init (an initialiser), block."""
    if enclosing not in ("scope", None):
        return "block"
    text = " ".join(head.split())
    if "(" not in text or CONTROL.match(text):
        return "scope" if SCOPE.search(text) or not text else "init"
    if re.search(r"[\w>]$", text) and re.search(r"\)\s*(noexcept\s*)?:(?!:)", text):
        # After a constructor's colon: a name before '{' is a member being initialised.
        if not re.search(r"\b(const|noexcept|override|final)$", text):
            return "init"
    if text[-1] in "(,?":
        return "init"
    if re.search(r"(?<![=!<>])=\s*$|\breturn$", text) or re.search(r"(?<!operator)=[^=()]*$", text):
        return "init"
    return "function"


def label_of(head):
    """The function's name out of the text before its body."""
    text = " ".join(head.split())
    depth = 0
    for index, char in enumerate(text):
        if char == "<":
            depth += 1
        elif char == ">":
            depth -= 1
        elif char == "(" and depth <= 0:
            found = NAME.search(text[: index + 1])
            arguments = text[index + 1 : text.find(")", index)]
            name = found.group(1) if found else text[:40]
            return f"{name}({arguments})" if name.startswith("TEST") else name
    return text[:40]


def functions(text):
    """(name, first line, last line) of every function body; the lines of its braces count."""
    code = without_directives(strip(text))
    stack, head, line, found = [], "", 1, []
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            kind = kind_of(head, stack[-1][0] if stack else None)
            stack.append((kind, head, line))
            head = head + "{" if kind == "init" else ""
        elif char == "}" and stack:
            kind, opened_head, first = stack.pop()
            if kind == "function":
                found.append((label_of(opened_head), first, line))
            head = opened_head + "()" if kind == "init" else ""
        elif char == ";" and not (stack and stack[-1][0] == "init"):
            head = ""
        else:
            head += char
    return found
