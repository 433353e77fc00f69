"""Custom domain names: a host of one's own before REST and HTTP APIs, and client certificates in its handshake."""
import datetime
import http.client
import json
import socket
import ssl

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .conftest import call


def signed(name, issuer=None, key=None, ca=False):
    """(certificate, key, PEM of both) under an issuer's certificate and key, or by itself."""
    mine = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begin = datetime.datetime(2020, 1, 1)  # other tests may have moved the clock by years
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject).public_key(mine.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=36500)).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
    made = builder.add_extension(x509.BasicConstraints(ca, None), True).sign(key or mine, hashes.SHA256())
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    return made, mine, pem, mine.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def imported(cloud, name):
    _, _, body, private = signed(name)
    return cloud.client("acm").import_certificate(Certificate=body, PrivateKey=private)["CertificateArn"], body


def refused(code, part, function, **kw):
    with pytest.raises(ClientError) as caught:
        function(**kw)
    assert caught.value.response["Error"]["Code"] == code
    assert part in caught.value.response["Error"]["Message"]


@pytest.fixture
def domain(cloud):
    """A Regional domain of this test's own."""
    name = f"api{cloud.account[-6:]}.example.com"
    arn, _ = imported(cloud, name)
    made = cloud.client("apigateway").create_domain_name(domainName=name, regionalCertificateArn=arn, endpointConfiguration={"types": ["REGIONAL"]}, securityPolicy="TLS_1_2")
    yield made
    cloud.client("apigateway").delete_domain_name(domainName=name)


def test_a_domain_is_described_and_belongs_to_one_account(cloud, domain):
    gw, name = cloud.client("apigateway"), domain["domainName"]
    assert domain["domainNameStatus"] == "AVAILABLE" and domain["regionalDomainName"].endswith(".execute-api.us-east-1.amazonaws.com") and domain["regionalHostedZoneId"] == "Z1UJRXOUMOOFQ8"
    assert [d["domainName"] for d in gw.get_domain_names()["items"]] == [name]
    in_use = cloud.client("acm").describe_certificate(CertificateArn=domain["regionalCertificateArn"])["Certificate"]["InUseBy"]
    assert in_use == [f"arn:aws:apigateway:us-east-1::/domainnames/{name}"]
    refused("BadRequestException", "already exists", gw.create_domain_name, domainName=name, regionalCertificateArn=domain["regionalCertificateArn"], endpointConfiguration={"types": ["REGIONAL"]})
    refused("BadRequestException", "A certificate was not provided for the endpoint type EDGE.", gw.create_domain_name, domainName="x." + name)
    refused("BadRequestException", "The provided certificate does not exist.", gw.create_domain_name, domainName="x." + name, certificateArn=domain["regionalCertificateArn"][:-4] + "0000")
    refused("NotFoundException", "Invalid domain name identifier specified", gw.get_domain_name, domainName="x." + name)
    gw.tag_resource(resourceArn=domain["domainNameArn"], tags={"a": "b"})
    assert gw.get_domain_name(domainName=name)["tags"] == {"a": "b"}
    changed = gw.update_domain_name(domainName=name, patchOperations=[{"op": "replace", "path": "/securityPolicy", "value": "TLS_1_0"}])
    assert changed["securityPolicy"] == "TLS_1_0"


def test_an_edge_domain_has_a_distribution(cloud):
    gw, name = cloud.client("apigateway"), f"edge{cloud.account[-6:]}.example.com"
    arn, _ = imported(cloud, name)
    made = gw.create_domain_name(domainName=name, certificateArn=arn)
    assert made["distributionDomainName"].endswith(".cloudfront.net") and made["endpointConfiguration"]["types"] == ["EDGE"]
    gw.delete_domain_name(domainName=name)
    assert call(cloud, None, "/", host=name).status != 200


