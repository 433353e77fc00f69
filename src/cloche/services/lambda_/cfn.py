"""Lambda in templates: functions (with inline code), versions, aliases, permissions, layers, event sources, URLs."""
from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import LETTERS, Resource, Type, op, retag, steps
from cloche.services.codedeploy import public as deployments

from . import vpc

CONFIGURATION = ("Role", "Handler", "Description", "Timeout", "MemorySize", "VpcConfig", "Environment", "Runtime", "DeadLetterConfig", "KmsKeyArn", "TracingConfig", "Layers",
                 "FileSystemConfigs", "ImageConfig", "EphemeralStorage", "SnapStart", "LoggingConfig", "DurableConfig")
APART = {"Code", "ReservedConcurrentExecutions", "RuntimeManagementConfig", "RecursiveLoop", "Tags", "FunctionName", "Architectures", "PackageType", "CodeSigningConfigArn", "TenancyConfig",
         *CONFIGURATION}

# What AWS puts beside inline code, under the same name and with the same interface, so that a custom resource can answer
CFNRESPONSE = {
    "cfnresponse.py": '''import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    body = json.dumps({
        "Status": responseStatus,
        "Reason": reason or "See the details in CloudWatch Log Stream: {}".format(context.log_stream_name),
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"], "RequestId": event["RequestId"], "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho, "Data": responseData,
    }).encode()
    request = urllib.request.Request(event["ResponseURL"], data=body, headers={"content-type": "", "content-length": str(len(body))}, method="PUT")
    try:
        with urllib.request.urlopen(request) as answer:
            print("Status code:", answer.status)
    except Exception as error:
        print("send(..) failed executing the request:", error)
''',
    "cfn-response.js": '''exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";
exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  const body = JSON.stringify({
    Status: responseStatus, Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName, StackId: event.StackId, RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId, NoEcho: noEcho || false, Data: responseData });
  const url = new URL(event.ResponseURL);
  const request = require(url.protocol.slice(0, -1)).request(
    { hostname: url.hostname, port: url.port, path: url.pathname + url.search, method: "PUT", headers: { "content-type": "", "content-length": Buffer.byteLength(body) } },
    (answer) => { console.log("Status code: " + answer.statusCode); context.done(); });
  request.on("error", (error) => { console.log("send(..) failed executing the request: " + error); context.done(); });
  request.write(body);
  request.end();
};
''',
}


def code(r: Resource, source: dict[str, Any]) -> dict[str, Any]:
    """`ZipFile` is source text: it becomes index.py or index.js in a zip."""
    if "ZipFile" not in source:
        return dict(source)
    runtime = str(r.get("Runtime", ""))
    if runtime.startswith("python"):
        name, helper = "index.py", "cfnresponse.py"
    elif runtime.startswith("nodejs"):
        name, helper = "index.js", "cfn-response.js"
    else:
        raise AwsError("ValidationError", "ZipFile can only be used when Runtime is set to either of nodejs or python")
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, text in ((name, str(source["ZipFile"])), (helper if name == "index.py" else "node_modules/cfn-response/index.js", CFNRESPONSE[helper])):
            entry = zipfile.ZipInfo(member, (2000, 1, 1, 0, 0, 0))  # the same text is the same zip
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return {"ZipFile": data.getvalue()}


def known(r: Resource) -> None:
    for name in r.properties:
        if name not in APART:
            raise AwsError("NotImplemented", f"Cloche does not build the property {name} of AWS::Lambda::Function yet")


async def create(r: Resource) -> str:
    known(r)
    answer = await r.do("lambda", "CreateFunction", FunctionName=r.properties["FunctionName"], Code=code(r, r.properties["Code"]), PackageType=r.get("PackageType"),
                        Architectures=r.get("Architectures"), CodeSigningConfigArn=r.get("CodeSigningConfigArn"), Tags=r.get("Tags"), TenancyConfig=r.get("TenancyConfig"),
                        **{name: r.get(name) for name in CONFIGURATION})
    r.physical = answer["FunctionName"]
    r.attributes["Arn"] = answer["FunctionArn"]
    await around(r)
    return r.physical


