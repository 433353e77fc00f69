"""The standards and the controls that look at this cloud, as the Security Hub User Guide lists them. A control that nothing here looks for is not listed: none says PASSED unseen.

`hours` is how often a periodic control looks; a change-triggered one (`on` names the services whose changes it waits for) looks some minutes after a change, and every 18 hours.
"""
from __future__ import annotations

from typing import Any

import msgspec

from . import parameters


class Standard(msgspec.Struct, frozen=True):
    path: str                                          # of its ARN, as subscriptions and findings name it
    name: str
    description: str
    default: bool = False
    regional: bool = True


class Control(msgspec.Struct, frozen=True):
    id: str
    title: str
    severity: str
    what: str                                          # "This control checks whether ..."
    hours: int
    standards: dict[str, list[str]]                    # standard -> its own requirements
    on: str = ""                                       # change-triggered: by this service's changes


FSBP, CIS12, CIS14, CIS30, NIST = "fsbp", "cis12", "cis14", "cis30", "nist"
STANDARDS = {
    FSBP: Standard("aws-foundational-security-best-practices/v/1.0.0", "AWS Foundational Security Best Practices v1.0.0",
                   "The AWS Foundational Security Best Practices standard is a set of automated security checks that detect when AWS accounts and deployed resources do not align to security best practices.", True),
    CIS12: Standard("cis-aws-foundations-benchmark/v/1.2.0", "CIS AWS Foundations Benchmark v1.2.0",
                    "The Center for Internet Security (CIS) AWS Foundations Benchmark v1.2.0 is a set of security configuration best practices for AWS.", True, False),
    CIS14: Standard("cis-aws-foundations-benchmark/v/1.4.0", "CIS AWS Foundations Benchmark v1.4.0",
                    "The Center for Internet Security (CIS) AWS Foundations Benchmark v1.4.0 is a set of security configuration best practices for AWS."),
    CIS30: Standard("cis-aws-foundations-benchmark/v/3.0.0", "CIS AWS Foundations Benchmark v3.0.0",
                    "The Center for Internet Security (CIS) AWS Foundations Benchmark v3.0.0 is a set of security configuration best practices for AWS."),
    NIST: Standard("nist-800-53/v/5.0.0", "NIST Special Publication 800-53 Revision 5",
                   "NIST Special Publication 800-53 Revision 5 is a cybersecurity and compliance framework by the National Institute of Standards and Technology."),
}
DEFAULT = [name for name, one in STANDARDS.items() if one.default]
CHANGED_HOURS = 18                                     # a change-triggered control's finding is looked at again at least this often

CONTROLS: dict[str, Control] = {}


def _control(id_: str, severity: str, title: str, what: str, hours: int = CHANGED_HOURS, on: str = "", fsbp: bool = True, nist: bool = True, **cis: str) -> None:
    standards: dict[str, list[str]] = {}
    if fsbp:
        standards[FSBP] = []
    for name, requirement in cis.items():
        standards[name] = [f"CIS AWS Foundations Benchmark v{STANDARDS[name].path.rpartition('/')[2]}/{requirement}"]
    if nist:
        standards[NIST] = []
    CONTROLS[id_] = Control(id_, title, severity, f"This control checks whether {what}", hours, standards, on)


_control("ACM.1", "MEDIUM", "Imported and ACM-issued certificates should be renewed after a specified time period", "a certificate is renewed within 30 days before it expires.", 24)
_control("CloudTrail.1", "HIGH", "CloudTrail should be enabled and configured with at least one multi-Region trail that includes read and write management events",
         "there is at least one multi-Region CloudTrail trail that captures read and write management events.", 24, cis12="2.1", cis14="3.1", cis30="3.1")
_control("DynamoDB.2", "MEDIUM", "DynamoDB tables should have point-in-time recovery enabled", "point-in-time recovery is enabled for a DynamoDB table.", 24)
_control("DynamoDB.6", "MEDIUM", "DynamoDB tables should have deletion protection enabled", "a DynamoDB table has deletion protection enabled.", on="dynamodb")
_control("EC2.2", "HIGH", "VPC default security groups should not allow inbound or outbound traffic", "the default security group of a VPC allows inbound or outbound traffic.", on="ec2",
         cis12="4.3", cis14="5.3", cis30="5.4")
