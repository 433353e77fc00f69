"""Identity, keys and guards in templates: each type made, changed and taken down."""
import json
import time

import pytest

from tests.services.iam.test_other_credentials import certificate, key, pem  # noqa: F401 (fixtures)
from tests.services.organizations.conftest import Org
from tests.services.sts.test_saml import Idp

from .templates import outputs, reasons, stack, status, template
from .test_types import deploy

ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}]}
OTHER = json.loads(json.dumps(ALLOW).replace("ListQueues", "SendMessage"))


def gone(cfn, name):
    arn = stack(cfn, name)["StackId"]
    cfn.delete_stack(StackName=name)
    for _ in range(40):
        if not status(cfn, arn).endswith("IN_PROGRESS"):
            break
        time.sleep(0.1)
    assert status(cfn, arn) == "DELETE_COMPLETE", reasons(cfn, arn)


def one(kind, **properties):
    return {"Type": f"AWS::{kind}", "Properties": properties}


def test_iam_policies_providers_certificates_devices_and_linked_roles(cloud, certificate, key):  # noqa: F811
    cfn, iam = cloud.client("cloudformation"), cloud.client("iam")
    iam.create_user(UserName="ann")
    iam.create_group(GroupName="crew")
    iam.create_role(RoleName="job", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))

    def body(policy, clients, path):
        return template({
            "U": one("IAM::UserPolicy", UserName="ann", PolicyName="p", PolicyDocument=policy), "G": one("IAM::GroupPolicy", GroupName="crew", PolicyName="p", PolicyDocument=policy),
            "R": one("IAM::RolePolicy", RoleName="job", PolicyName="p", PolicyDocument=policy),
            "O": one("IAM::OIDCProvider", Url="https://token.example.com", ClientIdList=clients, ThumbprintList=["a" * 40], Tags=[{"Key": "a", "Value": path}]),
            "S": one("IAM::SAMLProvider", Name="idp", SamlMetadataDocument=Idp().metadata()),
            "C": one("IAM::ServerCertificate", ServerCertificateName="cert", CertificateBody=certificate, PrivateKey=pem(key), Path=path),
            "L": one("IAM::ServiceLinkedRole", AWSServiceName="elasticloadbalancing.amazonaws.com", Description="d"),
            "M": one("IAM::VirtualMFADevice", VirtualMfaDeviceName="phone", Users=[]),
        }, Outputs={name: {"Value": {"Fn::GetAtt": [name, attribute]}} for name, attribute in (("O", "Arn"), ("S", "Arn"), ("C", "Arn"), ("L", "RoleName"), ("M", "SerialNumber"))})

    ids = deploy(cfn, "ids", body(ALLOW, ["one"], "/a/"))
    told = outputs(cfn, "ids")
    assert ids["R"] == "p|job" and told["O"] == ids["O"] == f"arn:aws:iam::{cloud.account}:oidc-provider/token.example.com" and told["L"] == "AWSServiceRoleForElasticLoadBalancing"
    assert told["C"].endswith("server-certificate/a/cert") and told["M"] == f"arn:aws:iam::{cloud.account}:mfa/phone" and told["S"].endswith("saml-provider/idp")
    assert iam.get_user_policy(UserName="ann", PolicyName="p")["PolicyDocument"] == ALLOW
    assert deploy(cfn, "ids", body(OTHER, ["two"], "/b/"))["C"] == "cert"
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=ids["O"])
    assert found["ClientIDList"] == ["two"] and {"Key": "a", "Value": "/b/"} in found["Tags"]
    assert iam.get_role_policy(RoleName="job", PolicyName="p")["PolicyDocument"] == iam.get_group_policy(GroupName="crew", PolicyName="p")["PolicyDocument"] == OTHER
    assert iam.get_server_certificate(ServerCertificateName="cert")["ServerCertificate"]["ServerCertificateMetadata"]["Path"] == "/b/"
    gone(cfn, "ids")
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == iam.list_saml_providers()["SAMLProviderList"] == iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []
    assert [role["RoleName"] for role in iam.list_roles()["Roles"] if "ElasticLoad" in role["RoleName"]] == []


