"""Distributions as the API makes, tells, changes and deletes them; their aliases, certificates and tags."""
from __future__ import annotations

import http.client
import socket
import ssl

import pytest

from cloche.testing.people import Person, allow, refused

from .edge import OPTIMIZED, behaviour, config, custom, listed, made, view


@pytest.fixture
def api(cloud):
    return cloud.client("cloudfront")


def test_a_distribution_is_in_progress_and_then_deployed(cloud, api, origin):
    sent = config(custom(origin.port))
    answer = api.create_distribution(DistributionConfig=sent)
    one = answer["Distribution"]
    assert one["Status"] == "InProgress" and one["Id"][0] == "E" and one["DomainName"].startswith("d") and one["DomainName"].endswith(".cloudfront.net")
    assert one["ARN"] == f"arn:aws:cloudfront::{cloud.account}:distribution/{one['Id']}" and answer["Location"].endswith(f"/2020-05-31/distribution/{one['Id']}")
    cloud.advance(10)
    found = api.get_distribution(Id=one["Id"])
    assert found["Distribution"]["Status"] == "Deployed" and found["ETag"] == answer["ETag"]
    api.get_waiter("distribution_deployed").wait(Id=one["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 1})


def test_what_was_left_out_is_told_with_its_default(api, origin):
    one = api.create_distribution(DistributionConfig=config(custom(origin.port)))["Distribution"]["DistributionConfig"]
    assert one["Aliases"] == {"Quantity": 0} and one["PriceClass"] == "PriceClass_All" and one["HttpVersion"] == "http2" and one["WebACLId"] == "" and one["Staging"] is False
    assert one["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True, "SSLSupportMethod": "vip", "MinimumProtocolVersion": "TLSv1", "CertificateSource": "cloudfront"}
    assert one["Restrictions"] == {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}} and one["Logging"] == {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""}
    origin_ = one["Origins"]["Items"][0]
    assert (origin_["ConnectionAttempts"], origin_["ConnectionTimeout"], origin_["OriginPath"], origin_["OriginShield"]) == (3, 10, "", {"Enabled": False})
    assert (origin_["CustomOriginConfig"]["OriginReadTimeout"], origin_["CustomOriginConfig"]["OriginKeepaliveTimeout"]) == (30, 5)
    default = one["DefaultCacheBehavior"]
    assert default["AllowedMethods"]["Items"] == ["HEAD", "GET"] and default["Compress"] is False and default["TrustedKeyGroups"] == {"Enabled": False, "Quantity": 0}
    older = behaviour(ForwardedValues={"QueryString": False, "Cookies": {"Forward": "none"}})
    default = api.create_distribution(DistributionConfig=config(custom(80), default=older))["Distribution"]["DistributionConfig"]["DefaultCacheBehavior"]
    assert (default["MinTTL"], default["DefaultTTL"], default["MaxTTL"]) == (0, 86400, 31536000)


def test_a_change_must_name_the_version_that_it_changes(cloud, api, origin):
    one = made(cloud, custom(origin.port))
    found = api.get_distribution_config(Id=one["Id"])
    changed = {**found["DistributionConfig"], "Comment": "new"}
    with pytest.raises(api.exceptions.InvalidIfMatchVersion):
        api.update_distribution(Id=one["Id"], DistributionConfig=changed)
    with pytest.raises(api.exceptions.PreconditionFailed) as caught:
        api.update_distribution(Id=one["Id"], DistributionConfig=changed, IfMatch="EOTHER")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    answer = api.update_distribution(Id=one["Id"], DistributionConfig=changed, IfMatch=found["ETag"])
    assert answer["ETag"] != found["ETag"] and answer["Distribution"]["Status"] == "InProgress" and answer["Distribution"]["DistributionConfig"]["Comment"] == "new"
    with pytest.raises(api.exceptions.IllegalUpdate):
        api.update_distribution(Id=one["Id"], DistributionConfig={**changed, "CallerReference": "other"}, IfMatch=answer["ETag"])
    with pytest.raises(api.exceptions.DistributionAlreadyExists):
        api.create_distribution(DistributionConfig=changed)


def test_only_a_distribution_that_is_off_can_be_deleted(cloud, api, origin):
    one = made(cloud, custom(origin.port))
    cloud.advance(10)
    found = api.get_distribution_config(Id=one["Id"])
    with pytest.raises(api.exceptions.DistributionNotDisabled):
        api.delete_distribution(Id=one["Id"], IfMatch=found["ETag"])
    off = api.update_distribution(Id=one["Id"], DistributionConfig={**found["DistributionConfig"], "Enabled": False}, IfMatch=found["ETag"])
    cloud.advance(10)
    with pytest.raises(api.exceptions.PreconditionFailed):
        api.delete_distribution(Id=one["Id"], IfMatch=found["ETag"])
    api.delete_distribution(Id=one["Id"], IfMatch=off["ETag"])
    with pytest.raises(api.exceptions.NoSuchDistribution):
        api.get_distribution(Id=one["Id"])
    assert view(cloud, one, "/").status == 403


def test_a_configuration_that_does_not_hold_together_is_refused(api, cloud):
    def wrong(code, *origins, **more):
        with pytest.raises(api.exceptions.from_code(code)):
            api.create_distribution(DistributionConfig=config(*(origins or [custom(80)]), **more))
    wrong("NoSuchOrigin", default=behaviour("nowhere"))
    wrong("InconsistentQuantities", Aliases={"Quantity": 2, "Items": ["a.example.com"]})
    wrong("InvalidArgument", default={"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all"})
    wrong("InvalidArgument", default=behaviour(MinTTL=0))
    wrong("NoSuchCachePolicy", default=behaviour(policy="none"))
    wrong("NoSuchOriginRequestPolicy", default=behaviour(OriginRequestPolicyId="none"))
    wrong("NoSuchResponseHeadersPolicy", default=behaviour(ResponseHeadersPolicyId="none"))
    wrong("InvalidTTLOrder", default=behaviour(ForwardedValues={"QueryString": False, "Cookies": {"Forward": "none"}}, MinTTL=10, DefaultTTL=5, MaxTTL=100))
    wrong("InvalidDefaultRootObject", DefaultRootObject="/index.html")
    wrong("InvalidErrorCode", CustomErrorResponses=listed({"ErrorCode": 418}))
    wrong("InvalidArgument", CustomErrorResponses=listed({"ErrorCode": 404, "ResponsePagePath": "/x"}))
    wrong("InvalidArgument", default=behaviour(AllowedMethods={**listed("GET", "POST"), "CachedMethods": listed("GET")}))
    wrong("InvalidArgument", CacheBehaviors=listed({"PathPattern": "/a", **behaviour()}, {"PathPattern": "/a", **behaviour()}))
    wrong("InvalidArgument", custom(80, OriginPath="/a/"))
    wrong("InvalidOriginReadTimeout", custom(80, own={"OriginReadTimeout": 121}))
    wrong("InvalidOriginKeepaliveTimeout", custom(80, own={"OriginKeepaliveTimeout": 121}))
    wrong("InvalidWebACLId", WebACLId=f"arn:aws:wafv2:us-east-1:{cloud.account}:global/webacl/x/y")
    wrong("TooManyCacheBehaviors", CacheBehaviors=listed(*({"PathPattern": f"/{i}", **behaviour()} for i in range(26))))
    wrong("TooManyOrigins", *(custom(80, f"o{i}") for i in range(26)), default=behaviour("o1"))
    wrong("InvalidArgument", OriginGroups=listed({"Id": "g", "FailoverCriteria": {"StatusCodes": listed(500)}, "Members": listed({"OriginId": "o"}, {"OriginId": "o"})}))


def test_distributions_are_listed_page_by_page_and_by_what_they_use(cloud, api):
    ids = sorted(made(cloud, custom(80))["Id"] for _ in range(3))
    first = api.list_distributions(MaxItems="2")["DistributionList"]
    assert (first["IsTruncated"], first["Quantity"], [x["Id"] for x in first["Items"]]) == (True, 2, ids[:2])
    rest = api.list_distributions(Marker=first["NextMarker"])["DistributionList"]
    assert rest["IsTruncated"] is False and [x["Id"] for x in rest["Items"]] == ids[2:] and rest["Items"][0]["Origins"]["Items"][0]["DomainName"] == "localhost"
    assert [x["Id"] for page in api.get_paginator("list_distributions").paginate() for x in page["DistributionList"]["Items"]] == ids
    assert api.list_distributions_by_cache_policy_id(CachePolicyId=OPTIMIZED)["DistributionIdList"]["Items"] == ids
    sent, told = "216adef6-5c7f-47e4-b989-5492eafa07d3", "67f7725c-6f97-4210-82d7-5512b31e9d03"
    one = made(cloud, custom(80), default=behaviour(OriginRequestPolicyId=sent, ResponseHeadersPolicyId=told))["Id"]
    assert api.list_distributions_by_origin_request_policy_id(OriginRequestPolicyId=sent)["DistributionIdList"]["Items"] == [one]
    assert api.list_distributions_by_response_headers_policy_id(ResponseHeadersPolicyId=told)["DistributionIdList"]["Items"] == [one]
    assert api.list_distributions_by_web_acl_id(WebACLId="null")["DistributionList"]["Quantity"] == 4
    with pytest.raises(api.exceptions.InvalidArgument):
        api.list_distributions(MaxItems="many")
    assert cloud.other().client("cloudfront").list_distributions()["DistributionList"]["Quantity"] == 0


def test_tags_come_with_a_distribution_and_go(cloud, api):
    one = api.create_distribution_with_tags(DistributionConfigWithTags={"DistributionConfig": config(custom(80)), "Tags": {"Items": [{"Key": "a", "Value": "1"}]}})["Distribution"]
    api.tag_resource(Resource=one["ARN"], Tags={"Items": [{"Key": "b", "Value": "2"}]})
    api.untag_resource(Resource=one["ARN"], TagKeys={"Items": ["a"]})
    assert api.list_tags_for_resource(Resource=one["ARN"])["Tags"]["Items"] == [{"Key": "b", "Value": "2"}]
    with pytest.raises(api.exceptions.InvalidTagging):
        api.tag_resource(Resource=one["ARN"], Tags={"Items": [{"Key": "aws:x", "Value": "2"}]})
    with pytest.raises(api.exceptions.NoSuchResource):
        api.list_tags_for_resource(Resource=one["ARN"] + "X")
    person = Person(cloud, "p", allow("cloudfront:GetDistribution", Condition={"StringEquals": {"aws:ResourceTag/b": "2"}}))
    assert person.client("cloudfront").get_distribution(Id=one["Id"])["Distribution"]["Id"] == one["Id"]
    refused("AccessDenied", person.client("cloudfront").get_distribution, Id=made(cloud, custom(80))["Id"])


# -- aliases and certificates -----------------------------------------------------------------------------------------------------

def certificate(cloud, zone, *names, region="us-east-1"):
    """Issued by Amazon, after a record has proved the domain."""
    dns, acm = cloud.client("route53"), cloud.client("acm", region=region)
    id_ = dns.create_hosted_zone(Name=zone, CallerReference=f"{zone}{region}")["HostedZone"]["Id"]
    arn = acm.request_certificate(DomainName=names[0], SubjectAlternativeNames=list(names), ValidationMethod="DNS")["CertificateArn"]
    records = {o["ResourceRecord"]["Name"]: o["ResourceRecord"] for o in acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]}
    dns.change_resource_record_sets(HostedZoneId=id_, ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {"Name": r["Name"], "Type": r["Type"], "TTL": 60, "ResourceRecords": [{"Value": r["Value"]}]}}
                                                                               for r in records.values()]})
    cloud.advance(minutes=10)
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "ISSUED"
    return arn


