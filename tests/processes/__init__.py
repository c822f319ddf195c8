"""The real program, the real simulator and a real network between them; killed and starved for real."""
