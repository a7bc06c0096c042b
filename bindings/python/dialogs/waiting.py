"""How calls wait: threads on the call itself, asyncio on the file descriptor of the client's reply queue."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import weakref
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from . import native
from .errors import ClosedError, Error, Fate, ForkedError, OverloadError, make
from .values import microseconds

#: Replies taken in one turn of an event loop.
TURN = 500


@contextlib.contextmanager
def limited(timeout: Optional[float]) -> Iterator[None]:
    """The calls inside have this timeout in seconds. None: the client's."""
    if timeout is None:
        yield
        return
    before = native.dlg_thread_timeout(microseconds(timeout))
    try:
        yield
    finally:
        native.dlg_thread_timeout(before)


def settle(future: "asyncio.Future[Any]", error: Optional[Error], value: Any) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)


def settle_elsewhere(future: "asyncio.Future[Any]", error: Optional[Error], value: Any) -> None:
    try:
        future.get_loop().call_soon_threadsafe(settle, future, error, value)
    except RuntimeError:  # that loop is closed: nobody waits
        pass


def forget_reader(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    if not loop.is_closed():
        loop.remove_reader(fd)
    os.close(fd)


def drain(reference: "weakref.ref[Waiting]", loop: asyncio.AbstractEventLoop) -> None:
    waiting = reference()
    if waiting is not None:
        waiting._drain(loop)


class Watch:
    """A progress callback. What it raises stops the work, and is raised again by the call."""

    def __init__(self, convert: Callable[[Any], Any], callback: Optional[Callable[[Any], object]],
                 stopped: Callable[[], bool] = lambda: False) -> None:
        self.convert, self.callback, self.stopped = convert, callback, stopped
        self.raised: Optional[BaseException] = None

    def __call__(self, raw: Any) -> bool:
        try:
            if self.callback is not None:
                self.callback(self.convert(raw))
        except BaseException as error:  # also KeyboardInterrupt, which belongs to the caller
            self.raised = error
        return self.raised is not None or self.stopped()

    def reraise(self) -> None:
        if self.raised is not None:
            raise self.raised


class Waiting:
    """The part of a client that starts calls and waits for them."""

    def __init__(self, handle: Any, patience: float) -> None:
        self._handle = handle
        self._patience = patience
        self._pending: Dict[int, Tuple[Any, asyncio.Future[Any]]] = {}
        self._readers: Dict[asyncio.AbstractEventLoop, int] = {}

    # ---- Threads ----

    def _start(self, function: Callable[..., Any], *arguments: Any, progress: Any = None,
               timeout: Optional[float] = None) -> Any:
        """Starts a call; while the queue is full it waits for room, as long as the call itself may take."""
        call = native.call_new(progress, False)
        try:
            with limited(timeout):
                function(self._handle, *arguments, call)
        except OverloadError:
            self._start_with_room(function, arguments, call, timeout)
        return call

    def _start_with_room(self, function: Callable[..., Any], arguments: Tuple[Any, ...], call: Any,
                         timeout: Optional[float]) -> None:
        end = time.monotonic() + (self._patience if timeout is None else timeout)
        while True:
            time.sleep(0.001)
            try:
                with limited(timeout):
                    function(self._handle, *arguments, call)
                return
            except OverloadError:
                if time.monotonic() >= end:
                    raise

    def _run(self, function: Callable[..., Any], *arguments: Any, timeout: Optional[float] = None) -> Any:
        return native.call_wait(self._start(function, *arguments, timeout=timeout))

    def _run_watched(self, watch: Watch, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return native.call_wait(self._start(function, *arguments, progress=watch))
        except Error:
            watch.reraise()
            raise

    # ---- asyncio ----

    async def _arun(self, function: Callable[..., Any], *arguments: Any, progress: Any = None,
                    timeout: Optional[float] = None) -> Any:
        loop = asyncio.get_running_loop()
        if loop not in self._readers:
            self._listen(loop)
        future = loop.create_future()
        call = native.call_new(progress, True)
        key = native.call_key(call)
        self._pending[key] = (call, future)
        try:
            with limited(timeout):
                function(self._handle, *arguments, call)
        except BaseException:
            del self._pending[key]
            raise
        try:
            return await future
        except asyncio.CancelledError:
            with contextlib.suppress(Error):
                native.dlg_cancel(self._handle, call)
            raise
        finally:
            native.call_abandon(call)  # one that was cancelled stops at its next progress

    async def _arun_watched(self, watch: Watch, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return await self._arun(function, *arguments, progress=watch)
        except Error:
            watch.reraise()
            raise

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Each loop has a descriptor of its own, so that a closed client's is never somebody else's."""
        for other in list(self._readers):
            if other.is_closed():
                self._stop_listening(other)
        fd = native.dlg_reply_fd(self._handle)
        if fd < 0:
            raise make(native.DLG_E_FORKED, "")
        fd = os.dup(fd)
        loop.add_reader(fd, drain, weakref.ref(self), loop)
        self._readers[loop] = fd

    def _stop_listening(self, loop: asyncio.AbstractEventLoop) -> None:
        """From any thread; the first of those who call it closes the descriptor."""
        fd = self._readers.pop(loop, None)
        if fd is None:
            return
        try:
            loop.call_soon_threadsafe(forget_reader, loop, fd)
        except RuntimeError:  # that loop is closed
            os.close(fd)

    def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(TURN):
            try:
                taken = native.call_take(self._handle)
            except (ClosedError, ForkedError):
                self._stop_listening(loop)
                return
            if taken is None:
                return
            key, error, value = taken
            future = self._pending.pop(key)[1]
            if future.get_loop() is loop:
                settle(future, error, value)
            else:
                settle_elsewhere(future, error, value)

    def _mine(self) -> List["asyncio.Future[Any]"]:
        """What the running loop waits for."""
        loop = asyncio.get_running_loop()
        return [future for _, future in list(self._pending.values()) if future.get_loop() is loop]

    def _forget(self) -> None:
        """The client is closed: nothing more comes for those who wait in an event loop."""
        for loop in list(self._readers):
            self._stop_listening(loop)
        while self._pending:
            _, (_, future) = self._pending.popitem()
            settle_elsewhere(future, make(native.DLG_E_CLOSED, "", fate=Fate.POSSIBLY_WRITTEN), None)