def test_base_paths_lead_to_apis_and_stages(api, domain):
    name, gw = domain["domainName"], api.gw
    api.mock("/pets", template='{"path": "$context.path", "stage": "$context.stage", "host": "$context.domainName"}')
    api.deploy("dev")
    api.deploy("prod")
    assert call(api.cloud, None, "/v1/pets", host=name).body == b'{"message":"Forbidden"}'
    assert gw.create_base_path_mapping(domainName=name, basePath="v1", restApiId=api.id, stage="prod")["basePath"] == "v1"
    assert gw.create_base_path_mapping(domainName=name, restApiId=api.id)["basePath"] == "(none)"
    assert call(api.cloud, None, "/v1/pets", host=name).json == {"path": "/v1/pets", "stage": "prod", "host": name}
    assert call(api.cloud, None, "/dev/pets", host=f"{name}:4566").json["stage"] == "dev"      # a mapping without a stage: the client names it
    assert call(api.cloud, None, "/v1/pets", host=domain["regionalDomainName"]).status == 403
    refused("ConflictException", "Base path already exists", gw.create_base_path_mapping, domainName=name, basePath="v1", restApiId=api.id)
    refused("BadRequestException", "doesn't support the slash", gw.create_base_path_mapping, domainName=name, basePath="a/b", restApiId=api.id)
    refused("BadRequestException", "Invalid stage identifier specified", gw.create_base_path_mapping, domainName=name, basePath="v2", restApiId=api.id, stage="none")
    refused("BadRequestException", "Invalid REST API identifier specified", gw.create_base_path_mapping, domainName=name, basePath="v2", restApiId="nothing")
    gw.update_base_path_mapping(domainName=name, basePath="v1", patchOperations=[{"op": "replace", "path": "/basePath", "value": "v9"}, {"op": "replace", "path": "/stage", "value": "dev"}])
    assert call(api.cloud, None, "/v9/pets", host=name).json["stage"] == "dev"
    assert sorted(m["basePath"] for m in gw.get_base_path_mappings(domainName=name)["items"]) == ["(none)", "v9"]
    assert gw.get_base_path_mapping(domainName=name, basePath="v9") | {"ResponseMetadata": 0} == {"basePath": "v9", "restApiId": api.id, "stage": "dev", "ResponseMetadata": 0}
    gw.delete_base_path_mapping(domainName=name, basePath="v9")
    refused("NotFoundException", "Invalid base path mapping identifier specified", gw.get_base_path_mapping, domainName=name, basePath="v9")


def test_a_domain_answers_where_the_default_endpoint_is_closed(api, domain):
    api.mock("/pets", template="here")
    api.deploy()
    api.gw.create_base_path_mapping(domainName=domain["domainName"], restApiId=api.id, stage="dev")
    api.gw.update_rest_api(restApiId=api.id, patchOperations=[{"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"}])
    assert api.call("/pets").status == 403
    assert call(api.cloud, None, "/pets", host=domain["domainName"]).body == b"here"


def test_an_http_api_is_mapped_by_several_levels(api, domain):
    name, v2 = domain["domainName"], api.cloud.client("apigatewayv2")
    api.mock("/pets", template="rest")
    api.deploy()
    http_api = v2.create_api(Name="h", ProtocolType="HTTP", Target=f"https://{api.id}.execute-api.us-east-1.amazonaws.com/dev/pets")["ApiId"]
    shown = v2.get_domain_name(DomainName=name)
    assert shown["DomainNameConfigurations"][0]["EndpointType"] == "REGIONAL" and shown["DomainNameConfigurations"][0]["ApiGatewayDomainName"] == domain["regionalDomainName"]
    mapping = v2.create_api_mapping(DomainName=name, ApiId=http_api, Stage="$default", ApiMappingKey="a/b")
    assert call(api.cloud, None, "/a/b", host=name).body == b"rest"
    assert call(api.cloud, None, "/a", host=name).status == 403
    refused("BadRequestException", "Invalid API or stage", v2.create_api_mapping, DomainName=name, ApiId=http_api, Stage="none", ApiMappingKey="c")
    refused("ConflictException", "Base path already exists", v2.create_api_mapping, DomainName=name, ApiId=http_api, Stage="$default", ApiMappingKey="a/b")
    v2.update_api_mapping(DomainName=name, ApiMappingId=mapping["ApiMappingId"], ApiId=http_api, ApiMappingKey="c")
    assert v2.get_api_mapping(DomainName=name, ApiMappingId=mapping["ApiMappingId"])["ApiMappingKey"] == "c"
    assert [m["ApiMappingKey"] for m in v2.get_api_mappings(DomainName=name)["Items"]] == ["c"]
    v2.delete_api_mapping(DomainName=name, ApiMappingId=mapping["ApiMappingId"])
    assert call(api.cloud, None, "/c", host=name).status == 403


def test_a_domain_made_by_version_two_lives(cloud):
    v2, name = cloud.client("apigatewayv2"), f"two{cloud.account[-6:]}.example.com"
    arn, _ = imported(cloud, name)
    v2.create_domain_name(DomainName=name, DomainNameConfigurations=[{"CertificateArn": arn}], Tags={"a": "b"})
    assert [d["DomainName"] for d in v2.get_domain_names()["Items"]] == [name]
    changed = v2.update_domain_name(DomainName=name, RoutingMode="ROUTING_RULE_ONLY")
    assert (changed["RoutingMode"], changed["Tags"]) == ("ROUTING_RULE_ONLY", {"a": "b"})
    refused("BadRequestException", "Only REGIONAL", v2.update_domain_name, DomainName=name, DomainNameConfigurations=[{"CertificateArn": arn, "EndpointType": "EDGE"}])
    v2.delete_domain_name(DomainName=name)
    refused("NotFoundException", "not found", v2.get_domain_name, DomainName=name)


