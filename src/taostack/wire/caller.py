"""Who is asking, as the verifier found it."""

from typing import NamedTuple


class Caller(NamedTuple):
    """The verified sender of a request; a handler gets its identity from here and nowhere else.

    ``uid``, ``stake_rao`` and ``permit`` are the directory's at the time of
    the call (``None``, 0, ``False`` for a hotkey that the gate let through
    unregistered). ``protocol`` is ``"btauth"`` or ``"v10"``.
    """

    hotkey: str
    uid: int | None
    stake_rao: int
    permit: bool
    protocol: str
