"""AssumeRoot: a session of quarter of an hour as a member account's root user, held to one task by a policy of AWS's.

Whoever is refused hears the same sentence, whether permission, organization, feature or member is lacking.
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.iam import Principal, managed
from cloche.kernel import Call, Need

from ..iam import public as iam
from ..organizations import public as organizations
from . import errors, sessions
from . import service as sts

if TYPE_CHECKING:
    from cloche.shapes import sts as t

SECONDS = 900
_TARGET = re.compile(r"(?:arn:aws[a-z-]*:iam::(\d{12}):root|(\d{12}))")


def _target(req: Any) -> str:
    found = _TARGET.fullmatch(req["TargetPrincipal"])
    if found is None:
        raise errors.bad_target(req["TargetPrincipal"])
    return found[1] or found[2]


def _root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


def _questions(call: Call, req: Any) -> list[Need]:
    # asked as about the caller's own: the member's side of it is that it belongs to the organization
    found = _TARGET.fullmatch(req["TargetPrincipal"])
    return [Need("sts:AssumeRoot", _root(found[1] or found[2]) if found else "*", {"sts:TaskPolicyArn": req["TaskPolicyArn"].get("arn")}, account=call.account)]


EVERYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'   # a task's policy only denies what is not of the task


@sts.op(needs=_questions)
def assume_root(call: Call, req: t.AssumeRootRequest) -> t.AssumeRootResponse:
    account, arn = _target(req), req["TaskPolicyArn"].get("arn", "")
    task = arn.rpartition("/")[2]
    if arn != f"arn:aws:iam::aws:policy/root-task/{task}" or iam.root_task(call, call.account, task) is None:
        raise errors.no_task_policy(arn)
    manager = organizations.administers(call.cloud, call.account, iam.ROOT_TRUSTED)
    if (call.principal.kind == "root" or manager is None or account == manager or account not in organizations.members(call.cloud, manager)
            or not iam.root_task(call, manager, task)):
        raise errors.denied(call.principal.arn, "sts:AssumeRoot", _root(account))
    document = managed.document(arn)
    assert document is not None
    who = Principal(kind="root", arn=_root(account), account=account, id=account, session_policies=(EVERYTHING, document), mfa=False, source_identity=call.principal.source_identity)
    credentials, _ = sessions.begin(call, who, req.get("DurationSeconds", SECONDS))
    answer: t.AssumeRootResponse = {"Credentials": credentials}  # type: ignore[typeddict-item]
    if who.source_identity:
        answer["SourceIdentity"] = who.source_identity
    return answer