def test_a_replica_of_a_key_an_acls_logging_a_document_and_the_days_before_expiry(cloud):
    far, kms, waf, logs = cloud.client("cloudformation", region="eu-west-1"), cloud.client("kms"), cloud.client("wafv2", region="eu-west-1"), cloud.client("logs", region="eu-west-1")
    ssm = cloud.client("ssm", region="eu-west-1")
    primary = kms.create_key(MultiRegion=True)["KeyMetadata"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}, "Action": "kms:*", "Resource": "*"}]}
    seen = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}
    group = logs.create_log_group(logGroupName="aws-waf-logs-a") and f"arn:aws:logs:eu-west-1:{cloud.account}:log-group:aws-waf-logs-a"

    def body(text, days, method="NewVersion"):
        content = {"schemaVersion": "2.2", "description": text, "mainSteps": [{"action": "aws:runShellScript", "name": "a", "inputs": {"runCommand": ["true"]}}]}
        return template({
            "K": one("KMS::ReplicaKey", PrimaryKeyArn=primary["Arn"], KeyPolicy=policy, Description=text, PendingWindowInDays=7),
            "A": one("WAFv2::WebACL", Name="a", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=seen, Rules=[]),
            "L": one("WAFv2::LoggingConfiguration", ResourceArn={"Fn::GetAtt": ["A", "Arn"]}, LogDestinationConfigs=[group]),
            "D": one("SSM::Document", Content=content, Name="doc", DocumentType="Command", UpdateMethod=method),
            "E": one("CertificateManager::Account", ExpiryEventsConfiguration={"DaysBeforeExpiry": days}),
        }, Outputs={"Arn": {"Value": {"Fn::GetAtt": ["K", "Arn"]}}})

    ids = deploy(far, "far", body("one", 10))
    assert ids["K"] == primary["KeyId"] and outputs(far, "far")["Arn"] == primary["Arn"].replace("us-east-1", "eu-west-1")
    assert waf.get_logging_configuration(ResourceArn=ids["L"])["LoggingConfiguration"]["LogDestinationConfigs"] == [group]
    deploy(far, "far", body("two", 20))
    assert cloud.client("kms", region="eu-west-1").describe_key(KeyId=ids["K"])["KeyMetadata"]["Description"] == "two"
    assert ssm.describe_document(Name="doc")["Document"]["DefaultVersion"] == "2"
    assert cloud.client("acm", region="eu-west-1").get_account_configuration()["ExpiryEvents"]["DaysBeforeExpiry"] == 20
    gone(far, "far")
    assert cloud.client("kms", region="eu-west-1").describe_key(KeyId=ids["K"])["KeyMetadata"]["KeyState"] == "PendingDeletion" and waf.list_web_acls(Scope="REGIONAL")["WebACLs"] == []


@pytest.fixture
def org(cloud):
    return Org(cloud)


