"""Every door of Licet: REST, pages, webhooks, commands. Turns the outside into one domain call each."""
