"""Functions: made, described, listed, changed, deleted."""
from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Need

from . import code_signing, configuration, errors, errors_durable, errors_images, images, layers, names, packages, replicas, tracing, trust, vpc
from . import service as lambda_
from .names import LATEST
from .paging import page
from .pool import pools
from .records import Alias, Function, Version, account, find, grow, latest, version_of
from .running import active

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t

CODE_URL_SECONDS = 600


def creating(call: Call, req: t.CreateFunctionRequest) -> list[Need]:
    context = {f"aws:RequestTag/{k}": v for k, v in req.get("Tags", {}).items()}
    if req.get("Layers"):
        context["lambda:Layer"] = req["Layers"]
    if req.get("CodeSigningConfigArn"):
        context["lambda:CodeSigningConfigArn"] = req["CodeSigningConfigArn"]
    context |= vpc.needs(call, req.get("VpcConfig"))
    return [Need("lambda:CreateFunction", names.function(call, req), context), Need("iam:PassRole", req["Role"], {"iam:PassedToService": "lambda.amazonaws.com"})]


def reconfiguring(call: Call, req: t.UpdateFunctionConfigurationRequest) -> list[Need]:
    context = ({"lambda:Layer": req["Layers"]} if req.get("Layers") else {}) | vpc.needs(call, req.get("VpcConfig"))
    needs = [Need("lambda:UpdateFunctionConfiguration", names.function(call, req), context)]
    if req.get("Role"):
        needs.append(Need("iam:PassRole", req["Role"], {"iam:PassedToService": "lambda.amazonaws.com"}))
    return needs


@lambda_.op(needs=creating, partly="SnapStart of Python without VPCs, extensions and threads left by init; what is left out is refused")
async def create_function(call: Call, req: t.CreateFunctionRequest) -> Any:
    name = names.parse(call, req["FunctionName"]).name
    if call.get(Function, name):
        raise errors.function_exists(name)
    config = configuration.created(call, req)
    configuration.check_role(call, req["Role"])
    configuration.check_dead_letters(call, config)
    vpc.check_role(call, config)
    tracing.check_role(call, config)
    if len(req.get("Tags", {})) > 50:
        raise errors.too_many_tags()
    package, shas, image = packages.NOTHING, [], {}
    if config["PackageType"] == "Image":
        image = images.take(call, name, req["Code"]["ImageUri"])
    else:
        package = await packages.take(call, req["Code"])
        code_signing.check(call, name, req.get("CodeSigningConfigArn", ""))
        config, shas = layers.apply(call, config, req.get("Layers", []), package)
    with call.step():
        if call.get(Function, name):
            raise errors.function_exists(name)
        if not image:
            packages.hold(call, package)
            packages.hold_again(call, *shas)
        grow(call, package.size, functions=1)
        config["CodeSize"] = package.size
        function = call.put(Function(name, tags=req.get("Tags", {})))
        if req.get("CodeSigningConfigArn"):
            function = code_signing.bind(call, function, req["CodeSigningConfigArn"])
        version = call.put(Version(name, LATEST, config, images.sha(image) if image else package.sha, shas, call.uuid(), configuration.moment(call.now), image=image))
        call.wake(activate, name)
        if req.get("Publish"):
            from .versions import publish
            function, version = publish(call, function, version, "")
        return configuration.describe(call, function, version, version.version if req.get("Publish") else None)


@lambda_.worker
async def activate(call: Call, key: str) -> None:
    """A function is active when what runs it is there: its interpreter stands ready in a prepared root."""
    version = call.get(Version, f"{key}:{LATEST}")
    if version is None or (version.state == "Active" and version.update != "InProgress"):
        return
    code = ""
    try:
        if vpc.attached(version.config):
            with call.step():
                vpc.hold(call, version)
            await vpc.ready(call, version)
        if version.image:
            await images.ready(call, version)
        await asyncio.gather(pools(call.cloud).engine.prepare(version.config.get("Runtime", "")), trust.made(call.cloud))
    except AwsError as refused:
        state, reason, code = "Failed", refused.message, vpc.REASONS.get(refused.code, images.reason(refused) if version.image else "InternalError")
    except Exception as error:  # whatever is wrong with the machine, the function is where its owner looks for the reason
        state, reason = "Failed", f"Cloche could not prepare {version.config.get('Runtime', 'the image')}: {error}"
    else:
        state, reason = "Active", ""
    with call.step():
        call.signal(active(call, key))
        function = call.get(Function, key)
        for name in (LATEST, *(function.versions if function else ())):
            version = call.get(Version, f"{key}:{name}")
            if version and not version.snapstart and (version.state == "Pending" or version.update == "InProgress"):
                if state == "Active":
                    vpc.hold(call, version)
                call.put(version.but(state=state, code=code, reason=reason, update="Successful" if state == "Active" else "Failed"))


