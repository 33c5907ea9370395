"""What pages are built of; nothing here knows a page."""
