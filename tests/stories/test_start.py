"""A start that cannot succeed says what, where and what to do in one line, and leaves no traceback."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.certificates import issue
from tests.engines import free_port
from tests.stories.house import KEY

START_S = 30


def start(folder: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run `ventanilla run` on free ports until it ends by itself."""
    given = {
        "PATH": "/usr/bin:/bin",
        "VENTANILLA_DATABASE__URL": f"sqlite://{folder}/x.db",
        "VENTANILLA_SECRETS__KEY": KEY,
        "VENTANILLA_SMTP__PORT": str(free_port()),
        "VENTANILLA_HTTP__PORT": str(free_port()),
        **environ,
    }
    return subprocess.run(
        [sys.executable, "-m", "ventanilla", "run", "--workers", "0"],
        env=given,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


def said(run: "subprocess.CompletedProcess[str]") -> str:
    """Return the one line that was said beside the log."""
    assert "Traceback" not in run.stderr, run.stderr
    (line,) = [line for line in run.stderr.splitlines() if not line.startswith("{")]
    return line


@pytest.mark.parametrize("door", ["smtp", "http"])
def test_a_port_that_is_taken_is_named_with_its_setting(tmp_path: Path, door: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        run = start(tmp_path, **{f"VENTANILLA_{door.upper()}__PORT": port})
    assert run.returncode == 1
    assert said(run).startswith(f"{door}.port: cannot listen on 127.0.0.1 port {port}")


def test_a_database_that_leads_nowhere_is_named_without_its_password(tmp_path: Path) -> None:
    run = start(tmp_path, VENTANILLA_DATABASE__URL=f"postgres://u:hunter22secret@127.0.0.1:{free_port()}/d")
    assert run.returncode == 1
    assert "hunter22secret" not in run.stderr
    assert "database" in said(run)


def test_a_folder_nobody_may_write_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = start(tmp_path, VENTANILLA_DATABASE__URL=f"sqlite://{tmp_path}/file/x.db")
    assert run.returncode == 1
    assert str(tmp_path) in said(run)


def test_a_template_with_a_variable_nobody_gives_is_named_with_its_line(tmp_path: Path) -> None:
    mail = tmp_path / "t" / "es" / "mails" / "acknowledgement"
    mail.mkdir(parents=True)
    (mail / "body.txt.j2").write_text("Hola\n{{ nonsense }}\n")
    run = start(tmp_path, VENTANILLA_DESK__TEMPLATES=str(tmp_path / "t"))
    assert run.returncode == 1
    assert "body.txt.j2" in said(run)
    assert "nonsense" in said(run)


def test_a_run_without_a_key_names_init(tmp_path: Path) -> None:
    run = start(tmp_path, VENTANILLA_SECRETS__KEY="")
    assert run.returncode == 78
    assert "ventanilla init" in said(run)


def test_a_second_node_on_one_file_is_refused(tmp_path: Path) -> None:
    from desk.ledger.store import alone_on

    with alone_on(f"sqlite://{tmp_path}/x.db"):
        run = start(tmp_path)
    assert run.returncode == 1
    assert "another ventanilla runs on" in said(run)


def test_a_certificate_that_serves_nobody_is_one_line_and_78(tmp_path: Path) -> None:
    issue(tmp_path)
    other = {
        "VENTANILLA_SMTP__CERTIFICATE": str(tmp_path / "right.pem"),
        "VENTANILLA_SMTP__KEY": str(tmp_path / "ca.key"),
    }
    run = start(tmp_path, **other)
    assert run.returncode == 78
    assert "smtp.key" in said(run)
    assert "must be the key of smtp.certificate" in said(run)


def test_a_taken_port_of_lmtp_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        run = start(tmp_path, VENTANILLA_LMTP__PORT=port)
    assert run.returncode == 1
    assert said(run).startswith(f"lmtp.port: cannot listen on 127.0.0.1 port {port}")
