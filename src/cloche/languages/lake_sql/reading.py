"""A statement read: its words, its clauses, and the query that they make."""
from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from .values import AGGREGATES, SCALARS, Node, Refused, aggregated, in_order, moment, settled, shown, value

COLUMNS = ["eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent", "errorCode", "errorMessage", "requestParameters", "responseElements", "additionalEventData", "requestID", "eventID", "readOnly", "resources", "eventType", "apiVersion", "managementEvent", "recipientAccountId", "sharedEventID", "annotation", "vpcEndpointId", "vpcEndpointAccountId", "serviceEventDetails", "addendum", "edgeDeviceDetails", "insightDetails", "eventCategory", "tlsDetails", "sessionCredentialFromConsole", "eventJson"]
_KNOWN = {name.lower(): name for name in COLUMNS}
_TOKEN = re.compile(r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*")|(?P<number>\d+(?:\.\d+)?)|(?P<word>[A-Za-z_$][\w$]*(?:-[\w$]+)*)|(?P<sign><>|!=|<=|>=|\|\||[-+*/%(),.=<>\[\]]))""")
_STORE = re.compile(r"""\s*(?:[\w:/]*/)?([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})""")
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
RESERVED = ["from", "where", "group", "having", "order", "limit", "as", "and", "or", "not", "in", "like", "between", "is", "null", "asc", "desc", "by", "on", "join", "inner", "left", "right", "full", "cross", "union", "with", "over", "when", "then", "else", "end"]
BEYOND = ("join", "inner", "left", "right", "full", "cross", "union", "intersect", "except", "with", "over", "window", "offset", "fetch", "unnest")
DEEPEST = 60



class Query:
    def __init__(self, store: str, items: list[tuple[str, Node]], distinct: bool, where: Node | None, grouped: list[Node], having: Node | None, order: list[tuple[Node, bool]], limit: int | None) -> None:
        self.store, self.items, self.distinct, self.where, self.grouped, self.having, self.order, self.limit = store, items, distinct, where, grouped, having, order, limit
        self.aggregates = bool(grouped) or having is not None or any(aggregated(node) for _, node in items)
        if self.aggregates:
            for name, node in [*items, *(("", node) for node, _ in order)]:
                if not settled(node, grouped):
                    raise Refused(f"'{name or 'ORDER BY'}' must be an aggregate expression or appear in GROUP BY clause")
        for node in [*grouped, *([where] if where is not None else [])]:
            if aggregated(node):
                raise Refused("aggregations are not allowed in WHERE and GROUP BY")

    def run(self, events: Iterable[dict[str, Any]]) -> tuple[list[str], list[list[str | None]]]:
        rows = [one for one in events if self.where is None or value(self.where, one, None) is True]
        if self.aggregates:
            groups: dict[Any, list[Any]] = {} if self.grouped else {(): rows}
            for row in rows if self.grouped else ():
                groups.setdefault(tuple(json.dumps(value(node, row, None), sort_keys=True) for node in self.grouped), []).append(row)
            found = [(those[0] if those else {}, those) for those in groups.values()]
            if self.having is not None:
                found = [(row, those) for row, those in found if value(self.having, row, those) is True]
        else:
            found = [(row, None) for row in rows]
        for node, down in reversed(self.order):
            found.sort(key=lambda each: in_order(value(node, *each)), reverse=down)
        told = [[shown(value(node, *each)) for _, node in self.items] for each in found]
        if self.distinct:
            told = [list(row) for row in dict.fromkeys(tuple(row) for row in told)]
        return [name for name, _ in self.items], told[:self.limit] if self.limit is not None else told


# -- reading --------------------------------------------------------------------------------------------------------------------

