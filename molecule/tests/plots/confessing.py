"""Confessing.

Fails, and tells as whom it ran and which values it was given; test_sandbox.py has it checked.
"""

import os
from hashlib import sha256

# Short enough for a sentence, and no secret.
given = sorted(sha256(value.encode()).hexdigest()[:8] for value in os.environ.values())
raise RuntimeError(" ".join([str(os.getuid()), *given]))
