"""THE HOME: programs, permissions at Carrier, systems, enrolment, consent."""
