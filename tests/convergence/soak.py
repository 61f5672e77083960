"""How long the convergence tests search for new histories."""

from __future__ import annotations

import os

SOAK = float(os.environ.get("SYNCD_SOAK", "0"))
"""Minutes of a soak; 0 is a quick look at the same histories each time."""
