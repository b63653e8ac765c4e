"""The demo's supervisor with tiny children: order of stopping, a part that dies, kill -9."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portal.demo import clock, environment
from portal.demo.processes import ChildDied, StopAsked, Supervisor, says

LIMIT_S = 20.0
# Says when it is ready; on TERM notes its name in a shared file and ends.
POLITE = """
import signal, sys
name, book = sys.argv[1:]
def stop(*_):
    with open(book, "a") as file: file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print(name, "ready", flush=True)
while True: signal.pause()
"""
# Like a prefork worker: a child of its own that ignores TERM, and so does it.
STUBBORN = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
print("ready", *sys.argv[1:], flush=True)
while True: signal.pause()
"""


def until(fact, limit_s=LIMIT_S):
    deadline = time.monotonic() + limit_s
    while not fact():
        assert time.monotonic() < deadline, f"still not so after {limit_s} s: {fact}"
        time.sleep(0.01)


def processes_naming(word):
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(word) in (entry / "cmdline").read_bytes().decode(errors="replace"):
                found.append(int(entry.name))
    return found


def python(code, *arguments):
    return [sys.executable, "-c", code, *map(str, arguments)]


@pytest.fixture
def supervisor(tmp_path):
    with Supervisor(tmp_path / "logs") as made:
        yield made


def test_parts_stop_in_the_reverse_order_of_their_start(tmp_path):
    book = tmp_path / "book"
    with Supervisor(tmp_path / "logs") as parts:
        parts.callback(lambda: book.open("a").write("database\n"))
        for name in ("sandbox", "web", "worker", "beat"):
            parts.start(name, python(POLITE, name, book), os.environ, ready=says("ready"))
    assert book.read_text().split() == ["beat", "worker", "web", "sandbox", "database"]
    assert processes_naming(book) == []


def test_a_part_that_dies_is_named_with_the_end_of_its_log(supervisor):
    code = "print('the reason'); raise SystemExit(3)"
    supervisor.start("worker", python(code), os.environ)
    with pytest.raises(ChildDied, match=r"(?s)worker ended by itself \(exit status 3\).*reason"):
        supervisor.wait_until(lambda: False, "for ever", LIMIT_S)


def test_a_part_that_dies_before_it_answers_is_not_waited_for(supervisor):
    code = "import os; os.kill(os.getpid(), 9)"
    with pytest.raises(ChildDied, match="SIGKILL"):
        supervisor.start("web", python(code), os.environ, ready=says("never"))


def test_waiting_has_an_end(supervisor):
    with pytest.raises(TimeoutError, match="the moon"):
        supervisor.wait_until(lambda: False, "the moon", 0.05)


def test_a_short_command_gives_its_words_or_its_failure(supervisor):
    assert supervisor.run("migrate", python("print('done')"), os.environ) == "done\n"
    with pytest.raises(ChildDied, match="no such table"):
        supervisor.run("migrate", python("raise SystemExit('no such table')"), os.environ)


def test_a_part_that_ignores_term_is_killed_with_all_it_started(tmp_path):
    with Supervisor(tmp_path / "logs") as parts:
        parts.start(
            "stubborn",
            python(STUBBORN, tmp_path),
            os.environ,
            ready=says("ready"),
            stop_limit_s=0.1,
        )
        until(lambda: len(processes_naming(tmp_path)) == 2)
    until(lambda: processes_naming(tmp_path) == [])


def test_logs_are_for_us_alone(supervisor):
    child = supervisor.start("web", python(POLITE, "web", "/dev/null"), os.environ)
    assert child.log.stat().st_mode & 0o077 == 0
    assert child.log.parent.stat().st_mode & 0o077 == 0


def test_echo_shows_whole_lines_with_the_name_before_them(tmp_path, capsys):
    with Supervisor(tmp_path / "logs", echo=True) as parts:
        child = parts.start("web", python(POLITE, "web", "/dev/null"), os.environ, ready=says("re"))
        until(lambda: "ready\n" in child.said())
        parts.check()
        parts.check()
    assert capsys.readouterr().out == "     web | web ready\n"


def test_handlers_are_given_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StopAsked), Supervisor(tmp_path / "logs"):
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