async def around(r: Resource) -> None:
    """What has operations of its own."""
    if r.changed("ReservedConcurrentExecutions"):
        if (number := r.get("ReservedConcurrentExecutions")) is not None:
            await r.do("lambda", "PutFunctionConcurrency", FunctionName=r.physical, ReservedConcurrentExecutions=number)
        else:
            await r.do("lambda", "DeleteFunctionConcurrency", FunctionName=r.physical)
    if r.changed("RuntimeManagementConfig") and r.get("RuntimeManagementConfig"):
        await r.do("lambda", "PutRuntimeManagementConfig", FunctionName=r.physical, **r.properties["RuntimeManagementConfig"])
    if r.old and r.changed("CodeSigningConfigArn"):
        if arn := r.get("CodeSigningConfigArn"):
            await r.do("lambda", "PutFunctionCodeSigningConfig", FunctionName=r.physical, CodeSigningConfigArn=arn)
        else:
            await r.do("lambda", "DeleteFunctionCodeSigningConfig", FunctionName=r.physical)
    if r.changed("RecursiveLoop"):
        await r.do("lambda", "PutFunctionRecursionConfig", FunctionName=r.physical, RecursiveLoop=r.get("RecursiveLoop", "Terminate"))


EMPTY = {"Description": "", "Timeout": 3, "MemorySize": 128, "Environment": {"Variables": {}}, "Layers": [], "DeadLetterConfig": {}, "TracingConfig": {"Mode": "PassThrough"},
         "KmsKeyArn": "", "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}, "FileSystemConfigs": [], "EphemeralStorage": {"Size": 512}, "SnapStart": {"ApplyOn": "None"}}


async def update(r: Resource) -> None:
    """Code first; the configuration when that update has come to its end (`ready`)."""
    known(r)
    await around(r)
    r.stage = "configuration"
    if r.changed("Code", "Architectures"):
        await r.do("lambda", "UpdateFunctionCode", FunctionName=r.physical, Architectures=r.get("Architectures"), **code(r, r.properties["Code"]))


async def configure(r: Resource) -> bool:
    """True if there was something to change."""
    change = {name: r.get(name, EMPTY.get(name)) for name in CONFIGURATION if r.changed(name)}
    if change:
        await r.do("lambda", "UpdateFunctionConfiguration", FunctionName=r.physical, **change)
    return bool(change)


async def read(r: Resource) -> None:
    r.attributes["Arn"] = (await r.do("lambda", "GetFunctionConfiguration", FunctionName=r.physical))["FunctionArn"]


async def ready(r: Resource) -> bool:
    there = await r.do("lambda", "GetFunctionConfiguration", FunctionName=r.physical)
    if there.get("State") == "Failed" or there.get("LastUpdateStatus") == "Failed":
        raise AwsError("ValidationError", there.get("StateReason") or there.get("LastUpdateStatusReason") or "The function could not be made")
    if there.get("State", "Active") not in ("Active", "Inactive") or there.get("LastUpdateStatus", "Successful") == "InProgress":
        return False
    if r.stage == "configuration":
        r.stage = ""
        return not await configure(r)
    r.attributes |= {f"SnapStartResponse.{name}": value for name, value in there.get("SnapStart", {}).items()}
    return True


# -- versions and aliases -----------------------------------------------------------------------------------------------

async def publish(r: Resource) -> str:
    answer = await r.do("lambda", "PublishVersion", FunctionName=r.properties["FunctionName"], CodeSha256=r.get("CodeSha256"), Description=r.get("Description"))
    r.attributes |= {"Version": answer["Version"], "FunctionArn": answer["FunctionArn"]}
    if provisioned := r.get("ProvisionedConcurrencyConfig"):
        await r.do("lambda", "PutProvisionedConcurrencyConfig", FunctionName=r.properties["FunctionName"], Qualifier=answer["Version"], **provisioned)
    if policy := r.get("RuntimePolicy"):
        await r.do("lambda", "PutRuntimeManagementConfig", FunctionName=r.properties["FunctionName"], Qualifier=answer["Version"], **policy)
    return answer["FunctionArn"]


async def published(r: Resource) -> bool:
    """A version with a snapshot is there when that is."""
    there = await r.do("lambda", "GetFunctionConfiguration", FunctionName=r.physical)
    if there["State"] == "Failed":
        raise AwsError("ValidationError", there.get("StateReason", "The version could not be made"))
    return bool(there["State"] == "Active")


async def put_policy(r: Resource) -> str:
    document = r.properties["PolicyDocument"]
    await r.do("lambda", "PutResourcePolicy", ResourceArn=r.properties["ResourceArn"], Policy=document if isinstance(document, str) else json.dumps(document))
    return str(r.properties["ResourceArn"])


async def unpublish(r: Resource) -> None:
    await r.do("lambda", "DeleteFunction", FunctionName=r.physical.rsplit(":", 1)[0], Qualifier=r.physical.rsplit(":", 1)[1])


def routing(r: Resource) -> dict[str, Any] | None:
    config = r.get("RoutingConfig")
    if config is None:
        return {"AdditionalVersionWeights": {}} if r.old.get("RoutingConfig") else None
    weights = config.get("AdditionalVersionWeights", [])
    return {"AdditionalVersionWeights": {x["FunctionVersion"]: x["FunctionWeight"] for x in weights} if isinstance(weights, list) else weights}


async def alias(r: Resource, operation: str) -> str:
    answer = await r.do("lambda", operation, FunctionName=r.properties["FunctionName"], Name=r.properties["Name"], FunctionVersion=r.properties["FunctionVersion"],
                        Description=r.get("Description"), RoutingConfig=routing(r))
    if r.changed("ProvisionedConcurrencyConfig"):
        if provisioned := r.get("ProvisionedConcurrencyConfig"):
            await r.do("lambda", "PutProvisionedConcurrencyConfig", FunctionName=r.properties["FunctionName"], Qualifier=r.properties["Name"], **provisioned)
        else:
            await r.do("lambda", "DeleteProvisionedConcurrencyConfig", FunctionName=r.properties["FunctionName"], Qualifier=r.properties["Name"])
    r.attributes["AliasArn"] = answer["AliasArn"]
    return answer["AliasArn"]


async def create_alias(r: Resource) -> str:
    return await alias(r, "CreateAlias")


async def update_alias(r: Resource) -> str:
    """With an update policy of CodeDeploy's, another version is gone over to by a deployment; the rest is changed as ever."""
    policy = r.extra.get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate")
    if not policy or not r.changed("FunctionVersion"):
        return await alias(r, "UpdateAlias")
    name, wanted = {"FunctionName": r.properties["FunctionName"], "Name": r.properties["Name"]}, str(r.properties["FunctionVersion"])
    there = await r.do("lambda", "GetAlias", **name)
    if r.changed("Description"):
        there = await r.do("lambda", "UpdateAlias", **name, Description=r.get("Description", ""))
    if str(there["FunctionVersion"]) == wanted:        # a deployment that was taken back has seen to it
        await r.do("lambda", "UpdateAlias", **name, RoutingConfig={"AdditionalVersionWeights": {}})
    else:
        await deployments.move_alias(r, policy, name["FunctionName"], name["Name"], str(there["FunctionVersion"]), wanted)
    r.attributes["AliasArn"] = there["AliasArn"]
    return str(there["AliasArn"])


# -- permissions, layers --------------------------------------------------------------------------------------------------

async def permit(r: Resource) -> str:
    sid = f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}"[-100:]
    await r.do("lambda", "AddPermission", StatementId=sid, **r.properties)
    r.attributes["Id"] = sid
    return sid


