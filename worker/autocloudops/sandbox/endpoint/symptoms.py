"""What the `rules` engine knows: one row per symptom, from a metric's name to a remedy and a cause."""

import re

from autocloudops.values import Value


class Symptom(Value):
    """A symptom.

    `metric` is searched, without regard to case, in the metric's name, then in the alarm's name, then in its rule,
    query and reason; never in its description.
    `remedy` are words to look for in the names of the offered actions, best first; none: a person should look.
    `cause` is a template with `{where}` (the resource) and `{figures}`.
    """

    metric: str
    remedy: tuple[str, ...]
    cause: str

    def shows_in(self, text: str) -> bool:
        """Whether `text` names this symptom's metric."""
        return re.search(self.metric, text, re.IGNORECASE) is not None


SYMPTOMS = (
    Symptom(
        metric=r"cpu.?credit|burst.?balance|surplus.?credit",
        remedy=("scale", "resize"),
        cause="{where} has used up its burst credits ({figures}). Sustained load is above the baseline of its size.",
    ),
    Symptom(
        metric=r"cpu|load.?average",
        remedy=("scale", "capacity"),
        cause="CPU on {where} is saturated ({figures}). More work arrives than the present capacity can serve.",
    ),
    Symptom(
        metric=r"database.?connection|connection.?(count|pool|limit)|connections.?(open|used|exhaust)",
        remedy=("restart", "connection"),
        cause="Connections to {where} are close to its limit ({figures}). A client holds connections without "
        "returning them, which fits a leaking connection pool.",
    ),
    Symptom(
        metric=r"free.?storage|disk|filesystem|inode|volume.?(used|bytes)",
        remedy=("clean", "disk", "log", "restart"),
        cause="Storage on {where} is filling up ({figures}). Logs or temporary files outgrow their rotation.",
    ),
    Symptom(
        metric=r"memory|\bmem_|swap|heap|oom",
        remedy=("restart", "scale"),
        cause="Memory on {where} is running out ({figures}). Steady growth without release fits a leak in the service.",
    ),
    Symptom(
        metric=r"throttl|provisioned.?throughput|concurrent.?execution",
        remedy=("capacity", "concurrency", "scale"),
        cause="Requests to {where} are throttled ({figures}). Demand is above the capacity that was provisioned.",
    ),
    Symptom(
        metric=r"messages.?visible|age.?of.?oldest|queue.?(depth|length)|iterator.?age|backlog|(replica|offset|max).?lag",
        remedy=("scale", "consumer"),
        cause="Work waits in {where} ({figures}). Its consumers are slower than its producers, or have stopped.",
    ),
    Symptom(
        metric=r"unhealthy|healthy.?host|status.?check|running.?task|restart.?count",
        remedy=("replace", "roll", "restart", "reboot"),
        cause="{where} fails its health checks ({figures}). A part of the service has stopped answering.",
    ),
    Symptom(
        metric=r"5xx|error|fault|fail",
        remedy=("roll", "restart"),
        cause="Calls to {where} end in errors ({figures}). The service or something it depends on is failing.",
    ),
    Symptom(
        metric=r"latency|response.?time|duration|\bp9\d\b",
        remedy=("scale",),
        cause="{where} answers more slowly than it should ({figures}). It lacks capacity or waits for a dependency.",
    ),
)

UNKNOWN = Symptom(
    metric=r"",
    remedy=(),
    cause="The alarm on {where} changed state ({figures}). What was shown does not single out one cause.",
)
