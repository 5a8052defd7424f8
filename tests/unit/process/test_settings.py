from pathlib import Path
from typing import Literal

import pytest
from msgspec import Struct, field

from taostack.process.errors import SettingsError
from taostack.process.settings import Setting, describe, load


class Wallet(Struct, frozen=True):
    name: str = "default"
    path: Path = Path("wallets")


class Axon(Struct, frozen=True):
    port: int = 8091
    external_ip: str | None = None


class Tree(Struct, frozen=True):
    netuid: int
    wallet: Wallet = Wallet()
    axon: Axon = field(default_factory=lambda: Axon(port=9000))
    peers: tuple[str, ...] = ()
    ratio: float = 0.5
    mode: Literal["fast", "exact"] = "fast"
    strict: bool = False


class Checked(Struct, frozen=True):
    low: int = 0
    high: int = 1

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low was {self.low}, above high {self.high}")


def loaded(
    flags: dict[str, object] | None = None, environ: dict[str, str] | None = None, file: Path | None = None
) -> Tree:
    return load(Tree, flags={"netuid": 1, **(flags or {})}, environ=environ or {}, file=file)


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def test_defaults_hold_where_nothing_is_given() -> None:
    tree = loaded()
    assert tree == Tree(netuid=1)
    assert tree.axon.port == 9000


def test_flags_beat_the_environment_which_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    file = written(tmp_path, '[wallet]\nname = "file"\n[axon]\nport = 1\nexternal_ip = "9.9.9.9"\n')
    environ = {"TAOSTACK_WALLET_NAME": "env", "TAOSTACK_AXON_PORT": "2"}
    tree = loaded({"wallet.name": "flag"}, environ, file)
    assert (tree.wallet.name, tree.axon.port, tree.axon.external_ip) == ("flag", 2, "9.9.9.9")


def test_a_flag_that_is_none_was_not_given() -> None:
    assert loaded({"wallet.name": None}, {"TAOSTACK_WALLET_NAME": "env"}).wallet.name == "env"


def test_text_becomes_the_fields_type() -> None:
    environ = {
        "TAOSTACK_PEERS": "a, b,,c",
        "TAOSTACK_RATIO": "0.25",
        "TAOSTACK_STRICT": "true",
        "TAOSTACK_MODE": "exact",
        "TAOSTACK_WALLET_PATH": "/keys",
    }
    tree = loaded({}, environ)
    assert tree.peers == ("a", "b", "c")
    assert (tree.ratio, tree.strict, tree.mode, tree.wallet.path) == (0.25, True, "exact", Path("/keys"))


def test_other_programs_variables_are_left_alone() -> None:
    assert loaded({}, {"PATH": "/bin", "TAOSTACK_DEBUG": "1"}) == Tree(netuid=1)


@pytest.mark.parametrize(
    ("flags", "environ", "expected"),
    [
        ({"wallet.nam": "x"}, {}, "flag --wallet.nam is not a setting (did you mean --wallet.name?)"),
        ({}, {"TAOSTACK_AXON_PROT": "1"}, "variable TAOSTACK_AXON_PROT is not a setting (did you mean TAOSTACK_AXON_"),
        ({"zzzzzz": 1}, {}, "flag --zzzzzz is not a setting (valid are --netuid, --wallet.name"),
        ({"axon.port": "many"}, {}, "flag --axon.port was 'many': expected int, got str (correct flag --axon.port)"),
        ({"mode": "quick"}, {}, "flag --mode was 'quick': invalid enum value 'quick'"),
    ],
)
def test_a_wrong_name_or_value_is_an_error_that_says_what_to_write(
    flags: dict[str, object], environ: dict[str, str], expected: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(flags, environ)
    assert expected in caught.value.line()


def test_a_value_of_a_foreign_type_for_a_path_is_refused() -> None:
    with pytest.raises(SettingsError, match="expected Path, got int"):
        loaded({"wallet.path": 5})


def test_a_missing_setting_names_every_way_to_give_it() -> None:
    with pytest.raises(SettingsError, match="setting netuid is missing") as caught:
        load(Tree, flags={}, environ={}, file=None)
    assert "--netuid" in caught.value.remedy
    assert "TAOSTACK_NETUID" in caught.value.remedy


def test_a_typo_in_the_file_names_the_file_and_the_nearest_key(tmp_path: Path) -> None:
    file = written(tmp_path, "[axon]\nprot = 1\n")
    with pytest.raises(SettingsError, match=r"axon\.prot in .*settings\.toml is not a setting") as caught:
        loaded(file=file)
    assert caught.value.remedy == "did you mean axon.port?"


def test_a_file_that_is_missing_or_broken_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        loaded(file=tmp_path / "none.toml")
    with pytest.raises(SettingsError, match="is not TOML"):
        loaded(file=written(tmp_path, "= 1"))


def test_what_fields_must_be_together_is_checked_too() -> None:
    with pytest.raises(SettingsError, match="low was 5, above high 1"):
        load(Checked, flags={"low": 5}, environ={}, file=None)


def test_describe_lists_every_leaf_with_its_variable() -> None:
    described = {each.name: each for each in describe(Tree)}
    assert list(described) == [
        "netuid",
        "wallet.name",
        "wallet.path",
        "axon.port",
        "axon.external_ip",
        "peers",
        "ratio",
        "mode",
        "strict",
    ]
    assert described["netuid"] == Setting("netuid", int, True, None, "TAOSTACK_NETUID")
    assert described["wallet.name"].variable == "TAOSTACK_WALLET_NAME"
    assert described["axon.port"].default == 9000


def test_a_choice_that_is_none_is_answered_with_the_choices() -> None:
    with pytest.raises(SettingsError) as wrong:
        loaded({"mode": "quick"})
    assert wrong.value.remedy == "give one of fast, exact"
