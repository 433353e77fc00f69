"""CloudFront in CloudFormation: a site behind a distribution with all that it is made of, changed and taken down."""
from __future__ import annotations

import json

from .edge import view

TEMPLATE = """
Parameters: {Comment: {Type: String, Default: one}, Port: {Type: Number}}
Resources:
  Policy:
    Type: AWS::CloudFront::CachePolicy
    Properties:
      CachePolicyConfig:
        {Name: !Sub "p-${AWS::StackName}", MinTTL: 0, DefaultTTL: 60, MaxTTL: 600, Comment: !Ref Comment, ParametersInCacheKeyAndForwardedToOrigin: {EnableAcceptEncodingGzip: true,
          HeadersConfig: {HeaderBehavior: whitelist, Headers: [X-Tenant]}, CookiesConfig: {CookieBehavior: none}, QueryStringsConfig: {QueryStringBehavior: all}}}
  Sent:
    Type: AWS::CloudFront::OriginRequestPolicy
    Properties: {OriginRequestPolicyConfig: {Name: s, HeadersConfig: {HeaderBehavior: none}, CookiesConfig: {CookieBehavior: whitelist, Cookies: [a]}, QueryStringsConfig: {QueryStringBehavior: none}}}
  Told:
    Type: AWS::CloudFront::ResponseHeadersPolicy
    Properties: {ResponseHeadersPolicyConfig: {Name: t, CustomHeadersConfig: {Items: [{Header: X-Stack, Value: !Ref Comment, Override: true}]}, CorsConfig: {AccessControlAllowOrigins: {Items: ["*"]},
      AccessControlAllowHeaders: {Items: ["*"]}, AccessControlAllowMethods: {Items: [GET]}, AccessControlAllowCredentials: false, OriginOverride: true}}}
  Control:
    Type: AWS::CloudFront::OriginAccessControl
    Properties: {OriginAccessControlConfig: {Name: c, OriginAccessControlOriginType: s3, SigningBehavior: always, SigningProtocol: sigv4}}
  Identity:
    Type: AWS::CloudFront::CloudFrontOriginAccessIdentity
    Properties: {CloudFrontOriginAccessIdentityConfig: {Comment: mine}}
  Rewrite:
    Type: AWS::CloudFront::Function
    Properties: {Name: !Sub "f-${AWS::StackName}", AutoPublish: true, FunctionConfig: {Comment: "", Runtime: cloudfront-js-2.0, KeyValueStoreAssociations: [{KeyValueStoreARN: !GetAtt Store.Arn}]},
      FunctionCode: "function handler(event) { event.request.uri = '/f' + event.request.uri; return event.request; }"}
  Store: {Type: AWS::CloudFront::KeyValueStore, Properties: {Name: !Sub "k-${AWS::StackName}"}}
  Key:
    Type: AWS::CloudFront::PublicKey
    Properties: {PublicKeyConfig: {CallerReference: r, Name: k, EncodedKey: "KEY"}}
  Group: {Type: AWS::CloudFront::KeyGroup, Properties: {KeyGroupConfig: {Name: g, Items: [!Ref Key]}}}
  Site:
    Type: AWS::CloudFront::Distribution
    Properties:
      Tags: [{Key: t, Value: !Ref Comment}]
      DistributionConfig:
        Enabled: true
        Comment: !Ref Comment
        IPV6Enabled: true
        DefaultRootObject: index.html
        Origins:
          - {Id: o, DomainName: localhost, CustomOriginConfig: {HTTPPort: !Ref Port, OriginProtocolPolicy: http-only, OriginSSLProtocols: [TLSv1.2]}, OriginCustomHeaders: [{HeaderName: X-From, HeaderValue: stack}]}
          - {Id: b, DomainName: bucket.s3.us-east-1.amazonaws.com, S3OriginConfig: {}, OriginAccessControlId: !GetAtt Control.Id}
          - {Id: i, DomainName: bucket.s3.us-east-1.amazonaws.com, S3OriginConfig: {OriginAccessIdentity: !Sub "origin-access-identity/cloudfront/${Identity}"}}
        DefaultCacheBehavior: {TargetOriginId: o, ViewerProtocolPolicy: allow-all, CachePolicyId: !Ref Policy, OriginRequestPolicyId: !Ref Sent, ResponseHeadersPolicyId: !Ref Told, Compress: true,
          FunctionAssociations: [{EventType: viewer-request, FunctionARN: !GetAtt Rewrite.FunctionARN}]}
        CacheBehaviors:
          - {PathPattern: /signed/*, TargetOriginId: o, ViewerProtocolPolicy: https-only, TrustedKeyGroups: [!Ref Group], AllowedMethods: [GET, HEAD, OPTIONS], CachedMethods: [GET, HEAD],
             ForwardedValues: {QueryString: true, QueryStringCacheKeys: [a], Headers: [Origin], Cookies: {Forward: whitelist, WhitelistedNames: [c]}}}
        CustomErrorResponses: [{ErrorCode: 404, ErrorCachingMinTTL: 5}]
        Restrictions: {GeoRestriction: {RestrictionType: whitelist, Locations: [DE]}}
  Watch: {Type: AWS::CloudFront::MonitoringSubscription, Properties: {DistributionId: !Ref Site, MonitoringSubscription: {RealtimeMetricsSubscriptionConfig: {RealtimeMetricsSubscriptionStatus: Enabled}}}}
Outputs:
  Domain: {Value: !GetAtt Site.DomainName}
  Id: {Value: !Ref Site}
  Canonical: {Value: !GetAtt Identity.S3CanonicalUserId}
  Store: {Value: !GetAtt Store.Arn}
"""


