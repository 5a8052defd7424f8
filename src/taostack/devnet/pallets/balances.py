"""Balances: accounts, transfers, and the helpers through which every other pallet moves TAO.

Amounts are rao. An account below the existential deposit (500 rao) does not
exist: it is removed and its dust is lost, as on the chain.
"""

import struct
from dataclasses import dataclass
from typing import Any, Self

from taostack.devnet.pallets.dispatch import Context, call, genesis
from taostack.devnet.store import Reader, State

EXISTENTIAL_DEPOSIT = 500
TRANSFER_WEIGHT = 224_051_000

MAX_BALANCE = 2**64 - 1
"""The largest balance that an account can hold, in rao."""


_LAYOUT = struct.Struct("<IIIIQQQ16s")


@dataclass(slots=True)
class Account:
    """``System.Account`` of one address.

    Every transaction reads and writes a handful of these, so they are packed
    here and not by the general codec (a test holds the two equal).
    """

    nonce: int
    consumers: int
    providers: int
    sufficients: int
    free: int
    reserved: int
    frozen: int
    flags: bytes

    @classmethod
    def read(cls, state: Reader, who: str) -> Self:
        """The account of ``who``; the metadata's default when there is none."""
        codec = state.codec
        data = state.raw(codec.key("System", "Account", (who,)))
        return cls(*_LAYOUT.unpack(codec.item("System", "Account").default if data is None else data))

    def write(self, state: State, who: str) -> None:
        """Store it."""
        packed = _LAYOUT.pack(
            self.nonce,
            self.consumers,
            self.providers,
            self.sufficients,
            self.free,
            self.reserved,
            self.frozen,
            self.flags,
        )
        state.write(state.codec.key("System", "Account", (who,)), packed)

    @property
    def unspendable(self) -> int:
        """Free rao that a lock holds."""
        return max(0, self.frozen - self.reserved)


def nonce(state: Reader, who: str) -> int:
    """The next nonce of ``who``."""
    data = state.raw(state.codec.key("System", "Account", (who,)))
    return 0 if data is None else int.from_bytes(data[:4], "little")


def use_nonce(state: State, who: str) -> None:
    """Count one transaction of ``who``."""
    account = Account.read(state, who)
    account.nonce += 1
    account.write(state, who)


def free_balance(state: Reader, who: str) -> int:
    """Free rao of ``who``."""
    return Account.read(state, who).free


def spendable(state: Reader, who: str, *, keep_alive: bool = True) -> int:
    """Rao that ``who`` can give away: free less frozen, less the existential deposit if it must live on."""
    account = Account.read(state, who)
    return max(0, account.free - max(account.unspendable, EXISTENTIAL_DEPOSIT if keep_alive else 0))


def deposit(ctx: Context, who: str, amount: int) -> None:
    """Credit ``who`` without changing total issuance (the other half of ``withdraw``)."""
    if amount <= 0:
        return
    account = Account.read(ctx.state, who)
    if account.free + amount > MAX_BALANCE:
        ctx.fail_with("Arithmetic", "Overflow")
    if account.providers == 0:
        if account.free + amount < EXISTENTIAL_DEPOSIT:
            ctx.fail_with("Token", "BelowMinimum")
        account.providers = 1
        ctx.emit("System", "NewAccount", who)
        ctx.emit("Balances", "Endowed", who, amount)
    account.free += amount
    account.write(ctx.state, who)


def withdraw(ctx: Context, who: str, amount: int, *, keep_alive: bool = True) -> None:
    """Debit ``who`` without changing total issuance.

    Fails with ``Token.FundsUnavailable`` when there is too little, and with
    ``Token.NotExpendable`` when ``keep_alive`` and the account would vanish.
    """
    if amount <= 0:
        return
    account = Account.read(ctx.state, who)
    if account.free < amount:
        ctx.fail_with("Token", "FundsUnavailable")
    if account.free - amount < account.unspendable:
        ctx.fail_with("Token", "Frozen")
    account.free -= amount
    if account.free >= EXISTENTIAL_DEPOSIT:
        account.write(ctx.state, who)
        return
    if keep_alive or account.consumers:
        ctx.fail_with("Token", "NotExpendable")
    if account.reserved:
        account.write(ctx.state, who)
        return
    ctx.state.delete("System", "Account", who)
    ctx.emit("System", "KilledAccount", who)
    if account.free:
        ctx.emit("Balances", "DustLost", who, account.free)
        change_issuance(ctx.state, -account.free)


def transfer(ctx: Context, source: str, dest: str, amount: int, *, keep_alive: bool = True) -> None:
    """Move ``amount`` and emit ``Balances.Transfer``; either both sides change or the call fails."""
    if source != dest:
        withdraw(ctx, source, amount, keep_alive=keep_alive)
        deposit(ctx, dest, amount)
    elif spendable(ctx.state, source, keep_alive=False) < amount:
        ctx.fail_with("Token", "FundsUnavailable")
    ctx.emit("Balances", "Transfer", source, dest, amount)


def mint(ctx: Context, who: str, amount: int) -> None:
    """Create ``amount`` for ``who``; total issuance grows."""
    deposit(ctx, who, amount)
    change_issuance(ctx.state, amount)


