"""Window to Carrier for one question of an operator: one document of one system, now."""
