"""Tasks on Fargate: real processes in the customer's subnets."""


def test_a_task_answers_in_its_subnet_through_its_security_group(dock):
    definition = dock.define("web", dock.container("httpd", "-f", "-p", "80", "-h", "/www", portMappings=[{"containerPort": 80}], stopTimeout=2))
    arn = dock.run(definition)
    task = dock.until(arn, "RUNNING")
    client, _, _ = dock.plugged.plug(dock.subnets[1])
    assert "200 OK" in dock.get(client, dock.address(task))
    dock.ecs.stop_task(cluster="c", task=arn, reason="enough")
    dock.cloud.advance(3)
    stopped = dock.until(arn, "STOPPED")
    assert (stopped["stopCode"], stopped["stoppedReason"], stopped["containers"][0]["exitCode"]) == ("UserInitiated", "enough", 137)
    dock.plugged.release(client)
