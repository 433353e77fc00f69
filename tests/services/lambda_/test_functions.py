"""Functions: made, described, listed, changed, deleted, and what is refused on the way."""
import base64
import hashlib
import io
import urllib.error
import urllib.request
import zipfile

import pytest

from .conftest import ECHO, TRUST, refused, zipped


def test_a_new_function_is_pending_and_then_active(bench):
    made = bench.deploy(wait=False, Description="d", Environment={"Variables": {"AA": "b"}}, Tags={"k": "v"})
    assert (made["State"], made["StateReason"], made["StateReasonCode"]) == ("Pending", "The function is being created.", "Creating")
    assert (made["Timeout"], made["MemorySize"], made["EphemeralStorage"], made["Architectures"], made["PackageType"]) == (3, 128, {"Size": 512}, ["x86_64"], "Zip")
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(zipped(ECHO)).digest()).decode() and made["CodeSize"] == len(zipped(ECHO))
    assert made["FunctionArn"] == f"arn:aws:lambda:us-east-1:{bench.cloud.account}:function:f" and made["Version"] == "$LATEST"
    assert made["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"} and made["TracingConfig"] == {"Mode": "PassThrough"}
    bench.client.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 0.05})
    found = bench.client.get_function(FunctionName="f")
    assert found["Configuration"]["State"] == "Active" and found["Configuration"]["LastUpdateStatus"] == "Successful" and "StateReason" not in found["Configuration"]
    assert found["Tags"] == {"k": "v"} and found["Configuration"]["Environment"] == {"Variables": {"AA": "b"}}


def test_the_code_of_a_function_can_be_fetched_for_ten_minutes(bench):
    bench.deploy()
    location = bench.client.get_function(FunctionName="f")["Code"]["Location"]
    assert urllib.request.urlopen(location).read() == zipped(ECHO)
    bench.cloud.advance(minutes=11)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(location)


def test_functions_are_named_by_name_partial_arn_and_arn(bench):
    bench.deploy()
    account = bench.cloud.account
    for name in ("f", f"{account}:function:f", "function:f", f"arn:aws:lambda:us-east-1:{account}:function:f", f"arn:aws:lambda:us-east-1:{account}:function:f:$LATEST"):
        assert bench.client.get_function_configuration(FunctionName=name)["FunctionName"] == "f"
    refused(bench.client.get_function, "ResourceNotFoundException", f"Function not found: arn:aws:lambda:us-east-1:{account}:function:nope", FunctionName="nope")
    refused(bench.client.get_function, "ResourceNotFoundException", "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')", FunctionName=f"arn:aws:lambda:eu-west-1:{account}:function:f")
    refused(bench.client.create_function, "ResourceConflictException", "Function already exist: f", FunctionName="f", Runtime="python3.11", Handler="a.b", Role=f"arn:aws:iam::{account}:role/f-role", Code={"ZipFile": zipped("")})


def test_functions_are_listed_in_pages_and_deleted(bench):
    role = bench.role()
    for n in range(3):
        bench.deploy(f"f{n}", Role=role)
    first = bench.client.list_functions(MaxItems=2)
    second = bench.client.list_functions(Marker=first["NextMarker"])
    assert [f["FunctionName"] for f in first["Functions"] + second["Functions"]] == ["f0", "f1", "f2"] and "NextMarker" not in second
    bench.client.delete_function(FunctionName="f1")
    assert [f["FunctionName"] for f in bench.client.list_functions()["Functions"]] == ["f0", "f2"]
    refused(bench.client.delete_function, "ResourceNotFoundException", FunctionName="f1")


def test_new_code_takes_effect_and_changes_hash_and_revision(bench):
    before = bench.deploy()
    assert bench.call(event=1) == 1
    code = zipped("def handler(e, c): return 'new'")
    changed = bench.client.update_function_code(FunctionName="f", ZipFile=code)
    assert changed["LastUpdateStatus"] == "InProgress" and changed["RevisionId"] != before["RevisionId"] and changed["CodeSha256"] != before["CodeSha256"]
    bench.client.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 0.05})
    assert bench.call() == "new"
    dry = bench.client.update_function_code(FunctionName="f", ZipFile=zipped(ECHO), DryRun=True)
    assert dry["CodeSha256"] == before["CodeSha256"] and bench.call() == "new"


