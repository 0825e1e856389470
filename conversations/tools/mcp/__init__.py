"""Servers that speak the Model Context Protocol, over streamable HTTP.

`client.McpClient` is all of the protocol that tools need: opening a session, listing the tools,
calling one. The official SDK could stand in its place.
"""
