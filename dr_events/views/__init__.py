"""Pages: translate in, one call down, translate back."""
