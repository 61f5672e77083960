"""The Vocatech API: contacts, finding contacts, and batches that are sent again in halves."""
