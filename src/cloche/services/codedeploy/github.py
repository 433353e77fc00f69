"""Connections to GitHub. Nobody can make one here, and so there are none."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import ANY, AwsError, Call

from . import service as codedeploy

if TYPE_CHECKING:
    from cloche.shapes import codedeploy as t


@codedeploy.op(ANY)
def list_git_hub_account_token_names(call: Call, req: t.ListGitHubAccountTokenNamesInput) -> t.ListGitHubAccountTokenNamesOutput:
    return {"tokenNameList": []}


@codedeploy.op(ANY)
def delete_git_hub_account_token(call: Call, req: t.DeleteGitHubAccountTokenInput) -> t.DeleteGitHubAccountTokenOutput:
    if not req.get("tokenName"):
        raise AwsError("GitHubAccountTokenNameRequiredException", "The call is missing a required GitHub account connection name.")
    raise AwsError("GitHubAccountTokenDoesNotExistException", f"No GitHub account connection exists with the named specified in the call: {req['tokenName']}")
