"""A pretended Retell over real HTTP: an account, the people it calls, and what can go wrong between."""
