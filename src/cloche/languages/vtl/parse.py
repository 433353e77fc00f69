"""From source to blocks: running text, comments and directives.

A directive alone on its line takes the line's end with it, and #set also the blanks before it, as Velocity 1 does.
"""
from __future__ import annotations

import re

from .cursor import Cursor
from .directives import BreakNow, Define, Foreach, If, Macro, MacroCall, Set, StopNow
from .errors import VtlError
from .expressions import NAME, arguments, expression, reference
from .tree import Block, Node, Reference, Text

MARK = re.compile(r"[$#\\]")
DIRECTIVE = re.compile(r"#(?:\{(\w+)\}|(@?[A-Za-z_]\w*))", re.ASCII)
LINE_END = re.compile(r"[ \t]*\r?\n")
LINE_COMMENT = re.compile(r"##[^\n]*\n?")
GAP = re.compile(r"[ \t]*")
ESCAPED = re.compile(r"(\\+)(?=\$!?\{?[A-Za-z_]|#\{?(?:set|if|elseif|else|end|foreach|define|macro|break|stop)\b)")
BLANKS = re.compile(r"[ \t]*\Z")
ENDS = ("end", "else", "elseif")
DEEPEST = 60


def parse(source: str) -> Block:
    c = Cursor(source)
    block, end = body(c, 0)
    if end:
        raise c.error(f"#{end} without a beginning")
    return block


def body(c: Cursor, depth: int) -> tuple[Block, str]:
    """Up to #end, #else, #elseif or the end of the source; and which of them it was."""
    if depth > DEEPEST:
        raise c.error("too deeply nested")
    nodes: list[Node] = []

    def say(text: str) -> None:
        if text:
            nodes.append(Text(text))

    while not c.done():
        found = MARK.search(c.source, c.at)
        if found is None:
            say(c.source[c.at:])
            c.at = len(c.source)
            break
        say(c.source[c.at:found.start()])
        c.at = found.start()
        if found[0] == "\\":
            escape(c, say)
        elif found[0] == "$":
            if node := reference(c):
                nodes.append(node)
            else:
                say("$")
                c.at += 1
        elif not comment(c, say):
            start, name = c.at, c.take(DIRECTIVE)
            word = (name[1] or name[2]) if name else ""
            if word in ENDS:
                if depth == 0 or word != "elseif":
                    c.take(LINE_END)
                return joined(nodes), word
            if word and (node := directive(c, word, start, depth, nodes)):
                nodes.append(node)
            else:
                say(c.source[start:max(c.at, start + 1)])
                c.at = max(c.at, start + 1)
    return joined(nodes), ""


def joined(nodes: list[Node]) -> Block:
    merged: list[Node] = []
    for node in nodes:
        if isinstance(node, Text) and merged and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].text + node.text)
        else:
            merged.append(node)
    return Block(merged)


def escape(c: Cursor, say) -> None:
    r"""`\$x` is the text `$x`, `\\$x` a backslash and the value."""
    found = c.take(ESCAPED)
    if found is None:
        say("\\")
        c.at += 1
        return
    count = len(found[1])
    say("\\" * (count // 2))
    if count % 2:
        start = c.at
        if c.sees("$"):
            reference(c)
        else:
            c.take(DIRECTIVE)
        c.at = max(c.at, start + 1)
        say(c.source[start:c.at])


def comment(c: Cursor, say) -> bool:
    if c.sees("##"):
        c.take(LINE_COMMENT)
        return True
    for opening, closing in (("#*", "*#"), ("#[[", "]]#")):
        if c.eat(opening):
            end = c.source.find(closing, c.at)
            if end < 0:
                raise c.error(f'"{opening}" is not closed')
            if opening == "#[[":
                say(c.source[c.at:end])
            c.at = end + len(closing)
            return True
    return False


def directive(c: Cursor, word: str, start: int, depth: int, nodes: list[Node]) -> Node | None:
    match word:
        case "set":
            return assignment(c, nodes)
        case "if":
            return choice(c, depth)
        case "foreach":
            return loop(c, depth)
        case "define":
            opened(c)
            name = variable(c)
            return Define(name, closed(c, depth))
        case "macro":
            opened(c)
            return macro(c, depth)
        case "break" | "stop":
            c.take(LINE_END)
            return BreakNow() if word == "break" else StopNow()
    c.take(GAP)
    if not c.eat("("):
        c.at = start
        c.take(DIRECTIVE)
        return None
    try:
        args = arguments(c, ")")
    except VtlError:
        c.at = start + 1
        return None
    inner = body_of(c, depth) if word.startswith("@") else None
    return MacroCall(word.lstrip("@"), args, inner, c.source[start:c.at])


def opened(c: Cursor) -> None:
    c.take(GAP)
    c.expect("(")
    c.skip()


def shut(c: Cursor) -> None:
    c.skip()
    c.expect(")")
    c.take(LINE_END)


def condition(c: Cursor) -> Node:
    opened(c)
    value = expression(c)
    shut(c)
    return value


def variable(c: Cursor) -> str:
    found = reference(c)
    if found is None or found.parts:
        raise c.error("expected a variable")
    return found.name


def assignment(c: Cursor, nodes: list[Node]) -> Node:
    line_start = c.source.rfind("\n", 0, c.at) + 1
    if nodes and isinstance(nodes[-1], Text) and c.source[line_start:c.source.find("#", line_start)].strip(" \t") == "":
        nodes[-1] = Text(BLANKS.sub("", nodes[-1].text))
    opened(c)
    left = reference(c)
    if not isinstance(left, Reference):
        raise c.error("expected a reference")
    c.skip()
    c.expect("=")
    right = expression(c)
    shut(c)
    return Set(left, right)


def choice(c: Cursor, depth: int) -> Node:
    branches, otherwise, end = [], None, "elseif"
    while end == "elseif":
        test = condition(c)
        block, end = body(c, depth + 1)
        branches.append((test, block))
    if end == "else":
        otherwise, end = body(c, depth + 1)
    if end != "end":
        raise c.error("#if without #end")
    return If(branches, otherwise)


def loop(c: Cursor, depth: int) -> Node:
    opened(c)
    name = variable(c)
    c.skip()
    word = c.take(NAME)
    if word is None or word[0] != "in":
        raise c.error('expected "in"')
    over = expression(c)
    shut(c)
    block, end = body(c, depth + 1)
    otherwise = None
    if end == "else":
        otherwise, end = body(c, depth + 1)
    if end != "end":
        raise c.error("#foreach without #end")
    return Foreach(name, over, block, otherwise)


def macro(c: Cursor, depth: int) -> Node:
    name = c.take(NAME)
    if name is None:
        raise c.error("expected the macro's name")
    parameters = []
    c.skip()
    while c.sees("$"):
        parameters.append(variable(c))
        c.skip()
        c.eat(",")
        c.skip()
    return Macro(name[0], parameters, closed(c, depth))


def closed(c: Cursor, depth: int) -> Block:
    shut(c)
    return body_of(c, depth)


def body_of(c: Cursor, depth: int) -> Block:
    block, end = body(c, depth + 1)
    if end != "end":
        raise c.error("expected #end")
    return block
