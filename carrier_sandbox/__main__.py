"""``python -m carrier_sandbox``: read the options, serve until told to stop."""

from __future__ import annotations

import uvloop

from carrier_sandbox.options import parse
from carrier_sandbox.server import serve


def main() -> None:
    """Run the pretend cloud."""
    uvloop.run(serve(parse()))


if __name__ == "__main__":
    main()