_control("EC2.3", "MEDIUM", "Attached EBS volumes should be encrypted at-rest", "EBS volumes that are attached are encrypted.", on="ec2")
_control("EC2.6", "MEDIUM", "VPC flow logging should be enabled in all VPCs", "VPC flow logs are found and enabled for a VPC, with the traffic type REJECT at least.", 12, cis12="2.9", cis14="3.9", cis30="3.7")
_control("EC2.7", "MEDIUM", "EBS default encryption should be enabled", "account-level encryption is enabled by default for EBS volumes.", 12, cis14="2.2.1", cis30="2.2.1")
_control("EC2.8", "HIGH", "EC2 instances should use Instance Metadata Service Version 2 (IMDSv2)", "an instance's metadata service requires version 2.", on="ec2", cis30="5.6")
_control("EC2.9", "HIGH", "EC2 instances should not have a public IPv4 address", "an EC2 instance has a public IP address.", on="ec2")
_control("EC2.13", "HIGH", "Security groups should not allow ingress from 0.0.0.0/0 or ::/0 to port 22", "a security group allows ingress from 0.0.0.0/0 or ::/0 to port 22.", on="ec2", fsbp=False,
         cis12="4.1")
_control("EC2.14", "HIGH", "Security groups should not allow ingress from 0.0.0.0/0 or ::/0 to port 3389", "a security group allows ingress from 0.0.0.0/0 or ::/0 to port 3389.", on="ec2", fsbp=False,
         nist=False, cis12="4.2")
_control("EC2.15", "MEDIUM", "Amazon EC2 subnets should not automatically assign public IP addresses", "a subnet gives public IPv4 addresses at launch.", on="ec2")
_control("EC2.18", "HIGH", "Security groups should only allow unrestricted incoming traffic for authorized ports", "a security group allows unrestricted incoming traffic to other ports than 80 and 443.",
         on="ec2")
_control("EC2.19", "CRITICAL", "Security groups should not allow unrestricted access to ports with high risk", "unrestricted incoming traffic reaches ports with high risk.", on="ec2")
_control("EC2.21", "MEDIUM", "Network ACLs should not allow ingress from 0.0.0.0/0 to port 22 or port 3389", "a network ACL allows unrestricted access to the ports 22 and 3389.", on="ec2",
         cis14="5.1", cis30="5.1")
_control("EC2.53", "HIGH", "EC2 security groups should not allow ingress from 0.0.0.0/0 to remote server administration ports",
         "a security group allows ingress from 0.0.0.0/0 to ports 22 and 3389.", 12, fsbp=False, nist=False, cis30="5.2")
_control("EC2.54", "HIGH", "EC2 security groups should not allow ingress from ::/0 to remote server administration ports", "a security group allows ingress from ::/0 to ports 22 and 3389.", 12,
         fsbp=False, nist=False, cis30="5.3")
_control("EFS.1", "MEDIUM", "Elastic File System should be configured to encrypt file data at-rest using AWS KMS", "an EFS file system is encrypted under a KMS key.", 24)
_control("ELB.6", "MEDIUM", "Application, Gateway, and Network Load Balancers should have deletion protection enabled", "a load balancer has deletion protection enabled.", on="elbv2")
_control("GuardDuty.1", "HIGH", "GuardDuty should be enabled", "GuardDuty is enabled in the account and Region.", 12)
_control("IAM.1", "HIGH", "IAM policies should not allow full \"*\" administrative privileges", "the default version of a customer managed policy allows \"*\" over \"*\".", on="iam", cis12="1.22", cis14="1.16")
_control("IAM.2", "LOW", "IAM users should not have IAM policies attached", "an IAM user has policies attached.", on="iam", cis12="1.16", cis30="1.15")
_control("IAM.3", "MEDIUM", "IAM users' access keys should be rotated every 90 days or less", "the active access keys of a user are rotated within 90 days.", 24, cis12="1.4", cis14="1.14", cis30="1.14")
_control("IAM.4", "CRITICAL", "IAM root user access key should not exist", "the root user access key is present.", 12, cis12="1.12", cis14="1.4", cis30="1.4")
_control("IAM.5", "MEDIUM", "MFA should be enabled for all IAM users that have a console password", "MFA is enabled for all users that use a console password.", 12, cis12="1.2", cis14="1.10", cis30="1.10")
_control("IAM.7", "MEDIUM", "Password policies for IAM users should have strong configurations", "the account password policy asks for upper and lower case, symbols, numbers and 8 characters.", 12)
_control("IAM.9", "CRITICAL", "MFA should be enabled for the root user", "multi-factor authentication is enabled for the root user.", 12, fsbp=False, cis12="1.13", cis14="1.5", cis30="1.5")
_control("IAM.15", "MEDIUM", "Ensure IAM password policy requires minimum password length of 14 or greater", "the password policy requires at least 14 characters.", 12, fsbp=False, nist=False,
         cis12="1.9", cis14="1.8", cis30="1.8")
