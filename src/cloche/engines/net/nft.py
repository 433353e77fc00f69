"""A table of nftables as a value, the text that makes it, and the text that makes one out of another.

What changes often (addresses, members, rules of groups) lies in the elements of sets and maps, what changes seldom (which groups an interface has) in
chains of a few rules: so the difference of two tables is small, and one transaction of the kernel's.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

TABLE = "inet cloche"


class Set(Struct, frozen=True):
    """A set, or a map where `type` has a colon; `more` is what else its declaration says. Elements: key -> value ("" in sets)."""
    type: str
    elements: Mapping[str, str] = {}
    more: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        return "map" if ":" in self.type else "set"

    def lines(self, keys: Iterable[str]) -> str:
        return ", ".join(f"{key} : {self.elements[key]}" if self.elements[key] else key for key in keys)


class Ruleset(Struct, frozen=True):
    """Chains: name -> rules; the first line of a base chain is its hook."""
    chains: Mapping[str, tuple[str, ...]] = {}
    sets: Mapping[str, Set] = {}

    def text(self) -> str:
        return difference(Ruleset(), self)


def difference(old: Ruleset, new: Ruleset) -> str:
    """One transaction that turns the old table into the new one; "" where nothing is different. From an empty table: the whole text."""
    out: list[str] = []
    if not old.chains and not old.sets and (new.chains or new.sets):
        out.append(f"add table {TABLE}")
    changed = [name for name, rules in new.chains.items() if old.chains.get(name) != rules]
    gone = [name for name in old.chains if name not in new.chains]
    for name, one in new.sets.items():
        if name not in old.sets:
            out.append(f"add {one.word} {TABLE} {name} {{ type {one.type}; {' '.join(word + ';' for word in one.more)} }}")
    for name in changed:
        if name not in old.chains:
            first = new.chains[name][0] if new.chains[name] else ""
            out.append(f"add chain {TABLE} {name} {{ {first} }}" if first.startswith("type ") else f"add chain {TABLE} {name}")
        else:
            out.append(f"flush chain {TABLE} {name}")
    out += [f"flush chain {TABLE} {name}" for name in gone]
    for name, one in new.sets.items():
        before = old.sets.get(name)
        if before is not None and before.elements is not one.elements and before.elements != one.elements:
            away = [key for key, value in before.elements.items() if one.elements.get(key) != value]
            if away:
                out.append(f"delete element {TABLE} {name} {{ {before.lines(away)} }}")
    for name, one in new.sets.items():
        before = old.sets.get(name)
        known: Mapping[str, str] = before.elements if before is not None else {}
        if one.elements is not known:
            fresh = [key for key, value in one.elements.items() if known.get(key) != value]
            if fresh:
                out.append(f"add element {TABLE} {name} {{ {one.lines(fresh)} }}")
    for name in changed:
        out += [f"add rule {TABLE} {name} {rule}" for rule in new.chains[name] if not rule.startswith("type ")]
    for name in old.sets:
        if name not in new.sets and ":" in old.sets[name].type and old.sets[name].elements:
            out.append(f"flush {old.sets[name].word} {TABLE} {name}")
    out += [f"delete chain {TABLE} {name}" for name in gone]
    out += [f"delete {one.word} {TABLE} {name}" for name, one in old.sets.items() if name not in new.sets]
    return "\n".join(out) + "\n" if out else ""
