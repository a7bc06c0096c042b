"""The library's log, handed on to the loggers of Python's logging."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from typing import Optional, Union

from . import native

#: What a level of logging is in the library, the lowest first.
_LEVELS = ((logging.DEBUG, native.DLG_LOG_LEVEL_DEBUG), (logging.INFO, native.DLG_LOG_LEVEL_INFO),
           (logging.WARNING, native.DLG_LOG_LEVEL_WARNING), (logging.ERROR, native.DLG_LOG_LEVEL_ERROR))
_PYTHON = {native_level: level for level, native_level in _LEVELS}

_lock = threading.Lock()
_thread: Optional[threading.Thread] = None
_ending = False

logging.getLogger("dialogs").addHandler(logging.NullHandler())  # nothing on stderr unless the program asks


def _number(level: Union[int, str]) -> int:
    number = logging.getLevelName(level.upper()) if isinstance(level, str) else level
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(f"log_level is a level of logging, such as \"info\" or logging.INFO, not {level!r}")
    return number


def _native_level(level: Union[int, str]) -> int:
    number = _number(level)
    for least, native_level in _LEVELS:
        if number <= least:
            return int(native_level)
    return int(native.DLG_LOG_LEVEL_OFF)


def _hand_on() -> None:
    while True:
        level, subsystem, line, lost = native.log_take()
        logger = logging.getLogger("dialogs")
        if lost:
            logger.warning("%d lines of the log were lost: the handlers are slow", lost)
        if line is not None:
            logger.getChild(subsystem).log(_PYTHON.get(level, logging.INFO), "%s", line)
        elif _ending:
            return


def _end() -> None:
    global _ending
    _ending = True
    native.log_end()
    if _thread is not None:
        _thread.join()


def _forked() -> None:
    global _thread
    _thread = None
    native.log_forked()


def listen(settings: object, level: Union[int, str]) -> None:
    """Clients that are opened with these settings log to "dialogs.SUBSYSTEM", down to this level."""
    global _thread
    native.log_listen(settings, _native_level(level))
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_hand_on, name="dialogs.log", daemon=True)
            _thread.start()


os.register_at_fork(after_in_child=_forked)
atexit.register(_end)
