"""What each kind of state does with what it is given."""
import json

import pytest

SUCCEED = {"Type": "Succeed"}


def end(**state):
    return {"S": {**state, "End": True}}


# -- paths ----------------------------------------------------------------------------------------------------------------


def test_paths_choose_what_goes_in_and_what_comes_out(states):
    given = {"a": {"b": 1}, "c": 2}
    assert states.output(end(Type="Pass", InputPath="$.a"), given) == {"b": 1}
    assert states.output(end(Type="Pass", InputPath=None), given) == {}
    assert states.output(end(Type="Pass", OutputPath="$.c"), given) == 2
    assert states.output(end(Type="Pass", Result=5, ResultPath=None), given) == given
    assert states.output(end(Type="Pass", Result=5, ResultPath="$.x.y"), given) == {**given, "x": {"y": 5}}
    assert states.output(end(Type="Pass", Parameters={"n.$": "$.c", "e.$": "$$.State.Name", "k": [{"v.$": "$.a.b"}]}), given) == {"n": 2, "e": "S", "k": [{"v": 1}]}


def test_a_path_that_leads_nowhere_fails_the_state(states):
    assert states.error(end(Type="Pass", InputPath="$.none")) == "States.Runtime"
    assert states.error(end(Type="Pass", Parameters={"x.$": "$.none"})) == "States.ParameterPathFailure"
    assert states.error(end(Type="Pass", Result=1, ResultPath="$.a[0]"), {"a": 1}) == "States.ResultPathMatchFailure"


def test_the_context_names_execution_state_and_machine(states):
    machine = states.machine(end(Type="Pass", Parameters={"c.$": "$$"}))
    arn = states.start(machine, {"x": 1})
    context = json.loads(states.end(arn)["output"])["c"]
    assert context["Execution"]["Id"] == arn and context["Execution"]["Input"] == {"x": 1} and context["Execution"]["RoleArn"] == states.role
    assert context["StateMachine"] == {"Id": machine, "Name": machine.rsplit(":", 1)[1]} and context["State"]["RetryCount"] == 0 and context["State"]["EnteredTime"].endswith("Z")


@pytest.mark.parametrize("call, value", [
    ("States.Format('{} is {}', $.name, States.MathAdd($.n, 1))", "x is 4"), ("States.StringToJson('{\"a\": [1]}')", {"a": [1]}), ("States.JsonToString($.l)", "[1,2,2]"),
    ("States.Array(1, $.name, null)", [1, "x", None]), ("States.ArrayPartition($.l, 2)", [[1, 2], [2]]), ("States.ArrayContains($.l, 2)", True), ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
    ("States.ArrayGetItem($.l, 1)", 2), ("States.ArrayLength($.l)", 3), ("States.ArrayUnique($.l)", [1, 2]), ("States.Base64Encode($.name)", "eA=="), ("States.Base64Decode('eA==')", "x"),
    ("States.Hash('x', 'SHA-1')", "11f6ad8ec52a2984abaafd7c3b516503785c2072"), ("States.JsonMerge($.o, $.p, false)", {"a": 1, "b": 3}), ("States.StringSplit('a,b;c', ',;')", ["a", "b", "c"]),
])
def test_intrinsic_functions_reckon(states, call, value):
    given = {"name": "x", "n": 3, "l": [1, 2, 2], "o": {"a": 1, "b": 2}, "p": {"b": 3}}
    assert states.output(end(Type="Pass", Parameters={"v.$": call}), given) == {"v": value}


def test_intrinsic_functions_that_are_given_the_wrong_thing_fail(states):
    assert states.error(end(Type="Pass", Parameters={"v.$": "States.ArrayGetItem($.l, 9)"}), {"l": [1]}) == "States.IntrinsicFailure"
    found = states.output(end(Type="Pass", Parameters={"u.$": "States.UUID()", "r.$": "States.MathRandom(1, 10)"}))
    assert len(found["u"]) == 36 and 1 <= found["r"] < 10


def test_variables_are_assigned_and_read(states):
    assert states.output({"A": {"Type": "Pass", "Assign": {"n.$": "$.n", "k": "v"}, "Next": "B"}, "B": {"Type": "Pass", "Parameters": {"sum.$": "States.MathAdd($n, 1)", "k.$": "$k"}, "End": True}},
                         {"n": 2}) == {"sum": 3, "k": "v"}


# -- JSONata --------------------------------------------------------------------------------------------------------------


def jsonata(states_, start="S"):
    return {"StartAt": start, "QueryLanguage": "JSONata", "States": states_}


