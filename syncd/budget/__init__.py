"""The request budget of a key, and every name of it that other rooms use."""

from __future__ import annotations

from syncd.budget.budget import Budget
from syncd.budget.together import Together
from syncd.budget.windows import Window
from syncd.budget.wording import describe, describe_requests

__all__ = ["Budget", "Together", "Window", "describe", "describe_requests"]