_control("IAM.16", "LOW", "Ensure IAM password policy prevents password reuse", "the password policy remembers 24 passwords.", 12, fsbp=False, nist=False, cis12="1.10", cis14="1.9", cis30="1.9")
_control("KMS.3", "CRITICAL", "AWS KMS keys should not be deleted unintentionally", "a KMS key is scheduled for deletion.", on="kms")
_control("KMS.4", "MEDIUM", "AWS KMS key rotation should be enabled", "key rotation is enabled for a customer's symmetric key.", 12, fsbp=False, cis12="2.8", cis14="3.8", cis30="3.6")
_control("Lambda.1", "CRITICAL", "Lambda function policies should prohibit public access", "a function's policy prohibits access from outside of the account by everybody.", on="lambda")
_control("S3.1", "MEDIUM", "S3 general purpose buckets should have block public access settings enabled", "the account's four settings of block public access are on.", 24, cis14="2.1.5", cis30="2.1.4")
_control("S3.2", "CRITICAL", "S3 general purpose buckets should block public read access", "a bucket permits public read access.", 24)
_control("S3.5", "MEDIUM", "S3 general purpose buckets should require requests to use SSL", "a bucket's policy denies requests without SSL.", on="s3", cis14="2.1.2", cis30="2.1.1")
_control("S3.8", "HIGH", "S3 general purpose buckets should block public access", "a bucket blocks public access by its own settings or the account's.", on="s3", cis14="2.1.5", cis30="2.1.4")
_control("S3.9", "MEDIUM", "S3 general purpose buckets should have server access logging enabled", "server access logging is enabled for a bucket.", on="s3")
_control("S3.12", "MEDIUM", "ACLs should not be used to manage user access to S3 general purpose buckets", "access to a bucket is managed by ACLs.", on="s3")
_control("SecretsManager.1", "MEDIUM", "Secrets Manager secrets should have automatic rotation enabled", "a secret has automatic rotation.", on="secretsmanager")
_control("SNS.4", "CRITICAL", "SNS topic access policies should not allow public access", "a topic's policy allows access to everybody.", on="sns")
_control("SQS.1", "MEDIUM", "Amazon SQS queues should be encrypted at rest", "a queue is encrypted at rest.", on="sqs", fsbp=False)
_control("SQS.3", "CRITICAL", "SQS queue access policies should not allow public access", "a queue's policy allows access to everybody.", on="sqs")


def remedy(control: Control) -> str:
    return f"https://docs.aws.amazon.com/console/securityhub/{control.id}/remediation"


def standard_arn(name: str, region: str) -> str:
    one = STANDARDS[name]
    return f"arn:aws:securityhub:{region}::standards/{one.path}" if one.regional else f"arn:aws:securityhub:::ruleset/{one.path}"


def by_arn(text: str, region: str) -> str | None:
    return next((name for name in STANDARDS if standard_arn(name, region) == text), None)


def definition(control: Control) -> dict[str, Any]:
    return {"SecurityControlId": control.id, "Title": control.title, "Description": control.what, "RemediationUrl": remedy(control), "SeverityRating": control.severity,
            "CurrentRegionAvailability": "AVAILABLE", **parameters.defined(control.id)}