def shown(arn, **more):
    return {"ACMCertificateArn": arn, "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021", **more}


def test_an_alias_needs_a_trusted_certificate_for_it_in_us_east_1(cloud, api, origin):
    zone = f"a{cloud.account}.test"
    arn = certificate(cloud, zone, zone, f"*.{zone}")
    elsewhere = certificate(cloud, f"eu.{zone}", f"eu.{zone}", region="eu-west-1")

    def wrong(words, aliases, viewer=None):
        with pytest.raises(api.exceptions.InvalidViewerCertificate, match=words):
            api.create_distribution(DistributionConfig=config(custom(origin.port), Aliases=listed(*aliases), **({"ViewerCertificate": viewer} if viewer else {})))
    wrong("must attach a trusted certificate", [f"www.{zone}"])
    wrong("isn't in us-east-1", [f"eu.{zone}"], shown(elsewhere))
    wrong("doesn't cover", ["www.other.test"], shown(arn))
    wrong("doesn't cover", [f"a.b.{zone}"], shown(arn))
    from tests.services.elbv2.test_listeners import certificate as self_signed
    body, key = self_signed(f"www.{zone}")
    own = cloud.client("acm").import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]
    wrong("doesn't include a valid certificate chain", [f"www.{zone}"], shown(own))
    one = made(cloud, custom(origin.port), Aliases=listed(f"www.{zone}"), ViewerCertificate=shown(arn))
    assert one["DistributionConfig"]["ViewerCertificate"]["CertificateSource"] == "acm"
    assert view(cloud, None, "/", host=f"www.{zone}").status == 200 and view(cloud, one, "/").cache == "Hit"
    assert cloud.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"] == [one["ARN"]]
    with pytest.raises(api.exceptions.CNAMEAlreadyExists):
        made(cloud, custom(80), Aliases=listed(f"www.{zone}"), ViewerCertificate=shown(arn))
    # a wildcard is another name, and the exact one goes first
    every = made(cloud, custom(origin.port), Aliases=listed(f"*.{zone}"), ViewerCertificate=shown(arn), DefaultRootObject="every")
    view(cloud, None, "/", host=f"x.{zone}")
    assert origin.asked[-1]["target"] == "/every"
    found = api.list_conflicting_aliases(DistributionId=every["Id"], Alias=f"www.{zone}")["ConflictingAliasesList"]
    assert [x["Alias"] for x in found["Items"]] == [f"www.{zone}"] and found["Items"][0]["DistributionId"].startswith("*******")
    api.associate_alias(TargetDistributionId=every["Id"], Alias=f"www.{zone}")
    assert api.get_distribution(Id=one["Id"])["Distribution"]["DistributionConfig"]["Aliases"] == {"Quantity": 0}
    view(cloud, None, "/", host=f"www.{zone}")
    assert origin.asked[-1]["target"] == "/every"


