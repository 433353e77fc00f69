"""What each control looks at in IAM, keys, buckets, queues, topics, tables and functions. `CHECKS[id](eye)` yields what it saw; nothing seen, nothing said."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from cloche import _index
from cloche.iam.policy import texts

from . import checks_ec2
from .looking import Eye, Seen, told, verdict

DAY = 86400
DAYS = {"IAM.3": 90}


# -- IAM -------------------------------------------------------------------------------------------------------------------

def users(eye: Eye) -> list[Any]:
    return eye.every("iam", "ListUsers", "Users", "Marker", "Marker")


def summary(eye: Eye) -> Any:
    return eye.ask("iam", "GetAccountSummary")["SummaryMap"]


def password_policy(eye: Eye) -> Any:
    return eye.maybe("iam", "GetAccountPasswordPolicy").get("PasswordPolicy")


def full_administration(eye: Eye) -> Iterator[Seen]:
    for one in eye.every("iam", "ListPolicies", "Policies", "Marker", "Marker", Scope="Local"):
        version = eye.ask("iam", "GetPolicyVersion", PolicyArn=one["Arn"], VersionId=one["DefaultVersionId"])["PolicyVersion"]["Document"]
        document = json.loads(unquote(version)) if isinstance(version, str) else version
        rows = document.get("Statement", [])
        whole = any(row.get("Effect") == "Allow" and "*" in texts(row.get("Action", [])) and "*" in texts(row.get("Resource", [])) for row in (rows if isinstance(rows, list) else [rows]))
        yield Seen("AwsIamPolicy", one["Arn"], verdict(not whole), {"AwsIamPolicy": {"PolicyName": one["PolicyName"], "DefaultVersionId": one["DefaultVersionId"]}})


def of_user(one: Any, status: str) -> Seen:
    return Seen("AwsIamUser", one["Arn"], status, {"AwsIamUser": {"UserName": one["UserName"], "UserId": one["UserId"]}})


def attached_to_users(eye: Eye) -> Iterator[Seen]:
    for one in users(eye):
        held = eye.ask("iam", "ListAttachedUserPolicies", UserName=one["UserName"])["AttachedPolicies"] or eye.ask("iam", "ListUserPolicies", UserName=one["UserName"])["PolicyNames"]
        yield of_user(one, verdict(not held))


def old_keys(eye: Eye) -> Iterator[Seen]:
    for one in users(eye):
        keys = [key for key in eye.ask("iam", "ListAccessKeys", UserName=one["UserName"])["AccessKeyMetadata"] if key["Status"] == "Active"]
        yield of_user(one, verdict(all(eye.now - key["CreateDate"] <= DAYS["IAM.3"] * DAY for key in keys)))


def second_factor(eye: Eye) -> Iterator[Seen]:
    for one in users(eye):
        console = bool(eye.maybe("iam", "GetLoginProfile", UserName=one["UserName"]))
        yield of_user(one, verdict(not console or eye.ask("iam", "ListMFADevices", UserName=one["UserName"])["MFADevices"]))


def root_key(eye: Eye) -> Iterator[Seen]:
    yield eye.of_account(verdict(not summary(eye)["AccountAccessKeysPresent"]))


def root_mfa(eye: Eye) -> Iterator[Seen]:
    yield eye.of_account(verdict(summary(eye)["AccountMFAEnabled"]))


def strong_passwords(eye: Eye) -> Iterator[Seen]:
    policy = password_policy(eye)
    wanted = ("RequireUppercaseCharacters", "RequireLowercaseCharacters", "RequireSymbols", "RequireNumbers")
    reuse, age = eye.parameter("IAM.7", "PasswordReusePrevention"), eye.parameter("IAM.7", "MaxPasswordAge")
    yield eye.of_account(verdict(policy and all(policy.get(name) for name in wanted if eye.parameter("IAM.7", name)) and policy["MinimumPasswordLength"] >= eye.parameter("IAM.7", "MinimumPasswordLength")
                                 and (reuse is None or policy.get("PasswordReusePrevention", 0) >= reuse) and (age is None or 0 < policy.get("MaxPasswordAge", 0) <= age)))


def long_passwords(eye: Eye) -> Iterator[Seen]:
    policy = password_policy(eye)
    yield eye.of_account(verdict(policy and policy["MinimumPasswordLength"] >= 14))


def no_old_passwords(eye: Eye) -> Iterator[Seen]:
    policy = password_policy(eye)
    yield eye.of_account(verdict(policy and policy.get("PasswordReusePrevention", 0) >= 24))


# -- keys, secrets, certificates ---------------------------------------------------------------------------------------------

def keys(eye: Eye) -> Iterator[Any]:
    """Customers' keys: AWS's own are nobody's to rotate."""
    for one in eye.every("kms", "ListKeys", "Keys", "NextMarker", "Marker") if eye.used("kms") else ():
        about = eye.ask("kms", "DescribeKey", KeyId=one["KeyId"])["KeyMetadata"]
        if about["KeyManager"] == "CUSTOMER":
            yield about