def settled(cloud, cfn, name):
    """DescribeStacks waits for a stack that is about to be ready; its events do not."""
    for _ in range(60):
        cloud.advance(10)
        last = next(e for e in cfn.describe_stack_events(StackName=name)["StackEvents"] if e["ResourceType"] == "AWS::CloudFormation::Stack")
        if not last["ResourceStatus"].endswith("_IN_PROGRESS"):
            return cfn.describe_stacks(StackName=name)["Stacks"][0]
    raise AssertionError(last)


def test_a_site_with_all_that_it_is_made_of_is_a_stack(cloud, origin):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    key = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    template = TEMPLATE.replace('"KEY"', json.dumps(key))
    cfn, api = cloud.client("cloudformation"), cloud.client("cloudfront")
    port = {"ParameterKey": "Port", "ParameterValue": str(origin.port)}
    stack_id = cfn.create_stack(StackName="site", TemplateBody=template, Parameters=[port])["StackId"]
    stack = settled(cloud, cfn, "site")
    assert stack["StackStatus"] == "CREATE_COMPLETE", [e.get("ResourceStatusReason") for e in cfn.describe_stack_events(StackName="site")["StackEvents"] if "FAILED" in e["ResourceStatus"]]
    out = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    seen = view(cloud, {"DomainName": out["Domain"]}, "/a?b=1", cookie="a=1; b=2", x_tenant="t", origin="http://x")
    assert (seen.status, seen.headers["x-stack"], seen.headers["access-control-allow-origin"]) == (200, "one", "*")
    assert origin.asked[0]["target"] == "/f/a?b=1" and origin.asked[0]["headers"]["x-from"] == "stack" and origin.asked[0]["headers"]["cookie"] == "a=1" and origin.asked[0]["headers"]["x-tenant"] == "t"
    assert view(cloud, {"DomainName": out["Domain"]}, "/signed/x", x_forwarded_proto="https").status == 403
    found = api.get_distribution(Id=out["Id"])["Distribution"]["DistributionConfig"]
    assert found["IsIPV6Enabled"] is True and found["Restrictions"]["GeoRestriction"]["Items"] == ["DE"] and out["Store"].startswith("arn:aws:cloudfront::") and len(out["Canonical"]) == 96
    assert api.get_monitoring_subscription(DistributionId=out["Id"])
    cfn.update_stack(StackName="site", TemplateBody=template, Parameters=[port, {"ParameterKey": "Comment", "ParameterValue": "two"}])
    assert settled(cloud, cfn, "site")["StackStatus"] == "UPDATE_COMPLETE"
    assert api.get_distribution(Id=out["Id"])["Distribution"]["DistributionConfig"]["Comment"] == "two"
    assert view(cloud, {"DomainName": out["Domain"]}, "/b").headers["x-stack"] == "two"
    assert api.list_tags_for_resource(Resource=f"arn:aws:cloudfront::{cloud.account}:distribution/{out['Id']}")["Tags"]["Items"][-1] == {"Key": "t", "Value": "two"}
    cfn.delete_stack(StackName="site")
    gone = settled(cloud, cfn, stack_id)
    assert gone["StackStatus"] == "DELETE_COMPLETE", [e.get("ResourceStatusReason") for e in cfn.describe_stack_events(StackName=stack_id)["StackEvents"] if "FAILED" in e["ResourceStatus"]]
    assert api.list_distributions()["DistributionList"]["Quantity"] == 0 and api.list_cache_policies(Type="custom")["CachePolicyList"]["Quantity"] == 0
    assert api.list_functions()["FunctionList"]["Quantity"] == 0 and api.list_key_value_stores()["KeyValueStoreList"]["Quantity"] == 0