def test_rules_choose_by_header_and_base_path_in_the_order_of_their_priority(api, domain):
    name, v2 = domain["domainName"], api.cloud.client("apigatewayv2")
    api.mock("/pets", template="$context.stage")
    api.deploy("dev")
    api.deploy("beta")
    api.gw.create_base_path_mapping(domainName=name, restApiId=api.id, stage="dev")
    v2.update_domain_name(DomainName=name, RoutingMode="ROUTING_RULE_THEN_API_MAPPING")
    action = [{"InvokeApi": {"ApiId": api.id, "Stage": "beta", "StripBasePath": True}}]
    rule = v2.create_routing_rule(DomainName=name, Priority=10, Actions=action, Conditions=[
        {"MatchBasePaths": {"AnyOf": ["new"]}}, {"MatchHeaders": {"AnyOf": [{"Header": "x-team", "ValueGlob": "blue*"}]}}])
    assert call(api.cloud, None, "/new/pets", host=name, headers={"X-Team": "bluebird"}).body == b"beta"
    assert call(api.cloud, None, "/new/pets", host=name).status == 403
    assert call(api.cloud, None, "/pets", host=name).body == b"dev"
    refused("ConflictException", "priority", v2.create_routing_rule, DomainName=name, Priority=10, Actions=action, Conditions=[])
    v2.put_routing_rule(DomainName=name, RoutingRuleId=rule["RoutingRuleId"], Priority=5, Conditions=[], Actions=[{"InvokeApi": {"ApiId": api.id, "Stage": "beta"}}])
    assert v2.get_routing_rule(DomainName=name, RoutingRuleId=rule["RoutingRuleId"])["Priority"] == 5
    assert call(api.cloud, None, "/pets", host=name).body == b"beta"
    assert len(v2.list_routing_rules(DomainName=name)["RoutingRules"]) == 1
    v2.delete_routing_rule(DomainName=name, RoutingRuleId=rule["RoutingRuleId"])
    assert call(api.cloud, None, "/pets", host=name).body == b"dev"


def secure(port, name, server, client=None):
    context = ssl.create_default_context(cadata=server)
    if client is not None:
        context.load_cert_chain(client)
    with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain, server_hostname=name) as wrapped:
        wrapped.sendall(f"GET /me HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(wrapped)
        answer.begin()
        return answer.status, answer.read()


def proof(cloud, name):
    """A public certificate for the name, issued because its zone has the record that proves it: (ARN, what issues it)."""
    acm, dns = cloud.client("acm"), cloud.client("route53")
    zone = dns.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]
    arn = acm.request_certificate(DomainName=name, ValidationMethod="DNS")["CertificateArn"]

    def issue():
        record = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"][0]["ResourceRecord"]
        change = {"Action": "UPSERT", "ResourceRecordSet": {"Name": record["Name"], "Type": record["Type"], "TTL": 60, "ResourceRecords": [{"Value": record["Value"]}]}}
        dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
        for _ in range(40):
            if acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "ISSUED":
                return
            cloud.advance(60)
        raise AssertionError("not issued")
    return arn, issue


def test_a_domain_shows_its_own_certificate_and_asks_for_the_clients(process, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = process("--tls-port", str(port))
    ca, ca_key, ca_pem, _ = signed("Authority", ca=True)
    other, other_key, _, _ = signed("Other", ca=True)
    s3, gw, name = running.client("s3"), running.client("apigateway"), "secure.example.com"
    s3.create_bucket(Bucket="trust")
    s3.put_object(Bucket="trust", Key="store.pem", Body=ca_pem)
    _, _, body, private = signed(name)
    arn = running.client("acm").import_certificate(Certificate=body, PrivateKey=private)["CertificateArn"]
    owner, issue = proof(running, name)
    refused("BadRequestException", "could not be read", gw.create_domain_name, domainName=name, regionalCertificateArn=arn, endpointConfiguration={"types": ["REGIONAL"]},
            mutualTlsAuthentication={"truststoreUri": "s3://trust/none.pem"}, ownershipVerificationCertificateArn=owner)
    mutual = {"domainName": name, "regionalCertificateArn": arn, "endpointConfiguration": {"types": ["REGIONAL"]}, "mutualTlsAuthentication": {"truststoreUri": "s3://trust/store.pem"}}
    refused("BadRequestException", "ownership verification certificate is required", gw.create_domain_name, **mutual)
    refused("BadRequestException", "must be a public certificate", gw.create_domain_name, **mutual, ownershipVerificationCertificateArn=arn)
    assert gw.create_domain_name(**mutual, ownershipVerificationCertificateArn=owner)["domainNameStatus"] == "PENDING_OWNERSHIP_VERIFICATION"
    issue()
    assert gw.get_domain_name(domainName=name)["domainNameStatus"] == "AVAILABLE"
    from .conftest import Api
    api = Api(running)
    api.mock("/me", template='{"subject": "$context.identity.clientCert.subjectDN"}')
    api.deploy()
    gw.create_base_path_mapping(domainName=name, restApiId=api.id, stage="dev")

    def shows(issuer, key):
        _, _, pem, mine = signed("me", issuer, key)
        (tmp_path / "client.pem").write_text(pem + mine)
        return tmp_path / "client.pem"

    status, said = secure(port, name, body, shows(ca, ca_key))
    assert (status, json.loads(said)) == (200, {"subject": "CN=me"})
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.BadStatusLine)):
        secure(port, name, body, shows(other, other_key))
    assert secure(port, name, body)[0] == 403
    with pytest.raises(ssl.SSLError):
        secure(port, "localhost", body)                                                         # another name has another certificate
    assert call(running, None, "/me", host=name).status == 403                                  # without TLS nobody has shown anything


