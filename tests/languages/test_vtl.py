"""Velocity, case by case: source, names, what comes out."""
import pytest

from cloche.languages import vtl

NAMES = {
    "s": "hello", "n": 7, "f": 2.5, "yes": True, "no": False, "empty": "",
    "list": ["a", "b", "c"], "map": {"a": 1, "b": "two", "inner": {"x": [10, 20]}},
}

CASES = [
    # references
    ("$s world", "hello world"), ("${s}world", "helloworld"), ("$!s", "hello"), ("$!{s}!", "hello!"), ("$none|", "|"), ("$!none|", "|"),
    ("cost $5.00", "cost $5.00"), ("a$", "a$"), ("$s.", "hello."), ("$s.length()", "5"), ("$map.a/$map.b", "1/two"), ("$map.inner.x[1]", "20"),
    ("$list[0]$list[-1]$list.get(1)", "acb"), ("$map['b']", "two"), ('$map["b"]', "two"), ("$map.get('b')", "two"), ("${map.b}s", "twos"),
    ("$map.none.deeper|", "|"), ("$s.noSuchMethod()|", "|"), ("$list.get(9)|", "|"), ("$list[9]|", "|"), ("mail@$s,com", "mail@hello,com"),
    (r"\$s", "$s"), (r"\\$s", "\\hello"), (r"a\b", "a\\b"), ("#[[ $s #if ]]#", " $s #if "), ("${s", "${s"), ("$s[a", "hello[a"),
    # comments
    ("a## comment\nb", "ab"), ("a#* x\n y *#b", "ab"), ("a#** doc *#b", "ab"),
    # set, arithmetic, logic
    ("#set($x = 1)$x", "1"), ("#set($x = 'a')\n$x", "a"), ("  #set($x = 1)\n$x", "1"), ("#set( $x = $n + 3 )$x", "10"), ("#set($x = 7 / 2)$x", "3"),
    ("#set($x = -7 / 2)$x", "-3"), ("#set($x = -7 % 3)$x", "-1"), ("#set($x = 7 / 2.0)$x", "3.5"), ("#set($x = 2 + 3 * 4)$x", "14"),
    ("#set($x = (2 + 3) * 4)$x", "20"), ("#set($x = 1 / 0)$x|", "|"), ("#set($x = 'a' + 1)$x", "a1"), ("#set($x = \"v $s ${n}\")$x", "v hello 7"),
    ("#set($x = 'v $s')$x", "v $s"), ('#set($x = "say ""hi""")$x', 'say "hi"'), ("#set($x = 'it''s')$x", "it's"), ("#set($x = 3)#set($x = $none)$x", "3"),
    ("#set($x = 10000000.0 * 10)$x", "1.0E8"), ("#set($x = 1.0)$x", "1.0"), ("#set($x = $n - 1)$x", "6"), ("#set($x = $n -1)$x", "6"),
    ("#set($map.new = 5)$map.new", "5"), ("#set($map['k k'] = 6)$map.get('k k')", "6"), ("#set($list[1] = 'z')$list", "[a, z, c]"),
    ("#set($l = [1, 'two', $s, [3]])$l", "[1, two, hello, [3]]"), ("#set($m = {'a': 1, \"b\": $s})$m", "{a=1, b=hello}"), ("#set($m = {})$m.isEmpty()", "true"),
    ("#set($x = [1..3])$x", "[1, 2, 3]"), ("#set($x = [3..1])$x", "[3, 2, 1]"), ("#set($x = ! $yes)$x", "false"), ("#set($x = $yes && $no)$x", "false"),
    # conditions
    ("#if($yes)a#{else}b#end", "a"), ("#if($no)a#elseif($n == 7)b#{else}c#end", "b"), ("#if($none)a#{else}b#end", "b"), ("#if($empty)a#{else}b#end", "a"),
    ("#if($s == 'hello')a#end", "a"), ("#if($n == '7')a#end", "a"), ("#if($n == 7.0)a#end", "a"), ("#if($n != 7)a#end", ""), ("#if($n > 6 && $n <= 7)a#end", "a"),
    ("#if($n lt 8 and not $no or $none)a#end", "a"), ("#if($none == $null)a#end", "a"), ("#if($s != $null)a#end", "a"), ("#if(!$none)a#end", "a"),
    ("#if( $list.contains('b') )a#end", "a"), ("#if($yes)\n  a\n#else\n  b\n#end\nc", "  a\nc"), ("#if ($yes) a #end", " a "), ("#if($n)#if($no)x#{else}y#end#end", "y"),
    ("#if($s.matches('h.*o'))a#end", "a"), ("#if($s.equals('hello'))a#end", "a"), ("#if('a' < 'b')x#{else}y#end", "y"),
    # foreach
    ("#foreach($x in $list)$x#if($foreach.hasNext),#end#end", "a,b,c"), ("#foreach($x in $list)$foreach.index:$foreach.count #end", "0:1 1:2 2:3 "),
    ("#foreach($x in $list)$velocityCount$x#end", "1a2b3c"), ("#foreach($k in $map.keySet())$k;#end", "a;b;inner;"), ("#foreach($x in [1..3])$x#end", "123"),
    ("#foreach($e in $map.entrySet())$e.key=$e.value;#end", "a=1;b=two;inner={x=[10, 20]};"), ("#foreach($v in {'a': 1, 'b': 2})$v#end", "12"),
    ("#foreach($x in $list)#if($x == 'b')#break#end$x#end", "a"), ("#foreach($x in [])a#{else}none#end", "none"), ("#foreach($x in $none)a#end", ""),
    ("#foreach($x in [1,2])#foreach($y in [1,2])$foreach.parent.index$y #end#end", "01 02 11 12 "), ("#foreach($x in $list)$x#end$x|", "abc|"),
    ("#foreach($x in $list)#if($foreach.first)<#end$x#if($foreach.last)>#end#end", "<abc>"),
    # define, macro, stop
    ("#define($d)<$s>#end$d", "<hello>"), ("#define($d)$v#end#set($v = 1)$d#set($v = 2)$d", "12"),
    ("#macro(m $a $b)[$a-$b]#end#m(1 'x')#m($s, 2)", "[1-x][hello-2]"), ("#macro(w)<$bodyContent>#end#@w()in#end", "<in>"), ("#nomacro(1)", "#nomacro(1)"),
    ("a#stop b", "a"), ("#hash tag #1", "#hash tag #1"), ("color: #fff;", "color: #fff;"), ("#macro(f $a)#if($a > 0)$a#set($c = $a - 1)#f($c)#end#end#f(3)", "321"),
    # Java's methods
    ("$s.toUpperCase()", "HELLO"), ("$s.substring(1,3)", "el"), ("$s.substring(3)", "lo"), ("$s.substring(9)|", "|"), ("$s.replace('l','L')", "heLLo"),
    ("$s.replaceAll('(l+)','<$1>')", "he<ll>o"), ("$s.indexOf('l')$s.lastIndexOf('l')", "23"), ("$s.split('l')", "[he, , o]"), ("$s.split('l').size()", "3"),
    ("$s.charAt(0)", "h"), ("$s.concat('!')", "hello!"), ("$s.contains('ell')", "true"), ("$s.startsWith('he')$s.endsWith('x')", "truefalse"), ("$s.hashCode()", "99162322"),
    ("#set($t = ' x ')$t.trim()|", "x|"), ("$list.size()$list.isEmpty()", "3false"), ("#set($d = $list.add('d'))$list.size()", "4"), ("$list.subList(0,2)", "[a, b]"),
    ("$map.containsKey('a')$map.containsKey('z')", "truefalse"), ("$map.size()", "3"), ("#set($d = $map.put('z', 26))$map.z", "26"), ("$map.values().size()", "3"),
    ("$map.getOrDefault('q', 'd')", "d"), ("#set($d = $map.remove('a'))$map.containsKey('a')", "false"), ("$n.toString().length()", "1"), ("$s.equalsIgnoreCase('HELLO')", "true"),
    ("$list.empty", "false"), ("$f.intValue()", "2"), ("$s.split(',')[0]", "hello"), ("$n.equals(7)", "true"), ("#set($x=\"1\")#set($y=$x.toString())$y", "1"),
    ("#set($i = 0)$i.parseInt('12')", "12"), ("$list.toString()", "[a, b, c]"),
    # the whole line of a directive disappears
    ("{\n#set($x = 1)\n#foreach($i in [1..2])\n  $i#if($foreach.hasNext),#end\n\n#end\n}", "{\n  1,\n  2\n}"),
]


