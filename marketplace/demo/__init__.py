"""The whole journey over HTTP, as publishers, a developer and an auditor would make it."""
