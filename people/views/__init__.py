"""Pages about people: translate in, one call down, translate back."""
