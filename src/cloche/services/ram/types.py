"""What can be shared: the type of a resource by its ARN, and the permission that AWS gives for it unless told otherwise."""
from __future__ import annotations

import re

# type -> (part of the ARN behind the account, default permission, GLOBAL or REGIONAL)
TYPES: dict[str, tuple[str, str, str]] = {
    "acm-pca:CertificateAuthority": (r"certificate-authority/", "AWSRAMDefaultPermissionCertificateAuthority", "REGIONAL"),
    "ec2:Subnet": (r"subnet/", "AWSRAMDefaultPermissionSubnet", "REGIONAL"), "ec2:TransitGateway": (r"transit-gateway/", "AWSRAMDefaultPermissionTransitGateway", "REGIONAL"),
    "ec2:PrefixList": (r"prefix-list/", "AWSRAMDefaultPermissionPrefixList", "REGIONAL"), "ec2:DedicatedHost": (r"dedicated-host/", "AWSRAMDefaultPermissionDedicatedHost", "REGIONAL"),
    "ec2:CapacityReservation": (r"capacity-reservation/", "AWSRAMDefaultPermissionCapacityReservation", "REGIONAL"),
    "ec2:SecurityGroup": (r"security-group/", "AWSRAMDefaultPermissionSecurityGroup", "REGIONAL"),
    "ec2:IpamPool": (r"ipam-pool/", "AWSRAMDefaultPermissionsIpamPool", "REGIONAL"),
    "route53resolver:ResolverRule": (r"resolver-rule/", "AWSRAMDefaultPermissionResolverRule", "REGIONAL"),
    "route53resolver:FirewallRuleGroup": (r"firewall-rule-group/", "AWSRAMDefaultPermissionFirewallRuleGroup", "REGIONAL"),
    "network-firewall:FirewallPolicy": (r"firewall-policy/", "AWSRAMDefaultPermissionsNetworkFirewallPolicy", "REGIONAL"),
    "ssm:Parameter": (r"parameter/", "AWSRAMDefaultPermissionSSMParameterReadOnly", "REGIONAL"), "rds:Cluster": (r"cluster:", "AWSRAMDefaultPermissionRDSCluster", "REGIONAL"),
    "glue:Database": (r"database/", "AWSRAMDefaultPermissionGlueDatabase", "REGIONAL"), "codebuild:Project": (r"project/", "AWSRAMDefaultPermissionCodeBuildProject", "REGIONAL"),
    "appmesh:Mesh": (r"mesh/", "AWSRAMDefaultPermissionAppMesh", "REGIONAL"), "dynamodb:Table": (r"table/", "AWSRAMDefaultPermissionDynamoDBTable", "REGIONAL"),
}


# these go no further than the owner's organization
WITHIN = ("ec2:SecurityGroup", "ec2:Subnet")


def of(arn: str) -> str | None:
    """The type of a resource that can be shared."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return None
    return next((name for name, (pattern, _, _) in TYPES.items() if name.partition(":")[0] == parts[2] and re.match(pattern, parts[5])), None)


def permission(name: str) -> str:
    return f"arn:aws:ram::aws:permission/{TYPES[name][1]}"
