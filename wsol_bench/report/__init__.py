"""Output: pages, figures, tables and exports."""
