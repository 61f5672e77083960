"""Maps rows onto contacts: rules, values, texts, phone numbers and SQL expressions."""
