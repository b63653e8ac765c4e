"""Partners at the front door: their tokens, their clients, and how the API says no.

Imported while the framework itself is still loading (settings name these three): nothing in
here may import a view.
"""

from portal.partners.identity import PartnerAdapter, PartnerAuthentication
from portal.partners.problems import problem

__all__ = ["PartnerAdapter", "PartnerAuthentication", "problem"]
