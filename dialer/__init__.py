"""A batch dialer for the Retell AI voice API that knows what it has done."""

__version__ = "0.1.0"
