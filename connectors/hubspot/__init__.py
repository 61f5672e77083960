"""The connector that reads the contacts of a HubSpot account."""
