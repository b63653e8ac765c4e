"""A pretend Carrier cloud: OAuth server, the 23 operations, homes that warm up, people who touch
the dial.

It runs as a process of its own (``python -m carrier_sandbox``) and shares no code with the
portal: both sides are written from the published description of the API, so a mistake in one of
them cannot hide a mistake in the other. Everything lives in memory and grows from one seed.

Everything about the body of ``utility_events`` is ASSUMED: Carrier's page shows none.
"""