def of_key(about: Any, status: str) -> Seen:
    return Seen("AwsKmsKey", about["Arn"], status, {"AwsKmsKey": {"KeyId": about["KeyId"], "KeyState": about["KeyState"], "Origin": about["Origin"]}})


def keys_to_be_deleted(eye: Eye) -> Iterator[Seen]:
    for about in keys(eye):
        yield of_key(about, verdict(about["KeyState"] != "PendingDeletion"))


def rotated_keys(eye: Eye) -> Iterator[Seen]:
    for about in keys(eye):
        if about["KeySpec"] == "SYMMETRIC_DEFAULT" and about["Origin"] == "AWS_KMS" and about["KeyState"] in ("Enabled", "Disabled"):
            yield of_key(about, verdict(eye.ask("kms", "GetKeyRotationStatus", KeyId=about["KeyId"])["KeyRotationEnabled"]))


def rotated_secrets(eye: Eye) -> Iterator[Seen]:
    most = eye.parameter("SecretsManager.1", "maximumAllowedRotationFrequency")

    def often(one: Any) -> bool:
        """As often as is asked; a schedule of hours or of the calendar counts by its next turn."""
        rules = one.get("RotationRules") or {}
        days = rules.get("AutomaticallyAfterDays") or ((one["NextRotationDate"] - eye.now) / DAY if one.get("NextRotationDate") else None)
        return most is None or (days is not None and days <= most)
    for one in eye.every("secretsmanager", "ListSecrets", "SecretList") if eye.used("secretsmanager") else ():
        if not one.get("OwningService"):
            yield Seen("AwsSecretsManagerSecret", one["ARN"], verdict(one.get("RotationEnabled") and often(one)), {"AwsSecretsManagerSecret": {"Name": one["Name"]}}, told(one.get("Tags")))


def certificates(eye: Eye) -> Iterator[Seen]:
    for one in eye.every("acm", "ListCertificates", "CertificateSummaryList") if eye.used("acm") else ():
        about = eye.ask("acm", "DescribeCertificate", CertificateArn=one["CertificateArn"])["Certificate"]
        if about["Status"] in ("ISSUED", "EXPIRED") and about.get("NotAfter"):
            yield Seen("AwsCertificateManagerCertificate", one["CertificateArn"], verdict(about["NotAfter"] - eye.now > eye.parameter("ACM.1", "daysToExpiration") * DAY),
                       {"AwsCertificateManagerCertificate": {"DomainName": about["DomainName"], "Status": about["Status"], "Type": about["Type"]}})


# -- buckets -------------------------------------------------------------------------------------------------------------------

SHUT = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def block(eye: Eye, service: str, **of: str) -> set[str]:
    if service not in _index.PACKAGES:
        return set()                                   # nothing here can have set it
    found = eye.maybe(service, "GetPublicAccessBlock", **of).get("PublicAccessBlockConfiguration") or {}
    return {name for name in SHUT if found.get(name)}


def of_bucket(name: str, status: str) -> Seen:
    return Seen("AwsS3Bucket", f"arn:aws:s3:::{name}", status, {"AwsS3Bucket": {"Name": name}})


def account_block(eye: Eye) -> Iterator[Seen]:
    yield eye.of_account(verdict(block(eye, "s3control", AccountId=eye.account) == set(SHUT)))


def bucket_block(eye: Eye) -> Iterator[Seen]:
    for name in eye.buckets():
        yield of_bucket(name, verdict(block(eye, "s3", Bucket=name) | block(eye, "s3control", AccountId=eye.account) == set(SHUT)))