def test_templates_make_domains_and_their_mappings(cloud):
    name = f"cfn{cloud.account[-6:]}.example.com"
    arn, _ = imported(cloud, name)
    resources = {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "a"}},
        "Root": {"Type": "AWS::ApiGateway::Method", "Properties": {
            "RestApiId": {"Ref": "Api"}, "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]}, "HttpMethod": "GET", "AuthorizationType": "NONE",
            "MethodResponses": [{"StatusCode": "200"}],
            "Integration": {"Type": "MOCK", "RequestTemplates": {"application/json": '{"statusCode": 200}'}, "IntegrationResponses": [{"StatusCode": "200"}]}}},
        "Deployment": {"Type": "AWS::ApiGateway::Deployment", "DependsOn": "Root", "Properties": {"RestApiId": {"Ref": "Api"}, "StageName": "dev"}},
        "Domain": {"Type": "AWS::ApiGateway::DomainName", "Properties": {
            "DomainName": name, "RegionalCertificateArn": arn, "EndpointConfiguration": {"Types": ["REGIONAL"]}, "Tags": [{"Key": "a", "Value": "b"}]}},
        "Mapping": {"Type": "AWS::ApiGateway::BasePathMapping", "DependsOn": "Deployment", "Properties": {
            "DomainName": {"Ref": "Domain"}, "RestApiId": {"Ref": "Api"}, "Stage": "dev", "BasePath": "v1"}},
        "Mapping2": {"Type": "AWS::ApiGatewayV2::ApiMapping", "DependsOn": "Deployment", "Properties": {
            "DomainName": {"Ref": "Domain"}, "ApiId": {"Ref": "Api"}, "Stage": "dev", "ApiMappingKey": "v2/deep"}},
        "Other": {"Type": "AWS::ApiGatewayV2::DomainName", "Properties": {"DomainName": "v2." + name, "DomainNameConfigurations": [{"CertificateArn": arn, "EndpointType": "REGIONAL"}]}},
        "Rule": {"Type": "AWS::ApiGatewayV2::RoutingRule", "DependsOn": "Deployment", "Properties": {
            "DomainNameArn": {"Fn::GetAtt": ["Other", "DomainNameArn"]}, "Priority": 1, "Conditions": [],
            "Actions": [{"InvokeApi": {"ApiId": {"Ref": "Api"}, "Stage": "dev"}}]}},
    }
    outputs = {"Target": {"Value": {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}}, "Target2": {"Value": {"Fn::GetAtt": ["Other", "RegionalDomainName"]}}}
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="d", TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}))
    cfn.get_waiter("stack_create_complete").wait(StackName="d", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    shown = {o["OutputKey"]: o["OutputValue"] for o in cfn.describe_stacks(StackName="d")["Stacks"][0]["Outputs"]}
    assert shown["Target"].startswith("d-") and shown["Target2"].startswith("d-")
    for path in ("/v1/", "/v2/deep"):
        assert call(cloud, None, path, host=name).status == 200
    resources["Mapping"]["Properties"]["BasePath"] = "v3"
    cfn.update_stack(StackName="d", TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}))
    cfn.get_waiter("stack_update_complete").wait(StackName="d", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    assert (call(cloud, None, "/v1/", host=name).status, call(cloud, None, "/v3/", host=name).status) == (403, 200)
    cfn.delete_stack(StackName="d")
    cfn.get_waiter("stack_delete_complete").wait(StackName="d", WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    assert cloud.client("apigateway").get_domain_names()["items"] == []
