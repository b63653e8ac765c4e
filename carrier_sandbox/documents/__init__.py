"""The documents of the 23 operations, one module a family, in the shapes of contract section 3."""
