"""Client of Carrier's "Infinity/Evolution Systems Open API". Plain Python: no Django, no database.

`docs/carrier.md` says what of it is known and what is assumed.
"""

from .client import CarrierClient
from .config import CarrierConfig
from .demand_event import DemandEvent
from .errors import CarrierError
from .oauth import OAuth, TokenSet

__all__ = ["CarrierClient", "CarrierConfig", "CarrierError", "DemandEvent", "OAuth", "TokenSet"]
