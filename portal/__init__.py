"""FRONT DOOR: settings, addresses, Celery's timetable, the demo."""
