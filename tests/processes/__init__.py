"""The real program, the real simulator and a real network between them; killed, stopped and starved for real."""
