"""Functions from container images in ECR."""
import base64
import json

from ..ecr.pushing import INDEX
from .conftest import refused, zipped
from .containers import ASKING, push, python


def make(bench, uri, name="f", **more):
    if "Role" not in more:
        more["Role"] = bench.role(f"{name}-role")
    return bench.client.create_function(FunctionName=name, PackageType="Image", Code={"ImageUri": uri}, **more)


def test_a_function_from_an_image_runs_as_its_author_wrote_it(bench):
    uri, digest = push(bench.cloud)
    made = make(bench, uri, Environment={"Variables": {"FROM_FUNCTION": "yes"}}, Timeout=10)
    assert made["PackageType"] == "Image" and made["State"] == "Pending" and made["CodeSize"] == 0 and made["CodeSha256"] == digest.removeprefix("sha256:")
    assert not {"Runtime", "Handler", "Layers"} & set(made)
    bench.wait()
    assert bench.client.get_function(FunctionName="f")["Code"] == {"RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": f"{uri.rpartition(':')[0]}@{digest}"}
    answer = bench.client.invoke(FunctionName="f", Payload=b'{"a": 1}', LogType="Tail")
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, base64.b64decode(answer["LogResult"]).decode()
    assert said["event"] == {"a": 1} and said["argv"] == ["app.handler"] and said["cwd"] == "/app" and said["text"] == "one"
    assert said["env"] == {"FROM_IMAGE": "yes", "FROM_FUNCTION": "yes", "_HANDLER": "app.handler", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_REGION": "us-east-1", "LAMBDA_TASK_ROOT": "/app"}
    assert {"app", "tmp", "proc", "dev"} <= set(said["root"]) and not said["wrote"] and said["uid"] not in (0,)
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "starting ['app.handler']\n" in tail and tail.startswith("START RequestId: ") and "REPORT RequestId: " in tail


def test_the_functions_configuration_comes_before_the_images(bench):
    uri, _ = push(bench.cloud)
    interpreter = python()[0]
    config = {"EntryPoint": [interpreter, "-I", "-S", "/app/bootstrap.py", "own"], "Command": ["other.handler"], "WorkingDirectory": "/tmp"}
    assert make(bench, uri, ImageConfig=config)["ImageConfigResponse"] == {"ImageConfig": config}
    bench.wait()
    said = bench.call()
    assert said["argv"] == ["own", "other.handler"] and said["cwd"] == "/tmp" and said["env"]["_HANDLER"] == "other.handler"
    changed = bench.client.update_function_configuration(FunctionName="f", ImageConfig={})
    assert "ImageConfigResponse" not in changed
    bench.wait()
    assert bench.call()["argv"] == ["app.handler"]


def test_a_tag_that_moves_does_not_change_the_function_until_it_is_updated(bench):
    uri, first = push(bench.cloud)
    make(bench, uri, Publish=True)
    bench.wait()
    _, second = push(bench.cloud, text="two")
    assert first != second and bench.call()["text"] == "one"
    updated = bench.client.update_function_code(FunctionName="f", ImageUri=uri, Publish=True)
    assert updated["Version"] == "2" and updated["CodeSha256"] == second.removeprefix("sha256:")
    bench.wait()
    assert bench.call()["text"] == "two" and bench.call(Qualifier="1")["text"] == "one"
    bench.cloud.client("ecr").batch_delete_image(repositoryName="app", imageIds=[{"imageDigest": first}, {"imageDigest": second}])
    assert bench.call(Qualifier="1")["text"] == "one"  # what was taken stays


def test_an_image_is_refused_with_awss_sentences(bench):
    role = bench.role()
    uri, _ = push(bench.cloud)
    ask, invalid = bench.client.create_function, "InvalidParameterValueException"
    base = {"FunctionName": "f", "Role": role}
    refused(ask, invalid, "Source image busybox:latest is not valid. Provide a valid source image.", **base, PackageType="Image", Code={"ImageUri": "busybox:latest"})
    elsewhere = uri.replace("us-east-1", "eu-west-1")
    refused(ask, invalid, f"Source image {elsewhere} is not valid. Provide a valid source image.", **base, PackageType="Image", Code={"ImageUri": elsewhere})
    for missing in (uri[:-1] + "nope", uri.replace("/app:", "/nope:")):
        refused(ask, invalid, f"Source image {missing} does not exist. Provide a valid source image.", **base, PackageType="Image", Code={"ImageUri": missing})
    refused(ask, invalid, "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.", **base, PackageType="Image", Code={"ImageUri": uri}, Handler="a.b")
    refused(ask, invalid, "Please provide ImageUri when creating a function with packageType Image.", **base, PackageType="Image", Code={})
    refused(ask, invalid, None, **base, PackageType="Image", Code={"ZipFile": zipped("x")})
    refused(ask, invalid, "Please don't provide ImageUri when creating a function with packageType Zip.", **base, Code={"ImageUri": uri}, Runtime="python3.11", Handler="a.b")
    refused(ask, invalid, None, **base, Code={"ZipFile": zipped("x")}, Runtime="python3.11", Handler="a.b", ImageConfig={"Command": ["x"]})
    ecr = bench.cloud.client("ecr")
    text = ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "1"}])["images"][0]
    entry = {"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "size": len(text["imageManifest"]), "digest": text["imageId"]["imageDigest"], "platform": {"architecture": "amd64", "os": "linux"}}
    ecr.put_image(repositoryName="app", imageTag="many", imageManifestMediaType=INDEX, imageManifest=json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}))
    many = uri.rpartition(":")[0] + ":many"
    refused(ask, invalid, f"The image manifest, config or layer media type for the source image {many} is not supported.", **base, PackageType="Image", Code={"ImageUri": many})
    bench.deploy("zipped", Role=role)
    refused(bench.client.update_function_code, invalid, "Please don't provide ImageUri when updating a function with packageType Zip.", FunctionName="zipped", ImageUri=uri)
    make(bench, uri, Role=role)
    bench.wait()
    refused(bench.client.update_function_code, invalid, None, FunctionName="f", ZipFile=zipped("x"))
    refused(bench.client.update_function_configuration, invalid, None, FunctionName="f", Handler="a.b")


