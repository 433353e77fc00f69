"""A domain with one type of workflow and one of activity, and a decider and a worker that ask once."""
import pytest


class Work:
    def __init__(self, cloud):
        self.cloud, self.swf = cloud, cloud.client("swf")
        self.swf.register_domain(name="d", workflowExecutionRetentionPeriodInDays="7")
        self.swf.register_workflow_type(domain="d", name="w", version="1", defaultTaskStartToCloseTimeout="30", defaultExecutionStartToCloseTimeout="3600", defaultTaskList={"name": "deciders"}, defaultChildPolicy="TERMINATE")
        self.swf.register_activity_type(domain="d", name="a", version="1", defaultTaskStartToCloseTimeout="60", defaultTaskHeartbeatTimeout="NONE", defaultTaskList={"name": "workers"},
                                        defaultTaskScheduleToStartTimeout="100", defaultTaskScheduleToCloseTimeout="300")

    def start(self, workflow="one", **more):
        return self.swf.start_workflow_execution(domain="d", workflowId=workflow, workflowType={"name": "w", "version": "1"}, **more)["runId"]

    def task(self, list_="deciders", swf=None, **more):
        return (swf or self.swf).poll_for_decision_task(domain="d", taskList={"name": list_}, **more)

    def job(self, list_="workers", **more):
        return self.swf.poll_for_activity_task(domain="d", taskList={"name": list_}, **more)

    def decide(self, *decisions, task=None, swf=None, **more):
        """Answer the next decision task; each decision is (type, attributes)."""
        task = task or self.task()
        (swf or self.swf).respond_decision_task_completed(taskToken=task["taskToken"], decisions=[
            {"decisionType": type_, f"{type_[0].lower()}{type_[1:]}DecisionAttributes": attributes} for type_, attributes in decisions], **more)
        return task

    def events(self, run, workflow="one", **more):
        return self.swf.get_workflow_execution_history(domain="d", execution={"workflowId": workflow, "runId": run}, **more)["events"]

    def kinds(self, run, workflow="one"):
        return [event["eventType"] for event in self.events(run, workflow)]

    def last(self, run, kind, workflow="one"):
        """The attributes of the last event of a kind."""
        event = [event for event in self.events(run, workflow) if event["eventType"] == kind][-1]
        return event[f"{kind[0].lower()}{kind[1:]}EventAttributes"] | {"eventId": event["eventId"]}

    def described(self, run, workflow="one"):
        return self.swf.describe_workflow_execution(domain="d", execution={"workflowId": workflow, "runId": run})


@pytest.fixture
def work(cloud):
    return Work(cloud)


def activity(id_="x", **more):
    return ("ScheduleActivityTask", {"activityType": {"name": "a", "version": "1"}, "activityId": id_, **more})
