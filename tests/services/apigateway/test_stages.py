"""Deployments, stages, keys, plans, the account, and tags."""
from .test_apis import refused


def test_an_api_without_methods_is_not_deployed(api):
    gw, kw = api.gw, {"restApiId": api.id}
    refused(gw.create_deployment, "BadRequestException", "The REST API doesn't contain any methods", **kw)
    gw.put_method(**kw, resourceId=api.place("/a"), httpMethod="GET", authorizationType="NONE")
    refused(gw.create_deployment, "BadRequestException", "No integration defined for method", **kw)


def test_deployments_and_stages_live(api):
    gw, kw = api.gw, {"restApiId": api.id}
    api.mock("/a")
    one = gw.create_deployment(**kw, description="one")["id"]
    assert gw.get_deployment(**kw, deploymentId=one, embed=["apisummary"])["apiSummary"] == {"/a": {"GET": {"authorizationType": "NONE", "apiKeyRequired": False}}}
    assert gw.update_deployment(**kw, deploymentId=one, patchOperations=[{"op": "replace", "path": "/description", "value": "two"}])["description"] == "two"
    stage = gw.create_stage(**kw, stageName="s", deploymentId=one, variables={"a": "b"}, tags={"k": "v"})
    assert (stage["cacheClusterStatus"], stage["tracingEnabled"], stage["methodSettings"]) == ("NOT_AVAILABLE", False, {})
    refused(gw.create_stage, "ConflictException", "Stage already exists", **kw, stageName="s", deploymentId=one)
    refused(gw.create_stage, "BadRequestException", "Stage name only allows", **kw, stageName="a b", deploymentId=one)
    refused(gw.create_stage, "NotFoundException", "Invalid Deployment identifier specified", **kw, stageName="t", deploymentId="zzz")
    refused(gw.delete_deployment, "BadRequestException", "Active stages pointing to this deployment must be moved or deleted", **kw, deploymentId=one)
    changed = gw.update_stage(**kw, stageName="s", patchOperations=[
        {"op": "replace", "path": "/~1a/GET/throttling/rateLimit", "value": "5"}, {"op": "replace", "path": "/variables/c", "value": "d"}, {"op": "remove", "path": "/variables/a"}])
    assert changed["methodSettings"]["a/GET"]["throttlingRateLimit"] == 5 and changed["variables"] == {"c": "d"}
    assert [s["stageName"] for s in gw.get_stages(**kw)["item"]] == ["s"] and len(gw.get_deployments(**kw)["items"]) == 1
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{api.id}/stages/s"
    gw.tag_resource(resourceArn=arn, tags={"x": "y"})
    gw.untag_resource(resourceArn=arn, tagKeys=["k"])
    assert gw.get_tags(resourceArn=arn)["tags"] == {"x": "y"}
    gw.delete_stage(**kw, stageName="s")
    gw.delete_deployment(**kw, deploymentId=one)
    refused(gw.get_stage, "NotFoundException", "Invalid stage identifier specified", **kw, stageName="s")


