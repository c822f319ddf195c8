"""Wiring: settings in, a running campaign or service out. The only room that knows all others."""
