"""What can go wrong between this process and the chain.

TaostackError
├── UsageError
│   ├── WalletMissingError       no such wallet or key file
│   ├── WalletLockedError        the key file is encrypted and no password came with it
│   └── EndpointInvalidError     the chain refuses to publish such an address
├── UnavailableError
│   ├── ChainUnavailableError    no endpoint gave an answer before the deadline
│   │   └── ChainSilentError     endpoints answer, but no new block comes
│   ├── FateUnknownError         an extrinsic left this process and nobody can say yet what became of it
│   └── NotIncludedError         an extrinsic expired without having been included: sending anew is safe
├── RefusedError
│   ├── ChainRefusedError        the chain (or its pool) said no; ``name`` is the chain's own word for it
│   │   ├── InsufficientFundsError
│   │   ├── NotRegisteredError
│   │   ├── RateLimitedError
│   │   └── SubnetUnknownError   no subnet has this number
│   └── BlockUnknownError        the node does not have (or no longer has) the block's state
└── CorruptError
    ├── AnswerShapeError         the runtime answers in a shape this version does not know
    └── WeightStateError         the weight setter's saved state cannot be read
"""

from taostack.process.errors import CorruptError, RefusedError, UnavailableError, UsageError


class WalletMissingError(UsageError):
    """No such wallet or key file."""

    code = "wallet-missing"
    remedy = "create it with `btcli wallet create`, or correct --wallet.name, --wallet.hotkey and --wallet.path"


class WalletLockedError(UsageError):
    """The key file is encrypted and could not be opened without asking a human."""

    code = "wallet-locked"
    remedy = "give the password through the environment variable named in the message"


class EndpointInvalidError(UsageError):
    """The chain refuses to publish such an address."""

    code = "endpoint-invalid"
    remedy = "publish an address that peers can reach and a port from 1 to 65535"


class ChainUnavailableError(UnavailableError):
    """No endpoint gave an answer before the deadline."""

    code = "chain-unavailable"
    remedy = "check --subtensor.network and the network connection; more than one endpoint may be given"


class ChainSilentError(ChainUnavailableError):
    """Endpoints are connected, but no new block came for the stated time."""

    code = "chain-silent"
    remedy = "the node may be syncing or cut off from its peers: use another endpoint"


class FateUnknownError(UnavailableError):
    """An extrinsic left this process and nobody can say yet what became of it."""

    code = "fate-unknown"
    remedy = "do not send it again before its last valid block has passed; look for its hash on chain"

    def __init__(self, message: str, *, extrinsic_hash: str, last_valid_block: int) -> None:
        super().__init__(message)
        self.extrinsic_hash = extrinsic_hash
        self.last_valid_block = last_valid_block


class NotIncludedError(UnavailableError):
    """An extrinsic can no longer be included: it expired, or its nonce went to another one."""

    code = "not-included"
    remedy = "send it anew"


class ChainRefusedError(RefusedError):
    """The chain or its transaction pool said no.

    ``name`` is the chain's own word for the reason (``SettingWeightsTooFast``),
    empty when it gave none; ``block`` is where a refused dispatch was included,
    None when it never left the pool.
    """

    code = "chain-refused"
    remedy = "the message is the chain's own; change what was asked for"

    def __init__(self, message: str, *, name: str = "", block: int | None = None, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.name = name
        self.block = block


class InsufficientFundsError(ChainRefusedError):
    """The account cannot pay for the call or its fee."""

    code = "insufficient-funds"
    remedy = "fund the coldkey; `btcli wallet balance` shows what it holds"


class NotRegisteredError(ChainRefusedError):
    """The hotkey holds no uid on the subnet."""

    code = "not-registered"
    remedy = "register it with `btcli subnets register --netuid N`"


class RateLimitedError(ChainRefusedError):
    """The chain lets this key do this only so often."""

    code = "rate-limited"
    remedy = "wait until the rate limit has passed"


class SubnetUnknownError(ChainRefusedError):
    """No subnet has this number."""

    code = "subnet-unknown"
    remedy = "`btcli subnets list` shows the subnets of a network; check --netuid and --subtensor.network"


class BlockUnknownError(RefusedError):
    """The node does not have, or no longer has, the state of this block."""

    code = "block-unknown"
    remedy = "ask for a newer block, or use an archive node"


class AnswerShapeError(CorruptError):
    """The runtime answers in a shape that this version does not know."""

    code = "answer-shape"
    remedy = "the chain's runtime has changed: update taostack and bittensor"


class WeightStateError(CorruptError):
    """The weight setter's saved state cannot be read."""

    code = "weight-state"
    remedy = "move the state file away; the setter starts anew from what the chain holds"