def test_an_organization_its_units_accounts_and_policies(cloud):
    cfn, api = cloud.client("cloudformation"), cloud.client("organizations")
    deploy(cfn, "org", template({"O": one("Organizations::Organization", FeatureSet="ALL")}, Outputs={"Root": {"Value": {"Fn::GetAtt": ["O", "RootId"]}}}))
    root = outputs(cfn, "org")["Root"]
    api.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")

    def body(name, action):
        deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}
        return template({
            "U": one("Organizations::OrganizationalUnit", Name=name, ParentId=root, Tags=[{"Key": "a", "Value": name}]),
            "A": one("Organizations::Account", AccountName="a", Email=f"a@{cloud.account}.example.com", ParentIds=[{"Ref": "U"}]) | {"DeletionPolicy": "Retain"},
            "P": one("Organizations::Policy", Name="p", Type="SERVICE_CONTROL_POLICY", Content=deny, TargetIds=[{"Ref": "U"}]),
            "R": one("Organizations::ResourcePolicy", Content={"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}, "Action": "organizations:DescribeOrganization", "Resource": "*"}]}),
        }, Outputs={"Account": {"Value": {"Fn::GetAtt": ["A", "AccountId"]}}})

    ids = deploy(cfn, "tree", body("one", "sqs:*"))
    assert outputs(cfn, "tree")["Account"] == ids["A"] and api.list_parents(ChildId=ids["A"])["Parents"][0]["Id"] == ids["U"]
    assert ids["P"] in [policy["Id"] for policy in api.list_policies_for_target(TargetId=ids["U"], Filter="SERVICE_CONTROL_POLICY")["Policies"]]
    assert deploy(cfn, "tree", body("two", "sns:*"))["P"] == ids["P"]
    assert "sns:*" in api.describe_policy(PolicyId=ids["P"])["Policy"]["Content"] and api.describe_organizational_unit(OrganizationalUnitId=ids["U"])["OrganizationalUnit"]["Name"] == "two"
    api.move_account(AccountId=ids["A"], SourceParentId=ids["U"], DestinationParentId=root)
    gone(cfn, "tree")
    assert api.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"] == [] and api.describe_account(AccountId=ids["A"])["Account"]["Status"] == "ACTIVE"


def test_lists_of_firewall_manager_and_an_application_of_identity_center(cloud, org):
    cfn, fms, sso, store = (cloud.client(name) for name in ("cloudformation", "fms", "sso-admin", "identitystore"))
    fms.associate_admin_account(AdminAccount=cloud.account)
    instance = sso.list_instances()["Instances"][0]

    def body(port, title):
        return template({
            "A": one("FMS::ApplicationsList", ListName="apps", AppsList=[{"AppName": "web", "Protocol": "TCP", "Port": port}]), "P": one("FMS::ProtocolsList", ListName="ps", ProtocolsList=["TCP"]),
            "U": one("IdentityStore::User", IdentityStoreId=instance["IdentityStoreId"], UserName="ann", DisplayName=title, Name={"GivenName": "Ann", "FamilyName": "B"},
                     Emails=[{"Value": "a@example.com", "Type": "work", "Primary": True}]),
            "S": one("SSO::Application", ApplicationProviderArn="arn:aws:sso::aws:applicationProvider/custom", InstanceArn=instance["InstanceArn"], Name="app", Description=title),
            "G": one("SSO::ApplicationAssignment", ApplicationArn={"Fn::GetAtt": ["S", "ApplicationArn"]}, PrincipalType="USER", PrincipalId={"Fn::GetAtt": ["U", "UserId"]}),
        })

    ids = deploy(cfn, "more", body(443, "one"))
    assert deploy(cfn, "more", body(80, "two")) == ids
    list_id = ids["A"].rpartition("/")[2]
    assert fms.get_apps_list(ListId=list_id)["AppsList"]["AppsList"][0]["Port"] == 80 and sso.describe_application(ApplicationArn=ids["S"])["Description"] == "two"
    assert store.list_users(IdentityStoreId=instance["IdentityStoreId"])["Users"][0]["DisplayName"] == "two"
    assert len(sso.list_application_assignments(ApplicationArn=ids["S"])["ApplicationAssignments"]) == 1
    gone(cfn, "more")
    assert fms.list_apps_lists(MaxResults=10)["AppsLists"] == [] == store.list_users(IdentityStoreId=instance["IdentityStoreId"])["Users"]


def test_protections_and_groups_of_shield_and_its_response_team(cloud):
    cfn, shield = cloud.client("cloudformation"), cloud.client("shield")
    shield.create_subscription()
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "drt.shield.amazonaws.com"}, "Action": "sts:AssumeRole"}]}

    def body(check, members, contact):
        return template({
            "E": one("EC2::EIP", Domain="vpc"), "H": one("Route53::HealthCheck", HealthCheckConfig={"Type": "CALCULATED", "HealthThreshold": 0}),
            "P": one("Shield::Protection", Name="p", ResourceArn={"Fn::Sub": "arn:aws:ec2:us-east-1:${AWS::AccountId}:eip-allocation/${E.AllocationId}"},
                     HealthCheckArns=[{"Fn::Sub": "arn:aws:route53:::healthcheck/${H}"}] if check else []),
            "G": one("Shield::ProtectionGroup", ProtectionGroupId="g", Aggregation=members, Pattern="ALL"),
            "R": one("IAM::Role", RoleName="team", AssumeRolePolicyDocument=trust, ManagedPolicyArns=["arn:aws:iam::aws:policy/service-role/AWSShieldDRTAccessPolicy"]),
            "D": one("Shield::DRTAccess", RoleArn={"Fn::GetAtt": ["R", "Arn"]}),
            "C": one("Shield::ProactiveEngagement", ProactiveEngagementStatus="ENABLED", EmergencyContactList=[{"EmailAddress": contact, "PhoneNumber": "+4930123456"}]),
        }, Outputs={"Id": {"Value": {"Fn::GetAtt": ["P", "ProtectionId"]}}})

    deploy(cfn, "guard", body(True, "SUM", "a@example.com"))
    id_ = outputs(cfn, "guard")["Id"]
    assert len(shield.describe_protection(ProtectionId=id_)["Protection"]["HealthCheckIds"]) == 1 and shield.describe_drt_access()["RoleArn"].endswith("role/team")
    assert shield.describe_subscription()["Subscription"]["ProactiveEngagementStatus"] == "ENABLED"
    deploy(cfn, "guard", body(False, "MAX", "b@example.com"))
    assert shield.describe_protection(ProtectionId=id_)["Protection"]["HealthCheckIds"] == [] and shield.describe_protection_group(ProtectionGroupId="g")["ProtectionGroup"]["Aggregation"] == "MAX"
    assert shield.describe_emergency_contact_settings()["EmergencyContactList"][0]["EmailAddress"] == "b@example.com"
    gone(cfn, "guard")
    assert shield.list_protections()["Protections"] == [] and "RoleArn" not in shield.describe_drt_access()