def test_keys_and_plans_live(api):
    gw = api.gw
    api.mock("/a")
    api.deploy("s")
    refused(gw.create_api_key, "BadRequestException", "at least 20 characters", name="k", value="short")
    key = gw.create_api_key(name="k", enabled=True, value="k" * 20)
    refused(gw.create_api_key, "ConflictException", "API Key already exists", name="k", value="k" * 20)
    assert "value" not in gw.get_api_key(apiKey=key["id"]) and gw.get_api_key(apiKey=key["id"], includeValue=True)["value"] == "k" * 20
    assert [k["id"] for k in gw.get_api_keys(nameQuery="k")["items"]] == [key["id"]] and gw.get_api_keys(nameQuery="z")["items"] == []
    refused(gw.create_usage_plan, "NotFoundException", name="p", apiStages=[{"apiId": api.id, "stage": "none"}])
    refused(gw.create_usage_plan, "BadRequestException", "offset must be zero in the DAY period", name="p", quota={"limit": 1, "period": "DAY", "offset": 1})
    plan = gw.create_usage_plan(name="p")["id"]
    changed = gw.update_usage_plan(usagePlanId=plan, patchOperations=[
        {"op": "add", "path": "/apiStages", "value": f"{api.id}:s"}, {"op": "replace", "path": "/quota/limit", "value": "5"}, {"op": "replace", "path": "/quota/period", "value": "WEEK"},
        {"op": "add", "path": f"/apiStages/{api.id}:s/throttle/~1a/GET/rateLimit", "value": "1"}])
    assert changed["apiStages"] == [{"apiId": api.id, "stage": "s", "throttle": {"/a/GET": {"rateLimit": 1.0}}}] and changed["quota"]["limit"] == 5
    gw.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    assert gw.get_usage_plan_key(usagePlanId=plan, keyId=key["id"])["name"] == "k"
    assert [p["id"] for p in gw.get_usage_plans(keyId=key["id"])["items"]] == [plan] and len(gw.get_usage_plan_keys(usagePlanId=plan)["items"]) == 1
    gw.delete_usage_plan_key(usagePlanId=plan, keyId=key["id"])
    refused(gw.get_usage_plan_key, "NotFoundException", usagePlanId=plan, keyId=key["id"])
    refused(gw.delete_usage_plan, "BadRequestException", usagePlanId=plan)
    gw.update_usage_plan(usagePlanId=plan, patchOperations=[{"op": "remove", "path": "/apiStages", "value": f"{api.id}:s"}])
    gw.delete_usage_plan(usagePlanId=plan)
    refused(gw.get_usage_plan, "NotFoundException", "Invalid Usage Plan ID specified", usagePlanId=plan)
    gw.delete_api_key(apiKey=key["id"])
    refused(gw.get_api_key, "NotFoundException", "Invalid API Key identifier specified", apiKey=key["id"])


def test_the_account_has_limits_and_a_log_role(cloud):
    gw = cloud.client("apigateway")
    assert gw.get_account()["throttleSettings"] == {"burstLimit": 5000, "rateLimit": 10000.0}
    role = f"arn:aws:iam::{cloud.account}:role/logs"
    assert gw.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}])["cloudwatchRoleArn"] == role
    refused(gw.update_account, "BadRequestException", patchOperations=[{"op": "replace", "path": "/nonsense", "value": "x"}])


def test_lists_come_in_pages(cloud):
    gw = cloud.client("apigateway")
    made = {gw.create_rest_api(name=f"a{i}")["id"] for i in range(5)}
    first = gw.get_rest_apis(limit=2)
    assert len(first["items"]) == 2
    assert {a["id"] for page in gw.get_paginator("get_rest_apis").paginate(PaginationConfig={"PageSize": 2}) for a in page["items"]} == made


def test_the_control_plane_asks_for_the_path_of_the_resource(cloud):
    from .test_auth import user

    api = cloud.client("apigateway").create_rest_api(name="a")["id"]
    who = user(cloud, {"Effect": "Allow", "Action": "apigateway:GET", "Resource": f"arn:aws:apigateway:us-east-1::/restapis/{api}/*"})
    gw = cloud.client("apigateway", **who)
    assert len(gw.get_resources(restApiId=api)["items"]) == 1
    refused(gw.get_rest_api, "AccessDeniedException", restApiId=api)
    refused(gw.create_resource, "AccessDeniedException", f"apigateway:POST on resource: arn:aws:apigateway:us-east-1::/restapis/{api}/resources/x", restApiId=api, parentId="x", pathPart="p")


def test_keys_are_imported_from_a_table(api):
    gw = api.gw
    got = gw.import_api_keys(format="csv", body=f"Name,key,description,Enabled\none,{'1' * 20},d,true\ntwo,short,,\nthree,{'3' * 20},,FALSE\n".encode())
    assert len(got["ids"]) == 2 and len(got["warnings"]) == 1
    assert {k["name"]: k["enabled"] for k in gw.get_api_keys()["items"]} == {"one": True, "three": False}
    refused(gw.import_api_keys, "BadRequestException", format="csv", body=b"nonsense")
    refused(gw.import_api_keys, "BadRequestException", format="csv", failOnWarnings=True, body=f"name,key\nfour,{'4' * 20}\ntwo,short".encode())
    assert len(gw.get_api_keys()["items"]) == 2, "a refused import leaves nothing behind"


