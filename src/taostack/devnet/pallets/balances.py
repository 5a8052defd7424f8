"""Balances: accounts, transfers, and the helpers through which every other pallet moves TAO.

Amounts are rao. An account below the existential deposit (500 rao) does not
exist: it is removed and its dust is lost, as on the chain.
"""

from typing import Any

from taostack.devnet.pallets.dispatch import Context, call, genesis
from taostack.devnet.store import Reader, State

EXISTENTIAL_DEPOSIT = 500
TRANSFER_WEIGHT = 224_051_000

_ALL = 2**64 - 1


def free_balance(state: Reader, who: str) -> int:
    """Free rao of ``who``."""
    return int(state.get("System", "Account", who)["data"]["free"])


def spendable(state: Reader, who: str, *, keep_alive: bool = True) -> int:
    """Rao that ``who`` can give away: free less frozen, less the existential deposit if it must live on."""
    data = state.get("System", "Account", who)["data"]
    held = max(int(data["frozen"]) - int(data["reserved"]), EXISTENTIAL_DEPOSIT if keep_alive else 0)
    return max(0, int(data["free"]) - held)


def deposit(ctx: Context, who: str, amount: int) -> None:
    """Credit ``who`` without changing total issuance (the other half of ``withdraw``)."""
    if amount <= 0:
        return
    account = ctx.state.get("System", "Account", who)
    data = account["data"]
    if account["providers"] == 0:
        if data["free"] + amount < EXISTENTIAL_DEPOSIT:
            ctx.fail_with("Token", "BelowMinimum")
        account["providers"] = 1
        ctx.emit("System", "NewAccount", who)
        ctx.emit("Balances", "Endowed", who, amount)
    data["free"] += amount
    ctx.state.put("System", "Account", who, value=account)


def withdraw(ctx: Context, who: str, amount: int, *, keep_alive: bool = True) -> None:
    """Debit ``who`` without changing total issuance.

    Fails with ``Token.FundsUnavailable`` when there is too little, and with
    ``Token.NotExpendable`` when ``keep_alive`` and the account would vanish.
    """
    if amount <= 0:
        return
    account = ctx.state.get("System", "Account", who)
    data = account["data"]
    frozen = max(0, int(data["frozen"]) - int(data["reserved"]))
    if data["free"] < amount:
        ctx.fail_with("Token", "FundsUnavailable")
    if data["free"] - amount < frozen:
        ctx.fail_with("Token", "Frozen")
    data["free"] -= amount
    if data["free"] >= EXISTENTIAL_DEPOSIT:
        ctx.state.put("System", "Account", who, value=account)
        return
    if keep_alive or account["consumers"]:
        ctx.fail_with("Token", "NotExpendable")
    dust = int(data["free"])
    if data["reserved"]:
        ctx.state.put("System", "Account", who, value=account)
        return
    ctx.state.delete("System", "Account", who)
    ctx.emit("System", "KilledAccount", who)
    if dust:
        ctx.emit("Balances", "DustLost", who, dust)
        change_issuance(ctx.state, -dust)


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
    account = ctx.state.get("System", "Account", who)
    if account["data"]["free"] - amount < EXISTENTIAL_DEPOSIT:
        ctx.fail("Balances", "InsufficientBalance")
    account["data"]["free"] -= amount
    account["data"]["reserved"] += amount
    ctx.state.put("System", "Account", who, value=account)
    ctx.emit("Balances", "Reserved", who, amount)


def unreserve(ctx: Context, who: str, amount: int) -> None:
    """Give back what was set aside, as far as there is any."""
    account = ctx.state.get("System", "Account", who)
    amount = min(amount, int(account["data"]["reserved"]))
    if not amount:
        return
    account["data"]["free"] += amount
    account["data"]["reserved"] -= amount
    ctx.state.put("System", "Account", who, value=account)
    ctx.emit("Balances", "Unreserved", who, amount)


def set_free(state: State, who: str, amount: int) -> None:
    """Set a balance outright (genesis and ``dev_setBalance``); total issuance follows."""
    account = state.get("System", "Account", who)
    change_issuance(state, amount - int(account["data"]["free"]))
    account["data"]["free"] = amount
    account["providers"] = 1 if amount >= EXISTENTIAL_DEPOSIT else 0
    if account["providers"] == 0 and not account["nonce"] and not account["data"]["reserved"]:
        state.delete("System", "Account", who)
    else:
        state.put("System", "Account", who, value=account)


def change_issuance(state: State, by: int) -> None:
    """Add ``by`` rao (may be negative) to ``Balances.TotalIssuance``."""
    if by:
        state.mutate("Balances", "TotalIssuance", fn=lambda issued: max(0, min(_ALL, int(issued) + by)))


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
