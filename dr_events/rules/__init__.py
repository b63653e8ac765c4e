"""Pure rules about events; ``now`` is handed in, nothing here touches a database or a network."""
