"""The template language as a client meets it, in the templates of a MOCK and before a backend."""
import json

import pytest

from .test_mapping import echo


@pytest.mark.parametrize("template, said", [
    ("#define($x)hello $who#end#set($who = 'you')$x", "hello you"),
    ("#macro(twice $a)$a$a#end#twice('ab')", "abab"),
    ("#foreach($i in [1..3])$i:$foreach.index:$foreach.count#if($foreach.hasNext),#end#end", "1:0:1,2:1:2,3:2:3"),
    ("#set($m = {'a': 1, 'b': 2})$m.size()|$m.keySet()|$m.get('b')|$m.containsKey('c')|#foreach($e in $m.entrySet())$e.key=$e.value;#end", "2|[a, b]|2|false|a=1;b=2;"),
    ("#set($l = ['x', 'y'])$l.size()|$l.get(1)|$l.contains('y')|$l.isEmpty()|$l[0]", "2|y|true|false|x"),
    ("#set($s = 'a-b-c')$s.replaceAll('-', '+')|$s.toUpperCase()|$s.split('-').size()|$s.substring(2)|$s.length()|$s.contains('b')|$s.indexOf('c')|$s.startsWith('a')", "a+b+c|A-B-C|3|b-c|5|true|4|true"),
    ("#if(1 == 2)one#elseif(2 > 1 && !false)two#else three#end", "two"),
    ("#set($n = 7)#set($r = $n % 4 + 2 * 3)$r", "9"),
    ("$util.escapeJavaScript('say \"hi\"')|$util.urlEncode('a b/c')|$util.urlDecode('a%20b')|$util.base64Encode('hi')|$util.base64Decode('aGk=')|$util.parseJson('{\"a\": [1, 2]}').a[1]", 'say \\"hi\\"|a+b%2Fc|a b|aGk=|hi|2'),
    ("$context.httpMethod $context.stage $context.resourcePath $context.identity.sourceIp", "GET dev /t 127.0.0.1"),
    ("$stageVariables.color$stageVariables.get('color')", "redred"),
    ("$input.params('q')|$input.params().querystring.q|$input.params().get('header').get('X-H')|$input.params('none')|", "1|1|h||"),
    ("## a comment\n#* and\nanother *#x$!nothing y", "x y"),
])
def test_the_language_says(api, template, said):
    api.mock("/t", template=template)
    api.deploy(variables={"color": "red"})
    got = api.call("/t?q=1", headers={"X-H": "h"})
    assert (got.status, got.body.decode().strip()) == (200, said)


def test_the_answer_of_a_mock_does_not_see_the_requests_body(api):
    api.mock("/m/{id}", "POST", template="[$!input.body][$input.params('id')][$input.params('q')][$context.httpMethod]")
    api.deploy()
    assert api.call("/m/7?q=1", "POST", body='{"statusCode": 200, "secret": 1}').body == b"[][7][1][POST]"


def test_a_request_is_overridden_before_it_reaches_its_backend(api, backend):
    template = "#set($context.requestOverride.header.X-Made = 'yes')#set($context.requestOverride.querystring.page = '2')#set($context.requestOverride.path.id = 'nine')$input.json('$')"
    api.method("/o/{id}", "POST", integration={"type": "HTTP", "integrationHttpMethod": "POST", "uri": backend + "/x/{id}", "requestTemplates": {"application/json": template},
               "requestParameters": {"integration.request.path.id": "method.request.path.id"}}, requestParameters={"method.request.path.id": True})
    api.deploy()
    said = api.call("/o/7", "POST", body='{"a": 1}').json
    assert (said["path"], said["body"], said["headers"]["X-Made"]) == ("/x/nine?page=2", '{"a":1}', "yes")


def test_a_template_for_any_content_type_is_named_default(api, backend):
    echo(api, backend, "default: $input.body", media="$default")
    api.deploy()
    for media in ("text/plain", "application/xml"):
        assert api.call("/t", "POST", body="<a/>", headers={"Content-Type": media}).body == b"default: <a/>"


def test_a_broken_template_is_a_500(api):
    api.mock("/b", template="#if($x)no end")
    api.deploy()
    got = api.call("/b")
    assert (got.status, json.loads(got.body)) == (500, {"message": "Internal server error"})
