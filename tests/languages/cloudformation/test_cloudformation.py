"""The template language, case by case; the cases are the YAML files beside this one."""
from pathlib import Path

import pytest
import yaml

from cloche.languages.cloudformation import checking, conditions, difference, extensions, graph, parameters, reading, sam
from cloche.languages.cloudformation.errors import TemplateError, TransformError
from cloche.languages.cloudformation.functions import Scope, Unknown, evaluate, unknowns


def cases(name):
    return yaml.safe_load((Path(__file__).parent / f"{name}.yaml").read_text())


def scope(**more):
    return Scope(values={"Env": "prod", "Names": ["a", "b"], "AWS::Region": "us-east-1"}, conditions={"Yes": True, "No": False},
                 mappings={"M": {"prod": {"size": "big", "list": [1, 2]}}}, ref=lambda n: "q-url" if n == "Q" else Unknown(n),
                 attribute=lambda n, a: "q-arn" if n == "Q" else Unknown(n, a), imported=lambda n: f"imported {n}", dynamic=lambda kind, what: f"{kind} {what}", **more)


@pytest.mark.parametrize("case", cases("functions"), ids=lambda c: str(c["value"])[:60])
def test_a_function_gives_what_the_guide_says(case):
    if "raises" in case:
        with pytest.raises(TemplateError) as refused:
            evaluate(case["value"], scope())
        assert str(refused.value) == case["raises"]
    elif "waits" in case:
        [late] = unknowns(evaluate(case["value"], scope()))
        assert ".".join(filter(None, (late.resource, late.attribute))) == case["waits"]
    else:
        assert evaluate(case["value"], scope()) == case["gives"]


@pytest.mark.parametrize("case", cases("templates"), ids=lambda c: c["template"][:60])
def test_a_template_is_accepted_or_refused_with_the_right_sentence(case):
    def check():
        checking.structure(reading.read(case["template"]))

    if case["says"] is None:
        return check()
    with pytest.raises(TemplateError) as refused:
        check()
    assert str(refused.value) == case["says"]


@pytest.mark.parametrize("case", cases("parameters"), ids=lambda c: str(c["given"])[:60])
def test_a_parameter_means_what_its_type_says(case):
    def resolve():
        return parameters.resolve(case["declared"], case["given"], lookup={"/there": "from the store"}.get)

    if "raises" in case:
        with pytest.raises(TemplateError) as refused:
            resolve()
        assert str(refused.value) == case["raises"]
    else:
        assert {name: p.meant for name, p in resolve().items()} == case["means"]


def test_yaml_and_json_read_the_same():
    text = "A: !Sub 'x ${B}'\nC: !GetAtt D.E.F\nG: 2010-09-09\nH: [1, 1.5, true, !Ref I]\nJ: !Condition K\nL: !GetAZs ''\nP: 22:22\nQ: 012345678901"
    assert reading.read(text) == {
        "A": {"Fn::Sub": "x ${B}"}, "C": {"Fn::GetAtt": ["D", "E.F"]}, "G": "2010-09-09", "H": [1, 1.5, True, {"Ref": "I"}], "J": {"Condition": "K"},
        "L": {"Fn::GetAZs": ""}, "P": "22:22", "Q": "012345678901"}