def test_an_imported_certificate_of_a_trusted_authority_is_good_and_so_is_iams(cloud, cloche_server, api):
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from cloche.engines import authority
    key, name, data = rsa.generate_private_key(65537, 2048), f"own{cloud.account}.test", Path(cloche_server.bell.cloud.data)
    body, above = authority.sign(data, name, key.public_key(), [name, f"*.{name}"]), authority.load(data).pem
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    arn = cloud.client("acm").import_certificate(Certificate=body, PrivateKey=private, CertificateChain=above)["CertificateArn"]
    made(cloud, custom(80), Aliases=listed(name), ViewerCertificate=shown(arn))
    upload = lambda path: cloud.client("iam").upload_server_certificate(
        Path=path, ServerCertificateName=path.strip("/") or "plain", CertificateBody=body.decode(), PrivateKey=private.decode(), CertificateChain=above.decode())["ServerCertificateMetadata"]["ServerCertificateId"]
    viewer = {"SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"}
    one = made(cloud, custom(80), Aliases=listed(f"iam.{name}"), ViewerCertificate={**viewer, "IAMCertificateId": upload("/cloudfront/")})
    assert one["DistributionConfig"]["ViewerCertificate"]["CertificateSource"] == "iam"
    with pytest.raises(api.exceptions.InvalidViewerCertificate):
        made(cloud, custom(80), Aliases=listed(f"other.{name}"), ViewerCertificate={**viewer, "IAMCertificateId": upload("/")})


