"""Token symbols of subnets: a fixed list of letters, one for each netuid."""

from taostack.devnet.pallets.access import ensure_owner_or_root, ensure_subnet
from taostack.devnet.pallets.dispatch import Context, call
from taostack.devnet.pallets.schedule import SUBTENSOR
from taostack.devnet.store import Reader

_GREEK = "αβγδεζηθικλμνξοπρστυφχψω"
_RANGES = ((0x05D0, 0x05EA), (0x0621, 0x063A), (0x16A0, 0x16EA), (0x1680, 0x169C), (0x10D0, 0x10F0), (0x0531, 0x0556))

ROOT_SYMBOL = "Τ"


def _letters() -> tuple[str, ...]:
    letters = [each for each in _GREEK if each != "τ"]
    for first, last in _RANGES:
        letters += [chr(code) for code in range(first, last + 1)]
    return (ROOT_SYMBOL, *letters)


SYMBOLS = _letters()
"""Symbol of netuid 0, 1, 2, …: Greek, then Hebrew, Arabic, runes, Ogham, Georgian, Armenian."""


def used_symbols(state: Reader) -> set[str]:
    """The symbols that subnets have."""
    return {symbol for _, symbol in state.items(SUBTENSOR, "TokenSymbol")}


def next_symbol(state: Reader, netuid: int) -> str:
    """The netuid's own symbol, or the first free one."""
    taken = used_symbols(state)
    own = SYMBOLS[netuid % len(SYMBOLS)]
    if own not in taken:
        return own
    return next((each for each in SYMBOLS[1:] if each not in taken), own)


@call("SubtensorModule.update_symbol")
def update_symbol(ctx: Context, netuid: int, symbol: bytes) -> None:
    """Give a subnet another symbol of the list (owner or root)."""
    ensure_owner_or_root(ctx, netuid)
    ensure_subnet(ctx, netuid)
    text = symbol.decode(errors="replace")
    if text not in SYMBOLS:
        ctx.fail(SUBTENSOR, "SymbolDoesNotExist")
    if text in used_symbols(ctx.state):
        ctx.fail(SUBTENSOR, "SymbolAlreadyInUse")
    ctx.state.put(SUBTENSOR, "TokenSymbol", netuid, value=symbol)
    ctx.emit(SUBTENSOR, "SymbolUpdated", netuid=netuid, symbol=symbol)
