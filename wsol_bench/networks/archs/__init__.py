"""Topologies with named roles for their layers."""
