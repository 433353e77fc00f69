"""Origins of AWS: buckets behind access controls and identities, websites, functions' URLs, APIs; names of Route 53."""
from __future__ import annotations

import hashlib
import json
import time

import pytest

from cloche.testing.people import trusting as trusts

from .edge import ALL_VIEWER_BUT_HOST, DISABLED, EVERY_METHOD, behaviour, bucket, config, custom, made, view


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def store(cloud):
    s3 = cloud.client("s3")
    name = f"site-{cloud.account}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="index.html", Body=b"<h1>hi</h1>", ContentType="text/html")
    s3.put_object(Bucket=name, Key="sub dir/ä.txt", Body=b"umlaut")
    return name


def control(cloud, kind="s3", behaviour="always"):
    made = cloud.client("cloudfront").create_origin_access_control(OriginAccessControlConfig={
        "Name": f"c-{kind}-{behaviour}", "SigningProtocol": "sigv4", "SigningBehavior": behaviour, "OriginAccessControlOriginType": kind})
    return made["OriginAccessControl"]["Id"]


def test_with_an_access_control_files_are_reached_through_the_distribution_alone(cloud, store):
    s3 = cloud.client("s3")
    one = made(cloud, bucket(store, OriginAccessControlId=control(cloud)), default=behaviour(AllowedMethods=EVERY_METHOD, policy=DISABLED), DefaultRootObject="index.html")
    assert view(cloud, one, "/").status == 403                              # nothing lets CloudFront in
    statement = {"Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}, "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "Resource": f"arn:aws:s3:::{store}/*",
                 "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::000000000000:distribution/EOTHER"}}}
    s3.put_bucket_policy(Bucket=store, Policy=policy(statement))
    assert view(cloud, one, "/").status == 403                              # another distribution
    statement["Condition"]["StringEquals"]["AWS:SourceArn"] = one["ARN"]
    s3.put_bucket_policy(Bucket=store, Policy=policy(statement))
    seen = view(cloud, one, "/")
    assert (seen.status, seen.body, seen.headers["content-type"]) == (200, b"<h1>hi</h1>", "text/html")
    assert "x-amz-id-2" not in seen.headers and "x-amz-request-id" not in seen.headers and seen.headers["server"] == "AmazonS3"
    assert view(cloud, one, "/sub%20dir/%C3%A4.txt").body == b"umlaut"
    assert view(cloud, one, "/none").status == 403                          # a missing object, and no right to list
    assert view(cloud, None, "/index.html", host=f"{store}.s3.us-east-1.amazonaws.com").status == 403
    assert view(cloud, one, "/new.txt", "PUT", b"made at the edge").status == 200
    assert s3.get_object(Bucket=store, Key="new.txt")["Body"].read() == b"made at the edge"
    statement["Action"] = "s3:ListBucket"
    listing = {**statement, "Resource": f"arn:aws:s3:::{store}"}
    s3.put_bucket_policy(Bucket=store, Policy=policy({**statement, "Action": "s3:GetObject"}, listing))
    assert view(cloud, one, "/none").status == 404


