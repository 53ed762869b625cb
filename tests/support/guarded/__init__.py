"""The database backend of the tests: ours, and it refuses queries outside a unit of work."""
