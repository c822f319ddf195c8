"""`make bench`: what `dialer` costs, measured beside what could be used instead of it."""