@pytest.mark.parametrize(("source", "expected"), CASES, ids=[c[0][:60] for c in CASES])
def test_a_template_renders(source, expected):
    import copy

    assert vtl.Template(source).render(copy.deepcopy(NAMES)) == expected


LITERAL = [("$none", "$none"), ("$!none|", "|"), ("${none}", "${none}"), ("$map.none.x", "$map.none.x"), ("$s.foo()", "$s.foo()")]


@pytest.mark.parametrize(("source", "expected"), LITERAL)
def test_velocity_itself_prints_the_source_of_an_unknown_reference(source, expected):
    assert vtl.Template(source).render(dict(NAMES), literal=True) == expected


BROKEN = ["#if($a)", "#set($a 1)", "#set($a = )", "#foreach($x on $y)#end", "#end", "#if()a#end", "#* open", "#set(a = 1)", "#macro()#end", "#if($a == )x#end"]


@pytest.mark.parametrize("source", BROKEN)
def test_a_broken_template_is_refused(source):
    with pytest.raises(vtl.VtlError):
        vtl.Template(source)


HOSTILE = [
    "#foreach($a in [1..900])#foreach($b in [1..900])x#end#end", "#set($s='x')#foreach($i in [1..900])#set($s = $s + $s)#end",
    "#macro(m)#m()#end#m()", "#set($l = [1])#foreach($i in [1..900])#set($d = $l.addAll($l))#end", "#define($d)$d#end$d", "#set($x = [1..99999999])",
    "#set($l = [])#set($d = $l.add($l))$l", "#set($x = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')$x.matches('(a*)*(a*)*b')",
    "#set($x = " + "(" * 500 + "1" + ")" * 500 + ")", "#if(true)" * 500 + "#end" * 500, "#foreach($i in [1..1001])#end",
]


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_template_ends_soon_and_with_an_error_of_its_own(source):
    try:
        vtl.Template(source).render({})
    except vtl.VtlError:
        pass


def test_json_arrays_print_as_json_and_maps_as_java_prints_them():
    names = {"body": vtl.from_json({"a": [1, "x", {"b": None}], "m": {"k": "v", "l": ["y"]}, "t": True})}
    assert vtl.Template("$body.a $body.m $body.t").render(names) == '[1,"x",{"b":null}] {k=v, l=["y"]} true'


def test_what_a_template_sets_is_seen_by_its_caller():
    names = {"context": {"responseOverride": {"header": {}}}}
    vtl.Template("#set($context.responseOverride.status = 404)#set($context.responseOverride.header.X-A = 'b')").render(names)
    assert names["context"]["responseOverride"] == {"status": 404, "header": {"X-A": "b"}}
