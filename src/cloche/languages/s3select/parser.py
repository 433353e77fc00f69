"""From words to a tree: `Query` holds what to show, where records come from, which of them, and how many.

Nodes are tuples: ("value", v), ("path", steps), ("call", name, arguments), ("sum", name, argument or None), ("case", [(when, then)], otherwise),
and operators ("=", a, b). A step of a path is ("name", text, exact), ("at", index) or ("all", "" for elements, "*" for members).
"""
from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from . import moments
from .errors import Invalid, expected_keyword, unexpected, unsupported
from .lexer import Token, words

Node = tuple[Any, ...]
MOST_BYTES = 256 * 1024
DEEPEST = 300
SUMS = {"AVG", "COUNT", "MAX", "MIN", "SUM"}
FUNCTIONS = {"CHAR_LENGTH": (1, 1), "CHARACTER_LENGTH": (1, 1), "LOWER": (1, 1), "UPPER": (1, 1), "COALESCE": (1, 99), "NULLIF": (2, 2), "UTCNOW": (0, 0), "TO_TIMESTAMP": (1, 1),
             "TO_STRING": (2, 2), "SUBSTRING": (2, 3)}
TYPES = {"BOOL", "BOOLEAN", "INT", "INTEGER", "STRING", "FLOAT", "DECIMAL", "NUMERIC", "TIMESTAMP"}
COMPARISONS = ("=", "<>", "!=", "<", ">", "<=", ">=")
KEYWORDS = {"SELECT", "FROM", "WHERE", "LIMIT", "AS", "AND", "OR", "NOT", "IN", "IS", "LIKE", "BETWEEN", "ESCAPE", "CASE", "WHEN", "THEN", "ELSE", "END", "NULL", "MISSING",
            "TRUE", "FALSE", "CAST", "GROUP", "ORDER", "HAVING", "JOIN", "UNION", "BY", "DISTINCT", "ALL"}


class Query(NamedTuple):
    shown: list[tuple[Node, str]]  # expression and name; empty: everything
    source: list[Any]              # steps behind S3Object
    alias: str
    where: Node | None
    limit: int | None


def read(text: str) -> Query:
    if len(text.encode()) > MOST_BYTES:
        raise Invalid("ExpressionTooLong", "The SQL expression is too long: The maximum byte-length for the SQL expression is 256 KB.")
    try:
        found = Reader(words(text)).query()
    except RecursionError:
        raise too_deep() from None
    if depth(found) > DEEPEST:
        raise too_deep()
    return found


def too_deep() -> Invalid:
    return Invalid("UnsupportedSqlStructure", "Encountered an unsupported SQL structure: expressions are nested too deeply.")


def depth(query: Query) -> int:
    """How deep the deepest expression is; without going down itself."""
    deepest, level = 0, [node for node, _ in query.shown] + ([query.where] if query.where else [])
    while level:
        deepest += 1
        level = [inner for node in level for inner in node if isinstance(inner, (tuple, list))]  # type: ignore[union-attr]
    return deepest


class Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.at = tokens, 0

    # --- tokens

    def word(self, *wanted: str) -> str:
        """The next word, if it is one of these keywords or operators; it is taken."""
        kind, text, _ = self.tokens[self.at]
        found = text.upper() if kind == "name" else text if kind == "op" else ""
        if found and found in wanted:
            self.at += 1
            return found
        return ""

    def peek(self, *wanted: str) -> bool:
        at = self.at
        found = bool(self.word(*wanted))
        self.at = at
        return found

    def need(self, op: str) -> None:
        if not self.word(op):
            raise expected_keyword(op) if op.isalpha() else self.odd()

    def odd(self) -> Invalid:
        _, text, at = self.tokens[self.at]
        return unexpected(text, at)

    def take(self, *kinds: str) -> str:
        kind, text, _ = self.tokens[self.at]
        if kind not in kinds:
            raise self.odd()
        self.at += 1
        return text

    # --- the statement

    def query(self) -> Query:
        if not self.word("SELECT"):
            raise Invalid("ParseUnsupportedSelect", "The SQL expression contains an unsupported use of SELECT.") if self.peek("INSERT", "UPDATE", "DELETE") else expected_keyword("SELECT")
        shown = self.shown()
        if not self.word("FROM"):
            raise Invalid("ParseSelectMissingFrom", "The SQL expression contains a missing FROM after SELECT list.") if self.peek("WHERE", "LIMIT") or self.tokens[self.at][0] == "end" else self.odd()
        source, alias = self.source()
        where = self.expression() if self.word("WHERE") else None
        limit = None
        if self.word("LIMIT"):
            number = self.take("number")
            if not number.isdigit():
                raise Invalid("ParseExpectedNumber", "Did not find the expected number in the SQL expression.")
            limit = int(number)
        if self.peek("GROUP", "ORDER", "HAVING", "JOIN", "UNION") or self.peek(","):
            raise unsupported(self.tokens[self.at][1])
        self.word(";")
        if self.tokens[self.at][0] != "end":
            raise self.odd()
        if where is not None and any(node[0] == "sum" for node in walk(where)):
            raise Invalid("UnsupportedSqlStructure", "Encountered an unsupported SQL structure: an aggregate function in WHERE.")
        return Query(shown, source, alias, where, limit)

    def shown(self) -> list[tuple[Node, str]]:
        if self.word("*"):
            if self.peek(","):
                raise Invalid("ParseAsteriskIsNotAloneInSelectList", "Other expressions are not allowed in the SELECT list when '*' is used without dot notation.")
            return []
        if self.peek("DISTINCT", "ALL"):
            raise unsupported("DISTINCT")
        shown: list[tuple[Node, str]] = []
        while True:
            if self.peek("*"):
                raise Invalid("ParseAsteriskIsNotAloneInSelectList", "Other expressions are not allowed in the SELECT list when '*' is used without dot notation.")
            node = self.expression()
            name = ""
            if node[0] == "path" and node[1][-1] == ("all", "*"):
                if shown or self.peek(",") or len(node[1]) > 2:
                    raise unsupported("a wildcard beside other columns")
                return []
            if self.word("AS") or self.tokens[self.at][0] == "quoted" or (self.tokens[self.at][0] == "name" and self.tokens[self.at][1].upper() not in KEYWORDS):
                name = self.take("name", "quoted")
            if not name and node[0] == "path" and node[1][-1][0] == "name":
                name = node[1][-1][1]
            shown.append((node, name or f"_{len(shown) + 1}"))
            if not self.word(","):
                break
        sums = [any(inner[0] == "sum" for inner in walk(node)) for node, _ in shown]
        if any(sums) and not all(sums):
            raise Invalid("UnsupportedSqlStructure", "Encountered an unsupported SQL structure: aggregate functions beside columns need GROUP BY, which is not supported.")
        return shown

    def source(self) -> tuple[list[Any], str]:
        if self.word("("):
            raise unsupported("a subquery")
        name = self.take("name", "quoted")
        if name.upper() not in ("S3OBJECT", "OBJECT"):
            raise Invalid("InvalidDataSource", "The SQL expression names no data source that is supported: FROM must name S3Object.")
        steps = self.steps(wild=True)
        alias = next((step[1] for step in reversed(steps) if step[0] == "name"), "")
        if self.word("AS") or self.tokens[self.at][0] == "quoted" or (self.tokens[self.at][0] == "name" and self.tokens[self.at][1].upper() not in KEYWORDS):
            alias = self.take("name", "quoted")
        return steps, alias

    def steps(self, wild: bool = False) -> list[Any]:
        steps: list[Any] = []
        while True:
            if self.word("."):
                if self.word("*"):
                    steps.append(("all", "*"))
                    if not wild:
                        return steps
                    continue
                kind = self.tokens[self.at][0]
                steps.append(("name", self.take("name", "quoted"), kind == "quoted"))
            elif self.word("["):
                kind = self.tokens[self.at][0]
                if kind == "number":
                    number = self.take("number")
                    if not number.isdigit():
                        raise Invalid("InvalidKeyPath", "The key path in the SQL expression is invalid.")
                    steps.append(("at", int(number)))
                elif kind == "string":
                    steps.append(("name", self.take("string"), True))
                elif wild and self.word("*"):
                    steps.append(("all", ""))
                else:
                    raise Invalid("InvalidKeyPath", "The key path in the SQL expression is invalid.")
                self.need("]")
            else:
                return steps

    # --- expressions, from loose to tight

    def expression(self) -> Node:
        node = self.conjunction()
        while self.word("OR"):
            node = ("OR", node, self.conjunction())
        return node

    def conjunction(self) -> Node:
        node = self.negation()
        while self.word("AND"):
            node = ("AND", node, self.negation())
        return node

    def negation(self) -> Node:
        return ("NOT", self.negation()) if self.word("NOT") else self.comparison()

    def comparison(self) -> Node:
        node = self.joined()
        while True:
            if op := self.word(*COMPARISONS):
                node = ("<>" if op == "!=" else op, node, self.joined())
            elif self.word("IS"):
                no, kind = self.word("NOT"), self.word("NULL", "MISSING")
                if not kind:
                    raise expected_keyword("NULL")
                node = ("IS " + kind, node)
                node = ("NOT", node) if no else node
            else:
                no = self.word("NOT")
                if self.word("BETWEEN"):
                    low = self.joined()
                    self.need("AND")
                    node = ("AND", (">=", node, low), ("<=", node, self.joined()))
                elif self.word("IN"):
                    node = ("IN", node, self.listed("(", ")"))
                elif self.word("LIKE"):
                    pattern = self.joined()
                    node = ("LIKE", node, pattern, self.joined() if self.word("ESCAPE") else None)
                elif no:
                    raise self.odd()
                else:
                    return node
                node = ("NOT", node) if no else node

    def listed(self, first: str, last: str) -> list[Node]:
        self.need(first)
        found: list[Node] = []
        if self.word(last):
            return found
        while True:
            found.append(self.expression())
            if self.word(last):
                return found
            if not self.word(","):
                raise Invalid("ParseExpectedArgumentDelimiter", "Did not find the expected argument delimiter in the SQL expression.")

    def joined(self) -> Node:
        node = self.added()
        while self.word("||"):
            node = ("||", node, self.added())
        return node

    def added(self) -> Node:
        node = self.multiplied()
        while op := self.word("+", "-"):
            node = (op, node, self.multiplied())
        return node

    def multiplied(self) -> Node:
        node = self.signed()
        while op := self.word("*", "/", "%"):
            node = (op, node, self.signed())
        return node

    def signed(self) -> Node:
        if self.word("-"):
            return ("-", ("value", 0), self.signed())
        if self.word("+"):
            return self.signed()
        return self.primary()

    def primary(self) -> Node:
        kind, text, _ = self.tokens[self.at]
        if kind == "number":
            self.at += 1
            return ("value", int(text) if text.isdigit() and len(text) < 300 else Decimal(text))
        if kind == "string":
            self.at += 1
            return ("value", text)
        if kind == "literal":
            self.at += 1
            return ("value", moments.literal(text))
        if self.word("("):
            if self.peek("SELECT"):
                raise unsupported("a subquery")
            node = self.expression()
            self.need(")")
            return node
        if self.peek("["):
            return ("list", self.listed("[", "]"))
        if kind == "quoted":
            self.at += 1
            return ("path", [("name", text, True), *self.steps()])
        if kind != "name":
            raise Invalid("ParseExpectedExpression", "Did not find the expected SQL expression.") if kind in ("end", "op") else self.odd()
        self.at += 1
        word = text.upper()
        if word in ("TRUE", "FALSE"):
            return ("value", word == "TRUE")
        if word in ("NULL", "MISSING"):
            return ("value", None) if word == "NULL" else ("missing",)
        if word == "CASE":
            return self.case()
        if self.peek("("):
            return self.called(word, text)
        if word in KEYWORDS:
            raise Invalid("ParseUnExpectedKeyword", f"The SQL expression contains an unexpected keyword: {word}.")
        return ("path", [("name", text, False), *self.steps()])

    def case(self) -> Node:
        subject = None if self.peek("WHEN") else self.expression()
        branches: list[tuple[Node, Node]] = []
        while self.word("WHEN"):
            when = self.expression()
            self.need("THEN")
            branches.append((when if subject is None else ("=", subject, when), self.expression()))
        if not branches:
            raise expected_keyword("WHEN")
        otherwise = self.expression() if self.word("ELSE") else ("value", None)
        self.need("END")
        return ("case", branches, otherwise)

    def called(self, word: str, text: str) -> Node:
        if word in SUMS:
            self.need("(")
            if self.word("*"):
                if word != "COUNT":
                    raise Invalid("ParseUnsupportedCallWithStar", "Only COUNT with (*) as a parameter is supported in the SQL expression.")
                self.need(")")
                return ("sum", word, None)
            argument = self.expression()
            if not self.word(")"):
                raise Invalid("ParseNonUnaryAgregateFunctionCall", "Only one argument is supported for aggregate functions in the SQL expression.")
            return ("sum", word, argument)
        if word == "CAST":
            return self.cast()
        if word in ("DATE_ADD", "DATE_DIFF"):
            self.need("(")
            part = self.part()
            self.need(",")
            first = self.expression()
            self.need(",")
            second = self.expression()
            self.need(")")
            return ("call", word, [("value", part), first, second])
        if word == "EXTRACT":
            self.need("(")
            part = self.part(zones=True)
            self.need("FROM")
            node = self.expression()
            self.need(")")
            return ("call", word, [("value", part), node])
        if word == "TRIM":
            return self.trim()
        if word == "SUBSTRING":
            return self.substring()
        if word not in FUNCTIONS:
            raise Invalid("UnsupportedFunction", f"Encountered an unsupported SQL function: {text}.")
        arguments = self.listed("(", ")")
        least, most = FUNCTIONS[word]
        if not least <= len(arguments) <= most:
            raise Invalid("EvaluatorInvalidArguments", f"Incorrect number of arguments in the function call of {word} in the SQL expression.")
        return ("call", word, arguments)

    def part(self, zones: bool = False) -> str:
        name = self.take("name").lower()
        if name not in moments.PARTS and not (zones and name in ("timezone_hour", "timezone_minute")):
            raise Invalid("ParseExpectedDatePart", "Did not find the expected date part in the SQL expression.")
        return name

    def cast(self) -> Node:
        self.need("(")
        node = self.expression()
        self.need("AS")
        kind = self.take("name").upper()
        if kind not in TYPES:
            raise Invalid("ParseExpectedTypeName", "Did not find the expected type name in the SQL expression.")
        if self.word("("):
            if kind not in ("DECIMAL", "NUMERIC", "STRING"):
                raise Invalid("ParseInvalidTypeParam", "The SQL expression contains an invalid parameter value.")
            self.take("number")
            if self.word(","):
                self.take("number")
            self.need(")")
        self.need(")")
        return ("call", "CAST", [node, ("value", kind)])

    def trim(self) -> Node:
        self.need("(")
        side = self.word("LEADING", "TRAILING", "BOTH") or "BOTH"
        characters: Node = ("value", " ")
        if not self.word("FROM"):
            characters = self.expression()
            if not self.word("FROM"):
                self.need(")")
                return ("call", "TRIM", [("value", side), ("value", " "), characters])
        node = self.expression()
        self.need(")")
        return ("call", "TRIM", [("value", side), characters, node])

    def substring(self) -> Node:
        self.need("(")
        arguments = [self.expression()]
        if self.word("FROM"):
            arguments.append(self.expression())
            if self.word("FOR"):
                arguments.append(self.expression())
        else:
            while self.word(","):
                arguments.append(self.expression())
        self.need(")")
        if not 2 <= len(arguments) <= 3:
            raise Invalid("EvaluatorInvalidArguments", "Incorrect number of arguments in the function call of SUBSTRING in the SQL expression.")
        return ("call", "SUBSTRING", arguments)


def walk(node: Any) -> Any:
    """A node and all nodes in it."""
    left = [node]
    while left:
        one = left.pop()
        if isinstance(one, tuple) and one and isinstance(one[0], str):
            yield one
        left += [inner for inner in one if isinstance(inner, (tuple, list))]