def test_documentation_is_kept_by_version(api):
    gw, kw = api.gw, {"restApiId": api.id}
    part = gw.create_documentation_part(**kw, location={"type": "API"}, properties='{"description": "d"}')
    refused(gw.create_documentation_part, "ConflictException", **kw, location={"type": "API"}, properties="{}")
    assert gw.update_documentation_part(**kw, documentationPartId=part["id"], patchOperations=[{"op": "replace", "path": "/properties", "value": "{}"}])["properties"] == "{}"
    assert gw.get_documentation_part(**kw, documentationPartId=part["id"])["location"] == {"type": "API"} and len(gw.get_documentation_parts(**kw, type="API")["items"]) == 1
    gw.create_documentation_version(**kw, documentationVersion="1")
    refused(gw.create_documentation_version, "ConflictException", **kw, documentationVersion="1")
    assert gw.update_documentation_version(**kw, documentationVersion="1", patchOperations=[{"op": "replace", "path": "/description", "value": "x"}])["description"] == "x"
    assert gw.get_documentation_version(**kw, documentationVersion="1")["version"] == "1" and len(gw.get_documentation_versions(**kw)["items"]) == 1
    gw.delete_documentation_part(**kw, documentationPartId=part["id"])
    gw.delete_documentation_version(**kw, documentationVersion="1")
    refused(gw.get_documentation_part, "NotFoundException", **kw, documentationPartId=part["id"])


def test_a_client_certificate_lives(api):
    gw = api.gw
    api.mock("/a")
    api.deploy("s")
    it = gw.generate_client_certificate(description="d", tags={"a": "b"})
    assert it["pemEncodedCertificate"].startswith("-----BEGIN CERTIFICATE-----") and (it["expirationDate"] - it["createdDate"]).days == 365
    name = {"clientCertificateId": it["clientCertificateId"]}
    assert gw.update_client_certificate(**name, patchOperations=[{"op": "replace", "path": "/description", "value": "e"}])["description"] == "e" == gw.get_client_certificate(**name)["description"]
    use = {"op": "replace", "path": "/clientCertificateId", "value": it["clientCertificateId"]}
    gw.update_stage(restApiId=api.id, stageName="s", patchOperations=[use])
    refused(gw.delete_client_certificate, "BadRequestException", **name)
    gw.update_stage(restApiId=api.id, stageName="s", patchOperations=[{**use, "op": "remove"}])
    assert len(gw.get_client_certificates()["items"]) == 1
    gw.delete_client_certificate(**name)
    refused(gw.get_client_certificate, "NotFoundException", **name)


def test_a_backend_may_ask_who_calls(api, tmp_path):
    """The stage's client certificate is shown in the TLS handshake with an endpoint."""
    import ssl
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    from .test_domains import signed

    class Who(BaseHTTPRequestHandler):
        def do_GET(self):
            said = dict(pair for part in self.connection.getpeercert()["subject"] for pair in part)["commonName"].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    made = api.gw.generate_client_certificate()
    _, _, body, private = signed("localhost")
    (tmp_path / "server.pem").write_text(body + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    context.load_verify_locations(cadata=made["pemEncodedCertificate"])
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | 0x200000        # whatever the hour: other tests may have moved the clock by years
    server = ThreadingHTTPServer(("127.0.0.1", 0), Who)
    server.handle_error = lambda *_: None
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        api.method("/who", integration={"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": f"https://localhost:{server.server_port}/", "tlsConfig": {"insecureSkipVerification": True}})
        api.deploy("dev")
        assert api.call("/who").status == 504, "nobody has been shown"
        api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[{"op": "replace", "path": "/clientCertificateId", "value": made["clientCertificateId"]}])
        assert api.call("/who").body == b"ApiGateway"
    finally:
        server.shutdown()
        server.server_close()
