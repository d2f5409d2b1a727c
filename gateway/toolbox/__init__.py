"""The operator's tools: HTTP requests, Python code, MCP servers and specialist agents, each off the media path."""
