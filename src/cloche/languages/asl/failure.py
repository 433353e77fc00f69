"""An error of a state: the name that Retry and Catch look for, and the cause in words."""
from __future__ import annotations


class StateError(Exception):
    def __init__(self, name: str, cause: str = "", *also: str) -> None:
        super().__init__(name)
        self.name, self.cause, self.also = name, cause, also  # `also`: other names that retriers and catchers may know it by


def runtime(cause: str) -> StateError:
    return StateError("States.Runtime", cause)


TIMEOUTS = ("States.Timeout", "States.HeartbeatTimeout")


def matches(names: list[str], error: StateError) -> bool:
    """Does a retrier or catcher that names these mean this error?"""
    if error.name in names or any(name in names for name in error.also):
        return True
    if error.name in ("States.Runtime", "States.DataLimitExceeded"):
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error.name not in TIMEOUTS)
