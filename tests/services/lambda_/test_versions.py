"""Versions, aliases with weights, and layers."""
import json

from .conftest import ECHO, refused, zipped

ME = "import os\ndef handler(e, c): return os.environ['AWS_LAMBDA_FUNCTION_VERSION']"


def test_a_published_version_stays_as_it_was(bench):
    bench.deploy(code="def handler(e, c): return 'one'")
    first = bench.client.publish_version(FunctionName="f", Description="first")
    assert first["Version"] == "1" and first["FunctionArn"].endswith(":function:f:1") and first["Description"] == "first"
    assert bench.client.publish_version(FunctionName="f")["Version"] == "1"
    bench.client.update_function_code(FunctionName="f", ZipFile=zipped("def handler(e, c): return 'two'"))
    bench.wait()
    assert bench.client.publish_version(FunctionName="f")["Version"] == "2"
    assert [bench.call(Qualifier=q) for q in ("1", "2", "$LATEST")] == ["one", "two", "two"] and bench.call("f:1") == "one"
    assert [v["Version"] for v in bench.client.list_versions_by_function(FunctionName="f")["Versions"]] == ["$LATEST", "1", "2"]
    bench.client.delete_function(FunctionName="f", Qualifier="1")
    refused(bench.client.invoke, "ResourceNotFoundException", f"Function not found: arn:aws:lambda:us-east-1:{bench.cloud.account}:function:f:1", FunctionName="f", Qualifier="1")
    refused(bench.client.delete_function, "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function.", FunctionName="f", Qualifier="$LATEST")


def test_publishing_guards_by_hash_and_revision(bench):
    made = bench.deploy()
    wrong = "x" * 43 + "="
    text = f"CodeSHA256 ({wrong}) is different from current CodeSHA256 in $LATEST ({made['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST."
    refused(bench.client.publish_version, "InvalidParameterValueException", text, FunctionName="f", CodeSha256=wrong)
    refused(bench.client.publish_version, "PreconditionFailedException", FunctionName="f", RevisionId="nope")
    assert bench.client.publish_version(FunctionName="f", CodeSha256=made["CodeSha256"])["Version"] == "1"


def test_create_with_publish_gives_version_one(bench):
    assert bench.deploy(code=ME, Publish=True)["Version"] == "1"
    assert bench.call(Qualifier="1") == "1"


def test_an_alias_points_to_a_version_and_moves(bench):
    bench.deploy(code=ME, Publish=True)
    made = bench.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1", Description="d")
    assert made["AliasArn"].endswith(":function:f:live") and made["FunctionVersion"] == "1"
    answer = bench.client.invoke(FunctionName="f", Qualifier="live")
    assert answer["ExecutedVersion"] == "1"
    bench.client.update_function_configuration(FunctionName="f", Description="new")
    bench.wait()
    bench.client.publish_version(FunctionName="f")
    bench.client.update_alias(FunctionName="f", Name="live", FunctionVersion="$LATEST")
    assert bench.call(Qualifier="live") == "$LATEST"
    assert bench.client.get_alias(FunctionName="f", Name="live")["FunctionVersion"] == "$LATEST"
    assert [a["Name"] for a in bench.client.list_aliases(FunctionName="f")["Aliases"]] == ["live"]
    assert bench.client.list_aliases(FunctionName="f", FunctionVersion="1")["Aliases"] == []
    refused(bench.client.create_alias, "ResourceConflictException", f"Alias already exists: {made['AliasArn']}", FunctionName="f", Name="live", FunctionVersion="1")
    refused(bench.client.update_alias, "PreconditionFailedException", FunctionName="f", Name="live", RevisionId="nope")
    bench.client.delete_alias(FunctionName="f", Name="live")
    refused(bench.client.get_alias, "ResourceNotFoundException", f"Cannot find alias arn: {made['AliasArn']}", FunctionName="f", Name="live")


