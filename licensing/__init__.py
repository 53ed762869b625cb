"""What is licensed, under which terms, for how much: one Django app, its capabilities as packages."""