def readable_by_all(eye: Eye) -> Iterator[Seen]:
    from cloche.services.s3 import public as s3
    for name in eye.buckets():
        shut = "RestrictPublicBuckets" in block(eye, "s3control", AccountId=eye.account)
        yield of_bucket(name, verdict(shut or not s3.open_to(eye.call.of("s3"), name)))


def only_tls(eye: Eye) -> Iterator[Seen]:
    for name in eye.buckets():
        text = eye.maybe("s3", "GetBucketPolicy", Bucket=name).get("Policy")
        yield of_bucket(name, verdict(text and denies_plain(json.loads(text), name)))


def denies_plain(document: Any, bucket: str) -> bool:
    """A statement that denies everybody everything on the bucket or its objects where aws:SecureTransport is false."""
    rows = document.get("Statement", [])
    for row in rows if isinstance(rows, list) else [rows]:
        everybody = row.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        said = {key.lower(): value for test, keys in (row.get("Condition") or {}).items() if test == "Bool" for key, value in keys.items()}
        where = texts(row.get("Resource", []))
        if (row.get("Effect") == "Deny" and everybody and {"*", "s3:*"} & set(texts(row.get("Action", []))) and [str(v).lower() for v in texts(said.get("aws:securetransport", []))] == ["false"]
                and {"*", f"arn:aws:s3:::{bucket}/*", f"arn:aws:s3:::{bucket}*"} & set(where)):
            return True
    return False


def logged(eye: Eye) -> Iterator[Seen]:
    for name in eye.buckets():
        yield of_bucket(name, verdict(eye.maybe("s3", "GetBucketLogging", Bucket=name).get("LoggingEnabled")))


def no_acls(eye: Eye) -> Iterator[Seen]:
    """Fails where ACLs are on and give anybody else something."""
    for name in eye.buckets():
        rules = (eye.maybe("s3", "GetBucketOwnershipControls", Bucket=name).get("OwnershipControls") or {}).get("Rules") or [{}]
        acl = eye.ask("s3", "GetBucketAcl", Bucket=name)
        alone = all(grant["Grantee"].get("ID") == acl["Owner"]["ID"] for grant in acl["Grants"])
        yield of_bucket(name, verdict(rules[0].get("ObjectOwnership") == "BucketOwnerEnforced" or alone))


# -- queues, topics, tables, functions, the rest ---------------------------------------------------------------------------------

