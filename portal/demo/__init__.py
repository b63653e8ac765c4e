"""The demo: every real part on one machine, and homes that enrol through the real pages."""
