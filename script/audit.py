"""Known weaknesses of the pinned packages; and an honest word when nobody could be asked.

pip-audit alone is not enough: where its advisory service is out of reach it fails like a finding,
and where a mirror without advisories answers, it passes though not one package was looked up.
Exit status 1 means a known weakness, or a failure that is not about reaching the service.
"""

import json
import re
import subprocess
import sys
from typing import Any

UNREACHABLE = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|Max retries|Failed to connect|ProxyError"
    r"|Name or service not known|timed out|Could not connect|50[0234] ",
    re.IGNORECASE,
)


def main(requirements: str) -> int:
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--timeout", "15"]
    command = [sys.executable, "-m", "pip_audit", "-r", requirements, *options, "-f", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        if UNREACHABLE.search(done.stderr):
            return say("SKIPPED: the advisory service could not be reached.")
        say(done.stderr[-2000:])
        return 1
    return report(packages)


def report(packages: list[dict[str, Any]]) -> int:
    asked = [package for package in packages if "skip_reason" not in package]
    weak = [(package, v) for package in asked for v in package["vulns"]]
    for package, weakness in weak:
        fixed = ", ".join(weakness["fix_versions"]) or "no version yet"
        say(f"{package['name']} {package['version']}: {weakness['id']}, mended in {fixed}")
    if not asked:
        return say("SKIPPED: the advisory service could not be reached (it knew no package).")
    say(f"{len(asked)} of {len(packages)} packages looked up, {len(weak)} known weaknesses.")
    return 1 if weak else 0


def say(words: str) -> int:
    print(words)  # noqa: T201 - a command's product
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
