"""Docstrings: the words of this package, then those of the header."""

from __future__ import annotations

import inspect
from typing import Any, Callable, TypeVar

from . import native

Function = TypeVar("Function", bound=Callable[..., Any])


def describes(name: str) -> Callable[[Function], Function]:
    """Adds what dialogs.h says of a function to the docstring of what calls it."""

    def add(function: Function) -> Function:
        own = inspect.cleandoc(function.__doc__ or "")
        where = f"The C function, {name.replace('_async', '')}(), in dialogs.h:"
        function.__doc__ = f"{own}\n\n{where}\n\n{getattr(native, name).__doc__.strip()}\n"
        return function

    return add