def test_jsonata_computes_output_variables_and_conditions(states):
    machine = jsonata({
        "S": {"Type": "Pass", "Assign": {"total": "{% $sum($states.input.l) %}"}, "Output": {"n": "{% $count($states.input.l) %}"}, "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Condition": "{% $total > 5 and $states.input.n = 3 %}", "Next": "Yes"}], "Default": "No"},
        "Yes": {"Type": "Succeed", "Output": {"total": "{% $total %}", "name": "{% $states.context.State.Name %}"}}, "No": {"Type": "Fail"}})
    assert states.output(machine, {"l": [1, 2, 3]}) == {"total": 6, "name": "Yes"}


def test_a_jsonata_expression_that_fails_is_a_query_evaluation_error(states):
    arn = states.start(states.machine(jsonata({"S": {"Type": "Pass", "Output": "{% $states.input.none %}", "End": True}})))
    found = states.end(arn)
    assert (found["status"], found["error"]) == ("FAILED", "States.QueryEvaluationError") and "EvaluationFailed" in [event["type"] for event in states.history(arn)]


@pytest.mark.parametrize("expression", ["($f := function($x){$f($x+1)}; $f(1))", "($f := function($x){1+$f($x+1)}; $f(1))"])
def test_a_jsonata_expression_without_end_fails_and_stops_nobody_else(states, expression):
    assert states.error(jsonata({"S": {"Type": "Pass", "Output": "{% " + expression + " %}", "End": True}})) == "States.QueryEvaluationError"


# -- Choice ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule, given, holds", [
    ({"Variable": "$.s", "StringEquals": "a"}, {"s": "a"}, True), ({"Variable": "$.s", "StringLessThan": "b"}, {"s": "a"}, True), ({"Variable": "$.s", "StringMatches": "log-*.txt"}, {"s": "log-1.txt"}, True),
    ({"Variable": "$.s", "StringMatches": "a\\*"}, {"s": "ab"}, False), ({"Variable": "$.n", "NumericGreaterThanEquals": 3}, {"n": 3}, True), ({"Variable": "$.n", "NumericEquals": 3}, {"n": "3"}, False),
    ({"Variable": "$.n", "NumericLessThanPath": "$.m"}, {"n": 1, "m": 2}, True), ({"Variable": "$.b", "BooleanEquals": True}, {"b": True}, True),
    ({"Variable": "$.t", "TimestampLessThan": "2024-01-02T00:00:00Z"}, {"t": "2024-01-01T00:00:00+01:00"}, True), ({"Variable": "$.x", "IsPresent": False}, {}, True), ({"Variable": "$.x", "IsNull": True}, {"x": None}, True),
    ({"Variable": "$.x", "IsNumeric": True}, {"x": 1.5}, True), ({"Variable": "$.x", "IsString": True}, {"x": 1}, False), ({"Variable": "$.x", "IsBoolean": True}, {"x": False}, True),
    ({"Variable": "$.x", "IsTimestamp": True}, {"x": "2024-01-01T00:00:00Z"}, True),
    ({"And": [{"Variable": "$.x", "IsPresent": True}, {"Variable": "$.x", "NumericEquals": 1}]}, {}, False), ({"Or": [{"Variable": "$.n", "NumericEquals": 1}, {"Variable": "$.none", "NumericEquals": 1}]}, {"n": 1}, True),
    ({"Not": {"Variable": "$.n", "NumericEquals": 1}}, {"n": 2}, True),
])
def test_a_choice_compares(states, rule, given, holds):
    machine = {"S": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"}, "Yes": {"Type": "Pass", "Result": True, "End": True}, "No": {"Type": "Pass", "Result": False, "End": True}}
    assert states.output(machine, given) is holds


def test_a_pattern_of_many_stars_is_no_more_than_a_walk_through_the_text(states):
    machine = {"S": {"Type": "Choice", "Choices": [{"Variable": "$", "StringMatches": "*a" * 40 + "*b", "Next": "Yes"}], "Default": "No"}, "Yes": {"Type": "Succeed"}, "No": {"Type": "Fail", "Error": "No"}}
    assert states.error(machine, "a" * 50_000) == "No"


def test_a_choice_without_a_match_or_a_default_fails(states):
    machine = {"S": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "Yes"}]}, "Yes": SUCCEED}
    assert states.error(machine, {"n": 2}) == "States.NoChoiceMatched"
    assert states.error(machine, {}) == "States.Runtime"


def test_fail_says_error_and_cause(states):
    found = states.run({"F": {"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('not {}', $.e)"}}, {"e": "Bad"})
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Bad", "not Bad")


