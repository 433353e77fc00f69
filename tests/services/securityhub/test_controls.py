"""Controls look at what is really there: each is made to fail, and mended."""
import json

from cloche.testing.people import document

TLS = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::{0}", "arn:aws:s3:::{0}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
SHUT = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


def subscribe(hub, *paths):
    hub.api.batch_enable_standards(StandardsSubscriptionRequests=[{"StandardsArn": f"arn:aws:securityhub:us-east-1::standards/{path}"} for path in paths])


def test_the_account_is_looked_at_when_the_hub_is_enabled(hub):
    assert hub.status("IAM.7") == "FAILED" and hub.status("IAM.16") == "FAILED"
    hub.cloud.client("iam").update_account_password_policy(
        MinimumPasswordLength=14, RequireSymbols=True, RequireNumbers=True, RequireUppercaseCharacters=True, RequireLowercaseCharacters=True, PasswordReusePrevention=24)
    assert hub.status("IAM.7") == "FAILED", "a periodic control looks when its time has come"
    hub.cloud.advance(hours=12, minutes=1)
    assert (hub.status("IAM.7"), hub.status("IAM.15"), hub.status("IAM.16")) == ("PASSED", "PASSED", "PASSED")
    one = hub.findings(ComplianceSecurityControlId="IAM.7")[0]
    assert (one["Workflow"]["Status"], one["Severity"]["Label"]) == ("RESOLVED", "INFORMATIONAL")
    hub.cloud.client("iam").delete_account_password_policy()
    hub.cloud.advance(hours=12, minutes=1)
    again = hub.findings(ComplianceSecurityControlId="IAM.7")[0]
    assert (again["Id"], again["Compliance"]["Status"], again["Workflow"]["Status"], again["Severity"]["Label"]) == (one["Id"], "FAILED", "NEW", "MEDIUM")


