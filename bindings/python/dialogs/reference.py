"""Docstrings: the words of this package, then those of the header."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from . import native

Function = TypeVar("Function", bound=Callable[..., Any])


def describes(name: str) -> Callable[[Function], Function]:
    """Adds what dialogs.h says of a function to the docstring of what calls it."""

    def add(function: Function) -> Function:
        function.__doc__ = f"{(function.__doc__ or '').strip()}\n\nFrom dialogs.h, {name}():\n\n{getattr(native, name).__doc__}\n"
        return function

    return add
