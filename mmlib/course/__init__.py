"""Making the book: executing chapters, keeping numbers and text together, checking machines.

This part knows the package; the package never imports it.
"""
