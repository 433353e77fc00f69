"""Block Public Access of an account: what it blocks is blocked in every bucket, whatever the bucket says."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call
from cloche.services.s3 import public as s3

from . import errors
from . import service as control
from .access_points import on_account, own

if TYPE_CHECKING:
    from cloche.shapes import s3control as t


@control.op(needs=on_account("s3:PutAccountPublicAccessBlock"))
def put_public_access_block(call: Call, req: t.PutPublicAccessBlockRequest) -> None:
    own(call, req)
    wanted = req["PublicAccessBlockConfiguration"]
    call.put(s3.AccountBlock(call.account, {word: bool(wanted.get(word)) for word in s3.ALL_BLOCKED}))


@control.op(needs=on_account("s3:GetAccountPublicAccessBlock"))
def get_public_access_block(call: Call, req: t.GetPublicAccessBlockRequest) -> t.GetPublicAccessBlockOutput:
    own(call, req)
    found = call.get(s3.AccountBlock, call.account)
    if found is None:
        raise errors.no_block()
    return {"PublicAccessBlockConfiguration": found.block}  # type: ignore[typeddict-item]


@control.op(needs=on_account("s3:PutAccountPublicAccessBlock"))
def delete_public_access_block(call: Call, req: t.DeletePublicAccessBlockRequest) -> None:
    own(call, req)
    found = call.get(s3.AccountBlock, call.account)
    if found is not None:
        call.delete(found)