def burn(ctx: Context, who: str, amount: int, *, keep_alive: bool = True) -> None:
    """Destroy ``amount`` of ``who``; total issuance shrinks."""
    withdraw(ctx, who, amount, keep_alive=keep_alive)
    change_issuance(ctx.state, -amount)


def reserve(ctx: Context, who: str, amount: int) -> None:
    """Set ``amount`` aside (deposits of proxies, multisigs, commitments); ``Balances.InsufficientBalance``."""
    account = Account.read(ctx.state, who)
    if account.free - amount < EXISTENTIAL_DEPOSIT:
        ctx.fail("Balances", "InsufficientBalance")
    account.free -= amount
    account.reserved += amount
    account.write(ctx.state, who)
    ctx.emit("Balances", "Reserved", who, amount)


def unreserve(ctx: Context, who: str, amount: int) -> None:
    """Give back what was set aside, as far as there is any."""
    account = Account.read(ctx.state, who)
    amount = min(amount, account.reserved)
    if not amount:
        return
    account.free += amount
    account.reserved -= amount
    account.write(ctx.state, who)
    ctx.emit("Balances", "Unreserved", who, amount)


def set_free(state: State, who: str, amount: int) -> None:
    """Set a balance outright (genesis and ``dev_setBalance``); total issuance follows."""
    account = Account.read(state, who)
    change_issuance(state, amount - account.free)
    account.free = amount
    account.providers = 1 if amount >= EXISTENTIAL_DEPOSIT else 0
    if account.providers == 0 and not account.nonce and not account.reserved:
        state.delete("System", "Account", who)
    else:
        account.write(state, who)


def change_issuance(state: State, by: int) -> None:
    """Add ``by`` rao (may be negative) to ``Balances.TotalIssuance``."""
    if by:
        state.mutate("Balances", "TotalIssuance", fn=lambda issued: max(0, min(MAX_BALANCE, int(issued) + by)))


# --- calls --------------------------------------------------------------------------------------


def _account_id(dest: Any) -> str:
    """The address of a ``MultiAddress``; only account ids exist on this chain."""
    if isinstance(dest, dict):
        dest = dest.get("Id", dest)
    return str(dest)


def _checked_destination(ctx: Context, dest: Any) -> str:
    address = _account_id(dest)
    if address.startswith("{") or not address:
        ctx.fail_with("CannotLookup")
    return address


@call("Balances.transfer_allow_death", weight=TRANSFER_WEIGHT, proof_size=7_791)
def transfer_allow_death(ctx: Context, dest: Any, value: int) -> None:
    """Move ``value``; the sender may vanish."""
    transfer(ctx, ctx.signed(), _checked_destination(ctx, dest), value, keep_alive=False)


@call("Balances.transfer_keep_alive", weight=TRANSFER_WEIGHT, proof_size=7_791)
def transfer_keep_alive(ctx: Context, dest: Any, value: int) -> None:
    """Move ``value``; the sender must live on."""
    transfer(ctx, ctx.signed(), _checked_destination(ctx, dest), value)


@call("Balances.transfer_all", weight=TRANSFER_WEIGHT, proof_size=7_791)
def transfer_all(ctx: Context, dest: Any, keep_alive: bool) -> None:
    """Move everything that can be moved."""
    source = ctx.signed()
    amount = spendable(ctx.state, source, keep_alive=keep_alive)
    transfer(ctx, source, _checked_destination(ctx, dest), amount, keep_alive=keep_alive)


@call("Balances.force_transfer", weight=TRANSFER_WEIGHT, proof_size=7_791)
def force_transfer(ctx: Context, source: Any, dest: Any, value: int) -> None:
    """Root moves ``value`` between two accounts."""
    ctx.root()
    transfer(ctx, _checked_destination(ctx, source), _checked_destination(ctx, dest), value, keep_alive=False)


@call("Balances.force_set_balance", weight=120_000_000)
def force_set_balance(ctx: Context, who: Any, new_free: int) -> None:
    """Root sets a balance."""
    ctx.root()
    address = _checked_destination(ctx, who)
    set_free(ctx.state, address, new_free if new_free >= EXISTENTIAL_DEPOSIT else 0)
    ctx.emit("Balances", "BalanceSet", address, new_free)


@call("Balances.burn", weight=TRANSFER_WEIGHT)
def burn_own(ctx: Context, value: int, keep_alive: bool) -> None:
    """The sender destroys ``value`` of its own."""
    who = ctx.signed()
    burn(ctx, who, value, keep_alive=keep_alive)
    ctx.emit("Balances", "Burned", who, value)


@genesis(order=10)
def fund_dev_accounts(ctx: Context) -> None:
    """The well-known keys ``//Alice`` to ``//Ferdie`` own 1,000,000 TAO each, as on upstream's localnet."""
    from taostack.devnet.genesis import DEV_ACCOUNTS, DEV_BALANCE_RAO

    for address in DEV_ACCOUNTS.values():
        set_free(ctx.state, address, DEV_BALANCE_RAO)
