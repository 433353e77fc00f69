"""Passwords nobody has thought of."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import ANY, Call

from . import errors
from . import service as secrets

if TYPE_CHECKING:
    from cloche.shapes import secretsmanager as t

KINDS = {
    "ExcludeLowercase": "abcdefghijklmnopqrstuvwxyz", "ExcludeUppercase": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "ExcludeNumbers": "0123456789",
    "ExcludePunctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
}


@secrets.op(ANY)
def get_random_password(call: Call, req: t.GetRandomPasswordRequest) -> t.GetRandomPasswordResponse:
    length, without = req.get("PasswordLength", 32), set(req.get("ExcludeCharacters", ""))
    kinds = ["".join(x for x in letters if x not in without) for flag, letters in KINDS.items() if not req.get(flag, False)]
    if req.get("IncludeSpace") and " " not in without:
        kinds.append(" ")
    kinds = [letters for letters in kinds if letters]
    if not kinds:
        raise errors.nothing_left()
    found = []
    if req.get("RequireEachIncludedType", True):
        if length < len(kinds):
            raise errors.password_too_short()
        found = [call.pick(letters, 1) for letters in kinds]
    found += call.pick("".join(kinds), length - len(found))
    call.cloud.dice.shuffle(found)
    return {"RandomPassword": "".join(found)}