@lambda_.op(names.qualified)
def get_function(call: Call, req: t.GetFunctionRequest) -> t.GetFunctionResponse:
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    function, version = find(call, name), version_of(call, name)
    there = call.at(name.account, name.region)
    answer: Any = {"Configuration": configuration.describe(there, function, version, name.qualifier), "Code": {"RepositoryType": "S3", "Location": location(call, version.sha)}}
    if version.image:
        answer["Code"] = {"RepositoryType": "ECR", "ImageUri": version.image["uri"], "ResolvedImageUri": version.image["resolved"]}
    if function.tags:
        answer["Tags"] = function.tags
    if function.reserved is not None:
        answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
    return answer  # type: ignore[no-any-return]


def location(call: Call, sha: str) -> str:
    """A link to the zip, good for ten minutes, as AWS gives one to its own bucket."""
    expires = int(call.now) + CODE_URL_SECONDS
    return f"http://{call.host}/_lambda/code/{call.account}/{sha}/{expires}/{signature(call, sha, expires)}"


def signature(call: Call, sha: str, expires: int) -> str:
    store = call.cloud.store
    secret = store.meta("lambda.code", "")
    if not secret:
        with call.step():
            store.set_meta("lambda.code", secret := call.secret(32))
    return hmac.new(secret.encode(), f"{sha}/{expires}".encode(), hashlib.sha256).hexdigest()


@lambda_.op(names.qualified)
def get_function_configuration(call: Call, req: t.GetFunctionConfigurationRequest) -> Any:
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    return configuration.describe(call.at(name.account, name.region), find(call, name), version_of(call, name), name.qualifier)


@lambda_.op(ANY)
def list_functions(call: Call, req: t.ListFunctionsRequest) -> t.ListFunctionsResponse:
    functions = sorted(call.all(Function), key=lambda f: f.name)
    chosen, marker = page(functions, req, key=lambda f: f.name)
    out = []
    for function in chosen:
        for name in [LATEST, *(function.versions if req.get("FunctionVersion") == "ALL" else ())]:
            version = call.get(Version, f"{function.name}:{name}")
            if version:
                out.append(configuration.summary(configuration.describe(call, function, version, name if req.get("FunctionVersion") == "ALL" else None)))
    return {"Functions": out, **marker}


def changeable(call: Call, req: Any) -> tuple[Function, Version]:
    function = find(call, names.parse(call, req["FunctionName"]))
    version = latest(call, function)
    if version.state == "Pending":
        raise errors.in_state("Pending")
    if version.update == "InProgress":
        raise errors.being_updated(names.arn(call, function.name))
    if req.get("RevisionId") and req["RevisionId"] != version.revision:
        raise errors.wrong_revision()
    return function, version


@lambda_.op(names.function)
async def update_function_code(call: Call, req: t.UpdateFunctionCodeRequest) -> Any:
    function, version = changeable(call, req)
    if version.image:
        return update_image(call, req, function)
    if req.get("ImageUri"):
        raise errors.image_for_zip()
    package = await packages.take(call, req)
    if not req.get("DryRun"):
        code_signing.check(call, function.name, function.signing)
    layers.check_size(call, package, version.layers)
    with call.step():
        function, version = changeable(call, req)
        config = version.config | {"CodeSize": package.size, "Architectures": req.get("Architectures", version.config["Architectures"])}
        new = version.but(config=config, sha=package.sha, revision=call.uuid(), modified=configuration.moment(call.now), update="InProgress")
        if req.get("DryRun"):
            return configuration.describe(call, function, new.but(update="Successful"))
        packages.hold(call, package)
        grow(call, package.size - version.config["CodeSize"])
        packages.release(call, version.sha)
        return changed(call, function, new, req.get("Publish", False))


