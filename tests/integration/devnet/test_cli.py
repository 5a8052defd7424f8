"""``taostack devnet`` as people run it: banner, Ready line, signals, taken ports."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect

PROGRAM = (sys.executable, "-c", "from taostack.cli import main; main()", "devnet")
WAIT_SECONDS = 20


@contextmanager
def started(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """A running command and the lines it printed up to ``Ready``."""
    process = subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("Ready "):
                break
        yield process, lines
    finally:
        process.kill()
        process.communicate(timeout=WAIT_SECONDS)


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_how_to_connect_and_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    with started("--port", "0", "--seal", "manual", "--state", str(tmp_path / "chain")) as (process, lines):
        text = "\n".join(lines)
        url = lines[-1].removeprefix("Ready ")
        assert re.fullmatch(r"ws://127\.0\.0\.1:\d+", url)
        assert "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY" in text
        assert f"btcli wallet balance --network {url}" in text
        assert f'bittensor.Client("{url}")' in text
        with connect(url) as connection:
            connection.send('{"id":1,"method":"dev_mine"}')
            assert '"result":"0x' in str(connection.recv(WAIT_SECONDS))
            process.send_signal(number)
            assert process.wait(WAIT_SECONDS) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b""])
def test_who_speaks_no_websocket_leaves_no_traceback(noise: bytes) -> None:
    with started("--port", "0", "--seal", "manual") as (process, lines):
        url = lines[-1].removeprefix("Ready ")
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), WAIT_SECONDS) as visitor:
            visitor.sendall(noise)
            visitor.shutdown(socket.SHUT_WR)
            while visitor.recv(4096):
                pass
        with connect(url) as connection:
            connection.send('{"id":1,"method":"dev_mine"}')
            assert '"result":"0x' in str(connection.recv(WAIT_SECONDS))
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_taken_port_is_one_line_and_exit_2() -> None:
    with started("--port", "0") as (_, lines):
        port = lines[-1].rpartition(":")[2]
        done = run("--port", port)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert f"port {port} on 127.0.0.1 is in use" in done.stderr
        assert "--port" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--host", "0.0.0.0"), "keys of a devnet are public"),
        (("--seal", "sometimes"), "interval, instant, manual"),
        (("--block-time", "0"), "block time"),
        (("--port", "99999"), "port was 99999"),
        (("--state", "/"), "cannot be opened"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(arguments: tuple[str, ...], message: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_foreign_state_file_is_one_line_and_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n" * 9)
    done = run("--port", "0", "--state", str(path))
    assert done.returncode == 2
    assert "is not a devnet state file" in done.stderr
    assert path.read_text() == "my notes\n" * 9


def test_remote_listening_warns() -> None:
    with started("--port", "0", "--host", "0.0.0.0", "--allow-remote") as (_, lines):
        assert any("WARNING" in line and "spend everything" in line for line in lines)
