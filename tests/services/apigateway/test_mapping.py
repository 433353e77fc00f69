"""The mapping templates that everybody copies: the console's pass-through, forms to JSON, lists of objects."""
import json

PASS_THROUGH = """##  See http://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
##  This template will pass through all parameters
#set($allParams = $input.params())
{
"body-json" : $input.json('$'),
"params" : {
#foreach($type in $allParams.keySet())
    #set($params = $allParams.get($type))
"$type" : {
    #foreach($paramName in $params.keySet())
    "$paramName" : "$util.escapeJavaScript($params.get($paramName))"
        #if($foreach.hasNext),#end
    #end
}
    #if($foreach.hasNext),#end
#end
},
"stage-variables" : {
#foreach($key in $stageVariables.keySet())
"$key" : "$util.escapeJavaScript($stageVariables.get($key))"
    #if($foreach.hasNext),#end
#end
},
"context" : {
    "account-id" : "$context.identity.accountId",
    "api-id" : "$context.apiId",
    "api-key" : "$context.identity.apiKey",
    "authorizer-principal-id" : "$context.authorizer.principalId",
    "http-method" : "$context.httpMethod",
    "stage" : "$context.stage",
    "source-ip" : "$context.identity.sourceIp",
    "user-agent" : "$context.identity.userAgent",
    "request-id" : "$context.requestId",
    "resource-path" : "$context.resourcePath"
    }
}
"""

FORM = """## convert HTML POST data or HTTP GET query string to JSON
#if ($context.httpMethod == "POST")
 #set($rawAPIData = $input.path('$'))
#elseif ($context.httpMethod == "GET")
 #set($rawAPIData = $input.params().querystring)
 #set($rawAPIData = $rawAPIData.toString())
 #set($rawAPIDataLength = $rawAPIData.length() - 1)
 #set($rawAPIData = $rawAPIData.substring(1, $rawAPIDataLength))
 #set($rawAPIData = $rawAPIData.replace(", ", "&"))
#else
 #set($rawAPIData = "")
#end
## first we get the number of "&" in the string
#set($countAmpersands = $rawAPIData.length() - $rawAPIData.replace("&", "").length())
#if ($countAmpersands == 0)
 #set($rawPostData = $rawAPIData + "&")
#end
#set($tokenisedAmpersand = $rawAPIData.split("&"))
#set($tokenisedEquals = [])
#foreach( $kvPair in $tokenisedAmpersand )
 #set($countEquals = $kvPair.length() - $kvPair.replace("=", "").length())
 #if ($countEquals == 1)
  #set($kvTokenised = $kvPair.split("="))
  #if ($kvTokenised[0].length() > 0)
   ## we found a valid key value pair. add it to the list.
   #set($devNull = $tokenisedEquals.add($kvPair))
  #end
 #end
#end
{
#foreach( $kvPair in $tokenisedEquals )
  ## finally we output the JSON for this pair and append a comma if this isn't the last pair
  #set($kvTokenised = $kvPair.split("="))
 "$util.urlDecode($kvTokenised[0])" : #if($kvTokenised.size() > 1 && $kvTokenised[1].length() > 0)"$util.urlDecode($kvTokenised[1])"#{else}""#end#if( $foreach.hasNext ),#end
#end
}
"""

LIST = """#set($inputRoot = $input.path('$'))
{
  "choices": [
#foreach($elem in $inputRoot.choices)
    {
      "kind": "$elem.kind",
      "n": $foreach.index,
      "tags": $elem.tags,
      "has": #if($elem.suggestion && $elem.suggestion != "")true#{else}false#end
    }#if($foreach.hasNext),#end

#end
  ],
  "missing": "$input.path('$.none.at.all')",
  "json": $input.json('$.choices[0].tags'),
  "first": "$inputRoot.choices[0].kind",
  "count": $inputRoot.choices.size(),
  "found": #if($inputRoot.toString().contains("needle"))true#{else}false#end
}
"""


def echo(api, backend, template, path="/t", verb="POST", media="application/json"):
    api.method(path, verb, integration={"type": "HTTP", "integrationHttpMethod": "POST", "uri": backend, "requestTemplates": {media: template}},
               responses={"200": {"responseTemplates": {"application/json": "$input.path('$.body')"}}})


def test_the_pass_through_template_gives_everything(api, backend):
    echo(api, backend, PASS_THROUGH, "/t/{id}")
    api.deploy(variables={"color": "red", "size": "xl"})
    said = json.loads(api.call("/t/7?q=a&r=it%20%22x%22", "POST", body='{"a": [1, {"b": null}], "c": "é"}', headers={"User-Agent": "me"}).body)
    assert said["body-json"] == {"a": [1, {"b": None}], "c": "é"} and said["params"]["path"] == {"id": "7"}
    assert said["params"]["querystring"] == {"q": "a", "r": 'it "x"'} and said["params"]["header"]["User-Agent"] == "me"
    assert said["stage-variables"] == {"color": "red", "size": "xl"}
    context = said["context"]
    assert (context["http-method"], context["stage"], context["source-ip"], context["resource-path"], context["api-key"]) == ("POST", "dev", "127.0.0.1", "/t/{id}", "")


def test_a_form_becomes_json(api, backend):
    media = "application/x-www-form-urlencoded"
    echo(api, backend, FORM, media=media)
    api.deploy()
    assert json.loads(api.call("/t", "POST", body="a=1&b=two+words&c=&d=x%3Dy&=z&e", headers={"Content-Type": media}).body) == {"a": "1", "b": "two words", "c": "", "d": "x=y"}
    assert json.loads(api.call("/t", "POST", body="only=one", headers={"Content-Type": media}).body) == {"only": "one"}


def test_a_list_of_objects_is_rewritten(api, backend):
    echo(api, backend, LIST)
    api.deploy()
    body = {"choices": [{"kind": "a", "tags": ["x", "y"], "suggestion": "s"}, {"kind": "b", "tags": [], "suggestion": ""}, {"kind": "c", "tags": [{"k": 1}]}], "hay": "needle"}
    assert json.loads(api.call("/t", "POST", body=json.dumps(body)).body) == {
        "choices": [{"kind": "a", "n": 0, "tags": ["x", "y"], "has": True}, {"kind": "b", "n": 1, "tags": [], "has": False}, {"kind": "c", "n": 2, "tags": [{"k": 1}], "has": False}],
        "missing": "", "json": ["x", "y"], "first": "a", "count": 3, "found": True}


def test_another_accounts_caller_needs_both_sides(cloud):
    from .conftest import Api, call
    from .test_auth import signed

    other = cloud.other()
    allow = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{other.account}:root"}, "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    for policy, status in ((None, 403), (json.dumps({"Version": "2012-10-17", "Statement": [allow]}), 200)):
        api = Api(cloud, **({"policy": policy} if policy else {}))
        api.mock("/a", auth="AWS_IAM")
        api.deploy()
        headers = signed(other, f"https://{api.id}.execute-api.us-east-1.amazonaws.com/dev/a")
        assert call(cloud, api.id, "/dev/a", headers=headers).status == status
