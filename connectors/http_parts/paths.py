"""Where things stand in a JSON answer: JMESPath expressions, compiled once; pure.

``find("paging.next.after", body)``. A key with other characters than letters, digits and ``_`` is quoted inside the
expression: ``'"@odata.nextLink"'``. What is not there is None.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def find(path: str, document: Any) -> Any:
    """What stands at ``path`` in ``document``; None when nothing does, or an expression does not fit the answer."""
    return finder(path)(document)


@lru_cache(maxsize=1024)
def finder(path: str) -> Callable[[Any], Any]:
    """``path`` as a function of a document; plain dotted names, the most usual, are walked without an interpreter.

    Raises:
        ValueError: it is no JMESPath expression.

    """
    if _PLAIN.fullmatch(path):
        steps = path.split(".")
        return lambda document: _walk(document, steps)
    try:
        expression = jmespath.compile(path)
    except JMESPathError as error:
        raise ValueError(f"is not a JMESPath expression: {str(error).splitlines()[0]}") from None

    def search(document: Any) -> Any:
        try:
            return expression.search(document)
        except JMESPathError:  # a function that does not take what the answer holds
            return None

    return search


def _walk(document: Any, steps: list[str]) -> Any:
    for step in steps:
        if not isinstance(document, dict):
            return None
        document = document.get(step)
    return document


def truthy(value: Any) -> bool:
    """Whether JMESPath takes ``value`` for true: anything but null, false and what is empty; 0 is true."""
    return value is not None and value is not False and value not in ("", [], {})


def _checked(path: str) -> str:
    finder(path)
    return path


JsonPath = Annotated[str, AfterValidator(_checked)]
"""An option that holds a JMESPath expression."""