async def publish_layer(r: Resource) -> str:
    answer = await r.do("lambda", "PublishLayerVersion", **({"LayerName": r.logical} | r.properties))
    r.attributes["LayerVersionArn"] = answer["LayerVersionArn"]
    return answer["LayerVersionArn"]


async def unpublish_layer(r: Resource) -> None:
    layer, version = r.physical.rsplit(":", 1)
    await r.do("lambda", "DeleteLayerVersion", LayerName=layer, VersionNumber=version)


async def permit_layer(r: Resource) -> str:
    layer, version = r.properties["LayerVersionArn"].rsplit(":", 1)
    sid = r.call.uuid()
    await r.do("lambda", "AddLayerVersionPermission", LayerName=layer, VersionNumber=version, StatementId=sid, Action=r.properties["Action"],
               Principal=r.properties["Principal"], OrganizationId=r.get("OrganizationId"))
    return f"{r.properties['LayerVersionArn']}#{sid}"


async def forbid_layer(r: Resource) -> None:
    arn, sid = r.physical.split("#")
    layer, version = arn.rsplit(":", 1)
    await r.do("lambda", "RemoveLayerVersionPermission", LayerName=layer, VersionNumber=version, StatementId=sid)


async def put_invoke_config(r: Resource) -> str:
    await r.do("lambda", "PutFunctionEventInvokeConfig", **r.properties)
    return r.physical or f"{r.stack_name}-{r.logical}-{r.call.pick(LETTERS, 12)}"


