"""Examples become records, for one network."""
