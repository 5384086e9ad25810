"""What root does on a host: deployments side by side, of which one serves.

A deployment is a release with its settings, and runs as Supervisor programs of its own. New ones
are started beside the one that serves and tried out (`app.deployments.prepare`); then one rename
sends new visitors there (`app.deployments.switch`), and the one before drains until its last viewer
has left. What is then left over is cleared away by the steward (`app.deployments.steward`).
"""