def update_image(call: Call, req: Any, function: Function) -> Any:
    if any(name in req for name in configuration.SOURCES):
        raise errors_images.zip_for_image("updating")
    if not req.get("ImageUri"):
        raise errors_images.image_needed("updating")
    image = images.take(call, function.name, req["ImageUri"])
    with call.step():
        function, version = changeable(call, req)
        config = version.config | {"Architectures": req.get("Architectures", version.config["Architectures"])}
        new = version.but(config=config, sha=images.sha(image), image=image, revision=call.uuid(), modified=configuration.moment(call.now), update="InProgress")
        if req.get("DryRun"):
            return configuration.describe(call, function, new.but(update="Successful"))
        return changed(call, function, new, req.get("Publish", False))


@lambda_.op(needs=reconfiguring)
def update_function_configuration(call: Call, req: t.UpdateFunctionConfigurationRequest) -> Any:
    function, version = changeable(call, req)
    if req.get("DurableConfig") and "DurableConfig" not in version.config:
        raise errors_durable.only_at_creation()
    config = configuration.changed(call, version.config, req)
    if req.get("Role"):
        configuration.check_role(call, req["Role"])
    if "DeadLetterConfig" in req:
        configuration.check_dead_letters(call, config)
    if "Role" in req or "VpcConfig" in req:
        vpc.check_role(call, config)
    if "Role" in req or "TracingConfig" in req:
        tracing.check_role(call, config)
    vpc.release(call, version, config)
    shas = version.layers
    if "Layers" in req:
        if set(req["Layers"]) - {one["Arn"] for one in version.config.get("Layers", ())}:
            code_signing.check(call, function.name, function.signing)
        config, shas = layers.apply(call, config, req["Layers"], packages.describe(call, version.sha))
        packages.hold_again(call, *shas)
        for sha in version.layers:
            packages.release(call, sha)
    return changed(call, function, version.but(config=config, layers=shas, revision=call.uuid(), modified=configuration.moment(call.now), update="InProgress"), False)


def changed(call: Call, function: Function, version: Version, publish_it: bool) -> Any:
    call.put(version)
    call.wake(activate, function.name)
    call.cloud.store.then(pools(call.cloud).forget, call.account, call.region, function.name, LATEST)
    if publish_it:
        from .versions import publish
        function, published = publish(call, function, version, "")
        return configuration.describe(call, function, published, published.version)
    return configuration.describe(call, function, version)


@lambda_.op(names.qualified)
def delete_function(call: Call, req: t.DeleteFunctionRequest) -> Any:
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    function = find(call, name)
    if name.qualifier:
        from .versions import delete_version
        return delete_version(call, function, name.qualifier)
    from .concurrency import unprovisioned
    from .urls import forget_urls
    replicas.let_go(call, names.arn(call, function.name), list(function.versions))
    for number in (LATEST, *function.versions):
        drop(call, function, number)
    for alias in function.aliases:
        call.delete(Alias(function.name, alias, ""))
    forget_urls(call, function)
    for qualifier in list(function.provisioned):
        function = unprovisioned(call, function, qualifier)
    if function.signing:
        function = code_signing.bind(call, function, "")
    usage = account(call)
    call.put(usage.but(functions=usage.functions - 1, reserved=usage.reserved - (function.reserved or 0)))
    call.delete(function)
    call.cloud.store.then(pools(call.cloud).forget, call.account, call.region, function.name)
    return {"StatusCode": 204}


def drop(call: Call, function: Function, number: str) -> None:
    version = call.get(Version, f"{function.name}:{number}")
    if version:
        vpc.release(call, version)
        if not version.image:
            for sha in (version.sha, *version.layers):
                packages.release(call, sha)
        usage = account(call)
        call.put(usage.but(code_size=usage.code_size - version.config["CodeSize"]))
        call.delete(version)


async def code(call: Call, match: dict[str, str]) -> Any:
    """The zip behind a code location."""
    from cloche.kernel import Response
    from cloche.wire.http import FileBody
    sha, expires = match["sha"], match["expires"]
    path = packages.zip_path(call.cloud, sha)
    if not expires.isdigit() or int(expires) < call.now or not hmac.compare_digest(signature(call, sha, int(expires)), match["signature"]):
        return Response(403, [("content-type", "application/xml")], b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
    size = await asyncio.to_thread(lambda: path.stat().st_size if path.exists() else -1)
    if size < 0:
        return Response(404, [("content-type", "application/xml")], b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
    return Response(200, [("content-type", "application/zip")], FileBody(str(path), 0, size))
