"""Keeps a company's contacts in its Vocatech phone system equal to what its own systems say."""

__version__ = "0.1.0"
