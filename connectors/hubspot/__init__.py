"""Reads the contacts of a HubSpot account."""