def queues(eye: Eye) -> Iterator[Any]:
    for url in eye.every("sqs", "ListQueues", "QueueUrls", MaxResults=1000) if eye.used("sqs") else ():
        yield eye.ask("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]


def of_queue(about: Any, status: str) -> Seen:
    return Seen("AwsSqsQueue", about["QueueArn"], status, {"AwsSqsQueue": {"QueueName": about["QueueArn"].rpartition(":")[2]}})


def sealed_queues(eye: Eye) -> Iterator[Seen]:
    for about in queues(eye):
        yield of_queue(about, verdict(about.get("KmsMasterKeyId") or about.get("SqsManagedSseEnabled") == "true"))


def open_queues(eye: Eye) -> Iterator[Seen]:
    for about in queues(eye):
        yield of_queue(about, verdict(not eye.public(about.get("Policy"))))


def open_topics(eye: Eye) -> Iterator[Seen]:
    for one in eye.every("sns", "ListTopics", "Topics") if eye.used("sns") else ():
        about = eye.ask("sns", "GetTopicAttributes", TopicArn=one["TopicArn"])["Attributes"]
        yield Seen("AwsSnsTopic", one["TopicArn"], verdict(not eye.public(about.get("Policy"))), {"AwsSnsTopic": {"TopicName": one["TopicArn"].rpartition(":")[2]}})


def tables(eye: Eye) -> Iterator[Any]:
    for name in eye.every("dynamodb", "ListTables", "TableNames", "LastEvaluatedTableName", "ExclusiveStartTableName") if eye.used("dynamodb") else ():
        yield eye.ask("dynamodb", "DescribeTable", TableName=name)["Table"]


def of_table(about: Any, status: str) -> Seen:
    return Seen("AwsDynamoDbTable", about["TableArn"], status, {"AwsDynamoDbTable": {"TableName": about["TableName"], "TableStatus": about["TableStatus"]}})


def recoverable_tables(eye: Eye) -> Iterator[Seen]:
    for about in tables(eye):
        if about["TableStatus"] == "ACTIVE":
            found = eye.ask("dynamodb", "DescribeContinuousBackups", TableName=about["TableName"])["ContinuousBackupsDescription"]
            yield of_table(about, verdict(found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"))


def protected_tables(eye: Eye) -> Iterator[Seen]:
    for about in tables(eye):
        yield of_table(about, verdict(about.get("DeletionProtectionEnabled")))


def open_functions(eye: Eye) -> Iterator[Seen]:
    for one in eye.every("lambda", "ListFunctions", "Functions", "NextMarker", "Marker") if eye.used("lambda") else ():
        policy = eye.maybe("lambda", "GetPolicy", FunctionName=one["FunctionName"]).get("Policy")
        yield Seen("AwsLambdaFunction", one["FunctionArn"], verdict(not eye.public(policy)), {"AwsLambdaFunction": {"FunctionName": one["FunctionName"]}})


def sealed_file_systems(eye: Eye) -> Iterator[Seen]:
    for one in eye.every("efs", "DescribeFileSystems", "FileSystems", "NextMarker", "Marker") if eye.used("efs") else ():
        yield Seen("AwsEfsFileSystem", one["FileSystemArn"], verdict(one.get("Encrypted")), {}, told(one.get("Tags")))


def protected_balancers(eye: Eye) -> Iterator[Seen]:
    for one in eye.every("elbv2", "DescribeLoadBalancers", "LoadBalancers", "NextMarker", "Marker") if eye.used("elbv2") else ():
        about = told(eye.ask("elbv2", "DescribeLoadBalancerAttributes", LoadBalancerArn=one["LoadBalancerArn"])["Attributes"])
        yield Seen("AwsElbv2LoadBalancer", one["LoadBalancerArn"], verdict(about.get("deletion_protection.enabled") == "true"), {"AwsElbv2LoadBalancer": {"DNSName": one["DNSName"], "Type": one["Type"]}})


def guarded(eye: Eye) -> Iterator[Seen]:
    found = eye.ask("guardduty", "ListDetectors")["DetectorIds"] if eye.used("guardduty") else []
    yield eye.of_account(verdict(any(eye.ask("guardduty", "GetDetector", DetectorId=one)["Status"] == "ENABLED" for one in found)))


def trailed(eye: Eye) -> Iterator[Seen]:
    """A multi-Region trail that logs, and whose selectors take all management events."""
    good = False
    for one in eye.ask("cloudtrail", "DescribeTrails", includeShadowTrails=True).get("trailList") or ():
        if one.get("IsMultiRegionTrail") and eye.maybe("cloudtrail", "GetTrailStatus", Name=one["TrailARN"]).get("IsLogging"):
            found = eye.maybe("cloudtrail", "GetEventSelectors", TrailName=one["TrailARN"])
            good = good or any(each.get("ReadWriteType") == "All" and each.get("IncludeManagementEvents") for each in found.get("EventSelectors") or ()) or any(
                {field["Field"]: field.get("Equals") for field in each["FieldSelectors"]} == {"eventCategory": ["Management"]} for each in found.get("AdvancedEventSelectors") or ())
    yield eye.of_account(verdict(good))


CHECKS: dict[str, Callable[[Eye], Iterator[Seen]]] = {
    "ACM.1": certificates, "CloudTrail.1": trailed, "DynamoDB.2": recoverable_tables, "DynamoDB.6": protected_tables, "EFS.1": sealed_file_systems, "ELB.6": protected_balancers,
    "GuardDuty.1": guarded, "IAM.1": full_administration, "IAM.2": attached_to_users, "IAM.3": old_keys, "IAM.4": root_key, "IAM.5": second_factor, "IAM.7": strong_passwords,
    "IAM.9": root_mfa, "IAM.15": long_passwords, "IAM.16": no_old_passwords, "KMS.3": keys_to_be_deleted, "KMS.4": rotated_keys, "Lambda.1": open_functions, "S3.1": account_block,
    "S3.2": readable_by_all, "S3.5": only_tls, "S3.8": bucket_block, "S3.9": logged, "S3.12": no_acls, "SecretsManager.1": rotated_secrets, "SNS.4": open_topics,
    "SQS.1": sealed_queues, "SQS.3": open_queues, **checks_ec2.CHECKS}
