"""A rough reading of C++ classes for tools/lint.py: how many methods and members each has."""

import re
from dataclasses import dataclass

from cpp_outline import strip, without_directives

# What opens a class's body: neither a forward declaration nor an enum.
CLASS = re.compile(
    r"(?<![\w:])(?:class|struct)\s+(?:\[\[\w+\]\]\s+)?([\w:]+)\s*(?:final\s*)?"
    r"(?::[^:;{}()][^;{}]*)?$")
LABEL = re.compile(r"^\s*(?:public|protected|private)\s*:(?!:)")
ATTRIBUTES = re.compile(r"^(?:\[\[[^\]]*\]\]\s*)+")
# Macros and specifiers with brackets that make no parameter list.
BRACKETS = re.compile(r"\b(?:alignas|decltype|GAPLESS_(?:PT_)?GUARDED_BY)\s*\([^()]*\)")
NO_MEMBER = re.compile(
    r"^(?:using|typedef|friend|static_assert|enum|class|struct|union)\b"
    r"|^(?:static|inline|constexpr)\s+(?:static|constexpr)\b(?!.*\()")
FRIEND_CLASS = re.compile(r"^friend\s+(?:class|struct)\s+([\w:]+)")
UNWRITTEN = re.compile(r"=\s*(?:default|delete)$")


@dataclass
class Class:
    name: str
    line: int
    methods: int = 0  # also constructors; neither defaulted nor deleted ones
    members: int = 0  # data; neither constants nor types


def declaration(text):
    """A member's declaration without what stands before it: labels, attributes, template <...>."""
    text = " ".join(text.split())
    while LABEL.match(text):
        text = LABEL.sub("", text).lstrip()
    while re.match(r"template\s*<", text):
        depth = 0
        for index, char in enumerate(text):
            depth += {"<": 1, ">": -1}.get(char, 0)
            if char == ">" and depth == 0:
                break
        text = text[index + 1 :].lstrip()
    return ATTRIBUTES.sub("", text)


def is_function(text):
    """Whether a parameter list comes before any initialiser."""
    text = BRACKETS.sub("", text)
    if re.search(r"\boperator\b", text):
        return True
    depth = 0
    for index, char in enumerate(text):
        if char == "<":
            depth += 1
        elif char == ">" and text[index - 1] != "-":
            depth -= 1
        elif depth == 0 and char in "={":
            return False
        elif depth == 0 and char == "(":
            return bool(re.search(r"\w\s*$", text[:index]))
    return False


def count(owner, text):
    text = declaration(text)
    if not text or NO_MEMBER.match(text):
        return
    if not is_function(text):
        owner.members += 1
    elif not UNWRITTEN.search(text):
        owner.methods += 1


def classes(text):
    """Every class and struct that a file defines, also inside others."""
    stack, head, line, found = [], "", 1, []
    for char in without_directives(strip(text)):
        line += char == "\n"
        inside = stack[-1] if stack else ("scope", None, "")
        if char == "{":
            opened = CLASS.search(" ".join(head.split()))
            if opened and inside[0] != "body":
                stack.append(("class", Class(opened.group(1), line), head))
            elif re.search(r"\b(?:namespace\b[\s\w:]*|extern\s*)$", head):
                stack.append(("scope", None, head))
            else:
                stack.append(("body", None, head))
            head = ""
        elif char == "}" and stack:
            kind, closed, opened_head = stack.pop()
            outer = stack[-1] if stack else ("scope", None, "")
            head = ""
            if kind == "class":
                found.append(closed)
                # `struct A {...} a;`: what follows up to the ';' declares a member.
                head = "" if outer[0] != "class" else "\0"
            elif kind == "body" and outer[0] == "class":
                if is_function(declaration(opened_head)):
                    count(outer[1], opened_head)
                else:
                    head = opened_head + "{}"  # an initialiser; the declaration goes on
        elif char == ";" and inside[0] != "body":
            if inside[0] == "class" and head.strip() != "\0":
                count(inside[1], head.replace("\0", ""))
            head = ""
        else:
            head += char
    return found
