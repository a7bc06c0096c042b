"""Users of the library's own table."""

from __future__ import annotations

import datetime
import uuid
from typing import Any, List, Optional, Tuple

from . import native
from .reference import describes
from .values import Text, User, UserId, user_of
from .waiting import Waiting


def _birthdate(value: Optional[datetime.date]) -> Optional[str]:
    if value is None:
        return None
    if not isinstance(value, datetime.date):
        raise TypeError(f"a birthdate is a datetime.date, not {type(value).__name__}")
    return f"{value.year:04}-{value.month:02}-{value.day:02}"


def user_tuple(id: Optional[UserId], first_name: Optional[str], second_name: Optional[str],
               birthdate: Optional[datetime.date], biography: Optional[str],
               city: Optional[str]) -> Tuple[Any, ...]:
    return (id, first_name, second_name, _birthdate(birthdate), biography, city)


def _users(reply: Any) -> List[User]:
    users = native.dlg_reply_users(reply)
    return [user_of(native.dlg_users_at(users, i)) for i in range(native.dlg_users_count(users))]


class Users:
    """The users: db.users."""

    def __init__(self, client: Waiting) -> None:
        self._client = client

    @describes("dlg_user_create_async")
    def create(self, password: Text, *, id: Optional[UserId] = None, first_name: Optional[str] = None,
               second_name: Optional[str] = None, birthdate: Optional[datetime.date] = None,
               biography: Optional[str] = None, city: Optional[str] = None,
               timeout: Optional[float] = None) -> uuid.UUID:
        """Creates a user with a password and returns the id, a new one unless given."""
        user = user_tuple(id, first_name, second_name, birthdate, biography, city)
        return self._client._run(native.dlg_user_create_async, user, password, timeout=timeout)

    async def acreate(self, password: Text, *, id: Optional[UserId] = None, first_name: Optional[str] = None,
                      second_name: Optional[str] = None, birthdate: Optional[datetime.date] = None,
                      biography: Optional[str] = None, city: Optional[str] = None,
                      timeout: Optional[float] = None) -> uuid.UUID:
        """create() for asyncio."""
        user = user_tuple(id, first_name, second_name, birthdate, biography, city)
        return await self._client._arun(native.dlg_user_create_async, user, password, timeout=timeout)

    def get(self, id: UserId, *, timeout: Optional[float] = None) -> User:
        """The user with this id; dialogs.NotFoundError when there is none."""
        return _users(self._client._run(native.dlg_user_get_async, id, timeout=timeout))[0]

    async def aget(self, id: UserId, *, timeout: Optional[float] = None) -> User:
        """get() for asyncio."""
        return _users(await self._client._arun(native.dlg_user_get_async, id, timeout=timeout))[0]

    def search(self, first_name: str = "", second_name: str = "", *, limit: int = 100,
               timeout: Optional[float] = None) -> List[User]:
        """Users whose names begin with the two texts, ordered by id, without biographies; `limit` is 1 to 1000."""
        return _users(self._client._run(native.dlg_user_search_async, first_name, second_name, limit, timeout=timeout))

    async def asearch(self, first_name: str = "", second_name: str = "", *, limit: int = 100,
                      timeout: Optional[float] = None) -> List[User]:
        """search() for asyncio."""
        return _users(await self._client._arun(native.dlg_user_search_async, first_name, second_name, limit,
                                               timeout=timeout))

    def set_password(self, id: UserId, password: Text, *, timeout: Optional[float] = None) -> None:
        """Replaces a user's password; dialogs.NotFoundError when there is no such user."""
        self._client._run(native.dlg_user_set_password_async, id, password, timeout=timeout)

    async def aset_password(self, id: UserId, password: Text, *, timeout: Optional[float] = None) -> None:
        """set_password() for asyncio."""
        await self._client._arun(native.dlg_user_set_password_async, id, password, timeout=timeout)
