"""Bounds of a server and of a client: every field has a unit, every one is enforced."""

import msgspec

from taostack.wire.errors import RouteError


class AxonLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a server accepts, and how long it waits."""

    header_bytes: int = 16 * 1024
    """Request line and headers together; more is answered 431."""
    header_seconds: float = 5.0
    """Time to send the headers, from the first byte of a request (or the connection's start); then 408."""
    body_bytes: int = 4 * 1024 * 1024
    """Body as sent; more is answered 413 before anything is hashed."""
    body_seconds: float = 10.0
    """Time to send the body, from the end of the headers; then 408."""
    decompressed_bytes: int = 16 * 1024 * 1024
    """Body after decompression."""
    held_body_bytes: int = 256 * 1024 * 1024
    """All bodies held at once, over all connections; more is answered 503."""
    handler_seconds: float = 60.0
    """Time a handler has, queueing excluded; then 504. For a stream, the whole of it."""
    keep_alive_seconds: float = 75.0
    """Idle time after which a connection is closed; longer than a dendrite keeps it."""
    connections: int = 2048
    """Open connections; further ones are closed at once."""
    shutdown_seconds: float = 10.0
    """Time that calls in flight have when the axon stops."""
    max_age_seconds: float = 10.0
    """btauth/1 freshness: how old a nonce may be."""
    ahead_seconds: float = 2.0
    """btauth/1 freshness: how far in the future a nonce may be."""
    v10_max_age_seconds: float = 16.0
    """v10 freshness; our own constant, because the header's timeout is not signed."""
    v10_ahead_seconds: float = 4.0
    """v10 freshness: how far in the future a nonce may be (v10 itself sets no bound)."""
    write_seconds: float = 20.0
    """How long a peer may leave an answer unread before its connection is cut."""
    compress_from_bytes: int = 4096
    """Replies of at least this size are compressed for callers that accept zstd."""

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if not value > 0:
                raise RouteError(f"limit {field} was {value}, must be positive")

    @property
    def retention_seconds(self) -> float:
        """How long a nonce can stay acceptable: what a replay store has to remember."""
        return max(
            self.max_age_seconds + self.ahead_seconds,
            self.v10_max_age_seconds + self.v10_ahead_seconds,
        )


class DendriteLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a client waits for, accepts and repeats."""

    deadline_seconds: float = 12.0
    """One call with all its retries, unless the call says otherwise."""
    connect_seconds: float = 4.0
    """Time to open a connection."""
    reply_bytes: int = 16 * 1024 * 1024
    """Reply as received; more is the failure ``too-large``."""
    decompressed_bytes: int = 64 * 1024 * 1024
    """Reply after decompression."""
    item_bytes: int = 4 * 1024 * 1024
    """One item of a stream."""
    concurrency: int = 256
    """Calls in flight at once in a round."""
    attempts: int = 2
    """Tries per call; only failures that cannot have reached a handler are tried again."""
    backoff_seconds: float = 0.1
    """Base of the jittered wait between tries (doubles each time)."""
    idle_seconds: float = 15.0
    """How long an idle connection is kept; shorter than servers do."""
    compress_from_bytes: int = 16384
    """Bodies of at least this size are compressed when the dendrite compresses."""

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if not value > 0:
                raise RouteError(f"limit {field} was {value}, must be positive")