MAPPING_FIXED = ("EventSourceArn", "StartingPosition", "StartingPositionTimestamp", "SelfManagedEventSource", "Queues", "Topics", "Tags", "AmazonManagedKafkaEventSourceConfig",
                 "SelfManagedKafkaEventSourceConfig")
MAPPING = {"EventSourceMappingArn": "EventSourceMappingArn", "Id": "UUID"}

async def live(r: Resource) -> dict[str, Any]:
    there = await r.do("lambda", "GetFunctionConfiguration", FunctionName=r.physical)
    return {name: there[name] for name in ("Role", "Handler", "Description", "Timeout", "MemorySize", "Environment", "Runtime", "EphemeralStorage") if name in there}


async def delete(r: Resource) -> None:
    """With the interfaces that it alone used: its subnets and groups go next."""
    there = r.call.of("lambda")
    names = [name for version in vpc.versions(there, r.physical) for name in vpc.keys(version.config)]
    await r.do("lambda", "DeleteFunction", FunctionName=r.physical)
    with there.step():
        vpc.let_go_now(there, names)


TYPES = {
    "AWS::Lambda::Function": Type(
        name="FunctionName", limit=64, create=create, live=live, read=read, ready=ready,
        update=steps(update, retag("lambda", "TagResource", "UntagResource", Resource="{.Arn}")), delete=delete),
    "AWS::Lambda::CodeSigningConfig": Type(
        create=op("lambda", "CreateCodeSigningConfig", send=True, physical="CodeSigningConfig.CodeSigningConfigArn",
                  attributes={"CodeSigningConfigArn": "CodeSigningConfig.CodeSigningConfigArn", "CodeSigningConfigId": "CodeSigningConfig.CodeSigningConfigId"}),
        update=steps(op("lambda", "UpdateCodeSigningConfig", send=True, skip=("Tags",), CodeSigningConfigArn="{id}"),
                     retag("lambda", "TagResource", "UntagResource", Resource="{id}")),
        delete=op("lambda", "DeleteCodeSigningConfig", CodeSigningConfigArn="{id}")),
    "AWS::Lambda::Version": Type(create=publish, ready=published, delete=unpublish, attributes=("Version",)),
    "AWS::Lambda::Alias": Type(create=create_alias, update=update_alias, ready=deployments.came_to_an_end, delete=op("lambda", "DeleteAlias", FunctionName="{FunctionName}", Name="{Name}")),
    "AWS::Lambda::Permission": Type(create=permit, delete=op("lambda", "RemovePermission", FunctionName="{FunctionName}", StatementId="{id}")),
    "AWS::Lambda::ResourcePolicy": Type(create=put_policy, update=put_policy, delete=op("lambda", "DeleteResourcePolicy", ResourceArn="{id}")),
    "AWS::Lambda::LayerVersion": Type(create=publish_layer, delete=unpublish_layer),
    "AWS::Lambda::LayerVersionPermission": Type(create=permit_layer, delete=forbid_layer),
    "AWS::Lambda::EventSourceMapping": Type(
        create=op("lambda", "CreateEventSourceMapping", send=True, physical="UUID", attributes=MAPPING),
        update=steps(op("lambda", "UpdateEventSourceMapping", send=True, skip=MAPPING_FIXED, UUID="{id}", attributes=MAPPING),
                     retag("lambda", "TagResource", "UntagResource", Resource="{.EventSourceMappingArn}")),
        delete=op("lambda", "DeleteEventSourceMapping", UUID="{id}")),
    "AWS::Lambda::EventInvokeConfig": Type(
        create=put_invoke_config, update=put_invoke_config, delete=op("lambda", "DeleteFunctionEventInvokeConfig", FunctionName="{FunctionName}", Qualifier="{Qualifier}")),
    "AWS::Lambda::Url": Type(
        create=op("lambda", "CreateFunctionUrlConfig", send=True, rename={"TargetFunctionArn": "FunctionName"}, physical="FunctionArn",
                  attributes={"FunctionUrl": "FunctionUrl", "FunctionArn": "FunctionArn"}),
        update=op("lambda", "UpdateFunctionUrlConfig", send=True, rename={"TargetFunctionArn": "FunctionName"}),
        delete=op("lambda", "DeleteFunctionUrlConfig", FunctionName="{TargetFunctionArn}", Qualifier="{Qualifier}")),
}
