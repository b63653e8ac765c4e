"""The partner API: what is asked, checked; what is answered, described."""