def test_users_and_policies_of_iam(hub):
    iam = hub.cloud.client("iam")
    arn = iam.create_user(UserName="u")["User"]["Arn"]
    everything = iam.create_policy(PolicyName="all", PolicyDocument=document({"Effect": "Allow", "Action": "*", "Resource": "*"}))["Policy"]["Arn"]
    little = iam.create_policy(PolicyName="few", PolicyDocument=document({"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}))["Policy"]["Arn"]
    hub.cloud.advance(minutes=6)
    assert hub.status("IAM.1", "all") == {everything: "FAILED", little: "PASSED"}
    assert hub.status("IAM.2", arn) == "PASSED"
    iam.attach_user_policy(UserName="u", PolicyArn=little)
    iam.create_access_key(UserName="u")
    iam.create_login_profile(UserName="u", Password="Abcdefgh1!")
    hub.cloud.advance(minutes=6)
    assert hub.status("IAM.2", arn) == "FAILED"
    hub.look()
    assert (hub.status("IAM.3", arn), hub.status("IAM.5", arn)) == ("PASSED", "FAILED")
    hub.cloud.advance(days=91)
    assert hub.status("IAM.3", arn) == "FAILED"
    assert hub.status("IAM.4") == "FAILED", "the key that root has here from the start"
    assert hub.status("IAM.9") == "FAILED"


def test_buckets(hub):
    s3, name = hub.cloud.client("s3"), f"b-{hub.cloud.account}"
    arn = f"arn:aws:s3:::{name}"
    s3.create_bucket(Bucket=name)
    hub.cloud.advance(minutes=6)
    assert (hub.status("S3.5", arn), hub.status("S3.8", arn), hub.status("S3.9", arn), hub.status("S3.12", arn)) == ("FAILED", "PASSED", "FAILED", "PASSED")
    s3.put_bucket_policy(Bucket=name, Policy=document({**TLS, "Resource": [each.format(name) for each in TLS["Resource"]]}))
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": name, "TargetPrefix": "l/"}})
    s3.delete_public_access_block(Bucket=name)
    hub.cloud.advance(minutes=6)
    assert (hub.status("S3.5", arn), hub.status("S3.8", arn), hub.status("S3.9", arn)) == ("PASSED", "FAILED", "PASSED")
    s3.put_bucket_policy(Bucket=name, Policy=document({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/*"}))
    hub.look()
    assert (hub.status("S3.2", arn), hub.status("S3.5", arn), hub.status("S3.1")) == ("FAILED", "FAILED", "FAILED")
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=SHUT)
    hub.look()
    assert (hub.status("S3.2", arn), hub.status("S3.8", arn)) == ("PASSED", "PASSED")
    s3.delete_bucket(Bucket=name)
    hub.cloud.advance(minutes=6)
    assert hub.status("S3.8", "all") == {} and hub.findings(ResourceId=arn, RecordState="ARCHIVED")


def test_a_security_group_is_seen_some_minutes_after_it_has_changed(hub):
    cloud, ec2 = hub.cloud, hub.cloud.client("ec2")
    subscribe(hub, "cis-aws-foundations-benchmark/v/3.0.0")
    group = ec2.create_security_group(GroupName="g", Description="d")["GroupId"]
    arn = f"arn:aws:ec2:us-east-1:{cloud.account}:security-group/{group}"
    cloud.advance(minutes=6)
    watched = ("EC2.13", "EC2.14", "EC2.18", "EC2.19")
    assert {id_: hub.status(id_, arn) for id_ in watched} == dict.fromkeys(watched, "PASSED")
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
                                                                       {"IpProtocol": "tcp", "FromPort": 3380, "ToPort": 3390, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}])
    cloud.advance(minutes=1)
    assert hub.status("EC2.13", arn) == "PASSED"
    cloud.advance(minutes=5)
    assert {id_: hub.status(id_, arn) for id_ in watched} == dict.fromkeys(watched, "FAILED")
    hub.look()
    assert (hub.status("EC2.53", arn), hub.status("EC2.54", arn)) == ("FAILED", "FAILED")
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    hub.look()
    assert (hub.status("EC2.13", arn), hub.status("EC2.14", arn), hub.status("EC2.53", arn), hub.status("EC2.54", arn)) == ("PASSED", "FAILED", "PASSED", "FAILED")


def test_vpcs_their_default_groups_flow_logs_subnets_and_lists(hub):
    cloud, ec2 = hub.cloud, hub.cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"][0]
    acl = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"][0]["NetworkAclId"]

    def of(control, rest):
        return hub.status(control, f"arn:aws:ec2:us-east-1:{cloud.account}:{rest}")
    hub.look()
    assert (of("EC2.2", f"security-group/{group['GroupId']}"), of("EC2.6", f"vpc/{vpc}"), of("EC2.15", f"subnet/{subnet}"), of("EC2.21", f"network-acl/{acl}")) == (
        "FAILED", "FAILED", "PASSED", "FAILED")
    assert hub.status("EC2.7") == "FAILED"
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=10, Protocol="6", RuleAction="deny", Egress=False, CidrBlock="0.0.0.0/0", PortRange={"From": 22, "To": 22})
    ec2.create_network_acl_entry(NetworkAclId=acl, RuleNumber=11, Protocol="6", RuleAction="deny", Egress=False, CidrBlock="0.0.0.0/0", PortRange={"From": 3389, "To": 3389})
    ec2.enable_ebs_encryption_by_default()
    bucket = f"flow-{cloud.account}"
    cloud.client("s3").create_bucket(Bucket=bucket)
    ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="REJECT", LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{bucket}")
    hub.look()
    assert (of("EC2.2", f"security-group/{group['GroupId']}"), of("EC2.6", f"vpc/{vpc}"), of("EC2.15", f"subnet/{subnet}"), of("EC2.21", f"network-acl/{acl}")) == (
        "PASSED", "PASSED", "FAILED", "PASSED")
    assert hub.status("EC2.7") == "PASSED"


def test_keys_queues_topics_tables_and_secrets(hub):
    cloud = hub.cloud
    kms, sqs, sns, table = (cloud.client(one) for one in ("kms", "sqs", "sns", "dynamodb"))
    key = kms.create_key()["KeyMetadata"]
    url = sqs.create_queue(QueueName="q", Attributes={"SqsManagedSseEnabled": "false"})["QueueUrl"]
    queue = f"arn:aws:sqs:us-east-1:{cloud.account}:q"
    topic = sns.create_topic(Name="t")["TopicArn"]
    table.create_table(TableName="rows", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "S"}], KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}])
    secret = cloud.client("secretsmanager").create_secret(Name="s", SecretString="x")["ARN"]
    rows = f"arn:aws:dynamodb:us-east-1:{cloud.account}:table/rows"
    subscribe(hub, "nist-800-53/v/5.0.0")
    hub.look()
    found = {id_: hub.status(id_, about) for id_, about in {
        "KMS.3": key["Arn"], "KMS.4": key["Arn"], "SQS.1": queue, "SQS.3": queue, "SNS.4": topic, "DynamoDB.2": rows, "DynamoDB.6": rows, "SecretsManager.1": secret}.items()}
    assert found == {"KMS.3": "PASSED", "KMS.4": "FAILED", "SQS.1": "FAILED", "SQS.3": "PASSED", "SNS.4": "PASSED", "DynamoDB.2": "FAILED", "DynamoDB.6": "FAILED", "SecretsManager.1": "FAILED"}
    kms.enable_key_rotation(KeyId=key["KeyId"])
    public = document({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true", "Policy": public})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sns:Publish", "Resource": topic}]}))
    table.update_continuous_backups(TableName="rows", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    table.update_table(TableName="rows", DeletionProtectionEnabled=True)
    hub.look()
    found = {id_: hub.status(id_, about) for id_, about in {"KMS.4": key["Arn"], "SQS.1": queue, "SQS.3": queue, "SNS.4": topic, "DynamoDB.2": rows, "DynamoDB.6": rows}.items()}
    assert found == {"KMS.4": "PASSED", "SQS.1": "PASSED", "SQS.3": "FAILED", "SNS.4": "FAILED", "DynamoDB.2": "PASSED", "DynamoDB.6": "PASSED"}
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    cloud.advance(minutes=6)
    assert hub.status("KMS.3", key["Arn"]) == "FAILED"


def test_a_function_that_everybody_may_call(hub):
    import io
    import zipfile
    cloud = hub.cloud
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "def f(e, c): return 1")
    role = cloud.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=document({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}))
    api = cloud.client("lambda")
    arn = api.create_function(FunctionName="f", Runtime="python3.12", Handler="f.f", Role=role["Role"]["Arn"], Code={"ZipFile": code.getvalue()})["FunctionArn"]
    cloud.advance(minutes=6)
    assert hub.status("Lambda.1", arn) == "PASSED"
    api.add_permission(FunctionName="f", StatementId="all", Action="lambda:InvokeFunction", Principal="*")
    cloud.advance(minutes=6)
    assert hub.status("Lambda.1", arn) == "FAILED"
    api.remove_permission(FunctionName="f", StatementId="all")
    cloud.advance(minutes=6)
    assert hub.status("Lambda.1", arn) == "PASSED"


def test_guardduty_should_be_enabled(hub):
    assert hub.status("GuardDuty.1") == "FAILED"
    guard = hub.cloud.client("guardduty")
    detector = guard.create_detector(Enable=True)["DetectorId"]
    hub.look()
    assert hub.status("GuardDuty.1") == "PASSED"
    guard.update_detector(DetectorId=detector, Enable=False)
    hub.look()
    assert hub.status("GuardDuty.1") == "FAILED"
    guard.delete_detector(DetectorId=detector)