def test_new_configuration_takes_effect_in_new_environments(bench):
    bench.deploy(code="import os\ndef handler(e, c): return [os.environ.get('AA'), c.memory_limit_in_mb]")
    assert bench.call() == [None, "128"]
    bench.client.update_function_configuration(FunctionName="f", Environment={"Variables": {"AA": "1"}}, MemorySize=256, Timeout=9, Description="x")
    config = bench.wait()
    assert bench.call() == ["1", "256"] and (config["Timeout"], config["Description"], config["Handler"]) == (9, "x", "index.handler")


def test_a_revision_that_is_not_the_latest_is_refused(bench):
    made = bench.deploy()
    bench.client.update_function_configuration(FunctionName="f", Description="x")
    bench.wait()
    text = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    refused(bench.client.update_function_configuration, "PreconditionFailedException", text, FunctionName="f", RevisionId=made["RevisionId"])
    refused(bench.client.update_function_code, "PreconditionFailedException", text, FunctionName="f", RevisionId=made["RevisionId"], ZipFile=zipped("1"))
    refused(bench.client.update_function_code, "InvalidParameterValueException", "Please don't provide ImageUri when updating a function with packageType Zip.", FunctionName="f", ImageUri="1.dkr.ecr.us-east-1.amazonaws.com/a:b")


@pytest.mark.parametrize(("change", "text"), [
    ({"Runtime": "python9.9"}, "Value python9.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ["),
    ({"Runtime": "nodejs12.x"}, "The runtime parameter of nodejs12.x is no longer supported"),
    ({"Runtime": "java21"}, "Cloche cannot run java21 yet"),
    ({"Code": {"ZipFile": b"not a zip"}}, "Could not unzip uploaded file. Please check your file, then try to upload again."),
    ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION"),
    ({"Environment": {"Variables": {"AA": "x" * 5000}}}, "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {\"AA\":"),
    ({"Layers": [f"arn:aws:lambda:us-east-1:123456789012:layer:l{n}:1" for n in range(6)]}, "Cannot reference more than 5 layers."),
    ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "python3.11 is not supported for SnapStart enabled functions."),
])
def test_a_wrong_configuration_is_refused_with_awss_sentence(bench, change, text):
    role = bench.role()
    req = {"FunctionName": "g", "Runtime": "python3.11", "Handler": "a.b", "Role": role, "Code": {"ZipFile": zipped("")}} | change
    assert refused(bench.client.create_function, "InvalidParameterValueException", **req).startswith(text)
    assert bench.client.list_functions()["Functions"] == []


def test_values_out_of_range_are_refused(bench):
    role = bench.role()
    req = {"FunctionName": "g", "Runtime": "python3.11", "Handler": "a.b", "Role": role, "Code": {"ZipFile": zipped("")}}
    refused(bench.client.create_function, "ValidationException", **req, Timeout=901)
    refused(bench.client.create_function, "ValidationException", **req, MemorySize=10241)


def test_a_role_that_does_not_trust_lambda_is_refused(bench):
    wrong = TRUST | {"Statement": [TRUST["Statement"][0] | {"Principal": {"Service": "ec2.amazonaws.com"}}]}
    role = bench.role("other", trust=wrong)
    for arn in (role, f"arn:aws:iam::{bench.cloud.account}:role/none"):
        refused(bench.client.create_function, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.",
                FunctionName="g", Runtime="python3.11", Handler="a.b", Role=arn, Code={"ZipFile": zipped("")})


def test_a_function_can_come_from_s3(bench):
    s3 = bench.cloud.client("s3")
    bucket = f"code-{bench.cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="f.zip", Body=zipped("def handler(e, c): return 's3'"))
    bench.deploy(Code={"S3Bucket": bucket, "S3Key": "f.zip"})
    assert bench.call() == "s3"
    message = refused(bench.client.update_function_code, "InvalidParameterValueException", FunctionName="f", S3Bucket=bucket, S3Key="none")
    assert message == "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."


def hostile():
    def archive(*entries, deflate=zipfile.ZIP_STORED):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", deflate) as z:
            for name, body, mode in entries:
                info = zipfile.ZipInfo(name)
                info.external_attr, info.compress_type = mode << 16, deflate
                z.writestr(info, body)
        return data.getvalue()
    link = 0o120777
    yield "up", archive(("../../evil", b"x", 0o644))
    yield "backslash", archive(("..\\evil", b"x", 0o644))
    yield "through a link", archive(("d", b"/tmp", link), ("d/evil", b"x", 0o644))
    yield "bomb", archive(*[(f"b{n}", bytes(100 << 20), 0o644) for n in range(3)], deflate=zipfile.ZIP_DEFLATED)
    yield "cut", zipped("x")[:-30]


