"""What the devnet raises.

TaostackError
├── UsageError
│   ├── UnsafeHostError   dev keys would be offered to a network
│   └── UnknownNameError  no such pallet, item, call, error or snapshot
├── UnavailableError
│   ├── PortTakenError    another process listens there
│   └── StateFileWriteError  the disk takes no more
├── CorruptError
│   ├── MetadataError     the metadata blob is not one
│   └── StateFileError    the state file is foreign, of another format, or damaged
└── StateError
    └── NotRunningError   the devnet was not started, or is closed

What a *client* of the chain sees is not here: dispatch errors and pool
rejections are values of the chain (``pallets/dispatch.py``, ``pool.py``).
"""

from taostack.process.errors import CorruptError, StateError, UnavailableError, UsageError


class UnsafeHostError(UsageError):
    """The devnet's keys are public, so it must not listen beyond this machine unasked."""

    code = "devnet-unsafe-host"
    remedy = "listen on 127.0.0.1, or add --allow-remote if everyone who can reach the port may spend everything"


class UnknownNameError(UsageError):
    """The metadata has no such pallet, storage item, call, error or constant."""

    code = "devnet-unknown-name"
    remedy = "check the spelling against the runtime's metadata"


class PortTakenError(UnavailableError):
    """Another process already listens on the port."""

    code = "devnet-port-taken"
    remedy = "stop the other process, or choose another port with --port (0 takes any free one)"


class StateFileWriteError(UnavailableError):
    """The state file cannot be written; the chain stays at its last block."""

    code = "devnet-state-write"
    remedy = "free space on the disk, then start again with the same --state"


class MetadataError(CorruptError):
    """The bytes are not a metadata blob of version 14 or 15."""

    code = "devnet-metadata"
    remedy = "install the package again: its metadata file is damaged"


class StateFileError(CorruptError):
    """The state file is not one of this devnet."""

    code = "devnet-state-file"
    remedy = "move the file away to start a new chain, or give another --state path"


class NotRunningError(StateError):
    """The devnet has not been started, or has been closed."""

    code = "devnet-not-running"
    remedy = "use it inside 'with Devnet() as devnet:'"
