"""The small parts of portal/embedded that need no server."""

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from portal.embedded import Server, die_with_parent, spare_port, write_secret
from portal.embedded import home as home_room
from portal.embedded.process import end_leftover


def test_spare_port_prefers_the_wanted_one_and_leaves_a_taken_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert spare_port(port) != port
    assert spare_port(port) == port


def test_a_server_hides_its_password():
    server = Server("postgres://offpeak:topsecret@127.0.0.1:5555/offpeak", 7, Path("/x"))
    assert repr(server) == str(server) == "Server(postgres://127.0.0.1:5555/offpeak, pid=7)"


def test_a_server_that_is_not_ours_is_never_stopped():
    Server("redis://127.0.0.1:6379/0", 0, Path("/x")).stop()


def test_write_secret_replaces_and_keeps_others_out(tmp_path):
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_secret(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["secret"]


@pytest.mark.parametrize("content", ["", "nonsense\n", "4194304\n", "-4194304\n"])
def test_a_stale_or_broken_pid_file_is_no_obstacle(tmp_path, content):
    pid_file = tmp_path / "postmaster.pid"
    pid_file.write_text(content)
    end_leftover(pid_file, str(tmp_path), signal.SIGINT)
    assert pid_file.exists() is (not content.strip("-\n").isdigit())


def test_a_pid_that_belongs_to_another_program_now_is_left_alone(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as stranger:
        pid_file = tmp_path / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{tmp_path}\n")
        end_leftover(pid_file, str(tmp_path), signal.SIGKILL)
        assert not pid_file.exists()
        assert stranger.poll() is None
        stranger.kill()


def test_a_remembered_folder_that_became_a_strangers_is_not_used(tmp_path):
    strangers = tmp_path / "offpeak-x"
    strangers.mkdir()
    strangers.chmod(0o777)
    (tmp_path / "home").write_text(str(strangers))
    assert home_room.remembered_folder(tmp_path) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes accounts")
def test_under_root_an_account_that_exists_is_used():
    account = home_room.unprivileged_account()
    assert account is not None
    assert account.uid > 0


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux kernel feature")
def test_die_with_parent_notices_a_parent_that_is_already_gone():
    code = "import portal.embedded as e; e.die_with_parent(15, parent=1); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -signal.SIGTERM
    assert done.stdout == b""


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux kernel feature")
def test_die_with_parent_with_a_living_parent_changes_nothing():
    code = "import os, portal.embedded as e; e.die_with_parent(15, os.getppid()); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"alive\n"
    assert callable(die_with_parent)
