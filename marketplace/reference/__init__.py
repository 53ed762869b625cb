"""docs/reference, generated from the code: one function per document."""
