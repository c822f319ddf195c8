"""Capacity: slots and pace, alone or shared with other workers."""
