"""How fast a wave of events leaves the building, measured against clients that do nothing else."""