def test_a_secret_learns_where_its_database_is(cloud):
    cfn, secrets = cloud.client("cloudformation"), cloud.client("secretsmanager")
    body = template({
        "S": one("SecretsManager::Secret", Name="db", SecretString='{"username": "boss", "password": "correct-horse"}'),
        "D": one("RDS::DBInstance", DBInstanceIdentifier="db", DBInstanceClass="db.t3.micro", Engine="sqlserver-ee", MasterUsername="boss", MasterUserPassword="correct-horse", AllocatedStorage="20")
        | {"DeletionPolicy": "Delete"},
        "T": one("SecretsManager::SecretTargetAttachment", SecretId={"Ref": "S"}, TargetId={"Ref": "D"}, TargetType="AWS::RDS::DBInstance"),
    })
    cfn.create_stack(StackName="db", TemplateBody=body)
    for _ in range(30):
        if not status(cfn, "db").endswith("IN_PROGRESS"):
            break
        cloud.advance(1)
    assert status(cfn, "db") == "CREATE_COMPLETE", reasons(cfn, "db")
    told = json.loads(secrets.get_secret_value(SecretId="db")["SecretString"])
    there = cloud.client("rds").describe_db_instances(DBInstanceIdentifier="db")["DBInstances"][0].get("Endpoint")     # none of an engine that is only a record here
    assert told == {"username": "boss", "password": "correct-horse", "engine": "sqlserver-ee", "dbInstanceIdentifier": "db", **({"host": there["Address"], "port": there["Port"]} if there else {})}
    secrets.put_secret_value(SecretId="db", SecretString=json.dumps(told | {"password": "new"}))
    arn = stack(cfn, "db")["StackId"]
    cfn.update_stack(StackName="db", TemplateBody=json.dumps({"Resources": {name: text for name, text in json.loads(body)["Resources"].items() if name != "T"}}))
    for _ in range(30):
        if not status(cfn, arn).endswith("IN_PROGRESS"):
            break
        cloud.advance(1)
    assert json.loads(secrets.get_secret_value(SecretId="db")["SecretString"]) == {"username": "boss", "password": "new"}
