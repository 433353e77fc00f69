"""Which findings: conditions on attributes named as the wire writes them (`service.archived`, `severity`, `resource.instanceDetails.instanceId`)."""
from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from . import errors

TIMES = ("createdAt", "updatedAt", "eventFirstSeen", "eventLastSeen")


def wire(value: Any) -> Any:
    """Members as GuardDuty's JSON names them: a small first letter."""
    if isinstance(value, dict):
        return {k[:1].lower() + k[1:]: wire(v) for k, v in value.items()}
    return [wire(v) for v in value] if isinstance(value, list) else value


def _at(finding: Any, path: str) -> list[Any]:
    found = [finding]
    for part in path.split("."):
        step = part[:1].upper() + part[1:]
        found = [one[step] for each in found for one in (each if isinstance(each, list) else [each]) if isinstance(one, dict) and step in one]
    return found


def _number(path: str, value: Any) -> float:
    if path.rpartition(".")[2] in TIMES:
        return datetime.fromisoformat(str(value)).timestamp() * 1000
    try:
        return float(value)
    except (TypeError, ValueError):
        raise errors.bad_criteria() from None


def matches(finding: dict[str, Any], criterion: dict[str, Any]) -> bool:
    return all(_one(finding, path, condition) for path, condition in criterion.items())


def _one(finding: dict[str, Any], path: str, condition: dict[str, Any]) -> bool:
    values = _at(finding, path)
    texts = [str(v).lower() if isinstance(v, bool) else f"{v:g}" if isinstance(v, float) else str(v) for v in values]
    for word, wanted in condition.items():
        if word in ("Eq", "Equals"):
            good = any(text in wanted or (isinstance(value, float) and str(value) in wanted) for text, value in zip(texts, values, strict=True))
        elif word in ("Neq", "NotEquals"):
            good = not any(text in wanted for text in texts)
        elif word in ("Matches", "NotMatches"):
            good = any(fnmatchcase(text, pattern) for text in texts for pattern in wanted) == (word == "Matches")
        else:
            numbers = [_number(path, value) for value in values]
            good = any({"Gt": n > wanted, "GreaterThan": n > wanted, "Gte": n >= wanted, "GreaterThanOrEqual": n >= wanted, "Lt": n < wanted, "LessThan": n < wanted, "Lte": n <= wanted,
                        "LessThanOrEqual": n <= wanted}[word] for n in numbers)
        if not good:
            return False
    return True


def ordered(findings: list[dict[str, Any]], sort: Any) -> list[dict[str, Any]]:
    sort = sort or {}
    path = sort.get("AttributeName") or "updatedAt"

    def value(finding: dict[str, Any]) -> Any:
        found = _at(finding, path)
        return (0, found[0]) if found and isinstance(found[0], int | float) else (1, str(found[0]) if found else "")
    return sorted(findings, key=value, reverse=sort.get("OrderBy") != "ASC")
