"""The doors: webhooks, media sockets and health, as Starlette routes."""
