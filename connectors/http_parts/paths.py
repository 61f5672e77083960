"""Find values in a JSON answer by JMESPath expressions, which are compiled once. Pure.

``find("paging.next.after", body)``. A key with other characters than letters, digits and ``_`` is quoted inside the
expression: ``'"@odata.nextLink"'``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator

_DOTTED_NAMES = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def find(path: str, document: Any) -> Any:
    """Return the value at ``path`` in ``document``; None if there is none, or the expression does not fit."""
    return finder(path)(document)


@lru_cache(maxsize=1024)
def finder(path: str) -> Callable[[Any], Any]:
    """Return ``path`` as a function of a document.

    Raises:
        ValueError: ``path`` is no JMESPath expression.

    """
    # Most paths are plain dotted names, and every record of every page is asked for several of them.
    if _DOTTED_NAMES.fullmatch(path):
        names = path.split(".")
        return lambda document: _descend(document, names)
    try:
        expression = jmespath.compile(path)
    except JMESPathError as error:
        raise ValueError(f"is not a JMESPath expression: {str(error).splitlines()[0]}") from None

    def search(document: Any) -> Any:
        try:
            return expression.search(document)
        except JMESPathError:
            # A function of the expression cannot take this value, such as length() of a number in an error's body.
            return None

    return search


def _descend(document: Any, names: list[str]) -> Any:
    for name in names:
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def names_of(path: str) -> tuple[str, ...] | None:
    """Return the keys that a plain path goes along, none for ``@``; None for any other expression."""
    if path == "@":
        return ()
    return tuple(path.split(".")) if _DOTTED_NAMES.fullmatch(path) else None


def truthy(value: Any) -> bool:
    """Return whether JMESPath takes ``value`` for true: anything but null, false and empty values."""
    # Not Python's own truth: 0 is true in JMESPath.
    return value is not None and value is not False and value not in ("", [], {})


def _checked(path: str) -> str:
    finder(path)
    return path


JsonPath = Annotated[str, AfterValidator(_checked)]
"""An option that holds a JMESPath expression."""
