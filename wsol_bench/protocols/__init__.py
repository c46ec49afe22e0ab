"""Protocols: view, box rule and metric fields, with a name and a source."""
