"""Where a policy is applied: one account, what the policy has made there, and which of its resources are meant."""
from __future__ import annotations

from typing import Any, NamedTuple

from cloche.kernel import Call

from .policies import ADDRESS, BALANCER, DISTRIBUTION, GROUP, INSTANCE, INTERFACE, OLD_BALANCER, STAGE, Policy


class Thing(NamedTuple):
    kind: str
    id: str                      # what compliance calls it: an ARN, or EC2's id
    tags: dict[str, str]
    body: dict[str, Any]


class Place:
    """Acts as the account's root from within, in the stead of AWSServiceRoleForFMS."""

    def __init__(self, call: Call, policy: Policy, account: str) -> None:
        self.admin, self.policy, self.account = call.as_root(), policy, account
        self.inside = call.at(account, call.region).as_root()
        self.made = set(policy.seen.get(account, ()))
        self.violators: list[dict[str, Any]] = []

    def do(self, service: str, operation: str, **req: Any) -> Any:
        return self.inside.do(service, operation, **req)

    def mine(self, kind: str) -> dict[str, str]:
        """Things made of one kind: name -> id."""
        rows = [one.split("|") for one in sorted(self.made)]
        return {name: id_ for start, name, id_ in rows if start == kind}

    def keep(self, kind: str, name: str, id_: str) -> None:
        self.made = {one for one in self.made if not one.startswith(f"{kind}|{name}|")} | {f"{kind}|{name}|{id_}"}

    def lose(self, kind: str, name: str) -> None:
        self.made = {one for one in self.made if not one.startswith(f"{kind}|{name}|")}

    def accuse(self, thing: Thing, reason: str, **more: str) -> None:
        self.violators.append({"ResourceId": thing.id, "ResourceType": thing.kind, "ViolationReason": reason, **({"Metadata": more} if more else {})})

    def things(self) -> list[Thing]:
        """The policy's resources here, by its tags."""
        return [one for kind in self.policy.kinds for one in LISTS[kind](self) if meant(self.policy, one.tags)]


def meant(policy: Policy, tags: dict[str, str]) -> bool:
    wanted = policy.values["ResourceTags"]
    if not wanted:
        return True
    found = [one["Key"] in tags and (not one.get("Value") or tags[one["Key"]] == one["Value"]) for one in wanted]
    has = any(found) if policy.values["ResourceTagLogicalOperator"] == "OR" else all(found)
    return has != bool(policy.values["ExcludeResourceTags"])


def told(tags: Any) -> dict[str, str]:
    return {one["Key"]: one.get("Value", "") for one in tags or ()}


def every(place: Place, service: str, operation: str, rows: str, token: str = "NextToken", ask: str = "", **req: Any) -> list[Any]:
    found, more = [], {}
    while True:
        answer = place.do(service, operation, **req, **more)
        found += answer.get(rows) or []
        if not answer.get(token):
            return found
        more = {ask or token: answer[token]}


def balancers(place: Place) -> list[Thing]:
    found = [one for one in every(place, "elbv2", "DescribeLoadBalancers", "LoadBalancers", "NextMarker", "Marker") if one["Type"] == "application"]
    tags: dict[str, Any] = {}
    for i in range(0, len(found), 20):
        names = [one["LoadBalancerArn"] for one in found[i:i + 20]]
        tags |= {one["ResourceArn"]: told(one.get("Tags")) for one in place.do("elbv2", "DescribeTags", ResourceArns=names)["TagDescriptions"]}
    return [Thing(BALANCER, one["LoadBalancerArn"], tags.get(one["LoadBalancerArn"], {}), one) for one in found]


def old_balancers(place: Place) -> list[Thing]:
    found = every(place, "elb", "DescribeLoadBalancers", "LoadBalancerDescriptions", "NextMarker", "Marker")
    arn = f"arn:aws:elasticloadbalancing:{place.inside.region}:{place.account}:loadbalancer/"
    return [Thing(OLD_BALANCER, arn + one["LoadBalancerName"], told((place.do("elb", "DescribeTags", LoadBalancerNames=[one["LoadBalancerName"]])["TagDescriptions"] or [{}])[0].get("Tags")), one)
            for one in found]


def stages(place: Place) -> list[Thing]:
    apis = every(place, "apigateway", "GetRestApis", "items", "position", limit=500)
    return [Thing(STAGE, f"arn:aws:apigateway:{place.inside.region}::/restapis/{api['id']}/stages/{one['stageName']}", dict(one.get("tags") or {}), one)
            for api in apis for one in place.do("apigateway", "GetStages", restApiId=api["id"]).get("item") or []]


def instances(place: Place) -> list[Thing]:
    found = [one for row in every(place, "ec2", "DescribeInstances", "Reservations") for one in row["Instances"] if one["State"]["Name"] not in ("terminated", "shutting-down")]
    return [Thing(INSTANCE, one["InstanceId"], told(one.get("Tags")), one) for one in found]


def interfaces(place: Place) -> list[Thing]:
    return [Thing(INTERFACE, one["NetworkInterfaceId"], told(one.get("TagSet")), one) for one in every(place, "ec2", "DescribeNetworkInterfaces", "NetworkInterfaces") if not one.get("RequesterManaged")]


def groups(place: Place) -> list[Thing]:
    return [Thing(GROUP, one["GroupId"], told(one.get("Tags")), one) for one in every(place, "ec2", "DescribeSecurityGroups", "SecurityGroups")]


def addresses(place: Place) -> list[Thing]:
    arn = f"arn:aws:ec2:{place.inside.region}:{place.account}:eip-allocation/"
    return [Thing(ADDRESS, arn + one["AllocationId"], told(one.get("Tags")), one) for one in place.do("ec2", "DescribeAddresses").get("Addresses") or []]


def distributions(place: Place) -> list[Thing]:
    from cloche.services.cloudfront import public as cloudfront
    place.inside.cloud.service("cloudfront")
    return [Thing(DISTRIBUTION, one.arn, dict(one.tags), {"Id": one.id, "WebACLId": one.config["WebACLId"]}) for one in cloudfront.distributions(place.inside)]


LISTS = {DISTRIBUTION: distributions, BALANCER: balancers, OLD_BALANCER: old_balancers, STAGE: stages, INSTANCE: instances, INTERFACE: interfaces, GROUP: groups, ADDRESS: addresses}