def test_hostile_zips_leave_nothing_outside(bench, tmp_path):
    role = bench.role()
    for what, data in hostile():
        message = refused(bench.client.create_function, "InvalidParameterValueException", FunctionName="g", Runtime="python3.11", Handler="a.b", Role=role, Code={"ZipFile": data}) if what != "through a link" else None
        if what == "bomb":
            assert message == "Unzipped size must be smaller than 262144000 bytes"
        elif message:
            assert message.startswith("Could not unzip"), what


def test_absolute_paths_and_links_stay_inside(bench):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        z.writestr("/index.py", "def handler(e, c):\n    try: return open('/var/task/link').read()\n    except OSError as x: return x.errno")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        z.writestr(link, "/etc/shadow")
    bench.deploy(Code={"ZipFile": data.getvalue()})
    assert bench.call() == 2


def test_tags_come_and_go(bench):
    arn = bench.deploy()["FunctionArn"]
    bench.client.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    bench.client.untag_resource(Resource=arn, TagKeys=["a"])
    assert bench.client.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    refused(bench.client.tag_resource, "InvalidParameterValueException", "Number of tags exceeds resource tag limit.", Resource=arn, Tags={str(n): "" for n in range(51)})
    refused(bench.client.list_tags, "ResourceNotFoundException", f"Function not found: {arn}x", Resource=arn + "x")


def test_recursion_and_runtime_management_are_kept(bench):
    arn = bench.deploy()["FunctionArn"]
    assert bench.client.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"
    assert bench.client.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")["RecursiveLoop"] == "Allow"
    assert bench.client.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Allow"
    assert bench.client.get_runtime_management_config(FunctionName="f")["UpdateRuntimeOn"] == "Auto"
    assert bench.client.put_runtime_management_config(FunctionName="f", UpdateRuntimeOn="FunctionUpdate")["FunctionArn"] == arn
    assert bench.client.get_runtime_management_config(FunctionName="f")["UpdateRuntimeOn"] == "FunctionUpdate"
    runtime = bench.client.get_function_configuration(FunctionName="f")["RuntimeVersionConfig"]["RuntimeVersionArn"]
    for wrong in ({"UpdateRuntimeOn": "Manual"}, {"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": runtime}, {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": runtime[:-1] + "x"}):
        refused(bench.client.put_runtime_management_config, "InvalidParameterValueException", FunctionName="f", **wrong)
    bench.client.put_runtime_management_config(FunctionName="f", UpdateRuntimeOn="Manual", RuntimeVersionArn=runtime)
    assert bench.client.get_runtime_management_config(FunctionName="f")["RuntimeVersionArn"] == runtime


def test_code_beyond_the_accounts_storage_is_refused(bench):
    """75 GB are too many for a test: the quota is lowered."""
    size = len(zipped(ECHO))
    cloud, client = bench.cloud, bench.client
    bench.deploy()
    assert client.get_account_settings()["AccountLimit"]["TotalCodeSize"] == 80530636800

    def limit(of):
        cloud.control("quotas", {"account": cloud.account, "service": "lambda", "quota": "L-2ACBD22F", "value": of / (1 << 30)})
    limit(size * 2)
    settings = client.get_account_settings()
    assert settings["AccountLimit"]["TotalCodeSize"] == size * 2 and settings["AccountUsage"]["TotalCodeSize"] == size
    assert client.publish_version(FunctionName="f")["Version"] == "1"
    exceeded = "CodeStorageExceededException"
    refused(client.create_function, exceeded, FunctionName="g", Role=bench.role(), Runtime="python3.11", Handler="index.handler", Code={"ZipFile": zipped(ECHO)})
    refused(client.publish_layer_version, exceeded, LayerName="l", Content={"ZipFile": zipped(ECHO)})
    refused(client.update_function_code, exceeded, FunctionName="f", ZipFile=zipped(ECHO + "# a little longer than it was, by words that do not compress to nothing: 0123456789\n"))
    limit(size * 3)
    assert client.publish_layer_version(LayerName="l", Content={"ZipFile": zipped(ECHO)})["Version"] == 1
    client.update_function_configuration(FunctionName="f", Description="changed")
    bench.wait()
    refused(client.publish_version, exceeded, FunctionName="f")
    assert client.get_account_settings()["AccountUsage"]["TotalCodeSize"] == size * 3
    client.delete_function(FunctionName="f")
    assert client.get_account_settings()["AccountUsage"]["TotalCodeSize"] == size
