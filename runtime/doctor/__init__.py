"""Looks for what would keep a kiosk from working, and says how to mend it."""