def test_viewers_are_shown_the_certificate_of_the_alias(process, origin):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cloud = process("--tls-port", str(port))
    zone = "shown.test"
    one = made(cloud, custom(origin.port), Aliases=listed(f"www.{zone}"), ViewerCertificate=shown(certificate(cloud, zone, f"www.{zone}")), default=behaviour(protocol="https-only"))
    trusting = ssl.create_default_context(cafile=str(cloud.data / "ca.pem"))
    for host in (f"www.{zone}", one["DomainName"]):
        with socket.create_connection(("127.0.0.1", port)) as plain, trusting.wrap_socket(plain, server_hostname=host) as tls:
            names = [value for _, value in tls.getpeercert()["subjectAltName"]]
            assert (names == [f"www.{zone}"]) == (host == f"www.{zone}")
            connection = http.client.HTTPConnection(host)
            connection.sock = tls
            connection.request("GET", "/")
            assert connection.getresponse().status == 200


# -- policies ---------------------------------------------------------------------------------------------------------------------

def test_the_managed_policies_are_there_under_their_ids_and_cannot_be_changed(api):
    for listing, member, name, id_ in (("list_cache_policies", "CachePolicy", "Managed-CachingOptimized", OPTIMIZED),
                                       ("list_origin_request_policies", "OriginRequestPolicy", "Managed-AllViewer", "216adef6-5c7f-47e4-b989-5492eafa07d3"),
                                       ("list_response_headers_policies", "ResponseHeadersPolicy", "Managed-SecurityHeadersPolicy", "67f7725c-6f97-4210-82d7-5512b31e9d03")):
        rows = getattr(api, listing)(Type="managed")[member.replace("Policy", "PolicyList")]["Items"]
        assert {x["Type"] for x in rows} == {"managed"} and {x[member][f"{member}Config"]["Name"]: x[member]["Id"] for x in rows}[name] == id_
        assert getattr(api, listing)(Type="custom")[member.replace("Policy", "PolicyList")]["Quantity"] == 0
    found = api.get_cache_policy(Id=OPTIMIZED)
    assert found["CachePolicy"]["CachePolicyConfig"]["DefaultTTL"] == 86400
    with pytest.raises(api.exceptions.IllegalUpdate):
        api.update_cache_policy(Id=OPTIMIZED, IfMatch=found["ETag"], CachePolicyConfig=found["CachePolicy"]["CachePolicyConfig"])
    with pytest.raises(api.exceptions.IllegalDelete):
        api.delete_cache_policy(Id=OPTIMIZED, IfMatch=found["ETag"])


