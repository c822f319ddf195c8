"""Wiring: settings in, a running campaign out. The only place that builds adapters."""