def test_weights_share_invocations_between_two_versions(bench):
    bench.deploy(code=ME, Publish=True)
    bench.client.update_function_configuration(FunctionName="f", Description="x")
    bench.wait()
    bench.client.publish_version(FunctionName="f")
    bench.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    assert {bench.call(Qualifier="live") for _ in range(40)} == {"1", "2"}
    update = bench.client.update_alias
    refused(update, "InvalidParameterValueException", "Number of items in AdditionalVersionWeights cannot be greater than 1", FunctionName="f", Name="live", RoutingConfig={"AdditionalVersionWeights": {"1": 0.1, "2": 0.1}})
    refused(update, "InvalidParameterValueException", "$LATEST is not supported for an alias pointing to more than 1 version", FunctionName="f", Name="live", FunctionVersion="$LATEST", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    refused(update, "InvalidParameterValueException", "Invalid function version 1. Function version 1 is already included in routing configuration.", FunctionName="f", Name="live", RoutingConfig={"AdditionalVersionWeights": {"1": 0.1}})
    refused(bench.client.delete_function, "ResourceConflictException", FunctionName="f", Qualifier="2")
    update(FunctionName="f", Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    assert {bench.call(Qualifier="live") for _ in range(10)} == {"1"}


def layer(bench, name, files):
    return bench.client.publish_layer_version(LayerName=name, Content={"ZipFile": zipped(files)}, CompatibleRuntimes=["python3.11"], Description="d", LicenseInfo="MIT")


def test_layers_lie_below_opt_and_later_ones_win(bench):
    one = layer(bench, "one", {"python/lib.py": "name = 'one'", "data/x": "from one"})
    two = layer(bench, "two", {"python/lib.py": "name = 'two'"})
    assert one["Version"] == 1 and one["LayerVersionArn"].endswith(":layer:one:1") and one["Content"]["CodeSize"] > 0
    made = bench.deploy(code="import lib\ndef handler(e, c): return [lib.name, open('/opt/data/x').read()]", Layers=[one["LayerVersionArn"], two["LayerVersionArn"]])
    assert [x["Arn"] for x in made["Layers"]] == [one["LayerVersionArn"], two["LayerVersionArn"]]
    assert bench.call() == ["two", "from one"]
    bench.client.update_function_configuration(FunctionName="f", Layers=[one["LayerVersionArn"]])
    bench.wait()
    assert bench.call() == ["one", "from one"]
    again = layer(bench, "one", {"python/lib.py": ""})["LayerVersionArn"]
    text = f"Two different versions of the same layer are not allowed to be referenced in the same function. {one['LayerVersionArn']} and {again} are versions of the same layer."
    refused(bench.client.update_function_configuration, "InvalidParameterValueException", text, FunctionName="f", Layers=[one["LayerVersionArn"], again])
    missing = one["LayerVersionArn"][:-1] + "9"
    refused(bench.client.update_function_configuration, "InvalidParameterValueException", f"Layer version {missing} does not exist.", FunctionName="f", Layers=[missing])


def test_layer_versions_are_listed_described_and_deleted(bench):
    arn = layer(bench, "one", ECHO)["LayerVersionArn"]
    layer(bench, "one", ECHO + "#")
    assert [v["Version"] for v in bench.client.list_layer_versions(LayerName="one")["LayerVersions"]] == [2, 1]
    assert bench.client.list_layers()["Layers"][0]["LatestMatchingVersion"]["Version"] == 2
    assert bench.client.list_layers(CompatibleRuntime="nodejs20.x")["Layers"] == []
    assert bench.client.get_layer_version(LayerName="one", VersionNumber=1)["LicenseInfo"] == "MIT"
    assert bench.client.get_layer_version_by_arn(Arn=arn)["Version"] == 1
    bench.client.delete_layer_version(LayerName="one", VersionNumber=1)
    refused(bench.client.get_layer_version, "ResourceNotFoundException", "The resource you requested does not exist.", LayerName="one", VersionNumber=1)
    assert bench.client.publish_layer_version(LayerName="one", Content={"ZipFile": zipped(ECHO)})["Version"] == 3


def test_another_account_uses_a_layer_once_it_is_allowed(bench):
    from .conftest import Bench
    arn = layer(bench, "shared", {"python/lib.py": "x = 7"})["LayerVersionArn"]
    other = Bench(bench.cloud.other())
    role = other.role()
    req = {"FunctionName": "g", "Runtime": "python3.11", "Handler": "index.handler", "Role": role, "Code": {"ZipFile": zipped("import lib\ndef handler(e, c): return lib.x")}, "Layers": [arn]}
    refused(other.client.create_function, "AccessDeniedException", **req)
    refused(bench.client.get_layer_version_policy, "ResourceNotFoundException", LayerName="shared", VersionNumber=1)
    said = bench.client.add_layer_version_permission(LayerName="shared", VersionNumber=1, StatementId="all", Action="lambda:GetLayerVersion", Principal="*")
    assert json.loads(said["Statement"])["Principal"] == "*"
    assert json.loads(bench.client.get_layer_version_policy(LayerName="shared", VersionNumber=1)["Policy"])["Statement"][0]["Sid"] == "all"
    other.client.create_function(**req)
    other.wait("g")
    assert other.call("g") == 7
    bench.client.remove_layer_version_permission(LayerName="shared", VersionNumber=1, StatementId="all")
    refused(other.client.get_layer_version_by_arn, "AccessDeniedException", Arn=arn)