def test_policies_of_ones_own_are_made_changed_and_deleted_unless_in_use(cloud, api):
    some = {"EnableAcceptEncodingGzip": True, "HeadersConfig": {"HeaderBehavior": "none"}, "CookiesConfig": {"CookieBehavior": "none"}, "QueryStringsConfig": {"QueryStringBehavior": "all"}}
    none = {"HeadersConfig": {"HeaderBehavior": "none"}, "CookiesConfig": {"CookieBehavior": "none"}, "QueryStringsConfig": {"QueryStringBehavior": "none"}}
    kinds = {"CachePolicy": ({"Name": "n", "MinTTL": 0, "ParametersInCacheKeyAndForwardedToOrigin": some}, "CachePolicyId"), "OriginRequestPolicy": ({"Name": "n", **none}, "OriginRequestPolicyId"),
             "ResponseHeadersPolicy": ({"Name": "n", "CustomHeadersConfig": listed({"Header": "X", "Value": "1", "Override": True})}, "ResponseHeadersPolicyId")}
    verbs = {
        "CachePolicy": (api.create_cache_policy, api.get_cache_policy, api.get_cache_policy_config, api.update_cache_policy, api.delete_cache_policy),
        "OriginRequestPolicy": (api.create_origin_request_policy, api.get_origin_request_policy, api.get_origin_request_policy_config, api.update_origin_request_policy, api.delete_origin_request_policy),
        "ResponseHeadersPolicy": (api.create_response_headers_policy, api.get_response_headers_policy, api.get_response_headers_policy_config, api.update_response_headers_policy,
                                  api.delete_response_headers_policy)}
    ids = {}
    for member, (values, _) in kinds.items():
        create, get, get_config, update, delete = verbs[member]
        answer = create(**{f"{member}Config": values})
        ids[member] = answer[member]["Id"]
        with pytest.raises(api.exceptions.from_code(f"{member}AlreadyExists")):
            create(**{f"{member}Config": values})
        assert get_config(Id=ids[member])[f"{member}Config"]["Name"] == "n"
        new = update(Id=ids[member], IfMatch=answer["ETag"], **{f"{member}Config": {**values, "Comment": "c"}})
        assert get(Id=ids[member])[member][f"{member}Config"]["Comment"] == "c"
        with pytest.raises(api.exceptions.PreconditionFailed):
            delete(Id=ids[member], IfMatch=answer["ETag"])
        other = create(**{f"{member}Config": {**values, "Name": "other"}})
        delete(Id=other[member]["Id"], IfMatch=other["ETag"])
        with pytest.raises(api.exceptions.from_code(f"NoSuch{member}")):
            get(Id=other[member]["Id"])
        kinds[member] = (values, new["ETag"])
    made(cloud, custom(80), default=behaviour(policy=ids["CachePolicy"], OriginRequestPolicyId=ids["OriginRequestPolicy"], ResponseHeadersPolicyId=ids["ResponseHeadersPolicy"]))
    for member in verbs:
        with pytest.raises(api.exceptions.from_code(f"{member}InUse")):
            verbs[member][-1](Id=ids[member], IfMatch=kinds[member][1])
    with pytest.raises(api.exceptions.InvalidArgument):
        api.create_cache_policy(CachePolicyConfig={"Name": "x", "MinTTL": 10, "MaxTTL": 5})
    with pytest.raises(api.exceptions.InvalidArgument):
        api.create_origin_request_policy(OriginRequestPolicyConfig={"Name": "x", **none, "HeadersConfig": {"HeaderBehavior": "whitelist"}})
    with pytest.raises(api.exceptions.InvalidArgument):
        api.create_response_headers_policy(ResponseHeadersPolicyConfig={"Name": "x", "CustomHeadersConfig": listed({"Header": "X-Cache", "Value": "1", "Override": True})})
