"""The base of the models of a configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Form(BaseModel):
    """The base of every model: frozen, and unknown keys are refused."""

    # Inputs hold the values of variables: an error that shows its input could show a secret.
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)