def test_objects_encrypted_under_a_key_need_the_keys_policy_too(cloud, store):
    s3, kms = cloud.client("s3"), cloud.client("kms")
    one = made(cloud, bucket(store, OriginAccessControlId=control(cloud)), default=behaviour(policy=DISABLED))
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    s3.put_object(Bucket=store, Key="sealed", Body=b"s", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    let = {"Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}, "Condition": {"StringEquals": {"AWS:SourceArn": one["ARN"]}}}
    s3.put_bucket_policy(Bucket=store, Policy=policy({**let, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{store}/*"}))
    assert view(cloud, one, "/index.html").status == 200 and view(cloud, one, "/sealed").status == 403
    own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}, "Action": "kms:*", "Resource": "*"}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy(own, {**let, "Action": "kms:Decrypt", "Resource": "*"}))
    assert view(cloud, one, "/sealed").body == b"s"


def test_how_an_access_control_signs(cloud, store):
    never = made(cloud, bucket(store, OriginAccessControlId=control(cloud, behaviour="never")), default=behaviour(policy=DISABLED))
    assert view(cloud, never, "/index.html").status == 403
    cloud.client("s3").delete_public_access_block(Bucket=store)
    cloud.client("s3").put_bucket_policy(Bucket=store, Policy=policy({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{store}/*"}))
    assert view(cloud, never, "/index.html").status == 200
    kept = made(cloud, bucket(store, OriginAccessControlId=control(cloud, behaviour="no-override")), default=behaviour(policy=DISABLED, OriginRequestPolicyId=ALL_VIEWER_BUT_HOST))
    assert view(cloud, kept, "/index.html").status == 200 and view(cloud, kept, "/index.html", authorization="AWS4-HMAC-SHA256 nonsense").status == 400


def test_an_origin_access_identity_is_a_user_that_the_bucket_lets_in(cloud, store):
    api, s3 = cloud.client("cloudfront"), cloud.client("s3")
    asked = {"CallerReference": "r", "Comment": "c"}
    answer = api.create_cloud_front_origin_access_identity(CloudFrontOriginAccessIdentityConfig=asked)
    identity = answer["CloudFrontOriginAccessIdentity"]
    assert api.create_cloud_front_origin_access_identity(CloudFrontOriginAccessIdentityConfig=asked)["CloudFrontOriginAccessIdentity"]["Id"] == identity["Id"]
    with pytest.raises(api.exceptions.CloudFrontOriginAccessIdentityAlreadyExists):
        api.create_cloud_front_origin_access_identity(CloudFrontOriginAccessIdentityConfig={**asked, "Comment": "other"})
    one = made(cloud, bucket(store, identity=f"origin-access-identity/cloudfront/{identity['Id']}"), default=behaviour(policy=DISABLED))
    assert view(cloud, one, "/index.html").status == 403
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{store}/*"}
    for who in ({"AWS": f"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {identity['Id']}"}, {"CanonicalUser": identity["S3CanonicalUserId"]}):
        s3.put_bucket_policy(Bucket=store, Policy=policy({**statement, "Principal": who}))
        assert view(cloud, one, "/index.html").body == b"<h1>hi</h1>"
        assert view(cloud, None, "/index.html", host=f"{store}.s3.us-east-1.amazonaws.com").status == 403
    s3.put_bucket_policy(Bucket=store, Policy=policy({**statement, "Principal": {"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity EOTHER"}}))
    assert view(cloud, one, "/index.html").status == 403
    with pytest.raises(api.exceptions.CloudFrontOriginAccessIdentityInUse):
        api.delete_cloud_front_origin_access_identity(Id=identity["Id"], IfMatch=answer["ETag"])
    found = api.get_cloud_front_origin_access_identity(Id=identity["Id"])
    new = api.update_cloud_front_origin_access_identity(Id=identity["Id"], IfMatch=found["ETag"], CloudFrontOriginAccessIdentityConfig={**asked, "Comment": "new"})
    assert api.get_cloud_front_origin_access_identity_config(Id=identity["Id"])["CloudFrontOriginAccessIdentityConfig"]["Comment"] == "new" and new["ETag"] != found["ETag"]
    told = api.list_cloud_front_origin_access_identities()["CloudFrontOriginAccessIdentityList"]
    assert told["Items"] == [{"Id": identity["Id"], "S3CanonicalUserId": identity["S3CanonicalUserId"], "Comment": "new"}] and told["IsTruncated"] is False


def test_an_origin_has_an_access_control_or_an_identity_that_there_is(cloud, store):
    api = cloud.client("cloudfront")
    identity = api.create_cloud_front_origin_access_identity(CloudFrontOriginAccessIdentityConfig={"CallerReference": "r", "Comment": ""})["CloudFrontOriginAccessIdentity"]["Id"]
    path = f"origin-access-identity/cloudfront/{identity}"
    for wrong, code in ((bucket(store, identity=path, OriginAccessControlId=control(cloud)), "IllegalOriginAccessConfiguration"), (bucket(store, OriginAccessControlId="ENONE"), "InvalidOriginAccessControl"),
                        (bucket(store, identity="origin-access-identity/cloudfront/ENONE"), "InvalidOriginAccessIdentity"), ({**bucket(store), "DomainName": "www.example.com"}, "InvalidOrigin")):
        with pytest.raises(api.exceptions.from_code(code)):
            api.create_distribution(DistributionConfig=config(wrong))


def test_a_buckets_website_is_an_origin_like_any_other(cloud, store):
    s3 = cloud.client("s3")
    s3.put_bucket_website(Bucket=store, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    one = made(cloud, custom(80, domain=f"{store}.s3-website-us-east-1.amazonaws.com", own={"HTTPSPort": 443}))
    assert view(cloud, one, "/").status == 403
    s3.delete_public_access_block(Bucket=store)
    s3.put_bucket_policy(Bucket=store, Policy=policy({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{store}/*"}))
    cloud.advance(11)                                                       # the refusal was not to be kept for ever
    assert view(cloud, one, "/").body == b"<h1>hi</h1>" and view(cloud, one, "/").cache == "Hit"


def function(cloud, code, name="f", service="lambda.amazonaws.com", **more):
    import io
    import zipfile
    iam, lambdas, buffer = cloud.client("iam"), cloud.client("lambda"), io.BytesIO()
    role = iam.create_role(RoleName=f"{name}-role", AssumeRolePolicyDocument=trusts({"Service": service}))["Role"]["Arn"]
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("index.py", code)
    return lambdas.create_function(FunctionName=name, Runtime="python3.11", Role=role, Handler="index.handler", Code={"ZipFile": buffer.getvalue()}, **more)


ECHO = "import json\ndef handler(event, context):\n    return {'statusCode': 200, 'body': json.dumps({'path': event['rawPath'], 'body': event.get('body'), 'who': event['requestContext'].get('accountId')})}\n"


def test_a_functions_url_is_asked_in_the_distributions_name(cloud):
    function(cloud, ECHO)
    lambdas = cloud.client("lambda")
    url = lambdas.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"].split("/")[2]
    own = {"OriginProtocolPolicy": "https-only", "HTTPSPort": 443}
    one = made(cloud, custom(80, domain=url, own=own, OriginAccessControlId=control(cloud, "lambda")), default=behaviour(policy=DISABLED, AllowedMethods=EVERY_METHOD))
    assert view(cloud, one, "/x").status == 403
    for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"):
        lambdas.add_permission(FunctionName="f", StatementId=action.partition(":")[2], Action=action, Principal="cloudfront.amazonaws.com", SourceArn=one["ARN"])
    assert view(cloud, one, "/x").json()["path"] == "/x"
    body = b'{"a": 1}'
    assert view(cloud, one, "/x", "POST", body, content_type="application/json").status == 403      # the viewer says what the body's hash is
    assert view(cloud, one, "/x", "POST", body, content_type="application/json", x_amz_content_sha256=hashlib.sha256(body).hexdigest()).json()["body"] == '{"a": 1}'
    other = made(cloud, custom(80, domain=url, own=own, OriginAccessControlId=control(cloud, "lambda", "no-override")), default=behaviour(policy=DISABLED))
    assert view(cloud, other, "/x").status == 403


def test_an_api_is_an_origin_and_knows_no_other_hosts_name(cloud):
    api = cloud.client("apigateway")
    id_ = api.create_rest_api(name="a")["id"]
    root = api.get_resources(restApiId=id_)["items"][0]["id"]
    api.put_method(restApiId=id_, resourceId=root, httpMethod="GET", authorizationType="NONE")
    api.put_integration(restApiId=id_, resourceId=root, httpMethod="GET", type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    api.put_method_response(restApiId=id_, resourceId=root, httpMethod="GET", statusCode="200")
    api.put_integration_response(restApiId=id_, resourceId=root, httpMethod="GET", statusCode="200", responseTemplates={"application/json": '{"made": "by api"}'})
    api.create_deployment(restApiId=id_, stageName="prod")
    origin = custom(80, domain=f"{id_}.execute-api.us-east-1.amazonaws.com", own={"OriginProtocolPolicy": "https-only", "HTTPSPort": 443}, OriginPath="/prod")
    one = made(cloud, origin)
    assert view(cloud, one, "/").json() == {"made": "by api"}
    every = made(cloud, origin, default=behaviour(policy=DISABLED, OriginRequestPolicyId="216adef6-5c7f-47e4-b989-5492eafa07d3"))
    assert view(cloud, every, "/").status == 403


def test_a_name_of_route_53_leads_to_what_it_stands_for(cloud, store, origin):
    dns, zone = cloud.client("route53"), f"z{cloud.account}.test"
    id_ = dns.create_hosted_zone(Name=zone, CallerReference=str(time.time()))["HostedZone"]["Id"]
    dns.change_resource_record_sets(HostedZoneId=id_, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": f"own.{zone}", "Type": "A", "TTL": 1, "ResourceRecords": [{"Value": "127.0.0.1"}]}}]})
    one = made(cloud, custom(origin.port, domain=f"own.{zone}"))
    assert view(cloud, one, "/").body == b"hello 1" and origin.asked[0]["headers"]["host"] == f"own.{zone}"
    # and a distribution is what a name can stand for
    dns.change_resource_record_sets(HostedZoneId=id_, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": f"www.{zone}", "Type": "A", "AliasTarget": {
        "HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": one["DomainName"], "EvaluateTargetHealth": False}}}]})
    second = made(cloud, custom(80, domain=f"www.{zone}", own={"HTTPSPort": 443}))
    seen = view(cloud, second, "/")
    assert seen.body == b"hello 1" and seen.headers["via"].count("(CloudFront)") == 2


def test_access_controls_are_made_changed_listed_and_deleted(cloud, store):
    api = cloud.client("cloudfront")
    answer = api.create_origin_access_control(OriginAccessControlConfig={"Name": "a", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"})
    id_ = answer["OriginAccessControl"]["Id"]
    assert answer["Location"].endswith(f"/origin-access-control/{id_}")
    with pytest.raises(api.exceptions.OriginAccessControlAlreadyExists):
        api.create_origin_access_control(OriginAccessControlConfig={"Name": "a", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"})
    one = made(cloud, bucket(store, OriginAccessControlId=id_))
    with pytest.raises(api.exceptions.OriginAccessControlInUse):
        api.delete_origin_access_control(Id=id_, IfMatch=answer["ETag"])
    changed = {**api.get_origin_access_control_config(Id=id_)["OriginAccessControlConfig"], "Description": "d"}
    new = api.update_origin_access_control(Id=id_, IfMatch=answer["ETag"], OriginAccessControlConfig=changed)
    assert api.get_origin_access_control(Id=id_)["OriginAccessControl"]["OriginAccessControlConfig"] == changed
    assert [(x["Id"], x["Description"]) for x in api.list_origin_access_controls()["OriginAccessControlList"]["Items"]] == [(id_, "d")]
    settings = api.get_distribution_config(Id=one["Id"])
    settings["DistributionConfig"]["Origins"]["Items"][0]["OriginAccessControlId"] = ""
    api.update_distribution(Id=one["Id"], IfMatch=settings["ETag"], DistributionConfig=settings["DistributionConfig"])
    api.delete_origin_access_control(Id=id_, IfMatch=new["ETag"])
    with pytest.raises(api.exceptions.NoSuchOriginAccessControl):
        api.get_origin_access_control(Id=id_)


def test_a_load_balancer_is_an_origin_over_https_only_with_a_trusted_certificate_for_its_name(cloud, cloche_server):
    from tests.services.elbv2.conftest import LoadBalancing, says
    from tests.services.elbv2.test_listeners import certificate as self_signed

    from .test_distributions import certificate
    lb, zone, dns = LoadBalancing(cloud, cloche_server), f"lb{cloud.account}.test", cloud.client("route53")
    balancer = lb.balancer()
    issued = certificate(cloud, zone, f"www.{zone}")
    body, key = self_signed(f"www.{zone}")
    own = cloud.client("acm").import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
    lb.listener(balancer, says("over http"), port=80)
    lb.listener(balancer, says("over https"), port=443, Protocol="HTTPS", Certificates=[{"CertificateArn": issued}])
    lb.listener(balancer, says("self-signed"), port=8443, Protocol="HTTPS", Certificates=[{"CertificateArn": own}])
    id_ = dns.list_hosted_zones_by_name(DNSName=zone)["HostedZones"][0]["Id"]
    dns.change_resource_record_sets(HostedZoneId=id_, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": f"www.{zone}", "Type": "A", "AliasTarget": {
        "HostedZoneId": balancer["CanonicalHostedZoneId"], "DNSName": balancer["DNSName"], "EvaluateTargetHealth": False}}}]})

    def seen(domain, policy, port=443):
        one = made(cloud, custom(80, domain=domain, own={"OriginProtocolPolicy": policy, "HTTPSPort": port}), default=behaviour(policy=DISABLED))
        answer = view(cloud, one, "/")
        return answer.status, answer.body if answer.status == 200 else answer.cache
    assert seen(balancer["DNSName"], "http-only") == (200, b"over http")
    assert seen(f"www.{zone}", "https-only") == (200, b"over https")
    assert seen(f"www.{zone}", "https-only", 8443) == (502, "Error")              # signed by itself
    assert seen(balancer["DNSName"], "https-only") == (502, "Error")              # the certificate is for another name
    assert seen(f"www.{zone}", "match-viewer") == (200, b"over http")
    elb = cloud.client("elbv2")
    with pytest.raises(elb.exceptions.ClientError, match="certificate"):          # unlike CloudFront a load balancer has none of its own
        elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTPS", Port=444, DefaultActions=[says("x")])
    elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
