"""Lists of secrets. Filters compare beginnings; `!` before a value turns it round; values are alternatives, filters add up."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, pages

from . import errors
from . import service as secrets
from .records import Secret
from .secrets import show

if TYPE_CHECKING:
    from cloche.shapes import secretsmanager as t


def texts(secret: Secret, key: str) -> list[str]:
    """What a filter's key looks at."""
    every = {"name": [secret.name], "description": [secret.description or ""], "tag-key": list(secret.tags), "tag-value": list(secret.tags.values()),
             "primary-region": [secret.primary] if secret.primary else [], "owning-service": [secret.owner] if secret.owner else []}
    return [text for found in every.values() for text in found] if key == "all" else every[key]


def passes(secret: Secret, key: str, values: list[str]) -> bool:
    return any(_one(secret, key, value[1:]) is False if value.startswith("!") else _one(secret, key, value) for value in values)


def _one(secret: Secret, key: str, value: str) -> bool:
    found = texts(secret, key)
    if key in ("description", "all"):                  # these alone do not care for case; `all` takes the value word by word
        found = [text.lower() for text in found]
        words = value.lower().split() if key == "all" else [value.lower()]
        return all(any(part.startswith(word) for text in found for part in ([text, *text.split()] if key == "all" else [text])) for word in words)
    return any(text.startswith(value) for text in found)


def matching(call: Call, filters: list[Any], gone: bool = False) -> list[Secret]:
    return sorted((one for one in call.all(Secret) if (gone or not one.deleted) and all(passes(one, f["Key"], f["Values"]) for f in filters if f.get("Key") and f.get("Values"))),
                  key=lambda one: one.name)


ORDER = {"name": lambda one: one.name, "created-date": lambda one: one.created, "last-changed-date": lambda one: one.changed, "last-accessed-date": lambda one: one.accessed}


@secrets.op(ANY)
def list_secrets(call: Call, req: t.ListSecretsRequest) -> t.ListSecretsResponse:
    found = matching(call, req.get("Filters") or [], req.get("IncludePlannedDeletion", False))
    found.sort(key=ORDER[req.get("SortBy", "created-date")], reverse=req.get("SortOrder", "desc") == "desc")  # type: ignore[arg-type]
    shown, more = pages.page(found, req, lambda one: one.name, 100, errors.bad_token)
    return {"SecretList": [_entry(one) for one in shown], **more}  # type: ignore[typeddict-item]


def _entry(secret: Secret) -> dict[str, Any]:
    out = show(secret)
    if labelled := {id_: list(version.stages) for id_, version in secret.versions.items() if version.stages}:
        out["SecretVersionsToStages"] = labelled
    return out