def test_lambda_lets_itself_into_a_repository_where_who_creates_the_function_may(bench):
    uri, _ = push(bench.cloud)
    ecr = bench.cloud.client("ecr")
    iam = bench.iam
    iam.create_user(UserName="dev")
    iam.put_user_policy(UserName="dev", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["lambda:*", "iam:PassRole"], "Resource": "*"}]}))
    key = iam.create_access_key(UserName="dev")["AccessKey"]
    theirs = bench.cloud.client("lambda", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    role = bench.role()
    refused(theirs.create_function, "AccessDeniedException", "Lambda does not have permission to access the ECR image. Check the ECR permissions.",
            FunctionName="f", Role=role, PackageType="Image", Code={"ImageUri": uri})
    make(bench, uri, Role=role)
    [statement] = json.loads(ecr.get_repository_policy(repositoryName="app")["policyText"])["Statement"]
    assert statement["Sid"] == "LambdaECRImageRetrievalPolicy" and statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    theirs.create_function(FunctionName="g", Role=role, PackageType="Image", Code={"ImageUri": uri})  # the door stands open now
    bench.wait("g")


def test_an_entry_point_that_is_not_there_or_a_wrong_directory_is_an_error_of_the_init(bench):
    uri, _ = push(bench.cloud, Entrypoint=["/nope"])
    make(bench, uri)
    bench.wait()
    answer = bench.client.invoke(FunctionName="f", Payload=b"1")
    assert answer["FunctionError"] == "Unhandled" and json.loads(answer["Payload"].read()) == {
        "errorType": "Runtime.InvalidEntrypoint", "errorMessage": f"RequestId: {answer['ResponseMetadata']['RequestId']} Error: fork/exec /nope: no such file or directory"}
    bench.client.update_function_configuration(FunctionName="f", ImageConfig={"EntryPoint": [python()[0]], "WorkingDirectory": "/nowhere"})
    bench.wait()
    assert bench.call()["errorType"] == "Runtime.InvalidWorkingDir"


def test_extensions_of_an_image_lie_in_its_opt(bench):
    interpreter = python()[0]
    extension = f"#!{interpreter} -S\n" + ASKING + """
me = ask("POST", "/2020-01-01/extension/register", '{"events": ["INVOKE"]}', ["Lambda-Extension-Name: inner"])[0]["Lambda-Extension-Identifier"]
while True:
    print("event", ask("GET", "/2020-01-01/extension/event/next", "", ["Lambda-Extension-Identifier: " + me])[0]["Lambda-Extension-Event-Identifier"][:2], flush=True)
"""
    uri, _ = push(bench.cloud, files={"opt__extensions__inner": extension})
    make(bench, uri)
    bench.wait()
    tail = base64.b64decode(bench.client.invoke(FunctionName="f", Payload=b"1", LogType="Tail")["LogResult"]).decode()
    assert "EXTENSION\tName: inner\tState: Ready\tEvents: [INVOKE]\n" in tail and "event " in tail


def test_a_serverless_template_deploys_an_image_that_is_in_ecr_and_an_update_takes_another(bench):
    first, _ = push(bench.cloud)
    second, _ = push(bench.cloud, tag="2", text="two")
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {
        "PackageType": "Image", "ImageUri": first, "FunctionName": "f", "ImageConfig": {"Command": ["from.template"]}, "Timeout": 10}}}}
    cfn = bench.cloud.client("cloudformation")
    more = {"StackName": "s", "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]}
    cfn.create_stack(TemplateBody=json.dumps(template), **more)
    cfn.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
    said = bench.call()
    assert said["argv"] == ["from.template"] and said["text"] == "one"
    template["Resources"]["F"]["Properties"]["ImageUri"] = second
    cfn.update_stack(TemplateBody=json.dumps(template), **more)
    cfn.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})
    assert bench.call()["text"] == "two"
