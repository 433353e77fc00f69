"""Listeners, their rules and certificates, and what requests meet there."""
import datetime
import ssl

import pytest
from botocore.exceptions import ClientError

from .conftest import forward, says


def refused(code, message=""):
    return pytest.raises(ClientError, match=rf"\({code}\).*{message}")


def certificate(*names):
    """PEM of a certificate signed by itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime(2020, 1, 1)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=36500)).add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
            .sign(key, hashes.SHA256()))
    return (made.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def imported(lb, *names):
    body, key = certificate(*names)
    return lb.cloud.client("acm").import_certificate(Certificate=body, PrivateKey=key)["CertificateArn"]


def redirect(**config):
    return {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"} | config}


@pytest.fixture
def balancer(lb):
    return lb.balancer()


def test_a_fixed_response_is_what_it_says(lb, balancer):
    lb.listener(balancer, says('{"a": 1}', "418", "application/json"))
    said = lb.ask(balancer)
    assert (said.status, said.json, said.headers["content-type"], said.headers["server"]) == (418, {"a": 1}, "application/json", "awselb/2.0")


def test_a_group_without_targets_is_503(lb, balancer):
    lb.listener(balancer, forward(lb.group()))
    said = lb.ask(balancer)
    assert said.status == 503 and said.text == ("<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n"
                                                "<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>\r\n")


def test_a_redirect_fills_its_placeholders_and_names_the_port(lb, balancer):
    lb.listener(balancer, redirect(Protocol="HTTPS", Port="443"))
    said = lb.ask(balancer, "/a/b?c=d")
    assert said.status == 301 and said.headers["location"] == f"https://{balancer['DNSName']}:443/a/b?c=d"
    other = lb.listener(balancer, redirect(Host="new.#{host}", Path="/x/#{path}", Query="q=#{query}", StatusCode="HTTP_302"), port=8080)
    said = lb.ask(f"{balancer['DNSName']}:8080", "/a?b=c")
    assert said.status == 302 and said.headers["location"] == f"http://new.{balancer['DNSName']}:8080/x/a?q=b=c"
    with refused("InvalidLoadBalancerAction", "loop"):
        lb.client.modify_listener(ListenerArn=other, DefaultActions=[redirect()])
    shown = lb.client.describe_listeners(ListenerArns=[other])["Listeners"][0]["DefaultActions"][0]["RedirectConfig"]
    assert shown == {"Protocol": "#{protocol}", "Port": "#{port}", "Host": "new.#{host}", "Path": "/x/#{path}", "Query": "q=#{query}", "StatusCode": "HTTP_302"}


def test_rules_are_tried_by_priority_and_the_default_is_last(lb, balancer):
    listener = lb.listener(balancer, says("default"))

    def rule(priority, text, *conditions):
        return lb.client.create_rule(ListenerArn=listener, Priority=priority, Conditions=list(conditions), Actions=[says(text)])["Rules"][0]["RuleArn"]

    path = rule(10, "path", {"Field": "path-pattern", "Values": ["/img/*"]})
    rule(20, "host", {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}})
    rule(30, "header", {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Kind", "Values": ["b?ue"]}})
    rule(40, "method", {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["DELETE"]}})
    rule(50, "query", {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2*"}]}})
    rule(60, "both", {"Field": "path-pattern", "Values": ["/both"]}, {"Field": "source-ip", "SourceIpConfig": {"Values": ["0.0.0.0/0"]}})
    ask = lambda *a, **k: lb.ask(balancer, *a, **k).text
    assert ask("/img/a") == "path" and ask("/IMG/a") == "default"
    assert ask("/", headers={"X-Kind": "BLUE"}) == "header"
    assert ask("/", "DELETE") == "method" and ask("/?v=21") == "query" and ask("/both") == "both" and ask("/none") == "default"
    shown = lb.client.describe_rules(ListenerArn=listener)["Rules"]
    assert [one["Priority"] for one in shown] == ["10", "20", "30", "40", "50", "60", "default"] and shown[-1]["IsDefault"] is True
    with refused("PriorityInUse", "Priority '10' is currently in use"):
        rule(10, "again", {"Field": "path-pattern", "Values": ["/x"]})
    first = rule(70, "first", {"Field": "path-pattern", "Values": ["/*"]})
    assert ask("/img/a") == "path"
    lb.client.set_rule_priorities(RulePriorities=[{"RuleArn": path, "Priority": 70}, {"RuleArn": first, "Priority": 10}])      # they change places
    assert ask("/img/a") == "first"
    lb.client.modify_rule(RuleArn=first, Conditions=[{"Field": "path-pattern", "Values": ["/only"]}], Actions=[says("only")])
    assert ask("/img/a") == "path" and ask("/only") == "only"
    lb.client.delete_rule(RuleArn=path)
    assert ask("/img/a") == "default"
    with refused("RuleNotFound"):
        lb.client.describe_rules(RuleArns=[path])
    with refused("OperationNotPermitted", "Default rule"):
        lb.client.delete_rule(RuleArn=shown[-1]["RuleArn"])


def test_a_regular_expression_and_a_rewrite(lb, balancer):
    listener = lb.listener(balancer, says("default"))
    group = lb.group(TargetType="lambda")
    lb.client.create_rule(ListenerArn=listener, Priority=1, Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/v[0-9]+/"]}}], Actions=[forward(group)],
                          Transforms=[{"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/v([0-9]+)/(.*)$", "Replace": "/$2?version=$1"}]}}])
    lb.function("f", "def handler(event, context):\n    return {'statusCode': 200, 'body': event['path'] + str(event['queryStringParameters'])}\n", group)
    assert lb.ask(balancer, "/v2/items").text == "/items{'version': '2'}" and lb.ask(balancer, "/vx/items").text == "default"


@pytest.mark.parametrize("conditions", [
    [], [{"Field": "colour", "Values": ["x"]}], [{"Field": "path-pattern", "Values": []}], [{"Field": "path-pattern", "Values": ["/a"]}] * 2,
    [{"Field": "path-pattern", "Values": [f"/{i}" for i in range(6)]}], [{"Field": "source-ip", "SourceIpConfig": {"Values": ["1.2.3.4"]}}],
    [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "Host", "Values": ["x"]}}], [{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["get"]}}],
])
def test_a_condition_that_cannot_be_is_refused(lb, balancer, conditions):
    listener = lb.listener(balancer, says("default"))
    with refused("ValidationError"):
        lb.client.create_rule(ListenerArn=listener, Priority=1, Conditions=conditions, Actions=[says("x")])


def test_actions_are_checked(lb, balancer):
    group = lb.group()
    for actions, code in (
        ([forward(group), says("x")], "InvalidLoadBalancerAction"), ([says("x", kind="image/png")], "ValidationError"),
        ([forward({"TargetGroupArn": group, "Weight": 1000})], "ValidationError"), ([forward(f"{group[:-16]}0123456789abcdef")], "TargetGroupNotFound"),
        ([forward(lb.group("tcp", Protocol="TCP"))], "IncompatibleProtocols"),
        ([{"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": {"UserPoolArn": "a", "UserPoolClientId": "b", "UserPoolDomain": "c"}}, says("x") | {"Order": 2}],
         "InvalidLoadBalancerAction"),
    ):
        with refused(code):
            lb.listener(balancer, *actions)
    lb.listener(balancer, forward(group))
    with refused("TargetGroupAssociationLimit"):
        lb.listener(lb.balancer("other"), forward(group))
    with refused("DuplicateListener"):
        lb.listener(balancer, says("x"))
    with refused("UnsupportedProtocol"):
        lb.listener(balancer, says("x"), Protocol="TCP", port=81)


def test_a_forward_action_is_shown_whole(lb, balancer):
    group = lb.group()
    listener = lb.listener(balancer, forward(group))
    assert lb.client.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"] == [
        {"Type": "forward", "TargetGroupArn": group, "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": group, "Weight": 1}], "TargetGroupStickinessConfig": {"Enabled": False}}}]
    assert lb.client.describe_target_groups(LoadBalancerArn=balancer["LoadBalancerArn"])["TargetGroups"][0]["LoadBalancerArns"] == [balancer["LoadBalancerArn"]]


def test_weights_share_requests_between_groups_and_stickiness_keeps_a_client_with_one(lb, balancer):
    groups = []
    for name in ("blue", "green"):
        groups.append(lb.group(name, TargetType="lambda"))
        lb.function(name, f"def handler(event, context):\n    return {{'statusCode': 200, 'body': '{name}'}}\n", groups[-1])
    weights = lambda a, b, **more: forward({"TargetGroupArn": groups[0], "Weight": a}, {"TargetGroupArn": groups[1], "Weight": b}, **more)
    listener = lb.listener(balancer, weights(1, 0))
    assert {lb.ask(balancer).text for _ in range(5)} == {"blue"}
    lb.client.modify_listener(ListenerArn=listener, DefaultActions=[weights(1, 1, TargetGroupStickinessConfig={"Enabled": True, "DurationSeconds": 60})])
    assert {lb.ask(balancer).text for _ in range(30)} == {"blue", "green"}
    first = lb.ask(balancer)
    names = [cookie.split("=")[0] for cookie in first.headers.get_all("set-cookie")]
    assert names == ["AWSALBTG", "AWSALBTGCORS"] and "SameSite=None; Secure" in first.headers.get_all("set-cookie")[1]
    cookie = first.headers.get_all("set-cookie")[0].split(";")[0]
    assert {lb.ask(balancer, headers={"Cookie": cookie}).text for _ in range(10)} == {first.text}
    lb.cloud.advance(61)
    assert {lb.ask(balancer, headers={"Cookie": cookie}).text for _ in range(30)} == {"blue", "green"}       # the duration is over
    lb.client.modify_listener(ListenerArn=listener, DefaultActions=[weights(0, 0)])
    assert lb.ask(balancer).status == 503


def test_listener_attributes_set_and_hide_headers_of_answers(lb, balancer):
    listener = lb.listener(balancer, says("x"))
    lb.client.modify_listener_attributes(ListenerArn=listener, Attributes=[
        {"Key": "routing.http.response.server.enabled", "Value": "false"}, {"Key": "routing.http.response.x_frame_options.header_value", "Value": "DENY"}])
    said = lb.ask(balancer)
    assert "server" not in said.headers and said.headers["x-frame-options"] == "DENY"
    told = {one["Key"]: one["Value"] for one in lb.client.describe_listener_attributes(ListenerArn=listener)["Attributes"]}
    assert told["routing.http.response.server.enabled"] == "false"


def test_an_https_listener_needs_a_certificate_that_there_is(lb, balancer):
    with refused("ValidationError", "A certificate must be specified for HTTPS listeners"):
        lb.listener(balancer, says("x"), Protocol="HTTPS", port=443)
    with refused("CertificateNotFound"):
        lb.listener(balancer, says("x"), Protocol="HTTPS", port=443, Certificates=[{"CertificateArn": f"arn:aws:acm:us-east-1:{lb.cloud.account}:certificate/12345678-1234-1234-1234-123456789012"}])
    pending = lb.cloud.client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
    with refused("UnsupportedCertificate"):
        lb.listener(balancer, says("x"), Protocol="HTTPS", port=443, Certificates=[{"CertificateArn": pending}])
    arn = imported(lb, "example.com")
    with refused("SSLPolicyNotFound"):
        lb.listener(balancer, says("x"), Protocol="HTTPS", port=443, Certificates=[{"CertificateArn": arn}], SslPolicy="none")
    listener = lb.listener(balancer, says("secret"), Protocol="HTTPS", port=443, Certificates=[{"CertificateArn": arn}])
    shown = lb.client.describe_listeners(ListenerArns=[listener])["Listeners"][0]
    assert shown["SslPolicy"] == "ELBSecurityPolicy-2016-08" and shown["Certificates"] == [{"CertificateArn": arn}]
    assert lb.ask(f"{balancer['DNSName']}:443").text == "secret"
    acm = lb.cloud.client("acm")
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"] == [balancer["LoadBalancerArn"]]
    with refused("ResourceInUseException"):
        acm.delete_certificate(CertificateArn=arn)
    lb.client.delete_listener(ListenerArn=listener)
    acm.delete_certificate(CertificateArn=arn)


def test_more_certificates_for_more_names(lb, balancer):
    default, other = imported(lb, "example.com"), imported(lb, "other.com")
    listener = lb.listener(balancer, says("x"), Protocol="HTTPS", port=443, Certificates=[{"CertificateArn": default}])
    lb.client.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": other}])
    told = lb.client.describe_listener_certificates(ListenerArn=listener)["Certificates"]
    assert told == [{"CertificateArn": default, "IsDefault": True}, {"CertificateArn": other, "IsDefault": False}]
    with refused("OperationNotPermitted"):
        lb.client.remove_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": default}])
    lb.client.remove_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": other}])
    assert len(lb.client.describe_listener_certificates(ListenerArn=listener)["Certificates"]) == 1


def test_a_server_certificate_of_iam_serves_as_well(lb, balancer):
    body, key = certificate("iam.example.com")
    arn = lb.cloud.client("iam").upload_server_certificate(ServerCertificateName="mine", CertificateBody=body.decode(), PrivateKey=key.decode())["ServerCertificateMetadata"]["Arn"]
    lb.listener(balancer, says("iam"), Protocol="HTTPS", port=443, Certificates=[{"CertificateArn": arn}])
    assert lb.ask(f"{balancer['DNSName']}:443").text == "iam"


def test_the_context_of_a_listener_shows_the_certificate_that_a_name_asks_for():
    """The TLS of a listener, tried against a client over a pair of sockets in memory."""
    from cloche.services.elbv2.certificates import Material
    from cloche.services.elbv2.traffic import certs
    body, key = certificate("example.com", "*.example.com")
    context = certs.one(Material(body.decode(), "", key.decode()), "ELBSecurityPolicy-TLS13-1-3-2021-06")
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3 and certs.names(body.decode()) == ["example.com", "*.example.com"]
    assert certs.fits("a.example.com", "*.example.com") and not certs.fits("a.b.example.com", "*.example.com")


def test_ssl_policies_are_told_by_name(lb):
    told = lb.client.describe_ssl_policies(Names=["ELBSecurityPolicy-TLS13-1-2-2021-06"])["SslPolicies"][0]
    assert told["SslProtocols"] == ["TLSv1.2", "TLSv1.3"] and told["Ciphers"][0] == {"Name": "TLS_AES_128_GCM_SHA256", "Priority": 1}
    with refused("SSLPolicyNotFound"):
        lb.client.describe_ssl_policies(Names=["none"])


def test_the_port_of_the_host_names_the_listener(lb, balancer):
    lb.listener(balancer, says("eighty"))
    lb.listener(balancer, says("other"), port=8081)
    assert lb.ask(balancer).text == "eighty" and lb.ask(f"{balancer['DNSName']}:8081").text == "other"
    assert lb.ask(f"{balancer['DNSName']}:{lb.cloud.port}").text == "eighty"          # Cloche's own port says nothing
    assert lb.ask(f"{balancer['DNSName']}:9999").status == 502
    listener = next(one for one in lb.client.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"] if one["Port"] == 8081)
    lb.client.delete_listener(ListenerArn=listener["ListenerArn"])
    assert lb.ask(f"{balancer['DNSName']}:8081").status == 502


def test_trace_is_not_allowed_and_thirty_forwarders_are_enough(lb, balancer):
    lb.listener(balancer, says("x"))
    assert lb.ask(balancer, method="TRACE").status == 405
    assert lb.ask(balancer, headers={"X-Forwarded-For": ",".join(["1.2.3.4"] * 31)}).status == 463
