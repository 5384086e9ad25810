"""Telling an operator which deployments there are, and how each is."""

import json
from datetime import datetime, timezone
from typing import Any

from app.deployments.host import Host
from app.deployments.records import Record, records
from app.deployments.statuses import statuses
from app.deployments.supervisor import Process, Supervisor

_COLUMNS = ("deployment", "release", "state", "slots", "sessions", "since")


def tell(host: Host, supervisor: Supervisor, *, as_json: bool) -> str:
    """Describe every deployment of the host, the one that served last first.

    Args:
        host: The host.
        supervisor: Its supervisord.
        as_json: As a JSON array instead of a table.
    """
    processes = supervisor.processes()
    told = [_describe(host, record, processes) for record in records(host)]
    if as_json:
        return json.dumps(told)
    rows = [{name: name.upper() for name in _COLUMNS}, *told]
    widths = {name: max(len(str(row[name])) for row in rows) for name in _COLUMNS}
    lines = ("  ".join(f"{row[name]!s:{widths[name]}}" for name in _COLUMNS) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _describe(host: Host, record: Record, processes: list[Process]) -> dict[str, Any]:
    slots = [
        process
        for process in processes
        if process.deployment == record.deployment and process.is_slot and process.alive
    ]
    if record.deployment == host.serving:
        state = "serving"
    elif record.deployment == host.candidate:
        state = "candidate"
    else:
        state = "draining" if slots else "kept"
    return {
        "deployment": record.deployment,
        "release": record.release,
        "state": state,
        "slots": len(slots),
        "sessions": sum(s["sessions"] for s in statuses(host, record.deployment).values()),
        "since": datetime.fromtimestamp(record.since, timezone.utc).isoformat(" ", "seconds"),
    }
