"""PostgreSQL and Valkey as a newcomer gets them: real servers in a folder of their own.

The folders are 0700 and ours alone, as a checkout under /root is: run as root, this also shows
that the servers find a place their account can reach.
"""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from portal import embedded
from portal.embedded import EmbeddedError, process
from portal.embedded.home import find_home, remembered_folder

LIMIT_S = 20.0


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty private folder; whatever had to live outside it is deleted afterwards."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    tmp_path.chmod(0o700)
    yield tmp_path
    embedded.discard(tmp_path)


def until(fact, limit_s=LIMIT_S):
    """Poll a fact instead of sleeping; fails when it does not become true in `limit_s`."""
    deadline = time.monotonic() + limit_s
    while not (value := fact()):
        assert time.monotonic() < deadline, f"still not so after {limit_s} s: {fact}"
        time.sleep(0.01)
    return value


def processes_naming(*words):
    """Pids whose command line holds one of the words; a zombie has none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
            if any(str(word) in line for word in words):
                found.append(int(entry.name))
    return found


def data_folder(root):
    return remembered_folder(root / ".offpeak") or root / ".offpeak"


def query(url, sql):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def test_both_servers_start_quickly_are_safe_and_keep_their_data(root):
    started = time.monotonic()
    with embedded.servers(root) as (database, broker):
        assert time.monotonic() - started < LIMIT_S  # the figure itself is in docs/running.md
        for setting, value in {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "data_checksums": "on",
            "max_connections": "100",
            "shared_buffers": "128MB",
            "listen_addresses": "127.0.0.1",
            "server_encoding": "UTF8",
        }.items():
            assert query(database.url, f"SHOW {setting}") == value
        sql = "SELECT NOT rolsuper AND rolcreatedb FROM pg_roles WHERE rolname = current_user"
        assert query(database.url, sql) is True
        query(database.url, "CREATE EXTENSION btree_gist")
        query(database.url, "CREATE TABLE kept (number int)")
        query(database.url, "INSERT INTO kept VALUES (42)")
        with redis.Redis.from_url(broker.url) as client:
            client.set("kept", "42")
            settings = client.config_get("*")
        assert settings["appendonly"] == "yes"
        assert settings["appendfsync"] == "everysec"
        assert settings["maxmemory-policy"] == "noeviction"
        assert settings["bind"] == "127.0.0.1"
        owners = {os.stat(f"/proc/{pid}").st_uid for pid in (database.pid, broker.pid)}
        assert 0 not in owners

    assert processes_naming(data_folder(root)) == []
    with embedded.servers(root) as (database, broker):
        assert query(database.url, "SELECT number FROM kept") == 42
        with redis.Redis.from_url(broker.url) as client:
            assert client.get("kept") == b"42"


def test_a_wrong_password_opens_nothing(root):
    with embedded.servers(root) as (database, broker):
        for user in ("offpeak", "postgres"):
            url = f"postgres://{user}:guess@{database.url.rpartition('@')[2]}"
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url)
        with (
            redis.Redis.from_url(f"redis://{broker.url.rpartition('@')[2]}") as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()


def test_nothing_secret_can_be_read_by_others(root):
    with embedded.servers(root):
        state, data = root / ".offpeak", data_folder(root)
        secret = [*state.glob("*.secret"), data / "valkey.conf", *state.glob("logs/*")]
        assert len(secret) == 5
        for path in (*secret, data / "postgres", data / "valkey"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        passwords = [path.read_text() for path in state.glob("*.secret")]
        for pid in processes_naming(data):
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode()
            assert not any(password in line for password in passwords)


def test_a_server_that_is_given_is_not_started(root, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://there:before@127.0.0.1:1/us")
    with embedded.servers(root) as (database, broker):
        assert (database.url, database.pid) == ("postgres://there:before@127.0.0.1:1/us", 0)
        assert broker.pid > 0
    assert not (data_folder(root) / "postgres").exists()


@pytest.mark.parametrize("start", [embedded.start_postgres, embedded.start_valkey])
def test_a_port_snatched_at_the_last_moment_is_given_up_for_another(root, monkeypatch, start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [taken.getsockname()[1], embedded.spare_port()]
        monkeypatch.setattr(process, "spare_port", lambda: ports.pop(0))
        wanted = ports[1]
        server = start(root)
        assert f":{wanted}/" in server.url
        server.stop()


def test_a_second_start_on_the_same_data_is_refused_in_words(root):
    server = embedded.start_valkey(root)
    with pytest.raises(EmbeddedError, match=f"already run by process {os.getpid()}"):
        embedded.start_valkey(root)
    server.stop()
    embedded.start_valkey(root).stop()


def test_a_pid_file_left_by_a_crash_is_no_obstacle(root):
    server = embedded.start_postgres(root)
    query(server.url, "CREATE TABLE kept (number int)")
    server.stop()
    # After a restart of the machine the number may belong to any program of the same account.
    with subprocess.Popen(["sleep", "600"]) as stranger:
        pid_file = server.data_dir / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{server.data_dir}\n1\n5432\n\n127.0.0.1\n\nready\n")
        again = embedded.start_postgres(root)
        assert query(again.url, "SELECT count(*) FROM kept") == 0
        again.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_a_first_start_that_was_cut_short_is_done_again(root):
    state = root / ".offpeak"
    embedded.discard(root)
    home = find_home(root)
    (home.data / "postgres.new").mkdir()
    (home.data / "postgres.new" / "PG_VERSION").write_text("18\n")
    server = embedded.start_postgres(root)
    assert query(server.url, "SELECT 1") == 1
    server.stop()
    (state / "postgres-offpeak.secret").unlink()  # a lost password is made anew, the data stays
    server = embedded.start_postgres(root)
    assert query(server.url, "SELECT 1") == 1
    server.stop()


def test_data_of_another_version_is_refused_in_words(root):
    server = embedded.start_postgres(root)
    server.stop()
    (server.data_dir / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 9"):
        embedded.start_postgres(root)


PARENT = """
import signal, sys
from pathlib import Path
from portal import embedded
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with embedded.servers(Path(sys.argv[1])) as (database, broker):
    print(database.url, broker.url, flush=True)
    signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel signals orphans on Linux only")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_server_outlives_its_parent(root, how):
    command = [sys.executable, "-c", PARENT, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        url = parent.stdout.readline().split()[0]
        data = data_folder(root)
        with contextlib.closing(
            psycopg.connect(url)
        ) as busy:  # a client that holds on must not hold the server up
            busy.execute("SELECT 1")
            assert len(processes_naming(data)) >= 2
            parent.send_signal(how)
            parent.wait(LIMIT_S)
            until(lambda: processes_naming(data) == [])
        assert parent.returncode == (0 if how == signal.SIGTERM else -signal.SIGKILL)
    # The very next start must not be confused by what the dead parent left behind.
    with embedded.servers(root) as (database, _):
        assert query(database.url, "SELECT 1") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel signals orphans on Linux only")
def test_a_start_right_after_a_kill_waits_for_the_old_server(root):
    command = [sys.executable, "-c", PARENT, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        parent.stdout.readline()
        parent.kill()
        parent.wait(LIMIT_S)
        with embedded.servers(root) as (database, _):
            assert query(database.url, "SELECT 1") == 1


def test_keep_false_leaves_nothing(root):
    with embedded.servers(root, keep=False) as (database, _):
        folder = database.data_dir
    assert not folder.exists()
    assert remembered_folder(root / ".offpeak") is None
    assert not list((root / ".offpeak").glob("*.secret"))


def test_the_command_runs_another_with_both_servers_and_its_exit_status():
    code = "import os, sys; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL']); sys.exit(3)"
    command = [sys.executable, "-m", "portal.embedded", "--throwaway", "--"]
    env = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    done = subprocess.run(
        [*command, sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("postgres://offpeak:")
    missing = subprocess.run([*command, "/no/such"], capture_output=True, env=env, check=False)
    assert missing.returncode == 127
