"""Removing what no deployment on the host needs any more."""

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from app.deployments.host import Host
from app.deployments.records import Record, records
from app.deployments.supervisor import Supervisor

_log = logging.getLogger(__name__)


def prune(host: Host, supervisor: Supervisor) -> None:
    """Keep what serves, what still runs and the last few deployments; remove the rest.

    Args:
        host: The host.
        supervisor: Its supervisord.
    """
    known = records(host)
    needed = {host.serving, host.candidate}
    needed |= {process.deployment for process in supervisor.processes()}
    needed |= {record.deployment for record in known[: host.kept]}
    kept = [record for record in known if record.deployment in needed]
    for record in known:
        if record not in kept:
            _log.info("forgetting deployment %s of release %s", record.deployment, record.release)
            record.path.unlink()
    _keep_only(host.release_dir.parent, (record.release_dir.name for record in kept))
    _keep_only(host.venv_dir.parent, (record.venv_dir.name for record in kept))
    _keep_only(
        host.bokehjs_dir, (version for record in kept for version in _bokeh_versions(record))
    )


def _bokeh_versions(record: Record) -> list[str]:
    found = record.venv_dir.glob("lib/python*/site-packages/bokeh-*.dist-info")
    return [path.name.removeprefix("bokeh-").removesuffix(".dist-info") for path in found]


def _keep_only(folder: Path, names: Iterable[str]) -> None:
    kept = set(names)
    for path in folder.iterdir():
        if path.name not in kept:
            _log.info("removing %s", path)
            shutil.rmtree(path)
