"""What ends a neuron, by what its operator can do.

RefusedError
├── NotRegisteredError     the hotkey holds no uid on the subnet
└── DeregisteredError      it held one, and lost it while the neuron ran
UsageError
├── EndpointUnknownError   no address is known that peers could reach
├── ScoresInvalidError     a program returned a score that is none
└── ForeignStateError      the state was written on another chain, subnet, or by another hotkey
StateError
└── EpochClosedError       this epoch was finished or given up already
"""

from taostack.process.errors import RefusedError, StateError, UsageError


class NotRegisteredError(RefusedError):
    """The hotkey holds no uid on the subnet; the remedy is the command that changes it."""

    code = "neuron-not-registered"
    remedy = "register it with `btcli subnets register --netuid N`"


class DeregisteredError(RefusedError):
    """The hotkey held a uid and lost it, or was registered anew, while the neuron ran."""

    code = "neuron-deregistered"
    remedy = "register again; with --registration.when_missing wait the neuron waits for it and goes on by itself"


class EndpointUnknownError(UsageError):
    """No address is known under which peers reach this neuron."""

    code = "neuron-endpoint-unknown"
    remedy = "give the address that peers reach with --axon.external_ip (on one machine 127.0.0.2 or up)"


class ScoresInvalidError(UsageError):
    """A program returned a score that is negative or no finite number."""

    code = "neuron-scores-invalid"
    remedy = "a score is a finite number, zero or more; find what produced this one"


class ForeignStateError(UsageError):
    """The state was written on another chain, on another subnet, or by another hotkey."""

    code = "neuron-foreign-state"
    remedy = "give this neuron a --state.path of its own"


class EpochClosedError(StateError):
    """This epoch was finished or given up already; its result must not be written a second time."""

    code = "neuron-epoch-closed"
    remedy = "nothing to do: the first result stands"
