"""Who else may use a repository, and who may replicate into a registry."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.iam import MalformedPolicy, grammar
from cloche.kernel import ANY, Call, Record

from . import errors
from . import service as ecr
from .repositories import ON, find

if TYPE_CHECKING:
    from cloche.shapes import ecr as t


class Registry(Record, frozen=True):
    """What is set for all repositories of an account in a region."""

    kind = "ecr.registry"
    policy: str = ""
    rules: list[dict[str, object]] = []   # of replication

    @property
    def key(self) -> str:
        return "registry"


def registry(call: Call) -> Registry:
    return call.get(Registry, "registry") or Registry()


@ecr.op(**ON)
def set_repository_policy(call: Call, req: t.SetRepositoryPolicyRequest) -> t.SetRepositoryPolicyResponse:
    here, one = find(call, req)
    try:
        grammar.resource(req["policyText"], resource_needed=False)
    except MalformedPolicy as error:
        raise errors.bad_policy(error.message) from None
    here.put(one.but(policy=req["policyText"]))
    return {"registryId": one.account, "repositoryName": one.name, "policyText": req["policyText"]}


@ecr.op(**ON)
def get_repository_policy(call: Call, req: t.GetRepositoryPolicyRequest) -> t.GetRepositoryPolicyResponse:
    _, one = find(call, req)
    if not one.policy:
        raise errors.no_policy(one.name, one.account)
    return {"registryId": one.account, "repositoryName": one.name, "policyText": one.policy}


@ecr.op(**ON)
def delete_repository_policy(call: Call, req: t.DeleteRepositoryPolicyRequest) -> t.DeleteRepositoryPolicyResponse:
    here, one = find(call, req)
    if not one.policy:
        raise errors.no_policy(one.name, one.account)
    here.put(one.but(policy=""))
    return {"registryId": one.account, "repositoryName": one.name, "policyText": one.policy}


# -- the registry's -------------------------------------------------------------------------------------------------------


@ecr.op(ANY)
def put_registry_policy(call: Call, req: t.PutRegistryPolicyRequest) -> t.PutRegistryPolicyResponse:
    try:
        grammar.resource(req["policyText"])
    except MalformedPolicy as error:
        raise errors.bad_replication(f"Invalid registry policy provided: {error.message}") from None
    call.put(registry(call).but(policy=req["policyText"]))
    return {"registryId": call.account, "policyText": req["policyText"]}


@ecr.op(ANY)
def get_registry_policy(call: Call, req: t.GetRegistryPolicyRequest) -> t.GetRegistryPolicyResponse:
    found = registry(call).policy
    if not found:
        raise errors.no_registry_policy(call.account)
    return {"registryId": call.account, "policyText": found}


@ecr.op(ANY)
def delete_registry_policy(call: Call, req: t.DeleteRegistryPolicyRequest) -> t.DeleteRegistryPolicyResponse:
    found = registry(call)
    if not found.policy:
        raise errors.no_registry_policy(call.account)
    call.put(found.but(policy=""))
    return {"registryId": call.account, "policyText": found.policy}
