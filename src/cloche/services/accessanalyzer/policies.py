"""Checks of a policy before it is stored: what is wrong with it, and whether it lets in who should not be."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam import Context, MalformedPolicy, Policy, parse
from cloche.iam.external import openings
from cloche.iam.validate import Finding, check, place
from cloche.kernel import ANY, Call, pages

from . import errors
from . import service as analyzer

if TYPE_CHECKING:
    from cloche.shapes import accessanalyzer as t

LINK = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html"


def position(text: str, at: int) -> dict[str, int]:
    return {"line": text.count("\n", 0, at) + 1, "column": at - (text.rfind("\n", 0, at) + 1), "offset": at}


def view(text: str, one: Finding) -> Any:
    start, end = place(text, one.path) if one.path else (0, len(text))
    path = [{"index": step} if isinstance(step, int) else {"value": step} for step in one.path]
    return {"findingDetails": one.details, "findingType": one.type, "issueCode": one.code, "learnMoreLink": f"{LINK}#access-analyzer-reference-policy-checks-{one.type.lower().replace('_', '-')}-{one.code.lower().replace('_', '-')}",
            "locations": [{"path": path, "span": {"start": position(text, start), "end": position(text, end)}}]}


@analyzer.op(resource=ANY, partly="checks that need no knowledge of every service's actions, resources and keys; findings in English")
def validate_policy(call: Call, req: t.ValidatePolicyRequest) -> t.ValidatePolicyResponse:
    text = req["policyDocument"]
    found = list(enumerate(check(text, req["policyType"], trust=req.get("validatePolicyResourceType") == "AWS::IAM::AssumeRolePolicyDocument")))
    those, more = pages.page(found, req, lambda pair: f"{pair[0]:06}", 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"findings": [view(text, one) for _, one in those], **more}


def document(text: str) -> Policy:
    try:
        return parse(text)
    except MalformedPolicy as error:
        raise errors.invalid(f"The policy is not valid: {error.message}") from None


def reasons(policy: Policy, indices: list[int], words: str) -> Any:
    return [{"description": f"{words} in the statement with index: {i}.", "statementIndex": i} | ({"statementId": policy.statements[i].sid} if policy.statements[i].sid else {}) for i in indices]


def verdict(policy: Policy, indices: list[int], good: str, bad: str, words: str) -> Any:
    if not indices:
        return {"result": "PASS", "message": good, "reasons": []}
    return {"result": "FAIL", "message": bad, "reasons": reasons(policy, indices, words)}


@analyzer.op(resource=ANY)
def check_no_public_access(call: Call, req: t.CheckNoPublicAccessRequest) -> t.CheckNoPublicAccessResponse:
    policy = document(req["policyDocument"])
    single = [i for i, statement in enumerate(policy.statements) if any(one.public for one in openings(parse(_alone(statement)), frozenset()))]
    return verdict(policy, single, "The resource policy does not grant public access for the given resource type.", "The resource policy grants public access for the given resource type.", "Public access granted")  # type: ignore[no-any-return]


def _alone(statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [dict(statement.raw)]})


@analyzer.op(resource=ANY, partly="conditions are taken to hold; patterns of resources are asked as they are written")
def check_access_not_granted(call: Call, req: t.CheckAccessNotGrantedRequest) -> t.CheckAccessNotGrantedResponse:
    policy, nothing = document(req["policyDocument"]), Context({})
    if not all(one.get("actions") or one.get("resources") for one in req["access"]):
        raise errors.invalid("Each access needs actions or resources.")

    def about(statement: Any, action: str, resource: str) -> bool:
        return (not action or statement.matches_action(action.lower())) and (not resource or statement.matches_resource(resource, nothing))
    granted = set()
    for one in req["access"]:
        for action in one.get("actions") or [""]:
            for resource in one.get("resources") or [""]:
                if any(not s.allows and not s.conditions and about(s, action, resource) for s in policy.statements):
                    continue
                granted |= {i for i, s in enumerate(policy.statements) if s.allows and about(s, action, resource)}
    return verdict(policy, sorted(granted), "The policy document does not grant access to perform the listed actions or resources.",  # type: ignore[no-any-return]
                   "The policy document grants access to perform one or more of the listed actions or resources.", "One or more of the listed actions or resources")
