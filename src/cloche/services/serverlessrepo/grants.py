"""What a statement of an application's policy grants, in IAM's words."""
from __future__ import annotations

from typing import Any

# what an action of an application's policy stands for
ACTIONS = {
    "Deploy": ("CreateCloudFormationChangeSet", "CreateCloudFormationTemplate", "GetApplication", "GetCloudFormationTemplate", "ListApplicationDependencies", "ListApplicationVersions",
               "SearchApplications"),
    **{name: (name,) for name in ("CreateCloudFormationChangeSet", "CreateCloudFormationTemplate", "GetApplication", "GetApplicationPolicy", "GetCloudFormationTemplate",
                                  "ListApplicationDependencies", "ListApplicationVersions", "PutApplicationPolicy", "SearchApplications", "UnshareApplication", "UpdateApplication",
                                  "CreateApplicationVersion", "DeleteApplication")},
}


def document(arn: str, statements: list[dict[str, Any]]) -> dict[str, Any]:
    """The statements in IAM's words."""
    out = []
    for one in statements:
        who: Any = "*" if "*" in one["Principals"] else {"AWS": list(one["Principals"])}
        statement = {"Sid": "".join(x for x in one["StatementId"] if x.isalnum()), "Effect": "Allow", "Principal": who, "Resource": arn,
                     "Action": [f"serverlessrepo:{x}" for name in one["Actions"] for x in ACTIONS[name]]}
        if one.get("PrincipalOrgIDs"):
            statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": list(one["PrincipalOrgIDs"])}}
        out.append(statement)
    return {"Version": "2012-10-17", "Statement": out}