# -- Parallel and Map -----------------------------------------------------------------------------------------------------


def branch(**state):
    return {"StartAt": "B" + str(id(state)), "States": {"B" + str(id(state)): {**state, "End": True}}}


def test_branches_run_side_by_side_and_their_results_are_a_list_in_order(cloud, states):
    slow, quick = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 20, "Next": "A"}, "A": {"Type": "Pass", "Result": "a", "End": True}}}, {"StartAt": "B", "States": {"B": {"Type": "Pass", "Result": "b", "End": True}}}
    arn = states.start(states.machine(end(Type="Parallel", Branches=[slow, quick], ResultPath="$.both")), {"x": 1})
    cloud.advance(21)
    assert json.loads(states.end(arn)["output"]) == {"x": 1, "both": ["a", "b"]}
    types = [event["type"] for event in states.history(arn)]
    assert types.index("ParallelStateStarted") < types.index("WaitStateEntered") and "ParallelStateSucceeded" in types


def test_a_branch_that_fails_ends_the_others(cloud, states):
    slow, broken = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2000, "End": True}}}, {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "c"}}}
    machine = {"S": {"Type": "Parallel", "Branches": [slow, broken], "Catch": [{"ErrorEquals": ["E"], "ResultPath": "$.error", "Next": "T"}], "End": True}, "T": SUCCEED}
    assert states.output(machine, {"x": 1}) == {"x": 1, "error": {"Error": "E", "Cause": "c"}}
    assert states.error(end(Type="Parallel", Branches=[slow, broken])) == "E"


def processor(field="ItemProcessor", **state):
    return {field: {"StartAt": "Each", "States": {"Each": {"Type": "Pass", **state, "End": True}}}}


def test_a_map_does_each_item(states):
    given = {"l": [{"n": 1}, {"n": 2}], "k": "v"}
    assert states.output(end(Type="Map", ItemsPath="$.l", **processor(Parameters={"m.$": "States.MathAdd($.n, 10)"})), given) == [{"m": 11}, {"m": 12}]
    selector = {"i.$": "$$.Map.Item.Index", "n.$": "$$.Map.Item.Value.n", "k.$": "$.k"}
    assert states.output(end(Type="Map", ItemsPath="$.l", ItemSelector=selector, **processor()), given) == [{"i": 0, "n": 1, "k": "v"}, {"i": 1, "n": 2, "k": "v"}]
    assert states.output(end(Type="Map", ItemsPath="$.l", Parameters=selector, **processor("Iterator")), given)[1]["k"] == "v"
    assert states.output(end(Type="Map", **processor()), []) == []
    assert states.error(end(Type="Map", ItemsPath="$.k", **processor()), given) == "States.Runtime"


def test_a_map_keeps_to_its_concurrency(cloud, states):
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 10, "End": True}}}
    arn = states.start(states.machine(end(Type="Map", MaxConcurrency=2, ItemProcessor=wait)), [1, 2, 3, 4, 5])
    cloud.advance(25)
    assert states.client.describe_execution(executionArn=arn)["status"] == "RUNNING"
    cloud.advance(7)
    assert json.loads(states.end(arn)["output"]) == [1, 2, 3, 4, 5]
    started = [event["mapIterationStartedEventDetails"]["index"] for event in states.history(arn) if event["type"] == "MapIterationStarted"]
    assert started == [0, 1, 2, 3, 4] and next(event for event in states.history(arn) if event["type"] == "MapStateStarted")["mapStateStartedEventDetails"] == {"length": 5}


def test_an_item_that_fails_fails_the_map(states):
    machine = end(Type="Map", ItemProcessor={"StartAt": "C", "States": {"C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "F"}], "Default": "OK"}, "F": {"Type": "Fail", "Error": "Two"}, "OK": SUCCEED}})
    arn = states.start(states.machine(machine), [1, 2, 3])
    assert states.end(arn)["error"] == "Two"
    types = [event["type"] for event in states.history(arn)]
    assert "MapIterationFailed" in types and "MapStateFailed" in types


def test_maps_within_maps_and_variables_within_branches(states):
    inner = {"StartAt": "M2", "States": {"M2": {"Type": "Map", "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"v.$": "States.MathAdd($, $base)"}, "OutputPath": "$.v", "End": True}}}, "End": True}}}
    machine = {"A": {"Type": "Pass", "Assign": {"base": 100}, "Next": "M1"}, "M1": {"Type": "Map", "ItemProcessor": inner, "End": True}}
    assert states.output(machine, [[1, 2], [3]]) == [[101, 102], [103]]