def parse(text: str) -> Query:
    if len(text) > 10_000:
        raise Refused("the statement is longer than 10000 characters")
    return _Reader(_COMMENT.sub(" ", text).strip().rstrip(";")).query()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.names = text, 0, set[str]()
        self.kind = self.value = ""
        self.depth = 0
        self.step()

    def step(self) -> None:
        if not self.text[self.at:].strip():
            self.kind = self.value = ""
            return
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            raise Refused(f"line 1:{self.at + 1}: mismatched input '{self.text[self.at:].strip()[:10]}'")
        self.began, self.at, self.kind = self.at, match.end(), match.lastgroup or ""
        self.value = match[self.kind]

    def wrong(self) -> Refused:
        return Refused(f"line 1:{self.began + 1}: mismatched input '{self.value}'" if self.kind else "the statement ends too early")

    def word(self, *words: str) -> bool:
        """One after the other."""
        kept = (self.at, self.kind, self.value, getattr(self, "began", 0))
        for each in words:
            if self.kind != "word" or self.value.lower() != each:
                self.at, self.kind, self.value, self.began = kept
                return False
            self.step()
        return True

    def sign(self, value: str) -> bool:
        if self.kind == "sign" and self.value == value:
            self.step()
            return True
        return False

    def need(self, value: str) -> None:
        if not (self.sign(value) if not value.isalpha() else self.word(value)):
            raise self.wrong()

    def query(self) -> Query:
        if not self.word("select"):
            raise Refused("Cloche runs SELECT statements alone")
        distinct = self.word("distinct")
        begin, items = self.at, self.text.lower()
        # what is selected may name the store's alias, which comes behind it: the store is read first
        kept = (self.at, self.kind, self.value, self.began)
        store = self.store_in(items, begin)
        end = (self.at, self.kind, self.value, self.began)
        self.at, self.kind, self.value, self.began = kept
        chosen = self.items()
        if not (self.kind == "word" and self.value.lower() == "from"):
            raise self.wrong()
        self.at, self.kind, self.value, self.began = end
        where = self.expression() if self.word("where") else None
        grouped = self.listed() if self.word("group", "by") else []
        grouped = [chosen[int(node[1]) - 1][1] if node[0] == "value" and isinstance(node[1], int) and 0 < node[1] <= len(chosen) else node for node in grouped]
        having = self.named_too(self.expression(), chosen) if self.word("having") else None
        order: list[tuple[Node, bool]] = []
        if self.word("order", "by"):
            while True:
                node = self.named_too(self.expression(), chosen)
                order.append((node, not self.word("asc") and self.word("desc")))
                if not self.sign(","):
                    break
        limit = None
        if self.word("limit"):
            if self.kind != "number" or "." in self.value:
                raise self.wrong()
            limit = int(self.value)
            self.step()
        if self.kind:
            if self.value.lower() in BEYOND or self.value == ",":
                raise Refused(f"{self.value.upper()} is not built in Cloche: one SELECT over one event data store is")
            raise self.wrong()
        return Query(store, chosen, distinct, where, grouped, having, order, limit)

    def store_in(self, lower: str, begin: int) -> str:
        depth = 0
        while self.kind:
            if self.kind == "sign" and self.value in "()":
                depth += 1 if self.value == "(" else -1
            if depth == 0 and self.kind == "word" and self.value.lower() == "from":
                break
            self.step()
        else:
            raise Refused("the statement names no event data store")
        match = _STORE.match(self.text, self.at)
        if match is None:
            raise Refused("FROM needs the ID of an event data store, and nothing else")
        self.at = match.end()
        self.step()
        self.names = {match[1].lower()}
        self.word("as")
        if self.kind == "word" and self.value.lower() not in RESERVED:
            self.names.add(self.value.lower())
            self.step()
        return match[1].lower()

    def named_too(self, node: Node, chosen: list[tuple[str, Node]]) -> Node:
        """ORDER BY and HAVING may use the names and the places of what is selected."""
        if node[0] == "value" and isinstance(node[1], int) and 0 < node[1] <= len(chosen):
            return chosen[node[1] - 1][1]
        return node

    def items(self) -> list[tuple[str, Node]]:
        if self.sign("*"):
            self.aliases: dict[str, Node] = {}
            return [(name, ("path", [name])) for name in COLUMNS if name != "eventJson"]
        out: list[tuple[str, Node]] = []
        self.aliases = {}
        while True:
            node = self.expression()
            name = node[1][-1] if node[0] == "path" else f"_col{len(out)}"
            named = self.word("as")
            if self.kind == "quoted" or (self.kind == "word" and (named or self.value.lower() not in RESERVED)):
                name = self.value[1:-1] if self.kind == "quoted" else self.value
                self.aliases[name.lower()] = node
                self.step()
            out.append((name, node))
            if not self.sign(","):
                return out

    def listed(self) -> list[Node]:
        out = [self.expression()]
        while self.sign(","):
            out.append(self.expression())
        return out

    # -- expressions, from the loosest to the tightest --------------------------------------------------------------------------

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Refused("the statement is nested too deeply")
        parts_ = [self.both()]
        while self.word("or"):
            parts_.append(self.both())
        self.depth -= 1
        return parts_[0] if len(parts_) == 1 else ("or", parts_)

    def both(self) -> Node:
        found = [self.negated()]
        while self.word("and"):
            found.append(self.negated())
        return found[0] if len(found) == 1 else ("and", found)

    def negated(self) -> Node:
        if not self.word("not"):
            return self.comparison()
        self.depth += 1
        if self.depth > DEEPEST:
            raise Refused("the statement is nested too deeply")
        inner = ("not", self.negated())
        self.depth -= 1
        return inner

    def comparison(self) -> Node:
        one = self.sum()
        if self.kind == "sign" and self.value in ("=", "<>", "!=", "<", "<=", ">", ">="):
            sign = self.value.replace("!=", "<>")
            self.step()
            return ("compare", sign, one, self.sum())
        if self.word("is"):
            no = self.word("not")
            self.need("null")
            return ("not", ("null", one)) if no else ("null", one)
        no = self.word("not")
        if self.word("like"):
            pattern, escape = self.sum(), ""
            if self.word("escape"):
                if self.kind != "text":
                    raise self.wrong()
                escape = self.value[1:-1]
                self.step()
            found: Node = ("like", one, pattern, escape)
        elif self.word("in"):
            self.need("(")
            if self.kind == "word" and self.value.lower() == "select":
                raise Refused("subqueries are not built in Cloche")
            found = ("in", one, self.listed())
            self.need(")")
        elif self.word("between"):
            low = self.sum()
            self.need("and")
            found = ("and", [("compare", ">=", one, low), ("compare", "<=", one, self.sum())])
        elif no:
            raise self.wrong()
        else:
            return one
        return ("not", found) if no else found

    def sum(self) -> Node:
        one = self.product()
        while self.kind == "sign" and self.value in ("+", "-", "||"):
            sign = self.value
            self.step()
            one = ("math", sign, one, self.product())
        return one

    def product(self) -> Node:
        one = self.primary()
        while self.kind == "sign" and self.value in ("*", "/", "%"):
            sign = self.value
            self.step()
            one = ("math", sign, one, self.primary())
        return one

    def primary(self) -> Node:
        kind_, text = self.kind, self.value
        if self.sign("("):
            if self.kind == "word" and self.value.lower() == "select":
                raise Refused("subqueries are not built in Cloche")
            inner = self.expression()
            self.need(")")
            return inner
        if self.sign("-"):
            return ("math", "-", ("value", 0), self.primary())
        if kind_ == "text":
            self.step()
            return ("value", text[1:-1].replace("''", "'"))
        if kind_ == "number":
            self.step()
            return ("value", float(text) if "." in text else int(text))
        if kind_ not in ("word", "quoted"):
            raise self.wrong()
        if kind_ == "word" and self.word("case"):
            return self.case()
        low = text.lower()
        if kind_ == "word" and low in ("true", "false", "null"):
            self.step()
            return ("value", {"true": True, "false": False, "null": None}[low])
        if kind_ == "word" and low in BEYOND:
            raise Refused(f"{text.upper()} is not built in Cloche")
        self.step()
        if kind_ == "word" and low == "timestamp" and self.kind == "text":
            found = moment(self.value[1:-1])
            self.step()
            return ("value", found)
        if kind_ == "word" and self.sign("("):
            return self.function(low)
        return self.path(text[1:-1] if kind_ == "quoted" else text)

    def case(self) -> Node:
        out = []
        while self.word("when"):
            test = self.expression()
            self.need("then")
            out.append((test, self.expression()))
        if not out:
            raise self.wrong()
        other: Node = self.expression() if self.word("else") else ("value", None)
        self.need("end")
        return ("case", out, other)

    def function(self, name: str) -> Node:
        if name == "cast":
            inner = self.expression()
            self.need("as")
            if not self.word("varchar"):
                raise Refused("Cloche casts to VARCHAR alone")
            self.need(")")
            return ("call", "concat", [inner], False)
        if name not in AGGREGATES and name not in SCALARS and name != "coalesce":
            raise Refused(f"Function '{name}' not registered, or not built in Cloche")
        distinct = self.word("distinct")
        if name == "count" and self.sign("*"):
            self.need(")")
            return ("call", name, [], False)
        arguments = [] if self.kind == "sign" and self.value == ")" else self.listed()
        self.need(")")
        least, most = (1, 1) if name in AGGREGATES else (1, 50) if name == "coalesce" else SCALARS[name][:2]
        if not least <= len(arguments) <= most:
            raise Refused(f"Unexpected parameters for function {name}")
        if self.kind == "word" and self.value.lower() == "over":
            raise Refused("OVER is not built in Cloche")
        return ("call", name, arguments, distinct)

    def path(self, first: str) -> Node:
        names = [first]
        while self.sign("."):
            if self.kind not in ("word", "quoted"):
                raise self.wrong()
            names.append(self.value[1:-1] if self.kind == "quoted" else self.value)
            self.step()
        if self.kind == "sign" and self.value == "[":
            raise Refused("subscripts are not built in Cloche: element_at() is")
        if len(names) > 1 and names[0].lower() in self.names:
            names = names[1:]
        if names[0].lower() not in _KNOWN:
            if len(names) == 1 and names[0].lower() in getattr(self, "aliases", {}):
                return self.aliases[names[0].lower()]
            raise Refused(f"Column '{names[0]}' cannot be resolved")
        return ("path", [_KNOWN[names[0].lower()], *names[1:]])
