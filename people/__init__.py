"""WHO: users, roles, who did what."""
