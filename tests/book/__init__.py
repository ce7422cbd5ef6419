"""Tests of the site: it is built from stored outputs and looked at in a real browser."""
