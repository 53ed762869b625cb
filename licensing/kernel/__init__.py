"""Pure values and arithmetic that everything else stands on: no Django, no clock, no input or output."""