PARENT = """
import os, sys
from pathlib import Path
from portal.demo.processes import StopAsked, Supervisor, says
folder, code, limit_s = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
try:
    with Supervisor(folder / "logs") as parts:
        for name in ("web", "beat"):
            argv = [sys.executable, "-c", code, name, str(folder / "book")]
            parts.start(name, argv, os.environ, ready=says("ready"), stop_limit_s=limit_s)
        print("up", flush=True)
        parts.forever(lambda: None)
except StopAsked:
    sys.exit(0)
"""


@contextlib.contextmanager
def parent_of(code, folder, stop_limit_s=10.0):
    argv = python(PARENT, folder, code, stop_limit_s)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "up\n"
        yield parent


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_stops_everything_in_order(tmp_path, how):
    with parent_of(POLITE, tmp_path) as parent:
        parent.send_signal(how)
        assert parent.wait(LIMIT_S) == 0
    assert (tmp_path / "book").read_text().split() == ["beat", "web"]
    assert processes_naming(tmp_path) == []


def test_a_second_ctrl_c_kills_what_takes_too_long(tmp_path):
    with parent_of(STUBBORN, tmp_path, stop_limit_s=600.0) as parent:
        parent.send_signal(signal.SIGINT)
        state = Path(f"/proc/{parent.pid}/stat")
        until(lambda: state.read_text().split()[2] == "S")

        def ask_again():
            if parent.poll() is None:
                parent.send_signal(signal.SIGINT)
            return parent.poll() is not None

        until(ask_again)
    until(lambda: processes_naming(tmp_path) == [])


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel signals orphans on Linux only")
def test_nothing_survives_the_kill_of_the_parent(tmp_path):
    with parent_of(POLITE, tmp_path) as parent:
        assert len(processes_naming(tmp_path)) == 3
        parent.kill()
        parent.wait(LIMIT_S)
        until(lambda: processes_naming(tmp_path) == [])


# ── the clock ───────────────────────────────────────────────────────────────────────────────────

JULY = datetime(2026, 7, 14, 20, 0, tzinfo=UTC)


def test_the_clock_runs_fast_jumps_and_goes_on_where_it_was_held(tmp_path, monkeypatch):
    path, real = tmp_path / "clock.json", [1000.0]
    monkeypatch.setattr(time, "time", lambda: real[0])
    assert clock.resume(path) is False
    clock.start_at(path, JULY)
    real[0] += 10
    assert clock.now(path) == JULY + timedelta(seconds=10)
    clock.set_rate(path, 60)
    real[0] += 60
    assert clock.now(path) == JULY + timedelta(seconds=10, hours=1)
    clock.jump_to(path, JULY + timedelta(hours=5))
    with pytest.raises(ValueError, match="past"):
        clock.jump_to(path, JULY)
    clock.hold(path)
    real[0] += 99_999
    assert clock.now(path) == JULY + timedelta(hours=5)
    assert clock.resume(path) is True
    real[0] += 1
    assert clock.now(path) == JULY + timedelta(hours=5, seconds=1)
    assert os.listdir(tmp_path) == ["clock.json"]


def test_after_a_crash_the_clock_goes_neither_back_nor_far_ahead(tmp_path, monkeypatch):
    path, real = tmp_path / "clock.json", [1000.0]
    monkeypatch.setattr(time, "time", lambda: real[0])
    clock.start_at(path, JULY, rate=60)
    real[0] += clock.KEEP_EVERY_S
    used = clock.now(path)
    real[0] += 86_400
    clock.resume(path)
    assert used <= clock.now(path) < used + timedelta(seconds=1)


# ── what the parts are told ─────────────────────────────────────────────────────────────────────


def test_secrets_are_made_once_and_are_ours_alone(tmp_path):
    first = environment.load_secrets(tmp_path)
    assert environment.load_secrets(tmp_path) == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len(first.secret_key) >= 50
    assert first.idp_private_key.startswith("-----BEGIN PRIVATE KEY-----")


def test_proxies_do_not_stand_between_the_parts(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "example.com")
    told = environment.surroundings()
    assert told["no_proxy"] == told["NO_PROXY"] == "example.com,127.0.0.1,localhost"
