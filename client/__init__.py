"""What licensees run on their side."""