def test_of_a_key_given_twice_the_last_one_counts():
    assert reading.read("a: 1\na: 2") == reading.read('{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b]", "? [a]\n: b", "!!python/object/apply:os.system ['x']", "\x00"])
def test_hostile_text_is_only_a_format_error(text):
    with pytest.raises(TemplateError):
        reading.read(text)


def test_a_hidden_parameter_is_never_shown_and_a_looked_up_one_shows_both_values():
    declared = {"A": {"Type": "String", "NoEcho": True}, "B": {"Type": "AWS::SSM::Parameter::Value<String>"}}
    values = parameters.resolve(declared, {"A": "secret", "B": "/n"}, lookup=lambda name: "v")
    assert values["A"].shown() == {"ParameterKey": "A", "ParameterValue": "****"}
    assert values["B"].shown() == {"ParameterKey": "B", "ParameterValue": "/n", "ResolvedValue": "v"}


def test_conditions_name_each_other_and_not_in_circles():
    declared = {"Prod": {"Fn::Equals": [{"Ref": "Env"}, "prod"]}, "Both": {"Fn::And": [{"Condition": "Prod"}, {"Fn::Not": [{"Condition": "Off"}]}]},
                "Off": {"Fn::Equals": ["a", "b"]}, "Any": {"Fn::Or": [{"Condition": "Off"}, {"Condition": "Prod"}]}}
    assert conditions.evaluate_all(declared, scope()) == {"Prod": True, "Both": True, "Off": False, "Any": True}
    with pytest.raises(TemplateError, match="Circular"):
        conditions.evaluate_all({"A": {"Fn::Not": [{"Condition": "B"}]}, "B": {"Fn::Not": [{"Condition": "A"}]}}, scope())


def test_a_rule_that_does_not_hold_tells_its_description():
    rules = {"OnlyBig": {"RuleCondition": {"Fn::Equals": [{"Ref": "Env"}, "prod"]},
                         "Assertions": [{"Assert": {"Fn::Contains": [["m5", "m6"], {"Ref": "Env"}]}, "AssertDescription": "too small"}]}}
    with pytest.raises(TemplateError, match="too small"):
        conditions.check_rules(rules, scope(), {})


def test_a_reference_on_the_branch_not_taken_needs_nothing():
    value = {"Fn::If": ["No", {"Ref": "X"}, {"Fn::Sub": "${Y.Arn}"}]}
    assert set(graph.references(value)) == {("X", ""), ("Y", "Arn")}
    assert set(graph.references(value, {"No": False})) == {("Y", "Arn")}


def test_a_resource_left_out_by_its_condition_must_not_be_referred_to():
    template = reading.read("Conditions: {Never: !Equals [a, b]}\nResources:\n  A: {Type: 'AWS::SQS::Queue', Condition: Never}\n"
                            "  B: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Ref A}}")
    checking.structure(template)
    with pytest.raises(TemplateError, match=r"Unresolved resource dependencies \[A\] in the Resources block"):
        checking.live(template, {"Never": False})


def test_for_each_unrolls_names_values_and_nested_loops():
    template = {"Resources": {"Fn::ForEach::Topics": ["X", {"Ref": "Names"}, {"T${X}": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "X"},
                "DisplayName": {"Fn::Sub": "${X}-${Env}"}}}}],
                "Fn::ForEach::Outer": ["Y", ["1", "2"], {"Fn::ForEach::Inner": ["Z", ["a.b"], {"Q${Y}&{Z}": {"Type": "AWS::SQS::Queue"}}]}]}}
    done = extensions.expand(template, scope())["Resources"]
    assert list(done) == ["Ta", "Tb", "Q1ab", "Q2ab"]
    assert done["Ta"]["Properties"] == {"TopicName": "a", "DisplayName": {"Fn::Sub": "a-${Env}"}}
    with pytest.raises(TransformError):
        extensions.expand({"Resources": {"Fn::ForEach::T": ["X", {"Ref": "R"}, {}]}}, scope())


def test_numbers_and_their_texts_are_the_same_property():
    assert difference.changed({"A": 30, "B": True, "C": [1]}, {"A": "30", "B": "true", "C": ["1"], "D": 1}) == ["D"]
    assert difference.needs_replacement({"A": {"B": 1}}, {"A": {"B": 2}}, ["A/B", "C"]) == ["A"]


def test_iam_resources_need_a_capability_and_named_ones_another():
    role = {"Type": "AWS::IAM::Role", "Properties": {}}
    assert checking.capabilities({"Resources": {"R": role}})[0] == ["CAPABILITY_IAM"]
    assert checking.capabilities({"Resources": {"R": {**role, "Properties": {"RoleName": "x"}}}})[0] == ["CAPABILITY_NAMED_IAM"]


def test_sam_is_expanded_by_the_translator_aws_uses():
    template = reading.read("""
Transform: AWS::Serverless-2016-10-31
Resources:
  Fn: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.12, Handler: a.b, CodeUri: s3://b/k, AutoPublishAlias: live, Policies: [AmazonS3ReadOnlyAccess],
       Events: {A: {Type: Api, Properties: {Path: /, Method: get}}}}}
""")
    def nothing(**asked):
        raise AssertionError("no application is asked for")

    done = sam.expand(template, {}, lambda: {"AmazonS3ReadOnlyAccess": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}, "us-east-1", nothing)
    checking.structure(done)
    assert {"Fn", "FnRole", "FnAliaslive", "FnAPermissionProd", "ServerlessRestApi", "ServerlessRestApiProdStage"} <= done["Resources"].keys()
    assert "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess" in done["Resources"]["FnRole"]["Properties"]["ManagedPolicyArns"]
    template["Resources"]["Bad"] = {"Type": "AWS::Serverless::Function", "Properties": {"Nonsense": 1}}
    with pytest.raises(TransformError) as refused:
        sam.expand(template, {}, dict, "us-east-1", nothing)
    assert str(refused.value) == (
        "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. Number of errors found: 1. "
        "Resource with id [Bad] is invalid. property Nonsense not defined for resource of type AWS::Serverless::Function")
